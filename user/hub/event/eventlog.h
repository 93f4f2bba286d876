/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two logs of a tunnel that machines read: its activity (M-20 to M-22) and its BGP session (M-23
 * to M-25). An event is a JSON object; the last ones of each tunnel are kept for the CLI, and all go
 * to files where a directory is configured. Every tunnel is limited on its own: a burst of
 * EVENT_BURST, then two a second; what was left out is counted in the next event.
 */
#ifndef SLUICE_HUB_EVENT_EVENTLOG_H
#define SLUICE_HUB_EVENT_EVENTLOG_H

#include "config/config.h"

#include <jansson.h>

#define EVENT_RING     32 /* events kept for each tunnel and kind */
#define EVENT_REPEAT_S 300
#define EVENT_BURST    40
#define EVENT_FILE_MAX (16l << 20) /* bytes; then the file becomes FILE.1 and a new one starts */

enum event_kind {
	EVENT_ACTIVITY,
	EVENT_BGP,       /* of the session */
	EVENT_BGP_ROUTE, /* into the same file and answer; limited and kept apart */
	EVENT_KINDS,
};

/*
 * The last events of a kind. What happens again within EVENT_REPEAT_S has no place of its own: the event
 * has the time of the last one, and says how often it happened before (`repeats`) and since when (`first`).
 */
struct event_ring {
	uint64_t refill_ns;
	uint32_t tokens, left_out;
	struct kept_event {
		uint64_t number; /* 0: free */
		uint64_t wall_ns;
		char *line; /* compact JSON */
		char *body; /* the same without time and number */
		char first[40];
		uint32_t repeats;
	} events[EVENT_RING];
};

struct eventlog;

struct eventlog *eventlog_new(void);
void eventlog_free(struct eventlog *l);

/* Writes into files below this directory from now on, "" for none; false with errno set. */
bool eventlog_open(struct eventlog *l, const char *directory);

/*
 * Records an event. The time (of `wall_ns`, nanoseconds since the epoch), the stream's name and a
 * sequence number are put in front of the members of `own_event`.
 */
void eventlog_add(struct eventlog *l, enum event_kind kind, enum log_form form,
	struct event_ring *ring, const char *resource, json_t *own_event, uint64_t wall_ns);

void event_ring_clear(struct event_ring *r);

/* Events of several rings as one JSON array in the order they happened: the last `most`. */
json_t *event_rings_list(const struct event_ring *const *rings, size_t count, size_t most);

#endif
