/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are written when a configuration is applied, and those that must be there before. */
#ifndef SLUICE_HUB_APPLY_FILES_H
#define SLUICE_HUB_APPLY_FILES_H

#include "hub/apply.h"

/* What a person has changed in files that the order writes is not written over. False with a sentence. */
bool apply_may_write(
	const struct hub *h, const struct apply_order *order, char summary[CONFIG_ERROR_SIZE]);

/* Brings files to the disk, and what says in their directory that they are there. Waits for it. False with errno. */
bool apply_files_on_disk(const json_t *paths);

#endif
