/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that happens because time passed. */
#include "ike/credentials.h"

#include <stdlib.h>

static uint64_t life_of(const struct ike_sa *sa)
{
	const struct tunnel *t = sa->tunnel;
	bool carries = t->in_use >= 0 && t->children[t->in_use].ike == sa;

	return carries && t->last_life > sa->last_life ? t->last_life : sa->last_life;
}

static uint64_t probe_time(const struct ike_sa *sa)
{
	const struct ike_options *o = &sa->tunnel->conf.options;

	if (o->dpd_action == DPD_NONE || !o->dpd_interval_s || sa->request.kind || sa->no_probes)
		return CLOCK_NEVER;
	return life_of(sa) + o->dpd_interval_s * CLOCK_SECOND;
}

static void earliest(uint64_t *at, uint64_t candidate)
{
	if (candidate && candidate < *at)
		*at = candidate;
}

static uint64_t sa_next(const struct ike_sa *sa)
{
	uint64_t at = CLOCK_NEVER;

	earliest(&at, sa->guard_at);
	if (sa->version->next_timer)
		earliest(&at, sa->version->next_timer(sa));
	if (sa->request.kind) {
		earliest(&at, sa->request.resend_at);
		earliest(&at, sa->request.give_up_at);
	}
	if (sa->state != IKE_ESTABLISHED)
		return at;
	earliest(&at, sa->rekey_at);
	earliest(&at, sa->expire_at);
	earliest(&at, sa->duplicate_at);
	earliest(&at, sa->keepalive_at);
	earliest(&at, probe_time(sa));
	return at;
}

static uint64_t child_next(const struct child *c)
{
	uint64_t at = CLOCK_NEVER;

	if (c->state == CHILD_FREE || c->state == CHILD_RESERVED)
		return at;
	earliest(&at, c->gone_at);
	earliest(&at, c->use_at);
	if (c->state == CHILD_LIVE && !c->want_delete) {
		earliest(&at, c->rekey_at);
		earliest(&at, c->expire_at);
	}
	return at;
}

uint64_t engine_next_timer(const struct engine *e)
{
	uint64_t at = e->trust ? e->review_at : CLOCK_NEVER;
	struct ike_sa *sa;

	TAILQ_FOREACH(sa, &e->sas, link)
		earliest(&at, sa_next(sa));
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		const struct tunnel *t = e->tunnels[i];

		if (!t)
			continue;
		earliest(&at, t->initiate_at);
		earliest(&at, t->no_pair_until);
		earliest(&at, t->rivals.told_until);
		for (int slot = 0; slot < IKE_SLOTS_MAX; slot++)
			earliest(&at, child_next(&t->children[slot]));
	}
	return at;
}

/* How far it came tells what the peer did not get, or did not send. */
static const char *where_it_stopped(const struct ike_sa *sa)
{
	if (sa->state == IKE_MAIN4_SENT)
		return sa->nat_here || sa->nat_there || sa->forced_encap
			       ? "it changes to UDP 4500 here, which may be blocked on the way"
			       : "it sent its key exchange, and never its identity: our answer may "
				 "not have reached it";
	if (sa->repeats)
		return "it repeats its first message: our answers from UDP 500 do not reach it";
	return "it was answered and then silent: UDP 4500 from it may be blocked, or it refused "
	       "our "
	       "answer";
}

/*
 * Who it was is not known; the tunnel whose address it has is told of it. Nobody is, when something newer than
 * this attempt is known of its peer: that it came, went, or was refused.
 */
static void half_open_over(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct tunnel *t = tunnel_at(e, &sa->local, &sa->remote);
	const char *text = where_it_stopped(sa);

	ike_sa_drop(e, sa);
	if (tunnel_news(e, &sa->local, &sa->remote) >= sa->created ||
		unknown_news(&e->unknown, &sa->local.addr, &sa->remote.addr) >= sa->created)
		return;
	engine_refusal(e, t, &sa->remote, REASON_HALF_OPEN_TIMEOUT, "%s", text);
	if (t)
		tunnel_report(e, t, REASON_HALF_OPEN_TIMEOUT, text);
	else
		stranger_unknown(e, &sa->local, &sa->remote, sa->proven, REASON_HALF_OPEN_TIMEOUT,
			text, now);
}

/* guard_at: what should have happened by now did not. */
static void guard_fires(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	sa->guard_at = 0;
	switch (sa->state) {
	case IKE_INIT_ANSWERED:
	case IKE_MAIN2_SENT:
	case IKE_MAIN4_SENT:
		half_open_over(e, sa, now);
		break;
	case IKE_FAILED:
		ike_sa_drop(e, sa);
		break;
	case IKE_DELETING:
		ike_sa_end(e, sa, REASON_NONE, now); /* told when it was closed */
		break;
	case IKE_REKEYED:
		if (sa->version->busy && sa->version->busy(sa)) {
			sa->guard_at = now + CLOCK_SECOND; /* it has an end of its own */
			break;
		}
		/* fallthrough */
	case IKE_ESTABLISHED:
		ike_sa_close(e, sa, REASON_REDUNDANT, now);
		break;
	default:
		break;
	}
}

static void send_keepalive(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct effect *f;
	uint8_t *byte;

	sa->keepalive_at = now + KEEPALIVE_EVERY;
	if (sa->local.port != IKE_PORT_NAT)
		return;
	byte = malloc(1);
	if (!byte)
		abort();
	*byte = 0xff; /* RFC 3948 2.3 */
	f = effect_push(&e->effects, EFFECT_SEND, sa->tunnel->conf.number);
	f->send = (struct effect_send){
		.local = sa->local, .remote = sa->remote, .len = 1, .bytes = byte};
}

static void established_timer(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct tunnel *t = sa->tunnel;

	if (sa->expire_at && sa->expire_at <= now) {
		if (sa->version->survive && sa->version->survive(e, sa, now))
			return;
		engine_note(e, t, &sa->remote, true, REASON_IKE_EXPIRED, "%u s",
			t->conf.options.p1_lifetime_s);
		ike_sa_close(e, sa, REASON_IKE_EXPIRED, now);
		if (t->conf.options.startup == STARTUP_START && !tunnel_ike(t))
			tunnel_retry(e, t, true, now);
		return;
	}
	if (sa->duplicate_at && sa->duplicate_at <= now) {
		sa->version->resolve(e, sa, now);
		if (sa->state != IKE_ESTABLISHED)
			return;
	}
	if (sa->keepalive_at && sa->keepalive_at <= now)
		send_keepalive(e, sa, now);
	if (sa->rekey_at && sa->rekey_at <= now) {
		sa->rekey_at = now + REKEY_RETRY + engine_random_span(e, REKEY_RETRY);
		if (!sa->redundant)
			sa->tasks |= TASK_REKEY_IKE;
	}
	if (probe_time(sa) <= now)
		sa->tasks |= TASK_PROBE;
	request_next_task(e, sa, now);
}

static void child_timer(struct engine *e, struct tunnel *t, int slot, uint64_t now)
{
	struct child *c = &t->children[slot];

	if (c->use_at && c->use_at <= now)
		child_use(e, t, slot);
	if (c->gone_at && c->gone_at <= now) {
		c->gone_at = 0;
		if (c->state == CHILD_LINGER)
			child_release(e, t, slot);
		else if (c->state == CHILD_REPLACED)
			child_ask_delete(e, t, slot, now);
		return;
	}
	if (c->state != CHILD_LIVE || c->want_delete)
		return;
	if (c->expire_at <= now) {
		child_expire(e, t, slot, now);
	} else if (c->rekey_at <= now) {
		c->rekey_at = now + REKEY_RETRY + engine_random_span(e, REKEY_RETRY);
		c->want_rekey = true;
		c->ike->tasks |= TASK_REKEY_CHILD;
		request_next_task(e, c->ike, now);
	}
}

void engine_timer(struct engine *e, uint64_t now)
{
	struct ike_sa *sa, *next;

	e->now = now;
	for (sa = TAILQ_FIRST(&e->sas); sa; sa = next) {
		next = TAILQ_NEXT(sa, link);
		if (!sa->free_me && sa->guard_at && sa->guard_at <= now)
			guard_fires(e, sa, now);
		if (!sa->free_me && sa->request.kind)
			request_timer(e, sa, now);
		if (!sa->free_me && sa->version->timer)
			sa->version->timer(e, sa, now);
		if (!sa->free_me && sa->state == IKE_ESTABLISHED)
			established_timer(e, sa, now);
	}
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		struct tunnel *t = tunnel_find(e, i);

		if (!t)
			continue;
		for (int slot = 0; slot < IKE_SLOTS_MAX; slot++) {
			if (child_next(&t->children[slot]) <= now)
				child_timer(e, t, slot, now);
		}
		if (t->no_pair_until && t->no_pair_until <= now)
			tunnel_no_pair_timer(e, t, now);
		rivals_timer(e, t, now);
		if (t->initiate_at && t->initiate_at <= now)
			tunnel_initiate(e, t, now);
	}
	credentials_timer(e, now);
	engine_sweep(e);
}
