/* SPDX-License-Identifier: Apache-2.0 */
/* From the site: open, check, adjust, coalesce, write to the inside device. */
#include "dataplane/worker_internal.h"

#include "base/clock.h"
#include "dataplane/adjust.h"

#include <netinet/in.h>

#define RECEIVE_PER_TURN (8 * XSK_BATCH)

static struct traffic *reason(struct site_stats *s, enum esp_result r)
{
	switch (r) {
	case ESP_REPLAY:
		return &s->replay;
	case ESP_AUTH:
		return &s->auth;
	case ESP_SELECTOR:
		return &s->selector;
	case ESP_SEQUENCE:
		return &s->sequence;
	case ESP_OK:
	case ESP_DUMMY: /* delivered to nobody, as its sender wants */
		return &s->delivered;
	case ESP_MALFORMED:
		break;
	}
	return &s->malformed;
}

/* RFC 4271 8.2.1, RFC 5881 4. A site can name its own traffic so: it is told apart for people only. */
static bool is_control(const struct inner *in)
{
	if (in->protocol == IPPROTO_TCP)
		return in->source_port == SLUICE_PORT_BGP ||
		       in->destination_port == SLUICE_PORT_BGP;
	return in->protocol == IPPROTO_UDP && in->destination_port == SLUICE_PORT_BFD;
}

/* Writes all bundles. TC counts what arrives (bpf/inside.bpf.c, from_site). */
static void write_bundles(struct worker *w)
{
	struct coalescer *c = &w->coalescer;

	coalesce_finish(c);
	for (uint32_t i = 0; i < c->count; i++) {
		struct bundle *b = &c->bundles[i];

		if (writev(w->tap_fd, b->iov, (int)b->pieces + 1) <= 0)
			tally(&in_stats(w, b->tag)->internal, b->pieces, b->bytes);
	}
	w->stats->tap_writes += c->count;
	coalesce_reset(c);
}

/*
 * RFC 7296 2.23: behind a NAT the peer's address is whatever its newest authentic packet came from.
 * An old packet, which anyone on the path can delay and send from elsewhere, moves nothing.
 */
static void follow_peer(
	struct worker *w, struct sa_pair *p, const struct ip_endpoint *remote, bool newest)
{
	struct sa_pair *sender;

	if (!p->udp_encap || !newest || endpoint_equal(remote, &p->seen))
		return;
	p->seen = *remote;
	sender = sadb_out(w->shared.sadb, p->tunnel);
	sa_pair_remote_set(p, remote);
	if (sender && sender != p && sender->udp_encap)
		sa_pair_remote_set(sender, remote);
	worker_tell(w, WORKER_PEER_MOVED, p, remote);
}

/* What XDP has let pass because the peer may have moved, and which was authentic: the site pays. */
static void charge_foreign(struct worker *w, uint32_t tunnel, uint32_t bytes, uint64_t now)
{
	uint64_t departure;

	(void)pace_charge(bucket_of_tunnel(w, w->shared.bucket_in, tunnel), now, bytes,
		PACE_HORIZON_MAX, &departure);
}

static void open_packet(struct worker *w, struct sa_pair *p, uint8_t *esp, uint32_t len,
	const struct ip_endpoint *remote, uint8_t outer_class, uint64_t now)
{
	uint32_t overhead = esp_overhead(p->in), inner_len = len;
	struct tunnel_stats *t = tunnel_row(w, p->tunnel);
	struct inner in;
	uint64_t before;
	enum esp_result r;
	bool foreign;

	pthread_spin_lock(&p->in_lock);
	foreign = !addr_equal(&remote->addr, &p->seen.addr);
	before = esp_sequence(p->in);
	r = esp_open(p->in, &esp, &inner_len, &in);
	if (r == ESP_OK || r == ESP_DUMMY || r == ESP_SELECTOR)
		follow_peer(w, p, remote, esp_sequence(p->in) > before);
	pthread_spin_unlock(&p->in_lock);

	if (r == ESP_OK || r == ESP_DUMMY)
		t->last_in_ns = now;
	if (foreign && (r == ESP_OK || r == ESP_DUMMY || r == ESP_SELECTOR))
		charge_foreign(w, p->tunnel, inner_len, now);
	if (r != ESP_OK) {
		tally(reason(in_stats(w, p->tunnel), r), 1, len > overhead ? len - overhead : 0);
		return;
	}
	if (!adjust_decapsulated(esp, outer_class)) {
		tally(&in_stats(w, p->tunnel)->ecn, 1, inner_len);
		return;
	}
	tally(&t->in, 1, inner_len);
	if (is_control(&in))
		tally(&t->control_in, 1, inner_len);
	adjust_mss(
		esp, &in, __atomic_load_n(in.family == 4 ? &p->mss4 : &p->mss6, __ATOMIC_RELAXED));
	if (coalesce_add(&w->coalescer, esp, &in, p->tunnel))
		return;
	write_bundles(w);
	coalesce_add(&w->coalescer, esp, &in, p->tunnel);
}

/* A packet with its pair. */
struct arrival {
	struct sa_pair *pair;
	uint8_t *esp;
	uint32_t len;
	uint8_t traffic_class;
	struct ip_endpoint remote;
};

/* Finds the pairs of frames; what has none is counted. Returns how many have one. */
static uint32_t find_pairs(struct worker *w, const struct xsk_frame *frames, uint32_t n,
	struct arrival arrivals[XSK_BATCH])
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct sa_pair *p;
		struct outer o;

		if (i + 2 < n)
			__builtin_prefetch(frames[i + 2].bytes);
		if (!outer_parse(frames[i].bytes, frames[i].len, &o)) {
			w->stats->not_esp++;
			continue;
		}
		p = sadb_in(w->shared.sadb, o.spi);
		if (!p) {
			/* Deleted between XDP and here: XDP has counted it for this site. */
			struct site_stats *s = in_stats(w, SLUICE_SA_TUNNEL(o.spi));

			tally(&s->tunnel_down, 1, o.esp_len);
			continue;
		}
		arrivals[found++] = (struct arrival){.pair = p,
			.esp = frames[i].bytes + o.esp,
			.len = o.esp_len,
			.traffic_class = o.traffic_class,
			.remote = o.remote};
	}
	return found;
}

/* With many sites what is known of each has left the caches when it is its turn again. */
static void prefetch_pair(const struct worker *w, const struct sa_pair *p)
{
	esp_prefetch(p->in);
	__builtin_prefetch(&in_stats(w, p->tunnel)->delivered, 1);
	__builtin_prefetch(&tunnel_row(w, p->tunnel)->in, 1);
}

/* The packet itself, on whose bytes another CPU was: no longer than one takes to open. */
static void prefetch_bytes(const uint8_t *at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 64)
		__builtin_prefetch(at + i, 1);
}

static void open_frames(struct worker *w, const struct xsk_frame *frames, uint32_t n, uint64_t now)
{
	struct arrival arrivals[XSK_BATCH];

	n = find_pairs(w, frames, n, arrivals);
	for (uint32_t i = 0; i < n; i++) {
		const struct arrival *a = &arrivals[i];

		if (i + 1 < n) {
			prefetch_bytes(a[1].esp, a[1].len);
			if (a[1].pair != a->pair)
				prefetch_pair(w, a[1].pair);
		}
		open_packet(w, a->pair, a->esp, a->len, &a->remote, a->traffic_class, now);
	}
}

/*
 * What comes while packets are opened is taken along, so that more of a flow is written at once; when
 * nothing more is there, nothing waits.
 */
uint32_t worker_receive(struct worker *w, struct xsk *x, uint64_t now)
{
	struct xsk_frame frames[RECEIVE_PER_TURN];
	uint32_t total = 0, n;

	while (total <= RECEIVE_PER_TURN - XSK_BATCH && (n = xsk_receive(x, frames + total))) {
		open_frames(w, frames + total, n, now);
		total += n;
	}
	if (total)
		write_bundles(w);
	xsk_release(x, frames, total);
	return total;
}

/*
 * Charges the aggregate and the site, as XDP does for what does not come in fragments. NULL, or where to count
 * the drop.
 */
static struct traffic *refused(struct worker *w, uint32_t tunnel, uint64_t now, uint32_t bytes)
{
	struct rate_bucket *all = &w->shared.bucket_aggregate[SLUICE_IN];
	struct site_stats *s = in_stats(w, tunnel);
	uint64_t price = __atomic_load_n(&all->ns_per_byte_q16, __ATOMIC_ACQUIRE), departure;
	__u64 start;

	if (price && !w->shared.tunnels[tunnel].own_limits &&
		bucket_word(&all->tat_ns) > now + all->burst_ns)
		return &s->aggregate_rate;
	switch (pace_charge(
		bucket_of_tunnel(w, w->shared.bucket_in, tunnel), now, bytes, 0, &departure)) {
	case PACE_RATE:
		return &s->site_rate;
	case PACE_PACKETS:
		return &s->site_pps;
	case PACE_SEND:
		break;
	}
	if (price && !w->shared.tunnels[tunnel].own_limits)
		bucket_charge(&all->tat_ns, now, bucket_cost(bytes, price), ~0ull, &start);
	return NULL;
}

void worker_slow_lost(struct worker *w, uint32_t packets)
{
	w->stats->slow_lost += packets;
}

void worker_slow(struct worker *w, uint8_t *esp, uint32_t len, const struct ip_endpoint *remote,
	bool udp_encap, uint8_t outer_class)
{
	uint64_t now = clock_now();
	struct traffic *reason_not;
	uint32_t spi, bytes;
	struct sa_pair *p;

	if (len < ESP_HEADER_SIZE) {
		w->stats->not_esp++;
		return;
	}
	spi = (uint32_t)esp[0] << 24 | (uint32_t)esp[1] << 16 | (uint32_t)esp[2] << 8 | esp[3];
	sadb_begin(w->shared.sadb, w->index);
	p = sadb_in(w->shared.sadb, spi);
	if (!p || p->udp_encap != udp_encap || len <= esp_overhead(p->in)) {
		w->stats->not_esp++;
		goto out;
	}
	bytes = len - esp_overhead(p->in);
	tally(&in_stats(w, p->tunnel)->offered, 1, bytes);
	reason_not = refused(w, p->tunnel, now,
		w->shared.packets.rate_bytes == RATE_OUTER ? sa_pair_outer_len(p, len) : bytes);
	if (reason_not) {
		tally(reason_not, 1, bytes);
		goto out;
	}
	open_packet(w, p, esp, len, remote, outer_class, now);
	write_bundles(w);
out:
	sadb_end(w->shared.sadb, w->index);
}
