/* SPDX-License-Identifier: Apache-2.0 */
/* A site that stands in sluice.yaml, and not in a document of its own. Pure. */
#ifndef SLUICE_STORE_INSIDE_H
#define SLUICE_STORE_INSIDE_H

#include "store/tree.h"

/* What it says there, and in *line where it begins; NULL: it is not there. */
json_t *inside_read(const char *text, size_t len, const char *site, unsigned int *line);

/* {NAME: the line where it begins} of all that stand there. */
json_t *inside_lines(const char *text, size_t len);

#endif
