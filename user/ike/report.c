/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a tunnel: its phase, who the peer is, and why it is not up, or will not stay so. */
#include "base/date.h"
#include "ike/internal.h"

#include <stdio.h>

static enum effect_phase phase_of(const struct tunnel *t, const struct ike_sa **shown)
{
	struct ike_sa *sa;

	*shown = tunnel_ike(t);
	if (t->in_use >= 0)
		return PHASE_UP;
	TAILQ_FOREACH(sa, &t->sas, of_tunnel) {
		if (sa->free_me)
			continue;
		if (ike_is_initiating(sa) || sa->state == IKE_ESTABLISHED)
			return PHASE_NEGOTIATING;
	}
	return PHASE_DOWN;
}

void tunnel_states(const struct tunnel *t, struct effect_note *n)
{
	const struct ike_sa *sa = tunnel_ike(t), *carrier;

	n->dpd_enabled = t->conf.options.dpd_action != DPD_NONE;
	n->nat_detected = sa && (sa->nat_here || sa->nat_there);
	if (sa)
		n->ike_state = sa->request.kind == REQUEST_IKE_REKEY ? SA_STATE_REKEYING
								     : SA_STATE_ESTABLISHED;
	else if (phase_of(t, &sa) == PHASE_NEGOTIATING)
		n->ike_state = SA_STATE_NEGOTIATING;
	if (t->in_use >= 0) {
		carrier = t->children[t->in_use].ike;
		n->child_state = carrier && carrier->request.kind == REQUEST_CHILD_REKEY
					 ? SA_STATE_REKEYING
					 : SA_STATE_ESTABLISHED;
	} else if (n->ike_state != SA_STATE_DOWN) {
		n->child_state = SA_STATE_NEGOTIATING;
	}
}

/* When it will be over, at the end of a lifetime. */
static const char *end_of(const struct engine *e, uint64_t expire_at, char until[DATE_TEXT_SIZE])
{
	uint64_t left = expire_at > e->now ? (expire_at - e->now) / CLOCK_SECOND : 0;

	snprintf(until, DATE_TEXT_SIZE, "the end of its lifetime");
	return e->env.wall ? date_format(e->env.wall(e->env.context) + (int64_t)left, until)
			   : until;
}

/* A tunnel that is up may have trouble ahead, or a peer that comes and goes. */
static enum reason trouble(
	const struct engine *e, const struct tunnel *t, char text[REASON_TEXT_SIZE])
{
	const struct ike_sa *sa = tunnel_ike(t);
	char until[DATE_TEXT_SIZE];

	text[0] = '\0';
	if (rivals_text(t, text))
		return REASON_TWO_DEVICES;
	if (t->refused != REASON_NONE)
		snprintf(text, REASON_TEXT_SIZE,
			"a new SA pair was refused, and without one the tunnel ends at %s: %.135s",
			end_of(e, t->children[t->in_use].expire_at, until), t->refused_text);
	else if (t->ike_refused != REASON_NONE && sa)
		snprintf(text, REASON_TEXT_SIZE,
			"a new IKE SA was refused, and without one the tunnel ends at %s: %.135s",
			end_of(e, sa->expire_at, until), t->ike_refused_text);
	else
		return REASON_NONE;
	return t->refused != REASON_NONE ? t->refused : t->ike_refused;
}

/* The peer itself has said or done it, and not merely time. */
static bool is_of_peer(enum reason r)
{
	switch (r) {
	case REASON_PEER_REFUSED:
	case REASON_PEER_DELETED_IKE:
	case REASON_PEER_DELETED_CHILD:
		return true;
	default:
		return false;
	}
}

static bool same_state(const struct effect_tunnel_state *a, const struct effect_tunnel_state *b)
{
	return a->phase == b->phase && a->reason == b->reason && a->ike_version == b->ike_version &&
	       a->key == b->key && a->nat_detected == b->nat_detected &&
	       endpoint_equal(&a->peer, &b->peer) && strcmp(a->detail, b->detail) == 0 &&
	       strcmp(a->ike_proposal, b->ike_proposal) == 0;
}

static void tell(
	struct engine *e, struct tunnel *t, struct effect_tunnel_state *s, const struct ike_sa *sa)
{
	if (sa) {
		s->peer = sa->remote;
		s->ike_version = sa->version->number;
		s->key = !sa->key_print                  ? EFFECT_KEY_NONE
			 : sa->key_print == t->psk_print ? EFFECT_KEY_PRESENT
							 : EFFECT_KEY_PREVIOUS;
		s->nat_detected = sa->nat_here || sa->nat_there;
		suite_format(&sa->suite, s->ike_proposal);
		s->suite = suite_numbers(&sa->suite);
	}
	s->afresh = t->afresh && s->phase == PHASE_UP;
	if (t->reported && !s->afresh && same_state(s, &t->told))
		return;
	if (s->phase == PHASE_UP || is_of_peer(s->reason))
		t->news_at = e->now;
	t->reported = true;
	t->afresh = false;
	t->told = *s;
	effect_push(&e->effects, EFFECT_TUNNEL_STATE, t->conf.number)->state = *s;
}

void tunnel_report(struct engine *e, struct tunnel *t, enum reason r, const char *detail)
{
	const struct ike_sa *sa;
	struct effect_tunnel_state s = {.phase = phase_of(t, &sa), .reason = r};

	if (s.phase == PHASE_UP) {
		s.reason = trouble(e, t, s.detail);
	} else if (r == REASON_NONE && t->told.phase != PHASE_UP) {
		/* A start of the next attempt does not hide why the last one failed. */
		s.reason = t->told.reason;
		memcpy(s.detail, t->told.detail, sizeof(s.detail));
	} else if (r == REASON_NONE && t->refused != REASON_NONE) {
		s.reason = t->refused;
		memcpy(s.detail, t->refused_text, sizeof(s.detail));
	} else {
		snprintf(s.detail, sizeof(s.detail), "%s", detail);
	}
	tell(e, t, &s, sa);
}

void tunnel_report_again(struct engine *e, struct tunnel *t)
{
	char detail[REASON_TEXT_SIZE];

	memcpy(detail, t->told.detail, sizeof(detail));
	tunnel_report(e, t, t->told.reason, detail);
}

void tunnel_refused(struct engine *e, struct tunnel *t, const struct ip_endpoint *remote,
	enum reason why, const char *text)
{
	engine_note(e, t, remote, true, why, "%s", text);
	if (why == REASON_PEER_REFUSED && t->refused != REASON_NONE)
		return; /* ours names what does not fit */
	t->refused = why;
	snprintf(t->refused_text, sizeof(t->refused_text), "%s", text);
	tunnel_report(e, t, why, text);
}

void tunnel_ike_refused(struct engine *e, struct tunnel *t, const struct ip_endpoint *remote,
	enum reason why, const char *text)
{
	engine_note(e, t, remote, true, why, "%s", text);
	if (why == REASON_PEER_REFUSED && t->ike_refused != REASON_NONE)
		return; /* ours names what does not fit */
	t->ike_refused = why;
	snprintf(t->ike_refused_text, sizeof(t->ike_refused_text), "%s", text);
	tunnel_report_again(e, t);
}

void tunnel_no_pair(struct engine *e, struct tunnel *t, enum reason r)
{
	if (t->refused != REASON_NONE)
		tunnel_report(e, t, t->refused, t->refused_text);
	else
		tunnel_report(e, t, r, reason_sentence(r));
}
