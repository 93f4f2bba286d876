/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/sums.h"

#include "base/clock.h"
#include "hub/api/access.h"
#include "hub/api/events.h"
#include "hub/site/site.h"
#include "ipc/problem.h"
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#define QUERIES_MAX  4
#define GRAPH_POINTS 96             /* at most */
#define POINT_S      60             /* at least: what samples are of */
#define GRAPH_S      (24 * 60 * 60) /* where nothing is said */

struct sum_query {
	uint32_t id;      /* of the question to watch; 0: free */
	uint32_t request; /* of the api process */
	uint32_t since_s;
	uint32_t parts;            /* of a graph; 0: it is a report */
	char site[SITE_NAME_SIZE]; /* of a graph */
	uint64_t from_s, to_s, asked_ns;
	struct asker asker;
	json_t *sites, *points;
};

struct sum_queries {
	struct sum_query list[QUERIES_MAX];
};

struct sum_queries *sum_queries_new(void)
{
	struct sum_queries *q = calloc(1, sizeof(*q));

	if (!q)
		abort();
	return q;
}

static void let_go(struct sum_query *p)
{
	json_decref(p->sites);
	json_decref(p->points);
	*p = (struct sum_query){0};
}

void sum_queries_free(struct sum_queries *q)
{
	for (int i = 0; q && i < QUERIES_MAX; i++)
		let_go(&q->list[i]);
	free(q);
}

static struct sum_query *query_of(struct hub *h, uint32_t id)
{
	for (int i = 0; i < QUERIES_MAX; i++) {
		if (h->sum_queries->list[i].id == id)
			return &h->sum_queries->list[i];
	}
	return NULL;
}

static void finish(struct hub *h, struct sum_query *p)
{
	json_t *document;

	if (p->parts)
		document = view_graph(p->site, p->from_s, p->to_s, json_incref(p->points));
	else
		document = json_pack("{s:i, s:O}", "since_s", (int)p->since_s, "sites", p->sites);
	status_reply(h, p->request, document);
	let_go(p);
}

static uint32_t name_sites(const struct model *seen, const struct site *site,
	struct watch_site names[WATCH_SUM_SITES_MAX])
{
	uint32_t n = 0;

	memset(names, 0, WATCH_SUM_SITES_MAX * sizeof(names[0]));
	for (uint32_t i = 0; i < SITE_SLOTS && n < WATCH_SUM_SITES_MAX; i++) {
		const struct site *s = seen->sites[i];

		if (!s || (site && strcmp(s->conf.name, site->conf.name) != 0))
			continue;
		memcpy(names[n].name, s->conf.name, SITE_NAME_SIZE);
		memcpy(names[n++].group, s->conf.group, SITE_NAME_SIZE);
	}
	return n;
}

/* Of a short time as many as there are samples: more would be holes. */
static uint32_t parts_of(uint32_t since_s)
{
	if (since_s >= GRAPH_POINTS * POINT_S)
		return GRAPH_POINTS;
	return since_s >= POINT_S ? since_s / POINT_S : 1;
}

json_t *hub_sums_ask(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	static struct watch_site names[WATCH_SUM_SITES_MAX];
	struct process *watch = &h->processes[PROCESS_WATCH];
	uint32_t since_s = r->since_s ? r->since_s : GRAPH_S;
	struct sum_query *p = query_of(h, 0);
	struct imsg_watch_sum_query q = {.to_s = clock_wall() / CLOCK_SECOND,
		.points = r->verb == API_GRAPH ? parts_of(since_s) : 0};

	if (since_s > API_SINCE_MAX_S)
		return problem_json(PROBLEM_BAD_REQUEST, "15 months are kept");
	if (!p)
		return problem_json(PROBLEM_TOO_MANY, "too many questions at a time");
	if (!watch->channel)
		return problem_json(PROBLEM_STARTING, "the watch process is starting");
	q.from_s = q.to_s > since_s ? q.to_s - since_s : 0;
	q.id = event_query_id(h);
	/* What a site had in a group, or one of its name, is for who may see that group. */
	q.of_group = !asker_may(access_asker(h), MAY_VIEW, "");
	q.sites = name_sites(access_seen(h), site, names);
	*p = (struct sum_query){.id = q.id,
		.request = r->id,
		.since_s = since_s,
		.parts = q.points,
		.from_s = q.from_s,
		.to_s = q.to_s,
		.asked_ns = clock_now(),
		.asker = *access_asker(h),
		.sites = json_array(),
		.points = json_array()};
	if (site)
		memcpy(p->site, site->conf.name, sizeof(p->site));
	hub_minutes_send(h);
	imsg_send_bytes(watch->channel, IMSG_WATCH_SUM_QUERY, &q, sizeof(q), names,
		q.sites * sizeof(names[0]));
	return NULL;
}

void hub_sums_one(struct hub *h, const struct imsg_watch_sum *m)
{
	struct sum_query *p = m->query ? query_of(h, m->query) : NULL;
	const struct site *site;

	/* A site is told of once, and only whom it may be told to. */
	if (!p || p->parts || json_array_size(p->sites) >= WATCH_SUM_SITES_MAX || !m->covered_s ||
		m->covered_s > 2 * (uint64_t)API_SINCE_MAX_S || m->from_s > p->to_s)
		return;
	site = site_find(access_seen_by(h, &p->asker), m->site);
	if (site)
		json_array_append_new(p->sites, view_report_sum(site, m));
}

void hub_sums_points(struct hub *h, const struct imsg_watch_points *m)
{
	struct sum_query *p = m->query ? query_of(h, m->query) : NULL;

	if (!p || !p->parts || m->count != p->parts || json_array_size(p->points))
		return;
	for (uint32_t i = 0; i < m->count; i++)
		json_array_append_new(p->points,
			view_graph_point(
				p->from_s + (p->to_s - p->from_s) * i / m->count, &m->points[i]));
}

bool hub_sums_end(struct hub *h, const struct imsg_watch_end *m)
{
	struct sum_query *p = m->query ? query_of(h, m->query) : NULL;

	if (!p)
		return false;
	if (!m->failed) {
		finish(h, p);
		return true;
	}
	status_reply(h, p->request,
		problem_json(
			PROBLEM_FAILED, "samples cannot be read; the log of sluiced says why"));
	let_go(p);
	return true;
}

void hub_sums_forget(struct hub *h, uint32_t of)
{
	for (int i = 0; i < QUERIES_MAX; i++) {
		if ((h->sum_queries->list[i].request & API_OF_REMOTE) == of)
			let_go(&h->sum_queries->list[i]);
	}
}

void hub_sums_expire(struct hub *h, uint64_t age_ns)
{
	uint64_t now = clock_now();

	for (int i = 0; i < QUERIES_MAX; i++) {
		struct sum_query *p = &h->sum_queries->list[i];

		if (!p->id || now - p->asked_ns < age_ns)
			continue;
		status_reply(h, p->request,
			problem_json(PROBLEM_NO_ANSWER, "the watch process does not answer"));
		let_go(p);
	}
}
