/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice report --since 30d` and `sluice graph`: what watch has of the minutes of sites. */
#ifndef SLUICE_HUB_API_SUMS_H
#define SLUICE_HUB_API_SUMS_H

#include "hub/api/api.h"
#include "ipc/msg_watch.h"

struct sum_queries *sum_queries_new(void);
void sum_queries_free(struct sum_queries *q);

/* NULL: the answer comes later, or has been given; else why there is none. */
json_t *hub_sums_ask(struct hub *h, struct site *site, const struct imsg_api_request *r);

/* Of watch's answers. False: it is of no such question. */
void hub_sums_one(struct hub *h, const struct imsg_watch_sum *m);
void hub_sums_points(struct hub *h, const struct imsg_watch_points *m);
bool hub_sums_end(struct hub *h, const struct imsg_watch_end *m);

/* The api process has ended, or the one of API_OF_REMOTE; those that are older than `age_ns` are given up. */
void hub_sums_forget(struct hub *h, uint32_t of);
void hub_sums_expire(struct hub *h, uint64_t age_ns);

#endif
