/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two devices with one identity, as a copied configuration makes them: each that dials ends the SA of the other
 * one (RFC 7296 2.4, INITIAL_CONTACT), which dials again. Neither is wrong, so only who sees both can tell.
 */
#include "ike/internal.h"

#include <stdio.h>

#define RIVALS_COUNT 3 /* there, back, and there again: one that has moved does not */
#define RIVALS_APART (120 * CLOCK_SECOND) /* what takes longer is no quarrel */

bool rivals_text(const struct tunnel *t, char text[REASON_TEXT_SIZE])
{
	const struct rivals *r = &t->rivals;
	char before[ENDPOINT_STR_SIZE], at[ENDPOINT_STR_SIZE];

	if (!r->told_until)
		return false;
	snprintf(text, REASON_TEXT_SIZE,
		"%s and %s, %u times in %llu s; same identity and key on both?",
		endpoint_format(&r->before, before), endpoint_format(&r->at, at), r->count,
		(unsigned long long)((r->last - r->first) / CLOCK_SECOND));
	return true;
}

void rivals_took(struct engine *e, struct tunnel *t, const struct ip_endpoint *before,
	const struct ip_endpoint *at, uint64_t now)
{
	struct rivals *r = &t->rivals;
	bool again = r->count && now - r->last < RIVALS_APART && endpoint_equal(&r->at, before) &&
		     endpoint_equal(&r->before, at);
	bool noted = again && r->told_until;
	char text[REASON_TEXT_SIZE];

	if (endpoint_equal(before, at))
		return; /* it was started again */
	if (!again)
		*r = (struct rivals){.first = now};
	r->before = *before;
	r->at = *at;
	r->last = now;
	r->count++;
	if (r->count < RIVALS_COUNT)
		return;
	r->told_until = now + RIVALS_APART;
	if (!noted && rivals_text(t, text))
		engine_note(e, t, at, true, REASON_TWO_DEVICES, "%s", text);
}

void rivals_timer(struct engine *e, struct tunnel *t, uint64_t now)
{
	if (!t->rivals.told_until || t->rivals.told_until > now)
		return;
	t->rivals = (struct rivals){0};
	tunnel_report_again(e, t);
}
