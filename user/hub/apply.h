/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration. */
#ifndef SLUICE_HUB_APPLY_H
#define SLUICE_HUB_APPLY_H

#include "hub/hub.h"
#include "ipc/problem.h"
#include "store/documents.h"

#include <jansson.h>

/*
 * Called once, with a sentence; PROBLEM_NONE: it is in force. `warnings` is an array of what was warned of meanwhile, or
 * NULL; `more` is that of the order.
 */
typedef void hub_apply_done(struct hub *h, uint64_t of, enum problem problem, const char *summary,
	const json_t *warnings, const json_t *more);

/* What is to be in force. */
struct apply_order {
	struct documents *documents; /* taken over; NULL: the files as they are now */
	uint64_t back_to;            /* the revision that they are of; 0: of none */
	bool restore; /* files are written back as they are in the documents; sluice.yaml is left alone, but for this: */
	bool restore_main;
	/*
	 * Names of documents whose files are written then, "" of sluice.yaml; taken over. NULL: none, or with `restore`
	 * all. Such a file must have no edits that are not in force.
	 */
	json_t *writes;
	json_t *keys; /* paths of files that are on the disk before it is in force, and else removed; taken over */
	json_t *more;         /* what the answer has beside; taken over */
	bool over_edits;      /* also over files of sites that a person has edited meanwhile */
	bool past_policy;     /* also what policy.yaml does not permit: root has said so */
	bool in_any_case;     /* also if it cannot be written: it goes back */
	bool next_start;      /* it is in force when hub starts again; nothing changes now */
	bool without_secrets; /* those that wait to be in force wait further */
	uint32_t confirm_s;   /* it goes back by itself after so many seconds; 0: it stays */
	const json_t *who;    /* of revision.json; NULL: sluiced itself */
	const char *why;
	hub_apply_done *done;
	uint64_t of; /* the caller's own, by which `done` knows what it is the answer to */
};

/*
 * apply.c: checks a configuration and applies the difference: whole, or not at all. It is written as a revision first,
 * and tunnels that end by it leave (admin.h), so `done` may be called later; at most one is under way.
 */
void hub_apply(struct hub *h, const struct apply_order *order);

/* Who asked over the control socket, or by API_OF_REMOTE, is gone, and the numbers of requests begin anew. */
void hub_apply_nobody_waits(struct hub *h, uint32_t of);

/* What is about to be in force; NULL: nothing else. */
const struct config *hub_apply_next(const struct hub *h);

/* Whether one is still on its way to the disk. */
bool hub_apply_is_writing(const struct hub *h);

/* Which files an order reads, of those that documents refer to. */
enum plan_order {
	PLAN_OF_SOME,  /* those of what is changed by the documents that it writes */
	PLAN_OF_ALL,   /* all of them */
	PLAN_OF_FILES, /* all, and sealed secrets that wait are in force */
};

/*
 * What an order would do, as far as it can be known beforehand: the document of `sluice plan`. Takes the documents over;
 * `keys` are files that it would make, or NULL. NULL with a line for each mistake: it would be refused.
 */
json_t *hub_plan(struct hub *h, struct documents *own_documents, enum plan_order order,
	const json_t *keys, char error[CONFIG_ERROR_SIZE]);

/*
 * What revision `from` and revision `to` differ in, as the document of a plan; 0 for `to` is what is in force, and 0 for
 * both what that has changed of the one before it. NULL with a sentence.
 */
json_t *hub_diff(struct hub *h, uint64_t from, uint64_t to, char error[CONFIG_ERROR_SIZE]);

/* Of one site: what its document has become since revision `from`. NULL with a sentence. */
json_t *hub_diff_site(
	struct hub *h, const char *site, uint64_t from, char error[CONFIG_ERROR_SIZE]);

/*
 * Whether an order would be taken: the same checks, but that nothing of it is on the disk; `keys` are files that it would
 * make. Takes over what hub_apply() does. With a sentence why not.
 */
enum problem hub_try(
	struct hub *h, const struct apply_order *order, char summary[CONFIG_ERROR_SIZE]);

/* apply_force.c. Of what config_doubts() tells, a line of the log. */
void hub_log_doubt(
	void *context, enum config_doubt_kind kind, const struct site_conf *site, const char *text);

/* When hub ends. */
void hub_apply_give_up(struct hub *h);

#endif
