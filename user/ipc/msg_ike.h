/* SPDX-License-Identifier: Apache-2.0 */
/* Between hub and ike. */
#ifndef SLUICE_IPC_MSG_IKE_H
#define SLUICE_IPC_MSG_IKE_H

#include "crypto/cert.h"
#include "ipc/imsg.h"

#include <assert.h>

struct imsg_ike_tunnel {
	uint32_t tunnel;
	char site[SITE_NAME_SIZE]; /* for log lines */
	struct ip_addr local;      /* outside address of the hub */
	struct ip_addr remote;     /* of the site; family 0: any */
	struct ike_identity local_id;
	struct ike_identity remote_id;
	struct ike_options options;
	struct selector_set local_ts;  /* hub side */
	struct selector_set remote_ts; /* site side */
};

/*
 * Certificates take effect as a set, when its last part has come. A set with a part that cannot be
 * used changes nothing.
 */
struct imsg_ike_credentials {
	uint32_t tunnel; /* UINT32_MAX: for every tunnel without its own, and whom we trust */
	uint32_t parts;  /* messages that follow; 0: this tunnel has none of its own */
	bool strict_crl;
};

enum credential_part {
	CREDENTIAL_CHAIN, /* ours: certificate and what leads to the authority */
	CREDENTIAL_KEY,
	CREDENTIAL_CA,
	CREDENTIAL_CRL,
};

struct imsg_ike_credential {
	uint32_t part; /* enum credential_part */
};

struct imsg_peer_cert {
	uint32_t tunnel;
	struct cert_facts facts;
	struct cert_chain chain; /* hub does not look into it */
};

struct imsg_activity {
	uint32_t tunnel;
	uint32_t age_ms; /* since the last good ESP packet from the site */
};

enum ike_command {
	IKE_COMMAND_INVALID,
	IKE_COMMAND_REKEY_CHILD,
	IKE_COMMAND_REKEY_IKE,
	IKE_COMMAND_DOWN,  /* delete the IKE SA and its child, refuse the peer */
	IKE_COMMAND_UP,    /* accept again; initiate where startup says so */
	IKE_COMMAND_RESET, /* delete, then as after start */
};

struct imsg_ike_command {
	uint32_t tunnel;
	uint32_t command; /* enum ike_command */
};

enum tunnel_phase {
	TUNNEL_DOWN,
	TUNNEL_NEGOTIATING,
	TUNNEL_UP, /* an SA pair is installed both ways */
	TUNNEL_PHASES,
};

/* Which pre-shared key the site has shown last. */
enum tunnel_key {
	TUNNEL_KEY_NONE, /* it has no IKE SA, or has shown a certificate */
	TUNNEL_KEY_PRESENT,
	TUNNEL_KEY_PREVIOUS, /* one that was given to it before */
	TUNNEL_KEYS,
};

struct imsg_tunnel_state {
	uint32_t tunnel;
	uint32_t phase; /* enum tunnel_phase */
	struct ip_endpoint peer;
	uint8_t ike_version; /* 1, 2; 0 when none */
	uint8_t key;         /* enum tunnel_key */
	bool nat_detected;
	bool afresh; /* up as before, but by a peer that has begun anew */
	char reason
		[REASON_CODE_SIZE]; /* a code of the catalogue; when up, of trouble, "" without */
	char detail[2 * REASON_TEXT_SIZE]; /* the sentence, and offered against expected */
	char ike_proposal[PROPOSAL_TEXT_SIZE];
	struct suite_numbers suite; /* the same in numbers */
};

/* Something that happened to a tunnel, for its activity log. */
struct imsg_tunnel_event {
	uint32_t tunnel;
	uint8_t phase1, phase2; /* enum effect_sa_state */
	bool dpd_enabled, nat_detected;
	uint8_t refusal; /* of who had not been authenticated; no bool: a child may send what is none */
	char code[REASON_CODE_SIZE];
	char detail[2 * REASON_TEXT_SIZE];
	struct ip_endpoint peer; /* port 0: none */
};

/* Datagrams at UDP 500 and 4500 since the process began; told when there are more, at most once a second. */
struct imsg_ike_heard {
	uint64_t datagrams;
};

/* An entry of the table of unknown devices. */
struct imsg_unknown {
	uint32_t place; /* below UNKNOWN_MAX */
	uint32_t count; /* of refusals; 0: the place is free */
	struct ip_addr local;
	struct ip_endpoint remote;
	uint8_t proven;  /* no bool: a child may send what is none */
	uint16_t reason; /* enum reason */
	char detail[REASON_TEXT_SIZE];
	uint64_t first_wall_ns, last_wall_ns;
};

/* What may be shown of an SA pair: no keys. */
struct imsg_sa_info {
	uint32_t tunnel;
	uint32_t spi_in; /* host order */
	uint32_t spi_out;
	char proposal[PROPOSAL_TEXT_SIZE];
	struct suite_numbers suite; /* the same in numbers */
	char local_ts[SELECTORS_TEXT_SIZE], remote_ts[SELECTORS_TEXT_SIZE];
	uint64_t created_wall_ns;
	uint32_t rekey_in_s; /* from creation */
	uint32_t expires_in_s;
	uint16_t inner_mtu;
	bool udp_encap;
	bool in_use; /* outbound packets leave on this pair */
};

static_assert(sizeof(struct imsg_ike_tunnel) < IMSG_MAX_SIZE / 2, "tunnel options fit");
static_assert(sizeof(struct imsg_peer_cert) < IMSG_MAX_SIZE - 256, "a chain fits");

#endif
