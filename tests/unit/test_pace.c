/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets, what they say of departures, and the wheel that keeps packets until then. */
#include "dataplane/maps.h"
#include "dataplane/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void the_wheel_keeps_order_and_time(void **context)
{
	enum { N = 5000 };
	static uint64_t departure[N];
	const uint64_t slot = UINT64_C(1) << PACE_SLOT_SHIFT;
	struct pace_wheel w;
	uint64_t now = 1000 * slot + 77;
	uint32_t put = 0, taken = 0;

	(void)context;
	srand(5);
	assert_true(pace_init(&w, N, now));
	assert_true(pace_next_ns(&w) == UINT64_MAX);
	while (taken < N) {
		uint64_t last_slot = 0;
		uint32_t b;

		for (int i = 0; i < 20 && put < N; i++) {
			departure[put] = now + (uint64_t)rand() % (PACE_HORIZON_MAX - slot);
			pace_put(&w, departure[put], put);
			put++;
		}
		now += (uint64_t)rand() % (20 * slot);
		while ((b = pace_take(&w, now)) != PACE_NONE) {
			/* Never more than a slot early; slots in order. */
			assert_true(departure[b] >> PACE_SLOT_SHIFT <= now >> PACE_SLOT_SHIFT);
			assert_true(departure[b] >> PACE_SLOT_SHIFT >= last_slot);
			last_slot = departure[b] >> PACE_SLOT_SHIFT;
			departure[b] = 0;
			taken++;
		}
		if (w.count) {
			assert_true(pace_next_ns(&w) > now - slot);
			/* What is due is out. */
			for (uint32_t i = 0; i < put; i++)
				assert_true(!departure[i] || departure[i] >> PACE_SLOT_SHIFT >
								     now >> PACE_SLOT_SHIFT);
		}
	}
	assert_int_equal(w.count, 0);
	pace_fini(&w);
}

static void equal_departures_are_first_in_first_out(void **context)
{
	struct pace_wheel w;

	(void)context;
	assert_true(pace_init(&w, 100, 0));
	for (uint32_t i = 0; i < 100; i++)
		pace_put(&w, 5000000, i);
	assert_int_equal(pace_take(&w, 0), PACE_NONE);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(pace_take(&w, 6000000), i);
	assert_int_equal(pace_take(&w, UINT64_MAX / 2), PACE_NONE);
	pace_fini(&w);
}

/* 10 s of twice the rate, paced: what leaves is the rate, nothing waits beyond the horizon. */
static void pacing_gives_the_rate(void **context)
{
	const uint64_t rates[] = {1000000, 50000000, 100000000, 5000000000};

	(void)context;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct bucket_rate r = {.bits_per_second = rates[i], .burst_bytes = 20000};
		struct rate_bucket b = bucket_make(&r);
		uint64_t now = 1000000000, end = now + 10000000000u, horizon = 25000000;
		uint64_t gap = 1400ull * 8 * 1000000000 / (2 * rates[i]), bytes = 0, last = 0;
		uint64_t most = bucket_horizon(horizon, SLUICE_PACKET_FULL, b.ns_per_byte_q16);

		for (; now < end; now += gap) {
			uint64_t departure;

			if (pace_charge(&b, now, 1400, horizon, &departure) != PACE_SEND)
				continue;
			assert_true(departure >= now && departure <= now + most + 1000);
			assert_true(departure >= last);
			last = departure;
			if (departure < end)
				bytes += 1400;
		}
		/* 0.5 %, and the burst. */
		assert_in_range(bytes * 8, rates[i] * 10 * 995 / 1000,
			rates[i] * 10 * 1005 / 1000 + 25000 * 8);
	}
}

/* Of what comes at once, the burst leaves now and the rest waits: so many packets have room. */
static uint32_t room(uint64_t rate, uint64_t packets_per_second, uint64_t horizon)
{
	struct bucket_rate r = {.bits_per_second = rate,
		.burst_bytes = SLUICE_PACKET_FULL,
		.packets_per_second = packets_per_second};
	struct rate_bucket b = bucket_make(&r);
	uint64_t departure, now = 1000000000;
	uint32_t n = 0;

	b.packet_burst_ns = packets_per_second ? 1000000000 / packets_per_second : 0;
	while (pace_charge(&b, now, SLUICE_PACKET_FULL, horizon, &departure) == PACE_SEND) {
		assert_true(departure - now < PACE_HORIZON_MAX);
		n += departure > now;
	}
	return n;
}

static void a_slow_site_has_room_for_a_few_packets(void **context)
{
	const uint64_t horizon = 25000000;

	(void)context;
	/* 25 ms are 208 packets at 100 Mbit/s and two at 1 Mbit/s. */
	assert_in_range(room(100000000, 0, horizon), 207, 209);
	assert_in_range(
		room(1000000, 0, horizon), SLUICE_HORIZON_PACKETS, SLUICE_HORIZON_PACKETS + 1);
	assert_in_range(room(0, 80, horizon), SLUICE_HORIZON_PACKETS, SLUICE_HORIZON_PACKETS + 1);
	/* Twelve milliseconds for each packet: who wants less than eight of them gets eight. */
	assert_in_range(room(1000000, 0, 120000000), 10, 11);
	/* As much as the wheel can hold; who polices drops. */
	assert_in_range(room(64000, 0, horizon), 1, 2);
	assert_int_equal(room(1000000, 0, 0), 0);
}

/* Nine tenths of its rates in bursts of what a sender makes at once: each packet leaves as it comes. */
static void below_its_rate_nothing_waits(void **context)
{
	const uint64_t rates[] = {1000000, 100000000, 5000000000};

	(void)context;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct bucket_rate r = {.bits_per_second = rates[i],
			.burst_bytes = 250000,
			.packets_per_second = rates[i] / 8 / 1400};
		struct rate_bucket b = bucket_make(&r);
		uint64_t gap = 16ull * 1400 * 8 * 1000000000 / rates[i] * 10 / 9;

		b.packet_burst_ns = 16ull * 1400 * 8 * 1000000000 / rates[i];
		for (uint64_t k = 1; k < 2000; k++) {
			for (int n = 0; n < 16; n++) {
				uint64_t departure = 0;

				assert_int_equal(
					pace_charge(&b, k * gap, 1400, 25000000, &departure),
					PACE_SEND);
				assert_int_equal(departure, k * gap);
			}
		}
	}
}

static void packet_rates_hold_too(void **context)
{
	struct bucket_rate r = {.packets_per_second = 140000};
	struct rate_bucket b = bucket_make(&r);
	uint64_t now = 1, sent = 0, departure;

	(void)context;
	for (; now < 5000000000u; now += 3000) /* 333,333 per second */
		sent += pace_charge(&b, now, 64, 0, &departure) == PACE_SEND;
	assert_in_range(sent, 140000 * 5 * 995 / 1000, 140000 * 5 * 1005 / 1000 + 2900);
	assert_int_equal(b.tat_ns, 0);
}

static void buckets_from_rates(void **context)
{
	struct bucket_rate r = {.bits_per_second = 100000000};
	struct rate_bucket b = bucket_make(&r);

	(void)context;
	assert_int_equal(b.ns_per_byte_q16, 80 * 65536);
	assert_int_equal(b.burst_ns, 20000000); /* 250 kB */
	r = (struct bucket_rate){.bits_per_second = 1000000};
	b = bucket_make(&r);
	assert_int_equal(b.burst_ns, 65536ull * 8000); /* at least a super-packet */
	r = (struct bucket_rate){0};
	b = bucket_make(&r);
	assert_int_equal(b.ns_per_byte_q16, 0);
	r = (struct bucket_rate){.bits_per_second = UINT64_MAX};
	assert_int_equal(bucket_make(&r).ns_per_byte_q16, 1); /* not "unlimited" by rounding */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wheel_keeps_order_and_time),
		cmocka_unit_test(equal_departures_are_first_in_first_out),
		cmocka_unit_test(pacing_gives_the_rate),
		cmocka_unit_test(a_slow_site_has_room_for_a_few_packets),
		cmocka_unit_test(below_its_rate_nothing_waits),
		cmocka_unit_test(packet_rates_hold_too),
		cmocka_unit_test(buckets_from_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
