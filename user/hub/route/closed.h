/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the hub's own packets for a site from leaving in clear. While the site's route is there, they go into
 * its tunnel; when it has gone, the kernel takes the next route that fits, often the default route by an outside
 * device. So hub remembers the prefixes that sites have announced and writes them into the maps `closed4` and
 * `closed6`, and TC on the outside devices (bpf/outside.bpf.c) drops what the hub itself sends there. A route
 * that somebody else has by an outside device, of the same prefix or a longer one, is an exception.
 *
 * A prefix is forgotten when its site is removed or an operator releases it. It is also forgotten some time
 * after the site has withdrawn it over a session that is up: after as long as it was known, a day at most. So a
 * mistake of a minute costs a minute, and a prefix that a site had for long stays closed while the site is
 * repaired. A session that goes down withdraws nothing.
 */
#ifndef SLUICE_HUB_ROUTE_CLOSED_H
#define SLUICE_HUB_ROUTE_CLOSED_H

#include "state/model.h"

#include <stddef.h>
#include <stdint.h>

struct hub;
struct closed;

/* Knows no prefix yet. */
struct closed *closed_new(void);
void closed_free(struct closed *c);

/*
 * Remembers a prefix that is routed to the tunnel, or the site's inside address of it; default routes are left
 * out. If the site has more than twice as many as max_prefixes allows in both families, those that it no longer
 * announces are forgotten (logged). TC knows after the next closed_write().
 */
void closed_add(struct hub *h, const struct ip_prefix *prefix, uint32_t tunnel);
/* Forgets all prefixes of the site in this slot, at once. */
void closed_forget_site(struct hub *h, uint32_t slot);
/* Writes to TC what closed_add() has gathered. */
void closed_write(struct hub *h);

/* How many prefixes it has. */
size_t closed_count(const struct closed *c);

/* Once a second: forgets withdrawn prefixes whose time is over. Looks at a part of the table each time. */
void closed_age(struct hub *h, uint64_t now);

/* Forgets a prefix for an operator. NULL, or why not: it is not known, a route leads there, and so on. */
const char *closed_release(struct hub *h, const struct ip_prefix *prefix);

/* Calls visit for each prefix that is closed and has no route now, in no order. */
void closed_each(
	struct hub *h, void (*visit)(void *context, const struct closed_view *v), void *context);

/* Every few seconds: makes exceptions of the routes by outside devices, and of the outer addresses of sites. */
void closed_spare(struct hub *h, uint64_t now);

#endif
