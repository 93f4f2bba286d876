/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/policy.h"

#include <sys/socket.h>

static bool is_hub_network(const struct policy *policy, const struct ip_prefix *prefix)
{
	/* What belongs to the hub wins even against a more specific learned prefix. */
	for (unsigned int i = 0; i < policy->network_count; i++) {
		if (policy->networks[i].len > 0 && prefix_covers(&policy->networks[i], prefix))
			return true;
	}
	return false;
}

/* What the configuration says of a static route goes before what the hub happens to be connected to. */
static enum policy_verdict reserved_verdict(
	const struct policy *policy, const struct rib_peer *from, const struct ip_prefix *p)
{
	static const enum policy_verdict verdicts[RESERVED_KINDS] = {
		[RESERVED_NONE] = POLICY_ACCEPT,
		[RESERVED_OUTSIDE] = POLICY_OUTSIDE,
		[RESERVED_CONNECTED] = POLICY_CONNECTED,
		[RESERVED_MARTIAN] = POLICY_MARTIAN,
	};
	static const struct reserved none;
	enum reserved_kind kind = reserved_find(policy->reserved ? policy->reserved : &none, p);

	if (kind == RESERVED_CONNECTED && from->conf.is_static)
		return POLICY_ACCEPT;
	return verdicts[kind];
}

/* A route to a tunnel's inside addresses would turn other sites' sessions away from the hub. */
static bool is_inside(const struct policy *policy, const struct ip_prefix *p)
{
	const unsigned int subnet_bits = 2; /* /30 and /126 */

	if (p->len + subnet_bits < addr_bits(&p->addr))
		return false;
	for (unsigned int i = 0; i < policy->peer_count; i++) {
		const struct rib_peer *peer = policy->peers[i];

		if (peer && (prefix_contains(p, &peer->conf.local4) ||
				    prefix_contains(p, &peer->conf.peer4) ||
				    prefix_contains(p, &peer->conf.local6) ||
				    prefix_contains(p, &peer->conf.peer6)))
			return true;
	}
	return false;
}

enum policy_verdict policy_import(const struct policy *policy, const struct rib_peer *from,
	const struct ip_prefix *prefix, const struct attrs *a)
{
	const struct bgp_neighbor *n = &from->conf;
	enum policy_verdict reserved;

	if (attr_path_count(a, policy->config->local_as) > from->conf.allow_as_in)
		return POLICY_OWN_AS;
	if (n->accept_count && !n->is_static &&
		!prefix_rules_permit(n->accept, n->accept_count, prefix))
		return POLICY_FILTER;
	if (prefix->len == 0)
		return !from->conf.allow_default   ? POLICY_DEFAULT
		       : from->conf.not_propagated ? POLICY_SITE
						   : POLICY_ACCEPT;
	if (is_hub_network(policy, prefix))
		return POLICY_HUB;
	reserved = reserved_verdict(policy, from, prefix);
	if (reserved != POLICY_ACCEPT)
		return reserved;
	if (is_inside(policy, prefix))
		return POLICY_INSIDE;
	return from->conf.not_propagated ? POLICY_SITE : POLICY_ACCEPT;
}

#define LINK_HOST_BITS 2u /* /30 and /126 */

static bool is_on_link(
	const struct ip_addr *local, const struct ip_addr *peer, const struct ip_addr *hop)
{
	struct ip_prefix link;

	if (!addr_is_set(local) || addr_equal(hop, local))
		return false;
	link = prefix_make(local, addr_bits(local) - LINK_HOST_BITS);
	return addr_equal(hop, peer) || prefix_contains(&link, hop);
}

bool policy_next_hop_is_connected(const struct rib_peer *from, const struct ip_addr *next_hop)
{
	static const struct ip_prefix link_local = {{AF_INET6, {0xfe, 0x80}}, 10};
	const struct bgp_neighbor *n = &from->conf;

	if (next_hop->family == AF_INET)
		return is_on_link(&n->local4, &n->peer4, next_hop);
	return !n->transport6 || prefix_contains(&link_local, next_hop) ||
	       is_on_link(&n->local6, &n->peer6, next_hop);
}

/* One site's way out is offered to the others only when that was asked for. */
static bool shares_default(const struct policy *policy, const struct rib_prefix *e)
{
	for (unsigned int i = 0; i < policy->peer_count; i++) {
		const struct rib_peer *peer = policy->peers[i];

		if (peer && peer->conf.tunnel == e->best_tunnel)
			return peer->conf.share_default;
	}
	return false;
}

bool policy_export_any(const struct policy *policy, const struct rib_prefix *e)
{
	if (!e->best)
		return false;
	if (e->network)
		return true;
	if (!policy->config->site_to_site)
		return false;
	if (e->len == 0 && !shares_default(policy, e))
		return false;
	return !attr_stays_here(e->best);
}

bool policy_export(
	const struct policy *policy, const struct rib_prefix *e, const struct rib_peer *to)
{
	/* Never back to the site, by either tunnel; nor to another device of the
	 * same location, which would send its own traffic round through the hub. */
	if (!e->network && (e->best_tunnel / TUNNELS_PER_SITE == neighbor_site(&to->conf) ||
				   e->best_group == to->conf.group))
		return false;
	return policy_export_any(policy, e);
}

const char *policy_reason(enum policy_verdict verdict)
{
	switch (verdict) {
	case POLICY_ACCEPT:
		return "it is accepted";
	case POLICY_OWN_AS:
		return "its AS path contains our own AS";
	case POLICY_HUB:
		return "it lies within a network of the hub";
	case POLICY_DEFAULT:
		return "default routes of this site are not allowed";
	case POLICY_MARTIAN:
		return reserved_reason(RESERVED_MARTIAN);
	case POLICY_OUTSIDE:
		return reserved_reason(RESERVED_OUTSIDE);
	case POLICY_CONNECTED:
		return reserved_reason(RESERVED_CONNECTED);
	case POLICY_INSIDE:
		return "it covers inside addresses of a tunnel";
	case POLICY_FILTER:
		return "the site may not announce it (accept)";
	case POLICY_SITE:
		return "routes of this site are not propagated";
	case POLICY_NEXT_HOP:
		return "its next hop is not connected";
	}
	return "?";
}
