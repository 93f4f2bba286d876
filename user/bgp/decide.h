/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decision process: RFC 4271 9.1.2.2, with the prefix guard in front.
 *
 * Prefix guard: sites of different locations are to announce different prefixes. Of two that do not
 * (no group and no originating AS in common) the first one keeps the prefix for as long as it
 * announces it, whatever path the second one offers. Where the configuration declares an owner, of
 * the prefix or of one around it, nobody else gets it. Default routes have no owner.
 */
#ifndef SLUICE_BGP_DECIDE_H
#define SLUICE_BGP_DECIDE_H

#include "bgp/policy.h"
#include "bgp/rib.h"

struct decision {
	struct rib_path *best;              /* NULL: unreachable */
	uint32_t candidates;                /* paths that were compared */
	const struct rib_path *quarantined; /* one that the guard kept out, or NULL */
};

/* Chooses among the paths of e; updates the owner of the prefix. */
struct decision decide(const struct policy *policy, struct rib_prefix *e);

/* The tie-breaking alone: picks one of n > 0 paths; reorders the array. */
struct rib_path *decide_best(struct rib_path **paths, unsigned int n);

#endif
