/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys and signatures of IKE peers: RFC 7427 (any key, algorithm named on the wire),
 * RFC 7296 3.8 (RSA with SHA-1), RFC 4754 (ECDSA with fixed curves), RFC 8420 (Ed25519), and the
 * bare signatures over a digest that IKEv1 uses (RFC 2409 5.1). Everything comes in as bytes.
 */
#ifndef SLUICE_CRYPTO_SIGN_H
#define SLUICE_CRYPTO_SIGN_H

#include "crypto/hmac.h"

#define SIGNATURE_MAX      1024 /* bytes: RSA of 8192 bits */
#define SIGN_ALGORITHM_MAX 96   /* bytes of an AlgorithmIdentifier */
#define SIGN_RSA_BITS_MIN  2048
#define SIGN_RSA_BITS_MAX  8192
#define PRIVATE_KEY_BYTES  16384 /* largest PEM text of a key */
#define KEY_NAME_SIZE      16

enum key_kind {
	KEY_OTHER, /* nothing IKE can use */
	KEY_RSA,
	KEY_P256,
	KEY_P384,
	KEY_P521,
	KEY_ED25519,
};

/* IANA "IKEv2 Hash Algorithms": RFC 7427 7, RFC 8420 2. */
enum sign_hash {
	SIGN_HASH_SHA1 = 1,
	SIGN_HASH_SHA256 = 2,
	SIGN_HASH_SHA384 = 3,
	SIGN_HASH_SHA512 = 4,
	SIGN_HASH_IDENTITY = 5, /* the message itself: Ed25519 */
};

/* A set of those: bit 1 << number. What we verify, and so announce. */
#define SIGN_HASHES                                                                                \
	(1u << SIGN_HASH_SHA256 | 1u << SIGN_HASH_SHA384 | 1u << SIGN_HASH_SHA512 |                \
		1u << SIGN_HASH_IDENTITY)

/* IKEv2 authentication methods (RFC 7296 3.8) that are signatures. */
enum sign_method {
	SIGN_METHOD_RSA_SHA1 = 1,
	SIGN_METHOD_ECDSA_256 = 9,
	SIGN_METHOD_ECDSA_384 = 10,
	SIGN_METHOD_ECDSA_521 = 11,
	SIGN_METHOD_DIGITAL = 14, /* RFC 7427 */
};

enum sign_family {
	SIGN_RSA,         /* PKCS #1 v1.5 */
	SIGN_RSA_PSS,     /* salt as long as the hash */
	SIGN_ECDSA,       /* a DER SEQUENCE of r and s */
	SIGN_ECDSA_FIXED, /* r and s side by side: RFC 4754 7 */
	SIGN_ED25519,
};

/* One way to sign. */
struct sign_scheme {
	const char *name;
	enum sign_family family;
	uint8_t hash;       /* enum sign_hash */
	uint8_t method;     /* enum sign_method */
	const char *digest; /* OpenSSL name; NULL: none */
	uint8_t der_len;    /* 0: is not named on the wire */
	uint8_t der[68];    /* AlgorithmIdentifier: RFC 7427 A */
};

/* The scheme that an AlgorithmIdentifier names; NULL when it is unknown or SHA-1. */
const struct sign_scheme *sign_scheme_decode(const void *der, size_t len);

/* The scheme of method 1, 9, 10 or 11; NULL for others. */
const struct sign_scheme *sign_scheme_of_method(uint8_t method);

/*
 * What to sign with under RFC 7427 towards a peer that verifies `hashes`: the hash nearest to the
 * key's strength. `pss` prefers RSASSA-PSS for RSA keys. NULL when there is no common hash.
 */
const struct sign_scheme *sign_scheme_choose(enum key_kind kind, uint32_t hashes, bool pss);

/* What to sign with towards a peer without RFC 7427; NULL when the key has no such method. */
const struct sign_scheme *sign_scheme_legacy(enum key_kind kind);

/* ---- private keys ---- */

struct private_key;

/*
 * Reads PEM (PKCS #8, SEC 1 or PKCS #1, not encrypted). NULL with a sentence in `error` when it is
 * no key, or one IKE cannot use.
 */
struct private_key *private_key_read(const void *pem, size_t len, char *error, size_t size);
void private_key_free(struct private_key *k);
enum key_kind private_key_kind(const struct private_key *k);

/* "RSA-3072", "ECDSA-P256", "Ed25519". */
const char *private_key_name(const struct private_key *k, char name[KEY_NAME_SIZE]);

/* ---- signatures ---- */

struct cert;

/* Signs the concatenation of the chunks. False when key and scheme do not fit or the library fails. */
bool sign_create(const struct private_key *k, const struct sign_scheme *s,
	const struct chunk *chunks, size_t count, uint8_t out[SIGNATURE_MAX], size_t *out_len);

/* Verifies with the public key of a certificate. */
bool sign_verify(const struct cert *c, const struct sign_scheme *s, const struct chunk *chunks,
	size_t count, const void *signature, size_t signature_len);

/*
 * IKEv1: signs a digest as it is. RSA: PKCS #1 padding of type 1 without the hash's name (RFC 2409
 * 5.1); ECDSA: r and s side by side (RFC 4754 7). No other keys.
 */
bool sign_digest_create(const struct private_key *k, const void *digest, size_t digest_len,
	uint8_t out[SIGNATURE_MAX], size_t *out_len);
bool sign_digest_verify(const struct cert *c, const void *digest, size_t digest_len,
	const void *signature, size_t signature_len);

/* Signs and verifies once with fresh elliptic keys, for crypto_init(). */
bool sign_init(void);

#endif
