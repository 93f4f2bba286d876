/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/speaker.h"

#include "bgp/adjout.h"
#include "bgp/decide.h"
#include "bgp/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DECISIONS_PER_RUN = 4096 }; /* so that sessions are served in between */

/* ---- effects ---- */

static void effects_grow(struct bgp *b)
{
	size_t size = b->effects_size ? b->effects_size * 2 : 64;
	struct bgp_effect *effects = malloc(size * sizeof(*effects));

	if (!effects)
		abort();
	for (size_t i = 0; i < b->effects_count; i++)
		effects[i] = b->effects[(b->effects_first + i) % b->effects_size];
	free(b->effects);
	b->effects = effects;
	b->effects_size = size;
	b->effects_first = 0;
}

struct bgp_effect *speaker_effect(struct bgp *b, enum bgp_effect_type type, uint32_t tunnel)
{
	struct bgp_effect *e;

	if (b->effects_count == b->effects_size)
		effects_grow(b);
	e = &b->effects[(b->effects_first + b->effects_count++) % b->effects_size];
	memset(e, 0, sizeof(*e));
	e->type = type;
	e->tunnel = tunnel;
	return e;
}

bool bgp_next_effect(struct bgp *b, struct bgp_effect *e)
{
	if (!b->effects_count)
		return false;
	*e = b->effects[b->effects_first];
	b->effects_first = (b->effects_first + 1) % b->effects_size;
	b->effects_count--;
	return true;
}

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

/* ---- small things ---- */

uint64_t speaker_jitter(struct bgp *b, uint32_t seconds)
{
	uint64_t ns = seconds * CLOCK_SECOND;

	b->random ^= b->random << 13; /* xorshift64: spreads timers, guards nothing */
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return ns - b->random % (ns / 4 + 1);
}

uint32_t speaker_retry_s(const struct bgp *b)
{
	return b->config.connect_retry_s ? b->config.connect_retry_s : CONNECT_RETRY_S;
}

struct bgp_peer *speaker_peer(const struct bgp *b, uint32_t tunnel)
{
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (b->peers[i] && b->peers[i]->rib.conf.tunnel == tunnel)
			return b->peers[i];
	}
	return NULL;
}

static struct bgp_session *find_session(
	const struct bgp *b, uint32_t tunnel, enum bgp_direction direction, struct bgp_peer **p)
{
	*p = speaker_peer(b, tunnel);
	return *p ? &(*p)->sessions[direction] : NULL;
}

struct bgp *bgp_new(uint64_t seed)
{
	struct bgp *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->random = seed | 1;
	rib_init(&b->rib);
	b->policy = (struct policy){.config = &b->config,
		.networks = b->networks,
		.peers = b->rib_peers,
		.claims = &b->claims};
	return b;
}

static void peer_free(struct bgp_peer *p)
{
	for (int d = 0; d < BGP_DIRECTIONS; d++) {
		free(p->sessions[d].out);
		free(p->sessions[d].in);
	}
	free(p);
}

void bgp_free(struct bgp *b)
{
	static const bool forget_all[BGP_FAMILIES] = {false, false};

	if (!b)
		return;
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (b->peers[i]) {
			rib_peer_stop(&b->rib, &b->peers[i]->rib, forget_all);
			peer_free(b->peers[i]);
		}
	}
	rib_fini(&b->rib);
	claims_fini(&b->claims);
	free(b->effects);
	free(b);
}

/* ---- configuration ---- */

void bgp_configure(struct bgp *b, const struct bgp_config *config, uint64_t now)
{
	struct bgp_notify n = notify_make(NOTIFY_CEASE, CEASE_OTHER_CHANGE);
	bool identity =
		b->config.local_as != config->local_as || b->config.router_id != config->router_id;
	bool reach = b->config.site_to_site != config->site_to_site;

	if (config->restarted && !b->peer_slots)
		b->defer_until = now + DEFER_S * CLOCK_SECOND;
	b->config = *config;
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		struct bgp_peer *p = b->peers[i];

		if (!p)
			continue;
		if (identity) {
			peer_set_detail(p, "the hub's AS or router id was changed");
			peer_stop(b, p, &n, now);
		}
		for (enum bgp_family f = 0; f < BGP_FAMILIES && reach; f++)
			rib_tell_again(&b->rib, &p->rib, f);
	}
}

static struct bgp_peer *peer_add(struct bgp *b, const struct bgp_neighbor *conf)
{
	unsigned int slot = 0;
	struct bgp_peer *p;

	while (slot < RIB_PEERS_MAX && b->peers[slot])
		slot++;
	if (slot == RIB_PEERS_MAX)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->rib.conf = *conf;
	p->rib.slot = (uint16_t)slot;
	p->start_at = p->report_at = p->stale_until = CLOCK_NEVER;
	rib_peer_init(&p->rib);
	b->claims_changed = true;
	p->shown.state = FSM_IDLE;
	for (int d = 0; d < BGP_DIRECTIONS; d++) {
		p->sessions[d] = (struct bgp_session){.state = FSM_IDLE,
			.direction = d,
			.retry_at = CLOCK_NEVER,
			.hold_at = CLOCK_NEVER,
			.keepalive_at = CLOCK_NEVER,
			.send_hold_at = CLOCK_NEVER};
	}
	b->peers[slot] = p;
	b->rib_peers[slot] = &p->rib;
	if (slot >= b->peer_slots)
		b->peer_slots = slot + 1;
	b->policy.peer_count = b->peer_slots;
	return p;
}

static void start_soon(struct bgp *b, struct bgp_peer *p, uint64_t now)
{
	p->backoff_s = 0;
	p->refused_until = 0;
	p->start_at = p->tunnel_up && !b->stopped ? now : CLOCK_NEVER;
}

static bool same_claims(const struct bgp_neighbor *a, const struct bgp_neighbor *b)
{
	for (unsigned int i = 0; i < a->claim_count && a->claim_count == b->claim_count; i++) {
		if (!prefix_equal(&a->claims[i], &b->claims[i]))
			return false;
	}
	return a->claim_count == b->claim_count;
}

/* Who owns what, from all neighbours; every prefix is decided about again. */
static void collect_claims(struct bgp *b)
{
	claims_clear(&b->claims);
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		const struct bgp_neighbor *n = b->peers[i] ? &b->peers[i]->rib.conf : NULL;

		for (unsigned int k = 0; n && k < n->claim_count; k++)
			claims_add(&b->claims, &n->claims[k], n->group);
	}
	claims_sort(&b->claims);
	rib_touch_all(&b->rib);
	b->claims_changed = false;
}

bool bgp_neighbor_set(struct bgp *b, const struct bgp_neighbor *conf, uint64_t now)
{
	struct bgp_peer *p = speaker_peer(b, conf->tunnel);
	struct bgp_neighbor old;
	struct bgp_notify n = notify_make(NOTIFY_CEASE, CEASE_OTHER_CHANGE);

	if (!p)
		return peer_add(b, conf) != NULL;
	old = p->rib.conf;
	if (old.remote_as != conf->remote_as || !addr_equal(&old.local4, &conf->local4) ||
		!addr_equal(&old.peer4, &conf->peer4) || !addr_equal(&old.local6, &conf->local6) ||
		!addr_equal(&old.peer6, &conf->peer6) || old.transport6 != conf->transport6 ||
		old.max_prefixes_in != conf->max_prefixes_in) {
		peer_set_detail(p, "the neighbour's configuration was changed");
		peer_stop(b, p, &n, now);
		p->rib.conf = *conf;
		start_soon(b, p, now);
		return true;
	}
	p->rib.conf = *conf;
	if (old.group != conf->group || old.allow_default != conf->allow_default ||
		old.allow_as_in != conf->allow_as_in)
		rib_touch_all(&b->rib);
	b->claims_changed |= old.group != conf->group || !same_claims(&old, conf);
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		if (old.med_out != conf->med_out || old.group != conf->group ||
			old.as_override != conf->as_override ||
			old.max_prefixes_out != conf->max_prefixes_out)
			rib_tell_again(&b->rib, &p->rib, f);
	}
	return true;
}

void bgp_neighbor_stop(struct bgp *b, uint32_t tunnel, uint64_t now)
{
	struct bgp_peer *p = speaker_peer(b, tunnel);
	struct bgp_notify n = notify_make(NOTIFY_CEASE, CEASE_DECONFIGURED);

	if (!p)
		return;
	p->tunnel_up = false;
	peer_set_detail(p, "the neighbour was removed from the configuration");
	peer_stop(b, p, &n, now);
	p->start_at = CLOCK_NEVER;
}

void bgp_neighbor_delete(struct bgp *b, uint32_t tunnel, uint64_t now)
{
	struct bgp_peer *p = speaker_peer(b, tunnel);

	if (!p)
		return;
	bgp_neighbor_stop(b, tunnel, now);
	b->peers[p->rib.slot] = NULL;
	b->rib_peers[p->rib.slot] = NULL;
	b->claims_changed |= p->rib.conf.claim_count != 0;
	peer_free(p);
}

void bgp_tunnel_set(struct bgp *b, uint32_t tunnel, bool up, uint64_t now)
{
	struct bgp_peer *p = speaker_peer(b, tunnel);
	struct bgp_notify n = notify_make_text(CEASE_SHUTDOWN, "the tunnel is down");

	if (!p || p->tunnel_up == up)
		return;
	p->tunnel_up = up;
	if (!up) {
		b->defer_until = 0; /* what is left must be decided about now */
		peer_set_detail(p, "the tunnel is down");
		peer_stop(b, p, &n, now);
	}
	start_soon(b, p, now);
}

void bgp_path_down(struct bgp *b, uint32_t tunnel, const char *why, uint64_t now)
{
	struct bgp_peer *p = speaker_peer(b, tunnel);
	struct bgp_notify n = notify_make(NOTIFY_CEASE, CEASE_BFD_DOWN);

	if (!p || !peer_established(p))
		return;
	peer_set_detail(p, "BFD: %s", why);
	peer_stop(b, p, &n, now);
	/* No fault of the peer's: no growing pause. */
	p->backoff_s = 0;
	p->start_at = now + speaker_jitter(b, speaker_retry_s(b));
}

bool bgp_network_set(struct bgp *b, const struct ip_prefix *prefix, bool present)
{
	unsigned int i = 0;

	while (i < b->policy.network_count && !prefix_equal(&b->networks[i], prefix))
		i++;
	if (present && i == b->policy.network_count) {
		if (i == BGP_NETWORKS_MAX)
			return false;
		b->networks[b->policy.network_count++] = *prefix;
	} else if (!present && i < b->policy.network_count) {
		b->networks[i] = b->networks[--b->policy.network_count];
	}
	rib_network(&b->rib, prefix, present);
	return true;
}

void bgp_shutdown(struct bgp *b, uint64_t now)
{
	struct bgp_notify n = notify_make_text(CEASE_SHUTDOWN, "the hub shuts down");

	b->stopped = true;
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (b->peers[i]) {
			peer_set_detail(b->peers[i], "the hub shuts down");
			peer_stop(b, b->peers[i], &n, now);
		}
	}
}

/* ---- connections ---- */

/* RFC 4724 4.2: a peer that connects anew has restarted, and its old connection just lingers. */
static bool has_restarted(const struct bgp *b, struct bgp_peer *p, uint64_t now)
{
	return peer_can_restart(b, peer_established(p)) &&
	       now - p->established_at >= SETTLED_MS * CLOCK_MILLISECOND;
}

bool bgp_may_accept(const struct bgp *b, const struct ip_addr *local, const struct ip_addr *remote,
	uint64_t now, uint32_t *tunnel)
{
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		struct bgp_peer *p = b->peers[i];

		if (!p || !addr_equal(neighbor_peer(&p->rib.conf), remote) ||
			!addr_equal(neighbor_local(&p->rib.conf), local))
			continue;
		*tunnel = p->rib.conf.tunnel;
		return p->tunnel_up && !b->stopped && now >= p->refused_until &&
		       (!peer_established(p) || has_restarted(b, p, now));
	}
	return false;
}

void bgp_connected(struct bgp *b, uint32_t tunnel, enum bgp_direction direction, uint64_t now)
{
	struct bgp_peer *p;
	struct bgp_session *s = find_session(b, tunnel, direction, &p);

	if (!s)
		return;
	if (direction == BGP_INCOMING && peer_established(p)) {
		peer_set_detail(p, "the peer has started again");
		peer_event(b, p, peer_established(p), FSM_TCP_FAILED, now);
	}
	if (direction == BGP_INCOMING)
		peer_event(b, p, s, FSM_START_PASSIVE, now);
	peer_event(b, p, s, FSM_TCP_OPEN, now);
}

void bgp_closed(
	struct bgp *b, uint32_t tunnel, enum bgp_direction direction, const char *why, uint64_t now)
{
	struct bgp_peer *p;
	struct bgp_session *s = find_session(b, tunnel, direction, &p);

	if (!s || !s->tcp)
		return;
	s->tcp = false;
	if (!peer_established(p) || s->state == FSM_ESTABLISHED)
		peer_set_detail(p, "connection: %s", why);
	peer_event(b, p, s, FSM_TCP_FAILED, now);
}

void bgp_receive(struct bgp *b, uint32_t tunnel, enum bgp_direction direction, const uint8_t *bytes,
	size_t len, uint64_t now)
{
	struct bgp_peer *p;
	struct bgp_session *s = find_session(b, tunnel, direction, &p);

	if (s)
		session_input(b, p, s, bytes, len, now);
}

const uint8_t *bgp_output(
	const struct bgp *b, uint32_t tunnel, enum bgp_direction direction, size_t *len)
{
	struct bgp_peer *p;
	struct bgp_session *s = find_session(b, tunnel, direction, &p);

	*len = s ? s->out_len : 0;
	return s ? s->out : NULL;
}

void bgp_sent(
	struct bgp *b, uint32_t tunnel, enum bgp_direction direction, size_t len, uint64_t now)
{
	struct bgp_peer *p;
	struct bgp_session *s = find_session(b, tunnel, direction, &p);

	if (!s || !len || len > s->out_len)
		return;
	memmove(s->out, s->out + len, s->out_len - len);
	s->out_len -= len;
	if (s->send_hold_at == CLOCK_NEVER)
		return;
	/* RFC 9687 3.1: progress restarts the timer, an empty queue stops it. */
	s->send_hold_at = s->out_len ? now + SEND_HOLD_S * CLOCK_SECOND : CLOCK_NEVER;
}

/* ---- one turn ---- */

static void emit_route(struct bgp *b, const struct rib_prefix *e, uint32_t tunnel)
{
	struct bgp_effect *out = speaker_effect(b, BGP_EFFECT_ROUTE, tunnel);

	out->route.prefix = e->prefix;
	out->route.present = e->best && !e->network;
	if (!out->route.present)
		return;
	out->route.origin = e->best->origin;
	out->route.med = e->best->has_med ? e->best->med : 0;
	out->route.candidates = e->candidates;
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

static void note_quarantine(struct bgp *b, const struct rib_prefix *e, const struct rib_path *path)
{
	struct bgp_peer *p = speaker_peer(b, path->peer->conf.tunnel);
	const struct bgp_peer *owner = speaker_owner(b, e);
	bool declared = claims_find(&b->claims, &e->prefix);
	char text[PREFIX_STR_SIZE];

	if (!p || !owner || !p->notes_left)
		return;
	p->notes_left--;
	speaker_note(b, p, BGP_NOTE_WARN, "prefix %s is not used: %s site %s%s",
		prefix_format(&e->prefix, text), declared ? "it belongs to" : "it is announced by",
		owner->rib.conf.site, declared ? "" : " already");
}

static void decide_one(struct bgp *b, struct rib_prefix *e)
{
	uint32_t old_tunnel = e->best_tunnel, old_candidates = e->candidates;
	bool was_route = e->best && e->best != b->rib.own;
	struct decision d = decide(&b->policy, e);
	struct attrs *old = e->best; /* compared only */
	bool is_route;

	rib_choose(&b->rib, e, d.best, d.candidates);
	is_route = e->best && !e->network;
	if (is_route != was_route || (is_route && (old != e->best || old_tunnel != e->best_tunnel ||
							  old_candidates != e->candidates)))
		emit_route(b, e, is_route ? e->best_tunnel : old_tunnel);
	if (d.quarantined)
		note_quarantine(b, e, d.quarantined);
	rib_collect(&b->rib, e);
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

static void fill_output(struct bgp *b, struct bgp_peer *p, uint64_t now)
{
	struct bgp_session *s = peer_established(p);
	struct adjout o = {.rib = &b->rib, .policy = &b->policy, .peer = &p->rib};

	if (!s)
		return;
	o.four_octet_as = s->remote.four_octet_as;
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		struct wr w = session_writer(s, SESSION_OUT_RESERVED);

		adjout_fill(&o, f, &w); /* what has no room now follows when bytes were sent */
		session_written(s, &w, now);
	}
}

static struct bgp_effect_state current_state(struct bgp_peer *p)
{
	struct bgp_effect_state s = {.error_code = p->last_notify.code,
		.error_subcode = p->last_notify.subcode,
		.state = FSM_IDLE};

	for (int d = 0; d < BGP_DIRECTIONS; d++) {
		if (p->sessions[d].state > s.state)
			s.state = p->sessions[d].state;
	}
	for (int f = 0; f < BGP_FAMILIES; f++) {
		s.prefixes_in += p->rib.family[f].prefixes_in;
		s.prefixes_out += p->rib.family[f].prefixes_out;
	}
	memcpy(s.detail, p->detail, sizeof(s.detail));
	return s;
}

/* Changes of the state are shown at once, of counts once a second. */
static void report_state(struct bgp *b, struct bgp_peer *p, uint64_t now)
{
	struct bgp_effect_state s = current_state(p);
	bool state = s.state != p->shown.state || s.error_code != p->shown.error_code ||
		     s.error_subcode != p->shown.error_subcode ||
		     strcmp(s.detail, p->shown.detail) != 0;
	bool counts =
		s.prefixes_in != p->shown.prefixes_in || s.prefixes_out != p->shown.prefixes_out;

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

/* After a restart, those who were there before are waited for; else all whose tunnels are up. */
static bool everybody_is_back(const struct bgp *b, uint64_t now)
{
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		struct bgp_peer *p = b->peers[i];

		if (!p || !p->tunnel_up || (b->config.restarted && !p->rib.conf.was_up))
			continue;
		if (!peer_established(p))
			return false;
		if (now - p->established_at >= BGP_QUIET_S * CLOCK_SECOND)
			continue;
		for (int f = 0; f < BGP_FAMILIES; f++) {
			if (p->rib.family[f].active && !p->rib.family[f].end_of_rib_in)
				return false;
		}
	}
	return true;
}

bool bgp_run(struct bgp *b, uint64_t now)
{
	bool more;

	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (b->peers[i])
			peer_timers(b, b->peers[i], now);
	}
	if (b->claims_changed)
		collect_claims(b);
	more = rib_sweep(&b->rib, DECISIONS_PER_RUN);
	if (b->defer_until && (now >= b->defer_until || everybody_is_back(b, now)))
		b->defer_until = 0;
	more |= !b->defer_until && decide_some(b);
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (!b->peers[i])
			continue;
		if (!b->defer_until)
			fill_output(b, b->peers[i], now);
		report_state(b, b->peers[i], now);
	}
	return more;
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
	return !b->defer_until && everybody_is_back(b, now) && !b->rib.dirty_first;
}
