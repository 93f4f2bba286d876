/* SPDX-License-Identifier: Apache-2.0 */
/* What an outage would do: by a table, on a model with sites of every kind. */
#include "plan/failure.h"

#include "base/clock.h"
#include "bgp/bfd/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SITES 5

static struct {
	struct model model;
	struct config config;
	struct site sites[SITES]; /* a: both; b: one; c: down; d, e: of one group */
	struct route_table *routes;
} lab;

static void carries(unsigned int s, unsigned int t, uint64_t in, uint64_t out)
{
	struct site_tunnel *state = &lab.sites[s].tunnels[t];

	state->open = true;
	state->bgp.state = BGP_ESTABLISHED;
	state->before = (struct tunnel_sample){.at_ns = CLOCK_SECOND, .bytes = {1000, 1000}};
	state->latest = (struct tunnel_sample){.at_ns = 2 * CLOCK_SECOND,
		.bytes = {[SLUICE_IN] = 1000 + in / 8, [SLUICE_OUT] = 1000 + out / 8}};
}

/* Of `all` paths to it, `second` are over endpoint 1 and `own` of its site. */
static void route(const char *text, unsigned int s, unsigned int t, uint16_t all, uint16_t second,
	uint16_t own)
{
	struct imsg_route r = {.tunnel = s * 2 + t, .candidates = {all, second, own}};
	struct route_entry *e;

	assert_true(prefix_parse(text, &r.prefix));
	e = route_table_get(lab.routes, &r.prefix);
	e->tunnel = (uint16_t)r.tunnel;
	route_table_set_facts(lab.routes, e, &r, 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&lab, 0, sizeof(lab));
	lab.routes = route_table_new(1);
	lab.model.config = &lab.config;
	lab.model.routes = lab.routes;
	lab.config.concentrator.endpoint_count = 2;
	strcpy(lab.config.concentrator.endpoints[0].device, "eth0");
	strcpy(lab.config.concentrator.endpoints[1].device, "eth1");
	lab.config.concentrator.hold_s = 30;
	for (unsigned int s = 0; s < SITES; s++) {
		struct site *site = &lab.sites[s];

		site->slot = s;
		site->conf.name[0] = (char)('a' + s);
		site->conf.rate = 100000000;
		if (s > 2)
			strcpy(site->conf.group, "town");
		lab.model.sites[s] = site;
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			site->conf.tunnels[t].configured = t == 0 || s != 1;
			site->conf.tunnels[t].options.dpd_timeout_s = 40;
			site->conf.tunnels[t].options.dpd_action = DPD_CLEAR;
		}
	}
	carries(0, 0, 8000, 16000);
	carries(0, 1, 0, 80);
	carries(1, 0, 800, 0);
	carries(3, 0, 0, 0);
	carries(3, 1, 0, 0);
	carries(4, 0, 0, 0);
	carries(4, 1, 0, 0);
	route("10.1.0.0/24", 0, 0, 2, 1, 2);
	route("10.1.1.0/24", 0, 0, 1, 0, 1);
	route("10.2.0.0/24", 1, 0, 1, 0, 1);
	route("10.4.0.0/24", 3, 0, 4, 2, 2); /* both of its group, over both */
	route("10.5.0.0/24", 4, 0, 2, 1, 2); /* e's alone, over both */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	route_table_free(lab.routes);
	return 0;
}

static struct failure_effect *fail_of(const char *text)
{
	struct failure f;

	if (!failure_read(text, &f))
		fail_msg("%s is not read", text);
	return failure_of(&lab.model, &f);
}

/* "a moves 0 1/1" for each site: its name, outcome, tunnels that end, routes moved and lost. */
static const char *told(const struct failure_effect *e)
{
	static char text[256];

	text[0] = '\0';
	for (size_t i = 0; i < e->count; i++) {
		const struct failure_site *s = &e->sites[i];

		sprintf(text + strlen(text), "%s%s %s %s%s %u/%u", i ? ", " : "",
			s->site->conf.name, failure_outcomes[s->outcome], s->ends[0] ? "0" : "",
			s->ends[1] ? "1" : "", s->routes_moved, s->routes_lost);
	}
	return text;
}

static void what_each_does(void **state)
{
	static const struct {
		const char *what, *wanted;
		unsigned int untouched;
	} rows[] = {
		{"hub", "a lost 01 0/2, b lost 0 0/1, d lost 01 0/1, e lost 01 0/1", 0},
		{"endpoint:0", "a moves-in-part 0 1/1, b lost 0 0/1, d moves 0 1/0, e moves 0 1/0",
			0},
		{"endpoint:1", "a moves 1 0/0, d spare-lost 1 0/0, e spare-lost 1 0/0", 1},
		{"site:a", "a lost 01 0/2", 3},
		{"site:b", "b lost 0 0/1", 3},
		{"site:c", "", 4},
		{"site:d", "d moves 01 1/0", 3}, /* the other one of its group goes on */
		{"site:e", "e lost 01 0/1", 3},
		{"tunnel:a/0", "a moves-in-part 0 1/1", 3},
		{"tunnel:a/1", "a moves 1 0/0", 3},
		{"tunnel:b/0", "b lost 0 0/1", 3},
		{"tunnel:d/0", "d moves 0 1/0", 3},
		{"tunnel:c/1", "", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct failure_effect *e = fail_of(rows[i].what);

		if (strcmp(told(e), rows[i].wanted))
			fail_msg("%s: \"%s\", not \"%s\"", rows[i].what, told(e), rows[i].wanted);
		if (e->untouched != rows[i].untouched)
			fail_msg("%s: %u go on", rows[i].what, e->untouched);
		free(e);
	}
}

/* Two addresses of one device fail together, and share its speed. */
static void one_device_is_no_redundancy(void **state)
{
	struct endpoint_conf *conf = lab.config.concentrator.endpoints;
	struct failure_effect *e;

	(void)state;
	strcpy(conf[1].device, "eth0");
	e = fail_of("endpoint:0");
	assert_string_equal(told(e), "a lost 01 0/2, b lost 0 0/1, d lost 01 0/1, e lost 01 0/1");
	free(e);
	lab.model.host.speed_bps[0] = lab.model.host.speed_bps[1] = 16080;
	e = fail_of("tunnel:a/0");
	assert_true(e->endpoints[1].holds);
	free(e);
	carries(3, 0, 0, 8);
	e = fail_of("tunnel:a/0");
	assert_false(e->endpoints[1].holds);
	free(e);
}

/* A pair of gateways with a tunnel each, of one group: what goes over one goes over the other then. */
static void a_group_takes_over(void **state)
{
	struct failure_effect *e;

	(void)state;
	lab.sites[3].tunnels[1].open = lab.sites[4].tunnels[0].open = false;
	carries(3, 0, 8000, 0);
	route("10.4.0.0/24", 3, 0, 2, 1, 1);
	route("10.5.0.0/24", 4, 1, 1, 1, 1);
	e = fail_of("endpoint:0");
	assert_string_equal(told(e), "a moves-in-part 0 1/1, b lost 0 0/1, d moves 0 1/0");
	assert_int_equal(e->sites[2].moved.bps[SLUICE_IN], 8000);
	assert_int_equal(e->endpoints[1].then.bps[SLUICE_IN], 16000);
	free(e);
	e = fail_of("site:e");
	assert_string_equal(told(e), "e lost 1 0/1");
	free(e);
}

/* A tunnel that is down carries nothing, whatever it did in its last second. */
static void what_is_down_carries_nothing(void **state)
{
	struct failure_effect *e = fail_of("endpoint:0");
	uint64_t without, with;

	(void)state;
	without = e->endpoints[1].then.bps[SLUICE_IN];
	free(e);
	carries(0, 1, 800000, 800000);
	lab.sites[0].tunnels[1].open = false;
	assert_int_equal(tunnel_rate_now(&lab.sites[0], 1, SLUICE_IN), 0);
	e = fail_of("endpoint:0");
	with = e->endpoints[1].then.bps[SLUICE_IN];
	free(e);
	assert_true(with <= without);
}

static void what_is_none(void **state)
{
	static const char *const texts[] = {"", "hubs", "hub:", "endpoint", "endpoint:2",
		"endpoint:00", "site:", "site:a-name-that-is-longer-than-any-site-has", "tunnel:a",
		"tunnel:/0", "tunnel:a/2", "tunnel:a/", "x:0"};
	struct failure f;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (failure_read(texts[i], &f))
			fail_msg("'%s' is taken", texts[i]);
	}
	assert_null(fail_of("site:z"));
	assert_null(fail_of("tunnel:z/0"));
	assert_null(fail_of("tunnel:b/1"));
	lab.config.concentrator.endpoint_count = 1;
	assert_null(fail_of("endpoint:1"));
}

static void traffic_moves_to_the_other_endpoint(void **state)
{
	struct failure_effect *e;

	(void)state;
	lab.model.host.speed_bps[1] = 16080;
	e = fail_of("endpoint:0");
	assert_int_equal(e->sites[0].moved.bps[SLUICE_IN], 8000);
	assert_int_equal(e->sites[0].moved.bps[SLUICE_OUT], 16000);
	assert_int_equal(e->sites[1].lost.bps[SLUICE_IN], 800);
	assert_int_equal(e->sites[1].moved.bps[SLUICE_IN], 0);
	assert_int_equal(e->endpoints[0].now.bps[SLUICE_IN], 8800);
	assert_int_equal(e->endpoints[0].then.bps[SLUICE_IN], 0);
	assert_int_equal(e->endpoints[1].then.bps[SLUICE_IN], 8000);
	assert_int_equal(e->endpoints[1].then.bps[SLUICE_OUT], 16080);
	assert_true(e->endpoints[1].holds);
	free(e);
	lab.model.host.speed_bps[1]--;
	e = fail_of("endpoint:0");
	assert_false(e->endpoints[1].holds);
	free(e);
	e = fail_of("hub");
	assert_int_equal(e->endpoints[1].then.bps[SLUICE_OUT], 0);
	free(e);
}

/* A tunnel of a gateway has a limit of its own. */
static void a_gateway_is_held_to_one_tunnel(void **state)
{
	struct failure_effect *e;

	(void)state;
	lab.sites[0].conf.site_class = SITE_GATEWAY;
	lab.sites[0].conf.rate = 16000;
	e = fail_of("tunnel:a/0");
	assert_int_equal(e->sites[0].over.bps[SLUICE_IN], 0);
	assert_int_equal(e->sites[0].over.bps[SLUICE_OUT], 80);
	free(e);
}

static void how_soon_it_is_noticed(void **state)
{
	struct failure_effect *e = fail_of("endpoint:0");

	(void)state;
	lab.sites[0].tunnels[0].bgp.hold_s = lab.sites[0].tunnels[1].bgp.hold_s =
		30; /* negotiated */
	lab.config.concentrator.hold_s = 3;
	assert_int_equal(e->sites[0].noticed_ms, 0);
	free(e);
	e = fail_of("tunnel:a/0");
	assert_int_equal(e->sites[0].noticed_ms, 30000); /* BGP */
	free(e);
	lab.sites[0].conf.tunnels[0].options.dpd_timeout_s = 10;
	e = fail_of("tunnel:a/0");
	assert_int_equal(e->sites[0].noticed_ms, 10000);
	free(e);
	lab.sites[0].conf.tunnels[0].options.dpd_action = DPD_NONE;
	e = fail_of("tunnel:a/0");
	assert_int_equal(e->sites[0].noticed_ms, 30000);
	free(e);
	lab.sites[0].tunnels[0].bfd =
		(struct tunnel_bfd){.present = true, .state = BFD_UP, .detection_us = 900000};
	e = fail_of("site:a"); /* the slower one */
	assert_int_equal(e->sites[0].noticed_ms, 30000);
	free(e);
	e = fail_of("tunnel:a/0");
	assert_int_equal(e->sites[0].noticed_ms, 900);
	free(e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_each_does),
		TEST(one_device_is_no_redundancy),
		TEST(a_group_takes_over),
		TEST(what_is_down_carries_nothing),
		TEST(what_is_none),
		TEST(traffic_moves_to_the_other_endpoint),
		TEST(a_gateway_is_held_to_one_tunnel),
		TEST(how_soon_it_is_noticed),
	};

	return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
