/* SPDX-License-Identifier: Apache-2.0 */
/* A pre-shared key is replaced while the tunnel is up: A-08. The device follows when it can. */
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
	adds = l->adds[HUB];
	/* The hub is first. Nothing happens to what is up. */
	give(l, HUB, "new key", "key");
	pass(l, 5 * S);
	assert_up(l);
	assert_int_equal(l->adds[HUB], adds);
	assert_false(l->seen[HUB][REASON_PREVIOUS_PSK]);
	/* A device that comes back with the old one is let in, and that is said. */
	dial(l, SITE);
	assert_up(l);
	assert_int_equal(l->adds[HUB], adds + 1);
	assert_true(l->seen[HUB][REASON_PREVIOUS_PSK]);
	/* With the new one it is a device like any other. */
	l->seen[HUB][REASON_PREVIOUS_PSK] = false;
	configure(l, SITE, "new key");
	dial(l, SITE);
	assert_up(l);
	assert_false(l->seen[HUB][REASON_PREVIOUS_PSK]);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rotate),
		cmocka_unit_test(test_hub_dials),
		cmocka_unit_test(test_strangers_key),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
