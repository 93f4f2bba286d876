/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/http.h"

#include "ipc/msg_api.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 20)

enum state { READING, ASKED, SENDING, STATES };

struct connection {
	TAILQ_ENTRY(connection) link;
	struct http *http;
	enum state state;
	uint32_t id; /* of what was asked */
	struct bufferevent *stream;
	struct event *deadline;
	struct evbuffer *body;
};

TAILQ_HEAD(connection_list, connection);

struct http {
	struct event_base *base;
	struct evconnlistener *listener;
	http_ask *ask;
	void *context;
	struct connection_list lists[STATES]; /* the oldest first */
	unsigned int counts[STATES];
};

static const struct {
	unsigned int most;
	int seconds;
} limits[STATES] = {
	[READING] = {HTTP_READING_MAX, HTTP_REQUEST_S},
	[ASKED] = {API_HTTP_MAX, HTTP_ANSWER_S},
	[SENDING] = {HTTP_SENDING_MAX, HTTP_ANSWER_S},
};

static void leave_list(struct connection *c)
{
	TAILQ_REMOVE(&c->http->lists[c->state], c, link);
	c->http->counts[c->state]--;
}

static void connection_free(struct connection *c)
{
	leave_list(c);
	event_free(c->deadline);
	bufferevent_free(c->stream);
	evbuffer_free(c->body);
	free(c);
}

/* The oldest of a state gives way where there are too many. */
static void enter_list(struct connection *c, enum state state)
{
	const struct timeval limit = {.tv_sec = limits[state].seconds};
	struct http *h = c->http;

	if (h->counts[state] == limits[state].most)
		connection_free(TAILQ_FIRST(&h->lists[state]));
	c->state = state;
	TAILQ_INSERT_TAIL(&h->lists[state], c, link);
	h->counts[state]++;
	evtimer_add(c->deadline, &limit);
}

/* What is in the body goes out. */
static void send_answer(struct connection *c, const char *status, const char *header)
{
	struct evbuffer *out = bufferevent_get_output(c->stream);

	leave_list(c);
	enter_list(c, SENDING);
	bufferevent_disable(c->stream, EV_READ);
	evbuffer_add_printf(out,
		"HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n", status, header,
		evbuffer_get_length(c->body));
	evbuffer_add_buffer(out, c->body);
}

static void refuse(struct connection *c, const char *status)
{
	send_answer(c, status, "");
}

/* Of "http://HOST/PATH?QUERY", too (RFC 9112 3.2.2). */
static bool is_metrics(const char *target)
{
	static const char scheme[] = "http://", path[] = "/metrics";

	if (!strncmp(target, scheme, sizeof(scheme) - 1)) {
		target = strchr(target + sizeof(scheme) - 1, '/');
		if (!target)
			return false;
	}
	return !strncmp(target, path, sizeof(path) - 1) &&
	       (!target[sizeof(path) - 1] || target[sizeof(path) - 1] == '?');
}

/* RFC 9112 3: a method, a target, and the version. */
static void on_request(struct connection *c, char *line)
{
	char *rest = line, *method = strsep(&rest, " "), *target = strsep(&rest, " ");

	if (!target || !rest || strncmp(rest, "HTTP/1.", 7) != 0)
		refuse(c, "400 Bad Request");
	else if (!is_metrics(target))
		refuse(c, "404 Not Found");
	else if (strcmp(method, "GET") != 0)
		send_answer(c, "405 Method Not Allowed", "Allow: GET\r\n");
	else if (c->http->counts[ASKED] == API_HTTP_MAX)
		refuse(c, "503 Service Unavailable");
	else {
		leave_list(c);
		enter_list(c, ASKED);
		bufferevent_disable(c->stream, EV_READ);
		c->id = c->http->ask(c->http->context);
	}
}

/* The request ends with an empty line; what else is in it does not matter here. */
static bool has_ended(struct evbuffer *in)
{
	return evbuffer_search(in, "\r\n\r\n", 4, NULL).pos >= 0 ||
	       evbuffer_search(in, "\n\n", 2, NULL).pos >= 0;
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(stream);
	struct connection *c = arg;
	char *line;

	if (!has_ended(in)) {
		if (evbuffer_get_length(in) >= HTTP_REQUEST_MAX)
			refuse(c, "431 Request Header Fields Too Large");
		return;
	}
	line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);
	evbuffer_drain(in, evbuffer_get_length(in));
	on_request(c, line ? line : (char[]){""});
	free(line);
}

static void on_sent(struct bufferevent *stream, void *arg)
{
	struct connection *c = arg;

	if (c->state == SENDING && !evbuffer_get_length(bufferevent_get_output(stream)))
		connection_free(c);
}

static void on_end(struct bufferevent *stream, short what, void *arg)
{
	(void)stream, (void)what;
	connection_free(arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	connection_free(arg);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
	int len, void *arg)
{
	struct connection *c = calloc(1, sizeof(*c));
	struct http *h = arg;

	(void)listener, (void)address, (void)len;
	if (!c)
		abort();
	c->http = h;
	c->body = evbuffer_new();
	c->stream = bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->deadline = evtimer_new(h->base, on_deadline, c);
	bufferevent_setcb(c->stream, on_read, on_sent, on_end, c);
	bufferevent_setwatermark(c->stream, EV_READ, 0, HTTP_REQUEST_MAX);
	enter_list(c, READING);
	bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

bool http_answer(struct http *h, uint32_t id, const void *bytes, size_t len, bool last)
{
	struct connection *c;

	TAILQ_FOREACH(c, &h->lists[ASKED], link) {
		if (c->id == id)
			break;
	}
	if (!c)
		return false;
	if (evbuffer_get_length(c->body) > ANSWER_MAX) {
		evbuffer_drain(c->body, evbuffer_get_length(c->body));
		refuse(c, "500 Internal Server Error");
		return true;
	}
	evbuffer_add(c->body, bytes, len);
	if (last)
		send_answer(c, "200 OK", "Content-Type: text/plain; version=0.0.4\r\n");
	return true;
}

struct http *http_new(struct event_base *base, int own_listener, http_ask *ask, void *context)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->base = base;
	h->ask = ask;
	h->context = context;
	for (int i = 0; i < STATES; i++)
		TAILQ_INIT(&h->lists[i]);
	h->listener = evconnlistener_new(
		base, on_accept, h, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, own_listener);
	if (h->listener)
		return h;
	close(own_listener);
	free(h);
	return NULL;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	for (int i = 0; i < STATES; i++) {
		while (!TAILQ_EMPTY(&h->lists[i]))
			connection_free(TAILQ_FIRST(&h->lists[i]));
	}
	evconnlistener_free(h->listener);
	free(h);
}
