/* SPDX-License-Identifier: Apache-2.0 */
/* Where an event goes. */
#include "hub/event/event.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "hub/event/eventlog.h"

#include <stdio.h>
#include <string.h>

/* Into the log of a tunnel, as its options say. */
static void write_log(struct hub *h, const struct happening *what, uint64_t wall_ns)
{
	const struct tunnel_conf *conf = &what->site->conf.tunnels[what->tunnel];
	char resource[SITE_NAME_SIZE + ADDR_STR_SIZE + 8], text[ADDR_STR_SIZE];
	unsigned int t = (unsigned int)what->tunnel;
	struct ip_addr local;

	local = config_local_address(h->config, &what->site->conf, t);
	snprintf(resource, sizeof(resource), "%s.%u_%s", what->site->conf.name, t,
		addr_format(&local, text));
	eventlog_add(h->events, what->log,
		(enum log_form)(what->log == EVENT_ACTIVITY ? conf->activity_log : conf->bgp_log),
		&what->site->events[t][what->log], resource, what->own_log, wall_ns);
}

static void copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
	utf8_clean(to);
}

void hub_publish(struct hub *h, const struct happening *what)
{
	struct bus_event e = {.wall_ns = clock_wall(),
		.kind = (uint8_t)what->kind,
		.severity = (uint8_t)what->severity,
		.outside = what->outside,
		.tunnel = what->site ? (int8_t)what->tunnel : -1};

	/* A child may tell of what is not there. */
	if (what->site && what->tunnel >= 0 && !what->site->conf.tunnels[what->tunnel].configured) {
		json_decref(what->own_log);
		return;
	}
	if (what->own_log)
		write_log(h, what, e.wall_ns);
	if (what->site) {
		copy(e.site, sizeof(e.site), what->site->conf.name);
		copy(e.group, sizeof(e.group), what->site->conf.group);
	}
	copy(e.reason, sizeof(e.reason), what->reason);
	copy(e.detail, sizeof(e.detail), what->detail);
	copy(e.actor, sizeof(e.actor), what->actor);
	eventlog_publish(h->events, &e, what->site ? what->site->slot : SITE_SLOTS, clock_now());
	hub_events_send(h);
}

const char *hub_actor(const json_t *who, char actor[BUS_ACTOR_SIZE])
{
	const char *text = json_string_value(who),
		   *token = json_string_value(json_object_get(who, "token")),
		   *from = json_string_value(json_object_get(who, "from")),
		   *subject = json_string_value(json_object_get(who, "certificate"));
	json_int_t uid = json_integer_value(json_object_get(who, "uid"));
	size_t n = 0;

	if (!json_is_object(who)) {
		snprintf(actor, BUS_ACTOR_SIZE, "%s", text ? text : "sluiced");
		return actor;
	}
	if (token)
		n = (size_t)snprintf(actor, BUS_ACTOR_SIZE, "token %.20s of ", token);
	if (subject)
		snprintf(actor + n, BUS_ACTOR_SIZE - n, "%.*s", (int)(BUS_ACTOR_SIZE - n) - 1,
			subject);
	else if (from)
		snprintf(
			actor + n, BUS_ACTOR_SIZE - n, "%.*s", (int)(BUS_ACTOR_SIZE - n) - 1, from);
	else
		snprintf(actor + n, BUS_ACTOR_SIZE - n, "uid %lld", (long long)uid);
	return actor;
}
