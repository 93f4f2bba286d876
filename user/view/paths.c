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
