/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits: of each site, of all together, and, while the latter is short, each site's fair share of it
 * (dataplane/fair.h). Shares are written into the buckets that packets pay into anyway; when this
 * process is away, the last ones stand.
 */
#include "hub/site/site.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rates {
	struct fair *fair[SLUICE_DIRECTIONS]; /* the model has them as const */
	uint32_t around[SLUICE_DIRECTIONS];   /* what was added to each packet at the last turn */
	struct event *turn;                   /* of fair sharing */
};

struct rates *rates_new(void)
{
	struct rates *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		r->fair[d] = calloc(1, sizeof(*r->fair[d]));
		if (!r->fair[d])
			abort();
		r->fair[d]->turned_ns = clock_now();
	}
	return r;
}

void rates_free(struct rates *r)
{
	if (!r)
		return;
	if (r->turn)
		event_free(r->turn);
	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		free(r->fair[d]);
	free(r);
}

static bool gateway(const struct site *site)
{
	return site->conf.site_class == SITE_GATEWAY;
}

static void write_limit(
	struct hub *h, const struct site *site, enum sluice_direction d, uint64_t bits)
{
	struct bucket_rate rate = {.bits_per_second = bits,
		.burst_bytes = h->config->concentrator.burst,
		.packets_per_second = site->conf.pps};

	if (bits != site->conf.rate && rate.burst_bytes > FAIR_SITE_BURST_LEAST)
		rate.burst_bytes = 0; /* the default: 20 ms of the limit */
	if (!gateway(site)) {
		maps_site_rate_set(h->maps, d, site->slot, &rate);
		return;
	}
	/* A gateway has them for each tunnel, and the concentrator's aggregate is none of theirs. */
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		maps_tunnel_rate_set(h->maps, d, tunnel_number(site, t), &rate);
}

/* Sites whose limit is another one than before the turn. */
static void write_changed(struct hub *h, enum sluice_direction d, uint64_t level_before)
{
	const struct fair *f = h->rates->fair[d];

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		uint64_t limit;

		if (!h->model.sites[i] || gateway(h->model.sites[i]))
			continue;
		limit = rate_limit(&h->model, d, i);
		if (limit != fair_limit_of(f->sites[i].cap, f->capacity, level_before))
			write_limit(h, h->model.sites[i], d, limit);
	}
}

/*
 * Bytes that IPv4, UDP, ESP with GCM and padding usually add to a packet. With rates by outer bytes hub
 * estimates by it what sites ask for; if it is too little, the aggregate fills up, which lowers the level.
 */
#define AROUND_USUALLY 64

static uint32_t around(const struct hub *h)
{
	return h->config->concentrator.packets.rate_bytes == RATE_OUTER ? AROUND_USUALLY : 0;
}

static uint64_t turn(struct hub *h, enum sluice_direction d, uint64_t now)
{
	static uint64_t offered[SLUICE_MAX_SITES];
	struct fair *f = h->rates->fair[d];
	uint64_t before = f->level, next = FAIR_IDLE_NS;
	uint32_t count = SITE_SLOTS;

	while (count && !h->model.sites[count - 1])
		count--;
	if (!maps_offered(h->maps, d, around(h), offered, count))
		log_warn("what sites were offered could not be read: %s", strerror(errno));
	else if (h->rates->around[d] == around(h))
		next = fair_turn(f, offered, maps_aggregate_used(h->maps, d, now), now);
	else /* the configuration has changed: the counters are of all packets ever */
		fair_recount(f, offered, now);
	h->rates->around[d] = around(h);
	if (f->level != before)
		write_changed(h, d, before);
	return next;
}

static void on_turn(int fd, short what, void *arg)
{
	struct hub *h = arg;
	uint64_t now = clock_now(), in, out;
	struct timeval pause = {0};

	(void)fd, (void)what;
	in = turn(h, SLUICE_IN, now);
	out = turn(h, SLUICE_OUT, now);
	pause.tv_usec = (suseconds_t)((in < out ? in : out) / 1000);
	event_add(h->rates->turn, &pause);
}

void hub_aggregate_set(struct hub *h)
{
	uint64_t bits = h->config->concentrator.aggregate_rate;
	struct bucket_rate rate = {
		.bits_per_second = bits, .burst_bytes = fair_burst(bits, h->config->site_count)};

	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		maps_aggregate_rate_set(h->maps, (enum sluice_direction)d, &rate);
		h->model.fair[d] = h->rates->fair[d];
		fair_aggregate_set(h->rates->fair[d], bits);
	}
	if (!h->rates->turn)
		h->rates->turn = event_new(h->base, -1, 0, on_turn, h);
	event_active(h->rates->turn, 0, 0);
}

void hub_rates_set(struct hub *h, const struct site *site)
{
	struct site_stats stats;

	for (int i = 0; i < SLUICE_DIRECTIONS; i++) {
		enum sluice_direction d = (enum sluice_direction)i;

		if (!gateway(site)) {
			maps_site_stats(h->maps, d, site->slot, &stats);
			fair_site_set(h->rates->fair[d], site->slot, site->conf.rate,
				stats.offered.bytes + stats.offered.packets * around(h));
		}
		write_limit(h, site, d, rate_limit(&h->model, d, site->slot));
	}
}

void hub_rates_forget(struct hub *h, uint32_t slot)
{
	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		fair_site_remove(h->rates->fair[d], slot);
}
