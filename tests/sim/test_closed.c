/* SPDX-License-Identifier: Apache-2.0 */
/* What sites have announced stays closed for the hub's own packets, and what goes before it does not. */
#include "routes_world.h"

#define OUTSIDE 7
#define ROUND   (10 * CLOCK_SECOND)

static int setup(void **state)
{
	(void)state;
	set_up(1, false);
	for (uint32_t t = 0; t < TUNNELS; t++)
		bgp_tunnel_set(lab.hub, t, false, lab.now); /* it says nothing by itself */
	sim.hub.model.host.outside_count = 1;
	sim.hub.model.host.outside[0].ifindex = OUTSIDE;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tear_down();
	return 0;
}

static void announced(uint32_t tunnel, const char *text)
{
	struct imsg_route m = {.prefix = prefix(text),
		.tunnel = tunnel,
		.source = (uint8_t)(is_static(tunnel) ? SOURCE_STATIC : SOURCE_BGP)};

	hub_routes_take(&sim.hub, &m, 1);
	assert_true(fake_find(&fake.kernel, &m.prefix) >= 0);
}

static void withdrawn(const char *text)
{
	struct ip_prefix p = prefix(text);

	hub_routes_gone(&sim.hub, &p, 1);
	assert_int_equal(fake_find(&fake.kernel, &p), -1);
}

/* The tunnel, SLUICE_NOT_CLOSED, or -1: TC knows nothing of it. */
static int64_t closed(const char *text)
{
	struct ip_prefix p = prefix(text);
	int i = fake_find(&fake.closed, &p);

	return i < 0 ? -1 : (int64_t)fake.closed.rows[i].value;
}

static void it_outlasts_the_route(void **state)
{
	(void)state;
	announced(0, "20.1.0.0/16");
	announced(1, "20.2.0.0/16");
	announced(0, "2001:db8:20::/48");
	withdrawn("20.1.0.0/16");
	withdrawn("2001:db8:20::/48");
	assert_int_equal(closed("20.1.0.0/16"), 0);
	assert_int_equal(closed("20.2.0.0/16"), 1);
	assert_int_equal(closed("2001:db8:20::/48"), 0);
	/* Whoever had it last is whom it goes with. */
	announced(4, "20.1.0.0/16");
	withdrawn("20.1.0.0/16");
	assert_int_equal(closed("20.1.0.0/16"), 4);
	closed_forget_site(&sim.hub, 0);
	assert_int_equal(closed("20.1.0.0/16"), 4);
	assert_int_equal(closed("20.2.0.0/16"), -1);
	assert_int_equal(closed("2001:db8:20::/48"), -1);
	assert_int_equal(closed_count(sim.hub.closed), 1);
}

static void what_others_close_or_nobody_is_left_out(void **state)
{
	(void)state;
	announced(2, "10.2.0.0/24"); /* static: there is an unreachable route */
	sim.sites[0].conf.allow_default = true;
	announced(0, "0.0.0.0/0");
	assert_int_equal(closed_count(sim.hub.closed), 0);
}

static void a_site_has_a_limit(void **state)
{
	char text[32];

	(void)state;
	sim.sites[0].conf.max_prefixes_in = 2; /* of each family: 8 are remembered */
	sim.sites[0].conf.tunnels[0].inside = prefix("169.254.9.0/30");
	hub_inside_set(&sim.hub, &sim.sites[0], 0, true);
	announced(0, "20.0.0.0/16");
	for (int i = 1; i < 7; i++) {
		snprintf(text, sizeof(text), "20.%d.0.0/16", i);
		announced(0, text);
		withdrawn(text);
	}
	announced(4, "30.1.0.0/16");
	withdrawn("30.1.0.0/16");
	assert_int_equal(closed("20.1.0.0/16"), 0);
	announced(0, "20.7.0.0/16");
	assert_int_equal(closed("20.1.0.0/16"), -1);
	assert_int_equal(closed("20.6.0.0/16"), -1);
	assert_int_equal(closed("20.0.0.0/16"), 0); /* is routed */
	assert_int_equal(closed("20.7.0.0/16"), 0);
	assert_int_equal(closed("169.254.9.2/32"), 0);
	assert_int_equal(closed("30.1.0.0/16"), 4); /* of another site */
	assert_int_equal(closed_count(sim.hub.closed), 4);

	/* Also of what another site had first. */
	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "40.%d.0.0/16", i);
		announced(4, text);
		withdrawn(text);
		announced(0, text);
		withdrawn(text);
		assert_true(closed_count(sim.hub.closed) <= 1 + 8);
	}
	assert_int_equal(closed("40.19.0.0/16"), 0);
}

static void at_second(uint64_t s)
{
	closed_age(&sim.hub, s * CLOCK_SECOND);
}

/* As long as it was known, after the withdrawal by a site that has a session. */
static void a_withdrawal_ends_it(void **state)
{
	enum { DAY = 24 * 3600, T = 10 * DAY };
	struct ip_prefix gone = prefix("20.1.0.0/16");

	(void)state;
	at_second(T);
	announced(0, "20.1.0.0/16");
	announced(4, "20.2.0.0/16");
	at_second(T + 3);
	withdrawn("20.1.0.0/16");
	at_second(T + 10); /* nobody has a session: a loss, no withdrawal */
	at_second(T + 100);
	assert_int_equal(closed("20.1.0.0/16"), 0);
	sim.sites[0].tunnels[1].bgp.state = BGP_ESTABLISHED;
	at_second(T + 101);
	at_second(T + 201);
	assert_int_equal(closed("20.1.0.0/16"), 0);
	at_second(T + 202);
	assert_int_equal(closed("20.1.0.0/16"), -1);
	assert_int_equal(closed("20.2.0.0/16"), 4);
	assert_int_equal(closed_count(sim.hub.closed), 1);

	announced(0, "20.1.0.0/16");
	at_second(T + 210);
	withdrawn("20.1.0.0/16");
	at_second(T + 210);
	at_second(T + 215);
	sim.sites[0].tunnels[1].bgp.state = BGP_IDLE; /* it cannot say that it has it again */
	at_second(T + 219);
	at_second(T + 300);
	assert_int_equal(closed("20.1.0.0/16"), 0);
	announced(0, "20.1.0.0/16"); /* a day at most, however long it was there */
	sim.sites[0].tunnels[1].bgp.state = BGP_ESTABLISHED;
	at_second(T + 5 * DAY);
	withdrawn("20.1.0.0/16");
	at_second(T + 5 * DAY);
	at_second(T + 6 * DAY - 1);
	assert_int_equal(closed("20.1.0.0/16"), 0);
	at_second(T + 6 * DAY);
	assert_int_equal(closed("20.1.0.0/16"), -1);
	assert_string_equal(closed_release(&sim.hub, &gone), "no such prefix is closed");
}

static void count_closed(void *context, const struct closed_view *v)
{
	(void)v;
	++*(unsigned int *)context;
}

static unsigned int shown(void)
{
	unsigned int n = 0;

	closed_each(&sim.hub, count_closed, &n);
	return n;
}

static void an_operator_ends_it(void **state)
{
	struct ip_prefix p = prefix("20.1.0.0/16"), fixed = prefix("10.2.0.0/24"),
			 inside = prefix("169.254.9.2/32");

	(void)state;
	sim.sites[0].conf.tunnels[0].inside = prefix("169.254.9.0/30");
	hub_inside_set(&sim.hub, &sim.sites[0], 0, true);
	announced(0, "20.1.0.0/16");
	assert_int_equal(shown(), 0);
	assert_string_equal(
		closed_release(&sim.hub, &p), "a site announces it: a route leads there");
	withdrawn("20.1.0.0/16");
	assert_int_equal(shown(), 1);
	sim.sites[0].tunnels[0].open = false;
	assert_int_equal(shown(), 2);
	assert_null(closed_release(&sim.hub, &p));
	assert_int_equal(closed("20.1.0.0/16"), -1);
	assert_int_equal(shown(), 1);
	assert_string_equal(
		closed_release(&sim.hub, &inside), "it is the inside address of a tunnel");
	assert_string_equal(
		closed_release(&sim.hub, &fixed), "it is a static route of the configuration");
	assert_int_equal(closed("169.254.9.2/32"), 0);
}

static void other_routes_go_before(void **state)
{
	(void)state;
	fake.by_device[0] = prefix("20.1.0.0/16");
	fake.by_device[1] = prefix("20.2.3.0/24");
	fake.by_device_count = 2;
	sim.sites[0].conf.tunnels[0].address = address("203.0.113.%u", 9);
	announced(0, "20.2.0.0/16");
	closed_spare(&sim.hub, ROUND);
	announced(0, "20.1.0.0/16");
	withdrawn("20.1.0.0/16");
	assert_int_equal(closed("20.1.0.0/16"), SLUICE_NOT_CLOSED);
	assert_int_equal(closed("20.2.3.0/24"), SLUICE_NOT_CLOSED);
	assert_int_equal(closed("20.2.0.0/16"), 0);
	assert_int_equal(closed("203.0.113.9/32"), SLUICE_NOT_CLOSED);
	assert_int_equal(closed("224.0.0.0/3"), SLUICE_NOT_CLOSED);

	fake.by_device_count = 0;
	fake.by_device_unread = true;
	closed_spare(&sim.hub, ROUND + CLOCK_SECOND); /* not yet */
	assert_int_equal(closed("20.2.3.0/24"), SLUICE_NOT_CLOSED);
	closed_spare(&sim.hub, 2 * ROUND); /* the kernel does not say */
	assert_int_equal(closed("20.2.3.0/24"), SLUICE_NOT_CLOSED);
	fake.by_device_unread = false;
	closed_spare(&sim.hub, 3 * ROUND);
	assert_int_equal(closed("20.1.0.0/16"), 0);
	assert_int_equal(closed("20.2.3.0/24"), -1);
	assert_int_equal(closed("203.0.113.9/32"), SLUICE_NOT_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_outlasts_the_route, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_others_close_or_nobody_is_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_site_has_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_withdrawal_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(an_operator_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(other_routes_go_before, setup, teardown),
	};

	return cmocka_run_group_tests_name("closed", tests, NULL, NULL);
}
