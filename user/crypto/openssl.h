/* SPDX-License-Identifier: Apache-2.0 */
/* What the certificate files of this layer share. Included by user/crypto only. */
#ifndef SLUICE_CRYPTO_OPENSSL_H
#define SLUICE_CRYPTO_OPENSSL_H

#include "crypto/cert.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct private_key {
	EVP_PKEY *pkey;
};

struct cert {
	X509 *x509;
};

enum key_kind key_kind_of(const EVP_PKEY *pkey);
const char *key_name_of(const EVP_PKEY *pkey, char name[KEY_NAME_SIZE]);

/* Takes over own_x509; NULL when memory is short or that was NULL. */
struct cert *cert_wrap(X509 *own_x509);

/* Reads all certificates of a PEM text in order; NULL with a sentence when there is none. */
STACK_OF(X509) * certs_read_pem(const void *pem, size_t len, char *error, size_t size);

/* Text of a name, what is not printable escaped. */
void name_to_text(const X509_NAME *name, char text[CERT_NAME_SIZE]);

/* Parts of a DN as dn_from_text() reads them; NULL when it cannot. */
X509_NAME *name_from_text(const char *text);

/* Seconds since the epoch; INT64_MAX when it is unusable. */
int64_t time_of(const ASN1_TIME *t);

/* OpenSSL asks for a passphrase where there is a terminal: never. */
int no_passphrase(char *buf, int size, int rwflag, void *context);

#endif
