/* SPDX-License-Identifier: Apache-2.0 */
/* How a request comes: its head, its body, and when it is whole. */
#include "proc/api/exchange.h"

#include "ipc/msg_api.h"
#include "proc/api/tls.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ONCE 2 /* headers that may be there once */

/* The target as it came: what the library hands on later is decoded. */
void *server_read_target(void *context, const char *target, struct MHD_Connection *connection)
{
	struct exchange *e = exchange_of(connection);

	(void)context;
	if (e && !e->target) {
		e->target = strdup(target);
		if (!e->target)
			abort();
	}
	return NULL;
}

/* ---- how long a body may be ---- */

/* Whether there is a place for one more long body: each asker has one, and the last one is for root. */
static bool has_place(const struct exchange *e)
{
	const struct server *s = e->server;
	const struct exchange *other;
	unsigned int taken = 0;

	TAILQ_FOREACH(other, &s->lists[READING], link) {
		if (other->is_long && other->asker == e->asker)
			return false;
		taken += other->is_long && other->asker;
	}
	return !e->asker || taken + 1 < s->kind->longs;
}

/* Of a body that has so many bytes. What makes it long takes the place, and not what its head says. */
static enum body_fault judge_length(const struct exchange *e, uint64_t len)
{
	const struct server_kind *k = e->server->kind;

	if (len > (e->may_be_long ? k->long_body : k->body))
		return BODY_TOO_LONG;
	return len <= k->body || e->is_long || has_place(e) ? BODY_FITS : BODY_NO_PLACE;
}

static void take_part(struct exchange *e, const char *bytes, size_t len)
{
	if (e->fault == BODY_FITS)
		e->fault = judge_length(e, e->body.len + len);
	if (e->fault != BODY_FITS)
		return;
	buffer_append(&e->body, bytes, len);
	e->is_long = e->body.len > e->server->kind->body;
}

static void refuse_length(struct exchange *e)
{
	if (e->fault == BODY_NO_PLACE)
		exchange_refuse(
			e, PROBLEM_TOO_MANY, "another long request is being read; try again", NULL);
	else
		exchange_refuse(e, PROBLEM_TOO_LONG, "the body is too long", NULL);
}

/* Without its body: it is refused by what its head says. */
static bool begins(struct exchange *e, const char *method)
{
	const struct server_kind *k = e->server->kind;
	const char *length = MHD_lookup_connection_value(
		e->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	e->begun = true;
	e->may_be_long = k->long_path && !strcmp(method, "POST") && e->target &&
			 !strcmp(e->target, k->long_path);
	e->fault = judge_length(e, length ? strtoull(length, NULL, 10) : 0);
	return e->fault == BODY_FITS;
}

/* ---- what it says ---- */

/* A second line of a header would be looked over, and nobody told of it. */
static enum MHD_Result count(
	void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	static const char *const once[] = {MHD_HTTP_HEADER_AUTHORIZATION, MHD_HTTP_HEADER_IF_MATCH};
	unsigned int *seen = context;

	(void)kind, (void)value;
	for (size_t i = 0; i < ONCE; i++)
		seen[i] += !strcasecmp(name, once[i]);
	return MHD_YES;
}

static bool repeats(struct exchange *e)
{
	unsigned int seen[ONCE] = {0};

	MHD_get_connection_values(e->connection, MHD_HEADER_KIND, count, seen);
	return seen[0] > 1 || seen[1] > 1;
}

/* False: what it has shown is no certificate of a client's. */
static bool has_proved(struct exchange *e, struct cert_facts *facts, char why[TLS_TEXT_SIZE])
{
	const union MHD_ConnectionInfo *info =
		e->server->tls
			? MHD_get_connection_info(e->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)
			: NULL;

	facts->subject[0] = '\0';
	return !info || tls_client(info->tls_session, e->server->revoked, facts, why);
}

static void on_whole(struct exchange *e, const char *method)
{
	struct cert_facts facts;
	char why[TLS_TEXT_SIZE];
	bool proved = has_proved(e, &facts, why);
	const struct server_request request = {.method = method,
		.target = e->target ? e->target : "",
		.authorization = MHD_lookup_connection_value(
			e->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION),
		.if_match = MHD_lookup_connection_value(
			e->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_MATCH),
		.accept = MHD_lookup_connection_value(
			e->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT),
		.last_event_id = MHD_lookup_connection_value(
			e->connection, MHD_HEADER_KIND, "Last-Event-ID"),
		.body = e->body.bytes ? e->body.bytes : "",
		.len = e->body.len,
		.certificate = facts.subject[0] ? &facts : NULL,
		.certificate_fault = proved ? NULL : why};
	struct server *s = e->server;

	exchange_set_deadline(e, API_CLIENT_TOTAL_S - SERVER_REQUEST_S);
	if (repeats(e)) {
		exchange_refuse(e, PROBLEM_BAD_REQUEST,
			"Authorization and If-Match may be there once", NULL);
		return;
	}
	exchange_make_room(s, ASKED, s->kind->asked);
	exchange_move(e, ASKED);
	s->kind->take(s->context, e, &request);
	free(e->body.bytes);
	e->body = (struct buffer){0};
}

/* MHD_AccessHandlerCallback: with the head, with each part of the body, at the end, and when it goes on. */
enum MHD_Result server_read(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len, void **own)
{
	struct exchange *e = exchange_of(connection);

	(void)context, (void)url, (void)version, (void)own;
	if (!e || e->state == ENDED)
		return MHD_NO;
	if (!e->begun) {
		if (begins(e, method))
			return MHD_YES;
		refuse_length(e);
		return server_send(e);
	}
	if (*upload_len) {
		take_part(e, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	if (e->fault != BODY_FITS)
		refuse_length(e);
	else if (e->state == READING)
		on_whole(e, method);
	if (e->answered)
		return server_send(e);
	if (!e->suspended)
		exchange_suspend(e);
	return MHD_YES;
}
