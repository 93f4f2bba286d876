/* SPDX-License-Identifier: Apache-2.0 */
/* A worker from a site: whose address the tunnel follows, and what the outer header's marks become inside. */
#include "packets.h"
#include "worker_lab.h"

#include "base/addr.h"
#include "base/clock.h"
#include "dataplane/maps.h"
#include "dataplane/worker_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUNNEL  4
#define INNER   128 /* bytes of each packet */
#define NOT_ECT 0
#define ECT_0   2
#define CE      3

struct bench {
	struct worker_shared shared;
	struct worker *w;
	struct sa_pair *pair;
	struct esp_sa *device; /* what the site seals with */
	int inside;            /* the other end of the inside device */
};

static void bench_init(struct bench *b)
{
	struct esp_params in = worker_sa_params(TUNNEL);
	struct esp_params out = in;
	int tap[2];

	memset(b, 0, sizeof(*b));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, tap), 0);
	b->inside = tap[0];
	b->shared = worker_shared_make(sadb_new());
	b->shared.workers = 1;
	b->w = worker_new(&b->shared, 0, tap[1], NULL, 0);
	assert_non_null(b->w);
	out.outbound = true;
	b->device = esp_sa_new(&out, ESP_ENGINE_AUTO);
	b->pair = sa_pair_new(esp_sa_new(&in, ESP_ENGINE_AUTO), esp_sa_new(&out, ESP_ENGINE_AUTO));
	assert_non_null(b->pair);
	b->pair->tunnel = TUNNEL;
	b->pair->spi_in = b->pair->spi_out = in.spi;
	b->pair->udp_encap = true;
	sadb_add(b->shared.sadb, b->pair);
}

static void bench_fini(struct bench *b)
{
	int tap = b->w->tap_fd;

	esp_sa_free(b->device);
	worker_free(b->w);
	sadb_free(b->shared.sadb);
	close(tap);
	close(b->inside);
	worker_shared_fini(&b->shared);
}

struct sealed {
	uint8_t room[512];
	uint8_t *esp;
	uint32_t len;
};

/* A UDP packet of a host of the site, whose header has that mark (RFC 3168). */
static void seal(struct bench *b, struct sealed *s, uint8_t mark)
{
	struct flow f = {.v4 = true, .port = 7};

	s->esp = s->room + ESP_HEADROOM;
	s->len = packet(s->esp, &f, INNER - header_of(&f));
	s->esp[1] = mark;
	memset(s->esp + 10, 0, 2);
	checksum_store(s->esp + 10, checksum_add(0, s->esp, 20));
	assert_int_equal(esp_seal(b->device, &s->esp, &s->len), ESP_OK);
}

static struct ip_endpoint at(uint8_t last)
{
	return (struct ip_endpoint){
		.addr = {.family = AF_INET, .bytes = {192, 0, 2, last}}, .port = 4500};
}

static void arrive(struct bench *b, struct sealed *s, uint8_t from, uint8_t mark)
{
	struct ip_endpoint remote = at(from);

	worker_slow(b->w, s->esp, s->len, &remote, true, mark);
}

static bool peer_is(const struct bench *b, uint8_t last)
{
	struct ip_endpoint e = at(last);

	return endpoint_equal(&b->pair->seen, &e);
}

/* RFC 7296 2.23: the newest packet says where the peer is; an old one, a copy or a forged one does not. */
static void test_newest_moves(void **state)
{
	struct sealed first, delayed, newest, copy, forged;
	struct bench b;

	(void)state;
	bench_init(&b);
	seal(&b, &first, NOT_ECT);
	seal(&b, &delayed, NOT_ECT);
	seal(&b, &newest, NOT_ECT);
	seal(&b, &forged, NOT_ECT);
	copy = newest;
	copy.esp = copy.room + (newest.esp - newest.room);
	forged.esp[forged.len - 1] ^= 1;
	arrive(&b, &first, 1, NOT_ECT);
	assert_true(peer_is(&b, 1));
	arrive(&b, &newest, 2, NOT_ECT);
	assert_true(peer_is(&b, 2));
	arrive(&b, &delayed, 66, NOT_ECT);
	assert_true(peer_is(&b, 2));
	arrive(&b, &copy, 66, NOT_ECT);
	arrive(&b, &forged, 66, NOT_ECT);
	assert_true(peer_is(&b, 2));
	assert_int_equal(in_stats(b.w, TUNNEL)->delivered.packets, 0); /* TC counts those */
	assert_int_equal(tunnel_row(b.w, TUNNEL)->in.packets, 3);
	assert_int_equal(in_stats(b.w, TUNNEL)->replay.packets, 1);
	assert_int_equal(in_stats(b.w, TUNNEL)->auth.packets, 1);
	bench_fini(&b);
}

/* XDP charges what comes from the peer's own address; the rest is a site's only once it has been opened. */
static void test_foreign_pay(void **state)
{
	struct sealed packets[3];
	struct rate_bucket *bucket;
	uint64_t paid[3];
	struct bench b;

	(void)state;
	bench_init(&b);
	bucket = bucket_of_tunnel(b.w, b.shared.bucket_in, TUNNEL);
	bucket->ns_per_byte_q16 = (uint64_t)CLOCK_MILLISECOND << 16;
	bucket->burst_ns = 100 * CLOCK_SECOND;
	for (int i = 0; i < 3; i++) {
		uint64_t before;

		seal(&b, &packets[i], NOT_ECT);
		arrive(&b, &packets[i], 1, NOT_ECT); /* it is the peer's own from now on */
		before = bucket->tat_ns;
		seal(&b, &packets[i], NOT_ECT);
		arrive(&b, &packets[i], i < 2 ? 1 : 66, NOT_ECT);
		paid[i] = bucket->tat_ns - before;
	}
	assert_true(paid[0] > 100 * CLOCK_MILLISECOND);
	assert_int_equal(paid[1], paid[0]);
	assert_int_equal(paid[2], paid[0] + INNER * CLOCK_MILLISECOND);
	bench_fini(&b);
}

/* The mark of what came to the host; -1: nothing came. */
static int mark_inside(struct bench *b)
{
	uint8_t frame[512];
	ssize_t n = read(b->inside, frame, sizeof(frame));

	return n > VNET_HEADER + 14 + 20 ? frame[VNET_HEADER + 14 + 1] & 3 : -1;
}

/* RFC 6040 4.2: congestion on the way is told to who understands it, and dropped for who does not. */
static void test_marks(void **state)
{
	static const struct {
		uint8_t inner, outer;
		int result;
	} rows[] = {{NOT_ECT, NOT_ECT, NOT_ECT}, {NOT_ECT, CE, -1}, {ECT_0, CE, CE},
		{ECT_0, ECT_0, ECT_0}, {CE, NOT_ECT, CE}};
	struct bench b;

	(void)state;
	bench_init(&b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sealed s;

		seal(&b, &s, rows[i].inner);
		arrive(&b, &s, 1, rows[i].outer);
		assert_int_equal(mark_inside(&b), rows[i].result);
	}
	assert_int_equal(in_stats(b.w, TUNNEL)->ecn.packets, 1);
	bench_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_newest_moves),
		cmocka_unit_test(test_foreign_pay), cmocka_unit_test(test_marks)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
