/* SPDX-License-Identifier: Apache-2.0 */
/* The world of test_routes_sim.c: a hub whose kernel and trie are tables that can be looked at. */
#ifndef TESTS_SIM_ROUTES_WORLD_H
#define TESTS_SIM_ROUTES_WORLD_H

#include "../unit/bgp_lab.h"

#include "hub/hub.h"

#define FAKE_MAX 64
#define SHARE    16 /* in the trie's value, from this bit on */

struct fake_table {
	struct {
		struct ip_prefix prefix;
		uint32_t value; /* trie: tunnel and share; kernel: MTU */
	} rows[FAKE_MAX];
	unsigned int count;
};

static struct {
	struct hub hub;
	struct hub_site sites[TUNNELS / TUNNELS_PER_SITE];
	struct config config;
	struct fake_table trie, kernel;
	struct route_share shares[SLUICE_MAX_SHARES];
	uint32_t random;
	bool alive[TUNNELS]; /* the site's speaker runs */
	bool held;           /* bgp is being restarted: stale routes may be there */
	unsigned int installs, refused, shared, across, meddled;
	struct ip_prefix not_taken; /* the kernel, as here, refuses it */
} sim;

static int fake_find(const struct fake_table *t, const struct ip_prefix *p)
{
	for (unsigned int i = 0; i < t->count; i++) {
		if (prefix_equal(&t->rows[i].prefix, p))
			return (int)i;
	}
	return -1;
}

static bool fake_set(struct fake_table *t, const struct ip_prefix *p, uint32_t value)
{
	int i = fake_find(t, p);

	assert_true(i >= 0 || t->count < FAKE_MAX);
	if (i < 0)
		i = (int)t->count++;
	t->rows[i].prefix = *p;
	t->rows[i].value = value;
	return true;
}

static bool fake_del(struct fake_table *t, const struct ip_prefix *p)
{
	int i = fake_find(t, p);

	if (i >= 0)
		t->rows[i] = t->rows[--t->count];
	return i >= 0;
}

/* These take the place of those of the data plane and of sites.c. */
size_t maps_routes_set(struct maps *m, struct fib_route *routes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++)
		fake_set(&sim.trie, &routes[i].prefix, routes[i].tunnel | routes[i].share << SHARE);
	return 0;
}

size_t maps_routes_del(struct maps *m, struct fib_route *routes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++) {
		assert_true(fake_find(&sim.kernel, &routes[i].prefix) < 0); /* the kernel first */
		routes[i].failed = !fake_del(&sim.trie, &routes[i].prefix);
	}
	return 0;
}

bool maps_route_set(struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share)
{
	(void)m;
	return fake_set(&sim.trie, prefix, tunnel | share << SHARE);
}

bool maps_share_set(struct maps *m, uint32_t share, const struct route_share *value)
{
	(void)m;
	for (unsigned int i = 0; i < sim.trie.count; i++) /* whoever has it would be led astray */
		assert_int_not_equal(sim.trie.rows[i].value >> SHARE, share);
	sim.shares[share] = *value;
	return true;
}

bool maps_route_del(struct maps *m, const struct ip_prefix *prefix)
{
	(void)m;
	return fake_del(&sim.trie, prefix);
}

size_t link_routes_set(struct link *l, struct fib_route *routes, size_t count)
{
	size_t failed = 0;

	(void)l;
	for (size_t i = 0; i < count; i++) {
		assert_true(fake_find(&sim.trie, &routes[i].prefix) >= 0); /* the trie first */
		routes[i].failed = prefix_equal(&routes[i].prefix, &sim.not_taken);
		failed += routes[i].failed;
		sim.installs += !routes[i].failed;
		if (!routes[i].failed)
			fake_set(&sim.kernel, &routes[i].prefix, routes[i].mtu);
	}
	return failed;
}

size_t link_routes_restore(struct link *l, struct fib_route *routes, size_t count)
{
	size_t there = 0;

	for (size_t i = 0; i < count; i++) {
		routes[i].failed = fake_find(&sim.kernel, &routes[i].prefix) >= 0;
		there += routes[i].failed;
	}
	for (size_t i = 0; i < count; i++) {
		if (!routes[i].failed)
			link_routes_set(l, &routes[i], 1);
	}
	return there;
}

bool maps_route_leads(
	struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share)
{
	int i = fake_find(&sim.trie, prefix);

	(void)m;
	return i >= 0 && sim.trie.rows[i].value == (tunnel | share << SHARE);
}

size_t link_routes_del(struct link *l, struct fib_route *routes, size_t count)
{
	(void)l;
	for (size_t i = 0; i < count; i++)
		routes[i].failed = !fake_del(&sim.kernel, &routes[i].prefix);
	return 0;
}

bool link_address_set(struct link *l, const struct ip_addr *address, uint8_t prefix_len)
{
	(void)l;
	(void)address;
	(void)prefix_len;
	return true;
}

bool link_address_del(struct link *l, const struct ip_addr *address, uint8_t prefix_len)
{
	return link_address_set(l, address, prefix_len);
}

struct hub_site *hub_site_of_tunnel(struct hub *h, uint32_t tunnel)
{
	return tunnel < TUNNELS ? h->sites[tunnel / TUNNELS_PER_SITE] : NULL;
}

struct hub_tunnel *hub_tunnel(struct hub *h, uint32_t tunnel)
{
	struct hub_site *site = hub_site_of_tunnel(h, tunnel);

	return site ? &site->tunnels[tunnel % TUNNELS_PER_SITE] : NULL;
}

uint32_t hub_tunnel_number(const struct hub_site *site, unsigned int t)
{
	return site->slot * TUNNELS_PER_SITE + t;
}

#endif
