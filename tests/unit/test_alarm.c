/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms over days of minutes that are made up: what fires, when, how often it is said, and what a restart changes. */
#include "alarm/set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DAY   (24 * 60) /* minutes */
#define BEGIN (UINT64_C(1790000000) / 86400 * 86400)

static struct {
	struct alarm_set *set;
	uint64_t at_s; /* of the next minute */
	unsigned int fires, ends, gone;
	char last[ALARM_NAME_SIZE];
	uint64_t fired_s;
} lab;

static const struct alarm_rule *rule(const char *name)
{
	const struct alarm_rule *r = alarm_rule_find(alarm_standard, alarm_standard_count, name);

	assert_non_null(r);
	return r;
}

static void use(const struct alarm_rule *own, size_t count);

static int setup(void **state)
{
	(void)state;
	memset(&lab, 0, sizeof(lab));
	lab.set = alarm_set_new();
	lab.at_s = BEGIN;
	use(NULL, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	alarm_set_free(lab.set);
	return 0;
}

/* Whoever is told has heard it at once. */
static void on_fed(void *context, const struct alarm_key *key, const struct alarm_rule *r,
	struct alarm *a, bool changed)
{
	(void)context, (void)r, (void)changed;
	if (!alarm_is_due(a, lab.at_s + 60))
		return;
	a->told = a->state == ALARM_ALARM;
	lab.fires += a->told;
	lab.ends += !a->told;
	if (a->told)
		lab.fired_s = lab.at_s + 60;
	memcpy(lab.last, key->rule, sizeof(lab.last));
}

static void on_gone(void *context, const struct alarm_key *key, const struct alarm *a)
{
	(void)context, (void)key, (void)a;
	lab.gone++;
}

static void use(const struct alarm_rule *own, size_t count)
{
	struct alarm_rules rules;

	alarm_rules_of(&rules, own, count);
	alarm_set_rules(lab.set, &rules, on_fed, on_gone, NULL);
}

/* One rule alone. */
static void use_only(const struct alarm_rule *r)
{
	struct alarm_rules rules = {.count = 1, .rules = {*r}};

	rules.rules[0].enabled = true;
	alarm_set_rules(lab.set, &rules, on_fed, on_gone, NULL);
}

static struct alarm_facts facts(void)
{
	return (struct alarm_facts){.configured = {true, true}};
}

static void feed(const char *site, struct sample s, struct alarm_facts f)
{
	s.at_s = lab.at_s;
	s.covered_s = 60;
	alarm_set_feed(lab.set, site, strcmp(site, "north") ? "" : "towns", &s, &f, on_fed, NULL);
}

static void next(void)
{
	alarm_set_minute(lab.set, lab.at_s, on_gone, NULL);
	lab.at_s += 60;
}

/* A minute of site "one", whose tunnels were up for so many seconds. */
static void minute(unsigned int up0, unsigned int up1)
{
	struct sample s = {.v[SAMPLE_UP] = up0, .v[SAMPLE_UP + 1] = up1};
	struct alarm_facts f = facts();

	f.single_s[0] = up1 > up0 ? up1 - up0 : 0;
	f.single_s[1] = up0 > up1 ? up0 - up1 : 0;
	feed("one", s, f);
	feed("", (struct sample){0}, facts());
	next();
}

static void minutes(unsigned int count, unsigned int up0, unsigned int up1)
{
	for (unsigned int i = 0; i < count; i++)
		minute(up0, up1);
}

static struct alarm *alarm(const char *name, const char *site, int tunnel)
{
	struct alarm_key key = {.tunnel = (int8_t)tunnel};

	snprintf(key.rule, sizeof(key.rule), "%s", name);
	snprintf(key.site, sizeof(key.site), "%s", site);
	return alarm_set_find(lab.set, &key);
}

/* ---- what there is ---- */

static void is_rule(const char *name, enum alarm_statistic how, uint32_t period_s,
	enum alarm_comparison c, double threshold, uint32_t n, uint32_t m, bool on)
{
	const struct alarm_rule *r = rule(name);

	assert_int_equal(r->statistic, how);
	assert_int_equal(r->period_s, period_s);
	assert_int_equal(r->comparison, c);
	assert_true(r->threshold == threshold);
	assert_int_equal(r->n, n);
	assert_int_equal(r->m, m);
	assert_int_equal(r->enabled, on);
}

static void standard_rules_are_what_they_are_elsewhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < alarm_standard_count; i++)
		assert_null(alarm_rule_wrong(&alarm_standard[i]));
	is_rule("tunnels_down", ALARM_AVERAGE, 300, ALARM_LESS_EQUAL, 0.5, 3, 3, false);
	is_rule("tunnel_down", ALARM_AVERAGE, 300, ALARM_LESS, 1, 3, 3, true);
	is_rule("site_down", ALARM_MAXIMUM, 300, ALARM_LESS_EQUAL, 0, 1, 1, true);
	is_rule("site_tunnel_lost", ALARM_MINIMUM, 300, ALARM_LESS_EQUAL, 0.5, 1, 1, false);
	is_rule("data_in_high", ALARM_SUM, 900, ALARM_GREATER_EQUAL, 5000000, 1, 1, false);
	is_rule("data_out_low", ALARM_SUM, 900, ALARM_LESS_EQUAL, 1000000, 1, 1, false);
}

static void a_rule_that_cannot_be_is_refused(void **state)
{
	struct alarm_rule r;

	(void)state;
#define WRONG(change)                                                                              \
	do {                                                                                       \
		r = *rule("site_down");                                                            \
		change;                                                                            \
		assert_non_null(alarm_rule_wrong(&r));                                             \
	} while (0)
	WRONG(strcpy(r.name, "Upper"));
	WRONG(strcpy(r.name, "a b"));
	WRONG(strcpy(r.name, ""));
	WRONG(memset(r.name, 'a', sizeof(r.name)));
	WRONG(r.metric = ALARM_METRICS);
	WRONG(r.severity = BUS_SEVERITIES);
	WRONG(r.scope = ALARM_OF_HUB);
	WRONG(r.period_s = 0);
	WRONG(r.period_s = 90);
	WRONG(r.period_s = 2 * 86400);
	WRONG(r.n = 0);
	WRONG(r.n = 2);
	WRONG(r.n = r.m = 61);
	WRONG(r.n = r.m = 60; r.period_s = 3600);
	WRONG(r.threshold = 0.0 / 0.0);
	WRONG(r.threshold = 1e30);
	r = *rule("endpoint_down");
	strcpy(r.site, "one");
	assert_non_null(alarm_rule_wrong(&r));
}

static void rules_are_changed_and_switched_off(void **state)
{
	struct alarm_rule own[2] = {*rule("site_down"), *rule("data_in_high")};
	struct alarm_rules rules;

	(void)state;
	own[0].enabled = false;
	own[1].enabled = true;
	strcpy(own[1].name, "much");
	alarm_rules_of(&rules, own, 2);
	assert_null(alarm_rule_find(rules.rules, rules.count, "site_down"));
	assert_non_null(alarm_rule_find(rules.rules, rules.count, "much"));
	assert_null(alarm_rule_find(rules.rules, rules.count, "data_in_high"));
}

/* ---- when it fires ---- */

static void a_site_that_is_down_is_said_once(void **state)
{
	uint64_t down_s;

	(void)state;
	use_only(rule("site_down"));
	minutes(30, 60, 60);
	assert_int_equal(alarm("site_down", "one", -1)->state, ALARM_OK);
	down_s = lab.at_s;
	minutes(4, 0, 0);
	assert_int_equal(lab.fires, 0);
	minutes(1, 0, 0);
	assert_int_equal(lab.fires, 1);
	assert_int_equal(lab.fired_s - down_s, 300);
	minutes(3 * DAY, 0, 0);
	assert_int_equal(lab.fires, 1);
	assert_int_equal(lab.ends, 0);
	/* One tunnel is enough; the end has to persist, too. */
	minutes(5, 60, 0);
	assert_int_equal(lab.ends, 0);
	minutes(1, 60, 0);
	assert_int_equal(lab.ends, 1);
	assert_int_equal(lab.fires, 1);
}

static void less_than_its_period_is_nothing(void **state)
{
	(void)state;
	use_only(rule("site_down"));
	minutes(5, 60, 60);
	for (int i = 0; i < 100; i++) {
		minutes(4, 0, 0);
		minutes(1, 1, 0);
	}
	assert_int_equal(lab.fires, 0);
}

static void a_storm_of_flaps_is_said_once(void **state)
{
	(void)state;
	use_only(rule("tunnel_down"));
	minutes(30, 60, 60);
	srand(1);
	for (int i = 0; i < 3 * DAY; i++)
		minute(i % 4 ? 60 : (unsigned int)(rand() % 50), 60);
	assert_int_equal(lab.fires, 1);
	assert_int_equal(lab.ends, 0);
	minutes(DAY, 60, 60);
	assert_int_equal(lab.fires, 1);
	assert_int_equal(lab.ends, 1);
	assert_int_equal(alarm("tunnel_down", "one", 0)->state, ALARM_OK);
}

static void of_some_of_many_periods(void **state)
{
	struct alarm_rule r = *rule("tunnel_down");

	(void)state;
	r.n = 2;
	r.m = 4;
	r.period_s = 60;
	use_only(&r);
	minutes(10, 60, 60);
	minutes(1, 0, 60);
	minutes(3, 60, 60);
	minutes(1, 0, 60);
	assert_int_equal(lab.fires, 0);
	minutes(2, 60, 60);
	minutes(1, 0, 60);
	assert_int_equal(lab.fires, 1);
}

static void what_more_minutes_cannot_undo_is_said_at_once(void **state)
{
	struct alarm_facts restart = facts();

	(void)state;
	restart.restarts = 1;
	use_only(rule("process_restarts"));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(lab.fires, 0);
		feed("", (struct sample){0}, restart);
		next();
	}
	assert_int_equal(lab.fires, 1);
}

static void as_long_as_a_day(void **state)
{
	struct alarm_rule r = *rule("data_in_high");
	struct sample s = {.v[SAMPLE_BYTES] = 1000};

	(void)state;
	r.period_s = 86400;
	r.threshold = 1000 * 1000;
	use_only(&r);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(lab.fires, 0);
		feed("one", s, facts());
		next();
	}
	/* A day is looked at in parts of 24 minutes. */
	for (int i = 0; i < 24; i++) {
		feed("one", s, facts());
		next();
	}
	assert_int_equal(lab.fires, 1);
	assert_int_equal(alarm("data_in_high", "one", 1)->state, ALARM_INSUFFICIENT_DATA);
}

static void an_hour_with_one_tunnel_is_no_redundancy(void **state)
{
	(void)state;
	use_only(rule("redundancy_lost"));
	minutes(60, 60, 60);
	minutes(59, 60, 0);
	assert_int_equal(lab.fires, 0);
	minutes(1, 60, 0);
	assert_int_equal(lab.fires, 1);
	/* No tunnel at all is something else. */
	minutes(200, 0, 0);
	assert_int_equal(lab.ends, 1);
}

/* ---- what is not there ---- */

static void what_an_operator_has_taken_down_is_no_alarm(void **state)
{
	struct alarm_facts f = facts();

	(void)state;
	use_only(rule("site_down"));
	minutes(10, 60, 60);
	f.quiet[0] = f.quiet[1] = true;
	for (int i = 0; i < DAY; i++) {
		feed("one", (struct sample){0}, f);
		next();
	}
	assert_int_equal(lab.fires, 0);
	assert_int_equal(alarm("site_down", "one", -1)->state, ALARM_INSUFFICIENT_DATA);
	/* It does not come back. */
	minutes(5, 0, 0);
	assert_int_equal(lab.fires, 1);
}

static void an_alarm_of_what_is_taken_down_then_ends(void **state)
{
	struct alarm_facts f = facts();

	(void)state;
	use_only(rule("site_down"));
	minutes(10, 0, 0);
	assert_int_equal(lab.fires, 1);
	f.quiet[0] = f.quiet[1] = true;
	for (int i = 0; i < 10; i++) {
		feed("one", (struct sample){0}, f);
		next();
	}
	assert_int_equal(lab.ends, 1);
}

static void minutes_that_are_missing_change_nothing(void **state)
{
	(void)state;
	use_only(rule("site_down"));
	minutes(10, 0, 0);
	for (int i = 0; i < 100; i++) {
		lab.at_s += (uint64_t)(i % 10) * 60; /* the hub was away */
		minute(0, 0);
	}
	lab.at_s += 10 * 86400;
	minutes(10, 0, 0);
	assert_int_equal(lab.fires, 1);
	assert_int_equal(lab.ends, 0);
	minutes(20, 60, 60);
	assert_int_equal(lab.ends, 1);
}

static void a_minute_of_which_little_was_seen_is_none(void **state)
{
	struct alarm_facts f = facts();
	struct sample s = {.v[SAMPLE_UP] = 20, .v[SAMPLE_UP + 1] = 20};
	double value;

	(void)state;
	s.covered_s = 20;
	assert_false(alarm_measure(ALARM_TUNNEL_STATE, &s, &f, -1, &value));
	s.covered_s = 40;
	assert_true(alarm_measure(ALARM_TUNNEL_STATE, &s, &f, -1, &value));
	assert_true(value == 0.5);
	s.covered_s = 60;
	s.v[SAMPLE_UP] = s.v[SAMPLE_UP + 1] = 59;
	assert_true(alarm_measure(ALARM_TUNNEL_STATE, &s, &f, 0, &value));
	assert_true(value == 1);
	f.configured[1] = false;
	assert_false(alarm_measure(ALARM_TUNNEL_STATE, &s, &f, 1, &value));
	assert_false(alarm_measure(ALARM_SINGLE_TUNNEL, &s, &f, -1, &value));
}

static void said_again_counts_once(void **state)
{
	struct alarm_facts restart = facts();

	(void)state;
	restart.restarts = 1;
	use_only(rule("process_restarts"));
	for (int i = 0; i < 10; i++)
		feed("", (struct sample){0}, restart);
	assert_int_equal(lab.fires, 0);
}

static void a_clock_that_is_set_back_does_not_stop_it(void **state)
{
	(void)state;
	use_only(rule("site_down"));
	minutes(10, 60, 60);
	lab.at_s -= 30 * 86400;
	minutes(6, 0, 0);
	assert_int_equal(lab.fires, 1);
}

/* ---- sites and rules come and go ---- */

static void a_site_that_is_removed_takes_its_alarms_along(void **state)
{
	(void)state;
	use_only(rule("site_down"));
	minutes(10, 0, 0);
	for (int i = 0; i < 10; i++)
		next();
	assert_int_equal(lab.gone, 1);
	assert_null(alarm("site_down", "one", -1));
	minutes(1, 60, 60);
	assert_int_equal(alarm("site_down", "one", -1)->state, ALARM_INSUFFICIENT_DATA);
}

static void a_rule_that_changes_begins_anew(void **state)
{
	struct alarm_rule r = *rule("site_down");

	(void)state;
	minutes(10, 0, 0);
	lab.fires = lab.ends = 0;
	r.severity = BUS_WARNING;
	r.threshold = 0.1;
	use(&r, 1);
	assert_int_equal(alarm("site_down", "one", -1)->state, ALARM_ALARM);
	r.period_s = 600;
	use(&r, 1);
	assert_int_equal(alarm("site_down", "one", -1)->state, ALARM_INSUFFICIENT_DATA);
	assert_int_equal(lab.ends, 1);
	r.enabled = false;
	use(&r, 1);
	assert_null(alarm("site_down", "one", -1));
	assert_int_equal(lab.gone, 1);
	/* The others are where they were. */
	assert_non_null(alarm("tunnel_down", "one", 1));
}

static void a_rule_of_a_group_is_of_its_sites(void **state)
{
	struct alarm_rule r = *rule("site_down");

	(void)state;
	strcpy(r.group, "towns");
	use_only(&r);
	feed("north", (struct sample){0}, facts());
	feed("two", (struct sample){0}, facts());
	assert_non_null(alarm("site_down", "north", -1));
	assert_null(alarm("site_down", "two", -1));
}

/* ---- people ---- */

static void silence_tells_nothing_until_it_ends(void **state)
{
	(void)state;
	use_only(rule("site_down"));
	minutes(10, 60, 60);
	alarm("site_down", "one", -1)->silenced_until_s = lab.at_s + 3600;
	minutes(20, 0, 0);
	minutes(20, 60, 60);
	minutes(19, 0, 0);
	assert_int_equal(lab.fires + lab.ends, 0);
	assert_int_equal(alarm("site_down", "one", -1)->state, ALARM_ALARM);
	minutes(1, 0, 0);
	assert_int_equal(lab.fires, 1);
}

static void what_is_known_is_known_until_it_ends(void **state)
{
	(void)state;
	use_only(rule("site_down"));
	minutes(10, 60, 60);
	assert_false(alarm_acknowledge(alarm("site_down", "one", -1), "uid 0"));
	minutes(10, 0, 0);
	assert_true(alarm_acknowledge(alarm("site_down", "one", -1), "uid 0"));
	minutes(10, 60, 60);
	assert_false(alarm("site_down", "one", -1)->acknowledged);
}

/* ---- bytes ---- */

static void bytes_are_what_it_was(void **state)
{
	const struct alarm_rule *r = rule("tunnel_down");
	uint8_t bytes[ALARM_PACK_SIZE];
	struct alarm *a, back;
	size_t len;

	(void)state;
	use_only(r);
	for (int i = 0; i < 500; i++)
		minute(i % 3 ? 60 : 17, 60);
	a = alarm("tunnel_down", "one", 0);
	assert_int_equal(a->state, ALARM_ALARM);
	assert_true(alarm_acknowledge(a, "token 12345678 of uid 4294967294"));
	a->silenced_until_s = lab.at_s;
	len = alarm_write(a, r, bytes);
	assert_true(len < 600);
	assert_true(alarm_read(&back, r, bytes, len));
	assert_int_equal(back.state, a->state);
	assert_int_equal(back.told, a->told);
	assert_int_equal(back.acknowledged, true);
	assert_string_equal(back.by, a->by);
	assert_int_equal(back.since_s, a->since_s);
	assert_int_equal(back.silenced_until_s, a->silenced_until_s);
	assert_int_equal(back.last_s, a->last_s);
	assert_int_equal(back.good_s, a->good_s);
	assert_true(back.value == a->value);
	/* It goes on as if nothing had been. */
	for (int i = 0; i < 40; i++) {
		double up = i < 3 ? 0.5 : 1;

		assert_int_equal(
			alarm_feed(a, r, lab.at_s, &up), alarm_feed(&back, r, lab.at_s, &up));
		assert_true(back.value == a->value);
		lab.at_s += 60;
	}
	assert_int_equal(back.state, ALARM_OK);
}

static void bytes_that_cannot_be_are_refused(void **state)
{
	const struct alarm_rule *r = rule("tunnel_down");
	uint8_t bytes[ALARM_PACK_SIZE];
	struct alarm a = {.state = ALARM_OK, .value = 0.25, .last_s = BEGIN}, back;
	struct alarm_rule other = *r;
	size_t len;

	(void)state;
	a.told = true;
	for (int i = 0; i < ALARM_BUCKETS; i++)
		a.buckets[i] = (struct alarm_bucket){UINT64_MAX - (unsigned int)i, 1440, 1e300};
	len = alarm_write(&a, r, bytes);
	assert_true(len <= ALARM_PACK_SIZE);
	assert_true(alarm_read(&back, r, bytes, len));
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, bytes, n);
		(void)alarm_read(&back, r, copy, n); /* a bucket less, or nothing */
		free(copy);
	}
	srand(2);
	for (int i = 0; i < 20000; i++) {
		uint8_t bad[sizeof(bytes)];

		memcpy(bad, bytes, len);
		bad[rand() % (int)len] = (uint8_t)rand();
		bad[rand() % 40] = (uint8_t)rand();
		if (alarm_read(&back, r, bad, len))
			assert_true(back.state < ALARM_STATES);
	}
	/* What another rule has measured counts for nothing, but who was told hears more. */
	other.period_s = 600;
	assert_true(alarm_read(&back, &other, bytes, len));
	assert_int_equal(back.state, ALARM_INSUFFICIENT_DATA);
	assert_true(back.told);
	assert_int_equal(back.buckets[0].minutes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(standard_rules_are_what_they_are_elsewhere),
		TEST(a_rule_that_cannot_be_is_refused),
		TEST(rules_are_changed_and_switched_off),
		TEST(a_site_that_is_down_is_said_once),
		TEST(less_than_its_period_is_nothing),
		TEST(a_storm_of_flaps_is_said_once),
		TEST(of_some_of_many_periods),
		TEST(what_more_minutes_cannot_undo_is_said_at_once),
		TEST(as_long_as_a_day),
		TEST(an_hour_with_one_tunnel_is_no_redundancy),
		TEST(what_an_operator_has_taken_down_is_no_alarm),
		TEST(an_alarm_of_what_is_taken_down_then_ends),
		TEST(minutes_that_are_missing_change_nothing),
		TEST(a_minute_of_which_little_was_seen_is_none),
		TEST(said_again_counts_once),
		TEST(a_clock_that_is_set_back_does_not_stop_it),
		TEST(a_site_that_is_removed_takes_its_alarms_along),
		TEST(a_rule_that_changes_begins_anew),
		TEST(a_rule_of_a_group_is_of_its_sites),
		TEST(silence_tells_nothing_until_it_ends),
		TEST(what_is_known_is_known_until_it_ends),
		TEST(bytes_are_what_it_was),
		TEST(bytes_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
