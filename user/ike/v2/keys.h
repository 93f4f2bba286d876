/* SPDX-License-Identifier: Apache-2.0 */
/* Key material of IKEv2: RFC 7296 2.13 to 2.18. */
#ifndef SLUICE_IKE_V2_KEYS_H
#define SLUICE_IKE_V2_KEYS_H

#include "crypto/dh.h"
#include "ike/esp_keys.h"
#include "ike/v2/message.h"

struct nonce {
	uint16_t len;
	uint8_t bytes[IKE_NONCE_MAX];
};

/* Everything SKEYSEED gives, by role. */
struct ike_keys {
	uint8_t d[PRF_MAX];
	uint8_t p_i[PRF_MAX], p_r[PRF_MAX];
	struct sk_keys i, r;
};

/* 2.14: a new IKE SA. */
bool keys_derive(const struct suite *s, const struct dh_secret *shared, const struct nonce *ni,
	const struct nonce *nr, uint64_t spi_i, uint64_t spi_r, struct ike_keys *out);

/* 2.18: a rekeyed one; SK_d and PRF are the old SA's. */
bool keys_derive_rekeyed(const struct suite *s, const struct prf *old_prf, const uint8_t *old_d,
	const struct dh_secret *shared, const struct nonce *ni, const struct nonce *nr,
	uint64_t spi_i, uint64_t spi_r, struct ike_keys *out);

/* 2.17: KEYMAT of a child; `shared` NULL without PFS. `initiator`: of this exchange are we. */
bool keys_derive_child(const struct prf *prf, const uint8_t *sk_d, const struct dh_secret *shared,
	const struct nonce *ni, const struct nonce *nr, const struct suite *esp, bool initiator,
	struct esp_keys *out);

/*
 * 2.15, shared key: AUTH of the side whose first message, peer's nonce, ID payload body and SK_p
 * are given, into out[prf->len].
 */
bool keys_auth_psk(const struct prf *prf, const struct secret *psk, struct span first_message,
	const struct nonce *peer_nonce, const uint8_t *sk_p, struct span id_body, uint8_t *out);

#endif
