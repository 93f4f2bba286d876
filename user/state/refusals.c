/* SPDX-License-Identifier: Apache-2.0 */
#include "state/refusals.h"

#include "ike/reason.h"

#include <stdio.h>
#include <string.h>

static bool is_failure(const char *code)
{
	for (int r = REASON_NONE + 1; r < REASON_WAITING; r++) {
		if (!strcmp(code, reason_code((enum reason)r)))
			return true;
	}
	return false;
}

static struct refusal *place_of(struct refusals *r, const char *code)
{
	struct refusal *oldest = &r->kept[0];

	for (int i = 0; i < REFUSALS_KEPT; i++) {
		if (!strcmp(r->kept[i].code, code))
			return &r->kept[i];
		if (r->kept[i].last_wall_ns < oldest->last_wall_ns)
			oldest = &r->kept[i];
	}
	return oldest;
}

void refusals_take(struct refusals *r, const char *code, const char *detail,
	const struct ip_endpoint *peer, uint64_t wall_ns)
{
	struct refusal *p;

	if (!is_failure(code))
		return;
	p = place_of(r, code);
	if (strcmp(p->code, code) != 0 || wall_ns > p->last_wall_ns + REFUSALS_PAUSE) {
		memset(p, 0, sizeof(*p));
		p->first_wall_ns = wall_ns;
	}
	snprintf(p->code, sizeof(p->code), "%s", code);
	snprintf(p->detail, sizeof(p->detail), "%s", detail);
	p->peer = *peer;
	p->last_wall_ns = wall_ns;
	if (p->count < UINT32_MAX)
		p->count++;
}

const struct refusal *refusals_find(const struct refusals *r, const char *code)
{
	for (int i = 0; i < REFUSALS_KEPT && code[0]; i++) {
		if (!strcmp(r->kept[i].code, code))
			return &r->kept[i];
	}
	return NULL;
}
