/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/adjust.h"

#include "base/wire.h"
#include "dataplane/checksum.h"

#define PROTOCOL_ICMP   1
#define PROTOCOL_TCP    6
#define PROTOCOL_ICMPV6 58
#define TCP_HEADER      20
#define TCP_SYN         0x02
#define OPTION_END      0
#define OPTION_NOP      1
#define OPTION_MSS      2
#define ICMP_QUOTED     548 /* RFC 1812 4.3.2.3: as much as fits into 576 bytes */
#define IPV6_HEADER     40
#define IPV4_HEADER     20
#define ICMP_HEADER     8

enum ecn { NOT_ECT, ECT_1, ECT_0, CE, ECN_VALUES };

uint8_t adjust_class(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[1] : (uint8_t)((ip[0] & 15) << 4 | ip[1] >> 4);
}

/* RFC 1624 equation 3, over the 16-bit word that the field is in. */
static void set_ecn(uint8_t *ip, uint8_t ecn)
{
	uint32_t old, new, sum;

	if (ip[0] >> 4 != 4) {
		ip[1] = (uint8_t)((ip[1] & ~0x30) | ecn << 4);
		return;
	}
	old = (uint32_t)ip[0] << 8 | ip[1];
	ip[1] = (uint8_t)((ip[1] & ~3) | ecn);
	new = (uint32_t)ip[0] << 8 | ip[1];
	sum = (~((uint32_t)ip[10] << 8 | ip[11]) & 0xffff) + (~old & 0xffff) + new;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

bool adjust_congested(uint8_t *ip)
{
	if (!(adjust_class(ip) & 3))
		return false;
	set_ecn(ip, CE);
	return true;
}

bool adjust_decapsulated(uint8_t *ip, uint8_t outer_class)
{
	/* RFC 6040 figure 4: rows by the inner field, columns by the outer. */
	enum { DROP = ECN_VALUES };
	static const uint8_t table[ECN_VALUES][ECN_VALUES] = {
		[NOT_ECT] =
			{[NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT, [CE] = DROP},
		[ECT_0] = {[NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE},
		[ECT_1] = {[NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE},
		[CE] = {[NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE},
	};
	uint8_t inner = adjust_class(ip) & 3, result = table[inner][outer_class & 3];

	if (result == DROP)
		return false;
	if (result != inner)
		set_ecn(ip, result);
	return true;
}

/* Offset of the MSS value in the TCP header, 0 when there is none. */
static uint32_t find_mss(const uint8_t *tcp, uint32_t header)
{
	struct rd r = rd_init(tcp, header);

	rd_skip(&r, TCP_HEADER);
	while (rd_left(&r)) {
		uint8_t kind = rd_u8(&r);
		uint8_t length;

		if (kind == OPTION_END)
			return 0;
		if (kind == OPTION_NOP)
			continue;
		length = rd_u8(&r);
		if (r.bad || length < 2)
			return 0;
		if (kind == OPTION_MSS)
			return length == 4 && rd_left(&r) >= 2 ? (uint32_t)(r.p - tcp) : 0;
		rd_skip(&r, length - 2);
	}
	return 0;
}

bool adjust_mss(uint8_t *ip, const struct inner *in, uint16_t limit)
{
	uint8_t *tcp = ip + in->transport;
	uint32_t rest = in->total - in->transport, header, at;
	uint32_t old, new, sum;

	if (!limit || in->protocol != PROTOCOL_TCP || in->later || rest < TCP_HEADER)
		return false;
	header = (tcp[12] >> 4) * 4u;
	if (!(tcp[13] & TCP_SYN) || header < TCP_HEADER || header > rest)
		return false;
	at = find_mss(tcp, header);
	if (!at)
		return false;
	old = (uint32_t)tcp[at] << 8 | tcp[at + 1];
	if (old <= limit)
		return false;
	tcp[at] = (uint8_t)(limit >> 8);
	tcp[at + 1] = (uint8_t)limit;
	new = limit;
	if (at & 1) {
		old = (old & 0xff) << 8 | old >> 8;
		new = (new & 0xff) << 8 | new >> 8;
	}
	/* RFC 1624: HC' = ~(~HC + ~m + m') */
	sum = (uint32_t)tcp[16] << 8 | tcp[17];
	sum = (~sum & 0xffff) + (~old & 0xffff) + new;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	tcp[16] = (uint8_t)(~sum >> 8);
	tcp[17] = (uint8_t)~sum;
	return true;
}

static bool is_error(const uint8_t *ip, const struct inner *in)
{
	uint8_t type;

	if (in->later || in->total <= in->transport)
		return in->later;
	type = ip[in->transport];
	if (in->protocol == PROTOCOL_ICMP)
		return type != 8 && type != 0;
	return in->protocol == PROTOCOL_ICMPV6 && type < 128;
}

static uint32_t too_big_ipv4(
	const uint8_t *ip, uint32_t quoted, const struct inner *in, uint32_t mtu, struct wr *w)
{
	uint32_t len = IPV4_HEADER + ICMP_HEADER + quoted;
	uint8_t *to = w->p;

	wr_u16(w, 0x4500);
	wr_u16(w, (uint16_t)len);
	wr_u32(w, 0);
	wr_u16(w, 64 << 8 | PROTOCOL_ICMP);
	wr_u16(w, 0);
	wr_bytes(w, in->destination, 4);
	wr_bytes(w, in->source, 4);
	wr_u16(w, 3 << 8 | 4); /* unreachable: fragmentation needed */
	wr_u32(w, 0);
	wr_u16(w, (uint16_t)mtu);
	wr_bytes(w, ip, quoted);
	if (w->bad)
		return 0;
	checksum_store(to + 10, checksum_add(0, to, IPV4_HEADER));
	checksum_store(
		to + IPV4_HEADER + 2, checksum_add(0, to + IPV4_HEADER, ICMP_HEADER + quoted));
	return len;
}

static uint32_t too_big_ipv6(
	const uint8_t *ip, uint32_t quoted, const struct inner *in, uint32_t mtu, struct wr *w)
{
	uint8_t *to = w->p;
	uint64_t sum;

	wr_u32(w, 0x60000000);
	wr_u16(w, (uint16_t)(ICMP_HEADER + quoted));
	wr_u16(w, PROTOCOL_ICMPV6 << 8 | 64);
	wr_bytes(w, in->destination, 16);
	wr_bytes(w, in->source, 16);
	wr_u32(w, 2 << 24); /* packet too big */
	wr_u32(w, mtu);
	wr_bytes(w, ip, quoted);
	if (w->bad)
		return 0;
	sum = checksum_pseudo(to + 8, 32, PROTOCOL_ICMPV6, ICMP_HEADER + quoted);
	checksum_store(
		to + IPV6_HEADER + 2, checksum_add(sum, to + IPV6_HEADER, ICMP_HEADER + quoted));
	return IPV6_HEADER + ICMP_HEADER + quoted;
}

uint32_t adjust_too_big(const uint8_t *ip, uint32_t len, const struct inner *in, uint32_t mtu,
	uint8_t to[ADJUST_ERROR_MAX])
{
	struct wr w = wr_init(to, ADJUST_ERROR_MAX);
	uint32_t quoted = len < ICMP_QUOTED ? len : ICMP_QUOTED;

	if (is_error(ip, in))
		return 0;
	return in->family == 4 ? too_big_ipv4(ip, quoted, in, mtu, &w)
			       : too_big_ipv6(ip, quoted, in, mtu, &w);
}
