/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan has to know and cannot find out by itself: hub looks at tunnels and reads the files of a candidate. */
#ifndef SLUICE_HUB_FACTS_H
#define SLUICE_HUB_FACTS_H

#include "hub/apply.h"
#include "plan/known.h"

struct facts {
	struct plan_known known;
	struct tunnel_facts tunnels[CONFIG_SITES_MAX][TUNNELS_PER_SITE];
	struct known_end ends[KNOWN_ENDS_MAX];
	struct known_device devices[CONFIG_ENDPOINTS];
};

/* Of what is in force, and of a candidate, which must outlive them. */
struct facts_pair {
	struct facts was, is;
};

/*
 * What would be read if such an order put the candidate in force, and nothing else, is read. `coming` has the paths of
 * keys that it would make; NULL: none. For free().
 */
struct facts_pair *facts_look(
	struct hub *h, const struct config *candidate, enum plan_order order, const json_t *coming);

#endif
