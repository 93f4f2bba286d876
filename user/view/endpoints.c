/* SPDX-License-Identifier: Apache-2.0 */
/* The document of `sluice show endpoints`, and its metrics. */
#include "view/view.h"

#include <stdio.h>

static void warn(json_t *list, const char *format, const char *what, const char *address)
{
	char text[256];

	snprintf(text, sizeof(text), format, what, address, what);
	json_array_append_new(list, json_string(text));
}

/* The tunnels that end at it: configured, and open. */
static void count_tunnels(const struct model *m, unsigned int e, const struct endpoint *endpoint,
	unsigned int *all, unsigned int *up)
{
	*all = *up = 0;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = m->sites[i];

		if (!site || !site->conf.tunnels[e].configured ||
			endpoint_of(m, site, e) != endpoint)
			continue;
		++*all;
		*up += site->tunnels[e].open;
	}
}

static void add_endpoint(
	const struct model *m, unsigned int e, unsigned int a, json_t *list, json_t *warnings)
{
	const struct endpoint_conf *c = &m->config->concentrator.endpoints[e];
	const struct endpoint *endpoint = &m->endpoints[e][a];
	unsigned int all, up;
	char address[ADDR_STR_SIZE];

	count_tunnels(m, e, endpoint, &all, &up);
	json_array_append_new(list,
		json_pack("{s:i, s:s, s:s, s:s, s:o, s:i, s:i, s:b}", "endpoint", (int)e, "device",
			c->device, "address", addr_format(&c->addresses[a], address), "state",
			!endpoint->fault && endpoint->no_way ? "up, no way out"
							     : endpoint_fault_text(endpoint->fault),
			"since",
			endpoint->since_wall_ns ? view_time(endpoint->since_wall_ns) : json_null(),
			"tunnels", (int)all, "tunnels_up", (int)up, "way_out",
			(int)!endpoint->no_way));
	if (!endpoint->fault && endpoint->no_way)
		warn(warnings,
			"%s %s: no route leads over %s but to its own network: sites elsewhere get "
			"no answer",
			c->device, address);
}

static json_t *address_json(const struct ip_addr *a)
{
	char text[ADDR_STR_SIZE];

	return addr_is_set(a) ? json_string(addr_format(a, text)) : json_null();
}

json_t *view_endpoints(const struct model *m)
{
	const struct concentrator_conf *c = &m->config->concentrator;
	json_t *list = json_array(), *warnings = json_array();

	for (unsigned int e = 0; e < c->endpoint_count; e++) {
		for (unsigned int a = 0; a < c->endpoints[e].address_count; a++)
			add_endpoint(m, e, a, list, warnings);
	}
	if (m->host.settings_wrong)
		warn(warnings, "%s", "forwarding is switched off and cannot be switched on", NULL);
	if (m->host.rp_filter_strict)
		warn(warnings, "%s", "a strict rp_filter cannot be made loose, see the log", NULL);
	if (m->host.ike_unheard)
		warn(warnings, "%s",
			"IKE comes in and does not reach sluiced: does a firewall of this host "
			"drop UDP "
			"500 and 4500?",
			NULL);
	if (m->host.inside_gone)
		warn(warnings, "%s has gone and cannot be made again", m->host.inside, NULL);
	for (uint32_t i = 0; i < m->host.outside_count; i++) {
		if (m->host.rule_wrong[i])
			warn(warnings,
				"%s: the kernel's rule that lets nothing be forwarded is not as it "
				"should be, see the log",
				m->host.outside[i].name, NULL);
	}
	for (int i = 0; i < MODEL_CLOSED_DEVICES; i++) {
		if (m->host.closed_devices[i].former)
			warn(warnings,
				"%s is no outside device any more and stays closed for what is in "
				"clear until sluiced starts again or `sluice hub release`",
				m->host.closed_devices[i].name, NULL);
	}
	if (m->host.api_missing)
		warn(warnings, "%s", "the API over TCP: its address cannot be had now, see the log",
			NULL);
	if (m->host.metrics_missing)
		warn(warnings, "%s",
			"metrics are not served: their address cannot be had now, see the log",
			NULL);
	return json_pack("{s:o, s:o, s:o, s:o}", "endpoints", list, "source",
		address_json(&m->host.source[0]), "source6", address_json(&m->host.source[1]),
		"warnings", warnings);
}

void view_endpoints_metrics(FILE *f, const struct model *m)
{
	const struct concentrator_conf *c = &m->config->concentrator;
	char address[ADDR_STR_SIZE];

	fputs("# HELP sluice_endpoint_up 1: the address of the hub can be reached.\n"
	      "# TYPE sluice_endpoint_up gauge\n",
		f);
	for (unsigned int e = 0; e < c->endpoint_count; e++) {
		for (unsigned int a = 0; a < c->endpoints[e].address_count; a++)
			fprintf(f,
				"sluice_endpoint_up{endpoint=\"%u\",device=\"%s\",address=\"%s\"} "
				"%d\n",
				e, c->endpoints[e].device,
				addr_format(&c->endpoints[e].addresses[a], address),
				!m->endpoints[e][a].fault);
	}
}
