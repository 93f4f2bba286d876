/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice secret set`, `sluice secret show`: over hub's own socket, which no other process sees anything of. */
#ifndef SLUICE_TOOL_SECRET_H
#define SLUICE_TOOL_SECRET_H

#include <stdbool.h>

/* Whether it is one of these two, and not one that the daemon's control socket answers. */
bool secret_is_own(const char *word);

/* From its own words on; returns the exit status. */
int secret_main(int argc, char **argv);

#endif
