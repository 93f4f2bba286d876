/* SPDX-License-Identifier: Apache-2.0 */
/* Many routes at a time into the tries and into the kernel's table, and which of them failed. */
#include "planes.h"

#include "dataplane/connected.h"
#include "dataplane/link.h"
#include "dataplane/maps.h"

#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MANY (3 * ROUTES_BATCH + 5)

struct state {
	struct bpf_plane *plane;
	struct maps *maps;
	struct link *link;
};

/* In a network namespace of its own. */
static int setup(void **context)
{
	struct bpf_options o = {.workers = 1};
	struct link_options link = {.queues = 1, .mtu = 1400, .steer_fd = -1, .table = 1000};
	char error[DATAPLANE_ERROR_SIZE] = "";
	struct state *s = calloc(1, sizeof(*s));
	struct ip_addr own;

	s->plane = plane_take(&o, error);
	s->maps = s->plane ? maps_new(s->plane) : NULL;
	s->link = s->maps && !unshare(CLONE_NEWNET) ? link_open(&link, error) : NULL;
	*context = s;
	addr_parse("10.0.0.1", &own); /* without any address the kernel takes no gateway */
	if (!s->link || !link_address_set(s->link, &own)) {
		print_error("%s\n", error);
		return -1;
	}
	return 0;
}

static int teardown(void **context)
{
	struct state *s = *context;

	link_close(s->link);
	maps_free(s->maps);
	free(s);
	return 0;
}

/* Every fourth is an IPv6 prefix, in runs of eight. */
static struct fib_route numbered(unsigned int i)
{
	uint8_t v4[4] = {20, (uint8_t)(i >> 8), (uint8_t)i};
	uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, (uint8_t)(i >> 8), (uint8_t)i};
	bool is6 = i % 32 < 8;

	return (struct fib_route){
		.prefix = {addr_from_bytes(is6 ? AF_INET6 : AF_INET, is6 ? v6 : v4), is6 ? 48 : 24},
		.mtu = 1300,
		.tunnel = i % 200};
}

static unsigned int in_kernel(int version)
{
	char command[96];
	unsigned int n = 0;
	FILE *f;

	snprintf(command, sizeof(command),
		"ip -%d route show table 1000 proto %d | grep -c 'mtu 1300'", version,
		LINK_ROUTE_PROTOCOL);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static bool has(const struct state *s, const struct fib_route *r)
{
	uint32_t tunnel;

	return maps_route_lookup(s->maps, &r->prefix.addr, &tunnel) && tunnel == r->tunnel;
}

static void many_come_and_go(void **context)
{
	struct state *s = *context;
	static struct fib_route r[MANY];

	for (unsigned int i = 0; i < MANY; i++)
		r[i] = numbered(i);
	for (int again = 0; again < 2; again++) { /* replacing is fine */
		assert_int_equal(maps_routes_set(s->maps, r, MANY), 0);
		assert_int_equal(link_routes_set(s->link, r, MANY), 0);
	}
	for (unsigned int i = 0; i < MANY; i++)
		assert_true(has(s, &r[i]));
	assert_int_equal(in_kernel(4) + in_kernel(6), MANY);

	assert_int_equal(link_routes_del(s->link, r, MANY), 0);
	assert_int_equal(maps_routes_del(s->maps, r, MANY), 0);
	for (unsigned int i = 0; i < MANY; i++)
		assert_false(has(s, &r[i]));
	assert_int_equal(in_kernel(4) + in_kernel(6), 0);
}

static void the_kernel_refuses_some(void **context)
{
	static const unsigned int bad[] = {0, 1, 30, ROUTES_BATCH - 1, ROUTES_BATCH, MANY - 1};
	struct state *s = *context;
	static struct fib_route r[MANY];
	size_t n = sizeof(bad) / sizeof(bad[0]);

	for (unsigned int i = 0; i < MANY; i++)
		r[i] = numbered(i);
	for (size_t i = 0; i < n; i++)
		r[bad[i]].prefix.len = 200;
	assert_int_equal(link_routes_set(s->link, r, MANY), n);
	for (unsigned int i = 0, k = 0; i < MANY; i++) {
		bool is_bad = k < n && i == bad[k];

		assert_int_equal(r[i].failed, is_bad);
		k += is_bad;
	}
	assert_int_equal(in_kernel(4) + in_kernel(6), MANY - n);
	assert_int_equal(link_routes_del(s->link, r, MANY), n); /* these are left out */
	assert_int_equal(in_kernel(4) + in_kernel(6), 0);
	for (unsigned int i = 0; i < MANY; i++)
		r[i].failed = false;
	assert_int_equal(link_routes_del(s->link, r, MANY), MANY); /* more than one answer holds */
}

static void what_is_missing_is_put_back(void **context)
{
	struct state *s = *context;
	static struct fib_route r[MANY];
	unsigned int missing = 0;

	for (unsigned int i = 0; i < MANY; i++)
		r[i] = numbered(i);
	assert_int_equal(link_routes_set(s->link, r, MANY), 0);
	assert_int_equal(maps_routes_set(s->maps, r, MANY), 0);
	for (unsigned int i = 0; i < MANY; i += 7, missing++) {
		struct fib_route gone = r[i];

		assert_int_equal(link_routes_del(s->link, &gone, 1), 0);
		assert_true(maps_route_leads(s->maps, &r[i].prefix, r[i].tunnel, 0));
		assert_false(maps_route_leads(s->maps, &r[i].prefix, r[i].tunnel, 1));
		assert_false(maps_route_leads(s->maps, &r[i].prefix, r[i].tunnel + 1, 0));
		assert_true(maps_route_del(s->maps, &r[i].prefix));
		assert_false(maps_route_leads(s->maps, &r[i].prefix, r[i].tunnel, 0));
	}
	assert_int_equal(link_routes_restore(s->link, r, MANY), MANY - missing);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(r[i].failed, i % 7 != 0); /* it was there */
	assert_int_equal(in_kernel(4) + in_kernel(6), MANY);
	for (unsigned int i = 0; i < MANY; i++)
		r[i].failed = false;
	assert_int_equal(link_routes_del(s->link, r, MANY), 0);
	maps_routes_del(s->maps, r, MANY);
}

static void the_trie_refuses_some(void **context)
{
	struct state *s = *context;
	struct fib_route r[40];

	for (unsigned int i = 0; i < 40; i++)
		r[i] = numbered(100 + i);
	r[20].prefix.len = r[33].prefix.len = 200;
	assert_int_equal(maps_routes_set(s->maps, r, 40), 2);
	for (unsigned int i = 0; i < 40; i++) {
		assert_int_equal(r[i].failed, i == 20 || i == 33);
		assert_int_equal(has(s, &r[i]), !r[i].failed);
	}
	r[20] = r[33] = r[5];
	assert_int_equal(maps_routes_del(s->maps, r, 40), 2); /* one that is there, three times */
	for (unsigned int i = 0; i < 40; i++)
		assert_false(has(s, &r[i]));
}

#define BESIDE 1000 /* more than one datagram of answers */

static bool is_listed(const struct ip_prefix *list, size_t n, const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	for (size_t i = 0; i < n; i++) {
		if (prefix_equal(&list[i], &p))
			return true;
	}
	return false;
}

static void routes_of_others_are_listed(void **context)
{
	static struct ip_prefix list[BESIDE + 100];
	struct rlimit files, none;
	uint32_t device;
	size_t n;

	(void)context;
	assert_int_equal(
		system("ip link add o0 type veth peer name o1 && ip link set o0 up &&"
		       "ip link set o1 up && ip addr add 10.9.0.1/24 dev o0 &&"
		       "ip route add 10.8.0.0/16 dev o0 table 77 && ip route add default dev o0 &&"
		       "ip route add 10.7.0.0/16 dev o0 proto 83 && ip route add 10.6.0.0/16 dev "
		       "o1 &&"
		       "ip -6 route add fd01::/48 dev o0 && ip -6 route add default dev o0"),
		0);
	device = if_nametoindex("o0");
	assert_true(routes_by_device(AF_INET, device, list, BESIDE, &n));
	assert_int_equal(n, 2);
	assert_true(is_listed(list, n, "10.9.0.0/24") && is_listed(list, n, "10.8.0.0/16"));
	assert_true(routes_by_device(AF_INET6, device, list, BESIDE, &n));
	assert_true(is_listed(list, n, "fd01::/48"));
	assert_false(is_listed(list, n, "::/0"));

	assert_int_equal(system("for i in $(seq 1000); do echo route add 10.$((100 + i / 250))."
				"$((i % 250)).0/24 dev o0; done | ip -batch -"),
		0);
	assert_true(routes_by_device(AF_INET, device, list, BESIDE + 100, &n));
	assert_int_equal(n, BESIDE + 2);
	assert_true(is_listed(list, n, "10.104.0.0/24"));
	assert_true(routes_by_device(AF_INET, device, list, 10, &n));
	assert_int_equal(n, 10);
	assert_true(routes_by_device(AF_INET, 9999, list, 10, &n));
	assert_int_equal(n, 0);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	none = (struct rlimit){.rlim_max = files.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_false(routes_by_device(AF_INET, device, list, 10, &n)); /* and so no socket */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

/* By devices of others: networks, own addresses, next hops; neither defaults nor routing daemons' routes. */
static void what_the_host_is_connected_to(void **context)
{
	static const char *const there[] = {"10.9.0.0/24", "10.9.0.1/32", "10.7.0.0/16",
		"10.9.0.254/32", "172.31.1.1/32", "10.9.0.253/32", "10.5.0.2/32", "10.5.0.1/32",
		"2001:db8:9::/64", "2001:db8:9::1/128", "2001:db8:9::fe/128", "fd01::/48"};
	static const char *const not_there[] = {
		"10.0.0.0/30", "10.4.0.0/16", "10.3.0.0/16", "10.8.0.0/16", "0.0.0.0/0", "::/0"};
	struct state *s = *context;
	uint32_t own = link_ifindex(s->link);
	struct ip_prefix list[64];
	size_t n;

	assert_int_equal(
		system("ip link add o0 type veth peer name o1 && ip link set o0 up &&"
		       "ip link set o1 up && ip addr add 10.9.0.1/24 dev o0 &&"
		       "ip addr add 10.5.0.1 peer 10.5.0.2/32 dev o0 &&"
		       "ip addr add 2001:db8:9::1/64 dev o0 nodad &&"
		       "ip route add 10.8.0.0/16 via 10.9.0.254 && ip route add 10.7.0.0/16 dev o0 "
		       "&& ip route add default via 172.31.1.1 dev o0 onlink &&"
		       "ip route add 10.6.0.0/16 nexthop via 10.9.0.254 nexthop via 10.9.0.253 &&"
		       "ip route add 10.4.0.0/16 dev o0 proto 83 &&"
		       "ip route add blackhole 10.3.0.0/16 &&"
		       "ip -6 route add default via 2001:db8:9::fe &&"
		       "ip -6 route add fd01::/48 dev o0"),
		0);
	assert_true(connected_list(&own, 1, list, 64, &n));
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		if (!is_listed(list, n, there[i]))
			fail_msg("%s", there[i]);
	}
	for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++) {
		if (is_listed(list, n, not_there[i]))
			fail_msg("%s", not_there[i]);
	}
	assert_true(connected_list(NULL, 0, list, 64, &n));
	assert_true(is_listed(list, n, "10.0.0.1/32")); /* of the inside device */
	assert_false(connected_list(&own, 1, list, 3, &n));
	assert_int_equal(n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(many_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(the_kernel_refuses_some, setup, teardown),
		cmocka_unit_test_setup_teardown(the_trie_refuses_some, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_missing_is_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(routes_of_others_are_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_host_is_connected_to, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, planes_free);
}
