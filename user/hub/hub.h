/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub process: the only one that turns effects of the others into actions. It owns the
 * configuration, the sites, the BPF maps, the inside device and the kernel routes; it never parses
 * a byte that came from the network.
 *
 * What only one part has to do with is a struct of that part, and opaque here.
 */
#ifndef SLUICE_HUB_HUB_H
#define SLUICE_HUB_HUB_H

#include "dataplane/bpf.h"
#include "dataplane/link.h"
#include "dataplane/maps.h"
#include "ipc/process.h"
#include "state/model.h"

#include <event2/event.h>

struct hub {
	struct event_base *base;
	struct config *config;     /* in force */
	struct revision *revision; /* revision.c: where that comes from, and whether it stays */
	struct model model;        /* what is known; parts write it, views read it */
	struct process processes[PROCESS_ROLES];

	/* How far it is. */
	bool started; /* every child was ready: the service manager has been told */
	bool failed;  /* a child ended before that */
	bool stopping;
	bool bgp_settled; /* the present bgp process has heard of all neighbours that were there before */
	struct hub_loop *loop; /* hub.c: signals, and what is due when */
	struct apply_pending
		*applying; /* apply.c: a configuration that waits for tunnels to leave */

	/* The data plane: hub/host sets it up, every part writes into it what it decides. */
	struct bpf_plane *plane;
	struct maps *maps;
	struct link *link; /* the inside device, and the kernel's routes into it */
	uint32_t workers;
	bool kernel_esp;

	struct eventlog *events; /* hub/event: what happens, on its way to whoever keeps it */
	bool watch_hears;        /* watch hears of it */
	struct certificates *certificates; /* hub/secret: those of the configuration in force */

	/* hub/route */
	struct fib *fib;           /* the routes that are believed */
	struct route_rules *rules; /* what they are judged by */
	struct closed *closed;     /* prefixes that the hub itself must not reach in clear */

	/* hub/site */
	struct admin *admin;             /* what operators have asked of tunnels */
	struct rates *rates;             /* limits, and fair shares of the aggregate */
	struct source_set *sources;      /* what TC was told that sites may send */
	struct inside_sockets *inside;   /* the listeners for BGP */
	struct bfd_sockets *bfd_sockets; /* what hears BFD */
	struct md5_seen *md5;            /* segments that the kernel dropped for their signature */
	uint64_t half_open_look_ns;      /* when half-open sessions of BGP are looked for next */
	struct minutes *minutes;         /* what they have in a minute */
	struct xfrmi *xfrmi;             /* the interfaces of kernel ESP; else NULL */

	struct host *host; /* hub/host: how the host is watched, and what is open for children */

	/* hub/api */
	struct access *access;               /* who may ask for what */
	struct clients *clients;             /* who is connected to the control socket */
	struct remote *remote;               /* who comes over TCP */
	struct hub_audit *audit;             /* who changed what */
	struct refused *refused;             /* who was refused what */
	struct secret_socket *secrets;       /* where they are set and shown */
	struct bgp_queries *queries;         /* what bgp was asked for operators */
	uint32_t event_query;                /* the number of the last question to watch */
	struct streams *streams;             /* who hears of events as they happen */
	struct sum_queries *sum_queries;     /* what watch was asked of minutes */
	struct event_queries *event_queries; /* what watch was asked */
};

struct revision_start;

/* Makes a hub that has only what it starts with, which it takes over: no device, no child, no site yet. */
struct hub *hub_new(const char *revisions, const char *config_path, struct revision_start *start);

/* What it needs of its host is there: its timers and signals begin, and its sites are as the configuration has them. */
void hub_begin(struct hub *h, bool verbose);

/* After hub_teardown (host/host.h) and the end of the children. */
void hub_free(struct hub *h);

/* What is due once a second from then on: counters, checks, what waits for something. */
void hub_second(struct hub *h);

/* All of it, until SIGTERM or SIGINT. Takes over what it starts with. Returns the exit status. */
int hub_run(const char *config_path, struct revision_start *start, bool verbose);

#endif
