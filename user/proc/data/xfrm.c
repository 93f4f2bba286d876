/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/data/xfrm.h"

#include "base/log.h"
#include "ipc/msg_data.h"
#include "ipc/msg_sa.h"
#include "ipc/privsep.h"
#include "proc/data/control.h"
#include "proc/data/xfrm_pairs.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 1000

/* ---- what the kernel noticed ---- */

static void on_counted(struct proc_xfrm *x, const struct xfrm_event *e)
{
	struct kernel_pair *p = x->pairs[SLUICE_SA_INDEX(e->spi)];
	struct site_stats *s = &x->in_stats[e->tunnel / TUNNELS_PER_SITE];
	struct saved_sa *saved = x->d->saved ? &x->d->saved[SLUICE_SA_INDEX(e->spi)] : NULL;

	if (!p || p->add.spi_in != e->spi || p->add.tunnel != e->tunnel)
		return; /* an outbound SA: TC has counted for it */
	/* A pair that was made again counts from nothing. */
	if (e->replay > p->replay)
		s->replay.packets += e->replay - p->replay;
	if (e->auth > p->auth)
		s->auth.packets += e->auth - p->auth;
	p->replay = e->replay;
	p->auth = e->auth;
	if (saved) {
		saved->counted_replay = e->replay;
		saved->counted_auth = e->auth;
	}
}

static void on_kernel(void *context, const struct xfrm_event *e)
{
	struct proc_xfrm *x = context;
	const struct kernel_pair *p;

	switch (e->type) {
	case XFRM_EVENT_COUNTED:
		x->sas++;
		x->offloaded += e->offloaded;
		on_counted(x, e);
		break;
	case XFRM_EVENT_EXPIRING:
		p = xfrm_pair_find_out(x, e->tunnel, e->spi);
		if (p && x->d->ike) {
			struct imsg_sa_ref ref = {.tunnel = e->tunnel,
				.spi_in = p->add.spi_in,
				.spi_out = p->add.spi_out};

			imsg_send(x->d->ike, IMSG_SA_EXPIRING, -1, &ref, sizeof(ref));
		}
		break;
	case XFRM_EVENT_MOVED: {
		struct imsg_peer_moved moved = {
			.tunnel = e->tunnel, .spi_in = e->spi, .remote = e->remote};

		xfrm_pairs_move(x->d, &moved);
		if (x->d->ike)
			imsg_send(x->d->ike, IMSG_PEER_MOVED, -1, &moved, sizeof(moved));
		break;
	}
	}
}

/* Whose crypto it is. A device that can may still refuse an algorithm, or ESP in UDP. */
static const char *offload_text(const struct proc_xfrm *x)
{
	bool able = false;

	for (uint32_t i = 0; i < SLUICE_MAX_OUTSIDE; i++)
		able = able || x->d->outside[i].esp_offload;
	if (!able)
		return "no device with ESP offload";
	if (!x->sas)
		return "ESP offload";
	if (!x->offloaded)
		return "ESP offload of no SA";
	return x->offloaded < x->sas ? "ESP offload of some SAs" : "ESP offload of all SAs";
}

/* At start, and when it has changed. */
static void say_mode(struct proc_xfrm *x)
{
	struct imsg_data_mode mode = {0};
	const struct imsg_data_conf *c = &x->d->conf;

	snprintf(mode.text, sizeof(mode.text), "kernel ESP, spread over %u CPU%s, %s, %s",
		c->workers, c->workers == 1 ? "" : "s",
		c->packets.pacing_horizon_us ? "paced" : "policed", offload_text(x));
	if (!strcmp(mode.text, x->mode.text))
		return;
	x->mode = mode;
	imsg_send(x->d->hub, IMSG_DATA_MODE, -1, &mode, sizeof(mode));
}

static void on_readable(int fd, short what, void *arg)
{
	struct proc_xfrm *x = arg;

	(void)fd, (void)what;
	xfrm_read(x->xfrm);
}

static void on_tick(int fd, short what, void *arg)
{
	struct proc_xfrm *x = arg;

	(void)fd, (void)what;
	x->sas = x->offloaded = 0;
	xfrm_count(x->xfrm);
	say_mode(x);
}

/* ---- start and end ---- */

static bool start(struct proc_xfrm *x)
{
	const struct timeval tick = {.tv_sec = TICK_MS / 1000};
	char error[DATAPLANE_ERROR_SIZE];

	x->d->sa_in = data_map(x->d, DATA_MAP_SA_IN);
	x->selectors = data_map(x->d, DATA_MAP_SELECTORS);
	x->in_stats = data_map(x->d, DATA_MAP_WORKER_IN_STATS);
	if (!x->d->sa_in || !x->selectors || !x->in_stats)
		return false;
	x->in_stats += (size_t)x->d->conf.workers * SLUICE_MAX_SITES;
	x->xfrm = xfrm_open(on_kernel, x, error);
	if (!x->xfrm) {
		log_error("%s", error);
		return false;
	}
	xfrm_pairs_restore(x);
	x->readable = event_new(x->d->base, xfrm_fd(x->xfrm), EV_READ | EV_PERSIST, on_readable, x);
	x->tick = event_new(x->d->base, -1, EV_PERSIST, on_tick, x);
	return x->readable && x->tick && !event_add(x->readable, NULL) &&
	       !event_add(x->tick, &tick);
}

static void stop(struct proc_xfrm *x)
{
	if (x->xfrm && x->d->sa_in)
		xfrm_pairs_flush(x);
	if (x->readable)
		event_free(x->readable);
	if (x->tick)
		event_free(x->tick);
	xfrm_close(x->xfrm);
	x->d->sa_in = NULL;
	x->d->xfrm = NULL;
	free(x);
}

/* All else of it is in the programs, which hub tells. */
static void set_packets(struct proc_data *d)
{
	say_mode(d->xfrm);
}

/* No esp_slow: the kernel took it before the socket, or nobody has its SPI. */
static const struct data_backend kernel = {
	.sa_add = xfrm_pair_add,
	.sa_use = xfrm_pair_use,
	.sa_del = xfrm_pairs_del,
	.sa_keep = xfrm_pair_keep,
	.sa_keep_end = xfrm_pairs_keep_end,
	.peer_moved = xfrm_pairs_move,
	.packets_set = set_packets,
};

int proc_xfrm_run(struct proc_data *d, int own_hub_fd, int own_ike_fd)
{
	struct proc_xfrm *x = calloc(1, sizeof(*x));
	int status = 1;

	if (!x)
		return 1;
	x->d = d;
	d->xfrm = x;
	/* The cipher that tells a pair's overhead is one of ours. */
	if (!data_warm_up(d) || !start(x))
		goto out;
	data_control_start(d, &kernel, own_hub_fd, own_ike_fd);
	privsep_drop_keeping("data", CAP_NET_ADMIN);
	say_mode(x);
	imsg_send(d->hub, IMSG_READY, -1, NULL, 0);
	event_base_dispatch(d->base);
	status = d->status;
out:
	stop(x);
	return status;
}
