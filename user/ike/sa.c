/* SPDX-License-Identifier: Apache-2.0 */
/* IKE SAs: their table, life and end. */
#include "ike/admission.h"
#include "ike/v2/v2.h"

#include <assert.h>
#include <stdlib.h>

#define S(state)      (1u << (state))
#define SPI_TRIES_MAX 16 /* to find one that its guard has a place for */

/* Which states may follow which. */
static const uint16_t followers[IKE_STATES] = {
	[IKE_NONE] = S(IKE_INIT_SENT) | S(IKE_INIT_ANSWERED) | S(IKE_ESTABLISHED) |
		     S(IKE_MAIN1_SENT) | S(IKE_MAIN2_SENT),
	[IKE_INIT_SENT] = S(IKE_AUTH_SENT),
	[IKE_INIT_ANSWERED] = S(IKE_ESTABLISHED) | S(IKE_FAILED),
	[IKE_AUTH_SENT] = S(IKE_ESTABLISHED) | S(IKE_DELETING),
	[IKE_ESTABLISHED] = S(IKE_REKEYED) | S(IKE_DELETING) | S(IKE_FAILED),
	[IKE_REKEYED] = S(IKE_DELETING) | S(IKE_FAILED),
	[IKE_DELETING] = S(IKE_FAILED),
	[IKE_MAIN1_SENT] = S(IKE_MAIN3_SENT),
	[IKE_MAIN2_SENT] = S(IKE_MAIN4_SENT),
	[IKE_MAIN3_SENT] = S(IKE_MAIN5_SENT),
	[IKE_MAIN4_SENT] = S(IKE_ESTABLISHED) | S(IKE_FAILED),
	[IKE_MAIN5_SENT] = S(IKE_ESTABLISHED),
};

#define INITIATING                                                                                 \
	(S(IKE_INIT_SENT) | S(IKE_AUTH_SENT) | S(IKE_MAIN1_SENT) | S(IKE_MAIN3_SENT) |             \
		S(IKE_MAIN5_SENT))
/* Neither end could tell the other that it ends. */
#define WITHOUT_GOODBYE                                                                            \
	(S(IKE_INIT_SENT) | S(IKE_INIT_ANSWERED) | S(IKE_MAIN1_SENT) | S(IKE_MAIN2_SENT) |         \
		S(IKE_MAIN3_SENT) | S(IKE_MAIN4_SENT) | S(IKE_MAIN5_SENT))

bool ike_is_initiating(const struct ike_sa *sa)
{
	return INITIATING & S(sa->state);
}

bool ike_state_may_follow(enum ike_state from, enum ike_state to)
{
	return followers[from] & S(to);
}

void ike_set_state(struct ike_sa *sa, enum ike_state state)
{
	assert(ike_state_may_follow(sa->state, state));
	sa->state = state;
}

const char *ike_state_name(enum ike_state s)
{
	static const char *const names[IKE_STATES] = {
		[IKE_NONE] = "none",
		[IKE_INIT_SENT] = "init-sent",
		[IKE_INIT_ANSWERED] = "init-answered",
		[IKE_AUTH_SENT] = "auth-sent",
		[IKE_ESTABLISHED] = "established",
		[IKE_REKEYED] = "rekeyed",
		[IKE_DELETING] = "deleting",
		[IKE_FAILED] = "failed",
		[IKE_MAIN1_SENT] = "main-1-sent",
		[IKE_MAIN2_SENT] = "main-2-sent",
		[IKE_MAIN3_SENT] = "main-3-sent",
		[IKE_MAIN4_SENT] = "main-4-sent",
		[IKE_MAIN5_SENT] = "main-5-sent",
	};

	return names[s];
}

static struct ike_sa_bucket *bucket_of(const struct engine *e, uint64_t our_spi)
{
	const uint64_t value[2] = {our_spi, 0};

	return (struct ike_sa_bucket *)&e->buckets[engine_bucket(e, value, SA_BUCKETS)];
}

static uint64_t our_spi_of(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}

struct ike_sa *ike_sa_find(const struct engine *e, uint64_t our_spi)
{
	struct ike_sa *sa;

	LIST_FOREACH(sa, bucket_of(e, our_spi), bucket) {
		if (our_spi_of(sa) == our_spi)
			return sa;
	}
	return NULL;
}

uint64_t ike_sa_new_spi(struct engine *e)
{
	unsigned int tries = 0;
	uint64_t spi;

	do {
		spi = engine_random_u64(e);
	} while (!spi || ike_sa_find(e, spi) ||
		 (e->env.spi_free && tries++ < SPI_TRIES_MAX &&
			 !e->env.spi_free(e->env.context, spi)));
	return spi;
}

void ike_sa_announce(const struct engine *e, const struct ike_sa *sa, enum engine_spi state)
{
	if (e->env.spi_set)
		e->env.spi_set(e->env.context, our_spi_of(sa), state);
}

struct ike_sa *ike_sa_new(struct engine *e, const struct ike_version *version, bool initiator,
	uint64_t spi_i, uint64_t spi_r, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, uint64_t now)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));

	if (!sa)
		abort();
	sa->version = version;
	sa->initiator = initiator;
	sa->spi_i = spi_i;
	sa->spi_r = spi_r;
	sa->local = *local;
	sa->remote = *remote;
	sa->created = sa->last_life = now;
	sa->first_slot = -1;
	sa->request.new_slot = sa->request.slot = -1;
	TAILQ_INSERT_TAIL(&e->sas, sa, link);
	LIST_INSERT_HEAD(bucket_of(e, our_spi_of(sa)), sa, bucket);
	ike_sa_announce(e, sa, ENGINE_SPI_IN_FORCE);
	return sa;
}

void ike_sa_set_tunnel(struct ike_sa *sa, struct tunnel *t)
{
	if (sa->tunnel == t)
		return;
	if (sa->tunnel)
		TAILQ_REMOVE(&sa->tunnel->sas, sa, of_tunnel);
	if (t)
		TAILQ_INSERT_TAIL(&t->sas, sa, of_tunnel);
	sa->tunnel = t;
}

static void forget_handshake(struct ike_sa *sa)
{
	blob_free(&sa->init_request);
	blob_free(&sa->init_response);
	blob_free(&sa->cookie);
	dh_free(sa->dh);
	sa->dh = NULL;
	if (sa->version->forget_handshake)
		sa->version->forget_handshake(sa);
}

void ike_sa_not_heir(struct ike_sa *sa)
{
	struct ike_sa *other;

	if (!sa->tunnel)
		return;
	TAILQ_FOREACH(other, &sa->tunnel->sas, of_tunnel) {
		if (other->request.collided_ike == sa)
			other->request.collided_ike = NULL;
	}
}

void ike_sa_drop(struct engine *e, struct ike_sa *sa)
{
	if (sa->free_me)
		return;
	sa->free_me = true;
	e->dropped = true;
	LIST_REMOVE(sa, bucket);
	admission_leave(e, sa);
	ike_sa_announce(e, sa, ENGINE_SPI_GONE);
	ike_sa_not_heir(sa);
	e->generation += sa->tunnel != NULL;
}

/*
 * Whoever forwards hears of a lost pair whatever took it: one that nobody has told of by the end of
 * the call is told of here.
 */
static void tell_lost_pairs(struct engine *e)
{
	e->lost_pair = false;
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		struct tunnel *t = tunnel_find(e, i);

		if (t && t->in_use < 0 && t->told.phase == PHASE_UP)
			tunnel_no_pair(e, t, REASON_NO_PAIR);
	}
}

void engine_sweep(struct engine *e)
{
	struct ike_sa *sa = e->dropped ? TAILQ_FIRST(&e->sas) : NULL;

	if (e->lost_pair)
		tell_lost_pairs(e);
	e->dropped = false;
	while (sa) {
		struct ike_sa *next = TAILQ_NEXT(sa, link);

		if (sa->free_me) {
			ike_sa_set_tunnel(sa, NULL);
			TAILQ_REMOVE(&e->sas, sa, link);
			forget_handshake(sa);
			request_done(sa);
			blob_free(&sa->response);
			fragments_free(sa->partial[0]);
			fragments_free(sa->partial[1]);
			if (sa->version->free)
				sa->version->free(sa);
			secret_wipe(sa, sizeof(*sa));
			free(sa);
		}
		sa = next;
	}
}

/* Takes the children of an SA away. */
static void end_children(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct tunnel *t = sa->tunnel;

	for (int i = 0; t && i < IKE_SLOTS_MAX; i++) {
		struct child *c = &t->children[i];

		if (c->state != CHILD_FREE && c->ike == sa)
			child_remove(e, t, i, t->in_use != i, now);
	}
}

void ike_sa_end(struct engine *e, struct ike_sa *sa, enum reason r, uint64_t now)
{
	struct tunnel *t = sa->tunnel;

	end_children(e, sa, now);
	ike_sa_drop(e, sa);
	if (t)
		tunnel_report(e, t, r, reason_sentence(r));
}

void ike_sa_close(struct engine *e, struct ike_sa *sa, enum reason r, uint64_t now)
{
	if (sa->free_me || sa->state == IKE_DELETING || sa->state == IKE_FAILED)
		return;
	if (WITHOUT_GOODBYE & S(sa->state)) {
		ike_sa_end(e, sa, r, now);
		return;
	}
	if (sa->version->goodbye)
		sa->version->goodbye(e, sa);
	ike_sa_not_heir(sa);
	end_children(e, sa, now);
	ike_set_state(sa, IKE_DELETING);
	sa->end_reason = r;
	sa->tasks = TASK_DELETE_IKE;
	sa->duplicate_at = 0;
	sa->guard_at = 0;
	/* IKE_AUTH was answered, or never will be; IKEv1 has no window to wait for. */
	if (sa->request.kind == REQUEST_AUTH || sa->version == &ike_v1)
		request_done(sa);
	if (sa->tunnel)
		tunnel_report(e, sa->tunnel, r, reason_sentence(r));
	e->generation++;
	request_next_task(e, sa, now);
}

/*
 * With lifetime L, margin M and fuzz f: L - M + U(0, M f / 100), or in early mode, as open-source
 * daemons have it, L - M (1 + U(0, f / 100)). Never later than a whole retransmission before L.
 */
uint64_t ike_rekey_time(
	struct engine *e, const struct ike_options *o, uint32_t lifetime_s, uint64_t now)
{
	uint64_t life = lifetime_s * CLOCK_SECOND;
	/* A lifetime that the peer shortened may have no room for ours. */
	uint64_t margin =
		o->rekey_margin_s < lifetime_s ? o->rekey_margin_s * CLOCK_SECOND : life / 5;
	uint64_t guard = margin / 2 < RETRANSMIT_TOTAL ? margin / 2 : RETRANSMIT_TOTAL;
	uint64_t drawn = engine_random_span(e, margin / 100 * o->rekey_fuzz_percent);
	uint64_t at = life - margin;

	if (o->fuzz_mode == FUZZ_WINDOW)
		at += drawn;
	else
		at = drawn < at ? at - drawn : life / 2;
	if (at > life - guard)
		at = life - guard;
	return now + at;
}

void ike_sa_schedule(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	const struct ike_options *o = &sa->tunnel->conf.options;
	uint32_t life = o->p1_lifetime_s;

	sa->established = now;
	sa->last_life = now;
	if (sa->lifetime_s && sa->lifetime_s < life)
		life = sa->lifetime_s;
	sa->rekey_at = ike_rekey_time(e, o, life, now);
	sa->expire_at = now + life * CLOCK_SECOND;
	sa->guard_at = 0;
	sa->keepalive_at = sa->nat_here ? now + KEEPALIVE_EVERY : 0;
	e->generation++;
}

/* Both ends initiated at about the same time. */
static bool crossed(const struct ike_sa *a, const struct ike_sa *b)
{
	uint64_t apart = a->established > b->established ? a->established - b->established
							 : b->established - a->established;

	return a->initiator != b->initiator && apart < DUPLICATE_WINDOW && !a->rekey_descendant &&
	       !b->rekey_descendant;
}

static bool is_rival(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other != sa && !other->free_me && !other->redundant &&
	       other->state == IKE_ESTABLISHED;
}

void ike_sa_takes(struct engine *e, struct ike_sa *sa, const struct ike_sa *other, uint64_t now)
{
	sa->tunnel->afresh = true;
	rivals_took(e, sa->tunnel, &other->remote, &sa->remote, now);
}

void ike_sa_establish(struct engine *e, struct ike_sa *sa, bool initial_contact, uint64_t now)
{
	struct ike_sa *other, *next;
	struct tunnel *t = sa->tunnel;
	int slot = child_live(t, sa);
	char suite[SUITE_STR_SIZE];

	ike_set_state(sa, IKE_ESTABLISHED);
	sa->key_print = t->conf.options.auth == AUTH_PSK ? psk_print(tunnel_psk(sa)) : 0;
	admission_leave(e, sa);
	ike_sa_announce(e, sa, ENGINE_SPI_IN_FORCE);
	forget_handshake(sa);
	ike_sa_schedule(e, sa, now);
	t->last_life = t->news_at = now;
	t->ike_refused = REASON_NONE;
	tunnel_seen(e, t, &sa->remote.addr);
	t->version = sa->version;
	t->initiate_at = 0;
	t->initiate_wait = 0;
	tunnel_await_pair(e, t, now);
	engine_note(e, t, &sa->remote, false, REASON_IKE_UP, "%s, %s%s",
		suite_format(&sa->suite, suite), sa->initiator ? "initiated here" : "by the peer",
		sa->nat_there  ? ", peer behind NAT"
		: sa->nat_here ? ", we are behind NAT"
			       : "");
	if (sa->previous_key)
		engine_note(e, t, &sa->remote, true, REASON_PREVIOUS_PSK, "%s",
			reason_sentence(REASON_PREVIOUS_PSK));
	for (other = TAILQ_FIRST(&t->sas); other; other = next) {
		next = TAILQ_NEXT(other, of_tunnel);
		if (other != sa && !other->free_me &&
			(other->state == IKE_INIT_SENT || other->state == IKE_MAIN1_SENT))
			ike_sa_drop(e, other); /* the peer was faster */
		if (!is_rival(sa, other))
			continue;
		/* Two in one instant: which is the newer one must stay visible. */
		if (sa->established <= other->established)
			sa->established = other->established + 1;
		/* 2.4: the peer knows no older SA. Unless both began at once: then ours is young. */
		if (initial_contact && !crossed(sa, other)) {
			engine_note(e, t, &other->remote, false, REASON_INITIAL_CONTACT,
				"the older SA is gone");
			ike_sa_takes(e, sa, other, now);
			if (slot >= 0)
				child_use(e, t, slot);
			ike_sa_end(e, other, REASON_INITIAL_CONTACT, now);
		} else {
			sa->duplicate_at = now + DUPLICATE_DELAY;
		}
	}
}

/*
 * One tunnel, two IKE SAs: the newer one wins. Where both ends initiated at once they may disagree
 * on which is newer, so there the higher initiator SPI wins, which both know.
 */
static bool wins(const struct engine *e, const struct ike_sa *a, const struct ike_sa *b)
{
	bool has_a = child_live(a->tunnel, a) >= 0, has_b = child_live(b->tunnel, b) >= 0;

	(void)e;
	if (has_a != has_b)
		return has_a;
	if (crossed(a, b))
		return a->spi_i > b->spi_i;
	return a->established >= b->established;
}

void ike_sa_resolve_duplicates(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct ike_sa *other, *next;
	int slot;

	sa->duplicate_at = 0;
	for (other = TAILQ_FIRST(&sa->tunnel->sas); other; other = next) {
		next = TAILQ_NEXT(other, of_tunnel);
		if (!is_rival(sa, other))
			continue;
		if (wins(e, sa, other)) {
			slot = child_live(sa->tunnel, sa);
			if (!addr_equal(&other->remote.addr, &sa->remote.addr))
				ike_sa_takes(e, sa, other, now);
			if (slot >= 0)
				child_use(e, sa->tunnel, slot);
			engine_note(e, sa->tunnel, &other->remote, false, REASON_REPLACED,
				"two IKE SAs of one tunnel: the older one goes");
			ike_sa_close(e, other, REASON_REPLACED, now);
			continue;
		}
		slot = child_live(sa->tunnel, other);
		if (slot >= 0)
			child_use(e, sa->tunnel, slot);
		engine_note(e, sa->tunnel, &sa->remote, false, REASON_REPLACED,
			"both ends made an IKE SA at once: this one goes");
		ike_sa_close(e, sa, REASON_REPLACED, now);
		return;
	}
}

struct ike_sa *tunnel_ike(const struct tunnel *t)
{
	struct ike_sa *sa, *found = NULL;

	TAILQ_FOREACH(sa, &t->sas, of_tunnel) {
		if (sa->free_me || sa->state != IKE_ESTABLISHED || sa->redundant)
			continue;
		if (t->in_use >= 0 && t->children[t->in_use].ike == sa)
			return sa;
		if (!found || sa->established >= found->established)
			found = sa;
	}
	return found;
}

unsigned int tunnel_count_ike(const struct tunnel *t)
{
	struct ike_sa *sa;
	unsigned int n = 0;

	TAILQ_FOREACH(sa, &t->sas, of_tunnel)
		n += !sa->free_me;
	return n;
}

bool ike_sa_follow(struct engine *e, struct ike_sa *sa, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	char text[ENDPOINT_STR_SIZE];

	if (endpoint_equal(&sa->remote, remote) && endpoint_equal(&sa->local, local))
		return false;
	/* 2.23: the end behind the NAT does not follow; and a fixed address stays what it is. */
	if (!t || (sa->nat_here && !sa->nat_there) || !addr_equal(&sa->local.addr, &local->addr))
		return false;
	if (addr_is_set(&t->conf.remote) && !addr_equal(&t->conf.remote, &remote->addr))
		return false;
	if (local->port != sa->local.port && sa->local.port == IKE_PORT_NAT)
		return false; /* once on 4500, always there */
	sa->local = *local;
	sa->remote = *remote;
	tunnel_seen(e, t, &remote->addr);
	e->generation++;
	engine_note(
		e, t, remote, false, REASON_PEER_MOVED, "now %s", endpoint_format(remote, text));
	tunnel_report_again(e, t); /* what is shown of the tunnel has its address */
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		struct child *c = &t->children[i];
		struct effect *f;

		if (!c->installed || c->ike != sa || !c->udp_encap)
			continue;
		f = effect_push(&e->effects, EFFECT_SA_MOVED, t->conf.number);
		f->sa_ref = (struct effect_sa_ref){c->spi_in, c->spi_out, *remote};
	}
	(void)now;
	return true;
}
