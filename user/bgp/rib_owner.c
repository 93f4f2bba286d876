/* SPDX-License-Identifier: Apache-2.0 */
/* Which location a prefix belongs to, where that changes without a decision: see decide.h, owners.c. */
#include "bgp/rib.h"

void rib_touch_owned(struct rib *r, uint32_t group)
{
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		const struct rib_table *t = &r->table[f];

		for (uint32_t n = rib_after(t, t->ends); n; n = rib_after(t, n)) {
			struct rib_prefix *e = rib_node(t, n);

			if (e->owned && e->owner_group == group && e->best_group != group)
				rib_touch(r, e);
		}
	}
}

static bool leads_to(const struct rib_prefix *e, uint32_t site)
{
	return e->best_tunnel != RIB_NO_TUNNEL && e->best_tunnel / TUNNELS_PER_SITE == site;
}

uint32_t rib_owner_moves(struct rib *r, uint32_t from, uint32_t to, uint32_t site)
{
	uint32_t held = 0;

	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		const struct rib_table *t = &r->table[f];

		for (uint32_t n = rib_after(t, t->ends); n; n = rib_after(t, n)) {
			struct rib_prefix *e = rib_node(t, n);

			if (!e->owned || e->owner_group != from ||
				(site != RIB_NO_TUNNEL && !leads_to(e, site)))
				continue;
			e->owner_group = (uint16_t)to;
			held += e->held;
		}
	}
	return held;
}
