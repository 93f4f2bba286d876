/* SPDX-License-Identifier: Apache-2.0 */
/* Which best paths the hub believes. */
#include "hub/hub.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_RESERVE                                                                              \
	(2 * SLUICE_MAX_SITES * TUNNELS_PER_SITE) /* inside addresses, both families */

static bool is_group_taken(const struct hub *h, const struct hub_site *but, uint32_t group)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		if (h->sites[i] && h->sites[i] != but && h->sites[i]->group == group)
			return true;
	}
	return false;
}

void hub_group_choose(struct hub *h, struct hub_site *site)
{
	site->group = site->slot;
	if (!site->conf.group[0])
		return;
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		const struct hub_site *other = h->sites[i];

		if (other && other != site && !strcmp(other->conf.group, site->conf.group)) {
			site->group = other->group;
			return;
		}
	}
	do { /* there are as many as slots; whoever had one last is remembered the least */
		site->group = HUB_SITE_SLOTS + h->next_group;
		h->next_group = (h->next_group + 1) % HUB_SITE_SLOTS;
	} while (is_group_taken(h, site, site->group));
}

void hub_claims_collect(struct hub *h)
{
	claims_clear(&h->claims);
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		const struct hub_site *site = h->sites[i];

		for (uint32_t k = 0; site && k < site->conf.prefixes.count; k++)
			claims_add(&h->claims, &site->conf.prefixes.prefixes[k], site->group);
	}
	claims_sort(&h->claims);
}

static int by_address(const void *a, const void *b)
{
	return addr_compare(&((const struct outside_peer *)a)->address,
		&((const struct outside_peer *)b)->address);
}

void hub_guard_prepare(struct hub *h)
{
	struct outside_peers *list = &h->outside_peers;

	list->count = 0;
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->sites[i] && t < TUNNELS_PER_SITE; t++) {
			const struct hub_tunnel *tunnel = &h->sites[i]->tunnels[t];

			if (tunnel->open && addr_is_set(&tunnel->ike.peer.addr))
				list->peers[list->count++] =
					(struct outside_peer){tunnel->ike.peer.addr, i};
		}
	}
	qsort(list->peers, list->count, sizeof(list->peers[0]), by_address);
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

static const struct ip_prefix never[] = {
	{{AF_INET, {127}}, 8},
	{{AF_INET, {169, 254}}, 16}, /* inside addresses of tunnels too */
	{{AF_INET, {224}}, 3},
	{{AF_INET6, {0}}, 127},
	{{AF_INET6, {0xfe, 0x80}}, 10},
	{{AF_INET6, {0xff}}, 8},
};

const struct ip_prefix *hub_never_routed(size_t *count)
{
	*count = sizeof(never) / sizeof(never[0]);
	return never;
}

static bool is_never_routed(const struct ip_prefix *p)
{
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (prefix_covers(&never[i], p))
			return true;
	}
	return false;
}

/* what belongs to the hub wins even against a more specific prefix. */
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
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->sites[i] && t < TUNNELS_PER_SITE; t++) {
			const struct tunnel_conf *conf = &h->sites[i]->conf.tunnels[t];

			if (conf->configured && (prefix_covers(&conf->inside, p) ||
							prefix_covers(&conf->inside6, p)))
				return true;
		}
	}
	return false;
}

/* The first that is not below the address. */
static uint32_t first_peer_from(const struct outside_peers *list, const struct ip_addr *address)
{
	uint32_t low = 0, high = list->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (addr_compare(&list->peers[middle].address, address) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Outer packets would be routed into a tunnel: those of the hub, and those to other sites. */
static bool covers_outside(
	const struct hub *h, const struct hub_site *site, const struct ip_prefix *p)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	const struct outside_peers *list = &h->outside_peers;

	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		for (uint32_t a = 0; a < c->endpoints[e].address_count; a++) {
			if (prefix_contains(p, &c->endpoints[e].addresses[a]))
				return true;
		}
	}
	for (uint32_t i = first_peer_from(list, &p->addr);
		i < list->count && prefix_contains(p, &list->peers[i].address); i++) {
		if (list->peers[i].slot != site->slot)
			return true;
	}
	return false;
}

static bool is_of_others(
	const struct hub *h, const struct hub_site *site, const struct ip_prefix *p)
{
	const struct claim *claim = claims_find(&h->claims, p);

	return claim && claim->group != site->group;
}

/* Room: of the site by its limit, of the table by the size of the map. */
static bool is_too_many(struct hub *h, const struct hub_site *site, const struct ip_prefix *p)
{
	const struct route_entry *e = route_table_find(h->routes, p);

	if (e && hub_site_of_tunnel(h, e->tunnel) == site)
		return false;
	return site->routes >= BGP_FAMILIES * site->conf.max_prefixes_in ||
	       (!e && route_table_count(h->routes) >= SLUICE_MAX_ROUTES - TABLE_RESERVE);
}

/* a site either speaks BGP or has the routes that the configuration says. */
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
	const struct hub *h, const struct hub_site *site, const struct imsg_route *route)
{
	const struct ip_prefix *p = &route->prefix;

	if (!site)
		return "it leads to no site";
	if (!site->conf.propagate)
		return "routes of the site are not propagated";
	if (is_of_other_source(&site->conf, route))
		return "it is not among the static routes of the site, or those of its sessions";
	if (!p->len && !site->conf.allow_default)
		return "default routes of this site are not allowed";
	if (p->len && covers_outside(h, site, p))
		return "it covers an outside address of the hub or of another site";
	if (is_of_others(h, site, p))
		return "it belongs to another site";
	return NULL;
}

/* of one location, where that is wanted; ascending, the best one among them. */
const char *hub_share_refusal(struct hub *h, const struct imsg_route *route)
{
	const struct route_shares *s = &route->shares;
	bool has_best = false;

	if (s->count == 1 || s->count > ROUTE_SHARES_MAX)
		return "it has too many tunnels, or too few";
	for (unsigned int i = 0; i < s->count; i++) {
		const struct hub_site *site = hub_site_of_tunnel(h, s->tunnels[i]);
		const char *why = refusal_of(h, site, route);

		if (why)
			return why;
		if (!site->conf.ecmp)
			return "the site does not share its tunnels";
		if (site->group != hub_site_of_tunnel(h, route->tunnel)->group)
			return "sites of different groups do not share";
		if (i && s->tunnels[i] <= s->tunnels[i - 1])
			return "its tunnels are in no order";
		has_best |= s->tunnels[i] == route->tunnel;
	}
	return !s->count || has_best ? NULL : "the best tunnel does not share it";
}

const char *hub_route_refusal(struct hub *h, const struct imsg_route *route)
{
	const struct hub_site *site = hub_site_of_tunnel(h, route->tunnel);
	const struct ip_prefix *p = &route->prefix;
	const char *why;

	if (!is_well_formed(p))
		return "it is not a prefix";
	why = refusal_of(h, site, route);
	if (why)
		return why;
	if (is_never_routed(p))
		return "such addresses are never forwarded";
	if (is_of_hub(h, p))
		return "it lies within a network of the hub";
	if (is_inside(h, p))
		return "it covers inside addresses of a tunnel";
	if (is_too_many(h, site, p))
		return "there are too many routes";
	return NULL;
}
