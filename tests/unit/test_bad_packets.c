/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that must not get through, by the hundred thousand (COUNT in the environment: how many):
 * changed, cut, repeated, of nobody, in the wrong form or family, of another site or key, outer
 * fragments. Each has to be counted once, and nothing but the good ones between them may reach the
 * inside device.
 */
#include "dataplane/outer.h"
#include "worker_lab.h"
#include "../selectors.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT_DEFAULT 200000
#define ROOM          2048
#define SITES         4
#define ETHERNET      14
#define IPV4          20
#define IPV6          40
#define GOOD_EVERY    8 /* one packet in so many is good, so that windows and numbers move */

enum kind {
	GOOD,
	FLIPPED,
	CUT,
	REPEATED,
	UNKNOWN_SPI,
	WRONG_FORM,
	WRONG_FAMILY,
	OTHER_SITE, /* its addresses, sealed by this one */
	OTHER_KEY,
	OUTER_FRAGMENT,
	KINDS,
};

struct bench {
	struct worker_shared shared;
	struct worker *worker;
	struct sadb *sadb;
	struct esp_sa *peer[SITES];
	int tap[2];
	uint64_t made[KINDS], not_outer, through;
	uint64_t random;
};

static uint32_t next_random(struct bench *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return (uint32_t)(b->random >> 11);
}

static uint32_t spi_of(uint32_t site)
{
	return 0x70000u << SLUICE_SA_INDEX_BITS | site * 2 * SLUICE_SA_SLOTS_PER_TUNNEL;
}

/* Site n has 10.n.0.0/16 and nothing of IPv6. */
static struct esp_params params(uint32_t site, bool outbound)
{
	static const struct {
		uint16_t cipher, integ, key_len, integ_len, window;
		bool esn;
	} kinds[SITES] = {
		{ESP_AES_GCM_16, ESP_INTEG_NONE, 16, 0, 64, false},
		{ESP_AES_CBC, ESP_HMAC_SHA256_128, 16, 32, 64, false},
		{ESP_CHACHA20_POLY1305, ESP_INTEG_NONE, 32, 0, 1024, true},
		{ESP_AES_CBC, ESP_HMAC_SHA512_256, 32, 64, 2048, true},
	};
	struct esp_params p = {.spi = spi_of(site),
		.outbound = outbound,
		.cipher = kinds[site].cipher,
		.integ = kinds[site].integ,
		.integ_len = kinds[site].integ_len,
		.key_len = kinds[site].key_len,
		.replay_window = kinds[site].window,
		.esn = kinds[site].esn,
		.local = everything(),
		.remote = everything()};

	memset(p.key, (int)site + 1, p.key_len);
	memset(p.integ_key, (int)site + 7, p.integ_len);
	if (!outbound) {
		p.remote.count = 1;
		p.remote.selectors[0].first.bytes[0] = p.remote.selectors[0].last.bytes[0] = 10;
		p.remote.selectors[0].first.bytes[1] = p.remote.selectors[0].last.bytes[1] =
			(uint8_t)site;
	}
	return p;
}

static void bench_init(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->random = 0x9e3779b97f4a7c15;
	b->sadb = sadb_new();
	assert_int_equal(pipe2(b->tap, O_NONBLOCK), 0);
	b->shared = worker_shared_make(b->sadb);
	b->shared.inside_uso = true;
	b->worker = worker_new(&b->shared, 0, b->tap[1], NULL, 0);
	assert_non_null(b->worker);
	for (uint32_t s = 0; s < SITES; s++) {
		struct esp_params in = params(s, false), out = params(s, true);
		struct sa_pair *p = sa_pair_new(
			esp_sa_new(&in, ESP_ENGINE_AUTO), esp_sa_new(&out, ESP_ENGINE_AUTO));

		assert_non_null(p);
		b->peer[s] = esp_sa_new(&out, ESP_ENGINE_AUTO);
		p->tunnel = s * 2;
		p->spi_in = spi_of(s);
		p->udp_encap = true;
		sadb_add(b->sadb, p);
		/* With 64 bits, the low half begins again after a while. */
		if (in.esn) {
			esp_sequence_set(b->peer[s], UINT32_MAX - 1000);
			esp_sequence_set(p->in, UINT32_MAX - 1000);
		}
	}
}

static void bench_fini(struct bench *b)
{
	worker_free(b->worker);
	sadb_free(b->sadb);
	for (uint32_t s = 0; s < SITES; s++)
		esp_sa_free(b->peer[s]);
	close(b->tap[0]);
	close(b->tap[1]);
	worker_shared_fini(&b->shared);
}

/* An ICMP packet: nothing merges it, so each good one is one write. */
static uint32_t inner_packet(struct bench *b, uint8_t *p, uint32_t net)
{
	uint32_t len = 28 + next_random(b) % 200;

	memset(p, (int)next_random(b), len);
	memcpy(p, (uint8_t[20]){0x45, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 1, 0x40, 0, 64, 1},
		20);
	memcpy(p + 12, (uint8_t[8]){10, (uint8_t)net, 0, 2, 10, 200, 0, 2}, 8);
	return len;
}

/* ESP sealed by `site`, in room that starts ESP_HEADROOM before it. */
static uint8_t *sealed(struct bench *b, uint8_t *room, uint32_t site, uint32_t net, uint32_t *len)
{
	uint8_t *p = room + ESP_HEADROOM;

	*len = inner_packet(b, p, net);
	assert_int_equal(esp_seal(b->peer[site], &p, len), ESP_OK);
	return p;
}

/* Counts what the worker has written: a good packet is one write. */
static void drain(struct bench *b)
{
	uint8_t sink[4096];

	b->through += read(b->tap[0], sink, sizeof(sink)) > 0;
}

/* As XDP and a worker: outer headers first. */
static void arrive(struct bench *b, const uint8_t *esp, uint32_t len, enum kind kind)
{
	uint8_t frame[ROOM + 128] = {0};
	uint32_t at = ETHERNET + IPV4 + 8, total = IPV4 + 8 + len;
	uint8_t *ip = frame + ETHERNET, *udp = ip + IPV4;
	bool encap = kind != WRONG_FORM;
	struct outer o;

	frame[12] = kind == WRONG_FAMILY ? 0x86 : 0x08;
	frame[13] = kind == WRONG_FAMILY ? 0xdd : 0x00;
	if (!encap) {
		at -= 8;
		total -= 8;
	}
	memcpy(ip,
		(uint8_t[20]){0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 1, 0x40, 0, 64,
			encap ? 17 : 50, 0, 0, 192, 0, 2, 2, 192, 0, 2, 1},
		20);
	if (kind == OUTER_FRAGMENT) {
		ip[6] = next_random(b) & 1 ? 0x20 : 0;
		ip[7] = ip[6] ? 0 : 1 + (uint8_t)(next_random(b) % 100);
	}
	if (encap) {
		uint32_t n = len + 8;

		memcpy(udp, (uint8_t[8]){0x11, 0x94, 0x11, 0x94, (uint8_t)(n >> 8), (uint8_t)n}, 8);
	}
	memcpy(frame + at, esp, len);
	if (!outer_parse(frame, ETHERNET + total, &o)) {
		b->not_outer++;
		return;
	}
	worker_slow(b->worker, frame + o.esp, o.esp_len, &o.remote, o.udp_encap, 0);
	drain(b);
}

static void one(struct bench *b, enum kind kind)
{
	uint8_t room[ROOM], again[ROOM];
	uint32_t site = next_random(b) % SITES, len, n;
	uint8_t *p = sealed(b, room, site, kind == OTHER_SITE ? site + 1 : site, &len);

	switch (kind) {
	case FLIPPED: /* behind the SPI: that is another kind */
		memcpy(again, p, len);
		for (n = 1 + next_random(b) % 3; n || !memcmp(again, p, len); n -= n > 0)
			p[4 + (next_random(b) % (len - 4))] ^= (uint8_t)(1 << next_random(b) % 8);
		break;
	case CUT:
		len = next_random(b) % len;
		break;
	case REPEATED:
		memcpy(again, p, len);
		arrive(b, again, len, GOOD);
		b->made[GOOD]++;
		break;
	case UNKNOWN_SPI:
		p[next_random(b) % 4] ^= (uint8_t)(1 + next_random(b) % 255);
		break;
	case OTHER_KEY:
		n = spi_of((site + 1) % SITES);
		memcpy(p,
			(uint8_t[4]){(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
				(uint8_t)n},
			4);
		break;
	default:
		break;
	}
	arrive(b, p, len, kind);
	b->made[kind]++;
}

static uint64_t refused(const struct bench *b)
{
	uint64_t sum = b->not_outer + b->shared.worker_stats->not_esp;

	for (uint32_t site = 0; site < SITES; site++) {
		const struct site_stats *s = &b->shared.in_stats[site];
		const struct traffic *t = (const struct traffic *)s;

		for (size_t i = 2; i < sizeof(*s) / sizeof(*t); i++) /* after offered, delivered */
			sum += t[i].packets;
	}
	return sum;
}

static void nothing_bad_gets_through(void **state)
{
	const char *text = getenv("COUNT");
	uint64_t count = text ? strtoull(text, NULL, 10) : COUNT_DEFAULT, delivered = 0, bad = 0;
	struct site_stats sum = {0};
	struct bench b;

	(void)state;
	bench_init(&b);
	for (uint64_t i = 0; i < count; i++)
		one(&b, i % GOOD_EVERY ? (enum kind)(1 + next_random(&b) % (KINDS - 1)) : GOOD);
	for (int k = 1; k < KINDS; k++) {
		assert_true(b.made[k] > count / (4 * KINDS));
		bad += b.made[k];
	}
	for (uint32_t site = 0; site < SITES; site++) {
		const struct site_stats *s = &b.shared.in_stats[site];

		delivered += b.shared.tunnel_stats[2 * site].in.packets;
		sum.replay.packets += s->replay.packets;
		sum.auth.packets += s->auth.packets;
		sum.selector.packets += s->selector.packets;
		sum.malformed.packets += s->malformed.packets;
	}
	print_message(
		"%llu bad: %llu auth, %llu malformed, %llu replay, %llu selector, %llu without "
		"SA, %llu no ESP; %llu good\n",
		(unsigned long long)bad, sum.auth.packets, sum.malformed.packets,
		sum.replay.packets, sum.selector.packets, b.shared.worker_stats->not_esp,
		(unsigned long long)b.not_outer, (unsigned long long)delivered);
	assert_int_equal(delivered, b.made[GOOD]);
	assert_int_equal(b.through, b.made[GOOD]);
	assert_int_equal(refused(&b), bad);
	assert_int_equal(sum.selector.packets, b.made[OTHER_SITE]);
	assert_true(sum.replay.packets >= b.made[REPEATED]);
	bench_fini(&b);
}

/* As XDP would: congestion goes over, and both rates hold. */
static void the_slow_way_has_the_same_rules(void **state)
{
	static const uint8_t classes[] = {0, 1, 2, 3};
	uint8_t room[ROOM];
	struct site_stats *s;
	struct bench b;
	uint32_t len;
	uint8_t *p;
	const struct ip_endpoint from = {.addr = {AF_INET, {192, 0, 2, 2}}, .port = 4500};

	(void)state;
	bench_init(&b);
	s = &b.shared.in_stats[0];
	for (size_t i = 0; i < sizeof(classes); i++) {
		p = sealed(&b, room, 0, 0, &len);
		worker_slow(b.worker, p, len, &from, true, classes[i]);
		drain(&b);
	}
	assert_int_equal(b.through, 3);
	assert_int_equal(s->ecn.packets, 1);
	b.shared.bucket_aggregate[SLUICE_IN] =
		(struct rate_bucket){.ns_per_byte_q16 = UINT64_C(1000000000) << 16,
			.burst_ns = 1000}; /* a byte a second */
	for (int i = 0; i < 5; i++) {
		p = sealed(&b, room, 0, 0, &len);
		worker_slow(b.worker, p, len, &from, true, 0);
		drain(&b);
	}
	assert_int_equal(b.through, 4);
	assert_int_equal(s->aggregate_rate.packets, 4);
	assert_int_equal(s->offered.packets, 9);
	worker_slow_lost(b.worker, 7);
	assert_int_equal(b.shared.worker_stats->slow_lost, 7);
	bench_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_bad_gets_through),
		cmocka_unit_test(the_slow_way_has_the_same_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
