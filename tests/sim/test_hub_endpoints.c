/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's outside addresses and devices become others while it runs. */
#include "../own_network.h"
#include "hub_world.h"

#include "hub/site/admin.h"

#include <arpa/inet.h>

#define ONE                     WORLD_SITE("one", "1", "")
#define FIRST                   "    - { device: eth0, addresses: [198.51.100.1] }\n"
#define SECOND(device, address) "    - { device: " device ", addresses: [" address "] }\n"

static void come_up(void)
{
	for (uint32_t t = 0; t < 2; t++) {
		world_tunnel(t, TUNNEL_UP);
		world_session(t, BGP_ESTABLISHED);
	}
	world_forget();
}

static void change_to(const char *endpoints)
{
	world.endpoints = endpoints;
	world_configure("", ONE);
	world_forget();
	world_apply();
	if (world.hub->applying)
		world_wait(LEAVE_MS + 50);
}

/* By the first change sockets are opened that a start would have opened. */
static int setup(void **state)
{
	(void)state;
	world_directory();
	world_device(2, "eth2", "198.51.101.1");
	for (int i = 0; i < 3; i++) /* the sockets are real, and so are the devices */
		fake.devices[i].is.ifindex = fake.addresses[i].ifindex =
			if_nametoindex(fake.devices[i].name);
	world_configure("", ONE);
	world_run();
	change_to(FIRST SECOND("eth1", "198.51.101.8"));
	assert_true(world.applied.ok);
	change_to(NULL);
	assert_true(world.applied.ok);
	come_up();
	return 0;
}

static int teardown(void **state)
{
	outside_sockets_close(&world.hub->host->sockets);
	outside_sockets_close(&world.hub->host->retired);
	return world_finish(state);
}

/* Who is not changed is not untouched by that. */
static void it_is_said_who_is_interrupted(void **state)
{
	(void)state;
	change_to(FIRST SECOND("eth1", "198.51.101.9"));
	if (!strstr(world.applied.summary,
		    "0 sites added, 0 changed, 0 removed, 0 untouched; interrupted: 1 tunnel"))
		fail_msg("%s", world.applied.summary);
	/* It is down now. */
	change_to(FIRST SECOND("eth1", "198.51.101.1"));
	if (!strstr(world.applied.summary, "0 removed, 1 untouched"))
		fail_msg("%s", world.applied.summary);
}

/* Of what was heard, the number of the first of this type that is about the address, or of the tunnel; 0: none. */
static size_t when(enum process_role role, uint32_t type, const char *address, uint32_t tunnel)
{
	struct ip_addr a;

	for (size_t i = 0; i < world.heard_count; i++) {
		const struct heard *h = &world.heard[i];
		const struct imsg_socket *s = h->payload;

		if (h->role != role || h->type != type)
			continue;
		if (address) {
			assert_true(addr_parse(address, &a));
			if (addr_equal(&s->local.addr, &a))
				return i + 1;
		} else if (*(const uint32_t *)h->payload == tunnel) {
			return i + 1;
		}
	}
	return 0;
}

static void only_tunnel_1_ended(void)
{
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL), 1);
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_NEIGHBOR_DEL), 1);
	assert_true(when(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL, NULL, 1));
	assert_true(world_state(0)->open);
	assert_false(world_state(1)->open);
	assert_int_equal(world_state(0)->bgp.state, BGP_ESTABLISHED);
}

/* It says goodbye by the old socket, which goes then; the new one is there before the tunnel that needs it. */
static void another_address(void **state)
{
	const struct imsg_ike_tunnel *m;
	char text[ADDR_STR_SIZE];
	size_t ended, gone, came, began;

	(void)state;
	change_to(FIRST SECOND("eth1", "198.51.101.9"));
	assert_true(world.applied.ok);
	only_tunnel_1_ended();
	ended = when(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL, NULL, 1);
	gone = when(PROCESS_IKE, IMSG_IKE_SOCKET_GONE, "198.51.101.1", 0);
	came = when(PROCESS_IKE, IMSG_IKE_SOCKET, "198.51.101.9", 0);
	m = world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 1);
	assert_non_null(m);
	assert_string_equal(addr_format(&m->local, text), "198.51.101.9");
	began = when(PROCESS_IKE, IMSG_IKE_TUNNEL, NULL, 1);
	assert_true(ended && ended < gone && gone < came && came < began);
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_SOCKET_GONE), 2);
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_SOCKET), 2);
	assert_int_equal(world_count(PROCESS_DATA, IMSG_DATA_SOCKET_GONE), 4);
	assert_int_equal(world_count(PROCESS_DATA, IMSG_DATA_SOCKET), 4);
	assert_false(when(PROCESS_IKE, IMSG_IKE_SOCKET_GONE, "198.51.100.1", 0));
	assert_int_equal(world.hub->host->sockets.count, 10);
	/* Nobody has given the host the address: that is a fault of the endpoint, and known. */
	assert_int_equal(world.hub->model.endpoints[1][0].fault, ENDPOINT_NO_ADDRESS);
	assert_int_equal(world.hub->model.endpoints[0][0].fault, ENDPOINT_FINE);
	assert_int_equal(world.hub->processes[PROCESS_DATA].restarts, 0);
	assert_false(world.hub->processes[PROCESS_DATA].asked);
}

/* The router ID follows from the first address, and the sessions of the second are not to end by that. */
static void the_first_address_is_not_in_the_way_of_the_second(void **state)
{
	struct ip_addr id = world.hub->config->concentrator.router_id;

	(void)state;
	change_to("    - { device: eth0, addresses: [198.51.100.9] }\n" SECOND(
		"eth1", "198.51.101.1"));
	assert_true(world.applied.ok);
	assert_true(when(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL, NULL, 0));
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL), 1);
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_CONF), 0);
	assert_true(addr_equal(&id, &world.hub->config->concentrator.router_id));
	assert_true(world_state(1)->open);
}

/* Who goes back at once has the sockets that the children have still. */
static void back_at_once(void **state)
{
	int fds[OUTSIDE_SOCKETS_MAX];
	uint32_t n = world.hub->host->sockets.count;

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		fds[i] = world.hub->host->sockets.list[i].fd;
	change_to(FIRST SECOND("eth1", "198.51.101.9"));
	assert_true(world.hub->host->retired.count);
	change_to(NULL);
	assert_true(world.applied.ok);
	assert_int_equal(world.hub->host->sockets.count, n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(fds[i], world.hub->host->sockets.list[i].fd);
	come_up();
	assert_true(world_state(1)->open);
	hub_outside_sockets_look(world.hub, clock_now() + 4 * CLOCK_SECOND);
	assert_int_equal(world.hub->host->retired.count, 0);
}

static int take_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(500),
		.sin_addr.s_addr = inet_addr("198.51.101.9")};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &(int){1}, sizeof(int)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* It is known before anything changes. To go back needs no port: it is had when it is free. */
static void a_port_that_is_taken(void **state)
{
	int taken = take_port();
	const char *other = FIRST SECOND("eth1", "198.51.101.9");

	(void)state;
	change_to(other);
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary, "cannot bind 198.51.101.9:500: "));
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL), 0);
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_SOCKET), 0);
	for (uint32_t t = 0; t < 2; t++)
		assert_true(world_state(t)->open);
	world_apply_order((struct apply_order){.in_any_case = true});
	world_wait(LEAVE_MS + 50);
	assert_true(world.applied.ok);
	assert_int_equal(world_warned("cannot bind 198.51.101.9:500: "), 1);
	only_tunnel_1_ended();
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_SOCKET), 0);
	hub_outside_sockets_look(world.hub, clock_now());
	assert_true(world.hub->host->sockets_missing);
	close(taken);
	hub_outside_sockets_look(world.hub, clock_now());
	world_turn();
	assert_false(world.hub->host->sockets_missing);
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_SOCKET), 2);
}

static const struct fake_device *const eth1 = &fake.devices[1], *const eth2 = &fake.devices[2];

static bool is_closed(const struct fake_device *d)
{
	return d->closed && d->guarded;
}

static bool is_open(const struct fake_device *d)
{
	return !d->closed && !d->guarded;
}

/* The address stays, and so do the tunnels; data starts anew for the device, and goes on with its SAs. */
static void another_device(void **state)
{
	struct process *data = &world.hub->processes[PROCESS_DATA];

	(void)state;
	change_to(FIRST SECOND("eth2", "198.51.101.1"));
	assert_true(world.applied.ok);
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL), 0);
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_SOCKET_GONE), 0);
	assert_true(is_closed(eth1)); /* what was for sites may still leave by it */
	assert_true(is_closed(eth2));
	assert_int_equal(fake.outside[1], eth2->is.ifindex);
	assert_string_equal(world.hub->model.host.outside[1].name, "eth2");
	assert_int_equal(world.hub->model.host.outside_count, 2);
	world_until(data->restarts == 1);
	for (uint32_t t = 0; t < 2; t++)
		assert_true(world_state(t)->open);
}

/* Routes of tunnels that leave are gone before the change is in force: the new device is closed by then. */
static void a_device_is_closed_before_tunnels_leave(void **state)
{
	(void)state;
	world.endpoints = FIRST SECOND("eth2", "198.51.101.9");
	world_configure("", ONE);
	world_forget();
	assert_true(is_open(eth2));
	hub_apply(world.hub,
		&(struct apply_order){.why = "test", .done = world_applied, .of = WORLD_APPLIES});
	assert_true(hub_apply_is_writing(world.hub));
	assert_true(is_closed(eth2));
	world_written();
	assert_non_null(world.hub->applying); /* it waits for tunnel 1 */
	hub_host_look(world.hub);
	assert_true(is_closed(eth1) && is_closed(eth2));
	world_wait(LEAVE_MS + 50);
	assert_true(world.applied.ok);
	only_tunnel_1_ended();
	assert_true(is_closed(eth1) && is_closed(eth2));
	assert_string_equal(world.hub->model.host.closed_devices[1].name, "eth1");
	assert_string_equal(world.hub->model.host.closed_devices[0].name, "");
}

/* Others flush rules and filters, and a device is made anew. */
static void a_former_device_stays_closed_until_it_is_released(void **state)
{
	(void)state;
	change_to(FIRST SECOND("eth2", "198.51.101.1"));
	fake.devices[1].closed = fake.devices[1].guarded = false;
	hub_host_look(world.hub);
	assert_true(is_closed(eth1));
	fake.devices[1].is.ifindex = if_nametoindex("eth3");
	fake.devices[1].guarded = false;
	hub_host_look(world.hub);
	assert_true(is_closed(eth1));
	assert_int_equal(hub_devices_release(world.hub), 1);
	assert_true(is_open(eth1));
	assert_true(is_closed(eth2));
	assert_int_equal(hub_devices_release(world.hub), 0);
	hub_host_look(world.hub);
	assert_true(is_open(eth1));
}

/* It is an outside device again, as any other, and is one no longer when it is released by mistake. */
static void a_former_device_comes_back(void **state)
{
	(void)state;
	change_to(FIRST SECOND("eth2", "198.51.101.1"));
	change_to(NULL);
	assert_true(world.applied.ok);
	assert_true(is_closed(eth1) && is_closed(eth2));
	assert_int_equal(hub_devices_release(world.hub), 1);
	assert_true(is_closed(eth1));
	assert_true(is_open(eth2));
}

static void a_former_device_is_open_where_others_may_use_it(void **state)
{
	(void)state;
	change_to(FIRST SECOND("eth2", "198.51.101.1"));
	world_configure("  outside_forwarding: true\n", ONE);
	world_apply();
	assert_true(world.applied.ok);
	assert_false(eth1->closed);
	world_configure("", ONE);
	world_apply();
	assert_true(is_closed(eth1));
}

/* What was closed for a change that does not come is anybody's again. */
static void a_change_that_is_refused_closes_nothing(void **state)
{
	int taken = take_port();

	(void)state;
	change_to(FIRST SECOND("eth2", "198.51.101.9"));
	assert_false(world.applied.ok);
	assert_true(is_open(eth2));
	close(taken);
	fake.devices[2].unguardable = true;
	change_to(FIRST SECOND("eth2", "198.51.101.9"));
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary, "eth2: TC is refused"));
	assert_true(is_open(eth2));
	assert_true(world_state(1)->open);
	world.endpoints = NULL;
	world_configure("", ONE);
	fake.devices[2].unguardable = false;
}

/* More than that nobody keeps in mind. */
static void too_many_former_devices(void **state)
{
	char name[16], error[CONFIG_ERROR_SIZE];

	(void)state;
	for (int i = 0; i < MODEL_CLOSED_DEVICES; i++) {
		struct closed_device *d = &world.hub->model.host.closed_devices[i];

		snprintf(name, sizeof(name), "was%d", i);
		*d = (struct closed_device){.former = true};
		memcpy(d->name, name, sizeof(name));
	}
	change_to(FIRST SECOND("eth2", "198.51.101.1"));
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary, "`sluice hub release` opens them"));
	assert_true(is_open(eth2));
	assert_false(hub_device_await(world.hub, "eth2", error));
	world.endpoints = NULL;
	world_configure("", ONE);
}

/* As at the start: one that is refused stays closed, and where all are there is no use in going on. */
static void devices_that_cannot_be_attached(void **state)
{
	(void)state;
	fake.devices[2].unattachable = true;
	change_to(FIRST SECOND("eth2", "198.51.101.1"));
	assert_true(world.applied.ok);
	assert_true(is_closed(eth1) && is_closed(eth2));
	assert_int_equal(world.hub->model.endpoints[1][0].fault, ENDPOINT_NOT_CLOSED);
	assert_true(world_state(0)->open);
	assert_false(world_state(1)->open);
	change_to(NULL);
	assert_true(world.applied.ok);
	change_to("    - { device: eth2, addresses: [198.51.100.1] }\n" SECOND(
		"eth2", "198.51.101.1"));
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary,
		"no endpoint could be used: eth2: it has another XDP program"));
	change_to(NULL);
	fake.devices[2].unattachable = false;
	assert_true(world.applied.ok);
	hub_host_look(world.hub);
}

static bool start_again(char error[CONFIG_ERROR_SIZE])
{
	for (int i = 0; i < 2; i++) {
		fake.devices[i].guarded = world.hub->host->outside_closed[i] = false;
		fake.outside[i] = fake.devices[i].is.ifindex;
	}
	return hub_outside_attach(world.hub, error);
}

/* A hub with a hundred sites starts with the endpoint that it has. */
static void a_start_with_a_device_that_cannot_be_attached(void **state)
{
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	fake.devices[0].unattachable = true;
	assert_true(start_again(error));
	assert_true(is_closed(&fake.devices[0]) && is_closed(eth1));
	hub_host_look(world.hub);
	assert_int_equal(world.hub->model.endpoints[0][0].fault, ENDPOINT_NOT_CLOSED);
	assert_int_equal(world.hub->model.endpoints[1][0].fault, ENDPOINT_FINE);
	fake.devices[1].unattachable = true;
	assert_false(start_again(error));
	assert_string_equal(error, "no endpoint can be used: eth1: XDP is refused");
	fake.devices[0].is.ifindex = world.hub->model.host.outside[0].ifindex = 0; /* it may come */
	assert_true(start_again(error));
}

/* `sluice plan` tells of both. */
static void a_plan_tells_of_devices(void **state)
{
	char error[CONFIG_ERROR_SIZE], *text;
	json_t *plan;

	(void)state;
	fake.devices[2].unattachable = true;
	world.endpoints = FIRST SECOND("eth2", "198.51.101.1");
	world_configure("", ONE);
	plan = hub_plan(
		world.hub, documents_load(world.path, false, error), PLAN_OF_FILES, NULL, error);
	assert_non_null(plan);
	text = json_dumps(json_object_get(plan, "findings"), 0);
	assert_non_null(strstr(text, "endpoint 1, eth2: it has another XDP program"));
	assert_non_null(strstr(text, "eth1 is no outside device then"));
	free(text);
	json_decref(plan);
	fake.devices[2].unattachable = false;
}

static enum problem try_as_it_is(void)
{
	char error[CONFIG_ERROR_SIZE];
	struct documents *files = documents_load(world.path, false, error);

	assert_non_null(files);
	return hub_try(world.hub, &(struct apply_order){.documents = files}, error);
}

/* `--dry-run` a moment after a change: those that were retired are where they were, and nothing is closed. */
static void what_is_only_tried_takes_nothing(void **state)
{
	struct outside_sockets *retired = &world.hub->host->retired;
	uint32_t n;
	int fd;

	(void)state;
	change_to(FIRST SECOND("eth1", "198.51.101.9"));
	n = retired->count;
	assert_true(n > 0);
	fd = retired->list[n - 1].fd;
	world.endpoints = FIRST SECOND("eth2", "198.51.101.1");
	world_configure("", ONE);
	assert_int_equal(try_as_it_is(), PROBLEM_NONE);
	assert_int_equal(retired->count, n);
	assert_int_equal(retired->list[n - 1].fd, fd);
	assert_string_equal(retired->list[n - 1].device, "eth1");
	assert_true(is_open(eth2));
	change_to(NULL); /* so it finds them */
	assert_true(world.applied.ok);
	assert_int_equal(world.hub->host->sockets.list[9].fd, fd);
}

/* Both on one: the other one is closed all the same, and its place is free until there is another again. */
static void a_device_less_and_again(void **state)
{
	const struct model_host *host = &world.hub->model.host;

	(void)state;
	change_to("    - { device: eth1, addresses: [198.51.100.1] }\n" SECOND(
		"eth1", "198.51.101.1"));
	assert_true(world.applied.ok);
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL), 0);
	assert_true(is_closed(&fake.devices[0]));
	assert_true(is_closed(eth1));
	assert_string_equal(host->outside[0].name, "");
	assert_string_equal(host->outside[1].name, "eth1");
	assert_int_equal(host->outside[1].address_count, 2);
	assert_int_equal(world.hub->processes[PROCESS_DATA].restarts, 0);
	assert_false(world.hub->processes[PROCESS_DATA].asked);
	hub_host_look(world.hub);
	change_to(NULL);
	assert_true(world.applied.ok);
	assert_string_equal(host->outside[0].name, "eth0");
	assert_int_equal(host->outside[0].address_count, 1);
	assert_true(is_closed(&fake.devices[0]));
	world_until(world.hub->processes[PROCESS_DATA].restarts == 1);
}

/* Two runs at once must not meet at the same ports. */
static int alone(void **state)
{
	(void)state;
	return own_network() ? system("ip link add eth0 type veth peer name eth1 && "
				      "ip link add eth2 type veth peer name eth3")
			     : -1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_said_who_is_interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(another_address, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_first_address_is_not_in_the_way_of_the_second, setup, teardown),
		cmocka_unit_test_setup_teardown(back_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_port_that_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(another_device, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_device_is_closed_before_tunnels_leave, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_former_device_stays_closed_until_it_is_released, setup, teardown),
		cmocka_unit_test_setup_teardown(a_former_device_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_former_device_is_open_where_others_may_use_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_change_that_is_refused_closes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_former_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(devices_that_cannot_be_attached, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_start_with_a_device_that_cannot_be_attached, setup, teardown),
		cmocka_unit_test_setup_teardown(a_plan_tells_of_devices, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_only_tried_takes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_device_less_and_again, setup, teardown),
	};

	world_be_child(argc, argv);
	if (geteuid() != 0) {
		puts("SKIP: needs root for ports below 1024 and raw sockets");
		return 77;
	}
	return cmocka_run_group_tests_name("hub_endpoints", tests, alone, NULL);
}
