/* SPDX-License-Identifier: Apache-2.0 */
/* What TC is told of tunnels and of whose addresses are whose: what sites may send follows from it. */
#include "hub/site/site.h"

#include "base/log.h"
#include "dataplane/source.h"
#include "hub/route/route.h"

#include <stdlib.h>
#include <string.h>

struct source_set *hub_sources_new(void)
{
	struct source_set *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	return s;
}

void hub_sources_free(struct source_set *s)
{
	if (s)
		source_set_fini(s);
	free(s);
}

/* Groups count from 1 in maps: what is zeroed belongs to nobody. */
static uint32_t group_of(const struct site *site)
{
	return site->group + 1;
}

static uint32_t check_of(const struct site *site)
{
	static const uint32_t checks[] = {[SOURCES_STRICT] = SOURCE_STRICT,
		[SOURCES_LOOSE] = SOURCE_LOOSE,
		[SOURCES_OFF] = SOURCE_OFF};

	return checks[site->conf.source_check];
}

void hub_tunnel_record(struct hub *h, uint32_t tunnel, bool present)
{
	const struct site *site = site_of_tunnel(&h->model, tunnel);
	const struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);
	const struct tunnel_conf *conf = site_tunnel_conf(&h->model, tunnel);
	struct tunnel_record r = {.site = site->slot};
	uint32_t mtu = tunnel_mtu(state);

	if (present) {
		r.group = group_of(site);
		r.source_check = check_of(site);
		r.own_limits = conf->packets.own_limits;
		memcpy(r.hub4, config_inside_hub(&conf->inside).bytes, sizeof(r.hub4));
		memcpy(r.peer4, config_inside_site(&conf->inside).bytes, sizeof(r.peer4));
		memcpy(r.hub6, config_inside_hub(&conf->inside6).bytes, sizeof(r.hub6));
		memcpy(r.peer6, config_inside_site(&conf->inside6).bytes, sizeof(r.peer6));
	}
	if (present && state->open) {
		r.up = 1;
		r.inner_mtu = mtu;
		r.ifindex = state->ifindex;
		r.mss4 = mtu > 60 ? (uint16_t)(mtu - 40) : 0;
		r.mss6 = mtu > 60 ? (uint16_t)(mtu - 60) : 0;
	}
	maps_tunnel_set(h->maps, tunnel, &r);
}

/* Its own, and nobody else's: an entry in both lists. */
static void add_owned(struct source_set *s, const struct site *site, const struct ip_prefix *p)
{
	source_set_add(s, site->slot, group_of(site), p);
	if (p->len)
		source_set_add(s, SLUICE_OWNERS, group_of(site), p);
}

/* What is negotiated for narrower tunnels; the whole of a family declares nothing. */
static void add_selectors(
	struct source_set *s, const struct site *site, const struct selector_set *set)
{
	for (unsigned int i = 0; i < set->count; i++) {
		const struct ip_addr *a = &set->selectors[i].first, *b = &set->selectors[i].last;
		unsigned int len = 0, bits = addr_bits(a);
		struct ip_prefix p;

		while (len < bits && !((a->bytes[len / 8] ^ b->bytes[len / 8]) & (0x80 >> len % 8)))
			len++;
		p = prefix_make(a, (uint8_t)len);
		if (len)
			source_set_add(s, site->slot, group_of(site), &p);
	}
}

static void add_tunnel(struct source_set *s, const struct site *site, const struct tunnel_conf *t)
{
	const struct ip_prefix *blocks[] = {&t->inside, &t->inside6};

	if (!t->configured)
		return;
	add_selectors(s, site, &t->remote_ts);
	for (int i = 0; i < 2; i++) {
		if (addr_is_set(&blocks[i]->addr))
			source_set_add(s, SLUICE_OWNERS, group_of(site), blocks[i]);
	}
}

static void add_site(struct source_set *s, const struct site *site)
{
	static const struct ip_prefix all[] = {{{AF_INET, {0}}, 0}, {{AF_INET6, {0}}, 0}};

	for (uint32_t i = 0; i < site->conf.prefixes.count; i++)
		add_owned(s, site, &site->conf.prefixes.prefixes[i]);
	for (uint32_t i = 0; i < site->conf.statics.count; i++)
		add_owned(s, site, &site->conf.statics.prefixes[i]);
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		add_tunnel(s, site, &site->conf.tunnels[t]);
	for (int f = 0; site->conf.allow_default && f < 2; f++)
		source_set_add(s, site->slot, group_of(site), &all[f]);
}

static void set_services(struct hub *h)
{
	const struct services_conf *c = &h->config->concentrator.site_services;
	uint32_t services[CONFIG_SERVICES_MAX];

	for (uint32_t i = 0; i < c->count; i++)
		services[i] = SLUICE_SERVICE(c->services[i].protocol, c->services[i].port);
	if (!source_services_set(h->plane, services, c->count))
		log_error("site_services: not all could be written into the BPF map");
}

void hub_sources_set(struct hub *h)
{
	const struct networks_conf *own = &h->config->concentrator.networks;
	struct source_set now = {0};
	const struct ip_prefix *connected;
	size_t connected_count, failed;

	for (uint32_t i = 0; i < own->count; i++) {
		if (own->prefixes[i].len)
			source_set_add(&now, SLUICE_OWNERS, SLUICE_GROUP_HUB, &own->prefixes[i]);
	}
	connected = hub_connected(h, &connected_count);
	for (size_t i = 0; i < connected_count; i++) {
		if (connected[i].len)
			source_set_add(&now, SLUICE_OWNERS, SLUICE_GROUP_HUB, &connected[i]);
	}
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (!h->model.sites[i])
			continue;
		add_site(&now, h->model.sites[i]);
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
			hub_tunnel_record(h, tunnel_number(h->model.sites[i], t),
				h->model.sites[i]->conf.tunnels[t].configured);
	}
	failed = source_set_replace(h->plane, h->sources, &now);
	if (failed)
		log_error("%zu declared prefixes have no room in the BPF map: what comes from them "
			  "passes only while routes lead there",
			failed);
	set_services(h);
}
