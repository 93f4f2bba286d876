/* SPDX-License-Identifier: Apache-2.0 */
#include "esp/replay.h"

#include <string.h>

void replay_init(struct replay *r, uint32_t window)
{
	uint32_t words = 2;

	memset(r, 0, sizeof(*r));
	if (window < REPLAY_WINDOW_MIN)
		window = REPLAY_WINDOW_MIN;
	if (window > REPLAY_WINDOW_MAX)
		window = REPLAY_WINDOW_MAX;
	/* A window of w numbers touches up to w / 64 + 2 words when it is not aligned. */
	while (words < window / 64 + 2)
		words *= 2;
	r->window = window;
	r->mask = words - 1;
}

bool replay_fresh(const struct replay *r, uint64_t sequence)
{
	if (!sequence)
		return false;
	if (sequence > r->top)
		return true;
	if (r->top - sequence >= r->window)
		return false;
	return !(r->words[(sequence >> 6) & r->mask] >> (sequence & 63) & 1);
}

void replay_accept(struct replay *r, uint64_t sequence)
{
	if (sequence > r->top) {
		uint64_t from = r->top >> 6, to = sequence >> 6;
		uint64_t clear = to - from;

		if (clear > r->mask + 1)
			clear = r->mask + 1;
		for (uint64_t i = 0; i < clear; i++)
			r->words[(to - i) & r->mask] = 0;
		r->top = sequence;
	}
	r->words[(sequence >> 6) & r->mask] |= UINT64_C(1) << (sequence & 63);
}

void replay_continue(struct replay *r, uint64_t sequence)
{
	if (sequence <= r->top)
		return;
	memset(r->words, 0xff, sizeof(r->words));
	r->words[(sequence >> 6) & r->mask] = UINT64_MAX >> (63 - (sequence & 63));
	r->top = sequence;
}

uint64_t replay_extend(const struct replay *r, uint32_t low)
{
	uint32_t top_low = (uint32_t)r->top;
	uint32_t top_high = (uint32_t)(r->top >> 32);
	uint32_t bottom = top_low - r->window + 1; /* wraps when the window spans two halves */
	uint32_t high = top_high;

	if (top_low >= r->window - 1) {
		if (low < bottom)
			high++;
	} else if (low >= bottom) {
		/* Before the first half there is nothing: such a number fails authentication. */
		if (high)
			high--;
	}
	return (uint64_t)high << 32 | low;
}
