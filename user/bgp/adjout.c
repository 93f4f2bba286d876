/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/adjout.h"

#include "bgp/update.h"

enum batch_kind {
	BATCH_EMPTY,
	BATCH_REACH,
	BATCH_UNREACH,
};

/* Prefixes in a row that go into one message. */
struct batch {
	enum batch_kind kind;
	enum bgp_family family;
	struct attrs *attrs; /* of BATCH_REACH; held by the prefixes themselves */
	size_t len;
	uint8_t nlri[UPDATE_NLRI_MAX];
};

static void flush(const struct adjout *o, struct batch *b, struct wr *w)
{
	const struct bgp_neighbor *conf = &o->peer->conf;

	if (b->kind == BATCH_REACH) {
		struct attr_export x = {.local_as = o->policy->config->local_as,
			.med = conf->med_out,
			.override_as = conf->as_override ? conf->remote_as : 0,
			.four_octet_as = o->four_octet_as};

		update_encode_reach(w, b->family, b->attrs, &x,
			b->family == BGP_IPV4 ? &conf->local4 : &conf->local6, b->nlri, b->len);
	} else if (b->kind == BATCH_UNREACH) {
		update_encode_unreach(w, b->family, b->nlri, b->len);
	}
	b->kind = BATCH_EMPTY;
	b->len = 0;
}

/* Adds a prefix; flushes first when it does not go with the others. False: no room for a message. */
static bool add(const struct adjout *o, struct batch *b, enum batch_kind kind,
	const struct rib_prefix *e, struct wr *w)
{
	struct attrs *attrs = kind == BATCH_REACH ? e->best : NULL;
	size_t need = 1 + (e->prefix.len + 7u) / 8;

	if (b->kind != kind || b->attrs != attrs || b->len + need > sizeof(b->nlri)) {
		flush(o, b, w);
		if (wr_left(w) < ADJOUT_ROOM)
			return false;
		b->kind = kind;
		b->attrs = attrs;
	}

	struct wr n = wr_init(b->nlri + b->len, sizeof(b->nlri) - b->len);

	nlri_put(&n, &e->prefix);
	b->len += wr_len(&n);
	return true;
}

/* who was told first stays; what does not fit waits, and `held` says where. */
static void hold_back(const struct adjout *o, enum bgp_family family, struct rib_prefix *e)
{
	struct rib_peer_family *f = &o->peer->family[family];

	if (f->suppressed)
		return;
	f->suppressed = true;
	TAILQ_INSERT_BEFORE(&e->node, &f->held, link);
}

static bool is_full(const struct adjout *o, enum bgp_family family)
{
	uint32_t limit = o->peer->conf.max_prefixes_out;

	return limit && o->peer->family[family].prefixes_out >= limit;
}

/* Deals with one prefix. False: no room, try again later. */
static bool tell(const struct adjout *o, struct batch *b, struct rib_prefix *e, struct wr *w)
{
	bool told = rib_was_told(e, o->peer);
	bool want;

	if (!told && is_full(o, b->family) && o->peer->family[b->family].suppressed)
		return true; /* walk_held comes to it when there is a place */
	want = policy_export(o->policy, e, o->peer);
	if (!want && !told)
		return true;
	if (want && !told && is_full(o, b->family)) {
		hold_back(o, b->family, e);
		return true;
	}
	if (!add(o, b, want ? BATCH_REACH : BATCH_UNREACH, e, w))
		return false;
	rib_set_told(e, o->peer, want);
	return true;
}

/* Walks from the cursor; true when the end was reached. */
static bool walk(const struct adjout *o, struct batch *b, struct wr *w)
{
	struct rib_table *t = &o->rib->table[b->family];
	struct rib_peer_family *f = &o->peer->family[b->family];
	struct rib_node *n = TAILQ_NEXT(&f->cursor, link), *following;

	if (!n)
		return true;
	for (; n; n = following) {
		struct rib_prefix *e = (struct rib_prefix *)n;

		following = TAILQ_NEXT(n, link);
		if (n->is_cursor)
			continue;
		if (!tell(o, b, e, w))
			break;
		rib_collect(o->rib, e);
	}
	flush(o, b, w);
	TAILQ_REMOVE(&t->order, &f->cursor, link);
	if (n)
		TAILQ_INSERT_BEFORE(n, &f->cursor, link);
	else
		TAILQ_INSERT_TAIL(&t->order, &f->cursor, link);
	return !n;
}

/* Places have become free: goes on from the first prefix that was held back. */
static bool walk_held(const struct adjout *o, struct batch *b, struct wr *w)
{
	struct rib_peer_family *f = &o->peer->family[b->family];
	struct rib_node *n = TAILQ_NEXT(&f->held, link);
	bool room = true;

	for (; n && n != &f->cursor; n = TAILQ_NEXT(n, link)) {
		struct rib_prefix *e = (struct rib_prefix *)n;

		if (n->is_cursor || rib_was_told(e, o->peer) ||
			!policy_export(o->policy, e, o->peer))
			continue;
		if (is_full(o, b->family))
			break;
		room = add(o, b, BATCH_REACH, e, w);
		if (!room)
			break;
		rib_set_told(e, o->peer, true);
	}
	flush(o, b, w);
	rib_release(o->rib, o->peer, b->family);
	if (n && n != &f->cursor) {
		TAILQ_INSERT_BEFORE(n, &f->held, link);
		f->suppressed = true;
	}
	return room;
}

/* The end of everything, the first time or after a refresh (RFC 4724 2, RFC 7313 4). */
static void end_round(struct rib_peer_family *f, enum bgp_family family, struct wr *w)
{
	if (f->refreshing)
		bgp_message_encode_refresh(w, family, REFRESH_END);
	else
		update_encode_end_of_rib(w, family);
	f->refreshing = f->refresh_begun = false;
	f->end_of_rib_out = true;
}

bool adjout_fill(const struct adjout *o, enum bgp_family family, struct wr *w)
{
	struct rib_peer_family *f = &o->peer->family[family];
	struct batch b = {.family = family};

	if (!f->active)
		return true;
	if (wr_left(w) < 2 * ADJOUT_ROOM)
		return false;
	if (f->refreshing && !f->refresh_begun)
		bgp_message_encode_refresh(w, family, REFRESH_BEGIN);
	f->refresh_begun = f->refreshing;
	if (!walk(o, &b, w))
		return false;
	if (f->suppressed && !is_full(o, family) &&
		(wr_left(w) < 2 * ADJOUT_ROOM || !walk_held(o, &b, w)))
		return false;
	if (!f->end_of_rib_out)
		end_round(f, family, w);
	return true;
}
