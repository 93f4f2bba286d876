/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The groups of this host, by their names. Who knows them may be a directory service that does not answer: so a thread
 * asks, and hub goes on with what it was told last.
 */
#ifndef SLUICE_HUB_API_GROUPS_H
#define SLUICE_HUB_API_GROUPS_H

#include "config/config.h"

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

struct groups;

/* `changed` is called from the loop when names are other groups than before, or are known for the first time. */
struct groups *groups_new(void (*changed)(void *context), void *context);
void groups_free(struct groups *g);

/* Asks for those that the configuration names. */
void groups_look_up(struct groups *g, struct event_base *base, const struct access_conf *conf);
bool groups_are_looked_up(const struct groups *g); /* now */

enum group_known {
	GROUP_UNKNOWN, /* nobody has answered yet */
	GROUP_NONE,
	GROUP_FOUND,
};
enum group_known groups_find(const struct groups *g, const char *name, gid_t *gid);

#endif
