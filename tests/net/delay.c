/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long wire between two devices: what comes in by one leaves by the other, that much later, in
 * order, both ways. For kernels without netem.
 *   delay DEVICE DEVICE MICROSECONDS
 * Runs until SIGTERM and says then what it carried and what it lost: its own queue was full, the frame too
 * long (what is handed over must be cut and have its checksums: ethtool -K DEVICE gso off tso off tx off on
 * the other ends of the devices), or the kernel had no room for it.
 */
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define FRAME 2048
#define QUEUE 32768u /* frames on their way; a power of two */
#define BATCH 64u

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* One direction: frames between first and last, which only grow. */
struct wire {
	int from, to;
	uint8_t (*frames)[FRAME];
	uint64_t due[QUEUE];
	uint32_t len[QUEUE];
	uint32_t first, last;
	uint64_t carried, full, too_long, refused;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int device_open(const char *name)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name)};
	struct packet_mreq all = {.mr_ifindex = sll.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0), on = 1, room = 32 << 20;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ||
		bind(fd, (struct sockaddr *)&sll, sizeof(sll))) {
		perror(name);
		exit(1);
	}
	return fd;
}

/* False: nothing was there. */
static bool take(struct wire *w, uint64_t delay)
{
	struct mmsghdr messages[BATCH] = {0};
	struct iovec iov[BATCH];
	uint32_t room = QUEUE - (w->last - w->first), kept = w->last;
	uint64_t due;
	int n;

	if (!room) { /* throw one away, in the place of the next */
		w->full += recv(w->from, &(uint8_t){0}, 1, 0) > 0;
		return false;
	}
	if (room > BATCH)
		room = BATCH;
	for (uint32_t i = 0; i < room; i++) {
		iov[i] = (struct iovec){w->frames[(w->last + i) % QUEUE], FRAME};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	n = recvmmsg(w->from, messages, room, MSG_TRUNC, NULL);
	due = clock_now() + delay;
	for (int i = 0; i < n; i++, kept++) {
		bool whole = messages[i].msg_len <= FRAME;

		w->too_long += !whole;
		w->due[kept % QUEUE] = due;
		w->len[kept % QUEUE] = whole ? messages[i].msg_len : 0;
	}
	w->last = kept;
	return n > 0;
}

static void give(struct wire *w)
{
	while (w->first != w->last) {
		struct mmsghdr messages[BATCH] = {0};
		struct iovec iov[BATCH];
		uint64_t now = clock_now();
		uint32_t count = 0;
		int n;

		for (uint32_t i = w->first; i != w->last && count < BATCH; i++, count++) {
			uint32_t at = i % QUEUE;

			if (w->due[at] > now || !w->len[at])
				break;
			iov[count] = (struct iovec){w->frames[at], w->len[at]};
			messages[count].msg_hdr =
				(struct msghdr){.msg_iov = &iov[count], .msg_iovlen = 1};
		}
		if (!count && w->len[w->first % QUEUE])
			return;
		n = count ? sendmmsg(w->to, messages, count, 0) : 0;
		if (n > 0) {
			w->carried += (uint32_t)n;
			w->first += (uint32_t)n;
		} else if (!count || (errno != EAGAIN && errno != ENOBUFS)) {
			w->refused += count > 0;
			w->first++;
		} else {
			return; /* again in a moment */
		}
	}
}

static void wait_for(const struct wire wires[2])
{
	struct pollfd p[2] = {{wires[0].from, POLLIN, 0}, {wires[1].from, POLLIN, 0}};
	uint64_t now = clock_now(), next = now + CLOCK_SECOND;

	for (int i = 0; i < 2; i++) {
		const struct wire *w = &wires[i];

		if (w->first != w->last && w->due[w->first % QUEUE] < next)
			next = w->due[w->first % QUEUE];
	}
	next = next > now ? next - now : 0;
	ppoll(p, 2,
		&(struct timespec){.tv_sec = (time_t)(next / CLOCK_SECOND),
			.tv_nsec = (long)(next % CLOCK_SECOND)},
		NULL);
}

static void report(const struct wire *w)
{
	struct tpacket_stats kernel = {0};

	getsockopt(w->from, SOL_PACKET, PACKET_STATISTICS, &kernel, &(socklen_t){sizeof(kernel)});
	printf("carried %llu lost %llu (queue %llu, too long %llu, refused %llu, kernel %u)\n",
		(unsigned long long)w->carried,
		(unsigned long long)(w->full + w->too_long + w->refused + kernel.tp_drops),
		(unsigned long long)w->full, (unsigned long long)w->too_long,
		(unsigned long long)w->refused, kernel.tp_drops);
}

int main(int argc, char **argv)
{
	static struct wire wires[2];
	uint64_t delay;

	if (argc != 4) {
		fprintf(stderr, "usage: delay DEVICE DEVICE MICROSECONDS\n");
		return 2;
	}
	delay = strtoull(argv[3], NULL, 10) * 1000;
	signal(SIGTERM, on_signal);
	for (int i = 0; i < 2; i++) {
		wires[i].from = wires[!i].to = device_open(argv[1 + i]);
		wires[i].frames = calloc(QUEUE, sizeof(*wires[i].frames));
		if (!wires[i].frames)
			return 1;
	}
	while (!stop) {
		wait_for(wires);
		for (int i = 0; i < 2; i++) {
			give(&wires[i]);
			while (take(&wires[i], delay))
				give(&wires[i]);
		}
	}
	report(&wires[0]);
	report(&wires[1]);
	return 0;
}
