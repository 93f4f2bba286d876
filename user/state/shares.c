/* SPDX-License-Identifier: Apache-2.0 */
#include "state/shares.h"

#include "sluice/abi.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(ROUTE_SHARES_MAX == SLUICE_SHARE_TUNNELS, "a set fits the map's value");

struct shares {
	struct {
		struct route_shares set;
		uint32_t holders;  /* 0: the number is free */
	} rows[SLUICE_MAX_SHARES]; /* the first is nobody's */
	uint16_t last;             /* given away last */
	uint16_t top;              /* none above it was ever given away */
};

struct shares *shares_new(void)
{
	struct shares *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	return s;
}

void shares_free(struct shares *s)
{
	free(s);
}

uint16_t shares_find(const struct shares *s, const struct route_shares *set)
{
	for (uint16_t i = 1; set->count && i <= s->top; i++) {
		const struct route_shares *is = &s->rows[i].set;

		if (s->rows[i].holders && is->count == set->count &&
			!memcmp(is->tunnels, set->tunnels, set->count * sizeof(set->tunnels[0])))
			return i;
	}
	return 0;
}

uint16_t shares_add(struct shares *s, const struct route_shares *set)
{
	for (unsigned int i = 1; i < SLUICE_MAX_SHARES; i++) {
		uint16_t n = (uint16_t)(1 + (s->last + i - 1) % (SLUICE_MAX_SHARES - 1));

		if (s->rows[n].holders)
			continue;
		s->rows[n].set = *set;
		s->last = n;
		s->top = n > s->top ? n : s->top;
		return n;
	}
	return 0;
}

const struct route_shares *shares_get(const struct shares *s, uint16_t number)
{
	return &s->rows[number].set;
}

void shares_hold(struct shares *s, uint16_t number)
{
	s->rows[number].holders += number != 0;
}

void shares_release(struct shares *s, uint16_t number)
{
	s->rows[number].holders -= number != 0;
}
