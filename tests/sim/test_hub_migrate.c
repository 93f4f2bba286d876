/* SPDX-License-Identifier: Apache-2.0 */
/* From one site to another beside it, step by step, and back: what is said by documents, to bgp and to people. */
#include "site_world.h"

#include "hub/site/admin.h"
#include "plan/migration.h"

#define SHIFT_ON "takes_over_now: true"

static struct imsg_api_request migrate(const char *step)
{
	struct imsg_api_request r = {.verb = API_SITE_MIGRATE};

	snprintf(r.new, sizeof(r.new), "new");
	snprintf(r.step, sizeof(r.step), "%s", step);
	snprintf(r.allow, sizeof(r.allow),
		"tunnel"); /* these tunnels have negotiated nothing that could stay */
	return r;
}

static uint32_t tunnel_of(const char *site)
{
	return tunnel_number(world_site(site), 0);
}

static int begins_with_two(void **state)
{
	if (begins(state))
		return -1;
	done(CREATE, "old", "{\"prefixes\": [\"10.1.0.0/16\"]}");
	done(CREATE, "new", NULL);
	for (int i = 0; i < 2; i++) {
		uint32_t tunnel = tunnel_of(i ? "new" : "old");

		world_tunnel(tunnel, TUNNEL_UP);
		world_session(tunnel, BGP_ESTABLISHED);
	}
	world_route(tunnel_of("old"), "10.1.0.0/16");
	return 0;
}

static struct bgp_neighbor told_of(const char *site)
{
	const struct imsg_bgp_neighbor *n =
		world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, (int)tunnel_of(site));

	assert_non_null(n);
	return n->conf;
}

static void stands_back(const char *who)
{
	struct bgp_neighbor old = told_of("old"), new = told_of("new");

	assert_int_equal(old.group == new.group, who != NULL);
	assert_int_equal(old.draining, who && !strcmp(who, "old"));
	assert_int_equal(new.draining, who && !strcmp(who, "new"));
	assert_int_equal(old.gives_way_to, old.draining ? world_site("new")->slot + 1 : 0);
	assert_int_equal(new.gives_way_to, new.draining ? world_site("old")->slot + 1 : 0);
}

static void is_at(const char *state, uint32_t old_prefixes, uint32_t new_prefixes)
{
	struct imsg_api_request r = {.verb = API_SITE_MIGRATION, .new = "new"};
	json_t *o = does(r, "old", NULL);

	assert_string_equal(json_string_value(json_object_get(o, "state")), state);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "old"), "prefixes")),
		old_prefixes);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(o, "new"), "prefixes")),
		new_prefixes);
	assert_int_equal(json_array_size(json_object_get(o, "steps")), 4);
	json_decref(o);
}

static void there_and_to_the_end(void **state)
{
	uint32_t old_slot = world_site("old")->slot;

	(void)state;
	is_at("not begun", 1, 0);
	refused(migrate("shift"), "old", NULL, "refused", "it is not begun; the step before");
	refused(migrate("finish"), "old", NULL, "refused", "it is not begun; the step before");
	refused(migrate("back"), "old", NULL, "refused", "it is not begun");
	done(migrate("prepare"), "old", NULL);
	has("sites/new.yaml", "takes_over: old");
	stands_back("new");
	is_at("prepared", 1, 0);
	refused(migrate("finish"), "old", NULL, "refused", "it is prepared only");
	refused(DELETE, "old", NULL, "invalid-configuration", "there is no site 'old'");

	done(migrate("shift"), "old", NULL);
	has("sites/new.yaml", SHIFT_ON);
	stands_back("old");
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL), 0);
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_NEIGHBOR_DEL), 0);
	refused(migrate("finish"), "old", NULL, "refused",
		"prefixes lead to site 'old' still (1, such as 10.1.0.0/16)");
	world_route(tunnel_of("new"), "10.1.0.0/16"); /* it announces it, and is believed */
	is_at("shifted", 0, 1);
	assert_true(world_routed("10.1.0.0/16"));

	done(migrate("finish"), "old", NULL);
	assert_null(site_find(&world.hub->model, "old"));
	assert_null(content("sites/old.yaml"));
	assert_null(strstr(content("sites/new.yaml"), "takes_over"));
	has("sites/new.yaml", "10.1.0.0/16"); /* what was declared as the old one's is its own */
	assert_int_not_equal(world_site("new")->group, old_slot);
	assert_true(world_routed("10.1.0.0/16"));
	assert_true(world_state(tunnel_of("new"))->open);
	done(((struct imsg_api_request){.verb = API_ROLLBACK, .revisions = {2}}), "", NULL);
}

static void each_step_goes_back(void **state)
{
	char *before;

	(void)state;
	before = strdup(content("sites/new.yaml"));
	done(migrate("prepare"), "old", NULL);
	done(migrate("shift"), "old", NULL);
	again(); /* where it stands is in the documents */
	assert_true(world_site("new")->conf.takes_over_now);
	assert_int_equal(world_site("new")->group, world_site("old")->group);
	done(migrate("back"), "old", NULL);
	stands_back("new");
	done(migrate("back"), "old", NULL);
	stands_back(NULL);
	assert_string_equal(content("sites/new.yaml"), before);
	free(before);
}

/* What the plan says of each step is what `site migration` says that it ends. */
static void what_is_said_beforehand(void **state)
{
	struct imsg_api_request r = migrate("prepare");
	json_t *plan;

	(void)state;
	r.dry_run = true;
	plan = does(r, "old", NULL);
	assert_int_equal(json_array_size(json_object_get(plan, "changes")), 1);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(plan, "changes"), 0), "effect")),
		"none");
	json_decref(plan);
	is_at("not begun", 1, 0);
	done(migrate("prepare"), "old", NULL);
	done(migrate("shift"), "old", NULL);
	r = migrate("finish");
	r.force = true;
	r.allow[0] = '\0';
	plan = not_done(r, "old", NULL, "exceeds-allowed", "the effect would be 'tunnel'");
	json_decref(plan);
	r = migrate("finish");
	r.force = true; /* what is left is lost, and that is known */
	done(r, "old", NULL);
	assert_null(site_find(&world.hub->model, "old"));
}

static void what_is_refused(void **state)
{
	struct imsg_api_request r = migrate("prepare");

	(void)state;
	refused(migrate("leap"), "old", NULL, "bad-request", "prepare, shift, finish or back");
	snprintf(r.new, sizeof(r.new), "old");
	refused(r, "old", NULL, "no-such-site", "cannot take over itself");
	snprintf(r.new, sizeof(r.new), "none");
	refused(r, "old", NULL, "no-such-site", "'none'");
	snprintf(r.new, sizeof(r.new), "one"); /* it stands in sluice.yaml */
	refused(r, "old", NULL, "in-sluice-yaml", "`sluice site adopt one`");
	done(migrate("prepare"), "old", NULL);
	world_tunnel(tunnel_of("new"), TUNNEL_DOWN);
	refused(migrate("shift"), "old", NULL, "refused", "no tunnel of site 'new' carries");
}

/* What only one place may have: both have it as long as one takes over the other, so that this has to end first. */
static void static_routes_go_back_when_they_are_not_shared(void **state)
{
	struct imsg_api_request r = {.verb = API_SITE_MIGRATION, .new = "new-fixed"};
	json_t *o, *back;

	(void)state;
	done(CREATE, "fixed",
		"{\"class\": \"gateway\", \"routing\": \"static\", \"static_routes\": "
		"[\"10.9.0.0/16\"]}");
	done(CREATE, "new-fixed",
		"{\"class\": \"gateway\", \"routing\": \"static\", \"takes_over\": \"fixed\", "
		"\"static_routes\": [\"10.9.0.0/16\", \"10.9.1.0/24\"]}");
	o = does(r, "fixed", NULL);
	back = json_array_get(json_object_get(o, "steps"), MIGRATION_BACK);
	assert_false(json_is_true(json_object_get(back, "possible")));
	assert_non_null(strstr(json_string_value(json_object_get(back, "why")), "10.9.0.0/16"));
	json_decref(o);
	r = migrate("back");
	snprintf(r.new, sizeof(r.new), "new-fixed");
	refused(r, "fixed", NULL, "refused", "both sites have 10.9.0.0/16");
	done(SET, "new-fixed", "{\"static_routes\": [\"10.9.1.0/24\"]}");
	done(r, "fixed", NULL);
	assert_string_equal(world_site("new-fixed")->conf.takes_over, "");
}

/* What is declared is no different; in a group both may have it. */
static void declared_prefixes_go_back_when_they_are_not_shared(void **state)
{
	struct imsg_api_request set = SET;

	(void)state;
	snprintf(set.allow, sizeof(set.allow), "bgp-session");
	done(migrate("prepare"), "old", NULL);
	done(set, "new", "{\"prefixes\": [\"10.1.2.0/24\"]}");
	refused(migrate("back"), "old", NULL, "refused", "both sites have 10.1.0.0/16");
	done(set, "old", "{\"group\": \"g\"}");
	done(set, "new", "{\"group\": \"g\"}");
	done(migrate("back"), "old", NULL);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begins_with_two, ends)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(there_and_to_the_end),
		TEST(each_step_goes_back),
		TEST(what_is_said_beforehand),
		TEST(what_is_refused),
		TEST(static_routes_go_back_when_they_are_not_shared),
		TEST(declared_prefixes_go_back_when_they_are_not_shared),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_migrate", tests, NULL, NULL);
}
