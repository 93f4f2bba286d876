/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed secret takes the place of another: when it is used, what stays good, and when that ends. */
#include "vault_world.h"

#include "hub/api/secret_overlap.h"
#include "hub/revision.h"

#include <limits.h>
#include <sys/syscall.h>

/* ---- a disk that keeps no directory ---- */

static bool directories_fail;

int fsync(int fd)
{
	struct stat st;

	if (directories_fail && !fstat(fd, &st) && S_ISDIR(st.st_mode)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static json_t *asks_for(enum api_verb verb, const char *name, bool force)
{
	struct imsg_api_request r = {.verb = verb, .tunnel = -1, .force = force};

	snprintf(r.secret, sizeof(r.secret), "%s", name);
	return asked(r);
}

static bool holds(const char *name, const char *text)
{
	struct secret s = {0};
	bool same = vault_get(name, &s) && s.len == strlen(text) && !memcmp(s.bytes, text, s.len);

	secret_clear(&s);
	return same;
}

/* What stands in the list of a name: of its first user, or of itself. */
static json_t *listed(const char *name)
{
	json_t *all = asked((struct imsg_api_request){.verb = API_SECRET_LIST, .tunnel = -1});
	json_t *o, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(all, "secrets"), i, o) {
		if (!strcmp(json_string_value(json_object_get(o, "name")), name))
			found = json_incref(o);
	}
	json_decref(all);
	return found;
}

static void user_of(const char *name, const char *member, const char *expected)
{
	json_t *o = listed(name);
	json_t *user = json_array_get(json_object_get(o, "used_by"), 0);

	assert_string_equal(json_string_value(json_object_get(user, member)), expected);
	json_decref(o);
}

static void a_rotation_waits_for_apply(void **state)
{
	struct secret now = {0};
	json_t *o;
	char *text;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	o = asks_for(API_SECRET_ROTATE, "store", false);
	assert_int_equal(client.status, 200);
	heard(json_string_value(json_object_get(o, "ok")), "it waits as store.next");
	heard(json_string_value(json_object_get(o, "ok")), "devices may then use the present one");
	json_decref(o);
	o = listed("store.next");
	assert_true(json_is_true(json_object_get(o, "waits")));
	json_decref(o);
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	assert_int_equal(client.status, 409);
	text = asks((struct imsg_api_request){.verb = API_PLAN, .tunnel = -1});
	heard(text, "secret store is another one then; 1 tunnels have it as psk, and stay");
	free(text);
	/* Nobody uses it before, whatever else is applied, and whoever is started again. */
	world_forget();
	world_apply_order(
		(struct apply_order){.documents = documents_copy(revision_documents(world.hub))});
	assert_true(holds("store", KEY));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	world_apply();
	assert_true(world.applied.ok);
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	assert_true(vault_get("store", &now) && holds("store.previous", KEY));
	assert_int_equal(now.len, VAULT_MADE_LEN);
	assert_false(vault_has("store.next"));
	/* No answer has any of them. */
	text = asks((struct imsg_api_request){.verb = API_SECRET_LIST, .tunnel = -1});
	assert_non_null(strstr(text, "\"store.previous\""));
	assert_null(memmem(text, strlen(text), now.bytes, now.len));
	assert_null(strstr(text, KEY));
	free(text);
	secret_clear(&now);
	for (const char *const *name = (const char *const[]){"../../etc/x", "", "x.next",
		     "a23456789012345678901234567", NULL};
		*name; name++) {
		json_decref(asks_for(API_SECRET_ROTATE, *name, false));
		assert_int_equal(client.status, 400);
	}
	json_decref(asks_for(API_SECRET_ROTATE, "fresh", false));
	assert_int_equal(client.status, 200);
	assert_true(vault_has("fresh") && !vault_has("fresh.next"));
}

static void what_is_set_over_another_waits_too(void **state)
{
	char text[80];

	(void)state;
	assert_string_equal(sets("store", memfd_of(KEY, SEALS)), "");
	heard(answer.text, "the secret store is there");
	assert_string_equal(sets("store", memfd_of("the.next-secret", SEALS)), "");
	heard(answer.text, "it waits as store.next");
	heard(answer.text, "a new tunnel is refused with it: a character is no letter");
	assert_string_equal(reveals("store", text), "");
	assert_string_equal(text, KEY);
	assert_string_equal(reveals("store.next", text), "");
	assert_string_equal(text, "the.next-secret");
	/* Whoever has mistyped it types it again. */
	assert_string_equal(sets("store", memfd_of("the.next_secret", SEALS)), "");
	assert_null(strstr(answer.text, "refused"));
	world_apply();
	assert_true(holds("store", "the.next_secret") && holds("store.previous", KEY));
	heard(sets("store", memfd_of("the.last_secret", SEALS)),
		"devices may still use store.previous");
	heard(sets("store.next", memfd_of(KEY, SEALS)), "given by sluiced");
}

/* Which uses have no second key is said by their names. */
static void what_knows_no_second_key_is_told(void **state)
{
	json_t *o;

	(void)state;
	assert_true(vault_set("md5", KEY, strlen(KEY)));
	world_configure(ACCESS, WORLD_SITE("one", "1", "    bgp_password: 'secret:md5'\n"));
	world_apply();
	assert_true(world.applied.ok);
	o = asks_for(API_SECRET_ROTATE, "md5", false);
	heard(json_string_value(json_object_get(o, "ok")),
		"as bgp_password (site 'one') there is no overlap");
	assert_null(strstr(json_string_value(json_object_get(o, "ok")), "as psk"));
	json_decref(o);
	user_of("md5", "as", "bgp_password");
	hears((struct imsg_api_request){.verb = API_SECRET_DELETE, .tunnel = -1, .secret = "md5"},
		"detail", "site 'one' tunnel 0 has md5 as bgp_password");
}

static void an_overlap_ends_by_itself(void **state)
{
	const int64_t now = (int64_t)(clock_wall() / CLOCK_SECOND);
	json_t *entries;
	char *line;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	world_shows(2, TUNNEL_KEY_PRESENT);
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	world_apply();
	world_shows(2, TUNNEL_KEY_PREVIOUS);
	user_of("store.previous", "shown", "previous");
	/* A device that has the old one, or has not been heard of, needs it. */
	secret_overlaps_look(world.hub, now + 2 * SECRET_OVERLAP_S);
	assert_true(vault_has("store.previous"));
	json_decref(asks_for(API_SECRET_DELETE, "store.previous", false));
	assert_int_equal(client.status, 409);
	world_tunnel(2, TUNNEL_DOWN);
	user_of("store.previous", "shown", "none");
	secret_overlaps_look(world.hub, now + 2 * SECRET_OVERLAP_S);
	assert_true(vault_has("store.previous"));
	/* Nor is it over at once: the one that it was put back from may come back. */
	world_shows(2, TUNNEL_KEY_PRESENT);
	user_of("store.previous", "shown", "present");
	secret_overlaps_look(world.hub, now + SECRET_OVERLAP_S / 2);
	assert_true(vault_has("store.previous"));
	world_forget();
	secret_overlaps_look(world.hub, now + 2 * SECRET_OVERLAP_S);
	world_turn();
	assert_false(vault_has("store.previous"));
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	entries = world_entries();
	line = json_dumps(json_array_get(entries, json_array_size(entries) - 1), 0);
	assert_non_null(strstr(line, "store.previous"));
	free(line);
	json_decref(entries);
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	assert_int_equal(client.status, 200);
}

/* A hundred sites that were rotated together do not take as many looks. */
static void all_that_are_over_end_at_once(void **state)
{
	const int64_t now = (int64_t)(clock_wall() / CLOCK_SECOND);
	static const char *const names[] = {"a.previous", "b.previous", "c.previous"};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(vault_set(names[i], KEY, strlen(KEY)));
	secret_overlaps_look(world.hub, now + 2 * SECRET_OVERLAP_S);
	for (size_t i = 0; i < 3; i++)
		assert_false(vault_has(names[i]));
}

static void a_person_ends_an_overlap(void **state)
{
	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	world_apply();
	world_forget();
	json_decref(asks_for(API_SECRET_DELETE, "store.previous", true));
	assert_int_equal(client.status, 200);
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	json_decref(asks_for(API_SECRET_DELETE, "store.previous", true));
	assert_int_equal(client.status, 404);
}

static void deleted(const char *name, bool force, unsigned int status, const char *detail)
{
	json_t *o = asks_for(API_SECRET_DELETE, name, force);

	assert_int_equal(client.status, status);
	heard(json_string_value(json_object_get(o, status == 200 ? "ok" : "detail")), detail);
	json_decref(o);
}

/* Also by a configuration that is not in force now. */
static void what_is_needed_is_not_deleted(void **state)
{
	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	deleted("store", false, 409,
		"site 'sealed' tunnel 0 has store as psk in the configuration in force");
	/* It goes back, if nobody confirms. */
	world_configure(ACCESS, WORLD_SITE("one", "1", ""));
	world_apply_order((struct apply_order){.confirm_s = 600});
	assert_true(world.applied.ok);
	deleted("store", false, 409, "that comes back if nobody confirms, revision 1");
	world_apply_order((struct apply_order){.back_to = revision_before(world.hub),
		.documents = documents_copy(revision_documents(world.hub))});
	assert_true(world.applied.ok);
	/* The next start has it. */
	world_configure(ACCESS, WORLD_SITE("one", "1", "") SEALED);
	world_apply_order((struct apply_order){.next_start = true});
	assert_true(world.applied.ok);
	deleted("store", false, 409, "of the next start, revision");
	deleted("store", true, 200, "deleted");
	deleted("store", true, 404, "no secret is named 'store'");
}

/* What goes back by itself is documents: a secret that was taken over would not come back with them. */
static void an_apply_to_be_confirmed_leaves_it_waiting(void **state)
{
	char text[SECRET_SENTENCE_SIZE];

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	world_configure(ACCESS, WORLD_SITE("two", "1", "") SEALED);
	world_apply_order((struct apply_order){.confirm_s = 600});
	assert_true(world.applied.ok);
	assert_true(holds("store", KEY) && vault_has("store.next"));
	assert_true(world_warned("secret store: another one waits further"));
	assert_true(revision_confirm(world.hub, text, sizeof(text)));
	assert_true(vault_has("store.next"));
	world_apply();
	assert_true(world.applied.ok);
	assert_true(holds("store.previous", KEY) && !vault_has("store.next"));
}

/* What is being applied may use either. */
static void nothing_is_set_during_an_apply(void **state)
{
	struct apply_pending *applying = world.hub->applying;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	assert_null(applying);
	world.hub->applying = (struct apply_pending *)&applying;
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	world.hub->applying = NULL;
	assert_int_equal(client.status, 409);
	assert_false(vault_has("store.next"));
	world.hub->applying = (struct apply_pending *)&applying;
	(void)sets("store", memfd_of("the.next_secret", SEALS));
	world.hub->applying = NULL;
	heard(answer.text, "a configuration is being applied");
	assert_false(vault_has("store.next"));
}

/* Nobody knows what it needs. */
static void a_revision_that_cannot_be_read_needs_it(void **state)
{
	char file[PATH_MAX + 40];
	FILE *f;

	(void)state;
	assert_true(vault_set("other", KEY, strlen(KEY)));
	world_configure(ACCESS, WORLD_SITE("one", "1", "") WORLD_SITE("two", "2", ""));
	world_apply_order((struct apply_order){.next_start = true});
	assert_true(world.applied.ok);
	snprintf(file, sizeof(file), "%s/%llu/sluice.yaml", revision_directory(world.hub),
		(unsigned long long)revision_newest(world.hub));
	f = fopen(file, "we");
	assert_non_null(f);
	fputs("concentrator: [", f);
	fclose(f);
	deleted("other", false, 409, "cannot be read, and may need it");
	deleted("other", true, 200, "deleted");
}

/* It is gone, whether or not that is on the disk. */
static void an_end_that_is_not_on_the_disk_is_told(void **state)
{
	const int64_t now = (int64_t)(clock_wall() / CLOCK_SECOND);
	json_t *entries;
	char *lines;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	world_apply();
	world_shows(2, TUNNEL_KEY_PRESENT);
	world_forget();
	directories_fail = true;
	secret_overlaps_look(world.hub, now + 2 * SECRET_OVERLAP_S);
	directories_fail = false;
	world_turn();
	assert_false(vault_has("store.previous"));
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	entries = world_entries();
	lines = json_dumps(entries, 0);
	heard(lines, "\"outcome\": \"asked\", \"detail\": \"store.previous\"");
	heard(lines, "store.previous: it is gone, and after a loss of power it may be there again");
	free(lines);
	json_decref(entries);
	/* A person's, too. */
	assert_true(vault_set("store.previous", KEY, strlen(KEY)));
	world_forget();
	directories_fail = true;
	json_decref(asks_for(API_SECRET_DELETE, "store.previous", true));
	directories_fail = false;
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
}

/* Also of what goes with it somebody may have need. */
static void what_goes_with_it_is_not_deleted(void **state)
{
	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	assert_true(vault_set("md5", KEY, strlen(KEY)));
	assert_true(vault_set("md5.previous", KEY, strlen(KEY)));
	world_configure(
		ACCESS, WORLD_SITE("one", "1", "    bgp_password: 'secret:md5.previous'\n"));
	world_apply();
	assert_true(world.applied.ok);
	deleted("md5", false, 409, "site 'one' tunnel 0 has md5.previous as bgp_password");
	assert_true(vault_has("md5.previous"));
	deleted("md5", true, 200, "deleted");
}

/* A psk_previous that stands in the document is the key before, and not what the secret was. */
static void a_key_before_of_the_document_is_said(void **state)
{
	json_t *o;
	char *text;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_configure(ACCESS, "  - name: sealed\n    asn: 65004\n    tunnels:\n"
				"      - { identity: s.example.net, inside: 169.254.104.0/30, psk: "
				"'secret:store',\n"
				"          psk_previous: 'file:DIR/psk' }\n");
	world_apply();
	assert_true(world.applied.ok);
	o = asks_for(API_SECRET_ROTATE, "store", false);
	text = json_dumps(o, 0);
	heard(text, "as psk beside a psk_previous of its own (site 'sealed') there is no overlap");
	assert_null(strstr(text, "devices may then use the present one"));
	free(text);
	json_decref(o);
	text = asks((struct imsg_api_request){.verb = API_PLAN, .tunnel = -1});
	heard(text, "0 tunnels have it as psk, and stay; site 'sealed': as psk beside a "
		    "psk_previous of its own, and their tunnels are set up anew");
	free(text);
}

/* Who has the files read again, or a timer, has not asked for another secret. */
static void a_reload_leaves_it_waiting(void **state)
{
	struct imsg_api_request r = {.verb = API_APPLY, .tunnel = -1, .without_secrets = true};

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	world_forget();
	assert_int_equal(kill(getpid(), SIGHUP), 0);
	world_wait(20);
	world_written();
	assert_true(holds("store", KEY) && vault_has("store.next"));
	json_decref(asked(r));
	world_written();
	assert_true(holds("store", KEY) && vault_has("store.next"));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	world_apply();
	assert_true(holds("store.previous", KEY) && !vault_has("store.next"));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HUB_TEST(a_rotation_waits_for_apply),
		HUB_TEST(what_is_set_over_another_waits_too),
		HUB_TEST(what_knows_no_second_key_is_told),
		HUB_TEST(an_overlap_ends_by_itself),
		HUB_TEST(all_that_are_over_end_at_once),
		HUB_TEST(a_person_ends_an_overlap),
		HUB_TEST(what_is_needed_is_not_deleted),
		HUB_TEST(an_apply_to_be_confirmed_leaves_it_waiting),
		HUB_TEST(nothing_is_set_during_an_apply),
		HUB_TEST(a_revision_that_cannot_be_read_needs_it),
		HUB_TEST(an_end_that_is_not_on_the_disk_is_told),
		HUB_TEST(what_goes_with_it_is_not_deleted),
		HUB_TEST(a_key_before_of_the_document_is_said),
		HUB_TEST(a_reload_leaves_it_waiting),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_rotation", tests, NULL, NULL);
}
