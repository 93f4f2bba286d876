/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of keys that were made for sites. They stay as long as a revision can bring such a site back, or the files as
 * they are name them; nobody else would remove them. revision.json of the revision that they were made with has their
 * paths, in "keys"; the oldest one has those of the ones that are gone, too.
 */
#ifndef SLUICE_STORE_MADE_H
#define SLUICE_STORE_MADE_H

#include "store/revisions.h"

/*
 * For revisions_settle(): what was made with `from` and is named nowhere any more is removed, and `to` has the rest.
 * Waits for the disk. False: it cannot be noted.
 */
bool made_pass_on(const struct revisions *r, uint64_t from, uint64_t to);

/*
 * Between the moment when a key is made and the one when a revision names it, its file is noted beside the revisions: the
 * one that is open as `fd`, and is about to get that path. False with errno.
 */
bool made_note(const struct revisions *r, int fd, const char *path);

/* The change that they were made for has ended, in one way or the other. */
void made_noted(const struct revisions *r);

/* Hub was killed before that: those go that neither the newest revision nor a file names. */
void made_sweep(const struct revisions *r);

#endif
