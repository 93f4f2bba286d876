/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many small things of one size, named by numbers of 32 bits: half of what pointers take, and none
 * of what an allocator keeps beside each. A thing never moves. Number 0 is nothing. What was given
 * back is taken again first; the memory itself stays until pool_fini.
 */
#ifndef SLUICE_BASE_POOL_H
#define SLUICE_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define POOL_CHUNK_BITS 9 /* things of one allocation, as a power of two */

struct pool {
	uint8_t **chunks;
	uint32_t chunk_count, chunk_room;
	uint32_t next;       /* never taken so far */
	uint32_t free_first; /* given back; each holds the number of the next */
	uint32_t size;       /* bytes of a thing */
};

/* `size` is at least 4 and a multiple of the alignment that the things need. */
void pool_init(struct pool *p, size_t size);
void pool_fini(struct pool *p);

/* A thing of zeros. */
uint32_t pool_take(struct pool *p);
void pool_give(struct pool *p, uint32_t number);

static inline void *pool_at(const struct pool *p, uint32_t number)
{
	uint32_t in_chunk = number & ((1u << POOL_CHUNK_BITS) - 1);

	return p->chunks[number >> POOL_CHUNK_BITS] + (size_t)in_chunk * p->size;
}

#endif
