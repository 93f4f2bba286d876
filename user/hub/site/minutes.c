/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each site, and all of them together, have in a minute, for watch. What it has not acknowledged is sent to the next
 * one; of more than so much the oldest is lost.
 */
#include "hub/site/site.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/secret/certificates.h"
#include "ipc/msg_watch.h"
#include "state/stats_fields.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 1024 /* samples, 700 bytes each: ten minutes of 100 sites */
#define MINUTE_S    60

static_assert(SAMPLE_REASONS == HISTORY_REASONS, "a number for each reason");

struct site_minute {
	char site[SITE_NAME_SIZE], group[SITE_NAME_SIZE]; /* whose it is; another one begins anew */
	struct sample sample;
	struct alarm_facts facts;
	struct traffic was[TUNNELS_PER_SITE][SLUICE_DIRECTIONS]; /* when it began */
};

struct minutes {
	uint64_t at_s;                  /* the one that is under way; 0: none is */
	uint64_t restarts, events_lost; /* when it began */
	struct site_minute *sites[SITE_SLOTS + 1];
	struct imsg_watch_sample waiting[WAITING_MAX];
	size_t first, count, sent;
};

struct minutes *minutes_new(void)
{
	struct minutes *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	return m;
}

void minutes_free(struct minutes *m)
{
	for (int i = 0; m && i <= SITE_SLOTS; i++)
		free(m->sites[i]);
	free(m);
}

/* ---- a second ---- */

static void count_second(struct sample *s, unsigned int d, const struct site_stats *delta,
	uint64_t ns, uint64_t at_s)
{
	uint64_t dropped = stats_dropped(delta).bytes;
	struct sample second = {0};

	if (!delta->offered.packets && !delta->delivered.packets && !dropped)
		return;
	second.v[SAMPLE_OFFERED + d] = delta->offered.bytes;
	second.v[SAMPLE_DELIVERED + d] = delta->delivered.bytes;
	second.v[SAMPLE_DROPPED + d] = dropped;
	second.v[SAMPLE_WORST_AT + d] = at_s;
	if (ns) {
		const double kbps = 8e6 / (double)ns;

		second.v[SAMPLE_WORST + 3 * d] = (uint64_t)((double)dropped * kbps);
		second.v[SAMPLE_WORST + 3 * d + 1] =
			(uint64_t)((double)delta->offered.bytes * kbps);
		second.v[SAMPLE_WORST + 3 * d + 2] =
			(uint64_t)((double)delta->delivered.bytes * kbps);
	}
	for (unsigned int r = 0; r < SAMPLE_REASONS && site_drop_fields[r].name; r++)
		second.v[SAMPLE_OF_REASON(d, r)] =
			stats_field_of(delta, &site_drop_fields[r])->packets;
	sample_add(s, &second);
}

/* Packets that the site's own rate has cost. */
static uint64_t over_rate(const struct sample *s)
{
	uint64_t sum = 0;

	for (unsigned int r = 0; r < SAMPLE_REASONS && site_drop_fields[r].name; r++) {
		if (strcmp(site_drop_fields[r].name, "site_rate") != 0 &&
			strcmp(site_drop_fields[r].name, "site_pps") != 0)
			continue;
		for (unsigned int d = 0; d < SLUICE_DIRECTIONS; d++)
			sum += s->v[SAMPLE_OF_REASON(d, r)];
	}
	return sum;
}

static void wait_for_watch(struct hub *h, const struct site_minute *of)
{
	struct minutes *m = h->minutes;
	struct imsg_watch_sample *to;

	if (m->count == WAITING_MAX) {
		m->first = (m->first + 1) % WAITING_MAX;
		m->count--;
		m->sent -= m->sent > 0;
	}
	to = &m->waiting[(m->first + m->count++) % WAITING_MAX];
	memset(to, 0, sizeof(*to));
	snprintf(to->site, sizeof(to->site), "%s", of->site);
	snprintf(to->group, sizeof(to->group), "%s", of->group);
	to->sample = of->sample;
	to->facts = of->facts;
	to->facts.over_rate = over_rate(&of->sample);
	to->sample.at_s = m->at_s;
}

static void count_tunnel(struct hub *h, struct site *site, struct site_minute *m, unsigned int t)
{
	struct tunnel_stats *now = &site->tunnels[t].counted;
	struct traffic *const is[] = {&now->in, &now->out};

	if (!site->conf.tunnels[t].configured)
		return;
	maps_tunnel_stats(h->maps, tunnel_number(site, t), now);
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		struct traffic *was = &m->was[t][d];

		/* Less than before: the tunnel is another one. */
		if (is[d]->packets >= was->packets && is[d]->bytes >= was->bytes) {
			m->sample.v[SAMPLE_OF_TUNNEL(SAMPLE_BYTES, t, d)] =
				is[d]->bytes - was->bytes;
			m->sample.v[SAMPLE_OF_TUNNEL(SAMPLE_PACKETS, t, d)] =
				is[d]->packets - was->packets;
		}
		*was = *is[d];
	}
}

/* Its minute ends with it, or with its group. */
static void begin_anew(
	struct hub *h, struct site_minute *m, uint32_t slot, const char *site, const char *group)
{
	if (m->sample.covered_s)
		wait_for_watch(h, m);
	memset(m, 0, sizeof(*m));
	snprintf(m->site, sizeof(m->site), "%s", site);
	snprintf(m->group, sizeof(m->group), "%s", group);
	for (unsigned int t = 0; slot < SITE_SLOTS && t < TUNNELS_PER_SITE; t++) {
		m->was[t][SLUICE_IN] = h->model.sites[slot]->tunnels[t].counted.in;
		m->was[t][SLUICE_OUT] = h->model.sites[slot]->tunnels[t].counted.out;
	}
}

static struct site_minute *minute_of(
	struct hub *h, uint32_t slot, const char *site, const char *group)
{
	struct site_minute **m = &h->minutes->sites[slot];

	if (!*m)
		*m = calloc(1, sizeof(**m));
	if (!*m)
		abort();
	if (strcmp((*m)->site, site) != 0 || strcmp((*m)->group, group) != 0)
		begin_anew(h, *m, slot, site, group);
	return *m;
}

static void add_stats(struct site_stats *sum, const struct site_stats *s)
{
	struct traffic *to = (struct traffic *)sum;
	const struct traffic *from = (const struct traffic *)s;

	for (size_t i = 0; i < sizeof(*s) / sizeof(*from); i++) {
		to[i].packets += from[i].packets;
		to[i].bytes += from[i].bytes;
	}
}

static void count_facts(struct alarm_facts *f, const struct site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct site_tunnel *tunnel = &site->tunnels[t];

		f->configured[t] = site->conf.tunnels[t].configured;
		f->quiet[t] =
			f->quiet[t] || tunnel->admin_down || tunnel->draining || tunnel->moves;
		f->single_s[t] += !tunnel->open && site->tunnels[!t].open;
	}
}

static void count_site(struct hub *h, const struct site *site,
	struct site_stats all[SLUICE_DIRECTIONS], uint64_t *ns, uint64_t at_s)
{
	struct site_minute *m = minute_of(h, site->slot, site->conf.name, site->conf.group);

	if (!site->before.at_ns)
		return;
	m->sample.covered_s++;
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		m->sample.v[SAMPLE_UP + t] += site->tunnels[t].open;
	count_facts(&m->facts, site);
	*ns = site->latest.at_ns - site->before.at_ns;
	for (unsigned int d = 0; d < SLUICE_DIRECTIONS; d++) {
		struct site_stats delta = site->latest.stats[d];

		stats_subtract(
			&delta, &site->before.stats[d], sizeof(delta) / sizeof(struct traffic));
		count_second(&m->sample, d, &delta, *ns, at_s);
		add_stats(&all[d], &delta);
	}
}

/* ---- a minute ---- */

static bool is_of(const struct site_minute *m, const struct site *site)
{
	return site && !strcmp(site->conf.name, m->site) && !strcmp(site->conf.group, m->group);
}

static uint64_t count_restarts(const struct hub *h)
{
	uint64_t sum = 0;

	for (int i = 0; i < PROCESS_ROLES; i++)
		sum += h->processes[i].restarts;
	return sum;
}

/* Of the hub, when the minute is over. */
static void finish_facts(struct hub *h, struct alarm_facts *f)
{
	struct minutes *all = h->minutes;
	uint64_t restarts = count_restarts(h);
	int64_t at;

	f->restarts = (uint32_t)(restarts - all->restarts);
	f->events_lost = (uint32_t)(h->model.events_lost - all->events_lost);
	all->restarts = restarts;
	all->events_lost = h->model.events_lost;
	f->has_certificates = certificates_first_end(h, &at);
	f->certificate_s = f->has_certificates ? at - (int64_t)(all->at_s + MINUTE_S) : 0;
}

static void finish(struct hub *h)
{
	for (uint32_t i = 0; i <= SITE_SLOTS; i++) {
		struct site *site = i < SITE_SLOTS ? h->model.sites[i] : NULL;
		struct site_minute *m = h->minutes->sites[i];

		if (!m || !m->sample.covered_s)
			continue;
		for (unsigned int t = 0; is_of(m, site) && t < TUNNELS_PER_SITE; t++)
			count_tunnel(h, site, m, t);
		if (i == SITE_SLOTS)
			finish_facts(h, &m->facts);
		wait_for_watch(h, m);
		memset(&m->sample, 0, sizeof(m->sample));
		memset(&m->facts, 0, sizeof(m->facts));
	}
}

void hub_minutes_send(struct hub *h)
{
	struct minutes *m = h->minutes;

	for (; h->watch_hears && m->sent < m->count; m->sent++)
		process_send(&h->processes[PROCESS_WATCH], IMSG_SAMPLE, -1,
			&m->waiting[(m->first + m->sent) % WAITING_MAX], sizeof(m->waiting[0]));
}

/* As few of them as were down in any second of the minute. */
static void count_endpoints(const struct hub *h, struct alarm_facts *f, bool first)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	uint32_t down = 0;

	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		for (uint32_t a = 0; a < c->endpoints[e].address_count; a++)
			down += h->model.endpoints[e][a].fault != ENDPOINT_FINE;
	}
	f->endpoints_down = first || down < f->endpoints_down ? down : f->endpoints_down;
}

void hub_minutes_look(struct hub *h, uint64_t wall_ns)
{
	uint64_t at_s = wall_ns / CLOCK_SECOND, minute_s = at_s / MINUTE_S * MINUTE_S, ns = 0;
	struct site_stats all[SLUICE_DIRECTIONS] = {0};
	struct site_minute *hub = minute_of(h, SITE_SLOTS, "", "");

	if (h->minutes->at_s && h->minutes->at_s != minute_s) {
		finish(h);
		hub_minutes_send(h);
	}
	h->minutes->at_s = minute_s;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (h->model.sites[i])
			count_site(h, h->model.sites[i], all, &ns, at_s);
	}
	count_endpoints(h, &hub->facts, !hub->sample.covered_s);
	hub->sample.covered_s++;
	hub->sample.v[SAMPLE_UP]++;
	for (unsigned int d = 0; d < SLUICE_DIRECTIONS; d++)
		count_second(&hub->sample, d, &all[d], ns, at_s);
}

void hub_minutes_heard(struct hub *h)
{
	h->minutes->sent = 0;
	hub_minutes_send(h);
}

void hub_minutes_stored(struct hub *h, uint32_t count)
{
	struct minutes *m = h->minutes;

	if (count > m->sent) {
		log_error("watch: it has stored samples that it was not told");
		return;
	}
	m->first = (m->first + count) % WAITING_MAX;
	m->count -= count;
	m->sent -= count;
}
