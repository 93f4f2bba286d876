/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of routes: a real speaker, and hub's route table and guard on a kernel of tables. Site 1 has static
 * routes; site 2 shares its tunnels, with those of site 0 if grouped.
 */
#ifndef TESTS_SIM_ROUTES_WORLD_H
#define TESTS_SIM_ROUTES_WORLD_H

#include "../unit/bgp_lab.h"
#include "fake_plane.h"

#include "hub/hub.h"
#include "hub/route/closed.h"
#include "hub/route/fib.h"
#include "hub/route/rules.h"
#include "ipc/msg_bgp.h"

#define PREFIXES 12
#define STATIC   1

static struct {
	struct hub hub;
	struct site sites[TUNNELS / TUNNELS_PER_SITE];
	struct config config;
	uint32_t random;
	bool alive[TUNNELS]; /* the site's speaker runs */
	bool held;           /* bgp is being restarted: stale routes may be there */
	unsigned int refused, shared, across, meddled;
} sim;

static bool is_of_configuration(const struct ip_prefix *p)
{
	const struct statics_conf *statics = &sim.sites[STATIC].conf.statics;

	for (uint32_t i = 0; i < statics->count; i++) {
		if (prefix_equal(&statics->prefixes[i], p))
			return true;
	}
	return false;
}

/* ---- the world begins and ends ---- */

static uint32_t draw(uint32_t below)
{
	sim.random = sim.random * 1664525u + 1013904223u;
	return (sim.random >> 8) % below;
}

static void on_route(const struct bgp_effect *e)
{
	struct imsg_route m = {.prefix = e->route.prefix,
		.shares = e->route.shares,
		.source = e->route.source,
		.tunnel = e->tunnel,
		.candidates = e->route.candidates};

	if (e->route.present)
		hub_routes_take(&sim.hub, &m, 1);
	else
		hub_routes_gone(&sim.hub, &m.prefix, 1);
}

static struct ip_prefix numbered(uint32_t i)
{
	struct ip_prefix p = prefix("10.0.0.0/24");

	p.addr.bytes[1] = (uint8_t)(1 + i);
	return p;
}

static struct site_tunnel *state_of(uint32_t tunnel)
{
	return site_tunnel_find(&sim.hub.model, tunnel);
}

static bool is_static(uint32_t tunnel)
{
	return tunnel / TUNNELS_PER_SITE == STATIC;
}

static void start_site(uint32_t tunnel)
{
	if (is_static(tunnel))
		return;
	site_start(tunnel, 100 + tunnel);
	lab.site[tunnel]->config.graceful_restart = true;
	sim.alive[tunnel] = true;
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip_prefix p = numbered(i);

		if (draw(3) == 0)
			bgp_network_set(lab.site[tunnel], &p, true);
	}
}

static void start_speaker(bool again)
{
	struct bgp_config config = {.local_as = HUB_AS,
		.router_id = 0x0a0a0a0a,
		.hold_s = 30,
		.keepalive_s = 10,
		.site_to_site = true,
		.graceful_restart = true,
		.restarted = again};

	lab.hub = bgp_new(1 + draw(1000));
	bgp_configure(lab.hub, &config, lab.now);
	for (uint32_t t = 0; t < TUNNELS; t++) {
		struct bgp_neighbor n = hub_neighbor(t);

		n.was_up = state_of(t)->bgp_was_up;
		n.is_static = is_static(t);
		n.ecmp = sim.sites[t / TUNNELS_PER_SITE].conf.ecmp;
		n.group = sim.sites[t / TUNNELS_PER_SITE].group;
		assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
		bgp_statics_set(lab.hub, t, sim.sites[STATIC].conf.statics.prefixes,
			sim.sites[STATIC].conf.statics.count);
		if (state_of(t)->open)
			bgp_tunnel_set(lab.hub, t, true, lab.now);
	}
}

static void set_up(uint32_t seed, bool grouped)
{
	memset(&lab, 0, sizeof(lab));
	memset(&sim, 0, sizeof(sim));
	memset(&fake, 0, sizeof(fake));
	fake.may_open = is_of_configuration;
	sim.random = seed;
	lab.now = 1000 * CLOCK_SECOND;
	lab.piece = 4096;
	lab.hub_connects = lab.site_connects = true;
	lab.on_route = on_route;
	sim.hub.config = &sim.config;
	sim.hub.model.config = &sim.config;
	sim.hub.rules = route_rules_new();
	sim.hub.fib = fib_new();
	sim.hub.model.routes = fib_table(sim.hub.fib);
	sim.hub.closed = closed_new();
	sim.config.concentrator.networks =
		(struct networks_conf){.count = 1, .prefixes = {prefix("172.16.0.0/16")}};
	sim.config.concentrator.endpoint_count = 1;
	sim.config.concentrator.endpoints[0].address_count = 1;
	sim.config.concentrator.endpoints[0].addresses[0] = address("198.51.100.%u", 1);
	for (uint32_t i = 0; i < TUNNELS / TUNNELS_PER_SITE; i++) {
		sim.sites[i].slot = i;
		sim.sites[i].group = grouped && i == 2 ? 0 : i;
		sim.sites[i].conf.max_prefixes_in = 1000;
		sim.sites[i].conf.propagate = true;
		sim.hub.model.sites[i] = &sim.sites[i];
		snprintf(sim.sites[i].conf.name, SITE_NAME_SIZE, "s%u", i);
	}
	sim.sites[2].conf.prefixes =
		(struct networks_conf){.count = 1, .prefixes = {prefix("30.0.0.0/8")}};
	claims_add(&sim.hub.rules->claims, &sim.sites[2].conf.prefixes.prefixes[0],
		sim.sites[2].group);
	claims_sort(&sim.hub.rules->claims);
	hub_reserved_gather(&sim.hub);
	sim.sites[2].conf.ecmp = true;
	sim.sites[0].conf.ecmp = grouped;
	sim.sites[STATIC].conf.routing = ROUTING_STATIC;
	sim.sites[STATIC].conf.statics = (struct statics_conf){
		.count = 2, .prefixes = {numbered(1), numbered(PREFIXES - 1)}};
	for (uint32_t t = 0; t < TUNNELS; t++)
		state_of(t)->open = true;
	start_speaker(false);
	for (uint32_t t = 0; t < TUNNELS; t++)
		start_site(t);
}

static void tear_down(void)
{
	for (int t = 0; t < TUNNELS; t++)
		bgp_free(lab.site[t]);
	bgp_free(lab.hub);
	fib_free(sim.hub.fib);
	closed_free(sim.hub.closed);
	route_rules_free(sim.hub.rules);
}

#endif
