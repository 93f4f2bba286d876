/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an alarm is about: one metric, one statistic of it over a period, a threshold, and how many of the last periods
 * must be beyond it. One value of a metric is that of a minute.
 */
#ifndef SLUICE_ALARM_RULE_H
#define SLUICE_ALARM_RULE_H

#include "base/bus_event.h"
#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALARM_NAME_SIZE    REASON_CODE_SIZE
#define ALARM_OWN_MAX      32             /* rules of a configuration */
#define ALARM_RULES_MAX    48             /* with the standard ones */
#define ALARM_DATAPOINTS   60             /* periods that one rule looks at, at most */
#define ALARM_WINDOW_MAX_S (24 * 60 * 60) /* how long all of them are, at most */
#define ALARM_MINUTE_S     60
#define ALARM_TEXT_SIZE    256

enum alarm_metric {
	ALARM_TUNNEL_STATE, /* 1 up, 0 down, as a share of the minute; of a site: the mean of its tunnels */
	ALARM_SINGLE_TUNNEL, /* share of the minute in which one tunnel was up and the other one down */
	ALARM_DATA_IN,       /* bytes from the site */
	ALARM_DATA_OUT,      /* bytes to the site */
	ALARM_DROPPED,       /* packets, both directions, for whatever reason */
	ALARM_OVER_RATE,     /* of these, those beyond the site's own rate */
	ALARM_ENDPOINTS_DOWN,   /* outside addresses of the hub that were down all of the minute */
	ALARM_PROCESS_RESTARTS, /* processes of sluiced that were started again */
	ALARM_EVENTS_LOST,      /* that could not be written into a log */
	ALARM_CERTIFICATE_DAYS, /* until the first certificate ends; below 0: it has */
	ALARM_METRICS,
};

enum alarm_statistic { ALARM_AVERAGE, ALARM_SUM, ALARM_MINIMUM, ALARM_MAXIMUM, ALARM_STATISTICS };

enum alarm_comparison {
	ALARM_GREATER,
	ALARM_GREATER_EQUAL,
	ALARM_LESS,
	ALARM_LESS_EQUAL,
	ALARM_COMPARISONS
};

/* What has an alarm of its own. */
enum alarm_scope { ALARM_OF_TUNNEL, ALARM_OF_SITE, ALARM_OF_HUB, ALARM_SCOPES };

struct alarm_rule {
	char name[ALARM_NAME_SIZE];
	uint8_t metric, statistic, comparison, scope; /* the enumerations above */
	uint8_t severity;                             /* enum bus_severity */
	bool enabled;
	uint32_t period_s;
	uint32_t n, m; /* n of the last m periods */
	double threshold;
	char site[SITE_NAME_SIZE], group[SITE_NAME_SIZE]; /* of these only; "": of all */
};

struct alarm_rules {
	uint32_t count;
	struct alarm_rule rules[ALARM_RULES_MAX];
};

/* "tunnel_state", "average", ">", "site", ...; NULL ends them. */
extern const char *const alarm_metric_names[ALARM_METRICS + 1];
extern const char *const alarm_statistic_names[ALARM_STATISTICS + 1];
extern const char *const alarm_comparison_names[ALARM_COMPARISONS + 1];
extern const char *const alarm_scope_names[ALARM_SCOPES + 1];

/* Those that there are without any configuration. */
extern const struct alarm_rule alarm_standard[];
extern const size_t alarm_standard_count;

/* NULL: there is no such rule. */
const struct alarm_rule *alarm_rule_find(
	const struct alarm_rule *rules, size_t count, const char *name);

/* What is wrong with it, as a sentence's end; NULL: nothing. */
const char *alarm_rule_wrong(const struct alarm_rule *r);

/* The standard rules, in whose place those of the same name stand; then the others. Rules that are off are left out. */
void alarm_rules_of(struct alarm_rules *to, const struct alarm_rule *own, size_t count);

/* Whether what has been measured by one rule counts for the other one. */
bool alarm_rule_measures_same(const struct alarm_rule *a, const struct alarm_rule *b);

/* Whether a value is beyond the threshold. */
bool alarm_rule_breached(const struct alarm_rule *r, double value);

/* "tunnel_state average < 1 in 3 of 3 periods of 300 s". */
void alarm_rule_text(const struct alarm_rule *r, char text[ALARM_TEXT_SIZE]);

#endif
