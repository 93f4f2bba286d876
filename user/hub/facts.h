/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan has to know and cannot find out by itself: hub looks at tunnels and reads the files of a candidate. */
#ifndef SLUICE_HUB_FACTS_H
#define SLUICE_HUB_FACTS_H

#include "hub/hub.h"
#include "plan/known.h"

struct facts {
	struct plan_known known;
	struct tunnel_facts tunnels[CONFIG_SITES_MAX][TUNNELS_PER_SITE];
	struct known_end ends[KNOWN_ENDS_MAX];
};

/* Of a candidate, which must outlive it. For free(). */
struct facts *facts_look(struct hub *h, const struct config *candidate);

#endif
