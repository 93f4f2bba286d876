/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INITIAL_CONTACT: RFC 7296 2.4, RFC 2407 4.6.3.3. Whoever says it and has proven who he is ends his own older
 * SAs, and nobody else's; not who has the same address, and not who only says that he is the same.
 */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

#define OTHER_HUB  6 /* numbers of the second site's tunnel */
#define OTHER_SITE 7

static void second_site(struct lab *l, int i, const char *key)
{
	struct engine_tunnel c = l->conf[i];
	struct secret psk;

	c.number = i == HUB ? OTHER_HUB : OTHER_SITE;
	(i == HUB ? &c.remote_id : &c.local_id)->bytes[0] = 'n';
	secret_set(&psk, key, strlen(key));
	engine_tunnel_set(l->e[i], &c, &psk, l->now);
}

static struct engine_view hub_has(struct lab *l, uint32_t tunnel)
{
	struct engine_view v;

	engine_look(l->e[HUB], tunnel, &v);
	return v;
}

/* Two sites at one address, both up. */
static struct lab *two_sites(int version)
{
	struct lab *l = version == 1 ? lab_v1() : lab_new();

	second_site(l, HUB, "key");
	second_site(l, SITE, "key");
	site_starts(l);
	l->conf[SITE].options.startup = STARTUP_START;
	second_site(l, SITE, "key");
	pass(l, 10 * S);
	assert_int_equal(hub_has(l, l->conf[HUB].number).live_pairs, 1);
	assert_int_equal(hub_has(l, OTHER_HUB).live_pairs, 1);
	assert_int_equal(l->notes[HUB][REASON_INITIAL_CONTACT], 0);
	return l;
}

/* The device has lost its memory, and dials for its first tunnel only. */
static void starts_afresh(struct lab *l, const char *key)
{
	struct engine_env env = l->e[SITE]->env;
	struct engine_limits limits = engine_limits_default();

	engine_free(l->e[SITE]);
	l->e[SITE] = engine_new(&env, &limits);
	engine_start(l->e[SITE], l->now);
	configure(l, SITE, key);
	pass(l, 5 * S);
}

static void test_own_older_ones_only(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		struct lab *l = two_sites(version);
		struct engine_view own = hub_has(l, l->conf[HUB].number);
		struct engine_view other = hub_has(l, OTHER_HUB), now;

		starts_afresh(l, "key");
		assert_int_equal(l->notes[HUB][REASON_INITIAL_CONTACT], 1);
		now = hub_has(l, l->conf[HUB].number);
		assert_int_equal(now.established, 1);
		assert_true(now.ike_spi_i != own.ike_spi_i);
		assert_int_not_equal(now.spi_in, own.spi_in);
		now = hub_has(l, OTHER_HUB);
		assert_memory_equal(&now, &other, sizeof(now));
		lab_free(l);
	}
}

static void test_not_by_who_only_says_so(void **state)
{
	(void)state;
	for (int version = 1; version <= 2; version++) {
		struct lab *l = two_sites(version);
		struct engine_view own = hub_has(l, l->conf[HUB].number);
		struct engine_view other = hub_has(l, OTHER_HUB), now;

		starts_afresh(l, "wrong");
		assert_true(l->notes[HUB][REASON_WRONG_PSK] > 0);
		assert_int_equal(l->notes[HUB][REASON_INITIAL_CONTACT], 0);
		now = hub_has(l, l->conf[HUB].number);
		assert_true(now.ike_spi_i == own.ike_spi_i);
		assert_int_equal(now.spi_in, own.spi_in);
		now = hub_has(l, OTHER_HUB);
		assert_memory_equal(&now, &other, sizeof(now));
		lab_free(l);
	}
}

/* IKEv1: the notification in clear, with the cookies of the SA that is there. */
static void test_not_in_clear(void **state)
{
	struct lab *l = two_sites(1);
	struct ike_sa *sa = sa_of(l, HUB);
	struct ike_header h = {
		.spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = V1_INFORMATIONAL, .id = 77};
	struct engine_view own = hub_has(l, l->conf[HUB].number), now;
	uint8_t buffer[256], spi[V1_COOKIES_LEN];
	struct wr spi_w = wr_init(spi, sizeof(spi));
	struct message_writer w;

	(void)state;
	wr_u64(&spi_w, sa->spi_i);
	wr_u64(&spi_w, sa->spi_r);
	v1_message_begin(&w, buffer, sizeof(buffer), &h);
	v1_notification(&w, PROTOCOL_IKE, spi, sizeof(spi), V1_NOTIFY_INITIAL_CONTACT, NULL, 0);
	engine_datagram(l->e[HUB], &sa->local, &sa->remote, buffer, message_end(&w), l->now);
	pass(l, S);
	now = hub_has(l, l->conf[HUB].number);
	assert_memory_equal(&now, &own, sizeof(now));
	assert_int_equal(l->notes[HUB][REASON_INITIAL_CONTACT], 0);
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_older_ones_only),
		cmocka_unit_test(test_not_by_who_only_says_so),
		cmocka_unit_test(test_not_in_clear),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
