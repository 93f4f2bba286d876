/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/tls.h"

#include "base/clock.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#define EXPONENT_BYTES 4          /* with its sign; that of 65537 has three */
#define MESSAGE_MAX    (32 << 10) /* bytes of a handshake message */

static bool is_quick_rsa(gnutls_pubkey_t key, unsigned int bits)
{
	gnutls_datum_t modulus = {0}, exponent = {0};
	bool quick;

	if (bits > TLS_RSA_BITS || gnutls_pubkey_export_rsa_raw(key, &modulus, &exponent) < 0)
		return false;
	quick = exponent.size <= EXPONENT_BYTES;
	gnutls_free(modulus.data);
	gnutls_free(exponent.data);
	return quick;
}

static bool is_quick(const gnutls_datum_t *der)
{
	gnutls_x509_crt_t cert = NULL;
	gnutls_pubkey_t key = NULL;
	unsigned int bits = 0;
	bool quick = false;

	if (!gnutls_x509_crt_init(&cert) &&
		!gnutls_x509_crt_import(cert, der, GNUTLS_X509_FMT_DER) &&
		!gnutls_pubkey_init(&key) && !gnutls_pubkey_import_x509(key, cert, 0)) {
		switch (gnutls_pubkey_get_pk_algorithm(key, &bits)) {
		case GNUTLS_PK_RSA:
		case GNUTLS_PK_RSA_PSS:
			quick = is_quick_rsa(key, bits);
			break;
		case GNUTLS_PK_ECDSA: /* of curves that have names only */
		case GNUTLS_PK_EDDSA_ED25519:
		case GNUTLS_PK_EDDSA_ED448:
			quick = true;
			break;
		default:
			break;
		}
	}
	if (key)
		gnutls_pubkey_deinit(key);
	if (cert)
		gnutls_x509_crt_deinit(cert);
	return quick;
}

/* A vector that begins with its length in so many bytes (RFC 8446 3.4), off the front of `from`. False: there is none. */
static bool take_vector(gnutls_datum_t *from, unsigned int bytes, gnutls_datum_t *vector)
{
	unsigned int len = 0;

	if (from->size < bytes)
		return false;
	for (unsigned int i = 0; i < bytes; i++)
		len = len << 8 | from->data[i];
	if (from->size - bytes < len)
		return false;
	*vector = (gnutls_datum_t){from->data + bytes, len};
	from->data += bytes + len;
	from->size -= bytes + len;
	return true;
}

/* A Certificate message, of RFC 8446 4.4.2 or RFC 5246 7.4.6. What cannot be read of it is refused. */
static int on_certificate(gnutls_session_t session, unsigned int type, unsigned int when,
	unsigned int incoming, const gnutls_datum_t *message)
{
	bool is_13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
	gnutls_datum_t rest = *message, list, ignored, cert;

	(void)type, (void)when;
	if (!incoming)
		return 0;
	if ((is_13 && !take_vector(&rest, 1, &ignored)) || !take_vector(&rest, 3, &list))
		return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
	while (list.size) {
		if (!take_vector(&list, 3, &cert) || (is_13 && !take_vector(&list, 2, &ignored)))
			return GNUTLS_E_UNEXPECTED_PACKET_LENGTH;
		if (!is_quick(&cert))
			return GNUTLS_E_CERTIFICATE_ERROR;
	}
	return 0;
}

void tls_guard(gnutls_session_t session)
{
	gnutls_handshake_set_max_packet_length(session, MESSAGE_MAX);
	gnutls_handshake_set_hook_function(
		session, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_HOOK_PRE, on_certificate);
}

static bool refuse(char why[TLS_TEXT_SIZE], const char *what)
{
	snprintf(why, TLS_TEXT_SIZE, "the certificate that you have shown %s", what);
	return false;
}

/* Of several reasons the first that its owner can do something about. */
static const char *fault(unsigned int status)
{
	if (status & GNUTLS_CERT_EXPIRED)
		return "has expired";
	if (status & GNUTLS_CERT_NOT_ACTIVATED)
		return "is not valid yet";
	if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA))
		return "is of none of the authorities in api_ca";
	if (status & GNUTLS_CERT_PURPOSE_MISMATCH)
		return "is for another purpose than TLS of a client";
	if (status & GNUTLS_CERT_INSECURE_ALGORITHM)
		return "has a weak key or hash";
	return "cannot be verified";
}

/* GnuTLS looks at no list that is out of date; what looks at those of sites does. */
static bool stands(struct trust *revoked, const gnutls_datum_t *shown, unsigned int count,
	char why[TLS_TEXT_SIZE])
{
	struct chunk ders[CERT_CHAIN_MAX];
	char text[TRUST_TEXT_SIZE];
	enum trust_result result;
	struct cert *leaf = NULL;

	if (count > CERT_CHAIN_MAX)
		return refuse(why, "comes with too many others");
	for (unsigned int i = 0; i < count; i++)
		ders[i] = (struct chunk){shown[i].data, shown[i].size};
	result = trust_verify(
		revoked, ders, count, (int64_t)(clock_wall() / CLOCK_SECOND), &leaf, text);
	if (result == TRUST_OK)
		cert_free(leaf);
	return result == TRUST_OK ||
	       refuse(why, result == TRUST_REVOKED  ? "was revoked"
			   : result == TRUST_NO_CRL ? "cannot be looked for: a list in api_crl is "
						      "not by its authority"
						    : "cannot be verified");
}

bool tls_client(gnutls_session_t session, struct trust *revoked, struct cert_facts *facts,
	char why[TLS_TEXT_SIZE])
{
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT};
	unsigned int count = 0, status = 0;
	const gnutls_datum_t *shown = gnutls_certificate_get_peers(session, &count);
	struct cert *c;

	memset(facts, 0, sizeof(*facts));
	if (!shown || !count)
		return true;
	if (gnutls_certificate_verify_peers(session, &purpose, 1, &status))
		return refuse(why, "cannot be verified");
	if (status)
		return refuse(why, fault(status));
	if (revoked && !stands(revoked, shown, count, why))
		return false;
	c = cert_decode(shown[0].data, shown[0].size);
	if (!c)
		return refuse(why, "is not one that is understood here");
	cert_facts(c, facts);
	cert_free(c);
	/* One that was cut might be that of somebody else. */
	if (!facts->subject[0] || strlen(facts->subject) + 1 >= sizeof(facts->subject))
		return refuse(why, "has no subject, or too long a one");
	return true;
}
