/* SPDX-License-Identifier: Apache-2.0 */
/* Whole numbers in few bytes: 7 bits a byte, the lowest first; the last one has the bit 0x80 clear (LEB128). */
#ifndef SLUICE_BASE_VARINT_H
#define SLUICE_BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define VARINT_SIZE 10 /* bytes at most */

/* Returns how many bytes it is. */
static inline size_t varint_write(uint8_t *to, uint64_t n)
{
	size_t len = 0;

	for (; n >= 0x80; n >>= 7)
		to[len++] = (uint8_t)(n | 0x80);
	to[len++] = (uint8_t)n;
	return len;
}

/* What follows it; NULL: it does not end. */
static inline const uint8_t *varint_read(const uint8_t *at, const uint8_t *end, uint64_t *n)
{
	*n = 0;
	for (unsigned int shift = 0; at < end && shift < 64; shift += 7) {
		*n |= (uint64_t)(*at & 0x7f) << shift;
		if (!(*at++ & 0x80))
			return at;
	}
	return NULL;
}

#endif
