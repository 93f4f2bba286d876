/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two logs of a tunnel that machines read: its activity and its BGP session. An event is a JSON object; the last
 * ones of each tunnel are kept for the CLI, and all go to files where a directory is configured. Every tunnel is
 * limited on its own: a burst of EVENT_BURST, then two a second; what was left out is counted in the next event.
 */
#ifndef SLUICE_HUB_EVENT_EVENTLOG_H
#define SLUICE_HUB_EVENT_EVENTLOG_H

#include "config/config.h"
#include "hub/event/event_files.h"
#include "state/bus.h"
#include "state/event_ring.h"

struct eventlog;

struct eventlog *eventlog_new(void);
void eventlog_free(struct eventlog *l);

/* See event_files.h, as the next two: files are written by a thread. */
bool eventlog_open(struct eventlog *l, const char *directory);
void eventlog_wait(struct eventlog *l);
uint64_t eventlog_look(struct eventlog *l);

/*
 * The same event for whoever keeps the history: of the site of that slot, or of the hub (SITE_SLOTS). Each kind has a share
 * of its own, and so has what strangers cause, so that none pushes out what else happens.
 */
void eventlog_publish(struct eventlog *l, struct bus_event *e, uint32_t slot, uint64_t now);

/* Whoever is to hear of each event that has got a number; one only. */
void eventlog_hear(
	struct eventlog *l, void (*hear)(void *context, const struct bus_event *e), void *context);

/* Where those events wait. */
struct bus *eventlog_bus(struct eventlog *l);

/*
 * Records an event. The time (of `wall_ns`, nanoseconds since the epoch), the stream's name and a
 * sequence number are put in front of the members of `own_event`.
 */
void eventlog_add(struct eventlog *l, enum event_kind kind, enum log_form form,
	struct event_ring *ring, const char *resource, json_t *own_event, uint64_t wall_ns);

#endif
