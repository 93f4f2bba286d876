/* SPDX-License-Identifier: Apache-2.0 */
/* Graceful restart in both roles (RFC 4724), and what a session has of options that change. */
#include "bgp_lab.h"

static void enable_restart(void)
{
	struct bgp_config config = lab.hub->config;

	config.graceful_restart = true;
	bgp_configure(lab.hub, &config, lab.now);
	for (uint32_t t = 0; t < TUNNELS; t++) {
		if (lab.site[t])
			lab.site[t]->config.graceful_restart = true;
	}
}

static void join_restarting(uint32_t tunnel)
{
	site_start(tunnel, 100 + tunnel);
	enable_restart();
	join(tunnel);
}

/* The site's process ends without a word; its kernel closes the connection. */
static void kill_site(uint32_t tunnel)
{
	for (enum bgp_direction d = 0; d < BGP_DIRECTIONS; d++) {
		if (!lab.wire[tunnel][d].open)
			continue;
		lab.wire[tunnel][d] = (struct wire){0};
		bgp_closed(lab.hub, tunnel, d, BGP_WHY_RESET, "closed by the peer", lab.now);
	}
	bgp_free(lab.site[tunnel]);
	lab.site[tunnel] = NULL;
	settle();
}

static void restart_site(uint32_t tunnel, bool forwarding)
{
	site_start(tunnel, 100 + tunnel);
	lab.site[tunnel]->config.graceful_restart = true;
	if (forwarding)
		lab.site[tunnel]->defer_until = lab.now + CLOCK_SECOND;
}

static void routes_stay_while_a_site_restarts(void **state)
{
	(void)state;
	join_restarting(0);
	join(2);
	announce(0, "10.1.0.0/24", true);
	announce(0, "10.1.1.0/24", true);
	announce(0, "fd01::/48", true);
	pass(MINUTE);
	kill_site(0);
	assert_int_not_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_true(hub_has("10.1.0.0/24", 0));
	assert_true(hub_has("fd01::/48", 0));
	assert_non_null(site_has(2, "10.1.0.0/24"));

	restart_site(0, true);
	announce(0, "10.1.0.0/24", true);
	announce(0, "fd01::/48", true);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_true(hub_has("10.1.0.0/24", 0));
	assert_true(hub_has("fd01::/48", 0));
	assert_null(at(lab.hub, "10.1.1.0/24")); /* not announced again before End-of-RIB */
	assert_null(site_has(2, "10.1.1.0/24"));
	assert_int_equal(lab.hub->peers[0]->rib.family[BGP_IPV4].prefixes_in, 1);
}

static void a_site_that_does_not_return_is_forgotten(void **state)
{
	(void)state;
	join_restarting(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	kill_site(0);
	pass((RESTART_S - 2) * CLOCK_SECOND);
	assert_true(hub_has("10.1.0.0/24", 0));
	pass(4 * CLOCK_SECOND);
	assert_null(at(lab.hub, "10.1.0.0/24"));
}

static void a_site_that_did_not_forward_loses_its_routes(void **state)
{
	(void)state;
	join_restarting(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	kill_site(0);
	assert_true(hub_has("10.1.0.0/24", 0));
	restart_site(0, false);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_null(at(lab.hub, "10.1.0.0/24"));
}

static void a_site_that_never_ends_its_table_is_cleared(void **state)
{
	(void)state;
	join_restarting(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	kill_site(0);
	restart_site(0, true);
	/* It is back and keeps the session, but says nothing: its decisions wait for ever. */
	lab.site[0]->defer_until = CLOCK_NEVER - 1;
	lab.site[0]->config.restarted = true;
	lab.site[0]->peers[0]->rib.conf.was_up = true;
	lab.site[0]->peers[0]->rib.conf.max_prefixes_in = 0;
	for (int i = 0; i < 20; i++) {
		pass(CLOCK_SECOND);
		lab.site[0]->defer_until = CLOCK_NEVER - 1;
	}
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	lab.hub->peers[0]->rib.family[BGP_IPV4].end_of_rib_in = false;
	rib_mark_stale(&lab.hub->rib, &lab.hub->peers[0]->rib, BGP_IPV4);
	lab.hub->peers[0]->stale_until = lab.now + STALE_S * CLOCK_SECOND;
	pass((STALE_S + 2) * CLOCK_SECOND);
	assert_null(at(lab.hub, "10.1.0.0/24"));
}

static void a_tunnel_that_goes_down_ends_the_waiting(void **state)
{
	(void)state;
	join_restarting(0);
	join(1);
	announce(0, "10.1.0.0/24", true);
	announce(1, "10.1.0.0/24", true);
	pass(MINUTE);
	kill_site(0);
	assert_true(hub_has("10.1.0.0/24", 0));
	bgp_tunnel_set(lab.hub, 0, false, lab.now);
	settle();
	assert_true(hub_has("10.1.0.0/24", 1));
	assert_int_equal(at(lab.hub, "10.1.0.0/24")->candidates.all, 1);
}

static void bfd_down_is_no_restart(void **state)
{
	(void)state;
	join_restarting(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	bgp_path_down(lab.hub, 0, "control detection time expired", lab.now);
	assert_int_equal(lab.hub->peers[0]->last_notify.code, NOTIFY_CEASE);
	assert_int_equal(lab.hub->peers[0]->last_notify.subcode, CEASE_BFD_DOWN);
	settle();
	assert_true(hub_lacks("10.1.0.0/24"));
	assert_string_equal(lab.site_state[0].detail,
		"NOTIFICATION received: Cease 6/9 (hard reset): Cease 6/10 (BFD down)");
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
}

/* RFC 8538: a NOTIFICATION that is no hard reset leaves the routes. */
static void a_notification_may_leave_the_routes(void **state)
{
	struct bgp_notify soft = notify_make(NOTIFY_CEASE, CEASE_RESET);
	struct bgp_notify hard = notify_make(NOTIFY_CEASE, CEASE_SHUTDOWN);

	(void)state;
	join_restarting(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	peer_stop(lab.site[0], lab.site[0]->peers[0], &soft, lab.now);
	settle();
	assert_int_not_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_true(hub_has("10.1.0.0/24", 0));
	lab.site[0]->defer_until = lab.now + CLOCK_SECOND;
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_true(hub_has("10.1.0.0/24", 0));
	peer_stop(lab.site[0], lab.site[0]->peers[0], &hard, lab.now);
	settle();
	assert_true(hub_lacks("10.1.0.0/24"));
}

/* A device that restarts faster than its old connection dies connects anew. */
static void a_new_connection_replaces_the_old_one(void **state)
{
	(void)state;
	lab.hub_connects = false;
	join_restarting(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	lab.wire[0][BGP_INCOMING].cut = true; /* its end is never told */
	bgp_free(lab.site[0]);
	lab.site[0] = NULL;
	restart_site(0, true);
	announce(0, "10.1.0.0/24", true);
	for (int i = 0; i < 40; i++) {
		lab.now += CLOCK_SECOND / 4;
		settle();
		assert_true(hub_has("10.1.0.0/24", 0));
	}
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_false(rib_path(&lab.hub->rib.paths, at(lab.hub, "10.1.0.0/24")->paths)->stale);
}

/* ---- the hub restarts ---- */

static void restart_hub(void)
{
	struct bgp_config config = lab.hub->config;

	config.restarted = true;
	for (uint32_t t = 0; t < TUNNELS; t++) {
		for (enum bgp_direction d = 0; d < BGP_DIRECTIONS; d++) {
			if (!lab.wire[t][d].open)
				continue;
			lab.wire[t][d] = (struct wire){0};
			bgp_closed(lab.site[t], 0, other_end(d), BGP_WHY_RESET,
				"closed by the peer", lab.now);
		}
	}
	bgp_free(lab.hub);
	lab.hub = bgp_new(9);
	bgp_configure(lab.hub, &config, lab.now);
}

static void return_neighbor(uint32_t tunnel)
{
	struct bgp_neighbor n = hub_neighbor(tunnel);

	n.was_up = true;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, tunnel, true, lab.now);
}

/* An option changes while those are waited for who were there before: nobody else is waited for afterwards. */
static void another_option_makes_no_other_restart(void **state)
{
	struct bgp_config config;
	struct bgp_neighbor stranger = hub_neighbor(4);

	(void)state;
	join_restarting(0);
	restart_hub();
	return_neighbor(0);
	assert_true(bgp_neighbor_set(lab.hub, &stranger, lab.now));
	bgp_tunnel_set(lab.hub, 4, true, lab.now);
	config = lab.hub->config;
	config.restarted = false;
	config.hold_s = 60;
	bgp_configure(lab.hub, &config, lab.now);
	pass(20 * CLOCK_SECOND);
	assert_int_equal(lab.hub->defer_until, 0);
	assert_int_equal(peer_established(lab.hub->peers[0])->hold_s, 60);
}

/* Timers are of the next session, the one that is there goes on; another identifier ends it. */
static void what_of_an_option_a_session_sees(void **state)
{
	struct bgp_config config;

	(void)state;
	join_restarting(0);
	pass(MINUTE);
	assert_int_equal(peer_established(lab.hub->peers[0])->hold_s, 30);
	config = lab.hub->config;
	config.hold_s = 60;
	config.keepalive_s = 7;
	config.graceful_restart = false;
	bgp_configure(lab.hub, &config, lab.now);
	pass(MINUTE);
	assert_int_equal(peer_established(lab.hub->peers[0])->hold_s, 30);
	config.router_id++;
	bgp_configure(lab.hub, &config, lab.now);
	assert_null(peer_established(lab.hub->peers[0]));
	pass(MINUTE);
	assert_int_equal(peer_established(lab.hub->peers[0])->hold_s, 60);
	assert_int_equal(peer_established(lab.hub->peers[0])->keepalive_s, 7);
}

/* What was agreed holds for the session, whatever the configuration is since. */
static void an_option_that_changes_leaves_what_was_agreed(void **state)
{
	struct bgp_config config;

	(void)state;
	join_restarting(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	config = lab.hub->config;
	config.graceful_restart = false;
	bgp_configure(lab.hub, &config, lab.now);
	kill_site(0);
	assert_true(hub_has("10.1.0.0/24", 0));
	/* The next session is without: a site that goes takes its routes with it, also if they come on again. */
	restart_site(0, true);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	config.graceful_restart = true;
	bgp_configure(lab.hub, &config, lab.now);
	kill_site(0);
	assert_true(hub_lacks("10.1.0.0/24"));
}

/* As an operator does it just when our OPEN is on its way. */
static void change_timers(const struct bgp_effect *e)
{
	struct bgp_config config = lab.hub->config;

	(void)e;
	for (int d = 0; d < BGP_DIRECTIONS; d++) {
		if (lab.hub->peers[0]->sessions[d].state != FSM_OPEN_SENT)
			continue;
		config.hold_s = 9;
		config.keepalive_s = 1;
		bgp_configure(lab.hub, &config, lab.now);
	}
}

static void both_ends_have_the_same_hold_time(void **state)
{
	(void)state;
	lab.on_event = change_timers;
	join(0);
	pass(MINUTE);
	assert_int_equal(lab.hub->config.hold_s, 9);
	assert_int_equal(peer_established(lab.hub->peers[0])->hold_s, 30);
	assert_int_equal(peer_established(lab.hub->peers[0])->keepalive_s, 10);
	assert_int_equal(peer_established(lab.site[0]->peers[0])->hold_s, 30);
}

/* A process that has no neighbour yet is none that has just started. */
static void a_process_starts_once(void **state)
{
	struct bgp_config config = lab.hub->config;
	uint64_t until;

	(void)state;
	assert_int_equal(lab.hub->peer_slots, 0);
	config.restarted = config.graceful_restart = true;
	bgp_configure(lab.hub, &config, lab.now);
	assert_int_equal(lab.hub->defer_until, 0);
	assert_false(lab.hub->config.restarted);
	restart_hub();
	until = lab.hub->defer_until;
	assert_int_not_equal(until, 0);
	lab.now += 5 * CLOCK_SECOND;
	config.restarted = false;
	bgp_configure(lab.hub, &config, lab.now);
	assert_true(lab.hub->config.restarted);
	assert_int_equal(lab.hub->defer_until, until);
}

static void sites_keep_routes_while_the_hub_restarts(void **state)
{
	(void)state;
	join_restarting(0);
	join_restarting(2);
	join_restarting(4);
	announce(0, "10.1.0.0/24", true);
	announce(2, "10.2.0.0/24", true);
	pass(MINUTE);
	assert_non_null(site_has(2, "10.1.0.0/24"));
	restart_hub();
	assert_non_null(site_has(2, "10.1.0.0/24"));
	return_neighbor(0);
	return_neighbor(2);
	for (int i = 0; i < 240; i++) { /* never without the routes of the others */
		lab.now += CLOCK_SECOND / 4;
		settle();
		assert_non_null(site_has(2, "10.1.0.0/24"));
		assert_non_null(site_has(0, "10.2.0.0/24"));
	}
	assert_int_equal(lab.hub->defer_until, 0);
	assert_true(bgp_is_settled(lab.hub, lab.now));
	assert_true(hub_has("10.1.0.0/24", 0));
}

/* RFC 4724 4.2: who restarts twice must have told in between what is to be kept. */
static void own_networks_do_not_wait(void **state)
{
	const struct ip_prefix own = prefix("172.16.0.0/16");

	(void)state;
	join_restarting(0);
	join_restarting(2);
	bgp_network_set(lab.hub, &own, true);
	announce(2, "10.2.0.0/24", true);
	pass(MINUTE);
	restart_hub();
	bgp_network_set(lab.hub, &own, true);
	return_neighbor(0); /* the other one is waited for */
	bgp_tunnel_set(lab.site[2], 0, false, lab.now);
	return_neighbor(2);
	pass(5 * CLOCK_SECOND);
	assert_int_not_equal(lab.hub->defer_until, 0);
	assert_true(
		rib_was_told(&lab.hub->rib, at(lab.hub, "172.16.0.0/16"), &lab.hub->peers[0]->rib));
	assert_false(lab.site[0]->peers[0]->rib.family[BGP_IPV4].end_of_rib_in);
	assert_non_null(site_has(0, "10.2.0.0/24")); /* stale, not forgotten */
	bgp_tunnel_set(lab.hub, 2, false, lab.now);
	pass(CLOCK_SECOND);
	assert_true(lab.site[0]->peers[0]->rib.family[BGP_IPV4].end_of_rib_in);
	assert_non_null(site_has(0, "172.16.0.0/16"));
	assert_null(site_has(0, "10.2.0.0/24"));
}

static void decisions_wait_for_all_that_were_there(void **state)
{
	(void)state;
	join_restarting(0);
	join_restarting(1);
	announce(0, "10.1.0.0/24", true);
	announce(1, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
	restart_hub();
	return_neighbor(1);
	pass(10 * CLOCK_SECOND); /* alone it would be chosen: nobody else was expected */
	assert_true(hub_has("10.1.0.0/24", 1));

	restart_hub();
	return_neighbor(0);
	return_neighbor(1);
	bgp_tunnel_set(lab.site[0], 0, false, lab.now);
	pass(10 * CLOCK_SECOND);
	assert_non_null(at(lab.hub, "10.1.0.0/24"));
	assert_null(at(lab.hub, "10.1.0.0/24")->best); /* tunnel 0 is waited for */
	assert_false(bgp_is_settled(lab.hub, lab.now));
	bgp_tunnel_set(lab.hub, 0, false, lab.now);
	settle();
	assert_true(hub_has("10.1.0.0/24", 1)); /* no longer */
}

/* RFC 4724 4.1: two that have both started again do not wait for one another. */
static void two_that_restart_do_not_wait_for_each_other(void **state)
{
	int quarters = 0;

	(void)state;
	join_restarting(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
	kill_site(0);
	restart_hub();
	restart_site(0, true);
	lab.site[0]->config.restarted = true;
	lab.site[0]->peers[0]->rib.conf.was_up = true;
	lab.site[0]->defer_until = lab.now + DEFER_S * CLOCK_SECOND;
	announce(0, "10.1.0.0/24", true);
	return_neighbor(0);
	while (!bgp_is_settled(
		lab.hub, lab.now)) { /* which it is only when the site has told all */
		assert_true(++quarters < 4 * 10);
		lab.now += CLOCK_SECOND / 4;
		settle();
	}
	assert_true(hub_has("10.1.0.0/24", 0));
	assert_true(lab.hub->peers[0]->rib.family[BGP_IPV4].end_of_rib_in);
	assert_int_equal(lab.site[0]->defer_until, 0);
}

/* RFC 4724 3: nobody need forget routes because a connection broke: the hub went on forwarding. */
static void the_hub_forwards_when_connections_break(void **state)
{
	const struct bgp_open *said;

	(void)state;
	join_restarting(0);
	pass(MINUTE);
	said = &peer_established(lab.site[0]->peers[0])->remote;
	assert_true(said->graceful_restart && !said->restarting);
	assert_false(said->forwarding[BGP_IPV4] || said->forwarding[BGP_IPV6]);
	for (enum bgp_direction d = 0; d < BGP_DIRECTIONS; d++) {
		lab.wire[0][d] = (struct wire){0};
		bgp_closed(lab.hub, 0, d, BGP_WHY_RESET, "reset", lab.now);
		bgp_closed(lab.site[0], 0, d, BGP_WHY_RESET, "reset", lab.now);
	}
	pass(MINUTE);
	said = &peer_established(lab.site[0]->peers[0])->remote;
	assert_false(said->restarting);
	assert_true(said->forwarding[BGP_IPV4] && said->forwarding[BGP_IPV6]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(routes_stay_while_a_site_restarts),
		lab_test(a_site_that_does_not_return_is_forgotten),
		lab_test(a_site_that_did_not_forward_loses_its_routes),
		lab_test(a_site_that_never_ends_its_table_is_cleared),
		lab_test(a_tunnel_that_goes_down_ends_the_waiting),
		lab_test(bfd_down_is_no_restart),
		lab_test(a_notification_may_leave_the_routes),
		lab_test(a_new_connection_replaces_the_old_one),
		lab_test(sites_keep_routes_while_the_hub_restarts),
		lab_test(another_option_makes_no_other_restart),
		lab_test(what_of_an_option_a_session_sees),
		lab_test(an_option_that_changes_leaves_what_was_agreed),
		lab_test(both_ends_have_the_same_hold_time),
		lab_test(a_process_starts_once),
		lab_test(own_networks_do_not_wait),
		lab_test(decisions_wait_for_all_that_were_there),
		lab_test(two_that_restart_do_not_wait_for_each_other),
		lab_test(the_hub_forwards_when_connections_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
