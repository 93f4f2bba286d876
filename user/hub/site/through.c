/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tunnel is up when both ends have its keys. Whether anything comes through it is another question: ESP may be
 * blocked where IKE is not, and the device may speak BGP by other addresses than are configured here. Both show in
 * what the data plane sees, and nowhere else.
 */
#include "hub/site/site.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/event/event.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SILENT_NS      (15 * CLOCK_SECOND)
#define SILENT_PACKETS 5                   /* sent in this time: some would be answered */
#define STRANGE_NS     (60 * CLOCK_SECOND) /* what came longer ago is over */

static bool has_no_session(const struct site *site, const struct site_tunnel *state)
{
	return site->conf.routing == ROUTING_BGP && state->bgp.state != BGP_ESTABLISHED;
}

static bool is_udp(const struct site_tunnel *state)
{
	const struct tunnel_sa *sa = tunnel_sa_in_use(state);

	return sa && sa->udp_encap;
}

/* Of a tunnel without BGP nobody knows whether its site has anything to say, once it has said something. */
static void judge_silence(
	struct hub *h, uint32_t tunnel, const struct tunnel_stats *s, uint64_t now)
{
	const struct site *site = site_of_tunnel(&h->model, tunnel);
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);
	bool ever = s->last_in_ns > state->opened_ns, was = state->silent_text[0];
	uint64_t heard = ever ? s->last_in_ns : state->opened_ns, sent;

	if (heard != state->heard_ns) {
		state->heard_ns = heard;
		state->heard_out = s->out.packets;
	}
	sent = s->out.packets - state->heard_out;
	state->silent_text[0] = '\0';
	if (!(has_no_session(site, state) || (site->conf.routing == ROUTING_STATIC && !ever)) ||
		now < heard + SILENT_NS || sent < SILENT_PACKETS) {
		if (was)
			log_info("site %s tunnel %u: ESP comes through the tunnel", site->conf.name,
				tunnel % TUNNELS_PER_SITE);
		return;
	}
	snprintf(state->silent_text, sizeof(state->silent_text),
		"%s: %llu packets sent in the %llu s since %s, none received: %s is blocked on the "
		"way, or the device sends nothing into the tunnel",
		reason_sentence(REASON_NO_ESP), (unsigned long long)sent,
		(unsigned long long)((now - heard) / CLOCK_SECOND),
		ever ? "the last one came" : "the SA pair came up",
		is_udp(state) ? "ESP in UDP 4500" : "IP protocol 50");
	if (was)
		return;
	log_warn("site %s tunnel %u: %s: %s", site->conf.name, tunnel % TUNNELS_PER_SITE,
		reason_code(REASON_NO_ESP), state->silent_text);
	hub_note(h, tunnel, REASON_NO_ESP, true, state->silent_text);
}

static bool is_address(uint8_t family, const uint8_t *seen, const struct ip_addr *a)
{
	struct ip_addr is = addr_from_bytes(family == 4 ? AF_INET : AF_INET6, seen);

	return addr_equal(&is, a);
}

static void compare(const char *what, uint8_t family, const uint8_t *seen,
	const struct ip_addr *configured, char *text, size_t size)
{
	struct ip_addr a = addr_from_bytes(family == 4 ? AF_INET : AF_INET6, seen);
	char is[ADDR_STR_SIZE], should[ADDR_STR_SIZE];
	size_t n = strlen(text);

	if (!addr_equal(&a, configured))
		snprintf(text + n, size - n, "%s%s %s, %s is configured", n ? "; " : "", what,
			addr_format(&a, is), addr_format(configured, should));
}

static void judge_ends(
	struct hub *h, uint32_t tunnel, const struct strange_session *x, uint64_t now)
{
	const struct site *site = site_of_tunnel(&h->model, tunnel);
	const struct tunnel_conf *conf = &site->conf.tunnels[tunnel % TUNNELS_PER_SITE];
	const struct ip_prefix *block = x->family == 4 ? &conf->inside : &conf->inside6;
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);
	struct ip_addr device = config_inside_site(block), hub = config_inside_hub(block);
	char text[sizeof(state->ends_text)] = "", why[REASON_TEXT_SIZE], is[ADDR_STR_SIZE];

	if (!has_no_session(site, state)) {
		tunnel_session_stands(state, now);
		return;
	}
	/* A NOTIFICATION later than that went over the right addresses. */
	if (x->at_ns <= state->opened_ns || x->at_ns <= state->ends_fine_ns ||
		x->at_ns <= state->bgp.error_at_ns || now > x->at_ns + STRANGE_NS) {
		state->ends_text[0] = '\0';
		return;
	}
	if (is_address(x->family, x->source, &hub) &&
		is_address(x->family, x->destination, &device)) {
		snprintf(text, sizeof(text),
			"the device does not have %s: it sends back what goes there",
			addr_format(&device, is));
	} else {
		compare("the device's inside address is", x->family, x->source, &device, text,
			sizeof(text));
		compare("it takes for the hub's", x->family, x->destination, &hub, text,
			sizeof(text));
	}
	if (!strcmp(text, state->ends_text))
		return;
	memcpy(state->ends_text, text, sizeof(text));
	snprintf(why, sizeof(why), "%s from other addresses than configured: %.180s",
		x->protocol == IPPROTO_TCP ? "BGP" : "BFD", text);
	log_warn("site %s tunnel %u: %s", site->conf.name, tunnel % TUNNELS_PER_SITE, why);
	hub_note_bgp(h, tunnel, "BGP_OTHER_ADDRESSES", why);
}

/*
 * What comes in shows that keys and the way here are right; that nothing answers is the fault of the way back, or of a
 * filter at its end. Which of the two nobody can tell from here, not even when the device's own SYN comes in.
 */
static void judge_deafness(
	struct hub *h, uint32_t tunnel, const struct tunnel_stats *s, uint64_t now)
{
	const struct site *site = site_of_tunnel(&h->model, tunnel);
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);
	uint64_t since = state->bgp.unanswered_since_ns;
	bool was = state->deaf_text[0], late = since && now >= since + SILENT_NS;
	bool comes = late && s->last_in_ns > since && now < s->last_in_ns + SILENT_NS;

	state->deaf_text[0] = '\0';
	if (!has_no_session(site, state))
		return;
	if (since && tunnel_is_half_open(state, s->last_in_ns, now))
		snprintf(state->deaf_text, sizeof(state->deaf_text),
			"the device's ESP comes in, and it has not acknowledged the hub's answer "
			"to its "
			"SYN for %llu s: ESP towards it is blocked, or a filter there drops it",
			(unsigned long long)((now - state->half_open_since_ns) / CLOCK_SECOND));
	else if (comes && !state->ends_text[0] && !site->conf.bgp_password[0] &&
		 !tunnel_md5_is_said(state, now))
		snprintf(state->deaf_text, sizeof(state->deaf_text),
			"the device's ESP comes in, and nothing has answered the hub's SYN for "
			"%llu s: ESP "
			"towards the device is blocked, or something there drops TCP port 179",
			(unsigned long long)((now - since) / CLOCK_SECOND));
	if (was || !state->deaf_text[0])
		return;
	log_warn("site %s tunnel %u: %s", site->conf.name, tunnel % TUNNELS_PER_SITE,
		state->deaf_text);
	hub_note_bgp(h, tunnel, "BGP_UNANSWERED", state->deaf_text);
}

/* What was there before the tunnel opened may have been of another site. */
static void note_seen(struct site_tunnel *state, const struct strange_session *x)
{
	state->stray_bfd_ns = x->bfd_ns;
	state->wrong_source_ns = x->wrong_ns > state->opened_ns ? x->wrong_ns : 0;
	if (state->wrong_source_ns)
		state->wrong_source =
			addr_from_bytes(x->wrong_family == 4 ? AF_INET : AF_INET6, x->wrong_source);
}

void hub_through_judge(struct hub *h, uint32_t tunnel, const struct tunnel_stats *s,
	const struct strange_session *x, uint64_t now)
{
	judge_silence(h, tunnel, s, now);
	judge_ends(h, tunnel, x, now);
	judge_deafness(h, tunnel, s, now);
	note_seen(site_tunnel_find(&h->model, tunnel), x);
}

void hub_through_look(struct hub *h, uint32_t tunnel, const struct tunnel_stats *s, uint64_t now)
{
	struct strange_session x = {0};

	maps_strange_session(h->maps, tunnel, &x);
	hub_through_judge(h, tunnel, s, &x, now);
}
