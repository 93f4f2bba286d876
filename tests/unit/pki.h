/* SPDX-License-Identifier: Apache-2.0 */
/* Two roots of one name, a subordinate of the first, and peers of it with each kind of key. */
#ifndef SLUICE_TESTS_PKI_H
#define SLUICE_TESTS_PKI_H

#include "../certs.h"

static struct {
	struct made root, subordinate, other_root;
	struct made keys[KEY_ED25519 + 1]; /* a peer of the subordinate with each kind of key */
} pki;

static int pki_make(void **state)
{
	(void)state;
	pki.root = certs_ca("O=Example, CN=Root", KEY_P256, NULL);
	pki.subordinate = certs_ca("O=Example, CN=Subordinate", KEY_RSA, &pki.root);
	pki.other_root = certs_ca("O=Example, CN=Root", KEY_P256, NULL); /* the same name */
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++)
		pki.keys[k] = certs_peer("CN=peer", "peer.example", k, &pki.subordinate);
	return 0;
}

static int pki_free(void **state)
{
	(void)state;
	made_free(&pki.root);
	made_free(&pki.subordinate);
	made_free(&pki.other_root);
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++)
		made_free(&pki.keys[k]);
	return 0;
}

#endif
