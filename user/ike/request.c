/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both IKE versions share when they ask: datagrams out, the one outstanding request of an SA
 * with its retransmission, and which task comes next.
 */
#include "ike/internal.h"
#include "ike/v2/v2.h"

#include <stdlib.h>

static void send_one(struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, const uint8_t *bytes, size_t len, uint32_t gate)
{
	struct effect *f = effect_push(&e->effects, EFFECT_SEND, EFFECT_NO_TUNNEL);
	size_t marker = local->port == IKE_PORT_NAT ? 4 : 0;
	uint8_t *copy = calloc(1, marker + len);

	if (!copy)
		abort();
	memcpy(copy + marker, bytes, len);
	f->send = (struct effect_send){.local = *local,
		.remote = *remote,
		.after_spi_in = gate,
		.len = marker + len,
		.bytes = copy};
}

void engine_send(struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, const void *bytes, size_t len, uint32_t gate)
{
	const uint8_t *p = bytes;

	/* Fragments stand one behind the other, each a whole message with its own length. */
	while (len > 0) {
		struct rd r = rd_init(p, len);
		size_t one;

		rd_skip(&r, 24);
		one = rd_u32(&r);
		if (r.bad || one < IKE_HEADER_LEN || one > len)
			return;
		send_one(e, local, remote, p, one, gate);
		p += one;
		len -= one;
	}
}

void request_send(struct engine *e, struct ike_sa *sa, enum request_kind kind, const void *bytes,
	size_t len, uint64_t now)
{
	struct request *r = &sa->request;
	bool goodbye = kind == REQUEST_IKE_DELETE;

	r->kind = kind;
	r->id = sa->send_id;
	blob_set(&r->bytes, bytes, len);
	r->first_sent = now;
	r->interval = RETRANSMIT_FIRST;
	r->resend_at = now + r->interval;
	r->give_up_at = now + (goodbye ? RETRANSMIT_FIRST_DEL : RETRANSMIT_TOTAL);
	e->generation++;
	sa->version->resend(e, sa);
}

void request_done(struct ike_sa *sa)
{
	struct request *r = &sa->request;

	blob_free(&r->bytes);
	dh_free(r->dh);
	*r = (struct request){.slot = -1, .new_slot = -1};
}

/* A request was never answered. */
static void request_given_up(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct ike_sa *heir = sa->request.collided_ike;

	if (sa->state == IKE_ESTABLISHED && heir) {
		request_done(sa); /* 2.8.2: the peer's exchange went through, ours did not */
		ike_rekey_settle(e, sa, heir, now);
		ike_sa_drop(e, sa);
		return;
	}
	if (sa->state == IKE_DELETING || sa->state == IKE_REKEYED) {
		/* Why was told when it was closed; what has been told since is newer. */
		ike_sa_end(e, sa, REASON_NONE, now);
		return;
	}
	tunnel_dead(e, sa, sa->request.kind == REQUEST_PROBE ? REASON_DPD_TIMEOUT : REASON_TIMEOUT,
		now);
}

/*
 * A probe is lost only when the DPD timeout has passed since the last life of any kind. Any other
 * request is repeated longer while the peer is heard from: it is there, the wire is bad.
 */
static uint64_t give_up_time(const struct ike_sa *sa)
{
	const struct tunnel *t = sa->tunnel;
	const struct request *r = &sa->request;
	uint64_t at = r->give_up_at, life = sa->last_life;

	if (!t || sa->state != IKE_ESTABLISHED)
		return at;
	if (t->in_use >= 0 && t->children[t->in_use].ike == sa && t->last_life > life)
		life = t->last_life; /* ESP is life as well */
	if (r->kind != REQUEST_PROBE) {
		if (life > r->first_sent && life + RETRANSMIT_TOTAL / 2 > at)
			at = life + RETRANSMIT_TOTAL / 2;
		return at < r->first_sent + RETRANSMIT_ALIVE ? at
							     : r->first_sent + RETRANSMIT_ALIVE;
	}
	at = life + t->conf.options.dpd_timeout_s * CLOCK_SECOND;
	if (at < r->first_sent + 2 * CLOCK_SECOND)
		at = r->first_sent + 2 * CLOCK_SECOND;
	return at;
}

void request_timer(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct request *r = &sa->request;

	if (give_up_time(sa) <= now) {
		request_given_up(e, sa, now);
		return;
	}
	r->give_up_at = give_up_time(sa);
	if (r->resend_at > now)
		return;
	r->interval = r->interval * 18 / 10;
	if (r->interval > RETRANSMIT_LONGEST)
		r->interval = RETRANSMIT_LONGEST;
	r->resend_at = now + r->interval;
	sa->version->resend(e, sa);
}

static int find_wanting(const struct ike_sa *sa, bool delete)
{
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		const struct child *c = &sa->tunnel->children[i];

		if (c->ike != sa || (c->state != CHILD_LIVE && c->state != CHILD_REPLACED &&
					    c->state != CHILD_RESERVED))
			continue;
		if (delete ? c->want_delete
			   : c->want_rekey && !c->want_delete && c->state == CHILD_LIVE)
			return i;
	}
	return -1;
}

void request_next_task(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	if (sa->free_me || sa->request.kind != REQUEST_NONE || !sa->tasks)
		return;
	if (sa->tasks & TASK_DELETE_IKE && sa->state == IKE_DELETING) {
		sa->tasks = 0;
		sa->version->delete_ike(e, sa, now);
		return;
	}
	if (sa->state != IKE_ESTABLISHED)
		return;
	if (sa->tasks & TASK_DELETE_CHILD) {
		int slot = find_wanting(sa, true);

		if (slot >= 0) {
			sa->version->delete_child(e, sa, slot, now);
			return;
		}
		sa->tasks &= ~(uint32_t)TASK_DELETE_CHILD;
	}
	if (sa->tasks & TASK_REKEY_CHILD) {
		int slot = find_wanting(sa, false);

		if (slot >= 0) {
			sa->tunnel->children[slot].want_rekey = false;
			sa->version->start_child(e, sa, slot, now);
			return;
		}
		sa->tasks &= ~(uint32_t)TASK_REKEY_CHILD;
	}
	if (sa->tasks & TASK_NEW_CHILD) {
		sa->tasks &= ~(uint32_t)TASK_NEW_CHILD;
		if (child_live(sa->tunnel, sa) < 0) {
			sa->version->start_child(e, sa, -1, now);
			return;
		}
	}
	if (sa->tasks & TASK_REKEY_IKE) {
		sa->tasks &= ~(uint32_t)TASK_REKEY_IKE;
		sa->version->rekey_ike(e, sa, now);
		return;
	}
	if (sa->tasks & TASK_PROBE) {
		sa->tasks &= ~(uint32_t)TASK_PROBE;
		sa->version->probe(e, sa, now);
	}
}
