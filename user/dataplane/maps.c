/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/maps.h"

#include "base/types.h"
#include "dataplane/fair.h"
#include "dataplane/ring_loss.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NANOSECONDS      UINT64_C(1000000000)
#define BURST_DEFAULT_NS (FAIR_SITE_BURST_MS * UINT64_C(1000000))
#define BATCH            32 /* sites looked up in one system call */
#define BURST_LEAST                                                                                \
	FAIR_SITE_BURST_LEAST /* bytes: below one super-packet nothing large ever conforms */

static_assert(sizeof(struct outside_stats) <= sizeof(struct site_stats), "room per CPU");
static_assert(sizeof(struct inside_stats) <= sizeof(struct site_stats), "room per CPU");
static_assert(SLUICE_TUNNELS_PER_SITE == TUNNELS_PER_SITE,
	"tunnels have the same numbers in both planes");

struct shared {
	void *start;
	size_t size;
	uint32_t stride;
	uint32_t entries;
};

struct maps {
	const struct bpf_plane *plane;
	struct shared bucket[SLUICE_DIRECTIONS];
	struct shared aggregate;
	struct shared worker_stats[SLUICE_DIRECTIONS];
	struct shared tunnel_stats;
	struct shared workers;
	struct site_stats *per_cpu; /* room for BATCH lookups over all CPUs */
	int cpus;
	uint64_t inside_ring_drops;
	struct ring_pool pool[SLUICE_DIRECTIONS];
	struct ring_loss lost[SLUICE_DIRECTIONS][SLUICE_MAX_SITES];
};

struct rate_bucket bucket_make(const struct bucket_rate *r)
{
	struct rate_bucket b = {
		.rate_bits_per_second = r->bits_per_second,
		.packets_per_second = r->packets_per_second,
	};

	if (r->bits_per_second) {
		unsigned __int128 price = (unsigned __int128)8 * NANOSECONDS << 16;
		uint64_t least;

		b.ns_per_byte_q16 = (uint64_t)(price / r->bits_per_second);
		if (!b.ns_per_byte_q16)
			b.ns_per_byte_q16 = 1;
		least = bucket_cost(BURST_LEAST, b.ns_per_byte_q16);
		b.burst_ns = r->burst_bytes ? bucket_cost(r->burst_bytes, b.ns_per_byte_q16)
					    : BURST_DEFAULT_NS;
		if (!r->burst_bytes && b.burst_ns < least)
			b.burst_ns = least;
	}
	if (r->packets_per_second) {
		b.ns_per_packet_q16 = (NANOSECONDS << 16) / r->packets_per_second;
		b.packet_burst_ns = BURST_DEFAULT_NS;
	}
	return b;
}

static bool share(struct shared *s, const struct bpf_plane *plane, enum data_map map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	s->entries = bpf_plane_map_entries(plane, map);
	s->stride = (bpf_plane_map_value_size(plane, map) + 7) & ~7u;
	s->size = ((size_t)s->stride * s->entries + page - 1) & ~(page - 1);
	s->start = mmap(
		NULL, s->size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_plane_map_fd(plane, map), 0);
	if (s->start == MAP_FAILED) {
		s->start = NULL;
		return false;
	}
	return true;
}

static void *row(const struct shared *s, uint32_t index)
{
	assert(index < s->entries);
	return (uint8_t *)s->start + (size_t)s->stride * index;
}

struct maps *maps_new(const struct bpf_plane *plane)
{
	struct maps *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->plane = plane;
	m->cpus = libbpf_num_possible_cpus();
	if (m->cpus < 1)
		goto fail;
	m->per_cpu = calloc((size_t)m->cpus * BATCH, sizeof(*m->per_cpu));
	if (!m->per_cpu || !share(&m->bucket[SLUICE_IN], plane, DATA_MAP_BUCKET_IN) ||
		!share(&m->bucket[SLUICE_OUT], plane, DATA_MAP_BUCKET_OUT) ||
		!share(&m->aggregate, plane, DATA_MAP_BUCKET_AGGREGATE) ||
		!share(&m->worker_stats[SLUICE_IN], plane, DATA_MAP_WORKER_IN_STATS) ||
		!share(&m->worker_stats[SLUICE_OUT], plane, DATA_MAP_WORKER_OUT_STATS) ||
		!share(&m->tunnel_stats, plane, DATA_MAP_TUNNEL_STATS) ||
		!share(&m->workers, plane, DATA_MAP_WORKERS))
		goto fail;
	return m;
fail:
	maps_free(m);
	return NULL;
}

static void unshare(struct shared *s)
{
	if (s->start)
		munmap(s->start, s->size);
}

void maps_free(struct maps *m)
{
	if (!m)
		return;
	for (int i = 0; i < SLUICE_DIRECTIONS; i++) {
		unshare(&m->bucket[i]);
		unshare(&m->worker_stats[i]);
	}
	unshare(&m->aggregate);
	unshare(&m->tunnel_stats);
	unshare(&m->workers);
	free(m->per_cpu);
	free(m);
}

/* Word by word, because BPF and the workers use the bucket meanwhile; never the two tat words. */
static void bucket_write(struct rate_bucket *b, const struct bucket_rate *rate)
{
	struct rate_bucket n = bucket_make(rate);

	/* Burst before price: between the two, no packet sees a price it cannot afford. */
	__atomic_store_n(&b->burst_ns, n.burst_ns, __ATOMIC_RELEASE);
	__atomic_store_n(&b->packet_burst_ns, n.packet_burst_ns, __ATOMIC_RELEASE);
	__atomic_store_n(&b->ns_per_byte_q16, n.ns_per_byte_q16, __ATOMIC_RELEASE);
	__atomic_store_n(&b->ns_per_packet_q16, n.ns_per_packet_q16, __ATOMIC_RELEASE);
	__atomic_store_n(&b->rate_bits_per_second, n.rate_bits_per_second, __ATOMIC_RELEASE);
	__atomic_store_n(&b->packets_per_second, n.packets_per_second, __ATOMIC_RELEASE);
}

void maps_tunnel_rate_set(struct maps *m, enum sluice_direction direction, uint32_t tunnel,
	const struct bucket_rate *rate)
{
	bucket_write(row(&m->bucket[direction], tunnel), rate);
}

void maps_site_rate_set(struct maps *m, enum sluice_direction direction, uint32_t site,
	const struct bucket_rate *rate)
{
	maps_tunnel_rate_set(m, direction, bucket_of(TUNNELS_PER_SITE * site, false), rate);
}

void maps_aggregate_rate_set(
	struct maps *m, enum sluice_direction direction, const struct bucket_rate *rate)
{
	bucket_write(row(&m->aggregate, direction), rate);
}

double maps_aggregate_used(const struct maps *m, enum sluice_direction direction, uint64_t now)
{
	const struct rate_bucket *b = row(&m->aggregate, direction);
	uint64_t tat = bucket_word(&b->tat_ns);

	return tat > now ? (double)(tat - now) / (double)b->burst_ns : 0;
}

union route_key {
	struct route4_key v4;
	struct route6_key v6;
};

enum tries { ROUTES, CLOSED };

/* Fills in the key and returns the descriptor of the trie of its family. */
static int trie_map(const struct maps *m, enum tries tries, const struct ip_prefix *prefix,
	union route_key *key)
{
	memset(key, 0, sizeof(*key));
	if (prefix->addr.family == AF_INET) {
		key->v4.prefix_len = prefix->len;
		memcpy(key->v4.address, prefix->addr.bytes, 4);
		return bpf_plane_map_fd(
			m->plane, tries == ROUTES ? DATA_MAP_ROUTE4 : DATA_MAP_CLOSED4);
	}
	key->v6.prefix_len = prefix->len;
	memcpy(key->v6.address, prefix->addr.bytes, 16);
	return bpf_plane_map_fd(m->plane, tries == ROUTES ? DATA_MAP_ROUTE6 : DATA_MAP_CLOSED6);
}

static struct route_target route_target(uint32_t tunnel, uint32_t share, uint8_t len)
{
	return (struct route_target){
		.tunnel = tunnel, .site = tunnel / TUNNELS_PER_SITE, .share = share, .len = len};
}

static bool trie_set(struct maps *m, enum tries tries, const struct ip_prefix *prefix,
	uint32_t tunnel, uint32_t share)
{
	struct route_target target = route_target(tunnel, share, prefix->len);
	union route_key key;
	int fd = trie_map(m, tries, prefix, &key);

	bool ok = !bpf_map_update_elem(fd, &key, &target, BPF_ANY);

	bpf_plane_sources_changed(m->plane);
	return ok;
}

static bool trie_del(struct maps *m, enum tries tries, const struct ip_prefix *prefix)
{
	union route_key key;
	int fd = trie_map(m, tries, prefix, &key);

	bool ok = !bpf_map_delete_elem(fd, &key);

	bpf_plane_sources_changed(m->plane);
	return ok;
}

bool maps_route_set(struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share)
{
	return trie_set(m, ROUTES, prefix, tunnel, share);
}

bool maps_route_del(struct maps *m, const struct ip_prefix *prefix)
{
	return trie_del(m, ROUTES, prefix);
}

/* Routes of one family in a row, as the kernel wants them. */
struct route_run {
	int fd;
	size_t key_size;
	uint8_t keys[ROUTES_BATCH * sizeof(union route_key)];
	struct route_target targets[ROUTES_BATCH];
	uint32_t count;
};

static struct route_run collect_run(
	struct maps *m, enum tries tries, const struct fib_route *routes, size_t count)
{
	struct route_run run = {0};
	union route_key key;

	for (; run.count < count && run.count < ROUTES_BATCH; run.count++) {
		const struct fib_route *r = &routes[run.count];
		int fd = trie_map(m, tries, &r->prefix, &key);

		if (run.count && fd != run.fd)
			break;
		run.fd = fd;
		run.key_size = r->prefix.addr.family == AF_INET ? sizeof(key.v4) : sizeof(key.v6);
		memcpy(run.keys + run.count * run.key_size, &key, run.key_size);
		run.targets[run.count] = route_target(r->tunnel, r->share, r->prefix.len);
	}
	return run;
}

/*
 * The kernel stops at the first that fails, so what follows is done one by one: that is where the
 * trie is full, or a hostile process said something twice.
 */
static size_t write_routes(
	struct maps *m, enum tries tries, struct fib_route *routes, size_t count, bool add)
{
	size_t failed = 0;

	for (size_t at = 0; at < count;) {
		struct route_run run = collect_run(m, tries, routes + at, count - at);
		uint32_t done = run.count, i;

		if (add ? !bpf_map_update_batch(run.fd, run.keys, run.targets, &done, NULL)
			: !bpf_map_delete_batch(run.fd, run.keys, &done, NULL)) {
			at += run.count;
			continue;
		}
		i = done < run.count ? done : 0; /* all: it has no such call, and did nothing */
		for (at += i; i < run.count; i++) {
			struct fib_route *r = &routes[at++];

			r->failed = add ? !trie_set(m, tries, &r->prefix, r->tunnel, r->share)
					: !trie_del(m, tries, &r->prefix);
			failed += r->failed;
		}
	}
	bpf_plane_sources_changed(m->plane);
	return failed;
}

size_t maps_routes_set(struct maps *m, struct fib_route *routes, size_t count)
{
	return write_routes(m, ROUTES, routes, count, true);
}

size_t maps_routes_del(struct maps *m, struct fib_route *routes, size_t count)
{
	return write_routes(m, ROUTES, routes, count, false);
}

size_t maps_closed_set(struct maps *m, struct fib_route *prefixes, size_t count)
{
	return write_routes(m, CLOSED, prefixes, count, true);
}

size_t maps_closed_del(struct maps *m, struct fib_route *prefixes, size_t count)
{
	return write_routes(m, CLOSED, prefixes, count, false);
}

bool maps_route_leads(
	struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share)
{
	struct route_target target;
	union route_key key;
	int fd = trie_map(m, ROUTES, prefix, &key);

	return !bpf_map_lookup_elem(fd, &key, &target) && target.tunnel == tunnel &&
	       target.share == share;
}

bool maps_route_lookup(struct maps *m, const struct ip_addr *address, uint32_t *tunnel)
{
	struct ip_prefix host = {.addr = *address, .len = (uint8_t)addr_bits(address)};
	struct route_target target;
	union route_key key;
	int fd = trie_map(m, ROUTES, &host, &key);

	if (bpf_map_lookup_elem(fd, &key, &target))
		return false;
	*tunnel = target.tunnel;
	return true;
}

bool maps_share_set(struct maps *m, uint32_t share, const struct route_share *value)
{
	return !bpf_map_update_elem(
		bpf_plane_map_fd(m->plane, DATA_MAP_SHARES), &share, value, BPF_ANY);
}

bool maps_tunnel_set(struct maps *m, uint32_t tunnel, const struct tunnel_record *record)
{
	bool ok = !bpf_map_update_elem(
		bpf_plane_map_fd(m->plane, DATA_MAP_TUNNELS), &tunnel, record, BPF_ANY);

	bpf_plane_sources_changed(m->plane);
	return ok;
}

bool maps_site_set(struct maps *m, uint32_t site, const char *name, uint32_t asn)
{
	struct site_record record = {.asn = name ? asn : 0, .present = name != NULL};

	if (name)
		snprintf(record.name, sizeof(record.name), "%s", name);
	return !bpf_map_update_elem(
		bpf_plane_map_fd(m->plane, DATA_MAP_SITES), &site, &record, BPF_ANY);
}

/* Counters are arrays of 64-bit words with one writer each: add them up word by word. */
static void add_words(void *to, const void *from, size_t size)
{
	__u64 *t = to;
	const __u64 *f = from;

	for (size_t i = 0; i < size / sizeof(*t); i++)
		t[i] += __atomic_load_n(&f[i], __ATOMIC_RELAXED);
}

static void add_per_cpu(struct maps *m, enum data_map map, uint32_t index, void *to, size_t size)
{
	const uint8_t *from = (const uint8_t *)m->per_cpu;
	size_t stride = bpf_plane_map_value_size(m->plane, map);

	assert(size <= stride && stride <= BATCH * sizeof(*m->per_cpu));
	if (bpf_map_lookup_elem(bpf_plane_map_fd(m->plane, map), &index, m->per_cpu))
		return;
	for (int i = 0; i < m->cpus; i++)
		add_words(to, from + (size_t)i * stride, size);
}

static uint64_t kernel_ring_drops(struct maps *m, enum sluice_direction direction)
{
	uint64_t drops = bpf_plane_queue_drops(m->plane);

	if (direction == SLUICE_OUT)
		return m->inside_ring_drops;
	for (uint32_t i = 0; i < m->workers.entries; i++) {
		const struct worker_stats *w = row(&m->workers, i);

		drops += __atomic_load_n(&w->ring_full, __ATOMIC_RELAXED) +
			 __atomic_load_n(&w->fill_empty, __ATOMIC_RELAXED);
	}
	return drops;
}

static uint64_t accounted(const struct site_stats *s)
{
	const struct traffic *t = (const struct traffic *)s;
	uint64_t sum = 0;

	/* All fields after `offered`. */
	for (size_t i = 1; i < sizeof(*s) / sizeof(*t); i++)
		sum += t[i].packets;
	return sum;
}

static uint64_t accounted_bytes(const struct site_stats *s)
{
	const struct traffic *t = (const struct traffic *)s;
	uint64_t sum = 0;

	for (size_t i = 1; i < sizeof(*s) / sizeof(*t); i++)
		sum += t[i].bytes;
	return sum;
}

void maps_site_stats(
	struct maps *m, enum sluice_direction direction, uint32_t site, struct site_stats *stats)
{
	uint32_t rows = m->worker_stats[direction].entries / SLUICE_MAX_SITES;
	struct ring_loss *lost = &m->lost[direction][site];

	memset(stats, 0, sizeof(*stats));
	/* Workers first: a packet in between is then offered and under way, never counted twice. */
	for (uint32_t w = 0; w < rows; w++)
		add_words(stats, row(&m->worker_stats[direction], w * SLUICE_MAX_SITES + site),
			sizeof(*stats));
	add_per_cpu(m, direction == SLUICE_IN ? DATA_MAP_SITE_IN_STATS : DATA_MAP_SITE_OUT_STATS,
		site, stats, sizeof(*stats));

	ring_loss_count(lost, &m->pool[direction], &stats->offered, accounted(stats));
	stats->ring_full.packets += lost->lost.packets;
	stats->ring_full.bytes += lost->lost.bytes;
}

static void count_waiting(struct maps *m)
{
	const struct shared *rows = &m->worker_stats[SLUICE_OUT];
	uint32_t control = rows->entries / SLUICE_MAX_SITES - 1;

	for (uint32_t i = 0; i < m->tunnel_stats.entries; i++) {
		struct tunnel_stats *t = row(&m->tunnel_stats, i);
		uint32_t site = i % SLUICE_MAX_TUNNELS / TUNNELS_PER_SITE;
		struct site_stats *last = row(rows, control * SLUICE_MAX_SITES + site);

		add_words(&last->internal, &t->waiting, sizeof(t->waiting));
		t->waiting = (struct traffic){0};
	}
}

void maps_workers_ended(struct maps *m)
{
	const struct shared *rows = &m->worker_stats[SLUICE_IN];
	uint32_t control = rows->entries / SLUICE_MAX_SITES - 1;

	for (uint32_t site = 0; site < SLUICE_MAX_SITES; site++) {
		struct site_stats s, *last = row(rows, control * SLUICE_MAX_SITES + site);
		uint64_t sum, bytes;

		maps_site_stats(m, SLUICE_IN, site, &s);
		sum = accounted(&s);
		bytes = accounted_bytes(&s);
		if (s.offered.packets <= sum)
			continue;
		last->internal.packets += s.offered.packets - sum;
		if (s.offered.bytes > bytes)
			last->internal.bytes += s.offered.bytes - bytes;
	}
	count_waiting(m);
}

bool maps_offered(struct maps *m, enum sluice_direction direction, uint32_t around, uint64_t *bytes,
	uint32_t count)
{
	int fd = bpf_plane_map_fd(m->plane,
		direction == SLUICE_IN ? DATA_MAP_SITE_IN_STATS : DATA_MAP_SITE_OUT_STATS);
	uint32_t keys[BATCH], last;

	for (uint32_t at = 0; at < count; at += BATCH) {
		uint32_t n = count - at < BATCH ? count - at : BATCH, before = at - 1;

		/* ENOENT: the end of the map was reached, and n says how many there were. */
		if (bpf_map_lookup_batch(
			    fd, at ? &before : NULL, &last, keys, m->per_cpu, &n, NULL) &&
			errno != ENOENT)
			return false;
		for (uint32_t i = 0; i < n; i++) {
			const struct site_stats *s = m->per_cpu + (size_t)i * (size_t)m->cpus;

			bytes[at + i] = 0;
			for (int cpu = 0; cpu < m->cpus; cpu++)
				bytes[at + i] +=
					s[cpu].offered.bytes + s[cpu].offered.packets * around;
		}
	}
	return true;
}

void maps_outside_stats(struct maps *m, struct outside_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	add_per_cpu(m, DATA_MAP_OUTSIDE_DROPS, 0, stats, sizeof(*stats));
}

void maps_inside_stats(struct maps *m, struct inside_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	add_per_cpu(m, DATA_MAP_INSIDE_DROPS, 0, stats, sizeof(*stats));
}

void maps_worker_stats(struct maps *m, uint32_t worker, struct worker_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (worker < m->workers.entries)
		add_words(stats, row(&m->workers, worker), sizeof(*stats));
}

static void later(__u64 *latest, const __u64 *t)
{
	__u64 v = __atomic_load_n(t, __ATOMIC_RELAXED);

	if (v > *latest)
		*latest = v;
}

void maps_tunnel_stats(struct maps *m, uint32_t tunnel, struct tunnel_stats *stats)
{
	uint32_t rows = m->tunnel_stats.entries / SLUICE_MAX_TUNNELS;

	memset(stats, 0, sizeof(*stats));
	for (uint32_t w = 0; w < rows; w++) {
		const struct tunnel_stats *t =
			row(&m->tunnel_stats, w * SLUICE_MAX_TUNNELS + tunnel);

		add_words(&stats->in, &t->in, sizeof(t->in));
		add_words(&stats->out, &t->out, sizeof(t->out));
		add_words(&stats->control_in, &t->control_in, sizeof(t->control_in));
		add_words(&stats->control_out, &t->control_out, sizeof(t->control_out));
		add_words(&stats->waiting, &t->waiting, sizeof(t->waiting));
		later(&stats->last_in_ns, &t->last_in_ns);
		later(&stats->last_out_ns, &t->last_out_ns);
	}
}

void maps_strange_session(struct maps *m, uint32_t tunnel, struct strange_session *s)
{
	int fd = bpf_plane_map_fd(m->plane, DATA_MAP_STRANGE_SESSIONS);

	if (bpf_map_lookup_elem(fd, &tunnel, s))
		*s = (struct strange_session){0};
}

void maps_inside_ring_drops_set(struct maps *m, uint64_t packets)
{
	m->inside_ring_drops = packets;
}

void maps_ring_drops_look(struct maps *m)
{
	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		ring_pool_look(&m->pool[d], kernel_ring_drops(m, (enum sluice_direction)d));
}
