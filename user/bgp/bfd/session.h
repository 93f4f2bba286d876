/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One BFD session, RFC 5880 6.8, asynchronous mode, active role. No sockets and no clock inside:
 * the caller hands in packets and the time (CLOCK_MONOTONIC nanoseconds), and sends what
 * bfd_session_output writes. Demand mode is never asked for, and honoured when the peer asks.
 */
#ifndef SLUICE_BGP_BFD_SESSION_H
#define SLUICE_BGP_BFD_SESSION_H

#include "bgp/bfd/packet.h"

/* RFC 5880 6.8.3: while not Up, no faster than this. */
#define BFD_SLOW_US 1000000u

struct bfd_config {
	uint32_t interval_us; /* both directions; at least 1000 */
	uint8_t multiplier;   /* at least 1 */
};

/* The state variables of RFC 5880 6.8.1. Read freely; changed by the functions below only. */
struct bfd_session {
	struct bfd_config config;
	enum bfd_state state, remote_state;
	enum bfd_diag diag;
	uint32_t local_discriminator, remote_discriminator;
	uint32_t desired_tx_us, required_rx_us; /* as announced */
	uint32_t used_tx_us, used_rx_us; /* in force: a poll may be still to confirm the others */
	uint32_t remote_desired_tx_us, remote_required_rx_us;
	uint8_t remote_multiplier;
	uint8_t remote_diag;
	bool remote_demand;
	bool polling;     /* a poll sequence is under way */
	bool poll_again;  /* and another must follow it */
	bool final_due;   /* a poll of the peer is to be answered */
	bool urgent;      /* the peer does not know our state yet */
	uint64_t send_at; /* next periodic packet */
	uint64_t expire_at;
	uint64_t received_at;
	uint64_t random; /* xorshift state of the jitter */
};

/*
 * What a session that is Up needs to go on in another process, so that the peer notices nothing of the
 * end of this one. It holds for the configuration it was made with.
 */
struct bfd_handover {
	struct bfd_config config;
	uint32_t local_discriminator; /* 0: there is nothing to go on with */
	uint32_t remote_discriminator;
	uint32_t remote_desired_tx_us, remote_required_rx_us;
	uint8_t remote_multiplier;
	uint8_t diag;
	bool remote_demand;
};

/* Starts in Down. The discriminator is unique among sessions and not 0. */
void bfd_session_init(struct bfd_session *s, const struct bfd_config *config,
	uint32_t discriminator, uint64_t random, uint64_t now);

/* Only of a session that is Up on both ends, and whose peer was heard by this process. */
struct bfd_handover bfd_session_handover(const struct bfd_session *s);

/*
 * Goes on in Up, with a packet that is due at once and a whole detection time to hear one: from then on
 * the rules of RFC 5880 decide, whatever the peer says. False, and nothing done, when that cannot be.
 */
bool bfd_session_resume(struct bfd_session *s, const struct bfd_config *config,
	const struct bfd_handover *h, uint64_t random, uint64_t now);

/* New intervals; a poll sequence tells the peer (RFC 5880 6.8.3). */
void bfd_session_configure(struct bfd_session *s, const struct bfd_config *config, uint64_t now);

/* RFC 5880 6.8.16: on: AdminDown, and the peer is told; off: Down, and it starts again. */
void bfd_session_admin_down(struct bfd_session *s, bool on, uint64_t now);

/* Takes a decoded packet that belongs to this session. */
void bfd_session_receive(struct bfd_session *s, const struct bfd_packet *p, uint64_t now);

/* Looks at the detection time. */
void bfd_session_timers(struct bfd_session *s, uint64_t now);

/* Writes a packet when one is due. True: send it, and ask again. */
bool bfd_session_output(struct bfd_session *s, uint64_t now, struct wr *w);

/* When bfd_session_timers and bfd_session_output have something to do. */
uint64_t bfd_session_next(const struct bfd_session *s);

/* RFC 5880 6.8.4, nanoseconds; 0 before the first packet. */
uint64_t bfd_session_detection(const struct bfd_session *s);

/* Time between packets of ours, without jitter; 0: none are wanted. */
uint32_t bfd_session_interval_us(const struct bfd_session *s);

#endif
