/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/live.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/api/remote.h"
#include "hub/child/child.h"
#include "hub/event/alarms.h"
#include "hub/host/host.h"
#include "hub/route/route.h"
#include "hub/site/site.h"
#include "ipc/msg_bgp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What bgp has of the concentrator; see configure_bgp() in child/configure.c. */
static bool other_speaker(const struct concentrator_conf *a, const struct concentrator_conf *b)
{
	return !addr_equal(&a->router_id, &b->router_id) || a->hold_s != b->hold_s ||
	       a->keepalive_s != b->keepalive_s || a->site_to_site != b->site_to_site ||
	       a->graceful_restart != b->graceful_restart;
}

static bool other_packets(const struct packet_options *a, const struct packet_options *b)
{
	return memcmp(a, b, sizeof(*a)) != 0;
}

struct live {
	struct hub *hub;
	char awaited[CONFIG_ENDPOINTS][16]; /* devices that are new; "": none */
	struct outside_sockets sockets;     /* at addresses that are new */
	bool lacks_sockets;
	int metrics_fd; /* bound; -1: there is to be none, or it is the one that is there */
	int api_fd;     /* the same, for api */
	int remote_fd;  /* bound for the API over TCP; -1 as above */
};

static bool same_port(const struct ip_endpoint *a, const struct ip_endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool bind_metrics(
	struct live *live, const struct ip_endpoint *at, char error[CONFIG_ERROR_SIZE])
{
	if (!hub_tcp_bind("metrics", at, &live->metrics_fd, error))
		return false;
	if (live->metrics_fd < 0)
		return true;
	live->api_fd = fcntl(live->metrics_fd, F_DUPFD_CLOEXEC, 0);
	if (live->api_fd >= 0)
		return true;
	snprintf(error, CONFIG_ERROR_SIZE, "metrics: %s", strerror(errno));
	close_fd(&live->metrics_fd);
	return false;
}

static bool same_endpoints(const struct concentrator_conf *a, const struct concentrator_conf *b)
{
	return a->endpoint_count == b->endpoint_count &&
	       !memcmp(a->endpoints, b->endpoints, sizeof(a->endpoints));
}

/* False: it cannot be had, and must be. */
static bool is_had(bool had, bool in_any_case, const char *error)
{
	if (!had && in_any_case)
		log_warn("%s; it is tried again each second", error);
	return had || in_any_case;
}

/* Before anything leaves: what is for sites whose tunnels do would leave by a new device in clear. */
static bool close_devices(struct live *live, const struct concentrator_conf *next, bool in_any_case,
	char error[CONFIG_ERROR_SIZE])
{
	for (uint32_t e = 0; e < next->endpoint_count; e++) {
		const char *device = next->endpoints[e].device;

		if (outside_is(&live->hub->model, device))
			continue;
		if (hub_device_await(live->hub, device, error))
			snprintf(live->awaited[e], sizeof(live->awaited[e]), "%s", device);
		else if (!is_had(false, in_any_case, error))
			return false;
	}
	return true;
}

static bool prepare_endpoints(struct live *live, const struct concentrator_conf *next,
	enum live_how how, char error[CONFIG_ERROR_SIZE])
{
	struct hub *h = live->hub;
	bool any = how == LIVE_IN_ANY_CASE;

	if (same_endpoints(&h->config->concentrator, next))
		return true;
	live->lacks_sockets =
		!hub_outside_sockets_open(h, next, how == LIVE_TRIED, &live->sockets, error);
	return is_had(!live->lacks_sockets, any, error) &&
	       is_had(hub_outside_usable(h, next, error), any, error) &&
	       (how == LIVE_TRIED || close_devices(live, next, any, error));
}

struct live *hub_live_prepare(struct hub *h, const struct concentrator_conf *next,
	enum live_how how, char error[CONFIG_ERROR_SIZE])
{
	const struct concentrator_conf *is = &h->config->concentrator;
	struct live *live = calloc(1, sizeof(*live));
	bool any = how == LIVE_IN_ANY_CASE;

	if (!live)
		abort();
	live->hub = h;
	live->metrics_fd = live->api_fd = live->remote_fd = -1;
	if (is_had(same_port(&is->metrics, &next->metrics) ||
			    bind_metrics(live, &next->metrics, error),
		    any, error) &&
		is_had(same_port(&is->api, &next->api) ||
				hub_tcp_bind("api", &next->api, &live->remote_fd, error),
			any, error) &&
		prepare_endpoints(live, next, how, error))
		return live;
	live_free(live);
	return NULL;
}

void live_free(struct live *own_live)
{
	if (!own_live)
		return;
	close_fd(&own_live->metrics_fd);
	close_fd(&own_live->api_fd);
	close_fd(&own_live->remote_fd);
	hub_outside_sockets_drop(own_live->hub, &own_live->sockets);
	for (uint32_t e = 0; e < CONFIG_ENDPOINTS; e++) {
		if (own_live->awaited[e][0])
			hub_device_await_end(own_live->hub, own_live->awaited[e]);
	}
	free(own_live);
}

/* The next listener is there before the one before goes. */
static void move_metrics(struct hub *h, const struct ip_endpoint *at, struct live *live)
{
	int before = h->host->metrics_fd;
	char error[CONFIG_ERROR_SIZE];

	if (live->metrics_fd >= 0 && !hub_tcp_listen("metrics", at, live->metrics_fd, error)) {
		log_warn("%s; it is tried again each second", error);
		close_fd(&live->metrics_fd);
		close_fd(&live->api_fd);
	}
	process_send(&h->processes[PROCESS_API], IMSG_API_HTTP, live->api_fd, NULL, 0);
	h->host->metrics_fd = live->metrics_fd;
	h->host->metrics_untold = false;
	live->metrics_fd = live->api_fd = -1;
	close_fd(&before);
}

/* As for metrics; hub itself accepts who comes, and the remote process begins with the port. */
static void move_api(struct hub *h, const struct ip_endpoint *at, struct live *live)
{
	char error[CONFIG_ERROR_SIZE];

	if (live->remote_fd >= 0 && !hub_tcp_listen("api", at, live->remote_fd, error)) {
		log_warn("%s; it is tried again each second", error);
		close_fd(&live->remote_fd);
	}
	remote_listen(h, live->remote_fd);
	live->remote_fd = -1;
	process_switch(&h->processes[PROCESS_REMOTE], addr_is_set(&at->addr));
}

static void look_at_api(struct hub *h)
{
	const struct ip_endpoint *at = &h->config->concentrator.api;
	bool was_missing = h->model.host.api_missing;
	char text[ENDPOINT_STR_SIZE], error[CONFIG_ERROR_SIZE];
	int fd;

	h->model.host.api_missing = false;
	if (remote_listens(h) || !addr_is_set(&at->addr))
		return;
	if (hub_tcp_open("api", at, &fd, error)) {
		remote_listen(h, fd);
		log_info("the API is served at %s now", endpoint_format(at, text));
		return;
	}
	h->model.host.api_missing = true;
	if (!was_missing)
		log_warn("%s; it is tried again each second", error);
}

unsigned int hub_live_release(struct hub *h)
{
	return hub_devices_release(h);
}

void hub_live_look(struct hub *h)
{
	const struct ip_endpoint *at = &h->config->concentrator.metrics;
	char text[ENDPOINT_STR_SIZE], error[CONFIG_ERROR_SIZE];

	look_at_api(h);
	h->model.host.metrics_missing = false;
	if (h->host->metrics_fd < 0 && addr_is_set(&at->addr)) {
		h->model.host.metrics_missing = !hub_metrics_open(h, error);
		h->host->metrics_untold = !h->model.host.metrics_missing;
		if (h->host->metrics_untold)
			log_info("metrics are served at %s now", endpoint_format(at, text));
	}
	if (h->host->metrics_untold)
		child_configure(h, PROCESS_API);
	hub_outside_sockets_look(h, clock_now());
}

static bool has_network(const struct networks_conf *n, const struct ip_prefix *p)
{
	for (uint32_t i = 0; i < n->count; i++) {
		if (prefix_equal(&n->prefixes[i], p))
			return true;
	}
	return false;
}

/* Tells bgp about the networks of `from` that `others` does not have. */
static void send_networks(struct hub *h, const struct networks_conf *from,
	const struct networks_conf *others, bool present)
{
	for (uint32_t i = 0; i < from->count; i++) {
		struct imsg_bgp_network m = {.prefix = from->prefixes[i], .present = present};

		if (!has_network(others, &from->prefixes[i]))
			process_send(
				&h->processes[PROCESS_BGP], IMSG_BGP_NETWORK, -1, &m, sizeof(m));
	}
}

void hub_live_networks(
	struct hub *h, const struct networks_conf *old, const struct networks_conf *new)
{
	send_networks(h, old, new, false);
	send_networks(h, new, old, true);
}

/*
 * Tunnels that end at an address that goes say so by its sockets before these go; with nothing of theirs left, the new
 * addresses are taken up. Devices that are new were closed before that (close_devices()).
 */
static void move_endpoints(struct hub *h, const struct concentrator_conf *was, struct live *live)
{
	hub_tunnels_move(h, was);
	hub_outside_sockets_change(h, &live->sockets);
	h->host->sockets_missing = live->lacks_sockets;
	hub_outside_change(h, was);
}

void hub_live_change(struct hub *h, const struct concentrator_conf *was, struct live *live)
{
	const struct concentrator_conf *is = &h->config->concentrator;
	const struct bpf_live programs = {.packets = is->packets,
		.outside_forwarding = is->outside_forwarding,
		.sites_apart = !is->site_to_site};

	/* What is forbidden from now on is closed first, and what is allowed is opened last. */
	if (was->outside_forwarding && !is->outside_forwarding)
		hub_outside_forward(h);
	bpf_plane_live_set(h->plane, &programs);
	if (!was->outside_forwarding && is->outside_forwarding)
		hub_outside_forward(h);
	if (other_packets(&was->packets, &is->packets))
		child_configure(h, PROCESS_DATA);
	if (was->packets.df != is->packets.df) /* the MTU of routes follows from it */
		hub_routes_write_again(h);
	if (other_speaker(was, is))
		child_configure(h, PROCESS_BGP);
	if (was->route_table != is->route_table)
		hub_routes_move(h, is->route_table);
	if (memcmp(&was->alarms, &is->alarms, sizeof(is->alarms)) != 0)
		hub_alarms_rules(h);
	if (!same_port(&was->metrics, &is->metrics))
		move_metrics(h, &is->metrics, live);
	if (!same_endpoints(was, is))
		move_endpoints(h, was, live);
	if (!same_port(&was->api, &is->api))
		move_api(h, &is->api, live);
}
