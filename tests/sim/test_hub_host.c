/* SPDX-License-Identifier: Apache-2.0 */
/* What others do to the host: devices, addresses, settings and programs go and come, and hub follows. */
#include "hub_world.h"

#define SITES WORLD_SITE("one", "1", "")
#define XFRM  "  dataplane: xfrm\n"

static int setup(void **state)
{
	(void)state;
	world_begin("", SITES);
	for (uint32_t t = 0; t < 2; t++) {
		world_tunnel(t, TUNNEL_UP);
		world_session(t, BGP_ESTABLISHED);
	}
	world_route(0, "10.1.0.0/24");
	world_forget();
	return 0;
}

static int setup_xfrm(void **state)
{
	(void)state;
	world_begin(XFRM, SITES);
	for (uint32_t t = 0; t < 2; t++)
		world_tunnel(t, TUNNEL_UP);
	world_forget();
	return 0;
}

/* Something has changed: hub looks. */
static void look(void)
{
	hub_host_look(world.hub);
	world_turn();
}

static enum endpoint_fault fault_of(int e)
{
	return world.hub->model.endpoints[e][0].fault;
}

/* The last event of the tunnel's activity log. */
static const char *last_code(uint32_t tunnel)
{
	static char code[64];
	const struct event_ring *rings[] = {
		&site_of_tunnel(&world.hub->model, tunnel)->events[tunnel % 2][EVENT_ACTIVITY]};
	json_t *list = event_rings_list(rings, 1, 1);

	snprintf(code, sizeof(code), "%s",
		json_string_value(json_object_get(json_array_get(list, 0), "reason_code")));
	json_decref(list);
	return code;
}

static void all_is_well(void **state)
{
	(void)state;
	look();
	for (int e = 0; e < 2; e++) {
		assert_int_equal(fault_of(e), ENDPOINT_FINE);
		assert_true(fake.devices[e].closed);
	}
	assert_false(world.hub->model.host.settings_wrong);
	assert_string_equal(world_letters(), "");
}

/* Nothing that comes by its name is forwarded, and its tunnels' routes move at once. */
static void a_device_goes_and_comes(void **state)
{
	struct process *data = &world.hub->processes[PROCESS_DATA];
	pid_t pid = data->pid;

	(void)state;
	fake.devices[0].is.ifindex = 0;
	look();
	assert_true(fake.devices[0].closed);
	assert_true(fake.devices[1].closed);
	assert_int_equal(fault_of(0), ENDPOINT_NO_DEVICE);
	assert_false(fake.tunnels[0].up);
	assert_true(fake.tunnels[1].up);
	assert_string_equal(world_letters(), "D");
	assert_string_equal(last_code(0), "ENDPOINT_LOST");
	fake.devices[0].closed = false; /* somebody flushes the rules of the host */
	look();
	assert_true(fake.devices[0].closed);
	/* ike, which uses another socket than data, says that its SA lives: it cannot carry. */
	world_tunnel(0, TUNNEL_UP);
	assert_false(fake.tunnels[0].up);
	fake.devices[0].is.ifindex = 31;
	fake.addresses[0].ifindex = 31;
	look();
	assert_true(fake.devices[0].closed);
	assert_int_equal(fake.outside[0], 31);
	assert_int_equal(fault_of(0), ENDPOINT_FINE);
	assert_string_equal(last_code(0), "ENDPOINT_BACK");
	/* data has sockets on the device of before: it starts again, and is waited for. */
	assert_true(data->asked || data->pid != pid);
	world_until(data->restarts == 1);
	assert_true(fake.tunnels[0].up);
}

/* Another of that name before anybody has looked. */
static void a_device_is_another_one(void **state)
{
	(void)state;
	fake.devices[1].is.ifindex = 32;
	fake.addresses[1].ifindex = 32;
	fake.devices[1].gone_since = true;
	look();
	assert_int_equal(fake.outside[1], 32);
	assert_int_equal(fault_of(1), ENDPOINT_FINE);
	assert_true(world.hub->processes[PROCESS_DATA].asked ||
		    world.hub->processes[PROCESS_DATA].restarts);
}

static void another_mtu_is_told(void **state)
{
	const struct imsg_data_outside *o;

	(void)state;
	fake.devices[1].is.mtu = 1400;
	look();
	o = world_told(PROCESS_DATA, IMSG_DATA_OUTSIDE, -1);
	assert_non_null(o);
	assert_string_equal(o->name, "eth1");
	assert_int_equal(o->mtu, 1400);
	world_forget();
	look();
	assert_int_equal(world_count(PROCESS_DATA, IMSG_DATA_OUTSIDE), 0);
}

static void what_a_device_lacks_is_told(void **state)
{
	struct link_device was = fake.devices[0].is;

	(void)state;
	fake.devices[0].is.running = false;
	look();
	assert_int_equal(fault_of(0), ENDPOINT_NO_CARRIER);
	assert_string_equal(world_letters(), "D");
	fake.devices[0].is.up = false; /* one fault becomes another: it is no news for tunnels */
	look();
	assert_int_equal(fault_of(0), ENDPOINT_DOWN);
	assert_string_equal(world_letters(), "D");
	fake.devices[0].is = was;
	look();
	assert_int_equal(fault_of(0), ENDPOINT_FINE);
	assert_string_equal(world_letters(), "DU");
	fake.addresses[0].address.bytes[3]++;
	look();
	assert_int_equal(fault_of(0), ENDPOINT_NO_ADDRESS);
	assert_string_equal(world_letters(), "DUD");
	fake.addresses[0].address.bytes[3]--;
	look();
	assert_string_equal(world_letters(), "DUDU");
}

/* What operators have taken down stays down when the endpoint is back. */
static void who_is_down_stays_down(void **state)
{
	(void)state;
	world_state(0)->admin_down = true;
	fake.devices[0].is.running = false;
	look();
	fake.devices[0].is.running = true;
	look();
	assert_false(fake.tunnels[0].up);
}

/* While data is away nobody opens what would come: it is caught up with later. */
static void tunnels_wait_for_data(void **state)
{
	(void)state;
	fake.devices[0].is.running = false;
	look();
	world_end(PROCESS_DATA, 10 * CLOCK_SECOND);
	fake.devices[0].is.running = true;
	look();
	assert_false(fake.tunnels[0].up);
	world_start(PROCESS_DATA);
	look();
	assert_true(fake.tunnels[0].up);
}

/* Closed until they are on it again. */
static void programs_are_put_back(void **state)
{
	(void)state;
	fake.devices[0].detached = fake.inside_detached = true;
	look();
	assert_false(fake.devices[0].detached || fake.inside_detached);
	assert_int_equal(fault_of(0), ENDPOINT_FINE);
	fake.devices[0].detached = fake.devices[0].unattachable = true;
	look();
	assert_int_equal(fault_of(0), ENDPOINT_NOT_CLOSED);
	assert_true(fake.devices[0].closed);
	assert_false(fake.tunnels[0].up);
	fake.devices[0].unattachable = false;
	look();
	assert_int_equal(fault_of(0), ENDPOINT_FINE);
	assert_true(fake.devices[0].closed);
}

static void a_device_may_lead_nowhere(void **state)
{
	(void)state;
	fake.devices[1].no_way = true;
	look(); /* not so often */
	assert_false(world.hub->model.endpoints[1][0].no_way);
	world.hub->host->way_again_ns = 0;
	look();
	assert_true(world.hub->model.endpoints[1][0].no_way);
	assert_int_equal(fault_of(1), ENDPOINT_FINE);
	assert_true(fake.tunnels[1].up);
}

static void settings_are_put_right(void **state)
{
	(void)state;
	fake.settings_wrong = true;
	fake.devices[0].strict = true;
	look();
	assert_false(fake.settings_wrong);
	assert_false(fake.devices[0].strict);
	assert_false(world.hub->model.host.settings_wrong);
	fake.settings_wrong = fake.settings_fixed = true;
	look();
	assert_true(world.hub->model.host.settings_wrong);
	fake.settings_fixed = false;
	look();
	assert_false(world.hub->model.host.settings_wrong);
}

/* With its addresses and routes, in the order that sites depend on. */
static void the_inside_device_is_made_again(void **state)
{
	size_t before = fake.address_count;

	(void)state;
	fake.inside = LINK_GONE;
	fake.inside_unmakeable = true;
	look();
	assert_true(world.hub->model.host.inside_gone);
	fake.inside_unmakeable = false;
	look();
	assert_false(world.hub->model.host.inside_gone);
	assert_true(before > 2);
	assert_true(world_routed("10.1.0.0/24"));
	assert_true(world_routed("169.254.101.2/32"));
	assert_true(world.hub->processes[PROCESS_DATA].asked ||
		    world.hub->processes[PROCESS_DATA].restarts);
}

static void missing_addresses_are_put_back(void **state)
{
	size_t before = fake.address_count;

	(void)state;
	assert_int_equal(fake.addresses[before - 1].ifindex, FAKE_INSIDE);
	fake.address_count--;
	fake.kernel.count = 0; /* routes go with an address */
	look();
	assert_int_equal(fake.address_count, before);
	assert_true(world_routed("10.1.0.0/24"));
	/* As somebody who sets it down and up does. */
	fake.inside = LINK_PUT_RIGHT;
	fake.kernel.count = 0;
	look();
	assert_true(world_routed("10.1.0.0/24"));
}

/* An address that sites have a route to. */
static void a_source_is_chosen(void **state)
{
	struct host_address *lan = &fake.addresses[fake.address_count];

	(void)state;
	assert_false(addr_is_set(&fake.source[0]));
	*lan = (struct host_address){.ifindex = 50, .len = 24, .global = true};
	assert_true(addr_parse("10.0.3.1", &lan->address)); /* within networks */
	fake.address_count++;
	look();
	assert_true(addr_equal(&fake.source[0], &lan->address));
	fake.address_count--;
	look();
	assert_false(addr_is_set(&fake.source[0]));
}

/* The kernel's own rule stays beside our programs, unless others may pass in clear. */
static void who_lets_others_pass_opens(void **state)
{
	(void)state;
	world_stop();
	world_configure("  outside_forwarding: true\n", WORLD_SITE("one", "1", ""));
	world_run();
	assert_false(fake.devices[0].closed || fake.devices[1].closed);
	fake.devices[0].is.ifindex = 0;
	look();
	assert_true(fake.devices[0].closed);
	assert_false(fake.devices[1].closed);
	fake.devices[0].is.ifindex = 11;
	look();
	assert_false(fake.devices[0].closed);
}

/* What the kernel does not do when it is asked is asked for again, until it is as configured. */
static void a_rule_that_stays_is_taken_off_later(void **state)
{
	(void)state;
	assert_true(fake.devices[0].closed && fake.devices[1].closed);
	fake.devices[0].unruly = true;
	world_configure("  outside_forwarding: true\n", SITES);
	world_apply();
	assert_true(world.applied.ok);
	assert_int_equal(world_warned("eth0: the kernel does not give up the rule"), 1);
	assert_true(fake.devices[0].closed);
	assert_false(fake.devices[1].closed);
	world_second();
	assert_true(fake.devices[0].closed);
	fake.devices[0].unruly = false;
	world_second();
	assert_false(fake.devices[0].closed);
}

/* At its start an outside device may be away: the hub serves by the other. */
static void a_device_may_come_later(void **state)
{
	(void)state;
	world_directory();
	world_configure("", SITES);
	fake.devices[0].is.ifindex = 0;
	world_run();
	assert_true(fake.devices[0].closed);
	assert_int_equal(fault_of(0), ENDPOINT_NO_DEVICE);
	world_tunnel(0, TUNNEL_UP);
	world_tunnel(1, TUNNEL_UP);
	assert_false(fake.tunnels[0].up);
	assert_true(fake.tunnels[1].up);
	fake.devices[0].is.ifindex = 11;
	look();
	world_until(fake.tunnels[0].up);
	assert_true(fake.devices[0].closed);
}

/* ---- kernel ESP ---- */

static void tunnels_have_interfaces(void **state)
{
	struct imsg_sa_info sa = {.tunnel = 1, .spi_in = 9, .inner_mtu = 1380, .in_use = true};

	(void)state;
	assert_int_equal(fake.interfaces[0], 11);
	assert_int_equal(fake.interfaces[1], 12);
	assert_int_equal(fake.tunnels[1].ifindex, 1001);
	imsg_send(world.children[PROCESS_IKE], IMSG_SA_INFO, -1, &sa, sizeof(sa));
	world_turn();
	assert_int_equal(fake.interface_mtu[1], 1380);
	hub_site_remove(world.hub, world_site("one"));
	assert_int_equal(fake.interfaces[0], 0);
	assert_int_equal(fake.interfaces[1], 0);
}

/* Above the new device; data goes on, and is told of it. */
static void interfaces_follow_their_device(void **state)
{
	(void)state;
	fake.devices[0].is.ifindex = 31;
	fake.addresses[0].ifindex = 31;
	fake.devices[0].gone_since = true;
	look();
	assert_int_equal(fake.interfaces[0], 31);
	assert_int_equal(fake.interfaces[1], 12);
	assert_int_equal(world_count(PROCESS_DATA, IMSG_DATA_OUTSIDE), 1);
	assert_int_equal(world.hub->processes[PROCESS_DATA].restarts, 0);
	assert_false(world.hub->processes[PROCESS_DATA].asked);
	assert_true(fake.tunnels[0].up);
}

static void a_tunnel_without_interface_carries_nothing(void **state)
{
	struct site_conf conf = world_site("one")->conf;

	(void)state;
	hub_site_remove(world.hub, world_site("one"));
	fake.no_interfaces = true;
	hub_site_add(world.hub, &conf, SITE_SLOTS);
	world_turn();
	assert_int_equal(world_site("one")->tunnels[0].ifindex, 0);
	/* The kernel goes on by itself when data ends: what is on its way is not lost. */
	world_end(PROCESS_DATA, 10 * CLOCK_SECOND);
	assert_int_equal(fake.workers_ended, 0);
}

static void ike_hears(uint64_t datagrams)
{
	struct imsg_ike_heard m = {datagrams};

	imsg_send(world.children[PROCESS_IKE], IMSG_IKE_HEARD, -1, &m, sizeof(m));
	world_turn();
}

/* What XDP lets through and ike never gets is dropped by somebody on this host. */
static void a_firewall_of_the_host_is_told(void **state)
{
	uint64_t now = 1000 * CLOCK_SECOND;
	const bool *unheard = &world.hub->model.host.ike_unheard;

	(void)state;
	ike_hears(3);
	hub_ike_reach_judge(world.hub, 100, 7, now);
	hub_ike_reach_judge(world.hub, 104, 7, now += 60 * CLOCK_SECOND); /* may be on its way */
	hub_ike_reach_judge(world.hub, 104, 7, now += 60 * CLOCK_SECOND);
	assert_false(*unheard);
	hub_ike_reach_judge(world.hub, 120, 7, now += CLOCK_SECOND);
	hub_ike_reach_judge(world.hub, 120, 7, now += 4 * CLOCK_SECOND);
	assert_false(*unheard);
	hub_ike_reach_judge(world.hub, 120, 7, now += CLOCK_SECOND);
	assert_true(*unheard);
	hub_ike_reach_judge(world.hub, 121, 50, now += CLOCK_SECOND);
	assert_true(*unheard);
	ike_hears(4);
	hub_ike_reach_judge(world.hub, 122, 50, now += CLOCK_SECOND);
	assert_false(*unheard);
	hub_ike_reach_judge(world.hub, 122, 50, now += 60 * CLOCK_SECOND);
	assert_false(*unheard); /* nothing has come since */
	fake.ike_more = 1000;
	hub_ike_reach_look(world.hub, now += CLOCK_SECOND);
	hub_ike_reach_look(world.hub, now += 5 * CLOCK_SECOND);
	assert_true(*unheard); /* by the counters of XDP and of this host, which is quiet */
}

/* Wrong checksums are sent by anybody. The kernel may count them a little later. */
static void what_the_kernel_cannot_deliver_is_no_firewall(void **state)
{
	uint64_t now = 1000 * CLOCK_SECOND, sent = 100;
	const bool *unheard = &world.hub->model.host.ike_unheard;

	(void)state;
	ike_hears(3);
	hub_ike_reach_judge(world.hub, sent, 7, now);
	for (unsigned int s = 0; s < 60; s++) {
		sent += 10;
		hub_ike_reach_judge(world.hub, sent, 7 + sent - 100 - 20, now += CLOCK_SECOND);
		assert_false(*unheard);
	}
	/* Among them are some that somebody drops. */
	for (unsigned int s = 0; s < 30; s++) {
		sent += 20;
		hub_ike_reach_judge(world.hub, sent, 7 + sent - 100 - 10 * s, now += CLOCK_SECOND);
	}
	assert_true(*unheard);
}

#define TEST(name)      cmocka_unit_test_setup_teardown(name, setup, world_finish)
#define XFRM_TEST(name) cmocka_unit_test_setup_teardown(name, setup_xfrm, world_finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(all_is_well),
		TEST(a_firewall_of_the_host_is_told),
		TEST(what_the_kernel_cannot_deliver_is_no_firewall),
		TEST(a_device_goes_and_comes),
		TEST(a_device_is_another_one),
		TEST(another_mtu_is_told),
		TEST(what_a_device_lacks_is_told),
		TEST(who_is_down_stays_down),
		TEST(tunnels_wait_for_data),
		TEST(programs_are_put_back),
		TEST(a_device_may_lead_nowhere),
		TEST(settings_are_put_right),
		TEST(the_inside_device_is_made_again),
		TEST(missing_addresses_are_put_back),
		TEST(a_source_is_chosen),
		cmocka_unit_test_setup_teardown(a_device_may_come_later, NULL, world_finish),
		TEST(who_lets_others_pass_opens),
		TEST(a_rule_that_stays_is_taken_off_later),
		XFRM_TEST(tunnels_have_interfaces),
		XFRM_TEST(interfaces_follow_their_device),
		XFRM_TEST(a_tunnel_without_interface_carries_nothing),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_host", tests, NULL, NULL);
}
