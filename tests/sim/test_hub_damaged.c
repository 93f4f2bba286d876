/* SPDX-License-Identifier: Apache-2.0 */
/* What hub begins with where revisions are damaged, or say what they cannot say. */
#include "hub_world.h"

#define ONE   WORLD_SITE("one", "1", "")
#define TWO   WORLD_SITE("two", "2", "")
#define THREE WORLD_SITE("three", "3", "")

/* The second revision has three sites, and the file has one. */
static int setup(void **state)
{
	(void)state;
	world_begin("", ONE TWO);
	world.keeps_revisions = true;
	world_configure("", ONE TWO THREE);
	world_apply();
	assert_true(world.applied.ok);
	assert_int_equal(revision_number(world.hub), 2);
	world_configure("", ONE);
	world_stop();
	return 0;
}

static size_t sites(void)
{
	return world.hub->config->site_count;
}

/* What stands in revision.json of the second one, with other members of it. */
static void rewrite(const char *members)
{
	char path[160];
	json_t *info, *more = json_loads(members, 0, NULL);

	snprintf(path, sizeof(path), "%s/revisions/2/revision.json", world.dir);
	info = json_load_file(path, 0, NULL);
	assert_true(info && more);
	json_object_update(info, more);
	assert_int_equal(json_dump_file(info, path, 0), 0);
	json_decref(info);
	json_decref(more);
}

static json_t *plan(void)
{
	char error[CONFIG_ERROR_SIZE];
	json_t *p = hub_plan(
		world.hub, documents_load(world.path, false, error), PLAN_OF_FILES, NULL, error);

	assert_non_null(p);
	return p;
}

static bool is_told(void)
{
	json_t *p = plan(), *history = revision_history(world.hub);
	const char *kind = json_string_value(
		json_object_get(json_array_get(json_object_get(p, "findings"), 0), "kind"));
	bool found = kind && !strcmp(kind, "revision-damaged");

	assert_int_equal(found, json_object_get(history, "damaged") != NULL);
	assert_int_equal(found, revision_damaged(world.hub)[0] != '\0');
	json_decref(p);
	json_decref(history);
	return found;
}

/* Nobody has applied the files. */
static void the_one_before_is_in_force(void **state)
{
	(void)state;
	world_write("revisions/2/revision.json", "{");
	world_run();
	assert_int_equal(revision_number(world.hub), 1);
	assert_int_equal(sites(), 2);
	assert_true(is_told());
	assert_non_null(strstr(revision_damaged(world.hub),
		"revision 2 cannot be used: its revision.json cannot be read; the newest one"));
	/* Another start finds the same; what is applied is newer than all. */
	world_stop();
	world_run();
	assert_int_equal(sites(), 2);
	world_apply();
	assert_true(world.applied.ok);
	assert_int_equal(revision_number(world.hub), 3);
	assert_int_equal(sites(), 1);
	assert_false(is_told());
	world_stop();
	world_run();
	assert_int_equal(revision_number(world.hub), 3);
	assert_false(is_told());
}

static void a_document_that_cannot_be_read(void **state)
{
	(void)state;
	world_write("revisions/2/sluice.yaml", "concentrator: {\n");
	world_run();
	assert_int_equal(revision_number(world.hub), 1);
	assert_true(is_told());
}

/* Then there is nothing else. */
static void all_are_damaged(void **state)
{
	(void)state;
	world_write("revisions/2/revision.json", "{");
	world_write("revisions/1/sluice.yaml", "concentrator: {\n");
	world_run();
	assert_int_equal(revision_number(world.hub), 3);
	assert_int_equal(sites(), 1);
	assert_true(is_told());
	assert_non_null(strstr(revision_damaged(world.hub), "the files are in force"));
}

/* A hub without a configuration would be worse; but what was never applied is not in force without a word. */
static void all_are_damaged_and_the_files_are_not_permitted(void **state)
{
	(void)state;
	world_write("policy.yaml", "max: { site.rate: 5M }\n");
	world_write("revisions/2/revision.json", "{");
	world_write("revisions/1/sluice.yaml", "concentrator: {\n");
	world_run();
	assert_int_equal(revision_number(world.hub), 3);
	assert_int_equal(sites(), 1);
	assert_true(is_told());
	assert_non_null(strstr(revision_damaged(world.hub),
		"the files are in force, though policy.yaml does not permit them: "));
	assert_non_null(strstr(revision_damaged(world.hub), "policy.yaml:1: max site.rate: site"));
}

/* It is of root's, and may be of another version all the same. */
static void members_of_another_kind(void **state)
{
	static const char *const members[] = {
		"{\"writes\": [1]}",
		"{\"writes\": \"one\"}",
		"{\"writes\": [null, [], \"\"]}",
		"{\"keys\": [1, {}]}",
		"{\"keys\": {\"a\": 1}}",
		"{\"slots\": [1], \"since\": 3, \"gone\": \"x\"}",
		"{\"slots\": {\"one\": \"x\", \"two\": -1}, \"since\": {\"one\": []}}",
		"{\"gone\": {\"x\": \"y\"}, \"why\": 1, \"who\": [], \"before\": \"1\"}",
		"{\"confirm_by_s\": \"soon\", \"time_s\": []}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		rewrite(members[i]);
		world_run();
		assert_int_equal(revision_number(world.hub), 2);
		assert_int_equal(sites(), 3);
		json_decref(plan());
		json_decref(revision_history(world.hub));
		world_stop();
	}
	world_run();
	world_apply();
	assert_true(world.applied.ok);
}

/* Two sites have one slot, or none: whoever was given another one keeps it from then on. */
static void slots_that_cannot_be(void **state)
{
	uint32_t slots[3];

	(void)state;
	rewrite("{\"slots\": {\"one\": 1, \"two\": 1}}");
	world_run();
	slots[0] = world_site("one")->slot;
	slots[1] = world_site("two")->slot;
	slots[2] = world_site("three")->slot;
	assert_true(slots[0] != slots[1] && slots[1] != slots[2] && slots[0] != slots[2]);
	assert_int_equal(revision_slot(world.hub, "one"), slots[0]);
	assert_int_equal(revision_slot(world.hub, "two"), slots[1]);
	assert_int_equal(revision_slot(world.hub, "three"), slots[2]);
}

/* Each revision that changed sluice.yaml is older than the one that it is looked for from. */
static void a_history_that_goes_round(void **state)
{
	(void)state;
	rewrite("{\"since\": {}, \"before\": 2, \"wrote_main\": true}");
	world_run();
	alarm(20);
	assert_false(revision_main_was_written(world.hub, 1));
	alarm(0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_one_before_is_in_force),
		TEST(a_document_that_cannot_be_read),
		TEST(all_are_damaged),
		TEST(all_are_damaged_and_the_files_are_not_permitted),
		TEST(members_of_another_kind),
		TEST(slots_that_cannot_be),
		TEST(a_history_that_goes_round),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_damaged", tests, NULL, NULL);
}
