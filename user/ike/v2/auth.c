/* SPDX-License-Identifier: Apache-2.0 */
/* IKE_AUTH: RFC 7296 1.2, 2.15, 2.21.2. Signatures are in auth_cert.c. */
#include "ike/credentials.h"
#include "ike/elsewhere.h"
#include "ike/former.h"
#include "ike/v2/v2.h"

#include <stdio.h>

#define AUTH_METHOD_PSK 2

/* The body of our or the peer's ID payload as it is authenticated. */
struct id_body {
	uint8_t bytes[4 + sizeof(((struct ike_identity *)0)->bytes)];
	size_t len;
};

static void make_id(const struct ike_identity *id, struct id_body *out)
{
	struct wr w = wr_init(out->bytes, sizeof(out->bytes));

	identity_encode(&w, id);
	out->len = wr_len(&w);
}

/* AUTH data of one side, into out[prf->len]. */
static bool compute_auth(const struct ike_sa *sa, bool of_initiator, const struct secret *psk,
	struct span id, uint8_t *out)
{
	const struct blob *first = of_initiator ? &sa->init_request : &sa->init_response;

	return keys_auth_psk(sa->suite.prf, psk, (struct span){first->bytes, first->len},
		of_initiator ? &sa->nr : &sa->ni, of_initiator ? sa->keys.p_i : sa->keys.p_r, id,
		out);
}

static bool is_cert(const struct tunnel *t)
{
	return t->conf.options.auth == AUTH_CERT;
}

static enum reason write_auth(
	struct engine *e, struct message_writer *w, struct ike_sa *sa, const struct id_body *id)
{
	struct span body = {id->bytes, id->len};
	uint8_t auth[PRF_MAX];

	if (is_cert(sa->tunnel))
		return auth_cert_write(e, sa, w, body);
	if (!compute_auth(sa, sa->initiator, tunnel_psk(sa), body, auth))
		return REASON_CRYPTO;
	message_payload_begin(w, PAYLOAD_AUTH);
	wr_u8(&w->w, AUTH_METHOD_PSK);
	wr_zero(&w->w, 3);
	wr_bytes(&w->w, auth, sa->suite.prf->len);
	message_payload_end(w);
	return REASON_NONE;
}

/* True when the AUTH payload proves knowledge of the PSK. Takes the same time either way. */
static bool check_psk(const struct ike_sa *sa, const struct message *m, enum ike_payload id_type,
	const struct secret *psk, enum reason *why)
{
	struct span body = payload_get(&m->p, PAYLOAD_AUTH), id = payload_get(&m->p, id_type);
	struct rd r = rd_init(body.bytes, body.len);
	uint8_t expected[PRF_MAX];
	uint8_t method = rd_u8(&r);

	rd_skip(&r, 3);
	*why = REASON_WRONG_PSK;
	if (!compute_auth(sa, !sa->initiator, psk, id, expected))
		return false;
	if (!body.bytes || method != AUTH_METHOD_PSK) {
		*why = REASON_AUTH_METHOD;
		return false;
	}
	return !r.bad && rd_left(&r) == sa->suite.prf->len &&
	       secret_equal(expected, r.p, sa->suite.prf->len);
}

/*
 * Nobody is told anything by this: an identity that is nobody's costs the same computation as one that belongs
 * to another address. True when the peer has the key of that other tunnel.
 */
static bool is_from_elsewhere(
	const struct ike_sa *sa, const struct message *m, const struct tunnel *elsewhere)
{
	static const struct secret no_psk = {.len = 32};
	bool has_key = elsewhere && !is_cert(elsewhere);
	enum reason why;

	return check_psk(sa, m, PAYLOAD_IDI, has_key ? &elsewhere->psk : &no_psk, &why) && has_key;
}

/* Has the peer proven that it is `id`? `text` says more about *why it has not. */
static bool check_auth(struct engine *e, struct ike_sa *sa, struct tunnel *t,
	const struct message *m, enum ike_payload id_type, const struct ike_identity *id,
	enum reason *why, char text[TRUST_TEXT_SIZE])
{
	text[0] = '\0';
	if (!is_cert(t) && !t->conf.psk_previous.len)
		return check_psk(sa, m, id_type, &t->psk, why);
	if (!is_cert(t)) {
		sa->previous_key = !check_psk(sa, m, id_type, &t->psk, why);
		return !sa->previous_key || check_psk(sa, m, id_type, &t->conf.psk_previous, why);
	}
	*why = auth_cert_check(e, sa, t, m, id_type, id, text);
	return *why == REASON_NONE;
}

static struct tunnel *find_by_identity(
	const struct engine *e, const struct message *m, const struct ike_identity *peer)
{
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		struct tunnel *t = tunnel_find(e, i);

		if (t && t->conf.options.ikev2 && addr_equal(&t->conf.local, &m->local.addr) &&
			identity_equal(&t->conf.remote_id, peer) &&
			(!addr_is_set(&t->conf.remote) ||
				addr_equal(&t->conf.remote, &m->remote.addr)))
			return t;
	}
	return NULL;
}

/*
 * The device says the right thing as the wrong kind: "keyid:store-7" where a site has
 * "fqdn:store-7", or an address as a name. NULL when no tunnel here has the same value.
 */
static const struct tunnel *same_value(
	const struct engine *e, const struct message *m, const struct ike_identity *peer)
{
	char text[ADDR_STR_SIZE], value[sizeof(peer->bytes) + 1];
	struct chunk forms[2] = {{peer->bytes, peer->len}};
	bool binary = peer->type == IKE_ID_IPV4 || peer->type == IKE_ID_IPV6;
	struct ip_addr a = {0};

	snprintf(value, sizeof(value), "%.*s", (int)peer->len, peer->bytes);
	if (binary) {
		a = addr_from_bytes(peer->type == IKE_ID_IPV4 ? AF_INET : AF_INET6, peer->bytes);
		forms[1] = (struct chunk){addr_format(&a, text), strlen(text)};
	} else if (addr_parse(value, &a)) {
		forms[1] = (struct chunk){a.bytes, addr_len(&a)};
	}
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		const struct tunnel *t = tunnel_find(e, i);

		for (int f = 0; t && addr_equal(&t->conf.local, &m->local.addr) && f < 2; f++) {
			const struct ike_identity *id = &t->conf.remote_id;

			if (id->type != peer->type && id->len == forms[f].len && id->len &&
				!memcmp(id->bytes, forms[f].bytes, id->len))
				return t;
		}
	}
	return NULL;
}

/* Its device has the key, so that nobody else tells this. */
static void tell_of_elsewhere(struct engine *e, const struct message *m, struct tunnel *t)
{
	char from[ADDR_STR_SIZE], to[ADDR_STR_SIZE], text[REASON_TEXT_SIZE];

	if (!elsewhere_differs(t, &m->local, &m->remote))
		return;
	snprintf(text, sizeof(text), "it came from %s to %s", addr_format(&m->remote.addr, from),
		addr_format(&m->local.addr, to));
	engine_note(e, t, &m->remote, true, REASON_OTHER_ADDRESS, "%s", text);
	tunnel_report(e, t, REASON_OTHER_ADDRESS, text);
}

/* No tunnel between these addresses has the identity: which one has, or one like it, or which is wanted. */
static void note_unknown(struct engine *e, const struct ike_sa *sa, const struct message *m,
	const struct ike_identity *peer, const char *text)
{
	const struct tunnel *like = peer->type ? same_value(e, m, peer) : NULL;
	const struct tunnel *here = tunnel_at(e, &m->local, &m->remote);
	struct tunnel *elsewhere =
		peer->type ? elsewhere_find(e, peer, &m->local, &m->remote) : NULL;
	char other[IDENTITY_STR_SIZE], where[REASON_TEXT_SIZE];

	if (is_from_elsewhere(sa, m, elsewhere))
		tell_of_elsewhere(e, m, elsewhere);
	if (elsewhere) {
		stranger_refused(e, m, true, REASON_UNKNOWN_ID, "identity %.60s: %.160s", text,
			elsewhere_format(elsewhere, &m->local, &m->remote,
				", which has another version of IKE", where));
	} else if (like) {
		stranger_refused(e, m, true, REASON_UNKNOWN_ID,
			"identity %.80s; site '%s' has %.80s", text, like->conf.site,
			identity_format(&like->conf.remote_id, other));
	} else if (here) {
		stranger_refused(e, m, true, REASON_UNKNOWN_ID, "identity %.90s, expected %.90s",
			text, identity_format(&here->conf.remote_id, other));
	} else {
		stranger_refused(e, m, true, REASON_UNKNOWN_ID, "identity %s", text);
	}
}

/* An ID payload as it is told of. False, and no identity, when it cannot be one. */
static bool read_identity(struct span body, struct ike_identity *id, char text[IDENTITY_STR_SIZE])
{
	*id = (struct ike_identity){0};
	if (identity_decode(body.bytes, body.len, id)) {
		identity_format(id, text);
		return true;
	}
	snprintf(text, IDENTITY_STR_SIZE, "of type %u and %zu bytes, which cannot be one",
		body.len ? body.bytes[0] : 0, body.len > 4 ? body.len - 4 : 0);
	return false;
}

/* 2.21.2: one notification, the same for every cause; the causes differ only in our log. */
static void refuse(struct engine *e, struct ike_sa *sa, const struct message *m,
	enum ike_notify type, uint64_t now)
{
	response_notify(e, sa, m, type, NULL, 0);
	ike_sa_set_tunnel(sa, NULL);
	ike_set_state(sa, IKE_FAILED);
	sa->guard_at = now + FAILED_LIFE;
}

/* Who is it, and is it true? NULL when not, or not now; then the answer, if any, is out. */
static struct tunnel *authenticate(
	struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	struct span id = payload_get(&m->p, PAYLOAD_IDI), idr = payload_get(&m->p, PAYLOAD_IDR);
	struct ike_identity peer, wanted;
	char text[IDENTITY_STR_SIZE], wanted_text[IDENTITY_STR_SIZE];
	char detail[TRUST_TEXT_SIZE];
	struct tunnel *t = NULL;
	enum reason why;
	bool ok;

	if (read_identity(id, &peer, text))
		t = find_by_identity(e, m, &peer);
	why = t ? ppk_take_identity(sa, t, m) : REASON_NONE;
	detail[0] = '\0';
	ok = t && why == REASON_NONE && check_auth(e, sa, t, m, PAYLOAD_IDI, &peer, &why, detail);
	if (!t && peer.type && former_has(e, &m->local.addr, &peer, now)) {
		/* Silence, for the same reason as below. */
		stranger_refused(e, m, false, REASON_TUNNEL_REMOVED, "identity %s", text);
		return NULL;
	}
	if (!t) {
		note_unknown(e, sa, m, &peer, text);
	} else if (!ok) {
		engine_refusal(e, t, &m->remote, why, "identity %s%s%s", text,
			detail[0] ? ", " : "", detail);
		tunnel_report(e, t, why, detail[0] ? detail : reason_sentence(why));
	} else if (t->disabled) {
		/*
		 * Silence, as if we were away: many devices take a refusal for final and do not come
		 * back by themselves when the tunnel is wanted again.
		 */
		engine_refusal(e, t, &m->remote, REASON_TUNNEL_DISABLED, "identity %s", text);
		return NULL;
	} else if (is_cert(t) && !credentials_own(e, t)) {
		engine_refusal(e, t, &m->remote, REASON_CERT_OWN, "identity %s", text);
		tunnel_report(e, t, REASON_CERT_OWN, reason_sentence(REASON_CERT_OWN));
	} else if (idr.bytes && (!read_identity(idr, &wanted, wanted_text) ||
					!identity_equal(&wanted, &t->conf.local_id))) {
		snprintf(detail, sizeof(detail), "wants %s%.80s, we are %.80s",
			wanted.type ? "" : "one ", wanted_text,
			identity_format(&t->conf.local_id, text));
		engine_refusal(e, t, &m->remote, REASON_WRONG_LOCAL_ID, "%s", detail);
		tunnel_report(e, t, REASON_WRONG_LOCAL_ID, detail);
	} else {
		return t;
	}
	refuse(e, sa, m, NOTIFY_AUTHENTICATION_FAILED, now);
	return NULL;
}

/* The child of IKE_AUTH on the responder: installed before we answer. -1: refused with *notify. */
static int accept_child(struct engine *e, struct ike_sa *sa, const struct message *m,
	struct child_offer *offer, enum ike_notify *notify, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	char text[REASON_TEXT_SIZE];
	struct esp_keys keys;
	enum reason why;
	int slot;

	if (!child_offer_check(t, m, false, offer, notify, &why, text, sizeof(text))) {
		tunnel_refused(e, t, &m->remote, why, text);
		return -1;
	}
	slot = child_reserve(e, t, sa);
	*notify = NOTIFY_TEMPORARY_FAILURE;
	if (slot < 0)
		return -1;
	if (!keys_derive_child(sa->suite.prf, sa->keys.d, NULL, &sa->ni, &sa->nr,
		    &offer->choice.suite, false, &keys)) {
		child_release(e, t, slot);
		return -1;
	}
	child_install(e, t, slot, sa, spi_read(offer->choice.spi), &offer->choice.suite,
		&offer->local_ts, &offer->remote_ts, &keys, now);
	secret_wipe(&keys, sizeof(keys));
	return slot;
}

void auth_request(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	struct ike_keys keys = sa->keys;
	struct tunnel *t = authenticate(e, sa, m, now);
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct proposal_policy policy;
	struct message_writer w;
	struct child_offer offer;
	enum ike_notify notify;
	struct id_body id;
	char text[REASON_TEXT_SIZE];
	uint32_t gate = 0;
	enum reason why;
	bool alone;
	int slot;

	/* Silence: the peer sends it again, and the PPK of the tunnel goes into the keys once. */
	if (!t && sa->state == IKE_INIT_ANSWERED)
		sa->keys = keys;
	secret_wipe(&keys, sizeof(keys));
	if (!t)
		return;
	proposal_policy_ike(&t->conf.options, &policy);
	if (!proposal_allows(&policy, &sa->suite)) {
		tunnel_chosen_wrongly(e, t, &sa->remote, now);
		refused_suite_format(&policy, &sa->suite, text, sizeof(text));
		engine_refusal(e, t, &m->remote, REASON_NO_IKE_PROPOSAL, "%s", text);
		tunnel_report(e, t, REASON_NO_IKE_PROPOSAL, text);
		refuse(e, sa, m, NOTIFY_NO_PROPOSAL_CHOSEN, now);
		return;
	}
	if (tunnel_count_ike(t) >= IKE_SAS_PER_TUNNEL) {
		engine_note(e, t, &m->remote, true, REASON_NO_SLOT, "%u IKE SAs exist",
			IKE_SAS_PER_TUNNEL);
		refuse(e, sa, m, NOTIFY_TEMPORARY_FAILURE, now);
		return;
	}
	/* 2.23: the answer, and all that follows, goes where this message came from. */
	sa->local = m->local;
	sa->remote = m->remote;
	alone = tunnel_count_ike(t) == 0;
	ike_sa_set_tunnel(sa, t);
	slot = accept_child(e, sa, m, &offer, &notify, now);
	make_id(&t->conf.local_id, &id);
	sealed_begin(e, sa, &w, buffer, EXCHANGE_IKE_AUTH, true);
	message_payload(&w, PAYLOAD_IDR, id.bytes, id.len);
	if (is_cert(t))
		auth_cert_chain(e, t, &w);
	why = write_auth(e, &w, sa, &id);
	if (why != REASON_NONE) {
		engine_note(e, t, &m->remote, true, why, "%s", reason_sentence(why));
		ike_sa_end(e, sa, why, now);
		return;
	}
	ppk_confirm(sa, &w);
	if (alone)
		message_notify(&w, 0, NULL, 0, NOTIFY_INITIAL_CONTACT, NULL, 0);
	if (slot >= 0) {
		gate = t->children[slot].spi_in;
		child_offer_write(&w, &offer, false, gate);
	} else {
		message_notify(&w, 0, NULL, 0, notify, NULL, 0);
	}
	response_send(e, sa, m, buffer, sealed_end(e, sa, &w), gate);
	ike_sa_establish(e, sa, payloads_find_notify(&m->p, NOTIFY_INITIAL_CONTACT) != NULL, now);
	if (slot >= 0) {
		engine_note(e, t, &m->remote, false, REASON_CHILD_UP, "%s",
			suite_format(&offer.choice.suite, text));
		child_use_later(e, t, slot, now + SWITCH_DELAY);
	}
}

void auth_start(struct engine *e, struct ike_sa *sa, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	uint8_t buffer[IKE_BUFFER_SIZE];
	struct proposal_policy policy;
	struct message_writer w;
	struct id_body id;
	enum reason why;
	uint8_t spi[4];
	struct wr spi_w = wr_init(spi, sizeof(spi));

	sa->first_slot = child_reserve(e, t, sa);
	if (sa->first_slot < 0) {
		tunnel_dead(e, sa, REASON_NO_SLOT, now);
		return;
	}
	sa->previous_key = t->try_previous;
	wr_u32(&spi_w, t->children[sa->first_slot].spi_in);
	proposal_policy_esp(&t->conf.options, false, &policy);
	make_id(&t->conf.local_id, &id);
	sealed_begin(e, sa, &w, buffer, EXCHANGE_IKE_AUTH, false);
	message_payload(&w, PAYLOAD_IDI, id.bytes, id.len);
	if (is_cert(t)) {
		auth_cert_chain(e, t, &w);
		auth_cert_request(e, &w);
	}
	if (tunnel_count_ike(t) == 1)
		message_notify(&w, 0, NULL, 0, NOTIFY_INITIAL_CONTACT, NULL, 0);
	if (t->conf.remote_id.type != IKE_ID_NONE) {
		struct id_body peer;

		make_id(&t->conf.remote_id, &peer);
		message_payload(&w, PAYLOAD_IDR, peer.bytes, peer.len);
	}
	why = ppk_write_identity(sa, &w) ? write_auth(e, &w, sa, &id) : REASON_CRYPTO;
	if (why != REASON_NONE) {
		tunnel_dead(e, sa, why, now);
		return;
	}
	message_payload_begin(&w, PAYLOAD_SA);
	proposal_encode_offer(&w.w, &policy, spi, sizeof(spi));
	message_payload_end(&w);
	message_payload_begin(&w, PAYLOAD_TSI);
	selectors_encode(&w.w, &t->conf.local_ts);
	message_payload_end(&w);
	message_payload_begin(&w, PAYLOAD_TSR);
	selectors_encode(&w.w, &t->conf.remote_ts);
	message_payload_end(&w);
	request_send(e, sa, REQUEST_AUTH, buffer, sealed_end(e, sa, &w), now);
}

/* The responder's proof. False with *why. */
static bool check_responder(struct engine *e, struct ike_sa *sa, const struct message *m,
	enum reason *why, char *text, size_t size)
{
	const struct notify *error = payloads_find_error(&m->p);
	struct span id = payload_get(&m->p, PAYLOAD_IDR);
	struct tunnel *t = sa->tunnel;
	struct ike_identity peer;
	char got[IDENTITY_STR_SIZE], expected[IDENTITY_STR_SIZE], detail[TRUST_TEXT_SIZE];

	if (!(m->p.present & PAYLOAD_BIT(PAYLOAD_AUTH)) && error) {
		*why = REASON_PEER_REFUSED;
		snprintf(text, size, "IKE_AUTH: the peer answered %s", notify_name(error->type));
		return false;
	}
	*why = ppk_check_auth_response(sa, m);
	snprintf(text, size, "%s", reason_sentence(*why));
	if (*why != REASON_NONE)
		return false;
	*why = REASON_PEER_AUTH;
	snprintf(text, size, "no usable identity or AUTH");
	if (!identity_decode(id.bytes, id.len, &peer))
		return false;
	if (t->conf.remote_id.type != IKE_ID_NONE && !identity_equal(&peer, &t->conf.remote_id)) {
		*why = REASON_UNKNOWN_ID;
		snprintf(text, size, "the responder is %.90s, expected %.90s",
			identity_format(&peer, got), identity_format(&t->conf.remote_id, expected));
		return false;
	}
	if (check_auth(e, sa, t, m, PAYLOAD_IDR, &peer, why, detail))
		return true;
	snprintf(text, size, "%s", detail[0] ? detail : reason_sentence(*why));
	return false;
}

/* The child of our IKE_AUTH; false with the reason when there is none. */
static bool take_child(struct engine *e, struct ike_sa *sa, const struct message *m, int slot,
	enum reason *why, char *text, size_t size, uint64_t now)
{
	const struct notify *error = payloads_find_error(&m->p);
	struct tunnel *t = sa->tunnel;
	struct child_offer offer;
	struct esp_keys keys;

	if (!(m->p.present & PAYLOAD_BIT(PAYLOAD_SA)) && error) {
		*why = REASON_PEER_REFUSED;
		snprintf(text, size, "child SA: the peer answered %s", notify_name(error->type));
		return false;
	}
	if (!child_answer_check(t, m, false, &offer, why, text, size))
		return false;
	*why = REASON_CRYPTO;
	snprintf(text, size, "child keys");
	if (!keys_derive_child(sa->suite.prf, sa->keys.d, NULL, &sa->ni, &sa->nr,
		    &offer.choice.suite, true, &keys))
		return false;
	child_install(e, t, slot, sa, spi_read(offer.choice.spi), &offer.choice.suite,
		&offer.local_ts, &offer.remote_ts, &keys, now);
	secret_wipe(&keys, sizeof(keys));
	return true;
}

void auth_response(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now)
{
	struct tunnel *t = sa->tunnel;
	int slot = sa->first_slot;
	char text[REASON_TEXT_SIZE], suite[SUITE_STR_SIZE];
	bool proven, contact = payloads_find_notify(&m->p, NOTIFY_INITIAL_CONTACT);
	enum reason why;

	request_done(sa);
	proven = check_responder(e, sa, m, &why, text, sizeof(text));
	if (!proven || !take_child(e, sa, m, slot, &why, text, sizeof(text), now)) {
		engine_note(e, t, &m->remote, true, why, "%s", text);
		if (!proven)
			tunnel_other_key(t);
		if (why == REASON_PEER_REFUSED && !proven)
			ike_sa_end(e, sa, why, now); /* the peer keeps nothing */
		else
			ike_sa_close(e, sa, why, now);
		tunnel_report(e, t, why, text);
		if (!tunnel_ike(t) && t->conf.options.startup == STARTUP_START)
			tunnel_retry(e, t, false, now);
		return;
	}
	sa->first_slot = -1;
	ike_sa_establish(e, sa, contact, now);
	engine_note(e, t, &m->remote, false, REASON_CHILD_UP, "%s",
		suite_format(&t->children[slot].suite, suite));
	child_use(e, t, slot);
}
