/* SPDX-License-Identifier: Apache-2.0 */
/* The store of interned attributes. */
#include "bgp/aspath.h"
#include "bgp/attr.h"

#include <stdlib.h>

enum { FIRST_SIZE = 256 };

/* Hashes are computed modulo this: a prime, so that all factors but 0 are as good. */
#define PRIME ((UINT64_C(1) << 61) - 1)

void attr_store_init(struct attr_store *s, uint64_t key)
{
	*s = (struct attr_store){.size = FIRST_SIZE, .key = key % (PRIME - 1) + 1};
	s->chains = calloc(s->size, sizeof(*s->chains));
	if (!s->chains)
		abort();
}

void attr_store_fini(struct attr_store *s)
{
	for (uint32_t i = 0; i < s->size; i++) {
		while (s->chains[i]) {
			struct attrs *a = s->chains[i];

			s->chains[i] = a->next;
			free(a);
		}
	}
	free(s->chains);
	*s = (struct attr_store){0};
}

/*
 * The words are the coefficients of a polynomial, and its value at the key is the hash. Two different lists of words
 * have the same one for as many keys as they have words, at most: a peer that does not know the key can do nothing but
 * guess, however many words it chooses. With a hash that only mixes word after word (rib_mix) it could: what the top bit
 * of a word changes is the same for every key, and the next words take it back.
 */
static uint64_t hash_word(uint64_t key, uint64_t hash, uint32_t word)
{
	unsigned __int128 product = (unsigned __int128)(hash + word) * key;
	uint64_t sum = (uint64_t)(product & PRIME) + (uint64_t)(product >> 61);

	return sum >= PRIME ? sum - PRIME : sum;
}

static size_t bytes_len(const struct attrs *a)
{
	return (size_t)a->path_len + a->communities_len + a->ext_len + a->large_len + a->other_len;
}

/* The lengths count, too: the same bytes are other attributes when they are divided in another way. */
static uint32_t hash_attrs(uint64_t key, const struct attrs *a)
{
	const uint32_t fields[] = {a->med, a->aggregator.as, a->aggregator.id, a->origin,
		a->has_med, a->atomic_aggregate, a->path_len, a->communities_len, a->ext_len,
		a->large_len, a->other_len};
	size_t len = bytes_len(a);
	uint64_t hash = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		hash = hash_word(key, hash, fields[i]);
	for (size_t at = 0; at < len; at += sizeof(uint32_t)) {
		uint32_t word = 0;

		memcpy(&word, a->bytes + at, len - at < sizeof(word) ? len - at : sizeof(word));
		hash = hash_word(key, hash, word);
	}
	return (uint32_t)(hash ^ hash >> 32);
}

static bool equal(const struct attrs *a, const struct attrs *b)
{
	return a->hash == b->hash && a->med == b->med && a->aggregator.as == b->aggregator.as &&
	       a->aggregator.id == b->aggregator.id && a->origin == b->origin &&
	       a->has_med == b->has_med && a->atomic_aggregate == b->atomic_aggregate &&
	       a->path_len == b->path_len && a->communities_len == b->communities_len &&
	       a->ext_len == b->ext_len && a->large_len == b->large_len &&
	       a->other_len == b->other_len && memcmp(a->bytes, b->bytes, bytes_len(a)) == 0;
}

static void grow(struct attr_store *s)
{
	struct attr_store bigger = {.size = s->size * 2, .used = s->used, .key = s->key};

	bigger.chains = calloc(bigger.size, sizeof(*bigger.chains));
	if (!bigger.chains)
		return; /* longer chains work too */
	for (uint32_t i = 0; i < s->size; i++) {
		while (s->chains[i]) {
			struct attrs *a = s->chains[i];
			struct attrs **to = &bigger.chains[a->hash & (bigger.size - 1)];

			s->chains[i] = a->next;
			a->next = *to;
			*to = a;
		}
	}
	free(s->chains);
	*s = bigger;
}

static struct attrs *build(uint64_t key, const struct attr_draft *d)
{
	size_t len = (size_t)d->path.len + d->communities.len + d->ext_communities.len +
		     d->large_communities.len + d->other_len;
	struct attrs *a;

	if (len > ATTR_BYTES_MAX)
		return NULL;
	a = calloc(1, sizeof(*a) + len);
	if (!a)
		abort();
	a->med = d->med;
	a->aggregator = d->aggregator;
	a->origin = d->origin;
	a->has_med = d->has_med;
	a->atomic_aggregate = d->atomic_aggregate;
	a->hops = (uint8_t)aspath_hops(d->path.bytes, d->path.len);
	a->path_len = d->path.len;
	a->communities_len = d->communities.len;
	a->ext_len = d->ext_communities.len;
	a->large_len = d->large_communities.len;
	a->other_len = d->other_len;

	struct wr w = wr_init(a->bytes, len);

	wr_bytes(&w, d->path.bytes, d->path.len);
	wr_bytes(&w, d->communities.p, d->communities.len);
	wr_bytes(&w, d->ext_communities.p, d->ext_communities.len);
	wr_bytes(&w, d->large_communities.p, d->large_communities.len);
	wr_bytes(&w, d->other, d->other_len);
	a->hash = hash_attrs(key, a);
	return a;
}

struct attrs *attr_intern(struct attr_store *s, const struct attr_draft *d)
{
	struct attrs *a = build(s->key, d);

	if (!a)
		return NULL;
	for (struct attrs *known = s->chains[a->hash & (s->size - 1)]; known; known = known->next) {
		if (equal(known, a)) {
			free(a);
			return attr_ref(known);
		}
	}
	if (s->used >= s->size)
		grow(s);

	struct attrs **chain = &s->chains[a->hash & (s->size - 1)];

	a->next = *chain;
	a->references = 1;
	*chain = a;
	s->used++;
	return a;
}

struct attrs *attr_ref(struct attrs *a)
{
	a->references++;
	return a;
}

void attr_unref(struct attr_store *s, struct attrs *a)
{
	if (!a || --a->references)
		return;

	struct attrs **at = &s->chains[a->hash & (s->size - 1)];

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	s->used--;
	free(a);
}
