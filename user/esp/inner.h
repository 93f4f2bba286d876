/* SPDX-License-Identifier: Apache-2.0 */
/* The inner packet: what is needed of it for selectors, segmentation and coalescing. */
#ifndef SLUICE_ESP_INNER_H
#define SLUICE_ESP_INNER_H

#include "base/types.h"

#include <stdbool.h>
#include <stdint.h>

struct inner {
	uint8_t family; /* 4 or 6 */
	uint8_t protocol;
	bool fragment; /* any fragment, the first included */
	bool later;    /* a fragment without transport header */
	bool dont_fragment;
	uint32_t total;     /* bytes by the IP header */
	uint32_t transport; /* offset of the transport header */
	const uint8_t *source, *destination;
	uint16_t source_port, destination_port; /* 0 unless TCP, UDP, SCTP, DCCP and present */
};

/*
 * Reads the IP header at `bytes`. False when version, lengths or header do not fit into len. Longer
 * than the IP header says is fine (RFC 4303 2.7 padding). Points into bytes. When false, *in is worthless.
 */
bool inner_parse(const uint8_t *bytes, uint32_t len, struct inner *in);

/*
 * RFC 4301 5.2: the hub's address must be in `local`, the site's in `remote`. to_hub: the packet
 * comes from the site. A fragment without ports matches only selectors for all ports (RFC 4301 7.4).
 */
bool inner_selected(const struct inner *in, const struct selector_set *local,
	const struct selector_set *remote, bool to_hub);

/* True when the set is all of IPv4 and all of IPv6, any protocol and port. */
bool selectors_any(const struct selector_set *set);

#endif
