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

#define TUNNEL 4
#define NARROW 1226 /* AES-GCM over a path of 1,280 bytes */

struct bench {
	struct worker_shared shared;
	struct worker *w;
	int inside, site; /* the other ends */
};

static void bench_init(struct bench *b)
{
	struct esp_params in = {
		.spi = 0x70000u << SLUICE_SA_INDEX_BITS | TUNNEL * SLUICE_SA_SLOTS_PER_TUNNEL,
		.cipher = ESP_AES_GCM_16,
		.key_len = 16,
		.replay_window = 64,
		.local = everything(),
		.remote = everything()};
	struct esp_params out = in;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);
	struct ip_endpoint remote;
	struct sa_pair *p;
	int tap[2];

	memset(b, 0, sizeof(*b));
	out.outbound = true;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, tap), 0);
	b->inside = tap[0];
	b->site = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(b->site, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(b->site, (struct sockaddr *)&at, &len), 0);
	b->shared = worker_shared_make(sadb_new());
	b->shared.workers = 1;
	b->w = worker_new(&b->shared, 0, tap[1], NULL, 0);
	assert_non_null(b->w);
	p = sa_pair_new(esp_sa_new(&in, ESP_ENGINE_AUTO), esp_sa_new(&out, ESP_ENGINE_AUTO));
	assert_non_null(p);
	p->tunnel = TUNNEL;
	p->spi_in = p->spi_out = in.spi;
	p->udp_encap = true;
	p->inner_mtu = NARROW;
	p->socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(endpoint_from_sockaddr((const struct sockaddr_storage *)(void *)&at, &remote));
	sa_pair_remote_set(p, &remote);
	sadb_add(b->shared.sadb, p);
	assert_true(sadb_use(b->shared.sadb, TUNNEL, p->spi_out));
}

static void bench_fini(struct bench *b)
{
	int sender = sadb_out(b->shared.sadb, TUNNEL)->socket_fd, tap = b->w->tap_fd;

	worker_free(b->w);
	sadb_free(b->shared.sadb);
	close(sender);
	close(tap);
	close(b->inside);
	close(b->site);
	worker_shared_fini(&b->shared);
}

/* One packet of `len` bytes from a host behind the hub. True: something came to the site. */
static bool sent(struct bench *b, bool v4, uint32_t len)
{
	struct flow f = {.v4 = v4, .tcp = true, .port = 7, .flags = 0x10};
	static uint8_t frame[4096];
	uint8_t sink[4096];
	uint8_t *ip = frame + VNET_HEADER + 14;
	const uint8_t mac[6] = {SLUICE_MAC_MARK_0, SLUICE_MAC_MARK_1, 0, 0, 0, TUNNEL};
	uint32_t headers = packet(ip, &f, 0);
	uint64_t now = clock_now();
	int n = 0;

	memset(frame, 0, VNET_HEADER + 14);
	memcpy(frame + VNET_HEADER, mac, 6);
	frame[VNET_HEADER + 12] = v4 ? 0x08 : 0x86;
	frame[VNET_HEADER + 13] = v4 ? 0x00 : 0xdd;
	assert_int_equal(packet(ip, &f, len - headers), len);
	assert_int_equal(write(b->inside, frame, VNET_HEADER + 14 + len), VNET_HEADER + 14 + len);
	sadb_begin(b->shared.sadb, 0);
	assert_int_equal(worker_read(b->w, now), 1);
	worker_send(b->w, now);
	sadb_end(b->shared.sadb, 0);
	while (recv(b->site, sink, sizeof(sink), 0) > 0)
		n++;
	return n > 0;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_always_has_1280_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
