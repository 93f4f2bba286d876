/* SPDX-License-Identifier: Apache-2.0 */
/* The adj-RIBs-out: who was told of a prefix, and what is left of peers that have gone. */
#include "bgp/rib.h"

static bool slot_is_set(const uint64_t slots[RIB_SLOT_WORDS], unsigned int slot)
{
	return slots[slot / 64] >> slot % 64 & 1;
}

static void slot_set(uint64_t slots[RIB_SLOT_WORDS], unsigned int slot, bool value)
{
	uint64_t bit = UINT64_C(1) << slot % 64;

	slots[slot / 64] = value ? slots[slot / 64] | bit : slots[slot / 64] & ~bit;
}

bool rib_was_told(const struct rib *r, const struct rib_prefix *e, const struct rib_peer *p)
{
	if (e->told_count < 2)
		return e->told_count && e->told == p->slot;
	return slot_is_set(pool_at(&r->sets, e->told), p->slot);
}

/* Back from a set to the one slot that is left in it, or to none. */
static void told_shrink(struct rib *r, struct rib_prefix *e)
{
	uint32_t number = e->told;
	const uint64_t *set = pool_at(&r->sets, number);

	e->told = 0;
	for (unsigned int i = 0; i < RIB_SLOT_WORDS; i++) {
		if (set[i])
			e->told = i * 64 + (unsigned int)__builtin_ctzll(set[i]);
	}
	pool_give(&r->sets, number);
}

static void told_add(struct rib *r, struct rib_prefix *e, unsigned int slot)
{
	if (e->told_count == 1) {
		uint32_t number = pool_take(&r->sets);

		slot_set(pool_at(&r->sets, number), e->told, true);
		e->told = number;
	}
	if (e->told_count++)
		slot_set(pool_at(&r->sets, e->told), slot, true);
	else
		e->told = slot;
}

void rib_set_told(struct rib *r, struct rib_prefix *e, struct rib_peer *p, bool told)
{
	struct rib_peer_family *f = &p->family[e->v6 ? BGP_IPV6 : BGP_IPV4];

	if (rib_was_told(r, e, p) == told)
		return;
	if (told) {
		told_add(r, e, p->slot);
		f->prefixes_out++;
		return;
	}
	f->prefixes_out--;
	if (e->told_count > 1)
		slot_set(pool_at(&r->sets, e->told), p->slot, false);
	if (--e->told_count == 1)
		told_shrink(r, e);
}

/* ---- clearing up ---- */

/* Takes the next slots in hand. False: there are none. */
static bool start_sweep(struct rib_table *t)
{
	uint64_t any = 0;

	for (int i = 0; i < RIB_SLOT_WORDS; i++) {
		any |= t->gone_next[i];
		t->gone[i] = t->gone_next[i];
		t->gone_next[i] = 0;
	}
	if (!any)
		return false;
	t->sweeper = rib_add_cursor(t, rib_node(t, t->ends)->after);
	return true;
}

static void forget_gone(struct rib *r, const struct rib_table *t, struct rib_prefix *e)
{
	uint64_t *set;
	uint16_t count = 0;

	if (e->told_count < 2) {
		if (e->told_count && slot_is_set(t->gone, e->told))
			e->told_count = 0;
		return;
	}
	set = pool_at(&r->sets, e->told);
	for (int i = 0; i < RIB_SLOT_WORDS; i++) {
		set[i] &= ~t->gone[i];
		count = (uint16_t)(count + __builtin_popcountll(set[i]));
	}
	e->told_count = count;
	if (count < 2)
		told_shrink(r, e);
}

static bool sweep_table(struct rib *r, struct rib_table *t, unsigned int budget)
{
	uint32_t n, following;

	if (!t->sweeper && !start_sweep(t))
		return false;
	for (n = rib_after(t, t->sweeper); n && budget; n = following, budget--) {
		following = rib_after(t, n);
		forget_gone(r, t, rib_node(t, n));
		rib_collect(r, rib_node(t, n));
	}
	if (n) {
		rib_move_cursor(t, t->sweeper, n);
		return true;
	}
	rib_drop_cursor(t, t->sweeper);
	t->sweeper = 0;
	memset(t->gone, 0, sizeof(t->gone));
	return true;
}

bool rib_sweep(struct rib *r, unsigned int budget)
{
	bool more = false;

	for (int f = 0; f < BGP_FAMILIES; f++)
		more |= sweep_table(r, &r->table[f], budget);
	return more;
}

void rib_slot_taken(struct rib *r, enum bgp_family family, unsigned int slot)
{
	const struct rib_table *t = &r->table[family];

	while (slot_is_set(t->gone, slot) || slot_is_set(t->gone_next, slot))
		rib_sweep(r, UINT32_MAX); /* the bits are about to be used again */
}

void rib_slot_left(struct rib_table *t, unsigned int slot)
{
	slot_set(t->gone_next, slot, true);
}
