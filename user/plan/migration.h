/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving from one site to another one that stands beside it: how far that is, and what may be done next. By then the new
 * one takes over the old one (takes_over, sluice.yaml(5)), so that both may have the same prefixes; what both have goes by
 * the old one first, then by the new one, and then the old one ends. No I/O.
 */
#ifndef SLUICE_PLAN_MIGRATION_H
#define SLUICE_PLAN_MIGRATION_H

#include "state/model.h"

#define MIGRATION_LEFT_MAX 20 /* prefixes that are named */
#define MIGRATION_WHY_SIZE 512

enum migration_state {
	MIGRATION_NONE,     /* not begun */
	MIGRATION_PREPARED, /* the new one may have what the old one has, and stands back */
	MIGRATION_SHIFTED,  /* the old one stands back */
	MIGRATION_STATES,
};

enum migration_step {
	MIGRATION_PREPARE,
	MIGRATION_SHIFT,
	MIGRATION_FINISH,
	MIGRATION_BACK,
	MIGRATION_STEPS,
};

extern const char *const migration_states[MIGRATION_STATES];
extern const char *const migration_steps[MIGRATION_STEPS];

struct migration {
	const struct site *old, *new;
	enum migration_state state;
	uint32_t carries_old, carries_new; /* tunnels that can carry, and with BGP have a session */
	uint32_t prefixes_old, prefixes_new; /* that lead there now */
	uint32_t left_count;                 /* of those of the old one, named */
	struct ip_prefix left[MIGRATION_LEFT_MAX];
};

/* Looks at what is known. */
void migration_look(
	struct migration *g, const struct model *m, const struct site *old, const struct site *new);

/* MIGRATION_STEPS: there is no such step. */
enum migration_step migration_step_named(const char *name);

/* NULL: it may be done; else why not. With `force` also if prefixes would be lost. */
const char *migration_refusal(const struct migration *g, enum migration_step step, bool force,
	char why[MIGRATION_WHY_SIZE]);

#endif
