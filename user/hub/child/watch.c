/* SPDX-License-Identifier: Apache-2.0 */
/* What watch reports. */
#include "hub/child/child.h"

#include "base/log.h"
#include "hub/event/event.h"
#include "ipc/msg_watch.h"

static void on_open(void *context, struct imsg *m)
{
	const struct imsg_watch_open *opened = m->payload;

	hub_events_heard(context, opened->newest);
}

static void on_stored(void *context, struct imsg *m)
{
	const struct imsg_watch_stored *stored = m->payload;

	hub_events_stored(context, stored->number);
}

const struct imsg_row watch_reports[] = {
	{IMSG_READY, .take = child_ready},
	{IMSG_WATCH_OPEN, sizeof(struct imsg_watch_open), .take = on_open},
	{IMSG_WATCH_STORED, sizeof(struct imsg_watch_stored), .take = on_stored},
	{.type = IMSG_INVALID},
};
