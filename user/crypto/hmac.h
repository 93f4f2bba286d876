/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC over scattered input, and the two IKE uses of it: PRF and integrity transforms. */
#ifndef SLUICE_CRYPTO_HMAC_H
#define SLUICE_CRYPTO_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRF_MAX       64 /* output bytes of the largest PRF */
#define INTEG_KEY_MAX 64
#define ICV_MAX       32

/* A piece of input. */
struct chunk {
	const void *bytes;
	size_t len;
};

/* One row of the IANA "Pseudorandom Function" registry (transform type 2). */
struct prf {
	uint16_t id;
	uint8_t len; /* output bytes, and the preferred key length */
	const char *name;
	const char *digest; /* OpenSSL name */
};

/* One row of the IANA "Integrity Algorithm" registry (transform type 3). */
struct integ {
	uint16_t id;
	uint8_t key_len; /* bytes */
	uint8_t icv_len; /* bytes on the wire, after truncation */
	const char *name;
	const char *digest;
};

/* NULL when there is no such row. */
#define PRF_HMAC_SHA2_256 5 /* of that registry */

const struct prf *prf_find(uint16_t id);
const struct integ *integ_find(uint16_t id);

/* prf(key, chunks...) into out[p->len]. False only when the library fails. */
bool prf_compute(const struct prf *p, const void *key, size_t key_len, const struct chunk *chunks,
	size_t count, uint8_t *out);

/* prf+ of RFC 7296 2.13: out_len bytes; at most 255 blocks. */
bool prf_plus(const struct prf *p, const void *key, size_t key_len, const struct chunk *seed,
	size_t count, uint8_t *out, size_t out_len);

/* The truncated HMAC of `len` bytes into icv[i->icv_len]. */
bool integ_compute(
	const struct integ *i, const void *key, const void *bytes, size_t len, uint8_t *icv);

#endif
