/* SPDX-License-Identifier: Apache-2.0 */
/* What a router does to packets besides forwarding: lowers an MSS, says that one is too big. */
#ifndef SLUICE_DATAPLANE_ADJUST_H
#define SLUICE_DATAPLANE_ADJUST_H

#include "esp/inner.h"

#include <stdbool.h>
#include <stdint.h>

#define ADJUST_ERROR_MAX 640 /* bytes of an ICMP error made by adjust_too_big */

/* The traffic class of an IP packet: DSCP and, in the low two bits, ECN. */
uint8_t adjust_class(const uint8_t *ip);

/* The ECN field of a packet that passes a congested queue: RFC 3168 5. False: it is not capable. */
bool adjust_congested(uint8_t *ip);

/*
 * RFC 6040 4.2: what the outer header says of congestion goes over into the inner one. False: the
 * packet is to be dropped, because its sender cannot be told in another way.
 */
bool adjust_decapsulated(uint8_t *ip, uint8_t outer_class);

/* Lowers the MSS option of a SYN to `limit` (0: leave it). True when it was changed. */
bool adjust_mss(uint8_t *ip, const struct inner *in, uint16_t limit);

/*
 * Makes the ICMP error for a packet that is larger than mtu: RFC 792 and 1191, RFC 4443 3.2. Its
 * source is the packet's destination, because the data process knows no inside address. Returns its
 * length; 0 when none may be sent: for an ICMP error, a later fragment.
 */
uint32_t adjust_too_big(const uint8_t *ip, uint32_t len, const struct inner *in, uint32_t mtu,
	uint8_t to[ADJUST_ERROR_MAX]);

#endif
