/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/proc_xfrm.h"

#include "base/log.h"
#include "base/secret.h"
#include "dataplane/xfrm.h"
#include "hub/data_saved.h"
#include "hub/privsep.h"
#include "hub/proc_data.h"

#include <errno.h>
#include <linux/capability.h>
#include <netlink/errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TICK_MS 1000

/* A pair as ike gave it, to make it again when its peer has moved. Wiped with the pair. */
struct kernel_pair {
	struct imsg_sa_add add;
	bool sends;            /* its outbound SA is in the kernel */
	bool kept;             /* ike has it too */
	uint64_t replay, auth; /* counted so far */
};

struct proc_xfrm {
	struct proc_data *d;
	struct xfrm *xfrm;
	struct event *readable, *tick;
	struct tunnel_selectors *selectors;
	struct site_stats *in_stats; /* the control thread's rows */
	struct kernel_pair *pairs[SLUICE_SA_ENTRIES];
	uint32_t using[SLUICE_MAX_TUNNELS]; /* inbound SPI of the pair that sends; 0: none */
};

/* ---- what XDP and TC know ---- */

static void record_clear(struct proc_xfrm *x, uint32_t spi)
{
	__atomic_store_n(&x->d->sa_in[SLUICE_SA_INDEX(spi)].spi, 0, __ATOMIC_RELEASE);
}

static void record_write(struct proc_xfrm *x, const struct imsg_sa_add *a, uint32_t overhead)
{
	struct sa_in *r = &x->d->sa_in[SLUICE_SA_INDEX(a->spi_in)];

	record_clear(x, a->spi_in);
	r->site = (uint16_t)(a->tunnel / TUNNELS_PER_SITE);
	r->tunnel = (uint16_t)a->tunnel;
	r->outer_family = a->local.addr.family == AF_INET ? 4 : 6;
	r->udp_encap = a->udp_encap;
	r->overhead = (uint16_t)overhead;
	memset(r->local, 0, sizeof(r->local));
	memcpy(r->local, a->local.addr.bytes, addr_len(&a->local.addr));
	__atomic_store_n(&r->spi, a->spi_in, __ATOMIC_RELEASE);
}

static void list_write(struct selector_record *to, const struct selector_set *from)
{
	memset(to, 0, SLUICE_SELECTORS * sizeof(*to));
	for (unsigned int i = 0; i < from->count && i < SLUICE_SELECTORS; i++) {
		const struct selector *s = &from->selectors[i];
		size_t n = addr_len(&s->first);

		memcpy(to[i].first, s->first.bytes, n);
		memcpy(to[i].last, s->last.bytes, n);
		to[i].first_port = s->first_port;
		to[i].last_port = s->last_port;
		to[i].family = s->first.family == AF_INET ? 4 : 6;
		to[i].protocol = s->protocol;
	}
}

/* Pairs of one tunnel are negotiated for the same traffic: the newest pair's selectors hold. */
static void selectors_write(struct proc_xfrm *x, const struct imsg_sa_add *a)
{
	struct tunnel_selectors *s = &x->selectors[a->tunnel];
	bool any = selectors_any(&a->local_ts) && selectors_any(&a->remote_ts);

	if (!any) {
		list_write(s->local, &a->local_ts);
		list_write(s->remote, &a->remote_ts);
	}
	__atomic_store_n(&s->restricted, !any, __ATOMIC_RELEASE);
}

/* ---- the kernel ---- */

static void describe(
	const struct imsg_sa_add *a, bool outbound, struct esp_params *p, struct xfrm_sa *sa)
{
	*p = (struct esp_params){
		.spi = outbound ? a->spi_out : a->spi_in,
		.outbound = outbound,
		.cipher = a->cipher,
		.integ = a->integ,
		.esn = a->esn,
		.replay_window = a->replay_window,
		.key_len = a->key_len,
		.integ_len = a->integ_len,
	};
	memcpy(p->key, outbound ? a->key_out : a->key_in, a->key_len);
	memcpy(p->salt, outbound ? a->salt_out : a->salt_in, sizeof(p->salt));
	memcpy(p->integ_key, outbound ? a->integ_out : a->integ_in, a->integ_len);
	*sa = (struct xfrm_sa){.tunnel = a->tunnel,
		.esp = p,
		.local = a->local,
		.remote = a->remote,
		.udp_encap = a->udp_encap};
}

static uint32_t offload_device(const struct proc_xfrm *x, const struct imsg_sa_add *a)
{
	for (uint32_t i = 0; i < x->d->outside_count; i++) {
		const struct imsg_data_outside *o = &x->d->outside[i];

		for (uint32_t k = 0; o->esp_offload && k < o->address_count; k++) {
			if (addr_equal(&o->addresses[k], &a->local.addr))
				return o->ifindex;
		}
	}
	return 0;
}

static bool sa_add(struct proc_xfrm *x, const struct imsg_sa_add *a, bool outbound,
	const struct xfrm_replay *replay)
{
	struct esp_params p;
	struct xfrm_sa sa;
	int r;

	describe(a, outbound, &p, &sa);
	sa.replay = replay;
	sa.offload_ifindex = offload_device(x, a);
	r = xfrm_sa_add(x->xfrm, &sa);
	secret_wipe(&p, sizeof(p));
	if (r)
		log_error("tunnel %u: the kernel refused SA %08x: %s", a->tunnel,
			outbound ? a->spi_out : a->spi_in, nl_geterror(r));
	return !r;
}

static struct saved_sa *saved(const struct proc_xfrm *x, uint32_t spi_in)
{
	return x->d->saved ? &x->d->saved[SLUICE_SA_INDEX(spi_in)] : NULL;
}

static void pair_free(struct kernel_pair *p)
{
	if (p)
		secret_wipe(p, sizeof(*p));
	free(p);
}

static void pair_remove(struct proc_xfrm *x, uint32_t index)
{
	struct kernel_pair *p = x->pairs[index];

	record_clear(x, p->add.spi_in);
	if (x->using[p->add.tunnel] == p->add.spi_in) {
		xfrm_policy_del(x->xfrm, p->add.tunnel);
		x->using[p->add.tunnel] = 0;
	}
	(void)xfrm_sa_del(x->xfrm, p->add.spi_in, &p->add.local.addr);
	if (p->sends)
		(void)xfrm_sa_del(x->xfrm, p->add.spi_out, &p->add.remote.addr);
	if (x->d->saved)
		data_saved_wipe(&x->d->saved[index]);
	x->pairs[index] = NULL;
	pair_free(p);
}

/* ---- ike ---- */

static bool add_valid(const struct imsg_sa_add *a)
{
	return a->tunnel < SLUICE_MAX_TUNNELS && SLUICE_SA_TUNNEL(a->spi_in) == a->tunnel &&
	       a->spi_in > 255 && a->spi_out > 255 && addr_is_set(&a->local.addr) &&
	       addr_is_set(&a->remote.addr) && a->local.addr.family == a->remote.addr.family &&
	       a->local_ts.count <= SELECTORS_MAX && a->remote_ts.count <= SELECTORS_MAX &&
	       a->key_len <= sizeof(a->key_in) && a->integ_len <= sizeof(a->integ_in);
}

static void on_add(struct proc_xfrm *x, const struct imsg_sa_add *a)
{
	struct imsg_sa_ref ref = {.tunnel = a->tunnel, .spi_in = a->spi_in, .spi_out = a->spi_out};
	uint32_t index = SLUICE_SA_INDEX(a->spi_in);
	struct esp_sa *sa = add_valid(a) ? data_sa_make(a, false) : NULL;
	struct kernel_pair *p = sa ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		log_error("tunnel %u: SA %08x refused: its parts make no sense, or no memory",
			a->tunnel, a->spi_in);
		esp_sa_free(sa);
		return;
	}
	if (x->pairs[index])
		pair_remove(x, index);
	p->add = *a;
	if (!sa_add(x, a, false, NULL)) {
		pair_free(p);
		esp_sa_free(sa);
		return;
	}
	x->pairs[index] = p;
	selectors_write(x, a);
	record_write(x, a, esp_overhead(sa));
	if (saved(x, a->spi_in))
		data_saved_put(saved(x, a->spi_in), a);
	esp_sa_free(sa);
	if (x->d->ike)
		imsg_send(x->d->ike, IMSG_SA_INSTALLED, -1, &ref, sizeof(ref));
}

static struct kernel_pair *find_out(struct proc_xfrm *x, uint32_t tunnel, uint32_t spi_out)
{
	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		struct kernel_pair *p = x->pairs[tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + i];

		if (p && p->add.spi_out == spi_out)
			return p;
	}
	return NULL;
}

/*
 * The outbound SA comes with its first use, and the policy that names it after it: at no moment does
 * the policy lead to an SA that is not there.
 */
static bool on_use(struct proc_xfrm *x, uint32_t tunnel, uint32_t spi_out)
{
	struct kernel_pair *p = tunnel < SLUICE_MAX_TUNNELS ? find_out(x, tunnel, spi_out) : NULL;
	int r;

	if (!p)
		return false;
	if (!p->sends && !sa_add(x, &p->add, true, NULL))
		return false;
	p->sends = true;
	r = xfrm_policy_set(x->xfrm, tunnel, spi_out, &p->add.local.addr, &p->add.remote.addr);
	if (r)
		log_error("tunnel %u: the kernel refused the policy for SA %08x: %s", tunnel,
			spi_out, nl_geterror(r));
	else
		x->using[tunnel] = p->add.spi_in;
	for (uint32_t i = 0; !r && x->d->saved && i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		struct saved_sa *s = &x->d->saved[tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + i];

		data_saved_use(s, s->add.spi_in == p->add.spi_in);
	}
	return !r;
}

static void on_del(struct proc_xfrm *x, uint32_t tunnel, uint32_t spi_in, uint32_t spi_out)
{
	if (tunnel >= SLUICE_MAX_TUNNELS)
		return;
	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		uint32_t index = tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + i;
		const struct kernel_pair *p = x->pairs[index];

		if (p && (!spi_in || p->add.spi_in == spi_in) &&
			(!spi_out || p->add.spi_out == spi_out))
			pair_remove(x, index);
	}
}

static void flush(struct proc_xfrm *x)
{
	for (uint32_t i = 0; i < SLUICE_SA_ENTRIES; i++) {
		if (x->pairs[i])
			pair_remove(x, i);
		__atomic_store_n(&x->d->sa_in[i].spi, 0, __ATOMIC_RELEASE);
	}
	xfrm_flush(x->xfrm, NULL, NULL);
}

static bool keeps(void *context, uint32_t tunnel, uint32_t spi)
{
	const struct proc_xfrm *x = context;

	if (!spi)
		return x->using[tunnel];
	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		const struct kernel_pair *p = x->pairs[tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + i];

		if (p && (p->add.spi_in == spi || (p->sends && p->add.spi_out == spi)))
			return true;
	}
	return false;
}

/* A pair that the process before this one put into the kernel, where it still is. */
static bool take_over(struct proc_xfrm *x, const struct saved_sa *s)
{
	const struct imsg_sa_add *a = &s->add;
	struct xfrm_replay ignored;
	struct kernel_pair *p;

	if (!data_saved_whole(s) || !add_valid(a) ||
		!xfrm_sa_replay(x->xfrm, a->spi_in, &a->local.addr, &ignored))
		return false;
	p = calloc(1, sizeof(*p));
	if (!p)
		return false;
	p->add = *a;
	p->sends = xfrm_sa_replay(x->xfrm, a->spi_out, &a->remote.addr, &ignored);
	x->pairs[SLUICE_SA_INDEX(a->spi_in)] = p;
	return !s->in_use || on_use(x, a->tunnel, a->spi_out);
}

/* The kernel went on without us. What is in it and not in the records goes. */
static void restore(struct proc_xfrm *x)
{
	uint32_t restored = 0;

	for (uint32_t i = 0; x->d->saved && i < x->d->saved_count; i++) {
		struct saved_sa *s = &x->d->saved[i];

		if (take_over(x, s)) {
			restored++;
			continue;
		}
		if (x->pairs[i])
			pair_remove(x, i);
		data_saved_wipe(s);
	}
	for (uint32_t i = 0; i < SLUICE_SA_ENTRIES; i++) {
		if (!x->pairs[i])
			__atomic_store_n(&x->d->sa_in[i].spi, 0, __ATOMIC_RELEASE);
	}
	xfrm_flush(x->xfrm, keeps, x);
	if (restored)
		log_info("%u SA pairs were taken over", restored);
}

/*
 * The SA of one direction again with another address of the peer: its numbers and its window go on,
 * so nothing is accepted twice and no number is used twice.
 */
static bool sa_move(
	struct proc_xfrm *x, struct kernel_pair *p, const struct imsg_sa_add *moved, bool outbound)
{
	uint32_t spi = outbound ? p->add.spi_out : p->add.spi_in;
	const struct ip_addr *to = outbound ? &p->add.remote.addr : &p->add.local.addr;
	struct xfrm_replay replay;

	if (!xfrm_sa_replay(x->xfrm, spi, to, &replay))
		return false;
	(void)xfrm_sa_del(x->xfrm, spi, to);
	return sa_add(x, moved, outbound, &replay);
}

/* RFC 7296 2.23, RFC 3948: all pairs of the tunnel that have this form follow. */
static void move(struct proc_xfrm *x, uint32_t tunnel, const struct ip_endpoint *remote)
{
	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		struct kernel_pair *p = x->pairs[tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + i];
		struct imsg_sa_add moved;

		if (!p || p->add.local.addr.family != remote->addr.family ||
			endpoint_equal(&p->add.remote, remote))
			continue;
		moved = p->add;
		moved.remote = *remote;
		if (sa_move(x, p, &moved, false) && (!p->sends || sa_move(x, p, &moved, true)))
			p->add.remote = *remote;
		else
			log_error("tunnel %u: SA %08x could not follow its peer", tunnel,
				p->add.spi_in);
		secret_wipe(&moved, sizeof(moved));
		if (saved(x, p->add.spi_in))
			data_saved_move(saved(x, p->add.spi_in), &p->add.remote);
		if (p->sends && x->using[tunnel] == p->add.spi_in)
			(void)on_use(x, tunnel, p->add.spi_out);
	}
}

/* Another ike, or another data: which pairs both have. */
static void on_keep(struct proc_xfrm *x, const struct imsg_sa_keep *k)
{
	struct imsg_sa_ref lost = {.tunnel = k->tunnel, .spi_in = k->spi_in, .spi_out = k->spi_out};
	struct kernel_pair *p =
		k->tunnel < SLUICE_MAX_TUNNELS ? find_out(x, k->tunnel, k->spi_out) : NULL;

	if (p && p->add.spi_in == k->spi_in && (!k->in_use || on_use(x, k->tunnel, k->spi_out)))
		p->kept = true;
	else
		imsg_send(x->d->ike, IMSG_SA_LOST, -1, &lost, sizeof(lost));
}

static void on_keep_end(struct proc_xfrm *x)
{
	for (uint32_t i = 0; i < SLUICE_SA_ENTRIES; i++) {
		if (x->pairs[i] && !x->pairs[i]->kept)
			pair_remove(x, i);
		else if (x->pairs[i])
			x->pairs[i]->kept = false;
	}
}

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
			on_add(x, add);
			secret_wipe((void *)(uintptr_t)add, sizeof(*add));
		}
		break;
	case IMSG_SA_USE:
		ref = imsg_body(m, sizeof(*ref));
		if (ref && !on_use(x, ref->tunnel, ref->spi_out))
			log_warn("tunnel %u: no SA %08x to send on", ref->tunnel, ref->spi_out);
		break;
	case IMSG_SA_DEL:
		ref = imsg_body(m, sizeof(*ref));
		if (ref && (ref->spi_in || ref->spi_out))
			on_del(x, ref->tunnel, ref->spi_in, ref->spi_out);
		break;
	case IMSG_SA_KEEP:
		keep = imsg_body(m, sizeof(*keep));
		if (keep)
			on_keep(x, keep);
		break;
	case IMSG_SA_KEEP_END:
		on_keep_end(x);
		break;
	case IMSG_PEER_MOVED:
		moved = imsg_body(m, sizeof(*moved));
		if (moved && moved->tunnel < SLUICE_MAX_TUNNELS)
			move(x, moved->tunnel, &moved->remote);
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
		on_counted(x, e);
		break;
	case XFRM_EVENT_EXPIRING:
		p = find_out(x, e->tunnel, e->spi);
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

		move(x, e->tunnel, &e->remote);
		if (x->d->ike)
			imsg_send(x->d->ike, IMSG_PEER_MOVED, -1, &moved, sizeof(moved));
		break;
	}
	}
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
	xfrm_count(x->xfrm);
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
		if (t && !t->present)
			on_del(x, t->tunnel, 0, 0);
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
	if (!x->xfrm || !xfrm_probe(x->xfrm, error)) {
		log_error("%s", error);
		return false;
	}
	restore(x);
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

static void say_mode(const struct proc_xfrm *x)
{
	struct imsg_data_mode mode = {0};
	const struct imsg_data_conf *c = &x->d->conf;

	snprintf(mode.text, sizeof(mode.text), "kernel ESP, spread over %u CPU%s, %s", c->workers,
		c->workers == 1 ? "" : "s", c->pacing_horizon_us ? "paced" : "policed");
	imsg_send(x->d->hub, IMSG_DATA_MODE, -1, &mode, sizeof(mode));
}

static void stop(struct proc_xfrm *x)
{
	if (x->xfrm && x->d->sa_in)
		flush(x);
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
