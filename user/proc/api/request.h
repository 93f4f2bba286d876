/* SPDX-License-Identifier: Apache-2.0 */
/* What a client wants, out of what it has sent over HTTP: method, target and body to what hub is asked. Pure. */
#ifndef SLUICE_PROC_API_REQUEST_H
#define SLUICE_PROC_API_REQUEST_H

#include "ipc/msg_api.h"
#include "ipc/problem.h"
#include "ipc/rows.h"

#include <stddef.h>

struct request_refusal {
	enum problem problem;
	char allow[40]; /* PROBLEM_WRONG_METHOD: the right ones; else "" */
	char detail[PROBLEM_TEXT_SIZE];
};

/*
 * `target` is as it came (RFC 9112 3.2): a path or an http URL, with its query, with what is percent-encoded. What the
 * object is to say goes into *rows, whose `many` is the caller's to free. False: it is refused, and nothing is in *request.
 * `id` and `client` are the caller's to fill in.
 */
bool request_read(const char *method, const char *target, const char *body, size_t len,
	struct imsg_api_request *request, struct rows *rows, struct request_refusal *why);

/* The header If-Match of a request that was read (RFC 9110 13.1.1): one entity tag of ours. NULL: it has none. */
bool request_match(
	const char *header, struct imsg_api_request *request, struct request_refusal *why);

/* The token of a header Authorization (RFC 6750 2.1); NULL: there is none. "?": it has something else, or too much. */
void request_bearer(const char *authorization, char bearer[API_TOKEN_SIZE]);

/* "bgp,bfd", and a time (request_events.c). What is wrong with it; NULL: nothing. */
const char *request_kinds(const char *text, uint32_t *kinds);
const char *request_time(const char *text, uint64_t *wall_ns);

/*
 * What two headers say of events: that they are wanted as they happen (Accept: text/event-stream), and behind which one.
 * NULL: there is none. False with why.
 */
bool request_stream(const char *accept, const char *last_event_id, struct imsg_api_request *request,
	struct request_refusal *why);

#endif
