/* SPDX-License-Identifier: Apache-2.0 */
/* Answers pings through the SA pairs of one tunnel: both ends have the same keys when one returns. */
#ifndef SLUICE_TESTS_ESP_ECHO_H
#define SLUICE_TESTS_ESP_ECHO_H

#include "base/secret.h"
#include "esp/esp.h"
#include "ike/effect.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define ECHO_PAIRS  8
#define ECHO_PACKET 2048

static struct echo_pair {
	uint32_t spi_in;
	struct esp_sa *in, *out;
} echo_pairs[ECHO_PAIRS];

static inline void echo_del(uint32_t spi_in)
{
	for (size_t i = 0; i < ECHO_PAIRS; i++) {
		struct echo_pair *p = &echo_pairs[i];

		if (p->spi_in != spi_in)
			continue;
		esp_sa_free(p->in);
		esp_sa_free(p->out);
		memset(p, 0, sizeof(*p));
		return;
	}
}

static inline struct esp_sa *echo_sa(const struct effect_sa_add *a, bool outbound)
{
	const struct esp_keys *k = &a->keys;
	struct esp_params p = {
		.spi = outbound ? a->spi_out : a->spi_in,
		.outbound = outbound,
		.cipher = a->cipher->id,
		.integ = a->integ ? a->integ->id : ESP_INTEG_NONE,
		.esn = a->esn,
		.replay_window = a->replay_window,
		.key_len = a->cipher->key_len,
		.integ_len = a->integ ? a->integ->key_len : 0,
		.local = a->local_ts,
		.remote = a->remote_ts,
	};
	struct esp_sa *sa;

	memcpy(p.key, outbound ? k->key_out : k->key_in, p.key_len);
	memcpy(p.salt, outbound ? k->salt_out : k->salt_in, sizeof(p.salt));
	memcpy(p.integ_key, outbound ? k->integ_out : k->integ_in, p.integ_len);
	sa = esp_sa_new(&p, ESP_ENGINE_AUTO);
	secret_wipe(&p, sizeof(p));
	return sa;
}

static inline void echo_add(const struct effect_sa_add *a)
{
	for (size_t i = 0; i < ECHO_PAIRS; i++) {
		if (echo_pairs[i].spi_in)
			continue;
		echo_pairs[i] = (struct echo_pair){a->spi_in, echo_sa(a, false), echo_sa(a, true)};
		return;
	}
}

/*
 * An ESP-in-UDP datagram of `len` bytes. When it holds an IPv4 echo request, the sealed reply is in
 * *reply and its length is returned; 0 otherwise.
 */
static inline uint32_t echo_answer(const uint8_t *esp, uint32_t len, uint8_t **reply)
{
	static uint8_t buffer[ESP_HEADROOM + ECHO_PACKET + ESP_TAILROOM];
	uint8_t *packet = buffer + ESP_HEADROOM, address[4];
	uint32_t spi, sum;
	struct echo_pair *p = NULL;
	enum esp_result result;
	struct inner in;

	if (len < ESP_HEADER_SIZE || len > ECHO_PACKET)
		return 0;
	memcpy(&spi, esp, sizeof(spi));
	for (size_t i = 0; spi && i < ECHO_PAIRS; i++)
		if (echo_pairs[i].spi_in == ntohl(spi))
			p = &echo_pairs[i];
	if (!p || !p->in || !p->out)
		return 0;
	memcpy(packet, esp, len);
	result = esp_open(p->in, &packet, &len, &in);
	if (result != ESP_OK) {
		printf("esp %08x: result %d\n", p->spi_in, (int)result);
		return 0;
	}
	if (in.family != 4 || in.protocol != IPPROTO_ICMP || in.total < in.transport + 8 ||
		packet[in.transport] != 8)
		return 0;
	memcpy(address, packet + 12, 4);
	memcpy(packet + 12, packet + 16, 4);
	memcpy(packet + 16, address, 4);
	packet[in.transport] = 0; /* echo reply; RFC 1624: what the type lost the checksum gains */
	sum = ((uint32_t)packet[in.transport + 2] << 8 | packet[in.transport + 3]) + 0x0800;
	sum = (sum & 0xffff) + (sum >> 16);
	packet[in.transport + 2] = (uint8_t)(sum >> 8);
	packet[in.transport + 3] = (uint8_t)sum;
	if (esp_seal(p->out, &packet, &len) != ESP_OK)
		return 0;
	*reply = packet;
	return len;
}

#endif
