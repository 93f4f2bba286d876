/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/event/alarms.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/event/event.h"
#include "hub/event/eventlog.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LATER_S                                                                                    \
	86400 /* a state that began later than so is none: a clock that was set back is not later by more */

void hub_alarms_rules(struct hub *h)
{
	struct alarm_rules *rules = &h->model.alarms.rules;

	const struct alarms_conf *c = &h->config->concentrator.alarms;

	alarm_rules_of(rules, c->rules, c->count);
	process_send(&h->processes[PROCESS_WATCH], IMSG_ALARM_RULES, -1, rules, sizeof(*rules));
}

void hub_alarms_begin(struct hub *h)
{
	alarm_table_clear(&h->model.alarms);
	h->model.alarms.known = true;
}

void hub_alarms_unheard(struct hub *h)
{
	alarm_table_clear(&h->model.alarms);
}

/* ---- what watch says ---- */

/* The rule, if there is one, and it is of such an object, which is there. */
static const struct alarm_rule *rule_of(
	const struct hub *h, const struct alarm_key *key, const struct site *site)
{
	const struct alarm_rules *rules = &h->model.alarms.rules;
	const struct alarm_rule *r = alarm_rule_find(rules->rules, rules->count, key->rule);

	if (!r || (r->scope == ALARM_OF_TUNNEL) != (key->tunnel >= 0) ||
		(r->scope == ALARM_OF_HUB) != !key->site[0])
		return NULL;
	if (r->scope == ALARM_OF_HUB)
		return r;
	if (!site || (r->site[0] && strcmp(r->site, site->conf.name) != 0))
		return NULL;
	if (key->tunnel >= 0 && !site->conf.tunnels[key->tunnel].configured)
		return NULL;
	return r;
}

static bool can_be(const struct imsg_alarm *m)
{
	uint64_t now_s = clock_wall() / CLOCK_SECOND;

	return m->key.tunnel >= -1 && m->key.tunnel < TUNNELS_PER_SITE &&
	       m->since_s <= now_s + LATER_S &&
	       m->silenced_until_s <= now_s + ALARM_SILENCE_MAX_S + LATER_S && isfinite(m->value);
}

struct search {
	const struct alarm_key *key;
	bool fires, found; /* what the last one that waits of this alarm says; there is one */
};

static void look_at(void *context, const struct bus_event *e)
{
	struct search *s = context;
	enum alarm_state state;

	if (e->kind != BUS_ALARM || e->tunnel != s->key->tunnel ||
		strcmp(e->site, s->key->site) != 0 || strcmp(e->reason, s->key->rule) != 0 ||
		!alarm_text_state(e->detail, &state))
		return;
	s->found = true;
	s->fires = state == ALARM_ALARM;
}

/* It has been said, and the event is on its way to watch, which does not know yet. */
static bool is_on_its_way(struct hub *h, const struct alarm_key *key, bool fires)
{
	struct search s = {.key = key};

	bus_each(eventlog_bus(h->events), look_at, &s);
	return s.found && s.fires == fires;
}

/* As an event, and in the log. */
static void publish(struct hub *h, const struct alarm_rule *r, struct site *site, int tunnel,
	enum bus_severity severity, const char *detail)
{
	char where[SITE_NAME_SIZE + 32] = "";

	if (site && tunnel >= 0)
		snprintf(where, sizeof(where), " of site %s tunnel %d", site->conf.name, tunnel);
	else if (site)
		snprintf(where, sizeof(where), " of site %s", site->conf.name);
	if (severity == BUS_INFO)
		log_info("alarm %s%s: %s", r->name, where, detail);
	else
		log_warn("alarm %s%s: %s", r->name, where, detail);
	hub_publish(h, &(struct happening){.kind = BUS_ALARM,
			       .severity = severity,
			       .site = site,
			       .tunnel = tunnel,
			       .reason = r->name,
			       .detail = detail});
}

static void tell(
	struct hub *h, const struct alarm_row *row, const struct alarm_rule *r, struct site *site)
{
	char text[ALARM_TEXT_SIZE], detail[BUS_DETAIL_SIZE];
	bool fires = row->state == ALARM_ALARM;

	if (is_on_its_way(h, &row->key, fires))
		return;
	alarm_rule_text(r, text);
	snprintf(detail, sizeof(detail), "%s: %s: %.15g", alarm_state_names[row->state], text,
		row->value);
	publish(h, r, site, row->key.tunnel, fires ? (enum bus_severity)r->severity : BUS_INFO,
		detail);
}

void hub_alarm_tell_test(
	struct hub *h, const struct alarm_rule *rule, struct site *site, int tunnel)
{
	char text[ALARM_TEXT_SIZE], detail[BUS_DETAIL_SIZE];

	alarm_rule_text(rule, text);
	snprintf(detail, sizeof(detail), "TEST: %s", text);
	publish(h, rule, site, tunnel, (enum bus_severity)rule->severity, detail);
}

void hub_alarms_heard(struct hub *h, const struct imsg_alarm *m)
{
	struct alarm_row row = {.key = m->key,
		.state = (enum alarm_state)m->state,
		.acknowledged = m->acknowledged,
		.since_s = m->since_s,
		.silenced_until_s = m->silenced_until_s,
		.value = m->value};
	struct site *site = m->key.site[0] ? site_find(&h->model, m->key.site) : NULL;
	const struct alarm_rule *r;

	if (m->gone) {
		alarm_table_remove(&h->model.alarms, &m->key);
		return;
	}
	if (!can_be(m)) {
		log_error("watch: an alarm that cannot be");
		return;
	}
	/* It was of what is gone meanwhile, or is not of this hub. */
	r = rule_of(h, &m->key, site);
	if (!r)
		return;
	memcpy(row.by, m->by, sizeof(row.by));
	if (alarm_table_put(&h->model.alarms, &row) && m->tell)
		tell(h, &row, r, site);
}
