/* SPDX-License-Identifier: Apache-2.0 */
/* What others change on the host: that it is noticed, what it is then, and how it is put right. */
#include "frames.h"

#include "dataplane/half_open.h"
#include "dataplane/host.h"
#include "dataplane/link.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUIET_MS 2000

static int setup(void **context)
{
	(void)context;
	return own_network() ? 0 : -1;
}

static void sh(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static bool says(const char *command, const char *what)
{
	char text[1024];
	FILE *f = popen(command, "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);

	text[n] = '\0';
	pclose(f);
	return strstr(text, what);
}

/* In a process that may not. */
static void as_nobody(void (*what)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		if (setresuid(65534, 65534, 65534))
			_exit(71);
		what();
		_exit(72);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void closed_cannot_be_opened(void)
{
	_exit(host_forward_closed("d0", false) ? 1 : 0);
}

/* By name, so it holds for a device that is not there yet. */
static void a_closed_device_forwards_nothing(void **context)
{
	static const char *const forward[] = {
		"ip route get 10.0.0.77 from 10.0.0.9 iif d0 2>&1; true",
		"ip route get fd00:10::77 from fd00:10::9 iif d0 2>&1; true"};

	(void)context;
	for (int i = 0; i < 2; i++)
		assert_true(says(forward[i], "iif d0"));
	assert_true(host_forward_closed("d0", true));
	assert_true(host_forward_closed("d0", true));
	for (int again = 0; again < 2; again++) {
		for (int i = 0; i < 2; i++)
			assert_false(says(forward[i], "iif d0"));
		assert_true(says("ip route get 192.0.2.1 from 10.0.0.9 iif d0 2>&1", "local"));
		sh("ip link del d0 && ip link add d0 type veth peer name d1 && ip link set d0 up &&"
		   "ip addr add 10.0.0.1/24 dev d0 && ip addr add fd00:10::1/64 dev d0 nodad &&"
		   "ip link set d1 up");
	}
	as_nobody(closed_cannot_be_opened);
	assert_true(host_forward_closed("d0", false));
	assert_true(host_forward_closed("d0", false));
	for (int i = 0; i < 2; i++)
		assert_true(says(forward[i], "iif d0"));
}

/* What a killed process has left for a device that the configuration does not name any more. */
static void rules_of_other_devices_go(void **context)
{
	static const char *const names[] = {"d0", "d1"};

	(void)context;
	assert_true(host_forward_closed("d0", true));
	assert_true(host_forward_closed("was0", true));
	sh("ip rule add pref 1 iif was1 blackhole");
	host_forward_forget(names, 2);
	for (int v6 = 0; v6 < 2; v6++) {
		const char *show = v6 ? "ip -6 rule show" : "ip rule show";

		assert_true(says(show, "iif d0"));
		assert_false(says(show, "iif was0"));
		assert_true(v6 || says(show, "iif was1")); /* somebody else's */
	}
	host_forward_forget(NULL, 0);
	assert_false(says("ip rule show; ip -6 rule show", "iif d0"));
}

static void changes_of_watched_devices_are_told(void **context)
{
	char error[DATAPLANE_ERROR_SIZE];
	struct host_watch *w = host_watch_open(error);
	struct pollfd p = {.events = POLLIN};

	(void)context;
	assert_non_null(w);
	p.fd = host_watch_fd(w);
	host_watch_device(w, "d0");
	while (poll(&p, 1, QUIET_MS) > 0) /* its link-local address is on its way */
		(void)host_watch_read(w);
	sh("ip link add other type veth peer name other1 && ip addr add 10.7.0.1/24 dev other");
	assert_int_equal(poll(&p, 1, 1000), 1);
	assert_false(host_watch_read(w));
	sh("ip addr add 10.0.0.2/24 dev d0");
	assert_true(host_watch_read(w));
	sh("ip addr del 10.7.0.1/24 dev other"); /* it may be what the hub sends from */
	assert_true(host_watch_read(w));
	sh("ip link set d0 mtu 1400");
	assert_true(host_watch_read(w));
	sh("echo 0 >/proc/sys/net/ipv4/ip_forward");
	assert_true(host_watch_read(w));
	assert_false(host_watch_read(w));
	assert_false(host_watch_gone(w, "d0"));
	sh("ip link del d0 && ip link add d0 type veth peer name d1");
	assert_true(host_watch_read(w));
	assert_true(host_watch_gone(w, "d0"));
	assert_false(host_watch_gone(w, "d0"));
	sh("ip link set d0 name d7");
	assert_true(host_watch_read(w));
	assert_true(host_watch_gone(w, "d0"));
	host_watch_close(w);
}

/* Neither what was noted of an earlier device of that name, nor what the kernel has told since and nobody has read. */
static void a_device_has_nothing_of_the_one_before(void **context)
{
	char error[DATAPLANE_ERROR_SIZE];
	struct host_watch *w = host_watch_open(error);

	(void)context;
	assert_non_null(w);
	sh("ip link add dev was0 type veth peer name was1");
	host_watch_device(w, "was0");
	sh("ip link del was0 && ip link add dev was0 type veth peer name was1");
	assert_true(host_watch_read(w));
	host_watch_forget(w, "was0"); /* and nobody has asked whether it has gone */
	host_watch_device(w, "was0");
	assert_false(host_watch_gone(w, "was0"));
	host_watch_forget(w, "was0");
	(void)host_watch_read(w);
	sh("ip link del was0 && ip link add dev was0 type veth peer name was1");
	host_watch_device(w, "was0");
	(void)host_watch_read(w);
	assert_false(host_watch_gone(w, "was0"));
	sh("ip link set was0 mtu 1400");
	host_watch_device(w, "d0"); /* which reads what is told, and does not keep it */
	assert_true(host_watch_read(w));
	sh("ip link del was0");
	assert_true(host_watch_read(w));
	assert_true(host_watch_gone(w, "was0"));
	host_watch_close(w);
}

static void addresses_are_listed(void **context)
{
	struct host_addresses all = {0};
	size_t found = 0;
	struct ip_addr old;

	(void)context;
	sh("ip addr add fd00:10::7/64 dev d0 nodad preferred_lft 0");
	addr_parse("fd00:10::7", &old);
	assert_true(host_addresses(&all));
	for (size_t i = 0; i < all.count; i++) {
		if (addr_equal(&all.list[i].address, &old)) {
			found++;
			assert_false(all.list[i].global);
		} else if (all.list[i].address.bytes[0] == 10) {
			found++;
			assert_true(all.list[i].global);
			assert_int_equal(all.list[i].len, 24);
		}
	}
	assert_int_equal(found, 2);
	/* However many there are. */
	sh("for a in $(seq 5000); do echo addr add 10.20.$((a / 250)).$((a % 250))/32 dev d0; done "
	   "|"
	   "ip -batch -");
	found = all.count;
	assert_true(host_addresses(&all));
	assert_int_equal(all.count, found + 5000);
	host_addresses_fini(&all);
}

static void a_strict_filter_becomes_loose(void **context)
{
	bool strict;

	(void)context;
	sh("echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter && echo 0 "
	   ">/proc/sys/net/ipv4/conf/d0/rp_filter");
	assert_true(host_rp_filter_loosen("d0", &strict));
	assert_false(strict);
	sh("echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter");
	assert_true(host_rp_filter_loosen("d0", &strict));
	assert_true(strict);
	assert_true(says("cat /proc/sys/net/ipv4/conf/d0/rp_filter", "2"));
	assert_true(host_rp_filter_loosen("d0", &strict));
	assert_false(strict);
}

static void a_way_out_is_more_than_its_own_network(void **context)
{
	struct link_device d0, d1;

	(void)context;
	sh("ip addr add 10.1.0.1/24 dev d1");
	assert_true(link_device("d0", &d0) && link_device("d1", &d1));
	assert_true(d0.up && d0.running);
	assert_true(host_way_out(AF_INET, d0.ifindex));
	assert_true(host_way_out(AF_INET6, d0.ifindex));
	assert_false(host_way_out(AF_INET, d1.ifindex));
	assert_false(host_way_out(AF_INET6, d1.ifindex));
	sh("ip route add 10.8.0.0/16 nexthop via 10.0.0.9 dev d0 nexthop via 10.1.0.9 dev d1");
	assert_true(host_way_out(AF_INET, d1.ifindex));
	sh("ip link set d1 down");
	assert_true(link_device("d0", &d0) && d0.up && !d0.running);
}

static struct link *inside(void)
{
	struct link_options o = {.queues = 2, .mtu = 1500, .steer_fd = -1};
	char error[DATAPLANE_ERROR_SIZE] = "";
	struct link *l = link_open(&o, error);

	if (!l)
		print_error("%s\n", error);
	assert_non_null(l);
	return l;
}

static void the_inside_device_is_as_it_was_made(void **context)
{
	struct link *l = inside();
	uint32_t index = link_ifindex(l);
	char error[DATAPLANE_ERROR_SIZE];

	(void)context;
	assert_int_equal(link_look(l), LINK_AS_MADE);
	sh("ip link set sluice0 down");
	assert_int_equal(link_look(l), LINK_PUT_RIGHT);
	assert_int_equal(link_look(l), LINK_AS_MADE);
	sh("ip link set sluice0 mtu 1280");
	assert_int_equal(link_look(l), LINK_PUT_RIGHT);
	assert_int_equal(link_look(l), LINK_AS_MADE);
	sh("ip link del sluice0");
	assert_int_equal(link_look(l), LINK_GONE);
	assert_true(link_remake(l, error));
	assert_int_equal(link_ifindex(l), index);
	assert_int_equal(link_look(l), LINK_AS_MADE);
	sh("ip link set sluice0 down && ip link set sluice0 name elsewhere");
	assert_int_equal(link_look(l), LINK_GONE);
	assert_true(link_remake(l, error));
	assert_int_equal(link_ifindex(l), index);
	assert_int_equal(link_look(l), LINK_AS_MADE);
	link_close(l);
}

/* An inside address is known to one site only. */
static void the_hub_sends_from_an_address_of_its_own(void **context)
{
	struct link *l = inside();
	struct ip_addr in4, in6, own4, own6, none = {0};
	struct fib_route r[2] = {0};

	(void)context;
	addr_parse("169.254.1.1", &in4);
	addr_parse("fd00:ffff::1", &in6);
	addr_parse("10.0.0.1", &own4);
	addr_parse("fd00:10::1", &own6);
	assert_true(link_address_set(l, &in4) && link_address_set(l, &in6));
	assert_true(link_source_set(l, AF_INET, &own4) && link_source_set(l, AF_INET6, &own6));
	prefix_parse("20.0.0.0/24", &r[0].prefix);
	prefix_parse("2001:db8:20::/48", &r[1].prefix);
	assert_int_equal(link_routes_set(l, r, 2), 0);
	assert_true(says("ip route get 20.0.0.1", "src 10.0.0.1"));
	assert_true(says("ip route get 2001:db8:20::1", "src fd00:10::1"));
	/* Routes stay when the other device loses it. */
	sh("ip addr del 10.0.0.1/24 dev d0");
	assert_true(says("ip route get 20.0.0.1", "dev sluice0"));
	assert_true(link_source_set(l, AF_INET, &none));
	assert_false(says("ip addr show dev sluice0", "10.0.0.1"));
	link_close(l);
}

static int listener(int family, uint16_t port)
{
	struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	bool v6 = family == AF_INET6;
	int on = 1, s = socket(family, SOCK_STREAM, 0);

	assert_true(s >= 0);
	assert_true(!v6 || !setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
	assert_int_equal(
		bind(s, v6 ? (void *)&any6 : (void *)&any4, v6 ? sizeof(any6) : sizeof(any4)), 0);
	assert_int_equal(listen(s, 8), 0);
	return s;
}

static uint16_t folded(uint32_t sum, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_sum(uint8_t *at, uint16_t sum)
{
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

/* A SYN whose sender takes no answer, as if it had come by d0. */
static void syn(bool v6, uint16_t port)
{
	static const uint8_t from4[] = {10, 0, 0, 9}, to4[] = {10, 0, 0, 1};
	static const uint8_t from6[16] = {0xfd, 0, 0, 0x10, [15] = 9},
			     to6[16] = {0xfd, 0, 0, 0x10, [15] = 1};
	struct sockaddr_ll out = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("d1")};
	size_t addresses = v6 ? 32 : 8, head = v6 ? 40 : 20;
	struct ifreq hub = {.ifr_name = "d0"};
	uint8_t bytes[128];
	struct wr w = wr_init(bytes, sizeof(bytes));
	int s = socket(AF_PACKET, SOCK_RAW, 0);

	assert_true(s >= 0 && !ioctl(s, SIOCGIFHWADDR, &hub));
	wr_bytes(&w, hub.ifr_hwaddr.sa_data, 6);
	wr_zero(&w, 6);
	wr_u16(&w, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	if (v6)
		ipv6(&w, from6, to6, IPPROTO_TCP, 20);
	else
		ipv4(&w, from4, to4, IPPROTO_TCP, 0, 20);
	wr_u16(&w, 40000);
	wr_u16(&w, port);
	wr_u32(&w, 1);
	wr_u32(&w, 0);
	wr_u16(&w, 0x5002);
	wr_u16(&w, 8192);
	wr_u32(&w, 0);
	if (!v6)
		put_sum(bytes + 14 + 10, folded(0, bytes + 14, 20));
	put_sum(bytes + 14 + head + 16,
		folded(IPPROTO_TCP + 20, bytes + 14 + head - addresses, addresses + 20));
	assert_int_equal(sendto(s, bytes, wr_len(&w), 0, (struct sockaddr *)&out, sizeof(out)),
		(int)wr_len(&w));
	close(s);
}

static void half_open_connections_are_listed(void **context)
{
	struct ip_addr list[4];
	char text[ADDR_STR_SIZE];
	int listeners[] = {listener(AF_INET, 179), listener(AF_INET6, 179), listener(AF_INET, 180)};

	(void)context;
	assert_int_equal(half_open_list(179, list, 4), 0);
	syn(false, 180);
	syn(false, 179);
	syn(true, 179);
	assert_int_equal(half_open_list(179, list, 4), 2);
	assert_string_equal(addr_format(&list[0], text), "10.0.0.9");
	assert_string_equal(addr_format(&list[1], text), "fd00:10::9");
	assert_int_equal(half_open_list(179, list, 1), 1);
	for (int i = 0; i < 3; i++)
		close(listeners[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_closed_device_forwards_nothing, setup),
		cmocka_unit_test_setup(rules_of_other_devices_go, setup),
		cmocka_unit_test_setup(changes_of_watched_devices_are_told, setup),
		cmocka_unit_test_setup(a_device_has_nothing_of_the_one_before, setup),
		cmocka_unit_test_setup(addresses_are_listed, setup),
		cmocka_unit_test_setup(a_strict_filter_becomes_loose, setup),
		cmocka_unit_test_setup(a_way_out_is_more_than_its_own_network, setup),
		cmocka_unit_test_setup(the_inside_device_is_as_it_was_made, setup),
		cmocka_unit_test_setup(the_hub_sends_from_an_address_of_its_own, setup),
		cmocka_unit_test_setup(half_open_connections_are_listed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
