/* SPDX-License-Identifier: Apache-2.0 */
/* Smaller parts of hub: the table of routes, watchdogs, endpoints, and what is kept of tunnels. */
#include "base/addr.h"
#include "base/clock.h"
#include "ipc/datagram.h"
#include "state/endpoints.h"
#include "hub/hub.h"
#include "hub/site/admin_internal.h"
#include "ipc/msg_bgp.h"
#include "dataplane/snmp.h"
#include "state/route_table.h"
#include "hub/site/site.h"
#include "ipc/watchdog.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct ip_prefix numbered(uint32_t n)
{
	uint8_t bytes[16] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	struct ip_addr a = addr_from_bytes(n & 2 ? AF_INET6 : AF_INET, bytes);

	return prefix_make(&a, 32);
}

static void remove_odd(void *context, struct route_entry *e)
{
	const struct ip_prefix p = route_prefix(e);

	if (p.addr.bytes[3] & 1)
		route_table_remove(context, &p);
}

/* One of eight kinds: what routes have in common stands once, and goes with the last of them. */
static void set_facts(struct route_table *t, struct route_entry *e, uint32_t kind)
{
	struct imsg_route r = {.med = kind % 8, .as_path_len = 2, .as_path = {65001, kind % 8}};

	route_table_set_facts(t, e, &r, 0);
}

struct order {
	size_t count;
	struct ip_prefix prefixes[100];
};

static void note_order(void *context, const struct route_entry *e)
{
	struct order *o = context;

	o->prefixes[o->count++] = route_prefix(e);
}

/* What falls together in a table is another in the next one. */
static void test_route_table_has_a_key(void **state)
{
	struct order orders[2] = {0};
	unsigned int differ = 0;

	(void)state;
	for (uint64_t key = 0; key < 2; key++) {
		struct route_table *t = route_table_new(key);

		for (uint32_t i = 0; i < 100; i++) {
			struct ip_prefix p = numbered(i);

			(void)route_table_get(t, &p);
		}
		route_table_read(t, note_order, &orders[key]);
		assert_int_equal(orders[key].count, 100);
		route_table_free(t);
	}
	for (size_t i = 0; i < 100; i++)
		differ += !prefix_equal(&orders[0].prefixes[i], &orders[1].prefixes[i]);
	assert_true(differ > 90);
}

static struct {
	unsigned int count;
	struct ip_prefix last;
} sorted;

static void is_behind_the_last(void *context, const struct route_entry *e)
{
	const struct ip_prefix p = route_prefix(e);

	(void)context;
	assert_true(!sorted.count++ || prefix_compare(&sorted.last, &p) < 0);
	sorted.last = p;
}

/* In whatever order they come and go, they are read in that of their prefixes. */
static void test_route_table_in_order(void **state)
{
	static const char *const around[] = {
		"10.0.0.0/8", "10.0.0.0/9", "0.0.0.0/0", "::/0", "fd00::/8"};
	struct route_table *t = route_table_new(3);
	unsigned int left = 0;

	(void)state;
	memset(&sorted, 0, sizeof(sorted));
	for (uint32_t i = 0; i < 5000; i++) {
		struct ip_prefix p = numbered(i * 2654435761u % 3000);

		if (i % 5 == 4)
			route_table_remove(t, &p);
		else
			(void)route_table_get(t, &p);
	}
	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		struct ip_prefix p;

		assert_true(prefix_parse(around[i], &p));
		(void)route_table_get(t, &p);
	}
	left = (unsigned int)route_table_count(t);
	assert_in_range(left, 1000, 3005);
	route_table_in_order(t, is_behind_the_last, NULL);
	assert_int_equal(sorted.count, left);
	route_table_free(t);
}

static void test_route_table(void **state)
{
	enum { COUNT = 20000 };
	struct route_table *t = route_table_new(1);

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		struct ip_prefix p = numbered(i);
		struct route_entry *e = route_table_get(t, &p);

		assert_null(route_table_facts(t, e));
		for (int again = 0; again < 2; again++)
			set_facts(t, e, i);
	}
	assert_int_equal(route_table_count(t), COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		struct ip_prefix p = numbered(i), same = numbered(i % 8);
		struct route_entry *e = route_table_find(t, &p);

		assert_non_null(e);
		assert_int_equal(route_table_facts(t, e)->as_path[1], i % 8);
		assert_ptr_equal(
			route_table_facts(t, e), route_table_facts(t, route_table_find(t, &same)));
		assert_ptr_equal(route_table_get(t, &p), e);
	}
	route_table_each(t, remove_odd, t);
	assert_int_equal(route_table_count(t), COUNT / 2);
	for (uint32_t i = 0; i < COUNT; i++) {
		struct ip_prefix p = numbered(i);
		struct route_entry *e = route_table_find(t, &p);

		assert_int_equal(e != NULL, !(i & 1));
		if (e)
			set_facts(t, e, 1);
	}
	struct ip_prefix last = numbered(COUNT - 2);

	assert_int_equal(route_table_facts(t, route_table_find(t, &last))->references, COUNT / 2);
	route_table_free(t);
}

static void test_snmp_numbers(void **state)
{
	static const char text[] = "Icmp: A ReasmFails\nIcmp: 1 2\n"
				   "Ip: Forwarding ReasmOKs ReasmFails FragOKs\nIp: 2 4 77 9\n";

	(void)state;
	assert_int_equal(snmp_number(text, "Ip:", "ReasmFails"), 77);
	assert_int_equal(snmp_number(text, "Ip:", "ReasmOKs"), 4);
	assert_int_equal(snmp_number(text, "Ip:", "Reasm"), 0);
	assert_int_equal(snmp_number(text, "IpExt:", "ReasmFails"), 0);
	assert_int_equal(snmp_number("Ip: ReasmFails\nIp:", "Ip:", "ReasmFails"), 0);
	assert_int_equal(snmp_number("Ip: ReasmFails", "Ip:", "ReasmFails"), 0);
}

/* Between two sockets of this host: the class that one sends with is what the other sees. */
static void test_traffic_class(void **state)
{
	(void)state;
	for (int v4 = 0; v4 < 2; v4++) {
		int family = v4 ? AF_INET : AF_INET6, class = v4 ? 0xbb : 0x2e, size;
		int fds[2] = {socket(family, SOCK_DGRAM, 0), socket(family, SOCK_DGRAM, 0)};
		struct ip_endpoint at = {0}, from;
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		uint8_t bytes[16], seen = 1;

		at.addr.family = (uint8_t)family;
		at.addr.bytes[v4 ? 0 : 15] = v4 ? 127 : 1;
		at.addr.bytes[3] = v4;
		assert_true(datagram_want_class(fds[0], family));
		size = (int)endpoint_to_sockaddr(&at, &ss);
		assert_int_equal(bind(fds[0], (struct sockaddr *)&ss, (socklen_t)size), 0);
		assert_int_equal(getsockname(fds[0], (struct sockaddr *)&ss, &len), 0);
		assert_int_equal(setsockopt(fds[1], v4 ? IPPROTO_IP : IPPROTO_IPV6,
					 v4 ? IP_TOS : IPV6_TCLASS, &class, sizeof(class)),
			0);
		assert_int_equal(datagram_receive(fds[0], bytes, sizeof(bytes), &from, &seen), -1);
		assert_int_equal(sendto(fds[1], "packet", 6, 0, (struct sockaddr *)&ss, len), 6);
		assert_int_equal(datagram_receive(fds[0], bytes, sizeof(bytes), &from, &seen), 6);
		assert_int_equal(seen, class);
		assert_true(addr_equal(&from.addr, &at.addr) && from.port);
		close(fds[0]);
		close(fds[1]);
	}
}

static void test_datagrams_are_limited(void **state)
{
	struct datagram_limit l = {0};
	uint32_t lost = 0;
	uint64_t now = CLOCK_SECOND;

	(void)state;
	for (int i = 0; i < 25; i++)
		assert_true(datagram_allowed(&l, 100, now, &lost) == (i < 10));
	assert_int_equal(lost, 0);
	assert_true(datagram_allowed(&l, 100, now + CLOCK_SECOND / 10, &lost));
	assert_int_equal(lost, 15);
	assert_true(datagram_allowed(&l, 100, now + CLOCK_SECOND / 10, &lost));
	assert_int_equal(lost, 0);
}

/* The backup is never preferred for a sum that has no room. */
static void test_backup_med(void **state)
{
	(void)state;
	assert_int_equal(hub_backup_med(0), 100);
	assert_int_equal(hub_backup_med(UINT32_MAX - 101), UINT32_MAX - 1);
	assert_int_equal(hub_backup_med(UINT32_MAX - 100), UINT32_MAX);
	assert_int_equal(hub_backup_med(UINT32_MAX - 50), UINT32_MAX);
	assert_int_equal(hub_backup_med(UINT32_MAX), UINT32_MAX);
}

/* The first of all that is wrong is what is said. */
static void test_endpoint_faults(void **state)
{
	static const enum endpoint_fault expected[] = {ENDPOINT_NO_DEVICE, ENDPOINT_NOT_CLOSED,
		ENDPOINT_DOWN, ENDPOINT_NO_CARRIER, ENDPOINT_NO_ADDRESS, ENDPOINT_FINE};

	(void)state;
	for (unsigned int bits = 0; bits < 32; bits++) {
		struct endpoint_facts f = {.device = bits & 1,
			.closed = bits & 2,
			.up = bits & 4,
			.carrier = bits & 8,
			.address = bits & 16};
		unsigned int first = 0;

		while (bits >> first & 1)
			first++;
		assert_int_equal(endpoint_judge(&f), expected[first]);
	}
	for (int i = 0; i < ENDPOINT_FAULTS; i++)
		assert_true(endpoint_fault_text((enum endpoint_fault)i)[0]);
	assert_string_equal(endpoint_fault_text(ENDPOINT_FAULTS), "");
}

/* A PPPoE device comes back as nothing, down, without an address: one fault, of the time of its first step. */
static void test_endpoint_comes_back_in_steps(void **state)
{
	static const enum endpoint_fault steps[] = {
		ENDPOINT_NO_CARRIER, ENDPOINT_NO_DEVICE, ENDPOINT_DOWN, ENDPOINT_NO_ADDRESS};
	struct endpoint e = {0};

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(endpoint_turn(&e, steps[i], 100 + i), i == 0);
		assert_int_equal(e.fault, steps[i]);
		assert_int_equal(e.since_wall_ns, 100);
	}
	assert_true(endpoint_turn(&e, ENDPOINT_FINE, 200));
	assert_int_equal(e.since_wall_ns, 200);
	assert_false(endpoint_turn(&e, ENDPOINT_FINE, 300));
	assert_int_equal(e.since_wall_ns, 200);
}

/* Runs so many turns, a second apart; returns in which the verdict came, 0: not at all. */
static unsigned int turns(struct watchdog *w, unsigned int n, uint64_t *now,
	enum watchdog_doing doing, enum watchdog_verdict verdict)
{
	for (unsigned int i = 1; i <= n; i++) {
		*now += CLOCK_SECOND;
		if (watchdog_turn(w, *now, doing) == verdict)
			return i;
	}
	return 0;
}

static void test_watchdog_ends_what_hangs(void **state)
{
	struct watchdog w = {.turn_ns = 1};
	uint64_t now = 1;

	(void)state;
	assert_int_equal(
		turns(&w, 100, &now, DOING_NOTHING, WATCHDOG_SAY), 1 + WATCHDOG_SAID_AFTER);
	assert_int_equal(turns(&w, 100, &now, DOING_NOTHING, WATCHDOG_HUNG),
		WATCHDOG_HUNG_AFTER - WATCHDOG_SAID_AFTER);
	/* One that works has longer, one that is debugged for ever. */
	w = (struct watchdog){.turn_ns = now};
	assert_int_equal(turns(&w, 100, &now, DOING_WORK, WATCHDOG_HUNG), 1 + WATCHDOG_BUSY_AFTER);
	w = (struct watchdog){.turn_ns = now};
	assert_int_equal(turns(&w, 1000, &now, DOING_TRACED, WATCHDOG_HUNG), 0);
}

static void test_watchdog_spares_what_answers(void **state)
{
	struct watchdog w = {.turn_ns = 1};
	uint64_t now = 1;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		now += CLOCK_SECOND;
		assert_int_equal(watchdog_turn(&w, now, DOING_NOTHING), WATCHDOG_ALIVE);
		assert_false(watchdog_heard(&w));
	}
	/* Late, again and again, and in the end not at all: only that counts. */
	for (int i = 0; i < 100; i++) {
		turns(&w, WATCHDOG_HUNG_AFTER, &now, DOING_NOTHING, WATCHDOG_HUNG);
		assert_true(watchdog_heard(&w));
	}
}

/* Hub stopped, or the machine suspended, or out of breath: the turns were not a second apart. */
static void test_watchdog_knows_a_machine_that_stood_still(void **state)
{
	struct watchdog w = {.turn_ns = 1};
	uint64_t now = 1;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(
			turns(&w, WATCHDOG_HUNG_AFTER, &now, DOING_NOTHING, WATCHDOG_HUNG), 0);
		now += 3600 * CLOCK_SECOND;
		assert_int_equal(watchdog_turn(&w, now, DOING_NOTHING), WATCHDOG_ALIVE);
		(void)watchdog_heard(&w);
	}
}

static void test_watchdog_reads_what_a_child_does(void **state)
{
	struct watchdog w = {0};

	(void)state;
	assert_int_equal(watchdog_read(&w, "7 (a) T 1) S 1 7 7 0 -1 64 1 0 0 0 12 30 0 0 20 0 1 0"),
		DOING_WORK);
	assert_int_equal(w.cpu, 42);
	assert_int_equal(watchdog_read(&w, "7 (a) T 1) S 1 7 7 0 -1 64 1 0 0 0 12 30 0 0 20 0 1 0"),
		DOING_NOTHING);
	assert_int_equal(watchdog_read(&w, "7 (a) T 1 7 7 0 -1 64 1 0 0 0 12 30 0 0 20 0 1 0"),
		DOING_NOTHING);
	assert_int_equal(
		watchdog_read(&w, "7 (a) R 1 7 7 0 -1 64 1 0 0 0 12 30 0 0 20 0 1 0"), DOING_WORK);
	assert_int_equal(
		watchdog_read(&w, "7 (a) D 1 7 7 0 -1 64 1 0 0 0 12 30 0 0 20 0 1 0"), DOING_WORK);
	assert_int_equal(watchdog_read(&w, "7 (a) t 1 7 7 0 -1 64 1 0 0 0 12 30 0 0 20 0 1 0"),
		DOING_TRACED);
	assert_int_equal(watchdog_read(&w, ""), DOING_WORK);
	assert_int_equal(watchdog_read(&w, "7 (a) S 1"), DOING_WORK);
	assert_int_equal(watchdog_look(&w, getpid()), DOING_WORK);
}

static void on_end(void *context, struct process *p)
{
	(void)context, (void)p;
}

/* A device that comes up while data starts has it started again: that is not the end of the start. */
static void test_a_start_survives_a_device(void **state)
{
	(void)state;
	for (int asked = 0; asked < 2; asked++) {
		struct process p = {.base = event_base_new(), .on_end = on_end};
		int status;

		p.pid = fork();
		if (p.pid == 0) {
			if (asked)
				pause();
			_exit(1);
		}
		assert_true(p.pid > 0);
		assert_false(process_failed_early(&p));
		if (asked)
			process_restart(&p, "a test");
		assert_int_equal(waitpid(p.pid, &status, 0), p.pid);
		assert_true(process_reap(&p, p.pid, status));
		assert_int_equal(process_failed_early(&p), !asked);
		assert_true(event_pending(p.restart, EV_TIMEOUT, NULL));
		process_fini(&p);
		event_base_free(p.base);
	}
}

/* A site that was removed while the daemon was down leaves nothing to the next one of its name. */
static void test_what_was_asked_of_a_site_that_is_gone(void **state)
{
	char directory[] = "/tmp/sluice-test.XXXXXX", path[64];
	struct config *config = calloc(1, sizeof(*config));
	struct hub *h = calloc(1, sizeof(*h));
	json_t *kept;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/tunnels.json", directory);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("{\"gone\": [\"down\", \"\"], \"here\": [\"\", \"drain\"]}\n", f);
	fclose(f);
	config->site_count = 1;
	strcpy(config->sites[0].name, "here");
	h->config = config;
	for (int again = 0; again < 2; again++) {
		h->admin = admin_new(directory);
		admin_load(h);
		assert_int_equal(json_object_size(h->admin->words), 1);
		assert_non_null(json_object_get(h->admin->words, "here"));
		admin_free(h->admin);
		kept = json_load_file(path, 0, NULL);
		assert_int_equal(json_object_size(kept), 1);
		json_decref(kept);
	}
	unlink(path);
	rmdir(directory);
	free(config);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watchdog_ends_what_hangs),
		cmocka_unit_test(test_watchdog_spares_what_answers),
		cmocka_unit_test(test_watchdog_knows_a_machine_that_stood_still),
		cmocka_unit_test(test_watchdog_reads_what_a_child_does),
		cmocka_unit_test(test_endpoint_faults),
		cmocka_unit_test(test_endpoint_comes_back_in_steps),
		cmocka_unit_test(test_what_was_asked_of_a_site_that_is_gone),
		cmocka_unit_test(test_snmp_numbers),
		cmocka_unit_test(test_traffic_class),
		cmocka_unit_test(test_datagrams_are_limited),
		cmocka_unit_test(test_route_table),
		cmocka_unit_test(test_route_table_in_order),
		cmocka_unit_test(test_route_table_has_a_key),
		cmocka_unit_test(test_backup_med),
		cmocka_unit_test(test_a_start_survives_a_device),
	};

	return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
