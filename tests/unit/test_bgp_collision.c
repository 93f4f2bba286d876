/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two connections at a time (RFC 4271 6.8), when the hub has started again and the peer waits with
 * stale routes (RFC 4724 4.2). The peer is a model that forgives nothing: a NOTIFICATION on the
 * connection that it has as Established, or a new connection that it accepts then, makes it forget.
 */
#include "bgp_lab.h"

#include "bgp/open.h"

#define PEER_AS        site_as(0)
#define IN_FLIGHT_MAX  64
#define RETRY_NS       CLOCK_SECOND
#define HUB_IDENTIFIER 0x0a0a0a0au

enum what { BYTES, CLOSED, ACCEPT, CONNECTED };

/* Something on its way, on a connection named as the hub names it. */
struct flight {
	uint64_t at;
	bool to_hub;
	enum bgp_direction d;
	unsigned int generation; /* of the connection: what is late for an older one is dropped */
	enum what what;
	size_t len;
	uint8_t bytes[256];
};

static struct {
	uint64_t random, delay_max;
	uint32_t identifier;
	enum fsm_state state[BGP_DIRECTIONS];
	unsigned int generation[BGP_DIRECTIONS];
	uint64_t last[2][BGP_DIRECTIONS]; /* arrival of what was sent last, each way */
	uint64_t connect_at;
	unsigned int forgot;
	bool deaf;                    /* does not answer the hub's connections */
	char ended[REASON_TEXT_SIZE]; /* what the hub has said of the last connection to end */
	struct flight flights[IN_FLIGHT_MAX];
	unsigned int count;
} peer;

static uint64_t draw(uint64_t below)
{
	peer.random = peer.random * 6364136223846793005u + 1442695040888963407u;
	return (peer.random >> 33) % below;
}

static struct flight *launch(bool to_hub, enum bgp_direction d, enum what what)
{
	uint64_t at = lab.now + draw(peer.delay_max) + 1;
	uint64_t *last = &peer.last[to_hub][d];

	assert_true(peer.count < IN_FLIGHT_MAX);
	*last = at > *last ? at : *last + 1;
	peer.flights[peer.count] = (struct flight){.at = *last,
		.to_hub = to_hub,
		.d = d,
		.what = what,
		.generation = peer.generation[d]};
	return &peer.flights[peer.count++];
}

static void peer_says(enum bgp_direction d, const struct wr *w)
{
	struct flight *f = launch(true, d, BYTES);

	assert_false(w->bad);
	f->len = wr_len(w);
	memcpy(f->bytes, w->start, f->len);
}

static void peer_says_open(enum bgp_direction d)
{
	struct bgp_open open = {.as = PEER_AS,
		.hold_s = 90,
		.identifier = peer.identifier,
		.family = {true, true},
		.four_octet_as = true,
		.graceful_restart = true,
		.restart_time_s = 120};
	uint8_t bytes[256];
	struct wr w = wr_init(bytes, sizeof(bytes));

	open_encode(&open, &w);
	peer_says(d, &w);
	peer.state[d] = FSM_OPEN_SENT;
}

static void peer_says_keepalive(enum bgp_direction d)
{
	uint8_t bytes[32];
	struct wr w = wr_init(bytes, sizeof(bytes));

	bgp_message_encode_keepalive(&w);
	peer_says(d, &w);
}

/* Closes, with Cease/7 before if it has spoken there. */
static void peer_gives_up(enum bgp_direction d, bool with_a_word)
{
	struct bgp_notify n = notify_make(NOTIFY_CEASE, CEASE_COLLISION);
	uint8_t bytes[32];
	struct wr w = wr_init(bytes, sizeof(bytes));

	if (with_a_word) {
		bgp_message_encode_notify(&w, &n);
		peer_says(d, &w);
	}
	if (peer.state[d] == FSM_ESTABLISHED)
		peer.forgot++;
	launch(true, d, CLOSED);
	peer.state[d] = FSM_IDLE;
}

static void peer_hears_open(enum bgp_direction d)
{
	enum bgp_direction other = !d;
	bool peer_wins = peer.identifier > HUB_IDENTIFIER;

	assert_int_equal(peer.state[d], FSM_OPEN_SENT);
	if (peer.state[other] == FSM_CONNECT)
		peer_gives_up(other, false);
	if (peer.state[other] == FSM_ESTABLISHED ||
		(peer.state[other] == FSM_OPEN_CONFIRM && peer_wins != (d == BGP_INCOMING))) {
		peer_gives_up(d, true);
		return;
	}
	if (peer.state[other] == FSM_OPEN_CONFIRM)
		peer_gives_up(other, true);
	peer.state[d] = FSM_OPEN_CONFIRM;
	peer_says_keepalive(d);
}

static void peer_hears(enum bgp_direction d, const uint8_t *bytes, size_t len)
{
	struct bgp_message m;
	struct bgp_notify error;

	for (size_t at = 0; at < len && peer.state[d] >= FSM_OPEN_SENT; at += m.len) {
		assert_int_equal(bgp_message_decode(bytes + at, len - at, true, &m, &error),
			MESSAGE_COMPLETE);
		if (m.type == MESSAGE_OPEN) {
			peer_hears_open(d);
		} else if (m.type == MESSAGE_KEEPALIVE && peer.state[d] == FSM_OPEN_CONFIRM) {
			peer.state[d] = FSM_ESTABLISHED;
		} else if (m.type == MESSAGE_NOTIFICATION) {
			assert_int_equal(bytes[at + 19], NOTIFY_CEASE);
			peer_gives_up(d, false);
		}
	}
}

/* A connection of the hub's reaches the peer's process. */
static void peer_accepts(void)
{
	if (peer.state[BGP_INCOMING] == FSM_ESTABLISHED) /* the hub has started once more */
		peer_gives_up(BGP_INCOMING, false);
	assert_int_not_equal(peer.state[BGP_OUTGOING], FSM_ESTABLISHED);
	peer_says_open(BGP_OUTGOING);
}

static void hub_accepts(void)
{
	struct bgp_neighbor n = hub_neighbor(0);
	uint32_t tunnel;

	if (!bgp_may_accept(lab.hub, &n.local4, &n.peer4, lab.now, &tunnel)) {
		launch(false, BGP_INCOMING, CLOSED);
		return;
	}
	launch(false, BGP_INCOMING, CONNECTED);
	bgp_connected(lab.hub, 0, BGP_INCOMING, lab.now);
}

static void arrive(const struct flight *f)
{
	if (f->generation != peer.generation[f->d])
		return;
	if (f->to_hub && f->what == BYTES)
		bgp_receive(lab.hub, 0, f->d, f->bytes, f->len, lab.now);
	else if (f->to_hub && f->what == CLOSED)
		bgp_closed(lab.hub, 0, f->d, BGP_WHY_RESET, "closed by the peer", lab.now);
	else if (f->to_hub && f->what == CONNECTED)
		bgp_connected(lab.hub, 0, BGP_OUTGOING, lab.now);
	else if (f->to_hub)
		hub_accepts();
	else if (f->what == ACCEPT)
		peer_accepts();
	else if (f->what == CONNECTED && peer.state[f->d] == FSM_CONNECT)
		peer_says_open(f->d);
	else if (f->what == BYTES)
		peer_hears(f->d, f->bytes, f->len);
	else if (f->what == CLOSED && peer.state[f->d] != FSM_IDLE)
		peer_gives_up(f->d, false);
}

static void take_output(void)
{
	for (enum bgp_direction d = 0; d < BGP_DIRECTIONS; d++) {
		size_t len;
		const uint8_t *bytes = bgp_output(lab.hub, 0, d, &len);
		struct flight *f;

		if (!len)
			continue;
		f = launch(false, d, BYTES);
		f->len = len;
		assert_true(len <= sizeof(f->bytes));
		memcpy(f->bytes, bytes, len);
		bgp_sent(lab.hub, 0, d, len, lab.now);
	}
}

static void hub_effects(void)
{
	struct bgp_effect e;

	take_output();
	while (bgp_next_effect(lab.hub, &e)) {
		if (e.type == BGP_EFFECT_CONNECT) {
			peer.generation[BGP_OUTGOING]++;
			peer.state[BGP_OUTGOING] = FSM_IDLE;
			if (peer.deaf)
				continue;
			launch(false, BGP_OUTGOING, ACCEPT);
			launch(true, BGP_OUTGOING, CONNECTED);
		} else if (e.type == BGP_EFFECT_CLOSE) {
			launch(false, e.direction, CLOSED);
		} else if (e.type == BGP_EFFECT_EVENT && strstr(e.event.details, "-> Idle")) {
			snprintf(peer.ended, sizeof(peer.ended), "%s", e.event.details);
		}
	}
}

static void peer_timer(void)
{
	bool alone = peer.state[0] == FSM_IDLE && peer.state[1] == FSM_IDLE;

	if (!alone) {
		peer.connect_at = lab.now + RETRY_NS;
	} else if (lab.now >= peer.connect_at) {
		peer.connect_at = lab.now + RETRY_NS;
		peer.generation[BGP_INCOMING]++;
		peer.state[BGP_INCOMING] = FSM_CONNECT;
		launch(true, BGP_INCOMING, ACCEPT);
	}
}

/* The next thing that arrives, if any is due. */
static bool take_due(struct flight *f)
{
	unsigned int first = 0;

	for (unsigned int i = 1; i < peer.count; i++) {
		if (peer.flights[i].at < peer.flights[first].at)
			first = i;
	}
	if (!peer.count || peer.flights[first].at > lab.now)
		return false;
	*f = peer.flights[first];
	peer.flights[first] = peer.flights[--peer.count];
	return true;
}

static uint64_t next_event(uint64_t at)
{
	uint64_t timer = bgp_next_timer(lab.hub);

	at = timer < at ? timer : at;
	at = peer.connect_at < at ? peer.connect_at : at;
	for (unsigned int i = 0; i < peer.count; i++)
		at = peer.flights[i].at < at ? peer.flights[i].at : at;
	return at > lab.now ? at : lab.now + 1;
}

static void run_for(uint64_t duration)
{
	uint64_t until = lab.now + duration;
	struct flight f;

	while (lab.now < until) {
		lab.now = next_event(until);
		peer_timer();
		while (take_due(&f)) {
			arrive(&f);
			hub_effects();
		}
		bgp_run(lab.hub, lab.now);
		hub_effects();
	}
}

static void meet(uint64_t seed, uint32_t identifier)
{
	struct bgp_neighbor n = hub_neighbor(0);
	struct bgp_config config = lab.hub->config;

	memset(&peer, 0, sizeof(peer));
	peer.random = seed * 2 + 1;
	peer.identifier = identifier;
	peer.delay_max = (1 + draw(500)) * CLOCK_MILLISECOND;
	peer.state[0] = peer.state[1] = FSM_IDLE;
	config.graceful_restart = config.restarted = true;
	bgp_free(lab.hub);
	lab.hub = bgp_new(seed);
	bgp_configure(lab.hub, &config, lab.now);
	n.was_up = true;
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 0, true, lab.now);
	peer.connect_at = lab.now + draw(peer.delay_max);
}

static void a_restart_is_never_taken_for_two(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 10000; seed++) {
		meet(seed, seed & 1 ? 0xf0000000 : 5);
		run_for(20 * CLOCK_SECOND);
		if (peer.forgot)
			fail_msg("seed %u: the peer forgot its routes", (unsigned int)seed);
		assert_non_null(peer_established(lab.hub->peers[0]));
		assert_int_equal(peer.state[peer_established(lab.hub->peers[0])->direction],
			FSM_ESTABLISHED);
	}
}

/* Behind a filter that lets nobody in, say: the peer's own connection need not wait for long. */
static void ours_may_come_to_nothing(void **state)
{
	const struct bgp_session *ours, *theirs;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		meet(seed, seed & 1 ? 0xf0000000 : 5);
		ours = &lab.hub->peers[0]->sessions[BGP_OUTGOING];
		theirs = &lab.hub->peers[0]->sessions[BGP_INCOMING];
		peer.deaf = true;
		for (int ms = 0; theirs->waiting_since == CLOCK_NEVER; ms++) {
			assert_true(ms < 3000);
			run_for(CLOCK_MILLISECOND);
		}
		run_for((RIVAL_SYN_WAIT_S * 1000 - 5) * CLOCK_MILLISECOND);
		assert_int_equal(theirs->state, FSM_OPEN_SENT);
		assert_int_equal(ours->state, FSM_CONNECT);
		run_for(10 * CLOCK_MILLISECOND + 2 * peer.delay_max);
		assert_int_equal(peer.state[BGP_INCOMING], FSM_ESTABLISHED);
		assert_int_equal(ours->state, FSM_IDLE);
		assert_string_equal(peer.ended, "state Connect -> Idle: there are two connections, "
						"and this one is not kept");
		run_for(20 * CLOCK_SECOND); /* less than the hold time: it knows no keepalives */
		assert_int_equal(ours->state, FSM_IDLE);
		assert_int_equal(peer.forgot, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(a_restart_is_never_taken_for_two),
		lab_test(ours_may_come_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
