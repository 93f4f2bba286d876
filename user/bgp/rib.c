/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/rib.h"

#include "bgp/decide.h"

#include <stdlib.h>

enum { FIRST_SIZE = 1024, FIRST_QUEUE = 256, QUEUE_KEPT = 16384 };

static size_t node_size(enum bgp_family family)
{
	size_t used = offsetof(struct rib_prefix, address) + (family == BGP_IPV4 ? 4 : 16);
	size_t align = _Alignof(struct rib_prefix);

	return (used + align - 1) / align * align;
}

static unsigned int address_len(const struct rib_prefix *e)
{
	return e->v6 ? 16 : 4;
}

static uint64_t big_endian(const uint8_t *bytes, unsigned int n)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < n; i++)
		v = v << 8 | bytes[i];
	return v;
}

/*
 * Prefixes that follow one another, which is how most peers announce them, are neighbours in the
 * table too, in groups of 64: they share cache lines.
 */
static uint32_t hash_address(const struct rib_table *t, const uint8_t *bytes, uint8_t len)
{
	unsigned int address_bytes = t->v6 ? 16 : 4;
	unsigned int start = len > 64 ? 8 : 0, word = address_bytes - start < 8 ? 4 : 8;
	unsigned int behind = start * 8 + word * 8 - len;
	uint64_t key = behind < word * 8 ? big_endian(bytes + start, word) >> behind : 0;
	uint64_t h = rib_mix(t->key ^ len, start ? big_endian(bytes, 8) : 0);

	return (uint32_t)(rib_mix(h, key >> 6) << 6 | (key & 63));
}

static uint32_t hash_prefix(const struct rib_table *t, const struct ip_prefix *p)
{
	return hash_address(t, p->addr.bytes, p->len);
}

/* ---- the order of changes ---- */

static void order_remove(const struct rib_table *t, const struct rib_prefix *e)
{
	rib_node(t, e->before)->after = e->after;
	rib_node(t, e->after)->before = e->before;
}

static void order_insert(const struct rib_table *t, uint32_t number, uint32_t before)
{
	struct rib_prefix *e = rib_node(t, number), *behind = rib_node(t, before);

	e->after = before;
	e->before = behind->before;
	rib_node(t, behind->before)->after = number;
	behind->before = number;
}

static uint32_t number_of(const struct rib_table *t, const struct rib_prefix *e)
{
	return rib_node(t, e->before)->after;
}

uint32_t rib_after(const struct rib_table *t, uint32_t number)
{
	do {
		number = rib_node(t, number)->after;
	} while (number != t->ends && rib_node(t, number)->is_cursor);
	return number == t->ends ? 0 : number;
}

static uint32_t first_of(const struct rib_table *t)
{
	return rib_after(t, t->ends);
}

void rib_move_cursor(struct rib_table *t, uint32_t cursor, uint32_t before)
{
	order_remove(t, rib_node(t, cursor));
	order_insert(t, cursor, before ? before : t->ends);
}

uint32_t rib_add_cursor(struct rib_table *t, uint32_t before)
{
	uint32_t cursor = pool_take(&t->nodes);

	rib_node(t, cursor)->is_cursor = true;
	order_insert(t, cursor, before ? before : t->ends);
	return cursor;
}

void rib_drop_cursor(struct rib_table *t, uint32_t cursor)
{
	order_remove(t, rib_node(t, cursor));
	pool_give(&t->nodes, cursor);
}

/* ---- tables ---- */

static void table_init(struct rib_table *t, enum bgp_family family, uint64_t key)
{
	struct rib_prefix *ends;

	*t = (struct rib_table){.size = FIRST_SIZE, .key = key, .v6 = family == BGP_IPV6};
	t->chains = calloc(t->size, sizeof(*t->chains));
	if (!t->chains)
		abort();
	pool_init(&t->nodes, node_size(family));
	t->tree = (struct prefix_tree){.things = &t->nodes,
		.key = key,
		.links = offsetof(struct rib_prefix, left),
		.len = offsetof(struct rib_prefix, len),
		.bytes = t->v6 ? 16 : 4};
	t->ends = pool_take(&t->nodes);
	ends = rib_node(t, t->ends);
	ends->is_cursor = true;
	ends->before = ends->after = t->ends;
	t->recent = rib_add_cursor(t, 0);
}

void rib_init(struct rib *r, uint64_t key)
{
	struct attr_draft none = {.origin = ORIGIN_IGP};

	*r = (struct rib){0};
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
		table_init(&r->table[f], f, key);
	pool_init(&r->paths, sizeof(struct rib_path));
	pool_init(&r->sets, RIB_SLOT_WORDS * sizeof(uint64_t));
	attr_store_init(&r->attrs, key);
	r->own = attr_intern(&r->attrs, &none);
	none.origin = ORIGIN_INCOMPLETE;
	r->statics = attr_intern(&r->attrs, &none);
}

void rib_fini(struct rib *r)
{
	for (int f = 0; f < BGP_FAMILIES; f++) {
		free(r->table[f].chains);
		pool_fini(&r->table[f].nodes);
		free(r->dirty[f].items);
	}
	pool_fini(&r->paths);
	pool_fini(&r->sets);
	attr_store_fini(&r->attrs);
	*r = (struct rib){0};
}

static void grow(struct rib_table *t)
{
	uint32_t size = t->size * 2;
	uint32_t *chains = calloc(size, sizeof(*chains));

	if (!chains)
		return; /* longer chains work too */
	for (uint32_t n = first_of(t); n; n = rib_after(t, n)) {
		struct rib_prefix *e = rib_node(t, n);
		uint32_t at = hash_address(t, e->address, e->len) & (size - 1);

		e->chain = chains[at];
		chains[at] = n;
	}
	free(t->chains);
	t->chains = chains;
	t->size = size;
}

static uint32_t table_find(const struct rib_table *t, const struct ip_prefix *p, uint32_t hash)
{
	uint32_t n = t->chains[hash & (t->size - 1)];

	while (n) {
		const struct rib_prefix *e = rib_node(t, n);

		if (e->len == p->len && !memcmp(e->address, p->addr.bytes, address_len(e)))
			return n;
		n = e->chain;
	}
	return 0;
}

struct rib_prefix *rib_find(const struct rib *r, const struct ip_prefix *prefix)
{
	const struct rib_table *t = &r->table[rib_family(prefix)];
	uint32_t n = table_find(t, prefix, hash_prefix(t, prefix));

	return n ? rib_node(t, n) : NULL;
}

static uint32_t find_or_add(struct rib_table *t, const struct ip_prefix *prefix)
{
	uint32_t hash = hash_prefix(t, prefix);
	uint32_t n = table_find(t, prefix, hash);
	struct rib_prefix *e;

	if (n)
		return n;
	if (t->used++ >= t->size)
		grow(t);
	n = pool_take(&t->nodes);
	e = rib_node(t, n);
	e->v6 = rib_family(prefix) == BGP_IPV6;
	e->len = prefix->len;
	memcpy(e->address, prefix->addr.bytes, address_len(e));
	e->best_tunnel = e->best_group = RIB_NO_TUNNEL;
	e->chain = t->chains[hash & (t->size - 1)];
	t->chains[hash & (t->size - 1)] = n;
	order_insert(t, n, rib_node(t, t->ends)->after);
	prefix_tree_add(&t->tree, n);
	t->lengths[e->len]++;
	return n;
}

void rib_collect(struct rib *r, struct rib_prefix *e)
{
	struct rib_table *t = &r->table[e->v6 ? BGP_IPV6 : BGP_IPV4];
	uint32_t *at, n;

	if (e->paths || e->network || e->dirty || e->told_count || e->best || e->held)
		return;
	n = number_of(t, e);
	at = &t->chains[hash_address(t, e->address, e->len) & (t->size - 1)];
	while (*at != n)
		at = &((struct rib_prefix *)rib_node(t, *at))->chain;
	*at = e->chain;
	t->used--;
	prefix_tree_remove(&t->tree, n);
	t->lengths[e->len]--;
	order_remove(t, e);
	pool_give(&t->nodes, n);
}

/* ---- what waits for a decision ---- */

static void queue_grow(struct rib_queue *q)
{
	size_t size = q->size ? q->size * 2 : FIRST_QUEUE;
	uint32_t *items = malloc(size * sizeof(*items));

	if (!items)
		abort();
	for (size_t i = 0; i < q->count; i++)
		items[i] = q->items[(q->first + i) & (q->size - 1)];
	free(q->items);
	*q = (struct rib_queue){.items = items, .size = size, .count = q->count};
}

/* Worked off: what a whole table once needed is given back. */
static void queue_trim(struct rib_queue *q)
{
	if (q->size <= QUEUE_KEPT)
		return;
	free(q->items);
	*q = (struct rib_queue){0};
}

static void touch(struct rib *r, enum bgp_family family, uint32_t n)
{
	struct rib_queue *q = &r->dirty[family];
	struct rib_prefix *e = rib_node(&r->table[family], n);

	if (e->dirty)
		return;
	if (q->count == q->size)
		queue_grow(q);
	e->dirty = true;
	q->items[(q->first + q->count++) & (q->size - 1)] = n;
}

void rib_touch(struct rib *r, struct rib_prefix *e)
{
	enum bgp_family f = e->v6 ? BGP_IPV6 : BGP_IPV4;

	touch(r, f, number_of(&r->table[f], e));
}

void rib_set_owner(struct rib *r, const struct ip_prefix *prefix, uint16_t group)
{
	enum bgp_family f = rib_family(prefix);
	uint32_t n = find_or_add(&r->table[f], prefix);
	struct rib_prefix *e = rib_node(&r->table[f], n);

	e->owned = true;
	e->owner_group = group;
	e->owner_as = 0;
	touch(r, f, n);
}

void rib_touch_all(struct rib *r)
{
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		for (uint32_t n = first_of(&r->table[f]); n; n = rib_after(&r->table[f], n))
			touch(r, f, n);
	}
}

void rib_touch_around(struct rib *r, const struct ip_prefix *prefix)
{
	enum bgp_family f = rib_family(prefix);

	for (int len = prefix->len; len >= 0; len--) {
		struct ip_prefix p = prefix_make(&prefix->addr, (unsigned int)len);
		uint32_t n = table_find(&r->table[f], &p, hash_prefix(&r->table[f], &p));

		if (n)
			touch(r, f, n);
	}
}

struct rib_prefix *rib_next_dirty(struct rib *r)
{
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		struct rib_queue *q = &r->dirty[f];
		struct rib_prefix *e;

		if (!q->count)
			continue;
		e = rib_node(&r->table[f], q->items[q->first]);
		q->first = (q->first + 1) & (q->size - 1);
		q->count--;
		e->dirty = false;
		if (!q->count)
			queue_trim(q);
		return e;
	}
	return NULL;
}

bool rib_is_dirty(const struct rib *r)
{
	return r->dirty[BGP_IPV4].count || r->dirty[BGP_IPV6].count;
}

/* ---- paths ---- */

static struct rib_path *path_at(const struct rib *r, uint32_t number)
{
	return pool_at(&r->paths, number);
}

/* Where the number of the peer's path stands, or that of none at the end. */
static uint32_t *path_of(const struct rib *r, struct rib_prefix *e, const struct rib_peer *p)
{
	uint32_t *at = &e->paths;

	while (*at && path_at(r, *at)->peer != p)
		at = &path_at(r, *at)->next;
	return at;
}

static struct rib_path *path_add(
	struct rib *r, struct rib_peer *p, enum bgp_family family, uint32_t prefix)
{
	struct rib_prefix *e = rib_node(&r->table[family], prefix);
	uint32_t number = pool_take(&r->paths);
	struct rib_path *path = path_at(r, number);

	path->peer = p;
	path->prefix = prefix;
	path->v6 = family == BGP_IPV6;
	path->next = e->paths;
	e->paths = number;
	p->family[family].prefixes_in++;
	return path;
}

/*
 * The next path of a peer and family behind one, 0 for the first. Peers come and go seldom, and a list
 * for each of them would take a quarter of all memory of paths.
 */
static uint32_t path_behind(
	const struct rib *r, const struct rib_peer *p, enum bgp_family family, uint32_t number)
{
	for (number++; number < r->paths.next; number++) {
		const struct rib_path *path = path_at(r, number);

		if (path->attrs && path->peer == p && path->v6 == (family == BGP_IPV6))
			return number;
	}
	return 0;
}

void rib_path_keep_out(struct rib_path *path, bool out)
{
	if (path->kept_out != out)
		path->peer->kept_out += out ? 1 : -1u;
	path->kept_out = out;
}

static void path_remove(struct rib *r, struct rib_path *path)
{
	enum bgp_family family = path->v6 ? BGP_IPV6 : BGP_IPV4;
	uint32_t prefix = path->prefix;
	uint32_t *at = path_of(r, rib_node(&r->table[family], prefix), path->peer);
	uint32_t number = *at;

	*at = path->next;
	rib_path_keep_out(path, false);
	path->peer->family[family].prefixes_in--;
	attr_unref(&r->attrs, path->attrs);
	path->attrs = NULL;
	pool_give(&r->paths, number);
	touch(r, family, prefix);
}

enum rib_change rib_learn(struct rib *r, struct rib_peer *p, enum bgp_family family,
	const struct ip_prefix *prefix, struct attrs *a)
{
	uint32_t n = find_or_add(&r->table[family], prefix);
	struct rib_path *path = rib_path(&r->paths, *path_of(r, rib_node(&r->table[family], n), p));
	bool known = path;

	if (path)
		path->stale = false;
	if (path && path->attrs == a)
		return RIB_SAME;
	if (path)
		attr_unref(&r->attrs, path->attrs);
	else
		path = path_add(r, p, family, n);
	path->attrs = attr_ref(a);
	touch(r, family, n);
	return known ? RIB_CHANGED : RIB_NEW;
}

static struct rib_path *find_path(const struct rib *r, const struct rib_peer *p,
	enum bgp_family family, const struct ip_prefix *prefix)
{
	const struct rib_table *t = &r->table[family];
	uint32_t n = table_find(t, prefix, hash_prefix(t, prefix));

	return n ? rib_path(&r->paths, *path_of(r, rib_node(t, n), p)) : NULL;
}

void rib_keep_out(
	struct rib *r, struct rib_peer *p, enum bgp_family family, const struct ip_prefix *prefix)
{
	struct rib_path *path = find_path(r, p, family, prefix);

	if (path)
		rib_path_keep_out(path, true);
}

bool rib_forget(
	struct rib *r, struct rib_peer *p, enum bgp_family family, const struct ip_prefix *prefix)
{
	struct rib_path *path = find_path(r, p, family, prefix);

	if (!path)
		return false;
	path_remove(r, path);
	return true;
}

void rib_network(struct rib *r, const struct ip_prefix *prefix, bool present)
{
	enum bgp_family family = rib_family(prefix);
	struct rib_table *t = &r->table[family];
	uint32_t n =
		present ? find_or_add(t, prefix) : table_find(t, prefix, hash_prefix(t, prefix));
	struct rib_prefix *e = n ? rib_node(t, n) : NULL;

	if (!e || e->network == present)
		return;
	e->network = present;
	/* What was learned inside of it is now, or no longer, refused. */
	rib_touch_all(r);
}

/* ---- peers ---- */

void rib_peer_start(struct rib *r, struct rib_peer *p, enum bgp_family family)
{
	struct rib_peer_family *f = &p->family[family];
	struct rib_table *t = &r->table[family];

	rib_slot_taken(r, family, p->slot);
	f->active = true;
	f->warned = f->end_of_rib_in = f->end_of_rib_out = f->suppressed = false;
	f->refreshing = f->refresh_begun = f->refresh_asked = f->unfinished = false;
	f->prefixes_out = 0;
	f->cursor = rib_add_cursor(t, rib_node(t, t->ends)->after);
}

void rib_release(struct rib *r, struct rib_peer *p, enum bgp_family family)
{
	struct rib_peer_family *f = &p->family[family];

	if (f->suppressed)
		rib_drop_cursor(&r->table[family], f->held);
	f->suppressed = false;
}

void rib_mark_stale(struct rib *r, struct rib_peer *p, enum bgp_family family)
{
	uint32_t left = p->family[family].prefixes_in;

	for (uint32_t n = 0; left && (n = path_behind(r, p, family, n)); left--)
		path_at(r, n)->stale = true;
}

static void drop_paths(struct rib *r, struct rib_peer *p, enum bgp_family family, bool stale_only)
{
	uint32_t left = p->family[family].prefixes_in;

	for (uint32_t n = 0; left && (n = path_behind(r, p, family, n)); left--) {
		struct rib_path *path = path_at(r, n);

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
			rib_mark_stale(r, p, family);
		else
			drop_paths(r, p, family, false);
		if (!f->active)
			continue;
		rib_release(r, p, family);
		rib_drop_cursor(t, f->cursor);
		f->active = false;
		f->prefixes_out = 0;
		rib_slot_left(t, p->slot);
	}
}

bool rib_choose(struct rib *r, struct rib_prefix *e, const struct decision *d)
{
	const struct rib_path *best = d->best;
	struct rib_table *t = &r->table[e->v6 ? BGP_IPV6 : BGP_IPV4];
	struct attrs *old = e->best;
	uint16_t old_tunnel = e->best_tunnel, old_group = e->best_group;
	struct attrs *now = e->network ? r->own : best ? best->attrs : NULL;
	bool by_peer = best && !e->network;
	uint32_t n;

	e->best = now ? attr_ref(now) : NULL;
	e->best_tunnel = by_peer ? (uint16_t)best->peer->conf.tunnel : RIB_NO_TUNNEL;
	e->best_group = by_peer ? (uint16_t)best->peer->conf.group : RIB_NO_TUNNEL;
	e->candidates = d->candidates;
	e->other = d->other;
	e->shared = d->shares.count;

	/* Both tunnels of a site look the same to others, who only hear of the hub. */
	bool changed = old != now ||
		       old_tunnel / TUNNELS_PER_SITE != e->best_tunnel / TUNNELS_PER_SITE ||
		       old_group != e->best_group;

	attr_unref(&r->attrs, old);
	if (!changed || e->after == t->ends)
		return changed;
	n = number_of(t, e);
	order_remove(t, e);
	order_insert(t, n, t->ends);
	return true;
}

void rib_tell_again(struct rib *r, struct rib_peer *p, enum bgp_family family)
{
	struct rib_peer_family *f = &p->family[family];
	struct rib_table *t = &r->table[family];

	if (!f->active)
		return;
	rib_release(r, p, family);
	order_remove(t, rib_node(t, f->cursor));
	order_insert(t, f->cursor, rib_node(t, t->ends)->after);
	f->end_of_rib_out = f->refresh_begun = false;
}
