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
	{"interval", read_bfd_interval, offsetof(struct bfd_conf, interval_us), false},
	{"multiplier", read_bfd_multiplier, offsetof(struct bfd_conf, multiplier), false},
	{NULL, NULL, 0, false},
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

bool read_med_mode(struct walk *w, const yaml_node_t *node, void *to)
{
	static const char *const words[] = {
		[MED_EQUAL] = "equal", [MED_PRIMARY_BACKUP] = "primary-backup", NULL};

	return read_choice(w, node, words, to);
}

/* ---- V-03: what a concentrator does not do ---- */

bool read_target(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	(void)to;
	if (!text)
		return false;
	return !strcmp(text, "concentrator") || walk_fail(w, node,
							"'%.40s': sites of this hub end on its "
							"concentrator; there is no other target",
							text);
}

bool read_routing(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	(void)to;
	if (!text)
		return false;
	if (!strcmp(text, "static"))
		return walk_fail(w, node,
			"'static' is not possible on a concentrator: its sites speak BGP (V-03)");
	return !strcmp(text, "bgp") || walk_fail(w, node, "'%.40s' is not one of: bgp", text);
}

bool read_static_routes(struct walk *w, const yaml_node_t *node, void *to)
{
	(void)to;
	return walk_fail(w, node,
		"static routes are not possible on a concentrator: its sites announce their "
		"prefixes by BGP (V-03); 'prefixes' says which ones a site owns");
}

bool read_ecmp(struct walk *w, const yaml_node_t *node, void *to)
{
	bool on = false;

	(void)to;
	if (!read_bool(w, node, &on))
		return false;
	return !on ||
	       walk_fail(w, node,
		       "equal-cost paths are not possible on a concentrator: one tunnel of a "
		       "site carries what goes to it (V-03, R-08)");
}

/* ---- who owns what ---- */

static bool overlap(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

static bool same_place(const struct site_conf *a, const struct site_conf *b)
{
	return a == b || (a->group[0] && !strcmp(a->group, b->group));
}

static bool check_claim(
	struct walk *w, const struct draft *d, unsigned int s, const struct ip_prefix *claim)
{
	const struct config *c = d->config;
	const struct networks_conf *own = &c->concentrator.networks;
	char mine[PREFIX_STR_SIZE], theirs[PREFIX_STR_SIZE];

	/* what lies within a network of the hub is never learned. */
	for (unsigned int i = 0; i < own->count; i++) {
		if (own->prefixes[i].len && prefix_covers(&own->prefixes[i], claim))
			return walk_fail(w, d->sites[s],
				"site '%s': prefix %s lies within %s of the hub (R-05)",
				c->sites[s].name, prefix_format(claim, mine),
				prefix_format(&own->prefixes[i], theirs));
	}
	for (unsigned int other = 0; other < s; other++) {
		const struct networks_conf *n = &c->sites[other].prefixes;

		for (unsigned int i = 0;
			i < n->count && !same_place(&c->sites[s], &c->sites[other]); i++) {
			if (overlap(&n->prefixes[i], claim))
				return walk_fail(w, d->sites[s],
					"site '%s': prefix %s overlaps %s of site '%s' (line %u)",
					c->sites[s].name, prefix_format(claim, mine),
					prefix_format(&n->prefixes[i], theirs),
					c->sites[other].name, walk_line(d->sites[other]));
		}
	}
	return true;
}

bool check_routing(struct walk *w, const struct draft *d)
{
	const struct config *c = d->config;

	for (unsigned int s = 0; s < c->site_count; s++) {
		const struct site_conf *site = &c->sites[s];

		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (site->bgp_family == AF_INET6 && site->tunnels[t].configured &&
				!addr_is_set(&site->tunnels[t].inside6.addr))
				return walk_fail(w, d->tunnels[s][t],
					"site '%s' tunnel %u: bgp_transport 'ipv6' needs inside6",
					site->name, t);
		}
		for (unsigned int i = 0; i < site->prefixes.count; i++) {
			if (!check_claim(w, d, s, &site->prefixes.prefixes[i]))
				return false;
		}
	}
	return true;
}
