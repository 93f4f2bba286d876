/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BGP neighbours in their numbers, to load one speaker and to see when it has told everybody.
 *   bgp_load DUT AS FIRST-ADDRESS PEERS PREFIXES all|collector|decide
 * Peer i has the address FIRST+i and AS 65001+i and connects to DUT. In mode `all` every peer
 * announces PREFIXES of its own and is to hear those of all others; in mode `collector` the last
 * peer announces none and alone is to hear all. Then everything is withdrawn.
 * In mode `decide` all but the last announce random paths to the same prefixes, pairs of them with one
 * AS, and the last prints which it hears of: "choose SEED" draws anew for a third of all.
 * Commands on standard input, "announce" and "withdraw", start the phases; each prints "NAME SECONDS".
 */
#include "base/clock.h"
#include "bgp/open.h"
#include "bgp/update.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEERS_MAX       512
#define PER_MESSAGE     200 /* prefixes of one UPDATE; each has an AS path of its own */
#define INPUT_SIZE      262144
#define PHASE_LIMIT_S   240
#define KEEPALIVE_EVERY 20
#define CHOSEN_SIZE     80
#define REFUSALS_MAX    20  /* by a speaker that does not know its peers yet */
#define QUIET_MS        700 /* nothing heard for so long: the speaker has decided */

struct peer {
	int fd;
	bool established, refused;
	unsigned int refusals;
	struct in_addr address;
	uint8_t *in;
	size_t in_len;
	uint8_t *out; /* the whole phase */
	size_t out_len, out_at;
	uint64_t reached, gone;
};

static struct peer peers[PEERS_MAX];
static struct pollfd polls[PEERS_MAX];
static unsigned int peer_count, prefixes;
static bool everybody, deciding;
static const char *dut;
static uint32_t dut_as;
static char (*chosen)[CHOSEN_SIZE]; /* by prefix, what the last peer heard */
static uint64_t heard_at;
static uint32_t drawn;
static uint64_t keepalive_at;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void send_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			fail("send");
		bytes += n;
		len -= (size_t)n;
	}
}

/* Pairs share an AS where decisions are looked at: only their MEDs are compared. */
static uint32_t as_of(unsigned int i)
{
	return 65001 + (deciding && i < peer_count - 1 ? i / 2 : i);
}

static void open_session(struct peer *p, unsigned int i)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = p->address};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(179)};
	struct bgp_open open = {.as = as_of(i),
		.hold_s = 180,
		.identifier = ntohl(p->address.s_addr),
		.family = {true, false},
		.route_refresh = true,
		.four_octet_as = true};
	uint8_t bytes[256];
	struct wr w = wr_init(bytes, sizeof(bytes));
	int one = 1;

	inet_pton(AF_INET, dut, &to.sin_addr);
	for (int attempt = 0;; attempt++) {
		p->fd = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (bind(p->fd, (struct sockaddr *)&from, sizeof(from)))
			fail("bind");
		if (!connect(p->fd, (struct sockaddr *)&to, sizeof(to)))
			break;
		close(p->fd);
		if (attempt == 100)
			fail("connect");
		usleep(100000);
	}
	open_encode(&open, &w);
	send_all(p->fd, bytes, wr_len(&w));
}

static void count_list(struct rd list, uint64_t *count)
{
	struct ip_prefix prefix;

	while (nlri_next(&list, BGP_IPV4, &prefix))
		++*count;
}

static uint32_t index_of(const struct ip_prefix *p)
{
	return (uint32_t)(p->addr.bytes[0] - 20) << 16 | (uint32_t)p->addr.bytes[1] << 8 |
	       p->addr.bytes[2];
}

/* What the last peer is told: path and origin, or nothing. */
static void hear(struct rd body)
{
	struct attr_context context = {.remote_as = dut_as, .four_octet_as = true};
	static struct update u;
	struct bgp_notify error;
	struct ip_prefix prefix;
	char text[CHOSEN_SIZE] = "";
	struct rd path;
	size_t at = 0;

	if (!update_decode(body, &context, &u, &error))
		exit(1);
	heard_at = clock_now();
	path = rd_init(u.attrs.path.bytes, u.attrs.path.len);
	while (rd_left(&path)) {
		bool set = rd_u8(&path) == AS_SET;

		for (unsigned int n = rd_u8(&path); n; n--)
			at += (size_t)snprintf(
				text + at, sizeof(text) - at, set ? " {%u}" : " %u", rd_u32(&path));
	}
	snprintf(text + at, sizeof(text) - at, " o%u", u.attrs.origin);
	for (int i = 0; i < 2; i++) {
		while (nlri_next(&u.part[BGP_IPV4].unreach[i], BGP_IPV4, &prefix))
			chosen[index_of(&prefix) % prefixes][0] = '\0';
		while (nlri_next(&u.part[BGP_IPV4].reach[i], BGP_IPV4, &prefix))
			memcpy(chosen[index_of(&prefix) % prefixes], text, sizeof(text));
	}
}

static void take(struct peer *p, const struct bgp_message *m)
{
	struct rd r = m->body;
	uint8_t keepalive[MESSAGE_HEADER_LEN];
	struct wr w = wr_init(keepalive, sizeof(keepalive));
	uint8_t code;

	switch (m->type) {
	case MESSAGE_OPEN:
		bgp_message_encode_keepalive(&w);
		send_all(p->fd, keepalive, wr_len(&w));
		break;
	case MESSAGE_KEEPALIVE:
		p->established = true;
		break;
	case MESSAGE_NOTIFICATION:
		p->refused = true;
		if (!p->established && p->refusals++ < REFUSALS_MAX)
			break; /* it does not know the peer yet */
		code = rd_u8(&r);
		fprintf(stderr, "NOTIFICATION %u/%u\n", code, rd_u8(&r));
		exit(1);
	case MESSAGE_UPDATE:
		if (deciding && p == &peers[peer_count - 1])
			hear(m->body);
		count_list(rd_sub(&r, rd_u16(&r)), &p->gone);
		rd_skip(&r, rd_u16(&r));
		count_list(r, &p->reached);
		break;
	}
}

static void receive(struct peer *p)
{
	ssize_t n = recv(p->fd, p->in + p->in_len, INPUT_SIZE - p->in_len, MSG_DONTWAIT);
	size_t used = 0;
	struct bgp_message m;
	struct bgp_notify error;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		fprintf(stderr, "peer %s: connection lost\n", inet_ntoa(p->address));
		exit(1);
	}
	p->in_len += (size_t)n;
	while (bgp_message_decode(p->in + used, p->in_len - used, false, &m, &error) ==
		MESSAGE_COMPLETE) {
		take(p, &m);
		used += m.len;
	}
	memmove(p->in, p->in + used, p->in_len - used);
	p->in_len -= used;
	if (!p->refused)
		return;
	close(p->fd);
	usleep(200000);
	p->refused = false;
	p->in_len = 0;
	open_session(p, (unsigned int)(p - peers));
}

static void transmit(struct peer *p)
{
	ssize_t n = send(
		p->fd, p->out + p->out_at, p->out_len - p->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		p->out_at += (size_t)n;
}

/* So that nobody's hold timer ends a long phase. */
static void keep_alive(void)
{
	uint8_t bytes[MESSAGE_HEADER_LEN];
	struct wr w = wr_init(bytes, sizeof(bytes));

	if (clock_now() < keepalive_at)
		return;
	keepalive_at = clock_now() + KEEPALIVE_EVERY * CLOCK_SECOND;
	bgp_message_encode_keepalive(&w);
	for (unsigned int i = 0; i < peer_count; i++) {
		if (peers[i].established && peers[i].out_at == peers[i].out_len)
			send_all(peers[i].fd, bytes, wr_len(&w));
	}
}

static void turn(int wait_ms)
{
	for (unsigned int i = 0; i < peer_count; i++) {
		polls[i].fd = peers[i].fd;
		polls[i].events =
			POLLIN | (short)(peers[i].out_at < peers[i].out_len ? POLLOUT : 0);
	}
	if (poll(polls, peer_count, wait_ms) < 0)
		fail("poll");
	for (unsigned int i = 0; i < peer_count; i++) {
		if (polls[i].revents & (POLLIN | POLLERR | POLLHUP))
			receive(&peers[i]);
		if (polls[i].revents & POLLOUT)
			transmit(&peers[i]);
	}
	keep_alive();
}

static bool all_established(void)
{
	for (unsigned int i = 0; i < peer_count; i++) {
		if (!peers[i].established)
			return false;
	}
	return true;
}

static unsigned int senders(void)
{
	return everybody ? peer_count : peer_count - 1;
}

static struct ip_prefix numbered(uint32_t n)
{
	return (struct ip_prefix){
		.addr = {AF_INET, {(uint8_t)(20 + (n >> 16)), (uint8_t)(n >> 8), (uint8_t)n}},
		.len = 24};
}

/* One UPDATE for PER_MESSAGE prefixes: AS path peer, 64600 + message. */
static void put_update(
	struct wr *w, unsigned int i, unsigned int first, unsigned int n, bool present)
{
	static struct attr_store store;
	uint8_t nlri[PER_MESSAGE * 4];
	struct wr list = wr_init(nlri, sizeof(nlri));
	struct attr_draft d = {.path = {.len = 6, .bytes = {AS_SEQUENCE, 1}}};
	struct attr_export x = {.local_as = 65001 + i, .med = 50, .four_octet_as = true};
	struct wr as = wr_init(d.path.bytes + 2, 4);
	struct ip_addr hop = addr_from_bytes(AF_INET, &peers[i].address);
	struct attrs *a;

	if (!store.chains)
		attr_store_init(&store, 1);
	for (unsigned int k = 0; k < n; k++) {
		struct ip_prefix p = numbered(i * prefixes + first + k);

		nlri_put(&list, &p);
	}
	wr_u32(&as, 64600 + first / PER_MESSAGE);
	a = attr_intern(&store, &d);
	if (present)
		update_encode_reach(w, BGP_IPV4, a, &x, &hop, nlri, wr_len(&list));
	else
		update_encode_unreach(w, BGP_IPV4, nlri, wr_len(&list));
	attr_unref(&store, a);
}

static void fill(unsigned int i, bool present)
{
	size_t size = (prefixes / PER_MESSAGE + 1) * (PER_MESSAGE * 4 + 128);
	struct wr w;

	free(peers[i].out);
	peers[i].out = malloc(size);
	if (!peers[i].out)
		fail("malloc");
	w = wr_init(peers[i].out, size);
	for (unsigned int at = 0; at < prefixes; at += PER_MESSAGE) {
		unsigned int n = prefixes - at < PER_MESSAGE ? prefixes - at : PER_MESSAGE;

		put_update(&w, i, at, n, present);
	}
	peers[i].out_len = wr_len(&w);
	peers[i].out_at = 0;
}

static bool all_told(bool present)
{
	uint64_t expected = (uint64_t)prefixes * (everybody ? peer_count - 1 : senders());

	for (unsigned int i = everybody ? 0 : peer_count - 1; i < peer_count; i++) {
		if ((present ? peers[i].reached : peers[i].gone) < expected)
			return false;
	}
	return true;
}

static void run_phase(const char *name, bool present)
{
	uint64_t start, end;

	for (unsigned int i = 0; i < senders(); i++)
		fill(i, present);
	for (unsigned int i = 0; i < peer_count; i++)
		peers[i].reached = peers[i].gone = 0;
	start = clock_now();
	end = start + PHASE_LIMIT_S * CLOCK_SECOND;
	while (!all_told(present)) {
		turn(100);
		if (clock_now() > end) {
			printf("%s timeout: last peer has %llu, %llu gone\n", name,
				(unsigned long long)peers[peer_count - 1].reached,
				(unsigned long long)peers[peer_count - 1].gone);
			exit(1);
		}
	}
	printf("%s %.3f\n", name, (double)(clock_now() - start) / 1e9);
}

static uint32_t draw(uint32_t below)
{
	drawn = drawn * 1664525u + 1013904223u;
	return (drawn >> 8) % below;
}

/* A random path of peer i to prefix n. */
static void put_random(struct wr *w, unsigned int i, unsigned int n)
{
	static struct attr_store store;
	struct attr_draft d = {.origin = (uint8_t)draw(3)};
	struct wr path = wr_init(d.path.bytes, sizeof(d.path.bytes));
	struct attr_export x = {.local_as = as_of(i), .med = draw(3) * 10, .four_octet_as = true};
	struct ip_addr hop = addr_from_bytes(AF_INET, &peers[i].address);
	struct ip_prefix p = numbered(n);
	unsigned int more = draw(3);
	uint8_t nlri[4];
	struct wr list = wr_init(nlri, sizeof(nlri));
	struct attrs *a;

	if (!store.chains)
		attr_store_init(&store, 1);
	wr_u8(&path, AS_SEQUENCE);
	wr_u8(&path, (uint8_t)(1 + more));
	for (unsigned int k = 0; k <= more; k++)
		wr_u32(&path, 64700 + draw(4));
	if (draw(4) == 0) {
		wr_u8(&path, AS_SET);
		wr_u8(&path, 2);
		wr_u32(&path, 64800);
		wr_u32(&path, 64801);
	}
	d.path.len = (uint16_t)wr_len(&path);
	nlri_put(&list, &p);
	a = attr_intern(&store, &d);
	if (draw(4))
		update_encode_reach(w, BGP_IPV4, a, &x, &hop, nlri, wr_len(&list));
	else
		update_encode_unreach(w, BGP_IPV4, nlri, wr_len(&list));
	attr_unref(&store, a);
}

static void choose(uint32_t seed)
{
	drawn = seed;
	for (unsigned int i = 0; i < peer_count - 1; i++) {
		size_t size = prefixes * 160u;
		struct wr w;

		free(peers[i].out);
		peers[i].out = malloc(size);
		if (!peers[i].out)
			fail("malloc");
		w = wr_init(peers[i].out, size);
		for (unsigned int n = 0; n < prefixes; n++) {
			if (seed == 1 || draw(3) == 0)
				put_random(&w, i, n);
		}
		peers[i].out_len = wr_len(&w);
		peers[i].out_at = 0;
	}
	heard_at = clock_now();
	while (clock_now() - heard_at < QUIET_MS * CLOCK_MILLISECOND)
		turn(50);
	for (unsigned int n = 0; n < prefixes; n++)
		printf("%u%s\n", n, chosen[n]);
	printf("chosen %u\n", seed);
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc != 7)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	peer_count = (unsigned int)atoi(argv[4]);
	prefixes = (unsigned int)atoi(argv[5]);
	everybody = !strcmp(argv[6], "all");
	deciding = !strcmp(argv[6], "decide");
	dut = argv[1];
	dut_as = (uint32_t)atoi(argv[2]);
	chosen = calloc(prefixes, sizeof(*chosen));
	if (!chosen)
		fail("calloc");
	if (!peer_count || peer_count > PEERS_MAX || (!everybody && peer_count < 2))
		return 2;
	for (unsigned int i = 0; i < peer_count; i++) {
		inet_pton(AF_INET, argv[3], &peers[i].address);
		peers[i].address.s_addr = htonl(ntohl(peers[i].address.s_addr) + i);
		peers[i].in = malloc(INPUT_SIZE);
		if (!peers[i].in)
			fail("malloc");
		open_session(&peers[i], i);
	}
	keepalive_at = clock_now() + KEEPALIVE_EVERY * CLOCK_SECOND;
	for (uint64_t end = clock_now() + 60 * CLOCK_SECOND; !all_established();) {
		turn(100);
		if (clock_now() > end) {
			puts("not all sessions are established");
			return 1;
		}
	}
	puts("established");
	for (;;) {
		struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

		turn(50);
		if (poll(&in, 1, 0) <= 0)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		if (deciding)
			choose((uint32_t)atoi(line + strcspn(line, " ")));
		else
			run_phase(strtok(line, "\n"), !strncmp(line, "announce", 8));
	}
}
