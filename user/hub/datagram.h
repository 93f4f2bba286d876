/* SPDX-License-Identifier: Apache-2.0 */
/* One datagram and what its outer header said of service and congestion. */
#ifndef SLUICE_HUB_DATAGRAM_H
#define SLUICE_HUB_DATAGRAM_H

#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* From now on the traffic class comes along with each datagram. */
bool datagram_want_class(int fd, int family);

/* A raw socket that hears routers say that a packet of ours was too big; -1 with errno. */
int datagram_too_big_socket(int family);

/*
 * Does not wait. Bytes received, -1: none. *class is 0 where the kernel does not say; a raw socket of
 * IPv4 has the header among the bytes. The sender's port is 0 where there is none.
 */
ssize_t datagram_receive(
	int fd, uint8_t *bytes, size_t size, struct ip_endpoint *from, uint8_t *class);

/* Of n bytes from a raw socket: where the header ends that IPv4 leaves there; n when nothing follows. */
size_t datagram_header_end(const uint8_t *bytes, size_t n, const struct ip_endpoint *from);

/* How many may go on, and how many did not since the last that did. */
struct datagram_limit {
	uint64_t refilled_ns;
	uint32_t tokens, lost;
};

/* True, with *lost: this one may. Tokens come every tenth of a second. */
bool datagram_allowed(struct datagram_limit *l, uint32_t per_second, uint64_t now, uint32_t *lost);

#endif
