/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/site/admin.h"

#include "hub/site/site.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_ike.h"

static bool carries(const struct site *site, unsigned int t)
{
	return tunnel_is_routed(site, t) && !site->tunnels[t].leave_at_ns;
}

static bool is_meant(const struct site *site, unsigned int i, int t)
{
	return site->conf.tunnels[i].configured && (t < 0 || (unsigned int)t == i);
}

const char *admin_down(struct hub *h, struct site *site, int t, bool force)
{
	bool left = false, any = false;

	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++) {
		left |= carries(site, i) && !is_meant(site, i, t);
		any |= carries(site, i) && is_meant(site, i, t);
	}
	if (any && !left && !force)
		return "no other tunnel of the site carries; with --force it goes down all the "
		       "same";
	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++) {
		if (!is_meant(site, i, t))
			continue;
		site->tunnels[i].admin_down = true;
		if (!tunnel_leave(h, tunnel_number(site, i)))
			tunnel_left(h, site, i);
	}
	admin_save(h, site);
	return NULL;
}

const char *admin_up(struct hub *h, struct site *site, int t)
{
	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++) {
		struct site_tunnel *state = &site->tunnels[i];
		struct imsg_ike_command m = {
			.tunnel = tunnel_number(site, i), .command = IKE_COMMAND_UP};

		if (!is_meant(site, i, t))
			continue;
		state->admin_down = false;
		if (state->leave_at_ns) { /* it has not gone yet */
			state->leave_at_ns = 0;
			if (state->open)
				hub_bgp_tunnel_send(h, m.tunnel, true);
		}
		state->undrain = state->draining;
		process_send(&h->processes[PROCESS_IKE], IMSG_IKE_COMMAND, -1, &m, sizeof(m));
		if (carries(site, i))
			admin_carries(h, m.tunnel);
	}
	admin_save(h, site);
	return NULL;
}

const char *admin_drain(struct hub *h, struct site *site, unsigned int t)
{
	if (site->conf.routing != ROUTING_BGP)
		return "the site has static routes: no MED tells it";
	if (!carries(site, !t))
		return "the other tunnel has no BGP session to take over";
	if (site->tunnels[!t].draining)
		return "the other tunnel is drained already";
	site->tunnels[t].draining = true;
	site->tunnels[t].undrain = false;
	admin_tell_drain(h, site);
	admin_save(h, site);
	return NULL;
}
