/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the processes. One message is one SOCK_SEQPACKET datagram: a header, a fixed
 * struct that the type names, and for few types trailing bytes. One file descriptor may ride along.
 * Both ends are the same binary, so structs are sent as they are; sizes are asserted in imsg.c.
 *
 * Channels: hub <-> each child, and ike <-> data directly (ESP keys never pass through hub).
 *
 * A tunnel is named by its number everywhere: site index * 2 + {0, 1}.
 */
#ifndef SLUICE_IPC_IMSG_H
#define SLUICE_IPC_IMSG_H

#include "base/addr.h"
#include "base/types.h"
#include "bgp/bfd/session.h"
#include "bgp/reserved.h"
#include "bgp/speaker.h"
#include "crypto/cert.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#define IMSG_OUTSIDE_ADDRESSES 4
#define IMSG_CLAIMS_MAX        64
#define IMSG_ACCEPT_MAX        64
#define IMSG_STATICS_MAX       100
#define IMSG_ROUTES_MAX        128
#define IMSG_RESERVED_MAX      500
#define IMSG_OWNERS_MAX        400

#define IMSG_MAX_SIZE  20480       /* bytes of one message, header included */
#define IMSG_QUEUE_MAX (64u << 20) /* bytes that may wait for a slow reader */

enum imsg_type {
	IMSG_INVALID,

	/* hub -> any child */
	IMSG_START,    /* none: everything sent so far is the initial state, begin */
	IMSG_CHANNEL,  /* none, fd: the ike <-> data channel, replaced when either end restarts */
	IMSG_SHUTDOWN, /* none: say goodbye to peers, then exit 0 */
	IMSG_PING,     /* none: are you alive? The channel answers, when its loop comes to it */
	/* any child -> hub */
	IMSG_READY, /* none, of bgp struct imsg_bgp_ready: set up, privileges dropped */
	IMSG_PONG,  /* none */

	/* hub -> ike */
	IMSG_IKE_SOCKET,       /* struct imsg_socket, fd */
	IMSG_IKE_TUNNEL,       /* struct imsg_ike_tunnel, fd: the secret, to read once and close */
	IMSG_IKE_PPK,          /* struct imsg_tunnel, fd: its post-quantum key; before the tunnel */
	IMSG_IKE_PSK_PREVIOUS, /* the same, of the key before the present one */
	IMSG_IKE_TUNNEL_DEL,   /* struct imsg_tunnel */
	IMSG_IKE_ACTIVITY,     /* struct imsg_activity: ESP arrived (RFC 7296 2.4: life) */
	IMSG_IKE_COMMAND,      /* struct imsg_ike_command */
	IMSG_IKE_CREDENTIALS,  /* struct imsg_ike_credentials: certificates, in parts that follow */
	IMSG_IKE_CREDENTIAL,   /* struct imsg_ike_credential, fd: a part, to read once and close */
	IMSG_IKE_SPIS,         /* none, fd: the map ike_spis */
	IMSG_IKE_CHECKPOINT,   /* none, fd: memfd that outlives the process, for SA state */
	/* ike -> hub */
	IMSG_TUNNEL_STATE, /* struct imsg_tunnel_state */
	IMSG_SA_INFO,      /* struct imsg_sa_info: an SA pair came to be or changed */
	IMSG_SA_GONE,      /* struct imsg_sa_ref */
	IMSG_TUNNEL_EVENT, /* struct imsg_tunnel_event: for the tunnel's activity log */
	IMSG_UNKNOWN,      /* struct imsg_unknown: a device that nobody configured, anew */
	IMSG_PEER_CERT,    /* struct imsg_peer_cert, both ways: what a site authenticated with */

	/* ike -> data */
	IMSG_SA_ADD, /* struct imsg_sa_add, with keys */
	IMSG_SA_USE, /* struct imsg_sa_ref: send on this pair from now on */
	IMSG_SA_DEL, /* struct imsg_sa_ref */
	/* When the two of them meet: what ike has. All else is forgotten by data, what lacks is said. */
	IMSG_SA_KEEP,     /* struct imsg_sa_keep */
	IMSG_SA_KEEP_END, /* none */
	IMSG_ESP_SLOW,    /* struct imsg_esp_slow, bytes: ESP that came through the socket */
	/* data -> ike */
	IMSG_SA_INSTALLED, /* struct imsg_sa_ref: inbound accepts from now on */
	IMSG_SA_LOST,      /* struct imsg_sa_ref: was to be kept and is not here */
	IMSG_SA_EXPIRING,  /* struct imsg_sa_ref: sequence numbers run out, rekey now */
	IMSG_PEER_MOVED,   /* struct imsg_peer_moved, both ways: authenticated from a new address */

	/* hub -> data */
	IMSG_DATA_CONF,    /* struct imsg_data_conf */
	IMSG_DATA_MAP,     /* struct imsg_data_map, fd: a BPF map */
	IMSG_DATA_SOCKET,  /* struct imsg_socket, fd: UDP 4500 or raw ESP to send by */
	IMSG_DATA_TOO_BIG, /* struct imsg_index, fd: socket for ICMP (0) or ICMPv6 (1) of routers */
	IMSG_DATA_TAP,     /* struct imsg_index, fd: queue of the inside device */
	IMSG_DATA_OUTSIDE, /* struct imsg_data_outside: a device to open AF_XDP on; again: it has changed */
	IMSG_DATA_SAVED,  /* none, fd: memfd of data_saved.h */
	IMSG_DATA_TUNNEL, /* struct imsg_data_tunnel: a tunnel exists, or no longer does */
	/* data -> hub */
	IMSG_DATA_MODE, /* struct imsg_data_mode: what was obtained */
	IMSG_DATA_PATH, /* struct imsg_data_path: how much fits into a tunnel, anew */

	/* hub -> bgp */
	IMSG_BGP_CONF,         /* struct imsg_bgp_conf */
	IMSG_BGP_LISTEN,       /* struct imsg_socket, fd: listening TCP 179 */
	IMSG_BGP_NEIGHBOR,     /* struct imsg_bgp_neighbor, fd (BFD: UDP 3784): new or changed */
	IMSG_BGP_STATICS,      /* struct imsg_bgp_statics: what leads to a static neighbour */
	IMSG_BGP_NEIGHBOR_DEL, /* struct imsg_tunnel */
	IMSG_BGP_TUNNEL,       /* struct imsg_bgp_tunnel: the tunnel came up or went down */
	IMSG_BGP_NETWORK,      /* struct imsg_bgp_network: a prefix behind the hub */
	IMSG_BGP_RESERVED,     /* struct imsg_bgp_reserved: what no site may announce, in parts */
	IMSG_BGP_OWNERS,       /* struct imsg_bgp_owners: of prefixes, before this process */
	IMSG_BGP_RELEASE,      /* struct ip_prefix: its owner, who has no session, gives it up */
	IMSG_BGP_QUERY,        /* struct imsg_bgp_query */
	/* bgp -> hub */
	IMSG_BGP_STATE,   /* struct imsg_bgp_state */
	IMSG_ROUTES,      /* struct imsg_route, IMSG_ROUTES_MAX at most: best paths changed */
	IMSG_UNROUTES,    /* struct ip_prefix, IMSG_ROUTES_MAX at most: nothing leads there */
	IMSG_BGP_SETTLED, /* none: first convergence after start is over, drop stale routes */
	IMSG_BGP_EVENT,   /* struct imsg_bgp_event: for the log of the tunnel */
	IMSG_BGP_ANSWER,  /* struct imsg_bgp_answer: of a query, several */
	IMSG_BFD_STATE,   /* struct imsg_bfd_state; from the BFD thread of bgp by way of bgp */
	/* bgp -> its BFD thread */
	IMSG_BFD_SESSION, /* struct imsg_bfd_session, fd: UDP 3784 of the inside address */

	/* hub <-> api */
	IMSG_API_SOCKET,  /* none, fd: listening control socket */
	IMSG_API_HTTP,    /* none, fd: listening TCP socket for metrics */
	IMSG_API_REQUEST, /* struct imsg_api_request */
	IMSG_API_REPLY,   /* struct imsg_api_reply, bytes */

	IMSG_TYPES
};

struct imsg_tunnel {
	uint32_t tunnel;
};

struct imsg_bgp_ready {
	int32_t bfd_error; /* errno: why the BFD thread has no real-time priority; 0: it has */
};

struct imsg_index {
	uint32_t index;
};

struct imsg_socket {
	struct ip_endpoint local; /* port 0 for raw ESP */
	uint16_t endpoint;        /* index of the outside address: 0 or 1, families apart */
	bool whole;               /* to send by; the other one is for what leaves in fragments */
};

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

struct imsg_tunnel_state {
	uint32_t tunnel;
	uint32_t phase; /* enum tunnel_phase */
	struct ip_endpoint peer;
	uint8_t ike_version; /* 1, 2; 0 when none */
	bool nat_detected;
	char reason[REASON_CODE_SIZE];     /* a code of the catalogue, "" when up */
	char detail[2 * REASON_TEXT_SIZE]; /* the sentence, and offered against expected */
	char ike_proposal[PROPOSAL_TEXT_SIZE];
};

/* Something that happened to a tunnel: M-21. */
struct imsg_tunnel_event {
	uint32_t tunnel;
	uint8_t phase1, phase2; /* enum effect_sa_state */
	bool dpd_enabled, nat_detected;
	uint8_t refusal; /* of who had not been authenticated; no bool: a child may send what is none */
	char code[REASON_CODE_SIZE];
	char detail[2 * REASON_TEXT_SIZE];
	struct ip_endpoint peer; /* port 0: none */
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
	uint64_t created_wall_ns;
	uint32_t rekey_in_s; /* from creation */
	uint32_t expires_in_s;
	uint16_t inner_mtu;
	bool udp_encap;
	bool in_use; /* outbound packets leave on this pair */
};

struct imsg_sa_ref {
	uint32_t tunnel;
	uint32_t spi_in; /* host order; 0 when it names no inbound SA */
	uint32_t spi_out;
};

struct imsg_sa_keep {
	uint32_t tunnel;
	uint32_t spi_in, spi_out;
	uint32_t in_use; /* it sends */
};

/* Keys are wiped from every buffer by imsg_send() and by the receiver. */
struct imsg_sa_add {
	uint32_t tunnel;
	uint32_t spi_in; /* low 14 bits: slot in the SPI table, see abi.h */
	uint32_t spi_out;
	uint16_t cipher; /* enum esp_cipher */
	uint16_t integ;  /* enum esp_integ */
	bool esn;
	bool udp_encap;
	uint16_t replay_window; /* packets */
	uint16_t key_len;       /* bytes of each cipher key, salt not counted */
	uint16_t integ_len;     /* bytes of each integrity key */
	uint8_t key_in[32], key_out[32];
	uint8_t salt_in[4], salt_out[4];
	uint8_t integ_in[64], integ_out[64];
	struct ip_endpoint local; /* port 500 or 4500: the encapsulation port when udp_encap */
	struct ip_endpoint remote;
	struct selector_set local_ts;
	struct selector_set remote_ts;
};

struct imsg_esp_slow {
	struct ip_endpoint remote;
	uint32_t len;  /* bytes that follow: ESP from the SPI on */
	uint32_t lost; /* before this one, because there were too many */
	uint8_t traffic_class;
};

struct imsg_peer_moved {
	uint32_t tunnel;
	uint32_t spi_in;
	struct ip_endpoint remote;
};

struct imsg_data_conf {
	uint32_t workers;
	uint32_t pacing_horizon_us; /* 0: police instead of pace */
	bool ecn_marking;
	bool outer_rates;
	bool clear_df; /* fragments of IPv4 packets whose sender wants none */
	bool set_df;   /* none of those whose sender would have them either */
	uint16_t inside_mtu;
	bool inside_uso; /* the inside device takes super-packets of UDP */
	bool kernel_esp; /* the process of proc/data/xfrm.h, without workers */
};

struct imsg_data_map {
	uint32_t map; /* enum data_map of dataplane.h */
	uint32_t value_size;
	uint32_t entries;
};

struct imsg_data_outside {
	uint32_t ifindex; /* 0: it is not there; hub starts data again when it is */
	uint32_t mtu;
	uint32_t queues;
	char name[16];
	bool esp_offload; /* kernel ESP: the device does the crypto */
	uint32_t address_count;
	struct ip_addr addresses[IMSG_OUTSIDE_ADDRESSES]; /* of the hub on it */
};

struct imsg_data_tunnel {
	uint32_t tunnel;
	bool present;    /* false: forget it and its SAs */
	bool own_limits; /* its limits are not its site's: abi.h, bucket_of */
};

struct imsg_data_mode {
	char text[128]; /* for `sluice show dataplane` */
};

struct imsg_data_path {
	uint32_t tunnel;
	uint16_t path_mtu;  /* bytes of an outer packet */
	uint16_t inner_mtu; /* and of what is in it, with the SA that sends */
};

struct imsg_bgp_conf {
	uint32_t local_as;
	uint32_t router_id; /* host order */
	uint16_t hold_s;
	uint16_t keepalive_s;
	bool site_to_site; /* re-advertise sites to each other */
	bool graceful_restart;
	bool restarted; /* after one whose routes are still there */
};

/* A BFD session of a bgp process that has ended, for the next one. */
struct imsg_bfd_resume {
	struct ip_addr local, peer;
	uint16_t source_port;
	uint64_t at_ns; /* when it was so: CLOCK_MONOTONIC */
	struct bfd_handover session;
};

struct imsg_bgp_neighbor {
	uint32_t tunnel;
	char site[SITE_NAME_SIZE];
	struct ip_addr local4, peer4; /* inside addresses and next hops */
	struct ip_addr local6, peer6; /* unset: IPv4 only */
	bool passive;                 /* the site connects */
	uint64_t password_print;      /* see hub_bgp_password */
	bool transport6;              /* the session runs over the IPv6 addresses */
	uint32_t remote_as;
	uint32_t max_prefixes_in; /* per address family */
	uint32_t max_prefixes_out;
	uint32_t med_out;
	uint32_t group; /* sites of one location share a number; else site index */
	bool allow_default;
	bool share_default;
	bool ttl_security;
	bool as_override;
	bool not_propagated;
	uint8_t allow_as_in;
	bool is_static; /* no session, IMSG_BGP_STATICS follows */
	bool ecmp;
	bool draining;
	bool was_up; /* established when the process before this one ended */
	uint32_t bfd_interval_us;
	uint8_t bfd_multiplier; /* 0: no BFD */
	struct imsg_bfd_resume bfd_resume;
	uint8_t claim_count;
	struct ip_prefix claims[IMSG_CLAIMS_MAX]; /* what the site owns */
	uint8_t accept_count;
	struct prefix_rule accept[IMSG_ACCEPT_MAX]; /* what it may announce; none: everything */
};

struct imsg_bgp_statics {
	uint32_t tunnel;
	uint32_t count;
	struct ip_prefix prefixes[IMSG_STATICS_MAX];
};

struct imsg_bgp_query {
	uint32_t id;
	struct ip_prefix prefix; /* why its best path won; family 0: what is quarantined */
};

struct imsg_bgp_answer {
	uint32_t id;
	bool last; /* nothing else in it counts */
	struct bgp_path_view path;
};

struct imsg_bgp_event {
	uint32_t tunnel;
	struct bgp_effect_event event;
};

struct imsg_bgp_tunnel {
	uint32_t tunnel;
	bool up;
};

struct imsg_bgp_network {
	struct ip_prefix prefix;
	bool present;
};

struct imsg_bgp_reserved {
	bool first, last; /* part of the list, which takes effect with its last */
	uint16_t count;
	struct reserved_fact facts[IMSG_RESERVED_MAX];
};

struct imsg_bgp_owners {
	uint32_t count;
	struct {
		struct ip_prefix prefix;
		uint32_t group;
	} owners[IMSG_OWNERS_MAX];
};

/* A tunnel is to have BFD, or no longer (multiplier 0). */
struct imsg_bfd_session {
	uint32_t tunnel;
	struct ip_addr local, peer;
	uint32_t interval_us;
	uint8_t multiplier;
	struct imsg_bfd_resume resume; /* unless the tunnel is said to be down first */
};

struct imsg_bfd_state {
	uint32_t tunnel;
	bool present;                /* false: there is no session now */
	bool failed;                 /* it was Up until now, and nobody switched it off */
	uint8_t state, remote_state; /* enum bfd_state */
	uint8_t diag, remote_diag;   /* enum bfd_diag */
	uint32_t interval_us;        /* between packets of the hub, negotiated */
	uint32_t detection_us;
	uint64_t packets_in, packets_out, packets_refused;
	uint32_t expirations; /* how often the detection time passed in silence */
	struct imsg_bfd_resume resume;
};

enum bgp_state {
	BGP_IDLE,
	BGP_CONNECT,
	BGP_ACTIVE,
	BGP_OPENSENT,
	BGP_OPENCONFIRM,
	BGP_ESTABLISHED,
};

struct imsg_bgp_state {
	uint32_t tunnel;
	uint32_t state; /* enum bgp_state */
	uint32_t prefixes_in;
	uint32_t prefixes_out;
	uint32_t prefixes_in6, prefixes_out6; /* of these IPv6 */
	bool out_limited;                     /* there are more than the site may be told of */
	uint8_t error_code, error_subcode;    /* of the last NOTIFICATION, either way */
	struct bgp_counts counts;
	uint64_t established_wall_ns; /* 0: it is not; hub fills it in */
	char detail[REASON_TEXT_SIZE];
};

/* The best path to a prefix, with what is used beside it. */
struct imsg_route {
	struct ip_prefix prefix;
	uint8_t source;  /* enum route_source */
	uint32_t tunnel; /* next hop */
	struct route_shares shares;
	uint32_t med;
	uint8_t as_path_len; /* true length; as_path holds the first of them */
	uint8_t origin;
	uint32_t as_path[ROUTE_AS_PATH_SHOWN];
	uint32_t candidates; /* paths that were compared */
	uint8_t other;       /* enum path_fate: why not by the other tunnel of the site */
};

struct imsg_api_request {
	uint32_t id;
	uint32_t verb;             /* enum api_verb */
	int32_t tunnel;            /* 0, 1, or -1 for both */
	char site[SITE_NAME_SIZE]; /* "" for all */
	struct ip_prefix prefix;   /* of a route */
	uint32_t since_s;          /* a report of so many seconds; 0: of the last one */
	bool force;                /* also where it leaves a site without a tunnel */
};

struct imsg_api_reply {
	uint32_t id;
	uint32_t len; /* bytes that follow */
	bool last;
};

struct imsg {
	uint32_t type; /* enum imsg_type */
	uint32_t len;  /* bytes of payload */
	int fd;        /* -1: none; the receiver owns it */
	void *payload; /* the receiver's, until its handler returns */
};

struct imsg_channel;

/* Called for each message. Takes over m->fd. */
typedef void imsg_handler(void *context, const struct imsg *m);

/* Called once when the other end is gone; the channel may be freed in it. */
typedef void imsg_gone(void *context);

/*
 * Makes a channel from one end of a SOCK_SEQPACKET pair (takes over own_fd). Messages are sent in
 * order; what the socket does not take now is queued, and none is dropped. A reader that lets
 * IMSG_QUEUE_MAX bytes wait is given up: then on_gone is called as if it had ended.
 */
struct imsg_channel *imsg_channel_new(struct event_base *base, int own_fd, imsg_handler *on_message,
	imsg_gone *on_gone, void *context);
void imsg_channel_free(struct imsg_channel *c);

/* The other end is hub: when it asks by IMSG_PING, it is answered. No handler gets to see that. */
void imsg_channel_answer(struct imsg_channel *c);

/* Sends a message of the fixed struct `payload` and optional trailing bytes. Takes over own_fd (-1:
 * none). A message to a peer that is gone is dropped: its on_gone is about to be called. */
void imsg_send(
	struct imsg_channel *c, enum imsg_type type, int own_fd, const void *payload, size_t len);
void imsg_send_bytes(struct imsg_channel *c, enum imsg_type type, const void *payload, size_t len,
	const void *bytes, size_t bytes_len);

/* Bytes that the other end has not taken yet. */
size_t imsg_queued(const struct imsg_channel *c);

/* The same without an event base, before the loop runs: blocks. False when the peer is gone. */
bool imsg_receive_blocking(int fd, struct imsg *m, void *buffer, size_t size);

/* The fixed struct of a message, or NULL when the message is shorter than it must be. */
const void *imsg_body(const struct imsg *m, size_t size);

#endif
