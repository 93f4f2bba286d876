/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/trust.h"

#include "base/date.h"

#include "crypto/openssl.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECURITY_LEVEL 2 /* 112 bits: RSA 2048, SHA-224 and up (SSL_CTX_set_security_level(3)) */
#define KNOWN_MAX      256
#define KNOWN_HASH     32

struct trust {
	bool strict_crl;
	size_t cas, crls;
	struct cert ca[TRUST_CAS_MAX];
	struct der {
		uint8_t *bytes;
		int len;
	} ca_der[TRUST_CAS_MAX]; /* what peers send of them is not decoded again */
	X509_CRL *crl[TRUST_CRLS_MAX];
	X509_STORE *store;             /* anchors and lists; rebuilt when something is added */
	STACK_OF(X509) * subordinates; /* of them, those that another one issued */
	/* Verified before: a site that comes back costs no decoding and no chain. */
	struct known {
		uint8_t hash[KNOWN_HASH]; /* of the DER bytes */
		X509 *leaf;               /* NULL: none */
		int64_t from, until;
	} known[KNOWN_MAX];
	unsigned int next_known;
};

struct trust *trust_new(bool strict_crl)
{
	struct trust *t = calloc(1, sizeof(*t));

	if (t)
		t->strict_crl = strict_crl;
	return t;
}

static void forget_known(struct trust *t)
{
	for (size_t i = 0; i < KNOWN_MAX; i++) {
		X509_free(t->known[i].leaf);
		t->known[i].leaf = NULL;
	}
}

void trust_free(struct trust *t)
{
	if (!t)
		return;
	forget_known(t);
	X509_STORE_free(t->store);
	sk_X509_free(t->subordinates);
	for (size_t i = 0; i < t->cas; i++) {
		X509_free(t->ca[i].x509);
		OPENSSL_free(t->ca_der[i].bytes);
	}
	for (size_t i = 0; i < t->crls; i++)
		X509_CRL_free(t->crl[i]);
	free(t);
}

static bool issued_by_another(const struct trust *t, size_t index)
{
	for (size_t i = 0; i < t->cas; i++) {
		if (i != index &&
			X509_check_issued(t->ca[i].x509, t->ca[index].x509) == X509_V_OK &&
			X509_verify(t->ca[index].x509, X509_get0_pubkey(t->ca[i].x509)) == 1)
			return true;
	}
	return false;
}

/*
 * A subordinate whose root is here too is no anchor: a chain would end with it, and nobody would
 * look whether the root revoked it.
 */
static bool rebuild(struct trust *t)
{
	bool ok;

	forget_known(t);
	X509_STORE_free(t->store);
	sk_X509_free(t->subordinates);
	t->store = X509_STORE_new();
	t->subordinates = sk_X509_new_null();
	ok = t->store && t->subordinates;
	for (size_t i = 0; ok && i < t->cas; i++) {
		X509 *x = t->ca[i].x509;
		bool root = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;

		if (!root && issued_by_another(t, i))
			ok = sk_X509_push(t->subordinates, x) > 0;
		else
			ok = X509_STORE_add_cert(t->store, x) == 1;
	}
	for (size_t i = 0; ok && i < t->crls; i++)
		ok = X509_STORE_add_crl(t->store, t->crl[i]) == 1;
	ERR_clear_error();
	return ok;
}

static bool has_ca(const struct trust *t, const X509 *x)
{
	for (size_t i = 0; i < t->cas; i++) {
		if (X509_cmp(t->ca[i].x509, x) == 0)
			return true;
	}
	return false;
}

static bool add_ca(struct trust *t, X509 *x, char *error, size_t size)
{
	char name[CERT_NAME_SIZE];

	if (has_ca(t, x))
		return true;
	name_to_text(X509_get_subject_name(x), name);
	if (X509_check_ca(x) != 1) {
		snprintf(error, size, "%.120s is not a certification authority", name);
		return false;
	}
	if (t->cas == TRUST_CAS_MAX) {
		snprintf(error, size, "more than %d certification authorities", TRUST_CAS_MAX);
		return false;
	}
	if (X509_up_ref(x) != 1)
		return false;
	t->ca_der[t->cas].len = i2d_X509(x, &t->ca_der[t->cas].bytes);
	t->ca[t->cas++].x509 = x;
	return true;
}

bool trust_add_ca(struct trust *t, const void *pem, size_t len, char *error, size_t size)
{
	STACK_OF(X509) *certs = NULL;
	bool ok;

	snprintf(error, size, "the file is empty or larger than %u bytes", TRUST_CA_BYTES);
	if (len && len <= TRUST_CA_BYTES)
		certs = certs_read_pem(pem, len, error, size);
	ok = certs != NULL;
	for (int i = 0; ok && i < sk_X509_num(certs); i++)
		ok = add_ca(t, sk_X509_value(certs, i), error, size);
	sk_X509_pop_free(certs, X509_free);
	return ok && rebuild(t);
}

static X509_CRL *read_crl_der(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)len);

	if (crl && p == (const unsigned char *)bytes + len)
		return crl;
	X509_CRL_free(crl);
	return NULL;
}

/* Takes over own_crl. */
static bool add_crl(struct trust *t, X509_CRL *own_crl, char *error, size_t size)
{
	if (t->crls == TRUST_CRLS_MAX) {
		snprintf(error, size, "more than %d revocation lists", TRUST_CRLS_MAX);
		X509_CRL_free(own_crl);
		return false;
	}
	t->crl[t->crls++] = own_crl;
	return true;
}

bool trust_add_crl(struct trust *t, const void *bytes, size_t len, char *error, size_t size)
{
	BIO *in = NULL;
	X509_CRL *crl;
	size_t found = 0;
	bool ok = true, ended;

	snprintf(error, size, "the file is empty or larger than %u bytes", TRUST_CRL_BYTES);
	if (!len || len > TRUST_CRL_BYTES)
		return false;
	crl = read_crl_der(bytes, len);
	if (crl)
		return add_crl(t, crl, error, size) && rebuild(t);
	ERR_clear_error();
	in = BIO_new_mem_buf(bytes, (int)len);
	for (; ok && in && (crl = PEM_read_bio_X509_CRL(in, NULL, no_passphrase, NULL)); found++)
		ok = add_crl(t, crl, error, size);
	ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	BIO_free(in);
	ERR_clear_error();
	if (ok && (!found || !ended))
		snprintf(
			error, size, "there is no revocation list in PEM or DER, or it is damaged");
	return ok && found && ended && rebuild(t);
}

size_t trust_ca_count(const struct trust *t)
{
	return t->cas;
}

const struct cert *trust_ca(const struct trust *t, size_t index)
{
	return &t->ca[index];
}

size_t trust_crl_count(const struct trust *t)
{
	return t->crls;
}

void trust_crl(const struct trust *t, size_t index, struct trust_crl_facts *facts)
{
	X509_CRL *crl = t->crl[index];
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	int revoked = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));

	memset(facts, 0, sizeof(*facts));
	name_to_text(X509_CRL_get_issuer(crl), facts->issuer);
	facts->this_update = time_of(X509_CRL_get0_lastUpdate(crl));
	facts->next_update = next ? time_of(next) : 0;
	facts->revoked = revoked > 0 ? (size_t)revoked : 0;
}

/* ---- verification ---- */

static enum trust_result result_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return TRUST_OK;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return TRUST_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TRUST_NOT_YET_VALID;
	case X509_V_ERR_CERT_REVOKED:
		return TRUST_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
		return TRUST_NO_CRL;
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
		return TRUST_TOO_LARGE;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return TRUST_WEAK;
	case X509_V_ERR_INVALID_PURPOSE:
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
		return TRUST_USAGE;
	default:
		return TRUST_UNTRUSTED;
	}
}

/*
 * A list that is missing or out of date refuses nobody unless that was asked for; and no list says
 * anything about an anchor (RFC 5280 6.1: it is no part of the path).
 */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
	const struct trust *t = X509_STORE_CTX_get_app_data(ctx);
	int error = X509_STORE_CTX_get_error(ctx);
	int last = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

	if (ok || (t->strict_crl && X509_STORE_CTX_get_error_depth(ctx) != last))
		return ok;
	return error == X509_V_ERR_UNABLE_TO_GET_CRL || error == X509_V_ERR_CRL_HAS_EXPIRED ||
	       error == X509_V_ERR_CRL_NOT_YET_VALID;
}

/*
 * RFC 4945 5.1.3.12 would refuse every extended usage but ipsecIKE and any. Older authorities and
 * devices have others that were made for IPsec (iKEIntermediate; RFC 2459 4.2.1.13), and the large
 * private authorities the two of TLS, which devices use for IKE; so these pass too. Anything else
 * is another purpose.
 */
static bool extended_allows_ike(const ASN1_OBJECT *usage)
{
	static const int wanted[] = {NID_ipsec_IKE, NID_ipsecEndSystem, NID_ipsecTunnel,
		NID_ipsecUser, NID_anyExtendedKeyUsage, NID_server_auth, NID_client_auth};
	char number[32];

	for (size_t w = 0; w < sizeof(wanted) / sizeof(wanted[0]); w++) {
		if (OBJ_obj2nid(usage) == wanted[w])
			return true;
	}
	OBJ_obj2txt(number, sizeof(number), usage, 1);
	return !strcmp(number, "1.3.6.1.5.5.8.2.2"); /* iKEIntermediate has no name in OpenSSL */
}

/* NULL when the certificate may be used, else the fact that speaks against it. */
static const char *usage_refused(X509 *x, char text[TRUST_TEXT_SIZE])
{
	uint32_t usage = X509_get_key_usage(x);
	EXTENDED_KEY_USAGE *extended = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);
	bool ok = !extended;
	char first[48] = "nothing";

	for (int i = 0; i < sk_ASN1_OBJECT_num(extended); i++) {
		const ASN1_OBJECT *one = sk_ASN1_OBJECT_value(extended, i);

		if (i == 0)
			OBJ_obj2txt(first, sizeof(first), one, 0);
		ok = ok || extended_allows_ike(one);
	}
	sk_ASN1_OBJECT_pop_free(extended, ASN1_OBJECT_free);
	snprintf(text, TRUST_TEXT_SIZE, "its extended key usage is %s, not for IKE", first);
	if (!ok)
		return text;
	/* RFC 4945 5.1.3.2: with a KeyUsage, one of these two bits. */
	return usage == UINT32_MAX || usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)
		       ? NULL
		       : "its key usage lacks digitalSignature";
}

static void describe(X509 *x, const char *fact, char text[TRUST_TEXT_SIZE])
{
	char name[CERT_NAME_SIZE];

	name_to_text(X509_get_subject_name(x), name);
	snprintf(text, TRUST_TEXT_SIZE, "%.120s: %.70s", name, fact);
}

/* The same for what OpenSSL refused: with what its texts leave out, the dates and whose certificate is missing. */
static void describe_error(X509 *x, int error, int64_t at, char text[TRUST_TEXT_SIZE])
{
	char name[CERT_NAME_SIZE], issuer[CERT_NAME_SIZE], when[DATE_TEXT_SIZE],
		now[DATE_TEXT_SIZE];
	bool expired = error == X509_V_ERR_CERT_HAS_EXPIRED;

	name_to_text(X509_get_subject_name(x), name);
	name_to_text(X509_get_issuer_name(x), issuer);
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		date_format(
			time_of(expired ? X509_get0_notAfter(x) : X509_get0_notBefore(x)), when);
		snprintf(text, TRUST_TEXT_SIZE, "%.90s: valid %s %s, the hub's clock says %s", name,
			expired ? "until" : "from", when, date_format(at, now));
		return;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		snprintf(text, TRUST_TEXT_SIZE,
			"%.70s: its issuer %.70s is not in `ca`, and the peer did not send it",
			name, issuer);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		snprintf(text, TRUST_TEXT_SIZE, "%.120s: it signed itself, and is not in `ca`",
			name);
		return;
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		snprintf(text, TRUST_TEXT_SIZE,
			"%.70s: another authority than that in `ca` has signed it, with the same "
			"name %.50s",
			name, issuer);
		return;
	default:
		describe(x, X509_verify_cert_error_string(error), text);
	}
}

/* What OpenSSL lets pass and IKE must not. */
static enum trust_result check_chain(X509_STORE_CTX *ctx, X509 *leaf, char text[TRUST_TEXT_SIZE])
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	char usage[TRUST_TEXT_SIZE];
	const char *fact;

	for (int i = 1; i < sk_X509_num(chain); i++) {
		if (X509_check_ca(sk_X509_value(chain, i)) == 1)
			continue;
		describe(sk_X509_value(chain, i), "not a certification authority", text);
		return TRUST_USAGE;
	}
	fact = usage_refused(leaf, usage);
	if (fact) {
		describe(leaf, fact, text);
		return TRUST_USAGE;
	}
	if (key_kind_of(X509_get0_pubkey(leaf)) == KEY_OTHER) {
		describe(leaf, "its key is of a kind that is not supported", text);
		return TRUST_WEAK;
	}
	return TRUST_OK;
}

/* When a chain stops to be valid that is so now: the first end of a certificate or strict list. */
static int64_t valid_until(const struct trust *t, STACK_OF(X509) * chain)
{
	int64_t until = INT64_MAX, end;

	for (int i = 0; i < sk_X509_num(chain); i++) {
		end = time_of(X509_get0_notAfter(sk_X509_value(chain, i)));
		until = end < until ? end : until;
	}
	for (size_t i = 0; t->strict_crl && i < t->crls; i++) {
		const ASN1_TIME *next = X509_CRL_get0_nextUpdate(t->crl[i]);

		end = next ? time_of(next) : INT64_MAX;
		until = end < until ? end : until;
	}
	return until;
}

/* `until` is set with TRUST_OK. */
static enum trust_result verify(const struct trust *t, X509 *leaf, STACK_OF(X509) * untrusted,
	int64_t at, int64_t *until, char text[TRUST_TEXT_SIZE])
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum trust_result result = TRUST_UNTRUSTED;
	X509_VERIFY_PARAM *param;
	X509 *culprit;

	if (!t->store || !ctx || X509_STORE_CTX_init(ctx, t->store, leaf, untrusted) != 1) {
		describe(leaf, "no certification authority is configured", text);
		goto out;
	}
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)at);
	X509_VERIFY_PARAM_set_depth(param, TRUST_DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_flags(param,
		X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	X509_STORE_CTX_set_app_data(ctx, (void *)(uintptr_t)t);
	X509_STORE_CTX_set_verify_cb(ctx, on_verify);
	if (X509_verify_cert(ctx) == 1) {
		result = check_chain(ctx, leaf, text);
		*until = valid_until(t, X509_STORE_CTX_get0_chain(ctx));
		goto out;
	}
	result = result_of(X509_STORE_CTX_get_error(ctx));
	if (result == TRUST_OK) /* failed without saying why */
		result = TRUST_UNTRUSTED;
	culprit = X509_STORE_CTX_get_current_cert(ctx);
	describe_error(culprit ? culprit : leaf, X509_STORE_CTX_get_error(ctx), at, text);
out:
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return result;
}

/* A certificate as a peer sent it. Authorities are known: decoding costs more than comparing. */
static X509 *decode_one(const struct trust *t, const struct chunk *der)
{
	struct cert *c;
	X509 *x = NULL;

	for (size_t i = 0; i < t->cas; i++) {
		if (t->ca_der[i].len > 0 && (size_t)t->ca_der[i].len == der->len &&
			memcmp(t->ca_der[i].bytes, der->bytes, der->len) == 0)
			return X509_up_ref(t->ca[i].x509) == 1 ? t->ca[i].x509 : NULL;
	}
	c = cert_decode(der->bytes, der->len);
	if (c && X509_up_ref(c->x509) == 1)
		x = c->x509;
	cert_free(c);
	return x;
}

/* The peer's certificates and our subordinates; NULL when one is not X.509. */
static STACK_OF(X509) * decode_all(const struct trust *t, const struct chunk *ders, size_t count)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	bool ok = all != NULL;

	for (size_t i = 0; ok && i < count; i++) {
		X509 *x = decode_one(t, &ders[i]);

		ok = x && sk_X509_push(all, x) > 0;
		if (x && !ok)
			X509_free(x);
	}
	for (int i = 0; ok && i < sk_X509_num(t->subordinates); i++) {
		X509 *x = sk_X509_value(t->subordinates, i);

		ok = X509_up_ref(x) == 1 && sk_X509_push(all, x) > 0;
	}
	if (ok)
		return all;
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

/* ---- what was verified before ---- */

static bool hash_of(const struct chunk *der, uint8_t out[KNOWN_HASH])
{
	return EVP_Digest(der->bytes, der->len, out, NULL, EVP_sha256(), NULL) == 1;
}

static struct cert *find_known(const struct trust *t, const struct chunk *der, int64_t at)
{
	uint8_t hash[KNOWN_HASH];

	if (!hash_of(der, hash))
		return NULL;
	for (size_t i = 0; i < KNOWN_MAX; i++) {
		const struct known *k = &t->known[i];

		if (k->leaf && memcmp(k->hash, hash, sizeof(hash)) == 0 && at >= k->from &&
			at <= k->until && X509_up_ref(k->leaf) == 1)
			return cert_wrap(k->leaf);
	}
	return NULL;
}

static void remember(
	struct trust *t, const struct chunk *der, X509 *leaf, int64_t from, int64_t until)
{
	struct known *k = &t->known[t->next_known++ % KNOWN_MAX];

	X509_free(k->leaf);
	k->leaf = NULL;
	if (!hash_of(der, k->hash) || X509_up_ref(leaf) != 1)
		return;
	k->leaf = leaf;
	k->from = from;
	k->until = until;
}

enum trust_result trust_verify(struct trust *t, const struct chunk *ders, size_t count, int64_t at,
	struct cert **leaf, char text[TRUST_TEXT_SIZE])
{
	STACK_OF(X509) * all;
	enum trust_result result;
	int64_t until = at;
	size_t total = 0;

	*leaf = NULL;
	snprintf(text, TRUST_TEXT_SIZE, "the peer sent no certificate");
	if (!count)
		return TRUST_NO_CERT;
	for (size_t i = 0; i < count; i++)
		total += ders[i].len;
	snprintf(text, TRUST_TEXT_SIZE, "%zu certificates, %zu bytes; at most %d and %d", count,
		total, CERT_CHAIN_MAX, CERT_CHAIN_BYTES);
	if (count > CERT_CHAIN_MAX || total > CERT_CHAIN_BYTES)
		return TRUST_TOO_LARGE;
	text[0] = '\0';
	*leaf = find_known(t, &ders[0], at);
	if (*leaf)
		return TRUST_OK;
	all = decode_all(t, ders, count);
	snprintf(text, TRUST_TEXT_SIZE, "a CERT payload is not an X.509 certificate");
	if (!all)
		return TRUST_MALFORMED;
	text[0] = '\0';
	result = verify(t, sk_X509_value(all, 0), all, at, &until, text);
	if (result == TRUST_OK) {
		remember(t, &ders[0], sk_X509_value(all, 0), at, until);
		if (X509_up_ref(sk_X509_value(all, 0)) == 1)
			*leaf = cert_wrap(sk_X509_value(all, 0));
	}
	sk_X509_pop_free(all, X509_free);
	return result == TRUST_OK && !*leaf ? TRUST_UNTRUSTED : result;
}
