/* SPDX-License-Identifier: Apache-2.0 */
/* BFD: the packet, every cell of the state machine, timers, and two sessions over a lossy wire. */
#include "base/clock.h"
#include "bgp/bfd/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define MS CLOCK_MILLISECOND

static const struct bfd_config fast = {.interval_us = 100000, .multiplier = 3};

static struct bfd_packet packet_from(uint8_t state, uint32_t yours)
{
	return (struct bfd_packet){.state = state,
		.multiplier = 3,
		.mine = 77,
		.yours = yours,
		.desired_tx_us = 100000,
		.required_rx_us = 100000};
}

static enum bfd_verdict decode(const uint8_t *bytes, size_t len, struct bfd_packet *p)
{
	return bfd_packet_decode(rd_init(bytes, len), p);
}

static void test_round_trip(void **state)
{
	struct bfd_packet p = packet_from(BFD_UP, 0x01020304), q;
	uint8_t bytes[64];
	struct wr w = wr_init(bytes, sizeof(bytes));

	(void)state;
	p.poll = p.demand = true;
	p.diag = BFD_DIAG_ADMIN_DOWN;
	p.required_echo_us = 9;
	bfd_packet_encode(&p, &w);
	assert_false(w.bad);
	assert_int_equal(wr_len(&w), BFD_PACKET_SIZE);
	assert_int_equal(bytes[0], 0x27);
	assert_int_equal(bytes[1], 0xe2);
	assert_int_equal(bytes[3], 24);
	assert_int_equal(decode(bytes, wr_len(&w), &q), BFD_FINE);
	assert_memory_equal(&p, &q, sizeof(p));
	/* A longer datagram is fine: the length field counts. */
	assert_int_equal(decode(bytes, 40, &q), BFD_FINE);
}

/* RFC 5880 6.8.6, the checks in its order. */
static void test_refused(void **state)
{
	static const struct {
		int at;
		uint8_t value;
		enum bfd_verdict verdict;
	} cases[] = {
		{0, 0x00, BFD_BAD_VERSION},
		{0, 0x47, BFD_BAD_VERSION},
		{3, 23, BFD_BAD_LENGTH},
		{3, 25, BFD_BAD_LENGTH},
		{2, 0, BFD_BAD_MULTIPLIER},
		{1, 0xc1, BFD_MULTIPOINT},
		{7, 0, BFD_BAD_MINE},
		{11, 0, BFD_BAD_YOURS},
		{1, 0xc4, BFD_AUTHENTICATED},
	};
	struct bfd_packet p = packet_from(BFD_UP, 5), q = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[BFD_PACKET_SIZE];
		struct wr w = wr_init(bytes, sizeof(bytes));

		bfd_packet_encode(&p, &w);
		bytes[cases[i].at] = cases[i].value;
		assert_int_equal(decode(bytes, sizeof(bytes), &q), cases[i].verdict);
	}
	for (size_t len = 0; len < BFD_PACKET_SIZE; len++) {
		uint8_t bytes[BFD_PACKET_SIZE] = {0x20, 0xc0, 3, 24};

		assert_int_equal(decode(bytes, len, &q), BFD_BAD_LENGTH);
	}
}

/* RFC 5880 6.2 and 6.8.6: what becomes of our state when the peer says its own. */
static void test_every_cell(void **state)
{
	static const uint8_t expected[BFD_STATES][BFD_STATES] = {
		/* the peer:       AdminDown       Down            Init            Up */
		[BFD_ADMIN_DOWN] = {BFD_ADMIN_DOWN, BFD_ADMIN_DOWN, BFD_ADMIN_DOWN, BFD_ADMIN_DOWN},
		[BFD_DOWN] = {BFD_DOWN, BFD_INIT, BFD_UP, BFD_DOWN},
		[BFD_INIT] = {BFD_DOWN, BFD_INIT, BFD_UP, BFD_UP},
		[BFD_UP] = {BFD_DOWN, BFD_DOWN, BFD_UP, BFD_UP},
	};

	(void)state;
	for (int own = 0; own < BFD_STATES; own++) {
		for (uint8_t peer = 0; peer < BFD_STATES; peer++) {
			struct bfd_session s;
			struct bfd_packet p = packet_from(peer, 9);

			bfd_session_init(&s, &fast, 9, 1, 0);
			s.state = (enum bfd_state)own;
			bfd_session_receive(&s, &p, MS);
			assert_int_equal(s.state, expected[own][peer]);
			if (own != BFD_DOWN && own != BFD_ADMIN_DOWN && s.state == BFD_DOWN)
				assert_int_equal(s.diag, BFD_DIAG_NEIGHBOR_DOWN);
		}
	}
}

static void raise_session(struct bfd_session *s, uint64_t now)
{
	struct bfd_packet p = packet_from(BFD_INIT, 9);

	bfd_session_init(s, &fast, 9, 12345, now);
	bfd_session_receive(s, &p, now);
	assert_int_equal(s->state, BFD_UP);
}

/* RFC 5880 6.8.4: three times the larger interval, and not a moment earlier. */
static void test_detection(void **state)
{
	struct bfd_session s;

	(void)state;
	raise_session(&s, 0);
	assert_int_equal(bfd_session_detection(&s), 300 * MS);
	bfd_session_timers(&s, 300 * MS - 1);
	assert_int_equal(s.state, BFD_UP);
	bfd_session_timers(&s, 300 * MS);
	assert_int_equal(s.state, BFD_DOWN);
	assert_int_equal(s.diag, BFD_DIAG_TIME_EXPIRED);
	assert_int_equal(s.remote_discriminator, 0);
	assert_int_equal(s.desired_tx_us, BFD_SLOW_US);
}

static unsigned int count_output(struct bfd_session *s, uint64_t from, uint64_t to, uint64_t step)
{
	unsigned int n = 0;

	for (uint64_t now = from; now < to; now += step) {
		uint8_t bytes[BFD_PACKET_SIZE];
		struct wr w = wr_init(bytes, sizeof(bytes));

		while (bfd_session_output(s, now, &w)) {
			w = wr_init(bytes, sizeof(bytes));
			n++;
		}
	}
	return n;
}

/* RFC 5880 6.8.7: 75 to 100 percent of the interval; with multiplier 1, 75 to 90. */
static void test_jitter(void **state)
{
	struct bfd_session s;
	uint64_t smallest = UINT64_MAX, largest = 0, last = 0;

	(void)state;
	for (uint8_t multiplier = 1; multiplier <= 3; multiplier += 2) {
		uint64_t now = 0;

		raise_session(&s, now);
		s.config.multiplier = multiplier;
		s.polling = s.urgent = false;
		smallest = UINT64_MAX;
		largest = last = 0;
		for (int i = 0; i < 2000; i++) {
			uint8_t bytes[BFD_PACKET_SIZE];
			struct wr w = wr_init(bytes, sizeof(bytes));

			now = s.send_at;
			assert_true(bfd_session_output(&s, now, &w));
			if (i > 1 && now - last < smallest)
				smallest = now - last;
			if (i > 1 && now - last > largest)
				largest = now - last;
			last = now;
		}
		assert_in_range(smallest, 75 * MS, 77 * MS);
		assert_in_range(largest, multiplier == 1 ? 88 * MS : 98 * MS,
			multiplier == 1 ? 90 * MS : 100 * MS);
	}
}

/* RFC 5880 6.8.3: slow until Up; the change to fast is confirmed by a poll sequence. */
static void test_slow_then_fast(void **state)
{
	struct bfd_session s;
	struct bfd_packet p = packet_from(BFD_UP, 9), q;
	uint8_t bytes[BFD_PACKET_SIZE];
	struct wr w = wr_init(bytes, sizeof(bytes));

	(void)state;
	bfd_session_init(&s, &fast, 9, 1, 0);
	assert_in_range(count_output(&s, 0, 10000 * MS, MS), 10, 14);
	raise_session(&s, 0);
	assert_true(bfd_session_output(&s, 0, &w));
	assert_int_equal(decode(bytes, wr_len(&w), &q), BFD_FINE);
	assert_true(q.poll);
	assert_int_equal(q.desired_tx_us, 100000);
	assert_true(s.polling);
	p.final = true;
	bfd_session_receive(&s, &p, MS);
	assert_false(s.polling);
	assert_in_range(count_output(&s, MS, 250 * MS, MS), 2, 4);
}

/* RFC 5880 6.5: a poll is answered at once, with F and without P. */
static void test_poll_is_answered(void **state)
{
	struct bfd_session s;
	struct bfd_packet p = packet_from(BFD_UP, 9), q;
	uint8_t bytes[BFD_PACKET_SIZE];
	struct wr w = wr_init(bytes, sizeof(bytes));

	(void)state;
	raise_session(&s, 0);
	count_output(&s, 0, MS, MS);
	p.poll = true;
	bfd_session_receive(&s, &p, MS);
	assert_true(bfd_session_output(&s, MS, &w));
	assert_int_equal(decode(bytes, wr_len(&w), &q), BFD_FINE);
	assert_true(q.final);
	assert_false(q.poll);
}

/* A longer interval of ours is kept back until the peer has confirmed it, a shorter rx too. */
static void test_reconfigured(void **state)
{
	static const struct bfd_config slower = {.interval_us = 1000000, .multiplier = 3};
	struct bfd_session s;
	struct bfd_packet final = packet_from(BFD_UP, 9);

	(void)state;
	final.final = true;
	raise_session(&s, 0);
	bfd_session_receive(&s, &final, 0);
	assert_int_equal(bfd_session_interval_us(&s), 100000);
	bfd_session_configure(&s, &slower, MS);
	assert_true(s.polling);
	assert_int_equal(bfd_session_interval_us(&s), 100000);
	assert_int_equal(bfd_session_detection(&s), 3000 * MS);
	bfd_session_receive(&s, &final, 2 * MS);
	assert_int_equal(bfd_session_interval_us(&s), 1000000);
	bfd_session_configure(&s, &fast, 3 * MS);
	assert_int_equal(bfd_session_interval_us(&s), 100000);
	assert_int_equal(bfd_session_detection(&s), 3000 * MS);
	bfd_session_receive(&s, &final, 4 * MS);
	assert_int_equal(bfd_session_detection(&s), 300 * MS);
}

static void test_admin_down(void **state)
{
	struct bfd_session s;
	struct bfd_packet p = packet_from(BFD_UP, 9), q;
	uint8_t bytes[BFD_PACKET_SIZE];
	struct wr w = wr_init(bytes, sizeof(bytes));

	(void)state;
	raise_session(&s, 0);
	bfd_session_admin_down(&s, true, MS);
	assert_true(bfd_session_output(&s, MS, &w));
	assert_int_equal(decode(bytes, wr_len(&w), &q), BFD_FINE);
	assert_int_equal(q.state, BFD_ADMIN_DOWN);
	assert_int_equal(q.diag, BFD_DIAG_ADMIN_DOWN);
	bfd_session_receive(&s, &p, 2 * MS);
	assert_int_equal(s.state, BFD_ADMIN_DOWN);
	bfd_session_timers(&s, 10000 * MS);
	assert_int_equal(s.state, BFD_ADMIN_DOWN);
	bfd_session_admin_down(&s, false, 10001 * MS);
	assert_int_equal(s.state, BFD_DOWN);
}

/* RFC 5880 6.6: a peer in demand mode hears nothing but changes. RFC 5880 6.8.7: rx interval 0 too. */
static void test_peer_wants_quiet(void **state)
{
	struct bfd_session s;
	struct bfd_packet p = packet_from(BFD_UP, 9);

	(void)state;
	for (int demand = 0; demand < 2; demand++) {
		raise_session(&s, 0);
		p.final = true;
		p.demand = demand;
		p.required_rx_us = demand ? 100000 : 0;
		bfd_session_receive(&s, &p, 0);
		count_output(&s, 0, MS, MS);
		assert_int_equal(count_output(&s, MS, 1000 * MS, MS), 0);
	}
}

/* ---- two of them ---- */

struct pair {
	struct bfd_session s[2];
	enum bfd_state seen[2];
	uint64_t now, seed;
	unsigned int lose_percent;
	bool cut;
	unsigned int ups, downs;
};

static void pair_run(struct pair *p, uint64_t until)
{
	for (; p->now < until; p->now += MS) {
		for (int i = 0; i < 2; i++) {
			uint8_t bytes[BFD_PACKET_SIZE];
			struct wr w = wr_init(bytes, sizeof(bytes));
			struct bfd_packet q;

			bfd_session_timers(&p->s[i], p->now);
			while (bfd_session_output(&p->s[i], p->now, &w)) {
				p->seed = p->seed * 6364136223846793005u + 1442695040888963407u;
				w = wr_init(bytes, sizeof(bytes));
				if (p->cut || (p->seed >> 33) % 100 < p->lose_percent)
					continue;
				assert_int_equal(decode(bytes, sizeof(bytes), &q), BFD_FINE);
				if (!q.yours || q.yours == p->s[!i].local_discriminator)
					bfd_session_receive(&p->s[!i], &q, p->now);
			}
		}
		for (int i = 0; i < 2; i++) {
			p->ups += p->seen[i] != BFD_UP && p->s[i].state == BFD_UP;
			p->downs += p->seen[i] == BFD_UP && p->s[i].state != BFD_UP;
			p->seen[i] = p->s[i].state;
		}
	}
}

static struct pair pair_make(uint64_t seed)
{
	struct pair p = {.seed = seed};

	for (unsigned int i = 0; i < 2; i++)
		bfd_session_init(&p.s[i], &fast, 10 + i, seed + i, 0);
	return p;
}

static void test_pair(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct pair p = pair_make(seed);

		pair_run(&p, 5000 * MS);
		assert_int_equal(p.s[0].state, BFD_UP);
		assert_int_equal(p.s[1].state, BFD_UP);
		assert_int_equal(p.downs, 0);
		assert_int_equal(bfd_session_interval_us(&p.s[0]), 100000);
		assert_int_equal(bfd_session_detection(&p.s[1]), 300 * MS);
		assert_false(p.s[0].polling);

		uint64_t cut_at = p.now;

		p.cut = true;
		pair_run(&p, cut_at + 200 * MS);
		assert_int_equal(p.s[0].state, BFD_UP);
		pair_run(&p, cut_at + 310 * MS);
		assert_int_equal(p.s[0].state, BFD_DOWN);
		assert_int_equal(p.s[1].state, BFD_DOWN);
		p.cut = false;
		pair_run(&p, cut_at + 5000 * MS);
		assert_int_equal(p.s[0].state, BFD_UP);
		assert_int_equal(p.s[1].state, BFD_UP);
		assert_int_equal(p.downs, 2);
	}
}

/* With 5 % loss a session of multiplier 3 comes up always and stays up nearly always. */
static void test_lossy_pair(void **state)
{
	unsigned int downs = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct pair p = pair_make(seed);

		p.lose_percent = 5;
		pair_run(&p, 60000 * MS);
		assert_true(p.ups >= 2);
		downs += p.downs;
	}
	assert_true(downs < 40);
}

/* One side starts again with another discriminator: the other finds it anew. */
static void test_restarted_peer(void **state)
{
	struct pair p = pair_make(3);

	(void)state;
	pair_run(&p, 5000 * MS);
	bfd_session_init(&p.s[1], &fast, 99, 7, p.now);
	pair_run(&p, 15000 * MS);
	assert_int_equal(p.s[0].state, BFD_UP);
	assert_int_equal(p.s[1].state, BFD_UP);
	assert_int_equal(p.s[0].remote_discriminator, 99);
}

/* ---- over a restart of the process ---- */

/* A session that is Up on both ends, and what it hands over. */
static struct bfd_handover hand_over(struct bfd_session *s, uint64_t now)
{
	struct bfd_packet p = packet_from(BFD_UP, 9);

	raise_session(s, now);
	assert_int_equal(bfd_session_handover(s).local_discriminator, 0); /* not on both ends yet */
	bfd_session_receive(s, &p, now);
	return bfd_session_handover(s);
}

static struct bfd_packet next_packet(struct bfd_session *s, uint64_t now)
{
	uint8_t bytes[BFD_PACKET_SIZE];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct bfd_packet p;

	assert_true(bfd_session_output(s, now, &w));
	assert_int_equal(decode(bytes, wr_len(&w), &p), BFD_FINE);
	return p;
}

static void test_resumed(void **state)
{
	static const struct {
		uint8_t says, state, diag;
	} cases[] = {
		{BFD_UP, BFD_UP, BFD_DIAG_NONE},
		{BFD_INIT, BFD_UP, BFD_DIAG_NONE},
		{BFD_DOWN, BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN},
		{BFD_ADMIN_DOWN, BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN},
	};
	struct bfd_session old, s;
	struct bfd_handover h = hand_over(&old, 5 * MS);
	struct bfd_packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t now = 2000 * MS;

		assert_true(bfd_session_resume(&s, &fast, &h, 77, now));
		p = next_packet(&s, now); /* at once, as the peer knows us */
		assert_int_equal(p.state, BFD_UP);
		assert_int_equal(p.mine, 9);
		assert_int_equal(p.yours, 77);
		assert_int_equal(p.desired_tx_us, fast.interval_us);
		assert_int_equal(p.required_rx_us, fast.interval_us);
		assert_true(p.poll);
		/* Its silence is a failure after a whole detection time, not before. */
		bfd_session_timers(&s, now + 300 * MS - 1);
		assert_int_equal(s.state, BFD_UP);
		assert_int_equal(bfd_session_handover(&s).local_discriminator, 0);
		p = packet_from(cases[i].says, 9);
		p.final = true;
		bfd_session_receive(&s, &p, now + 300 * MS - 1);
		assert_int_equal(s.state, cases[i].state);
		assert_int_equal(s.diag, cases[i].diag);
		/* Heard of again, it can be handed on again. */
		assert_int_equal(bfd_session_handover(&s).local_discriminator,
			cases[i].says == BFD_UP ? 9 : 0);
		assert_false(s.polling);
	}
	assert_true(bfd_session_resume(&s, &fast, &h, 77, 5000 * MS));
	bfd_session_timers(&s, 5300 * MS);
	assert_int_equal(s.state, BFD_DOWN);
	assert_int_equal(s.diag, BFD_DIAG_TIME_EXPIRED);
	assert_int_equal(bfd_session_handover(&s).local_discriminator, 0);
}

/* Never what was not Up, nor what is configured otherwise now, nor what makes no sense. */
static void test_not_resumed(void **state)
{
	struct bfd_config other = {.interval_us = 100001, .multiplier = 3};
	struct bfd_session old, s = {0};
	struct bfd_handover h = hand_over(&old, 5 * MS), bad;
	struct bfd_packet p = packet_from(BFD_DOWN, 0);

	(void)state;
	assert_false(bfd_session_resume(&s, &other, &h, 1, 10 * MS));
	other = (struct bfd_config){.interval_us = 100000, .multiplier = 4};
	assert_false(bfd_session_resume(&s, &other, &h, 1, 10 * MS));
	bad = h;
	bad.remote_discriminator = 0;
	assert_false(bfd_session_resume(&s, &fast, &bad, 1, 10 * MS));
	bad = h;
	bad.remote_multiplier = 0;
	assert_false(bfd_session_resume(&s, &fast, &bad, 1, 10 * MS));
	bfd_session_receive(&old, &p, 10 * MS);
	h = bfd_session_handover(&old);
	assert_false(bfd_session_resume(&s, &fast, &h, 1, 10 * MS));
	assert_int_equal(s.state, BFD_ADMIN_DOWN); /* untouched */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_detection),
		cmocka_unit_test(test_jitter),
		cmocka_unit_test(test_slow_then_fast),
		cmocka_unit_test(test_poll_is_answered),
		cmocka_unit_test(test_reconfigured),
		cmocka_unit_test(test_admin_down),
		cmocka_unit_test(test_peer_wants_quiet),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_lossy_pair),
		cmocka_unit_test(test_restarted_peer),
		cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_not_resumed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
