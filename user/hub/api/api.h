/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask. */
#ifndef SLUICE_HUB_API_API_H
#define SLUICE_HUB_API_API_H

#include "hub/hub.h"
#include "ipc/msg_api.h"
#include "ipc/msg_bgp.h"

#include <jansson.h>

/* requests.c: answers to the control socket. */
void hub_api_request(struct hub *h, const struct imsg_api_request *request);

/* answers.c: answers a request of the control socket, with a document or with text. */
void status_reply(struct hub *h, uint32_t request, json_t *own_document);
void status_reply_text(struct hub *h, uint32_t request, const char *text);

/* look.c: brings what is read only when somebody asks up to date in the model. */
void hub_look_at_tunnels(struct hub *h);
void hub_look_at_processes(struct hub *h);
void hub_look_at_plane(struct hub *h);

/* bgp_query.c: questions that only bgp can answer. */
#define BGP_QUERIES_MAX 8 /* of operators, at a time */
struct bgp_queries *bgp_queries_new(void);
void bgp_queries_free(struct bgp_queries *q);
void hub_bgp_ask(struct hub *h, const struct imsg_api_request *request);
void hub_bgp_answer(struct hub *h, const struct imsg_bgp_answer *answer);
/* Gives up those that are older than `age_ns`: 0 when bgp has ended. */
void hub_bgp_queries_expire(struct hub *h, uint64_t age_ns);

#endif
