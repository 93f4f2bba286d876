/* SPDX-License-Identifier: Apache-2.0 */
/* Pre-shared keys that nobody has to think of. */
#ifndef SLUICE_HUB_SECRET_PSK_NEW_H
#define SLUICE_HUB_SECRET_PSK_NEW_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes a random key into a new file of `directory`, which is made if need be: NAME, or NAME-2 and so on where there is
 * one already. It is noted beside these revisions (store/made.h); NULL: it is only told what its path would be. It is not
 * on the disk yet. False with errno.
 */
struct revisions;
bool psk_new(const char *directory, const char *name, const struct revisions *noted, char *path,
	size_t size);

#endif
