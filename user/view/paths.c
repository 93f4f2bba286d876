/* SPDX-License-Identifier: Apache-2.0 */
/* A path of `sluice show route`, with what became of it in the decision. */
#include "view/view.h"

#include "bgp/decide.h"
#include "bgp/policy.h"

#include <stdio.h>

static const char *fate_text(const struct bgp_path_view *v)
{
	static const char *const texts[PATH_FATES] = {
		[PATH_BEST] = "best",
		[PATH_REFUSED] = "refused",
		[PATH_QUARANTINED] = "quarantined: the prefix, one around it or one within belongs "
				     "to another site",
		[PATH_GIVES_WAY] = "its site gives way to another one, which has what lies around "
				   "the prefix (takes_over)",
		[PATH_HUB] = "the hub has the prefix itself",
		[PATH_SOURCE] = "a static route goes before BGP",
		[PATH_DRAINING] = "its tunnel is drained",
		[PATH_LONGER] = "a: the AS path is longer",
		[PATH_ORIGIN] = "b: the origin is worse",
		[PATH_MED] = "c: another path of the same neighbouring AS has a lower MED",
		[PATH_IDENTIFIER] = "f: the BGP identifier is higher",
		[PATH_TUNNEL] = "g: of equals, the lower tunnel is used",
		[PATH_SHARES] = "as good as the best one: carries flows too (ecmp)",
		[PATH_SURPLUS] = "as good as the best one, but as many others share as can (ecmp)",
		[PATH_APART] =
			"as good as the best one, but not shared: the sites are of different "
			"groups; f, g: identifier or tunnel is higher",
		[PATH_ALONE] = "as good as the best one, but not shared: not both sites have ecmp; "
			       "f, g: identifier or tunnel is higher",
		[PATH_WAITING] = "no decision yet: after a restart, the other sites are waited for",
	};

	if (v->fate == PATH_REFUSED && v->verdict <= POLICY_NEXT_HOP)
		return policy_reason((enum policy_verdict)v->verdict);
	return v->fate < PATH_FATES ? texts[v->fate] : "?";
}

json_t *view_path(const struct model *m, const struct bgp_path_view *v)
{
	static const char *const origins[] = {"IGP", "EGP", "incomplete"};
	static const char *const sources[ROUTE_SOURCES] = {
		[SOURCE_HUB] = "hub", [SOURCE_STATIC] = "static", [SOURCE_BGP] = "bgp"};
	const struct site *site = site_of_tunnel(m, v->tunnel);
	const struct site *owner = site_of_tunnel(m, v->owner);
	char prefix[PREFIX_STR_SIZE], rival[PREFIX_STR_SIZE], identifier[16];
	json_t *path = json_array();

	for (int i = 0; i < v->as_path_len && i < ROUTE_AS_PATH_SHOWN; i++)
		json_array_append_new(path, json_integer(v->as_path[i]));
	snprintf(identifier, sizeof(identifier), "%u.%u.%u.%u", v->identifier >> 24,
		v->identifier >> 16 & 255, v->identifier >> 8 & 255, v->identifier & 255);
	return json_pack(
		"{s:s, s:s, s:i, s:s, s:b, s:b, s:s, s:s, s:s, s:b, s:o, s:s, s:I, s:s, s:b}",
		"prefix", prefix_format(&v->prefix, prefix), "site", site ? site->conf.name : "-",
		"tunnel", (int)(v->tunnel % TUNNELS_PER_SITE), "source",
		v->source < ROUTE_SOURCES ? sources[v->source] : "?", "best", v->fate == PATH_BEST,
		"quarantined", v->fate == PATH_QUARANTINED, "reason", fate_text(v), "owner",
		owner ? owner->conf.name : "", "owner_prefix",
		v->fate == PATH_QUARANTINED ? prefix_format(&v->rival, rival) : "",
		"owner_declared", (int)v->declared, "as_path", path, "origin",
		v->origin < 3 ? origins[v->origin] : "?", "med", (json_int_t)v->med, "identifier",
		identifier, "stale", (int)v->stale);
}

/* How long the prefix of the best path is; -1: there is none. */
static int best_length(const json_t *paths)
{
	const json_t *o;
	size_t i;

	json_array_foreach(paths, i, o) {
		struct ip_prefix p;

		if (json_is_true(json_object_get(o, "best")) &&
			prefix_parse(json_string_value(json_object_get(o, "prefix")), &p))
			return p.len;
	}
	return -1;
}

static bool is_end(const struct site *site, unsigned int t, const struct ip_addr *a)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	const struct ip_prefix *blocks[] = {&conf->inside, &conf->inside6};

	for (int i = 0; i < 2; i++) {
		struct ip_addr end = config_inside_site(blocks[i]);

		if (conf->configured && addr_is_set(&end) && addr_equal(&end, a))
			return true;
	}
	return false;
}

json_t *view_own(const struct model *m, const struct ip_prefix *prefix, const json_t *paths)
{
	const struct networks_conf *networks = &m->config->concentrator.networks;
	int best = best_length(paths);
	char text[PREFIX_STR_SIZE];
	json_t *o = json_object();

	for (uint32_t i = 0; i < networks->count; i++) {
		const struct ip_prefix *own = &networks->prefixes[i];

		if (!prefix_covers(own, prefix) || own->len < best)
			continue;
		best = own->len;
		json_object_set_new(o, "own",
			json_sprintf("%s, a network of the hub", prefix_format(own, text)));
	}
	for (uint32_t i = 0; i < SITE_SLOTS * TUNNELS_PER_SITE; i++) {
		const struct site *site = site_of_tunnel(m, i);

		if (site && prefix->len == addr_bits(&prefix->addr) &&
			is_end(site, i % TUNNELS_PER_SITE, &prefix->addr))
			json_object_set_new(o, "own",
				json_sprintf("the inside end of %s %u", site->conf.name,
					i % TUNNELS_PER_SITE));
	}
	return o;
}
