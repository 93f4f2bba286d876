/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/dh.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

enum dh_kind {
	DH_MODP_SAFE = 1, /* safe prime: the range check is enough */
	DH_MODP_SUBGROUP, /* RFC 5114: membership of the subgroup is checked too */
	DH_ECP,
	DH_MONTGOMERY,
};

struct dh {
	const struct dh_group *group;
	EVP_PKEY *key;
};

#define MODP(number, how, length, text, openssl)                                                   \
	{                                                                                          \
		.id = (number), .kind = (how), .public_len = (length), .shared_len = (length),     \
		.name = (text), .group = (openssl)                                                 \
	}

static const struct dh_group groups[] = {
	MODP(2, DH_MODP_SAFE, 128, "modp1024", NULL), /* RFC 2409 6.2; no OpenSSL name */
	MODP(5, DH_MODP_SAFE, 192, "modp1536", "modp_1536"),
	MODP(14, DH_MODP_SAFE, 256, "modp2048", "modp_2048"),
	MODP(15, DH_MODP_SAFE, 384, "modp3072", "modp_3072"),
	MODP(16, DH_MODP_SAFE, 512, "modp4096", "modp_4096"),
	MODP(17, DH_MODP_SAFE, 768, "modp6144", "modp_6144"),
	MODP(18, DH_MODP_SAFE, 1024, "modp8192", "modp_8192"),
	{19, 64, 32, DH_ECP, "ecp256", "P-256"},
	{20, 96, 48, DH_ECP, "ecp384", "P-384"},
	{21, 132, 66, DH_ECP, "ecp521", "P-521"},
	MODP(22, DH_MODP_SUBGROUP, 128, "modp1024s160", "dh_1024_160"),
	MODP(23, DH_MODP_SUBGROUP, 256, "modp2048s224", "dh_2048_224"),
	MODP(24, DH_MODP_SUBGROUP, 256, "modp2048s256", "dh_2048_256"),
	{31, 32, 32, DH_MONTGOMERY, "x25519", "X25519"},
};

const struct dh_group *dh_group_find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].id == id)
			return &groups[i];
	}
	return NULL;
}

static const char *key_type(const struct dh_group *g)
{
	switch (g->kind) {
	case DH_MODP_SUBGROUP:
		return "DHX";
	case DH_ECP:
		return "EC";
	case DH_MONTGOMERY:
		return "X25519";
	default:
		return "DH";
	}
}

/* The parameters of a group: its name, or prime and generator where it has none. */
static OSSL_PARAM *group_params(const struct dh_group *g)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	BIGNUM *prime = NULL, *generator = NULL;
	bool ok = bld != NULL;

	if (g->group) {
		ok = ok && OSSL_PARAM_BLD_push_utf8_string(
				   bld, OSSL_PKEY_PARAM_GROUP_NAME, g->group, 0) == 1;
	} else {
		prime = BN_get_rfc2409_prime_1024(NULL);
		generator = BN_new();
		ok = ok && prime && generator && BN_set_word(generator, 2) == 1 &&
		     OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_P, prime) == 1 &&
		     OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_G, generator) == 1;
	}
	if (ok)
		params = OSSL_PARAM_BLD_to_param(bld);
	OSSL_PARAM_BLD_free(bld);
	BN_free(prime);
	BN_free(generator);
	return params;
}

/* The group's parameters as a key without values. */
static EVP_PKEY *group_key(const struct dh_group *g)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, key_type(g), NULL);
	OSSL_PARAM *params = group_params(g);
	EVP_PKEY *key = NULL;

	if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params) != 1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* The same, made once. */
static EVP_PKEY *known_group(const struct dh_group *g)
{
	static EVP_PKEY *made[sizeof(groups) / sizeof(groups[0])];
	size_t row = (size_t)(g - groups);

	if (!made[row])
		made[row] = group_key(g);
	return made[row];
}

static EVP_PKEY *generate(const struct dh_group *g)
{
	EVP_PKEY *group = g->kind == DH_MONTGOMERY ? NULL : known_group(g), *key = NULL;
	EVP_PKEY_CTX *ctx = group ? EVP_PKEY_CTX_new_from_pkey(NULL, group, NULL)
				  : EVP_PKEY_CTX_new_from_name(NULL, key_type(g), NULL);

	if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_generate(ctx, &key) != 1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(ctx);
	return key;
}

struct dh *dh_new(const struct dh_group *g)
{
	struct dh *dh = calloc(1, sizeof(*dh));

	if (!dh)
		abort();
	dh->group = g;
	dh->key = generate(g);
	if (dh->key)
		return dh;
	free(dh);
	return NULL;
}

void dh_free(struct dh *dh)
{
	if (!dh)
		return;
	EVP_PKEY_free(dh->key);
	free(dh);
}

bool dh_public(const struct dh *dh, uint8_t *out)
{
	const struct dh_group *g = dh->group;
	unsigned char *encoded = NULL;
	size_t len = EVP_PKEY_get1_encoded_public_key(dh->key, &encoded);
	/* RFC 5903 7: x | y without the point-format byte of X9.62. */
	size_t skip = g->kind == DH_ECP ? 1 : 0;
	bool ok = len > skip && len - skip <= g->public_len;

	if (ok) {
		size_t pad = g->public_len - (len - skip);

		memset(out, 0, pad);
		memcpy(out + pad, encoded + skip, len - skip);
	}
	OPENSSL_free(encoded);
	return ok;
}

/* The peer's value as a checked key, or NULL. */
static EVP_PKEY *peer_key(const struct dh_group *g, const uint8_t *peer, size_t len)
{
	uint8_t encoded[1 + DH_PUBLIC_MAX];
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = NULL;
	bool ok;

	if (len != g->public_len)
		return NULL;
	if (g->kind == DH_MONTGOMERY)
		return EVP_PKEY_new_raw_public_key_ex(NULL, g->group, NULL, peer, len);
	if (known_group(g))
		key = EVP_PKEY_dup(known_group(g));
	if (!key)
		return NULL;
	encoded[0] = 0x04; /* uncompressed point */
	memcpy(encoded + 1, peer, len);
	if (g->kind == DH_ECP)
		ok = EVP_PKEY_set1_encoded_public_key(key, encoded, len + 1) == 1;
	else
		ok = EVP_PKEY_set1_encoded_public_key(key, peer, len) == 1;
	ctx = ok ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
	if (g->kind == DH_MODP_SUBGROUP)
		ok = ctx && EVP_PKEY_public_check(ctx) == 1;
	else
		ok = ctx && EVP_PKEY_public_check_quick(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (ok)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

/* `other` is checked. RFC 8031 2: what comes out as zero was of small order. */
static bool derive(const struct dh *dh, EVP_PKEY *other, struct dh_secret *out)
{
	const struct dh_group *g = dh->group;
	uint8_t raw[DH_PUBLIC_MAX];
	size_t len = sizeof(raw);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, dh->key, NULL);
	uint8_t any = 0;
	bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1;

	ok = ok && EVP_PKEY_derive_set_peer_ex(ctx, other, 0) == 1;
	ok = ok && EVP_PKEY_derive(ctx, raw, &len) == 1 && len <= g->shared_len;
	if (ok) {
		size_t pad = g->shared_len - len;

		memset(out->bytes, 0, pad);
		memcpy(out->bytes + pad, raw, len);
		out->len = g->shared_len;
		for (size_t i = 0; i < len; i++)
			any |= raw[i];
		ok = any != 0;
	}
	secret_wipe(raw, sizeof(raw));
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

bool dh_shared(const struct dh *dh, const uint8_t *peer, size_t peer_len, struct dh_secret *out)
{
	EVP_PKEY *other = peer_key(dh->group, peer, peer_len);
	bool ok = other && derive(dh, other, out);

	EVP_PKEY_free(other);
	return ok;
}

bool dh_respond(const struct dh_group *g, const uint8_t *peer, size_t peer_len, uint8_t *public,
	struct dh_secret *out)
{
	EVP_PKEY *other = peer_key(g, peer, peer_len);
	struct dh *dh = other ? dh_new(g) : NULL;
	bool ok = dh && dh_public(dh, public) && derive(dh, other, out);

	dh_free(dh);
	EVP_PKEY_free(other);
	return ok;
}
