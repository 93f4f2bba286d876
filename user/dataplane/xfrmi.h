/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The xfrm interfaces of tunnels, for kernel ESP. Used by `hub`, as root: no key is needed here.
 * Interface of tunnel n: "slS-T" (site slot, 0 or 1), if_id SLUICE_IF_ID + n, above its outside
 * device, so that no route that a site announces draws outer packets into a tunnel. Its queue is
 * fq, which holds a packet until its departure time (xfrm.bpf.c).
 */
#ifndef SLUICE_DATAPLANE_XFRMI_H
#define SLUICE_DATAPLANE_XFRMI_H

#include "dataplane/dataplane.h"
#include "sluice/abi.h"

#include <stdbool.h>
#include <stdint.h>

struct xfrmi;

/* Removes interfaces of ours that a sluiced before this one left. NULL with a sentence in error. */
struct xfrmi *xfrmi_open(char error[DATAPLANE_ERROR_SIZE]);
void xfrmi_close(struct xfrmi *x);

/* Makes the interface and sets it up; the ifindex, or 0 with a sentence in error. */
uint32_t xfrmi_add(struct xfrmi *x, uint32_t tunnel, uint32_t outside_ifindex, const char *site,
	char error[DATAPLANE_ERROR_SIZE]);
void xfrmi_del(struct xfrmi *x, uint32_t ifindex);
bool xfrmi_mtu_set(struct xfrmi *x, uint32_t ifindex, uint32_t mtu);

#endif
