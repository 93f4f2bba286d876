/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `data` process: one control thread, which this file is, and the workers. The control thread
 * takes SAs from `ike` (control.c), writes their records where XDP reads them, opens what came the
 * slow way, and tells `ike` what workers noticed. It drops its privileges before the first packet.
 */
#include "proc/data/proc.h"

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/link.h"
#include "dataplane/pace.h"
#include "ipc/datagram.h"
#include "ipc/msg_data.h"
#include "ipc/msg_sa.h"
#include "ipc/privsep.h"
#include "proc/data/control.h"
#include "proc/data/xfrm.h"
#include "proc/roles.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 200

static void esp_slow(struct proc_data *d, const struct imsg_esp_slow *e)
{
	if (e->len > DATAGRAM_MAX)
		return;
	memcpy(d->datagram, (const uint8_t *)(e + 1), e->len);
	worker_slow_lost(d->slow, e->lost);
	worker_slow(d->slow, d->datagram, e->len, &e->remote, true, e->traffic_class);
}

/* A form without UDP shows nowhere else that the peer has moved. */
static void follow_peer(struct proc_data *d, const struct imsg_peer_moved *m)
{
	struct sa_pair *p = sadb_in(d->sadb, m->spi_in);

	if (!p || p->tunnel != m->tunnel)
		return;
	sa_pair_remote_set(p, &m->remote);
	data_sa_moved(d, m->tunnel, &m->remote);
}

static void say_mode(struct proc_data *d)
{
	struct imsg_data_mode mode = {0};

	data_mode_format(d, mode.text, sizeof(mode.text));
	imsg_send(d->hub, IMSG_DATA_MODE, -1, &mode, sizeof(mode));
}

static void set_packets(struct proc_data *d)
{
	for (uint32_t i = 0; i < d->conf.workers; i++)
		worker_packets_set(d->workers[i], &d->conf.packets);
	worker_packets_set(d->slow, &d->conf.packets);
	say_mode(d);
}

static const struct data_backend workers = {
	.sa_add = data_sa_add,
	.sa_use = data_sa_use,
	.sa_del = data_sa_del,
	.sa_keep = data_sa_keep,
	.sa_keep_end = data_sa_keep_end,
	.peer_moved = follow_peer,
	.packets_set = set_packets,
	.esp_slow = esp_slow,
};

/* ---- what workers noticed ---- */

static void on_event(int fd, short what, void *arg)
{
	struct proc_data *d = arg;
	struct worker_event e;

	(void)what;
	while (read(fd, &e, sizeof(e)) == (ssize_t)sizeof(e)) {
		struct imsg_sa_ref ref = {
			.tunnel = e.tunnel, .spi_in = e.spi_in, .spi_out = e.spi_out};
		struct imsg_peer_moved moved = {
			.tunnel = e.tunnel, .spi_in = e.spi_in, .remote = e.remote};

		if (e.type == WORKER_PEER_MOVED)
			data_sa_moved(d, e.tunnel, &e.remote);
		if (!d->ike)
			continue;
		if (e.type == WORKER_SA_EXPIRING)
			imsg_send(d->ike, IMSG_SA_EXPIRING, -1, &ref, sizeof(ref));
		else
			imsg_send(d->ike, IMSG_PEER_MOVED, -1, &moved, sizeof(moved));
	}
}

static void on_tick(int fd, short what, void *arg)
{
	struct proc_data *d = arg;

	(void)fd, (void)what;
	sadb_collect(d->sadb);
	data_sockets_collect(d, clock_now());
	data_path_expire(d, clock_now());
}

/* ---- hub ---- */

/* Into a place of so many. */
static void keep_fd(int *slots, uint32_t at, uint32_t count, struct imsg *m)
{
	if (at >= count) {
		log_error("message %u is of number %u, below %u expected", m->type, at, count);
		return;
	}
	if (slots[at] >= 0)
		close(slots[at]);
	slots[at] = imsg_take_fd(m);
}

static void on_tunnel(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_data_tunnel *t = m->payload;

	if (t->tunnel < SLUICE_MAX_TUNNELS)
		d->tunnels[t->tunnel] = t->packets;
}

static void on_conf(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_data_conf *conf = m->payload;

	d->conf = *conf;
}

static void on_map(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_data_map *map = m->payload;

	if (map->map >= DATA_MAPS)
		return;
	keep_fd(&d->maps[map->map].fd, 0, 1, m);
	d->maps[map->map].size = (size_t)map->entries * ((map->value_size + 7) & ~7u);
}

static void on_tap(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_index *queue = m->payload;

	keep_fd(d->taps, queue->index, SLUICE_MAX_WORKERS, m);
}

static void on_outside(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_data_outside *o = m->payload;

	if (o->place >= SLUICE_MAX_OUTSIDE)
		return;
	d->outside[o->place] = *o;
}

static void on_too_big(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_index *family = m->payload;

	keep_fd(d->too_big_fd, family->index, 2, m);
}

static void on_saved(void *context, struct imsg *m)
{
	struct proc_data *d = context;

	d->saved = data_saved_map(imsg_take_fd(m), &d->saved_count);
	if (!d->saved)
		log_error("the saved SAs cannot be mapped: %s", strerror(errno));
}

static void on_channel(void *context, struct imsg *m)
{
	struct proc_data *d = context;

	keep_fd(&d->ike_fd, 0, 1, m);
}

/* What the process starts from; when it runs, control.c takes what comes. */
static const struct imsg_row initial[] = {
	{IMSG_CHANNEL, .fd = IMSG_NEEDS_FD, .take = on_channel},
	{IMSG_DATA_CONF, sizeof(struct imsg_data_conf), .take = on_conf},
	{IMSG_DATA_MAP, sizeof(struct imsg_data_map), .fd = IMSG_NEEDS_FD, .take = on_map},
	{IMSG_DATA_SOCKET, sizeof(struct imsg_socket), .fd = IMSG_NEEDS_FD,
		.take = data_socket_take},
	{IMSG_DATA_TAP, sizeof(struct imsg_index), .fd = IMSG_NEEDS_FD, .take = on_tap},
	{IMSG_DATA_TOO_BIG, sizeof(struct imsg_index), .fd = IMSG_NEEDS_FD, .take = on_too_big},
	{IMSG_DATA_OUTSIDE, sizeof(struct imsg_data_outside), .take = on_outside},
	{IMSG_DATA_SAVED, .fd = IMSG_NEEDS_FD, .take = on_saved},
	{IMSG_DATA_TUNNEL, sizeof(struct imsg_data_tunnel), .take = on_tunnel},
	{.type = IMSG_INVALID},
};

/* ---- start ---- */

static bool map_memory(struct proc_data *d)
{
	static const enum data_map needed[] = {DATA_MAP_SA_IN, DATA_MAP_BUCKET_IN,
		DATA_MAP_BUCKET_OUT, DATA_MAP_BUCKET_AGGREGATE, DATA_MAP_WORKER_IN_STATS,
		DATA_MAP_WORKER_OUT_STATS, DATA_MAP_TUNNEL_STATS, DATA_MAP_WORKERS};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!data_map(d, needed[i]))
			return false;
	}
	d->sa_in = d->maps[DATA_MAP_SA_IN].start;
	return true;
}

static void share(struct proc_data *d)
{
	d->shared = (struct worker_shared){
		.sadb = d->sadb,
		.workers = d->conf.workers,
		.inside_mtu = d->conf.inside_mtu,
		.inside_uso = d->conf.inside_uso,
		.horizon_ns = worker_horizon_ns(&d->conf.packets),
		.packets = d->conf.packets,
		.tunnels = d->tunnels,
		.bucket_in = d->maps[DATA_MAP_BUCKET_IN].start,
		.bucket_out = d->maps[DATA_MAP_BUCKET_OUT].start,
		.bucket_aggregate = d->maps[DATA_MAP_BUCKET_AGGREGATE].start,
		.in_stats = d->maps[DATA_MAP_WORKER_IN_STATS].start,
		.out_stats = d->maps[DATA_MAP_WORKER_OUT_STATS].start,
		.tunnel_stats = d->maps[DATA_MAP_TUNNEL_STATS].start,
		.worker_stats = d->maps[DATA_MAP_WORKERS].start,
		.event_fd = d->event_pipe[1],
	};
}

static bool has_changed(const struct imsg_data_outside *o)
{
	struct link_device device;

	return !link_device(o->name, &device) || device.ifindex != o->ifindex;
}

/* The AF_XDP sockets of worker `index`: receive queues are dealt out to workers in turn. */
static bool open_xsks(
	struct proc_data *d, uint32_t index, struct xsk *xsks[WORKER_XSKS], uint32_t *count)
{
	char error[DATAPLANE_ERROR_SIZE] = "no memory";

	for (uint32_t o = 0; o < SLUICE_MAX_OUTSIDE; o++) {
		uint32_t queues = d->outside[o].queues;
		if (!d->outside[o].ifindex)
			continue;
		if (queues > SLUICE_MAX_QUEUES)
			queues = SLUICE_MAX_QUEUES;
		for (uint32_t q = index; q < queues; q += d->conf.workers) {
			if (*count == WORKER_XSKS) {
				log_error("%s has %u receive queues, too many for %u workers",
					d->outside[o].name, queues, d->conf.workers);
				return false;
			}
			xsks[*count] = xsk_open(d->outside[o].name, d->outside[o].mtu, q,
				d->maps[DATA_MAP_XSKS].fd, o * SLUICE_MAX_QUEUES + q, error);
			if (!xsks[*count] && has_changed(&d->outside[o])) {
				log_warn("%s; hub will say what became of it", error);
				break;
			}
			if (!xsks[*count]) {
				log_error("%s", error);
				return false;
			}
			d->zero_copy_count += xsk_zero_copy(xsks[*count]);
			d->xsk_count++;
			(*count)++;
		}
	}
	return true;
}

static bool start_workers(struct proc_data *d)
{
	for (uint32_t i = 0; i < d->conf.workers; i++) {
		struct xsk *xsks[WORKER_XSKS];
		uint32_t count = 0;

		if (d->taps[i] < 0) {
			log_error("worker %u has no queue of the inside device", i);
			return false;
		}
		if (!open_xsks(d, i, xsks, &count))
			return false;
		d->workers[i] = worker_new(&d->shared, i, d->taps[i], xsks, count);
		if (!d->workers[i] || !worker_start(d->workers[i])) {
			log_error("worker %u cannot be started", i);
			return false;
		}
	}
	d->slow = worker_new(&d->shared, d->conf.workers, d->taps[0], NULL, 0);
	return d->slow != NULL;
}

static bool start_events(struct proc_data *d)
{
	const struct timeval tick = {.tv_usec = TICK_MS * 1000};

	d->events = event_new(d->base, d->event_pipe[0], EV_READ | EV_PERSIST, on_event, d);
	d->tick = event_new(d->base, -1, EV_PERSIST, on_tick, d);
	if (!d->events || !d->tick || event_add(d->events, NULL) || event_add(d->tick, &tick))
		return false;
	for (uint32_t i = 0; i < DATA_SOCKETS_MAX; i++) {
		if (!data_socket_read(&d->sockets[i]))
			return false;
	}
	return data_path_start(d);
}

static bool setup(struct proc_data *d)
{
	/* One heap: a thread's first allocation would otherwise look up the number of CPUs. */
	mallopt(M_ARENA_MAX, 1);
	if (d->conf.workers < 1 || d->conf.workers > SLUICE_MAX_WORKERS) {
		log_error("%u workers, must be 1 to %d", d->conf.workers, SLUICE_MAX_WORKERS);
		return false;
	}
	d->sadb = sadb_new();
	d->datagram = malloc(DATAGRAM_MAX);
	if (!d->sadb || !d->datagram || pipe2(d->event_pipe, O_NONBLOCK | O_CLOEXEC) ||
		!data_warm_up(d)) {
		log_error("no memory, pipe or cipher: %s", strerror(errno));
		return false;
	}
	data_path_measure(d);
	if (!map_memory(d))
		return false;
	share(d);
	return start_workers(d) && start_events(d);
}

/* Reads up to IMSG_START. False: the channel closed first. */
static bool read_initial(struct proc_data *d, int hub_fd)
{
	static _Alignas(16) uint8_t buffer[IMSG_MAX_SIZE];
	struct imsg m;

	while (imsg_receive_blocking(hub_fd, &m, buffer, sizeof(buffer))) {
		if (m.type == IMSG_START)
			return true;
		(void)imsg_give(initial, d, &m);
	}
	return false;
}

static struct proc_data *proc_new(void)
{
	struct proc_data *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	for (int i = 0; i < SLUICE_MAX_WORKERS; i++)
		d->taps[i] = -1;
	for (int i = 0; i < DATA_MAPS; i++)
		d->maps[i].fd = -1;
	d->event_pipe[0] = d->event_pipe[1] = -1;
	d->too_big_fd[0] = d->too_big_fd[1] = d->ike_fd = -1;
	d->base = event_base_new();
	if (!d->base) {
		free(d);
		return NULL;
	}
	return d;
}

static void free_event(struct event *e)
{
	if (e)
		event_free(e);
}

static void proc_free(struct proc_data *d)
{
	for (uint32_t i = 0; i < d->conf.workers && i < SLUICE_MAX_WORKERS; i++)
		worker_free(d->workers[i]);
	worker_free(d->slow);
	for (uint32_t t = 0; d->sa_in && t < SLUICE_MAX_TUNNELS; t++)
		data_sa_del(d, t, 0, 0);
	sadb_free(d->sadb);
	for (uint32_t i = 0; i < DATA_SOCKETS_MAX; i++)
		free_event(d->sockets[i].readable);
	for (int i = 0; i < 2; i++)
		free_event(d->too_big[i]);
	free_event(d->events);
	free_event(d->tick);
	imsg_channel_free(d->hub);
	imsg_channel_free(d->ike);
	event_base_free(d->base);
	free(d->datagram);
	free(d);
}

int proc_data_run(int hub_fd)
{
	struct proc_data *d = proc_new();
	int status = 1;
	uint32_t restored;

	if (!d)
		return 1;
	if (!read_initial(d, hub_fd))
		goto out;
	if (d->conf.kernel_esp) {
		status = proc_xfrm_run(d, hub_fd, d->ike_fd);
		goto out;
	}
	if (!setup(d))
		goto out;
	data_control_start(d, &workers, hub_fd, d->ike_fd);
	privsep_drop("data");
	/* What another process of this role wrote is read without rights. */
	restored = data_sa_restore(d);
	if (restored)
		log_info("%u SA pairs of the process before this one go on", restored);
	for (uint32_t i = 0; i < d->conf.workers; i++)
		worker_open_gate(d->workers[i]);
	say_mode(d);
	imsg_send(d->hub, IMSG_READY, -1, NULL, 0);
	event_base_dispatch(d->base);
	status = d->status;
out:
	proc_free(d);
	return status;
}
