/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hundred sites, an aggregate that is short, a clock of our own: packets pay into the same buckets
 * by the same arithmetic as XDP and the workers, and fair_turn moves the limits as `hub` does.
 */
#include "dataplane/fair.h"
#include "dataplane/maps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SITES   100
#define PACKET  1400
#define STEP_NS UINT64_C(50000)
#define MS      UINT64_C(1000000)
#define M       UINT64_C(1000000)

/* A site sends at `rate`; a backing-off one more and more until it loses, then less, like TCP. */
struct sender {
	double rate, credit;
	bool backs_off;
	uint64_t lost, lost_before;
	uint64_t delivered; /* bytes */
};

struct world {
	uint64_t now, next_turn, aggregate_drops;
	struct fair fair;
	struct rate_bucket site[SITES], aggregate;
	uint64_t caps[SITES];
	struct sender senders[SITES];
	uint64_t offered[SLUICE_MAX_SITES];
};

static void limit_set(struct world *w, uint32_t i)
{
	struct bucket_rate rate = {.bits_per_second = fair_limit(&w->fair, i)};
	struct rate_bucket b = bucket_make(&rate);

	b.tat_ns = w->site[i].tat_ns;
	w->site[i] = b;
}

static struct world *world_new(uint64_t aggregate, uint64_t cap, double rate)
{
	struct bucket_rate all = {
		.bits_per_second = aggregate, .burst_bytes = fair_burst(aggregate, SITES)};
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->now = w->next_turn = 1000 * MS;
	w->aggregate = bucket_make(&all);
	fair_aggregate_set(&w->fair, aggregate);
	w->fair.turned_ns = w->now - FAIR_IDLE_NS;
	for (uint32_t i = 0; i < SITES; i++) {
		w->caps[i] = cap;
		w->senders[i].rate = rate;
		fair_site_set(&w->fair, i, cap, 0);
		limit_set(w, i);
	}
	return w;
}

/* As in bpf/police.h: the aggregate first; what the site then does not want is given back. */
static void send_packet(struct world *w, uint32_t i)
{
	struct rate_bucket *b = &w->site[i];
	struct sender *s = &w->senders[i];
	uint64_t before = w->aggregate.tat_ns;
	__u64 start;

	w->offered[i] += PACKET;
	if (!bucket_charge(&w->aggregate.tat_ns, w->now,
		    bucket_cost(PACKET, w->aggregate.ns_per_byte_q16), w->aggregate.burst_ns,
		    &start)) {
		w->aggregate_drops++;
		s->lost++;
	} else if (b->ns_per_byte_q16 &&
		   !bucket_charge(&b->tat_ns, w->now, bucket_cost(PACKET, b->ns_per_byte_q16),
			   b->burst_ns, &start)) {
		w->aggregate.tat_ns = before;
		s->lost++;
	} else {
		s->delivered += PACKET;
	}
}

static void back_off(struct sender *s)
{
	s->rate = s->lost > s->lost_before ? s->rate * 0.7 : s->rate + 1e6;
	s->lost_before = s->lost;
}

static double burst_used(const struct world *w)
{
	const struct rate_bucket *b = &w->aggregate;

	return b->tat_ns > w->now ? (double)(b->tat_ns - w->now) / (double)b->burst_ns : 0;
}

static void run(struct world *w, uint64_t ns)
{
	for (uint64_t end = w->now + ns; w->now < end; w->now += STEP_NS) {
		for (uint32_t i = 0; i < SITES; i++) {
			struct sender *s = &w->senders[i];

			if (s->backs_off && w->now % (20 * MS) == i * STEP_NS)
				back_off(s);
			s->credit += s->rate * (double)STEP_NS / 8e9;
			for (; s->credit >= PACKET; s->credit -= PACKET)
				send_packet(w, i);
		}
		if (w->now < w->next_turn)
			continue;
		w->next_turn = w->now + fair_turn(&w->fair, w->offered, burst_used(w), w->now);
		for (uint32_t i = 0; i < SITES; i++)
			limit_set(w, i);
	}
}

/* What each site gets in the next `ns`, in bits per second. */
static void rates(struct world *w, uint64_t ns, double out[SITES])
{
	uint64_t before[SITES];

	for (uint32_t i = 0; i < SITES; i++)
		before[i] = w->senders[i].delivered;
	run(w, ns);
	for (uint32_t i = 0; i < SITES; i++)
		out[i] = (double)(w->senders[i].delivered - before[i]) * 8e9 / (double)ns;
}

static double jain(const double *x, size_t n)
{
	double sum = 0, squares = 0;

	for (size_t i = 0; i < n; i++) {
		sum += x[i];
		squares += x[i] * x[i];
	}
	return sum * sum / ((double)n * squares);
}

static void assert_near(double got, double want, double percent)
{
	if (fabs(got - want) > want * percent / 100)
		fail_msg("%.0f, wanted %.0f within %.1f %%", got, want, percent);
}

static void levels(void **state)
{
	const uint64_t some[] = {10, 80, 30, 80, 0};
	const uint64_t one[] = {500};

	(void)state;
	assert_int_equal(fair_level(some, 5, 200), 200); /* all have what they want */
	assert_int_equal(fair_level(some, 5, 140), 50);  /* 10 + 30 + 0, and 50 twice */
	assert_int_equal(fair_level(some, 5, 60), 16);   /* 10 and three times 16 */
	assert_int_equal(fair_level(some, 5, 0), 0);
	assert_int_equal(fair_level(one, 1, 100), 100);
	assert_int_equal(fair_level(one, 0, 100), 100);
}

static void nobody_is_limited_while_there_is_enough(void **state)
{
	struct world *w = world_new(5000 * M, 100 * M, 45e6);
	double got[SITES];

	(void)state;
	run(w, 100 * MS);
	assert_false(fair_short(&w->fair));
	rates(w, 500 * MS, got);
	for (uint32_t i = 0; i < SITES; i++) {
		assert_near(got[i], 45e6, 1);
		assert_int_equal(w->senders[i].lost, 0);
		assert_int_equal(fair_limit(&w->fair, i), 100 * M);
	}
	free(w);
}

/* 100 sites of 100 Mbit/s on 5 Gbit/s. */
static void two_to_one(void **state)
{
	struct world *w = world_new(5000 * M, 100 * M, 100e6);
	double got[SITES], sum = 0;

	(void)state;
	run(w, 100 * MS); /* all start at once; then it has settled */
	w->aggregate_drops = 0;
	rates(w, 500 * MS, got);
	for (uint32_t i = 0; i < SITES; i++) {
		assert_near(got[i], 50e6, 3);
		sum += got[i];
	}
	assert_near(sum, 5e9, 1);
	assert_true(jain(got, SITES) >= 0.999);
	assert_int_equal(w->aggregate_drops, 0);
	free(w);
}

/* Who wants less than the level gets all of it; the rest is shared by the others. */
static void unequal_demands_and_limits(void **state)
{
	struct world *w = world_new(2000 * M, 100 * M, 100e6);
	double got[SITES], want[SITES];

	(void)state;
	for (uint32_t i = 0; i < SITES; i++) {
		double cap = 100e6;

		w->senders[i].rate = i < 40 ? 5e6 : 60e6;
		if (i >= 90) {
			cap = 12e6; /* its own limit is below the level */
			fair_site_set(&w->fair, i, 12 * M, 0);
		}
		want[i] = i < 40 ? 5e6 : cap < 30e6 ? cap : 0;
	}
	for (uint32_t i = 40; i < 90; i++)
		want[i] = (2e9 * 255 / 256 - 40 * 5e6 - 10 * 12e6) / 50;
	run(w, 100 * MS);
	rates(w, 500 * MS, got);
	for (uint32_t i = 0; i < SITES; i++)
		assert_near(got[i], want[i], 3);
	free(w);
}

static void settles_within_100_ms_after_a_change(void **state)
{
	struct world *w = world_new(5000 * M, 100 * M, 100e6);
	double got[SITES];

	(void)state;
	run(w, 500 * MS);
	/* Sixty stop: the others may have all they want. */
	for (uint32_t i = 40; i < SITES; i++)
		w->senders[i].rate = 0;
	run(w, 100 * MS);
	rates(w, 100 * MS, got);
	for (uint32_t i = 0; i < 40; i++)
		assert_near(got[i], 100e6, 3);
	/* They come back. */
	for (uint32_t i = 40; i < SITES; i++)
		w->senders[i].rate = 100e6;
	run(w, 100 * MS);
	rates(w, 100 * MS, got);
	for (uint32_t i = 0; i < SITES; i++)
		assert_near(got[i], 50e6, 3);
	/* A site goes, with what it was offered; its share is for the others. */
	w->senders[7].rate = 0;
	fair_site_remove(&w->fair, 7);
	run(w, 100 * MS);
	rates(w, 100 * MS, got);
	assert_near(got[8], 5e9 / 99, 3);
	free(w);
}

/* Sites without a limit of their own, ten of which flood: the quiet ones lose nothing. */
static void floods_do_not_starve(void **state)
{
	struct world *w = world_new(1000 * M, 0, 2e6);
	double got[SITES];
	uint64_t lost[SITES];

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		w->senders[i].rate = 1e9;
	run(w, 100 * MS);
	for (uint32_t i = 0; i < SITES; i++)
		lost[i] = w->senders[i].lost;
	run(w, 2000 * MS); /* what came too much at the start is paid back */
	rates(w, 500 * MS, got);
	for (uint32_t i = 10; i < SITES; i++) {
		assert_near(got[i], 2e6, 3);
		assert_int_equal(w->senders[i].lost, lost[i]);
	}
	for (uint32_t i = 0; i < 10; i++)
		assert_near(got[i], (1e9 * 255 / 256 - 90 * 2e6) / 10, 3);
	free(w);
}

/* Flows that give way to loss keep to their share too, and fill the aggregate. */
static void senders_that_back_off(void **state)
{
	struct world *w = world_new(2500 * M, 100 * M, 10e6);
	double got[SITES], sum = 0;

	(void)state;
	for (uint32_t i = 0; i < SITES; i++)
		w->senders[i].backs_off = true;
	run(w, 2000 * MS);
	rates(w, 3000 * MS, got);
	for (uint32_t i = 0; i < SITES; i++)
		sum += got[i];
	assert_true(jain(got, SITES) >= 0.99);
	assert_true(sum >= 0.80 * 2.5e9); /* they cut back by 30 % at each loss: 85 % at best */
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(nobody_is_limited_while_there_is_enough),
		cmocka_unit_test(two_to_one),
		cmocka_unit_test(unequal_demands_and_limits),
		cmocka_unit_test(settles_within_100_ms_after_a_change),
		cmocka_unit_test(floods_do_not_starve),
		cmocka_unit_test(senders_that_back_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
