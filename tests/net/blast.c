/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much load as one CPU can make for the hub of data_loop, whose counters say what became of it:
 *   blast in|in-tcp SITES BITS_PER_S SIZE SECONDS RUN [TAP]   ESP of all sites, sealed here, from 192.0.2.2
 *   blast out SITES BITS_PER_S SIZE SECONDS RUN               plain UDP from a host behind the hub to all sites
 * SIZE is the inner IP packet, BITS_PER_S counts these, RUN is how many packets of a site follow each
 * other. All packets of a site are equal but for what sealing adds; with in-tcp they are one TCP
 * connection of each site that nobody answers. With TAP whole frames are written into the hub's outside
 * device, frame by frame, so its XDP program runs here. Prints how many were sent.
 */
#include "base/clock.h"
#include "dataplane/checksum.h"
#include "sluice/abi.h"
#include "data_site.h"

#include <netinet/udp.h>
#include <time.h>

#define SITES_MAX 250
#define RUN_MAX   40
#define STEP      2048 /* of a packet in the buffer */
#define HEADERS   28   /* IPv4 and UDP */
#define PORT      7777
#define ETHERNET  14
#define OUTER     (ETHERNET + HEADERS)
#define ROOM      (64 + ESP_HEADROOM) /* before the inner packet: all outer headers */
#define LATE_MAX  (10 * CLOCK_MILLISECOND)
#define IPV4      20
#define TCP       20

struct blast {
	uint32_t sites, size, run;
	bool seal, tcp;
	int tap; /* -1: sockets */
	uint8_t outer[OUTER];
	struct esp_sa *sa[SITES_MAX];
	int fd[SITES_MAX]; /* one for all when it seals */
	uint8_t inner[SITES_MAX][STEP];
	uint8_t buffer[RUN_MAX][STEP];
};

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void make_ipv4(uint8_t *p, const uint8_t header[IPV4], uint32_t size)
{
	memcpy(p, header, IPV4);
	put16(p + 2, size);
	checksum_store(p + 10, checksum_add(0, p, IPV4));
}

static void make_udp(uint8_t *udp, uint16_t port, uint32_t len)
{
	put16(udp, port);
	put16(udp + 2, port);
	put16(udp + 4, len);
	put16(udp + 6, 0);
}

static void make_inner(uint8_t *p, uint32_t site, uint32_t size, bool tcp)
{
	const uint8_t protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	const uint8_t header[IPV4] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 77,
		(uint8_t)(site + 1), 2, 10, 1, (uint8_t)site, 2};
	const uint8_t ack[] = {0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0};
	uint8_t *transport = p + IPV4;
	uint32_t len = size - IPV4;

	memset(p, 'x', size);
	make_ipv4(p, header, size);
	make_udp(transport, PORT, len);
	if (tcp)
		memcpy(transport + 4, ack, sizeof(ack));
	checksum_store(transport + (tcp ? 16 : 6),
		checksum_add(checksum_pseudo(p + 12, 8, protocol, len), transport, len));
}

/* The connection of a site goes on: what the checksum loses is what the sequence number gains. */
static void advance(uint8_t *p, uint32_t size)
{
	uint8_t *number = p + IPV4 + 4, *checksum = p + IPV4 + 16;
	uint32_t old, new;
	uint16_t sum;

	memcpy(&old, number, 4);
	memcpy(&sum, checksum, 2);
	new = htonl(ntohl(old) + size - IPV4 - TCP);
	memcpy(number, &new, 4);
	/* RFC 1624 3 */
	checksum_store(checksum, (uint64_t)(uint16_t)~sum + (uint32_t)~old + new);
}

/* The outside device of the hub, and what stands before ESP in a frame to it. */
static void open_tap(struct blast *b, const char *name)
{
	static const uint8_t ethernet[ETHERNET] = {[6] = 2, 0, 0, 0, 0, 2, 0x08, 0};
	static const uint8_t ip[IPV4] = {
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, IPPROTO_UDP, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1};
	uint32_t len = esp_sealed_len(b->sa[0], b->size) + HEADERS;
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	/* Only a descriptor that does not block has the fast way, with XDP before there is an skb. */
	b->tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	if (b->tap < 0 || ioctl(b->tap, TUNSETIFF, &ifr) || ioctl(b->tap, SIOCGIFHWADDR, &ifr))
		die(name);
	memcpy(b->outer, ethernet, ETHERNET);
	memcpy(b->outer, ifr.ifr_hwaddr.sa_data, 6);
	make_ipv4(b->outer + ETHERNET, ip, len);
	make_udp(b->outer + ETHERNET + IPV4, NATT_PORT, len - IPV4);
}

static int open_udp(const char *from, uint16_t port, struct ip_endpoint to)
{
	struct ip_endpoint local = {.addr = address(from), .port = port};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&local, &ss);
	int size = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len))
		die("bind");
	len = endpoint_to_sockaddr(&to, &ss);
	if (connect(fd, (struct sockaddr *)&ss, len))
		die("connect");
	return fd;
}

static void open_sites(struct blast *b, bool tap)
{
	for (uint32_t i = 0; i < b->sites; i++) {
		char from[32] = "192.0.2.2", to[32] = "192.0.2.1";
		struct esp_params p = {.spi = SPI + 2 * i * SLUICE_SA_SLOTS_PER_TUNNEL,
			.outbound = true,
			.cipher = ESP_AES_GCM_16,
			.key_len = 16,
			.salt = {0, (uint8_t)i},
			.local = everything(),
			.remote = everything()};

		make_inner(b->inner[i], i, b->size, b->tcp);
		memcpy(p.key, key_to_hub, 16);
		b->sa[i] = esp_sa_new(&p, ESP_ENGINE_AUTO);
		/* Past what another run of this program sent on the same SA. */
		esp_sequence_set(b->sa[i], (clock_now() / CLOCK_MILLISECOND * 4096) & 0xffffffff);
		if (tap)
			continue;
		if (b->seal && i) {
			b->fd[i] = b->fd[0];
			continue;
		}
		if (!b->seal) {
			snprintf(from, sizeof(from), "10.1.%u.2", i);
			snprintf(to, sizeof(to), "10.77.%u.2", i + 1);
		}
		b->fd[i] = open_udp(from, b->seal ? NATT_PORT : PORT,
			(struct ip_endpoint){
				.addr = address(to), .port = b->seal ? NATT_PORT : PORT});
	}
}

static void write_frame(const struct blast *b, uint8_t *esp, uint32_t len)
{
	memcpy(esp - OUTER, b->outer, OUTER);
	while (write(b->tap, esp - OUTER, len + OUTER) < 0) {
		if (errno != EAGAIN && errno != ENOMEM)
			die("write");
	}
}

/* The packets of one site: frames, or one message that the kernel cuts. */
static void send_run(struct blast *b, uint32_t site)
{
	struct iovec iov[RUN_MAX];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(uint16_t))];
	} control = {.align = {.cmsg_level = SOL_UDP,
			     .cmsg_type = UDP_SEGMENT,
			     .cmsg_len = CMSG_LEN(sizeof(uint16_t))}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = b->run};
	uint16_t segment = 0;

	for (uint32_t i = 0; i < b->run; i++) {
		uint8_t *p = b->buffer[i] + ROOM;
		uint32_t len = b->size;

		if (b->seal) {
			memcpy(p, b->inner[site], len);
			if (b->tcp)
				advance(b->inner[site], len);
			if (esp_seal(b->sa[site], &p, &len) != ESP_OK)
				die("seal");
		} else {
			len -= HEADERS;
		}
		if (b->tap >= 0)
			write_frame(b, p, len);
		iov[i] = (struct iovec){p, len};
		segment = (uint16_t)len;
	}
	if (b->tap >= 0)
		return;
	memcpy(CMSG_DATA(&control.align), &segment, sizeof(segment));
	if (b->run > 1) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.space);
	}
	while (sendmsg(b->fd[site], &m, 0) < 0) {
		if (errno != ENOBUFS)
			die("sendmsg");
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
}

int main(int argc, char **argv)
{
	static struct blast b = {.tap = -1};
	uint64_t start, end, now, runs = 0;
	double per_run;

	if (argc == 7 || argc == 8) {
		b.tcp = !strcmp(argv[1], "in-tcp");
		b.seal = b.tcp || !strcmp(argv[1], "in");
		b.sites = (uint32_t)atoi(argv[2]);
		b.size = (uint32_t)atoi(argv[4]);
		b.run = (uint32_t)atoi(argv[6]);
	}
	if (!b.sites || b.sites > SITES_MAX || b.size < IPV4 + TCP || b.size > 1500 || !b.run ||
		b.run > RUN_MAX) {
		fprintf(stderr,
			"usage: blast in|in-tcp|out SITES BITS_PER_S SIZE SECONDS RUN [TAP]\n");
		return 2;
	}
	open_sites(&b, argc == 8);
	if (argc == 8)
		open_tap(&b, argv[7]);
	per_run = b.run * b.size * 8e9 / atof(argv[3]);
	start = clock_now();
	end = start + strtoull(argv[5], NULL, 10) * CLOCK_SECOND;
	while ((now = clock_now()) < end) {
		uint64_t due = (uint64_t)((double)(now - start) / per_run);

		/* Whoever was not let run does not catch up at a rate that nobody asked for. */
		if (due > runs && (double)(due - runs) * per_run > LATE_MAX) {
			start += (uint64_t)((double)(due - runs) * per_run);
			due = runs;
		}
		for (int i = 0; i < 64 && runs <= due; i++, runs++)
			send_run(&b, (uint32_t)(runs % b.sites));
		if (runs > due)
			nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
	}
	printf("%llu\n", (unsigned long long)(runs * b.run));
	return 0;
}
