/* SPDX-License-Identifier: Apache-2.0 */
/* The order of prefixes in the tables (base/prefix_tree.c): true to a list, and nobody outside shapes it. */
#include "bgp_lab.h"

struct seen {
	const struct rib_prefix *last;
	unsigned int count;
};

static bool see(void *context, struct rib_prefix *e)
{
	struct seen *s = context;

	if (s->last) {
		int order = memcmp(s->last->address, e->address, 4);

		assert_true(order < 0 || (!order && s->last->len < e->len));
	}
	s->last = e;
	s->count++;
	return s->count < 100000;
}

/* The tree against a plain list, while prefixes come and go. */
static void the_tree_is_in_order(void **state)
{
	enum { ROOM = 512, STEPS = 20000 };
	static struct ip_prefix there[ROOM];
	struct rib rib;
	struct rib_peer peer = {0};
	uint32_t random = 7;
	unsigned int count = 0;

	(void)state;
	rib_init(&rib, 1);
	for (int i = 0; i < STEPS; i++) {
		struct ip_addr a = {AF_INET, {10, 0, 0, 0}};
		struct ip_prefix p;
		struct rib_prefix *e;
		struct seen s = {0};
		unsigned int expected = 0, around = 0;

		random = random * 1664525u + 1013904223u;
		a.bytes[2] = (uint8_t)(random >> 12 & 15);
		a.bytes[3] = (uint8_t)(random >> 16);
		p = prefix_make(&a, 8 + (random >> 24) % 25);
		if (count == ROOM || (count && random >> 31)) {
			unsigned int which = (random >> 8) % count;

			assert_true(rib_forget(&rib, &peer, BGP_IPV4, &there[which]));
			there[which] = there[--count];
		} else if (rib_learn(&rib, &peer, BGP_IPV4, &p, rib.own) == RIB_NEW) {
			there[count++] = p;
		}
		while ((e = rib_next_dirty(&rib)))
			rib_collect(&rib, e);
		for (unsigned int k = 0; k < count; k++) {
			expected += there[k].len > p.len && prefix_covers(&p, &there[k]);
			if (there[k].len < p.len && prefix_covers(&there[k], &p) &&
				there[k].len > around)
				around = there[k].len;
		}
		rib_each_within(&rib, &p, see, &s);
		assert_int_equal(s.count, expected);
		e = rib_around(&rib, &p);
		assert_int_equal(e ? e->len : 0, around);
	}
	rib_peer_stop(&rib, &peer, (const bool[BGP_FAMILIES]){false, false});
	rib_fini(&rib);
}

static unsigned int depth_of(const struct rib_table *t, uint32_t n)
{
	const struct rib_prefix *e = rib_node(t, n);
	unsigned int left, right;

	if (!n)
		return 0;
	left = depth_of(t, e->left);
	right = depth_of(t, e->right);
	return 1 + (left > right ? left : right);
}

/* Who announces prefixes in an order of his own does not know which of them is above which. */
static void the_tree_has_a_key(void **state)
{
	enum { KEYS = 8, PREFIXES = 4096 };
	unsigned int same = 0;
	uint32_t first = 0;

	(void)state;
	for (uint64_t key = 0; key < KEYS; key++) {
		struct rib rib;
		struct rib_peer peer = {0};
		struct rib_prefix *e;

		rib_init(&rib, key);
		for (uint32_t i = 0; i < PREFIXES; i++) {
			struct ip_prefix p = {
				{AF_INET, {10, (uint8_t)(i >> 8), (uint8_t)i, 0}}, 24};

			rib_learn(&rib, &peer, BGP_IPV4, &p, rib.own);
		}
		same += rib.table[BGP_IPV4].tree.root == first;
		first = key ? first : rib.table[BGP_IPV4].tree.root;
		assert_in_range(
			depth_of(&rib.table[BGP_IPV4], rib.table[BGP_IPV4].tree.root), 12, 60);
		rib_peer_stop(&rib, &peer, (const bool[BGP_FAMILIES]){false, false});
		while ((e = rib_next_dirty(&rib)))
			rib_collect(&rib, e);
		rib_fini(&rib);
	}
	assert_in_range(same, 0, KEYS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tree_is_in_order),
		cmocka_unit_test(the_tree_has_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
