/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates of a whole hub: read, given to ike as descriptors, waited for, shown, and watched. */
#include "hub_world.h"

#include "../certs.h"
#include "hub/secret/secret.h"

#include <jansson.h>
#include <time.h>

#define ONE WORLD_SITE("one", "1", "")
#define CERT                                                                                       \
	"  certificate: 'file:DIR/hub.pem'\n"                                                      \
	"  private_key: 'file:DIR/hub.key'\n"                                                      \
	"  ca: ['file:DIR/root.pem']\n"                                                            \
	"  crl: ['file:DIR/crl.pem']\n"
#define CERT_SITE(own)                                                                             \
	"  - name: two\n    asn: 65002\n    tunnels:\n"                                            \
	"      - { identity: t1.example.net, inside: 169.254.102.0/30, auth: cert" own " }\n"      \
	"      - { identity: t2.example.net, inside: 169.254.102.4/30, auth: cert }\n"

static void psk(const char *name, const char *key)
{
	world_write(name, key);
}

static int setup(void **state)
{
	(void)state;
	world_directory();
	return 0;
}

/* ---- keys ---- */

#define WAITS                                                                                      \
	"  - name: late\n    asn: 65003\n    tunnels:\n"                                           \
	"      - { identity: l1.example.net, inside: 169.254.103.0/30, psk: 'file:DIR/late' }\n"   \
	"      - { identity: l2.example.net, inside: 169.254.103.4/30, psk: 'file:DIR/psk',"       \
	" ppk: 'file:DIR/ppk', ppk_identity: branch, ike_versions: [ikev2] }\n"

/* It is looked for again so often. */
static void five_seconds(void)
{
	for (int i = 0; i < 5; i++)
		world_second();
}

/* All others are there; and the tunnel, as soon as its key can be read. */
static void a_key_may_come_later(void **state)
{
	(void)state;
	psk("ppk", "a.post_quantum_secret\n");
	world_configure("", ONE WAITS);
	world_run();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 0));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 3));
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_PPK, 3));
	assert_true(world_state(2)->no_secret);
	assert_string_equal(world_state(2)->ike.reason, "NO_SECRET");
	assert_true(!strncmp(world_state(2)->ike.detail,
		"a key or certificate of the tunnel cannot be read: psk file:",
		strlen("a key or certificate of the tunnel cannot be read: psk file:")));
	assert_non_null(strstr(world_state(2)->ike.detail, "/late: No such file"));
	assert_string_equal(reason_code(REASON_NO_SECRET), "NO_SECRET");
	psk("late", "short");
	hub_secrets_again(world.hub);
	world_turn();
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	psk("late", "a.late_secret.of.tests");
	five_seconds();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_false(world_state(2)->no_secret);
	assert_string_equal(world_state(2)->ike.reason, "");
}

/* In a label, a name or a remark, where everybody can read it. */
static void a_secret_in_a_document_is_told(void **state)
{
	(void)state;
	world_configure("", ONE);
	world_run();
	assert_true(vault_set("sealed", "another.secret", 14));
	world_configure("", WORLD_SITE("one", "1",
				    "    labels: { note: the key is a.long_secret.of.tests }\n"));
	world_apply();
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary, "it has the text of the secret file:"));
	assert_null(strstr(world.applied.summary, "a.long_secret.of.tests"));
	world_configure("", ONE "# another.secret\n");
	world_apply();
	assert_false(world.applied.ok);
	assert_non_null(
		strstr(world.applied.summary, "it has the text of the secret secret:sealed"));
	assert_non_null(strstr(world.applied.summary, "sluice.yaml:"));
	world_configure("", ONE);
	world_apply();
	assert_int_equal(world_warned("it has the secret"), 0);
}

/* As a command of one site does. */
static bool applies_one(void)
{
	char error[CONFIG_ERROR_SIZE];

	world_apply_order(
		(struct apply_order){.documents = documents_load(world.path, false, error),
			.writes = json_pack("[s]", ""),
			.over_edits = true});
	return world.applied.ok;
}

/* What has become of the files of another site is none of its business. */
static void a_change_of_one_site_reads_no_other(void **state)
{
	char file[96];

	(void)state;
	psk("late", "a.late_secret.of.tests");
	psk("ppk", "a.post_quantum_secret\n");
	world_configure("", ONE WAITS);
	world_run();
	snprintf(file, sizeof(file), "%s/late", world.dir);
	assert_int_equal(remove(file), 0);
	world_configure("", WORLD_SITE("one", "1", "    rate: 50M\n") WAITS);
	assert_true(applies_one());
	world_configure("", WORLD_SITE("one", "1", "    rate: 60M\n") WAITS);
	world_apply();
	assert_false(world.applied.ok);
}

/* ---- certificates ---- */

static struct {
	struct made root, hub;
} pki;

static void write_pem(const char *name, struct issued *own_pem)
{
	char text[8192];

	assert_in_range(own_pem->len, 1, sizeof(text) - 1);
	memcpy(text, own_pem->pem, own_pem->len);
	text[own_pem->len] = '\0';
	world_write(name, text);
	issued_free(own_pem);
}

static void write_cert(const char *name, const struct made *m)
{
	struct issued pem;

	assert_true(cert_write(m->cert, &pem));
	write_pem(name, &pem);
}

static void write_hub(int64_t days, int64_t left)
{
	struct ike_identity name = certs_id(IKE_ID_FQDN, "hub.example.net");
	struct issue_request r = certs_request("CN=hub \"1\"", &name, 1);
	struct issued pem;

	made_free(&pki.hub);
	r.not_after = time(NULL) + left * 86400;
	r.not_before = r.not_after - days * 86400;
	pki.hub = certs_make(&r, KEY_P256, 0, &pki.root);
	write_cert("hub.pem", &pki.hub);
	assert_true(private_key_write(pki.hub.key, &pem));
	write_pem("hub.key", &pem);
}

static void write_crl(int64_t days)
{
	int64_t now = time(NULL);
	struct issued pem;

	assert_true(issue_crl(pki.root.cert, pki.root.key, NULL, 0, 1, now - 2 * 86400,
		now + days * 86400, &pem));
	write_pem("crl.pem", &pem);
}

static int setup_certs(void **state)
{
	struct issue_request r = {.subject = "CN=Root",
		.not_before = time(NULL) - 86400,
		.not_after = time(NULL) + 3650 * INT64_C(86400),
		.ca = true,
		.path_len = -1,
		.key_usage = "critical,keyCertSign,cRLSign"};

	setup(state);
	pki.root = certs_make(&r, KEY_P256, 0, NULL);
	write_cert("root.pem", &pki.root);
	write_hub(365, 300);
	write_crl(7);
	world_configure(CERT, ONE CERT_SITE(""));
	world_run();
	return 0;
}

static int finish_certs(void **state)
{
	made_free(&pki.root);
	made_free(&pki.hub);
	return world_finish(state);
}

/* As descriptors: what hub has read of a private key it has forgotten. */
static void certificates_are_given_to_ike(void **state)
{
	const struct imsg_ike_credentials *c =
		world_told(PROCESS_IKE, IMSG_IKE_CREDENTIALS, (int)UINT32_MAX);
	unsigned int parts = 0;

	(void)state;
	assert_true(c || world_count(PROCESS_IKE, IMSG_IKE_CREDENTIALS));
	for (size_t i = 0; i < world.heard_count; i++) {
		if (world.heard[i].type != IMSG_IKE_CREDENTIAL)
			continue;
		assert_true(world.heard[i].fd);
		assert_int_equal(world.heard[i].len, sizeof(struct imsg_ike_credential));
		parts |= 1u << ((const struct imsg_ike_credential *)world.heard[i].payload)->part;
	}
	assert_int_equal(parts, 1 << CREDENTIAL_CHAIN | 1 << CREDENTIAL_KEY | 1 << CREDENTIAL_CA |
					1 << CREDENTIAL_CRL);
	/* A site with a certificate has no secret to be read. */
	for (size_t i = 0; i < world.heard_count; i++) {
		if (world.heard[i].type == IMSG_IKE_TUNNEL)
			assert_int_equal(
				world.heard[i].fd, *(const uint32_t *)world.heard[i].payload < 2);
	}
}

static const char *state_of(const char *list, size_t i)
{
	static char text[32];
	json_t *document = certificates_show(world.hub);
	json_t *o = json_array_get(json_object_get(document, list), i);

	snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(o, "state")));
	json_decref(document);
	return text;
}

static void applies(void)
{
	world_apply();
	if (!world.applied.ok)
		fail_msg("%s", world.applied.summary);
}

static void certificates_are_shown(void **state)
{
	struct imsg_peer_cert peer = {.tunnel = 2, .chain.count = 1};
	json_t *document, *o;
	char *text;
	size_t size;
	FILE *f;

	(void)state;
	strcpy(peer.facts.subject, "CN=two");
	strcpy(peer.facts.serial, "4f02");
	peer.facts.not_after = time(NULL) - 1;
	imsg_send(world.children[PROCESS_IKE], IMSG_PEER_CERT, -1, &peer, sizeof(peer));
	world_turn();
	document = certificates_show(world.hub);
	assert_int_equal(json_array_size(json_object_get(document, "certificates")), 3);
	o = json_array_get(json_object_get(document, "certificates"), 2);
	assert_string_equal(json_string_value(json_object_get(o, "kind")), "site");
	assert_string_equal(json_string_value(json_object_get(o, "site")), "two");
	assert_string_equal(json_string_value(json_object_get(o, "state")), "expired");
	json_decref(document);
	assert_string_equal(state_of("certificates", 0), "ok");
	assert_string_equal(state_of("certificates", 1), "ok");
	assert_string_equal(state_of("crls", 0), "ok");
	f = open_memstream(&text, &size);
	certificates_metrics(f, world.hub);
	fclose(f);
	assert_non_null(strstr(text, "{kind=\"site\",site=\"two\",tunnel=\"0\",serial=\"4f02\","));
	assert_non_null(
		strstr(text, "subject=\"CN=hub \\\\\\\"1\\\\\\\"\"")); /* quotes of the format */
	free(text);
}

static void what_ends_is_said_in_time(void **state)
{
	(void)state;
	write_hub(365, 10);
	write_crl(-1);
	applies();
	assert_string_equal(state_of("certificates", 0), "expiring");
	assert_string_equal(state_of("crls", 0), "expired");
	write_hub(10, -1);
	applies();
	assert_string_equal(state_of("certificates", 0), "expired");
	assert_int_equal(world_warned(": expired, valid until "), 1); /* who applies it reads it */
	write_hub(10, 20);
	applies();
	assert_string_equal(state_of("certificates", 0), "not-yet-valid");
}

/* A tunnel with a certificate of its own that cannot be read waits for it; all others are there. */
static void a_certificate_may_come_later(void **state)
{
	(void)state;
	world_stop();
	world_configure(CERT, ONE CERT_SITE(", certificate: 'file:DIR/own.pem',"
					    " private_key: 'file:DIR/hub.key'"));
	world_run();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 0));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_true(world_state(2)->no_secret);
	assert_non_null(strstr(world_state(2)->ike.detail, "own.pem"));
	write_cert("own.pem", &pki.hub);
	five_seconds();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 3));
	assert_false(world_state(2)->no_secret);
}

static void a_change_of_one_site_reads_no_certificate(void **state)
{
	(void)state;
	world_write("root.pem", "no certificate");
	world_configure(CERT, WORLD_SITE("one", "1", "    rate: 50M\n") CERT_SITE(""));
	world_forget();
	assert_true(applies_one());
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_CREDENTIAL), 0);
	/* But one that nobody has read is. */
	world_configure(CERT,
		ONE CERT_SITE(
			", certificate: 'file:DIR/own.pem', private_key: 'file:DIR/own.key'"));
	assert_false(applies_one());
	world_apply();
	assert_false(world.applied.ok);
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, world_finish)
#define CERTS(name) cmocka_unit_test_setup_teardown(name, setup_certs, finish_certs)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_may_come_later),
		TEST(a_secret_in_a_document_is_told),
		TEST(a_change_of_one_site_reads_no_other),
		CERTS(a_change_of_one_site_reads_no_certificate),
		CERTS(certificates_are_given_to_ike),
		CERTS(certificates_are_shown),
		CERTS(what_ends_is_said_in_time),
		CERTS(a_certificate_may_come_later),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_secrets", tests, NULL, NULL);
}
