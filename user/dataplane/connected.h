/* SPDX-License-Identifier: Apache-2.0 */
/* What the host is connected to by devices that are not ours: read from the kernel, nothing is kept. */
#ifndef SLUICE_DATAPLANE_CONNECTED_H
#define SLUICE_DATAPLANE_CONNECTED_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Networks of addresses, own addresses and next hops (as hosts), and what is routed to a device without a
 * next hop: of all devices but those in `but` (device numbers). Routes of routing daemons are not looked at:
 * their next hops lie in networks that are here already. Some may stand twice. `max` at most; false: the
 * kernel did not say all, or there are more.
 */
bool connected_list(
	const uint32_t *but, size_t but_count, struct ip_prefix *list, size_t max, size_t *count);

#endif
