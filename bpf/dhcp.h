/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A DHCP client of the hub that asks for an address: the server answers to the address that it offers
 * (RFC 2131 4.1), which the hub does not have yet. The client's packet socket is to see the answer,
 * and nobody behind the hub.
 */
#ifndef BPF_DHCP_H
#define BPF_DHCP_H

#include "parse.h"

#define PORT_DHCP_SERVER 67
#define PORT_DHCP_CLIENT 68
#define IPV4_PLAIN       0x45 /* version and length of a header without options */

/*
 * 1: an answer of a server to a client. Whatever its address is, it ends here: its TTL becomes 1, so the
 * kernel does not forward it (RFC 1812 5.3.1). The checksum follows (RFC 1624 3).
 */
static __noinline int dhcp_answer_kept(struct xdp_md *ctx, const struct outside_packet *p)
{
	__u8 *ip = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *header;
	struct udphdr *udp;
	__u32 sum;

	if (p->family != 4 || (p->ip_at != ETH_HLEN && p->ip_at != ETH_HLEN + 4))
		return 0;
	ip += p->ip_at;
	header = (void *)ip;
	udp = (void *)(header + 1);
	if ((void *)(udp + 1) > (void *)end || *ip != IPV4_PLAIN ||
		header->protocol != IPPROTO_UDP ||
		header->frag_off & bpf_htons(IPV4_FRAGMENT_BITS) ||
		udp->source != bpf_htons(PORT_DHCP_SERVER) ||
		udp->dest != bpf_htons(PORT_DHCP_CLIENT) || !header->ttl)
		return 0;
	sum = (__u16)~header->check + (__u16)~bpf_htons(header->ttl << 8) + bpf_htons(1 << 8);
	sum = (sum & 0xffff) + (sum >> 16);
	header->check = ~((sum & 0xffff) + (sum >> 16));
	header->ttl = 1;
	return 1;
}

#endif
