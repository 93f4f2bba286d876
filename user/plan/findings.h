/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration leads to that nobody may have meant, or has not seen coming: overlaps, limits that are near, what
 * has no second way, what is weak, what ends. A rule for each kind, in one table. No I/O.
 */
#ifndef SLUICE_PLAN_FINDINGS_H
#define SLUICE_PLAN_FINDINGS_H

#include "plan/finding.h"

/* A side of a plan: a configuration, and what is known with it; NULL: nothing. */
struct findings_of {
	const struct config *config;
	const struct plan_known *known;
};

/* What is to be said of `is`; it is fresh where nothing of the kind is to be said of `was`. For findings_free(). */
struct findings *findings_make(const struct findings_of *was, const struct findings_of *is);
void findings_free(struct findings *f);

#endif
