/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/credentials.h"

#include "base/date.h"

#include <stdio.h>
#include <stdlib.h>

#define REVIEW_EVERY (60 * CLOCK_SECOND)

const struct credential *credentials_own(const struct engine *e, const struct tunnel *t)
{
	return t->own ? t->own : e->own;
}

size_t credentials_certreq(const struct engine *e, uint8_t out[CREDENTIALS_CERTREQ_MAX])
{
	size_t count = e->trust ? trust_ca_count(e->trust) : 0, len = 0;

	for (size_t i = 0; i < count; i++) {
		if (cert_spki_hash(trust_ca(e->trust, i), out + len))
			len += CERT_SPKI_HASH;
	}
	return len;
}

bool credentials_wanted(
	const struct engine *e, const struct ip_addr *local, const struct ip_addr *remote)
{
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		const struct tunnel *t = tunnel_find(e, i);

		if (t && t->conf.options.auth == AUTH_CERT && addr_equal(&t->conf.local, local) &&
			(!addr_is_set(&t->conf.remote) || addr_equal(&t->conf.remote, remote)))
			return true;
	}
	return false;
}

static enum reason verify(const struct engine *e, const struct chunk *chain, size_t count,
	struct cert **leaf, char text[TRUST_TEXT_SIZE])
{
	static const enum reason reasons[TRUST_RESULTS] = {
		[TRUST_OK] = REASON_NONE,
		[TRUST_NO_CERT] = REASON_CERT_NONE,
		[TRUST_TOO_LARGE] = REASON_CERT_TOO_LARGE,
		[TRUST_MALFORMED] = REASON_CERT_MALFORMED,
		[TRUST_UNTRUSTED] = REASON_CERT_UNTRUSTED,
		[TRUST_EXPIRED] = REASON_CERT_EXPIRED,
		[TRUST_NOT_YET_VALID] = REASON_CERT_NOT_YET_VALID,
		[TRUST_REVOKED] = REASON_CERT_REVOKED,
		[TRUST_NO_CRL] = REASON_CERT_NO_CRL,
		[TRUST_USAGE] = REASON_CERT_USAGE,
		[TRUST_WEAK] = REASON_CERT_WEAK,
	};

	*leaf = NULL;
	snprintf(text, TRUST_TEXT_SIZE, "no certification authority is configured");
	if (!e->trust || !e->env.wall)
		return REASON_CERT_UNTRUSTED;
	return reasons[trust_verify(
		e->trust, chain, count, e->env.wall(e->env.context), leaf, text)];
}

enum reason credentials_check(struct engine *e, const struct tunnel *t, const struct chunk *chain,
	size_t count, const struct ike_identity *id, struct cert **leaf, char text[TRUST_TEXT_SIZE])
{
	char shown[IDENTITY_STR_SIZE];
	struct cert_facts facts;
	enum reason why;

	/* The cheap test first: a stranger must not make us verify signatures. */
	*leaf = NULL;
	snprintf(text, TRUST_TEXT_SIZE, "the tunnel's peer is %.120s",
		identity_format(&t->conf.remote_id, shown));
	if (!identity_equal(id, &t->conf.remote_id))
		return REASON_UNKNOWN_ID;
	why = verify(e, chain, count, leaf, text);
	if (why != REASON_NONE || cert_has_identity(*leaf, id))
		return why;
	cert_facts(*leaf, &facts);
	snprintf(text, TRUST_TEXT_SIZE, "the certificate is for %.60s (%.100s)", facts.subject,
		facts.names[0] ? facts.names : "no alternative names");
	cert_free(*leaf);
	*leaf = NULL;
	return REASON_CERT_IDENTITY;
}

void credentials_refused_text(const struct engine *e, const struct tunnel *t, const char *answer,
	char text[REASON_TEXT_SIZE])
{
	const struct credential *own = credentials_own(e, t);
	char id[IDENTITY_STR_SIZE], until[DATE_TEXT_SIZE];
	struct cert_facts facts;

	identity_format(&t->conf.local_id, id);
	if (t->conf.options.auth != AUTH_CERT || !own) {
		snprintf(text, REASON_TEXT_SIZE,
			"%.40s: it expects another identity of the hub than %.70s, or has another "
			"key for it",
			answer, id);
		return;
	}
	cert_facts(credential_cert(own), &facts);
	snprintf(text, REASON_TEXT_SIZE,
		"%.40s: it does not trust our certificate %.50s, valid until %s, or expects "
		"another "
		"identity of the hub than %.50s",
		answer, facts.subject, date_format(facts.not_after, until), id);
}

void credentials_accept(struct engine *e, struct tunnel *t, const struct cert *leaf,
	const struct chunk *chain, size_t count)
{
	struct effect *f = effect_push(&e->effects, EFFECT_PEER_CERT, t->conf.number);

	cert_facts(leaf, &f->peer_cert);
	blobs_free(t->peer_chain, CERT_CHAIN_MAX);
	for (size_t i = 0; i < count && i < CERT_CHAIN_MAX; i++)
		blob_set(&t->peer_chain[i], chain[i].bytes, chain[i].len);
}

/*
 * What has changed may end a tunnel for any reason. Time alone does it only where the certificate is
 * over: a list that nobody renewed refuses newcomers, and must not take all sites down in one moment.
 */
static void review(struct engine *e, struct tunnel *t, bool changed, uint64_t now)
{
	struct chunk chain[CERT_CHAIN_MAX];
	char text[TRUST_TEXT_SIZE];
	struct cert *leaf;
	enum reason why;
	size_t count = 0;

	for (; count < CERT_CHAIN_MAX && t->peer_chain[count].bytes; count++)
		chain[count] = (struct chunk){t->peer_chain[count].bytes, t->peer_chain[count].len};
	if (!count || t->conf.options.auth != AUTH_CERT || !tunnel_ike(t))
		return;
	why = verify(e, chain, count, &leaf, text);
	cert_free(leaf);
	if (why == REASON_NONE || (!changed && why != REASON_CERT_EXPIRED))
		return;
	engine_note(e, t, NULL, true, why, "%s", text);
	tunnel_end(e, t, true, why, now);
	tunnel_report(e, t, why, text);
	if (t->conf.options.startup == STARTUP_START) /* it may have a new one */
		tunnel_retry(e, t, false, now);
}

static void review_all(struct engine *e, bool changed, uint64_t now)
{
	e->review_at = now + REVIEW_EVERY;
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		struct tunnel *t = tunnel_find(e, i);

		if (t)
			review(e, t, changed, now);
	}
}

void credentials_timer(struct engine *e, uint64_t now)
{
	if (e->trust && e->review_at <= now)
		review_all(e, false, now);
}

void engine_trust_set(struct engine *e, struct trust *own_trust, uint64_t now)
{
	trust_free(e->trust);
	e->trust = own_trust;
	review_all(e, true, now);
	engine_sweep(e);
}

void engine_credential_set(struct engine *e, uint32_t tunnel, struct credential *own_credential)
{
	struct tunnel *t = tunnel_find(e, tunnel);
	struct credential **at = tunnel == ENGINE_EVERY_TUNNEL ? &e->own : t ? &t->own : NULL;

	/* Running SAs are not touched: a certificate is looked at when an IKE SA is set up. */
	if (!at) {
		credential_free(own_credential);
		return;
	}
	credential_free(*at);
	*at = own_credential;
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		struct tunnel *changed = tunnel_find(e, i);

		if (changed && (!t || changed == t))
			tunnel_credential_changed(e, changed);
	}
}

void engine_peer_chain(const struct engine *e, uint32_t tunnel, struct cert_chain *out)
{
	const struct tunnel *t = tunnel_find(e, tunnel);
	size_t used = 0;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; t && i < CERT_CHAIN_MAX && t->peer_chain[i].bytes; i++) {
		const struct blob *b = &t->peer_chain[i];

		if (b->len > sizeof(out->bytes) - used)
			break;
		memcpy(out->bytes + used, b->bytes, b->len);
		out->lens[out->count++] = (uint16_t)b->len;
		used += b->len;
	}
}

void engine_peer_chain_set(struct engine *e, uint32_t tunnel, const struct cert_chain *chain)
{
	struct tunnel *t = tunnel_find(e, tunnel);
	struct rd r = rd_init(chain->bytes, sizeof(chain->bytes));

	if (!t)
		return;
	blobs_free(t->peer_chain, CERT_CHAIN_MAX);
	for (size_t i = 0; i < chain->count && i < CERT_CHAIN_MAX; i++) {
		const uint8_t *der = rd_bytes(&r, chain->lens[i]);

		if (!der)
			return;
		blob_set(&t->peer_chain[i], der, chain->lens[i]);
	}
}
