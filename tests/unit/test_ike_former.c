/* SPDX-License-Identifier: Apache-2.0 */
/* A site is removed and comes back: its device, which dials all the time, is not refused meanwhile. */
#include "ike_v1_lab.h"

#include "crypto/hash.h"
#include "ike/former.h"

enum neighbour { ALONE, SAME_KEY, OTHER_KEY, OTHER_SUITE };

/* Another site of the hub, without an address: for all that is known, who comes may be it. */
static void add_neighbour(struct lab *l, enum neighbour kind)
{
	struct engine_tunnel c = l->conf[HUB];
	struct secret psk;

	if (kind == ALONE)
		return;
	c.number = 6;
	c.remote = (struct ip_addr){0};
	c.remote_id.bytes[0] = 'n';
	if (kind == OTHER_SUITE)
		c.options.p1_encryption = one(12, 192);
	secret_set(&psk, kind == SAME_KEY ? "key" : "other", kind == SAME_KEY ? 3 : 5);
	engine_tunnel_set(l->e[HUB], &c, &psk, l->now);
}

static struct lab *lab_with(int version, enum neighbour kind)
{
	struct lab *l = version == 1 ? lab_v1() : lab_new();

	add_neighbour(l, kind);
	l->conf[SITE].options.dpd_action = DPD_RESTART;
	site_starts(l);
	pass(l, 10 * S);
	assert_up(l);
	return l;
}

static unsigned int refusals(const struct lab *l)
{
	return l->notes[HUB][REASON_UNKNOWN_ID] + l->notes[HUB][REASON_WRONG_PSK] +
	       l->notes[HUB][REASON_NO_TUNNEL] + l->notes[HUB][REASON_NO_IKE_PROPOSAL] +
	       l->notes[SITE][REASON_PEER_REFUSED];
}

/* The process is started again, with what is configured now and what the one before has left. */
static void start_again(struct lab *l, enum neighbour kind)
{
	size_t size = ENGINE_CHECKPOINT_SIZE(8), len;
	struct engine_env env = l->e[HUB]->env;
	struct engine_limits limits = engine_limits_default();
	uint8_t *bytes = malloc(size);

	len = engine_checkpoint(l->e[HUB], bytes, size, l->now);
	assert_true(len > 0);
	engine_free(l->e[HUB]);
	l->e[HUB] = engine_new(&env, &limits);
	add_neighbour(l, kind);
	assert_true(engine_restore(l->e[HUB], bytes, len, l->now));
	engine_start(l->e[HUB], l->now);
	/* Cut short it is nothing at all. */
	assert_false(engine_restore(l->e[HUB], bytes, len - 1, l->now));
	assert_int_equal(l->e[HUB]->former_count, 0);
	assert_true(engine_restore(l->e[HUB], bytes, len, l->now));
	free(bytes);
}

static void removed_and_back(int version, enum neighbour kind)
{
	struct lab *l = lab_with(version, kind);

	engine_tunnel_remove(l->e[HUB], 4, l->now);
	pass(l, 100 * S);
	start_again(l, kind);
	pass(l, 140 * S);
	assert_int_equal(refusals(l), 0);
	assert_true(l->notes[HUB][REASON_TUNNEL_REMOVED] > 0);
	configure(l, HUB, "key");
	pass(l, 120 * S);
	assert_up(l);
	lab_free(l);
}

static void test_removed_and_back(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		for (enum neighbour kind = ALONE; kind <= OTHER_SUITE; kind++)
			removed_and_back(version, kind);
	}
}

/* It is for good: then the device is told so. */
static void test_not_for_ever(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		for (enum neighbour kind = ALONE; kind <= OTHER_SUITE; kind++) {
			struct lab *l = lab_with(version, kind);

			engine_tunnel_remove(l->e[HUB], 4, l->now);
			pass(l, FORMER_LIFE + 240 * S);
			assert_true(refusals(l) > 0);
			lab_free(l);
		}
	}
}

static unsigned int copies;

/* Message 5, and what tries to look like it. */
static bool many_copies(struct lab *l, int from, const struct effect_send *s)
{
	struct ike_header h;
	const uint8_t *p = s->bytes;
	size_t len = s->len;

	if (from != SITE || l->notes[HUB][REASON_TUNNEL_REMOVED])
		return false;
	if (s->local.port == IKE_PORT_NAT && len > 4)
		p += 4, len -= 4;
	if (!header_decode(p, len, &h) || h.exchange != V1_MAIN || !(h.flags & V1_ENCRYPTED))
		return false;
	for (copies = 0; copies < 100; copies++)
		engine_datagram(l->e[HUB], &s->remote, &s->local, s->bytes, s->len, l->now);
	return false;
}

/* IKEv1 tries the keys of all tunnels in question: for one negotiation so often and no more. */
static void test_silence_has_an_end(void **state)
{
	struct lab *l = lab_with(1, OTHER_KEY);

	(void)state;
	engine_tunnel_remove(l->e[HUB], 4, l->now);
	l->drop = many_copies;
	pass(l, 60 * S);
	assert_int_equal(copies, 100);
	assert_in_range(l->notes[HUB][REASON_TUNNEL_REMOVED], 1, 30);
	assert_int_equal(refusals(l), 0);
	lab_free(l);
}

/* The site gets another identity, and its old one back. */
static void test_identity_changed(void **state)
{
	struct lab *l = lab_with(2, SAME_KEY);

	(void)state;
	l->conf[HUB].remote_id.bytes[0] = 'x';
	configure(l, HUB, "key");
	pass(l, 60 * S);
	assert_int_equal(refusals(l), 0);
	assert_true(l->notes[HUB][REASON_TUNNEL_REMOVED] > 0);
	l->conf[HUB].remote_id.bytes[0] = 's';
	configure(l, HUB, "key");
	pass(l, 120 * S);
	assert_up(l);
	lab_free(l);
}

/* What counts is identity and address of the hub: others are told that they are wrong. */
static void test_others_are_refused(void **state)
{
	struct lab *l = lab_with(2, SAME_KEY);

	(void)state;
	engine_tunnel_remove(l->e[HUB], 4, l->now);
	l->conf[SITE].local_id.bytes[0] = 'z';
	configure(l, SITE, "key");
	pass(l, 30 * S);
	assert_true(l->notes[HUB][REASON_UNKNOWN_ID] > 0);
	assert_true(l->notes[SITE][REASON_PEER_REFUSED] > 0);
	lab_free(l);
}

/* A tunnel that is switched off, where only another site's suite is compared with the offer. */
static void test_switched_off(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		struct lab *l = lab_with(version, OTHER_SUITE);

		engine_command(l->e[HUB], 4, ENGINE_DOWN, l->now);
		pass(l, 60 * S);
		assert_int_equal(refusals(l), 0);
		assert_true(l->notes[HUB][REASON_TUNNEL_DISABLED] > 0);
		engine_command(l->e[HUB], 4, ENGINE_UP, l->now);
		pass(l, 120 * S);
		assert_up(l);
		lab_free(l);
	}
}

/* However many are removed, the list has an end, and the oldest go. */
static void test_limit(void **state)
{
	struct lab *l = lab_new();
	struct engine_tunnel c = l->conf[HUB];
	struct secret psk;

	(void)state;
	secret_set(&psk, "key", 3);
	c.number = 7;
	c.remote_id.type = IKE_ID_KEY_ID;
	c.remote_id.len = sizeof(c.remote_id.bytes);
	for (uint32_t i = 0; i < FORMER_MAX + 10; i++) {
		memcpy(c.remote_id.bytes, &i, sizeof(i));
		engine_tunnel_set(l->e[HUB], &c, &psk, l->now);
		engine_tunnel_remove(l->e[HUB], 7, l->now);
		settle(l);
	}
	assert_int_equal(l->e[HUB]->former_count, FORMER_MAX);
	assert_true(former_has(l->e[HUB], &c.local, &c.remote_id, l->now));
	assert_false(former_has(l->e[HUB], &c.local, &c.remote_id, l->now + FORMER_LIFE));
	start_again(l, ALONE);
	assert_int_equal(l->e[HUB]->former_count, FORMER_MAX);
	assert_true(former_has(l->e[HUB], &c.local, &c.remote_id, l->now));
	memset(c.remote_id.bytes, 0, 4);
	assert_false(former_has(l->e[HUB], &c.local, &c.remote_id, l->now));
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_removed_and_back),
		cmocka_unit_test(test_not_for_ever),
		cmocka_unit_test(test_silence_has_an_end),
		cmocka_unit_test(test_identity_changed),
		cmocka_unit_test(test_others_are_refused),
		cmocka_unit_test(test_switched_off),
		cmocka_unit_test(test_limit),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
