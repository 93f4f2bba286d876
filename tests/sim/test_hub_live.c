/* SPDX-License-Identifier: Apache-2.0 */
/* What of the concentrator changes while it runs, and needs something of the host that it might not get. */
#include "hub_world.h"

#include "hub/route/route.h"

#include <fcntl.h>

#define ONE WORLD_SITE("one", "1", "")
#define STATIC                                                                                     \
	"  - { name: still, class: gateway, routing: static, static_routes: [10.9.0.0/16],\n"      \
	"      tunnels: [ { identity: s.example.net, psk: 'file:DIR/psk',\n"                       \
	"      inside: 169.254.109.0/30 } ] }\n"

static int setup(void **state)
{
	(void)state;
	world_begin("", ONE STATIC);
	for (uint32_t t = 0; t < 2; t++) {
		world_tunnel(t, TUNNEL_UP);
		world_session(t, BGP_ESTABLISHED);
	}
	world_route(0, "10.1.0.0/24");
	world_route(1, "10.2.0.0/24");
	world_forget();
	return 0;
}

static void apply(const char *concentrator)
{
	world_configure(concentrator, ONE STATIC);
	world_forget();
	world_apply();
}

static void nothing_was_interrupted(void)
{
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL), 0);
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_NEIGHBOR_DEL), 0);
	for (uint32_t t = 0; t < 2; t++)
		assert_true(world_state(t)->open);
}

/* A port of this host that is free now, or is taken by the descriptor; as a line of the configuration. */
static const char *a_port(int *taken)
{
	static char text[64];
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(text, sizeof(text), "  metrics: 127.0.0.1:%u\n", ntohs(at.sin_port));
	if (taken)
		*taken = fd;
	else
		close(fd);
	return text;
}

/* Of the last message about the port: 1, with a listener; 0, without; -1: there was none. */
static int told_port(void)
{
	int told = -1;

	for (size_t i = 0; i < world.heard_count; i++) {
		if (world.heard[i].role == PROCESS_API && world.heard[i].type == IMSG_API_HTTP)
			told = world.heard[i].fd;
	}
	return told;
}

static void metrics_come_move_and_go(void **state)
{
	int first;

	(void)state;
	apply(a_port(NULL));
	assert_true(world.applied.ok);
	assert_int_equal(told_port(), 1);
	first = world.hub->host->metrics_fd;
	assert_true(first >= 0);
	apply(a_port(NULL));
	assert_true(world.applied.ok);
	assert_int_equal(told_port(), 1);
	assert_int_equal(fcntl(first, F_GETFD), -1);
	world_apply(); /* the same once more */
	apply("");
	assert_true(world.applied.ok);
	assert_int_equal(told_port(), 0);
	assert_int_equal(world.hub->host->metrics_fd, -1);
	nothing_was_interrupted();
}

/* It is known before anything changes, beside it too. */
static void a_port_that_is_taken_changes_nothing(void **state)
{
	char text[128];
	int taken;

	(void)state;
	snprintf(text, sizeof(text), "%s  hold_time: 33\n  route_table: 100\n", a_port(&taken));
	apply(text);
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary, "cannot listen for metrics on 127.0.0.1:"));
	assert_int_equal(told_port(), -1);
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_CONF), 0);
	assert_int_equal(fake.table, 0);
	assert_int_equal(world.hub->host->metrics_fd, -1);
	close(taken);
	apply(text);
	assert_true(world.applied.ok);
	assert_int_equal(told_port(), 1);
}

/* What was got beforehand is given back when the rest fails. */
static void without_a_disk_the_port_is_free_again(void **state)
{
	const char *text = a_port(NULL);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char command[256];

	(void)state;
	at.sin_port = htons((uint16_t)atoi(strrchr(text, ':') + 1));
	snprintf(command, sizeof(command), "rm -r %s && : >%s", world.revisions, world.revisions);
	assert_int_equal(system(command), 0);
	apply(text);
	assert_false(world.applied.ok);
	assert_int_equal(told_port(), -1);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static bool stands_elsewhere(const struct ip_prefix *p)
{
	return fake_find(&fake.elsewhere, p) >= 0 || fake_find(&fake.kernel, p) >= 0;
}

static bool elsewhere(const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	return fake_find(&fake.elsewhere, &p) >= 0;
}

/* In the new table before they leave the old one; the ends of tunnels stay, where the hub's sockets look. */
static void routes_move_to_another_table(void **state)
{
	(void)state;
	fake.may_open = stands_elsewhere;
	apply("  route_table: 100\n");
	assert_true(world.applied.ok);
	assert_int_equal(fake.table, 100);
	assert_true(elsewhere("10.1.0.0/24") && elsewhere("10.2.0.0/24"));
	assert_false(world_routed("10.1.0.0/24") || world_routed("10.2.0.0/24"));
	assert_true(world_routed("169.254.101.2/32") && !elsewhere("169.254.101.2/32"));
	assert_int_equal(fake.unreachable[0].count, 0);
	assert_int_equal(fake.unreachable[1].count, 1);
	nothing_was_interrupted();
	world_route(0, "10.3.0.0/24");
	assert_true(elsewhere("10.3.0.0/24"));

	apply("");
	assert_true(world.applied.ok);
	assert_true(world_routed("10.1.0.0/24") && world_routed("10.3.0.0/24"));
	assert_int_equal(fake.elsewhere.count, 0);
	assert_int_equal(fake.unreachable[0].count, 1);
	assert_int_equal(fake.unreachable[1].count, 0);
	nothing_was_interrupted();
}

/* One that the kernel does not take there is tried again; it is not left behind. */
static void one_that_is_not_taken_there_is_tried_again(void **state)
{
	(void)state;
	assert_true(prefix_parse("10.1.0.0/24", &fake.not_taken));
	apply("  route_table: 100\n");
	assert_true(world.applied.ok);
	assert_false(elsewhere("10.1.0.0/24") || world_routed("10.1.0.0/24"));
	assert_true(elsewhere("10.2.0.0/24"));
	fake.not_taken = (struct ip_prefix){0};
	for (int i = 0; i < 10; i++)
		hub_routes_check(world.hub, clock_now() + (uint64_t)i * 10 * CLOCK_SECOND);
	assert_true(elsewhere("10.1.0.0/24"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(metrics_come_move_and_go),
		TEST(a_port_that_is_taken_changes_nothing),
		TEST(without_a_disk_the_port_is_free_again),
		TEST(routes_move_to_another_table),
		TEST(one_that_is_not_taken_there_is_tried_again),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_live", tests, NULL, NULL);
}
