/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"

#include "crypto/cipher.h"
#include "crypto/dh.h"
#include "crypto/sign.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIGESTS_MAX 8 /* names that callers use: SHA-1, SHA-2 */

/* The library's digest of a name, found once: finding it costs more than a short hash. */
static const EVP_MD *library_digest(const char *name)
{
	static struct {
		const char *name;
		EVP_MD *md;
	} found[DIGESTS_MAX];
	size_t i = 0;

	while (i < DIGESTS_MAX && found[i].name && strcmp(found[i].name, name) != 0)
		i++;
	if (i == DIGESTS_MAX)
		return NULL;
	if (!found[i].md) {
		found[i].md = EVP_MD_fetch(NULL, name, NULL);
		found[i].name = name;
	}
	return found[i].md;
}

static bool digest(const char *name, const struct chunk *chunks, size_t count, uint8_t *out)
{
	const EVP_MD *md = library_digest(name);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = md && ctx && EVP_DigestInit_ex(ctx, md, NULL) == 1;

	for (size_t i = 0; ok && i < count; i++)
		ok = EVP_DigestUpdate(ctx, chunks[i].bytes, chunks[i].len) == 1;
	ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool hash_sha1(const struct chunk *chunks, size_t count, uint8_t out[SHA1_LEN])
{
	return digest("SHA1", chunks, count, out);
}

bool hash_sha256(const struct chunk *chunks, size_t count, uint8_t out[SHA256_LEN])
{
	return digest("SHA256", chunks, count, out);
}

bool hash_compute(const struct prf *p, const struct chunk *chunks, size_t count, uint8_t *out)
{
	return digest(p->digest, chunks, count, out);
}

void random_bytes(void *bytes, size_t len)
{
	if (len > INT_MAX || RAND_bytes(bytes, (int)len) != 1)
		abort();
}

static bool try_group(uint16_t id)
{
	struct dh *dh = dh_new(dh_group_find(id));
	uint8_t public[DH_PUBLIC_MAX];
	struct dh_secret secret;
	bool ok = dh && dh_public(dh, public);

	ok = ok && dh_shared(dh, public, dh_group_find(id)->public_len, &secret);
	dh_free(dh);
	return ok;
}

bool crypto_init(void)
{
	static const uint16_t cipher_rows[][2] = {
		{12, 128}, {12, 192}, {12, 256}, {20, 128}, {20, 192}, {20, 256}};
	static const uint16_t digests[][2] = {{2, 2}, {5, 12}, {6, 13}, {7, 14}};
	static const uint16_t group_ids[] = {14, 19, 20, 21, 24, 31};
	uint8_t key[64] = {0}, iv[16] = {0}, text[16] = {0}, out[PRF_MAX];
	bool ok = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;

	tzset(); /* reads a file; the C library would do it when a certificate's time is compared */
	random_bytes(key, sizeof(key));
	for (size_t i = 0; i < sizeof(cipher_rows) / sizeof(cipher_rows[0]); i++) {
		const struct cipher *c = cipher_find(cipher_rows[i][0], cipher_rows[i][1]);

		ok = ok && c &&
		     (cipher_is_aead(c) ? cipher_seal(c, key, key + 32, iv, NULL, 0, text, 16, out)
					: cipher_cbc(c, true, key, iv, text, 16));
	}
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		struct chunk chunk = {text, sizeof(text)};

		ok = ok && prf_compute(prf_find(digests[i][0]), key, 32, &chunk, 1, out);
		ok = ok && integ_compute(integ_find(digests[i][1]), key, text, sizeof(text), out);
		ok = ok && hash_compute(prf_find(digests[i][0]), &chunk, 1, out);
	}
	for (size_t i = 0; i < sizeof(group_ids) / sizeof(group_ids[0]); i++)
		ok = ok && try_group(group_ids[i]);
	return ok && sign_init();
}
