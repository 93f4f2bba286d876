/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/server.h"

#include "base/log.h"
#include "ipc/msg_api.h"
#include "proc/api/tls.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS  64 /* that have been ended, and the library has not let go of yet */
#define PROBLEM      "application/problem+json"
#define STREAM_BLOCK 4096
#define ONCE         2 /* headers that may be there once */

enum state { READING, ASKED, SENDING, STREAMING, ENDED, STATES };

struct buffer {
	char *bytes;
	size_t len, size;
};

/* A connection and its request. */
struct exchange {
	TAILQ_ENTRY(exchange) link;
	struct server *server;
	enum state state;
	uint32_t client, id;
	struct ip_prefix from; /* see addr_network() */
	int fd; /* the library's, which is open until it has said that the connection is over */
	struct MHD_Connection *connection; /* NULL: the library has not begun with it */
	struct event *deadline;
	char *target;
	bool begun, is_long, too_long, suspended, answered;
	bool stream, last; /* its answer has no length; all of it is there */
	size_t body_max;
	struct buffer body, answer;
	size_t held; /* bytes of the answer, also when it is the library's */
	struct server_answer head;
	char allow[40];
};

TAILQ_HEAD(exchange_list, exchange);

struct server {
	struct event_base *base;
	const struct server_kind *kind;
	void *context;
	struct MHD_Daemon *daemon;
	struct event *ready, *timer;
	struct exchange_list lists[STATES]; /* the oldest first */
	struct exchange *long_one;          /* whose body may be long; NULL: nobody's */
	unsigned int counts[STATES];
	size_t held;
	bool running, tls;
	char *ca; /* the library looks whether there is one with each connection */
};

static void append(struct buffer *b, const void *bytes, size_t len)
{
	if (b->size - b->len < len) {
		b->size = (b->len + len) * 2;
		b->bytes = realloc(b->bytes, b->size);
		if (!b->bytes)
			abort();
	}
	if (len)
		memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

/* ---- states ---- */

static void set_deadline(struct exchange *e, int seconds)
{
	const struct timeval limit = {.tv_sec = seconds};

	evtimer_add(e->deadline, &limit);
}

static void move(struct exchange *e, enum state state)
{
	struct server *s = e->server;

	TAILQ_REMOVE(&s->lists[e->state], e, link);
	s->counts[e->state]--;
	e->state = state;
	TAILQ_INSERT_TAIL(&s->lists[state], e, link);
	s->counts[state]++;
}

/* The library hears that the connection is over, and lets go of it when it runs next. */
static void end(struct exchange *e)
{
	if (e->state == ENDED)
		return;
	move(e, ENDED);
	shutdown(e->fd, SHUT_RDWR);
	if (e->suspended) {
		e->suspended = false;
		MHD_resume_connection(e->connection);
	}
}

/* The oldest one of the address that has most of them. */
static struct exchange *gives_way(struct exchange_list *list)
{
	struct exchange *found = NULL, *e, *other;
	unsigned int most = 0;

	TAILQ_FOREACH(e, list, link) {
		unsigned int n = 0;

		TAILQ_FOREACH(other, list, link)
			n += prefix_equal(&other->from, &e->from);
		if (n > most) {
			most = n;
			found = e;
		}
	}
	return found;
}

static void make_room(struct server *s, enum state state, unsigned int most)
{
	if (s->counts[state] >= most)
		end(gives_way(&s->lists[state]));
}

static void hold(struct exchange *e, size_t len)
{
	e->held += len;
	e->server->held += len;
}

static void exchange_free(struct exchange *e)
{
	struct server *s = e->server;

	TAILQ_REMOVE(&s->lists[e->state], e, link);
	s->counts[e->state]--;
	if (s->kind->gone && e->client)
		s->kind->gone(s->context, e->client);
	s->held -= e->held;
	if (s->long_one == e)
		s->long_one = NULL;
	event_free(e->deadline);
	free(e->target);
	free(e->body.bytes);
	free(e->answer.bytes);
	free(e);
}

/* ---- the library ---- */

static void run(struct server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct timeval limit;

	if (s->running)
		return;
	s->running = true;
	MHD_run(s->daemon);
	s->running = false;
	if (MHD_get_timeout(s->daemon, &ms) != MHD_YES) {
		evtimer_del(s->timer);
		return;
	}
	limit = (struct timeval){
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (long)(ms % 1000) * 1000};
	evtimer_add(s->timer, &limit);
}

/* Not in a call of the library. False: there is no room for so many bytes more of answers. */
static bool make_room_for(struct server *s, size_t len)
{
	while (s->held + len > s->kind->held) {
		size_t before = s->held;

		if (TAILQ_EMPTY(&s->lists[SENDING]))
			return false;
		end(TAILQ_FIRST(&s->lists[SENDING]));
		run(s);
		if (s->held == before)
			return false;
	}
	return true;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	run(arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *e = arg;
	struct server *s = e->server;

	(void)fd, (void)what;
	end(e);
	run(s);
}

/* The one that has been added last, while the library has not begun with it; else NULL. */
static struct exchange *newest(struct server *s)
{
	struct exchange *e = TAILQ_LAST(&s->lists[READING], exchange_list);

	return e && !e->connection ? e : NULL;
}

/* Both of MHD_NotifyConnectionCallback: begun and over. */
static void on_connection(void *context, struct MHD_Connection *connection, void **own,
	enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info;
	struct server *s = context;
	struct exchange *e;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*own)
			exchange_free(*own);
		*own = NULL;
		return;
	}
	info = s->tls ? MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)
		      : NULL;
	if (info)
		tls_guard(info->tls_session);
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	e = newest(s);
	if (e && e->fd == info->connect_fd) {
		e->connection = connection;
		*own = e;
	}
}

static struct exchange *exchange_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* The target as it came: what the library hands on later is decoded. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
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

/* MHD_ContentReaderCallback: what there is of a stream; else it waits for more. */
static ssize_t read_stream(void *arg, uint64_t at, char *to, size_t max)
{
	struct exchange *e = arg;
	size_t n = e->answer.len < max ? e->answer.len : max;

	(void)at;
	if (!n && (e->last || e->state == ENDED))
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (!n) {
		e->suspended = true;
		MHD_suspend_connection(e->connection);
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

static enum MHD_Result send_answer(struct exchange *e)
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
	if (e->stream) {
		MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
		set_deadline(e, API_STREAM_S + SERVER_REQUEST_S);
	} else {
		make_room(e->server, SENDING, e->server->kind->sending);
	}
	move(e, e->stream ? STREAMING : SENDING);
	ok = MHD_queue_response(e->connection, e->head.status, r);
	MHD_destroy_response(r);
	return ok;
}

/* Who asks for the long one while another is there has as much as all others, and is told to come again. */
static void set_body_max(struct exchange *e, const char *method)
{
	struct server *s = e->server;
	const struct server_kind *k = s->kind;

	e->body_max = k->body;
	if (!k->long_path || strcmp(method, "POST") != 0 || !e->target ||
		strcmp(e->target, k->long_path) != 0)
		return;
	e->is_long = true;
	if (!s->long_one)
		s->long_one = e;
	if (s->long_one == e)
		e->body_max = k->long_body;
}

static void refuse_long(struct exchange *e)
{
	if (e->is_long && e->body_max < e->server->kind->long_body)
		exchange_refuse(
			e, PROBLEM_TOO_MANY, "another long request is being read; try again", NULL);
	else
		exchange_refuse(e, PROBLEM_TOO_LONG, "the body is too long", NULL);
}

/* Without its body: it is refused by what its head says. */
static bool says_too_much(struct exchange *e)
{
	const char *length = MHD_lookup_connection_value(
		e->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length && strtoull(length, NULL, 10) > e->body_max;
}

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
	return !info || tls_client(info->tls_session, facts, why);
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

	set_deadline(e, API_CLIENT_TOTAL_S - SERVER_REQUEST_S);
	if (repeats(e)) {
		exchange_refuse(e, PROBLEM_BAD_REQUEST,
			"Authorization and If-Match may be there once", NULL);
		return;
	}
	make_room(s, ASKED, s->kind->asked);
	move(e, ASKED);
	s->kind->take(s->context, e, &request);
}

/* MHD_AccessHandlerCallback: with the head, with each part of the body, at the end, and when it goes on. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len, void **own)
{
	struct exchange *e = exchange_of(connection);

	(void)context, (void)url, (void)version, (void)own;
	if (!e || e->state == ENDED)
		return MHD_NO;
	if (!e->begun) {
		e->begun = true;
		set_body_max(e, method);
		if (!says_too_much(e))
			return MHD_YES;
		refuse_long(e);
		return send_answer(e);
	}
	if (*upload_len) {
		e->too_long = e->too_long || *upload_len > e->body_max - e->body.len;
		if (!e->too_long)
			append(&e->body, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	if (e->too_long)
		refuse_long(e);
	else if (e->state == READING)
		on_whole(e, method);
	if (e->answered)
		return send_answer(e);
	if (!e->suspended) {
		e->suspended = true;
		MHD_suspend_connection(connection);
	}
	return MHD_YES;
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
	append(&e->answer, text ? text : "", text ? strlen(text) : 0);
	append(&e->answer, "\n", 1);
	e->head = (struct server_answer){.status = problems[problem].status, .type = PROBLEM};
	snprintf(e->allow, sizeof(e->allow), "%s", allow ? allow : "");
	e->answered = true;
	free(text);
	json_decref(document);
}

void exchange_answer(
	struct exchange *e, const void *bytes, size_t len, const struct server_answer *head)
{
	append(&e->answer, bytes, len);
	hold(e, len);
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
		append(&e->answer, bytes, len);
		hold(e, len);
		if (!last)
			return true;
		e->head = *last;
		e->answered = true;
	}
	if (e->suspended) {
		e->suspended = false;
		MHD_resume_connection(e->connection);
	}
	run(s);
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
	append(&e->answer, bytes, len);
	hold(e, len);
	e->last = last;
	if (e->suspended) {
		e->suspended = false;
		MHD_resume_connection(e->connection);
	}
	run(s);
	return true;
}

void server_add(struct server *s, int own_fd, uint32_t client, const struct ip_addr *from)
{
	const struct sockaddr nobody = {.sa_family = AF_UNIX};
	struct exchange *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	make_room(s, READING, s->kind->reading);
	e->server = s;
	e->client = client;
	e->fd = own_fd;
	if (from)
		e->from = addr_network(from);
	e->deadline = evtimer_new(s->base, on_deadline, e);
	TAILQ_INSERT_TAIL(&s->lists[READING], e, link);
	s->counts[READING]++;
	set_deadline(e, SERVER_REQUEST_S);
	(void)MHD_add_connection(s->daemon, own_fd, &nobody, sizeof(nobody));
	run(s);
	/* What the library does not take it has closed. */
	e = newest(s);
	if (e) {
		log_warn("a connection cannot be taken: %s", strerror(errno));
		exchange_free(e);
	}
}

void server_end(struct server *s, uint32_t client)
{
	struct exchange *e;

	TAILQ_FOREACH(e, &s->lists[READING], link) {
		if (e->client == client)
			break;
	}
	if (!e)
		return;
	end(e);
	run(s);
}

static struct MHD_Daemon *start(struct server *s, const struct server_tls *tls)
{
	const struct server_kind *kind = s->kind;
	const unsigned int most =
		kind->reading + kind->asked + kind->sending + kind->streaming + CONNECTIONS;
	const unsigned int flags = MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL |
				   MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
	struct MHD_OptionItem secure[5] = {{MHD_OPTION_END, 0, NULL}};
	size_t n = 0;

	if (tls) {
		secure[n++] =
			(struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)tls->chain};
		secure[n++] =
			(struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)tls->key};
		secure[n++] = (struct MHD_OptionItem){
			MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES};
		if (s->ca)
			secure[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, s->ca};
		secure[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	}
	return MHD_start_daemon(flags | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, s,
		MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)SERVER_HEADER_MAX, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_ARRAY, secure,
		MHD_OPTION_END);
}

struct server *server_new(struct event_base *base, const struct server_kind *kind,
	const struct server_tls *tls, void *context)
{
	const union MHD_DaemonInfo *info;
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->base = base;
	s->kind = kind;
	s->context = context;
	for (int i = 0; i < STATES; i++)
		TAILQ_INIT(&s->lists[i]);
	s->tls = tls;
	s->ca = tls && tls->ca ? strdup(tls->ca) : NULL;
	s->daemon = start(s, tls);
	info = s->daemon ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		log_error("HTTP cannot be served%s",
			tls ? ": TLS does not take the certificate and its key" : "");
		free(s->ca);
		free(s);
		return NULL;
	}
	s->ready = event_new(base, info->epoll_fd, EV_READ | EV_PERSIST, on_ready, s);
	s->timer = evtimer_new(base, on_ready, s);
	event_add(s->ready, NULL);
	return s;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	for (int state = READING; state < ENDED; state++) {
		while (!TAILQ_EMPTY(&s->lists[state]))
			end(TAILQ_FIRST(&s->lists[state]));
	}
	MHD_stop_daemon(s->daemon);
	while (!TAILQ_EMPTY(&s->lists[ENDED]))
		exchange_free(TAILQ_FIRST(&s->lists[ENDED]));
	event_free(s->ready);
	event_free(s->timer);
	free(s->ca);
	free(s);
}
