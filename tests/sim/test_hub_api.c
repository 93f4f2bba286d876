/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the control socket: each verb is answered, by what it asks for or by why not. */
#include "api_world.h"

#include "ipc/verbs.h"

static void each_verb_shows_what_it_says(void **state)
{
	static const struct {
		enum api_verb verb;
		const char *list;
		size_t all, of_one; /* rows */
	} shows[] = {
		{API_SHOW_SITES, "sites", 3, 1},
		{API_SHOW_TUNNELS, "tunnels", 5, 2},
		{API_SHOW_ROUTES, "routes", 3, 2},
		{API_SHOW_SA, "sas", 1, 1},
		{API_SHOW_ENDPOINTS, "endpoints", 2, 2},
		{API_SHOW_DATAPLANE, "processes", 6, 6},
		{API_SHOW_LOG, "events", 1, 1},
		{API_SHOW_BGP_LOG, "events", 1, 1},
		{API_SHOW_CERTIFICATES, "certificates", 0, 0},
		{API_SHOW_UNKNOWN, "unknown", 1, 1},
		{API_SHOW_CLOSED, "closed", 4, 1},
		{API_REPORT, "sites", 3, 1},
	};
	struct imsg_sa_info sa = {.tunnel = 0, .spi_in = 9, .inner_mtu = 1400, .in_use = true};
	struct imsg_tunnel_event event = {.code = "PSK_MISMATCH"};
	struct imsg_bgp_event session = {.event.status = BGP_EVENT_UP};
	struct imsg_unknown unknown = {.count = 3, .reason = 1};

	(void)state;
	assert_true(addr_parse("198.51.100.1", &unknown.local));
	assert_true(addr_parse("203.0.113.99", &unknown.remote.addr));
	imsg_send(world.children[PROCESS_IKE], IMSG_SA_INFO, -1, &sa, sizeof(sa));
	imsg_send(world.children[PROCESS_IKE], IMSG_TUNNEL_EVENT, -1, &event, sizeof(event));
	imsg_send(world.children[PROCESS_IKE], IMSG_UNKNOWN, -1, &unknown, sizeof(unknown));
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_EVENT, -1, &session, sizeof(session));
	world_tunnel(0, TUNNEL_UP);
	world_route(0, "10.1.0.0/24");
	for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
		for (int one = 0; one < 2; one++) {
			struct imsg_api_request r = {.verb = shows[i].verb, .tunnel = -1};
			json_t *document;
			size_t n;

			if (one)
				strcpy(r.site, "one");
			document = asked(r);
			n = json_array_size(json_object_get(document, shows[i].list));
			if (n != (one ? shows[i].of_one : shows[i].all))
				fail_msg("%s of %s: %zu rows", verbs[r.verb].words,
					one ? "one site" : "all", n);
			json_decref(document);
		}
	}
}

static void a_report_may_be_of_some_time(void **state)
{
	json_t *document =
		asked((struct imsg_api_request){.verb = API_REPORT, .tunnel = -1, .since_s = 600});

	(void)state;
	assert_int_equal(json_array_size(json_object_get(document, "sites")), 3);
	assert_non_null(json_object_get(
		json_object_get(json_array_get(json_object_get(document, "sites"), 0), "in"),
		"worst_second"));
	json_decref(document);
}

/* Every metric has a line of its site, and one that says what it is. */
static void metrics_are_text(void **state)
{
	char *text = asks((struct imsg_api_request){.verb = API_METRICS, .tunnel = -1});

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(
		text, "\nsluice_tunnel_up{concentrator=\"hub-1\",site=\"two\",tunnel=\"1\""));
	assert_non_null(strstr(text, "# TYPE sluice_certificate_not_after_seconds gauge"));
	assert_non_null(strstr(text, "sluice_unknown_devices{verified=\"no\"} 0\n"));
	assert_non_null(strstr(text, "sluice_endpoint_up{endpoint=\"1\""));
	free(text);
}

/* The api process may be in anybody's hands: hub looks again. */
static void what_is_not_there_is_refused(void **state)
{
	(void)state;
	hears((struct imsg_api_request){.verb = API_VERBS, .tunnel = -1}, "detail", "unknown verb");
	hears((struct imsg_api_request){.verb = API_INVALID, .tunnel = -1}, "detail",
		"unknown verb");
	hears((struct imsg_api_request){.verb = API_SHOW_SITES, .tunnel = -1, .site = "none"},
		"detail", "no site is named 'none'");
	for (int v = 1; v < API_VERBS; v++) {
		struct imsg_api_request r = {.verb = (uint32_t)v, .tunnel = -1};
		enum verb_object object = verbs[v].object;

		if (object != OBJECT_TUNNELS && object != OBJECT_TUNNEL)
			continue;
		hears(r, "detail", "a site must be named");
		strcpy(r.site, "static");
		r.tunnel = 1; /* it has one */
		hears(r, "detail", "site 'static' has no such tunnel");
		r.tunnel = 2;
		hears(r, "detail", "site 'static' has no such tunnel");
	}
	hears((struct imsg_api_request){.verb = API_SHOW_TUNNELS, .tunnel = 1}, "detail",
		"a site must be named");
	hears((struct imsg_api_request){.verb = API_SHOW_TUNNELS, .tunnel = 1, .site = "static"},
		"detail", "site 'static' has no such tunnel");
	hears((struct imsg_api_request){.verb = API_TUNNEL_DRAIN, .tunnel = -1, .site = "one"},
		"detail", "has no such tunnel");
}

/* A program goes by the status, and by the word. */
static void a_refusal_says_of_what_kind_it_is(void **state)
{
	static const struct {
		struct imsg_api_request request;
		unsigned int status;
		const char *code;
	} rows[] = {
		{{.verb = API_SHOW_SITES, .tunnel = -1}, 200, NULL},
		{{.verb = API_VERBS, .tunnel = -1}, 400, "bad-request"},
		{{.verb = API_SHOW_SITES, .tunnel = -1, .site = "none"}, 404, "no-such-site"},
		{{.verb = API_REKEY, .tunnel = 1, .site = "static"}, 404, "no-such-tunnel"},
		{{.verb = API_ROLLBACK, .tunnel = -1, .revisions = {99}}, 404, "no-such-revision"},
		{{.verb = API_DIFF, .tunnel = -1, .revisions = {99}}, 404, "no-such-revision"},
		{{.verb = API_CONFIRM, .tunnel = -1}, 409, "refused"},
		{{.verb = API_HUB_RELEASE, .tunnel = -1}, 409, "refused"},
		{{.verb = API_TUNNEL_DRAIN, .tunnel = 0, .site = "two"}, 409, "refused"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *document = asked(rows[i].request);
		const char *code = json_string_value(json_object_get(document, "code"));

		if (client.status != rows[i].status ||
			(rows[i].code && (!code || strcmp(code, rows[i].code) != 0)))
			fail_msg("verb %u: %u %s", rows[i].request.verb, client.status,
				code ? code : "");
		json_decref(document);
	}
	world_end(PROCESS_IKE, 10 * CLOCK_SECOND);
	json_decref(
		asked((struct imsg_api_request){.verb = API_REKEY, .tunnel = -1, .site = "one"}));
	assert_int_equal(client.status, 503);
}

static void commands_reach_whom_they_are_for(void **state)
{
	const struct imsg_ike_command *c;

	(void)state;
	hears((struct imsg_api_request){.verb = API_REKEY, .tunnel = -1, .site = "two"}, "ok",
		"asked");
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_COMMAND), 2);
	hears((struct imsg_api_request){.verb = API_REKEY, .ike = true, .tunnel = 1, .site = "two"},
		"ok", "asked");
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_COMMAND), 1);
	c = world_told(PROCESS_IKE, IMSG_IKE_COMMAND, 3);
	assert_int_equal(c->command, IKE_COMMAND_REKEY_IKE);
	hears((struct imsg_api_request){.verb = API_TUNNEL_DOWN, .tunnel = 0, .site = "two"}, "ok",
		"until `sluice tunnel up`");
	assert_string_equal(world_letters(), "d");
	hears((struct imsg_api_request){.verb = API_TUNNEL_UP, .tunnel = -1, .site = "two"}, "ok",
		"it may come up");
	assert_string_equal(world_letters(), "uu");
	hears((struct imsg_api_request){.verb = API_TUNNEL_DRAIN, .tunnel = 0, .site = "two"},
		"detail", "no BGP session to take over");
	world_tunnel(3, TUNNEL_UP);
	world_session(3, BGP_ESTABLISHED);
	hears((struct imsg_api_request){.verb = API_TUNNEL_DRAIN, .tunnel = 0, .site = "two"}, "ok",
		"its other tunnel");
	/* What cannot be kept is said, and by whom it is done all the same. */
	world.hub->admin->directory = "/nonexistent/sluice";
	hears((struct imsg_api_request){.verb = API_TUNNEL_DOWN, .tunnel = 0, .site = "two"}, "ok",
		"forgotten when sluiced ends");
	assert_string_equal(world_letters(), "d");
	world.hub->admin->directory = world.dir;
	/* The last tunnel that carries. */
	hears((struct imsg_api_request){.verb = API_TUNNEL_DOWN, .tunnel = 1, .site = "two"},
		"detail", "--force");
	hears(
		(struct imsg_api_request){
			.verb = API_TUNNEL_DOWN, .tunnel = 1, .site = "two", .force = true},
		"ok", "until `sluice tunnel up`");
}

/* What is asked of a process once, and told it by nobody when it starts, is not said to be done while it is away. */
static void who_is_away_is_not_asked(void **state)
{
	struct imsg_api_request rekey = {.verb = API_REKEY, .tunnel = -1, .site = "one"},
				down = {.verb = API_TUNNEL_DOWN, .tunnel = 1, .site = "one"},
				release = {.verb = API_RELEASE, .tunnel = -1};

	(void)state;
	assert_true(prefix_parse("10.1.0.0/24", &release.prefix));
	world_tunnel(0, TUNNEL_UP);
	world_session(0, BGP_ESTABLISHED);
	world_route(0, "10.1.0.0/24");
	world_session(0, BGP_IDLE);
	imsg_send(world.children[PROCESS_BGP], IMSG_UNROUTES, -1, &release.prefix,
		sizeof(release.prefix));
	world_turn();
	world_end(PROCESS_BGP, 10 * CLOCK_SECOND);
	hears(release, "detail", "the bgp process is starting");
	assert_true(fake_find(&fake.closed, &release.prefix) >= 0);
	world_end(PROCESS_IKE, 10 * CLOCK_SECOND);
	hears(rekey, "detail", "the ike process is starting");
	/* What is kept, it hears when it starts. */
	hears(down, "ok", "until `sluice tunnel up`");
	world_forget();
	world_start(PROCESS_IKE);
	assert_string_equal(world_letters(), "d");
	hears(rekey, "ok", "asked");
}

/* A prefix that stays closed is given up by an operator. */
static void what_is_closed_is_released(void **state)
{
	struct imsg_api_request r = {.verb = API_RELEASE, .tunnel = -1};

	(void)state;
	assert_true(prefix_parse("10.1.0.0/24", &r.prefix));
	hears(r, "detail", "no such prefix is closed");
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_RELEASE), 0);
	world_tunnel(0, TUNNEL_UP);
	world_session(0, BGP_ESTABLISHED);
	world_route(0, "10.1.0.0/24");
	hears(r, "detail", "");
	world_session(0, BGP_IDLE);
	imsg_send(world.children[PROCESS_BGP], IMSG_UNROUTES, -1, &r.prefix, sizeof(r.prefix));
	world_turn();
	assert_true(fake_find(&fake.closed, &r.prefix) >= 0);
	hears(r, "ok", "released");
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_RELEASE), 1);
	assert_int_equal(fake_find(&fake.closed, &r.prefix), -1);
}

static void answers_of_bgp(uint32_t id, unsigned int paths)
{
	struct imsg_bgp_answer a = {.id = id, .path = {.tunnel = 1, .owner = UINT32_MAX}};

	assert_true(prefix_parse("10.1.0.0/24", &a.path.prefix));
	for (unsigned int i = 0; i < paths; i++)
		imsg_send(world.children[PROCESS_BGP], IMSG_BGP_ANSWER, -1, &a, sizeof(a));
	a.path.prefix.len = 77; /* of no address: a child in the hands of a peer */
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_ANSWER, -1, &a, sizeof(a));
	a = (struct imsg_bgp_answer){.id = id, .last = true};
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_ANSWER, -1, &a, sizeof(a));
	world_turn();
}

static size_t answered_rows(const char *list)
{
	const struct heard *h = NULL;
	json_t *document;
	size_t n;

	for (size_t i = 0; i < world.heard_count; i++) {
		if (world.heard[i].type == IMSG_API_REPLY)
			h = &world.heard[i];
	}
	assert_non_null(h);
	document = json_loadb((const char *)h->payload + sizeof(struct imsg_api_reply),
		h->len - sizeof(struct imsg_api_reply), 0, NULL);
	assert_non_null(json_object_get(document, list));
	n = json_array_size(json_object_get(document, list));
	json_decref(document);
	return n;
}

static void what_only_bgp_knows_is_asked_for(void **state)
{
	struct imsg_api_request route = {.verb = API_SHOW_ROUTE, .tunnel = -1},
				bgp = {.verb = API_SHOW_BGP, .tunnel = -1, .site = "one"};
	const struct imsg_bgp_query *q;

	(void)state;
	assert_true(prefix_parse("10.1.0.0/24", &route.prefix));
	assert_null(asks(route));
	q = world_told(PROCESS_BGP, IMSG_BGP_QUERY, -1);
	assert_true(prefix_equal(&q->prefix, &route.prefix));
	answers_of_bgp(q->id + 1, 9); /* nobody's */
	assert_int_equal(world_count(PROCESS_API, IMSG_API_REPLY), 0);
	answers_of_bgp(q->id, 3);
	assert_int_equal(answered_rows("paths"), 3);
	assert_null(asks(bgp));
	q = world_told(PROCESS_BGP, IMSG_BGP_QUERY, -1);
	answers_of_bgp(q->id, 1);
	assert_int_equal(answered_rows("sessions"), 2);
	assert_int_equal(answered_rows("quarantined"), 1);
}

static void who_asks_bgp_hears_when_it_cannot_answer(void **state)
{
	struct imsg_api_request r = {.verb = API_SHOW_BGP, .tunnel = -1};

	(void)state;
	for (int i = 0; i < BGP_QUERIES_MAX; i++)
		assert_null(asks(r));
	hears(r, "detail", "too many questions");
	world_forget();
	hub_bgp_queries_expire(world.hub, 5 * CLOCK_SECOND); /* not yet */
	world_turn();
	assert_int_equal(world_count(PROCESS_API, IMSG_API_REPLY), 0);
	world_end(PROCESS_BGP, 10 * CLOCK_SECOND);
	assert_int_equal(world_count(PROCESS_API, IMSG_API_REPLY), BGP_QUERIES_MAX);
	hears(r, "detail", "starting");
}

/* A path that is longer than a sentence has room for is cut within a character: the lines are told all the same. */
static void a_mistake_is_told_in_utf_8(void **state)
{
	char long_path[400], sites[1024];

	(void)state;
	for (unsigned int odd = 0; odd < 2; odd++) {
		size_t n = odd;

		memset(long_path, 'x', sizeof(long_path));
		while (n < 220) {
			memcpy(long_path + n, "\xc3\xa4", 2);
			n += 2;
		}
		long_path[n] = '\0';
		snprintf(sites, sizeof(sites),
			"  - { name: one, asn: 65001, tunnels: [ { identity: a1.example.net,\n"
			"      inside: 169.254.101.0/30, psk: 'file:/%s' } ] }\n",
			long_path);
		world_configure("", sites);
		hears((struct imsg_api_request){.verb = API_APPLY, .tunnel = -1}, "detail",
			"site 'one' tunnel 0: psk file:/");
		assert_int_equal(client.status, 422);
	}
}

/* More than a message holds: it comes whole. */
static void a_long_answer_comes_in_parts(void **state)
{
	struct imsg_api_request r = {.verb = API_SHOW_ROUTES, .tunnel = -1};
	json_t *document;

	(void)state;
	world_tunnel(0, TUNNEL_UP);
	for (int i = 0; i < 200; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.1.%d.0/24", i);
		world_route(0, prefix);
	}
	document = asked(r);
	assert_true(world_count(PROCESS_API, IMSG_API_REPLY) > 1);
	assert_int_equal(json_array_size(json_object_get(document, "routes")), 202);
	json_decref(document);
}

/* Whoever reads what a child has said last must know that it says nothing now. */
static void silence_is_in_every_answer(void **state)
{
	json_t *document;

	(void)state;
	world.hub->processes[PROCESS_IKE].watchdog.silent = WATCHDOG_SAID_AFTER;
	document = asked((struct imsg_api_request){.verb = API_SHOW_SITES, .tunnel = -1});
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(document, "silent"), "ike")),
		WATCHDOG_SAID_AFTER);
	json_decref(document);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(each_verb_shows_what_it_says),
		TEST(a_report_may_be_of_some_time),
		TEST(metrics_are_text),
		TEST(what_is_not_there_is_refused),
		TEST(a_refusal_says_of_what_kind_it_is),
		TEST(commands_reach_whom_they_are_for),
		TEST(who_is_away_is_not_asked),
		TEST(what_is_closed_is_released),
		TEST(what_only_bgp_knows_is_asked_for),
		TEST(who_asks_bgp_hears_when_it_cannot_answer),
		TEST(a_mistake_is_told_in_utf_8),
		TEST(a_long_answer_comes_in_parts),
		TEST(silence_is_in_every_answer),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_api", tests, NULL, NULL);
}
