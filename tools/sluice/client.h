/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the daemon, over HTTP: one JSON document back. */
#ifndef SLUICE_TOOL_CLIENT_H
#define SLUICE_TOOL_CLIENT_H

#include "ipc/verbs.h"

#include <jansson.h>

#define CLIENT_SOCKET    "/run/sluice/control.sock"
#define CLIENT_REPLY_MAX (64u << 20) /* bytes */

/* Exit statuses of the command, as the manual has them. */
enum client_status {
	CLIENT_OK = 0,
	CLIENT_REFUSED = 1, /* the daemon said no, or what it said makes no sense */
	CLIENT_USAGE = 2,
	CLIENT_NO_DAEMON = 3,
};

struct client_request {
	enum api_verb verb;
	const char *site;         /* NULL: all */
	const char *rule;         /* of an alarm */
	long for_s;               /* of its silence; 0: as usual */
	bool all;                 /* alarms that do not fire, too */
	const char *new, *step;   /* of migrations; NULL: not said */
	int tunnel;               /* 0, 1, or -1 for both */
	int ike;                  /* of rekey */
	int force;                /* of tunnel down */
	const char *prefix;       /* of a route */
	long revisions[2];        /* 0: not named */
	int next_start;           /* of apply */
	bool without_secrets;     /* of apply */
	long confirm_s;           /* of apply and rollback; 0: it stays */
	const char *role, *scope; /* of a new token; NULL: not said */
	const char *named;        /* the id of a token, or a secret */
	long days;                /* that a new one lasts; 0: not said */
	long since_s;             /* of a report; 0: only the last second */
	json_t *values;           /* what an object is to say; NULL: nothing is said of it */
	const char *allow;        /* the strongest effect it may have; NULL: the usual one */
	const char *fail;         /* of plan; NULL: nothing does */
	const char *kinds;        /* of events, separated by commas; NULL: all */
	const char *from;         /* RFC 3339; NULL: not said. Of a timeline: what it is around */
	long within_s;            /* of a timeline; 0: as usual */
	long long after;          /* the number of an event; 0: not said */
	long limit;               /* events; 0: as usual */
	int dry_run;              /* what it would do, and nothing more */
};

/* Asks and waits. On CLIENT_OK *reply is a document that the caller frees; otherwise the reason has
 * been written to standard error. */
enum client_status client_ask(
	const char *socket_path, const struct client_request *request, json_t **reply);

/*
 * What is asked from then on is asked of a hub elsewhere: "https://NAME[:PORT]", whose certificate must be of the
 * authorities in `ca` (NULL: of those that this host trusts), and who is shown a certificate (NULL: none). PEM files;
 * `key` NULL: it is in `cert`. False: that is no such URL.
 */
bool client_elsewhere(const char *url, const char *ca, const char *cert, const char *key);

/*
 * Asks for events as they happen, behind request->after, and hands on each line "data: ..." of the stream, and the name
 * of the event; until it ends. CLIENT_OK: it has ended, or was broken, after it had begun; or nothing came for
 * CLIENT_SILENT_S, in which sluiced says at least twice that it is there. `quiet`: that there is no daemon has been said.
 */
#define CLIENT_SILENT_S 40
enum client_status client_stream(const char *socket_path, const struct client_request *request,
	bool quiet, void (*take)(void *context, const char *name, const json_t *event),
	void *context);

/* What is asked from then on is asked with the token that stands in a file; NULL: without. */
void client_show(const char *file);

#endif
