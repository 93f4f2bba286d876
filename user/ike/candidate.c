/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/candidate.h"

#include "ike/former.h"

#include <stdio.h>

#define CHOSEN_LIFE (600 * CLOCK_SECOND) /* devices try again within minutes, from the same port */

struct tunnel *tunnel_candidate(const struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, unsigned int *cursor, bool *near)
{
	while (*cursor < 2 * e->tunnel_end) {
		struct tunnel *t;
		bool any, here;

		*near = *cursor < e->tunnel_end;
		t = tunnel_find(e, (*cursor)++ % e->tunnel_end);
		if (!t || !addr_equal(&t->conf.local, &local->addr))
			continue;
		any = !addr_is_set(&t->conf.remote);
		here = addr_equal(any ? &t->seen_at : &t->conf.remote, &remote->addr);
		if (*near ? here : any && !here)
			return t;
	}
	return NULL;
}

static struct named_bucket *named_bucket(const struct engine *e, const struct ip_addr *remote)
{
	return (struct named_bucket *)&e->named[engine_bucket_of(e, remote, NAMED_BUCKETS)];
}

static const struct ip_addr *peer_address(const struct tunnel *t)
{
	return addr_is_set(&t->conf.remote) ? &t->conf.remote : &t->seen_at;
}

static void tunnel_name(struct engine *e, struct tunnel *t)
{
	if (addr_is_set(peer_address(t)))
		LIST_INSERT_HEAD(named_bucket(e, peer_address(t)), t, named);
}

void tunnel_unname(struct tunnel *t)
{
	if (addr_is_set(peer_address(t)))
		LIST_REMOVE(t, named);
}

void tunnel_seen(struct engine *e, struct tunnel *t, const struct ip_addr *at)
{
	tunnel_unname(t);
	t->seen_at = *at;
	tunnel_name(e, t);
	unknown_forget(&e->unknown, &t->conf.local, at);
}

void tunnel_chosen_wrongly(
	struct engine *e, struct tunnel *t, const struct ip_endpoint *remote, uint64_t now)
{
	tunnel_seen(e, t, &remote->addr);
	t->chosen_wrongly = *remote;
	t->chosen_until = now + CHOSEN_LIFE;
}

void tunnel_configure(struct engine *e, struct tunnel *t, const struct engine_tunnel *conf)
{
	tunnel_unname(t);
	t->conf = *conf;
	tunnel_name(e, t);
	unknown_forget(&e->unknown, &conf->local, &conf->remote);
}

struct tunnel *tunnel_at(
	const struct engine *e, const struct ip_endpoint *local, const struct ip_endpoint *remote)
{
	struct tunnel *t, *found = NULL;

	LIST_FOREACH(t, named_bucket(e, &remote->addr), named)
	{
		if (!addr_equal(&t->conf.local, &local->addr) ||
			!addr_equal(&t->conf.remote, &remote->addr))
			continue;
		if (found)
			return NULL;
		found = t;
	}
	return found;
}

bool tunnel_is_near(
	const struct engine *e, const struct ip_endpoint *local, const struct ip_endpoint *remote)
{
	struct tunnel *t;

	LIST_FOREACH(t, named_bucket(e, &remote->addr), named)
	{
		if (addr_equal(&t->conf.local, &local->addr) &&
			addr_equal(peer_address(t), &remote->addr))
			return true;
	}
	return false;
}

static bool speaks(const struct tunnel *t, const struct ike_version *version)
{
	return version == &ike_v2 ? t->conf.options.ikev2 : t->conf.options.ikev1;
}

static bool same_policy(const struct tunnel *a, const struct tunnel *b)
{
	const struct ike_options *x = &a->conf.options, *y = &b->conf.options;

	return x->auth == y->auth && algorithms_equal(&x->p1_encryption, &y->p1_encryption) &&
	       algorithms_equal(&x->p1_integrity, &y->p1_integrity) &&
	       algorithms_equal(&x->p1_prf, &y->p1_prf) &&
	       algorithms_equal(&x->p1_groups, &y->p1_groups);
}

/* A hub has a thousand sites and a handful of policies: a stranger's offer is read once for each. */
static bool seen_before(struct candidate_walk *w, const struct tunnel *t)
{
	for (unsigned int i = 0; i < w->policies; i++) {
		if (same_policy(w->policy_of[i], t))
			return true;
	}
	if (w->policies < CANDIDATE_POLICIES_MAX)
		w->policy_of[w->policies++] = t;
	return false;
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

	while ((t = tunnel_candidate(e, &m->local, &m->remote, &w->cursor, &w->near))) {
		if (near_enough && !w->near)
			return NULL;
		w->disabled_near = w->disabled_near || (t->disabled && w->near);
		if (t->disabled)
			candidate_refuse(
				w, REASON_TUNNEL_DISABLED, reason_sentence(REASON_TUNNEL_DISABLED));
		else if (!speaks(t, version))
			candidate_refuse(w, REASON_IKE_VERSION,
				version == &ike_v2 ? "version 2.0, allowed 1.0"
						   : "version 1.0, allowed 2.0");
		else if (!seen_before(w, t) || is_known(t, m))
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
	bool near, found_near = false;
	unsigned int cursor = 0;
	struct tunnel *t;

	while ((t = tunnel_candidate(e, &m->local, &m->remote, &cursor, &near))) {
		struct proposal_policy policy;

		if (found_near && !near)
			return false;
		if (t->disabled || !speaks(t, version))
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
