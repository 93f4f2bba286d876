/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that ask the daemon: the verbs of the control socket (ipc/verbs.h), and `top`, which asks two of them. */
#ifndef SLUICE_TOOL_COMMAND_H
#define SLUICE_TOOL_COMMAND_H

#include "ipc/verbs.h"

#include <stdio.h>

/* The command after `c`; NULL: the first one, and at the end NULL. */
const struct verb_row *command_next(const struct verb_row *c);

/* What follows `first` in the words of a command: "" when it is all of them, NULL when they begin otherwise. */
const char *command_word(const struct verb_row *c, const char *first);

/* The command that the first words name; *used: how many of them. */
const struct verb_row *command_find(int words, char **word, int *used);

/* A line for each command. */
void command_usage(FILE *out);

/*
 * For the completion of shells: prints what may stand after these words, a word a line. Names of sites are asked
 * from the daemon; when it cannot be asked there are none.
 */
void command_complete(int words, char **word);

#endif
