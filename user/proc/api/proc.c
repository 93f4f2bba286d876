/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The api process: the control socket and the metrics, over HTTP. It parses what clients send, passes hub a
 * fixed struct, and relays hub's answer. It holds no key and no state of a tunnel.
 *
 * The remote process is the same for those who come over TCP, by TLS: apart from the other, so that whoever takes it over
 * is not among those of the control socket. Its TLS key is all that it has.
 */
#include "proc/roles.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "crypto/trust.h"
#include "ipc/credential_text.h"
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
	struct server *control; /* of remote NULL, until it has a certificate */
	struct server *before;  /* with the certificate before: who came to it is answered */
	struct credential_text texts[CREDENTIAL_CRL]; /* of the certificate that is coming */
	struct trust *revoked;                        /* with it; NULL: there are no lists */
	bool incomplete;                              /* a part of it could not be had */
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
	if (++api->next_id >= API_OF_REMOTE)
		api->next_id = 1;
	request->id = api->next_id;
	if (fd >= 0)
		imsg_send(api->hub, IMSG_API_REQUEST, fd, request, sizeof(*request));
	else
		imsg_send_bytes(api->hub, IMSG_API_REQUEST, request, sizeof(*request), rows->bytes,
			rows->len);
	return request->id;
}

/* Before the request, so that hub knows it then. */
static void tell_certificate(struct api *api, uint32_t client, const struct cert_facts *facts)
{
	struct imsg_api_certificate m = {.client = client};

	memcpy(m.subject, facts->subject, sizeof(m.subject));
	memcpy(m.fingerprint, facts->fingerprint, sizeof(m.fingerprint));
	imsg_send(api->hub, IMSG_API_CERTIFICATE, -1, &m, sizeof(m));
}

/* Over TCP nobody learns anything, not even which paths there are, who has not said who he is. */
static bool says_who(const struct api *api, struct exchange *e, const struct server_request *r)
{
	if (r->certificate_fault)
		exchange_refuse(e, PROBLEM_UNKNOWN, r->certificate_fault, NULL);
	else if (!api->http && !r->certificate && !r->authorization)
		exchange_refuse(e, PROBLEM_UNKNOWN,
			"it is not said who asks: a token or a certificate is needed here", NULL);
	else
		return true;
	return false;
}

static void take_request(void *context, struct exchange *e, const struct server_request *r)
{
	struct request_refusal why;
	struct imsg_api_request request;
	struct rows rows;
	uint32_t id;

	if (!says_who(context, e, r))
		return;
	if (!request_read(r->method, r->target, r->body, r->len, &request, &rows, &why) ||
		!request_match(r->if_match, &request, &why) ||
		!request_stream(r->accept, r->last_event_id, &request, &why)) {
		free(rows.many);
		exchange_refuse(e, why.problem, why.detail, why.allow);
		return;
	}
	request_bearer(r->authorization, request.bearer);
	request.client = exchange_client(e);
	if (r->certificate)
		tell_certificate(context, request.client, r->certificate);
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

static void on_taken(void *context, uint32_t id, size_t bytes)
{
	const struct imsg_api_taken taken = {.id = id, .bytes = (uint32_t)bytes};
	struct api *api = context;

	imsg_send(api->hub, IMSG_API_TAKEN, -1, &taken, sizeof(taken));
}

/* Hub has not let more in than it wants. */
static const struct server_kind control = {.reading = API_CLIENTS_MAX,
	.asked = API_CLIENTS_MAX,
	.sending = API_CLIENTS_MAX,
	.held = 2 * API_ANSWER_MAX,
	.body = API_BODY_MAX,
	.long_path = API_IMPORT_PATH,
	.long_body = API_IMPORT_MAX,
	.longs = API_IMPORTS_MAX,
	.take = take_request,
	.gone = on_client_gone,
	.streaming = API_STREAMS_MAX,
	.taken = on_taken};

/* Who comes over TCP may be anybody. */
static const struct server_kind over_tcp = {.reading = API_REMOTE_MAX / 4,
	.asked = API_REMOTE_MAX / 4,
	.sending = API_REMOTE_MAX / 8,
	.held = 2 * API_ANSWER_MAX,
	.body = API_BODY_MAX,
	.take = take_request,
	.gone = on_client_gone,
	.streaming = API_STREAMS_MAX,
	.taken = on_taken};

static void on_client(void *context, struct imsg *m)
{
	const struct imsg_api_client *it = m->payload;
	struct api *api = context;

	if (api->control)
		server_add(api->control, imsg_take_fd(m), it->number, it->asker,
			addr_is_set(&it->from) ? &it->from : NULL);
	else
		on_client_gone(api, it->number); /* its descriptor is closed */
}

static void on_gives_way(void *context, struct imsg *m)
{
	const struct imsg_api_client *it = m->payload;
	struct api *api = context;

	if (api->control)
		server_end(api->control, it->number);
}

/* ---- TLS ---- */

/* What follows the texts of before, and ends as a string does. */
static void append(struct credential_text *to, struct credential_text *own_more)
{
	struct credential_text all = {.len = to->len + own_more->len + 1};

	all.bytes = calloc(1, all.len + 1);
	if (!all.bytes)
		abort();
	if (to->len)
		memcpy(all.bytes, to->bytes, to->len);
	memcpy(all.bytes + to->len, own_more->bytes, own_more->len);
	all.bytes[all.len - 1] = '\n';
	credential_text_free(to);
	credential_text_free(own_more);
	*to = all;
}

static void forget_texts(struct api *api)
{
	for (int i = 0; i < CREDENTIAL_CRL; i++)
		credential_text_free(&api->texts[i]);
	trust_free(api->revoked);
	api->revoked = NULL;
	api->incomplete = false;
}

/* Whoever connects from now on is shown the new certificate; who has connected before is answered all the same. */
static void serve_anew(struct api *api)
{
	const struct server_tls tls = {.chain = api->texts[CREDENTIAL_CHAIN].bytes,
		.key = api->texts[CREDENTIAL_KEY].bytes,
		.ca = api->texts[CREDENTIAL_CA].bytes,
		.own_revoked = api->revoked};
	struct server *s;

	if (api->incomplete || !tls.chain || !tls.key) {
		log_error("TLS: the certificate cannot be read; what was there before stays");
		return;
	}
	api->revoked = NULL;
	s = server_new(api->base, &over_tcp, &tls, api);
	if (!s)
		return;
	server_free(api->before);
	api->before = api->control;
	api->control = s;
}

/* All authorities have come before. */
static bool add_list(struct api *api, struct credential_text *own_list)
{
	const struct credential_text *ca = &api->texts[CREDENTIAL_CA];
	char why[TRUST_TEXT_SIZE] = "";
	bool ok = true;

	if (!api->revoked) {
		api->revoked = trust_new(false);
		ok = ca->len && trust_add_ca(api->revoked, ca->bytes, ca->len, why, sizeof(why));
	}
	ok = ok && trust_add_crl(api->revoked, own_list->bytes, own_list->len, why, sizeof(why));
	if (!ok)
		log_error("TLS: api_crl: %s", why);
	credential_text_free(own_list);
	return ok;
}

static void on_credential(void *context, struct imsg *m)
{
	const struct imsg_api_credential *it = m->payload;
	struct credential_text text;
	struct api *api = context;

	if (it->part == CREDENTIAL_CHAIN)
		forget_texts(api);
	if (it->part > CREDENTIAL_CRL ||
		!credential_text_read(imsg_take_fd(m), (enum credential_part)it->part, &text))
		api->incomplete = true;
	else if (it->part == CREDENTIAL_CRL)
		api->incomplete |= !add_list(api, &text);
	else
		append(&api->texts[it->part], &text);
	if (it->left)
		return;
	serve_anew(api);
	forget_texts(api);
}

/* Of the port for metrics, where nobody is a client that hub knows. */
static uint32_t ask_metrics(void *context)
{
	struct imsg_api_request ask = {.verb = API_METRICS, .tunnel = -1};
	static const struct rows none;

	return ask_hub(context, &ask, &none);
}

/* Of who came before the certificate was another one, too. */
static void take_stream(
	struct api *api, const struct imsg_api_reply *reply, const struct server_answer *answer)
{
	if (api->control &&
		server_stream(api->control, reply->id, reply + 1, reply->len, answer, reply->last))
		return;
	if (api->before)
		(void)server_stream(
			api->before, reply->id, reply + 1, reply->len, answer, reply->last);
}

static void on_reply(void *context, struct imsg *m)
{
	const struct imsg_api_reply *reply = m->payload;
	const struct server_answer answer = {.status = reply->status,
		.etag = reply->etag,
		.type = reply->metrics         ? HTTP_METRICS
			: reply->stream        ? "text/event-stream"
			: reply->status == 200 ? "application/json"
					       : "application/problem+json"};
	const struct server_answer *last = reply->last ? &answer : NULL;
	struct api *api = context;

	if (m->len - sizeof(*reply) < reply->len)
		return;
	if (reply->stream) {
		take_stream(api, reply, &answer);
		return;
	}
	if (api->http && http_answer(api->http, reply->id, reply + 1, reply->len, last))
		return;
	/* Or the client did not wait. */
	if (api->control && server_answer(api->control, reply->id, reply + 1, reply->len, last))
		return;
	if (api->before)
		(void)server_answer(api->before, reply->id, reply + 1, reply->len, last);
}

static void on_start(void *context, struct imsg *m)
{
	struct api *api = context;

	(void)m;
	if (api->started)
		return;
	api->started = true;
	json_object_seed(0); /* reads /dev/urandom, which is out of reach afterwards */
	/* So does libcrypto its configuration, when the first certificate of a client is decoded. */
	if (!crypto_init()) {
		log_error("libcrypto lacks an algorithm that certificates need");
		_exit(70);
	}
	privsep_drop(api->http ? "api" : "remote");
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

static const struct imsg_row remote_from_hub[] = {
	{IMSG_START, .take = on_start},
	{IMSG_SHUTDOWN, .take = on_shutdown},
	{IMSG_API_CLIENT, sizeof(struct imsg_api_client), .fd = IMSG_NEEDS_FD, .take = on_client},
	{IMSG_API_CREDENTIAL, sizeof(struct imsg_api_credential), .fd = IMSG_MAY_FD,
		.take = on_credential},
	{IMSG_API_REPLY, sizeof(struct imsg_api_reply), IMSG_BYTES, .take = on_reply},
	{.type = IMSG_INVALID},
};

static void on_message(void *context, const struct imsg *m)
{
	const struct api *api = context;

	(void)imsg_give(api->http ? from_hub : remote_from_hub, context, m);
}

static void on_gone(void *context)
{
	struct api *api = context;

	event_base_loopexit(api->base, NULL);
}

static void begin(struct api *api, int hub_fd)
{
	/* What is still answered to the process before this one must find nobody here. */
	api->next_id = (uint32_t)clock_now() % API_OF_REMOTE;
	api->base = event_base_new();
	api->hub = imsg_channel_new(api->base, hub_fd, on_message, on_gone, api);
}

static int run(struct api *api)
{
	imsg_channel_answer(api->hub);
	event_base_dispatch(api->base);

	forget_texts(api);
	server_free(api->control);
	server_free(api->before);
	http_free(api->http);
	imsg_channel_free(api->hub);
	event_base_free(api->base);
	return 0;
}

int proc_api_run(int hub_fd)
{
	struct api api = {0};

	begin(&api, hub_fd);
	api.control = server_new(api.base, &control, NULL, &api);
	api.http = http_new(api.base, ask_metrics, &api);
	return api.control && api.http ? run(&api) : 1;
}

int proc_remote_run(int hub_fd)
{
	struct api api = {0};

	begin(&api, hub_fd);
	return run(&api);
}
