/* SPDX-License-Identifier: Apache-2.0 */
/* UPDATE: RFC 4271 4.3, 6.3; RFC 4760; RFC 7606; End-of-RIB of RFC 4724 2. */
#ifndef SLUICE_BGP_UPDATE_H
#define SLUICE_BGP_UPDATE_H

#include "bgp/attr.h"
#include "bgp/message.h"
#include "bgp/notify.h"

#include <stdbool.h>
#include <stdint.h>

/* What an UPDATE says of one family; the prefixes were checked and are read by nlri_next. */
struct update_part {
	struct rd reach[2]; /* of the message itself (IPv4 only), of the multiprotocol attribute */
	struct rd unreach[2];
	bool end_of_rib;
};

struct update {
	struct update_part part[BGP_FAMILIES];
	struct attr_draft attrs;
	struct attr_result result; /* of the attributes; ATTR_WITHDRAW: take reach as unreach */
};

/* Decodes and checks the body of an UPDATE. False: *error says what to send (RFC 7606: ATTR_RESET). */
bool update_decode(struct rd body, const struct attr_context *context, struct update *u,
	struct bgp_notify *error);

/* The next prefix of a checked list; false at its end. Host bits are cleared. */
bool nlri_next(struct rd *list, enum bgp_family family, struct ip_prefix *p);

/* Writes one prefix. */
void nlri_put(struct wr *w, const struct ip_prefix *p);

/* Messages of one family: prefixes in wire form, at most UPDATE_NLRI_MAX bytes of them. */
#define UPDATE_NLRI_MAX 1200

/*
 * A whole UPDATE (RFC 4271 4.3; RFC 4760 for IPv6) that announces the prefixes in nlri with these attributes, as
 * they are exported to the peer; one that withdraws them; and the one that says that all was told (RFC 4724 2).
 */
void update_encode_reach(struct wr *w, enum bgp_family family, const struct attrs *a,
	const struct attr_export *x, const struct ip_addr *next_hop, const uint8_t *nlri,
	size_t len);
void update_encode_unreach(struct wr *w, enum bgp_family family, const uint8_t *nlri, size_t len);
void update_encode_end_of_rib(struct wr *w, enum bgp_family family);

#endif
