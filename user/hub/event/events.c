/* SPDX-License-Identifier: Apache-2.0 */
/* Events of tunnels go into the log of the tunnel that they are of. */
#include "hub/event/event.h"

#include "base/clock.h"
#include "hub/event/eventlog.h"

#include <stdio.h>

void hub_event(struct hub *h, uint32_t tunnel, enum event_kind kind, json_t *own_event)
{
	struct site *site = site_of_tunnel(&h->model, tunnel);
	const struct tunnel_conf *conf = site_tunnel_conf(&h->model, tunnel);
	unsigned int t = tunnel % TUNNELS_PER_SITE;
	char resource[SITE_NAME_SIZE + ADDR_STR_SIZE + 8], text[ADDR_STR_SIZE];
	struct ip_addr local;

	if (!site || !conf->configured) {
		json_decref(own_event);
		return;
	}
	local = config_local_address(h->config, &site->conf, t);
	snprintf(resource, sizeof(resource), "%s.%u_%s", site->conf.name, t,
		addr_format(&local, text));
	eventlog_add(h->events, kind,
		(enum log_form)(kind == EVENT_ACTIVITY ? conf->activity_log : conf->bgp_log),
		&site->events[t][kind], resource, own_event, clock_wall());
}
