/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log on disk: who did what, when, and what came of it. A directory that only root may enter holds
 *
 *   audit.ndjson               the lines that are written now (chain.h)
 *   audit-NUMBER.ndjson        lines of before; NUMBER is that of its last line
 *   head                       how many there are and the last MAC, sealed
 *   key                        of all MACs
 *
 * Whoever can read the key can forge all of it, and whoever puts back the whole directory of yesterday takes away
 * what came since: keep a copy of the head elsewhere where that matters.
 */
#ifndef SLUICE_AUDIT_LOG_H
#define SLUICE_AUDIT_LOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_DIRECTORY "/var/lib/sluice/audit"
#define AUDIT_FILE_MAX  (8u << 20) /* bytes; then the next one begins */
#define AUDIT_FILES_MAX 16         /* of before; then the oldest goes */
#define AUDIT_END_S     2          /* the end waits so long for the disk */
#define AUDIT_WHY_SIZE  256

struct audit_log;

/*
 * Opens the log of a directory, which it makes where there is none. What a crash left half is mended: half a line is
 * cut off, whole lines behind the head are taken in, unless the head is lost. NULL with a sentence in `why` when it
 * cannot be written. Where lines or head were changed, `why` has a sentence, too, and the log goes on: audit_verify()
 * will name the place for as long as it is there.
 */
struct audit_log *audit_open(const char *directory, char why[AUDIT_WHY_SIZE]);
/*
 * What was written is on the disk then. False: the disk stands still, AUDIT_END_S are over, and the last lines may not be
 * there; what is left is freed when the disk goes on. NULL is closed.
 */
bool audit_close(struct audit_log *log);

/*
 * Writes an entry, to which a number and the time are added. Returns its number; 0 with errno when it could not be
 * written: nothing of it stays then. A crash of the process loses nothing of it; that it outlives a loss of power is
 * the work of a thread, which may come a moment later: so the disk is not waited for, but for what every file system may
 * wait for: when a file begins, or when the kernel has too much that is not written yet. `why` has a sentence where the
 * file was changed by somebody meanwhile, or an entry of before did not get to its disk, else "". Takes over own_entry.
 */
uint64_t audit_write(
	struct audit_log *log, json_t *own_entry, uint64_t wall_ns, char why[AUDIT_WHY_SIZE]);

/* A line of the log, without newline; `file` is its name in the directory. */
typedef void audit_each(
	void *context, const char *file, unsigned int number, const char *line, size_t len);

/* Gives all lines, the oldest first, true or not. False with errno when the directory cannot be read. */
bool audit_read(const char *directory, audit_each *each, void *context);

/*
 * Compares all lines and the head with the key. True: nothing was changed, removed or added; *first is the number of the
 * first line that the log still has, *lines says how many there are. False: `why` names the first place that is wrong,
 * or what could not be read.
 */
bool audit_verify(
	const char *directory, uint64_t *first, uint64_t *lines, char why[AUDIT_WHY_SIZE]);

#endif
