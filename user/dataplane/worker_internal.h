/* SPDX-License-Identifier: Apache-2.0 */
/* What the three files of the worker share. */
#ifndef SLUICE_DATAPLANE_WORKER_INTERNAL_H
#define SLUICE_DATAPLANE_WORKER_INTERNAL_H

#include "base/types.h"
#include "dataplane/coalesce.h"
#include "dataplane/congestion.h"
#include "dataplane/outer.h"
#include "dataplane/pace.h"
#include "dataplane/segment.h"
#include "dataplane/worker.h"

#include <pthread.h>
#include <stdatomic.h>

#define WORKER_BUFFERS     16384 /* packets waiting to leave: bounds the wheel's memory */
#define WORKER_BUFFER_SIZE 2048
#define WORKER_PACKET_MAX  (WORKER_BUFFER_SIZE - ESP_HEADROOM - ESP_TAILROOM)
#define WORKER_PENDING     512
#define WORKER_ERRORS_NS   10000000 /* one ICMP error about a tunnel in this time at most */

/* A packet on its way out, in a buffer of the same number. */
struct outgoing {
	uint32_t tunnel;
	uint16_t len;
	uint16_t units;      /* packets it counts as: 0 for all fragments but the first */
	uint32_t unit_bytes; /* and their bytes */
	bool control;        /* the hub's own routing protocols */
};

struct worker {
	struct worker_shared shared;
	uint32_t index;
	int tap_fd;
	int wake_fd;
	struct xsk *xsks[WORKER_XSKS];
	uint32_t xsk_count;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	uint64_t stats_due; /* when to read the sockets' drop counters; UINT64_MAX: nothing new */
	uint64_t seen_ring_full, seen_fill_empty;
	struct worker_stats *stats;

	/* in */
	struct coalescer coalescer;
	uint32_t unwritten; /* packets in the coalescer */

	/* out */
	uint8_t *frame; /* one super-packet */
	uint8_t *buffers;
	struct outgoing *outgoing;
	uint32_t *free_list;
	uint32_t free_count;
	uint32_t pending[WORKER_PENDING];
	uint32_t pending_count;
	struct pace_wheel wheel;
	struct congestion congestion;
	uint64_t loan; /* bytes borrowed from the aggregate */
	uint64_t last_error_ns[SLUICE_MAX_TUNNELS];
	uint16_t fragment_id; /* the next one that this worker gives */
};

static inline void tally(struct traffic *t, uint64_t packets, uint64_t bytes)
{
	t->packets += packets;
	t->bytes += bytes;
}

/* Rows of this worker; it is the only one that writes them. */
static inline struct site_stats *in_stats(const struct worker *w, uint32_t tunnel)
{
	return &w->shared.in_stats[w->index * SLUICE_MAX_SITES + tunnel / TUNNELS_PER_SITE];
}

static inline struct site_stats *out_stats(struct worker *w, uint32_t tunnel)
{
	return &w->shared.out_stats[w->index * SLUICE_MAX_SITES + tunnel / TUNNELS_PER_SITE];
}

static inline struct tunnel_stats *tunnel_row(const struct worker *w, uint32_t tunnel)
{
	return &w->shared.tunnel_stats[w->index * SLUICE_MAX_TUNNELS + tunnel];
}

static inline struct rate_bucket *bucket_of_tunnel(
	struct worker *w, struct rate_bucket *buckets, uint32_t tunnel)
{
	return &buckets[bucket_of(tunnel, w->shared.tunnels[tunnel].own_limits)];
}

void worker_tell(
	struct worker *w, uint32_t type, const struct sa_pair *p, const struct ip_endpoint *remote);

/* worker_in.c: returns the number of frames taken. */
uint32_t worker_receive(struct worker *w, struct xsk *x, uint64_t now);

/* worker_out.c: packets whose time has come; frames of the inside device. Return the number taken. */
uint32_t worker_release(struct worker *w, uint64_t now);
uint32_t worker_read(struct worker *w, uint64_t now);
void worker_send(struct worker *w, uint64_t now);

#endif
