/* SPDX-License-Identifier: Apache-2.0 */
/* Between hub and bgp, and between bgp and its BFD thread. */
#ifndef SLUICE_IPC_MSG_BGP_H
#define SLUICE_IPC_MSG_BGP_H

#include "bgp/bfd/session.h"
#include "bgp/reserved.h"
#include "bgp/speaker.h"
#include "ipc/imsg.h"

#include <assert.h>

#define IMSG_ROUTES_MAX   128
#define IMSG_RESERVED_MAX 500
#define IMSG_OWNERS_MAX   400

struct imsg_bgp_ready {
	int32_t bfd_error; /* errno: why the BFD thread has no real-time priority; 0: it has */
};

struct imsg_bgp_conf {
	struct bgp_config config;
};

/* A BFD session of a bgp process that has ended, for the next one. */
struct imsg_bfd_resume {
	struct ip_addr local, peer;
	uint16_t source_port;
	uint64_t at_ns; /* when it was so: CLOCK_MONOTONIC */
	struct bfd_handover session;
};

struct imsg_bgp_neighbor {
	struct bgp_neighbor conf;
	uint32_t bfd_interval_us;
	uint8_t bfd_multiplier; /* 0: no BFD */
	struct imsg_bfd_resume bfd_resume;
};

struct imsg_bgp_statics {
	uint32_t tunnel;
	uint32_t count;
	struct ip_prefix prefixes[NEIGHBOR_STATICS_MAX];
};

struct imsg_bgp_query {
	uint32_t id;
	struct ip_prefix prefix; /* why its best path won; family 0: what is quarantined */
};

struct imsg_bgp_answer {
	uint32_t id;
	bool last; /* nothing else in it counts */
	struct bgp_path_view path;
};

struct imsg_bgp_event {
	uint32_t tunnel;
	struct bgp_effect_event event;
};

struct imsg_bgp_tunnel {
	uint32_t tunnel;
	bool up;
};

struct imsg_bgp_network {
	struct ip_prefix prefix;
	bool present;
};

struct imsg_bgp_reserved {
	bool first, last; /* part of the list, which takes effect with its last */
	uint16_t count;
	struct reserved_fact facts[IMSG_RESERVED_MAX];
};

struct imsg_bgp_owners {
	uint32_t count;
	struct {
		struct ip_prefix prefix;
		uint32_t group;
	} owners[IMSG_OWNERS_MAX];
};

/* A tunnel is to have BFD, or no longer (multiplier 0). */
struct imsg_bfd_session {
	uint32_t tunnel;
	struct ip_addr local, peer;
	uint32_t interval_us;
	uint8_t multiplier;
	struct imsg_bfd_resume resume; /* unless the tunnel is said to be down first */
};

struct imsg_bfd_state {
	uint32_t tunnel;
	bool present;                /* false: there is no session now */
	bool failed;                 /* it was Up until now, and nobody switched it off */
	uint8_t state, remote_state; /* enum bfd_state */
	uint8_t diag, remote_diag;   /* enum bfd_diag */
	uint32_t interval_us;        /* between packets of the hub, negotiated */
	uint32_t detection_us;
	uint64_t packets_in, packets_out, packets_refused;
	uint32_t expirations; /* how often the detection time passed in silence */
	struct imsg_bfd_resume resume;
};

enum bgp_state {
	BGP_IDLE,
	BGP_CONNECT,
	BGP_ACTIVE,
	BGP_OPENSENT,
	BGP_OPENCONFIRM,
	BGP_ESTABLISHED,
};

struct imsg_bgp_state {
	uint32_t tunnel;
	uint32_t state; /* enum bgp_state */
	uint32_t prefixes_in;
	uint32_t prefixes_out;
	uint32_t prefixes_in6, prefixes_out6; /* of these IPv6 */
	uint32_t kept_out;                    /* of those that came: not used */
	bool out_limited;                     /* there are more than the site may be told of */
	uint16_t hold_s;                      /* negotiated; 0: BGP itself notices no silence */
	uint8_t error_code, error_subcode;    /* of the last NOTIFICATION, either way */
	struct bgp_counts counts;
	uint64_t established_wall_ns; /* 0: it is not; hub fills it in */
	/* See struct bgp_effect_state. CLOCK_MONOTONIC */
	uint64_t error_at_ns, refused_until_ns, unanswered_since_ns;
	uint32_t why; /* enum bgp_why */
	char detail[BGP_DETAIL_SIZE];
};

/* The best path to a prefix, with what is used beside it. */
struct imsg_route {
	struct ip_prefix prefix;
	uint8_t source;  /* enum route_source */
	uint32_t tunnel; /* next hop */
	struct route_shares shares;
	uint32_t med;
	uint8_t as_path_len; /* true length; as_path holds the first of them */
	uint8_t origin;
	uint32_t as_path[ROUTE_AS_PATH_SHOWN];
	struct path_count candidates;
	uint8_t other; /* enum path_fate: why not by the other tunnel of the site */
};

static_assert(sizeof(struct imsg_bgp_neighbor) < IMSG_MAX_SIZE / 2, "a neighbour fits");
static_assert(sizeof(struct imsg_bgp_reserved) < IMSG_MAX_SIZE / 2, "reserved facts fit");
static_assert(sizeof(struct imsg_bgp_owners) < IMSG_MAX_SIZE - 64, "owners fit");
static_assert(sizeof(struct imsg_bgp_statics) < IMSG_MAX_SIZE / 2, "static routes fit");
static_assert(sizeof(struct imsg_route) * IMSG_ROUTES_MAX < IMSG_MAX_SIZE - 64, "routes fit");
static_assert(sizeof(struct imsg_route) <= 144, "a route is small: there are 100,000 of them");

#endif
