/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKEv1 messages: payloads (RFC 2408 3), their chain and their encryption (RFC 2409 5, appendix B).
 * Header and writer are those of IKEv2, whose layout is the same. Decoding gives spans into the
 * caller's buffer and changes nothing else.
 */
#ifndef SLUICE_IKE_V1_MESSAGE_H
#define SLUICE_IKE_V1_MESSAGE_H

#include "ike/v2/message.h"

#define V1_IDS_MAX 2
/* What exceeds one of these is left out and told of; the message counts. */
#define V1_NAT_D_MAX    32 /* RFC 3947 3.2: one of the peer's address, one of each of its own */
#define V1_VENDORS_MAX  32
#define V1_CERTS_MAX    IKE_CERTS_MAX
#define V1_NOTIFIES_MAX 32 /* of those that mean something to us */
#define V1_DELETES_MAX  64
#define V1_COOKIES_LEN  16
#define V1_NONCE_MIN    8 /* RFC 2409 5 */

enum v1_exchange_type {
	V1_MAIN = 2,
	V1_AGGRESSIVE = 4,
	V1_INFORMATIONAL = 5,
	V1_QUICK = 32,
};

enum v1_flag {
	V1_ENCRYPTED = 1,
	V1_COMMIT = 2, /* RFC 2408 3.1: asks for a CONNECTED notification; not waited for here */
};

enum v1_payload {
	V1_SA = 1,
	V1_KE = 4,
	V1_ID = 5,
	V1_CERT = 6,
	V1_CERTREQ = 7,
	V1_HASH = 8,
	V1_SIG = 9,
	V1_NONCE = 10,
	V1_NOTIFY = 11,
	V1_DELETE = 12,
	V1_VENDOR = 13,
	V1_NAT_D = 20,
	V1_NAT_D_DRAFT = 130, /* draft-ietf-ipsec-nat-t-ike-02 and -03 */
	V1_FRAGMENT = 132,
};

#define V1_BIT(type) (1u << (type))

enum v1_notify {
	V1_NOTIFY_INVALID_MAJOR_VERSION = 5,
	V1_NOTIFY_INVALID_EXCHANGE_TYPE = 7,
	V1_NOTIFY_NO_PROPOSAL_CHOSEN = 14,
	V1_NOTIFY_PAYLOAD_MALFORMED = 16,
	V1_NOTIFY_INVALID_KEY_INFORMATION = 17,
	V1_NOTIFY_INVALID_ID_INFORMATION = 18,
	V1_NOTIFY_INVALID_CERTIFICATE = 20,
	V1_NOTIFY_INVALID_CERT_AUTHORITY = 22,
	V1_NOTIFY_INVALID_HASH_INFORMATION = 23,
	V1_NOTIFY_AUTHENTICATION_FAILED = 24,
	V1_NOTIFY_INVALID_SIGNATURE = 25,
	V1_NOTIFY_FIRST_STATUS = 16384,
	V1_NOTIFY_RESPONDER_LIFETIME = 24576, /* RFC 2407 4.6.3 */
	V1_NOTIFY_INITIAL_CONTACT = 24578,
	V1_NOTIFY_R_U_THERE = 36136, /* RFC 3706 5.3 */
	V1_NOTIFY_R_U_THERE_ACK = 36137,
};

/* A Delete payload: SPIs of spi_len bytes each. */
struct v1_delete {
	uint8_t protocol, spi_len;
	uint16_t count;
	struct span spis;
};

/* One decoded chain. */
struct v1_payloads {
	uint32_t present;    /* V1_BITs */
	struct span one[14]; /* bodies of the payloads that occur once, by type */
	unsigned int ids, nats, vendors, certs, notifies, deletes;
	unsigned int left_out; /* over our limits */
	struct span id[V1_IDS_MAX];
	struct span nat[V1_NAT_D_MAX];
	struct span vendor[V1_VENDORS_MAX];
	struct span cert[V1_CERTS_MAX];
	struct notify notify[V1_NOTIFIES_MAX];
	struct v1_delete delete[V1_DELETES_MAX];
	struct span after_hash; /* all that follows a leading HASH payload, padding not included */
};

/*
 * Decodes a chain. What follows it is padding when `padded`, else an error. False when malformed;
 * unknown payloads are skipped.
 */
bool v1_payloads_decode(
	const void *bytes, size_t len, uint8_t first, bool padded, struct v1_payloads *p);

/* The first notification of a type, or the first error; NULL when there is none. */
const struct notify *v1_find_notify(const struct v1_payloads *p, enum v1_notify type);
const struct notify *v1_find_error(const struct v1_payloads *p);

/* The name of a notification for people; "notify" when it has none. */
const char *v1_notify_name(uint16_t type);

/* Starts a message of this version. `h` needs cookies, exchange, flags and message ID. */
void v1_message_begin(
	struct message_writer *m, void *bytes, size_t size, const struct ike_header *h);
void v1_payload_begin(struct message_writer *m, enum v1_payload type);
void v1_payload(struct message_writer *m, enum v1_payload type, const void *body, size_t len);
void v1_notification(struct message_writer *m, enum ike_protocol protocol, const void *spi,
	uint8_t spi_len, enum v1_notify type, const void *data, size_t len);

/*
 * CBC over all that follows the header. `iv` is replaced by the last block of ciphertext, which is
 * the next message's IV. False when the length is no multiple of the block.
 */
bool v1_decrypt(const struct cipher *c, const uint8_t *key, uint8_t iv[CIPHER_IV_MAX],
	uint8_t *message, size_t len);

/* Pads, encrypts and closes the message; 0 on overrun or failure. */
size_t v1_message_end(struct message_writer *m, const struct cipher *c, const uint8_t *key,
	uint8_t iv[CIPHER_IV_MAX]);

#endif
