/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The shaper of kernel ESP: what the worker's pace.c does, for packets that no worker sees. A packet
 * that its bucket has no room for gets a departure time within the horizon, or is dropped.
 */
#ifndef BPF_SHAPE_H
#define BPF_SHAPE_H

#include "police.h"

static __always_inline __u64 leave(__u64 start, __u64 burst, __u64 now)
{
	return start > now + burst ? start - burst : now;
}

static __always_inline enum police_verdict shape(struct rate_bucket *b, __u64 now, __u64 bytes,
	__u64 packets, __u64 horizon, __u64 *departure)
{
	__u64 byte_price = b->ns_per_byte_q16, packet_price = b->ns_per_packet_q16;
	__u64 start, when;

	*departure = now;
	if (packet_price &&
		bucket_word(&b->packet_tat_ns) >
			now + b->packet_burst_ns + bucket_horizon(horizon, 1, packet_price))
		return POLICE_SITE_PPS;
	if (byte_price) {
		if (!bucket_charge(&b->tat_ns, now, bucket_cost(bytes, byte_price),
			    b->burst_ns + bucket_horizon(horizon, SLUICE_PACKET_FULL, byte_price),
			    &start))
			return POLICE_SITE_RATE;
		*departure = leave(start, b->burst_ns, now);
	}
	if (packet_price) {
		bucket_charge(
			&b->packet_tat_ns, now, bucket_cost(packets, packet_price), ~0ull, &start);
		when = leave(start, b->packet_burst_ns, now);
		if (when > *departure)
			*departure = when;
	}
	return POLICE_PASS;
}

#endif
