/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/datagram.h"

#include "base/addr.h"
#include "base/clock.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

bool datagram_want_class(int fd, int family)
{
	int on = 1;

	return !setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		family == AF_INET ? IP_RECVTOS : IPV6_RECVTCLASS, &on, sizeof(on));
}

/* IPv4 tells it in a byte, IPv6 in an int. */
static uint8_t class_of(struct msghdr *m)
{
	int value;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			return *CMSG_DATA(c);
		if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_TCLASS)
			continue;
		memcpy(&value, CMSG_DATA(c), sizeof(value));
		return (uint8_t)value;
	}
	return 0;
}

ssize_t datagram_receive(
	int fd, uint8_t *bytes, size_t size, struct ip_endpoint *from, uint8_t *class)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct sockaddr_storage ss;
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	struct msghdr m = {.msg_name = &ss,
		.msg_namelen = sizeof(ss),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

	*class = 0;
	if (n < 0)
		return -1;
	*class = class_of(&m);
	if (!endpoint_from_sockaddr(&ss, from))
		*from = (struct ip_endpoint){0};
	return n;
}

bool datagram_allowed(struct datagram_limit *l, uint32_t per_second, uint64_t now, uint32_t *lost)
{
	if (now - l->refilled_ns >= CLOCK_SECOND / 10) {
		l->refilled_ns = now;
		l->tokens = per_second / 10;
	}
	if (!l->tokens) {
		l->lost++;
		return false;
	}
	*lost = l->lost;
	l->tokens--;
	l->lost = 0;
	return true;
}
