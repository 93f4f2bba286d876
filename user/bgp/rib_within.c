/* SPDX-License-Identifier: Apache-2.0 */
/* Which prefixes lie within another is asked of the tree; which ones lie around it, of the hash table, length by length. */
#include "bgp/rib.h"

struct longer {
	rib_visit *visit;
	void *context;
	unsigned int than;
};

static bool visit_longer(void *context, void *thing)
{
	const struct longer *l = context;
	struct rib_prefix *e = thing;

	return e->len == l->than || l->visit(l->context, e);
}

bool rib_each_within(
	const struct rib *r, const struct ip_prefix *p, rib_visit *visit, void *context)
{
	struct longer l = {visit, context, p->len};

	return prefix_tree_within(&r->table[rib_family(p)].tree, p, visit_longer, &l);
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
