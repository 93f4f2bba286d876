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
