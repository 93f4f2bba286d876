/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates between hub and ike: sets that take effect as one, files that are refused, answers held. */
#include "../certs.h"
#include "hub/secret/certificates.h"
#include "proc/ike/credentials.h"
#include "proc/ike/hold.h"
#include "ike/credentials.h"
#include "ipc/msg_ike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static struct {
	struct made root, hub;
	struct issued root_pem, hub_pem, hub_key, other_key;
	char directory[32];
} pki;

static int set_up(void **state)
{
	struct made other = {.key = private_key_new(KEY_P256, 0)};

	(void)state;
	pki.root = certs_ca("CN=Root", KEY_P256, NULL);
	pki.hub = certs_peer("CN=hub", "hub.example", KEY_P256, &pki.root);
	strcpy(pki.directory, "/tmp/sluice-cert-XXXXXX");
	return !cert_write(pki.root.cert, &pki.root_pem) ||
	       !cert_write(pki.hub.cert, &pki.hub_pem) ||
	       !private_key_write(pki.hub.key, &pki.hub_key) ||
	       !private_key_write(other.key, &pki.other_key) || !mkdtemp(pki.directory) ||
	       (made_free(&other), 0);
}

static int tear_down(void **state)
{
	(void)state;
	made_free(&pki.root);
	made_free(&pki.hub);
	issued_free(&pki.root_pem);
	issued_free(&pki.hub_pem);
	issued_free(&pki.hub_key);
	issued_free(&pki.other_key);
	return rmdir(pki.directory);
}

/* ---- sets of credentials ---- */

static void no_random(void *context, void *bytes, size_t len)
{
	(void)context;
	memset(bytes, 1, len);
}

static int as_fd(const void *bytes, size_t len)
{
	int fd = memfd_create("part", MFD_CLOEXEC);

	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void begin(struct ike_credentials *c, struct engine *e, uint32_t tunnel, uint32_t parts)
{
	struct imsg_ike_credentials set = {.tunnel = tunnel, .parts = parts};

	ike_credentials_begin(c, &set, e, 0);
}

static void part(struct ike_credentials *c, struct engine *e, uint32_t kind, int own_fd)
{
	struct imsg_ike_credential body = {.part = kind};

	ike_credentials_add(c, &body, own_fd, e, 0);
}

static void whole_set(struct ike_credentials *c, struct engine *e, const struct issued *key)
{
	begin(c, e, ENGINE_EVERY_TUNNEL, 3);
	part(c, e, CREDENTIAL_CHAIN, as_fd(pki.hub_pem.pem, pki.hub_pem.len));
	part(c, e, CREDENTIAL_KEY, as_fd(key->pem, key->len));
	part(c, e, CREDENTIAL_CA, as_fd(pki.root_pem.pem, pki.root_pem.len));
}

static void test_sets(void **state)
{
	struct engine_env env = {.random = no_random};
	struct engine_limits limits = engine_limits_default();
	struct engine *e = engine_new(&env, &limits);
	struct ike_credentials c = {0};
	const struct credential *first;

	(void)state;
	begin(&c, e, ENGINE_EVERY_TUNNEL, 2);
	part(&c, e, CREDENTIAL_CHAIN, as_fd(pki.hub_pem.pem, pki.hub_pem.len));
	assert_null(e->own); /* not before the last part */
	part(&c, e, CREDENTIAL_KEY, as_fd(pki.hub_key.pem, pki.hub_key.len));
	assert_non_null(e->own);
	assert_int_equal(trust_ca_count(e->trust), 0);
	whole_set(&c, e, &pki.hub_key);
	assert_int_equal(trust_ca_count(e->trust), 1);
	first = e->own;
	/* One bad part, and nothing changes. */
	whole_set(&c, e, &pki.other_key);
	assert_ptr_equal(e->own, first);
	begin(&c, e, ENGINE_EVERY_TUNNEL, 1);
	part(&c, e, CREDENTIAL_CA, -1); /* hub could not open it */
	begin(&c, e, ENGINE_EVERY_TUNNEL, 1);
	part(&c, e, CREDENTIAL_CA, as_fd("", 0));
	begin(&c, e, ENGINE_EVERY_TUNNEL, 1);
	part(&c, e, 99, as_fd("x", 1));
	assert_ptr_equal(e->own, first);
	assert_int_equal(trust_ca_count(e->trust), 1);
	part(&c, e, CREDENTIAL_CA, as_fd("x", 1)); /* of no set */
	/* A set that is not finished when the next one begins. */
	begin(&c, e, ENGINE_EVERY_TUNNEL, 9);
	part(&c, e, CREDENTIAL_KEY, as_fd(pki.hub_key.pem, pki.hub_key.len));
	whole_set(&c, e, &pki.hub_key);
	assert_ptr_not_equal(e->own, NULL);
	begin(&c, e, ENGINE_EVERY_TUNNEL, 0);
	assert_null(e->own);
	assert_int_equal(trust_ca_count(e->trust), 0);
	begin(&c, e, ENGINE_EVERY_TUNNEL, 3);
	part(&c, e, CREDENTIAL_KEY, as_fd(pki.hub_key.pem, pki.hub_key.len));
	ike_credentials_fini(&c);
	engine_free(e);
}

/* ---- files ---- */

static const char *file(const char *name, const struct issued *text, mode_t mode)
{
	static char paths[4][80];
	static int at;
	char *path = paths[at++ % 4];
	FILE *f;

	snprintf(path, 80, "%s/%s", pki.directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fwrite(text->pem, 1, text->len, f);
	fclose(f);
	chmod(path, mode);
	return path;
}

static void remove_files(void)
{
	static const char *const names[] = {"hub.pem", "hub.key", "ca.pem"};
	char path[80];

	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", pki.directory, names[i]);
		unlink(path);
	}
}

static struct config *make_config(void)
{
	struct config *c = calloc(1, sizeof(*c));
	struct tunnel_conf *t = &c->sites[0].tunnels[0];

	snprintf(c->concentrator.certificate.chain, CONFIG_SECRET_REF_SIZE, "file:%s",
		file("hub.pem", &pki.hub_pem, 0644));
	snprintf(c->concentrator.certificate.key, CONFIG_SECRET_REF_SIZE, "file:%s",
		file("hub.key", &pki.hub_key, 0600));
	snprintf(c->concentrator.ca.refs[0], CONFIG_SECRET_REF_SIZE, "file:%s",
		file("ca.pem", &pki.root_pem, 0644));
	c->concentrator.ca.count = 1;
	c->site_count = 1;
	strcpy(c->sites[0].name, "a");
	t->configured = true;
	t->options.auth = AUTH_CERT;
	t->certificate = c->concentrator.certificate;
	t->identity = certs_id(IKE_ID_FQDN, "site.example");
	return c;
}

static void must_refuse(struct config *c, const char *wanted)
{
	char error[CONFIG_ERROR_SIZE] = "";

	assert_false(certificates_check(c, error));
	if (!strstr(error, wanted))
		fail_msg("said: %s, wanted: %s", error, wanted);
}

static void test_files(void **state)
{
	struct config *c = make_config();
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	assert_true(certificates_check(c, error));
	file("hub.key", &pki.hub_key, 0640);
	must_refuse(c, "0600 is wanted");
	file("hub.key", &pki.other_key, 0600);
	must_refuse(c, "does not belong");
	file("hub.key", &pki.hub_pem, 0600);
	must_refuse(c, "no private key");
	file("hub.key", &pki.hub_key, 0600);
	file("ca.pem", &pki.hub_pem, 0644);
	must_refuse(c, "is not a certification authority");
	unlink(c->concentrator.ca.refs[0] + strlen("file:"));
	must_refuse(c, "No such file");
	file("ca.pem", &pki.root_pem, 0644);
	c->sites[0].tunnels[0].local_identity = certs_id(IKE_ID_FQDN, "other.example");
	must_refuse(c, "identity does not stand in");
	c->sites[0].tunnels[0].local_identity = certs_id(IKE_ID_FQDN, "HUB.example");
	assert_true(certificates_check(c, error));
	c->sites[0].tunnels[0].identity = certs_id(IKE_ID_DN, "XX=nothing");
	must_refuse(c, "is not a distinguished name");
	remove_files();
	free(c);
}

static void test_identities(void **state)
{
	struct config *c = make_config();
	struct tunnel_conf *t = &c->sites[0].tunnels[0];
	char error[CONFIG_ERROR_SIZE];
	struct certificates *all = certificates_load(c, false, error);
	struct ip_addr address = {AF_INET, {192, 0, 2, 1}};
	struct ike_identity id;

	(void)state;
	assert_non_null(all);
	/* The certificate lacks the address: its name instead. */
	id = certificates_local_id(all, t, &address);
	assert_int_equal(id.type, IKE_ID_FQDN);
	assert_memory_equal(id.bytes, "hub.example", 11);
	t->options.auth = AUTH_PSK;
	id = certificates_local_id(all, t, &address);
	assert_int_equal(id.type, IKE_ID_IPV4);
	assert_memory_equal(id.bytes, address.bytes, 4);
	t->identity = certs_id(IKE_ID_DN, "C=DE, CN=site");
	id = certificates_identity(&t->identity, NULL);
	assert_int_equal(id.type, IKE_ID_DN);
	assert_int_equal(id.bytes[0], 0x30); /* DER */
	certificates_free(all);
	remove_files();
	free(c);
}

/* ---- answers that wait ---- */

static unsigned int sent;

static void count_sent(void *context, const struct effect_send *s)
{
	(void)context, (void)s;
	sent++;
}

static struct effect *send_after(uint32_t spi)
{
	struct effect_list list = STAILQ_HEAD_INITIALIZER(list);
	struct effect *f;

	effect_push(&list, EFFECT_SEND, 0)->send.after_spi_in = spi;
	f = effect_pop(&list);
	return f;
}

static void test_hold(void **state)
{
	struct ike_hold h;

	(void)state;
	sent = 0;
	ike_hold_init(&h, count_sent, NULL);
	assert_int_equal(ike_hold_next(&h), UINT64_MAX);
	ike_hold_send(&h, send_after(0));
	ike_hold_send(&h, send_after(7)); /* nobody waits for 7 */
	assert_int_equal(sent, 2);
	ike_hold_wait(&h, 7, 500);
	ike_hold_wait(&h, 8, 400);
	ike_hold_send(&h, send_after(7));
	ike_hold_send(&h, send_after(8));
	assert_int_equal(sent, 2);
	assert_int_equal(ike_hold_next(&h), 400);
	ike_hold_installed(&h, 9);
	assert_int_equal(sent, 2);
	ike_hold_installed(&h, 7);
	assert_int_equal(sent, 3);
	ike_hold_expire(&h, 399);
	assert_int_equal(sent, 3);
	ike_hold_expire(&h, 400);
	assert_int_equal(sent, 4);
	ike_hold_wait(&h, 9, 500);
	ike_hold_send(&h, send_after(9));
	ike_hold_release(&h);
	assert_int_equal(sent, 5);
	ike_hold_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_hold),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
