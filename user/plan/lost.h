/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that are in force and would not be by another configuration, of whatever site: another one declares them, the
 * site may not announce them any more, or they are no static routes of it any more; and what would not be announced any
 * more, of them to other sites, and of the hub's networks. No I/O.
 */
#ifndef SLUICE_PLAN_LOST_H
#define SLUICE_PLAN_LOST_H

#include "plan/known.h"

struct lost_routes {
	uint32_t count;
	bool over[TUNNELS_PER_SITE]; /* that they, or those that would not be told, lead by now */
	struct ip_prefix example;
	char why[REASON_TEXT_SIZE]; /* of the example */
	uint32_t
		untold; /* that other sites hear of now, and would not; of those that are not lost */
	uint32_t untold_to;    /* so many sites */
	uint32_t first_untold; /* of these the first one of the candidate */
	uint32_t unheard;      /* networks of the hub that this site hears of now, and would not */
	struct ip_prefix unheard_example;
};

/*
 * Of each site of the candidate, in its order. Sites that are not in force, or have another kind of routing, have none: of
 * these a plan says more. For free(); NULL: there are none at all.
 */
struct lost_routes *lost_find(const struct plan_known *k);

#endif
