/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no site may announce (bgp/reserved.h): hub looks what the host is connected to, and tells bgp
 * the whole list. Routes that are there are judged by it whenever it changes.
 */
#include "hub/route/rules.h"

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/connected.h"
#include "ipc/msg_bgp.h"

#include <string.h>

#define LOOK_AGAIN CLOCK_SECOND
#define LOOK_PART  20 /* of the time at most */

void hub_reserved_send(struct hub *h, struct process *p)
{
	size_t count = reserved_count(&h->rules->reserved), i = 0;
	struct imsg_bgp_reserved m = {.first = true};

	do {
		for (m.count = 0; m.count < IMSG_RESERVED_MAX && i < count; i++)
			m.facts[m.count++] = reserved_at(&h->rules->reserved, i);
		m.last = i == count;
		process_send(p, IMSG_BGP_RESERVED, -1, &m, sizeof(m));
		m.first = false;
	} while (!m.last);
}

void hub_reserved_refresh(struct hub *h)
{
	if (!hub_reserved_gather(h))
		return;
	hub_reserved_send(h, &h->processes[PROCESS_BGP]);
	hub_routes_judge_soon(h);
}

/* Devices of ours, whose addresses and routes are known otherwise. */
static size_t own_devices(const struct hub *h, uint32_t list[1 + SITE_SLOTS * TUNNELS_PER_SITE])
{
	size_t n = 0;

	list[n++] = link_ifindex(h->link);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (h->model.sites[i]->tunnels[t].ifindex)
				list[n++] = h->model.sites[i]->tunnels[t].ifindex;
		}
	}
	return n;
}

static bool same_prefixes(
	const struct ip_prefix *a, size_t a_count, const struct ip_prefix *b, size_t b_count)
{
	for (size_t i = 0; i < a_count && a_count == b_count; i++) {
		if (!prefix_equal(&a[i], &b[i]))
			return false;
	}
	return a_count == b_count;
}

bool hub_connected_look(struct hub *h, uint64_t now)
{
	uint32_t own[1 + SITE_SLOTS * TUNNELS_PER_SITE];
	struct ip_prefix fresh[CONNECTED_MAX];
	uint64_t started = clock_now(), took;
	size_t count;
	bool whole, changed = false;

	if (now < h->rules->connected_again_ns)
		return false;
	whole = connected_list(own, own_devices(h, own), fresh, CONNECTED_MAX, &count);
	if (!whole && !h->rules->connected_unread)
		log_warn("the networks that the hub is connected to could not all be read: those "
			 "that were known hold on");
	h->rules->connected_unread = !whole;
	if (whole || count > h->rules->connected_count) {
		changed = !same_prefixes(
			fresh, count, h->rules->connected, h->rules->connected_count);
		memcpy(h->rules->connected, fresh, count * sizeof(fresh[0]));
		h->rules->connected_count = count;
		hub_reserved_refresh(h);
	}
	took = clock_now() - started;
	h->rules->connected_again_ns =
		now + (took * LOOK_PART > LOOK_AGAIN ? took * LOOK_PART : LOOK_AGAIN);
	return changed;
}

const struct ip_prefix *hub_connected(const struct hub *h, size_t *count)
{
	*count = h->rules->connected_count;
	return h->rules->connected;
}
