/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include "audit/log.h"
#include "client.h"
#include "events.h"
#include "format.h"
#include "table.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
	"usage: sluice audit show [--since 2h|02:13|TIME] [--user NAME] [--site NAME] [--json]\n"
	"                                      who changed what, the oldest first\n"
	"       sluice audit verify            whether anything of it was changed or taken away\n"
	"options: --dir DIR (" AUDIT_DIRECTORY ")\n";

static const struct option long_options[] = {
	{"dir", required_argument, NULL, 'd'},
	{"json", no_argument, NULL, 'j'},
	{"since", required_argument, NULL, 'S'},
	{"user", required_argument, NULL, 'u'},
	{"site", required_argument, NULL, 'I'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* All entries in one array, and where the one of each number is in it. */
struct entries {
	json_t *all;
	unsigned int unreadable;
};

static void add_entry(
	void *context, const char *file, unsigned int number, const char *line, size_t len)
{
	struct entries *e = context;
	json_t *entry = json_loadb(line, len, 0, NULL);

	if (!json_is_object(entry)) {
		e->unreadable++;
		fprintf(stderr, "sluice: %s:%u: not an entry\n", file, number);
		json_decref(entry);
		return;
	}
	json_object_del(entry, "mac");
	json_array_append_new(e->all, entry);
}

static const char *text_of(const json_t *entry, const char *key)
{
	const char *text = json_string_value(json_object_get(entry, key));

	return text ? text : "";
}

/* What is asked for; NULL: whatever there is. */
struct wanted {
	const char *since, *user, *site;
	char when[DATE_TEXT_SIZE]; /* `since` in UTC */
};

static bool is_of_user(const json_t *entry, const char *user)
{
	const json_t *who = json_object_get(entry, "who"), *uid = json_object_get(who, "uid");
	const struct passwd *known = uid ? getpwuid((uid_t)json_integer_value(uid)) : NULL;
	char number[24];

	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(uid));
	return !strcmp(text_of(entry, "who"), user) || (known && !strcmp(known->pw_name, user)) ||
	       (uid && !strcmp(number, user)) || !strcmp(text_of(who, "token"), user) ||
	       !strcmp(text_of(who, "certificate"), user);
}

static bool is_wanted(const json_t *entry, const struct wanted *w)
{
	enum { SECONDS = 19 }; /* characters of "2026-11-30T02:13:00" */

	return (!w->since || strncmp(text_of(entry, "time"), w->when, SECONDS) >= 0) &&
	       (!w->user || is_of_user(entry, w->user)) &&
	       (!w->site || !strcmp(text_of(entry, "site"), w->site));
}

/* An entry of what came of a change is wanted where the change is. */
static void choose(json_t *all, const struct wanted *w)
{
	json_t *asked = json_object(), *entry, *of;
	char key[24];
	size_t i;

	json_array_foreach(all, i, entry) {
		of = json_object_get(entry, "of");
		snprintf(key, sizeof(key), "%" JSON_INTEGER_FORMAT,
			json_integer_value(of ? of : json_object_get(entry, "n")));
		if (!of)
			json_object_set(asked, key, entry);
		of = json_object_get(asked, key);
		json_object_set_new(entry, "wanted", json_boolean(is_wanted(of ? of : entry, w)));
	}
	for (i = json_array_size(all); i-- > 0;) {
		entry = json_array_get(all, i);
		if (!json_is_true(json_object_get(entry, "wanted")))
			json_array_remove(all, i);
		else
			json_object_del(entry, "wanted");
	}
	json_decref(asked);
}

/* What came of a change goes to the entry that asked for it. */
static void join(json_t *all)
{
	json_t *asked = json_object(), *entry;
	char key[24];
	size_t i;

	json_array_foreach(all, i, entry) {
		json_t *of = json_object_get(entry, "of"), *begun;

		snprintf(key, sizeof(key), "%" JSON_INTEGER_FORMAT,
			json_integer_value(of ? of : json_object_get(entry, "n")));
		begun = json_object_get(asked, key);
		if (!of) {
			json_object_set(asked, key, entry);
		} else if (begun) {
			json_object_set(begun, "outcome", json_object_get(entry, "outcome"));
			json_object_set(begun, "detail", json_object_get(entry, "detail"));
			json_object_set_new(entry, "joined", json_true());
		}
	}
	for (i = json_array_size(all); i-- > 0;) {
		if (json_object_get(json_array_get(all, i), "joined"))
			json_array_remove(all, i);
	}
	json_decref(asked);
}

/* The user and the process, of which each has a column; over TCP where it came from, and what it has shown. */
static void add_who(struct table *t, const json_t *entry)
{
	const json_t *who = json_object_get(entry, "who");
	json_int_t uid = json_integer_value(json_object_get(who, "uid"));
	const char *token = text_of(who, "token");
	char user[FORMAT_SIZE];

	if (!json_is_object(who))
		table_text(t, text_of(entry, "who"));
	else if (text_of(who, "from")[0])
		table_cell(t, "%s%s%s%s%s", text_of(who, "from"), token[0] ? " " : "", token,
			text_of(who, "certificate")[0] ? " " : "", text_of(who, "certificate"));
	else
		table_cell(
			t, "%s%s%s", format_user((uint64_t)uid, user), token[0] ? " " : "", token);
	if (json_object_get(who, "pid"))
		table_cell(t, "%" JSON_INTEGER_FORMAT,
			json_integer_value(json_object_get(who, "pid")));
	else
		table_text(t, "-");
}

static void add_object(struct table *t, const json_t *entry)
{
	const json_t *tunnel = json_object_get(entry, "tunnel");

	if (tunnel)
		table_cell(t, "%s %" JSON_INTEGER_FORMAT, text_of(entry, "site"),
			json_integer_value(tunnel));
	else if (text_of(entry, "site")[0])
		table_text(t, text_of(entry, "site"));
	else if (text_of(entry, "token")[0] || text_of(entry, "secret")[0])
		table_text(t, text_of(entry, text_of(entry, "token")[0] ? "token" : "secret"));
	else
		table_text(t, text_of(entry, "prefix")[0] ? text_of(entry, "prefix") : "-");
}

static void print_table(const json_t *all)
{
	static const struct table_column columns[] = {{.name = "TIME"},
		{.name = "WHO", .wrap = true}, {.name = "PROCESS", .right = true, .rank = 3},
		{.name = "VERB"}, {.name = "OBJECT"}, {.name = "OUTCOME"},
		{.name = "DETAIL", .wrap = true, .rank = 2}, {.name = NULL}};
	const json_t *entry;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(all, i, entry) {
		const char *outcome = text_of(entry, "outcome");

		table_row(&t);
		table_text(&t, text_of(entry, "time"));
		add_who(&t, entry);
		table_cell(&t, "%s%s%s", text_of(entry, "verb"),
			json_is_true(json_object_get(entry, "force")) ? " --force" : "",
			json_is_true(json_object_get(entry, "ike")) ? " --ike" : "");
		add_object(&t, entry);
		table_text(&t, outcome[0] ? outcome : "-");
		table_text(&t, text_of(entry, "detail"));
	}
	table_print(&t, "the log has nothing of that kind");
}

static int cannot_read(const char *directory)
{
	fprintf(stderr, "sluice: %s: %s%s\n", directory, strerror(errno),
		errno == EACCES ? ", only root may read it" : "");
	return CLIENT_REFUSED;
}

static int show(const char *directory, const struct wanted *wanted, bool json)
{
	struct entries e = {.all = json_array()};

	if (!audit_read(directory, add_entry, &e)) {
		json_decref(e.all);
		return cannot_read(directory);
	}
	choose(e.all, wanted);
	if (json) {
		json_dumpf(e.all, stdout, JSON_INDENT(2));
		puts("");
	} else {
		join(e.all);
		print_table(e.all);
	}
	json_decref(e.all);
	if (fflush(stdout) || ferror(stdout)) {
		perror("sluice: standard output");
		return CLIENT_REFUSED;
	}
	return e.unreadable ? CLIENT_REFUSED : CLIENT_OK;
}

static int verify(const char *directory)
{
	char why[AUDIT_WHY_SIZE];
	uint64_t first, lines;

	if (!audit_verify(directory, &first, &lines, why)) {
		fprintf(stderr, "sluice: %s\n", why);
		return CLIENT_REFUSED;
	}
	printf("%" PRIu64 " lines, all as they were written\n", lines);
	if (first > 1)
		printf("the log begins with number %" PRIu64 ": older ones have made room\n",
			first);
	return CLIENT_OK;
}

int audit_main(int argc, char **argv)
{
	const char *directory = AUDIT_DIRECTORY, *word;
	struct wanted wanted = {0};
	bool json = false, chosen;
	int option;

	argv[0] = "sluice";
	while ((option = getopt_long(argc, argv, "d:jh", long_options, NULL)) != -1) {
		switch (option) {
		case 'd':
			directory = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'S':
			wanted.since = optarg;
			if (events_when(optarg, wanted.when))
				break;
			fprintf(stderr,
				"sluice: a time such as 15m, 30d, 02:13, '2026-11-30 02:13' or "
				"2026-11-30T02:13:00Z is expected, not '%s'\n",
				optarg);
			return CLIENT_USAGE;
		case 'u':
			wanted.user = optarg;
			break;
		case 'I':
			wanted.site = optarg;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return CLIENT_OK;
		default:
			fputs("see sluice audit --help\n", stderr);
			return CLIENT_USAGE;
		}
	}
	word = argv[optind];
	if (word && argv[optind + 1]) {
		fprintf(stderr, "sluice: unexpected word '%s'\nsee sluice audit --help\n",
			argv[optind + 1]);
		return CLIENT_USAGE;
	}
	chosen = json || wanted.since || wanted.user || wanted.site;
	if (word && !strcmp(word, "show"))
		return show(directory, &wanted, json);
	if (word && !strcmp(word, "verify") && !chosen)
		return verify(directory);
	fprintf(stderr, "sluice: audit %s\nsee sluice audit --help\n",
		!word ? "what? One of: show, verify"
		: !strcmp(word, "verify")
			? "verify looks at all of it, and has none of these options"
			: "is followed by one of: show, verify");
	return CLIENT_USAGE;
}
