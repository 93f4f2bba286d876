/* SPDX-License-Identifier: Apache-2.0 */
/* The internet checksum (RFC 1071), summed 32 bytes at a time. */
#ifndef SLUICE_DATAPLANE_CHECKSUM_H
#define SLUICE_DATAPLANE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CHECKSUM_BLOCK 32

/* Blocks of 32 bytes: halves of words are added up apart, so that no carry is waited for. */
static inline uint64_t checksum_blocks(const uint8_t *p, size_t blocks)
{
	typedef uint64_t lanes __attribute__((vector_size(16)));
	lanes low[2] = {0}, high[2] = {0}, v[2];

	for (; blocks; blocks--, p += CHECKSUM_BLOCK) {
		memcpy(v, p, CHECKSUM_BLOCK);
		low[0] += v[0] & UINT32_MAX;
		low[1] += v[1] & UINT32_MAX;
		high[0] += v[0] >> 32;
		high[1] += v[1] >> 32;
	}
	low[0] += low[1] + high[0] + high[1];
	return low[0][0] + low[0][1];
}

/*
 * Adds bytes to a running sum. All but the last piece must have even length. The sum is in the
 * machine's byte order: RFC 1071 2(B), it comes out right when stored as it is.
 */
static inline uint64_t checksum_add(uint64_t sum, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t carry =
		__builtin_add_overflow(sum, checksum_blocks(p, len / CHECKSUM_BLOCK), &sum);

	p += len & ~(size_t)(CHECKSUM_BLOCK - 1);
	len %= CHECKSUM_BLOCK;
	while (len >= 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		carry += __builtin_add_overflow(sum, v, &sum);
		p += 8;
		len -= 8;
	}
	if (len) {
		uint64_t v = 0;

		memcpy(&v, p, len);
		carry += __builtin_add_overflow(sum, v, &sum);
	}
	carry = __builtin_add_overflow(sum, carry, &sum);
	return sum + carry;
}

/* Folds to 16 bits, not complemented. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	return (uint16_t)sum;
}

/* The pseudo header of TCP, UDP and ICMPv6: addresses as they lie in the packet, 4 or 16 bytes each. */
static inline uint64_t checksum_pseudo(
	const uint8_t *addresses, size_t both, uint8_t protocol, uint32_t len)
{
	uint8_t tail[8] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
		(uint8_t)len, 0, 0, 0, protocol};

	return checksum_add(checksum_add(0, addresses, both), tail, sizeof(tail));
}

/* Stores a folded, complemented checksum. */
static inline void checksum_store(uint8_t *at, uint64_t sum)
{
	uint16_t v = (uint16_t)~checksum_fold(sum);

	memcpy(at, &v, 2);
}

#endif
