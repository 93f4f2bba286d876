/* SPDX-License-Identifier: Apache-2.0 */
/* "sluice show": one function per document. */
#include "format.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

/* " (2 up, 98 down)"; of one site that was asked for, nothing. */
static const char *format_states(const json_t *sites, char *text, size_t size)
{
	static const char *const states[] = {"up", "degraded", "down"};
	size_t n = 0, i;
	json_t *o;

	text[0] = '\0';
	for (size_t s = 0; json_array_size(sites) > 1 && s < sizeof(states) / sizeof(states[0]);
		s++) {
		unsigned int count = 0;

		json_array_foreach(sites, i, o)
			count += !strcmp(field_text(o, "state"), states[s]);
		if (count)
			n += (size_t)snprintf(
				text + n, size - n, "%s%u %s", n ? ", " : " (", count, states[s]);
	}
	if (n)
		snprintf(text + n, size - n, ")");
	return text;
}

void print_sites(const json_t *document)
{
	static const struct table_column columns[] = {{"SITE", 0, 0, 0}, {"AS", 1, 0, 4},
		{"STATE", 0, 0, 0}, {"TUNNELS", 1, 0, 0}, {"BGP", 1, 0, 0}, {"PREFIXES", 1, 0, 1},
		{"EGRESS", 1, 0, 2}, {"RATE", 1, 0, 3}, {"IN", 1, 0, 1}, {"OUT", 1, 0, 1},
		{NULL, 0, 0, 0}};
	const json_t *hub = json_object_get(document, "concentrator"), *site;
	char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE], states[80];
	struct table t;
	size_t i;

	printf("%s: AS %llu, %llu sites%s, %s each, %s together, up for %s\n",
		field_text(hub, "name"), (unsigned long long)field_number(hub, "asn"),
		(unsigned long long)field_number(hub, "sites"),
		format_states(json_object_get(document, "sites"), states, sizeof(states)),
		format_quantity(field_number(hub, "site_rate_bps"), "bit/s", a),
		format_quantity(field_number(hub, "aggregate_rate_bps"), "bit/s", b),
		format_duration(field_number(hub, "uptime_s"), c));
	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "sites"), i, site) {
		const json_t *egress = json_object_get(site, "primary_egress");

		table_row(&t);
		table_text(&t, field_text(site, "name"));
		table_cell(&t, "%llu", (unsigned long long)field_number(site, "asn"));
		table_text(&t, field_text(site, "state"));
		table_cell(&t, "%llu", (unsigned long long)field_number(site, "tunnels_up"));
		table_cell(&t, "%llu", (unsigned long long)field_number(site, "bgp_established"));
		table_cell(&t, "%llu", (unsigned long long)field_number(site, "prefixes_in"));
		if (json_is_integer(egress))
			table_cell(&t, "%d", (int)json_integer_value(egress));
		else
			table_text(&t, "-");
		table_text(&t, format_quantity(field_number(site, "rate_bps"), "bit/s", a));
		table_text(&t, format_quantity(field_number(site, "in_bytes"), "B", a));
		table_text(&t, format_quantity(field_number(site, "out_bytes"), "B", a));
	}
	table_print(&t, "no sites are configured");
	if (json_array_size(json_object_get(document, "sites")) == 1)
		printf("egress: %s\n",
			field_text(json_array_get(json_object_get(document, "sites"), 0),
				"egress_reason"));
}

/* In parentheses where the device of a tunnel without an SA was last, or is configured to be. */
static void peer_cell(struct table *t, const json_t *o)
{
	const char *peer = field_text(o, "peer"), *last = field_text(o, "last_peer");

	if (!strcmp(peer, "-") && strcmp(last, "-"))
		table_cell(t, "(%s)", last);
	else
		table_text(t, peer);
}

static void tunnel_row(struct table *t, const json_t *o)
{
	uint64_t version = field_number(o, "ike_version");
	uint64_t mtu = field_number(o, "inner_mtu");
	char text[FORMAT_SIZE];

	table_row(t);
	table_text(t, field_text(o, "site"));
	table_cell(t, "%llu", (unsigned long long)field_number(o, "tunnel"));
	table_text(t, field_text(o, "state"));
	table_text(t, field_text(o, "bgp"));
	table_text(t, field_text(o, "since"));
	peer_cell(t, o);
	table_text(t, field_text(o, "local"));
	table_text(t, version == 1 ? "1" : version == 2 ? "2" : "-");
	table_text(t, field_text(o, "proposal"));
	table_text(t, field_text(o, "encap"));
	if (mtu)
		table_cell(t, "%llu", (unsigned long long)mtu);
	else
		table_text(t, "-");
	table_cell(t, "%llu/%llu", (unsigned long long)field_number(o, "prefixes_in"),
		(unsigned long long)field_number(o, "prefixes_out"));
	table_text(t, format_quantity(field_number(o, "in_bytes"), "B", text));
	table_text(t, format_quantity(field_number(o, "out_bytes"), "B", text));
	table_text(t, field_text(o, "reason"));
}

/* Sentences are too long for a cell: those of tunnels that have one follow the table. */
static void print_details(const json_t *tunnels)
{
	static const char *const names[] = {"detail", "bgp_detail", "bfd_detail"};
	static const char *const whose[] = {"", "BGP: ", "BFD: "};
	const json_t *o;
	size_t i;

	json_array_foreach(tunnels, i, o) {
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			if (strcmp(field_text(o, names[k]), "-"))
				printf("%s %llu: %s%s\n", field_text(o, "site"),
					(unsigned long long)field_number(o, "tunnel"), whose[k],
					field_text(o, names[k]));
		}
	}
}

void print_tunnels(const json_t *document)
{
	static const struct table_column columns[] = {{"SITE", 0, 0, 0}, {"T", 1, 0, 0},
		{"STATE", 0, 0, 0}, {"BGP", 0, 0, 0}, {"SINCE", 0, 0, 1}, {"PEER", 0, 0, 2},
		{"LOCAL", 0, 0, 6}, {"IKE", 1, 0, 7}, {"PROPOSAL", 0, 1, 5}, {"ENCAP", 0, 0, 8},
		{"MTU", 1, 0, 9}, {"PREFIXES", 1, 0, 3}, {"IN", 1, 0, 4}, {"OUT", 1, 0, 4},
		{"REASON", 0, 1, 0}, {NULL, 0, 0, 0}};
	const json_t *tunnels = json_object_get(document, "tunnels"), *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(tunnels, i, o)
		tunnel_row(&t, o);
	table_print(&t, "no tunnels are configured");
	print_details(tunnels);
}

/* "site-1" and "0+1", or "site-1, site-2" and "0+1, 0+1" when the tunnels of several share it. */
static void carriers(struct table *t, const json_t *route)
{
	const json_t *shares = json_object_get(route, "shares"), *o;
	const json_t *tunnel = json_object_get(route, "tunnel");
	char sites[512] = "", tunnels[128] = "";
	const char *before = "";
	size_t i;

	json_array_foreach(shares, i, o) {
		const char *site = field_text(o, "site");
		bool same = !strcmp(site, before);
		size_t s = strlen(sites), n = strlen(tunnels);

		if (!same)
			snprintf(sites + s, sizeof(sites) - s, "%s%s", s ? ", " : "", site);
		snprintf(tunnels + n, sizeof(tunnels) - n, "%s%llu",
			same ? "+"
			: n  ? ", "
			     : "",
			(unsigned long long)field_number(o, "tunnel"));
		before = site;
	}
	table_text(t, i ? sites : field_text(route, "site"));
	if (i)
		table_text(t, tunnels);
	else if (json_is_integer(tunnel))
		table_cell(t, "%d", (int)json_integer_value(tunnel));
	else
		table_text(t, "-");
}

void print_routes(const json_t *document)
{
	static const struct table_column columns[] = {{"PREFIX", 0, 0, 0}, {"KIND", 0, 0, 2},
		{"SITE", 0, 0, 0}, {"T", 1, 0, 0}, {"AS PATH", 0, 1, 0}, {"MED", 1, 0, 1},
		{"PATHS", 1, 0, 3}, {NULL, 0, 0, 0}};
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "routes"), i, o) {
		bool stale = json_is_true(json_object_get(o, "stale"));
		char path[256];

		table_row(&t);
		table_text(&t, field_text(o, "prefix"));
		table_cell(&t, "%s%s", field_text(o, "kind"), stale ? ", stale" : "");
		carriers(&t, o);
		table_text(&t, format_path(json_object_get(o, "as_path"), path, sizeof(path)));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "med"));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "candidates"));
	}
	table_print(&t, "no routes");
}

void print_sas(const json_t *document)
{
	static const struct table_column columns[] = {{"SITE", 0, 0, 0}, {"T", 1, 0, 0},
		{"SPI IN", 0, 0, 0}, {"SPI OUT", 0, 0, 4}, {"SENDING", 0, 0, 0}, {"ENCAP", 0, 0, 5},
		{"AGE", 1, 0, 2}, {"REKEY IN", 1, 0, 0}, {"EXPIRES IN", 1, 0, 3},
		{"PROPOSAL", 0, 1, 0}, {"HUB'S SIDE", 0, 1, 6}, {"SITE'S SIDE", 0, 1, 6},
		{NULL, 0, 0, 0}};
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "sas"), i, o) {
		char text[FORMAT_SIZE];

		table_row(&t);
		table_text(&t, field_text(o, "site"));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "tunnel"));
		table_text(&t, field_text(o, "spi_in"));
		table_text(&t, field_text(o, "spi_out"));
		table_text(&t, json_is_true(json_object_get(o, "in_use")) ? "yes" : "no");
		table_text(&t, field_text(o, "encap"));
		table_text(&t, format_duration(field_number(o, "age_s"), text));
		table_text(&t, format_duration(field_number(o, "rekey_in_s"), text));
		table_text(&t, format_duration(field_number(o, "expires_in_s"), text));
		table_text(&t, field_text(o, "proposal"));
		table_text(&t, field_text(o, "local_ts"));
		table_text(&t, field_text(o, "remote_ts"));
	}
	table_print(&t, "no security associations");
}

static void print_counters(const json_t *document, const char *place)
{
	static const struct table_column columns[] = {
		{"COUNTER", 0, 0, 0}, {"PACKETS", 1, 0, 0}, {"BYTES", 1, 0, 0}, {NULL, 0, 0, 0}};
	json_t *counters = json_object_get(document, place), *o;
	const char *name;
	struct table t;

	table_init(&t, columns);
	json_object_foreach(counters, name, o) {
		if (!field_number(o, "packets"))
			continue;
		table_row(&t);
		table_cell(&t, "%s %s", place, name);
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "packets"));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "bytes"));
	}
	printf("\n%s", t.line ? "" : place);
	table_print(&t, ": no packets counted");
}

void print_dataplane(const json_t *document)
{
	static const struct table_column columns[] = {{"PROCESS", 0, 0, 0}, {"PID", 1, 0, 0},
		{"RESTARTS", 1, 0, 0}, {"UP FOR", 1, 0, 0}, {"MEMORY", 1, 0, 0}, {NULL, 0, 0, 0}};
	const json_t *o;
	struct table t;
	size_t i;

	printf("backend %s, %llu workers, %s\n\n", field_text(document, "backend"),
		(unsigned long long)field_number(document, "workers"),
		field_text(document, "mode"));
	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "processes"), i, o) {
		uint64_t pid = field_number(o, "pid");
		char text[FORMAT_SIZE];

		table_row(&t);
		table_text(&t, field_text(o, "name"));
		if (pid)
			table_cell(&t, "%llu", (unsigned long long)pid);
		else
			table_text(&t, "-");
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "restarts"));
		table_text(&t, format_duration(field_number(o, "uptime_s"), text));
		table_text(&t, format_quantity(field_number(o, "rss_kb") * 1024, "B", text));
	}
	table_print(&t, "no processes");
	json_array_foreach(json_object_get(document, "processes"), i, o) {
		if (json_object_get(o, "trouble"))
			printf("TROUBLE: %s: %s\n", field_text(o, "name"),
				field_text(o, "trouble"));
	}
	printf("BFD: %s\n", field_text(document, "bfd_thread"));
	if (field_number(document, "log_events_lost"))
		printf("LOST: %llu events of tunnels could not be written into the files of "
		       "log_directory, see the log of sluiced\n",
			(unsigned long long)field_number(document, "log_events_lost"));
	print_counters(document, "outside");
	print_counters(document, "inside");
}

/* The logs have the form of AWS, with a blank in it; what the command prints has one form: RFC 3339. */
static void print_time(const char *text)
{
	const char *blank = strchr(text, ' ');

	printf("%.*s%s%s", blank ? (int)(blank - text) : 0, text, blank ? "T" : "",
		blank ? blank + 1 : text);
}

/* The end of a line of a log: the same happened before. */
static void print_repeats(const json_t *event)
{
	if (field_number(event, "repeats")) {
		printf("  (also %llu times before, since ",
			(unsigned long long)field_number(event, "repeats"));
		print_time(field_text(event, "first"));
		putchar(')');
	}
	putchar('\n');
}

void print_log(const json_t *document)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(document, "events"), i, o) {
		print_time(field_text(o, "timestamp"));
		printf("  %s tunnel %llu  %s/%s  %s  %s%s%s", field_text(o, "site"),
			(unsigned long long)field_number(o, "tunnel"),
			field_text(o, "ike_phase1_state"), field_text(o, "ike_phase2_state"),
			field_text(o, "reason_code"), field_text(o, "details"),
			json_object_get(o, "peer") ? ", peer " : "",
			json_object_get(o, "peer") ? field_text(o, "peer") : "");
		print_repeats(o);
	}
}

void print_bgp_log(const json_t *document)
{
	const json_t *o, *value;
	const char *name;
	size_t i;

	json_array_foreach(json_object_get(document, "events"), i, o) {
		print_time(field_text(o, "timestamp"));
		printf("  %s  %s %s", field_text(o, "resource_id"), field_text(o, "type"),
			field_text(o, "status"));
		json_object_foreach(json_object_get(o, "message"), name, value) {
			if (json_is_string(value))
				printf("  %s %s", name, json_string_value(value));
			else
				printf("  %s %lld", name, (long long)json_integer_value(value));
		}
		print_repeats(o);
	}
}
