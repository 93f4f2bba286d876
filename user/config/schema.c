/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document as a whole, by the tables of options.c. A site starts as a copy of the defaults, so
 * `defaults.tunnel` holds for every tunnel that does not say otherwise.
 */
#include "config/schema.h"

#include "config/options.h"
#include "config/routing.h"
#include "config/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Part of what is read as one when all of it is found. */
static bool note_part(struct walk *w, const yaml_node_t *node, void *to)
{
	struct draft_part *part = to;

	(void)w;
	part->nodes[part->count++] = node;
	return true;
}

static bool find_default_tunnel(struct walk *w, const yaml_node_t *node, struct draft *d)
{
	static const struct walk_field fields[] = {
		{"tunnel", .read = note_part, .whole = true}, {.key = NULL}};

	return walk_mapping(w, node, fields, &d->default_tunnel);
}

const yaml_node_t *schema_hub_value(struct walk *w, const struct draft *d, const char *key)
{
	const yaml_node_t *value = NULL;

	for (size_t i = 0; i < d->concentrator.count && !value; i++)
		value = walk_find(w, d->concentrator.nodes[i], key);
	return value;
}

/* What a tunnel inherits from its site and from the concentrator when it does not say. */
static void inherit(const struct concentrator_conf *c, struct site_conf *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		struct tunnel_conf *tunnel = &site->tunnels[t];

		order_algorithms(&tunnel->options, (enum proposal_order)tunnel->order);
		tunnel->packets.own_limits = site->site_class == SITE_GATEWAY;
		if (!addr_is_set(&tunnel->address))
			tunnel->address = site->address;
		if (!tunnel->certificate.chain[0] && !tunnel->certificate.key[0])
			memcpy(&tunnel->certificate, &c->certificate, sizeof(c->certificate));
		if (!tunnel->local_identity.type)
			memcpy(&tunnel->local_identity, &c->identity, sizeof(c->identity));
	}
	if (!site->outer_family)
		site->outer_family = site->address.family ? site->address.family : AF_INET;
}

/* The class comes first wherever it stands: what else a site may have follows from it. */
static bool read_class_first(struct walk *w, const yaml_node_t *node, struct site_conf *site)
{
	return walk_key(w, node, options_site, "class", site) &&
	       walk_key(w, node, options_site, "bandwidth", site);
}

/* What follows from the class and the bandwidth; each can be set otherwise. */
static void set_class_limits(const struct concentrator_conf *c, struct site_conf *site)
{
	static const struct {
		uint64_t rate, pps;
	} tunnels[] = {
		[BANDWIDTH_STANDARD] = {1250000000, 140000},
		[BANDWIDTH_LARGE] = {5000000000, 400000},
	};

	if (site->site_class == SITE_GATEWAY) {
		site->rate = tunnels[site->bandwidth].rate;
		site->pps = tunnels[site->bandwidth].pps;
		site->max_prefixes_in = 100;
		site->max_prefixes_out = 1000;
		return;
	}
	site->rate = c->site_rate;
	site->pps = c->site_pps;
	site->max_prefixes_in = 1000;
	site->max_prefixes_out = 5000;
}

/* A site of its own document has its name from the file, and may repeat it. */
static bool check_name(
	struct walk *w, const yaml_node_t *node, const struct site_conf *site, const char *file)
{
	if (!file)
		return node->type != YAML_MAPPING_NODE || walk_find(w, node, "name") ||
		       walk_fail(w, node, "key 'name' is missing");
	return !strcmp(site->name, file) ||
	       walk_fail(w, node, "name '%s' is not that of the file, '%s'", site->name, file);
}

/* file: the name that a document of its own has, or NULL */
static bool read_one_site(struct walk *w, const yaml_node_t *node, unsigned int index,
	const char *file, struct draft *d)
{
	struct site_conf *site = &d->config->sites[index];

	memcpy(site, &d->site, sizeof(*site));
	if (file)
		strncpy(site->name, file, sizeof(site->name) - 1);
	site->source_check = d->config->concentrator.source_check;
	if (!read_class_first(w, node, site))
		return false;
	set_class_limits(&d->config->concentrator, site);
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		memcpy(&site->tunnels[t], &d->tunnel, sizeof(d->tunnel));

	bool read = walk_mapping(w, node, options_site, site);

	if ((!check_name(w, node, site, file) || !read) && w->values_bad)
		return false;
	inherit(&d->config->concentrator, site);
	d->sites[index] = node;
	d->config->site_count = index + 1;

	const yaml_node_t *tunnels = walk_find(w, node, "tunnels");

	for (unsigned int t = 0; t < TUNNELS_PER_SITE && site->tunnels[t].configured; t++) {
		d->tunnels[index][t] = walk_node(w, tunnels, tunnels->data.sequence.items.start[t]);
	}
	return true;
}

static bool read_site(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	return read_one_site(w, node, index, NULL, to);
}

static bool read_sites(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, CONFIG_SITES_MAX, read_site, to);
}

/* What sites inherit, wherever it stands: it is read before them. */
static bool read_parts(struct walk *w, const yaml_node_t *root, struct draft *d)
{
	const yaml_node_t *concentrator = walk_find(w, root, "concentrator");
	const yaml_node_t *defaults = walk_find(w, root, "defaults");
	bool ok = true;

	if (concentrator)
		note_part(w, concentrator, &d->concentrator);
	strcpy(w->where, "defaults");
	if (defaults)
		ok = find_default_tunnel(w, defaults, d);
	w->where[0] = '\0';
	return ok;
}

static bool read_hub(struct walk *w, const yaml_node_t *root, struct draft *d)
{
	bool ok;

	if (!d->concentrator.count)
		return walk_fail(w, root, "key 'concentrator' is missing");
	strcpy(w->where, "concentrator");
	ok = walk_mappings(w, d->concentrator.nodes, d->concentrator.count, options_concentrator,
		&d->config->concentrator);
	strcpy(w->where, "defaults.tunnel");
	ok &= read_tunnel_options(w, d->default_tunnel.nodes, d->default_tunnel.count,
		options_default_tunnel, &d->tunnel);
	w->where[0] = '\0';
	d->config->tunnel_auth = d->tunnel.options.auth;
	return ok;
}

bool schema_read(struct walk *w, const yaml_node_t *root, const yaml_node_t *hub, struct draft *d)
{
	static const struct walk_field fields[] = {
		{"concentrator", .read = read_nothing},
		{"defaults", .read = read_nothing},
		{"sites", .read = read_sites},
		{.key = NULL},
	};
	static const struct walk_field hub_fields[] = {
		{"concentrator", .read = read_nothing},
		{"defaults", .read = read_nothing},
		{.key = NULL},
	};
	bool ok;

	memset(&d->site, 0, sizeof(d->site));
	memset(&d->tunnel, 0, sizeof(d->tunnel));
	walk_initials(options_concentrator, &d->config->concentrator);
	walk_initials(options_site, &d->site);
	set_default_algorithms(&d->tunnel.options);
	walk_initials(options_tunnel, &d->tunnel);
	if (root->type != YAML_MAPPING_NODE)
		return walk_fail(w, root, "a mapping with 'concentrator' and 'sites' expected");
	if (hub && hub->type != YAML_MAPPING_NODE)
		return walk_fail(w, hub, "a mapping with 'concentrator' and 'defaults' expected");
	ok = read_parts(w, root, d) && (!hub || read_parts(w, hub, d));
	ok &= read_hub(w, root, d);
	ok &= !hub || walk_mapping(w, hub, hub_fields, d);
	return walk_mapping(w, root, fields, d) && ok;
}

bool schema_read_site(struct walk *w, const yaml_node_t *root, const char *name, struct draft *d)
{
	if (d->config->site_count == CONFIG_SITES_MAX)
		return walk_fail(w, root, "there would be more than %u sites", CONFIG_SITES_MAX);
	return read_one_site(w, root, d->config->site_count, name, d);
}
