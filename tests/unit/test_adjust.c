/* SPDX-License-Identifier: Apache-2.0 */
/* Headers that are changed on the way: congestion, MSS, and what a sender is told of its size. */
#include "packets.h"

#include "dataplane/adjust.h"

#include <string.h>

/* RFC 6040 4.2, figure 4: every inner field with every outer one; 4 is "drop". */
static void congestion_goes_over(void **context)
{
	static const uint8_t figure4[4][4] = {
		/* outer: not, ECT(1), ECT(0), CE */
		{0, 0, 0, 4}, /* inner: not */
		{1, 1, 1, 3}, /* ECT(1) */
		{2, 1, 2, 3}, /* ECT(0) */
		{3, 3, 3, 3}, /* CE */
	};

	(void)context;
	for (int v4 = 0; v4 < 2; v4++) {
		for (uint32_t i = 0; i < 4 * 4 * 64; i++) {
			uint8_t inner = i & 3, outer = i >> 2 & 3, dscp = (uint8_t)(i >> 4);
			struct flow f = {.v4 = v4, .tcp = true, .port = (uint16_t)i};
			uint8_t p[200], class = (uint8_t)(dscp << 2 | inner);
			uint32_t len = packet(p, &f, 50);
			bool kept;

			p[0] = v4 ? 0x45 : (uint8_t)(0x60 | class >> 4);
			p[1] = v4 ? class : (uint8_t)(class << 4);
			if (v4) {
				p[10] = p[11] = 0;
				checksum_store(p + 10, checksum_add(0, p, 20));
			}
			kept = adjust_decapsulated(p, (uint8_t)(0xa8 | outer));
			assert_true(kept == (figure4[inner][outer] < 4));
			if (kept)
				assert_int_equal(
					adjust_class(p), dscp << 2 | figure4[inner][outer]);
			assert_true(adjust_congested(p) == (inner != 0));
			assert_int_equal(adjust_class(p), inner ? dscp << 2 | 3 : dscp << 2);
			if (v4)
				assert_int_equal(checksum_fold(checksum_add(0, p, 20)), 0xffff);
			assert_true(len == (v4 ? 102u : 122u));
		}
	}
}

static void mss_and_checksum(void **context)
{
	static uint8_t p[200];

	(void)context;
	for (int v4 = 0; v4 < 2; v4++) {
		for (uint32_t at = 0; at <= 8; at++) {
			struct flow f = {.v4 = v4, .tcp = true, .port = 3, .flags = 0x02};
			uint32_t len = packet(p, &f, 0), ip = v4 ? 20 : 40;
			uint8_t *t = p + ip;
			struct inner in;

			memset(t + 20, 1, 12);
			memcpy(t + 20 + at, (const uint8_t[]){2, 4, 0x05, 0xb4}, 4);
			memset(t + 16, 0, 2);
			checksum_store(t + 16, checksum_add(checksum_pseudo(p + (v4 ? 12 : 8),
								    v4 ? 8 : 32, 6, len - ip),
						       t, len - ip));
			parsed(p, len, &in);
			assert_false(adjust_mss(p, &in, 0));
			assert_false(adjust_mss(p, &in, 1460));
			assert_true(adjust_mss(p, &in, 1398));
			assert_int_equal(t[22 + at] << 8 | t[23 + at], 1398);
			assert_int_equal(
				checksum_fold(checksum_add(checksum_pseudo(p + (v4 ? 12 : 8),
								   v4 ? 8 : 32, 6, len - ip),
					t, len - ip)),
				0xffff);
		}
	}
}

static void too_big_is_said(void **context)
{
	static uint8_t p[2000], error[ADJUST_ERROR_MAX];

	(void)context;
	for (int v4 = 0; v4 < 2; v4++) {
		struct flow f = {.v4 = v4, .tcp = true, .port = 3, .flags = 0x10};
		uint32_t len = packet(p, &f, 1400), n;
		struct inner in, made;

		parsed(p, len, &in);
		n = adjust_too_big(p, len, &in, 1300, error);
		assert_true(n > 0);
		parsed(error, n, &made);
		assert_int_equal(made.total, n);
		assert_int_equal(made.protocol, v4 ? 1 : 58);
		assert_memory_equal(made.destination, in.source, v4 ? 4 : 16);
		assert_int_equal(error[made.transport], v4 ? 3 : 2);
		assert_int_equal(error[made.transport + 6] << 8 | error[made.transport + 7], 1300);
		assert_memory_equal(error + made.transport + 8, p, 400);
		if (v4)
			assert_int_equal(
				checksum_fold(checksum_add(0, error + 20, n - 20)), 0xffff);
		/* No error about an error: RFC 1122 3.2.2. */
		parsed(error, n, &made);
		assert_int_equal(adjust_too_big(error, n, &made, 100, p), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(congestion_goes_over),
		cmocka_unit_test(mss_and_checksum),
		cmocka_unit_test(too_big_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
