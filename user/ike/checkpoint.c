/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Established SAs as bytes: what a process needs to go on where another one was killed. ESP keys are
 * not in it, the data path has them; a key exchange under way is not in it either, its SA is
 * negotiated anew when the answer comes. Behind the tunnels stand those that were removed a short time ago.
 */
#include "ike/former.h"

#define CHECKPOINT_VERSION 5
#define CACHED_MAX         2048 /* bytes of one cached message; longer ones are left out */

static void put_addr(struct wr *w, const struct ip_addr *a)
{
	wr_u8(w, a->family);
	wr_bytes(w, a->bytes, sizeof(a->bytes));
}

static void get_addr(struct rd *r, struct ip_addr *a)
{
	a->family = rd_u8(r);
	rd_copy(r, a->bytes, sizeof(a->bytes));
	if (a->family != AF_INET && a->family != AF_INET6)
		*a = (struct ip_addr){0};
}

static void put_endpoint(struct wr *w, const struct ip_endpoint *ep)
{
	put_addr(w, &ep->addr);
	wr_u16(w, ep->port);
}

static void get_endpoint(struct rd *r, struct ip_endpoint *ep)
{
	get_addr(r, &ep->addr);
	ep->port = rd_u16(r);
}

static void put_suite(struct wr *w, const struct suite *s)
{
	wr_u8(w, (uint8_t)s->protocol);
	wr_u16(w, s->cipher->id);
	wr_u16(w, s->cipher->key_bits);
	wr_u16(w, s->prf ? s->prf->id : 0);
	wr_u16(w, s->integ ? s->integ->id : 0);
	wr_u16(w, s->ke ? s->ke->id : 0);
	wr_u8(w, s->esn);
}

/* False when it names an algorithm that this build has not. */
static bool get_suite(struct rd *r, struct suite *s)
{
	uint16_t id, bits, prf, integ, ke;

	s->protocol = rd_u8(r);
	id = rd_u16(r);
	bits = rd_u16(r);
	prf = rd_u16(r);
	integ = rd_u16(r);
	ke = rd_u16(r);
	s->esn = rd_u8(r);
	s->cipher = cipher_find(id, bits);
	s->prf = prf_find(prf);
	s->integ = integ_find(integ);
	s->ke = dh_group_find(ke);
	return s->cipher && (!prf || s->prf) && (!integ || s->integ) && (!ke || s->ke) &&
	       (cipher_is_aead(s->cipher) || s->integ) &&
	       (s->protocol == PROTOCOL_ESP || (s->prf && s->ke));
}

static void put_selectors(struct wr *w, const struct selector_set *set)
{
	wr_u8(w, set->count);
	for (unsigned int i = 0; i < set->count; i++) {
		put_addr(w, &set->selectors[i].first);
		put_addr(w, &set->selectors[i].last);
		wr_u8(w, set->selectors[i].protocol);
		wr_u16(w, set->selectors[i].first_port);
		wr_u16(w, set->selectors[i].last_port);
	}
}

static bool get_selectors(struct rd *r, struct selector_set *set)
{
	set->count = rd_u8(r);
	if (set->count > SELECTORS_MAX)
		return false;
	for (unsigned int i = 0; i < set->count; i++) {
		get_addr(r, &set->selectors[i].first);
		get_addr(r, &set->selectors[i].last);
		set->selectors[i].protocol = rd_u8(r);
		set->selectors[i].first_port = rd_u16(r);
		set->selectors[i].last_port = rd_u16(r);
	}
	return !r->bad;
}

void checkpoint_put_blob(struct wr *w, const struct blob *b)
{
	size_t len = b->len <= CACHED_MAX ? b->len : 0;

	wr_u16(w, (uint16_t)len);
	wr_bytes(w, b->bytes, len);
}

void checkpoint_get_blob(struct rd *r, struct blob *b)
{
	size_t len = rd_u16(r);
	const uint8_t *bytes = rd_bytes(r, len);

	if (bytes && len)
		blob_set(b, bytes, len);
}

static bool is_kept(const struct ike_sa *sa)
{
	return !sa->free_me && sa->tunnel && sa->state == IKE_ESTABLISHED && !sa->redundant;
}

static void put_sa(struct wr *w, const struct ike_sa *sa)
{
	bool repeatable = sa->version == &ike_v2; /* IKEv1 begins a request anew */

	wr_u8(w, sa->version->number);
	wr_u64(w, sa->spi_i);
	wr_u64(w, sa->spi_r);
	wr_u8(w, sa->initiator);
	put_endpoint(w, &sa->local);
	put_endpoint(w, &sa->remote);
	put_suite(w, &sa->suite);
	wr_bytes(w, &sa->keys, sizeof(sa->keys));
	wr_u8(w, sa->nat_here);
	wr_u8(w, sa->nat_there);
	wr_u8(w, sa->forced_encap);
	wr_u8(w, sa->fragmentation);
	wr_u8(w, sa->rekey_descendant);
	wr_u64(w, sa->key_print);
	wr_u32(w, sa->send_id);
	wr_u32(w, sa->recv_id);
	checkpoint_put_blob(w, &sa->response);
	wr_u64(w, sa->established);
	wr_u64(w, sa->rekey_at);
	wr_u64(w, sa->expire_at);
	wr_u8(w, (uint8_t)sa->request.kind);
	wr_u32(w, sa->request.old_spi_in);
	checkpoint_put_blob(w, repeatable ? &sa->request.bytes : &(struct blob){0});
	wr_u32(w, sa->lifetime_s);
	wr_u8(w, sa->no_probes);
	if (sa->version->save)
		sa->version->save(w, sa);
}

/* Reads one SA into the engine; NULL when it is malformed. */
static struct ike_sa *get_sa(struct engine *e, struct tunnel *t, struct rd *r, uint64_t now)
{
	const struct ike_version *version = rd_u8(r) == 1 ? &ike_v1 : &ike_v2;
	uint64_t spi_i = rd_u64(r), spi_r = rd_u64(r);
	bool initiator = rd_u8(r);
	struct ip_endpoint local, remote;
	struct suite suite;
	struct ike_sa *sa;
	uint8_t kind;

	get_endpoint(r, &local);
	get_endpoint(r, &remote);
	if (!get_suite(r, &suite) || r->bad || ike_sa_find(e, initiator ? spi_i : spi_r))
		return NULL;
	sa = ike_sa_new(e, version, initiator, spi_i, spi_r, &local, &remote, now);
	ike_sa_set_tunnel(sa, t);
	sa->suite = suite;
	rd_copy(r, &sa->keys, sizeof(sa->keys));
	sa->nat_here = rd_u8(r);
	sa->nat_there = rd_u8(r);
	sa->forced_encap = rd_u8(r);
	sa->fragmentation = rd_u8(r);
	sa->rekey_descendant = rd_u8(r);
	sa->key_print = rd_u64(r);
	sa->send_id = rd_u32(r);
	sa->recv_id = rd_u32(r);
	checkpoint_get_blob(r, &sa->response);
	sa->established = rd_u64(r);
	sa->rekey_at = rd_u64(r);
	sa->expire_at = rd_u64(r);
	kind = rd_u8(r);
	sa->request.old_spi_in = rd_u32(r);
	checkpoint_get_blob(r, &sa->request.bytes);
	sa->lifetime_s = rd_u32(r);
	sa->no_probes = rd_u8(r);
	ike_set_state(sa, IKE_ESTABLISHED);
	if (version->load && !version->load(r, sa))
		return NULL;
	if (version == &ike_v1 && kind == REQUEST_CHILD_NEW)
		sa->tasks |= TASK_NEW_CHILD;
	sa->keepalive_at = sa->nat_here ? now + KEEPALIVE_EVERY : 0;
	if (kind == REQUEST_NONE || kind >= REQUEST_KINDS || !sa->request.bytes.bytes)
		return r->bad ? NULL : sa;
	sa->request.kind = kind;
	sa->request.id = sa->send_id;
	sa->request.lost = true;
	sa->request.first_sent = now;
	sa->request.interval = RETRANSMIT_FIRST;
	sa->request.resend_at = now;
	sa->request.give_up_at = now + RETRANSMIT_TOTAL;
	return r->bad ? NULL : sa;
}

static void put_child(struct wr *w, const struct child *c)
{
	bool rekeying = c->ike && c->ike->version == &ike_v1 &&
			c->ike->request.kind == REQUEST_CHILD_REKEY &&
			c->ike->request.old_spi_in == c->spi_in;

	wr_u8(w, (uint8_t)c->state);
	wr_u64(w, c->ike ? (c->ike->initiator ? c->ike->spi_i : c->ike->spi_r) : 0);
	wr_u32(w, c->spi_in);
	wr_u32(w, c->spi_out);
	put_suite(w, &c->suite);
	put_selectors(w, &c->local_ts);
	put_selectors(w, &c->remote_ts);
	wr_u64(w, c->created);
	wr_u64(w, c->rekey_at);
	wr_u64(w, c->expire_at);
	wr_u64(w, c->use_at);
	wr_u64(w, c->gone_at);
	wr_u8(w, c->udp_encap);
	wr_u8(w, (uint8_t)((c->want_rekey || rekeying) | c->want_delete << 1));
}

static bool get_child(struct engine *e, struct tunnel *t, unsigned int slot, struct rd *r)
{
	struct child c = {0};
	uint64_t owner;
	uint8_t wants;

	c.state = rd_u8(r);
	owner = rd_u64(r);
	c.spi_in = rd_u32(r);
	c.spi_out = rd_u32(r);
	if (!get_suite(r, &c.suite) || !get_selectors(r, &c.local_ts) ||
		!get_selectors(r, &c.remote_ts))
		return false;
	c.created = rd_u64(r);
	c.rekey_at = rd_u64(r);
	c.expire_at = rd_u64(r);
	c.use_at = rd_u64(r);
	c.gone_at = rd_u64(r);
	c.udp_encap = rd_u8(r);
	wants = rd_u8(r);
	c.want_rekey = wants & 1;
	c.want_delete = wants & 2;
	c.installed = true;
	if (r->bad || c.state <= CHILD_RESERVED || c.state >= CHILD_STATES ||
		slot >= e->limits.spi_slots)
		return false;
	c.ike = owner ? ike_sa_find(e, owner) : NULL;
	if (c.ike && c.ike->tunnel != t)
		return false;
	if (!c.ike && c.state != CHILD_LINGER) {
		/* Its IKE SA was on the way out and is not kept: the pair goes after a while. */
		c.state = CHILD_LINGER;
		c.gone_at = c.created + 1;
	}
	t->children[slot] = c;
	if (c.ike && c.want_delete)
		c.ike->tasks |= TASK_DELETE_CHILD;
	if (c.ike && c.want_rekey)
		c.ike->tasks |= TASK_REKEY_CHILD;
	return true;
}

static bool worth_saving(const struct engine *e, const struct tunnel *t)
{
	struct ike_sa *sa;

	if (t->disabled)
		return true;
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		if (t->children[i].installed)
			return true;
	}
	TAILQ_FOREACH(sa, &e->sas, link) {
		if (sa->tunnel == t && is_kept(sa))
			return true;
	}
	return false;
}

static void put_tunnel(struct wr *w, const struct engine *e, const struct tunnel *t)
{
	size_t count_at;
	uint8_t count = 0;
	struct ike_sa *sa;

	wr_u32(w, t->conf.number);
	wr_u8(w, t->disabled);
	wr_u8(w, (uint8_t)(t->in_use + 1));
	count_at = wr_len(w);
	wr_u8(w, 0);
	TAILQ_FOREACH(sa, &e->sas, link) {
		if (sa->tunnel != t || !is_kept(sa) || count == 2)
			continue;
		put_sa(w, sa);
		count++;
	}
	wr_set_u8(w, count_at, count);
	count = 0;
	count_at = wr_len(w);
	wr_u8(w, 0);
	for (uint8_t i = 0; i < IKE_SLOTS_MAX; i++) {
		if (!t->children[i].installed)
			continue;
		wr_u8(w, i);
		put_child(w, &t->children[i]);
		count++;
	}
	wr_set_u8(w, count_at, count);
}

static void put_former(struct wr *w, const struct former *f)
{
	put_addr(w, &f->local);
	put_addr(w, &f->peer);
	wr_u8(w, f->id.type);
	wr_u16(w, f->id.len);
	wr_bytes(w, f->id.bytes, f->id.len);
	wr_u64(w, f->until);
}

static bool get_former(struct rd *r, struct former *f)
{
	*f = (struct former){0};
	get_addr(r, &f->local);
	get_addr(r, &f->peer);
	f->id.type = rd_u8(r);
	f->id.len = rd_u16(r);
	if (f->id.len > sizeof(f->id.bytes))
		return false;
	rd_copy(r, f->id.bytes, f->id.len);
	f->until = rd_u64(r);
	return !r->bad;
}

/* False when they are malformed. */
static bool get_formers(struct engine *e, struct rd *r, uint64_t now)
{
	uint32_t count = rd_u32(r);
	struct former f;

	for (uint32_t i = 0; i < count; i++) {
		if (!get_former(r, &f))
			return false;
		former_restore(e, &f, now);
	}
	return !r->bad;
}

size_t engine_checkpoint(const struct engine *e, void *buf, size_t size, uint64_t now)
{
	struct wr w = wr_init(buf, size);
	const struct former *f;

	wr_u32(&w, CHECKPOINT_VERSION);
	wr_u64(&w, now);
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		const struct tunnel *t = tunnel_find(e, i);

		if (t && worth_saving(e, t))
			put_tunnel(&w, e, t);
	}
	wr_u32(&w, EFFECT_NO_TUNNEL);
	wr_u32(&w, e->former_count);
	TAILQ_FOREACH(f, &e->formers, link)
		put_former(&w, f);
	return w.bad ? 0 : wr_len(&w);
}

/* All has been read: what hub shows is the restored state, and where the peer is is known. */
static void announce(struct engine *e, struct tunnel *t, uint64_t now)
{
	struct ike_sa *sa = tunnel_ike(t);

	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		if (t->children[i].installed)
			child_info(e, t, i);
	}
	t->reported = false;
	tunnel_report(e, t, t->disabled ? REASON_ADMIN_DOWN : REASON_WAITING,
		reason_sentence(t->disabled ? REASON_ADMIN_DOWN : REASON_WAITING));
	if (!sa)
		return;
	tunnel_seen(e, t, &sa->remote.addr);
	tunnel_await_pair(e, t, now);
	engine_note(
		e, t, &sa->remote, false, REASON_RESTORED, "%s", reason_sentence(REASON_RESTORED));
}

/* One tunnel. False when the bytes are malformed. A tunnel not configured any more is read past. */
static bool get_tunnel(struct engine *e, struct tunnel *t, struct rd *r, uint64_t now)
{
	unsigned int count, in_use;

	t->disabled = rd_u8(r);
	in_use = rd_u8(r);
	count = rd_u8(r);
	if (count > 2 || in_use > IKE_SLOTS_MAX)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		if (!get_sa(e, t, r, now))
			return false;
	}
	count = rd_u8(r);
	if (count > IKE_SLOTS_MAX)
		return false;
	for (unsigned int i = 0; i < count; i++) {
		unsigned int slot = rd_u8(r);

		if (slot >= IKE_SLOTS_MAX || !get_child(e, t, slot, r))
			return false;
	}
	t->in_use = (int)in_use - 1;
	if (t->in_use >= 0 && !t->children[t->in_use].installed)
		return false;
	if (t->in_use >= 0 && t->children[t->in_use].state == CHILD_LINGER)
		t->in_use = -1;
	t->last_life = now;
	return !r->bad;
}

/* A half-read checkpoint leaves nothing behind. */
static void undo(struct engine *e)
{
	struct ike_sa *sa;

	TAILQ_FOREACH(sa, &e->sas, link)
		ike_sa_drop(e, sa);
	engine_sweep(e);
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		struct tunnel *t = tunnel_find(e, i);

		if (!t)
			continue;
		secret_wipe(t->children, sizeof(t->children));
		t->in_use = -1;
		t->disabled = false;
	}
	former_free(e);
}

bool engine_restore(struct engine *e, const void *buf, size_t len, uint64_t now)
{
	struct rd r = rd_init(buf, len);
	struct tunnel nowhere = {.in_use = -1};
	uint32_t number;

	TAILQ_INIT(&nowhere.sas);
	if (rd_u32(&r) != CHECKPOINT_VERSION || rd_u64(&r) > now || r.bad)
		return false;
	while ((number = rd_u32(&r)) != EFFECT_NO_TUNNEL) {
		struct tunnel *t = tunnel_find(e, number);

		if (r.bad || number >= IKE_TUNNELS_MAX ||
			!get_tunnel(e, t ? t : &nowhere, &r, now)) {
			undo(e);
			return false;
		}
		if (!t) {
			struct ike_sa *sa;

			TAILQ_FOREACH(sa, &e->sas, link) {
				if (sa->tunnel == &nowhere)
					ike_sa_drop(e, sa);
			}
			engine_sweep(e);
			nowhere = (struct tunnel){.in_use = -1};
			TAILQ_INIT(&nowhere.sas);
		}
	}
	if (!get_formers(e, &r, now)) {
		undo(e);
		return false;
	}
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		struct tunnel *t = tunnel_find(e, i);

		if (t && worth_saving(e, t))
			announce(e, t, now);
	}
	e->generation++;
	return true;
}
