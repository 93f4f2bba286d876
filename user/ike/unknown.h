/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that nobody configured: who was refused, at which address of ours, and why. The table has two
 * parts. Who returned a cookie or got further is where he says, and stands in one; all others, whose
 * addresses may be invented, stand in the other. A newcomer takes the place of whoever was not seen for
 * longest in his part, of the second one only of those that were not seen again and again; in the first one of
 * whoever is in his own network, when those are many.
 */
#ifndef SLUICE_IKE_UNKNOWN_H
#define SLUICE_IKE_UNKNOWN_H

#include "base/types.h"
#include "ike/reason.h"

#include <stdbool.h>
#include <stdint.h>

#define UNKNOWN_PROVEN 192
#define UNKNOWN_MAX    256 /* of both parts */

#define UNKNOWN_OF_NETWORK 16 /* who may push out others */
#define UNKNOWN_BITS_V4    24 /* of an address: what one owner may have all of */
#define UNKNOWN_BITS_V6    56

struct unknown_device {
	struct ip_addr local; /* of ours; family 0: the entry is free */
	struct ip_endpoint remote;
	bool proven;
	enum reason reason; /* of the last refusal, as is the next */
	char detail[REASON_TEXT_SIZE];
	uint32_t count;
	uint64_t first, last; /* on the engine's clock */
};

struct unknown_table {
	struct unknown_device devices[UNKNOWN_MAX];
	uint32_t keys[UNKNOWN_MAX]; /* of the addresses, to find them fast */
	bool changed[UNKNOWN_MAX];
	bool any_changed;
};

/* One more refusal. */
void unknown_seen(struct unknown_table *u, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, bool proven, enum reason why, const char *detail,
	uint64_t now);

/* When it was refused last, for anything but that it did not go on; 0: never. */
uint64_t unknown_news(
	struct unknown_table *u, const struct ip_addr *local, const struct ip_addr *remote);

/* It is known now. */
void unknown_forget(
	struct unknown_table *u, const struct ip_addr *local, const struct ip_addr *remote);

/* The next entry from *at on that has changed since it was asked for last, NULL after the last; *at is its
 * place. Begins at UINT32_MAX. */
const struct unknown_device *unknown_next_change(struct unknown_table *u, uint32_t *at);

#endif
