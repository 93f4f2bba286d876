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

/* Deals with one prefix. False: no room, try again later. */
static bool tell(const struct adjout *o, struct batch *b, struct rib_prefix *e, struct wr *w)
{
	struct rib_peer_family *f = &o->peer->family[b->family];
	bool told = rib_was_told(e, o->peer);
	bool want = policy_export(o->policy, e, o->peer);
	uint32_t limit = o->peer->conf.max_prefixes_out;

	if (told && e->changed <= f->told_until && want)
		return true; /* a second round after the limit kept something back */
	/* who was told first stays; what does not fit waits for a place. */
	if (want && !told && limit && f->prefixes_out >= limit) {
		f->suppressed = true;
		return true;
	}
	if (!want && !told)
		return true;
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
	struct rib_node *stop = NULL;
	uint64_t last = f->told_until;

	for (; n; n = following) {
		struct rib_prefix *e = (struct rib_prefix *)n;

		following = TAILQ_NEXT(n, link);
		if (n->is_cursor)
			continue;
		if (!tell(o, b, e, w)) {
			stop = n;
			break;
		}
		if (e->changed > last)
			last = e->changed;
		rib_collect(o->rib, e);
	}
	flush(o, b, w);
	f->told_until = last;
	TAILQ_REMOVE(&t->order, &f->cursor, link);
	if (stop)
		TAILQ_INSERT_BEFORE(stop, &f->cursor, link);
	else
		TAILQ_INSERT_TAIL(&t->order, &f->cursor, link);
	return !stop;
}

bool adjout_fill(const struct adjout *o, enum bgp_family family, struct wr *w)
{
	struct rib_table *t = &o->rib->table[family];
	struct rib_peer_family *f = &o->peer->family[family];
	struct batch b = {.family = family};
	uint32_t limit = o->peer->conf.max_prefixes_out;

	if (!f->active)
		return true;
	if (wr_left(w) < 2 * ADJOUT_ROOM || !walk(o, &b, w))
		return false;
	while (f->suppressed && f->prefixes_out < limit) {
		f->suppressed = false;
		TAILQ_REMOVE(&t->order, &f->cursor, link);
		TAILQ_INSERT_HEAD(&t->order, &f->cursor, link);
		if (wr_left(w) < 2 * ADJOUT_ROOM || !walk(o, &b, w))
			return false;
	}
	if (!f->end_of_rib_out) {
		update_encode_end_of_rib(w, family);
		f->end_of_rib_out = true;
	}
	return true;
}
