/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether options of a tunnel allow what it has negotiated. The engine asks it before it lets a tunnel go on that gets
 * other options, and a plan before anybody has changed anything: so the one does what the other has said.
 */
#ifndef SLUICE_IKE_ALLOWED_H
#define SLUICE_IKE_ALLOWED_H

#include "base/types.h"

/* An IKE SA. */
struct negotiated_ike {
	uint8_t version; /* 1, 2 */
	struct ip_addr peer;
	bool udp_encap; /* ESP goes in UDP, for a NAT or because it is wanted */
	struct suite_numbers suite;
};

/* `address`: the one that the peer must have; family 0: any. */
bool ike_options_allow(
	const struct ike_options *o, const struct ip_addr *address, const struct negotiated_ike *n);

/* The same of an SA pair that an IKE SA of this version has made. */
bool ike_options_allow_pair(
	const struct ike_options *o, uint8_t version, const struct suite_numbers *suite);

#endif
