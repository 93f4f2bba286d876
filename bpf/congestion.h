/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A policer that tells of congestion before it drops (RFC 3168): in the outer header, where it is of a
 * sender that listens. Who opens the packet hands it on (RFC 6040).
 */
#ifndef BPF_CONGESTION_H
#define BPF_CONGESTION_H

#include "parse.h"
#include "sluice/abi.h"

#define ECN_CE        3
#define IPV6_ECN_BITS 0x30 /* of the second byte */

/*
 * Nearly all of what a site may send at once is used up. Nothing waits in a policer: a window that is
 * halved earlier than it must be is a loss of rate, the greater the longer the way.
 */
#define CONGESTED_SHIFT 4 /* this part of the burst is left: 1/16 */

static __always_inline int congested(const struct rate_bucket *bucket, __u64 now)
{
	return bucket->ns_per_byte_q16 &&
	       bucket_word(&bucket->tat_ns) >
		       now + bucket->burst_ns - (bucket->burst_ns >> CONGESTED_SHIFT);
}

static __always_inline void tell_congestion(struct xdp_md *ctx, const struct outside_packet *p)
{
	void *end = (void *)(long)ctx->data_end, *at = (void *)(long)ctx->data + p->ip_at;
	struct iphdr *ip = at;
	__u8 *ip6 = at;
	__u32 ecn, sum;

	if (p->family == 6) {
		if (at + sizeof(struct ipv6hdr) <= end && ip6[1] & IPV6_ECN_BITS)
			ip6[1] |= IPV6_ECN_BITS;
		return;
	}
	if ((void *)(ip + 1) > end)
		return;
	ecn = ip->tos & ECN_CE;
	if (!ecn || ecn == ECN_CE)
		return;
	ip->tos |= ECN_CE;
	/* RFC 1624 */
	sum = (~bpf_ntohs(ip->check) & 0xffff) + ECN_CE - ecn;
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = bpf_htons(~sum & 0xffff);
}

#endif
