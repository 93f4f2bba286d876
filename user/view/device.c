/* SPDX-License-Identifier: Apache-2.0 */
/* What the device of a site has to be told, tunnel by tunnel. */
#include "view/view.h"

#include "config/options.h"
#include "ike/identity.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 1024 };

static const struct walk_field *option_of(const char *key)
{
	const struct walk_field *f = options_tunnel;

	while (f->key && strcmp(f->key, key) != 0)
		f++;
	return f;
}

/* A list as a file has it, "[a, 'b']", as one of JSON. */
static json_t *list_of(const struct tunnel_conf *conf, const char *key)
{
	char text[TEXT_SIZE] = "", *rest = NULL;
	json_t *list = json_array();

	(void)walk_write(option_of(key), conf, text, sizeof(text));
	for (char *item = strtok_r(text, "[], '", &rest); item;
		item = strtok_r(NULL, "[], '", &rest))
		json_array_append_new(list, json_string(item));
	return list;
}

static json_t *ike_json(const struct tunnel_conf *conf)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i}", "versions",
		list_of(conf, "ike_versions"), "encryption", list_of(conf, "p1_encryption"),
		"integrity", list_of(conf, "p1_integrity"), "prf", list_of(conf, "p1_prf"),
		"dh_groups", list_of(conf, "p1_dh_groups"), "lifetime_s",
		(int)conf->options.p1_lifetime_s);
}

static json_t *esp_json(const struct tunnel_conf *conf)
{
	return json_pack("{s:o, s:o, s:o, s:b, s:i}", "encryption", list_of(conf, "p2_encryption"),
		"integrity", list_of(conf, "p2_integrity"), "dh_groups",
		list_of(conf, "p2_dh_groups"), "esn", (int)conf->options.esn, "lifetime_s",
		(int)conf->options.p2_lifetime_s);
}

static void add_address(json_t *o, const char *name, const struct ip_addr *a)
{
	char text[ADDR_STR_SIZE];

	if (addr_is_set(a))
		json_object_set_new(o, name, json_string(addr_format(a, text)));
}

static void add_inside(json_t *o, const char *name, const struct ip_addr *a, unsigned int len)
{
	char text[ADDR_STR_SIZE];

	if (addr_is_set(a))
		json_object_set_new(o, name, json_sprintf("%s/%u", addr_format(a, text), len));
}

static void add_insides(
	json_t *hub, json_t *device, const char *name, const struct ip_prefix *block)
{
	struct ip_addr ours, theirs;

	if (!addr_is_set(&block->addr))
		return;
	ours = config_inside_hub(block);
	theirs = config_inside_site(block);
	add_inside(hub, name, &ours, block->len);
	add_inside(device, name, &theirs, block->len);
}

static json_t *side_json(const struct ip_addr *address, const struct ike_identity *id,
	const struct site_conf *site, uint32_t asn)
{
	char text[IDENTITY_STR_SIZE];
	json_t *o = json_object();

	add_address(o, "address", address);
	if (id->type)
		json_object_set_new(o, "identity", json_string(identity_format(id, text)));
	if (site->routing == ROUTING_BGP)
		json_object_set_new(o, "asn", view_number(asn));
	return o;
}

/* References, never what they lead to. */
static void add_keys(json_t *o, const struct site_conf *site, const struct tunnel_conf *conf)
{
	bool cert = conf->options.auth == AUTH_CERT;

	json_object_set_new(o, "auth", json_string(cert ? "cert" : "psk"));
	if (!cert && conf->psk[0])
		json_object_set_new(o, "psk", json_string(conf->psk));
	if (conf->ppk[0]) {
		json_object_set_new(o, "ppk", json_string(conf->ppk));
		json_object_set_new(o, "ppk_identity",
			json_sprintf("%.*s", (int)conf->options.ppk_id_len, conf->options.ppk_id));
	}
	if (site->bgp_password[0] && site->routing == ROUTING_BGP)
		json_object_set_new(o, "bgp_password", json_string(site->bgp_password));
}

json_t *view_device(const struct config *c, const struct site_conf *site,
	const struct view_identities ids[TUNNELS_PER_SITE])
{
	json_t *list = json_array();

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct tunnel_conf *conf = &site->tunnels[t];
		struct ip_addr local = config_local_address(c, site, t);
		json_t *hub, *device, *o;

		if (!conf->configured)
			continue;
		hub = side_json(&local, &ids[t].hub, site, c->concentrator.asn);
		device = side_json(&conf->address, &ids[t].device, site, site->asn);
		add_insides(hub, device, "inside", &conf->inside);
		add_insides(hub, device, "inside6", &conf->inside6);
		json_object_set_new(hub, "cidrs", list_of(conf, "hub_cidrs"));
		json_object_set_new(device, "cidrs", list_of(conf, "site_cidrs"));
		o = json_pack("{s:i, s:o, s:o, s:o, s:o}", "tunnel", (int)t, "hub", hub, "device",
			device, "ike", ike_json(conf), "esp", esp_json(conf));
		add_keys(o, site, conf);
		json_array_append_new(list, o);
	}
	return list;
}
