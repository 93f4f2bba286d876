/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What documents cost before they come into force: reading their files, parsing and checking them, comparing two
 * configurations, one edit in a text, and a revision on the disk; at CONFIG_CONCENTRATED_MAX sites, and as much at ten
 * times as many documents, which are ten concentrators'. Milliseconds, medians of ROUNDS. usage: documents [WRITE-TO]:
 * with a directory, that is where sluice.yaml and the documents of one concentrator are written, and nothing is measured.
 */
#include "base/clock.h"
#include "plan/plan.h"
#include "store/documents.h"
#include "store/edit.h"
#include "store/made.h"
#include "store/revisions.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS   9
#define MANY     10 /* concentrators */
#define PATH_LEN 256

enum stage { LOAD, PARSE, PLAN, EDIT, WRITE, STAGES };

static const char *const stages[STAGES] = {"files read", "parsed and checked", "two compared",
	"one edit in each", "a revision written"};

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || !document_write(fd, text, strlen(text)) || close(fd))
		die(path);
}

static void write_site(const char *directory, unsigned int i)
{
	char path[PATH_LEN], text[2048];

	snprintf(path, sizeof(path), "%s/sites/branch-%03u.yaml", directory, i);
	snprintf(text, sizeof(text),
		"# The branch office number %u, with a comment that stays.\n"
		"asn: %u\nrate: %uM\nmax_prefixes: 200\n"
		"labels: { region: %s, ring: '%u' }\n"
		"prefixes: [10.%u.%u.0/24, 'fd00:20:%x::/48']\n"
		"tunnels:\n"
		"  - identity: branch-%u-0.example.org\n    inside: 169.254.%u.%u/30\n"
		"    inside6: 'fd00:ffff:%x:0::/126'\n    psk: file:%s/key\n    dpd_interval: 10\n"
		"  - identity: branch-%u-1.example.org\n    inside: 169.254.%u.%u/30\n"
		"    inside6: 'fd00:ffff:%x:1::/126'\n    psk: file:%s/key\n    med: 200\n",
		i, 65000 + i, 10 + i % 90, i % 2 ? "north" : "south", i % 5, 20 + i / 256, i % 256,
		i, i, 6 + i / 32, i % 32 * 8, i, directory, i, 6 + i / 32, i % 32 * 8 + 4, i,
		directory);
	write_file(path, text);
}

/* sluice.yaml and documents of `count` sites. */
static void write_all(const char *directory, unsigned int count)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "%s/sites", directory);
	if (mkdir(path, 0700))
		die(path);
	snprintf(path, sizeof(path), "%s/key", directory);
	write_file(path, "not.a.secret.but.a.benchmark.....\n");
	snprintf(path, sizeof(path), "%s/sluice.yaml", directory);
	write_file(path, "concentrator:\n  name: bench\n  asn: 64999\n  endpoints:\n"
			 "    - { device: wan0, addresses: [198.51.100.1] }\n"
			 "    - { device: wan1, addresses: [198.51.101.1] }\n"
			 "  networks: [10.0.0.0/24]\n  identity: hub.example.org\n");
	for (unsigned int i = 1; i <= count; i++)
		write_site(directory, i);
}

static double ms_since(uint64_t start)
{
	return (double)(clock_now() - start) / 1e6;
}

/* One concentrator's documents through all stages; adds what each took. */
static void round_of(const char *directory, double ms[STAGES])
{
	char path[PATH_LEN], store[PATH_LEN], error[CONFIG_ERROR_SIZE], why[EDIT_WHY_SIZE];
	struct revisions r = {.directory = store};
	struct documents *d, *candidate;
	struct config *was, *is;
	uint64_t start = clock_now();
	json_t *info = json_object();

	snprintf(path, sizeof(path), "%s/sluice.yaml", directory);
	snprintf(store, sizeof(store), "%s/revisions", directory);
	d = documents_load(path, false, error);
	ms[LOAD] += ms_since(start);
	start = clock_now();
	was = d ? documents_config(d, error) : NULL;
	if (!was) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	ms[PARSE] += ms_since(start);

	candidate = documents_copy(d);
	start = clock_now();
	for (size_t i = 1; i < d->count; i++) {
		const struct document *one = &d->list[i];
		json_t *tree = tree_read(one->text, one->len);
		unsigned int line;
		size_t len;
		char *text;

		if (!tree || !tree_set(tree, "rate", json_string("77M")))
			die("tree");
		text = edit_text(one->text, one->len, tree, &len, &line, why);
		if (!text)
			die(why);
		documents_put(candidate, one->site, text, len);
		json_decref(tree);
	}
	ms[EDIT] += ms_since(start);
	is = documents_config(candidate, error);
	start = clock_now();
	plan_free(plan_make(was, is, NULL));
	ms[PLAN] += ms_since(start);
	start = clock_now();
	if (!revisions_write(&r, candidate, info) || !revisions_place(&r, info))
		die("revision");
	revisions_settle(&r, made_pass_on);
	ms[WRITE] += ms_since(start);

	json_decref(info);
	config_free(was);
	config_free(is);
	documents_free(d);
	documents_free(candidate);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(char (*directories)[PATH_LEN], unsigned int concentrators)
{
	double ms[STAGES][ROUNDS], total = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double all[STAGES] = {0};

		for (unsigned int c = 0; c < concentrators; c++)
			round_of(directories[c], all);
		for (int s = 0; s < STAGES; s++)
			ms[s][round] = all[s];
	}
	for (int s = 0; s < STAGES; s++) {
		qsort(ms[s], ROUNDS, sizeof(double), compare);
		printf("%5u documents  %-20s %9.2f ms  (%.2f to %.2f)\n",
			concentrators * CONFIG_CONCENTRATED_MAX, stages[s], ms[s][ROUNDS / 2],
			ms[s][0], ms[s][ROUNDS - 1]);
		total += ms[s][ROUNDS / 2];
	}
	printf("%5u documents  %-20s %9.2f ms\n", concentrators * CONFIG_CONCENTRATED_MAX,
		"together", total);
}

int main(int argc, char **argv)
{
	char top[] = "/tmp/sluice-documents.XXXXXX", directories[MANY][PATH_LEN], command[64];

	if (argc > 1) {
		write_all(argv[1], CONFIG_CONCENTRATED_MAX);
		return 0;
	}
	if (!mkdtemp(top))
		die(top);
	for (int i = 0; i < MANY; i++) {
		snprintf(directories[i], sizeof(directories[i]), "%s/%d", top, i);
		if (mkdir(directories[i], 0700))
			die(directories[i]);
		write_all(directories[i], CONFIG_CONCENTRATED_MAX);
	}
	measure(directories, 1);
	measure(directories, MANY);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command) ? 1 : 0;
}
