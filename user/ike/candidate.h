/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tunnels may a peer belong to that has not said who it is? Phase 1 chooses its suite before the
 * identity is known (RFC 7296 1.2, RFC 2409 5.4), so it has to choose for all of them.
 */
#ifndef SLUICE_IKE_CANDIDATE_H
#define SLUICE_IKE_CANDIDATE_H

#include "ike/internal.h"

/* One walk over the candidates, and what came of it. Begins zeroed. */
struct candidate_walk {
	unsigned int cursor;
	bool near; /* the last one's peer is known to be at the address */
	bool best_known; /* the best one's peer has been at this very place: see tunnel_chosen_wrongly() */
	const struct tunnel *best; /* what the caller found acceptable */
	uint64_t best_place;
	struct policies_seen seen;
	unsigned int refused; /* policies that had nothing for the peer */
	bool refused_near;    /* so they were of tunnels near the address */
	bool disabled_near;   /* a tunnel near the address is switched off */
	enum reason why;      /* REASON_NONE: nothing was refused yet */
	char text[REASON_TEXT_SIZE];
};

/*
 * The next tunnel that speaks this version and whose phase 1 policy was not seen in this walk; NULL
 * after the last. Those whose peer is known to be at the address come first, and the others not at
 * all once one of these is the best.
 */
struct tunnel *candidate_next(struct candidate_walk *w, const struct engine *e,
	const struct ike_version *version, const struct message *m);

/*
 * This one has a suite at that place of the peer's offer; true when it is the best so far. The peer's order
 * decides, unless it is known whose device this is.
 */
bool candidate_take(
	struct candidate_walk *w, const struct tunnel *t, const struct message *m, uint64_t place);

/* This one has nothing for the peer; the first such text is kept. */
void candidate_refuse(struct candidate_walk *w, enum reason why, const char *text);

/* The walk found none: what to say about it, in w->why and w->text. */
void candidate_explain(struct candidate_walk *w);

/*
 * The walk found none. True when the peer gets no answer because, by its address, its tunnel is switched
 * off or was removed a short time ago: it might not return from a refusal. Then w->why says so.
 */
bool candidate_may_return(
	const struct engine *e, const struct message *m, struct candidate_walk *w);

/*
 * Has one of the candidates that allow this suite to be encapsulated? It decides for all of them: such
 * a tunnel is dead without, and another one works with it.
 */
bool candidate_forces_encap(const struct engine *e, const struct ike_version *version,
	const struct message *m, const struct suite *s);

#endif
