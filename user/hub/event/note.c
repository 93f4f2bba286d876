/* SPDX-License-Identifier: Apache-2.0 */
/* What hub itself knows of a tunnel, in the form of what ike tells. */
#include "hub/event/event.h"

void hub_note(struct hub *h, uint32_t tunnel, enum reason r, bool carries, const char *details)
{
	const struct site *site = site_of_tunnel(&h->model, tunnel);
	unsigned int t = tunnel % TUNNELS_PER_SITE;
	const char *state = site->tunnels[t].ike.phase == TUNNEL_UP ? "Established" : "Down";

	hub_event(h, tunnel, EVENT_ACTIVITY,
		json_pack("{s:s, s:i, s:b, s:b, s:s, s:s, s:s, s:s}", "site", site->conf.name,
			"tunnel", (int)t, "dpd_enabled",
			site->conf.tunnels[t].options.dpd_action != DPD_NONE, "nat_t_detected",
			(int)site->tunnels[t].ike.nat_detected, "ike_phase1_state", state,
			"ike_phase2_state", carries ? state : "Down", "reason_code", reason_code(r),
			"details", details));
}
