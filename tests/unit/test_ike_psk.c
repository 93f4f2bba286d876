/* SPDX-License-Identifier: Apache-2.0 */
/* A pre-shared key is replaced while the tunnel is up. The device follows when it can. */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

static struct lab *lab_of(unsigned int version)
{
	return version == 1 ? lab_v1() : lab_new();
}

static void give(struct lab *l, int i, const char *psk, const char *previous)
{
	secret_set(&l->conf[i].psk_previous, previous, strlen(previous));
	configure(l, i, psk);
}

static void dial(struct lab *l, int i)
{
	engine_command(l->e[i], l->conf[i].number, ENGINE_RESET, l->now);
	pass(l, 70 * S);
}

static void rotate(unsigned int version)
{
	struct lab *l = lab_of(version);
	unsigned int adds;

	give(l, HUB, "key", "");
	site_starts(l);
	assert_up(l);
	assert_int_equal(l->state[HUB].key, EFFECT_KEY_PRESENT);
	adds = l->adds[HUB];
	/* The hub is first. Nothing happens to what is up, and it is known by which key that is. */
	give(l, HUB, "new key", "key");
	pass(l, 5 * S);
	assert_up(l);
	assert_int_equal(l->adds[HUB], adds);
	assert_false(l->seen[HUB][REASON_PREVIOUS_PSK]);
	assert_int_equal(l->state[HUB].key, EFFECT_KEY_PREVIOUS);
	/* A device that comes back with the old one is let in, and that is said. */
	dial(l, SITE);
	assert_up(l);
	assert_int_equal(l->adds[HUB], adds + 1);
	assert_true(l->seen[HUB][REASON_PREVIOUS_PSK]);
	assert_int_equal(l->state[HUB].key, EFFECT_KEY_PREVIOUS);
	/* With the new one it is a device like any other. */
	l->seen[HUB][REASON_PREVIOUS_PSK] = false;
	configure(l, SITE, "new key");
	dial(l, SITE);
	assert_up(l);
	assert_false(l->seen[HUB][REASON_PREVIOUS_PSK]);
	assert_int_equal(l->state[HUB].key, EFFECT_KEY_PRESENT);
	/* The end of the old one: the tunnel stays, and who has only that is out. */
	adds = l->adds[HUB];
	give(l, HUB, "new key", "");
	pass(l, 5 * S);
	assert_up(l);
	assert_int_equal(l->adds[HUB], adds);
	configure(l, SITE, "key");
	dial(l, SITE);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_true(l->notes[HUB][REASON_WRONG_PSK] > 0);
	lab_free(l);
}

/* A rekeyed SA is the one of before: its device has shown no other key. */
static void a_rekey_shows_no_key(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	give(l, HUB, "key", "");
	site_starts(l);
	give(l, HUB, "new key", "key");
	pass(l, 5 * S);
	assert_int_equal(l->state[HUB].key, EFFECT_KEY_PREVIOUS);
	for (int i = 0; i < 2; i++) {
		engine_command(l->e[i], l->conf[i].number, ENGINE_REKEY_IKE, l->now);
		pass(l, 5 * S);
		assert_up(l);
		assert_int_equal(l->state[HUB].key, EFFECT_KEY_PREVIOUS);
	}
	lab_free(l);
}

/* A key that is taken away is not good any more for what it has let in. */
static void ends_with_its_key(unsigned int version)
{
	struct lab *l = lab_of(version);
	unsigned int adds;

	give(l, HUB, "key", "");
	site_starts(l);
	give(l, HUB, "new key", "key");
	pass(l, 5 * S);
	assert_up(l);
	adds = l->adds[HUB];
	give(l, HUB, "new key", "");
	pass(l, 40 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->adds[HUB], adds);
	lab_free(l);
}

static void test_ends_with_its_key(void **state)
{
	(void)state;
	ends_with_its_key(2);
	ends_with_its_key(1);
}

/* Keys may have changed while there was no process. */
static void a_restart_forgets_no_key(void **state)
{
	struct lab *l = lab_new();
	struct engine_env env = {.random = lab_random};
	struct engine_limits limits = engine_limits_default();
	size_t size = ENGINE_CHECKPOINT_SIZE(1), len;
	uint8_t *bytes = malloc(size);

	(void)state;
	assert_non_null(bytes);
	give(l, HUB, "key", "");
	site_starts(l);
	len = engine_checkpoint(l->e[HUB], bytes, size, l->now);
	for (int turn = 0; turn < 2; turn++) {
		engine_free(l->e[HUB]);
		l->e[HUB] = engine_new(&env, &limits);
		give(l, HUB, turn ? "new key" : "key", turn ? "key" : "");
		assert_true(engine_restore(l->e[HUB], bytes, len, l->now));
		engine_start(l->e[HUB], l->now);
		pass(l, 1 * S);
		assert_up(l);
		assert_int_equal(
			l->state[HUB].key, turn ? EFFECT_KEY_PREVIOUS : EFFECT_KEY_PRESENT);
	}
	free(bytes);
	lab_free(l);
}

/* And so may the one that an SA was set up by have been taken away. */
static void a_restart_ends_what_its_key_is_gone_of(void **state)
{
	struct lab *l = lab_new();
	struct engine_env env = {.random = lab_random};
	struct engine_limits limits = engine_limits_default();
	size_t size = ENGINE_CHECKPOINT_SIZE(1), len;
	uint8_t *bytes = malloc(size);

	(void)state;
	assert_non_null(bytes);
	give(l, HUB, "key", "");
	site_starts(l);
	len = engine_checkpoint(l->e[HUB], bytes, size, l->now);
	engine_free(l->e[HUB]);
	l->e[HUB] = engine_new(&env, &limits);
	give(l, HUB, "new key", "newer key");
	assert_true(engine_restore(l->e[HUB], bytes, len, l->now));
	engine_start(l->e[HUB], l->now);
	pass(l, 1 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_not_equal(l->state[SITE].phase, PHASE_UP); /* it was told */
	free(bytes);
	lab_free(l);
}

/* The hub dials: it finds out which of the two the device has. */
static void hub_dials(unsigned int version)
{
	struct lab *l = lab_of(version);

	l->conf[HUB].options.startup = STARTUP_START;
	configure(l, SITE, "key");
	give(l, HUB, "new key", "key");
	pass(l, 120 * S);
	assert_up(l);
	assert_true(l->seen[HUB][REASON_PREVIOUS_PSK]);
	configure(l, SITE, "new key");
	pass(l, 120 * S);
	assert_up(l);
	lab_free(l);
}

static void strangers_key(unsigned int version)
{
	struct lab *l = lab_of(version);

	give(l, HUB, "new key", "key");
	l->conf[SITE].options.startup = STARTUP_START;
	configure(l, SITE, "another key");
	dial(l, SITE);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->adds[HUB], 0);
	assert_true(l->notes[HUB][REASON_WRONG_PSK] > 0);
	/* No previous key is no empty key. */
	give(l, HUB, "new key", "");
	configure(l, SITE, "");
	dial(l, SITE);
	assert_int_equal(l->adds[HUB], 0);
	lab_free(l);
}

static void test_rotate(void **state)
{
	(void)state;
	rotate(2);
	rotate(1);
}

static void test_hub_dials(void **state)
{
	(void)state;
	hub_dials(2);
	hub_dials(1);
}

static void test_strangers_key(void **state)
{
	(void)state;
	strangers_key(2);
	strangers_key(1);
}

static void set_ppk(struct lab *l, int i, const char *id, const char *key)
{
	struct engine_tunnel *c = &l->conf[i];

	c->options.ppk_id_len = (uint8_t)strlen(id);
	memcpy(c->options.ppk_id, id, strlen(id));
	secret_set(&c->ppk, key, strlen(key));
	configure(l, i, "key");
}

/* RFC 8784: the key goes into everything that SK_d and AUTH make. */
static void test_ppk(void **state)
{
	struct lab *l = lab_new();
	uint8_t before[PRF_MAX];

	(void)state;
	set_ppk(l, HUB, "q", "0123456789abcdef");
	set_ppk(l, SITE, "q", "0123456789abcdef");
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
	memcpy(before, sa_of(l, HUB)->keys.d, sizeof(before));
	assert_memory_equal(before, sa_of(l, SITE)->keys.d, sizeof(before));
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_IKE, l->now);
	pass(l, S);
	assert_memory_not_equal(before, sa_of(l, HUB)->keys.d, 32);
	assert_memory_equal(sa_of(l, HUB)->keys.d, sa_of(l, SITE)->keys.d, PRF_MAX);
	/* Another key on one end ends the SA, and nobody gets in with it. */
	set_ppk(l, HUB, "q", "fedcba9876543210");
	pass(l, 40 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->state[HUB].reason, REASON_WRONG_PSK);
	set_ppk(l, HUB, "other", "0123456789abcdef");
	pass(l, 100 * S);
	assert_int_equal(l->state[HUB].reason, REASON_PPK_UNKNOWN);
	assert_int_equal(l->notes[HUB][REASON_CRYPTO], 0);
	lab_free(l);
}

/* Met with silence, the request comes again, with the same AUTH. */
static void test_ppk_of_a_disabled_tunnel(void **state)
{
	struct lab *l = lab_new();
	struct engine_tunnel other;
	struct secret psk;

	(void)state;
	l->conf[HUB].remote = (struct ip_addr){0};
	set_ppk(l, HUB, "q", "0123456789abcdef");
	set_ppk(l, SITE, "q", "0123456789abcdef");
	other = l->conf[HUB]; /* has the device let in as far as IKE_AUTH */
	other.number = 6;
	other.remote_id.bytes[0] = 'o';
	secret_set(&psk, "other", 5);
	engine_tunnel_set(l->e[HUB], &other, &psk, l->now);
	engine_command(l->e[HUB], 4, ENGINE_DOWN, l->now);
	site_starts(l);
	pass(l, 10 * S);
	assert_true(l->notes[HUB][REASON_TUNNEL_DISABLED] > 1);
	assert_int_equal(l->notes[HUB][REASON_WRONG_PSK], 0);
	assert_int_equal(l->notes[SITE][REASON_PEER_REFUSED], 0);
	assert_int_equal(l->told[HUB][4], l->notes[HUB][REASON_TUNNEL_DISABLED]);
	engine_command(l->e[HUB], 4, ENGINE_UP, l->now);
	pass(l, 5 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
	assert_memory_equal(sa_of(l, HUB)->keys.d, sa_of(l, SITE)->keys.d, PRF_MAX);
	lab_free(l);
}

/* One end has a key: whichever it is, it refuses to go on without. */
static void test_ppk_on_one_end(void **state)
{
	(void)state;
	for (int end = HUB; end <= SITE; end++) {
		struct lab *l = lab_new();

		set_ppk(l, end, "q", "0123456789abcdef");
		site_starts(l);
		assert_int_not_equal(l->state[HUB].phase, PHASE_UP);
		assert_int_not_equal(l->state[SITE].phase, PHASE_UP);
		assert_true(l->notes[end][REASON_PPK_MISSING] > 0);
		assert_int_equal(l->state[end].reason, REASON_PPK_MISSING);
		lab_free(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotate),
		cmocka_unit_test(a_rekey_shows_no_key),
		cmocka_unit_test(test_ends_with_its_key),
		cmocka_unit_test(a_restart_forgets_no_key),
		cmocka_unit_test(a_restart_ends_what_its_key_is_gone_of),
		cmocka_unit_test(test_hub_dials),
		cmocka_unit_test(test_strangers_key),
		cmocka_unit_test(test_ppk),
		cmocka_unit_test(test_ppk_on_one_end),
		cmocka_unit_test(test_ppk_of_a_disabled_tunnel),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
