/* SPDX-License-Identifier: Apache-2.0 */
/* Of the files of the HTTP server: a connection with its request, and the lists that it is in. */
#ifndef SLUICE_PROC_API_EXCHANGE_H
#define SLUICE_PROC_API_EXCHANGE_H

#include "proc/api/server.h"

#include <event2/event.h>
#include <microhttpd.h>
#include <sys/queue.h>

enum state { READING, ASKED, SENDING, STREAMING, ENDED, STATES };

struct buffer {
	char *bytes;
	size_t len, size;
};

/* A connection and its request. */
struct exchange {
	TAILQ_ENTRY(exchange) link;
	struct server *server;
	enum state state;
	uint32_t client, id;
	uint32_t asker;        /* see server_add() */
	struct ip_prefix from; /* see addr_network() */
	int fd; /* the library's, which is open until it has said that the connection is over */
	struct MHD_Connection *connection; /* NULL: the library has not begun with it */
	struct event *deadline;
	char *target;
	bool begun, suspended, answered;
	bool may_be_long,
		is_long; /* by its path; its body has more than others, and one of those places */
	enum body_fault {
		BODY_FITS,
		BODY_TOO_LONG,
		BODY_NO_PLACE
	} fault;           /* then the rest is not kept */
	bool stream, last; /* its answer has no length; all of it is there */
	struct buffer body, answer;
	size_t held; /* bytes of the answer, also when it is the library's */
	struct server_answer head;
	char allow[40];
};

TAILQ_HEAD(exchange_list, exchange);

struct server {
	struct event_base *base;
	const struct server_kind *kind;
	void *context;
	struct MHD_Daemon *daemon;
	struct event *ready, *timer;
	struct exchange_list lists[STATES]; /* the oldest first */
	unsigned int counts[STATES];
	size_t held;
	bool running, tls;
	struct trust *revoked; /* NULL: nothing is */
	char *ca;              /* the library looks whether there is one with each connection */
};

void buffer_append(struct buffer *b, const void *bytes, size_t len);

/* Whoever is behind it has so long from now on. */
void exchange_set_deadline(struct exchange *e, int seconds);
void exchange_move(struct exchange *e, enum state state);
/* The library hears that the connection is over, and lets go of it when it runs next. */
void exchange_end(struct exchange *e);
/* The library goes on with it. */
void exchange_resume(struct exchange *e);
void exchange_suspend(struct exchange *e);
/* So many bytes more of its answer wait. */
void exchange_hold(struct exchange *e, size_t len);
void exchange_free(struct exchange *e);
/* Where so many are in a state, one of them gives way. */
void exchange_make_room(struct server *s, enum state state, unsigned int most);
struct exchange *exchange_of(struct MHD_Connection *connection);

/* The library does what can be done. */
void server_run(struct server *s);

/* server_read.c: MHD_AccessHandlerCallback, and the callback for a target as it comes. */
enum MHD_Result server_read(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **own);
void *server_read_target(void *context, const char *target, struct MHD_Connection *connection);

/* server_answer.c: the answer of one who has it goes to the library, within a call of it. */
enum MHD_Result server_send(struct exchange *e);

#endif
