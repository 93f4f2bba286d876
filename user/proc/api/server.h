/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 (RFC 9112) for whoever is connected, by libmicrohttpd: one request a connection, which ends with the answer.
 * Clients are anybody's: so those that do not go on are ended at a time of their own, whatever they send meanwhile, and
 * where there are too many the oldest gives way.
 */
#ifndef SLUICE_PROC_API_SERVER_H
#define SLUICE_PROC_API_SERVER_H

#include "base/addr.h"
#include "crypto/cert.h"
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
	const char *method, *target;          /* as they came */
	const char *authorization;            /* the header; NULL: there is none */
	const char *if_match;                 /* the header; NULL: there is none */
	const char *accept, *last_event_id;   /* headers; NULL: there is none */
	const struct cert_facts *certificate; /* over TLS: what was shown and is good; NULL: none */
	const char *certificate_fault;        /* what was shown is not good; NULL: it is */
	const char *body;
	size_t len;
};

struct server_kind {
	/*
	 * So many connections at a time whose request is not whole, whose answer is not there, and whose answer is not
	 * gone. Then one ends: of the address that has most of them, the oldest.
	 */
	unsigned int reading, asked, sending;
	unsigned int streaming; /* so many streams beside these: whoever begins them counts */
	size_t body;            /* bytes of a request's; one more is refused */
	/*
	 * But for those of a path, by POST: so many are read at a time that have more than that already, of each asker
	 * one, and the last one of root. NULL: there is none.
	 */
	const char *long_path;
	size_t long_body;
	unsigned int longs;
	size_t held; /* bytes of answers that are not gone; then the oldest ends that is being sent */

	/* A request is whole: it calls exchange_refuse(), exchange_answer() or exchange_wait(). */
	void (*take)(void *context, struct exchange *e, const struct server_request *request);
	/* NULL: nobody wants to know. The connection of a number has ended. */
	void (*gone)(void *context, uint32_t client);
	/* So many bytes of the stream of that number have gone. */
	void (*taken)(void *context, uint32_t id, size_t bytes);
};

/* PEM texts. */
struct server_tls {
	const char *chain, *key; /* who the hub is */
	const char *ca; /* whom certificates of clients must come from; NULL: none are asked for */
	/* The same and what they have revoked; NULL: nothing. The server's from now on, also where none comes to be. */
	struct trust *own_revoked;
};

/* NULL with a line in the log. `kind` and `tls` (NULL: in clear), which is not needed afterwards, stay the caller's. */
struct server *server_new(struct event_base *base, const struct server_kind *kind,
	const struct server_tls *tls, void *context);
void server_free(struct server *s);

/*
 * A connection, by a number of the caller. `asker` is the same for those of one user, and 0 of root. `from`: its address,
 * where that means something; else NULL.
 */
void server_add(
	struct server *s, int own_fd, uint32_t client, uint32_t asker, const struct ip_addr *from);

/* The connection of a number gives way: what it has not said yet is not asked. */
void server_end(struct server *s, uint32_t client);

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

/* It is answered at once. */
void exchange_answer(
	struct exchange *e, const void *bytes, size_t len, const struct server_answer *head);

/*
 * A part of an answer that has no length, and whose parts go as they come; the first one says what it is. False: nobody
 * waits for that number.
 */
bool server_stream(struct server *s, uint32_t id, const void *bytes, size_t len,
	const struct server_answer *head, bool last);

/*
 * A part of an answer; the last one says what all of it is. False: nobody waits for that number. Where several do, one
 * after the other gets it.
 */
bool server_answer(struct server *s, uint32_t id, const void *bytes, size_t len,
	const struct server_answer *last);

#endif
