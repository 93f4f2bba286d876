/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/ike/unknown.h"

#include "base/clock.h"
#include "ipc/msg_ike.h"

#include <string.h>

uint64_t ike_unknown_next(const struct ike_unknown *u, const struct engine *e)
{
	return engine_unknown_changed(e) ? u->told_at + CLOCK_SECOND : UINT64_MAX;
}

void ike_unknown_tell(
	struct ike_unknown *u, struct engine *e, struct imsg_channel *hub, uint64_t now)
{
	const struct unknown_device *d;
	uint64_t wall = clock_wall();
	uint32_t at = UINT32_MAX;

	if (now < ike_unknown_next(u, e))
		return;
	u->told_at = now;
	while ((d = engine_unknown_next(e, &at))) {
		struct imsg_unknown m = {.place = at,
			.count = d->count,
			.local = d->local,
			.remote = d->remote,
			.proven = d->proven,
			.reason = (uint16_t)d->reason,
			.first_wall_ns = wall - (now - d->first),
			.last_wall_ns = wall - (now - d->last)};

		memcpy(m.detail, d->detail, sizeof(m.detail));
		imsg_send(hub, IMSG_UNKNOWN, -1, &m, sizeof(m));
	}
}
