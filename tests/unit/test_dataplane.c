/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of the inside device cut, merged and checked; outer headers read. */
#include "packets.h"

#include "dataplane/coalesce.h"
#include "dataplane/outer.h"
#include "dataplane/segment.h"
#include "sluice/abi.h"

#include <arpa/inet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#define GSO_UDP_L4 5
#define TUNNEL     9

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

#define FLOWS 60 /* some of them have one place in the table of flows */

/* Whatever is mixed, packets of one flow leave in the order they came. */
static void order_within_a_flow_stays(void **context)
{
	static struct coalescer c;
	static uint8_t p[200][1600];
	uint32_t flow_of[200], merged = 0;

	(void)context;
	srand(3);
	for (int round = 0; round < 200; round++) {
		uint32_t sequence[FLOWS] = {0}, seen[FLOWS] = {0}, count = 0;
		uint16_t id[FLOWS] = {0};

		coalesce_reset(&c);
		for (uint32_t i = 0; i < 200; i++) {
			uint32_t k = (uint32_t)rand() % (round % 2 ? 4 : FLOWS);
			uint32_t size = rand() % 3 ? 100 : 60;
			struct flow f = {.v4 = k & 1,
				.tcp = k & 2,
				.port = (uint16_t)(k + 1),
				.sequence = sequence[k],
				.id = id[k]++,
				.flags = rand() % 5 ? 0x10 : 0x18};
			uint32_t len = packet(p[i], &f, size);
			struct inner in;

			flow_of[i] = k;
			sequence[k] += size;
			parsed(p[i], len, &in);
			assert_true(coalesce_add(&c, p[i], &in, TUNNEL));
		}
		coalesce_finish(&c);
		for (uint32_t b = 0; b < c.count; b++) {
			for (uint32_t i = 1; i <= c.bundles[b].pieces; i++) {
				const uint8_t *at = c.bundles[b].iov[i].iov_base;
				uint32_t n = (uint32_t)(at - p[0]) / sizeof(p[0]), k = flow_of[n];

				assert_true(n + 1 > seen[k]);
				seen[k] = n + 1;
				count++;
			}
		}
		assert_int_equal(count, 200);
		merged += count - c.count;
	}
	assert_true(merged > 10000);
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

/* An atomic datagram gets an identification of its own, a fragment keeps that of its packet. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merged_and_cut_is_the_same),
		cmocka_unit_test(what_must_not_merge_does_not),
		cmocka_unit_test(order_within_a_flow_stays),
		cmocka_unit_test(frames_without_a_mark_are_refused),
		cmocka_unit_test(checksum_of_every_length),
		cmocka_unit_test(checksums_are_completed),
		cmocka_unit_test(fragments_make_the_packet),
		cmocka_unit_test(fragments_against_df),
		cmocka_unit_test(outer_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
