/* SPDX-License-Identifier: Apache-2.0 */
/* What watch is asked, and what of its answers somebody may see. */
#include "hub/api/events.h"

#include "hub/event/event.h"

#include <string.h>

uint32_t event_query_id(struct hub *h)
{
	if (!++h->event_query)
		h->event_query = 1;
	return h->event_query;
}

bool event_is_seen(const struct hub *h, const struct asker *asker, const struct bus_event *e)
{
	const struct site *site;

	if (asker_may(asker, MAY_VIEW, ""))
		return true;
	site = e->site[0] ? site_find(&h->model, e->site) : NULL;
	return site && asker_may(asker, MAY_VIEW, site->conf.group) &&
	       asker_may(asker, MAY_VIEW, e->group);
}

static void add_name(char names[WATCH_SITES_MAX][SITE_NAME_SIZE], uint32_t *count, const char *name)
{
	if (*count < WATCH_SITES_MAX)
		strncpy(names[(*count)++], name, SITE_NAME_SIZE);
}

/* Those that are asked for. False: there are none that who asks may see. */
static bool choose_sites(struct hub *h, const struct asker *asker, const char *site,
	char names[WATCH_SITES_MAX][SITE_NAME_SIZE], uint32_t *count)
{
	const struct model *seen = access_seen_by(h, asker);

	*count = 0;
	if (site[0]) {
		add_name(names, count, site);
		return true;
	}
	if (seen == &h->model)
		return true;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (seen->sites[i])
			add_name(names, count, seen->sites[i]->conf.name);
	}
	return *count;
}

bool event_query_send(struct hub *h, const struct asker *asker, const char *site,
	const struct imsg_watch_query *query)
{
	static char names[WATCH_SITES_MAX][SITE_NAME_SIZE];
	struct imsg_watch_query q = *query;
	struct process *watch = &h->processes[PROCESS_WATCH];

	memset(names, 0, sizeof(names));
	if (!choose_sites(h, asker, site, names, &q.sites) || !watch->channel)
		return false;
	hub_events_send(h);
	imsg_send_bytes(watch->channel, IMSG_WATCH_QUERY, &q, sizeof(q), names,
		q.sites * (size_t)SITE_NAME_SIZE);
	return true;
}
