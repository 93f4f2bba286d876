/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IKE engine: datagrams, timers, commands and news of the data path go in, effects come out.
 * No sockets, no clock, no logging. `now` is any monotonic clock in nanoseconds. The caller drains
 * engine_effect() after every call and calls engine_timer() when engine_next_timer() is reached.
 */
#ifndef SLUICE_IKE_ENGINE_H
#define SLUICE_IKE_ENGINE_H

#include "base/secret.h"
#include "base/types.h"
#include "crypto/trust.h"
#include "ike/effect.h"
#include "ike/unknown.h"

#include <stdint.h>

#define IKE_PORT        500
#define IKE_PORT_NAT    4500
#define IKE_TUNNELS_MAX 2048
#define IKE_SLOTS_MAX   8 /* SA pairs of one tunnel at one time */

/* What becomes of an SPI of ours: whoever guards the sockets lets its messages pass. */
enum engine_spi {
	ENGINE_SPI_GONE,
	ENGINE_SPI_UNFINISHED, /* of a peer that has not authenticated yet */
	ENGINE_SPI_IN_FORCE,
};

/*
 * Where randomness comes from, the time of day (seconds since the epoch, for certificates), and who is
 * told of SPIs.
 */
struct engine_env {
	void *context;
	void (*random)(void *context, void *bytes, size_t len);
	int64_t (*wall)(void *context);                /* NULL: no certificate is accepted */
	bool (*spi_free)(void *context, uint64_t spi); /* false: better another one; NULL: any */
	void (*spi_set)(void *context, uint64_t spi, enum engine_spi state); /* NULL: nobody */
};

struct engine_limits {
	uint32_t half_open_max;        /* unfinished negotiations that peers started */
	uint32_t half_open_per_source; /* of one address */
	uint32_t cookie_threshold;     /* from this many on, a cookie is asked for; RFC 7296 2.6 */
	uint32_t spi_index_bits;       /* an inbound SPI's low bits are tunnel * slots + slot */
	uint32_t spi_slots;            /* at most IKE_SLOTS_MAX */
};

/* 512 half-open, 32 per source, cookies from 64, 14 bits of index, 8 slots. */
struct engine_limits engine_limits_default(void);

/* One tunnel's configuration. */
struct engine_tunnel {
	uint32_t number; /* below IKE_TUNNELS_MAX */
	char site[SITE_NAME_SIZE];
	struct ip_addr local;
	struct ip_addr remote; /* family 0: any */
	struct ike_identity local_id, remote_id;
	struct ike_options options;
	struct selector_set local_ts, remote_ts;
	struct secret psk_previous; /* taken beside the PSK; empty: none */
	struct secret ppk;          /* RFC 8784; empty: none, else every peer must have it */
};

enum engine_command {
	ENGINE_REKEY_CHILD = 1,
	ENGINE_REKEY_IKE,
	ENGINE_DOWN,  /* delete, refuse the peer */
	ENGINE_UP,    /* accept again; initiate where startup says so */
	ENGINE_RESET, /* delete, then as after start */
};

struct engine;

/* Without tunnels; copies env and limits. free wipes keys, and tells no peer anything. */
struct engine *engine_new(const struct engine_env *env, const struct engine_limits *limits);
void engine_free(struct engine *e);

/*
 * Adds or changes a tunnel. Times, DPD, replay window and startup change in place. Running SAs stay
 * when the new configuration allows what was negotiated; other identities, secrets or selectors, and
 * addresses, versions or algorithms that do not include those in use, end them.
 */
void engine_tunnel_set(
	struct engine *e, const struct engine_tunnel *conf, const struct secret *psk, uint64_t now);
/*
 * Certificates (RFC 7296 2.15): the authorities that peers are verified against, for all tunnels, and
 * what we show ourselves, by tunnel or for all that have none of their own. Both replace what was
 * before (NULL: nothing) and take over their argument. A new credential leaves running SAs alone; a
 * new trust ends the tunnels whose peer, as far as this process has seen its certificate, is not
 * trusted any more.
 */
#define ENGINE_EVERY_TUNNEL UINT32_MAX
void engine_trust_set(struct engine *e, struct trust *own_trust, uint64_t now);
void engine_credential_set(struct engine *e, uint32_t tunnel, struct credential *own_credential);

/*
 * What the peer of a tunnel authenticated with last; count 0: nothing. It is no part of a checkpoint:
 * whoever restarts the process keeps it and gives it back, so that a revocation finds it.
 */
void engine_peer_chain(const struct engine *e, uint32_t tunnel, struct cert_chain *out);
void engine_peer_chain_set(struct engine *e, uint32_t tunnel, const struct cert_chain *chain);

/* Ends its SAs, tells the peer, and remembers for ten minutes that it was there (former.h). */
void engine_tunnel_remove(struct engine *e, uint32_t tunnel, uint64_t now);

/* Every tunnel is known: begin to initiate where startup says so. */
void engine_start(struct engine *e, uint64_t now);

/* One UDP payload. On local port 4500 it starts with the non-ESP marker (RFC 3948 2.2). */
void engine_datagram(struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, const void *bytes, size_t len, uint64_t now);

/* What an operator wants of a tunnel. What comes of it is told by effects. */
void engine_command(struct engine *e, uint32_t tunnel, enum engine_command c, uint64_t now);

/* Authenticated ESP came from the peer `age_ms` ago: life in the sense of RFC 7296 2.4. */
void engine_activity(struct engine *e, uint32_t tunnel, uint32_t age_ms, uint64_t now);

/* Each pair of SAs that was given out to be installed and is not deleted yet. */
struct engine_pair {
	uint32_t tunnel;
	uint32_t spi_in, spi_out;
	bool in_use; /* outbound packets take it */
};
void engine_pairs(const struct engine *e,
	void (*each)(void *context, const struct engine_pair *pair), void *context);

/* A pair is not installed any more: its tunnel is set up anew, unless the pair was about to go. */
void engine_pair_lost(struct engine *e, uint32_t tunnel, uint32_t spi_in, uint64_t now);

/* The data path runs out of sequence numbers on this SA: rekey it now. */
void engine_sa_expiring(struct engine *e, uint32_t tunnel, uint32_t spi_in, uint64_t now);

/* Authenticated ESP came from a new address. */
void engine_peer_moved(struct engine *e, uint32_t tunnel, uint32_t spi_in,
	const struct ip_endpoint *remote, uint64_t now);

/* Does what is due by now. */
void engine_timer(struct engine *e, uint64_t now);

/* When engine_timer() is wanted; UINT64_MAX for never. */
uint64_t engine_next_timer(const struct engine *e);

/* Says goodbye to every peer. Deletes are sent once, answers are not awaited. */
void engine_shutdown(struct engine *e, uint64_t now);

/* The next effect, owned by the caller (effect_free); NULL when there is none. */
struct effect *engine_effect(struct engine *e);

/* Grows whenever something changed that a checkpoint holds. */
uint64_t engine_generation(const struct engine *e);

/*
 * Writes established SAs into buf; returns the bytes used, 0 when they do not fit. Contains keys,
 * and times of the clock that `now` is on. ENGINE_CHECKPOINT_SIZE(tunnels) always suffices.
 */
#define ENGINE_CHECKPOINT_TUNNEL                                                                   \
	24576                        /* bytes: its IKE SAs with cached messages, and its SA pairs */
#define ENGINE_CHECKPOINT_FORMER 576 /* bytes: one that was removed a short time ago */
#define ENGINE_CHECKPOINT_SIZE(tunnels)                                                            \
	(64 + (size_t)(tunnels)*ENGINE_CHECKPOINT_TUNNEL +                                         \
		(size_t)IKE_TUNNELS_MAX * ENGINE_CHECKPOINT_FORMER)
size_t engine_checkpoint(const struct engine *e, void *buf, size_t size, uint64_t now);

/*
 * Takes over the SAs of a checkpoint whose tunnels are configured; called once, after the tunnels
 * and before engine_start(), with `now` on the same clock. False when it is not a checkpoint; then
 * nothing was taken over.
 */
bool engine_restore(struct engine *e, const void *buf, size_t len, uint64_t now);

/* Devices that nobody configured: has the table changed, and the next entry that has; see unknown.h. */
bool engine_unknown_changed(const struct engine *e);
const struct unknown_device *engine_unknown_next(struct engine *e, uint32_t *at);

/* For tests and displays. */
struct engine_view {
	unsigned int ike_sas;          /* of this tunnel, in any state */
	unsigned int established;      /* of those, usable for new exchanges */
	unsigned int pairs;            /* SA pairs installed, lingering ones included */
	unsigned int live_pairs;       /* neither replaced nor being deleted */
	uint32_t spi_in, spi_out;      /* of the pair in use; 0: none */
	uint64_t ike_spi_i, ike_spi_r; /* of the newest established SA */
};

/* What the engine has of a tunnel, for tests and fuzzing; how many IKE SAs are half-open. */
void engine_look(const struct engine *e, uint32_t tunnel, struct engine_view *v);
unsigned int engine_half_open(const struct engine *e);

#endif
