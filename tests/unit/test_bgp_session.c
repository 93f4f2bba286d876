/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of a speaker: how they come, collide, end, and come back. */
#include "bgp_lab.h"

#include "bgp/open.h"
#include "bgp/update.h"

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
	assert_true(hub_lacks("10.1.0.0/24"));
	assert_int_equal(lab.hub_state[0].error_code, NOTIFY_HOLD_TIMER);
	lab.wire[0][0] = lab.wire[0][1] = (struct wire){0};
	lab.hub_connects = true;
	pass(2 * MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
}

static void tunnel_down_ends_the_session_at_once(void **state)
{
	size_t heard;

	(void)state;
	join(0);
	join(1);
	join(2);
	announce(0, "10.1.0.0/24", true);
	announce(1, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0)); /* the lower tunnel */
	assert_int_equal(at(lab.hub, "10.1.0.0/24")->candidates.all, 2);
	assert_non_null(site_has(2, "10.1.0.0/24"));
	heard = lab.to_site[2];
	bgp_tunnel_set(lab.hub, 0, false, lab.now);
	settle();
	assert_true(hub_has("10.1.0.0/24", 1));
	assert_int_equal(lab.to_site[2], heard); /* others need not hear */
	assert_int_equal(hub_sees(0), FSM_IDLE);
	pass(MINUTE);
	assert_int_equal(hub_sees(0), FSM_IDLE); /* nobody is let in */
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
}

/* The hub expects another AS than the site has; the neighbor to change. */
static struct bgp_neighbor minute_of_wrong_as(void)
{
	struct bgp_neighbor n = hub_neighbor(0);

	n.remote_as = 65099;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	site_start(0, 7);
	pass(MINUTE);
	return n;
}

static void wrong_as_is_refused(void **state)
{
	struct bgp_neighbor n = minute_of_wrong_as();

	(void)state;
	assert_int_not_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_int_equal(lab.hub_state[0].error_code, NOTIFY_OPEN);
	assert_int_equal(lab.hub_state[0].error_subcode, OPEN_BAD_PEER_AS);
	assert_string_equal(
		lab.hub_state[0].detail, "OPEN refused: remote AS is 65010, expected 65099");
	assert_int_equal(lab.hub_state[0].why, BGP_WHY_WRONG_AS);
	n.remote_as = site_as(0);
	change(&n);
	pass(2 * MINUTE);
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
}

/* What an attempt after it comes to says less than why there is no session: it is added. */
static void a_symptom_does_not_hide_the_cause(void **state)
{
	struct bgp_neighbor n = minute_of_wrong_as();
	const struct bgp_effect_state *shown = &lab.hub_state[0];

	(void)state;
	lab.hub_connects = lab.site_connects = false;
	pass(3 * MINUTE);
	assert_string_equal(shown->detail,
		"OPEN refused: remote AS is 65010, expected 65099; since then: refused");
	assert_int_equal(shown->why, BGP_WHY_WRONG_AS);
	assert_int_equal(shown->unanswered_since, 0); /* a refusal is an answer */
	n.remote_as = site_as(0);
	change(&n);
	assert_int_equal(bgp_run(lab.hub, lab.now), false);
	pass(CLOCK_SECOND);
	assert_string_equal(
		shown->detail, "the neighbour's configuration was changed; since then: refused");
	assert_int_equal(shown->why, BGP_WHY_OTHER);
	assert_int_equal(shown->error_at, 0); /* of an attempt with another configuration */
	bgp_tunnel_set(lab.hub, 0, false, lab.now);
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	pass(CLOCK_SECOND);
	assert_string_equal(shown->detail, "refused");
	assert_int_equal(shown->why, BGP_WHY_REFUSED);
	lab.hub_connects = lab.site_connects = true;
	pass(2 * MINUTE);
	assert_int_equal(shown->state, FSM_ESTABLISHED);
	assert_string_equal(shown->detail, "");
}

/* Nothing comes back: since when is known, until something does. */
static void attempts_without_an_answer_are_known(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);
	uint64_t began = lab.now;
	struct bgp_effect e;

	(void)state;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	for (int i = 0; i < 40; i++) { /* what it asks for goes nowhere */
		lab.now += CLOCK_SECOND;
		(void)bgp_run(lab.hub, lab.now);
		while (bgp_next_effect(lab.hub, &e))
			if (e.type == BGP_EFFECT_STATE)
				lab.hub_state[0] = e.state;
	}
	assert_in_range(lab.hub_state[0].unanswered_since, began, began + CLOCK_SECOND);
	assert_string_equal(lab.hub_state[0].detail, "no connection yet");
	assert_int_equal(lab.hub_state[0].why, BGP_WHY_UNANSWERED);
	bgp_closed(lab.hub, 0, BGP_OUTGOING, BGP_WHY_RESET, "refused", lab.now);
	settle();
	assert_int_equal(lab.hub_state[0].unanswered_since, 0);
	n.passive = true;
	change(&n);
	bgp_tunnel_set(lab.hub, 0, false, lab.now);
	began = lab.now;
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	settle();
	assert_int_equal(lab.hub_state[0].unanswered_since, began);
	bgp_connected(lab.hub, 0, BGP_INCOMING, lab.now);
	settle();
	assert_int_equal(lab.hub_state[0].unanswered_since, 0);
	/* It comes to nothing: the hub, which starts none itself, waits again. */
	lab.now += CLOCK_SECOND;
	bgp_closed(lab.hub, 0, BGP_INCOMING, BGP_WHY_RESET, "reset", lab.now);
	settle();
	assert_int_equal(lab.hub_state[0].unanswered_since, lab.now);
}

/* What was said last is known after the tunnel's end, too, and until there is a session again. */
static void the_last_notification_outlives_the_tunnel(void **state)
{
	(void)state;
	join(0);
	pass(10 * CLOCK_SECOND);
	assert_int_equal(lab.hub_state[0].state, FSM_ESTABLISHED);
	bgp_tunnel_set(lab.hub, 0, false, lab.now);
	settle();
	assert_int_equal(lab.hub_state[0].error_code, NOTIFY_CEASE);
	assert_int_equal(lab.hub_state[0].error_subcode, CEASE_SHUTDOWN);
	assert_true(lab.hub_state[0].error_at > 0);
}

/* The connection of a session is closed, as when the peer's BGP ends; then its port is. */
static void a_closed_port_says_more_than_a_closed_connection(void **state)
{
	(void)state;
	join(0);
	pass(10 * CLOCK_SECOND);
	lab.hub_connects = lab.site_connects = false;
	for (enum bgp_direction d = 0; d < BGP_DIRECTIONS; d++)
		bgp_closed(lab.hub, 0, d, BGP_WHY_RESET, "closed", lab.now);
	pass(MINUTE);
	assert_string_equal(lab.hub_state[0].detail, "closed; since then: refused");
	assert_int_equal(lab.hub_state[0].why, BGP_WHY_REFUSED);
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

/* RFC 8654 4: who takes long messages says so; who sends them need not. */
static void long_messages_of_any_peer(void **state)
{
	static uint8_t nlri[6000], bytes[8192];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct bgp_session *s;

	(void)state;
	for (size_t i = 0; i < sizeof(nlri); i += 4)
		nlri[i] = 24;
	join(0);
	pass(MINUTE);
	s = peer_established(speaker_peer(lab.hub, 0));
	for (int offered = 1; offered >= 0; offered--) {
		s->remote.extended_message = offered;
		w = wr_init(bytes, sizeof(bytes));
		update_encode_unreach(&w, BGP_IPV4, nlri, sizeof(nlri));
		bgp_receive(lab.hub, 0, s->direction, bytes, wr_len(&w), lab.now);
		settle();
		assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	}
}

/*
 * RFC 9687: a peer that says all the time that it is alive, but reads nothing, except for one byte
 * after some seconds. Returns how long that goes well.
 */
static int takes_nothing(uint16_t hold_s, int one_byte_after)
{
	struct ip_prefix lan = prefix("172.16.0.0/16");
	enum bgp_direction used;
	int seconds = 0;
	uint8_t out[64];

	site_start(0, 100);
	lab.hub->config.hold_s = lab.site[0]->config.hold_s = hold_s;
	join(0);
	pass(MINUTE);
	used = open_wire(0);
	assert_int_equal(lab.hub->peers[0]->sessions[used].hold_s, hold_s);
	bgp_network_set(lab.hub, &lan, true);
	lab.wire[0][used].cut = true;
	lab.hub_connects = lab.site_connects = false;
	for (; seconds < 10000 && hub_sees(0) == FSM_ESTABLISHED; seconds++) {
		struct wr w = wr_init(out, sizeof(out));

		if (seconds == one_byte_after)
			bgp_sent(lab.hub, 0, used, 1, lab.now);
		bgp_message_encode_keepalive(&w);
		bgp_receive(lab.hub, 0, used, out, wr_len(&w), lab.now);
		pass(CLOCK_SECOND);
	}
	assert_string_equal(
		lab.hub_state[0].detail, "send hold timer expired: the peer takes no data");
	assert_int_equal(
		lab.hub_state[0].error_code, NOTIFY_NONE); /* it would not read that either */
	return seconds;
}

static void send_hold_ends_a_session_that_takes_nothing(void **state)
{
	static const struct {
		uint16_t hold_s;
		int one_byte_after, seconds;
	} rows[] = {
		{90, -1, SEND_HOLD_S},
		{240, -1, SEND_HOLD_S},
		{241, -1, 482}, /* twice the hold time where that is more */
		{600, -1, 1200},
		{90, 300, 300 + SEND_HOLD_S}, /* any progress starts it again */
		{0, -1, SEND_HOLD_S},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lab_set_up(state);
		assert_in_range(takes_nothing(rows[i].hold_s, rows[i].one_byte_after),
			rows[i].seconds - 1, rows[i].seconds + 2);
		lab_tear_down(state);
	}
}

/* A device that was set up for IPv6 only, at a tunnel that has no IPv6 addresses. */
static void a_session_without_a_family_says_so(void **state)
{
	struct bgp_open open = {.as = site_as(0),
		.hold_s = 90,
		.identifier = 5,
		.family = {[BGP_IPV6] = true},
		.four_octet_as = true};
	struct bgp_neighbor n = hub_neighbor(0);
	uint8_t bytes[128];
	struct wr w = wr_init(bytes, sizeof(bytes));

	(void)state;
	n.local6 = n.peer6 = (struct ip_addr){0};
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	bgp_connected(lab.hub, 0, BGP_INCOMING, lab.now);
	open_encode(&open, &w);
	bgp_message_encode_keepalive(&w);
	bgp_receive(lab.hub, 0, BGP_INCOMING, bytes, wr_len(&w), lab.now);
	settle();
	assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	assert_string_equal(lab.hub_state[0].detail,
		"no routes are exchanged: both ends offer no address family in common");
}

static void failures_are_repeated_less_and_less(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);
	uint32_t first, later;

	(void)state;
	n.remote_as = 65099;
	lab.site_connects = false;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	site_start(0, 7);
	pass(2 * MINUTE);
	first = lab.connections;
	pass(2 * MINUTE);
	later = lab.connections - first;
	assert_true(first >= 4);
	assert_true(later <= 3); /* one a minute at last */
	assert_true(later >= 1);
}

static void a_steady_session_comes_back_soon(void **state)
{
	(void)state;
	join(0);
	lab.site_connects = false;
	for (int i = 0; i < 6; i++) {
		pass(2 * MINUTE);
		assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
		lab.wire[0][BGP_OUTGOING].open = false;
		bgp_closed(lab.hub, 0, BGP_OUTGOING, BGP_WHY_RESET, "cut", lab.now);
		bgp_closed(lab.site[0], 0, BGP_INCOMING, BGP_WHY_RESET, "cut", lab.now);
		settle();
		assert_int_not_equal(hub_sees(0), FSM_ESTABLISHED);
		pass((CONNECT_RETRY_S + 1) * CLOCK_SECOND);
		assert_int_equal(hub_sees(0), FSM_ESTABLISHED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(establishes_either_way),
		lab_test(collision_keeps_the_larger_identifier),
		lab_test(hold_timer_ends_a_silent_session),
		lab_test(tunnel_down_ends_the_session_at_once),
		lab_test(wrong_as_is_refused),
		lab_test(a_symptom_does_not_hide_the_cause),
		lab_test(attempts_without_an_answer_are_known),
		lab_test(the_last_notification_outlives_the_tunnel),
		lab_test(a_closed_port_says_more_than_a_closed_connection),
		lab_test(removed_neighbour_takes_its_routes),
		lab_test(garbage_ends_the_session_only),
		lab_test(long_messages_of_any_peer),
		cmocka_unit_test(send_hold_ends_a_session_that_takes_nothing),
		lab_test(a_session_without_a_family_says_so),
		lab_test(failures_are_repeated_less_and_less),
		lab_test(a_steady_session_comes_back_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
