/* SPDX-License-Identifier: Apache-2.0 */
/* What fits into a tunnel: the devices' MTU, or what a router on the way to the peer has said. */
#include "proc/data/proc.h"

#include "ipc/datagram.h"
#include "ipc/msg_data.h"

#include <netinet/in.h>
#include <pthread.h>

#define MESSAGES_PER_TURN 64
#define PATH_MTU_FALLBACK 1500

static uint32_t path_of(const struct proc_data *d, uint32_t tunnel)
{
	const struct path_mtu *p = &d->paths[tunnel];

	return p->mtu && p->mtu < d->path_mtu ? p->mtu : d->path_mtu;
}

void data_path_fit(struct proc_data *d, struct sa_pair *p)
{
	uint32_t mtu = esp_inner_mtu(p->cipher, p->integ, p->udp_encap,
		p->local.addr.family == AF_INET ? 4 : 6, path_of(d, p->tunnel));

	/* What the SA leaves for TCP: the MTU less both headers (RFC 879). Workers are reading. */
	__atomic_store_n(&p->mss4, (uint16_t)(mtu - 40), __ATOMIC_RELAXED);
	__atomic_store_n(&p->mss6, (uint16_t)(mtu - 60), __ATOMIC_RELAXED);
	__atomic_store_n(&p->inner_mtu, mtu, __ATOMIC_RELAXED);
}

void data_path_tell(struct proc_data *d, uint32_t tunnel)
{
	const struct sa_pair *p = sadb_out(d->sadb, tunnel);
	struct imsg_data_path m = {.tunnel = tunnel, .path_mtu = (uint16_t)path_of(d, tunnel)};

	if (!p || !d->hub)
		return;
	m.inner_mtu = (uint16_t)p->inner_mtu;
	imsg_send(d->hub, IMSG_DATA_PATH, -1, &m, sizeof(m));
}

static void changed(struct proc_data *d, uint32_t tunnel)
{
	for (uint32_t i = 0; i < SLUICE_SA_SLOTS_PER_TUNNEL; i++) {
		uint32_t slot = tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + i;
		struct sa_pair *p = sadb_in(d->sadb, d->sa_in[slot].spi);

		if (p)
			data_path_fit(d, p);
	}
	data_path_tell(d, tunnel);
}

void data_path_measure(struct proc_data *d)
{
	uint32_t before = d->path_mtu;

	d->path_mtu = PATH_MTU_FALLBACK;
	for (uint32_t i = 0; i < SLUICE_MAX_OUTSIDE; i++) {
		const struct imsg_data_outside *o = &d->outside[i];

		if (o->ifindex && o->mtu && o->mtu < d->path_mtu)
			d->path_mtu = o->mtu;
	}
	if (!before || before == d->path_mtu)
		return;
	for (uint32_t t = 0; t < SLUICE_MAX_TUNNELS; t++)
		changed(d, t);
}

void data_path_forget(struct proc_data *d, uint32_t tunnel)
{
	struct path_mtu *p = &d->paths[tunnel];

	if (!p->mtu)
		return;
	*p = (struct path_mtu){
		.changed_ns = p->changed_ns}; /* a site may move as often as it likes */
	changed(d, tunnel);
}

void data_path_expire(struct proc_data *d, uint64_t now)
{
	for (uint32_t t = 0; t < SLUICE_MAX_TUNNELS; t++) {
		if (path_mtu_expire(&d->paths[t], now))
			changed(d, t);
	}
}

/* The form without UDP has no ports. Most are none of ours, and that shows in the SPI. */
static bool is_of(struct sa_pair *p, const struct too_big *t)
{
	bool same = p->spi_out == t->spi && p->udp_encap == t->udp_encap &&
		    addr_equal(&p->local.addr, &t->local.addr) &&
		    (!t->udp_encap || p->local.port == t->local.port);

	if (!same)
		return false;
	pthread_spin_lock(&p->out_lock);
	same = addr_equal(&p->remote.addr, &t->remote.addr) &&
	       (!t->udp_encap || p->remote.port == t->remote.port);
	pthread_spin_unlock(&p->out_lock);
	return same;
}

static void learn(struct proc_data *d, const struct too_big *t, uint64_t now)
{
	for (uint32_t tunnel = 0; tunnel < SLUICE_MAX_TUNNELS; tunnel++) {
		struct sa_pair *p = sadb_out(d->sadb, tunnel);

		if (!p || !is_of(p, t))
			continue;
		if (path_mtu_learn(&d->paths[tunnel], t, d->path_mtu, now))
			changed(d, tunnel);
		return;
	}
}

static void on_too_big(int fd, short what, void *arg)
{
	struct proc_data *d = arg;
	uint64_t now = clock_now();

	(void)what;
	for (int i = 0; i < MESSAGES_PER_TURN; i++) {
		uint8_t message[DATA_TOO_BIG_MAX], class;
		struct ip_endpoint router;
		struct too_big t;
		size_t header;
		ssize_t n = datagram_receive(fd, message, sizeof(message), &router, &class);

		if (n <= 0)
			return;
		header = datagram_header_end(message, (size_t)n, &router);
		if (too_big_parse(message + header, (uint32_t)((size_t)n - header),
			    router.addr.family, &t))
			learn(d, &t, now);
	}
}

bool data_path_start(struct proc_data *d)
{
	for (int i = 0; i < 2; i++) {
		if (d->too_big_fd[i] < 0)
			continue;
		d->too_big[i] =
			event_new(d->base, d->too_big_fd[i], EV_READ | EV_PERSIST, on_too_big, d);
		if (!d->too_big[i] || event_add(d->too_big[i], NULL))
			return false;
	}
	return true;
}
