/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication by signature: RFC 7427 (any algorithm, named), and for peers without it method 1 of
 * RFC 7296 and methods 9 to 11 of RFC 4754.
 *
 * SHA-1 is refused where the peer could do better. Method 1 is SHA-1 by definition; it is taken from
 * and used towards peers that announce no hash algorithms, which are old devices that otherwise
 * could not come at all. Stripping that announcement on the way does not force it on others:
 * IKE_SA_INIT is part of what both ends sign.
 */
#include "ike/credentials.h"
#include "ike/v2/v2.h"

#include <stdio.h>

#define HASHES_ANNOUNCED 16 /* that we look at */

/* ---- IKE_SA_INIT ---- */

void auth_cert_announce(struct message_writer *w)
{
	message_payload_begin(w, PAYLOAD_NOTIFY);
	wr_u8(&w->w, 0);
	wr_u8(&w->w, 0);
	wr_u16(&w->w, NOTIFY_SIGNATURE_HASH_ALGORITHMS);
	for (uint8_t h = SIGN_HASH_SHA256; h <= SIGN_HASH_IDENTITY; h++)
		wr_u16(&w->w, h);
	message_payload_end(w);
}

uint32_t auth_cert_hashes(const struct payloads *p)
{
	const struct notify *n = payloads_find_notify(p, NOTIFY_SIGNATURE_HASH_ALGORITHMS);
	struct rd r = n ? rd_init(n->data.bytes, n->data.len) : (struct rd){.bad = true};
	uint32_t hashes = 0;

	for (int i = 0; i < HASHES_ANNOUNCED && rd_left(&r) >= 2; i++) {
		uint16_t h = rd_u16(&r);

		hashes |= h < 32 ? 1u << h : 0;
	}
	return hashes;
}

void auth_cert_request(struct engine *e, struct message_writer *w)
{
	uint8_t hashes[CREDENTIALS_CERTREQ_MAX];
	size_t len = credentials_certreq(e, hashes);

	if (!len)
		return;
	message_payload_begin(w, PAYLOAD_CERTREQ);
	wr_u8(&w->w, CERT_X509_SIGNATURE);
	wr_bytes(&w->w, hashes, len);
	message_payload_end(w);
}

/* ---- our proof ---- */

void auth_cert_chain(struct engine *e, const struct tunnel *t, struct message_writer *w)
{
	const struct credential *own = credentials_own(e, t);

	for (size_t i = 0; own && i < credential_count(own); i++) {
		struct chunk der = credential_der(own, i);

		message_payload_begin(w, PAYLOAD_CERT);
		wr_u8(&w->w, CERT_X509_SIGNATURE);
		wr_bytes(&w->w, der.bytes, der.len);
		message_payload_end(w);
	}
}

/* RFC 7296 2.15: what one side signs. `maced` holds the part that is computed. */
static bool signed_octets(const struct ike_sa *sa, bool of_initiator, struct span id,
	uint8_t maced[PRF_MAX], struct chunk out[3])
{
	const struct blob *first = of_initiator ? &sa->init_request : &sa->init_response;
	const struct nonce *nonce = of_initiator ? &sa->nr : &sa->ni;
	const struct prf *prf = sa->suite.prf;
	struct chunk body = {id.bytes, id.len};

	out[0] = (struct chunk){first->bytes, first->len};
	out[1] = (struct chunk){nonce->bytes, nonce->len};
	out[2] = (struct chunk){maced, prf->len};
	return prf_compute(
		prf, of_initiator ? sa->keys.p_i : sa->keys.p_r, prf->len, &body, 1, maced);
}

enum reason auth_cert_write(
	struct engine *e, struct ike_sa *sa, struct message_writer *w, struct span id)
{
	const struct credential *own = credentials_own(e, sa->tunnel);
	const struct private_key *key = own ? credential_key(own) : NULL;
	uint8_t maced[PRF_MAX], signature[SIGNATURE_MAX];
	const struct sign_scheme *scheme;
	struct chunk octets[3];
	size_t len;

	if (!key)
		return REASON_CERT_OWN;
	scheme = sa->peer_hashes
			 ? sign_scheme_choose(private_key_kind(key), sa->peer_hashes, sa->peer_pss)
			 : sign_scheme_legacy(private_key_kind(key));
	if (!scheme)
		return REASON_AUTH_METHOD;
	if (!signed_octets(sa, sa->initiator, id, maced, octets) ||
		!sign_create(key, scheme, octets, 3, signature, &len))
		return REASON_CRYPTO;
	message_payload_begin(w, PAYLOAD_AUTH);
	wr_u8(&w->w, scheme->method);
	wr_zero(&w->w, 3);
	if (scheme->der_len) {
		/* RFC 7427 3: one byte of length, the AlgorithmIdentifier, the signature. */
		wr_u8(&w->w, scheme->der_len);
		wr_bytes(&w->w, scheme->der, scheme->der_len);
	}
	wr_bytes(&w->w, signature, len);
	message_payload_end(w);
	return REASON_NONE;
}

/* ---- the peer's proof ---- */

/* The scheme that an AUTH payload names; r stands at the signature after it. */
static const struct sign_scheme *read_scheme(const struct ike_sa *sa, struct rd *r)
{
	uint8_t method = rd_u8(r);

	rd_skip(r, 3);
	if (method == SIGN_METHOD_DIGITAL) {
		size_t len = rd_u8(r);
		const uint8_t *der = rd_bytes(r, len);

		return der ? sign_scheme_decode(der, len) : NULL;
	}
	if (method == SIGN_METHOD_RSA_SHA1 && sa->peer_hashes)
		return NULL;
	return r->bad ? NULL : sign_scheme_of_method(method);
}

enum reason auth_cert_check(struct engine *e, struct ike_sa *sa, struct tunnel *t,
	const struct message *m, enum ike_payload id_type, const struct ike_identity *id,
	char text[TRUST_TEXT_SIZE])
{
	struct span body = payload_get(&m->p, PAYLOAD_AUTH), id_body = payload_get(&m->p, id_type);
	struct rd r = rd_init(body.bytes, body.len);
	const struct sign_scheme *scheme = read_scheme(sa, &r);
	struct chunk chain[IKE_CERTS_MAX], octets[3];
	uint8_t maced[PRF_MAX];
	struct cert *leaf;
	enum reason why;

	snprintf(text, TRUST_TEXT_SIZE, "method %u, %zu bytes", body.len ? body.bytes[0] : 0,
		body.len);
	if (!scheme)
		return REASON_AUTH_METHOD;
	for (unsigned int i = 0; i < m->p.certs; i++)
		chain[i] = (struct chunk){m->p.cert[i].bytes, m->p.cert[i].len};
	why = credentials_check(e, t, chain, m->p.certs, id, &leaf, text);
	if (why != REASON_NONE)
		return why;
	snprintf(text, TRUST_TEXT_SIZE, "%s", scheme->name);
	if (!signed_octets(sa, !sa->initiator, id_body, maced, octets))
		why = REASON_CRYPTO;
	else if (!sign_verify(leaf, scheme, octets, 3, r.p, rd_left(&r)))
		why = REASON_CERT_SIGNATURE;
	sa->peer_pss = scheme->family == SIGN_RSA_PSS;
	if (why == REASON_NONE)
		credentials_accept(e, t, leaf, chain, m->p.certs);
	cert_free(leaf);
	return why;
}
