/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The best path of each prefix, as bgp reported it: hash tables that grow with what they hold. An IPv4 route
 * takes 28 bytes, an IPv6 route 40. What is only shown of a route (struct route_facts) is stored once for all
 * routes that have it in common, and counted. An entry stays where it is until it is removed.
 */
#ifndef SLUICE_STATE_ROUTE_TABLE_H
#define SLUICE_STATE_ROUTE_TABLE_H

#include "ipc/msg_bgp.h"
#include "state/shares.h"

#include <string.h>

struct route_entry {
	uint32_t next;        /* the next entry of the chain: a number of base/pool.h; 0: none */
	uint32_t facts;       /* the number of its route_facts; 0: none */
	uint32_t left, right; /* in the order of prefixes */
	union {
		struct {
			uint16_t mtu;   /* as installed */
			uint16_t moves; /* from one tunnel to another, 65535 at most */
		};
		uint32_t mark_s; /* of closed.c */
	};
	uint16_t tunnel;
	bool stale : 1;     /* from a bgp process that has ended */
	bool ending : 1;    /* of closed.c */
	bool installed : 1; /* in the kernel and in the trie */
	bool counted : 1;   /* in its site's number of routes */
	bool v6 : 1;
	uint8_t len;
	uint8_t address[16]; /* IPv4 entries end after 4 */
};

static inline struct ip_prefix route_prefix(const struct route_entry *e)
{
	struct ip_prefix p = {.len = e->len};

	p.addr.family = e->v6 ? AF_INET6 : AF_INET;
	memcpy(p.addr.bytes, e->address, e->v6 ? 16 : 4);
	return p;
}

/* What bgp said of a route and is only shown, and the set of tunnels that share it, which few routes have. */
struct route_facts {
	uint32_t next;
	uint32_t references;
	uint32_t med;
	struct path_count candidates;
	uint16_t share; /* see shares.h */
	uint8_t source; /* enum route_source */
	uint8_t other;  /* enum path_fate, see struct imsg_route */
	uint8_t origin;
	uint8_t as_path_len; /* true length; as_path holds the first of them */
	uint32_t as_path[ROUTE_AS_PATH_SHOWN];
};

struct route_table;

/* With a random key no site can choose prefixes that fall into one chain. */
struct route_table *route_table_new(uint64_t key);
void route_table_free(struct route_table *t);

/* The entry of the prefix, or NULL. */
struct route_entry *route_table_find(struct route_table *t, const struct ip_prefix *prefix);

/* The entry of the prefix, made when there was none; then it has no facts. */
struct route_entry *route_table_get(struct route_table *t, const struct ip_prefix *prefix);

/*
 * Stores what the message says, and the number of its set of tunnels (shares.h; 0: none), which it holds from
 * now on.
 */
void route_table_set_facts(struct route_table *t, struct route_entry *e,
	const struct imsg_route *route, uint16_t share);
/* The route has no set of tunnels any more: its best tunnel carries it alone. */
void route_table_unshare(struct route_table *t, struct route_entry *e);
/* NULL: nothing was stored yet. */
const struct route_facts *route_table_facts(
	const struct route_table *t, const struct route_entry *e);

/* All sets of tunnels that routes of the table share. */
struct shares *route_table_shares(const struct route_table *t);
/* The number of the entry's set, 0 for none; and the set itself, which is empty then. */
uint16_t route_table_share(const struct route_table *t, const struct route_entry *e);
const struct route_shares *route_table_sharing(
	const struct route_table *t, const struct route_entry *e);

/* Does nothing when the prefix is not there. */
void route_table_remove(struct route_table *t, const struct ip_prefix *prefix);
size_t route_table_count(const struct route_table *t);

/* Calls visit for each entry; it may remove the entry it is called with. */
void route_table_each(
	struct route_table *t, void (*visit)(void *context, struct route_entry *e), void *context);

/* Calls visit for each entry, in no order; nothing may be changed meanwhile. */
void route_table_read(const struct route_table *t,
	void (*visit)(void *context, const struct route_entry *e), void *context);

/* The same in the order of prefix_compare(), so that whatever one lies in comes before it. */
void route_table_in_order(const struct route_table *t,
	void (*visit)(void *context, const struct route_entry *e), void *context);

/*
 * Calls visit for a part of the entries, at least `least` of them, beginning at the place `at`, which is 0 the
 * first time. Returns the place for the next call, 0 at the end. An entry added or removed between two calls may
 * be missed.
 */
uint32_t route_table_some(struct route_table *t, uint32_t at, unsigned int least,
	void (*visit)(void *context, struct route_entry *e), void *context);

#endif
