/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the engine have for each other: times, versions, functions. Included by user/ike only. */
#ifndef SLUICE_IKE_INTERNAL_H
#define SLUICE_IKE_INTERNAL_H

#include "base/clock.h"
#include "ike/state.h"

/* RFC 7296 2.1 leaves times to us: 1 s, then 1.8 times longer each up to 4 s, 30 s in total. */
#define RETRANSMIT_FIRST     CLOCK_SECOND
#define RETRANSMIT_LONGEST   (4 * CLOCK_SECOND)
#define RETRANSMIT_TOTAL     (30 * CLOCK_SECOND)
#define RETRANSMIT_ALIVE     (45 * CLOCK_SECOND) /* in total, while other messages of the peer arrive */
#define RETRANSMIT_FIRST_DEL (6 * CLOCK_SECOND) /* a delete is given up sooner: nothing waits */
#define HALF_OPEN_LIFE       (30 * CLOCK_SECOND)
#define FAILED_LIFE          (5 * CLOCK_SECOND) /* to repeat a refusal that got lost */
#define LINGER               (5 * CLOCK_SECOND) /* packets of an old SA may be in flight */
/*
 * Responder: outbound moves with the delete of the old pair. Without one it moves after this time,
 * which is longer than the initiator repeats its request: until it has our answer it cannot receive
 * on the new pair.
 */
#define SWITCH_DELAY           (47 * CLOCK_SECOND)
#define REPLACED_LIFE          (50 * CLOCK_SECOND) /* then we delete what the peer should have */
#define DUPLICATE_DELAY        CLOCK_SECOND
#define DUPLICATE_WINDOW       (10 * CLOCK_SECOND)
#define KEEPALIVE_EVERY        (20 * CLOCK_SECOND) /* RFC 3948 4 */
#define INITIATE_RETRY_FIRST   (2 * CLOCK_SECOND)
#define INITIATE_RETRY_LONGEST (60 * CLOCK_SECOND)
#define REKEY_RETRY            (10 * CLOCK_SECOND)
/* An IKE SA without an SA pair is closed after this time, and up to half of it more: some devices keep
 * one for hours whose quick modes or rekeys are refused, and start anew, if at all, when it is gone. */
#define NO_PAIR_LIFE       (30 * CLOCK_SECOND)
#define COOKIE_SECRET_LIFE (60 * CLOCK_SECOND)
#define REKEY_EVERY        CLOCK_SECOND /* that a peer starts with a new key exchange, in the long run */
#define REKEYS_AT_ONCE     60
#define IKE_SAS_PER_TUNNEL 6 /* authenticated ones, old ones on their way out included */
#define INIT_RETRIES_MAX   4 /* cookies and other groups in one attempt */

/* A received message. `p` is the chain of an IKEv2 message. */
struct message {
	struct ike_header head;
	struct payloads p;
	struct ip_endpoint local, remote;
	struct span raw; /* whole message */
	uint64_t now;
	bool proven; /* the sender gets what is sent to its address */
};

/*
 * What the shared part asks of a protocol version. Each start function begins an exchange and leaves
 * its request in sa->request when it needs an answer.
 */
struct ike_version {
	uint8_t number;
	/* A datagram; `copy` is m->raw again, to be decrypted in place. */
	void (*receive)(struct engine *e, struct message *m, uint8_t *copy, uint64_t now);
	/* A first IKE SA for a tunnel; false when it could not begin. */
	bool (*start)(struct engine *e, struct tunnel *t, uint64_t now);
	/* Sends the outstanding request, for the first time or again. */
	void (*resend)(struct engine *e, struct ike_sa *sa);
	/* A new SA pair, in place of that in old_slot unless it is negative. */
	void (*start_child)(struct engine *e, struct ike_sa *sa, int old_slot, uint64_t now);
	void (*rekey_ike)(struct engine *e, struct ike_sa *sa, uint64_t now);
	void (*delete_child)(struct engine *e, struct ike_sa *sa, int slot, uint64_t now);
	void (*delete_ike)(struct engine *e, struct ike_sa *sa, uint64_t now);
	void (*probe)(struct engine *e, struct ike_sa *sa, uint64_t now);
	/* There is an older IKE SA of the tunnel: which one stays? Called at duplicate_at. */
	void (*resolve)(struct engine *e, struct ike_sa *sa, uint64_t now);

	/* What a tunnel allows in this version, in IKEv2 numbers. */
	void (*policy_ike)(const struct ike_options *o, struct proposal_policy *p);
	void (*policy_esp)(const struct ike_options *o, struct proposal_policy *p);

	/* The rest is NULL where a version has nothing to do. */

	/* Before an SA is closed: what its delete does not say by itself. */
	void (*goodbye)(struct engine *e, struct ike_sa *sa);
	/* The peer is silent on this SA, or it expires: true when the tunnel lives on without it. */
	bool (*survive)(struct engine *e, struct ike_sa *sa, uint64_t now);
	/* Something is under way on an SA that was replaced: it must not go yet. */
	bool (*busy)(const struct ike_sa *sa);
	/* Timers beside those of struct ike_sa; CLOCK_NEVER for none. */
	uint64_t (*next_timer)(const struct ike_sa *sa);
	void (*timer)(struct engine *e, struct ike_sa *sa, uint64_t now);
	/* The part of a checkpoint that no other version has; false when it is malformed. */
	void (*save)(struct wr *w, const struct ike_sa *sa);
	bool (*load)(struct rd *r, struct ike_sa *sa);
	void (*forget_handshake)(struct ike_sa *sa);
	void (*free)(struct ike_sa *sa);
};

extern const struct ike_version ike_v1, ike_v2;

/* ---- engine.c ---- */

uint64_t engine_random_u64(struct engine *e);

/* Evenly spread over so many buckets, by a key of this process: nobody chooses who shares one with whom. */
unsigned int engine_bucket(const struct engine *e, const uint64_t value[2], unsigned int buckets);
unsigned int engine_bucket_of(
	const struct engine *e, const struct ip_addr *a, unsigned int buckets);

/* A moment drawn evenly from [0, span). */
uint64_t engine_random_span(struct engine *e, uint64_t span);

__attribute__((format(printf, 6, 7))) void engine_note(struct engine *e, const struct tunnel *t,
	const struct ip_endpoint *remote, bool warning, enum reason r, const char *format, ...);
/* Notes, as a warning, that something of the peer was refused; hub counts these for each tunnel. */
__attribute__((format(printf, 5, 6))) void engine_refusal(struct engine *e, struct tunnel *t,
	const struct ip_endpoint *remote, enum reason r, const char *format, ...);
void blob_set(struct blob *b, const void *bytes, size_t len);
void blob_free(struct blob *b);
void blobs_free(struct blob *b, size_t count);
/* Ends every SA of a tunnel; `say` tells the peer. */
void tunnel_end(struct engine *e, struct tunnel *t, bool say, enum reason r, uint64_t now);

/* ---- sa.c: IKE SAs ---- */

/* One function assigns the state; an illegal move is a bug of ours. */
void ike_set_state(struct ike_sa *sa, enum ike_state state);
bool ike_state_may_follow(enum ike_state from, enum ike_state to);
/* We are making it; no end can use it yet. */
bool ike_is_initiating(const struct ike_sa *sa);
const char *ike_state_name(enum ike_state s);

struct ike_sa *ike_sa_new(struct engine *e, const struct ike_version *version, bool initiator,
	uint64_t spi_i, uint64_t spi_r, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, uint64_t now);
/* Enters the table under our own SPI; responder SAs under spi_r. */
struct ike_sa *ike_sa_find(const struct engine *e, uint64_t our_spi);
uint64_t ike_sa_new_spi(struct engine *e);
/* Tells the guard of the sockets. */
void ike_sa_announce(const struct engine *e, const struct ike_sa *sa, enum engine_spi state);
/* It ends: no rekey that collided (RFC 7296 2.8.2) may leave its children to it. */
void ike_sa_not_heir(struct ike_sa *sa);
/* Makes it one of this tunnel's, or with NULL of none. */
void ike_sa_set_tunnel(struct ike_sa *sa, struct tunnel *t);
/* Marks it for removal; engine_sweep() frees it at the end of the call. Children stay untouched. */
void ike_sa_drop(struct engine *e, struct ike_sa *sa);
void engine_sweep(struct engine *e);
/* Ends an SA at once, with its children; nothing is sent. */
void ike_sa_end(struct engine *e, struct ike_sa *sa, enum reason r, uint64_t now);
/* Ends an SA by telling the peer. */
void ike_sa_close(struct engine *e, struct ike_sa *sa, enum reason r, uint64_t now);
/* IKE_AUTH is over: keys, timers, duplicates. */
void ike_sa_establish(struct engine *e, struct ike_sa *sa, bool initial_contact, uint64_t now);
void ike_sa_schedule(struct engine *e, struct ike_sa *sa, uint64_t now);
uint64_t ike_rekey_time(
	struct engine *e, const struct ike_options *o, uint32_t lifetime_s, uint64_t now);
/* The established SA new exchanges go to; NULL when there is none. */
struct ike_sa *tunnel_ike(const struct tunnel *t);
unsigned int tunnel_count_ike(const struct tunnel *t);
/* The peer has come anew, from wherever, and its other IKE SA of the tunnel goes for this one. */
void ike_sa_takes(struct engine *e, struct ike_sa *sa, const struct ike_sa *other, uint64_t now);
void ike_sa_resolve_duplicates(struct engine *e, struct ike_sa *sa, uint64_t now);
bool ike_sa_follow(struct engine *e, struct ike_sa *sa, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, uint64_t now);

/* ---- child.c ---- */

/* A free slot with an SPI in it, state CHILD_RESERVED; -1 when all are taken. */
int child_reserve(struct engine *e, struct tunnel *t, struct ike_sa *sa);
void child_set_state(struct child *c, enum child_state state);
bool child_state_may_follow(enum child_state from, enum child_state to);
/* Frees a slot at once: reserved and never used, or lingered long enough. */
void child_release(struct engine *e, struct tunnel *t, int slot);
/* Gives the pair to the data path. Not yet used outbound. */
void child_install(struct engine *e, struct tunnel *t, int slot, struct ike_sa *sa,
	uint32_t spi_out, const struct suite *suite, const struct selector_set *local_ts,
	const struct selector_set *remote_ts, const struct esp_keys *keys, uint64_t now);
void child_use(struct engine *e, struct tunnel *t, int slot);
/* Moves outbound at `at` or when the pair in use expires, or at once when there is none. */
void child_use_later(struct engine *e, struct tunnel *t, int slot, uint64_t at);
/* Takes it away; lingers where traffic may still be in flight. */
void child_remove(struct engine *e, struct tunnel *t, int slot, bool linger, uint64_t now);
int child_find_in(const struct tunnel *t, uint32_t spi_in);
int child_find_out(const struct tunnel *t, uint32_t spi_out);
/* A live child of this tunnel, the newest; -1 when there is none. */
int child_live(const struct tunnel *t, const struct ike_sa *sa);
void child_info(struct engine *e, const struct tunnel *t, int slot);
/* Has the peer delete it; a reserved one it may have made by an exchange that came to nothing here. */
void child_ask_delete(struct engine *e, struct tunnel *t, int slot, uint64_t now);
/*
 * RFC 4301 4.4.2.1: its lifetime is over, so it carries nothing any more, however long the peer takes to
 * answer the delete. The tunnel goes on with another pair, or is told of as one without.
 */
void child_expire(struct engine *e, struct tunnel *t, int slot, uint64_t now);

/* ---- tunnel.c ---- */

/* The PSK of an SA; the previous one where the peer was found to have that. */
/* What tells one pre-shared key from another, and survives the process in its checkpoint; never 0. */
uint64_t psk_print(const struct secret *psk);
const struct secret *tunnel_psk(const struct ike_sa *sa);
/* It failed with this key: the next attempt takes the other one, if there is one. */
void tunnel_other_key(struct tunnel *t);
struct tunnel *tunnel_find(const struct engine *e, uint32_t number);
/* The IKE SA is up and has no pair: NO_PAIR_LIFE begins. */
void tunnel_await_pair(struct engine *e, struct tunnel *t, uint64_t now);
void tunnel_no_pair_timer(struct engine *e, struct tunnel *t, uint64_t now);
/*
 * Whether the tunnel's peer may have another key exchange now, which costs the hub milliseconds; it is one of the
 * REKEYS_AT_ONCE then. False: noted and counted as a refusal.
 */
bool tunnel_may_rekey(
	struct engine *e, struct tunnel *t, const struct ip_endpoint *remote, uint64_t now);
void tunnel_initiate(struct engine *e, struct tunnel *t, uint64_t now);
/* An attempt failed or the tunnel fell: try again later where startup or DPD says so. */
void tunnel_retry(struct engine *e, struct tunnel *t, bool soon, uint64_t now);
void tunnel_dead(struct engine *e, struct ike_sa *sa, enum reason r, uint64_t now);

/* ---- report.c: what is told of a tunnel ---- */

/* Reports the phase when it, the reason, or who the peer is, changed. */
void tunnel_report(struct engine *e, struct tunnel *t, enum reason r, const char *detail);
/* The same again, for what may have changed beside the phase and the reason. */
void tunnel_report_again(struct engine *e, struct tunnel *t);
/*
 * A pair or the rekey of one is refused, by us or by the peer: noted, and shown as the reason until there is a
 * new one: of a tunnel that is up, with the time when the present one ends.
 */
void tunnel_refused(struct engine *e, struct tunnel *t, const struct ip_endpoint *remote,
	enum reason why, const char *text);
/* The same of a rekey of its IKE SA. */
void tunnel_ike_refused(struct engine *e, struct tunnel *t, const struct ip_endpoint *remote,
	enum reason why, const char *text);
/* The last pair is gone, for this reason or because a new one was refused before. */
void tunnel_no_pair(struct engine *e, struct tunnel *t, enum reason r);
/* Fills in what a note says about its tunnel. */
void tunnel_states(const struct tunnel *t, struct effect_note *n);

/* ---- rivals.c ---- */

/*
 * An IKE SA of the tunnel's peer has ended another one of the same peer, which was `before`. Twice there and
 * back are two devices with one identity: noted, and shown as the reason of the tunnel.
 */
void rivals_took(struct engine *e, struct tunnel *t, const struct ip_endpoint *before,
	const struct ip_endpoint *at, uint64_t now);
/* What is to be said of them, or nothing (false). */
bool rivals_text(const struct tunnel *t, char text[REASON_TEXT_SIZE]);
void rivals_timer(struct engine *e, struct tunnel *t, uint64_t now);

/* ---- change.c ---- */

/* True when the SAs that run could also have been negotiated under the new configuration. */
bool tunnel_may_stay(
	const struct tunnel *t, const struct engine_tunnel *conf, const struct secret *psk);
/* Ends what we are negotiating by an offer that the new configuration would not make. */
void tunnel_end_attempts(
	struct engine *e, struct tunnel *t, const struct engine_tunnel *conf, uint64_t now);
/* Ends what a key has let in that is not the tunnel's any more. */
void tunnel_end_unproven(struct engine *e, struct tunnel *t, uint64_t now);

/* ---- tunnel_index.c ---- */

/*
 * The tunnels that a peer unknown so far may belong to, one each call: those whose peer is known to be
 * at its address (*near), by configuration or because it authenticated from there last, then those
 * without an address, but for those whose policy is in `seen` (NULL: none). The cursor starts at 0. NULL after
 * the last.
 */
struct tunnel *tunnel_candidate(const struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, unsigned int *cursor, bool *near,
	const struct policies_seen *seen);
/* The walk has not met its policy before; from now on it has. */
bool policy_is_new(struct policies_seen *seen, const struct tunnel *t);
/*
 * The one tunnel that is configured for these two addresses; NULL when none is or several are. What
 * happens before a peer has authenticated is noted there: nobody else's address says so little.
 */
struct tunnel *tunnel_at(
	const struct engine *e, const struct ip_endpoint *local, const struct ip_endpoint *remote);
/* The peer of a tunnel is known to be at this address, as *near says above. */
bool tunnel_is_near(
	const struct engine *e, const struct ip_endpoint *local, const struct ip_endpoint *remote);
/* When a tunnel with its peer at this address has had news of the peer itself last; 0: never. */
uint64_t tunnel_news(
	const struct engine *e, const struct ip_endpoint *local, const struct ip_endpoint *remote);
/* The peer of a tunnel was seen at an address, or its configuration names another one. */
void tunnel_seen(struct engine *e, struct tunnel *t, const struct ip_addr *at);
/*
 * Another tunnel of this address allowed the suite, the one that the peer turns out to have does not. The next
 * attempt from the same place is chosen for by this one, whoever else is at that address.
 */
void tunnel_chosen_wrongly(
	struct engine *e, struct tunnel *t, const struct ip_endpoint *remote, uint64_t now);
void tunnel_configure(struct engine *e, struct tunnel *t, const struct engine_tunnel *conf);
/* It has another certificate and key of ours now, whose kind is a part of its phase 1 policy. */
void tunnel_credential_changed(struct engine *e, struct tunnel *t);
/* Nobody finds it by an address any more. */
void tunnel_forget(struct engine *e, struct tunnel *t);

/* ---- request.c ---- */

/* Sends our request and starts its retransmission. */
void request_send(struct engine *e, struct ike_sa *sa, enum request_kind kind, const void *bytes,
	size_t len, uint64_t now);
void request_done(struct ike_sa *sa);
void request_timer(struct engine *e, struct ike_sa *sa, uint64_t now);
/* Does the next task when the window is free. */
void request_next_task(struct engine *e, struct ike_sa *sa, uint64_t now);
void engine_send(struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, const void *bytes, size_t len, uint32_t gate);

/* ---- checkpoint.c ---- */

/* A cached message; a long one is left out. */
void checkpoint_put_blob(struct wr *w, const struct blob *b);
void checkpoint_get_blob(struct rd *r, struct blob *b);

/* ---- admission.c: what a stranger may cost; RFC 7296 2.6 ---- */

/*
 * Notes why a message that nobody has authenticated goes no further, with the tunnel whose address it
 * came from, and counts it: many of them are a flood.
 */
__attribute__((format(printf, 5, 6))) void stranger_refused(struct engine *e,
	const struct message *m, bool warning, enum reason r, const char *format, ...);
/* Puts a peer that belongs to no tunnel into the table of unknown devices. */
void stranger_unknown(struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, bool proven, enum reason r, const char *text,
	uint64_t now);
/* ---- nat.c, cookie.c ---- */

/* NAT detection (RFC 7296 2.23): writes both notifies, with a false source to force UDP; reads the peer's. */
void nat_write(struct engine *e, struct message_writer *m, uint64_t spi_i, uint64_t spi_r,
	const struct ip_endpoint *local, const struct ip_endpoint *remote, bool fake_source);
void nat_detect(const struct message *m, bool *here, bool *there);
/*
 * Cookies of RFC 7296 2.6 for an IKE_SA_INIT request: one for the answer, and whether the request has a right
 * one.
 */
void cookie_make(struct engine *e, const struct message *m, uint8_t out[33], uint64_t now);
bool cookie_check(struct engine *e, const struct message *m, uint64_t now);

#endif
