/* SPDX-License-Identifier: Apache-2.0 */
/* IKE identities as text: what the file takes is what the log shows. */
#include "base/identity.h"
#include "crypto/cert.h"
#include "ike/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		uint8_t type;
		const char *value, *shown;
	} rows[] = {
		{"store-7", IKE_ID_FQDN, "store-7", "fqdn:store-7"},
		{"s1.t0.sluice.test", IKE_ID_FQDN, "s1.t0.sluice.test", "fqdn:s1.t0.sluice.test"},
		{"fqdn:store-7", IKE_ID_FQDN, "store-7", "fqdn:store-7"},
		{"fqdn:10.1.1.1", IKE_ID_FQDN, "10.1.1.1", "fqdn:10.1.1.1"},
		{"fqdn:ops@site", IKE_ID_FQDN, "ops@site", "fqdn:ops@site"},
		{"ops@example", IKE_ID_RFC822, "ops@example", "rfc822:ops@example"},
		{"rfc822:store-7", IKE_ID_RFC822, "store-7", "rfc822:store-7"},
		{"10.1.1.1", IKE_ID_IPV4, "\x0a\1\1\1", "ipv4:10.1.1.1"},
		{"ipv4:10.1.1.1", IKE_ID_IPV4, "\x0a\1\1\1", "ipv4:10.1.1.1"},
		{"ipv6:2001:db8::1", IKE_ID_IPV6, NULL, "ipv6:2001:db8::1"},
		{"2001:db8::1", IKE_ID_IPV6, NULL, "ipv6:2001:db8::1"},
		{"keyid:store-7", IKE_ID_KEY_ID, "store-7", "keyid:store-7"},
		{"keyid:10.1.1.1", IKE_ID_KEY_ID, "10.1.1.1", "keyid:10.1.1.1"},
		{"keyid:a b", IKE_ID_KEY_ID, "a b", "keyid:0x612062"},
		{"keyid:0x00FFff", IKE_ID_KEY_ID, NULL, "keyid:0x00ffff"},
		{"keyid:0x3078", IKE_ID_KEY_ID, "0x", "keyid:0x3078"},
		{"C=DE, CN=a", IKE_ID_DN, "C=DE, CN=a", NULL},
		{"dn:CN=a:b@c", IKE_ID_DN, "CN=a:b@c", NULL},
		{"CN=urn:x", IKE_ID_DN, "CN=urn:x", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char shown[IDENTITY_STR_SIZE];
		struct ike_identity id, again;

		assert_true(identity_parse(rows[i].text, &id));
		assert_int_equal(id.type, rows[i].type);
		if (rows[i].value && (id.len != strlen(rows[i].value) ||
					     memcmp(id.bytes, rows[i].value, id.len) != 0))
			fail_msg("%s", rows[i].text);
		if (!rows[i].shown)
			continue;
		assert_string_equal(identity_format(&id, shown), rows[i].shown);
		assert_true(identity_parse(shown, &again));
		assert_memory_equal(&id, &again, sizeof(id));
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = {"", "@store-7", "store-7@", "@#6162", "asn1dn:x",
		"key_id:store-7", "keyid:", "keyid:0x", "keyid:0x123", "keyid:0xgg",
		"fqdn:", "fqdn:a b", "ipv4:2001:db8::1", "ipv6:10.1.1.1", "ipv4:store", "dn:store",
		"a b", "a,b", "dns:store-7"};
	struct ike_identity id;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (identity_parse(rows[i], &id))
			fail_msg("'%s' was taken", rows[i]);
	}
}

static void test_lengths(void **state)
{
	char text[3 * IDENTITY_MAX], shown[IDENTITY_STR_SIZE];
	struct ike_identity id;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[IDENTITY_MAX] = '\0';
	assert_true(identity_parse(text, &id));
	assert_int_equal(id.len, IDENTITY_MAX);
	identity_format(&id, shown);
	assert_string_equal(shown + strlen(shown) - 4, "a...");
	text[IDENTITY_MAX] = 'a';
	text[IDENTITY_MAX + 1] = '\0';
	assert_false(identity_parse(text, &id));
	memcpy(text, "keyid:0x", 8);
	text[8 + 2 * IDENTITY_MAX] = '\0';
	memset(text + 8, 'a', 2 * IDENTITY_MAX);
	assert_true(identity_parse(text, &id));
	assert_int_equal(id.len, IDENTITY_MAX);
	strcat(text, "aa");
	assert_false(identity_parse(text, &id));
}

/* What the log shows of a peer's name may be copied into the file. */
static void test_names(void **state)
{
	static const char *const rows[] = {"C=DE, O=Lab, CN=r6 + serialNumber=FTX1",
		"O=Lab\\, Inc. \\+ Sons, CN=a", "CN=caf\\C3\\A9"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ike_identity id, again, text;
		char shown[IDENTITY_STR_SIZE];

		assert_true(dn_from_text(rows[i], &id));
		identity_format(&id, shown);
		assert_true(identity_parse(shown, &text));
		assert_int_equal(text.type, IKE_ID_DN);
		text.bytes[text.len] = '\0';
		assert_true(dn_from_text((const char *)text.bytes, &again));
		assert_true(identity_equal(&id, &again));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
