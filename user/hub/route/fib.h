/* SPDX-License-Identifier: Apache-2.0 */
/* Within hub/route: the forwarding table, and how its parts write routes into the kernel and into the BPF tries. */
#ifndef SLUICE_HUB_ROUTE_FIB_H
#define SLUICE_HUB_ROUTE_FIB_H

#include "hub/route/route.h"

struct fib {
	struct route_table *table; /* best paths that bgp reported; the model has it as const */
	struct event *sweep;       /* removes and judges again; NULL until it is wanted first */
	bool rules_changed;        /* routes that are there are to be judged again */
	bool shares_short; /* there are more different sets of tunnels than TC has room for */

	/* check.c: the place in the table to go on from, and when the next round may begin. */
	uint32_t check_at;
	uint64_t check_again_ns;
};

/*
 * What is to be written, a system call for many: either routes that come or routes that go, so that
 * the order is kept. In entries `installed` runs ahead of it and is put right if one is refused.
 */
struct fib_batch {
	struct hub *h;
	bool coming;
	size_t count;
	struct fib_route routes[ROUTES_BATCH];
};

/* fib.c. Puts the route of an entry into the batch, or takes the entry and its route away. */
void fib_install(struct fib_batch *b, struct route_entry *e);
void fib_remove(struct fib_batch *b, struct route_entry *e);
/* Writes what the batch has, and empties it. */
void fib_batch_write(struct fib_batch *b);
bool fib_tunnel_is_open(struct hub *h, uint32_t tunnel);

/* inside.c: the route to the site's end of tunnel t's block of one family. False: it has no such block. */
bool fib_inside_route(const struct site *site, unsigned int t, bool v6, struct fib_route *r);

#endif
