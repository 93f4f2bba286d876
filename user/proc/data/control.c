/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/data/control.h"

#include "base/log.h"
#include "base/secret.h"
#include "ipc/msg_data.h"
#include "ipc/msg_sa.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void keep(struct proc_data *d, const struct imsg_sa_keep *k)
{
	struct imsg_sa_ref lost = {.tunnel = k->tunnel, .spi_in = k->spi_in, .spi_out = k->spi_out};

	if (k->tunnel >= SLUICE_MAX_TUNNELS || !d->backend->sa_keep(d, k))
		imsg_send(d->ike, IMSG_SA_LOST, -1, &lost, sizeof(lost));
}

static void on_sa_add(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	struct imsg_sa_add *add = m->payload;

	d->backend->sa_add(d, add);
	secret_wipe(add, sizeof(*add));
}

static void on_sa_use(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_sa_ref *ref = m->payload;

	if (ref->tunnel < SLUICE_MAX_TUNNELS && !d->backend->sa_use(d, ref->tunnel, ref->spi_out))
		log_warn("tunnel %u: no SA %08x to send on", ref->tunnel, ref->spi_out);
}

static void on_sa_del(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_sa_ref *ref = m->payload;

	/* Naming none deletes none: all of a tunnel's go with IMSG_DATA_TUNNEL. */
	if (ref->tunnel < SLUICE_MAX_TUNNELS && (ref->spi_in || ref->spi_out))
		d->backend->sa_del(d, ref->tunnel, ref->spi_in, ref->spi_out);
}

static void on_sa_keep(void *context, struct imsg *m)
{
	keep(context, m->payload);
}

static void on_sa_keep_end(void *context, struct imsg *m)
{
	struct proc_data *d = context;

	(void)m;
	d->backend->sa_keep_end(d);
}

static void on_moved(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_peer_moved *moved = m->payload;

	if (moved->tunnel < SLUICE_MAX_TUNNELS)
		d->backend->peer_moved(d, moved);
}

static void on_esp_slow(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_esp_slow *e = m->payload;

	if (d->backend->esp_slow && e->len <= m->len - sizeof(*e))
		d->backend->esp_slow(d, e);
}

static const struct imsg_row from_ike[] = {
	{IMSG_SA_ADD, sizeof(struct imsg_sa_add), .take = on_sa_add},
	{IMSG_SA_USE, sizeof(struct imsg_sa_ref), .take = on_sa_use},
	{IMSG_SA_DEL, sizeof(struct imsg_sa_ref), .take = on_sa_del},
	{IMSG_SA_KEEP, sizeof(struct imsg_sa_keep), .take = on_sa_keep},
	{IMSG_SA_KEEP_END, .take = on_sa_keep_end},
	{IMSG_PEER_MOVED, sizeof(struct imsg_peer_moved), .take = on_moved},
	{IMSG_ESP_SLOW, sizeof(struct imsg_esp_slow), IMSG_BYTES, .take = on_esp_slow},
	{.type = IMSG_INVALID},
};

static void on_ike(void *context, const struct imsg *m)
{
	(void)imsg_give(from_ike, context, m);
}

static void on_ike_gone(void *context)
{
	struct proc_data *d = context;

	imsg_channel_free(d->ike);
	d->ike = NULL; /* SAs stay: traffic goes on until ike is back and says otherwise */
}

static void set_ike(struct proc_data *d, int own_fd)
{
	if (d->ike)
		imsg_channel_free(d->ike);
	d->ike = imsg_channel_new(d->base, own_fd, on_ike, on_ike_gone, d);
}

static void take_outside(struct proc_data *d, const struct imsg_data_outside *o)
{
	if (o->place >= SLUICE_MAX_OUTSIDE)
		return;
	d->outside[o->place] = *o;
	if (!d->xfrm)
		data_path_measure(d);
}

static void on_outside(void *context, struct imsg *m)
{
	take_outside(context, m->payload);
}

static void on_channel(void *context, struct imsg *m)
{
	set_ike(context, imsg_take_fd(m));
}

static void on_tunnel(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_data_tunnel *t = m->payload;

	if (t->tunnel >= SLUICE_MAX_TUNNELS)
		return;
	d->tunnels[t->tunnel] = t->packets;
	if (t->present)
		return;
	d->backend->sa_del(d, t->tunnel, 0, 0);
	data_path_forget(d, t->tunnel);
}

/* Of a process that runs only what packets get can change; hub starts another one for the rest. */
static void on_conf(void *context, struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_data_conf *conf = m->payload;

	d->conf.packets = conf->packets;
	d->backend->packets_set(d);
}

static void on_shutdown(void *context, struct imsg *m)
{
	struct proc_data *d = context;

	(void)m;
	event_base_loopbreak(d->base);
}

static const struct imsg_row from_hub[] = {
	{IMSG_CHANNEL, .fd = IMSG_NEEDS_FD, .take = on_channel},
	{IMSG_SHUTDOWN, .take = on_shutdown},
	{IMSG_DATA_CONF, sizeof(struct imsg_data_conf), .take = on_conf},
	{IMSG_DATA_SOCKET, sizeof(struct imsg_socket), .fd = IMSG_NEEDS_FD,
		.take = data_socket_take},
	{IMSG_DATA_SOCKET_GONE, sizeof(struct imsg_socket), .take = data_socket_gone},
	{IMSG_DATA_OUTSIDE, sizeof(struct imsg_data_outside), .take = on_outside},
	{IMSG_DATA_TUNNEL, sizeof(struct imsg_data_tunnel), .take = on_tunnel},
	{.type = IMSG_INVALID},
};

static void on_hub(void *context, const struct imsg *m)
{
	(void)imsg_give(from_hub, context, m);
}

static void on_hub_gone(void *context)
{
	struct proc_data *d = context;

	imsg_channel_free(d->hub);
	d->hub = NULL;
	d->status = 1;
	event_base_loopbreak(d->base);
}

void data_control_start(
	struct proc_data *d, const struct data_backend *backend, int own_hub_fd, int own_ike_fd)
{
	d->backend = backend;
	d->hub = imsg_channel_new(d->base, own_hub_fd, on_hub, on_hub_gone, d);
	imsg_channel_answer(d->hub);
	if (own_ike_fd >= 0)
		set_ike(d, own_ike_fd);
}

void *data_map(struct proc_data *d, enum data_map which)
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

bool data_warm_up(struct proc_data *d)
{
	struct imsg_sa_add a = {.cipher = ESP_AES_CBC,
		.integ = ESP_HMAC_SHA256_128,
		.key_len = 16,
		.integ_len = 32};
	struct imsg_sa_add g = {.cipher = ESP_AES_GCM_16, .key_len = 16};
	struct esp_sa *cbc = data_sa_make(&a, true), *gcm = data_sa_make(&g, true);
	bool ok = cbc && gcm;

	if (ok)
		snprintf(d->engine, sizeof(d->engine), "%s", esp_sa_engine(gcm));
	esp_sa_free(cbc);
	esp_sa_free(gcm);
	return ok;
}
