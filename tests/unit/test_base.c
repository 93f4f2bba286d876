/* SPDX-License-Identifier: Apache-2.0 */
/* Byte cursors, addresses and secrets. */
#include "base/date.h"
#include "base/addr.h"
#include "base/secret.h"
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_reader_is_sticky(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7};
	struct rd r = rd_init(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(rd_u16(&r), 0x0102);
	assert_int_equal(rd_u32(&r), 0x03040506);
	assert_int_equal(rd_left(&r), 1);
	assert_int_equal(rd_u16(&r), 0); /* one byte is not enough */
	assert_true(r.bad);
	assert_int_equal(rd_u8(&r), 0); /* and the last one is out of reach now */
	assert_int_equal(rd_left(&r), 0);
	assert_null(rd_bytes(&r, 0));
}

static void test_sub_reader(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4};
	struct rd r = rd_init(bytes, sizeof(bytes)), sub = rd_sub(&r, 3);

	(void)state;
	assert_int_equal(rd_left(&sub), 3);
	assert_int_equal(rd_u8(&r), 4);
	rd_skip(&sub, 4);
	assert_true(sub.bad);
	assert_false(r.bad);
	sub = rd_sub(&r, 1);
	assert_true(sub.bad);
	assert_true(r.bad);
}

static void test_writer(void **state)
{
	uint8_t bytes[8];
	struct wr w = wr_init(bytes, sizeof(bytes));
	const uint8_t expected[] = {0xaa, 0, 9, 1, 2, 3, 4};

	(void)state;
	wr_u8(&w, 0xaa);
	wr_u16(&w, 0);
	wr_u32(&w, 0x01020304);
	wr_set_u16(&w, 1, 9);
	assert_int_equal(wr_len(&w), 7);
	assert_memory_equal(bytes, expected, sizeof(expected));
	wr_u16(&w, 1);
	assert_true(w.bad);
	assert_int_equal(wr_len(&w), 7); /* nothing of what did not fit */
}

static void test_round_trip_u64(void **state)
{
	uint8_t bytes[8];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct rd r = rd_init(bytes, sizeof(bytes));

	(void)state;
	wr_u64(&w, 0x0123456789abcdef);
	assert_true(rd_u64(&r) == 0x0123456789abcdef);
	assert_false(r.bad);
}

static void test_prefixes(void **state)
{
	static const char *const good[] = {"0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/32", "::/0",
		"fd00:1::/48", "2001:db8::1/128", "128.0.0.0/1"};
	static const char *const bad[] = {"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0", "10.0.0.0/",
		"/8", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8x", "fd00::1/64", "::/129",
		"1.2.3/8", ""};
	struct ip_prefix p;
	char text[PREFIX_STR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(prefix_parse(good[i], &p));
		assert_string_equal(prefix_format(&p, text), good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(prefix_parse(bad[i], &p));
}

static void test_containment(void **state)
{
	struct ip_prefix outer, inner, other;
	struct ip_addr a;

	(void)state;
	prefix_parse("10.64.0.0/10", &outer);
	prefix_parse("10.127.4.0/24", &inner);
	prefix_parse("10.128.0.0/24", &other);
	assert_true(prefix_covers(&outer, &inner));
	assert_false(prefix_covers(&inner, &outer));
	assert_false(prefix_covers(&outer, &other));
	addr_parse("10.127.255.255", &a);
	assert_true(prefix_contains(&outer, &a));
	addr_parse("::ffff:10.64.0.1", &a);
	assert_false(prefix_contains(&outer, &a));
}

static void test_endpoints(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8::5"};
	static const char *const forms[] = {"192.0.2.1:4500", "[2001:db8::5]:4500"};
	char text[ENDPOINT_STR_SIZE];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct ip_endpoint e = {.port = 4500}, back;
		struct sockaddr_storage ss;

		assert_true(addr_parse(texts[i], &e.addr));
		endpoint_to_sockaddr(&e, &ss);
		assert_true(endpoint_from_sockaddr(&ss, &back));
		assert_true(endpoint_equal(&e, &back));
		assert_string_equal(endpoint_format(&back, text), forms[i]);
	}
}

static void test_secrets(void **state)
{
	struct secret s = {0};
	uint8_t big[SECRET_MAX + 1] = {7};

	(void)state;
	assert_true(secret_set(&s, "abc", 3));
	assert_int_equal(s.len, 3);
	assert_true(secret_equal(s.bytes, "abc", 3));
	assert_false(secret_equal(s.bytes, "abd", 3));
	assert_false(secret_set(&s, big, sizeof(big)));
	assert_int_equal(s.len, 0);
	assert_int_equal(s.bytes[0], 0); /* the old one is gone too */
}

static void test_dates(void **state)
{
	static const struct {
		const char *text;
		uint64_t wall_ns;
	} good[] = {
		{"1970-01-01T00:00:01Z", 1000000000}, {"1970-01-01t00:00:01.25z", 1250000000},
		{"1970-01-01 01:00:01.000000001+01:00", 1000000001},
		{"1969-12-31T23:00:01-01:00", 1000000000},
		{"2028-02-29T12:00:00Z", UINT64_C(1835438400000000000)},
		{"2026-06-30T23:59:60Z", UINT64_C(1782863999000000000)}, /* a leap second */
	};
	static const char *const bad[] = {"", "2026", "2026-11-30", "2026-11-30T02:13Z",
		"2026-11-30T02:13:00", "2026-11-31T02:13:00Z", "2027-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-11-30T24:00:00Z", "2026-11-30T02:13:00.Z",
		"2026-11-30T02:13:00Zx", "2026-11-30T02:13:00+1:00", "2026-11-30T02:13:00+24:00",
		"2026-11-30T02:13:00+01:00x", "1969-12-31T23:59:59Z", "+026-11-30T02:13:00Z",
		"2026-11-30T-2:13:00Z", "2026- 1-30T02:13:00Z"};
	char text[DATE_TEXT_SIZE];
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!date_parse(good[i].text, &ns) || ns != good[i].wall_ns)
			fail_msg("%s", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (date_parse(bad[i], &ns))
			fail_msg("%s", bad[i]);
	}
	assert_string_equal(
		date_format_ns(UINT64_C(1796000000123999999), text), "2026-11-30T00:53:20.123Z");
	assert_true(date_parse(text, &ns));
	assert_true(ns == UINT64_C(1796000000123000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader_is_sticky),
		cmocka_unit_test(test_sub_reader),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_round_trip_u64),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_containment),
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_dates),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
