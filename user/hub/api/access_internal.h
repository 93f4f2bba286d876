/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_HUB_API_ACCESS_INTERNAL_H
#define SLUICE_HUB_API_ACCESS_INTERNAL_H

#include "hub/api/access.h"
#include "hub/api/budget.h"
#include "hub/api/groups.h"

struct access {
	struct tokens *tokens;
	char path[128];  /* of the control socket; "": there is none yet */
	char other[128]; /* of the one for secrets */
	struct groups *groups_known;
	gid_t owner;                     /* its group */
	gid_t groups[CONFIG_ACCESS_MAX]; /* of each grant of the configuration; -1: there is none */
	struct budget wrong;             /* tokens that are none */
	struct budget plans;
	struct asker asker; /* who asks now */
	struct model *seen; /* what the last one who may not see all sees */
};

#endif
