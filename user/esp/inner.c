/* SPDX-License-Identifier: Apache-2.0 */
#include "esp/inner.h"

#include "base/wire.h"

#include <string.h>

#define IPV4_HEADER_MIN   20
#define IPV6_HEADER       40
#define IPV4_DF           0x4000
#define IPV4_MF           0x2000
#define IPV4_OFFSET       0x1fff
#define PROTOCOL_TCP      6
#define PROTOCOL_UDP      17
#define PROTOCOL_DCCP     33
#define PROTOCOL_SCTP     132
#define PROTOCOL_HOPOPTS  0
#define PROTOCOL_ROUTING  43
#define PROTOCOL_FRAGMENT 44
#define PROTOCOL_DSTOPTS  60
#define EXTENSIONS_MAX    8 /* IPv6 extension headers walked */

/* The header is taken as a whole: a reader of known size needs no checks when it is compiled. */
static bool parse_ipv4(struct rd r, struct inner *in)
{
	size_t len = rd_left(&r);
	const uint8_t *fixed = rd_bytes(&r, IPV4_HEADER_MIN);
	uint32_t header;
	uint16_t bits;

	if (!fixed)
		return false;
	r = rd_init(fixed, IPV4_HEADER_MIN);
	header = (uint32_t)(rd_u8(&r) & 15) * 4;
	rd_skip(&r, 1);
	in->total = rd_u16(&r);
	rd_skip(&r, 2);
	bits = rd_u16(&r);
	rd_skip(&r, 1);
	in->protocol = rd_u8(&r);
	rd_skip(&r, 2);
	in->source = rd_bytes(&r, 4);
	in->destination = rd_bytes(&r, 4);
	in->family = 4;
	in->transport = header;
	in->dont_fragment = bits & IPV4_DF;
	in->fragment = bits & (IPV4_MF | IPV4_OFFSET);
	in->later = bits & IPV4_OFFSET;
	return header >= IPV4_HEADER_MIN && in->total >= header && in->total <= len;
}

static bool walk_extensions(struct rd *r, struct inner *in)
{
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		uint32_t length;
		uint16_t offset;
		uint8_t next;

		if (in->protocol != PROTOCOL_HOPOPTS && in->protocol != PROTOCOL_ROUTING &&
			in->protocol != PROTOCOL_DSTOPTS && in->protocol != PROTOCOL_FRAGMENT)
			return true;
		next = rd_u8(r);
		length = 8 + (uint32_t)rd_u8(r) * 8;
		offset = rd_u16(r);
		if (in->protocol == PROTOCOL_FRAGMENT) {
			length = 8;
			in->fragment = true;
			in->later = offset & 0xfff8;
		}
		rd_skip(r, length - 4);
		if (r->bad)
			return false;
		in->protocol = next;
		in->transport += length;
		if (in->later)
			return true;
	}
	return false;
}

static bool parse_ipv6(struct rd r, struct inner *in)
{
	size_t len = rd_left(&r);
	uint32_t payload;

	rd_skip(&r, 4);
	payload = rd_u16(&r);
	in->total = payload + IPV6_HEADER;
	in->protocol = rd_u8(&r);
	rd_skip(&r, 1);
	in->source = rd_bytes(&r, 16);
	in->destination = rd_bytes(&r, 16);
	in->family = 6;
	in->dont_fragment = true;
	in->transport = IPV6_HEADER;
	if (r.bad || in->total > len)
		return false;
	r = rd_sub(&r, payload);
	return walk_extensions(&r, in);
}

static bool has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP ||
	       protocol == PROTOCOL_DCCP;
}

bool inner_parse(const uint8_t *bytes, uint32_t len, struct inner *in)
{
	struct rd r = rd_init(bytes, len);
	uint8_t version = len ? bytes[0] >> 4 : 0;

	*in = (struct inner){0};
	if (version == 4) {
		if (!parse_ipv4(r, in))
			return false;
	} else if (version != 6 || !parse_ipv6(r, in)) {
		return false;
	}
	if (has_ports(in->protocol) && !in->later && in->total >= in->transport + 4) {
		rd_skip(&r, in->transport);
		in->source_port = rd_u16(&r);
		in->destination_port = rd_u16(&r);
	}
	return true;
}

static bool in_set(const struct selector_set *set, const struct inner *in, const uint8_t *address,
	uint16_t port)
{
	size_t n = in->family == 4 ? 4 : 16;
	int family = in->family == 4 ? AF_INET : AF_INET6;

	for (unsigned int i = 0; i < set->count; i++) {
		const struct selector *s = &set->selectors[i];
		bool all_ports = s->first_port == 0 && s->last_port == 0xffff;

		if (s->first.family != family || memcmp(address, s->first.bytes, n) < 0 ||
			memcmp(address, s->last.bytes, n) > 0)
			continue;
		if (s->protocol && s->protocol != in->protocol)
			continue;
		if (all_ports || (!in->later && has_ports(in->protocol) && port >= s->first_port &&
					 port <= s->last_port))
			return true;
	}
	return false;
}

bool inner_selected(const struct inner *in, const struct selector_set *local,
	const struct selector_set *remote, bool to_hub)
{
	const uint8_t *hub = to_hub ? in->destination : in->source;
	const uint8_t *site = to_hub ? in->source : in->destination;
	uint16_t hub_port = to_hub ? in->destination_port : in->source_port;
	uint16_t site_port = to_hub ? in->source_port : in->destination_port;

	return in_set(local, in, hub, hub_port) && in_set(remote, in, site, site_port);
}

bool selectors_any(const struct selector_set *set)
{
	static const uint8_t zeros[16], ones[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255,
						255, 255, 255, 255, 255, 255, 255};
	bool all4 = false, all6 = false;

	for (unsigned int i = 0; i < set->count; i++) {
		const struct selector *s = &set->selectors[i];
		size_t n = addr_len(&s->first);

		if (s->protocol || s->first_port || s->last_port != 0xffff ||
			memcmp(s->first.bytes, zeros, n) || memcmp(s->last.bytes, ones, n))
			continue;
		all4 |= n == 4;
		all6 |= n == 16;
	}
	return all4 && all6;
}
