/* SPDX-License-Identifier: Apache-2.0 */
/* ESP: against OpenSSL by hand, against itself, against tampering; MTUs. */
#include "base/wire.h"
#include "esp/esp.h"
#include "esp/replay.h"
#include "../selectors.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 4096

struct algorithm {
	uint16_t cipher, integ, key_len, integ_len;
	uint32_t iv, icv, block;
};

static const struct algorithm algorithms[] = {
	{ESP_AES_GCM_16, 0, 16, 0, 8, 16, 4},
	{ESP_AES_GCM_16, 0, 32, 0, 8, 16, 4},
	{ESP_CHACHA20_POLY1305, 0, 32, 0, 8, 16, 4},
	{ESP_AES_CBC, ESP_HMAC_SHA1_96, 16, 20, 16, 12, 16},
	{ESP_AES_CBC, ESP_HMAC_SHA256_128, 16, 32, 16, 16, 16},
	{ESP_AES_CBC, ESP_HMAC_SHA384_192, 32, 48, 16, 24, 16},
	{ESP_AES_CBC, ESP_HMAC_SHA512_256, 32, 64, 16, 32, 16},
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

static struct esp_params params(const struct algorithm *a, bool outbound, bool esn)
{
	struct esp_params p = {.spi = 0x01020304,
		.outbound = outbound,
		.cipher = a->cipher,
		.integ = a->integ,
		.esn = esn,
		.replay_window = 64,
		.key_len = a->key_len,
		.integ_len = a->integ_len,
		.local = everything(),
		.remote = everything()};

	for (int i = 0; i < 32; i++)
		p.key[i] = (uint8_t)(i * 7 + 1);
	for (int i = 0; i < 64; i++)
		p.integ_key[i] = (uint8_t)(i * 5 + 3);
	memcpy(p.salt, "salt", 4);
	return p;
}

struct pair {
	struct esp_sa *out, *in;
};

static struct pair make(const struct algorithm *a, bool esn, enum esp_engine engine)
{
	struct esp_params out = params(a, true, esn), in = params(a, false, esn);
	struct pair p = {esp_sa_new(&out, engine), esp_sa_new(&in, engine)};

	assert_non_null(p.out);
	assert_non_null(p.in);
	return p;
}

static void drop(struct pair *p)
{
	esp_sa_free(p->out);
	esp_sa_free(p->in);
}

/* A packet of `len` bytes: 10.1.0.2 -> 10.77.1.2 or fd00::2 -> fd77::2, UDP 1000 -> 2000. */
static void inner_packet(uint8_t *p, uint32_t len, bool v4)
{
	static const uint8_t from[16] = {0xfd, [15] = 2}, to[16] = {0xfd, 0x77, [15] = 2};
	struct wr w = wr_init(p, len);

	if (v4) {
		wr_u16(&w, 0x4500);
		wr_u16(&w, (uint16_t)len);
		wr_u32(&w, 0x00014000);
		wr_u32(&w, 0x40110000);
		wr_u32(&w, 0x0a010002);
		wr_u32(&w, 0x0a4d0102);
	} else {
		wr_u32(&w, 0x60000000);
		wr_u16(&w, (uint16_t)(len - 40));
		wr_u16(&w, 0x1140);
		wr_bytes(&w, from, 16);
		wr_bytes(&w, to, 16);
	}
	if (wr_left(&w) >= 4) {
		wr_u16(&w, 1000);
		wr_u16(&w, 2000);
	}
	for (uint8_t i = 0; wr_left(&w); i++)
		wr_u8(&w, i);
}

/* Seals a fresh packet; returns where it starts in `room`. */
static uint8_t *sealed(struct esp_sa *sa, uint8_t room[ROOM], uint32_t inner_len, uint32_t *len)
{
	uint8_t *p = room + ESP_HEADROOM;

	memset(room, 0xaa, ROOM);
	inner_packet(p, inner_len, true);
	*len = inner_len;
	assert_int_equal(esp_seal(sa, &p, len), ESP_OK);
	return p;
}

static void what_is_sealed_opens(void **context)
{
	(void)context;
	for (size_t a = 0; a < ALGORITHMS; a++) {
		for (int mode = 0; mode < 4; mode++) {
			struct pair s = make(&algorithms[a], mode & 1,
				mode & 2 ? ESP_ENGINE_OPENSSL : ESP_ENGINE_AUTO);

			for (uint32_t n = 0; n < 400; n++) {
				bool v4 = n & 1;
				uint32_t len = (v4 ? 20 : 40) + n * 3, sealed_len = len;
				uint8_t room[ROOM], before[ROOM];
				uint8_t *p = room + ESP_HEADROOM;
				struct inner in;

				inner_packet(p, len, v4);
				memcpy(before, p, len);
				assert_int_equal(esp_seal(s.out, &p, &sealed_len), ESP_OK);
				assert_int_equal(sealed_len, esp_sealed_len(s.out, len));
				assert_memory_not_equal(p + 8 + algorithms[a].iv, before, 20);
				assert_int_equal(esp_open(s.in, &p, &sealed_len, &in), ESP_OK);
				assert_int_equal(sealed_len, len);
				assert_memory_equal(p, before, len);
				assert_int_equal(in.family, v4 ? 4 : 6);
			}
			drop(&s);
		}
	}
}

/* RFC 4106 and 7634 written out with OpenSSL alone: nonce, AAD, padding, trailer. */
static void aead_is_rfc_4106(void **context)
{
	(void)context;
	for (size_t a = 0; a < 3; a++) {
		const EVP_CIPHER *const ciphers[] = {
			EVP_aes_128_gcm(), EVP_aes_256_gcm(), EVP_chacha20_poly1305()};
		struct pair s = make(&algorithms[a], false, ESP_ENGINE_AUTO);
		struct esp_params p = params(&algorithms[a], true, false);

		for (uint32_t len = 20; len < 1500; len += 7) {
			uint8_t room[ROOM], want[ROOM], nonce[12], aad[8];
			uint32_t pad = (4 - (len + 2) % 4) % 4, total = len + pad + 2, got;
			uint8_t *packet = sealed(s.out, room, len, &got);
			EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
			int n;

			inner_packet(want, len, true);
			for (uint32_t i = 0; i < pad; i++)
				want[len + i] = (uint8_t)(i + 1);
			want[len + pad] = (uint8_t)pad;
			want[len + pad + 1] = 4;
			memcpy(nonce, p.salt, 4);
			memcpy(nonce + 4, packet + 8, 8);
			memcpy(aad, packet, 8);
			EVP_EncryptInit_ex(c, ciphers[a], NULL, p.key, nonce);
			EVP_EncryptUpdate(c, NULL, &n, aad, 8);
			EVP_EncryptUpdate(c, want, &n, want, (int)total);
			EVP_EncryptFinal_ex(c, want + total, &n);
			EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, want + total);
			EVP_CIPHER_CTX_free(c);
			assert_int_equal(got, 16 + total + 16);
			assert_memory_equal(packet + 16, want, total + 16);
		}
		drop(&s);
	}
}

/* All engines make the same packets, at every length, and open each other's. */
static void engines_agree(void **context)
{
	static const enum esp_engine engines[] = {ESP_ENGINE_VAES, ESP_ENGINE_IPSEC_MB};

	(void)context;
	for (size_t i = 0; i < 4; i++) {
		const struct algorithm *a = &algorithms[i & 1];
		struct esp_params out = params(a, true, false), in = params(a, false, false);
		struct pair fast = {
			esp_sa_new(&out, engines[i / 2]), esp_sa_new(&in, engines[i / 2])};
		struct pair slow;

		if (!fast.out || !fast.in) {
			print_message("this CPU does not have the engine %d\n", engines[i / 2]);
			continue;
		}
		slow = make(a, false, ESP_ENGINE_OPENSSL);
		assert_string_not_equal(esp_sa_engine(fast.out), esp_sa_engine(slow.out));
		for (uint32_t len = 20; len < 1600; len++) {
			uint8_t x[ROOM], y[ROOM];
			uint32_t n, m;
			uint8_t *p = sealed(fast.out, x, len, &n),
				*q = sealed(slow.out, y, len, &m);
			struct inner inner;

			assert_int_equal(n, m);
			assert_memory_equal(p, q, n);
			assert_int_equal(esp_open(fast.in, &q, &m, &inner), ESP_OK);
			assert_int_equal(esp_open(slow.in, &p, &n, &inner), ESP_OK);
		}
		drop(&fast);
		drop(&slow);
	}
}

/* The fastest that is there is taken; one that lacks the cipher is not. */
static void engines_are_chosen(void **context)
{
	static const enum esp_engine by_preference[] = {
		ESP_ENGINE_VAES, ESP_ENGINE_IPSEC_MB, ESP_ENGINE_OPENSSL};
	struct esp_params gcm = params(&algorithms[0], true, false);
	struct esp_params chacha = params(&algorithms[2], true, false);
	struct esp_sa *any = esp_sa_new(&gcm, ESP_ENGINE_AUTO), *best = NULL;

	(void)context;
	assert_non_null(any);
	for (size_t i = 0; i < 3 && !best; i++)
		best = esp_sa_new(&gcm, by_preference[i]);
	assert_non_null(best);
	assert_string_equal(esp_sa_engine(any), esp_sa_engine(best));
	esp_sa_free(any);
	esp_sa_free(best);
	assert_null(esp_sa_new(&chacha, ESP_ENGINE_VAES));
	assert_null(esp_sa_new(&chacha, ESP_ENGINE_IPSEC_MB));
}

static void every_changed_byte_is_noticed(void **context)
{
	(void)context;
	for (size_t a = 0; a < ALGORITHMS; a++) {
		struct pair s = make(&algorithms[a], false, ESP_ENGINE_AUTO);
		uint8_t room[ROOM], copy[ROOM];
		uint32_t len;
		uint8_t *packet = sealed(s.out, room, 100, &len);
		struct inner in;

		for (uint32_t i = 0; i < len; i++) {
			for (int bit = 0; bit < 8; bit++) {
				uint8_t *p = copy;
				uint32_t n = len;
				enum esp_result r;

				memcpy(copy, packet, len);
				copy[i] ^= (uint8_t)(1 << bit);
				r = esp_open(s.in, &p, &n, &in);
				/* The SPI is not ours then; sequence 0 is refused before. */
				assert_true(r == ESP_AUTH || (i < 4 && r == ESP_MALFORMED) ||
					    (i >= 4 && i < 8 && r == ESP_REPLAY));
			}
		}
		/* Cut at every length. */
		for (uint32_t n = 0; n < len; n++) {
			uint8_t *p = copy;
			uint32_t m = n;

			memcpy(copy, packet, len);
			assert_true(esp_open(s.in, &p, &m, &in) != ESP_OK);
		}
		/* None of that moved the window. */
		assert_int_equal(esp_open(s.in, &packet, &len, &in), ESP_OK);
		drop(&s);
	}
}

static void sequence_numbers_never_wrap(void **context)
{
	struct pair s = make(&algorithms[0], false, ESP_ENGINE_AUTO);
	uint8_t room[ROOM];
	uint32_t len;

	(void)context;
	esp_sequence_set(s.out, UINT32_MAX - 2);
	assert_int_equal(esp_sequence_left(s.out), 2);
	sealed(s.out, room, 60, &len);
	sealed(s.out, room, 60, &len);
	for (int i = 0; i < 3; i++) {
		uint8_t *p = room + ESP_HEADROOM;

		inner_packet(p, 60, true);
		len = 60;
		assert_int_equal(esp_seal(s.out, &p, &len), ESP_SEQUENCE);
		assert_ptr_equal(p, room + ESP_HEADROOM);
	}
	drop(&s);
	/* With 64 bits it goes on, across the half, in both directions. */
	s = make(&algorithms[0], true, ESP_ENGINE_AUTO);
	esp_sequence_set(s.out, UINT32_MAX - 2);
	esp_sequence_set(s.in, UINT32_MAX - 2);
	for (int i = 0; i < 6; i++) {
		uint8_t *p = sealed(s.out, room, 60, &len);
		struct inner in;

		assert_int_equal(esp_open(s.in, &p, &len, &in), ESP_OK);
	}
	assert_int_equal(esp_sequence(s.in), (uint64_t)UINT32_MAX + 4);
	/* A number may be skipped, never taken back. */
	esp_sequence_set(s.out, 5);
	assert_true(esp_sequence(s.out) > UINT32_MAX);
	drop(&s);
}

/* A process is killed and another goes on: no number is used or taken twice. */
static void progress_outlives_the_process(void **context)
{
	struct esp_progress in = {0}, out = {0}, other = {0};
	struct pair s = make(&algorithms[0], false, ESP_ENGINE_AUTO);
	uint8_t room[ROOM], old[ROOM], late[ROOM], *p;
	uint32_t len, old_len, late_len;
	uint64_t last;
	struct inner inner;

	(void)context;
	esp_progress_keep(s.in, &in, 7);
	esp_progress_keep(s.out, &out, 7);
	for (int i = 0; i < 3 * ESP_RESERVE; i++) {
		p = sealed(s.out, room, 60, &len);
		if (i == 9) {
			memcpy(late, p, len); /* on the way when the process is killed */
			late_len = len;
			continue;
		}
		assert_true(out.sequence >= esp_sequence(s.out));
		if (i == 3 * ESP_RESERVE - 2) {
			memcpy(old, p, len);
			old_len = len;
		}
		assert_int_equal(esp_open(s.in, &p, &len, &inner), ESP_OK);
		assert_int_equal(in.sequence, esp_sequence(s.in));
	}
	last = esp_sequence(s.out);
	drop(&s);

	s = make(&algorithms[0], false, ESP_ENGINE_AUTO);
	assert_false(esp_progress_take(s.out, &out, 8)); /* of another SA */
	assert_true(esp_progress_take(s.out, &out, 7));
	assert_true(esp_progress_take(s.in, &in, 7));
	esp_progress_keep(s.in, &in, 7);
	esp_progress_keep(s.out, &out, 7);
	p = old;
	assert_int_equal(esp_open(s.in, &p, &old_len, &inner), ESP_REPLAY);
	p = late;
	assert_int_equal(esp_open(s.in, &p, &late_len, &inner), ESP_REPLAY);
	p = sealed(s.out, room, 60, &len);
	assert_true(esp_sequence(s.out) > last && esp_sequence(s.out) <= last + ESP_RESERVE);
	assert_int_equal(esp_open(s.in, &p, &len, &inner), ESP_OK);
	/* A word that was damaged. */
	other = out;
	other.sequence -= 1;
	assert_false(esp_progress_take(s.out, &other, 7));
	drop(&s);
}

static void a_window_goes_on(void **context)
{
	(void)context;
	for (uint32_t window = 64; window <= 2048; window += 31) {
		struct replay r;
		uint64_t top = 100000 + window;

		replay_init(&r, window);
		replay_accept(&r, 5);
		replay_continue(&r, top);
		replay_continue(&r, 50); /* never back */
		for (uint64_t n = 1; n <= top; n++)
			assert_false(replay_fresh(&r, n));
		replay_accept(&r, top + 200);
		for (uint64_t n = top + 1; n < top + 200; n++)
			assert_true(replay_fresh(&r, n) == (top + 200 - n < window));
		assert_false(replay_fresh(&r, top));
		assert_false(replay_fresh(&r, top + 200));
	}
}

static void a_repeated_packet_is_refused(void **context)
{
	(void)context;
	for (size_t a = 0; a < ALGORITHMS; a++) {
		struct pair s = make(&algorithms[a], false, ESP_ENGINE_AUTO);
		uint8_t room[ROOM], copy[ROOM];
		uint32_t len, n;
		uint8_t *packet = sealed(s.out, room, 60, &len), *p = copy;
		struct inner in;

		memcpy(copy, packet, len);
		n = len;
		assert_int_equal(esp_open(s.in, &packet, &len, &in), ESP_OK);
		assert_int_equal(esp_open(s.in, &p, &n, &in), ESP_REPLAY);
		drop(&s);
	}
}

static void selectors_hold_both_ways(void **context)
{
	struct esp_params out = params(&algorithms[0], true, false);
	struct esp_params in = params(&algorithms[0], false, false);
	struct esp_sa *any_out, *strict_out, *strict_in;
	uint8_t room[ROOM];
	uint32_t len = 60;
	uint8_t *p;
	struct inner inner;

	(void)context;
	any_out = esp_sa_new(&out, ESP_ENGINE_AUTO);
	/* Hub side 10.1.0.0/24, site side 10.77.1.0/24 UDP 2000. */
	out.local.count = out.remote.count = 1;
	addr_parse("10.1.0.0", &out.local.selectors[0].first);
	addr_parse("10.1.0.255", &out.local.selectors[0].last);
	addr_parse("10.77.1.0", &out.remote.selectors[0].first);
	addr_parse("10.77.1.255", &out.remote.selectors[0].last);
	out.remote.selectors[0].protocol = 17;
	out.remote.selectors[0].first_port = out.remote.selectors[0].last_port = 2000;
	strict_out = esp_sa_new(&out, ESP_ENGINE_AUTO);
	in.local = out.local;
	in.remote = out.remote;
	strict_in = esp_sa_new(&in, ESP_ENGINE_AUTO);

	p = room + ESP_HEADROOM;
	inner_packet(p, 60, true);
	assert_int_equal(esp_seal(strict_out, &p, &len), ESP_OK);
	p = room + ESP_HEADROOM;
	inner_packet(p, 60, true);
	p[23] = 0; /* another port */
	len = 60;
	assert_int_equal(esp_seal(strict_out, &p, &len), ESP_SELECTOR);
	inner_packet(p, 60, true);
	p[12] = 11; /* another source */
	assert_int_equal(esp_seal(strict_out, &p, &len), ESP_SELECTOR);
	inner_packet(p, 60, true);
	p[6] = 0x20; /* a later fragment has no ports: RFC 4301 7.4 */
	p[7] = 5;
	assert_int_equal(esp_seal(strict_out, &p, &len), ESP_SELECTOR);

	/* Inbound the site is the source: the same packet is then from the wrong side. */
	p = room + ESP_HEADROOM;
	inner_packet(p, 60, true);
	assert_int_equal(esp_seal(any_out, &p, &len), ESP_OK);
	assert_int_equal(esp_open(strict_in, &p, &len, &inner), ESP_SELECTOR);
	esp_sa_free(any_out);
	esp_sa_free(strict_out);
	esp_sa_free(strict_in);
}

static void wrong_parameters_are_refused(void **context)
{
	struct esp_params p;

	(void)context;
	p = params(&algorithms[0], true, false);
	p.key_len = 24;
	assert_null(esp_sa_new(&p, ESP_ENGINE_AUTO));
	p = params(&algorithms[0], true, false);
	p.integ = ESP_HMAC_SHA1_96;
	assert_null(esp_sa_new(&p, ESP_ENGINE_AUTO));
	p = params(&algorithms[3], true, false);
	p.integ_len = 19;
	assert_null(esp_sa_new(&p, ESP_ENGINE_AUTO));
	p = params(&algorithms[3], true, false);
	p.integ = ESP_INTEG_NONE;
	assert_null(esp_sa_new(&p, ESP_ENGINE_AUTO));
	p.cipher = ESP_CHACHA20_POLY1305; /* its key has 32 bytes */
	assert_null(esp_sa_new(&p, ESP_ENGINE_AUTO));
}

static void mtus_are_those_of_the_table(void **context)
{
	static const struct {
		uint32_t path;
		uint8_t family;
		uint32_t plain[5], natt[5];
	} rows[] = {
		{1500, 4, {1446, 1438, 1438, 1422, 1422}, {1438, 1422, 1422, 1422, 1406}},
		{1500, 6, {1426, 1422, 1406, 1406, 1390}, {1418, 1406, 1406, 1390, 1390}},
		{1492, 4, {1438, 1422, 1422, 1422, 1406}, {1430, 1422, 1422, 1406, 1406}},
		{1492, 6, {1418, 1406, 1406, 1390, 1390}, {1410, 1406, 1390, 1390, 1374}},
		{1460, 4, {1406, 1390, 1390, 1390, 1374}, {1398, 1390, 1390, 1374, 1374}},
		{1460, 6, {1386, 1374, 1374, 1358, 1358}, {1378, 1374, 1358, 1358, 1342}},
		{1400, 4, {1346, 1342, 1326, 1326, 1310}, {1338, 1326, 1326, 1310, 1310}},
		{1280, 4, {1226, 1214, 1214, 1198, 1198}, {1218, 1214, 1198, 1198, 1182}},
	};
	static const size_t columns[5] = {0, 3, 4, 5, 6};

	(void)context;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t c = 0; c < 5; c++) {
			const struct algorithm *a = &algorithms[columns[c]];
			struct pair s = make(a, false, ESP_ENGINE_AUTO);
			uint32_t mtu = esp_inner_mtu(
				a->cipher, a->integ, false, rows[i].family, rows[i].path);

			assert_int_equal(mtu, rows[i].plain[c]);
			assert_int_equal(esp_inner_mtu(a->cipher, a->integ, true, rows[i].family,
						 rows[i].path),
				rows[i].natt[c]);
			/* And it is exact: one byte more does not fit. */
			assert_true(esp_sealed_len(s.out, mtu) + (rows[i].family == 4 ? 20 : 40) <=
				    rows[i].path);
			assert_true(
				esp_sealed_len(s.out, mtu + 1) + (rows[i].family == 4 ? 20 : 40) >
				rows[i].path);
			drop(&s);
		}
	}
}

/* Authentic, but wrong inside: what only a peer with the key can send. */
static void authentic_nonsense_is_refused(void **context)
{
	static const struct {
		uint8_t pad_first, pad_len, next;
		enum esp_result want;
	} cases[] = {
		{1, 2, 4, ESP_OK},
		{1, 2, 59, ESP_DUMMY},
		{1, 2, 41, ESP_MALFORMED}, /* says IPv6, is IPv4 */
		{1, 2, 6, ESP_MALFORMED},  /* transport mode */
		{9, 2, 4, ESP_MALFORMED},  /* padding not 1, 2 */
		{1, 255, 4, ESP_MALFORMED},
	};
	struct esp_params p = params(&algorithms[0], true, false);

	(void)context;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pair s = make(&algorithms[0], false, ESP_ENGINE_AUTO);
		EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
		uint8_t packet[ROOM] = {1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, nonce[12];
		uint8_t *payload = packet + 16, *at = packet;
		uint32_t len = 8 + 8 + 64 + 16;
		struct inner in;
		int n;

		inner_packet(payload, 60, true);
		payload[60] = cases[i].pad_first;
		payload[61] = 2;
		payload[62] = cases[i].pad_len;
		payload[63] = cases[i].next;
		memcpy(nonce, p.salt, 4);
		memcpy(nonce + 4, packet + 8, 8);
		EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, p.key, nonce);
		EVP_EncryptUpdate(c, NULL, &n, packet, 8);
		EVP_EncryptUpdate(c, payload, &n, payload, 64);
		EVP_EncryptFinal_ex(c, payload + 64, &n);
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, payload + 64);
		EVP_CIPHER_CTX_free(c);
		assert_int_equal(esp_open(s.in, &at, &len, &in), cases[i].want);
		drop(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_opens),
		cmocka_unit_test(aead_is_rfc_4106),
		cmocka_unit_test(engines_agree),
		cmocka_unit_test(engines_are_chosen),
		cmocka_unit_test(every_changed_byte_is_noticed),
		cmocka_unit_test(sequence_numbers_never_wrap),
		cmocka_unit_test(progress_outlives_the_process),
		cmocka_unit_test(a_window_goes_on),
		cmocka_unit_test(a_repeated_packet_is_refused),
		cmocka_unit_test(selectors_hold_both_ways),
		cmocka_unit_test(wrong_parameters_are_refused),
		cmocka_unit_test(mtus_are_those_of_the_table),
		cmocka_unit_test(authentic_nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
