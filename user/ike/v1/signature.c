/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Main mode with signatures: RFC 2409 5.1, RFC 4754 for ECDSA, certificates as in RFC 4945 3.3. The
 * method is negotiated in the SA payload and stands for the kind of both ends' keys.
 */
#include "ike/credentials.h"
#include "ike/v1/v1.h"

#include <stdio.h>

#define CERT_X509 4 /* RFC 2408 3.9: X.509 certificate, signature */

/* RFC 4754: with ECDSA the hash that is signed comes from the curve, whatever was negotiated. */
static const struct method {
	uint8_t number;
	uint8_t prf; /* 0: the negotiated one */
} methods[KEY_ED25519 + 1] = {
	[KEY_RSA] = {V1_AUTH_RSA, 0},
	[KEY_P256] = {V1_AUTH_ECDSA_256, 5},
	[KEY_P384] = {V1_AUTH_ECDSA_384, 6},
	[KEY_P521] = {V1_AUTH_ECDSA_521, 7},
};

const struct prf *v1_proof_prf(const struct ike_sa *sa)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i].number == sa->v1->handshake->auth && methods[i].prf)
			return prf_find(methods[i].prf);
	}
	return sa->suite.prf;
}

void v1_policy_auth(const struct engine *e, const struct tunnel *t, struct v1_policy *p)
{
	const struct credential *own = credentials_own(e, t);

	p->auth[0] = V1_AUTH_PSK;
	if (t->conf.options.auth == AUTH_CERT)
		p->auth[0] = own ? methods[private_key_kind(credential_key(own))].number : 0;
	p->auths = p->auth[0] != 0;
}

/* RFC 2408 3.10: the names of the authorities that we trust. */
void v1_put_requests(const struct engine *e, const struct ike_sa *sa, struct message_writer *w)
{
	if (sa->v1->handshake->auth == V1_AUTH_PSK)
		return;
	for (size_t i = 0; e->trust && i < trust_ca_count(e->trust); i++) {
		struct chunk name = cert_subject(trust_ca(e->trust, i));

		v1_payload_begin(w, V1_CERTREQ);
		wr_u8(&w->w, CERT_X509);
		wr_bytes(&w->w, name.bytes, name.len);
		message_payload_end(w);
	}
}

enum reason v1_put_signature(
	struct engine *e, struct ike_sa *sa, struct message_writer *w, const uint8_t *hash)
{
	const struct credential *own = credentials_own(e, sa->tunnel);
	const struct private_key *key = own ? credential_key(own) : NULL;
	uint8_t signature[SIGNATURE_MAX];
	size_t len;

	if (!key)
		return REASON_CERT_OWN;
	/* It may have been replaced by one of another kind since message 1. */
	if (methods[private_key_kind(key)].number != sa->v1->handshake->auth)
		return REASON_AUTH_METHOD;
	if (!sign_digest_create(key, hash, v1_proof_prf(sa)->len, signature, &len))
		return REASON_CRYPTO;
	for (size_t i = 0; i < credential_count(own); i++) {
		struct chunk der = credential_der(own, i);

		v1_payload_begin(w, V1_CERT);
		wr_u8(&w->w, CERT_X509);
		wr_bytes(&w->w, der.bytes, der.len);
		message_payload_end(w);
	}
	v1_payload(w, V1_SIG, signature, len);
	return REASON_NONE;
}

enum reason v1_check_signature(struct engine *e, struct ike_sa *sa, struct tunnel *t,
	const struct v1_payloads *p, const uint8_t *hash, const struct ike_identity *id,
	char text[TRUST_TEXT_SIZE])
{
	struct span signature = p->one[V1_SIG];
	struct chunk chain[V1_CERTS_MAX];
	enum reason why;
	struct cert *leaf;
	size_t count = 0;

	for (unsigned int i = 0; i < p->certs; i++) {
		if (p->cert[i].len > 1 && p->cert[i].bytes[0] == CERT_X509)
			chain[count++] = (struct chunk){p->cert[i].bytes + 1, p->cert[i].len - 1};
	}
	why = credentials_check(e, t, chain, count, id, &leaf, text);
	if (why != REASON_NONE)
		return why;
	snprintf(text, TRUST_TEXT_SIZE, "IKEv1 method %u", sa->v1->handshake->auth);
	if (methods[cert_key_kind(leaf)].number != sa->v1->handshake->auth)
		why = REASON_AUTH_METHOD;
	else if (!sign_digest_verify(
			 leaf, hash, v1_proof_prf(sa)->len, signature.bytes, signature.len))
		why = REASON_CERT_SIGNATURE;
	if (why == REASON_NONE)
		credentials_accept(e, t, leaf, chain, count);
	cert_free(leaf);
	return why;
}
