/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Outer packets: from the Ethernet header to the first byte of ESP or IKE. Every length is checked
 * against the frame and against the header around it; Ethernet padding is never taken for payload.
 */
#ifndef BPF_PARSE_H
#define BPF_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IPV4_FRAGMENT_BITS 0x3fff /* more-fragments and the offset */
#define IPV4_OFFSET_BITS   0x1fff
#define IPV6_OFFSET_BITS   0xfff8
#define EXTENSIONS_MAX     3 /* IPv6 extension headers looked through */
#define PORT_IKE           500
#define PORT_IKE_NATT      4500
#define ESP_HEADER         8 /* SPI, sequence number */
#define IPV4_SOURCE_AT     12
#define IPV4_TARGET_AT     16
#define IPV6_SOURCE_AT     8
#define IPV6_TARGET_AT     24
#define VLAN_NUMBER        0x0fff /* of the tag; 0 only has a priority */

enum outside_kind {
	OUTSIDE_OTHER,
	OUTSIDE_MALFORMED,
	OUTSIDE_FRAGMENT,
	OUTSIDE_ESP,
	OUTSIDE_IKE,
	OUTSIDE_KEEPALIVE,
};

enum fragment_place {
	FRAGMENT_NONE, /* it is whole */
	FRAGMENT_FIRST,
	FRAGMENT_LATER,
};

/* What may come of strangers, each with a limit of its own for all of them. */
enum ike_stranger {
	IKE_FIRST,   /* begins a negotiation: no responder SPI */
	IKE_COOKIE,  /* the same, and looks as if it returned a cookie */
	IKE_UNKNOWN, /* says that it belongs to an SA, or is too short to tell */
};

struct outside_packet {
	__u8 family; /* 4 or 6 */
	__u8 vlan;   /* for another device than the one it came by */
	__u8 ip_at;  /* offset of the IP header in the frame */
	__u8 udp_encap;
	__u8 ike_stranger; /* enum ike_stranger: what it is unless it belongs to an IKE SA */
	union {
		struct {
			__u32 spi;     /* host order */
			__u32 esp_len; /* from the SPI to the end of the ICV */
		};
		__u64 ike_spi[2]; /* of IKE: initiator's and responder's, host order */
		__u32 payload_at; /* of what is neither: offset in the frame */
	};
	__u8 fragment; /* enum fragment_place */
	__u8 protocol; /* of a fragment: of the whole datagram; or of what is neither UDP nor ESP */
	__u8 is_esp;   /* of a first fragment: spi is there */
	__u32 fragment_id; /* as it was written */
	__u32 outer_len;   /* of the whole IP packet */
	__u8 local[16];    /* destination */
	__u8 remote[16];   /* source */
};

struct vlan_header {
	__be16 tci;
	__be16 protocol;
};

struct extension_header {
	__u8 next;
	__u8 length; /* of 8 bytes, the first not counted */
};

struct fragment_header {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

#define IKE_PAYLOAD_NOTIFY 41 /* RFC 7296 2.6: a cookie is the first payload of its message */

struct ike_start {
	__be32 spi[4]; /* initiator's and responder's, of two words each */
	__u8 next_payload;
};

/*
 * Verifiers of older kernels do not know that a swapped word of 16 bits has 16 bits. The mask tells
 * them, and the barrier keeps the compiler, which knows, from leaving it out.
 */
static __always_inline __u32 length_of(__be16 word)
{
	__u32 length = bpf_ntohs(word);

	asm volatile("" : "+r"(length));
	return length & 0xffff;
}

static __always_inline __u64 ike_spi_of(const __be32 *words)
{
	return (__u64)bpf_ntohl(words[0]) << 32 | bpf_ntohl(words[1]);
}

/* Initial requests of both IKE versions have no responder SPI yet. */
static __noinline enum outside_kind parse_ike(struct outside_packet *p, void *at, void *end)
{
	struct ike_start *ike = at;

	p->ike_spi[0] = p->ike_spi[1] = 0;
	p->ike_stranger = IKE_UNKNOWN;
	if ((void *)(ike + 1) > end)
		return OUTSIDE_IKE;
	p->ike_spi[0] = ike_spi_of(ike->spi);
	p->ike_spi[1] = ike_spi_of(ike->spi + 2);
	if (!p->ike_spi[1])
		p->ike_stranger = ike->next_payload == IKE_PAYLOAD_NOTIFY ? IKE_COOKIE : IKE_FIRST;
	return OUTSIDE_IKE;
}

/* RFC 3948 2: on port 4500 a zero word is the non-ESP marker, a single 0xFF byte a keep-alive. */
static __always_inline enum outside_kind parse_udp(
	struct outside_packet *p, void *at, void *end, __u32 left)
{
	struct udphdr *udp = at;
	__u32 payload;
	__be32 *word;
	__u8 *byte;

	if (left < sizeof(*udp) || (void *)(udp + 1) > end)
		return OUTSIDE_MALFORMED;
	if (udp->dest != bpf_htons(PORT_IKE) && udp->dest != bpf_htons(PORT_IKE_NATT))
		return OUTSIDE_OTHER;
	payload = length_of(udp->len);
	if (payload < sizeof(*udp) || payload > left)
		return OUTSIDE_MALFORMED;
	payload -= sizeof(*udp);
	if (udp->dest == bpf_htons(PORT_IKE))
		return parse_ike(p, udp + 1, end);

	byte = (void *)(udp + 1);
	if (payload == 1 && (void *)(byte + 1) <= end && *byte == 0xff)
		return OUTSIDE_KEEPALIVE;
	word = (void *)(udp + 1);
	if (payload < sizeof(*word) || (void *)(word + 1) > end)
		return OUTSIDE_MALFORMED;
	if (!*word)
		return parse_ike(p, word + 1, end);
	if (payload <= ESP_HEADER)
		return OUTSIDE_MALFORMED;
	p->udp_encap = 1;
	p->spi = bpf_ntohl(*word);
	p->esp_len = payload;
	return OUTSIDE_ESP;
}

/*
 * The first fragment of a datagram tells whether it is IKE, whose limits hold for it: without it the
 * kernel puts nothing together. Nobody's path is so narrow that the marker is not in it.
 */
static __noinline enum outside_kind parse_first_fragment(
	struct outside_packet *p, void *at, void *end, __u32 left)
{
	struct udphdr *udp = at;
	__be32 *word = (void *)(udp + 1);

	if (left < sizeof(*udp) + sizeof(*word) || (void *)(word + 1) > end)
		return OUTSIDE_MALFORMED;
	if (udp->dest == bpf_htons(PORT_IKE))
		return parse_ike(p, word, end);
	if (udp->dest == bpf_htons(PORT_IKE_NATT) && !*word)
		return parse_ike(p, word + 1, end);
	if (udp->dest == bpf_htons(PORT_IKE_NATT)) {
		p->is_esp = p->udp_encap = 1;
		p->spi = bpf_ntohl(*word);
	}
	return OUTSIDE_FRAGMENT;
}

/* `offset`: where in the datagram it begins. */
static __always_inline enum outside_kind parse_fragment(
	struct outside_packet *p, __u8 protocol, __u32 offset, void *at, void *end, __u32 left)
{
	__be32 *word = at;

	p->protocol = protocol;
	p->fragment = offset ? FRAGMENT_LATER : FRAGMENT_FIRST;
	if (offset || (protocol != IPPROTO_UDP && protocol != IPPROTO_ESP)) {
		p->payload_at = p->ip_at + p->outer_len - left;
		return OUTSIDE_FRAGMENT;
	}
	if (protocol == IPPROTO_UDP)
		return parse_first_fragment(p, at, end, left);
	if (left < ESP_HEADER || (void *)(word + 1) > end)
		return OUTSIDE_MALFORMED;
	p->is_esp = 1;
	p->spi = bpf_ntohl(*word);
	return OUTSIDE_FRAGMENT;
}

static __always_inline enum outside_kind parse_payload(
	struct outside_packet *p, __u8 protocol, void *at, void *end, __u32 left)
{
	__be32 *word = at;

	if (protocol == IPPROTO_UDP)
		return parse_udp(p, at, end, left);
	if (protocol != IPPROTO_ESP) {
		p->protocol = protocol;
		p->payload_at = p->ip_at + p->outer_len - left;
		return OUTSIDE_OTHER;
	}
	if (left <= ESP_HEADER || (void *)(word + 1) > end)
		return OUTSIDE_MALFORMED;
	p->udp_encap = 0;
	p->spi = bpf_ntohl(*word);
	p->esp_len = left;
	return OUTSIDE_ESP;
}

static __always_inline enum outside_kind parse_ipv4(struct outside_packet *p, void *at, void *end)
{
	struct iphdr *ip = at;
	__u32 header, total;

	if ((void *)(ip + 1) > end)
		return OUTSIDE_MALFORMED;
	header = ip->ihl * 4;
	total = length_of(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || total < header || at + total > end)
		return OUTSIDE_MALFORMED;
	p->family = 4;
	p->outer_len = total;
	__builtin_memcpy(p->local, &ip->daddr, 4);
	__builtin_memcpy(p->remote, &ip->saddr, 4);
	if (ip->frag_off & bpf_htons(IPV4_FRAGMENT_BITS)) {
		p->fragment_id = ip->id;
		return parse_fragment(p, ip->protocol, ip->frag_off & bpf_htons(IPV4_OFFSET_BITS),
			at + header, end, total - header);
	}
	return parse_payload(p, ip->protocol, at + header, end, total - header);
}

static __always_inline enum outside_kind parse_ipv6_fragment(
	struct outside_packet *p, void *at, void *end, __u32 left)
{
	struct fragment_header *f = at;

	if (left < sizeof(*f) || (void *)(f + 1) > end)
		return OUTSIDE_MALFORMED;
	p->fragment_id = f->id;
	return parse_fragment(
		p, f->next, f->offset & bpf_htons(IPV6_OFFSET_BITS), f + 1, end, left - sizeof(*f));
}

static __noinline enum outside_kind parse_ipv6(struct outside_packet *p, void *at, void *end)
{
	struct ipv6hdr *ip = at;
	__u32 left;
	__u8 protocol;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return OUTSIDE_MALFORMED;
	left = length_of(ip->payload_len);
	at = ip + 1;
	if (at + left > end)
		return OUTSIDE_MALFORMED;
	p->family = 6;
	p->outer_len = sizeof(*ip) + left;
	__builtin_memcpy(p->local, &ip->daddr, 16);
	__builtin_memcpy(p->remote, &ip->saddr, 16);

	protocol = ip->nexthdr;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		struct extension_header *e = at;
		__u32 length;

		if (protocol == IPPROTO_FRAGMENT)
			return parse_ipv6_fragment(p, at, end, left);
		if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_DSTOPTS &&
			protocol != IPPROTO_ROUTING)
			return parse_payload(p, protocol, at, end, left);
		if ((void *)(e + 1) > end)
			return OUTSIDE_MALFORMED;
		length = 8 + e->length * 8;
		if (length > left)
			return OUTSIDE_MALFORMED;
		protocol = e->next;
		at += length;
		left -= length;
	}
	/* Nobody we talk to sends so many; ESP must not slip past behind them. */
	return OUTSIDE_MALFORMED;
}

static __always_inline enum outside_kind parse_outside(struct xdp_md *ctx, struct outside_packet *p)
{
	void *at = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = at;
	__be16 protocol;

	if ((void *)(eth + 1) > end)
		return OUTSIDE_MALFORMED;
	protocol = eth->h_proto;
	at = eth + 1;
	p->ip_at = sizeof(*eth);
	if (protocol == bpf_htons(ETH_P_8021Q)) {
		struct vlan_header *vlan = at;

		if ((void *)(vlan + 1) > end)
			return OUTSIDE_MALFORMED;
		protocol = vlan->protocol;
		p->vlan = (vlan->tci & bpf_htons(VLAN_NUMBER)) != 0;
		at = vlan + 1;
		p->ip_at += sizeof(*vlan);
	}
	if (protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(p, at, end);
	if (protocol == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(p, at, end);
	return OUTSIDE_OTHER;
}

#endif
