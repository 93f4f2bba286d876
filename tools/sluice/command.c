/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include "client.h"

#include "config/options.h"

#include <string.h>

static const struct verb_row top = {"top", OBJECT_SITES, RIGHT_READ, MAY_VIEW, REACH_SITES,
	VERB_ITERATIONS, .help = "the busiest sites, every second"};

/* Commands that ask nobody. */
static const struct {
	const char *words, *help;
} others[] = {
	{"explain [CODE]", "what a reason code means, what to do"},
	{"ca COMMAND", "certificates: see sluice ca --help"},
	{"secret set|show NAME", "what is sealed: see sluice secret set --help"},
	{"hub init", "the first files of a hub: see sluice hub init --help"},
	{"audit show|verify", "who changed what: see sluice audit --help"},
	{"version", "of this program"},
	{"help", "this"},
};

static const struct {
	unsigned int option; /* enum verb_option, or'ed: one of these */
	const char *word, *value;
} options[] = {
	{VERB_SINCE, "--since", " 15m|2h"},
	{VERB_EVENTS, "--since", " 15m|02:13|TIME"},
	{VERB_EVENTS, "--kind", " KIND,..."},
	{VERB_EVENTS, "--follow", ""},
	{VERB_AROUND, "--around", " 02:13|TIME"},
	{VERB_AROUND, "--within", " 15m"},
	{VERB_ITERATIONS, "--iterations", " N"},
	{VERB_IKE, "--ike", ""},
	{VERB_FORCE, "--force", ""},
	{VERB_CONFIRM, "--confirm", " 10m"},
	{VERB_NEXT_START, "--next-start", ""},
	{VERB_NEXT_START, "--without-secrets", ""},
	{VERB_GRANT, "--role", " viewer|operator|secret-reader|admin"},
	{VERB_GRANT, "--scope", " group=NAME"},
	{VERB_GRANT, "--days", " N"},
	{VERB_FOR, "--for", " 2h"},
	{VERB_ALL, "--all", ""},
	{VERB_DRY_RUN, "--dry-run", ""},
	{VERB_ALLOW, "--allow", " EFFECT"},
	{VERB_FAIL, "--fail", " hub|endpoint N|site NAME|tunnel NAME/N"},
	{VERB_WHERE | VERB_CHOOSE, "--where", " FIELD=VALUE,..."},
	{VERB_FORMAT, "--format", " csv|json|yaml"},
	{VERB_SITES, "--template", " FILE|KEY=VALUE"},
	{VERB_WHERE, "--columns", " FIELD,..."},
	{VERB_WHERE, "--sort", " FIELD"},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

const struct verb_row *command_next(const struct verb_row *c)
{
	const struct verb_row *next = c ? c + 1 : verbs;

	if (c == &top)
		return NULL;
	while (next < verbs + API_VERBS && !next->words)
		next++;
	return next < verbs + API_VERBS ? next : &top;
}

const char *command_word(const struct verb_row *c, const char *first)
{
	size_t len = strlen(first);

	if (strncmp(c->words, first, len) || (c->words[len] && c->words[len] != ' '))
		return NULL;
	return c->words[len] ? c->words + len + 1 : "";
}

const struct verb_row *command_find(int words, char **word, int *used)
{
	for (const struct verb_row *c = NULL; words && (c = command_next(c));) {
		const char *second = command_word(c, word[0]);

		*used = second && *second ? 2 : 1;
		if (second && (!*second || (words > 1 && !strcmp(second, word[1]))))
			return c;
	}
	return NULL;
}

static bool takes_one_tunnel(const struct verb_row *c)
{
	return c->object == OBJECT_TUNNEL || c->options & VERB_ONE_TUNNEL;
}

static const char *arguments(const struct verb_row *c)
{
	if (takes_one_tunnel(c))
		return " SITE 0|1";
	switch (c->object) {
	case OBJECT_SITES:
		return c->options & VERB_TUNNEL ? " [SITE [0|1]]" : " [SITE]";
	case OBJECT_TUNNELS:
		return " SITE [0|1]";
	case OBJECT_PREFIX:
		return " PREFIX|ADDRESS";
	case OBJECT_SECRET:
		return " NAME";
	case OBJECT_TOKEN:
		return " ID";
	case OBJECT_ALARM:
		return " RULE [SITE [0|1]]";
	case OBJECT_REVISION:
		return " N";
	case OBJECT_REVISIONS:
		return c->options & VERB_ONE_REVISION ? " [N]" : " [N [M]]";
	case OBJECT_SITE:
		if (c->options & VERB_NEW)
			return c->options & VERB_STEP ? " OLD NEW prepare|shift|finish|back"
						      : " OLD NEW";
		return c->options & VERB_VALUES ? " SITE KEY=VALUE..." : " SITE";
	case OBJECT_NEW_SITE:
		return c->options & VERB_DOCUMENT ? " SITE FILE" : " SITE [KEY=VALUE...]";
	default:
		return c->options & VERB_VALUES  ? " KEY=VALUE..."
		       : c->options & VERB_SITES ? " FILE"
						 : "";
	}
}

void command_usage(FILE *out)
{
	fputs("usage: sluice COMMAND [--socket PATH] [--token FILE]   the socket is " CLIENT_SOCKET
	      "\n       sluice COMMAND --host https://NAME:PORT [--ca FILE] [--token FILE] [--cert "
	      "FILE [--key FILE]]\n",
		out);
	fputs("what is shown is shown as a JSON document with --json; -s, -j, -n and -h are short "
	      "for --socket, "
	      "--json,\n--iterations and --help\n\n",
		out);
	for (const struct verb_row *c = NULL; (c = command_next(c));) {
		int n = fprintf(out, "  %s%s", c->words, arguments(c));

		for (size_t i = 0; i < OPTIONS; i++) {
			if (c->options & options[i].option)
				n += fprintf(out, " [%s%s]", options[i].word, options[i].value);
		}
		fprintf(out, "%*s  %s\n", n < 36 ? 36 - n : 0, "", c->help);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		fprintf(out, "  %-34s  %s\n", others[i].words, others[i].help);
}

static void complete_sites(const char *socket_path)
{
	struct client_request request = {.verb = API_SHOW_SITES, .tunnel = -1};
	json_t *document, *site;
	size_t i;

	if (client_ask(socket_path, &request, &document) != CLIENT_OK)
		return;
	json_array_foreach(json_object_get(document, "sites"), i, site) {
		const char *name = json_string_value(json_object_get(site, "name"));

		if (name)
			puts(name);
	}
	json_decref(document);
}

static void complete_revisions(const char *socket_path)
{
	struct client_request request = {.verb = API_HISTORY, .tunnel = -1};
	json_t *document, *revision;
	size_t i;

	if (client_ask(socket_path, &request, &document) != CLIENT_OK)
		return;
	json_array_foreach(json_object_get(document, "revisions"), i, revision)
		printf("%lld\n",
			(long long)json_integer_value(json_object_get(revision, "number")));
	json_decref(document);
}

/* A member of each row of what a verb lists. */
static void complete_named(
	const char *socket_path, enum api_verb verb, const char *list, const char *member)
{
	struct client_request request = {.verb = verb, .tunnel = -1};
	json_t *document, *o;
	size_t i;

	if (client_ask(socket_path, &request, &document) != CLIENT_OK)
		return;
	json_array_foreach(json_object_get(document, list), i, o)
		puts(json_string_value(json_object_get(o, member)));
	json_decref(document);
}

/* What a document may have, in front of its value. */
static void complete_keys(void)
{
	for (const struct walk_field *f = options_site; f->key; f++) {
		if (strcmp(f->key, "name") && strcmp(f->key, "tunnels"))
			printf("%s=\n", f->key);
	}
	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		for (const struct walk_field *f = options_tunnel; f->key; f++)
			printf("tunnels.%d.%s=\n", t, f->key);
	}
}

static void complete_hub_keys(void)
{
	for (const struct walk_field *f = options_concentrator; f->key; f++)
		printf("%s=\n", f->key);
	for (const struct walk_field *f = options_default_tunnel; f->key; f++)
		printf("tunnel.%s=\n", f->key);
}

static void complete_arguments(const struct verb_row *c, int given, const char *socket_path)
{
	bool tunnels = takes_one_tunnel(c) || c->object == OBJECT_TUNNELS;

	if (given == 0 && (tunnels || c->object == OBJECT_SITES || c->object == OBJECT_SITE ||
				  (c->object == OBJECT_NEW_SITE && c->options & VERB_DOCUMENT)))
		complete_sites(socket_path);
	if (given == 0 && c->object == OBJECT_ALARM)
		complete_named(socket_path, API_ALARMS, "alarms", "rule");
	if (given == 1 && c->object == OBJECT_ALARM)
		complete_sites(socket_path);
	if (given == 2 && c->object == OBJECT_ALARM)
		puts("0\n1");
	if (given == 1 && c->options & VERB_NEW)
		complete_sites(socket_path);
	if (given == 2 && c->options & VERB_STEP)
		puts("prepare\nshift\nfinish\nback");
	if (given == 0 && c->object == OBJECT_TOKEN)
		complete_named(socket_path, API_TOKEN_LIST, "tokens", "id");
	if (given == 0 && c->object == OBJECT_SECRET)
		complete_named(socket_path, API_SECRET_LIST, "secrets", "name");
	if (c->object == OBJECT_REVISION || c->object == OBJECT_REVISIONS)
		complete_revisions(socket_path);
	if (c->object == OBJECT_NONE && c->options & VERB_VALUES)
		complete_hub_keys();
	else if (given && c->options & VERB_VALUES)
		complete_keys();
	if (given == 1 && (tunnels || c->options & VERB_TUNNEL))
		puts("0\n1");
	for (size_t i = 0; i < OPTIONS; i++) {
		if (c->options & options[i].option)
			puts(options[i].word);
	}
	if (c != &top)
		puts("--json");
}

/* The first words of all commands, or the second ones of those that begin with `first`. */
static void complete_command(const char *first)
{
	const char *said = "";

	for (const struct verb_row *c = NULL; (c = command_next(c));) {
		const char *next = first ? command_word(c, first) : c->words;

		/* Commands that begin alike stand together. */
		if (next && *next && strncmp(next, said, strcspn(next, " ") + 1) != 0)
			printf("%.*s\n", (int)strcspn(next, " "), next);
		said = next && !first ? next : "";
	}
	if (first && !strcmp(first, "hub"))
		puts("init");
	if (first && !strcmp(first, "secret"))
		puts("set\nshow");
	for (size_t i = 0; !first && i < sizeof(others) / sizeof(others[0]); i++)
		if (strncmp(others[i].words, "secret ", 7) != 0 &&
			strcmp(others[i].words, "hub init") != 0) /* of the verbs, too */
			printf("%.*s\n", (int)strcspn(others[i].words, " "), others[i].words);
}

void command_complete(int words, char **word)
{
	const char *socket_path = CLIENT_SOCKET;
	const struct verb_row *c;
	int n = 0, used;

	for (int i = 0; i < words; i++) {
		if (!strcmp(word[i], "--socket") && i + 1 < words)
			socket_path = word[++i];
		else if (word[i][0] != '-')
			word[n++] = word[i];
	}
	c = command_find(n, word, &used);
	if (c)
		complete_arguments(c, n - used, socket_path);
	else if (n < 2)
		complete_command(n ? word[0] : NULL);
}
