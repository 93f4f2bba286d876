/* SPDX-License-Identifier: Apache-2.0 */
/* The BFD control packet, RFC 5880 4.1, without authentication: it travels inside of ESP. */
#ifndef SLUICE_BGP_BFD_PACKET_H
#define SLUICE_BGP_BFD_PACKET_H

#include "base/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define BFD_VERSION     1
#define BFD_PACKET_SIZE 24
#define BFD_TTL         255 /* RFC 5881 5: sent, and required */

/* The numbers of the wire. */
enum bfd_state {
	BFD_ADMIN_DOWN,
	BFD_DOWN,
	BFD_INIT,
	BFD_UP,
	BFD_STATES,
};

enum bfd_diag {
	BFD_DIAG_NONE,
	BFD_DIAG_TIME_EXPIRED,
	BFD_DIAG_ECHO_FAILED,
	BFD_DIAG_NEIGHBOR_DOWN,
	BFD_DIAG_PLANE_RESET,
	BFD_DIAG_PATH_DOWN,
	BFD_DIAG_CONCATENATED_DOWN,
	BFD_DIAG_ADMIN_DOWN,
	BFD_DIAG_REVERSE_DOWN,
	BFD_DIAGS,
};

struct bfd_packet {
	uint8_t state; /* enum bfd_state */
	uint8_t diag;  /* enum bfd_diag, or what RFC 5880 leaves for later */
	uint8_t multiplier;
	bool poll, final, demand;
	uint32_t mine, yours; /* discriminators */
	uint32_t desired_tx_us, required_rx_us, required_echo_us;
};

/* Why a packet is not taken: the checks of RFC 5880 6.8.6 that need no session. */
enum bfd_verdict {
	BFD_FINE,
	BFD_BAD_VERSION,
	BFD_BAD_LENGTH,
	BFD_BAD_MULTIPLIER,
	BFD_MULTIPOINT,
	BFD_BAD_MINE,
	BFD_BAD_YOURS,
	BFD_AUTHENTICATED,
	BFD_VERDICTS,
};

/* Reads the payload of a datagram. */
enum bfd_verdict bfd_packet_decode(struct rd r, struct bfd_packet *p);
void bfd_packet_encode(const struct bfd_packet *p, struct wr *w);

/* "Up", "control detection time expired", "unknown version". */
const char *bfd_state_name(unsigned int state);
const char *bfd_diag_name(unsigned int diag);
const char *bfd_verdict_name(enum bfd_verdict verdict);

#endif
