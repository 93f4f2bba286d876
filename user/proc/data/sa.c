/* SPDX-License-Identifier: Apache-2.0 */
/* SAs of the data process: into the workers' table, into XDP's records, and out again. */
#include "proc/data/proc.h"

#include "base/log.h"
#include "base/secret.h"
#include "ipc/msg_sa.h"

#include <stdio.h>
#include <string.h>

static int socket_for(
	const struct proc_data *d, const struct ip_endpoint *local, bool udp_encap, bool whole)
{
	for (uint32_t i = 0; i < DATA_SOCKETS_MAX; i++) {
		const struct data_socket *s = &d->sockets[i];

		if (!s->proc || s->gone_ns)
			continue;
		if ((s->local.port != 0) == udp_encap && s->whole == whole &&
			addr_equal(&s->local.addr, &local->addr))
			return s->fd;
	}
	return -1;
}

bool data_sa_valid(const struct imsg_sa_add *a)
{
	return a->tunnel < SLUICE_MAX_TUNNELS && SLUICE_SA_TUNNEL(a->spi_in) == a->tunnel &&
	       a->spi_in > 255 && a->spi_out > 255 && addr_is_set(&a->local.addr) &&
	       addr_is_set(&a->remote.addr) && a->local.addr.family == a->remote.addr.family &&
	       a->local_ts.count <= SELECTORS_MAX && a->remote_ts.count <= SELECTORS_MAX;
}

bool data_sa_params(const struct imsg_sa_add *a, bool outbound, struct esp_params *p)
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
		.local = a->local_ts,
		.remote = a->remote_ts,
	};
	if (a->key_len > sizeof(p->key) || a->integ_len > sizeof(p->integ_key))
		return false;
	memcpy(p->key, outbound ? a->key_out : a->key_in, a->key_len);
	memcpy(p->salt, outbound ? a->salt_out : a->salt_in, sizeof(p->salt));
	memcpy(p->integ_key, outbound ? a->integ_out : a->integ_in, a->integ_len);
	return true;
}

struct esp_sa *data_sa_make(const struct imsg_sa_add *a, bool outbound)
{
	struct esp_params p;
	struct esp_sa *sa =
		data_sa_params(a, outbound, &p) ? esp_sa_new(&p, ESP_ENGINE_AUTO) : NULL;

	secret_wipe(&p, sizeof(p));
	return sa;
}

void data_record_remote(struct sa_in *record, const struct ip_addr *remote)
{
	uint8_t bytes[sizeof(record->remote)] = {0};

	memcpy(bytes, remote->bytes, addr_len(remote));
	memcpy(record->remote, bytes, sizeof(bytes));
}

/* The SPI last: XDP takes the record for valid once it is there. */
static void record_write(struct proc_data *d, const struct sa_pair *p)
{
	struct sa_in *r = &d->sa_in[SLUICE_SA_INDEX(p->spi_in)];
	size_t n = addr_len(&p->local.addr);

	__atomic_store_n(&r->spi, 0, __ATOMIC_RELEASE);
	r->site = (uint16_t)(p->tunnel / TUNNELS_PER_SITE);
	r->tunnel = (uint16_t)p->tunnel;
	r->outer_family = p->local.addr.family == AF_INET ? 4 : 6;
	r->udp_encap = p->udp_encap;
	r->own_limits = d->tunnels[p->tunnel].own_limits;
	r->overhead = (uint16_t)esp_overhead(p->in);
	memset(r->local, 0, sizeof(r->local));
	memcpy(r->local, p->local.addr.bytes, n);
	data_record_remote(r, &p->seen.addr);
	__atomic_store_n(&r->spi, p->spi_in, __ATOMIC_RELEASE);
}

static struct saved_sa *saved(const struct proc_data *d, uint32_t spi_in)
{
	return d->saved ? &d->saved[SLUICE_SA_INDEX(spi_in)] : NULL;
}

/* Not the one that the tunnel is sending to: new keys are, another peer is not. */
static bool is_other_peer(const struct proc_data *d, const struct imsg_sa_add *a)
{
	struct sa_pair *now = sadb_out(d->sadb, a->tunnel);
	bool same = false;

	if (now) {
		pthread_spin_lock(&now->out_lock);
		same = addr_equal(&now->remote.addr, &a->remote.addr);
		pthread_spin_unlock(&now->out_lock);
	}
	return !same;
}

/* `from`: goes on where a process before this one stopped. */
static bool add_pair(struct proc_data *d, const struct imsg_sa_add *a, struct saved_sa *from)
{
	uint64_t tag = (uint64_t)a->spi_in << 32 | a->spi_out; /* 50 bits of it random */
	struct sa_pair *p;

	if (!data_sa_valid(a)) {
		log_error("tunnel %u: SA %08x refused: SPI, addresses or selectors make no sense",
			a->tunnel, a->spi_in);
		return false;
	}
	p = sa_pair_new(data_sa_make(a, false), data_sa_make(a, true));
	if (!p) {
		log_error("tunnel %u: SA %08x refused: cipher %u, key %u bytes, integrity %u",
			a->tunnel, a->spi_in, a->cipher, a->key_len, a->integ);
		return false;
	}
	if (from && (!esp_progress_take(p->in, &from->in, tag) ||
			    !esp_progress_take(p->out, &from->out, tag))) {
		sa_pair_free(p);
		return false;
	}
	p->tunnel = a->tunnel;
	p->spi_in = a->spi_in;
	p->spi_out = a->spi_out;
	p->udp_encap = a->udp_encap;
	p->local = a->local;
	p->seen = a->remote;
	p->socket_fd = socket_for(d, &a->local, a->udp_encap, true);
	p->fragments_fd = socket_for(d, &a->local, a->udp_encap, false);
	p->cipher = a->cipher;
	p->integ = a->integ;
	sa_pair_remote_set(p, &a->remote);
	if (is_other_peer(d, a))
		data_path_forget(d, p->tunnel);
	data_path_fit(d, p);
	if (p->socket_fd < 0)
		log_error("tunnel %u: no socket to send from for this SA", a->tunnel);
	snprintf(d->engine, sizeof(d->engine), "%s", esp_sa_engine(p->out));
	if (saved(d, a->spi_in)) {
		if (!from)
			data_saved_put(saved(d, a->spi_in), a);
		esp_progress_keep(p->in, &saved(d, a->spi_in)->in, tag);
		esp_progress_keep(p->out, &saved(d, a->spi_in)->out, tag);
	}
	sadb_add(d->sadb, p);
	record_write(d, p);
	return true;
}

void data_sa_add(struct proc_data *d, const struct imsg_sa_add *a)
{
	struct imsg_sa_ref ref = {.tunnel = a->tunnel, .spi_in = a->spi_in, .spi_out = a->spi_out};

	if (add_pair(d, a, NULL) && d->ike)
		imsg_send(d->ike, IMSG_SA_INSTALLED, -1, &ref, sizeof(ref));
}

static uint32_t first_of(uint32_t tunnel)
{
	return tunnel * SLUICE_SA_SLOTS_PER_TUNNEL;
}

bool data_sa_use(struct proc_data *d, uint32_t tunnel, uint32_t spi_out)
{
	if (tunnel >= SLUICE_MAX_TUNNELS || !sadb_use(d->sadb, tunnel, spi_out))
		return false;
	for (uint32_t i = 0; d->saved && i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		struct saved_sa *s = &d->saved[first_of(tunnel) + i];

		data_saved_use(s, s->add.spi_out == spi_out);
	}
	data_path_tell(d, tunnel);
	return true;
}

void data_sa_moved(struct proc_data *d, uint32_t tunnel, const struct ip_endpoint *remote)
{
	data_path_forget(d, tunnel);
	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++)
		data_record_remote(&d->sa_in[first_of(tunnel) + i], &remote->addr);
	for (uint32_t i = 0; d->saved && i < SLUICE_SA_SLOTS_PER_TUNNEL; i++)
		data_saved_move(&d->saved[first_of(tunnel) + i], remote);
}

uint32_t data_sa_restore(struct proc_data *d)
{
	uint32_t restored = 0;

	for (uint32_t i = 0; i < SLUICE_SA_ENTRIES; i++) {
		struct saved_sa *s = &d->saved[i];

		__atomic_store_n(&d->sa_in[i].spi, 0, __ATOMIC_RELEASE);
		if (i >= d->saved_count)
			continue;
		if (data_saved_whole(s) && SLUICE_SA_INDEX(s->add.spi_in) == i &&
			add_pair(d, &s->add, s)) {
			if (s->in_use)
				(void)sadb_use(d->sadb, s->add.tunnel, s->add.spi_out);
			restored++;
		} else {
			data_saved_wipe(s);
		}
	}
	return restored;
}

/* A worker that still holds the pair may write its progress once more: see esp.h, the tag. */
static void forget(struct proc_data *d, uint32_t spi_in)
{
	__atomic_store_n(&d->sa_in[SLUICE_SA_INDEX(spi_in)].spi, 0, __ATOMIC_RELEASE);
	if (saved(d, spi_in))
		data_saved_wipe(saved(d, spi_in));
}

void data_sa_del(struct proc_data *d, uint32_t tunnel, uint32_t spi_in, uint32_t spi_out)
{
	uint32_t first = first_of(tunnel);

	if (tunnel >= SLUICE_MAX_TUNNELS)
		return;
	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		struct sa_pair *p = sadb_in(d->sadb, d->sa_in[first + i].spi);

		if (p && (!spi_in || p->spi_in == spi_in) && (!spi_out || p->spi_out == spi_out))
			forget(d, p->spi_in);
	}
	sadb_del(d->sadb, tunnel, spi_in, spi_out);
}

bool data_sa_keep(struct proc_data *d, const struct imsg_sa_keep *k)
{
	struct sa_pair *p = sadb_in(d->sadb, k->spi_in);

	if (!p || p->tunnel != k->tunnel || p->spi_out != k->spi_out)
		return false;
	d->kept[SLUICE_SA_INDEX(k->spi_in)] = true;
	return !k->in_use || data_sa_use(d, k->tunnel, k->spi_out);
}

void data_sa_keep_end(struct proc_data *d)
{
	for (uint32_t i = 0; i < SLUICE_SA_ENTRIES; i++) {
		if (!d->kept[i] && d->sa_in[i].spi)
			data_sa_del(d, i / SLUICE_SA_SLOTS_PER_TUNNEL, d->sa_in[i].spi, 0);
	}
	memset(d->kept, 0, sizeof(d->kept));
}
