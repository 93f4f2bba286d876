/* SPDX-License-Identifier: Apache-2.0 */
/* Making keys, certificates and revocation lists: what `sluice ca` and the tests need. */
#ifndef SLUICE_CRYPTO_ISSUE_H
#define SLUICE_CRYPTO_ISSUE_H

#include "crypto/cert.h"

#define ISSUE_SERIAL_LEN 16 /* random bytes: more than the 64 bits that guessing must not beat */

/* A certificate to be. Times are seconds since the epoch. */
struct issue_request {
	const char *subject; /* as for dn_from_text() */
	const struct ike_identity *names;
	size_t name_count; /* subjectAltName */
	int64_t not_before, not_after;
	bool ca;
	int path_len;               /* of a CA: subordinates below it; negative: no limit */
	const char *key_usage;      /* OpenSSL's words, as in "digitalSignature"; NULL: none */
	const char *extended_usage; /* as in "ipsecIKE"; NULL: none */
};

/* A text the caller frees with issued_free(), which wipes it. */
struct issued {
	char *pem;
	size_t len;
};

/* Wipes and frees the text; the struct is the caller's. */
void issued_free(struct issued *text);

/* A fresh key; `rsa_bits` counts for KEY_RSA only. NULL when the library fails. */
struct private_key *private_key_new(enum key_kind kind, unsigned int rsa_bits);

/* PKCS #8. */
bool private_key_write(const struct private_key *k, struct issued *out);
bool cert_write(const struct cert *c, struct issued *out);

/* Reads the first certificate of a PEM text; NULL with a sentence when there is none. */
struct cert *cert_read(const void *pem, size_t len, char *error, size_t size);

/* DER into out; the length, 0 when it does not fit. */
size_t cert_encode(const struct cert *c, uint8_t *out, size_t size);

/* True when the private key belongs to the certificate. */
bool cert_has_key(const struct cert *c, const struct private_key *k);

/*
 * Signs a certificate for subject_key. `issuer` NULL: by itself, with issuer_key the same as
 * subject_key. NULL when a name cannot be read or the library fails.
 */
struct cert *issue_cert(const struct issue_request *request, const struct private_key *subject_key,
	const struct cert *issuer, const struct private_key *issuer_key);

/* One revoked certificate. */
struct issue_revoked {
	char serial[CERT_SERIAL_SIZE]; /* hexadecimal, as in struct cert_facts */
	int64_t at;
};

/* Signs a revocation list with its number (RFC 5280 5.2.3). */
bool issue_crl(const struct cert *issuer, const struct private_key *issuer_key,
	const struct issue_revoked *revoked, size_t count, uint64_t number, int64_t this_update,
	int64_t next_update, struct issued *out);

#endif
