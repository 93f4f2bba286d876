/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that nobody configured, as ike tells of them. */
#ifndef SLUICE_STATE_UNKNOWN_H
#define SLUICE_STATE_UNKNOWN_H

#include "ike/unknown.h"
#include "ipc/msg_ike.h"

struct unknown_entry {
	uint32_t count; /* of refusals; 0: the place is free */
	struct ip_addr local;
	struct ip_endpoint remote;
	bool proven;
	enum reason reason;
	char detail[REASON_TEXT_SIZE];
	uint64_t first_wall_ns, last_wall_ns;
};

struct unknown_list {
	struct unknown_entry places[UNKNOWN_MAX];
};

/* Takes what a child says: false, and nothing changes, when it cannot be. */
bool unknown_list_take(struct unknown_list *l, const struct imsg_unknown *m);

/* The next ike process begins with none. */
void unknown_list_clear(struct unknown_list *l);

#endif
