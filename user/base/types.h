/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types that configuration, messages and engines share: identities, selectors, algorithm sets.
 * Plain data, no functions.
 */
#ifndef SLUICE_BASE_TYPES_H
#define SLUICE_BASE_TYPES_H

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define SITE_NAME_SIZE      32 /* with its NUL: letters, digits, '-', '_', '.' */
#define REASON_CODE_SIZE    32
#define REASON_TEXT_SIZE    240
#define PROPOSAL_TEXT_SIZE  96
#define SELECTORS_TEXT_SIZE 120
#define ROUTE_AS_PATH_SHOWN 16
#define SELECTORS_MAX       8
#define ALGORITHMS_MAX      16 /* members of one algorithm set */
#define TUNNELS_PER_SITE    2
#define PPK_ID_MAX          64 /* bytes */
#define ROUTE_SHARES_MAX    16

/* Tunnels that carry one route together, in ascending order. None: the best one does alone. */
struct route_shares {
	uint16_t count;
	uint16_t tunnels[ROUTE_SHARES_MAX];
};

/* How many paths to a prefix were compared: all, and of these. */
struct path_count {
	uint16_t all;
	uint16_t second; /* over tunnels of endpoint 1 */
	uint16_t site;   /* of the site of the best one */
};

/* RFC 7296 3.5 identification types that a tunnel may have. */
enum ike_id_type {
	IKE_ID_NONE = 0,
	IKE_ID_IPV4 = 1,
	IKE_ID_FQDN = 2,
	IKE_ID_RFC822 = 3,
	IKE_ID_IPV6 = 5,
	IKE_ID_DN = 9, /* DER */
	IKE_ID_KEY_ID = 11,
};

#define IDENTITY_MAX 512 /* bytes: a distinguished name may be long */

struct ike_identity {
	uint8_t type; /* enum ike_id_type */
	uint16_t len;
	uint8_t bytes[IDENTITY_MAX];
};

/* One traffic selector: RFC 7296 3.13.1. Prefixes only: what routers send. */
struct selector {
	struct ip_addr first;
	struct ip_addr last;
	uint8_t protocol; /* 0: any */
	uint16_t first_port;
	uint16_t last_port;
};

struct selector_set {
	uint8_t count;
	struct selector selectors[SELECTORS_MAX];
};

/* IANA IKEv2 transform numbers, in the order of preference. */
struct algorithm_set {
	uint8_t count;
	struct {
		uint16_t id;
		uint16_t key_bits; /* 0 where the transform has no key length */
	} items[ALGORITHMS_MAX];
};

/* What two ends have agreed upon, in the same numbers; 0 where there is none of the kind. */
struct suite_numbers {
	uint16_t encryption, key_bits, prf, integrity, group;
	bool esn;
};

enum dpd_action {
	DPD_CLEAR,
	DPD_NONE,
	DPD_RESTART,
};

enum startup_action {
	STARTUP_ADD,
	STARTUP_START,
};

enum encap_mode {
	ENCAP_AUTO,
	ENCAP_FORCE,
};

/* Where in its margin a rekey falls: the margin is the window, or it starts before the margin. */
enum rekey_fuzz_mode {
	FUZZ_WINDOW,
	FUZZ_EARLY,
};

/* How both ends of a tunnel prove who they are. */
enum auth_kind {
	AUTH_PSK,
	AUTH_CERT,
};

/* Options of a tunnel. Times in seconds. */
struct ike_options {
	bool ikev1, ikev2;
	bool esn; /* allow extended sequence numbers */
	struct algorithm_set p1_encryption, p1_integrity, p1_prf, p1_groups;
	struct algorithm_set p2_encryption, p2_integrity, p2_groups; /* p2_groups: PFS */
	uint32_t p1_lifetime_s;
	uint32_t p2_lifetime_s;
	uint32_t rekey_margin_s;
	uint32_t rekey_fuzz_percent;
	uint32_t dpd_interval_s; /* silence before a probe */
	uint32_t dpd_timeout_s;  /* silence before the peer is dead */
	uint16_t replay_window;  /* packets */
	uint8_t dpd_action;      /* enum dpd_action */
	uint8_t startup;         /* enum startup_action */
	uint8_t encap;           /* enum encap_mode */
	uint8_t fuzz_mode;       /* enum rekey_fuzz_mode */
	uint8_t ppk_id_len;      /* of the post-quantum key; 0: there is none */
	uint8_t ppk_id[PPK_ID_MAX];
	uint8_t auth; /* enum auth_kind */
};

/* An IPv4 packet that is too big. */
enum df_choice {
	DF_COPY,  /* as its sender wants: in fragments, or dropped, and told the size that fits */
	DF_CLEAR, /* in fragments */
	DF_SET,   /* dropped, and its sender is told */
};

/* What of a packet is charged to the rates. */
enum rate_bytes {
	RATE_INNER, /* the packet in the tunnel */
	RATE_OUTER, /* the packet around it: ESP, its padding, UDP and IP */
};

/*
 * What the configuration says of packets. The data plane gets the struct as the file filled it: XDP and TC
 * through bpf_options, workers through the message that their process starts with.
 */
struct packet_options {
	uint32_t pacing_horizon_us; /* 0: police instead of pace */
	bool ecn_marking;           /* of packets that wait for nearly as long as the horizon */
	uint8_t rate_bytes;         /* enum rate_bytes */
	uint8_t df;                 /* enum df_choice */
};

/* How packets of one tunnel are treated; hub tells data with the message that announces the tunnel. */
struct tunnel_packet_options {
	bool own_limits; /* its limits are not its site's: abi.h, bucket_of */
};

/* ESP transforms: IANA numbers of the "Encryption" and "Integrity" registries of IKEv2. */
enum esp_cipher {
	ESP_AES_CBC = 12,
	ESP_AES_GCM_16 = 20,
	ESP_CHACHA20_POLY1305 = 28,
};

enum esp_integ {
	ESP_INTEG_NONE = 0,
	ESP_HMAC_SHA1_96 = 2,
	ESP_HMAC_SHA256_128 = 12,
	ESP_HMAC_SHA384_192 = 13,
	ESP_HMAC_SHA512_256 = 14,
};

#endif
