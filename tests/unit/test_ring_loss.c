/* SPDX-License-Identifier: Apache-2.0 */
/* What rings have lost: whose it was, counted once, and never less than before. */
#include "dataplane/ring_loss.h"
#include "state/history.h"
#include "state/stats_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SIZE 1000 /* bytes of each packet */

struct flow {
	struct traffic offered;
	uint64_t accounted;
	struct ring_loss loss;
};

static struct ring_pool pool;
static uint64_t drops;

/* So many are passed on; of all that there ever were so many are under way. */
static void offer(struct flow *f, uint64_t packets, uint64_t lost, uint64_t under_way)
{
	static uint64_t all_lost;

	if (!f->offered.packets)
		all_lost = 0;
	f->offered.packets += packets;
	f->offered.bytes += packets * SIZE;
	all_lost += lost;
	f->accounted = f->offered.packets - all_lost - under_way;
}

static void look(struct flow *f)
{
	ring_pool_look(&pool, drops);
	ring_loss_count(&f->loss, &pool, &f->offered, f->accounted);
}

static int begin(void **state)
{
	(void)state;
	pool = (struct ring_pool){0};
	drops = 0;
	return 0;
}

/* What is under way goes up and down; after the first loss it is none. */
static void what_is_under_way_is_no_loss(void **state)
{
	struct flow f = {0};
	uint64_t before = 0;

	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		uint64_t lost = i == 20 ? 50 : 0;

		drops += lost;
		offer(&f, 5000, lost, 10 + (uint64_t)(rand() % 300));
		look(&f);
		assert_true(f.loss.lost.packets >= before);
		before = f.loss.lost.packets;
	}
	assert_int_equal(f.loss.lost.packets, 50);
	assert_int_equal(f.loss.lost.bytes, 50 * SIZE);
}

static void two_sites_are_not_charged_with_the_same(void **state)
{
	struct flow a = {.offered = {1000, 1000 * SIZE}, .accounted = 900};
	struct flow b = {.offered = {2000, 2000 * SIZE}, .accounted = 1900};

	(void)state;
	drops = 120;
	for (int i = 0; i < 5; i++) {
		ring_pool_look(&pool, drops);
		ring_loss_count(&a.loss, &pool, &a.offered, a.accounted);
		ring_loss_count(&b.loss, &pool, &b.offered, b.accounted);
		/* Once more in the same look, as somebody asks. */
		ring_loss_count(&b.loss, &pool, &b.offered, b.accounted);
	}
	assert_int_equal(a.loss.lost.packets, 100);
	assert_int_equal(b.loss.lost.packets, 20);
}

/* The device was made again, and counts from 0; what was lost stays, and what is lost now comes to it. */
static void a_device_that_counts_anew(void **state)
{
	struct flow f = {0};

	(void)state;
	drops = 500;
	offer(&f, 1000, 500, 0);
	look(&f);
	look(&f);
	assert_int_equal(f.loss.lost.packets, 500);
	drops = 0;
	look(&f);
	assert_int_equal(f.loss.lost.packets, 500);
	drops = 7;
	offer(&f, 100, 7, 0);
	look(&f);
	look(&f);
	assert_int_equal(f.loss.lost.packets, 507);
}

/* Drops of long ago explain nothing that is missing now. */
static void old_drops_are_nobodys(void **state)
{
	struct flow f = {0};

	(void)state;
	drops = 1000;
	offer(&f, 10, 0, 0);
	for (int i = 0; i < 3; i++)
		look(&f);
	for (int i = 0; i < 3; i++) {
		offer(&f, 1000, 0, 200);
		look(&f);
	}
	assert_int_equal(f.loss.lost.packets, 0);
}

/* A counter that is less than before, whatever the cause, is no traffic: it would be 2^64 of it. */
static void less_than_before_is_nothing(void **state)
{
	const uint64_t minute = UINT64_C(60000000000), second = UINT64_C(1000000000);
	struct site_stats was = {.offered = {10, 1000}, .ring_full = {5, 500}};
	struct site_stats is = {.offered = {20, 2000}, .ring_full = {4, 400}}, delta = is;
	struct history *h = history_new(0);
	struct history_sum sum;

	(void)state;
	stats_subtract(&delta, &was, sizeof(delta) / sizeof(struct traffic));
	assert_int_equal(delta.offered.bytes, 1000);
	assert_int_equal(delta.ring_full.packets, 0);
	assert_int_equal(delta.ring_full.bytes, 0);
	history_add(h, SLUICE_IN, &was, minute, &is, minute + second);
	sum = history_since(h, SLUICE_IN, 0, 2 * minute);
	assert_int_equal(sum.dropped, 0);
	assert_int_equal(sum.worst_dropped, 0);
	assert_int_equal(sum.worst_offered, 8000);
	history_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_under_way_is_no_loss, begin),
		cmocka_unit_test_setup(two_sites_are_not_charged_with_the_same, begin),
		cmocka_unit_test_setup(a_device_that_counts_anew, begin),
		cmocka_unit_test_setup(old_drops_are_nobodys, begin),
		cmocka_unit_test(less_than_before_is_nothing),
	};

	return cmocka_run_group_tests_name("ring_loss", tests, NULL, NULL);
}
