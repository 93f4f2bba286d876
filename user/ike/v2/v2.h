/* SPDX-License-Identifier: Apache-2.0 */
/* IKEv2 inside the engine: its messages and exchanges (RFC 7296). */
#ifndef SLUICE_IKE_V2_V2_H
#define SLUICE_IKE_V2_V2_H

#include "ike/internal.h"

/* ---- v2/exchange.c ---- */

/*
 * A message of an SA with keys: begin, payloads, end. The buffer has IKE_BUFFER_SIZE bytes, since a
 * long message becomes fragments there, one behind the other (RFC 7383).
 */
void sealed_begin(struct engine *e, struct ike_sa *sa, struct message_writer *m, void *buffer,
	enum ike_exchange exchange, bool response);
size_t sealed_end(struct engine *e, struct ike_sa *sa, struct message_writer *m);
/* ---- v2/ppk.c: RFC 8784 ---- */

/* IKE_SA_INIT: USE_PPK, and whether it is wanted. */
void ppk_announce(struct message_writer *w);
bool ppk_wanted_by_request(const struct engine *e, const struct message *m);
enum reason ppk_check_init_response(struct ike_sa *sa, const struct message *m);
/* Before AUTH is written or checked: the key goes into SK_d and SK_p. */
bool ppk_write_identity(struct ike_sa *sa, struct message_writer *w);
enum reason ppk_take_identity(struct ike_sa *sa, const struct tunnel *t, const struct message *m);
void ppk_confirm(const struct ike_sa *sa, struct message_writer *w);
enum reason ppk_check_auth_response(const struct ike_sa *sa, const struct message *m);

/* ---- v2/fragment.c: RFC 7383 ---- */

/* Splits into fragments where the peer takes them and the message needs it; returns the length. */
size_t fragments_write(struct engine *e, struct ike_sa *sa, struct message_writer *m);
/*
 * Keeps a verified fragment. When it completes its message, *inner is the chain and *first its
 * first type, valid until the next fragment. False as long as something is missing.
 */
bool fragments_add(struct ike_sa *sa, const struct message *m, const struct payloads *outer,
	struct span *inner, uint8_t *first);
void fragments_free(struct reassembly *r);
/* Caches and sends the response to m. */
void response_send(struct engine *e, struct ike_sa *sa, const struct message *m, const void *bytes,
	size_t len, uint32_t gate);
/* A response with one notification and nothing else. */
void response_notify(struct engine *e, struct ike_sa *sa, const struct message *m,
	enum ike_notify type, const void *data, size_t len);
void put_ke(struct message_writer *m, const struct dh_group *g, const uint8_t *public);
bool get_ke(const struct payloads *p, uint16_t *group, struct span *public);
bool get_nonce(const struct payloads *p, struct nonce *n);
/* The group that an INVALID_KE_PAYLOAD names (RFC 7296 1.3); 0: none. */
uint16_t notify_group(const struct notify *n);
void make_nonce(struct engine *e, struct nonce *n);
bool nonce_lower(const struct nonce *a, const struct nonce *b);

/* ---- v2/sa_init.c, auth.c, child_sa.c, ike_rekey.c, informational.c ---- */

typedef void exchange_handler(
	struct engine *e, struct ike_sa *sa, const struct message *m, uint64_t now);

bool sa_init_start(struct engine *e, struct tunnel *t, uint64_t now);
/* An unprotected answer with one notification. */
void sa_init_notify(struct engine *e, const struct message *m, enum ike_notify type,
	const void *data, size_t len);
void sa_init_request(struct engine *e, const struct message *m, uint64_t now);
exchange_handler sa_init_response;
void auth_start(struct engine *e, struct ike_sa *sa, uint64_t now);
exchange_handler auth_request, auth_response;
/* auth_cert.c. IKE_SA_INIT: the hashes we verify; what the peer announced; whom we trust. */
void auth_cert_announce(struct message_writer *w);
uint32_t auth_cert_hashes(const struct payloads *p);
void auth_cert_request(struct engine *e, struct message_writer *w);
/* IKE_AUTH: our CERT payloads; our AUTH over our ID payload's body; the peer's of both. */
void auth_cert_chain(struct engine *e, const struct tunnel *t, struct message_writer *w);
enum reason auth_cert_write(
	struct engine *e, struct ike_sa *sa, struct message_writer *w, struct span id);
enum reason auth_cert_check(struct engine *e, struct ike_sa *sa, struct tunnel *t,
	const struct message *m, enum ike_payload id_type, const struct ike_identity *id,
	char text[TRUST_TEXT_SIZE]);
void child_sa_start(struct engine *e, struct ike_sa *sa, int old_slot, uint64_t now);
exchange_handler create_child_request, child_sa_request, child_sa_response;
void ike_rekey_start(struct engine *e, struct ike_sa *sa, uint64_t now);
exchange_handler ike_rekey_request, ike_rekey_response;
void ike_rekey_settle(struct engine *e, struct ike_sa *old, struct ike_sa *heir, uint64_t now);
void child_delete_start(struct engine *e, struct ike_sa *sa, int slot, uint64_t now);
void ike_delete_start(struct engine *e, struct ike_sa *sa, uint64_t now);
void probe_start(struct engine *e, struct ike_sa *sa, uint64_t now);
exchange_handler informational_request, child_delete_response, ike_delete_response, probe_response;

/* What may arrive in which state; tests walk both tables. */
struct request_row {
	exchange_handler *handle;
	uint32_t required; /* PAYLOAD_BITs inside SK */
};

struct answer_row {
	uint8_t exchange;
	uint16_t states; /* bit per enum ike_state */
	exchange_handler *handle;
};

/* The row for a request of the peer in this state, or for the answer to ours; NULL: none is expected. */
const struct request_row *request_row(enum ike_state state, uint8_t exchange);
const struct answer_row *answer_row(enum request_kind kind);

/* Why PFS_REQUIRED, where the peer has asked. */
#define NO_GROUP_OFFERED "no group is offered, so no forward secrecy"

/* Shared by IKE_AUTH and CREATE_CHILD_SA: what the child becomes. */
struct child_offer {
	struct proposal_choice choice;
	struct selector_set local_ts, remote_ts;
};

/* Verifies SA, TSi, TSr of a request for a child; on failure gives notify and reason. */
bool child_offer_check(const struct tunnel *t, const struct message *m, bool ke_wanted,
	struct child_offer *offer, enum ike_notify *notify, enum reason *why, char *text,
	size_t size);
/* The same of a response; selectors must lie within what we proposed. */
bool child_answer_check(const struct tunnel *t, const struct message *m, bool ke_wanted,
	struct child_offer *offer, enum reason *why, char *text, size_t size);
void child_offer_write(
	struct message_writer *w, const struct child_offer *offer, bool initiator, uint32_t spi_in);
uint32_t spi_read(const uint8_t *bytes);

#endif
