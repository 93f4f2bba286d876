/* SPDX-License-Identifier: Apache-2.0 */
/* Routes: whom hub believes, and what stands in the kernel and in the BPF tries. */
#ifndef SLUICE_HUB_ROUTE_ROUTE_H
#define SLUICE_HUB_ROUTE_ROUTE_H

#include "hub/hub.h"
#include "ipc/msg_bgp.h"

/* The forwarding table: routes that bgp found and hub believes. */
struct fib *fib_new(void);
void fib_free(struct fib *f);
const struct route_table *fib_table(const struct fib *f);
/* route_guard.c. Whose prefixes are whose, what nobody may announce, what the host is connected to. */
struct route_rules *route_rules_new(void);
void route_rules_free(struct route_rules *r);

/* fib.c: the routes that bgp found, in the kernel and in the BPF tries. */
void hub_routes_take(struct hub *h, const struct imsg_route *routes, size_t count);
void hub_routes_gone(struct hub *h, const struct ip_prefix *prefixes, size_t count);
void hub_routes_mark_stale(struct hub *h);
void hub_routes_drop_stale(struct hub *h);
/* Routes of a tunnel follow its MTU. */
void hub_routes_set_mtu(struct hub *h, uint32_t tunnel);
/* The kernel has lost those to the inside device, or all are to be other ones. */
void hub_routes_write_again(struct hub *h);
/*
 * To another table of the kernel: each stands in the new one before it leaves the old one, and meanwhile in both. Those to
 * the ends of tunnels stay where the hub's own sockets look.
 */
void hub_routes_move(struct hub *h, uint32_t table);
/* Removes routes whose tunnel is not open. */
void hub_routes_sweep(struct hub *h);
/* After the rules have changed: removes routes that they forbid, and what sharing they forbid. */
void hub_routes_judge(struct hub *h);
/*
 * A fifth of a second later: sweeps, and with the second one judges. Until then bgp may move by itself the routes
 * of a tunnel that has closed, or take back what other rules forbid.
 */
void hub_routes_sweep_soon(struct hub *h);
void hub_routes_judge_soon(struct hub *h);
/* check.c. Once a second: compares some of the routes with both tables, and puts right what differs. */
void hub_routes_check(struct hub *h, uint64_t now);
/*
 * inside.c. Static routes, with a tunnel or without: where none leads, the hub itself must not send by the default
 * route. Absent: no site has them any longer.
 */
void hub_statics_close(struct hub *h, const struct site_conf *conf, bool present);
/* Writes, or removes, what hub_statics_close() has written for all sites. */
void hub_statics_close_all(struct hub *h, bool present);
/* The hosts at both ends of a tunnel's inside block. */
void hub_inside_set(struct hub *h, const struct site *site, unsigned int t, bool present);
void hub_inside_route_set(struct hub *h, const struct site *site, unsigned int t, bool present);

/*
 * route_guard.c: what bgp reports must obey the rules that bgp itself applies, because bgp parses
 * what peers send: it may be in the hands of one. NULL, or why the route is not taken.
 */
const char *hub_route_refusal(struct hub *h, const struct imsg_route *route);
/*
 * NULL, or why the other tunnels of a route that is taken may not share it; then its best tunnel carries it
 * alone.
 */
const char *hub_share_refusal(struct hub *h, const struct imsg_route *route);

/*
 * Sites of one group have a number in common, which nobody else has: their slot, or one above all slots
 * if the group has a name. A number stays while the group has a member.
 */
void hub_group_choose(struct hub *h, struct site *site);

/* A site that takes over another one is in its group: when groups were chosen, before anything is judged by them. */
void hub_takeovers_set(struct hub *h);

/* Gathers whose prefixes are whose from the configuration of all sites (site.prefixes). */
void hub_claims_collect(struct hub *h);

/* reserved.c: what no site may announce. True: the list is another one now. */
bool hub_reserved_gather(struct hub *h);
/* Gathers the list; if it has changed, tells bgp and has the present routes judged again. */
void hub_reserved_refresh(struct hub *h);
void hub_reserved_send(struct hub *h, struct process *p);

/* Once a second, or less often where there is much to read: what the host is connected to. True when that is news. */
bool hub_connected_look(struct hub *h, uint64_t now);
/* What it found: `*count` prefixes, valid until the next look. */
const struct ip_prefix *hub_connected(const struct hub *h, size_t *count);

#endif
