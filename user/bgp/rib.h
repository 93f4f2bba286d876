/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routing tables of RFC 4271 3.2. A prefix holds the paths learned for it (adj-RIB-in: a list
 * over the peers), the chosen one (loc-RIB), and one bit per peer that was told of it (adj-RIB-out:
 * what is told follows from the chosen path and the peer, so nothing else need be kept).
 *
 * All prefixes of a family stand in one list in the order of their last change. A peer's cursor is
 * a node of that list: what is behind it has been dealt with, what is ahead is still to be told.
 * A change moves the prefix to the end, ahead of every cursor. A second cursor stands before the
 * first prefix that the peer's limit kept back.
 *
 * Sized for 100 sites x 1,000 prefixes over two tunnels: about 200 bytes a prefix and 64 a path.
 */
#ifndef SLUICE_BGP_RIB_H
#define SLUICE_BGP_RIB_H

#include "bgp/attr.h"
#include "bgp/neighbor.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define RIB_PEERS_MAX  320 /* neighbours: bits of an adj-RIB-out */
#define RIB_SLOT_WORDS (RIB_PEERS_MAX / 64)

struct rib_node {
	TAILQ_ENTRY(rib_node) link;
	bool is_cursor;
};

TAILQ_HEAD(rib_order, rib_node);

/* One entry of an adj-RIB-in. */
struct rib_path {
	LIST_ENTRY(rib_path) of_peer;
	struct rib_path *next; /* of the same prefix */
	struct rib_prefix *prefix;
	struct rib_peer *peer;
	struct attrs *attrs;
	bool stale; /* from before the peer's restart or refresh (RFC 4724 4.2, RFC 7313 4) */
};

LIST_HEAD(rib_paths, rib_path);

struct rib_prefix {
	struct rib_node node;
	struct rib_prefix *next; /* in its hash chain */
	struct rib_prefix *dirty_next;
	struct rib_path *paths;
	struct ip_prefix prefix;
	uint32_t hash;
	bool dirty;     /* waits for a decision */
	bool network;   /* the hub's own: needs no path, is not learned */
	bool contested; /* a path of another location is kept out */
	bool both;      /* the other tunnel of the site is as good, and is used too */
	uint16_t told_count;
	uint32_t candidates;
	struct attrs *best; /* a reference; NULL: unreachable */
	uint32_t best_tunnel;
	uint32_t best_group;
	uint32_t owner_as; /* see decide.h: who may announce it */
	uint32_t owner_group;
	bool owned;
	uint64_t told[RIB_SLOT_WORDS];
};

/* One family of one peer. */
struct rib_peer_family {
	struct rib_paths paths;
	uint32_t prefixes_in;
	uint32_t prefixes_out;
	bool active; /* session up and family agreed upon */
	bool warned; /* of the limit */
	bool end_of_rib_in, end_of_rib_out;
	bool refreshing, refresh_begun; /* RFC 7313: the answer to a refresh has marks around it */
	bool suppressed; /* the out limit kept something back: `held` is in the list */
	struct rib_node cursor, held;
};

struct rib_peer {
	struct bgp_neighbor conf;
	uint32_t identifier; /* of its OPEN */
	uint16_t slot;
	struct rib_peer_family family[BGP_FAMILIES];
};

struct rib_table {
	struct rib_prefix **chains;
	uint32_t size, used;
	struct rib_order order;
	/* Slots whose peers are gone, of which prefixes still say that they were told. */
	uint64_t gone[RIB_SLOT_WORDS], gone_next[RIB_SLOT_WORDS];
	bool sweeping;
	struct rib_node sweeper;
};

struct rib {
	struct rib_table table[BGP_FAMILIES];
	struct attr_store attrs;
	struct attrs *own;     /* of the hub's networks: no path, origin IGP */
	struct attrs *statics; /* of static routes: the same, origin INCOMPLETE */
	struct rib_prefix *dirty_first, **dirty_last;
};

void rib_init(struct rib *r);
void rib_fini(struct rib *r);

void rib_peer_init(struct rib_peer *p);

/*
 * A peer starts or stops taking part in a family. Stopping forgets what it was told, and its paths
 * unless `keep` says to keep those of the family as stale ones.
 */
void rib_peer_start(struct rib *r, struct rib_peer *p, enum bgp_family family);
void rib_peer_stop(struct rib *r, struct rib_peer *p, const bool keep[BGP_FAMILIES]);

/* Marks all paths of the peer as stale; forgets those that still are. */
void rib_mark_stale(struct rib_peer *p, enum bgp_family family);
void rib_drop_stale(struct rib *r, struct rib_peer *p, enum bgp_family family);

/* Clears up after peers that are gone, some prefixes at a time. True: there is more to do. */
bool rib_sweep(struct rib *r, unsigned int budget);

enum rib_change {
	RIB_SAME,
	RIB_NEW,
	RIB_CHANGED,
};

/* The peer's path to a prefix is now this one (a reference is taken). */
enum rib_change rib_learn(struct rib *r, struct rib_peer *p, enum bgp_family family,
	const struct ip_prefix *prefix, struct attrs *a);
/* False: there was none. */
bool rib_forget(
	struct rib *r, struct rib_peer *p, enum bgp_family family, const struct ip_prefix *prefix);

/* A network of the hub comes or goes. */
void rib_network(struct rib *r, const struct ip_prefix *prefix, bool present);

/* Asks for a new decision: about one prefix, or about all (the policy has changed). */
void rib_touch(struct rib *r, struct rib_prefix *e);
void rib_touch_all(struct rib *r);

/* The next prefix to decide about, taken off the queue, or NULL. */
struct rib_prefix *rib_next_dirty(struct rib *r);

/* Sets what a decision gave. True when what other peers are told has changed. */
struct decision;
bool rib_choose(struct rib *r, struct rib_prefix *e, const struct decision *d);

/* Frees the prefix if nothing is known or still to be told of it. */
void rib_collect(struct rib *r, struct rib_prefix *e);

struct rib_prefix *rib_find(struct rib *r, const struct ip_prefix *prefix);

static inline enum bgp_family rib_family(const struct ip_prefix *p)
{
	return addr_len(&p->addr) == 4 ? BGP_IPV4 : BGP_IPV6;
}

static inline bool rib_was_told(const struct rib_prefix *e, const struct rib_peer *p)
{
	return e->told[p->slot / 64] >> p->slot % 64 & 1;
}

void rib_set_told(struct rib_prefix *e, struct rib_peer *p, bool told);

/* Takes the second cursor out of the list. */
void rib_release(struct rib *r, struct rib_peer *p, enum bgp_family family);

/* Sends everything to the peer again: its MED changed, or it asked (RFC 2918). */
void rib_tell_again(struct rib *r, struct rib_peer *p, enum bgp_family family);

#endif
