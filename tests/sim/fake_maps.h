/* SPDX-License-Identifier: Apache-2.0 */
/* BPF maps: tries, records, limits, counters, and what sites may send. */
#ifndef TESTS_SIM_FAKE_MAPS_H
#define TESTS_SIM_FAKE_MAPS_H

#include "fake_tables.h"

/* ---- the tries ---- */

size_t maps_routes_set(struct maps *m, struct fib_route *routes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++)
		fake_set(
			&fake.trie, &routes[i].prefix, routes[i].tunnel | routes[i].share << SHARE);
	return 0;
}

size_t maps_routes_del(struct maps *m, struct fib_route *routes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++) {
		assert_true(fake_find(&fake.kernel, &routes[i].prefix) < 0); /* the kernel first */
		routes[i].failed = !fake_del(&fake.trie, &routes[i].prefix);
	}
	return 0;
}

size_t maps_closed_set(struct maps *m, struct fib_route *prefixes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++)
		fake_set(&fake.closed, &prefixes[i].prefix, prefixes[i].tunnel);
	return 0;
}

size_t maps_closed_del(struct maps *m, struct fib_route *prefixes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++)
		assert_true(fake_del(&fake.closed, &prefixes[i].prefix));
	return 0;
}

bool maps_route_set(struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share)
{
	(void)m;
	return fake_set(&fake.trie, prefix, tunnel | share << SHARE);
}

bool maps_share_set(struct maps *m, uint32_t share, const struct route_share *value)
{
	(void)m;
	for (unsigned int i = 0; i < fake.trie.count; i++) /* whoever has it would be led astray */
		assert_int_not_equal(fake.trie.rows[i].value >> SHARE, share);
	fake.shares[share] = *value;
	return true;
}

bool maps_route_del(struct maps *m, const struct ip_prefix *prefix)
{
	(void)m;
	return fake_del(&fake.trie, prefix);
}

bool maps_route_leads(
	struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share)
{
	int i = fake_find(&fake.trie, prefix);

	(void)m;
	return i >= 0 && fake.trie.rows[i].value == (tunnel | share << SHARE);
}

/* ---- records, limits and counters ---- */

struct maps *maps_new(const struct bpf_plane *plane)
{
	(void)plane;
	return (struct maps *)&fake;
}

void maps_free(struct maps *m)
{
	(void)m;
}

bool maps_tunnel_set(struct maps *m, uint32_t tunnel, const struct tunnel_record *record)
{
	(void)m;
	fake.tunnels[tunnel] = *record;
	return true;
}

bool maps_site_set(struct maps *m, uint32_t site, const char *name, uint32_t asn)
{
	(void)m, (void)asn;
	snprintf(fake.site_names[site], SITE_NAME_SIZE, "%s", name ? name : "");
	return true;
}

void maps_site_rate_set(struct maps *m, enum sluice_direction direction, uint32_t site,
	const struct bucket_rate *rate)
{
	(void)m;
	fake.site_rates[direction][site] = *rate;
}

void maps_tunnel_rate_set(struct maps *m, enum sluice_direction direction, uint32_t tunnel,
	const struct bucket_rate *rate)
{
	(void)m;
	fake.tunnel_rates[direction][tunnel] = *rate;
}

void maps_aggregate_rate_set(
	struct maps *m, enum sluice_direction direction, const struct bucket_rate *rate)
{
	(void)m;
	fake.aggregate[direction] = *rate;
}

double maps_aggregate_used(const struct maps *m, enum sluice_direction direction, uint64_t now)
{
	(void)m, (void)direction, (void)now;
	return fake.aggregate_used;
}

bool maps_offered(struct maps *m, enum sluice_direction direction, uint32_t around, uint64_t *bytes,
	uint32_t count)
{
	(void)m;
	for (uint32_t i = 0; i < count; i++)
		bytes[i] = fake.site_stats[direction][i].offered.bytes +
			   fake.site_stats[direction][i].offered.packets * around;
	return true;
}

void maps_site_stats(
	struct maps *m, enum sluice_direction direction, uint32_t site, struct site_stats *stats)
{
	(void)m;
	*stats = fake.site_stats[direction][site];
}

void maps_tunnel_stats(struct maps *m, uint32_t tunnel, struct tunnel_stats *stats)
{
	(void)m;
	*stats = fake.tunnel_stats[tunnel];
}

void maps_strange_session(struct maps *m, uint32_t tunnel, struct strange_session *s)
{
	(void)m;
	*s = fake.strange[tunnel];
}

void maps_outside_stats(struct maps *m, struct outside_stats *stats)
{
	(void)m;
	*stats = (struct outside_stats){
		.ike_passed = {3 + fake.ike_more, 300 + 100 * fake.ike_more}};
}

void maps_inside_stats(struct maps *m, struct inside_stats *stats)
{
	(void)m;
	*stats = (struct inside_stats){0};
}

void maps_inside_ring_drops_set(struct maps *m, uint64_t packets)
{
	(void)m, (void)packets;
}

void maps_ring_drops_look(struct maps *m)
{
	(void)m;
}

void maps_workers_ended(struct maps *m)
{
	(void)m;
	fake.workers_ended++;
}

/* ---- what sites may send ---- */

void source_set_add(
	struct source_set *s, uint32_t list, uint32_t group, const struct ip_prefix *prefix)
{
	if (s->count == s->room) {
		s->room = s->room * 2 + 8;
		s->entries = realloc(s->entries, s->room * sizeof(*s->entries));
		assert_non_null(s->entries);
	}
	s->entries[s->count++] = (struct source_entry){list, group, *prefix};
}

void source_set_fini(struct source_set *s)
{
	free(s->entries);
	*s = (struct source_set){0};
}

size_t source_set_replace(
	const struct bpf_plane *plane, struct source_set *was, struct source_set *own_now)
{
	(void)plane;
	assert_true(own_now->count <= FAKE_MAX);
	source_set_fini(was);
	*was = *own_now;
	*own_now = (struct source_set){0};
	fake.source_count = was->count;
	if (was->count)
		memcpy(fake.sources, was->entries, was->count * sizeof(fake.sources[0]));
	return 0;
}

bool source_services_set(const struct bpf_plane *plane, const uint32_t *services, uint32_t count)
{
	(void)plane;
	if (count)
		memcpy(fake.services, services, count * sizeof(fake.services[0]));
	fake.service_count = count;
	return true;
}

/* Whether TC knows the prefix as one of that list: a site's slot, or SLUICE_OWNERS. */
static inline bool fake_source(uint32_t list, const struct ip_prefix *p)
{
	for (size_t i = 0; i < fake.source_count; i++) {
		if (fake.sources[i].list == list && prefix_equal(&fake.sources[i].prefix, p))
			return true;
	}
	return false;
}

#endif
