/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates are differences of two reports divided by the difference of their time stamps, so they are
 * right whatever the time between two screens is. On something that is not a terminal the screens
 * are printed one after the other, without control sequences.
 */
#include "top.h"

#include "base/date.h"
#include "format.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
	SCREEN_MS = 1000,
	HEAD_LINES = 6, /* above the sites, and one below them */
	PLAIN_ROWS = 1000,
};

struct rates {
	uint64_t offered, delivered, dropped; /* bit/s */
};

struct row {
	const char *name; /* of the newer report */
	const char *state;
	uint64_t cap_bps;
	struct rates in, out;
};

struct top {
	const char *socket_path;
	const char *site;
	bool terminal;
	json_t *before, *latest; /* reports */
	json_t *sites;           /* document of show-sites */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* ---- the terminal ---- */

static struct termios terminal_before;
static bool terminal_changed;

static void terminal_restore(void)
{
	if (!terminal_changed)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
	terminal_changed = false;
}

/* Keys arrive without Enter, and unseen. */
static void terminal_set(void)
{
	struct termios t;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &terminal_before) < 0)
		return;
	t = terminal_before;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	terminal_changed = tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

static unsigned int terminal_rows(const struct top *top)
{
	struct winsize size;

	if (!top->terminal)
		return PLAIN_ROWS;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row <= HEAD_LINES + 1)
		return 24 - HEAD_LINES;
	return size.ws_row - HEAD_LINES;
}

/* Waits for the next screen. True: the reader wants no more. */
static bool wait_for_next(const struct top *top)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char key;

	if (!top->terminal || !terminal_changed) {
		poll(NULL, 0, SCREEN_MS);
		return interrupted;
	}
	if (poll(&p, 1, SCREEN_MS) > 0 && read(STDIN_FILENO, &key, 1) == 1)
		return key == 'q' || key == 'Q' || interrupted;
	return interrupted;
}

/* ---- samples ---- */

static enum client_status take_sample(struct top *top)
{
	struct client_request report = {.verb = API_REPORT, .site = top->site, .tunnel = -1};
	struct client_request sites = {.verb = API_SHOW_SITES, .site = top->site, .tunnel = -1};
	json_t *new_report, *new_sites;
	enum client_status status = client_ask(top->socket_path, &report, &new_report);

	if (status != CLIENT_OK)
		return status;
	status = client_ask(top->socket_path, &sites, &new_sites);
	if (status != CLIENT_OK) {
		json_decref(new_report);
		return status;
	}
	json_decref(top->sites);
	top->sites = new_sites;
	/* The daemon samples on its own clock: two looks at one sample make no difference. */
	if (top->latest && field_number(top->latest, "timestamp_ns") ==
				   field_number(new_report, "timestamp_ns")) {
		json_decref(new_report);
		return CLIENT_OK;
	}
	json_decref(top->before);
	top->before = top->latest;
	top->latest = new_report;
	return CLIENT_OK;
}

static json_t *find_site(const json_t *document, const char *name)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(document, "sites"), i, o) {
		if (!strcmp(field_text(o, "name"), name))
			return o;
	}
	return NULL;
}

static uint64_t dropped_bytes(const json_t *direction)
{
	json_t *dropped = json_object_get(direction, "dropped"), *o;
	const char *reason;
	uint64_t sum = 0;

	json_object_foreach(dropped, reason, o)
		sum += field_number(o, "bytes");
	return sum;
}

static uint64_t bytes_of(const json_t *direction, const char *what)
{
	return field_number(json_object_get(direction, what), "bytes");
}

/* Bits per second; 0 when the counter went back, as after a restart of the daemon. */
static uint64_t rate(uint64_t was, uint64_t is, double seconds)
{
	return is > was && seconds > 0 ? (uint64_t)((double)(is - was) * 8 / seconds) : 0;
}

static struct rates rates_of(
	const json_t *was, const json_t *is, const char *direction, double seconds)
{
	const json_t *a = json_object_get(was, direction), *b = json_object_get(is, direction);

	if (!was)
		return (struct rates){0};
	return (struct rates){
		.offered = rate(bytes_of(a, "offered"), bytes_of(b, "offered"), seconds),
		.delivered = rate(bytes_of(a, "delivered"), bytes_of(b, "delivered"), seconds),
		.dropped = rate(dropped_bytes(a), dropped_bytes(b), seconds)};
}

static int busiest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t of_x = x->in.offered + x->out.offered, of_y = y->in.offered + y->out.offered;

	if (of_x != of_y)
		return of_x > of_y ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* ---- the screen ---- */

static void add_rates(struct rates *sum, const struct rates *r)
{
	sum->offered += r->offered;
	sum->delivered += r->delivered;
	sum->dropped += r->dropped;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_rates(const struct rates *r, uint64_t cap)
{
	char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];

	printf("  %9s %9s %9s %5.1f", format_quantity(r->offered, "", a),
		format_quantity(r->delivered, "", b), format_quantity(r->dropped, "", c),
		percent(r->delivered, cap));
}

static void print_head(const struct top *top, const struct rates *in, const struct rates *out)
{
	const json_t *hub = json_object_get(top->sites, "concentrator");
	uint64_t limit = field_number(json_object_get(top->latest, "aggregate"), "limit_bps");
	char stamp[DATE_TEXT_SIZE], up[FORMAT_SIZE];

	date_format(time(NULL), stamp);
	printf("%s  %s  AS %llu  %llu sites  up for %s\n", stamp, field_text(hub, "name"),
		(unsigned long long)field_number(hub, "asn"),
		(unsigned long long)field_number(hub, "sites"),
		format_duration(field_number(hub, "uptime_s"), up));
	printf("%-20s %-9s  %9s %9s %9s %5s  %9s %9s %9s %5s\n", "bit/s", "", "in:offer", "deliver",
		"drop", "%cap", "out:offer", "deliver", "drop", "%cap");
	printf("%-20s %-9s", "all sites", "");
	print_rates(in, limit);
	print_rates(out, limit);
	printf("\n\n");
}

static void print_row(const struct row *r)
{
	printf("%-20.20s %-9.9s", r->name, r->state);
	print_rates(&r->in, r->cap_bps);
	print_rates(&r->out, r->cap_bps);
	printf("\n");
}

static void print_screen(const struct top *top)
{
	json_t *list = json_object_get(top->latest, "sites"), *o;
	size_t count = json_array_size(list), i;
	struct row *rows = calloc(count + 1, sizeof(*rows));
	uint64_t was = field_number(top->before, "timestamp_ns");
	uint64_t is = field_number(top->latest, "timestamp_ns");
	double seconds = is > was ? (double)(is - was) / 1e9 : 0;
	struct rates in = {0}, out = {0};
	unsigned int fit = terminal_rows(top);

	if (!rows)
		return;
	json_array_foreach(list, i, o) {
		const json_t *before = find_site(top->before, field_text(o, "name"));
		const json_t *site = find_site(top->sites, field_text(o, "name"));

		rows[i] = (struct row){.name = field_text(o, "name"),
			.state = field_text(site, "state"),
			.cap_bps = field_number(site, "rate_bps"),
			.in = rates_of(before, o, "in", seconds),
			.out = rates_of(before, o, "out", seconds)};
		add_rates(&in, &rows[i].in);
		add_rates(&out, &rows[i].out);
	}
	qsort(rows, count, sizeof(*rows), busiest_first);
	if (top->terminal)
		printf("\033[H\033[2J");
	print_head(top, &in, &out);
	for (i = 0; i < count && i < fit; i++)
		print_row(&rows[i]);
	if (i < count)
		printf("%zu more\n", count - i);
	if (!top->terminal)
		printf("\n");
	fflush(stdout);
	free(rows);
}

static enum client_status run(struct top *top, unsigned long iterations)
{
	enum client_status status = take_sample(top);

	/* The first screen has rates already: it comes with the second report. */
	for (unsigned long shown = 0; status == CLIENT_OK;) {
		if (wait_for_next(top))
			return CLIENT_OK;
		status = take_sample(top);
		if (status != CLIENT_OK || !top->before)
			continue;
		print_screen(top);
		if (++shown == iterations)
			return CLIENT_OK;
	}
	return status;
}

enum client_status top_run(const char *socket_path, const char *site, unsigned long iterations)
{
	struct top top = {
		.socket_path = socket_path, .site = site, .terminal = isatty(STDOUT_FILENO)};
	struct sigaction action = {.sa_handler = on_signal};
	enum client_status status;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (top.terminal)
		terminal_set();
	status = run(&top, iterations);
	terminal_restore();
	json_decref(top.before);
	json_decref(top.latest);
	json_decref(top.sites);
	return status;
}
