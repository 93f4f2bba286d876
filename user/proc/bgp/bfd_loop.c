/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/bgp/bfd_loop.h"

#include "base/clock.h"
#include "bgp/bfd/session.h"
#include "ipc/msg_bgp.h"
#include "ipc/table.h"
#include "sluice/abi.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUNNELS           (SLUICE_MAX_SITES * TUNNELS_PER_SITE)
#define SOURCE_PORT_FIRST 49152u /* RFC 5881 4 */
#define SOURCE_PORTS      16384u
#define PORT_ATTEMPTS     64
#define PRIORITY          10 /* of SCHED_RR: above what is not real-time, below what the kernel needs */
#define PACKET_MAX        128

#define DISCRIMINATOR_BITS 12 /* of a discriminator that are the tunnel's number, from 1 on */
#define LINGER_NS          (3 * CLOCK_SECOND) /* AdminDown is said for so long (RFC 5880 6.8.16) */
#define REPORT_NS          CLOCK_SECOND       /* between reports that differ in counts only */

/* A site that floods its session is heard at this rate, which leaves the others their time. */
#define FLOOD_WINDOW_NS  (100 * CLOCK_MILLISECOND)
#define FLOOD_PACKETS    128 /* of a window */
#define PACKETS_PER_TURN 8

struct session {
	LIST_ENTRY(session) link;
	struct loop *loop;
	uint32_t tunnel;
	struct ip_addr local, peer;
	struct bfd_config config;
	bool active; /* the tunnel is up */
	struct bfd_session core;
	int rx, tx;
	uint16_t source_port;
	struct imsg_bfd_resume resume; /* until the tunnel's state is known */
	struct event *readable, *timer;
	uint64_t ends_at;   /* removed, but the peer is still told */
	uint64_t window_at; /* of the flood limit */
	unsigned int window_packets;
	bool muted; /* until the window ends */
	struct imsg_bfd_state shown;
	uint64_t shown_at;
	struct imsg_bfd_state count; /* its counters only */
};

struct loop {
	struct event_base *base;
	struct imsg_channel *channel;
	LIST_HEAD(, session) sessions;
	bool tunnel_up[TUNNELS];
	uint64_t random;
};

static pthread_t thread;

static uint64_t next_random(struct loop *l)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random;
}

/* ---- sockets ---- */

/*
 * RFC 5881 4: a source port of its own for each session, the same for as long as it lives. *port is
 * tried first, unless it is 0, and is what it has become.
 */
static int open_tx(
	struct loop *l, const struct ip_addr *local, const struct ip_addr *peer, uint16_t *port)
{
	struct ip_endpoint to = {.addr = *peer, .port = SLUICE_PORT_BFD};
	struct sockaddr_storage ss;
	int class = IPTOS_CLASS_CS6, ttl = BFD_TTL;
	int fd = socket(local->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool v4 = local->family == AF_INET;
	bool bound = false;

	if (fd < 0)
		return -1;
	for (int i = 0; i < PORT_ATTEMPTS && !bound; i++) {
		if (i || !*port)
			*port = (uint16_t)(SOURCE_PORT_FIRST + next_random(l) % SOURCE_PORTS);

		struct ip_endpoint from = {.addr = *local, .port = *port};

		bound = !bind(fd, (struct sockaddr *)&ss, endpoint_to_sockaddr(&from, &ss));
	}
	if (!bound ||
		setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS,
			&ttl, sizeof(ttl)) ||
		connect(fd, (struct sockaddr *)&ss, endpoint_to_sockaddr(&to, &ss))) {
		close(fd);
		return -1;
	}
	(void)setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, &class,
		sizeof(class));
	return fd;
}

/* One datagram; its length, or -1. The sender and the hop count are given too. */
static ssize_t receive(int fd, uint8_t bytes[PACKET_MAX], struct ip_addr *from, int *ttl)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int)) * 2];
	} control;
	struct sockaddr_storage ss;
	struct iovec iov = {.iov_base = bytes, .iov_len = PACKET_MAX};
	struct msghdr msg = {.msg_name = &ss,
		.msg_namelen = sizeof(ss),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);
	struct ip_endpoint e = {0};

	*ttl = 0;
	if (n < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
			(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
			memcpy(ttl, CMSG_DATA(c), sizeof(*ttl));
	}
	(void)endpoint_from_sockaddr(&ss, &e);
	*from = e.addr;
	return n;
}

/* ---- what is told ---- */

static void report(struct session *s, uint64_t now)
{
	struct imsg_bfd_state m = s->count;

	/* One that has ended said so once: of the tunnel it is the next one that tells. */
	if (s->ends_at && !s->shown.present)
		return;
	m.tunnel = s->tunnel;
	m.present = s->active && !s->ends_at;
	m.state = s->core.state;
	m.remote_state = s->core.remote_state;
	m.diag = s->core.diag;
	m.remote_diag = s->core.remote_diag;
	m.interval_us = bfd_session_interval_us(&s->core);
	m.detection_us = (uint32_t)(bfd_session_detection(&s->core) / 1000);
	if (m.present) {
		m.resume.local = s->local;
		m.resume.peer = s->peer;
		m.resume.source_port = s->source_port;
		m.resume.at_ns = now;
		m.resume.session = bfd_session_handover(&s->core);
	}
	m.failed = s->shown.present && s->shown.state == BFD_UP && m.state != BFD_UP &&
		   m.state != BFD_ADMIN_DOWN && m.remote_state != BFD_ADMIN_DOWN;
	if (m.state == s->shown.state && m.remote_state == s->shown.remote_state &&
		m.present == s->shown.present && now - s->shown_at < REPORT_NS)
		return;
	s->shown = m;
	s->shown_at = now;
	imsg_send(s->loop->channel, IMSG_BFD_STATE, -1, &m, sizeof(m));
}

/* ---- one session ---- */

static void session_free(struct session *s)
{
	LIST_REMOVE(s, link);
	if (s->readable)
		event_free(s->readable);
	event_free(s->timer);
	if (s->rx >= 0)
		close(s->rx);
	if (s->tx >= 0)
		close(s->tx);
	free(s);
}

static void send_due(struct session *s, uint64_t now)
{
	uint8_t bytes[BFD_PACKET_SIZE];
	struct wr w = wr_init(bytes, sizeof(bytes));

	while (bfd_session_output(&s->core, now, &w)) {
		/* A refused packet is a lost packet: the next one follows soon. */
		if (send(s->tx, bytes, wr_len(&w), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			s->count.packets_out++;
		w = wr_init(bytes, sizeof(bytes));
	}
}

/* Timers, packets, reports, and when to look again. */
static void turn(struct session *s)
{
	uint64_t now = clock_now();
	enum bfd_state before = s->core.state;

	if (s->ends_at && s->ends_at <= now) {
		session_free(s);
		return;
	}
	bfd_session_timers(&s->core, now);
	if (before == BFD_UP && s->core.state == BFD_DOWN)
		s->count.expirations++;
	send_due(s, now);
	report(s, now);
	if (s->muted && now >= s->window_at + FLOOD_WINDOW_NS) {
		s->muted = false;
		event_add(s->readable, NULL);
	}

	uint64_t at = bfd_session_next(&s->core);

	if (s->muted && s->window_at + FLOOD_WINDOW_NS < at)
		at = s->window_at + FLOOD_WINDOW_NS;
	if (s->ends_at && s->ends_at < at)
		at = s->ends_at;
	if (at == CLOCK_NEVER)
		at = now + CLOCK_SECOND;

	uint64_t wait = at > now ? at - now : 0;
	struct timeval tv = {.tv_sec = (time_t)(wait / CLOCK_SECOND),
		.tv_usec = (suseconds_t)(wait % CLOCK_SECOND / 1000 + 1)};

	event_add(s->timer, &tv);
}

static void on_timer(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	turn(arg);
}

static bool flooded(struct session *s, uint64_t now)
{
	if (now >= s->window_at + FLOOD_WINDOW_NS) {
		s->window_at = now;
		s->window_packets = 0;
	}
	return ++s->window_packets > FLOOD_PACKETS;
}

static void take_packet(
	struct session *s, const uint8_t *bytes, size_t len, const struct ip_addr *from, int ttl)
{
	struct bfd_packet p;

	/* RFC 5881 5: from the neighbour itself. RFC 5880 6.8.6: for this session. */
	if (ttl != BFD_TTL || !addr_equal(from, &s->peer) ||
		bfd_packet_decode(rd_init(bytes, len), &p) != BFD_FINE ||
		(p.yours && p.yours != s->core.local_discriminator)) {
		s->count.packets_refused++;
		return;
	}
	s->count.packets_in++;
	bfd_session_receive(&s->core, &p, clock_now());
}

static void on_readable(int fd, short what, void *arg)
{
	struct session *s = arg;

	(void)what;
	for (int i = 0; i < PACKETS_PER_TURN; i++) {
		uint8_t bytes[PACKET_MAX];
		struct ip_addr from;
		int ttl;
		ssize_t n = receive(fd, bytes, &from, &ttl);

		if (n < 0)
			break;
		take_packet(s, bytes, (size_t)n, &from, ttl);
		if (flooded(s, clock_now())) {
			s->muted = true;
			event_del(s->readable);
			break;
		}
	}
	turn(s);
}

/* ---- messages of the main thread ---- */

static struct session *find(struct loop *l, uint32_t tunnel)
{
	struct session *s;

	LIST_FOREACH(s, &l->sessions, link) {
		if (s->tunnel == tunnel && !s->ends_at)
			return s;
	}
	return NULL;
}

static void set_rx(struct session *s, int own_fd)
{
	if (s->readable)
		event_free(s->readable);
	if (s->rx >= 0)
		close(s->rx);
	s->rx = own_fd;
	s->muted = false;
	s->readable = event_new(s->loop->base, own_fd, EV_READ | EV_PERSIST, on_readable, s);
	if (s->active)
		event_add(s->readable, NULL);
}

/* RFC 5880 6.3: a discriminator that is no other session's; its low bits are the tunnel's. */
static uint32_t new_discriminator(struct loop *l, uint32_t tunnel)
{
	return (uint32_t)next_random(l) << DISCRIMINATOR_BITS | (tunnel + 1);
}

/*
 * Whether a process before this one left a session that the peer may still take for Up. It was reported
 * once a second, and the peer has waited for as long as it does; after that it has found out.
 */
static bool may_resume(const struct session *s, const struct imsg_bfd_resume *r, uint64_t now)
{
	const struct bfd_handover *h = &r->session;
	uint64_t interval = s->config.interval_us > h->remote_required_rx_us
				    ? s->config.interval_us
				    : h->remote_required_rx_us;

	return (h->local_discriminator & ((1u << DISCRIMINATOR_BITS) - 1)) == s->tunnel + 1 &&
	       r->source_port >= SOURCE_PORT_FIRST && addr_equal(&r->local, &s->local) &&
	       addr_equal(&r->peer, &s->peer) && r->at_ns <= now &&
	       now - r->at_ns <= REPORT_NS + s->config.multiplier * interval * 1000;
}

/* The tunnel is up: a session begins, or goes on. */
static void activate(struct session *s)
{
	uint64_t now = clock_now();
	struct imsg_bfd_resume r = s->resume;
	bool resumes = may_resume(s, &r, now);

	memset(&s->resume, 0, sizeof(s->resume));
	s->source_port = resumes ? r.source_port : 0;
	s->tx = open_tx(s->loop, &s->local, &s->peer, &s->source_port);
	if (s->tx < 0)
		return; /* tried again when the tunnel comes up again; the state stays "none" */
	s->active = true;
	if (!resumes ||
		!bfd_session_resume(&s->core, &s->config, &r.session, next_random(s->loop), now))
		bfd_session_init(&s->core, &s->config, new_discriminator(s->loop, s->tunnel),
			next_random(s->loop), now);
	event_add(s->readable, NULL);
	turn(s);
}

static void deactivate(struct session *s)
{
	s->active = false;
	report(s, clock_now());
	event_del(s->readable);
	event_del(s->timer);
	close(s->tx);
	s->tx = -1;
}

static struct session *session_new(struct loop *l, const struct imsg_bfd_session *m, int own_fd)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	*s = (struct session){.loop = l,
		.tunnel = m->tunnel,
		.local = m->local,
		.peer = m->peer,
		.rx = -1,
		.tx = -1};
	s->timer = event_new(l->base, -1, 0, on_timer, s);
	LIST_INSERT_HEAD(&l->sessions, s, link);
	set_rx(s, own_fd);
	return s;
}

/*
 * The peer must not take our silence for a failure: it is told for a while. What it says meanwhile is for the next
 * session, which may have the same socket.
 */
static void session_end(struct session *s)
{
	uint64_t now = clock_now();

	if (!s->active) {
		session_free(s);
		return;
	}
	s->ends_at = now + LINGER_NS;
	s->muted = false;
	event_del(s->readable);
	bfd_session_admin_down(&s->core, true, now);
	turn(s);
}

static void on_session(struct loop *l, const struct imsg_bfd_session *m, int own_fd)
{
	struct bfd_config config = {.interval_us = m->interval_us, .multiplier = m->multiplier};
	struct session *s = find(l, m->tunnel);

	if (s && (!m->multiplier || !addr_equal(&s->local, &m->local) ||
			 !addr_equal(&s->peer, &m->peer))) {
		session_end(s);
		s = NULL;
	}
	if (!m->multiplier || (!s && own_fd < 0)) {
		if (own_fd >= 0)
			close(own_fd);
		return;
	}
	if (!s)
		s = session_new(l, m, own_fd);
	else if (own_fd >= 0)
		set_rx(s, own_fd);

	bool changed = config.interval_us != s->config.interval_us ||
		       config.multiplier != s->config.multiplier;

	s->config = config;
	if (!s->active)
		s->resume = m->resume;
	if (s->active && changed) {
		bfd_session_configure(&s->core, &config, clock_now());
		turn(s);
	}
	if (l->tunnel_up[m->tunnel] && !s->active)
		activate(s);
}

static void on_tunnel(struct loop *l, const struct imsg_bgp_tunnel *m)
{
	struct session *s = find(l, m->tunnel);

	l->tunnel_up[m->tunnel] = m->up;
	if (s && !m->up)
		memset(&s->resume, 0, sizeof(s->resume));
	if (s && m->up && !s->active)
		activate(s);
	else if (s && !m->up && s->active)
		deactivate(s);
}

static void take_session(void *context, struct imsg *m)
{
	const struct imsg_bfd_session *session = m->payload;

	if (session->tunnel < TUNNELS)
		on_session(context, session, imsg_take_fd(m));
}

static void take_tunnel(void *context, struct imsg *m)
{
	const struct imsg_bgp_tunnel *tunnel = m->payload;

	if (tunnel->tunnel < TUNNELS)
		on_tunnel(context, tunnel);
}

static const struct imsg_row from_bgp[] = {
	{IMSG_BFD_SESSION, sizeof(struct imsg_bfd_session), .fd = IMSG_MAY_FD,
		.take = take_session},
	{IMSG_BGP_TUNNEL, sizeof(struct imsg_bgp_tunnel), .take = take_tunnel},
	{.type = IMSG_INVALID},
};

static void on_message(void *context, const struct imsg *m)
{
	(void)imsg_give(from_bgp, context, m);
}

static void on_gone(void *context)
{
	struct loop *l = context;

	event_base_loopbreak(l->base);
}

static void *run(void *arg)
{
	struct loop *l = arg;

	event_base_dispatch(l->base);
	while (!LIST_EMPTY(&l->sessions))
		session_free(LIST_FIRST(&l->sessions));
	imsg_channel_free(l->channel);
	event_base_free(l->base);
	free(l);
	return NULL;
}

/* Made by the caller of bfd_loop_start: the thread itself may be too late for some system calls. */
static struct loop *loop_new(int own_fd)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	l->base = event_base_new();
	if (!l->base)
		abort();
	LIST_INIT(&l->sessions);
	if (getrandom(&l->random, sizeof(l->random), 0) < 0)
		l->random = clock_now();
	l->random |= 1;
	l->channel = imsg_channel_new(l->base, own_fd, on_message, on_gone, l);
	return l;
}

int bfd_loop_start(int *unhurried)
{
	struct sched_param priority = {.sched_priority = PRIORITY};
	pthread_attr_t attributes;
	struct loop *l;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	l = loop_new(pair[1]);
	pthread_attr_init(&attributes);
	pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attributes, SCHED_RR);
	pthread_attr_setschedparam(&attributes, &priority);

	int r = pthread_create(&thread, &attributes, run, l);

	*unhurried = r;
	if (r == EPERM || r == EINVAL)
		r = pthread_create(&thread, NULL, run, l);
	pthread_attr_destroy(&attributes);
	if (r)
		abort();
	return pair[0];
}

void bfd_loop_join(void)
{
	pthread_join(thread, NULL);
}
