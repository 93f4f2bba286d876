/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/live.h"

#include "hub/child/child.h"
#include "hub/host/host.h"
#include "hub/route/route.h"
#include "ipc/msg_bgp.h"

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
	int metrics_fd; /* -1: there is to be none, or it is the one that is there */
};

static bool same_metrics(const struct concentrator_conf *a, const struct concentrator_conf *b)
{
	return a->metrics.port == b->metrics.port && addr_equal(&a->metrics.addr, &b->metrics.addr);
}

struct live *hub_live_prepare(
	struct hub *h, const struct concentrator_conf *next, char error[CONFIG_ERROR_SIZE])
{
	struct live *live = calloc(1, sizeof(*live));

	if (!live)
		abort();
	live->metrics_fd = -1;
	if (same_metrics(&h->config->concentrator, next) ||
		hub_metrics_listen(&next->metrics, &live->metrics_fd, error))
		return live;
	live_free(live);
	return NULL;
}

void live_free(struct live *own_live)
{
	if (own_live && own_live->metrics_fd >= 0)
		close(own_live->metrics_fd);
	free(own_live);
}

/* The next listener is there before the one before goes. */
static void move_metrics(struct hub *h, struct live *live)
{
	int before = h->host->metrics_fd;

	h->host->metrics_fd = live->metrics_fd;
	live->metrics_fd = -1;
	child_configure(h, PROCESS_API);
	if (before >= 0)
		close(before);
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

void hub_live_change(struct hub *h, const struct concentrator_conf *was, struct live *live)
{
	const struct concentrator_conf *is = &h->config->concentrator;
	const struct bpf_live programs = {.packets = is->packets,
		.outside_forwarding = is->outside_forwarding,
		.sites_apart = !is->site_to_site};

	/* What is forbidden from now on is closed first, and what is allowed is opened last. */
	if (was->outside_forwarding && !is->outside_forwarding)
		hub_outside_forward(h, false);
	bpf_plane_live_set(h->plane, &programs);
	if (!was->outside_forwarding && is->outside_forwarding)
		hub_outside_forward(h, true);
	if (other_packets(&was->packets, &is->packets))
		child_configure(h, PROCESS_DATA);
	if (was->packets.df != is->packets.df) /* the MTU of routes follows from it */
		hub_routes_write_again(h);
	if (other_speaker(was, is))
		child_configure(h, PROCESS_BGP);
	if (was->route_table != is->route_table)
		hub_routes_move(h, is->route_table);
	if (!same_metrics(was, is))
		move_metrics(h, live);
}
