/* SPDX-License-Identifier: Apache-2.0 */
/* Moves a site out of sluice.yaml, as it is written there, into a document of its own. Pure. */
#ifndef SLUICE_STORE_ADOPT_H
#define SLUICE_STORE_ADOPT_H

#include <stdbool.h>
#include <stddef.h>

#define ADOPT_WHY_SIZE 192

struct adopted {
	char *main, *own; /* malloc'ed: sluice.yaml without the site, and the site */
	size_t main_len, own_len;
};

/*
 * The lines of the site go, with the comments in it and those right above it; all other lines stay. Both texts together
 * have every word of before. False with a sentence, and in *line where: it is written in a way that does not allow it.
 */
bool adopt_text(const char *text, size_t len, const char *site, struct adopted *made,
	unsigned int *line, char why[ADOPT_WHY_SIZE]);

#endif
