/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/openssl.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OID_RSA(last)                                                                              \
	0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last, 0x05, 0
#define OID_ECDSA(last) 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last
#define OID_SHA2(last)                                                                             \
	0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last, 0x05, 0
#define OID_PSS(hash, salt)                                                                        \
	0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34,  \
		0xa0, 0x0f, OID_SHA2(hash), 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48,  \
		0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, OID_SHA2(hash), 0xa2, 0x03, 0x02, 0x01, salt

/* RFC 7427 A, RFC 8420 2. SHA-1 has no row with a name: it is refused there. */
static const struct sign_scheme schemes[] = {
	{"RSA-SHA2-256", SIGN_RSA, SIGN_HASH_SHA256, 14, "SHA256", 15, {OID_RSA(0x0b)}},
	{"RSA-SHA2-384", SIGN_RSA, SIGN_HASH_SHA384, 14, "SHA384", 15, {OID_RSA(0x0c)}},
	{"RSA-SHA2-512", SIGN_RSA, SIGN_HASH_SHA512, 14, "SHA512", 15, {OID_RSA(0x0d)}},
	{"RSA-PSS-SHA2-256", SIGN_RSA_PSS, SIGN_HASH_SHA256, 14, "SHA256", 67, {OID_PSS(1, 32)}},
	{"RSA-PSS-SHA2-384", SIGN_RSA_PSS, SIGN_HASH_SHA384, 14, "SHA384", 67, {OID_PSS(2, 48)}},
	{"RSA-PSS-SHA2-512", SIGN_RSA_PSS, SIGN_HASH_SHA512, 14, "SHA512", 67, {OID_PSS(3, 64)}},
	{"ECDSA-SHA2-256", SIGN_ECDSA, SIGN_HASH_SHA256, 14, "SHA256", 12, {OID_ECDSA(2)}},
	{"ECDSA-SHA2-384", SIGN_ECDSA, SIGN_HASH_SHA384, 14, "SHA384", 12, {OID_ECDSA(3)}},
	{"ECDSA-SHA2-512", SIGN_ECDSA, SIGN_HASH_SHA512, 14, "SHA512", 12, {OID_ECDSA(4)}},
	{"Ed25519", SIGN_ED25519, SIGN_HASH_IDENTITY, 14, NULL, 7,
		{0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70}},
	/* RFC 7296 3.8 and RFC 4754 2: the method alone says everything. */
	{"RSA-SHA1", SIGN_RSA, SIGN_HASH_SHA1, 1, "SHA1", 0, {0}},
	{"ECDSA-256", SIGN_ECDSA_FIXED, SIGN_HASH_SHA256, 9, "SHA256", 0, {0}},
	{"ECDSA-384", SIGN_ECDSA_FIXED, SIGN_HASH_SHA384, 10, "SHA384", 0, {0}},
	{"ECDSA-521", SIGN_ECDSA_FIXED, SIGN_HASH_SHA512, 11, "SHA512", 0, {0}},
};

#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

static const struct {
	enum key_kind kind;
	const char *curve;
	const char *name;
	uint8_t method;
	uint8_t hash;   /* nearest to its strength */
	uint8_t number; /* bytes of r and of s */
} curves[] = {
	{KEY_P256, "prime256v1", "ECDSA-P256", SIGN_METHOD_ECDSA_256, SIGN_HASH_SHA256, 32},
	{KEY_P384, "secp384r1", "ECDSA-P384", SIGN_METHOD_ECDSA_384, SIGN_HASH_SHA384, 48},
	{KEY_P521, "secp521r1", "ECDSA-P521", SIGN_METHOD_ECDSA_521, SIGN_HASH_SHA512, 66},
};

#define CURVES (sizeof(curves) / sizeof(curves[0]))

static const struct sign_scheme *find_scheme(enum sign_family family, uint8_t hash)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		if (schemes[i].family == family && schemes[i].hash == hash)
			return &schemes[i];
	}
	return NULL;
}

static uint8_t hash_of_nid(int nid)
{
	switch (nid) {
	case NID_sha256:
		return SIGN_HASH_SHA256;
	case NID_sha384:
		return SIGN_HASH_SHA384;
	case NID_sha512:
		return SIGN_HASH_SHA512;
	default:
		return 0;
	}
}

/* RFC 7427 A.4 leaves the encoder choices (absent or NULL parameters): one hash for both, no more. */
static const struct sign_scheme *decode_pss(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *hash, *mgf, *mgf_hash = NULL;
	const struct sign_scheme *found = NULL;
	RSA_PSS_PARAMS *pss = NULL;
	X509_ALGOR *inner = NULL;
	const void *value;
	int type;

	X509_ALGOR_get0(NULL, &type, &value, algorithm);
	if (type == V_ASN1_SEQUENCE)
		pss = ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	if (!pss || !pss->hashAlgorithm || !pss->maskGenAlgorithm)
		goto out;
	X509_ALGOR_get0(&hash, NULL, NULL, pss->hashAlgorithm);
	X509_ALGOR_get0(&mgf, &type, &value, pss->maskGenAlgorithm);
	if (OBJ_obj2nid(mgf) != NID_mgf1 || type != V_ASN1_SEQUENCE)
		goto out;
	inner = ASN1_item_unpack(value, ASN1_ITEM_rptr(X509_ALGOR));
	if (!inner)
		goto out;
	X509_ALGOR_get0(&mgf_hash, NULL, NULL, inner);
	if (OBJ_obj2nid(mgf_hash) == OBJ_obj2nid(hash))
		found = find_scheme(SIGN_RSA_PSS, hash_of_nid(OBJ_obj2nid(hash)));
out:
	X509_ALGOR_free(inner);
	RSA_PSS_PARAMS_free(pss);
	return found;
}

const struct sign_scheme *sign_scheme_decode(const void *der, size_t len)
{
	const struct sign_scheme *found = NULL;
	const unsigned char *p = der;
	const ASN1_OBJECT *object;
	X509_ALGOR *algorithm;

	for (size_t i = 0; i < SCHEMES; i++) {
		if (len && schemes[i].der_len == len && !memcmp(schemes[i].der, der, len))
			return &schemes[i];
	}
	if (!len || len > SIGN_ALGORITHM_MAX)
		return NULL;
	algorithm = d2i_X509_ALGOR(NULL, &p, (long)len);
	if (algorithm && p == (const unsigned char *)der + len) {
		X509_ALGOR_get0(&object, NULL, NULL, algorithm);
		if (OBJ_obj2nid(object) == NID_rsassaPss)
			found = decode_pss(algorithm);
	}
	X509_ALGOR_free(algorithm);
	ERR_clear_error();
	return found;
}

const struct sign_scheme *sign_scheme_of_method(uint8_t method)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		if (schemes[i].method == method && !schemes[i].der_len)
			return &schemes[i];
	}
	return NULL;
}

const struct sign_scheme *sign_scheme_choose(enum key_kind kind, uint32_t hashes, bool pss)
{
	static const uint8_t others[] = {SIGN_HASH_SHA256, SIGN_HASH_SHA384, SIGN_HASH_SHA512};
	enum sign_family family = kind == KEY_RSA ? (pss ? SIGN_RSA_PSS : SIGN_RSA) : SIGN_ECDSA;

	if (kind == KEY_ED25519)
		return hashes & 1u << SIGN_HASH_IDENTITY
			       ? find_scheme(SIGN_ED25519, SIGN_HASH_IDENTITY)
			       : NULL;
	for (size_t i = 0; i < CURVES; i++) {
		if (curves[i].kind == kind && hashes & 1u << curves[i].hash)
			return find_scheme(family, curves[i].hash);
	}
	for (size_t i = 0; kind != KEY_OTHER && i < sizeof(others); i++) {
		if (hashes & 1u << others[i])
			return find_scheme(family, others[i]);
	}
	return NULL;
}

const struct sign_scheme *sign_scheme_legacy(enum key_kind kind)
{
	if (kind == KEY_RSA)
		return sign_scheme_of_method(SIGN_METHOD_RSA_SHA1);
	for (size_t i = 0; i < CURVES; i++) {
		if (curves[i].kind == kind)
			return sign_scheme_of_method(curves[i].method);
	}
	return NULL;
}

/* ---- keys ---- */

enum key_kind key_kind_of(const EVP_PKEY *pkey)
{
	char curve[32];
	size_t len;
	int bits;

	if (!pkey)
		return KEY_OTHER;
	if (EVP_PKEY_is_a(pkey, "ED25519"))
		return KEY_ED25519;
	if (EVP_PKEY_is_a(pkey, "RSA")) {
		bits = EVP_PKEY_get_bits(pkey);
		return bits >= SIGN_RSA_BITS_MIN && bits <= SIGN_RSA_BITS_MAX ? KEY_RSA : KEY_OTHER;
	}
	if (!EVP_PKEY_is_a(pkey, "EC") ||
		EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), &len) != 1)
		return KEY_OTHER;
	for (size_t i = 0; i < CURVES; i++) {
		if (!strcmp(curves[i].curve, curve))
			return curves[i].kind;
	}
	return KEY_OTHER;
}

const char *key_name_of(const EVP_PKEY *pkey, char name[KEY_NAME_SIZE])
{
	enum key_kind kind = key_kind_of(pkey);

	snprintf(name, KEY_NAME_SIZE, "unknown");
	if (kind == KEY_ED25519)
		snprintf(name, KEY_NAME_SIZE, "Ed25519");
	else if (pkey && EVP_PKEY_is_a(pkey, "RSA"))
		snprintf(name, KEY_NAME_SIZE, "RSA-%d", EVP_PKEY_get_bits(pkey));
	for (size_t i = 0; i < CURVES; i++) {
		if (curves[i].kind == kind)
			snprintf(name, KEY_NAME_SIZE, "%s", curves[i].name);
	}
	return name;
}

int no_passphrase(char *buf, int size, int rwflag, void *context)
{
	(void)buf, (void)size, (void)rwflag, (void)context;
	return -1;
}

struct private_key *private_key_read(const void *pem, size_t len, char *error, size_t size)
{
	struct private_key *k = calloc(1, sizeof(*k));
	BIO *in = len && len <= PRIVATE_KEY_BYTES ? BIO_new_mem_buf(pem, (int)len) : NULL;

	if (k && in)
		k->pkey = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	BIO_free(in);
	ERR_clear_error();
	if (k && k->pkey && key_kind_of(k->pkey) != KEY_OTHER)
		return k;
	snprintf(error, size, "%s",
		k && k->pkey
			? "the key is neither RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or "
			  "P-521, nor Ed25519"
			: "there is no private key in PEM, or it is encrypted");
	private_key_free(k);
	return NULL;
}

void private_key_free(struct private_key *k)
{
	if (k)
		EVP_PKEY_free(k->pkey); /* wipes */
	free(k);
}

enum key_kind private_key_kind(const struct private_key *k)
{
	return key_kind_of(k->pkey);
}

const char *private_key_name(const struct private_key *k, char name[KEY_NAME_SIZE])
{
	return key_name_of(k->pkey, name);
}

/* ---- ECDSA signatures: DER and fixed ---- */

static size_t number_len(const EVP_PKEY *pkey)
{
	enum key_kind kind = key_kind_of(pkey);

	for (size_t i = 0; i < CURVES; i++) {
		if (curves[i].kind == kind)
			return curves[i].number;
	}
	return 0;
}

/* In place: DER to r | s. */
static bool ecdsa_to_fixed(const EVP_PKEY *pkey, uint8_t out[SIGNATURE_MAX], size_t *len)
{
	const unsigned char *p = out;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)*len);
	int n = (int)number_len(pkey);
	bool ok = sig && n && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, n) == n &&
		  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + n, n) == n;

	ECDSA_SIG_free(sig);
	*len = 2 * (size_t)n;
	return ok;
}

static bool ecdsa_from_fixed(const EVP_PKEY *pkey, const uint8_t *fixed, size_t len,
	uint8_t der[SIGNATURE_MAX], size_t *der_len)
{
	size_t n = number_len(pkey);
	ECDSA_SIG *sig = n && len == 2 * n ? ECDSA_SIG_new() : NULL;
	BIGNUM *r = sig ? BN_bin2bn(fixed, (int)n, NULL) : NULL;
	BIGNUM *s = sig ? BN_bin2bn(fixed + n, (int)n, NULL) : NULL;
	unsigned char *p = der;
	int written = 0;

	if (r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL;
		written = i2d_ECDSA_SIG(sig, NULL) <= SIGNATURE_MAX ? i2d_ECDSA_SIG(sig, &p) : 0;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	*der_len = written > 0 ? (size_t)written : 0;
	return written > 0;
}

/* ---- messages ---- */

static bool fits(const EVP_PKEY *pkey, const struct sign_scheme *s)
{
	enum key_kind kind = key_kind_of(pkey);

	switch (s->family) {
	case SIGN_RSA:
	case SIGN_RSA_PSS:
		return kind == KEY_RSA;
	case SIGN_ECDSA:
		return number_len(pkey) != 0;
	case SIGN_ECDSA_FIXED: /* RFC 4754 2: each method has its curve */
		return sign_scheme_legacy(kind) == s;
	case SIGN_ED25519:
		return kind == KEY_ED25519;
	}
	return false;
}

/* Ed25519 has no partial input: everything in one piece. */
static uint8_t *join(const struct chunk *chunks, size_t count, size_t *len)
{
	uint8_t *all, *p;

	*len = 0;
	for (size_t i = 0; i < count; i++)
		*len += chunks[i].len;
	all = p = malloc(*len ? *len : 1);
	for (size_t i = 0; all && i < count; i++) {
		if (chunks[i].len)
			memcpy(p, chunks[i].bytes, chunks[i].len);
		p += chunks[i].len;
	}
	return all;
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct sign_scheme *s, int salt)
{
	if (s->family == SIGN_RSA)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (s->family == SIGN_RSA_PSS)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt) == 1;
	return true;
}

bool sign_create(const struct private_key *k, const struct sign_scheme *s,
	const struct chunk *chunks, size_t count, uint8_t out[SIGNATURE_MAX], size_t *out_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *params;
	size_t len;
	uint8_t *all = join(chunks, count, &len);
	bool ok = ctx && all && fits(k->pkey, s) &&
		  EVP_DigestSignInit_ex(ctx, &params, s->digest, NULL, NULL, k->pkey, NULL) == 1 &&
		  set_padding(params, s, RSA_PSS_SALTLEN_DIGEST);

	*out_len = SIGNATURE_MAX;
	ok = ok && EVP_DigestSign(ctx, out, out_len, all, len) == 1;
	if (ok && s->family == SIGN_ECDSA_FIXED)
		ok = ecdsa_to_fixed(k->pkey, out, out_len);
	free(all);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

bool sign_verify(const struct cert *c, const struct sign_scheme *s, const struct chunk *chunks,
	size_t count, const void *signature, size_t signature_len)
{
	EVP_PKEY *pkey = X509_get0_pubkey(c->x509);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *params;
	uint8_t der[SIGNATURE_MAX];
	size_t len;
	uint8_t *all = join(chunks, count, &len);
	bool ok = ctx && all && pkey && fits(pkey, s) && signature_len <= SIGNATURE_MAX &&
		  EVP_DigestVerifyInit_ex(ctx, &params, s->digest, NULL, NULL, pkey, NULL) == 1 &&
		  set_padding(params, s, RSA_PSS_SALTLEN_AUTO);

	if (ok && s->family == SIGN_ECDSA_FIXED) {
		ok = ecdsa_from_fixed(pkey, signature, signature_len, der, &signature_len);
		signature = der;
	}
	ok = ok && EVP_DigestVerify(ctx, signature, signature_len, all, len) == 1;
	free(all);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

/* ---- bare digests ---- */

bool sign_digest_create(const struct private_key *k, const void *digest, size_t digest_len,
	uint8_t out[SIGNATURE_MAX], size_t *out_len)
{
	bool rsa = key_kind_of(k->pkey) == KEY_RSA;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL);
	bool ok = ctx && (rsa || number_len(k->pkey)) && EVP_PKEY_sign_init(ctx) == 1;

	if (ok && rsa)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	*out_len = SIGNATURE_MAX;
	ok = ok && EVP_PKEY_sign(ctx, out, out_len, digest, digest_len) == 1;
	if (ok && !rsa)
		ok = ecdsa_to_fixed(k->pkey, out, out_len);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

bool sign_digest_verify(const struct cert *c, const void *digest, size_t digest_len,
	const void *signature, size_t signature_len)
{
	EVP_PKEY *pkey = X509_get0_pubkey(c->x509);
	bool rsa = key_kind_of(pkey) == KEY_RSA;
	EVP_PKEY_CTX *ctx = pkey ? EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL) : NULL;
	uint8_t der[SIGNATURE_MAX];
	bool ok = ctx && (rsa || number_len(pkey)) && EVP_PKEY_verify_init(ctx) == 1;

	if (ok && rsa)
		ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	else if (ok)
		ok = ecdsa_from_fixed(pkey, signature, signature_len, der, &signature_len);
	ok = ok &&
	     EVP_PKEY_verify(ctx, rsa ? signature : der, signature_len, digest, digest_len) == 1;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static bool try_kind(const char *type, const char *curve, const struct sign_scheme *s)
{
	struct private_key key = {curve ? EVP_PKEY_Q_keygen(NULL, NULL, type, curve)
					: EVP_PKEY_Q_keygen(NULL, NULL, type)};
	struct cert cert = {X509_new()};
	struct chunk text = {"text", 4};
	uint8_t signature[SIGNATURE_MAX];
	size_t len;
	bool ok = key.pkey && cert.x509 && X509_set_pubkey(cert.x509, key.pkey) == 1 &&
		  sign_create(&key, s, &text, 1, signature, &len) &&
		  sign_verify(&cert, s, &text, 1, signature, len);

	X509_free(cert.x509);
	EVP_PKEY_free(key.pkey);
	return ok;
}

bool sign_init(void)
{
	bool ok = try_kind("ED25519", NULL, find_scheme(SIGN_ED25519, SIGN_HASH_IDENTITY));

	for (size_t i = 0; i < CURVES; i++)
		ok = ok && try_kind("EC", curves[i].curve, find_scheme(SIGN_ECDSA, curves[i].hash));
	return ok;
}
