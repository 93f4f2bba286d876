/* SPDX-License-Identifier: Apache-2.0 */
/* OPEN: round trips with every capability, the errors of RFC 4271 6.2, who may be spoken to. */
#include "bgp_message.h"

#include "bgp/open.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void open_round_trip(void **state)
{
	static const struct bgp_open cases[] = {
		{.as = 64512,
			.hold_s = 30,
			.identifier = 1,
			.family = {true, true},
			.four_octet_as = true,
			.route_refresh = true},
		{.as = 4200000102u,
			.hold_s = 0,
			.identifier = 0xffffffff,
			.family = {true, false},
			.four_octet_as = true},
		{.as = 7,
			.hold_s = 65535,
			.identifier = 5,
			.family = {false, true},
			.graceful_restart = true,
			.restart_time_s = 120},
		{.as = 8,
			.hold_s = 9,
			.identifier = 6,
			.family = {true, true},
			.enhanced_refresh = true,
			.extended_message = true,
			.graceful_restart = true,
			.restarting = true,
			.restart_on_notify = true,
			.restart_time_s = 4095,
			.restart_family = {true, true},
			.forwarding = {false, true}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[128];
		struct wr w = wr_init(bytes, sizeof(bytes));
		struct bgp_open out;
		struct bgp_notify error;
		struct bgp_message m;

		open_encode(&cases[i], &w);
		m = complete(&w, MESSAGE_OPEN);
		assert_true(open_decode(&m.body, &out, &error));
		assert_int_equal(out.as, cases[i].as);
		assert_int_equal(out.hold_s, cases[i].hold_s);
		assert_int_equal(out.identifier, cases[i].identifier);
		assert_memory_equal(out.family, cases[i].family, sizeof(out.family));
		assert_int_equal(out.four_octet_as, cases[i].four_octet_as);
		assert_int_equal(out.route_refresh, cases[i].route_refresh);
		assert_int_equal(out.graceful_restart, cases[i].graceful_restart);
		assert_int_equal(out.restart_time_s, cases[i].restart_time_s);
		assert_int_equal(out.restarting, cases[i].restarting);
		assert_int_equal(out.restart_on_notify, cases[i].restart_on_notify);
		assert_int_equal(out.enhanced_refresh, cases[i].enhanced_refresh);
		assert_int_equal(out.extended_message, cases[i].extended_message);
		assert_memory_equal(
			out.restart_family, cases[i].restart_family, sizeof(out.restart_family));
		assert_memory_equal(out.forwarding, cases[i].forwarding, sizeof(out.forwarding));
	}
}

struct open_case {
	const char *what;
	uint8_t body[24];
	uint8_t len;
	bool good;
	uint8_t subcode;
};

static void open_errors(void **state)
{
	static const struct open_case cases[] = {
		{"no parameters", {4, 0xfd, 0xf2, 0, 30, 1, 1, 1, 1, 0}, 10, true, 0},
		{"version 3", {3, 0xfd, 0xf2, 0, 30, 1, 1, 1, 1, 0}, 10, false, OPEN_BAD_VERSION},
		{"hold 2", {4, 0xfd, 0xf2, 0, 2, 1, 1, 1, 1, 0}, 10, false, OPEN_BAD_HOLD_TIME},
		{"identifier 0", {4, 0xfd, 0xf2, 0, 30, 0, 0, 0, 0, 0}, 10, false,
			OPEN_BAD_IDENTIFIER},
		{"parameter 1", {4, 0xfd, 0xf2, 0, 30, 1, 1, 1, 1, 2, 1, 0}, 12, false,
			OPEN_BAD_PARAMETER},
		{"length too long", {4, 0xfd, 0xf2, 0, 30, 1, 1, 1, 1, 3, 2, 0}, 12, false, 0},
		{"bytes behind", {4, 0xfd, 0xf2, 0, 30, 1, 1, 1, 1, 0, 2, 0}, 12, false, 0},
		{"capability too long", {4, 0xfd, 0xf2, 0, 30, 1, 1, 1, 1, 4, 2, 2, 65, 4}, 14,
			false, 0},
		{"unknown capability", {4, 0xfd, 0xf2, 0, 30, 1, 1, 1, 1, 4, 2, 2, 99, 0}, 14, true,
			0},
		{"extended length, RFC 9072",
			{4, 0xfd, 0xf2, 0, 30, 1, 1, 1, 1, 255, 255, 0, 5, 2, 0, 2, 2, 0}, 18, true,
			0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rd body = rd_init(cases[i].body, cases[i].len);
		struct bgp_notify error = {0};
		struct bgp_open open = {0};
		bool good = open_decode(&body, &open, &error);

		if (good != cases[i].good || (!good && error.subcode != cases[i].subcode))
			fail_msg("%s: %d, subcode %u", cases[i].what, good, error.subcode);
		if (good) {
			assert_int_equal(open.as, REMOTE_AS);
			assert_true(open.family[BGP_IPV4]); /* RFC 4760 8 */
		}
	}
}

static void open_wrong_as(void **state)
{
	struct bgp_open open = {.as = 65031};
	struct bgp_notify error = {0};

	(void)state;
	assert_true(open_check(&open, 65031, &error));
	assert_false(open_check(&open, 65030, &error));
	assert_int_equal(error.code, NOTIFY_OPEN);
	assert_int_equal(error.subcode, OPEN_BAD_PEER_AS);
	open.as = 0; /* RFC 7607 */
	assert_false(open_check(&open, 0, &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_round_trip),
		cmocka_unit_test(open_errors),
		cmocka_unit_test(open_wrong_as),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
