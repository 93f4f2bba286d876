/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SA payloads of IKEv1: RFC 2408 3.4 to 3.6, attributes of phase 1 (RFC 2409 appendix A) and of ESP
 * (RFC 2407 4.4.4, 4.5; RFC 3602, 4106, 4868). A tunnel's sets are in IKEv2 numbers; tables here
 * map them.
 */
#ifndef SLUICE_IKE_V1_PROPOSAL_H
#define SLUICE_IKE_V1_PROPOSAL_H

#include "ike/proposal.h"

#define V1_TRANSFORM_MAX       96 /* bytes of one transform; longer ones cannot be chosen */
#define V1_TRANSFORMS_OFFERED  48 /* by us */
#define V1_LIFETIME_MIN        10 /* seconds: a peer cannot make us rekey all the time */
#define V1_AUTH_METHODS_MAX    4
#define V1_TUNNEL_MODE         1
#define V1_UDP_TUNNEL_MODE     3     /* RFC 3947 5.1 */
#define V1_UDP_TUNNEL_MODE_OLD 61443 /* draft-ietf-ipsec-nat-t-ike-02 */

enum v1_auth_method {
	V1_AUTH_PSK = 1,
	V1_AUTH_RSA = 3,
	V1_AUTH_ECDSA_256 = 9, /* RFC 4754 */
	V1_AUTH_ECDSA_384 = 10,
	V1_AUTH_ECDSA_521 = 11,
};

/* What is allowed. */
struct v1_policy {
	struct proposal_policy sets; /* AES-CBC only in phase 1; `prf` follows the hash */
	unsigned int auths;          /* phase 1 */
	uint16_t auth[V1_AUTH_METHODS_MAX];
	uint16_t mode; /* phase 2: tunnel mode, bare or in UDP */
};

/* One complete choice. */
struct v1_choice {
	struct suite suite;
	uint16_t auth, mode;
	uint32_t lifetime_s; /* 0: none was given */
	uint32_t spi;        /* phase 2 */
	uint8_t number;      /* of the proposal */
	uint32_t place;      /* of the transform in the peer's offer */
	uint8_t transform_len;
	uint8_t transform[V1_TRANSFORM_MAX]; /* as offered, for the answer */
};

/* Without the authentication methods, which the caller knows. */
void v1_policy_ike(const struct ike_options *o, struct v1_policy *p);
void v1_policy_esp(const struct ike_options *o, bool udp, struct v1_policy *p);

/*
 * Chooses from the body of an SA payload by our order of preference. On PROPOSAL_NONE, `text` tells
 * what was offered and what is allowed, and *no_pfs whether only the group was missing.
 */
enum proposal_result v1_choose(const void *body, size_t len, const struct v1_policy *p,
	struct v1_choice *choice, bool *no_pfs, char *text, size_t text_size);

/* Body of our SA payload in phase 1, and of the answer that repeats the chosen transform. */
void v1_encode_ike_offer(struct wr *w, const struct v1_policy *p, uint32_t lifetime_s);
void v1_encode_ike_choice(struct wr *w, const struct v1_choice *c);

/* Body of our SA payload in phase 2, and of the answer. `group` NULL: without PFS. */
void v1_encode_esp_offer(struct wr *w, const struct v1_policy *p, const struct dh_group *group,
	uint32_t lifetime_s, uint32_t spi);
void v1_encode_esp_choice(struct wr *w, const struct v1_choice *c, uint32_t spi);

/* Attributes of a lifetime in seconds, as they stand in transforms and in RESPONDER-LIFETIME. */
void v1_encode_lifetime(struct wr *w, enum ike_protocol protocol, uint32_t seconds);
/* Seconds; 0 when none are given or the attributes are malformed. */
uint32_t v1_decode_lifetime(enum ike_protocol protocol, const void *bytes, size_t len);

#endif
