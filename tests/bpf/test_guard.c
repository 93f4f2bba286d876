/* SPDX-License-Identifier: Apache-2.0 */
/* In clear, only the hub's own packets pass an outside device; also when its process was killed. */
#include "guard_lab.h"

#include "dataplane/checksum.h"

#include <linux/pkt_cls.h>
#include <fcntl.h>
#include <net/if.h>

static const uint8_t lan4[4] = {10, 0, 0, 10};
static const uint8_t lan6[16] = {0xfd, 0, 0, 0x10, [15] = 0x10};

static int setup_with(void **context, bool forwarding)
{
	struct bpf_options o = options_of(LOOPBACK, forwarding);
	struct state *s = calloc(1, sizeof(*s));
	char error[DATAPLANE_ERROR_SIZE] = "";

	*context = s;
	return s && have(s, plane_take(&o, error), error) ? 0 : -1;
}

static int setup(void **context)
{
	return setup_with(context, false);
}

static int setup_open(void **context)
{
	return setup_with(context, true);
}

static int teardown(void **context)
{
	struct state *s = *context;

	maps_free(s->maps);
	free(s);
	return 0;
}

static struct outside_stats outside(struct state *s)
{
	struct outside_stats stats;

	maps_outside_stats(s->maps, &stats);
	return stats;
}

enum what { ICMP, TCP, IKE, NATT, FIRST_FRAGMENT, LATER_FRAGMENT, WHATS };

/* 60 bytes from the internet. */
static struct frame arriving(enum what what, bool v4, const uint8_t *to, uint16_t vlan)
{
	static const uint8_t protocols[WHATS] = {1, 6, 17, 17, 17, 17};
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));
	uint16_t bits = what == FIRST_FRAGMENT ? 0x2000 : what == LATER_FRAGMENT ? 5 : 0;

	wr_zero(&w, 12);
	if (vlan) {
		wr_u16(&w, 0x8100);
		wr_u16(&w, vlan);
	}
	wr_u16(&w, v4 ? 0x0800 : 0x86dd);
	if (v4)
		ipv4(&w, site4, to, protocols[what], bits, 60);
	else
		ipv6(&w, site6, to, bits ? 44 : protocols[what], 60);
	if (bits && !v4) {
		wr_u32(&w, 17u << 24 | (what == FIRST_FRAGMENT ? 1 : 40));
		wr_u32(&w, 9);
	}
	if (what >= IKE)
		udp(&w, what == IKE ? 500 : 4500, 40);
	wr_zero(&w, 60);
	f.len = (uint32_t)(14 + (vlan ? 4 : 0) + (v4 ? 20 : 40) + 60);
	return f;
}

static int arrive(struct state *s, enum what what, bool v4, const uint8_t *to, uint16_t vlan)
{
	struct frame f = arriving(what, v4, to, vlan);

	return run_frame(bpf_plane_outside_fd(s->plane), &f, NULL, false);
}

/* From a server's or another port to a client's or another one, with a header checksum that is right. */
static struct frame dhcp(uint16_t from, uint16_t to, uint16_t bits, uint8_t ttl)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, 0x0800);
	ipv4(&w, site4, lan4, 17, bits, 60);
	f.bytes[14 + 8] = ttl;
	udp(&w, to, 40);
	wr_zero(&w, 60);
	f.bytes[34] = (uint8_t)(from >> 8);
	f.bytes[35] = (uint8_t)from;
	checksum_store(f.bytes + 24, checksum_add(0, f.bytes + 14, 20));
	f.len = 14 + 20 + 60;
	return f;
}

/* RFC 2131 4.1: to the address that is offered. Nobody but the hub's own client is to get it. */
static void a_dhcp_answer_ends_at_the_hub(void **context)
{
	struct state *s = *context;
	int prog = bpf_plane_outside_fd(s->plane);

	for (unsigned int ttl = 1; ttl < 256; ttl++) {
		struct frame f = dhcp(67, 68, 0, (uint8_t)ttl);

		assert_int_equal(run_frame(prog, &f, NULL, true), XDP_PASS);
		assert_int_equal(f.bytes[14 + 8], 1);
		assert_int_equal(checksum_fold(checksum_add(0, f.bytes + 14, 20)), UINT16_MAX);
	}
	assert_int_equal(outside(s).clear_in.packets, 0);

	struct frame others[] = {dhcp(68, 67, 0, 64), dhcp(67, 53, 0, 64), dhcp(1067, 68, 0, 64),
		dhcp(67, 68, 0x2000, 64), dhcp(67, 68, 5, 64), dhcp(67, 68, 0, 0)};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(run_frame(prog, &others[i], NULL, false), XDP_DROP);
	assert_int_equal(outside(s).clear_in.packets, sizeof(others) / sizeof(others[0]));
}

/* While the programs run, from one packet to the next. */
static void clear_is_allowed_and_forbidden_again(void **context)
{
	struct state *s = *context;

	for (int i = 0; i < 4; i++) {
		struct frame f = dhcp(1067, 68, 0, 64);
		struct bpf_live live = {.outside_forwarding = i & 1};

		bpf_plane_live_set(s->plane, &live);
		assert_int_equal(run_frame(bpf_plane_outside_fd(s->plane), &f, NULL, false),
			live.outside_forwarding ? XDP_PASS : XDP_DROP);
	}
	assert_int_equal(outside(s).clear_in.packets, 2);
}

/* What an ICMP error of 60 bytes says, about a packet to the site. */
struct error {
	uint8_t type, code;
	uint8_t quoted, quoted_type; /* protocol, or next header; and of ICMP */
	uint8_t behind;              /* a fragment header of IPv6: what follows */
	uint16_t bits;               /* the error itself is in fragments */
};

static int complain(struct state *s, const struct error *e, bool v4, const uint8_t *to)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, v4 ? 0x0800 : 0x86dd);
	if (v4)
		ipv4(&w, (const uint8_t[]){203, 0, 113, 77}, to, 1, e->bits, 60);
	else
		ipv6(&w, site6, to, e->bits ? 44 : 58, e->bits ? 76 : 68);
	if (!v4 && e->bits)
		wr_bytes(&w, (const uint8_t[]){58, 0, 0, e->bits == 0x2000 ? 1 : 0x80, 0, 0, 0, 9},
			8);
	wr_u8(&w, e->type);
	wr_u8(&w, e->code);
	wr_zero(&w, 6);
	if (v4)
		ipv4(&w, to, site4, e->quoted, 0x4000, 1400);
	else
		ipv6(&w, to, site6, e->quoted, 1400);
	if (!v4 && e->quoted == 44)
		wr_bytes(&w, (const uint8_t[]){e->behind, 0, 0, 1, 0, 0, 0, 7}, 8);
	wr_u8(&w, e->quoted_type);
	wr_zero(&w, 32);
	f.len = (uint32_t)(v4 ? 14 + 20 + 60 : 14 + 40 + (e->bits ? 76 : 68));
	return run_frame(bpf_plane_outside_fd(s->plane), &f, NULL, false);
}

/* RFC 5927 7.1: the kernel would believe anybody, and lower the path MTU to the site. */
static void nobody_complains_of_echoes(void **context)
{
	static const struct {
		struct error error;
		bool v4, dropped;
	} cases[] = {
		{{3, 4, 1, 0, 0, 0}, true, true},  /* an echo reply */
		{{3, 4, 1, 8, 0, 0}, true, false}, /* an echo request: the kernel wants a socket */
		{{3, 1, 1, 0, 0, 0}, true, false}, /* other errors lower nothing */
		{{11, 0, 1, 0, 0, 0}, true, false},
		{{8, 0, 1, 0, 0, 0}, true, false},
		{{3, 4, 50, 0, 0, 0}, true, false}, /* sockets and SAs are asked */
		{{3, 4, 17, 0, 0, 0}, true, false},
		{{3, 4, 6, 0, 0, 0}, true, false},
		{{3, 4, 50, 0, 0, 0x2000}, true, true}, /* an error in fragments */
		{{2, 0, 58, 129, 0, 0}, false, true},
		{{2, 0, 58, 128, 0, 0}, false, true}, /* here it does not even want a socket */
		{{2, 0, 0, 58, 0, 0}, false, true},   /* behind other headers */
		{{2, 0, 60, 58, 0, 0}, false, true},
		{{2, 0, 44, 129, 58, 0}, false, true},
		{{2, 0, 44, 129, 60, 0}, false, true},
		{{2, 0, 44, 0, 17, 0}, false, false}, /* a long message of IKE */
		{{2, 0, 50, 0, 0, 0}, false, false},
		{{2, 0, 17, 0, 0, 0}, false, false},
		{{1, 0, 58, 129, 0, 0}, false, false},
		{{128, 0, 58, 129, 0, 0}, false, false},
		{{2, 0, 50, 0, 0, 0x2000}, false, true},
	};
	struct state *s = *context;
	uint64_t dropped = outside(s).too_big_icmp.packets;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool v4 = cases[i].v4;
		int verdict = complain(s, &cases[i].error, v4, v4 ? hub4 : hub6);

		if (verdict != (cases[i].dropped ? XDP_DROP : XDP_PASS))
			fail_msg("case %zu: %d", i, verdict);
		dropped += cases[i].dropped;
		assert_int_equal(outside(s).too_big_icmp.packets, dropped);
	}
}

/* What is for others, where it may pass, is theirs to judge. */
static void others_judge_for_themselves(void **context)
{
	static const struct error echo4 = {3, 4, 1, 0, 0, 0}, echo6 = {2, 0, 58, 129, 0, 0};
	struct state *s = *context;

	assert_int_equal(complain(s, &echo4, true, lan4), XDP_PASS);
	assert_int_equal(complain(s, &echo6, false, lan6), XDP_PASS);
	assert_int_equal(complain(s, &echo4, true, hub4), XDP_DROP);
	assert_int_equal(complain(s, &echo6, false, hub6), XDP_DROP);
	assert_int_equal(outside(s).too_big_icmp.packets, 2);
}

static void only_what_is_for_the_hub_gets_in(void **context)
{
	struct state *s = *context;
	uint64_t n = 0;

	for (int what = 0; what < WHATS; what++) {
		for (int v4 = 0; v4 < 2; v4++) {
			assert_int_equal(arrive(s, what, v4, v4 ? hub4 : hub6, 0), XDP_PASS);
			assert_int_equal(arrive(s, what, v4, v4 ? lan4 : lan6, 0), XDP_DROP);
			assert_int_equal(outside(s).clear_in.packets, ++n);
			/* A priority alone is no VLAN, and a VLAN is another device. */
			assert_int_equal(arrive(s, what, v4, v4 ? lan4 : lan6, 0x6000), XDP_DROP);
			assert_int_equal(outside(s).clear_in.packets, ++n);
			assert_int_equal(arrive(s, what, v4, v4 ? lan4 : lan6, 7), XDP_PASS);
		}
	}
	/* For all, and for neighbours. */
	assert_int_equal(arrive(s, ICMP, true, (const uint8_t[]){224, 0, 0, 1}, 0), XDP_PASS);
	assert_int_equal(arrive(s, ICMP, true, (const uint8_t[]){255, 255, 255, 255}, 0), XDP_PASS);
	assert_int_equal(
		arrive(s, ICMP, false, (const uint8_t[16]){0xff, 2, [15] = 1}, 0), XDP_PASS);
	assert_int_equal(
		arrive(s, ICMP, false, (const uint8_t[16]){0xfe, 0x80, [15] = 9}, 0), XDP_PASS);
	assert_int_equal(outside(s).clear_in.packets, n);
}

/* IPv6 is forwarded by what all devices together are set to; this one alone is no excuse. */
static void a_device_that_does_not_forward_is_no_way_in(void **context)
{
	struct state *s = *context;
	const char *mode;
	char error[DATAPLANE_ERROR_SIZE];

	assert_int_equal(system("echo 0 >/proc/sys/net/ipv6/conf/lo/forwarding"), 0);
	assert_true(bpf_plane_attach_inside(s->plane, if_nametoindex("d1"), &mode, error));
	assert_int_equal(arrive(s, TCP, false, lan6, 0), XDP_DROP);
	assert_int_equal(arrive(s, TCP, false, hub6, 0), XDP_PASS);
	assert_int_equal(system("echo 1 >/proc/sys/net/ipv6/conf/lo/forwarding"), 0);
}

/* The rule that hub keeps for outside devices: what it would drop is dropped here, and counted. */
static void what_a_rule_would_drop_is_counted(void **context)
{
	struct state *s = *context;
	const char *mode;
	char error[DATAPLANE_ERROR_SIZE];

	assert_int_equal(system("ip rule add pref 1 iif lo blackhole"), 0);
	assert_int_equal(system("ip -6 rule add pref 1 iif lo blackhole"), 0);
	assert_true(bpf_plane_attach_inside(s->plane, if_nametoindex("d1"), &mode, error));
	for (int v4 = 0; v4 < 2; v4++) {
		assert_int_equal(arrive(s, TCP, v4, v4 ? lan4 : lan6, 0), XDP_DROP);
		assert_int_equal(arrive(s, TCP, v4, v4 ? hub4 : hub6, 0), XDP_PASS);
	}
	assert_int_equal(
		arrive(s, ICMP, false, (const uint8_t[16]){0xff, 2, [15] = 1}, 0), XDP_PASS);
	assert_int_equal(
		arrive(s, ICMP, false, (const uint8_t[16]){0xfe, 0x80, [15] = 9}, 0), XDP_PASS);
	assert_int_equal(outside(s).clear_in.packets, 2);
	assert_int_equal(system("ip rule del pref 1"), 0);
	assert_int_equal(system("ip -6 rule del pref 1"), 0);
}

static int leave(struct state *s, bool v4, const uint8_t *from, uint32_t came_by)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));
	struct __sk_buff skb = {.ingress_ifindex = came_by};

	ethernet(&w, false, v4 ? 0x0800 : 0x86dd);
	if (v4)
		ipv4(&w, from, site4, 50, 0, 60);
	else
		ipv6(&w, from, site6, 50, 60);
	wr_zero(&w, 60);
	f.len = (uint32_t)wr_len(&w);
	return run_frame(bpf_plane_leaving_fd(s->plane), &f, &skb, false);
}

static void only_what_is_of_the_hub_leaves(void **context)
{
	struct state *s = *context;
	uint64_t n = 0;

	for (int v4 = 0; v4 < 2; v4++) {
		const uint8_t *own = v4 ? hub4 : hub6, *host = v4 ? lan4 : lan6;

		assert_int_equal(leave(s, v4, host, if_nametoindex("d0")), TC_ACT_SHOT);
		assert_int_equal(outside(s).clear_out.packets, ++n);
		/* Behind a NAT, or sealed by the kernel; and what the hub sends by itself. */
		assert_int_equal(leave(s, v4, own, if_nametoindex("d0")), TC_ACT_OK);
		assert_int_equal(leave(s, v4, host, 0), TC_ACT_OK);
	}
	assert_int_equal(outside(s).clear_out.packets, n);
}

/* With the hub's address, and these first bytes behind the IP header. */
static int send_by(struct state *s, uint32_t came_by, bool v4, const uint8_t *to, uint8_t protocol,
	uint16_t first, uint16_t bits)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));
	struct __sk_buff skb = {.ingress_ifindex = came_by};

	ethernet(&w, false, v4 ? 0x0800 : 0x86dd);
	if (v4)
		ipv4(&w, hub4, to, protocol, bits, 60);
	else
		ipv6(&w, hub6, to, protocol, 60);
	wr_u16(&w, first);
	wr_zero(&w, 58);
	f.len = (uint32_t)wr_len(&w);
	return run_frame(bpf_plane_leaving_fd(s->plane), &f, &skb, false);
}

static int send_own(struct state *s, bool v4, const uint8_t *to, uint8_t protocol, uint16_t first,
	uint16_t bits)
{
	return send_by(s, 0, v4, to, protocol, first, bits);
}

enum { ICMP4 = 1, ICMP6 = 58, ECHO = 0x0800, ECHO6 = 0x8000, SOLICIT = 0x8700 };

static struct fib_route closed_prefix(const char *text, uint32_t tunnel)
{
	struct fib_route r = {.tunnel = tunnel};

	assert_true(prefix_parse(text, &r.prefix));
	return r;
}

static void nothing_leaves_for_a_site_that_is_away(void **context)
{
	struct state *s = *context;
	struct fib_route r[] = {
		closed_prefix("203.0.0.0/16", 4),
		closed_prefix("203.0.114.0/24", SLUICE_NOT_CLOSED),
		closed_prefix("2001:db8:9::/48", 5),
		closed_prefix("2001:db8:9:1::/64", SLUICE_NOT_CLOSED),
	};
	static const uint8_t beside4[4] = {203, 1, 0, 1}, route4[4] = {203, 0, 114, 1};
	static const uint8_t beside6[16] = {0x20, 1, 0xd, 0xb8, 8};
	static const uint8_t route6[16] = {0x20, 1, 0xd, 0xb8, 0, 9, 0, 1, 1};
	static const uint8_t away6[16] = {0x20, 1, 0xd, 0xb8, 0, 9, [15] = 9};
	uint64_t n = 0;

	assert_int_equal(send_own(s, true, site4, ICMP4, ECHO, 0), TC_ACT_OK);
	assert_int_equal(maps_closed_set(s->maps, r, 4), 0);
	for (int v4 = 0; v4 < 2; v4++) {
		const uint8_t *to = v4 ? site4 : away6;

		assert_int_equal(
			send_own(s, v4, to, v4 ? ICMP4 : ICMP6, v4 ? ECHO : ECHO6, 0), TC_ACT_SHOT);
		assert_int_equal(send_own(s, v4, to, 6, 4500, 0), TC_ACT_SHOT);
		assert_int_equal(send_own(s, v4, to, 17, 53, 0), TC_ACT_SHOT);
		/* Of a host, whose address NAT has replaced. */
		assert_int_equal(send_by(s, if_nametoindex("d0"), v4, to, 17, 53, 0), TC_ACT_SHOT);
		n += 4;
		assert_int_equal(outside(s).clear_own.packets, n);
		/* What keeps tunnels and neighbours. */
		assert_int_equal(send_own(s, v4, to, 50, 53, 0), TC_ACT_OK);
		assert_int_equal(send_own(s, v4, to, 17, 500, 0), TC_ACT_OK);
		assert_int_equal(send_own(s, v4, to, 17, 4500, 0), TC_ACT_OK);
		assert_int_equal(send_own(s, v4, v4 ? beside4 : beside6, 17, 53, 0), TC_ACT_OK);
		assert_int_equal(send_own(s, v4, v4 ? route4 : route6, 17, 53, 0), TC_ACT_OK);
	}
	assert_int_equal(send_own(s, false, away6, ICMP6, SOLICIT, 0), TC_ACT_OK);
	/* What stands where a port would be is none. */
	assert_int_equal(send_own(s, true, site4, 17, 500, 5), TC_ACT_SHOT);
	assert_int_equal(send_own(s, true, site4, 17, 500, 0x2000), TC_ACT_OK);
	assert_int_equal(outside(s).clear_own.packets, ++n);
	assert_int_equal(outside(s).clear_out.packets, 0);

	assert_int_equal(maps_closed_del(s->maps, r, 4), 0);
	assert_int_equal(send_own(s, true, site4, ICMP4, ECHO, 0), TC_ACT_OK);
	assert_int_equal(send_own(s, false, away6, ICMP6, ECHO6, 0), TC_ACT_OK);
	assert_int_equal(outside(s).clear_own.packets, n);
}

static void whoever_wants_may_pass(void **context)
{
	struct state *s = *context;
	struct fib_route closed = closed_prefix("203.0.0.0/16", 4);

	assert_int_equal(maps_closed_set(s->maps, &closed, 1), 0);
	assert_int_equal(send_own(s, true, site4, ICMP4, ECHO, 0), TC_ACT_OK);
	assert_int_equal(arrive(s, TCP, true, lan4, 0), XDP_PASS);
	assert_int_equal(leave(s, true, lan4, if_nametoindex("d0")), TC_ACT_OK);
	assert_int_equal(outside(s).clear_in.packets + outside(s).clear_out.packets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_what_is_for_the_hub_gets_in, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_rule_would_drop_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_complains_of_echoes, setup, teardown),
		cmocka_unit_test_setup_teardown(others_judge_for_themselves, setup_open, teardown),
		cmocka_unit_test_setup_teardown(a_dhcp_answer_ends_at_the_hub, setup, teardown),
		cmocka_unit_test_setup_teardown(
			clear_is_allowed_and_forbidden_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_device_that_does_not_forward_is_no_way_in, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_is_of_the_hub_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(
			nothing_leaves_for_a_site_that_is_away, setup, teardown),
		cmocka_unit_test_setup_teardown(whoever_wants_may_pass, setup_open, teardown),
	};

	return own_network() ? cmocka_run_group_tests(tests, NULL, planes_free) : 1;
}
