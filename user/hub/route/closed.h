/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prefixes that sites have announced, now or before, for TC on the outside devices. What the hub itself
 * sends there goes by the site's route; when that has gone, the next one that fits may lead to the outside,
 * in clear, and is dropped there (bpf/outside.bpf.c). Another route of the same prefix or of a longer one
 * goes before, as it does before an unreachable one.
 *
 * It ends when the site is removed or an operator says so; and, where the site has withdrawn the prefix
 * and has a BGP session all the time, after as long again as it was known, a day at most. So a mistake of
 * a minute costs a minute, and what a site has had for long stays closed while it is repaired. A
 * session that is down is no withdrawal.
 */
#ifndef SLUICE_HUB_ROUTE_CLOSED_H
#define SLUICE_HUB_ROUTE_CLOSED_H

#include "state/model.h"

#include <stddef.h>
#include <stdint.h>

struct hub;
struct closed;

struct closed *closed_new(void);
void closed_free(struct closed *c);

/*
 * A site's route leads to the tunnel, or it is the site's end of it; default routes are left out. If the
 * site has had more than twice the prefixes that it may have at a time, all that it no longer has are
 * forgotten. closed_write makes sure that TC knows.
 */
void closed_add(struct hub *h, const struct ip_prefix *prefix, uint32_t tunnel);
void closed_forget_site(struct hub *h, uint32_t slot);
void closed_write(struct hub *h);

/* How many prefixes it has. */
size_t closed_count(const struct closed *c);

/* Once a second: looks at some of those without a route, whether they end. */
void closed_age(struct hub *h, uint64_t now);

/* Opens a prefix. NULL, or why not: nothing is closed there, a route leads there, and so on. */
const char *closed_release(struct hub *h, const struct ip_prefix *prefix);

/* Prefixes that what the hub itself sends does not reach now, in no order. */
void closed_each(
	struct hub *h, void (*visit)(void *context, const struct closed_view *v), void *context);

/* Every few seconds: looks which routes others have by the outside devices, and where sites are. */
void closed_spare(struct hub *h, uint64_t now);

#endif
