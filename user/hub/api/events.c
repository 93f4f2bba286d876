/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sluice events` and `sluice timeline`: watch is asked, and what it answers is looked at event by event, by what who asks
 * may see now, and by the group that the site was in then.
 */
#include "hub/api/events.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/api/api.h"
#include "hub/api/streams.h"
#include "hub/event/event.h"
#include "ipc/msg_watch.h"
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#define QUERIES_MAX 8
#define ALL_KINDS   ((1u << BUS_KINDS) - 1)
/* What tells that something is wrong with others, too. */
#define OF_OTHERS (1u << BUS_ACTIVITY | 1u << BUS_BGP | 1u << BUS_BFD)

/* A question of an operator that watch is working on. */
struct event_query {
	uint32_t id;      /* of the question to watch; 0: free */
	uint32_t request; /* of the api process */
	bool timeline;
	bool others;      /* of a timeline: its second part is asked for */
	bool more;        /* there were more in the first one */
	bool others_more; /* and in the second one */
	char site[SITE_NAME_SIZE];
	uint64_t from_ns, to_ns;
	uint64_t asked_ns;
	struct asker asker; /* who may be gone when the answer comes */
	uint32_t limit, came;
	uint64_t last; /* number of an event; where there is none, that after which was asked */
	json_t *events, *hit;
};

struct event_queries {
	struct event_query list[QUERIES_MAX];
};

struct event_queries *event_queries_new(void)
{
	struct event_queries *q = calloc(1, sizeof(*q));

	if (!q)
		abort();
	return q;
}

static void let_go(struct event_query *p)
{
	json_decref(p->events);
	json_decref(p->hit);
	*p = (struct event_query){0};
}

void event_queries_free(struct event_queries *q)
{
	for (int i = 0; q && i < QUERIES_MAX; i++)
		let_go(&q->list[i]);
	free(q);
}

static struct event_query *query_of(struct hub *h, uint32_t id)
{
	for (int i = 0; i < QUERIES_MAX; i++) {
		if (h->event_queries->list[i].id == id)
			return &h->event_queries->list[i];
	}
	return NULL;
}

static void finish(struct hub *h, struct event_query *p, bool more)
{
	json_t *events = json_incref(p->events), *document;

	if (p->timeline)
		document = view_timeline(
			p->site, p->from_ns, p->to_ns, events, more, p->hit, p->others_more);
	else
		document = view_events(events, more, p->last);
	access_redact(h, &p->asker, document);
	status_reply(h, p->request, document);
	let_go(p);
}

json_t *hub_events_ask(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	bool timeline = r->verb == API_TIMELINE;
	uint64_t within = (r->within_s ? r->within_s : API_WITHIN_USUAL_S) * CLOCK_SECOND;
	uint64_t at = r->from_ns ? r->from_ns : clock_wall();
	struct event_query *p = query_of(h, 0);
	struct imsg_watch_query q = {.kinds = r->kinds ? r->kinds & ALL_KINDS : ALL_KINDS,
		.limit = r->limit   ? r->limit
			 : timeline ? API_EVENTS_MAX
				    : API_EVENTS_USUAL,
		.after = r->after,
		.from_ns = r->from_ns,
		.to_ns = r->to_ns,
		.newest = !timeline && !r->after && !r->from_ns};

	if (!q.kinds || q.limit > API_EVENTS_MAX || r->within_s > API_WITHIN_MAX_S ||
		r->after > BUS_NUMBER_MAX)
		return problem_json(PROBLEM_BAD_REQUEST, "there are no such events");
	if (r->stream && !timeline)
		return hub_stream_begin(h, site, r);
	if (!p)
		return problem_json(PROBLEM_TOO_MANY, "too many questions at a time");
	if (!h->processes[PROCESS_WATCH].channel)
		return problem_json(PROBLEM_STARTING, "the watch process is starting");
	*p = (struct event_query){.id = event_query_id(h),
		.request = r->id,
		.timeline = timeline,
		.asked_ns = clock_now(),
		.asker = *access_asker(h),
		.limit = q.limit,
		.last = r->after,
		.events = json_array(),
		.hit = json_object()};
	if (site)
		memcpy(p->site, site->conf.name, sizeof(p->site));
	q.id = p->id;
	if (timeline) {
		q.from_ns = p->from_ns = at > within ? at - within : 0;
		q.to_ns = p->to_ns = at + within;
		q.hub = asker_may(&p->asker, MAY_VIEW, "");
	}
	if (!event_query_send(h, &p->asker, p->site, &q))
		finish(h, p, false); /* of no site there is nothing */
	return NULL;
}

static void ask_for_others(struct hub *h, struct event_query *p)
{
	struct imsg_watch_query q = {.id = p->id = event_query_id(h),
		.kinds = OF_OTHERS,
		.limit = API_EVENTS_MAX,
		.from_ns = p->from_ns,
		.to_ns = p->to_ns,
		.trouble = true};

	memcpy(q.but, p->site, sizeof(q.but));
	p->others = true;
	p->limit = API_EVENTS_MAX;
	p->came = 0;
	if (!event_query_send(h, &p->asker, "", &q))
		finish(h, p, p->more);
}

void hub_events_one(struct hub *h, const struct imsg_watch_event *m)
{
	struct event_query *p = m->query ? query_of(h, m->query) : NULL;
	const struct bus_event *e = &m->event;

	if (hub_stream_event(h, m))
		return;
	/* What watch has is what hub has told, if it is in nobody's hands. */
	if (!p || !bus_event_can_be(e) || p->came >= p->limit)
		return;
	p->came++;
	if (!p->others && e->number > p->last)
		p->last = e->number;
	if (!event_is_seen(h, &p->asker, e))
		return;
	if (!p->others)
		json_array_append_new(p->events, view_event(e));
	else if (e->severity != BUS_INFO && e->site[0] && strcmp(e->site, p->site) != 0)
		view_others(p->hit, e);
}

void hub_events_end(struct hub *h, const struct imsg_watch_end *m)
{
	struct event_query *p = m->query ? query_of(h, m->query) : NULL;

	if (hub_stream_end(h, m) || !p)
		return;
	if (m->failed) {
		status_reply(h, p->request,
			problem_json(PROBLEM_FAILED,
				"events cannot be read; the log of sluiced says why"));
		let_go(p);
	} else if (p->timeline && !p->others) {
		p->more = m->more;
		ask_for_others(h, p);
	} else {
		p->others_more = p->others && m->more;
		finish(h, p, p->timeline ? p->more : m->more);
	}
}

void hub_events_forget(struct hub *h, uint32_t of)
{
	for (int i = 0; i < QUERIES_MAX; i++) {
		if ((h->event_queries->list[i].request & API_OF_REMOTE) == of)
			let_go(&h->event_queries->list[i]);
	}
}

void hub_events_expire(struct hub *h, uint64_t age_ns)
{
	uint64_t now = clock_now();

	for (int i = 0; i < QUERIES_MAX; i++) {
		struct event_query *p = &h->event_queries->list[i];

		if (!p->id || now - p->asked_ns < age_ns)
			continue;
		status_reply(h, p->request,
			problem_json(PROBLEM_NO_ANSWER, "the watch process does not answer"));
		let_go(p);
	}
}
