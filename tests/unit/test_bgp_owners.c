/* SPDX-License-Identifier: Apache-2.0 */
/* Declared owners of prefixes, and ASes that are allowed twice in a path. */
#include "bgp_lab.h"

static void a_declared_owner_keeps_what_is_its_own(void **state)
{
	struct bgp_neighbor owner = hub_neighbor(2);

	(void)state;
	owner.claims[owner.claim_count++] = prefix("10.0.0.0/8");
	join(0);
	join(2);
	announce(0, "10.1.0.0/24", true);
	announce(0, "11.0.0.0/8", true);
	pass(MINUTE);
	assert_true(hub_has("10.1.0.0/24", 0));
	change(&owner); /* from now on it belongs to the other site, in parts too */
	settle();
	assert_null(at(lab.hub, "10.1.0.0/24")->best);
	assert_true(at(lab.hub, "10.1.0.0/24")->contested);
	assert_ptr_equal(speaker_owner(lab.hub, at(lab.hub, "10.1.0.0/24")), lab.hub->peers[1]);
	assert_true(hub_has("11.0.0.0/8", 0));
	announce(2, "10.1.0.0/24", true);
	settle();
	assert_true(hub_has("10.1.0.0/24", 2));
	owner.claim_count = 0;
	change(&owner);
	announce(2, "10.1.0.0/24", false);
	settle();
	assert_true(hub_has("10.1.0.0/24", 0));
	assert_false(at(lab.hub, "10.1.0.0/24")->contested);
}

static void same_as_twice_only_when_asked_for(void **state)
{
	struct bgp_neighbor n = hub_neighbor(2);
	struct attrs *a;

	(void)state;
	n.remote_as = site_as(0);
	site_start(2, 102);
	lab.site[2]->config.local_as = site_as(0);
	join(0);
	assert_true(bgp_neighbor_set(lab.hub, &n, lab.now));
	bgp_tunnel_set(lab.hub, 2, true, lab.now);
	announce(0, "10.1.0.0/24", true);
	pass(MINUTE);
	assert_int_equal(hub_sees(2), FSM_ESTABLISHED);
	assert_null(site_has(2, "10.1.0.0/24")); /* it finds its own AS in the path */
	n.as_override = true;
	change(&n);
	settle();
	a = site_has(2, "10.1.0.0/24");
	assert_non_null(a);
	assert_int_equal(attr_path_count(a, HUB_AS), 2);
	assert_int_equal(attr_path_count(a, site_as(0)), 0);
}

static void own_as_in_a_path(void **state)
{
	struct bgp_neighbor n = hub_neighbor(0);
	static const uint32_t path[] = {65010, HUB_AS};
	struct attr_draft d = {.path = {.len = 10, .bytes = {AS_SEQUENCE, 2}}};
	struct ip_prefix p = prefix("10.1.0.0/24");
	struct attrs *a;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct wr w = wr_init(d.path.bytes + 2 + 4 * i, 4);

		wr_u32(&w, path[i]);
	}
	join(0);
	pass(MINUTE);
	a = attr_intern(&lab.hub->rib.attrs, &d);
	rib_learn(&lab.hub->rib, &lab.hub->peers[0]->rib, BGP_IPV4, &p, a);
	attr_unref(&lab.hub->rib.attrs, a);
	settle();
	assert_null(at(lab.hub, "10.1.0.0/24")->best);
	n.allow_as_in = 1;
	change(&n);
	settle();
	assert_true(hub_has("10.1.0.0/24", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(a_declared_owner_keeps_what_is_its_own),
		lab_test(same_as_twice_only_when_asked_for),
		lab_test(own_as_in_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
