/* SPDX-License-Identifier: Apache-2.0 */
/* Main mode as the initiator: RFC 2409 5.4. */
#include "ike/v1/v1.h"
#include "ike/v2/v2.h"

#include <stdio.h>
#include <stdlib.h>

static void send_next(struct engine *e, struct ike_sa *sa, enum ike_state state,
	const uint8_t *bytes, size_t len, uint64_t now)
{
	request_done(sa);
	ike_set_state(sa, state);
	request_send(e, sa, REQUEST_INIT, bytes, len, now);
}

/* ---- message 1 ---- */

static bool begin(struct engine *e, struct tunnel *t, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, uint64_t now)
{
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct message_writer w;
	struct v1_policy policy;
	struct ike_sa *sa;
	size_t at;

	v1_policy_ike(&t->conf.options, &policy);
	v1_policy_auth(e, t, &policy);
	if (!policy.auths || !policy.sets.encr.count || !policy.sets.integ.count ||
		!policy.sets.ke.count)
		return false;
	sa = v1_sa_new(e, true, ike_sa_new_spi(e), 0, local, remote, now);
	ike_sa_set_tunnel(sa, t);
	sa->forced_encap = t->conf.options.encap == ENCAP_FORCE;
	sa->v1->handshake = calloc(1, sizeof(*sa->v1->handshake));
	if (!sa->v1->handshake)
		abort();
	v1_main_begin(sa, &w, buffer);
	v1_payload_begin(&w, V1_SA);
	at = wr_len(&w.w);
	v1_encode_ike_offer(&w.w, &policy, t->conf.options.p1_lifetime_s);
	if (!w.w.bad)
		blob_set(&sa->v1->handshake->sa, buffer + at, wr_len(&w.w) - at);
	message_payload_end(&w);
	v1_put_vendors(&w, sa);
	send_next(e, sa, IKE_MAIN1_SENT, buffer, message_end(&w), now);
	return true;
}

bool v1_main_start(struct engine *e, struct tunnel *t, uint64_t now)
{
	struct ip_endpoint local = {t->conf.local, IKE_PORT}, remote = {t->conf.remote, IKE_PORT};

	return begin(e, t, &local, &remote, now);
}

/* IKEv1 has no rekey of phase 1: a new main mode, whose SA takes over the old one's children. */
void v1_main_rekey(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	const struct ike_sa *other;

	TAILQ_FOREACH(other, &sa->tunnel->sas, of_tunnel) {
		if (other == sa || other->free_me)
			continue;
		if (ike_is_initiating(other))
			return; /* it is being done */
		if (other->state == IKE_ESTABLISHED && other->established >= sa->established) {
			engine_note(e, sa->tunnel, &sa->remote, false, REASON_TEMPORARY,
				"the peer has made a new IKE SA and has not used it yet, so we "
				"make none");
			return;
		}
	}
	(void)begin(e, sa->tunnel, &sa->local, &sa->remote, now);
}

/* ---- messages 2 and 3 ---- */

/* A refusal of what is not authenticated yet: noted, while the right answer may still come. */
static void doubt(struct engine *e, struct ike_sa *sa, const struct message *m, enum reason why,
	const char *text)
{
	engine_note(e, sa->tunnel, &m->remote, true, why, "%s", text);
	tunnel_report(e, sa->tunnel, why, text);
}

void v1_main2(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
{
	struct v1_handshake *h = sa->v1->handshake;
	struct span body = vm->p.one[V1_SA];
	uint8_t buffer[IKE_BUFFER_SIZE], public[DH_PUBLIC_MAX];
	char text[REASON_TEXT_SIZE] = "main mode message 2";
	struct message_writer w;
	struct v1_policy policy;
	struct v1_choice choice;
	bool no_pfs;

	v1_policy_ike(&sa->tunnel->conf.options, &policy);
	v1_policy_auth(e, sa->tunnel, &policy);
	if (!vm->m->head.spi_r || !body.bytes ||
		v1_choose(body.bytes, body.len, &policy, &choice, &no_pfs, text, sizeof(text)) !=
			PROPOSAL_OK) {
		doubt(e, sa, vm->m, REASON_NO_IKE_PROPOSAL, text);
		return;
	}
	dh_free(sa->dh);
	sa->dh = dh_new(choice.suite.ke);
	if (!sa->dh || !dh_public(sa->dh, public)) {
		tunnel_dead(e, sa, REASON_CRYPTO, now);
		return;
	}
	sa->spi_r = vm->m->head.spi_r;
	sa->suite = choice.suite;
	h->auth = choice.auth;
	blob_set(&h->public_i, public, sa->suite.ke->public_len);
	v1_read_vendors(sa, &vm->p);
	make_nonce(e, &sa->ni);
	v1_main_begin(sa, &w, buffer);
	if (v1_main_put_exchange(
		    e, sa, &w, vm->m, &sa->ni, (struct span){public, sa->suite.ke->public_len}))
		send_next(e, sa, IKE_MAIN3_SENT, buffer, v1_main_end(sa, &w, false), now);
}

/* ---- messages 4 and 5 ---- */

void v1_main4(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
{
	struct v1_handshake *h = sa->v1->handshake;
	uint8_t buffer[IKE_BUFFER_SIZE], spi[V1_COOKIES_LEN];
	struct wr spi_w = wr_init(spi, sizeof(spi));
	struct message_writer w;
	struct span public;
	enum reason why;

	if (!v1_main_get_exchange(sa, &vm->p, &sa->nr, &public) ||
		!dh_shared(sa->dh, public.bytes, public.len, &h->shared)) {
		doubt(e, sa, vm->m, REASON_KE_VALUE, sa->suite.ke->name);
		return;
	}
	blob_set(&h->public_r, public.bytes, public.len);
	sa->previous_key = sa->tunnel->try_previous;
	if (!v1_detect_nat(sa, &vm->p, vm->m) || !v1_derive(sa, tunnel_psk(sa))) {
		tunnel_dead(e, sa, REASON_CRYPTO, now);
		return;
	}
	/* RFC 3947 4: both ports change with message 5. */
	if (sa->local.port == IKE_PORT && (sa->nat_here || sa->nat_there)) {
		sa->local.port = IKE_PORT_NAT;
		sa->remote.port = IKE_PORT_NAT;
	}
	v1_main_begin(sa, &w, buffer);
	why = v1_put_proof(e, sa, &w);
	if (why != REASON_NONE) {
		tunnel_dead(e, sa, why, now);
		return;
	}
	wr_u64(&spi_w, sa->spi_i);
	wr_u64(&spi_w, sa->spi_r);
	if (tunnel_count_ike(sa->tunnel) == 1)
		v1_notification(
			&w, PROTOCOL_IKE, spi, sizeof(spi), V1_NOTIFY_INITIAL_CONTACT, NULL, 0);
	send_next(e, sa, IKE_MAIN5_SENT, buffer, v1_main_end(sa, &w, true), now);
}

/* ---- message 6 ---- */

void v1_main6(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
{
	const struct message *m = vm->m;
	struct tunnel *t = sa->tunnel;
	struct v1_keys before = sa->v1_keys;
	char text[REASON_TEXT_SIZE] = "message 6";
	const struct notify *life;
	enum reason why;
	uint32_t seconds;

	why = v1_open_proof(sa, vm) ? v1_check_proof(e, sa, t, &vm->p, text, sizeof(text))
				    : REASON_WRONG_PSK;
	if (why == REASON_WRONG_PSK) {
		/* Forged, or the peer has another key; the right one may still come. */
		sa->v1_keys = before;
		secret_wipe(&before, sizeof(before));
		engine_note(e, t, &m->remote, true, REASON_INTEGRITY, "main mode message 6");
		return;
	}
	secret_wipe(&before, sizeof(before));
	if (why != REASON_NONE) {
		engine_note(e, t, &m->remote, true, why, "%s", text);
		request_done(sa);
		ike_sa_end(e, sa, why, now);
		tunnel_report(e, t, why, text);
		if (!tunnel_ike(t) && t->conf.options.startup == STARTUP_START)
			tunnel_retry(e, t, false, now);
		return;
	}
	life = v1_find_notify(&vm->p, V1_NOTIFY_RESPONDER_LIFETIME);
	seconds = life ? v1_decode_lifetime(PROTOCOL_IKE, life->data.bytes, life->data.len) : 0;
	sa->lifetime_s = seconds;
	request_done(sa);
	ike_sa_establish(e, sa, v1_find_notify(&vm->p, V1_NOTIFY_INITIAL_CONTACT) != NULL, now);
	if (child_live(t, NULL) < 0)
		sa->tasks |= TASK_NEW_CHILD;
}
