/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/coalesce.h"

#include "dataplane/checksum.h"
#include "sluice/abi.h"

#include <linux/virtio_net.h>
#include <string.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define TCP_HEADER   20
#define UDP_HEADER   8
#define TCP_FLAGS    13
#define TCP_FIN      0x01
#define TCP_PSH      0x08
#define TCP_ACK      0x10
#define IPV4_HEADER  20
#define IPV6_HEADER  40
#define SUPER_MAX    65535

/* What decides whether and how a packet may join others. */
struct candidate {
	const uint8_t *ip;
	const struct inner *in;
	uint32_t header;
	uint32_t payload;
	uint32_t key;
	uint32_t sequence;
	uint16_t id;
	bool last; /* PSH or FIN: nothing may follow */
};

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

static uint32_t flow_key(const struct inner *in)
{
	size_t n = in->family == 4 ? 4 : 16;
	uint32_t h = (uint32_t)in->source_port << 16 | in->destination_port;

	for (size_t i = 0; i < n; i += 4)
		h = (h ^ get32(in->source + i) ^
			    (get32(in->destination + i) << 7 | get32(in->destination + i) >> 25)) *
		    0x9e3779b1u;
	h ^= in->protocol;
	h ^= h >> 16; /* the low bits choose the place */
	return h ? h : 1;
}

static bool checksum_right(const uint8_t *ip, const struct inner *in)
{
	const uint8_t *addresses = in->family == 4 ? ip + 12 : ip + 8;
	uint32_t len = in->total - in->transport;
	uint64_t sum = checksum_pseudo(addresses, in->family == 4 ? 8 : 32, in->protocol, len);

	if (in->family == 4 && checksum_fold(checksum_add(0, ip, IPV4_HEADER)) != 0xffff)
		return false;
	return checksum_fold(checksum_add(sum, ip + in->transport, len)) == 0xffff;
}

/* True when the packet is of a kind that can be merged at all. */
static bool consider(const uint8_t *ip, const struct inner *in, bool tcp_only, struct candidate *c)
{
	const uint8_t *t = ip + in->transport;
	uint32_t rest = in->total - in->transport;

	*c = (struct candidate){.ip = ip, .in = in};
	if (in->fragment || in->transport != (in->family == 4 ? IPV4_HEADER : IPV6_HEADER))
		return false;
	if (in->protocol == PROTOCOL_TCP) {
		uint32_t size;

		if (rest < TCP_HEADER)
			return false;
		size = (t[12] >> 4) * 4u;
		if (size < TCP_HEADER || size >= rest)
			return false;
		if ((t[TCP_FLAGS] & ~(TCP_PSH | TCP_FIN)) != TCP_ACK)
			return false;
		c->header = in->transport + size;
		c->sequence = get32(t + 4);
		c->last = t[TCP_FLAGS] & (TCP_PSH | TCP_FIN);
	} else if (in->protocol == PROTOCOL_UDP && !tcp_only) {
		if (rest <= UDP_HEADER || get16(t + 4) != rest || !get16(t + 6))
			return false;
		c->header = in->transport + UDP_HEADER;
	} else {
		return false;
	}
	c->payload = in->total - c->header;
	c->id = in->family == 4 ? (uint16_t)get16(ip + 4) : 0;
	if (!checksum_right(ip, in))
		return false;
	c->key = flow_key(in);
	return true;
}

/* The headers must be equal but for lengths, identification, sequence, checksums, PSH and FIN. */
static bool same_headers(const struct bundle *b, const struct candidate *c)
{
	const uint8_t *x = b->first, *y = c->ip;
	const uint8_t *tx = x + b->transport, *ty = y + b->transport;

	if (b->family != c->in->family || b->protocol != c->in->protocol || b->header != c->header)
		return false;
	if (b->family == 4) {
		if (memcmp(x, y, 2) || memcmp(x + 6, y + 6, 4) || memcmp(x + 12, y + 12, 8))
			return false;
		if (!c->in->dont_fragment && c->id != b->next_id)
			return false;
	} else if (memcmp(x, y, 4) || memcmp(x + 6, y + 6, 34)) {
		return false;
	}
	if (memcmp(tx, ty, 4))
		return false;
	if (b->protocol == PROTOCOL_UDP)
		return true;
	return !memcmp(tx + 8, ty + 8, 5) && !memcmp(tx + 14, ty + 14, 2) &&
	       !memcmp(tx + 18, ty + 18, b->header - b->transport - 18);
}

static bool join(struct bundle *b, const struct candidate *c)
{
	if (!same_headers(b, c) || c->payload > b->size || b->pieces >= COALESCE_PIECES ||
		b->total + c->payload > SUPER_MAX)
		return false;
	if (b->protocol == PROTOCOL_TCP && c->sequence != b->next)
		return false;
	if (b->pieces == 1) {
		/* Until now the only piece was the whole packet: from here on it is its payload. */
		b->iov[1].iov_base = (uint8_t *)b->iov[1].iov_base + b->header;
		b->iov[1].iov_len -= b->header;
	}
	b->pieces++;
	b->iov[b->pieces] = (struct iovec){
		.iov_base = (void *)(uintptr_t)(c->ip + c->header), .iov_len = c->payload};
	b->total += c->payload;
	b->bytes += c->in->total;
	b->next = c->sequence + c->payload;
	b->next_id = (uint16_t)(c->id + 1);
	if (c->last) {
		/* Flags of the last packet go onto the merged one; cutting puts them back there. */
		b->head[FRAME_HEADER] |= c->ip[b->transport + TCP_FLAGS];
		b->key = 0;
	} else if (c->payload < b->size) {
		b->key = 0;
	}
	return true;
}

static void open_bundle(struct bundle *b, const uint8_t *ip, const struct inner *in, uint32_t tag)
{
	static const uint8_t mac[6] = SLUICE_INSIDE_MAC;
	uint8_t *eth = b->head + VNET_HEADER;

	memset(b->head, 0, FRAME_HEADER + 1);
	memcpy(eth, mac, sizeof(mac));
	eth[6] = SLUICE_MAC_MARK_0;
	eth[7] = SLUICE_MAC_MARK_1;
	eth[8] = tag == COALESCE_OWN ? SLUICE_FROM_HUB : SLUICE_FROM_SITE;
	put16(eth + 10, tag == COALESCE_OWN ? 0 : tag);
	put16(eth + 12, in->family == 4 ? 0x0800 : 0x86dd);
	b->iov[0] = (struct iovec){.iov_base = b->head, .iov_len = FRAME_HEADER};
	b->iov[1] = (struct iovec){.iov_base = (void *)(uintptr_t)ip, .iov_len = in->total};
	b->pieces = 1;
	b->key = 0;
	b->total = b->bytes = in->total;
	b->family = in->family;
	b->protocol = in->protocol;
	b->transport = in->transport;
	b->first = ip;
}

bool coalesce_add(struct coalescer *co, const uint8_t *ip, const struct inner *in, uint32_t tag)
{
	struct candidate c;
	bool mergeable = consider(ip, in, co->tcp_only, &c);
	uint32_t key = mergeable ? c.key : flow_key(in);
	uint16_t *last = &co->flows[key % COALESCE_FLOWS];
	struct bundle *b = &co->bundles[*last];

	/*
	 * A flow whose place another one took only gets a new bundle. What an earlier batch left here names
	 * a bundle of this one with another key, or the same flow's.
	 */
	if (mergeable && *last < co->count && b->key == key && b->tag == tag && join(b, &c))
		return true;
	if (co->count == COALESCE_BUNDLES)
		return false;
	/* Order within a flow: what follows does not find an older one. */
	*last = (uint16_t)co->count;
	b = &co->bundles[co->count++];
	open_bundle(b, ip, in, tag);
	b->tag = tag;
	if (mergeable) {
		b->header = c.header;
		b->size = c.payload;
		b->next = c.sequence + c.payload;
		b->next_id = (uint16_t)(c.id + 1);
		b->key = c.last ? 0 : c.key;
	}
	return true;
}

/* Copies the first packet's headers and makes them those of a super-packet. */
static void finish(struct bundle *b)
{
	uint8_t *ip = b->head + FRAME_HEADER;
	uint8_t *t = ip + b->transport;
	bool tcp = b->protocol == PROTOCOL_TCP;
	uint8_t flags = b->head[FRAME_HEADER];
	uint32_t rest = b->total - b->transport;
	uint16_t sum;
	struct virtio_net_hdr vnet = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
		.hdr_len = (uint16_t)(ETHERNET_HEADER + b->header),
		.gso_size = (uint16_t)b->size,
		.csum_start = (uint16_t)(ETHERNET_HEADER + b->transport),
		.csum_offset = tcp ? 16 : 6,
	};

	if (tcp)
		vnet.gso_type =
			b->family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	memcpy(b->head, &vnet, VNET_HEADER);
	memcpy(ip, b->first, b->header);
	b->iov[0].iov_len = FRAME_HEADER + b->header;
	if (b->family == 4) {
		put16(ip + 2, b->total);
		put16(ip + 10, 0);
		checksum_store(ip + 10, checksum_add(0, ip, IPV4_HEADER));
	} else {
		put16(ip + 4, b->total - IPV6_HEADER);
	}
	if (tcp)
		t[TCP_FLAGS] |= flags;
	else
		put16(t + 4, rest);
	/* The kernel adds the rest: the field holds the pseudo header's sum, not complemented. */
	sum = checksum_fold(checksum_pseudo(
		b->family == 4 ? ip + 12 : ip + 8, b->family == 4 ? 8 : 32, b->protocol, rest));
	memcpy(t + vnet.csum_offset, &sum, 2);
}

void coalesce_finish(struct coalescer *co)
{
	for (uint32_t i = 0; i < co->count; i++) {
		if (co->bundles[i].pieces > 1)
			finish(&co->bundles[i]);
	}
}
