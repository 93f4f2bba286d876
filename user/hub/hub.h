/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub process: the only one that turns effects of the others into actions. It owns the
 * configuration, the sites, the BPF maps, the inside device and the kernel routes; it never parses
 * a byte that came from the network.
 */
#ifndef SLUICE_HUB_HUB_H
#define SLUICE_HUB_HUB_H

#include "config/config.h"
#include "crypto/cert.h"
#include "dataplane/bpf.h"
#include "dataplane/fair.h"
#include "dataplane/host.h"
#include "dataplane/link.h"
#include "bgp/claims.h"
#include "bgp/reserved.h"
#include "dataplane/maps.h"
#include "dataplane/source.h"
#include "dataplane/xfrmi.h"
#include "hub/route/closed.h"
#include "state/endpoints.h"
#include "hub/event/eventlog.h"
#include "state/history.h"
#include "ipc/process.h"
#include "state/route_table.h"
#include "hub/unknown.h"

#define HUB_SITE_SLOTS     SLUICE_MAX_SITES
#define HUB_SAS_PER_TUNNEL SLUICE_SA_SLOTS_PER_TUNNEL
#define HUB_CONNECTED_MAX  1024
#define MD5_KINDS          3  /* of segments that the kernel drops: see md5.c */
#define HUB_SOCKETS_MAX    20 /* endpoints x addresses x {500, 4500, raw ESP, two to send by} */

struct hub_tunnel {
	bool admin_down;
	bool no_secret;       /* its keys cannot be read: ike does not know of it */
	bool draining;        /* the other tunnel is used, by the site and by the hub */
	bool undrain;         /* no longer, once it carries */
	uint64_t leave_at_ns; /* when a tunnel that was told goodbye closes; 0: it was not */
	uint32_t ifindex;     /* kernel ESP: of its xfrm interface; 0: none */
	bool open;            /* TC lets packets through, routes may exist */
	/* The peer's address when it opened: IKE went there and back, where a peer merely moves to
	 * anybody may send from. */
	struct ip_addr came_from;
	struct imsg_tunnel_state ike;
	uint64_t refusals; /* by ike, of who had not been authenticated */
	struct imsg_bgp_state bgp;
	/* See through.c. */
	uint64_t opened_ns, heard_ns, heard_out;
	char silent_text[2 * REASON_TEXT_SIZE]; /* "": something comes through it, or may */
	char ends_text[REASON_TEXT_SIZE];       /* "": as configured, as far as is known */
	uint64_t md5_at_ns; /* when its segments seemed to be signed wrongly; 0: never */
	char md5_text[REASON_TEXT_SIZE];
	struct imsg_bfd_state bfd;
	struct imsg_bfd_resume bfd_resume; /* of the bgp process before, for the next one only */
	bool bgp_was_up;                   /* when the bgp process before this one ended */
	uint64_t since_wall_ns;            /* of the present phase */
	uint32_t sa_count;
	struct imsg_sa_info sas[HUB_SAS_PER_TUNNEL];
	struct imsg_data_path path; /* zero: data has said nothing */
	uint64_t activity_seen_ns;  /* last_in_ns that ike was told of */
	unsigned int egress_routes; /* counted when it is asked for */
	unsigned int
		egress_why; /* then: of these, a bit for each enum path_fate of the other tunnel */
	struct imsg_peer_cert *cert; /* what the site authenticated with, or NULL: 13 kB */
	int64_t cert_warned_s;       /* when its end was warned of last */
};

/* Counters of a site at one moment, less what the slot had before the site got it. */
struct site_sample {
	uint64_t at_ns;
	struct site_stats stats[SLUICE_DIRECTIONS];
};

struct hub_site {
	uint32_t slot;
	uint32_t group; /* see hub_group_choose */
	struct site_conf conf;
	struct hub_tunnel tunnels[TUNNELS_PER_SITE];
	struct site_sample base, before, latest;
	struct history *history;
	uint32_t routes;            /* that lead to it */
	unsigned int shared_routes; /* that others carry too; counted when it is asked for */
	uint64_t routes_refused;    /* that bgp reported against the rules */
	struct tunnel_stats tunnel_base[TUNNELS_PER_SITE];
	struct event_ring events[TUNNELS_PER_SITE][EVENT_KINDS];
};

struct hub_socket {
	int fd;
	struct imsg_socket address;
	bool for_ike, for_data;
};

#define BGP_QUERIES_MAX 8 /* of operators, at a time */

/* A question of an operator that bgp is working on. */
struct bgp_pending {
	uint32_t id;      /* of the query; 0: free */
	uint32_t request; /* of the api process */
	uint32_t verb;
	char site[SITE_NAME_SIZE];
	uint64_t asked_ns;
	json_t *paths;
};

struct hub {
	struct event_base *base;
	struct event *signals[4];
	struct event *second;   /* once a second: samples, activity */
	struct event *sweep;    /* routes of closed tunnels */
	struct event *give_up;  /* children that do not end */
	struct event *farewell; /* ike says goodbye after bgp */
	struct event *turn;     /* of fair sharing */
	struct event *leave;    /* tunnels that wait for it; see admin.h */
	const char *state_dir;  /* what outlives the daemon */
	json_t *admin;          /* what operators have asked of tunnels, by site */
	struct apply_pending *applying;
	const char *config_path;
	struct config *config;
	uint64_t started_ns;
	uint64_t sampled_ns[2]; /* when the counters were read last, and before that */
	bool started;           /* every child was ready: the service manager has been told */
	bool failed;            /* a child ended before that */
	bool stopping;
	int bfd_unhurried; /* errno: why the BFD thread has no real-time priority; 0: it has */
	bool bgp_settled;  /* the present bgp process has heard of all that were there before */

	struct hub_site *sites[HUB_SITE_SLOTS]; /* by slot; NULL: free */
	uint32_t next_slot;
	uint32_t next_group;        /* less HUB_SITE_SLOTS */
	struct route_table *routes; /* best paths that bgp reported */
	struct closed *closed;
	uint32_t check_at; /* see hub_routes_check */
	uint64_t check_again_ns;
	uint64_t routes_mended;   /* by it, since the start */
	bool rules_changed;       /* routes that are there are to be judged again */
	bool shares_short;        /* there are more different sets than TC has room for */
	struct claims claims;     /* whom prefixes belong to, by group */
	struct reserved reserved; /* what no site may announce */
	size_t connected_count;
	struct ip_prefix connected[HUB_CONNECTED_MAX]; /* networks and next hops of the host */
	uint64_t connected_again_ns;
	bool md5_known;
	uint64_t md5_counts[MD5_KINDS];
	bool connected_unread;
	struct bgp_pending queries[BGP_QUERIES_MAX];
	uint32_t next_query;

	struct eventlog *events;
	struct bpf_plane *plane;
	struct maps *maps;
	struct source_set sources; /* what TC knows as declared */
	struct link *link;
	struct fair *fair[SLUICE_DIRECTIONS];
	bool kernel_esp;
	uint32_t workers;
	struct xfrmi *xfrmi; /* with kernel_esp */
	uint32_t outside_count;
	struct imsg_data_outside outside[CONFIG_ENDPOINTS];
	const char *outside_mode[CONFIG_ENDPOINTS];
	bool outside_closed[CONFIG_ENDPOINTS]; /* by our programs, for what is in clear */
	const char *inside_mode;
	char data_mode[128];

	/* What others may change at any time, as it was when hub looked last. */
	struct host_watch *watch;
	struct event *host_changed, *look_again;
	uint64_t looked_ns, way_again_ns;
	struct host_addresses addresses; /* of the host, when it was looked at last */
	struct endpoint endpoints[CONFIG_ENDPOINTS][CONFIG_ADDRESSES_MAX];
	struct ip_addr source[2]; /* IPv4, IPv6: what the hub itself sends to sites from */
	bool settings_wrong, rp_filter_told, inside_gone, routes_lost;

	struct hub_socket sockets[HUB_SOCKETS_MAX];
	uint32_t socket_count;
	int bgp_listen[2]; /* IPv4, IPv6 */
	struct bfd_sockets *bfd_sockets;
	int too_big[2]; /* ICMP, ICMPv6: for data */
	int control_fd;
	int metrics_fd;
	int checkpoint_fd; /* memfd of ike */
	int saved_fd;      /* memfd of data */
	struct unknown_list unknown;
	struct certificates *certificates;
	uint64_t secrets_again_ns;     /* when those that tunnels wait for are looked for next */
	uint64_t certificates_look_ns; /* when their ends are looked at next */

	struct process processes[PROCESS_ROLES];
};

/* Runs until SIGTERM or SIGINT. Takes over own_config. Returns the exit status. */
int hub_run(const char *config_path, struct config *own_config, bool verbose);

/* children.c: initial state of each child, and what they report. */
void hub_children_init(struct hub *h, bool verbose);

/* site_table.c: a site has a slot, and its tunnels have numbers. */
struct hub_site *hub_site_find(struct hub *h, const char *name);
struct hub_site *hub_site_of_tunnel(struct hub *h, uint32_t tunnel);
struct hub_tunnel *hub_tunnel(struct hub *h, uint32_t tunnel);
const struct tunnel_conf *hub_tunnel_conf(struct hub *h, uint32_t tunnel);
uint32_t hub_tunnel_number(const struct hub_site *site, unsigned int t);
/* Where tunnel t of the site ends. */
const struct endpoint *hub_endpoint(
	const struct hub *h, const struct hub_site *site, unsigned int t);

/* The largest packet that fits into the tunnel; 0: it has no SA to send by. */
/* What a tunnel says as long as ike has not said anything. */
static inline const char *hub_tunnel_awaits(const struct tunnel_conf *c)
{
	return c->options.startup == STARTUP_START ? "the hub is about to connect"
						   : "waiting for the site to connect";
}

static inline uint32_t hub_tunnel_mtu(const struct hub_tunnel *t)
{
	for (uint32_t i = 0; i < t->sa_count; i++) {
		if (t->sas[i].in_use)
			return t->path.inner_mtu ? t->path.inner_mtu : t->sas[i].inner_mtu;
	}
	return 0;
}

#endif
