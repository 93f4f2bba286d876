/* SPDX-License-Identifier: Apache-2.0 */
/* What sites may not announce is not used, not told to others, and people hear of it once. */
#include "bgp_lab.h"

#include "bgp/decide.h"
#include "bgp/reserved.h"

static struct {
	unsigned int count;
	struct bgp_effect_event last;
	uint32_t tunnel;
} events;

/* Only those about the prefix that say something. */
static void keep_event(const struct bgp_effect *e)
{
	if (e->event.status < BGP_EVENT_ADVERTISED || !e->event.details[0])
		return;
	events.count++;
	events.last = e->event;
	events.tunnel = e->tunnel;
}

static void start_sites(void)
{
	memset(&events, 0, sizeof(events));
	for (uint32_t t = 0; t < TUNNELS; t++)
		join(t);
	pass(5 * CLOCK_SECOND);
	lab.on_event = keep_event;
}

static void reserve(const char *outside, const char *connected)
{
	struct reserved r = {0};
	struct ip_prefix p;

	if (outside) {
		p = prefix(outside);
		assert_true(reserved_add(&r, RESERVED_OUTSIDE, &p));
	}
	if (connected) {
		p = prefix(connected);
		assert_true(reserved_add(&r, RESERVED_CONNECTED, &p));
	}
	reserved_sort(&r);
	bgp_reserved_set(lab.hub, &r);
	assert_int_equal(reserved_count(&r), 0);
	reserved_fini(&r);
}

/* How many of all prefixes the paths of one are kept out of. */
static unsigned int told(const char *text)
{
	unsigned int n = 0;

	for (uint32_t t = 2; t < TUNNELS; t++)
		n += site_has(t, text) != NULL;
	return n;
}

static void what_is_reserved_is_not_told(void **state)
{
	static const char *const refused[] = {"198.51.100.0/24", "198.51.100.1/32",
		"192.168.77.5/32", "192.168.77.0/24", "240.1.0.0/16"};

	(void)state;
	reserve("198.51.100.1/32", "192.168.77.0/24");
	start_sites();
	announce(0, "10.1.0.0/24", true);
	announce(0, "192.168.0.0/16", true);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		announce(0, refused[i], true);
	pass(CLOCK_SECOND);
	assert_int_equal(told("10.1.0.0/24"), 4);
	assert_int_equal(told("192.168.0.0/16"), 4);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(told(refused[i]), 0);
		assert_false(hub_has(refused[i], 0));
	}
	assert_int_equal(events.count, 5);
	assert_int_equal(lab.hub_state[0].counts.denied, 5);
}

/* Addresses come and go: what was learned before is judged again, said once, and comes back. */
static void what_becomes_reserved_is_withdrawn(void **state)
{
	static const struct {
		const char *outside, *connected, *why;
	} facts[] = {
		{"20.1.2.3/32", NULL,
			"it is not used: it covers an outside address of the hub or of a site: "
			"outer packets would go astray, or fail the kernel's reverse path check"},
		{NULL, "20.1.0.0/16",
			"it is not used: it lies within a network that the hub is connected to, "
			"or is its next hop"},
	};

	(void)state;
	start_sites();
	announce(0, "20.1.2.0/24", true);
	announce(0, "20.2.0.0/24", true);
	pass(CLOCK_SECOND);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(told("20.1.2.0/24"), 4);
		events.count = 0;
		reserve(facts[i].outside, facts[i].connected);
		pass(CLOCK_SECOND);
		assert_int_equal(told("20.1.2.0/24"), 0);
		assert_int_equal(told("20.2.0.0/24"), 4);
		assert_int_equal(events.count, 1);
		assert_string_equal(events.last.details, facts[i].why);
		assert_int_equal(events.tunnel, 0);
		reserve(facts[i].outside, facts[i].connected); /* nothing new */
		pass(CLOCK_SECOND);
		assert_int_equal(events.count, 1);
		reserve(NULL, NULL);
		pass(CLOCK_SECOND);
		assert_string_equal(events.last.details, "it may be used now");
		assert_int_equal(events.count, 2);
	}
	assert_int_equal(told("20.1.2.0/24"), 4);
}

static void a_static_route_goes_before_a_connected_network(void **state)
{
	struct bgp_neighbor n = hub_neighbor(2);
	struct ip_prefix p = prefix("192.168.77.9/32");

	(void)state;
	reserve(NULL, "192.168.77.0/24");
	n.is_static = true;
	change(&n);
	bgp_tunnel_set(lab.hub, 2, true, lab.now);
	bgp_statics_set(lab.hub, 2, &p, 1);
	join(0);
	pass(5 * CLOCK_SECOND);
	assert_true(hub_has("192.168.77.9/32", 2));
	assert_non_null(site_has(0, "192.168.77.9/32"));
}

static void a_list_has_facts_only(void **state)
{
	struct reserved r = {0}, other = {0};
	struct ip_prefix host = prefix("20.1.2.3/32"), net = prefix("20.1.0.0/16");
	struct ip_prefix bad[] = {
		{{AF_INET, {20}}, 33}, {{AF_INET, {20}}, 0}, {{0, {0}}, 8}, {{AF_UNIX, {20}}, 8}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(reserved_add(&r, RESERVED_CONNECTED, &bad[i]));
	assert_false(reserved_add(&r, RESERVED_OUTSIDE, &net));
	assert_false(reserved_add(&r, RESERVED_MARTIAN, &net));
	assert_false(reserved_add(&r, RESERVED_KINDS, &net));
	assert_true(reserved_add(&r, RESERVED_OUTSIDE, &host));
	assert_true(reserved_add(&r, RESERVED_OUTSIDE, &host));
	reserved_sort(&r);
	assert_int_equal(reserved_count(&r), 1);
	assert_true(reserved_add(&other, RESERVED_OUTSIDE, &host));
	reserved_sort(&other);
	assert_true(reserved_equal(&r, &other));
	assert_true(reserved_add(&other, RESERVED_CONNECTED, &net));
	reserved_sort(&other);
	assert_false(reserved_equal(&r, &other));
	reserved_clear(&r);
	for (uint32_t i = 0; i < RESERVED_MAX; i++) {
		host.addr.bytes[2] = (uint8_t)(i >> 8);
		host.addr.bytes[3] = (uint8_t)i;
		assert_true(reserved_add(&r, RESERVED_OUTSIDE, &host));
	}
	assert_false(reserved_add(&r, RESERVED_OUTSIDE, &host));
	reserved_fini(&r);
	reserved_fini(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(what_is_reserved_is_not_told),
		lab_test(what_becomes_reserved_is_withdrawn),
		lab_test(a_static_route_goes_before_a_connected_network),
		cmocka_unit_test(a_list_has_facts_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
