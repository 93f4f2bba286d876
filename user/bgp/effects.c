/* SPDX-License-Identifier: Apache-2.0 */
/* The effects of a speaker in their order, and what spreads its timers. */
#include "bgp/peer.h"

#include <stdlib.h>
#include <string.h>

static void effects_grow(struct bgp *b)
{
	size_t size = b->effects_size ? b->effects_size * 2 : 64;
	struct bgp_effect *effects = malloc(size * sizeof(*effects));

	if (!effects)
		abort();
	for (size_t i = 0; i < b->effects_count; i++)
		effects[i] = b->effects[(b->effects_first + i) % b->effects_size];
	free(b->effects);
	b->effects = effects;
	b->effects_size = size;
	b->effects_first = 0;
}

/* The part of an effect that its type uses: routes are many, and texts are long. */
static size_t effect_size(enum bgp_effect_type type)
{
	return type == BGP_EFFECT_ROUTE
		       ? offsetof(struct bgp_effect, route) + sizeof(struct bgp_effect_route)
		       : sizeof(struct bgp_effect);
}

struct bgp_effect *speaker_effect(struct bgp *b, enum bgp_effect_type type, uint32_t tunnel)
{
	struct bgp_effect *e;

	if (b->effects_count == b->effects_size)
		effects_grow(b);
	e = &b->effects[(b->effects_first + b->effects_count++) % b->effects_size];
	memset(e, 0, effect_size(type));
	e->type = type;
	e->tunnel = tunnel;
	return e;
}

bool bgp_next_effect(struct bgp *b, struct bgp_effect *e)
{
	if (!b->effects_count)
		return false;
	memcpy(e, &b->effects[b->effects_first], effect_size(b->effects[b->effects_first].type));
	b->effects_count--;
	/* From the start again, so that memory behind the longest queue so far is never touched. */
	b->effects_first = b->effects_count ? (b->effects_first + 1) % b->effects_size : 0;
	return true;
}

uint64_t speaker_jitter(struct bgp *b, uint32_t seconds)
{
	uint64_t ns = seconds * CLOCK_SECOND;

	b->random ^= b->random << 13; /* xorshift64: spreads timers, guards nothing */
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return ns - b->random % (ns / 4 + 1);
}

uint32_t speaker_retry_s(const struct bgp *b)
{
	return b->config.connect_retry_s ? b->config.connect_retry_s : CONNECT_RETRY_S;
}
