/* SPDX-License-Identifier: Apache-2.0 */
/* Key material of IKEv1: RFC 2409 5, 5.5 and appendix B. */
#ifndef SLUICE_IKE_V1_KEYS_H
#define SLUICE_IKE_V1_KEYS_H

#include "ike/v2/keys.h"

/* What phase 1 gives. SKEYID_e is not kept: the cipher's key comes from it. */
struct v1_keys {
	uint8_t skeyid[PRF_MAX];
	uint8_t d[PRF_MAX];
	uint8_t a[PRF_MAX];
	uint8_t encr[CIPHER_KEY_MAX];
	uint8_t iv[CIPHER_IV_MAX]; /* the running one of phase 1, in the end its last block */
};

/* The two sides of one phase 1, as its hashes take them in. */
struct v1_facts {
	uint64_t spi_i, spi_r;
	struct span public_i, public_r;
	struct span sa; /* body of the initiator's SA payload */
};

/* SKEYID of a shared key, and of signatures. */
bool v1_skeyid_psk(const struct prf *prf, const struct secret *psk, const struct nonce *ni,
	const struct nonce *nr, struct v1_keys *out);
bool v1_skeyid_signature(const struct prf *prf, const struct dh_secret *shared,
	const struct nonce *ni, const struct nonce *nr, struct v1_keys *out);

/* SKEYID_d, SKEYID_a, the cipher's key and the first IV; SKEYID is there. */
bool v1_keys_expand(const struct suite *s, const struct dh_secret *shared, const struct v1_facts *f,
	struct v1_keys *k);

/*
 * HASH_I or HASH_R over the body of that side's ID payload, into out[with->len]. `with` is the
 * negotiated PRF, except where a signature method has one of its own.
 */
bool v1_hash_phase1(const struct prf *prf, const struct prf *with, const struct v1_keys *k,
	const struct v1_facts *f, bool of_initiator, struct span id, uint8_t *out);

/* The IV of a message that begins an exchange of phase 2. */
bool v1_iv_phase2(
	const struct prf *prf, const struct v1_keys *k, uint32_t id, uint8_t iv[CIPHER_IV_MAX]);

/* prf(SKEYID_a, chunks...) into out[prf->len]: HASH(1), HASH(2), HASH(3). */
bool v1_hash_phase2(const struct prf *prf, const struct v1_keys *k, const struct chunk *chunks,
	size_t count, uint8_t *out);

/*
 * KEYMAT of both SAs of a pair: 5.5. `shared` is NULL without PFS. Each direction hangs on the SPI
 * that its receiver chose.
 */
bool v1_keys_child(const struct prf *prf, const struct v1_keys *k, const struct dh_secret *shared,
	const struct nonce *ni, const struct nonce *nr, const struct suite *esp, uint32_t spi_in,
	uint32_t spi_out, struct esp_keys *out);

#endif
