/* SPDX-License-Identifier: Apache-2.0 */
/* A tunnel that is up and carries nothing, or whose device has other addresses: it is told, once, and as it is. */
#include "routes_world.h"

#include "hub/event/event.h"
#include "hub/site/site.h"

#include <netinet/in.h>

#define OPENED (1000 * CLOCK_SECOND)

static unsigned int told[EVENT_KINDS];
static char last[2][512];
static struct tunnel_stats passed;

void hub_publish(struct hub *h, const struct happening *what)
{
	json_t *message = json_object_get(what->own_log, "message");
	const char *text =
		json_string_value(json_object_get(message ? message : what->own_log, "details"));

	(void)h;
	assert_int_equal(what->tunnel, 1);
	assert_non_null(text);
	assert_string_equal(what->detail, text);
	told[what->log]++;
	snprintf(last[what->log], sizeof(last[0]), "%s", text);
	json_decref(what->own_log);
}

static void begin(enum site_routing routing)
{
	struct site_tunnel *state;

	set_up(1, false);
	memset(told, 0, sizeof(told));
	passed = (struct tunnel_stats){0};
	state = state_of(1);
	sim.sites[0].conf.routing = routing;
	sim.sites[0].conf.tunnels[1].configured = true;
	sim.sites[0].conf.tunnels[1].inside = prefix("169.254.1.0/30");
	sim.sites[0].conf.tunnels[1].inside6 = prefix("fd00:1::/126");
	state->open = true;
	state->opened_ns = OPENED;
	state->ike.phase = TUNNEL_UP;
	state->bgp.state = BGP_CONNECT;
	state->sa_count = 1;
	state->sas[0].in_use = true;
}

/* The tunnel `s` seconds after it has opened: what was sent until then, and when something came last. */
static const char *after(unsigned int s, uint64_t sent, unsigned int heard_s)
{
	struct tunnel_stats stats = {.out.packets = sent,
		.last_in_ns = heard_s ? OPENED + heard_s * CLOCK_SECOND : OPENED - CLOCK_SECOND};
	struct strange_session none = {0};

	hub_through_judge(&sim.hub, 1, &stats, &none, OPENED + s * CLOCK_SECOND);
	return state_of(1)->silent_text;
}

static void nothing_comes(void **state)
{
	(void)state;
	begin(ROUTING_BGP);
	assert_string_equal(after(1, 100, 0), ""); /* what was sent before is another pair's */
	assert_string_equal(after(14, 109, 0), "");
	assert_string_equal(after(16, 104, 0), ""); /* too few to say */
	assert_string_equal(after(20, 109, 0),
		"nothing comes through the tunnel, though IKE works: 9 packets sent in the 20 s "
		"since the SA pair came up, none received: IP protocol 50 is blocked on the way, "
		"or the device sends nothing into the tunnel");
	assert_int_equal(told[EVENT_ACTIVITY], 1);
	assert_string_equal(last[EVENT_ACTIVITY], state_of(1)->silent_text);
	assert_int_equal(strncmp(last[EVENT_ACTIVITY], reason_sentence(REASON_NO_ESP), 40), 0);
	assert_non_null(strstr(after(40, 120, 0), "20 packets sent in the 40 s"));
	assert_int_equal(told[EVENT_ACTIVITY], 1);
	assert_string_equal(after(41, 121, 41), "");
	tear_down();
}

/* After it had worked: while the session stands nothing is said, whatever the site is silent about. */
static void nothing_comes_any_more(void **state)
{
	(void)state;
	begin(ROUTING_BGP);
	state_of(1)->sas[0].udp_encap = true;
	state_of(1)->bgp.state = BGP_ESTABLISHED;
	assert_string_equal(after(100, 50, 100), "");
	assert_string_equal(after(130, 80, 100), "");
	state_of(1)->bgp.state = BGP_ACTIVE;
	assert_string_equal(after(131, 81, 100),
		"nothing comes through the tunnel, though IKE works: 31 packets sent in the 31 s "
		"since the last one came, none received: ESP in UDP 4500 is blocked on the way, or "
		"the device sends nothing into the tunnel");
	state_of(1)->bgp.state = BGP_ESTABLISHED;
	assert_string_equal(after(132, 82, 100), "");
	tear_down();
}

static void a_site_without_bgp_may_have_nothing_to_say(void **state)
{
	(void)state;
	begin(ROUTING_STATIC);
	assert_string_equal(after(10, 0, 0), "");
	assert_string_not_equal(after(100, 20, 0), "");
	assert_string_equal(after(101, 21, 101), "");
	assert_string_equal(after(200, 500, 101), "");
	tear_down();
}

static void strange(unsigned int at_s, uint8_t protocol, const char *from, const char *to)
{
	struct tunnel_stats stats = {.last_in_ns = OPENED + at_s * CLOCK_SECOND};
	struct ip_addr a = {0}, b = {0};
	struct strange_session x = {.at_ns = OPENED + at_s * CLOCK_SECOND, .protocol = protocol};

	assert_true(addr_parse(from, &a) && addr_parse(to, &b));
	x.family = a.family == AF_INET ? 4 : 6;
	memcpy(x.source, a.bytes, addr_len(&a));
	memcpy(x.destination, b.bytes, addr_len(&b));
	hub_through_judge(&sim.hub, 1, &stats, &x, OPENED + (at_s + 1) * CLOCK_SECOND);
}

static void the_device_has_other_addresses(void **state)
{
	(void)state;
	begin(ROUTING_BGP);
	strange(5, IPPROTO_TCP, "169.254.1.9", "169.254.1.1");
	assert_string_equal(state_of(1)->ends_text,
		"the device's inside address is 169.254.1.9, 169.254.1.2 is configured");
	assert_string_equal(last[EVENT_BGP],
		"BGP from other addresses than configured: the device's inside address is "
		"169.254.1.9, 169.254.1.2 is configured");
	strange(6, IPPROTO_TCP, "169.254.1.9", "169.254.1.1");
	assert_int_equal(told[EVENT_BGP], 1);
	strange(7, IPPROTO_UDP, "169.254.1.9", "169.254.1.10");
	assert_string_equal(last[EVENT_BGP],
		"BFD from other addresses than configured: the device's inside address is "
		"169.254.1.9, 169.254.1.2 is configured; it takes for the hub's 169.254.1.10, "
		"169.254.1.1 is configured");
	strange(8, IPPROTO_TCP, "fd00:1::2", "fd00:1::9");
	assert_string_equal(state_of(1)->ends_text,
		"it takes for the hub's fd00:1::9, fd00:1::1 is configured");
	assert_int_equal(told[EVENT_ACTIVITY], 0);
	after(70, 0, 69); /* a minute later it is over */
	assert_string_equal(state_of(1)->ends_text, "");
	strange(71, IPPROTO_TCP, "169.254.1.9", "169.254.1.1");
	state_of(1)->bgp.state = BGP_ESTABLISHED;
	strange(72, IPPROTO_TCP, "169.254.1.9", "169.254.1.1");
	assert_string_equal(state_of(1)->ends_text, "");
	tear_down();
}

/* What the hub has sent comes back to it; what was seen before a session is not of the next one. */
static void a_device_that_lacks_its_address(void **state)
{
	struct tunnel_stats stats = {0};
	struct strange_session x = {.bfd_ns = OPENED + 7};

	(void)state;
	begin(ROUTING_BGP);
	strange(5, IPPROTO_TCP, "169.254.1.1", "169.254.1.2");
	assert_string_equal(state_of(1)->ends_text,
		"the device does not have 169.254.1.2: it sends back what goes there");
	strange(6, IPPROTO_TCP, "169.254.1.1", "169.254.1.9");
	assert_non_null(
		strstr(state_of(1)->ends_text, "the device's inside address is 169.254.1.1"));
	tunnel_session_stands(state_of(1), OPENED + 8 * CLOCK_SECOND);
	assert_string_equal(state_of(1)->ends_text, "");
	strange(7, IPPROTO_TCP, "169.254.1.1", "169.254.1.2"); /* it was before */
	assert_string_equal(state_of(1)->ends_text, "");
	assert_int_equal(told[EVENT_BGP], 2);
	strange(9, IPPROTO_TCP, "169.254.1.1", "169.254.1.2");
	assert_string_not_equal(state_of(1)->ends_text, "");
	state_of(1)->bgp.error_at_ns = OPENED + 10 * CLOCK_SECOND; /* the device has answered */
	strange(9, IPPROTO_TCP, "169.254.1.1", "169.254.1.2");
	assert_string_equal(state_of(1)->ends_text, "");
	hub_through_judge(&sim.hub, 1, &stats, &x, OPENED + 20 * CLOCK_SECOND);
	assert_int_equal(state_of(1)->stray_bfd_ns, OPENED + 7);
	x = (struct strange_session){
		.wrong_ns = OPENED - 1, .wrong_family = 4, .wrong_source = {192, 0, 2, 7}};
	hub_through_judge(&sim.hub, 1, &stats, &x, OPENED + 20 * CLOCK_SECOND);
	assert_int_equal(state_of(1)->wrong_source_ns, 0);
	x.wrong_ns = OPENED + 9;
	hub_through_judge(&sim.hub, 1, &stats, &x, OPENED + 20 * CLOCK_SECOND);
	assert_int_equal(state_of(1)->wrong_source_ns, OPENED + 9);
	assert_int_equal(state_of(1)->wrong_source.bytes[3], 7);
	tear_down();
}

/* Second by second, from one to the other: its ESP comes, or does not; its SYN is listed, or is not. */
static void seconds(unsigned int from, unsigned int to, bool esp, const char *half_open)
{
	struct strange_session none = {0};

	fake.half_open_count = half_open ? 1 : 0;
	if (half_open)
		fake.half_open[0] = prefix(half_open).addr;
	for (unsigned int s = from; s <= to; s++) {
		uint64_t now = OPENED + s * CLOCK_SECOND;

		if (esp)
			passed.last_in_ns = now;
		hub_half_open_look(&sim.hub, now);
		hub_through_judge(&sim.hub, 1, &passed, &none, now);
	}
}

#define NOT_ACKNOWLEDGED                                                                           \
	"the device's ESP comes in, and it has not acknowledged the hub's answer to its SYN for "

/* ESP passes towards the hub only, after it had passed both ways: the device sends a SYN, or says nothing of BGP. */
static void a_device_that_hears_nothing(void **state)
{
	const char *text;

	(void)state;
	begin(ROUTING_BGP);
	text = state_of(1)->deaf_text;
	state_of(1)->bgp.unanswered_since_ns = OPENED + 100 * CLOCK_SECOND;
	seconds(100, 104, true, "169.254.1.6/32"); /* somebody else's */
	seconds(105, 109, true, "169.254.1.2/32");
	assert_string_equal(text, "");
	seconds(110, 120, true, "169.254.1.2/32");
	assert_non_null(strstr(text, NOT_ACKNOWLEDGED));
	assert_non_null(strstr(text, " s: ESP towards it is blocked, or a filter there drops it"));
	assert_non_null(strstr(last[EVENT_BGP], NOT_ACKNOWLEDGED));
	assert_int_equal(told[EVENT_BGP], 1);
	seconds(121, 130, true, NULL); /* it tries no more */
	assert_non_null(strstr(text, "nothing has answered the hub's SYN for 30 s"));
	seconds(131, 150, false, NULL);
	assert_string_equal(text, ""); /* nothing comes: that is another sentence */
	state_of(1)->bgp.unanswered_since_ns = 0;
	seconds(151, 160, true, "169.254.1.2/32");
	assert_string_equal(text, "");
	assert_int_equal(told[EVENT_BGP], 1);
	tear_down();
}

/* One SYN stays in the kernel's list for a minute. Whether its device is still there, only what comes after it shows. */
static void one_syn_lingers(void **state)
{
	const char *text;

	(void)state;
	begin(ROUTING_BGP);
	text = state_of(1)->deaf_text;
	state_of(1)->bgp.unanswered_since_ns = OPENED + 100 * CLOCK_SECOND;
	seconds(104, 107, true, "169.254.1.2/32");
	seconds(108, 114, false, "169.254.1.2/32");
	assert_int_equal(told[EVENT_BGP], 0);
	seconds(115, 121, false, "169.254.1.2/32");
	assert_non_null(strstr(text, "nothing has answered the hub's SYN"));
	seconds(122, 160, false, "169.254.1.2/32");
	assert_string_equal(text, "");
	seconds(161, 162, true, "169.254.1.2/32");
	assert_non_null(strstr(text, NOT_ACKNOWLEDGED));
	/* The tunnel came up anew, from a device that has begun anew: the SYN is of before. */
	state_of(1)->opened_ns = OPENED + 163 * CLOCK_SECOND;
	seconds(163, 166, true, "169.254.1.2/32");
	assert_null(strstr(text, NOT_ACKNOWLEDGED));
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_comes),
		cmocka_unit_test(nothing_comes_any_more),
		cmocka_unit_test(a_site_without_bgp_may_have_nothing_to_say),
		cmocka_unit_test(the_device_has_other_addresses),
		cmocka_unit_test(a_device_that_lacks_its_address),
		cmocka_unit_test(a_device_that_hears_nothing),
		cmocka_unit_test(one_syn_lingers),
	};

	return cmocka_run_group_tests_name("through", tests, NULL, NULL);
}
