/* SPDX-License-Identifier: Apache-2.0 */
/* Minutes of a site become fives and hours, and their sums stay what they were; old ones go. */
#include "base/clock.h"
#include "proc/watch/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DAY   86400
#define BEGIN (UINT64_C(1790000000) / DAY * DAY)

static struct {
	char directory[64];
	struct store *store;
	uint64_t bytes; /* of all that was written */
} lab;

static int setup(void **state)
{
	struct store_options options = {.directory = lab.directory, .events_max = 1000};
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
	struct imsg_watch_sample m = {.sample.at_s = at_s};
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

static struct imsg_watch_points points;

static struct imsg_watch_sum sum_of(
	const char *site, uint64_t from_s, uint64_t to_s, uint64_t now_s)
{
	const struct imsg_watch_sum_query q = {
		.id = 1, .from_s = from_s, .to_s = to_s, .points = 24};
	struct imsg_watch_sum sum;
	char why[STORE_WHY_SIZE];

	if (!store_sum(lab.store, &q, site, now_s, &sum, &points, why))
		fail_msg("%s", why);
	return sum;
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

/* A minute of each hour, for two years. */
static void old_ones_go(void **state)
{
	const uint64_t to = BEGIN + 730ull * DAY;
	struct imsg_watch_sum sum;

	(void)state;
	write_minutes("one", BEGIN, to, 3600);
	write_minutes("gone", BEGIN, BEGIN + 30 * DAY, 3600);
	sum = sum_of("one", BEGIN, to, to);
	assert_int_equal(sum.step_s, 3600);
	assert_in_range(sum.covered_s / DAY, 455, 459);
	sum = sum_of("one", to - 60ull * DAY, to, to);
	assert_int_equal(sum.step_s, 300);
	sum = sum_of("one", to - 14ull * DAY, to, to);
	assert_int_equal(sum.step_s, 60);
	assert_int_equal(sum.covered_s, 14 * 24 * 60);
	/* Minutes that are older are there no more, nor is whoever is gone. */
	sum = sum_of("one", to - 40ull * DAY, to - 30ull * DAY, to - 30ull * DAY);
	assert_int_equal(sum.covered_s, 0);
	assert_int_equal(sum_of("gone", BEGIN, BEGIN + 30 * DAY, BEGIN + 60 * DAY).step_s, 300);
	store_expire_samples(lab.store, to);
	assert_int_equal(sum_of("gone", BEGIN, BEGIN + 30 * DAY, BEGIN + 60 * DAY).covered_s, 0);
	assert_in_range(sum_of("one", BEGIN, to, to).covered_s / DAY, 455, 459);
}

#define SAMPLES_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SAMPLES_TEST(sums_are_the_same),
		SAMPLES_TEST(a_part_of_it),
		SAMPLES_TEST(old_ones_go),
	};

	return cmocka_run_group_tests_name("samples", tests, NULL, NULL);
}
