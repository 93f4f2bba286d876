/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Traffic selectors of an opened packet: what user/esp/inner.c does for workers. RFC 4301 5.2. */
#ifndef BPF_SELECTORS_H
#define BPF_SELECTORS_H

#include "sluice/abi.h"

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct selected {
	__u8 family; /* 4 or 6 */
	__u8 protocol;
	__u8 later;      /* a fragment that is not the first: no ports */
	__u8 icmp_type;  /* 0 where there is none */
	__u32 transport; /* offset in the frame */
	__u16 source_port, destination_port;
	__u32 fragment; /* the first or a later one */
	__be64 source[2], destination[2];
};

/* at: offset of the IP header. 0: that is no IP packet. */
static __always_inline int selected_parse(struct __sk_buff *skb, __u32 at, struct selected *s)
{
	__be16 ports[2];
	__u8 ip[40];

	if (bpf_skb_load_bytes(skb, at, ip, 20))
		return 0;
	if (ip[0] >> 4 == 4 && (ip[0] & 15) >= 5) {
		s->family = 4;
		s->protocol = ip[9];
		s->later = (((ip[6] << 8) | ip[7]) & 0x1fff) != 0;
		s->fragment = (((ip[6] << 8) | ip[7]) & 0x3fff) != 0;
		s->transport = at + (ip[0] & 15) * 4;
		__builtin_memcpy(s->source, ip + 12, 4);
		__builtin_memcpy(s->destination, ip + 16, 4);
	} else if (ip[0] >> 4 == 6 && !bpf_skb_load_bytes(skb, at, ip, 40)) {
		s->family = 6;
		s->protocol = ip[6];
		s->transport = at + 40;
		if (s->protocol == IPPROTO_FRAGMENT) {
			__u8 f[8];

			if (bpf_skb_load_bytes(skb, at + 40, f, sizeof(f)))
				return 0;
			s->protocol = f[0];
			s->later = (((f[2] << 8) | f[3]) & 0xfff8) != 0;
			s->fragment = 1;
			s->transport += sizeof(f);
		}
		__builtin_memcpy(s->source, ip + 8, 16);
		__builtin_memcpy(s->destination, ip + 24, 16);
	} else {
		return 0;
	}
	if (!s->later && (s->protocol == IPPROTO_TCP || s->protocol == IPPROTO_UDP) &&
		!bpf_skb_load_bytes(skb, s->transport, ports, sizeof(ports))) {
		s->source_port = bpf_ntohs(ports[0]);
		s->destination_port = bpf_ntohs(ports[1]);
	} else if (!s->later && (s->protocol == IPPROTO_ICMP || s->protocol == IPPROTO_ICMPV6)) {
		bpf_skb_load_bytes(skb, s->transport, &s->icmp_type, 1);
	}
	return 1;
}

/* a <= b as big-endian numbers of 16 bytes. */
static __always_inline int not_above(const __be64 a[2], const __be64 b[2])
{
	__u64 a0 = bpf_be64_to_cpu(a[0]), b0 = bpf_be64_to_cpu(b[0]);

	return a0 < b0 || (a0 == b0 && bpf_be64_to_cpu(a[1]) <= bpf_be64_to_cpu(b[1]));
}

/* What a selector is compared with: one end of a packet. */
struct selected_end {
	__be64 address[2];
	__u16 port;
	__u8 family, protocol;
	__u8 has_port;
	__u8 reserved[3];
};

/*
 * 1: matches, 0: does not, -1: the list has ended. A function of its own, which the verifier looks at
 * once: inlined into the loops it would follow every combination of sixteen selectors.
 */
__noinline int selector_compare(const struct selector_record *r, const struct selected_end *e)
{
	if (!r || !e || !r->family)
		return -1;
	if (r->family != e->family || (r->protocol && r->protocol != e->protocol) ||
		!not_above((const __be64 *)r->first, e->address) ||
		!not_above(e->address, (const __be64 *)r->last))
		return 0;
	if (!r->first_port && r->last_port == 0xffff)
		return 1;
	return e->has_port && e->port >= r->first_port && e->port <= r->last_port;
}

static __always_inline int in_list(const struct selector_record *list, const struct selected *s,
	const __be64 address[2], __u16 port)
{
	struct selected_end e = {
		.address = {address[0], address[1]},
		.port = port,
		.family = s->family,
		.protocol = s->protocol,
		.has_port = (s->protocol == IPPROTO_TCP || s->protocol == IPPROTO_UDP) && !s->later,
	};

	for (int i = 0; i < SLUICE_SELECTORS; i++) {
		int r = selector_compare(&list[i], &e);

		if (r)
			return r > 0;
	}
	return 0;
}

/* From the site: its addresses are the source. */
static __always_inline int selected_in(const struct tunnel_selectors *ts, const struct selected *s)
{
	return in_list(ts->remote, s, s->source, s->source_port) &&
	       in_list(ts->local, s, s->destination, s->destination_port);
}

static __always_inline int selected_out(const struct tunnel_selectors *ts, const struct selected *s)
{
	return in_list(ts->local, s, s->source, s->source_port) &&
	       in_list(ts->remote, s, s->destination, s->destination_port);
}

#endif
