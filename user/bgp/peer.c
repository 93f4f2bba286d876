/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of the state machine, and a peer's timers. */
#include "bgp/peer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_detail(struct bgp_peer *p, const char *format, va_list args)
{
	vsnprintf(p->detail, sizeof(p->detail), format, args);
	p->detail_why = BGP_WHY_OTHER;
}

void peer_set_cause(struct bgp_peer *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_detail(p, format, args);
	va_end(args);
	memcpy(p->cause, p->detail, sizeof(p->cause));
	p->cause_why = p->detail_why;
}

void peer_set_symptom(struct bgp_peer *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_detail(p, format, args);
	va_end(args);
}

void peer_set_why(struct bgp_peer *p, enum bgp_why why)
{
	p->detail_why = why;
	if (!strcmp(p->cause, p->detail))
		p->cause_why = why;
}

enum bgp_why peer_why_word(const struct bgp_peer *p)
{
	bool gone = p->cause_why == BGP_WHY_RESET || p->cause_why == BGP_WHY_SILENT;

	if (!p->cause[0] || (gone && p->detail_why == BGP_WHY_REFUSED))
		return p->detail_why;
	return p->cause_why;
}

const char *peer_why(const struct bgp_peer *p, char text[BGP_DETAIL_SIZE])
{
	bool both = p->cause[0] && strcmp(p->cause, p->detail) != 0;

	snprintf(text, BGP_DETAIL_SIZE, "%s%s%s", both ? p->cause : "",
		both ? "; since then: " : "", p->detail);
	return text;
}

void peer_set_notify(struct bgp_peer *p, const struct bgp_notify *n, uint64_t now)
{
	p->last_notify = *n;
	p->last_notify_at = now;
}

/* What ends a session. Of two connections the one that goes says nothing of what the other one comes to. */
static const char *why_ended(const struct bgp_peer *p, enum fsm_event event)
{
	return event == FSM_COLLISION ? "there are two connections, and this one is not kept"
				      : p->detail;
}

/* ---- pieces of actions ---- */

static void clear_timers(struct bgp_session *s)
{
	s->retry_at = s->hold_at = s->keepalive_at = s->send_hold_at = CLOCK_NEVER;
	s->waiting_since = CLOCK_NEVER;
}

static void restart_hold(struct bgp_session *s, uint64_t now)
{
	s->hold_at = s->hold_s ? now + s->hold_s * CLOCK_SECOND : CLOCK_NEVER;
}

static void restart_keepalive(struct bgp *b, struct bgp_session *s, uint64_t now)
{
	s->keepalive_at = s->keepalive_s ? now + speaker_jitter(b, s->keepalive_s) : CLOCK_NEVER;
}

static void close_tcp(struct bgp *b, struct bgp_peer *p, struct bgp_session *s)
{
	if (s->tcp)
		speaker_effect(b, BGP_EFFECT_CLOSE, p->rib.conf.tunnel)->direction = s->direction;
	s->tcp = false;
	s->in_len = 0;
}

static void send_keepalive(struct bgp *b, struct bgp_session *s, uint64_t now)
{
	struct wr w = session_writer(s, 0);

	bgp_message_encode_keepalive(&w); /* no room: what waits there is as good a sign of life */
	session_written(s, &w, now);
	restart_keepalive(b, s, now);
}

/* RFC 8538 4: what means the end, and not a fault in between, is said as a hard reset. */
static bool is_final(const struct bgp_notify *n)
{
	return n->code == NOTIFY_CEASE &&
	       (n->subcode == CEASE_MAX_PREFIXES || n->subcode == CEASE_SHUTDOWN ||
		       n->subcode == CEASE_DECONFIGURED || n->subcode == CEASE_BFD_DOWN);
}

static void send_notify(struct bgp *b, struct bgp_peer *p, struct bgp_session *s,
	const struct bgp_notify *n, enum fsm_event event, uint64_t now)
{
	struct wr w = session_writer(s, 0);
	bool hard = peer_can_restart(s) && s->remote.restart_on_notify && is_final(n);
	struct bgp_notify sent = hard ? notify_hard(n) : *n;
	const char *why = why_ended(p, event);
	char text[NOTIFY_TEXT_SIZE];

	bgp_message_encode_notify(&w, &sent);
	session_written(s, &w, now);
	peer_set_notify(p, n, now);
	speaker_end_event(b, p, s, "%s%sNOTIFICATION sent: %s", why, why[0] ? "; " : "",
		notify_format(n, false, text));
}

static void send_open(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, uint64_t now)
{
	struct bgp_open open = {.as = b->config.local_as,
		.hold_s = b->config.hold_s,
		.identifier = b->config.router_id,
		.four_octet_as = true,
		.route_refresh = true,
		.enhanced_refresh = true,
		.extended_message = true,
		.graceful_restart = b->config.graceful_restart,
		.restart_on_notify = true,
		.restarting = b->defer_until != 0,
		.restart_time_s = RESTART_S};

	open.family[BGP_IPV4] = addr_is_set(&p->rib.conf.local4);
	open.family[BGP_IPV6] = addr_is_set(&p->rib.conf.local6);
	for (int f = 0; f < BGP_FAMILIES; f++) {
		open.restart_family[f] = open.family[f];
		/* RFC 4724 3: the hub has forwarded all the time, after our restart or the session's. */
		open.forwarding[f] = open.restarting || p->established_at;
	}
	s->remote = (struct bgp_open){0};
	s->offered.hold_s = open.hold_s;
	s->offered.keepalive_s = b->config.keepalive_s;
	s->offered.graceful_restart = open.graceful_restart;
	if (!s->out) {
		s->out = malloc(SESSION_OUT_SIZE);
		s->in = malloc(MESSAGE_MAX);
		s->in_size = MESSAGE_MAX;
	}
	if (!s->out || !s->in)
		abort();
	s->in_len = 0;
	s->out_len = 0;

	struct wr w = session_writer(s, 0);

	open_encode(&open, &w);
	session_written(s, &w, now);
	clear_timers(s);
	s->opened_at = now;
	s->hold_at = now + OPEN_HOLD_S * CLOCK_SECOND;
	speaker_event(b, p, "OPEN sent: version 4, AS %u, hold time %u s, identifier %u.%u.%u.%u",
		open.as, open.hold_s, open.identifier >> 24, open.identifier >> 16 & 255,
		open.identifier >> 8 & 255, open.identifier & 255);
}

/* RFC 4271 4.2: the smaller hold time; KEEPALIVE at a third of it, or as configured. */
static void negotiate_timers(struct bgp_session *s)
{
	uint16_t ours = s->offered.hold_s, keepalive = s->offered.keepalive_s;
	uint16_t hold = s->remote.hold_s < ours ? s->remote.hold_s : ours;
	uint16_t third = hold / 3;

	s->hold_s = hold;
	s->keepalive_s = keepalive && keepalive < third ? keepalive : third;
}

static void accept_open(struct bgp *b, struct bgp_session *s, uint64_t now)
{
	negotiate_timers(s);
	send_keepalive(b, s, now);
	restart_hold(s, now);
}

static void note_established(struct bgp *b, struct bgp_peer *p, const struct bgp_session *s)
{
	const char *v4 = p->rib.family[BGP_IPV4].active ? " IPv4" : "";
	const char *v6 = p->rib.family[BGP_IPV6].active ? " IPv6" : "";

	speaker_note(b, p, BGP_NOTE_INFO, "established with AS %u, hold time %u s, families%s%s",
		s->remote.as, s->hold_s, v4, v6);
	if (*v4 || *v6)
		return;
	peer_set_cause(p, "no routes are exchanged: both ends offer no address family in common");
	peer_set_why(p, BGP_WHY_NO_FAMILY);
	speaker_note(b, p, BGP_NOTE_WARN, "%s", p->detail);
}

static void establish(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, uint64_t now)
{
	struct bgp_session *other = peer_other(p, s);
	const struct bgp_neighbor *conf = &p->rib.conf;
	bool ours[BGP_FAMILIES] = {
		[BGP_IPV4] = addr_is_set(&conf->local4), [BGP_IPV6] = addr_is_set(&conf->local6)};

	/* RFC 4271 6.8: the other connection, if it still hopes, is given up. */
	other->pending = notify_make(NOTIFY_CEASE, CEASE_COLLISION);
	peer_event(b, p, other, FSM_COLLISION, now);
	p->start_at = p->missed_at = CLOCK_NEVER;
	p->established_at = now;
	p->updated = false;
	p->notes_left = NOTES_PER_SESSION;
	p->detail[0] = p->cause[0] = '\0';
	p->detail_why = p->cause_why = BGP_WHY_OTHER;
	p->unanswered_since = p->refused_until = 0;
	p->last_notify = (struct bgp_notify){0};
	p->rib.identifier = s->remote.identifier;
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		bool kept = peer_can_restart(s) && s->remote.restart_family[f] &&
			    s->remote.forwarding[f];

		/* RFC 4724 4.2: it did not go on forwarding, or does not say so. */
		if (!kept)
			rib_drop_stale(&b->rib, &p->rib, f);
		if (ours[f] && s->remote.family[f])
			rib_peer_start(&b->rib, &p->rib, f);
	}
	if (p->stale_until != CLOCK_NEVER)
		p->stale_until = now + STALE_S * CLOCK_SECOND;
	p->owners_at = now + BGP_QUIET_S * CLOCK_SECOND;
	restart_hold(s, now);
	note_established(b, p, s);
}

/* When the next attempt is to be: soon after a steady session, later after every failure. */
static void schedule_restart(struct bgp *b, struct bgp_peer *p, bool was_established, uint64_t now)
{
	uint32_t retry = speaker_retry_s(b);

	if (!p->tunnel_up || b->stopped) {
		p->start_at = CLOCK_NEVER;
		return;
	}
	/* It waits for the peer from now on; one that starts connections has this from its next attempt. */
	if (p->rib.conf.passive && (was_established || !p->unanswered_since))
		p->unanswered_since = now;
	if (was_established && now - p->established_at >= STEADY_S * CLOCK_SECOND)
		p->backoff_s = 0;
	/* The peer has closed this connection because it keeps the other one: no failure. */
	if (p->last_notify.code == NOTIFY_CEASE && p->last_notify.subcode == CEASE_COLLISION)
		p->backoff_s = 0;
	p->backoff_s = p->backoff_s ? p->backoff_s * 2 : retry;
	if (p->backoff_s > BACKOFF_MAX_S)
		p->backoff_s = BACKOFF_MAX_S;
	p->start_at = now + speaker_jitter(b, p->backoff_s);
	if (p->refused_until > p->start_at)
		p->start_at = p->refused_until;
}

void peer_drop_stale(struct bgp *b, struct bgp_peer *p)
{
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
		rib_drop_stale(&b->rib, &p->rib, f);
	p->stale_until = CLOCK_NEVER;
}

/* RFC 4724 4.2, RFC 8538 4: the peer may only be starting again. */
static bool may_return(const struct bgp *b, const struct bgp_peer *p, const struct bgp_session *s,
	enum fsm_event event)
{
	const struct bgp_notify *n = &p->last_notify;

	if (!peer_can_restart(s) || !p->tunnel_up || b->stopped)
		return false;
	if (event == FSM_TCP_FAILED)
		return true;
	if (!s->remote.restart_on_notify)
		return false;
	return event == FSM_HOLD_EXPIRED ||
	       (event == FSM_NOTIFY && (n->code != NOTIFY_CEASE || n->subcode != CEASE_HARD_RESET));
}

/* What a session that has ended leaves behind: nothing, or its routes for a while. */
static void leave_routes(struct bgp *b, struct bgp_peer *p, struct bgp_session *s,
	enum fsm_event event, uint64_t now)
{
	bool returns = may_return(b, p, s, event);
	bool keep[BGP_FAMILIES] = {returns && s->remote.restart_family[BGP_IPV4],
		returns && s->remote.restart_family[BGP_IPV6]};
	uint32_t seconds = s->remote.restart_time_s;

	rib_peer_stop(&b->rib, &p->rib, keep);
	p->stale_until = CLOCK_NEVER;
	if (!keep[BGP_IPV4] && !keep[BGP_IPV6])
		return;
	if (seconds > RESTART_S)
		seconds = RESTART_S;
	p->stale_until = now + seconds * CLOCK_SECOND;
	speaker_note(
		b, p, BGP_NOTE_INFO, "its routes are kept for %u s (graceful restart)", seconds);
}

/* The session is over: its routes go, the connection too. */
static void end_session(struct bgp *b, struct bgp_peer *p, struct bgp_session *s,
	enum fsm_event event, uint64_t now)
{
	bool was_established = s->state == FSM_ESTABLISHED;
	bool spoke = s->state >= FSM_OPEN_SENT;

	clear_timers(s);
	close_tcp(b, p, s);
	if (was_established) {
		leave_routes(b, p, s, event, now);
		owners_leave(b, p, now);
	}
	if (event == FSM_COLLISION)
		return;
	if (spoke)
		speaker_note(b, p, was_established ? BGP_NOTE_WARN : BGP_NOTE_INFO,
			"session ended in state %s: %s", fsm_state_name(s->state),
			p->detail[0] ? p->detail : "no reason given");
	if (peer_other(p, s)->state == FSM_IDLE)
		schedule_restart(b, p, was_established, now);
}

static void open_connection(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, uint64_t now)
{
	const struct bgp_neighbor *conf = &p->rib.conf;
	char text[ADDR_STR_SIZE];
	struct bgp_effect *e;

	close_tcp(b, p, s);
	clear_timers(s);
	s->retry_at = now + speaker_jitter(b, speaker_retry_s(b));
	s->tcp = true;
	s->out_len = 0;
	if (!p->unanswered_since)
		p->unanswered_since = now;
	e = speaker_effect(b, BGP_EFFECT_CONNECT, conf->tunnel);
	e->direction = BGP_OUTGOING;
	e->connect.local = *neighbor_local(conf);
	e->connect.remote = *neighbor_peer(conf);
	speaker_event(b, p, "connection initiated to %s", addr_format(neighbor_peer(conf), text));
}

static void wait_for_retry(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, uint64_t now)
{
	close_tcp(b, p, s);
	clear_timers(s);
	s->retry_at = now + speaker_jitter(b, speaker_retry_s(b));
}

/* RFC 6608 3: the subcode says in which state the unexpected came. */
static struct bgp_notify fsm_error(const struct bgp_session *s)
{
	return notify_make(NOTIFY_FSM, s->state == FSM_OPEN_SENT      ? 1
				       : s->state == FSM_OPEN_CONFIRM ? 2
								      : 3);
}

static void act(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, enum fsm_action action,
	enum fsm_event event, uint64_t now)
{
	struct bgp_notify n;

	switch (action) {
	case FSM_DO_CONNECT:
		open_connection(b, p, s, now);
		return;
	case FSM_DO_WAIT:
		wait_for_retry(b, p, s, now);
		return;
	case FSM_DO_LISTEN:
		clear_timers(s);
		s->tcp = true;
		return;
	case FSM_DO_SEND_OPEN:
		send_open(b, p, s, now);
		return;
	case FSM_DO_ACCEPT_OPEN:
		accept_open(b, s, now);
		return;
	case FSM_DO_ESTABLISH:
		establish(b, p, s, now);
		return;
	case FSM_DO_RESTART_HOLD:
	case FSM_DO_UPDATE:
	case FSM_DO_REFRESH:
		restart_hold(s, now);
		return;
	case FSM_DO_SEND_KEEPALIVE:
		send_keepalive(b, s, now);
		return;
	case FSM_DO_NOTIFY:
		send_notify(b, p, s, &s->pending, event, now);
		end_session(b, p, s, event, now);
		return;
	case FSM_DO_NOTIFY_HOLD:
		n = notify_make(NOTIFY_HOLD_TIMER, 0);
		peer_set_cause(p, "hold timer expired: nothing heard for %u s",
			s->state == FSM_OPEN_SENT ? OPEN_HOLD_S : s->hold_s);
		peer_set_why(p, BGP_WHY_SILENT);
		send_notify(b, p, s, &n, event, now);
		end_session(b, p, s, event, now);
		return;
	case FSM_DO_NOTIFY_FSM:
		n = fsm_error(s);
		send_notify(b, p, s, &n, event, now);
		end_session(b, p, s, event, now);
		return;
	case FSM_DO_DROP:
		end_session(b, p, s, event, now);
		return;
	case FSM_IGNORE:
	case FSM_ACTION_INVALID:
	case FSM_ACTIONS:
		return;
	}
}

void peer_event(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, enum fsm_event event,
	uint64_t now)
{
	struct fsm_cell cell = fsm_lookup(s->state, event);
	enum fsm_state before = s->state;
	const char *why;

	b->now = now;
	act(b, p, s, cell.action, event, now);

	bool legal = fsm_move(&s->state, cell.next);

	assert(legal);
	(void)legal;
	why = s->state == FSM_IDLE ? why_ended(p, event) : "";
	if (s->state != before && before == FSM_ESTABLISHED)
		speaker_end_event(b, p, s, "state %s -> %s%s%s", fsm_state_name(before),
			fsm_state_name(s->state), why[0] ? ": " : "", why);
	else if (s->state != before)
		speaker_event(b, p, "state %s -> %s%s%s", fsm_state_name(before),
			fsm_state_name(s->state), why[0] ? ": " : "", why);
	/* A connection of the peer's that failed is not ours to open again. */
	if (s->direction == BGP_INCOMING && s->state == FSM_ACTIVE && cell.action == FSM_DO_WAIT)
		peer_event(b, p, s, FSM_STOP, now);
}

void peer_stop(struct bgp *b, struct bgp_peer *p, const struct bgp_notify *n, uint64_t now)
{
	for (int d = 0; d < BGP_DIRECTIONS; d++) {
		p->sessions[d].pending = *n;
		peer_event(b, p, &p->sessions[d], FSM_STOP, now);
	}
	peer_drop_stale(b, p); /* whatever a restart had left */
}

/* ---- timers ---- */

static void session_timers(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, uint64_t now)
{
	if (s->hold_at <= now) {
		s->hold_at = CLOCK_NEVER;
		peer_event(b, p, s, FSM_HOLD_EXPIRED, now);
	}
	if (s->send_hold_at <= now) {
		s->send_hold_at = CLOCK_NEVER;
		peer_set_cause(p, "send hold timer expired: the peer takes no data");
		peer_event(b, p, s, FSM_SEND_HOLD, now);
	}
	if (s->keepalive_at <= now)
		peer_event(b, p, s, FSM_KEEPALIVE_TIMER, now);
	if (s->retry_at <= now) {
		s->retry_at = CLOCK_NEVER;
		if (p->sessions[BGP_INCOMING].state >= FSM_OPEN_SENT)
			s->retry_at = now + speaker_jitter(b, speaker_retry_s(b));
		else
			peer_event(b, p, s, FSM_CONNECT_RETRY, now);
	}
	session_go_on(b, p, s, now);
}

/* Once: as long as nothing else happens, there is nothing else to say. */
static void tell_missed(struct bgp *b, struct bgp_peer *p)
{
	char why[BGP_DETAIL_SIZE];

	p->missed_at = CLOCK_NEVER;
	if (!p->tunnel_up || b->stopped || peer_established(p))
		return;
	speaker_end_event(b, p, NULL, "no session for %u s: %s", MISSED_S, peer_why(p, why));
	speaker_note(b, p, BGP_NOTE_WARN, "no session for %u s: %s", MISSED_S, why);
}

void peer_timers(struct bgp *b, struct bgp_peer *p, uint64_t now)
{
	for (int d = 0; d < BGP_DIRECTIONS; d++)
		session_timers(b, p, &p->sessions[d], now);
	if (p->stale_until <= now) {
		speaker_note(b, p, BGP_NOTE_WARN,
			"stale routes are removed: the peer did not announce them again");
		peer_drop_stale(b, p);
	}
	if (p->missed_at <= now)
		tell_missed(b, p);
	if (p->owners_at <= now) {
		p->owners_at = CLOCK_NEVER;
		owners_follow(b, p->rib.conf.group, now);
	}
	if (p->start_at > now)
		return;
	p->start_at = CLOCK_NEVER;
	if (!p->tunnel_up || b->stopped || peer_established(p) || p->rib.conf.passive)
		return;
	if (p->sessions[BGP_INCOMING].state >= FSM_OPEN_SENT) {
		/* The peer was quicker: see whether its connection makes it. */
		p->start_at = now + speaker_jitter(b, speaker_retry_s(b));
		return;
	}
	peer_event(b, p, &p->sessions[BGP_OUTGOING], FSM_START, now);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t peer_next_timer(const struct bgp_peer *p)
{
	uint64_t at = earlier(earlier(p->start_at, p->report_at), p->stale_until);

	at = earlier(earlier(at, p->missed_at), p->owners_at);

	for (int d = 0; d < BGP_DIRECTIONS; d++) {
		const struct bgp_session *s = &p->sessions[d];

		at = earlier(at, earlier(s->hold_at, s->send_hold_at));
		at = earlier(at, earlier(s->keepalive_at, s->retry_at));
		at = earlier(at, session_waits_until(p, s));
	}
	return at;
}
