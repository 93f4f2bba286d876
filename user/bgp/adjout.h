/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer is told: RFC 4271 9.2, with MRAI 0; changes of one event-loop turn go out together. */
#ifndef SLUICE_BGP_ADJOUT_H
#define SLUICE_BGP_ADJOUT_H

#include "bgp/policy.h"
#include "bgp/rib.h"

/* Room that a writer must have for any one message. */
#define ADJOUT_ROOM MESSAGE_MAX

struct adjout {
	struct rib *rib;
	const struct policy *policy;
	struct rib_peer *peer;
	bool four_octet_as;
};

/*
 * Writes UPDATEs of a family until the peer knows everything or w has less than ADJOUT_ROOM bytes
 * left; ends the first round with End-of-RIB. True when nothing is left to tell.
 */
bool adjout_fill(const struct adjout *o, enum bgp_family family, struct wr *w);

#endif
