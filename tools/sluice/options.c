/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "client.h"
#include "command.h"
#include "events.h"
#include "format.h"
#include "import.h"

#include "base/role.h"
#include "base/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option options_long[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"ike", no_argument, NULL, 'i'},
	{"force", no_argument, NULL, 'f'},
	{"confirm", required_argument, NULL, 'c'},
	{"next-start", no_argument, NULL, 'N'},
	{"without-secrets", no_argument, NULL, 'W'},
	{"since", required_argument, NULL, 'S'},
	{"role", required_argument, NULL, 'r'},
	{"scope", required_argument, NULL, 'o'},
	{"days", required_argument, NULL, 'd'},
	{"for", required_argument, NULL, 'm'},
	{"all", no_argument, NULL, 'l'},
	{"token", required_argument, NULL, 't'},
	{"host", required_argument, NULL, 'H'},
	{"ca", required_argument, NULL, 'a'},
	{"cert", required_argument, NULL, 'e'},
	{"key", required_argument, NULL, 'k'},
	{"follow", no_argument, NULL, 'L'},
	{"site", required_argument, NULL, 'I'},
	{"kind", required_argument, NULL, 'K'},
	{"around", required_argument, NULL, 'R'},
	{"within", required_argument, NULL, 'B'},
	{"iterations", required_argument, NULL, 'n'},
	{"dry-run", no_argument, NULL, 'D'},
	{"allow", required_argument, NULL, 'A'},
	{"fail", required_argument, NULL, 'x'},
	{"where", required_argument, NULL, 'w'},
	{"columns", required_argument, NULL, 'C'},
	{"sort", required_argument, NULL, 'O'},
	{"format", required_argument, NULL, 'F'},
	{"template", required_argument, NULL, 'T'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

int options_usage(const char *wrong, const char *what)
{
	fprintf(stderr, "sluice: %s%s%s%s\nsee sluice --help\n", wrong, what ? " '" : "",
		what ? what : "", what ? "'" : "");
	return CLIENT_USAGE;
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

/* Of what is done to sites, and of their list. */
static void read_site_option(int option, struct options *o)
{
	switch (option) {
	case 'D':
		o->dry_run = true;
		break;
	case 'A':
		o->allow = optarg;
		break;
	case 'w':
		o->where = optarg;
		break;
	case 'C':
		o->columns = optarg;
		break;
	default:
		o->sort = optarg;
		break;
	}
}

/* Of many sites. */
static int read_import_option(int option, struct options *o)
{
	if (option == 'T') {
		o->template = true;
		return import_template(optarg) ? CLIENT_OK : CLIENT_USAGE;
	}
	o->format = optarg;
	return import_format(optarg) ? CLIENT_OK
				     : options_usage("csv, json or yaml is expected, not", optarg);
}

/* Of a new token. */
static int read_grant(int option, struct options *o)
{
	char *end;

	switch (option) {
	case 'r':
		o->role = optarg;
		if (role_find(optarg) == ROLES)
			return options_usage(
				"viewer, operator, secret-reader or admin is expected, not",
				optarg);
		return CLIENT_OK;
	case 'o':
		o->scope = optarg;
		if (strncmp(optarg, "group=", 6) != 0 || !optarg[6])
			return options_usage("group=NAME is expected, not", optarg);
		return CLIENT_OK;
	default:
		o->days = strtol(optarg, &end, 10);
		if (*end || o->days < 1 || o->days > API_TOKEN_DAYS_MAX)
			return options_usage("a token lasts for 1 to 366 days, not", optarg);
		return CLIENT_OK;
	}
}

static void read_way_option(int option, struct options *o)
{
	const char **to = option == 'H'   ? &o->host
			  : option == 'a' ? &o->ca
			  : option == 'e' ? &o->cert
					  : &o->key;

	*to = optarg;
}

int options_check_way(const struct options *o)
{
	if (!o->host && (o->ca || o->cert || o->key))
		return options_usage("--ca, --cert and --key belong to --host", NULL);
	if (o->key && !o->cert)
		return options_usage("--key belongs to --cert", NULL);
	if (o->host)
		format_users_elsewhere();
	if (o->host && !client_elsewhere(o->host, o->ca, o->cert, o->key))
		return options_usage("https://NAME:PORT is expected, not", o->host);
	return CLIENT_OK;
}

/* Of events. */
static int read_event_option(int option, struct options *o)
{
	switch (option) {
	case 'L':
		o->follow = true;
		return CLIENT_OK;
	case 'S':
		o->since = optarg;
		return CLIENT_OK;
	case 'I':
		o->site = optarg;
		return CLIENT_OK;
	case 'K':
		o->kinds = optarg;
		return CLIENT_OK;
	case 'R':
		o->around = optarg;
		return CLIENT_OK;
	default:
		o->within_s = read_duration(optarg);
		return o->within_s ? CLIENT_OK
				   : options_usage("a time such as 90s, 15m or 2h, at most 1d, is "
						   "expected, not",
					     optarg);
	}
}

int options_read(int argc, char **argv, struct options *o, bool *done)
{
	int option;
	char *end;

	argv[0] = "sluice"; /* what getopt says begins as all that is said here */
	while ((option = getopt_long(argc, argv, "s:jn:h", options_long, NULL)) != -1) {
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
		case 'N':
			o->next_start = true;
			break;
		case 'W':
			o->without_secrets = true;
			break;
		case 'x':
			o->fail = optarg;
			break;
		case 'D':
		case 'A':
		case 'w':
		case 'C':
		case 'O':
			read_site_option(option, o);
			break;
		case 'n':
			o->iterations = strtoul(optarg, &end, 10);
			o->iterations_given = true;
			if (*end || !o->iterations || optarg[0] == '-')
				return options_usage(
					"a number of screens is expected, not", optarg);
			break;
		case 'L':
		case 'S':
		case 'I':
		case 'K':
		case 'R':
		case 'B':
			if (read_event_option(option, o) != CLIENT_OK)
				return CLIENT_USAGE;
			break;
		case 'c':
			o->confirm_s = read_duration(optarg);
			if (!o->confirm_s)
				return options_usage(
					"a time such as 90s, 10m or 2h, at most 1d, is "
					"expected, not",
					optarg);
			break;
		case 'm':
			o->for_s = events_ago(optarg);
			if (!o->for_s || o->for_s > ALARM_SILENCE_MAX_S)
				return options_usage(
					"a time such as 90s, 10m, 2h or 7d, at most 30d, is "
					"expected, not",
					optarg);
			break;
		case 'l':
			o->all = true;
			break;
		case 'F':
		case 'T':
			if (read_import_option(option, o) != CLIENT_OK)
				return CLIENT_USAGE;
			break;
		case 't':
			client_show(optarg);
			break;
		case 'H':
		case 'a':
		case 'e':
		case 'k':
			read_way_option(option, o);
			break;
		case 'r':
		case 'o':
		case 'd':
			if (read_grant(option, o) != CLIENT_OK)
				return CLIENT_USAGE;
			break;
		case 'h':
			command_usage(stdout);
			*done = true;
			return CLIENT_OK;
		case 'V':
			puts("sluice " SLUICE_VERSION);
			*done = true;
			return CLIENT_OK;
		default: /* getopt has named it */
			fputs("see sluice --help\n", stderr);
			return CLIENT_USAGE;
		}
	}
	return CLIENT_OK;
}
