/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit log has of secrets that hub itself reads: each that is news, once. */
#include "vault_world.h"

#include "hub/site/site.h"

#define OWN                                                                                        \
	"  - name: own\n    asn: 65004\n    bgp_password: 'file:DIR/bgp'\n    tunnels:\n"          \
	"      - { identity: s.example.net, inside: 169.254.104.0/30, psk: 'secret:store',\n"      \
	"          ppk: 'file:DIR/ppk', ppk_identity: p1, ike_versions: [ikev2] }\n"
#define TWO_ALIKE WORLD_SITE("one", "1", "") WORLD_SITE("two", "2", "")

static int alike(void **state)
{
	(void)state;
	world_directory();
	snprintf(path, sizeof(path), "%s/secret", world.dir);
	world_write("ppk", "another.secret_of.tests\n");
	world_write("bgp", "a.password_of.tests\n");
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_configure("", TWO_ALIKE OWN);
	world_run();
	client.number = world_connect(&client.fd);
	return 0;
}

/* So many entries name it, of which the last says that; `name` NULL: of all. */
static void entries_of(const char *name, unsigned int count, const char *part)
{
	json_t *entries = world_entries(), *e;
	const char *detail = "";
	unsigned int n = 0;
	size_t i;

	json_array_foreach(entries, i, e) {
		const char *verb = json_string_value(json_object_get(e, "verb"));
		const char *secret = json_string_value(json_object_get(e, "secret"));

		if (!verb || strcmp(verb, "secret-read") ||
			(name && (!secret || !strstr(secret, name))))
			continue;
		assert_string_equal(json_string_value(json_object_get(e, "who")), "sluiced");
		detail = json_string_value(json_object_get(e, "detail"));
		n++;
	}
	if (n != count || !strstr(detail, part))
		fail_msg("%s: %u entries, \"%s\"", name ? name : "all", n, detail);
	json_decref(entries);
}

static void each_is_written_down_once(void **state)
{
	char *all;
	json_t *entries;

	(void)state;
	/* Four tunnels have that one. */
	entries_of("/psk", 1, "read at the start");
	entries_of("/ppk", 1, "read at the start");
	entries_of("store", 1, "read at the start");
	entries_of(NULL, 3, "");
	entries = world_entries();
	all = json_dumps(entries, 0);
	assert_null(strstr(all, KEY));
	assert_null(strstr(all, "secret_of.tests"));
	free(all);
	json_decref(entries);
	/* What is read again and is the same is no news. */
	world_apply();
	assert_true(world.applied.ok);
	for (int i = 0; i < 10; i++)
		hub_secrets_again(world.hub);
	entries_of(NULL, 3, "");
}

static void another_one_is_news(void **state)
{
	(void)state;
	world_write("psk", "a.longer_secret.of.tests\n");
	world_apply();
	assert_true(world.applied.ok);
	entries_of("/psk", 2, "read by apply: it is another one than before");
	/* Without an apply, when ike is started again. */
	world_write("ppk", "another.longer_secret\n");
	world_end(PROCESS_IKE, 10 * CLOCK_SECOND);
	world_start(PROCESS_IKE);
	entries_of("/ppk", 2, "read while sluiced runs: it is another one");
	entries_of(NULL, 6, ""); /* and that ike has got all of them again */
	/* One that is not used any more, and then is. */
	world_configure("", TWO_ALIKE);
	world_apply();
	world_configure("", TWO_ALIKE OWN);
	world_apply();
	assert_true(world.applied.ok);
	entries_of("store", 2, "read by apply");
}

static void a_rotation_is_news(void **state)
{
	struct imsg_api_request r = {.verb = API_SECRET_ROTATE, .tunnel = -1, .secret = "store"};

	(void)state;
	json_decref(asked(r));
	entries_of("store", 1, "");
	world_apply();
	entries_of("store", 3, "read by apply"); /* the new one, and the one before */
	entries_of("store.previous", 1, "read by apply");
}

static void who_reads_what_and_when_is_listed(void **state)
{
	json_t *o = asked((struct imsg_api_request){.verb = API_SECRET_LIST, .tunnel = -1});
	const json_t *store = json_array_get(json_object_get(o, "secrets"), 0);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(store, "name")), "store");
	assert_non_null(json_string_value(json_object_get(store, "read")));
	json_decref(o);
	assert_true(vault_set("idle", KEY, strlen(KEY)));
	o = asked((struct imsg_api_request){.verb = API_SECRET_LIST, .tunnel = -1});
	for (size_t i = 0; i < 2; i++) {
		store = json_array_get(json_object_get(o, "secrets"), i);
		assert_int_equal(!json_object_get(store, "read"),
			!strcmp(json_string_value(json_object_get(store, "name")), "idle"));
	}
	json_decref(o);
}

/* A full disk takes no tunnel down. */
static void what_cannot_be_written_down_is_used(void **state)
{
	(void)state;
	hub_audit_free(world.hub->audit);
	world.hub->audit = hub_audit_new("/nonexistent/sluice/audit");
	world_write("psk", "a.longer_secret.of.tests\n");
	world_end(PROCESS_IKE, 10 * CLOCK_SECOND);
	world_forget();
	world_start(PROCESS_IKE);
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 0));
}

#define HUB_TEST_OF(name) cmocka_unit_test_setup_teardown(name, alike, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HUB_TEST_OF(each_is_written_down_once),
		HUB_TEST_OF(another_one_is_news),
		HUB_TEST_OF(a_rotation_is_news),
		HUB_TEST_OF(who_reads_what_and_when_is_listed),
		HUB_TEST_OF(what_cannot_be_written_down_is_used),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_reads", tests, NULL, NULL);
}
