/* SPDX-License-Identifier: Apache-2.0 */
/* What a site may send to the hub itself. */
#include "source_lab.h"

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

/* Whether somebody waits for it is known elsewhere. */
static void bfd_and_wrong_sources_are_remembered(void **context)
{
	static const struct packet of_others = {PEER, LAN4, UDP, 40000, SLUICE_PORT_BFD, 0, 0},
				   bgp = {PEER, HUB, TCP, 40000, SLUICE_PORT_BGP, 0, 0},
				   bfd = {PEER, HUB, UDP, 49152, SLUICE_PORT_BFD, 0, 0};
	static const struct packet forged = {"10.2.0.10", LAN4, UDP, 40000, 7, 0, 0};
	static const uint8_t forger[] = {10, 2, 0, 10};
	struct strange_session x;
	struct state *s = *context;

	expect(s, &of_others, PASSES);
	expect(s, &bgp, PASSES);
	maps_strange_session(s->maps, TUNNEL, &x);
	assert_int_equal(x.bfd_ns, 0);
	expect(s, &bfd, PASSES);
	maps_strange_session(s->maps, TUNNEL, &x);
	assert_int_not_equal(x.bfd_ns, 0);
	assert_int_equal(x.wrong_ns, 0);
	expect(s, &forged, SOURCE);
	maps_strange_session(s->maps, TUNNEL, &x);
	assert_int_not_equal(x.wrong_ns, 0);
	assert_int_equal(x.wrong_family, 4);
	assert_memory_equal(x.wrong_source, forger, sizeof(forger));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(sessions_are_of_their_tunnel),
		BOTH(bfd_and_wrong_sources_are_remembered),
		BOTH(strange_sessions_are_remembered),
		BOTH(the_hub_serves_what_is_opened),
		BOTH(icmp_is_heard),
		BOTH(an_error_is_about_what_the_hub_sent_there),
		BOTH(the_hub_takes_no_extension_headers),
		BOTH(fragments_for_the_hub_are_few),
		BOTH(multicast_is_for_nobody),
		BOTH(answers_pass),
		BOTH(fragments_follow_their_first),
	};

	return source_network() ? cmocka_run_group_tests(tests, NULL, planes_free) : 1;
}
