/* SPDX-License-Identifier: Apache-2.0 */
/* What each child is told when it starts: all that it has to know, for it knows nothing of before. */
#include "hub/api/api.h"
#include "hub/api/remote.h"
#include "hub/child/child.h"

#include "base/log.h"
#include "hub/event/alarms.h"
#include "hub/host/host.h"
#include "hub/route/route.h"
#include "hub/secret/certificates.h"
#include "hub/site/site.h"
#include "ipc/msg_api.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_data.h"
#include "ipc/msg_ike.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

static bool lacks_descriptors; /* of the child that is being told */

/* -1 where there is none to give, as for one that is not open here. */
static int dup_fd(int fd)
{
	int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	lacks_descriptors |= fd >= 0 && copy < 0;
	return copy;
}

/* A fresh ike <-> data channel; whichever of the two is there already gets its end now. */
static void connect_ike_and_data(struct hub *h)
{
	int pair[2];

	if (!h->processes[PROCESS_IKE].channel || !h->processes[PROCESS_DATA].channel)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		log_error("socketpair: %s", strerror(errno));
		lacks_descriptors = true;
		return;
	}
	process_send(&h->processes[PROCESS_DATA], IMSG_CHANNEL, pair[0], NULL, 0);
	process_send(&h->processes[PROCESS_IKE], IMSG_CHANNEL, pair[1], NULL, 0);
}

static void send_sockets(struct hub *h, struct process *p)
{
	for (uint32_t i = 0; i < h->host->sockets.count; i++) {
		const struct outside_socket *s = &h->host->sockets.list[i];

		if (p->role == PROCESS_IKE && s->for_ike)
			process_send(
				p, IMSG_IKE_SOCKET, dup_fd(s->fd), &s->address, sizeof(s->address));
		if (p->role == PROCESS_DATA && s->for_data && !h->kernel_esp)
			process_send(p, IMSG_DATA_SOCKET, dup_fd(s->fd), &s->address,
				sizeof(s->address));
	}
}

static void send_maps(struct hub *h, struct process *p)
{
	static const enum data_map maps[] = {DATA_MAP_SA_IN, DATA_MAP_BUCKET_IN,
		DATA_MAP_BUCKET_OUT, DATA_MAP_BUCKET_AGGREGATE, DATA_MAP_WORKER_IN_STATS,
		DATA_MAP_WORKER_OUT_STATS, DATA_MAP_TUNNEL_STATS, DATA_MAP_WORKERS, DATA_MAP_XSKS,
		DATA_MAP_SELECTORS};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		struct imsg_data_map m = {.map = maps[i],
			.value_size = bpf_plane_map_value_size(h->plane, maps[i]),
			.entries = bpf_plane_map_entries(h->plane, maps[i])};

		process_send(p, IMSG_DATA_MAP, dup_fd(bpf_plane_map_fd(h->plane, maps[i])), &m,
			sizeof(m));
	}
}

static void start_data(struct hub *h, struct process *p)
{
	child_configure(h, PROCESS_DATA);
	send_maps(h, p);
	for (uint32_t q = 0; !h->kernel_esp && q < h->workers; q++) {
		struct imsg_index queue = {.index = q};

		process_send(
			p, IMSG_DATA_TAP, dup_fd(link_queue_fd(h->link, q)), &queue, sizeof(queue));
	}
	send_sockets(h, p);
	for (uint32_t i = 0; i < 2; i++) {
		const struct imsg_index index = {.index = i};

		if (h->host->too_big[i] >= 0)
			process_send(p, IMSG_DATA_TOO_BIG, dup_fd(h->host->too_big[i]), &index,
				sizeof(index));
	}
	for (uint32_t i = 0; i < h->model.host.outside_count; i++)
		process_send(p, IMSG_DATA_OUTSIDE, -1, &h->model.host.outside[i],
			sizeof(h->model.host.outside[i]));
	hub_sites_send(h, p);
	process_send(p, IMSG_DATA_SAVED, dup_fd(h->host->saved_fd), NULL, 0);
	connect_ike_and_data(h);
}

/* The new process reports every SA it takes over. */
static void forget_sas(struct hub *h)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++)
			h->model.sites[i]->tunnels[t].sa_count = 0;
	}
}

/* The state of ike's SAs outlives it, whom they were made with does not. */
static void send_peer_certs(struct hub *h, struct process *p)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			const struct site *site = h->model.sites[i];
			const struct site_cert *cert = site->tunnels[t].cert;
			struct imsg_peer_cert m = {.tunnel = tunnel_number(site, t)};

			if (!cert)
				continue;
			m.facts = cert->facts;
			m.chain = cert->chain;
			process_send(p, IMSG_PEER_CERT, -1, &m, sizeof(m));
		}
	}
}

static void start_ike(struct hub *h, struct process *p)
{
	if (h->started)
		(void)hub_audit_note(h, "secret-read", "done",
			"ike is started again, and is given all that it uses");
	forget_sas(h);
	unknown_list_clear(&h->model.unknown);
	process_send(p, IMSG_IKE_CHECKPOINT, dup_fd(h->host->checkpoint_fd), NULL, 0);
	process_send(
		p, IMSG_IKE_SPIS, dup_fd(bpf_plane_map_fd(h->plane, DATA_MAP_IKE_SPIS)), NULL, 0);
	send_sockets(h, p);
	certificates_send(h);
	hub_sites_send(h, p);
	send_peer_certs(h, p);
	connect_ike_and_data(h);
}

struct owners {
	struct hub *h;
	struct imsg_bgp_owners m;
};

static void send_owners(struct owners *o)
{
	if (o->m.count)
		process_send(
			&o->h->processes[PROCESS_BGP], IMSG_BGP_OWNERS, -1, &o->m, sizeof(o->m));
	o->m.count = 0;
}

static void collect_owner(void *context, const struct route_entry *e)
{
	struct owners *o = context;
	const struct site *site = site_of_tunnel(&o->h->model, e->tunnel);

	if (!site)
		return;
	o->m.owners[o->m.count].prefix = route_prefix(e);
	o->m.owners[o->m.count].group = site->group;
	if (++o->m.count == IMSG_OWNERS_MAX)
		send_owners(o);
}

static void start_bgp(struct hub *h, struct process *p)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	struct owners owners = {.h = h};

	child_configure(h, PROCESS_BGP);
	for (int i = 0; i < 2; i++) {
		struct imsg_socket s = {
			.local = {.addr = {.family = i ? AF_INET6 : AF_INET}, .port = 179}};

		process_send(p, IMSG_BGP_LISTEN, dup_fd(hub_bgp_listener(h, s.local.addr.family)),
			&s, sizeof(s));
	}
	for (uint32_t i = 0; i < c->networks.count; i++) {
		struct imsg_bgp_network n = {.prefix = c->networks.prefixes[i], .present = true};

		process_send(p, IMSG_BGP_NETWORK, -1, &n, sizeof(n));
	}
	hub_reserved_send(h, p);
	route_table_read(h->model.routes, collect_owner, &owners);
	send_owners(&owners);
	hub_sites_send(h, p);
}

static void start_api(struct hub *h, struct process *p)
{
	imsg_channel_pace(p->channel, API_WAITING_MAX);
	hub_clients_begin(h, h->host->control_fd);
	if (h->host->metrics_fd >= 0)
		child_configure(h, p->role);
}

static void start_remote(struct hub *h, struct process *p)
{
	imsg_channel_pace(p->channel, API_WAITING_MAX);
	remote_begin(h);
	hub_clients_forget(h, API_OF_REMOTE);
	remote_send_certificate(h);
}

static void start_watch(struct hub *h, struct process *p)
{
	if (h->host->events_fd >= 0)
		process_send(p, IMSG_WATCH_DIRECTORY, dup_fd(h->host->events_fd), NULL, 0);
	hub_alarms_rules(h);
}

void child_start(void *context, struct process *p)
{
	static void (*const starts[PROCESS_ROLES])(struct hub *, struct process *) = {
		[PROCESS_DATA] = start_data,
		[PROCESS_IKE] = start_ike,
		[PROCESS_BGP] = start_bgp,
		[PROCESS_API] = start_api,
		[PROCESS_REMOTE] = start_remote,
		[PROCESS_WATCH] = start_watch,
	};

	lacks_descriptors = false;
	starts[p->role](context, p);
	process_send(p, IMSG_START, -1, NULL, 0);
	if (!lacks_descriptors)
		return;
	/* It would serve without a socket, and nobody would know. */
	log_error("%s: there are no descriptors for what it needs: it is ended, and started again",
		process_names[p->role]);
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
}
