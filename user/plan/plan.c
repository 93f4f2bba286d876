/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include "config/options.h"
#include "plan/lost.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const plan_effects[CHANGE_EFFECTS] = {
	[CHANGE_UNSAID] = "none",
	[CHANGE_ELSEWHERE] = "none",
	[CHANGE_LIVE] = "none",
	[CHANGE_NEXT] = "next",
	[CHANGE_PAUSE] = "pause",
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

/* What the row says, or, where that depends on what is there, what it comes to for tunnel t of the site. */
static enum change_effect row_effect(const struct plan_known *k, const struct walk_field *f,
	const struct site_conf *site, unsigned int t)
{
	if (!k)
		return f->effect;
	if (!strcmp(f->key, "max_prefixes") && known_prefixes_over(k, site, t))
		return CHANGE_SESSION;
	/* Whether a tunnel ends is found out by all that concerns it: known_tunnel_effect(). */
	return f->effect == CHANGE_JUDGED ? CHANGE_NEXT : f->effect;
}

static bool is_endpoints(const struct walk_field *f)
{
	return f->offset == offsetof(struct concentrator_conf, endpoint_count);
}

/* See config_keep_router_id(). */
static bool stays(const struct walk_field *f, const struct concentrator_conf *was,
	const struct concentrator_conf *is)
{
	return f->offset == offsetof(struct concentrator_conf, router_id) &&
	       was->router_id_follows && is->router_id_follows;
}

bool plan_endpoint_moves(const struct concentrator_conf *was, const struct concentrator_conf *is,
	const struct site_conf *site, unsigned int t)
{
	struct ip_addr old = concentrator_local_address(was, site, t),
		       new = concentrator_local_address(is, site, t);

	return !addr_equal(&old, &new);
}

static bool has_device(const struct concentrator_conf *c, const char *name)
{
	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		if (!strcmp(c->endpoints[e].device, name))
			return true;
	}
	return false;
}

/* The data process gets its AF_XDP sockets at its start only, and starts anew for a device that was not there before. */
static bool data_starts_anew(
	const struct concentrator_conf *was, const struct concentrator_conf *is)
{
	for (uint32_t e = 0; is->dataplane != DATAPLANE_XFRM && e < is->endpoint_count; e++) {
		if (!has_device(was, is->endpoints[e].device))
			return true;
	}
	return false;
}

static enum change_effect endpoint_effect(const struct concentrator_conf *was,
	const struct concentrator_conf *is, const struct site_conf *site, unsigned int t)
{
	if (plan_endpoint_moves(was, is, site, t))
		return CHANGE_TUNNEL;
	if (data_starts_anew(was, is) || t >= was->endpoint_count || t >= is->endpoint_count ||
		strcmp(was->endpoints[t].device, is->endpoints[t].device))
		return CHANGE_PAUSE;
	return CHANGE_UNSAID;
}

/* What it comes to for those whom it concerns most. */
static enum change_effect endpoints_effect(const struct config *was, const struct config *is)
{
	enum change_effect most = CHANGE_LIVE, effect;

	for (uint32_t i = 0; i < was->site_count; i++) {
		const struct site_conf *site = &was->sites[i];

		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (!site->tunnels[t].configured)
				continue;
			effect = endpoint_effect(&was->concentrator, &is->concentrator, site, t);
			most = effect > most ? effect : most;
		}
	}
	return most;
}

/* Of what certificates are judged by, nothing else is the tunnels' own. */
static bool any_cert_ends(const struct plan_known *k, const struct config *is)
{
	for (uint32_t i = 0; i < is->site_count; i++) {
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			const struct site_conf *site = &is->sites[i];

			if (site->tunnels[t].options.auth == AUTH_CERT &&
				known_cert_ends(k, site, t))
				return true;
		}
	}
	return false;
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

/* NULL: it is the same. */
static struct change *compare(struct plan *p, const struct walk_field *f,
	const struct site_conf *site, int tunnel, const void *was, const void *is)
{
	struct change *c;

	if (!differs(f, was, is))
		return NULL;
	c = add(p, CHANGE_OF_OPTION, site, tunnel);
	c->option = f;
	c->effect = f->effect;
	(void)walk_write(f, was, c->was, sizeof(c->was));
	(void)walk_write(f, is, c->is, sizeof(c->is));
	return c;
}

static void compare_tunnels(struct plan *p, const struct plan_known *k, const struct site_conf *was,
	const struct site_conf *is, unsigned int t)
{
	for (const struct walk_field *f = options_tunnel; f->key; f++) {
		struct change *c = compare(p, f, is, (int)t, &was->tunnels[t], &is->tunnels[t]);

		if (c && k && (c->effect == CHANGE_JUDGED || c->effect == CHANGE_NEXT))
			c->effect = known_option_effect(k, f, was, is, t);
	}
}

/* Who has static routes before and afterwards has no session that could begin anew. */
static bool has_session(const struct site_conf *was, const struct site_conf *is)
{
	return was->routing != ROUTING_STATIC || is->routing != ROUTING_STATIC;
}

static void compare_sites(struct plan *p, const struct plan_known *k, const struct site_conf *was,
	const struct site_conf *is)
{
	for (const struct walk_field *f = options_site; f->key; f++) {
		struct change *c = compare(p, f, is, -1, was, is);

		if (c && c->effect == CHANGE_SESSION && !has_session(was, is))
			c->effect = CHANGE_LIVE;
		for (unsigned int t = 0; c && t < TUNNELS_PER_SITE; t++) {
			if (has_session(was, is) && row_effect(k, f, is, t) > c->effect)
				c->effect = row_effect(k, f, is, t);
		}
	}
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		bool old = was->tunnels[t].configured, new = is->tunnels[t].configured;

		if (old && new)
			compare_tunnels(p, k, was, is, t);
		else if (old != new)
			(void)add(p, new ? CHANGE_ADDED : CHANGE_REMOVED, is, (int)t);
	}
}

static bool any_has_session(const struct config *was, const struct config *is)
{
	for (uint32_t i = 0; i < was->site_count; i++) {
		const struct site_conf *new = config_site(is, was->sites[i].name);

		if (new &&has_session(&was->sites[i], new))
			return true;
	}
	return false;
}

static void compare_concentrators(struct plan *p, const struct plan_known *k,
	const struct config *was, const struct config *is)
{
	for (const struct walk_field *f = options_concentrator; f->key; f++) {
		struct change *c;

		if (stays(f, &was->concentrator, &is->concentrator))
			continue;
		c = compare(p, f, NULL, -1, &was->concentrator, &is->concentrator);
		if (c && is_endpoints(f))
			c->effect = endpoints_effect(was, is);
		if (c && k && c->effect == CHANGE_JUDGED)
			c->effect = any_cert_ends(k, is) ? CHANGE_ANEW : CHANGE_NEXT;
		if (c && c->effect == CHANGE_SESSION && !any_has_session(was, is))
			c->effect = CHANGE_LIVE;
	}
}

static void add_tunnel(
	struct plan *p, const struct site_conf *site, unsigned int t, enum change_effect effect)
{
	p->tunnels = realloc(p->tunnels, (p->tunnel_count + 1) * sizeof(*p->tunnels));
	if (!p->tunnels)
		abort();
	p->tunnels[p->tunnel_count] = (struct tunnel_effect){.tunnel = t, .effect = effect};
	memcpy(p->tunnels[p->tunnel_count++].site, site->name, sizeof(site->name));
}

/* The tunnels of a site that goes on as `is`, or ends. */
static void add_tunnels(struct plan *p, const struct plan_known *k, const struct lost_routes *lost,
	const struct config *was, const struct config *is, const struct site_conf *old)
{
	static const struct site_conf none;
	const struct site_conf *new = config_site(is, old->name);

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		enum change_effect effect = plan_tunnel_effect(k, old, new ? new : &none, t), all;

		if (!old->tunnels[t].configured)
			continue; /* what begins interrupts nothing */
		if (new &&new->tunnels[t].configured) {
			all = plan_hub_effect(k, &was->concentrator, &is->concentrator, new, t);
			if (all > effect && all < CHANGE_SITE)
				effect = all;
			all = known_tunnel_effect(k, old, new, t);
			if (all > effect)
				effect = all;
			/* For whom they carry it is as if their session had ended. */
			if (lost && lost[new - is->sites].over[t] && effect < CHANGE_SESSION)
				effect = CHANGE_SESSION;
		}
		if (effect != CHANGE_UNSAID)
			add_tunnel(p, old, t, effect);
	}
}

static void find_most(struct plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->changes[i].kind == CHANGE_OF_OPTION && p->changes[i].effect > p->most)
			p->most = p->changes[i].effect;
	}
	for (size_t i = 0; i < p->tunnel_count; i++) {
		if (p->tunnels[i].effect > p->most)
			p->most = p->tunnels[i].effect;
	}
}

struct plan *plan_make(
	const struct config *was, const struct config *is, const struct plan_known *k)
{
	struct plan *p = calloc(1, sizeof(*p));
	struct lost_routes *lost;

	if (!p)
		abort();
	lost = lost_find(k);
	compare_concentrators(p, k, was, is);
	for (uint32_t i = 0; i < is->site_count; i++) {
		const struct site_conf *old = config_site(was, is->sites[i].name);

		if (old)
			compare_sites(p, k, old, &is->sites[i]);
		else
			(void)add(p, CHANGE_ADDED, &is->sites[i], -1);
	}
	for (uint32_t i = 0; i < was->site_count; i++) {
		if (!config_site(is, was->sites[i].name))
			(void)add(p, CHANGE_REMOVED, &was->sites[i], -1);
		add_tunnels(p, k, lost, was, is, &was->sites[i]);
	}
	free(lost);
	find_most(p);
	return p;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->changes);
	free(plan->tunnels);
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

static enum change_effect strongest(const struct plan_known *k, const struct walk_field *fields,
	const struct site_conf *site, unsigned int t, const void *was, const void *is)
{
	enum change_effect effect = CHANGE_UNSAID, row;

	for (const struct walk_field *f = fields; f->key; f++) {
		if (!differs(f, was, is))
			continue;
		row = row_effect(k, f, site, t);
		effect = row > effect ? row : effect;
	}
	return effect;
}

enum change_effect plan_tunnel_effect(const struct plan_known *k, const struct site_conf *was,
	const struct site_conf *is, unsigned int t)
{
	const struct tunnel_conf *old = &was->tunnels[t], *new = &is->tunnels[t];
	enum change_effect all, own;

	if (!old->configured && !new->configured)
		return CHANGE_UNSAID;
	if (old->configured != new->configured)
		return CHANGE_TUNNEL;
	all = strongest(k, options_site, is, t, was, is);
	if (all == CHANGE_SESSION && !has_session(was, is))
		all = CHANGE_LIVE;
	own = strongest(k, options_tunnel, is, t, old, new);
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

enum change_effect plan_hub_effect(const struct plan_known *k, const struct concentrator_conf *was,
	const struct concentrator_conf *is, const struct site_conf *site, unsigned int t)
{
	enum change_effect effect = CHANGE_UNSAID, row;

	for (const struct walk_field *f = options_concentrator; f->key; f++) {
		if (!concerns(f->effect, site, &site->tunnels[t]) || !differs(f, was, is) ||
			stays(f, was, is))
			continue;
		row = is_endpoints(f) ? endpoint_effect(was, is, site, t)
				      : row_effect(k, f, site, t);
		effect = row > effect ? row : effect;
	}
	return effect;
}
