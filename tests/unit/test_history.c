/* SPDX-License-Identifier: Apache-2.0 */
/* A site's minutes: sums from a time on, the worst second, what a day is; and the reasons that they know. */
#include "base/clock.h"
#include "state/history.h"
#include "state/stats_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define MINUTE (60 * CLOCK_SECOND)

static struct site_stats counters;
static uint64_t now;

/* A second in which so many packets of 1,000 bytes were offered, and some of them dropped. */
static void second(struct history *h, uint64_t offered, uint64_t dropped)
{
	struct site_stats was = counters;

	counters.offered.packets += offered;
	counters.offered.bytes += 1000 * offered;
	counters.delivered.packets += offered - dropped;
	counters.delivered.bytes += 1000 * (offered - dropped);
	counters.site_rate.packets += dropped;
	counters.site_rate.bytes += 1000 * dropped;
	history_add(h, SLUICE_IN, &was, now, &counters, now + CLOCK_SECOND);
	now += CLOCK_SECOND;
}

static uint64_t site_rate_of(const struct history_sum *s)
{
	for (unsigned int i = 0; site_drop_fields[i].name; i++) {
		assert_in_range(i, 0, HISTORY_REASONS - 1);
		if (!strcmp(site_drop_fields[i].name, "site_rate"))
			return s->drops[i];
	}
	return 0;
}

static void test_sums(void **state)
{
	struct history *h;
	struct history_sum s;

	(void)state;
	now = 100 * MINUTE + 30 * CLOCK_SECOND;
	h = history_new(now);
	for (int i = 0; i < 300; i++)
		second(h, i == 100 ? 500 : 10, i == 100 ? 400 : 1);
	s = history_since(h, SLUICE_IN, 0, now);
	assert_int_equal(s.from_ns, 100 * MINUTE + 30 * CLOCK_SECOND); /* not before it began */
	assert_int_equal(s.to_ns, now);
	assert_int_equal(s.offered, 1000 * (299 * 10 + 500));
	assert_int_equal(s.dropped, 1000 * (299 + 400));
	assert_int_equal(s.delivered, s.offered - s.dropped);
	assert_int_equal(site_rate_of(&s), 299 + 400);
	assert_int_equal(s.worst_ns, 102 * MINUTE + 10 * CLOCK_SECOND);
	assert_int_equal(s.worst_offered, 4000000);
	assert_int_equal(s.worst_delivered, 800000);
	assert_int_equal(s.worst_dropped, 3200000);
	/* The last minute and what has begun of this one. */
	s = history_since(h, SLUICE_IN, now - 60 * CLOCK_SECOND, now);
	assert_int_equal(s.from_ns, 104 * MINUTE);
	assert_int_equal(s.offered, 1000 * 10 * 90);
	assert_int_equal(s.worst_offered, 80000);
	/* Nothing went the other way. */
	s = history_since(h, SLUICE_OUT, 0, now);
	assert_int_equal(s.offered, 0);
	assert_int_equal(s.worst_ns, 0);
	history_free(h);
}

/* Without drops the worst second is the busiest; one that lost a packet is worse than any other. */
static void test_worst(void **state)
{
	struct history *h;
	struct history_sum s;

	(void)state;
	now = 7 * MINUTE;
	h = history_new(now);
	second(h, 10, 0);
	second(h, 90, 0);
	second(h, 20, 0);
	s = history_since(h, SLUICE_IN, 0, now);
	assert_int_equal(s.worst_ns, 7 * MINUTE + CLOCK_SECOND);
	second(h, 5, 1);
	s = history_since(h, SLUICE_IN, 0, now);
	assert_int_equal(s.worst_ns, 7 * MINUTE + 3 * CLOCK_SECOND);
	history_free(h);
}

/* What is older than a day is not there, nor is it taken for something newer. */
static void test_a_day(void **state)
{
	struct history *h;
	struct history_sum s;

	(void)state;
	now = 5 * MINUTE;
	h = history_new(now);
	second(h, 100, 50);
	now += (HISTORY_MINUTES - 2) * MINUTE;
	s = history_since(h, SLUICE_IN, 0, now);
	assert_int_equal(s.offered, 100000);
	now += 2 * MINUTE;
	s = history_since(h, SLUICE_IN, 0, now);
	assert_int_equal(s.offered, 0);
	second(h, 1, 0); /* where the old minute was */
	s = history_since(h, SLUICE_IN, 0, now);
	assert_int_equal(s.offered, 1000);
	assert_int_equal(s.dropped, 0);
	assert_true(s.to_ns - s.from_ns <= HISTORY_MINUTES * MINUTE);
	/* Asked for a time that is yet to come. */
	s = history_since(h, SLUICE_IN, now + MINUTE, now);
	assert_int_equal(s.offered, 1000);
	history_free(h);
}

static unsigned int rows_of(size_t offset)
{
	unsigned int n = 0;

	for (const struct stats_field *f = site_drop_fields; f->name; f++)
		n += f->offset == offset;
	return n;
}

/* Every counter of struct site_stats but the first two is a reason, and has one row. */
static void test_every_reason_is_named(void **state)
{
	const char *before = "delivered";

	(void)state;
	assert_int_equal(offsetof(struct site_stats, delivered), sizeof(struct traffic));
	for (size_t at = 2 * sizeof(struct traffic); at < sizeof(struct site_stats);
		at += sizeof(struct traffic)) {
		if (rows_of(at) != 1)
			fail_msg("the counter behind `%s` in struct site_stats has %u rows in "
				 "site_drop_fields",
				before, rows_of(at));
		for (const struct stats_field *f = site_drop_fields; f->name; f++)
			before = f->offset == at ? f->name : before;
	}
}

/* What was dropped is the sum of all reasons, and of nothing else. */
static void test_drops_are_the_sum(void **state)
{
	enum { COUNTERS = sizeof(struct site_stats) / sizeof(struct traffic) };
	struct traffic each[COUNTERS], sum;
	struct site_stats s;

	(void)state;
	for (unsigned int i = 0; i < COUNTERS; i++)
		each[i] = (struct traffic){.packets = 1u << i, .bytes = 1u << i};
	memcpy(&s, each, sizeof(s));
	sum = stats_dropped(&s);
	assert_int_equal(sum.packets, (1u << COUNTERS) - 1 - (1 | 2));
	assert_int_equal(sum.bytes, sum.packets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_worst),
		cmocka_unit_test(test_a_day),
		cmocka_unit_test(test_every_reason_is_named),
		cmocka_unit_test(test_drops_are_the_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
