/* SPDX-License-Identifier: Apache-2.0 */
/* Identification payloads: RFC 7296 3.5. */
#ifndef SLUICE_IKE_IDENTITY_H
#define SLUICE_IKE_IDENTITY_H

#include "base/types.h"
#include "base/wire.h"

#define IDENTITY_STR_SIZE 300

/* The body of an ID payload: type, three reserved bytes, data. False when it is not usable. */
bool identity_decode(const void *body, size_t len, struct ike_identity *id);
void identity_encode(struct wr *w, const struct ike_identity *id);

/* FQDN and RFC822 compare without regard to case, distinguished names as dn_equal() does, all else
 * byte for byte. */
bool identity_equal(const struct ike_identity *a, const struct ike_identity *b);

/*
 * "fqdn:hub.example", "keyid:store-7": the kind and the value, as sluice.yaml(5) reads them. Bytes that
 * are no text are shown in hexadecimal, "keyid:0x00ff"; what is long is cut and ends in "...".
 */
const char *identity_format(const struct ike_identity *id, char text[IDENTITY_STR_SIZE]);

#endif
