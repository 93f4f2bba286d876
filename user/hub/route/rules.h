/* SPDX-License-Identifier: Apache-2.0 */
/* Within hub/route: what routes are judged by. */
#ifndef SLUICE_HUB_ROUTE_RULES_H
#define SLUICE_HUB_ROUTE_RULES_H

#include "bgp/claims.h"
#include "bgp/reserved.h"
#include "hub/route/route.h"

#define CONNECTED_MAX 1024

struct route_rules {
	struct claims claims; /* which group of sites a prefix belongs to, by the configuration */
	struct reserved reserved; /* what no site may announce */
	uint32_t next_group; /* where the search for a free group number begins, less SITE_SLOTS */

	/* reserved.c: networks that the host is connected to and next hops of its routes, as they were read last. */
	size_t connected_count;
	struct ip_prefix connected[CONNECTED_MAX];
	uint64_t connected_again_ns; /* when they are read next */
	bool connected_unread;       /* the last time not all of them could be read */
};

#endif
