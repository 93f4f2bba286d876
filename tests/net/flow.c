/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A numbered packet train over UDP, to count what a path loses, repeats, reorders and how long it
 * is silent.
 *   flow recv PORT SECONDS [SITES]                prints one JSON line, exits 0 when anything came
 *   flow send ADDRESS PORT BITS_PER_S SIZE SECONDS [SITES]
 * SIZE is the whole IP packet, or "imix": 7 of 64, 4 of 576 and 1 of 1,400 bytes, mixed; rates count
 * IP bytes. The receiver ends 1 s after the last packet of a finished train, or after SECONDS.
 *
 * With SITES the train goes to that many IPv4 addresses in turn, ADDRESS and those whose third byte is
 * the next ones', and the receiver tells them apart by it: it prints what each of the first SITES got,
 * in bits per second. That and the "steady" rate leave out the first two seconds.
 *
 * The "typical" rate is the median of what windows of 100 ms got: what a limit lets through, also on a
 * machine that stands still at times. A sender that was not let run does not make up for it.
 *
 * From about 200 Mbit/s for each address on, packets are handed over and taken in runs (UDP_SEGMENT,
 * UDP_GRO), so that this program is not what is measured.
 */
#include "base/addr.h"
#include "base/clock.h"
#include "base/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	HEADER = 16,
	NUMBERS_MAX = 1 << 28,
	SITES_MAX = 256,
	RUN_MAX = 64,
	RUN_BYTES = 64000,
	RUNS_PER_SECOND = 8000,
	BATCH = 16,
	DATAGRAM = 65536,
};

#define SETTLE_NS   (2 * CLOCK_SECOND) /* until bursts are used up and shares are found */
#define WINDOW_NS   (100 * CLOCK_MILLISECOND)
#define WINDOWS_MAX 36000
#define LATE_NS     (20 * CLOCK_MILLISECOND)

struct tally {
	uint64_t received, bytes, repeated, reordered, highest, first_ns, last_ns, gap_ns, sent;
	uint64_t steady_bytes;         /* without the first SETTLE_NS */
	uint64_t windows[WINDOWS_MAX]; /* bytes of each WINDOW_NS since the first packet */
	uint64_t site_bytes[SITES_MAX];
	uint32_t sites;
	uint8_t *seen; /* a bit per number */
};

static void count(struct tally *t, uint64_t number, size_t ip_bytes, uint64_t now)
{
	if (number >= NUMBERS_MAX)
		return;
	if (t->seen[number / 8] & 1 << number % 8) {
		t->repeated++;
		return;
	}
	t->seen[number / 8] |= (uint8_t)(1 << number % 8);
	if (!t->received)
		t->first_ns = now;
	else if (now - t->last_ns > t->gap_ns)
		t->gap_ns = now - t->last_ns;
	t->last_ns = now;
	if (number < t->highest)
		t->reordered++;
	else
		t->highest = number;
	t->received++;
	t->bytes += ip_bytes;
	if (now - t->first_ns >= SETTLE_NS)
		t->steady_bytes += ip_bytes;
	if ((now - t->first_ns) / WINDOW_NS < WINDOWS_MAX)
		t->windows[(now - t->first_ns) / WINDOW_NS] += ip_bytes;
}

static double rate(uint64_t bytes, uint64_t span)
{
	return span ? (double)bytes * 8e9 / (double)span : 0.0;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The last window is not a whole one. */
static double typical(struct tally *t)
{
	uint64_t whole = t->received ? (t->last_ns - t->first_ns) / WINDOW_NS : 0;

	if (whole > WINDOWS_MAX)
		whole = WINDOWS_MAX;
	qsort(t->windows, whole, sizeof(t->windows[0]), by_size);
	return whole ? rate(t->windows[whole / 2], WINDOW_NS) : 0.0;
}

static void print_tally(struct tally *t)
{
	uint64_t span = t->received > 1 ? t->last_ns - t->first_ns : 0;
	uint64_t steady = span > SETTLE_NS ? span - SETTLE_NS : 0;
	uint64_t expected = t->sent ? t->sent : t->highest + 1;
	uint64_t lost = t->received ? expected - t->received : t->sent;

	printf("{\"received\":%llu,\"lost\":%llu,\"repeated\":%llu,\"reordered\":%llu,"
	       "\"bits_per_second\":%.0f,\"steady_bits_per_second\":%.0f,"
	       "\"typical_bits_per_second\":%.0f,\"longest_gap_ms\":%.1f",
		(unsigned long long)t->received, (unsigned long long)lost,
		(unsigned long long)t->repeated, (unsigned long long)t->reordered,
		rate(t->bytes, span), rate(t->steady_bytes, steady), typical(t),
		(double)t->gap_ns / 1e6);
	for (uint32_t i = 0; i < t->sites; i++)
		printf("%s%.0f", i ? "," : ",\"sites\":[", rate(t->site_bytes[i], steady));
	printf("%s}\n", t->sites ? "]" : "");
}

/* What one recvmsg brought: packets of `segment` bytes, all from and to the same. */
struct arrival {
	const uint8_t *bytes;
	size_t len, segment;
	size_t headers;
	uint32_t site;
};

static void take(struct tally *t, const struct arrival *a, uint64_t now)
{
	for (size_t at = 0; at + HEADER <= a->len; at += a->segment) {
		size_t len = a->len - at < a->segment ? a->len - at : a->segment;
		struct rd r = rd_init(a->bytes + at, len);
		uint64_t number = rd_u64(&r), last = rd_u64(&r);
		uint64_t before = t->received;

		if (last) { /* the train is over: `last` were sent */
			t->sent = last;
			continue;
		}
		count(t, number, len + a->headers, now);
		if (t->received > before && a->site < SITES_MAX && now - t->first_ns >= SETTLE_NS)
			t->site_bytes[a->site] += len + a->headers;
	}
}

static void arrive(struct tally *t, struct msghdr *m, size_t len, uint64_t now)
{
	const struct sockaddr_in6 *from = m->msg_name;
	struct arrival a = {.bytes = m->msg_iov->iov_base, .len = len, .segment = len};
	bool v4 = IN6_IS_ADDR_V4MAPPED(&from->sin6_addr);

	a.headers = 8u + (v4 ? 20 : 40);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct in6_pktinfo to;
		int segment;

		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
			if (segment > 0)
				a.segment = (size_t)segment;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&to, CMSG_DATA(c), sizeof(to));
			a.site = to.ipi6_addr.s6_addr[14];
		}
	}
	take(t, &a, now);
}

static int receive_socket(uint16_t port)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), size = 64 << 20, on = 1;
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) ||
		bind(fd, (struct sockaddr *)&in6, sizeof(in6)))
		return -1;
	return fd;
}

static int receive(uint16_t port, unsigned int seconds, uint32_t sites)
{
	int fd = receive_socket(port);
	uint64_t end = clock_now() + seconds * CLOCK_SECOND;
	struct tally t = {.seen = calloc(NUMBERS_MAX / 8, 1), .sites = sites};
	uint8_t *buffers = malloc((size_t)BATCH * DATAGRAM);

	if (fd < 0 || !t.seen || !buffers) {
		perror("flow: receive");
		return 2;
	}
	while (clock_now() < end && !(t.sent && clock_now() - t.last_ns > CLOCK_SECOND)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		struct mmsghdr m[BATCH];
		struct iovec iov[BATCH];
		struct sockaddr_in6 from[BATCH];
		_Alignas(16) char control[BATCH][128];

		if (poll(&p, 1, 100) <= 0)
			continue;
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){buffers + (size_t)i * DATAGRAM, DATAGRAM};
			m[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &iov[i],
				.msg_iovlen = 1,
				.msg_control = control[i],
				.msg_controllen = sizeof(control[i])};
		}

		int n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL);
		uint64_t now = clock_now();

		for (int i = 0; i < n; i++)
			arrive(&t, &m[i].msg_hdr, m[i].msg_len, now);
	}
	print_tally(&t);
	free(t.seen);
	free(buffers);
	return t.received ? 0 : 1;
}

static void pause_until(uint64_t at)
{
	struct timespec ts = {
		.tv_sec = (time_t)(at / CLOCK_SECOND), .tv_nsec = (long)(at % CLOCK_SECOND)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* Where a train goes, and the packets of one turn: a run of equal ones, or a mix. */
struct train {
	int fds[SITES_MAX];
	uint32_t sites;
	uint32_t run;
	size_t headers;
	size_t sizes[RUN_MAX]; /* payload of each packet of a run */
	size_t run_bytes;      /* of IP, in all */
	bool equal;
	uint8_t *buffer;
};

/* What wiretap.c looks for on the outside: it must never be seen there. */
static void fill_payload(uint8_t *buffer, size_t size)
{
	static const char marker[] = "sluice-flow-in-the-clear ";

	for (size_t i = 0; i < size; i++)
		buffer[i] = (uint8_t)marker[i % (sizeof(marker) - 1)];
}

static void plan(struct train *t, uint64_t bits, size_t ip_size)
{
	static const size_t imix[] = {64, 576, 64, 64, 576, 64, 1400, 64, 576, 64, 64, 576};
	size_t payload = ip_size > t->headers + HEADER ? ip_size - t->headers : HEADER;
	uint64_t run = ip_size ? bits / 8 / ip_size / t->sites / RUNS_PER_SECOND : 0;

	t->equal = ip_size != 0;
	t->run = t->equal ? 1 : sizeof(imix) / sizeof(imix[0]);
	if (run > 1)
		t->run = run < RUN_MAX ? (uint32_t)run : RUN_MAX;
	while (t->equal && t->run > 1 && t->run * payload > RUN_BYTES)
		t->run--;
	for (uint32_t i = 0; i < t->run; i++) {
		t->sizes[i] = t->equal ? payload : imix[i] - t->headers;
		t->run_bytes += t->sizes[i] + t->headers;
	}
}

/* As one message that the kernel cuts, or a message each. */
static void send_run(const struct train *t, int fd, uint64_t number)
{
	struct mmsghdr m[RUN_MAX] = {0};
	struct iovec iov[RUN_MAX];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(uint16_t))];
	} control = {.align = {.cmsg_level = SOL_UDP,
			     .cmsg_type = UDP_SEGMENT,
			     .cmsg_len = CMSG_LEN(sizeof(uint16_t))}};
	uint16_t segment = (uint16_t)t->sizes[0];
	bool whole = t->equal && t->run > 1;
	uint8_t *at = t->buffer;
	uint32_t count = whole ? 1 : t->run, sent = 0;

	for (uint32_t i = 0; i < t->run; at += t->sizes[i], i++) {
		struct wr w = wr_init(at, HEADER);

		wr_u64(&w, number + i);
		wr_u64(&w, 0);
		iov[i] = (struct iovec){at, t->sizes[i]};
		m[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	if (whole) {
		iov[0].iov_len *= t->run;
		memcpy(CMSG_DATA(&control.align), &segment, sizeof(segment));
		m[0].msg_hdr.msg_control = &control;
		m[0].msg_hdr.msg_controllen = sizeof(control.space);
	}
	while (sent < count) {
		int n = sendmmsg(fd, m + sent, count - sent, 0);

		if (n > 0)
			sent += (uint32_t)n;
		else if (errno == ENOBUFS)
			pause_until(clock_now() + CLOCK_MILLISECOND);
		else if (errno != ECONNREFUSED)
			return;
	}
}

static void send_end(int fd, uint64_t number)
{
	uint8_t end[HEADER];
	struct wr w = wr_init(end, sizeof(end));

	wr_u64(&w, 0);
	wr_u64(&w, number);
	while (send(fd, end, sizeof(end), 0) < 0 && (errno == ENOBUFS || errno == ECONNREFUSED))
		pause_until(clock_now() + CLOCK_MILLISECOND);
}

static bool open_train(struct train *t, const struct ip_endpoint *to)
{
	int size = 4 << 20;

	for (uint32_t i = 0; i < t->sites; i++) {
		struct ip_endpoint e = *to;
		struct sockaddr_storage ss;
		socklen_t len;

		e.addr.bytes[2] = (uint8_t)(e.addr.bytes[2] + i);
		len = endpoint_to_sockaddr(t->sites > 1 ? &e : to, &ss);
		t->fds[i] = socket(to->addr.family, SOCK_DGRAM, 0);
		(void)setsockopt(t->fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		if (t->fds[i] < 0 || connect(t->fds[i], (struct sockaddr *)&ss, len))
			return false;
	}
	t->headers = 8 + (to->addr.family == AF_INET ? 20 : 40);
	return true;
}

static int transmit(const struct ip_endpoint *to, uint64_t bits, size_t ip_size,
	unsigned int seconds, uint32_t sites)
{
	struct train t = {.sites = sites, .buffer = malloc(RUN_MAX * 1500 + DATAGRAM)};
	uint64_t start = clock_now(), end = start + seconds * CLOCK_SECOND, runs = 0;

	if (!t.buffer || !open_train(&t, to)) {
		perror("flow: send");
		free(t.buffer);
		return 2;
	}
	fill_payload(t.buffer, RUN_MAX * 1500 + DATAGRAM);
	plan(&t, bits, ip_size);
	for (uint64_t now = start; now < end; now = clock_now()) {
		double per_run = (double)t.run_bytes * 8e9 / (double)bits;
		uint64_t on_time = start + (uint64_t)((double)runs * per_run), due;

		if (now > on_time + LATE_NS && t.run == 1)
			start += now - on_time;
		due = (uint64_t)((double)(now - start) / per_run);
		for (int i = 0; i < BATCH && runs <= due; i++, runs++)
			send_run(&t, t.fds[runs % t.sites], runs * t.run);
		if (runs > due)
			pause_until(start + (uint64_t)((double)runs * per_run));
	}
	for (int i = 0; i < 20; i++) {
		pause_until(clock_now() + 10 * CLOCK_MILLISECOND);
		send_end(t.fds[0], runs * t.run);
	}
	printf("{\"sent\":%llu}\n", (unsigned long long)(runs * t.run));
	free(t.buffer);
	return 0;
}

int main(int argc, char **argv)
{
	const char *last = argc > 1 ? argv[argc - 1] : "";
	uint32_t sites = 0;

	if (argc == 5 || argc == 8) {
		sites = (uint32_t)atoi(last);
		if (!sites || sites > SITES_MAX)
			argc = 0;
	}
	if ((argc == 4 || argc == 5) && !strcmp(argv[1], "recv"))
		return receive((uint16_t)atoi(argv[2]), (unsigned int)atoi(argv[3]), sites);
	if ((argc == 7 || argc == 8) && !strcmp(argv[1], "send")) {
		struct ip_endpoint to = {.port = (uint16_t)atoi(argv[3])};
		size_t size = strcmp(argv[5], "imix") ? (size_t)atoi(argv[5]) : 0;

		if (addr_parse(argv[2], &to.addr) && (sites < 2 || to.addr.family == AF_INET))
			return transmit(&to, strtoull(argv[4], NULL, 10), size,
				(unsigned int)atoi(argv[6]), sites ? sites : 1);
	}
	fprintf(stderr, "usage: flow recv PORT SECONDS [SITES]\n"
			"       flow send ADDRESS PORT BITS_PER_S SIZE|imix SECONDS [SITES]\n");
	return 2;
}
