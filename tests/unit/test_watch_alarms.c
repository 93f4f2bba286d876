/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms in the file of watch: nothing is lost and nothing said twice, whenever a process is killed. */
#include "proc/watch/alarms.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BEGIN (UINT64_C(1790000000) / 86400 * 86400)

/* Watch with its file, and what of hub matters: events that are on their way. */
static struct {
	char directory[64];
	struct store *store;
	struct watch_alarms *alarms;
	uint64_t at_s, number;
	struct imsg_alarm said; /* last */
	unsigned int says, tells, gone;
	struct bus_event on_its_way[8];
	size_t waiting;
	unsigned int fires, ends; /* events that are stored */
	bool firing;
} lab;

static void on_say(void *context, const struct imsg_alarm *m)
{
	const char *state = alarm_state_names[m->state];
	struct bus_event e = {.kind = BUS_ALARM, .tunnel = m->key.tunnel};

	(void)context;
	lab.said = *m;
	lab.says++;
	lab.gone += m->gone;
	if (!m->tell)
		return;
	lab.tells++;
	/* As hub does: the last that waits says so already. */
	if (lab.waiting && !strncmp(lab.on_its_way[lab.waiting - 1].detail, "ALARM:", 6) ==
				   (m->state == ALARM_ALARM))
		return;
	memcpy(e.site, m->key.site, sizeof(e.site));
	memcpy(e.reason, m->key.rule, sizeof(e.reason));
	snprintf(e.detail, sizeof(e.detail), "%s: x", state);
	e.number = ++lab.number;
	assert_true(lab.waiting < 8);
	lab.on_its_way[lab.waiting++] = e;
}

static void open_it(void)
{
	const struct store_options options = {.directory = lab.directory, .events_max = 100000};
	struct alarm_rules rules = {.count = 1};
	char why[STORE_WHY_SIZE];

	rules.rules[0] = *alarm_rule_find(alarm_standard, alarm_standard_count, "site_down");
	lab.alarms = watch_alarms_new(on_say, NULL);
	watch_alarms_rules(lab.alarms, &rules);
	lab.store = store_open(&options, why);
	assert_non_null(lab.store);
	assert_true(watch_alarms_open(lab.alarms, lab.store, why));
	watch_alarms_written(lab.alarms, lab.at_s);
}

/* Whatever has not been written is lost. */
static void kill_it(void)
{
	watch_alarms_free(lab.alarms);
	store_close(lab.store);
	lab.alarms = NULL;
	lab.store = NULL;
}

static int setup(void **state)
{
	(void)state;
	memset(&lab, 0, sizeof(lab));
	strcpy(lab.directory, "/tmp/sluice-alarms.XXXXXX");
	assert_non_null(mkdtemp(lab.directory));
	lab.at_s = BEGIN;
	open_it();
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	kill_it();
	snprintf(command, sizeof(command), "rm -rf %s", lab.directory);
	return system(command);
}

static struct imsg_watch_sample sample(const char *site, unsigned int up)
{
	struct imsg_watch_sample m = {
		.sample = {.at_s = lab.at_s, .covered_s = 60, .v[SAMPLE_UP] = up},
		.facts = {.configured = {true}}};

	snprintf(m.site, sizeof(m.site), "%s", site);
	return m;
}

/* A minute comes; `crash`: it is not written. */
static void minute(unsigned int up, bool crash)
{
	const struct imsg_watch_sample both[] = {sample("one", up), sample("", 60)};
	char why[STORE_WHY_SIZE];

	watch_alarms_samples(lab.alarms, both, 2);
	if (!crash) {
		assert_true(store_samples(lab.store, both, 2, why));
		watch_alarms_written(lab.alarms, lab.at_s + 60);
	}
}

static void minutes(unsigned int count, unsigned int up)
{
	for (unsigned int i = 0; i < count; i++) {
		minute(up, false);
		lab.at_s += 60;
	}
}

/* Events that hub has sent come to the disk. */
static void events_are_stored(void)
{
	char why[STORE_WHY_SIZE];

	watch_alarms_events(lab.alarms, lab.on_its_way, lab.waiting);
	assert_true(store_write(lab.store, lab.on_its_way, lab.waiting, why));
	for (size_t i = 0; i < lab.waiting; i++) {
		bool fires = !strncmp(lab.on_its_way[i].detail, "ALARM:", 6);

		assert_int_not_equal(fires, lab.firing); /* not twice */
		lab.firing = fires;
		lab.fires += fires;
		lab.ends += !fires;
	}
	lab.waiting = 0;
	watch_alarms_written(lab.alarms, lab.at_s);
}

static void it_is_said_until_it_has_been_heard(void **state)
{
	(void)state;
	minutes(10, 0);
	assert_true(lab.tells > 3);
	assert_int_equal(lab.waiting, 1);
	events_are_stored();
	lab.tells = 0;
	minutes(10, 0);
	assert_int_equal(lab.tells, 0);
	kill_it();
	open_it();
	assert_int_equal(lab.said.state, ALARM_ALARM);
	assert_false(lab.said.tell);
	minutes(10, 0);
	assert_int_equal(lab.tells, 0);
}

static void what_was_not_heard_is_said_by_the_next_process(void **state)
{
	(void)state;
	minutes(5, 0);
	assert_int_equal(lab.waiting, 1);
	lab.waiting = 0; /* hub is killed with the event */
	lab.tells = 0;
	kill_it();
	open_it();
	assert_int_equal(lab.tells, 1);
	events_are_stored();
	assert_int_equal(lab.fires, 1);
}

/* Hours are looked at although no process lives for one. */
static void what_is_long_outlives_processes(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		minutes(2, 0);
		kill_it();
		open_it();
	}
	minutes(1, 0);
	assert_int_equal(lab.waiting, 1);
}

static void what_is_new_is_said(void **state)
{
	(void)state;
	assert_int_equal(lab.says, 0);
	minutes(1, 60);
	assert_int_equal(lab.says, 1);
	assert_string_equal(lab.said.key.site, "one");
	assert_int_equal(lab.said.state, ALARM_INSUFFICIENT_DATA);
	minutes(2, 60);
	assert_int_equal(lab.says, 1);
}

static void people_are_remembered(void **state)
{
	struct imsg_alarm_command c = {.key = {.rule = "site_down", .site = "one", .tunnel = -1},
		.acknowledge = true,
		.by = "uid 0"};
	char why[STORE_WHY_SIZE];

	(void)state;
	minutes(5, 0);
	watch_alarms_command(lab.alarms, &c);
	c.acknowledge = false;
	c.until_s = lab.at_s + 7200;
	watch_alarms_command(lab.alarms, &c);
	assert_true(store_write_also(lab.store, why));
	kill_it();
	open_it();
	assert_true(lab.said.acknowledged);
	assert_string_equal(lab.said.by, "uid 0");
	assert_int_equal(lab.said.silenced_until_s, c.until_s);
}

static void what_goes_is_gone_after_a_restart_too(void **state)
{
	const struct alarm_rules none = {0};
	char why[STORE_WHY_SIZE];

	(void)state;
	minutes(5, 60);
	watch_alarms_rules(lab.alarms, &none);
	assert_int_equal(lab.gone, 1);
	assert_true(store_write_also(lab.store, why));
	kill_it();
	lab.says = 0;
	open_it();
	assert_int_equal(lab.says, 0);
}

/* A year of it, in which whatever can end ends. */
static void nothing_is_lost_and_nothing_is_said_twice(void **state)
{
	unsigned int up = 60;

	(void)state;
	srand(3);
	for (int i = 0; i < 5000; i++) {
		bool crash = rand() % 20 == 0;

		if (rand() % 12 == 0)
			up = 60 - up;
		minute(up, crash);
		if (crash) {
			kill_it();
			open_it();
			minute(up, false); /* hub says it again */
		}
		lab.at_s += 60;
		if (rand() % 4 == 0)
			events_are_stored();
		else if (rand() % 50 == 0)
			lab.waiting = 0; /* hub ends */
		else if (rand() % 50 == 0)
			lab.at_s += (unsigned int)(rand() % 10) * 60;
	}
	minutes(20, up);
	events_are_stored();
	assert_int_equal(lab.firing, up == 0);
	assert_true(lab.fires > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(it_is_said_until_it_has_been_heard),
		TEST(what_was_not_heard_is_said_by_the_next_process),
		TEST(what_is_long_outlives_processes),
		TEST(what_is_new_is_said),
		TEST(people_are_remembered),
		TEST(what_goes_is_gone_after_a_restart_too),
		TEST(nothing_is_lost_and_nothing_is_said_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
