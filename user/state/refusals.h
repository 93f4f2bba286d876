/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What failed at a tunnel, as ike has noted it: of each cause how often, since when, and with what words last. A cause
 * that comes again after a pause begins anew; of more causes than there is room for, those of longest ago go.
 */
#ifndef SLUICE_STATE_REFUSALS_H
#define SLUICE_STATE_REFUSALS_H

#include "base/types.h"

#include <stdint.h>

#define REFUSALS_KEPT  4
#define REFUSALS_PAUSE (UINT64_C(600) * 1000000000) /* nanoseconds */

struct refusal {
	char code[REASON_CODE_SIZE];       /* of ike/reason.h; "": the place is free */
	char detail[2 * REASON_TEXT_SIZE]; /* of the last time */
	struct ip_endpoint peer;           /* the same; port 0: none */
	uint32_t count;
	uint64_t first_wall_ns, last_wall_ns;
};

struct refusals {
	struct refusal kept[REFUSALS_KEPT];
};

/* One more. Texts are terminated: whoever takes them from a child has looked. A code that names no failure is left out. */
void refusals_take(struct refusals *r, const char *code, const char *detail,
	const struct ip_endpoint *peer, uint64_t wall_ns);

/* That of a code; NULL: there was none lately. */
const struct refusal *refusals_find(const struct refusals *r, const char *code);

#endif
