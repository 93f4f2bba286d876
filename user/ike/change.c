/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tunnel gets another configuration while its SAs run. They go on as long as what was negotiated is
 * what could be negotiated now: an order, a wider set or a version that nobody uses interrupts no
 * traffic. What is new counts from the next negotiation on.
 */
#include "ike/allowed.h"
#include "ike/internal.h"

static bool same_selectors(const struct selector_set *a, const struct selector_set *b)
{
	return a->count == b->count && selectors_within(a, b) && selectors_within(b, a);
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && secret_equal(a->bytes, b->bytes, a->len);
}

static bool same_ppk(const struct engine_tunnel *a, const struct engine_tunnel *b)
{
	return a->options.ppk_id_len == b->options.ppk_id_len &&
	       memcmp(a->options.ppk_id, b->options.ppk_id, a->options.ppk_id_len) == 0 &&
	       same_secret(&a->ppk, &b->ppk);
}

/* Who the two ends are and how they prove it, and what the pair is for. */
static bool same_ends(
	const struct tunnel *t, const struct engine_tunnel *b, const struct secret *psk)
{
	const struct engine_tunnel *a = &t->conf;

	return addr_equal(&a->local, &b->local) && identity_equal(&a->local_id, &b->local_id) &&
	       identity_equal(&a->remote_id, &b->remote_id) && a->options.auth == b->options.auth &&
	       same_ppk(a, b) && same_selectors(&a->local_ts, &b->local_ts) &&
	       same_selectors(&a->remote_ts, &b->remote_ts) &&
	       (b->options.auth == AUTH_CERT || same_secret(&t->psk, psk) ||
		       same_secret(&t->psk, &b->psk_previous));
}

/* What a negotiation under way has offered may differ from what it is compared with at its end. */
static bool same_offer(const struct engine_tunnel *a, const struct engine_tunnel *b)
{
	const struct ike_options *x = &a->options, *y = &b->options;

	return addr_equal(&a->remote, &b->remote) && x->ikev1 == y->ikev1 && x->ikev2 == y->ikev2 &&
	       x->encap == y->encap && x->esn == y->esn &&
	       algorithms_equal(&x->p1_encryption, &y->p1_encryption) &&
	       algorithms_equal(&x->p1_integrity, &y->p1_integrity) &&
	       algorithms_equal(&x->p1_prf, &y->p1_prf) &&
	       algorithms_equal(&x->p1_groups, &y->p1_groups) &&
	       algorithms_equal(&x->p2_encryption, &y->p2_encryption) &&
	       algorithms_equal(&x->p2_integrity, &y->p2_integrity) &&
	       algorithms_equal(&x->p2_groups, &y->p2_groups);
}

static bool ike_allowed(const struct ike_sa *sa, const struct engine_tunnel *conf)
{
	struct negotiated_ike n = {.version = sa->version->number,
		.peer = sa->remote.addr,
		.udp_encap = sa->local.port == IKE_PORT_NAT &&
			     (sa->forced_encap || sa->nat_here || sa->nat_there),
		.suite = suite_numbers(&sa->suite)};

	return ike_options_allow(&conf->options, &conf->remote, &n);
}

static bool child_allowed(const struct child *c, const struct engine_tunnel *conf)
{
	struct suite_numbers suite = suite_numbers(&c->suite);

	return ike_options_allow_pair(&conf->options, c->ike->version->number, &suite);
}

static bool all_allowed(const struct tunnel *t, const struct engine_tunnel *conf)
{
	const struct ike_sa *sa;

	TAILQ_FOREACH(sa, &t->sas, of_tunnel) {
		if (!sa->free_me && sa->state == IKE_ESTABLISHED && !ike_allowed(sa, conf))
			return false;
	}
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		const struct child *c = &t->children[i];

		if (c->state == CHILD_LIVE && c->ike && !child_allowed(c, conf))
			return false;
	}
	return true;
}

bool tunnel_may_stay(
	const struct tunnel *t, const struct engine_tunnel *conf, const struct secret *psk)
{
	return same_ends(t, conf, psk) && all_allowed(t, conf);
}

void tunnel_end_unproven(struct engine *e, struct tunnel *t, uint64_t now)
{
	uint64_t previous = t->conf.psk_previous.len ? psk_print(&t->conf.psk_previous) : 0;
	struct ike_sa *sa, *next;

	for (sa = TAILQ_FIRST(&t->sas); sa; sa = next) {
		next = TAILQ_NEXT(sa, of_tunnel);
		if (sa->free_me || sa->state != IKE_ESTABLISHED || !sa->key_print ||
			sa->key_print == t->psk_print || sa->key_print == previous)
			continue;
		engine_note(e, t, &sa->remote, false, REASON_CONFIG_CHANGED,
			"ended by the hub: the key that it was set up by is not its key any more");
		ike_sa_close(e, sa, REASON_CONFIG_CHANGED, now);
	}
}

void tunnel_end_attempts(
	struct engine *e, struct tunnel *t, const struct engine_tunnel *conf, uint64_t now)
{
	struct ike_sa *sa, *next;

	if (same_offer(&t->conf, conf))
		return;
	for (sa = TAILQ_FIRST(&t->sas); sa; sa = next) {
		next = TAILQ_NEXT(sa, of_tunnel);
		if (!sa->free_me && ike_is_initiating(sa))
			ike_sa_close(e, sa, REASON_CONFIG_CHANGED, now);
	}
}
