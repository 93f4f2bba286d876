/* SPDX-License-Identifier: Apache-2.0 */
/* Published test vectors, and every row of the algorithm tables. */
#include "crypto/cipher.h"
#include "crypto/dh.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static size_t hex(const char *text, uint8_t *out)
{
	size_t n = 0;

	for (; text[0] && text[1]; text += 2) {
		unsigned int byte;

		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		out[n++] = (uint8_t)byte;
	}
	return n;
}

static void assert_hex(const uint8_t *bytes, const char *text)
{
	uint8_t expected[256];
	size_t n = hex(text, expected);

	assert_memory_equal(bytes, expected, n);
}

/* RFC 4231 4.2, 4.3, 4.7; RFC 2202 3. */
static void test_hmac(void **state)
{
	static const struct {
		const char *key, *data;
		const char *by_prf[4]; /* SHA-1, -256, -384, -512 */
	} rows[] = {
		{"4a656665", "what do ya want for nothing?",
			{"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
				"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
				"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
				"8e2240ca5e69e2c78b3239ecfab21649",
				"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
				"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce73"
				"7"}},
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There",
			{"b617318655057264e28bc0b6fb378c8ef146be00",
				"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
				"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
				"faea9ea9076ede7f4af152e8b2fa9cb6",
				"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
				"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a12685"
				"4"}},
	};
	static const uint16_t prfs[] = {2, 5, 6, 7}, integs[] = {2, 12, 13, 14};

	(void)state;
	for (size_t r = 0; r < 2; r++) {
		uint8_t key[64], out[PRF_MAX];
		size_t key_len = hex(rows[r].key, key), len = strlen(rows[r].data);
		/* In two pieces: the result is that of the whole. */
		struct chunk chunks[] = {{rows[r].data, 3}, {rows[r].data + 3, len - 3}};

		for (int i = 0; i < 4; i++) {
			assert_true(prf_compute(prf_find(prfs[i]), key, key_len, chunks, 2, out));
			assert_hex(out, rows[r].by_prf[i]);
		}
	}
	for (int i = 0; i < 4; i++) {
		const struct integ *integ = integ_find(integs[i]);
		uint8_t key[64] = {1}, icv[ICV_MAX], full[PRF_MAX];
		struct chunk chunk = {"abc", 3};

		assert_true(integ_compute(integ, key, "abc", 3, icv));
		assert_true(prf_compute(prf_find(prfs[i]), key, integ->key_len, &chunk, 1, full));
		assert_memory_equal(icv, full, integ->icv_len);
	}
	assert_null(prf_find(0));
	assert_null(integ_find(1));
}

/* RFC 7296 2.13 spelled out by hand, and the limit of 255 blocks. */
static void test_prf_plus(void **state)
{
	const struct prf *p = prf_find(5);
	struct chunk seed[] = {{"see", 3}, {"d", 1}};
	uint8_t got[80], t1[32], t2[32], t3[32], n1 = 1, n2 = 2, n3 = 3;
	struct chunk c1[] = {{"seed", 4}, {&n1, 1}};
	struct chunk c2[] = {{t1, 32}, {"seed", 4}, {&n2, 1}};
	struct chunk c3[] = {{t2, 32}, {"seed", 4}, {&n3, 1}};
	static uint8_t large[255 * 32 + 1];

	(void)state;
	assert_true(prf_plus(p, "key", 3, seed, 2, got, sizeof(got)));
	assert_true(prf_compute(p, "key", 3, c1, 2, t1) && prf_compute(p, "key", 3, c2, 3, t2) &&
		    prf_compute(p, "key", 3, c3, 3, t3));
	assert_memory_equal(got, t1, 32);
	assert_memory_equal(got + 32, t2, 32);
	assert_memory_equal(got + 64, t3, 16);
	assert_true(prf_plus(p, "key", 3, seed, 2, large, sizeof(large) - 1));
	assert_false(prf_plus(p, "key", 3, seed, 2, large, sizeof(large)));
}

/* Test case 4 of the GCM specification (AES-128) and 16 (AES-256). */
static void test_gcm(void **state)
{
	static const char text[] =
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
	static const struct {
		uint16_t bits;
		const char *key, *cipher, *tag;
	} rows[] = {
		{128, "feffe9928665731c6d6a8f9467308308",
			"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
			"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
			"5bc94fbc3221a5db94fae95ae7121a47"},
		{256, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
			"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
			"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
			"76fc6ece0f4e1768cddf8853bb2d551b"},
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct cipher *c = cipher_find(20, rows[i].bits);
		uint8_t key[32], nonce[12], aad[20], bytes[64], tag[16];
		size_t len = hex(text, bytes);

		hex(rows[i].key, key);
		hex("cafebabefacedbaddecaf888", nonce);
		hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad);
		assert_true(cipher_seal(c, key, nonce, nonce + 4, aad, 20, bytes, len, tag));
		assert_hex(bytes, rows[i].cipher);
		assert_hex(tag, rows[i].tag);
		assert_true(cipher_open(c, key, nonce, nonce + 4, aad, 20, bytes, len, tag));
		assert_hex(bytes, text);
		assert_true(cipher_seal(c, key, nonce, nonce + 4, aad, 20, bytes, len, tag));
		tag[15] ^= 1;
		assert_false(cipher_open(c, key, nonce, nonce + 4, aad, 20, bytes, len, tag));
	}
}

/* RFC 3602 4, case 2 (AES-128, two blocks), and round trips of the others. */
static void test_cbc(void **state)
{
	const struct cipher *c = cipher_find(12, 128);
	uint8_t key[32], iv[16], bytes[32], copy[32];

	(void)state;
	hex("c286696d887c9aa0611bbb3e2025a45a", key);
	hex("562e17996d093d28ddb3ba695a2e6f58", iv);
	hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", bytes);
	assert_true(cipher_cbc(c, true, key, iv, bytes, 32));
	assert_hex(bytes, "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1");
	assert_true(cipher_cbc(c, false, key, iv, bytes, 32));
	assert_hex(bytes, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	assert_false(cipher_cbc(c, true, key, iv, bytes, 31));
	for (uint16_t bits = 128; bits <= 256; bits = (uint16_t)(bits + 64)) {
		c = cipher_find(12, bits);
		memcpy(copy, bytes, 32);
		assert_true(cipher_cbc(c, true, key, iv, bytes, 32));
		assert_memory_not_equal(copy, bytes, 32);
		assert_true(cipher_cbc(c, false, key, iv, bytes, 32));
		assert_memory_equal(copy, bytes, 32);
	}
	assert_null(cipher_find(12, 0));
	assert_null(cipher_find(20, 127));
}

static void test_groups(void **state)
{
	static const uint16_t ids[] = {2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 31};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const struct dh_group *g = dh_group_find(ids[i]);
		struct dh *a = dh_new(g), *b = dh_new(g);
		static uint8_t pa[DH_PUBLIC_MAX], pb[DH_PUBLIC_MAX], pc[DH_PUBLIC_MAX];
		struct dh_secret x, y;

		assert_non_null(a);
		assert_non_null(b);
		assert_true(dh_public(a, pa) && dh_public(b, pb));
		assert_true(dh_shared(a, pb, g->public_len, &x));
		assert_true(dh_shared(b, pa, g->public_len, &y));
		assert_int_equal(x.len, g->shared_len);
		assert_memory_equal(x.bytes, y.bytes, x.len);
		memset(pc, 0, sizeof(pc));
		assert_true(dh_respond(g, pa, g->public_len, pc, &x));
		assert_true(dh_shared(a, pc, g->public_len, &y));
		assert_memory_equal(x.bytes, y.bytes, x.len);
		assert_false(dh_shared(a, pb, g->public_len - 1u, &x));
		/* RFC 6989, RFC 8031: 0, 1 and what exceeds p are no public values, nor is a point off the curve */
		memset(pa, 0, sizeof(pa));
		assert_false(dh_shared(b, pa, g->public_len, &y));
		/* A value of ours would cost something; of a curve's point, small order shows late. */
		memset(pc, 0x5a, sizeof(pc));
		assert_false(dh_respond(g, pa, g->public_len, pc, &y));
		if (ids[i] != 31)
			assert_true(pc[0] == 0x5a && !memcmp(pc, pc + 1, sizeof(pc) - 1));
		pa[g->public_len - 1] = 1;
		if (ids[i] != 31)
			assert_false(dh_shared(b, pa, g->public_len, &y));
		memset(pa, 0xff, sizeof(pa));
		if (ids[i] != 31)
			assert_false(dh_shared(b, pa, g->public_len, &y));
		dh_free(a);
		dh_free(b);
	}
	assert_null(dh_group_find(1));
	assert_null(dh_group_find(0));
}

/* One in 256 secrets of a MODP group starts with a zero byte: it must not be cut off. */
static void test_left_padding(void **state)
{
	const struct dh_group *g = dh_group_find(22);
	bool seen = false;

	(void)state;
	for (int i = 0; i < 3000 && !seen; i++) {
		struct dh *a = dh_new(g), *b = dh_new(g);
		uint8_t pa[DH_PUBLIC_MAX], pb[DH_PUBLIC_MAX];
		struct dh_secret x, y;

		assert_true(dh_public(a, pa) && dh_public(b, pb));
		assert_true(dh_shared(a, pb, g->public_len, &x));
		assert_true(dh_shared(b, pa, g->public_len, &y));
		assert_int_equal(x.len, 128);
		assert_memory_equal(x.bytes, y.bytes, 128);
		seen = x.bytes[0] == 0;
		dh_free(a);
		dh_free(b);
	}
	assert_true(seen);
}

static void test_hash(void **state)
{
	struct chunk abc[] = {{"a", 1}, {"bc", 2}};
	uint8_t out[SHA256_LEN];

	(void)state;
	assert_true(hash_sha1(abc, 2, out));
	assert_hex(out, "a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_true(hash_sha256(abc, 2, out));
	assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_true(crypto_init());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_prf_plus),
		cmocka_unit_test(test_gcm),
		cmocka_unit_test(test_cbc),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_left_padding),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
