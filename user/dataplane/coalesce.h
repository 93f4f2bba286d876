/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other way: packets of one flow that arrive together become one super-packet for the kernel,
 * which takes as long for it as for one packet. TCP in sequence and UDP of equal size, like the
 * kernel's GRO: what comes out of cutting it again is byte for byte what went in, TTL, options and
 * all (the IPv4 identification of DF packets excepted, which nobody may read: RFC 6864 4.1).
 *
 * Checksums are verified before merging, because the kernel trusts the merged packet.
 */
#ifndef SLUICE_DATAPLANE_COALESCE_H
#define SLUICE_DATAPLANE_COALESCE_H

#include "dataplane/segment.h"
#include "esp/inner.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define COALESCE_PIECES  64
#define COALESCE_BUNDLES 256
#define COALESCE_FLOWS   1024 /* places of the table of flows: a power of two */
#define COALESCE_HEAD    (FRAME_HEADER + 40 + 60)

/* One frame to write: iov[0] is the head, the rest payload or the untouched packet. */
struct bundle {
	uint8_t head[COALESCE_HEAD];
	struct iovec iov[COALESCE_PIECES + 1];
	uint32_t pieces; /* iovecs after the head */
	uint32_t key;    /* hash of the flow; 0: takes nothing more */
	uint32_t total;  /* IP bytes */
	uint32_t bytes;  /* IP bytes of the packets that went in */
	uint32_t header; /* IP and transport header */
	uint32_t transport;
	uint32_t size; /* payload of each but the last */
	uint32_t next; /* TCP: next sequence number; UDP: unused */
	uint16_t next_id;
	uint32_t tag; /* tunnel: packets of different ones are not merged */
	uint8_t family;
	uint8_t protocol;
	const uint8_t *first; /* the first packet */
};

struct coalescer {
	bool tcp_only; /* the kernel would not take a super-packet of UDP: before 6.2 */
	uint32_t count;
	uint16_t flows[COALESCE_FLOWS]; /* by key: the bundle that was opened last */
	struct bundle bundles[COALESCE_BUNDLES];
};

#define COALESCE_OWN UINT32_MAX /* the tag of what is the worker's own */

/*
 * Takes an inner packet of the tunnel `tag`, which must stay where it is until the bundles are written. False when all
 * bundles are taken: write, coalesce_reset and repeat.
 */
bool coalesce_add(struct coalescer *c, const uint8_t *ip, const struct inner *in, uint32_t tag);

/* Finishes the heads. Then bundles[0..count) are to be written in order. */
void coalesce_finish(struct coalescer *c);

static inline void coalesce_reset(struct coalescer *c)
{
	c->count = 0;
}

#endif
