/* SPDX-License-Identifier: Apache-2.0 */
/* The store of interned attributes. */
#include "bgp/aspath.h"
#include "bgp/attr.h"

#include <stdlib.h>

enum { FIRST_SIZE = 256 };

void attr_store_init(struct attr_store *s)
{
	*s = (struct attr_store){.size = FIRST_SIZE};
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

/* FNV-1a: peers can make collisions, but only among the few attributes of their own limit. */
static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return hash;
}

static size_t bytes_len(const struct attrs *a)
{
	return (size_t)a->path_len + a->communities_len + a->ext_len + a->large_len + a->other_len;
}

static uint32_t hash_attrs(const struct attrs *a)
{
	uint32_t fields[] = {a->med, a->aggregator.as, a->aggregator.id, a->origin, a->has_med,
		a->atomic_aggregate};

	return hash_bytes(hash_bytes(2166136261u, fields, sizeof(fields)), a->bytes, bytes_len(a));
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
	struct attr_store bigger = {.size = s->size * 2, .used = s->used};

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

static struct attrs *build(const struct attr_draft *d)
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
	a->hash = hash_attrs(a);
	return a;
}

struct attrs *attr_intern(struct attr_store *s, const struct attr_draft *d)
{
	struct attrs *a = build(d);

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
