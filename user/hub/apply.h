/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration. */
#ifndef SLUICE_HUB_APPLY_H
#define SLUICE_HUB_APPLY_H

#include "hub/hub.h"

#include <jansson.h>

/*
 * apply.c: reads the file again and applies the difference: whole, or not at all. Tunnels that end by it
 * leave first (admin.h), so `done` may be called later, once, with a sentence; at most one is under way. `of` is the
 * caller's own, by which `done` knows what it is the answer to. `warnings` is an array of what was warned of meanwhile,
 * such as an own certificate that is over.
 */
typedef void hub_apply_done(
	struct hub *h, uint64_t of, bool ok, const char *summary, const json_t *warnings);
void hub_apply(struct hub *h, hub_apply_done *done, uint64_t of);
/* Of what config_doubts() tells, a line of the log. */
void hub_log_doubt(void *context, const char *text);
/* When hub ends. */
void hub_apply_give_up(struct hub *h);

#endif
