/* SPDX-License-Identifier: Apache-2.0 */
/* A tunnel opens and closes: TC, its inside route, bgp and what is reserved follow at once. */
#include "hub/site/site.h"

#include "base/clock.h"
#include "hub/route/route.h"
#include "hub/site/admin.h"
#include "ipc/msg_bgp.h"

void hub_tunnel_open(struct hub *h, uint32_t tunnel)
{
	struct site *site = site_of_tunnel(&h->model, tunnel);
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);
	bool was_open = state->open;

	if (endpoint_of(&h->model, site, tunnel % TUNNELS_PER_SITE)->fault)
		return; /* what becomes of it opens it */

	state->open = true;
	hub_interface_mtu_set(h, tunnel, tunnel_mtu(state));
	hub_tunnel_record(h, tunnel, true);
	if (was_open)
		return; /* the record alone: another MTU after a rekey */
	state->came_from = state->ike.peer.addr;
	state->opened_ns = clock_now();
	hub_reserved_refresh(h);
	hub_inside_route_set(h, site, tunnel % TUNNELS_PER_SITE, true);
	hub_bgp_tunnel_send(h, tunnel, !state->leave_at_ns);
	if (site->conf.routing != ROUTING_BGP)
		admin_carries(h, tunnel);
}

void hub_tunnel_afresh(struct hub *h, uint32_t tunnel)
{
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);

	if (!state->open)
		return;
	state->came_from = state->ike.peer.addr;
	state->opened_ns = clock_now();
	hub_reserved_refresh(h);
}

void hub_tunnel_close(struct hub *h, uint32_t tunnel)
{
	struct site *site = site_of_tunnel(&h->model, tunnel);
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);
	bool was_open = state->open;

	state->open = false;
	hub_tunnel_record(h, tunnel, true);
	if (!was_open)
		return;
	state->bfd_resume = (struct imsg_bfd_resume){0};
	state->silent_text[0] = state->ends_text[0] = state->deaf_text[0] = '\0';
	hub_inside_route_set(h, site, tunnel % TUNNELS_PER_SITE, false);
	hub_bgp_tunnel_send(h, tunnel, false);
	hub_reserved_refresh(h);
	hub_routes_sweep_soon(h);
}
