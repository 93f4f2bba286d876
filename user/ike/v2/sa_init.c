/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_SA_INIT: RFC 7296 1.2, 2.6, 2.7, 2.23. Nothing here is authenticated yet. */
#include "ike/admission.h"
#include "ike/candidate.h"
#include "ike/credentials.h"
#include "ike/v2/v2.h"

#include <stdio.h>

static void write_request(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct ike_header h = {
		.spi_i = sa->spi_i, .exchange = EXCHANGE_IKE_SA_INIT, .flags = FLAG_INITIATOR};
	uint8_t buffer[IKE_MESSAGE_MAX], public[DH_PUBLIC_MAX];
	const struct dh_group *g = sa->suite.ke;
	struct proposal_policy policy;
	struct message_writer w;
	size_t len;

	proposal_policy_ike(&sa->tunnel->conf.options, &policy);
	message_begin(&w, buffer, sizeof(buffer), &h);
	if (sa->cookie.bytes)
		message_notify(&w, 0, NULL, 0, NOTIFY_COOKIE, sa->cookie.bytes, sa->cookie.len);
	message_payload_begin(&w, PAYLOAD_SA);
	proposal_encode_offer(&w.w, &policy, NULL, 0);
	message_payload_end(&w);
	if (!dh_public(sa->dh, public))
		return;
	put_ke(&w, g, public);
	message_payload(&w, PAYLOAD_NONCE, sa->ni.bytes, sa->ni.len);
	nat_write(e, &w, sa->spi_i, 0, &sa->local, &sa->remote, sa->forced_encap);
	message_notify(&w, 0, NULL, 0, NOTIFY_FRAGMENTATION_SUPPORTED, NULL, 0);
	if (sa->tunnel->conf.ppk.len)
		ppk_announce(&w);
	if (sa->tunnel->conf.options.auth == AUTH_CERT)
		auth_cert_announce(&w);
	len = message_end(&w);
	blob_set(&sa->init_request, buffer, len);
	request_done(sa);
	request_send(e, sa, REQUEST_INIT, buffer, len, now);
}

static bool choose_group(struct ike_sa *sa, const struct dh_group *g)
{
	dh_free(sa->dh);
	sa->suite.ke = g;
	sa->dh = g ? dh_new(g) : NULL;
	return sa->dh != NULL;
}

bool sa_init_start(struct engine *e, struct tunnel *t, uint64_t now)
{
	struct ip_endpoint local = {t->conf.local, IKE_PORT}, remote = {t->conf.remote, IKE_PORT};
	struct proposal_policy policy;
	struct ike_sa *sa;

	proposal_policy_ike(&t->conf.options, &policy);
	sa = ike_sa_new(e, &ike_v2, true, ike_sa_new_spi(e), 0, &local, &remote, now);
	ike_sa_set_tunnel(sa, t);
	sa->forced_encap = t->conf.options.encap == ENCAP_FORCE;
	make_nonce(e, &sa->ni);
	if (!choose_group(sa, proposal_first_group(&policy))) {
		ike_sa_drop(e, sa);
		return false;
	}
	ike_set_state(sa, IKE_INIT_SENT);
	write_request(e, sa, now);
	return true;
}

/* An unprotected answer with one notification: cookie, other group, refusal. No state is kept. */
void sa_init_notify(struct engine *e, const struct message *m, enum ike_notify type,
	const void *data, size_t len)
{
	struct ike_header h = {.spi_i = m->head.spi_i,
		.spi_r = m->head.spi_r,
		.exchange = m->head.exchange,
		.flags = FLAG_RESPONSE,
		.id = m->head.id};
	uint8_t buffer[256];
	struct message_writer w;

	message_begin(&w, buffer, sizeof(buffer), &h);
	message_notify(&w, 0, NULL, 0, type, data, len);
	len = message_end(&w);
	engine_send(e, &m->local, &m->remote, buffer, len, 0);
}

/* 2.6: limits before any work. False when the request goes no further. */
static bool admitted(struct engine *e, const struct message *m, uint64_t now)
{
	uint8_t cookie[33];

	if (!m->proven && admission_wants_cookie(e, m)) {
		cookie_make(e, m, cookie, now);
		sa_init_notify(e, m, NOTIFY_COOKIE, cookie, sizeof(cookie));
		stranger_refused(e, m, false, REASON_COOKIE_SENT, "%u half-open", e->half_open);
		return false;
	}
	return admission_room(e, m, &ike_v2);
}

/*
 * The identity is not known yet, so every tunnel of these addresses chooses for itself, by our order.
 * Where they differ the peer's order decides among what they chose: its device lists what its
 * own tunnel has. IKE_AUTH checks the choice against the real tunnel again, and knows better the next time.
 */
static bool choose(struct engine *e, const struct message *m, struct candidate_walk *w,
	struct proposal_choice *choice)
{
	struct span sa = payload_get(&m->p, PAYLOAD_SA);
	char text[REASON_TEXT_SIZE];
	struct tunnel *t;

	while ((t = candidate_next(w, e, &ike_v2, m))) {
		struct proposal_choice got;
		struct proposal_policy policy;

		proposal_policy_ike(&t->conf.options, &policy);
		switch (proposal_choose(sa.bytes, sa.len, &policy, 0, &got, text, sizeof(text))) {
		case PROPOSAL_OK:
			if (candidate_take(w, t, m, got.place))
				*choice = got;
			break;
		case PROPOSAL_NONE:
			candidate_refuse(w, REASON_NO_IKE_PROPOSAL, text);
			break;
		default:
			w->why = REASON_MALFORMED;
			snprintf(w->text, sizeof(w->text), "SA payload of IKE_SA_INIT");
			return false;
		}
	}
	candidate_explain(w);
	return w->best != NULL;
}

static void write_response(struct engine *e, struct ike_sa *sa, const struct message *m,
	const struct proposal_choice *choice, const uint8_t *public)
{
	struct ike_header h = {.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.exchange = EXCHANGE_IKE_SA_INIT,
		.flags = FLAG_RESPONSE};
	uint8_t buffer[IKE_MESSAGE_MAX];
	struct message_writer w;
	size_t len;

	message_begin(&w, buffer, sizeof(buffer), &h);
	message_payload_begin(&w, PAYLOAD_SA);
	proposal_encode_choice(&w.w, choice, NULL);
	message_payload_end(&w);
	put_ke(&w, choice->suite.ke, public);
	message_payload(&w, PAYLOAD_NONCE, sa->nr.bytes, sa->nr.len);
	nat_write(e, &w, sa->spi_i, sa->spi_r, &m->local, &m->remote, sa->forced_encap);
	if (sa->fragmentation)
		message_notify(&w, 0, NULL, 0, NOTIFY_FRAGMENTATION_SUPPORTED, NULL, 0);
	if (sa->ppk_announced)
		ppk_announce(&w);
	if (sa->peer_hashes) /* RFC 7427 4 */
		auth_cert_announce(&w);
	if (credentials_wanted(e, &m->local.addr, &m->remote.addr))
		auth_cert_request(e, &w);
	len = message_end(&w);
	blob_set(&sa->init_response, buffer, len);
	response_send(e, sa, m, buffer, len, 0);
}

/* Creates the half-open SA: the first state a stranger can make us keep. */
static void accept_request(struct engine *e, const struct message *m,
	const struct proposal_choice *choice, const struct nonce *ni, struct span peer_public,
	uint64_t now)
{
	uint8_t public[DH_PUBLIC_MAX];
	struct dh_secret shared;
	struct ike_sa *sa;

	if (!dh_respond(choice->suite.ke, peer_public.bytes, peer_public.len, public, &shared)) {
		stranger_refused(e, m, true, REASON_KE_VALUE, "group %s", choice->suite.ke->name);
		sa_init_notify(e, m, NOTIFY_INVALID_SYNTAX, NULL, 0);
		return;
	}
	sa = ike_sa_new(
		e, &ike_v2, false, m->head.spi_i, ike_sa_new_spi(e), &m->local, &m->remote, now);
	admission_enter(e, sa, m->proven, now);
	sa->suite = choice->suite;
	sa->ni = *ni;
	make_nonce(e, &sa->nr);
	sa->forced_encap = candidate_forces_encap(e, &ike_v2, m, &sa->suite);
	nat_detect(m, &sa->nat_here, &sa->nat_there);
	sa->fragmentation = payloads_find_notify(&m->p, NOTIFY_FRAGMENTATION_SUPPORTED) != NULL;
	sa->peer_hashes = auth_cert_hashes(&m->p);
	sa->ppk_announced = ppk_wanted_by_request(e, m);
	blob_set(&sa->init_request, m->raw.bytes, m->raw.len);
	ike_set_state(sa, IKE_INIT_ANSWERED);
	if (keys_derive(&sa->suite, &shared, &sa->ni, &sa->nr, sa->spi_i, sa->spi_r, &sa->keys))
		write_response(e, sa, m, choice, public);
	else
		ike_sa_drop(e, sa);
	secret_wipe(&shared, sizeof(shared));
}

void sa_init_request(struct engine *e, const struct message *m, uint64_t now)
{
	struct candidate_walk walk = {0};
	struct proposal_choice choice;
	struct span public;
	struct nonce ni;
	uint16_t group;
	uint8_t wanted[2];

	if (!(m->p.present & PAYLOAD_BIT(PAYLOAD_SA)) || !get_ke(&m->p, &group, &public) ||
		!get_nonce(&m->p, &ni)) {
		stranger_refused(e, m, true, REASON_MALFORMED, "IKE_SA_INIT payloads");
		return;
	}
	if (!admitted(e, m, now))
		return;
	if (!choose(e, m, &walk, &choice)) {
		bool silent = candidate_may_return(e, m, &walk);

		stranger_refused(
			e, m, walk.why != REASON_TUNNEL_REMOVED, walk.why, "%s", walk.text);
		if (!silent)
			sa_init_notify(e, m, NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
		return;
	}
	if (group != choice.suite.ke->id) {
		/* 1.2: say which one we want; the peer starts over. */
		wanted[0] = (uint8_t)(choice.suite.ke->id >> 8);
		wanted[1] = (uint8_t)choice.suite.ke->id;
		stranger_refused(e, m, false, REASON_KE_GROUP, "used %u, chosen %s", group,
			choice.suite.ke->name);
		sa_init_notify(e, m, NOTIFY_INVALID_KE_PAYLOAD, wanted, sizeof(wanted));
		return;
	}
	accept_request(e, m, &choice, &ni, public, now);
}

/* Cookie or another group: the same attempt once more. True when the answer was one of these. */
static bool try_again(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	const struct notify *cookie = payloads_find_notify(&m->p, NOTIFY_COOKIE);
	const struct notify *ke = payloads_find_notify(&m->p, NOTIFY_INVALID_KE_PAYLOAD);
	const struct dh_group *g;
	struct proposal_policy policy;

	if (++sa->init_tries > INIT_RETRIES_MAX)
		return false;
	if (cookie && cookie->data.len >= 1 && cookie->data.len <= 64) {
		blob_set(&sa->cookie, cookie->data.bytes, cookie->data.len);
		write_request(e, sa, now);
		return true;
	}
	if (!ke)
		return false;
	g = dh_group_find(notify_group(ke));
	proposal_policy_ike(&sa->tunnel->conf.options, &policy);
	for (unsigned int i = 0; g && i < policy.ke.count; i++) {
		if (policy.ke.items[i].id != g->id)
			continue;
		if (g == sa->suite.ke || !choose_group(sa, g))
			return false;
		write_request(e, sa, now);
		return true;
	}
	return false;
}

/* Everything the answer must have; on failure *why and text say what it had not. */
static bool verify_response(struct ike_sa *sa, const struct message *m,
	struct proposal_choice *choice, struct dh_secret *shared, enum reason *why, char *text,
	size_t size)
{
	struct span body = payload_get(&m->p, PAYLOAD_SA), public;
	struct proposal_policy policy;
	uint16_t group;

	proposal_policy_ike(&sa->tunnel->conf.options, &policy);
	*why = REASON_MALFORMED;
	snprintf(text, size, "IKE_SA_INIT response");
	if (!body.bytes || !m->head.spi_r || !get_ke(&m->p, &group, &public) ||
		!get_nonce(&m->p, &sa->nr))
		return false;
	*why = REASON_NO_IKE_PROPOSAL;
	if (proposal_choose(body.bytes, body.len, &policy, 0, choice, text, size) != PROPOSAL_OK)
		return false;
	*why = ppk_check_init_response(sa, m);
	snprintf(text, size, "%s", reason_sentence(*why));
	if (*why != REASON_NONE)
		return false;
	*why = REASON_KE_VALUE;
	snprintf(text, size, "group %u", group);
	return choice->suite.ke == sa->suite.ke && group == sa->suite.ke->id &&
	       dh_shared(sa->dh, public.bytes, public.len, shared);
}

void sa_init_response(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	const struct notify *error = payloads_find_error(&m->p);
	struct tunnel *t = sa->tunnel;
	char text[REASON_TEXT_SIZE];
	struct proposal_choice choice;
	struct dh_secret shared;
	enum reason why;

	if (!(m->p.present & PAYLOAD_BIT(PAYLOAD_SA))) {
		if (try_again(e, sa, m, now) || !error)
			return;
		/* 2.21.1: not authenticated, so it may be forged: keep trying until the time is up. */
		engine_note(e, t, &m->remote, true, REASON_PEER_REFUSED, "IKE_SA_INIT: %s (%u)",
			notify_name(error->type), error->type);
		snprintf(text, sizeof(text), "IKE_SA_INIT: the peer answered %s",
			notify_name(error->type));
		tunnel_report(e, t, REASON_PEER_REFUSED, text);
		return;
	}
	if (!verify_response(sa, m, &choice, &shared, &why, text, sizeof(text))) {
		engine_note(e, t, &m->remote, true, why, "%s", text);
		tunnel_report(e, t, why, text);
		return;
	}
	sa->spi_r = m->head.spi_r;
	sa->suite = choice.suite;
	if (!keys_derive(&sa->suite, &shared, &sa->ni, &sa->nr, sa->spi_i, sa->spi_r, &sa->keys)) {
		tunnel_dead(e, sa, REASON_CRYPTO, now);
		return;
	}
	secret_wipe(&shared, sizeof(shared));
	blob_set(&sa->init_response, m->raw.bytes, m->raw.len);
	nat_detect(m, &sa->nat_here, &sa->nat_there);
	sa->peer_hashes = auth_cert_hashes(&m->p);
	sa->fragmentation = payloads_find_notify(&m->p, NOTIFY_FRAGMENTATION_SUPPORTED) != NULL;
	if (sa->nat_here || sa->nat_there || sa->forced_encap) {
		sa->local.port = IKE_PORT_NAT;
		sa->remote.port = IKE_PORT_NAT;
	}
	request_done(sa);
	sa->send_id = 1;
	ike_set_state(sa, IKE_AUTH_SENT);
	auth_start(e, sa, now);
}
