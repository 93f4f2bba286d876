/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key material. A struct secret is wiped when it is done with, compared in constant time, and never
 * printed: no format function exists for it on purpose.
 */
#ifndef SLUICE_BASE_SECRET_H
#define SLUICE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_MAX 256 /* bytes: the largest key, PSK or Diffie-Hellman seed kept in one */

struct secret {
	uint16_t len; /* bytes in use */
	uint8_t bytes[SECRET_MAX];
};

/* Overwrites n bytes in a way the compiler keeps. */
void secret_wipe(void *bytes, size_t n);

/* Copies len bytes in; false (and an empty secret) when they do not fit. */
bool secret_set(struct secret *s, const void *bytes, size_t len);

/* How much of a file of `len` bytes is the secret: a line end, also of a foreign system, is not. */
size_t secret_text_len(const uint8_t *bytes, size_t len);

/* Wipes and empties. */
void secret_clear(struct secret *s);

/* Constant-time comparison of n bytes. */
bool secret_equal(const void *a, const void *b, size_t n);

#endif
