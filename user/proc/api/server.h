/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 (RFC 9112) for whoever is connected, by libmicrohttpd: one request a connection, which ends with the answer.
 * Clients are anybody's: so those that do not go on are ended at a time of their own, whatever they send meanwhile, and
 * where there are too many the oldest gives way.
 */
#ifndef SLUICE_PROC_API_SERVER_H
#define SLUICE_PROC_API_SERVER_H

#include "ipc/problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_HEADER_MAX 8192 /* bytes of a request without its body, and of what is kept of it */
#define SERVER_REQUEST_S  5    /* until a request is whole, however it comes */

struct event_base;
struct exchange;
struct server;

struct server_request {
	const char *method, *target; /* as they came */
	const char *authorization;   /* the header; NULL: there is none */
	const char *if_match;        /* the header; NULL: there is none */
	const char *body;
	size_t len;
};

struct server_kind {
	unsigned int reading; /* connections whose request is not whole; then the oldest ends */
	unsigned int asked;   /* whose answer is not there; one more is refused */
	unsigned int sending; /* whose answer is not gone; then the oldest ends */
	size_t body;          /* bytes of a request's; one more is refused */

	/* A request is whole: it calls exchange_refuse() or exchange_wait(). */
	void (*take)(void *context, struct exchange *e, const struct server_request *request);
	/* NULL: nobody wants to know. The connection of a number has ended. */
	void (*gone)(void *context, uint32_t client);
};

/* NULL with a line in the log. `kind` stays the caller's. */
struct server *server_new(struct event_base *base, const struct server_kind *kind, void *context);
void server_free(struct server *s);

/* A connection, by a number of the caller. */
void server_add(struct server *s, int own_fd, uint32_t client);

uint32_t exchange_client(const struct exchange *e);
/* `allow`: of PROBLEM_WRONG_METHOD, which one is right. */
void exchange_refuse(
	struct exchange *e, enum problem problem, const char *detail, const char *allow);
/* The answer comes by that number, which is not 0. */
void exchange_wait(struct exchange *e, uint32_t id);

/* What the head of an answer says. */
struct server_answer {
	unsigned int status;
	const char *type; /* of the content; lives as long as the program */
	uint64_t etag;    /* 0: none */
};

/* A part of an answer; the last one says what all of it is. False: nobody waits for that number. */
bool server_answer(struct server *s, uint32_t id, const void *bytes, size_t len,
	const struct server_answer *last);

#endif
