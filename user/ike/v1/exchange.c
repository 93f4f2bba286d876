/* SPDX-License-Identifier: Apache-2.0 */
/* What all IKEv1 exchanges share: the way of a message to its handler, and messages of phase 2. */
#include "ike/v1/v1.h"
#include "ike/v2/v2.h"

#include <stdlib.h>

struct ike_sa *v1_sa_new(struct engine *e, bool initiator, uint64_t spi_i, uint64_t spi_r,
	const struct ip_endpoint *local, const struct ip_endpoint *remote, uint64_t now)
{
	struct ike_sa *sa = ike_sa_new(e, &ike_v1, initiator, spi_i, spi_r, local, remote, now);

	sa->v1 = calloc(1, sizeof(*sa->v1));
	if (!sa->v1)
		abort();
	return sa;
}

void v1_handshake_free(struct v1_handshake *h)
{
	if (!h)
		return;
	blob_free(&h->sa);
	blob_free(&h->public_i);
	blob_free(&h->public_r);
	secret_wipe(h, sizeof(*h));
	free(h);
}

static void forget_handshake(struct ike_sa *sa)
{
	if (!sa->v1)
		return; /* half read from a checkpoint */
	v1_handshake_free(sa->v1->handshake);
	sa->v1->handshake = NULL;
}

void v1_exchange_forget(struct ike_sa *sa, struct v1_exchange *x)
{
	for (unsigned int i = 0; i < V1_EXCHANGES_MAX; i++) {
		if (sa->v1->exchanges[i] == x)
			sa->v1->exchanges[i] = NULL;
	}
	blob_free(&x->answer);
	secret_wipe(x, sizeof(*x));
	free(x);
}

static void sa_free(struct ike_sa *sa)
{
	if (!sa->v1)
		return;
	forget_handshake(sa);
	for (unsigned int i = 0; i < V1_EXCHANGES_MAX; i++) {
		if (sa->v1->exchanges[i])
			v1_exchange_forget(sa, sa->v1->exchanges[i]);
	}
	v1_reassembly_free(sa->v1->partial);
	secret_wipe(sa->v1, sizeof(*sa->v1));
	free(sa->v1);
}

struct v1_exchange *v1_exchange_find(struct ike_sa *sa, uint32_t id)
{
	for (unsigned int i = 0; i < V1_EXCHANGES_MAX; i++) {
		if (sa->v1->exchanges[i] && sa->v1->exchanges[i]->id == id)
			return sa->v1->exchanges[i];
	}
	return NULL;
}

struct v1_exchange *v1_exchange_new(struct ike_sa *sa, uint32_t id)
{
	struct v1_sa *v1 = sa->v1;
	unsigned int at = 0, tries = 0;

	do {
		at = v1->next_exchange++ % V1_EXCHANGES_MAX;
	} while (v1->exchanges[at] && v1->exchanges[at]->pending && ++tries < V1_EXCHANGES_MAX);
	if (tries == V1_EXCHANGES_MAX)
		return NULL;
	if (v1->exchanges[at])
		v1_exchange_forget(sa, v1->exchanges[at]);
	v1->exchanges[at] = calloc(1, sizeof(*v1->exchanges[at]));
	if (!v1->exchanges[at])
		abort();
	v1->exchanges[at]->id = id;
	return v1->exchanges[at];
}

struct ike_sa *v1_sa_of(const struct engine *e, const struct ike_header *h)
{
	struct ike_sa *sa = h->spi_r ? ike_sa_find(e, h->spi_r) : NULL;

	/* The header does not tell which side sent it: we may be either cookie. */
	if (sa && sa->version == &ike_v1 && !sa->initiator && sa->spi_i == h->spi_i)
		return sa;
	sa = ike_sa_find(e, h->spi_i);
	if (sa && sa->version == &ike_v1 && sa->initiator && (!sa->spi_r || sa->spi_r == h->spi_r))
		return sa;
	return NULL;
}

/* ---- messages of phase 2 ---- */

uint32_t v1_new_id(struct engine *e)
{
	uint32_t id;

	do {
		id = (uint32_t)engine_random_u64(e);
	} while (!id);
	return id;
}

void v1_phase2_begin(const struct ike_sa *sa, struct v1_writer *vw, void *buffer,
	enum v1_exchange_type type, uint32_t id)
{
	struct ike_header h = {
		.spi_i = sa->spi_i, .spi_r = sa->spi_r, .exchange = (uint8_t)type, .id = id};

	vw->id = id;
	v1_message_begin(&vw->w, buffer, IKE_MESSAGE_MAX, &h);
	v1_payload_begin(&vw->w, V1_HASH);
	vw->hash_at = wr_len(&vw->w.w);
	wr_zero(&vw->w.w, sa->suite.prf->len);
	message_payload_end(&vw->w);
}

static bool hash_of(const struct ike_sa *sa, uint32_t id, const struct nonce *nonce,
	struct span rest, uint8_t out[PRF_MAX])
{
	uint8_t number[4];
	struct wr w = wr_init(number, sizeof(number));
	struct chunk chunks[] = {{number, sizeof(number)},
		{nonce ? nonce->bytes : NULL, nonce ? nonce->len : 0}, {rest.bytes, rest.len}};

	wr_u32(&w, id);
	return v1_hash_phase2(sa->suite.prf, &sa->v1_keys, chunks, 3, out);
}

size_t v1_phase2_end(struct ike_sa *sa, struct v1_writer *vw, const struct nonce *nonce,
	uint8_t iv[CIPHER_IV_MAX])
{
	struct wr *w = &vw->w.w;
	size_t rest = vw->hash_at + sa->suite.prf->len;
	uint8_t hash[PRF_MAX];

	if (w->bad ||
		!hash_of(sa, vw->id, nonce, (struct span){w->start + rest, wr_len(w) - rest}, hash))
		return 0;
	memcpy(w->start + vw->hash_at, hash, sa->suite.prf->len);
	return v1_message_end(&vw->w, sa->suite.cipher, sa->v1_keys.encr, iv);
}

bool v1_phase2_check(
	const struct ike_sa *sa, const struct v1_message *vm, const struct nonce *nonce)
{
	struct span hash = vm->p.one[V1_HASH];
	uint8_t expected[PRF_MAX];

	return vm->p.after_hash.bytes && hash.len == sa->suite.prf->len &&
	       hash_of(sa, vm->m->head.id, nonce, vm->p.after_hash, expected) &&
	       secret_equal(expected, hash.bytes, hash.len);
}

bool v1_open(const struct ike_sa *sa, struct v1_message *vm, uint8_t iv[CIPHER_IV_MAX])
{
	size_t len = vm->m->raw.len;

	return v1_decrypt(sa->suite.cipher, sa->v1_keys.encr, iv, vm->copy, len) &&
	       v1_payloads_decode(vm->copy + IKE_HEADER_LEN, len - IKE_HEADER_LEN,
		       vm->m->head.next_payload, true, &vm->p);
}

void v1_notify_clear(struct engine *e, const struct message *m, enum v1_notify type)
{
	struct ike_header h = {.spi_i = m->head.spi_i,
		.spi_r = m->head.spi_r,
		.exchange = V1_INFORMATIONAL,
		.id = v1_new_id(e)};
	uint8_t buffer[128];
	struct message_writer w;

	v1_message_begin(&w, buffer, sizeof(buffer), &h);
	v1_notification(&w, PROTOCOL_IKE, NULL, 0, type, NULL, 0);
	engine_send(e, &m->local, &m->remote, buffer, message_end(&w), 0);
}

/* ---- what a tunnel with several IKE SAs needs ---- */

bool v1_leads(const struct tunnel *t)
{
	const struct ike_identity *a = &t->conf.local_id, *b = &t->conf.remote_id;
	int order = 0;

	if (a->type != b->type)
		return a->type < b->type;
	if (a->len != b->len)
		return a->len < b->len;
	for (size_t i = 0; !order && i < a->len; i++)
		order = (a->bytes[i] | 0x20) - (b->bytes[i] | 0x20); /* names have no case */
	return order < 0;
}

struct ike_sa *v1_heir(const struct ike_sa *sa)
{
	struct ike_sa *other, *found = NULL;

	TAILQ_FOREACH(other, &sa->tunnel->sas, of_tunnel) {
		if (other != sa && !other->free_me && other->version == &ike_v1 &&
			other->state == IKE_ESTABLISHED &&
			(!found || other->established > found->established))
			found = other;
	}
	return found;
}

void v1_adopt(
	struct engine *e, struct ike_sa *old, struct ike_sa *heir, uint64_t life, uint64_t now)
{
	enum request_kind kind = old->request.kind;
	int reserved = old->request.new_slot;
	bool again = kind == REQUEST_CHILD_NEW || kind == REQUEST_CHILD_REKEY;

	/* A quick mode under way begins once more on the heir, unless it still has time here. */
	if (again && !life) {
		if (kind == REQUEST_CHILD_NEW)
			heir->tasks |= TASK_NEW_CHILD;
		else if (old->request.slot >= 0)
			old->tunnel->children[old->request.slot].want_rekey = true;
		if (reserved >= 0)
			child_release(e, old->tunnel, reserved);
	}
	if (!life || !again)
		request_done(old);
	/* Message 3 cannot come any more; had ours not arrived, the peer would not have gone on. */
	for (unsigned int i = 0; !life && i < V1_EXCHANGES_MAX; i++) {
		if (old->v1->exchanges[i] && old->v1->exchanges[i]->pending)
			v1_quick_confirm(e, old, old->v1->exchanges[i], now);
	}
	ike_rekey_settle(e, old, heir, now);
	if (!life) {
		ike_sa_drop(e, old);
		return;
	}
	if (again && reserved >= 0)
		old->tunnel->children[reserved].ike =
			old; /* ends with it, unless it gets through */
	ike_set_state(old, IKE_REKEYED);
	old->guard_at = now + life;
}

/* Newer wins: its maker knows it to be complete, and so do we. Older ones hand over. */
static void take_over(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	uint64_t life = sa->initiator ? V1_OLD_LIFE : 2 * V1_OLD_LIFE; /* its maker deletes */
	struct ike_sa *other, *next;

	sa->duplicate_at = 0;
	for (other = TAILQ_FIRST(&sa->tunnel->sas); other; other = next) {
		next = TAILQ_NEXT(other, of_tunnel);
		if (other == sa || other->free_me || other->state != IKE_ESTABLISHED ||
			other->established > sa->established)
			continue;
		engine_note(e, sa->tunnel, &sa->remote, false, REASON_IKE_REKEYED, "%s",
			sa->initiator ? "by us" : "by the peer");
		if (!addr_equal(&other->remote.addr, &sa->remote.addr))
			ike_sa_takes(e, sa, other, now);
		if (other->version == &ike_v1)
			v1_adopt(e, other, sa, life, now);
		else if (child_live(sa->tunnel, sa) >= 0)
			ike_sa_close(e, other, REASON_REPLACED, now);
		else
			sa->duplicate_at = now + V1_PENDING_RETRY;
	}
}

/*
 * A second IKE SA of the tunnel is a rekey: IKEv1 has no other. Its initiator knows from message 6
 * that both ends have it. The responder does not: it asks, and goes on with the old one until the
 * peer has said something on the new one, or the old one ends.
 */
static void resolve(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	sa->duplicate_at = 0;
	if (sa->initiator || sa->v1->confirmed)
		take_over(e, sa, now);
	else if (!sa->no_probes)
		sa->tasks |= TASK_PROBE;
}

/* The peer does not answer on this SA; it may on the one that replaces it. */
static bool survive(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct ike_sa *heir = v1_heir(sa);

	if (heir)
		v1_adopt(e, sa, heir, 0, now);
	return heir != NULL;
}

void v1_alive(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	sa->last_life = now;
	if (sa->tunnel)
		ike_sa_follow(e, sa, &m->local, &m->remote, now);
	if (sa->v1->confirmed)
		return;
	sa->v1->confirmed = true;
	if (sa->state == IKE_ESTABLISHED)
		take_over(e, sa, now);
}

/* ---- receiving ---- */

static void refuse_aggressive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	(void)copy;
	(void)now;
	stranger_refused(e, m, true, REASON_AGGRESSIVE, "allowed main mode");
	if (!m->head.spi_r)
		v1_notify_clear(e, m, V1_NOTIFY_INVALID_EXCHANGE_TYPE);
}

typedef void exchange_receiver(struct engine *e, struct message *m, uint8_t *copy, uint64_t now);

static exchange_receiver *const receivers[V1_QUICK + 1] = {
	[V1_MAIN] = v1_main_receive,
	[V1_AGGRESSIVE] = refuse_aggressive,
	[V1_INFORMATIONAL] = v1_informational_receive,
	[V1_QUICK] = v1_quick_receive,
};

static void dispatch(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	exchange_receiver *handle =
		m->head.exchange <= V1_QUICK ? receivers[m->head.exchange] : NULL;

	if (handle)
		handle(e, m, copy, now);
	else
		stranger_refused(
			e, m, true, REASON_UNEXPECTED, "IKEv1 exchange %u", m->head.exchange);
}

static void receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	struct ike_sa *sa;
	struct blob whole = {0};

	if (m->head.next_payload != V1_FRAGMENT) {
		dispatch(e, m, copy, now);
		return;
	}
	sa = v1_sa_of(e, &m->head);
	if (!sa || !v1_fragment_add(sa, m, &whole))
		return;
	m->raw = (struct span){whole.bytes, whole.len};
	/* Fragments within fragments are nobody's. */
	if (header_decode(whole.bytes, whole.len, &m->head) && m->head.version >> 4 == 1 &&
		m->head.next_payload != V1_FRAGMENT)
		dispatch(e, m, whole.bytes, now);
	else
		engine_note(e, sa->tunnel, &m->remote, true, REASON_MALFORMED, "fragments");
	blob_free(&whole);
}

static void resend(struct engine *e, struct ike_sa *sa)
{
	struct request *r = &sa->request;

	if (r->kind == REQUEST_PROBE)
		v1_probe_resend(e, sa);
	else
		engine_send(e, &sa->local, &sa->remote, r->bytes.bytes, r->bytes.len, 0);
}

static uint64_t next_timer(const struct ike_sa *sa)
{
	uint64_t at = CLOCK_NEVER;

	for (unsigned int i = 0; i < V1_EXCHANGES_MAX; i++) {
		const struct v1_exchange *x = sa->v1->exchanges[i];

		if (!x || !x->pending)
			continue;
		at = x->resend_at < at ? x->resend_at : at;
		at = x->give_up_at < at ? x->give_up_at : at;
	}
	return at;
}

static void policy_ike(const struct ike_options *o, struct proposal_policy *p)
{
	struct v1_policy v1;

	v1_policy_ike(o, &v1);
	*p = v1.sets;
}

static void policy_esp(const struct ike_options *o, struct proposal_policy *p)
{
	struct v1_policy v1;

	v1_policy_esp(o, false, &v1);
	*p = v1.sets;
}

const struct ike_version ike_v1 = {
	.number = 1,
	.receive = receive,
	.start = v1_main_start,
	.resend = resend,
	.start_child = v1_quick_start,
	.rekey_ike = v1_main_rekey,
	.delete_child = v1_delete_child,
	.delete_ike = v1_delete_ike,
	.probe = v1_probe,
	.goodbye = v1_goodbye,
	.survive = survive,
	.busy = v1_quick_on,
	.resolve = resolve,
	.policy_ike = policy_ike,
	.policy_esp = policy_esp,
	.next_timer = next_timer,
	.timer = v1_quick_timer,
	.save = v1_save,
	.load = v1_load,
	.forget_handshake = forget_handshake,
	.free = sa_free,
};
