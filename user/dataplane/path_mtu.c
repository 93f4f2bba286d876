/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/path_mtu.h"

#include "dataplane/checksum.h"

#include <netinet/in.h>

enum {
	ICMP_UNREACHABLE = 3, /* RFC 792 */
	ICMP_FRAGMENTS_NEEDED = 4,
	ICMPV6_TOO_BIG = 2, /* RFC 4443 3.2 */
	IPV4_HEADER_MIN = 20,
	IPV4_OFFSET_MASK = 0x1fff,
};

/* Up to where the ESP header begins, or UDP. */
static bool quoted_ipv4(struct rd *r, struct too_big *t, uint8_t *protocol)
{
	uint32_t header = rd_u8(r);
	uint8_t addresses[8];
	uint16_t offset;

	rd_skip(r, 1);
	t->packet = rd_u16(r);
	rd_skip(r, 2);
	offset = rd_u16(r);
	rd_skip(r, 1);
	*protocol = rd_u8(r);
	rd_skip(r, 2);
	rd_copy(r, addresses, sizeof(addresses));
	if (header >> 4 != 4 || (header & 15) * 4 < IPV4_HEADER_MIN || offset & IPV4_OFFSET_MASK)
		return false;
	rd_skip(r, (header & 15) * 4 - IPV4_HEADER_MIN);
	t->local.addr = addr_from_bytes(AF_INET, addresses);
	t->remote.addr = addr_from_bytes(AF_INET, addresses + 4);
	return true;
}

/* We send no extension headers; the kernel's fragments have one and need no help. */
static bool quoted_ipv6(struct rd *r, struct too_big *t, uint8_t *protocol)
{
	uint32_t version = rd_u32(r) >> 28;
	uint8_t addresses[32];

	t->packet = 40u + rd_u16(r);
	*protocol = rd_u8(r);
	rd_skip(r, 1);
	rd_copy(r, addresses, sizeof(addresses));
	if (version != 6)
		return false;
	t->local.addr = addr_from_bytes(AF_INET6, addresses);
	t->remote.addr = addr_from_bytes(AF_INET6, addresses + 16);
	return true;
}

bool too_big_parse(const uint8_t *icmp, uint32_t len, int family, struct too_big *t)
{
	struct rd r = rd_init(icmp, len);
	struct too_big own = {0};
	uint8_t type = rd_u8(&r), code = rd_u8(&r), protocol = 0;

	rd_skip(&r, 2);
	if (family == AF_INET) {
		/* RFC 1191 4: sixteen unused bits before it. The kernel gives it to us unchecked. */
		rd_skip(&r, 2);
		own.mtu = rd_u16(&r);
		if (type != ICMP_UNREACHABLE || code != ICMP_FRAGMENTS_NEEDED ||
			checksum_fold(checksum_add(0, icmp, len)) != 0xffff ||
			!quoted_ipv4(&r, &own, &protocol))
			return false;
	} else {
		own.mtu = rd_u32(&r);
		if (type != ICMPV6_TOO_BIG || !quoted_ipv6(&r, &own, &protocol))
			return false;
	}
	if (protocol == IPPROTO_UDP) {
		own.udp_encap = true;
		own.local.port = rd_u16(&r);
		own.remote.port = rd_u16(&r);
		rd_skip(&r, 4);
	} else if (protocol != IPPROTO_ESP) {
		return false;
	}
	own.spi = rd_u32(&r);
	if (r.bad || !own.spi) /* RFC 3948 2.2: zero is IKE's */
		return false;
	*t = own;
	return true;
}

bool path_mtu_learn(struct path_mtu *p, const struct too_big *t, uint32_t most, uint64_t now)
{
	uint32_t least = t->local.addr.family == AF_INET ? PATH_MTU_LEAST4 : PATH_MTU_LEAST6;
	uint32_t known = p->mtu ? p->mtu : most;
	uint32_t mtu = t->mtu > least ? t->mtu : least;

	/* RFC 5927 7.2: a packet that fits is no reason to complain. */
	if (t->mtu >= t->packet || mtu > known)
		return false;
	if (mtu == p->mtu) {
		p->until_ns = now + PATH_MTU_AGE;
		return false;
	}
	if (mtu == known || (p->changed_ns && now - p->changed_ns < PATH_MTU_EVERY))
		return false;
	*p = (struct path_mtu){.mtu = mtu, .until_ns = now + PATH_MTU_AGE, .changed_ns = now};
	return true;
}

bool path_mtu_expire(struct path_mtu *p, uint64_t now)
{
	if (!p->mtu || now < p->until_ns)
		return false;
	*p = (struct path_mtu){.changed_ns = now};
	return true;
}
