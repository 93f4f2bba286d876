/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = TUNNELS_PER_SITE + 1 }; /* of a rule: each tunnel, then the whole */

struct object {
	char site[SITE_NAME_SIZE];
	struct alarm *alarms[ALARM_RULES_MAX][PLACES];
};

struct alarm_set {
	struct alarm_rules rules;
	struct object *objects[ALARM_OBJECTS_MAX];
	size_t count;
};

struct alarm_set *alarm_set_new(void)
{
	struct alarm_set *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	return s;
}

static void object_free(struct object *o)
{
	for (int r = 0; r < ALARM_RULES_MAX; r++) {
		for (int p = 0; p < PLACES; p++)
			free(o->alarms[r][p]);
	}
	free(o);
}

void alarm_set_free(struct alarm_set *s)
{
	for (size_t i = 0; s && i < s->count; i++)
		object_free(s->objects[i]);
	free(s);
}

const struct alarm_rule *alarm_set_rule(const struct alarm_set *s, const char *name)
{
	return alarm_rule_find(s->rules.rules, s->rules.count, name);
}

static unsigned int place_of(int tunnel)
{
	return tunnel >= 0 && tunnel < TUNNELS_PER_SITE ? (unsigned int)tunnel : TUNNELS_PER_SITE;
}

static struct alarm_key key_of(
	const struct alarm_set *s, const struct object *o, uint32_t rule, int place)
{
	struct alarm_key key = {.tunnel = (int8_t)(place < TUNNELS_PER_SITE ? place : -1)};

	memcpy(key.rule, s->rules.rules[rule].name, sizeof(key.rule));
	memcpy(key.site, o->site, sizeof(key.site));
	return key;
}

/* NULL: it is not there, and is not to be made, or there are too many. */
static struct object *object_of(struct alarm_set *s, const char *site, bool make)
{
	struct object *o;

	for (size_t i = 0; i < s->count; i++) {
		if (!strcmp(s->objects[i]->site, site))
			return s->objects[i];
	}
	if (!make || s->count == ALARM_OBJECTS_MAX)
		return NULL;
	o = calloc(1, sizeof(*o));
	if (!o)
		abort();
	snprintf(o->site, sizeof(o->site), "%s", site);
	s->objects[s->count++] = o;
	return o;
}

static struct alarm *alarm_of(struct object *o, uint32_t rule, unsigned int place)
{
	struct alarm **a = &o->alarms[rule][place];

	if (*a)
		return *a;
	*a = calloc(1, sizeof(**a));
	if (!*a)
		abort();
	(*a)->unwritten = (*a)->unsaid = true; /* nobody knows of it */
	return *a;
}

static void drop(struct alarm_set *s, struct object *o, uint32_t rule, int place, alarm_gone *gone,
	void *context)
{
	struct alarm_key key = key_of(s, o, rule, place);

	gone(context, &key, o->alarms[rule][place]);
	free(o->alarms[rule][place]);
	o->alarms[rule][place] = NULL;
}

/* ---- rules ---- */

/* The alarms of an object in the order of the new rules. */
static void move(struct alarm_set *s, struct object *o, const struct alarm_rules *to,
	alarm_gone *gone, void *context)
{
	struct alarm *moved[ALARM_RULES_MAX][PLACES] = {0};

	for (uint32_t i = 0; i < s->rules.count; i++) {
		const struct alarm_rule *was = &s->rules.rules[i];
		const struct alarm_rule *is = alarm_rule_find(to->rules, to->count, was->name);

		for (int p = 0; p < PLACES; p++) {
			if (!o->alarms[i][p])
				continue;
			if (!is || is->scope != was->scope) {
				drop(s, o, i, p, gone, context);
				continue;
			}
			if (!alarm_rule_measures_same(was, is))
				alarm_begin_anew(o->alarms[i][p]);
			moved[is - to->rules][p] = o->alarms[i][p];
		}
	}
	memcpy(o->alarms, moved, sizeof(moved));
}

void alarm_set_rules(struct alarm_set *s, const struct alarm_rules *rules, alarm_fed *fed,
	alarm_gone *gone, void *context)
{
	for (size_t i = 0; i < s->count; i++)
		move(s, s->objects[i], rules, gone, context);
	s->rules = *rules;
	alarm_set_each(s, fed, context);
}

/* ---- minutes ---- */

static bool concerns(const struct alarm_rule *r, const char *site, const char *group)
{
	if ((r->scope == ALARM_OF_HUB) != !site[0])
		return false;
	return (!r->site[0] || !strcmp(r->site, site)) &&
	       (!r->group[0] || !strcmp(r->group, group));
}

static void feed(struct alarm_set *s, struct object *o, uint32_t rule, int tunnel,
	const struct sample *sample, const struct alarm_facts *facts, alarm_fed *fed, void *context)
{
	const struct alarm_rule *r = &s->rules.rules[rule];
	unsigned int place = place_of(tunnel);
	struct alarm_key key = key_of(s, o, rule, (int)place);
	struct alarm *a = alarm_of(o, rule, place);
	double value;
	bool there = alarm_measure((enum alarm_metric)r->metric, sample, facts, tunnel, &value);
	bool changed = alarm_feed(a, r, sample->at_s, there ? &value : NULL);

	fed(context, &key, r, a, changed);
}

void alarm_set_feed(struct alarm_set *s, const char *site, const char *group,
	const struct sample *sample, const struct alarm_facts *facts, alarm_fed *fed, void *context)
{
	struct object *o = object_of(s, site, true);

	for (uint32_t i = 0; o && i < s->rules.count; i++) {
		const struct alarm_rule *r = &s->rules.rules[i];

		if (!concerns(r, site, group))
			continue;
		if (r->scope != ALARM_OF_TUNNEL)
			feed(s, o, i, -1, sample, facts, fed, context);
		for (int t = 0; r->scope == ALARM_OF_TUNNEL && t < TUNNELS_PER_SITE; t++) {
			if (facts->configured[t])
				feed(s, o, i, t, sample, facts, fed, context);
		}
	}
}

/* The clock of the minutes may have been set back: then what is newer is not older. */
void alarm_set_minute(struct alarm_set *s, uint64_t at_s, alarm_gone *gone, void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct object *o = s->objects[i];
		bool any = false;

		for (uint32_t r = 0; r < s->rules.count; r++) {
			for (int p = 0; p < PLACES; p++) {
				if (o->alarms[r][p] &&
					o->alarms[r][p]->last_s + ALARM_GONE_S < at_s)
					drop(s, o, r, p, gone, context);
				any = any || o->alarms[r][p];
			}
		}
		if (any)
			s->objects[kept++] = o;
		else
			object_free(o);
	}
	s->count = kept;
}

/* ---- by key ---- */

static struct alarm *find(struct alarm_set *s, const struct alarm_key *key, bool make)
{
	const struct alarm_rule *r = alarm_set_rule(s, key->rule);
	struct object *o = r ? object_of(s, key->site, make) : NULL;
	unsigned int place = place_of(key->tunnel);

	if (!o)
		return NULL;
	return make ? alarm_of(o, (uint32_t)(r - s->rules.rules), place)
		    : o->alarms[r - s->rules.rules][place];
}

struct alarm *alarm_set_put(struct alarm_set *s, const struct alarm_key *key)
{
	return find(s, key, true);
}

struct alarm *alarm_set_find(struct alarm_set *s, const struct alarm_key *key)
{
	return find(s, key, false);
}

void alarm_set_each(struct alarm_set *s, alarm_fed *f, void *context)
{
	for (size_t i = 0; i < s->count; i++) {
		for (uint32_t r = 0; r < s->rules.count; r++) {
			for (int p = 0; p < PLACES; p++) {
				struct alarm_key key = key_of(s, s->objects[i], r, p);

				if (s->objects[i]->alarms[r][p])
					f(context, &key, &s->rules.rules[r],
						s->objects[i]->alarms[r][p], false);
			}
		}
	}
}
