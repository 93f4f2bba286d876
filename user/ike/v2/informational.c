/* SPDX-License-Identifier: Apache-2.0 */
/* INFORMATIONAL: deletes, probes and their answers. RFC 7296 1.4, 2.4, 2.25. */
#include "ike/credentials.h"
#include "ike/v2/v2.h"

#include <stdio.h>

static void put_child_delete(struct message_writer *w, const uint32_t *spis, unsigned int count)
{
	message_payload_begin(w, PAYLOAD_DELETE);
	wr_u8(&w->w, PROTOCOL_ESP);
	wr_u8(&w->w, 4);
	wr_u16(&w->w, (uint16_t)count);
	for (unsigned int i = 0; i < count; i++)
		wr_u32(&w->w, spis[i]);
	message_payload_end(w);
}

void child_delete_start(struct engine *e, struct ike_sa *sa, int slot, uint64_t now)
{
	struct child *c = &sa->tunnel->children[slot];
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;

	child_set_state(c, CHILD_DELETING);
	c->want_delete = false;
	sealed_begin(e, sa, &w, buffer, EXCHANGE_INFORMATIONAL, false);
	put_child_delete(&w, &c->spi_in, 1);
	sa->request.slot = slot;
	sa->request.old_spi_in = c->spi_in;
	request_send(e, sa, REQUEST_CHILD_DELETE, buffer, sealed_end(e, sa, &w), now);
}

void ike_delete_start(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;

	sealed_begin(e, sa, &w, buffer, EXCHANGE_INFORMATIONAL, false);
	message_payload_begin(&w, PAYLOAD_DELETE);
	wr_u8(&w.w, PROTOCOL_IKE);
	wr_u8(&w.w, 0);
	wr_u16(&w.w, 0);
	message_payload_end(&w);
	request_send(e, sa, REQUEST_IKE_DELETE, buffer, sealed_end(e, sa, &w), now);
}

void probe_start(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;

	sealed_begin(e, sa, &w, buffer, EXCHANGE_INFORMATIONAL, false);
	request_send(e, sa, REQUEST_PROBE, buffer, sealed_end(e, sa, &w), now);
}

/* The peer takes its rekey back: the pair that was replaced is all there is, and stays. */
static void restore_replaced(struct tunnel *t)
{
	struct child *c = t->in_use >= 0 ? &t->children[t->in_use] : NULL;

	if (!c || c->state != CHILD_REPLACED || c->want_delete || child_live(t, NULL) >= 0)
		return;
	child_set_state(c, CHILD_LIVE);
	c->gone_at = 0;
}

/* The peer deletes an SA pair. Adds our SPI to the answer unless both deletes crossed: 2.25.1. */
static void child_deleted(struct engine *e, struct ike_sa *sa, uint32_t peer_spi, uint32_t *ours,
	unsigned int *count, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int slot = child_find_out(t, peer_spi);
	struct child *c = slot >= 0 ? &t->children[slot] : NULL;
	bool was_used = slot >= 0 && t->in_use == slot;

	if (!c || c->ike != sa || c->state == CHILD_DELETING)
		return;
	ours[(*count)++] = c->spi_in;
	/* 2.8: the delete of a replaced pair is the sign to move over. */
	child_remove(e, t, slot, true, now);
	restore_replaced(t);
	if (was_used && t->in_use < 0) {
		engine_note(
			e, t, &sa->remote, true, REASON_PEER_DELETED_CHILD, "SPI %08x", peer_spi);
		tunnel_no_pair(e, t, REASON_PEER_DELETED_CHILD);
		if (t->conf.options.startup == STARTUP_START)
			sa->tasks |= TASK_NEW_CHILD;
	}
}

/* The peer ends the IKE SA. */
static void ike_deleted(
	struct engine *e, struct ike_sa *sa, enum reason why, const char *text, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	struct ike_sa *heir = sa->request.collided_ike;
	bool expected = sa->state != IKE_ESTABLISHED || sa->redundant || heir;
	bool again, had_pair = t->in_use >= 0;

	/* 2.25.2: closed while we rekeyed it: the peer's own rekey has won, ours is forgotten. */
	if (sa->state == IKE_ESTABLISHED && heir)
		ike_rekey_settle(e, sa, heir, now);
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		if (t->children[i].state != CHILD_FREE && t->children[i].ike == sa)
			child_remove(e, t, i, t->in_use != i, now);
	}
	/* Stays a while as one that only repeats its answer. */
	request_done(sa);
	sa->tasks = 0;
	ike_sa_not_heir(sa);
	ike_sa_set_tunnel(sa, NULL);
	ike_set_state(sa, IKE_FAILED);
	sa->guard_at = now + FAILED_LIFE;
	if (why == REASON_PEER_DELETED_IKE && (t->in_use >= 0 || (expected && !had_pair)))
		return;
	engine_note(e, t, &sa->remote, true, why, "%s", text);
	if (t->in_use >= 0)
		return;
	if (why == REASON_PEER_DELETED_IKE)
		tunnel_no_pair(e, t, why);
	else
		tunnel_report(e, t, why, text);
	again = t->conf.options.startup == STARTUP_START ||
		t->conf.options.dpd_action == DPD_RESTART;
	if (again && !tunnel_ike(t)) {
		t->initiate_wait = INITIATE_RETRY_FIRST;
		tunnel_retry(e, t, false, now);
	}
}

/*
 * 2.21.2: an initiator that does not accept what the responder has proven has no answer to say so in. It says it
 * in an INFORMATIONAL of its own, usually without a delete, and has no IKE SA any more. The two others end
 * it only in the first exchange after IKE_AUTH.
 */
static const struct notify *find_refusal(const struct ike_sa *sa, const struct message *m)
{
	bool first = !sa->initiator && !sa->rekey_descendant && m->head.id == 2;
	const struct notify *n;

	for (unsigned int i = 0; i < m->p.notifies; i++) {
		n = &m->p.notify[i];
		if (n->type == NOTIFY_AUTHENTICATION_FAILED ||
			(first && (n->type == NOTIFY_INVALID_SYNTAX ||
					  n->type == NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD)))
			return n;
	}
	return NULL;
}

static void take_refusal(struct engine *e, struct ike_sa *sa, const struct notify *n, uint64_t now)
{
	char text[REASON_TEXT_SIZE];

	if (n->type == NOTIFY_AUTHENTICATION_FAILED)
		credentials_refused_text(e, sa->tunnel, notify_name(n->type), text);
	else
		snprintf(text, sizeof(text), "it cannot read our IKE_AUTH: %s",
			notify_name(n->type));
	ike_deleted(e, sa, REASON_PEER_REFUSED, text, now);
}

void informational_request(
	struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	enum { ANSWERED_MAX = IKE_SLOTS_MAX };
	const struct notify *refusal = find_refusal(sa, m);
	uint32_t ours[ANSWERED_MAX];
	unsigned int count = 0;
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;
	bool ike = false;

	for (unsigned int i = 0; i < m->p.deletes; i++) {
		const struct delete_list *d = &m->p.delete[i];
		struct rd r = rd_init(d->spis.bytes, d->spis.len);

		ike = ike || d->protocol == PROTOCOL_IKE;
		if (d->protocol != PROTOCOL_ESP)
			continue;
		while (rd_left(&r) && count < ANSWERED_MAX)
			child_deleted(e, sa, rd_u32(&r), ours, &count, now);
	}
	sealed_begin(e, sa, &w, buffer, EXCHANGE_INFORMATIONAL, true);
	if (count && !ike) /* 1.4.1: the answer to a delete of the IKE SA is empty */
		put_child_delete(&w, ours, count);
	response_send(e, sa, m, buffer, sealed_end(e, sa, &w), 0);
	if (refusal)
		take_refusal(e, sa, refusal, now);
	else if (ike)
		ike_deleted(e, sa, REASON_PEER_DELETED_IKE,
			reason_sentence(REASON_PEER_DELETED_IKE), now);
}

void child_delete_response(
	struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int slot = child_find_in(t, sa->request.old_spi_in);
	bool was_used = slot >= 0 && t->in_use == slot;

	(void)m;
	request_done(sa);
	if (slot >= 0)
		child_remove(e, t, slot, true, now);
	if (was_used && t->in_use < 0) {
		tunnel_no_pair(e, t, REASON_CHILD_EXPIRED);
		if (t->conf.options.startup == STARTUP_START)
			sa->tasks |= TASK_NEW_CHILD;
	}
}

void ike_delete_response(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	(void)m;
	request_done(sa);
	ike_sa_end(e, sa, REASON_NONE, now); /* told when it was closed */
}

void probe_response(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	(void)e;
	(void)m;
	(void)now;
	request_done(sa);
}
