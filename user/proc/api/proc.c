/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The api process: the control socket and the metrics, over HTTP. It parses what clients send, passes hub a
 * fixed struct, and relays hub's answer. It holds no key and no state of a tunnel.
 */
#include "proc/roles.h"

#include "base/clock.h"
#include "ipc/imsg.h"
#include "ipc/privsep.h"
#include "ipc/table.h"
#include "proc/api/http.h"
#include "proc/api/request.h"
#include "proc/api/server.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct api {
	struct event_base *base;
	struct imsg_channel *hub;
	struct server *control;
	struct http *http;
	uint32_t next_id;
	bool started;
};

/* The number by which the answer comes; 0 with errno: hub cannot be asked. */
static uint32_t ask_hub(struct api *api, struct imsg_api_request *request, const struct rows *rows)
{
	int fd = rows->many ? rows_seal(rows) : -1;

	if (rows->many && fd < 0)
		return 0;
	if (!++api->next_id)
		api->next_id = 1;
	request->id = api->next_id;
	if (fd >= 0)
		imsg_send(api->hub, IMSG_API_REQUEST, fd, request, sizeof(*request));
	else
		imsg_send_bytes(api->hub, IMSG_API_REQUEST, request, sizeof(*request), rows->bytes,
			rows->len);
	return request->id;
}

static void take_request(void *context, struct exchange *e, const struct server_request *r)
{
	struct request_refusal why;
	struct imsg_api_request request;
	struct rows rows;
	uint32_t id;

	if (!request_read(r->method, r->target, r->body, r->len, &request, &rows, &why) ||
		!request_match(r->if_match, &request, &why)) {
		free(rows.many);
		exchange_refuse(e, why.problem, why.detail, why.allow);
		return;
	}
	request_bearer(r->authorization, request.bearer);
	request.client = exchange_client(e);
	id = ask_hub(context, &request, &rows);
	free(rows.many);
	if (id)
		exchange_wait(e, id);
	else
		exchange_refuse(e, PROBLEM_TOO_MANY, "there is no room for that", "");
}

static void on_client_gone(void *context, uint32_t number)
{
	const struct imsg_api_client gone = {.number = number};
	struct api *api = context;

	imsg_send(api->hub, IMSG_API_GONE, -1, &gone, sizeof(gone));
}

/* Hub has not let more in than it wants. */
static const struct server_kind control = {.reading = API_CLIENTS_MAX,
	.asked = API_CLIENTS_MAX,
	.sending = API_CLIENTS_MAX,
	.held = 2 * API_ANSWER_MAX,
	.body = API_BODY_MAX,
	.take = take_request,
	.gone = on_client_gone};

static void on_client(void *context, struct imsg *m)
{
	const struct imsg_api_client *it = m->payload;
	struct api *api = context;

	server_add(api->control, imsg_take_fd(m), it->number, NULL);
}

static void on_gives_way(void *context, struct imsg *m)
{
	const struct imsg_api_client *it = m->payload;
	struct api *api = context;

	server_end(api->control, it->number);
}

/* Of the port for metrics, where nobody is a client that hub knows. */
static uint32_t ask_metrics(void *context)
{
	struct imsg_api_request ask = {.verb = API_METRICS, .tunnel = -1};
	static const struct rows none;

	return ask_hub(context, &ask, &none);
}

static void on_reply(void *context, struct imsg *m)
{
	const struct imsg_api_reply *reply = m->payload;
	const struct server_answer answer = {.status = reply->status,
		.etag = reply->etag,
		.type = reply->metrics         ? HTTP_METRICS
			: reply->status == 200 ? "application/json"
					       : "application/problem+json"};
	const struct server_answer *last = reply->last ? &answer : NULL;
	struct api *api = context;

	if (m->len - sizeof(*reply) < reply->len)
		return;
	if (http_answer(api->http, reply->id, reply + 1, reply->len, last))
		return;
	/* Or the client did not wait. */
	(void)server_answer(api->control, reply->id, reply + 1, reply->len, last);
}

static void on_start(void *context, struct imsg *m)
{
	struct api *api = context;

	(void)m;
	if (api->started)
		return;
	api->started = true;
	json_object_seed(0); /* reads /dev/urandom, which is out of reach afterwards */
	privsep_drop("api");
	imsg_send(api->hub, IMSG_READY, -1, NULL, 0);
}

static void on_http(void *context, struct imsg *m)
{
	struct api *api = context;

	http_listen(api->http, imsg_take_fd(m));
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
	{IMSG_API_GONE, sizeof(struct imsg_api_client), .take = on_gives_way},
	{IMSG_API_HTTP, .fd = IMSG_MAY_FD, .take = on_http},
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
	struct api api = {0};

	/* What is still answered to the process before this one must find nobody here. */
	api.next_id = (uint32_t)clock_now();
	api.base = event_base_new();
	api.hub = imsg_channel_new(api.base, hub_fd, on_message, on_gone, &api);
	api.control = server_new(api.base, &control, &api);
	api.http = http_new(api.base, ask_metrics, &api);
	if (!api.control || !api.http)
		return 1;
	imsg_channel_answer(api.hub);
	event_base_dispatch(api.base);

	server_free(api.control);
	http_free(api.http);
	imsg_channel_free(api.hub);
	event_base_free(api.base);
	return 0;
}
