/* SPDX-License-Identifier: Apache-2.0 */
/* Which sources a site may have, and how long a verdict is remembered. */
#include "source_lab.h"

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

/* Whoever may be a way out may send what comes from there, but nothing of the hub's or of others. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_source_is_the_sites_own),
		BOTH(a_default_route_counts),
		BOTH(a_wide_prefix_takes_nothing_from_others),
		BOTH(a_scan_is_slow),
		BOTH(nothing_outlives_its_route),
		BOTH(nobody_speaks_for_a_removed_site),
		cmocka_unit_test_setup_teardown(what_has_no_mark_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_super_packet_counts_as_its_segments, setup, teardown),
	};

	return source_network() ? cmocka_run_group_tests(tests, NULL, planes_free) : 1;
}
