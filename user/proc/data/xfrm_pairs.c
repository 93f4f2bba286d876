/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/data/xfrm_pairs.h"

#include "base/log.h"
#include "base/secret.h"
#include "ipc/data_saved.h"
#include "ipc/msg_data.h"
#include "ipc/msg_sa.h"

#include <netlink/errno.h>
#include <stdlib.h>
#include <string.h>

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
	r->own_limits = x->d->tunnels[a->tunnel].own_limits;
	r->overhead = (uint16_t)overhead;
	memset(r->local, 0, sizeof(r->local));
	memcpy(r->local, a->local.addr.bytes, addr_len(&a->local.addr));
	data_record_remote(r, &a->remote.addr);
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

static uint32_t offload_device(const struct proc_xfrm *x, const struct imsg_sa_add *a)
{
	for (uint32_t i = 0; i < SLUICE_MAX_OUTSIDE; i++) {
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
	struct xfrm_sa sa = {.tunnel = a->tunnel,
		.esp = &p,
		.local = a->local,
		.remote = a->remote,
		.udp_encap = a->udp_encap,
		.replay = replay,
		.offload_ifindex = offload_device(x, a)};
	int r = data_sa_params(a, outbound, &p) ? xfrm_sa_add(x->xfrm, &sa) : -NLE_INVAL;

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

void xfrm_pair_add(struct proc_data *d, const struct imsg_sa_add *a)
{
	struct proc_xfrm *x = d->xfrm;
	struct imsg_sa_ref ref = {.tunnel = a->tunnel, .spi_in = a->spi_in, .spi_out = a->spi_out};
	uint32_t index = SLUICE_SA_INDEX(a->spi_in);
	struct esp_sa *sa = data_sa_valid(a) ? data_sa_make(a, false) : NULL;
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

struct kernel_pair *xfrm_pair_find_out(struct proc_xfrm *x, uint32_t tunnel, uint32_t spi_out)
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
bool xfrm_pair_use(struct proc_data *d, uint32_t tunnel, uint32_t spi_out)
{
	struct proc_xfrm *x = d->xfrm;
	struct kernel_pair *p = xfrm_pair_find_out(x, tunnel, spi_out);
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

void xfrm_pairs_del(struct proc_data *d, uint32_t tunnel, uint32_t spi_in, uint32_t spi_out)
{
	struct proc_xfrm *x = d->xfrm;

	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		uint32_t index = tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + i;
		const struct kernel_pair *p = x->pairs[index];

		if (p && (!spi_in || p->add.spi_in == spi_in) &&
			(!spi_out || p->add.spi_out == spi_out))
			pair_remove(x, index);
	}
}

void xfrm_pairs_flush(struct proc_xfrm *x)
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

	if (!data_saved_whole(s) || !data_sa_valid(a) ||
		!xfrm_sa_replay(x->xfrm, a->spi_in, &a->local.addr, &ignored))
		return false;
	p = calloc(1, sizeof(*p));
	if (!p)
		return false;
	p->add = *a;
	p->replay = s->counted_replay;
	p->auth = s->counted_auth;
	p->sends = xfrm_sa_replay(x->xfrm, a->spi_out, &a->remote.addr, &ignored);
	x->pairs[SLUICE_SA_INDEX(a->spi_in)] = p;
	return !s->in_use || xfrm_pair_use(x->d, a->tunnel, a->spi_out);
}

/* The kernel went on without us. What is in it and not in the records goes. */
void xfrm_pairs_restore(struct proc_xfrm *x)
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

void xfrm_pairs_move(struct proc_data *d, const struct imsg_peer_moved *m)
{
	const struct ip_endpoint *remote = &m->remote;
	struct proc_xfrm *x = d->xfrm;
	uint32_t tunnel = m->tunnel;

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
		data_record_remote(
			&x->d->sa_in[SLUICE_SA_INDEX(p->add.spi_in)], &p->add.remote.addr);
		if (saved(x, p->add.spi_in))
			data_saved_move(saved(x, p->add.spi_in), &p->add.remote);
		if (p->sends && x->using[tunnel] == p->add.spi_in)
			(void)xfrm_pair_use(x->d, tunnel, p->add.spi_out);
	}
}

/* Another ike, or another data: which pairs both have. */
bool xfrm_pair_keep(struct proc_data *d, const struct imsg_sa_keep *k)
{
	struct kernel_pair *p = xfrm_pair_find_out(d->xfrm, k->tunnel, k->spi_out);

	if (!p || p->add.spi_in != k->spi_in ||
		(k->in_use && !xfrm_pair_use(d, k->tunnel, k->spi_out)))
		return false;
	p->kept = true;
	return true;
}

void xfrm_pairs_keep_end(struct proc_data *d)
{
	struct proc_xfrm *x = d->xfrm;

	for (uint32_t i = 0; i < SLUICE_SA_ENTRIES; i++) {
		if (x->pairs[i] && !x->pairs[i]->kept)
			pair_remove(x, i);
		else if (x->pairs[i])
			x->pairs[i]->kept = false;
	}
}
