/* SPDX-License-Identifier: Apache-2.0 */
/* Tunnels: when we initiate, what follows the end of an SA. */
#include "crypto/hash.h"
#include "ike/internal.h"

#include <stdlib.h>
#include <string.h>

struct tunnel *tunnel_find(const struct engine *e, uint32_t number)
{
	struct tunnel *t = number < IKE_TUNNELS_MAX ? e->tunnels[number] : NULL;

	return t && t->present ? t : NULL;
}

bool tunnel_may_rekey(
	struct engine *e, struct tunnel *t, const struct ip_endpoint *remote, uint64_t now)
{
	uint64_t used = t->rekeys_until > now ? t->rekeys_until : now;

	if (used > now + (REKEYS_AT_ONCE - 1) * REKEY_EVERY) {
		engine_refusal(e, t, remote, REASON_REKEY_LIMIT, "%u at once are possible",
			REKEYS_AT_ONCE);
		return false;
	}
	t->rekeys_until = used + REKEY_EVERY;
	return true;
}

uint64_t psk_print(const struct secret *psk)
{
	static const char what[] = "sluice pre-shared key";
	const struct chunk chunks[] = {{what, sizeof(what)}, {psk->bytes, psk->len}};
	uint8_t hash[SHA256_LEN];
	uint64_t print;

	if (!hash_sha256(chunks, 2, hash))
		abort();
	memcpy(&print, hash, sizeof(print));
	secret_wipe(hash, sizeof(hash));
	return print ? print : 1;
}

const struct secret *tunnel_psk(const struct ike_sa *sa)
{
	return sa->previous_key ? &sa->tunnel->conf.psk_previous : &sa->tunnel->psk;
}

void tunnel_other_key(struct tunnel *t)
{
	t->try_previous = !t->try_previous && t->conf.psk_previous.len;
}

void tunnel_await_pair(struct engine *e, struct tunnel *t, uint64_t now)
{
	if (t->in_use >= 0)
		return;
	t->no_pair_until = now + NO_PAIR_LIFE + engine_random_span(e, NO_PAIR_LIFE / 2);
	e->lost_pair = true;
}

void tunnel_no_pair_timer(struct engine *e, struct tunnel *t, uint64_t now)
{
	const struct ike_options *o = &t->conf.options;
	struct ike_sa *sa, *next;
	bool closed = false;

	t->no_pair_until = 0;
	for (sa = TAILQ_FIRST(&t->sas); sa; sa = next) {
		next = TAILQ_NEXT(sa, of_tunnel);
		if (sa->free_me || sa->state != IKE_ESTABLISHED)
			continue;
		engine_note(e, t, &sa->remote, true, REASON_NO_PAIR, "%s",
			t->refused != REASON_NONE ? t->refused_text
						  : reason_sentence(REASON_NO_PAIR));
		/* Without a reason of its own: what is shown is why there is no pair. */
		ike_sa_close(e, sa, REASON_NONE, now);
		closed = true;
	}
	if (closed && !tunnel_ike(t) &&
		(o->startup == STARTUP_START || o->dpd_action == DPD_RESTART))
		tunnel_retry(e, t, false, now);
}

/* The version to begin with: what the peer spoke last, else the newer one; NULL when none may. */
static const struct ike_version *version_to_start(const struct tunnel *t)
{
	const struct ike_options *o = &t->conf.options;

	if (t->version == &ike_v1 ? o->ikev1 : !o->ikev2)
		return o->ikev1 ? &ike_v1 : NULL;
	return &ike_v2;
}

void tunnel_initiate(struct engine *e, struct tunnel *t, uint64_t now)
{
	const struct ike_version *version = version_to_start(t);
	struct ike_sa *sa;

	t->initiate_at = 0;
	if (!e->started || t->disabled || !version)
		return;
	if (!addr_is_set(&t->conf.remote)) {
		tunnel_report(e, t, REASON_REMOTE_UNKNOWN, reason_sentence(REASON_REMOTE_UNKNOWN));
		return;
	}
	TAILQ_FOREACH(sa, &t->sas, of_tunnel) {
		if (sa->free_me)
			continue;
		if (ike_is_initiating(sa))
			return;
		if (sa->state == IKE_ESTABLISHED && !sa->redundant) {
			if (child_live(t, NULL) < 0)
				sa->tasks |= TASK_NEW_CHILD;
			request_next_task(e, sa, now);
			return;
		}
	}
	if (!version->start(e, t, now))
		tunnel_retry(e, t, false, now);
	tunnel_report(e, t, REASON_NONE, "");
}

void tunnel_retry(struct engine *e, struct tunnel *t, bool soon, uint64_t now)
{
	uint64_t wait = t->initiate_wait;

	if (t->disabled || !addr_is_set(&t->conf.remote) || !version_to_start(t))
		return;
	if (soon)
		wait = 0;
	/* Half to full of the wait: a hundred sites must not start in the same moment. */
	t->initiate_at = now + wait / 2 + engine_random_span(e, wait / 2 + CLOCK_MILLISECOND);
	wait = wait ? wait * 18 / 10 : INITIATE_RETRY_FIRST;
	t->initiate_wait = wait < INITIATE_RETRY_LONGEST ? wait : INITIATE_RETRY_LONGEST;
}

void tunnel_dead(struct engine *e, struct ike_sa *sa, enum reason r, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	bool initiating = ike_is_initiating(sa);
	bool alive = sa->state == IKE_ESTABLISHED;
	bool again;

	if (!t) {
		ike_sa_end(e, sa, r, now);
		return;
	}
	if (alive && sa->version->survive && sa->version->survive(e, sa, now))
		return;
	if (sa->state == IKE_MAIN5_SENT)
		tunnel_other_key(t); /* that is how IKEv1 says that a key is wrong */
	again = initiating ? t->conf.options.startup == STARTUP_START ||
				     t->conf.options.dpd_action == DPD_RESTART
			   : alive && t->conf.options.dpd_action == DPD_RESTART;
	if (alive || initiating)
		engine_note(e, t, &sa->remote, true, r, "%s", reason_sentence(r));
	ike_sa_end(e, sa, r, now);
	if (again && !tunnel_ike(t))
		tunnel_retry(e, t, !initiating, now);
}
