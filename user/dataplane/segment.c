/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/segment.h"

#include "base/wire.h"
#include "dataplane/checksum.h"
#include "esp/inner.h"
#include "sluice/abi.h"

#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define PROTOCOL_TCP   6
#define PROTOCOL_UDP   17
#define TCP_HEADER     20
#define UDP_HEADER     8
#define TCP_FIN_PSH    0x09
#define TCP_CWR        0x80
#define IPV4_DF        0x4000
#define IPV4_MF        0x2000
#define IPV4_OFFSET    0x1fff

static uint32_t get16le(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2); /* the virtio header of TUN is in the machine's order */
	return v;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

enum frame_result frame_parse(const uint8_t *frame, uint32_t len, struct super_packet *s)
{
	struct rd r = rd_init(frame, len);
	const uint8_t *vnet = rd_bytes(&r, VNET_HEADER);
	const uint8_t *mac = rd_bytes(&r, 6);
	uint16_t type;

	rd_skip(&r, 6);
	type = rd_u16(&r);
	if (r.bad || !rd_left(&r) || rd_left(&r) > 65535 + 64)
		return FRAME_MALFORMED;
	if (mac[0] != SLUICE_MAC_MARK_0 || mac[1] != SLUICE_MAC_MARK_1 || mac[3])
		return FRAME_NO_MARK;
	*s = (struct super_packet){
		.ip = r.p,
		.len = (uint32_t)rd_left(&r),
		.tunnel = get16(mac + 4),
		.control = mac[2] == 1,
		.needs_checksum = vnet[0] & VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso = vnet[1] & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN,
		.gso_size = (uint16_t)get16le(vnet + 4),
	};
	if (s->tunnel >= SLUICE_MAX_TUNNELS)
		return FRAME_NO_MARK;
	if (type != (s->ip[0] >> 4 == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6))
		return FRAME_MALFORMED;
	if (s->needs_checksum) {
		uint32_t start = get16le(vnet + 6), at = start + get16le(vnet + 8);

		if (start < ETHERNET_HEADER || at + 2 > s->len + ETHERNET_HEADER)
			return FRAME_MALFORMED;
		s->checksum_start = start - ETHERNET_HEADER;
		s->checksum_at = at - ETHERNET_HEADER;
	}
	return FRAME_OK;
}

/* The transport header that a GSO type promises. False when the packet has another one. */
static bool measure_gso(struct segmenter *g, const struct inner *in)
{
	const struct super_packet *s = g->from;

	if (!s->gso_size || in->fragment)
		return false;
	switch (s->gso) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		if (in->protocol != PROTOCOL_TCP || s->len < in->transport + TCP_HEADER)
			return false;
		g->tcp = true;
		g->header = in->transport + (s->ip[in->transport + 12] >> 4) * 4u;
		return g->header >= in->transport + TCP_HEADER;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		g->header = in->transport + UDP_HEADER;
		return in->protocol == PROTOCOL_UDP;
	default:
		return false;
	}
}

bool segment_init(struct segmenter *g, const struct super_packet *s)
{
	struct inner in;

	*g = (struct segmenter){.from = s, .count = 1};
	if (!inner_parse(s->ip, s->len, &in) || in.total != s->len)
		return false;
	g->family = in.family;
	g->transport = in.transport;
	if (s->gso == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	if (!measure_gso(g, &in) || g->header > s->len)
		return false;
	g->at = g->header;
	g->count = (s->len - g->header + s->gso_size - 1) / s->gso_size;
	if (!g->count)
		g->count = 1;
	return true;
}

uint32_t segment_next_len(const struct segmenter *g)
{
	const struct super_packet *s = g->from;
	uint32_t left;

	if (g->index >= g->count)
		return 0;
	if (s->gso == VIRTIO_NET_HDR_GSO_NONE)
		return s->len;
	left = s->len - g->at;
	return g->header + (left < s->gso_size ? left : s->gso_size);
}

static void finish_ip(const struct segmenter *g, uint8_t *ip, uint32_t len)
{
	if (g->family == 6) {
		put16(ip + 4, len - 40);
		return;
	}
	put16(ip + 2, len);
	put16(ip + 4, get16(ip + 4) + g->index); /* as the kernel's GSO counts it */
	put16(ip + 10, 0);
	checksum_store(ip + 10, checksum_add(0, ip, (ip[0] & 15u) * 4));
}

static void finish_transport(const struct segmenter *g, uint8_t *ip, uint32_t len)
{
	uint8_t *t = ip + g->transport;
	uint32_t rest = len - g->transport;
	const uint8_t *addresses = g->family == 4 ? ip + 12 : ip + 8;
	size_t both = g->family == 4 ? 8 : 32;
	uint32_t checksum_at = g->tcp ? 16 : 6;

	if (g->tcp) {
		put32(t + 4, get32(t + 4) + (g->at - g->header));
		if (g->index + 1 < g->count)
			t[13] &= (uint8_t)~TCP_FIN_PSH;
		if (g->index)
			t[13] &= (uint8_t)~TCP_CWR; /* RFC 3168 6.1.2: said once */
	} else {
		put16(t + 4, rest);
	}
	put16(t + checksum_at, 0);
	checksum_store(
		t + checksum_at, checksum_add(checksum_pseudo(addresses, both,
						      g->tcp ? PROTOCOL_TCP : PROTOCOL_UDP, rest),
					 t, rest));
	if (!g->tcp && !get16(t + checksum_at))
		put16(t + checksum_at, 0xffff);
}

/* Not cut, but perhaps without its checksum: the field holds the pseudo header's sum. */
static uint32_t whole(const struct super_packet *s, uint8_t *to)
{
	uint64_t sum;

	memcpy(to, s->ip, s->len);
	if (!s->needs_checksum)
		return s->len;
	sum = checksum_add(0, to + s->checksum_start, s->len - s->checksum_start);
	checksum_store(to + s->checksum_at, sum);
	if (!get16(to + s->checksum_at) && s->checksum_at - s->checksum_start == 6)
		put16(to + s->checksum_at, 0xffff); /* UDP: 0 would mean none */
	return s->len;
}

uint32_t segment_next(struct segmenter *g, uint8_t *to)
{
	const struct super_packet *s = g->from;
	uint32_t len = segment_next_len(g);

	if (!len)
		return 0;
	if (s->gso == VIRTIO_NET_HDR_GSO_NONE) {
		g->index++;
		return whole(s, to);
	}
	memcpy(to, s->ip, g->header);
	memcpy(to + g->header, s->ip + g->at, len - g->header);
	finish_ip(g, to, len);
	finish_transport(g, to, len);
	g->at += len - g->header;
	g->index++;
	return len;
}

void segment_skip(struct segmenter *g)
{
	uint32_t len = segment_next_len(g);

	if (!len)
		return;
	if (g->from->gso != VIRTIO_NET_HDR_GSO_NONE)
		g->at += len - g->header;
	g->index++;
}

void fragment_anyway(uint8_t *ip, uint16_t *id)
{
	uint32_t bits = get16(ip + 6);

	if (!(bits & IPV4_DF))
		return;
	if (!(bits & (IPV4_MF | IPV4_OFFSET)))
		put16(ip + 4, (*id)++);
	put16(ip + 6, bits & ~(uint32_t)IPV4_DF);
}

uint32_t fragment_next(const uint8_t *ip, uint32_t len, uint32_t mtu, uint32_t *offset, uint8_t *to)
{
	uint32_t header = (ip[0] & 15u) * 4;
	uint32_t room = (mtu - header) & ~7u;
	uint32_t left = len - header - *offset;
	uint32_t bits = get16(ip + 6), size;
	bool last = left <= mtu - header;

	if (!left || mtu < header + 8)
		return 0;
	size = last ? left : room;
	/* Options that must not be copied (RFC 791 3.1) are copied too: harmless, and rare. */
	memcpy(to, ip, header);
	memcpy(to + header, ip + header + *offset, size);
	put16(to + 2, header + size);
	put16(to + 6, (bits & ~(uint32_t)(IPV4_MF | IPV4_OFFSET)) |
			      ((bits & IPV4_OFFSET) + *offset / 8) |
			      (last ? bits & IPV4_MF : IPV4_MF));
	put16(to + 10, 0);
	checksum_store(to + 10, checksum_add(0, to, header));
	*offset += size;
	return header + size;
}
