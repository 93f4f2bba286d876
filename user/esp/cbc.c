/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-CBC (RFC 3602) with HMAC-SHA-1-96 (RFC 2404) or HMAC-SHA-2 (RFC 4868), by OpenSSL.
 *
 * RFC 3602 3 wants an IV that cannot be predicted. It is the encrypted sequence number (NIST SP
 * 800-38A appendix C): CBC from a zero IV over one more block in front leaves exactly that there.
 */
#include "esp/cipher.h"

#include "base/secret.h"
#include "base/wire.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define CBC_BLOCK 16
#define MAC_MAX   64

struct cbc {
	struct cipher base;
	EVP_CIPHER_CTX *aes;
	EVP_MAC_CTX *mac;
};

struct hmac {
	uint16_t integ;
	const char *digest;
	uint8_t key_len;
	uint8_t icv_len;
};

static const struct hmac hmacs[] = {
	{ESP_HMAC_SHA1_96, "SHA1", 20, 12},
	{ESP_HMAC_SHA256_128, "SHA256", 32, 16},
	{ESP_HMAC_SHA384_192, "SHA384", 48, 24},
	{ESP_HMAC_SHA512_256, "SHA512", 64, 32},
};

/* Over header, IV and ciphertext; with ESN the high half follows (RFC 4303 2.2.1). */
static bool authenticate(
	struct cbc *c, const uint8_t *packet, uint32_t len, uint64_t sequence, uint8_t icv[MAC_MAX])
{
	uint8_t high[4];
	size_t n;

	if (EVP_MAC_init(c->mac, NULL, 0, NULL) != 1 ||
		EVP_MAC_update(c->mac, packet, ESP_HEADER_SIZE + CBC_BLOCK + len) != 1)
		return false;
	if (c->base.esn) {
		struct wr w = wr_init(high, sizeof(high));

		wr_u32(&w, (uint32_t)(sequence >> 32));
		if (EVP_MAC_update(c->mac, high, sizeof(high)) != 1)
			return false;
	}
	return EVP_MAC_final(c->mac, icv, &n, MAC_MAX) == 1;
}

static bool cbc_seal(struct cipher *base, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	static const uint8_t zero[CBC_BLOCK];
	struct cbc *c = (struct cbc *)base;
	uint8_t *iv = packet + ESP_HEADER_SIZE;
	struct wr w = wr_init(iv, CBC_BLOCK);
	uint8_t icv[MAC_MAX];
	int n;

	wr_u64(&w, sequence);
	wr_zero(&w, CBC_BLOCK - 8);
	if (EVP_EncryptInit_ex(c->aes, NULL, NULL, NULL, zero) != 1 ||
		EVP_EncryptUpdate(c->aes, iv, &n, iv, (int)(CBC_BLOCK + len)) != 1 ||
		!authenticate(c, packet, len, sequence, icv))
		return false;
	memcpy(iv + CBC_BLOCK + len, icv, base->icv_len);
	return true;
}

static bool cbc_open(struct cipher *base, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct cbc *c = (struct cbc *)base;
	uint8_t *iv = packet + ESP_HEADER_SIZE;
	uint8_t *payload = iv + CBC_BLOCK;
	uint8_t icv[MAC_MAX];
	int n;

	return authenticate(c, packet, len, sequence, icv) &&
	       secret_equal(icv, payload + len, base->icv_len) &&
	       EVP_DecryptInit_ex(c->aes, NULL, NULL, NULL, iv) == 1 &&
	       EVP_DecryptUpdate(c->aes, payload, &n, payload, (int)len) == 1;
}

static void cbc_free(struct cipher *base)
{
	struct cbc *c = (struct cbc *)base;

	EVP_CIPHER_CTX_free(c->aes); /* OpenSSL wipes what these hold */
	EVP_MAC_CTX_free(c->mac);
	free(c);
}

static const struct cipher_ops cbc_ops = {
	.engine = "openssl", .seal = cbc_seal, .open = cbc_open, .free = cbc_free};

static const struct hmac *find_hmac(uint16_t integ)
{
	for (size_t i = 0; i < sizeof(hmacs) / sizeof(hmacs[0]); i++) {
		if (hmacs[i].integ == integ)
			return &hmacs[i];
	}
	return NULL;
}

static bool set_keys(struct cbc *c, const struct esp_params *p, const struct hmac *h)
{
	const EVP_CIPHER *aes = p->key_len == 32 ? EVP_aes_256_cbc() : EVP_aes_128_cbc();
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)h->digest, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	c->aes = EVP_CIPHER_CTX_new();
	c->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	return c->aes && c->mac &&
	       EVP_CipherInit_ex(c->aes, aes, NULL, p->key, NULL, p->outbound ? 1 : 0) == 1 &&
	       EVP_CIPHER_CTX_set_padding(c->aes, 0) == 1 &&
	       EVP_MAC_init(c->mac, p->integ_key, p->integ_len, params) == 1;
}

struct cipher *cipher_cbc_new(const struct esp_params *p)
{
	const struct hmac *h = find_hmac(p->integ);
	struct cbc *c;

	if (!h || p->integ_len != h->key_len || (p->key_len != 16 && p->key_len != 32))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->base.ops = &cbc_ops;
	c->base.iv_len = CBC_BLOCK;
	c->base.icv_len = h->icv_len;
	c->base.block = CBC_BLOCK;
	c->base.size = sizeof(*c);
	c->base.esn = p->esn;
	if (!set_keys(c, p, h)) {
		cbc_free(&c->base);
		return NULL;
	}
	return &c->base;
}
