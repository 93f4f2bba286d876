/* SPDX-License-Identifier: Apache-2.0 */
#include "state/route_table.h"

#include "base/pool.h"
#include "base/prefix_tree.h"
#include "bgp/decide.h"
#include "ipc/msg_bgp.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 256 /* a power of two */
#define CHAIN_LENGTH                                                                               \
	2 /* on average, at most: a system call for each route costs more than to look */

/* Things of a pool, chained by their first member, the number of the next. */
struct chains {
	struct pool pool;
	uint32_t *first;
	uint32_t size;
	uint32_t count;
	uint64_t key;
	uint32_t (*hash)(uint64_t key, const void *thing);
};

enum { FAMILIES = 2 };

struct route_table {
	struct chains entries[FAMILIES]; /* IPv4, IPv6 */
	struct prefix_tree order[FAMILIES];
	struct chains facts;
	struct shares *shares;
};

/* Nobody who does not know the key can tell what falls together: a site chooses prefixes and paths. */
static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0xff51afd7ed558ccdu;
	return h ^ h >> 32;
}

static uint32_t hash_address(uint64_t key, const uint8_t *address, size_t bytes, uint8_t len)
{
	uint64_t halves[2] = {0};

	memcpy(halves, address, bytes);
	return (uint32_t)mix(mix(mix(key, halves[0]), halves[1]), len);
}

static size_t address_bytes(bool v6)
{
	return v6 ? 16 : 4;
}

static uint32_t hash_entry(uint64_t key, const void *thing)
{
	const struct route_entry *e = thing;

	return hash_address(key, e->address, address_bytes(e->v6), e->len);
}

static uint32_t hash_facts(uint64_t key, const void *thing)
{
	const struct route_facts *f = thing;
	const uint32_t words[] = {f->med, f->candidates.all, f->candidates.second,
		f->candidates.site, f->source, f->origin, f->as_path_len, f->share, f->other};
	uint64_t h = key;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		h = mix(h, words[i]);
	for (size_t i = 0; i < ROUTE_AS_PATH_SHOWN; i++)
		h = mix(h, f->as_path[i]);
	return (uint32_t)h;
}

static uint32_t *must_calloc(uint32_t n)
{
	uint32_t *p = calloc(n, sizeof(*p));

	if (!p)
		abort();
	return p;
}

static void chains_init(struct chains *c, size_t size, uint64_t key,
	uint32_t (*hash)(uint64_t key, const void *thing))
{
	*c = (struct chains){.size = BUCKETS_FIRST, .key = key, .hash = hash};
	c->first = must_calloc(c->size);
	pool_init(&c->pool, size);
}

static void chains_fini(struct chains *c)
{
	free(c->first);
	pool_fini(&c->pool);
}

static void chains_grow(struct chains *c)
{
	uint32_t size = c->size * 2, *first = must_calloc(size);

	for (uint32_t i = 0; i < c->size; i++) {
		for (uint32_t n = c->first[i], after; n; n = after) {
			uint32_t *next = pool_at(&c->pool, n);
			uint32_t at = c->hash(c->key, next) & (size - 1);

			after = *next;
			*next = first[at];
			first[at] = n;
		}
	}
	free(c->first);
	c->first = first;
	c->size = size;
}

/* Takes up a copy of the thing; returns its number. */
static uint32_t chains_insert(struct chains *c, const void *thing)
{
	uint32_t n = pool_take(&c->pool), *at;
	uint32_t *next = pool_at(&c->pool, n);

	if (c->count++ >= CHAIN_LENGTH * c->size)
		chains_grow(c);
	memcpy(next, thing, c->pool.size);
	at = &c->first[c->hash(c->key, thing) & (c->size - 1)];
	*next = *at;
	*at = n;
	return n;
}

/* The thing whose number stands at `at`. */
static void chains_remove(struct chains *c, uint32_t *at)
{
	uint32_t n = *at;

	*at = *(uint32_t *)pool_at(&c->pool, n);
	pool_give(&c->pool, n);
	c->count--;
}

struct route_table *route_table_new(uint64_t key)
{
	struct route_table *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	for (int v6 = 0; v6 < FAMILIES; v6++) {
		chains_init(&t->entries[v6],
			offsetof(struct route_entry, address) + address_bytes(v6), key, hash_entry);
		t->order[v6] = (struct prefix_tree){.things = &t->entries[v6].pool,
			.key = key,
			.links = offsetof(struct route_entry, left),
			.len = offsetof(struct route_entry, len),
			.bytes = (uint8_t)address_bytes(v6)};
	}
	chains_init(&t->facts, sizeof(struct route_facts), key, hash_facts);
	t->shares = shares_new();
	return t;
}

void route_table_free(struct route_table *t)
{
	if (!t)
		return;
	for (int v6 = 0; v6 < FAMILIES; v6++)
		chains_fini(&t->entries[v6]);
	chains_fini(&t->facts);
	shares_free(t->shares);
	free(t);
}

static struct route_entry *entry_at(const struct chains *c, uint32_t n)
{
	return n ? pool_at(&c->pool, n) : NULL;
}

static struct route_facts *facts_at(const struct route_table *t, uint32_t n)
{
	return n ? pool_at(&t->facts.pool, n) : NULL;
}

static struct chains *entries_of(struct route_table *t, const struct ip_prefix *prefix)
{
	return &t->entries[prefix->addr.family == AF_INET6];
}

/* Where the number of the entry stands, or 0 at the end of its chain. */
static uint32_t *place_of(const struct chains *c, const struct ip_prefix *prefix)
{
	size_t bytes = address_bytes(prefix->addr.family == AF_INET6);
	uint32_t hash = hash_address(c->key, prefix->addr.bytes, bytes, prefix->len);
	uint32_t *at = &c->first[hash & (c->size - 1)];

	for (struct route_entry *e; (e = entry_at(c, *at)); at = &e->next) {
		if (e->len == prefix->len && !memcmp(e->address, prefix->addr.bytes, bytes))
			break;
	}
	return at;
}

struct route_entry *route_table_find(struct route_table *t, const struct ip_prefix *prefix)
{
	const struct chains *c = entries_of(t, prefix);

	return entry_at(c, *place_of(c, prefix));
}

struct route_entry *route_table_get(struct route_table *t, const struct ip_prefix *prefix)
{
	struct chains *c = entries_of(t, prefix);
	struct route_entry fresh = {.v6 = prefix->addr.family == AF_INET6, .len = prefix->len};
	uint32_t n = *place_of(c, prefix);

	if (!n) {
		memcpy(fresh.address, prefix->addr.bytes, sizeof(fresh.address));
		n = chains_insert(c, &fresh);
		prefix_tree_add(&t->order[fresh.v6], n);
	}
	return entry_at(c, n);
}

/* ---- facts ---- */

static bool facts_equal(const struct route_facts *a, const struct route_facts *b)
{
	return a->med == b->med && !memcmp(&a->candidates, &b->candidates, sizeof(a->candidates)) &&
	       a->source == b->source && a->origin == b->origin &&
	       a->as_path_len == b->as_path_len && a->share == b->share && a->other == b->other &&
	       !memcmp(a->as_path, b->as_path, sizeof(a->as_path));
}

static uint32_t *place_of_facts(struct route_table *t, const struct route_facts *f)
{
	uint32_t *at = &t->facts.first[hash_facts(t->facts.key, f) & (t->facts.size - 1)];

	while (*at && !facts_equal(facts_at(t, *at), f))
		at = &facts_at(t, *at)->next;
	return at;
}

static void drop_facts(struct route_table *t, struct route_entry *e)
{
	struct route_facts *f = facts_at(t, e->facts);

	if (f && !--f->references) {
		shares_release(t->shares, f->share);
		chains_remove(&t->facts, place_of_facts(t, f));
	}
	e->facts = 0;
}

static void set_facts(struct route_table *t, struct route_entry *e, const struct route_facts *f)
{
	uint32_t n = *place_of_facts(t, f);

	if (!n) {
		n = chains_insert(&t->facts, f);
		shares_hold(t->shares, f->share);
	}
	facts_at(t, n)->references++; /* before the old ones go: they may be the same */
	drop_facts(t, e);
	e->facts = n;
}

void route_table_set_facts(struct route_table *t, struct route_entry *e,
	const struct imsg_route *route, uint16_t share)
{
	struct route_facts f = {.med = route->med,
		.candidates = route->candidates,
		.other = route->other < PATH_FATES ? route->other : PATH_BEST,
		.share = share,
		.source = route->source,
		.origin = route->origin,
		.as_path_len = route->as_path_len};

	memcpy(f.as_path, route->as_path, sizeof(f.as_path));
	set_facts(t, e, &f);
}

void route_table_unshare(struct route_table *t, struct route_entry *e)
{
	struct route_facts f = *facts_at(t, e->facts);

	f.share = 0;
	f.references = 0;
	set_facts(t, e, &f);
}

const struct route_facts *route_table_facts(
	const struct route_table *t, const struct route_entry *e)
{
	return facts_at(t, e->facts);
}

struct shares *route_table_shares(const struct route_table *t)
{
	return t->shares;
}

uint16_t route_table_share(const struct route_table *t, const struct route_entry *e)
{
	const struct route_facts *f = facts_at(t, e->facts);

	return f ? f->share : 0;
}

const struct route_shares *route_table_sharing(
	const struct route_table *t, const struct route_entry *e)
{
	return shares_get(t->shares, route_table_share(t, e));
}

void route_table_remove(struct route_table *t, const struct ip_prefix *prefix)
{
	struct chains *c = entries_of(t, prefix);
	uint32_t *at = place_of(c, prefix);

	if (!*at)
		return;
	drop_facts(t, entry_at(c, *at));
	prefix_tree_remove(&t->order[prefix->addr.family == AF_INET6], *at);
	chains_remove(c, at);
}

size_t route_table_count(const struct route_table *t)
{
	return t->entries[0].count + t->entries[1].count;
}

uint32_t route_table_some(struct route_table *t, uint32_t at, unsigned int least,
	void (*visit)(void *context, struct route_entry *e), void *context)
{
	uint32_t v4 = t->entries[0].size, all = v4 + t->entries[1].size;
	unsigned int visited = 0;

	for (; at < all && visited < least; at++) {
		const struct chains *c = &t->entries[at >= v4];

		for (uint32_t n = c->first[at < v4 ? at : at - v4], after; n; n = after) {
			after = entry_at(c, n)->next;
			visit(context, entry_at(c, n));
			visited++;
		}
	}
	return at < all ? at : 0;
}

void route_table_each(
	struct route_table *t, void (*visit)(void *context, struct route_entry *e), void *context)
{
	route_table_some(t, 0, UINT_MAX, visit, context);
}

struct reading {
	void (*visit)(void *context, const struct route_entry *e);
	void *context;
};

static bool read_one(void *context, void *entry)
{
	const struct reading *r = context;

	r->visit(r->context, entry);
	return true;
}

void route_table_in_order(const struct route_table *t,
	void (*visit)(void *context, const struct route_entry *e), void *context)
{
	struct reading r = {visit, context};

	for (int v6 = 0; v6 < FAMILIES; v6++)
		(void)prefix_tree_each(&t->order[v6], read_one, &r);
}

void route_table_read(const struct route_table *t,
	void (*visit)(void *context, const struct route_entry *e), void *context)
{
	for (int i = 0; i < 2; i++) {
		const struct chains *c = &t->entries[i];

		for (uint32_t at = 0; at < c->size; at++) {
			for (uint32_t n = c->first[at]; n; n = entry_at(c, n)->next)
				visit(context, entry_at(c, n));
		}
	}
}
