/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include "config/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const plan_effects[CHANGE_EFFECTS] = {
	[CHANGE_UNSAID] = "none",
	[CHANGE_ELSEWHERE] = "none",
	[CHANGE_LIVE] = "none",
	[CHANGE_NEXT] = "next",
	[CHANGE_SESSION] = "bgp-session",
	[CHANGE_JUDGED] = "tunnel-if-needed",
	[CHANGE_ANEW] = "tunnel",
	[CHANGE_TUNNEL] = "tunnel",
	[CHANGE_SITE] = "refused",
	[CHANGE_RESTART] = "refused",
};

bool plan_effect_named(const char *name, enum change_effect *most)
{
	bool found = false;

	if (!strcmp(name, "rekey"))
		name = plan_effects[CHANGE_NEXT];
	for (int e = 0; e < CHANGE_SITE; e++) {
		if (strcmp(plan_effects[e], name) != 0)
			continue;
		*most = (enum change_effect)e;
		found = true;
	}
	return found;
}

/* Structs of a configuration are zeroed before they are filled, so bytes tell. */
static bool differs(const struct walk_field *f, const void *was, const void *is)
{
	return memcmp((const char *)was + f->offset, (const char *)is + f->offset, f->size) != 0;
}

static struct change *add(
	struct plan *p, enum change_kind kind, const struct site_conf *site, int tunnel)
{
	struct change *c;

	p->changes = realloc(p->changes, (p->count + 1) * sizeof(*p->changes));
	if (!p->changes)
		abort();
	c = &p->changes[p->count++];
	*c = (struct change){.kind = kind, .tunnel = tunnel};
	if (site)
		memcpy(c->site, site->name, sizeof(c->site));
	/* What begins interrupts nothing; who removes something wants it gone. */
	c->effect = kind == CHANGE_ADDED ? CHANGE_LIVE : CHANGE_TUNNEL;
	return c;
}

static void compare(struct plan *p, const struct walk_field *fields, const struct site_conf *site,
	int tunnel, const void *was, const void *is)
{
	for (const struct walk_field *f = fields; f->key; f++) {
		struct change *c;

		if (!differs(f, was, is))
			continue;
		c = add(p, CHANGE_OF_OPTION, site, tunnel);
		c->option = f;
		c->effect = f->effect;
		(void)walk_write(f, was, c->was, sizeof(c->was));
		(void)walk_write(f, is, c->is, sizeof(c->is));
	}
}

static void compare_sites(struct plan *p, const struct site_conf *was, const struct site_conf *is)
{
	compare(p, options_site, is, -1, was, is);
	for (int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct tunnel_conf *old = &was->tunnels[t], *new = &is->tunnels[t];

		if (old->configured && new->configured)
			compare(p, options_tunnel, is, t, old, new);
		else if (old->configured != new->configured)
			(void)add(p, new->configured ? CHANGE_ADDED : CHANGE_REMOVED, is, t);
	}
}

struct plan *plan_make(const struct config *was, const struct config *is)
{
	struct plan *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	compare(p, options_concentrator, NULL, -1, &was->concentrator, &is->concentrator);
	for (uint32_t i = 0; i < is->site_count; i++) {
		const struct site_conf *old = config_site(was, is->sites[i].name);

		if (old)
			compare_sites(p, old, &is->sites[i]);
		else
			(void)add(p, CHANGE_ADDED, &is->sites[i], -1);
	}
	for (uint32_t i = 0; i < was->site_count; i++) {
		if (!config_site(is, was->sites[i].name))
			(void)add(p, CHANGE_REMOVED, &was->sites[i], -1);
	}
	return p;
}

void plan_free(struct plan *plan)
{
	if (plan)
		free(plan->changes);
	free(plan);
}

bool plan_refusal(const struct plan *plan, bool next_start, char *text, size_t size)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct change *c = &plan->changes[i];

		if (c->effect == CHANGE_RESTART && !next_start)
			snprintf(text, size,
				"concentrator.%s cannot change while sluiced runs; `sluice apply "
				"--next-start` has it in force when it starts again; nothing was "
				"applied",
				c->option->key);
		else if (c->effect == CHANGE_SITE) /* what a tunnel was made for stays */
			snprintf(text, size,
				"site %s: class and bandwidth cannot change; create another site, "
				"migrate, and remove this one; nothing was applied",
				c->site);
		else
			continue;
		return true;
	}
	return false;
}

static enum change_effect strongest(
	const struct walk_field *fields, const void *was, const void *is)
{
	enum change_effect effect = CHANGE_UNSAID;

	for (const struct walk_field *f = fields; f->key; f++) {
		if (f->effect > effect && differs(f, was, is))
			effect = f->effect;
	}
	return effect;
}

enum change_effect plan_tunnel_effect(
	const struct site_conf *was, const struct site_conf *is, unsigned int t)
{
	const struct tunnel_conf *old = &was->tunnels[t], *new = &is->tunnels[t];
	enum change_effect all, own;

	if (!old->configured && !new->configured)
		return CHANGE_UNSAID;
	if (old->configured != new->configured)
		return CHANGE_TUNNEL;
	all = strongest(options_site, was, is);
	if (all == CHANGE_SESSION && was->routing == ROUTING_STATIC && is->routing == was->routing)
		all = CHANGE_LIVE; /* there is no session */
	own = strongest(options_tunnel, old, new);
	return all > own ? all : own;
}

static bool concerns(
	enum change_effect effect, const struct site_conf *site, const struct tunnel_conf *tunnel)
{
	switch (effect) {
	case CHANGE_NEXT: /* what the concentrator has of these two is for BGP */
	case CHANGE_SESSION:
		return site->routing == ROUTING_BGP;
	case CHANGE_JUDGED: /* authorities, and whom they have revoked */
		return tunnel->options.auth == AUTH_CERT;
	default:
		return effect > CHANGE_JUDGED;
	}
}

enum change_effect plan_hub_effect(const struct concentrator_conf *was,
	const struct concentrator_conf *is, const struct site_conf *site, unsigned int t)
{
	enum change_effect effect = CHANGE_UNSAID;

	for (const struct walk_field *f = options_concentrator; f->key; f++) {
		if (f->effect > effect && concerns(f->effect, site, &site->tunnels[t]) &&
			differs(f, was, is))
			effect = f->effect;
	}
	return effect;
}
