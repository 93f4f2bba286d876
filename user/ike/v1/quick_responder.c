/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's quick modes: message 2, and what follows from message 3 or from its absence. */
#include "ike/v1/client.h"
#include "ike/v1/v1.h"
#include "ike/v2/v2.h"

#include <stdio.h>

/*
 * Both ends have begun a quick mode, and by their identities ours is the one to go first: the peer repeats its
 * message.
 */
static bool must_wait(const struct tunnel *t)
{
	const struct ike_sa *sa;

	TAILQ_FOREACH(sa, &t->sas, of_tunnel) {
		if (!sa->free_me && sa->v1 && v1_is_quick(sa->request.kind))
			return v1_leads(t);
	}
	return false;
}

static void put_responder_lifetime(
	struct v1_writer *vw, uint32_t offered_s, uint32_t ours_s, const uint8_t spi[4])
{
	uint8_t life[16];
	struct wr w = wr_init(life, sizeof(life));

	if (offered_s && offered_s <= ours_s)
		return;
	v1_encode_lifetime(&w, PROTOCOL_ESP, ours_s);
	v1_notification(
		&vw->w, PROTOCOL_ESP, spi, 4, V1_NOTIFY_RESPONDER_LIFETIME, life, wr_len(&w));
}

/* What message 1 asks for. */
struct first {
	struct v1_choice choice;
	struct nonce ni;
	struct selector_set local_ts, remote_ts;
	unsigned int ids;
	struct span id[V1_IDS_MAX]; /* as they came: 5.5 has the responder send them back */
	bool rekey;
};

static bool same_set(const struct selector_set *a, const struct selector_set *b)
{
	return selectors_within(a, b) && selectors_within(b, a);
}

/* IDci is the peer's side, IDcr ours; without them the two addresses are meant. */
static bool get_clients(const struct ike_sa *sa, const struct v1_payloads *p, struct first *f)
{
	f->remote_ts = f->local_ts = (struct selector_set){.count = 1};
	f->ids = p->ids;
	memcpy(f->id, p->id, sizeof(f->id));
	if (!p->ids) {
		f->remote_ts.selectors[0] = (struct selector){
			.first = sa->remote.addr, .last = sa->remote.addr, .last_port = UINT16_MAX};
		f->local_ts.selectors[0] = (struct selector){
			.first = sa->local.addr, .last = sa->local.addr, .last_port = UINT16_MAX};
		return true;
	}
	return p->ids == 2 &&
	       v1_client_decode(p->id[0].bytes, p->id[0].len, &f->remote_ts.selectors[0]) &&
	       v1_client_decode(p->id[1].bytes, p->id[1].len, &f->local_ts.selectors[0]);
}

/* All but the key exchange; on failure *why, *notify and text. */
static bool check_first(const struct ike_sa *sa, const struct v1_payloads *p, struct first *f,
	enum v1_notify *notify, enum reason *why, char *text, size_t size)
{
	const struct tunnel *t = sa->tunnel;
	struct span body = p->one[V1_SA];
	int live = child_live(t, NULL);
	char theirs[72], ours[72];
	struct v1_policy policy;
	bool no_pfs;

	v1_policy_esp(&t->conf.options, v1_in_udp(sa), &policy);
	*notify = V1_NOTIFY_NO_PROPOSAL_CHOSEN;
	switch (v1_choose(body.bytes, body.len, &policy, &f->choice, &no_pfs, text, size)) {
	case PROPOSAL_OK:
		break;
	case PROPOSAL_NONE:
		*why = no_pfs ? REASON_PFS_REQUIRED : REASON_NO_ESP_PROPOSAL;
		if (no_pfs)
			proposal_groups_format(NO_GROUP_OFFERED, &policy.sets, text, size);
		return false;
	default:
		*why = REASON_MALFORMED;
		snprintf(text, size, "SA payload of quick mode");
		return false;
	}
	*why = REASON_MALFORMED;
	*notify = V1_NOTIFY_PAYLOAD_MALFORMED;
	snprintf(text, size, "quick mode message 1");
	if (f->choice.spi < 256 || !v1_get_nonce(p, &f->ni))
		return false;
	*notify = V1_NOTIFY_INVALID_ID_INFORMATION;
	*why = REASON_TS_UNACCEPTABLE;
	snprintf(text, size, "client identities that are no range of addresses");
	if (!get_clients(sa, p, f))
		return false;
	selectors_format(&f->remote_ts, theirs, sizeof(theirs));
	selectors_format(&f->local_ts, ours, sizeof(ours));
	selectors_refused(
		&f->remote_ts, &f->local_ts, &t->conf.remote_ts, &t->conf.local_ts, text, size);
	if (!selectors_within(&f->remote_ts, &t->conf.remote_ts) ||
		!selectors_within(&f->local_ts, &t->conf.local_ts))
		return false;
	f->rekey = live >= 0;
	if (live < 0 || (same_set(&f->remote_ts, &t->children[live].remote_ts) &&
				same_set(&f->local_ts, &t->children[live].local_ts)))
		return true;
	*why = REASON_SECOND_CHILD;
	snprintf(text, size, "asked for %s to %s beside the existing pair", theirs, ours);
	return false;
}

static void refuse(
	struct engine *e, struct ike_sa *sa, enum v1_notify type, enum reason why, const char *text)
{
	/* Beside a pair that stays as it is, these two are no refusal of what the tunnel needs. */
	if (why == REASON_SECOND_CHILD || why == REASON_NO_SLOT)
		engine_note(e, sa->tunnel, &sa->remote, true, why, "%s", text);
	else
		tunnel_refused(e, sa->tunnel, &sa->remote, why, text);
	v1_send_notify(e, sa, PROTOCOL_ESP, type);
}

/* The pair is installed, message 2 written. `x` remembers it until message 3. */
static void send_second(struct engine *e, struct ike_sa *sa, struct v1_exchange *x,
	const struct first *f, struct span public, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	const struct child *c = &t->children[child_find_in(t, x->spi_in)];
	uint8_t buffer[IKE_BUFFER_SIZE], spi[4];
	struct wr spi_w = wr_init(spi, sizeof(spi));
	struct v1_writer vw;
	size_t len;

	wr_u32(&spi_w, c->spi_in);
	v1_phase2_begin(sa, &vw, buffer, V1_QUICK, x->id);
	v1_payload_begin(&vw.w, V1_SA);
	v1_encode_esp_choice(&vw.w.w, &f->choice, c->spi_in);
	message_payload_end(&vw.w);
	v1_payload(&vw.w, V1_NONCE, x->nr.bytes, x->nr.len);
	if (public.len)
		v1_payload(&vw.w, V1_KE, public.bytes, public.len);
	/* Some compare the bytes, and none were asked for where none were sent. */
	for (unsigned int i = 0; i < f->ids; i++)
		v1_payload(&vw.w, V1_ID, f->id[i].bytes, f->id[i].len);
	put_responder_lifetime(&vw, f->choice.lifetime_s, t->conf.options.p2_lifetime_s, spi);
	len = v1_phase2_end(sa, &vw, &x->ni, x->iv);
	blob_set(&x->answer, buffer, len);
	x->gate = c->spi_in;
	x->pending = true;
	x->interval = RETRANSMIT_FIRST;
	x->resend_at = now + x->interval;
	x->give_up_at = now + RETRANSMIT_ALIVE;
	engine_send(e, &sa->local, &sa->remote, buffer, len, x->gate);
}

static void accept_first(struct engine *e, struct ike_sa *sa, struct v1_message *vm,
	const struct first *f, const uint8_t *iv, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	const struct dh_group *g = f->choice.suite.ke;
	struct span peer_public = vm->p.one[V1_KE];
	uint8_t public[DH_PUBLIC_MAX];
	struct dh_secret shared = {0};
	struct esp_keys keys = {0};
	struct v1_exchange *x = NULL;
	int slot = -1;

	if (g && !dh_respond(g, peer_public.bytes, peer_public.len, public, &shared)) {
		refuse(e, sa, V1_NOTIFY_INVALID_KEY_INFORMATION, REASON_KE_VALUE, g->name);
		goto out;
	}
	slot = child_reserve(e, t, sa);
	x = slot >= 0 ? v1_exchange_new(sa, vm->m->head.id) : NULL;
	if (!x) {
		if (slot >= 0)
			child_release(e, t, slot);
		refuse(e, sa, V1_NOTIFY_NO_PROPOSAL_CHOSEN, REASON_NO_SLOT, "quick mode");
		goto out;
	}
	x->spi_in = t->children[slot].spi_in;
	x->rekey = f->rekey;
	x->ni = f->ni;
	make_nonce(e, &x->nr);
	memcpy(x->iv, iv, CIPHER_IV_MAX);
	memcpy(x->last, iv, CIPHER_IV_MAX);
	if (!v1_keys_child(sa->suite.prf, &sa->v1_keys, g ? &shared : NULL, &x->ni, &x->nr,
		    &f->choice.suite, x->spi_in, f->choice.spi, &keys)) {
		v1_exchange_forget(sa, x);
		child_release(e, t, slot);
		goto out;
	}
	t->children[slot].lifetime_s = f->choice.lifetime_s;
	child_install(e, t, slot, v1_owner(sa), f->choice.spi, &f->choice.suite, &f->local_ts,
		&f->remote_ts, &keys, now);
	sa->v1->seen[sa->v1->next_seen++ % V1_SEEN_MAX] = x->id;
	send_second(e, sa, x, f, (struct span){public, g ? g->public_len : 0}, now);
out:
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(&shared, sizeof(shared));
}

void v1_quick_first(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	char text[REASON_TEXT_SIZE];
	uint8_t iv[CIPHER_IV_MAX];
	enum v1_notify notify;
	enum reason why;
	struct first f;

	for (unsigned int i = 0; i < V1_SEEN_MAX; i++) {
		if (sa->v1->seen[i] != vm->m->head.id)
			continue;
		engine_note(e, t, &vm->m->remote, false, REASON_MESSAGE_ID,
			"quick mode %08x is over", vm->m->head.id);
		return;
	}
	if (!v1_iv_phase2(sa->suite.prf, &sa->v1_keys, vm->m->head.id, iv) ||
		!v1_open(sa, vm, iv) || !v1_phase2_check(sa, vm, NULL)) {
		engine_note(e, t, &vm->m->remote, true, REASON_INTEGRITY, "quick mode message 1");
		return;
	}
	if (must_wait(t)) {
		engine_note(e, t, &vm->m->remote, false, REASON_TEMPORARY,
			"the peer's quick mode waits for ours");
		return;
	}
	if (!check_first(sa, &vm->p, &f, &notify, &why, text, sizeof(text))) {
		refuse(e, sa, notify, why, text);
		return;
	}
	v1_alive(e, sa, vm->m, now);
	/* No answer: the peer repeats this message, and gets one when there is room again. */
	if (f.choice.suite.ke && !tunnel_may_rekey(e, t, &vm->m->remote, now))
		return;
	accept_first(e, sa, vm, &f, iv, now);
}

void v1_quick_confirm(struct engine *e, struct ike_sa *sa, struct v1_exchange *x, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int slot = child_find_in(t, x->spi_in);

	x->pending = false;
	blob_free(&x->answer);
	e->generation++;
	if (slot < 0 || t->children[slot].state != CHILD_LIVE || t->children[slot].want_delete)
		return;
	child_use(e, t, slot);
	v1_note_pair(e, sa, slot, x->rekey, true); /* only now do both ends have it */
	v1_retire_older(t, slot, V1_REPLACED_LIFE, now);
}

/* 5.5: HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b) */
void v1_quick_third(struct engine *e, struct ike_sa *sa, struct v1_message *vm,
	struct v1_exchange *x, uint64_t now)
{
	uint8_t number[5] = {0}, iv[CIPHER_IV_MAX], expected[PRF_MAX];
	struct chunk chunks[] = {
		{number, sizeof(number)}, {x->ni.bytes, x->ni.len}, {x->nr.bytes, x->nr.len}};
	struct wr w = wr_init(number + 1, 4);
	struct span hash;

	wr_u32(&w, x->id);
	memcpy(iv, x->iv, sizeof(iv));
	if (!v1_open(sa, vm, iv) ||
		!v1_hash_phase2(sa->suite.prf, &sa->v1_keys, chunks, 3, expected) ||
		(hash = vm->p.one[V1_HASH]).len != sa->suite.prf->len ||
		!secret_equal(expected, hash.bytes, hash.len)) {
		engine_note(e, sa->tunnel, &vm->m->remote, true, REASON_INTEGRITY,
			"quick mode message 3");
		return;
	}
	v1_alive(e, sa, vm->m, now);
	v1_quick_confirm(e, sa, x, now);
}

/* Message 3 never came. The peer may have given up, or cannot reach us: the pair goes. */
static void give_up(struct engine *e, struct ike_sa *sa, struct v1_exchange *x, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int slot = child_find_in(t, x->spi_in);

	x->pending = false;
	blob_free(&x->answer);
	if (slot < 0 || t->children[slot].state != CHILD_LIVE)
		return;
	engine_note(e, t, &sa->remote, true, REASON_TIMEOUT, "quick mode message 3");
	v1_send_delete(e, sa, x->spi_in);
	child_remove(e, t, slot, false, now);
	tunnel_report(e, t, REASON_TIMEOUT, reason_sentence(REASON_TIMEOUT));
}

void v1_quick_timer(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	for (unsigned int i = 0; i < V1_EXCHANGES_MAX; i++) {
		struct v1_exchange *x = sa->v1->exchanges[i];

		if (!x || !x->pending)
			continue;
		if (x->give_up_at <= now) {
			give_up(e, sa, x, now);
		} else if (x->resend_at <= now) {
			x->interval = x->interval * 18 / 10;
			if (x->interval > RETRANSMIT_LONGEST)
				x->interval = RETRANSMIT_LONGEST;
			x->resend_at = now + x->interval;
			engine_send(e, &sa->local, &sa->remote, x->answer.bytes, x->answer.len,
				x->gate);
		}
	}
}
