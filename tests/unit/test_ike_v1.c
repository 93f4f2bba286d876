/* SPDX-License-Identifier: Apache-2.0 */
/* IKEv1 between two engines: main mode, quick mode, informational, and what goes wrong in them. */
#include "ike_v1_lab.h"

#include "crypto/hash.h"

#include <stdio.h>

static void test_up(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	site_starts(l);
	assert_up(l);
	assert_int_equal(l->state[HUB].ike_version, 1);
	assert_int_equal(l->state[SITE].ike_version, 1);
	assert_string_equal(l->state[HUB].ike_proposal, "aes256-sha256-prfsha256-ecp256");
	assert_false(l->state[HUB].nat_detected);
	assert_int_equal(sa_of(l, HUB)->local.port, IKE_PORT);
	assert_int_equal(l->adds[HUB], 1);
	assert_int_equal(l->adds[SITE], 1);
	lab_free(l);
}

/* The responder follows the first packet; a version that is not allowed is named. */
static void test_versions(void **state)
{
	(void)state;
	for (int hub = 1; hub < 4; hub++) {
		for (int site = 1; site < 3; site++) {
			struct lab *l = lab_v1();
			bool fits = hub & site;

			l->conf[HUB].options.ikev1 = hub & 1;
			l->conf[HUB].options.ikev2 = hub & 2;
			l->conf[SITE].options.ikev1 = site & 1;
			l->conf[SITE].options.ikev2 = site & 2;
			for (int i = 0; i < 2; i++) {
				l->conf[i].options.p1_prf = one(5, 0);
				configure(l, i, "key");
			}
			site_starts(l);
			assert_int_equal(l->notes[HUB][REASON_IKE_VERSION] > 0, !fits);
			assert_int_equal(l->state[HUB].phase == PHASE_UP, fits);
			if (fits)
				assert_int_equal(l->state[HUB].ike_version, site);
			lab_free(l);
		}
	}
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	configure(l, HUB, "another key");
	assert_refused(l, REASON_WRONG_PSK, "AUTHENTICATION-FAILED");
	l = lab_v1();
	l->conf[HUB].remote_id.bytes[0] = 'x';
	configure(l, HUB, "key");
	site_starts(l);
	assert_int_equal(l->notes[HUB][REASON_UNKNOWN_ID], 1);
	assert_string_equal(l->state[HUB].detail, "identity fqdn:s, expected fqdn:x");
	assert_int_equal(l->state[SITE].reason, REASON_PEER_REFUSED); /* said under protection */
	lab_free(l);
	l = lab_v1();
	l->conf[SITE].remote_id.bytes[0] = 'x'; /* the responder is not whom the site wants */
	configure(l, SITE, "key");
	site_starts(l);
	assert_int_equal(l->state[SITE].reason, REASON_UNKNOWN_ID);
	lab_free(l);
	l = lab_v1();
	l->conf[HUB].options.p1_groups = one(14, 0);
	configure(l, HUB, "key");
	assert_refused(l, REASON_NO_IKE_PROPOSAL, "NO-PROPOSAL-CHOSEN");
	l = lab_v1();
	l->conf[HUB].options.p2_encryption = one(12, 128);
	l->conf[HUB].options.p2_integrity = one(12, 0);
	configure(l, HUB, "key");
	site_starts(l);
	assert_int_equal(l->notes[HUB][REASON_NO_ESP_PROPOSAL], 1);
	assert_non_null(strstr(l->state[HUB].detail, "offered aes128gcm16-ecp256; allowed aes128"));
	assert_non_null(strstr(l->state[SITE].detail, "NO-PROPOSAL-CHOSEN"));
	lab_free(l);
	l = lab_v1();
	l->conf[SITE].options.p2_groups.count = 0;
	configure(l, SITE, "key");
	site_starts(l);
	assert_int_equal(l->notes[HUB][REASON_PFS_REQUIRED], 1);
	lab_free(l);
	l = lab_v1();
	addr_parse("10.0.0.0", &l->conf[HUB].remote_ts.selectors[0].first);
	addr_parse("10.0.0.255", &l->conf[HUB].remote_ts.selectors[0].last);
	configure(l, HUB, "key");
	site_starts(l);
	assert_int_equal(l->notes[HUB][REASON_TS_UNACCEPTABLE], 1);
	lab_free(l);
}

/* A first message as a stranger would send it. */
static void stranger(struct lab *l, const char *source, uint64_t spi, uint8_t exchange)
{
	struct ike_header h = {.spi_i = spi, .exchange = exchange};
	struct ip_endpoint from = {.port = IKE_PORT}, to = {l->conf[HUB].local, IKE_PORT};
	uint8_t buffer[1024];
	struct message_writer w;
	struct v1_policy policy;

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

static void test_aggressive(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	stranger(l, "192.0.2.2", 5, V1_AGGRESSIVE);
	drain(l);
	assert_int_equal(l->notes[HUB][REASON_AGGRESSIVE], 1);
	assert_int_equal(engine_half_open(l->e[HUB]), 0);
	stranger(l, "192.0.2.2", 5, 6); /* XAUTH and mode-config live in transactions */
	drain(l);
	assert_int_equal(l->notes[HUB][REASON_UNEXPECTED], 1);
	lab_free(l);
}

/* Message 1 costs nothing but a row; a flood of it keeps nobody out. */
static void test_flood(void **state)
{
	struct lab *l = lab_v1();
	unsigned int full;
	char source[32];

	(void)state;
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	for (uint64_t i = 1; i <= 40; i++)
		stranger(l, "198.51.100.1", i, V1_MAIN);
	drain(l);
	assert_int_equal(engine_half_open(l->e[HUB]), 32);
	assert_int_equal(l->notes[HUB][REASON_HALF_OPEN_SOURCE], 8);
	stranger(l, "198.51.100.1", 40, V1_MAIN); /* a copy gets the same answer, and no new row */
	drain(l);
	assert_int_equal(engine_half_open(l->e[HUB]), 32);
	assert_int_equal(l->sent[HUB], 41);
	/* Two rows an address when it gets crowded; half of the table at most; the oldest goes. */
	for (uint64_t i = 1; i <= 1200; i++) {
		snprintf(source, sizeof(source), "203.0.%d.%d", (int)(i / 200), (int)(i % 200) + 1);
		stranger(l, source, 1000 + i, V1_MAIN);
	}
	drain(l);
	assert_int_equal(engine_half_open(l->e[HUB]), 256);
	full = l->notes[HUB][REASON_HALF_OPEN_SOURCE];
	for (uint64_t i = 0; i < 5; i++)
		stranger(l, "192.0.2.77", 9000 + i, V1_MAIN);
	drain(l);
	assert_int_equal(l->notes[HUB][REASON_HALF_OPEN_SOURCE], full + 3);
	site_starts(l);
	assert_up(l);
	pass(l, 40 * S);
	assert_int_equal(engine_half_open(l->e[HUB]), 0);
	lab_free(l);
}

/* ---- NAT, and who is who behind one ---- */

static void test_nat(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	addr_parse("198.51.100.77", &l->nat.addr);
	l->nat.port = 20000;
	l->conf[HUB].remote = l->nat.addr;
	configure(l, HUB, "key");
	site_starts(l);
	assert_up(l);
	assert_true(l->state[HUB].nat_detected);
	assert_true(sa_of(l, HUB)->nat_there && !sa_of(l, HUB)->nat_here);
	assert_true(sa_of(l, SITE)->nat_here && !sa_of(l, SITE)->nat_there);
	assert_true(tunnel_find(l->e[HUB], 4)->children[0].udp_encap);
	assert_int_equal(sa_of(l, HUB)->remote.port, 24500);
	l->keepalives[SITE] = 0;
	pass(l, 100 * S);
	assert_int_equal(l->keepalives[SITE], 5);
	assert_int_equal(l->keepalives[HUB], 0);
	/* A new port: the next numbered message moves IKE and ESP. */
	l->nat.port = 30000;
	pass(l, 25 * S);
	assert_int_equal(sa_of(l, HUB)->remote.port, 34500);
	assert_int_equal(l->moved[HUB], 1);
	assert_up(l);
	/* A new address is not followed where the configuration names one. */
	addr_parse("198.51.100.78", &l->nat.addr);
	pass(l, 15 * S);
	assert_int_equal(sa_of(l, HUB)->remote.addr.bytes[3], 77);
	lab_free(l);
}

static void test_forced_encap(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	l->conf[HUB].options.encap = ENCAP_FORCE;
	configure(l, HUB, "key");
	site_starts(l);
	assert_up(l);
	assert_int_equal(sa_of(l, HUB)->remote.port, IKE_PORT_NAT);
	assert_true(tunnel_find(l->e[SITE], 5)->children[0].udp_encap);
	lab_free(l);
}

/* Sites without a known address, each with a key of its own: message 5 tells which it is. */
static void test_keys_of_many_sites(void **state)
{
	struct lab *l = lab_v1();
	struct engine_tunnel other = l->conf[HUB];
	struct secret psk;

	(void)state;
	other.remote = (struct ip_addr){0};
	for (uint32_t i = 0; i < 30; i++) {
		char text[16];

		other.number = 100 + i;
		other.remote_id = (struct ike_identity){IKE_ID_FQDN, 2, {'s', (uint8_t)('a' + i)}};
		secret_set(&psk, text, (size_t)snprintf(text, sizeof(text), "key %u", i));
		engine_tunnel_set(l->e[HUB], &other, &psk, l->now);
	}
	l->conf[HUB].remote = (struct ip_addr){0};
	l->conf[HUB].number = 200; /* the last one that is tried */
	engine_tunnel_remove(l->e[HUB], 4, l->now);
	configure(l, HUB, "key");
	site_starts(l);
	assert_up(l);
	engine_command(l->e[SITE], 5, ENGINE_DOWN, l->now);
	pass(l, S);
	/* One key for two identities: the identity decides. */
	other.number = 99;
	secret_set(&psk, "key", 3);
	engine_tunnel_set(l->e[HUB], &other, &psk, l->now);
	engine_command(l->e[SITE], 5, ENGINE_UP, l->now);
	pass(l, 2 * S);
	assert_up(l);
	/* None fits. */
	configure(l, SITE, "lost");
	pass(l, 20 * S);
	assert_true(l->notes[HUB][REASON_WRONG_PSK] > 0);
	lab_free(l);
}

/* ---- the life of a tunnel ---- */

static void test_second_child(void **state)
{
	struct lab *l = lab_v1();
	struct ike_sa *sa;

	(void)state;
	site_starts(l);
	sa = sa_of(l, SITE);
	addr_parse("10.0.0.0", &tunnel_find(l->e[SITE], 5)->conf.local_ts.selectors[0].first);
	v1_quick_start(l->e[SITE], sa, -1, l->now);
	pass(l, S);
	assert_int_equal(l->notes[HUB][REASON_SECOND_CHILD], 1);
	assert_int_equal(l->notes[SITE][REASON_PEER_REFUSED], 1);
	assert_int_equal(l->adds[HUB], 1);
	assert_up(l);
	lab_free(l);
}

static void test_dpd(void **state)
{
	struct lab *l = lab_v1();
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
	assert_int_equal(l->sent[HUB], before); /* ESP is life, too */
	l->cut = true;
	pass(l, 28 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	pass(l, 3 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->state[HUB].reason, REASON_DPD_TIMEOUT);
	lab_free(l);
}

/* dpd_action restart: the hub begins again, in the version that the peer spoke. */
static void test_restart(void **state)
{
	struct lab *l = lab_v1();

	(void)state;
	for (int i = 0; i < 2; i++) {
		l->conf[i].options.ikev2 = true;
		l->conf[i].options.p1_prf = one(5, 0);
	}
	l->conf[SITE].options.ikev2 = false;
	l->conf[HUB].options.dpd_action = DPD_RESTART;
	configure(l, HUB, "key");
	configure(l, SITE, "key");
	site_starts(l);
	l->cut = true;
	pass(l, 35 * S);
	assert_int_equal(l->state[HUB].reason, REASON_DPD_TIMEOUT);
	l->conf[SITE].options.startup = STARTUP_ADD;
	configure(l, SITE, "key");
	l->cut = false;
	pass(l, 120 * S);
	assert_up(l);
	assert_int_equal(l->state[HUB].ike_version, 1);
	lab_free(l);
}

/* Both rekey by their own clocks for a while: no gap, nothing left behind. */
static void test_lifetimes(void **state)
{
	struct lab *l = lab_v1();
	struct engine_view v;

	(void)state;
	for (int i = 0; i < 2; i++) {
		l->conf[i].options.p1_lifetime_s = 400;
		l->conf[i].options.p2_lifetime_s = 200;
		l->conf[i].options.rekey_margin_s = 80;
		l->conf[i].options.rekey_fuzz_percent = 100;
		configure(l, i, "key");
	}
	site_starts(l);
	l->notes[HUB][REASON_PEER_DELETED_CHILD] = 0;
	pass(l, 3000 * S);
	engine_look(l->e[HUB], 4, &v);
	if (v.pairs > 1) /* a rekey is under way: the initiator moves a second later */
		pass(l, 2 * S);
	assert_up(l);
	assert_true(l->notes[HUB][REASON_CHILD_REKEYED] >= 15);
	assert_true(l->notes[HUB][REASON_IKE_REKEYED] >= 7);
	assert_int_equal(l->notes[HUB][REASON_CHILD_EXPIRED], 0);
	assert_int_equal(l->notes[HUB][REASON_PEER_DELETED_CHILD], 0);
	assert_int_equal(l->notes[HUB][REASON_TIMEOUT], 0);
	engine_look(l->e[HUB], 4, &v);
	assert_int_equal(v.live_pairs, 1);
	assert_true(v.pairs <= 3);
	assert_true(v.ike_sas <= 3);
	lab_free(l);
}

/* Until the peer has used its new IKE SA we go on with the old one, and an operator who wants a rekey is told so. */
static void test_rekey_before_the_peers_is_adopted(void **state)
{
	struct lab *l = lab_v1();
	struct ike_sa *first;

	(void)state;
	site_starts(l);
	first = sa_of(l, HUB);
	pass(l, 60 * S);
	engine_command(l->e[SITE], 5, ENGINE_REKEY_IKE, l->now);
	pass(l, S / 5);
	assert_ptr_equal(sa_of(l, HUB), first);
	assert_int_equal(tunnel_count_ike(tunnel_find(l->e[HUB], 4)), 2);
	assert_int_equal(l->notes[HUB][REASON_TEMPORARY], 0);
	engine_command(l->e[HUB], 4, ENGINE_REKEY_IKE, l->now);
	settle(l);
	assert_int_equal(l->notes[HUB][REASON_TEMPORARY], 1);
	pass(l, 60 * S);
	assert_up(l);
	assert_ptr_not_equal(sa_of(l, HUB), first);
	assert_int_equal(tunnel_count_ike(tunnel_find(l->e[HUB], 4)), 1);
	lab_free(l);
}

/* The shorter lifetime counts, and RESPONDER-LIFETIME says so. */
static void test_responder_lifetime(void **state)
{
	struct lab *l = lab_v1();
	struct child *c;

	(void)state;
	l->conf[HUB].options.p1_lifetime_s = 1000;
	l->conf[HUB].options.p2_lifetime_s = 900;
	l->conf[HUB].options.rekey_margin_s = 100;
	configure(l, HUB, "key");
	site_starts(l);
	assert_int_equal(sa_of(l, SITE)->lifetime_s, 1000);
	assert_true(sa_of(l, SITE)->expire_at <= l->now + 1000 * S);
	c = &tunnel_find(l->e[SITE], 5)->children[0];
	assert_int_equal(c->lifetime_s, 900);
	assert_true(c->expire_at <= l->now + 900 * S);
	/* The other way around the responder follows the offer. */
	lab_free(l);
	l = lab_v1();
	l->conf[SITE].options.p1_lifetime_s = 1000;
	l->conf[SITE].options.p2_lifetime_s = 900;
	l->conf[SITE].options.rekey_margin_s = 100;
	configure(l, SITE, "key");
	site_starts(l);
	assert_true(sa_of(l, HUB)->expire_at <= l->now + 1000 * S);
	assert_true(tunnel_find(l->e[HUB], 4)->children[0].expire_at <= l->now + 900 * S);
	assert_int_equal(sa_of(l, SITE)->lifetime_s, 0);
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_aggressive),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_nat),
		cmocka_unit_test(test_forced_encap),
		cmocka_unit_test(test_keys_of_many_sites),
		cmocka_unit_test(test_second_child),
		cmocka_unit_test(test_dpd),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_rekey_before_the_peers_is_adopted),
		cmocka_unit_test(test_responder_lifetime),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
