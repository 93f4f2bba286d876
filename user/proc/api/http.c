/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/http.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/msg_api.h"
#include "proc/api/server.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGAIN_S 1 /* after an accept for which there was no descriptor */

struct text {
	char *bytes;
	size_t len;
};

struct http {
	struct event_base *base;
	int listener; /* -1: none */
	struct event *accept, *again;
	struct server *server;
	http_ask *ask;
	void *context;
	uint32_t asked; /* the number of the answer that is on its way; 0: none is */
	struct text coming, young;
	uint64_t young_ns; /* when it came; 0: there is none */
};

/* ---- requests ---- */

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

static void give_metrics(struct http *h, struct exchange *e)
{
	static const struct server_answer head = {.status = 200, .type = HTTP_METRICS};

	if (h->young_ns && clock_now() - h->young_ns < HTTP_YOUNG_MS * CLOCK_MILLISECOND) {
		exchange_answer(e, h->young.bytes, h->young.len, &head);
		return;
	}
	if (!h->asked)
		h->asked = h->ask(h->context);
	exchange_wait(e, h->asked);
}

static void take(void *context, struct exchange *e, const struct server_request *request)
{
	if (!is_metrics(request->target))
		exchange_refuse(e, PROBLEM_NO_SUCH_PATH, "only /metrics is here", NULL);
	else if (strcmp(request->method, "GET") != 0)
		exchange_refuse(e, PROBLEM_WRONG_METHOD, "only GET is for that path", "GET");
	else
		give_metrics(context, e);
}

static const struct server_kind metrics = {.reading = HTTP_READING_MAX,
	.asked = HTTP_ASKED_MAX,
	.sending = HTTP_SENDING_MAX,
	.held = HTTP_HELD_MAX,
	.take = take};

bool http_answer(struct http *h, uint32_t id, const void *bytes, size_t len,
	const struct server_answer *last)
{
	struct text t;

	if (!id || id != h->asked)
		return false;
	h->coming.bytes = realloc(h->coming.bytes, h->coming.len + len + 1);
	if (!h->coming.bytes)
		abort();
	memcpy(h->coming.bytes + h->coming.len, bytes, len);
	h->coming.len += len;
	if (!last)
		return true;
	t = h->coming;
	h->coming = (struct text){0};
	h->asked = 0;
	/* Who asks while others are answered waits for the next one; a refusal is no metrics. */
	while (server_answer(h->server, id, t.bytes, t.len, last))
		;
	free(h->young.bytes);
	h->young = t;
	h->young_ns = last->status == 200 ? clock_now() : 0;
	return true;
}

/* ---- connections ---- */

static bool accept_one(struct http *h)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct ip_endpoint from;
	int fd = accept4(h->listener, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		server_add(h->server, fd, 0, 0,
			endpoint_from_sockaddr(&ss, &from) ? &from.addr : NULL);
	return fd >= 0;
}

/* One in each turn of the loop: whoever connects without end must not keep it from the rest. */
static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval pause = {.tv_sec = AGAIN_S};
	struct http *h = arg;

	(void)fd, (void)what;
	if (accept_one(h) ||
		(errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM))
		return;
	log_error("metrics: %s", strerror(errno));
	event_del(h->accept);
	event_add(h->again, &pause);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct http *h = arg;

	(void)fd, (void)what;
	if (h->accept)
		event_add(h->accept, NULL);
}

/* Those who are connected as far as they know are let in first. */
static void leave(struct http *h)
{
	for (unsigned int i = 0; i < HTTP_READING_MAX && accept_one(h); i++)
		;
	event_del(h->again);
	event_free(h->accept);
	h->accept = NULL;
	close(h->listener);
	h->listener = -1;
}

void http_listen(struct http *h, int own_listener)
{
	if (h->listener >= 0)
		leave(h);
	if (own_listener < 0)
		return;
	h->listener = own_listener;
	h->accept = event_new(h->base, own_listener, EV_READ | EV_PERSIST, on_connection, h);
	event_add(h->accept, NULL);
}

struct http *http_new(struct event_base *base, http_ask *ask, void *context)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->base = base;
	h->listener = -1;
	h->ask = ask;
	h->context = context;
	h->server = server_new(base, &metrics, NULL, h);
	if (!h->server) {
		free(h);
		return NULL;
	}
	h->again = evtimer_new(base, on_again, h);
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	http_listen(h, -1);
	event_free(h->again);
	server_free(h->server);
	free(h->coming.bytes);
	free(h->young.bytes);
	free(h);
}
