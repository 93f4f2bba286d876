/* SPDX-License-Identifier: Apache-2.0 */
/* Framing of BGP messages: RFC 4271 4.1 and the header errors of 6.1. */
#ifndef SLUICE_BGP_MESSAGE_H
#define SLUICE_BGP_MESSAGE_H

#include "base/wire.h"
#include "bgp/notify.h"

#include <stdint.h>

#define MESSAGE_HEADER_LEN 19
#define MESSAGE_MAX        4096
#define MESSAGE_EXTENDED   65535 /* RFC 8654: taken when both sides offered it, never sent */

enum message_type {
	MESSAGE_OPEN = 1,
	MESSAGE_UPDATE = 2,
	MESSAGE_NOTIFICATION = 3,
	MESSAGE_KEEPALIVE = 4,
	MESSAGE_ROUTE_REFRESH = 5, /* RFC 2918 */
};

/* Address families; only unicast (SAFI 1) is spoken. Indexes of arrays. */
enum bgp_family {
	BGP_IPV4,
	BGP_IPV6,
	BGP_FAMILIES,
};

#define SAFI_UNICAST 1

struct bgp_message {
	uint8_t type; /* enum message_type */
	uint16_t len; /* bytes of the whole message */
	struct rd body;
};

enum message_result {
	MESSAGE_COMPLETE, /* *m is the message, its first m->len bytes are used up */
	MESSAGE_PARTIAL,  /* more bytes are needed */
	MESSAGE_BAD,      /* *error says what to send */
};

/*
 * Looks for one message at the start of `len` received bytes. `extended`: RFC 8654 was agreed upon.
 * When MESSAGE_PARTIAL and m->len is not 0, that is the length of the message to come.
 */
enum message_result bgp_message_decode(const uint8_t *bytes, size_t len, bool extended,
	struct bgp_message *m, struct bgp_notify *error);

/* Starts a message; returns its place, to be given to bgp_message_end when the body is written. */
size_t bgp_message_begin(struct wr *w, enum message_type type);
void bgp_message_end(struct wr *w, size_t place);

/* A whole KEEPALIVE (RFC 4271 4.4), and a whole NOTIFICATION (4.5), header included. */
void bgp_message_encode_keepalive(struct wr *w);
void bgp_message_encode_notify(struct wr *w, const struct bgp_notify *n);

/* Subtypes of ROUTE-REFRESH, RFC 7313 3.2. */
enum refresh_type {
	REFRESH_REQUEST,
	REFRESH_BEGIN,
	REFRESH_END,
};

/* ROUTE-REFRESH, RFC 2918 3. Decode is false for families that are not spoken. */
void bgp_message_encode_refresh(struct wr *w, enum bgp_family family, enum refresh_type type);
bool bgp_message_decode_refresh(struct rd *body, enum bgp_family *family, uint8_t *type);

/* AFI number of a family, and back; false when the family is not spoken. */
uint16_t family_afi(enum bgp_family family);
bool family_from_afi(uint16_t afi, uint8_t safi, enum bgp_family *family);

#endif
