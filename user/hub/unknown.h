/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that nobody configured, as ike tells of them: what `sluice show unknown` shows. */
#ifndef SLUICE_HUB_UNKNOWN_H
#define SLUICE_HUB_UNKNOWN_H

#include "ipc/imsg.h"
#include "ike/unknown.h"

#include <jansson.h>
#include <stdio.h>

struct unknown_list {
	struct imsg_unknown places[UNKNOWN_MAX]; /* count 0: free */
};

/* Takes what a child says: false, and nothing changes, when it cannot be. */
bool unknown_list_take(struct unknown_list *l, const struct imsg_unknown *m);

/* The next ike process begins with none. */
void unknown_list_clear(struct unknown_list *l);

/* The document of `show unknown`, who came last first; and the metric. */
json_t *unknown_list_show(const struct unknown_list *l);
void unknown_list_metrics(FILE *f, const struct unknown_list *l);

#endif
