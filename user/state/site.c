/* SPDX-License-Identifier: Apache-2.0 */
#include "state/site.h"

#include "base/clock.h"
#include "ipc/msg_bgp.h"
#include "state/stats_fields.h"

#include <stdlib.h>
#include <string.h>

#define MD5_SAID_FOR (60 * CLOCK_SECOND) /* shown, and not said again */

uint32_t tunnel_number(const struct site *site, unsigned int t)
{
	return site->slot * TUNNELS_PER_SITE + t;
}

const char *tunnel_awaits(const struct tunnel_conf *c)
{
	return c->options.startup == STARTUP_START ? "the hub is about to connect"
						   : "waiting for the site to connect";
}

const char *tunnel_phase_name(enum tunnel_phase phase)
{
	static const char *const names[TUNNEL_PHASES] = {
		[TUNNEL_DOWN] = "down", [TUNNEL_NEGOTIATING] = "negotiating", [TUNNEL_UP] = "up"};

	return names[phase];
}

const struct tunnel_sa *tunnel_sa_in_use(const struct site_tunnel *t)
{
	for (uint32_t i = 0; i < t->sa_count; i++) {
		if (t->sas[i].in_use)
			return &t->sas[i];
	}
	return NULL;
}

uint32_t tunnel_mtu(const struct site_tunnel *t)
{
	const struct tunnel_sa *sa = tunnel_sa_in_use(t);

	if (!sa)
		return 0;
	return t->path.inner_mtu ? t->path.inner_mtu : sa->inner_mtu;
}

bool tunnel_is_routed(const struct site *site, unsigned int t)
{
	const struct site_tunnel *state = &site->tunnels[t];

	return state->open &&
	       (site->conf.routing == ROUTING_STATIC || state->bgp.state == BGP_ESTABLISHED);
}

struct site_stats site_counted(const struct site *site, enum sluice_direction d)
{
	struct site_stats s = site->latest.stats[d];

	stats_subtract(&s, &site->base.stats[d], sizeof(s) / sizeof(struct traffic));
	return s;
}

struct tunnel_stats tunnel_counted(const struct site *site, unsigned int t)
{
	struct tunnel_stats s = site->tunnels[t].counted;
	const struct tunnel_stats *base = &site->tunnels[t].base;

	stats_subtract(&s.in, &base->in, 1);
	stats_subtract(&s.out, &base->out, 1);
	stats_subtract(&s.control_in, &base->control_in, 1);
	stats_subtract(&s.control_out, &base->control_out, 1);
	return s;
}

static uint64_t per_second(uint64_t bytes, uint64_t interval_ns)
{
	return interval_ns ? (uint64_t)((double)bytes * 8e9 / (double)interval_ns) : 0;
}

uint64_t tunnel_rate_now(const struct site *site, unsigned int t, enum sluice_direction d)
{
	const struct tunnel_sample *now = &site->tunnels[t].latest, *was = &site->tunnels[t].before;

	/* What it carried in its last second, before it went down, is not what it carries. */
	if (!site->tunnels[t].open || !was->at_ns || now->bytes[d] < was->bytes[d])
		return 0;
	return per_second(now->bytes[d] - was->bytes[d], now->at_ns - was->at_ns);
}

struct site_rates site_rates_now(const struct site *site, enum sluice_direction d)
{
	uint64_t interval = site->latest.at_ns - site->before.at_ns;
	struct site_stats delta = site->latest.stats[d];

	stats_subtract(&delta, &site->before.stats[d], sizeof(delta) / sizeof(struct traffic));
	return (struct site_rates){.offered_bps = per_second(delta.offered.bytes, interval),
		.delivered_bps = per_second(delta.delivered.bytes, interval),
		.dropped_bps = per_second(stats_dropped(&delta).bytes, interval)};
}

uint64_t site_cap(const struct site *site)
{
	bool both = site->conf.site_class == SITE_GATEWAY && site->conf.tunnels[1].configured;

	return (both ? TUNNELS_PER_SITE : 1) * site->conf.rate;
}

/* Whether none of the prefixes in a text lets the address through; one that is no prefix may, or one that was cut off. */
static bool leaves_out(const char *selectors, const struct ip_addr *a)
{
	const char *at = selectors;

	if (strlen(selectors) >= SELECTORS_TEXT_SIZE - 1)
		return false;
	while (*at) {
		size_t n = strcspn(at, ",");
		char one[PREFIX_STR_SIZE] = "";
		struct ip_prefix p, host = prefix_make(a, addr_bits(a));

		if (n < sizeof(one))
			memcpy(one, at, n);
		if (!prefix_parse(one, &p) || prefix_covers(&p, &host))
			return false;
		at += n;
		at += strspn(at, ", ");
	}
	return selectors[0] != '\0';
}

const char *tunnel_left_out(
	const struct site *site, unsigned int t, struct ip_addr *end, bool *of_device)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	const struct ip_prefix *block =
		site->conf.bgp_family == AF_INET6 ? &conf->inside6 : &conf->inside;
	const struct tunnel_sa *sa = tunnel_sa_in_use(&site->tunnels[t]);

	if (!sa)
		return NULL;
	*end = config_inside_hub(block);
	*of_device = !leaves_out(sa->local_ts, end);
	if (!*of_device)
		return sa->local_ts;
	*end = config_inside_site(block);
	return leaves_out(sa->remote_ts, end) ? sa->remote_ts : NULL;
}

void tunnel_session_stands(struct site_tunnel *t, uint64_t now)
{
	t->md5_at_ns = 0;
	t->deaf_text[0] = '\0';
	t->ends_text[0] = '\0';
	t->ends_fine_ns = now;
}

bool tunnel_md5_is_said(const struct site_tunnel *t, uint64_t now)
{
	return t->md5_at_ns && t->bgp.state != BGP_ESTABLISHED && now - t->md5_at_ns < MD5_SAID_FOR;
}

void site_free(struct site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		for (int k = 0; k < EVENT_KINDS; k++)
			event_ring_clear(&site->events[t][k]);
		free(site->tunnels[t].cert);
	}
	history_free(site->history);
	free(site);
}
