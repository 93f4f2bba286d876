/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pacing: the bucket says when a packet may leave, the wheel keeps it until then. One wheel per
 * worker for all sites (the idea of Carousel, SIGCOMM 2017). What would wait longer than the horizon
 * is dropped at once, so the wheel never holds more than rate times horizon of each site, or eight packets
 * of a slow one (abi.h, bucket_horizon).
 */
#ifndef SLUICE_DATAPLANE_PACE_H
#define SLUICE_DATAPLANE_PACE_H

#include "sluice/abi.h"

#include <stdbool.h>
#include <stdint.h>

#define PACE_NONE        0xffffffffu
#define PACE_SLOT_SHIFT  18 /* 262 microseconds: packets of one slot leave in one system call */
#define PACE_SLOTS       1024
#define PACE_HORIZON_MAX ((uint64_t)(PACE_SLOTS - 2) << PACE_SLOT_SHIFT) /* nanoseconds: 268 ms */

_Static_assert(
	SLUICE_HORIZON_MAX < PACE_HORIZON_MAX, "what a slow site may wait fits into the wheel");

enum pace_verdict {
	PACE_SEND,
	PACE_RATE,    /* over bits per second by more than the horizon */
	PACE_PACKETS, /* the same for packets per second */
};

/* Charges a packet. On PACE_SEND, *departure is when it may leave: now, or up to horizon later. */
enum pace_verdict pace_charge(
	struct rate_bucket *b, uint64_t now, uint32_t bytes, uint64_t horizon, uint64_t *departure);

struct pace_wheel {
	uint64_t slot;  /* the next one to look at */
	uint32_t count; /* packets waiting */
	uint32_t head[PACE_SLOTS], tail[PACE_SLOTS];
	uint32_t *next; /* by buffer number */
};

/* Buffers are numbered 0..buffers-1. False: no memory. */
bool pace_init(struct pace_wheel *w, uint32_t buffers, uint64_t now);
void pace_fini(struct pace_wheel *w);

/* Keeps a buffer until `departure`, which is at most PACE_HORIZON_MAX after the last pace_take. */
void pace_put(struct pace_wheel *w, uint64_t departure, uint32_t buffer);

/* The next buffer whose slot has come, in order of departure; PACE_NONE when there is none. */
uint32_t pace_take(struct pace_wheel *w, uint64_t now);

/* When pace_take will have something, UINT64_MAX when the wheel is empty. */
uint64_t pace_next_ns(const struct pace_wheel *w);

#endif
