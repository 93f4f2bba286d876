/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom we trust: certification authorities and their revocation lists, and the verification of a
 * peer's chain against them (RFC 5280 6, RFC 4945 5).
 */
#ifndef SLUICE_CRYPTO_TRUST_H
#define SLUICE_CRYPTO_TRUST_H

#include "crypto/cert.h"

#define TRUST_CAS_MAX   32
#define TRUST_CRLS_MAX  32
#define TRUST_DEPTH_MAX 6          /* certificates between leaf and anchor */
#define TRUST_CA_BYTES  (1u << 18) /* one PEM text */
#define TRUST_CRL_BYTES (1u << 20) /* one list, PEM or DER: each verification hashes it */
#define TRUST_TEXT_SIZE 200

struct trust;

enum trust_result {
	TRUST_OK,
	TRUST_NO_CERT,   /* nothing was sent */
	TRUST_TOO_LARGE, /* more than CERT_CHAIN_MAX certificates, CERT_CHAIN_BYTES or depth */
	TRUST_MALFORMED, /* not X.509 */
	TRUST_UNTRUSTED, /* no path to an authority that we trust */
	TRUST_EXPIRED,
	TRUST_NOT_YET_VALID,
	TRUST_REVOKED,
	TRUST_NO_CRL, /* strict: no fresh list of an issuer */
	TRUST_USAGE,  /* the certificate is for another purpose */
	TRUST_WEAK,   /* a key or hash below 112 bits of security */
	TRUST_RESULTS
};

/* `strict_crl`: a certificate without a fresh revocation list of its issuer is refused. */
struct trust *trust_new(bool strict_crl);
void trust_free(struct trust *t);

/*
 * Adds every certificate of a PEM text. One that another of them issued is a subordinate, used to
 * complete chains and revocable; all others are anchors, a subordinate whose root is not here too.
 */
bool trust_add_ca(struct trust *t, const void *pem, size_t len, char *error, size_t size);

/* Adds every revocation list of a PEM text, or one in DER. */
bool trust_add_crl(struct trust *t, const void *bytes, size_t len, char *error, size_t size);

/* The authorities, by index; the certificate belongs to `t`. */
size_t trust_ca_count(const struct trust *t);
const struct cert *trust_ca(const struct trust *t, size_t index);

struct trust_crl_facts {
	char issuer[CERT_NAME_SIZE];
	int64_t this_update, next_update; /* next_update 0: none given */
	size_t revoked;
};

/* The revocation lists, by index: what is shown of each. */
size_t trust_crl_count(const struct trust *t);
void trust_crl(const struct trust *t, size_t index, struct trust_crl_facts *facts);

/*
 * Verifies a peer's certificates, leaf first, at the time `at` (seconds since the epoch). On
 * TRUST_OK *leaf is the caller's (cert_free). Otherwise `text` names the certificate and the fact.
 * A leaf that was found good is remembered until it, its chain or a list that counts ends, or
 * something is added here.
 */
enum trust_result trust_verify(struct trust *t, const struct chunk *ders, size_t count, int64_t at,
	struct cert **leaf, char text[TRUST_TEXT_SIZE]);

#endif
