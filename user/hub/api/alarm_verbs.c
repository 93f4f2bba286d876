/* SPDX-License-Identifier: Apache-2.0 */
/* What people want of alarms. Watch keeps it, so that it outlives hub. */
#include "hub/api/api.h"

#include "base/clock.h"
#include "base/date.h"
#include "hub/event/alarms.h"
#include "hub/event/event.h"
#include "view/view.h"

#include <stdio.h>
#include <string.h>

static json_t *starting(const struct hub *h)
{
	if (h->model.alarms.known)
		return NULL;
	return problem_say(PROBLEM_STARTING, "the watch process, which knows, is starting");
}

json_t *hub_alarms_show(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	json_t *refusal = starting(h);

	if (refusal)
		return refusal;
	return view_alarms(access_seen(h), site, asker_may(access_asker(h), MAY_VIEW, ""), r->all);
}

/* Who asks, for whoever reads of it later. */
static void actor_of(const struct hub *h, char actor[BUS_ACTOR_SIZE])
{
	json_t *who = asker_json(access_asker(h));

	(void)hub_actor(who, actor);
	json_decref(who);
}

static const struct alarm_rule *rule_of(const struct hub *h, const struct imsg_api_request *r)
{
	const struct alarm_rules *rules = &h->model.alarms.rules;

	return alarm_rule_find(rules->rules, rules->count, r->rule);
}

static json_t *no_rule(const struct imsg_api_request *r)
{
	return problem_say(PROBLEM_NO_SUCH_ALARM,
		"no rule of an alarm is named '%s', or it is switched off", r->rule);
}

/* Whether the request is about that alarm, and of somebody who may act for what it is of. */
static bool is_meant(struct hub *h, const struct imsg_api_request *r, const struct alarm_key *key)
{
	const struct site *site;

	if (strcmp(key->rule, r->rule) != 0 || (r->site[0] && strcmp(key->site, r->site) != 0) ||
		(r->tunnel >= 0 && key->tunnel != r->tunnel))
		return false;
	if (!key->site[0])
		return asker_may(access_asker(h), MAY_OPERATE, "");
	site = site_find(access_seen(h), key->site);
	return site && asker_may(access_asker(h), MAY_OPERATE, site->conf.group);
}

/* Sends the command for each alarm that is meant; firing: for these only. Returns how many. */
static unsigned int command(
	struct hub *h, const struct imsg_api_request *r, bool firing, struct imsg_alarm_command *m)
{
	const struct alarm_table *t = &h->model.alarms;
	unsigned int count = 0;

	actor_of(h, m->by);
	for (size_t i = 0; i < t->count; i++) {
		if ((firing && t->rows[i].state != ALARM_ALARM) || !is_meant(h, r, &t->rows[i].key))
			continue;
		m->key = t->rows[i].key;
		process_send(&h->processes[PROCESS_WATCH], IMSG_ALARM_COMMAND, -1, m, sizeof(*m));
		count++;
	}
	return count;
}

static json_t *done(unsigned int count, const char *what)
{
	char text[PROBLEM_TEXT_SIZE];

	snprintf(text, sizeof(text), "%u alarm%s %s", count, count == 1 ? "" : "s", what);
	return json_pack("{s:s}", "ok", text);
}

json_t *hub_alarm_acknowledge(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	struct imsg_alarm_command m = {.acknowledge = true};
	json_t *refusal = starting(h);
	unsigned int count;

	(void)site;
	if (refusal || !rule_of(h, r))
		return refusal ? refusal : no_rule(r);
	count = command(h, r, true, &m);
	if (!count)
		return problem_say(PROBLEM_REFUSED,
			"no such alarm fires; `sluice alarms` lists those that do");
	return done(count, "acknowledged, until it ends");
}

static json_t *silence(
	struct hub *h, const struct imsg_api_request *r, uint64_t until_s, const char *what)
{
	struct imsg_alarm_command m = {.until_s = until_s};
	json_t *refusal = starting(h);
	unsigned int count;

	if (refusal || !rule_of(h, r))
		return refusal ? refusal : no_rule(r);
	count = command(h, r, false, &m);
	if (!count)
		return problem_say(PROBLEM_REFUSED,
			"there is no such alarm yet: each is there with the "
			"first minute of what it is of");
	return done(count, what);
}

json_t *hub_alarm_silence(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	uint64_t until_s =
		clock_wall() / CLOCK_SECOND + (r->for_s ? r->for_s : API_SILENCE_USUAL_S);
	char text[PROBLEM_TEXT_SIZE], time[DATE_TEXT_SIZE];

	(void)site;
	if (r->for_s > ALARM_SILENCE_MAX_S)
		return problem_say(PROBLEM_BAD_REQUEST, "30 days are the longest");
	snprintf(text, sizeof(text), "silent until %s", date_format((int64_t)until_s, time));
	return silence(h, r, until_s, text);
}

json_t *hub_alarm_unsilence(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	(void)site;
	return silence(h, r, 0, "told of again");
}

/* Goes all the way that an alarm goes, and says that it is none. */
json_t *hub_alarm_test(struct hub *h, struct site *site, const struct imsg_api_request *r)
{
	const struct alarm_rule *rule = rule_of(h, r);

	if (!rule)
		return no_rule(r);
	if ((rule->scope == ALARM_OF_HUB) != !site)
		return problem_say(PROBLEM_BAD_REQUEST, "the rule '%s' is of %s", rule->name,
			site ? "the hub" : "sites: one must be named");
	if ((rule->scope == ALARM_OF_TUNNEL) != (r->tunnel >= 0))
		return problem_say(PROBLEM_BAD_REQUEST, "the rule '%s' is of %s", rule->name,
			r->tunnel >= 0 ? "whole sites" : "tunnels: one must be named");
	if (!site && !asker_may(access_asker(h), MAY_OPERATE, ""))
		return problem_say(PROBLEM_FORBIDDEN, "you may not do that for the hub");
	hub_alarm_tell_test(h, rule, site, r->tunnel);
	return json_pack(
		"{s:s}", "ok", "it is told, as a test: `sluice events --kind alarm` has it");
}
