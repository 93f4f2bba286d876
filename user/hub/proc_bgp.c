/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/roles.h"

#include "base/clock.h"
#include "base/log.h"
#include "bgp/speaker.h"
#include "hub/imsg.h"
#include "hub/privsep.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define BGP_PORT         179
#define SETTLE_S         60    /* for how long stale routes may stay after a start */
#define READ_SIZE        65536 /* bytes taken from one connection in one turn */
#define LISTENERS_MAX    8
#define ACCEPTS_PER_TURN 16

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

struct listener {
	int fd;
	struct event *readable;
};

struct proc_bgp {
	struct event_base *base;
	struct imsg_channel *hub;
	struct bgp *bgp;
	struct event *turn; /* once per event-loop turn in which something happened, and timers */
	LIST_HEAD(, connection) connections;
	struct listener listeners[LISTENERS_MAX];
	unsigned int listener_count;
	bool settling; /* IMSG_BGP_SETTLED is still to be sent */
	uint64_t settle_until;
	int status;
};

/* Everything that happened in this turn of the loop is worked off together: batches of routes. */
static void schedule_turn(struct proc_bgp *p)
{
	event_active(p->turn, EV_TIMEOUT, 0);
}

static void carry_out_all(struct proc_bgp *p);

/* ---- connections ---- */

static struct connection *connection_find(
	struct proc_bgp *p, uint32_t tunnel, enum bgp_direction direction)
{
	struct connection *c;

	LIST_FOREACH(c, &p->connections, link)
	{
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

static void connection_lost(struct connection *c, const char *why)
{
	struct proc_bgp *p = c->proc;
	uint32_t tunnel = c->tunnel;
	enum bgp_direction direction = c->direction;

	connection_free(c);
	bgp_closed(p->bgp, tunnel, direction, why, clock_now());
	schedule_turn(p);
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
			connection_lost(c, strerror(errno));
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
	ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0) {
		connection_lost(c, n ? strerror(errno) : "closed by the peer");
		return;
	}
	bgp_receive(c->proc->bgp, c->tunnel, c->direction, buffer, (size_t)n, clock_now());
	schedule_turn(c->proc);
}

static void on_connected(struct connection *c)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error) {
		connection_lost(c, strerror(error));
		return;
	}
	c->connecting = false;
	event_del(c->writable);
	event_add(c->readable, NULL);
	bgp_connected(c->proc->bgp, c->tunnel, c->direction, clock_now());
	schedule_turn(c->proc);
}

static void on_connection_writable(int fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	if (c->connecting)
		on_connected(c);
	else if (connection_flush(c))
		schedule_turn(c->proc); /* there is room for more routes */
}

static struct connection *connection_new(
	struct proc_bgp *p, uint32_t tunnel, enum bgp_direction direction, int own_fd)
{
	struct connection *c = calloc(1, sizeof(*c));
	int one = 1, class = IPTOS_CLASS_CS6; /* RFC 4594 3.2: network control */

	if (!c)
		abort();
	*c = (struct connection){.proc = p, .tunnel = tunnel, .direction = direction, .fd = own_fd};
	(void)setsockopt(own_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(own_fd, IPPROTO_IP, IP_TOS, &class, sizeof(class));
	c->readable = event_new(p->base, own_fd, EV_READ | EV_PERSIST, on_connection_readable, c);
	c->writable = event_new(p->base, own_fd, EV_WRITE | EV_PERSIST, on_connection_writable, c);
	LIST_INSERT_HEAD(&p->connections, c, link);
	return c;
}

static int connect_socket(const struct ip_addr *local, const struct ip_addr *remote)
{
	struct ip_endpoint from = {.addr = *local}, to = {.addr = *remote, .port = BGP_PORT};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&from, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
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

static void start_connection(struct proc_bgp *p, const struct bgp_effect *e)
{
	int fd = connect_socket(&e->connect.local, &e->connect.remote);
	struct connection *c;

	if (fd < 0) {
		bgp_closed(p->bgp, e->tunnel, BGP_OUTGOING, strerror(errno), clock_now());
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

	carry_out_all(p); /* a connection that is to be closed must not be taken for this one */
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
		bgp_closed(p->bgp, tunnel, BGP_INCOMING, "replaced by a new one", clock_now());
	}
	c = connection_new(p, tunnel, BGP_INCOMING, own_fd);
	event_add(c->readable, NULL);
	bgp_connected(p->bgp, tunnel, BGP_INCOMING, clock_now());
	schedule_turn(p);
}

static void on_listener_readable(int fd, short what, void *arg)
{
	struct proc_bgp *p = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t size = sizeof(from);
		int own_fd =
			accept4(fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (own_fd < 0)
			return;
		take_connection(p, own_fd, &from);
	}
}

static void add_listener(struct proc_bgp *p, int own_fd)
{
	struct listener *l;

	if (own_fd < 0 || p->listener_count == LISTENERS_MAX) {
		log_error("listening socket %d not taken: %u of %d are there", own_fd,
			p->listener_count, LISTENERS_MAX);
		if (own_fd >= 0)
			close(own_fd);
		return;
	}
	l = &p->listeners[p->listener_count++];
	evutil_make_socket_nonblocking(own_fd);
	l->fd = own_fd;
	l->readable = event_new(p->base, own_fd, EV_READ | EV_PERSIST, on_listener_readable, p);
	event_add(l->readable, NULL);
}

/* ---- effects ---- */

static void report_state(struct proc_bgp *p, const struct bgp_effect *e)
{
	static const enum bgp_state states[FSM_STATES] = {
		[FSM_IDLE] = BGP_IDLE,
		[FSM_CONNECT] = BGP_CONNECT,
		[FSM_ACTIVE] = BGP_ACTIVE,
		[FSM_OPEN_SENT] = BGP_OPENSENT,
		[FSM_OPEN_CONFIRM] = BGP_OPENCONFIRM,
		[FSM_ESTABLISHED] = BGP_ESTABLISHED,
	};
	struct imsg_bgp_state m = {.tunnel = e->tunnel,
		.state = states[e->state.state],
		.prefixes_in = e->state.prefixes_in,
		.prefixes_out = e->state.prefixes_out,
		.error_code = e->state.error_code,
		.error_subcode = e->state.error_subcode};

	memcpy(m.detail, e->state.detail, sizeof(m.detail));
	imsg_send(p->hub, IMSG_BGP_STATE, -1, &m, sizeof(m));
}

static void report_route(struct proc_bgp *p, const struct bgp_effect *e)
{
	struct imsg_route m = {.prefix = e->route.prefix,
		.present = e->route.present,
		.tunnel = e->tunnel,
		.med = e->route.med,
		.as_path_len = e->route.as_path_len,
		.origin = e->route.origin,
		.candidates = e->route.candidates};

	memcpy(m.as_path, e->route.as_path, sizeof(m.as_path));
	imsg_send(p->hub, IMSG_ROUTE, -1, &m, sizeof(m));
}

static void carry_out(struct proc_bgp *p, const struct bgp_effect *e)
{
	struct connection *c;

	switch (e->type) {
	case BGP_EFFECT_CONNECT:
		start_connection(p, e);
		return;
	case BGP_EFFECT_CLOSE:
		c = connection_find(p, e->tunnel, e->direction);
		if (c)
			connection_close(c);
		return;
	case BGP_EFFECT_STATE:
		report_state(p, e);
		return;
	case BGP_EFFECT_ROUTE:
		report_route(p, e);
		return;
	case BGP_EFFECT_NOTE:
		if (e->note.level == BGP_NOTE_WARN)
			log_warn("%s", e->note.text);
		else
			log_info("%s", e->note.text);
		return;
	case BGP_EFFECT_INVALID:
		return;
	}
}

static void carry_out_all(struct proc_bgp *p)
{
	struct bgp_effect e;

	while (bgp_next_effect(p->bgp, &e))
		carry_out(p, &e);
}

/* ---- the turn ---- */

static void flush_all(struct proc_bgp *p)
{
	struct connection *c, *following;

	for (c = LIST_FIRST(&p->connections); c; c = following) {
		following = LIST_NEXT(c, link);
		if (!c->connecting)
			connection_flush(c);
	}
}

static void check_settled(struct proc_bgp *p, uint64_t now)
{
	if (!p->settling || (now < p->settle_until && !bgp_is_settled(p->bgp, now)))
		return;
	p->settling = false;
	imsg_send(p->hub, IMSG_BGP_SETTLED, -1, NULL, 0);
}

static void set_timer(struct proc_bgp *p, uint64_t at, uint64_t now)
{
	uint64_t wait = at > now ? at - now : 0;
	struct timeval tv = {.tv_sec = (time_t)(wait / CLOCK_SECOND),
		.tv_usec = (suseconds_t)(wait % CLOCK_SECOND / 1000 + 1)};

	if (at == CLOCK_NEVER)
		event_del(p->turn);
	else
		event_add(p->turn, &tv);
}

static void on_turn(int fd, short what, void *arg)
{
	struct proc_bgp *p = arg;
	uint64_t now = clock_now();
	uint64_t at;
	bool more;

	(void)fd;
	(void)what;
	carry_out_all(p);
	more = bgp_run(p->bgp, now);
	carry_out_all(p);
	flush_all(p);
	check_settled(p, now);
	at = bgp_next_timer(p->bgp);
	if (p->settling && p->settle_until < at)
		at = p->settle_until;
	set_timer(p, more ? now : at, now);
}

/* ---- messages of hub ---- */

static void on_conf(struct proc_bgp *p, const struct imsg_bgp_conf *m, uint64_t now)
{
	struct bgp_config config = {.local_as = m->local_as,
		.router_id = m->router_id,
		.hold_s = m->hold_s,
		.keepalive_s = m->keepalive_s,
		.site_to_site = m->site_to_site};

	bgp_configure(p->bgp, &config, now);
}

static void on_neighbor(struct proc_bgp *p, const struct imsg_bgp_neighbor *m, uint64_t now)
{
	struct bgp_neighbor conf = {.tunnel = m->tunnel,
		.local4 = m->local4,
		.peer4 = m->peer4,
		.local6 = m->local6,
		.peer6 = m->peer6,
		.remote_as = m->remote_as,
		.max_prefixes_in = m->max_prefixes_in,
		.max_prefixes_out = m->max_prefixes_out,
		.med_out = m->med_out,
		.group = m->group,
		.allow_default = m->allow_default};

	memcpy(conf.site, m->site, sizeof(conf.site));
	conf.site[sizeof(conf.site) - 1] = '\0';
	if (!bgp_neighbor_set(p->bgp, &conf, now))
		log_error("site %s tunnel %u: BGP: no room for another neighbour", conf.site,
			conf.tunnel % TUNNELS_PER_SITE);
}

static void on_network(struct proc_bgp *p, const struct imsg_bgp_network *m)
{
	char text[PREFIX_STR_SIZE];

	if (!bgp_network_set(p->bgp, &m->prefix, m->present))
		log_error("hub network %s is not announced: more than %d of them",
			prefix_format(&m->prefix, text), BGP_NETWORKS_MAX);
}

static void on_shutdown(struct proc_bgp *p, uint64_t now)
{
	bgp_shutdown(p->bgp, now);
	carry_out_all(p);
	event_base_loopbreak(p->base);
}

static void on_hub_message(void *context, const struct imsg *m)
{
	struct proc_bgp *p = context;
	uint64_t now = clock_now();
	int fd = m->fd;
	const void *body;

	switch (m->type) {
	case IMSG_BGP_CONF:
		if ((body = imsg_body(m, sizeof(struct imsg_bgp_conf))))
			on_conf(p, body, now);
		break;
	case IMSG_BGP_LISTEN:
		add_listener(p, fd);
		fd = -1;
		break;
	case IMSG_BGP_NEIGHBOR:
		if ((body = imsg_body(m, sizeof(struct imsg_bgp_neighbor))))
			on_neighbor(p, body, now);
		break;
	case IMSG_BGP_NEIGHBOR_DEL:
		if ((body = imsg_body(m, sizeof(struct imsg_tunnel)))) {
			uint32_t tunnel = ((const struct imsg_tunnel *)body)->tunnel;

			/* Its last words must be written while the speaker still knows it. */
			bgp_neighbor_stop(p->bgp, tunnel, now);
			carry_out_all(p);
			bgp_neighbor_delete(p->bgp, tunnel, now);
		}
		break;
	case IMSG_BGP_TUNNEL:
		if ((body = imsg_body(m, sizeof(struct imsg_bgp_tunnel)))) {
			const struct imsg_bgp_tunnel *t = body;

			bgp_tunnel_set(p->bgp, t->tunnel, t->up, now);
		}
		break;
	case IMSG_BGP_NETWORK:
		if ((body = imsg_body(m, sizeof(struct imsg_bgp_network))))
			on_network(p, body);
		break;
	case IMSG_START:
		p->settling = true;
		p->settle_until = now + SETTLE_S * CLOCK_SECOND;
		break;
	case IMSG_SHUTDOWN:
		on_shutdown(p, now);
		break;
	default:
		log_error("message type %u is not for bgp", m->type);
	}
	if (fd >= 0)
		close(fd);
	schedule_turn(p);
}

static void on_hub_gone(void *context)
{
	struct proc_bgp *p = context;

	log_error("hub is gone");
	p->status = 1;
	event_base_loopbreak(p->base);
}

int proc_bgp_run(int hub_fd)
{
	struct proc_bgp p = {0};
	uint64_t seed = clock_now();

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		log_warn("timers are spread by the clock only: %s", strerror(errno));
	LIST_INIT(&p.connections);
	p.base = event_base_new();
	p.bgp = bgp_new(seed);
	if (!p.base)
		abort();
	p.turn = event_new(p.base, -1, 0, on_turn, &p);
	p.hub = imsg_channel_new(p.base, hub_fd, on_hub_message, on_hub_gone, &p);
	privsep_drop("bgp");
	imsg_send(p.hub, IMSG_READY, -1, NULL, 0);
	event_base_dispatch(p.base);

	while (!LIST_EMPTY(&p.connections))
		connection_free(LIST_FIRST(&p.connections));
	for (unsigned int i = 0; i < p.listener_count; i++) {
		event_free(p.listeners[i].readable);
		close(p.listeners[i].fd);
	}
	event_free(p.turn);
	imsg_channel_free(p.hub);
	event_base_free(p.base);
	bgp_free(p.bgp);
	return p.status;
}
