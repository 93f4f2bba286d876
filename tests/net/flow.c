/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A numbered packet train over UDP, to count what a path loses, repeats, reorders and how long it
 * is silent.
 *   flow recv PORT SECONDS                        prints one JSON line, exits 0 when anything came
 *   flow send ADDRESS PORT BITS_PER_S SIZE SECONDS
 * SIZE is the whole IP packet; rates count IP bytes. The receiver ends 1 s after the last packet of
 * a finished train, or after SECONDS.
 */
#include "base/addr.h"
#include "base/clock.h"
#include "base/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 16, NUMBERS_MAX = 1 << 26, BATCH = 16 };

struct tally {
	uint64_t received, bytes, repeated, reordered, highest, first_ns, last_ns, gap_ns, sent;
	uint8_t *seen; /* a bit per number */
};

static void count(struct tally *t, uint64_t number, uint64_t total, size_t ip_bytes, uint64_t now)
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
	t->sent = total;
}

static void print_tally(const struct tally *t)
{
	uint64_t span = t->received > 1 ? t->last_ns - t->first_ns : 0;
	uint64_t expected = t->sent ? t->sent : t->highest + 1;
	uint64_t lost = t->received ? expected - t->received : 0;

	printf("{\"received\":%llu,\"lost\":%llu,\"repeated\":%llu,\"reordered\":%llu,"
	       "\"bits_per_second\":%.0f,\"longest_gap_ms\":%.1f}\n",
		(unsigned long long)t->received, (unsigned long long)lost,
		(unsigned long long)t->repeated, (unsigned long long)t->reordered,
		span ? (double)t->bytes * 8e9 / (double)span : 0.0, (double)t->gap_ns / 1e6);
}

static int receive(uint16_t port, unsigned int seconds)
{
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), size = 16 << 20;
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	uint64_t end = clock_now() + seconds * CLOCK_SECOND, total = 0;
	struct tally t = {.seen = calloc(NUMBERS_MAX / 8, 1)};
	bool finished = false;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (fd < 0 || !t.seen || bind(fd, (struct sockaddr *)&in6, sizeof(in6))) {
		perror("flow: receive");
		return 2;
	}
	while (clock_now() < end && !(finished && clock_now() - t.last_ns > CLOCK_SECOND)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint8_t buffer[65536];
		struct sockaddr_in6 from;
		socklen_t from_len = sizeof(from);

		if (poll(&p, 1, 100) <= 0)
			continue;

		ssize_t n = recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT,
			(struct sockaddr *)&from, &from_len);
		struct rd r = rd_init(buffer, n > 0 ? (size_t)n : 0);
		uint64_t number = rd_u64(&r), last = rd_u64(&r);

		if (n < HEADER)
			continue;
		if (last) { /* the train is over: `last` were sent */
			total = last;
			finished = true;
			t.sent = total;
			continue;
		}
		count(&t, number, total,
			(size_t)n + 8 + (IN6_IS_ADDR_V4MAPPED(&from.sin6_addr) ? 20 : 40),
			clock_now());
	}
	print_tally(&t);
	free(t.seen);
	return t.received ? 0 : 1;
}

static void pause_until(uint64_t at)
{
	struct timespec ts = {
		.tv_sec = (time_t)(at / CLOCK_SECOND), .tv_nsec = (long)(at % CLOCK_SECOND)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void send_one(int fd, uint8_t *buffer, size_t size, uint64_t number, uint64_t last)
{
	struct wr w = wr_init(buffer, size);

	wr_u64(&w, number);
	wr_u64(&w, last);
	while (send(fd, buffer, size, 0) < 0 && (errno == ENOBUFS || errno == ECONNREFUSED))
		pause_until(clock_now() + CLOCK_MILLISECOND);
}

/* What wiretap.c looks for on the outside: it must never be seen there. */
static void fill_payload(uint8_t *buffer, size_t size)
{
	static const char marker[] = "sluice-flow-in-the-clear ";

	for (size_t i = HEADER; i < size; i++)
		buffer[i] = (uint8_t)marker[(i - HEADER) % (sizeof(marker) - 1)];
}

static int transmit(
	const struct ip_endpoint *to, uint64_t bits, size_t ip_size, unsigned int seconds)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(to, &ss);
	int fd = socket(to->addr.family, SOCK_DGRAM, 0), size = 4 << 20;
	size_t headers = 8 + (to->addr.family == AF_INET ? 20 : 40);
	size_t payload = ip_size > headers + HEADER ? ip_size - headers : HEADER;
	uint8_t *buffer = calloc(1, payload);
	uint64_t start = clock_now(), end = start + seconds * CLOCK_SECOND, number = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (fd < 0 || !buffer || connect(fd, (struct sockaddr *)&ss, len)) {
		perror("flow: send");
		free(buffer);
		return 2;
	}
	fill_payload(buffer, payload);
	for (uint64_t now = start; now < end; now = clock_now()) {
		uint64_t due = (uint64_t)((double)(now - start) / 1e9 * (double)bits / 8 /
					  (double)ip_size);

		for (int i = 0; i < BATCH && number <= due; i++, number++)
			send_one(fd, buffer, payload, number, 0);
		if (number > due)
			pause_until(start + (uint64_t)((double)number * 8e9 * (double)ip_size /
						       (double)bits));
	}
	for (int i = 0; i < 20; i++) {
		pause_until(clock_now() + 10 * CLOCK_MILLISECOND);
		send_one(fd, buffer, HEADER, 0, number);
	}
	printf("{\"sent\":%llu}\n", (unsigned long long)number);
	free(buffer);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "recv"))
		return receive((uint16_t)atoi(argv[2]), (unsigned int)atoi(argv[3]));
	if (argc == 7 && !strcmp(argv[1], "send")) {
		struct ip_endpoint to = {.port = (uint16_t)atoi(argv[3])};

		if (addr_parse(argv[2], &to.addr))
			return transmit(&to, strtoull(argv[4], NULL, 10), (size_t)atoi(argv[5]),
				(unsigned int)atoi(argv[6]));
	}
	fprintf(stderr,
		"usage: flow recv PORT SECONDS | flow send ADDRESS PORT BITS_PER_S SIZE SECONDS\n");
	return 2;
}
