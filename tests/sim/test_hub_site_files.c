/* SPDX-License-Identifier: Apache-2.0 */
/* Files of sites that commands write, and persons as well: what is on the disk, and whose word counts. */
#include "site_world.h"

#include "base/file.h"

#include <limits.h>
#include <sys/syscall.h>

/* ---- what is brought to the disk ---- */

static char synced[64][PATH_MAX];
static unsigned int synced_count;

/* In the place of the one of libc, of which threads make use as well. */
int fsync(int fd)
{
	unsigned int i = __atomic_fetch_add(&synced_count, 1, __ATOMIC_SEQ_CST);
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (i < 64 && (n = readlink(link, synced[i], PATH_MAX - 1)) > 0)
		synced[i][n] = '\0';
	return (int)syscall(SYS_fsync, fd);
}

/* As which one a file of the world's directory was; 64: it was not. */
static unsigned int was_synced(const char *name)
{
	char path[PATH_MAX];
	unsigned int i = 0;

	snprintf(path, sizeof(path), "%s%s", world.dir, name);
	while (i < 64 && strcmp(synced[i], path) != 0)
		i++;
	return i;
}

static void directories_are_on_the_disk(void **state)
{
	char path[PATH_MAX];

	(void)state;
	memset(synced, 0, sizeof(synced));
	synced_count = 0;
	done(CREATE, "two", NULL);
	/* The key, and the directory that is made for it, before anything says that they are there. */
	assert_in_range(was_synced("/psk/two.0"), 0, 63);
	assert_in_range(was_synced(""), 0, was_synced("/revisions/.new/revision.json") - 1);
	/* Behind a link it is another directory. */
	snprintf(path, sizeof(path), "%s/mine", world.dir);
	assert_int_equal(mkdir(path, 0755), 0);
	world_write("mine/two", content("sites/two.yaml"));
	snprintf(path, sizeof(path), "%s/sites/two.yaml", world.dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("../mine/two", path), 0);
	memset(synced, 0, sizeof(synced));
	synced_count = 0;
	done(SET, "two", "{\"rate\": \"7M\"}");
	has("mine/two", "rate: 7M");
	assert_in_range(was_synced("/mine"), 0, 63);
}

/* ---- an end of hub, and edits ---- */

static json_t *note(void)
{
	json_t *info = revisions_info(
		&(struct revisions){.directory = world.revisions}, revision_number(world.hub));

	assert_non_null(info);
	return info;
}

/* Hub ends when the revision is in force and the file is not written. */
static void ends_before_it_is_written(const char *site)
{
	json_t *info = note();

	assert_null(json_object_get(info, "writes"));
	json_object_set_new(info, "writes", json_pack("[s]", site));
	assert_true(revisions_note(&(struct revisions){.directory = world.revisions},
		revision_number(world.hub), info));
	json_decref(info);
}

static void assert_nothing_is_left(void)
{
	json_t *info = note();

	assert_null(json_object_get(info, "writes"));
	json_decref(info);
}

static void an_end_between_the_two(void **state)
{
	char *text;

	(void)state;
	done(CREATE, "two", NULL);
	text = strdup(content("sites/two.yaml"));
	done(SET, "two", "{\"rate\": \"7M\"}");
	ends_before_it_is_written("two");
	world_write("sites/two.yaml", text);
	again();
	has("sites/two.yaml", "rate: 7M");
	assert_nothing_is_left();
	/* What a person has changed since is an edit. */
	ends_before_it_is_written("two");
	world_write("sites/two.yaml", "asn: 65001\n");
	again();
	assert_string_equal(content("sites/two.yaml"), "asn: 65001\n");
	assert_nothing_is_left();
	free(text);
}

/* A loss of power as well: what was being written goes, also where a link leads to, and nothing that is another's. */
static void what_an_end_has_left(void **state)
{
	static const char *const targets[] = {"sites/two.yaml", "hub.yaml", "psk/two.0", "mine/far",
		"tokens"},
				 *const others[] = {"sites/.two.yaml.swp",
					 "sites/.two.yaml.sluice-backup", "mine/.far.sluice-backup",
					 "mine/two.sluice-01234567-abcdef",
					 ".x.sluice-01234567-abcdef"};
	char path[PATH_MAX], ours[5][PATH_MAX], moved[PATH_MAX];

	(void)state;
	done(CREATE, "two", NULL);
	snprintf(path, sizeof(path), "%s/mine", world.dir);
	assert_int_equal(mkdir(path, 0755), 0);
	world_write("mine/far", content("sites/two.yaml"));
	snprintf(path, sizeof(path), "%s/sites/two.yaml", world.dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("../mine/far", path), 0);
	for (size_t i = 0; i < 5; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%s", world.dir, targets[i]);
		fd = file_open_beside(path, ours[i]);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, "half", 4), 4);
		close(fd);
	}
	/* In another directory it is whoever's who has put it there. */
	snprintf(moved, sizeof(moved), "%s/mine/%s", world.dir, strrchr(ours[1], '/') + 1);
	assert_int_equal(link(ours[1], moved), 0);
	assert_int_equal(unlink(ours[1]), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		world_write(others[i], "mine");
	again();
	for (size_t i = 0; i < 5; i++) {
		if (!access(ours[i], F_OK))
			fail_msg("%s is left", ours[i]);
	}
	assert_int_equal(access(moved, F_OK), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_string_equal(content(others[i]), "mine");
}

/* A site that was removed is told of for an hour, and not until that clock comes again. */
static void a_clock_that_was_set_back(void **state)
{
	struct revisions store = {.directory = world.revisions};
	json_t *info, *answer;

	(void)state;
	done(CREATE, "two", NULL);
	done(DELETE, "two", NULL);
	answer = does((struct imsg_api_request){.verb = API_SITE_LIST}, "", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "others")), 2);
	json_decref(answer);
	info = note();
	json_object_set_new(json_object_get(info, "gone"), "two",
		json_integer((json_int_t)(clock_wall() / CLOCK_SECOND) + 86400));
	assert_true(revisions_note(&store, revision_number(world.hub), info));
	json_decref(info);
	again();
	answer = does((struct imsg_api_request){.verb = API_SITE_LIST}, "", NULL);
	assert_int_equal(json_array_size(json_object_get(answer, "others")), 1);
	json_decref(answer);
}

/* A program in it would not be root's word any more, and the next start would refuse all. */
static void a_file_of_another_one(void **state)
{
	char path[PATH_MAX];

	(void)state;
	done(CREATE, "two", NULL);
	snprintf(path, sizeof(path), "%s/sites/two.yaml", world.dir);
	assert_int_equal(chown(path, 1, 1), 0);
	refused(SET, "two", "{\"tunnels.0.psk\": \"exec:/bin/true\"}", "invalid-configuration",
		"exec: may stand only in a file that is root's");
	done(SET, "two", "{\"rate\": \"7M\"}");
	assert_int_equal(status_of("sites/two.yaml").st_uid, 1);
}

/* What was written once is not written again: it is a person who puts the text of before back. */
static void what_a_person_puts_back(void **state)
{
	char *text, path[128];

	(void)state;
	done(CREATE, "two", NULL);
	text = strdup(content("sites/two.yaml"));
	done(SET, "two", "{\"rate\": \"7M\"}");
	world_write("sites/two.yaml", text);
	again();
	assert_string_equal(content("sites/two.yaml"), text);
	world_apply();
	assert_true(world.applied.ok);
	done(DELETE, "two", NULL);
	world_write("sites/two.yaml", text);
	again();
	assert_non_null(content("sites/two.yaml"));
	free(text);
	done(CREATE, "three", NULL);
	snprintf(path, sizeof(path), "%s/sites/three.yaml", world.dir);
	assert_int_equal(unlink(path), 0);
	again();
	assert_null(content("sites/three.yaml"));
	assert_non_null(world_site("three"));
}

/* Saved when the order was given already, and the file not yet written. */
static void an_edit_in_between(void **state)
{
	struct documents *candidate;

	(void)state;
	done(CREATE, "two", NULL);
	done(CREATE, "three", NULL);
	candidate = documents_copy(revision_documents(world.hub));
	for (int i = 0; i < 2; i++) {
		const char *site = i ? "three" : "two";
		const struct document *was = documents_find(candidate, site);
		char *text = NULL;
		size_t len = 0;
		FILE *f = open_memstream(&text, &len);

		fwrite(was->text, 1, was->len, f);
		fputs("rate: 7M\n", f);
		fclose(f);
		documents_put(candidate, site, text, len);
	}
	hub_apply(world.hub, &(struct apply_order){.documents = candidate,
				     .writes = json_pack("[s, s]", "two", "three"),
				     .why = "test"});
	world_write("sites/two.yaml", "asn: 65009\n");
	world_written();
	assert_int_equal(revision_number(world.hub), 5);
	assert_string_equal(content("sites/two.yaml"), "asn: 65009\n");
	has("sites/three.yaml", "rate: 7M");
	assert_nothing_is_left();
	refused(SET, "two", "{\"rate\": \"8M\"}", "pending-edits", "sites/two.yaml");
}

/* The file is written, and not yet what is in force: that is no edit of a person. */
static void a_second_writer(void **state)
{
	struct documents *candidate;
	char *text = NULL;
	json_t *answer;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	done(CREATE, "two", NULL);
	fprintf(f, "%srate: 7M\n", content("sites/two.yaml"));
	fclose(f);
	candidate = documents_copy(revision_documents(world.hub));
	documents_put(candidate, "two", strdup(text), len);
	hub_apply(world.hub,
		&(struct apply_order){
			.documents = candidate, .writes = json_pack("[s]", "two"), .why = "test"});
	world_write("sites/two.yaml", text);
	free(text);
	answer = does(SET, "two", "{\"rate\": \"8M\"}");
	assert_string_equal(json_string_value(json_object_get(answer, "code")), "busy");
	json_decref(answer);
}

/* ---- out of sluice.yaml ---- */

#define ADOPT ((struct imsg_api_request){.verb = API_SITE_ADOPT})

static void it_moves_out(void **state)
{
	struct imsg_api_request r = ADOPT, back = {.verb = API_ROLLBACK, .revisions = {2}};
	char *before = strdup(content("sluice.yaml")), *commented = NULL, *adopted, path[128];
	char edited[2048];
	const struct site *site = world_site("one");
	size_t size;
	json_t *plan;
	FILE *f = open_memstream(&commented, &size);

	(void)state;
	refused(SET, "one", "{\"rate\": \"7M\"}", "in-sluice-yaml", "`sluice site adopt one`");
	r.dry_run = true;
	plan = does(r, "one", NULL);
	assert_int_equal(json_array_size(json_object_get(plan, "changes")), 0);
	assert_int_equal(json_array_size(json_object_get(plan, "files")), 2);
	json_decref(plan);
	assert_string_equal(content("sluice.yaml"), before);
	/* What a person is about to change is not moved. */
	fprintf(f, "%s# mine\n", before);
	fclose(f);
	world_write("sluice.yaml", commented);
	refused(ADOPT, "one", NULL, "pending-edits", "sluice.yaml has edits");
	world_write("sluice.yaml", before);
	done(ADOPT, "one", NULL);
	assert_ptr_equal(world_site("one"), site);
	has("sites/one.yaml", "name: one\nasn: 65001\ntunnels:\n  - { identity: a1.example.net");
	has("sluice.yaml", "sites: []\n");
	assert_int_equal(revision_number(world.hub), 3);
	assert_nothing_is_left();
	refused(ADOPT, "one", NULL, "site-exists", "already");
	done(SET, "one", "{\"rate\": \"7M\"}");
	again();
	assert_int_equal(world_site("one")->conf.rate, 7000000);
	/* The way back leads over the command that wrote sluice.yaml, and so to that as well: not over a person's edit. */
	adopted = strdup(content("sluice.yaml"));
	snprintf(edited, sizeof(edited), "%s# mine\n", adopted);
	world_write("sluice.yaml", edited);
	back.dry_run = true;
	plan = does(back, "", NULL);
	assert_non_null(json_object_get(plan, "refused"));
	json_decref(plan);
	world_write("sluice.yaml", adopted);
	free(adopted);
	back.dry_run = false;
	done(back, "", NULL);
	assert_string_equal(content("sluice.yaml"), before);
	assert_null(content("sites/one.yaml"));
	back.revisions[0] = 4;
	done(back, "", NULL);
	has("sites/one.yaml", "rate: 7M");
	has("sluice.yaml", "sites: []\n");
	/* But not over what a person has written. */
	world_write("sluice.yaml", commented);
	snprintf(path, sizeof(path), "%s/sites/one.yaml", world.dir);
	assert_int_equal(unlink(path), 0);
	world_apply();
	assert_true(world.applied.ok);
	back.revisions[0] = 2;
	done(back, "", NULL);
	assert_string_equal(content("sluice.yaml"), commented);
	free(before);
	free(commented);
}

/* At no moment is it nowhere: it stands in both first. */
static void an_end_while_it_moves(void **state)
{
	char *before = strdup(content("sluice.yaml")), path[128];
	json_t *info;

	(void)state;
	done(ADOPT, "one", NULL);
	for (int i = 0; i < 2; i++) {
		info = note();
		json_object_set_new(info, "writes", json_pack("[s, s]", "", "one"));
		assert_true(revisions_note(&(struct revisions){.directory = world.revisions},
			revision_number(world.hub), info));
		json_decref(info);
		world_write("sluice.yaml", before);
		snprintf(path, sizeof(path), "%s/sites/one.yaml", world.dir);
		if (i)
			assert_int_equal(unlink(path), 0);
		again();
		has("sluice.yaml", "sites: []\n");
		has("sites/one.yaml", "asn: 65001");
		assert_nothing_is_left();
	}
	free(before);
}

/* ---- what a document says ---- */

static void as_it_is_written(void **state)
{
	char text[8192];
	json_t *shown;

	(void)state;
	done(CREATE, "two", NULL);
	snprintf(text, sizeof(text), "# the\tshop\r\n%s", content("sites/two.yaml"));
	world_write("sites/two.yaml", text);
	world_apply();
	assert_true(world.applied.ok);
	shown = does(SHOW, "two", NULL);
	assert_memory_equal(
		json_string_value(json_object_get(shown, "text")), "# the\tshop\r\nasn", 14);
	json_decref(shown);
}

/* What every tunnel begins as is known of a configuration of any size. */
static void the_default_of_many_sites(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	(void)state;
	world_configure("", "  - name: one\n    asn: 65001\n    tunnels:\n      - { auth: psk, "
			    "identity: a1, inside: "
			    "169.254.101.0/30, psk: 'file:DIR/secret' }\n");
	fputs(content("sluice.yaml"), f);
	for (int i = 0; i < 90; i++) {
		fprintf(f,
			"  - { name: g%d, asn: %d, class: %s, tunnels: [{ auth: psk, "
			"identity: g%d, inside: 169.254.%d.%d/30, psk: 'file:%s/secret' }], "
			"labels: { ",
			i, 65100 + i, i % 2 ? "gateway" : "concentrator", i, 120 + i / 50,
			i % 50 * 4, world.dir);
		for (int k = 0; k < 16; k++)
			fprintf(f, "l%d: x%s", k, k < 15 ? ", " : " } }\n");
	}
	fputs("defaults: { tunnel: { auth: cert } }\n", f);
	fclose(f);
	world_write("sluice.yaml", text);
	free(text);
	world_apply();
	if (!world.applied.ok)
		fail_msg("%s", world.applied.summary);
	refused(CREATE, "two", NULL, "invalid-configuration", "the hub has no certificate");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(directories_are_on_the_disk),
		TEST(an_end_between_the_two),
		TEST(what_an_end_has_left),
		TEST(a_file_of_another_one),
		TEST(a_clock_that_was_set_back),
		TEST(what_a_person_puts_back),
		TEST(an_edit_in_between),
		TEST(a_second_writer),
		TEST(it_moves_out),
		TEST(an_end_while_it_moves),
		TEST(as_it_is_written),
		TEST(the_default_of_many_sites),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_site_files", tests, NULL, NULL);
}
