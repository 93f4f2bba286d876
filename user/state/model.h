/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is known, for whoever shows it or decides by it. Hub's parts write it; views get it as const.
 */
#ifndef SLUICE_STATE_MODEL_H
#define SLUICE_STATE_MODEL_H

#include "dataplane/fair.h"
#include "dataplane/snmp.h"
#include "ipc/msg_data.h"
#include "state/alarms.h"
#include "state/endpoints.h"
#include "state/route_table.h"
#include "state/site.h"
#include "state/unknown.h"

#define MODEL_PROCESSES      7
#define MODEL_CLOSED_DEVICES 8

/* A device that is closed for what is in clear and no outside device: it was one, or is about to be. */
struct closed_device {
	char name[16];        /* "": none */
	uint32_t ifindex;     /* whose guard is there; 0: it is not there */
	bool former;          /* it was one, and is closed until hub ends or a person opens it */
	unsigned int awaited; /* configurations on their way with which it is one */
	bool wrong;           /* it cannot be closed, which was said */
};

/* What the hub needs of its host, as it was when hub looked last. */
struct model_host {
	char inside[16];        /* the name of the inside device */
	uint32_t outside_count; /* devices, each once, whatever ends on it */
	struct imsg_data_outside outside[CONFIG_ENDPOINTS]; /* ifindex 0: it is not there */
	const char *outside_mode[CONFIG_ENDPOINTS]; /* how XDP is attached; NULL: it is not */
	uint64_t speed_bps[CONFIG_ENDPOINTS];       /* of an endpoint's device; 0: not known */
	struct ip_addr source[2]; /* IPv4, IPv6: what the hub itself sends to sites from */
	bool settings_wrong;      /* forwarding is switched off, and cannot be switched on */
	bool rp_filter_strict;    /* it is strict, and cannot be made loose */
	bool ike_unheard;         /* IKE comes in, and does not reach ike */
	bool inside_gone;         /* and cannot be made again */
	bool metrics_missing;     /* the address that they are served at cannot be had */
	bool api_missing;         /* the same of the API over TCP */
	bool rule_wrong
		[CONFIG_ENDPOINTS]; /* that forwards nothing from the device: it stands, or does not */
	struct closed_device closed_devices[MODEL_CLOSED_DEVICES];
};

struct model_process {
	const char *name;    /* NULL: none */
	const char *trouble; /* what it had; NULL: none */
	int pid;             /* 0: it is not there */
	unsigned int restarts, hangs, silent_s;
	uint64_t uptime_s, rss_kb;
};

/* What is read only when somebody asks. */
struct model_plane {
	bool kernel_esp;
	uint32_t workers;
	const char *inside_mode; /* how TC is attached */
	char offloads[64], data_mode[128];
	int bfd_unhurried; /* errno: why the BFD thread has no real-time priority; 0: it has */
	uint64_t routes_mended, closed_count;
	struct outside_stats outside;
	struct inside_stats inside;
	struct reassembly_counts reassembly;
	struct model_process processes[MODEL_PROCESSES];
	char history_aside[560]; /* when and why watch has begun a new file; "": it has not */
	uint64_t aside_ns;       /* the same, of CLOCK_MONOTONIC; 0: never */
};

struct model {
	const struct config *config;
	struct site *sites[SITE_SLOTS]; /* by slot; NULL: free */
	uint32_t next_slot; /* where the search for a free one begins: one given back rests */
	const struct route_table *routes; /* best paths that bgp reported */
	const struct fair *fair[SLUICE_DIRECTIONS];
	struct endpoint endpoints[CONFIG_ENDPOINTS][CONFIG_ADDRESSES_MAX];
	struct unknown_list unknown;
	struct alarm_table alarms;
	uint64_t started_ns, started_wall_ns;
	uint64_t sampled_ns[2]; /* when the counters were read last, and before that */
	uint64_t
		events_lost; /* of tunnels, that could not be written into a file, since the start */
	uint64_t refused;    /* configurations that were to be applied, since the start */
	struct model_host host;
	struct model_plane plane;
};

/* A prefix that what the hub itself sends does not reach now. */
struct closed_view {
	struct ip_prefix prefix;
	uint32_t tunnel;    /* one of the site that it led to last */
	bool inside;        /* the site's end of a tunnel */
	bool withdrawn;     /* by the site */
	uint32_t ends_in_s; /* then: when it ends */
};

/* By name, by slot, by tunnel; NULL: there is none. */
struct site *site_find(const struct model *m, const char *name);
struct site *site_of_tunnel(const struct model *m, uint32_t tunnel);
struct site_tunnel *site_tunnel_find(const struct model *m, uint32_t tunnel);
const struct tunnel_conf *site_tunnel_conf(const struct model *m, uint32_t tunnel);

/* Where tunnel t of the site ends. */
const struct endpoint *endpoint_of(const struct model *m, const struct site *site, unsigned int t);

/* Where an outside device stands; outside_count: nowhere. Whether there is one of that name. */
uint32_t outside_place(const struct model *m, const char *device);
bool outside_is(const struct model *m, const char *device);

/* The rates of all sites that share the aggregate together, over the last second. */
struct site_rates sum_rates_now(const struct model *m, enum sluice_direction d);

/* Bits per second that a site may have now, of a gateway by each tunnel; 0: no limit. */
uint64_t rate_limit(const struct model *m, enum sluice_direction d, uint32_t slot);

#endif
