/* SPDX-License-Identifier: Apache-2.0 */
/* NOTIFICATION: RFC 4271 4.5 and 6, RFC 4486 (Cease), RFC 6608 (FSM), RFC 9003 (shutdown text). */
#ifndef SLUICE_BGP_NOTIFY_H
#define SLUICE_BGP_NOTIFY_H

#include "base/wire.h"

#include <stdint.h>

#define NOTIFY_DATA_MAX  258 /* bytes of data kept and sent; longer data of a peer is cut */
#define NOTIFY_TEXT_SIZE 200
#define SHUTDOWN_TEXT    255 /* bytes at most: RFC 9003 2 */

enum notify_code {
	NOTIFY_NONE = 0,
	NOTIFY_HEADER = 1,
	NOTIFY_OPEN = 2,
	NOTIFY_UPDATE = 3,
	NOTIFY_HOLD_TIMER = 4,
	NOTIFY_FSM = 5,
	NOTIFY_CEASE = 6,
	NOTIFY_REFRESH = 7,   /* RFC 7313 */
	NOTIFY_SEND_HOLD = 8, /* RFC 9687 */
};

enum notify_header {
	HEADER_NOT_SYNCHRONIZED = 1,
	HEADER_BAD_LENGTH = 2,
	HEADER_BAD_TYPE = 3,
};

enum notify_open {
	OPEN_BAD_VERSION = 1,
	OPEN_BAD_PEER_AS = 2,
	OPEN_BAD_IDENTIFIER = 3,
	OPEN_BAD_PARAMETER = 4,
	OPEN_BAD_HOLD_TIME = 6,
	OPEN_BAD_CAPABILITY = 7,
};

enum notify_update {
	UPDATE_MALFORMED_LIST = 1,
	UPDATE_UNKNOWN_WELL_KNOWN = 2,
	UPDATE_MISSING_WELL_KNOWN = 3,
	UPDATE_BAD_FLAGS = 4,
	UPDATE_BAD_LENGTH = 5,
	UPDATE_BAD_ORIGIN = 6,
	UPDATE_BAD_NEXT_HOP = 8,
	UPDATE_BAD_OPTIONAL = 9,
	UPDATE_BAD_NLRI = 10,
	UPDATE_BAD_AS_PATH = 11,
};

enum notify_cease {
	CEASE_MAX_PREFIXES = 1,
	CEASE_SHUTDOWN = 2,
	CEASE_DECONFIGURED = 3,
	CEASE_RESET = 4,
	CEASE_REJECTED = 5,
	CEASE_OTHER_CHANGE = 6,
	CEASE_COLLISION = 7,
	CEASE_RESOURCES = 8,
	CEASE_HARD_RESET = 9, /* RFC 8538 */
	CEASE_BFD_DOWN = 10,  /* RFC 9384 */
};

struct bgp_notify {
	uint8_t code;
	uint8_t subcode;
	uint16_t data_len;
	uint8_t data[NOTIFY_DATA_MAX]; /* of a hard reset: two bytes, then that of what is inside */
};

/* A notification without data. */
struct bgp_notify notify_make(unsigned int code, unsigned int subcode);

/* The same with data, cut to NOTIFY_DATA_MAX. */
struct bgp_notify notify_make_data(
	unsigned int code, unsigned int subcode, const void *data, size_t len);

/* Cease/2 or Cease/4 with a sentence for the other operator (RFC 9003). */
struct bgp_notify notify_make_text(unsigned int subcode, const char *text);

/* The same as a hard reset: it ends graceful restart too (RFC 8538 3.1). */
struct bgp_notify notify_hard(const struct bgp_notify *n);

/* Reads the body of a NOTIFICATION message; false when it is too short. */
bool notify_decode(struct rd *body, struct bgp_notify *n);

/* Writes the body. */
void notify_encode(const struct bgp_notify *n, struct wr *w);

/*
 * "Cease 6/1 (maximum number of prefixes reached)"; returns `text`. What somebody wrote into it follows in
 * quotes, after whose words they are: a peer may repeat what the hub had sent to it. It is printable UTF-8
 * then: other bytes stand as \xNN, and "..." where there was no room for all of it.
 */
const char *notify_format(const struct bgp_notify *n, bool received, char text[NOTIFY_TEXT_SIZE]);

#endif
