/* SPDX-License-Identifier: Apache-2.0 */
/* sluice: the operator's command. Words to a request, its answer to a view. */
#include "audit.h"
#include "ca.h"
#include "client.h"
#include "command.h"
#include "events.h"
#include "explain.h"
#include "format.h"
#include "hub_init.h"
#include "import.h"
#include "options.h"
#include "secret.h"
#include "show_site.h"
#include "table.h"
#include "top.h"
#include "values.h"

#include "base/version.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a document is shown; a verb that is not here answers in one sentence. */
static void (*const views[API_VERBS])(const json_t *document) = {
	[API_SHOW_SITES] = print_sites,
	[API_SHOW_TUNNELS] = print_tunnels,
	[API_SHOW_BGP] = print_bgp,
	[API_SHOW_ROUTE] = print_route,
	[API_SHOW_ROUTES] = print_routes,
	[API_SHOW_CLOSED] = print_closed,
	[API_SHOW_SA] = print_sas,
	[API_SHOW_ENDPOINTS] = print_endpoints,
	[API_SHOW_DATAPLANE] = print_dataplane,
	[API_SHOW_LOG] = print_log,
	[API_SHOW_BGP_LOG] = print_bgp_log,
	[API_SHOW_CERTIFICATES] = print_certificates,
	[API_SHOW_UNKNOWN] = print_unknown,
	[API_EVENTS] = print_events,
	[API_TIMELINE] = print_timeline,
	[API_ALARMS] = print_alarms,
	[API_DOCTOR] = print_doctor,
	[API_GRAPH] = print_graph,
	[API_REPORT] = print_report,
	[API_PLAN] = print_plan,
	[API_HISTORY] = print_history,
	[API_DIFF] = print_plan,
	[API_SECRET_LIST] = print_secrets,
	[API_TOKEN_CREATE] = print_token,
	[API_TOKEN_LIST] = print_tokens,
	[API_SITE_LIST] = print_site_list,
	[API_SITE_SHOW] = print_site_document,
	[API_SITE_CREATE] = print_site_changed,
	[API_SITE_MIGRATION] = print_migration,
	[API_SITE_EXPORT] = print_export,
	[API_SITE_IMPORT] = print_imported,
	[API_HUB_SHOW] = print_hub,
};

/* Names the word that is wrong: the first one, or what follows it. */
static int unknown_command(int words, char **word)
{
	char known[256] = "";

	for (const struct verb_row *c = NULL; (c = command_next(c));) {
		const char *second = command_word(c, word[0]);

		if (second && *second)
			snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
				known[0] ? ", " : "", second);
	}
	if (!known[0])
		return options_usage("unknown command", word[0]);
	if (words > 1)
		fprintf(stderr, "sluice: '%s' cannot be followed by '%s', only by one of: %s\n",
			word[0], word[1], known);
	else
		fprintf(stderr, "sluice: %s what? One of: %s\n", word[0], known);
	return CLIENT_USAGE;
}

static int read_revisions(
	const struct verb_row *c, int words, char **word, struct client_request *request)
{
	int most = c->object == OBJECT_REVISION || c->options & VERB_ONE_REVISION ? 1 : 2;
	char *end;

	if (!words && c->object == OBJECT_REVISION)
		return options_usage("which revision? `sluice history` lists them", NULL);
	for (int i = 0; i < words && i < most; i++) {
		request->revisions[i] = strtol(word[i], &end, 10);
		if (*end || request->revisions[i] < 1)
			return options_usage("a revision is a number from 1 on, not", word[i]);
	}
	return words > most ? options_usage("unexpected word", word[most]) : CLIENT_OK;
}

/* "endpoint" with "0" is "endpoint:0"; what has been read is no word any more. */
static int read_failure(struct options *o, int *words, char **word)
{
	static const char *const kinds[] = {"endpoint", "site", "tunnel"};
	bool alone = !strcmp(o->fail, "hub"), known = alone;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		known = known || !strcmp(o->fail, kinds[i]);
	if (!known)
		return options_usage("hub, endpoint, site or tunnel fails, and no", o->fail);
	if (!alone && *words != 1)
		return options_usage(*words ? "unexpected word"
					    : "which one fails? Its name or number "
					      "follows",
			*words ? word[1] : NULL);
	if (alone && *words)
		return options_usage("unexpected word", word[0]);
	if (snprintf(o->failing, sizeof(o->failing), alone ? "%s" : "%s:%s", o->fail, word[0]) >=
		(int)sizeof(o->failing))
		return options_usage("there is no such name:", word[0]);
	*words = 0;
	return CLIENT_OK;
}

/* KEY=VALUE for each key, or a file of them. */
static int read_values(
	const struct verb_row *c, int words, char **word, struct client_request *request)
{
	if (c->options & VERB_DOCUMENT) {
		if (words != 1)
			return options_usage(
				words ? "unexpected word" : "which file? - is standard input",
				words ? word[1] : NULL);
		request->values = values_of_file(word[0]);
		return request->values ? CLIENT_OK : CLIENT_USAGE;
	}
	if (!words && c->object != OBJECT_NEW_SITE)
		return options_usage("KEY=VALUE is expected", NULL);
	request->values = words ? json_object() : NULL;
	for (int i = 0; i < words; i++) {
		if (!values_add(request->values,
			    c->object == OBJECT_NONE ? values_of_hub(word[i]) : "", word[i]))
			return options_usage("KEY=VALUE is expected, not", word[i]);
	}
	return CLIENT_OK;
}

static int read_sites(int words, char **word, struct client_request *request)
{
	if (words != 1)
		return options_usage(words ? "unexpected word" : "which file? - is standard input",
			words ? word[1] : NULL);
	request->values = import_read(word[0]);
	return request->values ? CLIENT_OK : CLIENT_USAGE;
}

static int read_arguments(
	const struct verb_row *c, int words, char **word, struct client_request *request)
{
	bool one = c->object == OBJECT_TUNNEL || c->options & VERB_ONE_TUNNEL;
	bool tunnels = one || c->object == OBJECT_TUNNELS;
	int at = 0;

	if (c->object == OBJECT_REVISION || c->object == OBJECT_REVISIONS)
		return read_revisions(c, words, word, request);
	if (c->options & VERB_SITES)
		return read_sites(words, word, request);
	if (c->object == OBJECT_TOKEN || c->object == OBJECT_SECRET) {
		if (at == words)
			return options_usage(
				c->object == OBJECT_TOKEN
					? "which token? `sluice token list` has their ids"
					: "which secret? `sluice secret list` has their names",
				NULL);
		request->named = word[at++];
	} else if (c->object == OBJECT_ALARM) {
		if (at == words)
			return options_usage(
				"which rule? `sluice alarms --all` has their names", NULL);
		request->rule = word[at++];
		if (at < words)
			request->site = word[at++];
		tunnels = request->site != NULL;
	} else if (c->object == OBJECT_PREFIX) {
		if (at == words)
			return options_usage("which prefix or address?", NULL);
		request->prefix = word[at++];
	} else if (c->object != OBJECT_NONE && at < words)
		request->site = word[at++];
	if (c->options & (VERB_VALUES | VERB_DOCUMENT) &&
		(request->site || c->object == OBJECT_NONE))
		return read_values(c, words - at, word + at, request);
	if ((tunnels || c->object == OBJECT_SITE || c->object == OBJECT_NEW_SITE) && !request->site)
		return options_usage("which site?", NULL);
	if ((tunnels || (c->options & VERB_TUNNEL && request->site)) && at < words) {
		if (strcmp(word[at], "0") && strcmp(word[at], "1"))
			return options_usage("a tunnel is 0 or 1, not", word[at]);
		request->tunnel = word[at++][0] - '0';
	}
	if (c->options & VERB_NEW && at == words)
		return options_usage("to which site?", NULL);
	if (c->options & VERB_NEW)
		request->new = word[at++];
	if (c->options & VERB_STEP && at == words)
		return options_usage(
			"which step? prepare, shift, finish or back; `sluice site migration` "
			"says how far it is",
			NULL);
	if (c->options & VERB_STEP)
		request->step = word[at++];
	if (one && request->tunnel < 0)
		return options_usage("which tunnel, 0 or 1?", NULL);
	if (at < words)
		return options_usage("unexpected word", word[at]);
	return CLIENT_OK;
}

/* Since when: of a report so long ago, of events any time. */
static int check_times(const struct verb_row *c, struct options *o, struct client_request *request)
{
	const char *when = o->around ? o->around : o->since;

	if (o->since && !(c->options & (VERB_SINCE | VERB_EVENTS)))
		return options_usage("--since is not for", c->words);
	if ((o->site || o->kinds || o->follow) && !(c->options & VERB_EVENTS))
		return options_usage("--site, --kind and --follow are not for", c->words);
	if ((o->around || o->within_s) && !(c->options & VERB_AROUND))
		return options_usage("--around and --within are not for", c->words);
	if (o->site && request->site)
		return options_usage("one site is enough:", o->site);
	if (o->site)
		request->site = o->site;
	if (o->since && c->options & VERB_SINCE) {
		o->since_s = events_ago(o->since);
		return o->since_s && o->since_s <= API_SINCE_MAX_S
			       ? CLIENT_OK
			       : options_usage(
					 "a time such as 90s, 15m, 2h or 30d, at most 455d, is "
					 "expected, not",
					 o->since);
	}
	if (when && !events_when(when, o->when))
		return options_usage("a time such as 15m, 30d, 02:13, '2026-11-30 02:13' or "
				     "2026-11-30T02:13:00Z is expected, not",
			when);
	return CLIENT_OK;
}

static int check_options(const struct verb_row *c, const struct options *o)
{
	if (o->for_s && !(c->options & VERB_FOR))
		return options_usage("--for is not for", c->words);
	if (o->all && !(c->options & VERB_ALL))
		return options_usage("--all is not for", c->words);
	if (o->json && c->options & VERB_ITERATIONS)
		return options_usage("--json is not for", c->words);
	if (o->json && o->columns)
		return options_usage("--columns is for the table; --json has all of them", NULL);
	if (o->json && o->format && c->options & VERB_CHOOSE)
		return options_usage("--json and --format exclude each other", NULL);
	if (o->ike && !(c->options & VERB_IKE))
		return options_usage("--ike is not for", c->words);
	if (o->force && !(c->options & VERB_FORCE))
		return options_usage("--force is not for", c->words);
	if (o->next_start && !(c->options & VERB_NEXT_START))
		return options_usage("--next-start is not for", c->words);
	if (o->without_secrets && !(c->options & VERB_NEXT_START))
		return options_usage("--without-secrets is not for", c->words);
	if (o->dry_run && !(c->options & VERB_DRY_RUN))
		return options_usage("--dry-run is not for", c->words);
	if (o->fail && !(c->options & VERB_FAIL))
		return options_usage("--fail is not for", c->words);
	if (o->allow && !(c->options & VERB_ALLOW))
		return options_usage("--allow is not for", c->words);
	if (o->where && !(c->options & (VERB_WHERE | VERB_CHOOSE)))
		return options_usage("--where is not for", c->words);
	if ((o->columns || o->sort) && !(c->options & VERB_WHERE))
		return options_usage("--columns and --sort are not for", c->words);
	if (o->format && !(c->options & VERB_FORMAT))
		return options_usage("--format is not for", c->words);
	if (o->template && !(c->options & VERB_SITES))
		return options_usage("--template is not for", c->words);
	if (!site_list_has(o->where) || !site_list_has(o->columns) || !site_list_has(o->sort))
		return options_usage(
			"a site has no such field; it has site, state, as, class, group, rate, "
			"labels, label.KEY, revision, pending, since, file",
			NULL);
	if (o->next_start && o->confirm_s)
		return options_usage("--next-start and --confirm exclude each other", NULL);
	if (o->confirm_s && !(c->options & VERB_CONFIRM))
		return options_usage("--confirm is not for", c->words);
	if ((o->role || o->scope || o->days) && !(c->options & VERB_GRANT))
		return options_usage("--role, --scope and --days are not for", c->words);
	if (!o->role && c->options & VERB_GRANT)
		return options_usage("--role is needed for", c->words);
	if (o->iterations_given && !(c->options & VERB_ITERATIONS))
		return options_usage("--iterations is not for", c->words);
	return CLIENT_OK;
}

/* A process that has hung is ended soon; until then, what it said last is what there is. */
static void print_silent(const json_t *document)
{
	const char *name;
	json_t *silent = json_object_get(document, "silent"), *seconds;

	json_object_foreach(silent, name, seconds)
		fprintf(stderr,
			"sluice: %s has not answered for %lld s: what follows is what it said "
			"before\n",
			name, (long long)json_integer_value(seconds));
}

static void print_answer(const struct verb_row *c, const struct options *o, const json_t *document)
{
	void (*view)(const json_t *) = views[c - verbs];

	if (o->json) {
		json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		puts("");
	} else if (o->dry_run) {
		print_plan(document);
		if (c->options & VERB_SITES)
			print_imported(document);
	} else if (o->fail) {
		print_failure(document);
	} else if (o->since_s && c - verbs == API_REPORT) {
		print_report_since(document);
	} else if (view) {
		view(document);
	} else {
		const char *said = json_string_value(json_object_get(document, "ok"));

		puts(said ? said : "done");
	}
}

/* An error that it leads to, or that keeps `apply` from it; what is so already is in nobody's way. */
static bool has_error(const json_t *plan)
{
	json_t *findings = json_object_get(plan, "findings"), *o;
	size_t i;

	json_array_foreach(findings, i, o) {
		if (!strcmp(field_text(o, "severity"), "error") &&
			(json_is_true(json_object_get(o, "new")) ||
				!strcmp(field_text(o, "kind"), "secret-missing")))
			return true;
	}
	return false;
}

/* Whether what was planned would be refused, or is not to be done unseen. */
static bool is_warned_of(const struct verb_row *c, const struct options *o, const json_t *document)
{
	if (o->dry_run)
		return json_object_get(document, "refused");
	return c - verbs == API_PLAN && !o->fail &&
	       (json_object_get(document, "refused") || has_error(document));
}

/* Of what the daemon tells of all sites, what is asked for, as a table or not. */
static void keep_chosen(const struct verb_row *c, json_t *document)
{
	if (c->options & VERB_WHERE)
		site_list_keep_chosen(document);
	if (c->options & VERB_CHOOSE)
		export_keep_chosen(document);
}

static int run(const struct verb_row *c, const struct options *o, struct client_request *request)
{
	const struct client_request list = {.verb = API_SITE_LIST, .tunnel = -1};
	json_t *document;
	bool refused;
	int status;

	if (c->options & VERB_ITERATIONS)
		return top_run(o->socket_path, request->site, o->iterations);
	request->verb = (enum api_verb)(c - verbs);
	request->ike = o->ike;
	request->force = o->force;
	request->since_s = o->since_s;
	request->confirm_s = o->confirm_s;
	request->next_start = o->next_start;
	request->without_secrets = o->without_secrets;
	request->role = o->role;
	request->scope = o->scope;
	request->days = o->days;
	request->for_s = o->for_s;
	request->all = o->all;
	request->dry_run = o->dry_run;
	request->allow = o->allow;
	request->fail = o->fail ? o->failing : NULL;
	request->kinds = o->kinds;
	request->from = o->when[0] ? o->when : NULL;
	request->within_s = o->within_s;
	if (c->options & VERB_EVENTS)
		return events_run(o->socket_path, request, o->json, o->follow);
	site_list_choose(o->where, o->columns, o->sort);
	if (o->where && c->options & VERB_CHOOSE) {
		status = client_ask(o->socket_path, &list, &document);
		if (status != CLIENT_OK)
			return status;
		export_choose(document);
	}
	status = client_ask(o->socket_path, request, &document);
	if (status != CLIENT_OK)
		return status;
	keep_chosen(c, document);
	print_silent(document);
	print_answer(c, o, document);
	refused = is_warned_of(c, o, document) ||
		  (request->verb == API_DOCTOR && doctor_finds(document));
	json_decref(document);
	if (fflush(stdout) || ferror(stdout)) {
		perror("sluice: standard output");
		return CLIENT_REFUSED;
	}
	return refused ? CLIENT_REFUSED : CLIENT_OK;
}

/* Of how sluiced is asked: what follows is its value. */
static bool has_value(const char *option)
{
	static const char *const with[] = {
		"--socket", "-s", "--token", "--host", "--ca", "--cert", "--key"};

	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
		if (!strcmp(option, with[i]))
			return true;
	}
	return false;
}

/* That is no option; "": there is none. */
static const char *first_word(int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-')
		i += has_value(argv[i]) ? 2 : 1;
	return i < argc ? argv[i] : "";
}

int main(int argc, char **argv)
{
	struct options o = {.socket_path = CLIENT_SOCKET};
	struct client_request request = {.tunnel = -1};
	const struct verb_row *c;
	int status, used, words;
	bool done = false;

	if (argc > 1 && !strcmp(argv[1], "ca"))
		return ca_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "--complete")) {
		command_complete(argc - 2, argv + 2);
		return CLIENT_OK;
	}
	if (argc > 2 && !strcmp(argv[1], "secret") && secret_is_own(argv[2]))
		return secret_main(argc - 1, argv + 1);
	if (argc > 2 && !strcmp(argv[1], "hub") && !strcmp(argv[2], "init"))
		return hub_init_main(argc - 2, argv + 2);
	if (argc > 1 && !strcmp(argv[1], "audit"))
		return audit_main(argc - 1, argv + 1);
	if (!strcmp(first_word(argc, argv), "site"))
		argv = values_words(&argc, argv);
	status = options_read(argc, argv, &o, &done);
	if (status != CLIENT_OK || done)
		return status;
	words = argc - optind;
	if (!words) {
		command_usage(stderr);
		return CLIENT_USAGE;
	}
	if (words == 1 && !strcmp(argv[optind], "version")) {
		puts("sluice " SLUICE_VERSION);
		return CLIENT_OK;
	}
	if (words == 1 && !strcmp(argv[optind], "help")) {
		command_usage(stdout);
		return CLIENT_OK;
	}
	if (!strcmp(argv[optind], "explain")) {
		if (words > 2)
			return options_usage("unexpected word", argv[optind + 2]);
		if (explain(argv[optind + 1]))
			return CLIENT_OK;
		return options_usage("there is no reason", argv[optind + 1]);
	}
	c = command_find(words, argv + optind, &used);
	if (!c)
		return unknown_command(words, argv + optind);
	words -= used;
	status = o.fail && c->options & VERB_FAIL ? read_failure(&o, &words, argv + optind + used)
						  : CLIENT_OK;
	if (status == CLIENT_OK)
		status = read_arguments(c, words, argv + optind + used, &request);
	if (status == CLIENT_OK)
		status = check_times(c, &o, &request);
	if (status == CLIENT_OK)
		status = check_options(c, &o);
	if (status == CLIENT_OK)
		status = options_check_way(&o);
	if (status == CLIENT_OK)
		status = run(c, &o, &request);
	json_decref(request.values);
	return status;
}
