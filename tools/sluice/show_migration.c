/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice site migration`: how far moving from one site to another is. */
#include "format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

static void print_sides(const json_t *document)
{
	static const struct table_column columns[] = {{"SITE", 0, 0, 0}, {"IS", 0, 0, 0},
		{"TUNNELS", 1, 0, 0}, {"CARRYING", 1, 0, 0}, {"PREFIXES", 1, 0, 0}, {"IN", 1, 0, 0},
		{"OUT", 1, 0, 0}, {NULL, 0, 0, 0}};
	static const char *const sides[] = {"old", "new"};
	struct table t;

	table_init(&t, columns);
	for (int i = 0; i < 2; i++) {
		const json_t *o = json_object_get(document, sides[i]);
		char in[FORMAT_SIZE], out[FORMAT_SIZE];

		table_row(&t);
		table_text(&t, field_text(o, "site"));
		table_text(&t, sides[i]);
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "tunnels"));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "carrying"));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "prefixes"));
		table_text(&t, format_quantity(field_number(o, "in_bps"), "bit/s", in));
		table_text(&t, format_quantity(field_number(o, "out_bps"), "bit/s", out));
	}
	table_print(&t, "");
}

static void print_step(const json_t *o)
{
	const json_t *ends = json_object_get(o, "ends"), *one;
	const char *why = json_string_value(json_object_get(o, "why"));
	size_t i;

	printf("%s: %s; ", field_text(o, "step"), field_text(o, "does"));
	if (!json_array_size(ends))
		printf("no tunnel ends");
	json_array_foreach(ends, i, one)
		printf("%s %s tunnel %lld", i ? "," : "ends:", field_text(one, "site"),
			(long long)field_number(one, "tunnel"));
	printf("\n%s%s\n", why ? "  not now: " : "  possible now", why ? why : "");
}

void print_migration(const json_t *document)
{
	const char *state = field_text(document, "state");
	const json_t *o;
	size_t i;

	print_sides(document);
	printf("%s\n", state);
	json_array_foreach(json_object_get(document, "steps"), i, o)
		print_step(o);
	if (strcmp(state, "shifted") != 0)
		return;
	json_array_foreach(json_object_get(document, "left"), i, o)
		printf("leads to the old site still: %s\n", json_string_value(o));
}
