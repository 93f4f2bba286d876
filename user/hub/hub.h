/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub process: the only one that turns effects of the others into actions. It owns the
 * configuration, the sites, the BPF maps, the inside device and the kernel routes; it never parses
 * a byte that came from the network.
 */
#ifndef SLUICE_HUB_HUB_H
#define SLUICE_HUB_HUB_H

#include "dataplane/bpf.h"
#include "dataplane/host.h"
#include "dataplane/link.h"
#include "dataplane/maps.h"
#include "dataplane/source.h"
#include "dataplane/xfrmi.h"
#include "hub/event/eventlog.h"
#include "ipc/process.h"
#include "state/model.h"
#include "ipc/msg_data.h"

#define MD5_KINDS       3  /* of segments that the kernel drops: see md5.c */
#define HUB_SOCKETS_MAX 20 /* endpoints x addresses x {500, 4500, raw ESP, two to send by} */

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
	struct event *give_up;  /* children that do not end */
	struct event *farewell; /* ike says goodbye after bgp */
	struct event *turn;     /* of fair sharing */
	struct event *leave;    /* tunnels that wait for it; see admin.h */
	const char *state_dir;  /* what outlives the daemon */
	json_t *admin;          /* what operators have asked of tunnels, by site */
	bool admin_kept;        /* the last of it was written, too */
	struct apply_pending *applying;
	const char *config_path;
	struct config *config;
	bool started; /* every child was ready: the service manager has been told */
	bool failed;  /* a child ended before that */
	bool stopping;
	bool bgp_settled; /* the present bgp process has heard of all that were there before */

	struct model model; /* what is known: the views get it */
	uint32_t next_slot;

	/* hub/route */
	struct fib *fib;           /* the routes that are believed */
	struct route_rules *rules; /* what they are judged by */
	struct closed *closed;     /* prefixes that the hub itself must not reach in clear */

	bool md5_known;
	uint64_t md5_counts[MD5_KINDS];
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

	/* What others may change at any time, as it was when hub looked last. */
	struct host_watch *watch;
	struct event *host_changed, *look_again;
	uint64_t looked_ns, way_again_ns;
	struct host_addresses addresses; /* of the host, when it was looked at last */
	bool routes_lost;

	struct hub_socket sockets[HUB_SOCKETS_MAX];
	uint32_t socket_count;
	int bgp_listen[2]; /* IPv4, IPv6 */
	struct bfd_sockets *bfd_sockets;
	int too_big[2]; /* ICMP, ICMPv6: for data */
	int control_fd;
	int metrics_fd;
	int checkpoint_fd; /* memfd of ike */
	int saved_fd;      /* memfd of data */
	struct certificates *certificates;
	uint64_t secrets_again_ns;     /* when those that tunnels wait for are looked for next */
	uint64_t certificates_look_ns; /* when their ends are looked at next */

	struct process processes[PROCESS_ROLES];
};

/* Of nothing but its configuration, which it takes over: no device, no child, no site yet. */
struct hub *hub_new(const char *config_path, struct config *own_config);

/* What it needs of its host is there: its timers and signals begin, and its sites are as the configuration has them. */
void hub_begin(struct hub *h, bool verbose);

/* After hub_teardown (host/host.h) and the end of the children. */
void hub_free(struct hub *h);

/* All of it, until SIGTERM or SIGINT. Takes over own_config. Returns the exit status. */
int hub_run(const char *config_path, struct config *own_config, bool verbose);

#endif
