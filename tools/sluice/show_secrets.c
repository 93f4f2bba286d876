/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice secret list`. */
#include "format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

static const char *users_text(const json_t *list, char text[256])
{
	const json_t *o;
	size_t i;

	text[0] = '\0';
	json_array_foreach(list, i, o) {
		size_t n = strlen(text);

		snprintf(text + n, 256 - n, "%s%s %llu", n ? ", " : "", field_text(o, "site"),
			(unsigned long long)field_number(o, "tunnel"));
	}
	return text[0] ? text : "-";
}

void print_secrets(const json_t *document)
{
	static const struct table_column columns[] = {{.name = "NAME"}, {.name = "SET"},
		{.name = "USED BY", .wrap = true}, {.name = NULL}};
	char text[256];
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "secrets"), i, o) {
		table_row(&t);
		table_text(&t, field_text(o, "name"));
		table_text(&t, field_text(o, "set"));
		table_text(&t, users_text(json_object_get(o, "used_by"), text));
	}
	table_print(&t, "no secrets are sealed here");
}
