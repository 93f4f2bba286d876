/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefixes in the order of their addresses: a treap. Which ones lie within another is asked of it; which
 * ones lie around it, of the hash table, length by length.
 */
#include "bgp/rib.h"

/*
 * Which of two is above the other: as good as random. Numbers are given in turn, so a peer chooses which prefix
 * gets which; the table's key is what he does not know, and without which he could make a list of the tree.
 */
static uint64_t priority(const struct rib_table *t, uint32_t number)
{
	return rib_mix(rib_mix(t->key, number), t->key);
}

static int compare(const struct rib_prefix *a, const struct rib_prefix *b)
{
	int order = memcmp(a->address, b->address, a->v6 ? 16 : 4);

	return order ? order : (int)a->len - (int)b->len;
}

/* Takes apart what is before e and what is behind it. */
static void split(const struct rib_table *t, uint32_t root, const struct rib_prefix *e,
	uint32_t *before, uint32_t *behind)
{
	while (root) {
		struct rib_prefix *top = rib_node(t, root);

		if (compare(top, e) < 0) {
			*before = root;
			before = &top->right;
			root = top->right;
		} else {
			*behind = root;
			behind = &top->left;
			root = top->left;
		}
	}
	*before = *behind = 0;
}

void rib_tree_add(struct rib_table *t, uint32_t number)
{
	struct rib_prefix *e = rib_node(t, number);
	uint32_t *at = &t->root;

	while (*at && priority(t, *at) >= priority(t, number)) {
		struct rib_prefix *top = rib_node(t, *at);

		at = compare(e, top) < 0 ? &top->left : &top->right;
	}
	split(t, *at, e, &e->left, &e->right);
	*at = number;
	t->lengths[e->len]++;
}

void rib_tree_remove(struct rib_table *t, uint32_t number)
{
	struct rib_prefix *e = rib_node(t, number);
	uint32_t *at = &t->root, a = e->left, b = e->right;

	while (*at != number)
		at = compare(e, rib_node(t, *at)) < 0 ? &rib_node(t, *at)->left
						      : &rib_node(t, *at)->right;
	while (a && b) {
		struct rib_prefix *top = rib_node(t, priority(t, a) >= priority(t, b) ? a : b);

		if (top == rib_node(t, a)) {
			*at = a;
			at = &top->right;
			a = top->right;
		} else {
			*at = b;
			at = &top->left;
			b = top->left;
		}
	}
	*at = a ? a : b;
	t->lengths[e->len]--;
}

/* Below 0: its address is before all of the prefix; above: behind all; 0: the prefix has it. */
static int side(const struct rib_prefix *e, const struct ip_prefix *p)
{
	struct ip_addr a = rib_prefix_of(e).addr;

	return prefix_contains(p, &a) ? 0 : addr_compare(&a, &p->addr);
}

static bool each_within(const struct rib_table *t, uint32_t root, const struct ip_prefix *p,
	rib_visit *visit, void *context)
{
	struct rib_prefix *e;
	int where;

	if (!root)
		return true;
	e = rib_node(t, root);
	where = side(e, p);
	if (where >= 0 && !each_within(t, e->left, p, visit, context))
		return false;
	if (!where && e->len > p->len && !visit(context, e))
		return false;
	return where > 0 || each_within(t, e->right, p, visit, context);
}

bool rib_each_within(
	const struct rib *r, const struct ip_prefix *p, rib_visit *visit, void *context)
{
	const struct rib_table *t = &r->table[rib_family(p)];

	return each_within(t, t->root, p, visit, context);
}

struct rib_prefix *rib_around(const struct rib *r, const struct ip_prefix *p)
{
	const struct rib_table *t = &r->table[rib_family(p)];

	for (int len = p->len - 1; len >= 0; len--) {
		struct ip_prefix around;
		struct rib_prefix *e;

		if (!t->lengths[len])
			continue;
		around = prefix_make(&p->addr, (unsigned int)len);
		e = rib_find(r, &around);
		if (e)
			return e;
	}
	return NULL;
}
