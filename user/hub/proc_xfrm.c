/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/proc_xfrm.h"

#include "base/log.h"
#include "base/secret.h"
#include "hub/privsep.h"
#include "hub/xfrm_pairs.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TICK_MS 1000

static void on_ike(void *context, const struct imsg *m)
{
	struct proc_xfrm *x = context;
	const struct imsg_peer_moved *moved;
	const struct imsg_sa_keep *keep;
	const struct imsg_sa_ref *ref;
	const struct imsg_sa_add *add;

	if (m->fd >= 0)
		close(m->fd);
	switch (m->type) {
	case IMSG_SA_ADD:
		add = imsg_body(m, sizeof(*add));
		if (add) {
			xfrm_pair_add(x, add);
			secret_wipe((void *)(uintptr_t)add, sizeof(*add));
		}
		break;
	case IMSG_SA_USE:
		ref = imsg_body(m, sizeof(*ref));
		if (ref && !xfrm_pair_use(x, ref->tunnel, ref->spi_out))
			log_warn("tunnel %u: no SA %08x to send on", ref->tunnel, ref->spi_out);
		break;
	case IMSG_SA_DEL:
		ref = imsg_body(m, sizeof(*ref));
		if (ref && (ref->spi_in || ref->spi_out))
			xfrm_pairs_del(x, ref->tunnel, ref->spi_in, ref->spi_out);
		break;
	case IMSG_SA_KEEP:
		keep = imsg_body(m, sizeof(*keep));
		if (keep)
			xfrm_pair_keep(x, keep);
		break;
	case IMSG_SA_KEEP_END:
		xfrm_pairs_keep_end(x);
		break;
	case IMSG_PEER_MOVED:
		moved = imsg_body(m, sizeof(*moved));
		if (moved && moved->tunnel < SLUICE_MAX_TUNNELS)
			xfrm_pairs_move(x, moved->tunnel, &moved->remote);
		break;
	case IMSG_ESP_SLOW:
		break; /* the kernel took it before the socket, or nobody has its SPI */
	default:
		log_error("message %u from ike is not for data", m->type);
	}
}

static void on_ike_gone(void *context)
{
	struct proc_xfrm *x = context;

	imsg_channel_free(x->d->ike);
	x->d->ike = NULL;
}

static void set_ike(struct proc_xfrm *x, int own_fd)
{
	if (x->d->ike)
		imsg_channel_free(x->d->ike);
	x->d->ike = imsg_channel_new(x->d->base, own_fd, on_ike, on_ike_gone, x);
}

/* ---- what the kernel noticed ---- */

static void on_counted(struct proc_xfrm *x, const struct xfrm_event *e)
{
	struct kernel_pair *p = x->pairs[SLUICE_SA_INDEX(e->spi)];
	struct site_stats *s = &x->in_stats[e->tunnel / TUNNELS_PER_SITE];

	if (!p || p->add.spi_in != e->spi || p->add.tunnel != e->tunnel)
		return; /* an outbound SA: TC has counted for it */
	/* A pair that was made again counts from nothing. */
	if (e->replay > p->replay)
		s->replay.packets += e->replay - p->replay;
	if (e->auth > p->auth)
		s->auth.packets += e->auth - p->auth;
	p->replay = e->replay;
	p->auth = e->auth;
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

		xfrm_pairs_move(x, e->tunnel, &e->remote);
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

	for (uint32_t i = 0; i < x->d->outside_count; i++)
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
		c->workers, c->workers == 1 ? "" : "s", c->pacing_horizon_us ? "paced" : "policed",
		offload_text(x));
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

/* ---- hub ---- */

static void on_hub(void *context, const struct imsg *m)
{
	struct proc_xfrm *x = context;
	const struct imsg_data_tunnel *t;

	switch (m->type) {
	case IMSG_CHANNEL:
		if (m->fd >= 0)
			set_ike(x, m->fd);
		return;
	case IMSG_DATA_TUNNEL:
		t = imsg_body(m, sizeof(*t));
		if (t && t->tunnel < SLUICE_MAX_TUNNELS)
			x->d->own_limits[t->tunnel] = t->own_limits;
		if (t && !t->present)
			xfrm_pairs_del(x, t->tunnel, 0, 0);
		break;
	case IMSG_SHUTDOWN:
		event_base_loopbreak(x->d->base);
		break;
	default:
		log_error("message %u from hub is not for a running data process", m->type);
	}
	if (m->fd >= 0)
		close(m->fd);
}

static void on_hub_gone(void *context)
{
	struct proc_xfrm *x = context;

	imsg_channel_free(x->d->hub);
	x->d->hub = NULL;
	x->d->status = 1;
	event_base_loopbreak(x->d->base);
}

/* ---- start and end ---- */

static void *map(struct proc_data *d, enum data_map which)
{
	struct data_map_memory *m = &d->maps[which];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	m->size = (m->size + page - 1) & ~(page - 1);
	m->start = m->fd < 0 ? MAP_FAILED
			     : mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (m->start != MAP_FAILED)
		return m->start;
	log_error("BPF map %d cannot be mapped: %s", which, strerror(errno));
	return NULL;
}

static bool start(struct proc_xfrm *x)
{
	const struct timeval tick = {.tv_sec = TICK_MS / 1000};
	char error[DATAPLANE_ERROR_SIZE];

	x->d->sa_in = map(x->d, DATA_MAP_SA_IN);
	x->selectors = map(x->d, DATA_MAP_SELECTORS);
	x->in_stats = map(x->d, DATA_MAP_WORKER_IN_STATS);
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

/* The cipher that tells a pair's overhead opens files when it is first used. */
static bool warm_up(void)
{
	struct imsg_sa_add a = {.cipher = ESP_AES_CBC,
		.integ = ESP_HMAC_SHA256_128,
		.key_len = 16,
		.integ_len = 32};
	struct imsg_sa_add g = {.cipher = ESP_AES_GCM_16, .key_len = 16};
	struct esp_sa *cbc = data_sa_make(&a, true), *gcm = data_sa_make(&g, true);
	bool ok = cbc && gcm;

	esp_sa_free(cbc);
	esp_sa_free(gcm);
	return ok;
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
	free(x);
}

int proc_xfrm_run(struct proc_data *d, int own_hub_fd, int own_ike_fd)
{
	struct proc_xfrm *x = calloc(1, sizeof(*x));
	int status = 1;

	if (!x)
		return 1;
	x->d = d;
	if (!warm_up() || !start(x))
		goto out;
	d->hub = imsg_channel_new(d->base, own_hub_fd, on_hub, on_hub_gone, x);
	if (own_ike_fd >= 0)
		set_ike(x, own_ike_fd);
	privsep_drop_keeping("data", CAP_NET_ADMIN);
	say_mode(x);
	imsg_send(d->hub, IMSG_READY, -1, NULL, 0);
	event_base_dispatch(d->base);
	status = d->status;
out:
	stop(x);
	return status;
}
