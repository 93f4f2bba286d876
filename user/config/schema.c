/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the configuration, one table per mapping. A site starts as a copy of the defaults,
 * so `defaults.tunnel` holds for every tunnel that does not say otherwise.
 */
#include "config/schema.h"

#include "config/access.h"
#include "config/routing.h"
#include "config/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPT(key, reader, member)                                                                   \
	{                                                                                          \
		key, reader, offsetof(struct tunnel_conf, options.member), false                   \
	}

#define TUNNEL_OPTIONS                                                                             \
	{"algorithms", read_nothing, 0, false},                                                    \
		{"activity_log", read_log_form, offsetof(struct tunnel_conf, activity_log),        \
			false},                                                                    \
		{"bgp_log", read_log_form, offsetof(struct tunnel_conf, bgp_log), false},          \
		{"proposal_order", read_order, offsetof(struct tunnel_conf, order), false},        \
		{"ike_versions", read_ike_versions, offsetof(struct tunnel_conf, options), false}, \
		OPT("esn", read_bool, esn), OPT("rekey_fuzz_mode", read_fuzz_mode, fuzz_mode),     \
		OPT("p1_encryption", read_p1_encryption, p1_encryption),                           \
		OPT("p1_integrity", read_integrity, p1_integrity),                                 \
		OPT("p1_prf", read_prf, p1_prf), OPT("p1_dh_groups", read_p1_groups, p1_groups),   \
		OPT("p2_encryption", read_p2_encryption, p2_encryption),                           \
		OPT("p2_integrity", read_integrity, p2_integrity),                                 \
		OPT("p2_dh_groups", read_p2_groups, p2_groups),                                    \
		OPT("p1_lifetime", read_p1_lifetime, p1_lifetime_s),                               \
		OPT("p2_lifetime", read_p2_lifetime, p2_lifetime_s),                               \
		OPT("rekey_margin", read_margin, rekey_margin_s),                                  \
		OPT("rekey_fuzz", read_fuzz, rekey_fuzz_percent),                                  \
		OPT("replay_window", read_replay, replay_window),                                  \
		OPT("dpd_interval", read_dpd_interval, dpd_interval_s),                            \
		OPT("dpd_timeout", read_dpd_timeout, dpd_timeout_s),                               \
		OPT("dpd_action", read_dpd_action, dpd_action),                                    \
		OPT("startup_action", read_startup, startup), OPT("encap", read_encap, encap),     \
		OPT("auth", read_auth, auth),                                                      \
		{"certificate", read_secret_ref, offsetof(struct tunnel_conf, certificate.chain),  \
			false},                                                                    \
		{"private_key", read_secret_ref, offsetof(struct tunnel_conf, certificate.key),    \
			false},                                                                    \
		{"hub_cidrs", read_selectors, offsetof(struct tunnel_conf, local_ts), false},      \
		{"site_cidrs", read_selectors, offsetof(struct tunnel_conf, remote_ts), false},    \
		{"hub_identity", read_identity, offsetof(struct tunnel_conf, local_identity),      \
			false},                                                                    \
	{                                                                                          \
		"med", read_med, offsetof(struct tunnel_conf, med), false                          \
	}

static bool read_nothing(struct walk *w, const yaml_node_t *node, void *to)
{
	(void)w, (void)node, (void)to;
	return true;
}

static const struct walk_field default_tunnel_fields[] = {TUNNEL_OPTIONS, {NULL, NULL, 0, false}};

static const struct walk_field tunnel_fields[] = {
	{"inside", read_inside4, offsetof(struct tunnel_conf, inside), true},
	{"inside6", read_inside6, offsetof(struct tunnel_conf, inside6), false},
	{"identity", read_identity, offsetof(struct tunnel_conf, identity), false},
	{"address", read_address, offsetof(struct tunnel_conf, address), false},
	{"psk", read_secret_ref, offsetof(struct tunnel_conf, psk), false},
	{"psk_previous", read_secret_ref, offsetof(struct tunnel_conf, psk_previous), false},
	{"ppk", read_secret_ref, offsetof(struct tunnel_conf, ppk), false},
	{"ppk_identity", read_ppk_id, offsetof(struct tunnel_conf, options), false},
	TUNNEL_OPTIONS,
	{NULL, NULL, 0, false},
};

/* Options of a tunnel. The profile comes first wherever it stands: single sets change it. */
static bool read_options(struct walk *w, const yaml_node_t *node, const struct walk_field *fields,
	struct tunnel_conf *t)
{
	const yaml_node_t *profile =
		node->type == YAML_MAPPING_NODE ? walk_find(w, node, "algorithms") : NULL;

	if (profile && !read_algorithms(w, profile, &t->options))
		return false;
	return walk_mapping(w, node, fields, t);
}

static bool read_tunnel(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct site_conf *site = to;
	struct tunnel_conf *t = &site->tunnels[index];

	t->configured = true;
	return read_options(w, node, tunnel_fields, t);
}

static bool read_tunnels(struct walk *w, const yaml_node_t *node, void *to)
{
	struct site_conf *site = to;

	if (!walk_sequence(w, node, TUNNELS_PER_SITE, read_tunnel, site))
		return false;
	if (!site->tunnels[0].configured)
		return walk_fail(w, node, "the list is empty");
	return true;
}

static const struct walk_field site_fields[] = {
	{"name", read_name, offsetof(struct site_conf, name), true},
	{"class", read_class, offsetof(struct site_conf, site_class), false},
	{"bandwidth", read_bandwidth, 0, false},
	{"asn", read_asn, offsetof(struct site_conf, asn), false},
	{"group", read_name, offsetof(struct site_conf, group), false},
	{"address", read_address, offsetof(struct site_conf, address), false},
	{"outer", read_family, offsetof(struct site_conf, outer_family), false},
	{"rate", read_rate, offsetof(struct site_conf, rate), false},
	{"packets_per_second", read_pps, offsetof(struct site_conf, pps), false},
	{"max_prefixes", read_max_in, offsetof(struct site_conf, max_prefixes_in), false},
	{"max_prefixes_out", read_max_out, offsetof(struct site_conf, max_prefixes_out), false},
	{"allow_default", read_bool, offsetof(struct site_conf, allow_default), false},
	{"share_default", read_bool, offsetof(struct site_conf, share_default), false},
	{"source_check", read_source_check, offsetof(struct site_conf, source_check), false},
	{"propagate", read_bool, offsetof(struct site_conf, propagate), false},
	{"as_override", read_bool, offsetof(struct site_conf, as_override), false},
	{"allow_as_in", read_allow_as_in, offsetof(struct site_conf, allow_as_in), false},
	{"bgp_transport", read_family, offsetof(struct site_conf, bgp_family), false},
	{"ttl_security", read_bool, offsetof(struct site_conf, ttl_security), false},
	{"bgp_password", read_secret_ref, offsetof(struct site_conf, bgp_password), false},
	{"bfd", read_bfd, offsetof(struct site_conf, bfd), false},
	{"prefixes", read_networks, offsetof(struct site_conf, prefixes), false},
	{"accept", read_accept, offsetof(struct site_conf, accept), false},
	{"routing", read_routing, 0, false},
	{"static_routes", read_static_routes, 0, false},
	{"ecmp", read_ecmp, 0, false},
	{"tunnels", read_tunnels, 0, true},
	{NULL, NULL, 0, false},
};

static bool read_address_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct endpoint_conf *e = to;

	if (!read_address(w, node, &e->addresses[index]))
		return false;
	if (!addr_is_set(&e->addresses[index]))
		return walk_fail(w, node, "an address of the hub is needed");
	e->address_count = index + 1;
	return true;
}

static bool read_addresses(struct walk *w, const yaml_node_t *node, void *to)
{
	struct endpoint_conf *e = (struct endpoint_conf *)to;

	return walk_sequence(w, node, CONFIG_ADDRESSES_MAX, read_address_item, e);
}

static const struct walk_field endpoint_fields[] = {
	{"device", read_device, offsetof(struct endpoint_conf, device), true},
	{"addresses", read_addresses, 0, true},
	{NULL, NULL, 0, false},
};

static bool read_endpoint_item(
	struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct concentrator_conf *c = to;

	c->endpoint_count = index + 1;
	return walk_mapping(w, node, endpoint_fields, &c->endpoints[index]);
}

static bool read_endpoints(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, CONFIG_ENDPOINTS, read_endpoint_item, to);
}

#define HUB(key, reader, member, required)                                                         \
	{                                                                                          \
		key, reader, offsetof(struct concentrator_conf, member), required                  \
	}

static const struct walk_field concentrator_fields[] = {
	HUB("name", read_name, name, true),
	HUB("asn", read_asn, asn, false),
	HUB("router_id", read_router_id, router_id, false),
	{"endpoints", read_endpoints, 0, true},
	HUB("networks", read_networks, networks, false),
	HUB("identity", read_identity, identity, false),
	HUB("site_rate", read_rate, site_rate, false),
	HUB("site_packets_per_second", read_pps, site_pps, false),
	HUB("aggregate_rate", read_rate, aggregate_rate, false),
	HUB("burst", read_bytes, burst, false),
	HUB("rate_bytes", read_rate_bytes, packets.rate_bytes, false),
	HUB("pacing_horizon", read_horizon, packets.pacing_horizon_us, false),
	HUB("ecn_marking", read_bool, packets.ecn_marking, false),
	HUB("outside_forwarding", read_bool, outside_forwarding, false),
	HUB("dataplane", read_dataplane, dataplane, false),
	HUB("df", read_df, packets.df, false),
	HUB("workers", read_workers, workers, false),
	HUB("route_table", read_table, route_table, false),
	HUB("hold_time", read_hold, hold_s, false),
	HUB("keepalive", read_keepalive, keepalive_s, false),
	HUB("site_to_site", read_bool, site_to_site, false),
	HUB("site_services", read_services, site_services, false),
	HUB("source_check", read_source_check, source_check, false),
	HUB("graceful_restart", read_bool, graceful_restart, false),
	HUB("med_mode", read_med_mode, med_mode, false),
	HUB("drain_med", read_drain_med, drain_med, false),
	HUB("allow_fast_dpd", read_bool, allow_fast_dpd, false),
	HUB("metrics", read_endpoint, metrics, false),
	HUB("log_directory", read_directory, log_directory, false),
	HUB("certificate", read_secret_ref, certificate.chain, false),
	HUB("private_key", read_secret_ref, certificate.key, false),
	HUB("ca", read_refs, ca, false),
	HUB("crl", read_refs, crl, false),
	HUB("crl_required", read_bool, crl_required, false),
	{NULL, NULL, 0, false},
};

static const struct concentrator_conf concentrator_defaults = {
	.asn = 64512, /* G-03 */
	.site_rate = 100000000,
	.site_pps = 140000,
	.aggregate_rate = 5000000000,
	.burst = 250000,
	.packets.pacing_horizon_us = 25000,
	.workers = 1,
	.route_table = 254,
	.hold_s = 30,
	.keepalive_s = 10,
	.site_to_site = true,
	.graceful_restart = true,
	.med_mode = MED_EQUAL,
	.drain_med = 10, /* */
};

static const struct ike_options option_defaults = {
	.ikev1 = true, /* T-03 */
	.ikev2 = true,
	.esn = true,
	.p1_lifetime_s = 28800,
	.p2_lifetime_s = 3600,
	.rekey_margin_s = 540,
	.rekey_fuzz_percent = 100,
	.dpd_interval_s = 10,
	.dpd_timeout_s = 30,
	.dpd_action = DPD_CLEAR,
	.startup = STARTUP_ADD,
	.encap = ENCAP_AUTO,
	.replay_window = 1024,
};

static void set_any_selectors(struct selector_set *set)
{
	memset(set, 0, sizeof(*set));
	set->count = 2;
	set->selectors[0].first.family = set->selectors[0].last.family = AF_INET;
	set->selectors[1].first.family = set->selectors[1].last.family = AF_INET6;
	memset(set->selectors[0].last.bytes, 0xff, 4);
	memset(set->selectors[1].last.bytes, 0xff, 16);
	set->selectors[0].last_port = set->selectors[1].last_port = 65535;
}

static void set_default_tunnel(struct tunnel_conf *t)
{
	memset(t, 0, sizeof(*t));
	memcpy(&t->options, &option_defaults, sizeof(t->options));
	set_default_algorithms(&t->options);
	set_any_selectors(&t->local_ts);
	set_any_selectors(&t->remote_ts);
	t->med = 100; /* */
}

struct top {
	struct draft *draft;
	struct tunnel_conf tunnel; /* defaults.tunnel */
};

static bool read_concentrator(struct walk *w, const yaml_node_t *node, void *to)
{
	struct top *top = to;

	return walk_mapping(w, node, concentrator_fields, &top->draft->config->concentrator);
}

static bool read_default_tunnel(struct walk *w, const yaml_node_t *node, void *to)
{
	return read_options(w, node, default_tunnel_fields, to);
}

static bool read_defaults(struct walk *w, const yaml_node_t *node, void *to)
{
	static const struct walk_field fields[] = {
		{"tunnel", read_default_tunnel, 0, false}, {NULL, NULL, 0, false}};
	struct top *top = to;

	return walk_mapping(w, node, fields, &top->tunnel);
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
	bool mapping = node->type == YAML_MAPPING_NODE;
	const yaml_node_t *class = mapping ? walk_find(w, node, "class") : NULL;
	const yaml_node_t *bandwidth = mapping ? walk_find(w, node, "bandwidth") : NULL;

	return (!class || read_class(w, class, &site->site_class)) &&
	       (!bandwidth || read_bandwidth(w, bandwidth, site));
}

/* V-06, V-07, R-15 and the quotas; each can be set otherwise. */
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

static bool read_site(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct top *top = to;
	struct draft *d = top->draft;
	struct site_conf *site = &d->config->sites[index];

	site->bgp_family = AF_INET;
	site->propagate = true;
	site->source_check = d->config->concentrator.source_check;
	if (!read_class_first(w, node, site))
		return false;
	set_class_limits(&d->config->concentrator, site);
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		memcpy(&site->tunnels[t], &top->tunnel, sizeof(top->tunnel));
	if (!walk_mapping(w, node, site_fields, site) && w->values_bad)
		return false;
	inherit(&d->config->concentrator, site);
	d->sites[index] = node;
	d->config->site_count = index + 1;

	const yaml_node_t *tunnels = walk_find(w, node, "tunnels");

	for (unsigned int t = 0; t < TUNNELS_PER_SITE && site->tunnels[t].configured; t++) {
		d->tunnels[index][t] =
			yaml_document_get_node(w->document, tunnels->data.sequence.items.start[t]);
	}
	return true;
}

static bool read_sites(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, CONFIG_SITES_MAX, read_site, to);
}

/* Reads one part of the document ahead of the rest; absent is fine here. */
static bool read_part(struct walk *w, const yaml_node_t *root, const char *key, walk_reader *read,
	struct top *top)
{
	const yaml_node_t *node = walk_find(w, root, key);

	snprintf(w->where, sizeof(w->where), "%s", key);

	bool ok = !node || read(w, node, top);

	w->where[0] = '\0';
	return ok;
}

bool schema_read(struct walk *w, const yaml_node_t *root, struct draft *d)
{
	static const struct walk_field fields[] = {
		{"concentrator", read_nothing, 0, true},
		{"defaults", read_nothing, 0, false},
		{"sites", read_sites, 0, false},
		{NULL, NULL, 0, false},
	};
	struct top top = {.draft = d};

	memcpy(&d->config->concentrator, &concentrator_defaults, sizeof(concentrator_defaults));
	set_default_tunnel(&top.tunnel);
	if (root->type != YAML_MAPPING_NODE)
		return walk_fail(w, root, "a mapping with 'concentrator' and 'sites' expected");
	d->concentrator = walk_find(w, root, "concentrator");
	/* Sites inherit from the other two, wherever those stand in the file. */
	bool ok = read_part(w, root, "concentrator", read_concentrator, &top);

	ok &= read_part(w, root, "defaults", read_defaults, &top);
	return walk_mapping(w, root, fields, &top) && ok;
}
