/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The routing tables of RFC 4271 3.2. A prefix holds the paths learned for it (adj-RIB-in: a list
 * over the peers), the chosen one (loc-RIB), and which peers were told of it (adj-RIB-out: what is
 * told follows from the chosen path and the peer, so nothing else need be kept).
 *
 * All prefixes of a family stand in one list in the order of their last change. A peer's cursor is
 * a node of that list: what is behind it has been dealt with, what is ahead is still to be told.
 * A change moves the prefix to the end, ahead of every cursor; a new one has nothing to tell before
 * its first decision, and starts behind all. A second cursor stands before the first prefix that the
 * peer's limit kept back.
 *
 * Sized for 100 sites x 1,000 prefixes over two tunnels: 56 bytes an IPv4 prefix, 24 a path, and 40
 * more where two peers or more were told. Things of the same kind stand in pools, named by numbers.
 */
#ifndef SLUICE_BGP_RIB_H
#define SLUICE_BGP_RIB_H

#include "base/pool.h"
#include "base/prefix_tree.h"
#include "bgp/attr.h"
#include "bgp/neighbor.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define RIB_PEERS_MAX  320 /* neighbours: bits of an adj-RIB-out */
#define RIB_SLOT_WORDS (RIB_PEERS_MAX / 64)
#define RIB_NO_TUNNEL  UINT16_MAX /* tunnels and groups are below */

/* One entry of an adj-RIB-in. */
struct rib_path {
	struct rib_peer *peer;
	struct attrs *attrs;  /* NULL: not in use */
	uint32_t next;        /* of the same prefix: number of a path */
	uint32_t prefix : 29; /* number of its prefix */
	bool v6 : 1;
	bool stale : 1; /* from before the peer's restart or refresh (RFC 4724 4.2, RFC 7313 4) */
	bool kept_out : 1; /* by the policy or the prefix guard, and people were told of it */
};

/* A prefix, or a cursor among the prefixes: then only before and after count. */
struct rib_prefix {
	uint32_t before, after; /* in the order of changes */
	uint32_t chain;         /* next in its hash chain */
	uint32_t left, right;   /* in the order of addresses */
	uint32_t owner_as;      /* see decide.h: who may announce it */
	struct attrs *best;     /* a reference; NULL: unreachable */
	uint32_t paths;         /* number of the first; they are chained by `next` */
	uint32_t told;          /* one peer: its slot; more: the number of a set of slots */
	uint16_t told_count;
	uint16_t best_tunnel; /* RIB_NO_TUNNEL: none */
	uint16_t best_group;
	uint16_t owner_group;
	struct path_count candidates;
	bool is_cursor : 1;
	bool dirty : 1;     /* waits for a decision */
	bool network : 1;   /* the hub's own: needs no path, is not learned */
	bool contested : 1; /* a path of another location is kept out */
	bool shared : 1;    /* other tunnels are as good, and are used too */
	bool owned : 1;
	bool v6 : 1;
	bool held : 1; /* nobody announces it, but its owner has no session to say so */
	uint8_t other; /* see struct decision */
	uint8_t len;
	uint8_t address[16]; /* IPv4 prefixes end after 4 */
};

/* One family of one peer. */
struct rib_peer_family {
	uint32_t prefixes_in; /* as many paths of it are in the pool */
	uint32_t prefixes_out;
	bool active; /* session up and family agreed upon */
	bool warned; /* of the limit */
	bool end_of_rib_in, end_of_rib_out;
	bool refreshing, refresh_begun; /* RFC 7313: the answer to a refresh has marks around it */
	bool refresh_asked;             /* before all was said once: answered after that */
	bool unfinished;                /* there was no room for all it is to be told */
	bool suppressed;       /* the out limit kept something back: `held` is in the list */
	uint32_t cursor, held; /* numbers of nodes */
};

struct rib_peer {
	struct bgp_neighbor conf;
	uint32_t identifier; /* of its OPEN */
	uint16_t slot;
	struct rib_peer_family family[BGP_FAMILIES];
	uint32_t kept_out; /* paths of it that are */
};

struct rib_table {
	struct pool nodes; /* struct rib_prefix */
	uint32_t *chains;
	uint32_t size, used;
	uint64_t key;
	bool v6;
	struct prefix_tree tree; /* of the prefixes */
	uint32_t lengths[129];   /* how many there are of each */
	uint32_t ends;           /* a cursor that is before the first and after the last node */
	/* Slots whose peers are gone, of which prefixes still say that they were told. */
	uint64_t gone[RIB_SLOT_WORDS], gone_next[RIB_SLOT_WORDS];
	uint32_t sweeper; /* a cursor while this goes on; 0: it does not */
	uint32_t recent;  /* a cursor before what the latest decisions changed */
};

/* Numbers of prefixes that wait for a decision, first come, first served. */
struct rib_queue {
	uint32_t *items;
	size_t size, first, count; /* size: a power of two */
};

struct rib {
	struct rib_table table[BGP_FAMILIES];
	struct pool paths; /* struct rib_path */
	struct pool sets;  /* RIB_SLOT_WORDS words of bits */
	struct attr_store attrs;
	struct attrs *own;     /* of the hub's networks: no path, origin IGP */
	struct attrs *statics; /* of static routes: the same, origin INCOMPLETE */
	struct rib_queue dirty[BGP_FAMILIES];
};

/* `key`: random, so that nobody outside chooses how prefixes are arranged. */
void rib_init(struct rib *r, uint64_t key);
void rib_fini(struct rib *r);

/*
 * A peer starts or stops taking part in a family. Stopping forgets what it was told, and its paths
 * unless `keep` says to keep those of the family as stale ones.
 */
void rib_peer_start(struct rib *r, struct rib_peer *p, enum bgp_family family);
void rib_peer_stop(struct rib *r, struct rib_peer *p, const bool keep[BGP_FAMILIES]);

/* Marks all paths of the peer in the family as stale (RFC 4724 4.2); removes those that are stale still. */
void rib_mark_stale(struct rib *r, struct rib_peer *p, enum bgp_family family);
void rib_drop_stale(struct rib *r, struct rib_peer *p, enum bgp_family family);

/*
 * Prefixes remember which slots were told of them. After a peer is gone, its slot is cleared in all prefixes,
 * `budget` of them each call. True: there is more to do.
 */
bool rib_sweep(struct rib *r, unsigned int budget);

enum rib_change {
	RIB_SAME,
	RIB_NEW,
	RIB_CHANGED,
};

/* The peer's path to a prefix is now this one (a reference is taken). */
enum rib_change rib_learn(struct rib *r, struct rib_peer *p, enum bgp_family family,
	const struct ip_prefix *prefix, struct attrs *a);
/* The peer has withdrawn its path to the prefix. False: there was none. */
bool rib_forget(
	struct rib *r, struct rib_peer *p, enum bgp_family family, const struct ip_prefix *prefix);

/* A network of the hub comes or goes. */
void rib_network(struct rib *r, const struct ip_prefix *prefix, bool present);

/* People were told that the peer's path is not used: a decision that says so too is no news. */
/* Counts it with its peer. */
void rib_path_keep_out(struct rib_path *path, bool out);
void rib_keep_out(
	struct rib *r, struct rib_peer *p, enum bgp_family family, const struct ip_prefix *prefix);

/* Asks for a new decision about all: the policy has changed. */
void rib_touch_all(struct rib *r);

/* Asks for a new decision about the prefix and all known prefixes that it lies in. */
void rib_touch_around(struct rib *r, const struct ip_prefix *prefix);

/* Takes the next prefix to decide about off the queue; NULL: none waits. And whether one does. */
struct rib_prefix *rib_next_dirty(struct rib *r);
bool rib_is_dirty(const struct rib *r);

/* Stores the outcome of a decision about the prefix. True when what other peers are told has changed. */
struct decision;
bool rib_choose(struct rib *r, struct rib_prefix *e, const struct decision *d);

/* Frees the prefix if nothing is known or still to be told of it. */
void rib_collect(struct rib *r, struct rib_prefix *e);

/* NULL: nothing is known of it. */
struct rib_prefix *rib_find(const struct rib *r, const struct ip_prefix *prefix);

/* Asks for a new decision about one prefix. */
void rib_touch(struct rib *r, struct rib_prefix *e);

/* The group that owned the prefix before bgp was restarted: it does so until a decision says otherwise. */
void rib_set_owner(struct rib *r, const struct ip_prefix *prefix, uint16_t group);

/* ---- rib_owner.c ---- */

/* Asks for a new decision about each prefix that the group owns and does not have: its sessions are back, or given up. */
void rib_touch_owned(struct rib *r, uint32_t group);

/*
 * The group `from` loses a site to the group `to`, which owns from now on what leads to that site; with RIB_NO_TUNNEL
 * nobody is left in `from`, and all goes over that it owned. Returns how many of these prefixes were held.
 */
uint32_t rib_owner_moves(struct rib *r, uint32_t from, uint32_t to, uint32_t site);

/* ---- rib_within.c ---- */

/* Visits what is known within the prefix, longer ones only, in the order of addresses. */
typedef bool rib_visit(void *context, struct rib_prefix *e); /* false: it is enough */
bool rib_each_within(
	const struct rib *r, const struct ip_prefix *p, rib_visit *visit, void *context);

/* The longest known prefix around it, or NULL. */
struct rib_prefix *rib_around(const struct rib *r, const struct ip_prefix *p);

static inline enum bgp_family rib_family(const struct ip_prefix *p)
{
	return addr_len(&p->addr) == 4 ? BGP_IPV4 : BGP_IPV6;
}

static inline struct ip_prefix rib_prefix_of(const struct rib_prefix *e)
{
	struct ip_prefix p = {.len = e->len};

	p.addr.family = e->v6 ? AF_INET6 : AF_INET;
	memcpy(p.addr.bytes, e->address, e->v6 ? 16 : 4);
	return p;
}

static inline uint64_t rib_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0xff51afd7ed558ccdu;
	return h ^ h >> 32;
}

static inline struct rib_prefix *rib_node(const struct rib_table *t, uint32_t number)
{
	return pool_at(&t->nodes, number);
}

/* A path by its number; NULL for 0. */
static inline struct rib_path *rib_path(const struct pool *paths, uint32_t number)
{
	return number ? pool_at(paths, number) : NULL;
}

/* The first prefix behind a node, or 0. Cursors are skipped. */
uint32_t rib_after(const struct rib_table *t, uint32_t number);

/* Moves a cursor before a node, or to the end (0). */
void rib_move_cursor(struct rib_table *t, uint32_t cursor, uint32_t before);

/* Puts a new cursor before a node, and returns its number; removes one. */
uint32_t rib_add_cursor(struct rib_table *t, uint32_t before);
void rib_drop_cursor(struct rib_table *t, uint32_t cursor);

/* The adj-RIB-out: whether the peer was told of the prefix; and that it was, or was told of its end. */
bool rib_was_told(const struct rib *r, const struct rib_prefix *e, const struct rib_peer *p);
void rib_set_told(struct rib *r, struct rib_prefix *e, struct rib_peer *p, bool told);

/*
 * A peer takes a slot: what remains of who had it before is cleared at once. A peer leaves its slot:
 * rib_sweep() clears it.
 */
void rib_slot_taken(struct rib *r, enum bgp_family family, unsigned int slot);
void rib_slot_left(struct rib_table *t, unsigned int slot);

/* The peer's limit keeps nothing back any more: takes its cursor `held` out of the list. */
void rib_release(struct rib *r, struct rib_peer *p, enum bgp_family family);

/* Sends everything to the peer again: its MED changed, or it asked (RFC 2918). */
void rib_tell_again(struct rib *r, struct rib_peer *p, enum bgp_family family);

#endif
