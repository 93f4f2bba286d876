/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several tunnels end at one address of the hub, and phase 1 chooses its suite before it knows which
 * one the peer has: what one site has in its configuration binds no other.
 */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

#define OLD 2 /* stands before the site's own tunnel */

static struct algorithm_set two(uint16_t id, uint16_t bits, uint16_t id2, uint16_t bits2)
{
	return (struct algorithm_set){.count = 2, .items = {{id, bits}, {id2, bits2}}};
}

/* aes256-sha256-ecp256 or, the older device, aes128-sha1-modp1024. */
static void set_suites(struct ike_options *o, bool modern, bool old)
{
	o->p1_prf = (struct algorithm_set){0};
	o->p1_encryption = modern && old ? two(12, 256, 12, 128) : one(12, modern ? 256 : 128);
	o->p1_integrity = modern && old ? two(12, 0, 2, 0) : one(modern ? 12 : 2, 0);
	o->p1_groups = modern && old ? two(19, 0, 2, 0) : one(modern ? 19 : 2, 0);
}

/*
 * A hub with a tunnel for an old device and one for the site, neither with an address; the site
 * offers both suites.
 */
static struct lab *lab_two(bool v1)
{
	struct lab *l = v1 ? lab_v1() : lab_new();
	struct engine_tunnel old;
	struct secret psk;

	l->conf[HUB].remote = (struct ip_addr){0};
	set_suites(&l->conf[HUB].options, true, false);
	set_suites(&l->conf[SITE].options, true, true);
	configure(l, HUB, "key");
	configure(l, SITE, "key");
	old = l->conf[HUB];
	old.number = OLD;
	old.remote_id.bytes[0] = 'o';
	set_suites(&old.options, false, true);
	secret_set(&psk, "old", 3);
	engine_tunnel_set(l->e[HUB], &old, &psk, l->now);
	settle(l);
	memset(l->told, 0, sizeof(l->told));
	return l;
}

static void test_other_site_first(void **state)
{
	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		struct lab *l = lab_two(v1);

		site_starts(l);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		assert_string_equal(l->state[HUB].ike_proposal, "aes256-sha256-prfsha256-ecp256");
		assert_int_equal(l->notes[HUB][REASON_NO_IKE_PROPOSAL], 0);
		assert_int_equal(l->told[HUB][OLD], 0);
		lab_free(l);
	}
}

/*
 * The old device offers the other suite first, so that one is chosen for it: it may try again. Also where the
 * other site's device is known to be at the same address, behind a NAT say.
 */
static void test_own_choice_after_a_refusal(void **state)
{
	(void)state;
	for (int v1 = 0; v1 < 4; v1++) {
		struct lab *l = lab_two(v1 % 2);

		if (v1 >= 2)
			tunnel_seen(l->e[HUB], tunnel_find(l->e[HUB], 4), &l->conf[SITE].local);
		l->conf[SITE].local_id.bytes[0] = 'o';
		l->conf[SITE].options.startup = STARTUP_START;
		configure(l, SITE, "old");
		pass(l, S);
		assert_int_equal(l->notes[HUB][REASON_NO_IKE_PROPOSAL], 1);
		assert_true(l->told[HUB][OLD] > 0);
		assert_int_equal(l->told[HUB][4], 0);
		pass(l, 40 * S);
		assert_int_equal(l->state[SITE].phase, PHASE_UP);
		assert_string_equal(l->state[SITE].ike_proposal, "aes128-sha1-prfsha1-modp1024");
		lab_free(l);
	}
}

/* A tunnel that names the peer's address goes before all that name none. */
static void test_known_address_first(void **state)
{
	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		struct lab *l = lab_two(v1);

		set_suites(&l->conf[HUB].options, false, true);
		l->conf[HUB].remote = l->conf[SITE].local;
		configure(l, HUB, "key");
		site_starts(l);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		assert_string_equal(l->state[HUB].ike_proposal, "aes128-sha1-prfsha1-modp1024");
		lab_free(l);
	}
}

/* What happens before the identity is known is told of the one tunnel at this address, or of none. */
static void test_notes_before_authentication(void **state)
{
	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		for (int known = 0; known < 2; known++) {
			struct lab *l = lab_two(v1);

			l->conf[SITE].options.p1_encryption = one(12, 192);
			configure(l, SITE, "key");
			if (known)
				l->conf[HUB].remote = l->conf[SITE].local;
			configure(l, HUB, "key");
			settle(l);
			memset(l->told, 0, sizeof(l->told));
			site_starts(l);
			assert_int_equal(l->notes[HUB][REASON_NO_IKE_PROPOSAL], 1);
			assert_int_equal(l->told[HUB][OLD], 0);
			assert_int_equal(l->told[HUB][4], known);
			assert_int_equal(l->state[HUB].reason == REASON_NO_IKE_PROPOSAL, known);
			lab_free(l);
		}
	}
}

/* IKEv2 with another group than the one chosen: no site is told but the one at the address. */
static void test_group_is_nobodys(void **state)
{
	struct lab *l = lab_two(false);

	(void)state;
	l->conf[SITE].options.p1_groups = two(2, 0, 19, 0);
	configure(l, SITE, "key");
	site_starts(l);
	assert_int_equal(l->notes[HUB][REASON_KE_GROUP], 1);
	assert_int_equal(l->told[HUB][OLD], 0);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	lab_free(l);
}

/* A tunnel that has to be encapsulated is, wherever it stands. */
static void test_forced_encapsulation(void **state)
{
	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		struct lab *l = lab_two(v1);
		struct engine_tunnel plain = l->conf[HUB];
		struct secret psk;

		plain.number = OLD;
		plain.remote_id.bytes[0] = 'o';
		secret_set(&psk, "old", 3);
		engine_tunnel_set(l->e[HUB], &plain, &psk, l->now);
		l->conf[HUB].options.encap = ENCAP_FORCE;
		configure(l, HUB, "key");
		site_starts(l);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		assert_true(tunnel_find(l->e[HUB], 4)->children[0].udp_encap);
		lab_free(l);
	}
}

/* A tunnel whose peer has another address is none of its candidates, whatever suite it has. */
static void test_other_address_is_no_candidate(void **state)
{
	(void)state;
	for (int v1 = 0; v1 < 2; v1++) {
		struct lab *l = lab_two(v1);
		struct engine_tunnel old = l->conf[HUB];
		struct secret psk;

		/* The site's own has only the old suite; another site's, elsewhere, the one that it likes better. */
		set_suites(&l->conf[HUB].options, false, true);
		configure(l, HUB, "key");
		old.number = OLD;
		old.remote_id.bytes[0] = 'o';
		assert_true(addr_parse("203.0.113.77", &old.remote));
		secret_set(&psk, "old", 3);
		engine_tunnel_set(l->e[HUB], &old, &psk, l->now);
		site_starts(l);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		assert_string_equal(l->state[HUB].ike_proposal, "aes128-sha1-prfsha1-modp1024");
		lab_free(l);
	}
}

/* Every tunnel is found, whichever came before or after it. */
static void test_all_are_found(void **state)
{
	(void)state;
	for (uint32_t wanted = 0; wanted < 3; wanted++) {
		struct lab *l = lab_new();
		struct engine_tunnel other = l->conf[HUB];
		struct secret psk;

		engine_tunnel_remove(l->e[HUB], other.number, l->now);
		other.remote = (struct ip_addr){0};
		secret_set(&psk, "key", 3);
		for (uint32_t i = 0; i < 3; i++) {
			struct engine_tunnel t = other;

			if (i != wanted)
				assert_true(addr_parse("203.0.113.77", &t.remote));
			t.number = i;
			t.remote_id.bytes[0] = i == wanted ? l->conf[HUB].remote_id.bytes[0] : 'x';
			engine_tunnel_set(l->e[HUB], &t, &psk, l->now);
		}
		configure(l, SITE, "key");
		settle(l);
		site_starts(l);
		assert_int_equal(l->state[SITE].phase, PHASE_UP);
		lab_free(l);
	}
}

/* Policies that differ in one list are different ones, and those that no tunnel has any more take no room. */
static void test_policies_are_told_apart(void **state)
{
	(void)state;
	for (int list = 0; list < 4; list++) {
		struct lab *l = lab_two(false);
		struct engine_tunnel old = l->conf[HUB];
		struct algorithm_set *of[] = {&old.options.p1_encryption, &old.options.p1_integrity,
			&old.options.p1_groups, &old.options.p1_prf};
		struct secret psk;

		/* The first tunnel would be the site's own, but for one algorithm that the site does not have. */
		old.number = OLD;
		old.remote_id.bytes[0] = 'o';
		*of[list] = list == 0   ? one(12, 192)
			    : list == 1 ? one(14, 0)
			    : list == 2 ? one(14, 0)
					: one(7, 0);
		secret_set(&psk, "old", 3);
		engine_tunnel_set(l->e[HUB], &old, &psk, l->now);
		site_starts(l);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		for (uint16_t i = 0; i < 100; i++) {
			old.options.p1_encryption = one((uint16_t)(100 + i), 128);
			engine_tunnel_set(l->e[HUB], &old, &psk, l->now);
		}
		assert_in_range(l->e[HUB]->policies.count, 2, 3);
		lab_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_site_first),
		cmocka_unit_test(test_own_choice_after_a_refusal),
		cmocka_unit_test(test_known_address_first),
		cmocka_unit_test(test_notes_before_authentication),
		cmocka_unit_test(test_group_is_nobodys),
		cmocka_unit_test(test_forced_encapsulation),
		cmocka_unit_test(test_other_address_is_no_candidate),
		cmocka_unit_test(test_all_are_found),
		cmocka_unit_test(test_policies_are_told_apart),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
