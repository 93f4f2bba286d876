/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a new configuration interrupts, and whom it changes, by the plan of it. */
#include "config/node.h"
#include "hub/apply_pending.h"
#include "hub/event/event.h"
#include "hub/facts.h"
#include "hub/revision.h"
#include "plan/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was down already cannot be interrupted. */
static bool was_up(const struct hub *h, const struct tunnel_effect *e)
{
	const struct site *site = site_find(&h->model, e->site);

	return site &&
	       (site->tunnels[e->tunnel].open || site->tunnels[e->tunnel].ike.phase == TUNNEL_UP);
}

static void count_tunnel(const struct hub *h, const struct config *c, const struct tunnel_effect *e,
	struct apply_count *n)
{
	if (e->effect < CHANGE_PAUSE || !config_site(c, e->site) || !was_up(h, e))
		return; /* a site that is removed is told of as that */
	if (e->effect == CHANGE_PAUSE)
		n->paused++;
	else if (e->effect == CHANGE_SESSION)
		n->sessions++;
	else if (e->effect == CHANGE_JUDGED)
		n->judged++;
	else
		n->tunnels++;
}

/* What differs of the site itself is told of as changed. */
static bool is_the_same(const struct config *was, const struct config *is, const char *name)
{
	const struct site_conf *a = config_site(was, name), *b = config_site(is, name);

	return a && b && !memcmp(a, b, sizeof(*a));
}

void apply_count(struct apply_pending *p, enum plan_order order)
{
	struct hub *h = p->hub;
	const struct config *c = p->config;
	struct facts_pair *facts = facts_look(h, c, order, NULL);
	struct plan *plan = plan_make(h->config, c, &facts->is.known);
	struct apply_count *n = &p->count;
	const char *last = "";

	for (size_t i = 0; i < plan->tunnel_count; i++) {
		const struct tunnel_effect *e = &plan->tunnels[i];
		struct apply_count before = *n;

		count_tunnel(h, c, e, n);
		if (!memcmp(&before, n, sizeof(before)) || !strcmp(last, e->site) ||
			!is_the_same(h->config, c, e->site))
			continue;
		last = e->site;
		n->touched++;
	}
	free(facts);
	plan_free(p->plan);
	p->plan = plan;
}

/* ---- each site's own event ---- */

/* "rate 45M (was 44M)" */
static void tell_change(FILE *f, const struct change *c)
{
	static const char *const kinds[] = {[CHANGE_ADDED] = "added", [CHANGE_REMOVED] = "removed"};

	if (c->tunnel >= 0)
		fprintf(f, "tunnel %d ", c->tunnel);
	if (c->kind != CHANGE_OF_OPTION)
		fputs(kinds[c->kind], f);
	else
		fprintf(f, "%s %s (was %s)", c->option->key, c->is[0] ? c->is : "\"\"",
			c->was[0] ? c->was : "\"\"");
}

static void tell_site(
	struct hub *h, const struct apply_pending *p, const struct change *first, size_t count)
{
	const char *why = json_string_value(json_object_get(p->info, "why"));
	char text[BUS_DETAIL_SIZE] = "", actor[BUS_ACTOR_SIZE];
	FILE *f = fmemopen(text, sizeof(text) - 1, "w");

	if (!f)
		abort();
	fprintf(f, "revision %" PRIu64 ": ", revision_number(h));
	for (size_t i = 0; i < count; i++) {
		fputs(i ? ", " : "", f);
		tell_change(f, &first[i]);
	}
	fprintf(f, "; %s", why ? why : "");
	fclose(f);
	hub_publish(h, &(struct happening){.kind = BUS_CONFIG,
			       .site = site_find(&h->model, first->site),
			       .tunnel = -1,
			       .reason = p->back_to ? "CONFIG_ROLLED_BACK" : "CONFIG_APPLIED",
			       .detail = text,
			       .actor = hub_actor(json_object_get(p->info, "who"), actor)});
}

/* That a whole site goes is one change, and the last one of it. */
static bool is_gone(const struct change *c)
{
	return c->kind == CHANGE_REMOVED && c->tunnel < 0;
}

void apply_tell_sites(struct hub *h, const struct apply_pending *p, bool gone)
{
	const struct plan *plan = p->plan;
	size_t next;

	for (size_t i = 0; plan && i < plan->count; i = next) {
		const struct change *c = &plan->changes[i];

		next = i + 1;
		while (next < plan->count && !strcmp(plan->changes[next].site, c->site))
			next++;
		if (c->site[0] && is_gone(c) == gone && site_find(&h->model, c->site))
			tell_site(h, p, c, next - i);
	}
}
