/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs on one core in the stages that a worker runs. ESP: seal and open whole, as a
 * worker calls them, beside the bare ciphers of each engine on the same bytes; all of them take
 * turns, so that a change of the machine's pace meets all. Clocks are those of the TSC. Then cut and
 * merge of super-packets.
 */
#include "base/clock.h"
#include "dataplane/coalesce.h"
#include "dataplane/segment.h"
#include "esp/cipher.h"
#include "esp/esp.h"
#include "esp/gcm_vaes.h"
#include "../selectors.h"

#include <intel-ipsec-mb.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#define BATCH  64
#define ROUNDS 301 /* an odd number has a median */
#define STRIDE 2048
#define RUN_NS (200 * CLOCK_MILLISECOND)
#define AAD    12

static uint8_t room[BATCH * STRIDE];

struct suite {
	const char *name;
	uint16_t cipher, integ, key_len, integ_len;
};

static const struct suite suites[] = {
	{"AES-128-GCM", ESP_AES_GCM_16, 0, 16, 0},
	{"AES-256-GCM", ESP_AES_GCM_16, 0, 32, 0},
	{"AES-256-CBC SHA256", ESP_AES_CBC, ESP_HMAC_SHA256_128, 32, 32},
	{"ChaCha20-Poly1305", ESP_CHACHA20_POLY1305, 0, 32, 0},
};

/* One way to do a batch of packets. */
struct lane {
	const char *name;
	uint64_t clocks[2][ROUNDS]; /* seal, open; of a batch */
	bool (*one)(struct lane *l, uint8_t *packet, uint32_t len, uint64_t number, bool seal);
	bool plain; /* wants an inner packet, not bytes of the length with trailer */
	struct esp_sa *sa[2];
	struct cipher *cipher[2];
	EVP_CIPHER_CTX *evp[2];
	bool wide;
	struct gcm_vaes vaes;
	struct gcm_key_data mb __attribute__((aligned(64)));
};

static IMB_MGR *manager;
static struct lane lanes[4];

static bool esp_one(struct lane *l, uint8_t *packet, uint32_t len, uint64_t number, bool seal)
{
	struct inner in;

	(void)number;
	if (seal)
		return esp_seal(l->sa[0], &packet, &len) == ESP_OK;
	packet -= esp_overhead(l->sa[1]) - 2 - l->cipher[1]->icv_len;
	len = esp_sealed_len(l->sa[1], len);
	return esp_open(l->sa[1], &packet, &len, &in) == ESP_OK;
}

/* A nonce that changes, 12 bytes of AAD. */
static void numbered(uint8_t nonce[12], uint64_t number)
{
	memset(nonce, 1, 4);
	memcpy(nonce + 4, &number, 8);
}

static bool vaes_one(struct lane *l, uint8_t *packet, uint32_t len, uint64_t number, bool seal)
{
	static const uint8_t aad[AAD];
	uint8_t nonce[12];

	numbered(nonce, number);
	if (!seal)
		return gcm_vaes_open(&l->vaes, nonce, aad, AAD, packet, len);
	gcm_vaes_seal(&l->vaes, nonce, aad, AAD, packet, len);
	return true;
}

static bool mb_one(struct lane *l, uint8_t *packet, uint32_t len, uint64_t number, bool seal)
{
	static const uint8_t aad[AAD];
	aes_gcm_enc_dec_t run = seal      ? l->wide ? manager->gcm256_enc : manager->gcm128_enc
				: l->wide ? manager->gcm256_dec
					  : manager->gcm128_dec;
	struct gcm_context_data c;
	uint8_t nonce[12], tag[16];

	numbered(nonce, number);
	run(&l->mb, &c, packet, packet, len, nonce, aad, AAD, seal ? packet + len : tag, 16);
	return seal || memcmp(tag, packet + len, 16) == 0;
}

static bool evp_one(struct lane *l, uint8_t *packet, uint32_t len, uint64_t number, bool seal)
{
	static const uint8_t aad[AAD];
	EVP_CIPHER_CTX *c = l->evp[!seal];
	uint8_t nonce[12];
	int n;

	numbered(nonce, number);
	return EVP_CipherInit_ex(c, NULL, NULL, NULL, nonce, seal) == 1 &&
	       EVP_CipherUpdate(c, NULL, &n, aad, AAD) == 1 &&
	       EVP_CipherUpdate(c, packet, &n, packet, (int)len) == 1 &&
	       (seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, packet + len) == 1) &&
	       EVP_CipherFinal_ex(c, packet + len, &n) == 1 &&
	       (!seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, packet + len) == 1);
}

/* CBC and HMAC as user/esp does them: OpenSSL again. */
static bool cbc_one(struct lane *l, uint8_t *packet, uint32_t len, uint64_t number, bool seal)
{
	struct cipher *c = l->cipher[!seal];

	packet -= ESP_HEADER_SIZE + c->iv_len;
	return seal ? c->ops->seal(c, packet, len, number) : c->ops->open(c, packet, len, number);
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

static void setup(struct lane *l, const struct suite *s)
{
	for (int i = 0; i < 2; i++) {
		struct esp_params p = {.spi = 0x1234567,
			.outbound = i == 0,
			.cipher = s->cipher,
			.integ = s->integ,
			.key_len = s->key_len,
			.integ_len = s->integ_len,
			.esn = true,
			.replay_window = 1024,
			.local = everything(),
			.remote = everything()};

		l->sa[i] = esp_sa_new(&p, ESP_ENGINE_AUTO);
		l->cipher[i] = s->cipher == ESP_AES_CBC ? cipher_cbc_new(&p)
							: cipher_aead_new(&p, ESP_ENGINE_AUTO);
		if (!l->sa[i] || !l->cipher[i])
			exit(1);
	}
}

static void setup_evp(struct lane *l, const struct suite *s)
{
	static const uint8_t key[32];
	const EVP_CIPHER *c = s->cipher == ESP_CHACHA20_POLY1305 ? EVP_chacha20_poly1305()
			      : s->key_len == 32                 ? EVP_aes_256_gcm()
								 : EVP_aes_128_gcm();

	for (int i = 0; i < 2; i++) {
		l->evp[i] = EVP_CIPHER_CTX_new();
		if (!l->evp[i] || !EVP_CipherInit_ex(l->evp[i], c, NULL, key, NULL, i == 0))
			exit(1);
	}
}

/* The lanes that this suite has here; the whole of ESP first. */
static size_t begin(const struct suite *s)
{
	static const uint8_t key[32];
	size_t n = 1;

	memset(lanes, 0, sizeof(lanes));
	for (size_t i = 0; i < 4; i++)
		lanes[i].wide = s->key_len == 32;
	setup(&lanes[0], s);
	lanes[0].name = "ESP";
	lanes[0].plain = true;
	lanes[0].one = esp_one;
	if (s->cipher == ESP_AES_CBC) {
		setup(&lanes[n], s);
		lanes[n].name = "openssl";
		lanes[n++].one = cbc_one;
		return n;
	}
	if (s->cipher == ESP_AES_GCM_16 && gcm_vaes_usable()) {
		gcm_vaes_init(&lanes[n].vaes, key, s->key_len);
		lanes[n].name = "vaes";
		lanes[n++].one = vaes_one;
	}
	if (s->cipher == ESP_AES_GCM_16 && manager) {
		if (s->key_len == 32)
			IMB_AES256_GCM_PRE(manager, key, &lanes[n].mb);
		else
			IMB_AES128_GCM_PRE(manager, key, &lanes[n].mb);
		lanes[n].name = "ipsec-mb";
		lanes[n++].one = mb_one;
	}
	setup_evp(&lanes[n], s);
	lanes[n].name = "openssl";
	lanes[n++].one = evp_one;
	return n;
}

static void end(void)
{
	for (size_t i = 0; i < 4; i++) {
		for (int j = 0; j < 2; j++) {
			esp_sa_free(lanes[i].sa[j]);
			if (lanes[i].cipher[j])
				lanes[i].cipher[j]->ops->free(lanes[i].cipher[j]);
			EVP_CIPHER_CTX_free(lanes[i].evp[j]);
		}
	}
}

/* A batch sealed, then opened; numbers are not used twice under a key. */
static void run(struct lane *l, uint32_t size, uint32_t sealed, int round)
{
	static uint64_t number;
	uint32_t len = l->plain ? size : sealed;
	bool good = true;

	for (int i = 0; i < BATCH; i++)
		write_packet(room + i * STRIDE + ESP_HEADROOM, size);
	for (int open = 0; open < 2; open++) {
		uint64_t from = __rdtsc();

		for (uint64_t i = 0; i < BATCH; i++)
			good &= l->one(l, room + i * STRIDE + ESP_HEADROOM, len, number + i + 1,
				open == 0);
		l->clocks[open][round] = __rdtsc() - from;
	}
	number += BATCH;
	if (!good)
		exit(1);
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double quartile(const uint64_t clocks[ROUNDS], int n)
{
	return (double)clocks[(ROUNDS - 1) * n / 4] / BATCH;
}

static void bench_esp(const struct suite *s, uint32_t size, double ghz)
{
	static const char *const ways[] = {"seal", "open"};
	size_t n = begin(s);
	uint32_t sealed = esp_sealed_len(lanes[0].sa[0], size) - ESP_HEADER_SIZE -
			  lanes[0].cipher[0]->iv_len - lanes[0].cipher[0]->icv_len;

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < n; i++)
			run(&lanes[i], size, sealed, round);
	}
	for (int way = 0; way < 2; way++) {
		for (size_t i = 0; i < n; i++)
			qsort(lanes[i].clocks[way], ROUNDS, sizeof(uint64_t), by_size);
		for (size_t i = 0; i < n; i++) {
			const uint64_t *c = lanes[i].clocks[way];
			double median = quartile(c, 2), bare = quartile(lanes[1].clocks[way], 2);

			printf("%-18s %5u %s %-9s %8.0f %7.0f-%-7.0f %8.1f %7.2f %6.2f %+7.0f\n",
				s->name, size, ways[way], lanes[i].name, median, quartile(c, 1),
				quartile(c, 3), median / ghz, size * 8 * ghz / median,
				median / bare, median - bare);
		}
	}
	end();
}

static void report(const char *name, uint32_t size, uint64_t ns, uint64_t packets)
{
	double each = (double)ns / (double)packets;

	printf("%-34s %6u %10.1f %8.2f\n", name, size, each, size * 8 / each);
}

static double tsc_ghz(void)
{
	uint64_t t0 = clock_now(), c0 = __rdtsc();

	while (clock_now() - t0 < RUN_NS)
		;
	return (double)(__rdtsc() - c0) / (double)(clock_now() - t0);
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
	double ghz = tsc_ghz();

	manager = alloc_mb_mgr(0);
	if (manager)
		init_mb_mgr_auto(manager, NULL);
	printf("ESP whole, then bare ciphers; TSC %.3f GHz; medians and quartiles of %d batches of "
	       "%d;\n"
	       "ratio and difference are to the first bare cipher\n",
		ghz, ROUNDS, BATCH);
	printf("%-18s %5s %-14s %8s %15s %8s %7s %6s %7s\n", "suite", "bytes", "stage", "clocks",
		"quartiles", "ns", "Gbit/s", "ratio", "more");
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
			bench_esp(&suites[i], sizes[j], ghz);
	}
	free_mb_mgr(manager);
	printf("\n%-34s %6s %10s %8s\n", "stage", "bytes", "ns/packet", "Gbit/s");
	bench_packets(354);
	bench_packets(1400);
	return 0;
}
