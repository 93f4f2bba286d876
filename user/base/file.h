/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that are replaced as a whole: what a crash, a full disk or a loss of power leaves is one or the other. */
#ifndef SLUICE_BASE_FILE_H
#define SLUICE_BASE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Makes the file `name` of a directory these bytes, which its owner alone may read. It is written beside first. False with
 * errno: it is what it was, or, if only the directory could not be brought to the disk, the new one, which a loss of power
 * may undo. Waits for the disk.
 */
bool file_replace(const char *directory, const char *name, const void *bytes, size_t len);

/*
 * Opens a new file beside another one that it is to become, as .NAME.sluice-DIGITS-XXXXXX, which nobody but its owner may
 * read. Its path goes into `beside`; -1 with errno.
 */
int file_open_beside(const char *target, char beside[PATH_MAX]);

/*
 * Removes what is left of such files in a directory, and in those where its links lead to: whoever was writing them has
 * been killed. The digits follow from the name and the directory: no file of anybody else's is taken for one of them, nor
 * one that was moved there.
 */
void file_sweep(const char *directory);

/* What has come into a directory, or left it, is on the disk. False with errno. */
bool file_sync_directory(const char *path);

/* Whether nobody but root, or who this is, can have written it. */
struct stat;
bool file_is_of_root(const struct stat *st);

/* Makes a directory in one that is there, on the disk, too; or it was there. False with errno. */
bool file_make_directory(const char *path, mode_t mode);

#endif
