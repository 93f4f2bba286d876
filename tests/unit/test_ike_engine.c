/* SPDX-License-Identifier: Apache-2.0 */
/* The engine in particular situations: floods, NAT, policy-based devices, identities, lifetimes. */
#include "ike_stranger.h"

#include "crypto/hash.h"

#include <stdio.h>

static void test_up(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
	assert_string_equal(l->state[HUB].ike_proposal, "aes128gcm16-prfsha256-x25519");
	assert_false(l->state[HUB].nat_detected);
	assert_int_equal(
		sa_of(l, HUB)->local.port, IKE_PORT); /* no NAT: no float, no encapsulation */
	assert_false(tunnel_find(l->e[HUB], 4)->children[0].udp_encap);
	lab_free(l);
}

static void test_flood(void **state)
{
	struct lab *l = lab_new();
	char source[32];

	(void)state;
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	/* One source gets so far, and a copy of a request gets the same answer and no new state. */
	for (uint64_t i = 1; i <= 40; i++)
		stranger(l, "198.51.100.1", i, true);
	drain(l);
	assert_int_equal(engine_half_open(l->e[HUB]), 32);
	assert_int_equal(l->notes[HUB][REASON_COOKIE_SENT], 8);
	stranger(l, "198.51.100.1", 1, true);
	drain(l);
	assert_int_equal(engine_half_open(l->e[HUB]), 32);
	assert_int_equal(l->sent[HUB], 41);
	pass(l, 3 * S); /* by then what was refused is forgotten */
	/* Many sources get to the threshold, then a cookie is asked for, and nothing is kept. */
	for (uint64_t i = 1; i <= 200; i++) {
		snprintf(source, sizeof(source), "203.0.113.%d", (int)i);
		stranger(l, source, 1000 + i, true);
	}
	drain(l);
	assert_int_equal(engine_half_open(l->e[HUB]), 64);
	assert_int_equal(l->notes[HUB][REASON_COOKIE_SENT], 8 + 200 - 32);
	/* The real site still gets in: it returns its cookie. */
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
	/* What was left half-open goes by itself. */
	pass(l, 40 * S);
	assert_int_equal(engine_half_open(l->e[HUB]), 0);
	lab_free(l);
}

/* What is refused is no negotiation, and yet a flood of it meets cookies, as any other does. */
static void test_flood_of_refusals(void **state)
{
	struct lab *l = lab_new();
	char source[32];

	(void)state;
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	for (uint64_t i = 1; i <= 200; i++) {
		snprintf(source, sizeof(source), "203.0.113.%d", (int)i);
		stranger(l, source, i, false);
	}
	drain(l);
	assert_int_equal(l->notes[HUB][REASON_KE_VALUE], 64);
	assert_int_equal(l->notes[HUB][REASON_COOKIE_SENT], 200 - 64);
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	/* It is forgotten when it ends. */
	pass(l, 3 * S);
	stranger(l, "203.0.113.1", 300, false);
	drain(l);
	assert_int_equal(l->notes[HUB][REASON_KE_VALUE], 65);
	lab_free(l);
}

/* Messages of no SA that we know, for each way in. */
static void test_flood_of_the_unknown(void **state)
{
	static const uint8_t exchanges[][2] = {{0x20, EXCHANGE_IKE_AUTH},
		{0x20, EXCHANGE_INFORMATIONAL}, {0x10, 2}, {0x10, 5}, {0x10, 32}, {0x10, 4},
		{0x10, 99}, {0x30, EXCHANGE_IKE_SA_INIT}};
	struct lab *l = lab_new();
	struct ip_endpoint from = {.port = IKE_PORT}, to = {l->conf[HUB].local, IKE_PORT};
	uint8_t bytes[64] = {[7] = 1, [15] = 1, [27] = 64};

	(void)state;
	addr_parse("203.0.113.1", &from.addr);
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
		bytes[17] = exchanges[i][0];
		bytes[18] = exchanges[i][1];
		bytes[19] = exchanges[i][0] == 0x10 ? 1 : FLAG_INITIATOR;
		for (int n = 0; n < 64; n++)
			engine_datagram(l->e[HUB], &to, &from, bytes, sizeof(bytes), l->now);
		drain(l);
		stranger(l, "203.0.113.2", 100 + i, true);
		drain(l);
		assert_int_equal(l->notes[HUB][REASON_COOKIE_SENT], i + 1);
		pass(l, 3 * S);
	}
	lab_free(l);
}

static void test_bad_key_exchange(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	stranger(l, "192.0.2.2", 5, false);
	drain(l);
	assert_int_equal(l->notes[HUB][REASON_KE_VALUE], 1);
	assert_int_equal(engine_half_open(l->e[HUB]), 0);
	lab_free(l);
}

/* A forged or stale cookie is no cookie. */
static void test_cookie(void **state)
{
	struct lab *l = lab_new();
	struct message *m = calloc(1, sizeof(*m));
	uint8_t nonce[32] = {7}, cookie[33];

	(void)state;
	m->head.spi_i = 99;
	addr_parse("192.0.2.2", &m->remote.addr);
	m->p.one[PAYLOAD_NONCE - PAYLOAD_SA] = (struct span){nonce, sizeof(nonce)};
	cookie_make(l->e[HUB], m, cookie, l->now);
	m->p.notifies = 1;
	m->p.notify[0] = (struct notify){.type = NOTIFY_COOKIE, .data = {cookie, sizeof(cookie)}};
	assert_true(cookie_check(l->e[HUB], m, l->now));
	m->head.spi_i++;
	assert_false(cookie_check(l->e[HUB], m, l->now));
	m->head.spi_i--;
	nonce[0]++;
	assert_false(cookie_check(l->e[HUB], m, l->now));
	nonce[0]--;
	cookie[32] ^= 1;
	assert_false(cookie_check(l->e[HUB], m, l->now));
	cookie[32] ^= 1;
	assert_true(
		cookie_check(l->e[HUB], m, l->now + 61 * S)); /* the secret before still counts */
	assert_false(
		cookie_check(l->e[HUB], m, l->now + 122 * S)); /* the one before that does not */
	free(m);
	lab_free(l);
}

/* Unknown identity and wrong key: two reasons for us, the same bytes on the wire for the peer. */
static void test_refusals_look_alike(void **state)
{
	size_t lengths[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct lab *l = lab_new();
		struct ike_sa *sa;

		if (i) {
			l->conf[HUB].remote_id.bytes[0] = 'x';
			configure(l, HUB, "key");
		} else {
			configure(l, HUB, "another key");
		}
		site_starts(l);
		assert_int_equal(l->notes[HUB][i ? REASON_UNKNOWN_ID : REASON_WRONG_PSK], 1);
		assert_int_equal(l->state[SITE].reason, REASON_PEER_REFUSED);
		assert_non_null(strstr(l->state[SITE].detail, "AUTHENTICATION_FAILED"));
		sa = TAILQ_FIRST(&l->e[HUB]->sas);
		assert_int_equal(sa->state, IKE_FAILED);
		lengths[i] = sa->response.len;
		lab_free(l);
	}
	assert_int_equal(lengths[0], lengths[1]);
}

/* The site is behind a NAT; its mapping changes; the hub follows what is authenticated. */
static void test_nat(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	addr_parse("198.51.100.77", &l->nat.addr);
	l->nat.port = 20000;
	l->conf[HUB].remote = l->nat.addr;
	configure(l, HUB, "key");
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_true(l->state[HUB].nat_detected);
	assert_true(sa_of(l, HUB)->nat_there && !sa_of(l, HUB)->nat_here);
	assert_true(sa_of(l, SITE)->nat_here && !sa_of(l, SITE)->nat_there);
	assert_true(tunnel_find(l->e[HUB], 4)->children[0].udp_encap);
	assert_int_equal(sa_of(l, HUB)->remote.port, 24500);
	/* The site keeps its mapping alive, the hub has none. */
	l->keepalives[SITE] = 0;
	pass(l, 100 * S);
	assert_int_equal(l->keepalives[SITE], 5);
	assert_int_equal(l->keepalives[HUB], 0);
	/* A new port: the next authenticated message moves IKE and ESP. */
	l->nat.port = 30000;
	pass(l, 25 * S);
	assert_int_equal(sa_of(l, HUB)->remote.port, 34500);
	assert_int_equal(l->moved[HUB], 1);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	/* A new address is not followed where the configuration names one. */
	addr_parse("198.51.100.78", &l->nat.addr);
	pass(l, 15 * S);
	assert_int_equal(sa_of(l, HUB)->remote.addr.bytes[3], 77);
	lab_free(l);
}

/* encap: force makes both encapsulate although there is no NAT. */
static void test_forced_encap(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[HUB].options.encap = ENCAP_FORCE;
	configure(l, HUB, "key");
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(sa_of(l, HUB)->remote.port, IKE_PORT_NAT);
	assert_true(tunnel_find(l->e[HUB], 4)->children[0].udp_encap);
	assert_true(tunnel_find(l->e[SITE], 5)->children[0].udp_encap);
	lab_free(l);
}

/* A policy-based device asks for a second pair: refused, told why, the first one stays. */
static void test_second_child(void **state)
{
	struct lab *l = lab_new();
	struct ike_sa *sa;

	(void)state;
	site_starts(l);
	sa = sa_of(l, SITE);
	child_sa_start(l->e[SITE], sa, -1, l->now);
	pass(l, S);
	assert_int_equal(l->notes[HUB][REASON_SECOND_CHILD], 1);
	assert_int_equal(l->adds[HUB], 1);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	lab_free(l);
}

/* dpd: silence is probed after the interval, and ESP counts as life. */
static void test_dpd(void **state)
{
	struct lab *l = lab_new();
	unsigned int before;

	(void)state;
	site_starts(l);
	l->conf[SITE].options.dpd_action = DPD_NONE;
	configure(l, SITE, "key");
	before = l->sent[HUB];
	pass(l, 35 * S);
	assert_int_equal(l->sent[HUB] - before, 3);
	before = l->sent[HUB];
	for (int i = 0; i < 30; i++) {
		engine_activity(l->e[HUB], 4, 0, l->now);
		pass(l, S);
	}
	assert_int_equal(l->sent[HUB], before);
	l->cut = true;
	pass(l, 28 * S); /* the last ESP came a second before */
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	pass(l, 3 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->state[HUB].reason, REASON_DPD_TIMEOUT);
	lab_free(l);
}

/* Times change in place; another key ends the tunnel. */
static void test_configuration_changes(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	site_starts(l);
	l->conf[HUB].options.dpd_interval_s = 20;
	l->conf[HUB].options.p1_lifetime_s = 900;
	configure(l, HUB, "key");
	pass(l, S);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	configure(l, HUB, "new key");
	settle(l);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->state[HUB].reason, REASON_CONFIG_CHANGED);
	assert_int_equal(l->state[SITE].reason, REASON_PEER_DELETED_IKE);
	engine_tunnel_remove(l->e[HUB], 4, l->now);
	settle(l);
	assert_int_equal(l->adds[HUB], l->dels[HUB]);
	lab_free(l);
}

static void test_down_and_up(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	site_starts(l);
	engine_command(l->e[HUB], 4, ENGINE_DOWN, l->now);
	pass(l, 30 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_true(l->notes[HUB][REASON_TUNNEL_DISABLED] || l->notes[HUB][REASON_ADMIN_DOWN]);
	assert_int_equal(l->adds[HUB], l->dels[HUB]);
	engine_command(l->e[HUB], 4, ENGINE_UP, l->now);
	pass(l, 90 * S); /* the site tries again with a growing pause */
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	lab_free(l);
}

/* The hub rekeys by its own clock, with nothing but time passing. */
static void test_lifetimes(void **state)
{
	struct lab *l = lab_new();
	struct engine_view v;

	(void)state;
	l->conf[HUB].options.p1_lifetime_s = 40;
	l->conf[HUB].options.p2_lifetime_s = 20;
	l->conf[HUB].options.rekey_margin_s = 8;
	l->conf[HUB].options.rekey_fuzz_percent = 100;
	configure(l, HUB, "key");
	site_starts(l);
	pass(l, 300 * S);
	assert_true(l->notes[HUB][REASON_CHILD_REKEYED] >= 15);
	assert_true(l->notes[HUB][REASON_IKE_REKEYED] >= 7);
	assert_int_equal(l->notes[HUB][REASON_CHILD_EXPIRED], 0);
	assert_int_equal(l->notes[HUB][REASON_IKE_UP], 1);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	engine_look(l->e[HUB], 4, &v);
	assert_int_equal(v.live_pairs, 1);
	assert_true(v.pairs <= 2);
	lab_free(l);
}

/* RFC 7296 2.5: a higher major version is told the one we speak. */
static void test_version(void **state)
{
	struct lab *l = lab_new();
	struct ip_endpoint from = {l->conf[SITE].local, IKE_PORT},
			   to = {l->conf[HUB].local, IKE_PORT};
	uint8_t bytes[28] = {[7] = 1, [17] = 0x30, [18] = 34, [19] = 8, [27] = 28};

	(void)state;
	engine_datagram(l->e[HUB], &to, &from, bytes, sizeof(bytes), l->now);
	bytes[17] = 0x00; /* none that there was: no answer that it would understand */
	engine_datagram(l->e[HUB], &to, &from, bytes, sizeof(bytes), l->now);
	drain(l);
	assert_int_equal(l->notes[HUB][REASON_IKE_VERSION], 2);
	assert_int_equal(l->sent[HUB], 1);
	lab_free(l);
}

/* A checkpoint of a tunnel that was taken out of the configuration meanwhile: read past. */
/* What was of a tunnel that is not configured now goes, and nothing else, whether all of it is read or not. */
static void test_restore_without_tunnel(void **state)
{
	static uint8_t saved[ENGINE_CHECKPOINT_SIZE(8)];
	struct engine_limits limits = engine_limits_default();

	(void)state;
	for (int cut = 0; cut < 2; cut++) {
		struct lab *l = lab_new();
		struct engine_env env = l->e[HUB]->env;
		struct engine_tunnel own = l->conf[HUB], other = own;
		struct ip_endpoint local = {own.local, IKE_PORT}, remote = {own.remote, IKE_PORT};
		struct secret psk;
		size_t len;

		site_starts(l);
		len = engine_checkpoint(l->e[HUB], saved, sizeof(saved), l->now);
		assert_true(len > 100);
		engine_free(l->e[HUB]);
		l->e[HUB] = engine_new(&env, &limits);
		other.number = 6;
		other.remote_id.bytes[0] = 'o';
		secret_set(&psk, "other", 5);
		engine_tunnel_set(l->e[HUB], &other, &psk, l->now);
		assert_int_equal(
			engine_restore(l->e[HUB], saved, len - (size_t)cut * 8, l->now), !cut);
		assert_true(TAILQ_EMPTY(&l->e[HUB]->sas));
		assert_ptr_equal(tunnel_at(l->e[HUB], &local, &remote), tunnel_find(l->e[HUB], 6));
		/* And the engine goes on: the tunnel comes back. */
		engine_start(l->e[HUB], l->now);
		configure(l, HUB, "key");
		engine_command(l->e[SITE], 5, ENGINE_DOWN, l->now);
		pass(l, 60 * S);
		engine_command(l->e[SITE], 5, ENGINE_UP, l->now);
		pass(l, S);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		assert_true(tunnel_find(l->e[HUB], 4)->in_use >= 0);
		lab_free(l);
	}
}

static uint32_t hub_spi(struct lab *l)
{
	struct engine_view v;

	engine_look(l->e[HUB], l->conf[HUB].number, &v);
	return v.spi_in;
}

/* A device that rekeys every moment (Windows does by volume) does not run out of slots. */
static void test_many_rekeys(void **state)
{
	struct lab *l = lab_new();
	uint32_t spi = 0;

	(void)state;
	site_starts(l);
	for (int i = 0; i < 40; i++) {
		engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
		pass(l, S / 10);
		assert_int_not_equal(hub_spi(l), spi);
		spi = hub_spi(l);
	}
	assert_int_equal(l->notes[HUB][REASON_NO_SLOT], 0);
	assert_int_equal(l->notes[SITE][REASON_NO_SLOT], 0);
	assert_int_equal(l->notes[HUB][REASON_CHILD_REKEYED], 40);
	pass(l, 60 * S);
	assert_int_equal(l->adds[HUB], l->dels[HUB] + 1);
	lab_free(l);
}

/* How many datagrams the site needs to rekey with these groups, of which the hub allows only 31. */
static unsigned int sent_for_a_rekey(const struct algorithm_set *groups)
{
	struct lab *l = lab_new();
	unsigned int sent, adds;

	l->conf[SITE].options.p2_groups = *groups;
	site_starts(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	sent = l->sent[SITE];
	adds = l->adds[HUB];
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_REKEY_CHILD, l->now);
	pass(l, S);
	assert_int_equal(l->adds[HUB], adds + 1);
	sent = l->sent[SITE] - sent;
	lab_free(l);
	return sent;
}

/* The first guess of a group is the one that the IKE SA has, wherever it stands in the list. */
static void test_group_of_a_rekey(void **state)
{
	struct algorithm_set one_group = one(31, 0), three = {3, {{14, 0}, {19, 0}, {31, 0}}};

	(void)state;
	assert_int_equal(sent_for_a_rekey(&three), sent_for_a_rekey(&one_group));
}

/* RFC 7296 1.3.1: a group is offered with NONE beside it, and the peer takes NONE, without KE. */
static void test_rekey_without_the_offered_group(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[HUB].options.p2_groups = (struct algorithm_set){3, {{20, 0}, {19, 0}, {0, 0}}};
	l->conf[SITE].options.p2_groups = one(0, 0);
	configure(l, HUB, "key");
	site_starts(l);
	l->notes[HUB][REASON_CHILD_REKEYED] = 0;
	engine_command(l->e[HUB], 4, ENGINE_REKEY_CHILD, l->now);
	pass(l, S);
	assert_int_equal(l->notes[HUB][REASON_KE_VALUE], 0);
	assert_int_equal(l->notes[HUB][REASON_CHILD_REKEYED], 1);
	assert_int_equal(l->notes[HUB][REASON_IKE_UP], 1);
	assert_null(tunnel_find(l->e[HUB], 4)->children[1].suite.ke);
	pass(l, 10 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
	lab_free(l);
}

/* The right value as another kind: the log says which site has it, and as what. */
static void test_identity_of_another_kind(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	strcpy(l->conf[HUB].site, "shop");
	l->conf[SITE].local_id.type = IKE_ID_KEY_ID;
	configure(l, HUB, "key");
	site_starts(l);
	assert_string_equal(l->last[HUB], "identity keyid:s; site 'shop' has fqdn:s");
	lab_free(l);
	l = lab_new();
	strcpy(l->conf[HUB].site, "shop");
	l->conf[HUB].remote_id = (struct ike_identity){IKE_ID_IPV4, 4, {10, 1, 1, 1}};
	l->conf[SITE].local_id = (struct ike_identity){IKE_ID_FQDN, 8, "10.1.1.1"};
	configure(l, HUB, "key");
	site_starts(l);
	assert_string_equal(l->last[HUB], "identity fqdn:10.1.1.1; site 'shop' has ipv4:10.1.1.1");
	lab_free(l);
}

/* An IDr that no identity can be: told as what it is, and of nothing else. */
static void test_responder_that_cannot_be(void **state)
{
	struct lab *l = lab_new();

	(void)state;
	l->conf[SITE].remote_id = (struct ike_identity){IKE_ID_IPV4, 5, "abcde"};
	site_starts(l);
	assert_true(l->notes[HUB][REASON_WRONG_LOCAL_ID] > 0);
	assert_int_equal(l->state[HUB].reason, REASON_WRONG_LOCAL_ID);
	assert_string_equal(l->state[HUB].detail,
		"wants one of type 1 and 5 bytes, which cannot be one, we are fqdn:h");
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restore_without_tunnel),
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_flood_of_refusals),
		cmocka_unit_test(test_flood_of_the_unknown),
		cmocka_unit_test(test_bad_key_exchange),
		cmocka_unit_test(test_cookie),
		cmocka_unit_test(test_refusals_look_alike),
		cmocka_unit_test(test_nat),
		cmocka_unit_test(test_forced_encap),
		cmocka_unit_test(test_second_child),
		cmocka_unit_test(test_dpd),
		cmocka_unit_test(test_configuration_changes),
		cmocka_unit_test(test_down_and_up),
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_many_rekeys),
		cmocka_unit_test(test_group_of_a_rekey),
		cmocka_unit_test(test_rekey_without_the_offered_group),
		cmocka_unit_test(test_identity_of_another_kind),
		cmocka_unit_test(test_responder_that_cannot_be),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
