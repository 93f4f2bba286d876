/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose identity is it that no tunnel between two addresses has? A device that got another address, is behind
 * another NAT or dials the other address of the hub is known, and operators are to hear which one it is. It
 * itself is refused like any other. Included by user/ike only.
 */
#ifndef SLUICE_IKE_ELSEWHERE_H
#define SLUICE_IKE_ELSEWHERE_H

#include "ike/internal.h"

/*
 * The first tunnel with this identity, wherever it ends, but one between these addresses goes before all others.
 * NULL: none has it.
 */
struct tunnel *elsewhere_find(const struct engine *e, const struct ike_identity *id,
	const struct ip_endpoint *local, const struct ip_endpoint *remote);

/* True when it ends at another address of the hub, or its peer is to have another address. */
bool elsewhere_differs(
	const struct tunnel *t, const struct ip_endpoint *local, const struct ip_endpoint *remote);

/*
 * "it is site store-2 tunnel 0's, whose address is 192.0.2.2". Where both addresses are the right ones, `here`
 * follows instead: what else keeps the tunnel from being the one.
 */
const char *elsewhere_format(const struct tunnel *t, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, const char *here, char text[REASON_TEXT_SIZE]);

#endif
