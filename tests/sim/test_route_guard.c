/* SPDX-License-Identifier: Apache-2.0 */
/* What hub makes of routes that bgp reports: whom it believes, who shares, what is refused. */
#include "routes_world.h"

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
	m.tunnel = 0;
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

static const char *refusal(const char *text, uint32_t tunnel, enum route_source source)
{
	struct imsg_route m = {.prefix = prefix(text), .tunnel = tunnel, .source = (uint8_t)source};

	return hub_route_refusal(&sim.hub, &m);
}

/* Whoever came first, and the announcing site's own too; but nobody dials himself into a declared prefix. */
static void outside_addresses_are_nobodys(void **state)
{
	const char *why = reserved_reason(RESERVED_OUTSIDE);

	(void)state;
	set_up(99, false);
	for (uint32_t t = 0; t < TUNNELS; t++)
		state_of(t)->came_from = address("203.0.113.%u", 10 - t);
	state_of(4)->came_from = address("30.1.0.%u", 9); /* 30.0.0.0/8 is its own */
	state_of(1)->came_from = address("30.1.0.%u", 8);
	state_of(2)->open = false;
	state_of(3)->ike.peer.addr = address("203.0.113.%u", 99); /* it moved */
	sim.config.concentrator.endpoint_count = 1;
	sim.config.concentrator.endpoints[0].address_count = 1;
	sim.config.concentrator.endpoints[0].addresses[0] = address("198.51.100.%u", 1);
	sim.sites[0].conf.tunnels[0].configured = true;
	sim.sites[0].conf.tunnels[0].address = address("100.64.1.%u", 2);
	assert_true(hub_reserved_gather(&sim.hub));
	assert_false(hub_reserved_gather(&sim.hub));
	assert_string_equal(refusal("203.0.113.10/32", 0, SOURCE_BGP), why); /* its own */
	assert_string_equal(refusal("203.0.113.0/24", 4, SOURCE_BGP), why);
	assert_string_equal(refusal("198.51.0.0/16", 0, SOURCE_BGP), why);
	assert_string_equal(refusal("100.64.1.0/30", 0, SOURCE_BGP), why);
	assert_null(refusal("203.0.113.8/32", 0, SOURCE_BGP)); /* its tunnel is closed */
	assert_null(refusal("203.0.113.99/32", 0, SOURCE_BGP));
	assert_string_equal(refusal("30.1.0.9/32", 4, SOURCE_BGP), why);
	assert_null(refusal("30.1.0.8/32", 4, SOURCE_BGP));
	assert_int_equal(reserved_count(&sim.hub.rules->reserved), 6);
	state_of(4)->open = false;
	assert_true(hub_reserved_gather(&sim.hub));
	assert_null(refusal("30.1.0.0/24", 4, SOURCE_BGP));
	tear_down();
}

static void a_filter_holds_for_bgp_as_it_is(void **state)
{
	(void)state;
	set_up(99, false);
	sim.sites[0].conf.accept.count = 1;
	assert_true(prefix_rule_parse("10.1.0.0/16 le 24", &sim.sites[0].conf.accept.rules[0]));
	assert_null(refusal("10.1.9.0/24", 0, SOURCE_BGP));
	assert_string_equal(
		refusal("10.1.9.0/25", 1, SOURCE_BGP), "the site may not announce it (accept)");
	assert_non_null(refusal("10.5.0.0/16", 0, SOURCE_BGP));
	assert_null(refusal("10.5.0.0/16", 4, SOURCE_BGP));
	tear_down();
}

static void connected_networks_are_nobodys(void **state)
{
	const char *why = reserved_reason(RESERVED_CONNECTED);

	(void)state;
	set_up(99, false);
	sim.hub.rules->connected[0] = prefix("192.168.77.0/24");
	sim.hub.rules->connected[1] = prefix("172.31.1.1/32");
	sim.hub.rules->connected[2] = prefix("10.2.0.0/16"); /* around a static route of site 1 */
	sim.hub.rules->connected_count = 3;
	assert_true(hub_reserved_gather(&sim.hub));
	assert_string_equal(refusal("192.168.77.5/32", 0, SOURCE_BGP), why);
	assert_string_equal(refusal("192.168.77.0/24", 0, SOURCE_BGP), why);
	assert_string_equal(refusal("172.31.1.1/32", 0, SOURCE_BGP), why);
	assert_null(refusal("192.168.0.0/16", 0, SOURCE_BGP)); /* the kernel takes the longer one */
	assert_null(refusal("172.31.1.0/24", 0, SOURCE_BGP));
	assert_string_equal(refusal("10.2.0.0/24", 0, SOURCE_BGP), why);
	assert_null(refusal("10.2.0.0/24", 2, SOURCE_STATIC)); /* the word of the configuration */
	assert_string_equal(
		refusal("240.1.0.0/16", 0, SOURCE_BGP), "such addresses are never forwarded");
	assert_string_equal(
		refusal("0.1.0.0/16", 0, SOURCE_BGP), "such addresses are never forwarded");
	tear_down();
}

/* Nobody is drawn into a set who did not ask for it, or has no part in the prefix. */
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
	assert_true(fake.trie.rows[fake_find(&fake.trie, &m.prefix)].value >> SHARE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m.shares = bad[i].shares;
		assert_string_equal(hub_share_refusal(&sim.hub, &m), bad[i].why);
		hub_routes_take(&sim.hub, &m, 1); /* the best one carries alone */
		assert_int_equal(fake.trie.rows[fake_find(&fake.trie, &m.prefix)].value, 0);
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

/* Other rules hold for routes that are there too, whatever bgp makes of them. */
static void rules_that_change_are_obeyed(void **state)
{
	const struct imsg_route shared = {
		.prefix = prefix("20.1.0.0/24"), .source = SOURCE_BGP, .shares = {3, {0, 1, 4}}};
	struct imsg_route claimed = {.prefix = prefix("40.1.0.0/24"), .source = SOURCE_BGP};
	struct hub *h = &sim.hub;
	unsigned int installs;

	(void)state;
	for (int how = 0; how < 3; how++) {
		set_up(95, true);
		hub_routes_take(h, &shared, 1);
		hub_routes_take(h, &claimed, 1);
		assert_true(fake.trie.rows[fake_find(&fake.trie, &shared.prefix)].value >> SHARE);
		installs = fake.installs;
		h->fib->rules_changed = true;
		hub_routes_judge(h); /* to the same */
		assert_int_equal(fake.installs, installs);
		if (how == 0)
			sim.sites[2].group = 2; /* it is no longer of the location */
		else if (how == 1)
			sim.sites[2].conf.ecmp = false;
		else
			h->model.sites[2] = NULL; /* and another may get its number */
		claims_add(&h->rules->claims, &claimed.prefix, 77);
		claims_sort(&h->rules->claims);
		hub_routes_judge(h); /* nobody said so */
		assert_int_equal(fake.installs, installs);
		h->fib->rules_changed = true;
		hub_routes_judge(h);
		assert_int_equal(fake.trie.rows[fake_find(&fake.trie, &shared.prefix)].value, 0);
		assert_int_equal(shares_find(route_table_shares(h->fib->table), &shared.shares), 0);
		assert_null(route_table_find(h->fib->table, &claimed.prefix));
		assert_int_equal(fake_find(&fake.trie, &claimed.prefix), -1);
		assert_false(h->fib->rules_changed);
		tear_down();
	}
}

/* Whoever leaves a group or joins it, the others keep their number, and nobody has it beside them. */
static void groups_keep_their_numbers(void **state)
{
	static struct hub h;
	static struct site sites[4];
	uint32_t number;

	(void)state;
	h.rules = route_rules_new();
	for (uint32_t i = 0; i < 4; i++) {
		sites[i].slot = i;
		snprintf(sites[i].conf.group, SITE_NAME_SIZE, "%s", i == 3 ? "" : "twins");
		hub_group_choose(&h, &sites[i]);
		h.model.sites[i] = &sites[i];
	}
	number = sites[0].group;
	assert_true(number >= SITE_SLOTS);
	assert_int_equal(sites[1].group, number);
	assert_int_equal(sites[3].group, 3);
	h.model.sites[0] = NULL; /* the lowest goes, and its place is another's */
	hub_group_choose(&h, &sites[1]);
	assert_int_equal(sites[1].group, number);
	snprintf(sites[0].conf.group, SITE_NAME_SIZE, "others");
	hub_group_choose(&h, &sites[0]);
	h.model.sites[0] = &sites[0];
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
	h.rules->next_group = sites[0].group - SITE_SLOTS;
	sites[3].conf.group[0] = 'x';
	hub_group_choose(&h, &sites[3]);
	assert_int_not_equal(sites[3].group, sites[0].group);
	assert_int_not_equal(sites[3].group, sites[1].group);
	route_rules_free(h.rules);
}

/* Weights are there where classes are mixed. When there is no room for a set, the best carries. */
static void sets_have_weights_and_end(void **state)
{
	struct imsg_route m = {
		.prefix = prefix("20.1.0.0/24"), .source = SOURCE_BGP, .shares = {3, {0, 1, 5}}};
	struct shares *shares;
	struct route_entry *e;
	uint16_t number;

	(void)state;
	set_up(96, true);
	shares = route_table_shares(sim.hub.fib->table);
	for (int large = 0; large < 2; large++) {
		sim.sites[2].conf.bandwidth = large ? BANDWIDTH_LARGE : BANDWIDTH_STANDARD;
		hub_routes_take(&sim.hub, &m, 1);
		e = route_table_find(sim.hub.fib->table, &m.prefix);
		number = route_table_share(sim.hub.fib->table, e);
		for (int i = 0; i < 3; i++)
			assert_int_equal(fake.shares[number].members[i].weight,
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
	e = route_table_find(sim.hub.fib->table, &m.prefix);
	assert_int_equal(route_table_share(sim.hub.fib->table, e), 0);
	assert_int_equal(fake.trie.rows[fake_find(&fake.trie, &m.prefix)].value, 0);
	shares_release(shares, 17);
	hub_routes_take(&sim.hub, &m, 1);
	assert_int_equal(fake.trie.rows[fake_find(&fake.trie, &m.prefix)].value, 17 << SHARE);
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
	fake.not_taken = m[1].prefix;
	hub_routes_take(&sim.hub, m, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fake_find(&fake.kernel, &m[i].prefix) >= 0, i != 1);
		assert_int_equal(fake_find(&fake.trie, &m[i].prefix) >= 0, i != 1);
		assert_int_equal(
			route_table_find(sim.hub.fib->table, &m[i].prefix)->installed, i != 1);
	}
	fake.not_taken = (struct ip_prefix){0};
	hub_routes_take(&sim.hub, &m[1], 1); /* said again, it is tried again */
	assert_true(fake_find(&fake.kernel, &m[1].prefix) >= 0);
	fake.not_taken = m[2].prefix;
	m[2].tunnel = 1;
	hub_routes_take(&sim.hub, &m[2], 1);
	assert_int_equal(fake_find(&fake.kernel, &m[2].prefix), -1);
	fake.not_taken = (struct ip_prefix){0};
	hub_routes_check(&sim.hub, lab.now); /* and without that too */
	assert_true(fake_find(&fake.kernel, &m[2].prefix) >= 0);
	assert_int_equal(sim.hub.model.plane.routes_mended, 0);
	tear_down();
}

/* What the hub itself sends must fit whichever tunnel a flow takes. */
static void a_shared_route_fits_its_narrowest_tunnel(void **state)
{
	static const uint16_t mtus[] = {1422, 1300, 1400};
	struct imsg_route m = {.prefix = prefix("10.44.0.0/16"),
		.tunnel = 4,
		.source = SOURCE_BGP,
		.shares = {.count = 2, .tunnels = {4, 5}}};
	int row;

	(void)state;
	set_up(99, false);
	sim.config.concentrator.packets.df = DF_COPY;
	for (uint32_t t = 0; t < 2; t++) {
		state_of(4 + t)->sa_count = 1;
		state_of(4 + t)->sas[0] = (struct tunnel_sa){.in_use = true, .inner_mtu = mtus[t]};
	}
	hub_routes_take(&sim.hub, &m, 1);
	row = fake_find(&fake.kernel, &m.prefix);
	assert_true(row >= 0);
	assert_int_equal(fake.kernel.rows[row].value, 1300);
	state_of(5)->sas[0].inner_mtu = mtus[2]; /* a rekey with another cipher */
	hub_routes_set_mtu(&sim.hub, 5);
	assert_int_equal(fake.kernel.rows[fake_find(&fake.kernel, &m.prefix)].value, 1400);
	state_of(5)->sas[0].inner_mtu = 1500;
	hub_routes_set_mtu(&sim.hub, 5);
	assert_int_equal(fake.kernel.rows[fake_find(&fake.kernel, &m.prefix)].value, 1422);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shared_route_fits_its_narrowest_tunnel),
		cmocka_unit_test(the_guard_knows_owners),
		cmocka_unit_test(outside_addresses_are_nobodys),
		cmocka_unit_test(connected_networks_are_nobodys),
		cmocka_unit_test(a_filter_holds_for_bgp_as_it_is),
		cmocka_unit_test(the_guard_knows_who_shares),
		cmocka_unit_test(rules_that_change_are_obeyed),
		cmocka_unit_test(groups_keep_their_numbers),
		cmocka_unit_test(sets_have_weights_and_end),
		cmocka_unit_test(a_refused_route_is_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
