/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints: what is wrong with one closes the tunnels that end there, and they are opened when it is over. */
#include "hub/host/host.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/event/event.h"
#include "hub/site/site.h"
#include "ike/reason.h"

#include <stdio.h>
#include <string.h>

#define WAY_AGAIN_S 10 /* routes by the devices are looked for so often */

static bool has_address(const struct host_address *list, size_t count, uint32_t ifindex,
	const struct ip_addr *address)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].ifindex == ifindex && addr_equal(&list[i].address, address))
			return true;
	}
	return false;
}

/* Into the log of a tunnel: the hub's own end has gone, or is back. */
static void note_endpoint(struct hub *h, uint32_t tunnel, const struct endpoint *endpoint)
{
	unsigned int e = tunnel % TUNNELS_PER_SITE;
	char details[REASON_TEXT_SIZE];

	snprintf(details, sizeof(details), "endpoint %u, %s%s%s", e,
		h->config->concentrator.endpoints[e].device, endpoint->fault ? ": " : "",
		endpoint_fault_text(endpoint->fault));
	hub_note(h, tunnel, endpoint->fault ? REASON_ENDPOINT_LOST : REASON_ENDPOINT_BACK,
		!endpoint->fault, details);
}

/* Closes the tunnels that end there, or opens those that ike still has. Returns how many there are. */
static unsigned int move_tunnels(
	struct hub *h, unsigned int e, struct endpoint *endpoint, bool note)
{
	bool data = h->processes[PROCESS_DATA].channel;
	unsigned int count = 0;

	endpoint->late = !endpoint->fault && !data;

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = h->model.sites[i];
		uint32_t tunnel = i * TUNNELS_PER_SITE + e;

		if (!site || !site->conf.tunnels[e].configured ||
			endpoint_of(&h->model, site, e) != endpoint)
			continue;
		count++;
		if (note)
			note_endpoint(h, tunnel, endpoint);
		if (endpoint->fault)
			hub_tunnel_close(h, tunnel);
		else if (site->tunnels[e].ike.phase == TUNNEL_UP && data &&
			 !site->tunnels[e].admin_down)
			hub_tunnel_open(h, tunnel);
	}
	return count;
}

static void publish_endpoint(struct hub *h, unsigned int e, const char *address,
	enum endpoint_fault fault, unsigned int tunnels)
{
	char text[BUS_DETAIL_SIZE];

	snprintf(text, sizeof(text), "endpoint %u, %s %s: %s; %u tunnels end there", e,
		h->config->concentrator.endpoints[e].device, address,
		fault ? endpoint_fault_text(fault) : "up again", tunnels);
	hub_publish(h,
		&(struct happening){.kind = BUS_ENDPOINT,
			.severity = fault ? BUS_ERROR : BUS_INFO,
			.reason = reason_code(fault ? REASON_ENDPOINT_LOST : REASON_ENDPOINT_BACK),
			.detail = text});
}

static void set_fault(struct hub *h, unsigned int e, unsigned int a, enum endpoint_fault fault)
{
	struct endpoint *endpoint = &h->model.endpoints[e][a];
	const struct endpoint_conf *c = &h->config->concentrator.endpoints[e];
	uint64_t before = endpoint->since_wall_ns;
	unsigned int tunnels;
	char text[ADDR_STR_SIZE];

	if (endpoint->fault == fault)
		return;
	addr_format(&c->addresses[a], text);
	if (!endpoint_turn(endpoint, fault, clock_wall())) {
		log_info("endpoint %u, %s %s: %s now", e, c->device, text,
			endpoint_fault_text(fault));
		return;
	}
	tunnels = move_tunnels(h, e, endpoint, true);
	publish_endpoint(h, e, text, fault, tunnels);
	if (fault && !tunnels)
		log_info("endpoint %u, %s %s: %s; no tunnel ends there", e, c->device, text,
			endpoint_fault_text(fault));
	else if (fault)
		log_warn("endpoint %u, %s %s: %s; its %u tunnels are closed", e, c->device, text,
			endpoint_fault_text(fault), tunnels);
	else
		log_info("endpoint %u, %s %s: up again after %llu s; %u tunnels end there", e,
			c->device, text,
			(unsigned long long)((endpoint->since_wall_ns - before) / CLOCK_SECOND),
			tunnels);
}

static void look_for_way(struct hub *h, unsigned int e, unsigned int a, uint32_t ifindex)
{
	const struct endpoint_conf *c = &h->config->concentrator.endpoints[e];
	struct endpoint *endpoint = &h->model.endpoints[e][a];
	bool no_way = !host_way_out(c->addresses[a].family, ifindex);
	char text[ADDR_STR_SIZE];

	if (no_way && !endpoint->no_way)
		log_warn("endpoint %u, %s %s: no route leads over %s but to its own network, so "
			 "sites elsewhere get no answer: its sockets are bound to the device",
			e, c->device, addr_format(&c->addresses[a], text), c->device);
	endpoint->no_way = no_way;
}

static void look_at_endpoint(struct hub *h, unsigned int e, const struct host_address *list,
	size_t count, bool way_is_due)
{
	const struct endpoint_conf *c = &h->config->concentrator.endpoints[e];
	uint32_t i = outside_place(&h->model, c->device);
	struct link_device d;
	bool there = i < h->model.host.outside_count && h->model.host.outside[i].ifindex &&
		     link_device(c->device, &d);

	for (unsigned int a = 0; a < c->address_count; a++) {
		struct endpoint_facts f = {
			.device = there, .closed = there && h->host->outside_closed[i]};

		if (there) {
			f.up = d.up;
			f.carrier = d.running;
			f.address = has_address(list, count, d.ifindex, &c->addresses[a]);
		}
		set_fault(h, e, a, endpoint_judge(&f));
		if (h->model.endpoints[e][a].late)
			move_tunnels(h, e, &h->model.endpoints[e][a], false);
		if (!h->model.endpoints[e][a].fault && way_is_due)
			look_for_way(h, e, a, d.ifindex);
	}
}

/* Then it is looked for every second: what is said of it must not outlive it. */
static bool lacks_way(const struct hub *h)
{
	bool any = false;

	for (unsigned int e = 0; e < h->config->concentrator.endpoint_count; e++) {
		for (unsigned int a = 0; a < h->config->concentrator.endpoints[e].address_count;
			a++)
			any |= h->model.endpoints[e][a].no_way;
	}
	return any;
}

void hub_endpoints_look(struct hub *h, const struct host_address *list, size_t count, uint64_t now)
{
	bool way_is_due = now >= h->host->way_again_ns || lacks_way(h);

	if (way_is_due)
		h->host->way_again_ns = now + WAY_AGAIN_S * CLOCK_SECOND;
	for (unsigned int e = 0; e < h->config->concentrator.endpoint_count; e++)
		look_at_endpoint(h, e, list, count, way_is_due);
}
