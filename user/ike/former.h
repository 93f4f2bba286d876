/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tunnels that were removed a short time ago. Many devices take a refusal for final, and one whose site
 * comes back with the next change of the configuration would not. So it hears nothing for a while, as
 * if the hub were away. Included by user/ike only.
 */
#ifndef SLUICE_IKE_FORMER_H
#define SLUICE_IKE_FORMER_H

#include "ike/internal.h"

#define FORMER_LIFE (600 * CLOCK_SECOND)
#define FORMER_MAX  IKE_TUNNELS_MAX /* a whole configuration; then the oldest is forgotten */

/* Whom a tunnel was for: its peer's identity at an address of ours. */
struct former {
	TAILQ_ENTRY(former) link;
	struct ip_addr local, peer; /* peer: where it was known to be; family 0: nowhere */
	struct ike_identity id;
	uint64_t until;
};

/* The tunnel is about to be removed, or gets another peer. */
void former_add(struct engine *e, const struct tunnel *t, uint64_t now);
/* This peer is configured (again). */
void former_forget(struct engine *e, const struct engine_tunnel *conf);
/* From a checkpoint: takes it over unless it is over, or somebody has configured the peer meanwhile. */
void former_restore(struct engine *e, const struct former *saved, uint64_t now);
void former_free(struct engine *e);

/* Whoever says this identity at this address of ours had a tunnel until a short time ago. */
bool former_has(const struct engine *e, const struct ip_addr *local, const struct ike_identity *id,
	uint64_t now);
/* Whether a removed tunnel may be that of a peer at this address that has not said yet who it is. */
bool former_at(const struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, uint64_t now);

#endif
