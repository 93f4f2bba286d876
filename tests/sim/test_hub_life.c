/* SPDX-License-Identifier: Apache-2.0 */
/* Children of hub come, report and go: what is told to whom, and what becomes of tunnels and routes. */
#include "hub_world.h"

#include "bgp/bfd/packet.h"

#include <arpa/inet.h>

#define SITES WORLD_SITE("one", "1", "") WORLD_SITE("two", "2", "")
#define PEER1 "169.254.101.2/32" /* inside address of site one, tunnel 0 */

static int setup(void **state)
{
	(void)state;
	world_begin("", SITES);
	return 0;
}

static void sa_pair(uint32_t tunnel, uint32_t spi, uint16_t mtu)
{
	struct imsg_sa_info m = {.tunnel = tunnel, .spi_in = spi, .inner_mtu = mtu, .in_use = true};

	imsg_send(world.children[PROCESS_IKE], IMSG_SA_INFO, -1, &m, sizeof(m));
	world_turn();
}

static void both_sites_carry(void)
{
	for (uint32_t t = 0; t < 4; t++) {
		sa_pair(t, 0x1000 + t, 1400);
		world_tunnel(t, TUNNEL_UP);
		world_session(t, BGP_ESTABLISHED);
	}
	world_route(0, "10.1.0.0/24");
	world_route(3, "10.2.0.0/24");
	world_forget();
}

static void a_child_is_told_all_it_must_know(void **state)
{
	const struct imsg_ike_tunnel *ike = world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 3);
	const struct imsg_bgp_neighbor *bgp = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 3);
	const struct imsg_bgp_network *network = world_told(PROCESS_BGP, IMSG_BGP_NETWORK, -1);
	char text[PREFIX_STR_SIZE];

	(void)state;
	assert_true(world.hub->started);
	/* Remote is not configured. */
	for (int role = 0; role <= PROCESS_API; role++)
		assert_int_equal(world_count((enum process_role)role, IMSG_START), 1);
	for (int t = 0; t < 4; t++) {
		assert_non_null(world_told(PROCESS_DATA, IMSG_DATA_TUNNEL, t));
		assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, t));
		assert_non_null(world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, t));
	}
	assert_string_equal(ike->site, "two");
	assert_string_equal(addr_format(&ike->local, text), "198.51.101.1");
	assert_string_equal(addr_format(&bgp->conf.peer4, text), "169.254.102.6");
	assert_int_equal(bgp->conf.remote_as, 65002);
	assert_string_equal(prefix_format(&network->prefix, text), "10.0.0.0/16");
	assert_true(network->present);
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_LISTEN), 2);
	assert_true(world_count(PROCESS_DATA, IMSG_DATA_MAP) >= 10);
	assert_int_equal(world_count(PROCESS_DATA, IMSG_DATA_OUTSIDE), 2);
	/* The channel between the two goes to both when the second of them is there. */
	assert_int_equal(world_count(PROCESS_IKE, IMSG_CHANNEL), 1);
	assert_int_equal(world_count(PROCESS_DATA, IMSG_CHANNEL), 1);
	/* No key of hub's is in a message: a descriptor is. */
	for (size_t i = 0; i < world.heard_count; i++)
		assert_int_equal(world.heard[i].fd || world.heard[i].type != IMSG_IKE_TUNNEL, 1);
}

static void a_tunnel_comes_and_goes(void **state)
{
	(void)state;
	world_forget();
	sa_pair(0, 0x1000, 1400);
	assert_false(fake.tunnels[0].up);
	world_tunnel(0, TUNNEL_UP);
	assert_true(fake.tunnels[0].up);
	assert_int_equal(fake.tunnels[0].inner_mtu, 1400);
	assert_int_equal(fake.tunnels[0].mss4, 1360);
	assert_true(world_routed(PEER1));
	assert_string_equal(world_letters(), "U");
	world_session(0, BGP_ESTABLISHED);
	world_route(0, "10.1.0.0/24");
	assert_true(world_routed("10.1.0.0/24"));
	/* Another pair: no byte of another size may go by the new one. */
	sa_pair(0, 0x1001, 1300);
	assert_int_equal(fake.tunnels[0].inner_mtu, 1300);
	assert_int_equal(
		fake.kernel
			.rows[fake_find(&fake.kernel,
				&(struct ip_prefix){.addr = {AF_INET, {10, 1}}, .len = 24})]
			.value,
		1300);
	world_tunnel(0, TUNNEL_DOWN);
	assert_false(fake.tunnels[0].up);
	assert_false(world_routed(PEER1));
	assert_string_equal(world_letters(), "UD");
	world_wait(300); /* bgp has not moved them by itself */
	assert_false(world_routed("10.1.0.0/24"));
}

static void packets_are_told_as_life(void **state)
{
	const struct imsg_activity *a;

	(void)state;
	both_sites_carry();
	world_second();
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_ACTIVITY, 2));
	fake.tunnel_stats[2].last_in_ns = clock_now() - 40 * CLOCK_MILLISECOND;
	world_second();
	a = world_told(PROCESS_IKE, IMSG_IKE_ACTIVITY, 2);
	assert_non_null(a);
	assert_in_range(a->age_ms, 40, 10000);
	world_forget();
	world_second(); /* the same packet is no news */
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_ACTIVITY, 2));
}

/* What ends late hands its SAs on: nothing changes for anybody. */
static void data_hands_on(void **state)
{
	(void)state;
	both_sites_carry();
	world_end(PROCESS_DATA, 10 * CLOCK_SECOND);
	assert_int_equal(fake.workers_ended, 1);
	for (int t = 0; t < 4; t++)
		assert_true(fake.tunnels[t].up);
	assert_true(world_routed("10.1.0.0/24"));
	world_start(PROCESS_DATA);
	assert_int_equal(world_count(PROCESS_DATA, IMSG_DATA_SAVED), 1);
	assert_int_equal(world_count(PROCESS_IKE, IMSG_CHANNEL), 1); /* to the new one */
	assert_string_equal(world_letters(), "");
}

/* What ends at once may have ended of what it took over. */
static void data_that_ends_young_is_not_believed(void **state)
{
	char byte;

	(void)state;
	both_sites_carry();
	assert_int_equal(pwrite(world.hub->host->saved_fd, "x", 1, 0), 1);
	assert_int_equal(pwrite(world.hub->host->checkpoint_fd, "x", 1, 0), 1);
	world_end(PROCESS_DATA, CLOCK_SECOND);
	for (int t = 0; t < 4; t++) {
		assert_false(fake.tunnels[t].up);
		assert_int_equal(world_state((uint32_t)t)->sa_count, 0);
	}
	assert_string_equal(world_letters(), "DDDD");
	world_wait(300);
	assert_false(world_routed("10.1.0.0/24"));
	assert_false(world_routed(PEER1));
	assert_int_equal(pread(world.hub->host->saved_fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 0);
	assert_int_equal(pread(world.hub->host->checkpoint_fd, &byte, 1, 0), 0);
	/* ike says that its tunnels are up: nobody could open what comes, until data is there. */
	world_tunnel(0, TUNNEL_UP);
	assert_false(fake.tunnels[0].up);
}

/* Its routes stay, and the next one is told what was there. */
static void bgp_is_waited_for(void **state)
{
	struct imsg_bfd_state bfd = {.tunnel = 3,
		.present = true,
		.state = BFD_UP,
		.resume = {.source_port = 50000, .at_ns = 7}};
	const struct imsg_bgp_conf *conf;
	const struct imsg_bgp_neighbor *n;
	const struct imsg_bgp_owners *owners;

	(void)state;
	both_sites_carry();
	imsg_send(world.children[PROCESS_BGP], IMSG_BFD_STATE, -1, &bfd, sizeof(bfd));
	world_session(1, BGP_ACTIVE);
	world_end(PROCESS_BGP, 10 * CLOCK_SECOND);
	assert_true(world_routed("10.1.0.0/24"));
	assert_int_equal(world_state(0)->bgp.state, BGP_IDLE);
	assert_non_null(strstr(world_state(0)->bgp.detail, "starting again"));
	world_start(PROCESS_BGP);
	conf = world_told(PROCESS_BGP, IMSG_BGP_CONF, -1);
	assert_true(conf->config.restarted);
	n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 0);
	assert_true(n->conf.was_up);
	n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 1);
	assert_false(n->conf.was_up);
	owners = world_told(PROCESS_BGP, IMSG_BGP_OWNERS, -1);
	assert_int_equal(owners->count, 2);
	assert_string_equal(world_letters(), "UUUU"); /* tunnels are open all the while */
	/* It ends once more before it has heard of all: whom it waited for is handed on. */
	world_end(PROCESS_BGP, 10 * CLOCK_SECOND);
	world_forget();
	world_start(PROCESS_BGP);
	n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 0);
	assert_true(n->conf.was_up);
	/* It has settled: what it has not said again is gone. */
	world_route(3, "10.2.0.0/24");
	world_say_nothing_but(PROCESS_BGP, IMSG_BGP_SETTLED);
	assert_false(world_routed("10.1.0.0/24"));
	assert_true(world_routed("10.2.0.0/24"));
	world_end(PROCESS_BGP, 10 * CLOCK_SECOND);
	world_forget();
	world_start(PROCESS_BGP);
	n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 0);
	assert_false(n->conf.was_up);
}

/* RFC 5880: a session goes on with the next process once, and not when its tunnel went down meanwhile. */
/* What is not had, a socket or a copy of it, is said once, and had when it can be. */
static void bfd_begins_when_there_is_a_socket(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(3784),
		.sin_addr.s_addr = inet_addr("169.254.101.1")};
	int taken = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct imsg_bgp_neighbor *n;

	(void)state;
	assert_int_equal(setsockopt(taken, IPPROTO_IP, IP_FREEBIND, &(int){1}, sizeof(int)), 0);
	assert_int_equal(bind(taken, (struct sockaddr *)&at, sizeof(at)), 0);
	world_configure("", WORLD_SITE("one", "1", "    bfd: on\n"));
	world_forget();
	world_apply();
	n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 0);
	assert_non_null(n);
	assert_int_equal(n->bfd_multiplier, 0);
	assert_true(world_state(0)->no_bfd);
	assert_false(world_state(1)->no_bfd);
	world_second();
	assert_true(world_state(0)->no_bfd);
	close(taken);
	world_forget();
	world_second();
	n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 0);
	assert_non_null(n);
	assert_int_equal(n->bfd_multiplier, 3);
	assert_false(world_state(0)->no_bfd);
	world_forget();
	world_second();
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_NEIGHBOR), 0);
}

static void a_bfd_session_is_handed_on_once(void **state)
{
	const struct imsg_bgp_neighbor *n;

	(void)state;
	world_stop();
	world_configure("", WORLD_SITE("one", "1", "    bfd: on\n"));
	world_run();
	for (uint32_t t = 0; t < 2; t++) {
		struct imsg_bfd_state bfd = {.tunnel = t,
			.present = true,
			.state = BFD_UP,
			.resume = {.source_port = 50000, .at_ns = 7}};

		world_tunnel(t, TUNNEL_UP);
		imsg_send(world.children[PROCESS_BGP], IMSG_BFD_STATE, -1, &bfd, sizeof(bfd));
	}
	world_turn();
	world_end(PROCESS_BGP, 10 * CLOCK_SECOND);
	world_tunnel(1, TUNNEL_DOWN);
	world_tunnel(1, TUNNEL_UP);
	for (int again = 0; again < 2; again++) {
		world_forget();
		world_start(PROCESS_BGP);
		n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 0);
		assert_int_equal(n->bfd_multiplier, 3);
		assert_int_equal(n->bfd_resume.source_port, again ? 0 : 50000);
		n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 1);
		assert_int_equal(n->bfd_resume.source_port, 0);
		world_end(PROCESS_BGP, 10 * CLOCK_SECOND);
	}
}

/* Packets flow on; what it knew of its SAs it says itself. */
static void without_ike_packets_flow(void **state)
{
	const struct imsg_peer_cert *cert;

	(void)state;
	both_sites_carry();
	world_state(1)->cert = calloc(1, sizeof(*world_state(1)->cert));
	strcpy(world_state(1)->cert->facts.subject, "CN=one");
	world_end(PROCESS_IKE, 10 * CLOCK_SECOND);
	assert_true(fake.tunnels[0].up);
	assert_true(world_routed("10.1.0.0/24"));
	world_start(PROCESS_IKE);
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_CHECKPOINT), 1);
	assert_int_equal(world_state(0)->sa_count, 0);
	cert = world_told(PROCESS_IKE, IMSG_PEER_CERT, 1);
	assert_string_equal(cert->facts.subject, "CN=one");
	assert_int_equal(world_count(PROCESS_DATA, IMSG_CHANNEL), 1);
	assert_string_equal(world_letters(), "");
}

/* ---- the end ---- */

static bool asked_to_end(enum process_role role)
{
	return world_count(role, IMSG_SHUTDOWN) == 1;
}

/* As it ends after it was asked to. */
static void leaves(enum process_role role)
{
	kill(world.hub->processes[role].pid, SIGKILL);
	world_until(world.hub->processes[role].pid == 0);
}

/* BGP says goodbye through the tunnels that IKE deletes, and data carries both. */
static void the_end_has_an_order(void **state)
{
	(void)state;
	both_sites_carry();
	kill(getpid(), SIGTERM);
	world_turn();
	assert_true(world.hub->stopping);
	assert_true(asked_to_end(PROCESS_BGP) && asked_to_end(PROCESS_API));
	assert_false(asked_to_end(PROCESS_IKE) || asked_to_end(PROCESS_DATA));
	leaves(PROCESS_API);
	world_wait(150);
	assert_false(asked_to_end(PROCESS_IKE));
	leaves(PROCESS_BGP);
	world_wait(150);
	assert_true(asked_to_end(PROCESS_IKE));
	assert_false(asked_to_end(PROCESS_DATA));
	assert_true(fake.tunnels[0].up);
	leaves(PROCESS_IKE);
	assert_true(asked_to_end(PROCESS_DATA));
	assert_false(event_base_got_break(world.hub->base));
	assert_false(asked_to_end(PROCESS_WATCH)); /* it hears of all of that */
	leaves(PROCESS_DATA);
	assert_true(asked_to_end(PROCESS_WATCH));
	assert_false(event_base_got_break(world.hub->base));
	kill(world.hub->processes[PROCESS_WATCH].pid, SIGKILL);
	event_base_loop(world.hub->base, 0); /* which ends with the last child */
	assert_true(event_base_got_break(world.hub->base));
}

static void who_does_not_end_is_not_waited_for(void **state)
{
	uint64_t began = clock_now();

	(void)state;
	kill(getpid(), SIGTERM);
	event_base_loop(world.hub->base, 0);
	assert_in_range(clock_now() - began, 2 * CLOCK_SECOND, 10 * CLOCK_SECOND);
	world.hub->stopping = false;
	kill(getpid(), SIGTERM);
	world_turn();
	began = clock_now();
	kill(getpid(), SIGTERM); /* a second time means now */
	event_base_loop(world.hub->base, 0);
	assert_in_range(clock_now() - began, 0, 2 * CLOCK_SECOND);
}

/* A child that is killed by whoever it is starts again by itself, here as what does nothing. */
static void a_killed_child_starts_again(void **state)
{
	struct process *api = &world.hub->processes[PROCESS_API];
	pid_t before = api->pid;

	(void)state;
	kill(before, SIGKILL);
	world_until(api->pid > 0 && api->pid != before);
	assert_int_equal(api->restarts, 1);
	assert_false(world.hub->failed);
}

/* What ends before it has ever been ready would do so again. */
static void a_start_fails_as_a_whole(void **state)
{
	(void)state;
	world_directory();
	world_configure("", SITES);
	world_load();
	for (int i = 0; i < PROCESS_ROLES; i++)
		world_start((enum process_role)i);
	kill(world.hub->processes[PROCESS_IKE].pid, SIGKILL);
	event_base_loop(world.hub->base, 0);
	assert_true(world.hub->failed);
	assert_false(world.hub->started);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_finish)

/* Up as before, by a device that began anew: SINCE and the address that routes trust are its own. */
static void another_device_takes_a_tunnel(void **state)
{
	char text[ADDR_STR_SIZE];

	(void)state;
	both_sites_carry();
	world_state(0)->since_wall_ns = 1;
	world_peer(0, TUNNEL_UP, "203.0.113.99", false);
	assert_int_equal(world_state(0)->since_wall_ns, 1); /* it has merely moved */
	assert_string_equal(addr_format(&world_state(0)->came_from, text), "203.0.113.7");
	world_peer(0, TUNNEL_UP, "203.0.113.99", true);
	assert_true(world_state(0)->since_wall_ns > 1);
	assert_string_equal(addr_format(&world_state(0)->came_from, text), "203.0.113.99");
	assert_true(world_routed(PEER1));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(another_device_takes_a_tunnel),
		TEST(a_child_is_told_all_it_must_know),
		TEST(a_tunnel_comes_and_goes),
		TEST(packets_are_told_as_life),
		TEST(data_hands_on),
		TEST(data_that_ends_young_is_not_believed),
		TEST(bgp_is_waited_for),
		TEST(bfd_begins_when_there_is_a_socket),
		TEST(a_bfd_session_is_handed_on_once),
		TEST(without_ike_packets_flow),
		TEST(the_end_has_an_order),
		TEST(who_does_not_end_is_not_waited_for),
		TEST(a_killed_child_starts_again),
		cmocka_unit_test_setup_teardown(a_start_fails_as_a_whole, NULL, world_finish),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_life", tests, NULL, NULL);
}
