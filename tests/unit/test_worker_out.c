/* SPDX-License-Identifier: Apache-2.0 */
/* A worker towards a site whose path is narrow: what is sent, what is cut, and what is told. */
#include "packets.h"
#include "worker_lab.h"

#include "../selectors.h"
#include "base/addr.h"
#include "base/clock.h"
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
	int sender;
	struct sockaddr_storage at;
};

/* A tunnel whose site is b->site. */
static void add_pair(struct bench *b, uint32_t tunnel)
{
	struct esp_params in = {
		.spi = 0x70000u << SLUICE_SA_INDEX_BITS | tunnel * SLUICE_SA_SLOTS_PER_TUNNEL,
		.cipher = ESP_AES_GCM_16,
		.key_len = 16,
		.replay_window = 64,
		.local = everything(),
		.remote = everything()};
	struct esp_params out = in;
	struct ip_endpoint remote;
	struct sa_pair *p;

	out.outbound = true;
	p = sa_pair_new(esp_sa_new(&in, ESP_ENGINE_AUTO), esp_sa_new(&out, ESP_ENGINE_AUTO));
	assert_non_null(p);
	p->tunnel = tunnel;
	p->spi_in = p->spi_out = in.spi;
	p->udp_encap = true;
	p->inner_mtu = NARROW;
	p->socket_fd = b->sender;
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
	close(tap);
	close(b->inside);
	close(b->site);
	worker_shared_fini(&b->shared);
}

/* A packet of `len` bytes from a host behind the hub, to that tunnel. Returns what came to the site. */
static int send_to(
	struct bench *b, uint32_t tunnel, bool v4, bool may_cut, uint32_t len, uint64_t now)
{
	struct flow f = {.v4 = v4, .tcp = true, .port = 7, .flags = 0x10};
	static uint8_t frame[4096];
	uint8_t sink[4096];
	uint8_t *ip = frame + VNET_HEADER + 14;
	const uint8_t mac[6] = {SLUICE_MAC_MARK_0, SLUICE_MAC_MARK_1, 0, 0, (uint8_t)(tunnel >> 8),
		(uint8_t)tunnel};
	uint32_t headers = packet(ip, &f, 0);
	int n = 0;

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
	while (recv(b->site, sink, sizeof(sink), 0) > 0)
		n++;
	return n;
}

static bool sent(struct bench *b, bool v4, uint32_t len)
{
	return send_to(b, TUNNEL, v4, false, len, clock_now()) > 0;
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
	assert_true(sent(&b, false, 1280));
	assert_false(told(&b));
	assert_false(sent(&b, false, 1281));
	assert_true(told(&b));
	assert_int_equal(s->delivered.packets, 3);
	assert_int_equal(s->mtu.packets, 1);
	bench_fini(&b);
}

/* D-07: packets and messages for what is too big, with DF and without. */
static void fragments_are_made_as_configured(void **state)
{
	static const struct {
		bool clear_df, set_df;
		int of_those_that_forbid, of_the_others;
	} rows[] = {{false, false, 0, 2}, {true, false, 2, 2}, {false, true, 0, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;
		uint64_t now = clock_now();

		bench_init(&b);
		b.w->shared.clear_df = rows[i].clear_df;
		b.w->shared.set_df = rows[i].set_df;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_always_has_1280_bytes),
		cmocka_unit_test(fragments_are_made_as_configured),
		cmocka_unit_test(each_tunnel_has_a_limit_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
