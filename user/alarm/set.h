/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All alarms: each rule of each tunnel, site, or the hub. An alarm is there from the first minute of what it is about on,
 * and goes when that has had no minute for a while: it was removed.
 */
#ifndef SLUICE_ALARM_SET_H
#define SLUICE_ALARM_SET_H

#include "alarm/alarm.h"
#include "alarm/metric.h"

#define ALARM_OBJECTS_MAX 1024 /* sites, and the hub */
#define ALARM_GONE_S      300

/* Which alarm: of a rule, a site ("": the hub) and a tunnel (-1: of the site or the hub as a whole). */
struct alarm_key {
	char rule[ALARM_NAME_SIZE];
	char site[SITE_NAME_SIZE];
	int8_t tunnel;
};

/* changed: its state is another one. */
typedef void alarm_fed(void *context, const struct alarm_key *key, const struct alarm_rule *rule,
	struct alarm *alarm, bool changed);
typedef void alarm_gone(void *context, const struct alarm_key *key, const struct alarm *alarm);

struct alarm_set;

struct alarm_set *alarm_set_new(void);
void alarm_set_free(struct alarm_set *s);

/* Rules in the place of those before. `gone`: of a rule that is not there any more; `fed`: all that are. */
void alarm_set_rules(struct alarm_set *s, const struct alarm_rules *rules, alarm_fed *fed,
	alarm_gone *gone, void *context);

/* The rule of that name; NULL: there is none. */
const struct alarm_rule *alarm_set_rule(const struct alarm_set *s, const char *name);

/* A minute of a site that was of a group then ("": of none), or of the hub, "". */
void alarm_set_feed(struct alarm_set *s, const char *site, const char *group,
	const struct sample *sample, const struct alarm_facts *facts, alarm_fed *fed,
	void *context);

/* All sites have had their minute that began at at_s: what has had none for long is gone. */
void alarm_set_minute(struct alarm_set *s, uint64_t at_s, alarm_gone *gone, void *context);

/* An alarm that is known from before; NULL: there is no such rule, or no room. */
struct alarm *alarm_set_put(struct alarm_set *s, const struct alarm_key *key);

struct alarm *alarm_set_find(struct alarm_set *s, const struct alarm_key *key);

void alarm_set_each(struct alarm_set *s, alarm_fed *f, void *context);

#endif
