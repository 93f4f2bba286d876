/* SPDX-License-Identifier: Apache-2.0 */
/* What an outage would do. */
#include "view/view.h"

#include "config/access.h"

#include <stdio.h>

static json_t *rates(const struct failure_rates *r)
{
	return json_pack("{s:o, s:o}", "in_bps", view_number(r->bps[SLUICE_IN]), "out_bps",
		view_number(r->bps[SLUICE_OUT]));
}

static json_t *site_json(const struct failure_site *s)
{
	json_t *tunnels = json_array();

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (s->ends[t])
			json_array_append_new(tunnels, json_integer(t));
	}
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "site",
		s->site->conf.name, "outcome", failure_outcomes[s->outcome], "tunnels", tunnels,
		"routes_moved", view_number(s->routes_moved), "routes_lost",
		view_number(s->routes_lost), "moved", rates(&s->moved), "lost", rates(&s->lost),
		"over", rates(&s->over), "noticed_within_ms", view_number(s->noticed_ms));
}

static json_t *endpoint_json(
	const struct model *m, const struct failure_effect *e, unsigned int number)
{
	const struct failure_endpoint *p = &e->endpoints[number];
	json_t *o = json_pack("{s:i, s:s, s:o, s:o, s:o}", "endpoint", (int)number, "device",
		m->config->concentrator.endpoints[number].device, "now", rates(&p->now), "then",
		rates(&p->then), "speed_bps",
		p->speed_bps ? view_number(p->speed_bps) : json_null());

	json_object_set_new(o, "holds", p->speed_bps ? json_boolean(p->holds) : json_null());
	return o;
}

/* What nobody else has: the hub's networks, and what it does for sites itself. */
static void add_services(const struct model *m, json_t *o)
{
	const struct concentrator_conf *c = &m->config->concentrator;
	char text[1024];
	json_t *networks = json_array();

	for (uint32_t i = 0; i < c->networks.count; i++)
		json_array_append_new(
			networks, json_string(prefix_format(&c->networks.prefixes[i], text)));
	text[0] = '\0';
	write_services(&c->site_services, text, sizeof(text));
	json_object_set_new(o, "networks", networks);
	json_object_set_new(o, "services", json_string(text));
	json_object_set_new(o, "site_to_site", json_boolean(c->site_to_site));
}

json_t *view_failure(const struct model *m, const struct failure_effect *e)
{
	json_t *sites = json_array(), *endpoints = json_array(), *o;
	char what[SITE_NAME_SIZE + 16] = "hub";

	if (e->what.kind == FAILURE_ENDPOINT)
		snprintf(what, sizeof(what), "endpoint %u", e->what.number);
	else if (e->what.kind == FAILURE_SITE)
		snprintf(what, sizeof(what), "site %s", e->what.site);
	else if (e->what.kind == FAILURE_TUNNEL)
		snprintf(what, sizeof(what), "tunnel %s/%u", e->what.site, e->what.number);
	for (size_t i = 0; i < e->count; i++)
		json_array_append_new(sites, site_json(&e->sites[i]));
	for (unsigned int i = 0; i < m->config->concentrator.endpoint_count; i++)
		json_array_append_new(endpoints, endpoint_json(m, e, i));
	o = json_pack("{s:s, s:o, s:i, s:o}", "fails", what, "sites", sites, "untouched",
		(int)e->untouched, "endpoints", endpoints);
	if (e->what.kind == FAILURE_HUB)
		add_services(m, o);
	return o;
}
