/* SPDX-License-Identifier: Apache-2.0 */
/* Why a path won, and who announces what belongs to others. */
#include "bgp/decide.h"
#include "bgp/peer.h"

#include <string.h>

static struct bgp_path_view view(const struct bgp *b, const struct rib_prefix *e,
	const struct rib_path *p, enum path_fate fate, const struct rib_prefix *rival)
{
	const struct bgp_peer *owner = speaker_owner(b, fate == PATH_QUARANTINED ? rival : e);
	const struct ip_prefix prefix = rib_prefix_of(e);
	struct bgp_path_view v = {.prefix = prefix,
		.tunnel = p->peer->conf.tunnel,
		.fate = (uint8_t)(b->defer_until ? PATH_WAITING : fate),
		.verdict = (uint8_t)policy_import(&b->policy, p->peer, &prefix, p->attrs),
		.source = (uint8_t)decide_source(p),
		.stale = p->stale,
		.origin = p->attrs->origin,
		.hops = p->attrs->hops,
		.med = p->attrs->has_med ? p->attrs->med : 0,
		.identifier = p->peer->identifier,
		.owner = owner ? owner->rib.conf.tunnel : UINT32_MAX,
		.declared = claims_find(&b->claims, &prefix)};
	unsigned int n = attr_path_list(p->attrs, v.as_path, ROUTE_AS_PATH_SHOWN);

	v.as_path_len = (uint8_t)(n < UINT8_MAX ? n : UINT8_MAX);
	if (fate == PATH_QUARANTINED)
		v.rival = rib_prefix_of(rival);
	return v;
}

/* Visits the paths of e, or only the quarantined ones; returns how many. */
static unsigned int visit_paths(const struct bgp *b, const struct rib_prefix *e,
	bool quarantined_only, bgp_path_visit *visit, void *context)
{
	const struct rib_path *paths[RIB_PEERS_MAX];
	enum path_fate fates[RIB_PEERS_MAX];
	const struct rib_prefix *rivals[RIB_PEERS_MAX];
	unsigned int visited = 0;
	unsigned int n = decide_explain(&b->policy, &b->rib.paths, e, paths, fates, rivals);

	for (unsigned int i = 0; i < n; i++) {
		struct bgp_path_view v = view(b, e, paths[i], fates[i], rivals[i]);

		if (quarantined_only && fates[i] != PATH_QUARANTINED)
			continue;
		visit(context, &v);
		visited++;
	}
	return visited;
}

void bgp_explain(
	const struct bgp *b, const struct ip_prefix *prefix, bgp_path_visit *visit, void *context)
{
	for (int len = prefix->len; len >= 0; len--) {
		struct ip_prefix p = prefix_make(&prefix->addr, (unsigned int)len);
		const struct rib_prefix *e = rib_find((struct rib *)&b->rib, &p);

		if (e && e->paths)
			visit_paths(b, e, false, visit, context);
		/* Packets go by this one; by a shorter one where none of its paths is used. */
		if (e && (e->best || e->network))
			return;
	}
}

void bgp_contested(const struct bgp *b, unsigned int most, bgp_path_visit *visit, void *context)
{
	unsigned int visited = 0;

	for (int f = 0; f < BGP_FAMILIES; f++) {
		const struct rib_table *t = &b->rib.table[f];

		for (uint32_t n = rib_after(t, t->ends); n; n = rib_after(t, n)) {
			const struct rib_prefix *e = rib_node(t, n);

			if (visited >= most)
				return;
			if (e->contested)
				visited += visit_paths(b, e, true, visit, context);
		}
	}
}
