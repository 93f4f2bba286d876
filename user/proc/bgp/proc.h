/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the bgp process: proc.c, its loop, and tcp.c, its connections. */
#ifndef SLUICE_PROC_BGP_PROC_H
#define SLUICE_PROC_BGP_PROC_H

#include "bgp/speaker.h"
#include "ipc/msg_bgp.h"

#include <sys/queue.h>

#define LISTENERS_MAX 8

struct connection;

struct listener {
	int fd;
	struct event *readable;
};

struct proc_bgp {
	struct event_base *base;
	struct imsg_channel *hub;
	struct imsg_channel *bfd; /* to its thread */
	struct bgp *bgp;
	struct event *turn; /* once per event-loop turn in which something happened, and timers */
	LIST_HEAD(, connection) connections;
	struct listener listeners[LISTENERS_MAX];
	unsigned int listener_count;
	unsigned int route_count; /* waiting, to be told together */
	struct imsg_route routes[IMSG_ROUTES_MAX];
	unsigned int unroute_count; /* the same; of the two at most one is not 0 */
	struct ip_prefix unroutes[IMSG_ROUTES_MAX];
	bool started;  /* all of the initial state is there */
	bool settling; /* IMSG_BGP_SETTLED is still to be sent */
	uint64_t settle_until;
	struct reserved reserved;              /* as far as its parts have come */
	void (*carry_out)(struct proc_bgp *p); /* all that the speaker wants to be done now */
	int status;
};

/*
 * tcp.c. Everything that happened in this turn of the loop is worked off together: batches of routes.
 */
void bgp_schedule_turn(struct proc_bgp *p);
void bgp_tcp_connect(struct proc_bgp *p, const struct bgp_effect *e);
void bgp_tcp_close(struct proc_bgp *p, const struct bgp_effect *e);
void bgp_tcp_flush_all(struct proc_bgp *p);
void bgp_tcp_listen(struct proc_bgp *p, int own_fd);

/* Every neighbour is known: lets in who waits at the listening sockets, and who comes. */
void bgp_tcp_start(struct proc_bgp *p);
void bgp_tcp_fini(struct proc_bgp *p);

#endif
