/* SPDX-License-Identifier: Apache-2.0 */
/* What several documents have in common. */
#include "view/view.h"

#include "base/clock.h"
#include "base/date.h"

json_t *view_time(uint64_t wall_ns)
{
	char text[DATE_TEXT_SIZE];

	return json_string(date_format((int64_t)(wall_ns / CLOCK_SECOND), text));
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
