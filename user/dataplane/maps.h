/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed reads and writes of the BPF maps, for `hub`. Writers set; nothing here resets a counter or
 * the state of a bucket.
 */
#ifndef SLUICE_DATAPLANE_MAPS_H
#define SLUICE_DATAPLANE_MAPS_H

#include "base/addr.h"
#include "dataplane/bpf.h"
#include "dataplane/routes.h"
#include "sluice/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a bucket should allow; 0 in the first or the last: no such limit. */
struct bucket_rate {
	uint64_t bits_per_second;
	uint64_t burst_bytes; /* 0: 20 ms of the rate, but at least 64 KiB */
	uint64_t packets_per_second;
};

/* A rate bucket's constants from a rate; tat words become 0. For maps and tests. */
struct rate_bucket bucket_make(const struct bucket_rate *rate);

struct maps;

/* Maps what can be mapped. The plane must outlive it. NULL when that fails. */
struct maps *maps_new(const struct bpf_plane *plane);
void maps_free(struct maps *m);

/*
 * Limits of a site, of a tunnel that has its own, and of the whole concentrator. At once, under traffic,
 * without a gap.
 */
void maps_site_rate_set(struct maps *m, enum sluice_direction direction, uint32_t site,
	const struct bucket_rate *rate);
void maps_tunnel_rate_set(struct maps *m, enum sluice_direction direction, uint32_t tunnel,
	const struct bucket_rate *rate);
void maps_aggregate_rate_set(
	struct maps *m, enum sluice_direction direction, const struct bucket_rate *rate);

/* How much of the burst of the concentrator's bucket is used up: 0 to 1. */
double maps_aggregate_used(const struct maps *m, enum sluice_direction direction, uint64_t now);

/*
 * Adds or replaces the route of a prefix; `share` other than 0 spreads flows over the tunnels of that
 * set. False when the trie is full.
 */
bool maps_route_set(
	struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share);

/* Before routes have its number: which tunnels it is. */
bool maps_share_set(struct maps *m, uint32_t share, const struct route_share *value);

/* False when there was none. */
bool maps_route_del(struct maps *m, const struct ip_prefix *prefix);

/* The same for many; those that failed are marked, and their number is returned. */
size_t maps_routes_set(struct maps *m, struct fib_route *routes, size_t count);
size_t maps_routes_del(struct maps *m, struct fib_route *routes, size_t count);

/* Where the hub itself sends nothing in clear, and with tunnel SLUICE_NOT_CLOSED where it may. */
size_t maps_closed_set(struct maps *m, struct fib_route *prefixes, size_t count);
size_t maps_closed_del(struct maps *m, struct fib_route *prefixes, size_t count);

/* Whether the trie has the prefix, or a shorter one around it, and it leads there. */
bool maps_route_leads(
	struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share);

/* Longest match, as TC does it. */
bool maps_route_lookup(struct maps *m, const struct ip_addr *address, uint32_t *tunnel);

/* A tunnel's record: `up` opens and closes it for TC, inner_mtu and mss as negotiated. */
bool maps_tunnel_set(struct maps *m, uint32_t tunnel, const struct tunnel_record *record);

/* A site's name; NULL removes it. */
bool maps_site_set(struct maps *m, uint32_t site, const char *name, uint32_t asn);

/*
 * Sums over CPUs and workers. What rings have lost, as maps_ring_drops_look() has found, is in ring_full (ring_loss.h).
 * They only grow.
 */
void maps_site_stats(
	struct maps *m, enum sluice_direction direction, uint32_t site, struct site_stats *stats);

/*
 * Inner bytes offered by each of the first `count` sites, as the BPF program counted them, and
 * `around` more for each packet.
 */
bool maps_offered(struct maps *m, enum sluice_direction direction, uint32_t around, uint64_t *bytes,
	uint32_t count);

/*
 * No worker runs: packets that XDP had passed on, and those in the pacing wheel, were lost with its
 * memory. They are counted as `internal`. What waits in the inside device is left for the next one.
 */
void maps_workers_ended(struct maps *m);

/* Sums over all CPUs since the maps were made; of a worker, what it counts itself. */
void maps_outside_stats(struct maps *m, struct outside_stats *stats);
void maps_inside_stats(struct maps *m, struct inside_stats *stats);
void maps_worker_stats(struct maps *m, uint32_t worker, struct worker_stats *stats);

/* Sums over workers; the times are the latest of them. */
void maps_tunnel_stats(struct maps *m, uint32_t tunnel, struct tunnel_stats *stats);

/* What came of BGP or BFD between other addresses than the tunnel's ends; at_ns 0: nothing has. */
void maps_strange_session(struct maps *m, uint32_t tunnel, struct strange_session *s);

/* Packets the kernel dropped because a TAP queue was full, from the inside device's counters. */
void maps_inside_ring_drops_set(struct maps *m, uint64_t packets);

/* Once a second: what rings have lost since is counted by the next maps_site_stats() of each site. */
void maps_ring_drops_look(struct maps *m);

#endif
