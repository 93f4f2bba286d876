/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms at hub: what watch may say of them, what becomes an event, and what watch is told of minutes. */
#include "api_world.h"

#include "hub/event/alarms.h"
#include "hub/event/event.h"
#include "hub/event/eventlog.h"
#include "state/bus.h"

static struct {
	struct bus_event last;
	unsigned int count;
} told;

static void look_at(void *context, const struct bus_event *e)
{
	(void)context;
	if (e->kind != BUS_ALARM)
		return;
	told.last = *e;
	told.count++;
}

static unsigned int tellings(void)
{
	memset(&told, 0, sizeof(told));
	bus_each(eventlog_bus(world.hub->events), look_at, NULL);
	return told.count;
}

static void watch_opens(void)
{
	const struct imsg_watch_open opened = {0};

	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_OPEN, -1, &opened, sizeof(opened));
	world_turn();
}

static struct imsg_alarm alarm_of(const char *rule, const char *site, int tunnel)
{
	struct imsg_alarm m = {
		.key = {.tunnel = (int8_t)tunnel}, .state = ALARM_ALARM, .tell = true};

	snprintf(m.key.rule, sizeof(m.key.rule), "%s", rule);
	snprintf(m.key.site, sizeof(m.key.site), "%s", site);
	return m;
}

static void says(struct imsg_alarm m)
{
	imsg_send(world.children[PROCESS_WATCH], IMSG_ALARM, -1, &m, sizeof(m));
	world_turn();
}

static void an_alarm_is_an_event(void **state)
{
	struct imsg_alarm m = alarm_of("site_down", "one", -1);
	const struct bus_event *sent;
	struct imsg_watch_stored stored;

	(void)state;
	watch_opens();
	says(m);
	assert_int_equal(tellings(), 1);
	assert_string_equal(told.last.reason, "site_down");
	assert_string_equal(told.last.site, "one");
	assert_int_equal(told.last.tunnel, -1);
	assert_int_equal(told.last.severity, BUS_ERROR);
	assert_string_equal(
		told.last.detail, "ALARM: tunnel_state maximum <= 0 in 1 of 1 periods of 300 s: 0");
	/* Watch says it until it has the event. */
	says(m);
	says(m);
	assert_int_equal(tellings(), 1);
	m.state = ALARM_OK;
	m.value = 1;
	says(m);
	assert_int_equal(tellings(), 2);
	assert_int_equal(told.last.severity, BUS_INFO);
	assert_string_equal(
		told.last.detail, "OK: tunnel_state maximum <= 0 in 1 of 1 periods of 300 s: 1");
	/* It has both, and says that it fires again. */
	sent = world_told(PROCESS_WATCH, IMSG_EVENT, -1);
	stored.number = sent->number;
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_STORED, -1, &stored, sizeof(stored));
	m.state = ALARM_ALARM;
	says(m);
	assert_int_equal(tellings(), 1);
	/* How it stands is no event. */
	m.state = ALARM_OK;
	m.tell = false;
	says(m);
	assert_int_equal(tellings(), 1);
	assert_int_equal(alarm_table_find(&world.hub->model.alarms, &m.key)->state, ALARM_OK);
}

static void watch_may_be_in_anybodys_hands(void **state)
{
	struct imsg_alarm m;
	char raw[sizeof(m)];

	(void)state;
	watch_opens();
#define REFUSED(...)                                                                               \
	do {                                                                                       \
		m = alarm_of("site_down", "one", -1);                                              \
		__VA_ARGS__;                                                                       \
		says(m);                                                                           \
		assert_int_equal(tellings(), 0);                                                   \
		assert_int_equal(world.hub->model.alarms.count, 0);                                \
	} while (0)
	REFUSED(m = alarm_of("no_such_rule", "one", -1));
	REFUSED(m = alarm_of("data_in_high", "one", 0)); /* it is off */
	REFUSED(m = alarm_of("site_down", "nobody", -1));
	REFUSED(m = alarm_of("site_down", "", -1));
	REFUSED(m = alarm_of("site_down", "one", 0));
	REFUSED(m = alarm_of("tunnel_down", "one", -1));
	REFUSED(m = alarm_of("endpoint_down", "one", -1));
	REFUSED(m.key.tunnel = 2);
	REFUSED(m.key.tunnel = -2);
	REFUSED(m.state = ALARM_STATES);
	REFUSED(m.value = 0.0 / 0.0);
	REFUSED(m.since_s = UINT64_MAX);
	REFUSED(m.silenced_until_s = UINT64_MAX);
	/* Texts without an end, and bools that are none. */
	memset(raw, 'A', sizeof(raw));
	memcpy(&m, raw, sizeof(m));
	m.state = ALARM_ALARM;
	m.key.tunnel = -1;
	REFUSED(memset(&m.key.rule, 'A', sizeof(m.key.rule)));
	REFUSED(memset(&m.key.site, 'A', sizeof(m.key.site)));
	/* A gateway of one tunnel has no other one. */
	REFUSED(m = alarm_of("tunnel_down", "three", 1));
	m = alarm_of("site_down", "one", -1);
	memset(m.by, 0x1b, sizeof(m.by));
	says(m);
	assert_int_equal(tellings(), 1);
	assert_null(strchr(world.hub->model.alarms.rows[0].by, 0x1b));
}

static void what_watch_does_not_know_nobody_knows(void **state)
{
	(void)state;
	assert_false(world.hub->model.alarms.known);
	watch_opens();
	says(alarm_of("endpoint_down", "", -1));
	assert_true(world.hub->model.alarms.known);
	assert_int_equal(world.hub->model.alarms.count, 1);
	world_end(PROCESS_WATCH, 10 * CLOCK_SECOND);
	assert_false(world.hub->model.alarms.known);
	assert_int_equal(world.hub->model.alarms.count, 0);
	assert_int_equal(tellings(), 1);
}

static void it_is_told_the_rules_before_it_begins(void **state)
{
	const struct alarm_rules *rules = world_told(PROCESS_WATCH, IMSG_ALARM_RULES, -1);

	(void)state;
	assert_non_null(rules);
	assert_non_null(alarm_rule_find(rules->rules, rules->count, "site_down"));
	assert_null(alarm_rule_find(rules->rules, rules->count, "data_in_high"));
}

/* ---- what people want ---- */

static struct imsg_api_request asks_for(enum api_verb verb, const char *rule, const char *site)
{
	struct imsg_api_request r = {.verb = verb, .tunnel = -1};

	snprintf(r.rule, sizeof(r.rule), "%s", rule);
	snprintf(r.site, sizeof(r.site), "%s", site);
	return r;
}

static void people_acknowledge_and_silence(void **state)
{
	struct imsg_api_request r = asks_for(API_ALARM_ACKNOWLEDGE, "site_down", "");
	const struct imsg_alarm_command *m;
	struct imsg_alarm two = alarm_of("site_down", "two", -1);

	(void)state;
	hears(r, "code", "starting");
	hears((struct imsg_api_request){.verb = API_ALARMS, .tunnel = -1}, "code", "starting");
	watch_opens();
	says(alarm_of("site_down", "one", -1));
	two.state = ALARM_OK;
	says(two);
	world_forget();
	hears(r, "ok", "1 alarm acknowledged");
	m = world_told(PROCESS_WATCH, IMSG_ALARM_COMMAND, -1);
	assert_non_null(m);
	assert_true(m->acknowledge);
	assert_string_equal(m->key.site, "one");
	assert_string_equal(m->by, "uid 0");
	hears(asks_for(API_ALARM_ACKNOWLEDGE, "site_down", "two"), "code", "refused");
	hears(asks_for(API_ALARM_ACKNOWLEDGE, "none", ""), "code", "no-such-alarm");
	r = asks_for(API_ALARM_SILENCE, "site_down", "");
	r.for_s = 600;
	world_forget();
	hears(r, "ok", "2 alarms silent until ");
	m = world_told(PROCESS_WATCH, IMSG_ALARM_COMMAND, -1);
	assert_false(m->acknowledge);
	assert_in_range(
		m->until_s, clock_wall() / CLOCK_SECOND + 590, clock_wall() / CLOCK_SECOND + 610);
	r.for_s = ALARM_SILENCE_MAX_S + 1; /* api does not say so */
	hears(r, "code", "bad-request");
	world_forget();
	hears(asks_for(API_ALARM_UNSILENCE, "site_down", "two"), "ok", "1 alarm told of again");
	m = world_told(PROCESS_WATCH, IMSG_ALARM_COMMAND, -1);
	assert_int_equal(m->until_s, 0);
}

static void a_test_is_told_as_one(void **state)
{
	struct imsg_api_request r = asks_for(API_ALARM_TEST, "tunnel_down", "one");

	(void)state;
	hears(asks_for(API_ALARM_TEST, "site_down", ""), "code", "bad-request");
	hears(asks_for(API_ALARM_TEST, "endpoint_down", "one"), "code", "bad-request");
	hears(r, "code", "bad-request");
	r.tunnel = 7; /* api does not say so */
	hears(r, "code", "no-such-tunnel");
	assert_int_equal(tellings(), 0);
	r.tunnel = 1;
	hears(r, "ok", "as a test");
	assert_int_equal(tellings(), 1);
	assert_string_equal(told.last.reason, "tunnel_down");
	assert_int_equal(told.last.tunnel, 1);
	assert_non_null(strstr(told.last.detail, "TEST: "));
	hears(asks_for(API_ALARM_TEST, "endpoint_down", ""), "ok", "as a test");
	/* It is none: one that fires is told. */
	watch_opens();
	says(alarm_of("tunnel_down", "one", 1));
	assert_int_equal(tellings(), 3);
}

/* Whatever the verb is about, what is told of it later is of a tunnel that there may be. */
static void a_tunnel_is_one_of_two(void **state)
{
	static const int tunnels[] = {2, 7, INT32_MAX, INT32_MIN};

	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		struct imsg_api_request r = {
			.verb = API_RELEASE, .tunnel = tunnels[i], .site = "one"};

		assert_true(prefix_parse("10.1.0.0/24", &r.prefix));
		hears(r, "code", "no-such-tunnel");
	}
}

static void rules_follow_the_configuration(void **state)
{
	const struct alarm_rules *rules;

	(void)state;
	world_forget();
	world_configure("  alarms: [{rule: site_down, enabled: false}, {rule: data_in_high, "
			"enabled: true}]\n",
		SITES);
	world_apply();
	assert_true(world.applied.ok);
	rules = world_told(PROCESS_WATCH, IMSG_ALARM_RULES, -1);
	assert_non_null(rules);
	assert_null(alarm_rule_find(rules->rules, rules->count, "site_down"));
	assert_non_null(alarm_rule_find(rules->rules, rules->count, "data_in_high"));
}

/* ---- minutes ---- */

static void minutes_say_what_was_so_on_purpose(void **state)
{
	const uint64_t at_s = UINT64_C(1790000000) / 60 * 60;
	struct site *one = world_site("one");
	const struct imsg_watch_sample *m;

	(void)state;
	watch_opens();
	one->tunnels[0].open = true;
	for (uint64_t s = 0; s <= 60; s++) {
		one->tunnels[1].admin_down = s == 7;
		if (s == 10)
			world.hub->processes[PROCESS_IKE].restarts++;
		world.hub->model.endpoints[1][0].fault =
			s == 30 ? ENDPOINT_FINE : ENDPOINT_NO_CARRIER;
		hub_minutes_look(world.hub, (at_s + s) * CLOCK_SECOND);
		world_turn();
	}
	m = world_sample("one");
	assert_non_null(m);
	assert_int_equal(m->sample.covered_s, 60);
	assert_true(m->facts.configured[0] && m->facts.configured[1]);
	assert_false(m->facts.quiet[0]);
	assert_true(m->facts.quiet[1]);
	assert_int_equal(m->facts.single_s[1], 60);
	assert_int_equal(m->facts.single_s[0], 0);
	m = world_sample("");
	assert_int_equal(m->facts.restarts, 1);
	assert_int_equal(m->facts.endpoints_down, 0);
	assert_int_equal(m->sample.covered_s, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tunnel_is_one_of_two),
		TEST(an_alarm_is_an_event),
		TEST(watch_may_be_in_anybodys_hands),
		TEST(what_watch_does_not_know_nobody_knows),
		TEST(it_is_told_the_rules_before_it_begins),
		TEST(people_acknowledge_and_silence),
		TEST(a_test_is_told_as_one),
		TEST(rules_follow_the_configuration),
		TEST(minutes_say_what_was_so_on_purpose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
