/* SPDX-License-Identifier: Apache-2.0 */
/* sluiced: options, the check of a configuration, and the roles of the children. */
#include "base/log.h"
#include "base/version.h"

#include "hub/event/event_files.h"
#include "hub/revision.h"
#include "hub/secret/certificates.h"
#include "hub/secret/exec_keep.h"
#include "hub/secret/secret.h"
#include "ipc/privsep.h"
#include "proc/roles.h"
#include "store/documents.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/sluice/sluice.yaml"

enum { EXIT_USAGE = 2 };

static const struct option long_options[] = {
	{"file", required_argument, NULL, 'f'},
	{"check", no_argument, NULL, 'c'},
	{"apply", no_argument, NULL, 'a'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"role", required_argument, NULL, 'r'}, /* used by sluiced itself */
	{NULL, 0, NULL, 0},
};

static const char usage_text[] =
	"usage: sluiced [-v] [-f FILE] [--apply]  run in the foreground (default " DEFAULT_CONFIG
	")\n"
	"       sluiced --check [-f FILE]         read and check the configuration only\n"
	"       sluiced --version\n"
	"with --apply the files are in force, else the newest revision is, if there is one\n";

static int run_role(const char *role)
{
	static const struct {
		const char *name;
		int (*run)(int hub_fd);
	} roles[] = {{"ike", proc_ike_run}, {"bgp", proc_bgp_run}, {"data", proc_data_run},
		{"api", proc_api_run}, {"remote", proc_remote_run}, {"watch", proc_watch_run}};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (!strcmp(role, roles[i].name))
			return roles[i].run(PROCESS_CHANNEL_FD);
	}
	fprintf(stderr, "sluiced: unknown role '%s'\n", role);
	return EXIT_USAGE;
}

static void print_doubt(
	void *context, enum config_doubt_kind kind, const struct site_conf *site, const char *text)
{
	(void)context, (void)kind, (void)site;
	printf("warning: %s\n", text);
}

static int check(const char *path)
{
	char error[CONFIG_ERROR_SIZE];
	struct documents *d = documents_load(path, true, error);
	struct config *c = d ? documents_config(d, error) : NULL;
	bool ok;
	int why;

	if (c)
		exec_ask_and_wait(c, 0);
	ok = c && secrets_check(c, NULL, false, error) && certificates_check(c, error);
	why = ok ? event_files_probe(c->concentrator.log_directory) : 0;
	if (why)
		log_warn("log_directory %s: %s", c->concentrator.log_directory, strerror(why));
	if (ok) {
		config_doubts(c, print_doubt, NULL);
		secrets_exposed(c, d, NULL);
	}
	if (ok)
		printf("%s: %u sites, no errors\n", path, c->site_count);
	else
		fprintf(stderr, "sluiced: %s\n", error);
	config_free(c);
	documents_free(d);
	return ok ? 0 : 1;
}

static int serve(const char *path, bool files, bool verbose)
{
	char error[CONFIG_ERROR_SIZE], missing[32];
	struct revision_start start;

	if (geteuid() != 0) {
		fprintf(stderr,
			"sluiced: must be started as root (it drops what it does not need)\n");
		return 1;
	}
	if (!privsep_users_exist(missing)) {
		fprintf(stderr,
			"sluiced: user '%s' does not exist; 'make install' or systemd-sysusers "
			"with sluice.conf creates it\n",
			missing);
		return 1;
	}

	if (!revision_choose(REVISIONS_DIRECTORY, path, files, &start, error)) {
		fprintf(stderr, "sluiced: %s\n", error);
		if (start.note[0])
			fprintf(stderr, "sluiced: %s\n", start.note);
		return 1;
	}
	log_init("hub", verbose ? LOG_VERBOSE : LOG_INFO);
	return hub_run(path, &start, verbose);
}

int main(int argc, char **argv)
{
	const char *path = DEFAULT_CONFIG, *role = NULL;
	bool check_only = false, files = false, verbose = false;
	int option;

	signal(SIGPIPE, SIG_IGN);
	argv[0] = "sluiced"; /* what getopt says begins as all that is said here */
	while ((option = getopt_long(argc, argv, "f:cavh", long_options, NULL)) != -1) {
		switch (option) {
		case 'f':
			path = optarg;
			break;
		case 'c':
			check_only = true;
			break;
		case 'a':
			files = true;
			break;
		case 'v':
			verbose = true;
			break;
		case 'r':
			role = optarg;
			break;
		case 'V':
			puts("sluiced " SLUICE_VERSION);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			fputs(usage_text, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind != argc) {
		fprintf(stderr, "sluiced: unexpected argument '%s'\n%s", argv[optind], usage_text);
		return EXIT_USAGE;
	}
	if (role) {
		log_init(role, verbose ? LOG_VERBOSE : LOG_INFO);
		return run_role(role);
	}
	return check_only ? check(path) : serve(path, files, verbose);
}
