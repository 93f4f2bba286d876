/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Informational exchanges: RFC 2409 5.7, deletes and notifications; RFC 3706, dead peer detection.
 * None of them is answered as such, and none is protected against being sent again by someone else,
 * so that only numbered ones count as life.
 */
#include "ike/credentials.h"
#include "ike/v1/v1.h"

#include <stdio.h>

static void begin(struct engine *e, const struct ike_sa *sa, struct v1_writer *vw, uint8_t *buffer)
{
	v1_phase2_begin(sa, vw, buffer, V1_INFORMATIONAL, v1_new_id(e));
}

static void send_it(struct engine *e, struct ike_sa *sa, struct v1_writer *vw, uint32_t gate)
{
	uint8_t iv[CIPHER_IV_MAX];
	size_t len;

	if (!v1_iv_phase2(sa->suite.prf, &sa->v1_keys, vw->id, iv))
		return;
	len = v1_phase2_end(sa, vw, NULL, iv);
	if (len)
		engine_send(e, &sa->local, &sa->remote, vw->w.w.start, len, gate);
}

static void put_cookies(const struct ike_sa *sa, uint8_t out[V1_COOKIES_LEN])
{
	struct wr w = wr_init(out, V1_COOKIES_LEN);

	wr_u64(&w, sa->spi_i);
	wr_u64(&w, sa->spi_r);
}

static void put_delete(
	struct v1_writer *vw, enum ike_protocol protocol, const void *spi, uint8_t spi_len)
{
	struct wr *w = &vw->w.w;

	v1_payload_begin(&vw->w, V1_DELETE);
	wr_u32(w, 1);
	wr_u8(w, (uint8_t)protocol);
	wr_u8(w, spi_len);
	wr_u16(w, 1);
	wr_bytes(w, spi, spi_len);
	message_payload_end(&vw->w);
}

void v1_send_delete(struct engine *e, struct ike_sa *sa, uint32_t spi_in)
{
	const struct tunnel *t = sa->tunnel;
	uint8_t buffer[IKE_BUFFER_SIZE], spi[4];
	struct wr w = wr_init(spi, sizeof(spi));
	struct v1_writer vw;

	wr_u32(&w, spi_in);
	begin(e, sa, &vw, buffer);
	put_delete(&vw, PROTOCOL_ESP, spi, sizeof(spi));
	/* The peer moves over on it: to a pair that has to be there. */
	send_it(e, sa, &vw, t->in_use >= 0 ? t->children[t->in_use].spi_in : 0);
}

void v1_send_notify(
	struct engine *e, struct ike_sa *sa, enum ike_protocol protocol, enum v1_notify type)
{
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct v1_writer vw;

	begin(e, sa, &vw, buffer);
	v1_notification(&vw.w, protocol, NULL, 0, type, NULL, 0);
	send_it(e, sa, &vw, 0);
}

/* ---- what the engine asks for ---- */

void v1_delete_child(struct engine *e, struct ike_sa *sa, int slot, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	bool was_used = t->in_use == slot;

	v1_send_delete(e, sa, t->children[slot].spi_in);
	child_remove(e, t, slot, true, now);
	if (was_used && t->in_use < 0) {
		tunnel_no_pair(e, t, REASON_CHILD_EXPIRED);
		if (t->conf.options.startup == STARTUP_START)
			sa->tasks |= TASK_NEW_CHILD;
	}
	request_next_task(e, sa, now);
}

void v1_goodbye(struct engine *e, struct ike_sa *sa)
{
	for (int i = 0; sa->tunnel && i < IKE_SLOTS_MAX; i++) {
		const struct child *c = &sa->tunnel->children[i];

		if (c->installed && c->ike == sa)
			v1_send_delete(e, sa, c->spi_in);
	}
}

static void send_ike_delete(struct engine *e, struct ike_sa *sa)
{
	uint8_t buffer[IKE_BUFFER_SIZE], spi[V1_COOKIES_LEN];
	struct v1_writer vw;

	put_cookies(sa, spi);
	begin(e, sa, &vw, buffer);
	put_delete(&vw, PROTOCOL_IKE, spi, sizeof(spi));
	send_it(e, sa, &vw, 0);
}

/* Nobody acknowledges it: the SA stays a while and says it again to a peer that did not hear. */
void v1_delete_ike(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	send_ike_delete(e, sa);
	sa->guard_at = now + V1_DELETING_LIFE;
}

static void send_dpd(struct engine *e, struct ike_sa *sa, enum v1_notify type, uint32_t number)
{
	uint8_t buffer[IKE_BUFFER_SIZE], spi[V1_COOKIES_LEN], data[4];
	struct wr w = wr_init(data, sizeof(data));
	struct v1_writer vw;

	wr_u32(&w, number);
	put_cookies(sa, spi);
	begin(e, sa, &vw, buffer);
	v1_notification(&vw.w, PROTOCOL_IKE, spi, sizeof(spi), type, data, sizeof(data));
	send_it(e, sa, &vw, 0);
}

void v1_probe(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	/* RFC 3706 6.2: a random start, then one more each; the high bit is left clear. */
	if (!sa->v1->dpd_sent)
		sa->v1->dpd_sent = (uint32_t)engine_random_u64(e) & 0x7fffffff;
	sa->v1->dpd_sent++;
	request_send(e, sa, REQUEST_PROBE, "", 0, now);
}

void v1_probe_resend(struct engine *e, struct ike_sa *sa)
{
	send_dpd(e, sa, V1_NOTIFY_R_U_THERE, sa->v1->dpd_sent);
}

/* ---- what the peer says ---- */

/* RFC 3706 7: only a number not seen before is a sign of life. */
static void take_probe(struct engine *e, struct ike_sa *sa, const struct message *m,
	const struct notify *n, uint64_t now)
{
	struct rd r = rd_init(n->data.bytes, n->data.len);
	uint32_t number = rd_u32(&r);

	if (r.bad || (sa->v1->dpd_seen && number < sa->v1->dpd_seen)) {
		engine_note(e, sa->tunnel, &m->remote, false, REASON_MESSAGE_ID,
			"R-U-THERE %u, expected over %u", number, sa->v1->dpd_seen);
		return;
	}
	if (number > sa->v1->dpd_seen) {
		sa->v1->dpd_seen = number;
		e->generation++;
		v1_alive(e, sa, m, now);
	}
	send_dpd(e, sa, V1_NOTIFY_R_U_THERE_ACK, number);
}

static void take_ack(struct engine *e, struct ike_sa *sa, const struct message *m,
	const struct notify *n, uint64_t now)
{
	struct rd r = rd_init(n->data.bytes, n->data.len);
	uint32_t number = rd_u32(&r);

	if (r.bad || sa->request.kind != REQUEST_PROBE || number != sa->v1->dpd_sent)
		return; /* a late copy */
	request_done(sa);
	v1_alive(e, sa, m, now);
}

/* The pair went; another one that is still there takes its place, even one on its way out. */
static void child_deleted(struct engine *e, struct ike_sa *sa, uint32_t peer_spi, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int slot = child_find_out(t, peer_spi), other = -1;
	bool was_used = slot >= 0 && t->in_use == slot;

	if (slot < 0)
		return;
	for (int i = 0; was_used && i < IKE_SLOTS_MAX; i++) {
		if (i != slot && t->children[i].state == CHILD_REPLACED)
			other = i;
	}
	if (other >= 0 && child_live(t, NULL) == slot) {
		child_set_state(&t->children[other], CHILD_LIVE);
		t->children[other].gone_at = 0;
	}
	child_remove(e, t, slot, true, now);
	if (!was_used || t->in_use >= 0)
		return;
	engine_note(e, t, &sa->remote, true, REASON_PEER_DELETED_CHILD, "SPI %08x", peer_spi);
	tunnel_no_pair(e, t, REASON_PEER_DELETED_CHILD);
	if (t->conf.options.startup == STARTUP_START)
		sa->tasks |= TASK_NEW_CHILD;
}

static void ike_deleted(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	struct ike_sa *heir = v1_heir(sa);

	if (sa->state != IKE_ESTABLISHED) {
		ike_sa_end(e, sa, REASON_NONE, now); /* told when it was closed */
		return;
	}
	if (heir) {
		v1_adopt(e, sa, heir, 0, now);
		return;
	}
	engine_note(e, t, &sa->remote, true, REASON_PEER_DELETED_IKE, "%s",
		reason_sentence(REASON_PEER_DELETED_IKE));
	ike_sa_end(e, sa, REASON_PEER_DELETED_IKE, now);
	tunnel_no_pair(e, t, REASON_PEER_DELETED_IKE);
	if (tunnel_ike(t) || (t->conf.options.startup != STARTUP_START &&
				     t->conf.options.dpd_action != DPD_RESTART))
		return;
	t->initiate_wait = INITIATE_RETRY_FIRST;
	tunnel_retry(e, t, false, now);
}

static void take_delete(
	struct engine *e, struct ike_sa *sa, const struct v1_delete *d, uint64_t now)
{
	struct rd r = rd_init(d->spis.bytes, d->spis.len);

	while (d->protocol == PROTOCOL_ESP && d->spi_len == 4 && rd_left(&r))
		child_deleted(e, sa, rd_u32(&r), now);
	while (d->protocol == PROTOCOL_IKE && d->spi_len == V1_COOKIES_LEN && rd_left(&r)) {
		struct ike_header h = {.spi_i = rd_u64(&r), .spi_r = rd_u64(&r)};
		struct ike_sa *which = v1_sa_of(e, &h);

		if (which && which->tunnel == sa->tunnel && which->spi_r == h.spi_r)
			ike_deleted(e, which, now);
	}
}

/*
 * 5.1: the initiator does not accept what message 6 proves, and has no IKE SA. Other errors of a peer that has
 * no pair may be why it makes none.
 */
static void take_refusal(struct engine *e, struct ike_sa *sa, const struct notify *n, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	bool of_phase1 = n->type == V1_NOTIFY_AUTHENTICATION_FAILED ||
			 n->type == V1_NOTIFY_INVALID_SIGNATURE ||
			 n->type == V1_NOTIFY_INVALID_CERTIFICATE ||
			 n->type == V1_NOTIFY_INVALID_CERT_AUTHORITY ||
			 n->type == V1_NOTIFY_INVALID_HASH_INFORMATION;
	char text[REASON_TEXT_SIZE];

	if (sa->state == IKE_ESTABLISHED && !sa->initiator && of_phase1 && t->in_use < 0) {
		credentials_refused_text(e, t, v1_notify_name(n->type), text);
		tunnel_refused(e, t, &sa->remote, REASON_PEER_REFUSED, text);
		ike_sa_end(e, sa, REASON_NONE, now);
		return;
	}
	snprintf(text, sizeof(text), "%s (%u)", v1_notify_name(n->type), n->type);
	if (sa->state == IKE_ESTABLISHED && t->in_use < 0)
		tunnel_refused(e, t, &sa->remote, REASON_PEER_REFUSED, text);
	else
		engine_note(e, t, &sa->remote, true, REASON_PEER_REFUSED, "%s", text);
}

static void take_notify(struct engine *e, struct ike_sa *sa, const struct message *m,
	const struct notify *n, uint64_t now)
{
	enum request_kind kind = sa->request.kind;

	if (n->type == V1_NOTIFY_R_U_THERE)
		take_probe(e, sa, m, n, now);
	else if (n->type == V1_NOTIFY_R_U_THERE_ACK)
		take_ack(e, sa, m, n, now);
	else if (n->type >= V1_NOTIFY_FIRST_STATUS)
		return;
	else if (kind == REQUEST_CHILD_NEW || kind == REQUEST_CHILD_REKEY)
		v1_quick_refused(e, sa, n, now);
	else
		take_refusal(e, sa, n, now);
}

static void protected_one(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
{
	bool any = vm->p.deletes > 0;

	if (vm->p.left_out)
		engine_note(e, sa->tunnel, &vm->m->remote, true, REASON_OVER_LIMIT,
			"%u notifications or deletes; %u and %u are read", vm->p.left_out,
			V1_NOTIFIES_MAX, V1_DELETES_MAX);
	if (sa->state == IKE_DELETING && !any) {
		send_ike_delete(e, sa);
		return;
	}
	for (unsigned int i = 0; i < vm->p.notifies && !sa->free_me; i++)
		take_notify(e, sa, vm->m, &vm->p.notify[i], now);
	for (unsigned int i = 0; i < vm->p.deletes && !sa->free_me; i++)
		take_delete(e, sa, &vm->p.delete[i], now);
	request_next_task(e, sa, now);
}

/* Refused before there are keys, or by one who only pretends to be the peer: shown, not obeyed. */
static void clear_one(struct engine *e, struct v1_message *vm)
{
	const struct message *m = vm->m;
	struct ike_sa *sa = ike_sa_find(e, m->head.spi_i);
	const struct notify *error;
	char text[REASON_TEXT_SIZE];

	if (!sa || sa->version != &ike_v1 || !sa->tunnel || !ike_is_initiating(sa) ||
		!endpoint_equal(&m->remote, &sa->remote) ||
		!v1_payloads_decode(m->raw.bytes + IKE_HEADER_LEN, m->raw.len - IKE_HEADER_LEN,
			m->head.next_payload, false, &vm->p))
		return;
	error = v1_find_error(&vm->p);
	if (!error)
		return;
	snprintf(text, sizeof(text), "main mode in state %s: the peer answered %s (%u)",
		ike_state_name(sa->state), v1_notify_name(error->type), error->type);
	engine_note(e, sa->tunnel, &m->remote, true, REASON_PEER_REFUSED, "%s", text);
	tunnel_report(e, sa->tunnel, REASON_PEER_REFUSED, text);
}

void v1_informational_receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	struct v1_message vm = {.m = m, .copy = copy};
	struct ike_sa *sa = v1_sa_of(e, &m->head);
	uint8_t iv[CIPHER_IV_MAX];
	bool has_keys = sa && (sa->state == IKE_ESTABLISHED || sa->state == IKE_REKEYED ||
				      sa->state == IKE_DELETING || sa->state == IKE_MAIN5_SENT);

	if (!(m->head.flags & V1_ENCRYPTED)) {
		clear_one(e, &vm);
		return;
	}
	if (!has_keys || !m->head.id) {
		stranger_refused(e, m, false, REASON_UNKNOWN_SPI, "%016llx, IKEv1 informational",
			(unsigned long long)m->head.spi_r);
		return;
	}
	if (!v1_iv_phase2(sa->suite.prf, &sa->v1_keys, m->head.id, iv) || !v1_open(sa, &vm, iv) ||
		!v1_phase2_check(sa, &vm, NULL)) {
		engine_note(e, sa->tunnel, &m->remote, true, REASON_INTEGRITY,
			"IKEv1 informational %08x", m->head.id);
		return;
	}
	if (sa->state == IKE_MAIN5_SENT && v1_find_error(&vm.p))
		tunnel_dead(e, sa, REASON_PEER_REFUSED, now);
	else if (sa->state != IKE_MAIN5_SENT)
		protected_one(e, sa, &vm, now);
}
