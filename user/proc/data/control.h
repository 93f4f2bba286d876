/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hub and ike say to the running `data` process, for both of its forms: workers (proc.c) and
 * the kernel's ESP (xfrm.c). And what both do before they give up their rights.
 */
#ifndef SLUICE_PROC_DATA_CONTROL_H
#define SLUICE_PROC_DATA_CONTROL_H

#include "ipc/msg_sa.h"
#include "ipc/table.h"
#include "proc/data/proc.h"

/* Who has the SAs. Tunnel numbers in these calls are valid. */
struct data_backend {
	void (*sa_add)(struct proc_data *d, const struct imsg_sa_add *a);

	/* From now on this pair sends for its tunnel. False: there is no such pair. */
	bool (*sa_use)(struct proc_data *d, uint32_t tunnel, uint32_t spi_out);

	/* spi_in, spi_out 0 match every pair of the tunnel. */
	void (*sa_del)(struct proc_data *d, uint32_t tunnel, uint32_t spi_in, uint32_t spi_out);

	/* What ike knows of, one by one; false: it is not here. What it did not name then goes. */
	bool (*sa_keep)(struct proc_data *d, const struct imsg_sa_keep *k);
	void (*sa_keep_end)(struct proc_data *d);

	/* ike followed the peer to a new address (RFC 7296 2.23, RFC 3948). */
	void (*peer_moved)(struct proc_data *d, const struct imsg_peer_moved *m);

	/* Options of packets have changed (d->conf). */
	void (*packets_set)(struct proc_data *d);

	/* ESP that came to ike's socket, with its bytes behind it. NULL: it is nobody's. */
	void (*esp_slow)(struct proc_data *d, const struct imsg_esp_slow *e);
};

/* Maps a BPF map that hub gave. NULL: it cannot be, which is logged. */
void *data_map(struct proc_data *d, enum data_map which);

/* Libraries open files when first used; afterwards that is no longer allowed. */
bool data_warm_up(struct proc_data *d);

/* Listens to both. own_ike_fd -1: ike comes later. */
void data_control_start(
	struct proc_data *d, const struct data_backend *backend, int own_hub_fd, int own_ike_fd);

#endif
