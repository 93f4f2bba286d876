/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on their way to the process that keeps them: they are numbered here, and wait until it has them on the disk.
 * Memory is bounded, and shared fairly: each source has a burst and then a rate, and where there is no room the one that
 * has most waiting loses its oldest. What was left out is counted in the next event of the same source.
 */
#ifndef SLUICE_STATE_BUS_H
#define SLUICE_STATE_BUS_H

#include "base/bus_event.h"

#include <stdbool.h>
#include <stddef.h>

#define BUS_WAITING_MAX   4096 /* events, 800 bytes each */
#define BUS_BURST         200  /* of a source; then two a second */
#define BUS_OUTSIDE_BURST 20   /* of one whose events are of outside; then one in ten seconds */

struct bus;

/* Sources are numbers below that. The first event has the number `first`. */
struct bus *bus_new(unsigned int sources, uint64_t first);
void bus_free(struct bus *b);

/* Takes a copy, and writes its number and left_out into it. False: it was left out. `now` is CLOCK_MONOTONIC. */
bool bus_add(struct bus *b, unsigned int source, struct bus_event *e, uint64_t now);

/* Another one has this source's number now: what was left out before is not its own. */
void bus_source_is_new(struct bus *b, unsigned int source);

/* The next one to be sent, which counts as sent then; NULL: there is none, or enough have not been stored yet. */
const struct bus_event *bus_next(struct bus *b);

/* What was sent is stored up to that number, and forgotten here. False: that was not sent. */
bool bus_stored(struct bus *b, uint64_t number);

/* Whoever it was sent to has ended: all that waits is to be sent again. */
void bus_rewind(struct bus *b);

/*
 * Whoever keeps the events has one of that number, nothing having been sent yet: if that is not behind those that wait,
 * because the clock was set back, these have others from now on. False: that cannot be.
 */
bool bus_follow(struct bus *b, uint64_t number);

/* Those that wait, the oldest first. */
void bus_each(
	const struct bus *b, void (*f)(void *context, const struct bus_event *e), void *context);

size_t bus_waiting(const struct bus *b);

/* The number of the newest one; of one before the first, if there was none. */
uint64_t bus_newest(const struct bus *b);

#endif
