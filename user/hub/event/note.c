/* SPDX-License-Identifier: Apache-2.0 */
/* What hub itself knows of a tunnel, in the form of what ike and bgp tell. */
#include "hub/event/event.h"

void hub_note(struct hub *h, uint32_t tunnel, enum reason r, bool carries, const char *details)
{
	struct site *site = site_of_tunnel(&h->model, tunnel);
	unsigned int t = tunnel % TUNNELS_PER_SITE;
	const char *state = site->tunnels[t].ike.phase == TUNNEL_UP ? "Established" : "Down";
	bool fact = r == REASON_ENDPOINT_BACK || r == REASON_PATH_MTU;

	hub_publish(h, &(struct happening){.kind = BUS_ACTIVITY,
			       .severity = fact ? BUS_INFO : BUS_WARNING,
			       .site = site,
			       .tunnel = (int)t,
			       .reason = reason_code(r),
			       .detail = details,
			       .log = EVENT_ACTIVITY,
			       .own_log = json_pack("{s:s, s:i, s:b, s:b, s:s, s:s, s:s, s:s}",
				       "site", site->conf.name, "tunnel", (int)t, "dpd_enabled",
				       site->conf.tunnels[t].options.dpd_action != DPD_NONE,
				       "nat_t_detected", (int)site->tunnels[t].ike.nat_detected,
				       "ike_phase1_state", state, "ike_phase2_state",
				       carries ? state : "Down", "reason_code", reason_code(r),
				       "details", details)});
}

void hub_note_bgp(struct hub *h, uint32_t tunnel, const char *reason, const char *details)
{
	hub_publish(h, &(struct happening){.kind = BUS_BGP,
			       .severity = BUS_WARNING,
			       .site = site_of_tunnel(&h->model, tunnel),
			       .tunnel = (int)(tunnel % TUNNELS_PER_SITE),
			       .reason = reason,
			       .detail = details,
			       .log = EVENT_BGP,
			       .own_log = json_pack("{s:s, s:s, s:{s:s}}", "type", "BGPStatus",
				       "status", "DOWN", "message", "details", details)});
}
