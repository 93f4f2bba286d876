/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM with a 16-byte ICV: RFC 4106. The explicit IV is the sequence number: it never repeats
 * under one key because esp_seal never repeats a sequence number.
 */
#include "esp/cipher.h"

#include "base/secret.h"
#include "base/wire.h"

#include <intel-ipsec-mb.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define GCM_IV    8
#define GCM_NONCE 12
#define GCM_ICV   16
#define GCM_AAD   12 /* SPI and 64-bit sequence number; 8 without ESN */

struct gcm {
	struct cipher base;
	bool wide; /* 256-bit key */
	uint8_t salt[ESP_SALT_SIZE];
	EVP_CIPHER_CTX *evp;                                  /* OpenSSL */
	struct gcm_key_data key __attribute__((aligned(64))); /* ipsec-mb */
};

static pthread_once_t engine_once = PTHREAD_ONCE_INIT;
static IMB_MGR *engine; /* a table of functions for this CPU; read-only after engine_once */

static void engine_find(void)
{
	IMB_MGR *m = alloc_mb_mgr(0);

	if (!m)
		return;
	init_mb_mgr_auto(m, NULL);
	if (imb_get_errno(m)) {
		free_mb_mgr(m);
		return;
	}
	engine = m;
}

/* RFC 4106 5: SPI and sequence number, the 64-bit one with ESN. */
static uint32_t make_aad(
	const struct gcm *g, const uint8_t *packet, uint64_t sequence, uint8_t aad[GCM_AAD])
{
	struct wr w = wr_init(aad, GCM_AAD);

	wr_bytes(&w, packet, 4);
	if (g->base.esn)
		wr_u64(&w, sequence);
	else
		wr_u32(&w, (uint32_t)sequence);
	return (uint32_t)wr_len(&w);
}

static void make_nonce(const struct gcm *g, const uint8_t *iv, uint8_t nonce[GCM_NONCE])
{
	memcpy(nonce, g->salt, ESP_SALT_SIZE);
	memcpy(nonce + ESP_SALT_SIZE, iv, GCM_IV);
}

static void write_iv(uint8_t *packet, uint64_t sequence)
{
	struct wr w = wr_init(packet + ESP_HEADER_SIZE, GCM_IV);

	wr_u64(&w, sequence);
}

static bool mb_seal(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct gcm *g = (struct gcm *)c;
	uint8_t *payload = packet + ESP_HEADER_SIZE + GCM_IV;
	uint8_t nonce[GCM_NONCE], aad[GCM_AAD];
	struct gcm_context_data ctx;
	uint32_t aad_len;

	write_iv(packet, sequence);
	make_nonce(g, packet + ESP_HEADER_SIZE, nonce);
	aad_len = make_aad(g, packet, sequence, aad);
	if (g->wide)
		IMB_AES256_GCM_ENC(engine, &g->key, &ctx, payload, payload, len, nonce, aad,
			aad_len, payload + len, GCM_ICV);
	else
		IMB_AES128_GCM_ENC(engine, &g->key, &ctx, payload, payload, len, nonce, aad,
			aad_len, payload + len, GCM_ICV);
	return true;
}

static bool mb_open(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct gcm *g = (struct gcm *)c;
	uint8_t *payload = packet + ESP_HEADER_SIZE + GCM_IV;
	uint8_t nonce[GCM_NONCE], aad[GCM_AAD], tag[GCM_ICV];
	struct gcm_context_data ctx;
	uint32_t aad_len = make_aad(g, packet, sequence, aad);

	make_nonce(g, packet + ESP_HEADER_SIZE, nonce);
	if (g->wide)
		IMB_AES256_GCM_DEC(engine, &g->key, &ctx, payload, payload, len, nonce, aad,
			aad_len, tag, GCM_ICV);
	else
		IMB_AES128_GCM_DEC(engine, &g->key, &ctx, payload, payload, len, nonce, aad,
			aad_len, tag, GCM_ICV);
	return secret_equal(tag, payload + len, GCM_ICV);
}

static void gcm_free(struct cipher *c)
{
	struct gcm *g = (struct gcm *)c;

	EVP_CIPHER_CTX_free(g->evp);
	secret_wipe(g, sizeof(*g));
	free(g);
}

static bool evp_seal(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct gcm *g = (struct gcm *)c;
	uint8_t *payload = packet + ESP_HEADER_SIZE + GCM_IV;
	uint8_t nonce[GCM_NONCE], aad[GCM_AAD];
	int n, aad_len;

	write_iv(packet, sequence);
	make_nonce(g, packet + ESP_HEADER_SIZE, nonce);
	aad_len = (int)make_aad(g, packet, sequence, aad);
	return EVP_EncryptInit_ex(g->evp, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_EncryptUpdate(g->evp, NULL, &n, aad, aad_len) == 1 &&
	       EVP_EncryptUpdate(g->evp, payload, &n, payload, (int)len) == 1 &&
	       EVP_EncryptFinal_ex(g->evp, payload + len, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(g->evp, EVP_CTRL_AEAD_GET_TAG, GCM_ICV, payload + len) == 1;
}

static bool evp_open(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct gcm *g = (struct gcm *)c;
	uint8_t *payload = packet + ESP_HEADER_SIZE + GCM_IV;
	uint8_t nonce[GCM_NONCE], aad[GCM_AAD], last[GCM_ICV];
	int n, aad_len = (int)make_aad(g, packet, sequence, aad);

	make_nonce(g, packet + ESP_HEADER_SIZE, nonce);
	return EVP_DecryptInit_ex(g->evp, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_DecryptUpdate(g->evp, NULL, &n, aad, aad_len) == 1 &&
	       EVP_DecryptUpdate(g->evp, payload, &n, payload, (int)len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(g->evp, EVP_CTRL_AEAD_SET_TAG, GCM_ICV, payload + len) == 1 &&
	       EVP_DecryptFinal_ex(g->evp, last, &n) == 1;
}

static const struct cipher_ops mb_ops = {
	.engine = "ipsec-mb", .seal = mb_seal, .open = mb_open, .free = gcm_free};
static const struct cipher_ops evp_ops = {
	.engine = "openssl", .seal = evp_seal, .open = evp_open, .free = gcm_free};

static bool evp_setup(struct gcm *g, const struct esp_params *p)
{
	const EVP_CIPHER *aes = g->wide ? EVP_aes_256_gcm() : EVP_aes_128_gcm();

	g->base.ops = &evp_ops;
	g->evp = EVP_CIPHER_CTX_new();
	return g->evp &&
	       EVP_CipherInit_ex(g->evp, aes, NULL, p->key, NULL, p->outbound ? 1 : 0) == 1;
}

static void mb_setup(struct gcm *g, const struct esp_params *p)
{
	g->base.ops = &mb_ops;
	if (g->wide)
		IMB_AES256_GCM_PRE(engine, p->key, &g->key);
	else
		IMB_AES128_GCM_PRE(engine, p->key, &g->key);
}

struct cipher *cipher_gcm_new(const struct esp_params *p, enum esp_engine wanted)
{
	size_t size = (sizeof(struct gcm) + 63) & ~(size_t)63;
	struct gcm *g;

	if ((p->key_len != 16 && p->key_len != 32) || p->integ != ESP_INTEG_NONE)
		return NULL;
	g = aligned_alloc(64, size);
	if (!g)
		return NULL;
	memset(g, 0, sizeof(*g));
	g->base.iv_len = GCM_IV;
	g->base.icv_len = GCM_ICV;
	g->base.block = 4; /* RFC 4303 2.4: the trailer ends on a 4-byte boundary */
	g->base.esn = p->esn;
	g->wide = p->key_len == 32;
	memcpy(g->salt, p->salt, sizeof(g->salt));
	pthread_once(&engine_once, engine_find);
	if (wanted == ESP_ENGINE_AUTO && engine) {
		mb_setup(g, p);
	} else if (!evp_setup(g, p)) {
		gcm_free(&g->base);
		return NULL;
	}
	return &g->base;
}
