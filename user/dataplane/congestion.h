/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told by ECN that packets wait for long. A sender cuts its window once for all marks
 * of a round trip (RFC 3168 6.1.2), but the queue that made it do so is there for longer: whoever is marked until it is
 * gone cuts twice for one reason, and is below its rate for seconds. So a flow is told once, and
 * then not for as long as its answer may take.
 */
#ifndef SLUICE_DATAPLANE_CONGESTION_H
#define SLUICE_DATAPLANE_CONGESTION_H

#include "sluice/abi.h"

#include <stdbool.h>
#include <stdint.h>

struct congestion {
	uint64_t told_ns[SLUICE_TOLD_FLOWS]; /* by a hash of the flow: who share one take turns */
};

/*
 * For a packet of `len` bytes that `wait`s for its turn of that bucket: all in nanoseconds. True when it
 * was marked: it waits for long, its sender listens, and was not told just now.
 */
bool congestion_tell(struct congestion *c, uint8_t *ip, uint32_t len, const struct rate_bucket *b,
	uint64_t wait, uint64_t horizon, uint64_t now);

#endif
