/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of tunnels that carry routes together. TC knows a set by its number, which a route's entry in the
 * trie has. The sets are counted: one keeps its number while a route holds it. A number that is free is given to
 * another set as late as possible.
 */
#ifndef SLUICE_STATE_SHARES_H
#define SLUICE_STATE_SHARES_H

#include "base/types.h"

struct shares;

/* No set has a number yet. */
struct shares *shares_new(void);
void shares_free(struct shares *s);

/* The number of this set; 0: no route holds such a set, or it is empty. */
uint16_t shares_find(const struct shares *s, const struct route_shares *set);

/* Gives the set a free number, which the caller has to hold at once; 0: all are in use. */
uint16_t shares_add(struct shares *s, const struct route_shares *set);

/* The set with this number; number 0 is the empty set. */
const struct route_shares *shares_get(const struct shares *s, uint16_t number);

/* One route more, or one less, has this set. With the last one the number is free. 0 does nothing. */
void shares_hold(struct shares *s, uint16_t number);
void shares_release(struct shares *s, uint16_t number);

#endif
