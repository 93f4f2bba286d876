/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transforms of ESP behind one table of functions: AES-GCM (RFC 4106) by the kernel in
 * gcm_vaes.c, by libipsec-mb or by OpenSSL, AES-CBC with HMAC (RFC 3602, 2404, 4868) by OpenSSL.
 * Inside user/esp only.
 *
 * A packet is: header of 8 bytes, IV, payload with trailer, ICV. All lengths are the table's.
 */
#ifndef SLUICE_ESP_CIPHER_H
#define SLUICE_ESP_CIPHER_H

#include "esp/esp.h"

struct cipher;

struct cipher_ops {
	const char *engine;
	/*
	 * Encrypts and authenticates in place. `packet` points at the ESP header, IV room follows;
	 * len is of the payload with trailer; the ICV is written behind it.
	 */
	bool (*seal)(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence);
	/* Verifies and decrypts in place. False when the ICV is wrong. */
	bool (*open)(struct cipher *c, uint8_t *packet, uint32_t len, uint64_t sequence);
	void (*free)(struct cipher *c);
};

struct cipher {
	const struct cipher_ops *ops;
	uint8_t iv_len;
	uint8_t icv_len;
	uint8_t block; /* payload with trailer is a multiple of this, a power of two, at most 16 */
	bool esn;
	uint16_t size; /* bytes from here on that a packet needs: keys */
};

/* NULL when a length is wrong or the algorithms are not ours. */
struct cipher *cipher_aead_new(const struct esp_params *p, enum esp_engine engine);
struct cipher *cipher_cbc_new(const struct esp_params *p);

#endif
