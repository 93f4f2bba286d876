/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and networks that are well formed and still cannot be what they are written for. */
#include "config/schema.h"

#include <stdio.h>
#include <string.h>

/* RFC 6890: what is never a host of somebody else, or a network that is routed to. */
static const struct {
	const char *name;
	struct ip_prefix prefix;
} special[] = {
	{"of this network", {{AF_INET, {0}}, 8}},
	{"loopback", {{AF_INET, {127}}, 8}},
	{"multicast", {{AF_INET, {224}}, 4}},
	{"reserved", {{AF_INET, {240}}, 4}},
	{"unspecified", {{AF_INET6, {0}}, 128}},
	{"loopback", {{AF_INET6, {[15] = 1}}, 128}},
	{"link-local", {{AF_INET6, {0xfe, 0x80}}, 10}},
	{"multicast", {{AF_INET6, {0xff}}, 8}},
};

static const char *special_name(const struct ip_prefix *p)
{
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		if (prefix_covers(&special[i].prefix, p))
			return special[i].name;
	}
	return NULL;
}

static bool check_outside(
	struct walk *w, const yaml_node_t *node, const char *what, const struct ip_addr *a)
{
	const struct ip_prefix host = prefix_make(a, addr_bits(a));
	const char *name = special_name(&host);
	char text[ADDR_STR_SIZE];

	return !name || walk_fail(w, node, "%s: %s is %s, no address to send to", what,
				addr_format(a, text), name);
}

/* at: the list, or what it is missing in */
static bool check_networks(struct walk *w, const yaml_node_t *at, const char *key,
	const struct ip_prefix *list, unsigned int count)
{
	char text[PREFIX_STR_SIZE];
	bool ok = true;

	for (unsigned int i = 0; i < count; i++) {
		const char *name = list[i].len ? special_name(&list[i]) : NULL;

		if (name)
			ok = walk_fail(w, at, "%s: %s is %s, nothing is routed there", key,
				prefix_format(&list[i], text), name);
		for (unsigned int k = 0; k < i; k++) {
			if (prefix_equal(&list[i], &list[k]))
				ok = walk_fail(w, at, "%s: %s stands twice", key,
					prefix_format(&list[i], text));
		}
	}
	return ok;
}

static bool is_of_hub(const struct concentrator_conf *c, const struct ip_addr *a)
{
	for (unsigned int e = 0; e < c->endpoint_count; e++) {
		for (unsigned int i = 0; i < c->endpoints[e].address_count; i++) {
			if (addr_equal(&c->endpoints[e].addresses[i], a))
				return true;
		}
	}
	return false;
}

static bool check_site_address(
	struct walk *w, const struct draft *d, unsigned int s, unsigned int t)
{
	const struct site_conf *site = &d->config->sites[s];
	const struct ip_addr *a = &site->tunnels[t].address;
	const yaml_node_t *node = d->tunnels[s][t];
	char what[SITE_NAME_SIZE + 32], text[ADDR_STR_SIZE];

	if (!addr_is_set(a))
		return true;
	snprintf(what, sizeof(what), "site '%s' tunnel %u: address", site->name, t);
	if (is_of_hub(&d->config->concentrator, a))
		return walk_fail(w, node, "%s: %s is the hub's own", what, addr_format(a, text));
	return check_outside(w, node, what, a);
}

bool check_addresses(struct walk *w, const struct draft *d)
{
	const struct concentrator_conf *c = &d->config->concentrator;
	bool ok = check_networks(w, schema_hub_value(w, d, "networks"), "networks",
		c->networks.prefixes, c->networks.count);

	for (unsigned int e = 0; e < c->endpoint_count; e++) {
		for (unsigned int i = 0; i < c->endpoints[e].address_count; i++)
			ok &= check_outside(w, schema_hub_value(w, d, "endpoints"),
				"concentrator.endpoints", &c->endpoints[e].addresses[i]);
	}
	for (unsigned int s = 0; s < d->config->site_count; s++) {
		const struct site_conf *site = &d->config->sites[s];

		ok &= check_networks(w, walk_find(w, d->sites[s], "prefixes"), "prefixes",
			site->prefixes.prefixes, site->prefixes.count);
		ok &= check_networks(w, walk_find(w, d->sites[s], "static_routes"), "static_routes",
			site->statics.prefixes, site->statics.count);
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
			ok &= !site->tunnels[t].configured || check_site_address(w, d, s, t);
	}
	return ok;
}

struct ip_addr concentrator_local_address(
	const struct concentrator_conf *hub, const struct site_conf *site, unsigned int t)
{
	for (unsigned int a = 0; t < hub->endpoint_count && a < hub->endpoints[t].address_count;
		a++) {
		if (hub->endpoints[t].addresses[a].family == site->outer_family)
			return hub->endpoints[t].addresses[a];
	}
	return (struct ip_addr){0};
}

struct ip_addr config_local_address(
	const struct config *c, const struct site_conf *site, unsigned int t)
{
	return concentrator_local_address(&c->concentrator, site, t);
}
