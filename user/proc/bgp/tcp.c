/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections of the bgp process, in both directions. */
#include "proc/bgp/proc.h"

#include "base/clock.h"
#include "base/log.h"
#include "sluice/abi.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TTL_MAX          255
#define READ_SIZE        65536 /* bytes taken from one connection in one turn */
#define ACCEPTS_PER_TURN 16
#define ACCEPTS_AT_START 512 /* what a listening socket of hub's holds */

/* One TCP connection of a neighbour. */
struct connection {
	LIST_ENTRY(connection) link;
	struct proc_bgp *proc;
	uint32_t tunnel;
	enum bgp_direction direction;
	int fd;
	bool connecting;
	struct event *readable, *writable;
};

void bgp_schedule_turn(struct proc_bgp *p)
{
	event_active(p->turn, EV_TIMEOUT, 0);
}

static struct connection *connection_find(
	struct proc_bgp *p, uint32_t tunnel, enum bgp_direction direction)
{
	struct connection *c;

	LIST_FOREACH(c, &p->connections, link) {
		if (c->tunnel == tunnel && c->direction == direction)
			return c;
	}
	return NULL;
}

static void connection_free(struct connection *c)
{
	LIST_REMOVE(c, link);
	event_free(c->readable);
	event_free(c->writable);
	close(c->fd);
	free(c);
}

static void connection_lost(struct connection *c, enum bgp_why what, const char *why)
{
	struct proc_bgp *p = c->proc;
	uint32_t tunnel = c->tunnel;
	enum bgp_direction direction = c->direction;

	connection_free(c);
	bgp_closed(p->bgp, tunnel, direction, what, why, clock_now());
	bgp_schedule_turn(p);
}

/* For people: what it means that a connection has failed. */
static void connection_failed(struct connection *c, int error)
{
	enum bgp_why what = BGP_WHY_OTHER;
	char why[REASON_TEXT_SIZE];

	if (error == ECONNREFUSED && c->connecting)
		snprintf(why, sizeof(why),
			"the device refuses TCP port %d: BGP does not run there, or not for us",
			SLUICE_PORT_BGP);
	else if (error == ECONNRESET)
		snprintf(why, sizeof(why), "the device has reset the connection");
	else
		snprintf(why, sizeof(why), "connection: %s", strerror(error));
	if (error == ECONNREFUSED && c->connecting)
		what = BGP_WHY_REFUSED;
	else if (error == ECONNRESET)
		what = BGP_WHY_RESET;
	connection_lost(c, what, why);
}

/* Writes what waits. False: the connection is gone, and with it c. */
static bool connection_flush(struct connection *c)
{
	struct proc_bgp *p = c->proc;
	size_t len;

	for (;;) {
		const uint8_t *bytes = bgp_output(p->bgp, c->tunnel, c->direction, &len);
		ssize_t n;

		if (!len) {
			event_del(c->writable);
			return true;
		}
		n = send(c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			event_add(c->writable, NULL);
			return true;
		}
		if (n < 0) {
			connection_failed(c, errno);
			return false;
		}
		bgp_sent(p->bgp, c->tunnel, c->direction, (size_t)n, clock_now());
	}
}

/*
 * The last words are written as far as they go. What the peer sent in the meantime is read away:
 * closing with unread bytes would reset the connection and take the NOTIFICATION along.
 */
static void connection_close(struct connection *c)
{
	enum { READS_MAX = 16 };
	uint8_t rest[4096];
	size_t len;
	const uint8_t *bytes = bgp_output(c->proc->bgp, c->tunnel, c->direction, &len);

	if (!c->connecting && len && send(c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
		(void)shutdown(c->fd, SHUT_WR);
		for (int i = 0; i < READS_MAX; i++) {
			if (recv(c->fd, rest, sizeof(rest), MSG_DONTWAIT) <= 0)
				break;
		}
	}
	connection_free(c);
}

static void on_connection_readable(int fd, short what, void *arg)
{
	static uint8_t buffer[READ_SIZE];
	struct connection *c = arg;
	struct proc_bgp *p = c->proc;
	ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < 0) {
		connection_failed(c, errno);
		return;
	}
	if (!n) {
		connection_lost(c, BGP_WHY_RESET, "the device has closed the connection");
		return;
	}
	bgp_receive(p->bgp, c->tunnel, c->direction, buffer, (size_t)n, clock_now());
	p->carry_out(p); /* before the next one: what all say in one turn would pile up */
	bgp_schedule_turn(p);
}

static void on_connected(struct connection *c)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error) {
		connection_failed(c, error);
		return;
	}
	c->connecting = false;
	event_del(c->writable);
	event_add(c->readable, NULL);
	bgp_connected(c->proc->bgp, c->tunnel, c->direction, clock_now());
	bgp_schedule_turn(c->proc);
}

static void on_connection_writable(int fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	if (c->connecting)
		on_connected(c);
	else if (connection_flush(c))
		bgp_schedule_turn(c->proc); /* there is room for more routes */
}

static struct connection *connection_new(
	struct proc_bgp *p, uint32_t tunnel, enum bgp_direction direction, int own_fd)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	*c = (struct connection){.proc = p, .tunnel = tunnel, .direction = direction, .fd = own_fd};
	c->readable = event_new(p->base, own_fd, EV_READ | EV_PERSIST, on_connection_readable, c);
	c->writable = event_new(p->base, own_fd, EV_WRITE | EV_PERSIST, on_connection_writable, c);
	LIST_INSERT_HEAD(&p->connections, c, link);
	return c;
}

/*
 * RFC 4594 3.2: network control. RFC 5082 3: what leaves has a TTL of 255, for peers that want it so; what
 * comes must have it where that is asked for.
 */
static void set_options(int fd, const struct bgp_neighbor *n)
{
	int level = n->transport6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int one = 1, class = IPTOS_CLASS_CS6, ttl = TTL_MAX, lowest = n->ttl_security ? ttl : 0;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, level, n->transport6 ? IPV6_TCLASS : IP_TOS, &class, sizeof(class));
	(void)setsockopt(fd, level, n->transport6 ? IPV6_UNICAST_HOPS : IP_TTL, &ttl, sizeof(ttl));
	if (setsockopt(fd, level, n->transport6 ? IPV6_MINHOPCOUNT : IP_MINTTL, &lowest,
		    sizeof(lowest)))
		log_error("site %s: ttl_security: %s", n->site, strerror(errno));
}

static int connect_socket(
	const struct bgp_neighbor *n, const struct ip_addr *local, const struct ip_addr *remote)
{
	struct ip_endpoint from = {.addr = *local}, to = {.addr = *remote, .port = SLUICE_PORT_BGP};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&from, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	set_options(fd, n);
	if (bind(fd, (struct sockaddr *)&ss, len) < 0)
		goto fail;
	len = endpoint_to_sockaddr(&to, &ss);
	if (connect(fd, (struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS)
		goto fail;
	return fd;
fail:;
	int error = errno;

	close(fd);
	errno = error;
	return -1;
}

void bgp_tcp_connect(struct proc_bgp *p, const struct bgp_effect *e)
{
	const struct bgp_neighbor *n = bgp_neighbor_get(p->bgp, e->tunnel);
	struct connection *c;
	int fd;

	if (!n)
		return; /* it was deleted after it had asked */
	fd = connect_socket(n, &e->connect.local, &e->connect.remote);
	if (fd < 0) {
		char why[REASON_TEXT_SIZE];

		snprintf(why, sizeof(why), "connection: %s", strerror(errno));
		bgp_closed(p->bgp, e->tunnel, BGP_OUTGOING, BGP_WHY_OTHER, why, clock_now());
		return;
	}
	c = connection_new(p, e->tunnel, BGP_OUTGOING, fd);
	c->connecting = true;
	event_add(c->writable, NULL);
}

/* ---- listening ---- */

static void take_connection(struct proc_bgp *p, int own_fd, const struct sockaddr_storage *from)
{
	struct sockaddr_storage ss;
	socklen_t size = sizeof(ss);
	struct ip_endpoint local = {0}, remote = {0};
	struct connection *old, *c;
	uint32_t tunnel;

	p->carry_out(p); /* a connection that is to be closed must not be taken for this one */
	if (getsockname(own_fd, (struct sockaddr *)&ss, &size) < 0 ||
		!endpoint_from_sockaddr(&ss, &local) || !endpoint_from_sockaddr(from, &remote) ||
		!bgp_may_accept(p->bgp, &local.addr, &remote.addr, clock_now(), &tunnel)) {
		char text[ENDPOINT_STR_SIZE];

		log_verbose("BGP connection from %s is not expected now",
			endpoint_format(&remote, text));
		close(own_fd);
		return;
	}
	old = connection_find(p, tunnel, BGP_INCOMING);
	if (old) { /* the peer has given that one up, or it would not come again */
		connection_free(old);
		bgp_closed(p->bgp, tunnel, BGP_INCOMING, BGP_WHY_OTHER,
			"the device has connected anew", clock_now());
	}
	set_options(own_fd, bgp_neighbor_get(p->bgp, tunnel));
	c = connection_new(p, tunnel, BGP_INCOMING, own_fd);
	event_add(c->readable, NULL);
	bgp_connected(p->bgp, tunnel, BGP_INCOMING, clock_now());
	bgp_schedule_turn(p);
}

static void accept_some(struct proc_bgp *p, int fd, unsigned int most)
{
	for (unsigned int i = 0; i < most; i++) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		int own_fd =
			accept4(fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (own_fd < 0)
			return;
		take_connection(p, own_fd, &from);
	}
}

static void on_listener_readable(int fd, short what, void *arg)
{
	(void)what;
	accept_some(arg, fd, ACCEPTS_PER_TURN);
}

void bgp_tcp_start(struct proc_bgp *p)
{
	for (unsigned int i = 0; i < p->listener_count; i++) {
		accept_some(p, p->listeners[i].fd, ACCEPTS_AT_START);
		event_add(p->listeners[i].readable, NULL);
	}
}

void bgp_tcp_listen(struct proc_bgp *p, int own_fd)
{
	struct listener *l;
	int class = IPTOS_CLASS_CS6, ttl = TTL_MAX;

	if (own_fd < 0 || p->listener_count == LISTENERS_MAX) {
		log_error("listening socket %d not taken: %u of %d are there", own_fd,
			p->listener_count, LISTENERS_MAX);
		if (own_fd >= 0)
			close(own_fd);
		return;
	}
	l = &p->listeners[p->listener_count++];
	evutil_make_socket_nonblocking(own_fd);
	/* Of SYN+ACK; of each pair one fits. */
	(void)setsockopt(own_fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	(void)setsockopt(own_fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof(ttl));
	(void)setsockopt(own_fd, IPPROTO_IP, IP_TOS, &class, sizeof(class));
	(void)setsockopt(own_fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
	l->fd = own_fd;
	l->readable = event_new(p->base, own_fd, EV_READ | EV_PERSIST, on_listener_readable, p);
}

void bgp_tcp_close(struct proc_bgp *p, const struct bgp_effect *e)
{
	struct connection *c = connection_find(p, e->tunnel, e->direction);

	if (c)
		connection_close(c);
}

void bgp_tcp_flush_all(struct proc_bgp *p)
{
	struct connection *c, *following;

	for (c = LIST_FIRST(&p->connections); c; c = following) {
		following = LIST_NEXT(c, link);
		if (!c->connecting)
			connection_flush(c);
	}
}

void bgp_tcp_fini(struct proc_bgp *p)
{
	while (!LIST_EMPTY(&p->connections))
		connection_free(LIST_FIRST(&p->connections));
	for (unsigned int i = 0; i < p->listener_count; i++) {
		event_free(p->listeners[i].readable);
		close(p->listeners[i].fd);
	}
}
