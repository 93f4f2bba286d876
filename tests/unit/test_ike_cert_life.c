/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of tunnels that run: revoked, ended, replaced, and told of. */
#include "ike_cert_lab.h"

/* A list that is loaded later ends the tunnel of the one on it, and no other. */
static void test_revoked_later(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);

	(void)state;
	starts(l, SITE);
	revoke(l, HUB, &pki.site[KEY_RSA], false);
	settle(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	revoke(l, HUB, &pki.site[KEY_P256], false);
	settle(l);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->state[HUB].reason, REASON_CERT_REVOKED);
	starts(l, SITE); /* dials again */
	assert_int_equal(l->state[SITE].reason, REASON_PEER_REFUSED);
	assert_int_equal(l->state[HUB].reason, REASON_CERT_REVOKED);
	lab_free(l);
}

/* A certificate of the site for the name it has, with another end. */
static struct made site_until(int64_t not_after)
{
	struct ike_identity name = certs_id(IKE_ID_FQDN, "site.example");
	struct issue_request r = certs_request("CN=site", &name, 1);

	r.not_after = not_after;
	return certs_make(&r, KEY_P256, 0, &pki.subordinate);
}

/* A tunnel ends with its peer's certificate, and comes back with another one. */
static void test_expired_later(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	struct made old = site_until(CERTS_NOW + 3600), renewed = site_until(CERTS_NOW + 7200);

	(void)state;
	own(l, SITE, &old, &pki.subordinate);
	starts(l, SITE);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	wall_now = CERTS_NOW + 3600;
	pass(l, 120 * S);
	assert_int_equal(l->adds[HUB], 1);
	wall_now++;
	pass(l, 120 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->state[HUB].reason, REASON_CERT_EXPIRED);
	own(l, SITE, &renewed, &pki.subordinate);
	pass(l, 120 * S); /* it dials all the time */
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	made_free(&old);
	made_free(&renewed);
	lab_free(l);
}

/* Lists that nobody made anew keep newcomers out, and end nothing that runs. */
static void test_strict_list_later(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	struct trust *t = trust_new(true);

	(void)state;
	certs_trust_ca(t, &pki.root);
	certs_trust_crl(t, &pki.root, NULL, 30);
	certs_trust_crl(t, &pki.subordinate, NULL, 30);
	engine_trust_set(l->e[HUB], t, l->now);
	starts(l, SITE);
	wall_now += 31 * INT64_C(86400);
	pass(l, 120 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_RESET, l->now);
	pass(l, 120 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_DOWN);
	assert_int_equal(l->state[HUB].reason, REASON_CERT_NO_CRL);
	lab_free(l);
}

/* The same after the process was replaced, when it is told whom it had talked to. */
static void test_revoked_after_restart(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	static uint8_t saved[ENGINE_CHECKPOINT_SIZE(8)];
	struct engine_env env = l->e[HUB]->env;
	struct engine_limits limits = engine_limits_default();
	struct cert_chain chain;
	size_t len;

	(void)state;
	starts(l, SITE);
	engine_peer_chain(l->e[HUB], 999, &chain);
	assert_int_equal(chain.count, 0);
	engine_peer_chain(l->e[HUB], l->conf[HUB].number, &chain);
	assert_int_equal(chain.count, 2);
	len = engine_checkpoint(l->e[HUB], saved, sizeof(saved), l->now);
	assert_true(len);
	engine_free(l->e[HUB]);
	l->e[HUB] = engine_new(&env, &limits);
	configure(l, HUB, "key");
	engine_peer_chain_set(l->e[HUB], l->conf[HUB].number, &chain);
	assert_true(engine_restore(l->e[HUB], saved, len, l->now));
	engine_start(l->e[HUB], l->now);
	revoke(l, HUB, &pki.site[KEY_RSA], false);
	settle(l);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	revoke(l, HUB, &pki.site[KEY_P256], false);
	settle(l);
	assert_int_equal(l->state[HUB].reason, REASON_CERT_REVOKED);
	/* From another process: lengths that are not true. */
	chain.count = UINT32_MAX;
	chain.lens[1] = UINT16_MAX;
	engine_peer_chain_set(l->e[HUB], l->conf[HUB].number, &chain);
	engine_peer_chain(l->e[HUB], l->conf[HUB].number, &chain);
	assert_int_equal(chain.count, 1);
	lab_free(l);
}

static void test_new_own_certificate(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	unsigned int adds;
	struct ike_sa *before;

	(void)state;
	starts(l, SITE);
	before = sa_of(l, HUB);
	adds = l->adds[HUB];
	own(l, HUB, &pki.hub[KEY_P384], &pki.subordinate);
	configure(l, HUB, "key");
	pass(l, 20 * S);
	assert_ptr_equal(sa_of(l, HUB), before); /* nothing was set up anew */
	assert_int_equal(l->adds[HUB], adds);
	engine_command(l->e[SITE], l->conf[SITE].number, ENGINE_RESET, l->now);
	pass(l, 5 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->adds[HUB], adds + 1);
	lab_free(l);
}

/* A tunnel's own certificate goes before the common one. */
static void test_certificate_of_a_tunnel(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	struct made other = certs_peer("CN=other hub", "other.example", KEY_P256, &pki.root);

	(void)state;
	engine_credential_set(l->e[HUB], l->conf[HUB].number, certs_credential(&other, NULL));
	starts(l, SITE);
	assert_int_equal(l->state[SITE].reason, REASON_CERT_IDENTITY); /* not hub.example */
	assert_int_equal(l->notes[SITE][REASON_CERT_IDENTITY], 1);
	engine_credential_set(l->e[HUB], l->conf[HUB].number, NULL);
	pass(l, 60 * S);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
	engine_credential_set(l->e[HUB], 999, certs_credential(&other, NULL)); /* no such tunnel */
	lab_free(l);
	made_free(&other);
}

/* Who authenticated is told, once, with the facts. */
static void test_facts(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_RSA);
	unsigned int told = 0;
	struct effect *f;

	(void)state;
	l->cut = true;
	starts(l, SITE);
	l->cut = false;
	engine_timer(l->e[SITE], l->now + S);
	for (int turn = 0; turn < 20; turn++) {
		int from = turn & 1 ? HUB : SITE;

		while ((f = engine_effect(l->e[from]))) {
			if (f->type == EFFECT_SEND)
				carry(l, from, &f->send);
			if (f->type == EFFECT_PEER_CERT && from == HUB) {
				told++;
				assert_string_equal(f->peer_cert.subject, "CN=site");
				assert_string_equal(f->peer_cert.names, "site.example");
				assert_string_equal(f->peer_cert.key, "RSA-2048");
			}
			effect_free(f);
		}
	}
	assert_int_equal(told, 1);
	lab_free(l);
}
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_revoked_later),
		cmocka_unit_test(test_expired_later),
		cmocka_unit_test(test_strict_list_later),
		cmocka_unit_test(test_revoked_after_restart),
		cmocka_unit_test(test_new_own_certificate),
		cmocka_unit_test(test_certificate_of_a_tunnel),
		cmocka_unit_test(test_facts),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
