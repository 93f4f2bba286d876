/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots stand in SPIs and in maps, so a site keeps the one that it has: over a restart, in another order of the file, and
 * when sites before it go. They are kept with the revision.
 */
#ifndef SLUICE_HUB_SLOTS_H
#define SLUICE_HUB_SLOTS_H

#include "state/model.h"

#include <jansson.h>

/*
 * {"NAME": slot} of each site of a configuration: the one that it has, else the one that `kept` says (NULL: nothing), else
 * one that nobody has, the one that was given back last at last.
 */
json_t *slots_choose(const struct model *m, const struct config *c, const json_t *kept);

/* SITE_SLOTS: it does not say. */
uint32_t slots_find(const json_t *slots, const char *site);

#endif
