/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/speaker.h"

#include "bgp/adjout.h"
#include "bgp/peer.h"

#include <stdlib.h>
#include <string.h>

static const char no_connection[] = "no connection yet";

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
	b->news = malloc(sizeof(*b->news));
	if (!b->news)
		abort();
	rib_init(&b->rib, seed);
	b->policy = (struct policy){.config = &b->config,
		.networks = b->networks,
		.peers = b->rib_peers,
		.claims = &b->claims,
		.reserved = &b->reserved,
		.rib = &b->rib,
		.absent = b->absent};
	return b;
}

static void peer_free(struct bgp_peer *p)
{
	free(p->statics);
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
	reserved_fini(&b->reserved);
	free(b->effects);
	free(b->news);
	free(b);
}

/* ---- configuration ---- */

/* What others are told depends on more than the best paths: that has changed. */
static void tell_all_again(struct bgp *b)
{
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		for (enum bgp_family f = 0; b->peers[i] && f < BGP_FAMILIES; f++)
			rib_tell_again(&b->rib, &b->peers[i]->rib, f);
	}
}

void bgp_configure(struct bgp *b, const struct bgp_config *config, uint64_t now)
{
	struct bgp_notify n = notify_make(NOTIFY_CEASE, CEASE_OTHER_CHANGE);
	bool identity =
		b->config.local_as != config->local_as || b->config.router_id != config->router_id;
	bool reach = b->config.site_to_site != config->site_to_site;
	/* Whether there was another process before this one does not change while it runs. */
	bool restarted = b->configured ? b->config.restarted : config->restarted;

	if (restarted && !b->configured)
		b->defer_until = now + DEFER_S * CLOCK_SECOND;
	b->config = *config;
	b->config.restarted = restarted;
	b->configured = true;
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		struct bgp_peer *p = b->peers[i];

		if (!p)
			continue;
		if (identity) {
			peer_set_cause(p, "the hub's AS or router id was changed");
			peer_stop(b, p, &n, now);
		}
	}
	if (reach)
		tell_all_again(b);
}

const struct bgp_neighbor *bgp_neighbor_get(const struct bgp *b, uint32_t tunnel)
{
	const struct bgp_peer *p = speaker_peer(b, tunnel);

	return p ? &p->rib.conf : NULL;
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
	p->start_at = p->report_at = p->stale_until = p->missed_at = p->owners_at = CLOCK_NEVER;
	b->claims_changed = true;
	p->shown.state = FSM_IDLE;
	for (int d = 0; d < BGP_DIRECTIONS; d++) {
		p->sessions[d] = (struct bgp_session){.state = FSM_IDLE,
			.direction = d,
			.retry_at = CLOCK_NEVER,
			.hold_at = CLOCK_NEVER,
			.keepalive_at = CLOCK_NEVER,
			.send_hold_at = CLOCK_NEVER,
			.waiting_since = CLOCK_NEVER};
	}
	owners_expect(b, p);
	b->peers[slot] = p;
	b->rib_peers[slot] = &p->rib;
	if (slot >= b->peer_slots)
		b->peer_slots = slot + 1;
	b->policy.peer_count = b->peer_slots;
	return p;
}

/* Static routes are there exactly while the tunnel is up; others of a static neighbour are not. */
static void learn_statics(struct bgp *b, struct bgp_peer *p)
{
	unsigned int n = p->tunnel_up && p->rib.conf.is_static ? p->static_count : 0;

	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
		rib_mark_stale(&b->rib, &p->rib, f);
	for (unsigned int i = 0; i < n; i++)
		rib_learn(&b->rib, &p->rib, rib_family(&p->statics[i]), &p->statics[i],
			b->rib.statics);
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
		rib_drop_stale(&b->rib, &p->rib, f);
}

/* What is shown until an attempt has come to something. */
static void show_attempt(struct bgp_peer *p)
{
	if (p->rib.conf.is_static)
		peer_set_cause(p, "%s", "");
	else if (p->rib.conf.passive)
		peer_set_symptom(p, "waiting for the site to connect: with a bgp_password the hub "
				    "does not, and what is not signed with it is dropped");
	else
		peer_set_symptom(p, "%s", no_connection);
	if (!p->rib.conf.is_static)
		peer_set_why(p, BGP_WHY_UNANSWERED);
}

static void start_soon(struct bgp *b, struct bgp_peer *p, uint64_t now)
{
	p->backoff_s = 0;
	p->refused_until = 0;
	p->unanswered_since = p->tunnel_up && p->rib.conf.passive ? now : 0;
	p->start_at = CLOCK_NEVER;
	if (p->rib.conf.is_static)
		learn_statics(b, p);
	else if (p->tunnel_up && !b->stopped)
		p->start_at = now;
	p->missed_at = p->start_at == CLOCK_NEVER ? CLOCK_NEVER : now + MISSED_S * CLOCK_SECOND;
}

void bgp_statics_set(
	struct bgp *b, uint32_t tunnel, const struct ip_prefix *prefixes, unsigned int count)
{
	struct bgp_peer *p = speaker_peer(b, tunnel);

	if (!p || !p->rib.conf.is_static || count > NEIGHBOR_STATICS_MAX)
		return;
	free(p->statics);
	p->statics = calloc(count + 1, sizeof(*p->statics));
	if (!p->statics)
		abort();
	memcpy(p->statics, prefixes, count * sizeof(*prefixes));
	p->static_count = count;
	learn_statics(b, p);
}

static bool same_accept(const struct bgp_neighbor *a, const struct bgp_neighbor *b)
{
	for (unsigned int i = 0; i < a->accept_count && a->accept_count == b->accept_count; i++) {
		if (!prefix_equal(&a->accept[i].prefix, &b->accept[i].prefix) ||
			a->accept[i].longest != b->accept[i].longest)
			return false;
	}
	return a->accept_count == b->accept_count;
}

static bool same_claims(const struct bgp_neighbor *a, const struct bgp_neighbor *b)
{
	for (unsigned int i = 0; i < a->claim_count && a->claim_count == b->claim_count; i++) {
		if (!prefix_equal(&a->claims[i], &b->claims[i]))
			return false;
	}
	return a->claim_count == b->claim_count;
}

bool bgp_neighbor_is_other(const struct bgp_neighbor *was, const struct bgp_neighbor *is)
{
	return was->remote_as != is->remote_as || !addr_equal(&was->local4, &is->local4) ||
	       !addr_equal(&was->peer4, &is->peer4) || !addr_equal(&was->local6, &is->local6) ||
	       !addr_equal(&was->peer6, &is->peer6) || was->transport6 != is->transport6 ||
	       was->is_static != is->is_static || was->ttl_security != is->ttl_security ||
	       was->password_print != is->password_print;
}

/* Of a site as a whole: between the messages of its two tunnels it would be its own rival. */
static void set_group(struct bgp *b, uint32_t site, uint32_t from, uint32_t to, uint64_t now)
{
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		struct bgp_peer *p = b->peers[i];

		if (!p || neighbor_site(&p->rib.conf) != site)
			continue;
		p->rib.conf.group = to;
		for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
			rib_tell_again(&b->rib, &p->rib, f);
	}
	owners_move(b, site, from, to, now);
	b->claims_changed = true; /* and all is decided again */
}

bool bgp_neighbor_set(struct bgp *b, const struct bgp_neighbor *conf, uint64_t now)
{
	struct bgp_peer *p = speaker_peer(b, conf->tunnel);
	struct bgp_neighbor old;
	struct bgp_notify n = notify_make(NOTIFY_CEASE, CEASE_OTHER_CHANGE);

	if (!p)
		return peer_add(b, conf) != NULL;
	if (p->rib.conf.group != conf->group)
		set_group(b, neighbor_site(conf), p->rib.conf.group, conf->group, now);
	old = p->rib.conf;
	b->claims_changed |= !same_claims(&old, conf) || old.gives_way_to != conf->gives_way_to;
	if (bgp_neighbor_is_other(&old, conf)) {
		peer_set_cause(p, "%s",
			old.password_print == conf->password_print
				? "the neighbour's configuration was changed"
				: "bgp_password was changed");
		peer_stop(b, p, &n, now);
		p->rib.conf = *conf;
		learn_statics(b, p);
		if (p->tunnel_up)
			show_attempt(p);
		p->last_notify = (struct bgp_notify){0}; /* of another configuration */
		start_soon(b, p, now);
		return true;
	}
	p->rib.conf = *conf;
	if (old.max_prefixes_in != conf->max_prefixes_in) {
		session_check_limits(b, p, now);
		if (old.max_prefixes_in < conf->max_prefixes_in && p->refused_until > now)
			start_soon(b, p, now);
	}
	if (old.allow_default != conf->allow_default || old.allow_as_in != conf->allow_as_in ||
		old.not_propagated != conf->not_propagated || old.ecmp != conf->ecmp ||
		!same_accept(&old, conf) || old.draining != conf->draining)
		rib_touch_all(&b->rib);
	if (old.share_default != conf->share_default)
		tell_all_again(b);
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		if (old.med_out != conf->med_out || old.as_override != conf->as_override ||
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
	peer_set_cause(p, "the neighbour was removed from the configuration");
	peer_stop(b, p, &n, now);
	if (p->rib.conf.is_static)
		learn_statics(b, p);
	p->start_at = CLOCK_NEVER;
	p->kept_until = 0;
	owners_follow(b, p->rib.conf.group, now);
}

void bgp_neighbor_delete(struct bgp *b, uint32_t tunnel, uint64_t now)
{
	struct bgp_peer *p = speaker_peer(b, tunnel);

	if (!p)
		return;
	bgp_neighbor_stop(b, tunnel, now);
	b->peers[p->rib.slot] = NULL;
	b->rib_peers[p->rib.slot] = NULL;
	b->claims_changed |= p->rib.conf.claim_count || p->rib.conf.gives_way_to;
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
		peer_set_cause(p, "the tunnel is down");
		peer_stop(b, p, &n, now);
	} else {
		p->cause[0] = '\0';
		show_attempt(p);
	}
	start_soon(b, p, now);
}

void bgp_path_down(struct bgp *b, uint32_t tunnel, const char *why, uint64_t now)
{
	struct bgp_peer *p = speaker_peer(b, tunnel);
	struct bgp_notify n = notify_make(NOTIFY_CEASE, CEASE_BFD_DOWN);

	if (!p || !peer_established(p))
		return;
	peer_set_cause(p, "BFD: %s", why);
	peer_set_why(p, BGP_WHY_BFD);
	peer_stop(b, p, &n, now);
	/* No fault of the peer's: no growing pause. */
	p->backoff_s = 0;
	p->start_at = now + speaker_jitter(b, speaker_retry_s(b));
}

void bgp_owner_set(struct bgp *b, const struct ip_prefix *prefix, uint32_t group, uint64_t now)
{
	if (!prefix->len || group >= RIB_NO_TUNNEL)
		return;
	rib_set_owner(&b->rib, prefix, (uint16_t)group);
	owners_given(b, group, now);
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
	b->networks_changed = true;
	return true;
}

void bgp_shutdown(struct bgp *b, uint64_t now)
{
	struct bgp_notify n = notify_make_text(CEASE_SHUTDOWN, "the hub shuts down");

	b->stopped = true;
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (b->peers[i]) {
			peer_set_cause(b->peers[i], "the hub shuts down");
			peer_stop(b, b->peers[i], &n, now);
		}
	}
}

/* ---- connections ---- */

/* RFC 4724 4.2: a peer that connects anew has restarted, and its old connection just lingers. */
static bool has_restarted(struct bgp_peer *p, uint64_t now)
{
	return peer_can_restart(peer_established(p)) &&
	       now - p->established_at >= SETTLED_MS * CLOCK_MILLISECOND;
}

/* The peer may be Established there already: then no second connection can come to anything. */
static bool is_confirming(const struct bgp_peer *p, uint64_t now)
{
	const struct bgp_session *s = &p->sessions[BGP_OUTGOING];

	return s->state == FSM_OPEN_CONFIRM && now - s->opened_at < SETTLED_MS * CLOCK_MILLISECOND;
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
		return p->tunnel_up && !p->rib.conf.is_static && !b->stopped &&
		       now >= p->refused_until && !is_confirming(p, now) &&
		       (!peer_established(p) || has_restarted(p, now));
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
		peer_set_cause(p, "the peer has started again");
		peer_event(b, p, peer_established(p), FSM_TCP_FAILED, now);
	}
	p->unanswered_since = 0;
	if (!strcmp(p->detail, no_connection)) /* what an attempt before has come to stays */
		peer_set_symptom(p, "connected, and the peer has not sent its OPEN yet");
	if (direction == BGP_INCOMING)
		peer_event(b, p, s, FSM_START_PASSIVE, now);
	peer_event(b, p, s, FSM_TCP_OPEN, now);
}

void bgp_closed(struct bgp *b, uint32_t tunnel, enum bgp_direction direction, enum bgp_why what,
	const char *why, uint64_t now)
{
	struct bgp_peer *p;
	struct bgp_session *s = find_session(b, tunnel, direction, &p);

	if (!s || !s->tcp)
		return;
	s->tcp = false;
	p->unanswered_since = 0;
	if (s->state == FSM_ESTABLISHED)
		peer_set_cause(p, "%s", why);
	else if (!peer_established(p))
		peer_set_symptom(p, "%s", why);
	if (s->state == FSM_ESTABLISHED || !peer_established(p))
		peer_set_why(p, what);
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

	if (s && len && len <= s->out_len)
		session_sent(s, len, now);
}
