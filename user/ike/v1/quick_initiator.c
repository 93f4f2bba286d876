/* SPDX-License-Identifier: Apache-2.0 */
/* Our quick modes: messages 1 and 3. */
#include "ike/v1/client.h"
#include "ike/v1/v1.h"
#include "ike/v2/v2.h"

#include <stdio.h>

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

	v1_policy_esp(&t->conf.options, v1_in_udp(sa), &policy);
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
	v1_put_clients(&vw.w, &c->local_ts.selectors[0], &c->remote_ts.selectors[0]);
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

	if (v1_quick_under_way(t)) {
		/* If nothing comes of it, it is our turn. */
		if (old_slot >= 0)
			t->children[old_slot].rekey_at = now + V1_PENDING_RETRY;
		else
			t->initiate_at = now + V1_PENDING_RETRY;
		return;
	}
	v1_policy_esp(&t->conf.options, v1_in_udp(sa), &policy);
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

	tunnel_refused(e, t, &sa->remote, why, text);
	if (old >= 0)
		t->children[old].rekey_at =
			now + REKEY_RETRY + engine_random_span(e, 2 * REKEY_RETRY);
	if (t->in_use >= 0)
		return;
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
	v1_policy_esp(&t->conf.options, v1_in_udp(sa), &policy);
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

	v1_policy_esp(&t->conf.options, v1_in_udp(sa), &policy);
	policy.sets.ke = (struct algorithm_set){
		.count = r->group != NULL, .items = {{r->group ? r->group->id : 0, 0}}};
	*why = REASON_NO_ESP_PROPOSAL;
	if (v1_choose(body.bytes, body.len, &policy, choice, &no_pfs, text, size) != PROPOSAL_OK)
		return false;
	*why = REASON_MALFORMED;
	snprintf(text, size, "quick mode message 2");
	if (choice->spi < 256 || !v1_get_nonce(p, nr))
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

void v1_quick_second(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
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
	child_install(e, t, slot, v1_owner(sa), choice.spi, &choice.suite,
		&(struct selector_set){1, {c->local_ts.selectors[0]}},
		&(struct selector_set){1, {c->remote_ts.selectors[0]}}, &keys, now);
	(void)send_third(e, sa, &r, &nr, c->spi_in, iv);
	v1_note_pair(e, sa, slot, r.old_spi_in, false);
	v1_retire_older(t, slot, REPLACED_LIFE, now);
	child_use_later(e, t, slot, now + V1_USE_DELAY);
out:
	secret_wipe(&keys, sizeof(keys));
	secret_wipe(&shared, sizeof(shared));
	dh_free(r.dh);
}
