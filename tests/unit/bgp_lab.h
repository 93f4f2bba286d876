/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole speakers against each other, without sockets: a hub, and sites that are speakers too. A
 * fake clock, and a wire that carries bytes in pieces. Included by the tests that use it.
 */
#ifndef SLUICE_TEST_BGP_LAB_H
#define SLUICE_TEST_BGP_LAB_H

#include "base/clock.h"
#include "bgp/message.h"
#include "bgp/notify.h"
#include "bgp/peer.h"
#include "bgp/speaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HUB_AS  64512u
#define TUNNELS 6 /* sites 0, 1, 2 with two tunnels each */
#define MINUTE  (60 * CLOCK_SECOND)

/* One TCP connection between hub and site: named from the hub's side. */
struct wire {
	bool open;
	bool cut; /* nothing gets through, nobody notices */
};

static struct {
	uint64_t now;
	struct bgp *hub;
	struct bgp *site[TUNNELS];
	struct wire wire[TUNNELS][BGP_DIRECTIONS];
	struct bgp_effect_state hub_state[TUNNELS], site_state[TUNNELS];
	uint32_t connections;                         /* opened so far */
	size_t to_site[TUNNELS];                      /* bytes that the hub has sent */
	void (*on_route)(const struct bgp_effect *e); /* of the hub */
	void (*on_event)(const struct bgp_effect *e); /* the same */
	size_t piece;                                 /* bytes that travel at once */
	bool site_connects, hub_connects;
} lab;

static inline struct ip_addr address(const char *format, unsigned int number)
{
	char text[64];
	struct ip_addr a = {0};

	snprintf(text, sizeof(text), format, number);
	assert_true(addr_parse(text, &a));
	return a;
}

static inline struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p = {0};

	assert_true(prefix_parse(text, &p));
	return p;
}

static inline uint32_t site_as(uint32_t tunnel)
{
	return 65010 + tunnel / TUNNELS_PER_SITE;
}

static inline struct bgp_neighbor hub_neighbor(uint32_t tunnel)
{
	struct bgp_neighbor n = {.tunnel = tunnel,
		.local4 = address("169.254.%u.1", tunnel),
		.peer4 = address("169.254.%u.2", tunnel),
		.local6 = address("fd00:%x::1", tunnel),
		.peer6 = address("fd00:%x::2", tunnel),
		.remote_as = site_as(tunnel),
		.max_prefixes_in = 1000,
		.max_prefixes_out = 5000,
		.med_out = 100,
		.group = tunnel / TUNNELS_PER_SITE};

	snprintf(n.site, sizeof(n.site), "s%u", tunnel / TUNNELS_PER_SITE);
	return n;
}

static inline void site_start(uint32_t tunnel, uint32_t identifier)
{
	struct bgp_config config = {.local_as = site_as(tunnel),
		.router_id = identifier,
		.hold_s = 90,
		.site_to_site = true};
	struct bgp_neighbor n = hub_neighbor(tunnel), hub = n;

	hub.tunnel = 0;
	hub.local4 = n.peer4;
	hub.peer4 = n.local4;
	hub.local6 = n.peer6;
	hub.peer6 = n.local6;
	hub.remote_as = HUB_AS;
	hub.max_prefixes_in = 0;
	hub.med_out = 10;
	hub.allow_default = true;
	lab.site[tunnel] = bgp_new(tunnel + 5);
	bgp_configure(lab.site[tunnel], &config, lab.now);
	assert_true(bgp_neighbor_set(lab.site[tunnel], &hub, lab.now));
	bgp_tunnel_set(lab.site[tunnel], 0, true, lab.now);
}

static inline int lab_set_up(void **state)
{
	struct bgp_config config = {.local_as = HUB_AS,
		.router_id = 0x0a0a0a0a,
		.hold_s = 30,
		.keepalive_s = 10,
		.site_to_site = true};

	(void)state;
	memset(&lab, 0, sizeof(lab));
	lab.now = 1000 * CLOCK_SECOND;
	lab.piece = 4096;
	lab.hub_connects = lab.site_connects = true;
	lab.hub = bgp_new(1);
	bgp_configure(lab.hub, &config, lab.now);
	return 0;
}

static inline int lab_tear_down(void **state)
{
	(void)state;
	for (int t = 0; t < TUNNELS; t++)
		bgp_free(lab.site[t]);
	bgp_free(lab.hub);
	return 0;
}

static inline void join(uint32_t tunnel)
{
	struct bgp_neighbor n = hub_neighbor(tunnel);

	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, tunnel, true, lab.now);
	if (!lab.site[tunnel])
		site_start(tunnel, 100 + tunnel);
}

/* The site's name of a connection that the hub calls `direction`. */
static inline enum bgp_direction other_end(enum bgp_direction direction)
{
	return direction == BGP_OUTGOING ? BGP_INCOMING : BGP_OUTGOING;
}

static inline void on_connect(uint32_t tunnel, enum bgp_direction direction)
{
	bool by_hub = direction == BGP_OUTGOING;
	struct bgp_neighbor n = hub_neighbor(tunnel);
	struct bgp *from = by_hub ? lab.hub : lab.site[tunnel];
	struct bgp *to = by_hub ? lab.site[tunnel] : lab.hub;
	uint32_t named_from = by_hub ? tunnel : 0, named_to = by_hub ? 0 : tunnel, found;
	bool allowed = by_hub ? lab.hub_connects : lab.site_connects;

	if (!allowed || !to ||
		!bgp_may_accept(to, by_hub ? &n.peer4 : &n.local4, by_hub ? &n.local4 : &n.peer4,
			lab.now, &found)) {
		bgp_closed(from, named_from, BGP_OUTGOING, BGP_WHY_REFUSED, "refused", lab.now);
		return;
	}
	assert_int_equal(found, named_to);
	if (lab.wire[tunnel][direction].open)
		bgp_closed(to, named_to, BGP_INCOMING, BGP_WHY_RESET, "replaced", lab.now);
	lab.wire[tunnel][direction] = (struct wire){.open = true};
	lab.connections++;
	bgp_connected(to, named_to, BGP_INCOMING, lab.now);
	bgp_connected(from, named_from, BGP_OUTGOING, lab.now);
}

/* Carries bytes one way; true when there were some. */
static inline bool carry(struct bgp *from, uint32_t named_from, enum bgp_direction d_from,
	struct bgp *to, uint32_t named_to, enum bgp_direction d_to)
{
	uint8_t copy[4096];
	size_t len;
	const uint8_t *bytes = bgp_output(from, named_from, d_from, &len);

	if (!len)
		return false;
	len = len < lab.piece ? len : lab.piece;
	memcpy(copy, bytes, len);
	if (from == lab.hub)
		lab.to_site[named_from] += len;
	bgp_sent(from, named_from, d_from, len, lab.now);
	bgp_receive(to, named_to, d_to, copy, len, lab.now);
	return true;
}

static inline bool carry_all(void)
{
	bool moved = false;

	for (uint32_t t = 0; t < TUNNELS; t++) {
		for (enum bgp_direction d = 0; d < BGP_DIRECTIONS; d++) {
			if (!lab.wire[t][d].open || lab.wire[t][d].cut)
				continue;
			moved |= carry(lab.hub, t, d, lab.site[t], 0, other_end(d));
			moved |= carry(lab.site[t], 0, other_end(d), lab.hub, t, d);
		}
	}
	return moved;
}

/* One side closes: its last words arrive, then the end. */
static inline void on_close(uint32_t tunnel, enum bgp_direction direction, bool by_hub)
{
	struct bgp *from = by_hub ? lab.hub : lab.site[tunnel];
	struct bgp *to = by_hub ? lab.site[tunnel] : lab.hub;
	enum bgp_direction d_from = by_hub ? direction : other_end(direction);
	enum bgp_direction d_to = by_hub ? other_end(direction) : direction;
	struct wire *w = &lab.wire[tunnel][direction];

	if (!w->open)
		return;
	while (!w->cut && carry(from, by_hub ? tunnel : 0, d_from, to, by_hub ? 0 : tunnel, d_to))
		continue;
	w->open = false;
	if (!w->cut)
		bgp_closed(to, by_hub ? 0 : tunnel, d_to, BGP_WHY_RESET, "closed by the peer",
			lab.now);
	w->cut = false;
}

static inline bool effects_of(struct bgp *b, uint32_t site_tunnel)
{
	bool by_hub = b == lab.hub, any = false;
	struct bgp_effect e;

	while (bgp_next_effect(b, &e)) {
		uint32_t tunnel = by_hub ? e.tunnel : site_tunnel;

		any = true;
		if (e.type == BGP_EFFECT_CONNECT)
			on_connect(tunnel, by_hub ? BGP_OUTGOING : BGP_INCOMING);
		else if (e.type == BGP_EFFECT_CLOSE)
			on_close(tunnel, by_hub ? e.direction : other_end(e.direction), by_hub);
		else if (e.type == BGP_EFFECT_ROUTE && by_hub && lab.on_route)
			lab.on_route(&e);
		else if (e.type == BGP_EFFECT_EVENT && by_hub && lab.on_event)
			lab.on_event(&e);
		else if (e.type == BGP_EFFECT_STATE)
			*(by_hub ? &lab.hub_state[tunnel] : &lab.site_state[tunnel]) = e.state;
	}
	return any;
}

static inline void settle(void)
{
	bool busy = true;

	for (int i = 0; busy; i++) {
		assert_true(i < 100000);
		busy = bgp_run(lab.hub, lab.now);
		busy |= effects_of(lab.hub, 0);
		for (uint32_t t = 0; t < TUNNELS; t++) {
			if (!lab.site[t])
				continue;
			busy |= bgp_run(lab.site[t], lab.now);
			busy |= effects_of(lab.site[t], t);
		}
		busy |= carry_all();
	}
}

static inline void pass(uint64_t duration)
{
	uint64_t until = lab.now + duration;

	settle();
	while (lab.now < until) {
		lab.now += CLOCK_SECOND / 2;
		settle();
	}
}

static inline struct rib_prefix *at(struct bgp *b, const char *text)
{
	struct ip_prefix p = prefix(text);

	return rib_find(&b->rib, &p);
}

static inline bool hub_has(const char *text, uint32_t tunnel)
{
	struct rib_prefix *e = at(lab.hub, text);

	return e && e->best && e->best_tunnel == tunnel;
}

/* Nobody has announced it, or nobody does now. */
static inline bool hub_lacks(const char *text)
{
	const struct rib_prefix *e = at(lab.hub, text);

	return !e || (!e->best && !e->paths);
}

static inline struct attrs *site_has(uint32_t tunnel, const char *text)
{
	struct rib_prefix *e = at(lab.site[tunnel], text);

	return e && !e->network ? e->best : NULL;
}

static inline void announce(uint32_t tunnel, const char *text, bool present)
{
	struct ip_prefix p = prefix(text);

	assert_true(bgp_network_set(lab.site[tunnel], &p, present));
}

static inline enum fsm_state hub_sees(uint32_t tunnel)
{
	return lab.hub_state[tunnel].state;
}

static inline void change(const struct bgp_neighbor *n)
{
	assert_true(bgp_neighbor_set(lab.hub, n, lab.now));
}

/* The connection that a tunnel has, in the hub's words. */
static inline enum bgp_direction open_wire(uint32_t tunnel)
{
	return lab.wire[tunnel][BGP_OUTGOING].open ? BGP_OUTGOING : BGP_INCOMING;
}

#define lab_test(f) cmocka_unit_test_setup_teardown(f, lab_set_up, lab_tear_down)

#endif
