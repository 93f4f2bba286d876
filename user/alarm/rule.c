/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/rule.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SITE   (1 << ALARM_OF_SITE)
#define TUNNEL (1 << ALARM_OF_TUNNEL)
#define HUB    (1 << ALARM_OF_HUB)

const char *const alarm_metric_names[ALARM_METRICS + 1] = {
	[ALARM_TUNNEL_STATE] = "tunnel_state",
	[ALARM_SINGLE_TUNNEL] = "single_tunnel",
	[ALARM_DATA_IN] = "data_in",
	[ALARM_DATA_OUT] = "data_out",
	[ALARM_DROPPED] = "dropped",
	[ALARM_OVER_RATE] = "over_rate",
	[ALARM_ENDPOINTS_DOWN] = "endpoints_down",
	[ALARM_PROCESS_RESTARTS] = "process_restarts",
	[ALARM_EVENTS_LOST] = "events_lost",
	[ALARM_CERTIFICATE_DAYS] = "certificate_days",
};

static const unsigned int scopes[ALARM_METRICS] = {
	[ALARM_TUNNEL_STATE] = SITE | TUNNEL,
	[ALARM_SINGLE_TUNNEL] = SITE,
	[ALARM_DATA_IN] = SITE | TUNNEL,
	[ALARM_DATA_OUT] = SITE | TUNNEL,
	[ALARM_DROPPED] = SITE | HUB,
	[ALARM_OVER_RATE] = SITE,
	[ALARM_ENDPOINTS_DOWN] = HUB,
	[ALARM_PROCESS_RESTARTS] = HUB,
	[ALARM_EVENTS_LOST] = HUB,
	[ALARM_CERTIFICATE_DAYS] = HUB,
};

const char *const alarm_statistic_names[ALARM_STATISTICS + 1] = {
	[ALARM_AVERAGE] = "average",
	[ALARM_SUM] = "sum",
	[ALARM_MINIMUM] = "minimum",
	[ALARM_MAXIMUM] = "maximum",
};

const char *const alarm_comparison_names[ALARM_COMPARISONS + 1] = {
	[ALARM_GREATER] = ">",
	[ALARM_GREATER_EQUAL] = ">=",
	[ALARM_LESS] = "<",
	[ALARM_LESS_EQUAL] = "<=",
};

const char *const alarm_scope_names[ALARM_SCOPES + 1] = {
	[ALARM_OF_TUNNEL] = "tunnel",
	[ALARM_OF_SITE] = "site",
	[ALARM_OF_HUB] = "hub",
};

#define RULE(is, what, how, seconds, compare, limit, few, many, of, how_bad, on)                   \
	{                                                                                          \
		.name = is, .metric = what, .statistic = how, .period_s = seconds,                 \
		.comparison = compare, .threshold = limit, .n = few, .m = many, .scope = of,       \
		.severity = how_bad, .enabled = on                                                 \
	}

/*
 * The state of tunnels and of connections, and their volume, as managed VPN services recommend alarms for them; then what
 * matters at night. What needs a number that only a person knows is off, and so is what another one says more exactly.
 */
const struct alarm_rule alarm_standard[] = {
	RULE("site_down", ALARM_TUNNEL_STATE, ALARM_MAXIMUM, 300, ALARM_LESS_EQUAL, 0, 1, 1,
		ALARM_OF_SITE, BUS_ERROR, true),
	RULE("site_tunnel_lost", ALARM_TUNNEL_STATE, ALARM_MINIMUM, 300, ALARM_LESS_EQUAL, 0.5, 1,
		1, ALARM_OF_SITE, BUS_WARNING, false),
	RULE("tunnel_down", ALARM_TUNNEL_STATE, ALARM_AVERAGE, 300, ALARM_LESS, 1, 3, 3,
		ALARM_OF_TUNNEL, BUS_WARNING, true),
	RULE("tunnels_down", ALARM_TUNNEL_STATE, ALARM_AVERAGE, 300, ALARM_LESS_EQUAL, 0.5, 3, 3,
		ALARM_OF_SITE, BUS_ERROR, false),
	RULE("redundancy_lost", ALARM_SINGLE_TUNNEL, ALARM_MINIMUM, 3600, ALARM_GREATER_EQUAL, 1, 1,
		1, ALARM_OF_SITE, BUS_WARNING, true),
	RULE("data_in_high", ALARM_DATA_IN, ALARM_SUM, 900, ALARM_GREATER_EQUAL, 5000000, 1, 1,
		ALARM_OF_TUNNEL, BUS_INFO, false),
	RULE("data_out_low", ALARM_DATA_OUT, ALARM_SUM, 900, ALARM_LESS_EQUAL, 1000000, 1, 1,
		ALARM_OF_TUNNEL, BUS_INFO, false),
	RULE("over_rate", ALARM_OVER_RATE, ALARM_SUM, 300, ALARM_GREATER, 300, 3, 3, ALARM_OF_SITE,
		BUS_INFO, true),
	RULE("endpoint_down", ALARM_ENDPOINTS_DOWN, ALARM_MINIMUM, 60, ALARM_GREATER_EQUAL, 1, 1, 1,
		ALARM_OF_HUB, BUS_ERROR, true),
	RULE("process_restarts", ALARM_PROCESS_RESTARTS, ALARM_SUM, 3600, ALARM_GREATER, 2, 1, 1,
		ALARM_OF_HUB, BUS_ERROR, true),
	RULE("events_lost", ALARM_EVENTS_LOST, ALARM_SUM, 900, ALARM_GREATER, 0, 1, 1, ALARM_OF_HUB,
		BUS_WARNING, true),
	RULE("certificate_ends", ALARM_CERTIFICATE_DAYS, ALARM_MINIMUM, 300, ALARM_LESS, 14, 1, 1,
		ALARM_OF_HUB, BUS_WARNING, true),
	RULE("certificate_ends_soon", ALARM_CERTIFICATE_DAYS, ALARM_MINIMUM, 300, ALARM_LESS, 2, 1,
		1, ALARM_OF_HUB, BUS_ERROR, true),
};
const size_t alarm_standard_count = sizeof(alarm_standard) / sizeof(alarm_standard[0]);

_Static_assert(
	sizeof(alarm_standard) / sizeof(alarm_standard[0]) + ALARM_OWN_MAX <= ALARM_RULES_MAX,
	"room for all of them");

const struct alarm_rule *alarm_rule_find(
	const struct alarm_rule *rules, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(rules[i].name, name))
			return &rules[i];
	}
	return NULL;
}

static bool name_is_good(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n && !name[n] && islower((unsigned char)name[0]);
}

const char *alarm_rule_wrong(const struct alarm_rule *r)
{
	if (!memchr(r->name, '\0', sizeof(r->name)) || !name_is_good(r->name))
		return "a name is of small letters, digits and '_', and begins with a letter";
	if (r->metric >= ALARM_METRICS || r->statistic >= ALARM_STATISTICS ||
		r->comparison >= ALARM_COMPARISONS || r->scope >= ALARM_SCOPES ||
		r->severity >= BUS_SEVERITIES)
		return "there is no such metric, statistic, comparison, scope or severity";
	if (!(scopes[r->metric] >> r->scope & 1))
		return "this metric is not known of that scope";
	if (r->period_s < ALARM_MINUTE_S || r->period_s % ALARM_MINUTE_S)
		return "a period is of whole minutes";
	if (!r->n || r->n > r->m || r->m > ALARM_DATAPOINTS)
		return "datapoints are N of M: N from 1 on, M from N to 60";
	if (r->period_s > ALARM_WINDOW_MAX_S || (uint64_t)r->period_s * r->m > ALARM_WINDOW_MAX_S)
		return "all periods together are longer than a day";
	if (!isfinite(r->threshold) || fabs(r->threshold) > 1e15)
		return "the threshold is no number, or too great";
	if (r->scope == ALARM_OF_HUB && (r->site[0] || r->group[0]))
		return "what is of the hub is of no site and no group";
	return NULL;
}

void alarm_rules_of(struct alarm_rules *to, const struct alarm_rule *own, size_t count)
{
	memset(to, 0, sizeof(*to));
	for (size_t i = 0; i < alarm_standard_count; i++) {
		const struct alarm_rule *r = alarm_rule_find(own, count, alarm_standard[i].name);

		r = r ? r : &alarm_standard[i];
		if (r->enabled)
			to->rules[to->count++] = *r;
	}
	for (size_t i = 0; i < count && to->count < ALARM_RULES_MAX; i++) {
		if (own[i].enabled &&
			!alarm_rule_find(alarm_standard, alarm_standard_count, own[i].name))
			to->rules[to->count++] = own[i];
	}
}

bool alarm_rule_measures_same(const struct alarm_rule *a, const struct alarm_rule *b)
{
	return a->metric == b->metric && a->statistic == b->statistic && a->scope == b->scope &&
	       a->period_s == b->period_s && a->m == b->m;
}

bool alarm_rule_breached(const struct alarm_rule *r, double value)
{
	switch (r->comparison) {
	case ALARM_GREATER:
		return value > r->threshold;
	case ALARM_GREATER_EQUAL:
		return value >= r->threshold;
	case ALARM_LESS:
		return value < r->threshold;
	default:
		return value <= r->threshold;
	}
}

void alarm_rule_text(const struct alarm_rule *r, char text[ALARM_TEXT_SIZE])
{
	snprintf(text, ALARM_TEXT_SIZE, "%s %s %s %.15g in %u of %u periods of %u s",
		alarm_metric_names[r->metric], alarm_statistic_names[r->statistic],
		alarm_comparison_names[r->comparison], r->threshold, r->n, r->m, r->period_s);
}
