/* SPDX-License-Identifier: Apache-2.0 */
/* The history in its file: found again, bounded, and there after kills, losses of power, full disks and worse. */
#include "base/clock.h"
#include "cut_vfs.h"
#include "proc/watch/store.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define FIRST   1000
#define ALL     ((1u << BUS_KINDS) - 1)
#define MINUTE  (60 * CLOCK_SECOND)
#define MORNING (UINT64_C(1790000000) * CLOCK_SECOND)

static struct {
	char directory[64];
	struct store *store;
	struct store_options options;
	struct bus_event page[WATCH_PAGE_MAX];
	size_t count;
	bool more;
} lab;

static int setup(void **state)
{
	(void)state;
	memset(&lab, 0, sizeof(lab));
	strcpy(lab.directory, "/tmp/sluice-store.XXXXXX");
	assert_non_null(mkdtemp(lab.directory));
	lab.options = (struct store_options){.directory = lab.directory, .events_max = 1000};
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	store_close(lab.store);
	snprintf(command, sizeof(command), "rm -rf %s", lab.directory);
	return system(command);
}

static void open_it(void)
{
	char why[STORE_WHY_SIZE];

	lab.store = store_open(&lab.options, why);
	if (!lab.store)
		fail_msg("%s", why);
}

static void close_it(void)
{
	store_close(lab.store);
	lab.store = NULL;
}

/* Number n happens n minutes after FIRST. */
static struct bus_event event(uint64_t n, const char *site, enum bus_kind kind)
{
	struct bus_event e = {.number = n,
		.wall_ns = MORNING + (n - FIRST) * MINUTE,
		.kind = (uint8_t)kind,
		.severity = BUS_WARNING,
		.tunnel = site[0] ? 1 : -1,
		.left_out = (uint32_t)n % 3};

	snprintf(e.site, sizeof(e.site), "%s", site);
	snprintf(e.group, sizeof(e.group), "%s", site[0] ? "paris" : "");
	snprintf(e.reason, sizeof(e.reason), "REASON_%u", (unsigned int)n);
	snprintf(e.detail, sizeof(e.detail), "it's \"%u\" \xe2\x82\xac", (unsigned int)n);
	strcpy(e.actor, "uid 0");
	return e;
}

static void write_one(uint64_t n, const char *site, enum bus_kind kind)
{
	struct bus_event e = event(n, site, kind);
	char why[STORE_WHY_SIZE];

	if (!store_write(lab.store, &e, 1, why))
		fail_msg("%s", why);
}

/* Many of them, of two sites in turn, a hundred at a time. */
static void write_many(
	uint64_t from, uint64_t to, const char *const sites[2], enum bus_kind kind, bool outside)
{
	static struct bus_event batch[100];
	char why[STORE_WHY_SIZE];
	size_t count = 0;

	for (uint64_t n = from; n < to; n++) {
		batch[count] = event(FIRST + n, sites[n % 2], kind);
		batch[count++].outside = outside;
		if (count < 100 && n + 1 < to)
			continue;
		if (!store_write(lab.store, batch, count, why))
			fail_msg("%s", why);
		count = 0;
	}
}

static size_t read_it(struct imsg_watch_query q, const char (*sites)[SITE_NAME_SIZE])
{
	char why[STORE_WHY_SIZE];

	q.limit = q.limit ? q.limit : WATCH_PAGE_MAX;
	q.kinds = q.kinds ? q.kinds : ALL;
	if (!store_read(lab.store, &q, sites, lab.page, &lab.count, &lab.more, why))
		fail_msg("%s", why);
	for (size_t i = 1; i < lab.count; i++)
		assert_true(lab.page[i].number > lab.page[i - 1].number);
	return lab.count;
}

static void what_is_written_is_read(void **state)
{
	struct bus_event e = event(FIRST, "one", BUS_BGP);

	(void)state;
	open_it();
	assert_int_equal(store_newest(lab.store), 0);
	write_one(FIRST, "one", BUS_BGP);
	write_one(FIRST, "another", BUS_BGP); /* it has been told before */
	write_one(FIRST + 7, "", BUS_CONFIG);
	assert_int_equal(store_newest(lab.store), FIRST + 7);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 2);
	assert_memory_equal(&lab.page[0], &e, sizeof(e));
	assert_int_equal(lab.page[1].tunnel, -1);
	close_it();
	open_it();
	assert_int_equal(store_newest(lab.store), FIRST + 7);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 2);
	assert_memory_equal(&lab.page[0], &e, sizeof(e));
}

static void what_is_asked_for_is_found(void **state)
{
	static const char sites[2][SITE_NAME_SIZE] = {"one", "two"};

	(void)state;
	open_it();
	for (uint64_t n = 0; n < 90; n++)
		write_one(FIRST + n,
			n % 3 == 0   ? "one"
			: n % 3 == 1 ? "two"
				     : "",
			n % 2 ? BUS_BGP : BUS_CONFIG);
	assert_int_equal(read_it((struct imsg_watch_query){.sites = 1}, sites), 30);
	assert_int_equal(read_it((struct imsg_watch_query){.sites = 2}, sites), 60);
	assert_int_equal(read_it((struct imsg_watch_query){.sites = 1, .hub = true}, sites), 60);
	assert_int_equal(read_it((struct imsg_watch_query){.kinds = 1 << BUS_BGP}, NULL), 45);
	assert_int_equal(
		read_it((struct imsg_watch_query){.kinds = 1 << BUS_BGP, .sites = 1}, sites), 15);
	assert_int_equal(read_it((struct imsg_watch_query){.kinds = 1 << BUS_ALARM}, NULL), 0);
	/* Page by page, from either end. */
	assert_int_equal(read_it((struct imsg_watch_query){.limit = 10}, NULL), 10);
	assert_true(lab.more);
	assert_int_equal(lab.page[0].number, FIRST);
	read_it((struct imsg_watch_query){.limit = 10, .after = lab.page[9].number}, NULL);
	assert_int_equal(lab.page[0].number, FIRST + 10);
	assert_int_equal(read_it((struct imsg_watch_query){.limit = 10, .newest = true}, NULL), 10);
	assert_true(lab.more);
	assert_int_equal(lab.page[9].number, FIRST + 89);
	assert_int_equal(read_it((struct imsg_watch_query){.after = FIRST + 80}, NULL), 9);
	assert_false(lab.more);
	assert_int_equal(read_it((struct imsg_watch_query){.after = UINT64_MAX}, NULL), 0);
	/* A time */
	assert_int_equal(read_it((struct imsg_watch_query){.from_ns = MORNING + 10 * MINUTE,
					 .to_ns = MORNING + 20 * MINUTE},
				 NULL),
		10);
	assert_int_equal(lab.page[0].number, FIRST + 10);
	assert_int_equal(
		read_it((struct imsg_watch_query){.from_ns = MORNING + 900 * MINUTE}, NULL), 0);
}

/* The trouble of others is found behind a thousand events that are none, or the site's own. */
static void trouble_of_others_is_found(void **state)
{
	struct bus_event none = event(FIRST, "two", BUS_BGP);
	char why[STORE_WHY_SIZE];

	(void)state;
	none.severity = BUS_INFO;
	open_it();
	assert_true(store_write(lab.store, &none, 1, why));
	for (uint64_t n = 1; n < 40; n++)
		write_one(FIRST + n, n % 2 ? "one" : "", BUS_BGP);
	write_one(FIRST + 40, "two", BUS_BGP);
	assert_int_equal(
		read_it((struct imsg_watch_query){.trouble = true, .but = "one", .limit = 10},
			NULL),
		1);
	assert_int_equal(lab.page[0].number, FIRST + 40);
	assert_false(lab.more);
	assert_int_equal(
		read_it(
			(struct imsg_watch_query){
				.trouble = true, .but = "two", .limit = 10, .kinds = 1 << BUS_BGP},
			NULL),
		10);
	assert_true(lab.more);
}

/* Numbers grow all the same: what happened at a time is found by that. */
static void the_clock_was_set_back(void **state)
{
	struct bus_event e;
	char why[STORE_WHY_SIZE];

	(void)state;
	open_it();
	for (uint64_t n = 0; n < 40; n++) {
		e = event(FIRST + n, "one", BUS_BGP);
		if (n >= 20)
			e.wall_ns -= 15 * MINUTE;
		assert_true(store_write(lab.store, &e, 1, why));
	}
	/* Minutes 10 to 20: numbers 10 to 19, and again 25 to 34. */
	assert_int_equal(read_it((struct imsg_watch_query){.from_ns = MORNING + 10 * MINUTE,
					 .to_ns = MORNING + 20 * MINUTE},
				 NULL),
		20);
	assert_int_equal(lab.page[0].number, FIRST + 10);
	assert_int_equal(lab.page[19].number, FIRST + 34);
}

/* One site in trouble for days, and others of which something happened once. */
static void the_loud_one_loses_its_oldest(void **state)
{
	static const char quiet[1][SITE_NAME_SIZE] = {"quiet"}, loud[1][SITE_NAME_SIZE] = {"loud"};

	(void)state;
	lab.options.events_max = 200;
	open_it();
	for (uint64_t n = 0; n < 20; n++)
		write_one(FIRST + n, "quiet", BUS_ACTIVITY);
	for (uint64_t n = 20; n < 2000; n++)
		write_one(FIRST + n, "loud", BUS_ACTIVITY);
	assert_int_equal(read_it((struct imsg_watch_query){.sites = 1}, quiet), 20);
	assert_in_range(read_it((struct imsg_watch_query){.sites = 1}, loud), 170, 180);
	assert_int_equal(lab.page[lab.count - 1].number, FIRST + 1999);
	/* It knows who has how many when it comes back. */
	close_it();
	open_it();
	for (uint64_t n = 2000; n < 2500; n++)
		write_one(FIRST + n, "loud", BUS_ACTIVITY);
	assert_int_equal(read_it((struct imsg_watch_query){.sites = 1}, quiet), 20);
}

/* Each refused request is one of the hub, or of the site that somebody guesses. */
static void refused_requests_push_out_nothing(void **state)
{
	static const char *const guessed[] = {"", "one"};

	(void)state;
	open_it();
	write_many(0, 50, guessed, BUS_ACTIVITY, false);
	write_many(50, 100, guessed, BUS_CONFIG, false);
	write_many(100, 3000, guessed, BUS_AUDIT, false);
	assert_int_equal(read_it((struct imsg_watch_query){.kinds = 1 << BUS_CONFIG}, NULL), 50);
	assert_int_equal(read_it((struct imsg_watch_query){.kinds = 1 << BUS_ACTIVITY}, NULL), 50);
	/* A tenth of the room, of which the newest are there. */
	assert_in_range(read_it((struct imsg_watch_query){.kinds = 1 << BUS_AUDIT}, NULL), 90, 100);
	assert_int_equal(lab.page[lab.count - 1].number, FIRST + 2999);
}

/* Wrong keys for a site push out neither what that site did nor what others did. */
static void strangers_push_out_nothing(void **state)
{
	static const char one[1][SITE_NAME_SIZE] = {"one"};
	static const char *const both[] = {"one", "two"};
	size_t own = 0;

	(void)state;
	open_it();
	write_many(0, 300, both, BUS_ACTIVITY, false);
	write_many(300, 2000, both, BUS_ACTIVITY, true);
	close_it(); /* it knows whose they are when it comes back */
	open_it();
	write_many(2000, 4000, both, BUS_ACTIVITY, true);
	read_it((struct imsg_watch_query){.sites = 1}, one);
	for (size_t i = 0; i < lab.count; i++)
		own += !lab.page[i].outside;
	assert_int_equal(own, 150);
	assert_in_range(read_it((struct imsg_watch_query){0}, NULL), 480, 500);
}

/* ---- time ---- */

#define DAY (86400 * CLOCK_SECOND)

static uint64_t now; /* CLOCK_MONOTONIC, of a machine that has just been started */

/* The store is open for so long, and looks twice a day. */
static void time_passes(uint64_t ns)
{
	const uint64_t until = now + ns;

	for (;;) {
		while (store_expire(lab.store, now))
			;
		if (now == until)
			break;
		now = now + DAY / 2 < until ? now + DAY / 2 : until;
	}
}

static void what_is_old_is_forgotten(void **state)
{
	(void)state;
	now = CLOCK_SECOND;
	open_it();
	time_passes(0);
	for (uint64_t n = 0; n < 10; n++) {
		write_one(FIRST + n, "one", BUS_ACTIVITY);
		time_passes(DAY);
	}
	time_passes((STORE_DAYS - 10) * DAY);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 10);
	/* On which day it is it knows when it is opened again, but for ten minutes. */
	close_it();
	open_it();
	time_passes(0);
	time_passes(5 * DAY);
	assert_in_range(read_it((struct imsg_watch_query){0}, NULL), 5, 6);
	assert_int_equal(lab.page[lab.count - 1].number, FIRST + 9);
	time_passes(20 * DAY);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 0);
	/* and of how many it has lost it has taken notice */
	write_many(10, 1200, (const char *const[]){"one", "two"}, BUS_ACTIVITY, false);
	assert_in_range(read_it((struct imsg_watch_query){0}, NULL), 970, 1000);
}

/* A box without a clock: it begins in 1970, hears the time, and hears a wrong one, which is set right again. */
static void a_clock_that_jumps_erases_nothing(void **state)
{
	static const uint64_t clocks[] = {40 * CLOCK_SECOND, MORNING, MORNING + 4000 * DAY,
		MORNING + DAY, 70 * CLOCK_SECOND, MORNING + 2 * DAY};
	const size_t count = sizeof(clocks) / sizeof(clocks[0]);
	char why[STORE_WHY_SIZE];

	(void)state;
	now = CLOCK_SECOND;
	open_it();
	time_passes(0);
	for (size_t i = 0; i < count; i++) {
		struct bus_event e = event(FIRST + i, "one", BUS_BGP);

		e.wall_ns = clocks[i];
		assert_true(store_write(lab.store, &e, 1, why));
		time_passes(DAY);
	}
	time_passes((STORE_DAYS - count) * DAY);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), count);
	/* They go when their time has come, whatever they say it was. */
	time_passes((count + 2) * DAY);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 0);
}

/* ---- files that are of no use ---- */

static void path_of(const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", lab.directory, name);
}

static void overwrite(off_t at, const char *with, size_t len)
{
	char path[128];
	int fd;

	path_of("events.db", path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, with, len, at), len);
	close(fd);
}

static void is_set_aside(bool it_is)
{
	char path[128];

	path_of("events.db.aside", path);
	assert_int_equal(access(path, F_OK), it_is ? 0 : -1);
}

static void begins_anew(void)
{
	open_it();
	is_set_aside(true);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 0);
	write_one(FIRST, "one", BUS_BGP);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 1);
}

static void what_is_no_database_is_set_aside(void **state)
{
	(void)state;
	overwrite(0,
		"root:x:0:0:root:/root:/bin/bash, and so on and on, for more than a header "
		"of a database is long. And on.",
		100);
	begins_anew();
}

static void one_of_a_newer_version_is_set_aside(void **state)
{
	(void)state;
	open_it();
	write_one(FIRST, "one", BUS_BGP);
	close_it();
	is_set_aside(false);
	overwrite(60, "\0\0\0\x63", 4); /* user_version, as the file format has it */
	begins_anew();
}

static void tables_of_somebody_else_are_set_aside(void **state)
{
	char path[128];
	sqlite3 *db;

	(void)state;
	path_of("events.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "CREATE TABLE events (a, b)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	begins_anew();
}

static void change(const char *sql)
{
	char path[128];
	sqlite3 *db;

	path_of("events.db", path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Behind it there would be no room for a new one that can be shown. */
static void an_event_of_the_last_number_is_removed(void **state)
{
	(void)state;
	open_it();
	write_one(FIRST, "one", BUS_BGP);
	write_one(FIRST + 1, "one", BUS_BGP);
	close_it();
	change("UPDATE events SET number = (1 << 52) - 1 WHERE number = 1001");
	open_it();
	is_set_aside(false);
	assert_int_equal(store_newest(lab.store), FIRST);
	assert_int_equal(read_it((struct imsg_watch_query){.newest = true}, NULL), 1);
	close_it();
	change("INSERT INTO events SELECT -7, time, kind, severity, site, site_group, tunnel, "
	       "reason,"
	       " detail, actor, left_out, outside FROM events; UPDATE events SET kind = 77 WHERE"
	       " number > 0");
	open_it();
	assert_int_equal(store_newest(lab.store), 0);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 0);
}

/* What there is of a row later, too. */
static void what_cannot_be_is_not_read(void **state)
{
	(void)state;
	open_it();
	for (uint64_t n = 0; n < 4; n++)
		write_one(FIRST + n, "one", BUS_BGP);
	close_it();
	change("UPDATE events SET severity = 9 WHERE number = 1001;"
	       "UPDATE events SET tunnel = -9 WHERE number = 1002");
	open_it();
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 2);
	assert_int_equal(lab.page[1].number, FIRST + 3);
}

static unsigned int told;

static void hear(void *context, const char *why)
{
	assert_ptr_equal(context, &told);
	assert_true(why[0]);
	told++;
}

/* Whoever writes to it would fail, and open it, and fail again. */
static void a_trigger_of_somebody_else_is_set_aside(void **state)
{
	(void)state;
	open_it();
	write_one(FIRST, "one", BUS_BGP);
	close_it();
	change("CREATE TRIGGER t BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no'); END");
	told = 0;
	lab.options.set_aside = hear;
	lab.options.context = &told;
	begins_anew();
	assert_int_equal(told, 1);
}

/* The version before had other columns. */
static void what_an_older_one_wrote_is_kept(void **state)
{
	(void)state;
	change("CREATE TABLE events ("
	       " number INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL,"
	       " severity INTEGER NOT NULL, site TEXT NOT NULL, site_group TEXT NOT NULL,"
	       " tunnel INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,"
	       " actor TEXT NOT NULL, left_out INTEGER NOT NULL);"
	       "CREATE INDEX events_site ON events (site, number);"
	       "CREATE INDEX events_kind ON events (kind, number);"
	       "CREATE INDEX events_time ON events (time);"
	       "CREATE TABLE samples ("
	       " site TEXT NOT NULL, site_group TEXT NOT NULL, step INTEGER NOT NULL,"
	       " at INTEGER NOT NULL, pack BLOB NOT NULL, open INTEGER NOT NULL,"
	       " PRIMARY KEY (site, step, at, site_group)) WITHOUT ROWID;"
	       "CREATE INDEX samples_open ON samples (at) WHERE open = 1;"
	       "INSERT INTO samples VALUES ('one', '', 60, 3600, x'02', 0);"
	       "INSERT INTO events VALUES (1000, 5, 1, 1, 'one', '', 0, 'R', 'd', 'a', 0);"
	       "PRAGMA user_version = 3");
	open_it();
	is_set_aside(false);
	write_one(FIRST + 1, "one", BUS_BGP);
	assert_int_equal(read_it((struct imsg_watch_query){0}, NULL), 2);
	close_it();
	open_it();
	is_set_aside(false);
}

/* Pages in the middle: some operation meets them, and what is written then is not lost. */
static void what_is_damaged_is_set_aside(void **state)
{
	char rubbish[8192];

	(void)state;
	open_it();
	for (uint64_t n = 0; n < 500; n++)
		write_one(FIRST + n, "one", BUS_BGP);
	close_it();
	memset(rubbish, 0xa5, sizeof(rubbish));
	for (off_t at = 4096; at < 40000; at += (off_t)sizeof(rubbish))
		overwrite(at, rubbish, sizeof(rubbish));
	open_it();
	for (uint64_t n = 500; n < 600; n++)
		write_one(FIRST + n, "two", BUS_BGP);
	is_set_aside(true);
	(void)read_it((struct imsg_watch_query){.newest = true}, NULL);
	assert_true(lab.count >= 1);
	assert_int_equal(lab.page[lab.count - 1].number, FIRST + 599);
}

static void without_a_directory_there_is_a_reason(void **state)
{
	char why[STORE_WHY_SIZE] = "";

	(void)state;
	lab.options.directory = "/tmp/sluice-store.nowhere";
	lab.store = store_open(&lab.options, why);
	assert_null(lab.store);
	assert_non_null(strstr(why, "No such file or directory"));
}

/* ---- a full disk ---- */

static void fill_disk(void)
{
	char path[128], block[4096] = {0};
	int fd;

	path_of("others", path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

/* 6 MiB, of which one is kept for when others have filled it. */
static void open_on_a_small_disk(void)
{
	if (geteuid() || unshare(CLONE_NEWNS) ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("none", lab.directory, "tmpfs", 0, "size=6m"))
		skip();
	lab.options.events_max = 100000;
	lab.options.reserve = 1 << 20;
	open_it();
}

/* Others have filled it: the oldest events make room, as long as that lasts. */
static void a_full_disk_loses_the_oldest(void **state)
{
	static const char quiet[1][SITE_NAME_SIZE] = {"quiet"};
	char others[128];
	struct stat st;

	(void)state;
	open_on_a_small_disk();
	for (uint64_t n = 0; n < 1000; n++)
		write_one(FIRST + n, n % 10 ? "loud" : "quiet", BUS_BGP);
	fill_disk();
	for (uint64_t n = 1000; n < 9000; n++)
		write_one(FIRST + n, "loud", BUS_BGP);
	read_it((struct imsg_watch_query){.newest = true}, NULL);
	assert_int_equal(lab.page[lab.count - 1].number, FIRST + 8999);
	assert_int_equal(read_it((struct imsg_watch_query){.sites = 1}, quiet), 100);
	/* There is room again, and some of it is kept for the next time. */
	path_of("others", others);
	assert_int_equal(unlink(others), 0);
	store_reserve(lab.store);
	path_of("reserve", others);
	assert_int_equal(stat(others, &st), 0);
	assert_int_equal(st.st_size, 1 << 20);
	close_it();
	assert_int_equal(umount(lab.directory), 0);
}

/* Nothing happens, but minutes come: the room that was kept for that is theirs, too. */
static void a_full_disk_takes_samples(void **state)
{
	static struct imsg_watch_sample m[50];
	char why[STORE_WHY_SIZE];

	(void)state;
	open_on_a_small_disk();
	for (uint64_t n = 0; n < 1000; n++)
		write_one(FIRST + n, "loud", BUS_BGP);
	fill_disk();
	for (uint64_t at = 0; at < 30; at++) {
		for (unsigned int i = 0; i < 50; i++) {
			snprintf(m[i].site, sizeof(m[i].site), "site-%u", i);
			m[i].sample.at_s = MORNING / 1000000000 + at * 60;
			m[i].sample.covered_s = 60;
			for (int f = 0; f < SAMPLE_FIELDS; f++)
				m[i].sample.v[f] = 1000 + at + (unsigned int)f;
		}
		if (!store_samples(lab.store, m, 50, why))
			fail_msg("%s", why);
	}
	close_it();
	assert_int_equal(umount(lab.directory), 0);
}

/* ---- losses of power ---- */

/* Writes and says which number is stored for sure, until the power goes. */
static uint64_t write_until_dark(uint64_t *begun)
{
	static const char *const sites[] = {"one", "two", "three", ""};
	char why[STORE_WHY_SIZE];
	uint64_t stored = 0, n = FIRST;

	*begun = 0;
	lab.store = store_open(&lab.options, why);
	for (int batch = 0; lab.store && batch < 40; batch++) {
		struct bus_event events[7];
		size_t count = 1 + (size_t)batch % 7;

		for (size_t i = 0; i < count; i++, n++)
			events[i] = event(n, sites[n % 4], (enum bus_kind)(n % BUS_KINDS));
		*begun = n - 1;
		if (!store_write(lab.store, events, count, why))
			break;
		stored = n - 1;
	}
	close_it();
	return stored;
}

static void the_power_may_go_at_any_write(void **state)
{
	unsigned int writes;
	uint64_t stored, begun;

	(void)state;
	cut_register();
	lab.options.vfs = "cut";
	lab.options.directory = "";
	lab.options.events_max = 60; /* some are lost meanwhile, in the same transaction */
	cut_begin(0, 1);
	assert_int_not_equal(write_until_dark(&begun), 0);
	writes = cut.writes;
	assert_in_range(writes, 100, 100000);
	for (unsigned int at = 1; at <= writes; at++) {
		for (unsigned int seed = 1; seed <= 2; seed++) {
			cut_begin(at, seed * 7919 + at);
			stored = write_until_dark(&begun);
			cut_end();
			open_it();
			/* set_aside() renames files of another disk: here it would come to nothing, and fail. */
			read_it((struct imsg_watch_query){0}, NULL);
			assert_true(!stored || lab.count);
			if (lab.count) {
				assert_true(lab.page[lab.count - 1].number >= stored);
				assert_true(lab.page[lab.count - 1].number <= begun);
			}
			for (size_t i = 0; i < lab.count; i++) {
				struct bus_event is = lab.page[i], was = event(is.number, is.site,
									   (enum bus_kind)is.kind);

				assert_memory_equal(&is, &was, sizeof(is));
			}
			write_one(FIRST + 1000, "one", BUS_BGP);
			close_it();
		}
	}
	cut_free();
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(what_is_written_is_read),
		STORE_TEST(what_is_asked_for_is_found),
		STORE_TEST(trouble_of_others_is_found),
		STORE_TEST(the_clock_was_set_back),
		STORE_TEST(the_loud_one_loses_its_oldest),
		STORE_TEST(refused_requests_push_out_nothing),
		STORE_TEST(strangers_push_out_nothing),
		STORE_TEST(what_is_old_is_forgotten),
		STORE_TEST(a_clock_that_jumps_erases_nothing),
		STORE_TEST(what_is_no_database_is_set_aside),
		STORE_TEST(one_of_a_newer_version_is_set_aside),
		STORE_TEST(tables_of_somebody_else_are_set_aside),
		STORE_TEST(an_event_of_the_last_number_is_removed),
		STORE_TEST(what_cannot_be_is_not_read),
		STORE_TEST(a_trigger_of_somebody_else_is_set_aside),
		STORE_TEST(what_an_older_one_wrote_is_kept),
		STORE_TEST(what_is_damaged_is_set_aside),
		STORE_TEST(without_a_directory_there_is_a_reason),
		STORE_TEST(a_full_disk_loses_the_oldest),
		STORE_TEST(a_full_disk_takes_samples),
		STORE_TEST(the_power_may_go_at_any_write),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
