/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps that no program touches: workers write them through shared memory, `hub` reads them. They
 * are BPF maps all the same, so that bpftool shows one picture and they outlive a worker's crash.
 * Rows: worker * SLUICE_MAX_SITES + site and worker * SLUICE_MAX_TUNNELS + tunnel; the last row
 * block is the data process's control thread. Sized for the configured workers before load.
 */
#include "maps.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SHARED_ARRAY(worker_in_stats, struct site_stats, SLUICE_MAX_SITES);
SHARED_ARRAY(worker_out_stats, struct site_stats, SLUICE_MAX_SITES);
SHARED_ARRAY(tunnel_stats, struct tunnel_stats, SLUICE_MAX_TUNNELS);
SHARED_ARRAY(workers, struct worker_stats, SLUICE_MAX_WORKERS + 1);
PLAIN_ARRAY(sites, struct site_record, SLUICE_MAX_SITES);
