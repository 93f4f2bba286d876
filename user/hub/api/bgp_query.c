/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice show route` and `sluice show bgp`: what only the bgp process knows is asked for. */
#include "hub/api/api.h"

#include "base/clock.h"
#include "ipc/msg_api.h"
#include "ipc/msg_bgp.h"
#include "ipc/problem.h"
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_PATHS_MAX 4096

/* A question of an operator that bgp is working on. */
struct bgp_query {
	uint32_t id;      /* of the question to bgp; 0: free */
	uint32_t request; /* of the api process */
	uint32_t verb;
	struct ip_prefix prefix;
	char site[SITE_NAME_SIZE];
	uint64_t asked_ns;
	struct asker asker; /* who may be gone when the answer comes */
	json_t *paths;      /* what bgp has answered so far */
};

struct bgp_queries {
	uint32_t next; /* id */
	struct bgp_query list[BGP_QUERIES_MAX];
};

struct bgp_queries *bgp_queries_new(void)
{
	struct bgp_queries *q = calloc(1, sizeof(*q));

	if (!q)
		abort();
	return q;
}

void bgp_queries_free(struct bgp_queries *q)
{
	for (int i = 0; q && i < BGP_QUERIES_MAX; i++) {
		if (q->list[i].id)
			json_decref(q->list[i].paths);
	}
	free(q);
}

static void refuse(struct hub *h, uint32_t request, enum problem problem, const char *why)
{
	status_reply(h, request, problem_json(problem, why));
}

void hub_bgp_ask(struct hub *h, const struct imsg_api_request *request)
{
	struct imsg_bgp_query query = {.prefix = request->prefix};
	struct bgp_query *p = NULL;

	for (int i = 0; i < BGP_QUERIES_MAX && !p; i++)
		p = h->queries->list[i].id ? NULL : &h->queries->list[i];
	if (!p || !h->processes[PROCESS_BGP].channel) {
		refuse(h, request->id, p ? PROBLEM_STARTING : PROBLEM_TOO_MANY,
			p ? "the bgp process is starting" : "too many questions at a time");
		return;
	}
	if (!++h->queries->next)
		h->queries->next = 1;
	*p = (struct bgp_query){.id = h->queries->next,
		.request = request->id,
		.verb = request->verb,
		.prefix = request->prefix,
		.asked_ns = clock_now(),
		.asker = *access_asker(h),
		.paths = json_array()};
	memcpy(p->site, request->site, sizeof(p->site));
	query.id = p->id;
	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_QUERY, -1, &query, sizeof(query));
}

static void finish(struct hub *h, struct bgp_query *p)
{
	const struct model *seen = access_seen_by(h, &p->asker);
	const struct site *site = p->site[0] ? site_find(seen, p->site) : NULL;
	json_t *document;

	if (p->verb == API_SHOW_BGP)
		document = view_bgp(seen, site);
	else
		document = view_own(seen, &p->prefix, p->paths);
	json_object_set_new(document, p->verb == API_SHOW_BGP ? "quarantined" : "paths", p->paths);
	access_redact(h, &p->asker, document);
	status_reply(h, p->request, document);
	p->id = 0;
}

/* What leads to sites that are not to be seen is left out, and whose a prefix is. */
static void add_path(struct hub *h, struct bgp_query *p, const struct bgp_path_view *path)
{
	const struct model *seen = access_seen_by(h, &p->asker);
	struct bgp_path_view shown = *path;

	if (site_of_tunnel(&h->model, path->tunnel) && !site_of_tunnel(seen, path->tunnel))
		return;
	if (site_of_tunnel(&h->model, path->owner) && !site_of_tunnel(seen, path->owner))
		shown.rival = shown.prefix;
	json_array_append_new(p->paths, view_path(seen, &shown));
}

void hub_bgp_answer(struct hub *h, const struct imsg_bgp_answer *answer)
{
	struct bgp_query *p = NULL;
	const struct ip_prefix *as_sent[] = {&answer->path.prefix, &answer->path.rival};

	for (int i = 0; answer->id && i < BGP_QUERIES_MAX && !p; i++)
		p = h->queries->list[i].id == answer->id ? &h->queries->list[i] : NULL;
	if (!p)
		return;
	if (answer->last) {
		finish(h, p);
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (as_sent[i]->len > addr_bits(&as_sent[i]->addr))
			return;
	}
	if (!addr_is_set(&as_sent[0]->addr) || json_array_size(p->paths) >= ANSWER_PATHS_MAX)
		return;
	add_path(h, p, &answer->path);
}

void hub_bgp_queries_forget(struct hub *h, uint32_t of)
{
	for (int i = 0; i < BGP_QUERIES_MAX; i++) {
		struct bgp_query *p = &h->queries->list[i];

		if (!p->id || (p->request & API_OF_REMOTE) != of)
			continue;
		json_decref(p->paths);
		*p = (struct bgp_query){0};
	}
}

void hub_bgp_queries_expire(struct hub *h, uint64_t age_ns)
{
	uint64_t now = clock_now();

	for (int i = 0; i < BGP_QUERIES_MAX; i++) {
		struct bgp_query *p = &h->queries->list[i];

		if (!p->id || now - p->asked_ns < age_ns)
			continue;
		json_decref(p->paths);
		p->id = 0;
		refuse(h, p->request, PROBLEM_NO_ANSWER, "the bgp process does not answer");
	}
}
