/* SPDX-License-Identifier: Apache-2.0 */
/* OPEN and its capabilities: RFC 4271 4.2, 5492, 4760, 6793, 2918, 4724, 9072. */
#ifndef SLUICE_BGP_OPEN_H
#define SLUICE_BGP_OPEN_H

#include "bgp/message.h"

#include <stdbool.h>
#include <stdint.h>

#define BGP_VERSION   4
#define AS_TRANS      23456 /* RFC 6793 9: stands for an AS that needs four octets */
#define HOLD_TIME_MIN 3     /* seconds; RFC 4271 4.2 */

struct bgp_open {
	uint32_t as; /* of the four-octet capability where there is one */
	uint16_t hold_s;
	uint32_t identifier; /* host order */
	bool family[BGP_FAMILIES];
	bool four_octet_as;
	bool route_refresh;
	bool enhanced_refresh; /* RFC 7313 */
	bool extended_message; /* RFC 8654 */
	/* RFC 4724 3 */
	bool graceful_restart;
	bool restarting;        /* R: it has just started again */
	bool restart_on_notify; /* N, RFC 8538: a NOTIFICATION is no reason to forget */
	uint16_t restart_time_s;
	bool restart_family[BGP_FAMILIES];
	bool forwarding[BGP_FAMILIES]; /* F: it went on forwarding meanwhile */
};

/* Reads the body of an OPEN message. False: *error says what to send. */
bool open_decode(struct rd *body, struct bgp_open *open, struct bgp_notify *error);

/*
 * Checks a peer's OPEN against what the configuration expects: AS and identifiers (RFC 6286 2.2:
 * eBGP identifiers may be equal). False: *error says what to send.
 */
bool open_check(const struct bgp_open *open, uint32_t expected_as, struct bgp_notify *error);

/* Writes a whole OPEN message. */
void open_encode(const struct bgp_open *open, struct wr *w);

#endif
