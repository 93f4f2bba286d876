/* SPDX-License-Identifier: Apache-2.0 */
#include "config/alarms.h"

#include "config/values.h"

#include <stdio.h>
#include <string.h>

/* In YAML these need no quotes. */
static const char *const comparison_words[ALARM_COMPARISONS + 1] = {
	[ALARM_GREATER] = "above",
	[ALARM_GREATER_EQUAL] = "at_least",
	[ALARM_LESS] = "below",
	[ALARM_LESS_EQUAL] = "at_most",
};

static const struct alarm_rule plain = {.metric = ALARM_METRICS, /* it has to be said */
	.statistic = ALARM_AVERAGE,
	.comparison = ALARM_COMPARISONS, /* this, too */
	.scope = ALARM_OF_SITE,
	.severity = BUS_WARNING,
	.enabled = true,
	.period_s = 300,
	.n = 1,
	.m = 1};

/* What a rule of that name is where nothing more is said. */
static struct alarm_rule begins_as(const char *name)
{
	const struct alarm_rule *standard =
		alarm_rule_find(alarm_standard, alarm_standard_count, name);
	struct alarm_rule r = standard ? *standard : plain;

	snprintf(r.name, sizeof(r.name), "%s", name);
	return r;
}

/* ---- reading ---- */

static bool read_rule_name(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (!text)
		return false;
	if (strlen(text) >= ALARM_NAME_SIZE)
		return walk_fail(w, node, "'%.40s' is too long: 31 characters at most", text);
	strcpy(to, text);
	return true;
}

static bool read_period(struct walk *w, const yaml_node_t *node, void *to)
{
	static const struct walk_unit units[] = {
		{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0}};
	double seconds;
	uint32_t s;

	if (!walk_number(w, node, units, ALARM_MINUTE_S, ALARM_WINDOW_MAX_S, &seconds))
		return false;
	s = (uint32_t)seconds;
	memcpy(to, &s, sizeof(s));
	return true;
}

static bool read_threshold(struct walk *w, const yaml_node_t *node, void *to)
{
	static const struct walk_unit units[] = {{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
	double value;

	if (!walk_number(w, node, units, 0, 1e15, &value))
		return false;
	memcpy(to, &value, sizeof(value));
	return true;
}

static bool read_datapoints(struct walk *w, const yaml_node_t *node, void *to)
{
	struct alarm_rule *r = to;
	const char *text = walk_scalar(w, node);
	unsigned int n, m;
	char more;

	if (!text)
		return false;
	if (strlen(text) > 8 || sscanf(text, "%2u of %2u%c", &n, &m, &more) != 2)
		return walk_fail(w, node, "'%.40s' is not N of M, such as 2 of 3", text);
	r->n = n;
	r->m = m;
	return true;
}

#define AT(member)                                                                                 \
	.offset = offsetof(struct alarm_rule, member),                                             \
	.size = sizeof(((struct alarm_rule *)NULL)->member)

static const struct walk_field fields[] = {
	{"rule", read_rule_name, AT(name), .required = true},
	{"enabled", read_bool, AT(enabled)},
	{"metric", .words = alarm_metric_names, AT(metric)},
	{"statistic", .words = alarm_statistic_names, AT(statistic)},
	{"period", read_period, AT(period_s)},
	{"comparison", .words = comparison_words, AT(comparison)},
	{"threshold", read_threshold, AT(threshold)},
	{"datapoints", read_datapoints, .whole = true},
	{"scope", .words = alarm_scope_names, AT(scope)},
	{"severity", .words = bus_severity_names, AT(severity)},
	{"site", read_name, AT(site)},
	{"group", read_name, AT(group)},
	{.key = NULL},
};

static bool read_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct alarms_conf *a = to;
	struct alarm_rule *r = &a->rules[index];
	const char *wrong;

	a->count = index + 1;
	if (!walk_key(w, node, fields, "rule", r))
		return false;
	*r = begins_as(r->name);
	if (!walk_mapping(w, node, fields, r))
		return false;
	if (r->metric == ALARM_METRICS || r->comparison == ALARM_COMPARISONS ||
		(!walk_find(w, node, "threshold") &&
			!alarm_rule_find(alarm_standard, alarm_standard_count, r->name)))
		return walk_fail(w, node,
			"no standard rule is called '%s', and one of your own needs metric, "
			"comparison and "
			"threshold",
			r->name);
	if (alarm_rule_find(a->rules, index, r->name))
		return walk_fail(w, node, "the rule '%s' stands twice", r->name);
	wrong = alarm_rule_wrong(r);
	return !wrong || walk_fail(w, node, "the rule '%s' cannot be: %s", r->name, wrong);
}

bool read_alarms(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, ALARM_OWN_MAX, read_item, to);
}

/* ---- writing: what differs from how the rule begins ---- */

struct line {
	char *text;
	size_t size, len;
};

static void put(struct line *l, const char *key, const char *value)
{
	if (l->len < l->size)
		l->len += (size_t)snprintf(
			l->text + l->len, l->size - l->len, ", %s: %s", key, value);
}

static void write_rule(const struct alarm_rule *r, struct line *l)
{
	const struct alarm_rule base = begins_as(r->name);
	char text[64];

	if (r->enabled != base.enabled)
		put(l, "enabled", r->enabled ? "true" : "false");
	if (r->metric != base.metric)
		put(l, "metric", alarm_metric_names[r->metric]);
	if (r->statistic != base.statistic)
		put(l, "statistic", alarm_statistic_names[r->statistic]);
	snprintf(text, sizeof(text), "%u", r->period_s);
	if (r->period_s != base.period_s)
		put(l, "period", text);
	if (r->comparison != base.comparison)
		put(l, "comparison", comparison_words[r->comparison]);
	snprintf(text, sizeof(text), "%.15g", r->threshold);
	if (r->threshold != base.threshold || base.metric == ALARM_METRICS)
		put(l, "threshold", text);
	snprintf(text, sizeof(text), "%u of %u", r->n, r->m);
	if (r->n != base.n || r->m != base.m)
		put(l, "datapoints", text);
	if (r->scope != base.scope)
		put(l, "scope", alarm_scope_names[r->scope]);
	if (r->severity != base.severity)
		put(l, "severity", bus_severity_names[r->severity]);
	if (r->site[0])
		put(l, "site", r->site);
	if (r->group[0])
		put(l, "group", r->group);
}

void write_alarms(const void *from, char *text, size_t size)
{
	const struct alarms_conf *a = from;
	struct line l = {.text = text, .size = size};

	l.len = (size_t)snprintf(text, size, "[");
	for (uint32_t i = 0; i < a->count && l.len < size; i++) {
		l.len += (size_t)snprintf(
			text + l.len, size - l.len, "%s{rule: %s", i ? ", " : "", a->rules[i].name);
		write_rule(&a->rules[i], &l);
		if (l.len < size)
			l.len += (size_t)snprintf(text + l.len, size - l.len, "}");
	}
	if (l.len < size)
		snprintf(text + l.len, size - l.len, "]");
}
