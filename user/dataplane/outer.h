/* SPDX-License-Identifier: Apache-2.0 */
/* The outer headers of a frame that XDP sent to us: where ESP starts and who sent it. */
#ifndef SLUICE_DATAPLANE_OUTER_H
#define SLUICE_DATAPLANE_OUTER_H

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct outer {
	uint32_t esp; /* offset of the SPI in the frame */
	uint32_t esp_len;
	uint32_t spi; /* host order */
	bool udp_encap;
	uint8_t traffic_class;
	struct ip_endpoint remote; /* port 0 without UDP */
};

/* False when the frame is not whole ESP: nothing that passed XDP, but rings are not trusted. */
bool outer_parse(const uint8_t *frame, uint32_t len, struct outer *o);

#endif
