/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice report`: what each site was offered, got, and lost, and why. */
#include "format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

/* "site_rate 1523, mtu 2": packets by reason. */
static void format_drops(json_t *dropped, char *text, size_t size)
{
	const char *reason;
	size_t used = 0;
	json_t *o;

	text[0] = '\0';
	json_object_foreach(dropped, reason, o) {
		int n = snprintf(text + used, size - used, "%s%s %llu", used ? ", " : "", reason,
			(unsigned long long)field_number(o, "packets"));

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
	if (!used)
		snprintf(text, size, "-");
}

static void direction_row(struct table *t, const json_t *site, const char *direction)
{
	const json_t *d = json_object_get(site, direction);
	char text[FORMAT_SIZE], drops[512];

	format_drops(json_object_get(d, "dropped"), drops, sizeof(drops));
	table_row(t);
	table_text(t, field_text(site, "name"));
	table_text(t, direction);
	table_text(t, format_quantity(field_number(d, "offered_bps"), "bit/s", text));
	table_text(t, format_quantity(field_number(d, "delivered_bps"), "bit/s", text));
	table_text(t, format_quantity(field_number(d, "dropped_bps"), "bit/s", text));
	table_cell(t, "%.1f", field_real(d, "share_of_cap_percent"));
	table_cell(t, "%.1f", field_real(d, "share_of_aggregate_percent"));
	table_text(t,
		format_quantity(field_number(json_object_get(d, "delivered"), "bytes"), "B", text));
	table_text(t, drops);
}

static void aggregate_line(const json_t *aggregate, const char *direction)
{
	const json_t *d = json_object_get(aggregate, direction);
	char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];

	printf("%-3s  offered %s, delivered %s, %.1f%% of %s", direction,
		format_quantity(field_number(d, "offered_bps"), "bit/s", a),
		format_quantity(field_number(d, "delivered_bps"), "bit/s", b),
		field_real(d, "share_percent"),
		format_quantity(field_number(aggregate, "limit_bps"), "bit/s", c));
	if (json_is_integer(json_object_get(d, "fair_share_bps")))
		printf(": short, each site up to %s",
			format_quantity(field_number(d, "fair_share_bps"), "bit/s", a));
	printf("\n");
}

static void direction_since_row(struct table *t, const json_t *site, const char *direction)
{
	const json_t *d = json_object_get(site, direction),
		     *worst = json_object_get(d, "worst_second");
	char text[FORMAT_SIZE], drops[512];

	format_drops(json_object_get(d, "dropped"), drops, sizeof(drops));
	table_row(t);
	table_text(t, field_text(site, "name"));
	table_text(t, direction);
	table_text(t, format_duration(field_number(site, "seconds"), text));
	table_text(t, format_quantity(field_number(d, "offered_bps"), "bit/s", text));
	table_text(t, format_quantity(field_number(d, "delivered_bps"), "bit/s", text));
	table_text(t,
		format_quantity(field_number(json_object_get(d, "delivered"), "bytes"), "B", text));
	table_text(t, field_text(worst, "time"));
	table_text(t, format_quantity(field_number(worst, "offered_bps"), "bit/s", text));
	table_text(t, format_quantity(field_number(worst, "delivered_bps"), "bit/s", text));
	table_text(t, drops);
}

/* Of a long time: how it was spread. */
static void spread_line(const json_t *site, const char *direction)
{
	const json_t *d = json_object_get(site, direction),
		     *worst = json_object_get(d, "worst_sample");
	char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];

	if (!json_object_get(d, "median_bps"))
		return;
	printf("%s %s: half of the time up to %s, 95%% of it up to %s, 99%% up to %s",
		field_text(site, "name"), direction,
		format_quantity(field_number(d, "median_bps"), "bit/s", a),
		format_quantity(field_number(d, "p95_bps"), "bit/s", b),
		format_quantity(field_number(d, "p99_bps"), "bit/s", c));
	if (json_is_object(worst))
		printf("; the worst %s from %s on: offered %s, delivered %s",
			format_duration(field_number(worst, "seconds"), a),
			field_text(worst, "time"),
			format_quantity(field_number(worst, "offered_bps"), "bit/s", b),
			format_quantity(field_number(worst, "delivered_bps"), "bit/s", c));
	puts("");
}

static void up_line(const json_t *site)
{
	const json_t *up = json_object_get(site, "up_percent"), *percent;
	size_t t;

	json_array_foreach(up, t, percent)
		printf("%s%s %zu: up %.2f%%%s", t ? "" : field_text(site, "name"), t ? "," : "", t,
			json_real_value(percent), t + 1 == json_array_size(up) ? "\n" : "");
}

/* Rates are means over all of the time, and those of the worst second. */
void print_report_since(const json_t *document)
{
	static const struct table_column columns[] = {{"SITE", 0, 0, 0}, {"DIR", 0, 0, 0},
		{"OVER", 1, 0, 4}, {"OFFERED", 1, 0, 0}, {"DELIVERED", 1, 0, 0}, {"TOTAL", 1, 0, 2},
		{"WORST SECOND", 0, 0, 1}, {"OFFERED THEN", 1, 0, 1}, {"DELIVERED THEN", 1, 0, 1},
		{"DROPPED PACKETS", 0, 1, 0}, {NULL, 0, 0, 0}};
	const json_t *site;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "sites"), i, site) {
		direction_since_row(&t, site, "in");
		direction_since_row(&t, site, "out");
	}
	table_print(&t, "nothing is known of that time");
	json_array_foreach(json_object_get(document, "sites"), i, site) {
		spread_line(site, "in");
		spread_line(site, "out");
		up_line(site);
	}
}

static void wrong_sources(const json_t *site)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(site, "wrong_sources"), i, o)
		printf("%s %llu: source: the last one was %s, at %s\n", field_text(site, "name"),
			(unsigned long long)field_number(o, "tunnel"), field_text(o, "address"),
			field_text(o, "time"));
}

void print_report(const json_t *document)
{
	static const struct table_column columns[] = {{"SITE", 0, 0, 0}, {"DIR", 0, 0, 0},
		{"OFFERED", 1, 0, 0}, {"DELIVERED", 1, 0, 0}, {"DROPPED", 1, 0, 1},
		{"% OF CAP", 1, 0, 3}, {"% OF ALL", 1, 0, 5}, {"TOTAL", 1, 0, 2},
		{"DROPPED PACKETS", 0, 1, 0}, {NULL, 0, 0, 0}};
	const json_t *aggregate = json_object_get(document, "aggregate"), *site;
	struct table t;
	size_t i;

	printf("all sites, over %.1f s:\n", field_real(document, "interval_s"));
	aggregate_line(aggregate, "in");
	aggregate_line(aggregate, "out");
	printf("\n");
	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "sites"), i, site) {
		direction_row(&t, site, "in");
		direction_row(&t, site, "out");
	}
	table_print(&t, "no sites are configured");
	json_array_foreach(json_object_get(document, "sites"), i, site)
		wrong_sources(site);
}
