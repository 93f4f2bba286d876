/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of sites, of gateways, and of all together when that is short: what stands in the buckets of the maps. */
#include "hub_world.h"

#define GATEWAY                                                                                    \
	"  - name: big\n"                                                                          \
	"    asn: 65003\n"                                                                         \
	"    class: gateway\n"                                                                     \
	"    rate: 700M\n"                                                                         \
	"    tunnels:\n"                                                                           \
	"      - { identity: g1.example.net, inside: 169.254.103.0/30, psk: 'file:DIR/psk' }\n"    \
	"      - { identity: g2.example.net, inside: 169.254.103.4/30, psk: 'file:DIR/psk' }\n"
#define SITES                                                                                      \
	WORLD_SITE("one", "1", "    packets_per_second: 5000\n") WORLD_SITE("two", "2", "") GATEWAY

static uint64_t limit(enum sluice_direction d, uint32_t slot)
{
	return fake.site_rates[d][slot].bits_per_second;
}

static int setup(void **state)
{
	(void)state;
	world_begin("", SITES);
	return 0;
}

static void every_site_has_its_own(void **state)
{
	(void)state;
	for (int d = 0; d < SLUICE_DIRECTIONS; d++) {
		assert_int_equal(limit((enum sluice_direction)d, 0), 100000000);
		assert_int_equal(fake.site_rates[d][0].packets_per_second, 5000);
		assert_int_equal(fake.site_rates[d][1].packets_per_second, 140000);
		assert_int_equal(fake.aggregate[d].bits_per_second, 5000000000);
		/* Each tunnel of a gateway has the limit, and none of the aggregate. */
		assert_int_equal(fake.tunnel_rates[d][4].bits_per_second, 700000000);
		assert_int_equal(fake.tunnel_rates[d][5].bits_per_second, 700000000);
		assert_int_equal(limit((enum sluice_direction)d, 2), 0);
		assert_false(world.hub->model.fair[d]->sites[2].present);
	}
	assert_true(fake.tunnels[4].own_limits);
	assert_false(fake.tunnels[0].own_limits);
}

/* As packets are offered, for some turns: bits per second of each site. */
static void offer(uint64_t one, uint64_t two)
{
	uint64_t last = clock_now(), until = last + 400 * CLOCK_MILLISECOND;

	while (last < until) {
		uint64_t now = clock_now(), ns = now - last;

		last = now;
		fake.site_stats[SLUICE_IN][0].offered.bytes += one / 8 * ns / CLOCK_SECOND;
		fake.site_stats[SLUICE_IN][1].offered.bytes += two / 8 * ns / CLOCK_SECOND;
		world_wait(3);
	}
}

/* Who wants more than its share gets the share, who wants less gets what it wants; then all is as before. */
static void a_short_aggregate_is_shared(void **state)
{
	uint64_t share;

	(void)state;
	world_directory();
	world_configure("", WORLD_SITE("one", "1", "") WORLD_SITE("two", "2", ""));
	{
		char command[200];

		snprintf(command, sizeof(command),
			"sed -i 's,aggregate_rate: 5G,aggregate_rate: 120M,' %s", world.path);
		assert_int_equal(system(command), 0);
	}
	world_run();
	fake.aggregate_used = 0.9;
	offer(90000000, 90000000);
	share = limit(SLUICE_IN, 0);
	assert_in_range(share, 30000000, 89000000);
	assert_int_equal(limit(SLUICE_IN, 1), share);
	assert_int_equal(limit(SLUICE_OUT, 0), 100000000);
	assert_int_equal(fake.site_rates[SLUICE_IN][0].burst_bytes, 0);
	fake.aggregate_used = 0;
	offer(1000000, 1000000);
	assert_int_equal(limit(SLUICE_IN, 0), 100000000);
	assert_int_equal(limit(SLUICE_IN, 1), 100000000);
}

static void packets_count(const char *concentrator)
{
	world_configure(concentrator, SITES);
	world_apply();
	assert_true(world.applied.ok);
	/* No turn later is one in which a site wants more than it has. */
	for (int i = 0; i < 40; i++) {
		world_wait(3);
		for (uint32_t slot = 0; slot < 2; slot++) {
			assert_int_equal(limit(SLUICE_IN, slot), 100000000);
			assert_true(world.hub->model.fair[SLUICE_IN]->sites[slot].rate < 1e6);
		}
		assert_false(fair_short(world.hub->model.fair[SLUICE_IN]));
	}
}

/* Counters are of all packets ever: counting them in another way is no traffic, whoever has had how much. */
static void to_count_in_another_way_offers_nothing(void **state)
{
	(void)state;
	for (uint32_t slot = 0; slot < SITE_SLOTS; slot++)
		fake.site_stats[SLUICE_IN][slot].offered =
			(struct traffic){UINT64_C(1000000000000), UINT64_C(700000000000000)};
	world_wait(100);
	for (int i = 0; i < 40; i++)
		world_wait(20);
	packets_count("  rate_bytes: outer\n");
	packets_count("  rate_bytes: inner\n");
	packets_count("  rate_bytes: outer\n");
}

/* Its slot may have been another one's, whose packets it has not sent. */
static void a_new_site_has_sent_nothing(void **state)
{
	(void)state;
	fake.site_stats[SLUICE_IN][3].offered =
		(struct traffic){UINT64_C(1000000000000), UINT64_C(700000000000000)};
	world_configure("  rate_bytes: outer\n", SITES);
	world_apply();
	world_wait(50);
	world_configure("  rate_bytes: outer\n", SITES WORLD_SITE("four", "4", ""));
	world_apply();
	assert_true(world.applied.ok);
	assert_int_equal(world_site("four")->slot, 3);
	for (int i = 0; i < 40; i++) {
		world_wait(3);
		assert_true(world.hub->model.fair[SLUICE_IN]->sites[3].rate < 1e6);
	}
}

static void a_removed_site_has_no_share(void **state)
{
	(void)state;
	hub_site_remove(world.hub, world_site("one"));
	assert_false(world.hub->model.fair[SLUICE_IN]->sites[0].present);
	assert_true(world.hub->model.fair[SLUICE_IN]->sites[1].present);
}

/* A second's worth, less what the slot had before. */
static void what_is_counted_is_of_the_last_second(void **state)
{
	struct site *site = world_site("one");

	(void)state;
	world_second();
	fake.site_stats[SLUICE_IN][0].offered.bytes = 5000;
	world_second();
	assert_int_equal(site->latest.stats[SLUICE_IN].offered.bytes -
				 site->before.stats[SLUICE_IN].offered.bytes,
		5000);
	world_second();
	assert_int_equal(site->latest.stats[SLUICE_IN].offered.bytes -
				 site->before.stats[SLUICE_IN].offered.bytes,
		0);
	assert_true(site->latest.at_ns > site->before.at_ns);
}

/* ---- whose addresses are whose, as TC is told ---- */

static bool declared(uint32_t list, const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	return fake_source(list, &p);
}

#define SOURCES                                                                                    \
	"  - name: one\n    asn: 65001\n    prefixes: [10.4.0.0/16]\n    allow_default: on\n"      \
	"    source_check: loose\n    tunnels:\n"                                                  \
	"      - { identity: a1.example.net, inside: 169.254.101.0/30, psk: 'file:DIR/psk' }\n"    \
	"  - name: two\n    routing: static\n    static_routes: [10.5.0.0/16]\n    class: "        \
	"gateway\n"                                                                                \
	"    tunnels:\n"                                                                           \
	"      - { identity: a2.example.net, inside: 169.254.102.0/30, psk: 'file:DIR/psk' }\n"

static void sources_are_declared(void **state)
{
	struct ip_prefix lan;

	(void)state;
	world_directory();
	world_configure("  site_services: [udp/53, tcp/443]\n", SOURCES);
	world_run();
	assert_true(declared(0, "10.4.0.0/16") && declared(SLUICE_OWNERS, "10.4.0.0/16"));
	assert_true(declared(1, "10.5.0.0/16") && declared(SLUICE_OWNERS, "10.5.0.0/16"));
	assert_true(declared(SLUICE_OWNERS, "169.254.101.0/30"));
	assert_true(declared(SLUICE_OWNERS, "10.0.0.0/16")); /* of the hub */
	assert_true(declared(0, "0.0.0.0/0") && !declared(SLUICE_OWNERS, "0.0.0.0/0"));
	assert_false(declared(1, "0.0.0.0/0"));
	assert_int_equal(fake.tunnels[0].source_check, SOURCE_LOOSE);
	assert_int_equal(fake.tunnels[2].source_check, SOURCE_STRICT);
	assert_int_equal(fake.service_count, 2);
	/* What the host is connected to is the hub's, from when it is. */
	assert_true(prefix_parse("10.6.0.0/24", &lan));
	fake.connected[fake.connected_count++] = lan;
	world_wait(1100);
	world_second();
	assert_true(declared(SLUICE_OWNERS, "10.6.0.0/24"));
	assert_true(world_count(PROCESS_BGP, IMSG_BGP_RESERVED) > 1);
	/* What could not be read whole takes nothing away. */
	fake.connected_unread = true;
	fake.connected_count = 0;
	world_wait(1100);
	world_second();
	assert_true(declared(SLUICE_OWNERS, "10.6.0.0/24"));
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, world_finish)
#define ALONE(name) cmocka_unit_test_teardown(name, world_finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(every_site_has_its_own),
		ALONE(a_short_aggregate_is_shared),
		TEST(to_count_in_another_way_offers_nothing),
		TEST(a_new_site_has_sent_nothing),
		TEST(a_removed_site_has_no_share),
		TEST(what_is_counted_is_of_the_last_second),
		ALONE(sources_are_declared),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_rates", tests, NULL, NULL);
}
