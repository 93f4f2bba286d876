/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ESP in tunnel mode (RFC 4303) on buffers: seal and open in place, one security association in one
 * direction per object. No clock, no sockets, no locks: a caller with several threads locks.
 */
#ifndef SLUICE_ESP_H
#define SLUICE_ESP_H

#include "base/types.h"
#include "esp/inner.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESP_HEADROOM    32 /* bytes the caller leaves before an inner packet: header and IV */
#define ESP_TAILROOM    64 /* bytes after it: padding, trailer, ICV */
#define ESP_HEADER_SIZE 8
#define ESP_KEY_MAX     32
#define ESP_INTEG_MAX   64
#define ESP_SALT_SIZE   4

/* What became of a packet; each value but ESP_OK and ESP_DUMMY is a reason in struct site_stats. */
enum esp_result {
	ESP_OK,
	ESP_DUMMY,     /* next header 59, RFC 4303 2.6: authentic, to be dropped silently */
	ESP_MALFORMED, /* lengths, padding, next header or inner header */
	ESP_REPLAY,
	ESP_AUTH,
	ESP_SELECTOR, /* RFC 4301 5.2 */
	ESP_SEQUENCE, /* sequence numbers exhausted: RFC 4303 3.3.3 */
};

enum esp_engine {
	ESP_ENGINE_AUTO,     /* the first below that has the cipher on this CPU */
	ESP_ENGINE_VAES,     /* AES-GCM */
	ESP_ENGINE_IPSEC_MB, /* AES-GCM */
	ESP_ENGINE_OPENSSL,
};

struct esp_params {
	uint32_t spi;
	bool outbound;
	uint16_t cipher; /* enum esp_cipher */
	uint16_t integ;  /* enum esp_integ; NONE with GCM */
	bool esn;
	uint16_t replay_window; /* packets; inbound */
	uint16_t key_len;
	uint16_t integ_len;
	uint8_t key[ESP_KEY_MAX];
	uint8_t salt[ESP_SALT_SIZE]; /* GCM */
	uint8_t integ_key[ESP_INTEG_MAX];
	struct selector_set local, remote;
};

struct esp_sa;

/*
 * Copies what it needs; the caller wipes its params. NULL: the algorithms or lengths are not ours,
 * or the engine does not have them here.
 */
struct esp_sa *esp_sa_new(const struct esp_params *p, enum esp_engine engine);

/* Wipes the keys. */
void esp_sa_free(struct esp_sa *sa);

/* "vaes", "ipsec-mb" or "openssl". */
const char *esp_sa_engine(const struct esp_sa *sa);

/*
 * Seals the inner packet at *packet, *len bytes, with ESP_HEADROOM before and ESP_TAILROOM after
 * it. On ESP_OK *packet and *len are the ESP packet; otherwise nothing was changed.
 */
enum esp_result esp_seal(struct esp_sa *sa, uint8_t **packet, uint32_t *len);

/*
 * Opens the ESP packet (from the SPI on) in place. On ESP_OK *packet and *len are the inner packet
 * and *in its headers. On any other result the bytes are worthless.
 */
enum esp_result esp_open(struct esp_sa *sa, uint8_t **packet, uint32_t *len, struct inner *in);

/* A packet of this SA will follow soon: gets what that needs into the cache. Needs no lock. */
void esp_prefetch(const struct esp_sa *sa);

/* A batch of either, in order; each packet has its own result. */
struct esp_packet {
	uint8_t *bytes;
	uint32_t len;
	enum esp_result result;
	struct inner inner; /* after esp_open_batch */
};
void esp_seal_batch(struct esp_sa *sa, struct esp_packet *packets, size_t n);
void esp_open_batch(struct esp_sa *sa, struct esp_packet *packets, size_t n);

/* Bytes of a sealed packet that holds an inner packet of `len`. */
uint32_t esp_sealed_len(const struct esp_sa *sa, uint32_t len);

/* Bytes that are not inner packet when there is no padding: header, IV, trailer, ICV. */
uint32_t esp_overhead(const struct esp_sa *sa);

/* The sequence number last sent, or the highest accepted. */
uint64_t esp_sequence(const struct esp_sa *sa);

/* Sequence numbers left before esp_seal refuses. */
uint64_t esp_sequence_left(const struct esp_sa *sa);

/* Continues after `sequence`: outbound it counts as sent, inbound all up to it as seen. Never goes back. */
void esp_sequence_set(struct esp_sa *sa, uint64_t sequence);

/*
 * Where a process that takes over learns how far another one got: memory that outlives it, written
 * before any packet leaves. Inbound it is the highest number accepted. Outbound numbers are taken
 * ESP_RESERVE at a time, and the last one taken is written: what was not used of them is skipped, so
 * that no nonce repeats. `check` is made of the number and of a tag of the SA: what was written by
 * accident, only half, or by a late packet of the SA that had the place before is not believed.
 */
#define ESP_RESERVE 4096

struct esp_progress {
	uint64_t sequence;
	uint64_t check;
};

/* From now on keeps *at up to date; it must outlive the SA. What *at has is not read. */
void esp_progress_keep(struct esp_sa *sa, struct esp_progress *at, uint64_t tag);

/* Goes on where another process stopped. False when *from cannot be believed. */
bool esp_progress_take(struct esp_sa *sa, const struct esp_progress *from, uint64_t tag);

/*
 * The largest inner packet that fits a path of path_mtu bytes without fragments, 0 when none does.
 * outer_family 4 or 6.
 */
uint32_t esp_inner_mtu(
	uint16_t cipher, uint16_t integ, bool udp_encap, uint8_t outer_family, uint32_t path_mtu);

#endif
