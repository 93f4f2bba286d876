/* SPDX-License-Identifier: Apache-2.0 */
/* Sites that go from one location to another, and what they own with them; and of two, one that gives way to the other. */
#include "bgp_lab.h"

#include "bgp/decide.h"

#define SITES   (TUNNELS / 2)
#define RIVAL   2 /* a site that waits for what others own */
#define A_WHILE (20 * MINUTE)

static struct bgp_neighbor told[TUNNELS]; /* what the hub has said last */

/* Both tunnels of the site. */
static void tell(uint32_t site)
{
	for (uint32_t t = 2 * site; t < 2 * site + 2; t++)
		change(&told[t]);
}

static void put(uint32_t site, uint32_t group)
{
	told[2 * site].group = told[2 * site + 1].group = group;
	tell(site);
}

/* 1 + the site that goes before this one; 0: none does. */
static void give_way(uint32_t site, uint16_t to)
{
	for (uint32_t t = 2 * site; t < 2 * site + 2; t++) {
		told[t].gives_way_to = to;
		told[t].draining = to;
	}
	tell(site);
}

static void say(uint32_t site, const char *text, bool present)
{
	announce(2 * site, text, present);
	announce(2 * site + 1, text, present);
	settle();
}

static void carry_site(uint32_t site, bool up)
{
	bgp_tunnel_set(lab.hub, 2 * site, up, lab.now);
	bgp_tunnel_set(lab.hub, 2 * site + 1, up, lab.now);
	settle();
}

static void begin(void)
{
	for (uint32_t t = 0; t < TUNNELS; t++) {
		join(t);
		told[t] = hub_neighbor(t);
	}
	pass(5 * CLOCK_SECOND);
}

/* -1: it leads nowhere, or nobody knows it. */
static int leads_to(const char *text)
{
	const struct rib_prefix *e = at(lab.hub, text);

	return !e || e->best_tunnel == RIB_NO_TUNNEL ? -1 : e->best_tunnel / TUNNELS_PER_SITE;
}

/* Where packets to it go. */
static int packets_go_to(const char *text)
{
	struct ip_prefix p = prefix(text);
	const struct rib_prefix *e = rib_find(&lab.hub->rib, &p);

	while (!e || e->best_tunnel == RIB_NO_TUNNEL) {
		e = rib_around(&lab.hub->rib, &p);
		if (!e)
			return -1;
		p = rib_prefix_of(e);
	}
	return e->best_tunnel / TUNNELS_PER_SITE;
}

/* At its first outage nobody gets what it has, and when it is back it has it again. */
static void outlasts_an_outage(uint32_t site, const char *text)
{
	pass(A_WHILE);
	assert_int_equal(leads_to(text), site);
	carry_site(site, false);
	pass(MINUTE);
	assert_int_equal(leads_to(text), -1);
	carry_site(site, true);
	pass(MINUTE);
	assert_int_equal(leads_to(text), site);
}

/* From site 0 to site 1, as `site migrate` does it. */
static void the_new_site_of_a_migration_owns(void **state)
{
	(void)state;
	begin();
	say(0, "10.1.0.0/16", true);
	say(RIVAL, "10.1.0.0/16", true);
	say(RIVAL, "10.1.7.0/24", true);
	put(1, 0);
	give_way(1, 1);
	say(1, "10.1.0.0/16", true);
	assert_int_equal(leads_to("10.1.0.0/16"), 0);
	give_way(1, 0);
	give_way(0, 2);
	settle();
	assert_int_equal(leads_to("10.1.0.0/16"), 1);
	bgp_neighbor_delete(lab.hub, 0, lab.now); /* finished */
	settle();
	bgp_neighbor_delete(lab.hub, 1, lab.now);
	settle();
	put(1, 1);
	settle();
	outlasts_an_outage(1, "10.1.0.0/16");
	assert_int_equal(at(lab.hub, "10.1.0.0/16")->owner_group, 1);
	assert_int_equal(leads_to("10.1.7.0/24"), -1);
}

/* Without a session, too: what is kept for it goes with it. */
static void what_is_held_goes_along(void **state)
{
	(void)state;
	begin();
	say(0, "10.1.0.0/16", true);
	say(RIVAL, "10.1.0.0/16", true);
	pass(A_WHILE);
	carry_site(0, false);
	assert_int_equal(lab.hub->held[0], 1);
	put(0, 7);
	pass(MINUTE);
	assert_int_equal(leads_to("10.1.0.0/16"), -1);
	assert_int_equal(lab.hub->held[0], 0);
	assert_int_equal(lab.hub->held[7], 1);
	carry_site(0, true);
	pass(MINUTE);
	assert_int_equal(leads_to("10.1.0.0/16"), 0);
	assert_int_equal(lab.hub->held[7], 0);
}

/* With its AS: another neighbour, whose session begins anew. */
static void another_as_and_another_group_at_once(void **state)
{
	(void)state;
	begin();
	say(0, "10.1.0.0/16", true);
	say(RIVAL, "10.1.0.0/16", true);
	pass(A_WHILE);
	told[0].remote_as = told[1].remote_as = 65099;
	put(0, 7);
	pass(MINUTE);
	assert_int_equal(leads_to("10.1.0.0/16"), -1); /* its device has the AS of before */
	told[0].remote_as = told[1].remote_as = site_as(0);
	put(0, 8);
	pass(MINUTE);
	assert_int_equal(leads_to("10.1.0.0/16"), 0);
}

/* Of a location that two sites share, one goes: with what leads to it, and nothing else. */
static void a_location_is_divided(void **state)
{
	(void)state;
	begin();
	put(1, 0);
	say(0, "10.1.0.0/16", true);
	say(1, "10.1.0.0/16", true);
	say(1, "10.2.0.0/16", true);
	say(RIVAL, "10.1.0.0/16", true);
	say(RIVAL, "10.2.0.0/16", true);
	assert_int_equal(leads_to("10.1.0.0/16"), 0);
	put(1, 7);
	settle();
	assert_int_equal(leads_to("10.1.0.0/16"), 0);
	assert_int_equal(leads_to("10.2.0.0/16"), 1);
	outlasts_an_outage(0, "10.1.0.0/16");
	outlasts_an_outage(1, "10.2.0.0/16");
}

/* Who has it by its AS is the owner when the one who was has gone for good. */
static void the_other_connection_of_an_as_inherits(void **state)
{
	(void)state;
	begin();
	bgp_free(lab.site[2]);
	bgp_free(lab.site[3]);
	lab.site[2] = lab.site[3] = NULL;
	for (uint32_t t = 2; t < 4; t++) {
		site_start(t, 90 + t);
		lab.site[t]->config.local_as = site_as(0);
		told[t].remote_as = site_as(0);
	}
	tell(1);
	pass(MINUTE);
	say(0, "10.1.0.0/16", true);
	say(1, "10.1.0.0/16", true);
	say(RIVAL, "10.1.0.0/16", true);
	pass(A_WHILE);
	bgp_neighbor_delete(lab.hub, 0, lab.now);
	bgp_neighbor_delete(lab.hub, 1, lab.now);
	settle();
	outlasts_an_outage(1, "10.1.0.0/16");
}

/* ---- whatever is done, in whatever order ---- */

static const char *const pool[] = {
	"10.1.0.0/16", "10.1.1.0/24", "10.1.1.128/25", "10.2.0.0/16", "fd00:1::/48"};

enum { POOL = sizeof(pool) / sizeof(pool[0]) };

static uint32_t dice;

static uint32_t roll(uint32_t sides)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % sides;
}

static bool is_inhabited(uint32_t group)
{
	for (uint32_t t = 0; t < TUNNELS; t++) {
		const struct bgp_neighbor *n = bgp_neighbor_get(lab.hub, t);

		if (n && n->group == group)
			return true;
	}
	return false;
}

/* Nothing belongs to a location that nobody is in, and what is held is counted. */
static void all_have_owners(void)
{
	uint32_t held[16] = {0};

	for (int f = 0; f < BGP_FAMILIES; f++) {
		const struct rib_table *t = &lab.hub->rib.table[f];

		for (uint32_t n = rib_after(t, t->ends); n; n = rib_after(t, n)) {
			const struct rib_prefix *e = rib_node(t, n);

			if (e->owned)
				assert_true(is_inhabited(e->owner_group));
			if (e->held)
				held[e->owner_group]++;
		}
	}
	for (uint32_t g = 0; g < 16; g++)
		assert_int_equal(lab.hub->held[g], held[g]);
}

/* To another group, another one's, or one with nobody in it: what led to a site leads into its group. */
static void move_one(void)
{
	uint32_t site = roll(SITES), group = roll(6);
	int before[POOL];

	for (int i = 0; i < POOL; i++)
		before[i] = leads_to(pool[i]);
	told[2 * site].group = group;
	told[2 * site + 1].group = group;
	change(&told[2 * site + roll(2)]); /* with a decision between its two messages, or none */
	if (roll(2))
		settle();
	tell(site);
	settle();
	for (int i = 0; i < POOL; i++) {
		int after = leads_to(pool[i]);

		assert_int_equal(after < 0, before[i] < 0 && after < 0);
		if (before[i] >= 0)
			assert_int_equal(told[2 * after].group, told[2 * before[i]].group);
	}
}

static void no_move_gives_anything_away(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 60; seed++) {
		dice = seed;
		lab_tear_down(NULL);
		lab_set_up(NULL);
		begin();
		for (int step = 0; step < 60; step++) {
			uint32_t what = roll(10), site = roll(SITES);

			if (what < 4)
				say(site, pool[roll(POOL)], roll(3));
			else if (what < 8)
				move_one();
			else
				carry_site(site, roll(2));
			if (!roll(3))
				pass(roll(20) * CLOCK_SECOND);
			all_have_owners();
		}
	}
}

/* ---- giving way ---- */

/* Everything that packets can go to, of what the old site has. */
static void all_go_to(int site)
{
	static const char *const hosts[] = {
		"10.1.9.0/24", "10.1.1.0/24", "10.1.1.7/32", "10.1.2.0/24", "10.1.2.3/32"};

	settle();
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		assert_int_equal(packets_go_to(hosts[i]), site);
}

/* Whichever of the two is more specific, and of which prefix: step by step all moves at once, there and back. */
static void a_longer_prefix_moves_with_all_others(void **state)
{
	(void)state;
	begin();
	say(0, "10.1.0.0/16", true);
	say(0, "10.1.2.0/24", true);
	say(RIVAL, "10.1.1.0/24", true); /* waits all the time */
	put(1, 0);
	give_way(1, 1);
	say(1, "10.1.1.0/24", true);
	all_go_to(0);
	assert_null(site_has(2 * RIVAL, "10.1.1.0/24"));
	say(1, "10.1.0.0/16", true);
	say(1, "10.1.1.128/25", true);
	say(1, "10.3.0.0/16", true); /* which the old one does not have */
	all_go_to(0);
	assert_int_equal(leads_to("10.3.0.0/16"), 1);
	give_way(1, 0);
	give_way(0, 2);
	all_go_to(1);
	assert_int_equal(leads_to("10.1.2.0/24"), -1);
	carry_site(1,
		false); /* where the new one cannot carry, the old one does, its longer ones too */
	all_go_to(0);
	assert_int_equal(leads_to("10.1.2.0/24"), 0);
	carry_site(1, true);
	pass(MINUTE);
	all_go_to(1);
	give_way(0, 0);
	give_way(1, 1);
	all_go_to(0);
	assert_int_equal(leads_to("10.1.1.0/24"), -1);
	say(0, "10.1.0.0/16", false); /* what the old one no longer has goes to the new one */
	assert_int_equal(packets_go_to("10.1.1.0/24"), 1);
	assert_int_equal(packets_go_to("10.1.2.0/24"), 0);
}

/* A default route is not what lies around. */
static void nobody_gives_way_to_a_default_route(void **state)
{
	(void)state;
	begin();
	told[2].allow_default = told[3].allow_default = true;
	put(1, 0);
	say(0, "10.1.0.0/16", true);
	say(1, "0.0.0.0/0", true);
	give_way(0, 2);
	settle();
	assert_int_equal(leads_to("10.1.0.0/16"), 0);
}

static unsigned int given; /* of the paths that are asked about */

static void count_given(void *context, const struct bgp_path_view *v)
{
	(void)context;
	given += v->fate == PATH_GIVES_WAY;
}

static void who_asks_is_told(void **state)
{
	const struct ip_prefix p = prefix("10.1.1.0/24");

	(void)state;
	begin();
	say(0, "10.1.0.0/16", true);
	put(1, 0);
	give_way(1, 1);
	say(1, "10.1.1.0/24", true);
	bgp_explain(lab.hub, &p, count_given, NULL);
	assert_int_equal(given, 2);
	assert_int_equal(lab.hub->peers[2]->rib.kept_out, 0); /* nothing is wrong with it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(the_new_site_of_a_migration_owns),
		lab_test(what_is_held_goes_along),
		lab_test(another_as_and_another_group_at_once),
		lab_test(a_location_is_divided),
		lab_test(the_other_connection_of_an_as_inherits),
		lab_test(no_move_gives_anything_away),
		lab_test(a_longer_prefix_moves_with_all_others),
		lab_test(nobody_gives_way_to_a_default_route),
		lab_test(who_asks_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
