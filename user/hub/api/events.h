/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened, as watch keeps it, for operators. */
#ifndef SLUICE_HUB_API_EVENTS_H
#define SLUICE_HUB_API_EVENTS_H

#include "hub/api/access.h"
#include "hub/api/api.h"
#include "ipc/msg_watch.h"

struct event_queries *event_queries_new(void);
void event_queries_free(struct event_queries *q);

/* NULL: the answer comes later, or has been given; else why there is none. */
json_t *hub_events_ask(struct hub *h, struct site *site, const struct imsg_api_request *r);

/* Of watch's answers. */
void hub_events_one(struct hub *h, const struct imsg_watch_event *m);
void hub_events_end(struct hub *h, const struct imsg_watch_end *m);

/* The api process has ended, or the one of API_OF_REMOTE: what watch still answers it is for nobody. */
void hub_events_forget(struct hub *h, uint32_t of);
/* Gives up those that are older than `age_ns`: 0 when watch has ended. */
void hub_events_expire(struct hub *h, uint64_t age_ns);

/* ---- event_query.c ---- */

/* Whether somebody may see an event: by whose site it is now, and by the group that this was in then. */
bool event_is_seen(const struct hub *h, const struct asker *asker, const struct bus_event *e);

/*
 * Asks watch, of a site ("": of all that somebody may see); what it names of sites is filled in. False: there is nothing
 * to be seen, or nobody to be asked.
 */
uint32_t event_query_id(struct hub *h); /* a new one */
bool event_query_send(struct hub *h, const struct asker *asker, const char *site,
	const struct imsg_watch_query *query);

#endif
