/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outside devices: found at the start, and again whenever one goes and comes (PPPoE, VLAN, hot plug).
 * While one is not there or not closed by our programs, nothing that comes by a device of its name is
 * forwarded; then its tunnels are closed, too.
 */
#include "hub/host/host.h"

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/host.h"
#include "hub/event/event.h"
#include "hub/site/site.h"
#include "ike/reason.h"
#include "ipc/msg_data.h"
#include "ipc/msg_ike.h"

#include <stdio.h>
#include <string.h>

#define WAY_AGAIN_S 10 /* routes by the devices are looked for so often */

/* The device of an address is how data finds whom to hand its crypto to. */
static void note_addresses(struct imsg_data_outside *o, const struct concentrator_conf *c)
{
	o->address_count = 0;
	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		for (uint32_t a = 0; !strcmp(c->endpoints[e].device, o->name) &&
				     a < c->endpoints[e].address_count;
			a++) {
			if (o->address_count < IMSG_OUTSIDE_ADDRESSES)
				o->addresses[o->address_count++] = c->endpoints[e].addresses[a];
		}
	}
}

/* Where the device stands; outside_count: nowhere. */
static uint32_t place_of(const struct hub *h, const char *name)
{
	uint32_t i = 0;

	while (i < h->model.host.outside_count && strcmp(h->model.host.outside[i].name, name))
		i++;
	return i;
}

void hub_outside_name(struct hub *h)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	struct model_host *host = &h->model.host;

	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		uint32_t i = place_of(h, c->endpoints[e].device);

		if (i == host->outside_count)
			i = place_of(h, "");
		if (i == host->outside_count)
			host->outside_count++;
		if (host->outside[i].name[0])
			continue;
		host->outside[i] = (struct imsg_data_outside){.place = i};
		snprintf(host->outside[i].name, sizeof(host->outside[i].name), "%s",
			c->endpoints[e].device);
		(void)hub_outside_find(h, i); /* it may come later */
	}
	for (uint32_t i = 0; i < host->outside_count; i++)
		note_addresses(&host->outside[i], c);
}

bool hub_outside_find(struct hub *h, uint32_t i)
{
	struct imsg_data_outside *o = &h->model.host.outside[i];
	struct link_device d;

	if (!link_device(o->name, &d))
		return false;
	o->ifindex = d.ifindex;
	o->mtu = d.mtu;
	o->queues = d.rx_queues;
	o->esp_offload = h->kernel_esp && d.esp_offload;
	return true;
}

/*
 * The kernel's rule, by the name of the device: it stands but where our programs are on the device and others may use
 * it. What cannot be done now is done later: hub_outside_look() comes every second.
 */
static void set_rule(struct hub *h, uint32_t i)
{
	const char *name = h->model.host.outside[i].name;
	bool closed = !h->host->outside_closed[i] || !h->config->concentrator.outside_forwarding;
	bool refused = name[0] && !host_forward_closed(name, closed);

	if (refused && !h->model.host.rule_wrong[i])
		log_error("%s: the kernel does not %s the rule that lets nothing be forwarded; it "
			  "is tried again each second",
			name, closed ? "take" : "give up");
	else if (!refused && h->model.host.rule_wrong[i])
		log_info("%s: the kernel's rule is as it should be now", name);
	h->model.host.rule_wrong[i] = refused;
}

static bool attach(struct hub *h, uint32_t i, char why[DATAPLANE_ERROR_SIZE])
{
	const struct imsg_data_outside *o = &h->model.host.outside[i];

	h->host->outside_closed[i] =
		bpf_plane_attach_outside(h->plane, i, &h->model.host.outside_mode[i], why);
	if (h->host->outside_closed[i]) {
		set_rule(h, i);
		log_info("%s: XDP attached (%s), %u receive queues", o->name,
			h->model.host.outside_mode[i], o->queues);
	}
	return h->host->outside_closed[i];
}

bool hub_outside_attach(struct hub *h, char error[CONFIG_ERROR_SIZE])
{
	const char *names[SLUICE_MAX_OUTSIDE];
	char why[DATAPLANE_ERROR_SIZE];

	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		host_watch_device(h->host->watch, h->model.host.outside[i].name);
		if (!h->model.host.outside[i].ifindex) {
			set_rule(h, i);
			log_warn("%s: there is no such device; its tunnels wait for it",
				h->model.host.outside[i].name);
		} else if (!attach(h, i, why)) {
			snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", h->model.host.outside[i].name,
				why);
			return false;
		}
		names[i] = h->model.host.outside[i].name;
	}
	/* Others are of a hub that was killed, and had another configuration. */
	host_forward_forget(names, h->model.host.outside_count);
	return true;
}

void hub_outside_forward(struct hub *h)
{
	for (uint32_t i = 0; i < h->model.host.outside_count; i++)
		set_rule(h, i);
}

static void give_up_rule(const char *name)
{
	if (!host_forward_closed(name, false))
		log_error("%s: the kernel does not give up the rule that lets nothing be "
			  "forwarded: ip rule delete iif %s",
			name, name);
}

void hub_outside_open(struct hub *h)
{
	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		if (h->model.host.outside[i].name[0])
			give_up_rule(h->model.host.outside[i].name);
	}
}

static void lose(struct hub *h, uint32_t i)
{
	struct imsg_data_outside *o = &h->model.host.outside[i];

	/* First of all, before anything by the next device of that name is forwarded. */
	h->host->outside_closed[i] = false;
	set_rule(h, i);
	bpf_plane_move_outside(h->plane, i, 0);
	o->ifindex = 0;
	h->model.host.outside_mode[i] = NULL;
	log_warn("%s has gone: closed until there is such a device again", o->name);
}

/*
 * With kernel ESP. The tunnels of the device are closed, but when it is back before anybody has looked: those
 * that have stayed open are told of their new interface.
 */
static void remake_interfaces(struct hub *h, const char *device)
{
	for (uint32_t i = 0; h->kernel_esp && i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			uint32_t tunnel = tunnel_number(h->model.sites[i], t);

			if (!h->model.sites[i]->conf.tunnels[t].configured ||
				strcmp(h->config->concentrator.endpoints[t].device, device))
				continue;
			hub_interface_del(h, tunnel);
			hub_interface_add(h, h->model.sites[i], t);
			if (h->model.sites[i]->tunnels[t].open)
				hub_tunnel_open(h, tunnel);
		}
	}
}

/* Everything of ours that has the index of the one before. */
static void take_up(struct hub *h, uint32_t i)
{
	struct imsg_data_outside *o = &h->model.host.outside[i];
	char why[DATAPLANE_ERROR_SIZE] = "";

	bpf_plane_move_outside(h->plane, i, o->ifindex);
	if (!attach(h, i, why))
		log_error("%s: %s; it stays closed", o->name, why);
	if (!hub_outside_sockets_follow(h, o->name))
		log_error("%s: sockets cannot be bound to it", o->name);
	remake_interfaces(h, o->name);
	if (h->kernel_esp)
		process_send(&h->processes[PROCESS_DATA], IMSG_DATA_OUTSIDE, -1, o, sizeof(*o));
	else
		process_restart(&h->processes[PROCESS_DATA], "it needs sockets on another device");
}

/* It is no outside device any more, and anybody's: nothing of ours is left on it. */
static void give_up(struct hub *h, uint32_t i)
{
	struct imsg_data_outside *o = &h->model.host.outside[i];

	bpf_plane_move_outside(h->plane, i, 0);
	host_watch_forget(h->host->watch, o->name);
	give_up_rule(o->name);
	log_info("%s is no outside device any more", o->name);
	h->host->outside_closed[i] = false;
	h->model.host.outside_mode[i] = NULL;
	h->model.host.rule_wrong[i] = false;
	*o = (struct imsg_data_outside){.place = i};
}

static bool is_used(const struct concentrator_conf *c, const char *device)
{
	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		if (!strcmp(c->endpoints[e].device, device))
			return true;
	}
	return false;
}

/* What is known of an address stays with it; what nobody has looked at yet is fine. */
static void keep_endpoints(struct hub *h, const struct concentrator_conf *was)
{
	const struct concentrator_conf *is = &h->config->concentrator;
	struct endpoint old[CONFIG_ENDPOINTS][CONFIG_ADDRESSES_MAX];

	memcpy(old, h->model.endpoints, sizeof(old));
	memset(h->model.endpoints, 0, sizeof(h->model.endpoints));
	for (uint32_t e = 0; e < is->endpoint_count && e < was->endpoint_count; e++) {
		for (uint32_t a = 0; a < is->endpoints[e].address_count; a++) {
			for (uint32_t b = 0; b < was->endpoints[e].address_count; b++) {
				if (addr_equal(&is->endpoints[e].addresses[a],
					    &was->endpoints[e].addresses[b]))
					h->model.endpoints[e][a] = old[e][b];
			}
		}
	}
}

void hub_outside_change(struct hub *h, const struct concentrator_conf *was)
{
	const struct concentrator_conf *is = &h->config->concentrator;
	struct model_host *host = &h->model.host;

	keep_endpoints(h, was);
	for (uint32_t i = 0; i < host->outside_count; i++) {
		if (host->outside[i].name[0] && !is_used(is, host->outside[i].name))
			give_up(h, i);
	}
	hub_outside_name(h);
	for (uint32_t i = 0; i < host->outside_count; i++) {
		if (host->outside[i].name[0] && !is_used(was, host->outside[i].name)) {
			host_watch_device(h->host->watch, host->outside[i].name);
			set_rule(h, i); /* before anything by it is forwarded */
			if (host->outside[i].ifindex)
				take_up(h, i);
		}
		process_send(&h->processes[PROCESS_DATA], IMSG_DATA_OUTSIDE, -1, &host->outside[i],
			sizeof(host->outside[i]));
	}
	for (uint32_t e = 0; e < is->endpoint_count && e < was->endpoint_count; e++) {
		if (strcmp(is->endpoints[e].device, was->endpoints[e].device) &&
			is_used(was, is->endpoints[e].device))
			remake_interfaces(h, is->endpoints[e].device);
	}
}

static void look_at_device(struct hub *h, uint32_t i)
{
	struct imsg_data_outside *o = &h->model.host.outside[i];
	uint32_t ifindex = o->ifindex, mtu = o->mtu;
	bool gone = host_watch_gone(h->host->watch, o->name);
	bool found = hub_outside_find(h, i);
	uint32_t now = found ? o->ifindex : 0;
	char why[DATAPLANE_ERROR_SIZE];

	if (ifindex && (gone || now != ifindex)) {
		lose(h, i);
		ifindex = 0;
	}
	o->ifindex = now;
	if (now && h->host->outside_closed[i] && !bpf_plane_outside_holds(h->plane, i)) {
		log_warn("%s: our programs were taken off; they are attached again", o->name);
		h->host->outside_closed[i] = false;
		set_rule(h, i);
	}
	if (now && !ifindex) {
		take_up(h, i);
	} else if (now && !h->host->outside_closed[i]) {
		(void)attach(h, i, why); /* what is in the way may have gone */
	} else if (now && mtu != o->mtu) {
		log_info("%s: its MTU is %u now, it was %u", o->name, o->mtu, mtu);
		process_send(&h->processes[PROCESS_DATA], IMSG_DATA_OUTSIDE, -1, o, sizeof(*o));
	}
	/*
	 * Again and again: others flush rules. The kernel's rule stays while our programs are on the device, for
	 * nobody tells in time when they are taken off.
	 */
	set_rule(h, i);
}

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
	uint32_t i = place_of(h, c->device);
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

void hub_outside_look(struct hub *h, const struct host_address *list, size_t count, uint64_t now)
{
	bool way_is_due = now >= h->host->way_again_ns || lacks_way(h);

	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		if (h->model.host.outside[i].name[0])
			look_at_device(h, i);
	}
	if (way_is_due)
		h->host->way_again_ns = now + WAY_AGAIN_S * CLOCK_SECOND;
	for (unsigned int e = 0; e < h->config->concentrator.endpoint_count; e++)
		look_at_endpoint(h, e, list, count, way_is_due);
}
