/* SPDX-License-Identifier: Apache-2.0 */
/* Events as they happen: nothing is missing and nothing comes twice, and only for whom may see it. */
#include "api_world.h"

#include "hub/api/streams.h"
#include "hub/event/event.h"
#include "hub/event/eventlog.h"
#include "state/bus.h"

#define ACCESS                                                                                     \
	"  access:\n"                                                                              \
	"    - { group: tty, role: viewer, scope: north }\n"
#define NORTH_SOUTH                                                                                \
	WORLD_SITE("one", "1", "    group: north\n") WORLD_SITE("two", "2", "    group: south\n")

static uint32_t last_id;
static char text[1 << 20]; /* of the stream that was looked at last */

static int begin(void **state)
{
	const struct imsg_watch_open opened = {0};

	(void)state;
	world_begin(ACCESS, NORTH_SOUTH);
	client.number = world_connect(&client.fd);
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_OPEN, -1, &opened, sizeof(opened));
	world_turn();
	return client.number ? 0 : -1;
}

/* The request's number. */
static uint32_t streams(struct imsg_api_request r)
{
	world_forget();
	r.verb = API_EVENTS;
	r.tunnel = -1;
	r.stream = true;
	r.id = ++last_id;
	r.client = client.number;
	imsg_send(world.children[PROCESS_API], IMSG_API_REQUEST, -1, &r, sizeof(r));
	world_turn();
	return r.id;
}

/* What has come of it since the last world_forget(), in `text`; whether it has ended. */
static bool has_ended(uint32_t id)
{
	bool ended = false;
	size_t n = 0;

	for (size_t i = 0; i < world.heard_count; i++) {
		const struct imsg_api_reply *reply = world.heard[i].payload;

		if (world.heard[i].type != IMSG_API_REPLY || reply->id != id)
			continue;
		assert_false(ended);
		assert_true(n + reply->len < sizeof(text));
		memcpy(text + n, reply + 1, reply->len);
		n += reply->len;
		ended = reply->last;
		client.status = reply->status;
	}
	text[n] = '\0';
	return ended;
}

static const char *said(uint32_t id)
{
	assert_false(has_ended(id));
	return text;
}

static void happens(const char *site, enum bus_kind kind, const char *reason)
{
	hub_publish(world.hub, &(struct happening){.kind = kind,
				       .site = site ? world_site(site) : NULL,
				       .tunnel = -1,
				       .reason = reason,
				       .detail = reason});
	world_turn();
}

static unsigned int times(const char *part)
{
	unsigned int n = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		n++;
	return n;
}

/* Another one connects. */
static void comes(const char *group)
{
	struct ucred *who;
	int fd;

	client.number = world_connect(&fd);
	who = (struct ucred *)hub_client_who(world.hub, client.number, clock_now());
	assert_non_null(who);
	if (!group)
		return;
	who->uid = 4711;
	who->gid = world.hub->access->groups[0];
}

/* Who has just connected is another one of that group. */
static void is_user(uid_t uid)
{
	((struct ucred *)hub_client_who(world.hub, client.number, clock_now()))->uid = uid;
}

static void each_event_comes_as_it_happens(void **state)
{
	uint32_t all = streams((struct imsg_api_request){0}), one, bgp;
	char id[64];

	(void)state;
	assert_string_equal(said(all), "retry: 2000\n\n");
	comes(NULL);
	one = streams((struct imsg_api_request){.site = "one"});
	comes(NULL);
	bgp = streams((struct imsg_api_request){.kinds = 1 << BUS_BGP});
	world_forget();
	happens("one", BUS_BFD, "A");
	happens("two", BUS_BGP, "B");
	happens(NULL, BUS_PROCESS, "C");
	said(all);
	assert_int_equal(times("\"reason\":"), 3);
	snprintf(id, sizeof(id), "id: %llu\ndata: {\"number\":%llu,",
		(unsigned long long)bus_newest(eventlog_bus(world.hub->events)),
		(unsigned long long)bus_newest(eventlog_bus(world.hub->events)));
	assert_non_null(strstr(text, id));
	said(one);
	assert_int_equal(times("\"reason\":"), 1);
	assert_non_null(strstr(text, "\"reason\":\"A\""));
	said(bgp);
	assert_int_equal(times("\"reason\":"), 1);
	assert_non_null(strstr(text, "\"reason\":\"B\""));
}

static const struct imsg_watch_query *question(void)
{
	const struct imsg_watch_query *q = world_told(PROCESS_WATCH, IMSG_WATCH_QUERY, -1);

	assert_non_null(q);
	return q;
}

static void watch_has(uint32_t query, uint64_t number, const char *site)
{
	struct imsg_watch_event m = {.query = query, .event = {.number = number, .tunnel = -1}};

	strcpy(m.event.site, site);
	snprintf(m.event.group, sizeof(m.event.group), "north");
	snprintf(m.event.reason, sizeof(m.event.reason), "WAS_%u", (unsigned int)number);
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_EVENT, -1, &m, sizeof(m));
}

static void watch_ends(uint32_t query, bool more, bool failed)
{
	const struct imsg_watch_end m = {.query = query, .more = more, .failed = failed};

	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_END, -1, &m, sizeof(m));
	world_turn();
}

static void watch_stores_all(void)
{
	const struct imsg_watch_stored m = {.number = bus_newest(eventlog_bus(world.hub->events))};

	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_STORED, -1, &m, sizeof(m));
	world_turn();
}

static void reads(uint32_t id, uint32_t bytes)
{
	const struct imsg_api_taken m = {.id = id, .bytes = bytes};

	imsg_send(world.children[PROCESS_API], IMSG_API_TAKEN, -1, &m, sizeof(m));
	world_turn();
}

/* Pages of watch, as they are read; then what hub has; then what happens: in order, and each once. */
static void it_goes_on_behind_an_event(void **state)
{
	uint32_t id, query;

	(void)state;
	watch_stores_all();
	id = streams((struct imsg_api_request){.after = 5});
	query = question()->id;
	assert_int_equal(question()->after, 5);
	happens("one", BUS_BGP, "MEANWHILE"); /* not live yet: it waits in hub */
	for (uint64_t n = 6; n < 10; n++)
		watch_has(query, n, "one");
	watch_ends(query, true, false);
	said(id);
	assert_int_equal(times("WAS_"), 4);
	assert_int_equal(times("MEANWHILE"), 0);
	assert_int_equal(
		world_count(PROCESS_WATCH, IMSG_WATCH_QUERY), 1); /* it has not been read */
	reads(id, 5);
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_WATCH_QUERY), 1);
	reads(id, UINT32_MAX); /* as a process in the hands of somebody may say */
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_WATCH_QUERY), 2);
	query = question()->id;
	assert_int_equal(question()->after, 9);
	watch_has(query, 9, "one"); /* it has come */
	watch_has(query, 10, "one");
	watch_ends(query, false, false);
	happens("one", BUS_BGP, "AFTERWARDS");
	said(id);
	assert_int_equal(times("WAS_"), 5);
	assert_int_equal(times("\"MEANWHILE\""), 2); /* reason and detail */
	assert_int_equal(times("\"AFTERWARDS\""), 2);
	assert_true(strstr(text, "WAS_10") < strstr(text, "MEANWHILE"));
	assert_true(strstr(text, "MEANWHILE") < strstr(text, "AFTERWARDS"));
}

/* What watch had when it was asked, and has not acknowledged, is in its answer and waits in hub. */
static void nothing_comes_twice(void **state)
{
	uint32_t id, query;
	uint64_t number;

	(void)state;
	watch_stores_all();
	happens("one", BUS_BGP, "BOTH");
	number = bus_newest(eventlog_bus(world.hub->events));
	id = streams((struct imsg_api_request){.after = number - 1});
	query = question()->id;
	watch_has(query, number, "one");
	watch_ends(query, false, false);
	said(id);
	assert_int_equal(times("data: "), 1);
}

static void only_what_may_be_seen(void **state)
{
	uint32_t id, query;

	(void)state;
	comes("tty");
	id = streams((struct imsg_api_request){0});
	happens("one", BUS_BGP, "MINE");
	happens("two", BUS_BGP, "THEIRS");
	happens(NULL, BUS_PROCESS, "OF_THE_HUB");
	said(id);
	assert_int_equal(times("data: "), 1);
	assert_non_null(strstr(text, "MINE"));
	/* Of what was, too. */
	comes("tty");
	id = streams((struct imsg_api_request){.after = 1});
	query = question()->id;
	assert_int_equal(question()->sites, 1);
	watch_has(query, 6, "two");
	watch_has(query, 7, "");
	watch_has(query, 8, "one");
	watch_ends(query, true, false);
	said(id);
	assert_int_equal(times("data: "), 1);
	reads(id, UINT32_MAX);
	assert_int_equal(question()->after, 8);
	/* No other site can be asked for. */
	comes("tty");
	id = streams((struct imsg_api_request){.site = "two"});
	assert_true(has_ended(id));
	assert_int_equal(client.status, 404);
}

static void who_does_not_read_is_dropped(void **state)
{
	char long_text[400];
	uint32_t id = streams((struct imsg_api_request){0});
	int n = 0;

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	for (; n < 2000 && !has_ended(id); n++)
		hub_publish(world.hub, &(struct happening){.kind = n % 2 ? BUS_ROUTE : BUS_BGP,
					       .site = world_site(n % 4 < 2 ? "one" : "two"),
					       .tunnel = -1,
					       .reason = "LOUD",
					       .detail = long_text}),
			world_turn();
	assert_true(has_ended(id));
	assert_non_null(strstr(text, "\nevent: dropped\ndata: {\"detail\":\"you read too slowly"));
	assert_true(strlen(text) < API_STREAM_UNREAD + 1000);
	assert_true(strlen(text) > API_STREAM_UNREAD / 2);
	world_forget();
	happens(NULL, BUS_PROCESS, "AFTERWARDS");
	assert_string_equal((has_ended(id), text), "");
}

static void there_are_only_so_many(void **state)
{
	uint32_t id;

	(void)state;
	for (int i = 0; i < API_STREAMS_USER; i++) {
		comes("tty");
		assert_non_null(said(streams((struct imsg_api_request){0})));
	}
	comes("tty");
	id = streams((struct imsg_api_request){0});
	assert_true(has_ended(id));
	assert_int_equal(client.status, 503);
	/* Others, one after the other, have all but those of root. */
	for (unsigned int i = API_STREAMS_USER; i < API_STREAMS_MAX - API_STREAMS_ROOT; i++) {
		comes("tty");
		is_user(10000 + i / API_STREAMS_USER);
		assert_non_null(said(streams((struct imsg_api_request){0})));
	}
	comes("tty");
	is_user(20000);
	id = streams((struct imsg_api_request){0});
	assert_true(has_ended(id));
	assert_int_equal(client.status, 503);
	for (int i = 0; i < API_STREAMS_ROOT; i++) {
		comes(NULL);
		said(streams((struct imsg_api_request){0}));
	}
	comes(NULL);
	id = streams((struct imsg_api_request){0});
	assert_true(has_ended(id));
	/* Somebody goes. */
	hub_stream_gone(world.hub, client.number - 1);
	comes(NULL);
	assert_non_null(said(streams((struct imsg_api_request){0})));
}

/* Rights may have changed: who reads it comes again. */
static void it_ends_and_can_be_taken_up(void **state)
{
	uint32_t id = streams((struct imsg_api_request){0});

	(void)state;
	world_configure(ACCESS "  site_to_site: false\n", NORTH_SOUTH);
	world_forget();
	world_apply();
	assert_true(has_ended(id));
	comes(NULL);
	id = streams((struct imsg_api_request){0});
	hub_streams_look(world.hub, clock_now() + 20 * CLOCK_SECOND);
	world_turn();
	assert_int_equal(strcmp(said(id), "retry: 2000\n\n:\n\n"), 0);
	hub_streams_look(world.hub, clock_now() + (API_STREAM_S + 1) * CLOCK_SECOND);
	world_turn();
	assert_true(has_ended(id));
}

static void watch_cannot_read(void **state)
{
	uint32_t id = streams((struct imsg_api_request){.after = 7}), query = question()->id;

	(void)state;
	/* It has ended meanwhile: the next one is asked. */
	world_end(PROCESS_WATCH, 10 * CLOCK_SECOND);
	world_start(PROCESS_WATCH);
	hub_streams_look(world.hub, clock_now() + 11 * CLOCK_SECOND);
	world_turn();
	assert_int_not_equal(question()->id, query);
	assert_int_equal(question()->after, 7);
	watch_ends(query, false, true); /* of nobody's */
	said(id);
	watch_ends(question()->id, false, true);
	assert_true(has_ended(id));
	assert_non_null(strstr(text, "event: failed\n"));
}

static int end(void **state)
{
	close(client.fd);
	return world_finish(state);
}

#define STREAM_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(each_event_comes_as_it_happens),
		STREAM_TEST(it_goes_on_behind_an_event),
		STREAM_TEST(nothing_comes_twice),
		STREAM_TEST(only_what_may_be_seen),
		STREAM_TEST(who_does_not_read_is_dropped),
		STREAM_TEST(there_are_only_so_many),
		STREAM_TEST(it_ends_and_can_be_taken_up),
		STREAM_TEST(watch_cannot_read),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_streams", tests, NULL, NULL);
}
