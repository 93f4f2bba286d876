/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The different sets of tunnels that routes share, by numbers as TC knows them. A set keeps its
 * number while something holds it; a number that is free goes to another set as late as possible.
 */
#ifndef SLUICE_STATE_SHARES_H
#define SLUICE_STATE_SHARES_H

#include "base/types.h"

struct shares;

struct shares *shares_new(void);
void shares_free(struct shares *s);

/* The number of a set that is held; 0: none is like it, or it is empty. */
uint16_t shares_find(const struct shares *s, const struct route_shares *set);

/* A free number for a set, which is to be held at once; 0: all are in use. */
uint16_t shares_add(struct shares *s, const struct route_shares *set);

/* The set of a number; that of 0 is empty. */
const struct route_shares *shares_get(const struct shares *s, uint16_t number);

/* What is held as often is released as often. 0 may be too. */
void shares_hold(struct shares *s, uint16_t number);
void shares_release(struct shares *s, uint16_t number);

#endif
