/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which configuration is in force: the newest revision on the disk, also when hub starts again. Files that differ from it
 * are pending edits, until `sluice apply` takes them.
 */
#ifndef SLUICE_HUB_REVISION_H
#define SLUICE_HUB_REVISION_H

#include "store/documents.h"

#include <event2/event.h>
#include <jansson.h>

struct hub;
struct revision;

#define REVISIONS_DIRECTORY "/var/lib/sluice/revisions"

/* How hub starts: with what is in force, and where that comes from. */
struct revision_start {
	struct config *config;
	struct documents *documents;
	json_t *info;  /* its revision.json; NULL: it becomes a revision of its own */
	char why[128]; /* of that */
	json_t *wrote; /* documents whose files the one that gives way has written; NULL: none */
	char note[CONFIG_ERROR_SIZE]; /* for the log; "": nothing is to be said */
	/* That the newest one cannot be used, and what is in force instead; "": it can. */
	char damaged[CONFIG_ERROR_SIZE];
};

/*
 * revision_start.c. Chooses the configuration to start with: the newest revision that can be used, if it is of the file
 * `path`, else the files. With `files` these are taken in any case. One that was not confirmed in time gives way to the
 * one before. False with a line for each mistake.
 */
bool revision_choose(const char *directory, const char *path, bool files,
	struct revision_start *start, char error[CONFIG_ERROR_SIZE]);

/* Takes over what was chosen, but the config. `directory` and `path` must stay where they are. */
struct revision *revision_new(
	const char *directory, const char *path, struct revision_start *start);
void revision_free(struct revision *v);

/*
 * Hub begins: what is in force becomes a revision, if it is none, pending edits are told, and one that is to be confirmed
 * is waited for. Waits for the disk.
 */
void revision_begin(struct hub *h);

/*
 * revision_files.c, after that. A file that was about to be written when hub ended, and that nobody has edited since then,
 * is written, and the log hears which files have edits. Waits for the disk.
 */
void revision_files_begin(struct hub *h);

const char *revision_directory(const struct hub *h);
const char *revision_path(const struct hub *h);

/* One that was in force; NULL with a sentence. For documents_free(). */
struct documents *revision_get(const struct hub *h, uint64_t number, char error[CONFIG_ERROR_SIZE]);

/* What is in force, its number, and why it is; 0: it is on no disk. */
const struct documents *revision_documents(const struct hub *h);
uint64_t revision_number(const struct hub *h);
const char *revision_why(const struct hub *h);

/* The sentence of revision_start, until something else is put in force. */
const char *revision_damaged(const struct hub *h);

/* What the one that waits to be confirmed goes back to. Like revision_get(). */
struct documents *revision_documents_before(const struct hub *h, char error[CONFIG_ERROR_SIZE]);

/* Hub could not start: where what it started with is from, if not from the files. */
void revision_tell_start_failed(const struct hub *h);

/* The number of the one that the next start begins with; 0: there is none. */
uint64_t revision_newest(const struct hub *h);
/* No newer one waits for the next start. */
bool revision_is_newest(const struct hub *h);

/* The number of the newer one that does; 0: none. */
uint64_t revision_next(const struct hub *h);

/* Whether what is in force goes back by itself to the one before. */
bool revision_waits(const struct hub *h);

/*
 * Whether another configuration must not take the place of the one that waits to be confirmed; then `text` says why. Back
 * to revision `to`, which was before it, is always a way, but not `for_a_time`: what comes back by itself then is the one
 * that nobody has confirmed.
 */
bool revision_is_held(const struct hub *h, uint64_t to, bool for_a_time, char *text, size_t size);

/* Before revision_begin(): who is called, with hub, when the time to confirm is over. */
void revision_when_late(struct hub *h, event_callback_fn late);
/* It is called again then. */
void revision_late_again(struct hub *h, unsigned int seconds);

/* The number of the one that was in force before; 0: none was. */
uint64_t revision_before(const struct hub *h);

/* revision.json of one that is to come. With `confirm_s` it goes back by itself after so many seconds. */
json_t *revision_info(const struct hub *h, const json_t *who, const char *why, uint32_t confirm_s);

/* Notes in revision.json which documents are older than it is. */
void revision_note_since(const struct hub *h, json_t *info, const struct documents *documents);

#define REVISION_GONE_S 3600 /* for so long a site that was removed is told of */

/*
 * Notes in revision.json the sites that it removes, {NAME: when}, and those that the ones before it have removed since
 * then, but for those that are there again.
 */
void revision_note_gone(const struct hub *h, json_t *info, const struct config *is);

/* {NAME: seconds of 1970} of sites that were removed in the last hour; a reference of the caller's own. */
json_t *revision_gone(const struct hub *h);

/* And which slot each site of it has; and what that is of a site of the one that is in force, SITE_SLOTS: any. */
void revision_note_slots(const struct hub *h, json_t *info, const struct config *c);
uint32_t revision_slot(const struct hub *h, const char *site);

/* The revision in which a document that is in force was changed last; its name is as documents_find() has it. */
uint64_t revision_since(const struct hub *h, const char *site);

/* The one in which what sluice.yaml and hub.yaml say of the hub itself was changed last. */
uint64_t revision_since_hub(const struct hub *h);

/*
 * Of a revision that goes back by itself, which is about to write files: notes in revision.json which those are. The
 * others are a person's, and stay as they are.
 */
void revision_note_wrote(json_t *info);

/*
 * Names of documents whose files have to become what they were before: what is in force has written them, and they are
 * still as it has. For json_decref(); an empty array: there are none, or files cannot be read.
 */
json_t *revision_wrote(const struct hub *h);

/* The same of files that what is in force was to write, and has not: they are as they were before. */
json_t *revision_unwritten(const struct hub *h);

/* Whether it was commands alone that made sluice.yaml of what it was in a revision what it is now. */
bool revision_main_was_written(const struct hub *h, uint64_t back_to);

/* This is in force now. Takes over both. */
void revision_set(struct hub *h, struct documents *own_documents, json_t *own_info);

/* What waits to be confirmed stays. False: `text` says why not. */
bool revision_confirm(struct hub *h, char *text, size_t size);

/* {"revision": in force, "revisions": [revision.json, the newest first]} */
json_t *revision_history(const struct hub *h);

/* What differs between two configurations by their files: ["sites/a.yaml", ...]. */
json_t *revision_files_differ(const struct documents *was, const struct documents *is);

#endif
