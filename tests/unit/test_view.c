/* SPDX-License-Identifier: Apache-2.0 */
/* Documents and metrics, made of a model that nobody but this test has written: no kernel, no process. */
#include "base/clock.h"
#include "ike/reason.h"
#include "bgp/bfd/packet.h"
#include "bgp/decide.h"
#include "ipc/msg_bgp.h"
#include "view/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct {
	struct model model;
	struct config config;
	struct site sites[2]; /* one with BGP; a gateway with static routes */
	struct route_table *routes;
	struct fair fair[SLUICE_DIRECTIONS];
} lab;

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static int setup(void **state)
{
	struct concentrator_conf *c = &lab.config.concentrator;

	(void)state;
	memset(&lab, 0, sizeof(lab));
	lab.routes = route_table_new(1);
	lab.model.config = &lab.config;
	lab.model.routes = lab.routes;
	lab.config.site_count = 2;
	snprintf(c->name, sizeof(c->name), "hub");
	c->endpoint_count = 2;
	c->aggregate_rate = 1000000000;
	for (uint32_t i = 0; i < 2; i++) {
		struct site *s = &lab.sites[i];

		c->endpoints[i].address_count = 1;
		c->endpoints[i].addresses[0] =
			prefix(i ? "198.51.100.2/32" : "198.51.100.1/32").addr;
		snprintf(c->endpoints[i].device, sizeof(c->endpoints[i].device), "eth%u", i);
		lab.model.fair[i] = &lab.fair[i];
		lab.model.sites[i] = s;
		s->slot = i;
		s->conf.outer_family = AF_INET;
		s->conf.rate = 100000000;
		s->conf.routing = i ? ROUTING_STATIC : ROUTING_BGP;
		s->conf.site_class = i ? SITE_GATEWAY : s->conf.site_class;
		snprintf(s->conf.name, sizeof(s->conf.name), "site-%u", i);
		s->history = history_new(CLOCK_SECOND);
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			s->conf.tunnels[t].configured = true;
			s->conf.tunnels[t].inside = prefix(t ? "169.254.2.0/30" : "169.254.1.0/30");
		}
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	route_table_free(lab.routes);
	for (int i = 0; i < 2; i++)
		history_free(lab.sites[i].history);
	return 0;
}

/* The object number i of the list of a document, which the caller frees. */
static json_t *row(json_t *document, const char *list, size_t i)
{
	char *text = json_dumps(document, JSON_COMPACT);
	json_t *o = json_array_get(json_object_get(document, list), i);

	assert_non_null(text);
	free(text);
	assert_non_null(o);
	return o;
}

static const char *text_of(json_t *o, const char *member)
{
	const char *text = json_string_value(json_object_get(o, member));

	assert_non_null(text);
	return text;
}

static void assert_site_is(uint32_t i, const char *state, const char *egress)
{
	json_t *document = view_sites(&lab.model, NULL);
	json_t *o = row(document, "sites", i);

	assert_string_equal(text_of(o, "state"), state);
	assert_string_equal(text_of(o, "egress_reason"), egress);
	json_decref(document);
}

static void come_up(uint32_t i, unsigned int t)
{
	struct site_tunnel *state = &lab.sites[i].tunnels[t];

	state->open = true;
	state->ike.phase = TUNNEL_UP;
	state->bgp.state = i ? BGP_IDLE : BGP_ESTABLISHED;
}

static void add_route(const char *text, uint32_t tunnel, uint8_t other)
{
	struct imsg_route r = {.prefix = prefix(text), .tunnel = tunnel, .other = other};
	struct route_entry *e = route_table_get(lab.routes, &r.prefix);

	e->tunnel = (uint16_t)tunnel;
	e->installed = true;
	route_table_set_facts(lab.routes, e, &r, 0);
}

static void a_site_is_as_its_tunnels(void **state)
{
	(void)state;
	assert_site_is(0, "down", "no routes lead to the site");
	come_up(0, 1);
	add_route("10.1.0.0/16", 1, PATH_BEST);
	assert_site_is(0, "degraded", "the only tunnel with a BGP session");
	come_up(0, 0);
	assert_site_is(0, "up", "the site announces its prefixes over no other tunnel");
	lab.sites[0].tunnels[0].bgp.state = BGP_ACTIVE; /* it carries, and nothing leads there */
	assert_site_is(0, "degraded", "the only tunnel with a BGP session");
	come_up(1, 0);
	add_route("10.2.0.0/16", 2, PATH_BEST);
	assert_site_is(1, "degraded", "the only tunnel that is up");
	lab.sites[1].conf.tunnels[1].configured = false;
	assert_site_is(1, "up", "the only tunnel that is up");
}

static void why_the_egress_is_where_it_is(void **state)
{
	json_t *document, *o;

	(void)state;
	come_up(0, 0);
	come_up(0, 1);
	add_route("10.1.0.0/16", 0, PATH_MED);
	assert_site_is(0, "up", "the site's MED is lower over it");
	add_route("10.1.0.0/24", 0, PATH_LONGER);
	assert_site_is(
		0, "up", "its routes are better for several reasons, see `sluice show route`");
	add_route("10.1.1.0/24", 1, PATH_MED);
	assert_site_is(0, "up", "most routes are best over it; the others go by the other tunnel");
	document = view_sites(&lab.model, NULL);
	o = row(document, "sites", 0);
	assert_int_equal(json_integer_value(json_object_get(o, "primary_egress")), 0);
	assert_true(json_is_null(json_object_get(row(document, "sites", 1), "primary_egress")));
	json_decref(document);
}

static void a_tunnel_tells_its_reason(void **state)
{
	struct site_tunnel *t = &lab.sites[0].tunnels[0];
	json_t *document, *o;

	(void)state;
	come_up(0, 0);
	t->sa_count = 1;
	t->sas[0] = (struct tunnel_sa){.spi_in = 0x1234, .in_use = true, .inner_mtu = 1400};
	snprintf(t->ike.detail, sizeof(t->ike.detail), "all is well");
	document = view_tunnels(&lab.model, &lab.sites[0]);
	o = row(document, "tunnels", 0);
	assert_string_equal(text_of(o, "state"), "up");
	assert_string_equal(text_of(o, "detail"), "all is well");
	assert_int_equal(json_integer_value(json_object_get(o, "inner_mtu")), 1400);
	json_decref(document);
	t->draining = true;
	lab.model.endpoints[0][0].fault = ENDPOINT_NO_CARRIER;
	document = view_tunnels(&lab.model, NULL);
	o = row(document, "tunnels", 0);
	assert_int_equal(json_array_size(json_object_get(document, "tunnels")), 4);
	assert_string_equal(text_of(o, "state"), "down");
	assert_string_equal(text_of(o, "reason"), reason_code(REASON_ENDPOINT_LOST));
	assert_string_equal(text_of(o, "detail"), "endpoint 0, eth0: link down (no carrier)");
	json_decref(document);
	lab.model.endpoints[0][0].fault = ENDPOINT_FINE;
	document = view_tunnels(&lab.model, NULL);
	assert_string_equal(text_of(row(document, "tunnels", 0), "state"), "draining");
	json_decref(document);
	t->admin_down = true;
	document = view_tunnels(&lab.model, NULL);
	assert_string_equal(text_of(row(document, "tunnels", 0), "state"), "disabled");
	json_decref(document);
	document = view_sas(&lab.model, NULL);
	assert_string_equal(text_of(row(document, "sas", 0), "spi_in"), "0x00001234");
	json_decref(document);
}

static const char *why(uint32_t i, unsigned int t)
{
	static char text[VIEW_WHY_SIZE];

	return view_bgp_why(&lab.model, &lab.sites[i], t, text);
}

/* The session's own cause comes first; what may add to it follows. */
static void why_there_is_no_session(void **state)
{
	struct site_tunnel *t = &lab.sites[0].tunnels[0];
	uint64_t now = clock_now();

	(void)state;
	come_up(0, 0);
	t->bgp.established_wall_ns = clock_wall() - 5 * CLOCK_SECOND;
	assert_string_equal(why(0, 0), ""); /* it has time to announce something */
	t->bgp.established_wall_ns = clock_wall() - 30 * CLOCK_SECOND;
	assert_string_equal(why(0, 0), "established, and nothing that the device announces can be "
				       "taken, or it announces nothing");
	t->bgp.prefixes_in = 6;
	t->bgp.kept_out = 5;
	assert_string_equal(
		why(0, 0), "5 of 6 prefixes are not used: `sluice show bgp-log` says why");
	t->bgp.kept_out = 0;
	snprintf(t->ends_text, sizeof(t->ends_text), "the device has others");
	snprintf(t->md5_text, sizeof(t->md5_text), "perhaps signatures");
	t->md5_at_ns = now;
	assert_string_equal(why(0, 0), "");
	t->bgp.state = BGP_ACTIVE;
	snprintf(t->bgp.detail, sizeof(t->bgp.detail), "NOTIFICATION received: Cease 6/2");
	assert_string_equal(why(0, 0), "the device has others; perhaps signatures");
	t->ends_text[0] = '\0';
	assert_string_equal(why(0, 0), "NOTIFICATION received: Cease 6/2; perhaps signatures");
	t->md5_at_ns = 0;
	t->bgp.refused_until_ns = now + 40 * CLOCK_SECOND + CLOCK_SECOND / 2;
	assert_non_null(strstr(why(0, 0), "Cease 6/2; 4"));
	assert_non_null(strstr(why(0, 0), " s of that are left"));
	assert_string_equal(why(1, 0), "");
	t->sa_count = 1;
	t->sas[0] = (struct tunnel_sa){
		.in_use = true, .local_ts = "any", .remote_ts = "10.2.0.0/24, 10.3.0.0/24"};
	assert_non_null(strstr(why(0, 0), "the negotiated selectors (10.2.0.0/24, 10.3.0.0/24) "
					  "leave out 169.254.1.2, the device's "
					  "inside address: BGP cannot pass; NOTIFICATION"));
	snprintf(t->sas[0].remote_ts, sizeof(t->sas[0].remote_ts), "10.2.0.0/24, 169.254.1.0/24");
	assert_null(strstr(why(0, 0), "leave out"));
	snprintf(
		t->sas[0].remote_ts, sizeof(t->sas[0].remote_ts), "10.2.0.1-10.2.0.9, 10.3.0.0/24");
	assert_null(strstr(why(0, 0), "leave out")); /* not known */
	for (size_t n = 0; n < sizeof(t->sas[0].remote_ts) - 1; n += strlen("10.0.0.0/8, "))
		snprintf(t->sas[0].remote_ts + n, sizeof(t->sas[0].remote_ts) - n, "10.0.0.0/8, ");
	assert_null(strstr(why(0, 0), "leave out")); /* it does not say all of them */
	lab.model.endpoints[0][0].no_way = true;
	assert_non_null(
		strstr(why(0, 0), "no route of the hub leads over eth0 but to its own network"));
	assert_non_null(strstr(why(1, 0), "no route of the hub leads over eth0"));
	lab.model.endpoints[0][0].fault = ENDPOINT_DOWN; /* which is told of itself */
	assert_string_equal(why(1, 0), "");
}

static void why_bfd_is_not_up(void **state)
{
	struct site_tunnel *t = &lab.sites[0].tunnels[0];
	const struct site *s = &lab.sites[0];

	(void)state;
	come_up(0, 0);
	t->opened_ns = clock_now() - 20 * CLOCK_SECOND;
	assert_string_equal(view_bfd_why(s, 0), "");
	t->stray_bfd_ns = clock_now();
	assert_string_equal(view_bfd_why(s, 0), "the device sends it, and it is off here");
	t->bfd = (struct tunnel_bfd){.present = true, .state = BFD_DOWN, .remote_state = BFD_DOWN};
	assert_string_equal(view_bfd_why(s, 0), "it is on here, and nothing comes from the device");
	t->bfd.packets_refused = 3;
	assert_non_null(strstr(view_bfd_why(s, 0), "is refused"));
	t->bfd.packets_in = 3;
	assert_string_equal(view_bfd_why(s, 0), "nothing comes from the device any more");
	t->bfd.remote_state = BFD_ADMIN_DOWN;
	assert_string_equal(view_bfd_why(s, 0), "the device has switched it off");
	t->bfd.state = BFD_INIT;
	assert_non_null(strstr(view_bfd_why(s, 0), "does not hear the hub's"));
	t->bfd.state = BFD_UP;
	assert_string_equal(view_bfd_why(s, 0), "");
}

/* What was counted before the site had its slot is not its own; rates are of the last second. */
static void what_is_reported_is_the_sites_own(void **state)
{
	struct site *s = &lab.sites[1];
	json_t *document, *in;

	(void)state;
	s->base.stats[SLUICE_IN].offered.bytes = 1000;
	s->before.at_ns = CLOCK_SECOND;
	s->latest.at_ns = 2 * CLOCK_SECOND;
	s->before.stats[SLUICE_IN].offered.bytes = 1000;
	s->latest.stats[SLUICE_IN].offered.bytes = 5001000;
	s->latest.stats[SLUICE_IN].delivered.bytes = 2500000;
	document = view_report(&lab.model, s);
	in = json_object_get(row(document, "sites", 0), "in");
	assert_int_equal(json_integer_value(json_object_get(in, "offered_bps")), 40000000);
	assert_int_equal(json_integer_value(json_object_get(in, "delivered_bps")), 20000000);
	assert_int_equal(json_integer_value(json_object_get(in, "limit_bps")), 100000000);
	/* Of what a gateway may have by both its tunnels. */
	assert_true(json_real_value(json_object_get(in, "share_of_cap_percent")) == 10.0);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(in, "offered"), "bytes")),
		5000000);
	json_decref(document);
	s->conf.tunnels[1].configured = false;
	document = view_report(&lab.model, s);
	in = json_object_get(row(document, "sites", 0), "in");
	assert_true(json_real_value(json_object_get(in, "share_of_cap_percent")) == 20.0);
	json_decref(document);
}

static void metrics_are_of_every_site_and_tunnel(void **state)
{
	static const char *const lines[] = {
		"sluice_site_offered_bytes_total{concentrator=\"hub\",site=\"site-0\",direction="
		"\"in\"} 70\n",
		"sluice_site_delivered_bytes_total{concentrator=\"hub\",site=\"site-0\",direction="
		"\"in\"} 30\n",
		"sluice_site_state{concentrator=\"hub\",site=\"site-0\"} 0.5\n",
		"sluice_tunnel_state{concentrator=\"hub\",site=\"site-0\",tunnel=\"1\",outside_ip="
		"\"198.51.100.2\"} 1\n",
		"sluice_tunnel_up{concentrator=\"hub\",site=\"site-1\",tunnel=\"0\",outside_ip="
		"\"198.51.100.1\"} 0\n",
		"sluice_tunnel_in_bytes_total{concentrator=\"hub\",site=\"site-0\",tunnel=\"1\","
		"outside_ip=\"198.51.100."
		"2\"} 5\n",
		"sluice_endpoint_up{endpoint=\"1\",device=\"eth1\",address=\"198.51.100.2\"} 0\n",
		"sluice_process_silent_seconds{process=\"ike\"} 4\n",
	};
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	come_up(0, 1);
	lab.sites[0].latest.stats[SLUICE_IN].offered.bytes = 70;
	lab.sites[0].latest.stats[SLUICE_IN].delivered.bytes = 30;
	lab.sites[0].tunnels[1].counted.in.bytes = 9;
	lab.sites[0].tunnels[1].base.in.bytes = 4;
	lab.model.endpoints[1][0].fault = ENDPOINT_DOWN;
	for (int i = 0; i < MODEL_PROCESSES; i++)
		lab.model.plane.processes[i].name = i == 2 ? "ike" : "another";
	lab.model.plane.processes[2].silent_s = 4;
	view_metrics_common(f, &lab.model);
	view_metrics(f, &lab.model);
	view_endpoints_metrics(f, &lab.model);
	fclose(f);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!strstr(text, lines[i]))
			fail_msg("%s is not among the metrics", lines[i]);
	}
	free(text);
}

static void routes_stand_in_order(void **state)
{
	struct closed_view closed[] = {{.prefix = prefix("10.9.0.0/16"), .tunnel = 2},
		{.prefix = prefix("10.1.0.0/16"), .tunnel = 0, .withdrawn = true, .ends_in_s = 7}};
	json_t *document;

	(void)state;
	add_route("10.2.0.0/16", 2, PATH_BEST);
	add_route("10.1.0.0/16", 1, PATH_BEST);
	document = view_routes(&lab.model, NULL);
	assert_string_equal(text_of(row(document, "routes", 0), "prefix"), "10.1.0.0/16");
	assert_string_equal(text_of(row(document, "routes", 1), "site"), "site-1");
	json_decref(document);
	document = view_routes(&lab.model, &lab.sites[1]);
	assert_int_equal(json_array_size(json_object_get(document, "routes")), 1);
	json_decref(document);
	document = view_closed(&lab.model, NULL, closed, 2);
	assert_string_equal(text_of(row(document, "closed", 0), "reason"), "withdrawn by the site");
	assert_string_equal(text_of(row(document, "closed", 1), "site"), "site-1");
	json_decref(document);
	document = view_closed(&lab.model, &lab.sites[1], closed, 2);
	assert_int_equal(json_array_size(json_object_get(document, "closed")), 1);
	json_decref(document);
}

static void the_plane_and_the_endpoints_are_shown(void **state)
{
	struct model_plane *p = &lab.model.plane;
	json_t *document;

	(void)state;
	for (int i = 0; i < MODEL_PROCESSES; i++)
		p->processes[i] = (struct model_process){.name = "p", .pid = 100 + i};
	p->inside_mode = "tcx";
	p->bfd_unhurried = 1;
	snprintf(p->data_mode, sizeof(p->data_mode), "AF_XDP");
	document = view_dataplane(&lab.model);
	assert_string_equal(text_of(document, "mode"), "XDP -, TC tcx, offloads , AF_XDP");
	assert_non_null(strstr(text_of(document, "bfd_thread"), "no real-time priority"));
	assert_int_equal(
		json_integer_value(json_object_get(row(document, "processes", 4), "pid")), 104);
	json_decref(document);
	lab.model.host.inside_gone = true;
	snprintf(lab.model.host.inside, sizeof(lab.model.host.inside), "sluice0");
	lab.model.endpoints[0][0].no_way = true;
	document = view_endpoints(&lab.model);
	assert_int_equal(json_array_size(json_object_get(document, "warnings")), 2);
	assert_string_equal(text_of(row(document, "endpoints", 1), "device"), "eth1");
	json_decref(document);
}

static void the_worst_second_is_remembered(void **state)
{
	struct site_stats was = {0}, is = {.offered.bytes = 1000, .delivered.bytes = 400};
	json_t *document, *in;

	(void)state;
	is.site_rate = (struct traffic){.packets = 6, .bytes = 600};
	history_add(lab.sites[0].history, SLUICE_IN, &was, CLOCK_SECOND, &is, 2 * CLOCK_SECOND);
	document = view_report_since(&lab.model, &lab.sites[0], 60);
	assert_int_equal(json_array_size(json_object_get(document, "sites")), 1);
	in = json_object_get(row(document, "sites", 0), "in");
	assert_true(json_is_object(in) && json_object_get(in, "worst_second"));
	json_decref(document);
}

static void a_path_says_what_became_of_it(void **state)
{
	struct bgp_path_view v = {.prefix = prefix("10.1.0.0/16"),
		.tunnel = 1,
		.fate = PATH_MED,
		.source = SOURCE_BGP,
		.as_path_len = 1,
		.as_path = {65001},
		.identifier = 0x0a000001,
		.owner = 2};
	json_t *o = view_path(&lab.model, &v);

	(void)state;
	assert_string_equal(text_of(o, "site"), "site-0");
	assert_string_equal(text_of(o, "reason"),
		"c: another path of the same neighbouring AS has a lower MED");
	assert_string_equal(text_of(o, "identifier"), "10.0.0.1");
	assert_string_equal(text_of(o, "owner"), "site-1");
	json_decref(o);
	v.fate = PATH_FATES; /* which bgp cannot mean */
	v.source = v.origin = 99;
	v.tunnel = v.owner = UINT32_MAX;
	o = view_path(&lab.model, &v);
	assert_string_equal(text_of(o, "reason"), "?");
	assert_string_equal(text_of(o, "site"), "-");
	json_decref(o);
}

/* Behind the hub, at the end of a tunnel, or by the best path: whichever is longest. */
static void where_packets_go(void **state)
{
	static const struct {
		const char *to, *best, *own;
	} rows[] = {
		{"10.0.0.10/32", NULL, "10.0.0.0/24, a network of the hub"},
		{"10.0.0.10/32", "10.0.0.0/16", "10.0.0.0/24, a network of the hub"},
		{"10.0.0.10/32", "10.0.0.8/29", NULL}, {"10.1.0.10/32", NULL, NULL},
		{"169.254.1.2/32", NULL, "the inside end of site-0 0"},
		{"10.0.0.0/16", NULL, NULL}, /* only part of it */
	};
	struct networks_conf *n = &lab.config.concentrator.networks;

	(void)state;
	*n = (struct networks_conf){.count = 1, .prefixes = {prefix("10.0.0.0/24")}};
	lab.sites[1].conf.tunnels[0].inside = prefix("169.254.3.0/30");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip_prefix to = prefix(rows[i].to);
		json_t *paths =
			rows[i].best ? json_pack("[{s:s, s:b}]", "prefix", rows[i].best, "best", 1)
				     : json_array();
		json_t *o = view_own(&lab.model, &to, paths);
		const char *own = json_string_value(json_object_get(o, "own"));

		if (rows[i].own)
			assert_string_equal(own, rows[i].own);
		else
			assert_null(own);
		json_decref(paths);
		json_decref(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_site_is_as_its_tunnels, setup, teardown),
		cmocka_unit_test_setup_teardown(why_the_egress_is_where_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(a_tunnel_tells_its_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(why_there_is_no_session, setup, teardown),
		cmocka_unit_test_setup_teardown(why_bfd_is_not_up, setup, teardown),
		cmocka_unit_test_setup_teardown(where_packets_go, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_reported_is_the_sites_own, setup, teardown),
		cmocka_unit_test_setup_teardown(
			metrics_are_of_every_site_and_tunnel, setup, teardown),
		cmocka_unit_test_setup_teardown(routes_stand_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(the_worst_second_is_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(a_path_says_what_became_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_plane_and_the_endpoints_are_shown, setup, teardown),
	};

	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
