/* SPDX-License-Identifier: Apache-2.0 */
/* Between ike and data: SAs with their keys, which never pass through hub. */
#ifndef SLUICE_IPC_MSG_SA_H
#define SLUICE_IPC_MSG_SA_H

#include "ipc/imsg.h"

#include <assert.h>

struct imsg_sa_keep {
	uint32_t tunnel;
	uint32_t spi_in, spi_out;
	uint32_t in_use; /* it sends */
};

/* Keys are wiped from every buffer by imsg_send() and by the receiver. */
struct imsg_sa_add {
	uint32_t tunnel;
	uint32_t spi_in; /* low 14 bits: slot in the SPI table, see abi.h */
	uint32_t spi_out;
	uint16_t cipher; /* enum esp_cipher */
	uint16_t integ;  /* enum esp_integ */
	bool esn;
	bool udp_encap;
	uint16_t replay_window; /* packets */
	uint16_t key_len;       /* bytes of each cipher key, salt not counted */
	uint16_t integ_len;     /* bytes of each integrity key */
	uint8_t key_in[32], key_out[32];
	uint8_t salt_in[4], salt_out[4];
	uint8_t integ_in[64], integ_out[64];
	struct ip_endpoint local; /* port 500 or 4500: the encapsulation port when udp_encap */
	struct ip_endpoint remote;
	struct selector_set local_ts;
	struct selector_set remote_ts;
};

struct imsg_esp_slow {
	struct ip_endpoint remote;
	uint32_t len;  /* bytes that follow: ESP from the SPI on */
	uint32_t lost; /* before this one, because there were too many */
	uint8_t traffic_class;
};

struct imsg_peer_moved {
	uint32_t tunnel;
	uint32_t spi_in;
	struct ip_endpoint remote;
};

static_assert(sizeof(struct imsg_sa_add) < IMSG_MAX_SIZE / 2, "an SA fits");

#endif
