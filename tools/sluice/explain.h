/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_TOOLS_EXPLAIN_H
#define SLUICE_TOOLS_EXPLAIN_H

#include <stdbool.h>

/* Prints what a reason code means and what can be done, or all of them when code is NULL. */
bool explain(const char *code);

#endif
