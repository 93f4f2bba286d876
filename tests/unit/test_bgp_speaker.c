/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole speakers against each other, without sockets: a hub, and sites that are speakers too. A
 * fake clock, and a wire that carries bytes in pieces.
 */
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
	uint32_t route_effects;
	size_t piece; /* bytes that travel at once */
	bool site_connects, hub_connects;
} lab;

static struct ip_addr address(const char *format, unsigned int number)
{
	char text[64];
	struct ip_addr a = {0};

	snprintf(text, sizeof(text), format, number);
	assert_true(addr_parse(text, &a));
	return a;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p = {0};

	assert_true(prefix_parse(text, &p));
	return p;
}

static uint32_t site_as(uint32_t tunnel)
{
	return 65010 + tunnel / TUNNELS_PER_SITE;
}

static struct bgp_neighbor hub_neighbor(uint32_t tunnel)
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

static void site_start(uint32_t tunnel, uint32_t identifier)
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

static int lab_set_up(void **state)
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

static int lab_tear_down(void **state)
{
	(void)state;
	for (int t = 0; t < TUNNELS; t++)
		bgp_free(lab.site[t]);
	bgp_free(lab.hub);
	return 0;
}

static void join(uint32_t tunnel)
{
	struct bgp_neighbor n = hub_neighbor(tunnel);

	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, tunnel, true, lab.now);
	if (!lab.site[tunnel])
		site_start(tunnel, 100 + tunnel);
}

/* The site's name of a connection that the hub calls `direction`. */
static enum bgp_direction other_end(enum bgp_direction direction)
{
	return direction == BGP_OUTGOING ? BGP_INCOMING : BGP_OUTGOING;
}

static void on_connect(uint32_t tunnel, enum bgp_direction direction)
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
		bgp_closed(from, named_from, BGP_OUTGOING, "refused", lab.now);
		return;
	}
	assert_int_equal(found, named_to);
	if (lab.wire[tunnel][direction].open)
		bgp_closed(to, named_to, BGP_INCOMING, "replaced", lab.now);
	lab.wire[tunnel][direction].open = true;
	bgp_connected(to, named_to, BGP_INCOMING, lab.now);
	bgp_connected(from, named_from, BGP_OUTGOING, lab.now);
}

/* Carries bytes one way; true when there were some. */
static bool carry(struct bgp *from, uint32_t named_from, enum bgp_direction d_from, struct bgp *to,
	uint32_t named_to, enum bgp_direction d_to)
{
	uint8_t copy[4096];
	size_t len;
	const uint8_t *bytes = bgp_output(from, named_from, d_from, &len);

	if (!len)
		return false;
	len = len < lab.piece ? len : lab.piece;
	memcpy(copy, bytes, len);
	bgp_sent(from, named_from, d_from, len, lab.now);
	bgp_receive(to, named_to, d_to, copy, len, lab.now);
	return true;
}

static bool carry_all(void)
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
static void on_close(uint32_t tunnel, enum bgp_direction direction, bool by_hub)
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
		bgp_closed(to, by_hub ? 0 : tunnel, d_to, "closed by the peer", lab.now);
	w->cut = false;
}

static bool effects_of(struct bgp *b, uint32_t site_tunnel)
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
		else if (e.type == BGP_EFFECT_STATE)
			*(by_hub ? &lab.hub_state[tunnel] : &lab.site_state[tunnel]) = e.state;
		else if (e.type == BGP_EFFECT_ROUTE && by_hub)
			lab.route_effects++;
	}
	return any;
}

static void settle(void)
{
	bool busy = true;

	for (int i = 0; busy; i++) {
		assert_true(i < 100000);
		busy = bgp_run(lab.hub, lab.now) | effects_of(lab.hub, 0);
		for (uint32_t t = 0; t < TUNNELS; t++) {
			if (lab.site[t])
				busy |= bgp_run(lab.site[t], lab.now) | effects_of(lab.site[t], t);
		}
		busy |= carry_all();
	}
}

static void pass(uint64_t duration)
{
	uint64_t until = lab.now + duration;

	settle();
	while (lab.now < until) {
		lab.now += CLOCK_SECOND / 2;
		settle();
	}
}

static struct rib_prefix *at(struct bgp *b, const char *text)
{
	struct ip_prefix p = prefix(text);

	return rib_find(&b->rib, &p);
}

static bool hub_has(const char *text, uint32_t tunnel)
{
	struct rib_prefix *e = at(lab.hub, text);

	return e && e->best && e->best_tunnel == tunnel;
}

static struct attrs *site_has(uint32_t tunnel, const char *text)
{
	struct rib_prefix *e = at(lab.site[tunnel], text);

	return e && !e->network ? e->best : NULL;
}

static void announce(uint32_t tunnel, const char *text, bool present)
{
	struct ip_prefix p = prefix(text);

	assert_true(bgp_network_set(lab.site[tunnel], &p, present));
}

static enum fsm_state hub_sees(uint32_t tunnel)
{
	return lab.hub_state[tunnel].state;
}

static void change(const struct bgp_neighbor *n)
{
	assert_true(bgp_neighbor_set(lab.hub, n, lab.now));
}

/* ---- sessions ---- */

static void establishes_either_way(void **state)
{
	for (int who = 1; who <= 3; who++) {
		for (size_t piece = 1; piece <= 4096; piece *= 64) {
			lab_set_up(state);
			lab.hub_connects = who & 1;
			lab.site_connects = who & 2;
			lab.piece = piece;
			join(0);
			pass(MINUTE);
			assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
			assert_int_equal(lab.site_state[0].state, FSM_ESTABLISHED);
			assert_true(bgp_is_settled(lab.hub, lab.now));
			/* RFC 4271 6.8: one connection is left. */
			assert_int_equal(lab.wire[0][0].open + lab.wire[0][1].open, 1);
			lab_tear_down(state);
		}
	}
}

static void collision_keeps_the_larger_identifier(void **state)
{
	(void)state;
	for (int larger = 0; larger <= 1; larger++) {
		uint32_t tunnel = (uint32_t)larger * 2;

		/* Both ends connect in the same moment. */
		site_start(tunnel, larger ? 0xf0000000 : 5);
		join(tunnel);
		bgp_run(lab.hub, lab.now);
		bgp_run(lab.site[tunnel], lab.now);
		settle();
		pass(10 * CLOCK_SECOND);
		assert_int_equal(hub_sees(tunnel), FSM_ESTABLISHED);
		assert_int_equal(lab.wire[tunnel][BGP_OUTGOING].open, !larger);
		assert_int_equal(lab.wire[tunnel][BGP_INCOMING].open, larger);
	}
}

static void hold_timer_ends_a_silent_session(void **state)
{
	(void)state;
	join(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
	pass(5 * MINUTE); /* keepalives hold it */
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	lab.wire[0][0].cut = lab.wire[0][1].cut = true;
	lab.hub_connects = lab.site_connects = false;
	pass(20 * CLOCK_SECOND);
	assert_true(hub_has("10.1.0.0/24", 0));
	pass(12 * CLOCK_SECOND);
	assert_null(at(lab.hub, "10.1.0.0/24"));
	assert_int_equal(lab.hub_state[0].error_code, NOTIFY_HOLD_TIMER);
	lab.wire[0][0] = lab.wire[0][1] = (struct wire){0};
	lab.hub_connects = true;
	pass(2 * MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
}

static void tunnel_down_ends_the_session_at_once(void **state)
{
	(void)state;
	join(0);
	join(1);
	announce(0, "10.1.0.0/24", true);
	announce(1, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0)); /* the lower tunnel */
	assert_int_equal(at(lab.hub, "10.1.0.0/24")->candidates, 2);
	bgp_tunnel_set(lab.hub, 0, false, lab.now);
	settle();
	assert_true(hub_has("10.1.0.0/24", 1));
	assert_int_equal(hub_sees(0), FSM_IDLE);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_IDLE); /* nobody is let in */
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
}

static void wrong_as_is_refused(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);

	(void)state;
	n.remote_as = 65099;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	site_start(0, 7);
	pass(MINUTE);
	assert_int_not_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_int_equal(lab.hub_state[0].error_code, NOTIFY_OPEN);
	assert_int_equal(lab.hub_state[0].error_subcode, OPEN_BAD_PEER_AS);
	assert_string_equal(
		lab.hub_state[0].detail, "OPEN refused: remote AS is 65010, expected 65099");
	n.remote_as = site_as(0);
	change(&n);
	pass(2 * MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
}

static void removed_neighbour_takes_its_routes(void **state)
{
	(void)state;
	join(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	bgp_neighbor_stop(lab.hub, 0, lab.now);
	settle();
	assert_int_equal(lab.site_state[0].error_code, NOTIFY_CEASE);
	assert_int_equal(lab.site_state[0].error_subcode, CEASE_DECONFIGURED);
	bgp_neighbor_delete(lab.hub, 0, lab.now);
	settle();
	assert_null(at(lab.hub, "10.1.0.0/24"));
	assert_null(speaker_peer(lab.hub, 0));
}

static void garbage_ends_the_session_only(void **state)
{
	uint8_t junk[64] = {1, 2, 3};
	size_t used;

	(void)state;
	join(0);
	join(2);
	pass(MINUTE);
	used = lab.hub->rib.attrs.used;
	bgp_receive(lab.hub, 0, lab.wire[0][BGP_OUTGOING].open ? BGP_OUTGOING : BGP_INCOMING, junk,
		sizeof(junk), lab.now);
	settle();
	assert_int_equal(lab.hub_state[0].error_code, NOTIFY_HEADER);
	assert_int_equal(hub_sees(2), FSM_ESTABLISHED);
	assert_int_equal(lab.hub->rib.attrs.used, used);
}

/* ---- routes ---- */

static void routes_of_both_families_reach_the_others(void **state)
{
	struct ip_prefix lan = prefix("172.16.0.0/16"), lan6 = prefix("fd99::/48");
	struct attrs *a;
	uint32_t path[4];

	(void)state;
	join(0);
	join(1);
	join(2);
	bgp_network_set(lab.hub, &lan, true);
	bgp_network_set(lab.hub, &lan6, true);
	announce(0, "10.1.0.0/24", true);
	announce(0, "fd01::/48", true);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
	assert_true(hub_has("fd01::/48", 0));

	a = site_has(2, "10.1.0.0/24");
	assert_non_null(a);
	assert_int_equal(attr_path_list(a, path, 4), 2);
	assert_int_equal(path[0], HUB_AS);
	assert_int_equal(path[1], site_as(0));
	assert_int_equal(a->med, 100);
	assert_non_null(site_has(2, "fd01::/48"));
	a = site_has(2, "172.16.0.0/16");
	assert_non_null(a);
	assert_int_equal(attr_path_list(a, path, 4), 1);
	assert_non_null(site_has(2, "fd99::/48"));

	/* never back to the site, by neither tunnel. The sites would drop it for their own AS,
	 * so look at what was sent. */
	assert_int_equal(lab.hub_state[0].prefixes_out, 2);
	assert_int_equal(lab.hub_state[1].prefixes_out, 2);
	assert_int_equal(lab.hub_state[2].prefixes_out, 4);

	announce(0, "10.1.0.0/24", false);
	settle();
	assert_null(site_has(2, "10.1.0.0/24"));
	assert_null(at(lab.hub, "10.1.0.0/24"));
	bgp_network_set(lab.hub, &lan, false);
	settle();
	assert_null(site_has(2, "172.16.0.0/16"));
}

static void group_members_do_not_hear_each_other(void **state)
{
	struct bgp_neighbor n = hub_neighbor(2);

	(void)state;
	n.group = hub_neighbor(0).group; /* site 1 is a second device of site 0's location */
	join(0);
	join(2);
	join(4);
	change(&n);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_null(site_has(2, "10.1.0.0/24"));
	assert_non_null(site_has(4, "10.1.0.0/24"));
	n.group = 77;
	change(&n);
	settle();
	assert_non_null(site_has(2, "10.1.0.0/24"));
	n.group = hub_neighbor(0).group;
	change(&n);
	settle();
	assert_null(site_has(2, "10.1.0.0/24"));
}

static void site_to_site_off(void **state)
{
	struct bgp_config config = lab.hub->config;

	(void)state;
	join(0);
	join(2);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_non_null(site_has(2, "10.1.0.0/24"));
	config.site_to_site = false;
	bgp_configure(lab.hub, &config, lab.now);
	settle();
	assert_null(site_has(2, "10.1.0.0/24"));
	assert_int_equal(hub_sees(2), FSM_ESTABLISHED);
}

static void hub_networks_are_protected(void **state)
{
	struct ip_prefix lan = prefix("10.0.0.0/8");

	(void)state;
	join(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
	bgp_network_set(lab.hub, &lan, true); /* now it lies inside of the hub's */
	settle();
	assert_null(at(lab.hub, "10.1.0.0/24")->best);
	bgp_network_set(lab.hub, &lan, false);
	settle();
	assert_true(hub_has("10.1.0.0/24", 0));
}

static void default_route_only_where_allowed(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);

	(void)state;
	join(0);
	join(2);
	announce(0, "0.0.0.0/0", true);
	pass(MINUTE);
	assert_false(hub_has("0.0.0.0/0", 0));
	n.allow_default = true;
	change(&n);
	settle();
	assert_true(hub_has("0.0.0.0/0", 0));
	assert_null(site_has(2, "0.0.0.0/0")); /* */
}

static void med_change_needs_no_new_session(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);
	struct ip_prefix lan = prefix("172.16.0.0/16");

	(void)state;
	join(0);
	bgp_network_set(lab.hub, &lan, true);
	pass(MINUTE);
	assert_int_equal(site_has(0, "172.16.0.0/16")->med, 100);
	n.med_out = 90; /* */
	change(&n);
	settle();
	assert_int_equal(site_has(0, "172.16.0.0/16")->med, 90);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
}

/* ---- limits ---- */

static void announce_many(uint32_t tunnel, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.%u.%u.0/24", 1 + i / 250, i % 250);
		announce(tunnel, text, true);
	}
}

static void prefix_limit_in(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);

	(void)state;
	n.max_prefixes_in = 100;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	site_start(0, 7);
	announce_many(0, 0, 100);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED); /* just at the limit */
	assert_int_equal(lab.hub_state[0].prefixes_in, 100);
	announce_many(0, 100, 101);
	settle();
	assert_int_equal(hub_sees(0), FSM_IDLE);
	assert_int_equal(lab.hub_state[0].error_code, NOTIFY_CEASE);
	assert_int_equal(lab.hub_state[0].error_subcode, CEASE_MAX_PREFIXES);
	assert_null(at(lab.hub, "10.1.0.0/24"));
	assert_int_equal(lab.hub->rib.attrs.used, 1); /* the hub's own are all that is left */
	pass((PREFIX_RESTART_S - 5) * CLOCK_SECOND);
	assert_int_equal(hub_sees(0), FSM_IDLE); /* stays out */
	announce(0, "10.1.100.0/24", false);
	announce(0, "10.1.99.0/24", false);
	pass(2 * MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED); /* timed restart */
	assert_int_equal(lab.hub_state[0].prefixes_in, 99);
}

static void prefix_limit_out_keeps_a_stable_subset(void **state)
{
	struct bgp_neighbor n = hub_neighbor(2);

	(void)state;
	n.max_prefixes_out = 10;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	join(0);
	join(2);
	change(&n);
	announce_many(0, 0, 10);
	pass(MINUTE);
	announce_many(0, 10, 30);
	pass(2 * CLOCK_SECOND);
	assert_int_equal(lab.hub_state[2].prefixes_out, 10);
	for (unsigned int i = 0; i < 10; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.1.%u.0/24", i);
		assert_non_null(site_has(2, text)); /* who was first stays */
	}
	announce(0, "10.1.3.0/24", false); /* one goes, another takes the place */
	pass(2 * CLOCK_SECOND);
	assert_int_equal(lab.hub_state[2].prefixes_out, 10);
	assert_null(site_has(2, "10.1.3.0/24"));
	assert_int_equal(hub_sees(2), FSM_ESTABLISHED);
	n.max_prefixes_out = 5000;
	change(&n);
	pass(2 * CLOCK_SECOND);
	assert_int_equal(lab.hub_state[2].prefixes_out, 29);
}

static void everything_is_freed(void **state)
{
	(void)state;
	join(0);
	join(2);
	announce_many(0, 0, 200);
	pass(MINUTE);
	assert_int_equal(lab.hub->rib.table[BGP_IPV4].used, 200);
	bgp_shutdown(lab.hub, lab.now);
	settle();
	assert_int_equal(lab.hub->rib.table[BGP_IPV4].used, 0);
	assert_int_equal(lab.hub->rib.attrs.used, 1);
	assert_int_equal(lab.site_state[0].error_code, NOTIFY_CEASE);
	assert_int_equal(lab.site_state[0].error_subcode, CEASE_SHUTDOWN);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_IDLE);
}

#define lab_test(f) cmocka_unit_test_setup_teardown(f, lab_set_up, lab_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(establishes_either_way),
		lab_test(collision_keeps_the_larger_identifier),
		lab_test(hold_timer_ends_a_silent_session),
		lab_test(tunnel_down_ends_the_session_at_once),
		lab_test(wrong_as_is_refused),
		lab_test(removed_neighbour_takes_its_routes),
		lab_test(garbage_ends_the_session_only),
		lab_test(routes_of_both_families_reach_the_others),
		lab_test(group_members_do_not_hear_each_other),
		lab_test(site_to_site_off),
		lab_test(hub_networks_are_protected),
		lab_test(default_route_only_where_allowed),
		lab_test(med_change_needs_no_new_session),
		lab_test(prefix_limit_in),
		lab_test(prefix_limit_out_keeps_a_stable_subset),
		lab_test(everything_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
