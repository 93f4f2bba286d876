/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask of tunnels: it is kept, over the end of the daemon and over changes of the site. */
#include "hub_world.h"

#include "hub/site/admin.h"

#define SITE WORLD_SITE("one", "1", "")
#define MEDS                                                                                       \
	"  - name: one\n    asn: 65001\n    tunnels:\n"                                            \
	"      - { identity: a.example.net, inside: 169.254.101.0/30, med: 120,"                   \
	" psk: 'file:DIR/psk' }\n"                                                                 \
	"      - { identity: b.example.net, inside: 169.254.101.4/30, med: 120,"                   \
	" psk: 'file:DIR/psk' }\n"

static void both_carry(void)
{
	for (uint32_t t = 0; t < TUNNELS_PER_SITE; t++) {
		world_tunnel(t, TUNNEL_UP);
		world_session(t, BGP_ESTABLISHED);
	}
	world_forget();
}

static int setup(void **state)
{
	(void)state;
	world_begin("", SITE);
	both_carry();
	return 0;
}

static int setup_meds(void **state)
{
	(void)state;
	world_begin("  drain_med: 50\n", MEDS);
	both_carry();
	return 0;
}

static uint32_t med(uint32_t tunnel)
{
	const struct imsg_bgp_neighbor *n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, (int)tunnel);

	assert_non_null(n);
	return n->conf.med_out;
}

static bool carries_in_tc(uint32_t tunnel)
{
	return fake.tunnels[tunnel].up;
}

/* The neighbour is told while the tunnel carries; only then IKE deletes it. */
static void a_tunnel_leaves_before_it_goes(void **state)
{
	struct site *site = world_site("one");

	(void)state;
	assert_null(admin_down(world.hub, site, 1, false));
	world_turn();
	assert_string_equal(world_letters(), "D");
	assert_true(site->tunnels[1].open);
	assert_true(carries_in_tc(1));
	assert_non_null(admin_down(world.hub, site, 0, false)); /* the last one */
	assert_non_null(admin_drain(world.hub, site, 0));
	world_wait(LEAVE_MS + 50);
	assert_string_equal(world_letters(), "DDd");
	assert_false(site->tunnels[1].open);
	assert_false(carries_in_tc(1));
	assert_true(carries_in_tc(0));
	assert_non_null(admin_down(world.hub, site, 0, false));
	assert_null(admin_down(world.hub, site, 0, true));
	world_turn();
	/* Wanted back before it has gone: nothing is interrupted but its session. */
	assert_null(admin_up(world.hub, site, 0));
	world_turn();
	assert_string_equal(world_letters(), "DDdDUu");
	world_wait(LEAVE_MS + 50);
	assert_true(site->tunnels[0].open);
	assert_string_equal(world_letters(), "DDdDUu");
}

/* The site is told goodbye once, and its time does not begin again. */
static void a_tunnel_that_leaves_does_so_once(void **state)
{
	uint64_t at;

	(void)state;
	assert_true(tunnel_leave(world.hub, 1));
	at = world_state(1)->leave_at_ns;
	assert_true(tunnel_leave(world.hub, 1));
	world_turn();
	assert_string_equal(world_letters(), "D");
	assert_int_equal(world_state(1)->leave_at_ns, at);
}

/* A drain: both tunnels have another MED. */
static void a_drained_tunnel_is_the_worse_one(void **state)
{
	struct site *site = world_site("one");

	(void)state;
	assert_null(admin_drain(world.hub, site, 1));
	world_turn();
	assert_int_equal(med(1), 120);
	assert_int_equal(med(0), 70); /* below both */
	assert_non_null(admin_drain(world.hub, site, 0));
	assert_null(admin_up(world.hub, site, 1));
	world_turn();
	assert_int_equal(med(1), 120);
	assert_int_equal(med(0), 120);
}

static void what_was_asked_for_outlives_the_daemon(void **state)
{
	(void)state;
	assert_null(admin_drain(world.hub, world_site("one"), 1));
	world_stop();
	world_run();
	assert_true(world_state(1)->draining);
	both_carry();
	/* A tunnel that comes back carries nothing before it has its session. */
	assert_null(admin_down(world.hub, world_site("one"), 1, false));
	world_wait(LEAVE_MS + 50);
	world_session(1, BGP_IDLE);
	assert_null(admin_up(world.hub, world_site("one"), 1));
	assert_true(world_state(1)->draining);
	world_session(1, BGP_ESTABLISHED);
	assert_false(world_state(1)->draining);
	assert_null(admin_down(world.hub, world_site("one"), 1, false));
	world_stop();
	world_run();
	assert_true(world_state(1)->admin_down);
	assert_string_equal(world_letters(), "d"); /* ike, which knows nothing of before */
	world_tunnel(1, TUNNEL_UP);                /* it had not heard of it yet */
	assert_false(carries_in_tc(1));
	assert_null(admin_up(world.hub, world_site("one"), 1));
	world_stop();
	world_run();
	assert_false(world_state(1)->admin_down);
}

static void who_asks_hears_when_it_cannot_be_kept(void **state)
{
	(void)state;
	world.hub->admin->directory = "/nonexistent/sluice";
	assert_null(admin_down(world.hub, world_site("one"), 0, true));
	assert_false(admin_is_kept(world.hub));
	world.hub->admin->directory = world.dir;
	assert_null(admin_up(world.hub, world_site("one"), 0));
	assert_true(admin_is_kept(world.hub));
}

/* Another site of its name begins anew; so does one that was removed while the daemon was down. */
static void a_removed_site_takes_it_along(void **state)
{
	(void)state;
	for (int down = 0; down < 2; down++) {
		struct site_conf conf = world_site("one")->conf;

		assert_null(admin_down(world.hub, world_site("one"), 1, true));
		if (down) {
			world_stop();
			world_configure("", WORLD_SITE("two", "2", ""));
			world_run();
			assert_null(json_object_get(world.hub->admin->words, "one"));
		} else {
			hub_site_remove(world.hub, world_site("one"));
			assert_null(world_site("one"));
		}
		hub_site_add(world.hub, &conf, SITE_SLOTS);
		assert_false(world_site("one")->tunnels[1].admin_down);
	}
}

static struct site_conf changed(unsigned int t, const char *inside)
{
	struct site_conf conf = world_site("one")->conf;

	conf.tunnels[t].configured = inside;
	if (inside)
		assert_true(prefix_parse(inside, &conf.tunnels[t].inside));
	return conf;
}

/* Who has taken a tunnel down means to put it up himself, whatever its addresses are by then. */
static void a_changed_tunnel_stays_down(void **state)
{
	struct site_conf conf = changed(1, "169.254.109.0/30");

	(void)state;
	assert_null(admin_down(world.hub, world_site("one"), 1, false));
	world_wait(LEAVE_MS + 50);
	world_forget();
	hub_site_change(world.hub, world_site("one"), &conf);
	world_turn();
	assert_true(world_state(1)->admin_down);
	assert_string_equal(world_letters(), "d"); /* ike makes it anew, and keeps it down */
	world_stop();
	world_run();
	assert_true(world_state(1)->admin_down);
}

static void change(const struct site_conf *conf)
{
	hub_site_change(world.hub, world_site("one"), conf);
	hub_sites_settle(world.hub, SETTLE_ALL);
	world_turn();
}

/* Nobody would look for a mark of what is not there: what has the number next is a tunnel like others. */
static void a_removed_tunnel_takes_it_along(void **state)
{
	struct site_conf all = world_site("one")->conf, one = changed(1, NULL);

	(void)state;
	for (int drain = 0; drain < 2; drain++) {
		if (drain)
			assert_null(admin_drain(world.hub, world_site("one"), 1));
		else
			assert_null(admin_down(world.hub, world_site("one"), 1, false));
		world_wait(LEAVE_MS + 50);
		change(&one);
		assert_false(world_state(1)->admin_down || world_state(1)->draining);
		assert_null(json_object_get(world.hub->admin->words, "one"));
		assert_int_equal(med(0), 120);
		world_forget();
		change(&all);
		both_carry();
		assert_true(carries_in_tc(1));
	}
}

#define ONE_TUNNEL                                                                                 \
	"  - name: one\n    asn: 65001\n    tunnels:\n"                                            \
	"      - { identity: a1.example.net, inside: 169.254.101.0/30, psk: 'file:DIR/psk' }\n"

static void a_tunnel_removed_while_the_daemon_was_down_does_so_too(void **state)
{
	(void)state;
	assert_null(admin_drain(world.hub, world_site("one"), 0));
	assert_null(admin_down(world.hub, world_site("one"), 1, true));
	world_stop();
	world_configure("", ONE_TUNNEL);
	world_run();
	assert_true(world_state(0)->draining);
	assert_false(world_state(1)->admin_down);
	world_stop();
	world_configure("", SITE);
	world_run();
	assert_true(world_state(0)->draining);
	assert_false(world_state(1)->admin_down);
}

/* What a tunnel held in memory and nobody frees is found at the end by LeakSanitizer. */
static void a_tunnel_that_begins_anew_has_no_certificate(void **state)
{
	struct site *site = world_site("one");

	(void)state;
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		site->tunnels[t].cert = calloc(1, sizeof(*site->tunnels[t].cert));
	for (int i = 1; i < 20; i++) {
		char inside[32];
		struct site_conf conf;
		struct site_cert *other = site->tunnels[1].cert;

		snprintf(inside, sizeof(inside), "169.254.109.%d/30", 4 * i);
		conf = changed(0, inside);
		hub_site_change(world.hub, site, &conf);
		assert_null(site->tunnels[0].cert);
		assert_ptr_equal(site->tunnels[1].cert, other); /* which did not change */
		site->tunnels[0].cert = calloc(1, sizeof(*site->tunnels[0].cert));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tunnel_leaves_before_it_goes),
		TEST(a_tunnel_that_leaves_does_so_once),
		cmocka_unit_test_setup_teardown(
			a_drained_tunnel_is_the_worse_one, setup_meds, world_finish),
		TEST(what_was_asked_for_outlives_the_daemon),
		TEST(who_asks_hears_when_it_cannot_be_kept),
		TEST(a_removed_site_takes_it_along),
		TEST(a_changed_tunnel_stays_down),
		cmocka_unit_test_setup_teardown(
			a_removed_tunnel_takes_it_along, setup_meds, world_finish),
		TEST(a_tunnel_removed_while_the_daemon_was_down_does_so_too),
		TEST(a_tunnel_that_begins_anew_has_no_certificate),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("sites", tests, NULL, NULL);
}
