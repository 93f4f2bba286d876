/* SPDX-License-Identifier: Apache-2.0 */
/* Children of hub come, report and go: what is told to whom, and what becomes of tunnels and routes. */
#include "hub_world.h"

#define SITES WORLD_SITE("one", "1", "") WORLD_SITE("two", "2", "")

static int setup(void **state)
{
	(void)state;
	world_begin("", SITES);
	return 0;
}

static void a_child_is_told_all_it_must_know(void **state)
{
	(void)state;
	assert_true(world.hub->started);
	for (int role = 0; role < PROCESS_ROLES; role++)
		assert_int_equal(world_count((enum process_role)role, IMSG_START), 1);
	for (int t = 0; t < 4; t++) {
		assert_non_null(world_told(PROCESS_DATA, IMSG_DATA_TUNNEL, t));
		assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, t));
		assert_non_null(world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, t));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_child_is_told_all_it_must_know, setup, world_finish),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_life", tests, NULL, NULL);
}
