/* SPDX-License-Identifier: Apache-2.0 */
/* What sites may not announce is not used, not told to others, and people hear of it once. */
#include "bgp_lab.h"

#include "bgp/decide.h"
#include "bgp/reserved.h"

static struct {
	unsigned int count;
	struct bgp_effect_event last;
	uint32_t tunnels; /* bits */
} events;

/* Only those about the prefix that say something. */
static void keep_event(const struct bgp_effect *e)
{
	if (e->event.status < BGP_EVENT_ADVERTISED || !e->event.details[0])
		return;
	events.count++;
	events.last = e->event;
	events.tunnels |= 1u << e->tunnel;
}

static void start_sites(void)
{
	memset(&events, 0, sizeof(events));
	for (uint32_t t = 0; t < TUNNELS; t++)
		join(t);
	pass(5 * CLOCK_SECOND);
	lab.on_event = keep_event;
}

static void reserve(const char *outside, const char *connected)
{
	struct reserved r = {0};
	struct ip_prefix p;

	if (outside) {
		p = prefix(outside);
		assert_true(reserved_add(&r, RESERVED_OUTSIDE, &p));
	}
	if (connected) {
		p = prefix(connected);
		assert_true(reserved_add(&r, RESERVED_CONNECTED, &p));
	}
	reserved_sort(&r);
	bgp_reserved_set(lab.hub, &r);
	assert_int_equal(reserved_count(&r), 0);
	reserved_fini(&r);
}

/* How many tunnels of other sites hear of it. */
static unsigned int told(const char *text)
{
	unsigned int n = 0;

	for (uint32_t t = 2; t < TUNNELS; t++)
		n += site_has(t, text) != NULL;
	return n;
}

static void what_is_reserved_is_not_told(void **state)
{
	static const char *const refused[] = {"198.51.100.0/24", "198.51.100.1/32",
		"192.168.77.5/32", "192.168.77.0/24", "240.1.0.0/16"};

	(void)state;
	reserve("198.51.100.1/32", "192.168.77.0/24");
	start_sites();
	announce(0, "10.1.0.0/24", true);
	announce(0, "192.168.0.0/16", true);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		announce(0, refused[i], true);
	pass(CLOCK_SECOND);
	assert_int_equal(told("10.1.0.0/24"), 4);
	assert_int_equal(told("192.168.0.0/16"), 4);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(told(refused[i]), 0);
		assert_false(hub_has(refused[i], 0));
	}
	assert_int_equal(events.count, 5);
	assert_int_equal(lab.hub_state[0].counts.denied, 5);
}

/* Addresses come and go: what was learned before is judged again, said once, and comes back. */
static void what_becomes_reserved_is_withdrawn(void **state)
{
	static const struct {
		const char *outside, *connected, *why;
	} facts[] = {
		{"20.1.2.3/32", NULL,
			"it is not used: it covers an outside address of the hub or of a site: "
			"outer packets would go astray, or fail the kernel's reverse path check"},
		{NULL, "20.1.0.0/16",
			"it is not used: it lies within a network that the hub is connected to, "
			"or is its next hop"},
	};

	(void)state;
	start_sites();
	announce(0, "20.1.2.0/24", true);
	announce(0, "20.2.0.0/24", true);
	pass(CLOCK_SECOND);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(told("20.1.2.0/24"), 4);
		events.count = 0;
		reserve(facts[i].outside, facts[i].connected);
		pass(CLOCK_SECOND);
		assert_int_equal(told("20.1.2.0/24"), 0);
		assert_int_equal(told("20.2.0.0/24"), 4);
		assert_int_equal(events.count, 1);
		assert_string_equal(events.last.details, facts[i].why);
		assert_int_equal(events.tunnels, 1);
		reserve(facts[i].outside, facts[i].connected); /* nothing new */
		pass(CLOCK_SECOND);
		assert_int_equal(events.count, 1);
		reserve(NULL, NULL);
		pass(CLOCK_SECOND);
		assert_string_equal(events.last.details, "it may be used now");
		assert_int_equal(events.count, 2);
	}
	assert_int_equal(told("20.1.2.0/24"), 4);
}

/* The rest is denied, counted and said; another list holds for what was learned before. */
static void a_site_announces_what_it_may(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);

	(void)state;
	start_sites();
	n.allow_default = true;
	n.accept_count = 2;
	assert_true(prefix_rule_parse("10.1.0.0/16 le 24", &n.accept[0]));
	assert_true(prefix_rule_parse("10.9.0.0/24", &n.accept[1]));
	change(&n);
	announce(0, "10.1.0.0/16", true);
	announce(0, "10.1.2.0/24", true);
	announce(0, "10.9.0.0/24", true);
	pass(CLOCK_SECOND);
	assert_int_equal(told("10.1.0.0/16") + told("10.1.2.0/24") + told("10.9.0.0/24"), 12);
	assert_int_equal(events.count, 0);
	announce(0, "10.1.2.128/25", true);
	announce(0, "10.9.0.0/25", true);
	announce(0, "10.0.0.0/8", true);
	announce(0, "0.0.0.0/0", true);
	pass(CLOCK_SECOND);
	assert_int_equal(told("10.1.2.128/25") + told("10.9.0.0/25") + told("10.0.0.0/8"), 0);
	assert_false(hub_has("0.0.0.0/0", 0));
	assert_int_equal(events.count, 4);
	assert_int_equal(lab.hub_state[0].counts.denied, 4);
	assert_string_equal(events.last.details, "the site may not announce it (accept)");
	n.accept[0].longest = 16;
	change(&n);
	pass(CLOCK_SECOND);
	assert_int_equal(told("10.1.2.0/24"), 0);
	assert_int_equal(told("10.1.0.0/16"), 4);
	assert_string_equal(
		events.last.details, "it is not used: the site may not announce it (accept)");
	n.accept_count = 0;
	change(&n);
	pass(CLOCK_SECOND);
	assert_int_equal(told("10.1.2.0/24") + told("10.9.0.0/25"), 8);
	assert_true(hub_has("0.0.0.0/0", 0));
}

static void a_static_route_goes_before_a_connected_network(void **state)
{
	struct bgp_neighbor n = hub_neighbor(2);
	struct ip_prefix p = prefix("192.168.77.9/32");

	(void)state;
	reserve(NULL, "192.168.77.0/24");
	n.is_static = true;
	change(&n);
	bgp_tunnel_set(lab.hub, 2, true, lab.now);
	bgp_statics_set(lab.hub, 2, &p, 1);
	join(0);
	pass(5 * CLOCK_SECOND);
	assert_true(hub_has("192.168.77.9/32", 2));
	assert_non_null(site_has(0, "192.168.77.9/32"));
}

/* ---- first come, first served: also what lies within, and around ---- */

static bool quarantined(const char *text, uint32_t tunnel)
{
	struct rib_prefix *e = at(lab.hub, text);
	struct rib_path *p = e ? rib_path(&lab.hub->rib.paths, e->paths) : NULL;

	while (p && p->peer->conf.tunnel != tunnel)
		p = rib_path(&lab.hub->rib.paths, p->next);
	return p && p->kept_out && e->contested;
}

static void announce_site(uint32_t site, const char *text, bool present)
{
	announce(2 * site, text, present);
	announce(2 * site + 1, text, present);
	pass(CLOCK_SECOND);
}

/* The half of what another site has; it is told with its own tunnel, once each, and goes when he goes. */
static void a_longer_prefix_takes_nothing(void **state)
{
	(void)state;
	start_sites();
	announce_site(1, "10.2.0.0/24", true);
	announce_site(0, "10.2.0.0/25", true);
	assert_true(hub_has("10.2.0.0/24", 2));
	assert_false(hub_has("10.2.0.0/25", 0));
	assert_int_equal(told("10.2.0.0/25"), 0);
	assert_true(quarantined("10.2.0.0/25", 0) && quarantined("10.2.0.0/25", 1));
	assert_int_equal(events.count, 2);
	assert_int_equal(events.tunnels, 3); /* tunnels 0 and 1 */
	assert_string_equal(events.last.details, "it is quarantined: it lies within 10.2.0.0/24, "
						 "which was announced first by site 's1'");
	/* His own longer one stays possible, in that quarter too. */
	announce_site(1, "10.2.0.0/26", true);
	assert_true(hub_has("10.2.0.0/26", 2));
	announce_site(1, "10.2.0.0/26", false);
	announce_site(1, "10.2.0.0/24", false);
	assert_true(hub_has("10.2.0.0/25", 0));
	assert_false(quarantined("10.2.0.0/25", 0));
	assert_string_equal(events.last.details, "it may be used now");
	/* Now it is the other one who comes later, with more. */
	events.count = 0;
	announce_site(1, "10.2.0.0/24", true);
	assert_true(quarantined("10.2.0.0/24", 2) && quarantined("10.2.0.0/24", 3));
	assert_string_equal(events.last.details, "it is quarantined: it lies around 10.2.0.0/25, "
						 "which was announced first by site 's0'");
	assert_int_equal(events.count, 2);
	announce_site(1, "10.2.0.128/25", true); /* the other half is free */
	assert_true(hub_has("10.2.0.128/25", 2));
	announce_site(0, "10.2.0.0/25", false);
	assert_true(hub_has("10.2.0.0/24", 2));
	assert_false(quarantined("10.2.0.0/24", 2));
}

static struct bgp_path_view views[TUNNELS]; /* of the prefix that is asked about */
static struct ip_prefix goes_by;            /* the prefix of the best path */

static void keep_view(void *context, const struct bgp_path_view *v)
{
	const struct ip_prefix *asked = context;

	if (v->fate == PATH_BEST)
		goes_by = v->prefix;
	if (prefix_equal(&v->prefix, asked))
		views[v->tunnel] = *v;
}

/* Each path has its own reason: one is kept out by what is around the prefix, another by what is within. */
static void each_is_told_of_his_own_rival(void **state)
{
	struct ip_prefix wide = prefix("10.0.0.0/8"), middle = prefix("10.1.0.0/16"),
			 inner = prefix("10.1.2.0/24");

	(void)state;
	start_sites();
	announce_site(2, "10.1.2.0/24", true);
	at(lab.hub, "10.1.2.0/24")->owner_group = 1; /* for a moment, so that both may be there */
	announce_site(1, "10.0.0.0/8", true);
	assert_true(hub_has("10.0.0.0/8", 2));
	at(lab.hub, "10.1.2.0/24")->owner_group = 2;
	announce_site(0, "10.1.0.0/16", true);
	announce_site(1, "10.1.0.0/16", true);
	bgp_explain(lab.hub, &middle, keep_view, &middle);
	assert_int_equal(prefix_compare(&goes_by, &wide), 0); /* packets to it go somewhere */
	for (uint32_t t = 0; t < 4; t++) {
		const struct ip_prefix *rival = t < 2 ? &wide : &inner;

		assert_int_equal(views[t].fate, PATH_QUARANTINED);
		assert_int_equal(prefix_compare(&views[t].rival, rival), 0);
	}
	assert_string_equal(events.last.details, "it is quarantined: it lies around 10.1.2.0/24, "
						 "which was announced first by site 's2'");
}

/* Sites of one location, declared owners, static routes, defaults: all of them may lie within others. */
static void what_is_legitimate_stays(void **state)
{
	struct bgp_neighbor n;
	struct ip_prefix fixed = prefix("10.0.9.0/24");

	(void)state;
	start_sites();
	for (uint32_t t = 4; t < 6; t++) { /* site 2 is of the location of site 1 */
		n = hub_neighbor(t);
		n.group = 1;
		change(&n);
	}
	for (uint32_t t = 0; t < 2; t++) {
		n = hub_neighbor(t);
		n.claim_count = 1;
		n.claims[0] = prefix("10.0.5.0/24");
		n.allow_default = true;
		change(&n);
	}
	announce_site(0, "0.0.0.0/0", true);
	announce_site(1, "10.0.0.0/8", true);
	announce_site(2, "10.0.3.0/24", true);
	announce_site(0, "10.0.5.128/25", true);
	announce_site(0, "10.0.6.0/24", true);
	assert_true(hub_has("10.0.0.0/8", 2) && hub_has("10.0.3.0/24", 4));
	assert_true(hub_has("10.0.5.128/25", 0));
	assert_true(quarantined("10.0.6.0/24", 0));
	/* The longer ones first: what is declared is in nobody's way. */
	announce_site(1, "10.0.0.0/8", false);
	assert_true(hub_has("10.0.6.0/24", 0));
	announce_site(0, "10.0.6.0/24", false);
	announce_site(1, "10.0.0.0/8", true);
	assert_true(hub_has("10.0.0.0/8", 2) && hub_has("10.0.5.128/25", 0));
	/* A static route within. */
	n = hub_neighbor(0);
	n.is_static = true;
	change(&n);
	bgp_statics_set(lab.hub, 0, &fixed, 1);
	pass(CLOCK_SECOND);
	assert_true(hub_has("10.0.9.0/24", 0) && hub_has("10.0.0.0/8", 2));
	announce_site(1, "10.0.0.0/8", false);
	announce_site(1, "10.0.0.0/8", true);
	assert_true(hub_has("10.0.0.0/8", 2));
	announce(2, "10.0.9.1/32", true); /* it owns what lies within */
	pass(CLOCK_SECOND);
	assert_false(hub_has("10.0.9.1/32", 2));
}

/*
 * The bgp process is another one: in whatever order the sites come back, the owner is the same. Also without
 * graceful restart, and when the wait for all others ends because somebody's tunnel does.
 */
static void owners_outlast_the_process(void **state)
{
	struct ip_prefix mine = prefix("10.2.0.0/25"), gone = prefix("10.3.0.0/16");

	(void)state;
	for (int variant = 0; variant < 3; variant++) {
		bool graceful = variant != 1;

		memset(&events, 0, sizeof(events));
		lab_tear_down(NULL);
		lab_set_up(NULL);
		bgp_free(lab.hub);
		lab.hub = bgp_new(1);
		bgp_configure(lab.hub,
			&(struct bgp_config){.local_as = HUB_AS,
				.router_id = 0x0a0a0a0a,
				.hold_s = 30,
				.site_to_site = true,
				.graceful_restart = graceful,
				.restarted = graceful},
			lab.now);
		bgp_owner_set(lab.hub, &mine, 1, lab.now);
		bgp_owner_set(lab.hub, &gone, 2, lab.now);
		for (uint32_t t = 0; t < TUNNELS; t++) {
			struct bgp_neighbor n = hub_neighbor(t);

			n.was_up = true;
			change(&n);
			bgp_tunnel_set(lab.hub, t, t / 2 != 1 || !variant, lab.now);
			site_start(t, 100 + t);
		}
		announce(0, "10.2.0.0/24", true);
		announce(0, "10.3.1.0/24", true);
		announce(2, "10.2.0.0/25", true);
		pass(5 * CLOCK_SECOND);
		if (variant == 2)
			bgp_tunnel_set(lab.hub, 5, false, lab.now);
		pass(55 * CLOCK_SECOND);
		assert_true(quarantined("10.2.0.0/24", 0));
		for (uint32_t t = 2; t < 4; t++)
			bgp_tunnel_set(lab.hub, t, true, lab.now);
		pass(5 * CLOCK_SECOND);
		assert_true(hub_has("10.2.0.0/25", 2));
		assert_true(quarantined("10.2.0.0/24", 0));
		assert_true(hub_has("10.3.1.0/24", 0)); /* who had what is around does not return */
		assert_null(at(lab.hub, "10.3.0.0/16"));
	}
}

/* Nor is it for ever, of one that does not come back. */
static void owners_of_before_do_not_stay_for_ever(void **state)
{
	struct ip_prefix theirs = prefix("10.2.0.0/25");

	(void)state;
	bgp_owner_set(lab.hub, &theirs, 1, lab.now);
	join(0);
	join(2);
	bgp_tunnel_set(lab.hub, 2, false, lab.now);
	announce(0, "10.2.0.0/24", true);
	pass(MINUTE);
	assert_true(quarantined("10.2.0.0/24", 0));
	pass(2 * MINUTE);
	assert_true(hub_has("10.2.0.0/24", 0));
	assert_null(at(lab.hub, "10.2.0.0/25"));
}

/* Both tunnels of the site, and with them its sessions. */
static void tunnels(uint32_t site, bool up)
{
	bgp_tunnel_set(lab.hub, 2 * site, up, lab.now);
	bgp_tunnel_set(lab.hub, 2 * site + 1, up, lab.now);
	pass(up ? MINUTE : CLOCK_SECOND);
}

/* Whoever is quarantined has not only to wait until the owner's uplinks fail. */
static void an_owner_without_a_session_stays_the_owner(void **state)
{
	(void)state;
	start_sites();
	announce_site(0, "10.1.0.0/24", true);
	announce_site(0, "10.2.0.0/24", true);
	announce_site(1, "10.1.0.0/24", true);
	pass(5 * MINUTE);
	tunnels(0, false);
	assert_true(quarantined("10.1.0.0/24", 2));
	assert_null(at(lab.hub, "10.1.0.0/24")->best);
	/* Nor is it free for whoever comes now, with as much, a part, or more. */
	events.count = 0;
	announce_site(1, "10.2.0.0/24", true);
	announce_site(1, "10.2.0.0/25", true);
	announce_site(1, "10.2.0.0/16", true);
	assert_true(quarantined("10.2.0.0/24", 2) && quarantined("10.2.0.0/25", 2) &&
		    quarantined("10.2.0.0/16", 2));
	assert_int_equal(told("10.2.0.0/24") + told("10.2.0.0/25") + told("10.2.0.0/16"), 0);
	assert_int_equal(events.count, 6);
	assert_string_equal(events.last.details,
		"it is quarantined: it lies around 10.2.0.0/24, which was announced first by site "
		"'s0', which has no session now");
	tunnels(0, true);
	assert_true(hub_has("10.1.0.0/24", 0) && hub_has("10.2.0.0/24", 0));
	assert_true(quarantined("10.1.0.0/24", 2) && quarantined("10.2.0.0/16", 2));
	/* A withdrawal is one. */
	announce_site(0, "10.1.0.0/24", false);
	assert_true(hub_has("10.1.0.0/24", 2));
	/* So is what it no longer announces when it is back, as soon as it has said the rest. */
	tunnels(0, false);
	announce_site(0, "10.2.0.0/24", false);
	assert_true(quarantined("10.2.0.0/24", 2));
	tunnels(0, true);
	assert_true(hub_has("10.2.0.0/24", 2) && hub_has("10.2.0.0/16", 2));
	assert_int_equal(lab.hub->held[0], 0);
}

/* As long as its last session had stood, or until it is removed from the configuration. */
static void an_owner_does_not_stay_away_for_ever(void **state)
{
	static const struct {
		uint64_t stood, kept, not_kept;
	} cases[] = {
		{20 * MINUTE, 19 * MINUTE, 3 * MINUTE},
		{MINUTE, 0, 3 * MINUTE},
	};

	(void)state;
	start_sites();
	for (size_t i = 0; i < 2; i++) {
		announce_site(0, "10.1.0.0/24", true);
		announce_site(1, "10.1.0.0/24", true);
		pass(cases[i].stood);
		assert_true(hub_has("10.1.0.0/24", 0));
		tunnels(0, false);
		pass(cases[i].kept);
		assert_true(quarantined("10.1.0.0/24", 2));
		pass(cases[i].not_kept);
		assert_true(hub_has("10.1.0.0/24", 2));
		announce_site(0, "10.1.0.0/24", false);
		announce_site(1, "10.1.0.0/24", false);
		assert_null(at(lab.hub, "10.1.0.0/24"));
		tunnels(0, true);
	}
	announce_site(0, "10.3.0.0/24", true);
	pass(10 * MINUTE);
	tunnels(0, false);
	assert_non_null(at(lab.hub, "10.3.0.0/24"));
	bgp_neighbor_delete(lab.hub, 0, lab.now);
	pass(CLOCK_SECOND);
	assert_non_null(at(lab.hub, "10.3.0.0/24")); /* the other tunnel's */
	bgp_neighbor_delete(lab.hub, 1, lab.now);
	pass(CLOCK_SECOND);
	assert_null(at(lab.hub, "10.3.0.0/24"));
	assert_int_equal(lab.hub->held[0], 0);
}

/* What a site leaves behind in one session after the other has a limit, or it would own all in the end. */
static void nobody_leaves_more_than_he_may_have(void **state)
{
	const struct ip_prefix released = prefix("10.3.0.0/24");
	struct bgp_neighbor n;
	char text[32];

	(void)state;
	start_sites();
	for (unsigned int i = 1; i <= 5; i++) {
		snprintf(text, sizeof(text), "10.%u.0.0/24", i);
		announce_site(0, text, true);
		announce_site(1, text, true);
	}
	pass(5 * MINUTE);
	tunnels(0, false);
	assert_int_equal(lab.hub->held[0], 5);
	assert_true(quarantined("10.1.0.0/24", 2));
	bgp_owner_release(lab.hub, &released);
	pass(CLOCK_SECOND);
	assert_true(hub_has("10.3.0.0/24", 2));
	assert_true(quarantined("10.4.0.0/24", 2));
	assert_int_equal(lab.hub->held[0], 4);
	for (uint32_t t = 0; t < 2; t++) {
		n = hub_neighbor(t);
		n.max_prefixes_in = 1; /* two of both families, and four are held */
		change(&n);
	}
	tunnels(0, true); /* each session ends before it has told all */
	assert_true(hub_has("10.1.0.0/24", 2) && hub_has("10.5.0.0/24", 2));
	assert_int_equal(lab.hub->held[0], 0);
}

static void a_list_has_facts_only(void **state)
{
	struct reserved r = {0}, other = {0};
	struct ip_prefix host = prefix("20.1.2.3/32"), net = prefix("20.1.0.0/16");
	struct ip_prefix bad[] = {
		{{AF_INET, {20}}, 33}, {{AF_INET, {20}}, 0}, {{0, {0}}, 8}, {{AF_UNIX, {20}}, 8}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(reserved_add(&r, RESERVED_CONNECTED, &bad[i]));
	assert_false(reserved_add(&r, RESERVED_OUTSIDE, &net));
	assert_false(reserved_add(&r, RESERVED_MARTIAN, &net));
	assert_false(reserved_add(&r, RESERVED_KINDS, &net));
	assert_true(reserved_add(&r, RESERVED_OUTSIDE, &host));
	assert_true(reserved_add(&r, RESERVED_OUTSIDE, &host));
	reserved_sort(&r);
	assert_int_equal(reserved_count(&r), 1);
	assert_true(reserved_add(&other, RESERVED_OUTSIDE, &host));
	reserved_sort(&other);
	assert_true(reserved_equal(&r, &other));
	assert_true(reserved_add(&other, RESERVED_CONNECTED, &net));
	reserved_sort(&other);
	assert_false(reserved_equal(&r, &other));
	reserved_clear(&r);
	for (uint32_t i = 0; i < RESERVED_MAX; i++) {
		host.addr.bytes[2] = (uint8_t)(i >> 8);
		host.addr.bytes[3] = (uint8_t)i;
		assert_true(reserved_add(&r, RESERVED_OUTSIDE, &host));
	}
	assert_false(reserved_add(&r, RESERVED_OUTSIDE, &host));
	reserved_fini(&r);
	reserved_fini(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(what_is_reserved_is_not_told),
		lab_test(what_becomes_reserved_is_withdrawn),
		lab_test(a_site_announces_what_it_may),
		lab_test(a_static_route_goes_before_a_connected_network),
		lab_test(a_longer_prefix_takes_nothing),
		lab_test(what_is_legitimate_stays),
		lab_test(owners_outlast_the_process),
		lab_test(owners_of_before_do_not_stay_for_ever),
		lab_test(an_owner_without_a_session_stays_the_owner),
		lab_test(an_owner_does_not_stay_away_for_ever),
		lab_test(nobody_leaves_more_than_he_may_have),
		lab_test(each_is_told_of_his_own_rival),
		cmocka_unit_test(a_list_has_facts_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
