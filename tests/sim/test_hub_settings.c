/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that change the concentrator: what they write into hub.yaml, refuse, and take back. */
#include "site_world.h"

#define HUB_SHOW ((struct imsg_api_request){.verb = API_HUB_SHOW})
#define HUB_SET  ((struct imsg_api_request){.verb = API_HUB_SET})

/* One value as it is shown; for json_decref(). */
static json_t *shown(const char *key)
{
	json_t *document = does(HUB_SHOW, "", NULL), *o, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(document, "values"), i, o) {
		if (!strcmp(json_string_value(json_object_get(o, "key")), key))
			found = json_incref(o);
	}
	assert_non_null(found);
	json_decref(document);
	return found;
}

static void is_shown(const char *key, const char *value, const char *file)
{
	json_t *o = shown(key);
	const char *said = json_string_value(json_object_get(o, "value"));
	const char *at = json_string_value(json_object_get(o, "file"));

	if (!said || strcmp(said, value) != 0 || !at != !file || (file && !strstr(at, file)))
		fail_msg("%s is %s of %s", key, said ? said : "nothing", at ? at : "nowhere");
	json_decref(o);
}

static void a_value_is_changed(void **state)
{
	json_t *o;

	(void)state;
	is_shown("concentrator.burst", "250k", NULL);
	done(HUB_SET, "", "{\"concentrator.burst\": \"300k\", \"defaults.tunnel.med\": 70}");
	assert_int_equal(world.hub->config->concentrator.burst, 300000);
	assert_int_equal(world_site("one")->conf.tunnels[0].med, 70);
	assert_string_equal(content("hub.yaml"),
		"concentrator: { burst: 300k }\ndefaults: { tunnel: { med: 70 } }\n");
	is_shown("concentrator.burst", "300k", "hub.yaml");
	is_shown("defaults.tunnel.med", "70", "hub.yaml");
	is_shown("concentrator.name", "hub-1", "sluice.yaml");
	o = does(HUB_SHOW, "", NULL);
	assert_int_equal(json_integer_value(json_object_get(o, "etag")), 3);
	assert_false(json_is_true(json_object_get(o, "pending")));
	json_decref(o);
	/* It stays, and is no edit of a person. */
	again();
	assert_int_equal(world.hub->config->concentrator.burst, 300000);
	done(HUB_SET, "", "{\"concentrator\": {\"burst\": null}}");
	assert_int_equal(world.hub->config->concentrator.burst, 250000);
	is_shown("concentrator.burst", "250k", NULL);
	done(HUB_SET, "", "{\"concentrator.burst\": \"310k\"}");
	assert_int_equal(world.hub->config->concentrator.burst, 310000);
}

/* Comments and order of a person's file stay. */
static void a_persons_file(void **state)
{
	(void)state;
	world_write("hub.yaml", "# mine\nconcentrator:\n  burst: 300k # for voice\n");
	refused(HUB_SET, "", "{\"concentrator.burst\": \"310k\"}", "pending-edits", "hub.yaml has");
	world_apply();
	assert_true(world.applied.ok);
	done(HUB_SET, "", "{\"concentrator.burst\": \"310k\", \"concentrator.drain_med\": 20}");
	assert_string_equal(content("hub.yaml"), "# mine\nconcentrator:\n  burst: 310k # for "
						 "voice\n  drain_med: 20\n");
}

static void what_is_refused(void **state)
{
	struct imsg_api_request r = HUB_SET;
	json_t *answer;

	(void)state;
	/* A person's, with its line; in both files, with both. */
	refused(HUB_SET, "", "{\"concentrator.name\": \"other\"}", "in-sluice-yaml",
		"concentrator.name stands in ");
	refused(HUB_SET, "", "{\"concentrator.endpoints.0.device\": \"x\"}", "in-sluice-yaml",
		"sluice.yaml:");
	refused(HUB_SET, "", "{\"concentrator.burts\": \"1M\"}", "invalid-configuration",
		"did you mean 'burst'");
	refused(HUB_SET, "", "{\"sites\": []}", "invalid-configuration", "unknown key 'sites'");
	world_write("hub.yaml", "concentrator: { name: other }\n");
	world_apply();
	assert_false(world.applied.ok);
	assert_non_null(
		strstr(world.applied.summary, "hub.yaml:1: concentrator: key 'name' stands in "));
	assert_non_null(strstr(world.applied.summary, "/sluice.yaml:"));
	world_write("hub.yaml", "{}\n");
	world_apply();
	assert_true(world.applied.ok);
	/* What interrupts has to be allowed; what cannot change while it runs is refused. */
	answer = not_done(HUB_SET, "", "{\"concentrator.router_id\": \"192.0.2.7\"}",
		"exceeds-allowed", "'bgp-session'");
	assert_non_null(json_object_get(answer, "plan"));
	json_decref(answer);
	strcpy(r.allow, "tunnel");
	refused(r, "", "{\"concentrator.workers\": \"4\"}", "refused", "workers");
	assert_string_equal(content("hub.yaml"), "{}\n");
}

static void a_try_and_a_way_back(void **state)
{
	struct imsg_api_request r = HUB_SET, back = {.verb = API_ROLLBACK, .revisions = {3}},
				diff = {.verb = API_DIFF};
	json_t *answer;

	(void)state;
	r.dry_run = true;
	answer = does(r, "", "{\"concentrator.burst\": \"300k\"}");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(answer, "files"), 0)), "hub.yaml");
	assert_int_equal(json_array_size(json_object_get(answer, "changes")), 1);
	json_decref(answer);
	assert_null(content("hub.yaml"));
	done(HUB_SET, "", "{\"concentrator.burst\": \"300k\"}");
	done(HUB_SET, "", "{\"concentrator.burst\": \"310k\"}");
	answer = does(diff, "", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "changes")), 1);
	json_decref(answer);
	done(back, "", NULL);
	has("hub.yaml", "burst: 300k");
	back.revisions[0] = 2;
	done(back, "", NULL);
	assert_null(content("hub.yaml"));
	assert_int_equal(world.hub->config->concentrator.burst, 250000);
}

static void only_what_was_seen(void **state)
{
	struct imsg_api_request r = HUB_SET;
	json_t *answer;

	(void)state;
	/* Before there is a file, it is sluice.yaml that was seen: what that says of the hub. */
	r.if_match = 1;
	done(r, "", "{\"concentrator.burst\": \"300k\"}");
	answer = not_done(r, "", "{\"concentrator.burst\": \"310k\"}", "changed", "revision 3");
	assert_int_not_equal(
		json_array_size(json_object_get(json_object_get(answer, "plan"), "changes")), 0);
	json_decref(answer);
	done(CREATE, "two", NULL);
	r.if_match = 3;
	done(r, "", "{\"concentrator.burst\": \"310k\"}");
	/* What sluice.yaml has of sites is nothing of the hub. */
	r.if_match = 5;
	world_configure("", OWN("one", "7"));
	world_apply();
	assert_true(world.applied.ok);
	assert_int_equal(revision_number(world.hub), 6);
	done(r, "", "{\"concentrator.burst\": \"320k\"}");
	r.if_match = 7;
	world_configure("  hold_time: 60\n", OWN("one", "7"));
	world_apply();
	assert_true(world.applied.ok);
	refused(r, "", "{\"concentrator.burst\": \"330k\"}", "changed", "revision 8");
}

/* A person has made the file, and written nothing but a remark. */
static void a_file_that_says_nothing(void **state)
{
	(void)state;
	world_write("hub.yaml", "# of the hub\n");
	world_apply();
	assert_true(world.applied.ok);
	done(HUB_SET, "", "{\"concentrator.burst\": \"300k\"}");
	has("hub.yaml", "# of the hub\nconcentrator: ");
	assert_int_equal(world.hub->config->concentrator.burst, 300000);
}

/* As of a site: who is not root has no file of root's read or written. */
static void files_are_for_root(void **state)
{
	struct imsg_api_request ask = {.verb = API_TOKEN_CREATE, .role = ROLE_ADMIN};
	json_t *answer;

	(void)state;
	answer = does(ask, "", NULL);
	snprintf(bearer, sizeof(bearer), "%s", json_string_value(json_object_get(answer, "token")));
	json_decref(answer);
	for (int i = 0; i < 2; i++) {
		const struct walk_field *f = i ? options_default_tunnel : options_concentrator;

		for (; f->key; f++) {
			char values[160];

			snprintf(values, sizeof(values), "{\"%s.%s\": \"file:/etc/shadow\"}",
				i ? "defaults.tunnel" : "concentrator", f->key);
			if (option_names_file(f))
				refused(HUB_SET, "", values, "for-root", "only root");
			else
				json_decref(does(HUB_SET, "", values));
			snprintf(values, sizeof(values), "{\"%s.%s\": [\"file:/etc/shadow\"]}",
				i ? "defaults.tunnel" : "concentrator", f->key);
			if (option_names_file(f))
				refused(HUB_SET, "", values, "for-root", "only root");
			else
				json_decref(does(HUB_SET, "", values));
		}
	}
	refused(HUB_SET, "", "{\"concentrator\": {\"log_directory\": \"/etc\"}}", "for-root",
		"concentrator.log_directory");
	done(HUB_SET, "", "{\"concentrator.burst\": \"300k\"}");
	bearer[0] = '\0';
}

/* What waits to be confirmed has a way back, also to what would not be permitted now. */
static void policy_leaves_the_way_back(void **state)
{
	struct imsg_api_request apply = {.verb = API_APPLY}, back = {.verb = API_ROLLBACK};

	(void)state;
	world_write("hub.yaml", "concentrator: { burst: 300k }\n");
	done(apply, "", NULL);
	back.revisions[0] = revision_number(world.hub);
	world_write("policy.yaml", "max:\n  hub.burst: 250k\n");
	world_write("hub.yaml", "concentrator: { burst: 200k }\n");
	apply.confirm_s = 600;
	done(apply, "", NULL);
	assert_int_equal(world.hub->config->concentrator.burst, 200000);
	done(back, "", NULL);
	assert_int_equal(world.hub->config->concentrator.burst, 300000);
	/* Nobody waits any more, and no other one is such a way. */
	world_write("hub.yaml", "concentrator: { burst: 200k }\n");
	apply.confirm_s = 0;
	done(apply, "", NULL);
	refused(back, "", NULL, "against-policy", "hub.burst");
}

/* Rules are for everybody, and root alone goes past them. */
static void policy(void **state)
{
	struct imsg_api_request apply = {.verb = API_APPLY}, r = SET, plan = {.verb = API_PLAN},
				ask = {.verb = API_TOKEN_CREATE, .role = ROLE_ADMIN},
				back = {.verb = API_ROLLBACK, .revisions = {3}};
	char path[128];
	json_t *answer;

	(void)state;
	done(CREATE, "two", NULL);
	world_write("policy.yaml", "max:\n  site.rate: 100M\ndeny: { tunnel.esn: [off] }\n");
	r.dry_run = true;
	refused(r, "two", "{\"rate\": \"200M\"}", "against-policy",
		"policy.yaml:2: max site.rate: site 'two' would have 200M; the most is 100M");
	answer = not_done(SET, "two", "{\"rate\": \"200M\"}", "against-policy", "policy.yaml:2: ");
	assert_int_equal(json_array_size(json_object_get(answer, "errors")), 1);
	json_decref(answer);
	refused(CREATE, "three", "{\"rate\": \"200M\"}", "against-policy", "site 'three'");
	assert_null(content("psk/three.0"));
	refused(HUB_SET, "", "{\"defaults.tunnel.esn\": \"off\"}", "against-policy", "");
	done(SET, "two", "{\"rate\": \"90M\"}");
	/* Files of root, too, until root says that it is meant. */
	world_write(
		"hub.yaml", "concentrator: { burst: 300k }\ndefaults: { tunnel: { esn: off } }\n");
	answer = does(plan, "", NULL);
	assert_non_null(
		strstr(json_string_value(json_object_get(
			       json_array_get(json_object_get(answer, "findings"), 0), "text")),
			"policy.yaml:3: deny tunnel.esn: "));
	json_decref(answer);
	refused(apply, "", NULL, "against-policy", "policy.yaml:3: deny tunnel.esn: ");
	apply.force = true;
	answer = does(ask, "", NULL);
	snprintf(bearer, sizeof(bearer), "%s", json_string_value(json_object_get(answer, "token")));
	json_decref(answer);
	refused(apply, "", NULL, "for-root", "only root");
	bearer[0] = '\0';
	done(apply, "", NULL);
	assert_int_equal(world.hub->config->concentrator.burst, 300000);
	/* What is there stays, and other things can be changed. */
	done(SET, "two", "{\"rate\": \"80M\"}");
	done(back, "", NULL);
	/* What cannot be trusted or read permits nothing. */
	world_write("policy.yaml", "max: { site.rat: 5M }\n");
	refused(SET, "two", "{\"rate\": \"70M\"}", "against-policy", "policy.yaml:1: 'site.rat'");
	assert_int_equal(chmod(strcat(strcpy((char[128]){0}, world.dir), "/policy.yaml"), 0666), 0);
	refused(SET, "two", "{\"rate\": \"70M\"}", "against-policy", "root alone");
	/* A link to nothing is no policy that is not there. */
	assert_int_equal(unlink(strcat(strcpy(path, world.dir), "/policy.yaml")), 0);
	assert_int_equal(symlink("policy.mounted", path), 0);
	refused(SET, "two", "{\"rate\": \"70M\"}", "against-policy", "No such file");
	assert_int_equal(unlink(path), 0);
	done(SET, "two", "{\"rate\": \"70M\"}");
}

/* Hub ends when the revision is in force and hub.yaml is not written. */
static void an_end_between_the_two(void **state)
{
	const struct revisions store = {.directory = world.revisions};
	char path[128];
	json_t *info;

	(void)state;
	done(HUB_SET, "", "{\"concentrator.burst\": \"300k\"}");
	info = revisions_info(&store, revision_number(world.hub));
	json_object_set_new(info, "writes", json_pack("[s]", DOCUMENT_HUB));
	assert_true(revisions_note(&store, revision_number(world.hub), info));
	json_decref(info);
	snprintf(path, sizeof(path), "%s/hub.yaml", world.dir);
	assert_int_equal(unlink(path), 0);
	again();
	has("hub.yaml", "burst: 300k");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_is_changed),
		TEST(a_persons_file),
		TEST(what_is_refused),
		TEST(a_try_and_a_way_back),
		TEST(only_what_was_seen),
		TEST(a_file_that_says_nothing),
		TEST(files_are_for_root),
		TEST(policy),
		TEST(policy_leaves_the_way_back),
		TEST(an_end_between_the_two),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_settings", tests, NULL, NULL);
}
