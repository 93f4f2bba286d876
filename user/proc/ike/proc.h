/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the ike process: between proc.c, its loop, and effects.c, what the engine wants to be done. */
#ifndef SLUICE_PROC_IKE_PROC_H
#define SLUICE_PROC_IKE_PROC_H

#include "base/log.h"
#include "ike/engine.h"
#include "ipc/datagram.h"
#include "ipc/msg_ike.h"
#include "ipc/msg_sa.h"
#include "proc/ike/checkpoint.h"
#include "proc/ike/credentials.h"
#include "proc/ike/env.h"
#include "proc/ike/hold.h"
#include "proc/ike/messages.h"
#include "proc/ike/secrets.h"
#include "proc/ike/unknown.h"

#define IKE_SOCKETS_MAX 16

struct proc_ike;

struct ike_socket {
	struct proc_ike *proc;
	struct ip_endpoint local;
	int fd;
	struct event *readable; /* NULL: the place is free */
};

struct proc_ike {
	struct event_base *base;
	struct imsg_channel *hub, *data;
	struct engine *engine;
	struct event *timer;
	struct ike_socket sockets[IKE_SOCKETS_MAX];
	struct ike_hold hold;
	struct ike_checkpoint checkpoint;
	struct ike_spis spis;
	struct ike_unknown unknown;
	struct ike_credentials credentials;
	uint64_t saved_generation;
	uint64_t heard, heard_told, heard_told_at; /* datagrams; told: to hub */
	struct datagram_limit slow_esp;
	bool started, stopping, restored;
	int status;
	char sites[IKE_TUNNELS_MAX][SITE_NAME_SIZE];
	bool timer_soon;
	struct ike_secrets secrets;
	struct log_limit limits[IKE_TUNNELS_MAX + 1]; /* the last: of no tunnel */
};

/* effects.c: carries one effect out, and frees it. */
void ike_apply(struct proc_ike *p, struct effect *own_effect);

#endif
