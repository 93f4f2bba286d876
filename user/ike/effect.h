/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine wants done. Effects come out in order and are to be applied in order. */
#ifndef SLUICE_IKE_EFFECT_H
#define SLUICE_IKE_EFFECT_H

#include "base/types.h"
#include "crypto/cert.h"
#include "ike/esp_keys.h"
#include "ike/reason.h"

#include <stddef.h>
#include <sys/queue.h>

#define EFFECT_NO_TUNNEL UINT32_MAX

enum effect_type {
	EFFECT_SEND,         /* a datagram leaves */
	EFFECT_SA_ADD,       /* install an SA pair, both directions; not yet used outbound */
	EFFECT_SA_USE,       /* outbound packets take this pair from now on */
	EFFECT_SA_DEL,       /* remove an SA pair */
	EFFECT_SA_MOVED,     /* the peer of an installed pair has a new address */
	EFFECT_TUNNEL_STATE, /* a tunnel went up, down, or has a new reason */
	EFFECT_SA_INFO,      /* what may be shown of a pair changed */
	EFFECT_NOTE,         /* a fact for the log */
	EFFECT_PEER_CERT,    /* the peer authenticated by this certificate */
};

enum effect_phase {
	PHASE_DOWN,
	PHASE_NEGOTIATING,
	PHASE_UP,
};

struct effect_send {
	struct ip_endpoint local, remote;
	uint32_t after_spi_in; /* only after this inbound SA is installed; 0: at once */
	size_t len;
	uint8_t *bytes; /* owned; on port 4500 with the non-ESP marker in front */
};

struct effect_sa_add {
	uint32_t spi_in, spi_out;
	const struct cipher *cipher;
	const struct integ *integ; /* NULL with AEAD */
	bool esn;
	bool udp_encap;
	uint16_t replay_window;
	struct esp_keys keys;
	struct ip_endpoint local, remote;
	struct selector_set local_ts, remote_ts;
};

/* SA_USE, SA_DEL, SA_MOVED */
struct effect_sa_ref {
	uint32_t spi_in, spi_out;
	struct ip_endpoint remote; /* SA_MOVED */
};

/* Which pre-shared key of a tunnel its peer has shown last. */
enum effect_key { EFFECT_KEY_NONE, EFFECT_KEY_PRESENT, EFFECT_KEY_PREVIOUS };

struct effect_tunnel_state {
	enum effect_phase phase;
	struct ip_endpoint peer;
	uint8_t ike_version;
	enum effect_key key;
	bool nat_detected;
	bool afresh;        /* up as before, but by a peer that has begun anew */
	enum reason reason; /* when up, of trouble that it has or will have; REASON_NONE: none */
	char detail[REASON_TEXT_SIZE];
	char ike_proposal[PROPOSAL_TEXT_SIZE];
	struct suite_numbers suite; /* the same in numbers */
};

struct effect_sa_info {
	uint32_t spi_in, spi_out;
	char proposal[PROPOSAL_TEXT_SIZE];
	struct suite_numbers suite; /* the same in numbers */
	char local_ts[SELECTORS_TEXT_SIZE], remote_ts[SELECTORS_TEXT_SIZE];
	const struct cipher *cipher;
	const struct integ *integ;
	uint64_t created; /* on the clock of `now` */
	uint32_t rekey_in_s, expires_in_s;
	bool udp_encap;
	bool outer_v6;
	bool in_use;
};

/* Where an SA stands, as events tell it. */
enum effect_sa_state {
	SA_STATE_DOWN,
	SA_STATE_NEGOTIATING,
	SA_STATE_ESTABLISHED,
	SA_STATE_REKEYING,
};

struct effect_note {
	bool warning;
	bool refusal;                                /* of who had not been authenticated */
	bool dpd_enabled, nat_detected;              /* of the tunnel */
	enum effect_sa_state ike_state, child_state; /* of the tunnel */
	enum reason reason;
	struct ip_endpoint remote; /* port 0: none */
	char detail[REASON_TEXT_SIZE];
};

struct effect {
	STAILQ_ENTRY(effect) link;
	enum effect_type type;
	uint32_t tunnel; /* EFFECT_NO_TUNNEL: none */
	union {
		struct effect_send send;
		struct effect_sa_add sa_add;
		struct effect_sa_ref sa_ref;
		struct effect_tunnel_state state;
		struct effect_sa_info info;
		struct effect_note note;
		struct cert_facts peer_cert;
	};
};

STAILQ_HEAD(effect_list, effect);

/* A zeroed effect at the end of the list. */
struct effect *effect_push(struct effect_list *list, enum effect_type type, uint32_t tunnel);

/* The oldest effect, owned by the caller; NULL when there is none. */
struct effect *effect_pop(struct effect_list *list);

/* Wipes and frees. */
void effect_free(struct effect *f);

#endif
