/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a session: messages in, room for messages out. */
#include "bgp/peer.h"
#include "bgp/update.h"

#include <stdio.h>
#include <stdlib.h>

struct wr session_writer(struct bgp_session *s, size_t reserved)
{
	size_t used = s->out_len + reserved;

	return wr_init(s->out + s->out_len, used < SESSION_OUT_SIZE ? SESSION_OUT_SIZE - used : 0);
}

/* RFC 9687 6: 8 minutes, or twice the hold time where that is more. */
static uint64_t send_hold_end(const struct bgp_session *s, uint64_t now)
{
	uint32_t seconds = 2u * s->hold_s > SEND_HOLD_S ? 2u * s->hold_s : SEND_HOLD_S;

	return now + seconds * CLOCK_SECOND;
}

void session_written(struct bgp_session *s, const struct wr *w, uint64_t now)
{
	if (w->bad || !wr_len(w))
		return;
	if (!s->out_len && s->state == FSM_ESTABLISHED)
		s->send_hold_at = send_hold_end(s, now);
	s->out_len += wr_len(w);
}

void session_sent(struct bgp_session *s, size_t len, uint64_t now)
{
	memmove(s->out, s->out + len, s->out_len - len);
	s->out_len -= len;
	/* RFC 9687 3.1: progress restarts the timer, an empty queue stops it. */
	if (s->send_hold_at != CLOCK_NEVER)
		s->send_hold_at = s->out_len ? send_hold_end(s, now) : CLOCK_NEVER;
}

/* ---- collision, RFC 4271 6.8 ---- */

/*
 * A peer is Established on a connection as soon as it has our KEEPALIVE there, maybe before we are.
 * From then on a second connection is dangerous: ended with a NOTIFICATION, the first one ends the
 * peer's graceful restart; and a connection of ours that the peer accepts now is a second restart of
 * ours to it (RFC 4724 4.2), for which it forgets what we have not yet told. So we confirm the peer's
 * connection only when nothing is on its way on our own one.
 */
static bool has_rival(const struct bgp_peer *p, const struct bgp_session *s)
{
	enum fsm_state ours = p->sessions[BGP_OUTGOING].state;

	return s->direction == BGP_INCOMING &&
	       (ours == FSM_CONNECT || ours == FSM_OPEN_SENT || ours == FSM_OPEN_CONFIRM);
}

uint64_t session_waits_until(const struct bgp_peer *p, const struct bgp_session *s)
{
	bool open = p->sessions[BGP_OUTGOING].state != FSM_CONNECT;

	if (s->waiting_since == CLOCK_NEVER)
		return CLOCK_NEVER;
	return s->waiting_since + (open ? RIVAL_WAIT_S : RIVAL_SYN_WAIT_S) * CLOCK_SECOND;
}

/* Whether the peer's OPEN, which stands in the input, has to wait, or to wait on. */
static bool must_wait(const struct bgp_peer *p, struct bgp_session *s, uint64_t now)
{
	if (!has_rival(p, s) || s->in_len == s->in_size)
		return false;
	if (s->waiting_since == CLOCK_NEVER)
		s->waiting_since = now;
	return now < session_waits_until(p, s);
}

/* True when the connection we opened is the one to keep. */
static bool ours_wins(const struct bgp *b, const struct bgp_open *remote)
{
	/* RFC 6286 2.3: equal identifiers, the larger AS wins. */
	if (b->config.router_id == remote->identifier)
		return b->config.local_as > remote->as;
	return b->config.router_id > remote->identifier;
}

/*
 * True when s is the connection to keep, the other one having been given up if it was rival. The
 * peer's OPEN on our connection says who it is on its own too, which may be in OpenSent then. The
 * other way round, ours has not answered in time.
 */
static bool survives_collision(struct bgp *b, struct bgp_peer *p, struct bgp_session *s,
	const struct bgp_open *open, uint64_t now)
{
	struct bgp_session *other = peer_other(p, s);
	bool rival = other->state == FSM_OPEN_CONFIRM ||
		     (other->state == FSM_OPEN_SENT && s->direction == BGP_OUTGOING);

	if (other->state == FSM_ESTABLISHED)
		return false;
	if (!rival) {
		if (other->state < FSM_OPEN_SENT)
			peer_event(b, p, other, FSM_COLLISION, now);
		return true;
	}
	if (ours_wins(b, open) != (s->direction == BGP_OUTGOING))
		return false;
	other->pending = notify_make(NOTIFY_CEASE, CEASE_COLLISION);
	peer_event(b, p, other, FSM_COLLISION, now);
	return true;
}

static void on_open(
	struct bgp *b, struct bgp_peer *p, struct bgp_session *s, struct rd body, uint64_t now)
{
	struct bgp_open open;

	s->waiting_since = CLOCK_NEVER;
	if (s->state != FSM_OPEN_SENT) {
		peer_set_cause(p, "OPEN received in state %s", fsm_state_name(s->state));
		peer_event(b, p, s, FSM_OPEN, now);
		return;
	}
	if (!open_decode(&body, &open, &s->pending)) {
		char text[NOTIFY_TEXT_SIZE];

		peer_set_cause(p, "OPEN refused: %s", notify_format(&s->pending, false, text));
		if (s->pending.subcode == OPEN_BAD_HOLD_TIME)
			peer_set_why(p, BGP_WHY_HOLD_TIME);
		peer_event(b, p, s, FSM_OPEN_ERROR, now);
		return;
	}
	speaker_event(b, p,
		"OPEN received: version 4, AS %u, hold time %u s, identifier %u.%u.%u.%u", open.as,
		open.hold_s, open.identifier >> 24, open.identifier >> 16 & 255,
		open.identifier >> 8 & 255, open.identifier & 255);
	if (!open_check(&open, p->rib.conf.remote_as, &s->pending)) {
		peer_set_cause(p, "OPEN refused: remote AS is %u, expected %u", open.as,
			p->rib.conf.remote_as);
		peer_set_why(p, BGP_WHY_WRONG_AS);
		peer_event(b, p, s, FSM_OPEN_ERROR, now);
		return;
	}
	if (!survives_collision(b, p, s, &open, now)) {
		s->pending = notify_make(NOTIFY_CEASE, CEASE_COLLISION);
		peer_event(b, p, s, FSM_COLLISION, now);
		return;
	}
	s->remote = open;
	peer_event(b, p, s, FSM_OPEN, now);
}

/* Which AS it has for us it does not say; its own one is known if its OPEN has come. */
static void format_bad_as(const struct bgp *b, const struct bgp_session *s, char *text, size_t size)
{
	int n = snprintf(text, size, ": the peer");

	if (s->remote.as)
		n += snprintf(text + n, size - (size_t)n, ", AS %u,", s->remote.as);
	snprintf(text + n, size - (size_t)n,
		" is set up for another AS of the hub than %u, which is the hub's",
		b->config.local_as);
}

static enum bgp_why why_of(const struct bgp_notify *n)
{
	if (n->code == NOTIFY_OPEN && n->subcode == OPEN_BAD_PEER_AS)
		return BGP_WHY_BAD_AS;
	if (n->code == NOTIFY_OPEN && n->subcode == OPEN_BAD_HOLD_TIME)
		return BGP_WHY_HOLD_TIME;
	if (n->code == NOTIFY_CEASE && n->subcode == CEASE_SHUTDOWN)
		return BGP_WHY_SHUTDOWN;
	return BGP_WHY_NOTIFIED;
}

static void on_notify(
	struct bgp *b, struct bgp_peer *p, struct bgp_session *s, struct rd body, uint64_t now)
{
	struct bgp_notify n = {0};
	char text[NOTIFY_TEXT_SIZE], more[160] = "";
	bool version;

	if (!notify_decode(&body, &n))
		return;
	peer_set_notify(p, &n, now);
	if (n.code == NOTIFY_OPEN && n.subcode == OPEN_BAD_PEER_AS)
		format_bad_as(b, s, more, sizeof(more));
	/* RFC 4486 4: these two say no more than that this connection is not kept. */
	if (n.code == NOTIFY_CEASE && (n.subcode == CEASE_COLLISION || n.subcode == CEASE_REJECTED))
		peer_set_symptom(p, "NOTIFICATION received: %s", notify_format(&n, true, text));
	else
		peer_set_cause(
			p, "NOTIFICATION received: %s%s", notify_format(&n, true, text), more);
	peer_set_why(p, why_of(&n));
	speaker_end_event(b, p, s, "%s", p->detail);
	version = n.code == NOTIFY_OPEN && n.subcode == OPEN_BAD_VERSION;
	peer_event(b, p, s, version ? FSM_NOTIFY_VERSION : FSM_NOTIFY, now);
}

/* ---- UPDATE ---- */

static void note_denial(struct bgp *b, struct bgp_peer *p, const struct ip_prefix *prefix,
	enum policy_verdict verdict)
{
	char text[PREFIX_STR_SIZE];

	p->counts.denied++;
	if (!p->notes_left)
		return;
	p->notes_left--;
	speaker_note(b, p, BGP_NOTE_WARN, "prefix %s is not used: %s", prefix_format(prefix, text),
		policy_reason(verdict));
}

/* RFC 4271 6.3: a route whose next hop is not on the link to us is logged and ignored. */
static void deny_next_hop(struct bgp *b, struct bgp_peer *p, enum bgp_family family,
	const struct ip_prefix *prefix, struct attrs *a, const struct ip_addr *next_hop)
{
	speaker_route_event(b, p,
		rib_forget(&b->rib, &p->rib, family, prefix) ? BGP_EVENT_WITHDRAWN
							     : BGP_EVENT_ADVERTISED,
		prefix, a, next_hop, policy_reason(POLICY_NEXT_HOP));
	note_denial(b, p, prefix, POLICY_NEXT_HOP);
}

/* One route: to the table, to the log. */
static void learn(struct bgp *b, struct bgp_peer *p, enum bgp_family family,
	const struct ip_prefix *prefix, struct attrs *a, const struct ip_addr *next_hop)
{
	enum rib_change change = rib_learn(&b->rib, &p->rib, family, prefix, a);
	enum policy_verdict verdict;

	if (change == RIB_SAME)
		return;
	verdict = policy_import(&b->policy, &p->rib, prefix, a);
	speaker_route_event(b, p, change == RIB_NEW ? BGP_EVENT_ADVERTISED : BGP_EVENT_UPDATED,
		prefix, a, next_hop, verdict == POLICY_ACCEPT ? "" : policy_reason(verdict));
	if (verdict == POLICY_ACCEPT)
		return;
	rib_keep_out(&b->rib, &p->rib, family, prefix);
	note_denial(b, p, prefix, verdict);
}

/* The peer may come back after a while. */
static uint32_t limit_pause_s(const struct bgp *b)
{
	return b->config.prefix_limit_restart_s ? b->config.prefix_limit_restart_s
						: PREFIX_RESTART_S;
}

/* A warning at 75 percent, the end of the session above the limit. True: above. */
static bool limit_exceeded(
	struct bgp *b, struct bgp_peer *p, struct bgp_session *s, enum bgp_family family)
{
	struct rib_peer_family *f = &p->rib.family[family];
	uint32_t limit = p->rib.conf.max_prefixes_in;
	const char *name = family == BGP_IPV4 ? "IPv4" : "IPv6";
	uint8_t data[7];
	struct wr w = wr_init(data, sizeof(data));

	if (!limit)
		return false;
	if (f->prefixes_in <= limit) {
		bool high = (uint64_t)f->prefixes_in * 100 >= (uint64_t)limit * PREFIX_WARN_PERCENT;

		if (high && !f->warned) {
			speaker_note(b, p, BGP_NOTE_WARN, "%u %s prefixes received, %u allowed",
				f->prefixes_in, name, limit);
			speaker_event(b, p, "%u %s prefixes received, %u allowed", f->prefixes_in,
				name, limit);
		}
		f->warned = high;
		return false;
	}
	wr_u16(&w, family_afi(family)); /* RFC 4486 4 */
	wr_u8(&w, SAFI_UNICAST);
	wr_u32(&w, limit);
	s->pending = notify_make_data(NOTIFY_CEASE, CEASE_MAX_PREFIXES, data, sizeof(data));
	peer_set_cause(p,
		"prefix limit exceeded: %u %s prefixes received, %u allowed; no session for %u s",
		f->prefixes_in, name, limit, limit_pause_s(b));
	peer_set_why(p, BGP_WHY_LIMIT);
	return true;
}

static void end_by_limit(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, uint64_t now)
{
	p->refused_until = now + limit_pause_s(b) * CLOCK_SECOND;
	peer_event(b, p, s, FSM_UPDATE_ERROR, now);
}

void session_check_limits(struct bgp *b, struct bgp_peer *p, uint64_t now)
{
	struct bgp_session *s = peer_established(p);

	for (enum bgp_family f = 0; s && f < BGP_FAMILIES; f++) {
		if (!p->rib.family[f].active || !limit_exceeded(b, p, s, f))
			continue;
		end_by_limit(b, p, s, now);
		return;
	}
}

static void forget_list(
	struct bgp *b, struct bgp_peer *p, enum bgp_family family, struct rd list, const char *why)
{
	struct ip_prefix prefix;

	while (nlri_next(&list, family, &prefix)) {
		if (rib_forget(&b->rib, &p->rib, family, &prefix))
			speaker_route_event(b, p, BGP_EVENT_WITHDRAWN, &prefix, NULL, NULL, why);
	}
}

/* True when the prefix limit was exceeded. */
static bool learn_list(struct bgp *b, struct bgp_peer *p, struct bgp_session *s,
	enum bgp_family family, struct rd list, struct attrs *a, const struct ip_addr *next_hop)
{
	bool connected = policy_next_hop_is_connected(&p->rib, next_hop);
	struct ip_prefix prefix;

	while (nlri_next(&list, family, &prefix)) {
		if (!connected) {
			deny_next_hop(b, p, family, &prefix, a, next_hop);
			continue;
		}
		learn(b, p, family, &prefix, a, next_hop);
		if (limit_exceeded(b, p, s, family))
			return true;
	}
	return false;
}

/* RFC 4724 4.2: what was not announced again until now is gone. */
static void end_of_rib(struct bgp *b, struct bgp_peer *p, enum bgp_family family)
{
	p->rib.family[family].end_of_rib_in = true;
	rib_drop_stale(&b->rib, &p->rib, family);
	owners_follow(b, p->rib.conf.group, b->now);
}

/* RFC 4271 9.1.1, 3.1: withdrawals, then routes. True when the prefix limit was exceeded. */
static bool apply(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, struct update *u)
{
	struct attrs *a = NULL;
	bool exceeded = false;

	if (u->result.error < ATTR_WITHDRAW && u->attrs.path.len)
		a = attr_intern(&b->rib.attrs, &u->attrs);
	for (enum bgp_family family = 0; family < BGP_FAMILIES && !exceeded; family++) {
		struct update_part *part = &u->part[family];

		if (!p->rib.family[family].active)
			continue;
		for (int i = 0; i < 2 && !exceeded; i++) {
			const struct ip_addr *hop =
				i ? &u->attrs.reach.next_hop : &u->attrs.next_hop;

			forget_list(b, p, family, part->unreach[i], "");
			if (a)
				exceeded = learn_list(b, p, s, family, part->reach[i], a, hop);
			else /* RFC 7606 2: treat as withdrawn */
				forget_list(b, p, family, part->reach[i],
					"treated as withdrawn: bad attributes");
		}
		if (part->end_of_rib)
			end_of_rib(b, p, family);
	}
	attr_unref(&b->rib.attrs, a);
	return exceeded;
}

static void note_attributes(struct bgp *b, struct bgp_peer *p, const struct attr_result *r)
{
	const char *what = r->error == ATTR_DISCARD ? "the attribute is left out"
						    : "its routes are treated as withdrawn";

	if (r->error == ATTR_FINE)
		return;
	if (r->error == ATTR_DISCARD)
		p->counts.discarded++;
	else
		p->counts.as_withdraw++;
	speaker_event(b, p, "UPDATE with a bad %s attribute (type %u): %s", attr_name(r->type),
		r->type, what);
	if (!p->notes_left)
		return;
	p->notes_left--;
	speaker_note(b, p, BGP_NOTE_WARN, "UPDATE with a bad %s attribute (type %u): %s",
		attr_name(r->type), r->type, what);
}

static void on_update(
	struct bgp *b, struct bgp_peer *p, struct bgp_session *s, struct rd body, uint64_t now)
{
	struct attr_context context = {
		.remote_as = p->rib.conf.remote_as, .four_octet_as = s->remote.four_octet_as};
	struct update u;

	if (s->state != FSM_ESTABLISHED) {
		peer_set_cause(p, "UPDATE received in state %s", fsm_state_name(s->state));
		peer_event(b, p, s, FSM_UPDATE, now);
		return;
	}
	if (!update_decode(body, &context, &u, &s->pending)) {
		char text[NOTIFY_TEXT_SIZE];

		p->counts.refused++;
		peer_set_cause(p, "UPDATE refused: %s", notify_format(&s->pending, false, text));
		peer_event(b, p, s, FSM_UPDATE_ERROR, now);
		return;
	}
	if (!p->updated)
		speaker_event(b, p, "first UPDATE received");
	p->updated = true;
	note_attributes(b, p, &u.result);
	if (apply(b, p, s, &u))
		end_by_limit(b, p, s, now);
	else
		peer_event(b, p, s, FSM_UPDATE, now);
}

/* RFC 7313 4, 5. False: the session must end, s->pending says why. */
static bool refresh(struct bgp *b, struct bgp_peer *p, struct bgp_session *s,
	enum bgp_family family, uint8_t type, size_t len, uint64_t now)
{
	struct rib_peer_family *f = &p->rib.family[family];

	if (type == REFRESH_REQUEST || !s->remote.enhanced_refresh) {
		f->refresh_asked =
			s->remote.enhanced_refresh && !f->end_of_rib_out && !f->refreshing;
		if (f->refresh_asked)
			return true;
		rib_tell_again(&b->rib, &p->rib, family);
		f->refreshing = s->remote.enhanced_refresh;
		return true;
	}
	if (type > REFRESH_END)
		return true;
	if (len != 4) {
		s->pending = notify_make(NOTIFY_REFRESH, 1);
		return false;
	}
	if (type == REFRESH_BEGIN) {
		rib_mark_stale(&b->rib, &p->rib, family);
		p->stale_until = now + STALE_S * CLOCK_SECOND;
	} else {
		rib_drop_stale(&b->rib, &p->rib, family);
	}
	return true;
}

static void on_refresh(
	struct bgp *b, struct bgp_peer *p, struct bgp_session *s, struct rd body, uint64_t now)
{
	enum bgp_family family;
	size_t len = rd_left(&body);
	uint8_t type;

	/* RFC 2918 4: a family that was not agreed upon is ignored. */
	if (s->state == FSM_ESTABLISHED && bgp_message_decode_refresh(&body, &family, &type) &&
		p->rib.family[family].active && !refresh(b, p, s, family, type, len, now)) {
		peer_set_cause(p, "ROUTE-REFRESH of a wrong length");
		peer_event(b, p, s, FSM_UPDATE_ERROR, now);
		return;
	}
	if (s->state < FSM_ESTABLISHED)
		peer_set_cause(p, "ROUTE-REFRESH received in state %s", fsm_state_name(s->state));
	peer_event(b, p, s, FSM_REFRESH, now);
}

static void on_message(struct bgp *b, struct bgp_peer *p, struct bgp_session *s,
	const struct bgp_message *m, uint64_t now)
{
	switch (m->type) {
	case MESSAGE_OPEN:
		on_open(b, p, s, m->body, now);
		return;
	case MESSAGE_UPDATE:
		on_update(b, p, s, m->body, now);
		return;
	case MESSAGE_NOTIFICATION:
		on_notify(b, p, s, m->body, now);
		return;
	case MESSAGE_KEEPALIVE:
		if (s->state == FSM_OPEN_SENT)
			peer_set_cause(p, "KEEPALIVE received before the OPEN");
		peer_event(b, p, s, FSM_KEEPALIVE, now);
		return;
	case MESSAGE_ROUTE_REFRESH:
		on_refresh(b, p, s, m->body, now);
		return;
	}
}

/* Handles the complete messages at the start of the input. False: the session has ended. */
static bool drain(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, uint64_t now)
{
	size_t used = 0, expected = 0;
	bool going = true;

	while (going) {
		struct bgp_message m;
		/* RFC 8654 4: what we have offered to take, the peer may send without offering it. */
		enum message_result r =
			bgp_message_decode(s->in + used, s->in_len - used, true, &m, &s->pending);

		if (r == MESSAGE_PARTIAL) {
			expected = m.len;
			break;
		}
		if (r == MESSAGE_BAD) {
			char text[NOTIFY_TEXT_SIZE];

			peer_set_cause(p, "%s", notify_format(&s->pending, false, text));
			peer_event(b, p, s, FSM_HEADER_ERROR, now);
			return false;
		}
		if (m.type == MESSAGE_OPEN && s->state == FSM_OPEN_SENT && must_wait(p, s, now))
			break;
		on_message(b, p, s, &m, now);
		used += m.len;
		going = s->state >= FSM_OPEN_SENT;
	}
	if (!going)
		return false;
	memmove(s->in, s->in + used, s->in_len - used);
	s->in_len -= used;
	if (expected > s->in_size) {
		uint8_t *bigger = realloc(s->in, expected);

		if (!bigger)
			abort();
		s->in = bigger;
		s->in_size = expected;
	}
	return true;
}

void session_input(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, const uint8_t *bytes,
	size_t len, uint64_t now)
{
	b->now = now;
	while (len && s->state >= FSM_OPEN_SENT) {
		size_t take = s->in_size - s->in_len;

		if (take > len)
			take = len;
		memcpy(s->in + s->in_len, bytes, take);
		s->in_len += take;
		bytes += take;
		len -= take;
		if (!drain(b, p, s, now))
			return;
	}
}

void session_go_on(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, uint64_t now)
{
	if (s->waiting_since != CLOCK_NEVER && !must_wait(p, s, now))
		drain(b, p, s, now);
}
