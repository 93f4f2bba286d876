/* SPDX-License-Identifier: Apache-2.0 */
/* What we authenticate with: a key, its certificate, and what leads from there to a root. */
#include "crypto/openssl.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

struct credential {
	struct private_key *key; /* NULL: for display only */
	struct cert *cert;
	size_t count;
	struct {
		uint8_t *bytes;
		size_t len;
	} ders[CERT_CHAIN_MAX];
};

void credential_free(struct credential *c)
{
	if (!c)
		return;
	private_key_free(c->key);
	cert_free(c->cert);
	for (size_t i = 0; i < c->count; i++)
		OPENSSL_free(c->ders[i].bytes);
	free(c);
}

static bool is_root(X509 *x)
{
	return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

/* Keeps the chain as DER. False with a sentence when it is not one, or too large to send. */
static bool keep_chain(struct credential *c, STACK_OF(X509) * certs, char *error, size_t size)
{
	size_t total = 0;

	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *x = sk_X509_value(certs, i);
		int len;

		if (i && X509_check_issued(x, sk_X509_value(certs, i - 1)) != X509_V_OK) {
			snprintf(error, size,
				"certificate %d did not issue certificate %d: the site's comes "
				"first, "
				"each is followed by its issuer",
				i + 1, i);
			return false;
		}
		if (i && is_root(x))
			break;
		if (c->count == CERT_CHAIN_MAX) {
			snprintf(error, size, "the chain has more than %d certificates",
				CERT_CHAIN_MAX);
			return false;
		}
		len = i2d_X509(x, &c->ders[c->count].bytes);
		if (len <= 0)
			return false;
		c->ders[c->count++].len = (size_t)len;
		total += (size_t)len;
		if (len > CERT_DER_MAX || total > CERT_CHAIN_BYTES) {
			snprintf(error, size, "the chain has more than %d bytes", CERT_CHAIN_BYTES);
			return false;
		}
	}
	return true;
}

struct credential *credential_read_public(
	const void *chain, size_t chain_len, char *error, size_t size)
{
	struct credential *c = calloc(1, sizeof(*c));
	STACK_OF(X509) *certs = NULL;
	bool ok = false;

	snprintf(error, size, "the file is empty or larger than %d bytes", CERT_FILE_BYTES);
	if (c && chain_len && chain_len <= CERT_FILE_BYTES)
		certs = certs_read_pem(chain, chain_len, error, size);
	if (certs && keep_chain(c, certs, error, size)) {
		c->cert = cert_wrap(X509_dup(sk_X509_value(certs, 0)));
		ok = c->cert != NULL;
	}
	sk_X509_pop_free(certs, X509_free);
	ERR_clear_error();
	if (ok)
		return c;
	credential_free(c);
	return NULL;
}

struct credential *credential_read(const void *chain, size_t chain_len, const void *key,
	size_t key_len, char *error, size_t size)
{
	struct credential *c = credential_read_public(chain, chain_len, error, size);

	if (!c)
		return NULL;
	c->key = private_key_read(key, key_len, error, size);
	if (c->key && X509_check_private_key(c->cert->x509, c->key->pkey) == 1)
		return c;
	if (c->key)
		snprintf(error, size, "the private key does not belong to the first certificate");
	ERR_clear_error();
	credential_free(c);
	return NULL;
}

const struct private_key *credential_key(const struct credential *c)
{
	return c->key;
}

const struct cert *credential_cert(const struct credential *c)
{
	return c->cert;
}

size_t credential_count(const struct credential *c)
{
	return c->count;
}

struct chunk credential_der(const struct credential *c, size_t index)
{
	return (struct chunk){c->ders[index].bytes, c->ders[index].len};
}
