/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/failure.h"

#include "bgp/bfd/packet.h"

#include <stdlib.h>
#include <string.h>

const char *const failure_outcomes[FAILURE_OUTCOMES] = {
	[FAILURE_SPARE] = "spare-lost",
	[FAILURE_MOVES] = "moves",
	[FAILURE_PARTS] = "moves-in-part",
	[FAILURE_ALL] = "lost",
};

/* ---- what fails ---- */

static bool read_number(const char *text, unsigned int *number)
{
	*number = text[0] == '1';
	return (text[0] == '0' || text[0] == '1') && !text[1];
}

static bool read_site(const char *text, size_t len, char site[SITE_NAME_SIZE])
{
	if (!len || len >= SITE_NAME_SIZE)
		return false;
	memcpy(site, text, len);
	site[len] = '\0';
	return true;
}

bool failure_read(const char *text, struct failure *f)
{
	const char *of = strchr(text, ':'), *slash;

	memset(f, 0, sizeof(*f));
	if (!strcmp(text, "hub"))
		return true;
	if (!of++)
		return false;
	if (!strncmp(text, "endpoint:", 9)) {
		f->kind = FAILURE_ENDPOINT;
		return read_number(of, &f->number);
	}
	if (!strncmp(text, "site:", 5)) {
		f->kind = FAILURE_SITE;
		return read_site(of, strlen(of), f->site);
	}
	slash = strchr(of, '/');
	f->kind = FAILURE_TUNNEL;
	return !strncmp(text, "tunnel:", 7) && slash && read_number(slash + 1, &f->number) &&
	       read_site(of, (size_t)(slash - of), f->site);
}

static bool is_there(const struct model *m, const struct failure *f)
{
	const struct site *site = f->site[0] ? site_find(m, f->site) : NULL;

	switch (f->kind) {
	case FAILURE_ENDPOINT:
		return f->number < m->config->concentrator.endpoint_count;
	case FAILURE_SITE:
		return site;
	case FAILURE_TUNNEL:
		return site && site->conf.tunnels[f->number].configured;
	default:
		return true;
	}
}

static bool hits(const struct failure *f, const struct site *site, unsigned int t)
{
	switch (f->kind) {
	case FAILURE_ENDPOINT:
		return f->both || f->number == t;
	case FAILURE_SITE:
		return !strcmp(f->site, site->conf.name);
	case FAILURE_TUNNEL:
		return f->number == t && !strcmp(f->site, site->conf.name);
	default:
		return true;
	}
}

/* One device under both addresses: it is no redundancy. */
static bool are_one_device(const struct model *m)
{
	const struct concentrator_conf *c = &m->config->concentrator;

	return c->endpoint_count == CONFIG_ENDPOINTS &&
	       !strcmp(c->endpoints[0].device, c->endpoints[1].device);
}

static bool carries_on(const struct failure *f, const struct site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (tunnel_is_routed(site, t) && !hits(f, site, t))
			return true;
	}
	return false;
}

/* ---- routes ---- */

struct route_count {
	const struct model *m;
	const struct failure *f;
	struct {
		uint32_t moved, lost;
	} slots[SITE_SLOTS];
};

/* Another of the tunnels that share the route goes on, or another path to it. */
static bool goes_on(const struct route_count *c, const struct route_entry *e)
{
	const struct route_shares *shares = route_table_sharing(c->m->routes, e);
	const struct route_facts *facts = route_table_facts(c->m->routes, e);

	for (unsigned int i = 0; i < shares->count; i++) {
		const struct site *other = site_of_tunnel(c->m, shares->tunnels[i]);

		if (other && !hits(c->f, other, shares->tunnels[i] % TUNNELS_PER_SITE))
			return true;
	}
	if (!facts)
		return false;
	switch (c->f->kind) {
	case FAILURE_ENDPOINT:
		return !c->f->both &&
		       (c->f->number ? facts->candidates.all > facts->candidates.second
				     : facts->candidates.second);
	case FAILURE_SITE:
		return facts->candidates.all > facts->candidates.site;
	case FAILURE_TUNNEL:
		return facts->candidates.all > 1;
	default:
		return false;
	}
}

static void count_route(void *context, const struct route_entry *e)
{
	struct route_count *c = context;
	const struct site *site = site_of_tunnel(c->m, e->tunnel);

	if (!site || !hits(c->f, site, e->tunnel % TUNNELS_PER_SITE))
		return;
	if (goes_on(c, e))
		c->slots[site->slot].moved++;
	else
		c->slots[site->slot].lost++;
}

/* ---- traffic ---- */

static uint64_t sum_of(const struct failure_rates *r)
{
	return r->bps[SLUICE_IN] + r->bps[SLUICE_OUT];
}

static void add_rates(struct failure_rates *to, const struct failure_rates *r)
{
	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		to->bps[d] += r->bps[d];
}

static struct failure_rates rates_of(const struct site *site, unsigned int t)
{
	return (struct failure_rates){{[SLUICE_IN] = tunnel_rate_now(site, t, SLUICE_IN),
		[SLUICE_OUT] = tunnel_rate_now(site, t, SLUICE_OUT)}};
}

/* Tunnels of a gateway have limits of their own. */
static void judge_gateway(struct failure_site *s)
{
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		uint64_t then = s->moved.bps[d];

		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (!s->ends[t])
				then += tunnel_rate_now(s->site, t, (enum sluice_direction)d);
		}
		if (s->site->conf.rate && then > s->site->conf.rate)
			s->over.bps[d] = then - s->site->conf.rate;
	}
}

/* ---- sites ---- */

/* Until the hub knows: what it sees of its own device, BFD, or the silence of BGP and of IKE. */
static uint32_t noticed_ms(const struct failure *f, const struct site *site, unsigned int t)
{
	const struct tunnel_bfd *bfd = &site->tunnels[t].bfd;
	uint32_t dpd = site->conf.tunnels[t].options.dpd_timeout_s;
	/* What was negotiated is in force as long as the session is. */
	uint32_t hold = site->tunnels[t].bgp.hold_s, least = dpd;

	if (f->kind == FAILURE_ENDPOINT || f->kind == FAILURE_HUB)
		return 0;
	if (bfd->present && bfd->state == BFD_UP && bfd->detection_us)
		return bfd->detection_us / 1000;
	if (site->conf.tunnels[t].options.dpd_action == DPD_NONE)
		least = UINT32_MAX / 1000;
	if (site->conf.routing == ROUTING_BGP && hold && hold < least)
		least = hold;
	return least * 1000;
}

static enum failure_outcome outcome_of(const struct failure_site *s, bool left)
{
	bool carried = sum_of(&s->moved) || sum_of(&s->lost);

	if (!left && !s->routes_moved)
		return FAILURE_ALL;
	if (s->routes_lost)
		return FAILURE_PARTS;
	return s->routes_moved || carried ? FAILURE_MOVES : FAILURE_SPARE;
}

/* All of its prefixes are reached, though none of its tunnels carries: another site of its group does. */
static bool is_taken_over(const struct failure_site *s)
{
	return s->routes_moved && !s->routes_lost;
}

/* False: it carries nothing over what fails. Its routes are counted already. */
static bool judge_site(const struct failure *f, struct failure_site *s)
{
	const struct site *site = s->site;
	bool left = carries_on(f, site), any = false;

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		struct failure_rates r;
		uint32_t ms;

		if (!tunnel_is_routed(site, t) || !hits(f, site, t))
			continue;
		any = s->ends[t] = true;
		r = rates_of(site, t);
		add_rates(left || is_taken_over(s) ? &s->moved : &s->lost, &r);
		ms = noticed_ms(f, site, t);
		s->noticed_ms = ms > s->noticed_ms ? ms : s->noticed_ms;
	}
	if (left && site->conf.site_class == SITE_GATEWAY)
		judge_gateway(s);
	s->outcome = outcome_of(s, left);
	return any;
}

/* The endpoint that what went over tunnel t goes over then: where its site, or the rest of its group, carries on. */
static unsigned int other_way(
	const struct model *m, const struct failure *f, const struct site *site, unsigned int t)
{
	if (carries_on(f, site))
		return !t;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *other = m->sites[i];

		if (other && other != site && config_same_place(&other->conf, &site->conf) &&
			tunnel_is_routed(other, t) && !hits(f, other, t))
			return t;
	}
	return !t;
}

static const struct failure_site *judged(const struct failure_effect *e, const struct site *site)
{
	for (size_t i = 0; i < e->count; i++) {
		if (e->sites[i].site == site)
			return &e->sites[i];
	}
	return NULL;
}

static void judge_endpoints(const struct model *m, struct failure_effect *e)
{
	bool same = are_one_device(m);

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = m->sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++) {
			struct failure_rates r = rates_of(site, t);
			const struct failure_site *s = judged(e, site);

			add_rates(&e->endpoints[t].now, &r);
			if (!s || !s->ends[t])
				add_rates(&e->endpoints[t].then, &r);
			else if (carries_on(&e->what, site) || is_taken_over(s))
				add_rates(&e->endpoints[other_way(m, &e->what, site, t)].then, &r);
		}
	}
	for (int n = 0; n < CONFIG_ENDPOINTS; n++) {
		struct failure_endpoint *p = &e->endpoints[n];

		p->speed_bps = m->host.speed_bps[n];
		p->holds = true;
		for (int d = 0; p->speed_bps && d < SLUICE_DIRECTIONS; d++) {
			uint64_t then = p->then.bps[d];

			if (same)
				then += e->endpoints[!n].then.bps[d];
			p->holds = p->holds && then <= p->speed_bps;
		}
	}
}

struct failure_effect *failure_of(const struct model *m, const struct failure *f)
{
	struct failure_effect *e;
	struct route_count *count;

	if (!is_there(m, f))
		return NULL;
	e = calloc(1, sizeof(*e));
	count = calloc(1, sizeof(*count));
	if (!e || !count)
		abort();
	e->what = *f;
	e->what.both = are_one_device(m);
	count->m = m;
	count->f = f = &e->what;
	if (m->routes)
		route_table_read(m->routes, count_route, count);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = m->sites[i];
		struct failure_site *s = &e->sites[e->count];

		if (!site || e->count == CONFIG_SITES_MAX)
			continue;
		*s = (struct failure_site){.site = site,
			.routes_moved = count->slots[i].moved,
			.routes_lost = count->slots[i].lost};
		if (judge_site(f, s))
			e->count++;
		else
			e->untouched += carries_on(f, site);
	}
	judge_endpoints(m, e);
	free(count);
	return e;
}
