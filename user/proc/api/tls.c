/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/tls.h"

#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

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

bool tls_client(gnutls_session_t session, struct cert_facts *facts, char why[TLS_TEXT_SIZE])
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
