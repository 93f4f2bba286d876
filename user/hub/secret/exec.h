/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `exec:/PROGRAM ARGUMENT ...`: a program of root's that prints a secret, for what keeps secrets elsewhere. It runs as a
 * user of its own, without capabilities, environment, terminal or descriptors, and in time; a shell is nowhere. What it
 * has printed is in no message.
 */
#ifndef SLUICE_HUB_SECRET_EXEC_H
#define SLUICE_HUB_SECRET_EXEC_H

#include "base/secret.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

#define EXEC_USER     "sluice-exec"
#define EXEC_WITHIN_S 10
#define EXEC_AT_ONCE  16
#define EXEC_WHY_SIZE 160

struct exec_call {
	char ref[CONFIG_SECRET_REF_SIZE];
	struct secret secret;    /* empty: it was not to be had */
	char why[EXEC_WHY_SIZE]; /* "": it was */
};

/*
 * Waits for all of them; each ends EXEC_WITHIN_S after its start, one way or the other. With `all_within_s` those that are
 * not done then are given up, or were never begun; 0: however long it takes. Any thread may.
 */
void exec_run(struct exec_call *calls, size_t count, unsigned int all_within_s);

/* Another user than EXEC_USER, and another time, for tests. */
void exec_use(const char *user, unsigned int within_s);

#endif
