/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counter mode and GHASH side by side. A register holds two blocks, the earlier one in its low
 * lane. GHASH works on blocks with their bytes reversed, and on powers of the hash key that were
 * multiplied by x beforehand: then a carry-less product of two reversed operands is in place without
 * a shift. Products of many blocks, each with its own power, are added up and reduced once.
 *
 * Loads and stores of whole blocks at the end of the data touch the tag behind it and nothing more.
 */
#include "esp/gcm_vaes.h"

#include "base/secret.h"

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("vaes,vpclmulqdq,avx2,aes,pclmul,sse4.1")))
#define INLINE static inline __attribute__((always_inline)) TARGET

#define BLOCK        16
#define PAIR         32
#define GROUP        8 /* pairs whose AES rounds run side by side: hides the latency of one */
#define GROUP_BYTES  (GROUP * PAIR)
#define UNIT         3 /* the same at the end of a packet: just 64 bytes of ESP */
#define TAIL         ((GROUP + 1 + UNIT - 1) / UNIT * UNIT)
#define ROUNDS(wide) ((wide) ? 14 : 10)

/* Unreduced products: the middle one stands 64 bits above the low one, the high one 128. */
struct sums {
	__m256i low, middle, high;
};

bool gcm_vaes_usable(void)
{
	const uint32_t leaf1 = bit_PCLMUL | bit_SSE4_1 | bit_AES | bit_OSXSAVE | bit_AVX;
	const uint32_t leaf7 = bit_VAES | bit_VPCLMULQDQ;
	const uint32_t saved = 6; /* XCR0: XMM and YMM state */
	uint32_t a, b, c, d, low, high;

	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & leaf1) != leaf1)
		return false;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2) || (c & leaf7) != leaf7)
		return false;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (low & saved) == saved;
}

INLINE __m128i load(const void *p)
{
	return _mm_loadu_si128(p);
}

INLINE __m256i load_pair(const void *p)
{
	return _mm256_loadu_si256(p);
}

/* A round key for both lanes. */
INLINE __m256i round_key(const struct gcm_vaes *g, int round)
{
	return _mm256_broadcastsi128_si256(load(g->round[round]));
}

INLINE __m128i reversed(__m128i x)
{
	return _mm_shuffle_epi8(
		x, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

INLINE __m256i reversed_pair(__m256i x)
{
	const __m128i order = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

	return _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(order));
}

INLINE void multiply(struct sums *s, __m256i x, __m256i h)
{
	__m256i a = _mm256_clmulepi64_epi128(x, h, 0x01);
	__m256i b = _mm256_clmulepi64_epi128(x, h, 0x10);

	s->low = _mm256_xor_si256(s->low, _mm256_clmulepi64_epi128(x, h, 0x00));
	s->high = _mm256_xor_si256(s->high, _mm256_clmulepi64_epi128(x, h, 0x11));
	s->middle = _mm256_xor_si256(s->middle, _mm256_xor_si256(a, b));
}

INLINE __m128i both_lanes(__m256i x)
{
	return _mm_xor_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}

/* Twice: cancels the lowest 64 bits with a multiple of the polynomial, which lands above them. */
INLINE __m128i reduce(const struct sums *s)
{
	const __m128i polynomial = _mm_set_epi64x((int64_t)0xc200000000000000, 1);
	__m128i low = both_lanes(s->low), middle = both_lanes(s->middle),
		high = both_lanes(s->high);

	middle = _mm_xor_si128(middle, _mm_clmulepi64_si128(low, polynomial, 0x10));
	middle = _mm_xor_si128(middle, _mm_shuffle_epi32(low, 0x4e));
	high = _mm_xor_si128(high, _mm_clmulepi64_si128(middle, polynomial, 0x10));
	return _mm_xor_si128(high, _mm_shuffle_epi32(middle, 0x4e));
}

INLINE __m128i product(__m128i x, __m128i h)
{
	struct sums s = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};

	multiply(&s, _mm256_zextsi128_si256(x), _mm256_zextsi128_si256(h));
	return reduce(&s);
}

/* The powers for the pair that begins `blocks` before the end of what is summed up. */
INLINE __m256i powers(const struct gcm_vaes *g, uint32_t blocks)
{
	return load_pair(g->power[GCM_VAES_POWERS - blocks]);
}

/* A group's bytes into sums; `state` is what came before them. */
INLINE void hash_pair(
	struct sums *s, const struct gcm_vaes *g, const uint8_t *bytes, int i, __m128i state)
{
	__m256i x = reversed_pair(load_pair(bytes + i * PAIR));

	if (i == 0)
		x = _mm256_xor_si256(x, _mm256_zextsi128_si256(state));
	multiply(s, x, powers(g, 2 * GROUP - 2 * (uint32_t)i));
}

INLINE __m128i hash_group(const struct gcm_vaes *g, const uint8_t *bytes, __m128i state)
{
	struct sums s = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};

#pragma GCC unroll 16
	for (int i = 0; i < GROUP; i++)
		hash_pair(&s, g, bytes, i, state);
	return reduce(&s);
}

/* To add to the counters of both lanes. */
INLINE __m256i number(int n)
{
	return _mm256_set_epi32(0, 0, 0, n, 0, 0, 0, n);
}

/* Counter blocks, the first round key added; `counter` is byte-reversed, so its number is in front. */
INLINE __m256i first_round(const struct gcm_vaes *g, __m256i counter, int pair)
{
	const __m256i step = _mm256_set_epi32(0, 0, 0, 2 * pair + 1, 0, 0, 0, 2 * pair);

	counter = reversed_pair(_mm256_add_epi32(counter, step));
	return _mm256_xor_si256(counter, round_key(g, 0));
}

/* Compilers would do all rounds first and run out of registers. */
#define IN_ORDER(b, s)                                                                             \
	__asm__ volatile(""                                                                        \
			 : "+x"((b)[0]), "+x"((b)[1]), "+x"((b)[2]), "+x"((b)[3]), "+x"((b)[4]),   \
			 "+x"((b)[5]), "+x"((b)[6]), "+x"((b)[7]), "+x"((s).low),                  \
			 "+x"((s).middle), "+x"((s).high))

/*
 * Encrypts or decrypts a group and meanwhile hashes one: with open itself, with seal the one
 * before it, and none (NULL) for the first. Returns the new state of GHASH.
 */
INLINE __m128i crypt_group(const struct gcm_vaes *g, int rounds, __m256i counter, uint8_t *data,
	const uint8_t *hashed, __m128i state)
{
	struct sums s = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
	__m256i b[GROUP];

	__asm__("" : "+r"(g)); /* keys are operands in memory: no copies of them for a loop */
#pragma GCC unroll 16
	for (int i = 0; i < GROUP; i++)
		b[i] = first_round(g, counter, i);
#pragma GCC unroll 16
	for (int r = 1; r < rounds; r++) {
		__m256i key = round_key(g, r);

#pragma GCC unroll 16
		for (int i = 0; i < GROUP; i++)
			b[i] = _mm256_aesenc_epi128(b[i], key);
		if (hashed && r <= GROUP)
			hash_pair(&s, g, hashed, r - 1, state);
		IN_ORDER(b, s);
	}
#pragma GCC unroll 16
	for (int i = 0; i < GROUP; i++) {
		__m256i key = _mm256_xor_si256(round_key(g, rounds), load_pair(data + i * PAIR));

		b[i] = _mm256_aesenclast_epi128(b[i], key);
		_mm256_storeu_si256((__m256i *)(data + i * PAIR), b[i]);
	}
	return hashed ? reduce(&s) : state;
}

/*
 * Key stream for what is left after the groups. The first register is for the last data block, if
 * it has no partner, and for the tag; the others are for the pairs.
 */
INLINE void key_stream(const struct gcm_vaes *g, int rounds, __m256i last, __m256i counter,
	uint32_t pairs, __m256i stream[TAIL])
{
	for (uint32_t at = 0; at <= pairs; at += UNIT) {
		__m256i b[UNIT];

#pragma GCC unroll 16
		for (int i = 0; i < UNIT; i++)
			b[i] = first_round(g, counter, i - 1);
		if (at == 0)
			b[0] = _mm256_xor_si256(reversed_pair(last), round_key(g, 0));
#pragma GCC unroll 16
		for (int r = 1; r < rounds; r++) {
			__m256i key = round_key(g, r);

#pragma GCC unroll 16
			for (int i = 0; i < UNIT; i++)
				b[i] = _mm256_aesenc_epi128(b[i], key);
		}
#pragma GCC unroll 16
		for (int i = 0; i < UNIT; i++)
			stream[at + (uint32_t)i] =
				_mm256_aesenclast_epi128(b[i], round_key(g, rounds));
		counter = _mm256_add_epi32(counter, number(2 * UNIT));
	}
}

/* What is left after the groups, `left` bytes of the message. Returns the tag. */
INLINE __m128i crypt_tail(const struct gcm_vaes *g, int rounds, bool seal, __m128i initial,
	__m256i counter, uint8_t *data, uint32_t left, __m128i lengths, __m128i state)
{
	static const uint8_t masks[2 * PAIR] = {[0 ... PAIR - 1] = 0xff};
	const uint32_t blocks = (left + BLOCK - 1) / BLOCK, pairs = blocks / 2;
	const uint32_t paired = left < pairs * PAIR ? left : pairs * PAIR;
	const __m128i number_of_last =
		_mm256_castsi256_si128(_mm256_add_epi32(counter, number((int)(2 * pairs))));
	struct sums s = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
	__m256i stream[TAIL], before, x, y, keep;

	key_stream(g, rounds, _mm256_set_m128i(initial, number_of_last), counter, pairs, stream);
	/* The state goes to the first block there is: of the data, or that of the lengths. */
	before = blocks ? _mm256_zextsi128_si256(state)
			: _mm256_set_m128i(state, _mm_setzero_si128());
	for (uint32_t i = 0; i < pairs; i++) {
		uint32_t n = left - i * PAIR < PAIR ? left - i * PAIR : PAIR;

		keep = load_pair(masks + PAIR - n);
		x = load_pair(data + i * PAIR);
		y = _mm256_xor_si256(x, _mm256_and_si256(stream[1 + i], keep));
		_mm256_storeu_si256((__m256i *)(data + i * PAIR), y);
		x = reversed_pair(_mm256_and_si256(seal ? y : x, keep));
		multiply(&s, _mm256_xor_si256(x, before), powers(g, blocks + 1 - 2 * i));
		before = _mm256_setzero_si256();
	}
	keep = load_pair(masks + PAIR - (left - paired));
	x = _mm256_zextsi128_si256(load(data + paired));
	y = _mm256_xor_si256(x, _mm256_and_si256(stream[0], keep));
	_mm_storeu_si128((__m128i *)(data + paired), _mm256_castsi256_si128(y));
	x = reversed_pair(_mm256_and_si256(seal ? y : x, keep));
	x = _mm256_xor_si256(x, _mm256_set_m128i(lengths, _mm_setzero_si128()));
	multiply(&s, _mm256_xor_si256(x, before), powers(g, 2));
	return _mm_xor_si128(reversed(reduce(&s)), _mm256_extracti128_si256(stream[0], 1));
}

INLINE int word(const uint8_t *bytes)
{
	int w;

	memcpy(&w, bytes, sizeof(w));
	return w;
}

/* Up to three words: each is read as it was probably written, or loads would wait for stores. */
INLINE __m128i words(const uint8_t *bytes, uint32_t n, int last)
{
	return _mm_set_epi32(last, n > 8 ? word(bytes + 8) : 0, n > 4 ? word(bytes + 4) : 0,
		n ? word(bytes) : 0);
}

/* Returns the tag. */
INLINE __m128i crypt(const struct gcm_vaes *g, int rounds, bool seal, const uint8_t *nonce,
	const uint8_t *aad, uint32_t aad_len, uint8_t *data, uint32_t len)
{
	const __m128i initial = reversed(words(nonce, 12, 0x01000000));
	const __m128i lengths = _mm_set_epi64x((int64_t)aad_len * 8, (int64_t)len * 8);
	__m256i counter = _mm256_add_epi32(_mm256_broadcastsi128_si256(initial), number(1));
	__m128i state =
		product(reversed(words(aad, aad_len, 0)), load(g->power[GCM_VAES_POWERS - 1]));
	const uint32_t lag = seal ? GROUP_BYTES : 0; /* what is hashed is the ciphertext */
	bool behind = false;

	for (; len >= GROUP_BYTES; len -= GROUP_BYTES) {
		if (seal && !behind)
			crypt_group(g, rounds, counter, data, NULL, state);
		else
			state = crypt_group(g, rounds, counter, data, data - lag, state);
		counter = _mm256_add_epi32(counter, number(2 * GROUP));
		data += GROUP_BYTES;
		behind = seal;
	}
	if (behind)
		state = hash_group(g, data - lag, state);
	return crypt_tail(g, rounds, seal, initial, counter, data, len, lengths, state);
}

TARGET void gcm_vaes_seal(const struct gcm_vaes *g, const uint8_t *nonce, const uint8_t *aad,
	uint32_t aad_len, uint8_t *data, uint32_t len)
{
	__m128i tag = g->wide ? crypt(g, 14, true, nonce, aad, aad_len, data, len)
			      : crypt(g, 10, true, nonce, aad, aad_len, data, len);

	_mm_storeu_si128((__m128i *)(data + len), tag);
}

TARGET bool gcm_vaes_open(const struct gcm_vaes *g, const uint8_t *nonce, const uint8_t *aad,
	uint32_t aad_len, uint8_t *data, uint32_t len)
{
	const __m128i there = load(data + len); /* before anything is stored near it */
	__m128i tag = g->wide ? crypt(g, 14, false, nonce, aad, aad_len, data, len)
			      : crypt(g, 10, false, nonce, aad, aad_len, data, len);

	return _mm_movemask_epi8(_mm_cmpeq_epi8(tag, there)) == 0xffff;
}

/* FIPS 197 5.2, with the S-box in AESKEYGENASSIST: its words are SubWord and RotWord of it. */
INLINE void expand_key(struct gcm_vaes *g, const uint8_t *key, uint32_t key_len)
{
	uint32_t w[4 * (GCM_VAES_ROUNDS + 1)], n = key_len / 4, rounds = ROUNDS(g->wide);
	uint32_t constant = 1;

	memcpy(w, key, key_len);
	for (uint32_t i = n; i < 4 * (rounds + 1); i++) {
		__m128i sub = _mm_aeskeygenassist_si128(_mm_set1_epi32((int)w[i - 1]), 0);
		uint32_t mixed = w[i - 1];

		if (i % n == 0) {
			mixed = (uint32_t)_mm_extract_epi32(sub, 1) ^ constant;
			constant = constant << 1 ^ (constant >> 7) * 0x11b;
		} else if (n == 8 && i % n == 4) {
			mixed = (uint32_t)_mm_extract_epi32(sub, 0);
		}
		w[i] = w[i - n] ^ mixed;
	}
	memcpy(g->round, w, (rounds + 1) * BLOCK);
	secret_wipe(w, sizeof(w));
}

/* The hash key by x: a shift, and the polynomial where a bit fell out. */
INLINE __m128i times_x(__m128i h)
{
	const __m128i polynomial = _mm_set_epi64x((int64_t)0xc200000000000000, 1);
	__m128i out = _mm_srli_epi64(h, 63);
	__m128i carry = _mm_sub_epi64(_mm_setzero_si128(), _mm_unpackhi_epi64(out, out));

	h = _mm_or_si128(_mm_slli_epi64(h, 1), _mm_slli_si128(out, 8));
	return _mm_xor_si128(h, _mm_and_si128(carry, polynomial));
}

TARGET void gcm_vaes_init(struct gcm_vaes *g, const uint8_t *key, uint32_t key_len)
{
	__m128i first, power;

	memset(g, 0, sizeof(*g));
	g->wide = key_len == 32;
	expand_key(g, key, key_len);
	first = load(g->round[0]);
	for (int r = 1; r < ROUNDS(g->wide); r++)
		first = _mm_aesenc_si128(first, load(g->round[r]));
	first = _mm_aesenclast_si128(first, load(g->round[ROUNDS(g->wide)]));
	first = power = times_x(reversed(first));
	for (int i = GCM_VAES_POWERS - 1; i >= 0; i--) {
		_mm_storeu_si128((__m128i *)g->power[i], power);
		power = product(power, first);
	}
}
