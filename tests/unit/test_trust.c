/* SPDX-License-Identifier: Apache-2.0 */
/* Chains that must and must not verify, revocation, what is remembered of both. */
#include "base/date.h"

#include "pki.h"

#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

/* ---- verification ---- */

/* Verifies leaf and others (up to a NULL) at a time. */
static enum trust_result verify_at(struct trust *t, int64_t at, char text[TRUST_TEXT_SIZE],
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

static enum trust_result verify(struct trust *t, const struct made *leaf, const struct made *second)
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
	char text[TRUST_TEXT_SIZE];

	(void)state;
	certs_trust_ca(both, &pki.root);
	assert_int_equal(verify_at(root, CERTS_NOW, text, leaf, NULL), TRUST_UNTRUSTED);
	assert_string_equal(text, /* the link is missing */
		"CN=peer: its issuer O=Example, CN=Subordinate is not in `ca`, and the peer did "
		"not send it");
	assert_int_equal(verify(root, leaf, &pki.subordinate), TRUST_OK);
	assert_int_equal(verify(sub, leaf, NULL), TRUST_OK);  /* a subordinate alone */
	assert_int_equal(verify(both, leaf, NULL), TRUST_OK); /* it completes the chain */
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
	char text[TRUST_TEXT_SIZE], wanted[TRUST_TEXT_SIZE], end[DATE_TEXT_SIZE];
	char now[DATE_TEXT_SIZE];

	(void)state;
	assert_int_equal(verify_at(t, CERTS_NOW - CERTS_YEAR / 2 - 1, text, leaf, NULL),
		TRUST_NOT_YET_VALID);
	assert_non_null(strstr(text, "CN=peer: valid from "));
	assert_int_equal(verify_at(t, CERTS_NOW - CERTS_YEAR / 2, text, leaf, NULL), TRUST_OK);
	assert_int_equal(
		verify_at(t, CERTS_NOW + CERTS_YEAR / 2 + 1, text, leaf, NULL), TRUST_EXPIRED);
	snprintf(wanted, sizeof(wanted), "CN=peer: valid until %s, the hub's clock says %s",
		date_format(CERTS_NOW + CERTS_YEAR / 2, end),
		date_format(CERTS_NOW + CERTS_YEAR / 2 + 1, now));
	assert_string_equal(text, wanted);
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
		{"digitalSignature", "1.3.6.1.5.5.8.2.2", TRUST_OK}, /* iKEIntermediate */
		{"digitalSignature", "ipsecEndSystem,ipsecTunnel", TRUST_OK},
		{"digitalSignature", "ipsecUser", TRUST_OK},
		{"digitalSignature", "codeSigning", TRUST_USAGE},
		{"digitalSignature", "1.3.6.1.5.5.8.2.3", TRUST_USAGE},
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

/* ---- what was found good before ---- */

static void test_known(void **state)
{
	const struct made *leaf = &pki.keys[KEY_P256], *sub = &pki.subordinate;
	int64_t day = 86400, end = CERTS_NOW + CERTS_YEAR / 2;
	struct trust *t = trust_in(&pki.root);
	char text[TRUST_TEXT_SIZE];

	(void)state;
	assert_int_equal(verify(t, leaf, sub), TRUST_OK);
	/* Known now: what completed its chain need not be sent again. */
	assert_int_equal(verify(t, leaf, NULL), TRUST_OK);
	assert_int_equal(verify_at(t, end, text, leaf, NULL), TRUST_OK);
	assert_int_equal(verify_at(t, end + 1, text, leaf, sub), TRUST_EXPIRED);
	/* A clock that was set back knows nothing. */
	assert_int_equal(verify_at(t, CERTS_NOW - 1, text, leaf, NULL), TRUST_UNTRUSTED);
	assert_int_equal(
		verify_at(t, CERTS_NOW - CERTS_YEAR, text, leaf, sub), TRUST_NOT_YET_VALID);
	/* A list that comes later counts at once. */
	certs_trust_crl(t, sub, leaf, 30);
	assert_int_equal(verify(t, leaf, sub), TRUST_REVOKED);
	trust_free(t);
	/* Where lists have to be fresh, what they allowed ends with them. */
	t = trust_new(true);
	certs_trust_ca(t, sub);
	certs_trust_crl(t, sub, NULL, 30);
	assert_int_equal(verify(t, leaf, NULL), TRUST_OK);
	assert_int_equal(verify_at(t, CERTS_NOW + 29 * day, text, leaf, NULL), TRUST_OK);
	assert_int_equal(verify_at(t, CERTS_NOW + 29 * day + 1, text, leaf, NULL), TRUST_NO_CRL);
	trust_free(t);
}

/* More leaves than are remembered: each is still judged by what it is. */
static void test_known_many(void **state)
{
	struct trust *t = trust_in(&pki.subordinate);
	struct made twins[2];

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct made m = certs_peer("CN=peer", "peer.example", KEY_P256, &pki.subordinate);

		assert_int_equal(verify(t, &m, NULL), TRUST_OK);
		assert_int_equal(verify(t, &m, NULL), TRUST_OK);
		made_free(&m);
	}
	/* The same names from another authority of the same name. */
	twins[0] = certs_ca("O=Example, CN=Subordinate", KEY_RSA, &pki.other_root);
	twins[1] = certs_peer("CN=peer", "peer.example", KEY_P256, &twins[0]);
	assert_int_equal(verify(t, &twins[1], &twins[0]), TRUST_UNTRUSTED);
	made_free(&twins[0]);
	made_free(&twins[1]);
	trust_free(t);
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
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_known_many),
	};

	return cmocka_run_group_tests(tests, pki_make, pki_free);
}
