/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/fair.h"

#include <stdlib.h>
#include <string.h>

#define ONSET_MS   30   /* bursts of the aggregate at its start */
#define SMOOTH_NS  15e6 /* time constant of the estimate of what a site offers */
#define WANTS_MORE 0.94 /* of its limit: who comes so close to it would take more */

/*
 * 1/256 of the aggregate is not given out, so that packets are dropped by the buckets of the sites that send too
 * much. The aggregate's own bucket would drop anybody's.
 */
#define SPARE_SHIFT 8

/*
 * Senders that grow fast are ahead of the estimate, and what they are too much of gathers in the
 * aggregate's bucket. From this part of its burst on less is given out: 5 % less when it is full.
 */
#define BURST_FREE  0.6
#define BURST_PRICE (0.05 / (1 - BURST_FREE))

/* The level may rise by a quarter in a turn, so that flows that probe for more find it steady. */
#define RISE_SHIFT 2

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t fair_level(const uint64_t *demands, size_t count, uint64_t capacity)
{
	uint64_t sorted[SLUICE_MAX_SITES], left = capacity;

	if (count > SLUICE_MAX_SITES)
		count = SLUICE_MAX_SITES;
	memcpy(sorted, demands, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	for (size_t i = 0; i < count; i++) {
		uint64_t level = left / (count - i);

		if (sorted[i] > level)
			return level;
		left -= sorted[i];
	}
	return capacity;
}

uint64_t fair_burst(uint64_t aggregate, uint32_t sites)
{
	uint64_t per_ms = aggregate / 8000, bursts = per_ms * FAIR_SITE_BURST_MS;

	if (bursts < (uint64_t)sites * FAIR_SITE_BURST_LEAST)
		bursts = (uint64_t)sites * FAIR_SITE_BURST_LEAST;
	return per_ms * ONSET_MS + bursts;
}

void fair_aggregate_set(struct fair *f, uint64_t aggregate)
{
	bool enough = !fair_short(f);

	f->capacity = aggregate - (aggregate >> SPARE_SHIFT);
	if (enough || f->level > f->capacity)
		f->level = f->capacity;
}

void fair_site_set(struct fair *f, uint32_t site, uint64_t cap, uint64_t offered)
{
	struct fair_site *s = &f->sites[site];

	s->cap = cap;
	if (s->present)
		return;
	s->present = true;
	s->offered = offered;
	s->rate = 0;
}

void fair_site_remove(struct fair *f, uint32_t site)
{
	f->sites[site] = (struct fair_site){0};
}

bool fair_short(const struct fair *f)
{
	return f->level < f->capacity;
}

uint64_t fair_limit_of(uint64_t cap, uint64_t capacity, uint64_t level)
{
	return level < capacity && (!cap || level < cap) ? level : cap;
}

uint64_t fair_limit(const struct fair *f, uint32_t site)
{
	return fair_limit_of(f->sites[site].cap, f->capacity, f->level);
}

/* What a site would take: what it offers, and all that it may have when it comes near its limit. */
static uint64_t demand(const struct fair *f, uint32_t site)
{
	const struct fair_site *s = &f->sites[site];
	uint64_t most = s->cap && s->cap < f->capacity ? s->cap : f->capacity;
	uint64_t limit = fair_limit(f, site);

	if (s->rate >= (double)most || (limit && s->rate >= WANTS_MORE * (double)limit))
		return most;
	return (uint64_t)s->rate;
}

static double measure(struct fair *f, const uint64_t offered[SLUICE_MAX_SITES], uint64_t elapsed)
{
	double weight = (double)elapsed / (SMOOTH_NS + (double)elapsed), sum = 0;

	for (uint32_t i = 0; i < SLUICE_MAX_SITES; i++) {
		struct fair_site *s = &f->sites[i];
		double rate;

		if (!s->present)
			continue;
		rate = (double)(offered[i] - s->offered) * 8e9 / (double)elapsed;
		s->offered = offered[i];
		s->rate += (rate - s->rate) * weight;
		sum += s->rate;
	}
	return sum;
}

void fair_recount(struct fair *f, const uint64_t offered[SLUICE_MAX_SITES], uint64_t now)
{
	for (uint32_t i = 0; i < SLUICE_MAX_SITES; i++)
		f->sites[i].offered = offered[i];
	f->turned_ns = now;
}

static uint64_t to_give(const struct fair *f, double burst_used)
{
	double over = burst_used > 1 ? 1 - BURST_FREE : burst_used - BURST_FREE;

	return over > 0 ? (uint64_t)((double)f->capacity * (1 - over * BURST_PRICE)) : f->capacity;
}

uint64_t fair_turn(
	struct fair *f, const uint64_t offered[SLUICE_MAX_SITES], double burst_used, uint64_t now)
{
	uint64_t demands[SLUICE_MAX_SITES], elapsed = now - f->turned_ns, level;
	size_t count = 0;
	uint64_t give = to_give(f, burst_used);
	double sum;

	if (!elapsed)
		return FAIR_TURN_NS;
	sum = measure(f, offered, elapsed);
	f->turned_ns = now;
	for (uint32_t i = 0; i < SLUICE_MAX_SITES; i++) {
		if (f->sites[i].present)
			demands[count++] = demand(f, i);
	}
	level = fair_level(demands, count, give);
	if (level == give)
		level = f->capacity; /* enough for all */
	if (level > f->level + (f->level >> RISE_SHIFT))
		level = f->level + (f->level >> RISE_SHIFT) + 1;
	f->level = level < f->capacity ? level : f->capacity;
	return fair_short(f) || sum > (double)f->capacity / 2 ? FAIR_TURN_NS : FAIR_IDLE_NS;
}
