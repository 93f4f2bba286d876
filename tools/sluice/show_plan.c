/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice plan`, `sluice diff`, `sluice history`: configurations, and what a change of them does. */
#include "format.h"
#include "show_site.h"
#include "table.h"

#include "store/tree.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void whose_cells(struct table *t, const json_t *o)
{
	const char *site = json_string_value(json_object_get(o, "site"));
	const json_t *tunnel = json_object_get(o, "tunnel");

	table_text(t, site ? site : "-");
	if (tunnel)
		table_cell(t, "%lld", (long long)json_integer_value(tunnel));
	else
		table_text(t, "-");
}

static void print_changes(const json_t *document)
{
	static const struct table_column columns[] = {{"SITE", 0, 0, 0}, {"TUNNEL", 1, 0, 0},
		{"CHANGE", 0, 0, 0}, {"WAS", 0, 1, 0}, {"IS", 0, 1, 0}, {"EFFECT", 0, 0, 0},
		{NULL, 0, 0, 0}};
	struct table t;
	const json_t *o;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "changes"), i, o) {
		const char *key = json_string_value(json_object_get(o, "key"));

		table_row(&t);
		whose_cells(&t, o);
		table_text(&t, key ? key : field_text(o, "what"));
		table_text(&t, field_text(o, "was"));
		table_text(&t, field_text(o, "is"));
		table_text(&t, field_text(o, "effect"));
	}
	table_print(&t, "nothing changes");
}

/* Those that go on without an interruption are not named. */
static void print_interrupted(const json_t *document)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(document, "tunnels"), i, o) {
		const char *effect = field_text(o, "effect");

		if (strcmp(effect, "none") && strcmp(effect, "next"))
			printf("%s: site %s tunnel %lld\n", effect, field_text(o, "site"),
				(long long)field_number(o, "tunnel"));
	}
}

static void print_files(const json_t *document)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(document, "files"), i, o)
		printf("edited: %s\n", json_string_value(o));
}

/* They come with the worst first. */
static void print_findings(const json_t *document)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(document, "findings"), i, o)
		printf("%s: %s%s (%s)\n", field_text(o, "severity"), field_text(o, "text"),
			json_is_true(json_object_get(o, "new")) ? "" : "; so it is already",
			field_text(o, "kind"));
}

/* What a change would write, and what is left to do then. */
static void print_chosen(const json_t *document)
{
	const json_t *o = json_object_get(document, "document"), *need;
	size_t i;

	if (o) {
		printf("its document would be:\n");
		tree_write(stdout, o);
	}
	print_device(document, "");
	json_array_foreach(json_object_get(document, "needs"), i, need)
		printf("%s\n", json_string_value(need));
}

void print_plan(const json_t *document)
{
	const char *refused = json_string_value(json_object_get(document, "refused"));

	print_changes(document);
	print_files(document);
	print_interrupted(document);
	print_findings(document);
	print_chosen(document);
	if (refused)
		printf("refused: %s\n", refused);
}

static void print_failing_sites(const json_t *document)
{
	static const struct table_column columns[] = {{"SITE", 0, 0, 0}, {"OUTCOME", 0, 0, 0},
		{"TUNNELS", 0, 0, 0}, {"MOVED", 1, 0, 0}, {"LOST", 1, 0, 0}, {"IN", 1, 0, 0},
		{"OUT", 1, 0, 0}, {"NOTICED", 1, 0, 0}, {NULL, 0, 0, 0}};
	struct table t;
	const json_t *o;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "sites"), i, o) {
		const json_t *tunnels = json_object_get(o, "tunnels");
		const json_t *traffic = json_object_get(
			o, strcmp(field_text(o, "outcome"), "lost") ? "moved" : "lost");
		char in[FORMAT_SIZE], out[FORMAT_SIZE];

		table_row(&t);
		table_text(&t, field_text(o, "site"));
		table_text(&t, field_text(o, "outcome"));
		table_text(&t, json_array_size(tunnels) > 1                     ? "both"
			       : json_integer_value(json_array_get(tunnels, 0)) ? "1"
										: "0");
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "routes_moved"));
		table_cell(&t, "%llu", (unsigned long long)field_number(o, "routes_lost"));
		table_text(&t, format_quantity(field_number(traffic, "in_bps"), "bit/s", in));
		table_text(&t, format_quantity(field_number(traffic, "out_bps"), "bit/s", out));
		table_cell(&t, "%.1f s", (double)field_number(o, "noticed_within_ms") / 1000);
	}
	table_print(&t, "no site carries anything over it");
}

static void print_over(const json_t *document)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(document, "sites"), i, o) {
		const json_t *over = json_object_get(o, "over");
		char in[FORMAT_SIZE], out[FORMAT_SIZE];

		if (field_number(over, "in_bps") || field_number(over, "out_bps"))
			printf("%s: its other tunnel may not carry all of it: %s in and %s out are "
			       "too much\n",
				field_text(o, "site"),
				format_quantity(field_number(over, "in_bps"), "bit/s", in),
				format_quantity(field_number(over, "out_bps"), "bit/s", out));
	}
}

static bool carries_more(const json_t *now, const json_t *then)
{
	return field_number(then, "in_bps") > field_number(now, "in_bps") ||
	       field_number(then, "out_bps") > field_number(now, "out_bps");
}

static void print_endpoints_then(const json_t *document)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(document, "endpoints"), i, o) {
		const json_t *now = json_object_get(o, "now"), *then = json_object_get(o, "then");
		const json_t *holds = json_object_get(o, "holds");
		char text[5][FORMAT_SIZE];

		printf("endpoint %llu, %s: in %s now, %s then; out %s now, %s then",
			(unsigned long long)field_number(o, "endpoint"), field_text(o, "device"),
			format_quantity(field_number(now, "in_bps"), "bit/s", text[0]),
			format_quantity(field_number(then, "in_bps"), "bit/s", text[1]),
			format_quantity(field_number(now, "out_bps"), "bit/s", text[2]),
			format_quantity(field_number(then, "out_bps"), "bit/s", text[3]));
		if (json_is_boolean(holds) && carries_more(now, then))
			printf("; of %s, which %s enough",
				format_quantity(field_number(o, "speed_bps"), "bit/s", text[4]),
				json_is_true(holds) ? "is" : "is not");
		puts("");
	}
}

void print_failure(const json_t *document)
{
	const json_t *networks = json_object_get(document, "networks"), *o;
	size_t i;

	printf("if %s%s fails now:\n", networks ? "the " : "", field_text(document, "fails"));
	print_failing_sites(document);
	printf("sites that go on as they do: %llu\n",
		(unsigned long long)field_number(document, "untouched"));
	print_over(document);
	print_endpoints_then(document);
	json_array_foreach(networks, i, o)
		printf("no site reaches %s\n", json_string_value(o));
	if (networks && strcmp(field_text(document, "services"), "[]") != 0)
		printf("nothing answers for %s\n", field_text(document, "services"));
	if (json_is_true(json_object_get(document, "site_to_site")))
		puts("no site reaches another");
}

static const char *who_text(const json_t *o, char text[32])
{
	const json_t *who = json_object_get(o, "who");
	const char *token;

	if (!json_is_object(who))
		return json_is_string(who) ? json_string_value(who) : "-";
	token = json_string_value(json_object_get(who, "token"));
	if (token)
		snprintf(text, 32, "token %s", token);
	else if (json_object_get(who, "certificate"))
		snprintf(text, 32, "%s", field_text(who, "certificate"));
	else
		(void)format_user(field_number(who, "uid"), text);
	return text;
}

void print_history(const json_t *document)
{
	static const struct table_column columns[] = {{"REVISION", 1, 0, 0}, {"TIME", 0, 0, 0},
		{"WHO", 0, 0, 0}, {"WHY", 0, 1, 0}, {"", 0, 0, 0}, {NULL, 0, 0, 0}};
	long long now = (long long)field_number(document, "revision");
	struct table t;
	const json_t *o;
	char text[32];
	size_t i;

	table_init(&t, columns);
	json_array_foreach(json_object_get(document, "revisions"), i, o) {
		long long number = (long long)field_number(o, "number");

		table_row(&t);
		table_cell(&t, "%lld", number);
		table_text(&t, field_text(o, "time"));
		table_text(&t, who_text(o, text));
		table_text(&t, field_text(o, "why"));
		table_text(&t, number > now                         ? "at the next start"
			       : number != now                      ? ""
			       : json_object_get(o, "confirm_by_s") ? "in force, to be confirmed"
								    : "in force");
	}
	table_print(&t, "no revisions");
	if (!now)
		printf("what is in force is on no disk\n");
	if (json_object_get(document, "damaged"))
		printf("%s\n", field_text(document, "damaged"));
}
