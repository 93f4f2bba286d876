/* SPDX-License-Identifier: Apache-2.0 */
/* sluice: the operator's command. Words to a request, its answer to a view. */
#include "ca.h"
#include "client.h"
#include "explain.h"
#include "table.h"
#include "top.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "0.1.0"

static const char usage_text[] =
	"usage: sluice show sites|tunnels|bgp|routes|closed|sa|log|bgp-log [SITE] "
	"[--json]\n"
	"       sluice show endpoints|dataplane|certificates|unknown [--json]\n"
	"       sluice show route PREFIX|ADDRESS [--json]   why its best path won\n"
	"       sluice report [SITE] [--since 15m|2h] [--json]\n"
	"                                        rates, totals and drops of each site\n"
	"       sluice top [SITE] [--iterations N]\n"
	"       sluice apply                     read the configuration again\n"
	"       sluice rekey SITE [0|1] [--ike]  new keys for a tunnel now\n"
	"       sluice tunnel up|drain SITE 0|1\n"
	"       sluice tunnel down SITE 0|1 [--force]\n"
	"       sluice release PREFIX            what the hub sends there may leave in clear\n"
	"       sluice explain [CODE]            what a reason code means, what to do\n"
	"       sluice ca COMMAND                certificates: see sluice ca --help\n"
	"       sluice version\n"
	"options: --socket PATH (" CLIENT_SOCKET ")\n";

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"ike", no_argument, NULL, 'i'},
	{"force", no_argument, NULL, 'f'},
	{"since", required_argument, NULL, 'S'},
	{"iterations", required_argument, NULL, 'n'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

enum takes_site {
	SITE_NEVER,
	SITE_OPTIONAL,
	SITE_NEEDED,
	PREFIX_NEEDED, /* instead of a site */
};

enum takes_tunnel {
	TUNNEL_NEVER,
	TUNNEL_OPTIONAL,
	TUNNEL_NEEDED,
};

struct command {
	const char *words[2];
	const char *verb; /* NULL: top */
	enum takes_site site;
	enum takes_tunnel tunnel;
	bool takes_ike;
	void (*view)(const json_t *document); /* NULL: a command, answered in one sentence */
};

static const struct command commands[] = {
	{{"show", "sites"}, "show-sites", SITE_OPTIONAL, TUNNEL_NEVER, false, view_sites},
	{{"show", "tunnels"}, "show-tunnels", SITE_OPTIONAL, TUNNEL_NEVER, false, view_tunnels},
	{{"show", "bgp"}, "show-bgp", SITE_OPTIONAL, TUNNEL_NEVER, false, view_bgp},
	{{"show", "route"}, "show-route", PREFIX_NEEDED, TUNNEL_NEVER, false, view_route},
	{{"show", "routes"}, "show-routes", SITE_OPTIONAL, TUNNEL_NEVER, false, view_routes},
	{{"show", "closed"}, "show-closed", SITE_OPTIONAL, TUNNEL_NEVER, false, view_closed},
	{{"release"}, "release", PREFIX_NEEDED, TUNNEL_NEVER, false, NULL},
	{{"show", "sa"}, "show-sa", SITE_OPTIONAL, TUNNEL_NEVER, false, view_sas},
	{{"show", "endpoints"}, "show-endpoints", SITE_NEVER, TUNNEL_NEVER, false, view_endpoints},
	{{"show", "dataplane"}, "show-dataplane", SITE_NEVER, TUNNEL_NEVER, false, view_dataplane},
	{{"show", "log"}, "show-log", SITE_OPTIONAL, TUNNEL_NEVER, false, view_log},
	{{"show", "bgp-log"}, "show-bgp-log", SITE_OPTIONAL, TUNNEL_NEVER, false, view_bgp_log},
	{{"show", "certificates"}, "show-certificates", SITE_NEVER, TUNNEL_NEVER, false,
		view_certificates},
	{{"show", "unknown"}, "show-unknown", SITE_NEVER, TUNNEL_NEVER, false, view_unknown},
	{{"report"}, "report", SITE_OPTIONAL, TUNNEL_NEVER, false, view_report},
	{{"top"}, NULL, SITE_OPTIONAL, TUNNEL_NEVER, false, NULL},
	{{"apply"}, "apply", SITE_NEVER, TUNNEL_NEVER, false, NULL},
	{{"rekey"}, "rekey", SITE_NEEDED, TUNNEL_OPTIONAL, true, NULL},
	{{"tunnel", "down"}, "tunnel-down", SITE_NEEDED, TUNNEL_NEEDED, false, NULL},
	{{"tunnel", "up"}, "tunnel-up", SITE_NEEDED, TUNNEL_NEEDED, false, NULL},
	{{"tunnel", "drain"}, "tunnel-drain", SITE_NEEDED, TUNNEL_NEEDED, false, NULL},
};

struct options {
	const char *socket_path;
	bool json, ike, force;
	bool iterations_given;
	unsigned long iterations;
	long since_s;
};

static int usage(const char *wrong, const char *what)
{
	fprintf(stderr, "sluice: %s%s%s%s\nsee sluice --help\n", wrong, what ? " '" : "",
		what ? what : "", what ? "'" : "");
	return CLIENT_USAGE;
}

static int not_for(const char *option, const struct command *c)
{
	char name[40];

	snprintf(name, sizeof(name), "%s%s%s", c->words[0], c->words[1] ? " " : "",
		c->words[1] ? c->words[1] : "");
	return usage(option, name);
}

/* "90s", "15m", "2h", at most a day, as seconds; 0: it is none of these. */
static long read_duration(const char *text)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	long n = strtol(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end[0] == units[i].unit && !end[1] && n > 0 && n <= 86400 / units[i].seconds)
			return n * units[i].seconds;
	}
	return 0;
}

/* Options may stand anywhere. Returns CLIENT_OK, or the status to exit with; *done: exit now. */
static int read_options(int argc, char **argv, struct options *o, bool *done)
{
	int option;
	char *end;

	argv[0] = "sluice"; /* what getopt says begins as all that is said here */
	while ((option = getopt_long(argc, argv, "s:jn:h", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			o->socket_path = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'i':
			o->ike = true;
			break;
		case 'f':
			o->force = true;
			break;
		case 'n':
			o->iterations = strtoul(optarg, &end, 10);
			o->iterations_given = true;
			if (*end || !o->iterations || optarg[0] == '-')
				return usage("a number of screens is expected, not", optarg);
			break;
		case 'S':
			o->since_s = read_duration(optarg);
			if (!o->since_s)
				return usage("a time such as 90s, 15m or 2h, at most 1d, is "
					     "expected, not",
					optarg);
			break;
		case 'h':
			fputs(usage_text, stdout);
			*done = true;
			return CLIENT_OK;
		default: /* getopt has named it */
			fputs("see sluice --help\n", stderr);
			return CLIENT_USAGE;
		}
	}
	return CLIENT_OK;
}

/* The command that the first words name; *used: how many of them. */
static const struct command *find_command(int words, char **word, int *used)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		*used = c->words[1] ? 2 : 1;
		if (words >= *used && !strcmp(word[0], c->words[0]) &&
			(!c->words[1] || !strcmp(word[1], c->words[1])))
			return c;
	}
	return NULL;
}

/* Names the word that is wrong: the first one, or what follows it. */
static int unknown_command(int words, char **word)
{
	char known[256] = "";

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].words[1] && !strcmp(commands[i].words[0], word[0]))
			snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
				known[0] ? ", " : "", commands[i].words[1]);
	}
	if (!known[0])
		return usage("unknown command", word[0]);
	if (words > 1)
		fprintf(stderr, "sluice: '%s' cannot be followed by '%s', only by one of: %s\n",
			word[0], word[1], known);
	else
		fprintf(stderr, "sluice: %s what? One of: %s\n", word[0], known);
	return CLIENT_USAGE;
}

static int read_arguments(
	const struct command *c, int words, char **word, struct client_request *request)
{
	int at = 0;

	if (c->site == PREFIX_NEEDED) {
		if (at == words)
			return usage("which prefix or address?", NULL);
		request->prefix = word[at++];
	} else if (c->site != SITE_NEVER && at < words)
		request->site = word[at++];
	if (c->site == SITE_NEEDED && !request->site)
		return usage("which site?", NULL);
	if (c->tunnel != TUNNEL_NEVER && at < words) {
		if (strcmp(word[at], "0") && strcmp(word[at], "1"))
			return usage("a tunnel is 0 or 1, not", word[at]);
		request->tunnel = word[at++][0] - '0';
	}
	if (c->tunnel == TUNNEL_NEEDED && request->tunnel < 0)
		return usage("which tunnel, 0 or 1?", NULL);
	if (at < words)
		return usage("unexpected word", word[at]);
	return CLIENT_OK;
}

static int check_options(const struct command *c, const struct options *o)
{
	if (o->json && !c->view)
		return not_for("--json is not for", c);
	if (o->ike && !c->takes_ike)
		return not_for("--ike is not for", c);
	if (o->force && (!c->verb || strcmp(c->verb, "tunnel-down")))
		return not_for("--force is not for", c);
	if (o->since_s && c->view != view_report)
		return not_for("--since is not for", c);
	if (o->iterations_given && c->verb)
		return not_for("--iterations is not for", c);
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

static void print_answer(const struct command *c, const struct options *o, const json_t *document)
{
	if (o->json) {
		json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		puts("");
	} else if (o->since_s) {
		view_report_since(document);
	} else if (c->view) {
		c->view(document);
	} else {
		const char *said = json_string_value(json_object_get(document, "ok"));

		puts(said ? said : "done");
	}
}

static int run(const struct command *c, const struct options *o, struct client_request *request)
{
	json_t *document;
	int status;

	if (!c->verb)
		return top_run(o->socket_path, request->site, o->iterations);
	request->verb = c->verb;
	request->ike = o->ike;
	request->force = o->force;
	request->since_s = o->since_s;
	status = client_ask(o->socket_path, request, &document);
	if (status != CLIENT_OK)
		return status;
	print_silent(document);
	print_answer(c, o, document);
	json_decref(document);
	if (fflush(stdout) || ferror(stdout)) {
		perror("sluice: standard output");
		return CLIENT_REFUSED;
	}
	return CLIENT_OK;
}

int main(int argc, char **argv)
{
	struct options o = {.socket_path = CLIENT_SOCKET};
	struct client_request request = {.tunnel = -1};
	const struct command *c;
	int status, used, words;
	bool done = false;

	if (argc > 1 && !strcmp(argv[1], "ca"))
		return ca_main(argc - 1, argv + 1);
	status = read_options(argc, argv, &o, &done);
	if (status != CLIENT_OK || done)
		return status;
	words = argc - optind;
	if (!words) {
		fputs(usage_text, stderr);
		return CLIENT_USAGE;
	}
	if (words == 1 && !strcmp(argv[optind], "version")) {
		puts("sluice " VERSION);
		return CLIENT_OK;
	}
	if (words <= 2 && !strcmp(argv[optind], "explain")) {
		if (explain(argv[optind + 1]))
			return CLIENT_OK;
		return usage("there is no reason", argv[optind + 1]);
	}
	c = find_command(words, argv + optind, &used);
	if (!c)
		return unknown_command(words, argv + optind);
	status = read_arguments(c, words - used, argv + optind + used, &request);
	if (status == CLIENT_OK)
		status = check_options(c, &o);
	return status == CLIENT_OK ? run(c, &o, &request) : status;
}
