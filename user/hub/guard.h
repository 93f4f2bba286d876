/* SPDX-License-Identifier: Apache-2.0 */
/* policy.yaml, beside sluice.yaml: which values may be set. */
#ifndef SLUICE_HUB_GUARD_H
#define SLUICE_HUB_GUARD_H

#include "hub/hub.h"

/* Whether it permits what a configuration changes of the one in force. It need not be there. False with a line for each. */
bool hub_guard(const struct hub *h, const struct config *is, char error[CONFIG_ERROR_SIZE]);

/* The same of all that a configuration says, before anything is in force. `path` is that of sluice.yaml. */
bool hub_guard_start(const char *path, const struct config *is, char error[CONFIG_ERROR_SIZE]);

#endif
