/* SPDX-License-Identifier: Apache-2.0 */
/* Something that happened to the hub, a site or a tunnel, once: one shape for all kinds. */
#ifndef SLUICE_BASE_BUS_EVENT_H
#define SLUICE_BASE_BUS_EVENT_H

#include "base/types.h"

#include <stdbool.h>
#include <stdint.h>

#define BUS_DETAIL_SIZE 512
#define BUS_ACTOR_SIZE  64
#define BUS_WINDOW      256 /* events that are on their way to be stored at a time */
#define BUS_NUMBER_MAX  (UINT64_C(1) << 52) /* JSON has no greater numbers that are exact */
/* The greatest that may be told or found; behind it is room for those that follow, for as long as anybody lives. */
#define BUS_NUMBER_LAST (BUS_NUMBER_MAX - (UINT64_C(1) << 36))

enum bus_kind {
	BUS_ACTIVITY, /* of a tunnel: IKE, ESP, its path */
	BUS_BGP,
	BUS_BFD,
	BUS_ROUTE,
	BUS_CONFIG,
	BUS_AUDIT, /* who asked for something and was refused */
	BUS_ALARM,
	BUS_HEALTH,
	BUS_MAINTENANCE, /* what operators do to tunnels */
	BUS_CLUSTER,
	BUS_PROCESS,  /* of sluiced */
	BUS_ENDPOINT, /* the hub's own addresses and devices */
	BUS_KINDS,
};

enum bus_severity {
	BUS_INFO,
	BUS_WARNING, /* somebody may have to do something */
	BUS_ERROR,   /* something does not work */
	BUS_SEVERITIES,
};

struct bus_event {
	uint64_t number;   /* grows with each event, and is never 0; not without gaps */
	uint64_t wall_ns;  /* since the epoch */
	uint32_t left_out; /* of the same site and kind: just before this one */
	uint8_t kind, severity;
	bool outside;               /* caused by somebody who has not proved who it is */
	int8_t tunnel;              /* 0, 1; -1: it is of no tunnel */
	char site[SITE_NAME_SIZE];  /* "": it is of the hub */
	char group[SITE_NAME_SIZE]; /* that the site was in then */
	char reason[REASON_CODE_SIZE];
	char detail[BUS_DETAIL_SIZE];
	char actor[BUS_ACTOR_SIZE]; /* who did it; "": it happened */
};

/* "activity", ..., "info", ...; NULL ends them. */
extern const char *const bus_kind_names[BUS_KINDS + 1];
extern const char *const bus_severity_names[BUS_SEVERITIES + 1];

/* Whether numbers and enumerations have values that there are. */
bool bus_event_can_be(const struct bus_event *e);

/* BUS_KINDS: there is none of that name. */
enum bus_kind bus_kind_find(const char *name);

#endif
