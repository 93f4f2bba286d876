/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prefix_tree.h"

#include <string.h>

enum { LEFT, RIGHT };

static uint8_t *thing(const struct prefix_tree *t, uint32_t number)
{
	return pool_at(t->things, number);
}

static uint32_t *links(const struct prefix_tree *t, uint32_t number)
{
	return (uint32_t *)(void *)(thing(t, number) + t->links);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0xff51afd7ed558ccdu;
	return h ^ h >> 32;
}

/*
 * Which of two is above the other: as good as random. Numbers are given in turn, so a peer chooses which prefix
 * gets which; the key is what he does not know, and without which he could make a list of the tree.
 */
static uint64_t priority(const struct prefix_tree *t, uint32_t number)
{
	return mix(mix(t->key, number), t->key);
}

static int compare(const struct prefix_tree *t, uint32_t one, uint32_t other)
{
	const uint8_t *a = thing(t, one) + t->len, *b = thing(t, other) + t->len;
	int order = memcmp(a + 1, b + 1, t->bytes);

	return order ? order : (int)a[0] - (int)b[0];
}

/* Takes apart what is before a thing and what is behind it. */
static void split(const struct prefix_tree *t, uint32_t root, uint32_t number, uint32_t *before,
	uint32_t *behind)
{
	while (root) {
		uint32_t *of = links(t, root);

		if (compare(t, root, number) < 0) {
			*before = root;
			before = &of[RIGHT];
			root = of[RIGHT];
		} else {
			*behind = root;
			behind = &of[LEFT];
			root = of[LEFT];
		}
	}
	*before = *behind = 0;
}

void prefix_tree_add(struct prefix_tree *t, uint32_t number)
{
	uint32_t *of = links(t, number), *at = &t->root;

	while (*at && priority(t, *at) >= priority(t, number))
		at = &links(t, *at)[compare(t, number, *at) < 0 ? LEFT : RIGHT];
	split(t, *at, number, &of[LEFT], &of[RIGHT]);
	*at = number;
}

void prefix_tree_remove(struct prefix_tree *t, uint32_t number)
{
	uint32_t *at = &t->root, a = links(t, number)[LEFT], b = links(t, number)[RIGHT];

	while (*at != number)
		at = &links(t, *at)[compare(t, number, *at) < 0 ? LEFT : RIGHT];
	while (a && b) {
		if (priority(t, a) >= priority(t, b)) {
			*at = a;
			at = &links(t, a)[RIGHT];
			a = *at;
		} else {
			*at = b;
			at = &links(t, b)[LEFT];
			b = *at;
		}
	}
	*at = a ? a : b;
}

static bool each(
	const struct prefix_tree *t, uint32_t root, prefix_tree_visit *visit, void *context)
{
	for (; root; root = links(t, root)[RIGHT]) {
		if (!each(t, links(t, root)[LEFT], visit, context) ||
			!visit(context, thing(t, root)))
			return false;
	}
	return true;
}

bool prefix_tree_each(const struct prefix_tree *t, prefix_tree_visit *visit, void *context)
{
	return each(t, t->root, visit, context);
}

/* Below 0: its address is before all of the prefix; above: behind all; 0: the prefix has it. */
static int side(const struct prefix_tree *t, uint32_t number, const struct ip_prefix *p)
{
	const struct ip_addr a = addr_from_bytes(p->addr.family, thing(t, number) + t->len + 1);

	return prefix_contains(p, &a) ? 0 : addr_compare(&a, &p->addr);
}

static bool within(const struct prefix_tree *t, uint32_t root, const struct ip_prefix *p,
	prefix_tree_visit *visit, void *context)
{
	int where;

	if (!root)
		return true;
	where = side(t, root, p);
	if (where >= 0 && !within(t, links(t, root)[LEFT], p, visit, context))
		return false;
	if (!where && thing(t, root)[t->len] >= p->len && !visit(context, thing(t, root)))
		return false;
	return where > 0 || within(t, links(t, root)[RIGHT], p, visit, context);
}

bool prefix_tree_within(const struct prefix_tree *t, const struct ip_prefix *p,
	prefix_tree_visit *visit, void *context)
{
	return within(t, t->root, p, visit, context);
}
