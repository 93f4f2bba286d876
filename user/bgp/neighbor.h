/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says: of the speaker, and of the neighbour behind one tunnel. */
#ifndef SLUICE_BGP_NEIGHBOR_H
#define SLUICE_BGP_NEIGHBOR_H

#include "base/addr.h"
#include "base/types.h"

#include <stdbool.h>
#include <stdint.h>

#define NEIGHBOR_CLAIMS_MAX  64
#define NEIGHBOR_STATICS_MAX 100
#define NEIGHBOR_ACCEPT_MAX  64

/* Whatever the attributes, a path of an earlier class wins. A line of the hub's own, which goes
 * before all, is a route of its kernel with a lower metric than ours: it needs no path here. */
enum route_source {
	SOURCE_HUB, /* a network behind the hub */
	SOURCE_STATIC,
	SOURCE_BGP,
	ROUTE_SOURCES,
};

struct bgp_config {
	uint32_t local_as;
	uint32_t router_id; /* host order */
	uint16_t hold_s;
	uint16_t keepalive_s;
	bool site_to_site;        /* sites hear of each other */
	bool graceful_restart;    /* RFC 4724, offered and honoured */
	bool restarted;           /* this process follows one whose routes are still in use */
	uint32_t connect_retry_s; /* RFC 4271 10; 0: 5 */
	uint32_t prefix_limit_restart_s; /* idle time after a prefix limit was exceeded; 0: 60 */
};

struct bgp_neighbor {
	uint32_t tunnel; /* site index * 2 + {0, 1} */
	char site[SITE_NAME_SIZE];
	struct ip_addr local4, peer4;
	struct ip_addr local6, peer6; /* unset: no IPv6 routes */
	bool transport6;              /* the session runs over these (6-04) */
	bool passive; /* never connected to: its connections are signed, which we cannot do */
	uint64_t password_print; /* of what signs its segments (RFC 2385); 0: nothing does */
	uint32_t remote_as;
	uint32_t max_prefixes_in; /* per family; 0: no limit */
	uint32_t max_prefixes_out;
	uint32_t med_out;
	uint32_t group; /* sites of one location share it */
	bool allow_default;
	bool share_default;    /* others are told of the one that it announces */
	bool ttl_security;     /* RFC 5082: for who makes the connections */
	bool as_override;      /* its own AS in a path to it is replaced by the hub's */
	bool not_propagated;   /* its routes are known, shown, and not used */
	uint8_t allow_as_in;   /* how often our AS may be in its paths */
	bool is_static;        /* no session: bgp_statics_set says what leads there */
	bool ecmp;             /* its equal paths, and its group's, are used together */
	bool draining;         /* its paths are used where there is no other */
	uint16_t gives_way_to; /* 1 + the number of a site: see decide.h; 0: to none */
	bool was_up;           /* it was Established before `restarted` */
	uint8_t claim_count;   /* what its site owns, see decide.h */
	struct ip_prefix claims[NEIGHBOR_CLAIMS_MAX];
	uint8_t accept_count; /* what it may announce; 0: everything */
	struct prefix_rule accept[NEIGHBOR_ACCEPT_MAX];
};

/* The addresses that the session has. */
static inline const struct ip_addr *neighbor_local(const struct bgp_neighbor *n)
{
	return n->transport6 ? &n->local6 : &n->local4;
}

static inline const struct ip_addr *neighbor_peer(const struct bgp_neighbor *n)
{
	return n->transport6 ? &n->peer6 : &n->peer4;
}

static inline uint32_t neighbor_site(const struct bgp_neighbor *n)
{
	return n->tunnel / TUNNELS_PER_SITE;
}

#endif
