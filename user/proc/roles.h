/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main functions of the children. Each gets its channel to hub, sets up what it is told until
 * IMSG_START, drops its privileges, says IMSG_READY and runs until the channel closes or
 * IMSG_SHUTDOWN comes. Returns the exit status.
 */
#ifndef SLUICE_PROC_ROLES_H
#define SLUICE_PROC_ROLES_H

/* The main function of each child; hub_fd is its channel. Returns the exit status. */
int proc_ike_run(int hub_fd);
int proc_bgp_run(int hub_fd);
int proc_data_run(int hub_fd);
int proc_api_run(int hub_fd);
int proc_remote_run(int hub_fd);
int proc_watch_run(int hub_fd);

#endif
