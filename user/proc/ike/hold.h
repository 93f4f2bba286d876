/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer that makes the peer send on a new SA must not leave before the data process accepts it:
 * such datagrams are held until it has confirmed, or for a while at most.
 */
#ifndef SLUICE_PROC_IKE_HOLD_H
#define SLUICE_PROC_IKE_HOLD_H

#include "ike/effect.h"

typedef void ike_hold_transmit(void *context, const struct effect_send *send);

struct ike_hold {
	LIST_HEAD(, waiting_sa) waiting;
	STAILQ_HEAD(, held) held;
	ike_hold_transmit *transmit;
	void *context;
};

void ike_hold_init(struct ike_hold *h, ike_hold_transmit *transmit, void *context);

/* Drops what is held. */
void ike_hold_fini(struct ike_hold *h);

/* An inbound SA that data has not confirmed yet, and when to stop waiting for that. */
void ike_hold_wait(struct ike_hold *h, uint32_t spi_in, uint64_t until);

/* Sends an EFFECT_SEND, now or when its SA is there. Takes over own_effect. */
void ike_hold_send(struct ike_hold *h, struct effect *own_effect);

/* The SA accepts packets, or is gone: what depended on it goes out. */
void ike_hold_installed(struct ike_hold *h, uint32_t spi_in);

/* The same for SAs whose time is up, which is logged; and for all. */
void ike_hold_expire(struct ike_hold *h, uint64_t now);
void ike_hold_release(struct ike_hold *h);

/* When ike_hold_expire() is wanted; UINT64_MAX for never. */
uint64_t ike_hold_next(const struct ike_hold *h);

#endif
