/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's rings have lost, site by site. The kernel counts how much a ring had no room for, not whose it was; a
 * site misses what was passed on and has not come out, but part of that is still under way. So a packet is a site's loss
 * when it was missing in two looks one after the other, and a ring has lost one of late that no other site was charged
 * with. What was counted once stays.
 */
#ifndef SLUICE_DATAPLANE_RING_LOSS_H
#define SLUICE_DATAPLANE_RING_LOSS_H

#include "sluice/abi.h"

#include <stdint.h>

/* The rings of one direction. */
struct ring_pool {
	uint64_t look;  /* how many there were */
	uint64_t drops; /* of all rings, at the last look */
	uint64_t fresh; /* of these since the look before */
	uint64_t left;  /* packets that no site was charged with yet */
};

/* A site in that direction. */
struct ring_loss {
	uint64_t look;    /* the last one in which it was counted */
	uint64_t missing; /* packets that were missing then */
	struct traffic lost;
};

/* A second has passed: the rings have dropped so many packets since they exist; fewer than before: they are others. */
void ring_pool_look(struct ring_pool *p, uint64_t drops);

/*
 * Once in each look: what the site was offered, and how many packets of it came out or were dropped elsewhere. l->lost
 * never falls; its bytes are those of packets of mean size.
 */
void ring_loss_count(struct ring_loss *l, struct ring_pool *p, const struct traffic *offered,
	uint64_t accounted);

#endif
