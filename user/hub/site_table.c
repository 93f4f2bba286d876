/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sites: who has which slot, and which tunnel is whose. */
#include "hub/status.h"

#include "state/stats_fields.h"

#include <string.h>

struct hub_site *hub_site_find(struct hub *h, const char *name)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		if (h->sites[i] && !strcmp(h->sites[i]->conf.name, name))
			return h->sites[i];
	}
	return NULL;
}

struct hub_site *hub_site_of_tunnel(struct hub *h, uint32_t tunnel)
{
	uint32_t slot = tunnel / TUNNELS_PER_SITE;

	return slot < HUB_SITE_SLOTS ? h->sites[slot] : NULL;
}

struct hub_tunnel *hub_tunnel(struct hub *h, uint32_t tunnel)
{
	struct hub_site *site = hub_site_of_tunnel(h, tunnel);

	return site ? &site->tunnels[tunnel % TUNNELS_PER_SITE] : NULL;
}

const struct tunnel_conf *hub_tunnel_conf(struct hub *h, uint32_t tunnel)
{
	struct hub_site *site = hub_site_of_tunnel(h, tunnel);

	return site ? &site->conf.tunnels[tunnel % TUNNELS_PER_SITE] : NULL;
}

uint32_t hub_tunnel_number(const struct hub_site *site, unsigned int t)
{
	return site->slot * TUNNELS_PER_SITE + t;
}

void status_each_site(struct hub *h, const struct hub_site *site,
	void (*visit)(struct hub *h, const struct hub_site *site, json_t *list), json_t *list)
{
	if (site) {
		visit(h, site, list);
		return;
	}
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		if (h->sites[i])
			visit(h, h->sites[i], list);
	}
}

struct site_stats status_site_stats(const struct hub_site *site, enum sluice_direction direction)
{
	struct site_stats s = site->latest.stats[direction];

	stats_subtract(&s, &site->base.stats[direction], sizeof(s) / sizeof(struct traffic));
	return s;
}

struct tunnel_stats status_tunnel_stats(struct hub *h, const struct hub_site *site, unsigned int t)
{
	struct tunnel_stats s;

	maps_tunnel_stats(h->maps, hub_tunnel_number(site, t), &s);
	stats_subtract(&s.in, &site->tunnel_base[t].in, 1);
	stats_subtract(&s.out, &site->tunnel_base[t].out, 1);
	stats_subtract(&s.control_in, &site->tunnel_base[t].control_in, 1);
	stats_subtract(&s.control_out, &site->tunnel_base[t].control_out, 1);
	return s;
}

bool status_is_routed(const struct hub_site *site, unsigned int t)
{
	const struct hub_tunnel *state = &site->tunnels[t];

	return state->open &&
	       (site->conf.routing == ROUTING_STATIC || state->bgp.state == BGP_ESTABLISHED);
}

const struct endpoint *hub_endpoint(
	const struct hub *h, const struct hub_site *site, unsigned int t)
{
	const struct endpoint_conf *c = &h->config->concentrator.endpoints[t];

	for (uint32_t a = 0; a < c->address_count; a++) {
		if (c->addresses[a].family == site->conf.outer_family)
			return &h->endpoints[t][a];
	}
	return &h->endpoints[t][0];
}
