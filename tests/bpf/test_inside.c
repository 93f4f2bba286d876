/* SPDX-License-Identifier: Apache-2.0 */
/* inside.bpf.c: packet in, verdict, mark, MSS and counters out. */
#include "inside_lab.h"

#include "dataplane/checksum.h"

#include <linux/pkt_cls.h>

#define TUNNEL 0x105 /* both bytes of the mark are used */
#define SITE   (TUNNEL / 2)

static void set_tunnel(struct state *s, uint32_t up, uint16_t mss4, uint16_t mss6)
{
	struct tunnel_record r = {.site = SITE, .up = up, .mss4 = mss4, .mss6 = mss6};

	assert_true(maps_tunnel_set(s->maps, TUNNEL, &r));
}

static int setup(void **context)
{
	struct bpf_options o = {.workers = 1, .live.packets.pacing_horizon_us = 25000};
	struct tunnel_record r = {.site = SITE, .up = 1};

	return start(context, &o, TUNNEL, &r);
}

static int setup_apart(void **context)
{
	struct bpf_options o = {.workers = 1, .live.sites_apart = true};
	struct tunnel_record r = {.site = SITE, .up = 1};

	if (!own_network())
		return -1;
	return start(context, &o, TUNNEL, &r);
}

static struct frame data(bool v4, uint8_t protocol, uint16_t payload)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, v4 ? 0x0800 : 0x86dd);
	if (v4)
		ipv4(&w, lan4, branch4, protocol, 0, payload);
	else
		ipv6(&w, lan6, branch6, protocol, payload);
	wr_zero(&w, payload);
	f.len = (uint32_t)wr_len(&w);
	return f;
}

/* A SYN whose MSS option sits behind `nops` no-operations. */
static struct frame syn(bool v4, uint16_t mss, unsigned int nops, uint8_t flags)
{
	uint8_t options = (uint8_t)((nops + 4 + 3) / 4 * 4);
	uint16_t len = (uint16_t)(20 + options);
	struct frame f = data(v4, 6, len);
	uint32_t ip = v4 ? 20 : 40;
	uint8_t *t = f.bytes + 14 + ip;
	struct wr w = wr_init(t, len);

	wr_u16(&w, 40000);
	wr_u16(&w, 80);
	wr_u32(&w, 1);
	wr_u32(&w, 0);
	wr_u8(&w, (uint8_t)(len / 4 << 4));
	wr_u8(&w, flags);
	wr_u16(&w, 1000);
	wr_u32(&w, 0);
	for (unsigned int i = 0; i < nops; i++)
		wr_u8(&w, 1);
	wr_u8(&w, 2);
	wr_u8(&w, 4);
	wr_u16(&w, mss);
	checksum_store(t + 16,
		checksum_add(checksum_pseudo(f.bytes + 14 + (v4 ? 12 : 8), v4 ? 8 : 32, 6, len), t,
			len));
	return f;
}

static bool tcp_checksum_right(const struct frame *f, bool v4)
{
	uint32_t ip = v4 ? 20 : 40, len = f->len - 14 - ip;

	return checksum_fold(checksum_add(
		       checksum_pseudo(f->bytes + 14 + (v4 ? 12 : 8), v4 ? 8 : 32, 6, len),
		       f->bytes + 14 + ip, len)) == 0xffff;
}

static uint16_t mss_of(const struct frame *f, bool v4, unsigned int nops)
{
	const uint8_t *p = f->bytes + 14 + (v4 ? 20 : 40) + 20 + nops + 2;

	return (uint16_t)(p[0] << 8 | p[1]);
}

static int pass(struct state *s, struct frame *f, struct __sk_buff *skb)
{
	return run_frame(bpf_plane_inside_fd(s->plane), f, skb, true);
}

static struct site_stats site(struct state *s)
{
	struct site_stats stats;

	maps_site_stats(s->maps, SLUICE_OUT, SITE, &stats);
	return stats;
}

static struct inside_stats inside(struct state *s)
{
	struct inside_stats stats;

	maps_inside_stats(s->maps, &stats);
	return stats;
}

static void routed_packets_are_marked(void **context)
{
	static const uint8_t mark[6] = {
		SLUICE_MAC_MARK_0, SLUICE_MAC_MARK_1, 0, 0, TUNNEL >> 8, TUNNEL & 255};
	struct state *s = *context;

	for (int v4 = 0; v4 < 2; v4++) {
		struct frame f = data(v4, 17, 100);
		struct __sk_buff skb = {.ingress_ifindex = 0};
		uint32_t bytes = f.len - 14;
		struct site_stats before = site(s);

		assert_int_equal(pass(s, &f, &skb), TC_ACT_OK);
		assert_memory_equal(f.bytes, mark, 6);
		assert_int_equal(skb.mark, TUNNEL);
		assert_int_equal(site(s).offered.packets - before.offered.packets, 1);
		assert_int_equal(site(s).offered.bytes - before.offered.bytes, bytes);
	}
}

static void longest_prefix_wins(void **context)
{
	struct state *s = *context;
	struct tunnel_record other = {.site = 1, .up = 1};
	struct frame f = data(true, 17, 10);
	struct ip_prefix p;

	prefix_parse("10.77.1.2/32", &p);
	maps_route_set(s->maps, &p, 3, 0);
	maps_tunnel_set(s->maps, 3, &other);
	assert_int_equal(pass(s, &f, NULL), TC_ACT_OK);
	assert_int_equal(f.bytes[5], 3);
	maps_route_del(s->maps, &p);
	assert_int_equal(pass(s, &f, NULL), TC_ACT_OK);
	assert_int_equal(f.bytes[4], TUNNEL >> 8);
}

static void no_route_no_packet(void **context)
{
	struct state *s = *context;
	struct frame f = data(true, 17, 10);

	f.bytes[14 + 16] = 11;
	assert_int_equal(pass(s, &f, NULL), TC_ACT_SHOT);
	assert_int_equal(inside(s).no_route.packets, 1);
	f.bytes[14 + 16] = 224;
	assert_int_equal(pass(s, &f, NULL), TC_ACT_SHOT);
	f = data(false, 58, 24);
	f.bytes[14 + 24] = 0xff;
	assert_int_equal(pass(s, &f, NULL), TC_ACT_SHOT);
	assert_int_equal(inside(s).multicast.packets, 2);
}

static void a_closed_tunnel_takes_nothing(void **context)
{
	struct state *s = *context;
	struct frame f = data(true, 17, 80);

	set_tunnel(s, 0, 0, 0);
	assert_int_equal(pass(s, &f, NULL), TC_ACT_SHOT);
	assert_int_equal(site(s).tunnel_down.packets, 1);
	assert_int_equal(site(s).tunnel_down.bytes, 100);
	assert_int_equal(site(s).offered.packets, 1);
}

/* By the device it came in by, which no source address hides. */
static void sites_are_kept_apart(void **context)
{
	enum { INSIDE = 1, LAN = 2 };
	struct state *s = *context;
	const char *mode;
	char error[DATAPLANE_ERROR_SIZE];

	assert_true(bpf_plane_attach_inside(s->plane, INSIDE, &mode, error));
	for (int v4 = 0; v4 < 2; v4++) {
		static const uint32_t from[] = {INSIDE, LAN, 0};

		for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
			struct frame f = data(v4, 17, 80);
			struct __sk_buff skb = {.ingress_ifindex = from[i]};
			uint64_t before = site(s).isolation.packets;
			bool apart = from[i] == INSIDE;

			assert_int_equal(pass(s, &f, &skb), apart ? TC_ACT_SHOT : TC_ACT_OK);
			assert_int_equal(site(s).isolation.packets - before, apart);
		}
	}
	assert_int_equal(site(s).offered.packets, 6);
}

/* Options that change while the programs run: the next packet is treated by them. */
static void they_are_no_longer_kept_apart_when_that_is_allowed(void **context)
{
	enum { INSIDE = 1 };
	struct state *s = *context;
	struct __sk_buff skb = {.ingress_ifindex = INSIDE};
	struct bpf_live live = {0};
	const char *mode;
	char error[DATAPLANE_ERROR_SIZE];

	assert_true(bpf_plane_attach_inside(s->plane, INSIDE, &mode, error));
	for (int apart = 1; apart >= 0; apart--) {
		struct frame f = data(true, 17, 80);

		live.sites_apart = apart;
		bpf_plane_live_set(s->plane, &live);
		assert_int_equal(pass(s, &f, &skb), apart ? TC_ACT_SHOT : TC_ACT_OK);
	}
}

static void super_packets_count_as_segments(void **context)
{
	struct state *s = *context;
	struct frame f = data(true, 6, 20 + 1000);
	struct __sk_buff skb = {.gso_size = 300, .gso_segs = 4};

	f.bytes[14 + 20 + 12] = 5 << 4;
	skb.wire_len = f.len + 3 * (14 + 40);
	assert_int_equal(pass(s, &f, &skb), TC_ACT_OK);
	assert_int_equal(site(s).offered.packets, 4);
	assert_int_equal(site(s).offered.bytes, 1000 + 4 * 40);
}

static void hopeless_packets_stop_here(void **context)
{
	struct state *s = *context;
	struct bucket_rate rate = {.bits_per_second = 1000000, .burst_bytes = 10000};
	struct rate_bucket bucket;
	uint32_t key = bucket_of(2 * SITE, false);
	struct frame f = data(true, 17, 80);
	struct __sk_buff skb = {0};
	int fd = bpf_plane_map_fd(s->plane, DATA_MAP_BUCKET_OUT);

	maps_site_rate_set(s->maps, SLUICE_OUT, SITE, &rate);
	assert_int_equal(pass(s, &f, NULL), TC_ACT_OK);
	/* A slow site has room for more than the horizon: abi.h, bucket_horizon. */
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &bucket), 0);
	bucket.tat_ns = now_ns() + bucket.burst_ns + 80000000;
	bpf_map_update_elem(fd, &key, &bucket, BPF_ANY);
	f = data(true, 17, 80);
	assert_int_equal(pass(s, &f, NULL), TC_ACT_OK);
	/* The bucket is filled for an hour: the worker would drop every segment. */
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &bucket), 0);
	bucket.tat_ns = ~0ull >> 1;
	bpf_map_update_elem(fd, &key, &bucket, BPF_ANY);
	f = data(true, 17, 80);
	assert_int_equal(pass(s, &f, NULL), TC_ACT_SHOT);
	assert_int_equal(site(s).horizon.packets, 1);
	/* A code point opens nothing: an answer copies it from what was asked. */
	f = data(true, 6, 80);
	f.bytes[15] = 48 << 2;
	assert_int_equal(pass(s, &f, &skb), TC_ACT_SHOT);
	assert_int_equal(site(s).horizon.packets, 2);
}

#define PACKET 1000 /* bytes of BGP */

/* From the hub's inside address to the site's, on a tunnel whose bucket is full for an hour. */
static struct frame session(struct state *s, bool v4, uint8_t protocol, uint16_t from, uint16_t to)
{
	static const uint8_t hub_inside4[4] = {169, 254, 100, 9};
	static const uint8_t hub_inside6[16] = {0xfd, 0xff, [15] = 1};
	struct rate_bucket bucket = {.tat_ns = ~0ull >> 1, .ns_per_byte_q16 = 65536};
	struct tunnel_record r = {.site = SITE, .up = 1};
	uint32_t key = bucket_of(2 * SITE, false);
	struct frame f = data(v4, protocol, PACKET - (v4 ? 20 : 40));

	memcpy(r.hub4, hub_inside4, 4);
	memcpy(r.peer4, branch4, 4);
	memcpy(r.hub6, hub_inside6, 16);
	memcpy(r.peer6, branch6, 16);
	assert_true(maps_tunnel_set(s->maps, TUNNEL, &r));
	bpf_map_update_elem(
		bpf_plane_map_fd(s->plane, DATA_MAP_BUCKET_OUT), &key, &bucket, BPF_ANY);
	memcpy(f.bytes + 14 + (v4 ? 12 : 8), v4 ? r.hub4 : r.hub6, v4 ? 4 : 16);
	f.bytes[14 + (v4 ? 20 : 40)] = (uint8_t)(from >> 8);
	f.bytes[14 + (v4 ? 21 : 41)] = (uint8_t)from;
	f.bytes[14 + (v4 ? 22 : 42)] = (uint8_t)(to >> 8);
	f.bytes[14 + (v4 ? 23 : 43)] = (uint8_t)to;
	return f;
}

static bool is_control(struct state *s, struct frame f, uint32_t from)
{
	struct __sk_buff skb = {.ingress_ifindex = from};
	int verdict = pass(s, &f, &skb);

	assert_true(verdict == TC_ACT_SHOT || f.bytes[2] == 1);
	return verdict == TC_ACT_OK;
}

/* RFC 4271 8.2.1, RFC 5881 4 */
static void sessions_pass_a_full_tunnel(void **context)
{
	struct state *s = *context;
	struct frame f;

	for (int v4 = 0; v4 < 2; v4++) {
		uint32_t last = 14 + (v4 ? 19 : 39); /* of the destination */
		f = session(s, v4, 6, 179, 40000);
		assert_true(is_control(s, f, 0));
		assert_true(is_control(s, session(s, v4, 6, 40000, 179), 0));
		assert_true(is_control(s, session(s, v4, 17, 49152, 3784), 0));
		assert_true(is_control(s, session(s, v4, 17, 49152, 3785), 0));
		/* Who is not the hub, or not at the ends of this tunnel, may use what ports he likes. */
		assert_false(is_control(s, f, 1));
		f.bytes[last - (v4 ? 4 : 16)] ^= 1;
		assert_false(is_control(s, f, 0));
		f = session(s, v4, 6, 179, 40000);
		f.bytes[last] ^= 1;
		assert_false(is_control(s, f, 0));
		assert_false(is_control(s, session(s, v4, 6, 22, 40000), 0));
		assert_false(is_control(s, session(s, v4, 17, 3784, 40000), 0));
		assert_false(is_control(s, session(s, v4, 17, 49152, 179), 0));
		assert_false(is_control(s, session(s, v4, v4 ? 1 : 58, 179, 179), 0));
	}
	/* Fragments tell no ports. */
	f = session(s, true, 6, 179, 40000);
	f.bytes[14 + 6] = 0x20;
	assert_false(is_control(s, f, 0));
}

/* 256 kbit/s in the long run: what is more waits behind the rest. */
static void sessions_have_a_budget(void **context)
{
	struct state *s = *context;
	struct frame f = session(s, true, 6, 179, 40000);
	unsigned int passed = 0;

	for (int i = 0; i < 1000; i++)
		passed += is_control(s, f, 0);
	assert_in_range(passed, SLUICE_CONTROL_BURST / PACKET, SLUICE_CONTROL_BURST / PACKET + 40);
	assert_int_equal(site(s).horizon.packets, 1000 - passed);
}

static void mss_is_only_lowered(void **context)
{
	struct state *s = *context;

	set_tunnel(s, 1, 1398, 1378);
	for (int v4 = 0; v4 < 2; v4++) {
		uint16_t limit = v4 ? 1398 : 1378;

		for (unsigned int nops = 0; nops <= 36; nops++) {
			struct frame f = syn(v4, 1460, nops, 0x02);

			assert_int_equal(pass(s, &f, NULL), TC_ACT_OK);
			assert_int_equal(mss_of(&f, v4, nops), limit);
			assert_true(tcp_checksum_right(&f, v4));
			f = syn(v4, 536, nops, 0x12);
			assert_int_equal(pass(s, &f, NULL), TC_ACT_OK);
			assert_int_equal(mss_of(&f, v4, nops), 536);
			assert_true(tcp_checksum_right(&f, v4));
		}
		struct frame ack = syn(v4, 1460, 0, 0x10);

		assert_int_equal(pass(s, &ack, NULL), TC_ACT_OK);
		assert_int_equal(mss_of(&ack, v4, 0), 1460);
	}
}

static void hostile_options_do_no_harm(void **context)
{
	struct state *s = *context;

	set_tunnel(s, 1, 1000, 1000);
	for (int kind = 0; kind < 256; kind++) {
		for (int length = 0; length < 256; length += 5) {
			struct frame f = syn(true, 1460, 8, 0x02), before;
			uint8_t *options = f.bytes + 14 + 20 + 20;

			options[0] = (uint8_t)kind;
			options[1] = (uint8_t)length;
			before = f;
			assert_int_equal(pass(s, &f, NULL), TC_ACT_OK);
			assert_int_equal(f.len, before.len);
			/* Nothing but the mark, the checksum and the true MSS may change. */
			memcpy(before.bytes, f.bytes, 6);
			memcpy(before.bytes + 14 + 20 + 16, f.bytes + 14 + 20 + 16, 2);
			if (mss_of(&f, true, 8) == 1000)
				memcpy(options + 10 - f.bytes + before.bytes,
					f.bytes + 14 + 20 + 20 + 10, 2);
			if (kind == 2 && length == 4)
				continue;
			assert_memory_equal(f.bytes, before.bytes, f.len);
		}
	}
}

static void short_packets_are_counted(void **context)
{
	struct state *s = *context;

	for (int v4 = 0; v4 < 2; v4++) {
		struct frame whole = syn(v4, 1460, 0, 0x02);
		uint32_t header = 14 + (v4 ? 20 : 40);

		for (uint32_t len = 14; len < whole.len; len++) {
			struct frame f = whole;
			uint64_t before = inside(s).malformed.packets;
			int verdict;

			f.len = len;
			verdict = pass(s, &f, NULL);
			if (verdict == -1)
				continue; /* the kernel's test run takes no shorter ones */
			assert_int_equal(verdict, len < header ? TC_ACT_SHOT : TC_ACT_OK);
			assert_int_equal(
				inside(s).malformed.packets, before + (len < header ? 1 : 0));
		}
	}
}

/* What waited in the wheel of a process that is gone is lost, once, and by its site. */
static void what_waited_is_counted(void **context)
{
	struct state *s = *context;
	struct tunnel_stats t = {.waiting = {7, 4900}, .control_in = {2, 120}};
	uint32_t key = TUNNEL; /* of worker 0 */
	struct site_stats stats;

	assert_int_equal(bpf_map_update_elem(bpf_plane_map_fd(s->plane, DATA_MAP_TUNNEL_STATS),
				 &key, &t, BPF_ANY),
		0);
	maps_tunnel_stats(s->maps, TUNNEL, &t);
	assert_int_equal(t.waiting.packets, 7);
	assert_int_equal(t.control_in.bytes, 120);
	for (int i = 0; i < 2; i++) {
		maps_workers_ended(s->maps);
		maps_site_stats(s->maps, SLUICE_OUT, SITE, &stats);
		assert_int_equal(stats.internal.packets, 7);
		assert_int_equal(stats.internal.bytes, 4900);
		maps_tunnel_stats(s->maps, TUNNEL, &t);
		assert_int_equal(t.waiting.packets + t.waiting.bytes, 0);
		assert_int_equal(t.control_in.bytes, 120);
	}
	maps_site_stats(s->maps, SLUICE_OUT, SITE - 1, &stats);
	assert_int_equal(stats.internal.packets, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define BUDGET_INSTRUCTIONS                                                                        \
	2880 /* 2,768 on Linux 6.18; what may change while it runs is not left out */
#define BUDGET_VERIFIED 700000 /* the walk over TCP options */

static void within_its_budget(void **context)
{
	struct state *s = *context;

	assert_true(
		within_budget(bpf_plane_inside_fd(s->plane), BUDGET_INSTRUCTIONS, BUDGET_VERIFIED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(routed_packets_are_marked),
		TEST(longest_prefix_wins),
		TEST(no_route_no_packet),
		TEST(a_closed_tunnel_takes_nothing),
		cmocka_unit_test_setup_teardown(sites_are_kept_apart, setup_apart, teardown),
		cmocka_unit_test_setup_teardown(
			they_are_no_longer_kept_apart_when_that_is_allowed, setup_apart, teardown),
		TEST(super_packets_count_as_segments),
		TEST(hopeless_packets_stop_here),
		TEST(sessions_pass_a_full_tunnel),
		TEST(sessions_have_a_budget),
		TEST(mss_is_only_lowered),
		TEST(hostile_options_do_no_harm),
		TEST(short_packets_are_counted),
		TEST(what_waited_is_counted),
		TEST(within_its_budget),
	};

	return cmocka_run_group_tests(tests, NULL, planes_free);
}
