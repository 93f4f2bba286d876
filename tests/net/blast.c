/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much load as one CPU can make for the hub of data_loop, whose counters say what became of it:
 *   blast in|in-tcp SITES BITS_PER_S SIZE SECONDS RUN DEVICE MAC SINCE   ESP of all sites, sealed here, from 192.0.2.2
 *   blast out SITES BITS_PER_S SIZE SECONDS RUN                          plain UDP from a host behind the hub to all sites
 *   blast out-tcp SITES BITS_PER_S SIZE SECONDS RUN DEVICE MAC           the same of TCP, by a packet socket
 * SIZE is the inner IP packet, BITS_PER_S counts these, RUN is how many packets of a site follow each
 * other. All packets of a site are equal but for what sealing adds; TCP is one connection of each
 * site that nobody answers. SIZE imix: 7 of 64, 4 of 576 and 1 of 1,400 bytes, not with out-tcp. Prints how
 * many were sent.
 *
 * What is sealed is sent like the frames of a card, without socket or skb: the kernel runs an XDP program
 * of ours (BPF_F_TEST_XDP_LIVE_FRAMES, Linux 5.18), which copies the next one into the kernel's frame and redirects
 * that to DEVICE, a veth. What receives for its peer MAC does so in the same system call, on the same CPU.
 */
#include "base/clock.h"
#include "dataplane/checksum.h"
#include "dataplane/link.h"
#include "sluice/abi.h"
#include "data_site.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <netinet/udp.h>
#include <sys/mman.h>
#include <time.h>

#define SITES_MAX      250
#define RUN_MAX        40
#define STEP           2048 /* of a packet in a buffer */
#define PORT           7777
#define ETHERNET       14
#define IPV4           20
#define UDP            8
#define TCP            20
#define OUTER          (ETHERNET + IPV4 + UDP)
#define FRAMES         512 /* at most in one system call: half a millisecond at 10 Gbit/s */
#define BATCH          64 /* then the kernel hands them to the device, whose queue has room for 256 */
#define FRAME_MAX      1600
#define MIX            12
#define LATE_MAX       (10 * CLOCK_MILLISECOND)
#define PAUSE_NS       500000
#define LOOPBACK       1
#define PER_SECOND_MAX 2e6 /* packets of one SA: its numbers last for half an hour */

/* The kernel's program reads it. */
struct slot {
	uint32_t len;
	uint8_t bytes[STEP - sizeof(uint32_t)];
};

struct blast {
	uint32_t sites, run;
	uint32_t sizes[MIX], mix; /* how many there are, in turn */
	bool seal, tcp;
	uint64_t sent;
	struct esp_sa *sa[SITES_MAX];
	uint8_t inner[SITES_MAX][MIX][STEP];
	/* sealed */
	uint8_t outer[OUTER];
	struct slot *slots;
	int prog;
	/* plain */
	int fd[SITES_MAX];
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
	put16(p + 10, 0);
	checksum_store(p + 10, checksum_add(0, p, IPV4));
}

static void make_udp(uint8_t *udp, uint16_t port, uint32_t len)
{
	put16(udp, port);
	put16(udp + 2, port);
	put16(udp + 4, len);
	put16(udp + 6, 0);
}

static void make_inner(uint8_t *p, uint32_t site, uint32_t size, bool tcp, bool to_site)
{
	const uint8_t protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	const uint8_t at_site[4] = {10, 77, (uint8_t)(site + 1), 2},
		      at_hub[4] = {10, 1, (uint8_t)site, 2};
	uint8_t header[IPV4] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol};
	const uint8_t ack[] = {0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0};
	uint8_t *transport = p + IPV4;
	uint32_t len = size - IPV4;

	memcpy(header + 12, to_site ? at_hub : at_site, 4);
	memcpy(header + 16, to_site ? at_site : at_hub, 4);
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

/* ---- sealed: frames ---- */

#define CALL(helper)                                                                               \
	{                                                                                          \
		.code = BPF_JMP | BPF_CALL, .imm = (helper)                                        \
	}
#define MOVE(to, from)                                                                             \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from)            \
	}
#define WITH(operation, to, number)                                                                \
	{                                                                                          \
		.code = BPF_ALU64 | (operation) | BPF_K, .dst_reg = (to), .imm = (number)          \
	}
#define LOAD32(to, from)                                                                           \
	{                                                                                          \
		.code = BPF_LDX | BPF_W | BPF_MEM, .dst_reg = (to), .src_reg = (from)              \
	}
#define STORE32(to, at, from)                                                                      \
	{                                                                                          \
		.code = BPF_STX | BPF_W | BPF_MEM, .dst_reg = (to), .off = (at), .src_reg = (from) \
	}
#define SKIP_IF(condition, what, number, by)                                                       \
	{                                                                                          \
		.code = BPF_JMP | (condition) | BPF_K, .dst_reg = (what), .imm = (number),         \
		.off = (by)                                                                        \
	}
#define MAP(to, kind, fd)                                                                          \
	{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (to), .src_reg = (kind), .imm = (fd)},      \
	{                                                                                          \
		0                                                                                  \
	}

/* The next slot into the frame, which is FRAME_MAX long, and that to the device. */
static int load_program(int slots, int next, uint32_t device)
{
	const struct bpf_insn code[] = {
		MOVE(BPF_REG_6, BPF_REG_1),
		MAP(BPF_REG_1, BPF_PSEUDO_MAP_VALUE, next),
		LOAD32(BPF_REG_2, BPF_REG_1),
		MOVE(BPF_REG_3, BPF_REG_2),
		WITH(BPF_ADD, BPF_REG_3, 1),
		STORE32(BPF_REG_1, 0, BPF_REG_3),
		WITH(BPF_AND, BPF_REG_2, FRAMES - 1),
		STORE32(BPF_REG_10, -4, BPF_REG_2),
		MOVE(BPF_REG_2, BPF_REG_10),
		WITH(BPF_ADD, BPF_REG_2, -4),
		MAP(BPF_REG_1, BPF_PSEUDO_MAP_FD, slots),
		CALL(BPF_FUNC_map_lookup_elem),
		SKIP_IF(BPF_JEQ, BPF_REG_0, 0, 20),
		MOVE(BPF_REG_7, BPF_REG_0),
		LOAD32(BPF_REG_8, BPF_REG_7),
		MOVE(BPF_REG_1, BPF_REG_6),
		MOVE(BPF_REG_2, BPF_REG_8),
		WITH(BPF_SUB, BPF_REG_2, FRAME_MAX),
		CALL(BPF_FUNC_xdp_adjust_tail),
		SKIP_IF(BPF_JNE, BPF_REG_0, 0, 13),
		SKIP_IF(BPF_JEQ, BPF_REG_8, 0, 12),
		SKIP_IF(BPF_JGT, BPF_REG_8, FRAME_MAX, 11),
		MOVE(BPF_REG_1, BPF_REG_6),
		WITH(BPF_MOV, BPF_REG_2, 0),
		MOVE(BPF_REG_3, BPF_REG_7),
		WITH(BPF_ADD, BPF_REG_3, offsetof(struct slot, bytes)),
		MOVE(BPF_REG_4, BPF_REG_8),
		CALL(BPF_FUNC_xdp_store_bytes),
		SKIP_IF(BPF_JNE, BPF_REG_0, 0, 4),
		WITH(BPF_MOV, BPF_REG_1, (int)device),
		WITH(BPF_MOV, BPF_REG_2, 0),
		CALL(BPF_FUNC_redirect),
		{.code = BPF_JMP | BPF_EXIT},
		WITH(BPF_MOV, BPF_REG_0, XDP_DROP),
		{.code = BPF_JMP | BPF_EXIT},
	};
	static char log[8192];
	LIBBPF_OPTS(bpf_prog_load_opts, o, .log_buf = log, .log_size = sizeof(log), .log_level = 1);
	int prog = bpf_prog_load(
		BPF_PROG_TYPE_XDP, "blast", "GPL", code, sizeof(code) / sizeof(code[0]), &o);

	if (prog < 0)
		fputs(log, stderr);
	return prog;
}

/* What stands before ESP, or before a host's packets, in a frame but for the lengths. */
static void make_outer(uint8_t outer[OUTER], const char *mac)
{
	static const uint8_t from[6] = {2, 0, 0, 0, 0, 2};

	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", outer, outer + 1, outer + 2, outer + 3,
		    outer + 4, outer + 5) != 6)
		die(mac);
	memcpy(outer + 6, from, sizeof(from));
	put16(outer + 12, 0x0800);
}

static void open_device(struct blast *b, const char *device, const char *mac)
{
	LIBBPF_OPTS(bpf_map_create_opts, shared, .map_flags = BPF_F_MMAPABLE);
	int slots = bpf_map_create(
		BPF_MAP_TYPE_ARRAY, "slots", 4, sizeof(struct slot), FRAMES, &shared);
	int next = bpf_map_create(BPF_MAP_TYPE_ARRAY, "next", 4, 8, 1, NULL);
	LIBBPF_OPTS(bpf_link_create_opts, idle, .flags = XDP_FLAGS_SKB_MODE);
	struct link_device to;

	make_outer(b->outer, mac);
	if (slots < 0 || next < 0 || !link_device(device, &to))
		die("maps");
	b->slots = mmap(
		NULL, FRAMES * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_SHARED, slots, 0);
	b->prog = load_program(slots, next, to.ifindex);
	/* Once it is some device's, the kernel does not make it known for each system call: 20 ms. */
	if (b->slots == MAP_FAILED || b->prog < 0 ||
		bpf_link_create(b->prog, LOOPBACK, BPF_XDP, &idle) < 0)
		die(device);
}

/* `since`: when the hub had seen nothing yet, in seconds. */
static void open_sas(struct blast *b, double since)
{
	/* Past what another run of this program sent on the same SA. */
	uint64_t start = (uint64_t)(((double)clock_now() / CLOCK_SECOND - since) * PER_SECOND_MAX);

	for (uint32_t i = 0; i < b->sites; i++) {
		struct esp_params p = {.spi = SPI + 2 * i * SLUICE_SA_SLOTS_PER_TUNNEL,
			.outbound = true,
			.cipher = ESP_AES_GCM_16,
			.key_len = 16,
			.salt = {0, (uint8_t)i},
			.local = everything(),
			.remote = everything()};

		memcpy(p.key, key_to_hub, 16);
		b->sa[i] = esp_sa_new(&p, ESP_ENGINE_AUTO);
		esp_sequence_set(b->sa[i], start);
	}
}

static void seal(struct blast *b, struct slot *slot)
{
	static const uint8_t header[IPV4] = {
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, IPPROTO_UDP, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1};
	uint32_t site = (uint32_t)(b->sent / b->run % b->sites), mix = b->sent % b->mix;
	uint8_t *inner = b->inner[site][mix], *frame = slot->bytes, *esp;
	uint32_t len = b->sizes[mix];

	/* Sealing puts its header and IV before the packet, so that ESP begins where UDP ends. */
	esp = frame + OUTER + ESP_HEADER_SIZE + 8;
	memcpy(esp, inner, len);
	if (b->tcp)
		advance(inner, len);
	if (esp_seal(b->sa[site], &esp, &len) != ESP_OK || esp != frame + OUTER)
		die("seal");
	memcpy(frame, b->outer, ETHERNET);
	make_ipv4(frame + ETHERNET, header, len + IPV4 + UDP);
	make_udp(frame + ETHERNET + IPV4, NATT_PORT, len + UDP);
	slot->len = len + OUTER;
	b->sent++;
}

static void send_frames(struct blast *b, uint32_t n)
{
	static uint8_t frame[FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = sizeof(frame),
		.repeat = (int)n, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);

	for (uint32_t i = 0; i < n; i++)
		seal(b, &b->slots[b->sent % FRAMES]);
	if (bpf_prog_test_run_opts(b->prog, &o))
		die("test_run");
}

/* ---- plain: sockets ---- */

static void open_sockets(struct blast *b)
{
	for (uint32_t i = 0; i < b->sites; i++) {
		char from[32], to[32];
		int size = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);
		struct ip_endpoint local = {.port = PORT}, remote = {.port = PORT};
		struct sockaddr_storage ss;
		socklen_t len;

		snprintf(from, sizeof(from), "10.1.%u.2", i);
		snprintf(to, sizeof(to), "10.77.%u.2", i + 1);
		local.addr = address(from);
		remote.addr = address(to);
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		len = endpoint_to_sockaddr(&local, &ss);
		if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len))
			die("bind");
		len = endpoint_to_sockaddr(&remote, &ss);
		if (connect(fd, (struct sockaddr *)&ss, len))
			die("connect");
		b->fd[i] = fd;
	}
}

/* The packets of one site: one message that the kernel cuts, where they are all of a size. */
static void send_run(struct blast *b)
{
	uint32_t site = (uint32_t)(b->sent / b->run % b->sites);
	uint32_t n = b->mix == 1 ? b->run : 1;
	struct iovec iov[RUN_MAX];
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(uint16_t))];
	} control = {.align = {.cmsg_level = SOL_UDP,
			     .cmsg_type = UDP_SEGMENT,
			     .cmsg_len = CMSG_LEN(sizeof(uint16_t))}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};
	uint32_t mix = b->sent % b->mix;
	uint16_t segment = (uint16_t)(b->sizes[mix] - IPV4 - UDP);

	for (uint32_t i = 0; i < n; i++)
		iov[i] = (struct iovec){b->inner[site][mix] + IPV4 + UDP, segment};
	memcpy(CMSG_DATA(&control.align), &segment, sizeof(segment));
	if (n > 1) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.space);
	}
	while (sendmsg(b->fd[site], &m, 0) < 0) {
		if (errno != ENOBUFS)
			die("sendmsg");
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	b->sent += n;
}

/* ---- plain TCP: frames that the kernel takes for those of a host with TSO ---- */

static void open_packet_socket(struct blast *b, const char *device, const char *mac)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0), size = 4 << 20, on = 1;
	struct sockaddr_ll at = {.sll_family = AF_PACKET};
	struct link_device to;

	make_outer(b->outer, mac);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (!link_device(device, &to))
		die(device);
	at.sll_ifindex = (int)to.ifindex;
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)))
		die("packet socket");
	b->fd[0] = fd;
}

/* The packets of one site: a super-packet, to be cut on the way; of its checksum only the pseudo header's is there. */
static void send_super_packet(struct blast *b)
{
	uint8_t *inner = b->inner[b->sent / b->run % b->sites][0], headers[ETHERNET + IPV4 + TCP];
	uint32_t segment = b->sizes[0] - IPV4 - TCP, len = TCP + b->run * segment, number;
	struct virtio_net_hdr vnet = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = b->run > 1 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_NONE,
		.hdr_len = sizeof(headers),
		.gso_size = b->run > 1 ? (uint16_t)segment : 0,
		.csum_start = ETHERNET + IPV4,
		.csum_offset = 16};
	struct iovec iov[RUN_MAX + 2] = {{&vnet, sizeof(vnet)}, {headers, sizeof(headers)}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = b->run + 2};
	uint8_t *ip = headers + ETHERNET, *tcp = ip + IPV4;
	uint16_t pseudo = checksum_fold(checksum_pseudo(inner + 12, 8, IPPROTO_TCP, len));

	memcpy(headers, b->outer, ETHERNET);
	make_ipv4(ip, inner, IPV4 + len);
	memcpy(tcp, inner + IPV4, TCP);
	memcpy(tcp + 16, &pseudo, sizeof(pseudo));
	for (uint32_t i = 0; i < b->run; i++)
		iov[i + 2] = (struct iovec){inner + IPV4 + TCP, segment};
	while (sendmsg(b->fd[0], &m, 0) < 0) {
		if (errno != ENOBUFS)
			die("sendmsg");
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	memcpy(&number, inner + IPV4 + 4, 4);
	number = htonl(ntohl(number) + b->run * segment);
	memcpy(inner + IPV4 + 4, &number, 4);
	b->sent += b->run;
}

static void send_some(struct blast *b, uint64_t due)
{
	uint64_t n = due - b->sent;

	if (b->seal) {
		send_frames(b, n < FRAMES ? (uint32_t)n : FRAMES);
		return;
	}
	for (int i = 0; i < 64 && b->sent < due; i++) {
		if (b->tcp)
			send_super_packet(b);
		else
			send_run(b);
	}
}

/* Those of all: the mean of the sizes is what a packet costs of the rate. */
static double make_packets(struct blast *b, const char *size)
{
	static const uint32_t imix[MIX] = {64, 576, 64, 64, 1400, 64, 576, 64, 576, 64, 576, 64};
	double sum = 0;

	b->mix = strcmp(size, "imix") ? 1 : MIX;
	for (uint32_t i = 0; i < b->mix; i++) {
		b->sizes[i] = b->mix > 1 ? imix[i] : (uint32_t)atoi(size);
		if (b->sizes[i] < IPV4 + TCP || b->sizes[i] > 1500)
			return 0;
		sum += b->sizes[i];
		for (uint32_t k = 0; k < b->sites; k++)
			make_inner(b->inner[k][i], k, b->sizes[i], b->tcp, !b->seal);
	}
	return sum / b->mix;
}

int main(int argc, char **argv)
{
	static struct blast b;
	uint64_t start, end, now;
	double each = 0;
	int wanted = 7;

	if (argc >= 7) {
		b.seal = !strncmp(argv[1], "in", 2);
		b.tcp = !strcmp(argv[1], "in-tcp") || !strcmp(argv[1], "out-tcp");
		b.sites = (uint32_t)atoi(argv[2]);
		b.run = (uint32_t)atoi(argv[6]);
	}
	if (b.tcp)
		wanted = 9;
	if (b.seal)
		wanted = 10;
	if (b.sites && b.sites <= SITES_MAX && b.run && b.run <= RUN_MAX && argc == wanted)
		each = make_packets(&b, argv[4]) * 8e9 / atof(argv[3]); /* nanoseconds */
	if (each <= 0 || (b.tcp && !b.seal && b.mix > 1)) {
		fprintf(stderr,
			"usage: blast in|in-tcp SITES BITS_PER_S SIZE SECONDS RUN DEVICE "
			"MAC SINCE\n"
			"       blast out SITES BITS_PER_S SIZE SECONDS RUN\n"
			"       blast out-tcp SITES BITS_PER_S SIZE SECONDS RUN DEVICE MAC\n");
		return 2;
	}
	if (b.seal) {
		open_sas(&b, atof(argv[9]));
		open_device(&b, argv[7], argv[8]);
	} else if (b.tcp) {
		open_packet_socket(&b, argv[7], argv[8]);
	} else {
		open_sockets(&b);
	}
	start = clock_now();
	end = start + strtoull(argv[5], NULL, 10) * CLOCK_SECOND;
	while ((now = clock_now()) < end) {
		uint64_t due = (uint64_t)((double)(now - start) / each);

		/* Whoever was not let run does not catch up at a rate that nobody asked for. */
		if (due > b.sent && (double)(due - b.sent) * each > LATE_MAX) {
			start += (uint64_t)((double)(due - b.sent) * each);
			due = b.sent;
		}
		if (due > b.sent)
			send_some(&b, due);
		else
			nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	printf("%llu\n", (unsigned long long)b.sent);
	return 0;
}
