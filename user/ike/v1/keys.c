/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/v1/keys.h"

#include "crypto/hash.h"
#include "ike/v1/message.h"

#define CHAIN_CHUNKS_MAX 6

bool v1_skeyid_psk(const struct prf *prf, const struct secret *psk, const struct nonce *ni,
	const struct nonce *nr, struct v1_keys *out)
{
	struct chunk chunks[] = {{ni->bytes, ni->len}, {nr->bytes, nr->len}};

	memset(out, 0, sizeof(*out));
	return prf_compute(prf, psk->bytes, psk->len, chunks, 2, out->skeyid);
}

bool v1_skeyid_signature(const struct prf *prf, const struct dh_secret *shared,
	const struct nonce *ni, const struct nonce *nr, struct v1_keys *out)
{
	uint8_t nonces[2 * IKE_NONCE_MAX];
	struct wr w = wr_init(nonces, sizeof(nonces));
	struct chunk chunk = {shared->bytes, shared->len};

	memset(out, 0, sizeof(*out));
	wr_bytes(&w, ni->bytes, ni->len);
	wr_bytes(&w, nr->bytes, nr->len);
	return !w.bad && prf_compute(prf, nonces, wr_len(&w), &chunk, 1, out->skeyid);
}

/* K1 = prf(K, seed), Kn = prf(K, Kn-1 | seed), one behind the other: appendix B and 5.5. */
static bool chain(const struct prf *prf, const uint8_t *key, const struct chunk *seed, size_t count,
	uint8_t *out, size_t len)
{
	struct chunk chunks[CHAIN_CHUNKS_MAX + 1];
	uint8_t block[PRF_MAX];
	bool ok = count <= CHAIN_CHUNKS_MAX;

	for (size_t at = 0; ok && at < len; at += prf->len) {
		size_t piece = len - at < prf->len ? len - at : prf->len;

		chunks[0] = (struct chunk){block, at ? prf->len : 0};
		memcpy(&chunks[1], seed, count * sizeof(*seed));
		ok = prf_compute(prf, key, prf->len, chunks, count + 1, block);
		if (ok)
			memcpy(out + at, block, piece);
	}
	secret_wipe(block, sizeof(block));
	return ok;
}

/*
 * Appendix B: SKEYID_e is the key when it is long enough, else it is stretched: K1 = prf(SKEYID_e,
 * 0), Kn = prf(SKEYID_e, Kn-1).
 */
static bool cipher_key(const struct suite *s, const uint8_t *e, uint8_t *out)
{
	static const uint8_t zero[1];
	uint8_t block[PRF_MAX];
	struct chunk chunk = {zero, 1};
	bool ok = true;

	if (s->cipher->key_len <= s->prf->len) {
		memcpy(out, e, s->cipher->key_len);
		return true;
	}
	for (size_t at = 0; ok && at < s->cipher->key_len; at += s->prf->len) {
		size_t left = s->cipher->key_len - at;

		ok = prf_compute(s->prf, e, s->prf->len, &chunk, 1, block);
		memcpy(out + at, block, left < s->prf->len ? left : s->prf->len);
		chunk = (struct chunk){block, s->prf->len};
	}
	secret_wipe(block, sizeof(block));
	return ok;
}

static void put_cookies(const struct v1_facts *f, bool initiator_first, uint8_t out[V1_COOKIES_LEN])
{
	struct wr w = wr_init(out, V1_COOKIES_LEN);

	wr_u64(&w, initiator_first ? f->spi_i : f->spi_r);
	wr_u64(&w, initiator_first ? f->spi_r : f->spi_i);
}

/* IVs are the first bytes of a plain digest. */
static bool first_iv(const struct prf *prf, const struct chunk *chunks, uint8_t iv[CIPHER_IV_MAX])
{
	uint8_t digest[PRF_MAX];

	if (!hash_compute(prf, chunks, 2, digest))
		return false;
	memcpy(iv, digest, CIPHER_IV_MAX);
	return true;
}

bool v1_keys_expand(const struct suite *s, const struct dh_secret *shared, const struct v1_facts *f,
	struct v1_keys *k)
{
	static const uint8_t numbers[3] = {0, 1, 2};
	uint8_t cookies[V1_COOKIES_LEN], e[PRF_MAX];
	size_t len = s->prf->len;
	struct chunk publics[] = {
		{f->public_i.bytes, f->public_i.len}, {f->public_r.bytes, f->public_r.len}};
	struct chunk chunks[] = {{NULL, 0}, {shared->bytes, shared->len},
		{cookies, sizeof(cookies)}, {&numbers[0], 1}};
	bool ok;

	put_cookies(f, true, cookies);
	ok = prf_compute(s->prf, k->skeyid, len, chunks, 4, k->d);
	chunks[0] = (struct chunk){k->d, len};
	chunks[3].bytes = &numbers[1];
	ok = ok && prf_compute(s->prf, k->skeyid, len, chunks, 4, k->a);
	chunks[0].bytes = k->a;
	chunks[3].bytes = &numbers[2];
	ok = ok && prf_compute(s->prf, k->skeyid, len, chunks, 4, e) && cipher_key(s, e, k->encr) &&
	     first_iv(s->prf, publics, k->iv);
	secret_wipe(e, sizeof(e));
	return ok;
}

bool v1_hash_phase1(const struct prf *prf, const struct prf *with, const struct v1_keys *k,
	const struct v1_facts *f, bool of_initiator, struct span id, uint8_t *out)
{
	const struct span *first = of_initiator ? &f->public_i : &f->public_r;
	const struct span *second = of_initiator ? &f->public_r : &f->public_i;
	uint8_t cookies[V1_COOKIES_LEN];
	struct chunk chunks[] = {{first->bytes, first->len}, {second->bytes, second->len},
		{cookies, sizeof(cookies)}, {f->sa.bytes, f->sa.len}, {id.bytes, id.len}};

	put_cookies(f, of_initiator, cookies);
	return prf_compute(with, k->skeyid, prf->len, chunks, 5, out);
}

bool v1_iv_phase2(
	const struct prf *prf, const struct v1_keys *k, uint32_t id, uint8_t iv[CIPHER_IV_MAX])
{
	uint8_t number[4];
	struct wr w = wr_init(number, sizeof(number));
	struct chunk chunks[] = {{k->iv, CIPHER_IV_MAX}, {number, sizeof(number)}};

	wr_u32(&w, id);
	return first_iv(prf, chunks, iv);
}

bool v1_hash_phase2(const struct prf *prf, const struct v1_keys *k, const struct chunk *chunks,
	size_t count, uint8_t *out)
{
	return prf_compute(prf, k->a, prf->len, chunks, count, out);
}

/* One direction: encryption key, salt, integrity key. */
static bool one_way(const struct prf *prf, const struct v1_keys *k, const struct dh_secret *shared,
	const struct nonce *ni, const struct nonce *nr, const struct suite *esp, uint32_t spi,
	uint8_t *key, uint8_t *salt, uint8_t *integ)
{
	uint8_t all[CIPHER_KEY_MAX + CIPHER_SALT_MAX + INTEG_KEY_MAX] = {0}, label[5];
	struct wr w = wr_init(label, sizeof(label));
	struct chunk seed[] = {{shared ? shared->bytes : NULL, shared ? shared->len : 0},
		{label, sizeof(label)}, {ni->bytes, ni->len}, {nr->bytes, nr->len}};
	size_t integ_len = esp->integ ? esp->integ->key_len : 0;
	struct rd r = rd_init(all, sizeof(all));
	bool ok;

	wr_u8(&w, PROTOCOL_ESP);
	wr_u32(&w, spi);
	ok = chain(
		prf, k->d, seed, 4, all, esp->cipher->key_len + esp->cipher->salt_len + integ_len);
	rd_copy(&r, key, esp->cipher->key_len);
	rd_copy(&r, salt, esp->cipher->salt_len);
	rd_copy(&r, integ, integ_len);
	secret_wipe(all, sizeof(all));
	return ok;
}

bool v1_keys_child(const struct prf *prf, const struct v1_keys *k, const struct dh_secret *shared,
	const struct nonce *ni, const struct nonce *nr, const struct suite *esp, uint32_t spi_in,
	uint32_t spi_out, struct esp_keys *out)
{
	memset(out, 0, sizeof(*out));
	return one_way(prf, k, shared, ni, nr, esp, spi_in, out->key_in, out->salt_in,
		       out->integ_in) &&
	       one_way(prf, k, shared, ni, nr, esp, spi_out, out->key_out, out->salt_out,
		       out->integ_out);
}
