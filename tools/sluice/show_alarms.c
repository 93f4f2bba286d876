/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice alarms`. */
#include "format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

static void alarm_row(struct table *t, const json_t *o)
{
	const char *by = json_string_value(json_object_get(o, "acknowledged_by")),
		   *until = json_string_value(json_object_get(o, "silenced_until"));
	const json_t *tunnel = json_object_get(o, "tunnel");

	table_row(t);
	table_text(t, field_text(o, "rule"));
	table_text(t, field_text(o, "site"));
	if (json_is_integer(tunnel))
		table_cell(t, "%d", (int)json_integer_value(tunnel));
	else
		table_text(t, "-");
	table_text(t, field_text(o, "state"));
	table_text(t, field_text(o, "severity"));
	table_text(t, field_text(o, "since"));
	table_cell(t, "%.6g", field_real(o, "value"));
	table_text(t, field_text(o, "condition"));
	if (by && until)
		table_cell(t, "known to %s, silent until %s", by, until);
	else if (by)
		table_cell(t, "known to %s", by);
	else if (until)
		table_cell(t, "silent until %s", until);
	else
		table_text(t, "-");
}

void print_alarms(const json_t *document)
{
	static const struct table_column columns[] = {{"RULE", 0, 0, 0}, {"SITE", 0, 0, 0},
		{"TUNNEL", 1, 0, 0}, {"STATE", 0, 0, 0}, {"SEVERITY", 0, 0, 3}, {"SINCE", 0, 0, 2},
		{"VALUE", 1, 0, 4}, {"CONDITION", 0, 0, 5}, {"NOTE", 0, 0, 1}, {NULL, 0, 0, 0}};
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "alarms"), i, o)
		alarm_row(&t, o);
	table_print(&t, "no alarm");
}
