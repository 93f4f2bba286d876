/* SPDX-License-Identifier: Apache-2.0 */
#include "config/routing.h"

#include <string.h>

static bool check_endpoints(struct walk *w, const struct draft *d)
{
	const struct concentrator_conf *c = &d->config->concentrator;
	const yaml_node_t *node = schema_hub_value(w, d, "endpoints");

	if (!c->endpoint_count)
		return walk_fail(w, node, "concentrator.endpoints: the list is empty");
	for (unsigned int e = 0; e < c->endpoint_count; e++) {
		const struct endpoint_conf *endpoint = &c->endpoints[e];

		if (!endpoint->address_count)
			return walk_fail(w, node, "concentrator.endpoints[%u]: no address", e);
		if (endpoint->address_count == 2 &&
			endpoint->addresses[0].family == endpoint->addresses[1].family)
			return walk_fail(w, node,
				"concentrator.endpoints[%u]: at most one address of each family",
				e);
	}
	for (unsigned int a = 0; c->endpoint_count == 2 && a < c->endpoints[0].address_count; a++) {
		for (unsigned int b = 0; b < c->endpoints[1].address_count; b++) {
			if (addr_equal(
				    &c->endpoints[0].addresses[a], &c->endpoints[1].addresses[b]))
				return walk_fail(w, node,
					"concentrator.endpoints: both have the same address");
		}
	}
	return true;
}

/* Where a value of the concentrator stands; the concentrator itself when it is a default. */
static const yaml_node_t *value_node(struct walk *w, const struct draft *d, const char *key)
{
	const yaml_node_t *node = schema_hub_value(w, d, key);

	return node ? node : d->concentrator.nodes[0];
}

static bool check_timers(struct walk *w, const struct draft *d)
{
	const struct concentrator_conf *c = &d->config->concentrator;

	if (c->keepalive_s * 2 > c->hold_s)
		return walk_fail(w, value_node(w, d, "keepalive"),
			"keepalive %u s must be at most half of hold_time %u s", c->keepalive_s,
			c->hold_s);
	return true;
}

static bool check_df(struct walk *w, const struct draft *d)
{
	const struct concentrator_conf *c = &d->config->concentrator;

	if (c->packets.df != DF_COPY && c->dataplane == DATAPLANE_XFRM)
		return walk_fail(w, value_node(w, d, "df"),
			"df: %s needs dataplane: af_xdp, the kernel does as senders want",
			c->packets.df == DF_SET ? "set" : "clear");
	if (c->packets.rate_bytes == RATE_OUTER && c->dataplane == DATAPLANE_XFRM)
		return walk_fail(w, value_node(w, d, "rate_bytes"),
			"rate_bytes: outer needs dataplane: af_xdp, the kernel pads packets after "
			"they were charged");
	return true;
}

static bool check_certificate(struct walk *w, const struct draft *d)
{
	const struct certificate_conf *own = &d->config->concentrator.certificate;

	if (!own->chain[0] != !own->key[0])
		return walk_fail(w, d->concentrator.nodes[0],
			"concentrator: certificate and private_key come together");
	return true;
}

/* TLS needs who the hub is; who its clients are may be said by tokens alone. */
static bool check_api(struct walk *w, const struct draft *d)
{
	const struct concentrator_conf *c = &d->config->concentrator;
	const struct certificate_conf *own = &c->api_certificate;

	if (!own->chain[0] != !own->key[0])
		return walk_fail(w, d->concentrator.nodes[0],
			"concentrator: api_certificate and api_private_key come together");
	if (c->api_crl.count && !c->api_ca.count)
		return walk_fail(w, value_node(w, d, "api_crl"),
			"api_crl revokes what the authorities in api_ca have issued, and there are "
			"none");
	if (!addr_is_set(&c->api.addr))
		return true;
	if (!own->chain[0])
		return walk_fail(w, value_node(w, d, "api"),
			"api needs api_certificate and api_private_key");
	if (addr_equal(&c->api.addr, &c->metrics.addr) && c->api.port == c->metrics.port)
		return walk_fail(w, value_node(w, d, "api"), "api and metrics have one address");
	return true;
}

static bool has_aead(const struct algorithm_set *set)
{
	for (unsigned int i = 0; i < set->count; i++) {
		if (set->items[i].id == 20 || set->items[i].id == 28)
			return true;
	}
	return false;
}

/* What only one of the IKE versions can do. */
static bool check_versions(
	struct walk *w, const yaml_node_t *node, const char *site, const struct ike_options *o)
{
	bool cbc = false, group = false;

	for (unsigned int i = 0; i < o->p1_encryption.count; i++)
		cbc = cbc || o->p1_encryption.items[i].id == ESP_AES_CBC;
	for (unsigned int i = 0; i < o->p1_groups.count; i++)
		group = group || o->p1_groups.items[i].id <= 24;
	if (o->startup == STARTUP_START && !o->ikev2)
		return walk_fail(w, node, "site '%s': startup_action 'start' needs ikev2", site);
	if (!o->ikev2 && !cbc)
		return walk_fail(w, node,
			"site '%s': IKEv1 has AES-CBC only in phase 1, and p1_encryption has none",
			site);
	if (!o->ikev2 && !group)
		return walk_fail(w, node,
			"site '%s': IKEv1 has groups up to 24 only, and p1_dh_groups has none",
			site);
	return true;
}

static bool check_options(struct walk *w, const yaml_node_t *node,
	const struct concentrator_conf *c, const char *site, const struct tunnel_conf *t)
{
	const struct ike_options *o = &t->options;

	if (o->p2_lifetime_s >= o->p1_lifetime_s)
		return walk_fail(w, node,
			"site '%s': p2_lifetime %u must be less than p1_lifetime %u", site,
			o->p2_lifetime_s, o->p1_lifetime_s);
	if (o->rekey_margin_s > o->p2_lifetime_s / 2)
		return walk_fail(w, node,
			"site '%s': rekey_margin %u is over half of p2_lifetime %u", site,
			o->rekey_margin_s, o->p2_lifetime_s);
	if (o->dpd_timeout_s < 30 && !c->allow_fast_dpd)
		return walk_fail(w, node,
			"site '%s': dpd_timeout %u is below 30 (allow_fast_dpd permits it)", site,
			o->dpd_timeout_s);
	if (o->dpd_interval_s > o->dpd_timeout_s)
		return walk_fail(w, node,
			"site '%s': dpd_interval %u is longer than dpd_timeout %u", site,
			o->dpd_interval_s, o->dpd_timeout_s);
	if (o->startup == STARTUP_START && !addr_is_set(&t->address))
		return walk_fail(w, node,
			"site '%s': startup_action 'start' needs the address of the site", site);
	if (o->dpd_action == DPD_RESTART && !addr_is_set(&t->address))
		return walk_fail(w, node,
			"site '%s': dpd_action 'restart' needs the address of the site", site);
	if (!o->p2_integrity.count && !has_aead(&o->p2_encryption))
		return walk_fail(w, node, "site '%s': p2_integrity is needed with AES-CBC", site);
	return check_versions(w, node, site, o);
}

/* RFC 8784: IKEv1 has no such key, so a peer could go around it. */
static bool check_ppk(struct walk *w, const yaml_node_t *node, const char *site, unsigned int t,
	const struct tunnel_conf *tunnel)
{
	bool key = tunnel->ppk[0], id = tunnel->options.ppk_id_len;

	if (key != id)
		return walk_fail(w, node,
			"site '%s' tunnel %u: ppk and ppk_identity belong together", site, t);
	if (key && tunnel->options.ikev1)
		return walk_fail(w, node,
			"site '%s' tunnel %u: a ppk needs ike_versions: [ikev2], IKEv1 has none",
			site, t);
	return true;
}

/* What each way to authenticate needs, and must not have. */
static bool check_auth(struct walk *w, const yaml_node_t *node, const struct concentrator_conf *c,
	const char *site, unsigned int t, const struct tunnel_conf *tunnel)
{
	const struct certificate_conf *own = &tunnel->certificate;

	if (!own->chain[0] != !own->key[0])
		return walk_fail(w, node,
			"site '%s' tunnel %u: certificate and private_key come together", site, t);
	if (tunnel->options.auth == AUTH_PSK && !tunnel->psk[0])
		return walk_fail(w, node, "site '%s' tunnel %u: 'psk' is missing", site, t);
	if (tunnel->options.auth == AUTH_PSK)
		return true;
	if (tunnel->psk[0] || tunnel->psk_previous[0])
		return walk_fail(w, node, "site '%s' tunnel %u: a psk, but auth is cert", site, t);
	if (!own->chain[0])
		return walk_fail(w, node,
			"site '%s' tunnel %u: auth is cert, but the hub has no certificate for it",
			site, t);
	if (!c->ca.count)
		return walk_fail(w, node,
			"site '%s' tunnel %u: auth is cert, but concentrator.ca names no authority",
			site, t);
	return true;
}

static bool check_tunnel(struct walk *w, const struct draft *d, unsigned int s, unsigned int t)
{
	const struct config *c = d->config;
	const struct site_conf *site = &c->sites[s];
	const struct tunnel_conf *tunnel = &site->tunnels[t];
	const yaml_node_t *node = d->tunnels[s][t];
	struct ip_addr local = config_local_address(c, site, t);

	if (!addr_is_set(&local))
		return walk_fail(w, node, "site '%s' tunnel %u: endpoint %u has no %s address",
			site->name, t, t, site->outer_family == AF_INET6 ? "IPv6" : "IPv4");
	if (addr_is_set(&tunnel->address) && tunnel->address.family != local.family)
		return walk_fail(w, node,
			"site '%s' tunnel %u: address and 'outer' differ in family", site->name, t);
	if (!tunnel->identity.type && !addr_is_set(&tunnel->address))
		return walk_fail(w, node,
			"site '%s' tunnel %u: an identity or an address is needed", site->name, t);
	return check_auth(w, node, &c->concentrator, site->name, t, tunnel) &&
	       check_ppk(w, node, site->name, t, tunnel) &&
	       check_options(w, node, &c->concentrator, site->name, tunnel);
}

/* What IKE knows a tunnel by: its identity, which is its address where none is written. */
static struct ike_identity identity_of(const struct tunnel_conf *t)
{
	struct ike_identity id = {
		.type = t->address.family == AF_INET6 ? IKE_ID_IPV6 : IKE_ID_IPV4};

	if (t->identity.type)
		return t->identity;
	id.len = (uint8_t)addr_len(&t->address);
	memcpy(id.bytes, t->address.bytes, id.len);
	return id;
}

static bool same_identity(const struct tunnel_conf *x, const struct tunnel_conf *y)
{
	const struct ike_identity a = identity_of(x), b = identity_of(y);

	return a.type == b.type && a.len == b.len && !memcmp(a.bytes, b.bytes, a.len);
}

static bool check_tunnel_pair(struct walk *w, const struct draft *d, unsigned int s, unsigned int t,
	unsigned int s2, unsigned int t2)
{
	const struct site_conf *a = &d->config->sites[s], *b = &d->config->sites[s2];
	const struct tunnel_conf *x = &a->tunnels[t], *y = &b->tunnels[t2];
	const yaml_node_t *node = d->tunnels[s2][t2];
	bool inside = prefix_equal(&x->inside, &y->inside);
	bool inside6 = addr_is_set(&x->inside6.addr) && prefix_equal(&x->inside6, &y->inside6);
	bool identity = t == t2 && same_identity(x, y) && a->outer_family == b->outer_family;
	char text[PREFIX_STR_SIZE], place[WALK_PLACE_SIZE];

	if (!inside && !inside6 && !identity)
		return true;
	walk_place(w, node, d->tunnels[s][t], place);
	if (inside)
		return walk_fail(w, node, "site '%s': inside block %s is taken by site '%s' (%s)",
			b->name, prefix_format(&x->inside, text), a->name, place);
	if (inside6)
		return walk_fail(w, node, "site '%s': inside6 block %s is taken by site '%s' (%s)",
			b->name, prefix_format(&x->inside6, text), a->name, place);
	return walk_fail(w, node,
		"site '%s' tunnel %u: site '%s' (%s) has the same identity on this "
		"endpoint: nothing would tell the two apart",
		b->name, t2, a->name, place);
}

static bool check_sites(struct walk *w, const struct draft *d)
{
	const struct config *c = d->config;
	bool ok = true;

	for (unsigned int s = 0; s < c->site_count; s++) {
		const struct site_conf *site = &c->sites[s];

		if (site->asn == c->concentrator.asn)
			ok = walk_fail(w, d->sites[s], "site '%s' has the hub's AS %u", site->name,
				site->asn);
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			if (site->tunnels[t].configured)
				ok &= check_tunnel(w, d, s, t);
		}
		if (site->tunnels[1].configured)
			ok &= check_tunnel_pair(w, d, s, 0, s, 1);
	}
	return ok;
}

static bool check_site_pair(struct walk *w, const struct draft *d, unsigned int s, unsigned int s2)
{
	const struct site_conf *a = &d->config->sites[s], *b = &d->config->sites[s2];
	char place[WALK_PLACE_SIZE];
	bool ok = true;

	if (!strcmp(a->name, b->name))
		ok = walk_fail(w, d->sites[s2], "site '%s' stands twice (%s)", a->name,
			walk_place(w, d->sites[s2], d->sites[s], place));
	for (unsigned int i = 0; i < 4; i++) {
		unsigned int t = i & 1, t2 = i >> 1;

		if (a->tunnels[t].configured && b->tunnels[t2].configured)
			ok &= check_tunnel_pair(w, d, s, t, s2, t2);
	}
	return ok;
}

static bool check_site_pairs(struct walk *w, const struct draft *d)
{
	bool ok = true;

	for (unsigned int s = 0; s < d->config->site_count; s++) {
		for (unsigned int s2 = s + 1; s2 < d->config->site_count; s2++)
			ok &= check_site_pair(w, d, s, s2);
	}
	return ok;
}

bool check_all(struct walk *w, const struct draft *d)
{
	bool ok = check_endpoints(w, d);

	ok &= check_timers(w, d);
	ok &= check_df(w, d);
	ok &= check_certificate(w, d);
	ok &= check_api(w, d);
	ok &= check_addresses(w, d);
	ok &= check_sites(w, d);
	ok &= check_site_pairs(w, d);
	return check_routing(w, d) && ok;
}
