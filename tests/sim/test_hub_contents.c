/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in files that a configuration refers to, and becomes something else: no order about another site takes it,
 * whoever applies all does, and a plan says beforehand what that interrupts.
 */
#include "vault_world.h"

#include "../certs.h"
#include "hub/site/admin.h"

#include <time.h>

#define PPK "ppk: 'file:DIR/ppk', ppk_identity: branch, ike_versions: [ikev2]"
#define ONE WORLD_SITE("one", "1", "")
#define SIGNED                                                                                     \
	"  - name: signed\n    asn: 65002\n    bgp_password: 'file:DIR/md5'\n    tunnels:\n"       \
	"      - { identity: s1.example.net, inside: 169.254.102.0/30, psk: 'file:DIR/own',"       \
	" " PPK " }\n"                                                                             \
	"      - { identity: s2.example.net, inside: 169.254.102.4/30, psk: 'file:DIR/own' }\n"

static int setup_files(void **state)
{
	(void)state;
	world_directory();
	world_write("md5", "a.password.of.bgp\n");
	world_write("own", "a.key.of.its.own\n");
	world_write("ppk", "a.post_quantum_secret\n");
	world_configure("", ONE SIGNED);
	world_run();
	for (uint32_t t = 0; t < 4; t++) {
		world_tunnel(t, TUNNEL_UP);
		world_session(t, BGP_ESTABLISHED);
	}
	return 0;
}

/* ---- what a plan says ---- */

static json_t *plan;

static void look(enum plan_order order)
{
	char error[CONFIG_ERROR_SIZE];

	json_decref(plan);
	plan = hub_plan(world.hub, documents_load(world.path, false, error), order, NULL, error);
	if (!plan)
		fail_msg("%s", error);
}

static const char *effect(void)
{
	return json_string_value(json_object_get(plan, "effect"));
}

static const char *effect_on(const char *site, int tunnel)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(plan, "tunnels"), i, o) {
		if (!strcmp(json_string_value(json_object_get(o, "site")), site) &&
			json_integer_value(json_object_get(o, "tunnel")) == tunnel)
			return json_string_value(json_object_get(o, "effect"));
	}
	return "";
}

/* The text of the first finding of a kind; "": there is none. */
static const char *found(const char *kind)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(plan, "findings"), i, o) {
		if (!strcmp(json_string_value(json_object_get(o, "kind")), kind))
			return json_string_value(json_object_get(o, "text"));
	}
	return "";
}

static int finish(void **state)
{
	json_decref(plan);
	plan = NULL;
	return world_finish(state);
}

/* ---- what is done ---- */

/* As a command about one site: the file is as it is to be. */
static void applies_some(const char *sites)
{
	char error[CONFIG_ERROR_SIZE];

	world_configure("", sites);
	look(PLAN_OF_SOME);
	world_forget();
	world_apply_order(
		(struct apply_order){.documents = documents_load(world.path, false, error),
			.writes = json_pack("[s]", ""),
			.over_edits = true});
	if (!world.applied.ok)
		fail_msg("%s", world.applied.summary);
}

static void applies_all(void)
{
	world_forget();
	world_apply();
	if (!world.applied.ok)
		fail_msg("%s", world.applied.summary);
}

static uint64_t password_told(int tunnel)
{
	const struct imsg_bgp_neighbor *m = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, tunnel);

	assert_non_null(m);
	return m->conf.password_print;
}

static void gone(const char *name)
{
	char path_of[96];

	snprintf(path_of, sizeof(path_of), "%s/%s", world.dir, name);
	assert_int_equal(unlink(path_of), 0);
}

#define FASTER WORLD_SITE("one", "1", "    rate: 50M\n")
#define SLOWER WORLD_SITE("one", "1", "    rate: 40M\n")

/* A password that is edited, and one that is moved away, end no session of whom nobody has asked about. */
static void a_password_of_another_site_stays(void **state)
{
	uint64_t had = password_told(2);

	(void)state;
	assert_true(had && had == password_told(3) && !password_told(0));
	world_write("md5", "another.password\n");
	applies_some(FASTER SIGNED);
	assert_string_equal(effect(), "none");
	assert_true(password_told(2) == had);
	assert_null(admin_drain(world.hub, world_site("signed"), 0));
	world_turn();
	assert_true(password_told(3) == had);
	gone("md5");
	applies_some(SLOWER SIGNED);
	assert_string_equal(effect(), "none");
	assert_string_equal(found("secret-missing"), "");
	assert_true(password_told(2) == had);
}

/* It is another one when all is applied, and a plan of that says so. */
static void a_password_is_another_one_with_all(void **state)
{
	uint64_t had = password_told(2);

	(void)state;
	world_write("md5", "another.password\n");
	look(PLAN_OF_FILES);
	assert_string_equal(effect(), "bgp-session");
	assert_string_equal(effect_on("signed", 0), "bgp-session");
	assert_string_equal(effect_on("signed", 1), "bgp-session");
	assert_string_equal(effect_on("one", 0), "");
	applies_all();
	assert_true(password_told(2) != had);
	world_session(2, BGP_ESTABLISHED);
	look(PLAN_OF_FILES);
	assert_string_equal(effect(), "none");
	/* A change of the site itself reads it, too. */
	world_write("md5", "a.third.password\n");
	world_configure("", ONE WORLD_SITE("signed", "2", "    bgp_password: 'file:DIR/md5'\n"));
	look(PLAN_OF_SOME);
	assert_string_equal(effect_on("signed", 1), "tunnel"); /* its identities are others */
	world_session(3, BGP_IDLE);
	world_configure("", ONE SIGNED);
	look(PLAN_OF_FILES);
	assert_string_equal(effect_on("signed", 0), "bgp-session");
	assert_string_equal(effect_on("signed", 1), ""); /* nothing is interrupted */
}

static void a_ppk_is_another_one_with_all(void **state)
{
	(void)state;
	world_write("ppk", "another.post_quantum_secret\n");
	applies_some(FASTER SIGNED);
	assert_string_equal(effect(), "none");
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PPK, 2));
	look(PLAN_OF_FILES);
	assert_string_equal(effect(), "tunnel");
	assert_string_equal(effect_on("signed", 0), "tunnel");
	assert_string_equal(effect_on("signed", 1), "");
	applies_all();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_PPK, 2));
	look(PLAN_OF_FILES);
	assert_string_equal(effect(), "none");
}

/* A key that cannot be read keeps whom it is of from nothing, and nobody else from anything. */
static void a_key_that_is_missing_interrupts_nothing(void **state)
{
	(void)state;
	gone("own");
	applies_some(FASTER SIGNED);
	assert_string_equal(effect(), "none");
	assert_string_equal(found("secret-missing"), "");
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_false(world_state(2)->no_secret);
	look(PLAN_OF_FILES);
	assert_string_equal(effect(), "none");
	heard(found("secret-missing"), "site 'signed' tunnel 0: psk file:");
	world_apply();
	assert_false(world.applied.ok);
	world_write("own", "another.key.of.its.own\n");
	look(PLAN_OF_FILES);
	assert_string_equal(effect_on("signed", 0), "tunnel");
	assert_string_equal(effect_on("signed", 1), "tunnel");
	look(PLAN_OF_SOME);
	assert_string_equal(effect(), "none");
}

/* By which a device has come: it is taken away. */
static void a_key_before_that_a_device_uses_is_missed(void **state)
{
#define OVERLAP(previous)                                                                          \
	"  - name: one\n    asn: 65001\n    tunnels:\n"                                            \
	"      - { identity: a1.example.net, inside: 169.254.101.0/30, psk: "                      \
	"'file:DIR/own'" previous " }\n"

	(void)state;
	world_configure("", OVERLAP(", psk_previous: 'file:DIR/psk'"));
	world_apply();
	world_wait(LEAVE_MS + 50);
	assert_true(world.applied.ok);
	world_shows(0, TUNNEL_KEY_PREVIOUS);
	world_configure("", OVERLAP(""));
	look(PLAN_OF_FILES);
	assert_string_equal(effect_on("one", 0), "tunnel");
	world_shows(0, TUNNEL_KEY_PRESENT);
	look(PLAN_OF_FILES);
	assert_string_equal(effect_on("one", 0), "next");
}

/* ---- certificates ---- */

static struct made root;

#define CERT                                                                                       \
	"  certificate: 'file:DIR/hub.pem'\n"                                                      \
	"  private_key: 'file:DIR/hub.key'\n"                                                      \
	"  ca: ['file:DIR/root.pem']\n"
#define NAMELESS                                                                                   \
	"concentrator:\n  name: hub-1\n  asn: 64512\n  endpoints:\n"                               \
	"    - { device: eth0, addresses: [198.51.100.1] }\n"                                      \
	"    - { device: eth1, addresses: [198.51.101.1] }\n" CERT "sites:\n"                      \
	"  - name: two\n    asn: 65002\n    tunnels:\n"                                            \
	"      - { identity: t1.example.net, inside: 169.254.102.0/30, auth: cert }\n"             \
	"      - { identity: t2.example.net, inside: 169.254.102.4/30, auth: cert,\n"              \
	"          hub_identity: b.example.net }\n"

static void write_pem(const char *name, struct issued *own_pem)
{
	char text[8192];

	assert_in_range(own_pem->len, 1, sizeof(text) - 1);
	memcpy(text, own_pem->pem, own_pem->len);
	text[own_pem->len] = '\0';
	world_write(name, text);
	issued_free(own_pem);
}

static void write_hub(const char *first, const char *second)
{
	struct ike_identity names[] = {certs_id(IKE_ID_FQDN, first), certs_id(IKE_ID_FQDN, second)};
	struct issue_request r = certs_request("CN=hub", names, 2);
	struct made hub;
	struct issued pem;

	r.not_before = time(NULL) - 86400;
	r.not_after = time(NULL) + 300 * INT64_C(86400);
	hub = certs_make(&r, KEY_P256, 0, &root);
	assert_true(cert_write(hub.cert, &pem));
	write_pem("hub.pem", &pem);
	assert_true(private_key_write(hub.key, &pem));
	write_pem("hub.key", &pem);
	made_free(&hub);
}

static void configure_nameless(void)
{
	char text[4096];
	size_t n = 0;

	for (const char *at = NAMELESS; *at; at++) {
		if (!strncmp(at, "DIR", 3)) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", world.dir);
			at += 2;
		} else {
			text[n++] = *at;
		}
	}
	text[n] = '\0';
	world_write("sluice.yaml", text);
}

static int setup_certs(void **state)
{
	struct issue_request r = {.subject = "CN=Root",
		.not_before = time(NULL) - 86400,
		.not_after = time(NULL) + 3650 * INT64_C(86400),
		.ca = true,
		.path_len = -1,
		.key_usage = "critical,keyCertSign,cRLSign"};
	struct issued pem;

	(void)state;
	world_directory();
	root = certs_make(&r, KEY_P256, 0, NULL);
	assert_true(cert_write(root.cert, &pem));
	write_pem("root.pem", &pem);
	write_hub("a.example.net", "b.example.net");
	configure_nameless();
	world_run();
	world_tunnel(0, TUNNEL_UP);
	world_tunnel(1, TUNNEL_UP);
	return 0;
}

static int finish_certs(void **state)
{
	made_free(&root);
	return finish(state);
}

/* Where no identity is configured it is the first one of the certificate, which a renewed one may have elsewhere. */
static void another_first_name_ends_tunnels(void **state)
{
	struct ike_identity was, is;

	(void)state;
	was = ((const struct imsg_ike_tunnel *)world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 0))
		      ->local_id;
	write_hub("a.example.net", "b.example.net");
	look(PLAN_OF_FILES);
	assert_string_equal(effect(), "none");
	write_hub("b.example.net", "a.example.net");
	look(PLAN_OF_SOME);
	assert_string_equal(effect(), "none");
	look(PLAN_OF_FILES);
	assert_string_equal(effect(), "tunnel");
	assert_string_equal(effect_on("two", 0), "tunnel");
	assert_string_equal(effect_on("two", 1), "");
	applies_all();
	is = ((const struct imsg_ike_tunnel *)world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 0))
		     ->local_id;
	assert_memory_not_equal(is.bytes, was.bytes, was.len);
	look(PLAN_OF_FILES);
	assert_string_equal(effect(), "none");
}

/* ---- kept secrets ---- */

/* All who have it are named, and a plan counts what there is no overlap for. */
static void a_rotation_interrupts_whom_it_names(void **state)
{
	bool named = false;
	json_t *o;
	size_t i;

	(void)state;
	assert_true(vault_set("md5", KEY, strlen(KEY)));
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_configure(ACCESS,
		WORLD_SITE("one", "1", "    bgp_password: 'secret:md5'\n")
			WORLD_SITE("two", "2", "    bgp_password: 'secret:md5'\n") SEALED);
	applies_all();
	for (uint32_t t = 0; t < 6; t++) {
		if (!site_tunnel_conf(&world.hub->model, t))
			continue;
		world_tunnel(t, TUNNEL_UP);
		world_session(t, BGP_ESTABLISHED);
	}
	for (int n = 0; n < 2; n++) {
		struct imsg_api_request r = {.verb = API_SECRET_ROTATE, .tunnel = -1};

		snprintf(r.secret, sizeof(r.secret), "%s", n ? "store" : "md5");
		o = asked(r);
		assert_int_equal(client.status, 200);
		if (!n)
			heard(json_string_value(json_object_get(o, "ok")),
				"as bgp_password (sites 'one', 'two') there is no overlap");
		json_decref(o);
	}
	json_decref(plan);
	plan = asked((struct imsg_api_request){.verb = API_PLAN, .tunnel = -1});
	assert_string_equal(effect(), "bgp-session");
	assert_string_equal(effect_on("one", 0), "bgp-session");
	assert_string_equal(effect_on("two", 1), "bgp-session");
	assert_string_equal(effect_on("sealed", 0), ""); /* the one of before stays good */
	json_array_foreach(json_object_get(plan, "findings"), i, o) {
		const char *text = json_string_value(json_object_get(o, "text"));

		if (!strncmp(text, "secret md5", 10)) {
			heard(text, "sites 'one', 'two': as bgp_password, and their BGP sessions");
			assert_int_equal(json_array_size(json_object_get(o, "sites")), 2);
			named = true;
		}
	}
	assert_true(named);
}

static int end(void **state)
{
	json_decref(plan);
	plan = NULL;
	return teardown(state);
}

#define FILES(name) cmocka_unit_test_setup_teardown(name, setup_files, finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		FILES(a_password_of_another_site_stays),
		FILES(a_password_is_another_one_with_all),
		FILES(a_ppk_is_another_one_with_all),
		FILES(a_key_that_is_missing_interrupts_nothing),
		FILES(a_key_before_that_a_device_uses_is_missed),
		cmocka_unit_test_setup_teardown(
			another_first_name_ends_tunnels, setup_certs, finish_certs),
		cmocka_unit_test_setup_teardown(a_rotation_interrupts_whom_it_names, begin, end),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_contents", tests, NULL, NULL);
}
