/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/watch/alarms.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

struct watch_alarms {
	struct alarm_set *set;
	struct alarm_rules rules;
	struct store *store; /* NULL: the file is not open */
	void (*say)(void *context, const struct imsg_alarm *m);
	void *context;
	uint64_t now_s; /* of what is being said */
};

struct watch_alarms *watch_alarms_new(
	void (*say)(void *context, const struct imsg_alarm *m), void *context)
{
	struct watch_alarms *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->set = alarm_set_new();
	w->say = say;
	w->context = context;
	return w;
}

void watch_alarms_free(struct watch_alarms *w)
{
	if (w)
		alarm_set_free(w->set);
	free(w);
}

/* ---- told ---- */

static void on_changed(void *context, const struct alarm_key *key, const struct alarm_rule *rule,
	struct alarm *alarm, bool changed)
{
	(void)context, (void)key, (void)rule;
	alarm->unwritten = true;
	alarm->unsaid =
		alarm->unsaid || changed || alarm_is_due(alarm, alarm->last_s + ALARM_MINUTE_S);
}

static void on_anew(void *context, const struct alarm_key *key, const struct alarm_rule *rule,
	struct alarm *alarm, bool changed)
{
	(void)context, (void)key, (void)rule, (void)changed;
	alarm->unwritten = alarm->unsaid = true;
}

static void on_gone(void *context, const struct alarm_key *key, const struct alarm *alarm)
{
	const struct imsg_alarm m = {.key = *key, .state = ALARM_INSUFFICIENT_DATA, .gone = true};
	struct watch_alarms *w = context;

	(void)alarm;
	if (!w->store)
		return;
	store_forget_alarm(w->store, key);
	w->say(w->context, &m);
}

static void on_say(void *context, const struct alarm_key *key, const struct alarm_rule *rule,
	struct alarm *alarm, bool changed)
{
	struct watch_alarms *w = context;
	struct imsg_alarm m = {.key = *key,
		.state = alarm->state,
		.tell = alarm_is_due(alarm, w->now_s),
		.acknowledged = alarm->acknowledged,
		.since_s = alarm->since_s,
		.silenced_until_s = alarm->silenced_until_s,
		.value = alarm->value};

	(void)rule, (void)changed;
	alarm->unwritten = false;
	if (!alarm->unsaid)
		return;
	alarm->unsaid = false;
	memcpy(m.by, alarm->by, sizeof(m.by));
	w->say(w->context, &m);
}

void watch_alarms_written(struct watch_alarms *w, uint64_t now_s)
{
	w->now_s = now_s;
	alarm_set_each(w->set, on_say, w);
}

/* ---- the file ---- */

struct writing {
	struct store *store;
	bool ok;
};

static void on_write(void *context, const struct alarm_key *key, const struct alarm_rule *rule,
	struct alarm *alarm, bool changed)
{
	uint8_t bytes[ALARM_PACK_SIZE];
	struct writing *to = context;

	(void)changed;
	if (to->ok && alarm->unwritten)
		to->ok = store_put_alarm(to->store, key, bytes, alarm_write(alarm, rule, bytes));
}

static bool write_all(void *context, struct store *s)
{
	struct watch_alarms *w = context;
	struct writing to = {.store = s, .ok = true};

	alarm_set_each(w->set, on_write, &to);
	return to.ok;
}

static void on_row(void *context, const struct alarm_key *key, const uint8_t *bytes, size_t len)
{
	struct watch_alarms *w = context;
	const struct alarm_rule *r = alarm_set_rule(w->set, key->rule);
	struct alarm *a = r ? alarm_set_put(w->set, key) : NULL;

	if (!a) {
		store_forget_alarm(w->store, key); /* there is no such rule any more */
		return;
	}
	if (!alarm_read(a, r, bytes, len))
		log_warn("alarm %s of '%s' cannot be read, and begins anew", key->rule, key->site);
	a->unsaid = true;
}

bool watch_alarms_open(struct watch_alarms *w, struct store *s, char why[STORE_WHY_SIZE])
{
	w->store = s;
	store_also(s, write_all, w);
	return store_each_alarm(s, on_row, w, why);
}

void watch_alarms_close(struct watch_alarms *w)
{
	w->store = NULL;
	alarm_set_free(w->set);
	w->set = alarm_set_new();
	alarm_set_rules(w->set, &w->rules, on_anew, on_gone, w);
}

/* ---- what comes ---- */

void watch_alarms_rules(struct watch_alarms *w, const struct alarm_rules *rules)
{
	w->rules = *rules;
	if (w->rules.count > ALARM_RULES_MAX)
		w->rules.count = ALARM_RULES_MAX;
	alarm_set_rules(w->set, &w->rules, on_anew, on_gone, w);
}

void watch_alarms_samples(
	struct watch_alarms *w, const struct imsg_watch_sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct imsg_watch_sample *m = &samples[i];

		alarm_set_feed(w->set, m->site, m->group, &m->sample, &m->facts, on_changed, w);
		/* Hub says its own minute when it has said those of all sites. */
		if (!m->site[0])
			alarm_set_minute(w->set, m->sample.at_s, on_gone, w);
	}
}

void watch_alarms_events(struct watch_alarms *w, const struct bus_event *events, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct bus_event *e = &events[i];
		struct alarm_key key = {.tunnel = e->tunnel};
		enum alarm_state state;
		struct alarm *a;

		if (e->kind != BUS_ALARM || !alarm_text_state(e->detail, &state))
			continue;
		snprintf(key.rule, sizeof(key.rule), "%s", e->reason);
		memcpy(key.site, e->site, sizeof(key.site));
		a = alarm_set_find(w->set, &key);
		if (!a)
			continue;
		a->told = state == ALARM_ALARM;
		a->unwritten = true;
	}
}

void watch_alarms_command(struct watch_alarms *w, const struct imsg_alarm_command *m)
{
	struct alarm *a = alarm_set_find(w->set, &m->key);

	if (!a)
		return;
	if (m->acknowledge)
		(void)alarm_acknowledge(a, m->by);
	else
		a->silenced_until_s = m->until_s;
	a->unwritten = a->unsaid = true;
}
