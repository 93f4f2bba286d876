/* SPDX-License-Identifier: Apache-2.0 */
/* inside.bpf.c: which of the tunnels that share a route a flow takes. */
#include "inside_lab.h"

#include <linux/pkt_cls.h>

#define FLOWS 1024
#define SHARE 7

static int setup(void **context)
{
	struct bpf_options o = {.workers = 1, .live.packets.pacing_horizon_us = 25000};
	struct tunnel_record r = {.site = 0, .up = 1};

	return start(context, &o, 0, &r);
}

static void open_tunnel(struct state *s, uint32_t tunnel, bool up)
{
	struct tunnel_record r = {.site = tunnel / 2, .up = up};

	assert_true(maps_tunnel_set(s->maps, tunnel, &r));
}

/* Everything goes over these, of which all are open; weights NULL: all the same. */
static void share_routes(
	struct state *s, const uint16_t *tunnels, const uint16_t *weights, unsigned int count)
{
	struct route_share share = {0};
	struct ip_prefix p4, p6;

	for (unsigned int i = 0; i < count; i++) {
		share.members[i].tunnel = tunnels[i];
		share.members[i].weight = weights ? weights[i] : 1;
		open_tunnel(s, tunnels[i], true);
	}
	prefix_parse("10.77.0.0/16", &p4);
	prefix_parse("fd77::/16", &p6);
	assert_true(maps_share_set(s->maps, SHARE, &share));
	assert_true(maps_route_set(s->maps, &p4, tunnels[0], SHARE));
	assert_true(maps_route_set(s->maps, &p6, tunnels[0], SHARE));
}

static struct frame packet(bool v4, uint16_t source_port)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, v4 ? 0x0800 : 0x86dd);
	if (v4)
		ipv4(&w, lan4, branch4, 17, 0, 100);
	else
		ipv6(&w, lan6, branch6, 17, 100);
	wr_u16(&w, source_port);
	wr_zero(&w, 98);
	f.len = (uint32_t)wr_len(&w);
	return f;
}

static int sent(struct state *s, struct frame *f)
{
	if (run_frame(bpf_plane_inside_fd(s->plane), f, NULL, true) != TC_ACT_OK)
		return -1;
	return f->bytes[4] << 8 | f->bytes[5];
}

struct taken {
	int by[FLOWS];              /* tunnel of each flow */
	unsigned int of[2 * FLOWS]; /* flows of each tunnel */
};

static struct taken send_flows(struct state *s, bool v4)
{
	struct taken t = {0};

	for (uint16_t flow = 0; flow < FLOWS; flow++) {
		struct frame f = packet(v4, flow);

		t.by[flow] = sent(s, &f);
		assert_in_range(t.by[flow], 0, 2 * FLOWS - 1);
		t.of[t.by[flow]]++;
	}
	return t;
}

/* Between two times, only flows of this tunnel went elsewhere, and all of them. */
static void only_its_flows_moved(const struct taken *a, const struct taken *b, int tunnel)
{
	for (int i = 0; i < FLOWS; i++)
		assert_true(a->by[i] == tunnel ? b->by[i] != tunnel : a->by[i] == b->by[i]);
}

static void spread_and_moved(struct state *s, const uint16_t *tunnels, unsigned int count)
{
	unsigned int even = FLOWS / count;

	share_routes(s, tunnels, NULL, count);
	for (int v4 = 0; v4 < 2; v4++) {
		struct taken first = send_flows(s, v4), again = send_flows(s, v4), without;

		assert_memory_equal(&first, &again, sizeof(first));
		for (unsigned int i = 0; i < count; i++)
			assert_in_range(first.of[tunnels[i]], even / 2, even * 2);
		/* One closes: at once; the set without it gives the same; it returns. */
		open_tunnel(s, tunnels[count - 1], false);
		without = send_flows(s, v4);
		only_its_flows_moved(&first, &without, tunnels[count - 1]);
		share_routes(s, tunnels, NULL, count - 1);
		again = send_flows(s, v4);
		assert_memory_equal(&without, &again, sizeof(without));
		share_routes(s, tunnels, NULL, count);
		again = send_flows(s, v4);
		assert_memory_equal(&first, &again, sizeof(first));
	}
}

static void flows_are_spread(void **context)
{
	static const uint16_t tunnels[SLUICE_SHARE_TUNNELS] = {0x104, 0x105, 0x1a0, 0x1a1, 2, 3, 8,
		9, 20, 21, 0x1f0, 0x1f1, 0x200, 0x201, 0x302, 0x303};
	static const unsigned int counts[] = {2, 3, 4, 6, 16};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		spread_and_moved(*context, tunnels, counts[i]);
}

/* A large tunnel takes four times what a standard one does, as its limit is. */
static void by_class(void **context)
{
	static const uint16_t tunnels[] = {4, 5, 10, 11};
	static const uint16_t weights[] = {1, 1, SLUICE_SHARE_LARGE, SLUICE_SHARE_LARGE};
	struct state *s = *context;

	share_routes(s, tunnels, weights, 4);
	for (int v4 = 0; v4 < 2; v4++) {
		struct taken first = send_flows(s, v4), less;

		for (int i = 0; i < 4; i++) {
			unsigned int due = FLOWS * weights[i] / 10u;

			assert_in_range(first.of[tunnels[i]], due * 7 / 10, due * 13 / 10);
		}
		open_tunnel(s, 10, false);
		less = send_flows(s, v4);
		only_its_flows_moved(&first, &less, 10);
		assert_true(less.of[11] > 2 * (less.of[4] + less.of[5]) * 7 / 10);
		open_tunnel(s, 10, true);
	}
}

/* The parts of one packet must not take two ways, so ports do not count when it is in parts. */
static void fragments_stay_together(void **context)
{
	static const uint16_t tunnels[] = {4, 5, 10, 11};
	struct state *s = *context;
	int tunnel = -1;

	share_routes(s, tunnels, NULL, 4);
	for (uint16_t i = 0; i < 64; i++) {
		struct frame f = packet(true, i);
		int by;

		f.bytes[14 + 6] = i & 1 ? 0x20 : 0; /* first, or a later one */
		f.bytes[14 + 7] = i & 1 ? 0 : 100;
		by = sent(s, &f);
		assert_true(by >= 0 && (!i || by == tunnel));
		tunnel = by;
	}
}

/* Each packet counts, and pays, where it goes. */
static void of_the_site_it_goes_to(void **context)
{
	static const uint16_t tunnels[] = {4, 10};
	struct state *s = *context;
	struct taken t;
	struct site_stats stats;

	share_routes(s, tunnels, NULL, 2);
	t = send_flows(s, true);
	for (int i = 0; i < 2; i++) {
		maps_site_stats(s->maps, SLUICE_OUT, tunnels[i] / 2, &stats);
		assert_int_equal(stats.offered.packets, t.of[tunnels[i]]);
	}
	open_tunnel(s, 4, false);
	open_tunnel(s, 10, false);
	for (uint16_t i = 0; i < 10; i++) {
		struct frame f = packet(true, i);

		assert_int_equal(sent(s, &f), -1);
	}
	maps_site_stats(s->maps, SLUICE_OUT, 2, &stats);
	assert_int_equal(stats.tunnel_down.packets, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(flows_are_spread),
		TEST(by_class),
		TEST(fragments_stay_together),
		TEST(of_the_site_it_goes_to),
	};

	return cmocka_run_group_tests(tests, NULL, planes_free);
}
