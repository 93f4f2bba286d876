/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration for a tunnel that is up: what goes on as if nothing had happened, and what not. */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

typedef void change_options(struct engine_tunnel *c);

static void other_order(struct engine_tunnel *c)
{
	struct algorithm_set *sets[] = {&c->options.p1_encryption, &c->options.p1_groups,
		&c->options.p2_encryption, &c->options.p2_groups};

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(sets[i]->count, 2);
		sets[i]->items[2] = sets[i]->items[0];
		sets[i]->items[0] = sets[i]->items[1];
		sets[i]->items[1] = sets[i]->items[2];
	}
}

static void wider(struct engine_tunnel *c)
{
	c->options.p1_groups.items[c->options.p1_groups.count++].id = 14;
	c->options.p2_groups.items[c->options.p2_groups.count++].id = 14;
	c->options.p2_integrity.items[c->options.p2_integrity.count++].id = 13;
	c->options.esn = true;
}

static void only_what_is_used(struct engine_tunnel *c)
{
	c->options.p1_encryption.count = c->options.p1_groups.count = 1;
	c->options.p2_encryption.count = c->options.p2_groups.count = 1;
}

static void other_version_too(struct engine_tunnel *c)
{
	c->options.ikev1 = c->options.ikev2 = true;
}

static void times(struct engine_tunnel *c)
{
	c->options.p1_lifetime_s = 3600;
	c->options.p2_lifetime_s = 900;
	c->options.rekey_margin_s = 60;
	c->options.rekey_fuzz_percent = 10;
	c->options.dpd_interval_s = 5;
	c->options.dpd_timeout_s = 20;
	c->options.dpd_action = DPD_RESTART;
	c->options.replay_window = 1024;
}

static void any_address(struct engine_tunnel *c)
{
	c->remote = (struct ip_addr){0};
}

static void no_other_version(struct engine_tunnel *c)
{
	(void)c; /* the lab's own options again, after other_version_too */
}

static void other_cipher(struct engine_tunnel *c)
{
	c->options.p1_encryption = one(12, 192);
}

static void other_esp_group(struct engine_tunnel *c)
{
	c->options.p2_groups = one(16, 0);
}

static void other_esp_cipher(struct engine_tunnel *c)
{
	c->options.p2_encryption = one(28, 256);
}

static void not_this_version(struct engine_tunnel *c)
{
	c->options.ikev1 = !c->options.ikev1;
	c->options.ikev2 = !c->options.ikev2;
}

static void other_address(struct engine_tunnel *c)
{
	addr_parse("192.0.2.77", &c->remote);
}

static void narrower_selectors(struct engine_tunnel *c)
{
	addr_parse("10.0.0.0", &c->remote_ts.selectors[0].first);
	addr_parse("10.0.0.255", &c->remote_ts.selectors[0].last);
}

static void encapsulated(struct engine_tunnel *c)
{
	c->options.encap = ENCAP_FORCE;
}

/* Both ends have two of everything; the hub takes the first of each. */
static struct lab *lab_wide(int version)
{
	struct lab *l = version == 1 ? lab_v1() : lab_new();

	for (int i = 0; i < 2; i++) {
		struct ike_options *o = &l->conf[i].options;

		o->p1_encryption = (struct algorithm_set){2, {{12, 256}, {12, 128}}};
		o->p1_integrity = one(12, 0);
		o->p1_groups = (struct algorithm_set){2, {{19, 0}, {20, 0}}};
		o->p2_encryption = (struct algorithm_set){2, {{20, 256}, {20, 128}}};
		o->p2_groups = (struct algorithm_set){2, {{19, 0}, {20, 0}}};
		configure(l, i, "key");
	}
	site_starts(l);
	engine_command(l->e[HUB], 4, ENGINE_REKEY_CHILD, l->now); /* with a group of its own */
	pass(l, 60 * S);
	assert_up(l);
	assert_non_null(tunnel_find(l->e[HUB], 4)->children[1].suite.ke);
	memset(l->notes, 0, sizeof(l->notes));
	memset(l->adds, 0, sizeof(l->adds));
	memset(l->dels, 0, sizeof(l->dels));
	return l;
}

static void test_harmless(void **state)
{
	static change_options *const changes[] = {other_order, wider, only_what_is_used,
		other_version_too, times, any_address, no_other_version};

	(void)state;
	for (int version = 1; version <= 2; version++) {
		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			struct lab *l = lab_wide(version);

			if (changes[i] == no_other_version) {
				tunnel_find(l->e[HUB], 4)->conf.options.ikev1 = true;
				tunnel_find(l->e[HUB], 4)->conf.options.ikev2 = true;
			}
			changes[i](&l->conf[HUB]);
			configure(l, HUB, "key");
			pass(l, 3 * S);
			assert_up(l);
			if (l->adds[HUB] || l->dels[HUB] || l->notes[SITE][REASON_PEER_DELETED_IKE])
				fail_msg("IKEv%d: change %zu interrupts", version, i);
			/* And the next rekey goes by what is configured now. */
			engine_command(l->e[HUB], 4, ENGINE_REKEY_CHILD, l->now);
			pass(l, 3 * S);
			assert_int_equal(l->adds[HUB], 1);
			assert_up(l);
			lab_free(l);
		}
	}
}

static void test_not_allowed_now(void **state)
{
	static change_options *const changes[] = {other_cipher, other_esp_group, other_esp_cipher,
		not_this_version, other_address, narrower_selectors, encapsulated};

	(void)state;
	for (int version = 1; version <= 2; version++) {
		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			struct lab *l = lab_wide(version);

			changes[i](&l->conf[HUB]);
			configure(l, HUB, "key");
			settle(l);
			if (l->state[HUB].reason != REASON_CONFIG_CHANGED)
				fail_msg("IKEv%d: change %zu does not count", version, i);
			assert_true(l->dels[HUB] > 0);
			lab_free(l);
		}
	}
}

/* An attempt with what was offered before ends at once, and another begins. */
static void test_attempt(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		struct lab *l = version == 1 ? lab_v1() : lab_new();

		l->conf[HUB].options.p1_groups = one(20, 0);
		configure(l, HUB, "key");
		l->cut = true;
		site_starts(l);
		l->cut = false;
		l->conf[SITE].options.p1_groups = one(20, 0);
		configure(l, SITE, "key");
		pass(l, 2 * S);
		assert_up(l);
		assert_int_equal(l->notes[HUB][REASON_NO_IKE_PROPOSAL], 0);
		lab_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_harmless),
		cmocka_unit_test(test_not_allowed_now),
		cmocka_unit_test(test_attempt),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
