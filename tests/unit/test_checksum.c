/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define LONGEST 1600
#define SHIFTS  9

/* RFC 1071 4.1, two bytes at a time; the bytes of a word as they lie in memory. */
static uint16_t plainly(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i += 2) {
		uint16_t word = 0;

		memcpy(&word, p + i, len - i < 2 ? 1 : 2);
		sum += word;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

/* 0 and 0xffff are the same number, and both happen. */
static void assert_same(uint16_t a, uint16_t b)
{
	assert_int_equal(a % 0xffff, b % 0xffff);
}

static void every_length_at_every_place(void **state)
{
	static uint8_t bytes[LONGEST + SHIFTS];
	uint32_t x = 1;

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			x = x * 1664525 + 1013904223;
			bytes[i] = kind == 0 ? 0xff : kind == 1 ? 0 : (uint8_t)(x >> 24);
		}
		for (size_t len = 0; len <= LONGEST; len++) {
			const uint8_t *p = bytes + len % SHIFTS;

			assert_same(checksum_fold(checksum_add(0, p, len)), plainly(0, p, len));
			assert_same(checksum_fold(checksum_add(UINT64_MAX - len, p, len)),
				plainly(checksum_fold(UINT64_MAX - len), p, len));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
