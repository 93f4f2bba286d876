/* SPDX-License-Identifier: Apache-2.0 */
#include "state/history.h"

#include "base/clock.h"
#include "state/stats_fields.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE (60 * CLOCK_SECOND)

struct minute {
	uint64_t offered, delivered, dropped; /* bytes */
	uint32_t number;                      /* since the clock's beginning; 0: never used */
	uint32_t worst_kbps[3];               /* offered, delivered, dropped */
	uint32_t drops[HISTORY_REASONS];
	uint16_t worst_ms; /* of the minute */
};

struct history {
	uint64_t began_ns;
	struct minute minutes[SLUICE_DIRECTIONS][HISTORY_MINUTES];
};

struct history *history_new(uint64_t now_ns)
{
	struct history *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->began_ns = now_ns;
	return h;
}

void history_free(struct history *h)
{
	free(h);
}

static uint32_t kbps(uint64_t bytes, uint64_t ns)
{
	double rate = ns ? (double)bytes * 8e6 / (double)ns : 0;

	return rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
}

static bool worse(const uint32_t a[3], const uint32_t b[3])
{
	return a[2] != b[2] ? a[2] > b[2] : a[0] > b[0];
}

static struct minute *minute_at(struct history *h, enum sluice_direction d, uint64_t at_ns)
{
	uint32_t number = (uint32_t)(at_ns / MINUTE);
	struct minute *m = &h->minutes[d][number % HISTORY_MINUTES];

	if (m->number != number) {
		memset(m, 0, sizeof(*m));
		m->number = number;
	}
	return m;
}

void history_add(struct history *h, enum sluice_direction d, const struct site_stats *was,
	uint64_t was_ns, const struct site_stats *is, uint64_t is_ns)
{
	struct site_stats s = *is;
	uint64_t dropped;
	uint32_t second[3];
	struct minute *m;

	stats_subtract(&s, was, sizeof(s) / sizeof(struct traffic));
	dropped = stats_dropped(&s).bytes;
	if (!s.offered.packets && !s.delivered.packets && !dropped)
		return;
	m = minute_at(h, d, was_ns);
	m->offered += s.offered.bytes;
	m->delivered += s.delivered.bytes;
	m->dropped += dropped;
	for (unsigned int i = 0; i < HISTORY_REASONS && site_drop_fields[i].name; i++)
		m->drops[i] += (uint32_t)stats_field_of(&s, &site_drop_fields[i])->packets;
	second[0] = kbps(s.offered.bytes, is_ns - was_ns);
	second[1] = kbps(s.delivered.bytes, is_ns - was_ns);
	second[2] = kbps(dropped, is_ns - was_ns);
	if (worse(second, m->worst_kbps)) {
		memcpy(m->worst_kbps, second, sizeof(second));
		m->worst_ms = (uint16_t)(was_ns % MINUTE / CLOCK_MILLISECOND);
	}
}

static void add_minute(struct history_sum *sum, const struct minute *m, uint32_t worst[3])
{
	sum->offered += m->offered;
	sum->delivered += m->delivered;
	sum->dropped += m->dropped;
	for (unsigned int i = 0; i < HISTORY_REASONS; i++)
		sum->drops[i] += m->drops[i];
	if (!sum->worst_ns || worse(m->worst_kbps, worst)) {
		memcpy(worst, m->worst_kbps, sizeof(m->worst_kbps));
		sum->worst_ns = m->number * MINUTE + m->worst_ms * CLOCK_MILLISECOND;
	}
}

struct history_sum history_since(
	const struct history *h, enum sluice_direction d, uint64_t since_ns, uint64_t now_ns)
{
	uint64_t last = now_ns / MINUTE, first = since_ns < now_ns ? since_ns / MINUTE : last;
	struct history_sum sum = {.to_ns = now_ns};
	uint32_t worst[3] = {0};

	if (last - first >= HISTORY_MINUTES)
		first = last - HISTORY_MINUTES + 1;
	sum.from_ns = first * MINUTE > h->began_ns ? first * MINUTE : h->began_ns;
	for (uint64_t n = first; n <= last; n++) {
		const struct minute *m = &h->minutes[d][n % HISTORY_MINUTES];

		if (m->number == n)
			add_minute(&sum, m, worst);
	}
	sum.worst_offered = worst[0] * 1000ull;
	sum.worst_delivered = worst[1] * 1000ull;
	sum.worst_dropped = worst[2] * 1000ull;
	return sum;
}
