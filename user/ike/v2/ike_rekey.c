/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE_CHILD_SA for the IKE SA itself: RFC 7296 1.3.2, 2.8.2, 2.18, 2.25.2. */
#include "ike/v2/v2.h"

#include <stdio.h>

/* A new SA with the endpoints, NAT state and tunnel of the old one. */
static struct ike_sa *make_successor(struct engine *e, const struct ike_sa *old, bool initiator,
	uint64_t spi_i, uint64_t spi_r, const struct suite *suite, uint64_t now)
{
	struct ike_sa *sa =
		ike_sa_new(e, &ike_v2, initiator, spi_i, spi_r, &old->local, &old->remote, now);

	ike_sa_set_tunnel(sa, old->tunnel);
	sa->suite = *suite;
	sa->nat_here = old->nat_here;
	sa->nat_there = old->nat_there;
	sa->forced_encap = old->forced_encap;
	sa->fragmentation = old->fragmentation;
	sa->rekey_descendant = true;
	sa->key_print = old->key_print;
	ike_set_state(sa, IKE_ESTABLISHED);
	ike_sa_schedule(e, sa, now);
	return sa;
}

void ike_rekey_settle(struct engine *e, struct ike_sa *old, struct ike_sa *heir, uint64_t now)
{
	struct tunnel *t = old->tunnel;

	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		struct child *c = &t->children[i];

		if (c->state == CHILD_FREE || c->ike != old)
			continue;
		c->ike = heir;
		if (c->want_delete)
			heir->tasks |= TASK_DELETE_CHILD;
		if (c->want_rekey)
			heir->tasks |= TASK_REKEY_CHILD;
	}
	heir->redundant = false;
	t->ike_refused = REASON_NONE;
	heir->guard_at = 0;
	heir->duplicate_at = old->duplicate_at;
	old->duplicate_at = 0;
	old->tasks = 0;
	old->end_reason = REASON_IKE_REKEYED;
	e->generation++;
	tunnel_report_again(e, t);
	request_next_task(e, heir, now);
}

/* ---- our request ---- */

static void start_with_group(
	struct engine *e, struct ike_sa *sa, const struct dh_group *g, uint8_t tries, uint64_t now)
{
	struct request *r = &sa->request;
	uint8_t buffer[IKE_BUFFER_SIZE], public[DH_PUBLIC_MAX], spi[8];
	struct wr spi_w = wr_init(spi, sizeof(spi));
	struct proposal_policy policy;
	struct message_writer w;
	size_t len;

	proposal_policy_ike(&sa->tunnel->conf.options, &policy);
	r->group = g;
	r->dh = g ? dh_new(g) : NULL;
	r->tries = tries;
	r->new_spi = ike_sa_new_spi(e);
	make_nonce(e, &r->nonce);
	wr_u64(&spi_w, r->new_spi);
	sealed_begin(e, sa, &w, buffer, EXCHANGE_CREATE_CHILD_SA, false);
	message_payload_begin(&w, PAYLOAD_SA);
	proposal_encode_offer(&w.w, &policy, spi, sizeof(spi));
	message_payload_end(&w);
	message_payload(&w, PAYLOAD_NONCE, r->nonce.bytes, r->nonce.len);
	if (!r->dh || !dh_public(r->dh, public)) {
		request_done(sa);
		return;
	}
	put_ke(&w, g, public);
	len = sealed_end(e, sa, &w);
	if (len)
		request_send(e, sa, REQUEST_IKE_REKEY, buffer, len, now);
	else
		request_done(sa);
}

void ike_rekey_start(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	/* The group in use is known to please both. */
	start_with_group(e, sa, sa->suite.ke, 0, now);
}

/* ---- the peer's request ---- */

static void answer(struct engine *e, struct ike_sa *old, const struct message *m,
	const struct proposal_choice *choice, uint64_t spi_r, const struct nonce *nr,
	const uint8_t *public)
{
	uint8_t buffer[IKE_BUFFER_SIZE], spi[8];
	struct wr spi_w = wr_init(spi, sizeof(spi));
	struct message_writer w;

	wr_u64(&spi_w, spi_r);
	sealed_begin(e, old, &w, buffer, EXCHANGE_CREATE_CHILD_SA, true);
	message_payload_begin(&w, PAYLOAD_SA);
	proposal_encode_choice(&w.w, choice, spi);
	message_payload_end(&w);
	message_payload(&w, PAYLOAD_NONCE, nr->bytes, nr->len);
	put_ke(&w, choice->suite.ke, public);
	response_send(e, old, m, buffer, sealed_end(e, old, &w), 0);
}

static void refuse(struct engine *e, struct ike_sa *sa, const struct message *m,
	enum ike_notify type, enum reason why, const char *text)
{
	if (why == REASON_TEMPORARY)
		engine_note(e, sa->tunnel, &m->remote, false, why, "%s", text);
	else
		tunnel_ike_refused(e, sa->tunnel, &m->remote, why, text);
	response_notify(e, sa, m, type, NULL, 0);
}

static uint64_t read_spi(const uint8_t *bytes)
{
	struct rd r = rd_init(bytes, 8);

	return rd_u64(&r);
}

/* Chooses proposal and checks the exchange; false when it was refused. */
static bool check_request(struct engine *e, struct ike_sa *old, const struct message *m,
	struct proposal_choice *choice, struct nonce *ni, struct span *public)
{
	struct span body = payload_get(&m->p, PAYLOAD_SA);
	struct proposal_policy policy;
	char text[REASON_TEXT_SIZE];
	uint8_t wanted[2];
	uint16_t group = 0;

	if (old->request.kind == REQUEST_CHILD_NEW || old->request.kind == REQUEST_CHILD_REKEY ||
		old->request.kind == REQUEST_CHILD_DELETE) {
		refuse(e, old, m, NOTIFY_TEMPORARY_FAILURE, REASON_TEMPORARY,
			"the peer rekeys the IKE SA while we change the SA pair");
		return false;
	}
	proposal_policy_ike(&old->tunnel->conf.options, &policy);
	if (proposal_choose(body.bytes, body.len, &policy, 8, choice, text, sizeof(text)) !=
		PROPOSAL_OK) {
		refuse(e, old, m, NOTIFY_NO_PROPOSAL_CHOSEN, REASON_NO_IKE_PROPOSAL, text);
		return false;
	}
	if (!get_nonce(&m->p, ni) || !read_spi(choice->spi)) {
		refuse(e, old, m, NOTIFY_INVALID_SYNTAX, REASON_MALFORMED, "IKE rekey");
		return false;
	}
	if (get_ke(&m->p, &group, public) && group == choice->suite.ke->id)
		return true;
	wanted[0] = (uint8_t)(choice->suite.ke->id >> 8);
	wanted[1] = (uint8_t)choice->suite.ke->id;
	engine_note(e, old->tunnel, &m->remote, false, REASON_KE_GROUP, "used %u, chosen %s", group,
		choice->suite.ke->name);
	response_notify(e, old, m, NOTIFY_INVALID_KE_PAYLOAD, wanted, sizeof(wanted));
	return false;
}

void ike_rekey_request(struct engine *e, struct ike_sa *old, const struct message *m, uint64_t now)
{
	uint8_t public[DH_PUBLIC_MAX];
	char text[SUITE_STR_SIZE];
	struct proposal_choice choice;
	struct dh_secret shared = {0};
	struct nonce ni, nr;
	struct span peer_public;
	struct ike_sa *sa;
	bool keyed;

	if (!check_request(e, old, m, &choice, &ni, &peer_public))
		return;
	if (!tunnel_may_rekey(e, old->tunnel, &m->remote, now)) {
		response_notify(e, old, m, NOTIFY_TEMPORARY_FAILURE, NULL, 0);
		return;
	}
	if (!dh_respond(choice.suite.ke, peer_public.bytes, peer_public.len, public, &shared)) {
		refuse(e, old, m, NOTIFY_INVALID_SYNTAX, REASON_KE_VALUE, choice.suite.ke->name);
		return;
	}
	make_nonce(e, &nr);
	sa = make_successor(
		e, old, false, read_spi(choice.spi), ike_sa_new_spi(e), &choice.suite, now);
	keyed = keys_derive_rekeyed(&sa->suite, old->suite.prf, old->keys.d, &shared, &ni, &nr,
		sa->spi_i, sa->spi_r, &sa->keys);
	secret_wipe(&shared, sizeof(shared));
	if (!keyed) {
		ike_sa_drop(e, sa);
		return;
	}
	answer(e, old, m, &choice, sa->spi_r, &nr, public);
	engine_note(e, old->tunnel, &m->remote, false, REASON_IKE_REKEYED, "%s, by the peer",
		suite_format(&sa->suite, text));
	if (old->request.kind == REQUEST_IKE_REKEY) {
		/* 2.8.2: both at once; the nonces decide when our answer comes. */
		old->request.collided = true;
		old->request.collided_nonce = nonce_lower(&ni, &nr) ? ni : nr;
		old->request.collided_ike = sa;
		sa->redundant = true;
		return;
	}
	ike_rekey_settle(e, old, sa, now);
	ike_set_state(old, IKE_REKEYED);
	old->guard_at = now + REPLACED_LIFE;
}

/* ---- the answer to our request ---- */

/* Ours came to nothing: that of the peer stands, if there was one; else the old SA does, and it is tried again. */
static void came_to_nothing(
	struct engine *e, struct ike_sa *old, const struct request *r, uint64_t wait, uint64_t now)
{
	if (r->collided_ike) {
		ike_rekey_settle(e, old, r->collided_ike, now);
		ike_set_state(old, IKE_REKEYED);
		old->guard_at = now + REPLACED_LIFE;
		return;
	}
	old->rekey_at = now + wait + engine_random_span(e, 2 * wait);
}

static void refused(struct engine *e, struct ike_sa *old, const struct request *r,
	const struct message *m, const struct notify *error, uint64_t now)
{
	uint64_t wait = error->type == NOTIFY_TEMPORARY_FAILURE ? CLOCK_SECOND : REKEY_RETRY;
	const struct dh_group *g = dh_group_find(notify_group(error));
	struct proposal_policy policy;
	char lead[80], text[REASON_TEXT_SIZE];

	proposal_policy_ike(&old->tunnel->conf.options, &policy);
	for (unsigned int i = 0; g && !r->collided_ike && r->tries < 2 && i < policy.ke.count;
		i++) {
		if (policy.ke.items[i].id != g->id)
			continue;
		start_with_group(e, old, g, (uint8_t)(r->tries + 1), now);
		return;
	}
	snprintf(text, sizeof(text), "rekey of the IKE SA: the peer answered %s",
		notify_name(error->type));
	if (error->type == NOTIFY_INVALID_KE_PAYLOAD) {
		snprintf(lead, sizeof(lead), "rekey of the IKE SA: the peer wants group %u",
			notify_group(error));
		proposal_groups_format(lead, &policy, text, sizeof(text));
	}
	if (error->type == NOTIFY_TEMPORARY_FAILURE)
		engine_note(e, old->tunnel, &m->remote, false, REASON_TEMPORARY, "%s", text);
	else
		tunnel_ike_refused(e, old->tunnel, &m->remote, REASON_PEER_REFUSED, text);
	came_to_nothing(e, old, r, wait, now);
}

/* Who inherits the children: 2.8.2. */
static void settle(struct engine *e, struct ike_sa *old, struct ike_sa *sa, struct request *r,
	const struct nonce *nr, uint64_t now)
{
	const struct nonce *lower = nonce_lower(&r->nonce, nr) ? &r->nonce : nr;
	struct ike_sa *theirs = r->collided_ike;

	if (theirs && nonce_lower(lower, &r->collided_nonce)) {
		engine_note(e, old->tunnel, &old->remote, false, REASON_REDUNDANT,
			"ours has the lowest nonce");
		ike_rekey_settle(e, old, theirs, now);
		ike_set_state(old, IKE_REKEYED);
		old->guard_at = now + REPLACED_LIFE;
		sa->redundant = true;
		ike_sa_close(e, sa, REASON_REDUNDANT, now);
		return;
	}
	if (theirs) /* stays redundant until its maker deletes it */
		theirs->guard_at = now + REPLACED_LIFE;
	ike_rekey_settle(e, old, sa, now);
	ike_sa_close(e, old, REASON_IKE_REKEYED, now);
}

void ike_rekey_response(struct engine *e, struct ike_sa *old, const struct message *m, uint64_t now)
{
	const struct notify *error = payloads_find_error(&m->p);
	struct span body = payload_get(&m->p, PAYLOAD_SA), public;
	struct request r = old->request;
	char text[REASON_TEXT_SIZE] = "IKE rekey response", name[SUITE_STR_SIZE];
	struct proposal_policy policy;
	struct proposal_choice choice;
	struct dh_secret shared = {0};
	struct nonce nr;
	enum reason why = REASON_MALFORMED;
	struct ike_sa *sa;
	uint16_t group;
	bool ok;

	old->request.dh = NULL;
	request_done(old);
	if (error) {
		dh_free(r.dh);
		if (old->state == IKE_ESTABLISHED)
			refused(e, old, &r, m, error, now);
		return;
	}
	proposal_policy_ike(&old->tunnel->conf.options, &policy);
	ok = !r.lost && body.bytes && get_nonce(&m->p, &nr) &&
	     proposal_choose(body.bytes, body.len, &policy, 8, &choice, text, sizeof(text)) ==
		     PROPOSAL_OK &&
	     read_spi(choice.spi);
	if (ok) {
		why = REASON_KE_VALUE;
		snprintf(text, sizeof(text), "rekey of the IKE SA: asked with group %s, chosen %s",
			r.group->name, choice.suite.ke->name);
		ok = choice.suite.ke == r.group && get_ke(&m->p, &group, &public) &&
		     group == r.group->id && dh_shared(r.dh, public.bytes, public.len, &shared);
	}
	dh_free(r.dh);
	if (!ok) {
		/*
		 * The peer has an SA that we cannot key. It keeps the old one until we delete that
		 * (2.8), so we go on with it. Unless a process before this one has asked: what it
		 * sent may be long ago.
		 */
		engine_note(e, old->tunnel, &m->remote, true, why, "%s", text);
		if (old->state == IKE_ESTABLISHED && r.lost)
			tunnel_dead(e, old, why, now);
		else if (old->state == IKE_ESTABLISHED)
			came_to_nothing(e, old, &r, REKEY_RETRY, now);
		return;
	}
	sa = make_successor(e, old, true, r.new_spi, read_spi(choice.spi), &choice.suite, now);
	ok = keys_derive_rekeyed(&sa->suite, old->suite.prf, old->keys.d, &shared, &r.nonce, &nr,
		sa->spi_i, sa->spi_r, &sa->keys);
	secret_wipe(&shared, sizeof(shared));
	if (!ok) {
		ike_sa_drop(e, sa);
		tunnel_dead(e, old, REASON_CRYPTO, now);
		return;
	}
	if (old->state != IKE_ESTABLISHED) {
		/* We meant to delete the old one: its successor goes too. */
		sa->redundant = true;
		ike_sa_close(e, sa, old->end_reason, now);
		return;
	}
	engine_note(e, old->tunnel, &m->remote, false, REASON_IKE_REKEYED, "%s",
		suite_format(&sa->suite, name));
	settle(e, old, sa, &r, &nr, now);
}
