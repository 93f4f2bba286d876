/* SPDX-License-Identifier: Apache-2.0 */
/* Between log.c, which writes, and read.c, which reads. */
#ifndef SLUICE_AUDIT_FILES_H
#define SLUICE_AUDIT_FILES_H

#include "audit/chain.h"
#include "audit/log.h"

#include <dirent.h>
#include <limits.h>

#define AUDIT_NOW  "audit.ndjson"
#define AUDIT_OLD  "audit-%020" PRIu64 ".ndjson"
#define AUDIT_HEAD "head"
#define AUDIT_KEY  "key"

/* Names of files of before, the oldest first; for audit_names_free(). Returns how many, -1 with errno. */
int audit_old_files(int directory_fd, char ***names);
void audit_names_free(char **names, int count);

/* Reads a small file whole, with a zero behind it. The length, or -1 with errno. */
long audit_read_small(int directory_fd, const char *name, void *bytes, size_t size);

/* Gives each line of a file; false with errno when it cannot be read. Half a line at its end is given, too. */
bool audit_read_file(int directory_fd, const char *name, audit_each *each, void *context);

#endif
