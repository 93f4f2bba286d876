/* SPDX-License-Identifier: Apache-2.0 */
/* What the speaker says: notes for people, events for the BGP log of a tunnel (M-23 to M-25). */
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

/* A peer's share. What it makes too much of is counted and told with the next event. */
static struct bgp_effect_event *event_new(struct bgp *b, struct bgp_peer *p)
{
	uint64_t due = (b->now - p->events_refill) / (CLOCK_SECOND / EVENTS_PER_SECOND);
	struct bgp_effect_event *e;

	if (!p->events_refill || due >= EVENTS_BURST) {
		p->events_left = EVENTS_BURST;
		p->events_refill = b->now;
	} else {
		p->events_left += (uint32_t)due;
		p->events_refill += due * (CLOCK_SECOND / EVENTS_PER_SECOND);
	}
	if (p->events_left > EVENTS_BURST)
		p->events_left = EVENTS_BURST;
	if (!p->events_left) {
		p->events_lost++;
		return NULL;
	}
	p->events_left--;
	e = &speaker_effect(b, BGP_EFFECT_EVENT, p->rib.conf.tunnel)->event;
	e->left_out = p->events_lost;
	p->events_lost = 0;
	return e;
}

__attribute__((format(printf, 4, 0))) static void session_event(struct bgp *b, struct bgp_peer *p,
	enum bgp_event_status status, const char *format, va_list args)
{
	struct bgp_effect_event *e = event_new(b, p);

	if (!e)
		return;
	e->status = status;
	vsnprintf(e->details, sizeof(e->details), format, args);
}

void speaker_event(struct bgp *b, struct bgp_peer *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	session_event(b, p, peer_established(p) ? BGP_EVENT_UP : BGP_EVENT_DOWN, format, args);
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
	struct bgp_effect_event *e = event_new(b, p);

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
