/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/api/exchange.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void buffer_append(struct buffer *b, const void *bytes, size_t len)
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

void exchange_set_deadline(struct exchange *e, int seconds)
{
	const struct timeval limit = {.tv_sec = seconds};

	evtimer_add(e->deadline, &limit);
}

void exchange_move(struct exchange *e, enum state state)
{
	struct server *s = e->server;

	TAILQ_REMOVE(&s->lists[e->state], e, link);
	s->counts[e->state]--;
	e->state = state;
	TAILQ_INSERT_TAIL(&s->lists[state], e, link);
	s->counts[state]++;
}

void exchange_suspend(struct exchange *e)
{
	e->suspended = true;
	MHD_suspend_connection(e->connection);
}

void exchange_resume(struct exchange *e)
{
	if (!e->suspended)
		return;
	e->suspended = false;
	MHD_resume_connection(e->connection);
}

void exchange_end(struct exchange *e)
{
	if (e->state == ENDED)
		return;
	exchange_move(e, ENDED);
	shutdown(e->fd, SHUT_RDWR);
	exchange_resume(e);
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

void exchange_make_room(struct server *s, enum state state, unsigned int most)
{
	if (s->counts[state] >= most)
		exchange_end(gives_way(&s->lists[state]));
}

void exchange_hold(struct exchange *e, size_t len)
{
	e->held += len;
	e->server->held += len;
}

void exchange_free(struct exchange *e)
{
	struct server *s = e->server;

	TAILQ_REMOVE(&s->lists[e->state], e, link);
	s->counts[e->state]--;
	if (s->kind->gone && e->client)
		s->kind->gone(s->context, e->client);
	s->held -= e->held;
	event_free(e->deadline);
	free(e->target);
	free(e->body.bytes);
	free(e->answer.bytes);
	free(e);
}

struct exchange *exchange_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}
