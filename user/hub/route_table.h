/* SPDX-License-Identifier: Apache-2.0 */
/* Best paths by prefix: a hash table that grows with what it holds. */
#ifndef SLUICE_HUB_ROUTE_TABLE_H
#define SLUICE_HUB_ROUTE_TABLE_H

#include "hub/imsg.h"

struct route_entry {
	struct route_entry *next;
	struct imsg_route route;
	uint32_t mtu;   /* as installed */
	uint32_t moves; /* from one tunnel to another */
	bool stale;     /* from a bgp process that has ended */
	bool installed; /* in the kernel and in the trie */
	bool counted;   /* in its site's number of routes */
};

struct route_table;

struct route_table *route_table_new(void);
void route_table_free(struct route_table *t);

struct route_entry *route_table_find(struct route_table *t, const struct ip_prefix *prefix);

/* The entry of the prefix, made when there was none. */
struct route_entry *route_table_get(struct route_table *t, const struct ip_prefix *prefix);

void route_table_remove(struct route_table *t, const struct ip_prefix *prefix);
size_t route_table_count(const struct route_table *t);

/* Calls visit for each entry; it may remove the entry it is called with. */
void route_table_each(
	struct route_table *t, void (*visit)(void *context, struct route_entry *e), void *context);

#endif
