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
 * Three quarters of what a site may send at once are used up. Nothing waits in a policer: a window that is
 * cut earlier than it must be is a loss of rate, the greater the longer the way.
 */
#define CONGESTED_SHIFT 2 /* this part of the burst is left: a quarter */

/* What is left of the burst is less than that part: then how much, in *left, and of how much, in *room. */
static __always_inline int congested(
	const struct rate_bucket *bucket, __u64 now, __u64 *left, __u64 *room)
{
	__u64 end = now + bucket->burst_ns, tat = bucket_word(&bucket->tat_ns);

	*room = bucket->burst_ns >> CONGESTED_SHIFT;
	*left = end > tat ? end - tat : 0;
	return bucket->ns_per_byte_q16 && *left < *room;
}

/* When those of a bucket were told last, and what was left then. */
struct told {
	__u64 when, left;
};

/*
 * Which flows there are is not to be seen here. A sender cuts its window once in a round trip, and what it
 * has sent until then is still coming: to be told again after that is to cut twice for one reason. So
 * nobody is told for some time, up to the round trip that is reckoned with; but
 * - for less the less is left, by the square, because others have not been told;
 * - for less the nearer it is to what was left the last time, and at once if it is less: then it was
 *   not enough. What is on its way to its end after an answer is left alone.
 */
static __always_inline int may_tell(const struct told *last, __u64 left, __u64 room, __u64 now)
{
	__u64 part = (left << 10) / room, since = left > last->left ? left - last->left : 0;
	__u64 wait = (part * part * SLUICE_TOLD_NS) >> 20;
	__u64 better = (((since << 10) / room) * SLUICE_TOLD_NS) >> 10;

	return now - last->when >= (better < wait ? better : wait);
}

/* Whether the packet tells it now: its sender listens. */
static __always_inline int tell_congestion(struct xdp_md *ctx, const struct outside_packet *p)
{
	void *end = (void *)(long)ctx->data_end, *at = (void *)(long)ctx->data + p->ip_at;
	struct iphdr *ip = at;
	__u8 *ip6 = at;
	__u32 ecn, sum;

	if (p->family == 6) {
		if (at + sizeof(struct ipv6hdr) > end || !(ip6[1] & IPV6_ECN_BITS))
			return 0;
		ip6[1] |= IPV6_ECN_BITS;
		return 1;
	}
	if ((void *)(ip + 1) > end)
		return 0;
	ecn = ip->tos & ECN_CE;
	if (!ecn || ecn == ECN_CE)
		return ecn;
	ip->tos |= ECN_CE;
	/* RFC 1624 */
	sum = (~bpf_ntohs(ip->check) & 0xffff) + ECN_CE - ecn;
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = bpf_htons(~sum & 0xffff);
	return 1;
}

#endif
