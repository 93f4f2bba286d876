/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quick mode: RFC 2409 5.5, always in tunnel mode and with client identities. A tunnel has one pair
 * (I-05): a quick mode with the selectors of the pair that is there is its rekey.
 *
 * The responder has its inbound SA before message 2 leaves and sends on the new pair from message 3
 * on, which proves that the initiator has it; until then it repeats message 2. The initiator sends
 * on the new pair a moment after message 3. Old pairs stay for REPLACED_LIFE, longer than any
 * repetition. When both ends begin at once, the one that leads (v1_leads) does not hear the other's
 * message 1 until its own exchange is through, so both see the pairs in the same order.
 */
#include "ike/v1/v1.h"

#include "ike/v1/client.h"

#include <stdio.h>

static bool is_quick(enum request_kind kind)
{
	return kind == REQUEST_CHILD_NEW || kind == REQUEST_CHILD_REKEY;
}

static bool in_udp(const struct ike_sa *sa)
{
	return sa->local.port == IKE_PORT_NAT &&
	       (sa->nat_here || sa->nat_there || sa->forced_encap);
}

bool v1_pending(const struct engine *e, const struct tunnel *t)
{
	const struct ike_sa *sa;

	TAILQ_FOREACH(sa, &e->sas, link)
	{
		for (unsigned int i = 0; sa->tunnel == t && sa->v1 && i < V1_EXCHANGES_MAX; i++) {
			if (sa->v1->exchanges[i] && sa->v1->exchanges[i]->pending)
				return true;
		}
	}
	return false;
}

/* Both ends began, and ours goes first. */
static bool must_wait(const struct engine *e, const struct tunnel *t)
{
	const struct ike_sa *sa;

	TAILQ_FOREACH(sa, &e->sas, link)
	{
		if (!sa->free_me && sa->tunnel == t && sa->v1 && is_quick(sa->request.kind))
			return v1_leads(t);
	}
	return false;
}

/* The SA that new children belong to: an exchange may end on one that is being replaced. */
static struct ike_sa *owner(const struct engine *e, struct ike_sa *sa)
{
	struct ike_sa *heir = sa->state == IKE_ESTABLISHED ? NULL : v1_heir(e, sa);

	return heir ? heir : sa;
}

/* Every pair but this one is history. `extra`: the end that made the pair deletes first. */
static void retire_others(struct tunnel *t, int keep, uint64_t extra, uint64_t now)
{
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		struct child *c = &t->children[i];

		if (i == keep || c->state != CHILD_LIVE)
			continue;
		child_set_state(c, CHILD_REPLACED);
		c->want_rekey = false;
		c->use_at = 0;
		c->gone_at = now + REPLACED_LIFE + extra;
	}
}

static void note_pair(struct engine *e, struct ike_sa *sa, int slot, bool rekey, bool by_peer)
{
	char text[SUITE_STR_SIZE];

	engine_note(e, sa->tunnel, &sa->remote, false,
		rekey ? REASON_CHILD_REKEYED : REASON_CHILD_UP, "%s%s",
		suite_format(&sa->tunnel->children[slot].suite, text),
		by_peer ? ", by the peer" : "");
}

static void put_clients(
	struct message_writer *w, const struct selector *i, const struct selector *r)
{
	v1_payload_begin(w, V1_ID);
	v1_client_encode(&w->w, i);
	message_payload_end(w);
	v1_payload_begin(w, V1_ID);
	v1_client_encode(&w->w, r);
	message_payload_end(w);
}

static bool get_nonce_v1(const struct v1_payloads *p, struct nonce *n)
{
	struct span body = p->one[V1_NONCE];

	if (body.len < V1_NONCE_MIN || body.len > IKE_NONCE_MAX)
		return false;
	n->len = (uint16_t)body.len;
	memcpy(n->bytes, body.bytes, body.len);
	return true;
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

/* ---- our quick mode ---- */

/* Selectors of the first pair: one each side has room for in a quick mode, of one family. */
static void first_clients(const struct tunnel *t, struct child *c)
{
	const struct selector_set *local = &t->conf.local_ts, *remote = &t->conf.remote_ts;

	c->local_ts = (struct selector_set){.count = 1, .selectors = {local->selectors[0]}};
	c->remote_ts = (struct selector_set){.count = 1, .selectors = {remote->selectors[0]}};
	for (unsigned int i = 0; i < remote->count; i++) {
		if (remote->selectors[i].first.family != local->selectors[0].first.family)
			continue;
		c->remote_ts.selectors[0] = remote->selectors[i];
		return;
	}
}

static bool write_first(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct request *r = &sa->request;
	struct tunnel *t = sa->tunnel;
	const struct child *c = &t->children[r->new_slot];
	uint8_t buffer[IKE_BUFFER_SIZE], public[DH_PUBLIC_MAX];
	struct v1_policy policy;
	struct v1_writer vw;
	size_t len;

	v1_policy_esp(&t->conf.options, in_udp(sa), &policy);
	v1_phase2_begin(sa, &vw, buffer, V1_QUICK, v1_new_id(e));
	v1_payload_begin(&vw.w, V1_SA);
	v1_encode_esp_offer(&vw.w.w, &policy, r->group, t->conf.options.p2_lifetime_s, c->spi_in);
	message_payload_end(&vw.w);
	v1_payload(&vw.w, V1_NONCE, r->nonce.bytes, r->nonce.len);
	if (r->group) {
		r->dh = dh_new(r->group);
		if (!r->dh || !dh_public(r->dh, public))
			return false;
		v1_payload(&vw.w, V1_KE, public, r->group->public_len);
	}
	put_clients(&vw.w, &c->local_ts.selectors[0], &c->remote_ts.selectors[0]);
	if (!v1_iv_phase2(sa->suite.prf, &sa->v1_keys, vw.id, sa->v1->request_iv))
		return false;
	len = v1_phase2_end(sa, &vw, NULL, sa->v1->request_iv);
	if (!len)
		return false;
	sa->send_id = vw.id;
	request_send(
		e, sa, r->slot >= 0 ? REQUEST_CHILD_REKEY : REQUEST_CHILD_NEW, buffer, len, now);
	return true;
}

static void start_with_group(struct engine *e, struct ike_sa *sa, int old_slot,
	const struct dh_group *g, uint8_t tries, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	struct request *r = &sa->request;
	int new_slot = child_reserve(e, t, sa);
	struct child *c;

	if (new_slot < 0)
		return; /* the timer asks again */
	c = &t->children[new_slot];
	first_clients(t, c);
	if (old_slot >= 0) {
		c->local_ts = t->children[old_slot].local_ts;
		c->remote_ts = t->children[old_slot].remote_ts;
	}
	r->slot = old_slot;
	r->old_spi_in = old_slot >= 0 ? t->children[old_slot].spi_in : 0;
	r->new_slot = new_slot;
	r->group = g;
	r->tries = tries;
	make_nonce(e, &r->nonce);
	if (write_first(e, sa, now))
		return;
	request_done(sa);
	child_release(e, t, new_slot);
}

void v1_quick_start(struct engine *e, struct ike_sa *sa, int old_slot, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	const struct dh_group *g = NULL;
	struct v1_policy policy;

	if (v1_pending(e, t)) {
		/* The peer is at it; if nothing comes of it, it is our turn. */
		if (old_slot >= 0)
			t->children[old_slot].rekey_at = now + V1_PENDING_RETRY;
		return;
	}
	v1_policy_esp(&t->conf.options, in_udp(sa), &policy);
	/* A quick mode has one group for all of its transforms: the one that pleased both before. */
	if (old_slot >= 0)
		g = t->children[old_slot].suite.ke;
	if (!g)
		g = proposal_first_group(&policy.sets);
	start_with_group(e, sa, old_slot, g, 0, now);
}

static void put_off(struct engine *e, struct ike_sa *sa, uint32_t old_spi_in, enum reason why,
	const char *text, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int old = old_spi_in ? child_find_in(t, old_spi_in) : -1;

	engine_note(e, t, &sa->remote, true, why, "%s", text);
	if (old >= 0)
		t->children[old].rekey_at =
			now + REKEY_RETRY + engine_random_span(e, 2 * REKEY_RETRY);
	if (t->in_use >= 0)
		return;
	tunnel_report(e, t, why, text);
	if (t->conf.options.startup != STARTUP_START && t->conf.options.dpd_action != DPD_RESTART)
		return;
	if (!t->initiate_wait)
		t->initiate_wait = INITIATE_RETRY_FIRST;
	tunnel_retry(e, t, false, now);
}

void v1_quick_refused(struct engine *e, struct ike_sa *sa, const struct notify *n, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	struct request *r = &sa->request;
	uint32_t old_spi_in = r->old_spi_in;
	uint8_t tries = r->tries;
	int old = old_spi_in ? child_find_in(t, old_spi_in) : -1;
	struct v1_policy policy;
	char text[REASON_TEXT_SIZE];

	child_release(e, t, r->new_slot);
	request_done(sa);
	v1_policy_esp(&t->conf.options, in_udp(sa), &policy);
	if (n->type == V1_NOTIFY_NO_PROPOSAL_CHOSEN && ++tries < policy.sets.ke.count) {
		/* It may have been the group: the next one of the set. */
		start_with_group(
			e, sa, old, dh_group_find(policy.sets.ke.items[tries].id), tries, now);
		return;
	}
	snprintf(text, sizeof(text), "quick mode: the peer answered %s (%u)",
		v1_notify_name(n->type), n->type);
	put_off(e, sa, old_spi_in, REASON_PEER_REFUSED, text, now);
}

/* The peer's choice must lie within our offer, its clients be ours. */
static bool check_second(struct ike_sa *sa, const struct request *r, const struct v1_payloads *p,
	struct v1_choice *choice, struct nonce *nr, struct dh_secret *shared, enum reason *why,
	char *text, size_t size)
{
	struct tunnel *t = sa->tunnel;
	const struct child *c = &t->children[r->new_slot];
	struct span body = p->one[V1_SA], public = p->one[V1_KE];
	struct selector own = {0}, its = {0};
	struct selector_set own_set = {.count = 1}, its_set = {.count = 1};
	struct v1_policy policy;
	bool no_pfs;

	v1_policy_esp(&t->conf.options, in_udp(sa), &policy);
	policy.sets.ke = (struct algorithm_set){
		.count = r->group != NULL, .items = {{r->group ? r->group->id : 0, 0}}};
	*why = REASON_NO_ESP_PROPOSAL;
	if (v1_choose(body.bytes, body.len, &policy, choice, &no_pfs, text, size) != PROPOSAL_OK)
		return false;
	*why = REASON_MALFORMED;
	snprintf(text, size, "quick mode message 2");
	if (choice->spi < 256 || !get_nonce_v1(p, nr))
		return false;
	*why = REASON_KE_VALUE;
	if (r->group && !dh_shared(r->dh, public.bytes, public.len, shared))
		return false;
	if (!p->ids)
		return true;
	*why = REASON_TS_UNACCEPTABLE;
	snprintf(text, size, "the peer's answer has other client identities than our offer");
	if (p->ids != 2 || !v1_client_decode(p->id[0].bytes, p->id[0].len, &own) ||
		!v1_client_decode(p->id[1].bytes, p->id[1].len, &its))
		return false;
	own_set.selectors[0] = own;
	its_set.selectors[0] = its;
	return selectors_within(&own_set, &c->local_ts) &&
	       selectors_within(&its_set, &c->remote_ts);
}

/* Message 3, which is repeated for every copy of message 2. False on failure. */
static bool send_third(struct engine *e, struct ike_sa *sa, const struct request *r,
	const struct nonce *nr, uint32_t gate, const uint8_t last[CIPHER_IV_MAX])
{
	uint8_t buffer[IKE_BUFFER_SIZE], number[5] = {0}, hash[PRF_MAX];
	struct chunk chunks[] = {
		{number, sizeof(number)}, {r->nonce.bytes, r->nonce.len}, {nr->bytes, nr->len}};
	struct wr w = wr_init(number + 1, 4);
	struct v1_exchange *x;
	struct v1_writer vw;
	size_t len;

	wr_u32(&w, r->id);
	if (!v1_hash_phase2(sa->suite.prf, &sa->v1_keys, chunks, 3, hash))
		return false;
	v1_phase2_begin(sa, &vw, buffer, V1_QUICK, r->id);
	memcpy(buffer + vw.hash_at, hash, sa->suite.prf->len);
	len = v1_message_end(&vw.w, sa->suite.cipher, sa->v1_keys.encr, sa->v1->request_iv);
	if (!len)
		return false;
	engine_send(e, &sa->local, &sa->remote, buffer, len, gate);
	x = v1_exchange_new(sa, r->id);
	if (!x)
		return true;
	memcpy(x->last, last, CIPHER_IV_MAX);
	blob_set(&x->answer, buffer, len);
	x->gate = gate;
	return true;
}

static void second(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	struct request r;
	char text[REASON_TEXT_SIZE];
	struct dh_secret shared = {0};
	struct v1_choice choice;
	struct esp_keys keys = {0};
	uint8_t iv[CIPHER_IV_MAX];
	const struct notify *life;
	struct nonce nr;
	enum reason why;
	struct child *c;
	int slot;

	memcpy(iv, sa->v1->request_iv, sizeof(iv));
	if (!v1_open(sa, vm, iv) || !v1_phase2_check(sa, vm, &sa->request.nonce)) {
		engine_note(e, t, &vm->m->remote, true, REASON_INTEGRITY, "quick mode message 2");
		return;
	}
	memcpy(sa->v1->request_iv, iv, sizeof(iv));
	v1_alive(e, sa, vm->m, now);
	r = sa->request;
	sa->request.dh = NULL;
	request_done(sa);
	slot = r.new_slot;
	if (!check_second(sa, &r, &vm->p, &choice, &nr, &shared, &why, text, sizeof(text))) {
		child_release(e, t, slot);
		v1_send_notify(e, sa, PROTOCOL_ESP, V1_NOTIFY_NO_PROPOSAL_CHOSEN);
		put_off(e, sa, r.old_spi_in, why, text, now);
		goto out;
	}
	c = &t->children[slot];
	life = v1_find_notify(&vm->p, V1_NOTIFY_RESPONDER_LIFETIME);
	c->lifetime_s =
		life ? v1_decode_lifetime(PROTOCOL_ESP, life->data.bytes, life->data.len) : 0;
	if (!v1_keys_child(sa->suite.prf, &sa->v1_keys, r.group ? &shared : NULL, &r.nonce, &nr,
		    &choice.suite, c->spi_in, choice.spi, &keys)) {
		child_release(e, t, slot);
		put_off(e, sa, r.old_spi_in, REASON_CRYPTO, "quick mode", now);
		goto out;
	}
	child_install(e, t, slot, owner(e, sa), choice.spi, &choice.suite,
		&(struct selector_set){1, {c->local_ts.selectors[0]}},
		&(struct selector_set){1, {c->remote_ts.selectors[0]}}, &keys, now);
	(void)send_third(e, sa, &r, &nr, c->spi_in, iv);
	note_pair(e, sa, slot, r.old_spi_in, false);
	retire_others(t, slot, 0, now);
	child_use_later(e, t, slot, now + V1_USE_DELAY);
out:
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(&shared, sizeof(shared));
	dh_free(r.dh);
}

/* ---- the peer's quick mode ---- */

struct first {
	struct v1_choice choice;
	struct nonce ni;
	struct selector_set local_ts, remote_ts;
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

	v1_policy_esp(&t->conf.options, in_udp(sa), &policy);
	*notify = V1_NOTIFY_NO_PROPOSAL_CHOSEN;
	switch (v1_choose(body.bytes, body.len, &policy, &f->choice, &no_pfs, text, size)) {
	case PROPOSAL_OK:
		break;
	case PROPOSAL_NONE:
		*why = no_pfs ? REASON_PFS_REQUIRED : REASON_NO_ESP_PROPOSAL;
		return false;
	default:
		*why = REASON_MALFORMED;
		snprintf(text, size, "SA payload of quick mode");
		return false;
	}
	*why = REASON_MALFORMED;
	*notify = V1_NOTIFY_PAYLOAD_MALFORMED;
	snprintf(text, size, "quick mode message 1");
	if (f->choice.spi < 256 || !get_nonce_v1(p, &f->ni))
		return false;
	*notify = V1_NOTIFY_INVALID_ID_INFORMATION;
	*why = REASON_TS_UNACCEPTABLE;
	snprintf(text, size, "client identities of an unknown form");
	if (!get_clients(sa, p, f))
		return false;
	selectors_format(&f->remote_ts, theirs, sizeof(theirs));
	selectors_format(&f->local_ts, ours, sizeof(ours));
	snprintf(text, size, "offered %s for its side, %s for ours", theirs, ours);
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
	engine_note(e, sa->tunnel, &sa->remote, true, why, "%s", text);
	if (sa->tunnel->in_use < 0)
		tunnel_report(e, sa->tunnel, why, text);
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
	put_clients(&vw.w, &f->remote_ts.selectors[0], &f->local_ts.selectors[0]);
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
	struct dh *dh = g ? dh_new(g) : NULL;
	int slot = -1;

	if (g && (!dh || !dh_public(dh, public) ||
			 !dh_shared(dh, peer_public.bytes, peer_public.len, &shared))) {
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
	child_install(e, t, slot, owner(e, sa), f->choice.spi, &f->choice.suite, &f->local_ts,
		&f->remote_ts, &keys, now);
	sa->v1->seen[sa->v1->next_seen++ % V1_SEEN_MAX] = x->id;
	send_second(e, sa, x, f, (struct span){public, g ? g->public_len : 0}, now);
	note_pair(e, sa, slot, f->rekey, true);
out:
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(&shared, sizeof(shared));
	dh_free(dh);
}

static void first(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
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
	if (must_wait(e, t)) {
		engine_note(e, t, &vm->m->remote, false, REASON_TEMPORARY,
			"the peer's quick mode waits for ours");
		return;
	}
	if (!check_first(sa, &vm->p, &f, &notify, &why, text, sizeof(text))) {
		refuse(e, sa, notify, why, text);
		return;
	}
	v1_alive(e, sa, vm->m, now);
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
	retire_others(t, slot, LINGER, now);
}

/* 5.5: HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b) */
static void third(struct engine *e, struct ike_sa *sa, struct v1_message *vm, struct v1_exchange *x,
	uint64_t now)
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

/* ---- the way in ---- */

void v1_quick_receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	struct v1_message vm = {.m = m, .copy = copy};
	struct ike_sa *sa = v1_sa_of(e, &m->head);
	size_t last = m->raw.len - CIPHER_IV_MAX;
	struct v1_exchange *x;

	if (!sa || (sa->state != IKE_ESTABLISHED && sa->state != IKE_REKEYED) || !m->head.id ||
		!(m->head.flags & V1_ENCRYPTED) || m->raw.len < IKE_HEADER_LEN + CIPHER_IV_MAX) {
		engine_note(e, NULL, &m->remote, false, REASON_UNKNOWN_SPI,
			"%016llx, IKEv1 quick mode", (unsigned long long)m->head.spi_r);
		return;
	}
	x = v1_exchange_find(sa, m->head.id);
	if (x && memcmp(x->last, m->raw.bytes + last, CIPHER_IV_MAX) == 0) {
		if (x->answer.bytes) /* a copy: what answered the first one was lost */
			engine_send(e, &sa->local, &sa->remote, x->answer.bytes, x->answer.len,
				x->gate);
	} else if (x && x->pending) {
		third(e, sa, &vm, x, now);
	} else if (!x && is_quick(sa->request.kind) && sa->request.id == m->head.id) {
		second(e, sa, &vm, now);
	} else if (!x) {
		first(e, sa, &vm, now);
	}
	request_next_task(e, sa, now);
}
