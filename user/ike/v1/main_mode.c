/* SPDX-License-Identifier: Apache-2.0 */
/* Main mode: RFC 2409 5. What both roles share, and which message is due in which state. */
#include "ike/v1/v1.h"

static const struct main_row {
	v1_main_handler *handle;
	bool encrypted;
} rows[IKE_STATES] = {
	[IKE_MAIN1_SENT] = {v1_main2, false},
	[IKE_MAIN2_SENT] = {v1_main3, false},
	[IKE_MAIN3_SENT] = {v1_main4, false},
	[IKE_MAIN4_SENT] = {v1_main5, true},
	[IKE_MAIN5_SENT] = {v1_main6, true},
};

struct v1_facts v1_facts_of(const struct ike_sa *sa)
{
	const struct v1_handshake *h = sa->v1->handshake;

	return (struct v1_facts){.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.public_i = {h->public_i.bytes, h->public_i.len},
		.public_r = {h->public_r.bytes, h->public_r.len},
		.sa = {h->sa.bytes, h->sa.len}};
}

void v1_main_begin(const struct ike_sa *sa, struct message_writer *w, void *buffer)
{
	struct ike_header h = {.spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = V1_MAIN};

	v1_message_begin(w, buffer, IKE_MESSAGE_MAX, &h);
}

size_t v1_main_end(struct ike_sa *sa, struct message_writer *w, bool encrypted)
{
	size_t len = encrypted
			     ? v1_message_end(w, sa->suite.cipher, sa->v1_keys.encr, sa->v1_keys.iv)
			     : message_end(w);

	return len ? v1_fragment(sa, w->w.start, len) : 0;
}

bool v1_main_put_exchange(struct engine *e, struct ike_sa *sa, struct message_writer *w,
	const struct message *m, const struct nonce *nonce, struct span public)
{
	v1_payload(w, V1_KE, public.bytes, public.len);
	v1_payload(w, V1_NONCE, nonce->bytes, nonce->len);
	return v1_put_nat(e, w, sa, &m->local, &m->remote);
}

bool v1_main_get_exchange(const struct ike_sa *sa, const struct v1_payloads *p, struct nonce *nonce,
	struct span *public)
{
	struct span body = p->one[V1_NONCE];

	*public = p->one[V1_KE];
	if (body.len < V1_NONCE_MIN || body.len > IKE_NONCE_MAX ||
		public->len != sa->suite.ke->public_len)
		return false;
	nonce->len = (uint16_t)body.len;
	memcpy(nonce->bytes, body.bytes, body.len);
	return true;
}

void v1_policy_auth(const struct tunnel *t, struct v1_policy *p)
{
	(void)t;
	p->auths = 1;
	p->auth[0] = V1_AUTH_PSK;
}

bool v1_put_proof(struct ike_sa *sa, struct message_writer *w)
{
	const struct tunnel *t = sa->tunnel;
	struct v1_facts f = v1_facts_of(sa);
	uint8_t id[4 + sizeof(t->conf.local_id.bytes)], hash[PRF_MAX];
	struct wr id_w = wr_init(id, sizeof(id));

	identity_encode(&id_w, &t->conf.local_id);
	if (!v1_hash_phase1(sa->suite.prf, &sa->v1_keys, &f, sa->initiator,
		    (struct span){id, wr_len(&id_w)}, hash))
		return false;
	v1_payload(w, V1_ID, id, wr_len(&id_w));
	v1_payload(w, V1_HASH, hash, sa->suite.prf->len);
	return true;
}

bool v1_check_proof(const struct ike_sa *sa, const struct v1_keys *k, const struct v1_payloads *p)
{
	struct v1_facts f = v1_facts_of(sa);
	struct span hash = p->one[V1_HASH];
	uint8_t expected[PRF_MAX];

	return p->ids == 1 && hash.len == sa->suite.prf->len &&
	       v1_hash_phase1(sa->suite.prf, k, &f, !sa->initiator, p->id[0], expected) &&
	       secret_equal(expected, hash.bytes, hash.len);
}

/* RFC 2408 5.1: a copy of the message before gets the same answer, to where it came from. */
static void repeat(struct engine *e, const struct ike_sa *sa, const struct message *m, uint64_t now)
{
	bool due = sa->state == IKE_MAIN2_SENT || sa->state == IKE_MAIN4_SENT ||
		   now < sa->response_until;

	if (!sa->initiator && due && sa->response.bytes)
		engine_send(e, &m->local, &m->remote, sa->response.bytes, sa->response.len, 0);
}

static void receive_first(struct engine *e, struct v1_message *vm, uint64_t now)
{
	const struct message *m = vm->m;
	struct ike_sa *sa = ike_sa_find_half_open(e, m->head.spi_i, &m->remote);

	if (sa && sa->version == &ike_v1) {
		repeat(e, sa, m, now);
		return;
	}
	if (m->head.flags & V1_ENCRYPTED || m->head.id ||
		!v1_payloads_decode(m->raw.bytes + IKE_HEADER_LEN, m->raw.len - IKE_HEADER_LEN,
			m->head.next_payload, false, &vm->p)) {
		engine_note(e, NULL, &m->remote, true, REASON_MALFORMED, "main mode message 1");
		return;
	}
	v1_main1(e, vm, now);
}

void v1_main_receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	struct v1_message vm = {.m = m, .copy = copy};
	bool encrypted = m->head.flags & V1_ENCRYPTED;
	const struct main_row *row;
	struct ike_sa *sa;

	if (!m->head.spi_r) {
		receive_first(e, &vm, now);
		return;
	}
	sa = v1_sa_of(e, &m->head);
	if (!sa || m->head.id) {
		engine_note(e, NULL, &m->remote, false, REASON_UNKNOWN_SPI,
			"%016llx, IKEv1 main mode", (unsigned long long)m->head.spi_r);
		return;
	}
	row = &rows[sa->state];
	if (!row->handle || row->encrypted != encrypted) {
		repeat(e, sa, m, now);
		return;
	}
	if (!encrypted && !v1_payloads_decode(copy + IKE_HEADER_LEN, m->raw.len - IKE_HEADER_LEN,
				  m->head.next_payload, false, &vm.p)) {
		/* Not authenticated: the right one may still come. */
		engine_note(e, sa->tunnel, &m->remote, true, REASON_MALFORMED,
			"main mode in state %s", ike_state_name(sa->state));
		return;
	}
	row->handle(e, sa, &vm, now);
	request_next_task(e, sa, now);
}
