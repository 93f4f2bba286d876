/* SPDX-License-Identifier: Apache-2.0 */
/* What sites have in a minute: counted from second to second, kept until watch has it, and summed up for who may see it. */
#include "api_world.h"

#include "hub/api/sums.h"
#include "hub/event/event.h"

static uint64_t wall_s; /* of the minute that is under way */

static void watch_opens(void)
{
	const struct imsg_watch_open opened = {0};

	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_OPEN, -1, &opened, sizeof(opened));
	world_turn();
}

static int begin(void **state)
{
	if (setup(state))
		return -1;
	wall_s = UINT64_C(1790000000) / 60 * 60;
	return 0;
}

/* A second passes, in which a site gets so many bytes from the device and loses as many packets. */
static void second(uint64_t at_s, uint32_t slot, uint64_t bytes, uint64_t lost)
{
	struct site_stats *s = &fake.site_stats[SLUICE_IN][slot];

	s->offered.packets += 1 + lost;
	s->offered.bytes += bytes + 100 * lost;
	s->delivered.packets++;
	s->delivered.bytes += bytes;
	s->mtu.packets += lost;
	s->mtu.bytes += 100 * lost;
	hub_sample(world.hub);
	hub_minutes_look(world.hub, at_s * CLOCK_SECOND);
	world_turn();
}

static void a_minute_is_told_when_it_is_over(void **state)
{
	const struct imsg_watch_sample *m;
	uint32_t slot = world_site("one")->slot;

	(void)state;
	watch_opens();
	world_site("one")->tunnels[1].open = true;
	second(wall_s, slot, 0, 0); /* what was there before counts for nothing */
	world_forget();
	fake.tunnel_stats[tunnel_number(world_site("one"), 1)].in = (struct traffic){7, 700};
	for (int i = 1; i < 60; i++)
		second(wall_s + (uint64_t)i, slot, 1000, i == 30 ? 5 : 0);
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_SAMPLE), 0);
	second(wall_s + 60, slot, 1000, 0);
	m = world_sample("one");
	assert_non_null(m);
	assert_int_equal(m->sample.at_s, wall_s);
	assert_int_equal(m->sample.v[SAMPLE_DELIVERED], 59 * 1000);
	assert_int_equal(m->sample.v[SAMPLE_OFFERED], 59 * 1000 + 500);
	assert_int_equal(m->sample.v[SAMPLE_DROPPED], 500);
	assert_int_equal(m->sample.v[SAMPLE_WORST_AT], wall_s + 30);
	assert_int_equal(m->sample.v[SAMPLE_UP], 0);
	assert_int_equal(m->sample.v[SAMPLE_UP + 1], 60);
	assert_int_equal(m->sample.covered_s, 60);
	assert_int_equal(m->sample.v[SAMPLE_OF_TUNNEL(SAMPLE_BYTES, 1, SLUICE_IN)], 700);
	assert_int_equal(m->sample.v[SAMPLE_OF_TUNNEL(SAMPLE_PACKETS, 1, SLUICE_IN)], 7);
	m = world_sample("");
	assert_non_null(m);
	assert_int_equal(m->sample.v[SAMPLE_DELIVERED], 59 * 1000);
	assert_non_null(world_sample("two"));
	/* The next one begins with nothing. */
	second(wall_s + 120, slot, 0, 0);
	m = world_sample("one");
	assert_int_equal(m->sample.at_s, wall_s + 60);
	assert_int_equal(m->sample.v[SAMPLE_DELIVERED], 1000);
	assert_int_equal(m->sample.v[SAMPLE_OF_TUNNEL(SAMPLE_BYTES, 1, SLUICE_IN)], 0);
}

/* Whoever may see the new group has not to see what was before. */
static void a_group_begins_anew(void **state)
{
	struct site *one = world_site("one");
	struct site_conf conf = one->conf;
	const struct imsg_watch_sample *m;
	struct traffic *in = &fake.tunnel_stats[tunnel_number(one, 0)].in;

	(void)state;
	watch_opens();
	for (uint64_t i = 0; i < 20; i++)
		second(wall_s + i, one->slot, 1000, 0);
	*in = (struct traffic){7, 700};
	strcpy(conf.group, "other");
	hub_site_change(world.hub, one, &conf);
	assert_int_equal(history_since(one->history, SLUICE_IN, 0, clock_now()).offered, 0);
	assert_int_equal(site_counted(one, SLUICE_IN).offered.bytes, 0);
	assert_int_equal(tunnel_counted(one, 0).in.bytes, 0);
	world_forget();
	for (uint64_t i = 20; i < 60; i++)
		second(wall_s + i, one->slot, 10, 0);
	*in = (struct traffic){8, 701};
	second(wall_s + 60, one->slot, 0, 0);
	m = world_sample("one");
	assert_string_equal(m->group, "other");
	assert_int_equal(m->sample.at_s, wall_s);
	assert_int_equal(m->sample.covered_s, 40);
	assert_int_equal(m->sample.v[SAMPLE_OFFERED], 40 * 10);
	assert_int_equal(m->sample.v[SAMPLE_OF_TUNNEL(SAMPLE_BYTES, 0, SLUICE_IN)], 1);
	m = NULL;
	for (size_t i = 0; !m && i < world.heard_count; i++) {
		if (world.heard[i].type == IMSG_SAMPLE)
			m = world.heard[i].payload;
	}
	assert_non_null(m);
	assert_string_equal(m->site, "one");
	assert_string_equal(m->group, "");
	assert_int_equal(m->sample.at_s, wall_s);
	assert_int_equal(m->sample.covered_s, 20);
	assert_int_equal(m->sample.v[SAMPLE_OFFERED], 20 * 1000);
}

static void minutes_wait_for_watch(void **state)
{
	const struct imsg_watch_sampled two = {2}, many = {4711};
	unsigned int count;

	(void)state;
	second(wall_s, 0, 0, 0);
	second(wall_s + 60, 0, 0, 0);
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_SAMPLE), 0); /* it has no file yet */
	watch_opens();
	count = world_count(PROCESS_WATCH, IMSG_SAMPLE);
	assert_int_equal(count, 4); /* three sites and the hub */
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_SAMPLED, -1, &two, sizeof(two));
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_SAMPLED, -1, &many, sizeof(many));
	world_turn();
	world_end(PROCESS_WATCH, 10 * CLOCK_SECOND);
	second(wall_s + 120, 0, 0, 0);
	world_start(PROCESS_WATCH);
	world_forget();
	watch_opens();
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_SAMPLE), 2 + 4);
	/* For hours: the oldest is lost, and memory has its bound. */
	world_end(PROCESS_WATCH, 10 * CLOCK_SECOND);
	for (uint64_t i = 3; i < 1000; i++)
		second(wall_s + 60 * i, 0, 0, 0);
	world_start(PROCESS_WATCH);
	world_forget();
	watch_opens();
	assert_int_equal(world_count(PROCESS_WATCH, IMSG_SAMPLE), 1024);
	assert_int_equal(world_sample("one")->sample.at_s, wall_s + 60 * 998);
}

static void watch_sums(uint32_t query, const char *site, uint64_t covered_s)
{
	struct imsg_watch_sum m = {.query = query, .step_s = 60, .covered_s = covered_s};

	strcpy(m.site, site);
	m.sum.v[SAMPLE_DELIVERED] = 125 * covered_s;
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_SUM, -1, &m, sizeof(m));
	world_turn();
}

static json_t *ends(uint32_t query, bool failed)
{
	const struct imsg_watch_end end = {.query = query, .failed = failed};
	const struct imsg_api_reply *reply;

	world_forget();
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_END, -1, &end, sizeof(end));
	world_turn();
	reply = world_told(PROCESS_API, IMSG_API_REPLY, -1);
	return reply ? json_loadb((const char *)(reply + 1), reply->len, 0, NULL) : NULL;
}

static const struct imsg_watch_sum_query *question(struct imsg_api_request r)
{
	r.tunnel = -1;
	assert_null(asks(r));
	return world_told(PROCESS_WATCH, IMSG_WATCH_SUM_QUERY, -1);
}

static void a_long_report_is_watchs(void **state)
{
	struct imsg_api_request r = {.verb = API_REPORT, .since_s = 30 * 86400};
	const struct imsg_watch_sum_query *q;
	json_t *document, *sites;
	uint32_t id;

	(void)state;
	q = question(r);
	assert_non_null(q);
	assert_int_equal(q->sites, 3);
	assert_int_equal(q->to_s - q->from_s, 30 * 86400);
	id = q->id;
	watch_sums(id, "one", 86400);
	watch_sums(id, "nobody", 86400); /* as one in somebody's hands may say */
	watch_sums(id, "two", UINT64_MAX);
	watch_sums(id, "two", 0);
	watch_sums(id + 7, "two", 60);
	document = ends(id, false);
	sites = json_object_get(document, "sites");
	assert_int_equal(json_array_size(sites), 1);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(json_array_get(sites, 0), "in"), "delivered_bps")),
		1000);
	json_decref(document);
	assert_null(ends(id, false));
	/* Of one site, and of a day from memory as before. */
	strcpy(r.site, "two");
	assert_int_equal(question(r)->sites, 1);
	document = ends(((const struct imsg_watch_sum_query *)world_told(
				 PROCESS_WATCH, IMSG_WATCH_SUM_QUERY, -1))
				->id,
		true);
	assert_string_equal(json_string_value(json_object_get(document, "code")), "failed");
	json_decref(document);
	r.since_s = 86400;
	r.tunnel = -1;
	document = asked(r);
	assert_non_null(document);
	json_decref(document);
}

static void a_graph_has_its_points(void **state)
{
	struct imsg_api_request r = {.verb = API_GRAPH, .site = "one"};
	struct imsg_watch_points points = {0};
	json_t *document;

	(void)state;
	points.query = question(r)->id;
	points.count = WATCH_POINTS_MAX + 1;
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_POINTS, -1, &points, sizeof(points));
	points.count = 96;
	points.points[3].covered_s = 60;
	points.points[3].delivered[1] = 7500;
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_POINTS, -1, &points, sizeof(points));
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_POINTS, -1, &points, sizeof(points));
	world_turn();
	document = ends(points.query, false);
	assert_int_equal(json_array_size(json_object_get(document, "points")), 96);
	assert_int_equal(
		json_integer_value(json_object_get(
			json_object_get(
				json_array_get(json_object_get(document, "points"), 3), "out"),
			"delivered_bps")),
		1000);
	json_decref(document);
	/* A short time has a point for each minute, and no holes. */
	for (uint32_t since = 30; since < 7200; since += 177) {
		const struct imsg_watch_sum_query *q;

		r.since_s = since;
		q = question(r);
		assert_non_null(q);
		assert_in_range(q->points, 1, 96);
		assert_true(q->points == 1 || since / q->points >= 60);
		assert_true(q->points == 96 || since / (q->points + 1) < 60);
		document = ends(q->id, false);
		assert_non_null(document);
		json_decref(document);
	}
	r.since_s = 0;
	/* Nothing is known of it. */
	document = ends(question(r)->id, false);
	assert_non_null(document);
	json_decref(document);
}

#define MINUTE_TEST(f) cmocka_unit_test_setup_teardown(f, begin, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		MINUTE_TEST(a_minute_is_told_when_it_is_over),
		MINUTE_TEST(a_group_begins_anew),
		MINUTE_TEST(minutes_wait_for_watch),
		MINUTE_TEST(a_long_report_is_watchs),
		MINUTE_TEST(a_graph_has_its_points),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_minutes", tests, NULL, NULL);
}
