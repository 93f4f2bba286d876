/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice show route` and `sluice show bgp`: what only the bgp process knows is asked for. */
#include "hub/api/api.h"

#include "base/clock.h"
#include "bgp/decide.h"
#include "bgp/policy.h"
#include "hub/status.h"
#include "ipc/api.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_PATHS_MAX 4096

static void refuse(struct hub *h, uint32_t request, const char *why)
{
	status_reply(h, request, json_pack("{s:s}", "error", why));
}

void hub_bgp_ask(struct hub *h, const struct imsg_api_request *request)
{
	struct imsg_bgp_query query = {.prefix = request->prefix};
	struct bgp_pending *p = NULL;

	for (int i = 0; i < BGP_QUERIES_MAX && !p; i++)
		p = h->queries[i].id ? NULL : &h->queries[i];
	if (!p || !h->processes[PROCESS_BGP].channel) {
		refuse(h, request->id,
			p ? "the bgp process is starting" : "too many questions at a time");
		return;
	}
	if (!++h->next_query)
		h->next_query = 1;
	*p = (struct bgp_pending){.id = h->next_query,
		.request = request->id,
		.verb = request->verb,
		.asked_ns = clock_now(),
		.paths = json_array()};
	memcpy(p->site, request->site, sizeof(p->site));
	query.id = p->id;
	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_QUERY, -1, &query, sizeof(query));
}

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

static json_t *path_json(struct hub *h, const struct bgp_path_view *v)
{
	static const char *const origins[] = {"IGP", "EGP", "incomplete"};
	static const char *const sources[ROUTE_SOURCES] = {
		[SOURCE_HUB] = "hub", [SOURCE_STATIC] = "static", [SOURCE_BGP] = "bgp"};
	const struct hub_site *site = hub_site_of_tunnel(h, v->tunnel);
	const struct hub_site *owner = hub_site_of_tunnel(h, v->owner);
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

static void finish(struct hub *h, struct bgp_pending *p)
{
	const struct hub_site *site = p->site[0] ? hub_site_find(h, p->site) : NULL;
	json_t *document;

	if (p->verb == API_SHOW_BGP)
		document = status_bgp(h, site);
	else
		document = json_object();
	json_object_set_new(document, p->verb == API_SHOW_BGP ? "quarantined" : "paths", p->paths);
	status_reply(h, p->request, document);
	p->id = 0;
}

void hub_bgp_answer(struct hub *h, const struct imsg_bgp_answer *answer)
{
	struct bgp_pending *p = NULL;
	const struct ip_prefix *as_sent[] = {&answer->path.prefix, &answer->path.rival};

	for (int i = 0; answer->id && i < BGP_QUERIES_MAX && !p; i++)
		p = h->queries[i].id == answer->id ? &h->queries[i] : NULL;
	if (!p)
		return;
	if (answer->last) {
		finish(h, p);
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (as_sent[i]->len > addr_bits(&as_sent[i]->addr))
			return;
	}
	if (!addr_is_set(&as_sent[0]->addr) || json_array_size(p->paths) >= ANSWER_PATHS_MAX)
		return;
	json_array_append_new(p->paths, path_json(h, &answer->path));
}

void hub_bgp_queries_expire(struct hub *h, uint64_t age_ns)
{
	uint64_t now = clock_now();

	for (int i = 0; i < BGP_QUERIES_MAX; i++) {
		struct bgp_pending *p = &h->queries[i];

		if (!p->id || now - p->asked_ns < age_ns)
			continue;
		json_decref(p->paths);
		p->id = 0;
		refuse(h, p->request, "the bgp process does not answer");
	}
}
