/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of both ends, for whichever IKE version: ours by tunnel or for all tunnels, and the
 * authorities that peers are verified against.
 */
#ifndef SLUICE_IKE_CREDENTIALS_H
#define SLUICE_IKE_CREDENTIALS_H

#include "crypto/trust.h"
#include "ike/internal.h"

/* What we authenticate with on this tunnel; NULL when there is nothing. */
const struct credential *credentials_own(const struct engine *e, const struct tunnel *t);

/* CERTREQ data (RFC 7296 3.7): SHA-1 of the public key of each authority. Returns the length. */
#define CREDENTIALS_CERTREQ_MAX (TRUST_CAS_MAX * CERT_SPKI_HASH)
size_t credentials_certreq(const struct engine *e, uint8_t out[CREDENTIALS_CERTREQ_MAX]);

/* True when some tunnel between these addresses authenticates by certificate. */
bool credentials_wanted(
	const struct engine *e, const struct ip_addr *local, const struct ip_addr *remote);

/*
 * Is the peer's certificate, the first of the chain, trusted, in time, unrevoked, meant for IKE and
 * that of `id`, and is that the identity of this tunnel? REASON_NONE and *leaf, which is the
 * caller's; otherwise why not, and `text` says more. Proof that the peer has its key is not part of
 * this. The chain is remembered by credentials_accept() only.
 */
enum reason credentials_check(struct engine *e, const struct tunnel *t, const struct chunk *chain,
	size_t count, const struct ike_identity *id, struct cert **leaf,
	char text[TRUST_TEXT_SIZE]);

/* The peer has proven to be the owner of `leaf`: tells what may be shown of it. */
void credentials_accept(struct engine *e, struct tunnel *t, const struct cert *leaf,
	const struct chunk *chain, size_t count);

/* The peer has refused us with this answer after we had proven who we are: what it may not have liked. */
void credentials_refused_text(const struct engine *e, const struct tunnel *t, const char *answer,
	char text[REASON_TEXT_SIZE]);

/* Once a minute: ends tunnels whose peer's certificate is over. */
void credentials_timer(struct engine *e, uint64_t now);

#endif
