/* SPDX-License-Identifier: Apache-2.0 */
/* Tells hub of devices that nobody configured: what has changed of the engine's table, once a second. */
#ifndef SLUICE_PROC_IKE_UNKNOWN_H
#define SLUICE_PROC_IKE_UNKNOWN_H

#include "ipc/imsg.h"
#include "ike/engine.h"

struct ike_unknown {
	uint64_t told_at; /* 0: never */
};

/* When ike_unknown_tell() is wanted; UINT64_MAX for never. */
uint64_t ike_unknown_next(const struct ike_unknown *u, const struct engine *e);

/* Nothing happens before it is time. */
void ike_unknown_tell(
	struct ike_unknown *u, struct engine *e, struct imsg_channel *hub, uint64_t now);

#endif
