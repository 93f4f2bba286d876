/* SPDX-License-Identifier: Apache-2.0 */
#include "state/unknown.h"

#include "base/utf8.h"
#include "ipc/msg_ike.h"

#include <string.h>

static bool is_address(const struct ip_addr *a)
{
	return a->family == AF_INET || a->family == AF_INET6;
}

bool unknown_list_take(struct unknown_list *l, const struct imsg_unknown *m)
{
	struct unknown_entry own = {.count = m->count,
		.local = m->local,
		.remote = m->remote,
		.proven = m->proven != 0,
		.reason = (enum reason)m->reason,
		.first_wall_ns = m->first_wall_ns,
		.last_wall_ns = m->last_wall_ns};

	if (m->place >= UNKNOWN_MAX)
		return false;
	if (own.count && (m->reason == REASON_NONE || m->reason >= REASONS ||
				 !is_address(&own.local) || !is_address(&own.remote.addr)))
		return false;
	memcpy(own.detail, m->detail, sizeof(own.detail));
	own.detail[sizeof(own.detail) - 1] = '\0';
	utf8_clean(own.detail);
	l->places[m->place] = own;
	return true;
}

void unknown_list_clear(struct unknown_list *l)
{
	memset(l, 0, sizeof(*l));
}
