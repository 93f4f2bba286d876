/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/rib.h"

#include "bgp/decide.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 1024 };

static uint32_t hash_prefix(const struct ip_prefix *p)
{
	uint64_t h = 0x9e3779b97f4a7c15u + p->len;
	uint64_t half[2];

	memcpy(half, p->addr.bytes, sizeof(half));
	for (int i = 0; i < 2; i++) {
		h = (h ^ half[i]) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

static void table_init(struct rib_table *t)
{
	*t = (struct rib_table){.size = FIRST_SIZE};
	t->chains = calloc(t->size, sizeof(*t->chains));
	if (!t->chains)
		abort();
	TAILQ_INIT(&t->order);
}

void rib_init(struct rib *r)
{
	struct attr_draft none = {.origin = ORIGIN_IGP};

	*r = (struct rib){0};
	r->dirty_last = &r->dirty_first;
	for (int f = 0; f < BGP_FAMILIES; f++)
		table_init(&r->table[f]);
	attr_store_init(&r->attrs);
	r->own = attr_intern(&r->attrs, &none);
	none.origin = ORIGIN_INCOMPLETE;
	r->statics = attr_intern(&r->attrs, &none);
}

void rib_fini(struct rib *r)
{
	for (int f = 0; f < BGP_FAMILIES; f++) {
		struct rib_table *t = &r->table[f];

		for (uint32_t i = 0; i < t->size; i++) {
			struct rib_prefix *e;

			while ((e = t->chains[i])) {
				struct rib_path *path;

				t->chains[i] = e->next;
				while ((path = e->paths)) {
					e->paths = path->next;
					free(path);
				}
				free(e);
			}
		}
		free(t->chains);
	}
	attr_store_fini(&r->attrs);
	*r = (struct rib){0};
}

static void grow(struct rib_table *t)
{
	uint32_t size = t->size * 2;
	struct rib_prefix **chains = calloc(size, sizeof(*chains));

	if (!chains)
		return; /* longer chains work too */
	for (uint32_t i = 0; i < t->size; i++) {
		struct rib_prefix *e;

		while ((e = t->chains[i])) {
			t->chains[i] = e->next;
			e->next = chains[e->hash & (size - 1)];
			chains[e->hash & (size - 1)] = e;
		}
	}
	free(t->chains);
	t->chains = chains;
	t->size = size;
}

static struct rib_prefix *table_find(
	const struct rib_table *t, const struct ip_prefix *prefix, uint32_t hash)
{
	struct rib_prefix *e = t->chains[hash & (t->size - 1)];

	while (e && (e->hash != hash || !prefix_equal(&e->prefix, prefix)))
		e = e->next;
	return e;
}

struct rib_prefix *rib_find(struct rib *r, const struct ip_prefix *prefix)
{
	return table_find(&r->table[rib_family(prefix)], prefix, hash_prefix(prefix));
}

static struct rib_prefix *find_or_add(struct rib *r, const struct ip_prefix *prefix)
{
	struct rib_table *t = &r->table[rib_family(prefix)];
	uint32_t hash = hash_prefix(prefix);
	struct rib_prefix *e = table_find(t, prefix, hash);

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		abort();
	e->prefix = *prefix;
	e->hash = hash;
	e->best_tunnel = e->best_group = UINT32_MAX;
	if (t->used++ >= t->size)
		grow(t);
	e->next = t->chains[hash & (t->size - 1)];
	t->chains[hash & (t->size - 1)] = e;
	TAILQ_INSERT_TAIL(&t->order, &e->node, link);
	return e;
}

void rib_collect(struct rib *r, struct rib_prefix *e)
{
	struct rib_table *t = &r->table[rib_family(&e->prefix)];
	struct rib_prefix **at = &t->chains[e->hash & (t->size - 1)];

	if (e->paths || e->network || e->dirty || e->told_count || e->best)
		return;
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	t->used--;
	TAILQ_REMOVE(&t->order, &e->node, link);
	free(e);
}

void rib_touch(struct rib *r, struct rib_prefix *e)
{
	if (e->dirty)
		return;
	e->dirty = true;
	e->dirty_next = NULL;
	*r->dirty_last = e;
	r->dirty_last = &e->dirty_next;
}

void rib_touch_all(struct rib *r)
{
	for (int f = 0; f < BGP_FAMILIES; f++) {
		struct rib_node *n;

		TAILQ_FOREACH(n, &r->table[f].order, link)
		{
			if (!n->is_cursor)
				rib_touch(r, (struct rib_prefix *)n);
		}
	}
}

struct rib_prefix *rib_next_dirty(struct rib *r)
{
	struct rib_prefix *e = r->dirty_first;

	if (!e)
		return NULL;
	r->dirty_first = e->dirty_next;
	if (!r->dirty_first)
		r->dirty_last = &r->dirty_first;
	e->dirty = false;
	return e;
}

static struct rib_path **path_of(struct rib_prefix *e, const struct rib_peer *p)
{
	struct rib_path **at = &e->paths;

	while (*at && (*at)->peer != p)
		at = &(*at)->next;
	return at;
}

enum rib_change rib_learn(struct rib *r, struct rib_peer *p, enum bgp_family family,
	const struct ip_prefix *prefix, struct attrs *a)
{
	struct rib_prefix *e = find_or_add(r, prefix);
	struct rib_path *path = *path_of(e, p);

	if (path)
		path->stale = false;
	bool known = path;

	if (path && path->attrs == a)
		return RIB_SAME;
	if (path) {
		attr_unref(&r->attrs, path->attrs);
	} else {
		path = calloc(1, sizeof(*path));
		if (!path)
			abort();
		path->peer = p;
		path->prefix = e;
		path->next = e->paths;
		e->paths = path;
		LIST_INSERT_HEAD(&p->family[family].paths, path, of_peer);
		p->family[family].prefixes_in++;
	}
	path->attrs = attr_ref(a);
	rib_touch(r, e);
	return known ? RIB_CHANGED : RIB_NEW;
}

static void path_remove(struct rib *r, struct rib_path *path)
{
	struct rib_prefix *e = path->prefix;

	*path_of(e, path->peer) = path->next;
	LIST_REMOVE(path, of_peer);
	path->peer->family[rib_family(&e->prefix)].prefixes_in--;
	attr_unref(&r->attrs, path->attrs);
	free(path);
	rib_touch(r, e);
}

bool rib_forget(
	struct rib *r, struct rib_peer *p, enum bgp_family family, const struct ip_prefix *prefix)
{
	struct rib_table *t = &r->table[family];
	struct rib_prefix *e = table_find(t, prefix, hash_prefix(prefix));
	struct rib_path *path = e ? *path_of(e, p) : NULL;

	if (!path)
		return false;
	path_remove(r, path);
	return true;
}

void rib_network(struct rib *r, const struct ip_prefix *prefix, bool present)
{
	struct rib_prefix *e = present ? find_or_add(r, prefix) : rib_find(r, prefix);

	if (!e || e->network == present)
		return;
	e->network = present;
	rib_touch(r, e);
	/* What was learned inside of it is now, or no longer, refused. */
	rib_touch_all(r);
}

/* ---- peers ---- */

void rib_peer_init(struct rib_peer *p)
{
	for (int f = 0; f < BGP_FAMILIES; f++)
		LIST_INIT(&p->family[f].paths);
}

static bool slot_is_set(const uint64_t slots[RIB_SLOT_WORDS], const struct rib_peer *p)
{
	return slots[p->slot / 64] >> p->slot % 64 & 1;
}

void rib_peer_start(struct rib *r, struct rib_peer *p, enum bgp_family family)
{
	struct rib_peer_family *f = &p->family[family];
	struct rib_table *t = &r->table[family];

	while (slot_is_set(t->gone, p) || slot_is_set(t->gone_next, p))
		rib_sweep(r, UINT32_MAX); /* the bits are about to be used again */
	f->active = true;
	f->warned = f->end_of_rib_in = f->end_of_rib_out = f->suppressed = false;
	f->refreshing = f->refresh_begun = false;
	f->prefixes_out = 0;
	f->cursor.is_cursor = f->held.is_cursor = true;
	TAILQ_INSERT_HEAD(&t->order, &f->cursor, link);
}

void rib_release(struct rib *r, struct rib_peer *p, enum bgp_family family)
{
	struct rib_peer_family *f = &p->family[family];

	if (f->suppressed)
		TAILQ_REMOVE(&r->table[family].order, &f->held, link);
	f->suppressed = false;
}

void rib_mark_stale(struct rib_peer *p, enum bgp_family family)
{
	struct rib_path *path;

	LIST_FOREACH(path, &p->family[family].paths, of_peer)
	path->stale = true;
}

static void drop_paths(struct rib *r, struct rib_peer *p, enum bgp_family family, bool stale_only)
{
	struct rib_path *path, *following;

	for (path = LIST_FIRST(&p->family[family].paths); path; path = following) {
		following = LIST_NEXT(path, of_peer);
		if (path->stale || !stale_only)
			path_remove(r, path);
	}
}

void rib_drop_stale(struct rib *r, struct rib_peer *p, enum bgp_family family)
{
	drop_paths(r, p, family, true);
}

void rib_peer_stop(struct rib *r, struct rib_peer *p, const bool keep[BGP_FAMILIES])
{
	for (enum bgp_family family = 0; family < BGP_FAMILIES; family++) {
		struct rib_peer_family *f = &p->family[family];
		struct rib_table *t = &r->table[family];

		if (keep[family] && f->active)
			rib_mark_stale(p, family);
		else
			drop_paths(r, p, family, false);
		if (!f->active)
			continue;
		rib_release(r, p, family);
		TAILQ_REMOVE(&t->order, &f->cursor, link);
		f->active = false;
		f->prefixes_out = 0;
		t->gone_next[p->slot / 64] |= UINT64_C(1) << p->slot % 64;
	}
}

/* ---- clearing up ---- */

/* Takes the next slots in hand. False: there are none. */
static bool start_sweep(struct rib_table *t)
{
	uint64_t any = 0;

	for (int i = 0; i < RIB_SLOT_WORDS; i++) {
		any |= t->gone_next[i];
		t->gone[i] = t->gone_next[i];
		t->gone_next[i] = 0;
	}
	if (!any)
		return false;
	t->sweeping = true;
	t->sweeper.is_cursor = true;
	TAILQ_INSERT_HEAD(&t->order, &t->sweeper, link);
	return true;
}

static void forget_gone(const struct rib_table *t, struct rib_prefix *e)
{
	for (int i = 0; i < RIB_SLOT_WORDS; i++) {
		uint64_t bits = e->told[i] & t->gone[i];

		e->told[i] ^= bits;
		e->told_count = (uint16_t)(e->told_count - __builtin_popcountll(bits));
	}
}

static bool sweep_table(struct rib *r, struct rib_table *t, unsigned int budget)
{
	struct rib_node *n, *following;

	if (!t->sweeping && !start_sweep(t))
		return false;
	for (n = TAILQ_NEXT(&t->sweeper, link); n && budget; n = following, budget--) {
		following = TAILQ_NEXT(n, link);
		if (n->is_cursor)
			continue;
		forget_gone(t, (struct rib_prefix *)n);
		rib_collect(r, (struct rib_prefix *)n);
	}
	TAILQ_REMOVE(&t->order, &t->sweeper, link);
	if (n) {
		TAILQ_INSERT_BEFORE(n, &t->sweeper, link);
		return true;
	}
	t->sweeping = false;
	memset(t->gone, 0, sizeof(t->gone));
	return true;
}

bool rib_sweep(struct rib *r, unsigned int budget)
{
	bool more = false;

	for (int f = 0; f < BGP_FAMILIES; f++)
		more |= sweep_table(r, &r->table[f], budget);
	return more;
}

bool rib_choose(struct rib *r, struct rib_prefix *e, const struct decision *d)
{
	const struct rib_path *best = d->best;
	struct rib_table *t = &r->table[rib_family(&e->prefix)];
	struct attrs *old = e->best;
	uint32_t old_site = e->best_tunnel / TUNNELS_PER_SITE, old_group = e->best_group;
	struct attrs *now = e->network ? r->own : best ? best->attrs : NULL;
	bool by_peer = best && !e->network;

	e->best = now ? attr_ref(now) : NULL;
	e->best_tunnel = by_peer ? best->peer->conf.tunnel : UINT32_MAX;
	e->best_group = by_peer ? best->peer->conf.group : UINT32_MAX;
	e->candidates = d->candidates;
	e->both = d->both;

	/* Both tunnels of a site look the same to others, who only hear of the hub. */
	bool changed = old != now || old_site != e->best_tunnel / TUNNELS_PER_SITE ||
		       old_group != e->best_group;

	attr_unref(&r->attrs, old);
	if (!changed)
		return false;
	TAILQ_REMOVE(&t->order, &e->node, link);
	TAILQ_INSERT_TAIL(&t->order, &e->node, link);
	return true;
}

void rib_set_told(struct rib_prefix *e, struct rib_peer *p, bool told)
{
	uint64_t bit = UINT64_C(1) << p->slot % 64;
	struct rib_peer_family *f = &p->family[rib_family(&e->prefix)];

	if (rib_was_told(e, p) == told)
		return;
	e->told[p->slot / 64] ^= bit;
	e->told_count = (uint16_t)(told ? e->told_count + 1 : e->told_count - 1);
	f->prefixes_out = told ? f->prefixes_out + 1 : f->prefixes_out - 1;
}

void rib_tell_again(struct rib *r, struct rib_peer *p, enum bgp_family family)
{
	struct rib_peer_family *f = &p->family[family];
	struct rib_table *t = &r->table[family];

	if (!f->active)
		return;
	rib_release(r, p, family);
	TAILQ_REMOVE(&t->order, &f->cursor, link);
	TAILQ_INSERT_HEAD(&t->order, &f->cursor, link);
	f->end_of_rib_out = f->refresh_begun = false;
}
