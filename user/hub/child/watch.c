/* SPDX-License-Identifier: Apache-2.0 */
/* What watch reports. */
#include "hub/child/child.h"

#include "base/clock.h"
#include "base/date.h"
#include "hub/api/events.h"
#include "hub/api/sums.h"
#include "hub/event/alarms.h"
#include "hub/event/event.h"
#include "hub/site/site.h"
#include "ipc/msg_watch.h"

#include <stdio.h>

#define ASIDE_EACH_NS (60 * CLOCK_SECOND) /* between two times that watch may tell it */

static void on_open(void *context, struct imsg *m)
{
	const struct imsg_watch_open *opened = m->payload;

	hub_alarms_begin(context);
	hub_events_heard(context, opened->newest);
	hub_minutes_heard(context);
}

/* Watch could not use its file, as it says: an event says so, and `show dataplane` beside the process. */
static void on_aside(void *context, struct imsg *m)
{
	const struct imsg_watch_aside *aside = m->payload;
	struct hub *h = context;
	struct model_plane *plane = &h->model.plane;
	char text[BUS_DETAIL_SIZE], when[DATE_TEXT_SIZE];
	uint64_t now = clock_now();

	if (plane->aside_ns && now - plane->aside_ns < ASIDE_EACH_NS)
		return;
	plane->aside_ns = now;
	snprintf(text, sizeof(text),
		"the history could not be used (%s); it is set aside, and a new one begins",
		aside->why);
	snprintf(plane->history_aside, sizeof(plane->history_aside), "%s: %s",
		date_format((int64_t)(clock_wall() / CLOCK_SECOND), when), text);
	hub_publish(h, &(struct happening){.kind = BUS_PROCESS,
			       .severity = BUS_ERROR,
			       .reason = "HISTORY_SET_ASIDE",
			       .detail = text});
}

static void on_sampled(void *context, struct imsg *m)
{
	const struct imsg_watch_sampled *sampled = m->payload;

	hub_minutes_stored(context, sampled->count);
}

static void on_stored(void *context, struct imsg *m)
{
	const struct imsg_watch_stored *stored = m->payload;

	hub_events_stored(context, stored->number);
}

static void on_event(void *context, struct imsg *m)
{
	hub_events_one(context, m->payload);
}

static void on_end(void *context, struct imsg *m)
{
	if (!hub_sums_end(context, m->payload))
		hub_events_end(context, m->payload);
}

static const struct imsg_field event_fields[] = {
	IMSG_ENUM(struct imsg_watch_event, event.kind, BUS_KINDS),
	IMSG_ENUM(struct imsg_watch_event, event.severity, BUS_SEVERITIES),
	IMSG_BOOL(struct imsg_watch_event, event.outside),
	IMSG_TEXT(struct imsg_watch_event, event.site),
	IMSG_TEXT(struct imsg_watch_event, event.group),
	IMSG_TEXT(struct imsg_watch_event, event.reason),
	IMSG_TEXT(struct imsg_watch_event, event.detail),
	IMSG_TEXT(struct imsg_watch_event, event.actor),
	{0},
};

static void on_sum(void *context, struct imsg *m)
{
	hub_sums_one(context, m->payload);
}

static void on_points(void *context, struct imsg *m)
{
	hub_sums_points(context, m->payload);
}

static void on_alarm(void *context, struct imsg *m)
{
	hub_alarms_heard(context, m->payload);
}

static const struct imsg_field alarm_fields[] = {
	IMSG_TEXT(struct imsg_alarm, key.rule),
	IMSG_TEXT(struct imsg_alarm, key.site),
	IMSG_ENUM(struct imsg_alarm, state, ALARM_STATES),
	IMSG_BOOL(struct imsg_alarm, gone),
	IMSG_BOOL(struct imsg_alarm, tell),
	IMSG_BOOL(struct imsg_alarm, acknowledged),
	IMSG_TEXT(struct imsg_alarm, by),
	{0},
};

static const struct imsg_field sum_fields[] = {IMSG_TEXT(struct imsg_watch_sum, site), {0}};

static const struct imsg_field aside_fields[] = {IMSG_TEXT(struct imsg_watch_aside, why), {0}};

static const struct imsg_field end_fields[] = {
	IMSG_BOOL(struct imsg_watch_end, failed),
	IMSG_BOOL(struct imsg_watch_end, more),
	{0},
};

const struct imsg_row watch_reports[] = {
	{IMSG_READY, .take = child_ready},
	{IMSG_WATCH_OPEN, sizeof(struct imsg_watch_open), .take = on_open},
	{IMSG_WATCH_ASIDE, sizeof(struct imsg_watch_aside), .fields = aside_fields,
		.take = on_aside},
	{IMSG_WATCH_SAMPLED, sizeof(struct imsg_watch_sampled), .take = on_sampled},
	{IMSG_WATCH_STORED, sizeof(struct imsg_watch_stored), .take = on_stored},
	{IMSG_WATCH_EVENT, sizeof(struct imsg_watch_event), .fields = event_fields,
		.take = on_event},
	{IMSG_WATCH_SUM, sizeof(struct imsg_watch_sum), .fields = sum_fields, .take = on_sum},
	{IMSG_WATCH_POINTS, sizeof(struct imsg_watch_points), .take = on_points},
	{IMSG_ALARM, sizeof(struct imsg_alarm), .fields = alarm_fields, .take = on_alarm},
	{IMSG_WATCH_END, sizeof(struct imsg_watch_end), .fields = end_fields, .take = on_end},
	{.type = IMSG_INVALID},
};
