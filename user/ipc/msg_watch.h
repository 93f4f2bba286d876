/* SPDX-License-Identifier: Apache-2.0 */
/* Between hub and watch, which keeps what has happened. */
#ifndef SLUICE_IPC_MSG_WATCH_H
#define SLUICE_IPC_MSG_WATCH_H

#include "alarm/set.h"
#include "base/bus_event.h"
#include "base/sample.h"
#include "ipc/imsg.h"

#include <assert.h>
#include <stdbool.h>

#define WATCH_SITES_MAX 512  /* that one query may name */
#define WATCH_PAGE_MAX  1000 /* events of one answer */
#define WATCH_WHY_SIZE  256

/* The history is open: events may come, from the first on that waits. Again after it could not be written. */
struct imsg_watch_open {
	uint64_t newest; /* the greatest number in it; 0: it is empty */
};

/* The file of events was of no use, and is set aside; another one begins. */
struct imsg_watch_aside {
	char why[WATCH_WHY_SIZE];
};

struct imsg_watch_stored {
	uint64_t number; /* all that were sent up to it are on the disk */
};

/* Names of sites follow, SITE_NAME_SIZE bytes each. */
struct imsg_watch_query {
	uint32_t id;
	uint32_t limit;          /* events at most */
	uint32_t kinds;          /* 1 << enum bus_kind, or'ed */
	uint32_t sites;          /* how many names follow; 0: it is of all, and of the hub */
	bool hub;                /* also what is of no site, where sites are named */
	bool newest;             /* the last ones, where there are more; else the first ones */
	uint64_t after;          /* the number of the event before the first */
	uint64_t from_ns, to_ns; /* since the epoch; to_ns is not included */
	bool trouble;            /* only what is worse than BUS_INFO, of sites, but not of `but` */
	char but[SITE_NAME_SIZE];
};

struct imsg_watch_event {
	uint32_t query;
	struct bus_event event;
};

struct imsg_watch_end {
	uint32_t query;
	bool failed; /* the history cannot be read */
	bool more;   /* there are more than were asked for */
};

/* A minute of a site, "" of the hub, or a part of it: what was said before of the same minute stays. */
struct imsg_watch_sample {
	char site[SITE_NAME_SIZE];
	char group[SITE_NAME_SIZE]; /* that the site was of then */
	struct sample sample;
	struct alarm_facts facts; /* for alarms, and not kept */
};

/* So many of the samples that were sent, in their order, are on the disk. */
struct imsg_watch_sampled {
	uint32_t count;
};

#define WATCH_POINTS_MAX    200
#define WATCH_SUM_SITES_MAX 256 /* that one query of sums may name */

/* Sums of samples, and of parts of the time where points are wanted. struct watch_site follow. */
struct imsg_watch_sum_query {
	uint32_t id;
	uint32_t points; /* 0: none */
	uint32_t sites;  /* how many follow */
	bool of_group;   /* only what they had while they were of that group */
	uint64_t from_s, to_s;
};

struct watch_site {
	char name[SITE_NAME_SIZE];
	char group[SITE_NAME_SIZE];
};
static_assert(sizeof(struct watch_site) * WATCH_SUM_SITES_MAX < IMSG_MAX_SIZE - 256, "sites fit");

enum { WATCH_MEDIAN, WATCH_P95, WATCH_P99, WATCH_PERCENTILES };

/* One for each site that was named, if there is anything of it. */
struct imsg_watch_sum {
	uint32_t query;
	uint32_t step_s; /* of the samples: what is said of minutes is of so long */
	char site[SITE_NAME_SIZE];
	uint64_t from_s, covered_s; /* the first sample, and the seconds that all of them cover */
	struct sample sum;
	/* Delivered, of each direction: the least rate that so much of the time was not above. */
	uint64_t kbps[2][WATCH_PERCENTILES];
	struct {
		uint64_t at_s; /* 0: there was no traffic */
		uint64_t covered_s;
		uint64_t offered, delivered, dropped; /* bytes */
	} worst[2];                                   /* sample, of each direction */
};

/* The points of one site, the oldest first. */
struct imsg_watch_points {
	uint32_t query;
	uint32_t count;
	struct watch_point {
		uint32_t covered_s; /* 0: nothing is known */
		uint32_t up_s[TUNNELS_PER_SITE];
		uint64_t offered[2], delivered[2], dropped[2]; /* bytes */
	} points[WATCH_POINTS_MAX];
};

/* ---- alarms ---- */

/* What a person wants of one that hub knows. */
struct imsg_alarm_command {
	struct alarm_key key;
	bool acknowledge; /* else it is about silence: */
	uint64_t until_s; /* since the epoch; 0: no longer */
	char by[BUS_ACTOR_SIZE];
};

/*
 * How an alarm stands. When the history has been opened, all of them; then each that changes, and again each minute while
 * somebody is to be told: until the event that hub makes of it comes back to be stored. So none is lost with a process.
 */
struct imsg_alarm {
	struct alarm_key key;
	uint32_t state; /* enum alarm_state */
	bool gone;      /* it is no more */
	bool tell;      /* people are to be told */
	bool acknowledged;
	char by[BUS_ACTOR_SIZE];
	uint64_t since_s, silenced_until_s;
	double value;
};

#endif
