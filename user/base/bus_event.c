/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bus_event.h"

#include <string.h>

const char *const bus_kind_names[BUS_KINDS + 1] = {
	[BUS_ACTIVITY] = "activity",
	[BUS_BGP] = "bgp",
	[BUS_BFD] = "bfd",
	[BUS_ROUTE] = "route",
	[BUS_CONFIG] = "config",
	[BUS_AUDIT] = "audit",
	[BUS_ALARM] = "alarm",
	[BUS_HEALTH] = "health",
	[BUS_MAINTENANCE] = "maintenance",
	[BUS_CLUSTER] = "cluster",
	[BUS_PROCESS] = "process",
	[BUS_ENDPOINT] = "endpoint",
};

const char *const bus_severity_names[BUS_SEVERITIES + 1] = {
	[BUS_INFO] = "info",
	[BUS_WARNING] = "warning",
	[BUS_ERROR] = "error",
};

bool bus_event_can_be(const struct bus_event *e)
{
	return e->number && e->number < BUS_NUMBER_MAX && e->kind < BUS_KINDS &&
	       e->severity < BUS_SEVERITIES && e->tunnel >= -1 && e->tunnel < TUNNELS_PER_SITE;
}

enum bus_kind bus_kind_find(const char *name)
{
	int kind = 0;

	while (kind < BUS_KINDS && strcmp(bus_kind_names[kind], name) != 0)
		kind++;
	return (enum bus_kind)kind;
}
