/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision process: RFC 4271 9.1.2.2, with the prefix guard in front.
 *
 * Prefix guard: sites of different locations are to announce different prefixes. Of two that do not
 * (no group and no originating AS in common) the first one keeps the prefix for as long as it
 * announces it, whatever path the second one offers, and with it all that lies within: a longer prefix
 * would take the traffic just as well. So a shorter one is kept out, too, while others own something
 * within it; else it would be the owner of that as soon as they are away for a moment. Where the
 * configuration declares an owner, of the prefix or of one around it, nobody else gets it, and nothing
 * within it is in the way of a shorter one. Default routes own nothing. A session that is down is no
 * withdrawal: while an owner has none, its prefixes stay its own for some time (owners.c). A static route is the word of
 * the configuration: it goes before what is announced, needs no owner, and owns what is within.
 *
 * Giving way: of two sites of which one takes the place of the other, one gives way. Of an equal prefix its path is drained.
 * Of what lies within a prefix that leads to the other one it has none: packets would leave that one by a longer prefix.
 */
#ifndef SLUICE_BGP_DECIDE_H
#define SLUICE_BGP_DECIDE_H

#include "bgp/policy.h"
#include "bgp/rib.h"

struct decision {
	struct rib_path *best;      /* NULL: unreachable */
	struct route_shares shares; /* of which best is one */
	struct path_count candidates;
	uint8_t other; /* enum path_fate: what kept the other tunnel of the site; BEST: no path */
	const struct rib_path *quarantined; /* one that the guard kept out, or NULL */
	const struct rib_prefix *rival;     /* then: the prefix whose owner was in its way */
	bool told_otherwise; /* of some path, `kept_out` says the contrary of what was decided */
};

/* What became of a path. The letters are those of RFC 4271 9.1.2.2. */
enum path_fate {
	PATH_BEST,
	PATH_REFUSED,     /* the policy says no */
	PATH_QUARANTINED, /* the prefix guard */
	PATH_GIVES_WAY,   /* to another site, which has what lies around */
	PATH_HUB,         /* the hub has the prefix itself */
	PATH_SOURCE,      /* a static route goes before it */
	PATH_DRAINING,    /* its tunnel is drained */
	PATH_LONGER,      /* a */
	PATH_ORIGIN,      /* b */
	PATH_MED,         /* c */
	PATH_IDENTIFIER,  /* f */
	PATH_TUNNEL,      /* the other tunnel of the site, or of equals the lower one */
	PATH_SHARES,      /* as good as the best, and used too: ecmp */
	PATH_SURPLUS,     /* the same, but ROUTE_SHARES_MAX others are used */
	PATH_APART,       /* the same, but of another group */
	PATH_ALONE,       /* the same, but one of the two sites has no ecmp */
	PATH_WAITING,     /* no decision yet: others are waited for (RFC 4724 4.1) */
	PATH_FATES,
};

/* Whether a path of this fate is out of the question, whatever the others are. */
static inline bool fate_keeps_out(enum path_fate fate)
{
	return fate == PATH_REFUSED || fate == PATH_QUARANTINED;
}

/*
 * What decide() makes of each path of e, in the order of the list; `pool` is that of the paths; returns how
 * many there are; of those that are quarantined, the prefix whose owner is in the way, which may be e itself.
 */
unsigned int decide_explain(const struct policy *policy, const struct pool *pool,
	const struct rib_prefix *e, const struct rib_path *paths[RIB_PEERS_MAX],
	enum path_fate fates[RIB_PEERS_MAX], const struct rib_prefix *rivals[RIB_PEERS_MAX]);

/* Chooses among the paths of e; updates the owner of the prefix. */
struct decision decide(const struct policy *policy, const struct pool *pool, struct rib_prefix *e);

/* Where a path comes from. */
static inline enum route_source decide_source(const struct rib_path *p)
{
	return p->peer->conf.is_static ? SOURCE_STATIC : SOURCE_BGP;
}

/* The tie-breaking alone: picks one of n > 0 paths; reorders the array. */
struct rib_path *decide_best(struct rib_path **paths, unsigned int n);

#endif
