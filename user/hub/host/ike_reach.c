/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE that XDP lets through goes to the kernel, which gives it to ike's sockets unless a rule of this host's own
 * firewall drops it. Nobody else can tell: a device only hears nothing.
 */
#include "hub/host/host.h"

#include "base/clock.h"
#include "base/log.h"

#define LOST_LEAST 5 /* datagrams */
#define LOST_FOR   (5 * CLOCK_SECOND)

void hub_ike_reach_heard(struct hub *h, uint64_t datagrams)
{
	h->host->ike_reach.heard = datagrams;
	h->host->ike_reach.is_news = true;
}

void hub_ike_reach_look(struct hub *h, uint64_t now)
{
	struct ike_reach *r = &h->host->ike_reach;
	bool was = h->model.host.ike_unheard;
	struct outside_stats s;

	maps_outside_stats(h->maps, &s);
	/* One that is not there hears nothing, and is told of as that. */
	if (r->is_news || !h->started || process_silent_s(&h->processes[PROCESS_IKE])) {
		r->is_news = false;
		r->passed = s.ike_passed.packets;
		r->since_ns = 0;
		h->model.host.ike_unheard = false;
		if (was)
			log_info("IKE comes to sluiced again");
		return;
	}
	if (s.ike_passed.packets < r->passed + LOST_LEAST)
		return;
	if (!r->since_ns)
		r->since_ns = now;
	h->model.host.ike_unheard = now - r->since_ns >= LOST_FOR;
	if (h->model.host.ike_unheard && !was)
		log_error("IKE comes in and does not reach sluiced: does a firewall of this host "
			  "drop "
			  "UDP 500 and 4500?");
}
