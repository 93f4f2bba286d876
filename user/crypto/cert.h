/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 certificates: one of them, its facts, and whose identity it proves (RFC 4945 3.1, 5.1). */
#ifndef SLUICE_CRYPTO_CERT_H
#define SLUICE_CRYPTO_CERT_H

#include "base/types.h"
#include "crypto/sign.h"

#define CERT_DER_MAX     8192 /* bytes of one certificate */
#define CERT_NAME_SIZE   256  /* a distinguished name as text; longer ones are cut */
#define CERT_SERIAL_SIZE 41   /* 20 bytes in hexadecimal: RFC 5280 4.1.2.2 */
#define CERT_PRINT_SIZE  65   /* SHA-256 in hexadecimal */
#define CERT_SPKI_HASH   20   /* SHA-1 of the SubjectPublicKeyInfo: RFC 7296 3.7 */

struct cert;

/* What may be shown of a certificate. Times are seconds since the epoch. */
struct cert_facts {
	char subject[CERT_NAME_SIZE];
	char issuer[CERT_NAME_SIZE];
	char names[CERT_NAME_SIZE]; /* subjectAltName, separated by ", " */
	char serial[CERT_SERIAL_SIZE];
	char fingerprint[CERT_PRINT_SIZE];
	char key[KEY_NAME_SIZE];
	int64_t not_before, not_after;
	bool ca;
};

/* Parses exactly one DER certificate of at most CERT_DER_MAX bytes; NULL when it is not one. */
struct cert *cert_decode(const void *der, size_t len);
void cert_free(struct cert *c);

/* What is shown of a certificate; and the kind of its public key. */
void cert_facts(const struct cert *c, struct cert_facts *facts);
enum key_kind cert_key_kind(const struct cert *c);

/*
 * True when the certificate belongs to an identity: addresses, domain names and mailboxes stand in
 * subjectAltName, a distinguished name is the subject. A KEY_ID never belongs to one. No wildcards,
 * no look at the common name (RFC 4945 3.1).
 */
bool cert_has_identity(const struct cert *c, const struct ike_identity *id);

/* The names of subjectAltName; false when there are more than `size`, or one of another kind. */
bool cert_names(const struct cert *c, struct ike_identity *out, size_t size, size_t *count);

/* The identity to present when none is configured: the first usable subjectAltName, or the subject. */
bool cert_first_identity(const struct cert *c, struct ike_identity *id);

/* The subject's distinguished name as DER, which lives as long as the certificate. */
struct chunk cert_subject(const struct cert *c);

/* SHA-1 of the SubjectPublicKeyInfo, by which IKEv2 names authorities (RFC 7296 3.7). False on failure. */
bool cert_spki_hash(const struct cert *c, uint8_t out[CERT_SPKI_HASH]);

/* The moment from which an operator is to be warned: a third of the validity before its end, at
 * most 30 days before. */
int64_t cert_warn_from(int64_t not_before, int64_t not_after);

/* ---- distinguished names ---- */

/*
 * "C=DE, O=Example, CN=r6 + serialNumber=FTX1" to an IKE_ID_DN: RFC 4514 from left to right, so '+'
 * joins attributes of one RDN, and a backslash goes before a special character or two hexadecimal
 * digits. What dn_to_text() makes is taken.
 */
bool dn_from_text(const char *text, struct ike_identity *id);

/* The text of a DER name; "?" when it is none. */
const char *dn_to_text(const void *der, size_t len, char text[CERT_NAME_SIZE]);

/* Names compare as RFC 5280 7.1 says: without regard to case, spaces and string types. */
bool dn_equal(const void *a, size_t a_len, const void *b, size_t b_len);

/* ---- our own ---- */

#define CERT_CHAIN_MAX   8     /* certificates that we send, or that a peer may send */
#define CERT_CHAIN_BYTES 12288 /* of those together */
#define CERT_FILE_BYTES  65536 /* PEM text of a chain */

/* Certificates as a peer sent them, one behind the other, its own first. */
struct cert_chain {
	uint32_t count;
	uint16_t lens[CERT_CHAIN_MAX];
	uint8_t bytes[CERT_CHAIN_BYTES];
};

/* A private key, its certificate and the certificates between that and a trust anchor. */
struct credential;

/*
 * Reads PEM texts: the chain, leaf first, and the key. NULL with a sentence in `error` when they are
 * unusable, do not belong together, or exceed the limits above. A root at the end of the chain is
 * left out: the peer has it, or does not trust it.
 */
struct credential *credential_read(const void *chain, size_t chain_len, const void *key,
	size_t key_len, char *error, size_t size);

/* The same without the key, which is then absent: for displays. */
struct credential *credential_read_public(
	const void *chain, size_t chain_len, char *error, size_t size);
void credential_free(struct credential *c);

/* Its private key, and its own certificate; both belong to the credential. */
const struct private_key *credential_key(const struct credential *c);
const struct cert *credential_cert(const struct credential *c);

/* Certificates to send, leaf first, as DER that lives as long as the credential. */
size_t credential_count(const struct credential *c);
struct chunk credential_der(const struct credential *c, size_t index);

#endif
