/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hub needs of its host and others may change at any time: forwarding, the inside device and its
 * addresses, the outside ones. Looked at whenever the kernel says that something has changed, and once a
 * second; put right where that is possible, and said.
 */
#include "hub/host/host.h"

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/host.h"
#include "hub/route/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_PAUSE_NS (5 * CLOCK_MILLISECOND) /* a look takes one or two */

static void look_at_settings(struct hub *h)
{
	char why[DATAPLANE_ERROR_SIZE], still[DATAPLANE_ERROR_SIZE];

	if (link_host_settings(h->link, false, why)) {
		h->model.host.settings_wrong = false;
		return;
	}
	if (link_host_settings(h->link, true, still)) {
		log_warn("%s: put right, or nothing would be forwarded for sites", why);
		h->model.host.settings_wrong = false;
		return;
	}
	if (!h->model.host.settings_wrong)
		log_error("%s, and it cannot be changed", still);
	h->model.host.settings_wrong = true;
}

/* Tunnels of one site, and of several, may be taken by turns: what goes out by one comes back by the other. */
static bool look_at_reverse_path(const struct hub *h, const char *device)
{
	bool strict, loose = host_rp_filter_loosen(device, &strict);

	if (!loose) {
		if (!h->model.host.rp_filter_strict)
			log_error("%s: the reverse path filter (rp_filter) is strict and cannot be "
				  "changed: what comes by another way than the answer goes is lost",
				device);
	} else if (strict) {
		log_warn("%s: the reverse path filter (rp_filter) was strict, which loses what "
			 "comes by another way than the answer goes: it is loose now",
			device);
	}
	return loose;
}

static void look_at_reverse_paths(struct hub *h)
{
	bool loose = look_at_reverse_path(h, link_name(h->link));

	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		if (h->model.host.outside[i].ifindex)
			loose &= look_at_reverse_path(h, h->model.host.outside[i].name);
	}
	h->model.host.rp_filter_strict = !loose;
}

/* ---- the inside device ---- */

static bool is_inside(const struct hub *h, const struct host_address *list, size_t count,
	const struct ip_addr *address)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].ifindex == link_ifindex(h->link) &&
			addr_equal(&list[i].address, address))
			return true;
	}
	return false;
}

static bool tunnel_has_addresses(const struct hub *h, const struct tunnel_conf *conf,
	const struct host_address *list, size_t count)
{
	const struct ip_prefix *blocks[] = {&conf->inside, &conf->inside6};

	for (int i = 0; i < 2; i++) {
		struct ip_addr own = config_inside_hub(blocks[i]);

		if (addr_is_set(&own) && !is_inside(h, list, count, &own))
			return false;
	}
	return true;
}

static unsigned int put_addresses(struct hub *h, const struct host_address *list, size_t count)
{
	unsigned int missing = 0;

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			const struct tunnel_conf *conf = &h->model.sites[i]->conf.tunnels[t];

			if (!conf->configured || tunnel_has_addresses(h, conf, list, count))
				continue;
			hub_inside_set(h, h->model.sites[i], t, true);
			missing++;
		}
	}
	return missing;
}

static bool remake(struct hub *h)
{
	const char *name = link_name(h->link);
	char why[DATAPLANE_ERROR_SIZE];

	if (!link_remake(h->link, why) || !bpf_plane_attach_inside(h->plane, link_ifindex(h->link),
						  &h->model.plane.inside_mode, why)) {
		if (!h->model.host.inside_gone)
			log_error("%s has gone and cannot be made again: %s", name, why);
		h->model.host.inside_gone = true;
		return false;
	}
	h->model.host.inside_gone = false;
	log_warn("%s had gone: it was made again", name);
	process_restart(&h->processes[PROCESS_DATA], "the inside device is another one");
	return true;
}

/* Somebody has detached our programs: nothing asks then what sites may send. */
static void look_at_programs(struct hub *h)
{
	char why[DATAPLANE_ERROR_SIZE];
	uint32_t ifindex = link_ifindex(h->link);

	if (bpf_plane_inside_holds(h->plane, ifindex))
		return;
	if (bpf_plane_attach_inside(h->plane, ifindex, &h->model.plane.inside_mode, why))
		log_warn("%s: our programs were taken off: attached again", link_name(h->link));
	else
		log_error("%s: our programs were taken off: %s", link_name(h->link), why);
}

static void look_at_inside(struct hub *h, const struct host_address *list, size_t count)
{
	const char *name = link_name(h->link);
	enum link_found found = link_look(h->link);
	unsigned int missing;

	if (found == LINK_GONE && !remake(h))
		return;
	look_at_programs(h);
	if (found == LINK_PUT_RIGHT)
		log_warn("%s was down or had another MTU: put right", name);
	if (found != LINK_AS_MADE) /* what the list has of it may have gone with it */
		count = 0;
	missing = put_addresses(h, list, count);
	if (found == LINK_AS_MADE && missing)
		log_warn("%s: addresses of %u tunnels were missing: put back", name, missing);
	if (found == LINK_AS_MADE && !missing)
		return;
	memset(h->model.host.source, 0, sizeof(h->model.host.source));
	h->host->routes_lost = true;
}

/* ---- what the hub itself sends from ---- */

static bool is_within_networks(const struct hub *h, const struct ip_addr *a)
{
	const struct networks_conf *n = &h->config->concentrator.networks;

	for (uint32_t i = 0; i < n->count; i++) {
		if (prefix_contains(&n->prefixes[i], a))
			return true;
	}
	return false;
}

/* Sites have a route to what is within `networks`. */
static struct ip_addr choose_source(
	const struct hub *h, int family, const struct host_address *list, size_t count)
{
	const struct ip_addr none = {0};

	for (size_t i = 0; i < count; i++) {
		const struct host_address *a = &list[i];

		if (a->address.family == family && a->global &&
			a->ifindex != link_ifindex(h->link) && is_within_networks(h, &a->address))
			return a->address;
	}
	return none;
}

static void look_for_source(struct hub *h, const struct host_address *list, size_t count)
{
	for (int v6 = 0; v6 < 2; v6++) {
		struct ip_addr source = choose_source(h, v6 ? AF_INET6 : AF_INET, list, count);

		if (addr_equal(&source, &h->model.host.source[v6]) &&
			(v6 || !addr_is_set(&source) || is_inside(h, list, count, &source)))
			continue;
		h->model.host.source[v6] = source;
		if (!link_source_set(h->link, v6 ? AF_INET6 : AF_INET, &source))
			log_error("%s takes no address of another device as well",
				link_name(h->link));
		h->host->routes_lost |= v6; /* of IPv6 they have it */
	}
}

/* ---- when ---- */

void hub_host_look(struct hub *h)
{
	struct host_address *list;
	size_t count;

	if (h->stopping || !host_addresses(&h->host->addresses))
		return;
	list = h->host->addresses.list;
	count = h->host->addresses.count;
	hub_outside_look(h, list, count, clock_now());
	look_at_settings(h);
	look_at_inside(h, list, count);
	look_for_source(h, list, count);
	look_at_reverse_paths(h);
	if (h->host->routes_lost)
		hub_routes_write_again(h);
	h->host->routes_lost = false;
	h->host->looked_ns = clock_now();
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	hub_host_look(arg);
}

/* At once, unless there is no end to it. */
static void on_change(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;
	struct timeval pause = {.tv_usec = LOOK_PAUSE_NS / 1000};

	(void)fd, (void)what;
	if (!host_watch_read(h->host->watch))
		return;
	if (clock_now() - h->host->looked_ns >= LOOK_PAUSE_NS) {
		hub_host_look(h);
	} else if (!evtimer_pending(h->host->look_again, NULL)) {
		event_add(h->host->look_again, &pause);
	}
}

void hub_host_watch(struct hub *h)
{
	host_watch_device(h->host->watch, link_name(h->link));
	h->host->changed = event_new(
		h->base, host_watch_fd(h->host->watch), EV_READ | EV_PERSIST, on_change, h);
	h->host->look_again = evtimer_new(h->base, on_pause_over, h);
	event_add(h->host->changed, NULL);
	hub_host_look(h);
}
