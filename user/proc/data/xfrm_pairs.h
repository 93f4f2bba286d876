/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SA pairs that the process of xfrm.h has in the kernel, in XDP's records, and saved for the
 * process after it (data_saved.h).
 */
#ifndef SLUICE_PROC_DATA_XFRM_PAIRS_H
#define SLUICE_PROC_DATA_XFRM_PAIRS_H

#include "dataplane/xfrm.h"
#include "ipc/msg_data.h"
#include "ipc/msg_sa.h"
#include "proc/data/proc.h"

/* A pair as ike gave it, to make it again when its peer has moved. Wiped with the pair. */
struct kernel_pair {
	struct imsg_sa_add add;
	bool sends;            /* its outbound SA is in the kernel */
	bool kept;             /* ike has it too */
	uint64_t replay, auth; /* counted so far */
};

struct proc_xfrm {
	struct proc_data *d;
	struct xfrm *xfrm;
	struct event *readable, *tick;
	struct tunnel_selectors *selectors;
	struct site_stats *in_stats; /* the control thread's rows */
	struct kernel_pair *pairs[SLUICE_SA_ENTRIES];
	uint32_t sas, offloaded; /* as counted last: in the kernel, their crypto in a device */
	struct imsg_data_mode mode;
	uint32_t using[SLUICE_MAX_TUNNELS]; /* inbound SPI of the pair that sends; 0: none */
};

/* What control.h asks of a backend. The outbound SA is put into the kernel with its first use. */
void xfrm_pair_add(struct proc_data *d, const struct imsg_sa_add *a);
bool xfrm_pair_use(struct proc_data *d, uint32_t tunnel, uint32_t spi_out);
void xfrm_pairs_del(struct proc_data *d, uint32_t tunnel, uint32_t spi_in, uint32_t spi_out);
bool xfrm_pair_keep(struct proc_data *d, const struct imsg_sa_keep *k);
void xfrm_pairs_keep_end(struct proc_data *d);
void xfrm_pairs_move(struct proc_data *d, const struct imsg_peer_moved *m);

/* Removes everything of ours from the kernel. And the pair that sends with this SPI, or NULL. */
void xfrm_pairs_flush(struct proc_xfrm *x);
struct kernel_pair *xfrm_pair_find_out(struct proc_xfrm *x, uint32_t tunnel, uint32_t spi_out);

/* At start: what a process before this one left in the kernel and in its records. */
void xfrm_pairs_restore(struct proc_xfrm *x);

#endif
