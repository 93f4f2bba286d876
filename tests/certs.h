/* SPDX-License-Identifier: Apache-2.0 */
/* A small certification authority for tests: a root, a subordinate, certificates of peers. */
#ifndef SLUICE_TESTS_CERTS_H
#define SLUICE_TESTS_CERTS_H

#include "crypto/issue.h"
#include "crypto/trust.h"

#include <stdlib.h>
#include <string.h>

#define CERTS_NOW  INT64_C(1800000000) /* the wall clock of these tests */
#define CERTS_YEAR INT64_C(31536000)

/* A key and its certificate. */
struct made {
	struct private_key *key;
	struct cert *cert;
};

static inline void made_free(struct made *m)
{
	private_key_free(m->key);
	cert_free(m->cert);
	*m = (struct made){0};
}

static inline struct ike_identity certs_id(uint8_t type, const char *text)
{
	struct ike_identity id = {.type = type, .len = (uint8_t)strlen(text)};

	memcpy(id.bytes, text, id.len);
	return id;
}

/* A certificate of `request`, signed by `issuer` or, where that is NULL, by itself. */
static inline struct made certs_make(const struct issue_request *request, enum key_kind kind,
	unsigned int bits, const struct made *issuer)
{
	struct made m = {.key = private_key_new(kind, bits)};

	if (m.key)
		m.cert = issue_cert(
			request, m.key, issuer ? issuer->cert : NULL, issuer ? issuer->key : m.key);
	if (!m.cert)
		abort();
	return m;
}

static inline struct made certs_ca(
	const char *subject, enum key_kind kind, const struct made *issuer)
{
	struct issue_request r = {.subject = subject,
		.not_before = CERTS_NOW - CERTS_YEAR,
		.not_after = CERTS_NOW + 9 * CERTS_YEAR,
		.ca = true,
		.path_len = -1,
		.key_usage = "critical,keyCertSign,cRLSign"};

	return certs_make(&r, kind, 2048, issuer);
}

/* What a peer's certificate usually is; tests change one thing and call certs_make(). */
static inline struct issue_request certs_request(
	const char *subject, const struct ike_identity *names, size_t count)
{
	return (struct issue_request){.subject = subject,
		.names = names,
		.name_count = count,
		.not_before = CERTS_NOW - CERTS_YEAR / 2,
		.not_after = CERTS_NOW + CERTS_YEAR / 2,
		.key_usage = "digitalSignature"};
}

static inline struct made certs_peer(
	const char *subject, const char *fqdn, enum key_kind kind, const struct made *issuer)
{
	struct ike_identity name = certs_id(IKE_ID_FQDN, fqdn);
	struct issue_request r = certs_request(subject, &name, 1);

	return certs_make(&r, kind, 2048, issuer);
}

static inline void certs_trust_ca(struct trust *t, const struct made *ca)
{
	struct issued pem;
	char error[200];

	if (!cert_write(ca->cert, &pem) || !trust_add_ca(t, pem.pem, pem.len, error, sizeof(error)))
		abort();
	issued_free(&pem);
}

/* A list of `ca` that revokes `victim` (NULL: nobody), issued a day ago and good for `days`. */
static inline void certs_trust_crl(
	struct trust *t, const struct made *ca, const struct made *victim, int days)
{
	struct issue_revoked entry = {.at = CERTS_NOW - 86400};
	struct cert_facts facts;
	struct issued pem;
	char error[200];

	if (victim) {
		cert_facts(victim->cert, &facts);
		memcpy(entry.serial, facts.serial, sizeof(entry.serial));
	}
	if (!issue_crl(ca->cert, ca->key, &entry, victim ? 1 : 0, 1, CERTS_NOW - 86400,
		    CERTS_NOW - 86400 + days * INT64_C(86400), &pem) ||
		!trust_add_crl(t, pem.pem, pem.len, error, sizeof(error)))
		abort();
	issued_free(&pem);
}

/* Leaf and further certificates as a credential; `others` end with NULL. */
static inline struct credential *certs_credential(
	const struct made *leaf, const struct made *const *others)
{
	struct issued text, key;
	struct credential *c;
	char chain[16384] = "", error[200];
	const struct made *next = leaf;

	for (; next; next = others ? *others++ : NULL) {
		if (!cert_write(next->cert, &text))
			abort();
		strncat(chain, text.pem, sizeof(chain) - strlen(chain) - 1);
		issued_free(&text);
	}
	if (!private_key_write(leaf->key, &key))
		abort();
	c = credential_read(chain, strlen(chain), key.pem, key.len, error, sizeof(error));
	issued_free(&key);
	if (!c)
		abort();
	return c;
}

#endif
