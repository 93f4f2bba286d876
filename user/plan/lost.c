/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/lost.h"

#include "bgp/claims.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct looking {
	const struct plan_known *known;
	const struct config *is;
	struct claims claims;              /* by the number of the site of the candidate */
	uint32_t groups[CONFIG_SITES_MAX]; /* the first site of the same group */
	/* The site of the candidate; CONFIG_SITES_MAX: none that stays, or none that can lose any. */
	uint32_t of_slot[SITE_SLOTS];
	/* The same site as it is in force; NULL: it is not there yet. */
	const struct site_conf *had[CONFIG_SITES_MAX];
	/* Whether the site tells some other one less than now, of its default route, and of the others. */
	bool silenced[CONFIG_SITES_MAX][2];
	struct lost_routes *lost;
	bool any;
};

/* Whoever takes over another one is where that is. */
static uint32_t group_of(const struct config *c, uint32_t site)
{
	const char *old = c->sites[site].takes_over, *name = c->sites[site].group;

	for (uint32_t i = 0; old[0] && i < c->site_count; i++) {
		if (!strcmp(c->sites[i].name, old))
			return group_of(c, i);
	}
	for (uint32_t i = 0; name[0] && i < site; i++) {
		if (!strcmp(c->sites[i].group, name))
			return i;
	}
	return site;
}

static bool is_in(const struct ip_prefix *list, uint32_t count, const struct ip_prefix *p)
{
	for (uint32_t i = 0; i < count; i++) {
		if (prefix_equal(&list[i], p))
			return true;
	}
	return false;
}

static bool groups_differ(const struct looking *l)
{
	for (uint32_t i = 0; i < l->is->site_count; i++) {
		const struct site_conf *new = &l->is->sites[i], *old = l->had[i];

		if (old && (strcmp(old->group, new->group) ||
				   strcmp(old->takes_over, new->takes_over)))
			return true;
	}
	return false;
}

/* Whether another site may have what one has now, or the hub. */
static bool owners_differ(const struct looking *l)
{
	const struct concentrator_conf *a = &l->known->model->config->concentrator,
				       *b = &l->is->concentrator;

	if (a->asn != b->asn || memcmp(&a->networks, &b->networks, sizeof(a->networks)))
		return true;
	for (uint32_t i = 0; i < l->is->site_count; i++) {
		const struct site_conf *new = &l->is->sites[i], *old = l->had[i];

		if (old ? memcmp(&old->prefixes, &new->prefixes, sizeof(old->prefixes)) != 0
			: new->prefixes.count > 0)
			return true;
	}
	return groups_differ(l);
}

/* What is in force has passed all that it is judged by: what has not changed of that takes nothing away. */
static bool may_lose(const struct site_conf *was, const struct site_conf *is)
{
	return memcmp(&was->statics, &is->statics, sizeof(was->statics)) ||
	       memcmp(&was->accept, &is->accept, sizeof(was->accept)) ||
	       was->allow_as_in != is->allow_as_in || was->allow_default != is->allow_default ||
	       was->propagate != is->propagate;
}

/*
 * False: there is nobody whose routes are to be looked at. Of what is declared only what is new counts, unless groups
 * have changed: it overlaps nothing that another place declares, or the configuration would be refused.
 */
static bool collect(struct looking *l)
{
	bool all = owners_differ(l), regrouped = groups_differ(l), any = false;

	claims_clear(&l->claims);
	for (uint32_t i = 0; i < l->is->site_count; i++) {
		const struct networks_conf *own = &l->is->sites[i].prefixes;
		const struct networks_conf *old = l->had[i] ? &l->had[i]->prefixes : NULL;

		l->groups[i] = group_of(l->is, i);
		for (uint32_t n = 0; n < own->count; n++) {
			if (regrouped || !old ||
				!is_in(old->prefixes, old->count, &own->prefixes[n]))
				claims_add(&l->claims, &own->prefixes[n], i);
		}
	}
	claims_sort(&l->claims);
	for (uint32_t slot = 0; slot < SITE_SLOTS; slot++) {
		const struct site *site = l->known->model->sites[slot];
		const struct site_conf *is = site ? config_site(l->is, site->conf.name) : NULL;
		uint32_t i = is ? (uint32_t)(is - l->is->sites) : CONFIG_SITES_MAX;

		l->of_slot[slot] = CONFIG_SITES_MAX;
		if (!is || is->routing != site->conf.routing)
			continue;
		if (!all && !may_lose(&site->conf, is) && !l->silenced[i][false] &&
			!l->silenced[i][true])
			continue;
		l->of_slot[slot] = i;
		any = true;
	}
	return any;
}

static bool lies_in_hub(const struct config *c, const struct ip_prefix *p)
{
	const struct networks_conf *own = &c->concentrator.networks;

	for (uint32_t i = 0; i < own->count; i++) {
		if (own->prefixes[i].len && prefix_covers(&own->prefixes[i], p))
			return true;
	}
	return false;
}

static unsigned int passes_hub(const struct config *c, const struct route_facts *f)
{
	unsigned int n = 0;

	for (int i = 0; f && i < f->as_path_len && i < ROUTE_AS_PATH_SHOWN; i++)
		n += f->as_path[i] == c->concentrator.asn;
	return n;
}

__attribute__((format(printf, 2, 3))) static bool because(
	char why[REASON_TEXT_SIZE], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, REASON_TEXT_SIZE, format, args);
	va_end(args);
	return true;
}

/* What bgp would say of it: see bgp/policy.c, and guard() of bgp/decide.c. */
static bool is_lost(const struct looking *l, uint32_t s, const struct ip_prefix *p,
	const struct route_facts *facts, char why[REASON_TEXT_SIZE])
{
	const struct site_conf *site = &l->is->sites[s];
	bool is_static = site->routing == ROUTING_STATIC;
	const struct claim *claim = p->len ? claims_find(&l->claims, p) : NULL;
	char text[PREFIX_STR_SIZE];

	if (is_static && !is_in(site->statics.prefixes, site->statics.count, p))
		return because(why, "it is no static route of the site then");
	if (!site->propagate)
		return because(why, "propagate is off then");
	if (!is_static && passes_hub(l->is, facts) > site->allow_as_in)
		return because(why, "allow_as_in does not permit it then");
	if (!is_static && site->accept.count &&
		!prefix_rules_permit(site->accept.rules, site->accept.count, p))
		return because(why, "accept does not permit it then");
	if (!p->len && !site->allow_default)
		return because(why, "allow_default does not permit it then");
	if (lies_in_hub(l->is, p))
		return because(why, "it lies in a network of the hub then");
	if (claim && l->groups[claim->group] != l->groups[s])
		return because(why, "site '%s' declares %s then", l->is->sites[claim->group].name,
			prefix_format(&claim->prefix, text));
	return false;
}

static void look_at(void *context, const struct route_entry *e)
{
	struct looking *l = context;
	uint32_t slot = e->tunnel / TUNNELS_PER_SITE, s = l->of_slot[slot % SITE_SLOTS];
	const struct ip_prefix p = route_prefix(e);
	char why[REASON_TEXT_SIZE];
	struct lost_routes *lost;

	if (!e->installed || s == CONFIG_SITES_MAX)
		return;
	lost = &l->lost[s];
	if (is_lost(l, s, &p, route_table_facts(l->known->model->routes, e), why)) {
		if (!lost->count++) {
			lost->example = p;
			memcpy(lost->why, why, sizeof(why));
		}
		lost->over[e->tunnel % TUNNELS_PER_SITE] = true;
		l->any = true;
	} else if (l->silenced[s][!p.len]) {
		lost->untold++;
		lost->over[e->tunnel % TUNNELS_PER_SITE] = true;
		l->any = true;
	}
}

/* ---- what others hear of ---- */

static bool same_group(const struct site_conf *a, const struct site_conf *b)
{
	return a->group[0] && !strcmp(a->group, b->group);
}

/* Whether a route of one site is told to another one: see policy_export() of bgp/policy.c. */
static bool is_told(const struct config *c, const struct site_conf *of, const struct site_conf *to,
	bool is_default)
{
	return c->concentrator.site_to_site && to->routing == ROUTING_BGP && !same_group(of, to) &&
	       (!is_default || of->share_default) && (of->asn != to->asn || to->as_override);
}

static void look_who_hears(struct looking *l, uint32_t s)
{
	const struct config *was = l->known->model->config, *is = l->is;
	const struct site_conf *of = l->had[s];
	struct lost_routes *lost = &l->lost[s];

	for (uint32_t t = 0; of && t < is->site_count; t++) {
		const struct site_conf *to = l->had[t];
		bool less = false;

		for (int is_default = 0; to && t != s && is_default < 2; is_default++) {
			if (!is_told(was, of, to, is_default) ||
				is_told(is, &is->sites[s], &is->sites[t], is_default))
				continue;
			l->silenced[s][is_default] = less = true;
		}
		if (less && !lost->untold_to++)
			lost->first_untold = t;
	}
}

/* One of the networks covers it, or all of them together do. */
static bool is_announced(const struct networks_conf *n, const struct ip_prefix *p)
{
	bool inside = false;
	struct ip_prefix half = *p;

	for (uint32_t i = 0; i < n->count; i++) {
		if (prefix_covers(&n->prefixes[i], p))
			return true;
		inside |= prefix_covers(p, &n->prefixes[i]);
	}
	if (!inside)
		return false;
	half.len++;
	if (!is_announced(n, &half))
		return false;
	half.addr.bytes[p->len / 8] |= (uint8_t)(0x80 >> p->len % 8);
	return is_announced(n, &half);
}

static bool hears(const struct plan_known *k, const struct site_conf *site, unsigned int t)
{
	const struct site_tunnel *state = known_tunnel(k, site, t);

	return state && site->routing == ROUTING_BGP && state->bgp.state == BGP_ESTABLISHED;
}

/* What the hub announces of its own. */
static void look_at_network(struct looking *l, const struct ip_prefix *p)
{
	for (uint32_t s = 0; s < l->is->site_count; s++) {
		bool heard = false;

		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (!hears(l->known, &l->is->sites[s], t))
				continue;
			l->lost[s].over[t] = heard = l->any = true;
		}
		if (heard && !l->lost[s].unheard++)
			l->lost[s].unheard_example = *p;
	}
}

struct lost_routes *lost_find(const struct plan_known *k)
{
	const struct networks_conf *own;
	struct looking *l;
	struct lost_routes *lost;

	if (!k || !k->model->config || k->candidate == k->model->config || !k->model->routes)
		return NULL;
	l = calloc(1, sizeof(*l));
	lost = calloc(CONFIG_SITES_MAX, sizeof(*lost));
	if (!l || !lost)
		abort();
	l->known = k;
	l->is = k->candidate;
	l->lost = lost;
	own = &k->model->config->concentrator.networks;
	for (uint32_t s = 0; s < l->is->site_count; s++)
		l->had[s] = config_site(k->model->config, l->is->sites[s].name);
	for (uint32_t s = 0; s < l->is->site_count; s++)
		look_who_hears(l, s);
	if (collect(l))
		route_table_read(k->model->routes, look_at, l);
	for (uint32_t n = 0; n < own->count; n++) {
		if (!is_announced(&l->is->concentrator.networks, &own->prefixes[n]))
			look_at_network(l, &own->prefixes[n]);
	}
	if (!l->any) {
		free(lost);
		lost = NULL;
	}
	claims_fini(&l->claims);
	free(l);
	return lost;
}
