/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which routes come in and which go out. RFC 8212 wants an explicit policy: this is it, and it is
 * the same for every site. It is asked anew at every decision, so a changed configuration applies
 * to what was learned before.
 */
#ifndef SLUICE_BGP_POLICY_H
#define SLUICE_BGP_POLICY_H

#include "bgp/claims.h"
#include "bgp/reserved.h"
#include "bgp/rib.h"

enum policy_verdict {
	POLICY_ACCEPT,
	POLICY_OWN_AS,    /* RFC 4271 9.1.2: our AS is in the path */
	POLICY_HUB,       /* a network of the hub, or inside of one */
	POLICY_DEFAULT,   /* default route from a site without allow_default */
	POLICY_MARTIAN,   /* this one and the next two: see reserved.h */
	POLICY_OUTSIDE,   /* it covers an outside address */
	POLICY_CONNECTED, /* it lies within a network of the hub's devices */
	POLICY_INSIDE,    /* the inside addresses of a tunnel */
	POLICY_FILTER,    /* not among what the site may announce */
	POLICY_SITE,      /* nothing of this site is propagated */
	POLICY_NEXT_HOP,  /* not on the link: such a route is not even kept */
};

#define POLICY_GROUPS 4096 /* numbers of locations that can be absent */

struct policy {
	const struct bgp_config *config;
	const struct ip_prefix *networks; /* of the hub */
	unsigned int network_count;
	struct rib_peer *const *peers; /* whose inside addresses are protected; NULLs are skipped */
	unsigned int peer_count;
	const struct claims *claims;     /* declared owners */
	const struct reserved *reserved; /* what nobody may announce, or NULL */
	const struct rib *rib;           /* where else prefixes have owners, or NULL: nowhere */
	const bool *absent; /* locations without a session, POLICY_GROUPS, or NULL: none */
};

enum policy_verdict policy_import(const struct policy *policy, const struct rib_peer *from,
	const struct ip_prefix *prefix, const struct attrs *a);

/*
 * RFC 4271 5.1.3: the next hop is an address of the link to the neighbour, and not ours. For IPv6
 * also a link-local one. What comes with IPv6 routes over an IPv4 session is not looked at: peers put
 * there what they happen to have, and the tunnel is the next hop in any case.
 */
bool policy_next_hop_is_connected(const struct rib_peer *from, const struct ip_addr *next_hop);

/* Whether anybody is told of the chosen path of e, but its own site and location. */
bool policy_export_any(const struct policy *policy, const struct rib_prefix *e);

/* Whether `to` is told of the chosen path of e. Limits are adjout's. */
bool policy_export(
	const struct policy *policy, const struct rib_prefix *e, const struct rib_peer *to);

/* Why, for a log line: "it lies within a network of the hub". */
const char *policy_reason(enum policy_verdict verdict);

#endif
