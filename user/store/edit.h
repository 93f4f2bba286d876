/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes a document of a person where it has to be changed, and leaves all else as it was written: comments, order,
 * blank lines. Pure.
 */
#ifndef SLUICE_STORE_EDIT_H
#define SLUICE_STORE_EDIT_H

#include "store/tree.h"

#define EDIT_WHY_SIZE 160

/*
 * A text, malloc'ed, that says what `tree` says, out of one that says something else. NULL with a sentence, and in
 * *line where: it is written in a way that this function cannot change without a loss.
 */
char *edit_text(const char *text, size_t len, const json_t *tree, size_t *new_len,
	unsigned int *line, char why[EDIT_WHY_SIZE]);

#endif
