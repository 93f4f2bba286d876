/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a site was offered, got and lost, minute by minute for a day, and the worst second of each
 * minute. A minute without traffic takes no memory, one with it about 100 bytes a direction.
 */
#ifndef SLUICE_STATE_HISTORY_H
#define SLUICE_STATE_HISTORY_H

#include "sluice/abi.h"

#include <stdint.h>

#define HISTORY_MINUTES 1440
#define HISTORY_REASONS 20 /* at least as many as site_drop_fields has: asserted there */

struct history;

struct history_sum {
	uint64_t from_ns, to_ns;              /* which time this is, monotonic */
	uint64_t offered, delivered, dropped; /* bytes */
	uint64_t drops[HISTORY_REASONS];      /* packets, in the order of site_drop_fields */
	uint64_t worst_ns;                    /* when the worst second began; 0: no traffic */
	uint64_t worst_offered, worst_delivered, worst_dropped; /* bit/s in it */
};

/* Remembers nothing before now. */
struct history *history_new(uint64_t now_ns);
void history_free(struct history *h);

/* What was counted between two samples, about a second apart. */
void history_add(struct history *h, enum sluice_direction d, const struct site_stats *was,
	uint64_t was_ns, const struct site_stats *is, uint64_t is_ns);

/*
 * All from the minute on in which since_ns is, as far back as there is any. The worst second is the
 * one in which most was dropped or, if nothing was, most was offered.
 */
struct history_sum history_since(
	const struct history *h, enum sluice_direction d, uint64_t since_ns, uint64_t now_ns);

#endif
