/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected to the control socket. Hub accepts, asks the kernel who it is, and hands the connection to the api
 * process with a number, which comes back with its request: so api, which parses what clients send, cannot say who
 * they are. A connection has one request, so its number is good for one: an api process that is in the hands of a
 * client does nothing in the name of those who have been answered.
 *
 * One connection is accepted in each turn of the loop: whoever connects without end must not keep hub from the rest.
 */
#include "hub/api/api.h"

#include "hub/api/access.h"
#include "hub/api/remote.h"
#include "hub/api/events.h"
#include "hub/api/streams.h"
#include "hub/api/sums.h"
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

/*
 * After one for whom there was no room, so that many of them cost little: until the next tick of the clock. Those who
 * wait are let in afterwards.
 */
#define REST_US 1000

/* Who was turned away is listened to so long: a connection that is closed over what it has sent loses its answer. */
#define LINGER_MAX 8 /* at a time; then the oldest is closed */
#define LINGER_S   1

struct client {
	uint32_t number; /* 0: free */
	bool asked; /* its request has come: the number means nothing more, and it has its place until it is gone */
	uint64_t since_ns;
	struct ucred who;
	gid_t *groups; /* beside its own */
	size_t group_count;
};

struct lingering {
	int fd;
	struct event *event; /* NULL: free */
};

struct clients {
	struct event *accept, *again;
	uint32_t last;    /* number that was given */
	uint64_t told_ns; /* when the log was told last of one who was turned away; 0: never */
	struct client connected[API_CLIENTS_MAX];
	struct lingering lingering[LINGER_MAX];
	unsigned int next_lingering;
};

struct clients *clients_new(void)
{
	struct clients *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	return c;
}

static void let_go(struct client *c)
{
	free(c->groups);
	*c = (struct client){0};
}

static void linger_end(struct lingering *l)
{
	if (!l->event)
		return;
	event_free(l->event);
	l->event = NULL;
	close(l->fd);
}

void clients_free(struct clients *c)
{
	if (!c)
		return;
	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++)
		let_go(&c->connected[i]);
	for (unsigned int i = 0; i < LINGER_MAX; i++)
		linger_end(&c->lingering[i]);
	if (c->accept)
		event_free(c->accept);
	if (c->again)
		event_free(c->again);
	free(c);
}

/* Who has that number; NULL: nobody. 0 finds a free place. */
static struct client *client_of(struct clients *c, uint32_t number)
{
	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++) {
		if (c->connected[i].number == number)
			return &c->connected[i];
	}
	return NULL;
}

static void end_old(struct clients *c, uint64_t now)
{
	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++) {
		if (c->connected[i].number && now - c->connected[i].since_ns > LIFE_NS)
			let_go(&c->connected[i]);
	}
}

/* ---- room ---- */

static unsigned int places_of(const struct clients *c, uid_t uid)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++)
		n += c->connected[i].number && c->connected[i].who.uid == uid;
	return n;
}

/* Whether those who are not root have all that they may have together. */
static bool others_are_full(const struct clients *c)
{
	unsigned int others = 0;

	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++)
		others += c->connected[i].number && c->connected[i].who.uid != 0;
	return others >= API_CLIENTS_MAX - API_CLIENTS_ROOT;
}

/* Nobody but root can take all places, and no user those of another one. */
static bool may_come(struct clients *c, uid_t uid)
{
	if (!client_of(c, 0))
		return false;
	return uid == 0 || (!others_are_full(c) && places_of(c, uid) < API_CLIENTS_USER);
}

/* Who has not asked yet may have to give way: to his own next one, or to somebody who has less. */
static bool may_end(const struct clients *c, const struct client *i, uid_t to)
{
	unsigned int own = places_of(c, to);

	if (!i->number || i->asked)
		return false;
	if (i->who.uid == to)
		return true;
	if (to != 0 && (own >= API_CLIENTS_USER || (i->who.uid == 0 && others_are_full(c))))
		return false;
	return places_of(c, i->who.uid) > own;
}

/* Of those who have most, the oldest; NULL: there is none. */
static struct client *gives_way(struct clients *c, uid_t to)
{
	struct client *found = NULL;
	unsigned int most = 0;

	for (struct client *i = c->connected; i < c->connected + API_CLIENTS_MAX; i++) {
		unsigned int n = may_end(c, i, to) ? places_of(c, i->who.uid) : 0;

		if (n > most || (found && n == most && i->since_ns < found->since_ns)) {
			most = n;
			found = i;
		}
	}
	return found;
}

static bool make_room(struct hub *h, uid_t uid)
{
	struct client *c = gives_way(h->clients, uid);
	struct imsg_api_client end = {0};

	if (!c)
		return false;
	end.number = c->number;
	process_send(&h->processes[PROCESS_API], IMSG_API_GONE, -1, &end, sizeof(end));
	let_go(c);
	return true;
}

/* ---- who is turned away ---- */

static void on_lingering(evutil_socket_t fd, short what, void *arg)
{
	struct lingering *l = arg;
	char request[4096];

	if (!(what & EV_READ) || recv(fd, request, sizeof(request), MSG_DONTWAIT) <= 0)
		linger_end(l);
}

static void linger(struct hub *h, int own_fd)
{
	const struct timeval limit = {.tv_sec = LINGER_S};
	struct clients *c = h->clients;
	struct lingering *l = &c->lingering[c->next_lingering++ % LINGER_MAX];

	linger_end(l);
	l->fd = own_fd;
	l->event = event_new(h->base, own_fd, EV_READ | EV_PERSIST, on_lingering, l);
	event_add(l->event, &limit);
}

static void turn_away(struct hub *h, int own_fd, uid_t uid, uint64_t now)
{
	json_t *problem = problem_json(PROBLEM_TOO_MANY, "too many connections to sluiced");
	char *text = json_dumps(problem, JSON_COMPACT), answer[1024];
	int len = snprintf(answer, sizeof(answer),
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
		"Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
		text ? strlen(text) : 0, text ? text : "");

	if (!h->clients->told_ns || now - h->clients->told_ns >= CLOCK_SECOND) {
		log_warn("control socket: too many connections: one more of uid %u is refused",
			(unsigned int)uid);
		h->clients->told_ns = now;
	}
	(void)send(own_fd, answer, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(own_fd, SHUT_WR);
	linger(h, own_fd);
	free(text);
	json_decref(problem);
}

/* ---- who comes ---- */

static void rest(struct clients *c, const struct timeval *pause)
{
	event_del(c->accept);
	event_add(c->again, pause);
}

static void hand_over(struct hub *h, int own_fd)
{
	const struct timeval pause = {.tv_usec = REST_US};
	struct clients *c = h->clients;
	uint64_t now = clock_now();
	struct client *place;
	struct imsg_api_client m = {0};
	struct ucred who;
	socklen_t len = sizeof(who);

	end_old(c, now);
	if (getsockopt(own_fd, SOL_SOCKET, SO_PEERCRED, &who, &len)) {
		close(own_fd);
		return;
	}
	if (!may_come(c, who.uid)) {
		rest(c, &pause);
		if (!make_room(h, who.uid)) {
			turn_away(h, own_fd, who.uid, now);
			return;
		}
	}
	place = client_of(c, 0);
	do
		c->last = hub_client_number(c->last);
	while (client_of(c, c->last));
	m.number = c->last;
	m.asker = who.uid;
	*place = (struct client){.number = m.number, .since_ns = now, .who = who};
	place->groups = access_groups_of(own_fd, &place->group_count);
	process_send(&h->processes[PROCESS_API], IMSG_API_CLIENT, own_fd, &m, sizeof(m));
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
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		hand_over(h, fd);
	} else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		log_error("control socket: %s", strerror(errno));
		rest(h->clients, &pause);
	}
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct clients *c = arg;

	(void)fd, (void)what;
	event_add(c->accept, NULL);
}

void hub_clients_forget(struct hub *h, uint32_t of)
{
	hub_audit_forget(h, of);
	hub_apply_nobody_waits(h, of);
	hub_bgp_queries_forget(h, of);
	hub_events_forget(h, of);
	hub_streams_forget(h, of);
	hub_sums_forget(h, of);
}

void hub_clients_begin(struct hub *h, int listener)
{
	struct clients *c = h->clients;

	for (unsigned int i = 0; i < API_CLIENTS_MAX; i++)
		let_go(&c->connected[i]);
	access_set(h, listener);
	hub_clients_forget(h, 0);
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
	struct client *c = number ? client_of(h->clients, number) : NULL;

	if (c)
		let_go(c);
}

/* NULL: nobody who is connected has this number, or whoever has it has asked. */
static struct client *who_may_ask(struct hub *h, uint32_t number, uint64_t now)
{
	struct client *c;

	end_old(h->clients, now);
	c = number ? client_of(h->clients, number) : NULL;
	return c && !c->asked ? c : NULL;
}

const struct ucred *hub_client_who(struct hub *h, uint32_t number, uint64_t now)
{
	const struct client *c = who_may_ask(h, number, now);

	return c ? &c->who : NULL;
}

bool hub_client_asks(struct hub *h, uint32_t number, uint64_t now, struct asker *asker)
{
	struct client *c;

	if (number & API_OF_REMOTE)
		return remote_asks(h, number & ~API_OF_REMOTE, now, asker);
	c = who_may_ask(h, number, now);
	if (!c)
		return false;
	c->asked = true;
	access_of_user(h, &c->who, c->groups, c->group_count, asker);
	return true;
}
