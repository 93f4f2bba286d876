/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Errors from outside that say that something of the hub's was too big for a path. The kernel asks what they
 * quote for a socket or an SA, but not when that is ICMP: then anybody would lower the path MTU to any
 * address, and with kernel ESP the tunnel behind it (RFC 5927 7.1). Its echo replies of IPv4 never forbid
 * fragments, so nobody complains of them; those of IPv6 are the price.
 */
#ifndef BPF_TOO_BIG_H
#define BPF_TOO_BIG_H

#include "parse.h"

#define ICMP_QUOTE_AT      8 /* after the header of an ICMP error */
#define ICMP_UNREACHABLE   3 /* RFC 792 */
#define ICMP_FRAG_NEEDED   4
#define ICMP_ECHO_REPLY    0
#define ICMP6_TOO_BIG      2 /* RFC 4443 3.2 */
#define IPV4_PROTOCOL_AT   9
#define IPV6_NEXT_AT       6
#define IPV6_HEADER_LENGTH 40

static __always_inline int is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_DSTOPTS;
}

/* 1: of an echo reply, or cut short. */
static __always_inline int quotes_echo_reply4(struct xdp_md *ctx, __u32 at)
{
	__u8 ip[IPV4_PROTOCOL_AT + 1], type;

	if (bpf_xdp_load_bytes(ctx, at, ip, sizeof(ip)))
		return 1;
	if (ip[IPV4_PROTOCOL_AT] != IPPROTO_ICMP)
		return 0;
	return bpf_xdp_load_bytes(ctx, at + (ip[0] & 15) * 4, &type, 1) || type == ICMP_ECHO_REPLY;
}

/* The kernel looks behind all headers; the hub sends none but that of a fragment. */
static __always_inline int quotes_icmp6(struct xdp_md *ctx, __u32 at)
{
	__u8 next;

	if (bpf_xdp_load_bytes(ctx, at + IPV6_NEXT_AT, &next, 1))
		return 1;
	if (next == IPPROTO_FRAGMENT && bpf_xdp_load_bytes(ctx, at + IPV6_HEADER_LENGTH, &next, 1))
		return 1;
	return next == IPPROTO_ICMPV6 || is_extension(next);
}

/* Nobody sends errors in fragments (RFC 1812 4.3.2.3, RFC 4443 2.4): those are not looked into. */
static __noinline int too_big_about_icmp(struct xdp_md *ctx, const struct outside_packet *p)
{
	__u32 at = p->payload_at;
	__u8 icmp[2];

	if (p->fragment == FRAGMENT_LATER ||
		p->protocol != (p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) ||
		bpf_xdp_load_bytes(ctx, at, icmp, sizeof(icmp)))
		return 0;
	if (p->family == 4)
		return icmp[0] == ICMP_UNREACHABLE && icmp[1] == ICMP_FRAG_NEEDED &&
		       (p->fragment || quotes_echo_reply4(ctx, at + ICMP_QUOTE_AT));
	return icmp[0] == ICMP6_TOO_BIG && (p->fragment || quotes_icmp6(ctx, at + ICMP_QUOTE_AT));
}

#endif
