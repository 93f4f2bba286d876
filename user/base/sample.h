/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a site had in a minute, or in five, or in an hour: a row of numbers. Most are counts, and those of a longer time are
 * their sums; the worst second is the worst one of them.
 */
#ifndef SLUICE_BASE_SAMPLE_H
#define SLUICE_BASE_SAMPLE_H

#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLE_REASONS 20 /* of drops, in the order of site_drop_fields */

/* Of each direction, 0 is from the site. */
enum sample_field {
	SAMPLE_UP,                             /* seconds that each tunnel carried */
	SAMPLE_BYTES = SAMPLE_UP + 2,          /* of each tunnel: in, out */
	SAMPLE_PACKETS = SAMPLE_BYTES + 4,     /* the same */
	SAMPLE_OFFERED = SAMPLE_PACKETS + 4,   /* bytes, of each direction */
	SAMPLE_DELIVERED = SAMPLE_OFFERED + 2, /* the same */
	SAMPLE_DROPPED = SAMPLE_DELIVERED + 2, /* the same */
	SAMPLE_WORST_AT = SAMPLE_DROPPED + 2,  /* second of Unix time; 0: no traffic */
	SAMPLE_WORST = SAMPLE_WORST_AT + 2,    /* kbit/s in it: dropped, offered, delivered */
	SAMPLE_DROPS = SAMPLE_WORST + 6,       /* packets by reason */
	SAMPLE_FIELDS = SAMPLE_DROPS + 2 * SAMPLE_REASONS,
};

struct sample {
	uint64_t at_s; /* when it began */
	uint64_t
		covered_s; /* seconds of it in which the hub counted: less where it was not there */
	uint64_t v[SAMPLE_FIELDS];
};

/* Of a tunnel and a direction; of a direction; of a direction and a reason. */
#define SAMPLE_OF_TUNNEL(field, t, d) ((field) + 2 * (t) + (d))
#define SAMPLE_OF_REASON(d, r)        (SAMPLE_DROPS + SAMPLE_REASONS * (d) + (r))

/* Adds one to the sum of several. */
void sample_add(struct sample *sum, const struct sample *s);

/* Whether the worst second of a is worse than that of b: more was dropped or, if nothing was, more was offered. */
bool sample_is_worse(const struct sample *a, const struct sample *b, unsigned int direction);

/* ---- many in few bytes ---- */

#define SAMPLES_IN_PACK 60
#define SAMPLE_PACK_SIZE                                                                           \
	(1 + SAMPLES_IN_PACK * (1 + 10 + 10 + 10 * SAMPLE_FIELDS)) /* bytes at most */

/* Which of the samples of a pack is there, and what it says. */
struct sample_pack {
	uint64_t at_s; /* when the first one begins, or would */
	uint32_t step_s;
	bool there[SAMPLES_IN_PACK];
	struct sample samples[SAMPLES_IN_PACK];
};

/* Where the pack of a time begins. */
uint64_t sample_pack_at(uint64_t at_s, uint32_t step_s);

/* Puts a sample where it belongs: over what is there. */
void sample_pack_put(struct sample_pack *p, const struct sample *s);

/*
 * Adds it to what is there: a clock that was set back comes to a minute again. One that is the same is there already: hub
 * tells again what was not acknowledged.
 */
void sample_pack_add(struct sample_pack *p, const struct sample *s);

/* Into `bytes`; returns how many. */
size_t sample_pack_write(const struct sample_pack *p, uint8_t bytes[SAMPLE_PACK_SIZE]);

/* at_s and step_s are set. False: these are no such bytes; nothing is there then. */
bool sample_pack_read(struct sample_pack *p, const uint8_t *bytes, size_t len);

#endif
