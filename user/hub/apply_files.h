/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are written when a configuration is applied, and those that must be there before. */
#ifndef SLUICE_HUB_APPLY_FILES_H
#define SLUICE_HUB_APPLY_FILES_H

#include "hub/apply.h"

/*
 * What a person has changed in files that the order writes is not written over. `files` is how they are; NULL: they cannot
 * be read, as `summary` says already. False with a sentence.
 */
bool apply_may_write(const struct hub *h, const struct apply_order *order,
	const struct documents *files, char summary[CONFIG_ERROR_SIZE]);

/* What it writes into a file that is not root's is not root's. */
void apply_keep_owners(
	const struct apply_order *order, const struct documents *files, struct documents *is);

/*
 * Notes in revision.json which documents it writes, and has not written yet: a start after a kill does that. `files` is
 * how they are.
 */
void apply_note_writes(const struct apply_order *order, const struct documents *files,
	const struct documents *is, json_t *info);

/* Whether sluice.yaml is one of the documents. */
bool apply_writes_main(const json_t *names);

/* Brings files to the disk, and their directories, which may be new themselves. Waits for it. False with errno. */
bool apply_files_on_disk(const json_t *paths);

/* Tunnels whose key would be one of these files, which are not there yet, are left out: nothing of them can be looked at. */
void apply_leave_out(struct config *c, const json_t *keys);

#endif
