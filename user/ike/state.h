/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine keeps: IKE SAs, children, tunnels, and itself. Included by user/ike only. */
#ifndef SLUICE_IKE_STATE_H
#define SLUICE_IKE_STATE_H

#include "ike/engine.h"
#include "ike/identity.h"
#include "ike/selectors.h"
#include "ike/unknown.h"
#include "ike/v1/keys.h"
#include "ike/v2/keys.h"
#include "ike/v2/message.h"

#include <sys/queue.h>

#define SA_BUCKETS    1024
#define PLACE_BUCKETS 256
#define NAMED_BUCKETS 512

enum ike_state {
	IKE_NONE,
	IKE_INIT_SENT,     /* initiator: waits for the IKE_SA_INIT response */
	IKE_INIT_ANSWERED, /* responder: waits for IKE_AUTH */
	IKE_AUTH_SENT,     /* initiator: waits for the IKE_AUTH response */
	IKE_ESTABLISHED,
	IKE_REKEYED,  /* a newer SA took over, waits for the delete */
	IKE_DELETING, /* our delete is on its way */
	IKE_FAILED,   /* IKE_AUTH refused; only repeats its answer */
	/* IKEv1 main mode: the last message sent, odd ones by the initiator */
	IKE_MAIN1_SENT,
	IKE_MAIN2_SENT,
	IKE_MAIN3_SENT,
	IKE_MAIN4_SENT,
	IKE_MAIN5_SENT,
	IKE_STATES
};

enum child_state {
	CHILD_FREE,
	CHILD_RESERVED, /* our request is on its way, the SPI is taken */
	CHILD_LIVE,
	CHILD_REPLACED, /* rekeyed; waits for a delete */
	CHILD_DELETING, /* our delete is on its way */
	CHILD_LINGER,   /* inbound still accepts, for packets in flight */
	CHILD_STATES
};

/* What an outstanding request of ours is for. */
enum request_kind {
	REQUEST_NONE,
	REQUEST_INIT,
	REQUEST_AUTH,
	REQUEST_CHILD_NEW,
	REQUEST_CHILD_REKEY,
	REQUEST_IKE_REKEY,
	REQUEST_CHILD_DELETE,
	REQUEST_IKE_DELETE,
	REQUEST_PROBE,
	REQUEST_KINDS
};

/* Things to do on an IKE SA as soon as the window is free; lower bits first. */
enum task {
	TASK_DELETE_IKE = 1,
	TASK_DELETE_CHILD = 2, /* any child with want_delete */
	TASK_REKEY_CHILD = 4,
	TASK_REKEY_IKE = 8,
	TASK_NEW_CHILD = 16,
	TASK_PROBE = 32,
};

struct blob {
	uint8_t *bytes;
	size_t len;
};

struct child {
	enum child_state state;
	struct ike_sa *ike; /* NULL while lingering */
	uint32_t spi_in, spi_out;
	struct suite suite;
	struct selector_set local_ts, remote_ts;
	uint64_t created, rekey_at, expire_at;
	uint32_t lifetime_s; /* that the peer wants; 0: none. Ours counts when it is shorter */
	uint64_t use_at;     /* outbound moves here; 0: no */
	uint64_t gone_at;    /* linger end, or when a replaced one is deleted by us */
	bool udp_encap;
	bool want_rekey;
	bool want_delete;
	bool installed; /* EFFECT_SA_ADD was given out, EFFECT_SA_DEL was not */
};

TAILQ_HEAD(ike_sa_list, ike_sa);

/* Two places that take a tunnel from each other, again and again: rivals.c. */
struct rivals {
	struct ip_endpoint before, at; /* it went from there to here last */
	uint64_t first, last;          /* when it went so first, and last, either way */
	uint64_t told_until;           /* so long it is the tunnel's reason; 0: it is not */
	uint32_t count;                /* how often */
};

struct tunnel {
	struct engine_tunnel conf;
	struct secret psk;
	uint64_t psk_print;                     /* of that */
	bool try_previous;                      /* our next attempt uses the previous key */
	struct credential *own;                 /* NULL: the engine's */
	struct blob peer_chain[CERT_CHAIN_MAX]; /* what the peer authenticated with last */
	LIST_ENTRY(tunnel) named;               /* by the peer's address, while that is known */
	uint16_t policy;                        /* the number of its phase 1 policy */
	bool present;
	bool disabled;
	struct ike_sa_list sas; /* linked by of_tunnel */
	struct child children[IKE_SLOTS_MAX];
	uint8_t next_slot;
	int in_use;           /* slot, or -1 */
	uint64_t initiate_at; /* 0: not wanted */
	uint64_t initiate_wait;
	uint64_t
		rekeys_until; /* so far the key exchanges of its peer have used up its rate of them */
	uint64_t last_life;   /* authenticated traffic of any kind */
	struct ip_addr seen_at; /* where its peer last authenticated from; family 0 */
	struct ip_endpoint
		chosen_wrongly; /* from here phase 1 got a suite that it does not allow */
	uint64_t chosen_until;  /* so much is remembered of it; 0: nothing */
	const struct ike_version *version; /* of its last IKE SA, or NULL */
	uint64_t no_pair_until; /* then its IKE SAs are closed; 0: it has a pair, or no IKE SA */
	/* Why the last pair, or its rekey, was refused; REASON_NONE once there is a new one. */
	enum reason refused;
	char refused_text[REASON_TEXT_SIZE];
	/* Why the last rekey of its IKE SA was refused; REASON_NONE once there is a new one. */
	enum reason ike_refused;
	char ike_refused_text[REASON_TEXT_SIZE];
	struct rivals rivals;
	/* what was reported last */
	struct effect_tunnel_state told;
	bool reported;
	bool afresh; /* since then another device, or the same one anew, has taken the tunnel */
	uint64_t news_at; /* of its peer: when it came, went or was refused last */
};

/* Fragments of one message: RFC 7383 2.6. */
struct reassembly {
	uint32_t id;
	uint16_t total, got;
	uint8_t first;
	size_t len;
	struct blob parts[IKE_FRAGMENTS_TAKEN], whole;
};

/* Our outstanding request, and what its answer will need. */
struct request {
	enum request_kind kind;
	uint32_t id;
	struct blob bytes;
	uint64_t first_sent, resend_at, interval, give_up_at;
	/* CREATE_CHILD_SA */
	struct nonce nonce;
	struct dh *dh;
	const struct dh_group *group;
	uint64_t new_spi; /* IKE rekey: ours */
	int slot;         /* child rekey: the old one; delete: the one */
	uint32_t old_spi_in;
	int new_slot; /* reserved for the new pair */
	uint8_t tries;
	bool lost; /* restored from a checkpoint: the answer cannot be used */
	/* RFC 7296 2.8.1, 2.8.2: the peer's exchange for the same SA */
	bool collided;
	struct nonce collided_nonce; /* the lower of its two */
	uint32_t collided_spi_in;    /* the child it made */
	struct ike_sa *collided_ike; /* the IKE SA it made */
};

struct ike_sa {
	TAILQ_ENTRY(ike_sa) link;
	TAILQ_ENTRY(ike_sa) of_tunnel;        /* while `tunnel` is set */
	TAILQ_ENTRY(ike_sa) in_place, by_age; /* while `place` is set */
	LIST_ENTRY(ike_sa) bucket;
	struct place *place; /* admission.c: what it takes as long as it is half-open */
	const struct ike_version *version;
	enum ike_state state;
	bool initiator; /* we are the original initiator */
	bool proven;    /* the peer has shown that it gets what is sent to its address */
	bool free_me;
	uint64_t spi_i, spi_r;
	struct tunnel
		*tunnel; /* by ike_sa_set_tunnel(); NULL before authentication on the responder */
	struct ip_endpoint local, remote;
	struct suite suite;
	union {
		struct ike_keys keys;
		struct v1_keys v1_keys;
	};
	struct v1_sa *v1; /* what only IKEv1 has; NULL with IKEv2 */
	bool nat_here, nat_there, forced_encap;
	uint64_t key_print; /* psk_print() of what it was authenticated by; 0: not by a PSK */
	bool previous_key;  /* the peer has, or gets, proof by the previous PSK */
	bool ppk_announced; /* by both ends; RFC 8784 3 */
	bool fragmentation; /* both ends take fragments; RFC 7383 2.3 */
	struct reassembly *partial[2]; /* of a request, of a response */
	uint32_t send_id, recv_id;     /* next of ours, next expected */
	struct blob response;          /* to request recv_id - 1 */
	uint32_t response_gate;
	uint64_t response_until; /* 0: as long as the SA */
	struct request request;
	uint32_t tasks;
	uint64_t created, established, rekey_at, expire_at, guard_at, probe_at, keepalive_at;
	uint64_t retry_rekey_at;
	uint64_t duplicate_at;
	uint64_t last_life;
	bool rekey_descendant; /* came by a rekey, not by IKE_AUTH */
	bool redundant;
	bool no_probes;      /* the peer would not answer them */
	uint32_t lifetime_s; /* as in struct child */
	enum reason end_reason;
	/* until IKE_AUTH is over */
	struct nonce ni, nr;
	struct blob init_request, init_response;
	struct dh *dh;
	struct blob cookie;
	uint8_t init_tries;
	bool repeats;         /* the peer has sent its first message again */
	int first_slot;       /* child offered in IKE_AUTH */
	uint32_t peer_hashes; /* bits of enum sign_hash; 0: the peer lacks RFC 7427 */
	bool peer_pss;        /* it signed by RSASSA-PSS, so it can verify that */
};

LIST_HEAD(ike_sa_bucket, ike_sa);
LIST_HEAD(place_bucket, place);
LIST_HEAD(named_bucket, tunnel);
TAILQ_HEAD(former_list, former);

/* What is looked at of each tunnel when a stranger comes. `local` 0: there is no such tunnel. */
struct tunnel_print {
	uint32_t local,
		peer; /* prints of the addresses: equal ones have the same; peer 0: not known */
	uint16_t policy;
	bool any; /* no address of the peer is configured */
};

/* Phase 1 policies, each once. */
struct policy_list {
	struct {
		struct ike_options options; /* of one that has it */
		uint8_t key;                /* the kind of our key for it, from 1; 0: none */
		unsigned int tunnels;       /* that have it; 0: a free row */
	} * rows;
	unsigned int count;
};

/* Those that a walk has met. */
struct policies_seen {
	uint64_t bits[IKE_TUNNELS_MAX / 64];
};

struct engine {
	struct engine_env env;
	struct engine_limits limits;
	struct trust *trust;
	struct credential *own;
	uint64_t now; /* of what is being worked on */
	bool started;
	bool dropped;   /* some SA waits for engine_sweep() */
	bool lost_pair; /* some tunnel may have lost its last pair: engine_sweep() looks */
	uint64_t generation;
	uint64_t review_at; /* of the certificates that peers showed */
	uint64_t bucket_key;
	unsigned int half_open, strangers, strangers_v1; /* of all: of no configured address */
	struct ike_sa_list unfinished;                   /* these, the oldest first */
	struct place_bucket places[PLACE_BUCKETS];
	struct named_bucket named[NAMED_BUCKETS];
	struct unknown_table unknown;
	uint64_t refused_until; /* when all refusals of late are forgotten */
	struct effect_list effects;
	struct ike_sa_list sas;
	struct ike_sa_bucket buckets[SA_BUCKETS];
	struct {
		uint8_t secret[2][32]; /* now and before */
		uint64_t made;
		uint8_t version;
	} cookie;
	struct former_list formers; /* former.c: tunnels that were removed, the oldest first */
	unsigned int former_count;
	struct policy_list policies;
	struct tunnel_print prints[IKE_TUNNELS_MAX];
	struct tunnel *tunnels[IKE_TUNNELS_MAX];
	unsigned int tunnel_end; /* all above are NULL */
};

#endif
