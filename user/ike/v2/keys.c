/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/v2/keys.h"

/* Hands out consecutive pieces of prf+ output. */
static void take(const uint8_t **from, void *to, size_t len)
{
	memcpy(to, *from, len);
	*from += len;
}

/* {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) */
static bool expand(const struct suite *s, const uint8_t *skeyseed, size_t skeyseed_len,
	const struct nonce *ni, const struct nonce *nr, uint64_t spi_i, uint64_t spi_r,
	struct ike_keys *out)
{
	uint8_t spis[16], all[PRF_MAX * 3 + 2 * INTEG_KEY_MAX + 2 * (CIPHER_KEY_MAX + 4)];
	struct wr w = wr_init(spis, sizeof(spis));
	struct chunk seed[] = {{ni->bytes, ni->len}, {nr->bytes, nr->len}, {spis, sizeof(spis)}};
	size_t integ = s->integ ? s->integ->key_len : 0;
	size_t key = s->cipher->key_len, salt = s->cipher->salt_len;
	size_t total = 3u * s->prf->len + 2 * integ + 2 * (key + salt);
	const uint8_t *from = all;

	wr_u64(&w, spi_i);
	wr_u64(&w, spi_r);
	if (!prf_plus(s->prf, skeyseed, skeyseed_len, seed, 3, all, total))
		return false;
	memset(out, 0, sizeof(*out));
	take(&from, out->d, s->prf->len);
	take(&from, out->i.integ, integ);
	take(&from, out->r.integ, integ);
	take(&from, out->i.encr, key);
	take(&from, out->i.salt, salt);
	take(&from, out->r.encr, key);
	take(&from, out->r.salt, salt);
	take(&from, out->p_i, s->prf->len);
	take(&from, out->p_r, s->prf->len);
	secret_wipe(all, sizeof(all));
	return true;
}

bool keys_derive(const struct suite *s, const struct dh_secret *shared, const struct nonce *ni,
	const struct nonce *nr, uint64_t spi_i, uint64_t spi_r, struct ike_keys *out)
{
	uint8_t nonces[2 * IKE_NONCE_MAX], skeyseed[PRF_MAX];
	struct wr w = wr_init(nonces, sizeof(nonces));
	struct chunk chunk = {shared->bytes, shared->len};
	bool ok;

	wr_bytes(&w, ni->bytes, ni->len);
	wr_bytes(&w, nr->bytes, nr->len);
	ok = !w.bad && prf_compute(s->prf, nonces, wr_len(&w), &chunk, 1, skeyseed) &&
	     expand(s, skeyseed, s->prf->len, ni, nr, spi_i, spi_r, out);
	secret_wipe(skeyseed, sizeof(skeyseed));
	return ok;
}

bool keys_derive_rekeyed(const struct suite *s, const struct prf *old_prf, const uint8_t *old_d,
	const struct dh_secret *shared, const struct nonce *ni, const struct nonce *nr,
	uint64_t spi_i, uint64_t spi_r, struct ike_keys *out)
{
	struct chunk chunks[] = {
		{shared->bytes, shared->len}, {ni->bytes, ni->len}, {nr->bytes, nr->len}};
	uint8_t skeyseed[PRF_MAX];
	bool ok = prf_compute(old_prf, old_d, old_prf->len, chunks, 3, skeyseed) &&
		  expand(s, skeyseed, old_prf->len, ni, nr, spi_i, spi_r, out);

	secret_wipe(skeyseed, sizeof(skeyseed));
	return ok;
}

bool keys_derive_child(const struct prf *prf, const uint8_t *sk_d, const struct dh_secret *shared,
	const struct nonce *ni, const struct nonce *nr, const struct suite *esp, bool initiator,
	struct esp_keys *out)
{
	uint8_t all[2 * (CIPHER_KEY_MAX + CIPHER_SALT_MAX + INTEG_KEY_MAX)];
	struct chunk seed[] = {{shared ? shared->bytes : NULL, shared ? shared->len : 0},
		{ni->bytes, ni->len}, {nr->bytes, nr->len}};
	size_t integ = esp->integ ? esp->integ->key_len : 0;
	size_t key = esp->cipher->key_len, salt = esp->cipher->salt_len;
	const uint8_t *from = all;
	struct esp_keys *k = out;

	if (!prf_plus(prf, sk_d, prf->len, seed, 3, all, 2 * (key + salt + integ)))
		return false;
	memset(k, 0, sizeof(*k));
	/* 2.17: the initiator-to-responder SA first; encryption before integrity. */
	take(&from, initiator ? k->key_out : k->key_in, key);
	take(&from, initiator ? k->salt_out : k->salt_in, salt);
	take(&from, initiator ? k->integ_out : k->integ_in, integ);
	take(&from, initiator ? k->key_in : k->key_out, key);
	take(&from, initiator ? k->salt_in : k->salt_out, salt);
	take(&from, initiator ? k->integ_in : k->integ_out, integ);
	secret_wipe(all, sizeof(all));
	return true;
}

bool keys_auth_psk(const struct prf *prf, const struct secret *psk, struct span first_message,
	const struct nonce *peer_nonce, const uint8_t *sk_p, struct span id_body, uint8_t *out)
{
	static const char pad[] = "Key Pad for IKEv2";
	struct chunk pad_chunk = {pad, sizeof(pad) - 1}, id_chunk = {id_body.bytes, id_body.len};
	uint8_t key[PRF_MAX], maced_id[PRF_MAX];
	struct chunk octets[] = {{first_message.bytes, first_message.len},
		{peer_nonce->bytes, peer_nonce->len}, {maced_id, prf->len}};
	bool ok = prf_compute(prf, psk->bytes, psk->len, &pad_chunk, 1, key) &&
		  prf_compute(prf, sk_p, prf->len, &id_chunk, 1, maced_id) &&
		  prf_compute(prf, key, prf->len, octets, 3, out);

	secret_wipe(key, sizeof(key));
	return ok;
}
