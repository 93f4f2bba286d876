/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

void pool_init(struct pool *p, size_t size)
{
	*p = (struct pool){.size = (uint32_t)size, .next = 1};
}

void pool_fini(struct pool *p)
{
	for (uint32_t i = 0; i < p->chunk_count; i++)
		free(p->chunks[i]);
	free(p->chunks);
	*p = (struct pool){0};
}

static void add_chunk(struct pool *p)
{
	if (p->chunk_count == p->chunk_room) {
		p->chunk_room = p->chunk_room ? p->chunk_room * 2 : 16;
		p->chunks = realloc(p->chunks, p->chunk_room * sizeof(*p->chunks));
		if (!p->chunks)
			abort();
	}
	p->chunks[p->chunk_count] = malloc((size_t)p->size << POOL_CHUNK_BITS);
	if (!p->chunks[p->chunk_count++])
		abort();
}

uint32_t pool_take(struct pool *p)
{
	uint32_t number = p->free_first;

	if (number) {
		memcpy(&p->free_first, pool_at(p, number), sizeof(p->free_first));
	} else {
		number = p->next++;
		if (number >> POOL_CHUNK_BITS == p->chunk_count)
			add_chunk(p);
	}
	memset(pool_at(p, number), 0, p->size);
	return number;
}

void pool_give(struct pool *p, uint32_t number)
{
	memcpy(pool_at(p, number), &p->free_first, sizeof(p->free_first));
	p->free_first = number;
}
