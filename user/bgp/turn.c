/* SPDX-License-Identifier: Apache-2.0 */
/* One turn of the speaker: timers, decisions, output, and what is told of them. */
#include "bgp/adjout.h"
#include "bgp/decide.h"
#include "bgp/peer.h"

#include <stdio.h>
#include <string.h>

enum { DECISIONS_PER_RUN = ADJOUT_NEWS_MAX }; /* so that sessions are served in between */

/* Who owns what, and whether one gives way to another, from all neighbours; every prefix is decided about again. */
static void collect_claims(struct bgp *b)
{
	claims_clear(&b->claims);
	b->any_gives_way = false;
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		const struct bgp_neighbor *n = b->peers[i] ? &b->peers[i]->rib.conf : NULL;

		for (unsigned int k = 0; n && k < n->claim_count; k++)
			claims_add(&b->claims, &n->claims[k], n->group);
		b->any_gives_way |= n && n->gives_way_to;
	}
	claims_sort(&b->claims);
	rib_touch_all(&b->rib);
	b->claims_changed = false;
}

/* Who was let in by the old list may not be by the new one, and the other way round. */
static void touch_reserved(struct bgp *b, const struct reserved *from, const struct reserved *than)
{
	for (size_t i = 0; i < from->outside.count; i++) {
		const struct ip_prefix *host = &from->outside.items[i].prefix;
		const struct claim *there = claims_find(&than->outside, host);

		if (!there)
			rib_touch_around(&b->rib, host);
	}
}

void bgp_reserved_set(struct bgp *b, struct reserved *own_reserved)
{
	struct reserved old = b->reserved;

	b->reserved = *own_reserved;
	*own_reserved = (struct reserved){0};
	if (!claims_same_prefixes(&old.connected, &b->reserved.connected))
		rib_touch_all(&b->rib);
	touch_reserved(b, &old, &b->reserved);
	touch_reserved(b, &b->reserved, &old);
	reserved_fini(&old);
}

static void emit_route(struct bgp *b, const struct rib_prefix *e, uint32_t tunnel,
	const struct route_shares *shares)
{
	struct bgp_effect *out = speaker_effect(b, BGP_EFFECT_ROUTE, tunnel);

	out->route.prefix = rib_prefix_of(e);
	out->route.present = e->best_tunnel != RIB_NO_TUNNEL;
	if (!out->route.present)
		return;
	out->route.shares = *shares;
	out->route.source = (uint8_t)(e->best == b->rib.statics ? SOURCE_STATIC : SOURCE_BGP);
	out->route.origin = e->best->origin;
	out->route.med = e->best->has_med ? e->best->med : 0;
	out->route.candidates = e->candidates;
	out->route.other = e->other;
	out->route.as_path_len =
		(uint8_t)attr_path_list(e->best, out->route.as_path, ROUTE_AS_PATH_SHOWN);
}

const struct bgp_peer *speaker_owner(const struct bgp *b, const struct rib_prefix *e)
{
	for (unsigned int i = 0; e->owned && i < b->peer_slots; i++) {
		if (b->peers[i] && b->peers[i]->rib.conf.group == e->owner_group)
			return b->peers[i];
	}
	return NULL;
}

/* What keeps the path out, for people. */
static void say_why(const struct bgp *b, const struct rib_prefix *e, const struct rib_path *path,
	const struct rib_prefix *rival, char text[REASON_TEXT_SIZE])
{
	const struct ip_prefix prefix = rib_prefix_of(e);
	const struct bgp_peer *owner = rival ? speaker_owner(b, rival) : NULL;
	const char *silent = rival && rival->held ? ", which has no session now" : "";
	char other[PREFIX_STR_SIZE];

	if (!rival)
		snprintf(text, REASON_TEXT_SIZE, "it is not used: %s",
			policy_reason(policy_import(&b->policy, path->peer, &prefix, path->attrs)));
	else if (rival == e)
		snprintf(text, REASON_TEXT_SIZE, "it is quarantined: %s site '%s'%s",
			claims_find(&b->claims, &prefix) ? "it belongs to"
							 : "it was announced first by",
			owner ? owner->rib.conf.site : "-", silent);
	else {
		const struct ip_prefix p = rib_prefix_of(rival);

		snprintf(text, REASON_TEXT_SIZE,
			"it is quarantined: it lies %s %s, which was announced first by site "
			"'%s'%s",
			rival->len < e->len ? "within" : "around", prefix_format(&p, other),
			owner ? owner->rib.conf.site : "-", silent);
	}
}

/* A path is out of the question from now on, or no longer. */
static void tell_path(struct bgp *b, const struct rib_prefix *e, struct rib_path *path,
	enum path_fate fate, const struct rib_prefix *rival)
{
	struct bgp_peer *p = speaker_peer(b, path->peer->conf.tunnel);
	const struct ip_prefix prefix = rib_prefix_of(e);
	char why[REASON_TEXT_SIZE] = "it may be used now", text[PREFIX_STR_SIZE];

	rib_path_keep_out(path, fate_keeps_out(fate));
	if (!p)
		return;
	if (path->kept_out)
		say_why(b, e, path, fate == PATH_REFUSED ? NULL : rival, why);
	speaker_route_event(b, p, BGP_EVENT_UPDATED, &prefix, path->attrs,
		e->v6 ? &p->rib.conf.peer6 : &p->rib.conf.peer4, why);
	if (!p->notes_left)
		return;
	p->notes_left--;
	speaker_note(b, p, path->kept_out ? BGP_NOTE_WARN : BGP_NOTE_INFO, "prefix %s: %s",
		prefix_format(&prefix, text), why);
}

static void tell_kept_out(struct bgp *b, const struct rib_prefix *e)
{
	const struct rib_path *paths[RIB_PEERS_MAX];
	enum path_fate fates[RIB_PEERS_MAX];
	const struct rib_prefix *rivals[RIB_PEERS_MAX];
	unsigned int n = decide_explain(&b->policy, &b->rib.paths, e, paths, fates, rivals);

	for (unsigned int i = 0; i < n; i++) {
		if (paths[i]->kept_out != fate_keeps_out(fates[i]))
			tell_path(b, e, (struct rib_path *)paths[i], fates[i], rivals[i]);
	}
}

/* What the hub is told of a prefix. */
struct shown_route {
	uint32_t tunnel; /* RIB_NO_TUNNEL: none */
	struct path_count candidates;
	uint8_t other;
	const struct attrs *attrs; /* compared only */
	bool shared;               /* by whom, the hub looks itself */
};

static struct shown_route shown_route(const struct rib_prefix *e)
{
	return (struct shown_route){.tunnel = e->best_tunnel,
		.candidates = e->candidates,
		.other = e->other,
		.attrs = e->best,
		.shared = e->shared};
}

static bool touch_contested(void *context, struct rib_prefix *e)
{
	if (e->contested)
		rib_touch(context, e);
	return true;
}

/* An owner has gone: for those who were kept out for his sake it is decided again. */
static void release_rivals(struct bgp *b, const struct rib_prefix *e)
{
	struct ip_prefix prefix = rib_prefix_of(e);

	rib_each_within(&b->rib, &prefix, touch_contested, &b->rib);
	while ((e = rib_around(&b->rib, &prefix))) {
		touch_contested(&b->rib, (struct rib_prefix *)e);
		prefix = rib_prefix_of(e);
	}
}

void bgp_owner_release(struct bgp *b, const struct ip_prefix *prefix)
{
	struct rib_prefix *e = rib_find(&b->rib, prefix);

	if (!e || !e->held)
		return;
	e->owned = false;
	rib_touch(&b->rib, e);
	release_rivals(b, e);
}

static uint32_t site_of(uint32_t tunnel)
{
	return tunnel == RIB_NO_TUNNEL ? RIB_NO_TUNNEL : tunnel / TUNNELS_PER_SITE;
}

static bool touch_it(void *context, struct rib_prefix *e)
{
	rib_touch(context, e);
	return true;
}

/* A site has got the prefix, or lost it: who gives way to that one does so within it as well. */
static void touch_within(
	struct bgp *b, const struct rib_prefix *e, uint32_t had_tunnel, uint32_t has_tunnel)
{
	const struct ip_prefix prefix = rib_prefix_of(e);
	uint32_t had = site_of(had_tunnel), has = site_of(has_tunnel);
	bool any = false;

	if (!b->any_gives_way || had == has || !e->len)
		return;
	for (unsigned int i = 0; i < b->peer_slots && !any; i++) {
		uint32_t to = b->peers[i] ? b->peers[i]->rib.conf.gives_way_to : 0;

		any = to && (to - 1 == had || to - 1 == has);
	}
	if (any)
		rib_each_within(&b->rib, &prefix, touch_it, &b->rib);
}

static void decide_one(struct bgp *b, struct rib_prefix *e)
{
	struct shown_route was = shown_route(e), is;
	bool owned = e->owned, held = e->held;
	uint16_t owner = e->owner_group;
	struct decision d = decide(&b->policy, &b->rib.paths, e);

	rib_choose(&b->rib, e, &d);
	if (owner < POLICY_GROUPS)
		b->held[owner] += (uint32_t)(e->held - held);
	is = shown_route(e);
	if (is.tunnel != was.tunnel ||
		(is.tunnel != RIB_NO_TUNNEL &&
			(is.attrs != was.attrs || is.shared || was.shared ||
				memcmp(&is.candidates, &was.candidates, sizeof(is.candidates)) ||
				is.other != was.other)))
		emit_route(b, e, is.tunnel != RIB_NO_TUNNEL ? is.tunnel : was.tunnel, &d.shares);
	if (d.told_otherwise)
		tell_kept_out(b, e);
	if (owned && (!e->owned || e->owner_group != owner))
		release_rivals(b, e);
	touch_within(b, e, was.tunnel, is.tunnel);
	rib_collect(&b->rib, e);
}

/*
 * After a restart: what is the hub's own needs no waiting. Peers are told of it at once, because those
 * who see us restart twice drop what they were not told of in between (RFC 4724 4.2).
 */
static void decide_networks(struct bgp *b)
{
	for (unsigned int i = 0; i < b->policy.network_count; i++) {
		struct rib_prefix *e = rib_find(&b->rib, &b->networks[i]);

		if (e)
			decide_one(b, e);
	}
	b->networks_changed = false;
}

static bool decide_some(struct bgp *b)
{
	for (int i = 0; i < DECISIONS_PER_RUN; i++) {
		struct rib_prefix *e = rib_next_dirty(&b->rib);

		if (!e)
			return false;
		decide_one(b, e);
	}
	return true;
}

/* The session stays, who was announced first stays, and people are told. */
static void note_out_limit(struct bgp *b, struct bgp_peer *p, enum bgp_family f)
{
	char text[BGP_DETAIL_SIZE];

	snprintf(text, sizeof(text),
		"more than %u %s prefixes to announce: the others are held back",
		p->rib.conf.max_prefixes_out, f == BGP_IPV4 ? "IPv4" : "IPv6");
	speaker_event(b, p, "%s", text);
	if (!p->notes_left)
		return;
	p->notes_left--;
	speaker_note(b, p, BGP_NOTE_WARN, "%s", text);
}

/* Writes to one peer what it is still to be told; `news` NULL: all that is there. */
static void fill_family(struct bgp *b, struct bgp_peer *p, enum bgp_family f,
	const struct adjout_news *news, uint64_t now)
{
	struct bgp_session *s = peer_established(p);
	struct adjout o = {.rib = &b->rib, .policy = &b->policy, .peer = &p->rib};
	bool ended = p->rib.family[f].end_of_rib_out, limited = p->rib.family[f].suppressed;
	struct wr w;

	if (!s || !p->rib.family[f].active || adjout_knows_the_rest(&o, f) != (news != NULL))
		return;
	o.four_octet_as = s->remote.four_octet_as;
	o.more_follows = b->defer_until;
	w = session_writer(s, SESSION_OUT_RESERVED);
	/* What has no room now follows when bytes were sent. */
	p->rib.family[f].unfinished =
		news ? !adjout_fill_news(&o, f, news, &w) : !adjout_fill(&o, f, &w);
	session_written(s, &w, now);
	if (p->rib.family[f].end_of_rib_out && !ended)
		speaker_event(b, p, "End-of-RIB sent for %s", f == BGP_IPV4 ? "IPv4" : "IPv6");
	if (p->rib.family[f].suppressed && !limited)
		note_out_limit(b, p, f);
}

/*
 * Those who lag behind go first and by the table: they may remove prefixes from it. The others, most
 * of the time all, only need the news.
 */
static void fill_output(struct bgp *b, enum bgp_family f, uint64_t now)
{
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (b->peers[i])
			fill_family(b, b->peers[i], f, NULL, now);
	}
	adjout_collect_news(&b->rib, &b->policy, f, b->news);
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (b->peers[i])
			fill_family(b, b->peers[i], f, b->news, now);
	}
	adjout_clean_news(&b->rib, f, b->news);
}

static struct bgp_effect_state current_state(struct bgp_peer *p)
{
	struct bgp_effect_state s = {.error_code = p->last_notify.code,
		.error_subcode = p->last_notify.subcode,
		.error_at = p->last_notify.code ? p->last_notify_at : 0,
		.refused_until = p->refused_until,
		.unanswered_since = p->unanswered_since,
		.why = peer_why_word(p),
		.state = FSM_IDLE,
		.counts = p->counts};

	for (int d = 0; d < BGP_DIRECTIONS; d++) {
		if (p->sessions[d].state <= s.state)
			continue;
		s.state = p->sessions[d].state;
		s.hold_s = p->sessions[d].hold_s;
	}
	for (int f = 0; f < BGP_FAMILIES; f++) {
		s.prefixes_in += p->rib.family[f].prefixes_in;
		s.prefixes_out += p->rib.family[f].prefixes_out;
		s.out_limited |= p->rib.family[f].suppressed;
	}
	s.kept_out = p->rib.kept_out;
	s.prefixes_in6 = p->rib.family[BGP_IPV6].prefixes_in;
	s.prefixes_out6 = p->rib.family[BGP_IPV6].prefixes_out;
	peer_why(p, s.detail);
	return s;
}

/* Changes of the state are shown at once, of counts once a second. */
static void report_state(struct bgp *b, struct bgp_peer *p, uint64_t now)
{
	struct bgp_effect_state s = current_state(p);
	bool state = s.state != p->shown.state || s.error_code != p->shown.error_code ||
		     s.error_subcode != p->shown.error_subcode || s.error_at != p->shown.error_at ||
		     s.refused_until != p->shown.refused_until ||
		     s.unanswered_since != p->shown.unanswered_since || s.why != p->shown.why ||
		     strcmp(s.detail, p->shown.detail) != 0;
	bool counts = s.prefixes_in != p->shown.prefixes_in ||
		      s.prefixes_out != p->shown.prefixes_out ||
		      s.prefixes_in6 != p->shown.prefixes_in6 ||
		      s.prefixes_out6 != p->shown.prefixes_out6 ||
		      s.out_limited != p->shown.out_limited || s.kept_out != p->shown.kept_out ||
		      memcmp(&s.counts, &p->shown.counts, sizeof(s.counts)) != 0;

	if (!state && !counts) {
		if (p->report_at <= now)
			p->report_at = CLOCK_NEVER;
		return;
	}
	if (!state && p->report_at != CLOCK_NEVER && p->report_at > now)
		return;
	speaker_effect(b, BGP_EFFECT_STATE, p->rib.conf.tunnel)->state = s;
	p->shown = s;
	p->report_at = now + STATE_REPORT_S * CLOCK_SECOND;
}

/*
 * After a restart, those who were there before are waited for; else all whose tunnels are up. With
 * `but_starting`, those who have just started too need not have told anything: they wait for us, and
 * each would for the other (RFC 4724 4.1).
 */
static bool everybody_is_back(const struct bgp *b, bool but_starting, uint64_t now)
{
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		struct bgp_peer *p = b->peers[i];
		const struct bgp_session *s;

		if (!p || !p->tunnel_up || p->rib.conf.is_static ||
			(b->config.restarted && !p->rib.conf.was_up))
			continue;
		s = peer_established(p);
		if (!s || !((but_starting && s->remote.restarting) || peer_has_told_all(p, now)))
			return false;
	}
	return true;
}

bool bgp_run(struct bgp *b, uint64_t now)
{
	bool more;

	b->now = now;

	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (b->peers[i])
			peer_timers(b, b->peers[i], now);
	}
	if (b->claims_changed)
		collect_claims(b);
	more = rib_sweep(&b->rib, DECISIONS_PER_RUN);
	if (b->defer_until && (now >= b->defer_until || everybody_is_back(b, true, now)))
		b->defer_until = 0;
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
		rib_move_cursor(&b->rib.table[f], b->rib.table[f].recent, 0);
	if (b->defer_until && b->networks_changed)
		decide_networks(b);
	more |= !b->defer_until && (b->paused ? rib_is_dirty(&b->rib) : decide_some(b));
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
		fill_output(b, f, now);
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (!b->peers[i])
			continue;
		report_state(b, b->peers[i], now);
	}
	return more;
}

bool bgp_can_say_more(struct bgp *b)
{
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		struct bgp_peer *p = b->peers[i];
		const struct bgp_session *s = p ? peer_established(p) : NULL;

		for (int f = 0; s && f < BGP_FAMILIES; f++) {
			if (p->rib.family[f].unfinished && s->out_len <= SESSION_OUT_SIZE / 2)
				return true;
		}
	}
	return false;
}

void bgp_pause(struct bgp *b, bool paused)
{
	b->paused = paused;
}

uint64_t bgp_next_timer(const struct bgp *b)
{
	uint64_t at = b->defer_until ? b->defer_until : CLOCK_NEVER;

	for (unsigned int i = 0; i < b->peer_slots; i++) {
		uint64_t of_peer = b->peers[i] ? peer_next_timer(b->peers[i]) : CLOCK_NEVER;

		at = of_peer < at ? of_peer : at;
	}
	return at;
}

bool bgp_is_settled(const struct bgp *b, uint64_t now)
{
	return !b->defer_until && everybody_is_back(b, false, now) && !rib_is_dirty(&b->rib);
}
