/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told by ECN that packets wait for long, and how often. */
#include "packets.h"

#include "dataplane/adjust.h"
#include "dataplane/congestion.h"

#include <string.h>

#define HORIZON 25000000u
#define LONG    (HORIZON - HORIZON / 10)
#define CE      3

static struct congestion told;
static struct rate_bucket bucket; /* without a price an eighth of the horizon is the rule */

static int setup(void **context)
{
	(void)context;
	memset(&told, 0, sizeof(told));
	bucket.ns_per_byte_q16 = 0;
	return 0;
}

/* A packet of that flow waits. Returns its ECN field after that. */
static uint8_t after(bool v4, uint16_t port, uint8_t ecn, uint64_t wait, uint64_t now)
{
	struct flow f = {.v4 = v4, .tcp = true, .port = port, .flags = 0x10};
	uint8_t ip[256];
	uint32_t len = packet(ip, &f, 100);
	bool marked;

	ip[1] = (uint8_t)(v4 ? ecn : ecn << 4);
	if (v4) {
		memset(ip + 10, 0, 2);
		checksum_store(ip + 10, checksum_add(0, ip, 20));
	}
	marked = congestion_tell(&told, ip, len, &bucket, wait, HORIZON, now);
	assert_int_equal(marked, ecn && adjust_class(ip) == CE);
	if (v4)
		assert_int_equal(checksum_add(0, ip, 20) % 0xffff, 0);
	return adjust_class(ip);
}

/* RFC 3168 6.1.2: one cut in a round trip, whatever is marked in it; so one mark is enough. */
static void a_flow_is_told_once(void **context)
{
	uint64_t start = 1000000000, again = start + SLUICE_TOLD_NS + HORIZON;

	(void)context;
	for (int v4 = 0; v4 < 2; v4++) {
		assert_int_equal(after(v4, 7, 2, LONG, start), CE);
		for (uint64_t now = start; now < again; now += 1000000)
			assert_int_equal(after(v4, 7, 2, LONG, now), 2);
		assert_int_equal(after(v4, 7, 2, LONG, again), CE);
		/* Others have windows of their own. */
		assert_int_equal(after(v4, 8, 2, LONG, again), CE);
		assert_int_equal(after(v4, 9, 1, LONG, again), CE);
		assert_int_equal(after(v4, 9, 1, LONG, again), 1);
	}
}

static void who_cannot_hear_is_not_told(void **context)
{
	uint64_t now = 1000000000;

	(void)context;
	assert_int_equal(after(true, 7, 0, LONG, now), 0);
	/* An acknowledgement of TCP never says that it can (RFC 3168 6.1.4); data of the same flow does. */
	assert_int_equal(after(true, 7, 2, LONG, now), CE);
}

static void short_waits_are_none_of_its_business(void **context)
{
	uint64_t now = 1000000000;

	(void)context;
	assert_int_equal(after(true, 7, 2, 0, now), 2);
	assert_int_equal(after(true, 7, 2, HORIZON / 2, now), 2);
	assert_int_equal(after(true, 7, 2, HORIZON - HORIZON / 8 - 1, now), 2);
	assert_int_equal(after(true, 7, 2, HORIZON - HORIZON / 8, now), CE);
	assert_int_equal(after(true, 8, 2, HORIZON, now), CE);
}

/* At 1 Mbit/s a packet takes 12 ms, and eight of them may wait: six are long. */
static void at_a_slow_site_two_packets_are_left(void **context)
{
	const uint64_t packet_ns = 12000000, now = 1000000000;

	(void)context;
	bucket.ns_per_byte_q16 = UINT64_C(8000) << 16;
	assert_int_equal(after(true, 7, 2, HORIZON, now), 2);
	assert_int_equal(after(true, 7, 2, 6 * packet_ns - 1, now), 2);
	assert_int_equal(after(true, 7, 2, 6 * packet_ns, now), CE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_flow_is_told_once, setup),
		cmocka_unit_test_setup(who_cannot_hear_is_not_told, setup),
		cmocka_unit_test_setup(short_waits_are_none_of_its_business, setup),
		cmocka_unit_test_setup(at_a_slow_site_two_packets_are_left, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
