/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the speaker: peers and their sessions. Included by speaker.c, peer.c, session.c. */
#ifndef SLUICE_BGP_PEER_H
#define SLUICE_BGP_PEER_H

#include "base/clock.h"
#include "bgp/notify.h"
#include "bgp/open.h"
#include "bgp/policy.h"
#include "bgp/rib.h"
#include "bgp/speaker.h"

/* Timers, seconds. RFC 4271 10 suggests more; a tunnel that comes up is to carry traffic soon. */
#define CONNECT_RETRY_S     5
#define OPEN_HOLD_S         30  /* RFC 4271 8.2.2 "large value": for the peer's OPEN */
#define BACKOFF_MAX_S       60  /* between sessions that end with an error */
#define STEADY_S            60  /* a session this old ends the backoff */
#define SEND_HOLD_S         480 /* RFC 9687 6, at least */
#define PREFIX_RESTART_S    60
#define PREFIX_WARN_PERCENT 75  /* of max_prefixes_in: people are told */
#define STATE_REPORT_S      1   /* between reports that differ in counts only */
#define NOTES_PER_SESSION   16  /* about refused prefixes */
#define RESTART_S           120 /* how long peers are asked to keep our routes, and we theirs */
#define STALE_S             300 /* until End-of-RIB, once the peer is back */
#define OWNER_KEPT_S        (24 * 60 * 60) /* at most, without a session */
#define DEFER_S             30 /* RFC 4724 4.1: the longest wait for other peers after our restart */
#define EVENTS_BURST        64 /* of the BGP log, for each peer; of the session, and of routes */
#define EVENTS_PER_SECOND   4
#define MISSED_S            30   /* after which a session that has not come up is spoken of */
#define SETTLED_MS          2000 /* a session younger than this is not replaced by a new one */
#define RIVAL_WAIT_S        3    /* how long a peer's connection waits for what becomes of ours */
#define RIVAL_SYN_WAIT_S    1    /* the same, when ours is not even open */

#define SESSION_OUT_SIZE     65536       /* bytes that wait to be written */
#define SESSION_OUT_RESERVED MESSAGE_MAX /* of them for KEEPALIVE and NOTIFICATION */

struct bgp_session {
	enum fsm_state state;
	enum bgp_direction direction;
	bool tcp; /* a connection or an attempt exists at the caller's */
	/* What our OPEN said: the configuration may be another one since. */
	struct {
		uint16_t hold_s, keepalive_s;
		bool graceful_restart;
	} offered;
	struct bgp_open remote;
	uint16_t hold_s, keepalive_s; /* negotiated */
	uint64_t retry_at, hold_at, keepalive_at, send_hold_at;
	uint64_t opened_at;        /* our OPEN was sent */
	uint64_t waiting_since;    /* the peer's OPEN has come, and is not handled yet */
	struct bgp_notify pending; /* what FSM_DO_NOTIFY sends */
	size_t in_len, out_len;
	uint8_t *out; /* SESSION_OUT_SIZE bytes, from the first connection on */
	uint8_t *in;  /* in_size bytes: grows when a longer message is announced (RFC 8654) */
	size_t in_size;
};

/* A token bucket of events: those beyond it are left out, and counted in `lost`. */
struct bgp_budget {
	uint64_t refill;
	uint32_t left, lost;
};

struct bgp_peer {
	struct rib_peer rib;
	struct bgp_session sessions[BGP_DIRECTIONS];
	bool tunnel_up;
	unsigned int static_count; /* see bgp_statics_set */
	struct ip_prefix *statics;
	uint64_t start_at;      /* next attempt to connect */
	uint64_t missed_at;     /* when people are told that none has come up */
	uint64_t refused_until; /* after a prefix limit: nobody is let in */
	uint64_t established_at;
	uint64_t stale_until; /* RFC 4724: what is still stale then is forgotten */
	uint64_t kept_until;  /* what its location owns stays its own without a session; 0: never */
	uint64_t owners_at;   /* see owners_follow */
	uint32_t backoff_s;
	uint32_t notes_left;
	struct bgp_budget session_events, route_events;
	bool updated; /* an UPDATE came in this session */
	struct bgp_counts counts;
	struct bgp_effect_state shown;
	uint64_t report_at; /* counts may be shown again */
	struct bgp_notify last_notify;
	uint64_t last_notify_at;
	uint64_t unanswered_since; /* nothing has come of attempts since then; 0: something has */
	char detail[REASON_TEXT_SIZE]; /* what happened last */
	char cause
		[REASON_TEXT_SIZE]; /* why there is no session, where that is known: a symptom leaves it */
	enum bgp_why detail_why, cause_why; /* of both, in a word */
};

struct bgp {
	struct bgp_config config;
	struct rib rib;
	struct policy policy;
	struct claims claims;
	bool claims_changed;
	bool any_gives_way; /* a neighbour does, see decide.h */
	struct reserved reserved;
	uint64_t defer_until; /* RFC 4724 4.1: no decisions before; 0: none are put off */
	struct ip_prefix networks[BGP_NETWORKS_MAX];
	struct bgp_peer *peers[RIB_PEERS_MAX];
	struct rib_peer *rib_peers[RIB_PEERS_MAX]; /* the same, for the policy */
	unsigned int peer_slots;
	uint64_t random;
	uint64_t now; /* of the last call that had it: for the limit of events */
	bool stopped, paused;
	bool configured; /* once at least */
	bool networks_changed;
	bool absent[POLICY_GROUPS];   /* for the policy, see owners.c */
	uint32_t held[POLICY_GROUPS]; /* prefixes, of each location */
	uint64_t given_until;       /* the same of those who owned something before this process */
	struct bgp_effect *effects; /* ring buffer */
	size_t effects_size, effects_first, effects_count;
	struct adjout_news *news; /* room for those of one round */
};

/* ---- speaker.c ---- */

/* The peer behind a tunnel; NULL: none is configured. */
struct bgp_peer *speaker_peer(const struct bgp *b, uint32_t tunnel);

/* A slot at the end of the effect queue, to be filled. */
struct bgp_effect *speaker_effect(struct bgp *b, enum bgp_effect_type type, uint32_t tunnel);

__attribute__((format(printf, 4, 5))) void speaker_note(struct bgp *b, const struct bgp_peer *p,
	enum bgp_note_level level, const char *format, ...);

/* Records something of the session, or of a route (a and next_hop NULL: it is gone). */
__attribute__((format(printf, 3, 4))) void speaker_event(
	struct bgp *b, struct bgp_peer *p, const char *format, ...);
/* Records why a session ends. It still counts as established then, and its event is to say DOWN. */
__attribute__((format(printf, 4, 5))) void speaker_end_event(struct bgp *b, struct bgp_peer *p,
	const struct bgp_session *ending, const char *format, ...);
void speaker_route_event(struct bgp *b, struct bgp_peer *p, enum bgp_event_status status,
	const struct ip_prefix *prefix, const struct attrs *a, const struct ip_addr *next_hop,
	const char *details);

/* A neighbour at the location that a prefix belongs to, or NULL. */
const struct bgp_peer *speaker_owner(const struct bgp *b, const struct rib_prefix *e);

/* `seconds` in nanoseconds, 75 to 100 percent of it (RFC 4271 10). */
uint64_t speaker_jitter(struct bgp *b, uint32_t seconds);

uint32_t speaker_retry_s(const struct bgp *b);

/* ---- owners.c ---- */

/* The session has ended: what the location owns stays its own as long as it had stood, a day at most. */
void owners_leave(struct bgp *b, struct bgp_peer *p, uint64_t now);

/*
 * The location owned something before this process: it stays its own for a time, until its sessions are back.
 * The peer is one that this may be true of.
 */
void owners_given(struct bgp *b, uint32_t group, uint64_t now);
void owners_expect(const struct bgp *b, struct bgp_peer *p);

/* A site has gone from one location to another, and what it owns with it; its neighbours have the other group already. */
void owners_move(struct bgp *b, uint32_t site, uint32_t from, uint32_t to, uint64_t now);

/* The peer is back, has told what it has, is removed; or time has passed. */
void owners_follow(struct bgp *b, uint32_t group, uint64_t now);

/* ---- peer.c ---- */

/* Looks the event up, carries out the action and moves the state. */
void peer_event(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, enum fsm_event event,
	uint64_t now);

/* Ends both sessions with a NOTIFICATION where the state wants one. */
void peer_stop(struct bgp *b, struct bgp_peer *p, const struct bgp_notify *n, uint64_t now);

/*
 * Does what the timers of the peer and of its sessions want by now; and when the next one is due, CLOCK_NEVER
 * for none.
 */
void peer_timers(struct bgp *b, struct bgp_peer *p, uint64_t now);
uint64_t peer_next_timer(const struct bgp_peer *p);

/*
 * Why the session is about to end, or why there is none; kept for `show` and the log. A symptom says less than the
 * cause before it, which stays: both are shown then.
 */
__attribute__((format(printf, 2, 3))) void peer_set_cause(
	struct bgp_peer *p, const char *format, ...);
__attribute__((format(printf, 2, 3))) void peer_set_symptom(
	struct bgp_peer *p, const char *format, ...);

/* What the sentence that was set last is about; BGP_WHY_OTHER, where nobody says so. */
void peer_set_why(struct bgp_peer *p, enum bgp_why why);

/*
 * The same of what is shown. A port that is closed now says more than that the connection was: the peer's BGP has
 * ended, and does not run.
 */
enum bgp_why peer_why_word(const struct bgp_peer *p);

/* Why there is no session, as it is shown. */
const char *peer_why(const struct bgp_peer *p, char text[BGP_DETAIL_SIZE]);

/* The NOTIFICATION that was sent or received last. */
void peer_set_notify(struct bgp_peer *p, const struct bgp_notify *n, uint64_t now);

/* RFC 4724 4.2: the routes of families that are now stale for good go. */
void peer_drop_stale(struct bgp *b, struct bgp_peer *p);

static inline bool peer_can_restart(const struct bgp_session *s)
{
	return s->offered.graceful_restart && s->remote.graceful_restart;
}

static inline struct bgp_session *peer_other(struct bgp_peer *p, const struct bgp_session *s)
{
	return &p->sessions[!s->direction];
}

static inline struct bgp_session *peer_established(struct bgp_peer *p)
{
	for (int d = 0; d < BGP_DIRECTIONS; d++) {
		if (p->sessions[d].state == FSM_ESTABLISHED)
			return &p->sessions[d];
	}
	return NULL;
}

/* Whether the peer, whose session is established, has announced what it has. */
static inline bool peer_has_told_all(const struct bgp_peer *p, uint64_t now)
{
	if (now - p->established_at >= BGP_QUIET_S * CLOCK_SECOND)
		return true;
	for (int f = 0; f < BGP_FAMILIES; f++) {
		if (p->rib.family[f].active && !p->rib.family[f].end_of_rib_in)
			return false;
	}
	return true;
}

/* ---- session.c ---- */

/* Takes complete messages out of the input and turns them into events. */
void session_input(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, const uint8_t *bytes,
	size_t len, uint64_t now);

/*
 * The peer's OPEN on its connection is handled when it is known what becomes of ours, at the latest at
 * this time, which is CLOCK_NEVER when it is not waiting. Goes on if the wait is over.
 */
uint64_t session_waits_until(const struct bgp_peer *p, const struct bgp_session *s);
void session_go_on(struct bgp *b, struct bgp_peer *p, struct bgp_session *s, uint64_t now);

/* The inbound limit is another now: ends the session if there are more routes than that. */
void session_check_limits(struct bgp *b, struct bgp_peer *p, uint64_t now);

/* A writer over the free output, and its end. */
struct wr session_writer(struct bgp_session *s, size_t reserved);
void session_written(struct bgp_session *s, const struct wr *w, uint64_t now);

/* The caller has written `len` bytes of the output. */
void session_sent(struct bgp_session *s, size_t len, uint64_t now);

#endif
