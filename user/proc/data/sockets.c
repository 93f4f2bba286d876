/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that data sends by, and those that fragments of ESP come by. */
#include "proc/data/proc.h"

#include "base/clock.h"
#include "base/log.h"
#include "ipc/datagram.h"
#include "ipc/table.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAW_PER_TURN 64
#define GONE_NS                                                                                    \
	(2 * CLOCK_SECOND) /* longer than a worker keeps an SA, or a packet waits for its turn */

/* Native ESP that the kernel reassembled; whole packets never come here, XDP takes them. */
static void on_raw(int fd, short what, void *arg)
{
	struct data_socket *s = arg;
	struct proc_data *d = s->proc;

	(void)what;
	for (int i = 0; i < RAW_PER_TURN; i++) {
		if (recv(fd, d->datagram, 0, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break; /* the kernel has learned from the others */
	}
	for (int i = 0; i < RAW_PER_TURN; i++) {
		struct ip_endpoint remote;
		uint8_t class;
		ssize_t n = datagram_receive(fd, d->datagram, DATAGRAM_MAX, &remote, &class);
		size_t header;

		if (n <= 0)
			return;
		header = datagram_header_end(d->datagram, (size_t)n, &remote);
		if ((size_t)n == header || !addr_is_set(&remote.addr))
			continue;
		if (remote.addr.family == AF_INET)
			class = d->datagram[1];
		remote.port = 0;
		worker_slow(d->slow, d->datagram + header, (uint32_t)((size_t)n - header), &remote,
			false, class);
	}
}

bool data_socket_read(struct data_socket *s)
{
	if (!s->proc || s->local.port || s->whole)
		return true; /* ike reads UDP; these descriptors are for sending */
	/* hub gave a filter that drops everything; from here on somebody reads. */
	(void)setsockopt(s->fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int));
	/* Without it, the kernel does not hear what routers say of ESP: it would not fragment. */
	if (s->local.addr.family == AF_INET6)
		(void)setsockopt(s->fd, IPPROTO_IPV6, IPV6_RECVERR, &(int){1}, sizeof(int));
	s->readable = event_new(s->proc->base, s->fd, EV_READ | EV_PERSIST, on_raw, s);
	return s->readable && !event_add(s->readable, NULL);
}

void data_socket_take(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_socket *a = m->payload;
	struct data_socket *s = d->sockets;

	while (s < &d->sockets[DATA_SOCKETS_MAX] && s->proc)
		s++;
	if (s == &d->sockets[DATA_SOCKETS_MAX]) {
		log_error("more than %u sockets", DATA_SOCKETS_MAX);
		return;
	}
	*s = (struct data_socket){
		.proc = d, .local = a->local, .fd = imsg_take_fd(m), .whole = a->whole};
	/* Before the start others are to be read as well. */
	if (d->backend && !data_socket_read(s))
		log_error("no memory to read fragments of ESP");
}

void data_socket_gone(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_socket *a = m->payload;

	for (uint32_t i = 0; i < DATA_SOCKETS_MAX; i++) {
		struct data_socket *s = &d->sockets[i];

		if (!s->proc || s->gone_ns || s->whole != a->whole ||
			!endpoint_equal(&s->local, &a->local))
			continue;
		s->gone_ns = clock_now();
		if (s->readable)
			event_free(s->readable);
		s->readable = NULL;
	}
}

void data_sockets_collect(struct proc_data *d, uint64_t now)
{
	for (uint32_t i = 0; i < DATA_SOCKETS_MAX; i++) {
		struct data_socket *s = &d->sockets[i];

		if (!s->proc || !s->gone_ns || now < s->gone_ns + GONE_NS)
			continue;
		close(s->fd);
		*s = (struct data_socket){0};
	}
}
