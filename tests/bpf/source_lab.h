/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf/source.h: what a site may send, on both data planes: a packet from a tunnel in, verdict and counters
 * out. In a network where the hub has its addresses (frames.h).
 */
#ifndef TESTS_BPF_SOURCE_LAB_H
#define TESTS_BPF_SOURCE_LAB_H

#include "planes.h"

#include "base/clock.h"
#include "dataplane/maps.h"
#include "dataplane/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <linux/pkt_cls.h>
#include <sys/socket.h>

#define SITE     3
#define TUNNEL   (2 * SITE)
#define OTHER    10 /* tunnel of a stranger */
#define SIBLING  16 /* tunnel of a site of the same group */
#define LOOPBACK 1
#define GROUP    (SITE + 1)
#define ABSENT   30 /* group of a site that is down */

#define ICMP 1
#define TCP  6
#define UDP  17

struct state {
	struct bpf_plane *plane;
	struct maps *maps;
	struct source_set sources;
	bool kernel_esp;
};

static inline struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static inline void route(struct state *s, const char *text, uint32_t tunnel)
{
	struct ip_prefix p = prefix(text);

	assert_true(maps_route_set(s->maps, &p, tunnel, 0));
}

static inline void inside(uint8_t *to, const char *text)
{
	struct ip_addr a;

	assert_true(addr_parse(text, &a));
	memcpy(to, a.bytes, addr_len(&a));
}

static inline void record(struct state *s, uint32_t tunnel, uint32_t group, enum source_check check)
{
	struct tunnel_record r = {
		.site = tunnel / 2, .up = 1, .group = group, .source_check = check};

	if (tunnel == TUNNEL) {
		inside(r.hub4, "169.254.100.9");
		inside(r.peer4, "169.254.100.10");
		inside(r.hub6, "fd00:ffff:1::1");
		inside(r.peer6, "fd00:ffff:1::2");
	}
	assert_true(maps_tunnel_set(s->maps, tunnel, &r));
}

static inline void check_by(struct state *s, enum source_check check)
{
	record(s, TUNNEL, GROUP, check);
}

static const char *const nothing_more[3], *const defaults[3] = {"0.0.0.0/0", "::/0"},
						 *const wide[3] = {"10.0.0.0/8", "fd00::/8",
							 "169.254.0.0/16"};

/* `more` of this site, without being what belongs to it. */
static inline void declare(struct state *s, const char *const more[3])
{
	static const struct {
		uint32_t list, group;
		const char *prefix;
	} lists[] = {
		{SITE, GROUP, "10.4.0.0/16"},
		{SITE, GROUP, "fd00:4::/32"},
		{SLUICE_OWNERS, GROUP, "10.4.0.0/16"},
		{SLUICE_OWNERS, GROUP, "fd00:4::/32"},
		{SLUICE_OWNERS, OTHER / 2 + 1, "10.5.0.0/16"},
		{SLUICE_OWNERS, OTHER / 2 + 1, "fd00:5::/32"},
		{SITE, GROUP, "10.6.0.0/24"},
		{SITE, GROUP, "fd00:6::/64"},
		{SLUICE_OWNERS, GROUP, "10.6.0.0/24"},
		{SLUICE_OWNERS, GROUP, "fd00:6::/64"},
		{SLUICE_OWNERS, SLUICE_GROUP_HUB, "10.6.0.0/24"},
		{SLUICE_OWNERS, SLUICE_GROUP_HUB, "fd00:6::/64"},
		{SLUICE_OWNERS, SLUICE_GROUP_HUB, "10.0.0.0/24"},
		{SLUICE_OWNERS, SLUICE_GROUP_HUB, "fd00:10::/64"},
		{SLUICE_OWNERS, ABSENT, "169.254.100.20/30"},
		{SLUICE_OWNERS, ABSENT, "fd00:ffff:3::/126"},
	};
	struct source_set now = {0};
	struct ip_prefix p;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		p = prefix(lists[i].prefix);
		source_set_add(&now, lists[i].list, lists[i].group, &p);
	}
	for (size_t i = 0; i < 3 && more[i]; i++) {
		p = prefix(more[i]);
		source_set_add(&now, SITE, GROUP, &p);
	}
	assert_int_equal(source_set_replace(s->plane, &s->sources, &now), 0);
}

static inline int start_plane(void **context, bool kernel_esp)
{
	struct bpf_options o = {.workers = 1, .esp_cpus = kernel_esp ? 1 : 0};
	struct state *s = calloc(1, sizeof(*s));
	char error[DATAPLANE_ERROR_SIZE] = "";

	*context = s;
	s->kernel_esp = kernel_esp;
	s->plane = plane_take(&o, error);
	s->maps = s->plane ? maps_new(s->plane) : NULL;
	if (!s->maps) {
		print_error("%s\n", error);
		return -1;
	}
	if (kernel_esp) {
		uint32_t ifindex = LOOPBACK, tunnel = TUNNEL;

		bpf_map_update_elem(bpf_plane_map_fd(s->plane, DATA_MAP_INTERFACES), &ifindex,
			&tunnel, BPF_ANY);
	}
	record(s, OTHER, OTHER / 2 + 1, SOURCE_STRICT);
	record(s, SIBLING, GROUP, SOURCE_STRICT);
	record(s, TUNNEL + 1, GROUP, SOURCE_STRICT);
	check_by(s, SOURCE_STRICT);
	route(s, "10.1.0.0/24", TUNNEL + 1); /* the site's other tunnel is the better one */
	route(s, "fd00:1::/64", TUNNEL + 1);
	route(s, "10.2.0.0/24", OTHER);
	route(s, "fd00:2::/64", OTHER);
	route(s, "10.3.0.0/24", SIBLING);
	route(s, "fd00:3::/64", SIBLING);
	route(s, "10.4.7.0/24", OTHER); /* of what the site has declared, but routed elsewhere */
	route(s, "fd00:4:7::/64", OTHER);
	route(s, "169.254.100.18/32", OTHER); /* inside addresses of the other one */
	route(s, "fd00:ffff:2::2/128", OTHER);
	declare(s, nothing_more);
	return 0;
}

static inline int setup(void **context)
{
	return start_plane(context, false);
}

static inline int setup_kernel_esp(void **context)
{
	return start_plane(context, true);
}

static inline int teardown(void **context)
{
	struct state *s = *context;

	source_set_fini(&s->sources);
	maps_free(s->maps);
	free(s);
	return 0;
}

/* A packet to be judged. Ports are those of TCP and UDP, `type` that of ICMP. */
struct packet {
	const char *from, *to;
	uint8_t protocol;
	uint16_t sport, dport;
	uint8_t type;
	uint16_t fragment; /* offset and flags of IPv4 */
};

static inline struct frame frame_of(const struct packet *p, uint32_t tunnel)
{
	struct ip_addr from, to;
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));
	bool v4;

	assert_true(addr_parse(p->from, &from) && addr_parse(p->to, &to));
	v4 = from.family == AF_INET;
	ethernet(&w, false, v4 ? 0x0800 : 0x86dd);
	f.bytes[6] = SLUICE_MAC_MARK_0;
	f.bytes[7] = SLUICE_MAC_MARK_1;
	f.bytes[10] = (uint8_t)(tunnel >> 8);
	f.bytes[11] = (uint8_t)tunnel;
	if (v4)
		ipv4(&w, from.bytes, to.bytes, p->protocol, p->fragment, 60);
	else
		ipv6(&w, from.bytes, to.bytes, p->protocol == ICMP ? 58 : p->protocol, 60);
	if (p->protocol == ICMP) {
		wr_u8(&w, p->type);
		wr_zero(&w, 59);
	} else {
		wr_u16(&w, p->sport);
		wr_u16(&w, p->dport);
		wr_zero(&w, 56);
	}
	f.len = (uint32_t)wr_len(&w);
	return f;
}

/* An ICMP error to where a packet that it quotes came from, or to somewhere else. */
struct error {
	const char *from, *to, *quoted_from, *quoted_to;
	uint8_t type;
};

static inline struct frame frame_of_error(const struct error *e)
{
	struct packet p = {e->from, e->to, ICMP, 0, 0, e->type, 0};
	struct frame f = frame_of(&p, TUNNEL);
	uint32_t at = 14 + (strchr(e->from, ':') ? 40 : 20) + 8;
	struct wr w = wr_init(f.bytes + at, sizeof(f.bytes) - at);
	struct ip_addr from, to;

	assert_true(addr_parse(e->quoted_from, &from) && addr_parse(e->quoted_to, &to));
	if (from.family == AF_INET)
		ipv4(&w, from.bytes, to.bytes, ICMP, 0x4000, 1400);
	else
		ipv6(&w, from.bytes, to.bytes, 58, 1400);
	return f;
}

static inline struct site_stats stats_of(struct state *s)
{
	struct site_stats stats;

	maps_site_stats(s->maps, SLUICE_IN, SITE, &stats);
	return stats;
}

enum verdict { PASSES, SOURCE, SERVICE, NEIGHBOUR };

/* What becomes of it, and that it is counted once. */
static inline enum verdict judge_frame(struct state *s, struct frame *f)
{
	struct __sk_buff skb = {.ifindex = LOOPBACK};
	struct site_stats before = stats_of(s), after;
	int prog =
		s->kernel_esp ? bpf_plane_xfrm_in_fd(s->plane) : bpf_plane_from_site_fd(s->plane);
	int verdict = run_frame(prog, f, &skb, false);
	bool passed = verdict == (s->kernel_esp ? TC_ACT_REDIRECT : TC_ACT_OK);

	after = stats_of(s);
	assert_true(passed || verdict == TC_ACT_SHOT);
	assert_int_equal(after.delivered.packets - before.delivered.packets, passed);
	assert_int_equal(after.source.packets + after.service.packets + after.neighbour.packets -
				 before.source.packets - before.service.packets -
				 before.neighbour.packets,
		!passed);
	if (passed)
		return PASSES;
	if (after.neighbour.packets > before.neighbour.packets)
		return NEIGHBOUR;
	return after.source.packets > before.source.packets ? SOURCE : SERVICE;
}

static inline enum verdict judge(struct state *s, const struct packet *p)
{
	struct frame f = frame_of(p, TUNNEL);

	return judge_frame(s, &f);
}

static inline void expect(struct state *s, const struct packet *p, enum verdict wanted)
{
	enum verdict is = judge(s, p);

	if (is != wanted)
		fail_msg("%s > %s, protocol %u, port %u: %d, not %d", p->from, p->to, p->protocol,
			p->dport, is, wanted);
}

static inline void expect_error(struct state *s, const struct error *e, enum verdict wanted)
{
	struct frame f = frame_of_error(e);
	enum verdict is = judge_frame(s, &f);

	if (is != wanted)
		fail_msg("%s > %s, type %u, about %s > %s: %d, not %d", e->from, e->to, e->type,
			e->quoted_from, e->quoted_to, is, wanted);
}

#define LAN4 "10.9.0.1" /* behind the hub */
#define LAN6 "fd00:9::1"

#define PEER  "169.254.100.10"
#define PEER6 "fd00:ffff:1::2"
#define HUB   "169.254.100.9"

/* What is behind sites is behind the device that test runs come by. */
static inline bool source_network(void)
{
	if (own_network() &&
		!system("ip addr add 169.254.100.9/32 dev lo &&"
			"ip addr add fd00:ffff:1::1/128 dev lo nodad;"
			"for i in 1 2 3 4; do ip route add 10.$i.0.0/16 dev lo &&"
			"ip route add fd00:$i::/32 dev lo || exit 1; done;"
			"ip route add 169.254.100.10/32 dev lo && ip route add "
			"fd00:ffff:1::2/128 dev lo &&"
			"ip route add 169.254.100.18/32 dev lo && ip route add "
			"fd00:ffff:2::2/128 dev lo &&"
			"ip neigh add " LAN4 " lladdr 02:00:00:00:00:01 dev d0 nud permanent &&"
			"ip neigh add " LAN6 " lladdr 02:00:00:00:00:01 dev d0 nud permanent"))
		return true;
	print_error("no network of its own\n");
	return false;
}

#define BOTH(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, setup, teardown),                                    \
	{                                                                                          \
#name " (kernel ESP)", name, setup_kernel_esp, teardown, NULL                      \
	}

#endif
