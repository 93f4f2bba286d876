/* SPDX-License-Identifier: Apache-2.0 */
/* The replay window alone. */
#include "esp/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* Against a plain set of numbers, for every window size that is an edge of something. */
static void the_window_is_exact(void **context)
{
	const uint32_t windows[] = {64, 65, 127, 128, 129, 1000, 1024, 2047, 2048};

	(void)context;
	srand(1);
	for (size_t k = 0; k < sizeof(windows) / sizeof(windows[0]); k++) {
		static uint8_t seen[200000];
		uint64_t top = 0;
		struct replay r;

		memset(seen, 0, sizeof(seen));
		replay_init(&r, windows[k]);
		assert_int_equal(r.window, windows[k]);
		for (int i = 0; i < 100000; i++) {
			uint64_t back = (uint64_t)rand() % (windows[k] + 100);
			uint64_t jump = rand() % 50 ? 0 : (uint64_t)rand() % (3 * windows[k]);
			uint64_t s = top + 2 + jump > back ? top + 2 + jump - back : 0;
			bool want;

			if (s >= sizeof(seen))
				break;
			want = s && !seen[s] && (s > top || top - s < windows[k]);
			assert_int_equal(replay_fresh(&r, s), want);
			if (!want)
				continue;
			replay_accept(&r, s);
			seen[s] = 1;
			if (s > top)
				top = s;
		}
	}
}

static void window_edges(void **context)
{
	struct replay r;

	(void)context;
	replay_init(&r, 1);
	assert_int_equal(r.window, REPLAY_WINDOW_MIN);
	replay_init(&r, 65535);
	assert_int_equal(r.window, REPLAY_WINDOW_MAX);
	replay_init(&r, 64);
	assert_false(replay_fresh(&r, 0));
	replay_accept(&r, 1000);
	assert_true(replay_fresh(&r, 1000 - 63));
	assert_false(replay_fresh(&r, 1000 - 64));
	replay_accept(&r, UINT64_C(1) << 40); /* a jump over the whole ring */
	assert_false(replay_fresh(&r, UINT64_C(1) << 40));
	assert_true(replay_fresh(&r, (UINT64_C(1) << 40) - 63));
}

static void extended_numbers_follow_the_window(void **context)
{
	const uint64_t tops[] = {0, 63, 64, UINT32_MAX - 10ull, UINT32_MAX, UINT32_MAX + 1ull,
		UINT32_MAX + 40ull, 5ull << 32, (5ull << 32) + 1000, (6ull << 32) - 1};
	const uint32_t windows[] = {64, 65, 1000, 1024, 2047, 2048};
	struct replay r;

	(void)context;
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]) * 6; i++) {
		uint64_t top = tops[i / 6];
		int window = (int)windows[i % 6];

		replay_init(&r, (uint32_t)window);
		r.top = top;
		for (int d = 1 - window; d <= 3 * window; d++) {
			uint64_t s = top + (uint64_t)(int64_t)d;

			if (d < 0 && top < (uint64_t)-d)
				continue;
			assert_int_equal(replay_extend(&r, (uint32_t)s), s);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_is_exact),
		cmocka_unit_test(window_edges),
		cmocka_unit_test(extended_numbers_follow_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
