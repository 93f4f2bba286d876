/* SPDX-License-Identifier: Apache-2.0 */
/* Shared keys as the ike process gets them from hub: a descriptor, read once. */
#ifndef SLUICE_PROC_IKE_SECRETS_H
#define SLUICE_PROC_IKE_SECRETS_H

#include "ipc/imsg.h"
#include "ike/engine.h"

/* Keys that come before the message about their tunnel. */
struct ike_secrets {
	uint32_t tunnel;
	struct secret ppk, psk_previous;
};

/* Reads a key; one line end does not belong to it. Closes own_fd. */
bool ike_secret_read(int own_fd, struct secret *out);

/* IMSG_IKE_PPK and IMSG_IKE_PSK_PREVIOUS. */
void ike_secrets_take(struct ike_secrets *s, enum imsg_type type, uint32_t tunnel, int own_fd);

/* The tunnel is there: it gets what came for it, and the rest is forgotten. */
void ike_secrets_give(struct ike_secrets *s, struct engine_tunnel *conf);

#endif
