/* SPDX-License-Identifier: Apache-2.0 */
/* Tunnels that were told goodbye carry for a moment more, and then close. */
#include "hub/site/site.h"

#include "base/clock.h"
#include "hub/site/admin_internal.h"
#include "ipc/msg_ike.h"

void tunnel_left(struct hub *h, struct site *site, unsigned int t)
{
	struct imsg_ike_command m = {.tunnel = tunnel_number(site, t), .command = IKE_COMMAND_DOWN};

	site->tunnels[t].leave_at_ns = 0;
	if (!site->tunnels[t].admin_down) {
		if (site->tunnels[t].open)
			hub_bgp_tunnel_send(h, m.tunnel, true);
		return;
	}
	hub_tunnel_close(h, m.tunnel);
	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_COMMAND, -1, &m, sizeof(m));
}

static void wait_for_leavers(struct hub *h, uint64_t wait_ns);

static void on_leave(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;
	uint64_t now = clock_now(), next = CLOCK_NEVER;

	(void)fd, (void)what;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			uint64_t at = h->model.sites[i]->tunnels[t].leave_at_ns;

			if (!at)
				continue;
			if (at > now)
				next = at < next ? at : next;
			else if (h->model.sites[i]->tunnels[t].admin_down || !h->applying)
				tunnel_left(h, h->model.sites[i], t);
		}
	}
	if (next != CLOCK_NEVER)
		wait_for_leavers(h, next - now);
}

static void wait_for_leavers(struct hub *h, uint64_t wait_ns)
{
	struct timeval wait = {.tv_sec = (time_t)(wait_ns / CLOCK_SECOND),
		.tv_usec = (suseconds_t)(wait_ns % CLOCK_SECOND / 1000) + 1};

	if (!h->admin->leave)
		h->admin->leave = event_new(h->base, -1, 0, on_leave, h);
	if (!evtimer_pending(h->admin->leave, NULL))
		event_add(h->admin->leave, &wait);
}

bool tunnel_leave(struct hub *h, uint32_t tunnel)
{
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);

	if (!state->open)
		return false;
	if (state->leave_at_ns)
		return true;
	state->leave_at_ns = clock_now() + LEAVE_MS * CLOCK_MILLISECOND;
	hub_bgp_tunnel_send(h, tunnel, false);
	wait_for_leavers(h, LEAVE_MS * CLOCK_MILLISECOND);
	return true;
}
