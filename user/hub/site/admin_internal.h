/* SPDX-License-Identifier: Apache-2.0 */
/* Between asked.c, which keeps what operators have asked of tunnels, and leave.c, which lets tunnels leave. */
#ifndef SLUICE_HUB_SITE_ADMIN_INTERNAL_H
#define SLUICE_HUB_SITE_ADMIN_INTERNAL_H

#include "hub/site/admin.h"

#include <event2/event.h>
#include <jansson.h>

struct admin {
	const char *directory; /* of the file that outlives the daemon */
	json_t *words;         /* {"SITE": ["down", "drain"]}: a word for each tunnel, or "" */
	bool kept;             /* the file has them, too */
	struct event
		*leave; /* the next tunnel has carried long enough; NULL until one leaves first */
};

#endif
