/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of IKE SAs in a memfd of hub, so that an ike process that is restarted continues them.
 * Two slots are written in turn, each with a generation and a checksum: a process killed while it
 * writes leaves the other one whole.
 */
#ifndef SLUICE_PROC_IKE_CHECKPOINT_H
#define SLUICE_PROC_IKE_CHECKPOINT_H

#include "ike/engine.h"

struct ike_checkpoint {
	int fd;              /* -1: none */
	uint64_t generation; /* of the slot written last */
	uint8_t *buffer;
	size_t size;
};

void ike_checkpoint_init(struct ike_checkpoint *c);

/* Takes over own_fd. */
void ike_checkpoint_open(struct ike_checkpoint *c, int own_fd);

/* Writes the engine's state into the older slot. */
void ike_checkpoint_save(struct ike_checkpoint *c, const struct engine *e, uint64_t now);

/*
 * Restores the newest whole slot; false when there is none. Both slots are cleared before, so that
 * a state which makes the process die is tried only once.
 */
bool ike_checkpoint_load(struct ike_checkpoint *c, struct engine *e, uint64_t now);

void ike_checkpoint_close(struct ike_checkpoint *c);

#endif
