/* SPDX-License-Identifier: Apache-2.0 */
/* What operators ask. */
#ifndef SLUICE_HUB_API_API_H
#define SLUICE_HUB_API_API_H

#include "hub/api/access.h"
#include "hub/hub.h"
#include "ipc/msg_api.h"
#include "ipc/msg_bgp.h"
#include "ipc/problem.h"

#include <jansson.h>
#include <sys/socket.h>

/* requests.c: answers to the control socket. */
void hub_api_request(struct hub *h, const struct imsg_api_request *request);

/*
 * judge.c: why a request of a verb that there is must not be carried out; NULL: it may. *site is the one that it names.
 * Who asks is access_asker() from then on. What is refused for a change, which is written down before.
 */
json_t *hub_judge(struct hub *h, const struct imsg_api_request *request, struct site **site);
json_t *hub_judge_change(struct hub *h, const struct imsg_api_request *request);

/* token_verbs.c */
json_t *hub_token_create(struct hub *h, struct site *site, const struct imsg_api_request *r);
json_t *hub_token_list(struct hub *h, struct site *site, const struct imsg_api_request *r);
json_t *hub_token_revoke(struct hub *h, struct site *site, const struct imsg_api_request *r);

/* doctor.c */
json_t *hub_doctor(struct hub *h, struct site *site, const struct imsg_api_request *r);

/* secret_verbs.c */
json_t *hub_secret_list(struct hub *h, struct site *site, const struct imsg_api_request *r);
json_t *hub_secret_rotate(struct hub *h, struct site *site, const struct imsg_api_request *r);
json_t *hub_secret_delete(struct hub *h, struct site *site, const struct imsg_api_request *r);

/* alarm_verbs.c */
json_t *hub_alarms_show(struct hub *h, struct site *site, const struct imsg_api_request *r);
json_t *hub_alarm_acknowledge(struct hub *h, struct site *site, const struct imsg_api_request *r);
json_t *hub_alarm_silence(struct hub *h, struct site *site, const struct imsg_api_request *r);
json_t *hub_alarm_unsilence(struct hub *h, struct site *site, const struct imsg_api_request *r);
json_t *hub_alarm_test(struct hub *h, struct site *site, const struct imsg_api_request *r);

/* answers.c: answers a request with a document, which may be a problem (ipc/problem.h), or with metrics. */
void status_reply(struct hub *h, uint32_t request, json_t *own_document);
void status_reply_metrics(struct hub *h, uint32_t request, const char *text);
/* A part of a stream (text/event-stream). */
void status_reply_stream(struct hub *h, uint32_t request, const char *text, bool last);

/* A problem with a text of somebody else; of PROBLEM_INVALID with its mistakes one by one. */
json_t *api_refused(enum problem problem, const char *text);

/* The number of a connection after another one, of either kind: 1 to API_OF_REMOTE - 1, round and round. */
static inline uint32_t hub_client_number(uint32_t last)
{
	return last + 1 < API_OF_REMOTE ? last + 1 : 1;
}

/* clients.c: who is connected to the control socket. */
struct clients *clients_new(void);
void clients_free(struct clients *c);
/* A new api process: nobody is connected to it yet. `listener` stays the caller's. */
void hub_clients_begin(struct hub *h, int listener);
/* Nobody waits any more for what the api process has asked, or with API_OF_REMOTE the one for TCP. */
void hub_clients_forget(struct hub *h, uint32_t of);
void hub_client_gone(struct hub *h, uint32_t number);
/* NULL: nobody who is connected has this number and may still ask. */
const struct ucred *hub_client_who(struct hub *h, uint32_t number, uint64_t now);

/* The same with what it may do, for its one request: the number is used up. False: nobody. */
bool hub_client_asks(struct hub *h, uint32_t number, uint64_t now, struct asker *asker);

/* audit.c: the audit log of audit/log.h in a directory. */
struct hub_audit *hub_audit_new(const char *directory);
void hub_audit_free(struct hub_audit *a);
/* Before a change is made. False with errno: it could not be written down, so it must not be done. The request's id is
 * not 0, and of none that is open. */
bool hub_audit_begin(
	struct hub *h, const struct imsg_api_request *request, const struct asker *who);
/* Before a secret is set or shown: its number. 0 with errno: it could not be written down, so it must not be done.
 * With `refusal` that it was not, and why. */
uint64_t hub_audit_secret(struct hub *h, const struct asker *who, const char *verb,
	const char *name, const char *refusal);
/* Which keys a request sets, without their values, or of which sites: as many as there is room for. */
void hub_audit_keys(const struct imsg_api_request *request, char *keys, size_t size);
/* That a token was wrong. False with errno: it could not be written down. */
bool hub_audit_wrong_token(
	struct hub *h, const struct imsg_api_request *request, const struct asker *who);
/*
 * Whether a user may make one more change now. Root may always. Others make AUDIT_BURST at once and one each
 * AUDIT_EACH_S then: the log keeps so much that one of them needs more than a week to put the entries of others out of it.
 */
#define AUDIT_BURST  300
#define AUDIT_EACH_S 10
bool hub_audit_allows(struct hub *h, uid_t uid, uint64_t now);
/* Whether a change of that id has been begun and not ended. */
bool hub_audit_is_open(const struct hub *h, uint32_t request);
/* What came of it; nothing happens for a request that was not begun. */
void hub_audit_end(struct hub *h, uint32_t request, const json_t *answer);
/* The api process has ended, or the one of API_OF_REMOTE: its ids mean nothing any more. */
void hub_audit_forget(struct hub *h, uint32_t of);
/* What the daemon does by itself: its number. 0, after a line of the log: it could not be written down. */
uint64_t hub_audit_note(struct hub *h, const char *verb, const char *outcome, const char *detail);
/*
 * What hub itself has read of secrets, as secret_reads_tell() wants it. Where that cannot be written the log has it, and the
 * secret is used: no tunnel goes down for that.
 */
void hub_audit_read(void *context, const char *ref, const char *why);
/* What came of that. */
void hub_audit_note_end(struct hub *h, uint64_t of, const char *outcome, const char *detail);

/* look.c: brings what is read only when somebody asks up to date in the model. */
void hub_look_at_tunnels(struct hub *h);
void hub_look_at_processes(struct hub *h);
void hub_look_at_plane(struct hub *h);
void hub_look_at_speeds(struct hub *h); /* of outside devices */

/* bgp_query.c: questions that only bgp can answer. */
#define BGP_QUERIES_MAX 8 /* of operators, at a time */
struct bgp_queries *bgp_queries_new(void);
void bgp_queries_free(struct bgp_queries *q);
void hub_bgp_ask(struct hub *h, const struct imsg_api_request *request);
void hub_bgp_answer(struct hub *h, const struct imsg_bgp_answer *answer);
/* The api process has ended, or the one of API_OF_REMOTE: what bgp still answers it is for nobody. */
void hub_bgp_queries_forget(struct hub *h, uint32_t of);
/* Gives up those that are older than `age_ns`: 0 when bgp has ended. */
void hub_bgp_queries_expire(struct hub *h, uint64_t age_ns);

#endif
