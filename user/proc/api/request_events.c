/* SPDX-License-Identifier: Apache-2.0 */
/* What a request for events says. */
#include "proc/api/request.h"

#include "base/bus_event.h"
#include "base/date.h"
#include "ipc/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *request_kinds(const char *text, uint32_t *kinds)
{
	static const char wrong[] = "activity, bgp, bfd, route, config, audit, alarm, health, "
				    "maintenance, cluster, process or endpoint is expected";
	char copy[256], *rest = copy;

	if (strlen(text) >= sizeof(copy))
		return wrong;
	strcpy(copy, text);
	for (char *word; (word = strsep(&rest, ","));) {
		enum bus_kind kind = bus_kind_find(word);

		if (kind == BUS_KINDS)
			return wrong;
		*kinds |= 1u << kind;
	}
	return NULL;
}

const char *request_time(const char *text, uint64_t *wall_ns)
{
	return date_parse(text, wall_ns) ? NULL
					 : "a time as 2026-11-30T02:13:00Z (RFC 3339) is expected";
}

bool request_stream(const char *accept, const char *last_event_id, struct imsg_api_request *request,
	struct request_refusal *why)
{
	char *end = "";

	if (!accept || !strcasestr(accept, "text/event-stream") ||
		!(verbs[request->verb].options & VERB_EVENTS))
		return true;
	request->stream = true;
	if (!last_event_id || !*last_event_id)
		return true;
	if (last_event_id[0] >= '0' && last_event_id[0] <= '9' && strlen(last_event_id) <= 18)
		request->after = strtoull(last_event_id, &end, 10);
	else
		end = "?";
	if (!*end && request->after <= BUS_NUMBER_MAX)
		return true;
	why->problem = PROBLEM_BAD_REQUEST;
	snprintf(why->detail, sizeof(why->detail),
		"Last-Event-ID: the number of an event is expected");
	return false;
}
