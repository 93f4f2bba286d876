/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/budget.h"

/* Its own place, or the one of who has been quiet for longest. */
static unsigned int place_of(const struct budget *b, uint64_t who)
{
	unsigned int place = 0;

	for (unsigned int i = 0; i < BUDGET_USERS && b->users[place].who != who; i++) {
		if (b->users[i].who == who || b->users[i].paid_ns < b->users[place].paid_ns)
			place = i;
	}
	return place;
}

bool budget_has(const struct budget *b, uint64_t who, uint64_t now)
{
	unsigned int place = place_of(b, who);
	uint64_t paid = b->users[place].paid_ns;

	return b->users[place].who != who || paid <= now ||
	       paid - now <= (b->burst - 1) * b->each_ns;
}

void budget_take(struct budget *b, uint64_t who, uint64_t now)
{
	unsigned int place = place_of(b, who);

	if (b->users[place].who != who || b->users[place].paid_ns < now)
		b->users[place].paid_ns = now;
	b->users[place].who = who;
	b->users[place].paid_ns += b->each_ns;
}
