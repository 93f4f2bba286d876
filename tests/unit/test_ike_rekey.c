/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rekeys of the IKE SA that do not go through at once: RFC 7296 1.3.2, 2.7. With another group that both allow
 * they do; without one the old SA goes on until its lifetime is over, and it is tried again.
 */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

static const struct algorithm_set both_groups = {2, {{31, 0}, {19, 0}}};

/* As a device whose configuration was changed: what runs stays as it is. */
static void allow(struct lab *l, int end, struct algorithm_set groups)
{
	tunnel_find(l->e[end], l->conf[end].number)->conf.options.p1_groups = groups;
}

static struct lab *up(void)
{
	struct lab *l = lab_new();

	for (int i = 0; i < 2; i++) {
		l->conf[i].options.p1_groups = both_groups;
		configure(l, i, "key");
	}
	site_starts(l);
	assert_up(l);
	assert_int_equal(sa_of(l, HUB)->suite.ke->id, 31);
	return l;
}

static void rekey(struct lab *l, int end)
{
	engine_command(l->e[end], l->conf[end].number, ENGINE_REKEY_IKE, l->now);
}

static uint64_t spi_now(struct lab *l)
{
	return sa_of(l, HUB)->spi_i ^ sa_of(l, HUB)->spi_r;
}

/* Whoever asks: the other one names a group that is allowed, and gets it. */
static void test_another_group(void **state)
{
	(void)state;
	for (int asks = HUB; asks <= SITE; asks++) {
		struct lab *l = up();
		uint64_t before = spi_now(l);

		allow(l, !asks, one(19, 0));
		rekey(l, asks);
		pass(l, 3 * S);
		assert_up(l);
		assert_int_equal(l->notes[!asks][REASON_KE_GROUP], 1);
		assert_int_equal(l->notes[asks][REASON_PEER_REFUSED], 0);
		assert_true(spi_now(l) != before);
		assert_int_equal(sa_of(l, HUB)->suite.ke->id, 19);
		assert_int_equal(sa_of(l, SITE)->suite.ke->id, 19);
		lab_free(l);
	}
}

/* The request is on its way, and by the time that the answer names a group that is no longer allowed here. */
static void ask_for_what_is_refused(struct lab *l)
{
	l->cut = true;
	rekey(l, HUB);
	pass(l, S / 2);
	allow(l, SITE, one(19, 0));
	allow(l, HUB, one(31, 0));
	l->cut = false;
	pass(l, 3 * S);
	assert_int_equal(l->notes[HUB][REASON_PEER_REFUSED], 1);
	assert_string_equal(
		l->last[HUB], "rekey of the IKE SA: the peer wants group 19; allowed x25519");
}

static void test_no_group_in_common(void **state)
{
	struct lab *l = up();
	uint64_t before = spi_now(l);

	(void)state;
	ask_for_what_is_refused(l);
	pass(l, 300 * S);
	assert_up(l);
	assert_true(spi_now(l) == before);
	assert_true(l->notes[HUB][REASON_PEER_REFUSED] > 3); /* it is tried again and again */
	allow(l, SITE, one(31, 0));
	pass(l, 60 * S);
	assert_up(l);
	assert_true(spi_now(l) != before);
	lab_free(l);
}

static void test_until_the_lifetime_is_over(void **state)
{
	struct lab *l = up();
	uint64_t before = spi_now(l);

	(void)state;
	sa_of(l, HUB)->expire_at = l->now + 100 * S;
	ask_for_what_is_refused(l);
	pass(l, 90 * S);
	assert_up(l);
	assert_true(spi_now(l) == before);
	l->conf[SITE].options.startup = STARTUP_ADD;
	configure(l, SITE, "key");
	pass(l, 10 * S);
	assert_int_equal(l->notes[HUB][REASON_IKE_EXPIRED], 1);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	lab_free(l);
}

/* The answer has a group that was not asked with. The SA of before carries on; the peer still has it. */
static void test_answer_with_other_group(void **state)
{
	struct lab *l = up();
	uint64_t before = spi_now(l);

	(void)state;
	tunnel_find(l->e[SITE], 5)->conf.options.dpd_action = DPD_RESTART;
	l->cut = true;
	rekey(l, HUB);
	pass(l, S / 2);
	sa_of(l, HUB)->request.group = dh_group_find(19);
	l->cut = false;
	pass(l, 5 * S);
	assert_int_equal(l->notes[HUB][REASON_KE_VALUE], 1);
	assert_string_equal(
		l->last[HUB], "rekey of the IKE SA: asked with group ecp256, chosen x25519");
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_true(spi_now(l) == before);
	pass(l, 300 * S); /* what the peer made comes to its end, and there is one SA again */
	assert_up(l);
	assert_int_equal(tunnel_count_ike(tunnel_find(l->e[HUB], 4)), 1);
	lab_free(l);
}

/* IKEv1 makes a new SA by main mode: when nothing comes of that, the old one stays. */
static void test_v1(void **state)
{
	struct lab *l = lab_v1();
	uint64_t before;

	(void)state;
	site_starts(l);
	pass(l, 10 * S);
	assert_up(l);
	before = spi_now(l);
	allow(l, SITE, one(20, 0));
	rekey(l, HUB);
	pass(l, 120 * S);
	assert_up(l);
	assert_true(l->notes[HUB][REASON_PEER_REFUSED] > 0);
	assert_true(spi_now(l) == before);
	allow(l, SITE, one(19, 0));
	rekey(l, HUB);
	pass(l, 60 * S);
	assert_up(l);
	assert_true(spi_now(l) != before);
	lab_free(l);
}

/*
 * A key exchange costs the hub milliseconds: a peer has as many at once as no device asks for, then one a second.
 * Its tunnel stays up, and what it asks for later it gets.
 */
static void test_a_peer_that_rekeys_without_end(void **state)
{
	struct lab *l = up();
	unsigned int *made = &l->notes[HUB][REASON_IKE_REKEYED];
	unsigned int *refused = &l->notes[HUB][REASON_REKEY_LIMIT];

	(void)state;
	for (int i = 0; i < 300; i++) {
		rekey(l, SITE);
		pass(l, S / 100);
	}
	assert_in_range(*made, REKEYS_AT_ONCE, REKEYS_AT_ONCE + 3);
	assert_true(*refused > 0);
	pass(l, 90 * S);
	assert_up(l);
	*made = *refused = 0;
	for (int i = 0; i < 10; i++) {
		rekey(l, SITE);
		pass(l, 20 * S);
	}
	assert_int_equal(*made, 10);
	assert_int_equal(*refused, 0);
	assert_up(l);
	lab_free(l);
}

/* So it is for pairs with a group of their own, in both versions. */
static void test_pairs_without_end(void **state)
{
	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		struct lab *l = v1 ? lab_v1() : up();
		unsigned int made;

		if (v1)
			site_starts(l);
		pass(l, 10 * S);
		made = l->notes[HUB][REASON_CHILD_REKEYED];
		tunnel_find(l->e[HUB], 4)->rekeys_until = l->now + REKEYS_AT_ONCE * REKEY_EVERY;
		engine_command(l->e[SITE], 5, ENGINE_REKEY_CHILD, l->now);
		settle(l);
		assert_int_equal(l->notes[HUB][REASON_REKEY_LIMIT], 1);
		assert_int_equal(l->notes[HUB][REASON_CHILD_REKEYED], made);
		pass(l, 10 * S); /* it asks again by itself */
		assert_int_equal(l->notes[HUB][REASON_CHILD_REKEYED], made + 1);
		assert_up(l);
		lab_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_group),
		cmocka_unit_test(test_no_group_in_common),
		cmocka_unit_test(test_until_the_lifetime_is_over),
		cmocka_unit_test(test_answer_with_other_group),
		cmocka_unit_test(test_v1),
		cmocka_unit_test(test_a_peer_that_rekeys_without_end),
		cmocka_unit_test(test_pairs_without_end),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
