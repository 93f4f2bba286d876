/* SPDX-License-Identifier: Apache-2.0 */
/* Traffic selectors: RFC 7296 3.13, narrowing as in 2.9. */
#ifndef SLUICE_IKE_SELECTORS_H
#define SLUICE_IKE_SELECTORS_H

#include "base/types.h"
#include "base/wire.h"

/*
 * The body of a TS payload. Selectors of unknown types are left out; of more than SELECTORS_MAX the
 * first are kept, which narrowing (2.9) permits. False when the payload is malformed.
 */
bool selectors_decode(const void *body, size_t len, struct selector_set *set);
void selectors_encode(struct wr *w, const struct selector_set *set);

/*
 * The part of `offered` that `allowed` covers, in the order of `allowed`, without duplicates.
 * False when nothing is left.
 */
bool selectors_narrow(const struct selector_set *offered, const struct selector_set *allowed,
	struct selector_set *out);

/* True when every selector of inner lies within one of outer. */
bool selectors_within(const struct selector_set *inner, const struct selector_set *outer);

/* "10.0.0.0/24, ::/0"; cut to size. */
const char *selectors_format(const struct selector_set *set, char *text, size_t size);

/* What the peer offered for both sides, and what is allowed for each; cut to size. */
const char *selectors_refused(const struct selector_set *theirs, const struct selector_set *ours,
	const struct selector_set *their_allowed, const struct selector_set *our_allowed,
	char *text, size_t size);

#endif
