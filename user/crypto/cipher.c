/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cipher.h"

#include "base/secret.h"

#include <openssl/evp.h>
#include <string.h>

#define CBC(bits)                                                                                  \
	{                                                                                          \
		.id = 12, .key_bits = (bits), .key_len = (bits) / 8, .iv_len = 16, .block = 16,    \
		.name = "aes" #bits, .algorithm = "AES-" #bits "-CBC"                              \
	}
#define GCM(bits)                                                                                  \
	{                                                                                          \
		.id = 20, .key_bits = (bits), .key_len = (bits) / 8, .salt_len = 4, .iv_len = 8,   \
		.block = 1, .tag_len = 16, .name = "aes" #bits "gcm16",                            \
		.algorithm = "AES-" #bits "-GCM"                                                   \
	}

static const struct cipher ciphers[] = {CBC(128), CBC(192), CBC(256), GCM(128), GCM(192), GCM(256),
	/* RFC 7634: one key length, so no key length attribute. */
	{.id = 28,
		.key_len = 32,
		.salt_len = 4,
		.iv_len = 8,
		.block = 1,
		.tag_len = 16,
		.name = "chacha20poly1305",
		.algorithm = "ChaCha20-Poly1305"}};

const struct cipher *cipher_find(uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		if (ciphers[i].id == id && ciphers[i].key_bits == key_bits)
			return &ciphers[i];
	}
	return NULL;
}

/* The library's cipher of a row, found once: finding it costs more than a short message. */
static EVP_CIPHER *library_cipher(const struct cipher *c)
{
	static EVP_CIPHER *found[sizeof(ciphers) / sizeof(ciphers[0])];
	size_t row = (size_t)(c - ciphers);

	if (!found[row])
		found[row] = EVP_CIPHER_fetch(NULL, c->algorithm, NULL);
	return found[row];
}

/* One pass of AEAD with the 12-byte nonce of RFC 5282 section 4. */
static bool aead(const struct cipher *c, bool seal, const uint8_t *key, const uint8_t *salt,
	const uint8_t *iv, const void *aad, size_t aad_len, uint8_t *bytes, size_t len,
	uint8_t *tag)
{
	uint8_t nonce[CIPHER_SALT_MAX + CIPHER_IV_MAX];
	uint8_t rest[16];
	EVP_CIPHER *evp = library_cipher(c);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, done = 0;
	bool ok;

	memcpy(nonce, salt, c->salt_len);
	memcpy(nonce + c->salt_len, iv, c->iv_len);
	ok = evp && ctx && EVP_CipherInit_ex2(ctx, evp, key, nonce, seal, NULL) == 1;
	ok = ok && (!aad_len || EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1);
	ok = ok && (!len || EVP_CipherUpdate(ctx, bytes, &done, bytes, (int)len) == 1);
	if (!seal)
		ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, c->tag_len, tag) == 1;
	ok = ok && EVP_CipherFinal_ex(ctx, rest, &n) == 1;
	if (seal)
		ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, c->tag_len, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	secret_wipe(nonce, sizeof(nonce));
	return ok && (size_t)done == len;
}

bool cipher_seal(const struct cipher *c, const uint8_t *key, const uint8_t *salt, const uint8_t *iv,
	const void *aad, size_t aad_len, uint8_t *bytes, size_t len, uint8_t *tag)
{
	return aead(c, true, key, salt, iv, aad, aad_len, bytes, len, tag);
}

bool cipher_open(const struct cipher *c, const uint8_t *key, const uint8_t *salt, const uint8_t *iv,
	const void *aad, size_t aad_len, uint8_t *bytes, size_t len, const uint8_t *tag)
{
	uint8_t copy[16];

	memcpy(copy, tag, c->tag_len);
	return aead(c, false, key, salt, iv, aad, aad_len, bytes, len, copy);
}

bool cipher_cbc(const struct cipher *c, bool encrypt, const uint8_t *key, const uint8_t *iv,
	uint8_t *bytes, size_t len)
{
	EVP_CIPHER *evp = library_cipher(c);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t rest[32];
	int n = 0, last = 0;
	bool ok = len % c->block == 0 && evp && ctx;

	ok = ok && EVP_CipherInit_ex2(ctx, evp, key, iv, encrypt, NULL) == 1;
	ok = ok && EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
	ok = ok && (!len || EVP_CipherUpdate(ctx, bytes, &n, bytes, (int)len) == 1);
	ok = ok && EVP_CipherFinal_ex(ctx, rest, &last) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return ok && (size_t)n == len && last == 0;
}
