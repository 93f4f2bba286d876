/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice show certificates`, and the same rows for `sluice ca list`. */
#include "format.h"
#include "table.h"

#include <stdio.h>

static void certificate_row(struct table *t, const json_t *o)
{
	const json_t *left = json_object_get(o, "expires_in_s");
	const json_t *tunnel = json_object_get(o, "tunnel");
	char text[FORMAT_SIZE];

	table_row(t);
	table_text(t, field_text(o, "kind"));
	if (json_is_integer(tunnel))
		table_cell(t, "%s %d", field_text(o, "site"), (int)json_integer_value(tunnel));
	else
		table_text(t, "-");
	table_text(t, field_text(o, "subject"));
	table_text(t, field_text(o, "names"));
	table_text(t, field_text(o, "key"));
	table_text(t, field_text(o, "not_after"));
	if (json_integer_value(left) > 0)
		table_text(t, format_duration((uint64_t)json_integer_value(left), text));
	else
		table_text(t, "-");
	table_text(t, field_text(o, "state"));
	table_text(t, field_text(o, "serial"));
}

void print_certificates(const json_t *document)
{
	static const struct table_column columns[] = {{"KIND", 0, 0, 0}, {"TUNNEL", 0, 0, 0},
		{"SUBJECT", 0, 1, 1}, {"NAMES", 0, 1, 3}, {"KEY", 0, 0, 5},
		{"VALID UNTIL", 0, 0, 0}, {"LEFT", 1, 0, 0}, {"STATE", 0, 0, 0},
		{"SERIAL", 0, 1, 4}, {NULL, 0, 0, 0}};
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "certificates"), i, o)
		certificate_row(&t, o);
	table_print(&t, "no certificates are configured");
	json_array_foreach(json_object_get(document, "crls"), i, o) {
		printf("revocation list of %s: %llu revoked, until %s, %s\n",
			field_text(o, "issuer"), (unsigned long long)field_number(o, "revoked"),
			field_text(o, "next_update"), field_text(o, "state"));
	}
}
