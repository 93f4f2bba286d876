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
	size_t bytes = (e->len + 7u) / 8, need = 1 + bytes;

	if (b->kind != kind || b->attrs != attrs || b->len + need > sizeof(b->nlri)) {
		flush(o, b, w);
		if (wr_left(w) < ADJOUT_ROOM)
			return false;
		b->kind = kind;
		b->attrs = attrs;
	}

	b->nlri[b->len] = e->len; /* the form of nlri_put */
	memcpy(b->nlri + b->len + 1, e->address, bytes);
	b->len += need;
	return true;
}

/* Who was told first stays; what does not fit waits, and `held` says where. */
static void hold_back(const struct adjout *o, enum bgp_family family, uint32_t number)
{
	struct rib_peer_family *f = &o->peer->family[family];

	if (f->suppressed)
		return;
	f->suppressed = true;
	f->held = rib_add_cursor(&o->rib->table[family], number);
}

static bool is_full(const struct adjout *o, enum bgp_family family)
{
	uint32_t limit = o->peer->conf.max_prefixes_out;

	return limit && o->peer->family[family].prefixes_out >= limit;
}

/* Deals with one prefix. False: no room, try again later. */
static bool tell(const struct adjout *o, struct batch *b, uint32_t number, struct wr *w)
{
	struct rib_prefix *e = rib_node(&o->rib->table[b->family], number);
	bool told = rib_was_told(o->rib, e, o->peer);
	bool want;

	if (!told && is_full(o, b->family) && o->peer->family[b->family].suppressed)
		return true; /* walk_held comes to it when there is a place */
	want = policy_export(o->policy, e, o->peer);
	if (!want && !told)
		return true;
	if (want && !told && is_full(o, b->family)) {
		hold_back(o, b->family, number);
		return true;
	}
	if (!add(o, b, want ? BATCH_REACH : BATCH_UNREACH, e, w))
		return false;
	rib_set_told(o->rib, e, o->peer, want);
	return true;
}

/* Walks from the cursor; true when the end was reached. */
static bool walk(const struct adjout *o, struct batch *b, struct wr *w)
{
	struct rib_table *t = &o->rib->table[b->family];
	struct rib_peer_family *f = &o->peer->family[b->family];
	uint32_t n = rib_after(t, f->cursor), following;

	if (!n)
		return true;
	for (; n; n = following) {
		following = rib_after(t, n);
		if (!tell(o, b, n, w))
			break;
		rib_collect(o->rib, rib_node(t, n));
	}
	flush(o, b, w);
	rib_move_cursor(t, f->cursor, n);
	return !n;
}

/* Places have become free: goes on from the first prefix that was held back. */
static bool walk_held(const struct adjout *o, struct batch *b, struct wr *w)
{
	struct rib_table *t = &o->rib->table[b->family];
	struct rib_peer_family *f = &o->peer->family[b->family];
	uint32_t n = rib_node(t, f->held)->after;
	bool room = true;

	for (; n != t->ends && n != f->cursor; n = rib_node(t, n)->after) {
		struct rib_prefix *e = rib_node(t, n);

		if (e->is_cursor || rib_was_told(o->rib, e, o->peer) ||
			!policy_export(o->policy, e, o->peer))
			continue;
		if (is_full(o, b->family))
			break;
		room = add(o, b, BATCH_REACH, e, w);
		if (!room)
			break;
		rib_set_told(o->rib, e, o->peer, true);
	}
	flush(o, b, w);
	if (n != t->ends && n != f->cursor)
		rib_move_cursor(t, f->held, n);
	else
		rib_release(o->rib, o->peer, b->family);
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

static bool begin(const struct adjout *o, enum bgp_family family, struct wr *w)
{
	struct rib_peer_family *f = &o->peer->family[family];

	if (wr_left(w) < 2 * ADJOUT_ROOM)
		return false;
	if (f->refreshing && !f->refresh_begun)
		bgp_message_encode_refresh(w, family, REFRESH_BEGIN);
	f->refresh_begun = f->refreshing;
	return true;
}

/*
 * After a walk that reached the end. RFC 7313 4: no mark of a refresh before the first End-of-RIB, so
 * who asked early is answered now, in the next turn.
 */
static bool finish(const struct adjout *o, struct batch *b, struct wr *w)
{
	struct rib_peer_family *f = &o->peer->family[b->family];

	if (f->suppressed && !is_full(o, b->family) &&
		(wr_left(w) < 2 * ADJOUT_ROOM || !walk_held(o, b, w)))
		return false;
	if (!f->end_of_rib_out && !o->more_follows)
		end_round(f, b->family, w);
	if (!f->refresh_asked || !f->end_of_rib_out)
		return true;
	rib_tell_again(o->rib, o->peer, b->family);
	f->refresh_asked = false;
	f->refreshing = true;
	return false;
}

bool adjout_fill(const struct adjout *o, enum bgp_family family, struct wr *w)
{
	struct batch b = {.family = family};

	if (!o->peer->family[family].active)
		return true;
	return begin(o, family, w) && walk(o, &b, w) && finish(o, &b, w);
}

/* ---- news ---- */

enum {
	TOLD_NOBODY = UINT16_MAX,
	TOLD_SEVERAL = UINT16_MAX - 1,
	NO_SITE = UINT16_MAX, /* a network of the hub: everybody is told */
};

void adjout_collect_news(struct rib *rib, const struct policy *policy, enum bgp_family family,
	struct adjout_news *news)
{
	const struct rib_table *t = &rib->table[family];

	news->count = 0;
	for (uint32_t n = rib_after(t, t->recent); n && news->count < ADJOUT_NEWS_MAX;
		n = rib_after(t, n)) {
		const struct rib_prefix *e = rib_node(t, n);

		news->items[news->count++] = (struct adjout_item){.number = n,
			.site = e->network ? NO_SITE : e->best_tunnel / TUNNELS_PER_SITE,
			.group = e->network ? NO_SITE : e->best_group,
			.told = (uint16_t)(e->told_count == 0   ? TOLD_NOBODY
					   : e->told_count == 1 ? e->told
								: TOLD_SEVERAL),
			.wanted = policy_export_any(policy, e)};
	}
}

void adjout_clean_news(struct rib *rib, enum bgp_family family, const struct adjout_news *news)
{
	for (uint32_t i = 0; i < news->count; i++)
		rib_collect(rib, rib_node(&rib->table[family], news->items[i].number));
}

bool adjout_knows_the_rest(const struct adjout *o, enum bgp_family family)
{
	const struct rib_table *t = &o->rib->table[family];
	const struct rib_peer_family *f = &o->peer->family[family];

	return f->active && rib_after(t, f->cursor) == rib_after(t, t->recent);
}

bool adjout_fill_news(const struct adjout *o, enum bgp_family family,
	const struct adjout_news *news, struct wr *w)
{
	struct rib_table *t = &o->rib->table[family];
	struct rib_peer_family *f = &o->peer->family[family];
	uint16_t site = (uint16_t)neighbor_site(&o->peer->conf);
	uint16_t group = (uint16_t)o->peer->conf.group, slot = o->peer->slot;
	struct batch b = {.family = family};
	uint32_t i;

	if (!begin(o, family, w))
		return false;
	for (i = 0; i < news->count; i++) {
		const struct adjout_item *item = &news->items[i];
		bool wanted = item->wanted && item->site != site && item->group != group;

		if (!wanted && (item->told == TOLD_NOBODY ||
				       (item->told != TOLD_SEVERAL && item->told != slot)))
			continue;
		if (!tell(o, &b, item->number, w))
			break;
	}
	flush(o, &b, w);
	rib_move_cursor(t, f->cursor, i < news->count ? news->items[i].number : 0);
	return i == news->count && finish(o, &b, w);
}
