/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs of `exec:` references have told. It is kept in memory, because ike wants it each time it starts; a
 * thread asks, and hub's loop goes on meanwhile. All of this is for the loop's thread.
 */
#ifndef SLUICE_HUB_SECRET_EXEC_KEEP_H
#define SLUICE_HUB_SECRET_EXEC_KEEP_H

#include "hub/secret/exec.h"

#include <event2/event.h>

bool exec_is_ref(const char *ref);

/* The secret as a memfd that nobody can change; -1: it was not told, and exec_why() says why. */
int exec_open(const char *ref);
const char *exec_why(const char *ref);

/* Whether it is such a reference, whose program has not answered yet. */
bool exec_is_awaited(const char *ref);

/* Whether its program has answered, and never with a secret. */
bool exec_has_failed(const char *ref);

/*
 * Asks for all that a configuration refers to, or, if not `all`, for what was not told. What it does not refer to is
 * forgotten. `told` hears when they have answered, and may call exec_is_new().
 */
typedef void exec_told(void *context);
void exec_ask(
	struct event_base *base, const struct config *c, bool all, exec_told *told, void *context);

/* Whether the last answer is another one than before. */
bool exec_is_new(const char *ref);

/* The same at once, without a loop; see exec_run(). */
void exec_ask_and_wait(const struct config *c, unsigned int all_within_s);

/* Forgets everything; `told` is not called any more. */
void exec_forget(void);

#endif
