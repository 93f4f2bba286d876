/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel ESP, towards a site: what inside.bpf.c gives along with a packet, and what xfrm.bpf.c makes of
 * it on the tunnel's interface. The kernel under test needs no ESP for it.
 */
#include "inside_lab.h"

#include <linux/pkt_cls.h>

#define TUNNEL  6
#define SITE    (TUNNEL / 2)
#define HORIZON 1000000 /* microseconds: so long that a busy machine does not matter */
#define PACKET  1000    /* bytes */

enum { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3 };

static int start_kernel_esp(void **context, uint32_t horizon_us, bool ecn_marking)
{
	struct bpf_options o = {.workers = 1,
		.esp_cpus = 1,
		.live.packets.pacing_horizon_us = horizon_us,
		.live.packets.ecn_marking = ecn_marking};
	struct tunnel_record r = {.site = SITE, .up = 1, .ifindex = 1};

	return start(context, &o, TUNNEL, &r);
}

static int setup(void **context)
{
	return start_kernel_esp(context, HORIZON, false);
}

static int setup_marking(void **context)
{
	return start_kernel_esp(context, HORIZON, true);
}

static int setup_default(void **context)
{
	return start_kernel_esp(context, 25000, false);
}

/* Of the flow with that port. */
static struct frame data_of(uint16_t port, bool v4, uint8_t ecn)
{
	uint16_t payload = PACKET - (v4 ? 20 : 40);
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, v4 ? 0x0800 : 0x86dd);
	if (v4)
		ipv4(&w, lan4, branch4, 17, 0, payload);
	else
		ipv6(&w, lan6, branch6, 17, payload);
	wr_u16(&w, port);
	wr_zero(&w, payload - 2);
	f.len = (uint32_t)wr_len(&w);
	f.bytes[15] |= (uint8_t)(v4 ? ecn : ecn << 4);
	return f;
}

static struct frame data(bool v4, uint8_t ecn)
{
	return data_of(0, v4, ecn);
}

static uint8_t ecn_of(const struct frame *f, bool v4)
{
	return (v4 ? f->bytes[15] : f->bytes[15] >> 4) & 3;
}

/* The next packet of the site has its turn at `when`; each takes 40 ms. */
static void next_turn(struct state *s, uint64_t when)
{
	uint64_t price = UINT64_C(40000000) * 65536 / PACKET;
	struct rate_bucket b = {.tat_ns = when, .ns_per_byte_q16 = (uint32_t)price};
	uint32_t key = TUNNEL;

	assert_int_equal(bpf_map_update_elem(bpf_plane_map_fd(s->plane, DATA_MAP_BUCKET_OUT), &key,
				 &b, BPF_ANY),
		0);
}

static int pass(struct state *s, struct frame *f, struct __sk_buff *skb)
{
	*skb = (struct __sk_buff){.ingress_ifindex = 1};
	return run_frame(bpf_plane_inside_fd(s->plane), f, skb, true);
}

static int leave(struct state *s, uint32_t mark, uint64_t *tstamp)
{
	struct frame f = data(true, NOT_ECT);
	struct __sk_buff skb = {.mark = mark};
	int verdict = run_frame(bpf_plane_xfrm_out_fd(s->plane), &f, &skb, false);

	*tstamp = skb.tstamp;
	assert_true(verdict == TC_ACT_SHOT || skb.mark == 0);
	return verdict;
}

static uint32_t mark_of(uint64_t when)
{
	return SLUICE_XFRM_MARK | (when / 1000 & SLUICE_XFRM_TIME_MASK);
}

static void a_turn_goes_along(void **context)
{
	struct state *s = *context;
	uint64_t when = now_ns() + HORIZON * 950, tstamp;
	struct frame f = data(true, NOT_ECT);
	struct __sk_buff skb;

	next_turn(s, when);
	assert_int_equal(pass(s, &f, &skb), TC_ACT_REDIRECT);
	assert_int_equal(skb.mark, mark_of(when));
	/* What comes without being sent by us is not sealed. */
	assert_int_equal(leave(s, 0, &tstamp), TC_ACT_SHOT);
	assert_int_equal(leave(s, TUNNEL, &tstamp), TC_ACT_SHOT);
}

/* Whatever time packets need from one program to the other, they leave when and as it was decided. */
static void turns_are_kept_in_order(void **context)
{
	struct state *s = *context;
	uint64_t base = (now_ns() + 450000000) / 1000 * 1000, tstamp;

	for (uint64_t n = 0; n < 64; n++) {
		uint64_t when = base + n * 1000;

		assert_int_equal(leave(s, mark_of(when), &tstamp), TC_ACT_OK);
		assert_int_equal(tstamp, when);
	}
	/* A turn that has passed is now. */
	assert_int_equal(leave(s, mark_of(now_ns() - 1000000), &tstamp), TC_ACT_OK);
	assert_int_equal(tstamp, 0);
}

/* A packet of full size takes 60 ms here: a few of them have room beyond the horizon, though not many. */
static void a_slow_site_has_room_for_a_few_packets(void **context)
{
	struct state *s = *context;
	struct frame f = data(true, NOT_ECT);
	struct site_stats stats;
	struct __sk_buff skb;

	next_turn(s, now_ns() + 200000000);
	assert_int_equal(pass(s, &f, &skb), TC_ACT_REDIRECT);
	next_turn(s, now_ns() + 5000000000);
	f = data(true, NOT_ECT);
	assert_int_equal(pass(s, &f, &skb), TC_ACT_SHOT);
	maps_site_stats(s->maps, SLUICE_OUT, SITE, &stats);
	assert_int_equal(stats.horizon.packets, 1);
}

/* RFC 3168: who can be told by ECN is told; DSCP and the header's checksum stay right. */
static void long_waits_are_marked(void **context)
{
	static const uint8_t expected[4] = {NOT_ECT, CE, CE, CE};
	struct state *s = *context;

	for (int v4 = 0; v4 < 2; v4++) {
		for (uint8_t ecn = NOT_ECT; ecn <= CE; ecn++) {
			struct frame f = data_of(ecn, v4, ecn), before;
			struct __sk_buff skb;

			before = f;
			next_turn(s, now_ns() + 1000);
			assert_int_equal(pass(s, &f, &skb), TC_ACT_REDIRECT);
			assert_int_equal(ecn_of(&f, v4), ecn);
			f = before;
			next_turn(s, now_ns() + HORIZON * 950);
			assert_int_equal(pass(s, &f, &skb), TC_ACT_REDIRECT);
			assert_int_equal(ecn_of(&f, v4), expected[ecn]);
			f.bytes[15] = before.bytes[15];
			assert_memory_equal(f.bytes + 14, before.bytes + 14, v4 ? 10 : 40);
			/* For the same reason nobody is told twice: congestion.h. */
			f = before;
			next_turn(s, now_ns() + HORIZON * 950);
			assert_int_equal(pass(s, &f, &skb), TC_ACT_REDIRECT);
			assert_int_equal(ecn_of(&f, v4), ecn);
		}
	}
}

static void nobody_is_marked_unasked(void **context)
{
	struct state *s = *context;

	for (int v4 = 0; v4 < 2; v4++) {
		struct frame f = data(v4, ECT_0);
		struct __sk_buff skb;

		next_turn(s, now_ns() + HORIZON * 950);
		assert_int_equal(pass(s, &f, &skb), TC_ACT_REDIRECT);
		assert_int_equal(ecn_of(&f, v4), ECT_0);
	}
}

/* What the hub itself sends through the tunnel for BGP; a host behind it may use the port, and is not. */
static void routing_protocols_are_counted_apart(void **context)
{
	struct state *s = *context;
	struct tunnel_record r = {.site = SITE, .up = 1, .ifindex = 1};
	struct tunnel_stats t;

	memcpy(r.hub4, lan4, 4);
	memcpy(r.peer4, branch4, 4);
	assert_true(maps_tunnel_set(s->maps, TUNNEL, &r));
	for (uint32_t from = 0; from < 2; from++) {
		struct frame f = data(true, NOT_ECT);
		struct __sk_buff skb = {.ingress_ifindex = from};

		f.bytes[14 + 9] = 6;
		f.bytes[14 + 20 + 1] = SLUICE_PORT_BGP;
		assert_int_equal(
			run_frame(bpf_plane_inside_fd(s->plane), &f, &skb, true), TC_ACT_REDIRECT);
	}
	maps_tunnel_stats(s->maps, TUNNEL, &t);
	assert_int_equal(t.out.packets, 2);
	assert_int_equal(t.control_out.packets, 1);
	assert_int_equal(t.control_out.bytes, PACKET);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_turn_goes_along, setup),
		TEST(turns_are_kept_in_order, setup),
		TEST(a_slow_site_has_room_for_a_few_packets, setup_default),
		TEST(long_waits_are_marked, setup_marking),
		TEST(nobody_is_marked_unasked, setup),
		TEST(routing_protocols_are_counted_apart, setup),
	};

	return cmocka_run_group_tests(tests, NULL, planes_free);
}
