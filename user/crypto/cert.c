/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/openssl.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define WARN_DAYS 30
#define DAY_S     86400

struct cert *cert_wrap(X509 *own_x509)
{
	struct cert *c = own_x509 ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		X509_free(own_x509);
		return NULL;
	}
	c->x509 = own_x509;
	return c;
}

struct cert *cert_decode(const void *der, size_t len)
{
	const unsigned char *p = der;
	X509 *x = len && len <= CERT_DER_MAX ? d2i_X509(NULL, &p, (long)len) : NULL;

	ERR_clear_error();
	if (x && p != (const unsigned char *)der + len) {
		X509_free(x);
		x = NULL;
	}
	return cert_wrap(x);
}

void cert_free(struct cert *c)
{
	if (c)
		X509_free(c->x509);
	free(c);
}

enum key_kind cert_key_kind(const struct cert *c)
{
	return key_kind_of(X509_get0_pubkey(c->x509));
}

int64_t time_of(const ASN1_TIME *t)
{
	struct tm tm;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return INT64_MAX;
	return timegm(&tm);
}

static void hex(const uint8_t *bytes, size_t len, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < len && at + 2 < size; i++)
		at += (size_t)snprintf(text + at, size - at, "%02x", bytes[i]);
}

/* ---- subjectAltName ---- */

/* A name as an identity; type none for kinds that IKE does not have, or names that do not fit. */
static struct ike_identity identity_of(const GENERAL_NAME *name)
{
	struct ike_identity id = {0};
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	int len;

	if (type != GEN_DNS && type != GEN_EMAIL && type != GEN_IPADD)
		return id;
	len = ASN1_STRING_length(value);
	if (len <= 0 || len > (int)sizeof(id.bytes) ||
		(type != GEN_IPADD && memchr(ASN1_STRING_get0_data(value), 0, (size_t)len)))
		return id;
	if (type == GEN_IPADD && len != 4 && len != 16)
		return id;
	memcpy(id.bytes, ASN1_STRING_get0_data(value), (size_t)len);
	id.len = (uint16_t)len;
	id.type = type == GEN_DNS     ? IKE_ID_FQDN
		  : type == GEN_EMAIL ? IKE_ID_RFC822
		  : len == 4          ? IKE_ID_IPV4
				      : IKE_ID_IPV6;
	return id;
}

static bool same_name(const struct ike_identity *a, const struct ike_identity *b)
{
	if (a->type != b->type || a->len != b->len)
		return false;
	if (a->type == IKE_ID_FQDN || a->type == IKE_ID_RFC822)
		return !strncasecmp((const char *)a->bytes, (const char *)b->bytes, a->len);
	return !memcmp(a->bytes, b->bytes, a->len);
}

static bool subject_is(const struct cert *c, const struct ike_identity *id)
{
	const unsigned char *p = id->bytes;
	X509_NAME *name = d2i_X509_NAME(NULL, &p, id->len);
	bool same = name && p == id->bytes + id->len && X509_NAME_entry_count(name) > 0 &&
		    X509_NAME_cmp(name, X509_get_subject_name(c->x509)) == 0;

	X509_NAME_free(name);
	ERR_clear_error();
	return same;
}

bool cert_has_identity(const struct cert *c, const struct ike_identity *id)
{
	GENERAL_NAMES *names;
	bool found = false;

	if (id->type == IKE_ID_DN)
		return subject_is(c, id);
	if (id->type == IKE_ID_NONE || id->type == IKE_ID_KEY_ID)
		return false;
	names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		struct ike_identity name = identity_of(sk_GENERAL_NAME_value(names, i));

		found = same_name(&name, id);
	}
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return found;
}

bool cert_names(const struct cert *c, struct ike_identity *out, size_t size, size_t *count)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, NULL, NULL);
	int found = sk_GENERAL_NAME_num(names);
	bool ok = found <= (int)size;

	*count = 0;
	for (int i = 0; ok && i < found; i++) {
		out[*count] = identity_of(sk_GENERAL_NAME_value(names, i));
		ok = out[(*count)++].type != IKE_ID_NONE;
	}
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return ok;
}

bool cert_first_identity(const struct cert *c, struct ike_identity *id)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, NULL, NULL);
	struct ike_identity made = {0};
	unsigned char *p = made.bytes;
	int len;

	for (int i = 0; !made.type && i < sk_GENERAL_NAME_num(names); i++)
		made = identity_of(sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	len = i2d_X509_NAME(X509_get_subject_name(c->x509), NULL);
	if (!made.type && X509_NAME_entry_count(X509_get_subject_name(c->x509)) > 0 &&
		len <= (int)sizeof(made.bytes)) {
		made.type = IKE_ID_DN;
		made.len = (uint16_t)i2d_X509_NAME(X509_get_subject_name(c->x509), &p);
	}
	ERR_clear_error();
	*id = made;
	return made.type != IKE_ID_NONE;
}

/* Prints what the peer wrote: escaped, and cut where the text is full. */
static void names_to_text(const struct cert *c, char text[CERT_NAME_SIZE])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, NULL, NULL);
	size_t at = 0;

	text[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		struct ike_identity id = identity_of(sk_GENERAL_NAME_value(names, i));
		char address[ADDR_STR_SIZE];
		struct ip_addr a;

		if (!id.type || at + 4u * id.len + ADDR_STR_SIZE + 3 > CERT_NAME_SIZE)
			continue;
		if (at)
			at += (size_t)snprintf(text + at, CERT_NAME_SIZE - at, ", ");
		if (id.type == IKE_ID_IPV4 || id.type == IKE_ID_IPV6) {
			a = addr_from_bytes(id.len == 4 ? AF_INET : AF_INET6, id.bytes);
			at += (size_t)snprintf(
				text + at, CERT_NAME_SIZE - at, "%s", addr_format(&a, address));
			continue;
		}
		for (unsigned int b = 0; b < id.len; b++)
			at += (size_t)snprintf(text + at, CERT_NAME_SIZE - at,
				id.bytes[b] > ' ' && id.bytes[b] < 127 ? "%c" : "\\x%02x",
				id.bytes[b]);
	}
	GENERAL_NAMES_free(names);
	ERR_clear_error();
}

void cert_facts(const struct cert *c, struct cert_facts *facts)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x509);
	uint8_t print[EVP_MAX_MD_SIZE];
	unsigned int print_len = 0;

	memset(facts, 0, sizeof(*facts));
	name_to_text(X509_get_subject_name(c->x509), facts->subject);
	name_to_text(X509_get_issuer_name(c->x509), facts->issuer);
	names_to_text(c, facts->names);
	hex(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial), facts->serial,
		sizeof(facts->serial));
	if (X509_digest(c->x509, EVP_sha256(), print, &print_len) == 1)
		hex(print, print_len, facts->fingerprint, sizeof(facts->fingerprint));
	key_name_of(X509_get0_pubkey(c->x509), facts->key);
	facts->not_before = time_of(X509_get0_notBefore(c->x509));
	facts->not_after = time_of(X509_get0_notAfter(c->x509));
	facts->ca = X509_check_ca(c->x509) == 1;
}

struct chunk cert_subject(const struct cert *c)
{
	const unsigned char *der = NULL;
	size_t len = 0;

	if (X509_NAME_get0_der(X509_get_subject_name(c->x509), &der, &len) != 1)
		return (struct chunk){NULL, 0};
	return (struct chunk){der, len};
}

bool cert_spki_hash(const struct cert *c, uint8_t out[CERT_SPKI_HASH])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x509), &der);
	bool ok = len > 0 && EVP_Digest(der, (size_t)len, out, NULL, EVP_sha1(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

int64_t cert_warn_from(int64_t not_before, int64_t not_after)
{
	int64_t third = (not_after - not_before) / 3, most = (int64_t)WARN_DAYS * DAY_S;

	return not_after - (third < most ? third : most);
}

STACK_OF(X509) * certs_read_pem(const void *pem, size_t len, char *error, size_t size)
{
	BIO *in = BIO_new_mem_buf(pem, (int)len);
	STACK_OF(X509) *certs = sk_X509_new_null();
	X509 *x;

	while (in && certs && (x = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)))
		sk_X509_push(certs, x);
	/* The end of the text is the one error that is none; a damaged block must not pass for it. */
	bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

	BIO_free(in);
	ERR_clear_error();
	if (ended && sk_X509_num(certs) > 0)
		return certs;
	snprintf(error, size, "%s",
		ended ? "there is no certificate in PEM" : "a certificate is damaged");
	sk_X509_pop_free(certs, X509_free);
	return NULL;
}
