/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKEv2 messages: the header (RFC 7296 3.1), the chain of payloads (3.2) and the encrypted payload
 * (3.14, RFC 5282). Decoding gives spans into the caller's buffer and changes nothing else.
 */
#ifndef SLUICE_IKE_V2_MESSAGE_H
#define SLUICE_IKE_V2_MESSAGE_H

#include "base/wire.h"
#include "crypto/cert.h"
#include "crypto/cipher.h"
#include "crypto/hmac.h"
#include "ike/proposal.h"

#define IKE_HEADER_LEN  28
#define IKE_MESSAGE_MAX 16384 /* bytes; longer ones are refused, ours are never this long */
/* RFC 7383 2.5.1: fragments fit into 1,280 bytes with IPv6 and UDP headers. */
#define IKE_FRAGMENT_SIZE 1232
#define IKE_FRAGMENTS_MAX 16                                          /* of a message of ours */
#define IKE_BUFFER_SIZE   (IKE_MESSAGE_MAX + IKE_FRAGMENTS_MAX * 128) /* a message in fragments */
/*
 * Of a peer's message. What exceeds them is left out and told of (OVER_LIMIT); the message counts. How
 * many payloads there are in all is limited by IKE_MESSAGE_MAX alone.
 */
#define IKE_FRAGMENTS_TAKEN 64
#define IKE_NOTIFIES_MAX    64 /* of those that mean something to us */
#define IKE_DELETES_MAX     64
#define IKE_CERTS_MAX       (CERT_CHAIN_MAX + 1) /* one more than is accepted, to see it */
#define IKE_NONCE_MIN       16
#define IKE_NONCE_MAX       256
#define IKE_NONCE_LEN       32 /* ours */

enum ike_exchange {
	EXCHANGE_IKE_SA_INIT = 34,
	EXCHANGE_IKE_AUTH = 35,
	EXCHANGE_CREATE_CHILD_SA = 36,
	EXCHANGE_INFORMATIONAL = 37,
};

enum ike_flag {
	FLAG_INITIATOR = 0x08, /* the sender is the original initiator */
	FLAG_VERSION = 0x10,
	FLAG_RESPONSE = 0x20,
};

enum ike_payload {
	PAYLOAD_NONE = 0,
	PAYLOAD_SA = 33,
	PAYLOAD_KE,
	PAYLOAD_IDI,
	PAYLOAD_IDR,
	PAYLOAD_CERT,
	PAYLOAD_CERTREQ,
	PAYLOAD_AUTH,
	PAYLOAD_NONCE,
	PAYLOAD_NOTIFY,
	PAYLOAD_DELETE,
	PAYLOAD_VENDOR,
	PAYLOAD_TSI,
	PAYLOAD_TSR,
	PAYLOAD_SK,
	PAYLOAD_CP,
	PAYLOAD_EAP,
	PAYLOAD_SKF = 53, /* RFC 7383 2.5; decoded like SK */
};

/* A bit of a payload set. */
#define PAYLOAD_BIT(type) (1u << ((type)-PAYLOAD_SA))

enum ike_notify {
	NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD = 1,
	NOTIFY_INVALID_IKE_SPI = 4,
	NOTIFY_INVALID_MAJOR_VERSION = 5,
	NOTIFY_INVALID_SYNTAX = 7,
	NOTIFY_INVALID_MESSAGE_ID = 9,
	NOTIFY_INVALID_SPI = 11,
	NOTIFY_NO_PROPOSAL_CHOSEN = 14,
	NOTIFY_INVALID_KE_PAYLOAD = 17,
	NOTIFY_AUTHENTICATION_FAILED = 24,
	NOTIFY_NO_ADDITIONAL_SAS = 35,
	NOTIFY_TS_UNACCEPTABLE = 38,
	NOTIFY_TEMPORARY_FAILURE = 43,
	NOTIFY_CHILD_SA_NOT_FOUND = 44,
	NOTIFY_FIRST_STATUS = 16384,
	NOTIFY_INITIAL_CONTACT = 16384,
	NOTIFY_NAT_DETECTION_SOURCE_IP = 16388,
	NOTIFY_NAT_DETECTION_DESTINATION_IP = 16389,
	NOTIFY_COOKIE = 16390,
	NOTIFY_USE_TRANSPORT_MODE = 16391,
	NOTIFY_REKEY_SA = 16393,
	NOTIFY_FRAGMENTATION_SUPPORTED = 16430,
	NOTIFY_USE_PPK = 16435,
	NOTIFY_PPK_IDENTITY = 16436,
	NOTIFY_SIGNATURE_HASH_ALGORITHMS = 16431,
};

#define CERT_X509_SIGNATURE 4 /* RFC 7296 3.6, certificate encoding */

struct span {
	const uint8_t *bytes;
	size_t len;
};

struct ike_header {
	uint64_t spi_i, spi_r;
	uint8_t next_payload;
	uint8_t version; /* major << 4 | minor */
	uint8_t exchange;
	uint8_t flags;
	uint32_t id;
	uint32_t len;
};

struct notify {
	uint8_t protocol;
	uint16_t type;
	struct span spi;
	struct span data;
};

/* A Delete payload: for ESP, `count` SPIs of 4 bytes. */
struct delete_list {
	uint8_t protocol;
	uint16_t count;
	struct span spis;
};

/* One decoded chain. */
struct payloads {
	uint32_t present;      /* PAYLOAD_BITs */
	struct span one[16];   /* bodies of the payloads that occur once, at type - PAYLOAD_SA */
	unsigned int notifies; /* in `notify` */
	struct notify notify[IKE_NOTIFIES_MAX];
	unsigned int deletes; /* in `delete` */
	struct delete_list delete[IKE_DELETES_MAX];
	unsigned int certs; /* in `cert`: X.509 certificates as DER, the peer's own first */
	struct span cert[IKE_CERTS_MAX];
	uint8_t sk_first; /* type of the first payload inside SK; 0 in all fragments but the first */
	unsigned int left_out;        /* notifications and deletes over our limits */
	uint16_t fragment, fragments; /* number, from 1, and total of an SKF; 0: not a fragment */
};

enum decode_result {
	DECODE_OK,
	DECODE_MALFORMED,
	DECODE_CRITICAL, /* an unknown payload is marked critical; its type is in *critical */
};

/* Keys of one direction of one IKE SA. */
struct sk_keys {
	uint8_t encr[CIPHER_KEY_MAX];
	uint8_t salt[CIPHER_SALT_MAX];
	uint8_t integ[INTEG_KEY_MAX];
};

/* Reads the header; false when the bytes are no IKE message or its length is wrong. */
bool header_decode(const void *bytes, size_t len, struct ike_header *h);

/* Decodes a chain that starts with payload type `first`. The SK payload ends a chain. */
enum decode_result payloads_decode(
	const void *bytes, size_t len, uint8_t first, struct payloads *p, uint8_t *critical);

/* The body of a payload that occurs once; an empty span when it is not there. */
static inline struct span payload_get(const struct payloads *p, enum ike_payload type)
{
	return p->one[type - PAYLOAD_SA];
}

/* The first notification of a type, or NULL. */
const struct notify *payloads_find_notify(const struct payloads *p, enum ike_notify type);

/* The first error notification (type below NOTIFY_FIRST_STATUS), or NULL. */
const struct notify *payloads_find_error(const struct payloads *p);

/* The name of a notification for people; "notify" when it has none. */
const char *notify_name(uint16_t type);

/* The same of an exchange: "INFORMATIONAL", "exchange 99". */
#define EXCHANGE_TEXT_SIZE 20
const char *exchange_format(uint8_t exchange, char text[EXCHANGE_TEXT_SIZE]);

/*
 * Verifies and decrypts the SK payload of a whole message in place. On success *inner is the chain
 * inside, without padding.
 */
bool sk_open(uint8_t *message, size_t len, const struct payloads *outer, const struct suite *s,
	const struct sk_keys *k, struct span *inner);

/* Builds one message into a caller's buffer. Sticky like wr; checked by the two end functions. */
struct message_writer {
	struct wr w;
	struct ike_header head;
	size_t next_at;    /* offset of the "next payload" byte to patch */
	size_t sk_at;      /* offset of the SK payload; 0: none */
	size_t iv_at;      /* offset of its IV */
	size_t payload_at; /* offset of the open payload */
};

/*
 * Writes a message into `size` bytes: begin with its header, then payloads, each in one call or between begin
 * and end, or a notify (RFC 7296 3.10). An overrun is sticky and shows at message_end().
 */
void message_begin(struct message_writer *m, void *bytes, size_t size, const struct ike_header *h);
void message_payload_begin(struct message_writer *m, enum ike_payload type);
void message_payload_end(struct message_writer *m);
void message_payload(struct message_writer *m, enum ike_payload type, const void *body, size_t len);
void message_notify(struct message_writer *m, enum ike_protocol protocol, const void *spi,
	uint8_t spi_len, enum ike_notify type, const void *data, size_t len);

/* Opens the encrypted payload; all further payloads go inside. `iv` has the cipher's iv_len. */
void message_sk_begin(struct message_writer *m, const struct suite *s, const uint8_t *iv);

/* The same for one fragment, whose content is the next `len` bytes of a chain of payloads. */
void message_skf_begin(struct message_writer *m, const struct suite *s, const uint8_t *iv,
	uint8_t first, uint16_t number, uint16_t total);

/* Closes, encrypts where an SK payload is open, and gives the length; 0 on overrun or failure. */
size_t message_end(struct message_writer *m);
size_t message_end_sk(struct message_writer *m, const struct suite *s, const struct sk_keys *k);

#endif
