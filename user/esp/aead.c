/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM with a 16-byte ICV (RFC 4106) and ChaCha20-Poly1305 (RFC 7634), which have the same layout.
 * The explicit IV is the sequence number: it never repeats under one key because esp_seal never
 * repeats a sequence number.
 */
#include "esp/cipher.h"

#include "base/secret.h"
#include "base/wire.h"
#include "esp/gcm_vaes.h"

#include <intel-ipsec-mb.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define AEAD_IV    8
#define AEAD_NONCE 12
#define AEAD_ICV   16
#define AEAD_AAD   12 /* SPI and 64-bit sequence number; 8 without ESN */

struct aead {
	struct cipher base;
	bool wide; /* 256-bit key */
	uint8_t salt[ESP_SALT_SIZE];
	union {
		EVP_CIPHER_CTX *evp;     /* OpenSSL */
		struct gcm_key_data *mb; /* ipsec-mb: a kilobyte that the others need not have */
	};
	struct gcm_vaes vaes;
};

static pthread_once_t engine_once = PTHREAD_ONCE_INIT;
static bool vaes;       /* this CPU can; read-only after engine_once, as is the next */
static IMB_MGR *engine; /* ipsec-mb's table of functions for this CPU */

static void engine_find(void)
{
	IMB_MGR *m = alloc_mb_mgr(0);

	vaes = gcm_vaes_usable();
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
	const struct aead *a, const uint8_t *packet, uint64_t sequence, uint8_t aad[AEAD_AAD])
{
	struct wr w = wr_init(aad, AEAD_AAD);

	wr_bytes(&w, packet, 4);
	if (a->base.esn)
		wr_u64(&w, sequence);
	else
		wr_u32(&w, (uint32_t)sequence);
	return (uint32_t)wr_len(&w);
}

static void make_nonce(const struct aead *a, const uint8_t *iv, uint8_t nonce[AEAD_NONCE])
{
	memcpy(nonce, a->salt, ESP_SALT_SIZE);
	memcpy(nonce + ESP_SALT_SIZE, iv, AEAD_IV);
}

static void write_iv(uint8_t *packet, uint64_t sequence)
{
	struct wr w = wr_init(packet + ESP_HEADER_SIZE, AEAD_IV);

	wr_u64(&w, sequence);
}

static bool vaes_seal(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct aead *a = (struct aead *)c;
	uint8_t nonce[AEAD_NONCE], aad[AEAD_AAD];
	uint32_t aad_len = make_aad(a, packet, sequence, aad);

	write_iv(packet, sequence);
	make_nonce(a, packet + ESP_HEADER_SIZE, nonce);
	gcm_vaes_seal(&a->vaes, nonce, aad, aad_len, packet + ESP_HEADER_SIZE + AEAD_IV, len);
	return true;
}

static bool vaes_open(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct aead *a = (struct aead *)c;
	uint8_t nonce[AEAD_NONCE], aad[AEAD_AAD];
	uint32_t aad_len = make_aad(a, packet, sequence, aad);

	make_nonce(a, packet + ESP_HEADER_SIZE, nonce);
	return gcm_vaes_open(
		&a->vaes, nonce, aad, aad_len, packet + ESP_HEADER_SIZE + AEAD_IV, len);
}

static bool mb_seal(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct aead *a = (struct aead *)c;
	uint8_t *payload = packet + ESP_HEADER_SIZE + AEAD_IV;
	uint8_t nonce[AEAD_NONCE], aad[AEAD_AAD];
	struct gcm_context_data ctx;
	uint32_t aad_len;

	write_iv(packet, sequence);
	make_nonce(a, packet + ESP_HEADER_SIZE, nonce);
	aad_len = make_aad(a, packet, sequence, aad);
	if (a->wide)
		IMB_AES256_GCM_ENC(engine, a->mb, &ctx, payload, payload, len, nonce, aad, aad_len,
			payload + len, AEAD_ICV);
	else
		IMB_AES128_GCM_ENC(engine, a->mb, &ctx, payload, payload, len, nonce, aad, aad_len,
			payload + len, AEAD_ICV);
	return true;
}

static bool mb_open(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct aead *a = (struct aead *)c;
	uint8_t *payload = packet + ESP_HEADER_SIZE + AEAD_IV;
	uint8_t nonce[AEAD_NONCE], aad[AEAD_AAD], tag[AEAD_ICV];
	struct gcm_context_data ctx;
	uint32_t aad_len = make_aad(a, packet, sequence, aad);

	make_nonce(a, packet + ESP_HEADER_SIZE, nonce);
	if (a->wide)
		IMB_AES256_GCM_DEC(engine, a->mb, &ctx, payload, payload, len, nonce, aad, aad_len,
			tag, AEAD_ICV);
	else
		IMB_AES128_GCM_DEC(engine, a->mb, &ctx, payload, payload, len, nonce, aad, aad_len,
			tag, AEAD_ICV);
	return secret_equal(tag, payload + len, AEAD_ICV);
}

static void vaes_free(struct cipher *c)
{
	secret_wipe(c, sizeof(struct aead));
	free(c);
}

static void mb_free(struct cipher *c)
{
	struct aead *a = (struct aead *)c;

	if (a->mb)
		secret_wipe(a->mb, sizeof(*a->mb));
	free(a->mb);
	vaes_free(c);
}

static void evp_free(struct cipher *c)
{
	EVP_CIPHER_CTX_free(((struct aead *)c)->evp);
	vaes_free(c);
}

static bool evp_seal(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct aead *a = (struct aead *)c;
	uint8_t *payload = packet + ESP_HEADER_SIZE + AEAD_IV;
	uint8_t nonce[AEAD_NONCE], aad[AEAD_AAD];
	int n, aad_len;

	write_iv(packet, sequence);
	make_nonce(a, packet + ESP_HEADER_SIZE, nonce);
	aad_len = (int)make_aad(a, packet, sequence, aad);
	return EVP_EncryptInit_ex(a->evp, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_EncryptUpdate(a->evp, NULL, &n, aad, aad_len) == 1 &&
	       EVP_EncryptUpdate(a->evp, payload, &n, payload, (int)len) == 1 &&
	       EVP_EncryptFinal_ex(a->evp, payload + len, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(a->evp, EVP_CTRL_AEAD_GET_TAG, AEAD_ICV, payload + len) == 1;
}

static bool evp_open(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence)
{
	struct aead *a = (struct aead *)c;
	uint8_t *payload = packet + ESP_HEADER_SIZE + AEAD_IV;
	uint8_t nonce[AEAD_NONCE], aad[AEAD_AAD], last[AEAD_ICV];
	int n, aad_len = (int)make_aad(a, packet, sequence, aad);

	make_nonce(a, packet + ESP_HEADER_SIZE, nonce);
	return EVP_DecryptInit_ex(a->evp, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_DecryptUpdate(a->evp, NULL, &n, aad, aad_len) == 1 &&
	       EVP_DecryptUpdate(a->evp, payload, &n, payload, (int)len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(a->evp, EVP_CTRL_AEAD_SET_TAG, AEAD_ICV, payload + len) == 1 &&
	       EVP_DecryptFinal_ex(a->evp, last, &n) == 1;
}

static const struct cipher_ops vaes_ops = {
	.engine = "vaes", .seal = vaes_seal, .open = vaes_open, .free = vaes_free};
static const struct cipher_ops mb_ops = {
	.engine = "ipsec-mb", .seal = mb_seal, .open = mb_open, .free = mb_free};
static const struct cipher_ops evp_ops = {
	.engine = "openssl", .seal = evp_seal, .open = evp_open, .free = evp_free};

static bool evp_setup(struct aead *a, const struct esp_params *p)
{
	const EVP_CIPHER *evp = p->cipher == ESP_CHACHA20_POLY1305 ? EVP_chacha20_poly1305()
				: a->wide                          ? EVP_aes_256_gcm()
								   : EVP_aes_128_gcm();

	a->base.ops = &evp_ops;
	a->evp = EVP_CIPHER_CTX_new();
	return a->evp &&
	       EVP_CipherInit_ex(a->evp, evp, NULL, p->key, NULL, p->outbound ? 1 : 0) == 1;
}

static bool vaes_setup(struct aead *a, const struct esp_params *p)
{
	if (!vaes || p->cipher != ESP_AES_GCM_16)
		return false;
	a->base.ops = &vaes_ops;
	a->base.size = sizeof(*a);
	gcm_vaes_init(&a->vaes, p->key, p->key_len);
	return true;
}

static bool mb_setup(struct aead *a, const struct esp_params *p)
{
	if (!engine || p->cipher != ESP_AES_GCM_16)
		return false;
	a->base.ops = &mb_ops;
	a->mb = aligned_alloc(64, (sizeof(*a->mb) + 63) & ~(size_t)63);
	if (!a->mb)
		return false;
	if (a->wide)
		IMB_AES256_GCM_PRE(engine, p->key, a->mb);
	else
		IMB_AES128_GCM_PRE(engine, p->key, a->mb);
	return true;
}

/* By preference. */
static const struct {
	enum esp_engine engine;
	bool (*setup)(struct aead *a, const struct esp_params *p);
} engines[] = {
	{ESP_ENGINE_VAES, vaes_setup},
	{ESP_ENGINE_IPSEC_MB, mb_setup},
	{ESP_ENGINE_OPENSSL, evp_setup},
};

struct cipher *cipher_aead_new(const struct esp_params *p, enum esp_engine wanted)
{
	size_t size = (sizeof(struct aead) + 63) & ~(size_t)63;
	bool gcm = p->cipher == ESP_AES_GCM_16;
	struct aead *a;

	if ((p->key_len != 32 && (p->key_len != 16 || !gcm)) || p->integ != ESP_INTEG_NONE)
		return NULL;
	a = aligned_alloc(64, size);
	if (!a)
		return NULL;
	memset(a, 0, sizeof(*a));
	a->base.iv_len = AEAD_IV;
	a->base.icv_len = AEAD_ICV;
	a->base.block = 4; /* RFC 4303 2.4: the trailer ends on a 4-byte boundary */
	a->base.esn = p->esn;
	a->base.size = offsetof(struct aead, vaes);
	a->wide = p->key_len == 32;
	memcpy(a->salt, p->salt, sizeof(a->salt));
	pthread_once(&engine_once, engine_find);
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if ((wanted == ESP_ENGINE_AUTO || wanted == engines[i].engine) &&
			engines[i].setup(a, p))
			return &a->base;
		if (a->base.ops) {
			a->base.ops->free(&a->base);
			return NULL;
		}
	}
	free(a);
	return NULL;
}
