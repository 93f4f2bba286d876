/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-GCM (NIST SP 800-38D) for x86 CPUs that have VAES and VPCLMULQDQ on 256-bit registers and no
 * AVX-512, which general libraries pass over. One call a packet, in place, the tag behind the
 * data. Time depends on lengths only: no secret chooses a branch or an address.
 */
#ifndef SLUICE_ESP_GCM_VAES_H
#define SLUICE_ESP_GCM_VAES_H

#include <stdbool.h>
#include <stdint.h>

#define GCM_VAES_TAG    16
#define GCM_VAES_ROUNDS 14 /* of AES-256 */
#define GCM_VAES_POWERS 17

/* Secret as a whole: the owner wipes it. */
struct gcm_vaes {
	bool wide; /* AES-256 */
	uint8_t round[GCM_VAES_ROUNDS + 1][16] __attribute__((aligned(16)));
	uint8_t power[GCM_VAES_POWERS][16]; /* of the hash key: the 17th first, the first last */
};

/* This CPU has the instructions and its kernel keeps the registers. Nothing below may run if not. */
bool gcm_vaes_usable(void);

/* key_len 16 or 32. */
void gcm_vaes_init(struct gcm_vaes *g, const uint8_t *key, uint32_t key_len);

/*
 * Encrypts len bytes at data (below 2^31) and writes the tag behind them. The nonce is 12 bytes,
 * aad_len 0, 4, 8 or 12.
 */
void gcm_vaes_seal(const struct gcm_vaes *g, const uint8_t *nonce, const uint8_t *aad,
	uint32_t aad_len, uint8_t *data, uint32_t len);

/* The inverse: decrypts, and says whether the tag behind the data is right. The tag stays. */
bool gcm_vaes_open(const struct gcm_vaes *g, const uint8_t *nonce, const uint8_t *aad,
	uint32_t aad_len, uint8_t *data, uint32_t len);

#endif
