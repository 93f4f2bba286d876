/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers who begin and do not go on: whom they keep out, and whom not. */
#include "ike_stranger.h"

#include "crypto/hash.h"
#include "ike/v1/v1.h"

#include <stdio.h>

#define PLACES 512 /* of all strangers */

/* A hub that takes whoever has the key; the site's address is configured for another tunnel. */
static struct lab *lab_open(bool site_is_known)
{
	struct lab *l = lab_new();

	if (!site_is_known)
		l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	return l;
}

static void assert_site_gets_in(struct lab *l)
{
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
}

/* A copy of the first message is one, also when it has become known meanwhile that a tunnel's peer is there. */
static void test_copy_from_where_a_peer_is_now(void **state)
{
	struct lab *l = lab_open(false);
	struct ip_addr a;

	(void)state;
	addr_parse("203.0.113.5", &a);
	for (int i = 0; i < 3; i++) {
		stranger(l, "203.0.113.5", 77, true);
		drain(l);
		assert_int_equal(engine_half_open(l->e[HUB]), 1);
		tunnel_seen(l->e[HUB], tunnel_find(l->e[HUB], 4), &a);
		addr_parse(i ? "203.0.113.5" : "203.0.113.9", &a);
	}
	lab_free(l);
}

/* Twenty addresses of one prefix that return their cookies, as fast as 160 messages in a second. */
static void test_one_prefix(void **state)
{
	struct lab *l = lab_open(false);
	uint64_t spi = 1;
	char source[32];

	(void)state;
	for (int second = 0; second < 20; second++) {
		for (int i = 0; i < 80; i++) {
			snprintf(source, sizeof(source), "198.51.100.%d", 100 + i % 20);
			patient_stranger(l, source, spi++, true);
		}
		pass(l, S);
	}
	assert_in_range(engine_half_open(l->e[HUB]), 64, PLACES / 4);
	assert_site_gets_in(l);
	pass(l, 40 * S);
	assert_int_equal(engine_half_open(l->e[HUB]), 0);
	lab_free(l);
}

/* As many prefixes as it takes to fill all places: who is alone in his gets one of theirs. */
static void test_many_prefixes(void **state)
{
	struct lab *l = lab_open(false);
	uint64_t spi = 1;
	char source[32];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(source, sizeof(source), "198.51.%d.%d", i % 20, i % 200 + 1);
		patient_stranger(l, source, spi++, true);
	}
	assert_int_equal(engine_half_open(l->e[HUB]), PLACES);
	assert_true(l->notes[HUB][REASON_HALF_OPEN_TOTAL] > 1000);
	assert_site_gets_in(l);
	lab_free(l);
}

/* Who has one of a full prefix's places for long without going on leaves it to the next. */
static void test_places_go_on(void **state)
{
	struct lab *l = lab_open(false);
	unsigned int refused;
	char source[32];

	(void)state;
	for (uint64_t i = 0; i < 200; i++) {
		snprintf(source, sizeof(source), "192.0.2.%d", 100 + (int)i % 20);
		patient_stranger(l, source, 1 + i, true);
	}
	assert_int_equal(engine_half_open(l->e[HUB]), PLACES / 4);
	/* The site is of the same prefix. */
	refused = l->notes[HUB][REASON_HALF_OPEN_SOURCE];
	patient_stranger(l, "192.0.2.2", 1000, true);
	assert_int_equal(l->notes[HUB][REASON_HALF_OPEN_SOURCE], refused + 1);
	pass(l, 6 * S);
	assert_int_equal(engine_half_open(l->e[HUB]), PLACES / 4);
	assert_site_gets_in(l);
	lab_free(l);
}

/* A configured address has room of its own when all else is taken. */
static void test_known_address(void **state)
{
	struct lab *l = lab_open(true);
	struct engine_tunnel other = l->conf[HUB];
	struct secret psk;
	char source[32];

	(void)state;
	secret_set(&psk, "another key", 11);
	other.number = 8;
	other.remote = (struct ip_addr){0};
	other.remote_id.bytes[0] = 'o';
	engine_tunnel_set(l->e[HUB], &other, &psk, l->now);
	for (uint64_t i = 0; i < PLACES; i++) {
		snprintf(source, sizeof(source), "10.%d.%d.1", (int)i / 256, (int)i % 256);
		patient_stranger(l, source, 1 + i, true);
	}
	assert_int_equal(engine_half_open(l->e[HUB]), PLACES);
	assert_site_gets_in(l);
	assert_int_equal(engine_half_open(l->e[HUB]), PLACES); /* nobody lost his for it */
	lab_free(l);
}

/* Spoofed: whoever gets no answers cannot keep out the one whose address he uses. */
static void test_spoofed_address(void **state)
{
	struct lab *l = lab_open(true);

	(void)state;
	for (uint64_t i = 1; i <= 500; i++)
		stranger(l, "192.0.2.2", i, true);
	drain(l);
	assert_in_range(engine_half_open(l->e[HUB]), 1, 32);
	assert_site_gets_in(l);
	lab_free(l);
}

static void first_v1(struct lab *l, const char *source, uint64_t spi)
{
	struct ike_header h = {.spi_i = spi, .exchange = V1_MAIN};
	struct ip_endpoint from = {.port = IKE_PORT}, to = {l->conf[HUB].local, IKE_PORT};
	uint8_t buffer[512];
	struct v1_policy policy;
	struct message_writer w;

	addr_parse(source, &from.addr);
	v1_policy_ike(&l->conf[HUB].options, &policy);
	policy.auths = 1;
	policy.auth[0] = V1_AUTH_PSK;
	v1_message_begin(&w, buffer, sizeof(buffer), &h);
	v1_payload_begin(&w, V1_SA);
	v1_encode_ike_offer(&w.w, &policy, 3600);
	message_payload_end(&w);
	engine_datagram(l->e[HUB], &to, &from, buffer, message_end(&w), l->now);
}

/* The same without cookies; and what others send does not take a configured address's place. */
static void test_spoofed_v1(void **state)
{
	struct lab *l = lab_open(true);
	char source[32];

	(void)state;
	for (int i = 0; i < 2; i++) {
		l->conf[i].options.ikev1 = true;
		l->conf[i].options.ikev2 = false;
		l->conf[i].options.p1_encryption = one(12, 128);
		l->conf[i].options.p1_integrity = one(12, 0);
		l->conf[i].options.p1_groups = one(14, 0);
		l->conf[i].options.p2_groups = one(14, 0);
		configure(l, i, "key");
	}
	for (uint64_t i = 1; i <= 100; i++)
		first_v1(l, "192.0.2.2", i);
	drain(l);
	assert_in_range(engine_half_open(l->e[HUB]), 1, 32);
	l->e[HUB]->limits.cookie_threshold = 8; /* the hub is busy */
	for (uint64_t i = 1; i <= 300; i++) {
		snprintf(source, sizeof(source), "10.0.%d.1", (int)i % 256);
		first_v1(l, source, 1000 + i);
	}
	for (uint64_t i = 1; i <= 100; i++)
		first_v1(l, "192.0.2.2", 2000 + i);
	drain(l);
	assert_site_gets_in(l);
	lab_free(l);
}

/* The last that the hub told of each SPI. */
struct told {
	uint64_t spi[64];
	enum engine_spi state[64];
	unsigned int count;
	bool refuse; /* the next place */
};

static struct told told;

static bool place_is_free(void *context, uint64_t spi)
{
	bool is_free = !told.refuse;

	(void)context;
	(void)spi;
	told.refuse = false;
	return is_free;
}

static void tell(void *context, uint64_t spi, enum engine_spi state)
{
	unsigned int i = 0;

	(void)context;
	while (i < told.count && told.spi[i] != spi)
		i++;
	assert_true(i < 64);
	told.count += i == told.count;
	told.spi[i] = spi;
	told.state[i] = state;
}

static unsigned int told_of(enum engine_spi state)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < told.count; i++)
		n += told.state[i] == state;
	return n;
}

/* Who guards the sockets hears which SPIs are ours: of strangers, of peers, over rekeys, and no longer. */
static void test_spis_are_told(void **state)
{
	struct lab *l = lab_open(true);

	(void)state;
	told = (struct told){.refuse = true};
	l->e[HUB]->env.spi_free = place_is_free;
	l->e[HUB]->env.spi_set = tell;
	stranger(l, "192.0.2.2", 1, true);
	drain(l);
	assert_false(told.refuse); /* it took another one */
	assert_int_equal(told_of(ENGINE_SPI_UNFINISHED), 1);
	assert_site_gets_in(l);
	assert_int_equal(told_of(ENGINE_SPI_UNFINISHED), 1);
	assert_int_equal(told_of(ENGINE_SPI_IN_FORCE), 1);
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_IKE, l->now);
	pass(l, 60 * S);
	assert_int_equal(told_of(ENGINE_SPI_UNFINISHED), 0);
	assert_int_equal(told_of(ENGINE_SPI_IN_FORCE), 1);
	assert_int_equal(told.count, 3);
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_RESET, l->now);
	engine_command(l->e[HUB], l->conf[HUB].number, ENGINE_UP, l->now);
	pass(l, 60 * S);
	assert_int_equal(told_of(ENGINE_SPI_IN_FORCE), tunnel_count_ike(tunnel_find(l->e[HUB], 4)));
	lab_free(l);
	assert_int_equal(told_of(ENGINE_SPI_GONE), told.count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_prefix),
		cmocka_unit_test(test_many_prefixes),
		cmocka_unit_test(test_places_go_on),
		cmocka_unit_test(test_known_address),
		cmocka_unit_test(test_spoofed_address),
		cmocka_unit_test(test_spoofed_v1),
		cmocka_unit_test(test_spis_are_told),
		cmocka_unit_test(test_copy_from_where_a_peer_is_now),
	};

	return crypto_init() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
