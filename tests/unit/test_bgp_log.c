/* SPDX-License-Identifier: Apache-2.0 */
/* Each class of message of the BGP log, brought about. */
#include "bgp_lab.h"

#include "bgp/update.h"

static char said[1 << 16];
static size_t said_len;

static void on_event(const struct bgp_effect *e)
{
	static const char *const statuses[BGP_EVENT_STATUSES] = {[BGP_EVENT_DOWN] = "DOWN",
		[BGP_EVENT_UP] = "UP",
		[BGP_EVENT_COMING] = "COMING",
		[BGP_EVENT_ADVERTISED] = "ADVERTISED",
		[BGP_EVENT_UPDATED] = "UPDATED",
		[BGP_EVENT_WITHDRAWN] = "WITHDRAWN"};
	char text[PREFIX_STR_SIZE];

	said_len += (size_t)snprintf(said + said_len, sizeof(said) - said_len, "%s %s %s\n",
		statuses[e->event.status], prefix_format(&e->event.prefix, text), e->event.details);
	assert_true(said_len < sizeof(said));
}

static void must_say(const char *text)
{
	if (!strstr(said, text))
		fail_msg("nothing says '%s' in:\n%s", text, said);
}

static void forget_what_was_said(void)
{
	said_len = 0;
	said[0] = '\0';
}

static int set_up(void **state)
{
	lab_set_up(state);
	forget_what_was_said();
	lab.on_event = on_event;
	return 0;
}

static void a_session_and_its_routes(void **state)
{
	(void)state;
	lab.site_connects = false;
	join(0);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	must_say("COMING - connection initiated to 169.254.0.2\n");
	must_say("COMING - OPEN sent: version 4, AS 64512, hold time 30 s, identifier "
		 "10.10.10.10\n");
	must_say("OPEN received: version 4, AS 65010, hold time 90 s, identifier 0.0.0.100\n");
	must_say("UP - state OpenConfirm -> Established\n");
	must_say("UP - End-of-RIB sent for IPv4\n");
	must_say("UP - first UPDATE received\n");
	must_say("ADVERTISED 10.1.0.0/24 \n");
	lab.site[0]->peers[0]->rib.conf.med_out = 77; /* it tells another MED */
	rib_tell_again(&lab.site[0]->rib, &lab.site[0]->peers[0]->rib, BGP_IPV4);
	pass(CLOCK_SECOND);
	must_say("UPDATED 10.1.0.0/24 \n");
	announce(0, "10.1.0.0/24", false);
	pass(CLOCK_SECOND);
	must_say("WITHDRAWN 10.1.0.0/24 \n");
}

/* A device that says no more than that it does not like the hub's OPEN. */
static void refuse_without_an_open(void)
{
	struct bgp_notify refused = notify_make(NOTIFY_OPEN, OPEN_BAD_PEER_AS);
	struct bgp_neighbor n = hub_neighbor(5);
	uint8_t bytes[64];
	struct wr w = wr_init(bytes, sizeof(bytes));

	n.passive = true;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 5, true, lab.now);
	bgp_connected(lab.hub, 5, BGP_INCOMING, lab.now);
	bgp_message_encode_notify(&w, &refused);
	bgp_receive(lab.hub, 5, BGP_INCOMING, bytes, wr_len(&w), lab.now);
	settle();
	bgp_neighbor_delete(lab.hub, 5, lab.now);
}

static void ends_of_sessions(void **state)
{
	struct bgp_neighbor n = hub_neighbor(2);

	(void)state;
	join(0);
	pass(MINUTE);
	bgp_shutdown(lab.site[0], lab.now);
	pass(CLOCK_SECOND);
	must_say("DOWN - NOTIFICATION received: Cease 6/2 (administrative shutdown): peer says "
		 "\"the hub shuts down\"\n");
	must_say("DOWN - state Established -> Idle: NOTIFICATION received: Cease 6/2");

	n.remote_as = 65099;
	join(2);
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	pass(MINUTE);
	must_say("OPEN refused: remote AS is 65011, expected 65099; NOTIFICATION sent: ");

	join(4);
	pass(MINUTE);
	lab.site[4]->peers[0]->rib.conf.remote_as = 64513; /* a slip of the site's */
	bgp_tunnel_set(lab.hub, 4, false, lab.now);
	bgp_tunnel_set(lab.hub, 4, true, lab.now);
	pass(MINUTE);
	must_say("NOTIFICATION received: OPEN Message Error 2/2 (bad peer AS): the peer, AS 65012, "
		 "is set up for another AS of the hub than 64512, which is the hub's\n");
	refuse_without_an_open();
	must_say("(bad peer AS): the peer is set up for another AS of the hub than 64512, which is "
		 "the hub's\n");

	join(1);
	pass(MINUTE);
	bgp_path_down(lab.hub, 1, "control detection time expired", lab.now);
	settle();
	must_say("BFD: control detection time expired; NOTIFICATION sent: Cease 6/10");
	pass(MINUTE);
	lab.wire[1][BGP_OUTGOING].cut = lab.wire[1][BGP_INCOMING].cut = true;
	pass(2 * MINUTE);
	must_say("hold timer expired: nothing heard for 30 s; NOTIFICATION sent: ");
	bgp_neighbor_stop(lab.hub, 1, lab.now);
	settle();
	bgp_neighbor_delete(lab.hub, 1, lab.now);

	join(3);
	pass(MINUTE);
	forget_what_was_said();
	bgp_tunnel_set(lab.hub, 3, false, lab.now);
	settle();
	must_say("DOWN - the tunnel is down; NOTIFICATION sent: Cease 6/2");
	bgp_tunnel_set(lab.hub, 3, true, lab.now);
	pass(MINUTE);
	bgp_neighbor_stop(lab.hub, 3, lab.now);
	settle();
	must_say("NOTIFICATION sent: Cease 6/3");
}

static void prefix_limit(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);

	(void)state;
	n.max_prefixes_in = 4;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	join(0);
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	announce(0, "10.1.0.0/24", true);
	announce(0, "10.1.1.0/24", true);
	announce(0, "10.1.2.0/24", true);
	pass(MINUTE);
	must_say("UP - 3 IPv4 prefixes received, 4 allowed\n");
	announce(0, "10.1.3.0/24", true);
	announce(0, "10.1.4.0/24", true);
	pass(CLOCK_SECOND);
	must_say("DOWN - prefix limit exceeded: 5 IPv4 prefixes received, 4 allowed; no session "
		 "for 60 s; NOTIFICATION sent: Cease 6/1");
	assert_in_range(lab.hub_state[0].refused_until, lab.now + 58 * CLOCK_SECOND,
		lab.now + 60 * CLOCK_SECOND);
}

static void limit_out(void **state)
{
	struct bgp_neighbor n = hub_neighbor(2);

	(void)state;
	n.max_prefixes_out = 1;
	join(0);
	join(2);
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_null(strstr(said, "held back"));
	announce(0, "10.1.1.0/24", true);
	pass(CLOCK_SECOND);
	must_say("UP - more than 1 IPv4 prefixes to announce: the others are held back\n");
}

/* An UPDATE for 10.7.0.0/16 as the site would write it, by another hand. */
static void send_route(const char *next_hop, uint32_t second_as)
{
	struct attr_draft d = {.path = {.len = 10, .bytes = {AS_SEQUENCE, 2}}};
	struct attr_export x = {.local_as = 0, .four_octet_as = true};
	struct ip_addr hop = address(next_hop, 0);
	uint8_t bytes[512], nlri[] = {16, 10, 7};
	struct wr path = wr_init(d.path.bytes + 2, 8), w = wr_init(bytes, sizeof(bytes));
	struct bgp_session *s = peer_established(lab.hub->peers[0]);
	struct attr_store store;
	struct attrs *a;

	wr_u32(&path, second_as);
	wr_u32(&path, 65555);
	x.local_as = site_as(0);
	attr_store_init(&store, 1);
	a = attr_intern(&store, &d);
	update_encode_reach(&w, BGP_IPV4, a, &x, &hop, nlri, sizeof(nlri));
	attr_unref(&store, a);
	attr_store_fini(&store);
	bgp_receive(lab.hub, 0, s->direction, bytes, wr_len(&w), lab.now);
	settle();
}

static void denials(void **state)
{
	struct ip_prefix p = prefix("10.7.0.0/16");

	(void)state;
	join(0);
	pass(MINUTE);
	send_route("169.254.0.2", 64999);
	must_say("ADVERTISED 10.7.0.0/16 \n");
	assert_non_null(rib_find(&lab.hub->rib, &p)->best);
	send_route("9.9.9.9", 64999); /* takes the place of the other, and is not used */
	must_say("WITHDRAWN 10.7.0.0/16 its next hop is not connected\n");
	assert_null(rib_find(&lab.hub->rib, &p));
	send_route("169.254.0.1", 64999); /* our own address */
	must_say("ADVERTISED 10.7.0.0/16 its next hop is not connected\n");
	send_route("169.254.0.2", HUB_AS);
	must_say("ADVERTISED 10.7.0.0/16 its AS path contains our own AS\n");
	pass(2 * CLOCK_SECOND);
	assert_int_equal(lab.hub_state[0].counts.denied, 3);
	assert_int_equal(lab.hub_state[0].state, FSM_ESTABLISHED);
}

/* A flood of routes fills their own share of the log: how it ended is said all the same. */
static void routes_do_not_silence_the_session(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);
	char text[32];

	(void)state;
	n.max_prefixes_in = 200;
	join(0);
	change(&n);
	pass(MINUTE);
	forget_what_was_said();
	for (int i = 0; i < 250; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.0/24", 1 + i / 200, i % 200);
		announce(0, text, true);
	}
	pass(CLOCK_SECOND);
	must_say("prefix limit exceeded: 201 IPv4 prefixes received, 200 allowed");
	must_say("DOWN - state Established -> Idle");
}

/* Another password holds for segments of another connection only. */
static void another_password_ends_the_session(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);
	uint32_t before;

	(void)state;
	n.passive = true;
	join(0);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	before = lab.connections;
	for (uint64_t print = 7; print < 9; print++) { /* added, changed */
		n.password_print = print;
		forget_what_was_said();
		change(&n);
		pass(MINUTE);
		must_say("bgp_password was changed; NOTIFICATION sent: Cease 6/6");
		assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
		assert_true(lab.connections > before);
		before = lab.connections;
		change(&n); /* the same again */
		pass(MINUTE);
		assert_int_equal(lab.connections, before);
	}
}

/* Nobody comes: what is shown is no sentence of before, and after a while it is said. */
static void a_session_that_never_comes_up_is_spoken_of(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);

	(void)state;
	lab.site_connects = lab.hub_connects = false;
	n.passive = true;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	pass(20 * CLOCK_SECOND);
	assert_non_null(strstr(lab.hub_state[0].detail, "waiting for the site to connect"));
	assert_int_equal(said_len, 0);
	pass(20 * CLOCK_SECOND);
	must_say("no session for 30 s: waiting for the site to connect");
	forget_what_was_said();
	pass(5 * MINUTE);
	assert_int_equal(said_len, 0);
	n.password_print = 7; /* long after the tunnel came up */
	change(&n);
	pass(CLOCK_SECOND);
	assert_non_null(strstr(lab.hub_state[0].detail,
		"bgp_password was changed; since then: waiting for the site to connect"));
	pass(MINUTE);
	must_say("no session for 30 s: bgp_password was changed; since then: waiting for the site");
	bgp_tunnel_set(lab.hub, 0, false, lab.now);
	pass(CLOCK_SECOND);
	assert_string_equal(lab.hub_state[0].detail, "the tunnel is down");
	n.passive = false;
	change(&n);
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	pass(MINUTE);
	must_say("no session for 30 s: refused");
	assert_null(strstr(lab.hub_state[0].detail, "tunnel is down"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_session_and_its_routes, set_up, lab_tear_down),
		cmocka_unit_test_setup_teardown(ends_of_sessions, set_up, lab_tear_down),
		cmocka_unit_test_setup_teardown(limit_out, set_up, lab_tear_down),
		cmocka_unit_test_setup_teardown(prefix_limit, set_up, lab_tear_down),
		cmocka_unit_test_setup_teardown(denials, set_up, lab_tear_down),
		cmocka_unit_test_setup_teardown(
			routes_do_not_silence_the_session, set_up, lab_tear_down),
		cmocka_unit_test_setup_teardown(
			another_password_ends_the_session, set_up, lab_tear_down),
		cmocka_unit_test_setup_teardown(
			a_session_that_never_comes_up_is_spoken_of, set_up, lab_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
