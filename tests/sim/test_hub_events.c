/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever happens is told once, in one shape: by whom, of which site, and why. */
#include "api_world.h"

#include "bgp/bfd/packet.h"
#include "hub/api/refused.h"
#include "hub/event/event.h"
#include "hub/event/eventlog.h"
#include "ipc/msg_watch.h"
#include "state/bus.h"

struct search {
	const char *reason;
	const char *site; /* NULL: of any, or of none */
	struct bus_event found;
	unsigned int count;
};

static void look_at(void *context, const struct bus_event *e)
{
	struct search *s = context;

	if (strcmp(e->reason, s->reason) != 0 || (s->site && strcmp(e->site, s->site) != 0))
		return;
	s->found = *e;
	s->count++;
}

/* The last event with that reason, of that site. */
static struct bus_event told_of(const char *reason, const char *site)
{
	struct search s = {.reason = reason, .site = site};

	bus_each(eventlog_bus(world.hub->events), look_at, &s);
	if (!s.count)
		fail_msg("no event says %s", reason);
	assert_true(s.found.number && s.found.wall_ns);
	return s.found;
}

static struct bus_event told(const char *reason)
{
	return told_of(reason, NULL);
}

static unsigned int told_times(const char *reason)
{
	struct search s = {.reason = reason};

	bus_each(eventlog_bus(world.hub->events), look_at, &s);
	return s.count;
}

static void ike_tells_of_a_tunnel(void **state)
{
	struct imsg_tunnel_event said = {
		.tunnel = 3, .refusal = 1, .code = "WRONG_PSK", .detail = "the key is wrong"};
	struct bus_event e;

	(void)state;
	imsg_send(world.children[PROCESS_IKE], IMSG_TUNNEL_EVENT, -1, &said, sizeof(said));
	world_turn();
	e = told("WRONG_PSK");
	assert_string_equal(e.site, "two");
	assert_int_equal(e.tunnel, 1);
	assert_int_equal(e.kind, BUS_ACTIVITY);
	assert_int_equal(e.severity, BUS_WARNING);
	assert_string_equal(e.detail, "the key is wrong");
	assert_string_equal(e.actor, "");
	/* The gateway has no second tunnel: nothing happens to it, whatever a child says. */
	said.tunnel = 5;
	strcpy(said.code, "NO_TUNNEL");
	imsg_send(world.children[PROCESS_IKE], IMSG_TUNNEL_EVENT, -1, &said, sizeof(said));
	world_turn();
	assert_int_equal(told_times("NO_TUNNEL"), 0);
}

static void bgp_tells_of_sessions_and_routes(void **state)
{
	struct imsg_bgp_event said = {.tunnel = 0, .event = {.status = BGP_EVENT_DOWN}};
	struct bus_event e;

	(void)state;
	strcpy(said.event.details, "hold timer expired");
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_EVENT, -1, &said, sizeof(said));
	said.event = (struct bgp_effect_event){.status = BGP_EVENT_COMING};
	strcpy(said.event.details, "state Idle -> Connect");
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_EVENT, -1, &said, sizeof(said));
	said.event = (struct bgp_effect_event){.status = BGP_EVENT_WITHDRAWN};
	assert_true(prefix_parse("10.1.0.0/24", &said.event.prefix));
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_EVENT, -1, &said, sizeof(said));
	world_turn();
	e = told("BGP_DOWN");
	assert_int_equal(e.kind, BUS_BGP);
	assert_int_equal(e.severity, BUS_WARNING);
	assert_string_equal(e.detail, "hold timer expired");
	/* What comes up is no trouble. */
	e = told("BGP_COMING");
	assert_int_equal(e.severity, BUS_INFO);
	assert_int_equal(told_times("BGP_DOWN"), 1);
	e = told("ROUTE_WITHDRAWN");
	assert_int_equal(e.kind, BUS_ROUTE);
	assert_string_equal(e.detail, "10.1.0.0/24");
	assert_string_equal(e.site, "one");
}

static void bfd_is_up_or_it_is_not(void **state)
{
	struct imsg_bfd_state said = {.tunnel = 2, .present = true, .state = BFD_DOWN};

	(void)state;
	imsg_send(world.children[PROCESS_BGP], IMSG_BFD_STATE, -1, &said, sizeof(said));
	world_turn();
	assert_int_equal(told_times("BFD_DOWN"), 0); /* it is on its way */
	said.state = BFD_UP;
	imsg_send(world.children[PROCESS_BGP], IMSG_BFD_STATE, -1, &said, sizeof(said));
	imsg_send(world.children[PROCESS_BGP], IMSG_BFD_STATE, -1, &said, sizeof(said));
	world_turn();
	assert_int_equal(told_times("BFD_UP"), 1);
	said.state = BFD_DOWN;
	imsg_send(world.children[PROCESS_BGP], IMSG_BFD_STATE, -1, &said, sizeof(said));
	world_turn();
	assert_int_equal(told("BFD_DOWN").severity, BUS_WARNING);
}

static void a_child_ends(void **state)
{
	struct bus_event e;

	(void)state;
	assert_int_equal(told("HUB_STARTED").kind, BUS_PROCESS);
	world_end(PROCESS_IKE, 10 * CLOCK_SECOND);
	e = told("PROCESS_ENDED");
	assert_int_equal(e.severity, BUS_ERROR);
	assert_non_null(strstr(e.detail, "ike was ended by signal 9"));
	assert_string_equal(e.site, "");
	assert_int_equal(e.tunnel, -1);
}

static void an_endpoint_is_lost(void **state)
{
	struct bus_event e;

	(void)state;
	fake.devices[1].is.running = false;
	hub_host_look(world.hub);
	e = told("ENDPOINT_LOST");
	/* Of the tunnels that end there as well, later. */
	assert_true(told_times("ENDPOINT_LOST") > 1);
	fake.devices[1].is.running = true;
	hub_host_look(world.hub);
	e = told("ENDPOINT_BACK");
	assert_int_equal(e.severity, BUS_INFO);
	assert_int_equal(e.kind, BUS_ENDPOINT);
	assert_non_null(strstr(e.detail, "endpoint 1, eth1 198.51.101.1: up again"));
}

static void a_configuration_comes_into_force(void **state)
{
	struct bus_event e;

	(void)state;
	world_configure("  site_to_site: false\n", SITES);
	world_apply();
	assert_true(world.applied.ok);
	e = told("CONFIG_APPLIED");
	assert_int_equal(e.kind, BUS_CONFIG);
	assert_non_null(strstr(e.detail, "revision 2: "));
	assert_non_null(strstr(e.detail, ": test"));
	assert_string_equal(e.actor, "sluiced");
	/* Nothing new is nothing that has happened. */
	world_apply();
	assert_int_equal(told_times("CONFIG_APPLIED"), 1);
}

/* Who looks at one site sees what has become of it. */
static void a_site_s_own_configuration(void **state)
{
	struct bus_event e;

	(void)state;
	world_configure("", WORLD_SITE("one", "1", "    rate: 45M\n") WORLD_SITE("three", "3", ""));
	world_apply();
	assert_true(world.applied.ok);
	world_wait(LEAVE_MS + 50);
	e = told_of("CONFIG_APPLIED", "one");
	assert_string_equal(e.detail, "revision 2: rate 45M (was 100M); test");
	assert_int_equal(e.tunnel, -1);
	e = told_of("CONFIG_APPLIED", "two");
	assert_string_equal(e.detail, "revision 2: removed; test");
	e = told_of("CONFIG_APPLIED", "three");
	assert_string_equal(e.detail, "revision 2: added; test");
}

static void operators_do_something_and_are_refused(void **state)
{
	struct imsg_api_request r = {.verb = API_TUNNEL_DOWN, .tunnel = 1, .site = "one"};
	struct bus_event e;
	struct ucred *who;

	(void)state;
	hears(r, "ok", "down");
	e = told("OPERATOR");
	assert_int_equal(e.kind, BUS_MAINTENANCE);
	assert_string_equal(e.site, "one");
	assert_int_equal(e.tunnel, 1);
	assert_string_equal(e.actor, "uid 0");
	assert_string_equal(e.detail, "tunnel-down");
	/* What cannot be done */
	r.verb = API_TUNNEL_DRAIN;
	hears(r, "detail", "");
	e = told("REFUSED");
	assert_int_equal(e.kind, BUS_AUDIT);
	assert_non_null(strstr(e.detail, "tunnel-drain: the other tunnel"));
	/* and who may not do it */
	who = (struct ucred *)hub_client_who(world.hub, client.number, clock_now());
	assert_non_null(who);
	who->uid = who->gid = 65534;
	hears(r, "code", "forbidden");
	e = told("forbidden");
	assert_int_equal(e.kind, BUS_AUDIT);
	assert_int_equal(e.severity, BUS_WARNING);
	assert_string_equal(e.actor, "uid 65534");
	/* A question is nothing that happens. */
	assert_int_equal(told_times("OPERATOR"), 1);
}

static void asks_as(uid_t uid, struct imsg_api_request r)
{
	struct ucred *who = (struct ucred *)hub_client_who(world.hub, client.number, clock_now());

	assert_non_null(who);
	who->uid = who->gid = uid;
	hears(r, "code", "forbidden");
}

/* Whoever asks without end is told a few times, and then how often it was; another one is told all the same. */
static void refused_askers_are_told_by_their_own_measure(void **state)
{
	const struct imsg_api_request r = {.verb = API_TUNNEL_DOWN, .tunnel = 1, .site = "one"};
	uint64_t now = clock_now();
	struct bus_event e;

	(void)state;
	hub_refused_look(world.hub, now);
	for (int i = 0; i < 50; i++)
		asks_as(65534, r);
	assert_int_equal(told_times("forbidden"), REFUSED_BURST);
	asks_as(65533, r);
	assert_int_equal(told_times("forbidden"), REFUSED_BURST + 1);
	assert_string_equal(told("forbidden").actor, "uid 65533");
	assert_string_equal(told("forbidden").site, "one");
	hub_refused_look(world.hub, now + 2 * CLOCK_SECOND);
	assert_int_equal(told_times("REFUSED_MORE"), 0);
	hub_refused_look(world.hub, now + (REFUSED_EACH_S + 1) * CLOCK_SECOND);
	e = told("REFUSED_MORE");
	assert_int_equal(told_times("REFUSED_MORE"), 1);
	assert_int_equal(e.kind, BUS_AUDIT);
	assert_string_equal(e.detail, "... and 40 more");
	assert_string_equal(e.actor, "uid 65534");
	/* That is all of it. */
	hub_refused_look(world.hub, now + (2 * REFUSED_EACH_S + 2) * CLOCK_SECOND);
	assert_int_equal(told_times("REFUSED_MORE"), 1);
}

/* Wrong keys by the thousand leave room for what else happens to the site. */
static void strangers_leave_the_site_its_share(void **state)
{
	struct imsg_tunnel_event said = {
		.tunnel = 0, .refusal = 1, .code = "WRONG_PSK", .detail = "the key is wrong"};

	(void)state;
	for (int i = 0; i < 300; i++)
		imsg_send(world.children[PROCESS_IKE], IMSG_TUNNEL_EVENT, -1, &said, sizeof(said));
	world_turn();
	assert_in_range(told_times("WRONG_PSK"), BUS_OUTSIDE_BURST, BUS_OUTSIDE_BURST + 5);
	assert_true(told("WRONG_PSK").outside);
	said.refusal = 0;
	strcpy(said.code, "ESTABLISHED");
	imsg_send(world.children[PROCESS_IKE], IMSG_TUNNEL_EVENT, -1, &said, sizeof(said));
	world_turn();
	assert_int_equal(told_times("ESTABLISHED"), 1);
	assert_int_equal(told("ESTABLISHED").left_out, 0);
	/* Nor do all that it tells of itself keep the rest waiting. */
	for (int i = 0; i < 300; i++)
		imsg_send(world.children[PROCESS_IKE], IMSG_TUNNEL_EVENT, -1, &said, sizeof(said));
	world_turn();
	hub_publish(world.hub, &(struct happening){.kind = BUS_BFD,
				       .site = world_site("one"),
				       .tunnel = 0,
				       .reason = "BFD_DOWN"});
	assert_int_equal(told_times("BFD_DOWN"), 1);
}

/* Of somebody whom hub does not know, nobody says that it was root. */
static void whoever_is_not_connected_is_nobody(void **state)
{
	struct imsg_api_request r = {.verb = API_TUNNEL_DOWN, .tunnel = 1, .site = "one"};

	(void)state;
	client.number = 4711;
	hears(r, "code", "not-connected");
	assert_int_equal(told_times("not-connected"), 0);
}

/* ---- watch ---- */

static void watch_opens(uint64_t newest)
{
	const struct imsg_watch_open opened = {.newest = newest};

	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_OPEN, -1, &opened, sizeof(opened));
	world_turn();
}

static void watch_stores(uint64_t number)
{
	const struct imsg_watch_stored stored = {.number = number};

	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_STORED, -1, &stored, sizeof(stored));
	world_turn();
}

static uint64_t last_sent(void)
{
	const struct bus_event *e = world_told(PROCESS_WATCH, IMSG_EVENT, -1);

	assert_non_null(e);
	return e->number;
}

static size_t waiting(void)
{
	return bus_waiting(eventlog_bus(world.hub->events));
}

static void something_happens(void)
{
	hub_publish(world.hub, &(struct happening){.kind = BUS_HEALTH, .reason = "TEST"});
	world_turn();
}

/* What watch has not said to be stored is kept, and sent again to the next one. */
static void nothing_is_lost_with_watch(void **state)
{
	uint64_t number;
	size_t kept;

	(void)state;
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_EVENT), 0); /* its file is not open yet */
	kept = waiting();
	assert_true(kept > 0);
	watch_opens(0);
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_EVENT), kept);
	something_happens();
	number = last_sent();
	watch_stores(number - 1);
	assert_int_equal(waiting(), 1);
	world_end(PROCESS_WATCH, 10 * CLOCK_SECOND);
	something_happens();
	assert_int_equal(waiting(), 3); /* its end is one, too */
	world_forget();
	world_start(PROCESS_WATCH);
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_EVENT), 0);
	watch_opens(number); /* it had it, and did not say so */
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_EVENT), 3);
	assert_int_equal(last_sent(), number + 2);
	watch_stores(last_sent());
	assert_int_equal(waiting(), 0);
	/* It could not be written, and is opened again. */
	something_happens();
	world_forget();
	watch_opens(number + 2);
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_EVENT), 1);
}

/* A watch that is in somebody's hands loses what it has, and nothing else. */
static void what_watch_says_is_looked_at(void **state)
{
	size_t kept = waiting();

	(void)state;
	watch_stores(UINT64_MAX);
	watch_opens(UINT64_MAX);
	watch_opens(BUS_NUMBER_MAX);
	watch_opens(BUS_NUMBER_MAX - 1);
	assert_int_equal(waiting(), kept);
	watch_stores(last_sent() + 1);
	watch_stores(UINT64_MAX);
	assert_int_equal(waiting(), kept);
	something_happens();
	assert_true(last_sent() < BUS_NUMBER_MAX);
}

/* It had to begin a new file, and says so as often as it likes. */
static void a_history_that_is_set_aside_is_told(void **state)
{
	const struct imsg_api_request show = {.verb = API_SHOW_DATAPLANE, .tunnel = -1};
	const struct imsg_watch_aside aside = {.why = "events.db: no database"};
	json_t *document, *processes, *watch;
	struct bus_event e;

	(void)state;
	for (int i = 0; i < 10; i++)
		imsg_send(
			world.children[PROCESS_WATCH], IMSG_WATCH_ASIDE, -1, &aside, sizeof(aside));
	world_turn();
	assert_int_equal(told_times("HISTORY_SET_ASIDE"), 1);
	e = told("HISTORY_SET_ASIDE");
	assert_int_equal(e.kind, BUS_PROCESS);
	assert_int_equal(e.severity, BUS_ERROR);
	assert_non_null(strstr(e.detail, "(events.db: no database); it is set aside"));
	document = asked(show);
	processes = json_object_get(document, "processes");
	watch = json_array_get(processes, json_array_size(processes) - 1);
	assert_string_equal(json_string_value(json_object_get(watch, "name")), "watch");
	assert_non_null(strstr(json_string_value(json_object_get(watch, "trouble")), e.detail));
	json_decref(document);
}

/* It stands still for long: memory has its bound, and it gets so much at a time. */
static void a_slow_watch_keeps_nobody_waiting(void **state)
{
	(void)state;
	watch_opens(0);
	for (int i = 0; i < 3 * BUS_WAITING_MAX; i++)
		hub_publish(world.hub, &(struct happening){.kind = BUS_ACTIVITY,
					       .site = world_site(i % 2 ? "one" : "two"),
					       .tunnel = 0,
					       .reason = "TEST"});
	world_turn();
	assert_true(waiting() <= BUS_WAITING_MAX);
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_EVENT), BUS_WINDOW);
}

/* Which others had trouble is asked for as that, and it is said when there was more than comes. */
static void a_timeline_tells_of_others(void **state)
{
	const struct imsg_api_request r = {.verb = API_TIMELINE, .site = "one", .tunnel = -1};
	struct imsg_watch_end end = {0};
	const struct imsg_watch_query *q;
	const struct imsg_api_reply *reply;
	json_t *document;

	(void)state;
	assert_null(asks(r));
	q = world_told(PROCESS_WATCH, IMSG_WATCH_QUERY, -1);
	assert_non_null(q);
	assert_false(q->trouble);
	end.query = q->id;
	world_forget();
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_END, -1, &end, sizeof(end));
	world_turn();
	q = world_told(PROCESS_WATCH, IMSG_WATCH_QUERY, -1);
	assert_non_null(q);
	assert_true(q->trouble);
	assert_string_equal(q->but, "one");
	end = (struct imsg_watch_end){.query = q->id, .more = true};
	world_forget();
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_END, -1, &end, sizeof(end));
	world_turn();
	reply = world_told(PROCESS_API, IMSG_API_REPLY, -1);
	assert_non_null(reply);
	document = json_loadb((const char *)(reply + 1), reply->len, 0, NULL);
	assert_true(json_is_true(json_object_get(document, "others_more")));
	assert_true(json_is_false(json_object_get(document, "more")));
	json_decref(document);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(ike_tells_of_a_tunnel),
		TEST(a_timeline_tells_of_others),
		TEST(bgp_tells_of_sessions_and_routes),
		TEST(bfd_is_up_or_it_is_not),
		TEST(a_child_ends),
		TEST(an_endpoint_is_lost),
		TEST(a_configuration_comes_into_force),
		TEST(a_site_s_own_configuration),
		TEST(operators_do_something_and_are_refused),
		TEST(refused_askers_are_told_by_their_own_measure),
		TEST(strangers_leave_the_site_its_share),
		TEST(whoever_is_not_connected_is_nobody),
		TEST(nothing_is_lost_with_watch),
		TEST(what_watch_says_is_looked_at),
		TEST(a_history_that_is_set_aside_is_told),
		TEST(a_slow_watch_keeps_nobody_waiting),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_events", tests, NULL, NULL);
}
