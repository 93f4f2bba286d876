/* SPDX-License-Identifier: Apache-2.0 */
/* SA payloads: RFC 7296 3.3, and the choice among proposals (2.7). */
#ifndef SLUICE_IKE_PROPOSAL_H
#define SLUICE_IKE_PROPOSAL_H

#include "base/types.h"
#include "base/wire.h"
#include "crypto/cipher.h"
#include "crypto/dh.h"
#include "crypto/hmac.h"

/* RFC 7296 3.3, for who reads and who writes. */
#define ATTRIBUTE_KEY_LENGTH 14 /* 3.3.5, always in the short form */
#define ATTRIBUTE_SHORT      0x8000
#define MORE_PROPOSALS       2
#define MORE_TRANSFORMS      3

#define PROPOSALS_MAX  255 /* of one SA payload: their numbers have one byte */
#define TRANSFORMS_MAX 255 /* of one proposal: their count has one byte */
#define SUITE_STR_SIZE PROPOSAL_TEXT_SIZE

enum ike_protocol {
	PROTOCOL_IKE = 1,
	PROTOCOL_AH = 2,
	PROTOCOL_ESP = 3,
};

enum transform_type {
	TRANSFORM_ENCR = 1,
	TRANSFORM_PRF = 2,
	TRANSFORM_INTEG = 3,
	TRANSFORM_KE = 4,
	TRANSFORM_ESN = 5,
	TRANSFORM_ADDKE_LAST = 12, /* RFC 9370 2.2.1: from 6 on, additional key exchanges */
};

/* What is allowed: the sets of one tunnel for one protocol. */
struct proposal_policy {
	enum ike_protocol protocol;
	struct algorithm_set encr, prf, integ, ke;
	bool esn;       /* ESP: extended sequence numbers are offered, and taken where offered */
	bool ke_wanted; /* false in IKE_AUTH, where the child has no exchange of its own */
};

/* One complete choice. NULL where the transform does not apply. */
struct suite {
	enum ike_protocol protocol;
	const struct cipher *cipher;
	const struct prf *prf;
	const struct integ *integ;
	const struct dh_group *ke;
	bool esn;
};

struct proposal_choice {
	uint8_t number; /* of the chosen proposal */
	uint8_t spi_len;
	uint8_t spi[8];
	struct suite suite;
	uint64_t place; /* in the peer's offer: what it prefers has a lower one */
};

enum proposal_result {
	PROPOSAL_OK,
	PROPOSAL_NONE, /* well-formed, nothing allowed */
	PROPOSAL_MALFORMED,
};

/* Whether both have the same algorithms in the same order. */
bool algorithms_equal(const struct algorithm_set *a, const struct algorithm_set *b);

/* The policies of a tunnel. A PRF set left empty follows from the integrity set. */
void proposal_policy_ike(const struct ike_options *o, struct proposal_policy *p);
void proposal_policy_esp(const struct ike_options *o, bool ke_wanted, struct proposal_policy *p);

/*
 * Chooses from the body of an SA payload by our order of preference. SPIs must have spi_len bytes
 * (0, 4 or 8). On PROPOSAL_NONE, `text` (any size) tells what was offered and what is allowed.
 */
enum proposal_result proposal_choose(const void *body, size_t len, const struct proposal_policy *p,
	uint8_t spi_len, struct proposal_choice *choice, char *text, size_t text_size);

/* Our offer: one proposal of AEAD ciphers, one of the others. Preferred first. */
void proposal_encode_offer(
	struct wr *w, const struct proposal_policy *p, const void *spi, uint8_t spi_len);

/* Our answer: exactly the chosen transforms. */
void proposal_encode_choice(struct wr *w, const struct proposal_choice *c, const void *spi);

/* The group our offer starts with; NULL when the policy has none that we know. */
const struct dh_group *proposal_first_group(const struct proposal_policy *p);

/* True when the suite could have come from this policy. */
bool proposal_allows(const struct proposal_policy *p, const struct suite *s);

/* A suite in numbers; and the other way round, false when this build does not have all of it. */
struct suite_numbers suite_numbers(const struct suite *s);
bool suite_of_numbers(const struct suite_numbers *n, enum ike_protocol protocol, struct suite *s);

/* "aes128gcm16-prfsha256-ecp256". */
const char *suite_format(const struct suite *s, char text[SUITE_STR_SIZE]);

/* Every suite the policy allows, as sets: "aes128gcm16/aes256gcm16-ecp256/modp2048". */
const char *proposal_policy_format(const struct proposal_policy *p, char *text, size_t size);

/* "LEAD; allowed ecp384/x25519": of a policy its groups. */
const char *proposal_groups_format(
	const char *lead, const struct proposal_policy *p, char *text, size_t size);

/* "chosen before the peer was known: aes128-...; allowed aes256/..." */
const char *refused_suite_format(
	const struct proposal_policy *p, const struct suite *s, char *text, size_t size);

#endif
