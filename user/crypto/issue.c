/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/issue.h"

#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/openssl.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void issued_free(struct issued *text)
{
	if (text->pem)
		secret_wipe(text->pem, text->len);
	free(text->pem);
	*text = (struct issued){0};
}

/* Takes over own_out; copies what was written when `ok`. */
static bool finish(BIO *own_out, bool ok, struct issued *out)
{
	char *bytes;
	long len = ok && own_out ? BIO_get_mem_data(own_out, &bytes) : 0;

	*out = (struct issued){0};
	if (len > 0 && (out->pem = malloc((size_t)len + 1))) {
		memcpy(out->pem, bytes, (size_t)len);
		out->pem[len] = '\0';
		out->len = (size_t)len;
	}
	BIO_free(own_out);
	ERR_clear_error();
	return out->pem != NULL;
}

struct private_key *private_key_new(enum key_kind kind, unsigned int rsa_bits)
{
	static const char *const groups[] = {
		[KEY_P256] = "P-256", [KEY_P384] = "P-384", [KEY_P521] = "P-521"};
	struct private_key *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	switch (kind) {
	case KEY_RSA:
		k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)rsa_bits);
		break;
	case KEY_P256:
	case KEY_P384:
	case KEY_P521:
		k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", groups[kind]);
		break;
	case KEY_ED25519:
		k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		break;
	case KEY_OTHER:
		break;
	}
	ERR_clear_error();
	if (k->pkey)
		return k;
	free(k);
	return NULL;
}

bool private_key_write(const struct private_key *k, struct issued *out)
{
	BIO *bio = BIO_new(BIO_s_secmem());

	return finish(bio,
		bio && PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1,
		out);
}

bool cert_write(const struct cert *c, struct issued *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	return finish(bio, bio && PEM_write_bio_X509(bio, c->x509) == 1, out);
}

struct cert *cert_read(const void *pem, size_t len, char *error, size_t size)
{
	STACK_OF(X509) *certs = NULL;
	struct cert *c = NULL;

	if (len <= CERT_FILE_BYTES)
		certs = certs_read_pem(pem, len, error, size);
	if (certs)
		c = cert_wrap(sk_X509_shift(certs));
	sk_X509_pop_free(certs, X509_free);
	return c;
}

size_t cert_encode(const struct cert *c, uint8_t *out, size_t size)
{
	int len = i2d_X509(c->x509, NULL);

	if (len <= 0 || (size_t)len > size)
		return 0;
	return (size_t)i2d_X509(c->x509, &out);
}

bool cert_has_key(const struct cert *c, const struct private_key *k)
{
	bool same = X509_check_private_key(c->x509, k->pkey) == 1;

	ERR_clear_error();
	return same;
}

/* ---- certificates ---- */

static bool set_time(ASN1_TIME *t, int64_t at)
{
	/* RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime after; ASN1_TIME_set knows. */
	return t && ASN1_TIME_set(t, (time_t)at);
}

static bool set_serial(X509 *x)
{
	uint8_t bytes[ISSUE_SERIAL_LEN];
	ASN1_INTEGER *serial;
	BIGNUM *n;
	bool ok;

	random_bytes(bytes, sizeof(bytes));
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and always as long */
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	serial = n ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
	ok = serial && X509_set_serialNumber(x, serial) == 1;
	ASN1_INTEGER_free(serial);
	BN_free(n);
	return ok;
}

static bool add_conf(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	bool ok = e && X509_add_ext(x, e, -1) == 1;

	X509_EXTENSION_free(e);
	return ok;
}

static GENERAL_NAME *general_name(const struct ike_identity *id)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	bool address = id->type == IKE_ID_IPV4 || id->type == IKE_ID_IPV6;
	ASN1_STRING *value;

	if (!name || (!address && id->type != IKE_ID_FQDN && id->type != IKE_ID_RFC822)) {
		GENERAL_NAME_free(name);
		return NULL;
	}
	value = ASN1_STRING_type_new(address ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
	if (!value || ASN1_STRING_set(value, id->bytes, id->len) != 1) {
		ASN1_STRING_free(value);
		GENERAL_NAME_free(name);
		return NULL;
	}
	GENERAL_NAME_set0_value(name,
		address                   ? GEN_IPADD
		: id->type == IKE_ID_FQDN ? GEN_DNS
					  : GEN_EMAIL,
		value);
	return name;
}

static bool add_names(X509 *x, const struct issue_request *r)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	bool ok = names != NULL;

	for (size_t i = 0; ok && i < r->name_count; i++) {
		GENERAL_NAME *name = general_name(&r->names[i]);

		ok = name && sk_GENERAL_NAME_push(names, name) > 0;
		if (!ok)
			GENERAL_NAME_free(name);
	}
	ok = ok && (!r->name_count || X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1);
	GENERAL_NAMES_free(names);
	return ok;
}

static bool add_extensions(X509 *x, X509 *issuer, const struct issue_request *r)
{
	char constraints[64];
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	if (r->ca && r->path_len >= 0)
		snprintf(constraints, sizeof(constraints), "critical,CA:TRUE,pathlen:%d",
			r->path_len);
	else
		snprintf(constraints, sizeof(constraints), r->ca ? "critical,CA:TRUE" : "CA:FALSE");
	return add_conf(x, &ctx, NID_basic_constraints, constraints) &&
	       (!r->key_usage || add_conf(x, &ctx, NID_key_usage, r->key_usage)) &&
	       (!r->extended_usage || add_conf(x, &ctx, NID_ext_key_usage, r->extended_usage)) &&
	       add_conf(x, &ctx, NID_subject_key_identifier, "hash") &&
	       add_conf(x, &ctx, NID_authority_key_identifier, "keyid") && add_names(x, r);
}

/* As strong as the key that signs. */
static const EVP_MD *digest_for(const struct private_key *k)
{
	switch (key_kind_of(k->pkey)) {
	case KEY_ED25519:
		return NULL;
	case KEY_P384:
		return EVP_sha384();
	case KEY_P521:
		return EVP_sha512();
	default:
		return EVP_sha256();
	}
}

struct cert *issue_cert(const struct issue_request *request, const struct private_key *subject_key,
	const struct cert *issuer, const struct private_key *issuer_key)
{
	X509_NAME *subject = name_from_text(request->subject);
	X509 *x = X509_new();
	X509 *by = issuer ? issuer->x509 : x;
	bool ok = x && subject && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
		  X509_set_subject_name(x, subject) == 1 &&
		  X509_set_issuer_name(x, issuer ? X509_get_subject_name(by) : subject) == 1 &&
		  set_time(X509_getm_notBefore(x), request->not_before) &&
		  set_time(X509_getm_notAfter(x), request->not_after) &&
		  X509_set_pubkey(x, subject_key->pkey) == 1 && add_extensions(x, by, request) &&
		  X509_sign(x, issuer_key->pkey, digest_for(issuer_key)) > 0;

	X509_NAME_free(subject);
	ERR_clear_error();
	if (ok)
		return cert_wrap(x);
	X509_free(x);
	return NULL;
}

/* ---- revocation lists ---- */

static bool add_revoked(X509_CRL *crl, const struct issue_revoked *entry)
{
	X509_REVOKED *revoked = X509_REVOKED_new();
	ASN1_TIME *at = ASN1_TIME_new();
	ASN1_INTEGER *serial = NULL;
	BIGNUM *n = NULL;
	bool ok = revoked && set_time(at, entry->at) && BN_hex2bn(&n, entry->serial) > 0;

	if (ok)
		serial = BN_to_ASN1_INTEGER(n, NULL);
	ok = ok && serial && X509_REVOKED_set_serialNumber(revoked, serial) == 1 &&
	     X509_REVOKED_set_revocationDate(revoked, at) == 1 &&
	     X509_CRL_add0_revoked(crl, revoked) == 1;
	if (!ok)
		X509_REVOKED_free(revoked);
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(at);
	BN_free(n);
	return ok;
}

static bool add_crl_extensions(X509_CRL *crl, X509 *issuer, uint64_t number)
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	X509_EXTENSION *authority;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, NULL, NULL, crl, 0);
	authority = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	ok = n && authority && ASN1_INTEGER_set_uint64(n, number) == 1 &&
	     X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) == 1 &&
	     X509_CRL_add_ext(crl, authority, -1) == 1;
	X509_EXTENSION_free(authority);
	ASN1_INTEGER_free(n);
	return ok;
}

bool issue_crl(const struct cert *issuer, const struct private_key *issuer_key,
	const struct issue_revoked *revoked, size_t count, uint64_t number, int64_t this_update,
	int64_t next_update, struct issued *out)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *now = ASN1_TIME_new(), *next = ASN1_TIME_new();
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = crl && bio && set_time(now, this_update) && set_time(next, next_update) &&
		  X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
		  X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) == 1 &&
		  X509_CRL_set1_lastUpdate(crl, now) == 1 &&
		  X509_CRL_set1_nextUpdate(crl, next) == 1;

	for (size_t i = 0; ok && i < count; i++)
		ok = add_revoked(crl, &revoked[i]);
	ok = ok && add_crl_extensions(crl, issuer->x509, number) && X509_CRL_sort(crl) == 1 &&
	     X509_CRL_sign(crl, issuer_key->pkey, digest_for(issuer_key)) > 0 &&
	     PEM_write_bio_X509_CRL(bio, crl) == 1;
	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	X509_CRL_free(crl);
	return finish(bio, ok, out);
}
