/* SPDX-License-Identifier: Apache-2.0 */
/* Between hub and watch, which keeps what has happened. */
#ifndef SLUICE_IPC_MSG_WATCH_H
#define SLUICE_IPC_MSG_WATCH_H

#include "base/bus_event.h"
#include "ipc/imsg.h"

#include <stdbool.h>

#define WATCH_SITES_MAX 512  /* that one query may name */
#define WATCH_PAGE_MAX  1000 /* events of one answer */

/* The history is open: events may come, from the first on that waits. Again after it could not be written. */
struct imsg_watch_open {
	uint64_t newest; /* the greatest number in it; 0: it is empty */
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

#endif
