/* SPDX-License-Identifier: Apache-2.0 */
/* To the site: cut super-packets, pace, seal, send. */
#include "dataplane/worker_internal.h"

#include "base/clock.h"
#include "dataplane/adjust.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES_PER_TURN   32
#define BYTES_PER_TURN    (512u << 10) /* of frames: what arrives must not wait for long */
#define SEGMENTS_PER_SEND 64           /* UDP_SEGMENT's limit in older kernels */
#define MESSAGES_PER_SEND 64
#define SEND_BYTES_MAX    65000
#define IPV6_MTU_LEAST    1280
#define AGGREGATE_QUANTUM 16384 /* bytes borrowed from the aggregate at a time */
#define SEND_FLAGS        (MSG_DONTWAIT | MSG_NOSIGNAL)
#define EXPIRING_BELOW    (UINT64_C(1) << 28) /* sequence numbers left: minutes at full rate */

static uint8_t *packet_of(struct worker *w, uint32_t buffer)
{
	return w->buffers + (size_t)buffer * WORKER_BUFFER_SIZE + ESP_HEADROOM;
}

static void free_buffer(struct worker *w, uint32_t buffer)
{
	w->free_list[w->free_count++] = buffer;
}

/* The concentrator's rate, borrowed in quanta while there is room for one, as bpf/police.h does it. */
static bool borrow(struct worker *w, uint64_t now, uint32_t bytes)
{
	struct rate_bucket *b = &w->shared.bucket_aggregate[SLUICE_OUT];
	uint64_t price = __atomic_load_n(&b->ns_per_byte_q16, __ATOMIC_ACQUIRE);
	__u64 start;

	if (!price)
		return true;
	if (w->loan < bytes) {
		uint64_t cost = bucket_cost(AGGREGATE_QUANTUM, price);
		uint64_t ahead = b->burst_ns > cost ? b->burst_ns - cost : 0;

		if (!bucket_charge(&b->tat_ns, now, cost, ahead, &start))
			return bucket_charge(
				&b->tat_ns, now, bucket_cost(bytes, price), b->burst_ns, &start);
		w->loan += AGGREGATE_QUANTUM;
	}
	w->loan -= bytes;
	return true;
}

/* What a packet pays for: itself, or what it is on the wire. */
static uint32_t charge_of(const struct worker *w, const struct sa_pair *p, uint32_t len)
{
	return w->shared.packets.rate_bytes == RATE_OUTER
		       ? sa_pair_outer_len(p, esp_sealed_len(p->out, len))
		       : len;
}

/* The same for one that leaves in fragments as fragment_next makes them. */
static uint32_t charge_of_fragments(const struct worker *w, const struct sa_pair *p,
	const uint8_t *ip, uint32_t len, uint32_t mtu)
{
	uint32_t header = (ip[0] & 15u) * 4, room = (mtu - header) & ~7u, sum = 0;

	if (w->shared.packets.rate_bytes != RATE_OUTER || mtu < header + 8)
		return len;
	for (; len > mtu; len -= room)
		sum += charge_of(w, p, header + room);
	return sum + charge_of(w, p, len);
}

/* Charges `charge` bytes to the aggregate and to the site or tunnel. False: over a rate, and counted as dropped. */
static bool admit(struct worker *w, const struct super_packet *s, uint64_t now, uint32_t bytes,
	uint32_t charge, uint64_t *departure)
{
	struct site_stats *stats = out_stats(w, s->tunnel);
	struct rate_bucket *b = bucket_of_tunnel(w, w->shared.bucket_out, s->tunnel);
	bool own = w->shared.tunnels[s->tunnel].own_limits;
	enum pace_verdict v;

	*departure = now;
	if (s->control) {
		uint64_t ignored;

		(void)pace_charge(b, now, charge, PACE_HORIZON_MAX, &ignored);
		return true;
	}
	if (!own && !borrow(w, now, charge)) {
		tally(&stats->aggregate_rate, 1, bytes);
		return false;
	}
	v = pace_charge(b, now, charge, w->shared.horizon_ns, departure);
	if (v == PACE_SEND)
		return true;
	if (!own && w->shared.bucket_aggregate[SLUICE_OUT].ns_per_byte_q16)
		w->loan += charge;
	if (v == PACE_PACKETS)
		tally(&stats->site_pps, 1, bytes);
	else if (w->shared.horizon_ns)
		tally(&stats->horizon, 1, bytes);
	else
		tally(&stats->site_rate, 1, bytes);
	return false;
}

/* Now, or into the wheel. */
static void dispatch(struct worker *w, uint32_t buffer, uint64_t now, uint64_t departure)
{
	if (departure > now) {
		const struct outgoing *o = &w->outgoing[buffer];

		pace_put(&w->wheel, departure, buffer);
		tally(&tunnel_row(w, o->tunnel)->waiting, o->units, o->unit_bytes);
		return;
	}
	if (w->pending_count == WORKER_PENDING)
		worker_send(w, now);
	w->pending[w->pending_count++] = buffer;
}

/* A free buffer for packets that are counted as `units` of so many bytes, or as dropped where there is none. */
static bool take_buffer(
	struct worker *w, uint32_t tunnel, uint32_t units, uint32_t unit_bytes, uint32_t *buffer)
{
	if (!w->free_count) {
		w->stats->no_buffer++;
		tally(&out_stats(w, tunnel)->ring_full, units, unit_bytes);
		return false;
	}
	*buffer = w->free_list[--w->free_count];
	return true;
}

static void fragment(struct worker *w, const struct super_packet *s, uint32_t whole, uint32_t mtu,
	uint64_t now, uint64_t departure)
{
	const uint8_t *ip = packet_of(w, whole);
	struct outgoing from = w->outgoing[whole];
	uint32_t offset = 0, buffer;

	/* RFC 4459 3.1: fragments inside, so that sites need not reassemble ESP. */
	for (;;) {
		struct outgoing *o;
		uint32_t len;

		if (!take_buffer(w, s->tunnel, from.units, from.unit_bytes, &buffer))
			return;
		len = fragment_next(ip, from.len, mtu, &offset, packet_of(w, buffer));
		if (!len) {
			free_buffer(w, buffer);
			break;
		}
		o = &w->outgoing[buffer];
		*o = from;
		o->len = (uint16_t)len;
		from.units = 0;
		from.unit_bytes = 0;
		dispatch(w, buffer, now, departure);
	}
	if (from.units) /* headers so long that no fragment fits */
		tally(&out_stats(w, s->tunnel)->malformed, 1, from.unit_bytes);
}

/* Tells the sender, but not about every packet. */
static void say_too_big(struct worker *w, uint32_t tunnel, const uint8_t *ip,
	const struct inner *in, uint32_t mtu, uint64_t now)
{
	uint8_t error[ADJUST_ERROR_MAX];
	uint32_t len;
	struct inner made;

	if (now - w->last_error_ns[tunnel] < WORKER_ERRORS_NS)
		return;
	len = adjust_too_big(ip, in->total, in, mtu, error);
	if (!len || !inner_parse(error, len, &made))
		return;
	w->last_error_ns[tunnel] = now;
	coalesce_reset(&w->coalescer);
	if (coalesce_add(&w->coalescer, error, &made, COALESCE_OWN)) {
		struct bundle *b = &w->coalescer.bundles[0];

		if (writev(w->tap_fd, b->iov, (int)b->pieces + 1) < 0)
			w->stats->error_lost++;
	}
	coalesce_reset(&w->coalescer);
}

/* One packet of the path's size, in `buffer`. */
static void out_packet(struct worker *w, const struct super_packet *s, const struct sa_pair *p,
	uint32_t buffer, uint64_t now)
{
	struct outgoing *o = &w->outgoing[buffer];
	uint32_t len = o->len, mtu = __atomic_load_n(&p->inner_mtu, __ATOMIC_RELAXED);
	uint64_t departure;
	struct inner in;

	/* RFC 8200 5, RFC 2473 7.1: what does not fit then, the kernel fragments outside. */
	if (mtu < IPV6_MTU_LEAST && packet_of(w, buffer)[0] >> 4 == 6)
		mtu = IPV6_MTU_LEAST;
	if (len <= mtu) {
		if (!admit(w, s, now, len, charge_of(w, p, len), &departure)) {
			free_buffer(w, buffer);
			return;
		}
		if (w->shared.packets.ecn_marking && departure > now)
			(void)congestion_tell(&w->congestion, packet_of(w, buffer), len,
				bucket_of_tunnel(w, w->shared.bucket_out, s->tunnel),
				departure - now, w->shared.horizon_ns, now);
		dispatch(w, buffer, now, departure);
		return;
	}
	if (!inner_parse(packet_of(w, buffer), len, &in)) {
		tally(&out_stats(w, s->tunnel)->malformed, 1, len);
	} else if ((in.dont_fragment || w->shared.packets.df == DF_SET) &&
		   !(in.family == 4 && w->shared.packets.df == DF_CLEAR)) {
		tally(&out_stats(w, s->tunnel)->mtu, 1, len);
		say_too_big(w, s->tunnel, packet_of(w, buffer), &in, mtu, now);
	} else if (admit(w, s, now, len, charge_of_fragments(w, p, packet_of(w, buffer), len, mtu),
			   &departure)) {
		fragment_anyway(packet_of(w, buffer), &w->fragment_id);
		fragment(w, s, buffer, mtu, now, departure);
	}
	free_buffer(w, buffer);
}

static void out_frame(struct worker *w, const struct super_packet *s, uint64_t now)
{
	struct sa_pair *p = sadb_out(w->shared.sadb, s->tunnel);
	struct site_stats *stats = out_stats(w, s->tunnel);
	struct segmenter g;
	uint32_t len;

	if (!segment_init(&g, s)) {
		tally(&stats->malformed, 1, s->len);
		return;
	}
	while ((len = segment_next_len(&g))) {
		uint32_t buffer;

		if (!p || len > WORKER_PACKET_MAX) {
			tally(p ? &stats->mtu : &stats->tunnel_down, 1, len);
			segment_skip(&g);
			continue;
		}
		if (!take_buffer(w, s->tunnel, 1, len, &buffer)) {
			segment_skip(&g);
			continue;
		}
		segment_next(&g, packet_of(w, buffer));
		w->outgoing[buffer] = (struct outgoing){.tunnel = s->tunnel,
			.len = (uint16_t)len,
			.units = 1,
			.unit_bytes = len,
			.control = s->control};
		out_packet(w, s, p, buffer, now);
	}
}

uint32_t worker_read(struct worker *w, uint64_t now)
{
	uint32_t frames = 0, bytes = 0;

	while (frames < FRAMES_PER_TURN && bytes < BYTES_PER_TURN) {
		ssize_t n = read(w->tap_fd, w->frame, FRAME_MAX);
		struct super_packet s;

		if (n <= 0)
			break;
		frames++;
		bytes += (uint32_t)n;
		if (frame_parse(w->frame, (uint32_t)n, &s) == FRAME_OK)
			out_frame(w, &s, now);
		else
			w->stats->no_mark++;
	}
	return frames;
}

uint32_t worker_release(struct worker *w, uint64_t now)
{
	uint32_t n = 0, buffer;

	while ((buffer = pace_take(&w->wheel, now)) != PACE_NONE) {
		const struct outgoing *o = &w->outgoing[buffer];
		struct traffic *waiting = &tunnel_row(w, o->tunnel)->waiting;

		waiting->packets -= o->units;
		waiting->bytes -= o->unit_bytes;
		dispatch(w, buffer, now, now);
		n++;
	}
	return n;
}

/* ---- sealing and sending ---- */

/* Control data of a message: the size of its segments when there are several, its traffic class. */
union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(int))];
};

/* Messages of one system call: each is a stretch of sealed packets of one tunnel. */
struct sending {
	struct iovec iov[WORKER_PENDING];
	uint32_t buffer[WORKER_PENDING];
	uint8_t traffic_class[WORKER_PENDING]; /* of the outer header: the inner one's */
	uint32_t count;
	struct mmsghdr messages[MESSAGES_PER_SEND];
	union control control[MESSAGES_PER_SEND];
	struct sockaddr_storage to[MESSAGES_PER_SEND];
	uint32_t message_count;
	int fd;           /* of all messages */
	int fragments_fd; /* where that one says EMSGSIZE */
};

static void settle(struct worker *w, const struct sending *s, const struct iovec *at, bool sent)
{
	const struct outgoing *o = &w->outgoing[s->buffer[at - s->iov]];
	struct site_stats *stats = out_stats(w, o->tunnel);
	struct tunnel_stats *t = tunnel_row(w, o->tunnel);

	tally(sent ? &stats->delivered : &stats->internal, o->units, o->unit_bytes);
	if (!sent)
		return;
	tally(&t->out, o->units, o->unit_bytes);
	if (o->control)
		tally(&t->control_out, o->units, o->unit_bytes);
}

static void settle_message(
	struct worker *w, const struct sending *s, const struct msghdr *m, bool sent)
{
	for (size_t i = 0; i < m->msg_iovlen; i++)
		settle(w, s, &m->msg_iov[i], sent);
}

static struct cmsghdr *add_control(
	struct cmsghdr *c, int level, int type, const void *value, size_t len)
{
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), value, len);
	return (struct cmsghdr *)(void *)((uint8_t *)c + CMSG_SPACE(len));
}

/* RFC 6040 4.1, RFC 2983 3.1: the outer header takes both fields of the inner one. */
static void set_control(struct msghdr *m, union control *control, int class, bool cut)
{
	bool v6 = ((const struct sockaddr *)m->msg_name)->sa_family == AF_INET6;
	struct cmsghdr *start = &control->align, *c = start;
	uint16_t segment = (uint16_t)m->msg_iov->iov_len;

	*control = (union control){0};
	if (cut)
		c = add_control(c, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	if (class)
		c = add_control(c, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS,
			&class, sizeof(class));
	m->msg_control = c == start ? NULL : control;
	m->msg_controllen = (size_t)((uint8_t *)c - (uint8_t *)start);
}

/* A device whose MTU is another one since the start takes less than we know. */
static bool send_one(const struct sending *s, const struct msghdr *m)
{
	return sendmsg(s->fd, m, SEND_FLAGS) >= 0 ||
	       (errno == EMSGSIZE && sendmsg(s->fragments_fd, m, SEND_FLAGS) >= 0);
}

/* One by one: what the kernel does not want in bulk. */
static void send_singly(struct worker *w, const struct sending *s, const struct msghdr *whole)
{
	for (size_t i = 0; i < whole->msg_iovlen; i++) {
		struct msghdr m = *whole;
		union control control;

		m.msg_iov += i;
		m.msg_iovlen = 1;
		set_control(&m, &control, s->traffic_class[m.msg_iov - s->iov], false);
		w->stats->sends++;
		settle(w, s, m.msg_iov, send_one(s, &m));
	}
}

static void flush(struct worker *w, struct sending *s)
{
	uint32_t at = 0;

	while (at < s->message_count) {
		const struct msghdr *m = &s->messages[at].msg_hdr;
		int sent = sendmmsg(s->fd, &s->messages[at], s->message_count - at, SEND_FLAGS);

		w->stats->sends++;
		for (int i = 0; i < sent; i++)
			settle_message(w, s, &s->messages[at + (uint32_t)i].msg_hdr, true);
		if (sent > 0) {
			at += (uint32_t)sent;
			continue;
		}
		/* The first was refused; the next may go elsewhere. */
		if (errno == EMSGSIZE || (m->msg_iovlen > 1 && errno != EAGAIN && errno != ENOBUFS))
			send_singly(w, s, m);
		else
			settle_message(w, s, m, false);
		at++;
	}
	s->message_count = 0;
}

/* Longest stretch of equal sizes and classes from `from`; the last may be shorter (udp(7), UDP_SEGMENT). */
static uint32_t stretch(const struct sending *s, uint32_t from)
{
	size_t size = s->iov[from].iov_len, total = size;
	uint32_t n = 1;

	while (from + n < s->count && n < SEGMENTS_PER_SEND) {
		size_t next = s->iov[from + n].iov_len;

		if (next > size || total + next > SEND_BYTES_MAX ||
			s->traffic_class[from + n] != s->traffic_class[from])
			break;
		total += next;
		n++;
		if (next < size)
			break;
	}
	return n;
}

/* Where the packets of a tunnel go, taken while it was locked. */
struct target {
	struct sockaddr_storage to;
	socklen_t to_len;
	int fd, fragments_fd;
	bool udp;
};

/* Makes messages of what was sealed from `at` on. */
static void add_messages(
	struct worker *w, struct sending *s, uint32_t at, const struct target *target)
{
	if (s->message_count && s->fd != target->fd)
		flush(w, s);
	s->fd = target->fd;
	s->fragments_fd = target->fragments_fd;
	while (at < s->count) {
		uint32_t n = target->udp ? stretch(s, at) : 1, i = s->message_count++;
		struct msghdr *m = &s->messages[i].msg_hdr;

		memcpy(&s->to[i], &target->to, target->to_len);
		*m = (struct msghdr){.msg_name = &s->to[i],
			.msg_namelen = target->to_len,
			.msg_iov = &s->iov[at],
			.msg_iovlen = n};
		set_control(m, &s->control[i], s->traffic_class[at], n > 1);
		at += n;
		if (s->message_count == MESSAGES_PER_SEND)
			flush(w, s);
	}
}

static void not_sealed(struct worker *w, uint32_t buffer, enum esp_result r)
{
	const struct outgoing *o = &w->outgoing[buffer];
	struct site_stats *s = out_stats(w, o->tunnel);
	struct traffic *t = &s->internal;

	if (r == ESP_SEQUENCE)
		t = &s->sequence;
	else if (r == ESP_SELECTOR)
		t = &s->selector;
	else if (r == ESP_MALFORMED)
		t = &s->malformed;
	tally(t, o->units, o->unit_bytes);
}

/*
 * Seals packets of one tunnel under one lock, and adds them to what is sent. If one of them is longer than
 * the path takes, all leave by the socket that may fragment: they stay in order.
 */
static void seal_run(struct worker *w, struct sa_pair *p, const uint32_t *buffers, uint32_t n,
	struct sending *s, uint64_t now)
{
	uint32_t first = s->count, mtu = __atomic_load_n(&p->inner_mtu, __ATOMIC_RELAXED);
	struct target target;
	bool tell, fits = true;

	pthread_spin_lock(&p->out_lock);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *packet = packet_of(w, buffers[i]);
		uint32_t len = w->outgoing[buffers[i]].len;
		uint8_t class = adjust_class(packet);
		enum esp_result result;

		fits &= len <= mtu;
		result = esp_seal(p->out, &packet, &len);
		if (result != ESP_OK) {
			not_sealed(w, buffers[i], result);
			continue;
		}
		s->iov[s->count] = (struct iovec){.iov_base = packet, .iov_len = len};
		s->traffic_class[s->count] = class;
		s->buffer[s->count++] = buffers[i];
	}
	target = (struct target){.to = p->to,
		.to_len = p->to_len,
		.fd = fits ? p->socket_fd : p->fragments_fd,
		.fragments_fd = p->fragments_fd,
		.udp = p->udp_encap};
	tell = !p->expiring && esp_sequence_left(p->out) < EXPIRING_BELOW;
	p->expiring |= tell;
	pthread_spin_unlock(&p->out_lock);
	if (tell)
		worker_tell(w, WORKER_SA_EXPIRING, p, NULL);
	if (s->count > first)
		tunnel_row(w, p->tunnel)->last_out_ns = now;
	add_messages(w, s, first, &target);
}

void worker_send(struct worker *w, uint64_t now)
{
	uint32_t done[WORKER_PENDING], run[WORKER_PENDING];
	uint32_t left = w->pending_count;
	struct sending s;

	if (!left)
		return;
	s.count = s.message_count = 0;
	/* Tunnel by tunnel, keeping the order within each. */
	memcpy(done, w->pending, left * sizeof(*done));
	while (left) {
		uint32_t tunnel = w->outgoing[w->pending[0]].tunnel, kept = 0, n = 0;
		struct sa_pair *p = sadb_out(w->shared.sadb, tunnel);

		for (uint32_t i = 0; i < left; i++) {
			uint32_t buffer = w->pending[i];

			if (w->outgoing[buffer].tunnel == tunnel)
				run[n++] = buffer;
			else
				w->pending[kept++] = buffer;
		}
		left = kept;
		if (left) {
			const struct sa_pair *next =
				sadb_out(w->shared.sadb, w->outgoing[w->pending[0]].tunnel);

			if (next)
				esp_prefetch(next->out);
		}
		if (p) {
			seal_run(w, p, run, n, &s, now);
			continue;
		}
		for (uint32_t i = 0; i < n; i++) {
			const struct outgoing *o = &w->outgoing[run[i]];

			tally(&out_stats(w, tunnel)->tunnel_down, o->units, o->unit_bytes);
		}
	}
	flush(w, &s);
	for (uint32_t i = 0; i < w->pending_count; i++)
		free_buffer(w, done[i]);
	w->pending_count = 0;
}
