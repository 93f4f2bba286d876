/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of samples, and how they are spread. */
#include "proc/watch/store.h"

#include <stdlib.h>
#include <string.h>

/* How long a site had a rate. */
struct rate {
	uint64_t kbps, seconds;
};

struct summing {
	const struct imsg_watch_sum_query *q;
	struct imsg_watch_sum *sum;
	struct imsg_watch_points *points;
	struct rate *rates[2]; /* of each sample, delivered */
	size_t count, room;
};

static void note_rate(struct summing *c, const struct sample *s)
{
	if (c->count == c->room) {
		c->room = c->room ? c->room * 2 : 1024;
		for (int d = 0; d < 2; d++) {
			c->rates[d] = realloc(c->rates[d], c->room * sizeof(struct rate));
			if (!c->rates[d])
				abort();
		}
	}
	for (int d = 0; d < 2; d++)
		c->rates[d][c->count] = (struct rate){
			s->v[SAMPLE_DELIVERED + d] * 8 / 1000 / s->covered_s, s->covered_s};
	c->count++;
}

/* In which most was dropped or, if nothing was, most was offered. */
static void note_worst(struct imsg_watch_sum *sum, const struct sample *s)
{
	for (int d = 0; d < 2; d++) {
		uint64_t offered = s->v[SAMPLE_OFFERED + d], dropped = s->v[SAMPLE_DROPPED + d];

		if (!offered && !dropped)
			continue;
		if (sum->worst[d].at_s &&
			(dropped != sum->worst[d].dropped ? dropped < sum->worst[d].dropped
							  : offered <= sum->worst[d].offered))
			continue;
		sum->worst[d].at_s = s->at_s;
		sum->worst[d].covered_s = s->covered_s;
		sum->worst[d].offered = offered;
		sum->worst[d].delivered = s->v[SAMPLE_DELIVERED + d];
		sum->worst[d].dropped = dropped;
	}
}

static void add_point(struct summing *c, const struct sample *s)
{
	uint64_t span = c->q->to_s - c->q->from_s;
	struct watch_point *p =
		&c->points->points[(s->at_s - c->q->from_s) * c->points->count / span];

	p->covered_s += (uint32_t)s->covered_s;
	for (int t = 0; t < TUNNELS_PER_SITE; t++)
		p->up_s[t] += (uint32_t)s->v[SAMPLE_UP + t];
	for (int d = 0; d < 2; d++) {
		p->offered[d] += s->v[SAMPLE_OFFERED + d];
		p->delivered[d] += s->v[SAMPLE_DELIVERED + d];
		p->dropped[d] += s->v[SAMPLE_DROPPED + d];
	}
}

static void add(void *context, const struct sample *s, uint32_t step_s)
{
	struct summing *c = context;

	if (!s->covered_s)
		return;
	if (!c->sum->covered_s || s->at_s < c->sum->from_s)
		c->sum->from_s = s->at_s;
	c->sum->covered_s += s->covered_s;
	if (step_s > c->sum->step_s)
		c->sum->step_s = step_s;
	sample_add(&c->sum->sum, s);
	note_rate(c, s);
	/* A minute beside hours is no worse than these because it is short. */
	if (step_s == c->sum->step_s)
		note_worst(c->sum, s);
	if (c->points && c->points->count)
		add_point(c, s);
}

/* By the bytes of the rates, the last one first (a radix sort): a report of a year has a million of them. */
static void sort(struct rate *rates, size_t count)
{
	struct rate *from = rates, *to = malloc(count * sizeof(*to)), *spare = to, *swap;
	uint64_t all = 0;

	if (!to)
		abort();
	for (size_t i = 0; i < count; i++)
		all |= rates[i].kbps;
	for (unsigned int shift = 0; shift < 64 && all >> shift; shift += 8) {
		size_t at[257] = {0};

		for (size_t i = 0; i < count; i++)
			at[(from[i].kbps >> shift & 0xff) + 1]++;
		for (int b = 0; b < 256; b++)
			at[b + 1] += at[b];
		for (size_t i = 0; i < count; i++)
			to[at[from[i].kbps >> shift & 0xff]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	if (from != rates)
		memcpy(rates, from, count * sizeof(*rates));
	free(spare);
}

/* A sample counts for as long as it is: a minute is not as much as an hour. */
static void spread(struct rate *rates, size_t count, uint64_t all_s, uint64_t kbps[])
{
	static const unsigned int percent[WATCH_PERCENTILES] = {50, 95, 99};
	uint64_t so_far_s = 0;
	int p = 0;

	sort(rates, count);
	for (size_t i = 0; i < count; i++) {
		so_far_s += rates[i].seconds;
		for (; p < WATCH_PERCENTILES && so_far_s * 100 >= all_s * percent[p]; p++)
			kbps[p] = rates[i].kbps;
	}
}

bool store_sum(struct store *s, const struct imsg_watch_sum_query *q, const struct watch_site *site,
	uint64_t now_s, struct imsg_watch_sum *sum, struct imsg_watch_points *points,
	char why[STORE_WHY_SIZE])
{
	struct summing c = {.q = q, .sum = sum, .points = points};
	bool ok;

	memset(sum, 0, sizeof(*sum));
	sum->query = q->id;
	memcpy(sum->site, site->name, sizeof(sum->site));
	if (points) {
		memset(points, 0, sizeof(*points));
		points->query = q->id;
		points->count = q->points;
	}
	if (q->to_s <= q->from_s)
		return true;
	ok = store_each_sample(s, site->name, q->of_group ? site->group : NULL, q->from_s, q->to_s,
		now_s, add, &c, why);
	for (int d = 0; d < 2 && c.count; d++) {
		spread(c.rates[d], c.count, sum->covered_s, sum->kbps[d]);
		free(c.rates[d]);
	}
	return ok;
}
