/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice plan`, `sluice diff`, `sluice history`: configurations, and what a change of them does. */
#include "format.h"
#include "table.h"

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

void print_plan(const json_t *document)
{
	const char *refused = json_string_value(json_object_get(document, "refused"));

	print_changes(document);
	print_files(document);
	print_interrupted(document);
	print_findings(document);
	if (refused)
		printf("refused: %s\n", refused);
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
	else
		snprintf(text, 32, "uid %lld", (long long)field_number(who, "uid"));
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
}
