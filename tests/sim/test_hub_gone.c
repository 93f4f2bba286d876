/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of somebody at the control socket when he, or the api process, has gone. */
#include "hub_world.h"

static int setup(void **state)
{
	(void)state;
	world_begin("", WORLD_SITE("one", "1", ""));
	return 0;
}

/* api ends a connection after API_CLIENT_TOTAL_S: where it does not say so, its number means nothing all the same. */
static void a_number_has_its_time(void **state)
{
	uint64_t now = clock_now(), life = API_CLIENT_TOTAL_S * CLOCK_SECOND;
	uint32_t number;
	int fd;

	(void)state;
	number = world_connect(&fd);
	assert_non_null(hub_client_who(world.hub, number, now + life));
	assert_null(hub_client_who(world.hub, number, now + life + 20 * CLOCK_SECOND));
	assert_null(hub_client_who(world.hub, number, now));
	close(fd);
}

/* The next api process counts its requests from 1 again. */
static void a_change_ends_with_the_process_that_asked(void **state)
{
	struct imsg_api_request r = {.id = 1, .verb = API_APPLY, .tunnel = -1};
	struct asker who = {.who.uid = getuid()};

	(void)state;
	assert_true(hub_audit_begin(world.hub, &r, &who));
	assert_true(hub_audit_is_open(world.hub, 1));
	world_end(PROCESS_API, 10 * CLOCK_SECOND);
	world_start(PROCESS_API);
	assert_false(hub_audit_is_open(world.hub, 1));
}

/* What bgp answers then is not for whoever has the same number in the next process. */
static void a_question_ends_with_the_process_that_asked(void **state)
{
	struct imsg_api_request r = {.id = 1, .verb = API_SHOW_BGP, .tunnel = -1};
	struct imsg_bgp_answer answer = {.last = true};
	const struct imsg_bgp_query *query;
	int fd;

	(void)state;
	for (int i = 0; i < 2 * BGP_QUERIES_MAX; i++) {
		r.client = world_connect(&fd);
		world_forget();
		imsg_send(world.children[PROCESS_API], IMSG_API_REQUEST, -1, &r, sizeof(r));
		world_turn();
		query = world_told(PROCESS_BGP, IMSG_BGP_QUERY, -1);
		assert_non_null(query);
		answer.id = query->id;
		world_end(PROCESS_API, 10 * CLOCK_SECOND);
		world_start(PROCESS_API);
		world_forget();
		imsg_send(
			world.children[PROCESS_BGP], IMSG_BGP_ANSWER, -1, &answer, sizeof(answer));
		world_turn();
		assert_int_equal(world_count(PROCESS_API, IMSG_API_REPLY), 0);
		close(fd);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_number_has_its_time),
		TEST(a_change_ends_with_the_process_that_asked),
		TEST(a_question_ends_with_the_process_that_asked),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_gone", tests, NULL, NULL);
}
