/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the history costs: 100 sites that had traffic for 455 days, and as many events as are kept. How large the file is,
 * how long (of a CPU) a report of 400 days takes, and how much memory a process has that opens it and answers that (watch
 * has no more to do). In TMPDIR, or /var/tmp. usage: history [SITES]
 */
#include "base/clock.h"
#include "base/sample.h"
#include "proc/watch/store_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS  5
#define NOW     (UINT64_C(1800000000) / 3600 * 3600)
#define AT_ONCE 5000

static char directory[64];
static unsigned int sites = 100;

__attribute__((noreturn)) static void die(const char *why)
{
	fprintf(stderr, "history: %s\n", why);
	exit(1);
}

static struct store *open_it(void)
{
	const struct store_options options = {
		.directory = directory, .events_max = STORE_EVENTS_MAX};
	char why[STORE_WHY_SIZE];
	struct store *s = store_open(&options, why);

	if (!s)
		die(why);
	return s;
}

static void name_site(unsigned int n, char site[SITE_NAME_SIZE])
{
	snprintf(site, SITE_NAME_SIZE, "store-%03u", n);
}

/* ---- what is in it ---- */

/* Of a site that is busy: each count that a busy one has, of a size as 20 Mbit/s make it. */
static struct sample made(uint64_t at_s, uint32_t step_s)
{
	struct sample s = {.at_s = at_s, .covered_s = step_s};

	for (int i = SAMPLE_UP; i < SAMPLE_DROPS; i++)
		s.v[i] = (uint64_t)step_s * (2500000 + (uint64_t)random() % 1000000);
	s.v[SAMPLE_UP] = s.v[SAMPLE_UP + 1] = step_s;
	for (int d = 0; d < 2; d++) {
		s.v[SAMPLE_WORST_AT + d] = at_s + (uint64_t)random() % step_s;
		s.v[SAMPLE_OF_REASON(d, random() % SAMPLE_REASONS)] = (uint64_t)random() % 5000;
	}
	return s;
}

static void put(struct store *s, const char *site, const struct sample_pack *p)
{
	static uint8_t bytes[SAMPLE_PACK_SIZE];

	sqlite3_bind_text(s->put_pack, 1, site, -1, SQLITE_STATIC);
	sqlite3_bind_text(s->put_pack, 2, "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(s->put_pack, 3, p->step_s);
	sqlite3_bind_int64(s->put_pack, 4, (sqlite3_int64)p->at_s);
	sqlite3_bind_int(s->put_pack, 5, 0);
	sqlite3_bind_int64(s->put_pack, 6, 0);
	sqlite3_bind_blob(s->put_pack, 7, bytes, (int)sample_pack_write(p, bytes), SQLITE_STATIC);
	if (!store_run(s->put_pack))
		die("samples cannot be written");
}

static void make_site(struct store *s, const char *site)
{
	static struct sample_pack p;

	if (!store_run(s->begin))
		die("no transaction");
	for (int i = 0; i < STORE_STEPS; i++) {
		const uint32_t step_s = store_steps[i].step_s;
		uint64_t at = sample_pack_at(NOW - store_steps[i].days * DAY_S, step_s);

		for (; at < NOW; at += SAMPLES_IN_PACK * (uint64_t)step_s) {
			p.step_s = step_s;
			p.at_s = at;
			memset(p.there, 0, sizeof(p.there));
			for (uint64_t k = 0; k < SAMPLES_IN_PACK && at + k * step_s < NOW; k++) {
				const struct sample one = made(at + k * step_s, step_s);

				sample_pack_put(&p, &one);
			}
			put(s, site, &p);
		}
	}
	if (!store_run(s->commit))
		die("the samples are not written");
}

static void make_events(struct store *s)
{
	static struct bus_event batch[AT_ONCE];
	char why[STORE_WHY_SIZE];

	for (uint64_t n = 0; n < STORE_EVENTS_MAX; n++) {
		struct bus_event *e = &batch[n % AT_ONCE];

		*e = (struct bus_event){.number = n + 1,
			.wall_ns = (NOW - STORE_EVENTS_MAX + n) * CLOCK_SECOND,
			.kind = (uint8_t)(n % 3),
			.tunnel = (int8_t)(n % 2)};
		name_site((unsigned int)(n % sites), e->site);
		strcpy(e->reason, "DPD_TIMEOUT");
		strcpy(e->detail, "no answer for 30 s, of 5 that were sent to 203.0.113.7:4500");
		if (n % AT_ONCE == AT_ONCE - 1 && !store_write(s, batch, AT_ONCE, why))
			die(why);
	}
}

/* ---- what is asked ---- */

/* What it has cost, whatever else runs on the machine. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * CLOCK_SECOND + (uint64_t)t.tv_nsec;
}

static unsigned int ms_since(uint64_t begun)
{
	return (unsigned int)((cpu_ns() - begun) / CLOCK_MILLISECOND);
}

static int by_size(const void *a, const void *b)
{
	const unsigned int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Of all sites; the median. */
static unsigned int report(struct store *s, unsigned int days, uint32_t points)
{
	static struct imsg_watch_points list;
	unsigned int took[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		const struct imsg_watch_sum_query q = {
			.points = points, .from_s = NOW - days * DAY_S, .to_s = NOW};
		uint64_t begun = cpu_ns();
		char why[STORE_WHY_SIZE];

		for (unsigned int n = 0; n < sites; n++) {
			struct watch_site site = {.group = ""};
			struct imsg_watch_sum sum;

			name_site(n, site.name);
			if (!store_sum(s, &q, &site, NOW, &sum, points ? &list : NULL, why))
				die(why);
			if (sum.covered_s < (days - 1) * DAY_S)
				die("a report does not cover its time");
		}
		took[i] = ms_since(begun);
	}
	qsort(took, ROUNDS, sizeof(took[0]), by_size);
	return took[ROUNDS / 2];
}

static unsigned int memory_mb(const char *field)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned int kb = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, field, strlen(field)))
			kb = (unsigned int)strtoul(line + strlen(field), NULL, 10);
	}
	if (f)
		fclose(f);
	return kb / 1024;
}

static void ask(void)
{
	const struct imsg_watch_query q = {
		.limit = WATCH_PAGE_MAX, .kinds = (1u << BUS_KINDS) - 1, .newest = true};
	static struct bus_event page[WATCH_PAGE_MAX];
	char why[STORE_WHY_SIZE];
	uint64_t begun = cpu_ns();
	struct store *s;
	size_t count;
	bool more;

	sqlite3_soft_heap_limit64(STORE_HEAP_MAX);
	s = open_it();
	printf("opened                    %6u ms\n", ms_since(begun));
	printf("report of 400 days        %6u ms\n", report(s, 400, 0));
	printf("report of 60 days         %6u ms\n", report(s, 60, 0));
	printf("report of 14 days         %6u ms\n", report(s, 14, 0));
	printf("graph of 400 days, each   %6u ms\n", report(s, 400, 96));
	begun = cpu_ns();
	if (!store_read(s, &q, NULL, page, &count, &more, why))
		die(why);
	printf("the newest 1,000 events   %6u ms\n", ms_since(begun));
	printf("memory                    %6u MB, at most %u MB\n", memory_mb("VmRSS:"),
		memory_mb("VmHWM:"));
	store_close(s);
}

static void tell_size(const char *what)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "%s/events.db", directory);
	if (stat(path, &st))
		die("there is no file");
	printf("%-25s %6lld MB\n", what, (long long)st.st_size >> 20);
}

int main(int argc, char **argv)
{
	const char *place = getenv("TMPDIR");
	char command[96];
	struct store *s;
	int status = 1;
	pid_t pid;

	if (argc > 1)
		sites = (unsigned int)strtoul(argv[1], NULL, 10);
	snprintf(directory, sizeof(directory), "%s/sluice-history.XXXXXX",
		place ? place : "/var/tmp");
	if (!sites || !mkdtemp(directory))
		die("no directory");
	s = open_it();
	for (unsigned int n = 0; n < sites; n++) {
		char site[SITE_NAME_SIZE];

		name_site(n, site);
		make_site(s, site);
	}
	store_close(s);
	tell_size("samples of 455 days");
	s = open_it();
	make_events(s);
	store_close(s);
	tell_size("with 500,000 events");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		ask();
		exit(0);
	}
	waitpid(pid, &status, 0);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) || status;
}
