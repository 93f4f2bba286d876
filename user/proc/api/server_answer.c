/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: whole ones, whose parts wait until they are, and streams. */
#include "proc/api/exchange.h"

#include "ipc/msg_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM      "application/problem+json"
#define STREAM_BLOCK 4096

/* Not in a call of the library. False: there is no room for so many bytes more of answers. */
static bool make_room_for(struct server *s, size_t len)
{
	while (s->held + len > s->kind->held) {
		size_t before = s->held;

		if (TAILQ_EMPTY(&s->lists[SENDING]))
			return false;
		exchange_end(TAILQ_FIRST(&s->lists[SENDING]));
		server_run(s);
		if (s->held == before)
			return false;
	}
	return true;
}

/* MHD_ContentReaderCallback: what there is of a stream; else it waits for more. */
static ssize_t read_stream(void *arg, uint64_t at, char *to, size_t max)
{
	struct exchange *e = arg;
	size_t n = e->answer.len < max ? e->answer.len : max;

	(void)at;
	if (!n && (e->last || e->state == ENDED))
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (!n) {
		exchange_suspend(e);
		return 0;
	}
	memcpy(to, e->answer.bytes, n);
	memmove(e->answer.bytes, e->answer.bytes + n, e->answer.len - n);
	e->answer.len -= n;
	e->held -= n;
	e->server->held -= n;
	e->server->kind->taken(e->server->context, e->id, n);
	return (ssize_t)n;
}

static struct MHD_Response *response_of(struct exchange *e)
{
	struct MHD_Response *r;

	if (e->stream)
		return MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, e, NULL);
	r = MHD_create_response_from_buffer(e->answer.len, e->answer.bytes, MHD_RESPMEM_MUST_FREE);
	if (r)
		e->answer = (struct buffer){0}; /* it is the response's */
	return r;
}

enum MHD_Result server_send(struct exchange *e)
{
	struct MHD_Response *r = response_of(e);
	enum MHD_Result ok;
	char tag[24];

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, e->head.type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	if (e->head.etag) {
		snprintf(tag, sizeof(tag), "\"%" PRIu64 "\"", e->head.etag);
		MHD_add_response_header(r, MHD_HTTP_HEADER_ETAG, tag);
	}
	if (e->allow[0])
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, e->allow);
	if (e->head.status == 401) /* RFC 9110 11.6.1 */
		MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (e->head.status == 429) /* RFC 6585 4: by then there is one more of whatever it is */
		MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "10");
	if (e->stream) {
		MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
		exchange_set_deadline(e, API_STREAM_S + SERVER_REQUEST_S);
	} else {
		exchange_make_room(e->server, SENDING, e->server->kind->sending);
	}
	exchange_move(e, e->stream ? STREAMING : SENDING);
	ok = MHD_queue_response(e->connection, e->head.status, r);
	MHD_destroy_response(r);
	return ok;
}

/* ---- what others call ---- */

uint32_t exchange_client(const struct exchange *e)
{
	return e->client;
}

void exchange_refuse(
	struct exchange *e, enum problem problem, const char *detail, const char *allow)
{
	json_t *document = problem_json(problem, detail);
	char *text = json_dumps(document, JSON_COMPACT);

	e->answer.len = 0;
	buffer_append(&e->answer, text ? text : "", text ? strlen(text) : 0);
	buffer_append(&e->answer, "\n", 1);
	e->head = (struct server_answer){.status = problems[problem].status, .type = PROBLEM};
	snprintf(e->allow, sizeof(e->allow), "%s", allow ? allow : "");
	e->answered = true;
	free(text);
	json_decref(document);
}

void exchange_answer(
	struct exchange *e, const void *bytes, size_t len, const struct server_answer *head)
{
	buffer_append(&e->answer, bytes, len);
	exchange_hold(e, len);
	e->head = *head;
	e->answered = true;
}

void exchange_wait(struct exchange *e, uint32_t id)
{
	e->id = id;
}

static struct exchange *waits_for(struct server *s, uint32_t id)
{
	struct exchange *e;

	TAILQ_FOREACH(e, &s->lists[ASKED], link) {
		if (e->id == id && !e->answered)
			break;
	}
	return e;
}

bool server_answer(struct server *s, uint32_t id, const void *bytes, size_t len,
	const struct server_answer *last)
{
	struct exchange *e = waits_for(s, id);
	bool room = e && make_room_for(s, len);

	e = waits_for(s, id); /* it may have ended meanwhile */
	if (!e)
		return false;
	if (!room) {
		exchange_refuse(e, PROBLEM_TOO_MANY, "too many answers wait to be read", NULL);
	} else {
		buffer_append(&e->answer, bytes, len);
		exchange_hold(e, len);
		if (!last)
			return true;
		e->head = *last;
		e->answered = true;
	}
	exchange_resume(e);
	server_run(s);
	return true;
}

bool server_stream(struct server *s, uint32_t id, const void *bytes, size_t len,
	const struct server_answer *head, bool last)
{
	struct exchange *e = waits_for(s, id);

	if (e) {
		e->head = *head;
		e->stream = e->answered = true;
	} else {
		TAILQ_FOREACH(e, &s->lists[STREAMING], link) {
			if (e->id == id && !e->last)
				break;
		}
	}
	if (!e)
		return false;
	buffer_append(&e->answer, bytes, len);
	exchange_hold(e, len);
	e->last = last;
	exchange_resume(e);
	server_run(s);
	return true;
}
