/* SPDX-License-Identifier: Apache-2.0 */
/* What all IKEv2 exchanges share: windows, retransmission, the way of a message to its handler. */
#include "ike/admission.h"
#include "ike/v2/v2.h"

#define S(state) (1u << (state))
#define B(type)  PAYLOAD_BIT(PAYLOAD_##type)

/* Requests of the peer: which state takes which exchange, and what SK must contain. */
static const struct request_row
	requests[IKE_STATES][EXCHANGE_INFORMATIONAL + 1 - EXCHANGE_IKE_SA_INIT] = {
		[IKE_INIT_ANSWERED] = {[EXCHANGE_IKE_AUTH - EXCHANGE_IKE_SA_INIT] = {auth_request,
					       B(IDI) | B(SA) | B(TSI) | B(TSR)}},
		[IKE_ESTABLISHED] =
			{[EXCHANGE_CREATE_CHILD_SA - EXCHANGE_IKE_SA_INIT] = {create_child_request,
				 B(SA) | B(NONCE)},
				[EXCHANGE_INFORMATIONAL -
					EXCHANGE_IKE_SA_INIT] = {informational_request, 0}},
		[IKE_REKEYED] =
			{[EXCHANGE_CREATE_CHILD_SA - EXCHANGE_IKE_SA_INIT] = {create_child_request,
				 B(SA) | B(NONCE)},
				[EXCHANGE_INFORMATIONAL -
					EXCHANGE_IKE_SA_INIT] = {informational_request, 0}},
		[IKE_DELETING] =
			{[EXCHANGE_CREATE_CHILD_SA - EXCHANGE_IKE_SA_INIT] = {create_child_request,
				 B(SA) | B(NONCE)},
				[EXCHANGE_INFORMATIONAL -
					EXCHANGE_IKE_SA_INIT] = {informational_request, 0}},
};

/* Answers to our requests: the exchange they come in, and the states that still want them. */
static const struct answer_row answers[REQUEST_KINDS] = {
	[REQUEST_INIT] = {EXCHANGE_IKE_SA_INIT, S(IKE_INIT_SENT), sa_init_response},
	[REQUEST_AUTH] = {EXCHANGE_IKE_AUTH, S(IKE_AUTH_SENT), auth_response},
	[REQUEST_CHILD_NEW] = {EXCHANGE_CREATE_CHILD_SA,
		S(IKE_ESTABLISHED) | S(IKE_REKEYED) | S(IKE_DELETING), child_sa_response},
	[REQUEST_CHILD_REKEY] = {EXCHANGE_CREATE_CHILD_SA,
		S(IKE_ESTABLISHED) | S(IKE_REKEYED) | S(IKE_DELETING), child_sa_response},
	[REQUEST_IKE_REKEY] = {EXCHANGE_CREATE_CHILD_SA,
		S(IKE_ESTABLISHED) | S(IKE_REKEYED) | S(IKE_DELETING), ike_rekey_response},
	[REQUEST_CHILD_DELETE] = {EXCHANGE_INFORMATIONAL,
		S(IKE_ESTABLISHED) | S(IKE_REKEYED) | S(IKE_DELETING), child_delete_response},
	[REQUEST_IKE_DELETE] = {EXCHANGE_INFORMATIONAL, S(IKE_DELETING), ike_delete_response},
	[REQUEST_PROBE] = {EXCHANGE_INFORMATIONAL,
		S(IKE_ESTABLISHED) | S(IKE_REKEYED) | S(IKE_DELETING), probe_response},
};

const struct request_row *request_row(enum ike_state state, uint8_t exchange)
{
	if (exchange < EXCHANGE_IKE_SA_INIT || exchange > EXCHANGE_INFORMATIONAL)
		return NULL;
	return &requests[state][exchange - EXCHANGE_IKE_SA_INIT];
}

const struct answer_row *answer_row(enum request_kind kind)
{
	return &answers[kind];
}

static void resend_request(struct engine *e, struct ike_sa *sa)
{
	struct request *r = &sa->request;
	uint32_t gate = 0;

	/* The delete of a replaced pair waits for its successor: the peer moves over on it. */
	if (r->kind == REQUEST_CHILD_DELETE && sa->tunnel->in_use >= 0)
		gate = sa->tunnel->children[sa->tunnel->in_use].spi_in;
	engine_send(e, &sa->local, &sa->remote, r->bytes.bytes, r->bytes.len, gate);
}

void sealed_begin(struct engine *e, struct ike_sa *sa, struct message_writer *m, void *buffer,
	enum ike_exchange exchange, bool response)
{
	struct ike_header h = {.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = (uint8_t)exchange,
		.flags = (uint8_t)((sa->initiator ? FLAG_INITIATOR : 0) |
				   (response ? FLAG_RESPONSE : 0)),
		.id = response ? sa->recv_id : sa->send_id};
	uint8_t iv[CIPHER_IV_MAX];

	e->env.random(e->env.context, iv, sizeof(iv));
	message_begin(m, buffer, IKE_MESSAGE_MAX, &h);
	message_sk_begin(m, &sa->suite, iv);
}

size_t sealed_end(struct engine *e, struct ike_sa *sa, struct message_writer *m)
{
	/* What encryption adds fits into the IV's size twice over. */
	if (sa->fragmentation && wr_len(&m->w) + 2 * CIPHER_IV_MAX + ICV_MAX > IKE_FRAGMENT_SIZE)
		return fragments_write(e, sa, m);
	return message_end_sk(m, &sa->suite, sa->initiator ? &sa->keys.i : &sa->keys.r);
}

void response_send(struct engine *e, struct ike_sa *sa, const struct message *m, const void *bytes,
	size_t len, uint32_t gate)
{
	if (!len)
		return; /* our own failure: the peer asks again and gets the same silence */
	blob_set(&sa->response, bytes, len);
	sa->response_gate = gate;
	sa->recv_id = m->head.id + 1;
	e->generation += sa->tunnel != NULL;
	engine_send(e, &m->local, &m->remote, bytes, len, gate);
}

void response_notify(struct engine *e, struct ike_sa *sa, const struct message *m,
	enum ike_notify type, const void *data, size_t len)
{
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;

	sealed_begin(e, sa, &w, buffer, m->head.exchange, true);
	message_notify(&w, 0, NULL, 0, type, data, len);
	response_send(e, sa, m, buffer, sealed_end(e, sa, &w), 0);
}

void put_ke(struct message_writer *m, const struct dh_group *g, const uint8_t *public)
{
	message_payload_begin(m, PAYLOAD_KE);
	wr_u16(&m->w, g->id);
	wr_u16(&m->w, 0);
	wr_bytes(&m->w, public, g->public_len);
	message_payload_end(m);
}

bool get_ke(const struct payloads *p, uint16_t *group, struct span *public)
{
	struct span body = payload_get(p, PAYLOAD_KE);
	struct rd r = rd_init(body.bytes, body.len);

	*group = rd_u16(&r);
	rd_skip(&r, 2);
	*public = (struct span){r.p, rd_left(&r)};
	return !r.bad;
}

uint16_t notify_group(const struct notify *n)
{
	if (n->type != NOTIFY_INVALID_KE_PAYLOAD || n->data.len != 2)
		return 0;
	return (uint16_t)(n->data.bytes[0] << 8 | n->data.bytes[1]);
}

bool get_nonce(const struct payloads *p, struct nonce *n)
{
	struct span body = payload_get(p, PAYLOAD_NONCE);

	if (body.len < IKE_NONCE_MIN || body.len > IKE_NONCE_MAX)
		return false;
	n->len = (uint16_t)body.len;
	memcpy(n->bytes, body.bytes, body.len);
	return true;
}

void make_nonce(struct engine *e, struct nonce *n)
{
	n->len = IKE_NONCE_LEN;
	e->env.random(e->env.context, n->bytes, n->len);
}

/* 2.8.1: compared byte by byte; of one that starts like the other, the shorter is lower. */
bool nonce_lower(const struct nonce *a, const struct nonce *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int order = memcmp(a->bytes, b->bytes, n);

	return order < 0 || (order == 0 && a->len < b->len);
}

/*
 * 2.21.3 would end the SA after an authenticated message that cannot be understood. We only say so:
 * a device with one odd payload keeps its tunnel.
 */
static void refuse_request(struct engine *e, struct ike_sa *sa, const struct message *m,
	enum decode_result why, uint8_t critical, uint64_t now)
{
	char exchange[EXCHANGE_TEXT_SIZE];
	struct tunnel *t = sa->tunnel;

	if (why == DECODE_CRITICAL) {
		engine_note(e, t, &m->remote, true, REASON_CRITICAL_PAYLOAD, "type %u", critical);
		response_notify(e, sa, m, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, &critical, 1);
		return;
	}
	engine_note(e, t, &m->remote, true, REASON_MALFORMED, "%s in state %s",
		exchange_format(m->head.exchange, exchange), ike_state_name(sa->state));
	response_notify(e, sa, m, NOTIFY_INVALID_SYNTAX, NULL, 0);
	if (sa->state == IKE_INIT_ANSWERED) {
		ike_set_state(sa, IKE_FAILED);
		sa->guard_at = now + FAILED_LIFE;
	}
}

/* 2.1: the answer got lost; it goes to where the question came from. */
static bool repeat_response(struct engine *e, const struct ike_sa *sa, const struct message *m)
{
	if (m->head.id + 1 != sa->recv_id || !sa->response.bytes)
		return false;
	engine_send(
		e, &m->local, &m->remote, sa->response.bytes, sa->response.len, sa->response_gate);
	return true;
}

/* Pairs that our answers have made, while it is not known whether the peer has them. A bit for each slot. */
static unsigned int waiting_pairs(const struct ike_sa *sa)
{
	const struct request *r = &sa->request;
	unsigned int slots = 0;

	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		const struct child *c = &sa->tunnel->children[i];

		/* Of two rekeys that crossed the nonces say which pair stays: child_sa.c. */
		if (c->use_at && c->ike == sa && !(r->collided && r->collided_spi_in == c->spi_in))
			slots |= 1u << i;
	}
	return slots;
}

/*
 * 2.3: the peer's next request comes when it has our answer, so it has the pair. Usually that request is the delete of
 * the old pair. A peer that forgets the old one without a word would get what it cannot open until SWITCH_DELAY is over.
 */
static void use_waiting_pair(struct engine *e, const struct ike_sa *sa, unsigned int slots)
{
	struct tunnel *t = sa->tunnel;
	int newest = -1;

	for (int i = 0; t && i < IKE_SLOTS_MAX; i++) {
		const struct child *c = &t->children[i];

		if (slots & 1u << i && c->use_at && !c->want_delete &&
			(newest < 0 || c->created >= t->children[newest].created))
			newest = i;
	}
	if (newest >= 0)
		child_use(e, t, newest);
}

static void receive_request(struct engine *e, struct ike_sa *sa, struct message *m,
	enum decode_result decoded, uint8_t critical, uint64_t now)
{
	char exchange[EXCHANGE_TEXT_SIZE];
	const struct request_row *row = request_row(sa->state, m->head.exchange);
	unsigned int waiting = 0;

	if (repeat_response(e, sa, m))
		return;
	if (m->head.id != sa->recv_id) {
		engine_note(e, sa->tunnel, &m->remote, false, REASON_MESSAGE_ID, "%u, expected %u",
			m->head.id, sa->recv_id);
		return;
	}
	if (!row || !row->handle) {
		engine_note(e, sa->tunnel, &m->remote, true, REASON_UNEXPECTED, "%s in state %s",
			exchange_format(m->head.exchange, exchange), ike_state_name(sa->state));
		return;
	}
	if (decoded != DECODE_OK || (m->p.present & row->required) != row->required) {
		refuse_request(
			e, sa, m, decoded == DECODE_OK ? DECODE_MALFORMED : decoded, critical, now);
		return;
	}
	if (sa->tunnel) {
		ike_sa_follow(e, sa, &m->local, &m->remote, now);
		waiting = waiting_pairs(sa);
	}
	row->handle(e, sa, m, now);
	if (waiting)
		use_waiting_pair(e, sa, waiting);
	request_next_task(e, sa, now);
}

static void receive_response(struct engine *e, struct ike_sa *sa, struct message *m,
	enum decode_result decoded, uint64_t now)
{
	char exchange[EXCHANGE_TEXT_SIZE];
	const struct answer_row *row = answer_row(sa->request.kind);

	if (sa->request.kind == REQUEST_NONE || m->head.id != sa->request.id ||
		row->exchange != m->head.exchange || !(row->states & S(sa->state)))
		return; /* a late copy */
	if (decoded != DECODE_OK) {
		engine_note(e, sa->tunnel, &m->remote, true, REASON_MALFORMED, "response, %s",
			exchange_format(m->head.exchange, exchange));
		tunnel_dead(e, sa, REASON_MALFORMED, now);
		return;
	}
	sa->send_id++;
	e->generation++;
	ike_sa_follow(e, sa, &m->local, &m->remote, now);
	row->handle(e, sa, m, now);
	request_next_task(e, sa, now);
}

/* RFC 7383 2.6: fragments of the message that is due; true when it is whole. */
static bool take_fragment(struct engine *e, struct ike_sa *sa, struct message *m,
	struct payloads *outer, struct span *inner)
{
	bool response = m->head.flags & FLAG_RESPONSE;

	if (!sa->fragmentation)
		return false;
	if (outer->fragments > IKE_FRAGMENTS_TAKEN) {
		engine_note(e, sa->tunnel, &m->remote, true, REASON_OVER_LIMIT,
			"a message of %u fragments; %u are taken", outer->fragments,
			IKE_FRAGMENTS_TAKEN);
		return false;
	}
	if (response ? sa->request.kind != REQUEST_NONE && m->head.id == sa->request.id
		     : m->head.id == sa->recv_id)
		return fragments_add(sa, m, outer, inner, &outer->sk_first);
	/* 2.6.1: a repeated request is answered once, on its first fragment. */
	if (!response && outer->fragment == 1)
		repeat_response(e, sa, m);
	return false;
}

/* A message under the protection of an SA. `m->raw` is a private copy. */
static void receive_sealed(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	char exchange[EXCHANGE_TEXT_SIZE];
	bool from_initiator = m->head.flags & FLAG_INITIATOR;
	bool response = m->head.flags & FLAG_RESPONSE;
	uint64_t ours = from_initiator ? m->head.spi_r : m->head.spi_i;
	uint64_t theirs = from_initiator ? m->head.spi_i : m->head.spi_r;
	struct ike_sa *sa = ours ? ike_sa_find(e, ours) : NULL;
	enum decode_result decoded;
	uint8_t critical = 0;
	struct payloads outer;
	struct span inner;

	if (!sa || sa->initiator == from_initiator ||
		theirs != (sa->initiator ? sa->spi_r : sa->spi_i) || sa->state == IKE_INIT_SENT) {
		stranger_refused(e, m, false, REASON_UNKNOWN_SPI, "%016llx, %s",
			(unsigned long long)ours, exchange_format(m->head.exchange, exchange));
		return;
	}
	if (payloads_decode(copy + IKE_HEADER_LEN, m->raw.len - IKE_HEADER_LEN,
		    m->head.next_payload, &outer, &critical) != DECODE_OK ||
		!sk_open(copy, m->raw.len, &outer, &sa->suite,
			sa->initiator ? &sa->keys.r : &sa->keys.i, &inner)) {
		if (sa->tunnel)
			engine_note(e, sa->tunnel, &m->remote, true, REASON_INTEGRITY, "%s id %u",
				exchange_format(m->head.exchange, exchange), m->head.id);
		else
			stranger_refused(e, m, true, REASON_INTEGRITY, "%s id %u",
				exchange_format(m->head.exchange, exchange), m->head.id);
		return;
	}
	sa->last_life = now;
	sa->proven = m->proven = true;
	if (outer.fragment && !take_fragment(e, sa, m, &outer, &inner))
		return;
	decoded = payloads_decode(inner.bytes, inner.len, outer.sk_first, &m->p, &critical);
	if (m->p.left_out)
		engine_note(e, sa->tunnel, &m->remote, true, REASON_OVER_LIMIT,
			"%u notifications or deletes; %u and %u are read", m->p.left_out,
			IKE_NOTIFIES_MAX, IKE_DELETES_MAX);
	if (response)
		receive_response(e, sa, m, decoded, now);
	else
		receive_request(e, sa, m, decoded, critical, now);
	if (outer.fragment) {
		fragments_free(sa->partial[response]);
		sa->partial[response] = NULL;
	}
}

static void receive_init(struct engine *e, struct message *m, uint64_t now)
{
	struct ike_sa *sa;
	uint8_t critical = 0;
	enum decode_result decoded = payloads_decode(m->raw.bytes + IKE_HEADER_LEN,
		m->raw.len - IKE_HEADER_LEN, m->head.next_payload, &m->p, &critical);

	if (m->head.id != 0)
		return;
	if (m->head.flags & FLAG_RESPONSE) {
		sa = ike_sa_find(e, m->head.spi_i);
		/* Not authenticated: whatever is wrong is ignored, the right one may still come. */
		if (sa && sa->initiator && sa->state == IKE_INIT_SENT && decoded == DECODE_OK &&
			!(m->head.flags & FLAG_INITIATOR) &&
			endpoint_equal(&m->remote, &sa->remote))
			sa_init_response(e, sa, m, now);
		return;
	}
	if (!(m->head.flags & FLAG_INITIATOR) || m->head.spi_r)
		return;
	if (decoded == DECODE_CRITICAL) { /* 2.5: refused as a whole, with the type */
		stranger_refused(
			e, m, true, REASON_CRITICAL_PAYLOAD, "type %u in IKE_SA_INIT", critical);
		sa_init_notify(e, m, NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD, &critical, 1);
		return;
	}
	if (decoded != DECODE_OK) {
		stranger_refused(e, m, true, REASON_MALFORMED, "IKE_SA_INIT");
		return;
	}
	m->proven = cookie_check(e, m, now);
	sa = ike_sa_find_half_open(e, m->head.spi_i, &m->local, &m->remote);
	if (!sa) {
		sa_init_request(e, m, now);
		return;
	}
	sa->repeats = true;
	engine_send(e, &m->local, &m->remote, sa->response.bytes, sa->response.len, 0);
}

static void receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	if (m->head.exchange == EXCHANGE_IKE_SA_INIT)
		receive_init(e, m, now);
	else
		receive_sealed(e, m, copy, now);
}

static void policy_esp(const struct ike_options *o, struct proposal_policy *p)
{
	proposal_policy_esp(o, true, p);
}

const struct ike_version ike_v2 = {
	.number = 2,
	.receive = receive,
	.start = sa_init_start,
	.resend = resend_request,
	.start_child = child_sa_start,
	.rekey_ike = ike_rekey_start,
	.delete_child = child_delete_start,
	.delete_ike = ike_delete_start,
	.probe = probe_start,
	.resolve = ike_sa_resolve_duplicates,
	.policy_ike = proposal_policy_ike,
	.policy_esp = policy_esp,
};
