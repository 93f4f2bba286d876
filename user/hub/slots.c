/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/slots.h"

#include <string.h>

uint32_t slots_find(const json_t *slots, const char *site)
{
	const json_t *slot = json_object_get(slots, site);
	json_int_t n = json_integer_value(slot);

	return json_is_integer(slot) && n >= 0 && n < SITE_SLOTS ? (uint32_t)n : SITE_SLOTS;
}

/* The first one from the next on that none of these has; SITE_SLOTS: there is none. */
static uint32_t first_free(const struct model *m, const bool taken[SITE_SLOTS], bool also_leaving)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		uint32_t slot = (m->next_slot + i) % SITE_SLOTS;

		if (!taken[slot] && (also_leaving || !m->sites[slot]))
			return slot;
	}
	return SITE_SLOTS;
}

static void give(json_t *slots, bool taken[SITE_SLOTS], const char *site, uint32_t slot)
{
	if (slot < SITE_SLOTS) {
		json_object_set_new(slots, site, json_integer(slot));
		taken[slot] = true;
	}
}

json_t *slots_choose(const struct model *m, const struct config *c, const json_t *kept)
{
	bool taken[SITE_SLOTS] = {false};
	json_t *slots = json_object();

	for (uint32_t i = 0; i < c->site_count; i++) {
		const struct site *site = site_find(m, c->sites[i].name);

		if (site)
			give(slots, taken, c->sites[i].name, site->slot);
	}
	for (uint32_t i = 0; i < c->site_count; i++) {
		uint32_t slot = slots_find(kept, c->sites[i].name);

		if (slot < SITE_SLOTS && !taken[slot] && !m->sites[slot] &&
			!json_object_get(slots, c->sites[i].name))
			give(slots, taken, c->sites[i].name, slot);
	}
	for (uint32_t i = 0; i < c->site_count; i++) {
		uint32_t slot;

		if (json_object_get(slots, c->sites[i].name))
			continue;
		slot = first_free(m, taken, false);
		give(slots, taken, c->sites[i].name,
			slot < SITE_SLOTS ? slot : first_free(m, taken, true));
	}
	return slots;
}
