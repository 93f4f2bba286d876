/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a request of the control socket is refused, by whoever refuses it: a status of HTTP, a word that a program can
 * go by, and a sentence for whoever reads it (application/problem+json, RFC 9457).
 */
#ifndef SLUICE_IPC_PROBLEM_H
#define SLUICE_IPC_PROBLEM_H

#include <jansson.h>
#include <stdbool.h>

#define PROBLEM_TEXT_SIZE 256 /* of a sentence that is made up */

enum problem {
	PROBLEM_NONE,
	PROBLEM_BAD_REQUEST,      /* it is not understood */
	PROBLEM_NO_SUCH_PATH,     /* nothing is there */
	PROBLEM_WRONG_METHOD,     /* GET and POST are not the same */
	PROBLEM_TOO_LONG,         /* its body */
	PROBLEM_NO_SUCH_SITE,     /* none has that name */
	PROBLEM_NO_SUCH_TUNNEL,   /* the site has not got it */
	PROBLEM_NO_SUCH_REVISION, /* it is not kept, or never was */
	PROBLEM_NOT_CONNECTED,    /* hub does not know who asks */
	PROBLEM_WRONG_TOKEN,      /* what is shown as one is none, or no longer */
	PROBLEM_UNKNOWN,          /* it is not said who asks, or nobody vouches for it */
	PROBLEM_FORBIDDEN,        /* whoever asks may not */
	PROBLEM_NO_SUCH_SECRET,   /* none is called that */
	PROBLEM_NO_SUCH_TOKEN,    /* none has that id */
	PROBLEM_NO_SUCH_ALARM,    /* no rule is called that, or it is not of that */
	PROBLEM_WRONG_TOKENS,     /* too many of one user */
	PROBLEM_REFUSED,          /* not now, or not without force */
	PROBLEM_BUSY,             /* another change is under way */
	PROBLEM_EXISTS,           /* a site of that name */
	PROBLEM_IN_MAIN_FILE,     /* the site has no document of its own */
	PROBLEM_PENDING,          /* the file has edits that are not in force */
	PROBLEM_EXCEEDS,          /* it would interrupt more than is allowed */
	PROBLEM_FOR_ROOT,         /* what names a file is for who owns files */
	PROBLEM_POLICY,           /* policy.yaml does not permit a value */
	PROBLEM_CHANGED,          /* it is not what it was, If-Match says */
	PROBLEM_INVALID,          /* what the files say cannot be in force */
	PROBLEM_TOO_MANY_CHANGES, /* of one user */
	PROBLEM_TOO_MANY_PLANS,   /* the same */
	PROBLEM_TOO_MANY,         /* connections, questions */
	PROBLEM_STARTING,         /* the process that knows is not there yet */
	PROBLEM_NO_ANSWER,        /* it does not say anything */
	PROBLEM_FAILED,           /* it is a fault of the hub */
	PROBLEMS,
};

struct problem_row {
	unsigned int status;
	const char *title; /* of the status (RFC 9110 15) */
	const char *code;
};

extern const struct problem_row problems[PROBLEMS];

/* {"type", "title", "status", "detail", "code"} */
json_t *problem_json(enum problem problem, const char *detail);
/* The same of a text that is cut at PROBLEM_TEXT_SIZE. */
__attribute__((format(printf, 2, 3))) json_t *problem_say(
	enum problem problem, const char *format, ...);

/* The status that an answer goes out with: 200 for all that is no problem. */
unsigned int problem_status(const json_t *answer);

#endif
