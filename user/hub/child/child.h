/* SPDX-License-Identifier: Apache-2.0 */
/* The children of hub: what they are told, and what they report. */
#ifndef SLUICE_HUB_CHILD_CHILD_H
#define SLUICE_HUB_CHILD_CHILD_H

#include "hub/hub.h"
#include "ipc/table.h"

/* Fills in h->processes: who hears of each child what; starts none. verbose: they log in detail. */
void hub_children_init(struct hub *h, bool verbose);

/* start.c: sends a child that has just started all that it has to know; context is hub. */
void child_start(void *context, struct process *p);

/*
 * configure.c: the options that data or bgp got at its start, as they are now; to api, the listener for metrics, where
 * there is one.
 */
void child_configure(struct hub *h, enum process_role role);

/* ready.c: a child is ready. With the last of them the start is over, and the service manager is told. */
void child_ready(void *context, struct imsg *m);

/* What each child may say, and who takes it; context is hub. */
extern const struct imsg_row ike_reports[], bgp_reports[], data_reports[], api_requests[],
	remote_requests[], watch_reports[];

#endif
