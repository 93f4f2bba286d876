/* SPDX-License-Identifier: Apache-2.0 */
/* A worker towards a site whose path is narrow: what is sent, what is cut, and what is told. */
#include "packets.h"
#include "worker_lab.h"

#include "base/addr.h"
#include "base/clock.h"
#include "dataplane/maps.h"
#include "dataplane/worker_internal.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUNNEL       4
#define OTHER_TUNNEL 9
#define NARROW       1226 /* AES-GCM over a path of 1,280 bytes */

struct bench {
	struct worker_shared shared;
	struct worker *w;
	int inside, site; /* the other ends */
	uint64_t wire;    /* bytes of IP packets that came to the site */
	int sender, fragments;
	struct sockaddr_storage at;
	struct sockaddr_in from; /* of the packet that came last */
};

/* A tunnel whose site is b->site. */
static void add_pair(struct bench *b, uint32_t tunnel)
{
	struct esp_params in = worker_sa_params(tunnel);
	struct esp_params out = in;
	struct ip_endpoint remote;
	struct sa_pair *p;

	out.outbound = true;
	p = sa_pair_new(esp_sa_new(&in, ESP_ENGINE_AUTO), esp_sa_new(&out, ESP_ENGINE_AUTO));
	assert_non_null(p);
	p->tunnel = tunnel;
	p->spi_in = p->spi_out = in.spi;
	p->udp_encap = true;
	p->local.addr.family = AF_INET;
	p->inner_mtu = NARROW;
	p->socket_fd = b->sender;
	p->fragments_fd = b->fragments;
	assert_true(endpoint_from_sockaddr(&b->at, &remote));
	sa_pair_remote_set(p, &remote);
	sadb_add(b->shared.sadb, p);
	assert_true(sadb_use(b->shared.sadb, tunnel, p->spi_out));
}

static void bench_init(struct bench *b)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(b->at);
	int tap[2];

	memset(b, 0, sizeof(*b));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, tap), 0);
	b->inside = tap[0];
	b->site = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	b->sender = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	b->fragments = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(b->site, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(getsockname(b->site, (struct sockaddr *)&b->at, &len), 0);
	b->shared = worker_shared_make(sadb_new());
	b->shared.workers = 1;
	b->w = worker_new(&b->shared, 0, tap[1], NULL, 0);
	assert_non_null(b->w);
	add_pair(b, TUNNEL);
}

static void bench_fini(struct bench *b)
{
	int tap = b->w->tap_fd;

	worker_free(b->w);
	sadb_free(b->shared.sadb);
	close(b->sender);
	close(b->fragments);
	close(tap);
	close(b->inside);
	close(b->site);
	worker_shared_fini(&b->shared);
}

/* A packet of `len` bytes from a host behind the hub, to that tunnel. */
static void offer(
	struct bench *b, uint32_t tunnel, bool v4, bool may_cut, uint32_t len, uint64_t now)
{
	struct flow f = {.v4 = v4, .tcp = true, .port = 7, .flags = 0x10};
	static uint8_t frame[4096];
	uint8_t *ip = frame + VNET_HEADER + 14;
	const uint8_t mac[6] = {SLUICE_MAC_MARK_0, SLUICE_MAC_MARK_1, 0, 0, (uint8_t)(tunnel >> 8),
		(uint8_t)tunnel};
	uint32_t headers = packet(ip, &f, 0);

	memset(frame, 0, VNET_HEADER + 14);
	memcpy(frame + VNET_HEADER, mac, 6);
	frame[VNET_HEADER + 12] = v4 ? 0x08 : 0x86;
	frame[VNET_HEADER + 13] = v4 ? 0x00 : 0xdd;
	assert_int_equal(packet(ip, &f, len - headers), len);
	if (v4 && may_cut) {
		ip[6] = 0;
		memset(ip + 10, 0, 2);
		checksum_store(ip + 10, checksum_add(0, ip, 20));
	}
	assert_int_equal(write(b->inside, frame, VNET_HEADER + 14 + len), VNET_HEADER + 14 + len);
	sadb_begin(b->shared.sadb, 0);
	assert_int_equal(worker_read(b->w, now), 1);
	worker_send(b->w, now);
	sadb_end(b->shared.sadb, 0);
}

/* The same; returns what came to the site. */
static int send_to(
	struct bench *b, uint32_t tunnel, bool v4, bool may_cut, uint32_t len, uint64_t now)
{
	socklen_t from_len = sizeof(b->from);
	uint8_t sink[4096];
	ssize_t got;
	int n = 0;

	offer(b, tunnel, v4, may_cut, len, now);
	while ((got = recvfrom(b->site, sink, sizeof(sink), 0, (struct sockaddr *)&b->from,
			&from_len)) > 0) {
		b->wire += 20 + 8 + (uint64_t)got; /* IPv4, UDP */
		n++;
	}
	return n;
}

static bool sent(struct bench *b, bool v4, uint32_t len)
{
	return send_to(b, TUNNEL, v4, false, len, clock_now()) > 0;
}

/* Whether the packet that came last was sent by this socket. */
static bool by(const struct bench *b, int fd)
{
	struct sockaddr_in own = {0};
	socklen_t len = sizeof(own);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
	return own.sin_port && own.sin_port == b->from.sin_port;
}

/* Whether the host was told of a size since the last time. */
static bool told(struct bench *b)
{
	uint8_t sink[4096];

	return recv(b->inside, sink, sizeof(sink), 0) > 0;
}

static void ipv6_always_has_1280_bytes(void **state)
{
	struct bench b;
	const struct site_stats *s;

	(void)state;
	bench_init(&b);
	s = &b.shared.out_stats[TUNNEL / 2];
	assert_true(sent(&b, true, NARROW));
	assert_true(sent(&b, false, NARROW));
	assert_true(by(&b, b.sender));
	assert_true(sent(&b, false, 1280)); /* longer than the path, which only fragments are not */
	assert_true(by(&b, b.fragments));
	assert_false(told(&b));
	assert_false(sent(&b, false, 1281));
	assert_true(told(&b));
	assert_int_equal(s->delivered.packets, 3);
	assert_int_equal(s->mtu.packets, 1);
	bench_fini(&b);
}

/* Packets and messages for what is too big, with DF and without. */
static void fragments_are_made_as_configured(void **state)
{
	static const struct {
		enum df_choice df;
		int of_those_that_forbid, of_the_others;
	} rows[] = {{DF_COPY, 0, 2}, {DF_CLEAR, 2, 2}, {DF_SET, 0, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;
		uint64_t now = clock_now();

		bench_init(&b);
		b.w->shared.packets.df = rows[i].df;
		assert_int_equal(send_to(&b, TUNNEL, true, true, NARROW, now), 1);
		assert_int_equal(send_to(&b, TUNNEL, true, false, NARROW + 1, now),
			rows[i].of_those_that_forbid);
		assert_int_equal(told(&b), !rows[i].of_those_that_forbid);
		now += WORKER_ERRORS_NS;
		assert_int_equal(
			send_to(&b, TUNNEL, true, true, NARROW + 1, now), rows[i].of_the_others);
		assert_int_equal(told(&b), !rows[i].of_the_others);
		/* IPv6 routers do not fragment, whatever is configured. */
		now += WORKER_ERRORS_NS;
		assert_int_equal(send_to(&b, TUNNEL, false, true, 1400, now), 0);
		assert_true(told(&b));
		bench_fini(&b);
	}
}

/* Who is told too seldom sends again; who is told too often costs all the others. */
static void each_tunnel_has_a_limit_of_messages(void **state)
{
	uint64_t now = clock_now();
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(send_to(&b, TUNNEL, true, false, 1400, now), 0);
	assert_true(told(&b));
	for (uint64_t t = 0; t < WORKER_ERRORS_NS; t += WORKER_ERRORS_NS / 10) {
		assert_int_equal(send_to(&b, TUNNEL, true, false, 1400, now + t), 0);
		assert_false(told(&b));
	}
	add_pair(&b, OTHER_TUNNEL);
	assert_int_equal(send_to(&b, OTHER_TUNNEL, true, false, 1400, now), 0);
	assert_true(told(&b));
	assert_int_equal(send_to(&b, OTHER_TUNNEL, true, false, 1400, now), 0);
	assert_false(told(&b));
	assert_int_equal(send_to(&b, TUNNEL, true, false, 1400, now + WORKER_ERRORS_NS), 0);
	assert_true(told(&b));
	bench_fini(&b);
}

/* What came through that tunnel; all of it is taken. */
static uint32_t arrived(struct bench *b, uint32_t tunnel)
{
	uint8_t esp[4096];
	uint32_t n = 0;

	while (recv(b->site, esp, sizeof(esp), 0) > 0) {
		struct rd r = rd_init(esp, 4);

		n += SLUICE_SA_TUNNEL(rd_u32(&r)) == tunnel;
	}
	return n;
}

/* A millisecond for each packet; ten seconds of twice that for one site and of nine tenths for the other. */
static void below_its_rate_nothing_waits_for_others(void **state)
{
	const uint64_t millisecond = 1000000, start = clock_now();
	struct bucket_rate rate = {.bits_per_second = 8000000, .burst_bytes = 20000};
	const struct site_stats *greedy, *modest;
	struct bench b;

	(void)state;
	bench_init(&b);
	add_pair(&b, OTHER_TUNNEL);
	worker_packets_set(b.w, &(const struct packet_options){.pacing_horizon_us = 25000});
	greedy = &b.shared.out_stats[TUNNEL / 2];
	modest = &b.shared.out_stats[OTHER_TUNNEL / 2];
	b.shared.bucket_out[bucket_of(TUNNEL, 0)] = bucket_make(&rate);
	b.shared.bucket_out[bucket_of(OTHER_TUNNEL, 0)] = bucket_make(&rate);
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t now = start + i * millisecond;

		sadb_begin(b.shared.sadb, 0);
		worker_release(b.w, now);
		worker_send(b.w, now);
		sadb_end(b.shared.sadb, 0);
		offer(&b, TUNNEL, true, false, 1000, now);
		offer(&b, TUNNEL, true, false, 1000, now);
		assert_int_equal(arrived(&b, OTHER_TUNNEL), 0);
		if (i % 10 == 9)
			continue;
		offer(&b, OTHER_TUNNEL, true, false, 1000, now);
		assert_int_equal(arrived(&b, OTHER_TUNNEL), 1);
	}
	assert_int_equal(modest->delivered.packets, 9000);
	/* The rate and the burst; what waits is the horizon. */
	assert_in_range(greedy->delivered.packets, 9990, 10025);
	assert_in_range(b.shared.tunnel_stats[TUNNEL].waiting.packets, 23, 27);
	assert_int_equal(greedy->delivered.packets + greedy->horizon.packets +
				 b.shared.tunnel_stats[TUNNEL].waiting.packets,
		20000);
	/* Without a horizon from now on: what waits is not lost, and no more comes to it. */
	worker_packets_set(b.w, &(const struct packet_options){0});
	for (uint64_t i = 0, waited = b.shared.tunnel_stats[TUNNEL].waiting.packets; i < 50; i++) {
		offer(&b, TUNNEL, true, false, 1000, start + 10000 * millisecond);
		assert_in_range(b.shared.tunnel_stats[TUNNEL].waiting.packets, 1, waited);
	}
	assert_true(greedy->site_rate.packets > 0);
	bench_fini(&b);
}

/* What is charged is what the site's line carries, to the byte. Price: 1 ns for a byte. */
static void rates_are_by_the_bytes_of_the_wire(void **state)
{
	(void)state;
	for (int outer = 0; outer < 2; outer++) {
		uint64_t now = clock_now(), inner = 0;
		struct rate_bucket *site, *all;
		struct bench b;

		bench_init(&b);
		site = &b.shared.bucket_out[bucket_of(TUNNEL, 0)];
		all = &b.shared.bucket_aggregate[SLUICE_OUT];
		site->ns_per_byte_q16 = all->ns_per_byte_q16 = 1 << 16;
		site->burst_ns = all->burst_ns = 1000000000;
		b.w->shared.packets.rate_bytes = outer ? RATE_OUTER : RATE_INNER;
		b.w->shared.packets.df = DF_CLEAR;
		for (uint32_t len = 100; len < 120; inner += len++)
			assert_int_equal(send_to(&b, TUNNEL, true, true, len, now), 1);
		assert_int_equal(send_to(&b, TUNNEL, false, false, 600, now), 1);
		assert_int_equal(send_to(&b, TUNNEL, true, true, 1400, now), 2);
		assert_int_equal(send_to(&b, TUNNEL, true, true, 1900, now), 2);
		inner += 600 + 1400 + 1900;
		assert_int_equal(site->tat_ns - now, outer ? b.wire : inner);
		assert_int_equal(all->tat_ns - now - b.w->loan, outer ? b.wire : inner);
		assert_int_equal(b.shared.out_stats[TUNNEL / 2].delivered.bytes, inner);
		bench_fini(&b);
	}
}

/* Twice the concentrator's rate, which is a byte in a nanosecond: every second packet is lost, not rows of them. */
static void drops_are_spread(void **state)
{
	uint64_t now = clock_now(), started = now;
	struct site_stats *site;
	struct rate_bucket *all;
	uint32_t row = 0, longest = 0;
	struct bench b;

	(void)state;
	bench_init(&b);
	site = &b.shared.out_stats[TUNNEL / 2];
	all = &b.shared.bucket_aggregate[SLUICE_OUT];
	all->ns_per_byte_q16 = 1 << 16;
	all->burst_ns = 100000;
	for (int i = 0; i < 4000; i++, now += 500) {
		bool came = send_to(&b, TUNNEL, true, false, 1000, now);

		row = came ? 0 : row + 1;
		if (row > longest)
			longest = row;
	}
	assert_true(longest && longest < 3);
	assert_int_equal(site->delivered.packets + site->aggregate_rate.packets, 4000);
	assert_in_range(site->delivered.bytes, now - started + 100000 - 1000,
		now - started + 100000 + 1000);
	bench_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_always_has_1280_bytes),
		cmocka_unit_test(fragments_are_made_as_configured),
		cmocka_unit_test(each_tunnel_has_a_limit_of_messages),
		cmocka_unit_test(below_its_rate_nothing_waits_for_others),
		cmocka_unit_test(rates_are_by_the_bytes_of_the_wire),
		cmocka_unit_test(drops_are_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
