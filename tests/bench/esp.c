/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs in the stages that a worker runs: seal, open, cut, merge. One line each:
 * name, packet size, nanoseconds per packet, Gbit/s on one core.
 */
#include "base/clock.h"
#include "dataplane/coalesce.h"
#include "dataplane/segment.h"
#include "esp/esp.h"
#include "../selectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH  64
#define STRIDE 2048
#define RUN_NS (200 * CLOCK_MILLISECOND)

static uint8_t room[BATCH * STRIDE];

static struct esp_sa *sa(
	uint16_t cipher, uint16_t integ, uint16_t key_len, bool outbound, enum esp_engine engine)
{
	struct esp_params p = {.spi = 0x1234567,
		.outbound = outbound,
		.cipher = cipher,
		.integ = integ,
		.key_len = key_len,
		.integ_len = integ == ESP_HMAC_SHA1_96 ? 20
			     : integ                   ? 32
						       : 0,
		.esn = true,
		.replay_window = 1024,
		.local = everything(),
		.remote = everything()};

	return esp_sa_new(&p, engine);
}

/* UDP without checksum is enough for ESP. */
static void write_packet(uint8_t *p, uint32_t len)
{
	memset(p, 0, len);
	p[0] = 0x45;
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	p[8] = 64;
	p[9] = 17;
	p[12] = p[16] = 10;
}

static void report(const char *name, uint32_t size, uint64_t ns, uint64_t packets)
{
	double each = (double)ns / (double)packets;

	printf("%-34s %6u %10.1f %8.2f\n", name, size, each, size * 8 / each);
}

static void bench_sa(const char *name, uint16_t cipher, uint16_t integ, uint16_t key_len,
	enum esp_engine engine, uint32_t size)
{
	struct esp_sa *out = sa(cipher, integ, key_len, true, engine);
	struct esp_sa *in = sa(cipher, integ, key_len, false, engine);
	uint64_t seal_ns = 0, open_ns = 0, packets = 0, failed = 0;
	char line[64];

	if (!out || !in)
		exit(1);
	while (seal_ns + open_ns < RUN_NS) {
		struct esp_packet batch[BATCH];
		uint64_t t0, t1, t2;

		for (int i = 0; i < BATCH; i++) {
			batch[i].bytes = room + i * STRIDE + ESP_HEADROOM;
			batch[i].len = size;
			write_packet(batch[i].bytes, size);
		}
		t0 = clock_now();
		esp_seal_batch(out, batch, BATCH);
		t1 = clock_now();
		esp_open_batch(in, batch, BATCH);
		t2 = clock_now();
		for (int i = 0; i < BATCH; i++)
			failed += batch[i].result != ESP_OK;
		seal_ns += t1 - t0;
		open_ns += t2 - t1;
		packets += BATCH;
	}
	if (failed)
		exit(1);
	snprintf(line, sizeof(line), "%s seal (%s)", name, esp_sa_engine(out));
	report(line, size, seal_ns, packets);
	snprintf(line, sizeof(line), "%s open (%s)", name, esp_sa_engine(in));
	report(line, size, open_ns, packets);
	esp_sa_free(out);
	esp_sa_free(in);
}

/* A TCP super-packet of 45 segments, cut; then its segments merged again. */
static void bench_packets(uint32_t mss)
{
	static struct coalescer c;
	static uint8_t super[65536];
	uint32_t total = 40 + 45 * mss;
	struct super_packet s = {.ip = super,
		.len = total,
		.needs_checksum = true,
		.gso = 1,
		.gso_size = (uint16_t)mss,
		.checksum_start = 20,
		.checksum_at = 36};
	uint64_t cut_ns = 0, merge_ns = 0, packets = 0;

	write_packet(super, total);
	super[6] = 0x40;
	super[9] = 6;
	super[32] = 5 << 4;
	super[33] = 0x10;
	while (cut_ns + merge_ns < RUN_NS) {
		uint64_t t0 = clock_now(), t1, t2;
		struct segmenter g;
		uint32_t n = 0, len;

		if (!segment_init(&g, &s))
			exit(1);
		while ((len = segment_next(&g, room + n * STRIDE)))
			n++;
		t1 = clock_now();
		coalesce_reset(&c);
		for (uint32_t i = 0; i < n; i++) {
			struct inner in;

			if (!inner_parse(room + i * STRIDE, mss + 40, &in) ||
				!coalesce_add(&c, room + i * STRIDE, &in, 0))
				exit(1);
		}
		coalesce_finish(&c);
		t2 = clock_now();
		if (n != 45 || c.count != 1)
			exit(1);
		cut_ns += t1 - t0;
		merge_ns += t2 - t1;
		packets += n;
	}
	report("cut super-packet", mss + 40, cut_ns, packets);
	report("verify and merge", mss + 40, merge_ns, packets);
}

int main(void)
{
	static const uint32_t sizes[] = {64, 354, 1400};

	printf("%-34s %6s %10s %8s\n", "stage", "bytes", "ns/packet", "Gbit/s");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t n = sizes[i];

		bench_sa("AES-128-GCM", ESP_AES_GCM_16, 0, 16, ESP_ENGINE_AUTO, n);
		bench_sa("AES-128-GCM", ESP_AES_GCM_16, 0, 16, ESP_ENGINE_OPENSSL, n);
		bench_sa("AES-256-GCM", ESP_AES_GCM_16, 0, 32, ESP_ENGINE_AUTO, n);
		bench_sa("AES-128-CBC SHA1", ESP_AES_CBC, ESP_HMAC_SHA1_96, 16, ESP_ENGINE_AUTO, n);
		bench_sa("AES-256-CBC SHA256", ESP_AES_CBC, ESP_HMAC_SHA256_128, 32,
			ESP_ENGINE_AUTO, n);
	}
	bench_packets(354);
	bench_packets(1400);
	return 0;
}
