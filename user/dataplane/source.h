/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sites may send, for bpf/source.h: the prefixes that are declared as somebody's, and what the hub
 * serves to sites at its own addresses. Used by `hub`; a set is compared with the one before, and only what
 * differs is written, under traffic.
 */
#ifndef SLUICE_DATAPLANE_SOURCE_H
#define SLUICE_DATAPLANE_SOURCE_H

#include "base/addr.h"
#include "dataplane/bpf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A prefix of a list: a site's own, by its number, or SLUICE_OWNERS. */
struct source_entry {
	uint32_t list;
	uint32_t group; /* whose it is: SLUICE_GROUP_HUB, or of a site from 1 */
	struct ip_prefix prefix;
};

/* Grows as needed; zeroed, it is empty. */
struct source_set {
	struct source_entry *entries;
	size_t count, room;
};

/* Adds an entry: the prefix is of this group, in this list (struct source_entry). fini frees. */
void source_set_add(
	struct source_set *s, uint32_t list, uint32_t group, const struct ip_prefix *prefix);
void source_set_fini(struct source_set *s);

/*
 * Writes what `now` has and `was` has not, and removes what only `was` has; `was` becomes `now`, which is
 * empty then. Of entries that name a prefix of one list twice the first stays. Returns how many had no room.
 */
size_t source_set_replace(
	const struct bpf_plane *plane, struct source_set *was, struct source_set *own_now);

/* All services, as SLUICE_SERVICE numbers them. False when one could not be written. */
bool source_services_set(const struct bpf_plane *plane, const uint32_t *services, uint32_t count);

#endif
