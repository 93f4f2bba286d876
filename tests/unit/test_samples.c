/* SPDX-License-Identifier: Apache-2.0 */
/* Minutes of a site become fives and hours, and their sums stay what they were; old ones go. */
#include "base/clock.h"
#include "proc/watch/store.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define DAY   86400
#define BEGIN (UINT64_C(1790000000) / DAY * DAY)

static struct {
	char directory[64];
	struct store *store;
	uint64_t bytes; /* of all that was written */
} lab;

static const struct store_options options = {.directory = lab.directory, .events_max = 1000};

static int setup(void **state)
{
	char why[STORE_WHY_SIZE];

	(void)state;
	memset(&lab, 0, sizeof(lab));
	strcpy(lab.directory, "/tmp/sluice-samples.XXXXXX");
	assert_non_null(mkdtemp(lab.directory));
	lab.store = store_open(&options, why);
	assert_non_null(lab.store);
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

/* What a site has in that minute. */
static struct imsg_watch_sample minute(const char *site, uint64_t at_s)
{
	struct imsg_watch_sample m = {.group = "of", .sample = {.at_s = at_s, .covered_s = 60}};
	uint64_t n = at_s / 60 % 977;

	snprintf(m.site, sizeof(m.site), "%s", site);
	m.sample.v[SAMPLE_UP] = 60;
	m.sample.v[SAMPLE_OFFERED] = 7500 * (n + 1);
	m.sample.v[SAMPLE_DELIVERED] = 7500 * n;
	m.sample.v[SAMPLE_DROPPED] = n == 500 ? 9999 : 0;
	m.sample.v[SAMPLE_WORST_AT] = at_s + 7;
	m.sample.v[SAMPLE_WORST] = n == 500 ? 3 : 0;
	m.sample.v[SAMPLE_WORST + 1] = n;
	m.sample.v[SAMPLE_OF_REASON(0, 2)] = n == 500;
	return m;
}

static void write_minutes(const char *site, uint64_t from_s, uint64_t to_s, uint64_t step_s)
{
	static struct imsg_watch_sample batch[256];
	char why[STORE_WHY_SIZE];
	size_t n = 0;

	for (uint64_t at = from_s; at < to_s; at += step_s) {
		batch[n++] = minute(site, at);
		if (n < 256 && at + step_s < to_s)
			continue;
		if (!store_samples(lab.store, batch, n, why))
			fail_msg("%s", why);
		n = 0;
	}
}

/* Rows that nobody has written keep nobody from going on. */
static void what_cannot_be_is_left(void **state)
{
	char path[128], why[STORE_WHY_SIZE];
	sqlite3 *db;

	(void)state;
	write_minutes("one", BEGIN, BEGIN + 3600, 60);
	store_close(lab.store);
	snprintf(path, sizeof(path), "%s/events.db", lab.directory);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int i = 0; i < 4; i++) {
		static const char *const changes[] = {"step = 300", "at = at + 7",
			"site = 'a name of thirty-two bytes or more'", "site = 'one' || char(0)"};
		char sql[256];

		snprintf(sql, sizeof(sql),
			"CREATE TEMP TABLE odd AS SELECT * FROM samples LIMIT 1; UPDATE odd SET %s;"
			" INSERT OR REPLACE INTO samples SELECT * FROM odd; DROP TABLE odd",
			changes[i]);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	}
	sqlite3_close(db);
	lab.store = store_open(&options, why);
	assert_non_null(lab.store);
	alarm(20);
	write_minutes("one", BEGIN + 7200, BEGIN + 7260, 60);
	alarm(0);
}

static struct imsg_watch_points points;

static struct imsg_watch_sum sum_of(
	const char *site, uint64_t from_s, uint64_t to_s, uint64_t now_s)
{
	const struct imsg_watch_sum_query q = {
		.id = 1, .from_s = from_s, .to_s = to_s, .points = 24};
	struct watch_site of = {.group = "another"};
	struct imsg_watch_sum sum;
	char why[STORE_WHY_SIZE];

	strcpy(of.name, site);
	if (!store_sum(lab.store, &q, &of, now_s, &sum, &points, why))
		fail_msg("%s", why);
	return sum;
}

static void write_one(const struct imsg_watch_sample *m)
{
	char why[STORE_WHY_SIZE];

	if (!store_samples(lab.store, m, 1, why))
		fail_msg("%s", why);
}

/* By minutes, by fives, by hours, with what is not summed up yet: it is always the same. */
static void sums_are_the_same(void **state)
{
	const uint64_t to = BEGIN + 3 * DAY + 1234 * 60;
	struct imsg_watch_sum minutes, fives, hours;

	(void)state;
	write_minutes("one", BEGIN, to, 60);
	write_minutes("two", BEGIN, BEGIN + 600, 60);
	minutes = sum_of("one", BEGIN, to, to);
	fives = sum_of("one", BEGIN, to, BEGIN + 20 * DAY);
	hours = sum_of("one", BEGIN, to, BEGIN + 100 * DAY);
	assert_int_equal(minutes.step_s, 60);
	assert_int_equal(fives.step_s, 300);
	assert_int_equal(hours.step_s, 3600);
	assert_int_equal(minutes.covered_s, to - BEGIN);
	assert_int_equal(hours.covered_s, to - BEGIN);
	assert_memory_equal(&minutes.sum.v, &fives.sum.v, sizeof(minutes.sum.v));
	assert_memory_equal(&minutes.sum.v, &hours.sum.v, sizeof(minutes.sum.v));
	assert_int_equal(minutes.sum.v[SAMPLE_UP], to - BEGIN);
	assert_int_equal(minutes.from_s, BEGIN);
	assert_int_equal(minutes.worst[0].dropped, 9999);
	assert_int_equal(minutes.sum.v[SAMPLE_WORST], 3);
	assert_int_equal(minutes.worst[1].at_s, 0);
	/* The n-th minute has n kbit/s. */
	assert_in_range(minutes.kbps[0][WATCH_MEDIAN], 460, 510);
	assert_in_range(minutes.kbps[0][WATCH_P99], 960, 976);
	assert_int_equal(sum_of("two", BEGIN, to, to).covered_s, 600);
	assert_int_equal(sum_of("three", BEGIN, to, to).covered_s, 0);
	assert_int_equal(sum_of("one", to, BEGIN, to).covered_s, 0);
}

static void a_part_of_it(void **state)
{
	struct imsg_watch_sum sum;
	uint64_t all = 0;

	(void)state;
	write_minutes("one", BEGIN, BEGIN + DAY, 60);
	sum = sum_of("one", BEGIN + 3600, BEGIN + 2 * 3600, BEGIN + DAY);
	assert_int_equal(sum.covered_s, 3600);
	assert_int_equal(sum.from_s, BEGIN + 3600);
	sum = sum_of("one", BEGIN, BEGIN + DAY, BEGIN + DAY);
	for (int i = 0; i < 24; i++) {
		assert_int_equal(points.points[i].covered_s, 3600);
		assert_int_equal(points.points[i].up_s[0], 3600);
		all += points.points[i].delivered[0];
	}
	assert_int_equal(all, sum.sum.v[SAMPLE_DELIVERED]);
	/* What is said twice is said over. */
	write_minutes("one", BEGIN + 3600, BEGIN + 7200, 60);
	assert_int_equal(
		sum_of("one", BEGIN, BEGIN + DAY, BEGIN + DAY).sum.v[SAMPLE_DELIVERED], all);
}

/* The store is open for a day more, of a clock that nobody sets. */
static void a_day_passes(void)
{
	static uint64_t now = CLOCK_SECOND;

	(void)store_expire(lab.store, now);
	now += DAY * CLOCK_SECOND;
	while (store_expire(lab.store, now))
		;
}

/* A minute of each hour, for 500 days. */
static void old_ones_go(void **state)
{
	const uint64_t to = BEGIN + 500ull * DAY;
	struct imsg_watch_sum sum;

	(void)state;
	for (uint64_t at = BEGIN; at < to; at += DAY) {
		write_minutes("one", at, at + DAY, 3600);
		if (at < BEGIN + 30 * DAY)
			write_minutes("gone", at, at + DAY, 3600);
		a_day_passes();
	}
	sum = sum_of("one", BEGIN, to, to);
	assert_int_equal(sum.step_s, 3600);
	assert_in_range(sum.covered_s / (24 * 60), 455, 460);
	sum = sum_of("one", to - 60ull * DAY, to, to);
	assert_int_equal(sum.step_s, 300);
	sum = sum_of("one", to - 14ull * DAY, to, to);
	assert_int_equal(sum.step_s, 60);
	assert_int_equal(sum.covered_s, 14 * 24 * 60);
	/* Minutes that are older are there no more, nor is whoever is gone. */
	sum = sum_of("one", to - 40ull * DAY, to - 30ull * DAY, to - 30ull * DAY);
	assert_int_equal(sum.covered_s, 0);
	assert_int_equal(sum_of("gone", BEGIN, BEGIN + 30 * DAY, BEGIN + 60 * DAY).covered_s, 0);
}

/* For a minute it was two years later. */
static void a_clock_that_jumps_erases_nothing(void **state)
{
	const uint64_t to = BEGIN + DAY;

	(void)state;
	write_minutes("one", BEGIN, to, 60);
	a_day_passes();
	write_minutes("one", to + 730ull * DAY, to + 730ull * DAY + 60, 60);
	a_day_passes();
	write_minutes("one", to, to + 3600, 60);
	a_day_passes();
	assert_int_equal(sum_of("one", BEGIN, to + 3600, to).covered_s, DAY + 3600);
	assert_int_equal(sum_of("one", BEGIN, to, BEGIN + 100 * DAY).covered_s, DAY);
}

/* The hub was not there for 40 minutes, and but half of the one before: it is the same by minutes, by fives and by hours. */
static void what_is_not_covered_counts_for_nothing(void **state)
{
	const uint64_t to = BEGIN + 6 * 3600;
	struct imsg_watch_sum minutes, fives, hours;
	struct imsg_watch_sample half = minute("one", BEGIN + 3600 + 600);

	(void)state;
	half.sample.covered_s = half.sample.v[SAMPLE_UP] = 30;
	write_minutes("one", BEGIN, BEGIN + 3600 + 600, 60);
	write_one(&half);
	write_minutes("one", BEGIN + 3600 + 3000, to, 60);
	minutes = sum_of("one", BEGIN, to, to);
	fives = sum_of("one", BEGIN, to, BEGIN + 20 * DAY);
	hours = sum_of("one", BEGIN, to, BEGIN + 100 * DAY);
	assert_int_equal(hours.step_s, 3600);
	assert_int_equal(minutes.covered_s, 6 * 3600 - 40 * 60 + 30);
	assert_int_equal(fives.covered_s, minutes.covered_s);
	assert_int_equal(hours.covered_s, minutes.covered_s);
	assert_int_equal(hours.sum.v[SAMPLE_UP], hours.covered_s);
	/* An hour that is there by a third is not so much slower. */
	hours = sum_of("one", BEGIN + 3600, BEGIN + 7200, BEGIN + 100 * DAY);
	assert_int_equal(hours.covered_s, 3600 - 40 * 60 + 30);
	assert_int_equal(hours.kbps[0][WATCH_MEDIAN],
		hours.sum.v[SAMPLE_DELIVERED] * 8 / 1000 / hours.covered_s);
	assert_int_equal(hours.worst[0].covered_s, hours.covered_s);
}

/* Ten hours, and the minutes of this one, in which nothing went: they are not the most of the time. */
static void a_minute_weighs_less_than_an_hour(void **state)
{
	const uint64_t to = BEGIN + 10 * 3600 + 55 * 60;
	struct imsg_watch_sum sum;

	(void)state;
	for (uint64_t at = BEGIN; at < to; at += 60) {
		struct imsg_watch_sample m = minute("one", at);

		m.sample.v[SAMPLE_DELIVERED] = at < BEGIN + 10 * 3600 ? 7500 * 100 : 0;
		write_one(&m);
	}
	sum = sum_of("one", BEGIN, to, BEGIN + 100 * DAY);
	assert_int_equal(sum.step_s, 3600);
	assert_int_equal(sum.kbps[0][WATCH_MEDIAN], 100);
	/* Of two, the greater is what 99 of 100 are not above. */
	sum = sum_of("one", BEGIN + 10 * 3600 - 60, BEGIN + 10 * 3600 + 60, to);
	assert_int_equal(sum.kbps[0][WATCH_MEDIAN], 0);
	assert_int_equal(sum.kbps[0][WATCH_P99], 100);
}

static uint64_t covered_in_group(const char *group, uint64_t from_s, uint64_t to_s, uint64_t now_s)
{
	const struct imsg_watch_sum_query q = {
		.id = 1, .of_group = true, .from_s = from_s, .to_s = to_s};
	struct watch_site of = {.name = "one"};
	struct imsg_watch_sum sum;
	char why[STORE_WHY_SIZE];

	strcpy(of.group, group);
	assert_true(store_sum(lab.store, &q, &of, now_s, &sum, NULL, why));
	return sum.covered_s;
}

/* A site that has come into another group, or another customer's of the same name, has its own time only. */
static void a_group_has_its_own(void **state)
{
	const uint64_t change = BEGIN + 3 * 3600 + 25 * 60, to = BEGIN + 6 * 3600 + 60;

	(void)state;
	for (uint64_t at = BEGIN; at < to; at += 60) {
		struct imsg_watch_sample m = minute("one", at);

		strcpy(m.group, at < change ? "a" : "b");
		write_one(&m);
	}
	for (uint64_t now = to; now < BEGIN + 101 * DAY; now += 20 * DAY) {
		assert_int_equal(covered_in_group("a", BEGIN, to, now), change - BEGIN);
		assert_int_equal(covered_in_group("b", BEGIN, to, now), to - change);
		assert_int_equal(covered_in_group("", BEGIN, to, now), 0);
		assert_int_equal(sum_of("one", BEGIN, to, now).covered_s, to - BEGIN);
	}
}

/* A clock that is set back by seconds comes to the same minute twice, also to one of an hour that was over. */
static void a_clock_that_is_set_back_loses_nothing(void **state)
{
	struct imsg_watch_sample part = minute("one", BEGIN + 3600 - 60);
	const uint64_t to = BEGIN + 3 * 3600 + 60;

	(void)state;
	write_minutes("one", BEGIN, BEGIN + 3600, 60);
	part.sample = (struct sample){.at_s = BEGIN + 3600, .covered_s = 10};
	part.sample.v[SAMPLE_OFFERED] = 100;
	write_one(&part);
	part.sample = (struct sample){.at_s = BEGIN + 3600 - 60, .covered_s = 15};
	part.sample.v[SAMPLE_OFFERED] = 200;
	write_one(&part);
	assert_int_equal(sum_of("one", BEGIN, to, to).covered_s, 3600 + 25);
	assert_int_equal(
		sum_of("one", BEGIN, BEGIN + 3600, BEGIN + 100 * DAY).covered_s, 3600 + 15);
	write_minutes("one", BEGIN + 3600, to, 60);
	assert_int_equal(sum_of("one", BEGIN, to, to).covered_s, to - BEGIN + 25);
	assert_int_equal(sum_of("one", BEGIN, to, BEGIN + 20 * DAY).covered_s, to - BEGIN + 25);
	assert_int_equal(sum_of("one", BEGIN, to, BEGIN + 100 * DAY).covered_s, to - BEGIN + 25);
}

/* Two hours ahead for some minutes, then right: each hour is summed up when it is over. */
static void a_clock_that_was_ahead_leaves_no_hour_out(void **state)
{
	const uint64_t to = BEGIN + 5 * 3600 + 60;

	(void)state;
	write_minutes("one", BEGIN + 2 * 3600, BEGIN + 2 * 3600 + 120, 60);
	write_minutes("one", BEGIN, BEGIN + 2 * 3600, 60);
	write_minutes("one", BEGIN + 2 * 3600 + 120, to, 60);
	assert_int_equal(sum_of("one", BEGIN, to, to).covered_s, to - BEGIN);
	assert_int_equal(sum_of("one", BEGIN, to, BEGIN + 20 * DAY).covered_s, to - BEGIN);
	assert_int_equal(sum_of("one", BEGIN, to, BEGIN + 100 * DAY).covered_s, to - BEGIN);
	/* Also of a site that is gone, when any other has a new hour. */
	write_minutes("gone", to, to + 120, 60);
	write_minutes("one", to + 3600, to + 3600 + 60, 60);
	assert_int_equal(sum_of("gone", to - 60, to + 3600, BEGIN + 100 * DAY).step_s, 3600);
}

#define SAMPLES_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SAMPLES_TEST(what_cannot_be_is_left),
		SAMPLES_TEST(sums_are_the_same),
		SAMPLES_TEST(a_part_of_it),
		SAMPLES_TEST(old_ones_go),
		SAMPLES_TEST(a_clock_that_jumps_erases_nothing),
		SAMPLES_TEST(what_is_not_covered_counts_for_nothing),
		SAMPLES_TEST(a_minute_weighs_less_than_an_hour),
		SAMPLES_TEST(a_group_has_its_own),
		SAMPLES_TEST(a_clock_that_is_set_back_loses_nothing),
		SAMPLES_TEST(a_clock_that_was_ahead_leaves_no_hour_out),
	};

	return cmocka_run_group_tests_name("samples", tests, NULL, NULL);
}
