/* SPDX-License-Identifier: Apache-2.0 */
/* Events go to watch as it can take them, and are forgotten here when it has them on the disk. */
#include "hub/event/event.h"

#include "base/log.h"
#include "hub/event/eventlog.h"

void hub_events_send(struct hub *h)
{
	const struct bus_event *e;

	if (!h->watch_hears)
		return;
	while ((e = bus_next(eventlog_bus(h->events))))
		process_send(&h->processes[PROCESS_WATCH], IMSG_EVENT, -1, e, sizeof(*e));
}

void hub_events_heard(struct hub *h, uint64_t newest)
{
	struct bus *bus = eventlog_bus(h->events);

	bus_rewind(bus);
	if (!bus_follow(bus, newest))
		log_error("watch: there cannot be an event of number %llu",
			(unsigned long long)newest);
	h->watch_hears = true;
	hub_events_send(h);
}

void hub_events_stored(struct hub *h, uint64_t number)
{
	if (!bus_stored(eventlog_bus(h->events), number))
		log_error("watch: it has stored what it was not told");
	hub_events_send(h);
}

void hub_events_unheard(struct hub *h)
{
	h->watch_hears = false;
	bus_rewind(eventlog_bus(h->events));
}
