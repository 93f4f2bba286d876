/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE_SA_INIT requests from random addresses, for namespaces only: ike_flood FROM TO RATE SECONDS
 * FROM is the first of 2^20 source addresses. Prints how many were sent, as JSON.
 */
#include "base/clock.h"
#include "crypto/hash.h"
#include "ike/internal.h"
#include "../suites.h"

#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH   64
#define SOURCES (1u << 20)

struct packet {
	struct iphdr ip;
	struct udphdr udp;
	uint8_t ike[400];
} __attribute__((packed));

/* One request; what has to differ from packet to packet stands at fixed offsets. */
static size_t make_request(uint8_t *bytes, size_t size)
{
	struct ike_header h = {
		.spi_i = 1, .exchange = EXCHANGE_IKE_SA_INIT, .flags = FLAG_INITIATOR};
	char suite[] = "aes128gcm16-prfsha256-ecp256";
	struct ike_options o = {0};
	struct algorithm_set *sets[4] = {
		&o.p1_encryption, &o.p1_prf, &o.p1_integrity, &o.p1_groups};
	struct proposal_policy policy;
	struct message_writer w;
	uint8_t public[64], nonce[32] = {1};
	const struct dh_group *g = dh_group_find(19);
	struct dh *dh = dh_new(g);

	add_suite(suite, sets);
	proposal_policy_ike(&o, &policy);
	if (!dh || !dh_public(dh, public))
		return 0;
	dh_free(dh);
	message_begin(&w, bytes, size, &h);
	message_payload_begin(&w, PAYLOAD_SA);
	proposal_encode_offer(&w.w, &policy, NULL, 0);
	message_payload_end(&w);
	put_ke(&w, g, public);
	message_payload(&w, PAYLOAD_NONCE, nonce, sizeof(nonce));
	return message_end(&w);
}

int main(int argc, char **argv)
{
	static struct packet packets[BATCH];
	static struct mmsghdr messages[BATCH];
	static struct iovec iov[BATCH];
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct ip_addr from_addr, to_addr;
	uint64_t start, end, sent = 0, seed = 1, rate;
	uint32_t from;
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	size_t len;

	if (argc != 5 || fd < 0 || !crypto_init() || !addr_parse(argv[1], &from_addr) ||
		!addr_parse(argv[2], &to_addr)) {
		fprintf(stderr, "usage: ike_flood FROM TO RATE SECONDS (as root)\n");
		return 2;
	}
	memcpy(&to.sin_addr, to_addr.bytes, 4);
	memcpy(&from, from_addr.bytes, 4);
	from = ntohl(from);
	rate = strtoull(argv[3], NULL, 10);
	len = make_request(packets[0].ike, sizeof(packets[0].ike));
	for (int i = 0; i < BATCH; i++) {
		memcpy(packets[i].ike, packets[0].ike, len);
		packets[i].ip =
			(struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
		packets[i].ip.daddr = to.sin_addr.s_addr;
		packets[i].udp.source = packets[i].udp.dest = htons(IKE_PORT);
		packets[i].udp.len = htons((uint16_t)(sizeof(struct udphdr) + len));
		iov[i] = (struct iovec){&packets[i], offsetof(struct packet, ike) + len};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &to,
			.msg_namelen = sizeof(to),
			.msg_iov = &iov[i],
			.msg_iovlen = 1};
	}
	start = clock_now();
	end = start + strtoull(argv[4], NULL, 10) * CLOCK_SECOND;
	for (uint64_t now = start; now < end; now = clock_now()) {
		uint64_t due = (now - start) / 1000 * rate / 1000000;
		int n;

		if (sent >= due) {
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
			continue;
		}
		for (int i = 0; i < BATCH; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			packets[i].ip.saddr = htonl(from + (uint32_t)(seed >> 40) % SOURCES);
			memcpy(packets[i].ike, &seed, 8); /* SPIi */
		}
		n = sendmmsg(fd, messages, BATCH, 0);
		sent += n > 0 ? (uint64_t)n : 0;
		if (n < 0 && errno != ENOBUFS && errno != EAGAIN) {
			perror("ike_flood");
			return 1;
		}
	}
	printf("{\"sent\":%llu,\"per_second\":%llu}\n", (unsigned long long)sent,
		(unsigned long long)(sent * CLOCK_SECOND / (clock_now() - start)));
	return 0;
}
