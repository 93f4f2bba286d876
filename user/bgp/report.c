/* SPDX-License-Identifier: Apache-2.0 */
/* What the speaker says: notes for people, events for the BGP log of a tunnel. */
#include "bgp/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void speaker_note(
	struct bgp *b, const struct bgp_peer *p, enum bgp_note_level level, const char *format, ...)
{
	struct bgp_effect *e = speaker_effect(b, BGP_EFFECT_NOTE, p->rib.conf.tunnel);
	va_list args;
	int n;

	e->note.level = level;
	n = snprintf(e->note.text, sizeof(e->note.text),
		"site %s tunnel %u: BGP: ", p->rib.conf.site,
		p->rib.conf.tunnel % TUNNELS_PER_SITE);
	va_start(args, format);
	vsnprintf(e->note.text + n, sizeof(e->note.text) - (size_t)n, format, args);
	va_end(args);
}

/*
 * A peer's share: of what its routes do and of its session, so that a flood of routes does not silence how
 * it ended. What it makes too much of is counted and told with the next event of the kind.
 */
static struct bgp_effect_event *event_new(
	struct bgp *b, struct bgp_peer *p, struct bgp_budget *budget)
{
	uint64_t due = (b->now - budget->refill) / (CLOCK_SECOND / EVENTS_PER_SECOND);
	struct bgp_effect_event *e;

	if (!budget->refill || due >= EVENTS_BURST) {
		budget->left = EVENTS_BURST;
		budget->refill = b->now;
	} else {
		budget->left += (uint32_t)due;
		budget->refill += due * (CLOCK_SECOND / EVENTS_PER_SECOND);
	}
	if (budget->left > EVENTS_BURST)
		budget->left = EVENTS_BURST;
	if (!budget->left) {
		budget->lost++;
		return NULL;
	}
	budget->left--;
	e = &speaker_effect(b, BGP_EFFECT_EVENT, p->rib.conf.tunnel)->event;
	e->left_out = budget->lost;
	budget->lost = 0;
	return e;
}

__attribute__((format(printf, 4, 0))) static void session_event(struct bgp *b, struct bgp_peer *p,
	enum bgp_event_status status, const char *format, va_list args)
{
	struct bgp_effect_event *e = event_new(b, p, &p->session_events);

	if (!e)
		return;
	e->status = status;
	vsnprintf(e->details, sizeof(e->details), format, args);
}

void speaker_event(struct bgp *b, struct bgp_peer *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	session_event(b, p, peer_established(p) ? BGP_EVENT_UP : BGP_EVENT_COMING, format, args);
	va_end(args);
}

void speaker_end_event(struct bgp *b, struct bgp_peer *p, const struct bgp_session *ending,
	const char *format, ...)
{
	const struct bgp_session *up = peer_established(p);
	va_list args;

	va_start(args, format);
	session_event(b, p, up && up != ending ? BGP_EVENT_UP : BGP_EVENT_DOWN, format, args);
	va_end(args);
}

void speaker_route_event(struct bgp *b, struct bgp_peer *p, enum bgp_event_status status,
	const struct ip_prefix *prefix, const struct attrs *a, const struct ip_addr *next_hop,
	const char *details)
{
	struct bgp_effect_event *e = event_new(b, p, &p->route_events);

	if (!e)
		return;
	e->status = status;
	e->prefix = *prefix;
	snprintf(e->details, sizeof(e->details), "%s", details);
	if (!a)
		return;
	e->med = a->has_med ? a->med : 0;
	e->next_hop = *next_hop;
	e->as_path_len = (uint8_t)attr_path_list(a, e->as_path, ROUTE_AS_PATH_SHOWN);
}
