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
#include "hub/closed.h"
#include "state/endpoints.h"
#include "hub/eventlog.h"
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
	struct imsg_bgp_state bgp;
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
	struct endpoint endpoints[CONFIG_ENDPOINTS][CONFIG_ADDRESSES_MAX];
	struct ip_addr source[2]; /* IPv4, IPv6: what the hub itself sends to sites from */
	bool settings_wrong, rp_filter_told, inside_gone, routes_lost;

	struct hub_socket sockets[HUB_SOCKETS_MAX];
	uint32_t socket_count;
	int bgp_listen[2]; /* IPv4, IPv6 */
	int too_big[2];    /* ICMP, ICMPv6: for data */
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

/* interfaces.c: the xfrm interfaces of kernel ESP; without it they do nothing. */
bool hub_interfaces_open(struct hub *h, char error[CONFIG_ERROR_SIZE]);
void hub_interfaces_close(struct hub *h);
void hub_interface_add(struct hub *h, const struct hub_site *site, unsigned int t);
void hub_interface_del(struct hub *h, uint32_t tunnel);
void hub_interface_mtu_set(struct hub *h, uint32_t tunnel, uint32_t mtu);
/* An outside device is another one now: the interfaces of its tunnels, which are closed, are made again. */
void hub_interfaces_follow(struct hub *h, const char *device);
/* Whether this machine can do what the configuration asks for; else a sentence says what it lacks. */
bool hub_dataplane_probe(struct hub *h, char error[CONFIG_ERROR_SIZE]);

/* outside.c: the outside devices. Whether device i is there; what is known of it is brought up to date. */
bool hub_outside_find(struct hub *h, uint32_t i);
/* Closes them, those that are not there too. False with a sentence. */
bool hub_outside_attach(struct hub *h, char error[CONFIG_ERROR_SIZE]);
/* What the kernel was told to keep closed is ours no longer. */
void hub_outside_open(struct hub *h);
/* Takes up what has changed; tunnels of an endpoint that is lost are closed, and opened when it is back. */
void hub_outside_look(struct hub *h, const struct host_address *list, size_t count, uint64_t now);

/* outside_sockets.c: for ike and data. A device is another one now, or there is none: they follow it. */
bool hub_outside_sockets_open(struct hub *h, char error[CONFIG_ERROR_SIZE]);
bool hub_outside_sockets_follow(struct hub *h, const char *device);

/* host_look.c: all of the above, and what else the hub needs of its host. From now on; once, now. */
void hub_host_watch(struct hub *h);
void hub_host_look(struct hub *h);

/* setup.c: the data plane, the sockets. False with a sentence in error; hub_teardown() undoes it. */
bool hub_setup(struct hub *h, char error[CONFIG_ERROR_SIZE]);
void hub_teardown(struct hub *h);
/*
 * inside_sockets.c. RFC 2385: connections from this address must be signed with the secret of the reference, "" for
 * none. False when it cannot be had: then nobody gets in. The bgp process never sees the secret; *print
 * is another number for another secret, which says nothing of it, and 0 for none.
 */
bool hub_bgp_password(
	const struct hub *h, const struct ip_addr *peer, const char *ref, uint64_t *print);
/* A socket that hears BFD at an inside address of the hub; -1 when it cannot be had (logged). */
int hub_bfd_socket(const struct hub *h, const struct ip_addr *local);
/* Listens for BGP of one family; false with errno set. */
bool hub_bgp_listen(struct hub *h, int family);

/* children.c: initial state of each child, and what they report. */
void hub_children_init(struct hub *h, bool verbose);


/* memfds.c: for the state of ike and data; forgets the SAs that a data process saved. False with errno set. */
bool hub_memfds_open(struct hub *h);
bool hub_saved_clear(struct hub *h);

/* site_table.c */
struct hub_site *hub_site_find(struct hub *h, const char *name);
struct hub_site *hub_site_of_tunnel(struct hub *h, uint32_t tunnel);
struct hub_tunnel *hub_tunnel(struct hub *h, uint32_t tunnel);
const struct tunnel_conf *hub_tunnel_conf(struct hub *h, uint32_t tunnel);
uint32_t hub_tunnel_number(const struct hub_site *site, unsigned int t);
/* Where tunnel t of the site ends. */
const struct endpoint *hub_endpoint(
	const struct hub *h, const struct hub_site *site, unsigned int t);

/* sites.c */
void hub_sites_add(struct hub *h, const struct site_conf *conf);
void hub_site_free(struct hub_site *site);
void hub_site_remove(struct hub *h, struct hub_site *site);
void hub_site_change(struct hub *h, struct hub_site *site, const struct site_conf *conf);
/* tell.c: all that a child has to know of sites. */
void hub_sites_send(struct hub *h, struct process *p);
/* To bgp: all that the configuration and operators say of a neighbour. */
void hub_bgp_neighbor_send(struct hub *h, const struct hub_site *site, unsigned int t);
/* To bgp and its BFD: the tunnel carries, or no longer does. */
void hub_bgp_tunnel_send(struct hub *h, uint32_t tunnel, bool up);
/* Tells ike and bgp of a tunnel again. */
void hub_tunnel_send(struct hub *h, const struct hub_site *site, unsigned int t);
/* To one of them alone. */
void hub_ike_tunnel_send(struct hub *h, const struct hub_site *site, unsigned int t);
void hub_data_tunnel_send(struct hub *h, const struct hub_site *site, unsigned int t, bool present);
/* To data, bgp and ike, in this order: there is such a tunnel. */
void hub_tunnel_introduce(struct hub *h, const struct hub_site *site, unsigned int t);
/*
 * sites.c. Whether a change of its site to `is` makes tunnel t another one, or none; NULL: the site goes.
 */
bool hub_tunnel_is_replaced(
	const struct hub_site *site, unsigned int t, const struct site_conf *is);
/*
 * After a change of several sites: what one gave up another may have taken, group numbers may have
 * moved, a key file may have another content. Repeating what did not change does nothing.
 */
void hub_sites_settle(struct hub *h);
/* events.c. Into a log of the tunnel; own_event has the members that its kind of event has. */
void hub_event(struct hub *h, uint32_t tunnel, enum event_kind kind, json_t *own_event);
/* sites.c: reads the counters of all sites. */
void hub_sample(struct hub *h);

/*
 * sources.c: tells TC which inside addresses a tunnel has, whose it is, and whether it is open; nothing when
 * it is not present. And for all of them, after any change of the configuration, which prefixes are
 * declared as whose, and what the hub serves to sites.
 */
void hub_tunnel_record(struct hub *h, uint32_t tunnel, bool present);
void hub_sources_set(struct hub *h);

/* rates.c: the limits of sites and of all together; while the latter is short it is shared fairly. */
void hub_aggregate_set(struct hub *h); /* before the first site's */
void hub_rates_set(struct hub *h, const struct hub_site *site);
void hub_rates_forget(struct hub *h, uint32_t slot);
/* Bits per second that a site may have in all: of a gateway, by all its tunnels. */
uint64_t hub_site_cap(const struct hub_site *site);
/* Bits per second that a site may have now, of a gateway by each tunnel; 0: no limit. */
uint64_t hub_rate_limit(const struct hub *h, enum sluice_direction direction, uint32_t slot);

#define HUB_BACKUP_MED 100 /* more than on tunnel 0, with med_mode primary-backup */

static inline uint32_t hub_backup_med(uint32_t med)
{
	return med < UINT32_MAX - HUB_BACKUP_MED ? med + HUB_BACKUP_MED : UINT32_MAX;
}

/* The largest packet that fits into the tunnel; 0: it has no SA to send by. */
static inline uint32_t hub_tunnel_mtu(const struct hub_tunnel *t)
{
	for (uint32_t i = 0; i < t->sa_count; i++) {
		if (t->sas[i].in_use)
			return t->path.inner_mtu ? t->path.inner_mtu : t->sas[i].inner_mtu;
	}
	return 0;
}

/* tunnel_sas.c: ike has a pair, or has no longer; data found out how much fits. */
void hub_sa_info(struct hub *h, struct imsg_sa_info *m);
void hub_sa_gone(struct hub *h, const struct imsg_sa_ref *m);
void hub_tunnel_path(struct hub *h, const struct imsg_data_path *m);

/* tunnels.c. Opens a tunnel for traffic, or closes it: TC, routes and BGP follow at once. */
void hub_tunnel_open(struct hub *h, uint32_t tunnel);
void hub_tunnel_close(struct hub *h, uint32_t tunnel);

/*
 * route_guard.c: what bgp reports must obey the rules that bgp itself applies, because bgp parses
 * what peers send: it may be in the hands of one. NULL, or why the route is not taken.
 */
const char *hub_route_refusal(struct hub *h, const struct imsg_route *route);
/* The same of the tunnels beside the best one, of a route that is taken: then that one carries alone. */
const char *hub_share_refusal(struct hub *h, const struct imsg_route *route);

/*
 * Sites of one group have a number in common, which nobody else has: their slot, or one above all slots
 * if the group has a name. A number stays while the group has a member.
 */
void hub_group_choose(struct hub *h, struct hub_site *site);

void hub_claims_collect(struct hub *h);

/* reserved.c: what no site may announce. True: the list is another one now. */
bool hub_reserved_gather(struct hub *h);
/* The same; then bgp is told, and routes that are there are judged again. */
void hub_reserved_refresh(struct hub *h);
void hub_reserved_send(struct hub *h, struct process *p);
/*
 * md5.c. Once a second: whether the kernel has dropped segments for their signature, and whose they may be.
 * The second one is told what it counts.
 */
void hub_md5_look(struct hub *h, uint64_t now);
void hub_md5_judge(struct hub *h, const uint64_t counts[MD5_KINDS], uint64_t now);
/* Whether that is the news of the tunnel's session. */
bool hub_md5_is_said(const struct hub_tunnel *state, uint64_t now);

/* Once a second, or less often where there is much to read: looks what the host is connected to. */
void hub_connected_look(struct hub *h, uint64_t now);

/* bgp_query.c: questions that only bgp can answer. */
void hub_bgp_ask(struct hub *h, const struct imsg_api_request *request);
void hub_bgp_answer(struct hub *h, const struct imsg_bgp_answer *answer);
/* Gives up those that are older than `age_ns`: 0 when bgp has ended. */
void hub_bgp_queries_expire(struct hub *h, uint64_t age_ns);

/* fib.c: the routes that bgp found, in the kernel and in the BPF tries. */
void hub_routes_take(struct hub *h, const struct imsg_route *routes, size_t count);
void hub_routes_gone(struct hub *h, const struct ip_prefix *prefixes, size_t count);
void hub_routes_mark_stale(struct hub *h);
void hub_routes_drop_stale(struct hub *h);
/* Routes of a tunnel follow its MTU. */
void hub_routes_set_mtu(struct hub *h, uint32_t tunnel);
/* The kernel has lost those to the inside device, or all are to be other ones. */
void hub_routes_write_again(struct hub *h);
/* Removes routes whose tunnel is not open. */
void hub_routes_sweep(struct hub *h);
/* After the rules have changed: removes routes that they forbid, and what sharing they forbid. */
void hub_routes_judge(struct hub *h);
/* Both, in a moment: until then bgp may do by itself what follows. */
void hub_routes_sweep_soon(struct hub *h);
/* Once a second: compares some of the routes with both tables, and puts right what differs. */
void hub_routes_check(struct hub *h, uint64_t now);
/*
 * Static routes, with a tunnel or without: where none leads, the hub itself must not send by the default
 * route. Absent: no site has them any longer.
 */
void hub_statics_close(struct hub *h, const struct site_conf *conf, bool present);
/* The hosts at both ends of a tunnel's inside block. */
void hub_inside_set(struct hub *h, const struct hub_site *site, unsigned int t, bool present);
void hub_inside_route_set(struct hub *h, const struct hub_site *site, unsigned int t, bool present);

/*
 * apply.c: reads the file again and applies the difference: whole, or not at all. Tunnels that end by it
 * leave first (admin.h), so `done` may be called later, once, with a sentence; at most one is under way.
 */
typedef void hub_apply_done(struct hub *h, uint32_t request, bool ok, const char *summary);
void hub_apply(struct hub *h, hub_apply_done *done, uint32_t request);
/* When hub ends. */
void hub_apply_give_up(struct hub *h);

/* secrets.c: a descriptor of a secret that the reference names, or -1 with errno set. */
int secret_ref_open(const char *ref);
/* The same of what anybody may read: a certificate. */
int public_ref_open(const char *ref);

#define SECRET_FILE_MAX 80 /* bytes that are read: more than any secret may have */

/* T-22: what is wrong with the characters of a pre-shared key of len > 0; NULL: nothing. */
const char *psk_fault(const uint8_t *key, size_t len);
/*
 * False with a line for each secret of a tunnel, or of the whole configuration, that cannot be had. T-22 is a
 * rule for keys that differ from those `in_force` (NULL: all are); others are only warned of.
 */
bool tunnel_secrets_check(const struct site_conf *site, unsigned int t,
	const struct tunnel_conf *in_force, char error[CONFIG_ERROR_SIZE]);
bool secrets_check(
	const struct config *c, const struct config *in_force, char error[CONFIG_ERROR_SIZE]);

/* site_secrets.c: whether ike may be told of the tunnel; if not, it is as soon as its files can be read. */
bool hub_tunnel_secrets(struct hub *h, const struct hub_site *site, unsigned int t);
/* Whether they can be read; if not, a sentence. */
bool hub_tunnel_secrets_readable(const struct hub *h, const struct hub_site *site, unsigned int t,
	char why[CONFIG_ERROR_SIZE]);
/* secrets_again.c: looks for those that tunnels wait for, every five seconds. */
void hub_secrets_again(struct hub *h, uint64_t now);

/* status.c: answers to the control socket. */
void hub_api_request(struct hub *h, const struct imsg_api_request *request);

#endif
