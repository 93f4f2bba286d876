/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/datagram.h"

#include "base/addr.h"
#include "base/clock.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IPV4_HEADER_MIN 20

static bool set_option(int fd, int level, int option, int value)
{
	return !setsockopt(fd, level, option, &value, sizeof(value));
}

bool datagram_want_class(int fd, int family)
{
	if (family == AF_INET)
		return set_option(fd, IPPROTO_IP, IP_RECVTOS, 1);
	return set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
}

bool datagram_let_fragment(int fd, int family)
{
	/* Routers of IPv6 fragment nothing, so there the kernel listens to them: never below 1,280 bytes. */
	return family != AF_INET || set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
}

bool datagram_refuse_input(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = 1, .filter = &drop};

	return !setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

bool datagram_sender_follow(int fd, int family, unsigned int ifindex)
{
	int device = (int)htonl(ifindex);

	return family == AF_INET ? set_option(fd, IPPROTO_IP, IP_UNICAST_IF, device)
				 : set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_IF, device);
}

/* Its address may come later than the socket. */
static bool send_whole_by(int fd, int family, unsigned int ifindex)
{
	if (!datagram_sender_follow(fd, family, ifindex))
		return false;
	if (family == AF_INET)
		return set_option(fd, IPPROTO_IP, IP_FREEBIND, 1) &&
		       set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	return set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1) &&
	       set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
}

/* To the address of another socket, which neither shares with anybody who comes later. */
static bool bind_beside(int fd, int other, const struct ip_endpoint *local)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(local, &ss);
	bool bound = set_option(other, SOL_SOCKET, SO_REUSEADDR, 1) &&
		     set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
		     !bind(fd, (struct sockaddr *)&ss, len);
	int error = errno;
	bool alone = set_option(other, SOL_SOCKET, SO_REUSEADDR, 0) &&
		     set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0);

	if (!bound)
		errno = error;
	return bound && alone;
}

/* Not bound to the device, unlike the other one: so the kernel prefers that one for what arrives. */
int datagram_sender_open(int receiver, const struct ip_endpoint *local, unsigned int ifindex)
{
	int family = local->addr.family, error;
	bool udp = local->port;
	int fd = socket(family, (udp ? SOCK_DGRAM : SOCK_RAW) | SOCK_NONBLOCK | SOCK_CLOEXEC,
		udp ? IPPROTO_UDP : IPPROTO_ESP);

	if (fd < 0)
		return -1;
	if (!datagram_refuse_input(fd) || !send_whole_by(fd, family, ifindex))
		goto fail;
	if (udp && family == AF_INET6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
		goto fail;
	if (bind_beside(fd, receiver, local))
		return fd;
fail:
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int datagram_too_big_socket(int family)
{
	int type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(family, type, family == AF_INET ? IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	struct icmp_filter types = {.data = ~(1u << ICMP_DEST_UNREACH)};
	struct icmp6_filter types6;
	/* Of those, the ones about fragments: the second byte after the IP header. */
	struct sock_filter code[] = {BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP_FRAG_NEEDED, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT16_MAX), BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	bool ok;

	if (fd < 0)
		return -1;
	/* The kernel takes it for whoever sent the ICMP message that an error quotes: it is no reason to believe one. */
	if (!datagram_let_fragment(fd, family))
		goto fail;
	ICMP6_FILTER_SETBLOCKALL(&types6);
	ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &types6);
	ok = family == AF_INET
		     ? !setsockopt(fd, SOL_RAW, ICMP_FILTER, &types, sizeof(types)) &&
			       !setsockopt(
				       fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program))
		     : !setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &types6, sizeof(types6));
	if (ok)
		return fd;
fail:
	close(fd);
	return -1;
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

size_t datagram_header_end(const uint8_t *bytes, size_t n, const struct ip_endpoint *from)
{
	size_t header;

	if (from->addr.family != AF_INET || !n)
		return 0;
	header = (bytes[0] & 15u) * 4;
	return header >= IPV4_HEADER_MIN && header < n ? header : n;
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
