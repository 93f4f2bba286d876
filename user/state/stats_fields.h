/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of struct site_stats and its like by name, for reports. */
#ifndef SLUICE_STATE_STATS_FIELDS_H
#define SLUICE_STATE_STATS_FIELDS_H

#include "sluice/abi.h"

#include <stddef.h>

struct stats_field {
	const char *name;
	size_t offset; /* of a struct traffic */
};

/* Each ends with a NULL name. */
extern const struct stats_field site_drop_fields[]; /* the reasons only */
extern const struct stats_field outside_fields[];
extern const struct stats_field inside_fields[];

static inline const struct traffic *stats_field_of(const void *stats, const struct stats_field *f)
{
	return (const struct traffic *)((const char *)stats + f->offset);
}

/* now - base, counter by counter; n counters of struct traffic. */
void stats_subtract(void *now, const void *base, size_t n);

/* All drops of a site together. */
struct traffic stats_dropped(const struct site_stats *s);

#endif
