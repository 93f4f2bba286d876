/* SPDX-License-Identifier: Apache-2.0 */
/*
 * esp_open: the input as a packet from anyone, and as the plaintext of an authentic packet, which is
 * what a hostile peer with the key can send.
 */
#include "esp/cipher.h"
#include "esp/esp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct esp_params params(uint8_t choice, bool outbound)
{
	struct esp_params p = {.spi = 0x01020304,
		.outbound = outbound,
		.cipher = choice & 1   ? ESP_AES_CBC
			  : choice & 4 ? ESP_CHACHA20_POLY1305
				       : ESP_AES_GCM_16,
		.integ = choice & 1 ? ESP_HMAC_SHA256_128 : ESP_INTEG_NONE,
		.esn = choice & 2,
		.replay_window = 64,
		.key_len = choice & 4 ? 32 : 16,
		.integ_len = choice & 1 ? 32 : 0,
		.local.count = 1,
		.remote.count = 1};

	/* Selectors that a packet can miss. */
	p.local.selectors[0].first.family = p.local.selectors[0].last.family = AF_INET;
	memset(p.local.selectors[0].last.bytes, 0x7f, 4);
	p.local.selectors[0].last_port = 0xffff;
	p.remote = p.local;
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct esp_params in = params(size ? data[0] : 0, false);
	struct esp_params out = params(size ? data[0] : 0, true);
	uint8_t *room, *packet;
	struct cipher *c;
	struct esp_sa *sa;
	struct inner inner;
	uint32_t len;

	if (!size || size > 2000)
		return 0;
	data++, size--;
	sa = esp_sa_new(&in, ESP_ENGINE_OPENSSL);

	/* From anyone. Exactly sized, so that the sanitizer sees a read behind the end. */
	room = malloc(size ? size : 1);
	memcpy(room, data, size);
	packet = room;
	len = (uint32_t)size;
	if (esp_open(sa, &packet, &len, &inner) == ESP_OK)
		abort(); /* nobody forges an ICV */
	free(room);

	/* From the peer. */
	c = out.cipher == ESP_AES_CBC ? cipher_cbc_new(&out)
				      : cipher_aead_new(&out, ESP_ENGINE_OPENSSL);
	size -= size % c->block;
	if (size >= 2) {
		uint32_t around = ESP_HEADER_SIZE + c->iv_len;

		room = calloc(1, around + size + c->icv_len);
		memcpy(room, (const uint8_t[]){1, 2, 3, 4, 0, 0, 0, 9}, 8);
		memcpy(room + around, data, size);
		if (!c->ops->seal(c, room, (uint32_t)size, 9))
			abort();
		packet = room;
		len = around + (uint32_t)size + c->icv_len;
		switch (esp_open(sa, &packet, &len, &inner)) {
		case ESP_OK:
			if (packet < room || len != inner.total || len > size)
				abort();
			break;
		case ESP_AUTH:
		case ESP_REPLAY:
			abort(); /* it was authentic and new */
		default:
			break;
		}
		free(room);
	}
	c->ops->free(c);
	esp_sa_free(sa);
	return 0;
}
