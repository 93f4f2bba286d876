/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected to the control socket. Hub accepts, asks the kernel who it is, and hands the connection to the api
 * process with a number, which comes back with each request: so api, which parses what clients send, cannot say who
 * they are.
 */
#include "hub/api/api.h"

#include "hub/api/access.h"
#include "hub/apply.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/problem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Somewhat after api has ended a connection its number means nothing more, whether api says so or not. */
#define LIFE_NS ((API_CLIENT_TOTAL_S + 10) * CLOCK_SECOND)

struct clients {
	struct event *accept, *again;
	uint32_t last; /* number that was given */
	struct {
		uint32_t number; /* 0: free */
		uint64_t since_ns;
		struct ucred who;
		gid_t *groups; /* beside its own */
		size_t group_count;
	} connected[API_CLIENTS_MAX];
};

struct clients *clients_new(void)
{
	struct clients *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	return c;
}

static void let_go(struct clients *c, unsigned int place)
{
	c->connected[place].number = 0;
	c->connected[place].group_count = 0;
	free(c->connected[place].groups);
	c->connected[place].groups = NULL;
}

void clients_free(struct clients *c)
{
	if (!c)
		return;
	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++)
		let_go(c, i);
	if (c->accept)
		event_free(c->accept);
	if (c->again)
		event_free(c->again);
	free(c);
}

/* Index of a number; API_CLIENTS_MAX: nobody has it. 0 finds a free place. */
static unsigned int place_of(const struct clients *c, uint32_t number)
{
	unsigned int i = 0;

	while (i < API_CLIENTS_MAX && c->connected[i].number != number)
		i++;
	return i;
}

static void end_old(struct clients *c, uint64_t now)
{
	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++) {
		if (c->connected[i].number && now - c->connected[i].since_ns > LIFE_NS)
			let_go(c, i);
	}
}

/* Nobody but root can take all places, and no user those of another one. */
static bool may_come(const struct clients *c, uid_t uid)
{
	unsigned int all = 0, others = 0, own = 0;

	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++) {
		if (!c->connected[i].number)
			continue;
		all++;
		others += c->connected[i].who.uid != 0;
		own += c->connected[i].who.uid == uid;
	}
	if (uid == 0)
		return all < API_CLIENTS_MAX;
	return others < API_CLIENTS_MAX - API_CLIENTS_ROOT && own < API_CLIENTS_USER &&
	       all < API_CLIENTS_MAX;
}

/* What was sent is read, or the kernel would take back the answer. */
static void turn_away(int fd, uid_t uid)
{
	json_t *problem = problem_json(PROBLEM_TOO_MANY, "too many connections to sluiced");
	char *text = json_dumps(problem, JSON_COMPACT), answer[1024], request[8192];
	int len = snprintf(answer, sizeof(answer),
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
		"Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
		text ? strlen(text) : 0, text ? text : "");

	log_warn("control socket: too many connections: one more of uid %u is refused",
		(unsigned int)uid);
	(void)recv(fd, request, sizeof(request), MSG_DONTWAIT);
	(void)send(fd, answer, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
	free(text);
	json_decref(problem);
}

static void hand_over(struct hub *h, int fd)
{
	struct clients *c = h->clients;
	uint64_t now = clock_now();
	unsigned int place;
	struct imsg_api_client m;
	struct ucred who;
	socklen_t len = sizeof(who);

	end_old(c, now);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len)) {
		close(fd);
		return;
	}
	if (!may_come(c, who.uid)) {
		turn_away(fd, who.uid);
		return;
	}
	place = place_of(c, 0);
	do
		m.number = ++c->last;
	while (!m.number || place_of(c, m.number) < API_CLIENTS_MAX);
	c->connected[place].number = m.number;
	c->connected[place].since_ns = now;
	c->connected[place].who = who;
	c->connected[place].groups = access_groups_of(fd, &c->connected[place].group_count);
	process_send(&h->processes[PROCESS_API], IMSG_API_CLIENT, fd, &m, sizeof(m));
}

/* Without an api process a connection waits in the socket's queue. */
static void on_connection(evutil_socket_t listener, short what, void *arg)
{
	const struct timeval pause = {.tv_sec = 1};
	struct hub *h = arg;
	int fd;

	(void)what;
	if (!h->processes[PROCESS_API].channel) {
		event_del(h->clients->accept);
		return;
	}
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		hand_over(h, fd);
	if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		log_error("control socket: %s", strerror(errno));
		event_del(h->clients->accept);
		event_add(h->clients->again, &pause);
	}
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct clients *c = arg;

	(void)fd, (void)what;
	event_add(c->accept, NULL);
}

void hub_clients_begin(struct hub *h, int listener)
{
	struct clients *c = h->clients;

	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++)
		let_go(c, i);
	access_set(h, listener);
	hub_audit_forget(h);
	hub_apply_nobody_waits(h);
	if (c->accept)
		event_free(c->accept);
	if (!c->again)
		c->again = event_new(h->base, -1, 0, on_again, c);
	event_del(c->again);
	c->accept = event_new(h->base, listener, EV_READ | EV_PERSIST, on_connection, h);
	event_add(c->accept, NULL);
}

void hub_client_gone(struct hub *h, uint32_t number)
{
	unsigned int place = number ? place_of(h->clients, number) : API_CLIENTS_MAX;

	if (place < API_CLIENTS_MAX)
		let_go(h->clients, place);
}

const struct ucred *hub_client_who(const struct hub *h, uint32_t number, uint64_t now)
{
	end_old(h->clients, now);

	unsigned int place = number ? place_of(h->clients, number) : API_CLIENTS_MAX;

	return place < API_CLIENTS_MAX ? &h->clients->connected[place].who : NULL;
}

bool hub_client_asker(const struct hub *h, uint32_t number, uint64_t now, struct asker *asker)
{
	const struct ucred *who = hub_client_who(h, number, now);
	unsigned int place = who ? place_of(h->clients, number) : API_CLIENTS_MAX;

	if (!who)
		return false;
	access_of_user(h, who, h->clients->connected[place].groups,
		h->clients->connected[place].group_count, asker);
	return true;
}
