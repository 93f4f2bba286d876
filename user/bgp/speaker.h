/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP speaker of a hub: neighbours, sessions, routes. No sockets and no clock inside: the
 * caller tells what happened and at what time (CLOCK_MONOTONIC nanoseconds), then calls bgp_run and
 * carries out the effects.
 *
 * A neighbour has at most two TCP connections, one in each direction (RFC 4271 6.8); they are named
 * by tunnel number and enum bgp_direction.
 */
#ifndef SLUICE_BGP_SPEAKER_H
#define SLUICE_BGP_SPEAKER_H

#include "base/types.h"
#include "bgp/fsm.h"
#include "bgp/message.h"
#include "bgp/neighbor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BGP_NETWORKS_MAX 256                         /* prefixes behind the hub */
#define BGP_DETAIL_SIZE  (2 * REASON_TEXT_SIZE + 16) /* a cause, and what came after it */

enum bgp_direction {
	BGP_OUTGOING, /* we connected */
	BGP_INCOMING,
	BGP_DIRECTIONS,
};

enum bgp_effect_type {
	BGP_EFFECT_INVALID,
	BGP_EFFECT_CONNECT, /* open a TCP connection, BGP_OUTGOING */
	BGP_EFFECT_CLOSE,   /* write what bgp_output has, as far as it goes, then close */
	BGP_EFFECT_STATE,   /* something to show has changed */
	BGP_EFFECT_ROUTE,   /* the best path to a prefix has changed */
	BGP_EFFECT_NOTE,    /* for the log */
	BGP_EFFECT_EVENT,   /* for the BGP log of the tunnel */
};

enum bgp_note_level {
	BGP_NOTE_INFO,
	BGP_NOTE_WARN,
};

/* What ended a session, or keeps it from coming up, where it is one of these; else only the sentence tells. */
enum bgp_why {
	BGP_WHY_OTHER,
	BGP_WHY_UNANSWERED, /* nothing has come of an attempt yet */
	BGP_WHY_REFUSED,    /* the peer's TCP port is closed */
	BGP_WHY_RESET,      /* the peer reset the connection, or closed it */
	BGP_WHY_WRONG_AS,   /* the peer's OPEN has another AS than it should */
	BGP_WHY_BAD_AS,     /* the peer expects another AS of the hub (RFC 4271 6.2) */
	BGP_WHY_HOLD_TIME,  /* one end refused the hold time of the other */
	BGP_WHY_SHUTDOWN,   /* the peer was shut down by its operator (RFC 9003) */
	BGP_WHY_NOTIFIED,   /* the peer sent another NOTIFICATION */
	BGP_WHY_SILENT,     /* the hold time passed */
	BGP_WHY_LIMIT,      /* too many prefixes */
	BGP_WHY_BFD,
	BGP_WHY_NO_FAMILY, /* it stands, and no routes are exchanged */
	BGP_WHYS,
};

/* What was wrong with the UPDATEs of a neighbour, since it was configured. */
struct bgp_counts {
	uint32_t discarded;   /* attributes left out (RFC 7606) */
	uint32_t as_withdraw; /* UPDATEs whose routes were treated as withdrawn */
	uint32_t refused;     /* UPDATEs that ended the session */
	uint32_t denied;      /* routes that are not used: see policy.h */
};

struct bgp_effect_state {
	enum fsm_state state;
	struct bgp_counts counts;
	uint32_t prefixes_in, prefixes_out;   /* both families */
	uint32_t prefixes_in6, prefixes_out6; /* of these IPv6: limits are of each family */
	uint32_t kept_out;                    /* of those that came: not used */
	bool out_limited;                     /* there are more than it may be told of */
	uint16_t hold_s;                      /* negotiated; 0: BGP itself notices no silence */
	uint8_t error_code, error_subcode;    /* of the last NOTIFICATION, either way */
	uint64_t error_at;                    /* when that was; 0: there was none */
	uint64_t refused_until;               /* nobody is let in before; 0, or past: not so */
	uint64_t unanswered_since; /* nothing has come of attempts since then; 0: something has */
	enum bgp_why why;          /* the same in a word */
	char detail[BGP_DETAIL_SIZE];
};

struct bgp_effect_route {
	struct ip_prefix prefix;
	bool present;
	struct route_shares shares;
	uint8_t source; /* enum route_source */
	uint8_t origin;
	uint8_t as_path_len; /* as_path holds the first of them */
	uint32_t as_path[ROUTE_AS_PATH_SHOWN];
	uint32_t med;
	struct path_count candidates;
	uint8_t other; /* enum path_fate, see struct decision */
};

/* What an entry of the BGP log tells: of the session, or of a route. */
enum bgp_event_status {
	BGP_EVENT_DOWN, /* a session has ended, or does not come */
	BGP_EVENT_UP,
	BGP_EVENT_COMING,     /* there is none yet, and this is on the way to one */
	BGP_EVENT_ADVERTISED, /* this one and the next two: of a route */
	BGP_EVENT_UPDATED,
	BGP_EVENT_WITHDRAWN,
	BGP_EVENT_STATUSES,
};

struct bgp_effect_event {
	enum bgp_event_status status;
	uint32_t left_out; /* events before this one, that were too many */
	struct ip_prefix prefix;
	struct ip_addr next_hop;
	uint32_t med;
	uint8_t as_path_len;
	uint32_t as_path[ROUTE_AS_PATH_SHOWN];
	char details[REASON_TEXT_SIZE];
};

struct bgp_effect {
	enum bgp_effect_type type;
	uint32_t tunnel;
	enum bgp_direction direction; /* CONNECT, CLOSE */
	union {
		struct {
			struct ip_addr local, remote;
		} connect;
		struct bgp_effect_state state;
		struct bgp_effect_route route;
		struct bgp_effect_event event;
		struct {
			enum bgp_note_level level;
			char text[REASON_TEXT_SIZE + 64]; /* begins with site and tunnel */
		} note;
	};
};

struct bgp;

/* `seed` feeds the jitter of timers, and is the key of tables that peers fill. */
struct bgp *bgp_new(uint64_t seed);
void bgp_free(struct bgp *b);

/* Sets or changes the speaker; a new AS or identifier ends all sessions. */
void bgp_configure(struct bgp *b, const struct bgp_config *config, uint64_t now);

/* Whether a session with the one cannot go on as one with the other. */
bool bgp_neighbor_is_other(const struct bgp_neighbor *was, const struct bgp_neighbor *is);
/* Adds or changes a neighbour; one that is another ends its session. False: RIB_PEERS_MAX reached. */
bool bgp_neighbor_set(struct bgp *b, const struct bgp_neighbor *conf, uint64_t now);

/* What was said of the neighbour; NULL: there is none. */
const struct bgp_neighbor *bgp_neighbor_get(const struct bgp *b, uint32_t tunnel);

/*
 * What leads to a neighbour without a session (is_static), while its tunnel is up. Replaces what was
 * said before. At most NEIGHBOR_STATICS_MAX.
 */
void bgp_statics_set(
	struct bgp *b, uint32_t tunnel, const struct ip_prefix *prefixes, unsigned int count);

/* Ends its session with Cease/3, for good; the effects should be carried out before the deletion. */
void bgp_neighbor_stop(struct bgp *b, uint32_t tunnel, uint64_t now);
void bgp_neighbor_delete(struct bgp *b, uint32_t tunnel, uint64_t now);

/* A session lives only while its tunnel is up; down takes all its routes away at once. */
void bgp_tunnel_set(struct bgp *b, uint32_t tunnel, bool up, uint64_t now);

/*
 * BFD found that the path to the neighbour fails (RFC 5882 4.3, RFC 9384): the session ends with
 * Cease/10 and its routes go at once.
 */
void bgp_path_down(struct bgp *b, uint32_t tunnel, const char *why, uint64_t now);

/* What no site may announce from now on; takes over what is in it (sorted), and leaves it empty. */
struct reserved;
void bgp_reserved_set(struct bgp *b, struct reserved *own_reserved);

/*
 * Who had the prefix in the process before this one (restarted): he keeps it if he announces it again,
 * whatever order the sites come back in. Before the first neighbour's session.
 */
void bgp_owner_set(struct bgp *b, const struct ip_prefix *prefix, uint32_t group, uint64_t now);

/* The owner, who has no session now, gives it up: an operator says so. */
void bgp_owner_release(struct bgp *b, const struct ip_prefix *prefix);

/* A network behind the hub; false: BGP_NETWORKS_MAX reached. */
bool bgp_network_set(struct bgp *b, const struct ip_prefix *prefix, bool present);

/*
 * Whether a connection from `remote` to `local` is welcome, and whose it is. When true, and the
 * neighbour has an incoming connection already, bgp_closed must be called for that one first.
 */
bool bgp_may_accept(const struct bgp *b, const struct ip_addr *local, const struct ip_addr *remote,
	uint64_t now, uint32_t *tunnel);

/* The connection that was asked for, or accepted, is open. */
void bgp_connected(struct bgp *b, uint32_t tunnel, enum bgp_direction direction, uint64_t now);

/* It failed, or the other end closed it, which `why` says; the caller has closed its socket. */
void bgp_closed(struct bgp *b, uint32_t tunnel, enum bgp_direction direction, enum bgp_why what,
	const char *why, uint64_t now);

/* Bytes came in. */
void bgp_receive(struct bgp *b, uint32_t tunnel, enum bgp_direction direction, const uint8_t *bytes,
	size_t len, uint64_t now);

/* Bytes that wait to be written; *len 0 when there are none. Valid until the next call. */
const uint8_t *bgp_output(
	const struct bgp *b, uint32_t tunnel, enum bgp_direction direction, size_t *len);

/* `len` of them were written. */
void bgp_sent(
	struct bgp *b, uint32_t tunnel, enum bgp_direction direction, size_t len, uint64_t now);

/* Timers, decisions, and filling of output. True: more is to be done, call again soon. */
bool bgp_run(struct bgp *b, uint64_t now);

/* After bytes were sent: what had no room in the last bgp_run has some now. */
bool bgp_can_say_more(struct bgp *b);

/* While the caller cannot take what follows from them, no decisions are made. */
void bgp_pause(struct bgp *b, bool paused);

/* When bgp_run must be called at the latest; CLOCK_NEVER if nothing is due. */
uint64_t bgp_next_timer(const struct bgp *b);

/* Takes the next effect; false when there is none. */
bool bgp_next_effect(struct bgp *b, struct bgp_effect *e);

/* One path to a prefix, for people. */
struct bgp_path_view {
	struct ip_prefix prefix;
	uint32_t tunnel;
	uint8_t fate;    /* enum path_fate of decide.h */
	uint8_t verdict; /* enum policy_verdict of policy.h */
	uint8_t source;  /* enum route_source */
	bool stale;
	uint8_t origin;
	uint8_t hops, as_path_len;
	uint32_t as_path[ROUTE_AS_PATH_SHOWN];
	uint32_t med;
	uint32_t identifier; /* of the peer, host order */
	uint32_t owner; /* a tunnel of the location that the prefix belongs to; UINT32_MAX: none */
	struct ip_prefix rival; /* whose owner that is, where the path is quarantined */
	bool declared;          /* so says the configuration */
};

typedef void bgp_path_visit(void *context, const struct bgp_path_view *v);

/* Visits every path to the longest prefix that covers this one and leads anywhere, and to longer ones that do not. */
void bgp_explain(
	const struct bgp *b, const struct ip_prefix *prefix, bgp_path_visit *visit, void *context);

/* Visits paths that the prefix guard keeps out, at most `most`. */
void bgp_contested(const struct bgp *b, unsigned int most, bgp_path_visit *visit, void *context);

/* Ends all sessions with Cease/2 and starts none again. */
void bgp_shutdown(struct bgp *b, uint64_t now);

/*
 * Every neighbour whose tunnel is up is Established and has sent End-of-RIB for its families. Who
 * sends none (RFC 4724 2 only recommends it) counts as done BGP_QUIET_S after the start.
 */
#define BGP_QUIET_S 15
bool bgp_is_settled(const struct bgp *b, uint64_t now);

#endif
