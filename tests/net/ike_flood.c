/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKE messages from random addresses, for namespaces only: ike_flood FROM TO RATE SECONDS [KIND]
 * FROM is the first of 2^20 source addresses, or the only one with a KIND that ends in "-one". KIND says
 * why the hub refuses them, see `kinds`; without one they are good first messages. Prints how many were
 * sent, as JSON.
 */
#include "base/clock.h"
#include "crypto/hash.h"
#include "ike/internal.h"
#include "ike/v2/v2.h"
#include "ike/v1/v1.h"
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
	uint8_t ike[900];
} __attribute__((packed));

/* Writes one message; what has to differ from packet to packet stands at fixed offsets. */
typedef size_t make_message(uint8_t *bytes, size_t size, const char *argument);

static void policy_of(const char *suite, struct proposal_policy *policy)
{
	struct ike_options o = {0};
	struct algorithm_set *sets[4] = {
		&o.p1_encryption, &o.p1_prf, &o.p1_integrity, &o.p1_groups};
	char words[64];

	snprintf(words, sizeof(words), "%s", suite);
	add_suite(words, sets);
	proposal_policy_ike(&o, policy);
}

/* IKE_SA_INIT that offers a suite, with a public value of this group: a good one, or 1. */
static size_t init_with(uint8_t *bytes, size_t size, const char *suite, uint16_t group, bool good)
{
	struct ike_header h = {
		.spi_i = 1, .exchange = EXCHANGE_IKE_SA_INIT, .flags = FLAG_INITIATOR};
	const struct dh_group *g = dh_group_find(group);
	uint8_t share[DH_PUBLIC_MAX] = {0}, nonce[32] = {1};
	struct dh *dh = dh_new(g);
	struct proposal_policy policy;
	struct message_writer w;

	policy_of(suite, &policy);
	if (!dh || (good && !dh_public(dh, share)))
		return 0;
	dh_free(dh);
	if (!good)
		share[g->public_len - 1] = 1;
	message_begin(&w, bytes, size, &h);
	message_payload_begin(&w, PAYLOAD_SA);
	proposal_encode_offer(&w.w, &policy, NULL, 0);
	message_payload_end(&w);
	put_ke(&w, g, share);
	message_payload(&w, PAYLOAD_NONCE, nonce, sizeof(nonce));
	return message_end(&w);
}

static size_t first(uint8_t *bytes, size_t size, const char *suite)
{
	return init_with(bytes, size, suite, 19, true);
}

static size_t bad_value(uint8_t *bytes, size_t size, const char *suite)
{
	return init_with(bytes, size, suite, 16, false);
}

/* A cookie that is none of the hub's. */
static size_t bad_cookie(uint8_t *bytes, size_t size, const char *suite)
{
	struct ike_header h = {
		.spi_i = 1, .exchange = EXCHANGE_IKE_SA_INIT, .flags = FLAG_INITIATOR};
	uint8_t first_message[900], cookie[33] = {1};
	size_t len = first(first_message, sizeof(first_message), suite);
	struct message_writer w;

	message_begin(&w, bytes, size, &h);
	message_notify(&w, 0, NULL, 0, NOTIFY_COOKIE, cookie, sizeof(cookie));
	bytes[IKE_HEADER_LEN] = PAYLOAD_SA;
	wr_bytes(&w.w, first_message + IKE_HEADER_LEN, len - IKE_HEADER_LEN);
	return message_end(&w);
}

/* Of an SA that nobody has; the argument: version and exchange. */
static size_t unknown_spi(uint8_t *bytes, size_t size, const char *exchange)
{
	struct ike_header h = {.spi_i = 1, .spi_r = 1, .flags = FLAG_INITIATOR, .id = 1};
	uint8_t sealed[200] = {0};
	struct message_writer w;

	h.exchange = (uint8_t)atoi(exchange + 2);
	message_begin(&w, bytes, size, &h);
	wr_bytes(&w.w, sealed, sizeof(sealed));
	size = message_end(&w);
	bytes[16] = PAYLOAD_SK;
	bytes[17] = exchange[0] == '1' ? 0x10 : 0x20;
	return size;
}

/* Main mode 1 of IKEv1, or aggressive mode, which is refused. */
static size_t first_v1(uint8_t *bytes, size_t size, const char *exchange)
{
	struct ike_header h = {.spi_i = 1, .exchange = (uint8_t)atoi(exchange)};
	struct ike_options o = {0};
	struct algorithm_set *sets[4] = {
		&o.p1_encryption, &o.p1_prf, &o.p1_integrity, &o.p1_groups};
	char suite[] = "aes128-sha256-prfsha256-modp2048";
	struct v1_policy policy;
	struct message_writer w;

	add_suite(suite, sets);
	v1_policy_ike(&o, &policy);
	policy.auths = 1;
	policy.auth[0] = V1_AUTH_PSK;
	v1_message_begin(&w, bytes, size, &h);
	v1_payload_begin(&w, V1_SA);
	v1_encode_ike_offer(&w.w, &policy, 3600);
	message_payload_end(&w);
	return message_end(&w);
}

/* Nothing but a header, of a version that is still to come, or of too few bytes. */
static size_t header_only(uint8_t *bytes, size_t size, const char *version)
{
	struct ike_header h = {
		.spi_i = 1, .exchange = EXCHANGE_IKE_SA_INIT, .flags = FLAG_INITIATOR};
	struct message_writer w;

	message_begin(&w, bytes, size, &h);
	size = message_end(&w);
	bytes[17] = (uint8_t)strtoul(version, NULL, 16);
	return bytes[17] == 0x20 ? size - 8 : size;
}

static const struct kind {
	const char *name, *argument;
	make_message *make;
	bool fragment; /* only the first fragment of each */
} kinds[] = {
	{"first", "aes128gcm16-prfsha256-ecp256", first, false},
	{"value", "aes128gcm16-prfsha256-modp4096", bad_value, false},
	{"proposal", "aes192-sha1-prfsha1-modp1024", first, false},
	{"group", "aes128gcm16-prfsha256-modp2048", first, false},
	{"cookie", "aes128gcm16-prfsha256-ecp256", bad_cookie, false},
	{"spi", "2 35", unknown_spi, false},
	{"spi-v1", "1 5", unknown_spi, false},
	{"main", "2", first_v1, false},
	{"aggressive", "4", first_v1, false},
	{"version", "30", header_only, false},
	{"short", "20", header_only, false},
	{"fragment", "aes128gcm16-prfsha256-ecp256", first, true},
};

static const struct kind *kind_of(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strlen(kinds[i].name) == len && !memcmp(kinds[i].name, name, len))
			return &kinds[i];
	}
	return NULL;
}

struct flood {
	struct packet packets[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_in to;
	const struct kind *kind;
	uint32_t from, sources;
	uint64_t seed;
};

static bool prepare(struct flood *f)
{
	size_t len = f->kind->make(f->packets[0].ike, sizeof(f->packets[0].ike), f->kind->argument);

	for (int i = 0; i < BATCH; i++) {
		struct packet *p = &f->packets[i];

		memcpy(p->ike, f->packets[0].ike, len);
		p->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
		p->ip.daddr = f->to.sin_addr.s_addr;
		p->ip.frag_off = f->kind->fragment ? htons(0x2000) : 0;
		p->udp.source = p->udp.dest = htons(IKE_PORT);
		p->udp.len = htons((uint16_t)(sizeof(struct udphdr) + len));
		f->iov[i] = (struct iovec){p, offsetof(struct packet, ike) + len};
		if (f->kind->fragment)
			f->iov[i].iov_len -= (sizeof(p->udp) + len) % 8;
		f->messages[i].msg_hdr = (struct msghdr){.msg_name = &f->to,
			.msg_namelen = sizeof(f->to),
			.msg_iov = &f->iov[i],
			.msg_iovlen = 1};
	}
	return len > 0;
}

static void vary(struct flood *f)
{
	for (int i = 0; i < BATCH; i++) {
		struct packet *p = &f->packets[i];

		f->seed = f->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		p->ip.saddr = htonl(f->from + (uint32_t)(f->seed >> 40) % f->sources);
		p->ip.id = (uint16_t)f->seed;
		memcpy(p->ike, &f->seed, 8); /* SPIi */
		if (f->kind->make == unknown_spi)
			memcpy(p->ike + 8, &f->seed, 8);
	}
}

static int flood(struct flood *f, uint64_t rate, uint64_t seconds)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	uint64_t start = clock_now(), end = start + seconds * CLOCK_SECOND, sent = 0;

	for (uint64_t now = start; now < end; now = clock_now()) {
		uint64_t due = (now - start) / 1000 * rate / 1000000;
		int n;

		if (sent >= due) {
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
			continue;
		}
		vary(f);
		n = sendmmsg(fd, f->messages, BATCH, 0);
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

int main(int argc, char **argv)
{
	static struct flood f = {.to = {.sin_family = AF_INET}, .sources = SOURCES, .seed = 1};
	const char *kind = argc > 5 ? argv[5] : "first";
	const char *one = strstr(kind, "-one");
	struct ip_addr from, to;

	f.kind = kind_of(kind, one ? (size_t)(one - kind) : strlen(kind));
	if ((argc != 5 && argc != 6) || !f.kind || !crypto_init() || !addr_parse(argv[1], &from) ||
		!addr_parse(argv[2], &to)) {
		fprintf(stderr, "usage: ike_flood FROM TO RATE SECONDS [KIND] (as root)\n");
		return 2;
	}
	memcpy(&f.to.sin_addr, to.bytes, 4);
	memcpy(&f.from, from.bytes, 4);
	f.from = ntohl(f.from);
	f.seed = clock_now();
	if (one)
		f.sources = 1;
	return prepare(&f) ? flood(&f, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10))
			   : 1;
}
