/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a new configuration interrupts, by the plan of it. */
#include "hub/apply_pending.h"
#include "hub/facts.h"
#include "plan/plan.h"

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

void apply_count(
	struct hub *h, const struct config *c, enum plan_order order, struct apply_count *n)
{
	struct facts_pair *facts = facts_look(h, c, order);
	struct plan *plan = plan_make(h->config, c, &facts->is.known);
	const char *last = "";

	memset(n, 0, sizeof(*n));
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
	plan_free(plan);
	free(facts);
}
