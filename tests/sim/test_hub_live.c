/* SPDX-License-Identifier: Apache-2.0 */
/* What of the concentrator changes while it runs, and needs something of the host that it might not get. */
#include "hub_world.h"

#include "hub/route/route.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

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

/* A revision that nobody has confirmed goes back, whoever has the port of the one before meanwhile. */
static void to_go_back_needs_no_port(void **state)
{
	char text[128];
	int taken;

	(void)state;
	apply(a_port(NULL));
	assert_int_equal(told_port(), 1);
	snprintf(text, sizeof(text), "%s  hold_time: 33\n", a_port(&taken));
	world_configure(text, ONE STATIC);
	world_forget();
	world_apply_order((struct apply_order){.in_any_case = true});
	assert_true(world.applied.ok);
	assert_int_equal(world_warned("it is tried again each second"), 1);
	assert_int_equal(world.hub->config->concentrator.hold_s, 33);
	assert_int_equal(told_port(), 0);
	assert_int_equal(world.hub->host->metrics_fd, -1);
	world_forget();
	world_second();
	assert_int_equal(told_port(), -1);
	assert_true(world.hub->model.host.metrics_missing);
	close(taken);
	world_second();
	assert_false(world.hub->model.host.metrics_missing);
	assert_int_equal(told_port(), 1);
	assert_true(world.hub->host->metrics_fd >= 0);
	world_forget();
	world_second();
	assert_int_equal(told_port(), -1);
	nothing_was_interrupted();
}

/* So many descriptors may be open from now on, and no more; what was allowed before. */
static rlim_t allow_only(rlim_t descriptors)
{
	struct rlimit limit;
	rlim_t before;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = descriptors;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

/* "No descriptor" is what api is told where there is to be no port. */
static void without_a_descriptor_the_port_stays(void **state)
{
	const char *text = a_port(NULL);
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	rlim_t before;

	(void)state;
	apply(text);
	assert_int_equal(told_port(), 1);
	close(lowest);
	lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(lowest);
	world_configure(a_port(NULL), ONE STATIC);
	world_forget();
	before = allow_only((rlim_t)lowest + 1);
	world_apply();
	(void)allow_only(before);
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary, "metrics: Too many open files"));
	assert_int_equal(told_port(), -1);

	/* The same when a new api process starts. */
	before = allow_only(3);
	child_configure(world.hub, PROCESS_API);
	(void)allow_only(before);
	world_turn();
	assert_int_equal(told_port(), -1);
	world_second();
	assert_int_equal(told_port(), 1);
}

/* Nobody would know what it lacks. */
static void a_child_does_not_start_without_its_descriptors(void **state)
{
	struct process *p = &world.hub->processes[PROCESS_IKE];
	int status = 0;
	rlim_t before = allow_only(3);

	(void)state;
	child_start(world.hub, p);
	(void)allow_only(before);
	for (int i = 0; i < 500 && waitpid(p->pid, &status, WNOHANG) != p->pid; i++)
		usleep(10000);
	assert_true(WIFSIGNALED(status));
}

/* Who connects before the revision is written would wait for nobody if it is not. */
static void nobody_connects_before_it_is_in_force(void **state)
{
	const char *text = a_port(NULL);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	at.sin_port = htons((uint16_t)atoi(strrchr(text, ':') + 1));
	world_configure(text, ONE STATIC);
	hub_apply(world.hub,
		&(struct apply_order){.why = "test", .done = world_applied, .of = WORLD_APPLIES});
	assert_true(hub_apply_is_writing(world.hub));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	world_written();
	assert_true(world.applied.ok);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
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
		TEST(to_go_back_needs_no_port),
		TEST(without_a_descriptor_the_port_stays),
		TEST(a_child_does_not_start_without_its_descriptors),
		TEST(nobody_connects_before_it_is_in_force),
		TEST(routes_move_to_another_table),
		TEST(one_that_is_not_taken_there_is_tried_again),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_live", tests, NULL, NULL);
}
