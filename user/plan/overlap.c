/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefixes of two sites, or of a site and the hub, of which one lies in the other: declared, static, or announced now. They
 * go by in their order, so that whatever one lies in comes before it.
 */
#include "plan/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 512 /* prefixes around one another, equal ones too */

struct prefix_claim {
	struct ip_prefix prefix;
	uint32_t written; /* its number among those of the configuration; 0: it is announced */
	const struct site_conf *site; /* NULL: the hub's network */
	const char *how;
};

struct claim_list {
	struct prefix_claim *list;
	size_t count, room;
};

static void claim(struct claim_list *c, const struct ip_prefix *p, const struct site_conf *site,
	const char *how)
{
	if (!p->len)
		return; /* a default route lies around everything, and is allowed by a key of its own */
	if (c->count == c->room) {
		c->room = c->room ? 2 * c->room : 256;
		c->list = realloc(c->list, c->room * sizeof(*c->list));
		if (!c->list)
			abort();
	}
	c->list[c->count] = (struct prefix_claim){*p, (uint32_t)c->count + 1, site, how};
	c->count++;
}

/* What the configuration says. */
static void claim_written(struct claim_list *c, const struct config *config)
{
	const struct networks_conf *own = &config->concentrator.networks;

	for (uint32_t i = 0; i < own->count; i++)
		claim(c, &own->prefixes[i], NULL, "has");
	for (uint32_t s = 0; s < config->site_count; s++) {
		const struct site_conf *site = &config->sites[s];

		for (uint32_t i = 0; i < site->prefixes.count; i++)
			claim(c, &site->prefixes.prefixes[i], site, "declares");
		for (uint32_t i = 0; site->routing == ROUTING_STATIC && i < site->statics.count;
			i++)
			claim(c, &site->statics.prefixes[i], site, "has a static route to");
	}
}

static int by_prefix(const void *a, const void *b)
{
	const struct prefix_claim *x = a, *y = b;
	int order = prefix_compare(&x->prefix, &y->prefix);

	return order ? order : x->site < y->site ? -1 : x->site > y->site;
}

static bool are_one(const struct prefix_claim *a, const struct prefix_claim *b)
{
	return a->site == b->site || (a->site && b->site && config_same_place(a->site, b->site));
}

static void tell(
	struct finding_scope *s, const struct prefix_claim *in, const struct prefix_claim *around)
{
	char one[PREFIX_STR_SIZE], other[PREFIX_STR_SIZE], about[2 * PREFIX_STR_SIZE];
	struct finding *f;

	if (!in->site) { /* whose it is stands first */
		const struct prefix_claim *x = in;

		in = around;
		around = x;
	}
	prefix_format(&in->prefix, one);
	prefix_format(&around->prefix, other);
	snprintf(about, sizeof(about), "%s %s", one, other);
	f = finding_add(s, about, "site '%s' %s %s, and ", in->site->name, in->how, one);
	finding_is_of(f, in->site->name);
	if (around->site) {
		finding_text(f, "site '%s' %s %s", around->site->name, around->how, other);
		finding_is_of(f, around->site->name);
	} else {
		finding_text(f, "%s is a network of the hub", other);
	}
}

/*
 * What was told of two places. A prefix that is written down is told of once for each place that announces something in or
 * around it, so that a new one never hides behind one that has been there for long; of two that announce, one example is
 * enough to look at both.
 */
struct told {
	size_t places;
	bool *announced; /* of two places */
	bool *written;   /* of a prefix and a place */
};

static bool was_told(struct told *t, const struct prefix_claim *x, size_t a,
	const struct prefix_claim *y, size_t b)
{
	bool *said = &t->announced[a < b ? a * t->places + b : b * t->places + a], was;

	if (x->written && y->written)
		return false;
	if (x->written || y->written)
		said = &t->written[x->written ? x->written * t->places + b
					      : y->written * t->places + a];
	was = *said;
	*said = true;
	return was;
}

static size_t place(const struct finding_scope *s, const struct prefix_claim *x)
{
	return x->site ? 1 + (size_t)(x->site - s->config->sites) : 0;
}

/* All claims in their order go by; those that lie around the present one are on a stack. */
struct passing {
	struct finding_scope *scope;
	struct claim_list written;
	size_t next;                                 /* of these */
	const struct site_conf *of_slot[SITE_SLOTS]; /* whoever announces by BGP; NULL: nobody */
	struct told told;
	struct prefix_claim around[DEPTH_MAX];
	size_t depth;
};

static void pass(struct passing *p, const struct prefix_claim *x)
{
	while (p->depth && !prefix_covers(&p->around[p->depth - 1].prefix, &x->prefix))
		p->depth--;
	for (size_t k = 0; k < p->depth; k++) {
		const struct prefix_claim *y = &p->around[k];

		if (!are_one(x, y) &&
			!was_told(&p->told, x, place(p->scope, x), y, place(p->scope, y)))
			tell(p->scope, x, y);
	}
	if (p->depth < DEPTH_MAX)
		p->around[p->depth++] = *x;
}

/* What is written, and is before the claim; NULL: all that is left. */
static void pass_written(struct passing *p, const struct prefix_claim *before)
{
	for (; p->next < p->written.count; p->next++) {
		const struct prefix_claim *x = &p->written.list[p->next];

		if (before && by_prefix(x, before) > 0)
			return;
		pass(p, x);
	}
}

static void pass_route(void *context, const struct route_entry *e)
{
	struct passing *p = context;
	struct prefix_claim x = {
		.site = p->of_slot[e->tunnel / TUNNELS_PER_SITE % SITE_SLOTS], .how = "announces"};

	if (!x.site || !e->len)
		return;
	x.prefix = route_prefix(e);
	pass_written(p, &x);
	pass(p, &x);
}

static void find_announcers(struct passing *p, const struct model *m)
{
	for (uint32_t slot = 0; slot < SITE_SLOTS; slot++) {
		const struct site *from = m->sites[slot];
		const struct site_conf *site =
			from ? config_site(p->scope->config, from->conf.name) : NULL;

		p->of_slot[slot] = site && site->routing == ROUTING_BGP ? site : NULL;
	}
}

void finding_overlaps(struct finding_scope *s)
{
	const struct model *m = s->known ? s->known->model : NULL;
	struct passing *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	p->scope = s;
	claim_written(&p->written, s->config);
	if (p->written.count)
		qsort(p->written.list, p->written.count, sizeof(*p->written.list), by_prefix);
	p->told.places = s->config->site_count + 1;
	p->told.announced = calloc(p->told.places, p->told.places);
	p->told.written = calloc(p->written.count + 1, p->told.places);
	if (!p->told.announced || !p->told.written)
		abort();
	if (m && m->routes) {
		find_announcers(p, m);
		route_table_in_order(m->routes, pass_route, p);
	}
	pass_written(p, NULL);
	free(p->told.announced);
	free(p->told.written);
	free(p->written.list);
	free(p);
}
