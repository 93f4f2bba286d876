/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites and their tunnels. A site keeps its slot as long as it exists (hub/slots.h); slots of removed sites are
 * taken again last, so that a counter in a dump rarely changes its owner.
 */
#include "hub/site/bfd_sockets.h"
#include "hub/site/site.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/route/closed.h"
#include "hub/route/route.h"
#include "hub/secret/certificates.h"
#include "hub/site/admin.h"
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_sample(struct hub *h, const struct site *site, struct site_sample *sample)
{
	sample->at_ns = clock_now();
	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		maps_site_stats(h->maps, (enum sluice_direction)d, site->slot, &sample->stats[d]);
}

void hub_sample(struct hub *h)
{
	uint64_t drops;

	h->model.sampled_ns[1] = h->model.sampled_ns[0];
	h->model.sampled_ns[0] = clock_now();
	if (link_ring_drops(h->link, &drops))
		maps_inside_ring_drops_set(h->maps, drops);
	maps_ring_drops_look(h->maps);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		struct site *site = h->model.sites[i];

		if (!site)
			continue;
		site->before = site->latest;
		take_sample(h, site, &site->latest);
		for (int d = 0; d < SLUICE_DIRECTIONS; d++)
			history_add(site->history, (enum sluice_direction)d, &site->before.stats[d],
				site->before.at_ns, &site->latest.stats[d], site->latest.at_ns);
	}
}

/* The one that is wanted, if it is free. */
static uint32_t take_slot(struct hub *h, uint32_t wanted)
{
	uint32_t slot = wanted < SITE_SLOTS ? wanted : h->model.next_slot;

	while (h->model.sites[slot])
		slot = (slot + 1) % SITE_SLOTS;
	h->model.next_slot = (slot + 1) % SITE_SLOTS;
	return slot;
}

static void start_tunnel(struct hub *h, struct site *site, unsigned int t)
{
	uint32_t tunnel = tunnel_number(site, t);
	struct site_tunnel *state = &site->tunnels[t];
	bool admin_down = state->admin_down, draining = state->draining, undrain = state->undrain;

	hub_interface_del(h, tunnel);
	free(state->cert);
	memset(state, 0, sizeof(*state));
	state->admin_down = admin_down;
	state->draining = draining;
	state->undrain = undrain;
	state->since_wall_ns = state->turned_wall_ns = clock_wall();
	snprintf(state->ike.detail, sizeof(state->ike.detail), "%s",
		tunnel_awaits(&site->conf.tunnels[t]));
	maps_tunnel_stats(h->maps, tunnel, &state->base);
	state->counted = state->base;
	state->activity_seen_ns = state->base.last_in_ns;
	hub_interface_add(h, site, t);
	hub_inside_set(h, site, t, true);
	hub_tunnel_record(h, tunnel, true);
	hub_tunnel_introduce(h, site, t);
}

/* Another site may get the addresses. */
static void forget_addresses(struct hub *h, const struct site *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	const struct ip_prefix *inside[] = {&conf->inside, &conf->inside6};

	for (int i = 0; i < 2; i++) {
		struct ip_addr peer = config_inside_site(inside[i]),
			       own = config_inside_hub(inside[i]);

		if (!addr_is_set(&inside[i]->addr))
			continue;
		hub_bgp_password_forget(h, &peer);
		bfd_sockets_leave(h->bfd_sockets, &own, clock_now());
	}
}

static void stop_tunnel(struct hub *h, struct site *site, unsigned int t)
{
	struct imsg_tunnel m = {.tunnel = tunnel_number(site, t)};

	if (site->tunnels[t].moves)
		return;
	hub_tunnel_close(h, m.tunnel);
	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_TUNNEL_DEL, -1, &m, sizeof(m));
	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_NEIGHBOR_DEL, -1, &m, sizeof(m));
	hub_data_tunnel_send(h, site, t, false);
	hub_routes_sweep(h);
	forget_addresses(h, site, t);
	hub_inside_set(h, site, t, false);
	hub_tunnel_record(h, m.tunnel, false);
	hub_interface_del(h, m.tunnel);
}

void hub_site_add(struct hub *h, const struct site_conf *conf, uint32_t slot)
{
	struct site *site = calloc(1, sizeof(*site));

	if (!site)
		abort();
	site->slot = take_slot(h, slot);
	memcpy(&site->conf, conf, sizeof(*conf));
	hub_group_choose(h, site);
	admin_restore(h, site);
	h->model.sites[site->slot] = site;
	site->history = history_new(clock_now());
	take_sample(h, site, &site->base);
	site->before = site->latest = site->base;
	maps_site_set(h->maps, site->slot, conf->name, conf->asn);
	hub_statics_close(h, conf, true);
	hub_rates_set(h, site);
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (conf->tunnels[t].configured)
			start_tunnel(h, site, t);
	}
}

void hub_site_remove(struct hub *h, struct site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (site->conf.tunnels[t].configured)
			stop_tunnel(h, site, t);
	}
	maps_site_set(h->maps, site->slot, NULL, 0);
	h->model.sites[site->slot] = NULL;
	hub_statics_close(h, &site->conf, false);
	closed_forget_site(h, site->slot);
	hub_rates_forget(h, site->slot);
	admin_forget(h, site);
	site_free(site);
}

bool hub_tunnel_is_replaced(const struct site *site, unsigned int t, const struct site_conf *is)
{
	return site->conf.tunnels[t].configured &&
	       (!is || plan_tunnel_effect(NULL, &site->conf, is, t) >= CHANGE_TUNNEL);
}

static void replace_tunnel(
	struct hub *h, struct site *site, unsigned int t, const struct site_conf *old)
{
	if (old->tunnels[t].configured) {
		struct site_conf present = site->conf;

		memcpy(&site->conf, old, sizeof(*old));
		stop_tunnel(h, site, t);
		memcpy(&site->conf, &present, sizeof(present));
	}
	if (site->conf.tunnels[t].configured)
		start_tunnel(h, site, t);
}

/* Who may see it now was not to see what it had before. */
static void count_anew(struct hub *h, struct site *site)
{
	history_free(site->history);
	site->history = history_new(clock_now());
	take_sample(h, site, &site->base);
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (!site->conf.tunnels[t].configured)
			continue;
		maps_tunnel_stats(h->maps, tunnel_number(site, t), &site->tunnels[t].base);
		site->tunnels[t].counted = site->tunnels[t].base;
	}
}

void hub_site_change(struct hub *h, struct site *site, const struct site_conf *conf)
{
	struct site_conf old;

	memcpy(&old, &site->conf, sizeof(old));
	memcpy(&site->conf, conf, sizeof(*conf));
	if (strcmp(old.group, conf->group) || strcmp(old.takes_over, conf->takes_over))
		hub_group_choose(h, site);
	if (strcmp(old.group, conf->group))
		count_anew(h, site);
	if (strcmp(old.bgp_password, conf->bgp_password)) {
		/* What was wrong with the signatures was so with the other password. */
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
			site->tunnels[t].md5_at_ns = 0;
	}
	hub_rates_set(h, site);
	maps_site_set(h->maps, site->slot, conf->name, conf->asn);
	hub_statics_close(h, conf, true);
	hub_statics_close(h, &old, false);
	/*
	 * Drains of tunnels that go are forgotten before any tunnel is replaced: what bgp is told of one tunnel
	 * depends on whether the other is drained.
	 */
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (old.tunnels[t].configured && !conf->tunnels[t].configured)
			admin_forget_tunnel(h, site, t);
	}
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (plan_tunnel_effect(NULL, &old, conf, t) >= CHANGE_TUNNEL)
			replace_tunnel(h, site, t, &old);
	}
}

void hub_tunnels_move(struct hub *h, const struct concentrator_conf *was)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			struct site *site = h->model.sites[i];

			if (!site->conf.tunnels[t].configured ||
				!plan_endpoint_moves(was, &h->config->concentrator, &site->conf, t))
				continue;
			stop_tunnel(h, site, t);
			site->tunnels[t].moves = true;
		}
	}
}

void hub_tunnels_moved(struct hub *h)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			struct site *site = h->model.sites[i];

			if (site->conf.tunnels[t].configured && site->tunnels[t].moves)
				start_tunnel(h, site, t);
		}
	}
}

static void settle_tunnel(struct hub *h, const struct site *site, unsigned int t, enum settle whom)
{
	bool cert = site->conf.tunnels[t].options.auth == AUTH_CERT;

	hub_inside_set(h, site, t, true);
	if (site->tunnels[t].open)
		hub_inside_route_set(h, site, t, true);
	hub_data_tunnel_send(h, site, t, true);
	if (site->changed || whom == SETTLE_ALL) {
		hub_tunnel_send(h, site, t);
		return;
	}
	hub_bgp_neighbor_send(h, site, t);
	if (whom == SETTLE_CERTIFICATES && cert)
		hub_ike_tunnel_send(h, site, t);
}

void hub_sites_settle(struct hub *h, enum settle whom)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		struct site *site = h->model.sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++) {
			if (site->conf.tunnels[t].configured)
				settle_tunnel(h, site, t, whom);
		}
		if (site)
			site->changed = false;
	}
}
