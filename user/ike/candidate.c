/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/candidate.h"

#include "ike/former.h"

#include <stdio.h>

static bool speaks(const struct tunnel *t, const struct ike_version *version)
{
	return version == &ike_v2 ? t->conf.options.ikev2 : t->conf.options.ikev1;
}

static bool is_known(const struct tunnel *t, const struct message *m)
{
	return t->chosen_until > m->now && endpoint_equal(&t->chosen_wrongly, &m->remote);
}

bool candidate_take(
	struct candidate_walk *w, const struct tunnel *t, const struct message *m, uint64_t place)
{
	bool known = is_known(t, m);

	if (w->best && (known != w->best_known ? w->best_known : place >= w->best_place))
		return false;
	w->best = t;
	w->best_place = place;
	w->best_known = known;
	return true;
}

struct tunnel *candidate_next(struct candidate_walk *w, const struct engine *e,
	const struct ike_version *version, const struct message *m)
{
	bool near_enough = w->best && w->near;
	struct tunnel *t;

	while ((t = tunnel_candidate(e, &m->local, &m->remote, &w->cursor, &w->near, &w->seen))) {
		if (near_enough && !w->near)
			return NULL;
		w->disabled_near = w->disabled_near || (t->disabled && w->near);
		if (t->disabled)
			candidate_refuse(
				w, REASON_TUNNEL_DISABLED, reason_sentence(REASON_TUNNEL_DISABLED));
		else if (!policy_is_new(&w->seen, t) && !is_known(t, m))
			continue;
		else if (!speaks(t, version))
			candidate_refuse(w, REASON_IKE_VERSION,
				version == &ike_v2 ? "version 2.0, allowed 1.0"
						   : "version 1.0, allowed 2.0");
		else
			return t;
	}
	return NULL;
}

void candidate_refuse(struct candidate_walk *w, enum reason why, const char *text)
{
	bool proposal = why == REASON_NO_IKE_PROPOSAL;

	/* What compares proposals says more than a tunnel that was not asked. */
	if (w->why == REASON_NONE || (proposal && !w->refused)) {
		w->why = why;
		w->refused_near = w->near;
		snprintf(w->text, sizeof(w->text), "%s", text);
	}
	w->refused += proposal && w->near == w->refused_near;
}

void candidate_explain(struct candidate_walk *w)
{
	size_t at = strlen(w->text);

	if (w->why == REASON_NONE) {
		w->why = REASON_NO_TUNNEL;
		snprintf(w->text, sizeof(w->text), "no tunnel ends at this address for this peer");
	} else if (w->refused > 1) {
		snprintf(w->text + at, sizeof(w->text) - at,
			"; what other sites allow does not fit either");
	}
}

bool candidate_may_return(const struct engine *e, const struct message *m, struct candidate_walk *w)
{
	enum reason why = w->why;

	if (w->disabled_near)
		why = REASON_TUNNEL_DISABLED;
	/* Where another tunnel's peer is at the same address, it may as well be that one. */
	else if (!tunnel_is_near(e, &m->local, &m->remote) &&
		 former_at(e, &m->local, &m->remote, m->now))
		why = REASON_TUNNEL_REMOVED;
	if (why != w->why)
		snprintf(w->text, sizeof(w->text), "%s", reason_sentence(why));
	w->why = why;
	return why == REASON_TUNNEL_DISABLED || why == REASON_TUNNEL_REMOVED;
}

bool candidate_forces_encap(const struct engine *e, const struct ike_version *version,
	const struct message *m, const struct suite *s)
{
	struct policies_seen seen = {0};
	bool near, found_near = false;
	unsigned int cursor = 0;
	struct tunnel *t;

	while ((t = tunnel_candidate(e, &m->local, &m->remote, &cursor, &near, &seen))) {
		struct proposal_policy policy;

		if (found_near && !near)
			return false;
		if (t->disabled || !policy_is_new(&seen, t) || !speaks(t, version))
			continue;
		if (near || t->conf.options.encap == ENCAP_FORCE) {
			version->policy_ike(&t->conf.options, &policy);
			if (!proposal_allows(&policy, s))
				continue;
			found_near = found_near || near;
			if (t->conf.options.encap == ENCAP_FORCE)
				return true;
		}
	}
	return false;
}
