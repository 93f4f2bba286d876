/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outside devices: found at the start, and again whenever one goes and comes (PPPoE, VLAN, hot plug).
 * While one is not there or not closed by our programs, nothing that comes by a device of its name is
 * forwarded; then its tunnels are closed, too (endpoints.c).
 */
#include "hub/host/host.h"

#include "base/log.h"
#include "dataplane/host.h"
#include "hub/site/site.h"
#include "ipc/msg_data.h"
#include "ipc/msg_ike.h"

#include <stdio.h>
#include <string.h>

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

void hub_outside_name(struct hub *h)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	struct model_host *host = &h->model.host;

	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		uint32_t i = outside_place(&h->model, c->endpoints[e].device);

		if (i == host->outside_count)
			i = outside_place(&h->model, "");
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
	uint32_t refused = 0, count = h->model.host.outside_count;

	for (uint32_t i = 0; i < count; i++) {
		const struct imsg_data_outside *o = &h->model.host.outside[i];

		names[i] = o->name;
		host_watch_device(h->host->watch, o->name);
		set_rule(h, i);
		if (!o->ifindex) {
			log_warn("%s: there is no such device; its tunnels wait for it", o->name);
		} else if (!attach(h, i, why)) {
			log_error("%s: %s; it stays closed", o->name, why);
			snprintf(error, CONFIG_ERROR_SIZE, "no endpoint can be used: %s: %s",
				o->name, why);
			refused++;
		}
	}
	/* What leaves by those that are refused is looked at all the same, before anything is forwarded. */
	for (uint32_t i = 0; i < count && refused < count; i++) {
		if (h->model.host.outside[i].ifindex && !h->host->outside_closed[i])
			(void)bpf_plane_guard(h->plane, h->model.host.outside[i].ifindex, why);
	}
	/* Others are of a hub that was killed, and had another configuration. */
	host_forward_forget(names, count);
	return refused < count;
}

bool hub_outside_doubt(const struct hub *h, const char *device, char why[DATAPLANE_ERROR_SIZE])
{
	struct link_device d;

	if (link_device(device, &d))
		return !bpf_plane_may_attach(h->plane, d.ifindex, why);
	snprintf(why, DATAPLANE_ERROR_SIZE, "there is no such device");
	return true;
}

bool hub_outside_usable(
	const struct hub *h, const struct concentrator_conf *c, char error[CONFIG_ERROR_SIZE])
{
	char why[DATAPLANE_ERROR_SIZE];
	struct link_device d;

	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		/* One that is not there may come. */
		if (!link_device(c->endpoints[e].device, &d) ||
			!hub_outside_doubt(h, c->endpoints[e].device, why))
			return true;
		snprintf(error, CONFIG_ERROR_SIZE, "no endpoint could be used: %s: %s",
			c->endpoints[e].device, why);
	}
	return false;
}

void hub_outside_forward(struct hub *h)
{
	for (uint32_t i = 0; i < h->model.host.outside_count; i++)
		set_rule(h, i);
	hub_devices_look(h);
}

void hub_outside_open(struct hub *h)
{
	hub_devices_open(h);
	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		const char *name = h->model.host.outside[i].name;

		if (name[0] && !host_forward_closed(name, false))
			log_error("%s: the kernel does not give up the rule that lets nothing be "
				  "forwarded: ip rule delete iif %s",
				name, name);
	}
}

static void lose(struct hub *h, uint32_t i)
{
	struct imsg_data_outside *o = &h->model.host.outside[i];

	/* First of all, before anything by the next device of that name is forwarded. */
	h->host->outside_closed[i] = false;
	set_rule(h, i);
	bpf_plane_move_outside(h->plane, i, 0);
	bpf_plane_unguard(h->plane, o->ifindex);
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

/* It is no outside device any more. What was for sites may leave by it now, so only XDP goes. */
static void give_up(struct hub *h, uint32_t i)
{
	struct imsg_data_outside *o = &h->model.host.outside[i], was = *o;

	h->host->outside_closed[i] = false;
	set_rule(h, i);
	bpf_plane_move_outside(h->plane, i, 0);
	h->model.host.outside_mode[i] = NULL;
	h->model.host.rule_wrong[i] = false;
	*o = (struct imsg_data_outside){.place = i};
	hub_device_keep(h, was.name, was.ifindex);
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
			hub_device_take(h, host->outside[i].name);
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

void hub_outside_look(struct hub *h, const struct host_address *list, size_t count, uint64_t now)
{
	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		if (h->model.host.outside[i].name[0])
			look_at_device(h, i);
	}
	hub_devices_look(h);
	hub_endpoints_look(h, list, count, now);
}
