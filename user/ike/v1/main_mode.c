/* SPDX-License-Identifier: Apache-2.0 */
/* Main mode: RFC 2409 5. What both roles share, and which message is due in which state. */
#include "ike/admission.h"
#include "ike/v1/v1.h"

#include <stdio.h>

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
	v1_put_requests(e, sa, w);
	return v1_put_nat(e, w, sa, &m->local, &m->remote);
}

bool v1_main_get_exchange(const struct ike_sa *sa, const struct v1_payloads *p, struct nonce *nonce,
	struct span *public)
{
	*public = p->one[V1_KE];
	return public->len == sa->suite.ke->public_len && v1_get_nonce(p, nonce);
}

static bool signs(const struct ike_sa *sa)
{
	return sa->v1->handshake->auth != V1_AUTH_PSK;
}

enum reason v1_put_proof(struct engine *e, struct ike_sa *sa, struct message_writer *w)
{
	const struct tunnel *t = sa->tunnel;
	struct v1_facts f = v1_facts_of(sa);
	uint8_t id[4 + sizeof(t->conf.local_id.bytes)], hash[PRF_MAX];
	struct wr id_w = wr_init(id, sizeof(id));

	identity_encode(&id_w, &t->conf.local_id);
	if (!v1_hash_phase1(sa->suite.prf, v1_proof_prf(sa), &sa->v1_keys, &f, sa->initiator,
		    (struct span){id, wr_len(&id_w)}, hash))
		return REASON_CRYPTO;
	v1_payload(w, V1_ID, id, wr_len(&id_w));
	if (signs(sa))
		return v1_put_signature(e, sa, w, hash);
	v1_payload(w, V1_HASH, hash, sa->suite.prf->len);
	return REASON_NONE;
}

bool v1_derive(struct ike_sa *sa, const struct secret *psk)
{
	const struct dh_secret *shared = &sa->v1->handshake->shared;
	struct v1_facts f = v1_facts_of(sa);

	return (signs(sa) ? v1_skeyid_signature(
				    sa->suite.prf, shared, &sa->ni, &sa->nr, &sa->v1_keys)
			  : v1_skeyid_psk(sa->suite.prf, psk, &sa->ni, &sa->nr, &sa->v1_keys)) &&
	       v1_keys_expand(&sa->suite, shared, &f, &sa->v1_keys);
}

bool v1_open_proof(struct ike_sa *sa, struct v1_message *vm)
{
	return v1_open(sa, vm, sa->v1_keys.iv) && vm->p.ids == 1 &&
	       (signs(sa) ? vm->p.one[V1_SIG].len > 0
			  : vm->p.one[V1_HASH].len == sa->suite.prf->len);
}

enum reason v1_check_proof(struct engine *e, struct ike_sa *sa, struct tunnel *t,
	const struct v1_payloads *p, char *text, size_t size)
{
	char got[IDENTITY_STR_SIZE] = "-", wanted[IDENTITY_STR_SIZE], detail[TRUST_TEXT_SIZE];
	const struct ike_identity *expected = &t->conf.remote_id;
	struct v1_facts f = v1_facts_of(sa);
	struct ike_identity id = {0};
	uint8_t hash[PRF_MAX];
	enum reason why;

	if (!v1_hash_phase1(sa->suite.prf, v1_proof_prf(sa), &sa->v1_keys, &f, !sa->initiator,
		    p->id[0], hash))
		return REASON_CRYPTO;
	if (!signs(sa) && !secret_equal(hash, p->one[V1_HASH].bytes, sa->suite.prf->len))
		return REASON_WRONG_PSK;
	if (identity_decode(p->id[0].bytes, p->id[0].len, &id))
		identity_format(&id, got);
	if ((expected->type != IKE_ID_NONE || !sa->initiator) && !identity_equal(&id, expected)) {
		snprintf(text, size, "identity %.90s, expected %.90s", got,
			identity_format(expected, wanted));
		return REASON_UNKNOWN_ID;
	}
	if (!signs(sa))
		return REASON_NONE;
	why = v1_check_signature(e, sa, t, p, hash, &id, detail);
	snprintf(text, size, "%s", detail);
	return why;
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
	struct ike_sa *sa = ike_sa_find_half_open(e, m->head.spi_i, &m->local, &m->remote);

	if (sa && sa->version == &ike_v1) {
		sa->repeats = true;
		repeat(e, sa, m, now);
		return;
	}
	if (m->head.flags & V1_ENCRYPTED || m->head.id ||
		!v1_payloads_decode(m->raw.bytes + IKE_HEADER_LEN, m->raw.len - IKE_HEADER_LEN,
			m->head.next_payload, false, &vm->p)) {
		stranger_refused(e, m, true, REASON_MALFORMED, "main mode message 1");
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
		stranger_refused(e, m, false, REASON_UNKNOWN_SPI, "%016llx, IKEv1 main mode",
			(unsigned long long)m->head.spi_r);
		return;
	}
	m->proven = true; /* it has our cookie */
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
