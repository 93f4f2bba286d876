/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hmac.h"

#include "base/secret.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

static const struct prf prfs[] = {
	{.id = 2, .len = 20, .name = "prfsha1", .digest = "SHA1"},
	{.id = 5, .len = 32, .name = "prfsha256", .digest = "SHA256"},
	{.id = 6, .len = 48, .name = "prfsha384", .digest = "SHA384"},
	{.id = 7, .len = 64, .name = "prfsha512", .digest = "SHA512"},
};

/* RFC 2404 and RFC 4868: keys as long as the digest, tags cut to half (SHA-1: to 96 bits). */
static const struct integ integs[] = {
	{.id = 2, .key_len = 20, .icv_len = 12, .name = "sha1", .digest = "SHA1"},
	{.id = 12, .key_len = 32, .icv_len = 16, .name = "sha256", .digest = "SHA256"},
	{.id = 13, .key_len = 48, .icv_len = 24, .name = "sha384", .digest = "SHA384"},
	{.id = 14, .key_len = 64, .icv_len = 32, .name = "sha512", .digest = "SHA512"},
};

const struct prf *prf_find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(prfs) / sizeof(prfs[0]); i++) {
		if (prfs[i].id == id)
			return &prfs[i];
	}
	return NULL;
}

const struct integ *integ_find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(integs) / sizeof(integs[0]); i++) {
		if (integs[i].id == id)
			return &integs[i];
	}
	return NULL;
}

/*
 * One context per digest, made when it is first wanted: finding an algorithm costs the library more
 * than a short HMAC. IKE runs on one thread.
 */
static EVP_MAC_CTX *context_of(const char *digest)
{
	static struct {
		const char *digest;
		EVP_MAC_CTX *context;
	} made[sizeof(prfs) / sizeof(prfs[0])];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC_CTX *context;
	EVP_MAC *mac;
	size_t i = 0;

	while (made[i].digest && strcmp(made[i].digest, digest) != 0)
		i++;
	if (made[i].digest)
		return made[i].context;
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	context = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	if (!context || EVP_MAC_CTX_set_params(context, params) != 1) {
		EVP_MAC_CTX_free(context);
		return NULL;
	}
	made[i].digest = digest;
	made[i].context = context;
	return context;
}

/* Writes the whole digest to out, which has PRF_MAX bytes. */
static bool hmac(const char *digest, const void *key, size_t key_len, const struct chunk *chunks,
	size_t count, uint8_t out[PRF_MAX])
{
	static const uint8_t no_key[1]; /* a NULL key would mean "keep the old one" */
	EVP_MAC_CTX *ctx = context_of(digest);
	size_t len;
	bool ok = ctx && EVP_MAC_init(ctx, key_len ? key : no_key, key_len, NULL) == 1;

	for (size_t i = 0; ok && i < count; i++) {
		if (chunks[i].len)
			ok = EVP_MAC_update(ctx, chunks[i].bytes, chunks[i].len) == 1;
	}
	return ok && EVP_MAC_final(ctx, out, &len, PRF_MAX) == 1;
}

bool prf_compute(const struct prf *p, const void *key, size_t key_len, const struct chunk *chunks,
	size_t count, uint8_t *out)
{
	uint8_t full[PRF_MAX];
	bool ok = hmac(p->digest, key, key_len, chunks, count, full);

	if (ok)
		memcpy(out, full, p->len);
	secret_wipe(full, sizeof(full));
	return ok;
}

bool prf_plus(const struct prf *p, const void *key, size_t key_len, const struct chunk *seed,
	size_t count, uint8_t *out, size_t out_len)
{
	enum { SEED_CHUNKS_MAX = 6 };
	struct chunk chunks[SEED_CHUNKS_MAX + 2];
	uint8_t block[PRF_MAX];
	uint8_t number = 0;
	bool ok = count <= SEED_CHUNKS_MAX && out_len <= 255u * p->len;

	/* T1 = prf(K, S | 1), Tn = prf(K, Tn-1 | S | n) */
	while (ok && out_len) {
		size_t take = out_len < p->len ? out_len : p->len;

		chunks[0] = (struct chunk){block, number ? p->len : 0};
		memcpy(&chunks[1], seed, count * sizeof(*seed));
		number++;
		chunks[count + 1] = (struct chunk){&number, 1};
		ok = prf_compute(p, key, key_len, chunks, count + 2, block);
		if (!ok)
			break;
		memcpy(out, block, take);
		out += take;
		out_len -= take;
	}
	secret_wipe(block, sizeof(block));
	return ok;
}

bool integ_compute(
	const struct integ *i, const void *key, const void *bytes, size_t len, uint8_t *icv)
{
	struct chunk chunk = {bytes, len};
	uint8_t full[PRF_MAX];
	bool ok = hmac(i->digest, key, i->key_len, &chunk, 1, full);

	if (ok)
		memcpy(icv, full, i->icv_len);
	secret_wipe(full, sizeof(full));
	return ok;
}
