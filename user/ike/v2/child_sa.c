/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA for SA pairs: RFC 7296 1.3.1, 1.3.3, 2.8, 2.8.1, 2.25.1. */
#include "ike/v2/v2.h"

#include <stdio.h>

/* ---- our request ---- */

static bool write_request(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct request *r = &sa->request;
	struct tunnel *t = sa->tunnel;
	uint8_t buffer[IKE_BUFFER_SIZE], public[DH_PUBLIC_MAX], spi[4];
	struct wr spi_w = wr_init(spi, sizeof(spi));
	struct proposal_policy policy;
	struct message_writer w;
	size_t len;

	proposal_policy_esp(&t->conf.options, true, &policy);
	sealed_begin(e, sa, &w, buffer, EXCHANGE_CREATE_CHILD_SA, false);
	if (r->slot >= 0) {
		wr_u32(&spi_w, t->children[r->slot].spi_in);
		message_notify(&w, PROTOCOL_ESP, spi, sizeof(spi), NOTIFY_REKEY_SA, NULL, 0);
	}
	spi_w = wr_init(spi, sizeof(spi));
	wr_u32(&spi_w, t->children[r->new_slot].spi_in);
	message_payload_begin(&w, PAYLOAD_SA);
	proposal_encode_offer(&w.w, &policy, spi, sizeof(spi));
	message_payload_end(&w);
	message_payload(&w, PAYLOAD_NONCE, r->nonce.bytes, r->nonce.len);
	if (r->group) {
		r->dh = dh_new(r->group);
		if (!r->dh || !dh_public(r->dh, public))
			return false;
		put_ke(&w, r->group, public);
	}
	message_payload_begin(&w, PAYLOAD_TSI);
	selectors_encode(&w.w, &t->conf.local_ts);
	message_payload_end(&w);
	message_payload_begin(&w, PAYLOAD_TSR);
	selectors_encode(&w.w, &t->conf.remote_ts);
	message_payload_end(&w);
	len = sealed_end(e, sa, &w);
	if (!len)
		return false;
	request_send(
		e, sa, r->slot >= 0 ? REQUEST_CHILD_REKEY : REQUEST_CHILD_NEW, buffer, len, now);
	return true;
}

static void start_with_group(struct engine *e, struct ike_sa *sa, int old_slot,
	const struct dh_group *g, uint8_t tries, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	struct request *r = &sa->request;
	int new_slot = child_reserve(e, t, sa);

	if (new_slot < 0)
		return; /* the timer asks again */
	r->slot = old_slot;
	r->old_spi_in = old_slot >= 0 ? t->children[old_slot].spi_in : 0;
	r->new_slot = new_slot;
	r->group = g;
	r->tries = tries;
	make_nonce(e, &r->nonce);
	if (write_request(e, sa, now))
		return;
	request_done(sa);
	child_release(e, t, new_slot);
}

/*
 * The group that has pleased the peer before: the old pair's, or that of the IKE SA. RFC 7296 1.3 has an
 * answer to a wrong guess, but libreswan 4.10 says INVALID_SYNTAX instead.
 */
static const struct dh_group *guess_group(const struct ike_sa *sa, int old_slot)
{
	const struct tunnel *t = sa->tunnel;
	const struct algorithm_set *allowed = &t->conf.options.p2_groups;
	const struct dh_group *known[] = {
		old_slot >= 0 ? t->children[old_slot].suite.ke : NULL, sa->suite.ke};
	struct proposal_policy policy;

	for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
		for (unsigned int i = 0; known[k] && i < allowed->count; i++) {
			if (allowed->items[i].id == known[k]->id)
				return known[k];
		}
	}
	proposal_policy_esp(&t->conf.options, true, &policy);
	return proposal_first_group(&policy);
}

void child_sa_start(struct engine *e, struct ike_sa *sa, int old_slot, uint64_t now)
{
	start_with_group(e, sa, old_slot, guess_group(sa, old_slot), 0, now);
}

/* ---- the peer's request ---- */

static void refuse(struct engine *e, struct ike_sa *sa, const struct message *m,
	enum ike_notify type, enum reason why, const char *text)
{
	engine_note(e, sa->tunnel, &m->remote, why != REASON_TEMPORARY, why, "%s", text);
	response_notify(e, sa, m, type, NULL, 0);
}

void create_child_request(
	struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	struct span body = payload_get(&m->p, PAYLOAD_SA);

	/* 2.25: an SA on its way out starts nothing new. */
	if (sa->state != IKE_ESTABLISHED || sa->redundant) {
		refuse(e, sa, m, NOTIFY_TEMPORARY_FAILURE, REASON_TEMPORARY,
			"a new SA was asked for on an IKE SA that ends");
		return;
	}
	/* The protocol of the first proposal tells an IKE rekey from the rest: 1.3.2. */
	if (body.len > 5 && body.bytes[5] == PROTOCOL_IKE)
		ike_rekey_request(e, sa, m, now);
	else
		child_sa_request(e, sa, m, now);
}

/* Which child does REKEY_SA name? -1 for none named; -2 when the request was refused. */
static int find_rekeyed(struct engine *e, struct ike_sa *sa, const struct message *m)
{
	const struct notify *n = payloads_find_notify(&m->p, NOTIFY_REKEY_SA);
	struct tunnel *t = sa->tunnel;
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;
	uint32_t spi = 0;
	int slot;

	if (!n)
		return -1;
	if (n->protocol == PROTOCOL_ESP && n->spi.len == 4)
		spi = spi_read(n->spi.bytes);
	slot = child_find_out(t, spi);
	if (slot >= 0 && t->children[slot].ike == sa) {
		if (t->children[slot].state == CHILD_LIVE && !t->children[slot].want_delete)
			return slot;
		refuse(e, sa, m, NOTIFY_TEMPORARY_FAILURE, REASON_TEMPORARY,
			"the peer rekeys an SA pair that is being deleted");
		return -2;
	}
	/* It may be the pair that our own request made there: its answer is still on its way. */
	if (sa->request.kind == REQUEST_CHILD_REKEY || sa->request.kind == REQUEST_CHILD_NEW) {
		refuse(e, sa, m, NOTIFY_TEMPORARY_FAILURE, REASON_TEMPORARY,
			"the peer rekeys an SA pair that is not known yet");
		return -2;
	}
	engine_note(
		e, t, &m->remote, true, REASON_CHILD_NOT_FOUND, "the peer rekeys SPI %08x", spi);
	sealed_begin(e, sa, &w, buffer, m->head.exchange, true);
	message_notify(&w, PROTOCOL_ESP, n->spi.bytes, (uint8_t)(n->spi.len == 4 ? 4 : 0),
		NOTIFY_CHILD_SA_NOT_FOUND, NULL, 0);
	response_send(e, sa, m, buffer, sealed_end(e, sa, &w), 0);
	return -2;
}

/* A tunnel has one pair. Says which selectors the policy-based device wanted. */
static void refuse_second(struct engine *e, struct ike_sa *sa, const struct message *m)
{
	struct span tsi = payload_get(&m->p, PAYLOAD_TSI), tsr = payload_get(&m->p, PAYLOAD_TSR);
	struct selector_set theirs = {0}, ours = {0};
	char a[96], b[96], text[REASON_TEXT_SIZE];

	(void)selectors_decode(tsi.bytes, tsi.len, &theirs);
	(void)selectors_decode(tsr.bytes, tsr.len, &ours);
	selectors_format(&theirs, a, sizeof(a));
	selectors_format(&ours, b, sizeof(b));
	snprintf(text, sizeof(text), "asked for %s to %s beside the existing pair", a, b);
	refuse(e, sa, m, NOTIFY_NO_ADDITIONAL_SAS, REASON_SECOND_CHILD, text);
}

static void answer(struct engine *e, struct ike_sa *sa, const struct message *m,
	const struct child_offer *offer, int slot, const struct nonce *nr, const uint8_t *public)
{
	uint32_t gate = sa->tunnel->children[slot].spi_in;
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;

	sealed_begin(e, sa, &w, buffer, EXCHANGE_CREATE_CHILD_SA, true);
	message_payload(&w, PAYLOAD_NONCE, nr->bytes, nr->len);
	if (offer->choice.suite.ke)
		put_ke(&w, offer->choice.suite.ke, public);
	child_offer_write(&w, offer, false, gate);
	response_send(e, sa, m, buffer, sealed_end(e, sa, &w), gate);
}

/* The old pair after the peer's rekey: replaced, unless our own exchange for it is under way. */
static void supersede(struct engine *e, struct ike_sa *sa, int old, int slot,
	const struct nonce *ni, const struct nonce *nr, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	struct request *r = &sa->request;

	(void)e;
	t->children[old].want_rekey = false;
	if (r->kind == REQUEST_CHILD_REKEY && r->slot == old) {
		r->collided = true;
		r->collided_nonce = nonce_lower(ni, nr) ? *ni : *nr;
		r->collided_spi_in = t->children[slot].spi_in;
		return;
	}
	child_set_state(&t->children[old], CHILD_REPLACED);
	t->children[old].gone_at = now + REPLACED_LIFE;
}

void child_sa_request(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	bool ke_wanted = t->conf.options.p2_groups.count > 0;
	char text[REASON_TEXT_SIZE], suite[SUITE_STR_SIZE];
	uint8_t public[DH_PUBLIC_MAX], wanted[2];
	struct dh_secret shared = {0};
	struct child_offer offer;
	enum ike_notify notify;
	struct nonce ni, nr;
	struct span peer_public = {0};
	struct esp_keys keys;
	uint16_t group = 0;
	enum reason why;
	int old, slot = -1;

	if (sa->request.kind == REQUEST_IKE_REKEY) {
		refuse(e, sa, m, NOTIFY_TEMPORARY_FAILURE, REASON_TEMPORARY,
			"the peer rekeys the SA pair while we rekey the IKE SA");
		return;
	}
	old = find_rekeyed(e, sa, m);
	if (old == -2)
		return;
	if (old == -1 && child_live(t, sa) >= 0) {
		refuse_second(e, sa, m);
		return;
	}
	if (!get_nonce(&m->p, &ni)) {
		refuse(e, sa, m, NOTIFY_INVALID_SYNTAX, REASON_MALFORMED, "nonce");
		return;
	}
	if (!child_offer_check(t, m, ke_wanted, &offer, &notify, &why, text, sizeof(text))) {
		tunnel_refused(e, t, &m->remote, why, text);
		response_notify(e, sa, m, notify, NULL, 0);
		return;
	}
	if (offer.choice.suite.ke) {
		if (!get_ke(&m->p, &group, &peer_public) || group != offer.choice.suite.ke->id) {
			wanted[0] = (uint8_t)(offer.choice.suite.ke->id >> 8);
			wanted[1] = (uint8_t)offer.choice.suite.ke->id;
			engine_note(e, t, &m->remote, false, REASON_KE_GROUP, "used %u, chosen %s",
				group, offer.choice.suite.ke->name);
			response_notify(
				e, sa, m, NOTIFY_INVALID_KE_PAYLOAD, wanted, sizeof(wanted));
			return;
		}
		if (!tunnel_may_rekey(e, t, &m->remote, now)) {
			response_notify(e, sa, m, NOTIFY_TEMPORARY_FAILURE, NULL, 0);
			return;
		}
		if (!dh_respond(offer.choice.suite.ke, peer_public.bytes, peer_public.len, public,
			    &shared)) {
			refuse(e, sa, m, NOTIFY_INVALID_SYNTAX, REASON_KE_VALUE,
				offer.choice.suite.ke->name);
			goto out;
		}
	}
	slot = child_reserve(e, t, sa);
	if (slot < 0) {
		refuse(e, sa, m, NOTIFY_TEMPORARY_FAILURE, REASON_NO_SLOT, "rekey");
		goto out;
	}
	make_nonce(e, &nr);
	if (!keys_derive_child(sa->suite.prf, sa->keys.d, offer.choice.suite.ke ? &shared : NULL,
		    &ni, &nr, &offer.choice.suite, false, &keys)) {
		child_release(e, t, slot);
		goto out;
	}
	child_install(e, t, slot, sa, spi_read(offer.choice.spi), &offer.choice.suite,
		&offer.local_ts, &offer.remote_ts, &keys, now);
	answer(e, sa, m, &offer, slot, &nr, public);
	engine_note(e, t, &m->remote, false, old >= 0 ? REASON_CHILD_REKEYED : REASON_CHILD_UP,
		"%s, by the peer", suite_format(&offer.choice.suite, suite));
	if (old >= 0)
		supersede(e, sa, old, slot, &ni, &nr, now);
	child_use_later(e, t, slot, now + SWITCH_DELAY);
out:
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(&shared, sizeof(shared));
}

/* ---- the answer to our request ---- */

/* Ours came to nothing: if the peer has rekeyed the old pair meanwhile, that stands. */
static bool peers_stands(const struct request *r, struct child *old, uint64_t now)
{
	if (!r->collided || !old || old->state != CHILD_LIVE)
		return false;
	child_set_state(old, CHILD_REPLACED);
	old->gone_at = now + REPLACED_LIFE;
	return true;
}

/*
 * Says why, as far as it is known. The pair of IKE_AUTH has no group of its own (1.2), and is made of what the
 * rekey offers again: when that is refused, it is the group.
 */
static enum reason explain_refusal(const struct tunnel *t, const struct child *c,
	const struct request *r, const struct notify *error, char *text, size_t size)
{
	const char *what = c ? "rekey" : "creation";
	struct proposal_policy policy;
	char lead[80];

	proposal_policy_esp(&t->conf.options, true, &policy);
	if (error->type == NOTIFY_INVALID_KE_PAYLOAD) {
		snprintf(lead, sizeof(lead), "%s of the SA pair: the peer wants group %u", what,
			notify_group(error));
		proposal_groups_format(lead, &policy, text, size);
	} else if (error->type == NOTIFY_NO_PROPOSAL_CHOSEN && c && !c->suite.ke && r->group) {
		proposal_groups_format(
			"the peer took this without a group, and refuses to rekey it: PFS is off "
			"there or has another group, or its phase 2 was changed",
			&policy, text, size);
		return REASON_PFS_REQUIRED;
	} else {
		snprintf(text, size, "%s of the SA pair: the peer answered %s", what,
			notify_name(error->type));
	}
	return REASON_PEER_REFUSED;
}

/* The peer refused: what becomes of the old pair. */
static void refused(struct engine *e, struct ike_sa *sa, const struct request *r,
	const struct message *m, const struct notify *error, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int old = r->old_spi_in ? child_find_in(t, r->old_spi_in) : -1;
	struct child *c = old >= 0 ? &t->children[old] : NULL;
	const struct dh_group *g = dh_group_find(notify_group(error));
	uint64_t wait = error->type == NOTIFY_TEMPORARY_FAILURE ? CLOCK_SECOND : REKEY_RETRY;
	char text[REASON_TEXT_SIZE];
	enum reason why;

	for (unsigned int i = 0; g && i < t->conf.options.p2_groups.count; i++) {
		if (t->conf.options.p2_groups.items[i].id != g->id || r->tries >= 2)
			continue;
		start_with_group(e, sa, c && c->state == CHILD_LIVE ? old : -1, g,
			(uint8_t)(r->tries + 1), now);
		return;
	}
	why = explain_refusal(t, c, r, error, text, sizeof(text));
	if (error->type == NOTIFY_TEMPORARY_FAILURE)
		engine_note(e, t, &m->remote, false, REASON_TEMPORARY, "%s", text);
	else
		tunnel_refused(e, t, &m->remote, why, text);
	if (peers_stands(r, c, now))
		return;
	if (error->type == NOTIFY_CHILD_SA_NOT_FOUND && c && c->use_at) {
		/* We answered, and the peer may not have the answer yet: it still sends on the old. */
		c->rekey_at = now + CLOCK_SECOND + engine_random_span(e, 2 * CLOCK_SECOND);
		return;
	}
	if (error->type == NOTIFY_CHILD_SA_NOT_FOUND && c) {
		/* 2.25: the peer has lost it: so do we, and make a new one. */
		child_remove(e, t, old, true, now);
		if (child_live(t, sa) < 0)
			sa->tasks |= TASK_NEW_CHILD;
		tunnel_report(
			e, t, REASON_CHILD_NOT_FOUND, reason_sentence(REASON_CHILD_NOT_FOUND));
		return;
	}
	if (c)
		c->rekey_at = now + wait + engine_random_span(e, 2 * wait);
}

/* Both ends rekeyed the pair at once: 2.8.1. True when ours is the redundant one. */
static bool we_lost(const struct tunnel *t, const struct request *r, const struct nonce *nr)
{
	const struct nonce *lower = nonce_lower(&r->nonce, nr) ? &r->nonce : nr;

	return r->collided && child_find_in(t, r->collided_spi_in) >= 0 &&
	       nonce_lower(lower, &r->collided_nonce);
}

static void settle(struct engine *e, struct ike_sa *sa, const struct request *r,
	const struct nonce *nr, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int old = r->old_spi_in ? child_find_in(t, r->old_spi_in) : -1;
	int theirs = r->collided ? child_find_in(t, r->collided_spi_in) : -1;
	struct child *c = old >= 0 ? &t->children[old] : NULL;

	if (we_lost(t, r, nr)) {
		engine_note(
			e, t, &sa->remote, false, REASON_REDUNDANT, "ours has the lowest nonce");
		if (c && c->state == CHILD_LIVE) {
			child_set_state(c, CHILD_REPLACED);
			c->gone_at = now + REPLACED_LIFE;
		}
		child_ask_delete(e, t, r->new_slot, now);
		return;
	}
	child_use(e, t, r->new_slot);
	if (theirs >= 0 && t->children[theirs].state == CHILD_LIVE) {
		child_set_state(&t->children[theirs], CHILD_REPLACED);
		t->children[theirs].use_at = 0;
		t->children[theirs].gone_at = now + REPLACED_LIFE;
	}
	if (c)
		child_ask_delete(e, t, old, now);
}

/*
 * The peer answered with what was not offered, and has a pair now that we cannot key. As long as there is
 * another one that pair is deleted, and nothing else; without, only a fresh IKE SA puts it right.
 */
static void not_taken(struct engine *e, struct ike_sa *sa, const struct request *r,
	const struct message *m, enum reason why, const char *text, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int old = r->old_spi_in ? child_find_in(t, r->old_spi_in) : -1;
	struct child *c = old >= 0 ? &t->children[old] : NULL;

	tunnel_refused(e, t, &m->remote, why, text);
	if (child_live(t, sa) >= 0 && r->new_slot >= 0 && !r->lost) {
		if (!peers_stands(r, c, now) && c)
			c->rekey_at = now + REKEY_RETRY + engine_random_span(e, 2 * REKEY_RETRY);
		child_ask_delete(e, t, r->new_slot, now);
		return;
	}
	if (r->new_slot >= 0)
		child_release(e, t, r->new_slot);
	ike_sa_close(e, sa, why, now);
	if (t->conf.options.startup == STARTUP_START && !tunnel_ike(t))
		tunnel_retry(e, t, true, now);
}

void child_sa_response(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	const struct notify *error = payloads_find_error(&m->p);
	struct tunnel *t = sa->tunnel;
	struct request r = sa->request; /* taken over: freed below */
	char text[REASON_TEXT_SIZE], suite[SUITE_STR_SIZE];
	struct dh_secret shared = {0};
	struct child_offer offer;
	struct esp_keys keys = {0};
	struct nonce nr;
	struct span public;
	enum reason why = REASON_MALFORMED;
	uint16_t group;
	bool ok, with_group;

	sa->request.dh = NULL;
	request_done(sa);
	if (sa->state == IKE_DELETING) {
		dh_free(r.dh); /* the pair goes with the IKE SA */
		return;
	}
	if (error) {
		if (r.new_slot >= 0)
			child_release(e, t, r.new_slot);
		dh_free(r.dh);
		refused(e, sa, &r, m, error, now);
		return;
	}
	snprintf(text, sizeof(text), "CREATE_CHILD_SA response");
	ok = !r.lost && (m->p.present & PAYLOAD_BIT(PAYLOAD_SA)) && get_nonce(&m->p, &nr) &&
	     child_answer_check(t, m, r.group != NULL, &offer, &why, text, sizeof(text));
	/* 1.3.1: the peer may have chosen NONE, where we offered it; then it sends no KE either. */
	with_group = ok && offer.choice.suite.ke;
	if (with_group) {
		why = REASON_KE_VALUE;
		snprintf(text, sizeof(text), "group %s", offer.choice.suite.ke->name);
		ok = offer.choice.suite.ke == r.group && get_ke(&m->p, &group, &public) &&
		     group == r.group->id && dh_shared(r.dh, public.bytes, public.len, &shared);
	}
	if (ok) {
		why = REASON_CRYPTO;
		ok = keys_derive_child(sa->suite.prf, sa->keys.d, with_group ? &shared : NULL,
			&r.nonce, &nr, &offer.choice.suite, true, &keys);
	}
	if (ok) {
		child_install(e, t, r.new_slot, sa, spi_read(offer.choice.spi), &offer.choice.suite,
			&offer.local_ts, &offer.remote_ts, &keys, now);
		engine_note(e, t, &m->remote, false,
			r.old_spi_in ? REASON_CHILD_REKEYED : REASON_CHILD_UP, "%s",
			suite_format(&offer.choice.suite, suite));
		settle(e, sa, &r, &nr, now);
	} else {
		not_taken(e, sa, &r, m, why, text, now);
	}
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(&shared, sizeof(shared));
	dh_free(r.dh);
}
