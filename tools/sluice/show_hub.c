/* SPDX-License-Identifier: Apache-2.0 */
/* What the concentrator is. */
#include "format.h"
#include "show_site.h"
#include "table.h"

#include <string.h>

/* concentrator.KEY is called KEY by the command, and defaults.tunnel.KEY tunnel.KEY. */
static const char *short_key(const char *key)
{
	const char *dot = strchr(key, '.');

	return dot ? dot + 1 : key;
}

void print_hub(const json_t *document)
{
	static const struct table_column columns[] = {
		{"KEY", 0, 0, 0}, {"VALUE", 0, 1, 0}, {"FROM", 0, 0, 0}, {NULL, 0, 0, 0}};
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "values"), i, o) {
		const char *file = field_text(o, "file"), *name = strrchr(file, '/');

		table_row(&t);
		table_text(&t, short_key(field_text(o, "key")));
		table_text(&t, field_text(o, "value"));
		if (json_is_true(json_object_get(o, "default")))
			table_text(&t, "default");
		else
			table_cell(&t, "%s:%llu", name ? name + 1 : file,
				(unsigned long long)field_number(o, "line"));
	}
	table_print(&t, "nothing");
	if (json_is_true(json_object_get(document, "pending")))
		printf("%s has edits that are not in force; `sluice plan` shows them\n",
			field_text(document, "file"));
}
