/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speaker, route table and guard together, under events in random order: tunnels, sessions, BFD,
 * announcements, restarts of sites and of the bgp process. Always: kernel and trie hold the same,
 * and only routes whose tunnel is open. At rest: exactly the best paths.
 */
#include "routes_world.h"

#include "bgp/decide.h"

#define PREFIXES 12
#define STEPS    400
#define SEEDS    12
#define STATIC                                                                                     \
	1 /* this site has static routes; site 2 shares its tunnels, with those of site 0 if grouped */

/* ---- events ---- */

static uint32_t draw(uint32_t below)
{
	sim.random = sim.random * 1664525u + 1013904223u;
	return (sim.random >> 8) % below;
}

static void on_route(const struct bgp_effect *e)
{
	struct imsg_route m = {.prefix = e->route.prefix,
		.shares = e->route.shares,
		.source = e->route.source,
		.tunnel = e->tunnel,
		.candidates = e->route.candidates};

	if (e->route.present)
		hub_routes_take(&sim.hub, &m, 1);
	else
		hub_routes_gone(&sim.hub, &m.prefix, 1);
}

static struct ip_prefix numbered(uint32_t i)
{
	struct ip_prefix p = prefix("10.0.0.0/24");

	p.addr.bytes[1] = (uint8_t)(1 + i);
	return p;
}

static struct hub_tunnel *state_of(uint32_t tunnel)
{
	return hub_tunnel(&sim.hub, tunnel);
}

static void set_tunnel(uint32_t tunnel, bool up)
{
	state_of(tunnel)->open = up;
	bgp_tunnel_set(lab.hub, tunnel, up, lab.now);
	if (up)
		return;
	settle();
	hub_routes_sweep(&sim.hub); /* what hub does 200 ms later */
}

static void lose_connections(uint32_t tunnel, bool tell_site)
{
	for (enum bgp_direction d = 0; d < BGP_DIRECTIONS; d++) {
		if (!lab.wire[tunnel][d].open)
			continue;
		lab.wire[tunnel][d] = (struct wire){0};
		bgp_closed(lab.hub, tunnel, d, "closed by the peer", lab.now);
		if (tell_site)
			bgp_closed(lab.site[tunnel], 0, other_end(d), "closed", lab.now);
	}
}

static bool is_static(uint32_t tunnel)
{
	return tunnel / TUNNELS_PER_SITE == STATIC;
}

static void start_site(uint32_t tunnel)
{
	if (is_static(tunnel))
		return;
	site_start(tunnel, 100 + tunnel);
	lab.site[tunnel]->config.graceful_restart = true;
	sim.alive[tunnel] = true;
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip_prefix p = numbered(i);

		if (draw(3) == 0)
			bgp_network_set(lab.site[tunnel], &p, true);
	}
}

static void toggle_site(uint32_t tunnel)
{
	if (is_static(tunnel))
		return;
	if (!sim.alive[tunnel]) {
		start_site(tunnel);
		return;
	}
	lose_connections(tunnel, false);
	bgp_free(lab.site[tunnel]);
	lab.site[tunnel] = NULL;
	sim.alive[tunnel] = false;
}

static void start_speaker(bool again)
{
	struct bgp_config config = {.local_as = HUB_AS,
		.router_id = 0x0a0a0a0a,
		.hold_s = 30,
		.keepalive_s = 10,
		.site_to_site = true,
		.graceful_restart = true,
		.restarted = again};

	lab.hub = bgp_new(1 + draw(1000));
	bgp_configure(lab.hub, &config, lab.now);
	for (uint32_t t = 0; t < TUNNELS; t++) {
		struct bgp_neighbor n = hub_neighbor(t);

		n.was_up = state_of(t)->bgp_was_up;
		n.is_static = is_static(t);
		n.ecmp = sim.sites[t / TUNNELS_PER_SITE].conf.ecmp;
		n.group = sim.sites[t / TUNNELS_PER_SITE].group;
		assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
		bgp_statics_set(lab.hub, t, sim.sites[STATIC].conf.statics.prefixes,
			sim.sites[STATIC].conf.statics.count);
		if (state_of(t)->open)
			bgp_tunnel_set(lab.hub, t, true, lab.now);
	}
}

static void restart_bgp(void)
{
	for (uint32_t t = 0; t < TUNNELS; t++) {
		state_of(t)->bgp_was_up = hub_sees(t) == FSM_ESTABLISHED;
		if (sim.alive[t])
			lose_connections(t, true);
	}
	hub_routes_mark_stale(&sim.hub);
	bgp_free(lab.hub);
	start_speaker(true);
	sim.held = true;
}

static void announce_one(uint32_t tunnel)
{
	struct ip_prefix p = numbered(draw(PREFIXES));

	if (sim.alive[tunnel])
		bgp_network_set(lab.site[tunnel], &p, draw(2));
}

/* A bgp process that lies: none of this may get in. */
static void lie(uint32_t tunnel)
{
	static const char *const lies[] = {"0.0.0.0/0", "::/0", "172.16.1.0/24", "172.16.0.0/16",
		"169.254.3.2/32", "198.51.100.0/24", "127.0.0.0/8", "30.1.0.0/24"};
	bool owner = sim.sites[tunnel / TUNNELS_PER_SITE].group ==
		     sim.sites[2].group; /* of the last one */
	uint32_t which = draw(owner ? 7 : 8);
	struct imsg_route m = {.prefix = prefix(lies[which]),
		.tunnel = tunnel,
		.source = (uint8_t)(is_static(tunnel) ? SOURCE_STATIC : SOURCE_BGP)};

	hub_routes_take(&sim.hub, &m, 1);
	assert_int_equal(fake_find(&sim.kernel, &m.prefix), -1);
	m.prefix.addr.bytes[15] = 1; /* bits behind the length */
	hub_routes_take(&sim.hub, &m, 1);
	assert_int_equal(fake_find(&sim.kernel, &m.prefix), -1);
	sim.refused += 2;
}

/* Somebody else changes the tables: the check finds it. */
static void meddle(void)
{
	struct fake_table *t = draw(2) ? &sim.kernel : &sim.trie;
	unsigned int which = t->count ? draw(t->count) : 0;
	uint64_t before = sim.hub.routes_mended;

	if (!t->count)
		return;
	if (t == &sim.trie && draw(2)) {
		t->rows[which].value ^= 2; /* another site's */
	} else {
		struct ip_prefix p = t->rows[which].prefix;

		fake_del(t, &p);
	}
	sim.hub.check_again_ns = 0;
	hub_routes_check(&sim.hub, lab.now);
	assert_true(sim.hub.routes_mended > before);
	sim.meddled++;
}

static void one_event(void)
{
	uint32_t tunnel = draw(TUNNELS);

	switch (draw(11)) {
	case 0:
		set_tunnel(tunnel, !state_of(tunnel)->open);
		return;
	case 1:
		toggle_site(tunnel);
		return;
	case 2:
		bgp_path_down(lab.hub, tunnel, "control detection time expired", lab.now);
		return;
	case 3:
		if (draw(8) == 0)
			restart_bgp();
		return;
	case 4:
		if (state_of(tunnel)->open)
			lie(tunnel);
		return;
	case 5:
		lab.now += draw(20) * CLOCK_SECOND;
		return;
	case 6:
		meddle();
		return;
	default:
		announce_one(tunnel);
	}
}

/* ---- what must hold ---- */

/* TC sends to these tunnels, and to no others. */
static void check_shares(uint32_t value, const struct route_shares *set)
{
	const struct route_share *is = &sim.shares[value >> SHARE];

	assert_int_equal(value >> SHARE != 0, set->count != 0);
	for (unsigned int i = 0; i < set->count; i++) {
		assert_int_equal(is->members[i].tunnel, set->tunnels[i]);
		assert_int_equal(is->members[i].weight, 1);
	}
	assert_true(set->count == ROUTE_SHARES_MAX || !is->members[set->count].weight);
}

static void check_entry(void *context, struct route_entry *e)
{
	unsigned int *count = context;
	const struct ip_prefix prefix = route_prefix(e);
	int trie = fake_find(&sim.trie, &prefix);

	assert_true(e->installed);
	assert_true(state_of(e->tunnel)->open);
	assert_true(trie >= 0 && fake_find(&sim.kernel, &prefix) >= 0);
	assert_int_equal(sim.trie.rows[trie].value,
		e->tunnel | (uint32_t)route_table_share(sim.hub.routes, e) << SHARE);
	check_shares(sim.trie.rows[trie].value, route_table_sharing(sim.hub.routes, e));
	++*count;
}

static void check_always(void)
{
	unsigned int count = 0;

	route_table_each(sim.hub.routes, check_entry, &count);
	assert_int_equal(count, sim.trie.count);
	assert_int_equal(count, sim.kernel.count);
}

static void check_shared(uint32_t value, const struct rib_prefix *e)
{
	struct rib_prefix copy = *e;
	struct decision d = decide(&lab.hub->policy, &lab.hub->rib.paths, &copy);
	unsigned int sites = 0;

	check_shares(value, &d.shares);
	for (unsigned int i = 0; i < d.shares.count; i++) {
		assert_true(state_of(d.shares.tunnels[i])->open);
		sites |= 1u << d.shares.tunnels[i] / TUNNELS_PER_SITE;
	}
	sim.shared += d.shares.count > 0;
	sim.across += sites == 5;
}

static void check_at_rest(void)
{
	unsigned int expected = 0, by_site = 0;

	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct ip_prefix p = numbered(i);
		struct rib_prefix *e = rib_find(&lab.hub->rib, &p);
		int at = fake_find(&sim.trie, &p);

		if (!e || !e->best) {
			assert_int_equal(at, -1);
			continue;
		}
		assert_true(at >= 0);
		assert_int_equal(sim.trie.rows[at].value & ((1 << SHARE) - 1), e->best_tunnel);
		check_shared(sim.trie.rows[at].value, e);
		expected++;
	}
	assert_int_equal(expected, sim.trie.count);
	for (int i = 0; i < TUNNELS / TUNNELS_PER_SITE; i++)
		by_site += sim.sites[i].routes;
	assert_int_equal(by_site, expected);
}

static void rest(void)
{
	for (int i = 0; i < 80; i++) {
		lab.now += CLOCK_SECOND;
		settle();
		if (sim.held && bgp_is_settled(lab.hub, lab.now)) {
			hub_routes_drop_stale(&sim.hub);
			sim.held = false;
		}
		check_always();
	}
	if (sim.held) /* what SETTLE_S does */
		hub_routes_drop_stale(&sim.hub);
	sim.held = false;
	check_always();
	check_at_rest();
}

static void set_up(uint32_t seed, bool grouped)
{
	memset(&lab, 0, sizeof(lab));
	memset(&sim, 0, sizeof(sim));
	sim.random = seed;
	lab.now = 1000 * CLOCK_SECOND;
	lab.piece = 4096;
	lab.hub_connects = lab.site_connects = true;
	lab.on_route = on_route;
	sim.hub.config = &sim.config;
	sim.hub.routes = route_table_new();
	sim.config.concentrator.networks =
		(struct networks_conf){.count = 1, .prefixes = {prefix("172.16.0.0/16")}};
	sim.config.concentrator.endpoint_count = 1;
	sim.config.concentrator.endpoints[0].address_count = 1;
	sim.config.concentrator.endpoints[0].addresses[0] = address("198.51.100.%u", 1);
	for (uint32_t i = 0; i < TUNNELS / TUNNELS_PER_SITE; i++) {
		sim.sites[i].slot = i;
		sim.sites[i].group = grouped && i == 2 ? 0 : i;
		sim.sites[i].conf.max_prefixes_in = 1000;
		sim.sites[i].conf.propagate = true;
		sim.hub.sites[i] = &sim.sites[i];
		snprintf(sim.sites[i].conf.name, SITE_NAME_SIZE, "s%u", i);
	}
	sim.sites[2].conf.prefixes =
		(struct networks_conf){.count = 1, .prefixes = {prefix("30.0.0.0/8")}};
	claims_add(&sim.hub.claims, &sim.sites[2].conf.prefixes.prefixes[0], sim.sites[2].group);
	claims_sort(&sim.hub.claims);
	sim.sites[2].conf.ecmp = true;
	sim.sites[0].conf.ecmp = grouped;
	sim.sites[STATIC].conf.routing = ROUTING_STATIC;
	sim.sites[STATIC].conf.statics = (struct statics_conf){
		.count = 2, .prefixes = {numbered(1), numbered(PREFIXES - 1)}};
	for (uint32_t t = 0; t < TUNNELS; t++)
		state_of(t)->open = true;
	start_speaker(false);
	for (uint32_t t = 0; t < TUNNELS; t++)
		start_site(t);
}

static void tear_down(void)
{
	for (int t = 0; t < TUNNELS; t++)
		bgp_free(lab.site[t]);
	bgp_free(lab.hub);
	route_table_free(sim.hub.routes);
	claims_fini(&sim.hub.claims);
}

static void events_in_any_order(void **state)
{
	unsigned int installs = 0, refused = 0, shared = 0, across = 0, meddled = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		set_up(seed, seed & 1);
		rest();
		for (int i = 0; i < STEPS; i++) {
			one_event();
			settle();
			check_always();
			if (i % 50 == 49)
				rest();
		}
		rest();
		installs += sim.installs;
		refused += sim.refused;
		shared += sim.shared;
		across += sim.across;
		meddled += sim.meddled;
		tear_down();
	}
	assert_true(installs > SEEDS * 100);
	assert_true(refused > SEEDS * 10);
	assert_true(shared > SEEDS);
	assert_true(across > SEEDS);
	assert_true(meddled > SEEDS * 10);
}

/* The owner of a claim passes where another does not. */
static void the_guard_knows_owners(void **state)
{
	struct imsg_route m = {.prefix = prefix("30.1.0.0/24"), .tunnel = 0};

	(void)state;
	set_up(99, false);
	assert_string_equal(hub_route_refusal(&sim.hub, &m), "it belongs to another site");
	m.tunnel = 4;
	assert_null(hub_route_refusal(&sim.hub, &m));
	m.tunnel = 77;
	assert_string_equal(hub_route_refusal(&sim.hub, &m), "it leads to no site");
	/* Outside addresses: of every site with an open tunnel but the one that announces it. */
	m.tunnel = 0;
	for (uint32_t t = 0; t < TUNNELS; t++)
		state_of(t)->ike.peer.addr = address("203.0.113.%u", 10 - t);
	state_of(2)->open = false;
	for (uint32_t t = 0; t < TUNNELS; t++) {
		bool refused = t / TUNNELS_PER_SITE != 0 && t != 2;

		m.prefix = (struct ip_prefix){.addr = state_of(t)->ike.peer.addr, .len = 32};
		hub_guard_prepare(&sim.hub);
		assert_int_equal(hub_route_refusal(&sim.hub, &m) != NULL, refused);
	}
	m.prefix = prefix("203.0.113.0/24");
	assert_string_equal(hub_route_refusal(&sim.hub, &m),
		"it covers an outside address of the hub or of another site");
	m.prefix = prefix("203.0.112.0/24");
	assert_null(hub_route_refusal(&sim.hub, &m));
	m = (struct imsg_route){.prefix = prefix("0.0.0.0/0")};
	assert_non_null(hub_route_refusal(&sim.hub, &m));
	sim.sites[0].conf.allow_default = true;
	assert_null(hub_route_refusal(&sim.hub, &m));
	m.prefix = prefix("11.0.0.0/8");
	m.source = SOURCE_STATIC;
	assert_string_equal(hub_route_refusal(&sim.hub, &m),
		"it is not among the static routes of the site, or those of its sessions");
	m.tunnel = 2;
	assert_non_null(hub_route_refusal(&sim.hub, &m));
	m.prefix = numbered(1);
	assert_null(hub_route_refusal(&sim.hub, &m));
	m.source = SOURCE_BGP;
	m.tunnel = 0;
	m.shares = (struct route_shares){2, {0, 1}};
	assert_string_equal(hub_share_refusal(&sim.hub, &m), "the site does not share its tunnels");
	m.shares.count = 0;
	sim.sites[0].conf.propagate = false;
	assert_string_equal(
		hub_route_refusal(&sim.hub, &m), "routes of the site are not propagated");
	sim.sites[0].conf.propagate = true;
	sim.sites[0].conf.max_prefixes_in = 0;
	assert_string_equal(hub_route_refusal(&sim.hub, &m), "there are too many routes");
	tear_down();
}

/* nobody is drawn into a set who did not ask for it, or has no part in the prefix. */
static void the_guard_knows_who_shares(void **state)
{
	struct imsg_route m = {
		.prefix = prefix("20.1.0.0/24"), .source = SOURCE_BGP, .shares = {4, {0, 1, 4, 5}}};
	static const struct {
		struct route_shares shares;
		const char *why;
	} bad[] = {
		{{4, {0, 1, 2, 4}},
			"it is not among the static routes of the site, or those of its sessions"},
		{{1, {0}}, "it has too many tunnels, or too few"},
		{{ROUTE_SHARES_MAX + 1, {0, 1}}, "it has too many tunnels, or too few"},
		{{2, {4, 5}}, "the best tunnel does not share it"},
		{{3, {0, 5, 4}}, "its tunnels are in no order"},
		{{2, {0, 0}}, "its tunnels are in no order"},
		{{3, {0, 1, 77}}, "it leads to no site"},
	};

	(void)state;
	set_up(97, true);
	assert_null(hub_share_refusal(&sim.hub, &m));
	hub_routes_take(&sim.hub, &m, 1);
	assert_true(sim.trie.rows[fake_find(&sim.trie, &m.prefix)].value >> SHARE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m.shares = bad[i].shares;
		assert_string_equal(hub_share_refusal(&sim.hub, &m), bad[i].why);
		hub_routes_take(&sim.hub, &m, 1); /* the best one carries alone */
		assert_int_equal(sim.trie.rows[fake_find(&sim.trie, &m.prefix)].value, 0);
	}
	m.shares = (struct route_shares){2, {0, 4}};
	sim.sites[2].group = 2;
	assert_string_equal(
		hub_share_refusal(&sim.hub, &m), "sites of different groups do not share");
	sim.sites[2].group = 0;
	m.prefix = prefix("0.0.0.0/0");
	sim.sites[0].conf.allow_default = true; /* but not the other */
	assert_non_null(hub_share_refusal(&sim.hub, &m));
	m.prefix = prefix("20.1.0.0/24");
	sim.sites[2].conf.ecmp = false;
	assert_string_equal(hub_share_refusal(&sim.hub, &m), "the site does not share its tunnels");
	tear_down();
}

/* Whoever leaves a group or joins it, the others keep their number, and nobody has it beside them. */
static void groups_keep_their_numbers(void **state)
{
	static struct hub h;
	static struct hub_site sites[4];
	uint32_t number;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		sites[i].slot = i;
		snprintf(sites[i].conf.group, SITE_NAME_SIZE, "%s", i == 3 ? "" : "twins");
		hub_group_choose(&h, &sites[i]);
		h.sites[i] = &sites[i];
	}
	number = sites[0].group;
	assert_true(number >= HUB_SITE_SLOTS);
	assert_int_equal(sites[1].group, number);
	assert_int_equal(sites[3].group, 3);
	h.sites[0] = NULL; /* the lowest goes, and its place is another's */
	hub_group_choose(&h, &sites[1]);
	assert_int_equal(sites[1].group, number);
	snprintf(sites[0].conf.group, SITE_NAME_SIZE, "others");
	hub_group_choose(&h, &sites[0]);
	h.sites[0] = &sites[0];
	assert_int_not_equal(sites[0].group, number);
	/* All of it is given another name: one after the other. */
	for (int i = 1; i < 3; i++) {
		snprintf(sites[i].conf.group, SITE_NAME_SIZE, "pair");
		hub_group_choose(&h, &sites[i]);
		assert_int_not_equal(sites[i].group, sites[0].group);
		assert_int_equal(sites[i].group == number, false);
	}
	assert_int_equal(sites[1].group, sites[2].group);
	/* A number that is in use is passed over. */
	h.next_group = sites[0].group - HUB_SITE_SLOTS;
	sites[3].conf.group[0] = 'x';
	hub_group_choose(&h, &sites[3]);
	assert_int_not_equal(sites[3].group, sites[0].group);
	assert_int_not_equal(sites[3].group, sites[1].group);
}

/* V-07: weights are there where classes are mixed. When there is no room for a set, the best carries. */
static void sets_have_weights_and_end(void **state)
{
	struct imsg_route m = {
		.prefix = prefix("20.1.0.0/24"), .source = SOURCE_BGP, .shares = {3, {0, 1, 5}}};
	struct shares *shares;
	struct route_entry *e;
	uint16_t number;

	(void)state;
	set_up(96, true);
	shares = route_table_shares(sim.hub.routes);
	for (int large = 0; large < 2; large++) {
		sim.sites[2].conf.bandwidth = large ? BANDWIDTH_LARGE : BANDWIDTH_STANDARD;
		hub_routes_take(&sim.hub, &m, 1);
		e = route_table_find(sim.hub.routes, &m.prefix);
		number = route_table_share(sim.hub.routes, e);
		for (int i = 0; i < 3; i++)
			assert_int_equal(sim.shares[number].members[i].weight,
				large && i == 2 ? SLUICE_SHARE_LARGE : 1);
		hub_routes_gone(&sim.hub, &m.prefix, 1);
		assert_int_equal(shares_find(shares, &m.shares), 0);
	}
	for (uint16_t i = 1; i < SLUICE_MAX_SHARES; i++) {
		struct route_shares other = {2, {100, (uint16_t)(1000 + i)}};

		shares_hold(shares, shares_add(shares, &other));
		assert_true(shares_find(shares, &other));
	}
	hub_routes_take(&sim.hub, &m, 1);
	e = route_table_find(sim.hub.routes, &m.prefix);
	assert_int_equal(route_table_share(sim.hub.routes, e), 0);
	assert_int_equal(sim.trie.rows[fake_find(&sim.trie, &m.prefix)].value, 0);
	shares_release(shares, 17);
	hub_routes_take(&sim.hub, &m, 1);
	assert_int_equal(sim.trie.rows[fake_find(&sim.trie, &m.prefix)].value, 17 << SHARE);
	tear_down();
}

/* One of a batch is refused: it is in neither table, the others are in both. */
static void a_refused_route_is_nowhere(void **state)
{
	struct imsg_route m[3] = {{.prefix = prefix("11.0.0.0/8")},
		{.prefix = prefix("12.0.0.0/8")}, {.prefix = prefix("13.0.0.0/8")}};

	(void)state;
	set_up(98, false);
	sim.sites[0].tunnels[0].open = true;
	sim.not_taken = m[1].prefix;
	hub_routes_take(&sim.hub, m, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fake_find(&sim.kernel, &m[i].prefix) >= 0, i != 1);
		assert_int_equal(fake_find(&sim.trie, &m[i].prefix) >= 0, i != 1);
		assert_int_equal(route_table_find(sim.hub.routes, &m[i].prefix)->installed, i != 1);
	}
	sim.not_taken = (struct ip_prefix){0};
	hub_routes_take(&sim.hub, &m[1], 1); /* said again, it is tried again */
	assert_true(fake_find(&sim.kernel, &m[1].prefix) >= 0);
	sim.not_taken = m[2].prefix;
	m[2].tunnel = 1;
	hub_routes_take(&sim.hub, &m[2], 1);
	assert_int_equal(fake_find(&sim.kernel, &m[2].prefix), -1);
	sim.not_taken = (struct ip_prefix){0};
	hub_routes_check(&sim.hub, lab.now); /* and without that too */
	assert_true(fake_find(&sim.kernel, &m[2].prefix) >= 0);
	assert_int_equal(sim.hub.routes_mended, 0);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_in_any_order),
		cmocka_unit_test(the_guard_knows_owners),
		cmocka_unit_test(the_guard_knows_who_shares),
		cmocka_unit_test(groups_keep_their_numbers),
		cmocka_unit_test(sets_have_weights_and_end),
		cmocka_unit_test(a_refused_route_is_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
