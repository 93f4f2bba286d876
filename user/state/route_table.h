/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Best paths by prefix: hash tables that grow with what they hold. 20 bytes an IPv4 route, 32 an IPv6
 * one; what is only shown of it stands apart, once for all routes that have it in common.
 */
#ifndef SLUICE_STATE_ROUTE_TABLE_H
#define SLUICE_STATE_ROUTE_TABLE_H

#include "ipc/msg_bgp.h"
#include "state/shares.h"

#include <string.h>

struct route_entry {
	uint32_t next; /* numbers, see base/pool.h */
	uint32_t facts;
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

/* What bgp said of a route: to be shown, and who carries it together, which few do. */
struct route_facts {
	uint32_t next;
	uint32_t references;
	uint32_t med;
	uint32_t candidates;
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

struct route_entry *route_table_find(struct route_table *t, const struct ip_prefix *prefix);

/* The entry of the prefix, made when there was none; then it has no facts. */
struct route_entry *route_table_get(struct route_table *t, const struct ip_prefix *prefix);

/* Holds the share. */
void route_table_set_facts(struct route_table *t, struct route_entry *e,
	const struct imsg_route *route, uint16_t share);
/* Its share is none from now on. */
void route_table_unshare(struct route_table *t, struct route_entry *e);
const struct route_facts *route_table_facts(
	const struct route_table *t, const struct route_entry *e);

/* The sets that its routes share; the number of an entry's; the set itself, which may be empty. */
struct shares *route_table_shares(const struct route_table *t);
uint16_t route_table_share(const struct route_table *t, const struct route_entry *e);
const struct route_shares *route_table_sharing(
	const struct route_table *t, const struct route_entry *e);

void route_table_remove(struct route_table *t, const struct ip_prefix *prefix);
size_t route_table_count(const struct route_table *t);

/* Calls visit for each entry; it may remove the entry it is called with. */
void route_table_each(
	struct route_table *t, void (*visit)(void *context, struct route_entry *e), void *context);

/* The same, of a table that is only read. */
void route_table_read(const struct route_table *t,
	void (*visit)(void *context, const struct route_entry *e), void *context);

/*
 * The same for some of them: at least `least`, from the place `at` on, which is 0 to begin with.
 * Returns the place to go on from, 0 at the end. What comes or goes meanwhile may be missed.
 */
uint32_t route_table_some(struct route_table *t, uint32_t at, unsigned int least,
	void (*visit)(void *context, struct route_entry *e), void *context);

#endif
