/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/http.h"

#include "base/log.h"
#include "ipc/msg_api.h"
#include "proc/api/server.h"

#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct http {
	struct event_base *base;
	struct evconnlistener *listener;
	struct server *server;
	http_ask *ask;
	void *context;
};

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

static void take(void *context, struct exchange *e, const struct server_request *request)
{
	struct http *h = context;

	if (!is_metrics(request->target))
		exchange_refuse(e, PROBLEM_NO_SUCH_PATH, "only /metrics is here", NULL);
	else if (strcmp(request->method, "GET") != 0)
		exchange_refuse(e, PROBLEM_WRONG_METHOD, "only GET is for that path", "GET");
	else
		exchange_wait(e, h->ask(h->context));
}

static const struct server_kind metrics = {.reading = HTTP_READING_MAX,
	.asked = API_HTTP_MAX,
	.sending = HTTP_SENDING_MAX,
	.take = take};

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
	int len, void *arg)
{
	struct http *h = arg;

	(void)listener, (void)address, (void)len;
	server_add(h->server, fd, 0);
}

bool http_answer(struct http *h, uint32_t id, const void *bytes, size_t len, bool last)
{
	static const struct server_answer text = {.status = 200, .type = HTTP_METRICS};

	return server_answer(h->server, id, bytes, len, last ? &text : NULL);
}

struct http *http_new(struct event_base *base, http_ask *ask, void *context)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->base = base;
	h->ask = ask;
	h->context = context;
	h->server = server_new(base, &metrics, h);
	if (h->server)
		return h;
	free(h);
	return NULL;
}

void http_listen(struct http *h, int own_listener)
{
	if (h->listener)
		evconnlistener_free(h->listener);
	h->listener = NULL;
	if (own_listener < 0)
		return;
	h->listener = evconnlistener_new(h->base, on_accept, h,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, own_listener);
	if (h->listener)
		return;
	log_error("metrics cannot be listened for");
	close(own_listener);
}

void http_free(struct http *h)
{
	if (!h)
		return;
	http_listen(h, -1);
	server_free(h->server);
	free(h);
}
