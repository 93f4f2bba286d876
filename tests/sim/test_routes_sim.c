/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speaker, route table and guard together, under events in random order: tunnels, sessions, BFD,
 * announcements, restarts of sites and of the bgp process. Always: kernel and trie hold the same,
 * and only routes whose tunnel is open. At rest: exactly the best paths.
 */
#include "routes_world.h"

#include "bgp/decide.h"

#define STEPS 400
#define SEEDS 12

/* ---- events ---- */

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
		bgp_closed(lab.hub, tunnel, d, BGP_WHY_RESET, "closed by the peer", lab.now);
		if (tell_site)
			bgp_closed(lab.site[tunnel], 0, other_end(d), BGP_WHY_RESET, "closed",
				lab.now);
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
	assert_int_equal(fake_find(&fake.kernel, &m.prefix), -1);
	m.prefix.addr.bytes[15] = 1; /* bits behind the length */
	hub_routes_take(&sim.hub, &m, 1);
	assert_int_equal(fake_find(&fake.kernel, &m.prefix), -1);
	sim.refused += 2;
}

/* Somebody else changes the tables: the check finds it. */
static void meddle(void)
{
	struct fake_table *t = draw(2) ? &fake.kernel : &fake.trie;
	unsigned int which = t->count ? draw(t->count) : 0;
	uint64_t before = sim.hub.model.plane.routes_mended;

	if (!t->count)
		return;
	if (t == &fake.trie && draw(2)) {
		t->rows[which].value ^= 2; /* another site's */
	} else {
		struct ip_prefix p = t->rows[which].prefix;

		fake_del(t, &p);
	}
	sim.hub.fib->check_again_ns = 0;
	hub_routes_check(&sim.hub, lab.now);
	assert_true(sim.hub.model.plane.routes_mended > before);
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
	const struct route_share *is = &fake.shares[value >> SHARE];

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
	int trie = fake_find(&fake.trie, &prefix);

	assert_true(e->installed);
	assert_true(state_of(e->tunnel)->open);
	assert_true(trie >= 0 && fake_find(&fake.kernel, &prefix) >= 0);
	assert_int_equal(fake.trie.rows[trie].value,
		e->tunnel | (uint32_t)route_table_share(sim.hub.fib->table, e) << SHARE);
	check_shares(fake.trie.rows[trie].value, route_table_sharing(sim.hub.fib->table, e));
	++*count;
}

static void check_always(void)
{
	unsigned int count = 0;

	route_table_each(sim.hub.fib->table, check_entry, &count);
	assert_int_equal(count, fake.trie.count);
	assert_int_equal(count, fake.kernel.count);
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
		int at = fake_find(&fake.trie, &p);

		if (!e || !e->best) {
			assert_int_equal(at, -1);
			continue;
		}
		assert_true(at >= 0);
		assert_int_equal(fake.trie.rows[at].value & ((1 << SHARE) - 1), e->best_tunnel);
		check_shared(fake.trie.rows[at].value, e);
		expected++;
	}
	assert_int_equal(expected, fake.trie.count);
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
		installs += fake.installs;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
