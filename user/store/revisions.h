/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations that were in force, numbered from 1 on. Each is a directory N with its documents and revision.json,
 * which says who made it, when and why. It is written beside, and moved to its place when all of it is on the disk: a
 * crash at any moment leaves the ones before, and this one whole or not at all.
 */
#ifndef SLUICE_STORE_REVISIONS_H
#define SLUICE_STORE_REVISIONS_H

#include "store/documents.h"

#include <jansson.h>

#define REVISIONS_KEPT 200 /* older ones are removed */

/* The directory need not exist; its name must stay where it is. No function here keeps anything in memory. */
struct revisions {
	const char *directory;
};

/* The number of the newest one; 0: there is none, or with errno they cannot be looked at. */
uint64_t revisions_newest(const struct revisions *r);

/* The numbers of all of them, the highest first, in *numbers; for free(). 0: there is none. */
size_t revisions_list(const struct revisions *r, uint64_t **numbers);

/*
 * Writes documents beside the revisions, with what revision.json is to say, and has them on the disk. Waits for it.
 * False with errno. The next one takes its place if it is not placed.
 */
bool revisions_write(
	const struct revisions *r, const struct documents *documents, const json_t *info);

/*
 * Makes what was written last the newest revision, whose number it returns; 0 with errno: nothing has changed. It is one
 * rename, which waits for no disk: revisions_settle() does. `info` gets its "number".
 */
uint64_t revisions_place(const struct revisions *r, json_t *info);

/* Revision `from` is about to go, and `to` is the oldest one that stays. False: it has to stay as well. */
typedef bool revision_goes(const struct revisions *r, uint64_t from, uint64_t to);

/* Has what was placed on the disk, and removes the oldest ones, of which `goes` hears before. Waits for the disk. */
void revisions_settle(const struct revisions *r, revision_goes *goes);

/* Removes what was half written, or half removed, when whoever did so was killed. */
void revisions_sweep(const struct revisions *r);

/* Its documents; NULL with a sentence. For documents_free(). */
struct documents *revisions_get(
	const struct revisions *r, uint64_t number, char error[CONFIG_ERROR_SIZE]);

/* Its revision.json, with its "number"; NULL: it cannot be read. */
json_t *revisions_info(const struct revisions *r, uint64_t number);

/* Replaces its revision.json, as a whole. False with errno. */
bool revisions_note(const struct revisions *r, uint64_t number, const json_t *info);

#endif
