/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/migration.h"

#include <stdio.h>
#include <string.h>

const char *const migration_states[MIGRATION_STATES] = {
	[MIGRATION_NONE] = "not begun",
	[MIGRATION_PREPARED] = "prepared",
	[MIGRATION_SHIFTED] = "shifted",
};

const char *const migration_steps[MIGRATION_STEPS] = {
	[MIGRATION_PREPARE] = "prepare",
	[MIGRATION_SHIFT] = "shift",
	[MIGRATION_FINISH] = "finish",
	[MIGRATION_BACK] = "back",
};

enum migration_step migration_step_named(const char *name)
{
	int step = 0;

	while (step < MIGRATION_STEPS && strcmp(migration_steps[step], name) != 0)
		step++;
	return (enum migration_step)step;
}

static uint32_t carrying(const struct site *site)
{
	uint32_t n = 0;

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct site_tunnel *state = &site->tunnels[t];

		n += site->conf.tunnels[t].configured && state->open &&
		     (site->conf.routing == ROUTING_STATIC || state->bgp.state == BGP_ESTABLISHED);
	}
	return n;
}

struct counting {
	struct migration *g;
	const struct model *m;
};

static void count_route(void *context, const struct route_entry *e)
{
	struct counting *c = context;
	const struct site *site = site_of_tunnel(c->m, e->tunnel);
	struct migration *g = c->g;

	if (!site)
		return;
	if (site->slot == g->new->slot)
		g->prefixes_new++;
	if (site->slot != g->old->slot)
		return;
	g->prefixes_old++;
	if (g->left_count < MIGRATION_LEFT_MAX)
		g->left[g->left_count++] = route_prefix(e);
}

void migration_look(
	struct migration *g, const struct model *m, const struct site *old, const struct site *new)
{
	struct counting c = {.g = g, .m = m};

	*g = (struct migration){.old = old, .new = new};
	if (!strcmp(new->conf.takes_over, old->conf.name))
		g->state = new->conf.takes_over_now ? MIGRATION_SHIFTED : MIGRATION_PREPARED;
	g->carries_old = carrying(old);
	g->carries_new = carrying(new);
	if (m->routes)
		route_table_read(m->routes, count_route, &c);
}

/* What only one place may have, both have as long as one takes over the other. */
static const char *no_way_back(const struct migration *g, char why[MIGRATION_WHY_SIZE])
{
	const struct site_conf *old = &g->old->conf, *new = &g->new->conf;
	bool grouped = new->group[0] && !strcmp(new->group, old->group);
	char text[PREFIX_STR_SIZE];
	struct ip_prefix shared;

	if (grouped || !config_are_rivals(old, new, &shared))
		return NULL;
	snprintf(why, MIGRATION_WHY_SIZE,
		"both sites have %s (prefixes or static_routes), which only one may have without a "
		"migration: take it from site '%s' first, or end that one: `sluice site delete %s`",
		prefix_format(&shared, text), new->name, new->name);
	return why;
}

static const char *why_not(
	const struct migration *g, enum migration_step step, char why[MIGRATION_WHY_SIZE])
{
	static const enum migration_state needed[MIGRATION_STEPS] = {
		[MIGRATION_PREPARE] = MIGRATION_NONE,
		[MIGRATION_SHIFT] = MIGRATION_PREPARED,
		[MIGRATION_FINISH] = MIGRATION_SHIFTED,
	};

	if (step == MIGRATION_BACK && g->state == MIGRATION_PREPARED)
		return no_way_back(g, why);
	if (step == MIGRATION_BACK)
		snprintf(why, MIGRATION_WHY_SIZE, "%s",
			g->state == MIGRATION_NONE ? "it is not begun" : "");
	else if (g->state > needed[step])
		snprintf(why, MIGRATION_WHY_SIZE, "it is %s already", migration_states[g->state]);
	else if (g->state < needed[step])
		snprintf(why, MIGRATION_WHY_SIZE, "it is %s%s; the step before comes first",
			migration_states[g->state], g->state == MIGRATION_NONE ? "" : " only");
	else
		why[0] = '\0';
	return why[0] ? why : NULL;
}

const char *migration_refusal(const struct migration *g, enum migration_step step, bool force,
	char why[MIGRATION_WHY_SIZE])
{
	char first[PREFIX_STR_SIZE];

	if (why_not(g, step, why))
		return why;
	if (step != MIGRATION_SHIFT && step != MIGRATION_FINISH)
		return NULL;
	if (!g->carries_new) {
		snprintf(why, MIGRATION_WHY_SIZE,
			"no tunnel of site '%s' carries: `sluice show tunnels %s` says why",
			g->new->conf.name, g->new->conf.name);
		return why;
	}
	if (step == MIGRATION_SHIFT || force || !g->prefixes_old)
		return NULL;
	prefix_format(&g->left[0], first);
	snprintf(why, MIGRATION_WHY_SIZE,
		"prefixes lead to site '%s' still (%u, such as %s): site '%s' does not have them, "
		"and "
		"they would be lost",
		g->old->conf.name, g->prefixes_old, first, g->new->conf.name);
	return why;
}
