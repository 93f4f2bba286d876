/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened. */
#include "view/view.h"

#include "base/date.h"

json_t *view_event(const struct bus_event *e)
{
	char time[DATE_TEXT_SIZE];
	json_t *o = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "number", (json_int_t)e->number,
		"time", date_format_ns(e->wall_ns, time), "kind", bus_kind_names[e->kind],
		"severity", bus_severity_names[e->severity], "reason", e->reason, "detail",
		e->detail);

	if (e->site[0])
		json_object_set_new(o, "site", json_string(e->site));
	if (e->site[0] && e->tunnel >= 0)
		json_object_set_new(o, "tunnel", json_integer(e->tunnel));
	if (e->actor[0])
		json_object_set_new(o, "actor", json_string(e->actor));
	if (e->left_out)
		json_object_set_new(o, "left_out", json_integer(e->left_out));
	return o;
}

json_t *view_others(json_t *others, const struct bus_event *e)
{
	json_t *o = json_object_get(others, e->site);

	if (!o) {
		char time[DATE_TEXT_SIZE];

		o = json_pack("{s:s, s:i, s:s, s:s}", "site", e->site, "events", 0, "first",
			date_format_ns(e->wall_ns, time), "reason", e->reason);
		json_object_set_new(others, e->site, o);
	}
	json_integer_set(
		json_object_get(o, "events"), json_integer_value(json_object_get(o, "events")) + 1);
	return o;
}

json_t *view_events(json_t *own_events, bool more, uint64_t cursor)
{
	return json_pack("{s:o, s:b, s:I}", "events", own_events, "more", more, "cursor",
		(json_int_t)cursor);
}

json_t *view_timeline(const char *site, uint64_t from_ns, uint64_t to_ns, json_t *own_events,
	bool more, const json_t *others, bool others_more)
{
	json_t *list = json_array(), *o;
	const char *name;

	json_object_foreach((json_t *)others, name, o)
		json_array_append(list, o);
	return json_pack("{s:s, s:o, s:o, s:o, s:b, s:o, s:b}", "site", site, "from",
		view_time(from_ns), "to", view_time(to_ns), "events", own_events, "more", more,
		"others", list, "others_more", others_more);
}
