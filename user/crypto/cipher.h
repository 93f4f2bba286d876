/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encryption transforms of IKE: AES-CBC (RFC 3602), AES-GCM with a 16-byte tag (RFC 5282) and
 * ChaCha20-Poly1305 (RFC 7634).
 */
#ifndef SLUICE_CRYPTO_CIPHER_H
#define SLUICE_CRYPTO_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHER_KEY_MAX  32
#define CIPHER_SALT_MAX 4
#define CIPHER_IV_MAX   16

/* One row of the IANA "Encryption Algorithm" registry (transform type 1) with one key length. */
struct cipher {
	uint16_t id;
	uint16_t key_bits;
	uint8_t key_len;  /* bytes, salt not counted */
	uint8_t salt_len; /* bytes taken from the key material after the key */
	uint8_t iv_len;   /* bytes on the wire */
	uint8_t block;    /* padding unit in bytes */
	uint8_t tag_len;  /* 0: needs an integrity transform */
	const char *name;
	const char *algorithm; /* OpenSSL name */
};

/* NULL when there is no such row. */
const struct cipher *cipher_find(uint16_t id, uint16_t key_bits);

/* True for ciphers that authenticate by themselves. */
static inline bool cipher_is_aead(const struct cipher *c)
{
	return c->tag_len != 0;
}

/* AEAD in place: nonce = salt | iv. Writes tag[c->tag_len]. */
bool cipher_seal(const struct cipher *c, const uint8_t *key, const uint8_t *salt, const uint8_t *iv,
	const void *aad, size_t aad_len, uint8_t *bytes, size_t len, uint8_t *tag);

/* AEAD in place; false when the tag is wrong, then `bytes` is meaningless. */
bool cipher_open(const struct cipher *c, const uint8_t *key, const uint8_t *salt, const uint8_t *iv,
	const void *aad, size_t aad_len, uint8_t *bytes, size_t len, const uint8_t *tag);

/* CBC in place, whole blocks, no padding of its own. */
bool cipher_cbc(const struct cipher *c, bool encrypt, const uint8_t *key, const uint8_t *iv,
	uint8_t *bytes, size_t len);

#endif
