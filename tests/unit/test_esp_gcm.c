/* SPDX-License-Identifier: Apache-2.0 */
/* The AES-GCM kernel for VAES: published vectors, and OpenSSL at every length. */
#include "esp/gcm_vaes.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 2048
#define SKIPPED 77 /* what tests/run.sh takes for a skip */

/* From "The Galois/Counter Mode of Operation" (McGrew, Viega), appendix B: those without AAD. */
#define KEY_1 "00000000000000000000000000000000"
#define KEY_3 "feffe9928665731c6d6a8f9467308308"
#define PLAIN_3                                                                                    \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                         \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"

static const struct {
	const char *key, *nonce, *plain, *sealed;
} vectors[] = {
	{KEY_1, "000000000000000000000000", "", "58e2fccefa7e3061367f1d57a4e7455a"},
	{KEY_1, "000000000000000000000000", "00000000000000000000000000000000",
		"0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
	{KEY_3, "cafebabefacedbaddecaf888", PLAIN_3,
		"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
		"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985"
		"4d5c2af327cd64a62cf35abd2ba6fab4"},
	{KEY_1 KEY_1, "000000000000000000000000", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{KEY_1 KEY_1, "000000000000000000000000", "00000000000000000000000000000000",
		"cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
	{KEY_3 KEY_3, "cafebabefacedbaddecaf888", PLAIN_3,
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
		"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
		"b094dac5d93471bdec1a502270e3cc6c"},
};

static uint32_t from_hex(const char *text, uint8_t *out)
{
	uint32_t n = (uint32_t)strlen(text) / 2;

	for (uint32_t i = 0; i < n; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(text + (size_t)2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return n;
}

static void published_vectors_hold(void **context)
{
	(void)context;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t key[32], nonce[12], plain[64], sealed[80], bytes[80];
		uint32_t key_len = from_hex(vectors[i].key, key);
		uint32_t len = from_hex(vectors[i].plain, plain);
		struct gcm_vaes g;

		from_hex(vectors[i].nonce, nonce);
		assert_int_equal(from_hex(vectors[i].sealed, sealed), len + GCM_VAES_TAG);
		gcm_vaes_init(&g, key, key_len);
		memcpy(bytes, plain, len);
		gcm_vaes_seal(&g, nonce, NULL, 0, bytes, len);
		assert_memory_equal(bytes, sealed, len + GCM_VAES_TAG);
		assert_true(gcm_vaes_open(&g, nonce, NULL, 0, bytes, len));
		assert_memory_equal(bytes, plain, len);
		assert_memory_equal(bytes + len, sealed + len, GCM_VAES_TAG);
	}
}

/* One packet with everything around it, other bytes for each length. */
struct packet {
	uint32_t key_len, aad_len, len;
	uint8_t key[32], nonce[12], aad[12];
	uint8_t plain[LONGEST];
	uint8_t sealed[LONGEST + GCM_VAES_TAG]; /* by OpenSSL */
};

static void make(struct packet *p, uint32_t key_len, uint32_t aad_len, uint32_t len)
{
	uint32_t x = key_len * 7919 + aad_len * 104729 + len + 1;
	uint8_t *all[] = {p->key, p->nonce, p->aad, p->plain};
	const size_t sizes[] = {32, 12, 12, len};
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	p->key_len = key_len;
	p->aad_len = aad_len;
	p->len = len;
	for (int i = 0; i < 4; i++) {
		for (size_t j = 0; j < sizes[i]; j++) {
			x = x * 1664525 + 1013904223;
			all[i][j] = (uint8_t)(x >> 24);
		}
	}
	assert_non_null(c);
	assert_int_equal(
		EVP_EncryptInit_ex(c, key_len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(), NULL,
			p->key, p->nonce),
		1);
	assert_int_equal(EVP_EncryptUpdate(c, NULL, &n, p->aad, (int)aad_len), 1);
	assert_int_equal(EVP_EncryptUpdate(c, p->sealed, &n, p->plain, (int)len), 1);
	assert_int_equal(EVP_EncryptFinal_ex(c, p->sealed + len, &n), 1);
	assert_int_equal(
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, GCM_VAES_TAG, p->sealed + len), 1);
	EVP_CIPHER_CTX_free(c);
}

static bool opens(const struct gcm_vaes *g, const struct packet *p, const uint8_t *aad,
	uint8_t *bytes, uint32_t flipped)
{
	memcpy(bytes, p->sealed, p->len + GCM_VAES_TAG);
	if (flipped < (p->len + GCM_VAES_TAG) * 8)
		bytes[flipped / 8] ^= (uint8_t)(1 << flipped % 8);
	return gcm_vaes_open(g, p->nonce, aad, p->aad_len, bytes, p->len);
}

/* The packet ends where its allocation does and begins `shift` behind its start, for the sanitiser. */
static void check(const struct packet *p, uint32_t shift)
{
	uint32_t size = p->len + GCM_VAES_TAG;
	uint8_t *room = malloc(shift + size), *bytes = room + shift;
	struct gcm_vaes g;

	assert_non_null(room);
	memset(room, 0xa5, shift);
	gcm_vaes_init(&g, p->key, p->key_len);
	memcpy(bytes, p->plain, p->len);
	gcm_vaes_seal(&g, p->nonce, p->aad, p->aad_len, bytes, p->len);
	assert_memory_equal(bytes, p->sealed, size);
	assert_true(gcm_vaes_open(&g, p->nonce, p->aad, p->aad_len, bytes, p->len));
	assert_memory_equal(bytes, p->plain, p->len);
	assert_memory_equal(bytes + p->len, p->sealed + p->len, GCM_VAES_TAG);
	for (uint32_t i = 0; i < shift; i++)
		assert_int_equal(room[i], 0xa5);
	free(room);
}

/* A changed bit in ciphertext, tag, nonce or AAD: seven places of each, others for each length. */
static void check_tampering(const struct packet *p)
{
	uint32_t size = p->len + GCM_VAES_TAG;
	uint8_t *bytes = malloc(size), aad[12];
	struct gcm_vaes g;

	assert_non_null(bytes);
	gcm_vaes_init(&g, p->key, p->key_len);
	assert_true(opens(&g, p, p->aad, bytes, UINT32_MAX));
	for (uint32_t i = 0; i < 7; i++) {
		uint32_t in_tag = p->len * 8 + (p->len * 11 + i * 37) % (GCM_VAES_TAG * 8);
		uint32_t in_aad = (p->len * 5 + i * 13) % (p->aad_len * 8);

		assert_false(opens(&g, p, p->aad, bytes, in_tag));
		if (p->len)
			assert_false(opens(
				&g, p, p->aad, bytes, (p->len * 3 + i * 1217) % (p->len * 8)));
		memcpy(aad, p->aad, sizeof(aad));
		aad[in_aad / 8] ^= (uint8_t)(1 << in_aad % 8);
		assert_false(opens(&g, p, aad, bytes, UINT32_MAX));
	}
	if (p->len)
		assert_false(opens(&g, p, p->aad, bytes, p->len * 8 - 1));
	free(bytes);
}

static void every_length_is_as_openssl_says(void **context)
{
	static struct packet p;

	(void)context;
	for (uint32_t variant = 0; variant < 4; variant++) {
		for (uint32_t len = 0; len <= LONGEST; len++) {
			make(&p, variant & 1 ? 32 : 16, variant & 2 ? 12 : 8, len);
			check(&p, 0);
			check(&p, 1 + len % 31);
			check_tampering(&p);
		}
	}
}

/* Every bit of a short packet, its tag and its AAD counts. */
static void every_bit_is_authentic(void **context)
{
	static struct packet p;
	uint8_t bytes[90 + GCM_VAES_TAG], aad[12];
	struct gcm_vaes g;

	(void)context;
	make(&p, 16, 12, 90);
	gcm_vaes_init(&g, p.key, p.key_len);
	for (uint32_t bit = 0; bit < sizeof(bytes) * 8; bit++)
		assert_false(opens(&g, &p, p.aad, bytes, bit));
	for (uint32_t bit = 0; bit < 12 * 8; bit++) {
		memcpy(aad, p.aad, sizeof(aad));
		aad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(opens(&g, &p, aad, bytes, UINT32_MAX));
	}
	assert_true(opens(&g, &p, p.aad, bytes, UINT32_MAX));
	assert_memory_equal(bytes, p.plain, p.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_hold),
		cmocka_unit_test(every_length_is_as_openssl_says),
		cmocka_unit_test(every_bit_is_authentic),
	};

	if (!gcm_vaes_usable()) {
		puts("SKIP: this CPU has no VAES and VPCLMULQDQ, or its kernel saves no YMM "
		     "registers");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
