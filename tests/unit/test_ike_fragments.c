/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that are longer than a datagram should be: RFC 7383. */
#include "ike_lab.h"

static unsigned int seen, longest, fragments;

/* Looks at what passes; loses every datagram whose number `lose` has in binary. */
static uint64_t lose;

static bool look(struct lab *l, int from, const struct effect_send *s)
{
	size_t marker = s->local.port == IKE_PORT_NAT ? 4 : 0;

	(void)l;
	(void)from;
	fragments += s->bytes[marker + 16] == PAYLOAD_SKF;
	longest = s->len > longest ? (unsigned int)s->len : longest;
	return lose >> (seen++ % 64) & 1;
}

/* The site rekeys its IKE SA with the largest group there is: more than a fragment. */
static struct lab *start(uint16_t encr, uint16_t integ)
{
	struct lab *l = lab_new();

	for (int i = 0; i < 2; i++) {
		struct ike_options *o = &l->conf[i].options;

		o->p1_encryption = one(encr, 256);
		if (integ)
			o->p1_integrity = one(integ, 0);
		for (unsigned int n = 0; n < 12; n++)
			o->p1_prf.items[n].id = 5 + n % 3; /* a long offer */
		o->p1_prf.count = 12;
		o->p1_groups = one(18, 0);
		configure(l, i, "key");
	}
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_true(sa_of(l, HUB)->fragmentation && sa_of(l, SITE)->fragmentation);
	seen = longest = fragments = 0;
	lose = 0;
	l->drop = look;
	return l;
}

static void rekey(struct lab *l, uint64_t time)
{
	uint64_t before = sa_of(l, HUB)->spi_i;

	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_IKE, l->now);
	pass(l, time);
	assert_true(sa_of(l, HUB)->spi_i != before);
	assert_true(sa_of(l, HUB)->spi_i == sa_of(l, SITE)->spi_i);
	assert_null(sa_of(l, HUB)->partial[0]);
	assert_null(sa_of(l, SITE)->partial[1]);
}

static void test_rekey_in_fragments(void **state)
{
	static const uint16_t integs[] = {0, 2, 12, 13, 14};

	(void)state;
	for (size_t i = 0; i < sizeof(integs) / sizeof(integs[0]); i++) {
		struct lab *l = start(integs[i] ? 12 : 20, integs[i]);

		rekey(l, S);
		assert_true(longest > 1000 && longest <= IKE_FRAGMENT_SIZE);
		assert_true(fragments >= 2); /* the request at least */
		rekey(l, S);                 /* the heir takes fragments too */
		assert_true(longest <= IKE_FRAGMENT_SIZE);
		lab_free(l);
	}
}

/* Whatever fragments get lost: what is there is kept, the repetition brings the rest. */
static void test_lost_fragments(void **state)
{
	(void)state;
	for (unsigned int pattern = 1; pattern < 64; pattern++) {
		struct lab *l = start(20, 0);

		lose = pattern;
		rekey(l, 30 * S);
		lab_free(l);
	}
}

/* Fragments of a request whose sizes were chosen by hand, in any order, some twice. */
static void send_pieces(
	struct lab *l, uint32_t id, const uint16_t *order, unsigned int count, uint16_t total)
{
	struct ike_sa *site = sa_of(l, SITE), *hub = sa_of(l, HUB);
	struct ike_header h = {.spi_i = site->spi_i,
		.spi_r = site->spi_r,
		.exchange = EXCHANGE_INFORMATIONAL,
		.flags = FLAG_INITIATOR,
		.id = id};
	uint8_t chain[120] = {PAYLOAD_NONE, 0, 0, sizeof(chain)}; /* one vendor payload */

	assert_true(site->initiator);
	for (unsigned int i = 0; i < count; i++) {
		uint8_t buffer[IKE_FRAGMENT_SIZE], iv[CIPHER_IV_MAX] = {(uint8_t)i};
		size_t piece = sizeof(chain) / total, at = piece * (order[i] - 1u);
		struct message_writer w;
		size_t len;

		message_begin(&w, buffer, sizeof(buffer), &h);
		message_skf_begin(
			&w, &site->suite, iv, order[i] == 1 ? PAYLOAD_VENDOR : 0, order[i], total);
		wr_bytes(&w.w, chain + at, order[i] == total ? sizeof(chain) - at : piece);
		len = message_end_sk(&w, &site->suite, &site->keys.i);
		assert_true(len > 0);
		engine_datagram(l->e[HUB], &hub->local, &hub->remote, buffer, len, l->now);
	}
}

static void test_order_and_copies(void **state)
{
	static const uint16_t mixed[] = {3, 1, 3, 4, 1, 2}, first[] = {1}, second[] = {2},
			      two[] = {2, 1};
	struct lab *l = start(20, 0);
	struct ike_sa *hub = sa_of(l, HUB);
	uint32_t id = hub->recv_id;

	(void)state;
	send_pieces(l, hub->recv_id, mixed, 6, 4);
	assert_int_equal(hub->recv_id, id + 1);
	assert_null(hub->partial[0]);
	/* RFC 7383 2.6: more fragments than before start over, fewer are of an older try. */
	send_pieces(l, hub->recv_id, first, 1, 2);
	send_pieces(l, hub->recv_id, first, 1, 3);
	send_pieces(l, hub->recv_id, second, 1, 2);
	assert_int_equal(hub->recv_id, id + 1);
	assert_int_equal(hub->partial[0]->total, 3);
	send_pieces(l, hub->recv_id, two, 2, 4); /* of 4 now: again from the start */
	assert_int_equal(hub->partial[0]->got, 2);
	send_pieces(l, hub->recv_id, mixed, 6, 4);
	assert_int_equal(hub->recv_id, id + 2);
	/* More than we keep. */
	send_pieces(l, hub->recv_id, first, 1, IKE_FRAGMENTS_TAKEN + 1);
	assert_null(hub->partial[0]);
	settle(l);
	lab_free(l);
}

/* A repeated request in fragments gets its answer again, once. */
static void test_repeated_request(void **state)
{
	static const uint16_t all[] = {1, 2};
	struct lab *l = start(20, 0);
	struct ike_sa *hub = sa_of(l, HUB);
	uint32_t id = hub->recv_id;
	unsigned int sent;

	(void)state;
	send_pieces(l, id, all, 2, 2);
	settle(l);
	sent = l->sent[HUB];
	send_pieces(l, id, all, 2, 2);
	settle(l);
	assert_int_equal(l->sent[HUB], sent + 1);
	send_pieces(l, id - 1, all, 2, 2); /* older than what is remembered */
	settle(l);
	assert_int_equal(l->sent[HUB], sent + 1);
	assert_int_equal(hub->recv_id, id + 1);
	lab_free(l);
}

/* Who did not say that it takes fragments gets none, and may send none. */
static void test_not_negotiated(void **state)
{
	static const uint16_t all[] = {1, 2};
	struct lab *l = start(20, 0);
	uint32_t id = sa_of(l, HUB)->recv_id;

	(void)state;
	sa_of(l, HUB)->fragmentation = false;
	send_pieces(l, id, all, 2, 2);
	assert_int_equal(sa_of(l, HUB)->recv_id, id);
	sa_of(l, SITE)->fragmentation = false;
	sa_of(l, HUB)->fragmentation = false;
	rekey(l, S);
	assert_true(longest > IKE_FRAGMENT_SIZE);
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rekey_in_fragments),
		cmocka_unit_test(test_lost_fragments),
		cmocka_unit_test(test_order_and_copies),
		cmocka_unit_test(test_repeated_request),
		cmocka_unit_test(test_not_negotiated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
