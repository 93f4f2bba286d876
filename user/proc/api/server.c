/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/exchange.h"

#include "base/log.h"
#include "crypto/trust.h"
#include "proc/api/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 64 /* that have been ended, and the library has not let go of yet */

void server_run(struct server *s)
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

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	server_run(arg);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct exchange *e = arg;
	struct server *s = e->server;

	(void)fd, (void)what;
	exchange_end(e);
	server_run(s);
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

void server_add(
	struct server *s, int own_fd, uint32_t client, uint32_t asker, const struct ip_addr *from)
{
	const struct sockaddr nobody = {.sa_family = AF_UNIX};
	struct exchange *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	exchange_make_room(s, READING, s->kind->reading);
	e->server = s;
	e->client = client;
	e->asker = asker;
	e->fd = own_fd;
	if (from)
		e->from = addr_network(from);
	e->deadline = evtimer_new(s->base, on_deadline, e);
	TAILQ_INSERT_TAIL(&s->lists[READING], e, link);
	s->counts[READING]++;
	exchange_set_deadline(e, SERVER_REQUEST_S);
	(void)MHD_add_connection(s->daemon, own_fd, &nobody, sizeof(nobody));
	server_run(s);
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
	exchange_end(e);
	server_run(s);
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
	return MHD_start_daemon(flags | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, server_read, s,
		MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)SERVER_HEADER_MAX, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
		MHD_OPTION_URI_LOG_CALLBACK, server_read_target, s, MHD_OPTION_ARRAY, secure,
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
	s->revoked = tls ? tls->own_revoked : NULL;
	s->daemon = start(s, tls);
	info = s->daemon ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		log_error("HTTP cannot be served%s",
			tls ? ": TLS does not take the certificate and its key" : "");
		trust_free(s->revoked);
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
			exchange_end(TAILQ_FIRST(&s->lists[state]));
	}
	MHD_stop_daemon(s->daemon);
	while (!TAILQ_EMPTY(&s->lists[ENDED]))
		exchange_free(TAILQ_FIRST(&s->lists[ENDED]));
	event_free(s->ready);
	event_free(s->timer);
	trust_free(s->revoked);
	free(s->ca);
	free(s);
}
