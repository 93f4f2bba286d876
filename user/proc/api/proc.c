/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The api process: the control socket and the metrics. It parses what clients send, passes hub a
 * fixed struct, and relays hub's answer. It holds no key and no state of a tunnel.
 */
#include "proc/roles.h"

#include "base/log.h"
#include "ipc/imsg.h"
#include "ipc/privsep.h"
#include "ipc/table.h"
#include "ipc/verbs.h"
#include "proc/api/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define CLIENT_TIMEOUT_S 10          /* without a byte either way */
#define ANSWER_MAX       (64u << 20) /* bytes of one answer kept for a slow client */

struct client {
	LIST_ENTRY(client) link;
	struct api *api;
	uint32_t number; /* that hub knows it by */
	uint32_t id;     /* of the request under way; 0: none yet */
	struct bufferevent *control;
	struct event *deadline;
};

LIST_HEAD(client_list, client);

struct api {
	struct event_base *base;
	struct imsg_channel *hub;
	struct http *http;
	struct client_list clients;
	uint32_t next_id;
	bool started;
	int http_fd;
};

static struct client *client_new(struct api *api)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->api = api;
	LIST_INSERT_HEAD(&api->clients, c, link);
	return c;
}

static void client_free(struct client *c)
{
	const struct imsg_api_client gone = {.number = c->number};

	LIST_REMOVE(c, link);
	imsg_send(c->api->hub, IMSG_API_GONE, -1, &gone, sizeof(gone));
	event_free(c->deadline);
	bufferevent_free(c->control);
	free(c);
}

/* The number by which the answer comes. */
static uint32_t ask_hub(struct api *api, struct imsg_api_request *request)
{
	if (!++api->next_id)
		api->next_id = 1;
	request->id = api->next_id;
	imsg_send(api->hub, IMSG_API_REQUEST, -1, request, sizeof(*request));
	return request->id;
}

/* Everything was sent: close. */
static void on_control_sent(struct bufferevent *bev, void *arg)
{
	if (!evbuffer_get_length(bufferevent_get_output(bev)))
		client_free(arg);
}

static void on_control_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	/* Half closed after the request: the answer is still wanted. */
	if (what & BEV_EVENT_EOF && c->id) {
		bufferevent_disable(bev, EV_READ);
		return;
	}
	client_free(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	client_free(arg);
}

static void refuse(struct client *c, const char *why)
{
	evbuffer_add_printf(bufferevent_get_output(c->control), "{\"error\":\"%s\"}\n", why);
	bufferevent_disable(c->control, EV_READ);
	bufferevent_setcb(c->control, NULL, on_control_sent, on_control_event, c);
}

static bool read_prefix_or_address(json_t *o, struct ip_prefix *p)
{
	const char *text = json_string_value(json_object_get(o, "prefix"));
	struct ip_addr a;

	if (!text)
		return false;
	if (!addr_parse(text, &a))
		return prefix_parse(text, p);
	*p = prefix_make(&a, addr_bits(&a));
	return true;
}

static const char *read_revisions(json_t *o, struct imsg_api_request *r)
{
	json_t *list = json_object_get(o, "revisions"), *confirm = json_object_get(o, "confirm_s"),
	       *n;
	const struct verb_row *verb = &verbs[r->verb];
	size_t i, most = 0, least = verb->object == OBJECT_REVISION;

	if (verb->object == OBJECT_REVISION || verb->options & VERB_ONE_REVISION)
		most = 1;
	else if (verb->object == OBJECT_REVISIONS)
		most = 2;
	if ((list && !json_is_array(list)) || json_array_size(list) > most ||
		json_array_size(list) < least)
		return most == 1 ? "the number of one revision is expected"
				 : "the numbers of revisions are expected";
	json_array_foreach(list, i, n) {
		if (json_integer_value(n) < 1)
			return "a revision is a number from 1 on";
		r->revisions[i] = (uint64_t)json_integer_value(n);
	}
	if (confirm && (!(verb->options & VERB_CONFIRM) || json_integer_value(confirm) < 1 ||
			       json_integer_value(confirm) > API_CONFIRM_MAX_S))
		return "what is to be confirmed is so within 1 second to a day";
	if (confirm && r->next_start)
		return "what begins at the next start cannot be confirmed";
	r->confirm_s = (uint32_t)json_integer_value(confirm);
	return NULL;
}

/* Fills the request from the JSON object; returns what is wrong with it, or NULL. */
static const char *read_request(json_t *o, struct imsg_api_request *r)
{
	const char *verb = json_string_value(json_object_get(o, "verb"));
	const char *site = json_string_value(json_object_get(o, "site"));
	json_t *tunnel = json_object_get(o, "tunnel"), *since = json_object_get(o, "since_s");

	if (!json_is_object(o) || !verb)
		return "a JSON object with a verb is expected";
	r->verb = verb_find(verb);
	if (r->verb == API_INVALID)
		return "unknown verb";
	r->ike = json_is_true(json_object_get(o, "ike"));
	r->force = json_is_true(json_object_get(o, "force"));
	r->next_start = json_is_true(json_object_get(o, "next_start"));
	if (site && strlen(site) >= sizeof(r->site))
		return "the name of the site is too long";
	if (site)
		snprintf(r->site, sizeof(r->site), "%s", site);
	if (verbs[r->verb].object == OBJECT_PREFIX && !read_prefix_or_address(o, &r->prefix))
		return "a prefix or an address is expected";
	r->tunnel = -1;
	if (tunnel && !json_is_null(tunnel)) {
		if (!json_is_integer(tunnel) || json_integer_value(tunnel) < 0 ||
			json_integer_value(tunnel) > 1)
			return "a tunnel is 0 or 1";
		r->tunnel = (int32_t)json_integer_value(tunnel);
	}
	if (since && (!(verbs[r->verb].options & VERB_SINCE) || !json_is_integer(since) ||
			     json_integer_value(since) < 1 ||
			     json_integer_value(since) > API_SINCE_MAX_S))
		return "a report is of 1 second to a day";
	if (since)
		r->since_s = (uint32_t)json_integer_value(since);
	return read_revisions(o, r);
}

static void on_control_read(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;
	struct imsg_api_request request;
	size_t len;
	char *line = evbuffer_readln(bufferevent_get_input(bev), &len, EVBUFFER_EOL_LF);

	if (c->id) { /* one request a connection */
		free(line);
		return;
	}
	if (!line) {
		if (evbuffer_get_length(bufferevent_get_input(bev)) > API_REQUEST_MAX)
			refuse(c, "the request is too long");
		return;
	}
	memset(&request, 0, sizeof(request));

	json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *wrong = read_request(o, &request);

	json_decref(o);
	free(line);
	if (wrong) {
		refuse(c, wrong);
		return;
	}
	request.client = c->number;
	c->id = ask_hub(c->api, &request);
}

static void on_client(void *context, struct imsg *m)
{
	struct api *api = context;
	const struct imsg_api_client *it = m->payload;
	struct timeval timeout = {.tv_sec = CLIENT_TIMEOUT_S},
		       total = {.tv_sec = API_CLIENT_TOTAL_S};
	struct client *c = client_new(api);
	int fd = imsg_take_fd(m);

	c->number = it->number;
	c->control = bufferevent_socket_new(api->base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(c->control, on_control_read, NULL, on_control_event, c);
	bufferevent_setwatermark(c->control, EV_READ, 0, API_REQUEST_MAX + 1);
	bufferevent_set_timeouts(c->control, &timeout, &timeout);
	bufferevent_enable(c->control, EV_READ | EV_WRITE);
	c->deadline = evtimer_new(api->base, on_deadline, c);
	evtimer_add(c->deadline, &total);
}

/* Of HTTP, which is no client that hub knows. */
static uint32_t ask_metrics(void *context)
{
	struct imsg_api_request ask = {.verb = API_METRICS, .tunnel = -1};

	return ask_hub(context, &ask);
}

static void on_reply(void *context, struct imsg *m)
{
	const struct imsg_api_reply *reply = m->payload;
	struct api *api = context;
	struct client *c;

	if (m->len - sizeof(*reply) < reply->len)
		return;
	if (api->http && http_answer(api->http, reply->id, reply + 1, reply->len, reply->last))
		return;
	LIST_FOREACH(c, &api->clients, link) {
		if (c->id == reply->id)
			break;
	}
	if (!c)
		return; /* the client did not wait */

	struct evbuffer *out = bufferevent_get_output(c->control);

	if (evbuffer_get_length(out) > ANSWER_MAX) {
		client_free(c);
		return;
	}
	evbuffer_add(out, reply + 1, reply->len);
	if (!reply->last)
		return;
	evbuffer_add(out, "\n", 1);
	bufferevent_disable(c->control, EV_READ);
	bufferevent_setcb(c->control, NULL, on_control_sent, on_control_event, c);
}

static void on_start(void *context, struct imsg *m)
{
	struct api *api = context;

	(void)m;
	if (api->started)
		return;
	api->started = true;
	if (api->http_fd >= 0)
		api->http = http_new(api->base, api->http_fd, ask_metrics, api);
	json_object_seed(0); /* reads /dev/urandom, which is out of reach afterwards */
	privsep_drop("api");
	imsg_send(api->hub, IMSG_READY, -1, NULL, 0);
}

static void on_http(void *context, struct imsg *m)
{
	struct api *api = context;

	api->http_fd = imsg_take_fd(m);
}

static void on_shutdown(void *context, struct imsg *m)
{
	struct api *api = context;

	(void)m;
	event_base_loopexit(api->base, NULL);
}

static const struct imsg_row from_hub[] = {
	{IMSG_START, .take = on_start},
	{IMSG_SHUTDOWN, .take = on_shutdown},
	{IMSG_API_CLIENT, sizeof(struct imsg_api_client), .fd = IMSG_NEEDS_FD, .take = on_client},
	{IMSG_API_HTTP, .fd = IMSG_NEEDS_FD, .take = on_http},
	{IMSG_API_REPLY, sizeof(struct imsg_api_reply), IMSG_BYTES, .take = on_reply},
	{.type = IMSG_INVALID},
};

static void on_message(void *context, const struct imsg *m)
{
	(void)imsg_give(from_hub, context, m);
}

static void on_gone(void *context)
{
	struct api *api = context;

	event_base_loopexit(api->base, NULL);
}

int proc_api_run(int hub_fd)
{
	struct api api = {.http_fd = -1};

	LIST_INIT(&api.clients);
	api.base = event_base_new();
	api.hub = imsg_channel_new(api.base, hub_fd, on_message, on_gone, &api);
	imsg_channel_answer(api.hub);
	event_base_dispatch(api.base);

	while (!LIST_EMPTY(&api.clients))
		client_free(LIST_FIRST(&api.clients));
	http_free(api.http);
	imsg_channel_free(api.hub);
	event_base_free(api.base);
	return 0;
}
