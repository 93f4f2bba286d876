/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hub that runs gets another value of one option: what it tells its children of the tunnel is what the option's
 * row says (config/effect.h). What ike makes of its part is seen in test_plan_ike.c.
 */
#include "hub_world.h"

#include "../option_samples.h"
#include "hub/live.h"
#include "hub/site/admin.h"

#define ONE WORLD_SITE("one", "1", "    class: gateway\n")
#define TWO WORLD_SITE("two", "2", "")

static int setup(void **state)
{
	(void)state;
	world_begin("", ONE TWO);
	for (uint32_t t = 0; t < 4; t++) {
		world_tunnel(t, TUNNEL_UP);
		world_session(t, BGP_ESTABLISHED);
	}
	world_forget();
	return 0;
}

static struct bgp_neighbor neighbor(void)
{
	const struct imsg_bgp_neighbor *n = world_told(PROCESS_BGP, IMSG_BGP_NEIGHBOR, 0);

	assert_non_null(n);
	return n->conf;
}

static void change(const struct site_conf *conf)
{
	world_forget();
	hub_site_change(world.hub, world_site("one"), conf);
	hub_sites_settle(world.hub, SETTLE_ALL);
	world_turn();
}

/* `object`: what has the option in `conf`, which is of a site that is about to change; an option of so many tunnels. */
static void check(
	const struct walk_field *f, struct site_conf *conf, void *object, unsigned int tunnels)
{
	struct site_conf before = world_site("one")->conf;
	unsigned int replaced = f->effect == CHANGE_TUNNEL ? tunnels : 0;
	char present[4096], text[4096];
	struct bgp_neighbor was, is;

	if (!walk_write(f, object, present, sizeof(present)) || f->effect == CHANGE_SITE ||
		!strcmp(f->key, "name"))
		return; /* it is no value, or is refused, or makes another site */
	change(&before);
	was = neighbor();
	option_other_value(f, present, text, sizeof(text));
	assert_true(walk_text(f, text, object));
	change(conf);
	is = neighbor();

	if (world_count(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL) != replaced)
		fail_msg("%s: the tunnel %s", f->key, replaced ? "stays" : "is replaced");
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_NEIGHBOR_DEL), replaced);
	if (!replaced && bgp_neighbor_is_other(&was, &is) != (f->effect == CHANGE_SESSION))
		fail_msg("%s: its session %s", f->key,
			f->effect == CHANGE_SESSION ? "stays" : "is interrupted");
	change(&before);
}

static void hub_does_as_the_row_of_a_site_says(void **state)
{
	(void)state;
	for (const struct walk_field *f = options_site; f->key; f++) {
		struct site_conf conf = world_site("one")->conf;

		check(f, &conf, &conf, TUNNELS_PER_SITE);
	}
}

static void hub_does_as_the_row_of_a_tunnel_says(void **state)
{
	(void)state;
	for (const struct walk_field *f = options_tunnel; f->key; f++) {
		struct site_conf conf = world_site("one")->conf;

		check(f, &conf, &conf.tunnels[0], 1);
	}
}

/* What the data process and bgp are told at their start only. */
struct start {
	struct imsg_data_conf data;
	struct imsg_bgp_conf bgp;
};

static struct start start_with(struct config *config)
{
	struct config *present = world.hub->config;
	struct start s;

	world_forget();
	world.hub->config = config;
	child_start(world.hub, &world.hub->processes[PROCESS_DATA]);
	child_start(world.hub, &world.hub->processes[PROCESS_BGP]);
	world.hub->config = present;
	world_turn();
	memcpy(&s.data, world_told(PROCESS_DATA, IMSG_DATA_CONF, -1), sizeof(s.data));
	memcpy(&s.bgp, world_told(PROCESS_BGP, IMSG_BGP_CONF, -1), sizeof(s.bgp));
	return s;
}

/* The last that they were told since world_forget(), or before. */
static void hear_configured(struct start *s)
{
	const void *data = world_told(PROCESS_DATA, IMSG_DATA_CONF, -1);
	const void *bgp = world_told(PROCESS_BGP, IMSG_BGP_CONF, -1);

	if (data)
		memcpy(&s->data, data, sizeof(s->data));
	if (bgp)
		memcpy(&s->bgp, bgp, sizeof(s->bgp));
}

/* A hub that runs gets `changed`: what was told `before` is what is told at a start `after` it. */
static void check_live(const struct walk_field *f, struct config *changed,
	const struct start *before, const struct start *after)
{
	const struct concentrator_conf *c = &changed->concentrator;
	struct config *present = world.hub->config;
	struct start told = *before;

	world_forget();
	world.hub->config = changed;
	hub_live_change(world.hub, &present->concentrator, NULL);
	world_turn();
	hear_configured(&told);
	if (memcmp(&told, after, sizeof(told)) != 0)
		fail_msg("%s is told at a start only", f->key);
	assert_int_equal(fake.live.sites_apart, !c->site_to_site);
	assert_int_equal(fake.live.outside_forwarding, c->outside_forwarding);
	assert_memory_equal(&fake.live.packets, &c->packets, sizeof(c->packets));
	for (int i = 0; i < 2; i++)
		assert_int_equal(fake.devices[i].closed, !c->outside_forwarding);
	world.hub->config = present;
	hub_live_change(world.hub, c, NULL);
}

static void what_is_told_at_a_start_is_told_when_it_changes(void **state)
{
	struct start before = start_with(world.hub->config);

	(void)state;
	for (const struct walk_field *f = options_concentrator; f->key; f++) {
		struct config *changed = malloc(sizeof(*changed));
		char present[4096], text[4096];
		struct start after;

		memcpy(changed, world.hub->config, sizeof(*changed));
		assert_true(walk_write(f, &changed->concentrator, present, sizeof(present)));
		option_other_value(f, present, text, sizeof(text));
		assert_true(walk_text(f, text, &changed->concentrator));
		after = start_with(changed);
		changed->concentrator.router_id_follows = false;
		/* What is opened beforehand: see test_hub_live.c and test_hub_endpoints.c. */
		if (f->effect != CHANGE_RESTART && strcmp(f->key, "metrics") &&
			strcmp(f->key, "api") && strcmp(f->key, "endpoints"))
			check_live(f, changed, &before, &after);
		free(changed);
	}
}

/* Slots are numbers of one run, by which SPIs and maps know a site: whatever the order of the file, it keeps its own. */
static void another_order_of_sites_interrupts_nothing(void **state)
{
	uint32_t one = world_site("one")->slot, two = world_site("two")->slot;

	(void)state;
	world_configure("", TWO ONE);
	world_apply();
	assert_true(world.applied.ok);
	assert_non_null(strstr(
		world.applied.summary, ": 0 sites added, 0 changed, 0 removed, 2 untouched"));
	assert_int_equal(world_site("one")->slot, one);
	assert_int_equal(world_site("two")->slot, two);
	assert_string_equal(world_letters(), "");
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL), 0);
	assert_int_equal(world_count(PROCESS_BGP, IMSG_BGP_NEIGHBOR_DEL), 0);
	for (uint32_t t = 0; t < 4; t++)
		assert_true(world_state(t)->open && fake.tunnels[t].up);
}

/* What outlives the daemon knows sites by their names. */
static void nor_does_it_when_the_daemon_starts_again(void **state)
{
	(void)state;
	assert_null(admin_drain(world.hub, world_site("one"), 1));
	world_stop();
	world_configure("", TWO ONE);
	world_run();
	assert_true(world_site("one")->tunnels[1].draining);
	assert_false(world_site("two")->tunnels[1].draining);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(hub_does_as_the_row_of_a_site_says),
		TEST(hub_does_as_the_row_of_a_tunnel_says),
		TEST(what_is_told_at_a_start_is_told_when_it_changes),
		TEST(another_order_of_sites_interrupts_nothing),
		TEST(nor_does_it_when_the_daemon_starts_again),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_effects", tests, NULL, NULL);
}
