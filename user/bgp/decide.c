/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/decide.h"

/* Paths of a prefix that are looked at: each neighbour has one at most. */
enum { CANDIDATES_MAX = RIB_PEERS_MAX };

static uint32_t med_of(const struct rib_path *p)
{
	return p->attrs->has_med ? p->attrs->med : 0; /* 9.1.2.2 c: none is the lowest */
}

/* Keeps the paths whose value is the smallest. */
static unsigned int keep_smallest(
	struct rib_path **paths, unsigned int n, uint32_t (*value)(const struct rib_path *))
{
	uint32_t smallest = UINT32_MAX;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (value(paths[i]) < smallest)
			smallest = value(paths[i]);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (value(paths[i]) == smallest)
			paths[kept++] = paths[i];
	}
	return kept;
}

/* What an operator empties goes behind everything else that leads there. */
static uint32_t draining_of(const struct rib_path *p)
{
	return p->peer->conf.draining;
}

static uint32_t hops_of(const struct rib_path *p)
{
	return p->attrs->hops;
}

static uint32_t origin_of(const struct rib_path *p)
{
	return p->attrs->origin;
}

static uint32_t source_of(const struct rib_path *p)
{
	return decide_source(p);
}

static uint32_t identifier_of(const struct rib_path *p)
{
	return p->peer->identifier;
}

/* c: a path goes when another of the same neighbouring AS has a lower MED. */
static unsigned int keep_lowest_med(struct rib_path **paths, unsigned int n)
{
	unsigned int kept = 0;
	bool beaten[CANDIDATES_MAX] = {false};

	for (unsigned int i = 0; i < n; i++) {
		uint32_t as = attr_path_first(paths[i]->attrs);

		for (unsigned int j = 0; j < n && !beaten[i]; j++) {
			beaten[i] = med_of(paths[j]) < med_of(paths[i]) &&
				    attr_path_first(paths[j]->attrs) == as;
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		if (!beaten[i])
			paths[kept++] = paths[i];
	}
	return kept;
}

static struct rib_path *lowest_tunnel(struct rib_path **paths, unsigned int n)
{
	struct rib_path *best = paths[0];

	for (unsigned int i = 1; i < n; i++) {
		if (paths[i]->peer->conf.tunnel < best->peer->conf.tunnel)
			best = paths[i];
	}
	return best;
}

/*
 * f and g. Between the two tunnels of one site the lower number decides, not what the device calls
 * itself on them (which tunnel is the primary one is predictable). So the identifier chooses a site, and
 * the tunnel number a path of that site.
 */
static struct rib_path *break_tie(struct rib_path **paths, unsigned int n)
{
	struct rib_path *all[CANDIDATES_MAX];
	unsigned int count = n;

	memcpy(all, paths, n * sizeof(*paths));
	n = keep_smallest(paths, n, identifier_of); /* f */

	uint32_t site = neighbor_site(&lowest_tunnel(paths, n)->peer->conf);

	n = 0;
	for (unsigned int i = 0; i < count; i++) {
		if (neighbor_site(&all[i]->peer->conf) == site)
			paths[n++] = all[i];
	}
	return lowest_tunnel(paths, n); /* in place of g, the lowest peer address */
}

/* What decides before f and g, in this order: the paths with the lowest value stay, all others have this fate. */
static const struct step {
	uint32_t (*value)(const struct rib_path *p);
	enum path_fate lost;
	bool within_as; /* only paths of the same neighbouring AS are compared */
} steps[] = {
	/* 9.1.1: every path is from another AS; the degree of preference is lower for what is drained. */
	{draining_of, PATH_DRAINING, false}, /* 9.1.1 */
	{hops_of, PATH_LONGER, false},       /* a */
	{origin_of, PATH_ORIGIN, false},     /* b */
	{med_of, PATH_MED, true},            /* c */
	/* d: there is no iBGP. e: every next hop is one tunnel away. */
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static unsigned int take_step(const struct step *s, struct rib_path **paths, unsigned int n)
{
	return s->within_as ? keep_lowest_med(paths, n) : keep_smallest(paths, n, s->value);
}

/* Leaves the paths between which only f and g decide. */
static unsigned int keep_equals(struct rib_path **paths, unsigned int n)
{
	for (int i = 0; i < STEPS; i++)
		n = take_step(&steps[i], paths, n);
	return n;
}

struct rib_path *decide_best(struct rib_path **paths, unsigned int n)
{
	n = keep_equals(paths, n);
	return n == 1 ? paths[0] : break_tie(paths, n); /* f, g */
}

/*
 * Equals are used together when they are of one location, and its sites have ecmp. Their AS paths
 * are as long, not the same: RFC 4271 leaves it open, and the connections of one location may end on
 * routers with different AS numbers.
 */
static bool may_share(const struct rib_path *best, const struct rib_path *p)
{
	const struct bgp_neighbor *a = &best->peer->conf, *b = &p->peer->conf;

	return a->ecmp && b->ecmp && a->group == b->group && decide_source(best) == SOURCE_BGP;
}

static void insert_share(struct route_shares *s, uint16_t tunnel)
{
	unsigned int at = s->count;

	while (at && s->tunnels[at - 1] > tunnel)
		at--;
	if (at == ROUTE_SHARES_MAX)
		return;
	s->count += s->count < ROUTE_SHARES_MAX;
	memmove(&s->tunnels[at + 1], &s->tunnels[at], (s->count - at - 1u) * sizeof(s->tunnels[0]));
	s->tunnels[at] = tunnel;
}

static bool is_share(const struct route_shares *s, const struct rib_path *p)
{
	for (unsigned int i = 0; i < s->count; i++) {
		if (s->tunnels[i] == p->peer->conf.tunnel)
			return true;
	}
	return false;
}

/* The best one, and the lowest of the others. */
static struct route_shares collect_shares(
	const struct rib_path *best, struct rib_path *const *equals, unsigned int n)
{
	struct route_shares s = {0};

	for (unsigned int i = 0; i < n; i++) {
		if (may_share(best, equals[i]))
			insert_share(&s, (uint16_t)equals[i]->peer->conf.tunnel);
	}
	if (s.count == ROUTE_SHARES_MAX && !is_share(&s, best))
		s.tunnels[ROUTE_SHARES_MAX - 1] = (uint16_t)best->peer->conf.tunnel;
	return s.count > 1 ? s : (struct route_shares){0};
}

static struct rib_path *choose(struct rib_path **paths, unsigned int n, struct route_shares *shares)
{
	struct rib_path *best = NULL, *equals[CANDIDATES_MAX];

	n = n > 1 ? keep_equals(paths, n) : n;
	if (n > 1) {
		memcpy(equals, paths, n * sizeof(*paths));
		best = break_tie(paths, n);
		*shares = collect_shares(best, equals, n);
	} else if (n) {
		best = paths[0];
	}
	return best;
}

static bool is_of_owner(
	const struct rib_prefix *e, const struct claim *claim, const struct rib_path *p)
{
	uint32_t origin = attr_path_origin(p->attrs);

	if (claim)
		return p->peer->conf.group == claim->group;
	return p->peer->conf.group == e->owner_group || (origin && origin == e->owner_as);
}

/* None of its owner's sessions is there to say that it is gone. */
static bool is_kept(const struct policy *policy, const struct rib_prefix *e)
{
	return e->owned && e->len && policy->absent && e->owner_group < POLICY_GROUPS &&
	       policy->absent[e->owner_group];
}

/* Keeps the paths of the owner of `rival`, or of the declared one. */
static unsigned int keep_owners(const struct rib_prefix *rival, const struct claim *claim,
	struct rib_path **paths, unsigned int n, struct decision *d)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (is_of_owner(rival, claim, paths[i])) {
			paths[kept++] = paths[i];
			continue;
		}
		d->quarantined = paths[i];
		d->rival = rival;
		d->told_otherwise |= !paths[i]->kept_out;
	}
	return kept;
}

struct guarding {
	const struct policy *policy;
	struct rib_path **paths;
	unsigned int n;
	struct decision *d;
};

/* rib_visit: keeps the owner of a prefix that lies within the one that is decided about. */
static bool keep_inner_owners(void *context, struct rib_prefix *inner)
{
	struct guarding *g = context;
	const struct ip_prefix prefix = rib_prefix_of(inner);

	/* What the configuration says cannot be lost to whoever comes in between. */
	if (!inner->owned || inner->best == g->policy->rib->statics ||
		claims_find(g->policy->claims, &prefix))
		return true;
	g->n = keep_owners(inner, NULL, g->paths, g->n, g->d);
	return g->n;
}

/* Nobody owns the prefix: those who own what lies around it and within. */
static unsigned int guard_relations(const struct policy *policy, const struct rib_prefix *e,
	struct rib_path **paths, unsigned int n, struct decision *d)
{
	struct guarding g = {.policy = policy, .paths = paths, .n = n, .d = d};
	const struct ip_prefix prefix = rib_prefix_of(e);
	const struct rib_prefix *around = rib_around(policy->rib, &prefix);

	while (around && around->len && !around->owned) {
		const struct ip_prefix p = rib_prefix_of(around);

		around = rib_around(policy->rib, &p);
	}
	if (around && around->len)
		g.n = keep_owners(around, NULL, paths, n, d);
	if (g.n)
		rib_each_within(policy->rib, &prefix, keep_inner_owners, &g);
	return g.n;
}

/* Leaves the owner's paths; without a declared owner, and when the owner has none, see above. */
static unsigned int guard(const struct policy *policy, const struct rib_prefix *e,
	const struct claim *claim, struct rib_path **paths, unsigned int n, struct decision *d)
{
	bool any = claim || is_kept(policy, e);

	if (e->len == 0 || !n)
		return n;
	if (!claim && decide_source(paths[0]) == SOURCE_STATIC)
		return n;
	for (unsigned int i = 0; e->owned && i < n && !any; i++)
		any = is_of_owner(e, claim, paths[i]);
	if (any)
		return keep_owners(e, claim, paths, n, d);
	return policy->rib ? guard_relations(policy, e, paths, n, d) : n;
}

static bool told_of(struct rib_path *const *paths, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (paths[i]->kept_out)
			return true;
	}
	return false;
}

/* Its owner is among those whose paths are left. */
static bool owner_announces(
	const struct rib_prefix *e, struct rib_path *const *paths, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (paths[i]->peer->conf.group == e->owner_group)
			return true;
	}
	return false;
}

/*
 * Who has it by the originating AS alone, as another connection of the same network, is the owner as soon as the one
 * before neither announces it nor is waited for: nobody else would be found when he, too, is away.
 */
static void set_owner(const struct policy *policy, struct rib_prefix *e, const struct claim *claim,
	const struct rib_path *best, bool owner_announces)
{
	e->held = !claim && !best && is_kept(policy, e);
	if (claim) {
		e->owned = true;
		e->owner_group = (uint16_t)claim->group;
		e->owner_as = 0;
	} else if (!best) {
		e->owned = e->held;
	} else if (!e->owned || !is_of_owner(e, NULL, best) ||
		   e->owner_group == best->peer->conf.group ||
		   (!owner_announces && !is_kept(policy, e))) {
		e->owned = true;
		e->owner_group = (uint16_t)best->peer->conf.group;
		e->owner_as = attr_path_origin(best->attrs);
	}
}

/* Why it is not the other tunnel of the best path's site. */
static enum path_fate fate_of_other(const struct policy *policy, const struct pool *pool,
	const struct rib_prefix *e, const struct rib_path *best)
{
	const struct ip_prefix prefix = rib_prefix_of(e);
	const struct bgp_neighbor *b = &best->peer->conf;

	for (struct rib_path *p = rib_path(pool, e->paths); p; p = rib_path(pool, p->next)) {
		const struct bgp_neighbor *n = &p->peer->conf;

		if (n->tunnel == b->tunnel || neighbor_site(n) != neighbor_site(b) ||
			policy_import(policy, p->peer, &prefix, p->attrs) != POLICY_ACCEPT)
			continue;
		for (int i = 0; i < STEPS; i++) {
			if (steps[i].value(p) > steps[i].value(best))
				return steps[i].lost;
		}
		return PATH_TUNNEL;
	}
	return PATH_BEST;
}

static struct path_count count(
	struct rib_path *const *paths, unsigned int n, const struct rib_path *best)
{
	struct path_count c = {.all = (uint16_t)n};

	for (unsigned int i = 0; i < n; i++) {
		const struct bgp_neighbor *b = &paths[i]->peer->conf;

		c.second += b->tunnel % TUNNELS_PER_SITE;
		c.site += neighbor_site(b) == neighbor_site(&best->peer->conf);
	}
	return c;
}

/* Whether the site that the path's site gives way to has what lies around. */
static bool gives_way(
	const struct policy *policy, const struct rib_prefix *e, const struct rib_path *p)
{
	uint32_t to = p->peer->conf.gives_way_to;
	struct ip_prefix prefix = rib_prefix_of(e);
	const struct rib_prefix *around =
		to && policy->rib ? rib_around(policy->rib, &prefix) : NULL;

	while (around && around->len) {
		if (around->best_tunnel != RIB_NO_TUNNEL &&
			around->best_tunnel / TUNNELS_PER_SITE == to - 1)
			return true;
		prefix = rib_prefix_of(around);
		around = rib_around(policy->rib, &prefix);
	}
	return false;
}

struct decision decide(const struct policy *policy, const struct pool *pool, struct rib_prefix *e)
{
	struct rib_path *paths[CANDIDATES_MAX];
	const struct ip_prefix prefix = rib_prefix_of(e);
	const struct claim *claim = claims_find(policy->claims, &prefix);
	struct decision d = {0};
	unsigned int n = 0, told = 0; /* of how many accepted paths people heard the contrary */
	bool announces;

	e->contested = false;
	if (e->network)
		return d;
	for (struct rib_path *p = rib_path(pool, e->paths); p && n < CANDIDATES_MAX;
		p = rib_path(pool, p->next)) {
		if (policy_import(policy, p->peer, &prefix, p->attrs) != POLICY_ACCEPT) {
			d.told_otherwise |= !p->kept_out;
			continue;
		}
		if (gives_way(policy, e, p)) {
			d.told_otherwise |= p->kept_out;
			continue;
		}
		paths[n++] = p;
		told += p->kept_out;
	}
	if (n > 1)
		n = keep_smallest(paths, n, source_of); /* static before BGP */
	n = guard(policy, e, claim, paths, n, &d);
	d.told_otherwise |= told && (!d.quarantined || told_of(paths, n));
	announces = owner_announces(e, paths, n);
	d.best = choose(paths, n, &d.shares);
	d.candidates = count(paths, n, d.best);
	if (d.best)
		d.other = (uint8_t)fate_of_other(policy, pool, e, d.best);
	e->contested = d.quarantined;
	set_owner(policy, e, claim, d.best, announces);
	return d;
}

/* ---- the same, step by step, for people ---- */

struct trial {
	const struct rib_path **all;
	enum path_fate *fates;
	unsigned int total;
	struct rib_path *left[CANDIDATES_MAX];
	unsigned int n;
};

/* Those that are no longer left have met this fate. */
static void mark_lost(struct trial *t, enum path_fate fate)
{
	for (unsigned int i = 0; i < t->total; i++) {
		bool is_left = false;

		for (unsigned int k = 0; k < t->n && !is_left; k++)
			is_left = t->left[k] == t->all[i];
		if (!is_left && t->fates[i] == PATH_BEST)
			t->fates[i] = fate;
	}
}

/* What becomes of a path that only the tie-breakers kept from being the best. */
static enum path_fate fate_of_equal(
	const struct rib_path *best, const struct rib_path *p, const struct route_shares *shares)
{
	const struct bgp_neighbor *a = &best->peer->conf, *b = &p->peer->conf;

	if (is_share(shares, p))
		return PATH_SHARES;
	if (may_share(best, p))
		return PATH_SURPLUS;
	if (a->ecmp && b->ecmp)
		return PATH_APART;
	if (a->group == b->group && a->ecmp != b->ecmp)
		return PATH_ALONE;
	return neighbor_site(a) == neighbor_site(b) || identifier_of(p) == identifier_of(best)
		       ? PATH_TUNNEL
		       : PATH_IDENTIFIER;
}

static void judge(struct trial *t)
{
	struct rib_path *best, *equals[CANDIDATES_MAX];
	struct route_shares shares;
	unsigned int n;

	for (int i = 0; i < STEPS; i++) {
		t->n = take_step(&steps[i], t->left, t->n);
		mark_lost(t, steps[i].lost);
	}
	if (!t->n)
		return;
	n = t->n;
	memcpy(equals, t->left, n * sizeof(equals[0]));
	best = n == 1 ? t->left[0] : break_tie(t->left, n);
	shares = collect_shares(best, equals, n);
	for (unsigned int i = 0; i < t->total; i++) {
		if (t->fates[i] == PATH_BEST && t->all[i] != best)
			t->fates[i] = fate_of_equal(best, t->all[i], &shares);
	}
}

/* Its owner keeps out all others; where there is none, of each path another prefix may be in the way. */
static const struct rib_prefix *rival_of(const struct policy *policy, const struct rib_prefix *e,
	const struct rib_path *path, const struct decision *all)
{
	struct rib_path *one[] = {(struct rib_path *)path};
	struct decision d = {0};

	if (all->rival != e)
		guard_relations(policy, e, one, 1, &d);
	return d.rival ? d.rival : all->rival;
}

unsigned int decide_explain(const struct policy *policy, const struct pool *pool,
	const struct rib_prefix *e, const struct rib_path *paths[RIB_PEERS_MAX],
	enum path_fate fates[RIB_PEERS_MAX], const struct rib_prefix *rivals[RIB_PEERS_MAX])
{
	const struct ip_prefix prefix = rib_prefix_of(e);
	struct trial t = {.all = paths, .fates = fates};
	struct decision d = {0};

	for (struct rib_path *p = rib_path(pool, e->paths); p && t.total < CANDIDATES_MAX;
		p = rib_path(pool, p->next)) {
		bool accepted = policy_import(policy, p->peer, &prefix, p->attrs) == POLICY_ACCEPT;

		fates[t.total] = e->network                ? PATH_HUB
				 : !accepted               ? PATH_REFUSED
				 : gives_way(policy, e, p) ? PATH_GIVES_WAY
							   : PATH_BEST;
		if (fates[t.total] == PATH_BEST)
			t.left[t.n++] = p;
		paths[t.total++] = p;
	}
	t.n = keep_smallest(t.left, t.n, source_of);
	mark_lost(&t, PATH_SOURCE);
	t.n = guard(policy, e, claims_find(policy->claims, &prefix), t.left, t.n, &d);
	mark_lost(&t, PATH_QUARANTINED);
	for (unsigned int i = 0; i < t.total; i++)
		rivals[i] = fates[i] == PATH_QUARANTINED ? rival_of(policy, e, paths[i], &d) : NULL;
	judge(&t);
	return t.total;
}
