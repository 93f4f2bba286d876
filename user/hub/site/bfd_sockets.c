/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/site/bfd_sockets.h"

#include "base/clock.h"
#include "sluice/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES 65536

struct bfd_socket {
	LIST_ENTRY(bfd_socket) next;
	struct ip_addr local;
	unsigned int device; /* its index: a device made again is another one */
	int fd;
	uint64_t left_ns; /* 0: it is in use */
};

struct bfd_sockets {
	LIST_HEAD(, bfd_socket) list;
};

struct bfd_sockets *bfd_sockets_new(void)
{
	struct bfd_sockets *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	LIST_INIT(&s->list);
	return s;
}

static void forget(struct bfd_socket *b)
{
	LIST_REMOVE(b, next);
	close(b->fd);
	free(b);
}

void bfd_sockets_free(struct bfd_sockets *s)
{
	while (s && !LIST_EMPTY(&s->list))
		forget(LIST_FIRST(&s->list));
	free(s);
}

static struct bfd_socket *find(struct bfd_sockets *s, const struct ip_addr *local)
{
	struct bfd_socket *b;

	LIST_FOREACH(b, &s->list, next) {
		if (addr_equal(&b->local, local))
			return b;
	}
	return NULL;
}

static int open_at(const char *device, const struct ip_addr *local)
{
	struct ip_endpoint at = {.addr = *local, .port = SLUICE_PORT_BFD};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&at, &ss);
	bool v4 = local->family == AF_INET;
	int on = 1, size = RECEIVE_BYTES;
	int fd = socket(local->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) &&
		!setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVTTL : IPV6_RECVHOPLIMIT,
			&on, sizeof(on)) &&
		!setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_FREEBIND : IPV6_FREEBIND,
			&on, sizeof(on)) &&
		!setsockopt(
			fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) &&
		!bind(fd, (struct sockaddr *)&ss, len))
		return fd;
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

int bfd_sockets_get(struct bfd_sockets *s, const char *device, const struct ip_addr *local)
{
	struct bfd_socket *b = find(s, local);
	unsigned int index = if_nametoindex(device);

	if (b && b->device != index) {
		forget(b);
		b = NULL;
	}
	if (!b) {
		int fd = open_at(device, local);

		if (fd < 0)
			return -1;
		b = calloc(1, sizeof(*b));
		if (!b)
			abort();
		*b = (struct bfd_socket){.local = *local, .device = index, .fd = fd};
		LIST_INSERT_HEAD(&s->list, b, next);
	}
	b->left_ns = 0;
	return fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
}

void bfd_sockets_leave(struct bfd_sockets *s, const struct ip_addr *local, uint64_t now)
{
	struct bfd_socket *b = find(s, local);

	if (b)
		b->left_ns = now;
}

void bfd_sockets_look(struct bfd_sockets *s, uint64_t now)
{
	struct bfd_socket *b = LIST_FIRST(&s->list), *after;

	for (; b; b = after) {
		after = LIST_NEXT(b, next);
		if (b->left_ns && now - b->left_ns >= CLOCK_SECOND)
			forget(b);
	}
}
