/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE that XDP lets through goes to the kernel, which gives it to ike's sockets unless a rule of this host's own
 * firewall drops it. Nobody else can tell: a device only hears nothing. XDP does not look whether checksums are right,
 * so anybody can send what the kernel does not deliver; it counts that, though not by port: a short datagram with a
 * wrong checksum has no socket yet.
 */
#include "hub/host/host.h"

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/snmp.h"

#define LOST_LEAST 5 /* datagrams */
#define LOST_FOR   (5 * CLOCK_SECOND)

void hub_ike_reach_heard(struct hub *h, uint64_t datagrams)
{
	h->host->ike_reach.heard = datagrams;
	h->host->ike_reach.is_news = true;
}

void hub_ike_reach_judge(struct hub *h, uint64_t passed, uint64_t undelivered, uint64_t now)
{
	struct ike_reach *r = &h->host->ike_reach;
	bool was = h->model.host.ike_unheard;

	/* One that is not there hears nothing, and is told of as that. */
	if (r->is_news || !h->started || process_silent_s(&h->processes[PROCESS_IKE])) {
		r->is_news = false;
		r->passed = passed;
		r->undelivered = undelivered;
		r->since_ns = 0;
		h->model.host.ike_unheard = false;
		if (was)
			log_info("IKE comes to sluiced again");
		return;
	}
	if (was || passed < r->passed + LOST_LEAST)
		return;
	if (r->since_ns && now - r->since_ns < LOST_FOR)
		return;
	/* By now the kernel has counted what it could not deliver of what had come by then. */
	h->model.host.ike_unheard =
		r->since_ns &&
		r->passed_then >= r->passed + (undelivered - r->undelivered) + LOST_LEAST;
	r->since_ns = now;
	r->passed_then = passed;
	if (h->model.host.ike_unheard)
		log_error("IKE comes in and does not reach sluiced: does a firewall of this host "
			  "drop UDP 500 and 4500?");
}

void hub_ike_reach_look(struct hub *h, uint64_t now)
{
	struct outside_stats s;

	maps_outside_stats(h->maps, &s);
	hub_ike_reach_judge(h, s.ike_passed.packets, snmp_undelivered(), now);
}
