/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that the two halves of the data plane share: the privileged half in `hub` (bpf.h, maps.h,
 * link.h) and the workers in `data` (worker.h).
 */
#ifndef SLUICE_DATAPLANE_H
#define SLUICE_DATAPLANE_H

#define DATAPLANE_ERROR_SIZE 256

/* The BPF maps by number. Those marked D are what the data process needs (IMSG_DATA_MAP). */
enum data_map {
	DATA_MAP_SA_IN,            /* D */
	DATA_MAP_BUCKET_IN,        /* D */
	DATA_MAP_BUCKET_OUT,       /* D */
	DATA_MAP_BUCKET_AGGREGATE, /* D */
	DATA_MAP_SITE_IN_STATS,
	DATA_MAP_SITE_OUT_STATS,
	DATA_MAP_WORKER_IN_STATS,  /* D */
	DATA_MAP_WORKER_OUT_STATS, /* D */
	DATA_MAP_TUNNEL_STATS,     /* D */
	DATA_MAP_WORKERS,          /* D */
	DATA_MAP_OUTSIDE_DROPS,
	DATA_MAP_INSIDE_DROPS,
	DATA_MAP_TUNNELS,
	DATA_MAP_SITES,
	DATA_MAP_SHARES,
	DATA_MAP_ROUTE4,
	DATA_MAP_ROUTE6,
	DATA_MAP_SOURCES4,
	DATA_MAP_SOURCES6,
	DATA_MAP_SERVICES,
	DATA_MAP_STRANGE_SESSIONS,
	DATA_MAP_CLOSED4,
	DATA_MAP_CLOSED6,
	DATA_MAP_XSKS, /* D */
	DATA_MAP_IKE_GUARD,
	DATA_MAP_IKE_SPIS,  /* written by ike */
	DATA_MAP_SELECTORS, /* D */
	DATA_MAP_CPUS,
	DATA_MAP_INTERFACES, /* with kernel ESP only, as are the next */
	DATA_MAP_CREDIT,
	DATA_MAPS,
};

#endif
