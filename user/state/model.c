/* SPDX-License-Identifier: Apache-2.0 */
#include "state/model.h"

#include <string.h>

struct site *site_find(const struct model *m, const char *name)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (m->sites[i] && !strcmp(m->sites[i]->conf.name, name))
			return m->sites[i];
	}
	return NULL;
}

struct site *site_of_tunnel(const struct model *m, uint32_t tunnel)
{
	uint32_t slot = tunnel / TUNNELS_PER_SITE;

	return slot < SITE_SLOTS ? m->sites[slot] : NULL;
}

struct site_tunnel *site_tunnel_find(const struct model *m, uint32_t tunnel)
{
	struct site *site = site_of_tunnel(m, tunnel);

	return site ? &site->tunnels[tunnel % TUNNELS_PER_SITE] : NULL;
}

const struct tunnel_conf *site_tunnel_conf(const struct model *m, uint32_t tunnel)
{
	const struct site *site = site_of_tunnel(m, tunnel);

	return site ? &site->conf.tunnels[tunnel % TUNNELS_PER_SITE] : NULL;
}

const struct endpoint *endpoint_of(const struct model *m, const struct site *site, unsigned int t)
{
	const struct endpoint_conf *c = &m->config->concentrator.endpoints[t];

	for (uint32_t a = 0; a < c->address_count; a++) {
		if (c->addresses[a].family == site->conf.outer_family)
			return &m->endpoints[t][a];
	}
	return &m->endpoints[t][0];
}

struct site_rates sum_rates_now(const struct model *m, enum sluice_direction d)
{
	struct site_rates sum = {0};

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		/* The aggregate is none of a gateway. */
		if (!m->sites[i] || m->sites[i]->conf.site_class == SITE_GATEWAY)
			continue;

		struct site_rates r = site_rates_now(m->sites[i], d);

		sum.offered_bps += r.offered_bps;
		sum.delivered_bps += r.delivered_bps;
		sum.dropped_bps += r.dropped_bps;
	}
	return sum;
}

uint64_t rate_limit(const struct model *m, enum sluice_direction d, uint32_t slot)
{
	const struct site *site = m->sites[slot];

	if (site && site->conf.site_class == SITE_GATEWAY)
		return site->conf.rate;
	return fair_limit(m->fair[d], slot);
}

uint32_t outside_place(const struct model *m, const char *device)
{
	uint32_t i = 0;

	while (i < m->host.outside_count && strcmp(m->host.outside[i].name, device))
		i++;
	return i;
}

bool outside_is(const struct model *m, const char *device)
{
	return outside_place(m, device) < m->host.outside_count;
}
