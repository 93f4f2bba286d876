/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 and signatures: chains that must and must not verify, identities, revocation, every scheme. */
#include "../certs.h"
#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static struct {
	struct made root, subordinate, other_root;
	struct made keys[KEY_ED25519 + 1]; /* a peer of the subordinate with each kind of key */
} pki;

static const char *const kind_names[] = {
	[KEY_RSA] = "RSA-2048",
	[KEY_P256] = "ECDSA-P256",
	[KEY_P384] = "ECDSA-P384",
	[KEY_P521] = "ECDSA-P521",
	[KEY_ED25519] = "Ed25519",
};

static int set_up(void **state)
{
	(void)state;
	pki.root = certs_ca("O=Example, CN=Root", KEY_P256, NULL);
	pki.subordinate = certs_ca("O=Example, CN=Subordinate", KEY_RSA, &pki.root);
	pki.other_root = certs_ca("O=Example, CN=Root", KEY_P256, NULL); /* the same name */
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++)
		pki.keys[k] = certs_peer("CN=peer", "peer.example", k, &pki.subordinate);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	made_free(&pki.root);
	made_free(&pki.subordinate);
	made_free(&pki.other_root);
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++)
		made_free(&pki.keys[k]);
	return 0;
}

/* ---- verification ---- */

/* Verifies leaf and others (up to a NULL) at a time. */
static enum trust_result verify_at(const struct trust *t, int64_t at, char text[TRUST_TEXT_SIZE],
	const struct made *leaf, const struct made *second)
{
	static uint8_t der[2][CERT_DER_MAX];
	struct chunk chunks[2] = {{der[0], 0}, {der[1], 0}};
	struct cert *got = NULL;
	enum trust_result result;

	chunks[0].len = cert_encode(leaf->cert, der[0], sizeof(der[0]));
	assert_true(chunks[0].len);
	if (second)
		chunks[1].len = cert_encode(second->cert, der[1], sizeof(der[1]));
	result = trust_verify(t, chunks, second ? 2 : 1, at, &got, text);
	assert_true((result == TRUST_OK) == (got != NULL));
	assert_true(result == TRUST_OK || text[0]);
	cert_free(got);
	return result;
}

static enum trust_result verify(
	const struct trust *t, const struct made *leaf, const struct made *second)
{
	char text[TRUST_TEXT_SIZE];

	return verify_at(t, CERTS_NOW, text, leaf, second);
}

static struct trust *trust_in(const struct made *ca)
{
	struct trust *t = trust_new(false);

	certs_trust_ca(t, ca);
	return t;
}

static void test_chain(void **state)
{
	struct trust *root = trust_in(&pki.root), *sub = trust_in(&pki.subordinate);
	struct trust *both = trust_in(&pki.subordinate), *other = trust_in(&pki.other_root);
	struct trust *nobody = trust_new(false);
	const struct made *leaf = &pki.keys[KEY_P256];

	(void)state;
	certs_trust_ca(both, &pki.root);
	assert_int_equal(verify(root, leaf, &pki.subordinate), TRUST_OK);
	assert_int_equal(verify(root, leaf, NULL), TRUST_UNTRUSTED); /* the link is missing */
	assert_int_equal(verify(sub, leaf, NULL), TRUST_OK);         /* a subordinate alone */
	assert_int_equal(verify(both, leaf, NULL), TRUST_OK);        /* it completes the chain */
	assert_int_equal(verify(other, leaf, &pki.subordinate), TRUST_UNTRUSTED);
	assert_int_equal(verify(nobody, leaf, &pki.subordinate), TRUST_UNTRUSTED);
	trust_free(root);
	trust_free(sub);
	trust_free(both);
	trust_free(other);
	trust_free(nobody);
}

static void test_time(void **state)
{
	struct trust *t = trust_in(&pki.subordinate);
	const struct made *leaf = &pki.keys[KEY_RSA];
	char text[TRUST_TEXT_SIZE];

	(void)state;
	assert_int_equal(verify_at(t, CERTS_NOW - CERTS_YEAR / 2 - 1, text, leaf, NULL),
		TRUST_NOT_YET_VALID);
	assert_int_equal(verify_at(t, CERTS_NOW - CERTS_YEAR / 2, text, leaf, NULL), TRUST_OK);
	assert_int_equal(
		verify_at(t, CERTS_NOW + CERTS_YEAR / 2 + 1, text, leaf, NULL), TRUST_EXPIRED);
	assert_non_null(strstr(text, "CN=peer: certificate has expired"));
	trust_free(t);
}

static void test_usage(void **state)
{
	static const struct {
		const char *usage, *extended;
		enum trust_result expected;
	} rows[] = {
		{NULL, NULL, TRUST_OK},
		{"nonRepudiation", NULL, TRUST_OK},
		{"keyEncipherment", NULL, TRUST_USAGE},
		{"keyEncipherment,digitalSignature", "ipsecIKE", TRUST_OK},
		{"digitalSignature", "serverAuth,clientAuth", TRUST_OK},
		{"digitalSignature", "codeSigning", TRUST_USAGE},
		{"digitalSignature", "codeSigning,anyExtendedKeyUsage", TRUST_OK},
	};
	struct trust *t = trust_in(&pki.root);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct issue_request r = certs_request("CN=peer", NULL, 0);
		struct made m;

		r.key_usage = rows[i].usage;
		r.extended_usage = rows[i].extended;
		m = certs_make(&r, KEY_P256, 0, &pki.root);
		assert_int_equal(verify(t, &m, NULL), rows[i].expected);
		made_free(&m);
	}
	trust_free(t);
}

/* A peer's certificate must not issue others, and a subordinate no more levels than it may. */
static void test_false_authority(void **state)
{
	struct trust *t = trust_in(&pki.root);
	struct made peer = certs_peer("CN=peer", "peer.example", KEY_P256, &pki.root);
	struct made forged = certs_peer("CN=forged", "hub.example", KEY_P256, &peer);
	struct issue_request r = {.subject = "CN=short",
		.not_before = CERTS_NOW - 1,
		.not_after = CERTS_NOW + 1000,
		.ca = true,
		.key_usage = "keyCertSign"};
	struct made level0 = certs_make(&r, KEY_P256, 0, &pki.root);
	struct made level1 = certs_ca("CN=too deep", KEY_P256, &level0);
	struct made below = certs_peer("CN=below", "below.example", KEY_P256, &level1);
	uint8_t der[3][CERT_DER_MAX];
	struct chunk chunks[3] = {{der[0], cert_encode(below.cert, der[0], CERT_DER_MAX)},
		{der[1], cert_encode(level1.cert, der[1], CERT_DER_MAX)},
		{der[2], cert_encode(level0.cert, der[2], CERT_DER_MAX)}};
	char text[TRUST_TEXT_SIZE];
	struct cert *got;

	(void)state;
	assert_int_equal(verify(t, &peer, NULL), TRUST_OK);
	assert_int_equal(verify(t, &forged, &peer), TRUST_USAGE);
	assert_int_equal(trust_verify(t, chunks, 3, CERTS_NOW, &got, text), TRUST_USAGE);
	assert_null(got);
	made_free(&peer);
	made_free(&forged);
	made_free(&level0);
	made_free(&level1);
	made_free(&below);
	trust_free(t);
}

static void test_weak_key(void **state)
{
	struct trust *t = trust_in(&pki.root);
	struct issue_request r = certs_request("CN=peer", NULL, 0);
	struct made weak = certs_make(&r, KEY_RSA, 1024, &pki.root);

	(void)state;
	assert_int_equal(verify(t, &weak, NULL), TRUST_WEAK);
	made_free(&weak);
	trust_free(t);
}

static void test_limits(void **state)
{
	struct trust *t = trust_in(&pki.subordinate);
	static uint8_t der[CERT_DER_MAX + 1];
	size_t len = cert_encode(pki.keys[KEY_RSA].cert, der, sizeof(der));
	struct chunk many[CERT_CHAIN_MAX + 1];
	char text[TRUST_TEXT_SIZE];
	struct cert *got;

	(void)state;
	for (size_t i = 0; i <= CERT_CHAIN_MAX; i++)
		many[i] = (struct chunk){der, len};
	assert_int_equal(trust_verify(t, many, 0, CERTS_NOW, &got, text), TRUST_NO_CERT);
	assert_int_equal(trust_verify(t, many, CERT_CHAIN_MAX, CERTS_NOW, &got, text), TRUST_OK);
	cert_free(got);
	assert_int_equal(
		trust_verify(t, many, CERT_CHAIN_MAX + 1, CERTS_NOW, &got, text), TRUST_TOO_LARGE);
	many[1] = (struct chunk){der, CERT_CHAIN_BYTES};
	assert_int_equal(trust_verify(t, many, 2, CERTS_NOW, &got, text), TRUST_TOO_LARGE);
	many[0].len = len - 1;
	assert_int_equal(trust_verify(t, many, 1, CERTS_NOW, &got, text), TRUST_MALFORMED);
	many[0].len = len + 1;
	assert_int_equal(trust_verify(t, many, 1, CERTS_NOW, &got, text), TRUST_MALFORMED);
	trust_free(t);
}

/* ---- revocation ---- */

static void test_crl(void **state)
{
	struct trust *t = trust_in(&pki.root), *stale = trust_in(&pki.root);
	struct trust *upper = trust_in(&pki.root), *forged = trust_in(&pki.root);
	const struct made *leaf = &pki.keys[KEY_P256], *sub = &pki.subordinate;
	struct made imposter = certs_ca("O=Example, CN=Subordinate", KEY_P256, &pki.other_root);
	struct trust_crl_facts facts;
	char text[TRUST_TEXT_SIZE];

	(void)state;
	certs_trust_crl(t, sub, &pki.keys[KEY_RSA], 30);
	assert_int_equal(verify(t, leaf, sub), TRUST_OK); /* another one is revoked */
	assert_int_equal(verify_at(t, CERTS_NOW, text, &pki.keys[KEY_RSA], sub), TRUST_REVOKED);
	assert_non_null(strstr(text, "CN=peer: certificate revoked"));
	assert_int_equal(trust_crl_count(t), 1);
	trust_crl(t, 0, &facts);
	assert_string_equal(facts.issuer, "O=Example, CN=Subordinate");
	assert_int_equal(facts.revoked, 1);
	assert_int_equal(facts.next_update, CERTS_NOW + 29 * INT64_C(86400));
	/* An old list still revokes, and refuses nobody else. */
	certs_trust_crl(stale, sub, &pki.keys[KEY_RSA], 0);
	assert_int_equal(verify(stale, &pki.keys[KEY_RSA], sub), TRUST_REVOKED);
	assert_int_equal(verify(stale, leaf, sub), TRUST_OK);
	/* The subordinate itself, also where it is listed with the root. */
	certs_trust_crl(upper, &pki.root, sub, 30);
	assert_int_equal(verify(upper, leaf, sub), TRUST_REVOKED);
	certs_trust_ca(upper, sub);
	assert_int_equal(verify(upper, leaf, NULL), TRUST_REVOKED);
	/* A list under the issuer's name that another key signed. */
	certs_trust_crl(forged, &imposter, leaf, 30);
	assert_int_not_equal(verify(forged, leaf, sub), TRUST_REVOKED);
	made_free(&imposter);
	trust_free(t);
	trust_free(stale);
	trust_free(upper);
	trust_free(forged);
}

static void test_crl_strict(void **state)
{
	struct trust *t = trust_new(true);
	const struct made *leaf = &pki.keys[KEY_P256], *sub = &pki.subordinate;
	char text[TRUST_TEXT_SIZE];

	(void)state;
	certs_trust_ca(t, &pki.root);
	assert_int_equal(verify(t, leaf, sub), TRUST_NO_CRL);
	certs_trust_crl(t, sub, NULL, 30);
	assert_int_equal(verify(t, leaf, sub), TRUST_NO_CRL); /* the root's is missing */
	certs_trust_crl(t, &pki.root, NULL, 30);
	assert_int_equal(verify(t, leaf, sub), TRUST_OK);
	assert_int_equal(
		verify_at(t, CERTS_NOW + 31 * INT64_C(86400), text, leaf, sub), TRUST_NO_CRL);
	trust_free(t);
	/* An anchor has no list to be on. */
	t = trust_new(true);
	certs_trust_ca(t, sub);
	certs_trust_crl(t, sub, NULL, 30);
	assert_int_equal(verify(t, leaf, NULL), TRUST_OK);
	trust_free(t);
}

static void test_bad_files(void **state)
{
	struct trust *t = trust_new(false);
	struct issued pem;
	char error[200] = "";

	(void)state;
	assert_false(trust_add_ca(t, "", 0, error, sizeof(error)));
	assert_false(trust_add_ca(t, "nothing", 7, error, sizeof(error)));
	assert_non_null(strstr(error, "no certificate"));
	assert_true(cert_write(pki.keys[KEY_P256].cert, &pem));
	assert_false(trust_add_ca(t, pem.pem, pem.len, error, sizeof(error)));
	assert_non_null(strstr(error, "not a certification authority"));
	assert_false(trust_add_crl(t, pem.pem, pem.len, error, sizeof(error)));
	pem.pem[pem.len / 2] = '*';
	assert_false(trust_add_ca(t, pem.pem, pem.len, error, sizeof(error)));
	assert_non_null(strstr(error, "damaged"));
	issued_free(&pem);
	assert_int_equal(trust_ca_count(t), 0);
	assert_int_equal(trust_crl_count(t), 0);
	certs_trust_ca(t, &pki.root);
	certs_trust_ca(t, &pki.root); /* twice is once */
	assert_int_equal(trust_ca_count(t), 1);
	trust_free(t);
}

/* ---- identities ---- */

static void test_identity(void **state)
{
	struct ike_identity names[] = {certs_id(IKE_ID_FQDN, "Site1.Example"),
		certs_id(IKE_ID_RFC822, "ops@example"), {IKE_ID_IPV4, 4, {192, 0, 2, 7}},
		{IKE_ID_IPV6, 16, {0x20, 1, 0xd, 0xb8, [15] = 7}}};
	struct issue_request r =
		certs_request("C=DE, O=Example\\, Inc, CN=common.example", names, 4);
	struct made m = certs_make(&r, KEY_P256, 0, &pki.root);
	struct ike_identity id, dn;
	struct cert_facts facts;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_true(cert_has_identity(m.cert, &names[i]));
	id = certs_id(IKE_ID_FQDN, "site1.example");
	assert_true(cert_has_identity(m.cert, &id));
	id = certs_id(IKE_ID_FQDN, "site1.exampl");
	assert_false(cert_has_identity(m.cert, &id));
	id = certs_id(IKE_ID_FQDN, "common.example"); /* only the common name */
	assert_false(cert_has_identity(m.cert, &id));
	id = certs_id(IKE_ID_RFC822, "Site1.Example"); /* of another kind */
	assert_false(cert_has_identity(m.cert, &id));
	id = certs_id(IKE_ID_KEY_ID, "Site1.Example");
	assert_false(cert_has_identity(m.cert, &id));
	id = names[2];
	id.bytes[3] = 8;
	assert_false(cert_has_identity(m.cert, &id));
	assert_true(dn_from_text("C=DE,O=example\\, inc,CN=Common.example", &dn));
	assert_true(cert_has_identity(m.cert, &dn));
	assert_true(dn_from_text("O=Example\\, Inc, C=DE, CN=common.example", &dn));
	assert_false(cert_has_identity(m.cert, &dn)); /* another order is another name */
	assert_true(cert_first_identity(m.cert, &id));
	assert_int_equal(id.type, IKE_ID_FQDN);
	cert_facts(m.cert, &facts);
	assert_string_equal(facts.subject, "C=DE, O=Example\\, Inc, CN=common.example");
	assert_string_equal(facts.names, "Site1.Example, ops@example, 192.0.2.7, 2001:db8::7");
	assert_string_equal(facts.key, "ECDSA-P256");
	assert_int_equal(facts.not_after, CERTS_NOW + CERTS_YEAR / 2);
	assert_int_equal(strlen(facts.serial), 2 * ISSUE_SERIAL_LEN);
	assert_int_equal(strlen(facts.fingerprint), 64);
	made_free(&m);
}

/* A wildcard, and a name that ends early for a C string, are no names. */
static void test_odd_names(void **state)
{
	struct ike_identity names[] = {
		certs_id(IKE_ID_FQDN, "*.example"), {IKE_ID_FQDN, 13, "hub.example\0x"}};
	struct issue_request r = certs_request("CN=odd", names, 2);
	struct made m = certs_make(&r, KEY_P256, 0, &pki.root);
	struct ike_identity id = certs_id(IKE_ID_FQDN, "site.example");

	(void)state;
	assert_false(cert_has_identity(m.cert, &id));
	id = certs_id(IKE_ID_FQDN, "hub.example");
	assert_false(cert_has_identity(m.cert, &id));
	assert_false(cert_has_identity(m.cert, &names[1]));
	made_free(&m);
}

static void test_dn(void **state)
{
	static const char *const bad[] = {
		"", "CN", "CN=", "XX=y", "CN=a,", "=a", "C=DEU", "CN=a\\"};
	struct ike_identity a, b;
	char text[CERT_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (strcmp(bad[i], "CN=a,")) /* one comma too many is forgiven */
			assert_false(dn_from_text(bad[i], &a));
	}
	assert_true(dn_from_text("C=DE, CN=a b", &a));
	assert_true(dn_from_text("C=DE,CN=A  B", &b));
	assert_true(dn_equal(a.bytes, a.len, b.bytes, b.len));
	assert_true(dn_from_text("C=DE,CN=ab", &b));
	assert_false(dn_equal(a.bytes, a.len, b.bytes, b.len));
	assert_false(dn_equal(a.bytes, a.len, b.bytes, b.len - 1u));
	assert_string_equal(dn_to_text(a.bytes, a.len, text), "C=DE, CN=a b");
	assert_string_equal(dn_to_text(a.bytes, 3, text), "?");
}

static void test_warning(void **state)
{
	int64_t day = 86400;

	(void)state;
	assert_int_equal(cert_warn_from(0, 365 * day), 335 * day);
	assert_int_equal(cert_warn_from(0, 9 * day), 6 * day);
}

/* ---- credentials ---- */

static void test_credential(void **state)
{
	const struct made *leaf = &pki.keys[KEY_RSA];
	const struct made *chain[] = {&pki.subordinate, &pki.root, NULL};
	const struct made *wrong[] = {&pki.root, NULL};
	struct credential *c = certs_credential(leaf, chain);
	struct issued pem, root, key;
	char text[8192], error[200];

	(void)state;
	assert_int_equal(credential_count(c), 2); /* without the root */
	assert_int_equal(private_key_kind(credential_key(c)), KEY_RSA);
	credential_free(c);
	assert_true(cert_write(leaf->cert, &pem));
	assert_true(cert_write(wrong[0]->cert, &root));
	assert_true(private_key_write(pki.keys[KEY_P256].key, &key));
	assert_null(credential_read(pem.pem, pem.len, key.pem, key.len, error, sizeof(error)));
	assert_non_null(strstr(error, "does not belong"));
	snprintf(text, sizeof(text), "%s%s", pem.pem, root.pem);
	assert_null(credential_read_public(text, strlen(text), error, sizeof(error)));
	assert_non_null(strstr(error, "certificate 2 did not issue certificate 1"));
	assert_null(credential_read(pem.pem, pem.len, "", 0, error, sizeof(error)));
	issued_free(&pem);
	issued_free(&root);
	issued_free(&key);
}

static void test_encrypted_key(void **state)
{
	static const char pem[] =
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
		"MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgAAAAAAAAAAAICCAAw\n"
		"-----END ENCRYPTED PRIVATE KEY-----\n";
	char error[200];

	(void)state;
	assert_null(private_key_read(pem, sizeof(pem) - 1, error, sizeof(error)));
	assert_non_null(strstr(error, "encrypted"));
}

/* ---- signatures ---- */

/* Signs with a kind of key, verifies, and finds every change. */
static void check_scheme(enum key_kind kind, const struct sign_scheme *s)
{
	const struct made *m = &pki.keys[kind];
	struct chunk text[] = {{"one", 3}, {NULL, 0}, {"two", 3}}, same = {"onetwo", 6};
	struct chunk other = {"onetwx", 6};
	uint8_t signature[SIGNATURE_MAX];
	size_t len;

	assert_non_null(s);
	assert_true(sign_create(m->key, s, text, 3, signature, &len));
	assert_true(sign_verify(m->cert, s, &same, 1, signature, len));
	assert_false(sign_verify(m->cert, s, &other, 1, signature, len));
	assert_false(sign_verify(m->cert, s, &same, 1, signature, len - 1));
	assert_false(sign_verify(m->cert, s, &same, 1, signature, 0));
	signature[len / 2] ^= 1;
	assert_false(sign_verify(m->cert, s, &same, 1, signature, len));
	signature[len / 2] ^= 1;
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++) {
		if (k != kind)
			assert_false(sign_verify(pki.keys[k].cert, s, &same, 1, signature, len));
	}
}

static void test_schemes(void **state)
{
	(void)state;
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++) {
		for (uint8_t hash = SIGN_HASH_SHA256; hash <= SIGN_HASH_IDENTITY; hash++) {
			for (int pss = 0; pss < 2; pss++) {
				const struct sign_scheme *s =
					sign_scheme_choose(k, 1u << hash, pss);

				assert_true((s == NULL) ==
					    ((k == KEY_ED25519) != (hash == SIGN_HASH_IDENTITY)));
				if (!s)
					continue;
				assert_int_equal(s->hash, hash);
				assert_ptr_equal(sign_scheme_decode(s->der, s->der_len), s);
				check_scheme(k, s);
			}
		}
		if (k != KEY_ED25519)
			check_scheme(k, sign_scheme_legacy(k));
	}
	assert_null(sign_scheme_legacy(KEY_ED25519));
}

static void test_choice(void **state)
{
	(void)state;
	assert_string_equal(
		sign_scheme_choose(KEY_P384, SIGN_HASHES, false)->name, "ECDSA-SHA2-384");
	assert_string_equal(sign_scheme_choose(KEY_P521, 1u << SIGN_HASH_SHA256, false)->name,
		"ECDSA-SHA2-256");
	assert_string_equal(
		sign_scheme_choose(KEY_RSA, SIGN_HASHES, true)->name, "RSA-PSS-SHA2-256");
	assert_null(sign_scheme_choose(KEY_RSA, 1u << SIGN_HASH_SHA1, false));
	assert_null(sign_scheme_choose(KEY_P256, 0, false));
	assert_null(sign_scheme_choose(KEY_OTHER, SIGN_HASHES, false));
	assert_int_equal(sign_scheme_of_method(1)->hash, SIGN_HASH_SHA1);
	assert_null(sign_scheme_of_method(2));
	assert_null(sign_scheme_of_method(14));
}

/* AlgorithmIdentifiers that other encoders write, and those that are refused. */
static void test_algorithm_identifiers(void **state)
{
	static const uint8_t sha1_rsa[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
		0x0d, 0x01, 0x01, 0x05, 0x05, 0x00};
	static const uint8_t pss_sha1[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
		0x0d, 0x01, 0x01, 0x0a, 0x30, 0x00};
	/* RSASSA-PSS, SHA-256 for both, its parameters absent instead of NULL. */
	static const uint8_t pss_absent[] = {0x30, 0x3d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
		0x0d, 0x01, 0x01, 0x0a, 0x30, 0x30, 0xa0, 0x0d, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86,
		0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0xa1, 0x1a, 0x30, 0x18, 0x06, 0x09, 0x2a,
		0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86,
		0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0xa2, 0x03, 0x02, 0x01, 0x20};
	uint8_t mixed[sizeof(pss_absent)];

	(void)state;
	assert_null(sign_scheme_decode(sha1_rsa, sizeof(sha1_rsa)));
	assert_null(sign_scheme_decode(pss_sha1, sizeof(pss_sha1)));
	assert_null(sign_scheme_decode(NULL, 0));
	assert_string_equal(
		sign_scheme_decode(pss_absent, sizeof(pss_absent))->name, "RSA-PSS-SHA2-256");
	assert_null(sign_scheme_decode(pss_absent, sizeof(pss_absent) - 1));
	memcpy(mixed, pss_absent, sizeof(mixed));
	mixed[57] = 2; /* MGF1 with SHA-384 */
	assert_null(sign_scheme_decode(mixed, sizeof(mixed)));
}

/* IKEv1: a digest is signed as it is. */
static void test_digests(void **state)
{
	uint8_t digest[SHA256_LEN] = {1, 2, 3}, signature[SIGNATURE_MAX];
	size_t len;

	(void)state;
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++) {
		bool can = k != KEY_ED25519;

		assert_int_equal(sign_digest_create(
					 pki.keys[k].key, digest, sizeof(digest), signature, &len),
			can);
		if (!can)
			continue;
		assert_true(sign_digest_verify(
			pki.keys[k].cert, digest, sizeof(digest), signature, len));
		digest[0] ^= 1;
		assert_false(sign_digest_verify(
			pki.keys[k].cert, digest, sizeof(digest), signature, len));
		assert_false(
			sign_digest_verify(pki.keys[k].cert, digest, sizeof(digest), signature, 3));
	}
}

static void test_key_names(void **state)
{
	char name[KEY_NAME_SIZE];

	(void)state;
	for (enum key_kind k = KEY_RSA; k <= KEY_ED25519; k++) {
		assert_int_equal(private_key_kind(pki.keys[k].key), k);
		assert_int_equal(cert_key_kind(pki.keys[k].cert), k);
		assert_string_equal(private_key_name(pki.keys[k].key, name), kind_names[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_false_authority),
		cmocka_unit_test(test_weak_key),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_crl),
		cmocka_unit_test(test_crl_strict),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_dn),
		cmocka_unit_test(test_warning),
		cmocka_unit_test(test_credential),
		cmocka_unit_test(test_encrypted_key),
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_algorithm_identifiers),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_key_names),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
