/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice token create`, `sluice token list`. */
#include "format.h"
#include "table.h"

#include <stdio.h>

/* What a program is to have goes to standard output, what a person is to know does not. */
void print_token(const json_t *document)
{
	fprintf(stderr, "%s\n", field_text(document, "ok"));
	puts(field_text(document, "token"));
}

void print_tokens(const json_t *document)
{
	static const struct table_column columns[] = {{.name = "ID"}, {.name = "ROLE"},
		{.name = "SCOPE"}, {.name = "MADE", .rank = 1}, {.name = "UNTIL"}, {.name = NULL}};
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "tokens"), i, o) {
		const char *scope = json_string_value(json_object_get(o, "scope"));

		table_row(&t);
		table_text(&t, field_text(o, "id"));
		table_text(&t, field_text(o, "role"));
		if (scope && *scope)
			table_cell(&t, "group=%s", scope);
		else
			table_text(&t, "all");
		table_text(&t, field_text(o, "made"));
		table_text(&t, field_text(o, "until"));
	}
	table_print(&t, "no tokens are valid");
}
