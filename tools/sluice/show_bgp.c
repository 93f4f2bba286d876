/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice show bgp`. */
#include "format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

/* Of IPv4, and of IPv6 where there are some; the limit is of each. */
static void prefixes_cell(
	struct table *t, const json_t *o, const char *all, const char *ipv6, const char *most)
{
	unsigned long long six = field_number(o, ipv6), four = field_number(o, all) - six;

	if (six)
		table_cell(t, "%llu+%llu of %llu", four, six,
			(unsigned long long)field_number(o, most));
	else
		table_cell(t, "%llu of %llu", four, (unsigned long long)field_number(o, most));
}

static void session_row(struct table *t, const json_t *o)
{
	const json_t *bfd = json_object_get(o, "bfd");
	uint64_t code = field_number(o, "error_code");

	table_row(t);
	table_text(t, field_text(o, "site"));
	table_cell(t, "%llu", (unsigned long long)field_number(o, "tunnel"));
	table_text(t, field_text(o, "peer"));
	table_cell(t, "%llu", (unsigned long long)field_number(o, "asn"));
	table_text(t, field_text(o, "state"));
	table_text(t, field_text(o, "established_at"));
	prefixes_cell(t, o, "prefixes_in", "prefixes_in_ipv6", "prefixes_in_max");
	prefixes_cell(t, o, "prefixes_out", "prefixes_out_ipv6", "prefixes_out_max");
	if (json_is_object(bfd))
		table_cell(t, "%s, %llu ms", field_text(bfd, "state"),
			(unsigned long long)field_number(bfd, "detection_us") / 1000);
	else
		table_text(t, "off");
	if (code)
		table_cell(t, "%llu/%llu", (unsigned long long)code,
			(unsigned long long)field_number(o, "error_subcode"));
	else
		table_text(t, "-");
	table_text(t, field_text(o, "error_at"));
}

static void print_quarantined(const json_t *paths)
{
	const json_t *o;
	size_t i;

	json_array_foreach(paths, i, o) {
		printf("quarantined: %s of %s %llu; %s belongs to %s (%s)\n",
			field_text(o, "prefix"), field_text(o, "site"),
			(unsigned long long)field_number(o, "tunnel"),
			field_text(o, "owner_prefix"), field_text(o, "owner"),
			json_is_true(json_object_get(o, "owner_declared")) ? "declared"
									   : "announced first");
	}
}

void print_route(const json_t *document)
{
	static const struct table_column columns[] = {{"PREFIX", 0, 0, 0}, {"SITE", 0, 0, 0},
		{"T", 1, 0, 0}, {"AS PATH", 0, 1, 0}, {"ORIGIN", 0, 0, 3}, {"MED", 1, 0, 1},
		{"IDENTIFIER", 0, 0, 2}, {"VERDICT", 0, 1, 0}, {NULL, 0, 0, 0}};
	const char *own = json_string_value(json_object_get(document, "own"));
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "paths"), i, o) {
		char path[256];

		table_row(&t);
		table_text(&t, field_text(o, "prefix"));
		table_text(&t, field_text(o, "site"));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "tunnel"));
		table_text(&t, format_path(json_object_get(o, "as_path"), path, sizeof(path)));
		table_text(&t, field_text(o, "origin"));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "med"));
		table_text(&t, field_text(o, "identifier"));
		table_cell(&t, "%s%s", field_text(o, "reason"),
			json_is_true(json_object_get(o, "stale")) ? ", stale" : "");
	}
	table_print(&t, "no site announces this prefix or one around it");
	if (own)
		printf("packets go to %s\n", own);
}

void print_bgp(const json_t *document)
{
	static const struct table_column columns[] = {{"SITE", 0, 0, 0}, {"T", 1, 0, 0},
		{"PEER", 0, 0, 4}, {"AS", 1, 0, 1}, {"STATE", 0, 0, 0}, {"SINCE", 0, 0, 3},
		{"IN", 1, 0, 0}, {"OUT", 1, 0, 2}, {"BFD", 0, 0, 1}, {"ERROR", 0, 0, 0},
		{"ERROR AT", 0, 0, 5}, {NULL, 0, 0, 0}};
	const json_t *sessions = json_object_get(document, "sessions"), *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(sessions, i, o)
		session_row(&t, o);
	table_print(&t, "no sessions are configured");
	print_quarantined(json_object_get(document, "quarantined"));
	json_array_foreach(sessions, i, o) {
		if (strcmp(field_text(o, "detail"), "-"))
			printf("%s %llu: %s\n", field_text(o, "site"),
				(unsigned long long)field_number(o, "tunnel"),
				field_text(o, "detail"));
		if (strcmp(field_text(o, "bfd_detail"), "-"))
			printf("%s %llu: BFD: %s\n", field_text(o, "site"),
				(unsigned long long)field_number(o, "tunnel"),
				field_text(o, "bfd_detail"));
	}
}

void print_closed(const json_t *document)
{
	static const struct table_column columns[] = {{"PREFIX", 0, 0, 0}, {"SITE", 0, 0, 0},
		{"ENDS", 1, 0, 0}, {"REASON", 0, 1, 0}, {NULL, 0, 0, 0}};
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "closed"), i, o) {
		table_row(&t);
		table_text(&t, field_text(o, "prefix"));
		table_text(&t, field_text(o, "site"));
		if (json_is_integer(json_object_get(o, "ends_in_s")))
			table_cell(&t, "%llu s", (unsigned long long)field_number(o, "ends_in_s"));
		else
			table_text(&t, "-");
		table_text(&t, field_text(o, "reason"));
	}
	table_print(&t, "nothing is closed for what the hub itself sends");
}
