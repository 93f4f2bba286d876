/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quick mode: RFC 2409 5.5, always in tunnel mode and with client identities. A tunnel has one pair:
 * a quick mode with the selectors of the pair that is there is its rekey.
 *
 * The responder has its inbound SA before message 2 leaves and sends on the new pair from message 3
 * on, which proves that the initiator has it; until then it repeats message 2. The initiator sends
 * on the new pair a moment after message 3. Old pairs stay with the initiator for REPLACED_LIFE,
 * longer than any repetition; the responder knows at message 3 that they can go soon.
 *
 * Both ends have to see the pairs in the same order. So an end has one quick mode at a time, over
 * all IKE SAs of the tunnel, and none while it waits for message 3; and when both begin at once, the
 * one that leads (v1_leads) does not hear the other's message 1 until its own exchange is through.
 */
#include "ike/v1/v1.h"

#include "ike/v1/client.h"

bool v1_is_quick(enum request_kind kind)
{
	return kind == REQUEST_CHILD_NEW || kind == REQUEST_CHILD_REKEY;
}

bool v1_in_udp(const struct ike_sa *sa)
{
	return sa->local.port == IKE_PORT_NAT &&
	       (sa->nat_here || sa->nat_there || sa->forced_encap);
}

bool v1_quick_on(const struct ike_sa *sa)
{
	if (v1_is_quick(sa->request.kind))
		return true;
	for (unsigned int i = 0; i < V1_EXCHANGES_MAX; i++) {
		if (sa->v1->exchanges[i] && sa->v1->exchanges[i]->pending)
			return true;
	}
	return false;
}

bool v1_quick_under_way(const struct tunnel *t)
{
	const struct ike_sa *sa;

	TAILQ_FOREACH(sa, &t->sas, of_tunnel) {
		if (!sa->free_me && sa->v1 && v1_quick_on(sa))
			return true;
	}
	return false;
}

struct ike_sa *v1_owner(struct ike_sa *sa)
{
	struct ike_sa *heir = sa->state == IKE_ESTABLISHED ? NULL : v1_heir(sa);

	return heir ? heir : sa;
}

void v1_retire_older(struct tunnel *t, int keep, uint64_t life, uint64_t now)
{
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		struct child *c = &t->children[i];

		if (i == keep || c->state != CHILD_LIVE || c->created > t->children[keep].created)
			continue;
		child_set_state(c, CHILD_REPLACED);
		c->want_rekey = false;
		c->use_at = 0;
		c->gone_at = now + life;
	}
}

void v1_note_pair(struct engine *e, struct ike_sa *sa, int slot, bool rekey, bool by_peer)
{
	char text[SUITE_STR_SIZE];

	engine_note(e, sa->tunnel, &sa->remote, false,
		rekey ? REASON_CHILD_REKEYED : REASON_CHILD_UP, "%s%s",
		suite_format(&sa->tunnel->children[slot].suite, text),
		by_peer ? ", by the peer" : "");
}

void v1_put_clients(struct message_writer *w, const struct selector *i, const struct selector *r)
{
	v1_payload_begin(w, V1_ID);
	v1_client_encode(&w->w, i);
	message_payload_end(w);
	v1_payload_begin(w, V1_ID);
	v1_client_encode(&w->w, r);
	message_payload_end(w);
}

bool v1_get_nonce(const struct v1_payloads *p, struct nonce *n)
{
	struct span body = p->one[V1_NONCE];

	if (body.len < V1_NONCE_MIN || body.len > IKE_NONCE_MAX)
		return false;
	n->len = (uint16_t)body.len;
	memcpy(n->bytes, body.bytes, body.len);
	return true;
}

void v1_quick_receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	struct v1_message vm = {.m = m, .copy = copy};
	struct ike_sa *sa = v1_sa_of(e, &m->head);
	size_t last = m->raw.len - CIPHER_IV_MAX;
	struct v1_exchange *x;

	if (!sa || (sa->state != IKE_ESTABLISHED && sa->state != IKE_REKEYED) || !m->head.id ||
		!(m->head.flags & V1_ENCRYPTED) || m->raw.len < IKE_HEADER_LEN + CIPHER_IV_MAX) {
		stranger_refused(e, m, false, REASON_UNKNOWN_SPI, "%016llx, IKEv1 quick mode",
			(unsigned long long)m->head.spi_r);
		return;
	}
	x = v1_exchange_find(sa, m->head.id);
	if (x && memcmp(x->last, m->raw.bytes + last, CIPHER_IV_MAX) == 0) {
		if (x->answer.bytes) /* a copy: what answered the first one was lost */
			engine_send(e, &sa->local, &sa->remote, x->answer.bytes, x->answer.len,
				x->gate);
	} else if (x && x->pending) {
		v1_quick_third(e, sa, &vm, x, now);
	} else if (!x && v1_is_quick(sa->request.kind) && sa->request.id == m->head.id) {
		v1_quick_second(e, sa, &vm, now);
	} else if (!x) {
		v1_quick_first(e, sa, &vm, now);
	}
	request_next_task(e, sa, now);
}
