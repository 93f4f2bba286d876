/* SPDX-License-Identifier: Apache-2.0 */
/* Cutting and merging packets, pacing, the SA table, MSS and too-big messages. */
#include "base/wire.h"
#include "dataplane/adjust.h"
#include "dataplane/checksum.h"
#include "dataplane/coalesce.h"
#include "dataplane/outer.h"
#include "dataplane/sadb.h"
#include "dataplane/segment.h"

#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define GSO_UDP_L4 5
#define TUNNEL     9

static const uint8_t v6_from[16] = {0xfd, [15] = 2}, v6_to[16] = {0xfd, 0x77, [15] = 2};

/* A whole TCP or UDP packet with right checksums; TCP has a 12-byte timestamp option. */
struct flow {
	bool v4, tcp;
	uint16_t port;
	uint32_t sequence;
	uint16_t id;
	uint8_t flags;
};

static uint32_t header_of(const struct flow *f)
{
	return (f->v4 ? 20 : 40) + (f->tcp ? 32 : 8);
}

static uint32_t packet(uint8_t *p, const struct flow *f, uint32_t payload)
{
	uint32_t ip = f->v4 ? 20 : 40, len = header_of(f) + payload, rest = len - ip;
	struct wr w = wr_init(p, len);
	uint8_t *t = p + ip;

	if (f->v4) {
		wr_u16(&w, 0x4500);
		wr_u16(&w, (uint16_t)len);
		wr_u16(&w, f->id);
		wr_u16(&w, 0x4000);
		wr_u16(&w, (uint16_t)(64 << 8 | (f->tcp ? 6 : 17)));
		wr_u16(&w, 0);
		wr_u32(&w, 0x0a010002);
		wr_u32(&w, 0x0a4d0102);
		checksum_store(p + 10, checksum_add(0, p, 20));
	} else {
		wr_u32(&w, 0x60000000);
		wr_u16(&w, (uint16_t)rest);
		wr_u16(&w, (uint16_t)((f->tcp ? 6 : 17) << 8 | 64));
		wr_bytes(&w, v6_from, 16);
		wr_bytes(&w, v6_to, 16);
	}
	wr_u16(&w, f->port);
	wr_u16(&w, 80);
	if (f->tcp) {
		wr_u32(&w, f->sequence);
		wr_u32(&w, 7);
		wr_u8(&w, 8 << 4);
		wr_u8(&w, f->flags);
		wr_u16(&w, 500);
		wr_u32(&w, 0);
		wr_u32(&w, 0x0101080a);
		wr_u32(&w, 11);
		wr_u32(&w, 22);
	} else {
		wr_u16(&w, (uint16_t)rest);
		wr_u16(&w, 0);
	}
	for (uint32_t i = 0; i < payload; i++)
		wr_u8(&w, (uint8_t)((f->sequence + i) * 31 >> 3));
	assert_false(w.bad);
	checksum_store(
		t + (f->tcp ? 16 : 6), checksum_add(checksum_pseudo(p + (f->v4 ? 12 : 8),
							    f->v4 ? 8 : 32, f->tcp ? 6 : 17, rest),
					       t, rest));
	return len;
}

static void parsed(const uint8_t *p, uint32_t len, struct inner *in)
{
	assert_true(inner_parse(p, len, in));
}

/* Merged and cut again, packets are what they were: all families, sizes, flags, counts. */
static void merged_and_cut_is_the_same(void **context)
{
	static struct coalescer c;
	static uint8_t packets[64][1600], frame[FRAME_MAX], out[65536];

	(void)context;
	for (int kind = 0; kind < 4; kind++) {
		for (uint32_t size = 1; size <= 1400; size += 233) {
			for (uint32_t n = 1; n <= 40; n += 3) {
				struct flow f = {.v4 = kind & 1,
					.tcp = kind & 2,
					.port = 1000,
					.sequence = 0xfffffff0u,
					.id = 0xfffe};
				uint32_t lens[64], at = 0;
				struct super_packet s;
				struct segmenter g;

				coalesce_reset(&c);
				for (uint32_t i = 0; i < n; i++) {
					uint32_t payload = i + 1 == n ? (size + 1) / 2 : size;
					struct inner in;

					/* The last may carry PSH and FIN. */
					f.flags = i + 1 == n ? 0x19 : 0x10;
					lens[i] = packet(packets[i], &f, payload);
					f.sequence += payload;
					f.id++;
					parsed(packets[i], lens[i], &in);
					assert_true(coalesce_add(&c, packets[i], &in, TUNNEL));
				}
				coalesce_finish(&c);
				assert_int_equal(c.count, 1);
				for (uint32_t i = 0; i <= c.bundles[0].pieces; i++) {
					memcpy(frame + at, c.bundles[0].iov[i].iov_base,
						c.bundles[0].iov[i].iov_len);
					at += (uint32_t)c.bundles[0].iov[i].iov_len;
				}
				/* As TC would mark it on its way out. */
				memcpy(frame + VNET_HEADER,
					(const uint8_t[]){0x02, 0x51, 0, 0, 0, TUNNEL}, 6);
				assert_int_equal(frame_parse(frame, at, &s), FRAME_OK);
				assert_int_equal(s.tunnel, TUNNEL);
				assert_true(segment_init(&g, &s));
				for (uint32_t i = 0; i < n; i++) {
					assert_int_equal(segment_next_len(&g), lens[i]);
					assert_int_equal(segment_next(&g, out), lens[i]);
					assert_memory_equal(out, packets[i], lens[i]);
				}
				assert_int_equal(segment_next(&g, out), 0);
			}
		}
	}
}

static uint32_t bundles_of(
	struct coalescer *c, uint8_t (*packets)[1600], const uint32_t *lens, uint32_t n)
{
	coalesce_reset(c);
	for (uint32_t i = 0; i < n; i++) {
		struct inner in;

		parsed(packets[i], lens[i], &in);
		coalesce_add(c, packets[i], &in, TUNNEL);
	}
	return c->count;
}

static void what_must_not_merge_does_not(void **context)
{
	static struct coalescer c;
	static uint8_t p[3][1600];
	uint32_t len[3];
	struct flow f = {.v4 = true, .tcp = true, .port = 1, .sequence = 100, .flags = 0x10};
	struct flow g;

	(void)context;
	/* A hole in the sequence. */
	g = f;
	len[0] = packet(p[0], &f, 100);
	g.sequence += 101;
	len[1] = packet(p[1], &g, 100);
	assert_int_equal(bundles_of(&c, p, len, 2), 2);
	g.sequence = f.sequence + 100;
	len[1] = packet(p[1], &g, 100);
	assert_int_equal(bundles_of(&c, p, len, 2), 1);
	/* Each header field on its own: TOS, TTL, DF, acknowledgement, window, option. */
	const uint32_t fields[] = {1, 6, 8, 12, 16, 20, 28, 31, 34, 38, 45};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct inner in;

		len[1] = packet(p[1], &g, 100);
		p[1][fields[i]] ^= 0x40;
		memset(p[1] + 10, 0, 2);
		checksum_store(p[1] + 10, checksum_add(0, p[1], 20));
		memset(p[1] + 36, 0, 2);
		checksum_store(
			p[1] + 36, checksum_add(checksum_pseudo(p[1] + 12, 8, 6, len[1] - 20),
					   p[1] + 20, len[1] - 20));
		parsed(p[1], len[1], &in);
		assert_int_equal(bundles_of(&c, p, len, 2), 2);
	}
	/* A wrong checksum stays visible to whoever receives it. */
	len[1] = packet(p[1], &g, 100);
	p[1][80] ^= 1;
	assert_int_equal(bundles_of(&c, p, len, 2), 2);
	/* After PSH nothing follows; SYN is alone; larger after smaller is not merged. */
	f.flags = 0x18;
	len[0] = packet(p[0], &f, 100);
	len[1] = packet(p[1], &g, 100);
	assert_int_equal(bundles_of(&c, p, len, 2), 2);
	f.flags = 0x02;
	len[0] = packet(p[0], &f, 100);
	assert_int_equal(bundles_of(&c, p, len, 2), 2);
	f.flags = 0x10;
	len[0] = packet(p[0], &f, 100);
	len[1] = packet(p[1], &g, 101);
	assert_int_equal(bundles_of(&c, p, len, 2), 2);
	/* Another tunnel. */
	len[1] = packet(p[1], &g, 100);
	coalesce_reset(&c);
	for (uint32_t i = 0; i < 2; i++) {
		struct inner in;

		parsed(p[i], len[i], &in);
		coalesce_add(&c, p[i], &in, i);
	}
	assert_int_equal(c.count, 2);
	/* A kernel without USO refuses super-packets of UDP, not of TCP. */
	for (int tcp = 0; tcp < 2; tcp++) {
		f = g = (struct flow){.v4 = true, .tcp = tcp, .port = 9, .flags = 0x10};
		g.sequence = 100;
		g.id = 1;
		len[0] = packet(p[0], &f, 100);
		len[1] = packet(p[1], &g, 100);
		c.tcp_only = false;
		assert_int_equal(bundles_of(&c, p, len, 2), 1);
		c.tcp_only = true;
		assert_int_equal(bundles_of(&c, p, len, 2), tcp ? 1 : 2);
	}
}

/* Whatever is mixed, packets of one flow leave in the order they came. */
static void order_within_a_flow_stays(void **context)
{
	static struct coalescer c;
	static uint8_t p[200][1600];
	uint32_t expected[4] = {0};

	(void)context;
	srand(3);
	for (int round = 0; round < 200; round++) {
		uint32_t sequence[4] = {0, 0, 0, 0}, count = 0;

		coalesce_reset(&c);
		memset(expected, 0, sizeof(expected));
		for (int i = 0; i < 200; i++) {
			uint32_t k = (uint32_t)rand() % 4, size = rand() % 3 ? 100 : 60;
			struct flow f = {.v4 = k & 1,
				.tcp = true,
				.port = (uint16_t)(k + 1),
				.sequence = sequence[k],
				.flags = rand() % 5 ? 0x10 : 0x18};
			uint32_t len = packet(p[i], &f, size);
			struct inner in;

			sequence[k] += size;
			parsed(p[i], len, &in);
			assert_true(coalesce_add(&c, p[i], &in, TUNNEL));
		}
		coalesce_finish(&c);
		for (uint32_t b = 0; b < c.count; b++) {
			const uint8_t *ip = c.bundles[b].first;
			uint32_t k = (uint32_t)ip[c.bundles[b].transport + 1] - 1;
			const uint8_t *t = ip + c.bundles[b].transport;
			uint32_t s = (uint32_t)t[6] << 8 | t[7];

			assert_int_equal(s, expected[k] & 0xffff);
			expected[k] += c.bundles[b].total - (c.bundles[b].transport + 32);
			count += c.bundles[b].pieces;
		}
		assert_int_equal(count, 200);
		assert_memory_equal(expected, sequence, sizeof(expected));
	}
}

static void frames_without_a_mark_are_refused(void **context)
{
	static uint8_t frame[2000];
	struct flow f = {.v4 = true, .port = 1};
	uint32_t len = packet(frame + FRAME_HEADER, &f, 100) + FRAME_HEADER;
	struct super_packet s;

	(void)context;
	memcpy(frame + VNET_HEADER, (const uint8_t[])SLUICE_INSIDE_MAC, 6);
	frame[VNET_HEADER + 12] = 8;
	assert_int_equal(frame_parse(frame, len, &s), FRAME_NO_MARK);
	memcpy(frame + VNET_HEADER, (const uint8_t[]){2, 0x51, 0, 0, 0xff, 0xff}, 6);
	assert_int_equal(frame_parse(frame, len, &s), FRAME_NO_MARK); /* no such tunnel */
	memcpy(frame + VNET_HEADER, (const uint8_t[]){2, 0x51, 1, 0, 1, 2}, 6);
	assert_int_equal(frame_parse(frame, len, &s), FRAME_OK);
	assert_int_equal(s.tunnel, 0x102);
	assert_true(s.control);
	for (uint32_t n = 0; n <= FRAME_HEADER; n++)
		assert_int_equal(frame_parse(frame, n, &s), FRAME_MALFORMED);
	frame[VNET_HEADER + 12] = 0x86;
	frame[VNET_HEADER + 13] = 0xdd;
	assert_int_equal(frame_parse(frame, len, &s), FRAME_MALFORMED);
}

/* RFC 1071 1: pairs of bytes, each carry added at the other end. */
static void checksum_of_every_length(void **context)
{
	uint8_t bytes[300];

	(void)context;
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		uint32_t sum = 0xabcd;

		for (size_t i = 0; i < len; i++) {
			bytes[i] = len % 3 ? (uint8_t)(i * 89 + len) : 0xff;
			sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
			sum = (sum & 0xffff) + (sum >> 16);
		}
		assert_int_equal(
			ntohs(checksum_fold(checksum_add(htons(0xabcd), bytes, len))), sum);
	}
}

/* A checksum left to us comes out right, UDP's zero as 0xffff. */
static void checksums_are_completed(void **context)
{
	static uint8_t frame[2000], want[2000], out[2000];

	(void)context;
	for (int kind = 0; kind < 4; kind++) {
		struct flow f = {.v4 = kind & 1, .tcp = kind & 2, .port = 5, .flags = 0x10};
		uint32_t ip = f.v4 ? 20 : 40, at = f.tcp ? 16 : 6;

		for (uint32_t payload = 0; payload < 300; payload++) {
			uint32_t len = packet(want, &f, payload);
			uint16_t sum = checksum_fold(checksum_pseudo(
				want + (f.v4 ? 12 : 8), f.v4 ? 8 : 32, f.tcp ? 6 : 17, len - ip));
			struct super_packet s = {.ip = frame,
				.len = len,
				.needs_checksum = true,
				.checksum_start = ip,
				.checksum_at = ip + at};
			struct segmenter g;

			memcpy(frame, want, len);
			memcpy(frame + ip + at, &sum, 2);
			assert_true(segment_init(&g, &s));
			assert_int_equal(segment_next(&g, out), len);
			assert_memory_equal(out, want, len);
		}
	}
}

/* D-07: an atomic datagram gets an identification of its own, a fragment keeps that of its packet. */
static void fragments_against_df(void **context)
{
	static uint8_t ip[3000], out[3000];
	struct flow f = {.v4 = true, .port = 9};
	uint32_t len = packet(ip, &f, 2000), offset = 0;
	uint16_t id = 0xfffe;

	(void)context;
	for (unsigned int i = 0; i < 3; i++) {
		ip[6] = 0x40;
		ip[4] = ip[5] = 0;
		fragment_anyway(ip, &id);
		assert_int_equal(ip[4] << 8 | ip[5], (uint16_t)(0xfffe + i));
		assert_int_equal(ip[6], 0);
		offset = 0;
		assert_true(fragment_next(ip, len, 1400, &offset, out));
		assert_int_equal(checksum_fold(checksum_add(0, out, 20)), 0xffff);
		assert_int_equal(out[6], 0x20);
	}
	ip[6] = 0x60; /* a fragment already */
	fragment_anyway(ip, &id);
	assert_int_equal(ip[4] << 8 | ip[5], 0);
	assert_int_equal(ip[6], 0x20);
	assert_int_equal(id, 1);
	ip[6] = 0; /* may be fragmented anyway: nothing changes */
	ip[5] = 7;
	fragment_anyway(ip, &id);
	assert_int_equal(ip[5], 7);
	assert_int_equal(id, 1);
}

static void fragments_make_the_packet(void **context)
{
	static uint8_t ip[3000], out[3000], whole[3000];

	(void)context;
	for (uint32_t mtu = 68; mtu < 1500; mtu += 61) {
		for (uint32_t payload = 0; payload < 2800; payload += 397) {
			struct flow f = {.v4 = true, .port = 9};
			uint32_t len = packet(ip, &f, payload), offset = 0, n, at = 0;
			bool last = false;

			ip[6] = 0;
			while ((n = fragment_next(ip, len, mtu, &offset, out))) {
				uint32_t bits = (uint32_t)out[6] << 8 | out[7];

				assert_false(last);
				assert_true(n <= mtu);
				assert_int_equal(checksum_fold(checksum_add(0, out, 20)), 0xffff);
				assert_int_equal((bits & 0x1fff) * 8, at);
				memcpy(whole + at, out + 20, n - 20);
				at += n - 20;
				last = !(bits & 0x2000);
			}
			assert_true(last);
			assert_int_equal(at, len - 20);
			assert_memory_equal(whole, ip + 20, at);
		}
	}
}

/* RFC 6040 4.2, figure 4: every inner field with every outer one; 4 is "drop". */
static void congestion_goes_over(void **context)
{
	static const uint8_t figure4[4][4] = {
		/* outer: not, ECT(1), ECT(0), CE */
		{0, 0, 0, 4}, /* inner: not */
		{1, 1, 1, 3}, /* ECT(1) */
		{2, 1, 2, 3}, /* ECT(0) */
		{3, 3, 3, 3}, /* CE */
	};

	(void)context;
	for (int v4 = 0; v4 < 2; v4++) {
		for (uint32_t i = 0; i < 4 * 4 * 64; i++) {
			uint8_t inner = i & 3, outer = i >> 2 & 3, dscp = (uint8_t)(i >> 4);
			struct flow f = {.v4 = v4, .tcp = true, .port = (uint16_t)i};
			uint8_t p[200], class = (uint8_t)(dscp << 2 | inner);
			uint32_t len = packet(p, &f, 50);
			bool kept;

			p[0] = v4 ? 0x45 : (uint8_t)(0x60 | class >> 4);
			p[1] = v4 ? class : (uint8_t)(class << 4);
			if (v4) {
				p[10] = p[11] = 0;
				checksum_store(p + 10, checksum_add(0, p, 20));
			}
			kept = adjust_decapsulated(p, (uint8_t)(0xa8 | outer));
			assert_true(kept == (figure4[inner][outer] < 4));
			if (kept)
				assert_int_equal(
					adjust_class(p), dscp << 2 | figure4[inner][outer]);
			assert_true(adjust_congested(p) == (inner != 0));
			assert_int_equal(adjust_class(p), inner ? dscp << 2 | 3 : dscp << 2);
			if (v4)
				assert_int_equal(checksum_fold(checksum_add(0, p, 20)), 0xffff);
			assert_true(len == (v4 ? 102u : 122u));
		}
	}
}

static void mss_and_checksum(void **context)
{
	static uint8_t p[200];

	(void)context;
	for (int v4 = 0; v4 < 2; v4++) {
		for (uint32_t at = 0; at <= 8; at++) {
			struct flow f = {.v4 = v4, .tcp = true, .port = 3, .flags = 0x02};
			uint32_t len = packet(p, &f, 0), ip = v4 ? 20 : 40;
			uint8_t *t = p + ip;
			struct inner in;

			memset(t + 20, 1, 12);
			memcpy(t + 20 + at, (const uint8_t[]){2, 4, 0x05, 0xb4}, 4);
			memset(t + 16, 0, 2);
			checksum_store(t + 16, checksum_add(checksum_pseudo(p + (v4 ? 12 : 8),
								    v4 ? 8 : 32, 6, len - ip),
						       t, len - ip));
			parsed(p, len, &in);
			assert_false(adjust_mss(p, &in, 0));
			assert_false(adjust_mss(p, &in, 1460));
			assert_true(adjust_mss(p, &in, 1398));
			assert_int_equal(t[22 + at] << 8 | t[23 + at], 1398);
			assert_int_equal(
				checksum_fold(checksum_add(checksum_pseudo(p + (v4 ? 12 : 8),
								   v4 ? 8 : 32, 6, len - ip),
					t, len - ip)),
				0xffff);
		}
	}
}

static void too_big_is_said(void **context)
{
	static uint8_t p[2000], error[ADJUST_ERROR_MAX];

	(void)context;
	for (int v4 = 0; v4 < 2; v4++) {
		struct flow f = {.v4 = v4, .tcp = true, .port = 3, .flags = 0x10};
		uint32_t len = packet(p, &f, 1400), n;
		struct inner in, made;

		parsed(p, len, &in);
		n = adjust_too_big(p, len, &in, 1300, error);
		assert_true(n > 0);
		parsed(error, n, &made);
		assert_int_equal(made.total, n);
		assert_int_equal(made.protocol, v4 ? 1 : 58);
		assert_memory_equal(made.destination, in.source, v4 ? 4 : 16);
		assert_int_equal(error[made.transport], v4 ? 3 : 2);
		assert_int_equal(error[made.transport + 6] << 8 | error[made.transport + 7], 1300);
		assert_memory_equal(error + made.transport + 8, p, 400);
		if (v4)
			assert_int_equal(
				checksum_fold(checksum_add(0, error + 20, n - 20)), 0xffff);
		/* No error about an error: RFC 1122 3.2.2. */
		parsed(error, n, &made);
		assert_int_equal(adjust_too_big(error, n, &made, 100, p), 0);
	}
}

static void outer_headers(void **context)
{
	uint8_t frame[200];
	struct outer o;

	(void)context;
	for (int form = 0; form < 8; form++) {
		bool v4 = form & 1, udp = form & 2, vlan = form & 4;
		struct wr w = wr_init(frame, sizeof(frame));
		uint16_t payload = udp ? 48 : 40;

		wr_zero(&w, 12);
		if (vlan)
			wr_u32(&w, 0x81000001);
		wr_u16(&w, v4 ? 0x0800 : 0x86dd);
		if (v4) {
			wr_u16(&w, 0x4500);
			wr_u16(&w, (uint16_t)(20 + payload));
			wr_u32(&w, 0);
			wr_u16(&w, (uint16_t)(64 << 8 | (udp ? 17 : 50)));
			wr_u16(&w, 0);
			wr_u32(&w, 0xcb007109);
			wr_u32(&w, 0xc0000201);
		} else {
			wr_u32(&w, 0x60000000);
			wr_u16(&w, payload);
			wr_u16(&w, (uint16_t)((udp ? 17 : 50) << 8 | 64));
			wr_bytes(&w, v6_from, 16);
			wr_bytes(&w, v6_to, 16);
		}
		if (udp) {
			wr_u32(&w, 40000u << 16 | 4500);
			wr_u32(&w, 48u << 16);
		}
		wr_u32(&w, 0x11223344);
		wr_zero(&w, 36);
		wr_zero(&w, 6); /* Ethernet padding */
		assert_true(outer_parse(frame, (uint32_t)wr_len(&w), &o));
		assert_int_equal(o.spi, 0x11223344);
		assert_int_equal(o.esp_len, 40);
		assert_int_equal(o.udp_encap, udp);
		assert_int_equal(o.remote.port, udp ? 40000 : 0);
		assert_int_equal(o.remote.addr.family, v4 ? AF_INET : AF_INET6);
		for (uint32_t n = 0; n < wr_len(&w) - 6; n++)
			assert_false(outer_parse(frame, n, &o));
	}
}

static struct sa_pair *pair(uint32_t tunnel, uint32_t slot, uint32_t spi_out)
{
	struct esp_params p = {.cipher = ESP_AES_GCM_16, .key_len = 16, .spi = 1};
	struct sa_pair *s =
		sa_pair_new(esp_sa_new(&p, ESP_ENGINE_AUTO), esp_sa_new(&p, ESP_ENGINE_AUTO));

	assert_non_null(s);
	s->tunnel = tunnel;
	s->spi_in = 0x7000u << SLUICE_SA_INDEX_BITS | (tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + slot);
	s->spi_out = spi_out;
	return s;
}

static void a_rekey_overlaps(void **context)
{
	struct sadb *db = sadb_new();
	struct sa_pair *old = pair(5, 0, 100), *new = pair(5, 1, 200);

	(void)context;
	sadb_add(db, old);
	assert_null(sadb_out(db, 5)); /* not before it is said */
	assert_true(sadb_use(db, 5, 100));
	assert_ptr_equal(sadb_out(db, 5), old);
	sadb_add(db, new);
	assert_ptr_equal(sadb_out(db, 5), old);
	assert_ptr_equal(sadb_in(db, old->spi_in), old); /* both accept */
	assert_ptr_equal(sadb_in(db, new->spi_in), new);
	assert_true(sadb_use(db, 5, 200));
	assert_ptr_equal(sadb_out(db, 5), new);
	assert_false(sadb_use(db, 5, 300));
	assert_false(sadb_use(db, 6, 200));

	/* A worker that found the old pair keeps it until it is quiet. ASan sees to it. */
	sadb_begin(db, 0);
	assert_int_equal(sadb_del(db, 5, 0, 100), 1);
	assert_null(sadb_in(db, 0x7000u << SLUICE_SA_INDEX_BITS | 40));
	sadb_collect(db);
	assert_int_equal(old->spi_out, 100);
	sadb_end(db, 0);
	sadb_collect(db);
	assert_ptr_equal(sadb_out(db, 5), new);
	/* Another SPI with the same slot is another SA. */
	assert_null(sadb_in(db, new->spi_in ^ 1u << 31));
	assert_int_equal(sadb_del(db, 5, 0, 0), 1);
	assert_null(sadb_out(db, 5));
	sadb_collect(db);
	sadb_free(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(congestion_goes_over),
		cmocka_unit_test(merged_and_cut_is_the_same),
		cmocka_unit_test(what_must_not_merge_does_not),
		cmocka_unit_test(order_within_a_flow_stays),
		cmocka_unit_test(frames_without_a_mark_are_refused),
		cmocka_unit_test(checksum_of_every_length),
		cmocka_unit_test(checksums_are_completed),
		cmocka_unit_test(fragments_make_the_packet),
		cmocka_unit_test(fragments_against_df),
		cmocka_unit_test(mss_and_checksum),
		cmocka_unit_test(too_big_is_said),
		cmocka_unit_test(outer_headers),
		cmocka_unit_test(a_rekey_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
