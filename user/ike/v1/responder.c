/* SPDX-License-Identifier: Apache-2.0 */
/* Main mode as the responder: RFC 2409 5.4. Nothing is computed before message 3. */
#include "ike/admission.h"
#include "ike/candidate.h"
#include "ike/elsewhere.h"
#include "ike/former.h"
#include "ike/v1/v1.h"
#include "ike/v2/v2.h"

#include <stdio.h>
#include <stdlib.h>

static void answer(struct engine *e, struct ike_sa *sa, const struct message *m,
	const uint8_t *bytes, size_t len)
{
	if (!len)
		return;
	blob_set(&sa->response, bytes, len);
	engine_send(e, &m->local, &m->remote, bytes, len, 0);
}

/* ---- messages 1 and 2 ---- */

/*
 * The identity comes last, in message 5. So every tunnel of these addresses chooses for itself, and
 * where they differ the peer's order decides, as in IKE_SA_INIT of IKEv2.
 */
static bool choose(struct engine *e, const struct message *m, struct span body,
	struct candidate_walk *w, struct v1_choice *choice)
{
	char text[REASON_TEXT_SIZE];
	struct tunnel *t;
	bool no_pfs;

	while ((t = candidate_next(w, e, &ike_v1, m))) {
		struct v1_policy policy;
		struct v1_choice got;

		v1_policy_ike(&t->conf.options, &policy);
		v1_policy_auth(e, t, &policy);
		if (!policy.auths) {
			candidate_refuse(w, REASON_CERT_OWN, reason_sentence(REASON_CERT_OWN));
			continue;
		}
		switch (v1_choose(
			body.bytes, body.len, &policy, &got, &no_pfs, text, sizeof(text))) {
		case PROPOSAL_OK:
			if (candidate_take(w, t, m, got.place))
				*choice = got;
			break;
		case PROPOSAL_NONE:
			candidate_refuse(w, REASON_NO_IKE_PROPOSAL, text);
			break;
		default:
			w->why = REASON_MALFORMED;
			snprintf(w->text, sizeof(w->text), "SA payload of main mode");
			return false;
		}
	}
	candidate_explain(w);
	return w->best != NULL;
}

void v1_main1(struct engine *e, struct v1_message *vm, uint64_t now)
{
	const struct message *m = vm->m;
	struct span body = vm->p.one[V1_SA];
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct candidate_walk walk = {0};
	struct message_writer w;
	struct v1_choice choice;
	struct ike_sa *sa;

	if (!body.bytes) {
		stranger_refused(e, m, true, REASON_MALFORMED, "main mode message 1");
		return;
	}
	if (!admission_room(e, m, &ike_v1))
		return;
	if (!choose(e, m, body, &walk, &choice)) {
		bool silent = candidate_may_return(e, m, &walk);

		stranger_refused(
			e, m, walk.why != REASON_TUNNEL_REMOVED, walk.why, "%s", walk.text);
		if (!silent)
			v1_notify_clear(e, m,
				walk.why == REASON_IKE_VERSION ? V1_NOTIFY_INVALID_MAJOR_VERSION
							       : V1_NOTIFY_NO_PROPOSAL_CHOSEN);
		return;
	}
	sa = v1_sa_new(e, false, m->head.spi_i, ike_sa_new_spi(e), &m->local, &m->remote, now);
	admission_enter(e, sa, false, now);
	sa->suite = choice.suite;
	sa->lifetime_s = choice.lifetime_s;
	sa->forced_encap = candidate_forces_encap(e, &ike_v1, m, &sa->suite);
	sa->v1->handshake = calloc(1, sizeof(*sa->v1->handshake));
	if (!sa->v1->handshake)
		abort();
	sa->v1->handshake->auth = choice.auth;
	blob_set(&sa->v1->handshake->sa, body.bytes, body.len);
	v1_read_vendors(sa, &vm->p);
	ike_set_state(sa, IKE_MAIN2_SENT);
	v1_main_begin(sa, &w, buffer);
	v1_payload_begin(&w, V1_SA);
	v1_encode_ike_choice(&w.w, &choice);
	message_payload_end(&w);
	v1_put_vendors(&w, sa);
	answer(e, sa, m, buffer, message_end(&w));
}

/* ---- messages 3 and 4 ---- */

/* Not authenticated: a tampered one must not end what the right one may still continue. */
static void doubt_third(
	struct engine *e, struct ike_sa *sa, const struct message *m, const char *text)
{
	stranger_refused(e, m, true, REASON_KE_VALUE, "%s in group %s", text, sa->suite.ke->name);
	v1_notify_clear(e, m, V1_NOTIFY_INVALID_KEY_INFORMATION);
	if (++sa->v1->handshake->tries >= V1_TRIES_MAX)
		ike_sa_drop(e, sa);
}

void v1_main3(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
{
	struct v1_handshake *h = sa->v1->handshake;
	uint8_t buffer[IKE_BUFFER_SIZE], public[DH_PUBLIC_MAX];
	struct message_writer w;
	struct span peer_public;

	(void)now;
	sa->proven = true; /* it has our cookie */
	if (!v1_main_get_exchange(sa, &vm->p, &sa->ni, &peer_public)) {
		doubt_third(e, sa, vm->m, "key exchange or nonce has the wrong length");
		return;
	}
	if (!dh_respond(sa->suite.ke, peer_public.bytes, peer_public.len, public, &h->shared) ||
		!v1_detect_nat(sa, &vm->p, vm->m)) {
		doubt_third(e, sa, vm->m, "key exchange");
		return;
	}
	blob_set(&h->public_i, peer_public.bytes, peer_public.len);
	blob_set(&h->public_r, public, sa->suite.ke->public_len);
	make_nonce(e, &sa->nr);
	ike_set_state(sa, IKE_MAIN4_SENT);
	v1_main_begin(sa, &w, buffer);
	if (v1_main_put_exchange(
		    e, sa, &w, vm->m, &sa->nr, (struct span){public, sa->suite.ke->public_len}))
		answer(e, sa, vm->m, buffer, v1_main_end(sa, &w, false));
}

/* ---- messages 5 and 6 ---- */

/* How far the best candidate came, and what is to be said when none is the one. */
struct attempt {
	struct tunnel *tunnel; /* the one that is named in the refusal, or NULL */
	enum reason why;
	unsigned int tried;
	bool named;             /* it is the one that is configured for the peer's address */
	bool proven;            /* the key is right; `keys` are those of the SA */
	struct ike_identity id; /* that no tunnel of this key has; type 0: none was said */
	struct v1_keys keys;
	char text[REASON_TEXT_SIZE];
};

static bool try_key(struct engine *e, struct ike_sa *sa, struct v1_message *vm, struct tunnel *t,
	const struct secret *psk, struct attempt *a)
{
	char text[REASON_TEXT_SIZE] = "";
	enum reason why;

	memcpy(vm->copy, vm->cipher, vm->m->raw.len);
	if (!v1_derive(sa, psk) || !v1_open_proof(sa, vm))
		return false;
	why = v1_check_proof(e, sa, t, &vm->p, text, sizeof(text));
	if (why == REASON_NONE)
		return true;
	/* The key is right. From here on another reason is nearer to the truth. */
	if (why == REASON_WRONG_PSK || (a->proven && why == REASON_UNKNOWN_ID))
		return false;
	a->proven = true;
	if (why == REASON_UNKNOWN_ID)
		(void)identity_decode(vm->p.id[0].bytes, vm->p.id[0].len, &a->id);
	a->tunnel = t;
	a->why = why;
	a->keys = sa->v1_keys;
	snprintf(a->text, sizeof(a->text), "%s", text[0] ? text : reason_sentence(why));
	return false;
}

static bool try_tunnel(struct engine *e, struct ike_sa *sa, struct v1_message *vm, struct tunnel *t,
	struct attempt *a)
{
	const struct secret *previous = &t->conf.psk_previous;

	sa->previous_key = false;
	if (try_key(e, sa, vm, t, &t->psk, a))
		return true;
	sa->previous_key = previous->len && try_key(e, sa, vm, t, previous, a);
	return sa->previous_key;
}

/* No key has opened message 5 so far. It is told of the tunnel whose address it has, or of the only one. */
static void name_refused(struct attempt *a, struct tunnel *t, bool at_its_address)
{
	a->named = a->named || at_its_address;
	if (at_its_address || a->tried == 1)
		a->tunnel = t;
	else if (!a->named)
		a->tunnel = NULL;
	if (a->tried == 1)
		snprintf(a->text, sizeof(a->text), "message 5 does not decrypt with its key");
	else if (a->named)
		snprintf(a->text, sizeof(a->text),
			"message 5 does not decrypt with its key, nor with that of %u other "
			"tunnel%s "
			"of any address",
			a->tried - 1, a->tried == 2 ? "" : "s");
	else
		snprintf(a->text, sizeof(a->text),
			"message 5 does not decrypt with the key of any of %u tunnels", a->tried);
}

/*
 * 5.4: with a shared key the peer's address has to tell which one, as the identity comes under its
 * protection. Where addresses are not known, or several sites share one behind a NAT, the keys of
 * all tunnels in question are tried; that costs some HMACs and one decryption each. With signatures
 * (5.1) the identity decides, before anything is verified.
 */
static struct tunnel *authenticate(
	struct engine *e, struct ike_sa *sa, struct v1_message *vm, struct attempt *a)
{
	bool by_key = sa->v1->handshake->auth == V1_AUTH_PSK;
	struct tunnel *t, *at = tunnel_at(e, &vm->m->local, &vm->m->remote);
	unsigned int cursor = 0;
	bool near;

	*a = (struct attempt){.why = REASON_NO_TUNNEL};
	snprintf(a->text, sizeof(a->text), "the tunnel is gone");
	while ((t = tunnel_candidate(e, &vm->m->local, &vm->m->remote, &cursor, &near, NULL))) {
		if (!t->conf.options.ikev1 || (t->conf.options.auth == AUTH_PSK) != by_key ||
			a->tried == V1_CANDIDATES_MAX)
			continue;
		if (try_tunnel(e, sa, vm, t, a))
			return t;
		a->tried++;
		if (a->proven)
			continue;
		a->why = by_key ? REASON_WRONG_PSK : REASON_INTEGRITY;
		name_refused(a, t, t == at);
	}
	sa->v1_keys = a->keys;
	return NULL;
}

/* To operators: of its tunnel, and where that is not known for certain by its address. */
static void tell_refused(struct engine *e, const struct message *m, struct tunnel *t,
	enum reason why, const char *text)
{
	engine_refusal(e, t, &m->remote, why, "%s", text);
	if (t)
		tunnel_report(e, t, why, text);
	stranger_unknown(e, &m->local, &m->remote, true, why, text, m->now);
}

/*
 * Under the SA's protection where the peer has proven to have the key. Unless `final`, the message
 * may have been tampered with, and the right one is still welcome.
 */
static void refuse(struct engine *e, struct ike_sa *sa, const struct message *m, bool proven,
	bool final, enum reason why, uint64_t now)
{
	enum v1_notify type = why == REASON_UNKNOWN_ID ? V1_NOTIFY_INVALID_ID_INFORMATION
						       : V1_NOTIFY_AUTHENTICATION_FAILED;

	if (proven)
		v1_send_notify(e, sa, PROTOCOL_IKE, type);
	else
		v1_notify_clear(e, m, type);
	if (!final && ++sa->v1->handshake->tries < V1_TRIES_MAX)
		return;
	blob_free(&sa->response);
	ike_set_state(sa, IKE_FAILED);
	sa->guard_at = now + FAILED_LIFE;
}

/*
 * The peer had a tunnel until a short time ago. Its key went with the tunnel: without that, and with it
 * the identity, its address tells.
 */
static bool was_removed(const struct engine *e, const struct message *m, const struct attempt *a)
{
	if (a->proven)
		return a->id.type && former_has(e, &m->local.addr, &a->id, m->now);
	return former_at(e, &m->local, &m->remote, m->now);
}

/* Whether the tunnel takes one more SA with this suite; false with the reason, which operators are told. */
static bool acceptable(struct engine *e, const struct ike_sa *sa, struct tunnel *t,
	const struct ip_endpoint *began, enum reason *why, char *text, size_t size, uint64_t now)
{
	struct v1_policy policy;

	v1_policy_ike(&t->conf.options, &policy);
	if (!proposal_allows(&policy.sets, &sa->suite)) {
		*why = REASON_NO_IKE_PROPOSAL;
		tunnel_chosen_wrongly(e, t, began, now);
		refused_suite_format(&policy.sets, &sa->suite, text, size);
	} else if (tunnel_count_ike(t) >= IKE_SAS_PER_TUNNEL) {
		*why = REASON_NO_SLOT;
		snprintf(text, size, "%u IKE SAs exist", IKE_SAS_PER_TUNNEL);
	} else {
		return true;
	}
	return false;
}

/* Both ends begin at once, and ours is to be the first: the peer repeats this message. */
static bool must_wait(const struct tunnel *t)
{
	const struct ike_sa *sa;

	TAILQ_FOREACH(sa, &t->sas, of_tunnel) {
		if (!sa->free_me && (sa->state == IKE_MAIN3_SENT || sa->state == IKE_MAIN5_SENT))
			return v1_leads(t);
	}
	return false;
}

static bool send_last(
	struct engine *e, struct ike_sa *sa, const struct message *m, bool alone, uint64_t now)
{
	const struct ike_options *o = &sa->tunnel->conf.options;
	uint8_t buffer[IKE_BUFFER_SIZE], spi[V1_COOKIES_LEN], life[16];
	struct wr spi_w = wr_init(spi, sizeof(spi)), life_w = wr_init(life, sizeof(life));
	struct message_writer w;
	enum reason why;

	wr_u64(&spi_w, sa->spi_i);
	wr_u64(&spi_w, sa->spi_r);
	v1_main_begin(sa, &w, buffer);
	why = v1_put_proof(e, sa, &w);
	if (why != REASON_NONE) {
		engine_note(e, sa->tunnel, &m->remote, true, why, "%s", reason_sentence(why));
		return false;
	}
	if (alone)
		v1_notification(
			&w, PROTOCOL_IKE, spi, sizeof(spi), V1_NOTIFY_INITIAL_CONTACT, NULL, 0);
	if (!sa->lifetime_s || sa->lifetime_s > o->p1_lifetime_s) {
		/* RFC 2407 4.6.3.1: we live shorter than the peer asked for. */
		v1_encode_lifetime(&life_w, PROTOCOL_IKE, o->p1_lifetime_s);
		v1_notification(&w, PROTOCOL_IKE, spi, sizeof(spi), V1_NOTIFY_RESPONDER_LIFETIME,
			life, wr_len(&life_w));
	}
	answer(e, sa, m, buffer, v1_main_end(sa, &w, true));
	sa->response_until = now + HALF_OPEN_LIFE;
	return true;
}

/* What keeps a tunnel of these addresses, whose identity the peer has said, from being the one. */
static const char *what_differs(
	const struct ike_sa *sa, const struct tunnel *t, const struct attempt *a)
{
	bool by_key = sa->v1->handshake->auth == V1_AUTH_PSK;

	if (!t->conf.options.ikev1)
		return ", which has another version of IKE";
	if ((t->conf.options.auth == AUTH_PSK) != by_key)
		return ", which has another kind of authentication";
	return a->tried < V1_CANDIDATES_MAX ? ", whose pre-shared key is another one" : "";
}

/* The key is right, and the identity that of another tunnel: operators hear of which. */
static void name_elsewhere(
	struct engine *e, const struct ike_sa *sa, const struct message *m, struct attempt *a)
{
	const struct tunnel *t = elsewhere_find(e, &a->id, &m->local, &m->remote);
	char id[IDENTITY_STR_SIZE], where[REASON_TEXT_SIZE];

	if (t)
		snprintf(a->text, sizeof(a->text), "identity %.60s: %.160s",
			identity_format(&a->id, id),
			elsewhere_format(t, &m->local, &m->remote, what_differs(sa, t, a), where));
}

void v1_main5(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now)
{
	const struct message *m = vm->m;
	const struct chunk raw = {m->raw.bytes, m->raw.len};
	struct v1_handshake *h = sa->v1->handshake;
	struct ip_endpoint began = sa->remote;
	uint8_t digest[SHA256_LEN];
	struct blob cipher = {0};
	char text[REASON_TEXT_SIZE];
	struct attempt a;
	struct tunnel *t;
	enum reason why;
	bool contact, alone, copy;

	if (h->tries >= V1_TRIES_MAX)
		return; /* it was met with silence as often, and each time all keys were tried */
	if (!hash_sha256(&raw, 1, digest))
		return;
	/* Told of before, and tried again because the hub may have the right key by now. */
	copy = !memcmp(h->refused, digest, sizeof(digest));
	blob_set(&cipher, m->raw.bytes, m->raw.len);
	vm->cipher = cipher.bytes;
	t = authenticate(e, sa, vm, &a);
	blob_free(&cipher);
	if (!t && !a.proven)
		memcpy(h->refused, digest, sizeof(digest));
	secret_wipe(&a.keys, sizeof(a.keys));
	/* RFC 3947 4: from here on the peer is where this message came from. */
	sa->local = m->local;
	sa->remote = m->remote;
	if (!t && was_removed(e, m, &a)) {
		memset(h->refused, 0, sizeof(h->refused));
		h->tries++;
		stranger_refused(e, m, false, REASON_TUNNEL_REMOVED, "%s", a.text);
		return; /* silence: the peer repeats this message */
	}
	if (!t) {
		if (a.why == REASON_UNKNOWN_ID && a.id.type)
			name_elsewhere(e, sa, m, &a);
		if (!copy)
			tell_refused(e, m, a.tunnel, a.why, a.text);
		refuse(e, sa, m, a.proven, a.proven && h->auth == V1_AUTH_PSK, a.why, now);
		return;
	}
	if (t->disabled) {
		engine_refusal(e, t, &m->remote, REASON_TUNNEL_DISABLED, "%s",
			reason_sentence(REASON_TUNNEL_DISABLED));
		return; /* silence: the peer repeats this message */
	}
	if (must_wait(t))
		return;
	if (!acceptable(e, sa, t, &began, &why, text, sizeof(text), now)) {
		tell_refused(e, m, t, why, text);
		refuse(e, sa, m, true, true, why, now);
		return;
	}
	sa->guard_at = 0;
	alone = tunnel_count_ike(t) == 0;
	contact = v1_find_notify(&vm->p, V1_NOTIFY_INITIAL_CONTACT) != NULL;
	ike_sa_set_tunnel(sa, t);
	if (!send_last(e, sa, m, alone, now)) {
		ike_sa_end(e, sa, REASON_CRYPTO, now);
		return;
	}
	ike_sa_establish(e, sa, contact, now);
	tunnel_report(e, t, REASON_NONE, "");
}
