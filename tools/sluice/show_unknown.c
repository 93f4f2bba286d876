/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice show unknown`: devices that nobody configured. */
#include "format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

void print_unknown(const json_t *document)
{
	static const struct table_column columns[] = {{"ADDRESS", 0, 0, 0},
		{"HUB ADDRESS", 0, 0, 2}, {"REASON", 0, 0, 0}, {"COUNT", 1, 0, 0},
		{"FIRST", 0, 0, 3}, {"LAST", 0, 0, 1}, {"VERIFIED", 0, 0, 0}, {NULL, 0, 0, 0}};
	const json_t *list = json_object_get(document, "unknown"), *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(list, i, o) {
		table_row(&t);
		table_text(&t, field_text(o, "address"));
		table_text(&t, field_text(o, "local"));
		table_text(&t, field_text(o, "reason_code"));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "count"));
		table_text(&t, field_text(o, "first"));
		table_text(&t, field_text(o, "last"));
		table_text(&t, json_is_true(json_object_get(o, "verified")) ? "yes" : "no");
	}
	table_print(&t, "no unknown devices");
	json_array_foreach(list, i, o) {
		const char *detail = field_text(o, "detail");
		bool more = strcmp(detail, "-") != 0;

		printf("%s: %s%s%s\n", field_text(o, "address"), field_text(o, "reason"),
			more ? ": " : "", more ? detail : "");
	}
}
