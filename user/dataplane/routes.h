/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes by the hundred: one system call writes many into the BPF tries, one many into the kernel's
 * table, and yet each that is refused is known.
 */
#ifndef SLUICE_DATAPLANE_ROUTES_H
#define SLUICE_DATAPLANE_ROUTES_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROUTES_BATCH 128 /* more are written in several calls */

struct fib_route {
	struct ip_prefix prefix;
	struct ip_addr source; /* what the hub itself sends from; none: the kernel chooses */
	uint32_t mtu;          /* 0: the device's */
	uint32_t tunnel;
	uint32_t share; /* 0: that tunnel alone; else the set of them, see maps_share_set */
	bool inside; /* to the end of a tunnel: in the main table, where the hub's own sockets look */
	bool closed; /* leads nowhere: what has no other route of that prefix is unreachable */
	bool failed; /* set by the functions here and by none else; those that failed are left out */
};

struct nl_sock;

/* A netlink socket of its own, and where the routes lead. */
struct route_socket {
	struct nl_sock *sock;
	uint32_t ifindex;
	uint32_t table;
	uint32_t sequence;
	struct ip_addr source6; /* of routes that have none; unset: the kernel chooses */
};

/* Installs or replaces routes, or removes them. Returns how many have failed, marked in the list. */
size_t route_socket_set(struct route_socket *s, struct fib_route *routes, size_t count);
size_t route_socket_del(struct route_socket *s, struct fib_route *routes, size_t count);

/* Installs those that are not there: whoever is there has "failed", and is left as it is. */
size_t route_socket_restore(struct route_socket *s, struct fib_route *routes, size_t count);

/*
 * Prefixes, no default route, that others than us have routed by a device, in any table; `max` at most.
 * False: the kernel did not say all. A device that is not there has none.
 */
bool routes_by_device(
	int family, uint32_t ifindex, struct ip_prefix *list, size_t max, size_t *count);

#endif
