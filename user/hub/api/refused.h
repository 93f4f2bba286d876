/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who was refused what, as events. Anybody may be refused as often as he likes: so each has a few events, and then one a
 * minute with how many more there were; and strangers, of whom there may be any number, have the latter all together.
 */
#ifndef SLUICE_HUB_API_REFUSED_H
#define SLUICE_HUB_API_REFUSED_H

#include "hub/api/access.h"

#define REFUSED_BURST  10 /* of an asker, and then one each */
#define REFUSED_EACH_S 60

struct refused *refused_new(void);
void refused_free(struct refused *r);

/* That somebody may not do something. Who has not proved who he is has named a site for nothing: it is not told. */
void hub_refused_tell(struct hub *h, const struct imsg_api_request *request,
	const struct asker *who, const json_t *problem, uint64_t now);

/* Once a second: how many more there were. */
void hub_refused_look(struct hub *h, uint64_t now);

#endif
