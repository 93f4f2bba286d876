/* SPDX-License-Identifier: Apache-2.0 */
/* IKEv1 between two engines when messages are lost, or come again from somebody else, and how it ends. */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

static unsigned int drops;

static uint8_t exchange_of(const struct effect_send *s)
{
	size_t at = s->local.port == IKE_PORT_NAT ? 22 : 18;

	return s->len > at ? s->bytes[at] : 0;
}

/* Message 3 of quick mode: the second one of that exchange from the site. */
static bool drop_third(struct lab *l, int from, const struct effect_send *s)
{
	static unsigned int seen;

	(void)l;
	if (from != SITE || exchange_of(s) != V1_QUICK)
		return false;
	if (++seen % 2 == 0 && drops) {
		drops--;
		return true;
	}
	return false;
}

static void test_lost_third(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	drops = 1;
	l->drop = drop_third;
	site_starts(l);
	assert_int_equal(drops, 0);
	assert_int_equal(l->state[SITE].phase, PHASE_UP); /* it cannot know */
	assert_int_equal(l->state[HUB].phase, PHASE_NEGOTIATING);
	pass(l, 2 * S); /* the hub repeats message 2, the site message 3 */
	assert_up(l);
	assert_int_equal(l->adds[HUB], 1);
	lab_free(l);
}

/* Everything that was ever said is said again, by somebody else, much later. */
static struct {
	uint8_t bytes[64][2048];
	size_t len[64];
	struct ip_endpoint to[64];
	unsigned int count;
} tape;

static bool record(struct lab *l, int from, const struct effect_send *s)
{
	(void)l;
	if (from == SITE && s->len > 1 && tape.count < 64) {
		memcpy(tape.bytes[tape.count], s->bytes, s->len);
		tape.len[tape.count] = s->len;
		tape.to[tape.count++] = s->remote;
	}
	return false;
}

static void test_replay(void **state)
{
	struct lab *l = lab_v1();
	struct ip_endpoint thief = {l->conf[SITE].local, 4711};
	struct engine_view before, after;

	(void)state;
	tape.count = 0;
	l->conf[HUB].options.encap = ENCAP_FORCE;
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	l->drop = record;
	site_starts(l);
	engine_command(l->e[SITE], 5, ENGINE_REKEY_CHILD, l->now);
	pass(l, 100 * S);
	l->drop = NULL;
	engine_look(l->e[HUB], 4, &before);
	assert_int_equal(before.pairs, 1);
	assert_true(tape.count > 10);
	for (unsigned int i = 0; i < tape.count; i++) {
		engine_datagram(l->e[HUB], &tape.to[i], &thief, tape.bytes[i], tape.len[i], l->now);
		settle(l);
	}
	pass(l, 5 * S);
	engine_look(l->e[HUB], 4, &after);
	assert_int_equal(after.pairs, 1);
	assert_int_equal(after.spi_in, before.spi_in);
	assert_int_equal(after.established, 1);
	assert_int_equal(l->moved[HUB], 0);
	assert_up(l);
	pass(l, 40 * S); /* the half-open SA that message 1 made goes */
	assert_int_equal(engine_half_open(l->e[HUB]), 0);
	/* Cut short at every length, and each byte changed: nothing comes of it, nothing breaks. */
	for (unsigned int i = 0; i < tape.count; i++) {
		for (size_t n = 0; n < tape.len[i]; n++) {
			engine_datagram(l->e[HUB], &tape.to[i], &thief, tape.bytes[i], n, l->now);
			tape.bytes[i][n] ^= 0x55;
			engine_datagram(
				l->e[HUB], &tape.to[i], &thief, tape.bytes[i], tape.len[i], l->now);
			tape.bytes[i][n] ^= 0x55;
			drain(l);
		}
	}
	engine_look(l->e[HUB], 4, &after);
	assert_int_equal(after.pairs, 1);
	assert_int_equal(after.spi_in, before.spi_in);
	lab_free(l);
}

/* The peer deletes; the peer starts afresh. */
static void test_ends(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	site_starts(l);
	engine_command(l->e[SITE], 5, ENGINE_DOWN, l->now);
	pass(l, S);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->state[HUB].reason, REASON_PEER_DELETED_IKE);
	assert_int_equal(l->adds[HUB], l->dels[HUB]);
	engine_command(l->e[SITE], 5, ENGINE_UP, l->now);
	pass(l, 3 * S);
	assert_up(l);
	/* A new engine that knows nothing: INITIAL-CONTACT ends the old SAs. */
	engine_free(l->e[SITE]);
	l->e[SITE] = engine_new(&(struct engine_env){.random = lab_random},
		&(struct engine_limits){.half_open_max = 8,
			.half_open_per_source = 8,
			.cookie_threshold = 8,
			.spi_index_bits = 14,
			.spi_slots = 8});
	engine_start(l->e[SITE], l->now);
	site_starts(l);
	assert_up(l);
	assert_int_equal(l->adds[HUB] - l->dels[HUB], 1);
	configure(l, HUB, "new key");
	settle(l);
	assert_int_equal(l->state[HUB].reason, REASON_CONFIG_CHANGED);
	assert_int_equal(l->state[SITE].phase, PHASE_DOWN);
	engine_tunnel_remove(l->e[HUB], 4, l->now);
	settle(l);
	assert_int_equal(l->adds[HUB], l->dels[HUB]);
	lab_free(l);
}

/* ---- message 5 that no key opens ---- */

static struct {
	uint8_t bytes[IKE_MESSAGE_MAX];
	struct ip_endpoint from, to;
	bool taken;
} fifth;

static bool take_fifth(struct lab *l, int from, const struct effect_send *s)
{
	struct ike_header h;

	(void)l;
	if (from != SITE || !header_decode(s->bytes, s->len, &h) || !(h.flags & V1_ENCRYPTED))
		return false;
	memcpy(fifth.bytes, s->bytes, IKE_HEADER_LEN);
	fifth.from = s->local;
	fifth.to = s->remote;
	fifth.taken = true;
	return true;
}

static void say_fifth(struct lab *l, uint8_t fill, unsigned int told)
{
	struct wr w = wr_init(fifth.bytes + IKE_HEADER_LEN - 4, 4);

	wr_u32(&w, IKE_HEADER_LEN + IKE_MESSAGE_MAX / 32 * 31);
	memset(fifth.bytes + IKE_HEADER_LEN, fill, IKE_MESSAGE_MAX / 32 * 31);
	engine_datagram(l->e[HUB], &fifth.to, &fifth.from, fifth.bytes,
		IKE_HEADER_LEN + IKE_MESSAGE_MAX / 32 * 31, l->now);
	drain(l);
	assert_int_equal(l->notes[HUB][REASON_WRONG_PSK], told);
}

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
						       : 0;
}

/* A stranger may send long ones for each SA that it has half open: it is known again, and not kept. */
static void test_copies_of_message_5(void **state)
{
	struct lab *l = lab_v1();
	size_t before;

	(void)state;
	l->drop = take_fifth;
	site_starts(l);
	assert_true(fifth.taken);
	before = allocated();
	say_fifth(l, 1, 1);
	assert_true(allocated() < before + IKE_MESSAGE_MAX / 2);
	say_fifth(l, 1, 1);
	say_fifth(l, 2, 2);
	say_fifth(l, 2, 2);
	say_fifth(l, 1, 3); /* only the last one is known */
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost_third),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_copies_of_message_5),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
