/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much each of those who ask has had lately: a number of things at once, and then one at a time. Who has been quiet for
 * longest makes room for another one, so that no number of them takes memory.
 */
#ifndef SLUICE_HUB_API_BUDGET_H
#define SLUICE_HUB_API_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_USERS 64

struct budget {
	unsigned int burst; /* of things at once */
	uint64_t each_ns;   /* after which there is one more */
	struct {
		uint64_t who;     /* asker_number() */
		uint64_t paid_ns; /* when all that it had will have had its time */
	} users[BUDGET_USERS];
};

/* Whether there is one more for it; and that it has had one. */
bool budget_has(const struct budget *b, uint64_t who, uint64_t now);
void budget_take(struct budget *b, uint64_t who, uint64_t now);

#endif
