/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sharing of an aggregate that is short: max-min fair among the sites (the "water-filling" of
 * Bertsekas and Gallager, Data Networks 6.5.2). One number is enough for it, the water level:
 * every site gets the smaller of its own limit and the level, so who offers less than the level is
 * not touched and who offers more gets the level, and their sum is the aggregate. What nobody
 * uses raises the level, so it is lent.
 *
 * Pure: the caller reads what was offered, writes the limits into the sites' buckets, and comes back
 * after fair_turn's answer. Packets pay into one bucket of their site as always.
 */
#ifndef SLUICE_DATAPLANE_FAIR_H
#define SLUICE_DATAPLANE_FAIR_H

#include "sluice/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAIR_TURN_NS (5 * UINT64_C(1000000))  /* while more than half of the aggregate is offered */
#define FAIR_IDLE_NS (10 * UINT64_C(1000000)) /* else */

/* A site that is held to the level has this burst, and no longer its own. */
#define FAIR_SITE_BURST_MS    20
#define FAIR_SITE_BURST_LEAST 65536 /* bytes */

struct fair_site {
	bool present;
	uint64_t cap;     /* bits per second of its own limit; 0: none */
	uint64_t offered; /* bytes at the last turn */
	double rate;      /* bits per second, smoothed */
};

struct fair {
	uint64_t capacity; /* bits per second to share */
	uint64_t level;    /* bits per second; capacity when there is enough for all */
	uint64_t turned_ns;
	struct fair_site sites[SLUICE_MAX_SITES];
};

/* The level at which demands, cut off there, sum up to the capacity; capacity when they never do. */
uint64_t fair_level(const uint64_t *demands, size_t count, uint64_t capacity);

/*
 * Bytes of burst that the aggregate's bucket needs. All that comes before the level is right must fit:
 * 15 ms of up to three times the aggregate until the overload is seen, then the bursts of the sites.
 */
uint64_t fair_burst(uint64_t aggregate_bits_per_second, uint32_t sites);

/* For a struct fair of zeros, and for one in use. */
void fair_aggregate_set(struct fair *f, uint64_t aggregate_bits_per_second);

/* Adds a site or changes its limit; `offered` bytes were counted before. */
void fair_site_set(struct fair *f, uint32_t site, uint64_t cap, uint64_t offered);
void fair_site_remove(struct fair *f, uint32_t site);

/*
 * What each slot was offered in all, in bytes, and how much of the aggregate's burst is used up, 0 to
 * 1. Returns when to come again, in nanoseconds from now.
 */
uint64_t fair_turn(
	struct fair *f, const uint64_t offered[SLUICE_MAX_SITES], double burst_used, uint64_t now);

/*
 * What each slot was offered is counted in another way from now on, as here: nothing is measured by it but what is
 * offered after that, and limits stay as they are.
 */
void fair_recount(struct fair *f, const uint64_t offered[SLUICE_MAX_SITES], uint64_t now);

/* True while the aggregate is short for what is offered. */
bool fair_short(const struct fair *f);

/* Bits per second that a site may have whose own limit is cap, at this level; 0, and cap 0: no limit. */
uint64_t fair_limit_of(uint64_t cap, uint64_t capacity, uint64_t level);

/* The same of a site now. */
uint64_t fair_limit(const struct fair *f, uint32_t site);

#endif
