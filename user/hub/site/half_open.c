/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device whose SYN comes in and who does not acknowledge the answer may not get what we send: ESP passes one way
 * only. One SYN stays listed for a minute, though its device may have gone since: what comes after it tells.
 */
#include "hub/site/site.h"

#include "base/clock.h"
#include "dataplane/half_open.h"

#define LATE_NS     (5 * CLOCK_SECOND) /* a handshake is over by then */
#define LOOK_NS     (3 * CLOCK_SECOND)
#define GAP_NS      (7 * CLOCK_SECOND) /* between two sights of one attempt */
#define ENTRIES_MAX 1024

static bool is_late(const struct site *site, unsigned int t, uint64_t now)
{
	const struct site_tunnel *state = &site->tunnels[t];

	return state->open && state->bgp.state != BGP_ESTABLISHED &&
	       state->bgp.unanswered_since_ns && now >= state->bgp.unanswered_since_ns + LATE_NS;
}

static bool is_end_of(const struct tunnel_conf *conf, const struct ip_addr *a)
{
	struct ip_addr four = config_inside_site(&conf->inside);
	struct ip_addr six = config_inside_site(&conf->inside6);

	return addr_equal(&four, a) || addr_equal(&six, a);
}

static void see(struct hub *h, const struct ip_addr *remote, uint64_t now)
{
	for (uint32_t i = 0; i < SITE_SLOTS * TUNNELS_PER_SITE; i++) {
		struct site *site = site_of_tunnel(&h->model, i);
		unsigned int t = i % TUNNELS_PER_SITE;
		struct site_tunnel *state = site ? &site->tunnels[t] : NULL;

		if (!site || !is_late(site, t, now) || !is_end_of(&site->conf.tunnels[t], remote))
			continue;
		if (now > state->half_open_ns + GAP_NS ||
			state->half_open_since_ns < state->opened_ns)
			state->half_open_since_ns = now;
		state->half_open_ns = now;
		return;
	}
}

bool tunnel_is_half_open(const struct site_tunnel *state, uint64_t heard_ns, uint64_t now)
{
	uint64_t late = state->half_open_since_ns + LATE_NS;

	return state->half_open_ns && now <= state->half_open_ns + GAP_NS &&
	       state->half_open_ns >= late && heard_ns >= late;
}

void hub_half_open_look(struct hub *h, uint64_t now)
{
	static struct ip_addr list[ENTRIES_MAX];
	bool any = false;
	size_t count;

	if (now < h->half_open_look_ns)
		return;
	for (uint32_t i = 0; i < SITE_SLOTS * TUNNELS_PER_SITE && !any; i++) {
		const struct site *site = site_of_tunnel(&h->model, i);

		any = site && is_late(site, i % TUNNELS_PER_SITE, now);
	}
	if (!any)
		return;
	h->half_open_look_ns = now + LOOK_NS;
	count = half_open_list(SLUICE_PORT_BGP, list, ENTRIES_MAX);
	for (size_t i = 0; i < count; i++)
		see(h, &list[i], now);
}
