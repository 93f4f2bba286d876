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

/* The tunnel and SPIs of a message about SAs that may be here; NULL: it makes no sense. */
static const struct imsg_sa_ref *sa_ref(const struct imsg *m)
{
	const struct imsg_sa_ref *ref = imsg_body(m, sizeof(*ref));

	return ref && ref->tunnel < SLUICE_MAX_TUNNELS ? ref : NULL;
}

static void on_ike(void *context, const struct imsg *m)
{
	struct proc_data *d = context;
	const struct data_backend *b = d->backend;
	const struct imsg_peer_moved *moved;
	const struct imsg_sa_keep *k;
	const struct imsg_sa_ref *ref;
	const struct imsg_sa_add *add;

	if (m->fd >= 0)
		close(m->fd);
	switch (m->type) {
	case IMSG_SA_ADD:
		add = imsg_body(m, sizeof(*add));
		if (add) {
			b->sa_add(d, add);
			secret_wipe((void *)(uintptr_t)add, sizeof(*add));
		}
		break;
	case IMSG_SA_USE:
		ref = sa_ref(m);
		if (ref && !b->sa_use(d, ref->tunnel, ref->spi_out))
			log_warn("tunnel %u: no SA %08x to send on", ref->tunnel, ref->spi_out);
		break;
	case IMSG_SA_DEL:
		ref = sa_ref(m);
		/* Naming none deletes none: all of a tunnel's go with IMSG_DATA_TUNNEL. */
		if (ref && (ref->spi_in || ref->spi_out))
			b->sa_del(d, ref->tunnel, ref->spi_in, ref->spi_out);
		break;
	case IMSG_SA_KEEP:
		k = imsg_body(m, sizeof(*k));
		if (k)
			keep(d, k);
		break;
	case IMSG_SA_KEEP_END:
		b->sa_keep_end(d);
		break;
	case IMSG_PEER_MOVED:
		moved = imsg_body(m, sizeof(*moved));
		if (moved && moved->tunnel < SLUICE_MAX_TUNNELS)
			b->peer_moved(d, moved);
		break;
	case IMSG_ESP_SLOW:
		if (b->esp_slow)
			b->esp_slow(d, m);
		break;
	default:
		log_error("message %u from ike is not for data", m->type);
	}
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
	for (uint32_t i = 0; i < d->outside_count; i++) {
		if (!strncmp(d->outside[i].name, o->name, sizeof(o->name)))
			d->outside[i] = *o;
	}
	if (!d->xfrm)
		data_path_measure(d);
}

static void on_hub(void *context, const struct imsg *m)
{
	struct proc_data *d = context;
	const struct imsg_data_outside *o;
	const struct imsg_data_tunnel *t;

	switch (m->type) {
	case IMSG_DATA_OUTSIDE:
		o = imsg_body(m, sizeof(*o));
		if (o)
			take_outside(d, o);
		break;
	case IMSG_CHANNEL:
		if (m->fd >= 0)
			set_ike(d, m->fd);
		return;
	case IMSG_DATA_TUNNEL:
		t = imsg_body(m, sizeof(*t));
		if (!t || t->tunnel >= SLUICE_MAX_TUNNELS)
			break;
		d->own_limits[t->tunnel] = t->own_limits;
		if (!t->present) {
			d->backend->sa_del(d, t->tunnel, 0, 0);
			data_path_forget(d, t->tunnel);
		}
		break;
	case IMSG_SHUTDOWN:
		event_base_loopbreak(d->base);
		break;
	default:
		log_error("message %u from hub is not for a running data process", m->type);
	}
	if (m->fd >= 0)
		close(m->fd);
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
