/* SPDX-License-Identifier: Apache-2.0 */
/* Routes through a speaker: who hears of what, policy, limits, errors of attributes. */
#include "bgp_lab.h"

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

	/* Never back to the site, by neither tunnel. The sites would drop it for their own AS,
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

static void nothing_goes_back_by_the_other_tunnel(void **state)
{
	struct bgp_neighbor n = hub_neighbor(1);

	(void)state;
	n.group = 55; /* were it not for the site, the group would let it through */
	join(0);
	join(1);
	change(&n);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_int_equal(hub_sees(1), FSM_ESTABLISHED);
	assert_int_equal(lab.hub_state[1].prefixes_out, 0);
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
	assert_null(site_has(2, "0.0.0.0/0"));
	n.share_default = true;
	change(&n);
	settle();
	assert_non_null(site_has(2, "0.0.0.0/0"));
	assert_null(site_has(0, "0.0.0.0/0")); /* not back to where it came from */
	n.share_default = false;
	change(&n);
	settle();
	assert_null(site_has(2, "0.0.0.0/0"));
}

/* The session and what it brought stay, so that switching back needs neither. */
static void propagation_can_be_switched(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);

	(void)state;
	join(0);
	join(2);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
	for (int turn = 0; turn < 2; turn++) {
		n.not_propagated = !turn;
		change(&n);
		settle();
		assert_int_equal(hub_has("10.1.0.0/24", 0), turn);
		assert_int_equal(site_has(2, "10.1.0.0/24") != NULL, turn);
		assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	}
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
	n.med_out = 90;
	change(&n);
	settle();
	assert_int_equal(site_has(0, "172.16.0.0/16")->med, 90);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
}

/* ---- messages that a speaker of ours does not send ---- */

static void to_hub(uint32_t tunnel, const struct wr *w)
{
	assert_false(w->bad);
	bgp_receive(lab.hub, tunnel, open_wire(tunnel), w->start, wr_len(w), lab.now);
	settle();
}

/* 10.9.0.0/16 with an ORIGIN of this value. */
static void send_update(uint32_t tunnel, uint8_t origin)
{
	const uint8_t body[] = {0, 0, 0, 20, 0x40, 1, 1, origin, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xf2,
		0x40, 3, 4, 169, 254, 0, 2, 16, 10, 9};
	uint8_t out[64];
	struct wr w = wr_init(out, sizeof(out));
	size_t place = bgp_message_begin(&w, MESSAGE_UPDATE);

	wr_bytes(&w, body, sizeof(body));
	bgp_message_end(&w, place);
	to_hub(tunnel, &w);
}

static void bad_attribute_withdraws(void **state)
{
	(void)state;
	join(0);
	pass(MINUTE);
	send_update(0, ORIGIN_EGP);
	assert_true(hub_has("10.9.0.0/16", 0));
	send_update(0, 9); /* RFC 7606 7.1 and 2: the route goes, the session stays */
	assert_null(at(lab.hub, "10.9.0.0/16"));
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
}

static void refresh_sends_everything_again(void **state)
{
	struct ip_prefix lan = prefix("172.16.0.0/16");
	uint8_t out[64];
	struct wr w = wr_init(out, sizeof(out));
	struct bgp_peer *site;

	(void)state;
	join(0);
	bgp_network_set(lab.hub, &lan, true);
	pass(MINUTE);
	/* The site forgets behind the hub's back, then asks (RFC 2918). */
	site = speaker_peer(lab.site[0], 0);
	rib_forget(&lab.site[0]->rib, &site->rib, BGP_IPV4, &lan);
	settle();
	assert_null(site_has(0, "172.16.0.0/16"));
	bgp_message_encode_refresh(&w, BGP_IPV4, REFRESH_REQUEST);
	to_hub(0, &w);
	assert_non_null(site_has(0, "172.16.0.0/16"));
}

/* ---- the prefix guard ---- */

static void second_claimant_is_kept_aside(void **state)
{
	struct bgp_neighbor n = hub_neighbor(2);

	(void)state;
	join(0);
	join(2);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	announce(2, "10.1.0.0/24", true);
	settle();
	assert_true(hub_has("10.1.0.0/24", 0));
	assert_int_equal(at(lab.hub, "10.1.0.0/24")->candidates.all, 1);
	n.group = hub_neighbor(0).group; /* now they are one location */
	change(&n);
	settle();
	assert_int_equal(at(lab.hub, "10.1.0.0/24")->candidates.all, 2);
	n.group = 99;
	change(&n);
	announce(0, "10.1.0.0/24", false);
	settle();
	assert_true(hub_has("10.1.0.0/24", 2));
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
	uint32_t before;

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
	assert_true(hub_lacks("10.1.0.0/24"));
	assert_int_equal(lab.hub->rib.attrs.used, 2); /* of networks and static routes */
	before = lab.connections;
	pass((PREFIX_RESTART_S - 5) * CLOCK_SECOND);
	assert_int_equal(hub_sees(0), FSM_IDLE); /* stays out: neither side gets through */
	assert_int_equal(lab.connections, before);
	announce(0, "10.1.100.0/24", false);
	announce(0, "10.1.99.0/24", false);
	pass(2 * MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED); /* timed restart */
	assert_int_equal(lab.hub_state[0].prefixes_in, 99);
	/* Another limit leaves the session alone, unless there is too much for it. */
	before = lab.connections;
	n.max_prefixes_in = 150;
	change(&n);
	n.max_prefixes_in = 99;
	change(&n);
	settle();
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_int_equal(lab.connections, before);
	n.max_prefixes_in = 98;
	change(&n);
	settle();
	assert_int_equal(hub_sees(0), FSM_IDLE);
	assert_int_equal(lab.hub_state[0].error_subcode, CEASE_MAX_PREFIXES);
	n.max_prefixes_in = 120; /* and who was refused may come at once */
	change(&n);
	pass(10 * CLOCK_SECOND);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
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
	assert_true(lab.hub_state[2].out_limited);
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
	assert_false(lab.hub_state[2].out_limited);
}

/* Static routes are there while the tunnel is, for the other sites as well. */
/* More than the output holds is said in one go, as long as the peer takes it. */
static void a_long_table_does_not_wait(void **state)
{
	static const uint8_t communities[1000] = {1};
	struct attr_draft draft = {.path = {.len = 10, .bytes = {AS_SEQUENCE, 2}},
		.communities = {communities, sizeof(communities)}};
	struct ip_prefix p = prefix("10.0.0.0/24");
	struct rib_peer *from;
	enum bgp_direction d;
	size_t len;

	(void)state;
	join(0);
	join(2);
	pass(MINUTE);
	from = &speaker_peer(lab.hub, 0)->rib;
	d = peer_established(speaker_peer(lab.hub, 2))->direction;
	for (uint32_t i = 0; i < 500; i++) {
		struct wr w = wr_init(draft.path.bytes + 2, 8);
		struct attrs *a;

		wr_u32(&w, site_as(0));
		wr_u32(&w, 70000 + i);
		a = attr_intern(&lab.hub->rib.attrs, &draft);
		p.addr.bytes[1] = (uint8_t)(i >> 8);
		p.addr.bytes[2] = (uint8_t)i;
		rib_learn(&lab.hub->rib, from, BGP_IPV4, &p, a);
		attr_unref(&lab.hub->rib.attrs, a);
	}
	while (bgp_run(lab.hub, lab.now))
		continue;
	bgp_output(lab.hub, 2, d, &len);
	assert_true(len > SESSION_OUT_SIZE / 2);
	assert_false(bgp_can_say_more(lab.hub)); /* not while it takes nothing */
	do {
		bgp_output(lab.hub, 2, d, &len);
		bgp_sent(lab.hub, 2, d, len, lab.now);
	} while (bgp_can_say_more(lab.hub) && (bgp_run(lab.hub, lab.now), true));
	assert_int_equal(speaker_peer(lab.hub, 2)->rib.family[BGP_IPV4].prefixes_out, 500);
}

static void static_routes(void **state)
{
	struct ip_prefix statics[] = {
		prefix("10.9.0.0/16"), prefix("10.1.0.0/24"), prefix("fd09::/48")};
	struct bgp_neighbor n = hub_neighbor(0);

	(void)state;
	n.is_static = true;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_statics_set(lab.hub, 0, statics, 3);
	join(2);
	announce(2, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_null(at(lab.hub, "10.9.0.0/16")); /* the tunnel is not up */
	assert_int_equal(at(lab.hub, "10.1.0.0/24")->best_tunnel, 2);
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	settle();
	assert_int_equal(at(lab.hub, "10.1.0.0/24")->best_tunnel, 0);
	assert_int_equal(at(lab.hub, "fd09::/48")->best_tunnel, 0);
	assert_non_null(site_has(2, "10.9.0.0/16"));
	assert_int_equal(lab.hub_state[0].state, FSM_IDLE);
	assert_int_equal(lab.hub_state[0].prefixes_in, 3);
	bgp_statics_set(lab.hub, 0, statics, 1);
	settle();
	assert_int_equal(at(lab.hub, "10.1.0.0/24")->best_tunnel, 2);
	assert_null(at(lab.hub, "fd09::/48"));
	bgp_tunnel_set(lab.hub, 0, false, lab.now);
	settle();
	assert_null(at(lab.hub, "10.9.0.0/16"));
	assert_null(site_has(2, "10.9.0.0/16"));
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	settle();
	assert_non_null(at(lab.hub, "10.9.0.0/16"));
	bgp_neighbor_delete(lab.hub, 0, lab.now);
	settle();
	assert_null(at(lab.hub, "10.9.0.0/16"));
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
	assert_int_equal(lab.hub->rib.attrs.used, 2);
	assert_int_equal(lab.site_state[0].error_code, NOTIFY_CEASE);
	assert_int_equal(lab.site_state[0].error_subcode, CEASE_SHUTDOWN);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_IDLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(routes_of_both_families_reach_the_others),
		lab_test(group_members_do_not_hear_each_other),
		lab_test(nothing_goes_back_by_the_other_tunnel),
		lab_test(site_to_site_off),
		lab_test(hub_networks_are_protected),
		lab_test(default_route_only_where_allowed),
		lab_test(propagation_can_be_switched),
		lab_test(med_change_needs_no_new_session),
		lab_test(bad_attribute_withdraws),
		lab_test(refresh_sends_everything_again),
		lab_test(second_claimant_is_kept_aside),
		lab_test(prefix_limit_in),
		lab_test(prefix_limit_out_keeps_a_stable_subset),
		lab_test(a_long_table_does_not_wait),
		lab_test(static_routes),
		lab_test(everything_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
