/* SPDX-License-Identifier: Apache-2.0 */
/* What a client shows of itself over TLS, as GnuTLS, which libmicrohttpd speaks it by, has heard it. */
#ifndef SLUICE_PROC_API_TLS_H
#define SLUICE_PROC_API_TLS_H

#include "crypto/trust.h"

#include <gnutls/gnutls.h>

#define TLS_TEXT_SIZE 160

/* Forward secrecy and authenticated ciphers only, of TLS 1.2 and 1.3. */
#define TLS_PRIORITIES                                                                             \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-AES-128-CBC:-AES-256-CBC:"   \
	"-AES-128-CCM:-AES-256-CCM:-SHA1"

/*
 * Before the handshake: it ends where a client shows a certificate with a key that would take long to verify by. GnuTLS
 * would do so before it knows whether any of our authorities has heard of it: a modulus of 64 kbit and an exponent as
 * large keep it busy for 14 s, and with it all other clients. RSA up to TLS_RSA_BITS, ECDSA and EdDSA are looked at.
 */
#define TLS_RSA_BITS 4096
void tls_guard(gnutls_session_t session);

/*
 * The certificate that the client has proved to have, which one of our authorities has issued to clients, and which is
 * valid now; its subject is "" where it has shown none. False with a sentence: it has shown one that is not such, or, by
 * the lists of `revoked` (NULL: there are none), one that was revoked. A list that is out of date still revokes, and lets in
 * whom it does not name.
 */
bool tls_client(gnutls_session_t session, struct trust *revoked, struct cert_facts *facts,
	char why[TLS_TEXT_SIZE]);

#endif
