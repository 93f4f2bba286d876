/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ring_loss.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void ring_pool_look(struct ring_pool *p, uint64_t drops)
{
	/* What was lost before the last look is nobody's: a site would miss it by now. */
	p->left = least(p->left, p->fresh);
	p->fresh = drops > p->drops ? drops - p->drops : 0;
	p->left += p->fresh;
	p->drops = drops;
	p->look++;
}

void ring_loss_count(
	struct ring_loss *l, struct ring_pool *p, const struct traffic *offered, uint64_t accounted)
{
	uint64_t known = accounted + l->lost.packets, missing, lost;

	if (l->look == p->look)
		return;
	missing = offered->packets > known ? offered->packets - known : 0;
	lost = least(least(missing, l->missing), p->left);
	/* A site that was not looked at in between may have packets under way twice. */
	if (l->look + 1 != p->look)
		lost = 0;
	if (lost) {
		p->left -= lost;
		l->lost.packets += lost;
		l->lost.bytes += lost * (offered->bytes / offered->packets);
	}
	l->missing = missing - lost;
	l->look = p->look;
}
