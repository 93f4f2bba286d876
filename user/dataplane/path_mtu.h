/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MTU of the path to a peer, as routers tell it: RFC 1191, RFC 8201. A message counts when what it
 * quotes can only be a packet of ours, which the SPI in it shows (RFC 4301 8.2.1, RFC 5927 7): who does not
 * see our packets can lower nothing.
 */
#ifndef SLUICE_DATAPLANE_PATH_MTU_H
#define SLUICE_DATAPLANE_PATH_MTU_H

#include "base/addr.h"
#include "base/clock.h"
#include "base/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define PATH_MTU_LEAST4 576                  /* what a host of IPv4 takes whole: RFC 791 3.1 */
#define PATH_MTU_LEAST6 1280                 /* RFC 8200 5 */
#define PATH_MTU_AGE    (600 * CLOCK_SECOND) /* RFC 1191 6.3, RFC 8201 4 */
#define PATH_MTU_EVERY  CLOCK_SECOND         /* between changes of one tunnel: routes follow them */

/* A packet of ours that was too big for a router. */
struct too_big {
	struct ip_endpoint local, remote; /* its source and destination; port 0 without UDP */
	bool udp_encap;
	uint32_t spi;    /* host order */
	uint32_t packet; /* bytes of it */
	uint32_t mtu;    /* that the router has for it, as it says */
};

/* An ICMP or ICMPv6 message, from its type on. False: it does not say that about ESP. */
bool too_big_parse(const uint8_t *icmp, uint32_t len, int family, struct too_big *t);

/* All zero: nothing is known. */
struct path_mtu {
	uint32_t mtu; /* 0: the device's */
	uint64_t until_ns, changed_ns;
};

/* Takes what a router said about a path of `most` bytes so far known. True: p->mtu is another one now. */
bool path_mtu_learn(struct path_mtu *p, const struct too_big *t, uint32_t most, uint64_t now);

/* True: it was so long ago that the device's holds again. */
bool path_mtu_expire(struct path_mtu *p, uint64_t now);

#endif
