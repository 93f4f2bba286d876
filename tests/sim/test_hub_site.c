/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that change one site: what they write, what they refuse, and what is left when something goes wrong. */
#include "site_world.h"

#include <dlfcn.h>
#include <pthread.h>

/* ---- threads, of which there are none once that is on the disk ---- */

static char no_thread_after[96]; /* "": there always are */

typedef int thread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
	thread_create *real = (thread_create *)dlsym(RTLD_NEXT, "pthread_create");

	if (no_thread_after[0] && !access(no_thread_after, F_OK))
		return EAGAIN;
	return real(thread, attributes, run, arg);
}

/* ---- tests ---- */

/* What is decided is written, with a thread or without one. */
static void no_thread_for_the_file(void **state)
{
	json_t *answer;

	(void)state;
	done(CREATE, "two", NULL);
	snprintf(no_thread_after, sizeof(no_thread_after), "%s/4", world.revisions);
	answer = does(SET, "two", "{\"rate\": \"7M\"}");
	no_thread_after[0] = '\0';
	assert_non_null(json_object_get(answer, "ok"));
	assert_int_equal(json_integer_value(json_object_get(answer, "revision")), 4);
	json_decref(answer);
	has("sites/two.yaml", "rate: 7M");
	done(SET, "two", "{\"rate\": \"8M\"}"); /* no edit waits */
	has("sites/two.yaml", "rate: 8M");
	again();
	assert_int_equal(config_site(world.hub->config, "two")->rate, 8000000);
}

static void assert_side(const json_t *tunnel, const char *side, const char *member, const char *is)
{
	const json_t *value = json_object_get(json_object_get(tunnel, side), member);

	assert_string_equal(json_string_value(value), is);
}

/* What a person has to enter, of the second tunnel of the first site that is made. */
static void assert_device(const json_t *tunnel)
{
	const char *key = json_string_value(json_object_get(tunnel, "psk"));

	assert_non_null(tunnel);
	assert_side(tunnel, "hub", "identity", "fqdn:hub.example.net");
	assert_side(tunnel, "device", "identity", "fqdn:two-1.example.net");
	assert_side(tunnel, "hub", "inside", "169.254.6.5/30");
	assert_side(tunnel, "device", "inside", "169.254.6.6/30");
	assert_non_null(strstr(key, "/psk/two.1"));
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(tunnel, "device"), "asn")),
		65000);
}

static void from_nothing(void **state)
{
	json_t *answer = does(CREATE, "two", "{\"labels.region\": \"north\"}"), *more;
	const struct site_conf *conf;
	char *key;

	(void)state;
	if (!json_object_get(answer, "ok"))
		fail_msg("%s", json_string_value(json_object_get(answer, "detail")));
	assert_int_equal(json_array_size(json_object_get(answer, "keys")), 2);
	assert_int_equal(json_integer_value(json_object_get(answer, "revision")), 3);
	conf = config_site(world.hub->config, "two");
	assert_non_null(conf);
	assert_int_equal(conf->asn, 65000);
	assert_string_equal(conf->labels.labels[0].value, "north");
	assert_true(conf->tunnels[0].configured && conf->tunnels[1].configured);
	assert_memory_equal(conf->tunnels[0].identity.bytes, "two-0.example.net", 17);
	assert_int_equal(conf->tunnels[0].inside6.len, 126);
	assert_int_equal(status_of("psk/two.0").st_mode & 07777, 0600);
	key = content("psk/two.0");
	assert_int_equal(strlen(key), 33);
	assert_device(json_array_get(json_object_get(answer, "device"), 1));
	/* Neither the document nor the answer has a key. */
	key[32] = '\0';
	char *said = json_dumps(answer, 0);

	assert_null(strstr(said, key));
	free(said);
	json_decref(answer);
	/* The next one gets none of the same. */
	done(CREATE, "three", NULL);
	more = does(SHOW, "three", NULL);
	assert_int_equal(json_integer_value(json_object_get(more, "etag")), 4);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(more, "document"), "asn")),
		"65002");
	assert_int_equal(json_array_size(json_object_get(more, "device")), 2);
	json_decref(more);
	/* It stays, and comes again. */
	again();
	assert_non_null(world_site("two"));
	assert_int_equal(revision_number(world.hub), 4);
	has("sites/two.yaml", "labels: { region: north }");
	/* A key of before is not written over. */
	done(DELETE, "two", NULL);
	assert_null(world_site("two"));
	assert_null(content("sites/two.yaml"));
	done(CREATE, "two", NULL);
	has("sites/two.yaml", "psk/two.0-2");
}

/* A command can cut off whoever gives it: then it goes back by itself, with the file that it has written. */
static void not_confirmed_it_goes_back(void **state)
{
	struct imsg_api_request set = SET;
	json_t *answer;

	(void)state;
	done(CREATE, "two", NULL);
	set.confirm_s = 2;
	answer = does(set, "two", "{\"rate\": \"45M\"}");
	assert_non_null(strstr(
		json_string_value(json_object_get(answer, "ok")), "unless `sluice confirm` comes"));
	json_decref(answer);
	has("sites/two.yaml", "rate: 45M");
	refused(SET, "two", "{\"rate\": \"46M\"}", "refused", "waits to be confirmed");
	world_until(!revision_waits(world.hub) && !world.hub->applying);
	assert_null(strstr(content("sites/two.yaml"), "45M"));
	done(SET, "two", "{\"rate\": \"46M\"}");
}

/* A site that is gone comes back, and one that has come goes. */
static void nor_do_sites_come_or_go(void **state)
{
	struct imsg_api_request set = CREATE, gone = DELETE;

	(void)state;
	done(CREATE, "two", NULL);
	gone.confirm_s = 1;
	set.confirm_s = 2;
	done(gone, "two", NULL);
	assert_null(content("sites/two.yaml"));
	world_until(world_site("two") && !world.hub->applying);
	has("sites/two.yaml", "two-0.example.net");
	done(set, "three", NULL);
	assert_non_null(world_site("three"));
	world_until(!world_site("three") && !world.hub->applying);
	assert_null(content("sites/three.yaml"));
	done(CREATE, "three", NULL);
}

/* Going back is planned, and may be bounded. */
static void back_is_tried_first(void **state)
{
	struct imsg_api_request r = {.verb = API_ROLLBACK, .revisions = {2}, .dry_run = true};
	uint64_t number;
	json_t *answer;

	(void)state;
	done(CREATE, "two", NULL);
	number = revision_number(world.hub);
	answer = does(r, "", NULL);
	assert_string_equal(json_string_value(json_object_get(answer, "effect")), "tunnel");
	assert_null(json_object_get(answer, "refused"));
	json_decref(answer);
	world_write("sites/two.yaml", "asn: 1\n");
	answer = does(r, "", NULL);
	assert_non_null(strstr(json_string_value(json_object_get(answer, "refused")),
		"sites/two.yaml has edits that are not in force"));
	json_decref(answer);
	assert_int_equal(revision_number(world.hub), number);
	assert_non_null(world_site("two"));
	r.dry_run = false;
	r.force = true;
	strcpy(r.allow, "bgp-session");
	refused(r, "", NULL, "exceeds-allowed", "the effect would be 'tunnel'");
	strcpy(r.allow, "nothing");
	refused(r, "", NULL, "bad-request", "is no effect of a plan");
	strcpy(r.allow, "tunnel");
	done(r, "", NULL);
	assert_null(world_site("two"));
}

/* What everybody who may see a site can read is not to have the key of one. */
static void no_secret_stands_in_a_document(void **state)
{
	struct imsg_api_request tried = SET;
	char text[1024];
	uint64_t number;

	(void)state;
	done(CREATE, "two", NULL);
	number = revision_number(world.hub);
	refused(SET, "two", "{\"labels.key\": \"correcthorsebattery\"}", "invalid-configuration",
		"it has the text of the secret file:");
	tried.dry_run = true;
	refused(tried, "two", "{\"labels.key\": \"correcthorsebattery\"}", "invalid-configuration",
		"it has the text of the secret file:");
	assert_null(strstr(content("sites/two.yaml"), "correcthorse"));
	snprintf(text, sizeof(text), "# correcthorsebattery\n%.900s", content("sites/two.yaml"));
	world_write("sites/two.yaml", text);
	world_apply();
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary, "sites/two.yaml:1: it has the text of the"));
	assert_null(strstr(world.applied.summary, "correcthorse"));
	assert_int_equal(revision_number(world.hub), number);
}

/* History says what was changed, and its values say nothing. */
static void history_names_the_keys(void **state)
{
	(void)state;
	done(CREATE, "two", NULL);
	done(SET, "two", "{\"rate\": \"45M\", \"labels.region\": \"west\"}");
	assert_string_equal(revision_why(world.hub), "site-set two: rate labels.region");
}

static void one_key_of_a_person_s_file(void **state)
{
	struct stat before, after;
	char path[128], link_path[128];

	(void)state;
	done(CREATE, "two", NULL);
	snprintf(path, sizeof(path), "%s/sites/two.yaml", world.dir);
	/* As a person would keep it: elsewhere, with comments, for a group to read. */
	world_write("two.mine",
		"# the shop\nasn: 65007 # theirs\nrate: 5M\ntunnels:\n  - identity: x.example\n"
		"    inside: 169.254.44.0/30\n    psk: file:/tmp/nowhere\n");
	char *text = strdup(content("two.mine")), *full;
	size_t size;
	FILE *f = open_memstream(&full, &size);

	fprintf(f, "%.*s%s/secret\n", (int)(strstr(text, "/tmp") - text), text, world.dir);
	fclose(f);
	world_write("two.mine", full);
	free(text);
	free(full);
	assert_int_equal(unlink(path), 0);
	snprintf(link_path, sizeof(link_path), "../two.mine");
	assert_int_equal(symlink(link_path, path), 0);
	snprintf(path, sizeof(path), "%s/two.mine", world.dir);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(getuid() ? 0 : chown(path, 0, 65534), 0);
	world_apply();
	assert_true(world.applied.ok);
	before = status_of("two.mine");
	done(SET, "two", "{\"rate\": \"7M\", \"labels.region\": \"south\", \"max_prefixes\": 5}");
	has("two.mine", "# the shop\nasn: 65007 # theirs\nrate: 7M\ntunnels:\n");
	after = status_of("two.mine");
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_gid, before.st_gid);
	assert_true(S_ISLNK(status_of("sites/two.yaml").st_mode));
	assert_int_equal(config_site(world.hub->config, "two")->rate, 7000000);
	done(SET, "two", "{\"labels\": null, \"rate\": null}");
	has("two.mine", "# the shop\nasn: 65007 # theirs\ntunnels:\n");
	again();
	assert_int_equal(config_site(world.hub->config, "two")->max_prefixes_in, 5);
}

static void others_edits_are_left_alone(void **state)
{
	(void)state;
	done(CREATE, "two", NULL);
	done(CREATE, "three", NULL);
	world_write("sites/three.yaml", "nonsense: 1\n");
	world_configure("  nonsense: 1\n", OWN("one", "1"));
	done(SET, "two", "{\"rate\": \"7M\"}");
	assert_string_equal(content("sites/three.yaml"), "nonsense: 1\n");
	has("sluice.yaml", "nonsense");
	refused(SET, "three", "{\"rate\": \"7M\"}", "pending-edits", "sites/three.yaml has edits");
	refused(DELETE, "three", NULL, "pending-edits", "sites/three.yaml");
	world_write("sites/four.yaml", "nonsense: 1\n");
	refused(CREATE, "four", NULL, "pending-edits", "sites/four.yaml");
}

static void what_is_refused(void **state)
{
	json_t *answer;
	struct imsg_api_request r = SET;

	(void)state;
	done(CREATE, "two", NULL);
	refused(CREATE, "two", NULL, "site-exists", "already");
	refused(CREATE, "one", NULL, "site-exists", "already");
	refused(CREATE, "../x", NULL, "bad-request", "cannot have this name");
	refused(CREATE, ".x", NULL, "bad-request", "cannot have this name");
	refused(SET, "one", "{\"rate\": \"7M\"}", "in-sluice-yaml", "sluice.yaml:12");
	refused(SET, "nobody", "{\"rate\": \"7M\"}", "no-such-site", "nobody");
	answer = not_done(SET, "two", "{\"rat\": \"7M\"}", "invalid-configuration",
		"unknown key 'rat'; did you mean 'rate'?");
	answer = (json_decref(answer), not_done(SET, "two", "{\"rate\": \"7 apples\"}",
					       "invalid-configuration", "sites/two.yaml:"));
	assert_int_equal(json_array_size(json_object_get(answer, "errors")), 1);
	json_decref(answer);
	refused(SET, "two", "{\"tunnels.5.med\": \"7\"}", "bad-request", "no such place");
	refused(SET, "two", "{\"name\": \"three\"}", "invalid-configuration",
		"not that of the file");
	/* What a device would notice has to be allowed. */
	answer = not_done(SET, "two", "{\"asn\": 65009}", "exceeds-allowed", "'bgp-session'");
	assert_non_null(json_object_get(answer, "plan"));
	json_decref(answer);
	refused((struct imsg_api_request){.verb = API_SITE_DELETE}, "two", NULL, "exceeds-allowed",
		"'tunnel'");
	strcpy(r.allow, "rekey");
	refused(r, "two", "{\"asn\": 65009}", "exceeds-allowed", "'bgp-session'");
	strcpy(r.allow, "refused");
	refused(r, "two", "{\"asn\": 65009}", "bad-request", "no effect");
	strcpy(r.allow, "bgp-session");
	done(r, "two", "{\"asn\": 65009}");
	/* A key file that cannot be had. */
	strcpy(r.allow, "tunnel");
	refused(r, "two", "{\"tunnels.0.psk\": \"file:/nonexistent\"}", "invalid-configuration",
		"/nonexistent");
}

static void a_try_changes_nothing(void **state)
{
	struct imsg_api_request r = CREATE;
	json_t *plan;
	char *said;

	(void)state;
	r.dry_run = true;
	plan = does(r, "two", NULL);
	assert_string_equal(json_string_value(json_object_get(plan, "effect")), "none");
	assert_int_equal(json_array_size(json_object_get(plan, "files")), 1);
	assert_int_equal(json_array_size(json_object_get(plan, "needs")), 4);
	/* A key that would be made is not missing. */
	said = json_dumps(plan, 0);
	assert_null(strstr(said, "secret-missing"));
	free(said);
	assert_int_equal(json_array_size(json_object_get(plan, "device")), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(plan, "document"), "asn")),
		"65000");
	json_decref(plan);
	assert_null(content("psk/two.0"));
	assert_null(content("sites/two.yaml"));
	done(CREATE, "two", NULL);
	r = DELETE;
	r.dry_run = true;
	r.allow[0] = '\0';
	plan = does(r, "two", NULL);
	assert_string_equal(json_string_value(json_object_get(plan, "effect")), "tunnel");
	json_decref(plan);
	assert_non_null(content("sites/two.yaml"));
	/* What would fail fails. */
	r = SET;
	r.dry_run = true;
	strcpy(r.allow, "tunnel");
	refused(r, "two", "{\"tunnels.0.psk\": \"file:/nonexistent\"}", "invalid-configuration",
		"/nonexistent");
	assert_int_equal(revision_number(world.hub), 3);
}

static void only_what_was_seen(void **state)
{
	struct imsg_api_request r = SET, other = SET;
	json_t *answer, *plan;

	(void)state;
	done(CREATE, "two", NULL);
	done(CREATE, "three", NULL);
	/* Another site is no conflict. */
	r.if_match = 3;
	done(r, "two", "{\"rate\": \"7M\"}");
	strcpy(other.allow, "bgp-session");
	done(other, "three", "{\"asn\": 65017}");
	/* What changes nothing has the tag of what is there. */
	answer = does(SET, "two", "{\"rate\": \"7M\"}");
	assert_int_equal(json_integer_value(json_object_get(answer, "etag")), 5);
	json_decref(answer);
	answer = not_done(r, "two", "{\"rate\": \"8M\"}", "changed", "changed in revision 5");
	plan = json_object_get(answer, "plan");
	assert_int_equal(json_array_size(json_object_get(plan, "changes")), 1);
	/* Of the other site, nothing. */
	assert_int_equal(json_array_size(json_object_get(plan, "files")), 1);
	assert_string_not_equal(json_string_value(json_object_get(plan, "effect")), "bgp-session");
	json_decref(answer);
	/* Over a restart, too. */
	again();
	r.if_match = 6;
	done(r, "three", "{\"rate\": \"7M\"}");
	r.if_match = 5;
	done(r, "two", "{\"rate\": \"8M\"}");
	/* Any there is; but not one that is made. */
	r.if_match = API_MATCH_ANY;
	done(r, "two", "{\"rate\": \"9M\"}");
	r = PUT;
	r.if_match = API_MATCH_ANY;
	json_decref(not_done(r, "none", "{\"asn\": 65018}", "changed", "has no document"));
	answer = does(DELETE, "two", NULL);
	assert_non_null(json_object_get(answer, "ok"));
	assert_null(json_object_get(answer, "etag"));
	json_decref(answer);
}

static void the_whole_document(void **state)
{
	(void)state;
	done(CREATE, "two", NULL);
	refused(PUT, "two", "{\"asn\": 65009}", "invalid-configuration", "'tunnels' is missing");
	char text[512];

	snprintf(text, sizeof(text),
		"{\"asn\": 65000, \"tunnels\": [{\"inside\": \"169.254.55.0/30\", \"identity\": "
		"\"x\", \"psk\": \"file:%s/secret\"}]}",
		world.dir);
	struct imsg_api_request r = PUT;

	strcpy(r.allow, "tunnel");
	done(r, "two", text);
	assert_false(config_site(world.hub->config, "two")->tunnels[1].configured);
	snprintf(text, sizeof(text),
		"{\"asn\": 65010, \"tunnels\": [{\"inside\": \"169.254.56.0/30\", \"identity\": "
		"\"y\", \"psk\": \"file:%s/secret\"}]}",
		world.dir);
	done(r, "new", text);
	assert_non_null(world_site("new"));
}

/* Whoever may not read root's files does not have them read. */
static void files_are_for_root(void **state)
{
	(void)state;
	struct imsg_api_request ask = {.verb = API_TOKEN_CREATE, .role = ROLE_ADMIN}, kept = SET;
	json_t *answer;

	done(CREATE, "two", NULL);
	/* Somebody who may do all, but by a token, has no files. */
	answer = does(ask, "", NULL);
	snprintf(bearer, sizeof(bearer), "%s", json_string_value(json_object_get(answer, "token")));
	assert_int_not_equal(bearer[0], 0);
	json_decref(answer);
	for (const struct walk_field *f = options_tunnel; f->key; f++) {
		char values[128];

		snprintf(
			values, sizeof(values), "{\"tunnels.0.%s\": \"file:/etc/shadow\"}", f->key);
		if (option_names_file(f))
			refused(SET, "two", values, "for-root", "only root");
		else
			json_decref(does(SET, "two", values));
	}
	for (const struct walk_field *f = options_site; f->key; f++) {
		char values[128];

		snprintf(values, sizeof(values), "{\"%s\": \"file:/etc/shadow\"}", f->key);
		if (option_names_file(f))
			refused(SET, "two", values, "for-root", "only root");
		else
			json_decref(does(SET, "two", values));
	}
	assert_null(strstr(content("sites/two.yaml"), "shadow"));
	strcpy(kept.allow, "tunnel");
	/* A secret that hub keeps is no file of root's. */
	refused(kept, "two", "{\"tunnels.0.psk\": \"secret:nobody\"}", "invalid-configuration",
		"nobody");
	refused(kept, "two", "{\"tunnels.0.psk\": \"secret:../x\"}", "for-root", "only root");
	refused(kept, "two", "{\"tunnels.0.psk\": \"cred:x\"}", "for-root", "only root");
	refused(kept, "two", "{\"tunnels.0.psk\": \"exec:x\"}", "for-root", "only root");
	refused(PUT, "two", "{\"asn\": 1, \"tunnels\": [{\"psk\": \"file:/etc/shadow\"}]}",
		"for-root", "tunnels.0.psk");
	done(SET, "two", "{\"rate\": \"9M\"}");
	done(CREATE, "three", NULL);
	bearer[0] = '\0';
}

static void at_once(void **state)
{
	struct imsg_api_request r = SET;
	struct rows rows;
	char why[ROW_WHY_SIZE];
	json_t *o = json_pack("{s:s}", "rate", "7M");
	unsigned int ok = 0, busy = 0;
	uint32_t other;
	int fd;

	(void)state;
	done(CREATE, "two", NULL);
	assert_true(rows_of_json(o, &rows, why));
	json_decref(o);
	other = world_connect(&fd);
	world_forget();
	strcpy(r.site, "two");
	r.rows = (uint32_t)rows.len;
	for (r.id = 1; r.id <= 2; r.id++) {
		r.client = r.id == 1 ? client.number : other;
		imsg_send_bytes(world.children[PROCESS_API], IMSG_API_REQUEST, &r, sizeof(r),
			rows.bytes, rows.len);
	}
	world_written();
	world_wait(100);
	for (size_t i = 0; i < world.heard_count; i++) {
		const struct imsg_api_reply *reply = world.heard[i].payload;

		if (world.heard[i].role != PROCESS_API || world.heard[i].type != IMSG_API_REPLY)
			continue;
		ok += reply->status == 200;
		busy += reply->status == 409 &&
			memmem(reply + 1, reply->len, "\"busy\"", 6) != NULL;
	}
	assert_int_equal(ok, 1);
	assert_int_equal(busy, 1);
	close(fd);
}

/* `life` NULL: nothing is told of it. */
static void is_listed(const char *site, const char *list, const char *life)
{
	json_t *document = does((struct imsg_api_request){.verb = API_SITE_LIST}, "", NULL), *o;
	const char *said = NULL;
	size_t i;

	json_array_foreach(json_object_get(document, list), i, o) {
		if (!strcmp(json_string_value(json_object_get(o, "site")), site))
			said = json_string_value(json_object_get(o, "lifecycle"));
	}
	if (life ? !said || strcmp(said, life) != 0 : said != NULL)
		fail_msg("%s of %s: %s", site, list, said ? said : "not there");
	json_decref(document);
}

/* What has gone is told of for an hour, over an end of hub as well. */
static void what_has_gone(void **state)
{
	const struct revisions store = {.directory = world.revisions};
	json_t *info, *gone;

	(void)state;
	done(CREATE, "two", NULL);
	done(CREATE, "three", NULL);
	is_listed("two", "sites", "available");
	is_listed("two", "others", NULL);
	done(DELETE, "two", NULL);
	is_listed("two", "sites", NULL);
	is_listed("two", "others", "deleted");
	done(SET, "three", "{\"rate\": \"7M\"}");
	again();
	is_listed("two", "others", "deleted");
	/* It is there again. */
	done(CREATE, "two", NULL);
	is_listed("two", "sites", "available");
	is_listed("two", "others", NULL);
	done(DELETE, "two", NULL);
	/* An hour later. */
	info = revisions_info(&store, revision_number(world.hub));
	gone = json_object_get(info, "gone");
	json_object_set_new(
		gone, "two", json_integer(json_integer_value(json_object_get(gone, "two")) - 3600));
	assert_true(revisions_note(&store, revision_number(world.hub), info));
	json_decref(info);
	again();
	is_listed("two", "others", NULL);
	done(SET, "three", "{\"rate\": \"8M\"}");
	info = revisions_info(&store, revision_number(world.hub));
	assert_null(json_object_get(json_object_get(info, "gone"), "two"));
	json_decref(info);
}

/* What cannot be written leaves neither a key nor a document. */
static void without_a_disk(void **state)
{
	char command[256];

	(void)state;
	done(CREATE, "two", NULL);
	snprintf(command, sizeof(command), "mv %s %s.kept && : >%s", world.revisions,
		world.revisions, world.revisions);
	assert_int_equal(system(command), 0);
	json_decref(does(CREATE, "three", NULL));
	assert_null(world_site("three"));
	assert_null(content("psk/three.0"));
	assert_null(content("sites/three.yaml"));
	snprintf(command, sizeof(command), "rm %s && mv %s.kept %s", world.revisions,
		world.revisions, world.revisions);
	assert_int_equal(system(command), 0);
	done(CREATE, "three", NULL);
	assert_non_null(content("psk/three.0"));
}

/* What a taken api process could send. */
static void rows_that_are_none(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {{"=asn", 4},
		{"=asn\0"
		 "1",
			6},
		{"?asn\0", 5},
		{"=a/b\0"
		 "1\0",
			7},
		{"=asn\0\x01\0", 7}, {"\0", 1}, {"=..\0x\0", 6}};
	struct imsg_api_request r = SET;

	(void)state;
	done(CREATE, "two", NULL);
	strcpy(r.site, "two");
	r.id = 9;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		comes_again(&(struct ucred){.pid = getpid(), .uid = getuid()});
		world_forget();
		r.client = client.number;
		r.rows = (uint32_t)bad[i].len;
		imsg_send_bytes(world.children[PROCESS_API], IMSG_API_REQUEST, &r, sizeof(r),
			bad[i].bytes, bad[i].len);
		world_written();
		world_wait(20);
		const struct imsg_api_reply *reply = world_told(PROCESS_API, IMSG_API_REPLY, -1);

		assert_non_null(reply);
		assert_int_equal(reply->status, 400);
	}
	/* Of another length than it says: nobody answers. */
	world_forget();
	r.rows = 100;
	imsg_send_bytes(world.children[PROCESS_API], IMSG_API_REQUEST, &r, sizeof(r), "=asn", 4);
	world_wait(20);
	assert_int_equal(world_count(PROCESS_API, IMSG_API_REPLY), 0);
	assert_int_equal(revision_number(world.hub), 3);
}

/* Who declares what another site announces takes it away, and has to say so. */
static void routes_of_others_are_not_taken_unasked(void **state)
{
	static const char taken[] = "{\"prefixes\": [\"10.7.0.0/16\"]}";
	struct imsg_api_request allowed = SET;
	uint32_t tunnel;

	(void)state;
	done(CREATE, "two", NULL);
	done(CREATE, "three", NULL);
	tunnel = tunnel_number(world_site("two"), 0);
	world_tunnel(tunnel, TUNNEL_UP);
	world_session(tunnel, BGP_ESTABLISHED);
	world_route(tunnel, "10.7.1.0/24");
	assert_true(world_routed("10.7.1.0/24"));
	refused(SET, "three", taken, "exceeds-allowed", "the effect would be 'bgp-session'");
	done(SET, "three", "{\"prefixes\": [\"10.8.0.0/16\"]}");
	snprintf(allowed.allow, sizeof(allowed.allow), "bgp-session");
	done(allowed, "three", taken);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(from_nothing),
		TEST(no_thread_for_the_file),
		TEST(history_names_the_keys),
		TEST(no_secret_stands_in_a_document),
		TEST(not_confirmed_it_goes_back),
		TEST(nor_do_sites_come_or_go),
		TEST(back_is_tried_first),
		TEST(one_key_of_a_person_s_file),
		TEST(others_edits_are_left_alone),
		TEST(what_is_refused),
		TEST(a_try_changes_nothing),
		TEST(only_what_was_seen),
		TEST(the_whole_document),
		TEST(files_are_for_root),
		TEST(at_once),
		TEST(what_has_gone),
		TEST(without_a_disk),
		TEST(rows_that_are_none),
		TEST(routes_of_others_are_not_taken_unasked),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_site", tests, NULL, NULL);
}
