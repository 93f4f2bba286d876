/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration on its way, between the files that take it there. */
#ifndef SLUICE_HUB_APPLY_PENDING_H
#define SLUICE_HUB_APPLY_PENDING_H

#include "hub/apply.h"
#include "hub/job.h"
#include "hub/live.h"
#include "hub/secret/certificates.h"

/* Tunnels that are up, of sites that stay, and what comes of them. */
struct apply_count {
	unsigned int tunnels;  /* that end, or are set up anew */
	unsigned int judged;   /* perhaps: a program tells the key */
	unsigned int sessions; /* their BGP sessions end, or routes by them are lost */
	unsigned int paused;   /* they lose packets for a moment */
	unsigned int touched;  /* sites of any of them, of which nothing has changed itself */
};

/* A configuration on its way: checked, written as a revision, then until the tunnels that it ends have left. */
struct apply_pending {
	struct hub *hub;
	struct config *config;
	struct documents *documents;
	struct certificates *certificates;
	struct live *live;
	bool restore, restore_main, next_start;
	bool back_to;   /* a revision that was in force */
	bool only_some; /* the documents that it writes; files that others refer to are left alone */
	bool takes_secrets;       /* also those that wait to be in force */
	const char *secrets_wait; /* why they do all the same; NULL: they do not */
	bool asked;               /* over the control socket */
	bool only_tried;
	struct plan *plan; /* NULL: nothing changes now */
	struct apply_count count;
	uint64_t
		instead_of; /* one that waited for the next start and does so no more; 0: of none */
	hub_apply_done *done;
	uint64_t of;
	struct event *timer; /* until it is written, then until they have left */
	json_t *warnings, *more;
	unsigned int unheard; /* warnings that were more than are told */

	/* While a job runs, its thread reads these, and writes what follows them. */
	struct job *job;
	const char *directory, *path; /* of the revisions, and of sluice.yaml; they outlive hub */
	json_t *info, *writes, *keys;
	struct documents *
		seen; /* the files, which are written over if they are still so; NULL: in any case */
	json_t *settled;                  /* revision.json when they are written; NULL: as it is */
	int error;                        /* 0: it is written */
	char restored[CONFIG_ERROR_SIZE]; /* what could not be written back; "": all was */

	bool late; /* the disk stands still, and nobody waits for the job any more, but for who would apply the next one */
	bool in_any_case, past_policy;
	struct apply_pending *stuck;  /* the late one, whose place this one has without it */
	bool write_down;              /* that has ended meanwhile, and this one is on no disk */
	void (*again)(struct hub *h); /* writes down what has come into force on no disk */
};

/*
 * apply_force.c. For log_hear(): who applies it is to see what would else be in the log of the daemon only.
 */
void apply_hear(void *own_pending, const char *text);

/* apply_count.c. Before anything changes: p->plan and p->count; see hub_plan() for `order`. */
void apply_count(struct apply_pending *p, enum plan_order order);

/* An event of each site that is changed; of those that are `gone` before they are. */
void apply_tell_sites(struct hub *h, const struct apply_pending *p, bool gone);

/* Nothing more is heard, and the answer is given; files that were made for it go if there is a problem. */
void apply_answer(struct apply_pending *p, enum problem problem, const char *summary);

void apply_pending_free(struct apply_pending *p);

/* It is on the disk, or need not be: tunnels that it ends leave, and it is in force. Takes `p`. */
void apply_force(struct apply_pending *p);

/* Nothing of it is in force now; ok: it has been written for the next start. Takes `p`. */
void apply_end(struct apply_pending *p, bool ok, const char *summary);

/*
 * apply_disk.c: the revision, written by a thread, and placed by hub; then files of documents, and then it comes into
 * force. What a disk that stands still does to that is decided there. Takes `p`.
 */
void apply_to_disk(struct apply_pending *p);

/*
 * It goes back, though nothing of that is on a disk before `stuck` goes on; a start before that goes back as well.
 * Takes `p`.
 */
void apply_without_disk(struct apply_pending *p, struct apply_pending *stuck);

/* The number of the revision that it is written as; 0: of none. */
uint64_t apply_number(const struct apply_pending *p);

#endif
