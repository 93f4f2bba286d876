/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anti-replay window: RFC 4303 3.4.3, as a ring of words after RFC 6479, but exact: any size
 * from 64 to 2048 is kept to the packet, because the ring is at least one word longer than it.
 */
#ifndef SLUICE_ESP_REPLAY_H
#define SLUICE_ESP_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW_MIN 64
#define REPLAY_WINDOW_MAX 2048
#define REPLAY_WORDS      64 /* a power of two above REPLAY_WINDOW_MAX / 64 */

struct replay {
	uint64_t top; /* highest authenticated sequence number */
	uint32_t window;
	uint32_t mask; /* words in use - 1 */
	uint64_t words[REPLAY_WORDS];
};

/* Sizes outside the limits are brought inside. */
void replay_init(struct replay *r, uint32_t window);

/* False when `sequence` is too old, seen, or 0 (RFC 4303 3.3.3: the first is 1). */
bool replay_fresh(const struct replay *r, uint64_t sequence);

/* Marks a fresh number as seen, after authentication. */
void replay_accept(struct replay *r, uint64_t sequence);

/* Goes on after `sequence`: all up to it counts as seen. Never goes back. */
void replay_continue(struct replay *r, uint64_t sequence);

/* RFC 4303 appendix A2: the 64-bit number that the low half on the wire stands for. */
uint64_t replay_extend(const struct replay *r, uint32_t low);

#endif
