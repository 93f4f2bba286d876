/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration: whole or not at all, and nothing of what did not change. */
#include "hub_world.h"

#include "hub/site/admin.h"

#define ONE   WORLD_SITE("one", "1", "")
#define TWO   WORLD_SITE("two", "2", "")
#define THREE WORLD_SITE("three", "3", "")
#define CUT                                                                                        \
	"  - { name: cut, asn: 65009, tunnels: [ { identity: c.example.net, psk: "                 \
	"'file:DIR/psk',\n"                                                                        \
	"      inside: 169.254.109.0/30, site_cidrs: [10.2.0.0/24] } ] }\n"

static int setup(void **state)
{
	(void)state;
	world_begin("", ONE TWO);
	for (uint32_t t = 0; t < 4; t++) {
		world_tunnel(t, TUNNEL_UP);
		world_session(t, BGP_ESTABLISHED);
	}
	world_route(0, "10.1.0.0/24");
	world_route(2, "10.2.0.0/24");
	world_forget();
	return 0;
}

static void apply(const char *concentrator, const char *sites)
{
	world_configure(concentrator, sites);
	world_apply();
}

static void applied(const char *summary)
{
	assert_int_equal(world.applied.calls, 1);
	if (!world.applied.ok || !strstr(world.applied.summary, summary))
		fail_msg("not \"%s\" but %d, \"%s\"", summary, world.applied.ok,
			world.applied.summary);
}

static void refused(const char *why)
{
	assert_int_equal(world.applied.calls, 1);
	if (world.applied.ok || !strstr(world.applied.summary, why))
		fail_msg("not \"%s\" but %d, \"%s\"", why, world.applied.ok, world.applied.summary);
	/* As if nobody had asked. */
	assert_string_equal(world_letters(), "");
	assert_int_equal(world.heard_count, 0);
	assert_true(world_site("one") && world_site("two") && !world_site("three"));
}

/* Who applies it reads what would else stand in the daemon's log only; each once. */
static void warnings_are_told_to_who_applies(void **state)
{
	char path[sizeof(world.dir) + 8];

	(void)state;
	apply("", ONE TWO);
	assert_int_equal(json_array_size(world.applied.warnings), 0);
	snprintf(path, sizeof(path), "%s/psk", world.dir);
	assert_int_equal(chmod(path, 0644), 0);
	apply("  log_directory: DIR/is/not/there\n", ONE TWO);
	applied("2 untouched");
	assert_int_equal(world_warned("can be read by others than its owner (mode 644"), 1);
	assert_int_equal(world_warned("/is/not/there: No such file or directory"), 1);
	apply("  nonsense: 1\n", ONE TWO);
	assert_false(world.applied.ok);
	assert_int_equal(chmod(path, 0600), 0);
	apply("", ONE TWO);
	assert_int_equal(json_array_size(world.applied.warnings), 0);
}

/* What is allowed and hardly meant is told beside the sentence, and not in it. */
static void doubts_are_warnings(void **state)
{
	(void)state;
	apply("", WORLD_SITE("one", "1", "    as_override: true\n") TWO CUT);
	applied("revision 2: 1 sites added, 1 changed, 0 removed, 1 untouched");
	assert_int_equal(world_warned("site 'cut' tunnel 0: site_cidrs leaves out"), 1);
	assert_int_equal(json_array_size(world.applied.warnings), 1);
}

#define MANY 30 /* sites of which each has four doubts */

static void too_many_warnings_are_counted(void **state)
{
	char sites[12000] = "";
	size_t n = 0;

	(void)state;
	for (int i = 0; i < MANY; i++)
		n += (size_t)snprintf(sites + n, sizeof(sites) - n,
			"  - { name: s%d, asn: %d, tunnels: [\n"
			"      { identity: a%d.example, inside: 169.254.%d.0/30, psk: "
			"'file:DIR/psk',\n"
			"        site_cidrs: [10.1.%d.0/24], hub_cidrs: [10.0.0.0/16] },\n"
			"      { identity: b%d.example, inside: 169.254.%d.4/30, psk: "
			"'file:DIR/psk',\n"
			"        site_cidrs: [10.1.%d.0/24], hub_cidrs: [10.0.0.0/16] } ] }\n",
			i, 65100 + i, i, i + 10, i, i, i + 10, i);
	apply("", sites);
	assert_int_equal(world.applied.calls, 0); /* those of before leave */
	world_wait(LEAVE_MS + 50);
	applied("30 sites added");
	assert_int_equal(json_array_size(world.applied.warnings), 101);
	assert_int_equal(world_warned("leaves out"), 100);
	assert_int_equal(world_warned("20 more warnings, which the log of sluiced has"), 1);
}

static void the_same_is_no_change(void **state)
{
	(void)state;
	apply("", ONE TWO);
	applied("0 sites added, 0 changed, 0 removed, 2 untouched");
	assert_string_equal(world_letters(), "");
	for (int t = 0; t < 4; t++)
		assert_true(fake.tunnels[t].up);
	assert_true(world_routed("10.1.0.0/24"));
}

static void a_site_is_added(void **state)
{
	(void)state;
	apply("", ONE TWO THREE);
	applied("1 sites added, 0 changed, 0 removed, 2 untouched");
	assert_string_equal(world_letters(), "");
	assert_int_equal(world_site("three")->slot, 2);
	for (int t = 4; t < 6; t++) {
		assert_non_null(world_told(PROCESS_DATA, IMSG_DATA_TUNNEL, t));
		assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, t));
		assert_non_null(world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, t));
	}
	assert_string_equal(fake.site_names[2], "three");
	assert_true(fake.site_rates[SLUICE_IN][2].bits_per_second == 100000000);
	world_tunnel(4, TUNNEL_UP);
	assert_true(fake.tunnels[4].up);
}

/* It leaves first: what is on its way arrives, and its device is told goodbye. */
static void a_site_is_removed(void **state)
{
	const struct imsg_data_tunnel *t;

	(void)state;
	apply("", TWO);
	assert_int_equal(world.applied.calls, 0);
	assert_string_equal(world_letters(), "DD");
	assert_true(fake.tunnels[0].up);
	assert_true(world_routed("10.1.0.0/24"));
	world_apply(); /* somebody else, meanwhile */
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary, "another configuration is being applied"));
	world.applied.calls = 0;
	world_wait(LEAVE_MS + 50);
	applied("0 sites added, 0 changed, 1 removed, 1 untouched");
	assert_null(world_site("one"));
	assert_false(fake.tunnels[0].up);
	assert_false(world_routed("10.1.0.0/24"));
	assert_true(world_routed("10.2.0.0/24"));
	assert_string_equal(fake.site_names[0], "");
	t = world_told(PROCESS_DATA, IMSG_DATA_TUNNEL, 1);
	assert_false(t->present);
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL, 0));
	assert_non_null(world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR_DEL, 1));
	assert_true(fake.tunnels[2].up);
	/* Its slot is the last one that another site gets. */
	apply("", TWO THREE);
	applied("1 sites added");
	assert_int_equal(world_site("three")->slot, 2);
}

/* Other rates are for buckets alone. */
static void rates_change_under_traffic(void **state)
{
	(void)state;
	apply("", WORLD_SITE("one", "1", "    rate: 20M\n") TWO);
	applied("0 sites added, 1 changed, 0 removed, 1 untouched");
	assert_string_equal(world_letters(), "");
	assert_true(fake.site_rates[SLUICE_IN][0].bits_per_second == 20000000);
	assert_true(fake.site_rates[SLUICE_OUT][0].bits_per_second == 20000000);
	assert_true(fake.tunnels[0].up);
}

#define MOVED                                                                                      \
	"  - name: one\n    asn: 65001\n    tunnels:\n"                                            \
	"      - { identity: a1.example.net, inside: 169.254.101.0/30, psk: 'file:DIR/psk' }\n"    \
	"      - { identity: b1.example.net, inside: 169.254.109.4/30, psk: 'file:DIR/psk' }\n"

/* Another inside address makes it another tunnel; the other one is not touched. */
static void a_tunnel_is_replaced(void **state)
{
	(void)state;
	apply("", MOVED TWO);
	assert_string_equal(world_letters(), "D");
	world_wait(LEAVE_MS + 50);
	applied("0 sites added, 1 changed, 0 removed, 1 untouched");
	assert_true(fake.tunnels[0].up);
	assert_false(fake.tunnels[1].up);
	assert_int_equal(fake.tunnels[1].peer4[2], 109);
	assert_non_null(world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR_DEL, 1));
	assert_null(world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR_DEL, 0));
	assert_true(world_routed("10.1.0.0/24"));
}

static void networks_are_told(void **state)
{
	static const char sites[] = ONE TWO;
	const struct imsg_bgp_network *n;
	unsigned int there = 0;
	char text[PREFIX_STR_SIZE];

	(void)state;
	apply("  site_services: [udp/53]\n", sites);
	applied("2 untouched");
	assert_int_equal(fake.service_count, 1);
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_NETWORK), 0);
	world_forget();
	/* The template's line is the only one; a second list of the same key would be refused. */
	world_configure("", sites);
	{
		char command[200];

		snprintf(command, sizeof(command), "sed -i 's,10.0.0.0/16,10.7.0.0/16,' %s",
			world.path);
		assert_int_equal(system(command), 0);
	}
	world_apply();
	applied("0 untouched; interrupted: BGP or routes of 4 tunnels");
	for (size_t i = 0; i < world.heard_count; i++) {
		if (world.heard[i].type != IMSG_BGP_NETWORK)
			continue;
		n = world.heard[i].payload;
		there += n->present;
		assert_string_equal(prefix_format(&n->prefix, text),
			n->present ? "10.7.0.0/16" : "10.0.0.0/16");
	}
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_NETWORK), 2);
	assert_int_equal(there, 1);
	assert_int_equal(fake.service_count, 0);
}

static void a_mistake_changes_nothing(void **state)
{
	(void)state;
	apply("  nonsense: 1\n", ONE TWO THREE);
	refused("unknown key 'nonsense'");
	apply("  workers: 3\n", ONE TWO THREE);
	refused("cannot change while sluiced runs");
	apply("", WORLD_SITE("one", "1", "    class: gateway\n") TWO THREE);
	refused("site one: class and bandwidth cannot change");
	apply("  ca: ['file:DIR/none.pem']\n", ONE TWO THREE);
	refused("none.pem");
}

static void a_key_is_looked_at_before(void **state)
{
	(void)state;
	world_write("psk", "short\n");
	apply("", ONE TWO THREE);
	refused("site 'one' tunnel 0: psk");
	world_write("psk", "a.long_secret.of.tests\n");
	apply("", ONE TWO THREE);
	applied("1 sites added");
}

static void hup(void)
{
	kill(getpid(), SIGHUP);
	world_written();
}

/* SIGHUP does the same; a mistake is in the log only. */
static void a_signal_applies(void **state)
{
	(void)state;
	world_configure("", ONE TWO THREE);
	hup();
	assert_non_null(world_site("three"));
	world_configure("  nonsense: 1\n", ONE TWO);
	hup();
	assert_non_null(world_site("three"));
}

/* The second one is refused, while those leave whom the first one ends: each has its own outcome in the audit log. */
static void two_signals_have_an_outcome_each(void **state)
{
	static const char *const outcomes[] = {"asked", "asked", "refused", "done"};
	static const int of[] = {0, 0, 1, 0}; /* that entry from the first signal's on */
	size_t first, count = sizeof(outcomes) / sizeof(outcomes[0]);
	json_t *entries;

	(void)state;
	entries = world_entries();
	first = json_array_size(entries);
	json_decref(entries);
	world_configure("", TWO);
	hup();
	hup();
	world_wait(LEAVE_MS + 50);
	assert_null(world_site("one"));
	entries = world_entries();
	assert_int_equal(json_array_size(entries), first + count);
	for (size_t i = 0; i < count; i++) {
		const json_t *e = json_array_get(entries, first + i);

		assert_string_equal(json_string_value(json_object_get(e, "outcome")), outcomes[i]);
		if (i >= 2)
			assert_int_equal(json_integer_value(json_object_get(e, "of")),
				json_integer_value(json_object_get(
					json_array_get(entries, first + (size_t)of[i]), "n")));
	}
	json_decref(entries);
}

/* The daemon ends before those have left whom the new configuration ends. */
static void an_end_gives_it_up(void **state)
{
	(void)state;
	apply("", TWO);
	assert_int_equal(world.applied.calls, 0);
	world_stop(); /* LeakSanitizer looks */
	assert_int_equal(world.applied.calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_is_no_change),
		TEST(warnings_are_told_to_who_applies),
		TEST(doubts_are_warnings),
		TEST(too_many_warnings_are_counted),
		TEST(a_site_is_added),
		TEST(a_site_is_removed),
		TEST(rates_change_under_traffic),
		TEST(a_tunnel_is_replaced),
		TEST(networks_are_told),
		TEST(a_mistake_changes_nothing),
		TEST(a_key_is_looked_at_before),
		TEST(a_signal_applies),
		TEST(two_signals_have_an_outcome_each),
		TEST(an_end_gives_it_up),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_apply", tests, NULL, NULL);
}
