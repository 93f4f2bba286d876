/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/route_table.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 256 /* a power of two */

struct route_table {
	struct route_entry **buckets;
	size_t size;
	size_t count;
};

static size_t hash_prefix(const struct ip_prefix *p)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (size_t i = 0; i < sizeof(p->addr.bytes); i++)
		h = (h ^ p->addr.bytes[i]) * 1099511628211u;
	return (size_t)((h ^ p->len ^ p->addr.family) * 1099511628211u >> 20);
}

static struct route_entry **slot_of(struct route_table *t, const struct ip_prefix *prefix)
{
	struct route_entry **e = &t->buckets[hash_prefix(prefix) & (t->size - 1)];

	while (*e && !prefix_equal(&(*e)->route.prefix, prefix))
		e = &(*e)->next;
	return e;
}

static void *must_calloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		abort();
	return p;
}

struct route_table *route_table_new(void)
{
	struct route_table *t = must_calloc(1, sizeof(*t));

	t->size = BUCKETS_FIRST;
	t->buckets = must_calloc(t->size, sizeof(struct route_entry *));
	return t;
}

static void free_entry(void *context, struct route_entry *e)
{
	(void)context;
	free(e);
}

void route_table_free(struct route_table *t)
{
	if (!t)
		return;
	route_table_each(t, free_entry, NULL);
	free(t->buckets);
	free(t);
}

struct route_entry *route_table_find(struct route_table *t, const struct ip_prefix *prefix)
{
	return *slot_of(t, prefix);
}

static void grow(struct route_table *t)
{
	struct route_table bigger = {.size = t->size * 2,
		.buckets = must_calloc(t->size * 2, sizeof(struct route_entry *))};

	for (size_t i = 0; i < t->size; i++) {
		struct route_entry *e = t->buckets[i], *next;

		for (; e; e = next) {
			next = e->next;
			struct route_entry **to =
				&bigger.buckets[hash_prefix(&e->route.prefix) & (bigger.size - 1)];
			e->next = *to;
			*to = e;
		}
	}
	free(t->buckets);
	t->buckets = bigger.buckets;
	t->size = bigger.size;
}

struct route_entry *route_table_get(struct route_table *t, const struct ip_prefix *prefix)
{
	struct route_entry **slot = slot_of(t, prefix);

	if (*slot)
		return *slot;
	if (t->count >= t->size) {
		grow(t);
		slot = slot_of(t, prefix);
	}
	*slot = must_calloc(1, sizeof(**slot));
	(*slot)->route.prefix = *prefix;
	t->count++;
	return *slot;
}

void route_table_remove(struct route_table *t, const struct ip_prefix *prefix)
{
	struct route_entry **slot = slot_of(t, prefix);
	struct route_entry *e = *slot;

	if (!e)
		return;
	*slot = e->next;
	free(e);
	t->count--;
}

size_t route_table_count(const struct route_table *t)
{
	return t->count;
}

void route_table_each(
	struct route_table *t, void (*visit)(void *context, struct route_entry *e), void *context)
{
	for (size_t i = 0; i < t->size; i++) {
		struct route_entry *e = t->buckets[i], *next;

		for (; e; e = next) {
			next = e->next;
			visit(context, e);
		}
	}
}
