/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CERT and AUTH payloads of a peer: the input is what IKE_AUTH decrypts to. The seeds are real chains
 * and signatures, for a tunnel whose authority is below; its key was thrown away.
 */
#include "ike/credentials.h"
#include "ike/v2/v2.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define NOW INT64_C(1800000000)

static const char root[] = "-----BEGIN CERTIFICATE-----\n"
			   "MIIBaTCCAQ+gAwIBAgIQU/E2OVROepmjCHx7xpJ0SDAKBggqhkjOPQQDAjAPMQ0w\n"
			   "CwYDVQQDDARSb290MB4XDTI2MDExNTA4MDAwMFoXDTM2MDExMzA4MDAwMFowDzEN\n"
			   "MAsGA1UEAwwEUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNMwDhhp2+ct\n"
			   "SgMsdzJpYhz+ZiuLsOjdzRI2tE9Wv1ssqKQ7+PVmZ9+tl/4Mbhc3Fu+zXkNBm6Si\n"
			   "MfNIcu0zKkqjTTBLMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0G\n"
			   "A1UdDgQWBBTP0atJ+NV1iE3jyA8n6cxbaIHOOzAJBgNVHSMEAjAAMAoGCCqGSM49\n"
			   "BAMCA0gAMEUCIGN8RIyOWD4uSol5oxpMqQBuY6isZZj4box7lHKFlx8wAiEA0EWM\n"
			   "gNRUPFK5DuU215UPet+YVCN0SvNAmMA53EffsXU=\n"
			   "-----END CERTIFICATE-----\n";

static void fuzz_random(void *context, void *bytes, size_t len)
{
	(void)context;
	memset(bytes, 7, len);
}

static int64_t fuzz_wall(void *context)
{
	(void)context;
	return NOW;
}

static struct engine *make_engine(void)
{
	struct engine_env env = {.random = fuzz_random, .wall = fuzz_wall};
	struct engine_limits limits = engine_limits_default();
	struct engine *e = engine_new(&env, &limits);
	struct engine_tunnel c = {.number = 1,
		.remote_id = {IKE_ID_FQDN, 12, "site.example"},
		.options = {.ikev2 = true, .auth = AUTH_CERT}};
	struct trust *trust = trust_new(false);
	struct secret psk = {0};
	char error[200];

	if (!trust_add_ca(trust, root, sizeof(root) - 1, error, sizeof(error)))
		abort();
	engine_trust_set(e, trust, 0);
	engine_tunnel_set(e, &c, &psk, 0);
	return e;
}

/* As both kinds of hub see it: towards a peer with RFC 7427, and without. */
static enum reason check(struct engine *e, const struct message *m, uint32_t hashes)
{
	struct span id_body = payload_get(&m->p, PAYLOAD_IDI);
	struct tunnel *t = tunnel_find(e, 1);
	char text[TRUST_TEXT_SIZE];
	uint8_t request[] = "request";
	struct ike_sa sa = {.tunnel = t, .suite.prf = prf_find(5), .peer_hashes = hashes};
	struct ike_identity id;
	struct effect *f;
	enum reason why;

	sa.ni.len = sa.nr.len = 16;
	sa.init_request = (struct blob){request, sizeof(request) - 1};
	if (!identity_decode(id_body.bytes, id_body.len, &id))
		return REASON_MALFORMED;
	why = auth_cert_check(e, &sa, t, m, PAYLOAD_IDI, &id, text);
	if (why == REASON_NONE && (!m->p.certs || !identity_equal(&id, &t->conf.remote_id)))
		abort();
	while ((f = engine_effect(e)))
		effect_free(f);
	return why;
}

/* Every certificate by itself, and as a distinguished name, which is part of it. */
static void take_apart(const struct span *der)
{
	struct cert *c = cert_decode(der->bytes, der->len);
	struct ike_identity id;
	struct cert_facts facts;
	uint8_t hash[CERT_SPKI_HASH];
	char text[CERT_NAME_SIZE];

	dn_to_text(der->bytes, der->len, text);
	(void)dn_equal(der->bytes, der->len, der->bytes, der->len);
	(void)sign_scheme_decode(der->bytes, der->len);
	if (!c)
		return;
	cert_facts(c, &facts);
	(void)cert_spki_hash(c, hash);
	if (cert_first_identity(c, &id) && !cert_has_identity(c, &id))
		abort();
	cert_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct engine *e;
	static unsigned int runs;
	struct message m = {0};
	uint8_t critical;

	if (!e)
		e = make_engine();
	if (payloads_decode(bytes, len, PAYLOAD_IDI, &m.p, &critical) != DECODE_OK)
		return 0;
	for (unsigned int i = 0; i < m.p.certs; i++)
		take_apart(&m.p.cert[i]);
	(void)check(e, &m, SIGN_HASHES);
	(void)check(e, &m, 0);
	/* An engine of its own now and then: what it keeps is looked at for leaks. */
	if (++runs % 1024 == 0) {
		engine_free(e);
		e = NULL;
	}
	return 0;
}
