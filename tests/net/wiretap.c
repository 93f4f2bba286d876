/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Someone on the path between a branch and the hub.
 *   wiretap watch DEVICE SECONDS    counts frames, and those that carry flow.c's payload in clear
 *   wiretap attack DEVICE PACKETS   takes ESP-in-UDP that arrives on DEVICE and sends, for each
 *                                   packet, a copy, one with a flipped bit, one cut short, and one
 *                                   with another SPI, by the routing table
 * Prints one JSON line.
 */
#include "base/clock.h"
#include "base/wire.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IP_HEADER = 20, UDP_HEADER = 8, ESP_HEADER = 8, ATTACK_SECONDS = 20 };

static int open_tap(const char *device)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(device)};
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL)), size = 32 << 20;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (!ll.sll_ifindex || fd < 0 || bind(fd, (struct sockaddr *)&ll, sizeof(ll))) {
		perror("wiretap");
		exit(2);
	}
	return fd;
}

/* The next frame without its link header; 0 when none came in time. */
static size_t next_frame(int fd, uint8_t *buffer, size_t size, bool *incoming)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);

	if (poll(&p, 1, 100) <= 0)
		return 0;

	ssize_t n = recvfrom(fd, buffer, size, MSG_DONTWAIT, (struct sockaddr *)&from, &len);

	*incoming = from.sll_pkttype != PACKET_OUTGOING;
	return n > 0 ? (size_t)n : 0;
}

static int watch(const char *device, unsigned int seconds)
{
	static uint8_t buffer[1 << 17];
	static const char marker[] = "sluice-flow-in-the-clear";
	uint64_t end = clock_now() + seconds * CLOCK_SECOND, frames = 0, clear = 0;
	int fd = open_tap(device);
	bool incoming;

	while (clock_now() < end) {
		size_t n = next_frame(fd, buffer, sizeof(buffer), &incoming);

		frames += n > 0;
		clear += n && memmem(buffer, n, marker, sizeof(marker) - 1);
	}
	printf("{\"frames\":%llu,\"clear\":%llu}\n", (unsigned long long)frames,
		(unsigned long long)clear);
	return 0;
}

/* True when the IPv4 packet is ESP in UDP to port 4500. */
static bool is_esp(const uint8_t *packet, size_t n)
{
	struct rd r = rd_init(packet, n);

	if (rd_u8(&r) != 0x45)
		return false;
	rd_skip(&r, 8);
	if (rd_u8(&r) != IPPROTO_UDP)
		return false;
	rd_skip(&r, 12);

	uint16_t port = rd_u16(&r);

	rd_skip(&r, 4);
	return rd_u32(&r) && !r.bad && port == 4500 && n > IP_HEADER + UDP_HEADER + ESP_HEADER + 24;
}

static void inject(int fd, const uint8_t *packet, size_t n)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint8_t copy[2048];
	struct wr w = wr_init(copy, sizeof(copy));

	wr_bytes(&w, packet, n);
	wr_set_u16(&w, 2, (uint16_t)n);
	wr_set_u16(&w, IP_HEADER + 4, (uint16_t)(n - IP_HEADER));
	wr_set_u16(&w, IP_HEADER + 6, 0); /* no UDP checksum */
	memcpy(&to.sin_addr, packet + 16, 4);
	if (!w.bad)
		(void)sendto(fd, copy, n, 0, (struct sockaddr *)&to, sizeof(to));
}

static int attack(const char *device, unsigned int packets)
{
	uint8_t buffer[1 << 16];
	uint64_t end = clock_now() + ATTACK_SECONDS * CLOCK_SECOND;
	int tap = open_tap(device), out = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	unsigned int done = 0;
	bool incoming = false;

	while (done < packets && clock_now() < end) {
		size_t n = next_frame(tap, buffer, sizeof(buffer), &incoming);

		if (!incoming || n > 1600 || !is_esp(buffer, n))
			continue;
		usleep(2000); /* the original arrives first */
		inject(out, buffer, n);
		inject(out, buffer, n - 1 - done % 16);
		buffer[n - 1 - done % (n - IP_HEADER - UDP_HEADER - ESP_HEADER)] ^=
			(uint8_t)(1 << done % 8);
		buffer[IP_HEADER + UDP_HEADER + 4] ^= 0x40; /* a sequence number not seen yet */
		inject(out, buffer, n);
		buffer[IP_HEADER + UDP_HEADER] ^= 0x80;
		inject(out, buffer, n);
		done++;
	}
	printf("{\"packets\":%u}\n", done);
	return done == packets ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "watch"))
		return watch(argv[2], (unsigned int)atoi(argv[3]));
	if (argc == 4 && !strcmp(argv[1], "attack"))
		return attack(argv[2], (unsigned int)atoi(argv[3]));
	fprintf(stderr, "usage: wiretap watch DEVICE SECONDS | wiretap attack DEVICE PACKETS\n");
	return 2;
}
