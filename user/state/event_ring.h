/* SPDX-License-Identifier: Apache-2.0 */
/* The last events of a tunnel, of each kind, as JSON: for whoever asks what has happened. */
#ifndef SLUICE_STATE_EVENT_RING_H
#define SLUICE_STATE_EVENT_RING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define EVENT_RING     32 /* events kept for each tunnel and kind */
#define EVENT_REPEAT_S 300
#define EVENT_BURST    40

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

/* The ring's share: a burst, then two a second. False: the event is left out, and counted. */
bool event_ring_allows(struct event_ring *r, uint64_t now_ns);

/*
 * Keeps `event` under its number; own_body is the same without time and number, by which repetitions are found. Adds
 * `repeats` and `first` to `event` where it is one.
 */
void event_ring_keep(
	struct event_ring *r, uint64_t number, json_t *event, char *own_body, uint64_t wall_ns);

/* Frees the events; the ring is empty then. */
void event_ring_clear(struct event_ring *r);

/* Events of several rings as one JSON array in the order they happened: the last `most`. */
json_t *event_rings_list(const struct event_ring *const *rings, size_t count, size_t most);

#endif
