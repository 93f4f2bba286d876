/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 and signatures: identities, credentials, every scheme. */
#include "pki.h"

#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static const char *const kind_names[] = {
	[KEY_RSA] = "RSA-2048",
	[KEY_P256] = "ECDSA-P256",
	[KEY_P384] = "ECDSA-P384",
	[KEY_P521] = "ECDSA-P521",
	[KEY_ED25519] = "Ed25519",
};

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

#define SIXTY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void test_dn(void **state)
{
	static const char *const bad[] = {"", "CN", "CN=", "XX=y", "CN=a,", "=a", "C=DEU", "CN=a\\",
		"CN=a+", "CN=a + b", "CN=a\\z", "CN=\\00", "2..5.4.3=a", ".2.5.4.3=a", "2.5.4.3.=a",
		"CN.1=a", "-CN=a"};
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
	/* RFC 4514 2.2: attributes of one RDN, in any order; two RDNs are something else. */
	assert_true(dn_from_text("O=Lab, CN=r6 + serialNumber=FTX1", &a));
	assert_string_equal(dn_to_text(a.bytes, a.len, text), "O=Lab, CN=r6 + serialNumber=FTX1");
	assert_true(dn_from_text("O=Lab,serialNumber=FTX1+CN=r6", &b));
	assert_true(dn_equal(a.bytes, a.len, b.bytes, b.len));
	assert_true(dn_from_text("O=Lab, CN=r6, serialNumber=FTX1", &b));
	assert_false(dn_equal(a.bytes, a.len, b.bytes, b.len));
	assert_true(dn_from_text("CN=r6 \\+ serialNumber=FTX1", &b));
	assert_string_equal(
		dn_to_text(b.bytes, b.len, text), "CN=r6 \\+ serialNumber=FTX1"); /* one value */
	/* As strongSwan and Windows write them. */
	assert_true(dn_from_text("c=DE, S=Hesse, E=a@b.example", &a));
	assert_true(dn_from_text("C=DE, ST=Hesse, emailAddress=a@b.example", &b));
	assert_true(dn_equal(a.bytes, a.len, b.bytes, b.len));
	/* By number, and shown by a name that has a hyphen. */
	assert_true(dn_from_text("1.3.6.1.5.5.7.1=x", &a));
	assert_string_equal(dn_to_text(a.bytes, a.len, text), "id-pe=x");
	assert_true(dn_from_text(text, &b));
	assert_true(dn_equal(a.bytes, a.len, b.bytes, b.len));
	/* More than 254 bytes. */
	assert_true(dn_from_text(
		"C=DE, OU=" SIXTY ", OU=" SIXTY ", OU=" SIXTY ", OU=" SIXTY ", CN=r7", &a));
	assert_true(a.len > 254);
	dn_to_text(a.bytes, a.len, text);
	assert_string_equal(text + CERT_NAME_SIZE - 5, "x...");
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

	return cmocka_run_group_tests(tests, pki_make, pki_free);
}
