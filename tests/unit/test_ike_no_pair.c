/* SPDX-License-Identifier: Apache-2.0 */
/* A tunnel whose IKE SA lives and whose SA pair does not: what is told of it, and what ends it. */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

static struct tunnel *tunnel_of(struct lab *l, int i)
{
	return tunnel_find(l->e[i], l->conf[i].number);
}

static struct lab *lab_of(int version)
{
	return version == 1 ? lab_v1() : lab_new();
}

/* The site deletes its pair, and asks for no other. */
static void delete_pair(struct lab *l, int end)
{
	struct tunnel *t = tunnel_of(l, end);

	l->conf[SITE].options.startup = STARTUP_ADD;
	configure(l, SITE, "key");
	child_ask_delete(l->e[end], t, t->in_use, l->now);
	pass(l, S);
}

/* Whoever deletes the pair: the hub is told within the same moment, and after a while starts anew. */
static void test_deleted(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		for (int end = HUB; end <= SITE; end++) {
			struct lab *l = lab_of(version);

			site_starts(l);
			pass(l, 10 * S);
			assert_up(l);
			delete_pair(l, end);
			assert_int_equal(l->state[HUB].phase, PHASE_NEGOTIATING);
			assert_int_equal(l->state[HUB].reason,
				end == SITE ? REASON_PEER_DELETED_CHILD : REASON_CHILD_EXPIRED);
			pass(l, NO_PAIR_LIFE - 2 * S);
			assert_int_equal(l->state[HUB].phase, PHASE_NEGOTIATING);
			assert_int_equal(l->notes[HUB][REASON_NO_PAIR], 0);
			pass(l, NO_PAIR_LIFE / 2 + 10 * S);
			assert_int_equal(
				l->notes[HUB][REASON_NO_PAIR] + l->notes[SITE][REASON_NO_PAIR], 1);
			assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
			assert_int_equal(tunnel_count_ike(tunnel_of(l, HUB)), 0);
			lab_free(l);
		}
	}
}

/*
 * The site has no forward secrecy, and the hub wants it: IKE_AUTH brings a pair up, its rekey does not.
 * What is shown then is the refusal, and the device starts anew by itself.
 */
static void test_pfs_mismatch(void **state)
{
	struct lab *l = lab_new();
	struct tunnel *t;

	(void)state;
	l->conf[SITE].options.p2_groups.count = 0;
	l->conf[SITE].options.dpd_action = DPD_RESTART;
	site_starts(l);
	assert_up(l);
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S);
	assert_int_equal(l->notes[HUB][REASON_PFS_REQUIRED], 1);
	assert_int_equal(l->notes[HUB][REASON_NO_ESP_PROPOSAL], 0);
	assert_up(l);
	t = tunnel_of(l, SITE);
	child_ask_delete(l->e[SITE], t, t->in_use, l->now);
	pass(l, S);
	assert_int_equal(l->state[HUB].phase, PHASE_NEGOTIATING);
	assert_int_equal(l->state[HUB].reason, REASON_PFS_REQUIRED);
	assert_string_equal(
		l->state[HUB].detail, "no group is offered, so no forward secrecy; allowed x25519");
	assert_int_equal(l->state[SITE].reason, REASON_PEER_REFUSED);
	pass(l, 2 * NO_PAIR_LIFE);
	assert_true(l->notes[HUB][REASON_NO_PAIR] + l->notes[SITE][REASON_NO_PAIR] > 0);
	assert_up(l); /* by another IKE_AUTH */
	lab_free(l);
}

/* The same, and the hub is the first to rekey: a refusal says no reason, but all else was good enough before. */
static void test_pfs_mismatch_found_by_the_hub(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[SITE].options.p2_groups.count = 0;
	site_starts(l);
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S);
	assert_int_equal(l->notes[HUB][REASON_PFS_REQUIRED], 1);
	assert_string_equal(l->last[HUB],
		"the peer took this without a group, and refuses to rekey it: PFS is off there or "
		"has another group, or its phase 2 was changed; allowed x25519");
	assert_up(l);
	lab_free(l);
}

/* It answers, but without the group that was asked for. */
static void test_pfs_left_out_by_the_peer(void **state)
{
	struct lab *l = lab_new();
	struct tunnel *t;

	(void)state;
	l->conf[SITE].options.p2_groups.count = 0;
	site_starts(l);
	pass(l, 10 * S);
	t = tunnel_of(l, HUB);
	t->conf.options.p2_groups.count = 0; /* so that it is answered at all */
	l->cut = true;
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S / 2);
	l->cut = false;
	t->conf.options.p2_groups.count = 1;
	sa_of(l, HUB)->request.group = dh_group_find(31);
	pass(l, 5 * S);
	assert_int_equal(l->notes[HUB][REASON_PFS_REQUIRED], 1);
	assert_int_equal(l->notes[HUB][REASON_NO_ESP_PROPOSAL], 0);
	assert_int_equal(t->refused, REASON_PFS_REQUIRED);
	assert_string_equal(t->refused_text,
		"the peer's answer has no group, so no forward secrecy; allowed x25519");
	assert_up(l);
	lab_free(l);
}

/* IKEv1 does not come as far: its IKE SA is closed, and the reason stays. */
static void test_pfs_mismatch_v1(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	l->conf[SITE].options.p2_groups.count = 0;
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_NEGOTIATING);
	assert_int_equal(l->state[HUB].reason, REASON_PFS_REQUIRED);
	assert_string_equal(
		l->state[HUB].detail, "no group is offered, so no forward secrecy; allowed ecp256");
	l->notes[HUB][REASON_IKE_UP] = 0;
	tunnel_of(l, SITE)->no_pair_until = 0; /* it is the hub that loses patience */
	pass(l, 2 * NO_PAIR_LIFE);
	assert_true(l->notes[HUB][REASON_NO_PAIR] > 0);
	assert_true(l->notes[HUB][REASON_IKE_UP] > 0); /* the device began anew */
	assert_int_equal(l->state[HUB].reason, REASON_PFS_REQUIRED);
	lab_free(l);
}

/* The device answers no rekey of ours but by a refusal, and the pair expires. */
static void test_refused_until_expiry(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		struct lab *l = lab_of(version);

		l->conf[HUB].options.p2_lifetime_s = 100;
		l->conf[HUB].options.rekey_margin_s = 40;
		configure(l, HUB, "key");
		site_starts(l);
		pass(l, 5 * S);
		assert_up(l);
		tunnel_of(l, SITE)->conf.options.startup = STARTUP_ADD;
		/* As a device whose phase 2 was changed: the running pair stays as it is. */
		tunnel_of(l, SITE)->conf.options.p2_encryption = one(12, 128);
		tunnel_of(l, SITE)->conf.options.p2_integrity = one(12, 0);
		pass(l, 96 * S);
		assert_int_equal(l->state[HUB].phase, PHASE_NEGOTIATING);
		/* An IKEv1 device tries it, too, and what we refused tells more than its refusal. */
		assert_int_equal(l->state[HUB].reason,
			version == 1 ? REASON_NO_ESP_PROPOSAL : REASON_PFS_REQUIRED);
		lab_free(l);
	}
}

/* What the hub has at its data path: pairs, and the one that packets to the site take. */
static struct engine_view look(struct lab *l, int i)
{
	struct engine_view v;

	engine_look(l->e[i], l->conf[i].number, &v);
	return v;
}

/* A lifetime is not one that the peer may extend by keeping silent. */
static void test_expired_in_silence(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		struct lab *l = lab_of(version);

		l->conf[HUB].options.p2_lifetime_s = 100;
		l->conf[HUB].options.rekey_margin_s = 20;
		l->conf[HUB].options.dpd_action = DPD_NONE;
		l->conf[SITE].options.dpd_action = DPD_RESTART;
		configure(l, HUB, "key");
		site_starts(l);
		pass(l, 77 * S);
		assert_up(l);
		l->cut = true;
		pass(l, 21 * S);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		pass(l, 3 * S);
		assert_int_equal(l->state[HUB].phase, PHASE_NEGOTIATING);
		assert_int_equal(l->state[HUB].reason, REASON_CHILD_EXPIRED);
		assert_int_equal(l->notes[HUB][REASON_CHILD_EXPIRED], 1);
		assert_int_equal(look(l, HUB).pairs, 0);
		assert_int_equal(look(l, HUB).spi_out, 0);
		l->cut = false;
		pass(l, 300 * S); /* the site has noticed, and there is a new pair */
		assert_up(l);
		lab_free(l);
	}
}

static bool lose_deletes(struct lab *l, int from, const struct effect_send *s)
{
	(void)l;
	return from == SITE && s->len > 18 && s->bytes[18] == EXCHANGE_INFORMATIONAL;
}

/* The site has rekeyed it, and its delete, which tells that the new pair is there, is lost. */
static void test_replaced_expires(void **state)
{
	struct lab *l = lab_new();
	struct engine_view before;

	(void)state;
	l->conf[HUB].options.p2_lifetime_s = 60;
	l->conf[HUB].options.rekey_margin_s = 2;
	configure(l, HUB, "key");
	site_starts(l);
	pass(l, 40 * S);
	before = look(l, HUB);
	l->drop = lose_deletes;
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, 15 * S);
	assert_int_equal(look(l, HUB).spi_in, before.spi_in);
	pass(l, 5 * S);
	assert_int_not_equal(look(l, HUB).spi_in, before.spi_in);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	lab_free(l);
}

/*
 * The site answers a rekey with a group that the hub did not ask for. That exchange comes to nothing; the
 * pair that is there goes on, the one that the site made is deleted, and the next rekey is as any other.
 */
static void test_answer_with_other_group(void **state)
{
	struct lab *l = lab_new();
	struct engine_view before, after;
	struct tunnel *t;

	(void)state;
	site_starts(l);
	pass(l, 10 * S);
	before = look(l, HUB);
	l->cut = true;
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S / 2);
	sa_of(l, HUB)->request.group = dh_group_find(19);
	l->cut = false;
	pass(l, 5 * S);
	assert_int_equal(l->notes[HUB][REASON_KE_VALUE], 1);
	after = look(l, HUB);
	assert_up(l);
	assert_true(after.ike_spi_i == before.ike_spi_i);
	assert_int_equal(after.spi_in, before.spi_in);
	assert_int_equal(look(l, SITE).spi_out, before.spi_in);
	t = tunnel_of(l, HUB);
	assert_int_equal(t->refused, REASON_KE_VALUE); /* shown if the pair ends like this */
	pass(l, 60 * S);                               /* by a rekey that the hub begins anew */
	assert_up(l);
	assert_true(look(l, HUB).ike_spi_i == before.ike_spi_i);
	assert_int_not_equal(look(l, HUB).spi_in, before.spi_in);
	assert_int_equal(look(l, HUB).live_pairs, 1);
	assert_int_equal(look(l, SITE).live_pairs, 1);
	lab_free(l);
}

/* A new pair makes the refusal of an earlier one history. */
static void test_refusal_is_over(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[SITE].options.p2_groups.count = 0;
	site_starts(l);
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S);
	assert_int_equal(l->notes[HUB][REASON_PFS_REQUIRED], 1);
	tunnel_of(l, SITE)->conf.options.p2_groups = one(31, 0);
	l->conf[SITE].options.p2_groups = one(31, 0);
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, 10 * S);
	assert_up(l);
	delete_pair(l, SITE);
	assert_int_equal(l->state[HUB].reason, REASON_PEER_DELETED_CHILD);
	lab_free(l);
}

/* IKEv2 with an IKE SA whose child was refused from the first: it does not stay for its lifetime. */
static void test_never_had_one(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[SITE].options.p2_encryption = one(12, 128);
	l->conf[SITE].options.p2_integrity = one(12, 0);
	site_starts(l);
	assert_int_equal(l->state[HUB].reason, REASON_NO_ESP_PROPOSAL);
	assert_int_equal(l->notes[HUB][REASON_NO_ESP_PROPOSAL], 1);
	lab_free(l);
}

/* After a restart of the process the time runs too. */
static void test_restored(void **state)
{
	struct lab *l = lab_new();
	struct engine_env env = {.random = lab_random};
	struct engine_limits limits = engine_limits_default();
	size_t size = ENGINE_CHECKPOINT_SIZE(1), len;
	uint8_t *bytes = malloc(size);

	(void)state;
	site_starts(l);
	delete_pair(l, SITE);
	len = engine_checkpoint(l->e[HUB], bytes, size, l->now);
	engine_free(l->e[HUB]);
	l->e[HUB] = engine_new(&env, &limits);
	configure(l, HUB, "key");
	assert_true(engine_restore(l->e[HUB], bytes, len, l->now));
	engine_start(l->e[HUB], l->now);
	free(bytes);
	pass(l, 2 * NO_PAIR_LIFE);
	assert_int_equal(l->notes[HUB][REASON_NO_PAIR] + l->notes[SITE][REASON_NO_PAIR], 1);
	assert_int_equal(tunnel_count_ike(tunnel_of(l, HUB)), 0);
	lab_free(l);
}

static int forgotten =
	-1; /* the site's pair that it forgets as soon as the hub has answered its rekey */

static bool forget_it(struct lab *l, int from, const struct effect_send *s)
{
	(void)s;
	if (from == HUB && forgotten >= 0) {
		child_remove(l->e[SITE], tunnel_of(l, SITE), forgotten, true, l->now);
		forgotten = -1;
	}
	return false;
}

/*
 * The site has another pair, and never deletes the old one: the hub moves to the new one with the site's next request,
 * whatever that is, because the site sends none before it has the hub's answer (RFC 7296 2.3).
 */
static void test_replaced_without_a_delete(void **state)
{
	(void)state;
	for (int next = 0; next < 3; next++) {
		struct lab *l = lab_new();
		int before;

		l->conf[HUB].options.dpd_interval_s = 3600; /* so that the site asks */
		configure(l, HUB, "key");
		site_starts(l);
		l->drop = forget_it;
		before = tunnel_of(l, HUB)->in_use;
		forgotten = tunnel_of(l, SITE)->in_use;
		engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
		pass(l, 2 * S);
		assert_int_equal(forgotten, -1);
		assert_int_equal(tunnel_of(l, HUB)->in_use, before);
		if (next) /* else it asks whether the hub is alive */
			engine_command(l->e[SITE], l->conf[SITE].number,
				next == 1 ? ENGINE_REKEY_IKE : ENGINE_REKEY_CHILD, l->now);
		pass(l, next ? 2 * S : 12 * S);
		assert_int_not_equal(tunnel_of(l, HUB)->in_use, before);
		assert_int_equal(
			child_find_out(tunnel_of(l, SITE),
				tunnel_of(l, HUB)->children[tunnel_of(l, HUB)->in_use].spi_in),
			tunnel_of(l, SITE)->in_use);
		lab_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_pfs_mismatch),
		cmocka_unit_test(test_pfs_mismatch_found_by_the_hub),
		cmocka_unit_test(test_pfs_left_out_by_the_peer),
		cmocka_unit_test(test_pfs_mismatch_v1),
		cmocka_unit_test(test_refused_until_expiry),
		cmocka_unit_test(test_expired_in_silence),
		cmocka_unit_test(test_replaced_expires),
		cmocka_unit_test(test_answer_with_other_group),
		cmocka_unit_test(test_refusal_is_over),
		cmocka_unit_test(test_never_had_one),
		cmocka_unit_test(test_restored),
		cmocka_unit_test(test_replaced_without_a_delete),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
