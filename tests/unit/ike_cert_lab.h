/* SPDX-License-Identifier: Apache-2.0 */
/* Hub and site with certificates of every kind of key: what the tests of both files share. */
#ifndef SLUICE_TESTS_UNIT_IKE_CERT_LAB_H
#define SLUICE_TESTS_UNIT_IKE_CERT_LAB_H

#include "ike_lab.h"

#include "../certs.h"
#include "ike/credentials.h"

static struct {
	struct made root, subordinate, stranger;
	struct made hub[KEY_ED25519 + 1], site[KEY_ED25519 + 1];
} pki;

static int64_t wall_now = CERTS_NOW;

static inline int64_t lab_wall(void *context)
{
	(void)context;
	return wall_now;
}

static inline int set_up(void **state)
{
	(void)state;
	pki.root = certs_ca("CN=Root", KEY_P256, NULL);
	pki.subordinate = certs_ca("CN=Subordinate", KEY_P256, &pki.root);
	pki.stranger = certs_ca("CN=Stranger", KEY_P256, NULL);
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++) {
		pki.hub[k] = certs_peer("CN=hub", "hub.example", k, &pki.subordinate);
		pki.site[k] = certs_peer("CN=site", "site.example", k, &pki.subordinate);
	}
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	made_free(&pki.root);
	made_free(&pki.subordinate);
	made_free(&pki.stranger);
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++) {
		made_free(&pki.hub[k]);
		made_free(&pki.site[k]);
	}
	return 0;
}

static inline void trust(struct lab *l, int i, const struct made *ca)
{
	struct trust *t = trust_new(false);

	certs_trust_ca(t, ca);
	engine_trust_set(l->e[i], t, l->now);
}

static inline void own(struct lab *l, int i, const struct made *leaf, const struct made *issuer)
{
	const struct made *chain[] = {issuer, NULL};

	engine_credential_set(
		l->e[i], ENGINE_EVERY_TUNNEL, certs_credential(leaf, issuer ? chain : NULL));
}

/* Two engines that trust the root; nobody has started yet. */
static inline struct lab *cert_lab(enum key_kind hub_key, enum key_kind site_key)
{
	struct lab *l = lab_new();

	wall_now = CERTS_NOW;
	for (int i = 0; i < 2; i++) {
		l->e[i]->env.wall = lab_wall;
		l->conf[i].options.auth = AUTH_CERT;
		l->conf[i].local_id = certs_id(IKE_ID_FQDN, i ? "site.example" : "hub.example");
		l->conf[i].remote_id = certs_id(IKE_ID_FQDN, i ? "hub.example" : "site.example");
		trust(l, i, &pki.root);
		configure(l, i, "key");
	}
	own(l, HUB, &pki.hub[hub_key], &pki.subordinate);
	own(l, SITE, &pki.site[site_key], &pki.subordinate);
	return l;
}

static inline void starts(struct lab *l, int i)
{
	l->conf[i].options.startup = STARTUP_START;
	configure(l, i, "key");
	engine_command(l->e[i], l->conf[i].number, ENGINE_UP, l->now);
	pass(l, S);
}

static inline void revoke(struct lab *l, int i, const struct made *victim, bool strict)
{
	struct trust *t = trust_new(strict);

	certs_trust_ca(t, &pki.root);
	if (victim)
		certs_trust_crl(t, &pki.subordinate, victim, 30);
	engine_trust_set(l->e[i], t, l->now);
}

#endif
