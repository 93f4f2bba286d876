/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures in IKEv1 main mode: every kind of key, and refusals. */
#include "ike_v1_lab.h"

#include "../certs.h"
#include "crypto/hash.h"

static int64_t lab_wall(void *context)
{
	(void)context;
	return CERTS_NOW;
}

static struct made root, stranger_ca, hub_cert[KEY_ED25519 + 1], site_cert[KEY_ED25519 + 1];

static struct lab *cert_lab(enum key_kind hub, enum key_kind site, const struct made *ca_of_hub)
{
	struct lab *l = lab_v1();

	for (int i = 0; i < 2; i++) {
		struct trust *t = trust_new(false);

		certs_trust_ca(t, i ? &root : ca_of_hub);
		l->e[i]->env.wall = lab_wall;
		l->conf[i].options.auth = AUTH_CERT;
		l->conf[i].local_id = certs_id(IKE_ID_FQDN, i ? "site.example" : "hub.example");
		l->conf[i].remote_id = certs_id(IKE_ID_FQDN, i ? "hub.example" : "site.example");
		engine_trust_set(l->e[i], t, l->now);
		engine_credential_set(l->e[i], ENGINE_EVERY_TUNNEL,
			certs_credential(i ? &site_cert[site] : &hub_cert[hub], NULL));
		configure(l, i, "key");
	}
	return l;
}

static unsigned int largest;

static bool measure(struct lab *l, int from, const struct effect_send *s)
{
	(void)l, (void)from;
	largest = s->len > largest ? (unsigned int)s->len : largest;
	return false;
}

/*
 * At one address of the hub two sites that come from anywhere have the same suites, and the hub shows a key of
 * another kind to each: neither hides the other. Which key that is may change later.
 */
static void keys_of_two_kinds(bool later)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256, &root);
	struct secret none = {0};
	struct engine_tunnel other;

	memset(&l->conf[HUB].remote, 0, sizeof(l->conf[HUB].remote));
	configure(l, HUB, "key");
	other = l->conf[HUB];
	other.number = 1;
	other.remote_id = certs_id(IKE_ID_FQDN, "other.example");
	engine_tunnel_set(l->e[HUB], &other, &none, l->now);
	if (later) {
		engine_credential_set(
			l->e[HUB], ENGINE_EVERY_TUNNEL, certs_credential(&hub_cert[KEY_RSA], NULL));
		engine_credential_set(l->e[HUB], l->conf[HUB].number,
			certs_credential(&hub_cert[KEY_P256], NULL));
	} else {
		engine_credential_set(
			l->e[HUB], other.number, certs_credential(&hub_cert[KEY_RSA], NULL));
	}
	site_starts(l);
	assert_up(l);
	lab_free(l);
}

/* What is wrong with its certificate is told, and not that another tunnel has another identity. */
static void untrusted_beside_another(void)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256, &stranger_ca);
	struct engine_tunnel other = l->conf[HUB];
	struct secret none = {0};

	other.number = 1;
	other.remote_id = certs_id(IKE_ID_FQDN, "other.example");
	engine_tunnel_set(l->e[HUB], &other, &none, l->now);
	site_starts(l);
	assert_int_equal(l->state[HUB].reason, REASON_CERT_UNTRUSTED);
	if (strstr(l->state[HUB].detail, "it is site"))
		fail_msg("%s", l->state[HUB].detail);
	lab_free(l);
}

static void test_signatures(void **state)
{
	struct lab *l;

	(void)state;
	root = certs_ca("CN=Root", KEY_P256, NULL);
	stranger_ca = certs_ca("CN=Stranger", KEY_P256, NULL);
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++) {
		hub_cert[k] = certs_peer("CN=hub", "hub.example", k, &root);
		site_cert[k] = certs_peer("CN=site", "site.example", k, &root);
	}
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++) {
		l = cert_lab(k, k, &root);
		largest = 0;
		l->drop = measure;
		site_starts(l);
		if (k == KEY_ED25519) { /* has no number in IKEv1 */
			assert_int_equal(l->state[SITE].phase, PHASE_DOWN);
		} else {
			assert_up(l);
			assert_true(largest <= 1220 + 4);
			engine_command(l->e[HUB], 4, ENGINE_REKEY_IKE, l->now);
			pass(l, 60 * S);
			assert_up(l);
			assert_true(sa_of(l, HUB)->initiator);
		}
		lab_free(l);
	}
	/* The method stands for both keys. */
	l = cert_lab(KEY_RSA, KEY_P256, &root);
	assert_refused(l, REASON_NO_IKE_PROPOSAL, "NO-PROPOSAL-CHOSEN");
	l = cert_lab(KEY_P256, KEY_P256, &stranger_ca);
	site_starts(l);
	assert_int_equal(l->notes[HUB][REASON_CERT_UNTRUSTED], 1);
	assert_int_equal(l->state[HUB].reason, REASON_CERT_UNTRUSTED);
	assert_int_equal(l->state[SITE].reason, REASON_PEER_REFUSED);
	lab_free(l);
	/* Somebody else's certificate; no certificate of our own. */
	l = cert_lab(KEY_P256, KEY_P256, &root);
	engine_credential_set(
		l->e[SITE], ENGINE_EVERY_TUNNEL, certs_credential(&hub_cert[KEY_P256], NULL));
	site_starts(l);
	assert_int_equal(l->notes[HUB][REASON_CERT_IDENTITY], 1);
	lab_free(l);
	l = cert_lab(KEY_P256, KEY_P256, &root);
	engine_credential_set(l->e[HUB], ENGINE_EVERY_TUNNEL, NULL);
	assert_refused(l, REASON_CERT_OWN, NULL);
	keys_of_two_kinds(false);
	keys_of_two_kinds(true);
	untrusted_beside_another();
	made_free(&root);
	made_free(&stranger_ca);
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++) {
		made_free(&hub_cert[k]);
		made_free(&site_cert[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signatures),
	};

	if (!crypto_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
