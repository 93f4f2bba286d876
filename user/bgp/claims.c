/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/claims.h"

#include <stdlib.h>
#include <string.h>

void claims_clear(struct claims *c)
{
	c->count = 0;
	memset(c->has_len, 0, sizeof(c->has_len));
}

void claims_fini(struct claims *c)
{
	free(c->items);
	*c = (struct claims){0};
}

void claims_add(struct claims *c, const struct ip_prefix *prefix, uint32_t group)
{
	if (c->count == c->size) {
		c->size = c->size ? c->size * 2 : 64;
		c->items = realloc(c->items, c->size * sizeof(*c->items));
		if (!c->items)
			abort();
	}
	c->items[c->count++] = (struct claim){.prefix = *prefix, .group = group};
	c->has_len[prefix->addr.family == AF_INET6][prefix->len] = true;
}

static int compare(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return prefix_compare(&x->prefix, &y->prefix);
}

void claims_sort(struct claims *c)
{
	if (c->count)
		qsort(c->items, c->count, sizeof(*c->items), compare);
}

void claims_unite(struct claims *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (!kept || !prefix_equal(&c->items[kept - 1].prefix, &c->items[i].prefix))
			c->items[kept++] = c->items[i];
	}
	c->count = kept;
}

bool claims_same_prefixes(const struct claims *a, const struct claims *b)
{
	for (size_t i = 0; i < a->count && a->count == b->count; i++) {
		if (!prefix_equal(&a->items[i].prefix, &b->items[i].prefix))
			return false;
	}
	return a->count == b->count;
}

bool claims_lie_within(const struct claims *c, const struct ip_prefix *prefix)
{
	size_t low = 0, high = c->count;

	while (low < high) { /* the first that is not before the prefix */
		size_t middle = (low + high) / 2;

		if (prefix_compare(&c->items[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->count && prefix_covers(prefix, &c->items[low].prefix);
}

const struct claim *claims_find(const struct claims *c, const struct ip_prefix *prefix)
{
	const bool *has_len = c->has_len[prefix->addr.family == AF_INET6];

	for (int len = c->count ? prefix->len : -1; len >= 0; len--) {
		struct claim key = {0};
		const struct claim *found;

		if (!has_len[len])
			continue;
		key.prefix = prefix_make(&prefix->addr, (unsigned int)len);
		found = bsearch(&key, c->items, c->count, sizeof(*c->items), compare);
		if (found)
			return found;
	}
	return NULL;
}
