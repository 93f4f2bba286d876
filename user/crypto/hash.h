/* SPDX-License-Identifier: Apache-2.0 */
/* Plain digests, and random bytes. */
#ifndef SLUICE_CRYPTO_HASH_H
#define SLUICE_CRYPTO_HASH_H

#include "crypto/hmac.h"

#define SHA1_LEN   20
#define SHA256_LEN 32

/* The digest of all chunks, one after the other. False when OpenSSL fails. */
bool hash_sha1(const struct chunk *chunks, size_t count, uint8_t out[SHA1_LEN]);
bool hash_sha256(const struct chunk *chunks, size_t count, uint8_t out[SHA256_LEN]);

/* The plain digest under a PRF, into out[p->len]. */
bool hash_compute(const struct prf *p, const struct chunk *chunks, size_t count, uint8_t *out);

/* Fills bytes from the library's generator; ends the process when that fails: nothing is safe. */
void random_bytes(void *bytes, size_t len);

/*
 * Loads what OpenSSL would otherwise load on first use, without reading its configuration file, and
 * tries every row of the algorithm tables once: called before a process gives up its rights. False
 * when an algorithm is missing.
 */
bool crypto_init(void);

#endif
