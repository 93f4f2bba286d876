/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in IKEv2: every kind of key between two engines, and every reason to refuse. */
#include "ike_cert_lab.h"

/* The hub refuses the site with this reason, and tells it nothing but that. */
static void assert_refused(struct lab *l, enum reason why)
{
	starts(l, SITE);
	assert_int_equal(l->notes[HUB][why], 1);
	assert_int_equal(l->state[HUB].reason, why);
	assert_int_equal(l->state[SITE].reason, REASON_PEER_REFUSED);
	assert_string_equal(
		l->state[SITE].detail, "IKE_AUTH: the peer answered AUTHENTICATION_FAILED");
	assert_int_equal(l->adds[HUB], 0);
	lab_free(l);
}

static void test_every_key(void **state)
{
	(void)state;
	for (enum key_kind hub = KEY_RSA; hub <= KEY_ED25519; hub++) {
		for (enum key_kind site = KEY_RSA; site <= KEY_ED25519; site++) {
			for (int starter = 0; starter < 2; starter++) {
				struct lab *l = cert_lab(hub, site);

				starts(l, starter);
				assert_int_equal(l->state[HUB].phase, PHASE_UP);
				assert_int_equal(l->state[SITE].phase, PHASE_UP);
				lab_free(l);
			}
		}
	}
}

static bool lose_some(struct lab *l, int from, const struct effect_send *s)
{
	static unsigned int count;

	(void)l, (void)from, (void)s;
	return ++count % 3 == 0;
}

/* Messages of several fragments, of which every third datagram is lost. */
static void test_lossy(void **state)
{
	struct lab *l = cert_lab(KEY_RSA, KEY_RSA);

	(void)state;
	l->drop = lose_some;
	starts(l, SITE);
	pass(l, 20 * S);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	assert_int_equal(l->state[SITE].phase, PHASE_UP);
	assert_true(l->sent[SITE] > 4); /* two fragments at least, and some of them again */
	lab_free(l);
}

/* A peer without RFC 7427, or with few hashes: what both announced decides. */
static uint16_t announced; /* what is left of the announcement: one hash, or 0 for none */

static bool cut_announcement(struct lab *l, int from, const struct effect_send *s)
{
	static const uint8_t notify[] = {0, 0, NOTIFY_SIGNATURE_HASH_ALGORITHMS >> 8,
		NOTIFY_SIGNATURE_HASH_ALGORITHMS & 0xff};

	(void)l, (void)from;
	for (size_t i = 0; i + 12 <= s->len; i++) {
		if (memcmp(s->bytes + i, notify, sizeof(notify)))
			continue;
		if (!announced)
			s->bytes[i + 3]++; /* an unknown status notification */
		for (int h = 0; h < 4; h++)
			s->bytes[i + 5 + 2 * h] = (uint8_t)announced;
	}
	return false;
}

/* Both ends see the same changed bytes, as if each had written them. */
static void fix_transcript(struct lab *l)
{
	struct ike_sa *sa[2];

	for (int i = 0; i < 2; i++) {
		sa[i] = TAILQ_FIRST(&l->e[i]->sas);
		assert_non_null(sa[i]);
	}
	blob_set(&sa[SITE]->init_request, sa[HUB]->init_request.bytes, sa[HUB]->init_request.len);
	blob_set(&sa[HUB]->init_response, sa[SITE]->init_response.bytes,
		sa[SITE]->init_response.len);
}

static void test_tampered_announcement(void **state)
{
	struct lab *l = cert_lab(KEY_RSA, KEY_RSA);

	(void)state;
	announced = 0;
	l->drop = cut_announcement;
	assert_refused(l, REASON_CERT_SIGNATURE); /* the downgrade does not go unnoticed */
}

static bool stop_at_auth(struct lab *l, int from, const struct effect_send *s)
{
	cut_announcement(l, from, s);
	/* The header's exchange type; the marker of port 4500 is not there. */
	return s->len > 18 && s->bytes[18] == EXCHANGE_IKE_AUTH;
}

/* The AUTH payload that a peer with these announcements gets from the site's engine. */
static enum reason legacy(enum key_kind kind, uint16_t hash, const char **scheme)
{
	struct lab *l = cert_lab(kind, kind);
	static uint8_t buffer[IKE_BUFFER_SIZE];
	struct ike_header h = {.spi_i = 1, .exchange = EXCHANGE_IKE_AUTH};
	uint8_t id[] = {
		IKE_ID_FQDN, 0, 0, 0, 's', 'i', 't', 'e', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e'};
	struct ike_identity site = certs_id(IKE_ID_FQDN, "site.example");
	struct message m = {0};
	struct message_writer w;
	char text[TRUST_TEXT_SIZE];
	struct ike_sa *of_site, *of_hub;
	uint8_t critical;
	enum reason why;

	announced = hash;
	l->drop = stop_at_auth;
	starts(l, SITE);
	if (!TAILQ_FIRST(&l->e[SITE]->sas)) { /* it could not sign */
		why = l->state[SITE].reason;
		lab_free(l);
		return why;
	}
	fix_transcript(l);
	of_site = TAILQ_FIRST(&l->e[SITE]->sas);
	of_hub = TAILQ_FIRST(&l->e[HUB]->sas);
	assert_int_equal(of_hub->peer_hashes, hash ? 1u << hash : 0);
	message_begin(&w, buffer, sizeof(buffer), &h);
	message_payload(&w, PAYLOAD_IDI, id, sizeof(id));
	auth_cert_chain(l->e[SITE], of_site->tunnel, &w);
	why = auth_cert_write(l->e[SITE], of_site, &w, (struct span){id, sizeof(id)});
	if (why == REASON_NONE) {
		assert_int_equal(
			payloads_decode(buffer + IKE_HEADER_LEN, message_end(&w) - IKE_HEADER_LEN,
				PAYLOAD_IDI, &m.p, &critical),
			DECODE_OK);
		why = auth_cert_check(l->e[HUB], of_hub,
			tunnel_find(l->e[HUB], l->conf[HUB].number), &m, PAYLOAD_IDI, &site, text);
		*scheme = sign_scheme_of_method(payload_get(&m.p, PAYLOAD_AUTH).bytes[0])
				  ? sign_scheme_of_method(payload_get(&m.p, PAYLOAD_AUTH).bytes[0])
					    ->name
				  : "14";
		/* The same to an end whose peer can do better: SHA-1 is not taken. */
		of_hub->peer_hashes = SIGN_HASHES;
		if (!hash && kind == KEY_RSA)
			assert_int_equal(auth_cert_check(l->e[HUB], of_hub,
						 tunnel_find(l->e[HUB], l->conf[HUB].number), &m,
						 PAYLOAD_IDI, &site, text),
				REASON_AUTH_METHOD);
	}
	lab_free(l);
	return why;
}

static void test_peers_without_rfc7427(void **state)
{
	static const struct {
		enum key_kind kind;
		uint16_t hash;
		enum reason why;
		const char *scheme;
	} rows[] = {
		{KEY_RSA, 0, REASON_NONE, "RSA-SHA1"},
		{KEY_P256, 0, REASON_NONE, "ECDSA-256"},
		{KEY_P384, 0, REASON_NONE, "ECDSA-384"},
		{KEY_P521, 0, REASON_NONE, "ECDSA-521"},
		{KEY_ED25519, 0, REASON_AUTH_METHOD, NULL},
		{KEY_RSA, SIGN_HASH_SHA512, REASON_NONE, "14"},
		{KEY_P256, SIGN_HASH_SHA384, REASON_NONE, "14"},
		{KEY_P521, SIGN_HASH_SHA256, REASON_NONE, "14"},
		{KEY_ED25519, SIGN_HASH_IDENTITY, REASON_NONE, "14"},
		{KEY_RSA, SIGN_HASH_SHA1, REASON_AUTH_METHOD, NULL}, /* SHA-1 only */
		{KEY_ED25519, SIGN_HASH_SHA512, REASON_AUTH_METHOD, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *scheme = NULL;

		assert_int_equal(legacy(rows[i].kind, rows[i].hash, &scheme), rows[i].why);
		if (rows[i].scheme)
			assert_string_equal(scheme, rows[i].scheme);
	}
}

/* ---- refusals ---- */

static void test_untrusted(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);

	(void)state;
	trust(l, HUB, &pki.stranger);
	assert_refused(l, REASON_CERT_UNTRUSTED);
	l = cert_lab(KEY_P256, KEY_P256);
	own(l, SITE, &pki.site[KEY_P256], NULL); /* the subordinate is missing */
	assert_refused(l, REASON_CERT_UNTRUSTED);
	l = cert_lab(KEY_P256, KEY_P256);
	engine_trust_set(l->e[HUB], NULL, l->now);
	assert_refused(l, REASON_CERT_UNTRUSTED);
}

static void test_expired(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);

	(void)state;
	wall_now = CERTS_NOW + CERTS_YEAR;
	assert_refused(l, REASON_CERT_EXPIRED);
	l = cert_lab(KEY_P256, KEY_P256);
	wall_now = CERTS_NOW - CERTS_YEAR + 1;
	assert_refused(l, REASON_CERT_NOT_YET_VALID);
	wall_now = CERTS_NOW;
}

static void test_revoked(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);

	(void)state;
	revoke(l, HUB, &pki.site[KEY_P256], false);
	assert_refused(l, REASON_CERT_REVOKED);
	l = cert_lab(KEY_P256, KEY_P256);
	revoke(l, HUB, NULL, true);
	assert_refused(l, REASON_CERT_NO_CRL);
}

static void test_identity(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	struct made other = certs_peer("CN=other", "other.example", KEY_P256, &pki.subordinate);

	(void)state;
	own(l, SITE, &other, &pki.subordinate); /* claims to be site.example */
	assert_refused(l, REASON_CERT_IDENTITY);
	l = cert_lab(KEY_P256, KEY_P256);
	l->conf[SITE].local_id = certs_id(IKE_ID_FQDN, "other.example");
	own(l, SITE, &other, &pki.subordinate); /* is who it says, and nobody's peer */
	starts(l, SITE);
	assert_int_equal(l->notes[HUB][REASON_UNKNOWN_ID], 1);
	assert_int_equal(l->state[SITE].reason, REASON_PEER_REFUSED);
	lab_free(l);
	made_free(&other);
}

/* Addresses, mailboxes and distinguished names are bound like names. */
static void test_identity_kinds(void **state)
{
	struct ike_identity ids[] = {{IKE_ID_IPV4, 4, {192, 0, 2, 2}},
		{IKE_ID_IPV6, 16, {0x20, 1, 0xd, 0xb8}}, certs_id(IKE_ID_RFC822, "ops@example"),
		{0}};
	struct issue_request r = certs_request("O=Example, CN=site", ids, 3);
	struct made m = certs_make(&r, KEY_P256, 0, &pki.root);

	(void)state;
	assert_true(dn_from_text("O=Example, CN=site", &ids[3]));
	for (size_t i = 0; i < 4; i++) {
		struct lab *l = cert_lab(KEY_P256, KEY_P256);

		l->conf[SITE].local_id = ids[i];
		l->conf[HUB].remote_id = ids[i];
		configure(l, HUB, "key");
		own(l, SITE, &m, NULL);
		starts(l, SITE);
		assert_int_equal(l->state[HUB].phase, PHASE_UP);
		lab_free(l);
	}
	made_free(&m);
}

static void test_usage(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	struct ike_identity name = certs_id(IKE_ID_FQDN, "site.example");
	struct issue_request r = certs_request("CN=site", &name, 1);
	struct made m;

	(void)state;
	r.key_usage = "keyEncipherment";
	m = certs_make(&r, KEY_P256, 0, &pki.root);
	own(l, SITE, &m, NULL);
	assert_refused(l, REASON_CERT_USAGE);
	made_free(&m);
	r.key_usage = "digitalSignature";
	m = certs_make(&r, KEY_P256, 0, &pki.root);
	l = cert_lab(KEY_P256, KEY_P256);
	own(l, SITE, &m, NULL);
	starts(l, SITE);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	lab_free(l);
	made_free(&m);
}

static void test_weak(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	struct ike_identity name = certs_id(IKE_ID_FQDN, "site.example");
	struct issue_request r = certs_request("CN=site", &name, 1);
	struct made m = certs_make(&r, KEY_RSA, 1024, &pki.root);
	struct cert *leaf = NULL;
	uint8_t der[CERT_DER_MAX];
	struct chunk chain = {der, cert_encode(m.cert, der, sizeof(der))};
	char text[TRUST_TEXT_SIZE];

	(void)state; /* our own end does not even load such a key */
	assert_int_equal(credentials_check(l->e[HUB], tunnel_find(l->e[HUB], l->conf[HUB].number),
				 &chain, 1, &name, &leaf, text),
		REASON_CERT_WEAK);
	assert_null(leaf);
	made_free(&m);
	lab_free(l);
}

static void test_mixed_methods(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);

	(void)state;
	l->conf[SITE].options.auth = AUTH_PSK;
	assert_refused(l, REASON_AUTH_METHOD);
	l = cert_lab(KEY_P256, KEY_P256);
	l->conf[HUB].options.auth = AUTH_PSK;
	configure(l, HUB, "key");
	assert_refused(l, REASON_AUTH_METHOD);
}

static void test_without_own(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);

	(void)state;
	engine_credential_set(l->e[HUB], ENGINE_EVERY_TUNNEL, NULL);
	assert_refused(l, REASON_CERT_OWN);
	l = cert_lab(KEY_P256, KEY_P256);
	engine_credential_set(l->e[SITE], ENGINE_EVERY_TUNNEL, NULL);
	starts(l, SITE);
	assert_int_equal(l->state[SITE].reason, REASON_CERT_OWN);
	lab_free(l);
}

/* An AUTH and its certificates as the hub gets them from a site that does as it likes. */
static enum reason check_made(struct lab *l, const uint8_t *auth, size_t auth_len,
	const struct chunk *certs, size_t count)
{
	struct ike_identity site = certs_id(IKE_ID_FQDN, "site.example");
	struct message m = {0};
	char text[TRUST_TEXT_SIZE];

	m.p.one[PAYLOAD_AUTH - PAYLOAD_SA] = (struct span){auth, auth_len};
	for (m.p.certs = 0; m.p.certs < count; m.p.certs++)
		m.p.cert[m.p.certs] = (struct span){certs[m.p.certs].bytes, certs[m.p.certs].len};
	return auth_cert_check(l->e[HUB], TAILQ_FIRST(&l->e[HUB]->sas),
		tunnel_find(l->e[HUB], l->conf[HUB].number), &m, PAYLOAD_IDI, &site, text);
}

static void test_malformed(void **state)
{
	static const uint8_t ecdsa[] = {14, 0, 0, 0, 12, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48,
		0xce, 0x3d, 0x04, 0x03, 0x02, 1, 2, 3};
	static const uint8_t sha1[] = {14, 0, 0, 0, 15, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
		0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00, 1};
	static uint8_t der[2][CERT_DER_MAX];
	struct lab *l = cert_lab(KEY_P256, KEY_P256);
	struct chunk certs[IKE_CERTS_MAX] = {
		{der[0], cert_encode(pki.site[KEY_P256].cert, der[0], CERT_DER_MAX)},
		{der[1], cert_encode(pki.subordinate.cert, der[1], CERT_DER_MAX)}};

	(void)state;
	announced = SIGN_HASH_SHA256;
	l->drop = stop_at_auth;
	starts(l, SITE);
	assert_int_equal(check_made(l, ecdsa, sizeof(ecdsa), certs, 2), REASON_CERT_SIGNATURE);
	assert_int_equal(check_made(l, ecdsa, 17, certs, 2), REASON_CERT_SIGNATURE); /* empty */
	assert_int_equal(check_made(l, ecdsa, 16, certs, 2), REASON_AUTH_METHOD);    /* cut */
	assert_int_equal(check_made(l, ecdsa, 3, certs, 2), REASON_AUTH_METHOD);
	assert_int_equal(check_made(l, NULL, 0, certs, 2), REASON_AUTH_METHOD);
	assert_int_equal(check_made(l, sha1, sizeof(sha1), certs, 2), REASON_AUTH_METHOD);
	assert_int_equal(check_made(l, ecdsa, sizeof(ecdsa), certs, 0), REASON_CERT_NONE);
	certs[0].len--;
	assert_int_equal(check_made(l, ecdsa, sizeof(ecdsa), certs, 2), REASON_CERT_MALFORMED);
	certs[0].len++;
	for (size_t i = 2; i < IKE_CERTS_MAX; i++)
		certs[i] = certs[1];
	assert_int_equal(
		check_made(l, ecdsa, sizeof(ecdsa), certs, IKE_CERTS_MAX), REASON_CERT_TOO_LARGE);
	assert_int_equal(
		check_made(l, ecdsa, sizeof(ecdsa), certs, CERT_CHAIN_MAX), REASON_CERT_SIGNATURE);
	lab_free(l);
}

/* The address does not matter where none is configured, and does where one is. */
static void test_address(void **state)
{
	struct lab *l = cert_lab(KEY_P256, KEY_P256);

	(void)state;
	l->conf[HUB].remote = (struct ip_addr){0};
	configure(l, HUB, "key");
	addr_parse("203.0.113.9", &l->nat.addr);
	l->nat.port = 30000;
	starts(l, SITE);
	assert_int_equal(l->state[HUB].phase, PHASE_UP);
	lab_free(l);
	l = cert_lab(KEY_P256, KEY_P256);
	addr_parse("203.0.113.9", &l->nat.addr);
	l->nat.port = 30000;
	starts(l, SITE);
	assert_int_equal(l->notes[HUB][REASON_NO_TUNNEL], 1);
	assert_int_equal(l->state[SITE].phase, PHASE_NEGOTIATING);
	lab_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key),
		cmocka_unit_test(test_lossy),
		cmocka_unit_test(test_tampered_announcement),
		cmocka_unit_test(test_peers_without_rfc7427),
		cmocka_unit_test(test_untrusted),
		cmocka_unit_test(test_expired),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_identity_kinds),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_weak),
		cmocka_unit_test(test_mixed_methods),
		cmocka_unit_test(test_without_own),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
