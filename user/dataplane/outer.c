/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/outer.h"

#include "base/wire.h"
#include "dataplane/adjust.h"
#include "esp/inner.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define PROTOCOL_UDP   17
#define PROTOCOL_ESP   50
#define PORT_NATT      4500
#define UDP_HEADER     8

bool outer_parse(const uint8_t *frame, uint32_t len, struct outer *o)
{
	struct rd r = rd_init(frame, len);
	struct rd payload;
	struct inner ip;
	uint16_t type;
	uint32_t left;

	rd_skip(&r, 12);
	type = rd_u16(&r);
	if (type == ETHERTYPE_VLAN) {
		rd_skip(&r, 2);
		type = rd_u16(&r);
	}
	if (r.bad || (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6))
		return false;
	if (!inner_parse(r.p, (uint32_t)rd_left(&r), &ip) || ip.fragment ||
		ip.family != (type == ETHERTYPE_IPV4 ? 4 : 6))
		return false;
	*o = (struct outer){.traffic_class = adjust_class(r.p),
		.remote.addr = addr_from_bytes(ip.family == 4 ? AF_INET : AF_INET6, ip.source)};
	rd_skip(&r, ip.transport);
	left = ip.total - ip.transport;
	if (ip.protocol == PROTOCOL_UDP) {
		uint16_t udp_len;

		o->udp_encap = true;
		o->remote.port = rd_u16(&r);
		if (rd_u16(&r) != PORT_NATT)
			return false;
		udp_len = rd_u16(&r);
		rd_skip(&r, 2);
		if (r.bad || udp_len < UDP_HEADER || udp_len > left)
			return false;
		left = udp_len - UDP_HEADER;
	} else if (ip.protocol != PROTOCOL_ESP) {
		return false;
	}
	o->esp = (uint32_t)(r.p - frame);
	o->esp_len = left;
	payload = rd_sub(&r, left);
	o->spi = rd_u32(&payload);
	return !payload.bad && o->spi;
}
