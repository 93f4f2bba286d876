/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKEv1 inside the engine. Main mode makes a struct ike_sa, quick mode a child of its tunnel; what is
 * special about this version hangs on ike_sa.v1. Included by user/ike/v1 and its tests only.
 */
#ifndef SLUICE_IKE_V1_V1_H
#define SLUICE_IKE_V1_V1_H

#include "crypto/hash.h"
#include "crypto/trust.h"
#include "ike/internal.h"
#include "ike/v1/message.h"
#include "ike/v1/proposal.h"

#define V1_CANDIDATES_MAX 128  /* tunnels whose key is tried on one message 5 */
#define V1_EXCHANGES_MAX  8    /* exchanges of one SA that are remembered to answer copies */
#define V1_TRIES_MAX      6    /* messages 3 and 5 that are looked at before an SA is given up */
#define V1_SEEN_MAX       64   /* message IDs of quick modes that cannot come again */
#define V1_FRAGMENTS_MAX  16   /* of a message of ours */
#define V1_FRAGMENT_DATA  1180 /* bytes: a datagram of 1,280 with IPv6, UDP and marker */
#define V1_OLD_LIFE       (10 * CLOCK_SECOND) /* of an SA that our new one replaces */
#define V1_REPLACED_LIFE  (10 * CLOCK_SECOND) /* of a pair once message 3 is there */
#define V1_USE_DELAY      CLOCK_SECOND        /* our message 3 has arrived by then */
#define V1_DELETING_LIFE  (5 * CLOCK_SECOND)
#define V1_PENDING_RETRY  CLOCK_SECOND

/* Phase 1 until it is over. */
struct v1_handshake {
	struct blob sa; /* body of the initiator's SA payload */
	struct blob public_i, public_r;
	struct dh_secret shared;
	uint16_t auth;
	uint8_t tries; /* messages 3 and 5 that were not right: forged, maybe */
	uint8_t refused
		[SHA256_LEN]; /* of the last message 5 that no key opened; 0: there was none */
};

/* An exchange of phase 2 that may come again: RFC 2408 has retransmission by either side. */
struct v1_exchange {
	bool pending; /* our message 2 waits for message 3 */
	bool rekey;   /* there was a pair before */
	uint32_t id;
	uint32_t spi_in;             /* of the pair it made */
	uint8_t last[CIPHER_IV_MAX]; /* end of the message that `answer` answers */
	uint8_t iv[CIPHER_IV_MAX];   /* for the message that is due */
	struct blob answer;
	uint32_t gate;
	struct nonce ni, nr; /* for HASH(3) */
	uint64_t resend_at, interval, give_up_at;
};

struct v1_reassembly {
	uint16_t id;
	uint8_t last; /* number of the last one; 0: not seen */
	size_t len;
	struct blob parts[IKE_FRAGMENTS_TAKEN];
};

struct v1_sa {
	bool fragments, nat_t, nat_t_draft; /* what the peer announced */
	bool confirmed;                     /* the peer used it: both ends have it */
	uint32_t dpd_sent, dpd_seen;
	uint8_t request_iv[CIPHER_IV_MAX]; /* for the answer to our quick mode */
	struct v1_handshake *handshake;
	struct v1_reassembly *partial;
	struct v1_exchange *exchanges[V1_EXCHANGES_MAX]; /* NULL: free */
	uint32_t seen[V1_SEEN_MAX];
	uint8_t next_exchange, next_seen;
};

/* A decoded message on its way to a handler. */
struct v1_message {
	const struct message *m;
	uint8_t *copy;         /* the message, decrypted in place */
	const uint8_t *cipher; /* message 5 as it came, for the next key to try */
	struct v1_payloads p;
};

/* ---- exchange.c ---- */

struct ike_sa *v1_sa_new(struct engine *e, bool initiator, uint64_t spi_i, uint64_t spi_r,
	const struct ip_endpoint *local, const struct ip_endpoint *remote, uint64_t now);
/* The SA that a message with these cookies belongs to, or NULL. */
struct ike_sa *v1_sa_of(const struct engine *e, const struct ike_header *h);
/* An unprotected notification, when there is no SA to protect it. */
void v1_notify_clear(struct engine *e, const struct message *m, enum v1_notify type);

/* A message of phase 2: begin, payloads, end. `iv` runs on. */
struct v1_writer {
	struct message_writer w;
	size_t hash_at;
	uint32_t id;
};

/*
 * A message ID that is not 0 (RFC 2408 3.1). Then the head of a message of phase 2, up to the HASH that end
 * fills in.
 */
uint32_t v1_new_id(struct engine *e);
void v1_phase2_begin(const struct ike_sa *sa, struct v1_writer *vw, void *buffer,
	enum v1_exchange_type type, uint32_t id);
/* Fills HASH = prf(SKEYID_a, message ID | nonce | payloads); nonce may be NULL. 0 on failure. */
size_t v1_phase2_end(struct ike_sa *sa, struct v1_writer *vw, const struct nonce *nonce,
	uint8_t iv[CIPHER_IV_MAX]);
/* True when the HASH of a received message is that of v1_phase2_end(). */
bool v1_phase2_check(
	const struct ike_sa *sa, const struct v1_message *vm, const struct nonce *nonce);
/* Decrypts and decodes; false when it is not a whole chain. */
bool v1_open(const struct ike_sa *sa, struct v1_message *vm, uint8_t iv[CIPHER_IV_MAX]);
/* The remembered exchange of this ID, or NULL; and a place for one, NULL when all are pending. */
struct v1_exchange *v1_exchange_find(struct ike_sa *sa, uint32_t id);
struct v1_exchange *v1_exchange_new(struct ike_sa *sa, uint32_t id);
void v1_exchange_forget(struct ike_sa *sa, struct v1_exchange *x);
/* Authenticated: life, address, and the SA is known to exist at the peer. */
void v1_alive(struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now);
/* A newer SA takes over the children and tasks of an older one, which stays for `life`. */
void v1_adopt(
	struct engine *e, struct ike_sa *old, struct ike_sa *heir, uint64_t life, uint64_t now);
/* The newest other established IKEv1 SA of the tunnel, or NULL. */
struct ike_sa *v1_heir(const struct ike_sa *sa);
/* True when our exchanges of this tunnel go first where both ends begin at once. */
bool v1_leads(const struct tunnel *t);

/* ---- checkpoint.c ---- */

/* What an IKEv1 SA adds to a checkpoint; false: malformed. */
void v1_save(struct wr *w, const struct ike_sa *sa);
bool v1_load(struct rd *r, struct ike_sa *sa);

/* ---- main_mode.c, responder.c, initiator.c ---- */

/* Of struct ike_version: a datagram of main mode; a first IKE SA; a new one in place of sa. */
void v1_main_receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now);
bool v1_main_start(struct engine *e, struct tunnel *t, uint64_t now);
void v1_main_rekey(struct engine *e, struct ike_sa *sa, uint64_t now);
struct v1_facts v1_facts_of(const struct ike_sa *sa);
/* The messages of main mode, by the state that waits for them. */
typedef void v1_main_handler(
	struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now);
v1_main_handler v1_main2, v1_main3, v1_main4, v1_main5, v1_main6;
void v1_main1(struct engine *e, struct v1_message *vm, uint64_t now);
void v1_handshake_free(struct v1_handshake *h);
size_t v1_main_end(struct ike_sa *sa, struct message_writer *w, bool encrypted);
void v1_main_begin(const struct ike_sa *sa, struct message_writer *w, void *buffer);
/* KE, nonce and NAT-D, which messages 3 and 4 have in common. */
bool v1_main_put_exchange(struct engine *e, struct ike_sa *sa, struct message_writer *w,
	const struct message *m, const struct nonce *nonce, struct span public);
bool v1_main_get_exchange(const struct ike_sa *sa, const struct v1_payloads *p, struct nonce *nonce,
	struct span *public);
/* What a tunnel may authenticate with. */
/* Our ID with HASH, or with certificates and SIG. */
enum reason v1_put_proof(struct engine *e, struct ike_sa *sa, struct message_writer *w);
/*
 * The keys that a shared key gives; a signature's do not depend on it. A message that decrypts under
 * them and has what is due in messages 5 and 6 says that the keys are right.
 */
bool v1_derive(struct ike_sa *sa, const struct secret *psk);
bool v1_open_proof(struct ike_sa *sa, struct v1_message *vm);
/* Is the peer the one of this tunnel? `text` says more about why it is not. */
enum reason v1_check_proof(struct engine *e, struct ike_sa *sa, struct tunnel *t,
	const struct v1_payloads *p, char *text, size_t size);

/* ---- signature.c ---- */

/* What a tunnel may authenticate with, into p->auth. */
void v1_policy_auth(const struct engine *e, const struct tunnel *t, struct v1_policy *p);
/* The PRF of HASH_I and HASH_R. */
const struct prf *v1_proof_prf(const struct ike_sa *sa);
/* CERTREQ payloads, where signatures were chosen. */
void v1_put_requests(const struct engine *e, const struct ike_sa *sa, struct message_writer *w);
enum reason v1_put_signature(
	struct engine *e, struct ike_sa *sa, struct message_writer *w, const uint8_t *hash);
enum reason v1_check_signature(struct engine *e, struct ike_sa *sa, struct tunnel *t,
	const struct v1_payloads *p, const uint8_t *hash, const struct ike_identity *id,
	char text[TRUST_TEXT_SIZE]);

/* ---- vendor.c: vendor IDs and NAT detection ---- */

/* Vendor IDs say what an end can do (DPD, NAT-T, fragments): writes ours, notes the peer's in sa->v1. */
void v1_put_vendors(struct message_writer *w, const struct ike_sa *sa);
void v1_read_vendors(struct ike_sa *sa, const struct v1_payloads *p);
/* NAT-D payloads of RFC 3947 3.2: writes ours; finds out by the peer's whether there is a NAT. False on failure. */
bool v1_put_nat(struct engine *e, struct message_writer *w, const struct ike_sa *sa,
	const struct ip_endpoint *local, const struct ip_endpoint *remote);
bool v1_detect_nat(struct ike_sa *sa, const struct v1_payloads *p, const struct message *m);

/* ---- fragment.c ---- */

/* Splits a finished message in place where the peer takes fragments; returns the length. */
size_t v1_fragment(const struct ike_sa *sa, uint8_t *buffer, size_t len);
/* Takes a fragment; true when the message is whole: then *own_whole is to be freed. */
bool v1_fragment_add(struct ike_sa *sa, const struct message *m, struct blob *own_whole);
void v1_reassembly_free(struct v1_reassembly *r);

/* ---- quick_mode.c, quick_initiator.c, quick_responder.c ---- */

/* Whether a request of this kind is a quick mode of ours. */
bool v1_is_quick(enum request_kind kind);
/* ESP goes in UDP, and the encapsulation mode has to say so. */
bool v1_in_udp(const struct ike_sa *sa);
/* The SA that new children belong to: an exchange may end on one that is being replaced. */
struct ike_sa *v1_owner(struct ike_sa *sa);
/* Pairs older than this one are history, and deleted after `life` unless the peer does it before. A
 * newer one, whose message 3 is late, is not. */
void v1_retire_older(struct tunnel *t, int keep, uint64_t life, uint64_t now);
void v1_note_pair(struct engine *e, struct ike_sa *sa, int slot, bool rekey, bool by_peer);
void v1_put_clients(struct message_writer *w, const struct selector *i, const struct selector *r);
bool v1_get_nonce(const struct v1_payloads *p, struct nonce *n);
void v1_quick_first(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now);
void v1_quick_second(struct engine *e, struct ike_sa *sa, struct v1_message *vm, uint64_t now);
void v1_quick_third(struct engine *e, struct ike_sa *sa, struct v1_message *vm,
	struct v1_exchange *x, uint64_t now);

/* Of struct ike_version: a datagram of quick mode; a new pair; what a pending one of the peer wants by now. */
void v1_quick_receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now);
void v1_quick_start(struct engine *e, struct ike_sa *sa, int old_slot, uint64_t now);
void v1_quick_timer(struct engine *e, struct ike_sa *sa, uint64_t now);
/* The peer sent an error while our quick mode was under way. */
void v1_quick_confirm(struct engine *e, struct ike_sa *sa, struct v1_exchange *x, uint64_t now);
void v1_quick_refused(struct engine *e, struct ike_sa *sa, const struct notify *n, uint64_t now);
/* Ours waits for message 2, or the peer's for message 3: on this SA, on any of the tunnel. */
bool v1_quick_on(const struct ike_sa *sa);
bool v1_quick_under_way(const struct tunnel *t);

/* ---- informational.c ---- */

/* Of struct ike_version: notifies and deletes of the peer; deletes and DPD probes (RFC 3706) of ours. */
void v1_informational_receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now);
void v1_delete_child(struct engine *e, struct ike_sa *sa, int slot, uint64_t now);
void v1_delete_ike(struct engine *e, struct ike_sa *sa, uint64_t now);
void v1_probe(struct engine *e, struct ike_sa *sa, uint64_t now);
void v1_probe_resend(struct engine *e, struct ike_sa *sa);
void v1_send_notify(
	struct engine *e, struct ike_sa *sa, enum ike_protocol protocol, enum v1_notify type);
void v1_goodbye(struct engine *e, struct ike_sa *sa);
void v1_send_delete(struct engine *e, struct ike_sa *sa, uint32_t spi_in);

#endif
