/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf/source.h: what a site may send, on both data planes: a packet from a tunnel in, verdict and counters
 * out. In a network where the hub has its addresses (frames.h).
 */
#include "frames.h"

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

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static void route(struct state *s, const char *text, uint32_t tunnel)
{
	struct ip_prefix p = prefix(text);

	assert_true(maps_route_set(s->maps, &p, tunnel, 0));
}

static void inside(uint8_t *to, const char *text)
{
	struct ip_addr a;

	assert_true(addr_parse(text, &a));
	memcpy(to, a.bytes, addr_len(&a));
}

static void record(struct state *s, uint32_t tunnel, uint32_t group, enum source_check check)
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

static void check_by(struct state *s, enum source_check check)
{
	record(s, TUNNEL, GROUP, check);
}

static const char *const nothing_more[3], *const defaults[3] = {"0.0.0.0/0", "::/0"},
						 *const wide[3] = {"10.0.0.0/8", "fd00::/8",
							 "169.254.0.0/16"};

/* `more` of this site, without being what belongs to it. */
static void declare(struct state *s, const char *const more[3])
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

static int start_plane(void **context, bool kernel_esp)
{
	struct bpf_options o = {
		.pin_dir = test_pins(), .workers = 1, .esp_cpus = kernel_esp ? 1 : 0};
	struct state *s = calloc(1, sizeof(*s));
	char error[DATAPLANE_ERROR_SIZE] = "";

	*context = s;
	s->kernel_esp = kernel_esp;
	s->plane = bpf_plane_load(&o, error);
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

static int setup(void **context)
{
	return start_plane(context, false);
}

static int setup_kernel_esp(void **context)
{
	return start_plane(context, true);
}

static int teardown(void **context)
{
	struct state *s = *context;

	source_set_fini(&s->sources);
	maps_free(s->maps);
	bpf_plane_free(s->plane);
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

static struct frame frame_of(const struct packet *p, uint32_t tunnel)
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

static struct frame frame_of_error(const struct error *e)
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

static struct site_stats stats_of(struct state *s)
{
	struct site_stats stats;

	maps_site_stats(s->maps, SLUICE_IN, SITE, &stats);
	return stats;
}

enum verdict { PASSES, SOURCE, SERVICE, NEIGHBOUR };

/* What becomes of it, and that it is counted once. */
static enum verdict judge_frame(struct state *s, struct frame *f)
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

static enum verdict judge(struct state *s, const struct packet *p)
{
	struct frame f = frame_of(p, TUNNEL);

	return judge_frame(s, &f);
}

static void expect(struct state *s, const struct packet *p, enum verdict wanted)
{
	enum verdict is = judge(s, p);

	if (is != wanted)
		fail_msg("%s > %s, protocol %u, port %u: %d, not %d", p->from, p->to, p->protocol,
			p->dport, is, wanted);
}

static void expect_error(struct state *s, const struct error *e, enum verdict wanted)
{
	struct frame f = frame_of_error(e);
	enum verdict is = judge_frame(s, &f);

	if (is != wanted)
		fail_msg("%s > %s, type %u, about %s > %s: %d, not %d", e->from, e->to, e->type,
			e->quoted_from, e->quoted_to, is, wanted);
}

#define LAN4 "10.9.0.1" /* behind the hub */
#define LAN6 "fd00:9::1"

struct source_case {
	const char *from4, *from6;
	enum verdict strict, loose;
};

static const struct source_case cases[] = {
	{"10.1.0.10", "fd00:1::10", PASSES, PASSES}, /* its own, by the other tunnel */
	{"10.3.0.10", "fd00:3::10", PASSES, PASSES}, /* of its group */
	{"10.4.1.1", "fd00:4:1::1", PASSES, PASSES}, /* declared, not announced */
	{"10.4.7.1", "fd00:4:7::1", SOURCE, SOURCE}, /* the longest match leads elsewhere */
	{"10.2.0.10", "fd00:2::10", SOURCE, SOURCE}, /* another site's */
	{"169.254.100.10", "fd00:ffff:1::2", PASSES, PASSES}, /* its inside address, no route yet */
	{"169.254.100.18", "fd00:ffff:2::2", SOURCE, SOURCE}, /* another's inside address */
	{"10.5.0.1", "fd00:5::1", SOURCE, SOURCE}, /* declared by another, not announced */
	{"169.254.100.22", "fd00:ffff:3::2", SOURCE, SOURCE}, /* an inside address that is down */
	{"10.0.0.77", "fd00:10::77", SOURCE, SOURCE},         /* a network of the hub */
	{"10.6.0.9", "fd00:6::9", SOURCE, SOURCE},    /* the same, and declared as the site's */
	{"10.0.0.1", "fd00:10::1", SOURCE, SOURCE},   /* the hub itself */
	{"192.0.2.1", "2001:db8::1", SOURCE, SOURCE}, /* its outside address */
	{"8.8.8.8", "2001:4860::8", SOURCE, PASSES},  /* nobody's */
	{"0.0.0.0", "::", SOURCE, PASSES},            /* the kernel drops it */
};

static void each_source(struct state *s, enum source_check check)
{
	check_by(s, check);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct source_case *c = &cases[i];
		enum verdict wanted = check == SOURCE_OFF      ? PASSES
				      : check == SOURCE_STRICT ? c->strict
							       : c->loose;
		struct packet v4 = {c->from4, LAN4, UDP, 4000, 4001, 0, 0};
		struct packet v6 = {c->from6, LAN6, UDP, 4000, 4001, 0, 0};

		expect(s, &v4, wanted);
		expect(s, &v6, wanted);
	}
}

static void a_source_is_the_sites_own(void **context)
{
	each_source(*context, SOURCE_STRICT);
	each_source(*context, SOURCE_LOOSE);
	each_source(*context, SOURCE_OFF);
}

/* whoever may be a way out may send what comes from there, but nothing of the hub's or of others. */
static void a_default_route_counts(void **context)
{
	struct state *s = *context;

	for (int accepted = 0; accepted < 2; accepted++) {
		if (accepted) {
			declare(s, nothing_more);
			route(s, "0.0.0.0/0", TUNNEL);
			route(s, "::/0", TUNNEL);
		} else {
			declare(s, defaults);
		}
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct packet v4 = {cases[i].from4, LAN4, UDP, 1, 2, 0, 0};
			struct packet v6 = {cases[i].from6, LAN6, UDP, 1, 2, 0, 0};

			expect(s, &v4, cases[i].loose);
			expect(s, &v6, cases[i].loose);
		}
	}
	/* That of another site is not this one's. */
	route(s, "0.0.0.0/0", OTHER);
	expect(s, &(struct packet){"8.8.8.8", LAN4, UDP, 1, 2, 0, 0}, SOURCE);
	declare(s, defaults);
	expect(s, &(struct packet){"8.8.8.8", LAN4, UDP, 1, 2, 0, 0}, PASSES);
}

/* A summary around what is others', whether their routes are there or not. */
static void a_wide_prefix_takes_nothing_from_others(void **context)
{
	struct packet between[] = {{"10.77.0.1", LAN4, UDP, 1, 2, 0, 0},
		{"fd00:77::1", LAN6, UDP, 1, 2, 0, 0}, {"169.254.77.1", LAN4, UDP, 1, 2, 0, 0}};
	struct state *s = *context;

	for (int routed = 0; routed < 2; routed++) {
		declare(s, routed ? nothing_more : wide);
		for (int i = 0; i < 3; i++)
			if (routed)
				route(s, wide[i], TUNNEL);
		each_source(s, SOURCE_STRICT);
		each_source(s, SOURCE_LOOSE);
		for (int i = 0; i < 3; i++)
			expect(s, &between[i], PASSES);
	}
}

#define PEER  "169.254.100.10"
#define PEER6 "fd00:ffff:1::2"
#define HUB   "169.254.100.9"

/* RFC 5881 3: a session belongs to the tunnel that it came by. */
static void sessions_are_of_their_tunnel(void **context)
{
	static const struct packet good[] = {
		{PEER, HUB, UDP, 49152, SLUICE_PORT_BFD, 0, 0},
		{PEER, HUB, TCP, 40000, SLUICE_PORT_BGP, 0, 0},
		{"fd00:ffff:1::2", "fd00:ffff:1::1", UDP, 49152, SLUICE_PORT_BFD, 0, 0},
		{"fd00:ffff:1::2", "fd00:ffff:1::1", TCP, 40000, SLUICE_PORT_BGP, 0, 0},
	};
	static const struct packet bad[] = {
		{"10.1.0.10", "10.0.0.1", UDP, 49152, SLUICE_PORT_BFD, 0, 0},
		{PEER, "10.0.0.1", UDP, 49152, SLUICE_PORT_BFD, 0, 0},
		{PEER, "10.0.0.1", TCP, 40000, SLUICE_PORT_BGP, 0, 0},
		{PEER, HUB, UDP, 49152, SLUICE_PORT_BFD + 2, 0, 0},
		{PEER, "10.0.0.1", TCP, SLUICE_PORT_BGP, 22, 0, 0}, /* by its source port */
		{"fd00:ffff:1::2", "fd00:10::1", TCP, 40000, SLUICE_PORT_BGP, 0, 0},
	};
	struct state *s = *context;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct packet forged = good[i];
		bool v6 = i > 1;

		expect(s, &good[i], PASSES);
		forged.from = v6 ? "fd00:ffff:2::2" : "169.254.100.18";
		expect(s, &forged, SOURCE);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(s, &bad[i], SERVICE);
}

/* A device that has other inside addresses than the hub knows: people are told which. */
static void strange_sessions_are_remembered(void **context)
{
	static const struct {
		struct packet p;
		enum verdict v;
		bool strange;
	} from[] = {
		{{PEER, HUB, TCP, 40000, SLUICE_PORT_BGP, 0, 0}, PASSES, false},
		{{"10.1.0.10", LAN4, TCP, 40000, SLUICE_PORT_BGP, 0, 0}, PASSES, false},
		{{PEER, HUB, UDP, 40000, 7, 0, 0}, SERVICE, false},
		{{"169.254.9.9", HUB, TCP, 40000, SLUICE_PORT_BGP, 0, 0}, SOURCE, true},
		{{PEER, LAN4, TCP, 40000, SLUICE_PORT_BGP, 0, 0}, PASSES, true},
		{{PEER, "10.0.0.1", UDP, 40000, SLUICE_PORT_BFD, 0, 0}, SERVICE, true},
		{{"fd00:9::9", "fd00:ffff:1::1", TCP, 40000, SLUICE_PORT_BGP, 0, 0}, SOURCE, true},
	};
	struct strange_session x, before = {0};
	struct state *s = *context;
	struct ip_addr a, b;

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		expect(s, &from[i].p, from[i].v);
		maps_strange_session(s->maps, TUNNEL, &x);
		assert_int_equal(x.at_ns > before.at_ns, from[i].strange);
		before = x;
		if (!from[i].strange)
			continue;
		assert_true(addr_parse(from[i].p.from, &a) && addr_parse(from[i].p.to, &b));
		assert_int_equal(x.family, a.family == AF_INET ? 4 : 6);
		assert_int_equal(x.protocol, from[i].p.protocol);
		assert_memory_equal(x.source, a.bytes, sizeof(x.source));
		assert_memory_equal(x.destination, b.bytes, sizeof(x.destination));
	}
}

static void the_hub_serves_what_is_opened(void **context)
{
	static const uint32_t ssh[] = {SLUICE_SERVICE(TCP, 22), SLUICE_SERVICE(UDP, 53)};
	static const uint32_t any[] = {SLUICE_SERVICE_ANY};
	static const char *const hub[] = {"10.0.0.1", "192.0.2.1", "fd00:10::1", "10.0.0.255"};
	struct state *s = *context;

	for (size_t i = 0; i < sizeof(hub) / sizeof(hub[0]); i++) {
		bool v6 = strchr(hub[i], ':');
		struct packet p = {v6 ? "fd00:1::10" : "10.1.0.10", hub[i], TCP, 40000, 22, 0, 0};
		struct packet dns = p, gre = p;

		dns.protocol = UDP;
		dns.dport = 53;
		gre.protocol = 47;
		assert_true(source_services_set(s->plane, NULL, 0));
		expect(s, &p, SERVICE);
		expect(s, &dns, SERVICE);
		expect(s, &gre, SERVICE);
		assert_true(source_services_set(s->plane, ssh, 2));
		expect(s, &p, PASSES);
		expect(s, &dns, PASSES);
		expect(s, &gre, SERVICE);
		p.dport = 23;
		expect(s, &p, SERVICE);
		assert_true(source_services_set(s->plane, any, 1));
		expect(s, &p, PASSES);
		expect(s, &gre, PASSES);
		/* Open is not free: the source counts all the same. */
		p.from = v6 ? "fd00:2::10" : "10.2.0.10";
		expect(s, &p, SOURCE);
	}
}

static void icmp_is_heard(void **context)
{
	static const uint8_t welcome4[] = {0, 3, 8, 11, 12}, welcome6[] = {1, 2, 3, 4, 128, 129};
	struct state *s = *context;

	for (int v6 = 0; v6 < 2; v6++) {
		const char *site = v6 ? "fd00:1::10" : "10.1.0.10";
		const char *hub = v6 ? "fd00:10::1" : "10.0.0.1";

		for (int type = 0; type < 256; type++) {
			struct error e = {site, hub, hub, site, (uint8_t)type};
			bool welcome = memchr(v6 ? welcome6 : welcome4, type,
				v6 ? sizeof(welcome6) : sizeof(welcome4));

			expect_error(s, &e, welcome ? PASSES : SERVICE);
		}
	}
	expect(s, &(struct packet){"10.2.0.10", "10.0.0.1", ICMP, 0, 0, 8, 0}, SOURCE);
}

/* RFC 5927: the kernel would lower the path MTU to whomever the quoted packet went to. */
static void an_error_is_about_what_the_hub_sent_there(void **context)
{
	static const struct {
		const char *from, *to, *from6,
			*to6; /* quoted, with an error to 10.0.0.1 or its like */
		enum verdict wanted, with_default;
	} quotes[] = {
		{"10.0.0.1", "10.1.0.10", "fd00:10::1", "fd00:1::10", PASSES, PASSES},
		{"10.0.0.1", PEER, "fd00:10::1", PEER6, PASSES, PASSES},               /* inside */
		{"10.0.0.1", "10.3.0.10", "fd00:10::1", "fd00:3::10", PASSES, PASSES}, /* group */
		{"10.0.0.1", "10.4.1.1", "fd00:10::1", "fd00:4:1::1", PASSES,
			PASSES}, /* declared */
		{"10.0.0.1", "10.2.0.10", "fd00:10::1", "fd00:2::10", SERVICE, SERVICE},
		{"10.0.0.1", "10.4.7.1", "fd00:10::1", "fd00:4:7::1", SERVICE, SERVICE},
		{"10.0.0.1", "169.254.100.18", "fd00:10::1", "fd00:ffff:2::2", SERVICE, SERVICE},
		{"10.0.0.1", "203.0.113.9", "fd00:10::1", "2001:db8:909::9", SERVICE, PASSES},
		{"10.0.0.1", "8.8.8.8", "fd00:10::1", "2001:4860::8", SERVICE,
			SERVICE}, /* outside */
		{"10.0.0.1", "10.0.0.10", "fd00:10::1", "fd00:10::10", SERVICE, SERVICE},
		{"192.0.2.1", "10.1.0.10", "2001:db8::1", "fd00:1::10", SERVICE,
			SERVICE}, /* other */
		{"10.9.0.1", "10.1.0.10", "fd00:9::1", "fd00:1::10", SERVICE,
			SERVICE}, /* a host's */
		{"fd00:10::1", "fd00:1::10", "10.0.0.1", "10.1.0.10", SERVICE, SERVICE},
	};
	static const uint32_t any[] = {SLUICE_SERVICE_ANY};
	struct state *s = *context;

	assert_true(source_services_set(s->plane, any, 1)); /* errors are no service */
	for (int check = 0; check < 4; check++) {
		bool with_default = check == 3;

		check_by(s, with_default ? SOURCE_STRICT : (enum source_check)check);
		declare(s, with_default ? defaults : nothing_more);
		for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
			enum verdict wanted =
				with_default ? quotes[i].with_default : quotes[i].wanted;
			struct error v4 = {
				"10.1.0.10", "10.0.0.1", quotes[i].from, quotes[i].to, 3};
			struct error v6 = {
				"fd00:1::10", "fd00:10::1", quotes[i].from6, quotes[i].to6, 2};

			expect_error(s, &v4, wanted);
			expect_error(s, &v6, wanted);
			v4.to = LAN4; /* a host decides for itself */
			v6.to = LAN6;
			expect_error(s, &v4, PASSES);
			expect_error(s, &v6, PASSES);
		}
	}
}

/* Behind a header of IPv6 that another one may follow, an error would not be seen. */
static void the_hub_takes_no_extension_headers(void **context)
{
	static const uint8_t extensions[] = {0, 43, 60, 135};
	static const uint32_t any[] = {SLUICE_SERVICE_ANY};
	struct state *s = *context;

	assert_true(source_services_set(s->plane, any, 1));
	for (int protocol = 0; protocol < 256; protocol++) {
		struct packet p = {"fd00:1::10", "fd00:10::1", (uint8_t)protocol, 1, 1, 0, 0};
		bool extension = memchr(extensions, protocol, sizeof(extensions));

		if (p.protocol == 44 || p.protocol == 58 || p.protocol == ICMP)
			continue;
		expect(s, &p, extension ? SERVICE : PASSES);
		p.to = LAN6;
		expect(s, &p, PASSES);
	}
}

/* All tunnels and the outside share the room that the kernel has for what is not complete. */
static void fragments_for_the_hub_are_few(void **context)
{
	enum { JUNK = 1000 };
	static const uint16_t later = 100, first = 0x2000;
	struct packet p = {"10.1.0.10", "10.0.0.1", ICMP, 0, 0, 8, 0};
	struct packet others = {"10.1.0.10", LAN4, ICMP, 0, 0, 8, 0};
	struct state *s = *context;
	int passed = 0;

	for (int i = 0; i < JUNK; i++) {
		p.fragment = i & 1 ? first : later;
		passed += judge(s, &p) == PASSES;
		others.fragment = p.fragment;
		expect(s, &others, PASSES);
	}
	assert_in_range(passed, SLUICE_HUB_FRAGMENT_BURST, SLUICE_HUB_FRAGMENT_BURST + 60);
	p.fragment = 0;
	expect(s, &p, PASSES);
}

/*
 * Who looks for hosts that are not there fills the kernel's table of neighbours, which all devices and sites
 * share. Those it knows cost nothing, nor do those behind sites.
 */
static void a_scan_is_slow(void **context)
{
	enum { HOSTS = 250 };
	struct state *s = *context;

	for (int v6 = 0; v6 < 2; v6++) {
		uint64_t start = clock_now(), most;
		uint32_t passed = 0;
		char to[32];

		for (int i = 1; i <= HOSTS; i++) {
			struct packet p = {v6 ? "fd00:1::10" : "10.1.0.10", to, UDP, 7, 7, 0, 0};
			enum verdict is;

			snprintf(to, sizeof(to), v6 ? "fd00:10::1:%x" : "10.0.77.%d", i);
			is = judge(s, &p);
			assert_true(is == PASSES || is == NEIGHBOUR);
			passed += is == PASSES;
		}
		most = SLUICE_NEIGHBOUR_BURST + (clock_now() - start) / SLUICE_NEIGHBOUR_NS + 1;
		assert_in_range(passed, v6 ? 0 : SLUICE_NEIGHBOUR_BURST, most);
		for (int i = 1; i <= HOSTS; i++) { /* of a site */
			struct packet p = {v6 ? "fd00:1::10" : "10.1.0.10", to, UDP, 7, 7, 0, 0};

			snprintf(to, sizeof(to), v6 ? "fd00:2::%x" : "10.2.0.%d", i);
			expect(s, &p, PASSES);
		}
		expect(s,
			&(struct packet){
				v6 ? "fd00:1::10" : "10.1.0.10", v6 ? LAN6 : LAN4, UDP, 7, 7, 0, 0},
			PASSES);
	}
}

static void multicast_is_for_nobody(void **context)
{
	struct state *s = *context;

	expect(s, &(struct packet){PEER, "224.0.0.5", 89, 0, 0, 0, 0}, SERVICE);
	expect(s, &(struct packet){"10.1.0.10", "255.255.255.255", UDP, 68, 67, 0, 0}, SERVICE);
	expect(s, &(struct packet){"fe80::1", "ff02::2", ICMP, 0, 0, 133, 0}, SERVICE);
	expect(s, &(struct packet){"fe80::1", LAN6, UDP, 1, 2, 0, 0}, SOURCE);
}

/* What the hub asked for gets its answer, by a socket that has this one peer. */
static void answers_pass(void **context)
{
	struct sockaddr_storage own, peer;
	struct ip_endpoint at = {.port = 5353}, to = {.port = 53};
	struct state *s = *context;

	for (int tcp = 0; tcp < 2; tcp++) {
		int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
		struct packet p = {"10.1.0.10", "10.0.0.1", tcp ? TCP : UDP, 53, 5353, 0, 0};
		socklen_t len;

		assert_true(addr_parse("10.0.0.1", &at.addr) && addr_parse("10.1.0.10", &to.addr));
		len = endpoint_to_sockaddr(&at, &own);
		endpoint_to_sockaddr(&to, &peer);
		assert_int_equal(bind(fd, (struct sockaddr *)&own, len), 0);
		if (tcp)
			assert_int_equal(listen(fd, 1), 0);
		expect(s, &p, SERVICE);
		if (tcp) {
			close(fd);
			fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
			assert_int_equal(bind(fd, (struct sockaddr *)&own, len), 0);
		}
		(void)connect(fd, (struct sockaddr *)&peer, len);
		expect(s, &p, PASSES);
		p.sport = 54;
		expect(s, &p, SERVICE);
		close(fd);
	}
}

/* Without its first one, which has the ports, a fragment is nothing. */
static void fragments_follow_their_first(void **context)
{
	struct state *s = *context;

	expect(s, &(struct packet){"10.1.0.10", "10.0.0.1", TCP, 1, 22, 0, 0x2000}, SERVICE);
	expect(s, &(struct packet){"10.1.0.10", "10.0.0.1", TCP, 1, 22, 0, 0x0010}, PASSES);
	expect(s, &(struct packet){"10.2.0.10", LAN4, TCP, 1, 22, 0, 0x0010}, SOURCE);
}

static void what_has_no_mark_is_dropped(void **context)
{
	struct state *s = *context;
	struct frame f = frame_of(&(struct packet){"10.1.0.10", LAN4, UDP, 1, 2, 0, 0}, TUNNEL);
	struct inside_stats drops;

	f.bytes[8] = SLUICE_FROM_HUB; /* a worker's own */
	f.bytes[26] = 192;
	assert_int_equal(run_frame(bpf_plane_from_site_fd(s->plane), &f, NULL, false), TC_ACT_OK);
	f.bytes[8] = SLUICE_FROM_HUB + 1;
	assert_int_equal(run_frame(bpf_plane_from_site_fd(s->plane), &f, NULL, false), TC_ACT_SHOT);
	f.bytes[8] = 0;
	f.bytes[7] ^= 1;
	assert_int_equal(run_frame(bpf_plane_from_site_fd(s->plane), &f, NULL, false), TC_ACT_SHOT);
	maps_inside_stats(s->maps, &drops);
	assert_int_equal(drops.tunnel_unknown.packets, 2);
}

/* What is remembered of a pair of addresses holds until something changes, and for its tunnel only. */
static void nothing_outlives_its_route(void **context)
{
	struct packet v4 = {"10.1.0.10", LAN4, UDP, 1, 2, 0, 0},
		      v6 = {"fd00:1::10", LAN6, UDP, 1, 2, 0, 0};
	struct packet own = {"10.4.1.1", LAN4, UDP, 1, 2, 0, 0};
	struct source_set none = {0};
	struct state *s = *context;
	struct frame f;

	for (int i = 0; i < 3; i++) {
		expect(s, &v4, PASSES);
		expect(s, &v6, PASSES);
		expect(s, &own, PASSES);
	}
	f = frame_of(&v4, OTHER);
	if (!s->kernel_esp)
		assert_int_equal(
			run_frame(bpf_plane_from_site_fd(s->plane), &f, NULL, false), TC_ACT_SHOT);
	route(s, "10.1.0.0/24", OTHER);
	expect(s, &v4, SOURCE);
	expect(s, &v6, PASSES);
	assert_int_equal(source_set_replace(s->plane, &s->sources, &none), 0);
	expect(s, &own, SOURCE);
	route(s, "10.1.0.0/24", TUNNEL);
	expect(s, &v4, PASSES);
	record(s, TUNNEL, GROUP + 100, SOURCE_STRICT); /* another group */
	expect(s, &v6, SOURCE);
	/* Nor is a destination remembered that is the hub's. */
	v4 = (struct packet){PEER, "10.0.0.1", ICMP, 0, 0, 8, 0};
	expect(s, &v4, PASSES);
	v4.type = 5;
	expect(s, &v4, SERVICE);
}

/* A tunnel that nobody has a record of speaks for nobody. */
static void nobody_speaks_for_a_removed_site(void **context)
{
	struct state *s = *context;
	struct tunnel_record none = {.site = SITE};

	assert_true(maps_tunnel_set(s->maps, TUNNEL, &none));
	assert_true(maps_tunnel_set(s->maps, TUNNEL + 1, &none));
	expect(s, &(struct packet){"10.1.0.10", LAN4, UDP, 1, 2, 0, 0}, SOURCE);
	expect(s, &(struct packet){PEER, HUB, UDP, 1, SLUICE_PORT_BFD, 0, 0}, SOURCE);
}

static void a_super_packet_counts_as_its_segments(void **context)
{
	struct state *s = *context;
	struct packet p = {"10.2.0.10", LAN4, UDP, 1, 2, 0, 0};
	struct frame f = frame_of(&p, TUNNEL);
	struct __sk_buff skb = {.gso_size = 13, .gso_segs = 4};

	assert_int_equal(run_frame(bpf_plane_from_site_fd(s->plane), &f, &skb, false), TC_ACT_SHOT);
	assert_int_equal(stats_of(s).source.packets, 4);
	assert_int_equal(stats_of(s).source.bytes, 52 + 4 * 28);
}

#define BOTH(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, setup, teardown),                                    \
	{                                                                                          \
#name " (kernel ESP)", name, setup_kernel_esp, teardown, NULL                      \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_source_is_the_sites_own),
		BOTH(a_default_route_counts),
		BOTH(a_wide_prefix_takes_nothing_from_others),
		BOTH(sessions_are_of_their_tunnel),
		BOTH(strange_sessions_are_remembered),
		BOTH(the_hub_serves_what_is_opened),
		BOTH(icmp_is_heard),
		BOTH(an_error_is_about_what_the_hub_sent_there),
		BOTH(the_hub_takes_no_extension_headers),
		BOTH(fragments_for_the_hub_are_few),
		BOTH(a_scan_is_slow),
		BOTH(multicast_is_for_nobody),
		BOTH(answers_pass),
		BOTH(fragments_follow_their_first),
		BOTH(nothing_outlives_its_route),
		BOTH(nobody_speaks_for_a_removed_site),
		cmocka_unit_test_setup_teardown(what_has_no_mark_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_super_packet_counts_as_its_segments, setup, teardown),
	};

	/* What is behind sites is behind the device that test runs come by. */
	if (!own_network() ||
		system("ip addr add 169.254.100.9/32 dev lo &&"
		       "ip addr add fd00:ffff:1::1/128 dev lo nodad;"
		       "for i in 1 2 3 4; do ip route add 10.$i.0.0/16 dev lo &&"
		       "ip route add fd00:$i::/32 dev lo || exit 1; done;"
		       "ip route add 169.254.100.10/32 dev lo && ip route add "
		       "fd00:ffff:1::2/128 dev lo &&"
		       "ip route add 169.254.100.18/32 dev lo && ip route add "
		       "fd00:ffff:2::2/128 dev lo &&"
		       "ip neigh add " LAN4 " lladdr 02:00:00:00:00:01 dev d0 nud permanent &&"
		       "ip neigh add " LAN6 " lladdr 02:00:00:00:00:01 dev d0 nud permanent")) {
		print_error("no network of its own\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
