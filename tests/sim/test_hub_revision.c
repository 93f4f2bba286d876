/* SPDX-License-Identifier: Apache-2.0 */
/* Which configuration is in force: over restarts, back to one that was, and back by itself. */
#include "hub_world.h"

#include "store/revisions.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>

/* ---- a disk that is slow: each fsync takes so long ---- */

static unsigned int disk_s, disk_ms;
static const char *slow; /* only what has that in its path; NULL: all */

static bool is_slow(int fd)
{
	char link[40], path[128] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return !slow || (readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, slow));
}

int fsync(int fd)
{
	if ((disk_s || disk_ms) && is_slow(fd))
		usleep(disk_s * 1000000 + disk_ms * 1000);
	return (int)syscall(SYS_fsync, fd);
}

/* ---- how often a directory is read ---- */

static unsigned int scans;

DIR *opendir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	scans++;
	return fd < 0 ? NULL : fdopendir(fd);
}

#define ONE   WORLD_SITE("one", "1", "")
#define TWO   WORLD_SITE("two", "2", "")
#define THREE WORLD_SITE("three", "3", "")
#define DOCUMENT(n)                                                                                \
	"asn: 6500" n "\ntunnels: [ { inside: 169.254.10" n ".0/30, identity: d" n ".example, "    \
	"psk: 'file:DIR/psk' } ]\n"

static int setup(void **state)
{
	char path[80];

	(void)state;
	/* What a test that failed has left. */
	disk_s = disk_ms = 0;
	slow = NULL;
	world_begin("", ONE TWO);
	world.keeps_revisions = true;
	snprintf(path, sizeof(path), "%s/sites", world.dir);
	return mkdir(path, 0700);
}

/* A document of a site, whose text has DIR for the directory; NULL: it goes. */
static void put_site(const char *name, const char *text)
{
	char file[80], full[512] = "";
	const char *dir = text ? strstr(text, "DIR") : NULL;

	snprintf(file, sizeof(file), "sites/%s.yaml", name);
	if (text) {
		snprintf(full, sizeof(full), "%.*s%s%s", (int)(dir - text), text, world.dir,
			dir + 3);
		world_write(file, full);
		return;
	}
	snprintf(full, sizeof(full), "%s/%s", world.dir, file);
	assert_int_equal(unlink(full), 0);
}

static bool has_site(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/sites/%s.yaml", world.dir, name);
	return access(path, F_OK) == 0;
}

static void again(void)
{
	world_stop();
	world_run();
}

static void in_force(uint64_t number, bool one, bool two, bool three)
{
	assert_int_equal(revision_number(world.hub), number);
	assert_int_equal(world_site("one") != NULL, one);
	assert_int_equal(world_site("two") != NULL, two);
	assert_int_equal(world_site("three") != NULL, three);
}

static void go_back(uint64_t number, struct apply_order order)
{
	char error[CONFIG_ERROR_SIZE];

	order.documents = revision_get(world.hub, number, error);
	if (!order.documents)
		fail_msg("%s", error);
	order.back_to = number;
	order.restore = true;
	world_apply_order(order);
}

static void refused(const char *why)
{
	assert_int_equal(world.applied.calls, 1);
	if (world.applied.ok || !strstr(world.applied.summary, why))
		fail_msg("not \"%s\" but %d, \"%s\"", why, world.applied.ok, world.applied.summary);
}

static void taken(void)
{
	assert_int_equal(world.applied.calls, 1);
	if (!world.applied.ok)
		fail_msg("%s", world.applied.summary);
}

static json_t *info_of(uint64_t number)
{
	const struct revisions store = {.directory = world.revisions};
	json_t *info = revisions_info(&store, number);

	assert_non_null(info);
	return info;
}

/* An edit is pending, over restarts too, until it is applied. */
static void edits_wait_for_apply(void **state)
{
	json_t *plan;
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	in_force(1, true, true, false);
	world_configure("", ONE);
	put_site("three", DOCUMENT("3"));
	again();
	in_force(1, true, true, false);
	plan = hub_plan(
		world.hub, documents_load(world.path, false, error), PLAN_OF_FILES, NULL, error);
	assert_int_equal(json_array_size(json_object_get(plan, "files")), 2);
	assert_string_equal(json_string_value(json_object_get(plan, "effect")), "tunnel");
	json_decref(plan);
	in_force(1, true, true, false);
	world_apply();
	taken();
	in_force(2, true, false, true);
	again();
	in_force(2, true, false, true);
	/* Nothing new is no revision. */
	world_apply();
	taken();
	in_force(2, true, false, true);
}

/* What is wrong in the files keeps nobody from starting. */
static void a_mistake_in_a_file_waits_as_well(void **state)
{
	(void)state;
	world_write("sluice.yaml", "concentrator: {\n");
	again();
	in_force(1, true, true, false);
	world_apply();
	refused("not YAML");
	in_force(1, true, true, false);
}

static void with_files_these_are_taken(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	struct revision_start start;

	(void)state;
	world_configure("", ONE);
	world_stop();
	assert_true(revision_choose(world.revisions, world.path, true, &start, error));
	assert_int_equal(start.config->site_count, 1);
	assert_null(start.info);
	documents_free(start.documents);
	config_free(start.config);
	/* Those of another file are not in force here. */
	assert_true(revision_choose(world.revisions, world.path, false, &start, error));
	assert_int_equal(start.config->site_count, 2);
	json_decref(start.info);
	documents_free(start.documents);
	config_free(start.config);
	world_write("other.yaml", "concentrator: {\n");
	strcpy(strrchr(world.path, '/'), "/other.yaml");
	assert_false(revision_choose(world.revisions, world.path, false, &start, error));
	assert_non_null(strstr(error, "other.yaml"));
	strcpy(strrchr(world.path, '/'), "/sluice.yaml");
	world_run();
}

static void back_to_one_that_was(void **state)
{
	(void)state;
	put_site("three", DOCUMENT("3"));
	world_apply();
	in_force(2, true, true, true);
	put_site("three", NULL);
	put_site("four", DOCUMENT("4"));
	world_configure("", ONE);
	world_apply();
	in_force(3, true, false, false);
	go_back(2, (struct apply_order){0});
	taken();
	in_force(4, true, true, true);
	/* Documents of sites are what they were, and sluice.yaml is a pending edit. */
	assert_true(has_site("three") && !has_site("four"));
	again();
	in_force(4, true, true, true);
	world_apply();
	in_force(5, true, false, true);
}

static void an_edit_is_not_written_over(void **state)
{
	(void)state;
	put_site("three", DOCUMENT("3"));
	world_apply();
	put_site("three", DOCUMENT("4"));
	go_back(1, (struct apply_order){0});
	refused("sites/three.yaml has edits that are not in force");
	in_force(2, true, true, true);
	assert_true(has_site("three"));
	go_back(1, (struct apply_order){.over_edits = true});
	taken();
	in_force(3, true, true, false);
	assert_false(has_site("three"));
}

static void confirmed_it_stays(void **state)
{
	char text[CONFIG_ERROR_SIZE];

	(void)state;
	assert_false(revision_confirm(world.hub, text, sizeof(text)));
	world_configure("", ONE);
	world_apply_order((struct apply_order){.confirm_s = 600});
	taken();
	assert_non_null(strstr(world.applied.summary, "; it goes back by itself at 20"));
	assert_non_null(strstr(world.applied.summary, " unless `sluice confirm` comes before"));
	in_force(2, true, false, false);
	world_configure("", ONE TWO);
	world_apply();
	refused("revision 2 of sluiced waits to be confirmed until ");
	/* Over a restart, too. */
	again();
	in_force(2, true, false, false);
	world_apply();
	refused("`sluice rollback 1` ends it");
	assert_true(revision_confirm(world.hub, text, sizeof(text)));
	world_apply();
	taken();
	in_force(3, true, true, false);
	again();
	in_force(3, true, true, false);
}

static void what_is_not_confirmed_goes_back(void **state)
{
	json_t *info;

	(void)state;
	world_configure("", ONE);
	world_apply_order((struct apply_order){.confirm_s = 2});
	in_force(2, true, false, false);
	world_until(revision_number(world.hub) == 3);
	in_force(3, true, true, false);
	info = info_of(3);
	assert_string_equal(json_string_value(json_object_get(info, "why")),
		"revision 2 was not confirmed in time");
	json_decref(info);
	/* The files are as the person left them. */
	world_apply();
	taken();
	in_force(4, true, false, false);
}

/* Two hundred revisions are one look at their directory. */
static void the_history_is_one_look(void **state)
{
	json_t *history;

	(void)state;
	world_configure("", ONE);
	world_apply();
	world_configure("", TWO);
	world_apply();
	in_force(3, false, true, false);
	scans = 0;
	history = revision_history(world.hub);
	assert_int_equal(scans, 1);
	assert_int_equal(json_array_size(json_object_get(history, "revisions")), 3);
	json_decref(history);
}

/* A start is with the one before, and not with this one until its timer takes it back. */
static void so_it_does_while_nobody_runs(void **state)
{
	struct revision_start start;
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	world_configure("", ONE);
	world_apply_order((struct apply_order){.confirm_s = 2});
	in_force(2, true, false, false);
	world_stop();
	sleep(3);
	assert_true(revision_choose(world.revisions, world.path, false, &start, error));
	assert_non_null(config_site(start.config, "two"));
	assert_string_equal(start.why, "revision 2 was not confirmed in time");
	config_free(start.config);
	documents_free(start.documents);
	json_decref(start.info);
	world_run();
	in_force(3, true, true, false);
}

/* The document of a site, as a file, has this text in it. */
static bool says(const char *name, const char *text)
{
	char path[128], is[512] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/sites/%s.yaml", world.dir, name);
	f = fopen(path, "re");
	if (f) {
		is[fread(is, 1, sizeof(is) - 1, f)] = '\0';
		fclose(f);
	}
	return strstr(is, text);
}

static size_t pending(void)
{
	char error[CONFIG_ERROR_SIZE];
	struct documents *files = documents_load(world.path, false, error);
	json_t *names = revision_files_differ(revision_documents(world.hub), files);
	size_t count = json_array_size(names);

	json_decref(names);
	documents_free(files);
	return count;
}

/* Revision 2 has site three, revision 3 has another one of that name, and hub.yaml. */
static void two_that_differ(void)
{
	put_site("three", DOCUMENT("3"));
	world_apply();
	taken();
	put_site("three", DOCUMENT("4"));
	world_write("hub.yaml", "concentrator: { burst: 300k }\n");
	world_apply();
	taken();
	in_force(3, true, true, true);
}

/* What the daemon has written itself it writes back; what a person has edited since then stays. */
static void files_of_a_rollback_go_back_as_well(void **state)
{
	(void)state;
	two_that_differ();
	go_back(2, (struct apply_order){.confirm_s = 2});
	taken();
	in_force(4, true, true, true);
	assert_true(says("three", "65003"));
	assert_int_equal(pending(), 0);
	world_until(revision_number(world.hub) == 5);
	world_written();
	assert_true(says("three", "65004"));
	assert_int_equal(pending(), 0);

	go_back(2, (struct apply_order){.confirm_s = 2});
	taken();
	put_site("three", DOCUMENT("5"));
	world_until(revision_number(world.hub) == 7);
	world_written();
	assert_true(says("three", "65005"));
	assert_int_equal(pending(), 1);
}

static void so_they_do_while_nobody_runs(void **state)
{
	(void)state;
	two_that_differ();
	go_back(2, (struct apply_order){.confirm_s = 2});
	taken();
	assert_true(says("three", "65003"));
	world_stop();
	sleep(3);
	world_run();
	in_force(5, true, true, true);
	assert_true(says("three", "65004"));
	assert_int_equal(pending(), 0);
}

static void slots_are(int one, int two, int three)
{
	const struct site *sites[] = {world_site("one"), world_site("two"), world_site("three")};
	int wanted[] = {one, two, three};

	for (int i = 0; i < 3; i++)
		assert_int_equal(sites[i] ? (int)sites[i]->slot : -1, wanted[i]);
}

/* Neither a restart nor another order or company changes which one it is. */
static void a_slot_stays_with_its_site(void **state)
{
	(void)state;
	slots_are(0, 1, -1);
	world_configure("", THREE ONE TWO);
	world_apply();
	slots_are(0, 1, 2);
	world_configure("", THREE TWO);
	world_apply();
	slots_are(-1, 1, 2);
	again();
	slots_are(-1, 1, 2);
	world_configure("", ONE THREE TWO);
	world_apply();
	again();
	slots_are(world_site("one")->slot, 1, 2);
	assert_true(world_site("one")->slot == 0 || world_site("one")->slot > 2);
	/* Also where a start takes files that were never applied. */
	world_configure("", THREE TWO);
	world_stop();
	world.keeps_revisions = false;
	world_run();
	in_force(5, false, true, true);
	slots_are(-1, 1, 2);
}

static void back_before_it_is_confirmed(void **state)
{
	(void)state;
	put_site("three", DOCUMENT("3"));
	world_apply_order((struct apply_order){.confirm_s = 600});
	in_force(2, true, true, true);
	/* What would come back by itself is what nobody has confirmed. */
	go_back(1, (struct apply_order){.confirm_s = 600});
	refused("waits to be confirmed");
	go_back(1, (struct apply_order){0});
	taken();
	in_force(3, true, true, false);
	world_configure("", ONE);
	world_apply();
	taken();
}

static void at_the_next_start(void **state)
{
	(void)state;
	world_configure("  workers: 2\n", ONE);
	world_apply();
	refused("`sluice apply --next-start` has it in force");
	world_apply_order((struct apply_order){.next_start = true});
	taken();
	in_force(1, true, true, false);
	assert_int_equal(world.hub->config->concentrator.workers, 1);
	again();
	in_force(2, true, false, false);
	assert_int_equal(world.hub->config->concentrator.workers, 2);
	/* One that waits for the next start gives way to a later one, also of what is in force. */
	world_configure("  workers: 1\n", ONE);
	world_apply_order((struct apply_order){.next_start = true});
	world_configure("  workers: 2\n", ONE);
	world_apply();
	taken();
	again();
	in_force(4, true, false, false);
	assert_int_equal(world.hub->config->concentrator.workers, 2);
}

/* Nobody who knows nothing of it ends one that waits for the next start; who does hears so. */
static void at_the_next_start_all_the_same(void **state)
{
	json_t *writes = json_pack("[s]", "three");
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	put_site("three", DOCUMENT("3"));
	world_apply();
	world_configure("  workers: 2\n", ONE TWO);
	world_apply_order((struct apply_order){.next_start = true});
	taken();
	in_force(2, true, true, true);
	assert_int_equal(hub_try(world.hub,
				 &(struct apply_order){
					 .documents = documents_copy(revision_documents(world.hub)),
					 .writes = json_incref(writes)},
				 error),
		PROBLEM_REFUSED);
	world_apply_order((struct apply_order){
		.documents = documents_copy(revision_documents(world.hub)), .writes = writes});
	refused("revision 3 waits for the next start, and would be lost: start sluiced again, or "
		"`sluice rollback 2` ends that");
	go_back(1, (struct apply_order){0});
	refused("revision 3 waits for the next start");
	again();
	in_force(3, true, true, true);
	assert_int_equal(world.hub->config->concentrator.workers, 2);

	world_configure("  workers: 1\n", ONE TWO);
	world_apply_order((struct apply_order){.next_start = true});
	go_back(3, (struct apply_order){0});
	taken();
	assert_non_null(strstr(
		world.applied.summary, "; revision 4 does not wait for the next start any more"));
	again();
	in_force(5, true, true, true);
	assert_int_equal(world.hub->config->concentrator.workers, 2);
}

/* What cannot be written is not applied. */
static void without_a_disk_nothing_changes(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s && : >%s", world.revisions, world.revisions);
	assert_int_equal(system(command), 0);
	world_configure("", ONE);
	world_forget();
	world_apply();
	refused("the revision could not be written, nothing was applied");
	in_force(1, true, true, false);
	assert_int_equal(world.heard_count, 0);
	snprintf(command, sizeof(command), "rm %s", world.revisions);
	assert_int_equal(system(command), 0);
	world_apply();
	taken();
	assert_null(world_site("two"));
}

/* Who asks hears so, and nothing of it is in force, neither then nor later nor after a start. */
static void a_disk_that_stands_still(void **state)
{
	(void)state;
	world_configure("", ONE);
	disk_s = 8;
	world.applied.calls = 0;
	hub_apply(world.hub,
		&(struct apply_order){.why = "test", .done = world_applied, .of = WORLD_APPLIES});
	for (int i = 0; i < 2000 && !world.applied.calls; i++)
		world_wait(10);
	refused("nothing was applied: the disk stands still");
	world_apply();
	refused("the disk stands still on which another configuration");
	disk_s = 0;
	for (int i = 0; i < 2000 && world.hub->applying; i++)
		world_wait(10);
	in_force(1, true, true, false);
	again();
	in_force(1, true, true, false);
	world_apply();
	taken();
	in_force(2, true, false, false);
}

/* Many files take their time, of which each has some. */
static void many_files_take_longer(void **state)
{
	char name[8], text[192];

	(void)state;
	for (unsigned int i = 0; i < 80; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		snprintf(text, sizeof(text),
			"asn: %u\ntunnels: [ { inside: 169.254.%u.%u/30, identity: %s.example, "
			"psk: 'file:DIR/psk' } ]\n",
			64600 + i, 110 + i / 64, i % 64 * 4, name);
		put_site(name, text);
	}
	disk_ms = 75;
	world.applied.calls = 0;
	hub_apply(world.hub,
		&(struct apply_order){.why = "test", .done = world_applied, .of = WORLD_APPLIES});
	for (int i = 0; i < 2000 && !world.applied.calls; i++)
		world_wait(10);
	disk_ms = 0;
	taken();
	in_force(2, true, true, false);
	assert_non_null(world_site("m79"));
}

/* A revision that is in force before its files are on a slow disk: until then they are not read as edits of a person. */
static void files_that_are_still_written(void **state)
{
	char sites[80];

	(void)state;
	put_site("three", DOCUMENT("3"));
	world_apply();
	put_site("three", NULL);
	world_apply();
	in_force(3, true, true, false);
	snprintf(sites, sizeof(sites), "%s/sites/", world.dir);
	slow = sites;
	disk_s = 9;
	world.applied.calls = 0;
	char error[CONFIG_ERROR_SIZE];

	hub_apply(world.hub, &(struct apply_order){.why = "test",
				     .done = world_applied,
				     .of = WORLD_APPLIES,
				     .documents = revision_get(world.hub, 2, error),
				     .back_to = 2,
				     .restore = true});
	for (int i = 0; i < 2000 && !world.applied.calls; i++)
		world_wait(10);
	taken();
	in_force(4, true, true, true);
	assert_false(has_site("three"));
	world.applied.calls = 0;
	hub_apply(world.hub,
		&(struct apply_order){.why = "test", .done = world_applied, .of = WORLD_APPLIES});
	disk_s = 0;
	slow = NULL;
	refused("files of the configuration are still being written");
	world_written();
	assert_true(has_site("three"));
	world_apply();
	taken();
	in_force(4, true, true, true);
	again();
	in_force(4, true, true, true);
}

/* It has to go back, though nothing can be written; a start does as well. */
static void back_without_a_disk(void **state)
{
	char command[256];

	(void)state;
	world_configure("", ONE);
	world_apply_order((struct apply_order){.confirm_s = 2});
	in_force(2, true, false, false);
	snprintf(command, sizeof(command),
		"mkdir %s/.new %s/.new/x && mount -t tmpfs -o ro none %s/.new", world.revisions,
		world.revisions, world.revisions);
	if (system(command)) {
		snprintf(command, sizeof(command), "rm -rf %s/.new", world.revisions);
		(void)!system(command);
		skip();
	}
	world_until(world_site("two"));
	in_force(0, true, true, false);
	snprintf(command, sizeof(command), "umount %s/.new", world.revisions);
	assert_int_equal(system(command), 0);
	again();
	in_force(3, true, true, false);
}

/* Longer than hub waits for a disk. */
#define disk_until(condition)                                                                      \
	do {                                                                                       \
		for (int i = 0; i < 3000 && !(condition); i++)                                     \
			world_wait(10);                                                            \
		assert_true(condition);                                                            \
	} while (0)

/* A disk that stands still keeps nobody cut off; what is in force is written when it goes on. */
static void back_though_the_disk_stands_still(void **state)
{
	json_t *info;

	(void)state;
	world_configure("", ONE);
	world_apply_order((struct apply_order){.confirm_s = 2});
	in_force(2, true, false, false);
	disk_s = 12;
	disk_until(world_site("two"));
	in_force(0, true, true, false);
	world_apply();
	refused("the disk stands still");
	disk_s = 0;
	disk_until(revision_number(world.hub));
	in_force(3, true, true, false);
	info = info_of(3);
	assert_string_equal(json_string_value(json_object_get(info, "why")),
		"revision 2 was not confirmed in time");
	assert_int_equal(json_integer_value(json_object_get(info, "before")), 2);
	json_decref(info);
	again();
	in_force(3, true, true, false);
}

/* Nor does it when a person has tried to go back, and waits for the disk. */
static void back_though_another_one_waits_for_the_disk(void **state)
{
	(void)state;
	world_configure("", ONE);
	world_apply_order((struct apply_order){.confirm_s = 12});
	in_force(2, true, false, false);
	disk_s = 13;
	go_back(1, (struct apply_order){0});
	refused("nothing was applied: the disk stands still");
	in_force(2, true, false, false);
	disk_until(world_site("two"));
	in_force(0, true, true, false);
	/* It ends meanwhile. */
	world_stop();
	disk_s = 0;
	sleep(14);
	world_run();
	in_force(3, true, true, false);
}

/* Nobody waits to confirm what could not go back; and confirming is tried again. */
static void confirming_needs_a_disk(void **state)
{
	char text[CONFIG_ERROR_SIZE], command[256];

	(void)state;
	world_configure("", ONE);
	world_apply_order((struct apply_order){.confirm_s = 600});
	in_force(2, true, false, false);
	snprintf(command, sizeof(command), "mkdir %s/2/revision.json.new", world.revisions);
	assert_int_equal(system(command), 0);
	assert_false(revision_confirm(world.hub, text, sizeof(text)));
	assert_non_null(strstr(text, "it still waits"));
	world_configure("", ONE TWO);
	world_apply();
	refused("waits to be confirmed");
	snprintf(command, sizeof(command), "rmdir %s/2/revision.json.new", world.revisions);
	assert_int_equal(system(command), 0);
	assert_true(revision_confirm(world.hub, text, sizeof(text)));
	again();
	in_force(3 - 1, true, false, false);
}

/* Edits of sites are thrown away by going to what is in force; and so ends what waits, though nothing differs. */
static void back_to_what_is_in_force(void **state)
{
	(void)state;
	put_site("three", DOCUMENT("3"));
	go_back(1, (struct apply_order){.over_edits = true});
	taken();
	in_force(2, true, true, false);
	assert_false(has_site("three"));
	world_apply_order((struct apply_order){.confirm_s = 600});
	taken();
	in_force(3, true, true, false);
	go_back(2, (struct apply_order){0});
	taken();
	world_configure("", ONE);
	world_apply();
	taken();
	in_force(5, true, false, false);
}

/* While the thread writes, the daemon ends. */
static void an_end_while_it_is_written(void **state)
{
	(void)state;
	world_configure("", ONE);
	disk_s = 1;
	world.applied.calls = 0;
	hub_apply(world.hub,
		&(struct apply_order){.why = "test", .done = world_applied, .of = WORLD_APPLIES});
	assert_true(hub_apply_is_writing(world.hub));
	again();
	in_force(1, true, true, false);
	sleep(5);
	disk_s = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(edits_wait_for_apply),
		TEST(a_mistake_in_a_file_waits_as_well),
		TEST(with_files_these_are_taken),
		TEST(back_to_one_that_was),
		TEST(an_edit_is_not_written_over),
		TEST(confirmed_it_stays),
		TEST(what_is_not_confirmed_goes_back),
		TEST(the_history_is_one_look),
		TEST(so_it_does_while_nobody_runs),
		TEST(files_of_a_rollback_go_back_as_well),
		TEST(so_they_do_while_nobody_runs),
		TEST(a_slot_stays_with_its_site),
		TEST(back_before_it_is_confirmed),
		TEST(at_the_next_start),
		TEST(at_the_next_start_all_the_same),
		TEST(without_a_disk_nothing_changes),
		TEST(a_disk_that_stands_still),
		TEST(many_files_take_longer),
		TEST(files_that_are_still_written),
		TEST(back_without_a_disk),
		TEST(back_though_the_disk_stands_still),
		TEST(back_though_another_one_waits_for_the_disk),
		TEST(confirming_needs_a_disk),
		TEST(back_to_what_is_in_force),
		TEST(an_end_while_it_is_written),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_revision", tests, NULL, NULL);
}
