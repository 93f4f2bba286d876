/* SPDX-License-Identifier: Apache-2.0 */
/* Which best paths the hub believes. */
#include "hub/route/fib.h"
#include "hub/route/rules.h"

#include "base/log.h"
#include "ipc/msg_bgp.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_RESERVE                                                                              \
	(2 * SLUICE_MAX_SITES * TUNNELS_PER_SITE) /* inside addresses, both families */

struct route_rules *route_rules_new(void)
{
	struct route_rules *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	return r;
}

void route_rules_free(struct route_rules *r)
{
	if (!r)
		return;
	claims_fini(&r->claims);
	reserved_fini(&r->reserved);
	free(r);
}

static bool is_group_taken(const struct hub *h, const struct site *but, uint32_t group)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (h->model.sites[i] && h->model.sites[i] != but &&
			h->model.sites[i]->group == group)
			return true;
	}
	return false;
}

void hub_group_choose(struct hub *h, struct site *site)
{
	site->group = site->slot;
	if (!site->conf.group[0])
		return;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *other = h->model.sites[i];

		if (other && other != site && !strcmp(other->conf.group, site->conf.group)) {
			site->group = other->group;
			return;
		}
	}
	do { /* there are as many as slots; whoever had one last is remembered the least */
		site->group = SITE_SLOTS + h->rules->next_group;
		h->rules->next_group = (h->rules->next_group + 1) % SITE_SLOTS;
	} while (is_group_taken(h, site, site->group));
}

void hub_takeovers_set(struct hub *h)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		struct site *site = h->model.sites[i];
		const struct site *old = site && site->conf.takes_over[0]
						 ? site_find(&h->model, site->conf.takes_over)
						 : NULL;

		if (old)
			site->group = old->group;
	}
}

void hub_claims_collect(struct hub *h)
{
	claims_clear(&h->rules->claims);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = h->model.sites[i];

		for (uint32_t k = 0; site && k < site->conf.prefixes.count; k++)
			claims_add(
				&h->rules->claims, &site->conf.prefixes.prefixes[k], site->group);
	}
	claims_sort(&h->rules->claims);
}

static void add_host(struct reserved *r, const struct ip_addr *a)
{
	struct ip_prefix host = {.addr = *a, .len = (uint8_t)addr_bits(a)};

	if (addr_is_set(a) && !reserved_add(r, RESERVED_OUTSIDE, &host))
		log_verbose("more than %u addresses and networks are reserved", RESERVED_MAX);
}

/*
 * Where a site came up from counts whoever was there first, since its outer packets would go astray; but
 * not within what the configuration says is another's: whoever can choose where he dials in from would take
 * it away.
 */
static bool counts(const struct hub *h, const struct site *site, const struct ip_addr *a)
{
	struct ip_prefix host = {.addr = *a, .len = (uint8_t)addr_bits(a)};
	const struct claim *claim = addr_is_set(a) ? claims_find(&h->rules->claims, &host) : NULL;

	return !claim || claim->group == site->group;
}

bool hub_reserved_gather(struct hub *h)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	struct reserved fresh = {0};
	bool same;

	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		for (uint32_t a = 0; a < c->endpoints[e].address_count; a++)
			add_host(&fresh, &c->endpoints[e].addresses[a]);
	}
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = h->model.sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++) {
			if (site->conf.tunnels[t].configured)
				add_host(&fresh, &site->conf.tunnels[t].address);
			if (site->tunnels[t].open && counts(h, site, &site->tunnels[t].came_from))
				add_host(&fresh, &site->tunnels[t].came_from);
		}
	}
	for (size_t i = 0; i < h->rules->connected_count; i++)
		(void)reserved_add(&fresh, RESERVED_CONNECTED, &h->rules->connected[i]);
	reserved_sort(&fresh);
	same = reserved_equal(&fresh, &h->rules->reserved);
	if (same) {
		reserved_fini(&fresh);
		return false;
	}
	reserved_fini(&h->rules->reserved);
	h->rules->reserved = fresh;
	return true;
}

/* No bits behind the length, nor behind the address: comparisons rely on both. */
static bool is_well_formed(const struct ip_prefix *p)
{
	struct ip_prefix clean;

	if (!addr_bits(&p->addr) || p->len > addr_bits(&p->addr))
		return false;
	clean.addr = addr_from_bytes(p->addr.family, p->addr.bytes);
	clean = prefix_make(&clean.addr, p->len);
	return prefix_equal(&clean, p);
}

/* What belongs to the hub wins even against a more specific prefix. */
static bool is_of_hub(const struct hub *h, const struct ip_prefix *p)
{
	const struct networks_conf *own = &h->config->concentrator.networks;

	for (uint32_t i = 0; i < own->count; i++) {
		if (own->prefixes[i].len && prefix_covers(&own->prefixes[i], p))
			return true;
	}
	return false;
}

/* As long as or longer than a tunnel's inside block: sessions of other sites would be drawn away. */
static bool is_inside(const struct hub *h, const struct ip_prefix *p)
{
	if (p->len + 2u < addr_bits(&p->addr))
		return false;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			const struct tunnel_conf *conf = &h->model.sites[i]->conf.tunnels[t];

			if (conf->configured && (prefix_covers(&conf->inside, p) ||
							prefix_covers(&conf->inside6, p)))
				return true;
		}
	}
	return false;
}

/* What the configuration says of a static route goes before what the hub happens to be connected to. */
static const char *reservation_of(const struct hub *h, const struct imsg_route *route)
{
	enum reserved_kind kind = reserved_find(&h->rules->reserved, &route->prefix);

	if (kind == RESERVED_NONE || (kind == RESERVED_CONNECTED && route->source == SOURCE_STATIC))
		return NULL;
	return reserved_reason(kind);
}

static bool is_of_others(const struct hub *h, const struct site *site, const struct ip_prefix *p)
{
	const struct claim *claim = claims_find(&h->rules->claims, p);

	return claim && claim->group != site->group;
}

/* Room: of the site by its limit, of the table by the size of the map. */
static bool is_too_many(struct hub *h, const struct site *site, const struct ip_prefix *p)
{
	const struct route_entry *e = route_table_find(h->fib->table, p);

	if (e && site_of_tunnel(&h->model, e->tunnel) == site)
		return false;
	return site->routes >= BGP_FAMILIES * site->conf.max_prefixes_in ||
	       (!e && route_table_count(h->fib->table) >= SLUICE_MAX_ROUTES - TABLE_RESERVE);
}

/* A site either speaks BGP or has the routes that the configuration says. */
static bool is_of_other_source(const struct site_conf *site, const struct imsg_route *route)
{
	if ((site->routing == ROUTING_STATIC) != (route->source == SOURCE_STATIC))
		return true;
	for (uint32_t i = 0; i < site->statics.count; i++) {
		if (prefix_equal(&site->statics.prefixes[i], &route->prefix))
			return false;
	}
	return route->source == SOURCE_STATIC;
}

/* What depends on who it leads to. */
static const char *refusal_of(
	const struct hub *h, const struct site *site, const struct imsg_route *route)
{
	const struct ip_prefix *p = &route->prefix;

	if (!site)
		return "it leads to no site";
	if (!site->conf.propagate)
		return "routes of the site are not propagated";
	if (is_of_other_source(&site->conf, route))
		return "it is not among the static routes of the site, or those of its sessions";
	if (site->conf.accept.count && route->source != SOURCE_STATIC &&
		!prefix_rules_permit(site->conf.accept.rules, site->conf.accept.count, p))
		return "the site may not announce it (accept)";
	if (!p->len && !site->conf.allow_default)
		return "default routes of this site are not allowed";
	if (is_of_others(h, site, p))
		return "it belongs to another site";
	return NULL;
}

/* Of one location, where that is wanted; ascending, the best one among them. */
const char *hub_share_refusal(struct hub *h, const struct imsg_route *route)
{
	const struct route_shares *s = &route->shares;
	bool has_best = false;

	if (s->count == 1 || s->count > ROUTE_SHARES_MAX)
		return "it has too many tunnels, or too few";
	for (unsigned int i = 0; i < s->count; i++) {
		const struct site *site = site_of_tunnel(&h->model, s->tunnels[i]);
		const char *why = refusal_of(h, site, route);

		if (why)
			return why;
		if (!site->conf.ecmp)
			return "the site does not share its tunnels";
		if (site->group != site_of_tunnel(&h->model, route->tunnel)->group)
			return "sites of different groups do not share";
		if (i && s->tunnels[i] <= s->tunnels[i - 1])
			return "its tunnels are in no order";
		has_best |= s->tunnels[i] == route->tunnel;
	}
	return !s->count || has_best ? NULL : "the best tunnel does not share it";
}

const char *hub_route_refusal(struct hub *h, const struct imsg_route *route)
{
	const struct site *site = site_of_tunnel(&h->model, route->tunnel);
	const struct ip_prefix *p = &route->prefix;
	const char *why;

	if (!is_well_formed(p))
		return "it is not a prefix";
	why = refusal_of(h, site, route);
	if (why)
		return why;
	why = reservation_of(h, route);
	if (why)
		return why;
	if (is_of_hub(h, p))
		return "it lies within a network of the hub";
	if (is_inside(h, p))
		return "it covers inside addresses of a tunnel";
	if (is_too_many(h, site, p))
		return "there are too many routes";
	return NULL;
}
