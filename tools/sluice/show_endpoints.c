/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice show endpoints`: the outside addresses of the hub, and what else it needs of its host. */
#include "format.h"
#include "table.h"

#include <stdio.h>

static void endpoint_row(struct table *t, const json_t *o)
{
	table_row(t);
	table_cell(t, "%llu", (unsigned long long)field_number(o, "endpoint"));
	table_text(t, field_text(o, "device"));
	table_text(t, field_text(o, "address"));
	table_text(t, field_text(o, "state"));
	table_text(t, field_text(o, "since"));
	table_cell(t, "%llu of %llu", (unsigned long long)field_number(o, "tunnels_up"),
		(unsigned long long)field_number(o, "tunnels"));
}

void print_endpoints(const json_t *document)
{
	static const struct table_column columns[] = {{"ENDPOINT", 1, 0, 0}, {"DEVICE", 0, 0, 0},
		{"ADDRESS", 0, 0, 0}, {"STATE", 0, 0, 0}, {"SINCE", 0, 0, 1},
		{"TUNNELS UP", 1, 0, 0}, {NULL, 0, 0, 0}};
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "endpoints"), i, o)
		endpoint_row(&t, o);
	table_print(&t, "no endpoints");
	printf("\nwhat the hub itself sends to sites is from: %s, %s\n",
		field_text(document, "source"), field_text(document, "source6"));
	json_array_foreach(json_object_get(document, "warnings"), i, o)
		printf("warning: %s\n", json_string_value(o));
}
