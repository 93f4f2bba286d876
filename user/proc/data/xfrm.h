/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `data` process where the kernel does ESP: it puts SAs and policies into the kernel, and keeps
 * CAP_NET_ADMIN for that, which its seccomp filter leaves to the netlink sockets it has. It has no
 * packet in its hands.
 */
#ifndef SLUICE_PROC_DATA_XFRM_H
#define SLUICE_PROC_DATA_XFRM_H

struct proc_data;

/* From the state that hub sent until the process is to end. Takes over both descriptors. */
int proc_xfrm_run(struct proc_data *d, int own_hub_fd, int own_ike_fd);

#endif
