/* SPDX-License-Identifier: Apache-2.0 */
/* An event tells in which state both SAs are after what it tells of. */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

static void site_hangs_up(struct lab *l)
{
	l->conf[SITE].options.startup = STARTUP_ADD;
	configure(l, SITE, "key");
}

static void nothing(struct lab *l)
{
	(void)l;
}

static void goes_silent(struct lab *l)
{
	l->cut = true;
	pass(l, 90 * S);
}

static void deletes_pair(struct lab *l)
{
	struct tunnel *t = tunnel_find(l->e[SITE], 5);

	site_hangs_up(l);
	child_ask_delete(l->e[SITE], t, t->in_use, l->now);
	pass(l, S);
}

static void has_no_pair(struct lab *l)
{
	deletes_pair(l);
	tunnel_find(l->e[SITE], 5)->no_pair_until = 0;
	pass(l, 2 * NO_PAIR_LIFE);
}

static void deletes_ike(struct lab *l)
{
	engine_command(l->e[SITE], 5, ENGINE_DOWN, l->now);
	pass(l, S);
}

static void pair_expires(struct lab *l)
{
	struct tunnel *t = tunnel_find(l->e[HUB], 4);

	site_hangs_up(l);
	t->children[t->in_use].rekey_at = l->now + 100 * S;
	t->children[t->in_use].expire_at = l->now + S;
	pass(l, 2 * S);
}

static void ike_expires(struct lab *l)
{
	site_hangs_up(l);
	sa_of(l, HUB)->expire_at = l->now + S;
	pass(l, 2 * S);
}

static void hub_takes_down(struct lab *l)
{
	engine_command(l->e[HUB], 4, ENGINE_DOWN, l->now);
	settle(l);
}

static void hub_resets(struct lab *l)
{
	engine_command(l->e[HUB], 4, ENGINE_RESET, l->now);
	settle(l);
}

static void hub_ends(struct lab *l)
{
	engine_shutdown(l->e[HUB], l->now);
	settle(l);
}

static void hub_forgets(struct lab *l)
{
	engine_tunnel_remove(l->e[HUB], 4, l->now);
	settle(l);
}

static void another_key(struct lab *l)
{
	configure(l, HUB, "other");
	settle(l);
}

/* The device goes, and comes again as it is configured now. */
static void device_returns(struct lab *l, const char *key)
{
	engine_command(l->e[SITE], 5, ENGINE_DOWN, l->now);
	configure(l, SITE, key);
	pass(l, S);
	engine_command(l->e[SITE], 5, ENGINE_UP, l->now);
	pass(l, 5 * S);
}

static void device_has_another_key(struct lab *l)
{
	device_returns(l, "wrong");
}

static void device_has_another_phase_2(struct lab *l)
{
	l->conf[SITE].options.p2_encryption = one(12, 192);
	l->conf[SITE].options.p2_integrity = one(12, 0);
	device_returns(l, "key");
}

static void hub_gets_no_answer(struct lab *l)
{
	engine_command(l->e[SITE], 5, ENGINE_DOWN, l->now);
	pass(l, S);
	l->cut = true;
	l->conf[HUB].options.startup = STARTUP_START;
	configure(l, HUB, "key");
	engine_command(l->e[HUB], 4, ENGINE_UP, l->now);
	pass(l, 40 * S);
}

static void rekeys_pair(struct lab *l)
{
	engine_command(l->e[HUB], 4, ENGINE_REKEY_CHILD, l->now);
	pass(l, 5 * S);
}

static void rekeys_ike(struct lab *l)
{
	engine_command(l->e[HUB], 4, ENGINE_REKEY_IKE, l->now);
	pass(l, 5 * S);
}

enum { V1 = 1, V2 = 2, ANY = 3 };

static const struct {
	const char *name;
	void (*bring_about)(struct lab *l);
	enum reason event;
	enum effect_sa_state ike, pair;
	int versions;
} cases[] = {
	{"up", nothing, REASON_CHILD_UP, SA_STATE_ESTABLISHED, SA_STATE_ESTABLISHED, ANY},
	{"IKE SA", nothing, REASON_IKE_UP, SA_STATE_ESTABLISHED, SA_STATE_ESTABLISHED, V2},
	{"main mode", nothing, REASON_IKE_UP, SA_STATE_ESTABLISHED, SA_STATE_NEGOTIATING, V1},
	{"silence", goes_silent, REASON_DPD_TIMEOUT, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"no pair", deletes_pair, REASON_PEER_DELETED_CHILD, SA_STATE_ESTABLISHED,
		SA_STATE_NEGOTIATING, ANY},
	{"no pair for long", has_no_pair, REASON_NO_PAIR, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"deleted", deletes_ike, REASON_PEER_DELETED_IKE, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"pair expired", pair_expires, REASON_CHILD_EXPIRED, SA_STATE_ESTABLISHED,
		SA_STATE_NEGOTIATING, ANY},
	{"IKE SA expired", ike_expires, REASON_IKE_EXPIRED, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"down", hub_takes_down, REASON_ADMIN_DOWN, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"reset", hub_resets, REASON_ADMIN_RESET, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"shutdown", hub_ends, REASON_SHUTDOWN, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"removed", hub_forgets, REASON_REMOVED, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"changed", another_key, REASON_CONFIG_CHANGED, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"wrong key", device_has_another_key, REASON_WRONG_PSK, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"wrong phase 2", device_has_another_phase_2, REASON_NO_ESP_PROPOSAL, SA_STATE_ESTABLISHED,
		SA_STATE_NEGOTIATING, ANY},
	{"no answer", hub_gets_no_answer, REASON_TIMEOUT, SA_STATE_DOWN, SA_STATE_DOWN, ANY},
	{"pair rekeyed", rekeys_pair, REASON_CHILD_REKEYED, SA_STATE_ESTABLISHED,
		SA_STATE_ESTABLISHED, ANY},
	{"IKE SA rekeyed", rekeys_ike, REASON_IKE_REKEYED, SA_STATE_ESTABLISHED,
		SA_STATE_ESTABLISHED, ANY},
};

static void test_states_after_the_event(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		int version = 1 + (int)(i % 2);
		enum reason r = cases[i / 2].event;
		const struct effect_note *n;
		struct lab *l;

		if (!(cases[i / 2].versions & version))
			continue;
		l = version == 1 ? lab_v1() : lab_new();
		site_starts(l);
		pass(l, 10 * S);
		assert_up(l);
		if (cases[i / 2].bring_about != nothing)
			l->notes[HUB][r] = 0;
		cases[i / 2].bring_about(l);
		n = &l->note[HUB][r];
		assert_int_equal(n->refusal, r == REASON_WRONG_PSK);
		if (!l->notes[HUB][r] || n->ike_state != cases[i / 2].ike ||
			n->child_state != cases[i / 2].pair)
			fail_msg("IKEv%d, %s: %s came %u times, IKE SA %d, pair %d", version,
				cases[i / 2].name, reason_code(r), l->notes[HUB][r], n->ike_state,
				n->child_state);
		lab_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states_after_the_event),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
