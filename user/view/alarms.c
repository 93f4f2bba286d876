/* SPDX-License-Identifier: Apache-2.0 */
/* The document of `sluice alarms`: what fires first, then by rule and site. */
#include "view/view.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct alarm_row *const *x = a, *const *y = b;
	int order = ((*y)->state == ALARM_ALARM) - ((*x)->state == ALARM_ALARM);

	if (!order)
		order = strcmp((*x)->key.rule, (*y)->key.rule);
	if (!order)
		order = strcmp((*x)->key.site, (*y)->key.site);
	return order ? order : (*x)->key.tunnel - (*y)->key.tunnel;
}

static json_t *time_or_null(uint64_t s)
{
	return s ? view_time(s * CLOCK_SECOND) : json_null();
}

static json_t *row_json(const struct alarm_row *row, const struct alarm_rule *rule)
{
	bool silent = row->silenced_until_s * CLOCK_SECOND > clock_wall();
	char text[ALARM_TEXT_SIZE];

	alarm_rule_text(rule, text);
	return json_pack("{s:s, s:o, s:o, s:s, s:s, s:s, s:f, s:o, s:o, s:o}", "rule", rule->name,
		"site", row->key.site[0] ? json_string(row->key.site) : json_null(), "tunnel",
		row->key.tunnel >= 0 ? json_integer(row->key.tunnel) : json_null(), "state",
		alarm_state_names[row->state], "severity", bus_severity_names[rule->severity],
		"condition", text, "value", row->value, "since", time_or_null(row->since_s),
		"acknowledged_by", row->acknowledged ? json_string(row->by) : json_null(),
		"silenced_until", silent ? time_or_null(row->silenced_until_s) : json_null());
}

json_t *view_alarms(const struct model *m, const struct site *site, bool hub, bool all)
{
	const struct alarm_table *t = &m->alarms;
	const struct alarm_row **shown = calloc(t->count + 1, sizeof(const struct alarm_row *));
	json_t *list = json_array();
	size_t n = 0;

	if (!shown)
		abort();
	for (size_t i = 0; i < t->count; i++) {
		const struct alarm_row *row = &t->rows[i];
		bool seen = row->key.site[0] ? site_find(m, row->key.site) != NULL : hub && !site;

		if (!seen || (site && strcmp(row->key.site, site->conf.name) != 0))
			continue;
		if (all || row->state == ALARM_ALARM ||
			row->silenced_until_s * CLOCK_SECOND > clock_wall())
			shown[n++] = row;
	}
	qsort(shown, n, sizeof(const struct alarm_row *), compare);
	for (size_t i = 0; i < n; i++) {
		const struct alarm_rule *rule =
			alarm_rule_find(t->rules.rules, t->rules.count, shown[i]->key.rule);

		if (rule)
			json_array_append_new(list, row_json(shown[i], rule));
	}
	free(shown);
	return json_pack("{s:o}", "alarms", list);
}
