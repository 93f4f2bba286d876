/* SPDX-License-Identifier: Apache-2.0 */
/* What workers share, without maps and devices, for tests of one of them. */
#ifndef TESTS_UNIT_WORKER_LAB_H
#define TESTS_UNIT_WORKER_LAB_H

#include "../selectors.h"
#include "dataplane/maps.h"
#include "dataplane/worker.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Empty tables, no limits; the caller sets what its test is about. */
static inline struct worker_shared worker_shared_make(struct sadb *sadb)
{
	return (struct worker_shared){.sadb = sadb,
		.inside_mtu = 1500,
		.tunnels = calloc(SLUICE_MAX_TUNNELS, sizeof(struct tunnel_packet_options)),
		.bucket_in = calloc(SLUICE_MAX_TUNNELS, sizeof(struct rate_bucket)),
		.bucket_out = calloc(SLUICE_MAX_TUNNELS, sizeof(struct rate_bucket)),
		.bucket_aggregate = calloc(SLUICE_DIRECTIONS, sizeof(struct rate_bucket)),
		.in_stats = calloc(SLUICE_MAX_SITES, sizeof(struct site_stats)),
		.out_stats = calloc(SLUICE_MAX_SITES, sizeof(struct site_stats)),
		.tunnel_stats = calloc(SLUICE_MAX_TUNNELS, sizeof(struct tunnel_stats)),
		.worker_stats = calloc(2, sizeof(struct worker_stats)),
		.event_fd = open("/dev/null", O_WRONLY)};
}

/* An SA of that tunnel, which takes everything; its key is all zeroes. */
static inline struct esp_params worker_sa_params(uint32_t tunnel)
{
	return (struct esp_params){
		.spi = 0x70000u << SLUICE_SA_INDEX_BITS | tunnel * SLUICE_SA_SLOTS_PER_TUNNEL,
		.cipher = ESP_AES_GCM_16,
		.key_len = 16,
		.replay_window = 64,
		.local = everything(),
		.remote = everything()};
}

static inline void worker_shared_fini(struct worker_shared *s)
{
	close(s->event_fd);
	free((void *)(uintptr_t)s->tunnels);
	free(s->bucket_in);
	free(s->bucket_out);
	free(s->bucket_aggregate);
	free(s->in_stats);
	free(s->out_stats);
	free(s->tunnel_stats);
	free(s->worker_stats);
}

#endif
