/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration that was not confirmed in time goes back by itself. */
#ifndef SLUICE_HUB_CONFIRM_H
#define SLUICE_HUB_CONFIRM_H

struct hub;

/* Before revision_begin(). */
void confirm_watch(struct hub *h);

#endif
