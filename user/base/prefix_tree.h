/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Things of a pool (pool.h) in the order of the prefixes that they are of: a treap. What lies within a prefix stands
 * together, behind whatever that lies in. A thing has two numbers of 32 bits for the tree, side by side, and its prefix as
 * the length with the bytes of the address right behind it.
 */
#ifndef SLUICE_BASE_PREFIX_TREE_H
#define SLUICE_BASE_PREFIX_TREE_H

#include "base/addr.h"
#include "base/pool.h"

struct prefix_tree {
	const struct pool *things;
	uint64_t
		key; /* random: who chooses prefixes, and so numbers, must not choose the shape of the tree */
	uint32_t root; /* a number; 0: it is empty */
	uint8_t links; /* where in a thing the two numbers stand, in bytes */
	uint8_t len;   /* and its length */
	uint8_t bytes; /* of an address: 4, 16 */
};

/* Enters or removes the thing with this number. There is one at most of each prefix. */
void prefix_tree_add(struct prefix_tree *t, uint32_t number);
void prefix_tree_remove(struct prefix_tree *t, uint32_t number);

/* Visits all, or those within the prefix, itself among them, in the order of prefix_compare(). */
typedef bool prefix_tree_visit(void *context, void *thing); /* false: it is enough */
bool prefix_tree_each(const struct prefix_tree *t, prefix_tree_visit *visit, void *context);
bool prefix_tree_within(const struct prefix_tree *t, const struct ip_prefix *p,
	prefix_tree_visit *visit, void *context);

#endif
