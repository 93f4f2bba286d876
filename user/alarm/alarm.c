/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/alarm.h"

#include <stdio.h>
#include <string.h>

const char *const alarm_state_names[ALARM_STATES + 1] = {
	[ALARM_INSUFFICIENT_DATA] = "INSUFFICIENT_DATA",
	[ALARM_OK] = "OK",
	[ALARM_ALARM] = "ALARM",
};

bool alarm_text_state(const char *detail, enum alarm_state *state)
{
	for (int i = 0; i < ALARM_STATES; i++) {
		size_t len = strlen(alarm_state_names[i]);

		if (strncmp(detail, alarm_state_names[i], len) != 0 || detail[len] != ':')
			continue;
		*state = (enum alarm_state)i;
		return true;
	}
	return false;
}

enum verdict {
	NOTHING, /* no minute is known */
	TOO_LITTLE,
	GOOD,
	BREACH,
};

uint32_t alarm_bucket_length(const struct alarm_rule *r)
{
	uint32_t s = ALARM_MINUTE_S;

	while (r->period_s % s || r->period_s / s * r->m > ALARM_DATAPOINTS)
		s += ALARM_MINUTE_S;
	return s;
}

static void combine(
	const struct alarm_rule *r, struct alarm_bucket *to, double value, uint32_t minutes)
{
	if (!to->minutes)
		to->value = value;
	else if (r->statistic == ALARM_MINIMUM)
		to->value = value < to->value ? value : to->value;
	else if (r->statistic == ALARM_MAXIMUM)
		to->value = value > to->value ? value : to->value;
	else
		to->value += value;
	to->minutes += minutes;
}

/* Whether more minutes cannot make a breach undone. Sums are of what is never below 0. */
static bool is_final(const struct alarm_rule *r)
{
	bool more = r->comparison == ALARM_GREATER || r->comparison == ALARM_GREATER_EQUAL;

	return more ? r->statistic == ALARM_SUM || r->statistic == ALARM_MAXIMUM
		    : r->statistic == ALARM_MINIMUM;
}

/* Of the period that ends with bucket `last`. */
static enum verdict judge(const struct alarm *a, const struct alarm_rule *r, uint64_t last,
	uint32_t length, double *value)
{
	uint32_t each = r->period_s / length, minutes = r->period_s / ALARM_MINUTE_S;
	struct alarm_bucket all = {0};
	bool breach;

	for (uint32_t i = 0; i < each && i <= last; i++) {
		const struct alarm_bucket *b = &a->buckets[(last - i) % ALARM_BUCKETS];

		if (b->minutes && b->number == last - i)
			combine(r, &all, b->value, b->minutes);
	}
	if (!all.minutes)
		return NOTHING;
	*value = r->statistic == ALARM_AVERAGE ? all.value / all.minutes : all.value;
	breach = alarm_rule_breached(r, *value);
	if (all.minutes * 5 < minutes * 4 && !(breach && is_final(r)))
		return TOO_LITTLE;
	return breach ? BREACH : GOOD;
}

static void become(struct alarm *a, enum alarm_state state, uint64_t at_s)
{
	if (a->state == state)
		return;
	a->state = (uint8_t)state;
	a->since_s = at_s;
	if (state != ALARM_ALARM) {
		a->acknowledged = false;
		memset(a->by, 0, sizeof(a->by));
	}
}

/* `end_s` is when the last minute ended. */
static void decide(
	struct alarm *a, const struct alarm_rule *r, uint64_t last, uint32_t length, uint64_t end_s)
{
	uint32_t count[BREACH + 1] = {0};
	double value = 0, newest = 0;
	bool judged = false;

	for (uint32_t k = 0; k < r->m; k++) {
		uint64_t back = (uint64_t)k * (r->period_s / length);
		enum verdict v = last >= back ? judge(a, r, last - back, length, &value) : NOTHING;

		count[v]++;
		if (v >= GOOD && !judged)
			newest = value;
		judged = judged || v >= GOOD;
	}
	if (judged)
		a->value = newest;
	if (count[BREACH] >= r->n) {
		a->good_s = 0;
		become(a, ALARM_ALARM, end_s);
	} else if (count[GOOD] > r->m - r->n) {
		a->good_s = a->good_s ? a->good_s : end_s;
		if (a->state != ALARM_ALARM || end_s - a->good_s >= (uint64_t)r->period_s * r->m)
			become(a, ALARM_OK, end_s);
	} else if (count[NOTHING] == r->m) {
		a->good_s = 0;
		become(a, ALARM_INSUFFICIENT_DATA, end_s);
	}
}

bool alarm_feed(struct alarm *a, const struct alarm_rule *r, uint64_t at_s, const double *value)
{
	uint32_t length = alarm_bucket_length(r);
	uint64_t number = at_s / length, end_s = at_s + ALARM_MINUTE_S;
	struct alarm_bucket *b = &a->buckets[number % ALARM_BUCKETS];
	uint8_t was = a->state;

	if (a->last_s && at_s + ALARM_CLOCK_BACK_S < a->last_s) {
		memset(a->buckets, 0, sizeof(a->buckets));
		a->good_s = 0;
	} else if (a->last_s && at_s <= a->last_s) {
		return false; /* it is said again */
	}
	a->last_s = at_s;
	if (value) {
		if (b->number != number)
			*b = (struct alarm_bucket){.number = number};
		combine(r, b, *value, 1);
	}
	/* A bucket that is not over counts when it is. */
	if (end_s % length && number)
		number--;
	decide(a, r, number, length, end_s);
	return a->state != was;
}

bool alarm_is_due(const struct alarm *a, uint64_t now_s)
{
	return (a->state == ALARM_ALARM) != a->told && now_s >= a->silenced_until_s;
}

void alarm_begin_anew(struct alarm *a)
{
	a->state = ALARM_INSUFFICIENT_DATA;
	a->since_s = a->last_s;
	a->acknowledged = false;
	a->good_s = 0;
	a->value = 0;
	memset(a->by, 0, sizeof(a->by));
	memset(a->buckets, 0, sizeof(a->buckets));
}

bool alarm_acknowledge(struct alarm *a, const char *by)
{
	if (a->state != ALARM_ALARM)
		return false;
	a->acknowledged = true;
	snprintf(a->by, sizeof(a->by), "%s", by);
	return true;
}
