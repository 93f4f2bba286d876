/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefixes of two sites, or of a site and the hub, of which one lies in the other: declared, static, or announced now. They
 * are sorted, so that whatever one lies in stands before it.
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
	const struct config *config;
	const struct model *model;
	struct prefix_claim *list;
	size_t count, room;
	uint32_t written;
};

static void claim(struct claim_list *c, const struct ip_prefix *p, const struct site_conf *site,
	bool written, const char *how)
{
	if (!p->len)
		return; /* a default route lies around everything, and is allowed by a key of its own */
	if (c->count == c->room) {
		c->room = c->room ? 2 * c->room : 256;
		c->list = realloc(c->list, c->room * sizeof(*c->list));
		if (!c->list)
			abort();
	}
	c->list[c->count++] = (struct prefix_claim){*p, written ? ++c->written : 0, site, how};
}

static void claim_route(void *context, const struct route_entry *e)
{
	struct claim_list *c = context;
	const struct site *from = site_of_tunnel(c->model, e->tunnel);
	const struct site_conf *site = from ? config_site(c->config, from->conf.name) : NULL;
	const struct ip_prefix p = route_prefix(e);

	if (site && site->routing == ROUTING_BGP)
		claim(c, &p, site, false, "announces");
}

static void claim_all(struct claim_list *c)
{
	const struct networks_conf *own = &c->config->concentrator.networks;

	for (uint32_t i = 0; i < own->count; i++)
		claim(c, &own->prefixes[i], NULL, true, "has");
	for (uint32_t s = 0; s < c->config->site_count; s++) {
		const struct site_conf *site = &c->config->sites[s];

		for (uint32_t i = 0; i < site->prefixes.count; i++)
			claim(c, &site->prefixes.prefixes[i], site, true, "declares");
		for (uint32_t i = 0; site->routing == ROUTING_STATIC && i < site->statics.count;
			i++)
			claim(c, &site->statics.prefixes[i], site, true, "has a static route to");
	}
	if (c->model && c->model->routes)
		route_table_read(c->model->routes, claim_route, c);
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

void finding_overlaps(struct finding_scope *s)
{
	struct claim_list c = {.config = s->config, .model = s->known ? s->known->model : NULL};
	const struct prefix_claim *stack[DEPTH_MAX];
	struct told told = {.places = s->config->site_count + 1};
	size_t depth = 0;

	claim_all(&c);
	told.announced = calloc(told.places, told.places);
	told.written = calloc(c.written + 1, told.places);
	if (!told.announced || !told.written)
		abort();
	if (c.count)
		qsort(c.list, c.count, sizeof(*c.list), by_prefix);
	for (size_t i = 0; i < c.count; i++) {
		const struct prefix_claim *x = &c.list[i];

		while (depth && !prefix_covers(&stack[depth - 1]->prefix, &x->prefix))
			depth--;
		for (size_t k = 0; k < depth; k++) {
			const struct prefix_claim *y = stack[k];

			if (!are_one(x, y) && !was_told(&told, x, place(s, x), y, place(s, y)))
				tell(s, x, y);
		}
		if (depth < DEPTH_MAX)
			stack[depth++] = x;
	}
	free(told.announced);
	free(told.written);
	free(c.list);
}
