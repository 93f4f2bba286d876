/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/streams.h"

#include "base/clock.h"
#include "hub/event/eventlog.h"
#include "view/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE      100
#define BEAT_NS   (15 * CLOCK_SECOND)
#define AGAIN_NS  (10 * CLOCK_SECOND) /* watch has not answered */
#define ALL_KINDS ((1u << BUS_KINDS) - 1)

struct stream {
	uint32_t request; /* of the api process; 0: free */
	uint32_t client;
	struct asker asker;
	char site[SITE_NAME_SIZE]; /* "": of all that may be seen */
	uint32_t kinds;
	uint64_t cursor;  /* number of the last event that was looked at */
	uint64_t from_ns; /* when the first may have happened */
	bool live;        /* it has all that was there */
	uint32_t query;   /* that watch works on; 0: none */
	uint64_t asked_ns, began_ns, told_ns;
	size_t unread;
};

struct streams {
	struct stream list[API_STREAMS_MAX];
};

/* ---- what is written ---- */

static void write_part(struct hub *h, struct stream *s, const char *text, bool last)
{
	s->unread += strlen(text);
	s->told_ns = clock_now();
	status_reply_stream(h, s->request, text, last);
	if (last)
		*s = (struct stream){0};
}

static void drop(struct hub *h, struct stream *s)
{
	write_part(h, s,
		"event: dropped\ndata: {\"detail\":\"you read too slowly; Last-Event-ID goes on "
		"where this has ended\"}\n\n",
		true);
}

static void write_event(struct hub *h, struct stream *s, const struct bus_event *e)
{
	json_t *document = view_event(e);
	char *json, *text;

	access_redact(h, &s->asker, document);
	json = json_dumps(document, JSON_COMPACT);
	if (!json || asprintf(&text, "id: %" PRIu64 "\ndata: %s\n\n", e->number, json) < 0)
		abort();
	if (s->unread + strlen(text) > API_STREAM_UNREAD)
		drop(h, s);
	else
		write_part(h, s, text, false);
	json_decref(document);
	free(json);
	free(text);
}

/* Looks at an event behind all others; the stream may be dropped then. */
static void take(struct hub *h, struct stream *s, const struct bus_event *e)
{
	if (!s->request || e->number <= s->cursor)
		return;
	s->cursor = e->number;
	if (s->kinds >> e->kind & 1 && (!s->site[0] || !strcmp(s->site, e->site)) &&
		event_is_seen(h, &s->asker, e))
		write_event(h, s, e);
}

static void hear(void *context, const struct bus_event *e)
{
	struct hub *h = context;

	for (int i = 0; i < API_STREAMS_MAX; i++) {
		if (h->streams->list[i].live)
			take(h, &h->streams->list[i], e);
	}
}

/* ---- what was there ---- */

static void ask(struct hub *h, struct stream *s)
{
	const struct imsg_watch_query q = {.id = event_query_id(h),
		.limit = PAGE,
		.kinds = s->kinds,
		.after = s->cursor,
		.from_ns = s->from_ns};

	s->asked_ns = clock_now();
	s->query = event_query_send(h, &s->asker, s->site, &q) ? q.id : 0;
}

struct catching_up {
	struct hub *h;
	struct stream *s;
};

static void catch_up(void *context, const struct bus_event *e)
{
	struct catching_up *c = context;

	if (e->wall_ns >= c->s->from_ns)
		take(c->h, c->s, e);
}

static struct stream *stream_of_query(struct hub *h, uint32_t query)
{
	for (int i = 0; query && i < API_STREAMS_MAX; i++) {
		if (h->streams->list[i].request && h->streams->list[i].query == query)
			return &h->streams->list[i];
	}
	return NULL;
}

bool hub_stream_event(struct hub *h, const struct imsg_watch_event *m)
{
	struct stream *s = stream_of_query(h, m->query);

	if (s && bus_event_can_be(&m->event))
		take(h, s, &m->event);
	return s;
}

/*
 * Where that was all, the rest waits in hub: what watch has not acknowledged when it answers has happened after the
 * question, or was in the answer.
 */
bool hub_stream_end(struct hub *h, const struct imsg_watch_end *m)
{
	struct stream *s = stream_of_query(h, m->query);
	struct catching_up c = {h, s};

	if (!s)
		return false;
	s->query = 0;
	if (m->failed) {
		write_part(h, s,
			"event: failed\ndata: {\"detail\":\"events cannot be read; the log of "
			"sluiced says why\"}\n\n",
			true);
	} else if (!m->more) {
		s->live = true;
		bus_each(eventlog_bus(h->events), catch_up, &c);
	} else if (!s->unread) {
		ask(h, s);
	}
	return true;
}

/* ---- who comes and goes ---- */

struct streams *streams_new(struct hub *h)
{
	struct streams *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	eventlog_hear(h->events, hear, h);
	return s;
}

void streams_free(struct streams *s)
{
	free(s);
}

static bool is_root(const struct asker *asker)
{
	return !asker->remote && asker->who.uid == 0;
}

/*
 * Whether there is room for one more: root may have all, and others nobody's last ones. Over TCP whoever is behind an
 * address, a certificate or a token has no more by another one of these.
 */
static bool has_room(const struct hub *h, const struct asker *asker)
{
	unsigned int own = 0, others = 0;

	for (int i = 0; i < API_STREAMS_MAX; i++) {
		const struct stream *s = &h->streams->list[i];

		others += s->request && !is_root(&s->asker);
		own += s->request && asker_is_same(&s->asker, asker);
	}
	return is_root(asker) ||
	       (own < API_STREAMS_USER && others < API_STREAMS_MAX - API_STREAMS_ROOT);
}

static struct stream *free_place(struct hub *h)
{
	for (int i = 0; i < API_STREAMS_MAX; i++) {
		if (!h->streams->list[i].request)
			return &h->streams->list[i];
	}
	return NULL;
}

json_t *hub_stream_begin(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct asker *asker = access_asker(h);
	struct stream *s = free_place(h);

	if (!s || !has_room(h, asker))
		return problem_json(PROBLEM_TOO_MANY, "too many streams of events at a time");
	if (r->to_ns || r->limit)
		return problem_json(
			PROBLEM_BAD_REQUEST, "a stream has no end: no until, and no limit");
	*s = (struct stream){.request = r->id,
		.client = r->client,
		.asker = *asker,
		.kinds = r->kinds ? r->kinds & ALL_KINDS : ALL_KINDS,
		.cursor = r->after,
		.from_ns = r->from_ns,
		.live = !r->after && !r->from_ns,
		.began_ns = clock_now()};
	if (site)
		memcpy(s->site, site->conf.name, sizeof(s->site));
	write_part(h, s, "retry: 2000\n\n", false);
	if (s->live)
		s->cursor = bus_newest(eventlog_bus(h->events));
	else
		ask(h, s);
	return NULL;
}

void hub_stream_gone(struct hub *h, uint32_t client)
{
	for (int i = 0; client && i < API_STREAMS_MAX; i++) {
		if (h->streams->list[i].client == client)
			h->streams->list[i] = (struct stream){0};
	}
}

void hub_stream_taken(struct hub *h, uint32_t request, uint32_t bytes)
{
	for (int i = 0; request && i < API_STREAMS_MAX; i++) {
		struct stream *s = &h->streams->list[i];

		if (s->request != request)
			continue;
		s->unread -= bytes < s->unread ? bytes : s->unread;
		if (!s->unread && !s->live && !s->query)
			ask(h, s);
	}
}

void hub_streams_judge(struct hub *h)
{
	for (int i = 0; i < API_STREAMS_MAX; i++) {
		if (h->streams->list[i].request)
			write_part(h, &h->streams->list[i], "", true);
	}
}

void hub_streams_forget(struct hub *h, uint32_t of)
{
	for (int i = 0; i < API_STREAMS_MAX; i++) {
		if ((h->streams->list[i].request & API_OF_REMOTE) == of)
			h->streams->list[i] = (struct stream){0};
	}
}

void hub_streams_look(struct hub *h, uint64_t now)
{
	for (int i = 0; i < API_STREAMS_MAX; i++) {
		struct stream *s = &h->streams->list[i];

		if (!s->request)
			continue;
		if (now - s->began_ns > API_STREAM_S * CLOCK_SECOND) {
			write_part(h, s, "", true);
			continue;
		}
		if (!s->live && now - s->asked_ns > AGAIN_NS && s->unread < API_STREAM_UNREAD / 2)
			ask(h, s);
		if (now - s->told_ns > BEAT_NS && s->unread < API_STREAM_UNREAD)
			write_part(h, s, ":\n\n", false);
	}
}
