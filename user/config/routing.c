/* SPDX-License-Identifier: Apache-2.0 */
#include "config/routing.h"

#include "config/values.h"

#include <stdlib.h>
#include <string.h>

#define BFD_INTERVAL_US 300000
#define BFD_MULTIPLIER  3

static const struct bfd_conf bfd_defaults = {
	.interval_us = BFD_INTERVAL_US, .multiplier = BFD_MULTIPLIER};

static const struct walk_field bfd_fields[] = {
	{"interval", .read = read_bfd_interval, .offset = offsetof(struct bfd_conf, interval_us)},
	{"multiplier", .min = 2, .max = 50, .offset = offsetof(struct bfd_conf, multiplier),
		.size = sizeof(bfd_defaults.multiplier)},
	{.key = NULL},
};

bool read_bfd(struct walk *w, const yaml_node_t *node, void *to)
{
	struct bfd_conf *c = to;
	bool on = true;

	if (node->type != YAML_MAPPING_NODE && !read_bool(w, node, &on))
		return false;
	memset(c, 0, sizeof(*c));
	if (on) {
		c->interval_us = bfd_defaults.interval_us;
		c->multiplier = bfd_defaults.multiplier;
	}
	return node->type != YAML_MAPPING_NODE || walk_mapping(w, node, bfd_fields, c);
}

static bool read_network_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct networks_conf *n = to;

	n->count = index + 1;
	return read_prefix(w, node, &n->prefixes[index]);
}

bool read_networks(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, CONFIG_NETWORKS_MAX, read_network_item, to);
}

static bool read_accept_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct accept_conf *a = to;
	const char *text = walk_scalar(w, node);

	a->count = index + 1;
	return text && (prefix_rule_parse(text, &a->rules[index]) ||
			       walk_fail(w, node,
				       "'%.60s' is neither a prefix nor 'PREFIX le LENGTH', with a "
				       "length from that of the prefix up",
				       text));
}

bool read_accept(struct walk *w, const yaml_node_t *node, void *to)
{
	struct accept_conf *a = to;

	if (!walk_sequence(w, node, CONFIG_NETWORKS_MAX, read_accept_item, a))
		return false;
	return a->count ||
	       walk_fail(w, node, "the list is empty; 'propagate: off' takes nothing from a site");
}

/* ---- what the class of a site allows ---- */

bool read_bandwidth(struct walk *w, const yaml_node_t *node, void *to)
{
	static const char *const words[] = {
		[BANDWIDTH_STANDARD] = "standard", [BANDWIDTH_LARGE] = "large", NULL};
	struct site_conf *site = to;

	if (site->site_class != SITE_GATEWAY)
		return walk_fail(w, node,
			"bandwidth classes are for 'class: gateway'; a site of the concentrator "
			"has a 'rate'");
	return walk_choice(w, node, words, &site->bandwidth);
}

bool read_routing(struct walk *w, const yaml_node_t *node, void *to)
{
	static const char *const words[] = {
		[ROUTING_BGP] = "bgp", [ROUTING_STATIC] = "static", NULL};
	struct site_conf *site = to;

	if (!walk_choice(w, node, words, &site->routing))
		return false;
	if (site->routing == ROUTING_STATIC && site->site_class != SITE_GATEWAY)
		return walk_fail(w, node,
			"'static' is not possible on a concentrator: its sites speak BGP; "
			"'class: gateway' may");
	return true;
}

static bool read_static_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct statics_conf *s = to;

	s->count = index + 1;
	return read_prefix(w, node, &s->prefixes[index]);
}

bool read_static_routes(struct walk *w, const yaml_node_t *node, void *to)
{
	struct site_conf *site = to;

	if (site->site_class != SITE_GATEWAY)
		return walk_fail(w, node,
			"static routes are not possible on a concentrator: its sites announce "
			"their prefixes by BGP; 'prefixes' says which ones a site owns");
	return walk_sequence(w, node, CONFIG_STATICS_MAX, read_static_item, &site->statics);
}

bool read_ecmp(struct walk *w, const yaml_node_t *node, void *to)
{
	struct site_conf *site = to;

	if (!read_bool(w, node, &site->ecmp))
		return false;
	return !site->ecmp || site->site_class == SITE_GATEWAY ||
	       walk_fail(w, node,
		       "equal-cost paths are not possible on a concentrator: one tunnel of a "
		       "site carries what goes to it; 'class: gateway' may");
}

/* ---- who owns what ---- */

static bool overlap(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

bool config_same_place(const struct site_conf *a, const struct site_conf *b)
{
	return a == b || (a->group[0] && !strcmp(a->group, b->group)) ||
	       !strcmp(a->takes_over, b->name) || !strcmp(b->takes_over, a->name);
}

/* Of which there is one at most; NULL: none. */
static const struct site_conf *taken_over_by(
	const struct config *c, const char *name, const struct site_conf *but)
{
	for (uint32_t i = 0; i < c->site_count; i++) {
		if (&c->sites[i] != but && !strcmp(c->sites[i].takes_over, name))
			return &c->sites[i];
	}
	return NULL;
}

static const struct site_conf *site_named(const struct config *c, const char *name)
{
	for (uint32_t i = 0; i < c->site_count; i++) {
		if (!strcmp(c->sites[i].name, name))
			return &c->sites[i];
	}
	return NULL;
}

const struct site_conf *config_gives_way_to(const struct config *c, const struct site_conf *site)
{
	const struct site_conf *by = taken_over_by(c, site->name, site);

	if (site->takes_over[0])
		return site->takes_over_now ? NULL : site_named(c, site->takes_over);
	return by && by->takes_over_now ? by : NULL;
}

static bool check_takeover(struct walk *w, const struct draft *d, unsigned int s)
{
	const struct site_conf *site = &d->config->sites[s], *old, *another;
	const yaml_node_t *node = walk_find(w, d->sites[s], "takes_over");

	if (!site->takes_over[0])
		return !site->takes_over_now ||
		       walk_fail(w, d->sites[s], "site '%s': takes_over_now needs takes_over",
			       site->name);
	old = site_named(d->config, site->takes_over);
	another = taken_over_by(d->config, site->takes_over, site);
	if (!old || old == site)
		return walk_fail(w, node, "site '%s': takes_over: %s '%s'", site->name,
			old ? "another site is expected, and not" : "there is no site",
			site->takes_over);
	if (old->takes_over[0] || another)
		return walk_fail(w, node,
			"site '%s': takes_over: site '%s' %s site '%s', and one after the other is "
			"migrated",
			site->name, old->name, another ? "is taken over by" : "takes over",
			another ? another->name : old->takes_over);
	if (site->group[0] && strcmp(site->group, old->group))
		return walk_fail(w, node,
			"site '%s': takes_over: as long as it takes over site '%s' it is in the "
			"group of that one",
			site->name, old->name);
	return site->routing == old->routing ||
	       walk_fail(w, node,
		       "site '%s': takes_over: it has routing '%s' and site '%s' another: a static "
		       "route goes before BGP, so that neither could stand back",
		       site->name, site->routing == ROUTING_STATIC ? "static" : "bgp", old->name);
}

/* It would own what all others have. */
static bool check_claim_len(
	struct walk *w, const struct draft *d, unsigned int s, const struct ip_prefix *claim)
{
	unsigned int shortest = claim->addr.family == AF_INET ? 8 : 7; /* 10.0.0.0/8, fc00::/7 */
	char text[PREFIX_STR_SIZE];

	return claim->len >= shortest ||
	       walk_fail(w, d->sites[s],
		       "site '%s': prefix %s is too short to be owned by one site: whatever others "
		       "announce in it would be quarantined; 'accept' says what it may announce, "
		       "'allow_default' lets it announce a default route",
		       d->config->sites[s].name, prefix_format(claim, text));
}

/* What it owns it may announce, and a default route if that is allowed. */
static bool check_accept(struct walk *w, const struct draft *d, unsigned int s)
{
	const struct site_conf *site = &d->config->sites[s];
	const struct accept_conf *a = &site->accept;
	const struct ip_prefix defaults[] = {{{AF_INET, {0}}, 0}, {{AF_INET6, {0}}, 0}};
	char text[PREFIX_STR_SIZE];

	if (!a->count)
		return true;
	if (site->routing != ROUTING_BGP)
		return walk_fail(w, d->sites[s],
			"site '%s': 'accept' is about what a site announces by BGP", site->name);
	if (site->allow_default && !prefix_rules_permit(a->rules, a->count, &defaults[0]) &&
		!prefix_rules_permit(a->rules, a->count, &defaults[1]))
		return walk_fail(w, d->sites[s],
			"site '%s': allow_default has no effect: 'accept' has no default route",
			site->name);
	for (unsigned int i = 0; i < site->prefixes.count; i++) {
		if (!prefix_rules_permit(a->rules, a->count, &site->prefixes.prefixes[i]))
			return walk_fail(w, d->sites[s],
				"site '%s': it owns %s, which it may not announce: 'accept' does "
				"not "
				"have it",
				site->name, prefix_format(&site->prefixes.prefixes[i], text));
	}
	return true;
}

static bool check_claim(
	struct walk *w, const struct draft *d, unsigned int s, const struct ip_prefix *claim)
{
	const struct config *c = d->config;
	const struct networks_conf *own = &c->concentrator.networks;
	char mine[PREFIX_STR_SIZE], theirs[PREFIX_STR_SIZE], place[WALK_PLACE_SIZE];

	/* What lies within a network of the hub is never learned. */
	for (unsigned int i = 0; i < own->count; i++) {
		if (own->prefixes[i].len && prefix_covers(&own->prefixes[i], claim))
			return walk_fail(w, d->sites[s],
				"site '%s': prefix %s lies within %s of the hub", c->sites[s].name,
				prefix_format(claim, mine),
				prefix_format(&own->prefixes[i], theirs));
	}
	for (unsigned int other = 0; other < s; other++) {
		const struct networks_conf *n = &c->sites[other].prefixes;

		for (unsigned int i = 0;
			i < n->count && !config_same_place(&c->sites[s], &c->sites[other]); i++) {
			if (overlap(&n->prefixes[i], claim))
				return walk_fail(w, d->sites[s],
					"site '%s': prefix %s overlaps %s of site '%s' (%s)",
					c->sites[s].name, prefix_format(claim, mine),
					prefix_format(&n->prefixes[i], theirs),
					c->sites[other].name,
					walk_place(w, d->sites[s], d->sites[other], place));
		}
	}
	return true;
}

/* What has no effect without a BGP session. */
static bool check_only_bgp(struct walk *w, const yaml_node_t *node, const struct site_conf *site)
{
	static const char *const keys[] = {"bfd", "bgp_password", "bgp_transport", "ttl_security",
		"as_override", "allow_as_in", "max_prefixes_out"};
	bool ok = true;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const yaml_node_t *at = walk_find(w, node, keys[i]);

		if (at)
			ok = walk_fail(w, at,
				"site '%s': %s belongs to a BGP session, which a site with static "
				"routes has not",
				site->name, keys[i]);
	}
	return ok;
}

/* What does not go together within a site. */
static bool check_kind(struct walk *w, const yaml_node_t *node, const struct site_conf *site)
{
	const struct statics_conf *s = &site->statics;

	if (site->share_default && !site->allow_default)
		return walk_fail(
			w, node, "site '%s': share_default needs allow_default", site->name);
	if (site->routing == ROUTING_BGP) {
		if (!site->asn)
			return walk_fail(w, node, "site '%s': 'asn' is missing", site->name);
		return !s->count || walk_fail(w, node,
					    "site '%s': static routes do not go with BGP; "
					    "'routing: static' is needed",
					    site->name);
	}
	if (!s->count)
		return walk_fail(
			w, node, "site '%s': routing 'static' needs static_routes", site->name);
	if (site->ecmp)
		return walk_fail(w, node,
			"site '%s': equal-cost paths need BGP; with static routes one tunnel "
			"carries",
			site->name);
	if (!check_only_bgp(w, node, site))
		return false;
	return s->count <= site->max_prefixes_in ||
	       walk_fail(w, node, "site '%s': %u static routes, max_prefixes is %u", site->name,
		       s->count, site->max_prefixes_in);
}

/* It is a static route of the site, or of what it owns. */
static bool has_static(const struct site_conf *site, const struct ip_prefix *p)
{
	for (unsigned int i = 0; i < site->statics.count; i++) {
		if (prefix_equal(&site->statics.prefixes[i], p))
			return true;
	}
	for (unsigned int i = 0; i < site->prefixes.count; i++) {
		if (prefix_covers(&site->prefixes.prefixes[i], p))
			return true;
	}
	return false;
}

static bool take_statics(
	const struct site_conf *a, const struct site_conf *b, struct ip_prefix *shared)
{
	for (unsigned int i = 0; i < a->statics.count; i++) {
		if (!has_static(b, &a->statics.prefixes[i]))
			continue;
		*shared = a->statics.prefixes[i];
		return true;
	}
	return false;
}

bool config_are_rivals(
	const struct site_conf *a, const struct site_conf *b, struct ip_prefix *shared)
{
	for (unsigned int i = 0; i < a->prefixes.count; i++) {
		for (unsigned int k = 0; k < b->prefixes.count; k++) {
			if (!overlap(&a->prefixes.prefixes[i], &b->prefixes.prefixes[k]))
				continue;
			*shared = a->prefixes.prefixes[i];
			return true;
		}
	}
	return take_statics(a, b, shared) || take_statics(b, a, shared);
}

/* Another site that has this very route, or that owns it; its index, or site_count. */
static unsigned int rival(const struct config *c, unsigned int s, const struct ip_prefix *p)
{
	for (unsigned int o = 0; o < c->site_count; o++) {
		const struct site_conf *other = &c->sites[o];

		if (config_same_place(&c->sites[s], other))
			continue;
		if (has_static(other, p))
			return o;
	}
	return c->site_count;
}

static bool check_static(
	struct walk *w, const struct draft *d, unsigned int s, const struct ip_prefix *p)
{
	const struct config *c = d->config;
	const struct networks_conf *own = &c->concentrator.networks;
	unsigned int other = rival(c, s, p);
	char mine[PREFIX_STR_SIZE], theirs[PREFIX_STR_SIZE], place[WALK_PLACE_SIZE];

	prefix_format(p, mine);
	if (!p->len && !c->sites[s].allow_default)
		return walk_fail(w, d->sites[s], "site '%s': static route %s needs allow_default",
			c->sites[s].name, mine);
	for (unsigned int i = 0; i < own->count; i++) {
		if (own->prefixes[i].len && prefix_covers(&own->prefixes[i], p))
			return walk_fail(w, d->sites[s],
				"site '%s': static route %s lies within %s of the hub",
				c->sites[s].name, mine, prefix_format(&own->prefixes[i], theirs));
	}
	return other == c->site_count ||
	       walk_fail(w, d->sites[s], "site '%s': static route %s belongs to site '%s' (%s)",
		       c->sites[s].name, mine, c->sites[other].name,
		       walk_place(w, d->sites[s], d->sites[other], place));
}

/* Of all documents together: the first one stands for them. */
static bool refuse_count(struct walk *w, unsigned int count, const char *class, unsigned int most)
{
	char what[120];

	snprintf(what, sizeof(what), "there would be %u sites of class %s, and %u is the most",
		count, class, most);
	return walk_refuse(w, w->documents[0].name, 1, what);
}

/* Quotas: sites of each class. */
static bool check_counts(struct walk *w, const struct draft *d)
{
	static const struct {
		const char *name;
		unsigned int most;
	} classes[] = {
		[SITE_CONCENTRATOR] = {"concentrator", CONFIG_CONCENTRATED_MAX},
		[SITE_GATEWAY] = {"gateway", CONFIG_GATEWAYS_MAX},
	};
	unsigned int count[2] = {0};

	for (unsigned int s = 0; s < d->config->site_count; s++) {
		unsigned int class = d->config->sites[s].site_class;

		count[class]++;
	}
	/* None of them is one too many: any may go, whichever was read last. */
	for (unsigned int class = 0; class < 2; class ++) {
		if (count[class] > classes[class].most)
			return refuse_count(
				w, count[class], classes[class].name, classes[class].most);
	}
	return true;
}

static bool check_site_routing(struct walk *w, const struct draft *d, unsigned int s)
{
	const struct site_conf *site = &d->config->sites[s];
	bool ok = check_kind(w, d->sites[s], site);

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (site->bgp_family == AF_INET6 && site->tunnels[t].configured &&
			!addr_is_set(&site->tunnels[t].inside6.addr))
			ok = walk_fail(w, d->tunnels[s][t],
				"site '%s' tunnel %u: bgp_transport 'ipv6' needs inside6",
				site->name, t);
	}
	for (unsigned int i = 0; i < site->prefixes.count; i++)
		ok &= check_claim_len(w, d, s, &site->prefixes.prefixes[i]) &&
		      check_claim(w, d, s, &site->prefixes.prefixes[i]);
	ok &= check_accept(w, d, s);
	ok &= check_takeover(w, d, s);
	for (unsigned int i = 0; i < site->statics.count; i++)
		ok &= check_static(w, d, s, &site->statics.prefixes[i]);
	return ok;
}

bool check_routing(struct walk *w, const struct draft *d)
{
	bool ok = check_counts(w, d);

	for (unsigned int s = 0; s < d->config->site_count; s++)
		ok &= check_site_routing(w, d, s);
	return ok;
}
