/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `sluice` prints of the documents in tests/golden, on a terminal of 80 columns, against the tables beside them;
 * `make golden` writes them anew. The command's own code is here, between a terminal that is none and a reader of
 * documents that remembers what it was asked for.
 */
#include <jansson.h>
#include <libsmartcols.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>

#define GOLDEN    "tests/golden"
#define WIDTH     80
#define KEYS_MAX  256
#define SMARTCOLS "2.38" /* that broke the lines of wide texts as the files have them */

static struct key {
	const char *name;
	bool found; /* in some document, where it was asked for */
} keys[KEYS_MAX];
static size_t key_count;

static json_t *asked_for(const json_t *o, const char *name)
{
	json_t *value = json_object_get(o, name);
	size_t i = 0;

	while (i < key_count && strcmp(keys[i].name, name))
		i++;
	assert_true(i < KEYS_MAX);
	keys[i].name = name;
	keys[i].found |= value != NULL;
	if (i == key_count)
		key_count++;
	return value;
}

static int a_terminal(int fd)
{
	return fd >= 0;
}

static int size_of_terminal(int fd, unsigned long request, struct winsize *size)
{
	(void)fd, (void)request;
	*size = (struct winsize){.ws_row = 24, .ws_col = WIDTH};
	return 0;
}

static int print_to_terminal(struct libscols_table *t)
{
	scols_table_set_termforce(t, SCOLS_TERMFORCE_ALWAYS);
	scols_table_set_termwidth(t, WIDTH);
	return scols_print_table(t);
}

#define json_object_get(o, name) asked_for(o, name)
#define isatty(fd)               a_terminal(fd)
#define ioctl(fd, request, size) size_of_terminal(fd, request, size)
#define scols_print_table(t)     print_to_terminal(t)

#include "../../tools/sluice/format.c"
#include "../../tools/sluice/show_events.c"
#include "../../tools/sluice/show_doctor.c"
#include "../../tools/sluice/show_graph.c"
#include "../../tools/sluice/report.c"
#include "../../tools/sluice/show.c"
#include "../../tools/sluice/show_alarms.c"
#include "../../tools/sluice/show_bgp.c"
#include "../../tools/sluice/show_certificates.c"
#include "../../tools/sluice/show_endpoints.c"
#include "../../tools/sluice/show_migration.c"
#include "../../tools/sluice/show_hub.c"
#include "../../tools/sluice/show_plan.c"
#include "../../tools/sluice/show_secrets.c"
#include "../../tools/sluice/show_tokens.c"
#include "../../tools/sluice/show_site.c"
#include "../../tools/sluice/show_device.c"
#include "../../tools/sluice/show_unknown.c"
#include "../../tools/sluice/table.c"

#undef json_object_get
#undef scols_print_table

static const struct {
	const char *name; /* of the file */
	void (*view)(const json_t *document);
} views[] = {
	{"show-sites", print_sites},
	{"show-sites-one", print_sites},
	{"show-tunnels", print_tunnels},
	{"show-routes", print_routes},
	{"show-route", print_route},
	{"show-bgp", print_bgp},
	{"show-sa", print_sas},
	{"show-endpoints", print_endpoints},
	{"show-dataplane", print_dataplane},
	{"show-dataplane-xfrm", print_dataplane},
	{"show-log", print_log},
	{"show-bgp-log", print_bgp_log},
	{"show-certificates", print_certificates},
	{"show-unknown", print_unknown},
	{"show-closed", print_closed},
	{"plan", print_plan},
	{"site-migration", print_migration},
	{"plan-fail", print_failure},
	{"plan-fail-hub", print_failure},
	{"diff", print_plan},
	{"history", print_history},
	{"events", print_events},
	{"timeline", print_timeline},
	{"alarms", print_alarms},
	{"doctor", print_doctor},
	{"doctor-one", print_doctor},
	{"graph", print_graph},
	{"report-long", print_report_since},
	{"report", print_report},
	{"report-since", print_report_since},
	{"secret-list", print_secrets},
	{"token-list", print_tokens},
	{"token-create", print_token},
	{"site-list", print_site_list},
	{"site-show", print_site_document},
	{"site-create", print_site_changed},
	{"site-create-dry-run", print_plan},
	{"hub-show", print_hub},
};

#define VIEWS (sizeof(views) / sizeof(views[0]))

/* What the view prints; malloc'ed. */
static char *printed(size_t i)
{
	char path[128], *text = calloc(1, 1 << 17);
	FILE *to = tmpfile();
	int before = dup(STDOUT_FILENO);
	json_error_t error;
	json_t *document;

	snprintf(path, sizeof(path), GOLDEN "/%s.json", views[i].name);
	document = json_load_file(path, 0, &error);
	if (!document)
		fail_msg("%s: %s", path, error.text);
	assert_true(text && to && before >= 0);
	fflush(stdout);
	dup2(fileno(to), STDOUT_FILENO);
	views[i].view(document);
	fflush(stdout);
	dup2(before, STDOUT_FILENO);
	close(before);
	rewind(to);
	assert_true(fread(text, 1, (1 << 17) - 1, to) > 0);
	fclose(to);
	json_decref(document);
	return text;
}

static void judge(const char *name, const char *text)
{
	char path[128], kept[1 << 17] = "";
	bool renew = getenv("SLUICE_GOLDEN");
	size_t at = 0, line = 1;
	FILE *f;

	snprintf(path, sizeof(path), GOLDEN "/%s.txt", name);
	f = fopen(path, renew ? "we" : "re");
	assert_non_null(f);
	if (renew)
		assert_true(fputs(text, f) >= 0);
	else
		assert_true(fread(kept, 1, sizeof(kept) - 1, f) > 0);
	fclose(f);
	if (renew)
		return;
	while (kept[at] && kept[at] == text[at])
		line += kept[at++] == '\n';
	if (kept[at] || text[at])
		fail_msg(
			"%s:%zu is not what is printed now; `make golden` writes it anew:\n%.200s\n"
			"---\n%.200s",
			path, line, kept + at, text + at);
}

/* The tables themselves: sentences above and below may be as long as they are. */
static void assert_fits(const char *name, char *text)
{
	bool table = false;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		table = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ % ") > 8 ||
			(table && !strstr(line, ": "));
		if (table && line[0] != '(' && strlen(line) > WIDTH)
			fail_msg("%s: wider than %d columns: %s", name, WIDTH, line);
	}
}

static void tables_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < VIEWS; i++) {
		char *text = printed(i);

		if (strcmp(views[i].name, "show-log") && strcmp(views[i].name, "show-bgp-log"))
			assert_fits(views[i].name, text);
		free(text);
	}
}

static void tables_are_as_they_were(void **state)
{
	const char *version;

	(void)state;
	scols_get_library_version(&version);
	if (strncmp(version, SMARTCOLS, strlen(SMARTCOLS)) != 0) {
		print_message("libsmartcols is %s and not " SMARTCOLS "\n", version);
		skip();
	}
	for (size_t i = 0; i < VIEWS; i++) {
		char *text = printed(i);

		judge(views[i].name, text);
		free(text);
	}
}

/* What the command reads and no document has would be "-" or 0 for ever. */
static void what_is_read_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < VIEWS; i++)
		free(printed(i));
	assert_true(key_count > 60);
	for (size_t i = 0; i < key_count; i++) {
		if (!keys[i].found)
			fail_msg("the command reads \"%s\", which no golden document has",
				keys[i].name);
	}
}

/* What has nothing to show says so, and what is not there is not taken for something. */
static void nothing_is_said(void **state)
{
	json_t *empty = json_object();
	char text[1 << 14] = "";
	FILE *to = tmpfile();
	int before = dup(STDOUT_FILENO);

	(void)state;
	fflush(stdout);
	dup2(fileno(to), STDOUT_FILENO);
	for (size_t i = 0; i < VIEWS; i++)
		views[i].view(empty);
	fflush(stdout);
	dup2(before, STDOUT_FILENO);
	close(before);
	rewind(to);
	assert_true(fread(text, 1, sizeof(text) - 1, to) > 0);
	fclose(to);
	json_decref(empty);
	for (const char *const *said = (const char *const[]){"no sites are configured",
		     "no tunnels are configured", "no routes", "no site announces this prefix",
		     "no sessions are configured", "no security associations", "no endpoints",
		     "no processes", "no certificates are configured", "no unknown devices",
		     "nothing is closed", "nothing changes", "no revisions", "no tokens are valid",
		     "no secrets are sealed here", NULL};
		*said; said++) {
		if (!strstr(text, *said))
			fail_msg("nobody says \"%s\"", *said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_fit),
		cmocka_unit_test(tables_are_as_they_were),
		cmocka_unit_test(what_is_read_is_there),
		cmocka_unit_test(nothing_is_said),
	};

	setenv("LC_ALL", "C.UTF-8", 1);
	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
