/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of one ESP SA pair, as an effect hands them out. */
#ifndef SLUICE_IKE_ESP_KEYS_H
#define SLUICE_IKE_ESP_KEYS_H

#include "crypto/cipher.h"
#include "crypto/hmac.h"

struct esp_keys {
	uint8_t key_in[CIPHER_KEY_MAX], key_out[CIPHER_KEY_MAX];
	uint8_t salt_in[CIPHER_SALT_MAX], salt_out[CIPHER_SALT_MAX];
	uint8_t integ_in[INTEG_KEY_MAX], integ_out[INTEG_KEY_MAX];
};

#endif
