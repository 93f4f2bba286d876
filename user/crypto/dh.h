/* SPDX-License-Identifier: Apache-2.0 */
/* Key exchange groups of IKE (IANA transform type 4) and one exchange in one of them. */
#ifndef SLUICE_CRYPTO_DH_H
#define SLUICE_CRYPTO_DH_H

#include "base/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DH_PUBLIC_MAX 1024 /* bytes: MODP 8192 */

struct dh_group {
	uint16_t id;
	uint16_t public_len; /* bytes of the KE payload's data */
	uint16_t shared_len; /* bytes of g^ir, left-padded */
	uint8_t kind;        /* enum dh_kind of dh.c */
	const char *name;
	const char *group; /* OpenSSL name; NULL: it has none */
};

/* The private half of one exchange. */
struct dh;

/* The shared secret. Larger than struct secret allows for MODP 4096 and up. */
struct dh_secret {
	uint16_t len;
	uint8_t bytes[DH_PUBLIC_MAX];
};

/* NULL when there is no such row. */
const struct dh_group *dh_group_find(uint16_t id);

/* A fresh key pair; NULL when the library fails. */
struct dh *dh_new(const struct dh_group *g);
void dh_free(struct dh *dh);

/* Writes g->public_len bytes. */
bool dh_public(const struct dh *dh, uint8_t *out);

/*
 * Derives g^ir. False when the peer's value has the wrong length, is not in the group (RFC 6989
 * 2.1 to 2.3), or gives an all-zero secret (RFC 8031 2). Every result is left-padded to
 * shared_len.
 */
bool dh_shared(const struct dh *dh, const uint8_t *peer, size_t peer_len, struct dh_secret *out);

/*
 * The responder's part at once: our value (g->public_len bytes) and g^ir. False as with dh_shared(),
 * or when the library fails. The peer's value is checked first: a wrong one costs no key pair of ours.
 */
bool dh_respond(const struct dh_group *g, const uint8_t *peer, size_t peer_len, uint8_t *public,
	struct dh_secret *out);

#endif
