/* SPDX-License-Identifier: Apache-2.0 */
/* One datagram and what its outer header said of service and congestion. */
#ifndef SLUICE_IPC_DATAGRAM_H
#define SLUICE_IPC_DATAGRAM_H

#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* From now on the traffic class comes along with each datagram. */
bool datagram_want_class(int fd, int family);

/* Drops everything that arrives: a socket that only sends must not fill its queue. */
bool datagram_refuse_input(int fd);

/* What is too long leaves in fragments; nothing that is said of the path makes them smaller with IPv4. */
bool datagram_let_fragment(int fd, int family);

/*
 * A socket for UDP, or for protocol 50 if the port is 0, that sends what another one's address and device
 * are for, and hears nothing. Its packets leave whole, the bit DF set, whatever the kernel has heard of the
 * path: who is not on it can say a lot. EMSGSIZE: longer than the device takes. -1 with errno.
 */
int datagram_sender_open(int receiver, const struct ip_endpoint *local, unsigned int ifindex);

/* From now on such a socket sends by this device. */
bool datagram_sender_follow(int fd, int family, unsigned int ifindex);

/* A raw socket that hears routers say that a packet of ours was too big; -1 with errno. */
int datagram_too_big_socket(int family);

/*
 * Does not wait. Bytes received, -1: none. *class is 0 where the kernel does not say; a raw socket of
 * IPv4 has the header among the bytes. The sender's port is 0 where there is none.
 */
ssize_t datagram_receive(
	int fd, uint8_t *bytes, size_t size, struct ip_endpoint *from, uint8_t *class);

/*
 * A raw socket of IPv4 delivers the IP header, too: returns where it ends in the n bytes received, or n when
 * nothing follows it. 0 for IPv6.
 */
size_t datagram_header_end(const uint8_t *bytes, size_t n, const struct ip_endpoint *from);

/* How many may go on, and how many did not since the last that did. */
struct datagram_limit {
	uint64_t refilled_ns;
	uint32_t tokens, lost;
};

/* True, with *lost: this one may. Tokens come every tenth of a second. */
bool datagram_allowed(struct datagram_limit *l, uint32_t per_second, uint64_t now, uint32_t *lost);

#endif
