/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs as SAs become many: seal and open with 1, 10, 100 and 1,000 of them in turn, a
 * run of packets each, as they come from a ring; the next SA is known by then, as in a worker. TSC clocks
 * per packet, medians of ROUNDS, and the ratio to one SA.
 */
#include "esp/esp.h"
#include "../selectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define SAS_MAX 1000
#define PACKETS 2048 /* buffers, the same number for all: 4 MB */
#define RUN     8    /* packets of one SA in a row */
#define BUFFER  2048
#define ROUNDS  31

struct bench {
	struct esp_sa *out[SAS_MAX], *in[SAS_MAX];
	uint8_t *buffers;
	struct esp_packet packets[PACKETS];
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void fill(struct bench *b, uint32_t size)
{
	for (uint32_t i = 0; i < PACKETS; i++) {
		uint8_t *p = b->buffers + (size_t)i * BUFFER + ESP_HEADROOM;

		memcpy(p,
			(uint8_t[20]){0x45, 0, (uint8_t)(size >> 8), (uint8_t)size, 0, 1, 0x40, 0,
				64, 17, 0, 0, 10, 1, 0, 2, 10, 2, 0, 2},
			20);
		b->packets[i] = (struct esp_packet){.bytes = p, .len = size};
	}
}

static void check(const struct bench *b)
{
	for (uint32_t i = 0; i < PACKETS; i++) {
		if (b->packets[i].result != ESP_OK) {
			fprintf(stderr, "packet %u: result %d\n", i, b->packets[i].result);
			exit(1);
		}
	}
}

/* The SA of a run, by steps that no prefetcher guesses. */
static uint32_t sa_of(uint32_t run, uint32_t sas)
{
	return run * 7919u % sas;
}

static void measure(struct bench *b, uint32_t sas, uint32_t size, double *seal, double *open)
{
	uint64_t start;

	fill(b, size);
	start = __rdtsc();
	for (uint32_t r = 0; r < PACKETS / RUN; r++) {
		esp_prefetch(b->out[sa_of(r + 1, sas)]);
		esp_seal_batch(b->out[sa_of(r, sas)], &b->packets[r * RUN], RUN);
	}
	*seal = (double)(__rdtsc() - start) / PACKETS;
	check(b);
	start = __rdtsc();
	for (uint32_t r = 0; r < PACKETS / RUN; r++) {
		esp_prefetch(b->in[sa_of(r + 1, sas)]);
		esp_open_batch(b->in[sa_of(r, sas)], &b->packets[r * RUN], RUN);
	}
	*open = (double)(__rdtsc() - start) / PACKETS;
	check(b);
}

int main(void)
{
	static const uint32_t counts[] = {1, 10, 100, 1000}, sizes[] = {64, 354, 1400};
	static struct bench b;

	b.buffers = aligned_alloc(4096, (size_t)PACKETS * BUFFER);
	memset(b.buffers, 1, (size_t)PACKETS * BUFFER);
	for (uint32_t i = 0; i < SAS_MAX; i++) {
		struct esp_params p = {.spi = 0x1000 + i,
			.cipher = ESP_AES_GCM_16,
			.key_len = 16,
			.replay_window = 1024,
			.local = everything(),
			.remote = everything()};

		memcpy(p.key, &i, sizeof(i));
		b.in[i] = esp_sa_new(&p, ESP_ENGINE_AUTO);
		p.outbound = true;
		b.out[i] = esp_sa_new(&p, ESP_ENGINE_AUTO);
	}
	printf("AES-128-GCM by %s, clocks per packet\n", esp_sa_engine(b.out[0]));
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		double seal[4][ROUNDS], open[4][ROUNDS], first[2] = {0};

		/* In turn, so that all have the same machine. */
		for (int r = 0; r < ROUNDS; r++) {
			for (int c = 0; c < 4; c++)
				measure(&b, counts[c], sizes[s], &seal[c][r], &open[c][r]);
		}
		for (int c = 0; c < 4; c++) {
			qsort(seal[c], ROUNDS, sizeof(double), compare);
			qsort(open[c], ROUNDS, sizeof(double), compare);
			if (!c) {
				first[0] = seal[c][ROUNDS / 2];
				first[1] = open[c][ROUNDS / 2];
			}
			printf("%4u bytes %5u SAs  seal %7.0f (%.2f)  open %7.0f (%.2f)\n",
				sizes[s], counts[c], seal[c][ROUNDS / 2],
				seal[c][ROUNDS / 2] / first[0], open[c][ROUNDS / 2],
				open[c][ROUNDS / 2] / first[1]);
		}
	}
	for (uint32_t i = 0; i < SAS_MAX; i++) {
		esp_sa_free(b.in[i]);
		esp_sa_free(b.out[i]);
	}
	free(b.buffers);
	return 0;
}
