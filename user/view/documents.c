/* SPDX-License-Identifier: Apache-2.0 */
/* What several documents have in common. */
#include "view/view.h"

#include "base/clock.h"

#include <time.h>

json_t *view_time(uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / CLOCK_SECOND);
	char text[40];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	return json_string(text);
}

json_t *view_number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

void view_each_site(const struct model *m, const struct site *site,
	void (*visit)(const struct model *m, const struct site *site, json_t *list), json_t *list)
{
	if (site) {
		visit(m, site, list);
		return;
	}
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (m->sites[i])
			visit(m, m->sites[i], list);
	}
}
